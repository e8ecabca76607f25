"""Checks for notebook 07: believing a difference, counting with order, the worst group."""

import numpy as np

from .framework import Wrong, exercise, expect, parts


def _is_it_better_solved(a, b, t):
    difference = a - b
    half = t * np.std(difference, ddof=1) / np.sqrt(len(difference))
    return difference.mean(), bool(abs(difference.mean()) > half)


def _is_it_better_cases(rng):
    b = np.array([0.5, 0.75, 0.5])
    yield b, b, 4.3
    for difference, t in (([1, 1, 1], 4.3), ([-1, -2, -3], 4.3), ([-1, -2, -3], 3), ([1, 2, 3], 3)):
        yield b + difference, b, t
    for n, t in ((3, 4.3), (3, 4.3), (5, 2.78), (10, 2.26)):
        b = np.round(rng.normal(1, 0.5, n), 2)
        spread = rng.normal(0, 1, n)
        spread -= spread.mean()
        half = t * spread.std(ddof=1) / np.sqrt(n)
        for off in (0.9, 1.1, -0.9, -1.1):  # nearly proven, and just so
            yield b + spread + off * half, b, t


@exercise("is_it_better", solve=_is_it_better_solved, cases=_is_it_better_cases)
def _is_it_better(answer, rng):
    shared = rng.normal(0.7, 0.2, 10)  # what a seed does to both
    even = np.linspace(-1, 1, 10) / np.linspace(-1, 1, 10).std(ddof=1)
    cases = [  # differences, t
        (np.array([-0.1, -0.2, -0.3]), 4.3),  # on paper: not proven
        (np.array([0.05, 0.06, 0.055, 0.052, 0.058]), 2.78),
        (np.array([-0.05, -0.06, -0.055, -0.052, -0.058]), 2.78),
        (np.array([0.3, -0.28, 0.1, -0.12, 0.02]), 2.78),
        (np.array([0.1, 0.02, 0.09, 0.01, 0.08]), 2.78),  # only with √n, and only paired
        (np.array([0.1, 0.19, 0.28]), 4.0),  # only with ddof=0
        (np.array([0.3, 0.25, -0.02]), 4.3),  # only without t, though the signs differ
        (np.array([0.5, 0.4, 0.3, 0.1, -0.1]), 2.78),  # only with 1.96 for t, or with n for √n
        (0.1 * (even + 0.27), 2.26),  # only with n for √n
        (0.1 * (even + 0.4), 2.26),  # that, or without t
    ]
    said, believed = [], []
    for difference, t in cases:
        b = shared[: len(difference)]
        a = b + difference
        mean = difference.mean()
        result = answer(a, b, t)
        if np.shape(result) != (2,):
            raise Wrong("Return two things: the mean difference, and True or False.")
        expect(
            result[0],
            mean,
            {
                "It is a − b; you took b − a.": -mean,
                "That is the mean of a; take that of a − b.": a.mean(),
                "Keep the sign of the mean difference.": abs(mean),
            },
            what="The mean difference",
        )
        said.append(bool(result[1]))
        believed.append(_believed(a, b, difference, t))
    right = [rules.pop("") for rules in believed]
    if said == right:
        return
    for hint in believed[0]:
        if said == [rules[hint] for rules in believed]:
            raise Wrong(hint)
    place = next(i for i, (one, other) in enumerate(zip(said, right)) if one != other)
    difference, t = cases[place]
    raise Wrong(
        f"For the differences {np.round(difference, 3).tolist()} and t = {t} you say "
        f"{said[place]}; expected {right[place]}."
    )


def _believed(a, b, difference, t):
    """Return what typical wrong rules say, under the hint to print; the right one under ""."""
    mean, s, root = difference.mean(), difference.std(ddof=1), np.sqrt(len(difference))
    half = t * s / root
    apart = np.sqrt(a.var(ddof=1) + b.var(ddof=1))
    rules = {
        "": abs(mean) > half,
        "The difference may be negative too; compare its size.": mean > half,
        "The difference may be positive too; compare its size.": mean < -half,
        "In s, divide by n − 1: ddof=1.": abs(mean) > t * difference.std() / root,
        "The factor t is missing.": abs(mean) > s / root,
        "1.96 is for many; for few seeds take the t that is given.": abs(mean) > 1.96 * s / root,
        "Divide s by √n, not by n.": abs(mean) > t * s / len(difference),
        "That all differences have one sign is not enough; compare with t · s / √n.": (
            abs(np.sign(difference).sum()) == len(difference)
        ),
        "√n is missing: the MEAN of n differences varies less than one.": abs(mean) > t * s,
        "Take s of the DIFFERENCES: they are paired.": abs(mean) > t * apart / root,
        "It is upside down: True if the interval does NOT contain 0.": abs(mean) <= half,
    }
    return {hint: bool(says) for hint, says in rules.items()}


