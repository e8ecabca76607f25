"""One film, or a part of one, and what is known about it; and the folder in which it lies.

A name that leads out of the folder is never opened. `cenet_lib.video.clips` says which clips a
folder holds.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..errors import CENetError
from ..files import refuse_special

FILMS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"),
    *(".ogv", ".ts", ".mts", ".m2ts", ".vob", ".asf", ".mxf"),
)


class Clip(NamedTuple):
    """A film, or a part of one, and what is known about it.

    Attributes
    ----------
    id : str
    file : str
        As the table names it, from the folder.
    path : Path
    text : str
        What is said in it; empty if it is to be transcribed.
    label : float or None
    speaker, split : str
        Empty if they are not known.
    start, end : float or None
        Seconds.
    annotations : mapping of str to float
        Further labels.
    problem : str
        What is wrong with it and what to do; empty if nothing is.

    Examples
    --------
    >>> Clip("glad", "glad.mp4", Path("films/glad.mp4"), "How nice!").problem
    ''
    """

    id: str
    file: str
    path: Path
    text: str = ""
    label: float | None = None
    speaker: str = ""
    split: str = ""
    start: float | None = None
    end: float | None = None
    annotations: Mapping[str, float] = {}
    problem: str = ""

    @property
    def recording(self) -> str:
        """The speaker, or if that is not known, the film."""
        return self.speaker or str(PurePosixPath(self.file).with_suffix(""))


class Clips(NamedTuple):
    """What a folder holds.

    Attributes
    ----------
    clips : list of Clip
        In the order of the table.
    source : str
        What told about them: the name of the table, or ``"texts beside the films"``.
    notes : list of str
        What is odd about the table without being wrong.

    Examples
    --------
    >>> Clips([], "clips.csv", []).source
    'clips.csv'
    """

    clips: list[Clip]
    source: str
    notes: list[str]


def films_in(folder: Path) -> list[str]:
    """Return the films in a folder and the folders in it, as seen from there.

    Examples
    --------
    >>> films_in(Path("no/such/folder"))
    []
    """
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in files if not name.startswith(".")]
    films = (path for path in found if path.suffix.lower() in FILMS)
    return sorted(path.relative_to(folder).as_posix() for path in films)


def inside(folder: Path, file: str) -> Path:
    """Return the path of what a table names, which must be there and in the folder.

    Raises
    ------
    CENetError
        If it is not; the message goes on after the clip's name.

    Examples
    --------
    >>> inside(Path("films"), "../glad.mp4")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: leads out of the folder; put the film into it and name it from \
there, without '..'
    """
    if not file:
        raise CENetError("names no file; write it into the column 'file'")
    name = PurePosixPath(file)
    if "\0" in file or name.is_absolute() or ".." in name.parts or re.match("[A-Za-z]:", file):
        raise CENetError(
            "leads out of the folder; put the film into it and name it from there, without '..'"
        )
    path = folder / name
    if not path.exists():
        raise CENetError(f"is missing{_hint(folder, name)}")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise CENetError("is a link that leads out of the folder; copy the film into it")
    refuse_special(path)
    return path


def _hint(folder: Path, name: PurePosixPath) -> str:
    """Return what was perhaps meant by a name that is not there."""
    there = films_in(folder)
    small = str(name).lower()
    same = [film for film in there if small in (film.lower(), film.lower().rpartition(".")[0])]
    alike = same or difflib.get_close_matches(str(name), there, n=1, cutoff=0.85)
    return f"; is it {alike[0]!r}?" if alike else "; put it into the folder, or remove its row"


def clip_name(file: str, start: float | None, end: float | None) -> str:
    """Return what a clip is called that has no id.

    Examples
    --------
    >>> clip_name("anna/glad.mp4", 1.5, None)
    'anna/glad[1.5-]'
    """
    name = str(PurePosixPath(file).with_suffix(""))
    if start is None and end is None:
        return name
    return f"{name}[{_shown(start)}-{_shown(end)}]"


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}".rstrip("0").rstrip(".")
