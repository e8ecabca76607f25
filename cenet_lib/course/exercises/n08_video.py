"""Checks for notebook 08: two clocks, a pitch that rises, scaling, and what may be claimed."""

from contextlib import suppress

import numpy as np

from .framework import Wrong, exercise, expect


def _nearest_frames_solved(visual_times, acoustic_times):
    distance = np.abs(visual_times[:, None] - acoustic_times)  # (n, m)
    return distance.argmin(1)


def _nearest_frames_cases(rng):
    voice = np.array([0.0, 0.1, 0.2, 0.3])
    yield np.array([0.0]), voice[:1]
    yield np.array([0.12]), voice[:2]
    yield np.array([0.04]), voice[:2]
    yield np.array([0.0, 0.16, 0.43]), voice
    yield np.array([0.52, 0.67]), voice + 0.4
    for n, m in ((2, 3), (4, 5), (3, 8)):
        # no two frames at one moment, and no picture in the middle between two
        voice = rng.choice(np.arange(0, 1, 0.01).round(2), m, replace=False)
        yield np.sort(rng.uniform(0, 1, n)).round(3) + 0.0003, np.sort(voice)


@exercise("nearest_frames", solve=_nearest_frames_solved, cases=_nearest_frames_cases)
def _nearest_frames(answer, rng):
    voice = np.round(np.arange(180) * 0.01 + 0.2, 4)  # begins later than the film
    gaps = rng.uniform(0.02, 0.06, 40)
    gaps[15] = 0.4  # nobody was seen
    face = np.cumsum(gaps) + 0.0033  # between two frames of the voice, never in their middle
    face = np.floor(face * 100) / 100 + np.where(rng.random(40) < 0.5, 0.002, 0.008)
    distance = np.abs(face[:, None] - voice)  # (40, 180)
    want = distance.argmin(1)
    after = np.searchsorted(voice, face)
    stretched = np.linspace(0, len(voice) - 1, 40)
    expect(
        answer(face, voice),
        want,
        {
            "Those are the frames after each picture; the one before may be nearer.": np.minimum(
                after, len(voice) - 1
            ),
            "`searchsorted` finds the frame AFTER each picture; that before may be nearer.": after,
            "Those are the frames before each picture; the one after may be nearer.": np.maximum(
                after - 1, 0
            ),
            "You stretched one sequence over the other. Pictures come at uneven times, with gaps: "
            "compare the times.": np.arange(40) * len(voice) // 40,
            "You stretched one sequence over the other. Pictures come at uneven times: compare the "
            "times.": stretched.round(),
            "You stretched one sequence over the other. Pictures come unevenly: compare the "
            "times.": np.floor(stretched),
            "The voice has 100 frames a second, but may begin later than the film. Compare the "
            "times.": np.rint(100 * face),
            "Time 0 is the film's, not the voice's: its first frame may come later. Compare the "
            "times.": np.clip(np.rint(face / 0.01), 0, len(voice) - 1),
            "Those are times; return the numbers of the frames.": voice[want],
            "Those are distances; return where each is smallest.": distance.min(1),
            "That is the nearest picture for each frame of the voice; it is the other way "
            "round.": distance.argmin(0),
        },
        what="The result",
    )


def _rise_solved(f0):
    pitch = f0[np.isfinite(f0)]
    return 12 * np.log2(pitch[-10:].mean() / np.median(pitch))


def _rise_cases(rng):
    yield (np.array([100.0] * 10),)
    yield (np.array([100.0] * 11 + [200.0] * 10),)
    yield (np.array([100.0] * 11 + [200.0] * 10 + [np.nan]),)
    yield (np.array([100.0] * 12 + [np.nan] + [200.0] * 5 + [np.nan] + [150.0] * 5),)
    for n in (11, 13, 20):
        pitch = np.round(rng.uniform(80, 200, n))
        pitch[rng.integers(0, n, 2)] = np.nan
        yield (np.append(pitch, np.round(rng.uniform(80, 200, 3))),)


