"""Answers to the exercises of notebook 02: right ones in several forms, and typical wrong ones."""

import collections

import numpy as np
import pandas as pd
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


def standardize_pooled(train, other):
    both = np.vstack([train, other])
    scale = both.std(0)
    return (other - both.mean(0)) / np.where(scale == 0, 1, scale)


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


def statistics_sums(chunks):
    n, total, squares = 0, 0, 0
    for chunk in chunks:
        x = torch.tensor(chunk, dtype=torch.float64)
        n, total, squares = n + len(x), total + x.sum(0), squares + (x * x).sum(0)
    return total / n, ((squares - total**2 / n) / (n - 1)).clamp(min=0).sqrt()


def statistics_by_chunk(chunks):
    n, means, variances = [], [], []
    for chunk in chunks:
        chunk = chunk.astype(float)
        n.append(len(chunk))
        means.append(chunk.mean(0))
        variances.append(chunk.var(0))
    weights = np.array(n) / sum(n)
    mean = weights @ np.array(means)
    return mean, np.sqrt(weights @ (np.array(variances) + (np.array(means) - mean) ** 2))


def statistics_merging(chunks):
    n, mean, m2 = 0, 0.0, 0.0
    for chunk in chunks:
        chunk = np.array(chunk, dtype=float)
        size, here = len(chunk), chunk.mean(axis=0)
        m2 = m2 + ((chunk - here) ** 2).sum(axis=0) + (here - mean) ** 2 * n * size / (n + size)
        mean = (n * mean + size * here) / (n + size)
        n += size
    return [mean.tolist(), np.sqrt(m2 / n).tolist()]


def statistics_listed(chunks):
    frames = np.concatenate(list(chunks))
    return frames.mean(0), frames.std(0)


def statistics_copied(chunks):
    rows = [row for chunk in chunks for row in chunk.tolist()]
    return np.mean(rows, 0), np.std(rows, 0)


def read_twice(chunks):
    n = sum(len(c) for c in chunks)
    return sum(c.sum(0) for c in chunks) / n, 1.0


def statistics_in_float32(chunks):
    n, total, squares = 0, np.float32(0), np.float32(0)
    for chunk in chunks:
        chunk = np.asarray(chunk, dtype=np.float32)
        n, total, squares = n + len(chunk), total + chunk.sum(0), squares + (chunk**2).sum(0)
    mean = total / np.float32(n)
    return mean, np.sqrt(squares / np.float32(n) - mean**2)


def variance(chunks):
    mean, deviation = statistics_merged(chunks)
    return mean, deviation**2


def nearest_product(frames, codes):
    return (-2 * frames @ codes.T + (codes**2).sum(1)).argmin(axis=1)


def nearest_norm(frames, codes):
    return [int(np.argmin([np.linalg.norm(f - c) for c in codes])) for f in frames]


def move_add_at(frames, assigned, codes):
    total, n = np.zeros_like(codes), np.bincount(assigned, minlength=len(codes))
    np.add.at(total, assigned, frames)
    return [t / k if k else c for t, k, c in zip(total, n, codes)]


def move_torch(frames, assigned, codes):
    frames, assigned, codes = map(torch.tensor, (frames, assigned, codes))
    for j in range(len(codes)):
        if (assigned == j).any():
            codes[j] = frames[assigned == j].mean(0)
    return codes


def standardize_loop(train, other):
    columns = []
    for x, y in zip(train.T.tolist(), other.T.tolist()):
        mean = sum(x) / len(x)
        scale = (sum((v - mean) ** 2 for v in x) / len(x)) ** 0.5 or 1.0
        columns.append([(v - mean) / scale for v in y])
    return [list(row) for row in zip(*columns)]


def standardize_pandas(train, other):
    train, other = pd.DataFrame(train), pd.DataFrame(other)
    return ((other - train.mean()) / train.std().replace(0, 1)).to_numpy()


def purity_counter(codes, states):
    pairs = collections.Counter(zip(codes.tolist(), states.tolist()))
    best = {}
    for (code, _), n in pairs.items():
        best[code] = max(best.get(code, 0), n)
    return sum(best.values()) / len(states)


def purity_pandas(codes, states):
    return pd.crosstab(codes, states).max(axis=1).sum() / len(codes)


# Mutants of the solution that are right as well: the lines that differ, and the reason.
EQUIVALENT = {
    "nearest_code": {
        "distance = ((frames[:, None] - codes[None]) ** 2).mean(-1)": "a mean is least there too",
        "distance = ((frames[:, None] - codes) ** 2).sum(-1)": "NumPy adds the axis by itself",
    },
    "move_codes": {
        "new = codes": "a check hands over copies, and `mine` too",
        "for j in assigned:": "it does the same several times",
    },
    "purity": {"return right / len(states)": "there are as many states as codes"},
    "running_statistics": {
        "chunk = chunk": "its digits suffice for these numbers",
        "chunk = np.asarray(chunk)": "its digits suffice for these numbers",
        "pass": "its digits suffice for these numbers",
    },
}

RIGHT = {
    "nearest_code": [nearest_loop, nearest_torch, nearest_product, nearest_norm],
    "move_codes": [move_loop, move_matrix, move_add_at, move_torch],
    "standardize": [standardize_sample, standardize_torch, standardize_loop, standardize_pandas],
    "purity": [purity_loop, purity_table, purity_counter, purity_pandas],
    "running_statistics": [
        statistics_merged,
        statistics_sums,
        statistics_by_chunk,
        statistics_merging,
    ],
}

WRONG = {
    "nearest_code": [
        (lambda f, c: ((f[:, None] - c) ** 2).sum(-1).argmax(1), "FARTHEST"),
        (lambda f, c: ((f[:, None] - c) ** 2).sum(-1).argmin(0), "over the codes"),
        (lambda f, c: (f[:, None] - c).sum(-1).argmin(1), "without squaring"),
        (lambda f, c: abs(f[:, None] - c).sum(-1).argmin(1), "SIZES"),
        (lambda f, c: abs(f[:, None] - c).max(-1).argmin(1), "the largest difference"),
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
        (standardize_pooled, "train AND `other`"),
        (lambda train, other: (other - train.mean(0)) / train.var(0), "variance"),
        (standardize_naive, "0/0"),
        (lambda train, other: np.nan_to_num(standardize_naive(train, other), posinf=0), "need not"),
    ],
    "purity": [
        (purity_unweighted, "average the shares"),
        (lambda codes, states: purity_loop(states, codes), "swapped"),
        (lambda codes, states: (codes == states).mean(), "compare the numbers"),
        (
            lambda codes, states: (
                sum(np.bincount(states[codes == j]).max() for j in range(max(codes) + 1))
                / len(codes)
            ),
            "code 3, which no frame has",
        ),
        (lambda codes, states: purity_loop(codes, states) * len(codes), "number of frames"),
    ],
    "running_statistics": [
        (means_of_means, "short chunk"),
        (variance_within, "variances inside"),
        (read_twice, "a second time"),
        (statistics_in_float32, "Compute in float64"),
        (variance, "square root"),
        (statistics_torch, "keep the frames"),
        (statistics_listed, "keep the frames"),
        (statistics_copied, "keep the frames"),
        (lambda chunks: 0.5, "two arrays"),
    ],
}
