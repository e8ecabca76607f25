"""The form in which a corpus is kept on disk: safe to open, quick to open, open to other tools.

`Corpus.save` and `Corpus.load` stand on it: what a reader took long to gather from a foreign file
is written once and opens at once ever after. It is a folder with

- ``segments.csv``: one row per utterance: ``id, split, video, label``, the words as a JSON list,
  for every array its first row and number of rows, and the scalar annotations;
- ``visual.npy`` and ``acoustic.npy``: the frames of all utterances one after another, float32;
- ``<annotation>.npy``: the same for each array annotation, such as ``pos_ids``;
- ``corpus.json``: name, label range, feature names, provenance, kinds of annotations, and the
  SHA-256 of each of the other files.

Opening reads the table and maps the arrays, so the time does not depend on the number of frames; a
flipped bit in an array is therefore found by `changed_files` only. There is no pickle in any of it.
"""

import csv
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np

from .errors import CENetError
from .files import (
    atomic_folder,
    read_json,
    refuse_existing,
    refuse_full,
    sha256,
    write_json,
)
from .utterance import HALF, SPLITS, STREAMS, Annotation, Utterance, is_proper

FORMAT = "cenet-corpus"
VERSION = 1
_HEADER, _TABLE = "corpus.json", "segments.csv"
_MEND = "convert the corpus anew"
_FIXED = ("id", "split", "video", "label", "words")
_SCALARS: dict[str, type] = {"float": float, "str": str}
_ERRORS = "surrogatepass"  # half a character is read, to be told where it is

_Row = dict[str, str]  # of the table, by column


class _Layout(NamedTuple):
    """The shape and type of the numbers in an ``.npy`` file."""

    shape: tuple[int, ...]
    dtype: np.dtype


class Outline(NamedTuple):
    """What a corpus checks of an utterance: its id, its label and the widths of its streams.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> next(load_corpus("data/mine").test.outlines()).widths
    {'visual': 6, 'acoustic': 5}
    """

    id: str
    label: float | None
    widths: Mapping[str, int]


def is_store(path: str | Path) -> bool:
    """Tell whether ``path`` is a folder that `write_store` wrote.

    Examples
    --------
    >>> is_store("data/mine"), is_store("models/mine")
    (True, False)
    """
    return (Path(path) / _HEADER).is_file()


def write_store(
    folder: str | Path,
    splits: Mapping[str, Sequence[Utterance]],
    widths: Mapping[str, int],
    header: Mapping[str, Any],
) -> None:
    """Write the utterances of a corpus to a new folder; it appears only when it is complete.

    Parameters
    ----------
    folder : str or Path
        The folder to make; it must not exist yet.
    splits : mapping of str to sequences of Utterance
        By the names in `SPLITS`.
    widths : mapping of str to int
        The number of channels of each stream.
    header : mapping
        What else is known of the corpus: ``name``, ``label_range``, ``feature_names`` and
        ``provenance``.

    Raises
    ------
    CENetError
        If the folder exists, the disk has no room or refuses, or an annotation cannot be stored:
        because of its name or its type, or because two utterances disagree on its kind.

    Examples
    --------
    >>> import tempfile
    >>> one = Utterance("v1[0]", ["so"], np.ones((4, 2)), np.ones((6, 3)))
    >>> splits = {"train": [one], "valid": [], "test": []}
    >>> names = {"visual": None, "acoustic": None}
    >>> header = {"name": "tiny", "label_range": (-3, 3), "feature_names": names, "provenance": {}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_store(f"{folder}/tiny", splits, {"visual": 2, "acoustic": 3}, header)
    ...     sorted(file.name for file in Path(folder, "tiny").iterdir())
    ['acoustic.npy', 'corpus.json', 'segments.csv', 'visual.npy']
    """
    refuse_existing(folder)
    arrays, scalars = _survey(splits, widths, header["name"])
    needed = sum(math.prod(layout.shape) * layout.dtype.itemsize for layout in arrays.values())
    refuse_full(folder, needed)
    with atomic_folder(folder) as temporary:
        # The files are closed before the folder is renamed or removed; Windows insists.
        with ExitStack() as opened:
            cursors = {
                name: opened.enter_context(_Appender(temporary / f"{name}.npy", layout))
                for name, layout in arrays.items()
            }
            file = opened.enter_context(
                open(temporary / _TABLE, "w", newline="", encoding="utf-8", errors=_ERRORS)
            )
            table = csv.writer(file)
            spans = [f"{name}_{part}" for name in arrays for part in ("start", "length")]
            table.writerow([*_FIXED, *spans, *scalars])
            for split, utterances in splits.items():
                for utterance in utterances:
                    table.writerow(_row(split, utterance, cursors, scalars))
        hashes = {f"{name}.npy": cursor.sha256() for name, cursor in cursors.items()}
        hashes[_TABLE] = sha256(temporary / _TABLE)
        form = {"format": FORMAT, "version": VERSION}
        sizes = {split: len(splits[split]) for split in SPLITS}
        contents = {"sizes": sizes, "arrays": list(arrays), "scalars": scalars, "sha256": hashes}
        write_json(temporary / _HEADER, {**form, **header, **contents})


