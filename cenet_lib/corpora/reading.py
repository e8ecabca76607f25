"""What the readers of real data share: from what lies in a file to the utterances of a corpus.

A reader finds its way about in one format and hands each segment to a `Collector`, which checks it,
takes the padding off, keeps the frames and counts what it did. Everything counted ends up in the
corpus' ``provenance``, so that ``data info`` can show it.

Some files keep all segments at one length: a segment's rows are its frames and then, or before
them, rows of zeros, the *padding*. `PaddedFrames` says what a file tells about that.

A segment that is not what it should be is an error. On request it is *skipped* instead: left out,
counted, and listed with what was wrong.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..files import sha256
from ..utterance import SPLITS, STREAMS, Annotation, Utterance
from .folds import SHARES_TEXT, split_by_video
from .padding import Layout, edges_of, frames_within, stated_frames
from .recordings import GIVEN, UNKNOWN, as_told, recordings_of
from .spool import NoRoom, Spool
from .unfolding import TIMES, in_megabytes, most_unpacked
from .values import matrix_of
from .words import are_characters, special_places

# What is counted of each stream and told only where there is any.
_OF_SOME_FILES = ("padding_removed_in_front", "frames_beyond_stated_length", "lengths_beyond_rows")
_MOST_LISTED = 1000  # segments, in the provenance
_MANY = 30  # labels, enough to tell their range
_PER_WORD = ("pos_ids", "polarity_ids")  # annotations


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
    layout : Layout
        Where the file does not say so, which zero rows around the frames are padding.

    Examples
    --------
    >>> padded = PaddedFrames([[0.5], [0.4], [0.0]], length=2)
    >>> padded.rows[: padded.length]
    [[0.5], [0.4]]
    """

    rows: object
    length: int | None = None
    at_least: int = 0
    layout: Layout = Layout()


class _Trimmed(NamedTuple):
    """The frames (n, d) float32 of a stream of a segment, and what was counted on the way."""

    frames: np.ndarray
    in_front: int  # rows of padding
    behind: int
    beyond: int  # frames cut off by the length that the file states
    length_too_large: bool  # the stated length is more than the rows
    doubt: str  # what is wrong with that, or ""


