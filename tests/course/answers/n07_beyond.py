"""Answers to the exercises of notebook 07: right ones in several forms, and typical wrong ones."""

import collections
import itertools

import numpy as np
import pandas as pd
import torch


def better_interval(a, b, t):
    d = [x - y for x, y in zip(a, b)]
    mean = sum(d) / len(d)
    s = (sum((x - mean) ** 2 for x in d) / (len(d) - 1)) ** 0.5
    low, high = mean - t * s / len(d) ** 0.5, mean + t * s / len(d) ** 0.5
    return mean, not low <= 0 <= high


def better(believe):
    def answer(a, b, t):
        d = a - b
        return d.mean(), believe(a, b, d, t, np.sqrt(len(d)))

    return answer


def thirds_loop(codes, k):
    counts = [0] * (3 * k)
    for i, code in enumerate(codes):
        counts[code + k * (3 * i // len(codes))] += 1
    return counts


def thirds_table(codes, k):
    table = np.zeros((3, k))
    np.add.at(table, (3 * np.arange(len(codes)) // len(codes), codes), 1)
    return table.ravel()


def table_of_thirds(codes, k):
    return thirds_table(codes, k).reshape(3, k)


def thirds_floor(codes, k):
    size = len(codes) // 3
    return np.bincount(codes + k * np.minimum(np.arange(len(codes)) // size, 2), minlength=3 * k)


def pairs_loop(codes, k):
    counts = [0] * (k * k)
    for a, b in itertools.pairwise(codes):
        if a != k and b != k:
            counts[k * a + b] += 1
    return counts


def pairs_without_minlength(codes, k):
    real = (codes[:-1] < k) & (codes[1:] < k)
    return np.bincount(k * codes[:-1][real] + codes[1:][real])


def pairs_counter(codes, k):
    found = collections.Counter(zip(codes[:-1].tolist(), codes[1:].tolist()))
    return [found[a, b] for a in range(k) for b in range(k)]


def pairs_without_padding(codes, k):
    return pairs_loop(codes[codes < k], k)


def pairs_where(keep):
    def answer(codes, k):
        first, second = codes[:-1], codes[1:]
        rows = (first < k) & (second < k) & keep(first, second)
        return np.bincount(k * first[rows] + second[rows], minlength=k * k)

    return answer


def worst_pandas(errors, groups, at_least):
    table = pd.Series(errors).groupby(groups).agg(["mean", "size"])
    means = table[table["size"] >= at_least]["mean"]
    return means.idxmax(), means.max()


def worst_loop(errors, groups, at_least):
    best = (None, -1)
    for name in set(groups.tolist()):
        mine = [e for e, g in zip(errors, groups) if g == name]
        if len(mine) >= at_least and sum(mine) / len(mine) > best[1]:
            best = (name, sum(mine) / len(mine))
    return best


def worst(at_least_too=0, key="mean", value="mean"):
    def answer(errors, groups, at_least):
        table = pd.Series(errors).groupby(groups).agg(["mean", "size", "sum", "max"])
        table = table[table["size"] >= at_least + at_least_too]
        name = table[key].idxmax()
        return name, table[value][name]

    return answer


def better_pandas(a, b, t):
    d = np.asarray(a) - np.asarray(b)
    error = pd.Series(d).sem()
    return [np.mean(d), (np.mean(d) - t * error) * (np.mean(d) + t * error) > 0]


def better_torch(a, b, t):
    d = torch.tensor(a) - torch.tensor(b)
    half = t * d.std() / len(d) ** 0.5
    return d.mean(), bool(d.mean() - half > 0 or d.mean() + half < 0)


def thirds_counted(codes, k):
    n = len(codes)
    return [
        sum(1 for i, code in enumerate(codes) if code == c and 3 * i // n == j)
        for j in range(3)
        for c in range(k)
    ]


def thirds_split(codes, k):
    n = len(codes)
    borders = [-(-n * j // 3) for j in range(4)]  # rounded up
    parts = [torch.tensor(codes[a:b]) for a, b in itertools.pairwise(borders)]
    return torch.cat([torch.bincount(part, minlength=k) for part in parts])


def pairs_table(codes, k):
    table = np.zeros((k + 1, k + 1), int)
    np.add.at(table, (codes[:-1], codes[1:]), 1)
    return table[:k, :k].ravel()


def pairs_in_a_circle(codes, k):
    return pairs_loop([*codes, codes[0]], k)


def better_where_all_agree(a, b, t):
    d = a - b
    return d.mean(), bool((d > 0).all() or (d < 0).all())


def worst_numpy(errors, groups, at_least):
    names, number = np.unique(groups, return_inverse=True)
    n = np.bincount(number)
    means = np.where(n >= at_least, np.bincount(number, weights=errors) / n, -np.inf)
    return names[means.argmax()], means.max()


def worst_sorted(errors, groups, at_least):
    lists = collections.defaultdict(list)
    for error, name in zip(errors.tolist(), groups.tolist()):
        lists[name].append(error)
    means = [(sum(v) / len(v), name) for name, v in lists.items() if len(v) >= at_least]
    return sorted(means)[-1][::-1]


# Mutants of the solution that are right as well: the lines that differ, and the reason.
EQUIVALENT = {"worst_group": {"for name in groups:": "it does the same several times"}}

RIGHT = {
    "is_it_better": [
        better_interval,
        better(lambda a, b, d, t, root: root * abs(d.mean()) > t * d.std(ddof=1)),
        better_pandas,
        better_torch,
    ],
    "counts_by_third": [thirds_loop, thirds_table, thirds_counted, thirds_split],
    "bigram_counts": [
        pairs_loop,
        pairs_counter,
        pairs_where(lambda a, b: True),
        pairs_table,
    ],
    "worst_group": [worst_pandas, worst_loop, worst_numpy, worst_sorted],
}

WRONG = {
    "is_it_better": [
        (lambda a, b, t: ((b - a).mean(), better_interval(a, b, t)[1]), "b − a"),
        (better(lambda a, b, d, t, root: d.mean() > t * d.std(ddof=1) / root), "negative too"),
        (better(lambda a, b, d, t, root: abs(d.mean()) > t * d.std() / root), "ddof=1"),
        (better(lambda a, b, d, t, root: abs(d.mean()) > d.std(ddof=1) / root), "factor t"),
        (better(lambda a, b, d, t, root: abs(d.mean()) > t * d.std(ddof=1)), "√n is missing"),
        (better(lambda a, b, d, t, root: abs(d.mean()) > t * d.std(ddof=1) / len(d)), "not by n"),
        (better(lambda a, b, d, t, root: abs(d.mean()) > 1.96 * d.std(ddof=1) / root), "1.96"),
        (
            better(
                lambda a, b, d, t, root: (
                    abs(d.mean()) > t * (a.var(ddof=1) + b.var(ddof=1)) ** 0.5 / root
                )
            ),
            "they are paired",
        ),
        (better(lambda a, b, d, t, root: abs(d.mean()) < t * d.std(ddof=1) / root), "upside down"),
        (better_where_all_agree, "one sign is not enough"),
        (lambda a, b, t: (a - b).mean(), "two things"),
    ],
    "counts_by_third": [
        (lambda codes, k: table_of_thirds(codes, k).T.ravel(), "3·c + j"),
        (table_of_thirds, "in one row"),
        (lambda codes, k: np.bincount(codes, minlength=k), "whole utterance"),
        (thirds_floor, "divisible by 3"),
        (
            lambda codes, k: np.bincount(codes + k * (3 * np.arange(len(codes)) // len(codes))),
            "minlength",
        ),
    ],
    "bigram_counts": [
        (pairs_without_padding, "before pairing"),
        (pairs_where(lambda a, b: a != b), "follow itself"),
        (pairs_in_a_circle, "go round to the first"),
        (lambda codes, k: np.reshape(pairs_loop(codes, k), (k, k)).T.ravel(), "wrong way round"),
        (
            lambda codes, k: np.bincount(k * codes[:-1] + codes[1:], minlength=k * k),
            "with padding must not count",
        ),
        (
            lambda codes, k: np.bincount(k * codes[:-1] + codes[1:])[: k * k],
            "To cut the result does not help",
        ),
        (pairs_without_minlength, "minlength"),
        (lambda codes, k: np.reshape(pairs_loop(codes, k), (k, k)), "in one row"),
    ],
    "worst_group": [
        (worst(at_least_too=-4), "fewer than"),
        (worst(key="max"), "largest single error"),
        (worst(value="sum"), "take the mean"),
        (worst(value="max"), "largest error of the group"),
        (worst(at_least_too=1), "exactly `at_least`"),
        (lambda errors, groups, at_least: "ben", "two things"),
    ],
}
