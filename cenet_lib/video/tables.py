"""The tables that say which films a folder holds: ``clips.csv``, and MMSA's ``label.csv``.

What is wrong with one row is written down with its clip, and the others go on.
"""

import csv
import difflib
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..corpora.values import SPLIT_NAMES
from ..errors import CENetError
from ..files import refuse_special
from ..terminal import from_cell
from .clip import FILMS, Clip, Clips, clip_name, films_in, inside

_COLUMNS = ("file", "text", "label", "speaker", "split", "start", "end", "id")
_OF_MMSA = ("video_id", "clip_id", "text", "label", "mode")
_SINGLE_LABELS = {"label_t": "label_T", "label_a": "label_A", "label_v": "label_V"}


def by_table(table: Path, label_range: tuple[float, float]) -> Clips:
    """Read the clips of ``clips.csv`` or ``label.csv``.

    Parameters
    ----------
    table : Path
        It lies in the folder of the films.
    label_range : (float, float)

    Raises
    ------
    CENetError
        If it cannot be read as such a table.

    Examples
    --------
    >>> by_table(Path("no/such/clips.csv"), (-3.0, 3.0))
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/clips.csv: cannot be read as a table ([Errno 2] No such \
file or directory: 'no/such/clips.csv'); save it anew
    """
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
        place = f"{name} (line {line})" if name else f"line {line}"
        broken = Clip(values.get("id") or place, name, table.parent / "?")
        try:
            if len(row) != len(names):
                raise CENetError(
                    f"has {len(row)} values for {len(names)} columns; put a text with commas "
                    "between quotation marks"
                )
            clips.append(clip_of(values, table.parent, label_range))
        except CENetError as error:
            clips.append(broken._replace(problem=str(error)))
    unknown = [name for name in names if name not in known]
    notes = [f"columns that are not used: {', '.join(unknown)}"] if unknown else []
    if "text" not in names:
        notes.append("has no column 'text', for what is said")
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
    path = inside(folder, file)
    if path.is_dir():
        raise CENetError("is a folder; name a film in it")
    start, end = (seconds_from(row.get(name, ""), name) for name in ("start", "end"))
    if end is not None and end <= (start or 0.0):
        raise CENetError(f"ends at {end:g} s and starts at {start or 0:g} s; mend start or end")
    return Clip(
        id=row.get("id") or clip_name(file, start, end),
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
            place = inside(folder, f"{above}/{video}".strip("/"))
            for film in sorted(place.iterdir()) if place.is_dir() else ():
                alike = film.stem.isdecimal() and number.isdecimal()
                same = film.stem == number or (alike and int(film.stem) == int(number))
                if same and film.suffix.lower() in FILMS:
                    return inside(folder, film.relative_to(folder).as_posix())
    inside(folder, f"{video}/{number}.mp4")  # which says what is wrong
    raise CENetError(f"{video}/{number}: is no film")


def _not_named(folder: Path, clips: Iterable[Clip], table: str) -> list[str]:
    """Tell which films of a folder its table leaves out."""
    left = sorted(set(films_in(folder)) - {clip.file for clip in clips})
    if not left:
        return []
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    return [f"films that {table} does not name: {', '.join(left[:5])}{more}"]


def seconds_from(text: str, what: str) -> float | None:
    """Return seconds, of a number or of minutes and seconds (1:05.2); ``None`` of no text.

    Parameters
    ----------
    text : str
    what : str
        How the error calls it.

    Raises
    ------
    CENetError
        If it is no time, or one before zero.

    Examples
    --------
    >>> seconds_from("1:05.2", "start")
    65.2
    """
    if not text:
        return None
    parts = text.split(":")
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or any(not math.isfinite(n) for n in numbers):
        raise CENetError(f"its {what} is {text[:40]!r}; write seconds, such as 12.5, or 1:05")
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
