"""The computational sequences of the CMU-MultimodalSDK (A2Zadeh/CMU-MultimodalSDK): ``.csd`` files.

A data set is a folder of them: one for the words, one for the face, one for the voice, one for the
labels. Each is an HDF5 file with one root, whatever the file is called, and below it
``data/<video>/features`` (n, d) and ``data/<video>/intervals`` (n, 2) in seconds. After the SDK's
own alignment the entries are called ``<video>[k]``, one for each segment.

The intervals of the labels are the segments. Words and frames belong to the segment that their
middle lies in. The word ``sp`` is a pause, which the `Collector` leaves out. The first column of
the labels is the sentiment; if there are seven, the others are emotions, and become annotations.
Features of words, phonemes and sequences of emotion labels alone are not read.

There are no splits in the files; `folds` knows those of CMU-MOSI and CMU-MOSEI.

This reader stands between the folder and the `Collector`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..files import refuse_special
from ..utterance import STREAMS
from .folds import folds_of
from .hdf5 import member, values_of
from .reading import Collector, PaddedFrames
from .values import EMOTIONS, label_of, words_of

FORM = "CMU-MultimodalSDK sequences"
LABEL_RANGE = (-3.0, 3.0)

HOLDS = (
    "a folder of `.csd` files (HDF5) for words, face, voice and labels: "
    "`<name>/data/<video>/{features, intervals}`"
)

NEEDED = ("words", "visual", "acoustic", "labels")
# What a sequence is called tells what it is; one with another name is not read.
_ROLES = {
    "labels": r"^(?!.*emotion).*label",
    "acoustic": r"covarep|coavarep|opensmile|acoustic|audio",
    "visual": r"facet|openface|visual|vision",
}


class Segment(NamedTuple):
    """An interval of a recording, with its label.

    Attributes
    ----------
    id : str
    video : str
        The recording.
    start, end : float
        Seconds from the beginning of the recording; the end is not included.
    label : object
        As the file has it, not checked yet.

    Examples
    --------
    >>> segment = Segment("v1[0]", "v1", start=0.5, end=2.0, label=1.8)
    >>> segment.end - segment.start
    1.5
    """

    id: str
    video: str
    start: float
    end: float
    label: object


def read_folder(files: list[Path], collector: Collector) -> Corpus:
    """Return the corpus of the sequences in a folder.

    Parameters
    ----------
    files : list of Path
        The HDF5 files of the folder.
    collector : Collector
        Of the folder.

    Raises
    ------
    CENetError
        If one of the four is missing or there twice, a file is not as described above, or the face
        or the voice has nothing in any segment.

    Examples
    --------
    >>> import tempfile
    >>> span = [[0.0, 2.0]]  # seconds
    >>> contents = {"words": [[b"so"]], "FACET": [[0.5]], "COVAREP": [[0.1]], "Labels": [[1.8]]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = [Path(folder, f"{root}.csd") for root in contents]
    ...     for file, (root, features) in zip(files, contents.items()):
    ...         with h5py.File(file, "w") as sequence:
    ...             sequence[f"{root}/data/v1/features"] = features
    ...             sequence[f"{root}/data/v1/intervals"] = span
    ...     read_folder(files, Collector(Path(folder), FORM, LABEL_RANGE)).train[0]
    Utterance('v1[0]', 'so', visual (1, 1), acoustic (1, 1), label +1.80)
    """
    with ExitStack() as opened:
        everything = [opened.enter_context(ComputationalSequence(file)) for file in files]
        sequences = _by_role(everything, collector)
        segments = list(_segments(sequences["labels"], collector))
        folds, split_by = folds_of({segment.video for segment in segments}, collector.path)
        for segment in segments:
            if folds and segment.video not in folds:
                collector.drop("video in no fold")
            else:
                with collector.one_segment():
                    _read_segment(segment, folds.get(segment.video, ""), sequences, collector)
        corpus = collector.corpus([sequences[role].path for role in NEEDED], split_by)
        for stream in STREAMS:
            if not corpus.width(stream):
                raise CENetError(
                    f"{sequences[stream].path}: none of its rows is of a segment that "
                    f"{sequences['labels'].path.name} names; they need the same names of "
                    "recordings, and times in seconds"
                )
        return corpus


def _read_segment(
    segment: Segment,
    split: str,
    sequences: Mapping[str, "ComputationalSequence"],
    collector: Collector,
) -> None:
    where = {role: collector.where(split, segment.id, s.path) for role, s in sequences.items()}
    words = words_of(sequences["words"].cut(segment)[:, 0], where["words"])
    visual, acoustic = (sequences[stream].cut(segment) for stream in ("visual", "acoustic"))
    label, emotions = label_of(segment.label, where["labels"])
    collector.add(
        split,
        segment.id,
        words,
        visual=PaddedFrames(visual, length=len(visual)),
        acoustic=PaddedFrames(acoustic, length=len(acoustic)),
        label=label,
        annotations={**emotions, "start_seconds": segment.start, "end_seconds": segment.end},
        video=segment.video,
    )


class ComputationalSequence:
    """One ``.csd`` file: for each recording, features at intervals of time.

    It is opened when it is made, and closed at the end of a ``with`` block.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    path : Path
    root : str
        The name of the HDF5 root, which tells what the features are.
    entries : list of str
        The names of the entries, ``<video>[2]`` before ``<video>[10]``.

    Raises
    ------
    CENetError
        If the file cannot be read or is not of this form.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "words.csd")
    ...     with h5py.File(path, "w") as file:
    ...         file["words/data/v1/features"] = [[b"so"], [b"good"]]
    ...         file["words/data/v1/intervals"] = [[0.0, 0.5], [0.5, 1.0]]  # seconds
    ...     with ComputationalSequence(path) as sequence:
    ...         sequence.entries, sequence.cut(Segment("v1[0]", "v1", 0.5, 2.0, 1.8)).tolist()
    (['v1'], [[b'good']])
    """

    def __init__(self, path: Path):
        self.path = path
        self.entries: list[str] = []
        self._last: tuple[str, tuple[np.ndarray, np.ndarray]] | None = None
        refuse_special(path)
        try:
            self._file = h5py.File(path, "r")
            self.root: str = next(iter(self._file), "")
            group = member(self._file, self.root, str(path)) if self.root else None
            if isinstance(group, h5py.Group):
                self._data: Any = member(group, "data", str(path))
                if isinstance(self._data, h5py.Group):
                    self.entries = sorted(self._data, key=_natural)
        except CENetError:
            self._file.close()
            raise
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise _damaged(path, error) from error
        self._names = set(self.entries)
        if not self.entries:
            self._file.close()
            raise CENetError(
                f"{path}: is an HDF5 file without the group '<name>/data/<video>'; it is not one "
                "of the CMU-MultimodalSDK, see data/README.md"
            )

    def __enter__(self) -> "ComputationalSequence":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def holds_text(self) -> bool:
        """Tell whether the features are words or phonemes."""
        features, _ = self.read(self.entries[0])
        return features.dtype.kind in "SUO"

    def read(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the features (n, d) and intervals (n, 2), in seconds, of an entry.

        Raises
        ------
        CENetError
            If they are missing or damaged, or do not fit each other.
        """
        if self._last is None or self._last[0] != key:
            self._last = (key, self._read(key))
        return self._last[1]

    def _read(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        where = f"{self.path}: entry {key}"
        try:
            features, intervals = self._read_parts(key, where)
        except CENetError:
            raise
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
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

    def _read_parts(self, key: str, where: str) -> list[Any]:
        """Return what the file has as features and intervals, in any shape."""
        entry = member(self._data, key, where)
        is_group = isinstance(entry, h5py.Group)
        names = ("features", "intervals") if is_group else ()
        parts = [member(entry, name, where) for name in names]
        if not parts or not all(isinstance(part, h5py.Dataset) for part in parts):
            raise CENetError(f"{where}: lacks 'features' or 'intervals'; download it again")
        return [values_of(part, where) for part in parts]

    def cut(self, segment: Segment) -> np.ndarray:
        """Return the features (n, d) of a segment in their order in time.

        There are none if it or its recording is not here.
        """
        if segment.id in self._names:
            return self.read(segment.id)[0]
        if segment.video not in self._names:
            return np.zeros((0, 1))
        features, intervals = self.read(segment.video)
        middle = intervals.mean(axis=1)  # (n,)
        inside = np.flatnonzero((segment.start <= middle) & (middle < segment.end))
        return features[inside[np.argsort(intervals[inside, 0], kind="stable")]]


def _segments(labels: ComputationalSequence, collector: Collector) -> Iterator[Segment]:
    """Yield the segments that the labels name."""
    for key in labels.entries:
        features, intervals = labels.read(key)
        if not np.isfinite(intervals).all():
            collector.refuse(
                f"{labels.path}: entry {key}: a segment begins or ends at no finite time; "
                "download it again"
            )
            continue
        whole = key.rpartition("[")[0] or None if key.endswith("]") else None
        if whole is not None and len(features) != 1:
            collector.refuse(
                f"{labels.path}: entry {key}: has {len(features)} labels for one segment; "
                "expected one"
            )
            continue
        for number, (label, (start, end)) in enumerate(zip(features, intervals, strict=True)):
            yield Segment(
                id=key if whole else f"{key}[{number}]",
                video=whole or key,
                start=float(start),
                end=float(end),
                label=label if len(label) == len(EMOTIONS) + 1 else next(iter(label), None),
            )


def _by_role(
    sequences: list[ComputationalSequence], collector: Collector
) -> dict[str, ComputationalSequence]:
    """Return which sequence is the words, the face, the voice and the labels."""
    found: dict[str, ComputationalSequence] = {}
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


def _role(sequence: ComputationalSequence) -> str | None:
    for name in (sequence.root.lower(), sequence.path.stem.lower()):
        if sequence.holds_text():
            return None if "phone" in name else "words"
        for role, pattern in _ROLES.items():
            if re.search(pattern, name):
                return role
    return None


def _natural(key: str) -> tuple[str, int]:
    """Return a sorting key that counts: ``video[2]`` comes before ``video[10]``."""
    found = re.fullmatch(r"(.*)\[(\d+)\]", key, re.DOTALL)
    return (found[1], int(found[2])) if found else (key, -1)


def _damaged(path: Path, error: Exception) -> CENetError:
    return CENetError(
        f"{path}: is not HDF5, or is truncated or damaged ({str(error)[:120]}); "
        "download or copy it again"
    )