class _Segment(NamedTuple):
    """A segment as it was handed over; its frames lie in the spools."""

    split: str
    id: str
    words: list[str]
    label: float | None
    video: str | None  # None where the file does not name it
    annotations: dict[str, Annotation]
    widths: dict[str, int]  # of each stream that has frames
    rows: dict[str, slice]  # of each stream's spool
    counts: dict[str, Counter[str]]  # of each stream, for the provenance


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
    skip_bad : bool
        Whether to leave out segments that are not what they should be, instead of an error.
    video_from : str, optional
        How to read the recording out of an id, see `recordings_of`.

    Attributes
    ----------
    path, skip_bad
        As given.
    files : dict of str to Path
        The file of each split, where each has one of its own; error messages name it.
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

    def __init__(
        self,
        path: Path,
        form: str,
        label_range: tuple[float, float],
        *,
        skip_bad: bool = False,
        video_from: str | None = None,
    ):
        self.path = path
        self.files: dict[str, Path] = {}
        self.notes: list[str] = []
        self.skip_bad = skip_bad
        self._form = form
        self._label_range = label_range
        self._video_from = video_from
        self._recordings = GIVEN
        self._segments: list[_Segment] = []
        self._spools: dict[str, dict[int, Spool]] = {stream: {} for stream in STREAMS}
        self._doubtful: list[str] = []  # messages about lengths
        self._dropped: Counter[str] = Counter()
        self._skipped: list[str] = []
        self._known: set[str] = set()  # ids
        self._special: Counter[str] = Counter()  # words that nobody said
        self._taken = 0  # bytes of what was gathered
        self._most: int | None = None  # bytes that may be gathered

    def where(self, split: str, segment: object, file: Path | None = None) -> str:
        """Return the beginning of an error message about a segment.

        Parameters
        ----------
        split : str
            The name of its split, or ``""`` if the file has none.
        segment : object
            Its id or, for want of one, its number.
        file : Path, optional
            The file at fault; if it is left out, that of the split.
        """
        place = f"{split} segment" if split else "segment"
        return f"{file or self.file_of(split)}: {place} {segment}"

    def file_of(self, split: str) -> Path:
        """Return the file of a split: its own, or that of all."""
        return self.files.get(split, self.path)

    def drop(self, reason: str) -> None:
        """Count a segment that is left out."""
        self._dropped[reason] += 1

    def refuse(self, message: str) -> None:
        """Raise an error about a segment; or skip the segment, if that was asked for.

        Raises
        ------
        CENetError
        """
        if not self.skip_bad:
            raise CENetError(message)
        self._skipped.append(message.removeprefix(f"{self.path}: "))

    @contextmanager
    def one_segment(self) -> Iterator[None]:
        """Let an error in the block be about one segment, which `refuse` may skip.

        Examples
        --------
        >>> collector = Collector(Path("mosi.pkl"), "MAG pickle", (-3, 3), skip_bad=True)
        >>> with collector.one_segment():
        ...     raise CENetError("mosi.pkl: train segment v1[0]: has no face")
        >>> collector.corpus([])
        Traceback (most recent call last):
        cenet_lib.errors.CENetError: mosi.pkl: none of its segments fits, 1 was skipped, the \
first with: train segment v1[0]: has no face
        """
        try:
            yield
        except NoRoom:
            raise
        except CENetError as error:
            if not self.skip_bad:
                raise
            self.refuse(str(error))

    def add(
        self,
        split: str,
        id: str,
        words: list[str],
        visual: PaddedFrames,
        acoustic: PaddedFrames,
        label: float | None,
        annotations: Mapping[str, Annotation] | None = None,
        video: str | None = None,
    ) -> None:
        """Take a segment; one without words is dropped and counted.

        Words that nobody said, such as ``sp`` and ``[CLS]``, are left out and counted, with the
        rows and the annotations that belong to them alone.

        Parameters
        ----------
        split : str
            The name of its split, or ``""`` to have it distributed by video.
        id : str
        words : list of str
        visual, acoustic : PaddedFrames
        label : float or None
            None if it has none.
        annotations : mapping of str to (n,) array, float or str, optional
        video : str, optional
            The recording that it was cut from; if it is left out, the ids of all tell.

        Raises
        ------
        CENetError
            If frames are not a matrix of numbers as wide as those before.
        NoRoom
            If the segments take much more room than the files they come from.
        """
        where, annotations = self.where(split, id), dict(annotations or {})
        streams = {"visual": visual, "acoustic": acoustic}
        signs: list[str] = []
        if places := special_places(words):
            signs = [words[place] for place in places]
            words = _without_places(words, places, streams, annotations, where)
        if not words:
            self._special.update(signs)
            self.drop("no words")
            return
        trimmed = {
            stream: self._without_padding(padded, where, stream)
            for stream, padded in streams.items()
        }
        if self.skip_bad:  # else the corpus says so, which knows of all of them
            self._check_alone(id, label, where)
        self._require_room(words, annotations, [one.frames for one in trimmed.values()], where)
        widths, rows, counts = {}, {}, {}
        for stream, one in trimmed.items():
            width = one.frames.shape[1] if len(one.frames) else 0
            if width:
                widths[stream] = width
            # Which width is the usual one is known at the end; until then each has its spool.
            spool = self._spools[stream].setdefault(
                width if self.skip_bad else 0, Spool(self.path, stream)
            )
            rows[stream] = spool.append(one.frames, where)
            counts[stream] = _counts(one)
            if one.doubt:
                self._doubtful.append(f"{where}: {stream} {one.doubt}")
        self._special.update(signs)
        self._segments.append(
            _Segment(split, id, words, label, video, annotations, widths, rows, counts)
        )
        self._known.add(id)

    def _require_room(
        self,
        words: list[str],
        annotations: Mapping[str, Annotation],
        frames: list[np.ndarray],
        where: str,
    ) -> None:
        """Count what a segment takes; it may be that many of them show the same part of a file."""
        if self._most is None:
            inside = self.path.iterdir() if self.path.is_dir() else [self.path]
            self._most = most_unpacked(sum(f.stat().st_size for f in inside if f.is_file()))
        arrays = [*frames, *(a for a in annotations.values() if isinstance(a, np.ndarray))]
        self._taken += sum(map(len, words)) + sum(array.nbytes for array in arrays)
        if self._taken > self._most:
            raise NoRoom(
                f"{where}: with it, the segments take {in_megabytes(self._taken)}, more than "
                f"{TIMES} times the size of what they come from; the same part is read again and "
                "again, the file is damaged or made to fill the disk"
            )

    def _check_alone(self, id: str, label: float | None, where: str) -> None:
        """Raise the errors that else come up when the corpus is made."""
        low, high = self._label_range
        if id in self._known:
            raise CENetError(f"{where}: the id occurs twice; the first is kept")
        if label is not None and not low <= label <= high:
            raise CENetError(f"{where}: the label {label:.12g} is outside [{low:g}, {high:g}]")

    def _without_padding(self, padded: PaddedFrames, where: str, stream: str) -> _Trimmed:
        """Return the frames (n, d) alone, and what was taken off."""
        rows = matrix_of(padded.rows, where, stream)
        with np.errstate(invalid="ignore"):
            nonzero = np.asarray(rows.any(axis=1))  # (n,); a NaN is not zero
        n, beyond = len(rows), 0
        too_large = padded.length is not None and padded.length > n
        if padded.length is None:
            start, stop = frames_within(nonzero, padded.layout, padded.at_least)
        elif too_large:  # it was counted before the stream was cut
            start, stop = frames_within(nonzero, Layout())
        elif padded.length >= 0:
            start, stop, beyond = stated_frames(nonzero, padded.length)
        else:
            raise CENetError(
                f"{where}: {stream} is said to have {padded.length} frames; correct it or remove "
                "the segment"
            )
        doubt = _doubt(nonzero, padded.length) if too_large else ""
        with np.errstate(over="ignore"):  # beyond float32 is infinite, and counted as that
            frames = np.array(rows[start:stop], dtype=np.float32, order="C")
        return _Trimmed(frames, start, n - stop, beyond, too_large, doubt)

    def corpus(self, files: list[Path] | None = None, split_by: str = "as in the file") -> Corpus:
        """Return the corpus of what was gathered.

        Segments whose split is ``""`` are distributed by video, see `split_by_video`; or they are
        all in test, if none has a label.

        Parameters
        ----------
        files : list of Path, optional
            The files that were read; the provenance gives their names and SHA-256. If they are left
            out, they are `files`, or `path` itself.
        split_by : str
            How the splits were made, for the provenance.

        Raises
        ------
        CENetError
            If nothing was gathered, an id occurs twice or a label is out of range, or most of the
            lengths that were too large belong to streams that were not cut.
        """
        frames = self._frames()
        self._check_gathered()
        self._name_recordings()
        homes, split_by = self._homes(split_by)
        splits: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
        for segment in self._segments:
            split = segment.split or homes[segment.id]
            try:
                utterance = Utterance(
                    id=segment.id,
                    words=tuple(segment.words),
                    visual=frames["visual"][segment.rows["visual"]],
                    acoustic=frames["acoustic"][segment.rows["acoustic"]],
                    label=segment.label,
                    video=segment.video or segment.id,
                    annotations=segment.annotations,
                )
            except CENetError as error:  # it names the segment, this adds the file
                self.refuse(f"{self.path}: {split} segment {error}")
                continue
            splits[split].append(utterance)
        # Its errors begin with the corpus' name, so it goes by its path while it is checked.
        corpus = Corpus(str(self.path), *splits.values(), label_range=self._label_range)
        corpus.name = self.path.stem if self.path.is_file() else self.path.resolve().name
        if files is None:
            files = list(self.files.values()) or [self.path]
        corpus.provenance = self._provenance(files, "one file each" if self.files else split_by)
        return corpus

    def _frames(self) -> dict[str, np.ndarray]:
        """Return the frames of each stream; skip the segments that are wider or narrower."""
        usual = dict.fromkeys(STREAMS, 0)
        if self.skip_bad:
            usual = {stream: self._usual_width(stream) for stream in STREAMS}
            kept = []
            for segment in self._segments:
                odd = [s for s, width in segment.widths.items() if width != usual[s]]
                if odd:
                    self.refuse(
                        f"{self.where(segment.split, segment.id)}: {odd[0]} has "
                        f"{segment.widths[odd[0]]} columns where {usual[odd[0]]} were expected"
                    )
                else:
                    kept.append(segment)
            self._segments = kept
        return {
            stream: self._spools[stream].get(width, Spool(self.path, stream)).array()
            for stream, width in usual.items()
        }

    def _usual_width(self, stream: str) -> int:
        """Return the width that most segments have."""
        counted = Counter(s.widths[stream] for s in self._segments if stream in s.widths)
        return counted.most_common(1)[0][0] if counted else 0

    def _check_gathered(self) -> None:
        """Raise an error if nothing is left, or what was gathered contradicts itself."""
        if not self._segments and self._skipped:
            were = "1 was" if len(self._skipped) == 1 else f"{len(self._skipped)} were"
            raise CENetError(
                f"{self.path}: none of its segments fits, {were} skipped, the first with: "
                f"{self._skipped[0]}"
            )
        if not self._segments:
            raise CENetError(
                f"{self.path}: holds no segment with words "
                f"({sum(self._dropped.values())} were left out); is it the right file?"
            )
        too_large = sum(self._counted("lengths_beyond_rows").values())
        if len(self._doubtful) * 2 > too_large:
            raise CENetError(self._doubtful[0])

    def _name_recordings(self) -> None:
        """Read out of all ids which recording each segment was cut from, if the file has no names.

        A user's own rule goes before the file's names.
        """
        if self._video_from is None and all(segment.video for segment in self._segments):
            return
        ids = [segment.id for segment in self._segments]
        names, rule = recordings_of(ids, self._video_from, str(self.path))
        self._recordings = as_told(rule)
        self._segments = [
            segment._replace(video=name) for segment, name in zip(self._segments, names)
        ]

    def _homes(self, split_by: str) -> tuple[dict[str, str], str]:
        """Return the split of each segment that has none of its own, and how the splits were made.

        They go by video, unless that would put all segments into one split.
        """
        videos = {s.id: s.video or s.id for s in self._segments if not s.split}
        if not videos:
            return {}, split_by
        if all(segment.label is None for segment in self._segments):
            return dict.fromkeys(videos, "test"), "all in test: no segment has a label"
        unit = "segment, for the videos are unknown" if self._recordings == UNKNOWN else "video"
        if len(set(videos.values())) == 1 < len(videos):
            unit, videos = "segment, for all are of one video", {id: id for id in videos}
        homes = split_by_video(Counter(videos.values()))
        return {id: homes[video] for id, video in videos.items()}, f"by {unit}, {SHARES_TEXT}"

    def _counted(self, what: str) -> dict[str, int]:
        """Return what was counted of each stream, over all segments."""
        return {s: sum(segment.counts[s][what] for segment in self._segments) for s in STREAMS}

    def _provenance(self, files: list[Path], split_by: str) -> dict[str, Any]:
        provenance: dict[str, Any] = {
            "format": self._form,
            "sha256": {file.name: sha256(file) for file in files},
            "split": split_by,
            "recordings": self._recordings,
            "padding_removed": self._counted("padding_removed"),
            "non_finite_values": self._counted("non_finite_values"),
        }
        if self._video_from is not None:
            provenance["video_from"] = self._video_from
        for what in _OF_SOME_FILES:
            if any(self._counted(what).values()):
                provenance[what] = self._counted(what)
        if self._dropped:
            provenance["segments_left_out"] = dict(self._dropped)
        if self._skipped:
            more = len(self._skipped) - _MOST_LISTED
            provenance["segments_skipped"] = {
                "number": len(self._skipped),
                "what did not fit": self._skipped[:_MOST_LISTED]
                + ([f"and {more} more"] if more > 0 else []),
            }
        if self._special:
            provenance["special_tokens_left_out"] = dict(self._special)
        cut = sum(are_characters(segment.words) for segment in self._segments)
        segments = "1 segment is" if cut == 1 else f"{cut} segments are"
        notes = [*self.notes, *([f"{segments} {_CHARACTERS}"] if cut else [])]
        notes += [_OTHER_RANGE] if self._seem_to_be_within_one() else []
        if notes:
            provenance["notes"] = notes
        return provenance

    def _seem_to_be_within_one(self) -> bool:
        """Tell whether many labels that may lie in [-3, 3] all lie in [-1, 1], as CH-SIMS's do."""
        labels = [abs(s.label) for s in self._segments if s.label is not None]
        return self._label_range == (-3, 3) and len(labels) >= _MANY and max(labels) <= 1


