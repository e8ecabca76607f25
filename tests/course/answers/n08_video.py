"""Answers to the exercises of notebook 08: right ones in several forms, and typical wrong ones."""

import math

import numpy as np
import pandas as pd
import torch


def nearest_loop(face, voice):
    return [min(range(len(voice)), key=lambda i: abs(voice[i] - moment)) for moment in face]


def nearest_matrix(face, voice):
    return np.abs(np.subtract.outer(face, voice)).argmin(axis=1)


def rise_pandas(f0):
    pitch = pd.Series(f0).dropna()
    return 12 * np.log2(pitch.tail(10).mean() / pitch.median())


def rise_plain(f0):
    pitch = [value for value in f0.tolist() if not math.isnan(value)]
    middle = sorted(pitch)
    half = len(pitch) // 2
    median = (middle[half - 1] + middle[half]) / 2 if len(pitch) % 2 == 0 else middle[half]
    return 12 * math.log(sum(pitch[-10:]) / 10 / median, 2)


def risen(change):
    def answer(f0):
        pitch = f0[~np.isnan(f0)]
        return change(pitch[-10:].mean(), np.median(pitch), pitch)

    return answer


def scaled_pandas(frames, groups):
    def scale(x):
        deviation = x.std(ddof=0)
        return (x - x.mean()) / deviation.where(deviation > 1e-9, 1)

    return (
        pd.DataFrame(frames).groupby(groups, group_keys=False).apply(scale).sort_index().to_numpy()
    )


def scaled_loop(frames, groups):
    result = [[0.0] * frames.shape[1] for _ in frames]
    for name in set(groups.tolist()):
        rows = [i for i, group in enumerate(groups) if group == name]
        for column in range(frames.shape[1]):
            values = [frames[i, column] for i in rows]
            mean = sum(values) / len(values)
            spread = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
            for i in rows:
                result[i][column] = (frames[i, column] - mean) / (spread or 1)
    return result


def scaled(change, keep_order=True):
    def answer(frames, groups):
        names = [name for name in ("anna", "ben", "carla") if name in groups]
        parts = {name: change(frames[groups == name]) for name in names}
        if not keep_order:
            return np.concatenate(list(parts.values()))
        result = np.empty_like(frames)
        for name, part in parts.items():
            result[groups == name] = part
        return result

    return answer


def deviation(x, ddof=0):
    found = x.std(0, ddof=ddof)
    return np.where(found > 1e-9, found, 1)


def nearest_searched(face, voice):
    after = np.searchsorted(voice, face).clip(1, len(voice) - 1) if len(voice) > 1 else 0 * face
    after = np.asarray(after, dtype=int)
    before = np.maximum(after - 1, 0)
    return np.where(face - voice[before] <= voice[after] - face, before, after)


def nearest_torch(face, voice):
    return torch.cdist(torch.tensor(face)[:, None], torch.tensor(voice)[:, None]).argmin(1)


def rise_difference(f0):
    voiced = f0[f0 > 0]
    return 12 * (np.log2(np.mean(voiced[-10:])) - np.log2(np.quantile(voiced, 0.5)))


def rise_numpy(f0):
    last = f0[np.flatnonzero(~np.isnan(f0))[-10:]].mean()
    return torch.tensor(12 * np.log(last / np.nanmedian(f0)) / np.log(2))


def scaled_torch(frames, groups):
    frames, result = torch.tensor(frames), torch.zeros(frames.shape, dtype=torch.float64)
    for name in set(groups.tolist()):
        rows = torch.tensor(groups == name)
        part = frames[rows]
        scale = part.std(0, correction=0)
        result[rows] = (part - part.mean(0)) / torch.where(scale > 1e-9, scale, 1.0)
    return result


# Mutants of the solution that are right as well: the lines that differ, and the reason.
EQUIVALENT = {
    "scale_by_group": {
        "scaled = frames": "a check hands over copies, and `mine` too",
        "for name in groups:": "it does the same several times",
        "scaled[groups == name] = (part - part.mean(0)) / np.where(deviation <= 1e-09, 1, "
        "deviation)": "no deviation is 1e-9",
        "scaled[groups == name] = (part - part.mean(0)) / np.where(deviation < 2e-09, 1, "
        "deviation)": "no deviation is so small",
        "scaled[groups == name] = (part - part.mean(0)) / np.where(deviation < 5e-10, 1, "
        "deviation)": "no deviation is so small",
        "scaled[groups == name] = (part - part.mean(0)) / np.where(deviation < 1e-09, 2, "
        "deviation)": "it divides zeros",
    },
}

