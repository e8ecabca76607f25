"""What the readers of real data share: from what lies in a file to the utterances of a corpus.

A reader finds its way about in one format and hands each segment to a `Collector`, which checks it,
takes the padding off, keeps the frames and counts what it did. Everything counted ends up in the
corpus' ``provenance``, so that ``data info`` can show it.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..files import sha256
from ..utterance import SPLITS, STREAMS, Utterance
from .values import matrix_of, video_of

SPLIT_SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}  # of a file that comes without splits
SHARES_TEXT = " / ".join(f"{100 * share:.0f}" for share in SPLIT_SHARES.values()) + " %"
_IN_MEMORY = 1 << 28  # bytes of frames; beyond, they go to a temporary file


class Frames(NamedTuple):
    """The frames of one stream of a segment as the file has them, with what is known of padding.

    Attributes
    ----------
    rows : (n, d) array or list of n rows
    length : int or None
        How many of the rows are real, where the file says so.
    at_least : int
        Where it does not, how many rows are real for certain: the number of words, if there is a
        row for each word.
    at_front : bool
        Whether the padding stands before the real rows.
    """

    rows: object
    length: int | None = None
    at_least: int = 0
    at_front: bool = False


class Collector:
    """Gathers the segments of a data set and makes the corpus of them.

    Parameters
    ----------
    path : Path
        The file or folder that is read.
    form : str
        The name of its format.
    label_range : (float, float)
    """

    def __init__(self, path: Path, form: str, label_range: tuple[float, float]):
        self.path = path
        self.file = path  # the one that is being read just now, for the error messages
        self.notes: list[str] = []
        self._form = form
        self._label_range = label_range
        self._segments: list[dict] = []
        self._spools = {stream: _Spool(path) for stream in STREAMS}
        self._padding = dict.fromkeys(STREAMS, 0)
        self._beyond = dict.fromkeys(STREAMS, 0)
        self._not_finite = dict.fromkeys(STREAMS, 0)
        self._dropped: Counter[str] = Counter()

    def where(self, split: str, segment: object) -> str:
        """Return the beginning of an error message about a segment."""
        return (
            f"{self.file}: {split} segment {segment}"
            if split
            else f"{self.file}: segment {segment}"
        )

    def drop(self, reason: str) -> None:
        """Count a segment that is left out."""
        self._dropped[reason] += 1

    def add(
        self,
        split: str,
        id: str,
        words: list[str],
        visual: Frames,
        acoustic: Frames,
        label: float,
        annotations: Mapping | None = None,
        video: str | None = None,
    ) -> None:
        """Take a segment; one without words is dropped and counted.

        Raises
        ------
        CENetError
            If frames are not a matrix of numbers as wide as those before, or shorter than said.
        """
        if not words:
            self.drop("no words")
            return
        where = self.where(split, id)
        segment = {
            "split": split,
            "id": id,
            "words": words,
            "label": label,
            "video": video_of(id) if video is None else video,
            "annotations": dict(annotations or {}),
        }
        for stream, frames in (("visual", visual), ("acoustic", acoustic)):
            rows = self._without_padding(frames, where, stream)
            with np.errstate(over="ignore"):  # beyond float32 is infinite, and counted as that
                rows = np.array(rows, dtype=np.float32, order="C")
            self._not_finite[stream] += int(rows.size - np.isfinite(rows).sum())
            segment[stream] = self._spools[stream].append(rows, where, stream)
        self._segments.append(segment)

    def _without_padding(self, frames: Frames, where: str, stream: str) -> np.ndarray:
        rows = matrix_of(frames.rows, where, stream)
        with np.errstate(invalid="ignore"):
            real = rows.any(axis=1)  # a NaN counts as real
        if frames.length is not None:
            start, stop = 0, frames.length
            if not 0 <= stop <= len(rows):
                raise CENetError(
                    f"{where}: {stream} is said to have {stop} frames, but has {len(rows)} rows; "
                    "the file is damaged or was put together wrongly"
                )
            if real[stop:].any():
                if not real[: len(rows) - stop].any():  # the padding stands in front
                    start, stop = len(rows) - stop, len(rows)
                else:
                    self._beyond[stream] += int(real[stop:].sum())
        else:
            found = np.flatnonzero(real)
            first, last = (found[0], found[-1] + 1) if len(found) else (len(rows), 0)
            start = int(min(first, len(rows) - frames.at_least)) if frames.at_front else 0
            stop = len(rows) if frames.at_front else int(max(last, frames.at_least))
            start, stop = max(start, 0), min(stop, len(rows))
        self._padding[stream] += len(rows) - (stop - start)
        return rows[start:stop]

    def corpus(self, files: list[Path], split_by: str = "as in the file") -> Corpus:
        """Return the corpus of what was gathered.

        Segments whose split is ``""`` are distributed by video, see `split_by_video`.

        Raises
        ------
        CENetError
            If nothing was gathered, an id occurs twice or a label is out of range.
        """
        if not self._segments:
            raise CENetError(
                f"{self.path}: holds no segment with words "
                f"({sum(self._dropped.values())} were left out); is it the right file?"
            )
        frames = {stream: spool.array() for stream, spool in self._spools.items()}
        splits: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
        sizes = Counter(s["video"] for s in self._segments if not s["split"])
        by_video = split_by_video(sizes)
        for segment in self._segments:
            split = segment.pop("split") or by_video[segment["video"]]
            for stream in STREAMS:
                segment[stream] = frames[stream][segment[stream]]
            try:
                splits[split].append(Utterance(**segment))
            except CENetError as error:  # it names the segment, this adds the file
                raise CENetError(f"{self.path}: {split} segment {error}") from None
        # Its errors begin with the corpus' name, so it goes by its path while it is checked.
        corpus = Corpus(str(self.path), **splits, label_range=self._label_range)
        corpus.name = self.path.stem if self.path.is_file() else self.path.resolve().name
        corpus.provenance = {
            "format": self._form,
            "sha256": {file.name: sha256(file) for file in files},
            "split": f"by video, {SHARES_TEXT}" if by_video else split_by,
            "padding_removed": self._padding,
            "non_finite_values": self._not_finite,
        }
        if any(self._beyond.values()):
            corpus.provenance["frames_beyond_stated_length"] = self._beyond
        if self._dropped:
            corpus.provenance["segments_left_out"] = dict(self._dropped)
        if self.notes:
            corpus.provenance["notes"] = self.notes
        return corpus


class _Spool:
    """Frames one after another; in memory, or in a temporary file once they are many."""

    def __init__(self, path: Path):
        self._path = path
        self._pieces: list[np.ndarray] = []
        self._held = 0  # bytes in the pieces
        self._rows = 0
        self._width: int | None = None
        self._file = None

    def append(self, rows: np.ndarray, where: str, stream: str) -> slice:
        if len(rows):
            if self._width is None:
                self._width = rows.shape[1]
            if rows.shape[1] != self._width:
                raise CENetError(
                    f"{where}: {stream} has {rows.shape[1]} columns where {self._width} were "
                    "expected; every segment needs the same features"
                )
            self._pieces.append(rows)
            self._held += rows.nbytes
            if self._held > _IN_MEMORY:
                self._write()
        self._rows += len(rows)
        return slice(self._rows - len(rows), self._rows)

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="cenet-")  # noqa: SIM115, lives on mapped
            for rows in self._pieces:
                self._file.write(rows.data)
            self._file.flush()
        except OSError as error:
            raise CENetError(
                f"{self._path}: its frames do not fit in the folder for temporary files "
                f"{tempfile.gettempdir()} ({error.strerror or error}); make room there, or set "
                "TMPDIR to a folder on a larger disk"
            ) from error
        self._pieces, self._held = [], 0

    def array(self) -> np.ndarray:
        """Return all frames (n, d) float32."""
        width = self._width or 0
        if self._file is None:
            return np.concatenate([np.zeros((0, width), np.float32), *self._pieces])
        self._write()
        mapped = np.memmap(self._file, np.float32, mode="r", shape=(self._rows, width))
        return np.asarray(mapped)


def split_by_video(sizes: Mapping[str, int]) -> dict[str, str]:
    """Return a split for each video, so that no video is in two of them.

    The largest videos come first; each goes where most segments are missing to 60, 20 and 20 %.
    With three videos or more, no split stays empty. The same videos always fall the same way.

    Parameters
    ----------
    sizes : mapping of str to int
        Segments per video.
    """
    missing = {split: share * sum(sizes.values()) for split, share in SPLIT_SHARES.items()}
    empty = dict.fromkeys(SPLITS)
    found = {}
    order = sorted(sizes, key=lambda video: (-sizes[video], video))
    for place, video in enumerate(order):
        choice = empty if len(order) - place <= len(empty) else missing
        split = max(choice, key=missing.__getitem__)
        found[video] = split
        missing[split] -= sizes[video]
        empty.pop(split, None)
    return found
