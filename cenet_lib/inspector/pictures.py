"""Pictures of codes: a schematic face from action units, a wave from the measures of a voice.

A code is a point in 35 or 74 dimensions; a reader wants to see a frown. So channels are matched by
name to the few things that can be drawn, and their values become *activations*: 0 at rest, ±1 at
the strongest of all codes. The face is a set of curves whose points each action unit moves (a
linear blend); the voice is a wave whose speed is pitch, whose height is energy, and so on. Both are
schematic: the face shows which channels are high, not how this person looked.

The shapes are data (`FACE`), and the wave is a formula; `page/art.js` draws the same ones.

Source of the action units: Ekman and Friesen 1978, the Facial Action Coding System.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, PathPatch, Polygon
from matplotlib.path import Path

from ..vocabulary import FeatureVocabulary

ACTION_UNITS = {
    1: "inner brows raised",
    2: "outer brows raised",
    4: "brows lowered",
    5: "upper lids raised",
    6: "cheeks raised",
    7: "lids tight",
    9: "nose wrinkled",
    10: "upper lip raised",
    12: "lip corners up",
    14: "dimpled",
    15: "lip corners down",
    16: "lower lip down",
    17: "chin raised",
    18: "lips puckered",
    20: "lips stretched",
    23: "lips tight",
    24: "lips pressed",
    25: "lips apart",
    26: "jaw dropped",
    27: "mouth wide open",
    28: "lips sucked in",
    43: "eyes closed",
    45: "blink",
}
HEAD = {"pitch": "head tilted", "yaw": "head turned", "roll": "head leaning"}
# What each measure of the voice means when it is high, and when it is low.
VOICE = {
    "pitch": ("high", "low"),
    "energy": ("loud", "quiet"),
    "voicing": ("voiced", "voiceless"),
    "creak": ("creaky", ""),
    "breath": ("breathy", "tense"),
}
_PATTERNS = {
    "visual": {
        "pitch": r"(head.?)?pitch( degrees)?|pose_rx",
        "yaw": r"(head.?)?yaw( degrees)?|pose_ry",
        "roll": r"(head.?)?roll( degrees)?|pose_rz",
    },
    "acoustic": {
        "pitch": r"f0.*|pitch.*",
        "energy": r"mcep_?0+|.*energy.*|loudness.*|intensity",
        "voicing": r"vuv|.*voicing.*",
        "creak": r"creak.*",
        "breath": r"naq|rd",
    },
}
# FACET's "AU12" and "AU12 Evidence", OpenFace's "AU12_r"; its "AU12_c" says only yes or no
_ACTION_UNIT = re.compile(r"au_?0*(\d+)([ _]?(r|evidence|intensity))?", re.IGNORECASE)
_REST = 0.25  # activations below are noise
_PULSES = (0.07, 0.24, 0.32, 0.55, 0.71, 0.78, 0.95)  # of a creaky voice, irregular


def drawable(names: Sequence[str] | None, stream: str) -> dict[str, int]:
    """Find the channels that can be drawn, by name.

    Returns
    -------
    dict of str to int
        Column by what it draws: ``"AU12"``, ``"yaw"``, … or ``"pitch"``, ``"energy"``, … Empty
        without names, or with names that say nothing.

    Examples
    --------
    >>> drawable(["AU12_r", "pose_Ry", "AU12_c"], "visual")
    {'AU12': 0, 'yaw': 1}
    """
    found: dict[str, int] = {}
    for column, name in enumerate(names or ()):
        unit = _ACTION_UNIT.fullmatch(name.strip()) if stream == "visual" else None
        if unit and int(unit[1]) in ACTION_UNITS:
            found.setdefault(f"AU{int(unit[1])}", column)
        for what, pattern in _PATTERNS[stream].items():
            if re.fullmatch(pattern, name.strip(), re.IGNORECASE):
                found.setdefault(what, column)
    return found


@dataclass(frozen=True)
class Activations:
    """How strongly a frame does each thing that can be drawn.

    Attributes
    ----------
    columns : dict of str to int
        From `drawable`.
    rest, reach : (n,) float32
        In standardised units: the median over codes, and how far the strongest code is from it.

    Examples
    --------
    >>> smile = Activations({"AU12": 0}, rest=np.zeros(1), reach=np.full(1, 2.0))
    >>> smile(np.array([[1.0], [5.0], [-1.0]])).tolist()
    [[0.5], [1.0], [0.0]]
    """

    columns: Mapping[str, int]
    rest: np.ndarray
    reach: np.ndarray

    @classmethod
    def of(
        cls, vocabulary: FeatureVocabulary, names: Sequence[str] | None, stream: str
    ) -> "Activations":
        """Take rest and reach from a vocabulary's codes."""
        columns = drawable(names, stream)
        codes = vocabulary.codes_[:, list(columns.values())]  # (k, n)
        rest = np.median(codes, axis=0)
        # Where no code stands out, noise must not look like a grimace.
        reach = np.maximum(np.abs(codes - rest).max(axis=0), 1.5)
        return cls(columns, rest, reach)

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Map standardised frames (m, d) to activations (m, n) in [-1, 1].

        Action units and creak only ever add to rest: they are in [0, 1].
        """
        a = np.clip((z[:, list(self.columns.values())] - self.rest) / self.reach, -1, 1)
        a[np.abs(a) < _REST] = 0
        one_sided = [name.startswith("AU") or name == "creak" for name in self.columns]
        a[:, one_sided] = np.maximum(a[:, one_sided], 0)
        return a


def caption(activation: Mapping[str, float], z: Mapping[str, float], stream: str) -> str:
    """Say in a few words what stands out in a code.

    Parameters
    ----------
    activation : dict of str to float
        By what it draws.
    z : dict of str to float
        Standardised value by channel name, for a code of which nothing can be drawn.

    Examples
    --------
    >>> caption({"AU6": 0.5, "AU12": 0.9, "AU4": 0.1}, {}, "visual")
    'lip corners up, cheeks raised'
    >>> caption({}, {"MCEP_7": -2.3}, "acoustic")
    'MCEP_7 low'
    """
    strong = sorted(activation.items(), key=lambda item: -abs(item[1]))
    words: list[str] = []
    for what, a in strong:
        if abs(a) < 0.4 or len(words) == 3:
            break
        if what.startswith("AU"):
            words.append(ACTION_UNITS[int(what[2:])])
        elif stream == "visual":
            words.append(HEAD[what])
        else:
            word = VOICE[what][int(a < 0)]
            words.append(f"{word} pitch" if what == "pitch" else word)
    if not words:
        top = sorted(z.items(), key=lambda item: -abs(item[1]))[:2]
        words = [f"{name} {'high' if v > 0 else 'low'}" for name, v in top if abs(v) > 1]
    return ", ".join(words) or "nothing stands out"


def _face() -> list[dict]:
    """Return the curves of a face at rest, and how the action units move their points.

    Coordinates: x to the right, y down, the head reaches from -1 to 1.
    """
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    head = [[round(0.76 * np.sin(t), 3), round(-0.96 * np.cos(t), 3)] for t in angles]
    jaw = dict.fromkeys((5, 6, 7), (0, 0.11))

    def both(part: dict) -> list[dict]:
        """Add the other half of the face, mirrored."""
        moves = {
            unit: {i: (-dx, dy) for i, (dx, dy) in points.items()}
            for unit, points in part["moves"].items()
        }
        other = [[-x, y] for x, y in part["points"]]
        return [part, {**part, "points": other, "moves": moves}]

    eye = {
        "kind": "eye",
        "points": [
            *([-0.52, -0.1], [-0.43, -0.22], [-0.25, -0.22], [-0.15, -0.09]),
            *([-0.25, -0.02], [-0.43, -0.02]),
        ],
        "moves": {
            "AU5": {1: (0, -0.11), 2: (0, -0.11)},
            "AU43": {1: (0, 0.19), 2: (0, 0.19), 5: (0, 0.03), 4: (0, 0.03)},
            "AU45": {1: (0, 0.19), 2: (0, 0.19), 5: (0, 0.03), 4: (0, 0.03)},
            "AU7": {1: (0, 0.05), 2: (0, 0.06), 4: (0, -0.05), 5: (0, -0.05)},
            "AU6": {4: (0, -0.07), 5: (0, -0.07)},
        },
    }
    brow = {
        "kind": "brow",
        "points": [[-0.54, -0.37], [-0.35, -0.46], [-0.13, -0.4]],
        "moves": {
            "AU1": {1: (0, -0.08), 2: (0, -0.17)},
            "AU2": {0: (0.03, -0.15), 1: (0, -0.14)},
            "AU4": {0: (0.02, 0.0), 1: (0.03, 0.15), 2: (0.04, 0.19)},
            "AU9": {2: (0.02, 0.12), 1: (0, 0.06)},
        },
    }
    mouth = {
        "kind": "mouth",  # left corner, upper lip, right corner, lower lip
        "points": [
            *([-0.27, 0.5], [-0.13, 0.48], [0, 0.485], [0.13, 0.48], [0.27, 0.5]),
            *([0.13, 0.525], [0, 0.53], [-0.13, 0.525]),
        ],
        "moves": {
            "AU10": {1: (0, -0.11), 2: (0, -0.08), 3: (0, -0.11)},
            "AU12": {
                **{0: (-0.13, -0.15), 4: (0.13, -0.15), 1: (-0.04, 0.03), 3: (0.04, 0.03)},
                **{2: (0, 0.06), 5: (0.04, 0.06), 6: (0, 0.1), 7: (-0.04, 0.06)},
            },
            "AU14": {4: (0.13, -0.13), 3: (0.06, -0.01), 5: (0.06, -0.01), 0: (-0.02, 0)},
            "AU15": {
                **{0: (0, 0.13), 4: (0, 0.13), 1: (0, -0.02), 3: (0, -0.02)},
                **{2: (0, -0.07), 5: (0, -0.03), 6: (0, -0.08), 7: (0, -0.03)},
            },
            "AU16": {5: (0, 0.06), 6: (0, 0.08), 7: (0, 0.06)},
            "AU17": {2: (0, -0.02), 5: (0, -0.02), 6: (0, -0.03), 7: (0, -0.02)},
            "AU18": {0: (0.14, 0), 4: (-0.14, 0), 2: (0, -0.03), 6: (0, 0.04)},
            "AU20": {0: (-0.14, 0.04), 4: (0.14, 0.04)},
            "AU23": {0: (0.04, 0), 4: (-0.04, 0), 2: (0, 0.01), 6: (0, -0.015)},
            "AU24": {0: (0.02, 0), 4: (-0.02, 0), 2: (0, 0.015), 6: (0, -0.015)},
            "AU25": {
                **{1: (0, -0.02), 2: (0, -0.02), 3: (0, -0.02)},
                **{5: (0, 0.09), 6: (0, 0.12), 7: (0, 0.09)},
            },
            "AU26": {5: (0, 0.09), 6: (0, 0.13), 7: (0, 0.09), 0: (0.04, 0.02), 4: (-0.04, 0.02)},
            "AU27": {5: (0, 0.14), 6: (0, 0.2), 7: (0, 0.14), 0: (0.06, 0.04), 4: (-0.06, 0.04)},
            "AU28": {2: (0, 0.02), 6: (0, -0.02), 0: (0.03, 0), 4: (-0.03, 0)},
        },
    }
    nose = {
        "kind": "nose",
        "points": [[-0.1, 0.2], [0, 0.25], [0.1, 0.2]],
        "moves": {"AU9": {0: (-0.04, -0.08), 1: (0, -0.05), 2: (0.04, -0.08)}},
    }

    def crease(unit: str, *points: list[float]) -> dict:
        """Return a line that shows as strongly as its action unit."""
        return {"kind": "crease", "shows": unit, "points": list(points), "moves": {}}

    return [
        {"kind": "head", "points": head, "moves": {"AU26": jaw, "AU27": jaw}},
        *both(eye),
        *both(brow),
        nose,
        mouth,
        *both(crease("AU4", [-0.06, -0.36], [-0.05, -0.2])),
        *both(crease("AU9", [-0.13, -0.02], [-0.03, 0.05])),
        *both(crease("AU10", [-0.2, 0.16], [-0.34, 0.3], [-0.37, 0.42])),
        *both(crease("AU6", [-0.58, -0.1], [-0.7, -0.14])),
        *both(crease("AU6", [-0.57, -0.03], [-0.68, 0.01])),
        *both(crease("AU24", [-0.33, 0.43], [-0.36, 0.51], [-0.33, 0.59])),
        crease("AU14", [0.47, 0.3], [0.52, 0.38], [0.49, 0.47]),
        crease("AU17", [-0.12, 0.76], [0, 0.72], [0.12, 0.76]),
    ]


FACE: list[dict] = _face()


def face_curves(activation: Mapping[str, float]) -> list[tuple[dict, np.ndarray, float]]:
    """Move the curves of the face.

    Returns
    -------
    list of (part of FACE, points (n, 2), opacity)

    Examples
    --------
    >>> def mouth(activation):
    ...     return next(at for part, at, _ in face_curves(activation) if part["kind"] == "mouth")
    >>> (mouth({"AU12": 1.0}) - mouth({}))[0].round(2).tolist()  # its left corner: out and up
    [-0.13, -0.15]
    """
    curves = []
    yaw, pitch, roll = (activation.get(name, 0.0) for name in ("yaw", "pitch", "roll"))
    turn = 0.22 * roll
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    for part in FACE:
        points = np.array(part["points"], dtype=float)
        for unit, moves in part["moves"].items():
            for i, move in moves.items():
                points[i] += activation.get(unit, 0.0) * np.array(move)
        if part["kind"] != "head":
            points += (0.15 * yaw, 0.16 * pitch)
        opacity = activation.get(part["shows"], 0.0) if "shows" in part else 1.0
        curves.append((part, points @ rotation, opacity))
    return curves


def wave(activation: Mapping[str, float], n: int = 72) -> np.ndarray:
    """Return the voice as a curve (n, 2), x and y from -1 to 1.

    Pitch is how fast it swings, energy how high; without voicing it is a whisper of noise; creak
    makes pulses that come irregularly.

    Examples
    --------
    >>> wave({"pitch": 0.5}).shape
    (72, 2)
    >>> quiet, loud = (float(np.ptp(wave({"energy": energy})[:, 1])) for energy in (-1, 1))
    >>> quiet < loud
    True
    """
    pitch, energy, voicing, creak = (
        activation.get(name, 0.0) for name in ("pitch", "energy", "voicing", "creak")
    )
    t = np.linspace(0, 1, n)
    height = 0.55 * 1.6**energy
    cycles = 4 * 1.9**pitch
    phase = 2 * np.pi * cycles * t
    smooth = np.sin(phase)
    pulses = 1.3 * sum(np.exp(-(((t - at) / 0.022) ** 2)) for at in _PULSES) - 0.25
    noise = 0.35 * np.sin(997 * t) * np.sin(331 * t + 1)
    voiced = (1 - creak) * smooth + creak * pulses
    share = np.clip(1 + voicing, 0, 1)
    edge = np.minimum(1, 9 * np.minimum(t, 1 - t))  # it begins and ends in silence
    y = edge * height * (share * voiced + (1 - share) * noise)
    return np.stack([2 * t - 1, np.clip(-y, -1, 1)], axis=1)


def wave_width(activation: Mapping[str, float]) -> float:
    """Return the line's width relative to normal: tense is thick, breathy is thin.

    Examples
    --------
    >>> wave_width({}), wave_width({"breath": -1.0})
    (1.0, 1.7)
    """
    return float(1.7 ** -activation.get("breath", 0.0))


def draw_code(
    ax: Axes,
    activation: Mapping[str, float],
    z: np.ndarray,
    stream: str,
    x: float,
    y: float,
    size: float,
    ink: str,
    paper: str,
) -> None:
    """Draw a code into an Axes whose units are points, y downwards.

    Parameters
    ----------
    activation : dict of str to float
        If there is none to draw, the code's channels are drawn as bars.
    z : (d,) array
        The code in standardised units.
    x, y : float
        Its centre.
    size : float
        From side to side.
    ink, paper : colours

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> draw_code(ax, {"pitch": 1.0}, np.zeros(5), "acoustic", 0, 0, 24, "black", "white")
    >>> len(ax.lines)  # the wave
    1
    """
    r = size / 2
    line = max(size / 34, 0.6)
    at = np.array([x, y])
    if not activation:
        bars = np.array_split(z, min(len(z), 20))
        heights = [np.clip(max(bar, key=abs) / 3, -1, 1) for bar in bars]
        places = x - r + size * (np.arange(len(bars)) + 0.5) / len(bars)
        ax.bar(places, [-r * height for height in heights], size / len(bars), y, color=ink, lw=0)
        return
    if stream == "acoustic":
        points = at + r * wave(activation)
        ax.plot(*points.T, color=ink, lw=line * wave_width(activation), solid_joinstyle="round")
        return
    for part, points, opacity in face_curves(activation):
        if opacity <= 0:
            continue
        kind = part["kind"]
        closed = kind in ("head", "eye", "mouth")
        path = smooth_path(at + r * points, closed)
        style = {"edgecolor": ink, "lw": line, "facecolor": "none", "capstyle": "round"}
        if kind in ("head", "eye"):
            style["facecolor"] = paper
        elif kind == "mouth":
            style["facecolor"] = ink
        elif kind == "brow":
            style["lw"] = 1.8 * line
        patch = ax.add_patch(PathPatch(path, alpha=opacity, joinstyle="round", **style))
        if kind == "eye":
            centre = at + r * points.mean(axis=0)
            iris = ax.add_patch(Circle(centre, 0.085 * r, color=ink, lw=0))
            clip = Polygon(path.interpolated(6).vertices, transform=ax.transData)
            iris.set_clip_path(clip)
            patch.set_zorder(iris.get_zorder() - 0.1)


def smooth_path(points: np.ndarray, closed: bool) -> Path:
    """Return a matplotlib Path through the points (n, 2), rounded after Catmull and Rom.

    Examples
    --------
    >>> path = smooth_path(np.array([[0, 0], [1, 1], [2, 0]]), closed=False)
    >>> len(path.vertices)  # the first point, then two controls and an end for each curve
    7
    """
    n = len(points)
    if closed:
        around = [points[i % n] for i in range(-1, n + 2)]
    else:
        around = [points[0], *points, points[-1]]
    vertices, codes = [around[1]], [Path.MOVETO]
    for p0, p1, p2, p3 in zip(around, around[1:], around[2:], around[3:], strict=False):
        vertices += [p1 + (p2 - p0) / 6, p2 - (p3 - p1) / 6, p2]
        codes += [Path.CURVE4] * 3
    return Path(vertices, codes)
