"""Which films a folder holds, and what was said in each: the table of a collection of one's own.

Three ways to say it, of which the first that is there counts:

- ``clips.csv`` with the columns ``file`` and ``text``, and, if they are known, ``label``,
  ``speaker``, ``split``, ``start`` and ``end`` (seconds, to cut segments out of a long film) and
  ``id``, in any order. Files are named from the folder.
- MMSA's ``label.csv``: ``video_id``, ``clip_id``, ``text``, ``label``, ``mode`` and, if they are
  there, ``label_T``, ``label_A`` and ``label_V``; the film is ``video_id/clip_id.mp4``, there or in
  the folder ``Raw``.
- A text beside each film: ``glad.txt`` for ``glad.mp4``. A folder within the folder is a speaker.

What is wrong with one clip is written down with it, and the others go on. A name that leads out of
the folder is never opened. `cenet_lib.video.collection` makes a corpus of the clips.
"""

import csv
import difflib
import io
import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..corpora.values import SPLIT_NAMES
from ..errors import CENetError
from ..files import refuse_special
from ..terminal import from_cell
from ..utterance import checked_range

TABLES = ("clips.csv", "label.csv")
FILMS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"),
    *(".ogv", ".ts", ".mts", ".m2ts", ".vob", ".asf", ".mxf"),
)
_COLUMNS = ("file", "text", "label", "speaker", "split", "start", "end", "id")
_OF_MMSA = ("video_id", "clip_id", "text", "label", "mode")
_SINGLE_LABELS = {"label_t": "label_T", "label_a": "label_A", "label_v": "label_V"}
_LONGEST_TEXT = 1_000_000  # bytes of a text beside a film; a book has as many


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


def read_clips(
    folder: str | Path,
    label_range: tuple[float, float] = (-3.0, 3.0),
    *,
    transcribe: bool = False,
) -> Clips:
    """Read what the films of a folder are, without opening one.

    Parameters
    ----------
    folder : str or Path
        The folder, or a table in it.
    label_range : (float, float)
        The lowest and the highest label.
    transcribe : bool
        Whether a clip may come without a text.

    Returns
    -------
    Clips
        Those with something wrong are among them.

    Raises
    ------
    CENetError
        If there is no such folder, it holds no film, or its table cannot be read as one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "glad.mp4").touch()
    ...     _ = Path(folder, "clips.csv").write_text("label,file,text\\n2,glad.mp4,How nice!\\n")
    ...     [clip] = read_clips(folder).clips
    >>> clip.id, clip.label, clip.text
    ('glad', 2.0, 'How nice!')
    """
    place = Path(folder)
    label_range = checked_range(label_range, str(place))
    refuse_special(place)
    if place.is_file():
        found = _by_table(place, label_range)
    elif not place.is_dir():
        raise CENetError(f"{place}: there is no such folder; give the one with your films")
    else:
        table = next((place / name for name in TABLES if (place / name).exists()), None)
        found = _by_texts(place) if table is None else _by_table(table, label_range)
    if not found.clips:
        raise CENetError(
            f"{place}: holds no film; put films there, and clips.csv with the columns file, text, "
            "label, speaker"
        )
    clips = _once_each(found.clips)
    if not transcribe:
        clips = [
            clip
            if clip.problem or clip.text
            else clip._replace(problem="has no text; write what is said in it, or --transcribe")
            for clip in clips
        ]
    return found._replace(clips=_with_all_splits(clips))


def _by_table(table: Path, label_range: tuple[float, float]) -> Clips:
    """Read the clips of ``clips.csv`` or ``label.csv``."""
    names, rows = _read_rows(table)
    mmsa = "file" not in names and {"video_id", "clip_id"} <= set(names)
    known = (*_OF_MMSA, *_SINGLE_LABELS) if mmsa else _COLUMNS
    _check_columns(table, names, known, mmsa)
    clip_of = _clip_of_mmsa if mmsa else _clip_of
    clips = []
    for line, row in rows:
        values = {name: from_cell(value.strip()) for name, value in zip(names, row)}
        if not any(values.values()):
            continue
        name = values.get("file") or "/".join(
            values[key] for key in ("video_id", "clip_id") if key in values
        )
        broken = Clip(values.get("id") or name or f"line {line}", name, table.parent / "?")
        try:
            if len(row) != len(names):
                raise CENetError(
                    f"line {line} has {len(row)} values for {len(names)} columns; put a text with "
                    "commas between quotation marks"
                )
            clips.append(clip_of(values, table.parent, label_range))
        except CENetError as error:
            clips.append(broken._replace(problem=str(error)))
    unknown = [name for name in names if name not in known]
    notes = [f"columns that are not used: {', '.join(unknown)}"] if unknown else []
    if not mmsa:
        notes += _not_named(table.parent, clips, table.name)
    return Clips(clips, table.name, notes)


