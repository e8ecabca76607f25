"""Answers to the exercises of notebook 06: right ones in several forms, and typical wrong ones."""

import numpy as np


def acc2_loop(y, y_hat):
    has0 = non0 = kept = 0
    for truth, guess in zip(y, y_hat):
        has0 += (truth >= 0) == (guess >= 0)
        if truth != 0:
            kept += 1
            non0 += (truth > 0) == (guess > 0)
    return has0 / len(y), non0 / kept


def acc2_product(y, y_hat):
    some = np.flatnonzero(y)
    has0 = 1 - np.logical_xor(y < 0, y_hat < 0).mean()
    return [has0, np.mean((y[some] > 0) == (y_hat[some] > 0))]


def has0(y, y_hat):
    return ((y_hat >= 0) == (y >= 0)).mean()


def non0(y, y_hat):
    return ((y_hat > 0) == (y > 0))[y != 0].mean()


def acc7_loop(y, y_hat):
    same = 0
    for a, b in zip(y.tolist(), y_hat.tolist()):
        a, b = (max(-3, min(3, round(v))) for v in (a, b))  # Python rounds halves to even too
        same += a == b
    return same / len(y)


def quantiles(values):
    return np.quantile(values, [0.025, 0.975])


def bootstrap_loop(a, b, draws):
    means = sorted(np.mean([a[i] - b[i] for i in rows]) for rows in draws)
    return (sum(a) - sum(b)) / len(a), *np.percentile(means, [2.5, 97.5])


def bootstrap_two_means(a, b, draws):
    return [a.mean() - b.mean(), *quantiles(a[draws].mean(1) - b[draws].mean(1))]


def mass_by_code(attention, codes, cue):
    mass = 0
    for code in set(codes.tolist()):
        mass += attention[code] * cue[codes == code].mean()
    return mass


def mass_loop(attention, codes, cue):
    return sum(attention[code] / np.sum(codes == code) for code, hit in zip(codes, cue) if hit)


RIGHT = {
    "acc2_twice": [acc2_loop, acc2_product],
    "acc7": [acc7_loop, lambda y, p: np.mean(np.rint(y.clip(-3, 3)) == np.rint(p.clip(-3, 3)))],
    "paired_bootstrap": [bootstrap_loop, bootstrap_two_means],
    "cue_mass": [mass_by_code, mass_loop],
}

WRONG = {
    "acc2_twice": [
        (lambda y, p: (non0(y, p), has0(y, p)), "swapped"),
        (lambda y, p: (has0(y, p), ((p >= 0) == (y > 0))[y != 0].mean()), "exactly 0"),
        (lambda y, p: (((p > 0) == (y > 0)).mean(), non0(y, p)), "≥, not >"),
        (lambda y, p: (has0(y, p), ((p > 0) == (y > 0)).mean()), "kept them in"),
        (lambda y, p: (has0(y, p), ((p > 0) == (y > 0))[p != 0].mean()), "LABEL"),
        (lambda y, p: has0(y, p), "two numbers"),
    ],
    "acc7": [
        (lambda y, p: (np.round(y) == np.round(p)).mean(), "Clip"),
        (lambda y, p: (y.clip(-3, 3).astype(int) == p.clip(-3, 3).astype(int)).mean(), "cut"),
        (lambda y, p: (np.round(y.clip(-2, 2)) == np.round(p.clip(-2, 2))).mean(), "Acc-5"),
        (
            lambda y, p: (np.floor(y.clip(-3, 3) + 0.5) == np.floor(p.clip(-3, 3) + 0.5)).mean(),
            "halves up",
        ),
        (lambda y, p: (np.round(y.clip(-3, 3)) == np.round(p.clip(-3, 3))).sum(), "the share"),
    ],
    "paired_bootstrap": [
        (lambda a, b, draws: bootstrap_two_means(b, a, draws), "b − a"),
        (lambda a, b, draws: ((a - b).mean(), *quantiles(a - b)), "DIFFERENCES"),
        (
            lambda a, b, draws: (
                (a - b).mean(),
                *np.quantile((a - b)[draws].mean(1), [0.05, 0.95]),
            ),
            "90 %",
        ),
        (lambda a, b, draws: ((a - b).mean(), *quantiles((a - b)[draws].mean(0))), "axis 0"),
        (
            lambda a, b, draws: (
                (a - b).mean(),
                *(quantiles(a[draws].mean(1)) - quantiles(b[draws].mean(1))),
            ),
            "pair first",
        ),
        (lambda a, b, draws: (a - b).mean(), "three numbers"),
    ],
    "cue_mass": [
        (lambda attention, codes, cue: attention[codes][cue].sum(), "whole attention"),
        (lambda attention, codes, cue: cue.mean(), "share of cue frames"),
        (lambda attention, codes, cue: 1 - mass_loop(attention, codes, cue), "NOT cues"),
        (
            lambda attention, codes, cue: attention[np.unique(codes[cue])].sum(),
            "have a cue frame at all",
        ),
    ],
}
