"""Pictures of codes: a schematic face from its channels, a wave from the measures of a voice.

A code is a point in 35 or 74 dimensions; a reader wants to see a frown. So channels are matched by
name to the few things that can be drawn, and their values become *activations*: 0 at rest, ±1 at
the strongest of all codes. The face is a set of curves whose points each action unit moves (a
linear blend); the voice is a wave whose speed is pitch, whose height is energy, and so on. Both are
schematic: the face shows which channels are high, not how this person looked.

Codes also differ in channels of which nothing can be drawn. So a few bars below the face or the
wave show those that set the codes apart (see `telling_channels`); without names, bars are all.

The curves of the face are data (see `face`), and the wave is a formula; `page/art.js` draws the
same ones.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, PathPatch, Polygon
from matplotlib.path import Path

from ..vocabulary import FeatureVocabulary
from .face import ACTION_UNITS, SHAPES, face_curves, pupil

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
_SEEN = 0.4  # activations that differ by so much look different
_APART = 0.5  # bars that differ by so much of the longest look different
_MOST_BARS = 12
_LEAST_GAIN = 0.2  # in pairs of codes told apart
_MOST_COMPARED = 100  # codes
_LONGEST_BAR = 3.0  # standard deviations; beyond, bars are cut
# The least that counts as the strongest, in the channel's own units: many blendshapes never move.
_LEAST_SHAPE = 0.15
_LEAST_REACH = {"pitch": 10.0, "yaw": 10.0, "roll": 10.0}  # degrees
_PULSES = (0.07, 0.24, 0.32, 0.55, 0.71, 0.78, 0.95)  # of a creaky voice, irregular


def _plain(name: str) -> str:
    """Return a channel's name as tools agree on it: `MouthSmile_L` is `mouthSmileLeft`."""
    name = re.sub(r"_L$", "Left", re.sub(r"_R$", "Right", name.strip()))
    return re.sub("[^a-z]", "", name.lower())


_BY_PLAIN_NAME = {_plain(name): name for name in SHAPES}
_BOTH_WAYS = {*HEAD, *VOICE} - {"creak"}  # they go below rest, too


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
    >>> drawable(["jawOpen", "mouthSmileLeft"], "visual")
    {'jawOpen': 0, 'mouthSmileLeft': 1}
    """
    found: dict[str, int] = {}
    for column, name in enumerate(names or ()):
        unit = _ACTION_UNIT.fullmatch(name.strip()) if stream == "visual" else None
        if unit and int(unit[1]) in ACTION_UNITS:
            found.setdefault(f"AU{int(unit[1])}", column)
        elif stream == "visual" and (shape := _BY_PLAIN_NAME.get(_plain(name))):
            found.setdefault(shape, column)
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
        In standardised units: the median over codes, and how far the strongest code is from it
        (below 0 where a channel counts the other way than it is drawn).

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
        if any(name in SHAPES for name in columns):  # then the units are known
            least = np.array([_LEAST_REACH.get(name, _LEAST_SHAPE) for name in columns])
            reach = np.maximum(reach, least / vocabulary.scale_[list(columns.values())])
            # Those who measure blendshapes count roll counter-clockwise; it is drawn clockwise.
            reach[[name == "roll" for name in columns]] *= -1
        return cls(columns, rest, reach)

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Map standardised frames (m, d) to activations (m, n) in [-1, 1].

        Action units, blendshapes and creak only ever add to rest: they are in [0, 1].
        """
        a = np.clip((z[:, list(self.columns.values())] - self.rest) / self.reach, -1, 1)
        a[np.abs(a) < _REST] = 0
        one_sided = [name not in _BOTH_WAYS for name in self.columns]
        a[:, one_sided] = np.maximum(a[:, one_sided], 0)
        return a


