"""What a model of multimodal sentiment reads: utterances, and corpora of them.

Conventions used everywhere in this package:

- An *utterance* is a spoken sentence: words, frames of the face, frames of the voice, a label.
- A *frame* is one measurement of face or voice: a row of float32 feature values.
- The words and the two frame sequences have their own lengths. Nothing is aligned or padded.
- Labels are intensities, by default in [-3, 3]: very negative to very positive.
- Splits are named ``train``, ``valid`` and ``test``.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType

import numpy as np

from .errors import CENetError

SPLITS = ("train", "valid", "test")
STREAMS = ("visual", "acoustic")

_EMPTY: Mapping = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Utterance:
    """One spoken sentence with its face, its voice and, perhaps, its label.

    Attributes
    ----------
    id : str
        Unique in its corpus, for example ``"03bSnISJMiM_11"``.
    words : tuple of str, length n_words
        At least one, none of them blank.
    visual : (n_visual, d_visual) float32
        Frames of the face; ``n_visual`` may be zero.
    acoustic : (n_acoustic, d_acoustic) float32
        Frames of the voice; ``n_acoustic`` may be zero.
    label : float or None
        Sentiment intensity; ``None`` if unknown.
    video : str
        The recording (or the speaker) that it was cut from. Splits must not share one.
    annotations : mapping of str to (n,) array, float or str
        What came with the file beyond that, by name: ``pos_ids`` and ``polarity_ids`` (n_words,),
        ``visual_codes`` (n,), and for simulated data the truth: ``visual_states``, ``delivery``.

    Raises
    ------
    CENetError
        If the id or a word is empty or not a string, a stream is not a matrix of numbers, or the
        label is not a finite number.
    """

    id: str
    words: tuple[str, ...]
    visual: np.ndarray
    acoustic: np.ndarray
    label: float | None = None
    video: str = ""
    annotations: Mapping[str, np.ndarray | float | str] = field(default_factory=lambda: _EMPTY)

    def __post_init__(self):
        if not isinstance(self.id, str) or not self.id:
            raise CENetError(f"an utterance's id must be a non-empty text, not {self.id!r}")
        if isinstance(self.words, str):
            raise CENetError(f"{self.id}: words must be a list of words, not one text; split it")
        set_ = object.__setattr__  # the usual way past frozen=True, in __post_init__ only
        set_(self, "words", tuple(self.words))
        if not self.words:
            raise CENetError(f"{self.id}: has no words; drop the segment or transcribe it")
        for position, word in enumerate(self.words):
            if not isinstance(word, str) or not word.strip():
                raise CENetError(
                    f"{self.id}: word {position} is {word!r}; every word must be a non-blank text"
                )
        for stream in STREAMS:
            set_(self, stream, _as_frames(getattr(self, stream), self.id, stream))
        if self.label is not None:
            try:
                label = float(self.label)
            except (TypeError, ValueError):
                label = float("nan")
            if not isfinite(label):
                raise CENetError(
                    f"{self.id}: the label is {self.label!r}; give a finite number, or None"
                )
            set_(self, "label", label)

    @property
    def text(self) -> str:
        """The words joined by spaces."""
        return " ".join(self.words)

    def frames(self, stream: str) -> np.ndarray:
        """Return the frames (n, d) of ``"visual"`` or ``"acoustic"``."""
        if stream not in STREAMS:
            raise CENetError(f"there is no stream {stream!r}; streams are {', '.join(STREAMS)}")
        return getattr(self, stream)

    def __repr__(self):
        text = self.text if len(self.text) <= 48 else self.text[:47] + "…"
        label = "no label" if self.label is None else f"label {self.label:+.2f}"
        return (
            f"Utterance({self.id!r}, {text!r}, visual {self.visual.shape}, "
            f"acoustic {self.acoustic.shape}, {label})"
        )


def _as_frames(frames, id: str, stream: str) -> np.ndarray:
    """Return ``frames`` as an (n, d) float32 matrix without a copy where it is one already."""
    if isinstance(frames, np.ndarray) and frames.dtype == np.float32 and frames.ndim == 2:
        return frames
    try:
        with np.errstate(over="ignore"):  # beyond float32 means infinite, which is counted later
            frames = np.asarray(frames).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise CENetError(
            f"{id}: {stream} frames are not numbers; expected a matrix (frames, features)"
        ) from error
    if frames.ndim != 2:
        raise CENetError(
            f"{id}: {stream} has shape {frames.shape}; expected a matrix (frames, features)"
        )
    return frames


class Corpus:
    """Utterances in three splits, with the names of their features and where they come from.

    Parameters
    ----------
    name : str
    train, valid, test : sequences of Utterance
        Each may be empty here; who needs a split asks for it with `split`.
    visual_names, acoustic_names : sequences of str, optional
        One name per feature column.
    label_range : (float, float)
        Labels outside are an error.
    provenance : mapping, optional
        Where the data come from and what was done to them, as plain JSON values.

    Raises
    ------
    CENetError
        If an id occurs twice, feature widths differ, or a label is out of range.
    """

    def __init__(
        self,
        name: str,
        train: Sequence[Utterance] = (),
        valid: Sequence[Utterance] = (),
        test: Sequence[Utterance] = (),
        *,
        visual_names: Sequence[str] | None = None,
        acoustic_names: Sequence[str] | None = None,
        label_range: tuple[float, float] = (-3.0, 3.0),
        provenance: Mapping | None = None,
    ):
        self.name = name
        self.splits: dict[str, Sequence[Utterance]] = {"train": train, "valid": valid, "test": test}
        self.label_range = (float(label_range[0]), float(label_range[1]))
        self.provenance = dict(provenance or {})
        names = {"visual": visual_names, "acoustic": acoustic_names}
        self.feature_names = {
            stream: None if given is None else tuple(given) for stream, given in names.items()
        }
        self._check()

    def _check(self) -> None:
        """Look at every utterance once; a stored corpus was looked at when it was saved."""
        seen: dict[str, str] = {}
        widths = {s: len(n) for s, n in self.feature_names.items() if n is not None}
        low, high = self.label_range
        for split, utterance in self.items():
            where = f"{self.name}: {split} segment {utterance.id}"
            if utterance.id in seen:
                raise CENetError(
                    f"{where}: the id occurs twice (also in {seen[utterance.id]}); ids must be "
                    "unique, rename or drop one"
                )
            seen[utterance.id] = split
            for stream in STREAMS:
                width = utterance.frames(stream).shape[1]
                if widths.setdefault(stream, width) != width:
                    raise CENetError(
                        f"{where}: {stream} has {width} columns where {widths[stream]} were "
                        "expected; every segment needs the same features"
                    )
            if utterance.label is not None and not low <= utterance.label <= high:
                raise CENetError(
                    f"{where}: the label {utterance.label:g} is outside [{low:g}, {high:g}]; "
                    "rescale the labels or give the right label_range"
                )

    @property
    def train(self) -> Sequence[Utterance]:
        """The utterances to fit on."""
        return self.splits["train"]

    @property
    def valid(self) -> Sequence[Utterance]:
        """The utterances to choose on."""
        return self.splits["valid"]

    @property
    def test(self) -> Sequence[Utterance]:
        """The utterances to look at once, at the end."""
        return self.splits["test"]

    def split(self, name: str) -> Sequence[Utterance]:
        """Return a split that must not be empty.

        Raises
        ------
        CENetError
            If there is no such split or it has no utterances.
        """
        if name not in self.splits:
            raise CENetError(f"there is no split {name!r}; splits are {', '.join(SPLITS)}")
        if len(self.splits[name]) == 0:
            sizes = ", ".join(f"{split} {len(self.splits[split])}" for split in SPLITS)
            raise CENetError(f"{self.name}: the {name} split is empty ({sizes}); it is needed here")
        return self.splits[name]

    def items(self) -> Iterator[tuple[str, Utterance]]:
        """Yield every utterance with the name of its split."""
        for split, utterances in self.splits.items():
            for utterance in utterances:
                yield split, utterance

    def __iter__(self) -> Iterator[Utterance]:
        return (utterance for _, utterance in self.items())

    def __len__(self) -> int:
        return sum(len(utterances) for utterances in self.splits.values())

    def width(self, stream: str) -> int:
        """Return the number of feature columns of ``"visual"`` or ``"acoustic"``."""
        names = self.feature_names[stream]
        if names is not None:
            return len(names)
        return next((u.frames(stream).shape[1] for u in self), 0)

    def fingerprint(self) -> str:
        """Return the SHA-256 over all ids, words, labels and frames: the same data, the same text.

        It does not depend on the form the corpus is kept in.
        """
        digest = hashlib.sha256()
        for split, utterance in self.items():
            head = (split, utterance.id, utterance.words, utterance.label)
            digest.update(repr(head).encode("utf-8", "surrogatepass"))
            for stream in STREAMS:
                frames = np.ascontiguousarray(utterance.frames(stream))
                digest.update(repr(frames.shape).encode())
                digest.update(frames.data)
        return digest.hexdigest()

    def save(self, folder) -> None:
        """Write the memory-mapped store, see `cenet_lib.store`."""
        from .store import save_corpus

        save_corpus(self, folder)

    @classmethod
    def load(cls, folder) -> "Corpus":
        """Open a store that `save` wrote; frames stay on disk until they are read."""
        from .store import open_corpus

        return open_corpus(folder)

    def __repr__(self):
        sizes = ", ".join(f"{split} {len(self.splits[split])}" for split in SPLITS)
        widths = ", ".join(f"{stream} {self.width(stream)}" for stream in STREAMS)
        return f"Corpus({self.name!r}: {sizes}; features: {widths})"
