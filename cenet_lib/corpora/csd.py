"""The computational sequences of the CMU-MultimodalSDK (A2Zadeh/CMU-MultimodalSDK): ``.csd`` files.

A data set is a folder of them: one for the words, one for the face, one for the voice, one for the
labels. Each is an HDF5 file with one root, whatever the file is called, and below it
``data/<video>/features`` (n, d) and ``data/<video>/intervals`` (n, 2) in seconds. After the SDK's
own alignment the entries are called ``<video>[k]``, one for each segment.

The intervals of the labels are the segments. Words and frames belong to the segment that their
middle lies in. The word ``sp`` is a pause, and is left out. The first column of the labels is the
sentiment. Features of words, phonemes and emotion labels are not read.

The standard splits go by video. ``folds.csv`` beside this file holds those that the SDK publishes
for CMU-MOSI (52, 10 and 31 videos) and CMU-MOSEI (2250, 300 and 678), from its modules
``cmu_mosi_std_folds.py`` and ``cmu_mosei_std_folds.py``. A file ``folds.csv`` in the folder of the
data goes before it; it has the columns ``video`` and ``split``.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from .reading import Collector, Frames
from .values import SPLIT_NAMES, number_of, video_of, words_of

FORM = "CMU-MultimodalSDK sequences"
LABEL_RANGE = (-3.0, 3.0)
PAUSE = "sp"
FOLDS = Path(__file__).with_name("folds.csv")

NEEDED = ("words", "visual", "acoustic", "labels")
# What a sequence is called tells what it is; one with another name is not read.
_ROLES = {
    "labels": r"^(?!.*emotion).*label",
    "acoustic": r"covarep|coavarep|opensmile|acoustic|audio",
    "visual": r"facet|openface|visual|vision",
}


class Segment(NamedTuple):
    """An interval of a recording, with its label."""

    id: str
    video: str
    start: float
    end: float
    label: object


def read_folder(files: list[Path], collector: Collector) -> Corpus:
    """Return the corpus of the sequences in a folder.

    Raises
    ------
    CENetError
        If one of the four is missing or there twice, or a file is not as described above.
    """
    with ExitStack() as opened:
        sequences = _by_role([opened.enter_context(Sequence(file)) for file in files], collector)
        segments = list(_segments(sequences["labels"]))
        folds, split_by = _folds({segment.video for segment in segments}, collector.path)
        for segment in segments:
            if folds and segment.video not in folds:
                collector.drop("video in no fold")
            else:
                _read_segment(segment, folds.get(segment.video, ""), sequences, collector)
        return collector.corpus([sequences[role].path for role in NEEDED], split_by)


def _read_segment(segment: Segment, split: str, sequences: dict, collector: Collector) -> None:
    collector.file = sequences["words"].path
    words = words_of(sequences["words"].cut(segment)[:, 0], collector.where(split, segment.id))
    frames = {}
    for stream in ("visual", "acoustic"):
        rows = sequences[stream].cut(segment)
        frames[stream] = Frames(rows, length=len(rows))
    collector.file = sequences["labels"].path
    label = number_of(segment.label, collector.where(split, segment.id))
    collector.file = collector.path
    collector.add(
        split,
        segment.id,
        [word for word in words if word != PAUSE],
        **frames,
        label=label,
        annotations={"start_seconds": segment.start, "end_seconds": segment.end},
        video=segment.video,
    )


class Sequence:
    """One ``.csd`` file: for each recording, features at intervals of time.

    Raises
    ------
    CENetError
        If the file cannot be read or is not of this form.
    """

    def __init__(self, path: Path):
        self.path = path
        self._last: tuple[str, np.ndarray, np.ndarray] | None = None
        try:
            self._file = h5py.File(path, "r")
            self.root = next(iter(self._file), "")
            group = self._file[self.root] if self.root else None
            self._entries = group.get("data") if isinstance(group, h5py.Group) else None
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise _damaged(path, error) from error
        if not isinstance(self._entries, h5py.Group) or not len(self._entries):
            self._file.close()
            raise CENetError(
                f"{path}: is an HDF5 file without the group '<name>/data/<video>'; it is not one "
                "of the CMU-MultimodalSDK, see data/README.md"
            )

    def __enter__(self) -> "Sequence":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def entries(self) -> list[str]:
        """Return the names of the entries, ``<video>[2]`` before ``<video>[10]``."""
        return sorted(self._entries, key=_natural)

    def holds_text(self) -> bool:
        """Tell whether the features are words or phonemes."""
        features, _ = self.read(next(iter(self._entries)))
        return features.dtype.kind in "SUO"

    def read(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the features (n, d) and intervals (n, 2) of an entry."""
        if self._last is None or self._last[0] != key:
            self._last = (key, *self._read(key))
        return self._last[1:]

    def _read(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        where = f"{self.path}: entry {key}"
        try:
            entry = self._entries[key]
            parts = [entry.get(name) for name in ("features", "intervals")]
            if not all(isinstance(part, h5py.Dataset) for part in parts):
                raise CENetError(f"{where}: lacks 'features' or 'intervals'; download it again")
            for part in parts:
                # Compression saves a factor of 1032 at most; beyond, the data cannot be there.
                if part.nbytes > 1100 * (part.id.get_storage_size() + 4096):
                    raise CENetError(
                        f"{where}: declares {part.nbytes:.0e} bytes that are not in the file; "
                        "download it again"
                    )
            features, intervals = (part[()] for part in parts)
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            if isinstance(error, CENetError):
                raise
            raise _damaged(self.path, error) from error
        if np.ndim(features) == 1:
            features = features[:, None]
        if (
            np.ndim(features) != 2
            or np.shape(intervals) != (len(features), 2)
            or intervals.dtype.kind not in "iuf"
        ):
            raise CENetError(
                f"{where}: has features of the shape {np.shape(features)} and intervals of the "
                f"shape {np.shape(intervals)}; expected (n, d) and (n, 2), download it again"
            )
        return features, intervals

    def cut(self, segment: Segment) -> np.ndarray:
        """Return the features (n, d) of a segment; none if it or its recording is not here."""
        if segment.id in self._entries:
            return self.read(segment.id)[0]
        if segment.video not in self._entries:
            return np.zeros((0, 1))
        features, intervals = self.read(segment.video)
        middle = intervals.mean(axis=1)
        return features[(segment.start <= middle) & (middle < segment.end)]


def _segments(labels: Sequence) -> Iterator[Segment]:
    """Yield the segments that the labels name."""
    for key in labels.entries():
        features, intervals = labels.read(key)
        if not np.isfinite(intervals).all():
            raise CENetError(
                f"{labels.path}: entry {key}: a segment begins or ends at no finite time; "
                "download it again"
            )
        whole = video_of(key) if key.endswith("]") else None
        if whole is not None and len(features) != 1:
            raise CENetError(
                f"{labels.path}: entry {key}: has {len(features)} labels for one segment; "
                "expected one"
            )
        for number, (label, (start, end)) in enumerate(zip(features, intervals, strict=True)):
            yield Segment(
                id=key if whole else f"{key}[{number}]",
                video=whole or key,
                start=float(start),
                end=float(end),
                label=label[0] if len(label) else None,
            )


def _by_role(sequences: list[Sequence], collector: Collector) -> dict[str, Sequence]:
    """Return which sequence is the words, the face, the voice and the labels."""
    found: dict[str, Sequence] = {}
    for sequence in sequences:
        role = _role(sequence)
        if role is None:
            collector.notes.append(f"{sequence.path.name} ({sequence.root}) is not used")
        elif role in found:
            raise CENetError(
                f"{collector.path}: both {found[role].path.name} and {sequence.path.name} hold "
                f"{role}; leave one of them in the folder"
            )
        else:
            found[role] = sequence
    missing = [role for role in NEEDED if role not in found]
    if missing:
        names = ", ".join(f"{s.path.name} ({s.root})" for s in sequences)
        raise CENetError(
            f"{collector.path}: has no sequence of {missing[0]} among {names}; put the data set's "
            f"files for {', '.join(NEEDED)} into one folder"
        )
    return found


def _role(sequence: Sequence) -> str | None:
    for name in (sequence.root.lower(), sequence.path.stem.lower()):
        if sequence.holds_text():
            return None if "phone" in name else "words"
        for role, pattern in _ROLES.items():
            if re.search(pattern, name):
                return role
    return None


def _folds(videos: set[str], folder: Path) -> tuple[dict[str, str], str]:
    """Return the split of each video, and how it was found; nothing for an unknown data set."""
    own = folder / "folds.csv"
    if own.is_file():
        folds = read_folds(own)
        if not videos & set(folds):
            raise CENetError(
                f"{own}: names none of the {len(videos)} videos, such as {min(videos)!r}; "
                "correct or remove it"
            )
        return folds, "folds.csv in the folder"
    folds = read_folds(FOLDS)
    if len(videos & set(folds)) * 2 > len(videos):
        return folds, "the standard folds of CMU-MOSI and CMU-MOSEI"
    return {}, ""


def read_folds(path: Path) -> dict[str, str]:
    """Return the split of each video in a table with the columns ``video`` and ``split``.

    Raises
    ------
    CENetError
        If it is not such a table, or a video is there twice.
    """
    mend = "it needs the columns video and split, with train, valid or test in each row"
    folds: dict[str, str] = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            for line, row in enumerate(csv.DictReader(file), start=2):
                video = (row.get("video") or "").strip()
                split = SPLIT_NAMES.get((row.get("split") or "").strip().lower())
                if not video or split is None:
                    raise CENetError(f"{path}: line {line} has no video or split; {mend}")
                if folds.setdefault(video, split) != split:
                    raise CENetError(f"{path}: line {line}: {video} is in two splits; remove one")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CENetError(f"{path}: cannot be read ({error}); {mend}") from error
    return folds


def _natural(key: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.*)\[(\d+)\]", key, re.DOTALL)
    return (found[1], int(found[2])) if found else (key, -1)


def _damaged(path: Path, error: Exception) -> CENetError:
    return CENetError(
        f"{path}: is not HDF5, or is truncated or damaged ({str(error)[:120]}); "
        "download or copy it again"
    )
