"""Checks for notebook 01: padding, alignment, baselines, splits."""

import numpy as np

from .framework import Wrong, exercise, expect, said


def _padding_share_solved(lengths):
    lengths = np.asarray(lengths)
    return 1 - lengths.sum() / (len(lengths) * lengths.max())


def _padding_share_cases(rng):
    for lengths in ([5], [7, 7], [2, 4], [1, 3, 2], [6, 1, 1, 4]):
        yield (np.array(lengths),)
    yield (rng.integers(1, 9, 5),)


@exercise("padding_share", solve=_padding_share_solved, cases=_padding_share_cases)
def _padding_share(answer, rng):
    lengths = rng.integers(20, 200, 8)
    real = lengths.sum() / (len(lengths) * lengths.max())
    expect(
        answer(lengths),
        1 - real,
        {
            "That is the share of REAL frames; the share of padding is the rest.": real,
            "You divide the padding by the real frames. Divide by all cells of the padded array, "
            "real and padding.": 1 / real - 1,
            "That is a percentage; give a share between 0 and 1.": 100 * (1 - real),
            "That is how many padding frames there are, not their share.": (
                len(lengths) * lengths.max() - lengths.sum()
            ),
        },
        what="The share",
    )
    expect(answer(np.array([7, 7])), 0.0, what="The share for two equal lengths")
    return "The longest utterance decides for all of them."


def _masked_mean_solved(frames, lengths):
    real = np.arange(frames.shape[1]) < lengths[:, None]  # (B, N)
    total = (frames * real[:, :, None]).sum(1)  # (B, d)
    return total / np.maximum(lengths, 1)[:, None]


def _masked_mean_cases(rng):
    yield np.array([[[4.0]]]), np.array([1])
    yield np.array([[[4.0], [0.0]]]), np.array([1])
    yield np.array([[[4.0], [9.0]]]), np.array([1])
    yield np.array([[[4.0], [9.0]]]), np.array([0])
    yield np.array([[[1.0, 2.0], [3.0, 6.0]]]), np.array([2])
    for shape in ((2, 3, 1), (3, 2, 2), (4, 5, 3)):
        frames = np.round(rng.normal(2, 1, shape), 1)
        yield frames, rng.integers(0, shape[1] + 1, shape[0])


@exercise("masked_mean", solve=_masked_mean_solved, cases=_masked_mean_cases)
def _masked_mean(answer, rng):
    lengths = np.array([6, 2, 4])
    frames = rng.normal(1, 1, (3, 6, 2))
    for row, n in zip(frames, lengths):
        row[n:] = 0
    want = frames.sum(1) / lengths[:, None]
    expect(
        answer(frames, lengths),
        want,
        {
            "You average over all frames, and the zeros of the padding pull the mean to zero. "
            "Divide by the number of real frames.": frames.mean(1),
            "You average over the utterances (axis 0). Average over the frames (axis 1).": (
                frames.mean(0)
            ),
            "You add the frames up but do not divide by their number.": frames.sum(1),
        },
        what="The mean",
    )
    _mean_beside_other_padding(answer, frames, lengths)
    _mean_of_nothing(answer, frames)


def _mean_beside_other_padding(answer, frames, lengths):
    """Padding need not be zero."""
    filled = frames.copy()
    filled[1, 2:] = 99
    expect(
        answer(filled, lengths),
        frames.sum(1) / lengths[:, None],
        {
            "It is right only while the padding is zero. Leave the padded frames out of the sum.": (
                filled.sum(1) / lengths[:, None]
            )
        },
        what="The mean with padding other than 0",
    )


def _mean_of_nothing(answer, frames):
    lengths = np.array([6, 0, 4])
    with np.errstate(invalid="ignore"):
        got = answer(frames, lengths)
    want = frames.sum(1) / np.maximum(lengths, 1)[:, None]
    want[1] = 0
    nan = want.copy()
    nan[1] = np.nan
    expect(
        got,
        want,
        {"An utterance without frames gives 0/0 = NaN. Return zeros for it.": nan},
        what="The mean where an utterance has no frames",
    )


def _align_to_words_solved(frames, times, intervals):
    rows = np.zeros((len(intervals), frames.shape[1]))  # (n_words, d)
    for row, (start, end) in zip(rows, intervals):
        inside = (times >= start) & (times < end)  # (n,)
        if inside.any():
            row[:] = frames[inside].mean(0)
    return rows


def _align_to_words_cases(rng):
    frames, times = np.array([[1.0], [2.0], [6.0]]), np.array([0.0, 0.5, 1.0])
    for start, end in ((0, 2), (0, 0.5), (0.5, 1), (0.5, 0.5), (0.1, 0.2), (0.5, 9)):
        yield frames, times, np.array([[start, end]], dtype=float)
    yield frames, times, np.array([[0, 0.4], [0.4, 0.9], [1, 2]])
    yield frames, times, np.array([[2.0, 3.0], [0.0, 0.6]])
    for n in (4, 7):
        borders = np.sort(np.round(rng.uniform(0, 1, 4), 2))
        moments = np.sort(np.append(np.round(rng.uniform(0, 1, n - 2), 2), borders[1:3]))
        words = np.stack([borders[:-1], borders[1:]], axis=1)
        yield np.round(rng.normal(0, 1, (n, 2)), 1), moments, words