_OTHER_RANGE = (
    "no label is beyond ±1: if that is their range, as in CH-SIMS, give it (--label-range -1 1); "
    "it chooses the metrics"
)
_CHARACTERS = (
    "in Chinese characters, each a word of its own, as the tokenizers of Chinese BERT cut "
    "them; a language model that knows no Chinese reads nothing in them"
)


def _without_places(
    words: list[str],
    places: list[int],
    streams: dict[str, PaddedFrames],
    annotations: dict[str, Annotation],
    where: str,
) -> list[str]:
    """Return words without some of them, and take what belongs to those from the rest as well."""
    for name in _PER_WORD:
        if name in annotations:
            annotations[name] = np.delete(annotations[name], places)
    for stream, padded in streams.items():
        streams[stream] = _without_rows(padded, places, len(words), where, stream)
    left_out = set(places)
    return [word for place, word in enumerate(words) if place not in left_out]


def _without_rows(
    padded: PaddedFrames, places: list[int], n_words: int, where: str, stream: str
) -> PaddedFrames:
    """Return frames without the rows of some words, if there is a row for each word."""
    if padded.at_least != n_words:
        return padded
    rows = matrix_of(padded.rows, where, stream)
    if rows[n_words:].any():  # padded in front: the first row is not that of the first word
        return padded
    own = [place for place in places if place < len(rows)]
    return padded._replace(
        rows=np.delete(rows, own, axis=0), at_least=padded.at_least - len(places)
    )


def _counts(trimmed: _Trimmed) -> Counter[str]:
    """Return what the provenance tells of a stream of a segment."""
    frames = trimmed.frames
    return Counter(
        padding_removed=trimmed.in_front + trimmed.behind,
        padding_removed_in_front=trimmed.in_front,
        frames_beyond_stated_length=trimmed.beyond,
        lengths_beyond_rows=int(trimmed.length_too_large),
        non_finite_values=int(frames.size - np.isfinite(frames).sum()),
    )


def _doubt(nonzero: np.ndarray, length: int | None) -> str:
    """Tell what speaks against rows that were cut, if they are zero at their edges; or ``""``."""
    edges = edges_of(nonzero, 0)
    if edges is None or edges.front + edges.end <= 2:
        return ""
    return (
        f"is said to have {length} frames, but has {len(nonzero)} rows, of which "
        f"{edges.front + edges.end} are padding: it was not cut; the file is damaged or was put "
        "together wrongly, correct or remove its lengths"
    )
