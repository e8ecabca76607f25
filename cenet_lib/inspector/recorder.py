"""Recorder: a film of oneself, from the browser's camera to Python, and nowhere else.

The page records and sends pieces of a quarter of a second, numbered, as messages of the widget's
own: what is a message and no trait is not saved with a notebook. This module puts the pieces in
their order, asks for those that did not arrive, and keeps the film in memory until it is told to
write it or to forget it.
"""

import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..errors import CENetError
from ..files import atomic_file, refuse_existing
from ..video.playable import with_duration
from .page import RECORDER, page_module

_LONGEST = 600.0  # seconds that anybody may ask for; a film is held in memory
_ATTEMPTS = 3  # times that the page is asked for pieces that did not arrive
_SUFFIXES = {"video/webm": ".webm", "video/mp4": ".mp4"}


class Clip:
    """A film that was recorded, in memory until one asks for a file.

    Attributes
    ----------
    mime : str
        ``"video/webm"``, or ``"video/mp4"`` from Safari.
    seconds : float
        How long the browser recorded.

    Examples
    --------
    >>> clip = Clip(b"film", "video/webm;codecs=vp8,opus", 2.5)
    >>> clip
    Clip(2.5 s, 0.0 MB, video/webm)
    >>> path = clip.path
    >>> path.name, path.read_bytes()
    ('clip.webm', b'film')
    >>> clip.forget()
    >>> path.exists()
    False
    """

    def __init__(self, data: bytes, mime: str, seconds: float):
        self._data: bytes | None = data
        self._folder: tempfile.TemporaryDirectory | None = None
        self.mime = mime.partition(";")[0]
        self.seconds = seconds

    @property
    def data(self) -> bytes:
        """The film, as the browser made it.

        Raises
        ------
        CENetError
            If it was forgotten.
        """
        if self._data is None:
            raise CENetError("the clip was forgotten; record again")
        return self._data

    @property
    def path(self) -> Path:
        """A file with the film, in a folder that only you may read.

        It is written when it is first asked for, and removed by `forget` and when Python ends.
        """
        data = self.data
        if self._folder is None:
            # `TemporaryDirectory` makes it for its owner alone, and removes it at exit.
            self._folder = tempfile.TemporaryDirectory(
                prefix="cenet-clip-", ignore_cleanup_errors=True
            )
        path = Path(self._folder.name, f"clip{self.suffix}")
        if not path.exists():
            with atomic_file(path) as temporary:
                temporary.write_bytes(data)
        return path

    @property
    def has_file(self) -> bool:
        """Whether `path` was asked for."""
        return self._folder is not None

    @property
    def suffix(self) -> str:
        """How a file with it should end: ``".webm"`` or ``".mp4"``."""
        return _SUFFIXES.get(self.mime, ".webm")

    def save(self, path: str | Path) -> Path:
        """Write the film to a new file, to keep.

        A browser cannot know how long a recording will be while it writes it; the file says it, if
        the library ``av`` is installed, and so can be wound by every player.

        Parameters
        ----------
        path : str or Path
            Without an ending it gets the right one.

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        CENetError
            If there is such a file already, its ending says another format, or the disk refuses.

        Examples
        --------
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Clip(b"film", "video/webm", 2.5).save(f"{folder}/glad").name
        'glad.webm'
        """
        path = Path(path)
        path = path if path.suffix else path.with_name(path.name + self.suffix)
        if path.suffix.lower() != self.suffix:
            raise CENetError(f"{path}: the film is {self.mime}; call it {path.stem}{self.suffix}")
        refuse_existing(path)
        content = self.data
        if find_spec("av"):
            with suppress(CENetError):  # it stays as it is
                content = with_duration(content)
        with atomic_file(path) as temporary:
            temporary.write_bytes(content)
        return path

    def forget(self) -> None:
        """Let go of the film, and remove the file of `path`; files of `save` stay."""
        self._data = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __repr__(self) -> str:
        if self._data is None:
            return "Clip(forgotten)"
        return f"Clip({self.seconds:.1f} s, {len(self._data) / 1e6:.1f} MB, {self.mime})"


