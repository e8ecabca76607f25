"""The form in which a corpus is kept on disk: safe to open, quick to open, open to other tools.

A folder with

- ``segments.csv``: one row per utterance: ``id, split, video, label``, the words as a JSON list,
  for every array its first row and number of rows, and the scalar annotations;
- ``visual.npy`` and ``acoustic.npy``: the frames of all utterances one after another, float32;
- ``<annotation>.npy``: the same for each array annotation, such as ``pos_ids``;
- ``corpus.json``: name, label range, feature names, provenance, kinds of annotations.

Opening reads the table and maps the arrays, so the time does not depend on the number of frames.
There is no pickle in any of it.
"""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..errors import CENetError
from ..files import atomic_folder
from ..utterance import SPLITS, STREAMS, Corpus, Utterance

FORMAT = "cenet-corpus"
VERSION = 1
_FIXED = ("id", "split", "video", "label", "words")
_SCALARS = {"float": float, "str": str}


def is_store(path: str | Path) -> bool:
    """Tell whether ``path`` is a folder that `save_corpus` wrote."""
    return (Path(path) / "corpus.json").is_file()


def save_corpus(corpus: Corpus, folder: str | Path) -> None:
    """Write ``corpus`` to a new folder; it appears only when it is complete.

    Raises
    ------
    CENetError
        If the folder exists, the disk refuses, or two utterances disagree on an annotation's kind.
    """
    with atomic_folder(folder) as temporary:
        arrays, scalars = _survey(corpus)
        cursors = {name: _Appender(temporary, name, *shape) for name, shape in arrays.items()}
        with open(
            temporary / "segments.csv", "w", newline="", encoding="utf-8", errors="surrogatepass"
        ) as file:
            table = csv.writer(file)
            spans = [f"{name}_{part}" for name in arrays for part in ("start", "length")]
            table.writerow([*_FIXED, *spans, *scalars])
            for split, utterance in corpus.items():
                row = [
                    utterance.id,
                    split,
                    utterance.video,
                    "" if utterance.label is None else repr(utterance.label),
                    json.dumps(utterance.words),
                ]
                for name, cursor in cursors.items():
                    values = _array(utterance, name)
                    row += ["", ""] if values is None else [cursor.rows, len(values)]
                    if values is not None:
                        cursor.append(values)
                for name, kind in scalars.items():
                    value = utterance.annotations.get(name)
                    if value is None:
                        row.append("")
                    else:
                        row.append(repr(float(value)) if kind == "float" else json.dumps(value))
                table.writerow(row)
        for cursor in cursors.values():
            cursor.close()
        header = {
            "format": FORMAT,
            "version": VERSION,
            "name": corpus.name,
            "label_range": corpus.label_range,
            "feature_names": corpus.feature_names,
            "sizes": {split: len(corpus.splits[split]) for split in SPLITS},
            "arrays": list(arrays),
            "scalars": scalars,
            "provenance": corpus.provenance,
        }
        text = json.dumps(header, indent=2)
        (temporary / "corpus.json").write_text(text + "\n", encoding="utf-8")


def open_corpus(folder: str | Path) -> Corpus:
    """Open a stored corpus; frames are mapped from disk, not read.

    Raises
    ------
    CENetError
        If a file is missing or was damaged, or a row points outside its array.
    """
    folder = Path(folder)
    header = _read_header(folder)
    arrays = {name: _map(folder, name) for name in header["arrays"]}
    names = header["feature_names"]
    for stream in STREAMS:
        frames = arrays.get(stream)
        if frames is None or frames.ndim != 2 or frames.dtype != np.float32:
            raise CENetError(f"{folder}: {stream}.npy is not a float32 matrix; convert it anew")
        if names[stream] is not None and len(names[stream]) != frames.shape[1]:
            raise CENetError(
                f"{folder}: corpus.json names {len(names[stream])} {stream} features where "
                f"{stream}.npy has {frames.shape[1]} columns; convert it anew"
            )
    rows = _read_rows(folder, header, arrays)
    # `_check` would read every utterance; the rows were checked just now.
    corpus = object.__new__(Corpus)
    corpus.name = header["name"]
    corpus.label_range = tuple(header["label_range"])
    corpus.provenance = header["provenance"]
    corpus.feature_names = {s: None if names[s] is None else tuple(names[s]) for s in STREAMS}
    corpus.splits = {
        split: StoredUtterances(rows[split], arrays, header["scalars"]) for split in SPLITS
    }
    return corpus


class StoredUtterances(Sequence):
    """The utterances of one split, each made when it is asked for.

    ``utterances[i]`` is an `Utterance` whose frames are views of the mapped files; a slice is
    another such sequence. `frames` gives all frames of the split without making utterances.
    """

    def __init__(self, rows: list[dict], arrays: dict[str, np.ndarray], scalars: dict[str, str]):
        self._rows = rows
        self._arrays = arrays
        self._scalars = scalars

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return StoredUtterances(self._rows[index], self._arrays, self._scalars)
        row = self._rows[index]
        annotations = {}
        for name in self._arrays:
            if name not in STREAMS and row[f"{name}_start"] != "":
                annotations[name] = self._slice(row, name)
        for name, kind in self._scalars.items():
            if row[name] != "":
                annotations[name] = float(row[name]) if kind == "float" else json.loads(row[name])
        return Utterance(
            id=row["id"],
            words=tuple(json.loads(row["words"])),
            visual=self._slice(row, "visual"),
            acoustic=self._slice(row, "acoustic"),
            label=None if row["label"] == "" else float(row["label"]),
            video=row["video"],
            annotations=annotations,
        )

    def _slice(self, row: dict, name: str) -> np.ndarray:
        start = int(row[f"{name}_start"])
        return self._arrays[name][start : start + int(row[f"{name}_length"])]

    def frames(self, stream: str) -> Iterator[np.ndarray]:
        """Yield the (n, d) frames of each utterance, in order, without making utterances."""
        for row in self._rows:
            yield self._slice(row, stream)