@exercise("rise", solve=_rise_solved, cases=_rise_cases)
def _rise(answer, rng):
    for up in (1, -1):
        pitch = 150 + rng.uniform(-20, 20, 60)
        pitch[-10:] = pitch[-10:] * (1.4 if up > 0 else 0.7)
        f0 = np.full(100, np.nan)
        places = np.sort(rng.permutation(np.arange(5, 85))[:60])  # ends with a pause
        f0[places] = pitch
        last, middle = pitch[-10:].mean(), np.median(pitch)
        found = answer(f0)
        if np.isinf(np.asarray(found, float)).any():
            raise Wrong(
                "It is infinite, for the end of the film has no pitch. Did you put 0 in place of "
                "NaN? Leave those frames out first, and then take the last ten."
            )
        if np.isnan(np.asarray(found, float)).any():
            raise Wrong(
                "It says NaN, for frames without a pitch are NaN. Leave those out first, and then "
                "take the last ten."
            )
        expect(
            found,
            12 * np.log2(last / middle),
            {
                "That is in Hz; semitones are 12 · log₂ of the ratio.": last - middle,
                "It is the wrong way round: the end divided by the median.": 12
                * np.log2(middle / last),
                "That is in octaves; an octave has 12 semitones.": np.log2(last / middle),
                "Take the logarithm to the base 2.": 12 * np.log(last / middle),
                "That is the ratio; take 12 · log₂ of it.": last / middle,
                "Take the median of all frames with a pitch, not their mean.": 12
                * np.log2(last / pitch.mean()),
                "Take the last ten frames that HAVE a pitch, not the last one.": 12
                * np.log2(pitch[-1] / middle),
                "Compare with the median of all frames with a pitch, not with the beginning.": 12
                * np.log2(last / pitch[:10].mean()),
                "Take the mean of the ten in Hz first, and then the semitones of that.": (
                    12 * np.log2(pitch[-10:] / middle)
                ).mean(),
                "Take the mean of the last ten frames with a pitch, not their median.": 12
                * np.log2(np.median(pitch[-10:]) / middle),
            },
            what="The rise",
        )
    return "12 semitones are an octave: twice the pitch."


@exercise("two_scales")
def _two_scales(answer, rng):
    by_recording, by_group = [-1.0, 1.0, -1.0, 1.0], [-1.4, -0.2, 0.2, 1.4]
    rows = answer()
    with suppress(TypeError, ValueError):  # a list per recording is as good as one row of both
        if np.asarray(rows, float).size == 8:
            rows = np.reshape(np.asarray(rows, float), (2, 4))
    expect(
        rows,
        [by_recording, by_group],
        {
            "The two rows are swapped: first each recording by itself, then all four frames "
            "together.": [by_group, by_recording],
            "You subtracted the mean; now divide by the standard deviation.": [
                [-3.0, 3.0, -3.0, 3.0],
                [-7.0, -1.0, 1.0, 7.0],
            ],
            "You divided by the variance; take its root.": [
                [-1 / 3, 1 / 3, -1 / 3, 1 / 3],
                [-0.28, -0.04, 0.04, 0.28],
            ],
            "You divided by n − 1; divide the sum of squares by n.": [
                np.array([-1, 1, -1, 1]) / np.sqrt(2),
                np.array([-7, -1, 1, 7]) / np.sqrt(100 / 3),
            ],
            "The first row takes each recording's OWN mean: 6 for the first, 14 for the second.": [
                by_group,
                by_group,
            ],
        },
        what="The result",
        rtol=0.02,  # on paper, two digits will do
        tell=False,
    )
    return "Scaled by itself, the smiling recording looks like the neutral one."


def _scale_by_group_solved(frames, groups):
    scaled = np.empty_like(frames)
    for name in np.unique(groups):
        part = frames[groups == name]
        deviation = part.std(0)
        scaled[groups == name] = (part - part.mean(0)) / np.where(deviation < 1e-9, 1, deviation)
    return scaled


