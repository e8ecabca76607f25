"""Checks for notebook 02: k-means, standardising, purity, statistics in one pass."""

import gc
import sys
import tracemalloc
from contextlib import suppress

import numpy as np

from .framework import Wrong, exercise, expect, parts, said


def _nearest_code_solved(frames, codes):
    distance = ((frames[:, None] - codes[None]) ** 2).sum(-1)  # (n, k)
    return distance.argmin(1)


def _nearest_code_cases(rng):
    yield np.array([[1.0]]), np.array([[5.0]])
    yield np.array([[1.0]]), np.array([[5.0], [2.0]])
    yield np.array([[1.0], [9.0], [2.0]]), np.array([[0.0], [5.0]])
    yield np.array([[0.0, 0.0]]), np.array([[0.0, 5.0], [3.0, 3.0]])  # not so by sums of sizes
    yield np.array([[0.0, 0.0]]), np.array([[3.0, 3.0], [0.0, 4.0]])  # not so by the largest
    yield np.array([[5.0, -5.0]]), np.array([[0.0, 0.0], [4.0, -3.0]])
    for n, k, d in ((3, 2, 1), (2, 3, 2), (6, 4, 3), (9, 5, 4)):
        yield np.round(rng.normal(0, 2, (n, d)), 1), np.round(rng.normal(0, 2, (k, d)), 2)


