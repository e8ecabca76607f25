"""The schematic face: its curves, and how action units and blendshapes move their points.

Two sets of names move it: action units, and the blendshapes by which animated faces are moved
(those of Apple's ARKit). They are not the same: a blendshape is a share of a movement that an
artist drew. Where both mean much the same movement, it is drawn by the same curves.

The curves are data (`FACE`); `pictures` and the page's `art.js` draw them.

Source of the action units: Ekman and Friesen 1978, the Facial Action Coding System.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

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
# Blendshapes in words, and the action units as which they move; "*" is the person's Left or Right.
BLENDSHAPES = {
    "browInnerUp": ("inner brows raised", "AU1"),
    "browOuterUp*": ("outer brows raised", "AU2"),
    "browDown*": ("brows lowered", "AU4"),
    "eyeWide*": ("eyes wide", "AU5"),
    "cheekSquint*": ("cheeks raised", "AU6"),
    "eyeSquint*": ("eyes narrowed", "AU7"),
    "noseSneer*": ("nose wrinkled", "AU9"),
    "mouthUpperUp*": ("upper lip raised", "AU10"),
    "mouthSmile*": ("mouth corners up", "AU12"),
    "mouthDimple*": ("mouth dimpled", "AU14"),
    "mouthFrown*": ("mouth corners down", "AU15"),
    "mouthLowerDown*": ("lower lip down", "AU16"),
    "mouthShrugLower": ("lower lip pushed up", "AU17"),
    "mouthPucker": ("lips puckered", "AU18"),
    "mouthStretch*": ("mouth stretched", "AU20"),
    "mouthPress*": ("lips pressed", "AU24"),
    "jawOpen": ("jaw open", "AU25 AU27"),
    "mouthRollLower": ("lower lip rolled in", "AU28"),
    "mouthRollUpper": ("upper lip rolled in", "AU28"),
    "eyeBlink*": ("eyes closed", "AU45"),
    "mouthFunnel": ("lips funnelled", ""),
    "mouthShrugUpper": ("upper lip pushed up", ""),
    "mouthClose": ("lips closed", ""),
    "mouthLeft": ("mouth to the left", ""),
    "mouthRight": ("mouth to the right", ""),
    "jawLeft": ("jaw to the left", ""),
    "jawRight": ("jaw to the right", ""),
    "jawForward": ("jaw forward", ""),
    "cheekPuff": ("cheeks puffed", ""),
    "eyeLookUp*": ("looks up", ""),
    "eyeLookDown*": ("looks down", ""),
    "eyeLookIn*": ("looks inwards", ""),
    "eyeLookOut*": ("looks outwards", ""),
}
# What no action unit has, by part of the face: moves of its points.
_OWN_MOVES: dict[str, dict[str, dict[int, tuple[float, float]]]] = {
    "mouth": {
        "mouthFunnel": {
            **{0: (0.12, 0), 4: (-0.12, 0), 1: (0.03, -0.05), 2: (0, -0.06), 3: (-0.03, -0.05)},
            **{5: (-0.03, 0.07), 6: (0, 0.09), 7: (0.03, 0.07)},
        },
        "mouthShrugUpper": {1: (0, -0.03), 2: (0, -0.05), 3: (0, -0.03)},
        "mouthClose": {5: (0, -0.14), 6: (0, -0.2), 7: (0, -0.14)},  # against an open jaw
        "mouthLeft": dict.fromkeys(range(8), (0.12, 0)),
        "mouthRight": dict.fromkeys(range(8), (-0.12, 0)),
        "jawLeft": dict.fromkeys((5, 6, 7), (0.07, 0)),
        "jawRight": dict.fromkeys((5, 6, 7), (-0.07, 0)),
    },
    "head": {
        "jawLeft": dict.fromkeys((5, 6, 7), (0.1, 0)),
        "jawRight": dict.fromkeys((5, 6, 7), (-0.1, 0)),
        "jawForward": {6: (0, 0.05)},
        "cheekPuff": {**dict.fromkeys((4, 5), (0.07, 0)), **dict.fromkeys((7, 8), (-0.07, 0))},
    },
}


class Shape(NamedTuple):
    """A blendshape: in words, the action units as which it moves, and its side of the person.

    Examples
    --------
    >>> SHAPES["mouthSmileLeft"]
    Shape(words='mouth corners up', units=('AU12',), side='left')
    """

    words: str
    units: tuple[str, ...]
    side: str


def _shapes() -> dict[str, Shape]:
    shapes = {}
    for pattern, (words, units) in BLENDSHAPES.items():
        for side in ("left", "right") if pattern.endswith("*") else ("",):
            name = pattern.removesuffix("*") + side.title()
            shapes[name] = Shape(words, tuple(units.split()), side)
    return shapes


SHAPES = _shapes()


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
        return {"kind": "crease", "shows": [unit], "points": list(points), "moves": {}}

    parts = [
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
    return [_with_blendshapes(part) for part in parts]


def _with_blendshapes(part: dict) -> dict:
    """Let blendshapes move a part of the face, those of one side only what lies on it."""
    moves = {**part["moves"], **_OWN_MOVES.get(part["kind"], {})}
    shows = list(part.get("shows", ()))
    for name, shape in SHAPES.items():
        if moved := _moved_as(part, shape):
            moves[name] = moved
        if set(shape.units) & set(shows) and _share_of(shape.side, part["points"][0][0]):
            shows.append(name)
    more: dict = {"shows": shows} if shows else {}
    if part["kind"] == "eye":
        more["gaze"] = _gaze(part)
    return {**part, "moves": moves, **more}


def _moved_as(part: dict, shape: Shape) -> dict:
    """Return how a blendshape moves the points of a part: as its action units move them."""
    moved: dict[int, tuple[float, float]] = {}
    for unit in shape.units:
        for i, (dx, dy) in part["moves"].get(unit, {}).items():
            share = _share_of(shape.side, part["points"][i][0])
            x, y = moved.get(i, (0.0, 0.0))
            if share:
                moved[i] = (x + share * dx, y + share * dy)
    return moved


def _share_of(side: str, x: float) -> float:
    """Return how much of a point is on a side; a person's left is on the right of a picture."""
    if not side:
        return 1.0
    return 0.5 if x == 0 else float((x > 0) == (side == "left"))


def _gaze(part: dict) -> dict[str, tuple[float, float]]:
    """Return how blendshapes move the pupil of an eye."""
    side, outwards = ("Left", 0.07) if part["points"][0][0] > 0 else ("Right", -0.07)
    return {
        f"eyeLookUp{side}": (0.0, -0.06),
        f"eyeLookDown{side}": (0.0, 0.06),
        f"eyeLookIn{side}": (-outwards, 0.0),
        f"eyeLookOut{side}": (outwards, 0.0),
    }


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
        shows = part.get("shows")
        opacity = max(activation.get(name, 0.0) for name in shows) if shows else 1.0
        curves.append((part, points @ rotation, opacity))
    return curves


def pupil(part: Mapping, points: np.ndarray, activation: Mapping[str, float]) -> np.ndarray:
    """Return where the pupil of an eye is: in its middle, and where it looks.

    Examples
    --------
    >>> part, points, _ = next(c for c in face_curves({}) if c[0]["kind"] == "eye")
    >>> (pupil(part, points, {"eyeLookUpRight": 1.0}) - points.mean(axis=0)).round(2).tolist()
    [0.0, -0.06]
    """
    moves = [activation.get(name, 0.0) * np.array(move) for name, move in part["gaze"].items()]
    return points.mean(axis=0) + np.sum(moves, axis=0)