def _scale_by_group_cases(rng):
    yield np.array([[1.0], [3.0]]), np.array(["anna", "anna"])
    yield np.array([[5.0], [5.0]]), np.array(["anna", "anna"])
    yield np.array([[5.0], [2.0]]), np.array(["anna", "ben"])
    yield np.array([[1.0], [10.0], [3.0], [30.0]]), np.array(["anna", "ben", "anna", "ben"])
    yield np.array([[1.0, 4.0], [3.0, 4.0], [7.0, 8.0]]), np.array(["ben", "ben", "anna"])
    for n, d in ((5, 1), (7, 2)):
        groups = np.array(["carla", "anna"])[rng.integers(0, 2, n)]
        yield np.round(rng.normal(3, 2, (n, d)), 1), groups


@exercise("scale_by_group", solve=_scale_by_group_solved, cases=_scale_by_group_cases)
def _scale_by_group(answer, rng):
    sizes = {"anna": 7, "ben": 9, "carla": 5}
    groups = np.repeat(list(sizes), list(sizes.values()))[rng.permutation(21)]
    frames = rng.normal(0, 1, (21, 3)) * (1, 20, 0.1) + (0, 150, 0.4)
    frames += np.array([{"anna": 0, "ben": 1, "carla": 3}[name] for name in groups])[:, None]
    frames[groups == "ben", 2] = 0.25  # a channel that never moves
    want = _by_group(frames, groups, lambda x: _divided(x - x.mean(0), x.std(0)))
    result = answer(frames, groups)
    if np.shape(result) == frames.shape and not np.isfinite(np.asarray(result, float)).all():
        raise Wrong(
            "It contains NaN or ∞. A channel that never moves in a group has a standard deviation "
            "of 0; divide by 1 there."
        )
    expect(
        result,
        want,
        {
            "Those are scaled with the statistics of all frames; take each group's own.": _divided(
                frames - frames.mean(0), frames.std(0)
            ),
            "One mean and deviation per CHANNEL: over axis 0.": _by_group(
                frames, groups, lambda x: (x - x.mean()) / x.std()
            ),
            "Divide by the standard deviation with n, not n − 1 (`ddof=0`).": _by_group(
                frames, groups, lambda x: _divided(x - x.mean(0), x.std(0, ddof=1))
            ),
            "You subtracted the means; now divide by the deviations.": _by_group(
                frames, groups, lambda x: x - x.mean(0)
            ),
            "Divide by the standard deviation, not by the variance.": _by_group(
                frames, groups, lambda x: _divided(x - x.mean(0), x.var(0))
            ),
            "The rows must stay in their order; you put the groups one after another.": (
                np.concatenate([want[groups == name] for name in sizes])
            ),
        },
        what="The result",
    )


def _by_group(frames, groups, change):
    result = np.empty_like(frames)
    for name in np.unique(groups):
        result[groups == name] = change(frames[groups == name])
    return result


def _divided(by_mean, deviation):
    return by_mean / np.where(deviation < 1e-9, 1, deviation)


@exercise("may_be_claimed")
def _may_be_claimed(answer, rng):
    chosen = {sign for part in answer() for sign in str(part).upper() if sign not in " ,;.\n"}
    if not chosen <= set("ABCDE"):
        raise Wrong("Return the letters of the sentences, for example 'AE'.")
    hints = {
        "A": "A: no channel measures what she feels; perhaps she plays.",
        "C": "C: one other person, two recordings. What would you say of a coin thrown twice?",
        "E": "E: codes differ with head, hand, light and camera, whatever anybody feels.",
    }
    for letter, hint in hints.items():
        if letter in chosen:
            raise Wrong(hint)
    if "B" not in chosen:
        raise Wrong("One is missing: which sentence says no more than what a channel showed?")
    if "D" not in chosen:
        raise Wrong("One is missing: which one did we count, and print?")
    return "Both say what was measured, and stop there."