@exercise("align_to_words", solve=_align_to_words_solved, cases=_align_to_words_cases)
def _align_to_words(answer, rng):
    times = np.arange(12) * 0.1 + 0.05
    frames = rng.normal(0, 1, (12, 3))
    intervals = np.array([[0.0, 0.3], [0.3, 0.5], [0.7, 1.2]])
    inside = (times >= intervals[:, :1]) & (times < intervals[:, 1:])
    want = np.stack([frames[row].mean(0) for row in inside])
    expect(
        answer(frames, times, intervals),
        want,
        {
            "You take the sum of the frames inside each word; take their mean.": np.stack(
                [frames[row].sum(0) for row in inside]
            ),
            "You take the first frame of each word; average all that lie inside.": np.stack(
                [frames[row][0] for row in inside]
            ),
            "You cut the frames into equal parts and ignore the times. Words differ in "
            "length, and there is a gap before the last one.": frames.reshape(3, 4, 3).mean(1),
        },
        what="The aligned array",
    )
    _word_without_a_frame(answer, frames, times)
    _frame_on_a_border(answer, frames, times)


def _word_without_a_frame(answer, frames, times):
    empty = np.array([[0.0, 0.3], [0.31, 0.32]])
    want = np.stack([frames[:3].mean(0), np.zeros(3)])
    nan = want.copy()
    nan[1] = np.nan
    with np.errstate(all="ignore"):
        got = answer(frames, times, empty)
    expect(
        got,
        want,
        {"A word so short that no frame falls into it gives NaN. Return zeros for it.": nan},
        what="The array with a very short word",
    )


def _frame_on_a_border(answer, frames, times):
    edge = np.array([[0.0, 0.25], [0.25, 0.4]])  # the frame at .25 begins the second word
    expect(
        answer(frames, times, edge),
        np.stack([frames[:2].mean(0), frames[2:4].mean(0)]),
        {
            "A frame exactly on the border counts for both words. An interval holds its start but "
            "not its end: start ≤ time < end.": np.stack([frames[:3].mean(0), frames[2:4].mean(0)]),
            "A frame exactly on the border belongs to the word that begins there: "
            "start ≤ time < end.": np.stack([frames[:3].mean(0), frames[3:4].mean(0)]),
        },
        what="The array with a frame on a border",
    )


def _constant_baseline_solved(train_labels, test_labels):
    return np.abs(test_labels - np.median(train_labels)).mean()


def _constant_baseline_cases(rng):
    # an odd number of labels: of an even one, everything between the middle two is as good
    for train, test in (([1.0], [1.0]), ([1.0], [3.0]), ([0, 0, 3], [1]), ([0, 0, 3], [-1, 2])):
        yield np.array(train, dtype=float), np.array(test, dtype=float)
    yield np.array([-2.0, -1.0, 3.0]), np.array([0.5, -3.0, 1.0])
    yield np.round(rng.gamma(2, 1, 7) - 1, 1), np.round(rng.normal(0, 1, 4), 1)


@exercise("constant_baseline", solve=_constant_baseline_solved, cases=_constant_baseline_cases)
def _constant_baseline(answer, rng):
    train = np.round(rng.gamma(2, 1, 41) - 1, 2)  # skewed: mean and median differ
    test = np.round(rng.normal(0.4, 1.5, 30), 2)
    guess = np.median(train)
    want = np.abs(test - guess).mean()
    expect(
        answer(train, test),
        want,
        {
            "You chose the constant on the TEST labels. That is a leak: choose it on train.": (
                np.abs(test - np.median(test)).mean()
            ),
            "You predict the mean of train. It is best for squared errors; the median is best for "
            "absolute ones.": np.abs(test - train.mean()).mean(),
            "You predict 0. There is a better constant: the median of train.": np.abs(test).mean(),
            "That is the mean SQUARED error; take absolute values.": ((test - guess) ** 2).mean(),
            "That is the error on train; measure it on test.": np.abs(train - guess).mean(),
            "Without absolute values, errors up and down cancel.": (test - guess).mean(),
            "That is the median of the absolute errors; return their mean.": (
                np.median(np.abs(test - guess))
            ),
            "That is the constant itself; return its mean absolute error on test.": guess,
        },
        what="The error",
    )
    return (
        "A model that does not beat this predicts no better than a number that never looks at "
        "the input."
    )


