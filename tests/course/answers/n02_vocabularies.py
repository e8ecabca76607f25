"""Answers to the exercises of notebook 02: right ones in several forms, and typical wrong ones."""

import numpy as np
import torch


def nearest_loop(frames, codes):
    result = []
    for f in frames:
        distances = [sum((a - b) ** 2 for a, b in zip(f, c)) for c in codes]
        result.append(distances.index(min(distances)))
    return result


def nearest_torch(frames, codes):
    return torch.cdist(torch.tensor(frames), torch.tensor(codes)).argmin(1)


def move_loop(frames, assigned, codes):
    new = []
    for j, code in enumerate(codes):
        mine = [f for f, a in zip(frames, assigned) if a == j]
        new.append(sum(mine) / len(mine) if mine else code)
    return new


def move_matrix(frames, assigned, codes):
    hot = np.eye(len(codes))[assigned]  # (n, k)
    n = hot.sum(0)[:, None]
    return np.where(n > 0, hot.T @ frames / np.maximum(n, 1), codes)


def move_nan(frames, assigned, codes):
    with np.errstate(all="ignore"):
        hot = np.eye(len(codes))[assigned]
        return hot.T @ frames / hot.sum(0)[:, None]


def move_used_only(frames, assigned, codes):
    return np.stack([frames[assigned == j].mean(0) for j in np.unique(assigned)])


def standardize_sample(train, other):
    scale = train.std(0, ddof=1)
    scale[scale == 0] = 1
    return (other - train.mean(0)) / scale


def standardize_torch(train, other):
    train, other = torch.tensor(train), torch.tensor(other)
    scale = train.std(0, correction=0)
    return (other - train.mean(0)) / torch.where(scale > 1e-12, scale, 1.0)


def standardize_naive(train, other):
    with np.errstate(all="ignore"):
        return (other - train.mean(0)) / train.std(0)


def purity_loop(codes, states):
    right = 0
    for j in set(codes.tolist()):
        counts = {}
        for c, s in zip(codes, states):
            if c == j:
                counts[s] = counts.get(s, 0) + 1
        right += max(counts.values())
    return right / len(codes)


def purity_table(codes, states):
    table = np.zeros((codes.max() + 1, states.max() + 1))
    np.add.at(table, (codes, states), 1)
    return table.max(1).sum() / table.sum()


def purity_unweighted(codes, states):
    return np.mean([np.bincount(states[codes == j]).max() / (codes == j).sum() for j in set(codes)])


def statistics_merged(chunks):
    n, mean, m2 = 0, 0.0, 0.0
    for chunk in chunks:
        for x in chunk.astype(float):
            n += 1
            delta = x - mean
            mean = mean + delta / n
            m2 = m2 + delta * (x - mean)
    return mean, (m2 / n) ** 0.5


def statistics_torch(chunks):
    everything = torch.cat([torch.tensor(chunk) for chunk in chunks])
    return everything.mean(0), everything.std(0)


def means_of_means(chunks):
    chunks = list(chunks)
    return np.mean([c.mean(0) for c in chunks], 0), np.mean([c.std(0) for c in chunks], 0)


def variance_within(chunks):
    n, total, squares = 0, 0.0, 0.0
    for c in chunks:
        n, total, squares = n + len(c), total + c.sum(0), squares + len(c) * c.var(0)
    return total / n, np.sqrt(squares / n)


def read_twice(chunks):
    n = sum(len(c) for c in chunks)
    return sum(c.sum(0) for c in chunks) / n, 1.0


def variance(chunks):
    mean, deviation = statistics_merged(chunks)
    return mean, deviation**2


RIGHT = {
    "nearest_code": [nearest_loop, nearest_torch],
    "move_codes": [move_loop, move_matrix],
    "standardize": [standardize_sample, standardize_torch],
    "purity": [purity_loop, purity_table],
    "running_statistics": [statistics_merged, statistics_torch],
}

WRONG = {
    "nearest_code": [
        (lambda f, c: ((f[:, None] - c) ** 2).sum(-1).argmax(1), "FARTHEST"),
        (lambda f, c: ((f[:, None] - c) ** 2).sum(-1).argmin(0), "over the codes"),
        (lambda f, c: (f[:, None] - c).sum(-1).argmin(1), "without squaring"),
        (lambda f, c: ((f[:, None] - c) ** 2).sum(-1).min(1), "argmin, not min"),
        (
            lambda f, c: abs((f**2).sum(1)[:, None] - (c**2).sum(1)).argmin(1),
            "lengths of vectors",
        ),
    ],
    "move_codes": [
        (move_nan, "mean of nothing"),
        (move_used_only, "is missing"),
        (lambda f, a, c: np.tile(f.mean(0), (len(c), 1)), "ALL frames"),
        (lambda f, a, c: np.eye(len(c))[a].T @ f, "take their mean"),
    ],
    "standardize": [
        (lambda train, other: (other - other.mean(0)) / other.std(0), "leak"),
        (lambda train, other: (other - train.mean()) / train.std(), "per channel"),
        (lambda train, other: (other - train.mean(0)) / train.var(0), "variance"),
        (standardize_naive, "0/0"),
        (lambda train, other: np.nan_to_num(standardize_naive(train, other), posinf=0), "need not"),
    ],
    "purity": [
        (purity_unweighted, "average the shares"),
        (lambda codes, states: purity_loop(states, codes), "swapped"),
        (lambda codes, states: (codes == states).mean(), "compare the numbers"),
        (lambda codes, states: purity_loop(codes, states) * len(codes), "number of frames"),
    ],
    "running_statistics": [
        (means_of_means, "short chunk"),
        (variance_within, "variances inside"),
        (read_twice, "The mean"),
        (variance, "square root"),
        (lambda chunks: 0.5, "two arrays"),
    ],
}
