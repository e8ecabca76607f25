"""Answers to the exercises of notebook 06: right ones in several forms, and typical wrong ones."""

import numpy as np
import pandas as pd
import torch


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


def acc2_torch(y, y_hat):
    y, y_hat = torch.tensor(y), torch.tensor(y_hat)
    some = y != 0
    has0 = torch.eq(y >= 0, y_hat >= 0).float().mean()
    return torch.stack([has0, torch.eq(y > 0, y_hat > 0)[some].float().mean()])


def acc2_pandas(y, y_hat):
    table = pd.DataFrame({"y": y, "guess": y_hat})
    some = table.query("y != 0")
    return (table.ge(0).nunique(axis=1) == 1).mean(), (some.gt(0).nunique(axis=1) == 1).mean()


def acc7_torch(y, y_hat):
    classes = [torch.tensor(v).clamp(-3, 3).round() for v in (y, y_hat)]
    return (classes[0] == classes[1]).double().mean()


def acc7_rounded_first(y, y_hat):
    a, b = (np.minimum(np.maximum(np.round(v), -3), 3) for v in (y, y_hat))
    return 1 - np.count_nonzero(a - b) / len(a)


def bootstrap_sorted(a, b, draws):
    means = np.sort((a - b)[draws].mean(1))
    cut = int(0.025 * len(means))
    return (a - b).mean(), means[cut], means[len(means) - 1 - cut]


def bootstrap_nearest(a, b, draws):
    difference = torch.tensor(a - b)
    means = difference[torch.tensor(draws)].mean(1)
    low, high = (np.quantile(means, q, method="nearest") for q in (0.025, 0.975))
    return difference.mean(), low, high


def bootstrap_weibull(a, b, draws):
    means = (a - b)[draws].mean(1)
    return np.array([np.mean(a - b), *np.quantile(means, [0.025, 0.975], method="weibull")])


def mass_matrix(attention, codes, cue):
    hot = np.eye(len(attention))[codes]  # (n, k)
    share = cue @ hot / np.maximum(hot.sum(0), 1)
    return attention @ share


def mass_torch(attention, codes, cue):
    codes, cue = torch.tensor(codes), torch.tensor(cue)
    n = torch.bincount(codes, minlength=len(attention))
    on = torch.bincount(codes[cue], minlength=len(attention))
    return (torch.tensor(attention) * on / n.clamp(min=1)).sum()


# Mutants of the solution that are right as well: the lines that differ, and the reason.
EQUIVALENT = {
    "acc2_twice": {
        "non0 = ((y_hat > 0) == (y >= 0))[y != 0].mean()": "no label that is left is 0",
    },
    "cue_mass": {
        "counts = np.bincount(codes)": "only codes that occur are looked up",
        "counts = np.bincount(codes, minlength=len(codes))": "only codes that occur are looked up",
        "counts = np.bincount(codes, minlength=len(cue))": "only codes that occur are looked up",
    },
}

RIGHT = {
    "acc2_twice": [acc2_loop, acc2_product, acc2_torch, acc2_pandas],
    "acc7": [
        acc7_loop,
        lambda y, p: np.mean(np.rint(y.clip(-3, 3)) == np.rint(p.clip(-3, 3))),
        acc7_torch,
        acc7_rounded_first,
    ],
    "paired_bootstrap": [
        bootstrap_loop,
        bootstrap_two_means,
        bootstrap_sorted,
        bootstrap_nearest,
        bootstrap_weibull,
    ],
    "cue_mass": [mass_by_code, mass_loop, mass_matrix, mass_torch],
}

WRONG = {
    "acc2_twice": [
        (lambda y, p: (non0(y, p), has0(y, p)), "swapped"),
        (lambda y, p: (has0(y, p), ((p >= 0) == (y > 0))[y != 0].mean()), "exactly 0"),
        (lambda y, p: (((p > 0) == (y > 0)).mean(), non0(y, p)), "≥, not >"),
        (lambda y, p: (has0(y, p), ((p > 0) == (y > 0)).mean()), "kept them in"),
        (lambda y, p: (has0(y, p), ((p > 0) == (y > 0))[p != 0].mean()), "LABEL"),
        (lambda y, p: (100 * has0(y, p), 100 * non0(y, p)), "percentages"),
        (lambda y, p: ((y * p >= 0).mean(), (y * p > 0)[y != 0].mean()), "A product of 0"),
        (lambda y, p: ((np.sign(p) == np.sign(y)).mean(), non0(y, p)), "np.sign has three"),
        (lambda y, p: (((p > 0) == (y > 0)).mean(), (y * p > 0)[y != 0].mean()), "≥, not >"),
        (lambda y, p: has0(y, p), "two numbers"),
    ],
    "acc7": [
        (lambda y, p: (np.round(y) == np.round(p)).mean(), "Clip"),
        (lambda y, p: (np.abs(y - p) < 0.5).mean(), "of two classes"),
        (lambda y, p: (y.clip(-3, 3).astype(int) == p.clip(-3, 3).astype(int)).mean(), "cut"),
        (lambda y, p: (np.floor(y.clip(-3, 3)) == np.floor(p.clip(-3, 3))).mean(), "rounded down"),
        (lambda y, p: (np.round(y.clip(-2, 2)) == np.round(p.clip(-2, 2))).mean(), "Acc-5"),
        (
            lambda y, p: (np.floor(y.clip(-3, 3) + 0.5) == np.floor(p.clip(-3, 3) + 0.5)).mean(),
            "halves up",
        ),
        (lambda y, p: (np.round(y.clip(-3, 3)) == np.round(p.clip(-3, 3))).sum(), "the share"),
        (
            lambda y, p: np.mean(
                [int(a + 0.5) == int(b + 0.5) for a, b in zip(y.clip(-3, 3), p.clip(-3, 3))]
            ),
            "it gives",
        ),
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
        (
            lambda a, b, draws: (
                (a - b).mean(),
                *(quantiles(a[draws].mean(1)) - np.flip(quantiles(b[draws].mean(1)))),
            ),
            "is another question",
        ),
        (
            lambda a, b, draws: (
                (a - b).mean(),
                *np.percentile((a - b)[draws].mean(1), [0.025, 0.975]),
            ),
            "counts to 100",
        ),
        (
            lambda a, b, draws: (
                (a - b)[draws].mean(),
                *quantiles((a - b)[draws].mean(1)),
            ),
            "not of the resamples",
        ),
        (lambda a, b, draws: (a - b).mean(), "three numbers"),
    ],
    "cue_mass": [
        (lambda attention, codes, cue: attention[codes][cue].sum(), "whole attention"),
        (lambda attention, codes, cue: cue.mean(), "share of cue frames"),
        (lambda attention, codes, cue: attention.sum(), "all the attention"),
        (lambda attention, codes, cue: 1 - mass_loop(attention, codes, cue), "NOT cues"),
        (
            lambda attention, codes, cue: attention[np.unique(codes[cue])].sum(),
            "have a cue frame at all",
        ),
    ],
}
