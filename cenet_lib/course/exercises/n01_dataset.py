"""Checks for notebook 01: padding, alignment, baselines, splits."""

import numpy as np

from .framework import Wrong, exercise, expect


@exercise("padding_share")
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


@exercise("masked_mean")
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


@exercise("align_to_words")
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


@exercise("constant_baseline")
def _constant_baseline(answer, rng):
    train = np.round(rng.gamma(2, 1, 41) - 1, 2)  # skewed: mean and median differ
    test = np.round(rng.normal(0.4, 1, 30), 2)
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
        },
        what="The error",
    )
    return "A model that does not beat this has learned nothing."


@exercise("split_by_speaker")
def _split_by_speaker(answer, rng):
    sizes = rng.integers(5, 40, 24)
    speakers = [f"speaker{i:02d}" for i in np.repeat(np.arange(24), sizes)]
    order = rng.permutation(len(speakers))
    speakers = [speakers[i] for i in order]
    got = answer(list(speakers), 0.25)
    try:
        train, test = (sorted(int(i) for i in part) for part in got)
    except (TypeError, ValueError):
        raise Wrong("Return two lists of positions: those of train and those of test.") from None
    if sorted({*train, *test}) != list(range(len(speakers))):
        raise Wrong(
            "Every utterance must be in train or in test. Return POSITIONS in the list, "
            f"0 to {len(speakers) - 1}."
        )
    both = set(train) & set(test)
    if both:
        raise Wrong(f"{len(both)} utterances are in train and in test.")
    leaked = {speakers[i] for i in train} & {speakers[i] for i in test}
    if leaked:
        raise Wrong(
            f"{len(leaked)} speakers are in train AND in test. Split the list of different "
            "speakers first; then send each utterance where its speaker went."
        )
    share = len(test) / len(speakers)
    if share > 0.5:
        raise Wrong(f"Test got {share:.0%} of the utterances; asked were 25 %. Are they swapped?")
    if not 0.15 <= share <= 0.35:
        raise Wrong(
            f"Test got {share:.0%} of the utterances; asked were 25 %, give or take 10. Count "
            "utterances, not speakers: some speak more than others."
        )
    first = sorted({speakers[i] for i in test})
    if first in (sorted(set(speakers))[: len(first)], sorted(set(speakers))[-len(first) :]):
        raise Wrong(
            "Test holds the first or the last speakers in alphabetical order. Names may follow "
            "the date of recording or the topic: shuffle the speakers first."
        )
    return f"Test got {share:.0%} of the utterances, of {len(first)} speakers."
