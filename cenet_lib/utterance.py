"""What a model of multimodal sentiment reads: an utterance, with its words, face and voice.

This is where the data begins: readers (`cenet_lib.corpora`) make utterances, and a `Corpus` keeps
them in splits. Conventions used everywhere in this package:

- An *utterance* is a spoken sentence: words, frames of the face, frames of the voice, a label.
- A *frame* is one measurement of face or voice: a row of float32 feature values.
- The words and the two frame sequences have their own lengths. Nothing is aligned or padded.
- Labels are intensities, by default in [-3, 3]: very negative to very positive.
- Splits are named ``train``, ``valid`` and ``test``.
"""

from collections.abc import Mapping
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
