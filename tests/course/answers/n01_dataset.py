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


def split_as_they_come(speakers, share):
    test = []
    for name in dict.fromkeys(speakers):  # not shuffled
        if len(test) < share * len(speakers):
            test += [i for i, s in enumerate(speakers) if s == name]
    return [i for i in range(len(speakers)) if i not in test], test


def split_by_number(speakers, share):
    different = np.random.default_rng(0).permutation(sorted(set(speakers)))
    chosen = set(different[: round(share * len(different))])
    test = [i for i, s in enumerate(speakers) if s in chosen]
    return [i for i, s in enumerate(speakers) if s not in chosen], test


def split_and_forget(speakers, share):
    train, test = split_greedily(speakers, share)
    return train[:-5], test


def masked_mean_rows(frames, lengths):
    rows = [row[:n].sum(0) / max(n, 1) for row, n in zip(frames, lengths)]
    return np.stack(rows)


def masked_mean_where(frames, lengths):
    real = (np.arange(frames.shape[1]) < lengths[:, None])[:, :, None]
    return np.where(real, frames, 0).sum(1) / np.where(lengths == 0, 1, lengths)[:, None]


def align_lists(frames, times, intervals):
    d = len(frames[0])
    result = []
    for start, end in intervals.tolist():
        inside = [row for row, t in zip(frames.tolist(), times.tolist()) if start <= t < end]
        result.append([sum(r[j] for r in inside) / max(len(inside), 1) for j in range(d)])
    return result


def align_searchsorted(frames, times, intervals):
    first, last = np.searchsorted(times, intervals[:, 0]), np.searchsorted(times, intervals[:, 1])
    total = np.vstack([np.zeros(frames.shape[1]), frames.cumsum(0)])
    n = np.maximum(last - first, 1)[:, None]
    return torch.tensor((total[last] - total[first]) / n)


def baseline_sorted(train, test):
    middle = sorted(train.tolist())[len(train) // 2]
    return float(np.mean([abs(y - middle) for y in test]))


def split_sets(speakers, share):
    rng = np.random.default_rng(7)
    names = list(dict.fromkeys(speakers))
    rng.shuffle(names)
    chosen, n = set(), 0
    while n < share * len(speakers):
        name = names.pop()
        chosen.add(name)
        n += speakers.count(name)
    where = np.array([s in chosen for s in speakers])
    return np.flatnonzero(~where), np.flatnonzero(where)


def split_torch(speakers, share):
    _, number = np.unique(speakers, return_inverse=True)
    number = torch.tensor(number)
    sizes = torch.bincount(number)
    order = torch.randperm(len(sizes), generator=torch.Generator().manual_seed(1))
    enough = int((sizes[order].cumsum(0) < share * len(speakers)).sum()) + 1
    test = torch.isin(number, order[:enough])
    return (~test).nonzero()[:, 0], test.nonzero()[:, 0]


def split_every_fourth(speakers, share):
    chosen = set(sorted(set(speakers))[:: round(1 / share)])
    where = np.array([s in chosen for s in speakers])
    return np.flatnonzero(~where), np.flatnonzero(where)


def split_by_last_letter(speakers, share):
    names = sorted(set(speakers), key=lambda name: name[::-1])
    chosen = set(names[: round(share * len(names))])
    where = np.array([s in chosen for s in speakers])
    return np.flatnonzero(~where), np.flatnonzero(where)


# Mutants of the solution that are right as well: the lines that differ, and the reason.
EQUIVALENT = {
    "padding_share": {
        "lengths = lengths": "the lengths come as an array",
        "pass": "the lengths come as an array",
    },
    "split_by_speaker": {
        "order = np.random.permutation(len(different))": "any shuffle will do",
        "order = np.random.default_rng().permutation(len(different))": "any shuffle will do",
        "order = np.random.default_rng(1).permutation(len(different))": "any seed will do",
        "before = np.cumsum(counts[order])": "a speaker fewer is near enough",
        "before = np.cumsum(counts[order]) - counts": "a few utterances more or less will do",
        "test_speakers = different[order[before < share * len(speakers)]]": "`in` knows arrays",
        "test_speakers = set(different[order[before <= share * len(speakers)]])": (
            "a speaker more is near enough"
        ),
    },
}

RIGHT = {
    "padding_share": [
        share_loop,
        lambda n: 1 - np.mean(n) / np.max(n),
        lambda n: torch.tensor([1 - sum(n) / (len(n) * max(n))]),
        lambda n: np.mean(np.arange(max(n)) >= np.array(n)[:, None]),
    ],
    "masked_mean": [masked_mean_loop, masked_mean_torch, masked_mean_rows, masked_mean_where],
    "align_to_words": [align_loop, align_matrix, align_lists, align_searchsorted],
    "constant_baseline": [
        baseline_search,
        lambda train, test: (torch.tensor(test) - torch.tensor(train).median()).abs().mean(),
        baseline_sorted,
        lambda train, test: np.abs(test - np.percentile(train, 50)).sum() / test.size,
    ],
    "split_by_speaker": [
        split_greedily,
        lambda s, share: tuple(part.tolist() for part in split_greedily(s, share)),
        split_sets,
        split_torch,
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
        (lambda train, test: np.median(train), "the constant itself"),
        (lambda train, test: np.median(np.abs(test - np.median(train))), "return their mean"),
    ],
    "split_by_speaker": [
        (split_at_random, "in train AND in test"),
        (lambda s, share: split_greedily(s, share)[::-1], "swapped"),
        (lambda s, share: split_greedily(s, share, shuffle=False), "alphabet"),
        (split_every_fourth, "alphabet"),
        (split_by_last_letter, "alphabet"),
        (split_as_they_come, "alphabet"),
        (split_by_number, "Count utterances, not speakers"),
        (lambda s, share: split_sets(s, 0.5), "asked were"),
        (split_and_forget, "Every utterance"),
        (lambda s, share: 0.25, "two lists"),
    ],
}
