"""Checks for notebook 02: k-means, standardising, purity, statistics in one pass."""

import numpy as np

from .framework import exercise, expect, parts


@exercise("nearest_code")
def _nearest_code(answer, rng):
    codes = np.array([[0.0, 0.0], [4.0, -4.0], [-3.0, 1.0]]) + rng.normal(0, 0.2, (3, 2))
    frames = codes[[0, 1, 2, 2, 0, 1, 1]] + rng.normal(0, 0.9, (7, 2))
    frames = np.vstack([frames, [[1.0, -4.0], [-1.4, 3.0]]])
    difference = frames[:, None] - codes[None]  # (n, k, d)
    distance = (difference**2).sum(-1)  # (n, k)
    expect(
        answer(frames, codes),
        distance.argmin(1),
        {
            "You take the FARTHEST code: argmin, not argmax.": distance.argmax(1),
            "You return, for each code, the nearest frame: take argmin over the codes (axis 1)": (
                distance.argmin(0)
            ),
            "You add up the differences without squaring them, so they cancel.": (
                difference.sum(-1).argmin(1)
            ),
            "You return the distances; return the NUMBER of the nearest code (argmin, not min).": (
                distance.min(1)
            ),
            "You compare lengths of vectors, |frame|² and |code|². Subtract first, then square.": (
                np.abs((frames**2).sum(1)[:, None] - (codes**2).sum(1)[None]).argmin(1)
            ),
        },
        what="The assignment",
    )


@exercise("move_codes")
def _move_codes(answer, rng):
    frames = rng.normal(1, 1, (9, 2))
    codes = rng.normal(0, 1, (4, 2))
    assigned = np.array([0, 1, 1, 3, 0, 3, 3, 3, 1])  # nobody chose code 2
    want = codes.copy()
    for j in (0, 1, 3):
        want[j] = frames[assigned == j].mean(0)
    nan, zero, dropped = want.copy(), want.copy(), np.delete(want, 2, axis=0)
    nan[2], zero[2] = np.nan, 0
    sums = np.stack([frames[assigned == j].sum(0) for j in range(4)])
    sums_kept = sums.copy()
    sums_kept[2] = codes[2]
    with np.errstate(all="ignore"):
        got = answer(frames, assigned, codes)
    expect(
        got,
        want,
        {
            "A code that got no frame becomes NaN (a mean of nothing). Let it stay.": nan,
            "A code that got no frame jumps to 0. Let it stay where it is.": zero,
            "A code that got no frame is missing. Go through all k codes, not only those in "
            "`assigned`.": dropped,
            "You add the frames up; take their mean.": sums_kept,
            "You add the frames up; take their mean. ": sums,
            "All codes go to the mean of ALL frames. Take only those assigned to the code.": (
                np.tile(frames.mean(0), (4, 1))
            ),
        },
        what="The array of codes",
    )


@exercise("standardize")
def _standardize(answer, rng):
    train = rng.normal([100, 0.1, 5], [30, 0.02, 1], (40, 3))
    other = rng.normal([130, 0.2, 5], [30, 0.02, 1], (6, 3))
    want = (other - train.mean(0)) / train.std(0)
    expect(
        answer(train, other),
        want,
        {
            "You use the statistics of `other`. That is a leak: use those of train.": (
                (other - other.mean(0)) / other.std(0)
            ),
            "You use one mean and one deviation for all channels together; take them per channel "
            "(axis 0).": (other - train.mean()) / train.std(),
            "You divide by the variance; divide by its square root, the standard deviation.": (
                (other - train.mean(0)) / train.var(0)
            ),
            "You forgot to subtract the mean.": other / train.std(0),
            "You return the standardised train frames; `other` was asked for.": (
                (train - train.mean(0)) / train.std(0)
            ),
        },
        what="The result",
        rtol=0.02,  # a deviation with n - 1 is as good
    )
    _constant_channel(answer, train, other)


