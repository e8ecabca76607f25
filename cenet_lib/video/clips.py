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

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ..errors import CENetError
from ..files import refuse_special
from ..utterance import checked_range
from .clip import FILMS, Clip, Clips, clip_name, films_in, inside
from .tables import by_table

TABLES = ("clips.csv", "label.csv")
_NO_CSV = ("xlsx", "xls", "xlsm", "ods", "numbers", "tsv", "csv.txt")  # how else people save one
_LONGEST_TEXT = 1_000_000  # bytes of a text beside a film; a book has as many


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
    if place.is_file() and place.suffix.lower() in FILMS:
        raise CENetError(f"{place}: is a film; give the folder in which it lies")
    if not place.is_file() and not place.is_dir():
        raise CENetError(f"{place}: there is no such folder; give the one with your films")
    table = place if place.is_file() else _table_in(place)
    found = _by_texts(place) if table is None else by_table(table, label_range)
    if not found.clips and table is not None:
        raise CENetError(f"{table}: names no film; write a row for each")
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


def _table_in(folder: Path) -> Path | None:
    """Return the table of a folder, in small letters or capitals; refuse one that is no CSV."""
    try:
        there = {path.name.lower(): path for path in sorted(folder.iterdir())}
    except OSError as error:
        raise CENetError(f"{folder}: cannot be read ({error.strerror})") from None
    for name in TABLES:
        if name in there:
            return there[name]
        for ending in _NO_CSV:
            if other := there.get(f"{name.removesuffix('csv')}{ending}"):
                raise CENetError(f"{other}: save it as 'CSV UTF-8', under the name {name}")
    return None


def _by_texts(folder: Path) -> Clips:
    """Return a clip per film, with the text beside it."""
    clips = []
    for file in films_in(folder):
        film = folder / file
        clip = Clip(clip_name(file, None, None), file, film, speaker=film.parent.name)
        if film.parent == folder:
            clip = clip._replace(speaker="")
        try:
            inside(folder, file)
            clips.append(clip._replace(text=_text_beside(folder, file)))
        except CENetError as error:
            clips.append(clip._replace(problem=str(error)))
    tables = sorted(folder.glob("*.csv"))
    notes = [
        f"{t.name} is not read; call it {TABLES[0]}, or give it in place of the folder"
        for t in tables
    ]
    return Clips(clips, "texts beside the films", notes)


def _text_beside(folder: Path, film: str) -> str:
    file = str(PurePosixPath(film).with_suffix(".txt"))
    if not (folder / file).exists():
        return ""
    path = inside(folder, file)
    try:
        if path.stat().st_size > _LONGEST_TEXT:
            raise CENetError(f"{file} is too long for what is said in a film; write only that")
        return " ".join(path.read_text(encoding="utf-8-sig").split())
    except UnicodeDecodeError:
        raise CENetError(f"{file} is not in UTF-8; save it anew in that encoding") from None
    except OSError as error:
        raise CENetError(f"{file} cannot be read: {error.strerror}") from None


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
                part = "the same part of " * (cut in cuts and any(cut))
                other = clips[rows[0]].file
                whose = "another row" if other == clips[i].file else other
                result[i] = clips[i]._replace(
                    problem=f"is {part}the same film as {whose}; give both a start and an end of "
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
        if often[clip.id] > 1 and clip.id == clip_name(clip.file, clip.start, clip.end):
            clip = clip._replace(id=clip.id.replace(clip_name(clip.file, None, None), clip.file, 1))
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
