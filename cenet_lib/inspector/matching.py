"""Films to be shown beside what was measured in them: which, whether they are these, and how.

Somebody gives a film, a folder of films or a recording. Here it is found to which utterance each
belongs, whether it can be the film in which that was measured, and what of it a browser plays: the
part that is meant, and little more.

That a film is the right one, nobody can prove. What is compared: its length with the last frame,
the shape of its pictures, their number, and how loud it is from frame to frame. The last tells
films apart in which one person says two things, and finds a film that was cut at its beginning.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..files import refuse_special
from ..terminal import warn
from ..utterance import STREAMS, Utterance
from ..video.libraries import INSTALL
from ..video.media import Film, chosen
from ..video.playable import Playable, playable, refuse_large
from .film import frame_times, number_or
from .pictures import drawable
from .recorder import Clip

LARGEST_FILM = 30_000_000  # bytes of film that one page may hold

AnyFilm = str | Path | bytes | Clip | Playable

_GRACE = 0.5  # seconds by which the times of a converted film may be off
_SAME_SHAPE = 0.03  # by how much of its width a picture may differ
_SAME_NUMBER = 0.1  # the share of pictures that may be missing
_SAME_SOUND = 0.9  # correlation: of a film and its conversion .98 and more, of others up to .84
_QUIET, _FLAT = -60.0, 3.0  # dB below which all is the same; a spread that tells nothing
_HALF = 0.016  # seconds: half of a frame of the voice


def match_films(
    films: AnyFilm | Mapping[str, AnyFilm] | None, listed: Mapping[str, Utterance]
) -> dict[str, AnyFilm]:
    """Say which film belongs to which utterance, and refuse those that cannot.

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
        their films or one that may be that of several, or an utterance was not measured in a film,
        or not in this one.

    Examples
    --------
    >>> times = {"visual_times": np.arange(2) / 25, "acoustic_times": np.arange(8) / 100}
    >>> one = Utterance("u", ["so"], np.ones((2, 3)), np.ones((8, 3)), annotations=times)
    >>> match_films(Playable(b"a film", "video/webm"), {"u": one})
    {'u': Playable(content=b'a film', kind='video/webm', offset=0.0)}
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
    for id, film in found.items():
        if id not in listed:
            raise CENetError(f"{_called(film)}: there is no utterance {id!r} for this film")
        if any(frame_times(listed[id], stream) is None for stream in STREAMS):
            raise CENetError(
                f"{_called(film)}: the frames of {id} have no times, so it cannot be shown in "
                "step; only utterances that this package measured in a film have them"
            )
        _refuse_another(film, listed[id])
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


# -------------------------------------------------------------------- is it this film?


def _refuse_another(film: AnyFilm, utterance: Utterance) -> None:
    """Refuse a film in which an utterance cannot have been measured, by its head alone."""
    if isinstance(film, Playable):  # somebody has looked at it
        return
    source = _source(film)
    if not find_spec("av"):
        _kind_of_bytes(film, source if isinstance(source, bytes) else _read(source, 12))
        return
    opened = Film(source)
    _refuse_shorter(opened, utterance)
    _refuse_other_shape(opened, utterance)
    _warn_of_other_number(opened, utterance)


def _refuse_shorter(film: Film, utterance: Utterance) -> None:
    times = [frame_times(utterance, stream) for stream in STREAMS]
    reached = max(float(t.max(initial=0.0)) for t in times if t is not None)
    if film.duration is not None and film.duration < reached - _GRACE:
        raise CENetError(
            f"{film.name}: lasts {film.duration:.2f} s, and the frames of {utterance.id} reach "
            f"{reached:.2f} s; it is another film, or was cut: give the one that was measured"
        )


def _refuse_other_shape(film: Film, utterance: Utterance) -> None:
    notes = utterance.annotations
    width, height = (number_or(notes.get(f"picture_{side}"), 0.0) for side in ("width", "height"))
    if not (width > 0 and height > 0):
        return
    picture = next(film.pictures(), None)
    if picture is None:
        return
    rows, columns = picture.rgb.shape[:2]
    if abs(columns * height / (rows * width) - 1) > _SAME_SHAPE:
        raise CENetError(
            f"{film.name}: its pictures are {columns} × {rows}, and {utterance.id} was measured in "
            f"{width:.0f} × {height:.0f}; it is another film, or was cropped or turned: give the "
            "one that was measured"
        )


def _warn_of_other_number(film: Film, utterance: Utterance) -> None:
    """Tell that the number of pictures is another: of another film, or of a converted one."""
    expected = number_or(utterance.annotations.get("pictures"), 0.0)
    if not expected:
        return
    start, end = _part_of(utterance)
    with film.opened() as container:
        stream = chosen(container, "video")
        times = [
            float(packet.pts * packet.time_base) - film.origin
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        ]
    inside = sum((start or 0.0) - 1e-3 <= t < (np.inf if end is None else end) for t in times)
    if abs(inside - expected) > 2 + _SAME_NUMBER * expected:
        warn(
            f"{film.name}: holds {inside} pictures, and {utterance.id} was measured in "
            f"{expected:.0f}; if it was not converted, it is another film"
        )