def telling_channels(codes: np.ndarray, activations: Activations) -> list[int]:
    """Find the few channels that set codes apart which look alike without them.

    One by one the channels are added that tell most pairs of codes apart which look alike.

    Parameters
    ----------
    codes : (k, d) array
        In standardised units.
    activations : Activations
        Of what is drawn anyway.

    Returns
    -------
    list of int
        Columns in their own order, at most 12.

    Examples
    --------
    >>> codes = np.array([[0.0, 0.0, 2.0], [0.0, 0.1, -2.0]])
    >>> telling_channels(codes, Activations({"pitch": 0}, rest=np.zeros(1), reach=np.ones(1)))
    [2]
    """
    codes = codes[:: 1 + len(codes) // _MOST_COMPARED]
    seen = np.minimum(_pairwise(activations(codes)) / _SEEN, 1)  # (k, k)
    bars = bar_heights(codes)
    left = [j for j in range(codes.shape[1]) if j not in set(activations.columns.values())]
    chosen: list[int] = []
    while left and len(chosen) < _MOST_BARS:
        apart = [np.minimum(_pairwise(bars[:, [j]]) / _APART, 1) for j in left]
        gains = [np.maximum(one - seen, 0).sum() for one in apart]
        best = int(np.argmax(gains))
        if gains[best] < _LEAST_GAIN:
            break
        seen = np.maximum(seen, apart[best])
        chosen.append(left.pop(best))
    if not chosen and not activations.columns:  # a picture of something, all the same
        chosen = np.abs(codes).max(axis=0).argsort()[::-1][:_MOST_BARS].tolist()
    return sorted(chosen)


def bar_heights(z: np.ndarray) -> np.ndarray:
    """Return how high bars stand for standardised values, from -1 to 1; as `heightOf` in art.js.

    By the square root, so that small values can be seen in a small picture.

    Examples
    --------
    >>> bar_heights(np.array([0.0, -0.75, 4.0])).tolist()
    [0.0, -0.5, 1.0]
    """
    return np.sign(z) * np.sqrt(np.minimum(np.abs(z) / _LONGEST_BAR, 1))


def _pairwise(rows: np.ndarray) -> np.ndarray:
    """Return how far each two rows (k, m) are from each other where they are furthest: (k, k)."""
    return np.abs(rows[:, None] - rows[None, :]).max(axis=2, initial=0)


def captions(
    codes: np.ndarray, names: Sequence[str], activations: Activations, stream: str
) -> list[str]:
    """Say in a few words what stands out in each code; two that say the same say how they differ.

    Examples
    --------
    >>> plain = Activations({}, rest=np.zeros(0), reach=np.zeros(0))
    >>> captions(np.array([[2.0, 0.0], [2.0, 0.9]]), ["a", "b"], plain, "acoustic")
    ['a high, b lower', 'a high, b higher']
    """
    drawn = activations(codes)
    undrawn = [j for j in range(codes.shape[1]) if j not in set(activations.columns.values())]
    said = [
        caption(
            dict(zip(activations.columns, drawn[code].tolist(), strict=True)),
            {names[j]: float(z[j]) for j in undrawn},
            stream,
        )
        for code, z in enumerate(codes)
    ]
    return [
        text + _difference(codes, names, code, [i for i, t in enumerate(said) if t == text])
        for code, text in enumerate(said)
    ]


def _difference(codes: np.ndarray, names: Sequence[str], code: int, alike: list[int]) -> str:
    """Say in which channel a code differs most from those that are called the same."""
    others = [other for other in alike if other != code]
    if not others:
        return ""
    apart = codes[code] - codes[others].mean(axis=0)
    j = int(np.abs(apart).argmax())
    if abs(apart[j]) < _REST:
        return ""
    return f", {names[j]} {'higher' if apart[j] > 0 else 'lower'}"


def caption(activation: Mapping[str, float], z: Mapping[str, float], stream: str) -> str:
    """Say in a few words what stands out in a code.

    Parameters
    ----------
    activation : dict of str to float
        By what it draws.
    z : dict of str to float
        Standardised value by channel name, of those channels that are not drawn.

    Examples
    --------
    >>> caption({"AU6": 0.5, "AU12": 0.9, "AU4": 0.1}, {}, "visual")
    'lip corners up, cheeks raised'
    >>> caption({}, {"MCEP_7": -2.3, "MCEP_8": 0.4}, "acoustic")
    'MCEP_7 low'
    >>> caption({}, {"MCEP_7": -0.5, "MCEP_8": 0.4}, "acoustic")
    'close to the mean, MCEP_7 a little low'
    """
    sides: dict[str, set[str]] = {}
    for what, a in sorted(activation.items(), key=lambda item: -abs(item[1])):
        if abs(a) >= 0.4:
            said, side = _in_words(what, a, stream)
            sides.setdefault(said, set()).add(side)
    words = [
        said if len(which) > 1 or which == {""} else f"{said} ({which.pop()})"
        for said, which in list(sides.items())[:3]
    ]
    top = sorted(z.items(), key=lambda item: -abs(item[1]))[: 2 if len(words) < 2 else 0]
    words += [f"{name} {'high' if v > 0 else 'low'}" for name, v in top if abs(v) > 1]
    if not words and top and abs(top[0][1]) >= _REST:
        name, v = top[0]
        return f"close to the mean, {name} a little {'high' if v > 0 else 'low'}"
    return ", ".join(words) or "close to the mean in all channels"


def _in_words(what: str, a: float, stream: str) -> tuple[str, str]:
    """Say what an activation is, and on which side of the person, if on one."""
    if stream == "acoustic":
        word = VOICE[what][int(a < 0)]
        return (f"{word} pitch" if what == "pitch" else word), ""
    if what.startswith("AU"):
        return ACTION_UNITS[int(what[2:])], ""
    if what in HEAD:
        return HEAD[what], ""
    return SHAPES[what].words, SHAPES[what].side


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
    bars: np.ndarray,
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
        Empty where nothing can be drawn: then bars are all there is.
    bars : (n,) array
        The channels that set codes apart, in standardised units.
    x, y : float
        Its centre.
    size : float
        From side to side.
    ink, paper : colours

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> draw_code(ax, {"pitch": 1.0}, np.zeros(0), "acoustic", 0, 0, 24, "black", "white")
    >>> len(ax.lines)  # the wave
    1
    """
    picture, lane = layout(stream, bool(activation), len(bars))
    _draw_bars(ax, bars, x, y + lane[0] * size / 2, size, lane[1], ink)
    r = picture.scale * size / 2
    line = max(size / 34, 0.6)
    at = np.array([x, y + picture.shift * size / 2])
    if not activation:
        return
    if stream == "acoustic":
        points = at + wave(activation) * (size / 2, r)
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
            centre = at + r * pupil(part, points, activation)
            iris = ax.add_patch(Circle(tuple(centre), 0.085 * r, color=ink, lw=0))
            clip = Polygon(path.interpolated(6).vertices, transform=ax.transData)
            iris.set_clip_path(clip)
            patch.set_zorder(iris.get_zorder() - 0.1)


class _Place(NamedTuple):
    """How small and how far down a picture is on a square from -1 to 1."""

    scale: float
    shift: float


def layout(stream: str, drawn: bool, n_bars: int) -> tuple[_Place, tuple[float, float]]:
    """Share a square from -1 to 1 among a picture and the bars below it; as `layoutOf` in art.js.

    Returns
    -------
    picture : _Place
    lane : (float, float)
        The middle of the bars, and the length of the longest.

    Examples
    --------
    >>> layout("acoustic", drawn=False, n_bars=5)[1]  # nothing but bars
    (0.0, 1.0)
    """
    if not drawn:
        return _Place(1.0, 0.0), (0.0, 1.0)
    if stream == "acoustic":
        return (_Place(0.6, -0.4), (0.6, 0.4)) if n_bars else (_Place(1.0, 0.0), (0.0, 0.0))
    # A dropped jaw reaches down to 1.18, so a face is a little smaller than its square.
    return (_Place(0.74, -0.26), (0.8, 0.2)) if n_bars else (_Place(0.91, -0.09), (0.0, 0.0))


def _draw_bars(
    ax: Axes, bars: np.ndarray, x: float, y: float, size: float, longest: float, ink: str
) -> None:
    """Draw values up and down from a line in the middle."""
    if len(bars) == 0:
        return
    heights = longest * bar_heights(bars) * size / 2
    places = x - size / 2 + size * (np.arange(len(bars)) + 0.5) / len(bars)
    ax.bar(places, -heights, 0.7 * size / len(bars), y, color=ink, lw=0)
    ax.plot([x - size / 2, x + size / 2], [y, y], color=ink, lw=0.3)


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
