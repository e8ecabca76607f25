"""Checks for notebook 06: accuracies and their conventions, a paired bootstrap, mass on cues."""

from contextlib import suppress

import numpy as np

from .framework import Wrong, exercise, expect, parts


def _acc2_twice_solved(y, y_hat):
    has0 = ((y_hat >= 0) == (y >= 0)).mean()
    non0 = ((y_hat > 0) == (y > 0))[y != 0].mean()
    return has0, non0


def _acc2_twice_cases(rng):
    for y in (1.0, -1.0, 0.4, -0.4):
        for y_hat in (0.5, -0.5, 0.0):
            yield np.array([y]), np.array([y_hat])
            for other in (0.5, -0.5, 0.0):
                yield np.array([y, 0.0]), np.array([y_hat, other])
    for n in (3, 5):
        y, y_hat = rng.integers(-2, 3, (2, n)).astype(float)
        y[0] = 1.5
        yield y, y_hat


@exercise("acc2_twice", solve=_acc2_twice_solved, cases=_acc2_twice_cases)
def _acc2_twice(answer, rng):
    y, y_hat = _with_zeros(rng)
    some = y != 0
    has0 = ((y_hat >= 0) == (y >= 0)).mean()
    non0 = ((y_hat > 0) == (y > 0))[some].mean()
    result = answer(y, y_hat)
    if np.shape(result) != (2,):
        raise Wrong("Return two numbers: has0 and non0.")
    sign = "np.sign has three values, and zero is a class of its own there."
    product = "A product of 0 has no sign: where ŷ is 0, it does not say what ŷ ≥ 0 and ŷ > 0 say."
    positive, same_sign, times = (y_hat > 0) == (y > 0), np.sign(y_hat) == np.sign(y), y * y_hat
    percent = "Those are percentages; return shares, from 0 to 1."
    of_has0 = {
        "That is non0, and has0 comes first: are they swapped?": non0,
        percent: 100 * has0,
        "In has0, zero counts as positive on both sides: ≥, not >.": positive.mean(),
        product: (times >= 0).mean(),
        sign: same_sign.mean(),
    }
    of_non0 = {
        "In non0, a prediction of exactly 0 is not positive: compare ŷ > 0 with y > 0.": (
            (y_hat >= 0) == (y > 0)
        )[some].mean(),
        "non0 leaves out utterances whose LABEL is 0, not those whose prediction is.": positive[
            y_hat != 0
        ].mean(),
        "non0 leaves zero labels out; you kept them in.": positive.mean(),
        "Divide non0 by the number of utterances that are left.": (positive & some).sum() / len(y),
        percent: 100 * non0,
        product: (times > 0)[some].mean(),
        sign: same_sign[some].mean(),
    }
    expect(result[0], has0, of_has0, what="has0")
    expect(result[1], non0, of_non0, what="non0")


def _with_zeros(rng):
    """Return labels and predictions (40,), among them labels and predictions of exactly 0."""
    y = np.round(rng.normal(0, 1.5, 40), 1)
    y_hat = np.round(y + rng.normal(0, 1, 40), 1)
    y[:7], y_hat[7:10] = 0, 0
    y_hat[:7] = [-0.4, -0.2, 0.3, -1, 0.5, -0.1, -0.6]
    y[7:10] = [-1.0, -0.5, -1.2]
    return y, y_hat


def _acc7_solved(y, y_hat):
    return (np.round(np.clip(y, -3, 3)) == np.round(np.clip(y_hat, -3, 3))).mean()


def _acc7_cases(rng):
    pairs = (
        *((1.0, 1.0), (1.0, 2.0), (1.4, 0.6), (1.6, 1.2), (-0.7, -0.2), (-0.7, -1.2), (0.2, -0.3)),
        *((0.5, 0.0), (0.5, 1.0), (1.5, 2.0), (1.5, 1.0), (2.5, 2.0), (2.5, 3.0)),
        *((-0.5, 0.0), (-0.5, -1.0), (-1.5, -2.0), (-1.5, -1.0), (-2.5, -2.0), (-2.5, -3.0)),
        *(
            (4.2, 3.0),
            (-3.8, -3.0),
            (3.0, 4.2),
            (-3.0, -5.0),
            (2.0, 4.2),
            (-2.0, -3.0),
            (2.0, 3.0),
            (2.0, -2.0),
        ),
    )
    for y, y_hat in pairs:
        yield np.array([y]), np.array([y_hat])
    y, y_hat = np.array(pairs).T
    for n in (2, 3, 4):
        yield y[rng.permutation(len(y))[:n]], y_hat[rng.permutation(len(y))[:n]]
    yield y, y_hat


