"""What the readers of real data share: from what lies in a file to the utterances of a corpus.

A reader finds its way about in one format and hands each segment to a `Collector`, which checks it,
takes the padding off, keeps the frames and counts what it did. Everything counted ends up in the
corpus' ``provenance``, so that ``data info`` can show it.

Some files keep all segments at one length: a segment's rows are its frames and then, or before
them, rows of zeros, the *padding*. `PaddedFrames` says what a file tells about that.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..files import sha256
from ..utterance import SPLITS, STREAMS, Annotation, Utterance
from .folds import SHARES_TEXT, split_by_video
from .spool import Spool
from .values import matrix_of, video_of


class PaddedFrames(NamedTuple):
    """The frames of one stream of a segment as the file has them, with what is known of padding.

    Attributes
    ----------
    rows : (n, d) array or list of n rows
        Frames and padding.
    length : int or None
        How many of the rows are frames, where the file says so.
    at_least : int
        Where the file does not say so, how many rows are frames for certain: the number of words,
        if there is a row for each word.
    at_front : bool
        Whether the padding stands before the frames.

    Examples
    --------
    >>> padded = PaddedFrames([[0.5], [0.4], [0.0]], length=2)
    >>> padded.rows[: padded.length]
    [[0.5], [0.4]]
    """

    rows: object
    length: int | None = None
    at_least: int = 0
    at_front: bool = False


class _Segment(NamedTuple):
    """A segment as it was handed over; its frames lie in the spools."""

    split: str
    id: str
    words: list[str]
    label: float
    video: str
    annotations: dict[str, Annotation]
    rows: dict[str, slice]  # of each stream's spool


class Collector:
    """Gathers the segments of a data set and makes the corpus of them.

    Parameters
    ----------
    path : Path
        The file or folder that is read.
    form : str
        The name of its format.
    label_range : (float, float)
        The lowest and the highest label.

    Attributes
    ----------
    path : Path
        As given.
    file : Path
        The file that is being read just now, which error messages name.
    notes : list of str
        What else the provenance should tell; a reader adds to it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mine.pkl")
    ...     path.touch()  # the corpus notes the file's name and SHA-256
    ...     collector = Collector(path, "my format", (-3, 3))
    ...     padded = PaddedFrames([[0.5], [0.4], [0.0]])
    ...     collector.add("train", "v1[0]", ["so", "good"], padded, padded, label=1.8)
    ...     corpus = collector.corpus([path])
    >>> corpus.train[0]
    Utterance('v1[0]', 'so good', visual (2, 1), acoustic (2, 1), label +1.80)
    >>> corpus.provenance["padding_removed"]
    {'visual': 1, 'acoustic': 1}
    """

    def __init__(self, path: Path, form: str, label_range: tuple[float, float]):
        self.path = path
        self.file = path
        self.notes: list[str] = []
        self._form = form
        self._label_range = label_range
        self._segments: list[_Segment] = []
        self._spools = {stream: Spool(path, stream) for stream in STREAMS}
        self._padding = dict.fromkeys(STREAMS, 0)
        self._beyond = dict.fromkeys(STREAMS, 0)
        self._not_finite = dict.fromkeys(STREAMS, 0)
        self._dropped: Counter[str] = Counter()

    def where(self, split: str, segment: object, file: Path | None = None) -> str:
        """Return the beginning of an error message about a segment.

        Parameters
        ----------
        split : str
            The name of its split, or ``""`` if the file has none.
        segment : object
            Its id or, for want of one, its number.
        file : Path, optional
            The file at fault; if it is left out, the one that is being read just now.
        """
        place = f"{split} segment" if split else "segment"
        return f"{file or self.file}: {place} {segment}"

    def drop(self, reason: str) -> None:
        """Count a segment that is left out."""
        self._dropped[reason] += 1

    def add(
        self,
        split: str,
        id: str,
        words: list[str],
        visual: PaddedFrames,
        acoustic: PaddedFrames,
        label: float,
        annotations: Mapping[str, Annotation] | None = None,
        video: str | None = None,
    ) -> None:
        """Take a segment; one without words is dropped and counted.

        Parameters
        ----------
        split : str
            The name of its split, or ``""`` to have it distributed by video.
        id : str
        words : list of str
        visual, acoustic : PaddedFrames
        label : float
        annotations : mapping of str to (n,) array, float or str, optional
        video : str, optional
            The recording that it was cut from; if it is left out, the id tells.

        Raises
        ------
        CENetError
            If frames are not a matrix of numbers as wide as those before, or shorter than said.
        """
        if not words:
            self.drop("no words")
            return
        where = self.where(split, id)
        rows = {}
        for stream, padded in (("visual", visual), ("acoustic", acoustic)):
            frames = self._without_padding(padded, where, stream)
            with np.errstate(over="ignore"):  # beyond float32 is infinite, and counted as that
                frames = np.array(frames, dtype=np.float32, order="C")
            self._not_finite[stream] += int(frames.size - np.isfinite(frames).sum())
            rows[stream] = self._spools[stream].append(frames, where)
        video = video_of(id) if video is None else video
        segment = _Segment(split, id, words, label, video, dict(annotations or {}), rows)
        self._segments.append(segment)

    def _without_padding(self, padded: PaddedFrames, where: str, stream: str) -> np.ndarray:
        """Return the frames (n, d) alone, and count what was taken off."""
        rows = matrix_of(padded.rows, where, stream)
        with np.errstate(invalid="ignore"):
            nonzero = np.asarray(rows.any(axis=1))  # (n,); a NaN is not zero
        if padded.length is None:
            start, stop = _guessed_span(nonzero, padded.at_least, padded.at_front)
        elif 0 <= padded.length <= len(rows):
            start, stop, beyond = _stated_span(nonzero, padded.length)
            self._beyond[stream] += beyond
        else:
            raise CENetError(
                f"{where}: {stream} is said to have {padded.length} frames, but has {len(rows)} "
                "rows; the file is damaged or was put together wrongly"
            )
        self._padding[stream] += len(rows) - (stop - start)
        return rows[start:stop]

    def corpus(self, files: list[Path], split_by: str = "as in the file") -> Corpus:
        """Return the corpus of what was gathered.

        Segments whose split is ``""`` are distributed by video, see `split_by_video`.

        Parameters
        ----------
        files : list of Path
            The files that were read; the provenance gives their names and SHA-256.
        split_by : str
            How the splits were made, for the provenance.

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
        by_video = split_by_video(Counter(s.video for s in self._segments if not s.split))
        splits: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
        for segment in self._segments:
            split = segment.split or by_video[segment.video]
            try:
                utterance = Utterance(
                    id=segment.id,
                    words=tuple(segment.words),
                    visual=frames["visual"][segment.rows["visual"]],
                    acoustic=frames["acoustic"][segment.rows["acoustic"]],
                    label=segment.label,
                    video=segment.video,
                    annotations=segment.annotations,
                )
            except CENetError as error:  # it names the segment, this adds the file
                raise CENetError(f"{self.path}: {split} segment {error}") from None
            splits[split].append(utterance)
        # Its errors begin with the corpus' name, so it goes by its path while it is checked.
        corpus = Corpus(str(self.path), *splits.values(), label_range=self._label_range)
        corpus.name = self.path.stem if self.path.is_file() else self.path.resolve().name
        corpus.provenance = self._provenance(
            files, f"by video, {SHARES_TEXT}" if by_video else split_by
        )
        return corpus

    def _provenance(self, files: list[Path], split_by: str) -> dict[str, Any]:
        provenance: dict[str, Any] = {
            "format": self._form,
            "sha256": {file.name: sha256(file) for file in files},
            "split": split_by,
            "padding_removed": self._padding,
            "non_finite_values": self._not_finite,
        }
        if any(self._beyond.values()):
            provenance["frames_beyond_stated_length"] = self._beyond
        if self._dropped:
            provenance["segments_left_out"] = dict(self._dropped)
        if self.notes:
            provenance["notes"] = self.notes
        return provenance


def _stated_span(nonzero: np.ndarray, length: int) -> tuple[int, int, int]:
    """Return where the frames start and stop if there are ``length``, and how many are cut off.

    ``nonzero`` (n,) tells which rows are not all zero. Frames stand at the front, unless that would
    cut some off and only zeros stand before the last ``length`` rows.
    """
    n = len(nonzero)
    if nonzero[length:].any() and not nonzero[: n - length].any():
        return n - length, n, 0
    return 0, length, int(nonzero[length:].sum())


def _guessed_span(nonzero: np.ndarray, at_least: int, at_front: bool) -> tuple[int, int]:
    """Return where the frames start and stop if the rows beyond the last nonzero one are padding.

    ``nonzero`` (n,) tells which rows are not all zero; ``at_least`` rows stay in any case.
    """
    n, found = len(nonzero), np.flatnonzero(nonzero)
    if at_front:
        first = int(found[0]) if len(found) else n
        return max(min(first, n - at_least), 0), n
    last = int(found[-1]) + 1 if len(found) else 0
    return 0, min(max(last, at_least), n)