class Pieces:
    """The numbered pieces of one recording, in whatever order they arrive.

    Parameters
    ----------
    take : str
        What the page calls the recording.
    most : int
        Bytes that it may have.

    Examples
    --------
    >>> pieces = Pieces("a", most=100)
    >>> pieces.add(1, b"lm")
    >>> pieces.missing(2)
    [0]
    >>> pieces.add(0, b"fi")
    >>> pieces.joined()
    b'film'
    """

    def __init__(self, take: str, most: int):
        self.take = take
        self.asked = 0  # how often for pieces that were missing
        self._most = most
        self._arrived: dict[int, bytes] = {}

    def add(self, place: int, data: bytes) -> None:
        """Take a piece; one that has arrived already changes nothing.

        Raises
        ------
        CENetError
            If they are too many bytes.
        """
        if place in self._arrived:
            return
        if len(self) + len(data) > self._most:
            raise CENetError(
                f"the recording is larger than {self._most / 1e6:.0f} MB; "
                "make it shorter, or give Recorder a larger limit_bytes"
            )
        self._arrived[place] = data

    def missing(self, count: int) -> list[int]:
        """Return which of the first ``count`` pieces have not arrived."""
        return [place for place in range(count) if place not in self._arrived]

    def joined(self) -> bytes:
        """Return the film: all pieces in their order."""
        return b"".join(self._arrived[place] for place in sorted(self._arrived))

    def __len__(self) -> int:
        return sum(map(len, self._arrived.values()))