def _read_rows(table: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns in small letters, and the rows with their lines."""
    refuse_special(table)
    try:
        raw = table.read_bytes()
        wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")  # a spreadsheet's "Unicode text"
        text = raw.decode("utf-16" if wide else "utf-8-sig")
        head = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=head.count)  # with a decimal comma, spreadsheets write ";"
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names = [name.strip().lower() for name in next(reader, [])]
        return names, [(reader.line_num, row) for row in reader if row]
    except UnicodeDecodeError:
        raise CENetError(
            f"{table}: is not in UTF-8; save it as 'CSV UTF-8' from your spreadsheet"
        ) from None
    except (OSError, csv.Error) as error:
        raise CENetError(f"{table}: cannot be read as a table ({error}); save it anew") from None


def _check_columns(table: Path, names: Sequence[str], known: Sequence[str], mmsa: bool) -> None:
    """Refuse a table without the columns that are needed, or with one that is spelt wrongly."""
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise CENetError(f"{table}: has the column {twice[0]!r} twice; remove or rename one")
    missing = [name for name in known if name not in names]
    for name in names:
        alike = difflib.get_close_matches(name, missing, n=1, cutoff=0.75)
        if name not in known and alike:
            raise CENetError(
                f"{table}: has a column {name!r}; is it {alike[0]!r}? Rename it so, or to "
                "something else"
            )
    if not mmsa and "file" not in names:
        raise CENetError(
            f"{table}: has no column 'file' (it has {', '.join(names)[:200] or 'none'}); the first "
            "line must name the columns: file,text,label,speaker"
        )


def _clip_of(row: Mapping[str, str], folder: Path, label_range: tuple[float, float]) -> Clip:
    """Return the clip of a row of ``clips.csv``."""
    file = row["file"].replace("\\", "/")
    path = _inside(folder, file)
    if path.is_dir():
        raise CENetError("is a folder; name a film in it")
    start, end = _time(row.get("start", ""), "start"), _time(row.get("end", ""), "end")
    if end is not None and end <= (start or 0.0):
        raise CENetError(f"ends at {end:g} s and starts at {start or 0:g} s; mend start or end")
    return Clip(
        id=row.get("id") or _name(file, start, end),
        file=file,
        path=path,
        text=row.get("text", ""),
        label=_label(row.get("label", ""), label_range),
        speaker=row.get("speaker", ""),
        split=_split(row.get("split", "")),
        start=start,
        end=end,
    )


def _clip_of_mmsa(row: Mapping[str, str], folder: Path, label_range: tuple[float, float]) -> Clip:
    """Return the clip of a row of MMSA's ``label.csv``."""
    video, number = row["video_id"], row["clip_id"]
    if not (video and number):
        raise CENetError("has no video_id or no clip_id; mend its row")
    path = _film_of_mmsa(folder, video, number)
    singles = {
        name: value
        for column, name in _SINGLE_LABELS.items()
        if (value := _label(row.get(column, ""), label_range)) is not None
    }
    return Clip(
        id=f"{video}$_${number}",
        file=path.relative_to(folder).as_posix(),
        path=path,
        text=row.get("text", ""),
        label=_label(row.get("label", ""), label_range),
        speaker=video,
        split=_split(row.get("mode", "")),
        annotations=singles,
    )


def _film_of_mmsa(folder: Path, video: str, number: str) -> Path:
    """Return the film of a clip; its number may have lost its zeros in a spreadsheet."""
    for above in ("", "Raw", "raw"):
        with suppress(CENetError):
            place = _inside(folder, f"{above}/{video}".strip("/"))
            for film in sorted(place.iterdir()) if place.is_dir() else ():
                alike = film.stem.isdecimal() and number.isdecimal()
                same = film.stem == number or (alike and int(film.stem) == int(number))
                if same and film.suffix.lower() in FILMS:
                    return _inside(folder, film.relative_to(folder).as_posix())
    _inside(folder, f"{video}/{number}.mp4")  # which says what is wrong
    raise CENetError(f"{video}/{number}: is no film")


def _by_texts(folder: Path) -> Clips:
    """Return a clip per film, with the text beside it."""
    clips = []
    for file in _films_in(folder):
        film = folder / file
        clip = Clip(_name(file, None, None), file, film, speaker=film.parent.name)
        if film.parent == folder:
            clip = clip._replace(speaker="")
        try:
            _inside(folder, file)
            clips.append(clip._replace(text=_text_beside(folder, file)))
        except CENetError as error:
            clips.append(clip._replace(problem=str(error)))
    return Clips(clips, "texts beside the films", [])


def _films_in(folder: Path) -> list[str]:
    """Return the films in a folder and the folders in it, as seen from there."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in files if not name.startswith(".")]
    films = (path for path in found if path.suffix.lower() in FILMS)
    return sorted(path.relative_to(folder).as_posix() for path in films)


def _text_beside(folder: Path, film: str) -> str:
    file = str(PurePosixPath(film).with_suffix(".txt"))
    if not (folder / file).exists():
        return ""
    path = _inside(folder, file)
    try:
        if path.stat().st_size > _LONGEST_TEXT:
            raise CENetError(f"{file} is too long for what is said in a film; write only that")
        return " ".join(path.read_text(encoding="utf-8-sig").split())
    except UnicodeDecodeError:
        raise CENetError(f"{file} is not in UTF-8; save it anew in that encoding") from None
    except OSError as error:
        raise CENetError(f"{file} cannot be read: {error.strerror}") from None


def _inside(folder: Path, file: str) -> Path:
    """Return the path of what a table names, which must be there and in the folder."""
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
    there = _films_in(folder)
    small = str(name).lower()
    same = [film for film in there if small in (film.lower(), film.lower().rpartition(".")[0])]
    alike = same or difflib.get_close_matches(str(name), there, n=1, cutoff=0.85)
    return f"; is it {alike[0]!r}?" if alike else "; put it into the folder, or remove its row"


def _time(text: str, what: str) -> float | None:
    """Return seconds, of a number or of minutes and seconds (1:05.2)."""
    if not text:
        return None
    parts = text.split(":")
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or any(not math.isfinite(n) for n in numbers):
        raise CENetError(f"its {what} is {text[:40]!r}; write seconds, such as 12.5")
    seconds = sum(number * 60**place for place, number in enumerate(reversed(numbers)))
    if min(numbers) < 0 or text.startswith("-"):
        raise CENetError(f"its {what} is {text[:40]}, before the film begins; mend it")
    return float(seconds)


def _label(text: str, label_range: tuple[float, float]) -> float | None:
    if not text:
        return None
    low, high = label_range
    try:
        label = _number(text)
    except ValueError:
        label = math.nan
    if not low <= label <= high:
        raise CENetError(
            f"its label is {text[:40]!r}; write a number from {low:g} to {high:g}, nothing if it "
            "is not known, or give another --label-range"
        )
    return label


def _number(text: str) -> float:
    """Return a number, also one with a decimal comma."""
    if "_" in text:  # which Python takes and people do not mean
        raise ValueError(text)
    return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)


def _split(text: str) -> str:
    if text and text.lower() not in SPLIT_NAMES:
        raise CENetError(f"its split is {text[:40]!r}; write train, valid or test, or nothing")
    return SPLIT_NAMES[text.lower()] if text else ""


def _name(file: str, start: float | None, end: float | None) -> str:
    name = str(PurePosixPath(file).with_suffix(""))
    if start is None and end is None:
        return name
    return f"{name}[{_shown(start)}-{_shown(end)}]"


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}".rstrip("0").rstrip(".")


def _not_named(folder: Path, clips: Iterable[Clip], table: str) -> list[str]:
    """Tell which films of a folder its table leaves out."""
    left = sorted(set(_films_in(folder)) - {clip.file for clip in clips})
    if not left:
        return []
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    return [f"films that {table} does not name: {', '.join(left[:5])}{more}"]


def _once_each(clips: Sequence[Clip]) -> list[Clip]:
    """Write down with clips whose film or id is another one's that it is."""
    films: dict[Path, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        if not clip.problem:
            films[clip.path.resolve()].append(i)
    result = list(clips)
    for rows in films.values():
        cuts: set[tuple[float | None, float | None]] = set()
        whole = any(clips[i].start is None and clips[i].end is None for i in rows)
        for place, i in enumerate(rows):
            cut = (clips[i].start, clips[i].end)
            if place and (whole or cut in cuts):
                what = (
                    "the same part of the same film"
                    if cut in cuts and any(cut)
                    else "the same film"
                )
                result[i] = clips[i]._replace(
                    problem=f"is {what} as {clips[rows[0]].id}; give both a start and an end of "
                    "their own, or remove one"
                )
            cuts.add(cut)
    return _with_own_ids(result)


def _with_own_ids(clips: list[Clip]) -> list[Clip]:
    """Tell films of one name by their endings; write down where an id still occurs twice."""
    often = Counter(clip.id for clip in clips if not clip.problem)
    result = []
    seen: set[str] = set()
    for clip in clips:
        if often[clip.id] > 1 and clip.id == _name(clip.file, clip.start, clip.end):
            clip = clip._replace(id=clip.id.replace(_name(clip.file, None, None), clip.file, 1))
        if not clip.problem and clip.id in seen:
            clip = clip._replace(problem="has the id of another clip; give it one of its own")
        seen.add(clip.id)
        result.append(clip)
    return result


def _with_all_splits(clips: list[Clip]) -> list[Clip]:
    """Write down which clips have no split where others have one."""
    if not any(clip.split for clip in clips):
        return clips
    problem = "has no split where others have one; give it one, or none to all"
    return [
        clip if clip.split or clip.problem else clip._replace(problem=problem) for clip in clips
    ]