@exercise("acc7", solve=_acc7_solved, cases=_acc7_cases)
def _acc7(answer, rng):
    halves, halves_hat = [2.5, -1.5, 0.5], [2, -2, 0]
    far, far_hat = [3.0, -3.0, 3.0, -3.0, 2.8], [4.2, -3.9, 3.6, -5.0, 3.7]
    near, near_hat = [0.4, -0.3, -0.2], [-0.4, 0.2, 0.1]  # of one class, but rounded down of two
    y = rng.uniform(-3, 3, 30)
    y_hat = y + rng.normal(0, 0.8, 30)
    y = np.concatenate([y, halves, far, near])
    y_hat = np.concatenate([y_hat, halves_hat, far_hat, near_hat])

    def share(round_, bound=3, clip=True):
        a, b = (np.clip(v, -bound, bound) if clip else v for v in (y, y_hat))
        return (round_(a) == round_(b)).mean()

    alone = [answer(np.array([a]), np.array([b])) for a, b in ((1.4, 1.6), (0.8, 1.4), (0.9, 1.1))]
    if [float(np.asarray(one).reshape(-1)[0]) for one in alone] == [1, 0, 1]:
        raise Wrong("Round both to a class: 1.4 and 1.6 are near, and of two classes.")
    expect(
        answer(y, y_hat),
        share(np.round),
        {
            "Clip to [−3, 3] first: a prediction of 4.2 is class 3.": share(np.round, clip=False),
            "You cut the decimals off; round.": share(np.trunc),
            "You rounded down; round to the nearest.": share(np.floor),
            "You rounded halves up; np.round takes the even number: 2.5 becomes 2.": share(
                lambda v: np.floor(v + 0.5)
            ),
            "You rounded halves away from zero; np.round takes the even number.": share(
                lambda v: np.sign(v) * np.floor(np.abs(v) + 0.5)
            ),
            "That is Acc-5: clip to ±3, not to ±2.": share(np.round, bound=2),
            "That is the number; return the share.": share(np.round) * len(y),
            "That is the share of wrong ones.": 1 - share(np.round),
        },
        what="Acc-7",
    )


def _paired_bootstrap_solved(a, b, draws):
    difference = a - b  # (N,)
    resampled = difference[draws].mean(1)  # (R,)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return difference.mean(), low, high


def _paired_bootstrap_cases(rng):
    yield np.array([3.0]), np.array([1.0]), np.array([[0]])
    yield np.array([3.0, 0.0]), np.array([1.0, 0.0]), np.array([[0, 0]])
    yield np.array([3.0, 0.0]), np.array([1.0, 0.0]), np.array([[0, 1], [1, 1], [0, 0]])
    for n in (3, 5):
        a, b = np.round(rng.uniform(0, 2, (2, n)), 1)
        yield a, b, rng.integers(0, n, (80, n))


def _any_quantile(got, want, arguments):
    """Agree to each usual way of taking a quantile, between two neighbours or at one of them."""
    a, b, draws = arguments
    mean, low, high = parts(got, 3, "Return three numbers.")
    expect(mean, want[0])
    means = np.sort((a - b)[draws].mean(1))
    _between_neighbours(float(np.asarray(low)), means)
    _between_neighbours(-float(np.asarray(high)), -means[::-1])


