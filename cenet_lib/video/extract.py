"""From a film, and the words said in it, to an utterance.

Face and voice keep their own frames and their own times; nothing is aligned. Where no face is seen
there is no frame of the face: a gap in ``visual_times``, not a row of invented numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import tee
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from ..corpora.sentences import split_words
from ..corpora.words import cut
from ..errors import CENetError
from ..progress import bar
from ..utterance import Annotation, Utterance
from .face import VISUAL_CHANNELS, FaceLandmarker, Sighting
from .face_model import MODEL_SHA256, N_LANDMARKS
from .libraries import with_version
from .media import Film
from .voice import VoiceMeter, voice_extractor

VERSION = 1  # of how films are looked at: it changes when the numbers do
LONGEST = 600.0  # seconds of an utterance

_UNIT = 2.0**-14  # of stored landmarks, which lie within two widths of the picture's corner
_CHUNK = 64  # pictures described at a time


def utterance_from_video(
    path: str | Path | bytes,
    words: str | Sequence[str],
    label: float | None = None,
    *,
    start: float | None = None,
    end: float | None = None,
    id: str | None = None,
    video: str | None = None,
    landmarker: FaceLandmarker | None = None,
    voice: str = "librosa",
    most_without_face: float = 0.5,
    shown: bool = False,
) -> Utterance:
    """Measure face and voice in a film.

    Parameters
    ----------
    path : str, Path, bytes or a recorder's clip
        The film's file, or its content.
    words : str or sequence of str
        What is said; a text is split into words.
    label : float, optional
        The sentiment intensity.
    start, end : float, optional
        The part of the film that is meant, in seconds; by default all of it.
    id : str, optional
        By default the file's name without its ending, and the times of the part.
    video : str, optional
        The recording, or the speaker, that it was cut from; by default the file's name.
    landmarker : FaceLandmarker, optional
        For many films in a row: the nets then are loaded once.
    voice : str
        Who describes the voice, see `cenet_lib.video.voice.voice_features`.
    most_without_face : float
        The share of pictures that may be without a face; with more it is an error.
    shown : bool
        Whether to show a progress bar.

    Returns
    -------
    Utterance
        ``visual`` (n_visual, 54) as `VISUAL_CHANNELS` names it, one row per picture with a face;
        ``acoustic`` as `voice_features` describes it. Among its annotations are ``visual_times``
        and ``acoustic_times``, in seconds since the film's beginning; ``landmarks``, for the
        function of that name; ``pictures``, ``pictures_without_face``,
        ``pictures_with_other_faces`` and ``damaged_packets``, which are numbers of them; the notes
        on the voice; ``start_seconds``, ``end_seconds`` and ``film``.

    Raises
    ------
    CENetError
        If it is no film, has no sound, shows no face in too many pictures, was cut off, or is too
        long; it says which film and what to do. Silence is none: ``voice_silent`` tells its share.

    Examples
    --------
    >>> from cenet_lib.video.films import example_film
    >>> smile = utterance_from_video(example_film("smile"), "How nice!", end=2)  # doctest: +SKIP
    >>> smile  # doctest: +SKIP
    Utterance('smile_0_2', 'How nice !', visual (48, 54), acoustic (201, 37), no label)
    >>> utterance_from_video("no/such/film.mp4", "How nice!")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/film.mp4: there is no such file
    """
    meter = VoiceMeter(voice)
    _check_share(most_without_face)
    film = Film(path, start, end)
    _refuse_long(film, film.duration)
    split = _split(words, film.name)
    name = "recording" if isinstance(film.source, bytes) else Path(film.source).stem
    own = _own_id(name, start, end) if id is None else id
    Utterance(own, split, np.empty((0, 1)), np.empty((0, 1)), label)  # before the long work
    film.require_sound()
    look = _Look(film, landmarker or FaceLandmarker(), shown)
    sound = film.listen(meter.add)
    film.require_whole()
    look.require_faces(most_without_face)
    heard = meter.finish()
    recorded = {"rate": float(film.sound_rate), "clipped": sound.clipped}
    return Utterance(
        own,
        split,
        look.frames,
        heard.frames,
        label,
        video=name if video is None else video,
        annotations={
            **look.annotations(),
            "acoustic_times": heard.times + sound.start,
            **{f"voice_{note}": value for note, value in (heard.notes | recorded).items()},
            "start_seconds": film.start,
            "end_seconds": max(look.end, sound.end) if film.end is None else film.end,
            "damaged_packets": float(film.n_damaged),
            **({} if isinstance(film.source, bytes) else {"film": str(film.source)}),
        },
    )


def landmarks(utterance: Utterance) -> np.ndarray:
    """Return the landmarks of the face in each visual frame, to draw a mesh.

    Parameters
    ----------
    utterance : Utterance
        One that `utterance_from_video` made.

    Returns
    -------
    (n_visual, 478, 3) float32
        x and y as shares of the picture's width and height, z (smaller is nearer) in units of its
        width. They are rounded to 1/16384.

    Raises
    ------
    CENetError
        If there are none.

    Examples
    --------
    >>> stored = {"landmarks": np.full(478 * 3, 8192, np.int16)}
    >>> one = Utterance("u", ["so"], np.ones((1, 54)), np.ones((1, 37)), annotations=stored)
    >>> landmarks(one)[0, 0].tolist()
    [0.5, 0.5, 0.5]
    """
    stored = np.asarray(utterance.annotations.get("landmarks", ()))
    shape = (len(utterance.visual), N_LANDMARKS, 3)
    if "landmarks" not in utterance.annotations or stored.size != np.prod(shape):
        raise CENetError(
            f"{utterance.id}: has no landmarks for its {len(utterance.visual)} visual frames; only "
            "films that were read by this package have any"
        )
    return stored.reshape(shape).astype(np.float32) * np.float32(_UNIT)


def extractor(voice: str = "librosa") -> dict[str, Any]:
    """Return who measures face and voice, in which version and how, for a corpus's provenance.

    Raises
    ------
    CENetError
        If a library is missing.

    Examples
    --------
    >>> extractor()["face"]["model"]
    'Face Landmarker, float16, version 1'
    """
    return {
        "by": "cenet_lib.video",
        "version": VERSION,
        "face": {
            "model": "Face Landmarker, float16, version 1",
            "sha256": MODEL_SHA256,
            "library": with_version("ai-edge-litert"),
            "followed": "the largest face",
        },
        "voice": voice_extractor(voice),
        "decoder": with_version("av"),
    }


def words_of_text(text: str) -> tuple[str, ...]:
    """Return the words of what somebody typed, punctuation apart, Chinese characters each alone.

    Examples
    --------
    >>> words_of_text("Not bad, is it?"), words_of_text("不错")
    (('Not', 'bad', ',', 'is', 'it', '?'), ('不', '错'))
    """
    return tuple(word for chunk in cut(text) for word in split_words(chunk))


def _split(words: Any, name: str) -> tuple[str, ...]:
    """Return the words of a text or of a list."""
    if isinstance(words, str):
        return words_of_text(words)
    if not isinstance(words, Iterable) or isinstance(words, bytes):
        raise CENetError(f"{name}: its words are {words!r}; give a text, or a list of words")
    return tuple(words)


def _check_share(most_without_face: Any) -> None:
    """Refuse what is no share of the pictures; NaN would let every film pass."""
    number = isinstance(most_without_face, Real) and not isinstance(most_without_face, bool)
    if not number or not 0 <= most_without_face <= 1:
        raise CENetError(
            f"most_without_face is {most_without_face!r}; give the share of the pictures that may "
            "be without a face, from 0 to 1"
        )


class _Look:
    """What is seen in a film: frames of the face, with their times and landmarks."""

    def __init__(self, film: Film, landmarker: FaceLandmarker, shown: bool):
        self._film, self._landmarker = film, landmarker
        self._frames = [np.empty((0, len(VISUAL_CHANNELS)), np.float32)]
        self._points = bytearray()  # of landmarks, which grows without a second copy
        self._times: list[float] = []
        self._n_pictures = self._n_without = self._n_others = 0
        self._size = (0, 0)  # width and height of the pictures whose landmarks wait
        self._waiting: list[np.ndarray] = []
        self.end = 0.0
        for time, size, seen in self._sightings(shown):
            self._add(time, size, seen)
        self._describe()
        self.frames = np.concatenate(self._frames)  # (n, 54)

    def _sightings(self, shown: bool) -> Iterator[tuple[float, tuple[int, int], Sighting]]:
        film = self._film
        end = film.duration if film.end is None else film.end
        total = None if end is None else round((end - film.start) * film.rate)
        pictures, same = tee(bar(film.pictures(), film.name, shown, total))
        follow = self._landmarker.follow(picture.rgb for picture in same)
        for picture, seen in zip(pictures, follow):
            yield picture.time, picture.rgb.shape[1::-1], seen

    def _add(self, time: float, size: tuple[int, int], seen: Sighting) -> None:
        _refuse_long(self._film, time)
        self._n_pictures += 1
        self._n_others += seen.others > 0
        self.end = time + 1 / self._film.rate
        if seen.landmarks is None:
            self._n_without += 1
            return
        if size != self._size or len(self._waiting) == _CHUNK:
            self._describe()
            self._size = size
        self._times.append(time)
        self._waiting.append(seen.landmarks)

    def _describe(self) -> None:
        """Describe the faces that wait; of their landmarks, a rounded copy stays."""
        if self._waiting:
            points = np.stack(self._waiting)  # (n, 478, 3)
            self._frames.append(self._landmarker.describe(points, *self._size))
            limits = np.iinfo(np.int16)
            rounded = np.clip(np.rint(points / _UNIT), limits.min, limits.max)
            self._points += rounded.astype(np.int16).tobytes()
            self._waiting.clear()

    def require_faces(self, most_without: float) -> None:
        """Refuse a film whose face is not seen."""
        if not self._times or self._n_without > most_without * self._n_pictures:
            raise CENetError(
                f"{self._film.name}: no face in {self._n_without} of {self._n_pictures} frames; "
                "come closer or add light"
            )

    def annotations(self) -> dict[str, Annotation]:
        """Return times, landmarks and counts."""
        width, height = self._size
        return {
            "visual_times": np.array(self._times),
            "landmarks": np.frombuffer(self._points, np.int16),
            "picture_width": float(width),
            "picture_height": float(height),
            "pictures": float(self._n_pictures),
            "pictures_without_face": float(self._n_without),
            "pictures_with_other_faces": float(self._n_others),
        }


def _refuse_long(film: Film, reached: float | None) -> None:
    end = film.end if film.end is not None else reached
    if end is not None and end - film.start > LONGEST + 1:
        raise CENetError(
            f"{film.name}: is longer than {LONGEST / 60:g} minutes; an utterance is about a "
            "sentence, so give the start and end of each"
        )


def _own_id(name: str, start: float | None, end: float | None) -> str:
    if start is None and end is None:
        return name
    return f"{name}_{start or 0:g}" + ("" if end is None else f"_{end:g}")