class _Appender:
    """Writes an ``.npy`` file of known shape piece by piece."""

    def __init__(self, folder: Path, name: str, shape: tuple[int, ...], dtype: np.dtype):
        self.rows = 0
        self._file = open(folder / f"{name}.npy", "wb")  # noqa: SIM115, closed by close()
        self._dtype = dtype
        np.lib.format.write_array_header_1_0(
            self._file,
            {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape},
        )

    def append(self, values: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(values, dtype=self._dtype).tobytes())
        self.rows += len(values)

    def close(self) -> None:
        self._file.close()


def _array(utterance: Utterance, name: str) -> np.ndarray | None:
    return utterance.frames(name) if name in STREAMS else utterance.annotations.get(name)


def _survey(corpus: Corpus) -> tuple[dict[str, tuple], dict[str, str]]:
    """Return the shape and type of each array to write, and the kind of each scalar."""
    lengths = dict.fromkeys(STREAMS, 0)
    types: dict[str, np.dtype] = {}
    scalars: dict[str, str] = {}
    for _, utterance in corpus.items():
        for stream in STREAMS:
            lengths[stream] += len(utterance.frames(stream))
        for name, value in utterance.annotations.items():
            where = f"{corpus.name}: segment {utterance.id}: annotation {name!r}"
            if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iufb":
                lengths[name] = lengths.get(name, 0) + len(value)
                types[name] = np.promote_types(types.get(name, value.dtype), value.dtype)
            elif isinstance(value, (str, float, int, np.integer, np.floating)):
                kind = "str" if isinstance(value, str) else "float"
                if scalars.setdefault(name, kind) != kind:
                    raise CENetError(f"{where} is a number here and a text elsewhere; use one kind")
            else:
                raise CENetError(
                    f"{where} is {type(value).__name__}; "
                    "only numbers, texts and one-dimensional numeric arrays can be stored"
                )
    clash = (set(lengths) & set(scalars)) | (set(scalars) & set(_FIXED))
    if clash:
        raise CENetError(f"{corpus.name}: the annotation name {min(clash)!r} is taken; rename it")
    arrays = {s: ((lengths[s], corpus.width(s)), np.dtype(np.float32)) for s in STREAMS}
    arrays |= {name: ((lengths[name],), dtype) for name, dtype in types.items()}
    return arrays, scalars


def _read_header(folder: Path) -> dict:
    path = folder / "corpus.json"
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CENetError(f"{folder}: no corpus here (corpus.json is missing)") from None
    except (OSError, ValueError) as error:
        raise CENetError(f"{path}: cannot be read ({error}); convert the corpus anew") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise CENetError(f"{path}: is not the header of a stored corpus; see data/README.md")
    if header.get("version") != VERSION:
        raise CENetError(
            f"{path}: has version {header.get('version')}, this package reads {VERSION}; "
            "convert the corpus anew"
        )
    wanted = {"name", "label_range", "feature_names", "arrays", "scalars", "provenance"}
    missing = wanted - set(header)
    if missing:
        raise CENetError(f"{path}: {min(missing)!r} is missing; convert the corpus anew")
    return header


def _map(folder: Path, name: str) -> np.ndarray:
    path = folder / f"{name}.npy"
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise CENetError(f"{path}: is missing; convert the corpus anew") from None
    except (OSError, ValueError) as error:
        # An array of zero bytes cannot be mapped on some systems, and need not be.
        try:
            array = np.load(path, allow_pickle=False)
        except (OSError, ValueError):
            raise CENetError(f"{path}: is damaged ({error}); convert the corpus anew") from error
    return array


def _read_rows(folder: Path, header: dict, arrays: dict) -> dict[str, list[dict]]:
    path = folder / "segments.csv"
    rows: dict[str, list[dict]] = {split: [] for split in SPLITS}
    seen = set()
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a long transcript is one field
    try:
        with open(path, newline="", encoding="utf-8", errors="surrogatepass") as file:
            for line, row in enumerate(csv.DictReader(file, strict=True), start=1):
                try:
                    rows[row["split"]].append(row)
                    if row["id"] in seen:
                        raise ValueError("the id occurs twice")
                    seen.add(row["id"])
                    if row["label"]:
                        float(row["label"])
                    for name, array in arrays.items():
                        start, length = row[f"{name}_start"], row[f"{name}_length"]
                        if start == "" and name not in STREAMS:
                            continue
                        if not 0 <= int(start) <= int(start) + int(length) <= len(array):
                            raise ValueError(f"its rows of {name}.npy lie outside the file")
                except (KeyError, ValueError, TypeError, AttributeError) as error:
                    raise CENetError(
                        f"{path}: segment {row.get('id')!r} (number {line}): {error}; "
                        "convert the corpus anew"
                    ) from error
    except FileNotFoundError:
        raise CENetError(f"{path}: is missing; convert the corpus anew") from None
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise CENetError(f"{path}: is damaged ({error}); convert the corpus anew") from error
    sizes = {split: len(rows[split]) for split in SPLITS}
    if sizes != header.get("sizes"):
        raise CENetError(
            f"{path}: has {sizes} segments where corpus.json promises {header.get('sizes')}; "
            "convert the corpus anew"
        )
    return rows