class Recorder(anywidget.AnyWidget):
    """Record yourself in a notebook: show it in a cell, press its buttons, take `clip`.

    The film goes from the browser to the Python of this notebook and nowhere else; if that runs on
    another computer (a JupyterHub), it goes there. It is in memory only: no file is written unless
    you ask for `Clip.path` or `Clip.save`, and nothing of it is saved with the notebook.

    Parameters
    ----------
    limit : float
        The longest recording in seconds, at most 600.
    limit_bytes : int
        The largest, in bytes; half a minute has about five million.

    Attributes
    ----------
    state : str
        ``"empty"``, ``"recording"``, ``"ready"`` (there is a `clip`) or ``"failed"``; to be
        observed, as a trait of ipywidgets is.

    Raises
    ------
    CENetError
        If a limit is no positive number, or too large.

    Examples
    --------
    >>> recorder = Recorder(limit=10)
    >>> recorder.state
    'empty'
    >>> recorder.clip
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: nothing is recorded yet; show the recorder in a cell, press \
"record" and then "stop", and run this cell again
    """

    _esm = page_module(RECORDER)
    limit = traitlets.Float(30.0).tag(sync=True)
    limit_bytes = traitlets.Int(100_000_000).tag(sync=True)
    state = traitlets.Enum(("empty", "recording", "ready", "failed"), "empty", read_only=True)

    def __init__(self, limit: float = 30.0, limit_bytes: int = 100_000_000):
        self._pieces: Pieces | None = None
        self._clip: Clip | None = None
        self._handed_on: weakref.WeakSet[Clip] = weakref.WeakSet()
        self._with_files: list[Clip] = []  # whose paths somebody may hold, without the clip
        self._problem = ""
        _checked(limit_bytes, "limit_bytes")
        super().__init__(limit=_checked(limit, "limit", _LONGEST), limit_bytes=limit_bytes)
        self.on_msg(self._hear)

    @traitlets.validate("limit")
    def _a_length(self, proposal: Mapping) -> float:
        return _checked(proposal["value"], "limit", _LONGEST)

    @traitlets.validate("limit_bytes")
    def _a_size(self, proposal: Mapping) -> int:
        return int(_checked(proposal["value"], "limit_bytes"))

    @property
    def clip(self) -> Clip:
        """The last recording.

        Raises
        ------
        CENetError
            If there is none: it says whether something went wrong, and what to do.
        """
        if self._clip is not None:
            return self._clip
        raise CENetError(self._problem or _NOTHING[self.state])

    def forget(self) -> None:
        """Let go of what was recorded, here and in the page, with every file of `Clip.path`.

        Clips that you took from this recorder are forgotten, too; files of `Clip.save` stay.

        Examples
        --------
        >>> Recorder().forget()  # there was nothing
        """
        for clip in [*self._handed_on]:
            clip.forget()
        self._with_files.clear()
        self._pieces, self._clip, self._problem = None, None, ""
        self.set_trait("state", "empty")
        self.send({"kind": "forget"})

    # ---------------------------------------------------------------- what the page says

    def _hear(self, _: Any, message: Mapping, buffers: Sequence[Any]) -> None:
        """Act on a message of the page; what belongs to an older recording is not heard."""
        kind, take = message.get("kind"), str(message.get("take"))
        if kind == "start":
            self._begin(take)
        elif kind == "trouble":
            self._fail(str(message["why"]))
        elif kind == "forget":
            self.forget()
        elif self._pieces is not None and self._pieces.take == take:
            if kind == "piece":
                self._take_piece(self._pieces, int(message["n"]), bytes(buffers[0]))
            elif kind == "end":
                self._end(self._pieces, message)

    def _begin(self, take: str) -> None:
        if self._clip is not None and self._clip.has_file:
            self._with_files.append(self._clip)
        self._pieces, self._clip, self._problem = Pieces(take, self.limit_bytes), None, ""
        self.set_trait("state", "recording")

    def _take_piece(self, pieces: Pieces, place: int, data: bytes) -> None:
        try:
            pieces.add(place, data)
        except CENetError as error:
            self._refuse(pieces, str(error))

    def _end(self, pieces: Pieces, message: Mapping) -> None:
        """Make a clip of the pieces if all have arrived; else ask for those that have not."""
        count = int(message["pieces"])
        missing = pieces.missing(count)
        if not count:
            self._refuse(pieces, "the browser recorded nothing; record again")
        elif missing and pieces.asked < _ATTEMPTS:
            pieces.asked += 1
            self.send({"kind": "again", "take": pieces.take, "pieces": missing})
        elif missing:
            some = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")
            lost = f"{len(missing)} of {count} pieces of the recording never arrived ({some})"
            self._refuse(pieces, f"{lost}; record again")
        elif len(pieces) != message["bytes"]:
            lost = f"{len(pieces):,} of {message['bytes']:,} bytes of the recording arrived"
            self._refuse(pieces, f"{lost}; record again")
        else:
            self._keep(Clip(pieces.joined(), str(message["mime"]), float(message["seconds"])))
            say = f"{self.clip.seconds:.1f} s are recorded; Python has them as the recorder's clip."
            self.send({"kind": "whole", "take": pieces.take, "say": say})

    def _keep(self, clip: Clip) -> None:
        self._pieces, self._clip = None, clip
        self._handed_on.add(clip)
        self.set_trait("state", "ready")

    def _refuse(self, pieces: Pieces, why: str) -> None:
        self._fail(why)
        self.send({"kind": "refused", "take": pieces.take, "say": f"{why[0].upper()}{why[1:]}."})

    def _fail(self, why: str) -> None:
        self._pieces, self._clip, self._problem = None, None, why
        self.set_trait("state", "failed")

    def __repr__(self) -> str:
        return f"Recorder(limit={self.limit:g}, {self.state})"


_NOTHING = {
    "empty": "nothing is recorded yet; show the recorder in a cell, press "
    '"record" and then "stop", and run this cell again',
    "recording": 'the recording has not ended; press "stop", and run this cell again',
}


def _checked(value: Any, name: str, most: float = float("inf")) -> float:
    """Return a limit as a number above 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not isfinite(value) or not 0 < value <= most:
        up_to = "" if most == float("inf") else f", at most {most:g}"
        raise CENetError(f"{name} is {value!r}; give a number above 0{up_to}")
    return float(value)