RIGHT = {
    "nearest_frames": [nearest_loop, nearest_matrix, nearest_searched, nearest_torch],
    "rise": [rise_pandas, rise_plain, rise_difference, rise_numpy],
    "two_scales": [
        lambda: ([-1, 1, -1, 1], [-1.4, -0.2, 0.2, 1.4]),
        lambda: [[[-1, 1], [-1, 1]], [[-1.4, -0.2], [0.2, 1.4]]],
        lambda: np.array([[-1, 1, -1, 1], [-7 / 5, -1 / 5, 1 / 5, 7 / 5]]),
        lambda: torch.tensor([[-1, 1, -1, 1], [-1.4, -0.2, 0.2, 1.4]]),
        lambda: [np.array([-3, 3, -3, 3]) / 3, np.array([-7, -1, 1, 7]) / np.sqrt(25)],
    ],
    "scale_by_group": [
        scaled_pandas,
        scaled_loop,
        scaled(lambda x: (x - x.mean(0)) / deviation(x)),
        scaled_torch,
    ],
    "may_be_claimed": [
        lambda: "BD",
        lambda: ["d", "b"],
        lambda: {"B", "D"},
        lambda: ("D ", "b"),
        lambda: "D, B",
    ],
}

WRONG = {
    "nearest_frames": [
        (lambda face, voice: np.searchsorted(voice, face).clip(0, len(voice) - 1), "frames after"),
        (lambda face, voice: (np.searchsorted(voice, face) - 1).clip(0), "frames before"),
        (lambda face, voice: np.arange(len(face)) * len(voice) // len(face), "stretched"),
        (
            lambda face, voice: np.rint(face / 0.01).clip(0, len(voice) - 1),
            "Time 0 is the film's",
        ),
        (lambda face, voice: np.searchsorted(voice, face), "frame AFTER"),
        (lambda face, voice: np.round(100 * face), "may begin later"),
        (lambda face, voice: np.linspace(0, len(voice) - 1, len(face)).round(), "stretched"),
        (
            lambda face, voice: np.linspace(0, len(voice) - 1, len(face)).astype(int),
            "come unevenly",
        ),
        (lambda face, voice: voice[nearest_matrix(face, voice)], "Those are times"),
        (lambda face, voice: nearest_matrix(voice, face), "other way round"),
    ],
    "rise": [
        (risen(lambda last, middle, pitch: last - middle), "in Hz"),
        (risen(lambda last, middle, pitch: 12 * np.log2(middle / last)), "wrong way round"),
        (risen(lambda last, middle, pitch: np.log2(last / middle)), "octaves"),
        (risen(lambda last, middle, pitch: 12 * np.log(last / middle)), "base 2"),
        (risen(lambda last, middle, pitch: 12 * np.log2(last / pitch.mean())), "not their mean"),
        (risen(lambda last, middle, pitch: 12 * np.log2(pitch[-1] / middle)), "HAVE a pitch"),
        (lambda f0: 12 * np.log2(f0[-10:].mean() / np.median(f0)), "Leave those out first"),
        (
            lambda f0: 12 * np.log2(np.nan_to_num(f0)[-10:].mean() / np.median(f0[f0 > 0])),
            "0 in place of NaN",
        ),
        (risen(lambda last, middle, pitch: (12 * np.log2(pitch[-10:] / middle)).mean()), "in Hz"),
    ],
    "two_scales": [
        (lambda: ([-1.4, -0.2, 0.2, 1.4], [-1, 1, -1, 1]), "swapped"),
        (lambda: ([-3, 3, -3, 3], [-7, -1, 1, 7]), "now divide"),
        (lambda: ([-0.71, 0.71, -0.71, 0.71], [-1.21, -0.17, 0.17, 1.21]), "n − 1"),
        (lambda: [[-1.4, -0.2, 0.2, 1.4]] * 2, "OWN mean"),
        (lambda: [-1, 1, -1, 1], "expected (2, 4)"),
    ],
    "scale_by_group": [
        (lambda frames, groups: (frames - frames.mean(0)) / frames.std(0), "each group's own"),
        (scaled(lambda x: (x - x.mean()) / x.std()), "per CHANNEL"),
        (scaled(lambda x: (x - x.mean(0)) / deviation(x, 1)), "ddof=0"),
        (scaled(lambda x: x - x.mean(0)), "now divide"),
        (scaled(lambda x: (x - x.mean(0)) / deviation(x), keep_order=False), "in their order"),
        (
            scaled(lambda x: np.full_like(x, np.nan)),
            "divide by 1 there",
        ),
    ],
    "may_be_claimed": [
        (lambda: "ABD", "A: no channel"),
        (lambda: "BCD", "coin"),
        (lambda: "BDE", "hand, light and camera"),
        (lambda: "D", "what a channel showed"),
        (lambda: "B", "we count"),
        (lambda: "yes", "letters of the sentences"),
    ],
}