def _row(
    split: str,
    utterance: Utterance,
    cursors: Mapping[str, "_Appender"],
    scalars: Mapping[str, str],
) -> list[str | int]:
    """Append the arrays of an utterance to their files and return its row of the table."""
    row: list[str | int] = [
        utterance.id,
        split,
        utterance.video,
        "" if utterance.label is None else repr(utterance.label),
        json.dumps(utterance.words),
    ]
    for name, cursor in cursors.items():
        values = utterance.frames(name) if name in STREAMS else utterance.annotations.get(name)
        if isinstance(values, np.ndarray):
            row += [cursor.rows, len(values)]
            cursor.append(values)
        else:
            row += ["", ""]
    for name, kind in scalars.items():
        value = utterance.annotations.get(name)
        if value is None:
            row.append("")
        else:
            row.append(repr(float(value)) if kind == "float" else json.dumps(value))
    return row


def changed_files(folder: str | Path) -> list[str]:
    """Return a sentence per file that is not as `write_store` left it; every byte is read for it.

    A folder that an older version of the package wrote has no hashes, and nothing is said of it.

    Raises
    ------
    CENetError
        If ``corpus.json`` or a file is missing.

    Examples
    --------
    >>> changed_files("data/mine")
    []
    """
    folder = Path(folder)
    header = _read_header(folder)
    hashes = header.get("sha256", {})
    names = [_TABLE, *(f"{name}.npy" for name in header["arrays"])]
    if not isinstance(hashes, dict):
        raise CENetError(f"{folder / _HEADER}: its hashes are damaged; {_MEND}")
    for name in names:
        _check_regular(folder / name)
    return [
        f"{folder / name}: has changed since it was written; {_MEND}"
        for name in names
        if hashes and sha256(folder / name) != hashes.get(name)
    ]


def _check_regular(path: Path) -> None:
    """Raise a `CENetError` if there is no file, or something that might never end."""
    if not path.exists():
        raise CENetError(f"{path}: is missing; {_MEND}")
    if not path.is_file():
        raise CENetError(f"{path}: is no regular file; {_MEND}")