def _refuse_other_sound(film: AnyFilm, utterance: Utterance, corpus: Corpus) -> None:
    """Refuse a film that is not loud and quiet where the one that was measured is."""
    column = drawable(corpus.feature_names["acoustic"], "acoustic").get("energy")
    times = frame_times(utterance, "acoustic")
    if column is None or times is None or not len(times):
        return
    measured = np.nan_to_num(utterance.acoustic[:, column], nan=_QUIET, neginf=_QUIET)
    opened = Film(_source(film), max(0.0, float(times[0]) - 0.1), float(times[-1]) + 0.1)
    if not opened.has_sound or not (measured < 0).any():  # else it is not in decibels
        return
    heard = opened.sound()
    loudness = _loudness(heard.samples, heard.rate, times - heard.start)
    levels = np.maximum([measured, loudness], _QUIET)  # (2, n)
    if levels.std(1).min() < _FLAT:
        return
    alike = float(np.corrcoef(levels)[0, 1])
    if alike < _SAME_SOUND:
        raise CENetError(
            f"{opened.name}: is not loud and quiet where {utterance.id} is (their correlation is "
            f"{alike:.2f}); it is another film, or begins elsewhere: give the one that was measured"
        )


def _loudness(samples: np.ndarray, rate: int, times: np.ndarray) -> np.ndarray:
    """Return the root mean square in dB around each time, (n,)."""
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    first, last = (
        np.clip(np.rint((times + beside) * rate).astype(int), 0, len(samples))
        for beside in (-_HALF, _HALF)
    )
    mean = (energy[last] - energy[first]) / (2 * _HALF * rate)
    return 10 * np.log10(np.maximum(mean, 1e-10))


# -------------------------------------------------------------------- as a browser plays it


def film_of(
    film: AnyFilm, utterance: Utterance, corpus: Corpus, room: int = LARGEST_FILM
) -> Playable:
    """Return the film of an utterance as a page shows it: no more than the part that is meant.

    Parameters
    ----------
    film : str, Path, bytes, Clip or Playable
    utterance : Utterance
    corpus : Corpus
        Of the utterance; it names the channels.
    room : int
        The bytes that it may have.

    Raises
    ------
    CENetError
        If it is not the film that was measured, or `read_film` refuses it.

    Examples
    --------
    >>> one = Utterance("u", ["so"], np.ones((2, 3)), np.ones((8, 3)))
    >>> film_of(Playable(b"a film", "video/webm"), one, Corpus("mine")).kind
    'video/webm'
    """
    if not isinstance(film, Playable) and find_spec("av"):
        _refuse_other_sound(film, utterance, corpus)
    return read_film(film, room, *_part_of(utterance))


def read_film(
    film: AnyFilm,
    room: int = LARGEST_FILM,
    start: float | None = None,
    end: float | None = None,
    *,
    shown: bool = False,
) -> Playable:
    """Return a film, or a part of it, as a browser plays it.

    Parameters
    ----------
    film : str, Path, bytes, Clip or Playable
    room : int
        The bytes that it may have.
    start, end : float, optional
        The part that is meant, in seconds. Without the library ``av`` it is the whole film.
    shown : bool
        Whether to show a progress bar where it must be converted.

    Raises
    ------
    CENetError
        If it is too large or cannot be read; without the library ``av``, also if browsers do not
        play it.

    Examples
    --------
    >>> read_film("no/such/film.mp4")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/film.mp4: there is no such file
    """
    if isinstance(film, Playable):
        refuse_large(_called(film), len(film.content), room)
        return film
    source = _source(film)
    if find_spec("av"):
        return playable(source, start, end, room=room, shown=shown)
    # Whoever measured a film has the library; a page can be made without it, from what was stored.
    if not isinstance(source, bytes):
        refuse_large(str(source), Path(source).stat().st_size, room)
        source = _read(source)
    refuse_large(_called(film), len(source), room)
    return Playable(source, _kind_of_bytes(film, source))


def _part_of(utterance: Utterance) -> tuple[float | None, float | None]:
    """Return the part of its film that an utterance was measured in."""
    start, end = (utterance.annotations.get(f"{name}_seconds") for name in ("start", "end"))
    begin, last = number_or(start, -1.0), number_or(end, -1.0)
    return (begin, last) if 0 <= begin < last else (None, None)


def _source(film: AnyFilm) -> str | Path | bytes:
    """Return a film's path or content; no device and no pipe is opened."""
    if isinstance(film, Clip):
        return film.data
    if isinstance(film, bytes | bytearray | memoryview):
        return bytes(film)
    if not isinstance(film, str | Path):
        raise CENetError(f"{str(film)[:60]!r} is no film; give a path, bytes or a recorder's clip")
    refuse_special(film)
    if not Path(film).is_file():
        what = "is a folder; give the path of a film" if Path(film).is_dir() else ""
        raise CENetError(f"{film}: {what or 'there is no such file'}")
    return film


def _read(path: str | Path, most: int = -1) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError as error:
        reason = error.strerror or error
        raise CENetError(f"{path}: cannot be read ({reason}); give a film's path") from error


def _kind_of_bytes(film: AnyFilm, content: bytes) -> str:
    """Tell what a film is by its first bytes; its name may say anything."""
    if content[:4] == b"\x1aE\xdf\xa3":
        return "video/webm"
    if content[4:8] == b"ftyp":
        return "video/mp4"
    if content[:4] == b"OggS":
        return "video/ogg"
    raise CENetError(
        f"{_called(film)}: browsers play webm, mp4 and ogg, and this is none of them; {INSTALL} "
        "to convert it, or leave the film out: the mesh needs none"
    )


def _called(film: Any) -> str:
    return str(film) if isinstance(film, str | Path) else "the recording"