def _counts_by_third_solved(codes, k):
    thirds = 3 * np.arange(len(codes)) // len(codes)  # (n,)
    return np.bincount(codes + k * thirds, minlength=3 * k)


def _counts_by_third_cases(rng):
    yield np.array([0, 0, 0]), 1
    yield np.array([0, 1, 1]), 2
    yield np.array([0, 1, 1, 0, 0, 0]), 2
    for n in (1, 2, 4, 5, 7, 8, 9):
        yield rng.integers(0, 3, n), 3


@exercise("counts_by_third", solve=_counts_by_third_solved, cases=_counts_by_third_cases)
def _counts_by_third(answer, rng):
    k = 4
    for n in (12, 17):
        codes = rng.integers(0, k, n)
        codes[-1] = 0  # the last code does not occur in the last third
        codes[2 * n // 3 :][codes[2 * n // 3 :] == k - 1] = 0
        thirds = 3 * np.arange(n) // n
        want = np.bincount(codes + k * thirds, minlength=3 * k)
        table = want.reshape(3, k)
        expect(
            answer(codes, k),
            want,
            {
                "Without `minlength` the counts end with the largest code that occurs.": (
                    np.trim_zeros(want, "b")
                ),
                "Code c in third j is number c + k·j; yours is 3·c + j.": table.T.ravel(),
                "That is a table (3, k); return it in one row.": table,
                "Those are counts over the whole utterance.": np.bincount(codes, minlength=k),
                "The first third is number 0, not 1.": np.bincount(
                    codes + k * (thirds + 1), minlength=3 * k
                )[: 3 * k],
                "The thirds run backwards.": table[::-1].ravel(),
                "Those are shares; return counts.": want / n,
                "Frame i is in third ⌊3i/n⌋. You took the frame modulo 3.": np.bincount(
                    codes + k * (np.arange(n) % 3), minlength=3 * k
                ),
                "n need not be divisible by 3: thirds of ⌊n/3⌋ frames leave some over. Frame i is "
                "in third ⌊3i/n⌋.": np.bincount(
                    codes + k * np.minimum(np.arange(n) // (n // 3), 2), minlength=3 * k
                ),
            },
            what=f"With {n} frames, the result",
        )


def _bigram_counts_solved(codes, k):
    first, second = codes[:-1], codes[1:]
    real = (first < k) & (second < k)
    return np.bincount(k * first[real] + second[real], minlength=k * k)


def _bigram_counts_cases(rng):
    yield np.array([0]), 1
    yield np.array([0, 0]), 1
    yield np.array([0, 1]), 2
    yield np.array([0, 1, 1, 0]), 2
    yield np.array([0, 2, 1]), 2
    yield np.array([2, 0, 1, 2]), 2
    yield np.array([2, 2, 2]), 2
    for n in (4, 6, 9):
        yield rng.integers(0, 4, n), 3


@exercise("bigram_counts", solve=_bigram_counts_solved, cases=_bigram_counts_cases)
def _bigram_counts(answer, rng):
    k = 3
    codes = rng.integers(0, k, 30)
    codes[:4] = [0, 1, 1, 2]
    codes[10:12] = k  # a gap
    codes[-1] = 2
    codes[-6:-3] = k
    codes[1:][(codes[:-1] == k - 1) & (codes[1:] == k - 1)] = 0  # so the last pair does not occur
    first, second = codes[:-1], codes[1:]
    real = (first < k) & (second < k)

    def count(a, b):
        return np.bincount(k * a + b, minlength=k * k)

    want = count(first[real], second[real])
    kept = codes[codes < k]
    full = np.bincount((k + 1) * first + second, minlength=(k + 1) ** 2).reshape(k + 1, k + 1)
    changes = real & (first != second)
    expect(
        answer(codes, k),
        want,
        {
            "You removed padding before pairing, so the frames before and after a gap became "
            "neighbours. Pair first.": count(kept[:-1], kept[1:]),
            "Pairs with padding must not count; here they take numbers of other pairs.": (
                np.bincount(k * first + second, minlength=k * k)
            ),
            "Pairs with padding must not count. To cut the result does not help: here they take "
            "numbers of other pairs.": np.bincount(k * first + second)[: k * k],
            "Without `minlength` the counts end with the last pair that occurs.": (
                np.trim_zeros(want, "b")
            ),
            "The pairs are the wrong way round: a then b is number k·a + b.": count(
                second[real], first[real]
            ),
            "A code may follow itself; those pairs count too.": count(
                first[changes], second[changes]
            ),
            "That is a table (k, k); return it in one row.": want.reshape(k, k),
            "That is a table with padding in it.": full,
            "With padding as a code there are (k + 1)² pairs; only k² are asked for.": full.ravel(),
            "Pairs overlap: each frame but the last is the first of one.": _disjoint(codes, k),
            "Those are counts of single codes.": np.bincount(kept, minlength=k),
            "The last frame has no frame after it; you go round to the first.": _in_a_circle(
                codes, k
            ),
        },
        what="The result",
    )


def _in_a_circle(codes, k):
    first, second = codes, np.roll(codes, -1)
    real = (first < k) & (second < k)
    return np.bincount(k * first[real] + second[real], minlength=k * k)


def _disjoint(codes, k):
    first, second = codes[:-1:2], codes[1::2]
    real = (first < k) & (second < k)
    return np.bincount(k * first[real] + second[real], minlength=k * k)


def _worst_group_solved(errors, groups, at_least):
    means = {}
    for name in np.unique(groups):
        mine = errors[groups == name]
        if len(mine) >= at_least:
            means[str(name)] = mine.mean()
    worst = max(means, key=means.__getitem__)
    return worst, means[worst]


def _worst_group_cases(rng):
    yield np.array([1.0]), np.array(["anna"]), 1
    yield np.array([1.0, 3.0]), np.array(["anna", "ben"]), 1
    yield np.array([3.0, 1.0]), np.array(["anna", "ben"]), 1
    yield np.array([3.0, 1.0, 2.0]), np.array(["anna", "ben", "ben"]), 2
    yield np.array([3.0, 2.5, 0.5, 2.0]), np.array(["anna", "ben", "ben", "anna"]), 2
    yield np.array([3.0, 0.0, 2.0, 2.0]), np.array(["anna", "anna", "ben", "ben"]), 2
    yield np.array([1.0, 2.0, 2.0, 2.0]), np.array(["anna", "ben", "ben", "ben"]), 1
    for at_least in (1, 2, 3):
        groups = np.array(["anna", "ben", "carla"])[rng.integers(0, 3, 9)]
        yield np.round(rng.uniform(0, 2, 9), 2), np.append(groups[:6], ["ben"] * 3), at_least


def _same_group(got, want, arguments):
    name, mean = parts(got, 2, "Return two things.")
    if str(name) != want[0]:
        raise Wrong("It is another group.")
    expect(mean, want[1])


@exercise("worst_group", solve=_worst_group_solved, cases=_worst_group_cases, agree=_same_group)
def _worst_group(answer, rng):
    sizes = {"anna": 6, "ben": 9, "carla": 2, "david": 5}
    levels = {"anna": 0.5, "ben": 0.8, "carla": 2.0, "david": 0.6}
    groups = np.repeat(list(sizes), list(sizes.values()))
    errors = np.array([levels[name] for name in groups]) + rng.uniform(0, 0.1, len(groups))
    errors[np.flatnonzero(groups == "anna")[0]] = 1.6  # the worst single error is hers
    order = rng.permutation(len(groups))
    errors, groups = errors[order], groups[order]
    means = {name: errors[groups == name].mean() for name in sizes}
    result = answer(errors, groups, 5)
    name, mean = parts(result, 2, "Return two things: the group's name and its mean error.")
    enough = {other: value for other, value in means.items() if sizes[other] >= 5}
    if str(name) == "carla":
        raise Wrong("carla has 2 utterances; groups with fewer than `at_least` are left out.")
    if str(name) == "anna":
        raise Wrong("anna has the largest single error, not the largest mean.")
    if str(name) == min(enough, key=enough.__getitem__):
        raise Wrong("That is the best group; look for the largest error.")
    if str(name) != "ben":
        raise Wrong(f"It says {name}; the largest mean is ben's.")
    expect(
        mean,
        means["ben"],
        {
            "That is the mean over all groups.": errors.mean(),
            "That is the sum of the group's errors; take the mean.": means["ben"] * sizes["ben"],
            "That is the largest error of the group; take the mean.": errors[groups == "ben"].max(),
        },
        what="The mean error",
    )
    small = answer(np.array([1.0, 0.5, 0.6, 0.1, 0.1, 0.1]), np.array([*"xyyzzz"]), 2)
    if str(small[0]) != "y":
        raise Wrong("A group of exactly `at_least` members is large enough.")