def _split_by_speaker_solved(speakers, share):
    different, counts = np.unique(speakers, return_counts=True)
    order = np.random.default_rng(0).permutation(len(different))
    before = np.cumsum(counts[order]) - counts[order]  # utterances in test before this speaker
    test_speakers = set(different[order[before < share * len(speakers)]])
    test = [i for i, s in enumerate(speakers) if s in test_speakers]
    train = [i for i, s in enumerate(speakers) if s not in test_speakers]
    return train, test


def _split_by_speaker_cases(rng):
    for number in (2, 3, 6):
        speakers = list("abcdef"[:number] * 2)
        yield [speakers[i] for i in rng.permutation(len(speakers))], 0.5


def _any_split(got, want, arguments):
    """Agree to any split: a right one is not the only one."""


@exercise(
    "split_by_speaker",
    solve=_split_by_speaker_solved,
    cases=_split_by_speaker_cases,
    agree=_any_split,
)
def _split_by_speaker(answer, rng):
    for speakers, share in _split_by_speaker_cases(rng):
        _split(answer, speakers, share)
    for share in (0.25, 0.4):
        speakers = _many_speakers(rng)
        for order in (sorted(speakers), speakers):  # as files are listed, and mixed
            train, test = _split(answer, order, share)
            _split_is_of_size(order, test, share)
            _split_is_not_by_name(order, test)
    _split_by_number(answer, rng)
    n = len(train) + len(test)
    return f"Test got {len(test) / n:.0%} of the utterances where 40 % were asked for."


def _split_by_number(answer, rng):
    """Refuse to count speakers in place of utterances, where ten speak much and ten hardly."""
    names = np.array([f"speaker{i:02d}" for i in range(20)])
    for _ in range(40):  # a split by speakers is near 40 % by chance in five draws of six
        speakers = np.repeat(rng.permutation(names), [30] * 10 + [1] * 10)
        order = rng.permutation(speakers).tolist()
        _, test = _split(answer, order, 0.4)
        got = len(test) / len(order)
        if abs(got - 0.4) > 0.1:
            raise Wrong(
                f"Ten speak much here and ten hardly; test got {got:.0%} of the utterances, asked "
                "were 40%. Count utterances, not speakers."
            )


def _many_speakers(rng):
    """Return the speakers of utterances in random order; some speak much more than others."""
    sizes = rng.integers(5, 40, 60)
    speakers = [f"speaker{i:02d}" for i in np.repeat(np.arange(60), sizes)]
    return [speakers[i] for i in rng.permutation(len(speakers))]


def _split(answer, speakers, share):
    """Check one split; return it."""
    got = answer(list(speakers), share)
    shown = f"For speakers = {said(speakers)}, share = {share}: " if len(speakers) < 20 else ""
    try:
        train, test = (sorted(int(i) for i in part) for part in got)
    except (TypeError, ValueError):
        raise Wrong("Return two lists of positions: those of train and those of test.") from None
    if sorted({*train, *test}) != list(range(len(speakers))):
        raise Wrong(
            f"{shown}Every utterance must be in train or in test. Return POSITIONS in the list, "
            f"0 to {len(speakers) - 1}."
        )
    if len(train) + len(test) > len(speakers):
        twice = next(i for i in range(len(speakers)) if (train + test).count(i) > 1)
        raise Wrong(f"{shown}Utterance {twice} is there twice.")
    leaked = {speakers[i] for i in train} & {speakers[i] for i in test}
    if leaked:
        raise Wrong(
            f"{shown}{min(leaked)} is in train AND in test. Split the list of different "
            "speakers first; then send each utterance where its speaker went."
        )
    return train, test


def _split_is_of_size(speakers, test, asked):
    """Refuse a test split that is too large or too small."""
    share = len(test) / len(speakers)
    if abs(1 - share - asked) <= 0.1 < abs(share - asked):
        raise Wrong(
            f"Test got {share:.0%} of the utterances; asked were {asked:.0%}. Are they swapped?"
        )
    if abs(share - asked) > 0.1:
        raise Wrong(
            f"Test got {share:.0%} of the utterances; asked were {asked:.0%}, give or take 10 "
            "points. Count utterances, not speakers: some speak more than others."
        )


def _split_is_not_by_name(speakers, test):
    """Refuse a test split of a piece of the alphabet, or of every so many names."""
    chosen = {speakers[i] for i in test}
    for key in (str, lambda name: name[::-1]):
        in_order = sorted(set(speakers), key=key)
        if _is_regular([in_order.index(name) for name in chosen], len(in_order)):
            raise Wrong(
                "Test holds the speakers of one piece of the alphabet, or every so many of them. "
                "Names may follow the date of recording or the topic: shuffle the speakers first."
            )


def _is_regular(places, n):
    """Tell whether places among n, in a circle, lie side by side or at equal steps, or nearly."""
    places = np.sort(places)
    steps = np.diff(places, append=places[0] + n)
    side_by_side = n - steps.max() <= len(places) + 2  # a large speaker may have been skipped
    return side_by_side or (steps == np.bincount(steps).argmax()).sum() >= len(steps) - 2