@exercise("nearest_code", solve=_nearest_code_solved, cases=_nearest_code_cases)
def _nearest_code(answer, rng):
    codes = np.array([[0.0, 0.0], [4.0, -4.0], [-3.0, 1.0]]) + rng.normal(0, 0.2, (3, 2))
    frames = codes[[0, 1, 2, 2, 0, 1, 1]] + rng.normal(0, 0.9, (7, 2))
    frames = np.vstack([frames, [[1.0, -4.0], [-1.4, 3.0]]])
    # two more far away, whose nearest code is another by sums of sizes, and by the largest
    frames = np.vstack([frames, [[20.0, 20.0], [40.0, 40.0], [60.0, -60.0]]])
    codes = np.vstack([codes, [[20.0, 25.0], [23.0, 23.0], [43.0, 43.0], [40.0, 44.0]]])
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
            "You add up the differences before you square, so they cancel. Square each first.": (
                np.abs(difference.sum(-1)).argmin(1)
            ),
            "You add up the SIZES of the differences; square each before you add.": (
                np.abs(difference).sum(-1).argmin(1)
            ),
            "You take the largest difference of each code; add up the squares of all.": (
                np.abs(difference).max(-1).argmin(1)
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


def _move_codes_solved(frames, assigned, codes):
    new = codes.copy()
    for j in np.unique(assigned):
        new[j] = frames[assigned == j].mean(0)
    return new


def _move_codes_cases(rng):
    yield np.array([[3.0]]), np.array([0]), np.array([[1.0]])
    yield np.array([[1.0], [4.0]]), np.array([0, 0]), np.array([[0.0]])
    yield np.array([[1.0], [4.0]]), np.array([0, 0]), np.array([[0.0], [9.0]])
    yield np.array([[1.0], [4.0]]), np.array([1, 1]), np.array([[7.0], [9.0]])
    yield np.array([[1.0], [4.0], [5.0]]), np.array([1, 0, 1]), np.array([[7.0], [9.0]])
    for n, k, d in ((4, 3, 2), (6, 4, 1), (8, 3, 3)):
        frames, codes = np.round(rng.normal(1, 2, (n, d)), 1), np.round(rng.normal(0, 2, (k, d)), 1)
        yield frames, rng.integers(0, k, n), codes


@exercise("move_codes", solve=_move_codes_solved, cases=_move_codes_cases)
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


def _standardize_solved(train, other):
    scale = train.std(0)
    return (other - train.mean(0)) / np.where(scale == 0, 1, scale)


def _standardize_cases(rng):
    yield np.array([[0.0], [2.0]]), np.array([[3.0]])
    yield np.array([[4.0], [4.0]]), np.array([[4.0]])
    yield np.array([[4.0], [4.0]]), np.array([[7.0]])
    yield np.array([[0.0, 5.0], [4.0, 5.0]]), np.array([[3.0, 6.0], [1.0, 5.0]])
    for n, m, d in ((3, 1, 2), (4, 2, 1), (5, 3, 3)):
        yield np.round(rng.normal(5, 3, (n, d)), 1), np.round(rng.normal(4, 3, (m, d)), 1)


def _with_either_deviation(got, want, arguments):
    """Agree if the standard deviation was divided by n, or by n − 1."""
    train, other = arguments
    scale = train.std(0, ddof=1)
    sample = (other - train.mean(0)) / np.where(scale == 0, 1, scale)
    with suppress(Wrong):
        return expect(got, sample)
    return expect(got, want)


@exercise(
    "standardize", solve=_standardize_solved, cases=_standardize_cases, agree=_with_either_deviation
)
def _standardize(answer, rng):
    train = rng.normal([100, 0.1, 5], [30, 0.02, 1], (40, 3))
    other = rng.normal([130, 0.2, 5], [30, 0.02, 1], (6, 3))
    want = (other - train.mean(0)) / train.std(0)
    both = np.vstack([train, other])
    expect(
        answer(train, other),
        want,
        {
            "You use the statistics of train AND `other`. That is a leak: use those of train "
            "alone.": (other - both.mean(0)) / both.std(0),
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


def _purity_solved(codes, states):
    right = sum(np.bincount(states[codes == j]).max() for j in np.unique(codes))
    return right / len(codes)


def _purity_cases(rng):
    for codes, states in (
        ([0], [0]),
        ([0], [1]),
        ([1], [0]),
        ([0, 0], [0, 1]),
        ([0, 1], [0, 0]),
        ([0, 0, 2], [1, 1, 0]),
        ([1, 1, 0], [0, 1, 1]),
        ([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1]),
        ([0, 0, 0, 0, 1], [0, 0, 1, 1, 1]),
    ):
        yield np.array(codes), np.array(states)
    for n in (5, 8, 12):
        yield rng.integers(0, 4, n), rng.integers(0, 3, n)


@exercise("purity", solve=_purity_solved, cases=_purity_cases)
def _purity(answer, rng):
    states = rng.integers(0, 3, 60)
    codes = np.where(rng.random(60) < 0.8, states * 2 % 5, rng.integers(0, 5, 60))
    codes[codes == 3] = 4  # code 3 is never used
    used = np.unique(codes)
    main = [np.bincount(states[codes == j]).max() for j in used]
    share = [np.bincount(states[codes == j]).max() / (codes == j).sum() for j in used]
    swapped = sum(np.bincount(codes[states == s]).max() for s in np.unique(states)) / 60
    try:
        got = answer(codes, states)
    except Wrong as wrong:
        if not _copes_without_gaps(answer):
            raise
        hint = "Does it go over code 3, which no frame has? Take the codes that occur."
        raise Wrong(f"{wrong} {hint}") from None
    expect(
        got,
        sum(main) / 60,
        {
            "You average the shares of the codes. A code with few frames must count less: add up "
            "the frames in main states, then divide by all.": np.mean(share),
            "You have the roles swapped: for each CODE find its main state.": swapped,
            "A code that no frame has counts here. Take the codes that occur.": (
                sum(share) / (codes.max() + 1)
            ),
            "You compare the numbers of codes and states. They name different things: code 3 may "
            "well stand for state 0.": np.mean(codes == states),
            "That is a number of frames; divide by how many there are.": sum(main),
        },
        what="The purity",
    )


def _copes_without_gaps(answer):
    """Tell whether an answer gives a number where every code occurs."""
    with suppress(Wrong):
        answer(np.array([0, 1]), np.array([0, 0]))
        return True
    return False


def _running_statistics_solved(chunks):
    n, total, squares = 0, 0.0, 0.0
    for chunk in chunks:
        chunk = np.asarray(chunk, dtype=np.float64)  # (n_i, d)
        n += len(chunk)
        total = total + chunk.sum(0)  # (d,)
        squares = squares + (chunk**2).sum(0)  # (d,)
    mean = total / n
    return mean, np.sqrt(np.maximum(squares / n - mean**2, 0))


def _running_statistics_cases(rng):
    for chunks in ([[[1.0], [3.0]]], [[[1.0]], [[3.0]]], [[[0.0], [0.0], [0.0]], [[4.0]]]):
        yield (_Once([np.array(chunk) for chunk in chunks]),)
    yield (_Once([np.full((3, 1), 0.1), np.full((7, 1), 0.1)]),)  # squares that nearly cancel
    yield (_Once([np.full((6, 1), 1.7)]),)
    for sizes in ((1, 2), (3, 1, 2), (2, 5, 1, 3)):
        yield (_Once([np.round(rng.normal(i, 1 + i, (n, 2)), 1) for i, n in enumerate(sizes)]),)


def _with_either_mean_of_squares(got, want, arguments):
    """Agree if the variance was divided by n, or by n − 1."""
    n = sum(map(len, arguments[0].chunks))
    mean, deviation = parts(got, 2, "Return two arrays.")
    expect(mean, want[0])
    with suppress(Wrong):
        return expect(deviation, want[1] * np.sqrt(n / (n - 1)))
    return expect(deviation, want[1])


@exercise(
    "running_statistics",
    solve=_running_statistics_solved,
    cases=_running_statistics_cases,
    agree=_with_either_mean_of_squares,
)
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
    _deviation_of_equal_frames(answer)
    _keeps_nothing(answer, rng)
    return "With it, the frames need not fit into memory."


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


def _deviation_of_equal_frames(answer):
    for value in (0.1, 1.7):
        chunks = [np.full((3, 1), value), np.full((7, 1), value)]
        _, deviation = parts(answer(_Once(chunks)), 2, "Return two arrays.")
        try:
            expect(deviation, np.zeros(1), atol=1e-5)
        except Wrong:
            raise Wrong(
                "If all frames are alike, the mean of the squares and the square of the mean "
                "nearly cancel. Compute in float64, and take no root of less than 0."
            ) from None


class _Once:
    """An iterator that remembers being read, and refuses a second reading, which finds nothing."""

    def __init__(self, chunks):
        self.chunks = chunks
        self.position = 0

    @property
    def said(self):
        return f"iter({said(self.chunks)})"

    def __iter__(self):
        if self.position == len(self.chunks):
            raise Wrong(
                "You go through `chunks` a second time, and an iterator is empty then. Gather all "
                "that you need in one loop."
            )
        return self

    def __next__(self):
        if self.position == len(self.chunks):
            raise StopIteration
        self.position += 1
        return self.chunks[self.position - 1]


def _keeps_nothing(answer, rng):
    """Refuse an answer that holds the frames of all chunks when the last was read."""
    watched = _Watched(rng)
    was_on = tracemalloc.is_tracing()
    tracemalloc.start()
    gc.disable()  # what is new stays among the youngest objects
    try:
        answer(watched)
    finally:
        gc.enable()
        if not was_on:
            tracemalloc.stop()
    if watched.kept > 0.5:
        raise Wrong(
            "You keep the frames of all chunks until the end. A million utterances would not fit "
            "into memory: keep three running numbers per channel instead."
        )


class _Watched:
    """An iterator over many chunks, which looks how much memory is held when it ends."""

    n, shape = 16, (100, 3)

    def __init__(self, rng):
        self.rng = rng
        self.position = 0
        self.kept = 0.0  # of the frames, as a share

    def __deepcopy__(self, memo):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if self.position == 0:
            gc.collect(0)
            self.before = tracemalloc.get_traced_memory()[0]
        if self.position == self.n:
            held = (tracemalloc.get_traced_memory()[0] - self.before) / 4  # numbers of four bytes
            held = max(held, _numbers_in_new_tensors())
            self.kept = held / (self.n * np.prod(self.shape))
            raise StopIteration
        self.position += 1
        return self.rng.normal(0, 1, self.shape).astype(np.float32)


def _numbers_in_new_tensors():
    """Return how many numbers torch holds that it did not before; Python does not see them."""
    torch = sys.modules.get("torch")
    if torch is None:
        return 0
    young = gc.get_objects(generation=0)
    return sum(item.numel() for item in young if type(item) is torch.Tensor)