def _between_neighbours(low, means):
    """Refuse a low end that is not between the two means about which 2.5 % are cut off."""
    cut = -(-25 * len(means) // 1000)  # 2.5 % of them, rounded up
    first, last = means[max(cut - 1, 0)], means[min(cut, len(means) - 1)]
    if not first - 1e-9 <= low <= last + 1e-9:
        raise Wrong(f"The end should lie between {first} and {last}.")


@exercise(
    "paired_bootstrap",
    solve=_paired_bootstrap_solved,
    cases=_paired_bootstrap_cases,
    agree=_any_quantile,
)
def _paired_bootstrap(answer, rng):
    hard = rng.exponential(1, 60)
    a, b = hard + rng.uniform(0, 0.3, 60), hard + rng.uniform(0.1, 0.4, 60)
    draws = rng.integers(0, 60, (200, 60))
    resampled = (a - b)[draws].mean(1)
    mean, std = (a - b).mean(), resampled.std()
    low, high = _ends(resampled)
    apart = a[draws].mean(1) - b[draws[::-1]].mean(1)
    ends_a, ends_b = _ends(a[draws].mean(1)), _ends(b[draws].mean(1))
    result = answer(a, b, draws)
    if np.shape(result) != (3,):
        raise Wrong("Return three numbers: the difference, and both ends of its interval.")
    with suppress(Wrong):
        return _sensible(result, (mean, low, high), (a, b, draws))
    expect(
        result,
        [mean, low, high],
        {
            "It is a − b; you took b − a.": [-mean, -high, -low],
            "The ends are swapped: low first.": [mean, high, low],
            "The ends are quantiles of the DIFFERENCES between utterances. Take those of the MEAN "
            "over each resample.": [mean, *_ends(a - b)],
            "`np.percentile` counts to 100, so the ends are at 2.5 and 97.5.": [
                mean,
                *np.quantile(resampled, [0.00025, 0.00975]),
            ],
            "The difference is the mean of a − b itself, not of the resamples.": [
                resampled.mean(),
                low,
                high,
            ],
            "That is an interval of 90 %: cut 2.5 % at each end.": [mean, *_ends(resampled, 0.05)],
            "You took the mean ± two standard deviations. Close, but take the quantiles.": (
                mean + std * np.array([0, -2, 2])
            ),
            "You took the mean ± 1.96 standard deviations. Close, but take the quantiles.": (
                mean + std * np.array([0, -1.96, 1.96])
            ),
            "You drew other utterances for a than for b, so what makes a sentence hard no longer "
            "cancels. Use the same draw for both.": [mean, *_ends(apart)],
            "You took the mean over the resamples (axis 0). There is one mean per resample: axis "
            "1.": [mean, *_ends((a - b)[draws].mean(0))],
            "Whether two single intervals overlap is another question: a sentence is hard for "
            "both. Pair first, then take the quantiles.": [
                mean,
                *(ends_a - ends_b[::-1]),
            ],
            "The ends belong to the difference of two single intervals; pair first, then take the "
            "quantiles.": [mean, *(ends_a - ends_b)],
        },
        what="(difference, low, high)",
        rtol=1e-5,
    )


def _sensible(result, want, arguments):
    """Return the remark on a right answer; raise `Wrong` otherwise."""
    _any_quantile(result, want, arguments)
    return "Pairing makes the interval narrow: what is hard for both cancels."


def _ends(values, cut=0.025):
    """Return both ends of what is left when a share of the values is cut off on each side."""
    return np.quantile(values, [cut, 1 - cut])


def _cue_mass_solved(attention, codes, cue):
    counts = np.bincount(codes, minlength=len(attention))  # (k,)
    per_frame = attention[codes] / counts[codes]  # (n,)
    return per_frame[cue].sum()


def _cue_mass_cases(rng):
    for attention, codes, cue in (
        ([1.0], [0], [1]),
        ([1.0], [0], [0]),
        ([1.0], [0, 0], [1, 0]),
        ([0.25, 0.75], [0, 1], [1, 0]),
        ([0.4, 0.6], [0, 0, 1, 1, 1], [1, 0, 1, 1, 1]),
        ([0.5, 0.0, 0.5], [0, 2], [0, 1]),
        ([0.0, 1.0, 0.0], [1, 1], [1, 0]),
    ):
        yield np.array(attention), np.array(codes), np.array(cue, dtype=bool)
    for n in (4, 6):
        codes = rng.integers(0, 3, n)
        attention = np.round(rng.uniform(0.1, 0.5, 4), 1) * (np.bincount(codes, minlength=4) > 0)
        yield attention / attention.sum(), codes, rng.random(n) < 0.5


@exercise("cue_mass", solve=_cue_mass_solved, cases=_cue_mass_cases)
def _cue_mass(answer, rng):
    k, n = 5, 24
    codes = np.concatenate([[0, 0, 1, 1, 1], rng.integers(0, 3, n - 5)])  # 3 and 4 do not occur
    cue = (rng.random(n) < 0.4) & (codes != 2)  # code 2 has none
    cue[:2] = [True, False]
    counts = np.bincount(codes, minlength=k)
    attention = np.where(counts > 0, rng.uniform(0.1, 1, k), 0)
    attention /= attention.sum()
    per_frame = attention[codes] / counts[codes]
    any_cue = np.array([bool(cue[codes == j].any()) for j in range(k)])
    expect(
        answer(attention, codes, cue),
        per_frame[cue].sum(),
        {
            "Each frame of a code got the whole attention of the code. They share it: divide by "
            "their number.": attention[codes][cue].sum(),
            "That is the share of cue frames; weigh each frame with its attention.": cue.mean(),
            "That is all the attention; take the frames that are cues.": attention.sum(),
            "That is the mass of all codes that have a cue frame at all. Only the cue frames of a "
            "code count.": attention[any_cue].sum(),
            "That is the mass on frames that are NOT cues.": per_frame[~cue].sum(),
            "Take the sum over the cue frames, not the mean.": per_frame[cue].mean(),
            "That is the mean of the codes' attention over cue frames; each code's attention is "
            "shared by its frames, and then summed.": attention[codes][cue].mean(),
        },
        what="The mass",
    )
