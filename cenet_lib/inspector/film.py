"""What the page shows of a film: when its frames are, the mesh of the face, the voice, the film.

An utterance that was measured in a film (see `cenet_lib.video.extract`) brings the times of its
frames and the landmarks of the face. That is enough for a mesh that moves in step with words and
codes; it is what the page holds by default, because it shows how a face moves and not whose it is
(though somebody who knows the person may still tell). Pictures are put in only on request, by
`cenet_lib.inspector.matching`.

``_LINES`` are contours among the 478 landmarks, as MediaPipe names them (``FACEMESH_FACE_OVAL``,
``_LIPS``, ``_LEFT_EYE``, ``_RIGHT_EYE``, the brows, the irises and some of ``_NOSE``, in
``face_mesh_connections.py``; Copyright The MediaPipe Authors, Apache License 2.0).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..corpus import Corpus
from ..utterance import STREAMS, Utterance
from ..video.extract import landmarks
from .pictures import drawable
from .records import pack

# fmt: off
_LINES = (
    (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
     148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 263),
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 33),
    (474, 475, 476, 477, 474),
    (469, 470, 471, 472, 469),
    (276, 283, 282, 295, 285),
    (300, 293, 334, 296, 336),
    (46, 53, 52, 65, 55),
    (70, 63, 105, 66, 107),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 61),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78),
    (168, 6, 197, 195, 5, 4),
    (98, 97, 2, 326, 327),
)
# fmt: on
_POINTS = np.unique(np.concatenate(_LINES))


def describe_film(utterance: Utterance, corpus: Corpus, has_pictures: bool = False) -> dict | None:
    """Return the record of an utterance's film, or ``None`` for one that has none.

    Parameters
    ----------
    has_pictures : bool
        Whether the page can get the film itself.

    Returns
    -------
    dict or None
        ``start`` and ``end`` in seconds of the film's own time, ``size`` (width and height of its
        pictures), ``times`` (n,) of the frames of each stream, ``mesh`` (``points``, (n, m, 2)
        whole numbers from 0 to 65535 within ``box``, which is in shares of the picture; and
        ``lines`` of points) or null, ``voice`` (``level`` (n,) from 0 to 255, ``pitch`` (n,) in Hz,
        0 where there is none) or null, and ``has_pictures``.

    Examples
    --------
    >>> times = {"visual_times": np.arange(2) / 25, "acoustic_times": np.arange(8) / 100}
    >>> one = Utterance("u", ["so"], np.ones((2, 3)), np.ones((8, 3)), annotations=times)
    >>> film = describe_film(one, Corpus("mine"))
    >>> film["end"], film["mesh"]
    (0.07, None)
    >>> describe_film(Utterance("u", ["so"], np.ones((2, 3)), np.ones((8, 3))), Corpus("mine"))
    """
    times = {s: found for s in STREAMS if (found := frame_times(utterance, s)) is not None}
    if len(times) < len(STREAMS):
        return None
    notes = utterance.annotations
    every = np.concatenate(list(times.values()))
    size = [number_or(notes.get(name), 1.0) for name in ("picture_width", "picture_height")]
    return {
        "start": number_or(notes.get("start_seconds"), float(every.min(initial=0.0))),
        "end": number_or(notes.get("end_seconds"), float(every.max(initial=0.0))),
        "size": size,
        "times": {stream: pack(times[stream], "f4") for stream in STREAMS},
        "mesh": _mesh(landmarks(utterance)) if "landmarks" in notes else None,
        "voice": _voice(utterance, corpus.feature_names["acoustic"]),
        "has_pictures": has_pictures,
    }


def frame_times(utterance: Utterance, stream: str) -> np.ndarray | None:
    """Return when the frames of a stream are, if each has a time and they ascend.

    Examples
    --------
    >>> one = Utterance("u", ["so"], np.ones((2, 3)), np.ones((8, 3)))
    >>> frame_times(one, "visual") is None
    True
    """
    times = np.asarray(utterance.annotations.get(f"{stream}_times", "none"))
    if times.dtype.kind != "f" or times.shape != (len(utterance.frames(stream)),):
        return None
    return times if np.isfinite(times).all() and (np.diff(times) >= 0).all() else None


def number_or(value: Any, default: float) -> float:
    """Return an annotation if it is a number, else another one.

    Examples
    --------
    >>> number_or(2, 0.0), number_or("two", 0.0)
    (2.0, 0.0)
    """
    finite = isinstance(value, int | float | np.number) and np.isfinite(value)
    return float(value) if finite else default


def _mesh(points: np.ndarray) -> dict | None:
    """Return the lines of the face in each frame, small: (n, 478, 3) in, (n, m, 2) out."""
    shown = points[:, _POINTS, :2]
    if not shown.size:
        return None
    low, high = shown.min(axis=(0, 1)), shown.max(axis=(0, 1))
    within = (shown - low) / np.maximum(high - low, 1e-6)
    return {
        "points": pack(np.rint(65535 * within), "u2"),
        "box": [*low.tolist(), *high.tolist()],
        "lines": [np.searchsorted(_POINTS, line).tolist() for line in _LINES],
    }


def _voice(utterance: Utterance, names: Sequence[str] | None) -> dict | None:
    """Return loudness and pitch of each frame of the voice, by its channels' names."""
    columns = drawable(names, "acoustic")
    if not {"pitch", "energy"} <= set(columns) or not len(utterance.acoustic):
        return None
    energy, pitch = (utterance.acoustic[:, columns[name]] for name in ("energy", "pitch"))
    decibels = bool((energy < 0).any())
    level = np.nan_to_num(10 ** (energy / 20) if decibels else energy)
    return {
        "level": pack(np.rint(255 * level / max(float(level.max()), 1e-9)), "u1"),
        "pitch": pack(np.nan_to_num(pitch), "f4"),
    }