def read_store(folder: str | Path) -> tuple[dict[str, "StoredUtterances"], dict[str, Any]]:
    """Open a folder that `write_store` wrote; frames are mapped from disk, not read.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    splits : dict of str to StoredUtterances
    header : dict
        As `write_store` took it.

    Raises
    ------
    CENetError
        If a file is missing or was damaged, or a row points outside its array.

    Examples
    --------
    >>> import tempfile
    >>> from cenet_lib import Corpus
    >>> one = Utterance("v1[0]", ["so"], np.ones((4, 2)), np.ones((6, 3)))
    >>> with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
    ...     Corpus("tiny", [one]).save(f"{folder}/tiny")
    ...     splits, header = read_store(f"{folder}/tiny")
    >>> header["name"], splits["train"][0]
    ('tiny', Utterance('v1[0]', 'so', visual (4, 2), acoustic (6, 3), no label))
    """
    folder = Path(folder)
    header = _read_header(folder)
    arrays = {name: _map(folder, name) for name in header["arrays"]}
    names = header["feature_names"]
    for stream in STREAMS:
        frames = arrays[stream]
        if frames.dtype != np.float32:
            raise CENetError(f"{folder}: {stream}.npy is not float32; {_MEND}")
        if names[stream] is not None and len(names[stream]) != frames.shape[1]:
            raise CENetError(
                f"{folder}: corpus.json names {len(names[stream])} {stream} features where "
                f"{stream}.npy has {frames.shape[1]} columns; {_MEND}"
            )
    rows = _read_rows(folder, header, arrays)
    splits = {split: StoredUtterances(rows[split], arrays, header["scalars"]) for split in SPLITS}
    return splits, header


class StoredUtterances(Sequence[Utterance]):
    """The utterances of one split, each made when it is asked for.

    ``utterances[i]`` is an `Utterance` whose frames are views of the mapped files; a slice is
    another such sequence. `frames` and `outlines` go over a split without making utterances.

    Parameters
    ----------
    rows : list of dict
        Rows of the table, which `read_store` has checked.
    arrays : dict of str to array
        The mapped files: ``visual`` (n, d) and ``acoustic`` (n, d) float32, and the annotations
        (n,).
    scalars : dict of str to str
        The kind of each scalar annotation, ``"float"`` or ``"str"``.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> utterances = load_corpus("data/mine").test
    >>> len(utterances), len(utterances[:3])
    (16, 3)
    >>> next(utterances.frames("visual")).shape == utterances[0].visual.shape
    True
    """

    def __init__(
        self, rows: list[_Row], arrays: Mapping[str, np.ndarray], scalars: Mapping[str, str]
    ):
        self._rows = rows
        self._arrays = arrays
        self._scalars = scalars

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Utterance: ...

    @overload
    def __getitem__(self, index: slice) -> "StoredUtterances": ...

    def __getitem__(self, index: int | slice) -> "Utterance | StoredUtterances":
        if isinstance(index, slice):
            return StoredUtterances(self._rows[index], self._arrays, self._scalars)
        row = self._rows[index]
        annotations: dict[str, Annotation] = {}
        for name in self._arrays:
            if name not in STREAMS and row[f"{name}_start"] != "":
                annotations[name] = self._slice(row, name)
        for name, kind in self._scalars.items():
            if row[name] != "":
                annotations[name] = _scalar(row[name], kind)
        return Utterance(
            id=row["id"],
            words=tuple(json.loads(row["words"])),
            visual=self._slice(row, "visual"),
            acoustic=self._slice(row, "acoustic"),
            label=_label(row),
            video=row["video"],
            annotations=annotations,
        )

    def _slice(self, row: _Row, name: str) -> np.ndarray:
        start = int(row[f"{name}_start"])
        return self._arrays[name][start : start + int(row[f"{name}_length"])]

    def frames(self, stream: str) -> Iterator[np.ndarray]:
        """Yield the frames (n, d) of each utterance, in order, without making utterances."""
        for row in self._rows:
            yield self._slice(row, stream)

    def outlines(self) -> Iterator[Outline]:
        """Yield the outline of each utterance, in order, without making utterances."""
        widths = {stream: self._arrays[stream].shape[1] for stream in STREAMS}
        for row in self._rows:
            yield Outline(row["id"], _label(row), widths)


