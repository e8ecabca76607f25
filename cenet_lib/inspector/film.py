"""What the page shows of a film: when its frames are, the mesh of the face, the voice, the film.

An utterance that was measured in a film (see `cenet_lib.video.extract`) brings the times of its
frames and the landmarks of the face. That is enough for a mesh that moves in step with words and
codes; it is what the page holds by default, because it shows how a face moves and not whose it is
(though somebody who knows the person may still tell). Pictures are put in only on request.

``_LINES`` are contours among the 478 landmarks, as MediaPipe names them (``FACEMESH_FACE_OVAL``,
``_LIPS``, ``_LEFT_EYE``, ``_RIGHT_EYE``, the brows, the irises and some of ``_NOSE``, in
``face_mesh_connections.py``; Copyright The MediaPipe Authors, Apache License 2.0).
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..files import refuse_special
from ..utterance import STREAMS, Utterance
from ..video.extract import landmarks
from ..video.media import Film, with_duration
from .pictures import drawable
from .recorder import Clip
from .records import pack

LARGEST_FILM = 30_000_000  # bytes of film that one page may hold

AnyFilm = str | Path | bytes | Clip

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
    times = {s: found for s in STREAMS if (found := _times(utterance, s)) is not None}
    if len(times) < len(STREAMS):
        return None
    notes = utterance.annotations
    every = np.concatenate(list(times.values()))
    size = [_number(notes.get(name), 1.0) for name in ("picture_width", "picture_height")]
    return {
        "start": _number(notes.get("start_seconds"), float(every.min(initial=0.0))),
        "end": _number(notes.get("end_seconds"), float(every.max(initial=0.0))),
        "size": size,
        "times": {stream: pack(times[stream], "f4") for stream in STREAMS},
        "mesh": _mesh(landmarks(utterance)) if "landmarks" in notes else None,
        "voice": _voice(utterance, corpus.feature_names["acoustic"]),
        "has_pictures": has_pictures,
    }


def _times(utterance: Utterance, stream: str) -> np.ndarray | None:
    """Return when the frames of a stream are, if each has a time and they ascend."""
    times = np.asarray(utterance.annotations.get(f"{stream}_times", "none"))
    if times.dtype.kind != "f" or times.shape != (len(utterance.frames(stream)),):
        return None
    return times if np.isfinite(times).all() and (np.diff(times) >= 0).all() else None


def _number(value: Any, default: float) -> float:
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


# -------------------------------------------------------------------- the film itself


def match_films(
    films: AnyFilm | Mapping[str, AnyFilm] | None, listed: Mapping[str, Utterance]
) -> dict[str, AnyFilm]:
    """Say which film belongs to which utterance.

    Parameters
    ----------
    films : mapping of id to film; or one film; or a folder
        In a folder, an utterance's film is the file that is called as the one it was measured in;
        where folders within it have several of that name, the one at the same place.
    listed : mapping of id to Utterance

    Raises
    ------
    CENetError
        If an id is not listed, one film is given for several utterances, a folder holds none of
        their films or one that may be that of several, or an utterance was not measured in a film.

    Examples
    --------
    >>> times = {"visual_times": np.arange(2) / 25, "acoustic_times": np.arange(8) / 100}
    >>> one = Utterance("u", ["so"], np.ones((2, 3)), np.ones((8, 3)), annotations=times)
    >>> match_films("smile.webm", {"u": one})
    {'u': 'smile.webm'}
    """
    if films is None:
        return {}
    if isinstance(films, Mapping):
        found = dict(films)
    elif isinstance(films, str | Path) and Path(films).is_dir():
        found = _in_folder(Path(films), listed)
    elif len(listed) == 1:
        found = dict.fromkeys(listed, films)
    else:
        raise CENetError(
            f"{_called(films)}: is one film for {len(listed)} utterances; list one utterance, or "
            "give {id: film}, or a folder of films"
        )
    for id in found:
        if id not in listed:
            raise CENetError(f"{_called(found[id])}: there is no utterance {id!r} for this film")
        if any(_times(listed[id], stream) is None for stream in STREAMS):
            raise CENetError(
                f"{_called(found[id])}: the frames of {id} have no times, so it cannot be shown in "
                "step; only utterances that this package measured in a film have them"
            )
    return found


def _in_folder(folder: Path, listed: Mapping[str, Utterance]) -> dict[str, AnyFilm]:
    found: dict[str, AnyFilm] = {}
    measured_in: dict[Path, str] = {}
    for id, utterance in listed.items():
        measured = utterance.annotations.get("film")
        path = _moved(folder, measured) if isinstance(measured, str) else None
        if path is None:
            continue
        if measured_in.setdefault(path, str(measured)) != measured:
            raise CENetError(
                f"{path}: may be {measured_in[path]} or {measured}; give the folder that holds "
                "both, or {id: film}"
            )
        found[id] = path
    if not found:
        raise CENetError(
            f"{folder}: holds no film of these utterances; give the folder with the films that "
            "the corpus was made from, or {id: film}"
        )
    return found


def _moved(folder: Path, measured: str) -> Path | None:
    """Return where in a folder a film is now: by as much of the end of its path as will do.

    A corpus, which may be a stranger's, does not say where else to look.
    """
    parts = [part for part in measured.replace("\\", "/").split("/") if part not in ("", ".")]
    ends = [parts[i:] for i in range(len(parts))]
    for end in ends:
        path = folder.joinpath(*end)
        if ".." not in end and ":" not in end[0] and path.is_file():
            return path
    return None


def read_film(film: AnyFilm, room: int = LARGEST_FILM) -> tuple[bytes, str]:
    """Return a film as a browser can play it, and its kind.

    Parameters
    ----------
    film : str, Path, bytes or Clip
    room : int
        The bytes that it may have.

    Raises
    ------
    CENetError
        If it is too large, of a kind that browsers do not play, or cannot be read.

    Examples
    --------
    >>> read_film(b"RIFF....AVI LIST")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: the recording: browsers play webm, mp4 and ogg, and this is none \
