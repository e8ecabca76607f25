"""Answers to the exercises of notebook 01: right ones in several forms, and typical wrong ones."""

import numpy as np
import torch


def share_loop(lengths):
    longest = max(lengths)
    return sum(longest - n for n in lengths) / sum(longest for _ in lengths)


def masked_mean_loop(frames, lengths):
    result = []
    for row, n in zip(frames, lengths):
        result.append(row[:n].mean(0) if n else [0.0] * row.shape[1])
    return result


def masked_mean_torch(frames, lengths):
    frames, lengths = torch.tensor(frames, dtype=torch.float32), torch.tensor(lengths)
    real = torch.arange(frames.shape[1])[None] < lengths[:, None]
    return torch.einsum("bnd,bn->bd", frames, real.float()) / lengths.clamp(min=1)[:, None]


def align_loop(frames, times, intervals):
    rows = []
    for start, end in intervals:
        inside = [f for f, t in zip(frames, times) if start <= t < end]
        rows.append(sum(inside) / len(inside) if inside else frames[0] * 0)
    return np.array(rows)


def align_matrix(frames, times, intervals):
    inside = (times >= intervals[:, :1]) & (times < intervals[:, 1:])
    return inside @ frames / np.maximum(inside.sum(1, keepdims=True), 1)


def align_both_borders(frames, times, intervals):
    inside = (times >= intervals[:, :1]) & (times <= intervals[:, 1:])
    return inside @ frames / np.maximum(inside.sum(1, keepdims=True), 1)


def align_nan(frames, times, intervals):
    with np.errstate(all="ignore"):
        inside = (times >= intervals[:, :1]) & (times < intervals[:, 1:])
        return inside @ frames / inside.sum(1, keepdims=True)


def baseline_search(train, test):
    best = min(train, key=lambda c: sum(abs(y - c) for y in train))
    return sum(abs(y - best) for y in test) / len(test)


def split_greedily(speakers, share, shuffle=True):
    different = sorted(set(speakers))
    if shuffle:
        np.random.default_rng(3).shuffle(different)
    test = []
    for name in different:
        if len(test) < share * len(speakers):
            test += [i for i, s in enumerate(speakers) if s == name]
    return np.array([i for i in range(len(speakers)) if i not in test]), np.array(test)


def split_at_random(speakers, share):
    order = np.random.default_rng(0).permutation(len(speakers))
    n = int(share * len(speakers))
    return order[n:], order[:n]


def split_and_forget(speakers, share):
    train, test = split_greedily(speakers, share)
    return train[:-5], test


RIGHT = {
    "padding_share": [
        share_loop,
        lambda n: 1 - np.mean(n) / np.max(n),
        lambda n: torch.tensor([1 - sum(n) / (len(n) * max(n))]),
    ],
    "masked_mean": [masked_mean_loop, masked_mean_torch],
    "align_to_words": [align_loop, align_matrix],
    "constant_baseline": [
        baseline_search,
        lambda train, test: (torch.tensor(test) - torch.tensor(train).median()).abs().mean(),
    ],
    "split_by_speaker": [
        split_greedily,
        lambda s, share: tuple(part.tolist() for part in split_greedily(s, share)),
    ],
}

WRONG = {
    "padding_share": [
        (lambda n: sum(n) / (len(n) * max(n)), "share of REAL"),
        (lambda n: (len(n) * max(n) - sum(n)) / sum(n), "divide the padding by the real"),
        (lambda n: 100 * (1 - np.mean(n) / max(n)), "percentage"),
        (lambda n: 1 - np.median(n) / max(n), "expected"),
    ],
    "masked_mean": [
        (lambda frames, n: frames.mean(1), "zeros of the padding"),
        (lambda frames, n: frames.mean(0), "axis 0"),
        (lambda frames, n: frames.sum(1) / np.maximum(n, 1)[:, None], "while the padding is zero"),
        (
            lambda frames, n: np.stack([f[:m].sum(0) / np.float64(m) for f, m in zip(frames, n)]),
            "0/0",
        ),
    ],
    "align_to_words": [
        (align_both_borders, "counts for both words"),
        (align_nan, "so short"),
        (
            lambda f, t, w: np.stack([p.mean(0) for p in np.array_split(f, len(w))]),
            "ignore the times",
        ),
        (
            lambda f, t, w: np.stack([f[(t >= a) & (t < b)].sum(0) for a, b in w]),
            "take their mean",
        ),
    ],
    "constant_baseline": [
        (lambda train, test: np.abs(test - np.median(test)).mean(), "leak"),
        (lambda train, test: np.abs(test - np.mean(train)).mean(), "mean of train"),
        (lambda train, test: np.abs(test).mean(), "predict 0"),
        (lambda train, test: ((test - np.median(train)) ** 2).mean(), "SQUARED"),
    ],
    "split_by_speaker": [
        (split_at_random, "in train AND in test"),
        (lambda s, share: split_greedily(s, share)[::-1], "swapped"),
        (lambda s, share: split_greedily(s, share, shuffle=False), "alphabetical"),
        (split_and_forget, "Every utterance"),
        (lambda s, share: 0.25, "two lists"),
    ],
}