class _Appender:
    """Writes an ``.npy`` file of known shape piece by piece."""

    def __init__(self, path: Path, layout: _Layout):
        self.rows = 0
        self._file = open(path, "wb")  # noqa: SIM115, closed by __exit__
        self._dtype = layout.dtype
        descr = np.lib.format.dtype_to_descr(layout.dtype)
        head = {"descr": descr, "fortran_order": False, "shape": layout.shape}
        np.lib.format.write_array_header_1_0(self._file, head)
        self._file.flush()
        self._digest = hashlib.sha256(path.read_bytes())

    def append(self, values: np.ndarray) -> None:
        content = np.ascontiguousarray(values, dtype=self._dtype).tobytes()
        self._file.write(content)
        self._digest.update(content)
        self.rows += len(values)

    def sha256(self) -> str:
        """Return the SHA-256 of all that was written."""
        return self._digest.hexdigest()

    def __enter__(self) -> "_Appender":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _survey(
    splits: Mapping[str, Sequence[Utterance]], widths: Mapping[str, int], corpus: str
) -> tuple[dict[str, _Layout], dict[str, str]]:
    """Return the layout of each array to write, and the kind of each scalar annotation."""
    n_frames = dict.fromkeys(STREAMS, 0)
    lengths: dict[str, int] = {}
    types: dict[str, np.dtype] = {}
    scalars: dict[str, str] = {}
    for utterance in chain.from_iterable(splits.values()):
        for stream in STREAMS:
            n_frames[stream] += len(utterance.frames(stream))
        for name, value in utterance.annotations.items():
            where = f"{corpus}: segment {utterance.id}: annotation {name!r}"
            if not str(name).isidentifier():  # it becomes a column and the name of a file
                raise CENetError(f"{where}: its name must be letters, digits and underscores")
            if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iufb":
                lengths[name] = lengths.get(name, 0) + len(value)
                types[name] = np.promote_types(types.get(name, value.dtype), value.dtype)
            else:
                kind = _scalar_kind(value, where)
                if scalars.setdefault(name, kind) != kind:
                    here, there = ("text", "number") if kind == "str" else ("number", "text")
                    raise CENetError(f"{where} is a {here} here and a {there} elsewhere; use one")
    spans = {f"{name}_{part}" for name in (*STREAMS, *lengths) for part in ("start", "length")}
    taken = (set(STREAMS) & (set(lengths) | set(scalars))) | (
        set(scalars) & {*lengths, *spans, *_FIXED}
    )
    if taken:
        raise CENetError(f"{corpus}: the annotation name {min(taken)!r} is taken; rename it")
    frames = {s: _Layout((n_frames[s], widths[s]), np.dtype(np.float32)) for s in STREAMS}
    return frames | {n: _Layout((lengths[n],), types[n]) for n in lengths}, scalars


def _scalar_kind(value: object, where: str) -> str:
    if isinstance(value, str):
        return "str"
    if isinstance(value, (float, int, np.integer, np.floating)):
        return "float"
    raise CENetError(
        f"{where} is {type(value).__name__}; "
        "only numbers, texts and one-dimensional numeric arrays can be stored"
    )