of them; convert it, or leave the film out: the mesh needs none
    """
    content = _content(film, room)
    kind = _kind(content)
    if kind is None:
        raise CENetError(
            f"{_called(film)}: browsers play webm, mp4 and ogg, and this is none of them; convert "
            "it, or leave the film out: the mesh needs none"
        )
    # Whoever measured a film has the library; a page can be made without it, from what was stored.
    if kind != "video/ogg" and find_spec("av") and Film(content).duration is None:
        content = with_duration(content)
    return content, kind


def _content(film: AnyFilm, room: int) -> bytes:
    if isinstance(film, Clip):
        content = film.data
    elif isinstance(film, bytes | bytearray | memoryview):
        content = bytes(film)
    else:
        refuse_special(film)
        try:
            _refuse_large(film, Path(film).stat().st_size, room)
            content = Path(film).read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise CENetError(f"{film}: cannot be read ({reason}); give a film's path") from error
    _refuse_large(film, len(content), room)
    return content


def _refuse_large(film: AnyFilm, size: int, room: int) -> None:
    if size > room:
        raise CENetError(
            f"{_called(film)}: has {size / 1e6:.1f} MB, and the page has room for {room / 1e6:.1f} "
            "MB of film; cut it to what is said, put in fewer utterances, or leave the film out: "
            "the mesh needs none"
        )


def _kind(content: bytes) -> str | None:
    """Tell what a film is by its first bytes; its name may say anything."""
    if content[:4] == b"\x1aE\xdf\xa3":
        return "video/webm"
    if content[4:8] == b"ftyp":
        return "video/mp4"
    return "video/ogg" if content[:4] == b"OggS" else None


def _called(film: Any) -> str:
    return str(film) if isinstance(film, str | Path) else "the recording"