def _constant_channel(answer, train, other):
    train[:, 2], other[:, 2] = 5, [5, 5, 5, 5, 5, 6]
    want = (other - train.mean(0)) / np.where(train.std(0) == 0, 1, train.std(0))
    infinite = want.copy()
    infinite[:, 2] = [np.nan] * 5 + [np.inf]
    zeroed = want.copy()
    zeroed[:, 2] = 0
    with np.errstate(all="ignore"):
        got = answer(train, other)
    expect(
        got,
        want,
        {
            "A channel that is constant in train gives 0/0. Divide it by 1 instead.": infinite,
            "A channel that is constant in train need not be constant elsewhere: subtract its "
            "mean and divide by 1.": zeroed,
        },
        what="The result with a constant channel",
        rtol=0.02,
    )


@exercise("purity")
def _purity(answer, rng):
    states = rng.integers(0, 3, 60)
    codes = np.where(rng.random(60) < 0.8, states * 2 % 5, rng.integers(0, 5, 60))
    codes[codes == 3] = 4  # code 3 is never used
    used = np.unique(codes)
    main = [np.bincount(states[codes == j]).max() for j in used]
    share = [np.bincount(states[codes == j]).max() / (codes == j).sum() for j in used]
    swapped = sum(np.bincount(codes[states == s]).max() for s in np.unique(states)) / 60
    expect(
        answer(codes, states),
        sum(main) / 60,
        {
            "You average the shares of the codes. A code with few frames must count less: add up "
            "the frames in main states, then divide by all.": np.mean(share),
            "You have the roles swapped: for each CODE find its main state.": swapped,
            "You compare the numbers of codes and states. They name different things: code 3 may "
            "well stand for state 0.": np.mean(codes == states),
            "That is a number of frames; divide by how many there are.": sum(main),
        },
        what="The purity",
    )


@exercise("running_statistics")
def _running_statistics(answer, rng):
    sizes = (2, 11, 5, 30)
    chunks = [rng.normal(i, 1 + i, (n, 3)).astype(np.float32) for i, n in enumerate(sizes)]
    frames = np.concatenate(chunks).astype(float)
    hint = "Return two arrays: the mean and the standard deviation."
    mean, deviation = parts(answer(_Once(chunks)), 2, hint)
    expect(
        mean,
        frames.mean(0),
        {
            "The mean of the chunks' means counts a short chunk as much as a long one. Weight "
            "each chunk with its length.": np.mean([c.mean(0) for c in chunks], axis=0),
            "That is the sum; divide by the number of frames.": frames.sum(0),
            "You divide by the number of chunks; divide by the number of frames.": (
                frames.sum(0) / len(chunks)
            ),
        },
        what="The mean",
    )
    _running_deviation(deviation, chunks)
    return "With it, any number of frames fits into memory."


def _running_deviation(deviation, chunks):
    frames = np.concatenate(chunks).astype(float)
    weights = np.array([len(chunk) for chunk in chunks]) / len(frames)
    within = np.sqrt(weights @ np.stack([c.var(0) for c in chunks]))
    expect(
        deviation,
        frames.std(0),
        {
            "You average the deviations inside the chunks. That misses how far the chunks are "
            "from each other.": weights @ np.stack([c.std(0) for c in chunks]),
            "You average the variances inside the chunks. That misses how far the chunks are "
            "from each other.": within,
            "You average the deviations inside the chunks. That misses how far the chunks are "
            "from each other, and their lengths.": np.mean([c.std(0) for c in chunks], axis=0),
            "That is the variance; take its square root.": frames.var(0),
            "You forgot to subtract the square of the mean.": np.sqrt((frames**2).mean(0)),
        },
        what="The standard deviation",
        rtol=0.02,  # a deviation with n - 1 is as good
    )


class _Once:
    """An iterator that remembers being read; a second reading finds nothing."""

    def __init__(self, chunks):
        self.chunks = chunks
        self.position = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.position == len(self.chunks):
            raise StopIteration
        self.position += 1
        return self.chunks[self.position - 1]