def _read_header(folder: Path) -> dict[str, Any]:
    """Return what is in ``corpus.json``, checked."""
    path = folder / _HEADER
    if not path.exists():
        raise CENetError(f"{folder}: no corpus here (corpus.json is missing)")
    header = read_json(path, _MEND)
    if header.get("format") != FORMAT:
        raise CENetError(f"{path}: is not the header of a stored corpus; see data/README.md")
    if header.get("version") != VERSION:
        raise CENetError(
            f"{path}: has version {header.get('version')}, this package reads {VERSION}; {_MEND}"
        )
    try:
        low, high = header["label_range"]
        names, arrays, scalars = header["feature_names"], header["arrays"], header["scalars"]
        sound = (
            isinstance(header["name"], str)
            and low < high
            and math.isfinite(high - low)
            and all(names[stream] is None or _are_texts(names[stream]) for stream in STREAMS)
            and _are_texts(arrays)
            and all(name.isidentifier() for name in arrays)
            and set(STREAMS) <= set(arrays)
            and _are_texts(list(scalars))
            and set(scalars.values()) <= set(_SCALARS)
            and isinstance(header["provenance"], dict)
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        sound = False
    if not sound:
        raise CENetError(f"{path}: lacks something or is damaged; {_MEND}")
    return header


def _are_texts(values: object) -> bool:
    """Tell whether JSON gave a list of texts."""
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _map(folder: Path, name: str) -> np.ndarray:
    """Return the numbers of an ``.npy`` file, mapped, not read."""
    path = folder / f"{name}.npy"
    _check_regular(path)
    try:
        with open(path, "rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("another version of the format")
            shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
            start = file.tell()
        if by_columns or dtype.kind not in "iufb" or len(shape) != (2 if name in STREAMS else 1):
            raise ValueError(f"shape {shape}, type {dtype}")
        size, promised = path.stat().st_size, start + math.prod(shape) * dtype.itemsize
        if size != promised:
            raise ValueError(f"{size} bytes instead of {promised}")
        # A file without data cannot be mapped, and need not be.
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.asarray(np.memmap(path, dtype, "r", start, shape))
    except Exception as error:  # the header is parsed as Python text, which can fail in any way
        raise CENetError(f"{path}: is damaged ({error}); {_MEND}") from error


def _read_rows(
    folder: Path, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> dict[str, list[_Row]]:
    """Return the checked rows of the table by split."""
    path = folder / _TABLE
    _check_regular(path)
    rows: dict[str, list[_Row]] = {split: [] for split in SPLITS}
    seen: set[str] = set()
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a long transcript is one field
    try:
        with open(path, newline="", encoding="utf-8", errors=_ERRORS) as file:
            for line, row in enumerate(csv.DictReader(file, strict=True), start=1):
                try:
                    rows[row["split"]].append(row)
                    if row["id"] in seen:
                        raise ValueError("the id occurs twice")
                    seen.add(row["id"])
                    _check_row(row, header, arrays)
                except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
                    raise CENetError(
                        f"{path}: segment {row.get('id')!r} (number {line}): {error}; {_MEND}"
                    ) from error
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise CENetError(f"{path}: is damaged ({error}); {_MEND}") from error
    sizes = {split: len(rows[split]) for split in SPLITS}
    if sizes != header.get("sizes"):
        raise CENetError(
            f"{path}: has {sizes} segments where corpus.json promises {header.get('sizes')}; "
            f"{_MEND}"
        )
    return rows


def _check_row(row: _Row, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Raise a ValueError or TypeError if a row would not make an `Utterance`."""
    if not row["id"]:
        raise ValueError("it has no id")
    words = json.loads(row["words"])
    if not (words and _are_texts(words) and all(word.strip() for word in words)):
        raise ValueError("its words are damaged")
    if not is_proper(row["id"]):
        raise ValueError(f"its id {HALF}")
    if not is_proper("".join(words)):
        raise ValueError(f"a word of it {HALF}")
    low, high = header["label_range"]
    if row["label"] and not low <= float(row["label"]) <= high:
        raise ValueError(f"its label {row['label'][:20]} is not in [{low:g}, {high:g}]")
    for name, kind in header["scalars"].items():
        if row[name] != "" and not isinstance(_scalar(row[name], kind), _SCALARS[kind]):
            raise ValueError(f"its {name} is damaged")
    for name, array in arrays.items():
        start, length = row[f"{name}_start"], row[f"{name}_length"]
        if start == "" and name not in STREAMS:
            continue
        if not 0 <= int(start) <= int(start) + int(length) <= len(array):
            raise ValueError(f"its rows of {name}.npy lie outside the file")


def _label(row: _Row) -> float | None:
    return None if row["label"] == "" else float(row["label"])


def _scalar(text: str, kind: str) -> float | str:
    if kind == "float":
        return float(text)
    value: str = json.loads(text)
    return value
