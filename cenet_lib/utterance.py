"""What a model of multimodal sentiment reads: an utterance, with its words, face and voice.

This is where the data begins: readers (`cenet_lib.corpora`) make utterances, and a `Corpus` keeps
them in splits. Conventions used everywhere in this package:

- An *utterance* is a spoken sentence: words, frames of the face, frames of the voice, a label.
- A *frame* is one measurement of face or voice: a row of float32 feature values.
- A *stream* is one of the two sequences of frames, ``visual`` or ``acoustic``; its columns are its
  *channels*.
- The words and the two streams have their own lengths. Nothing is aligned or padded.
- Labels are intensities, by default in [-3, 3]: very negative to very positive.
- *Splits* are named ``train``, ``valid`` and ``test``.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import isfinite
from types import MappingProxyType

import numpy as np

from .errors import CENetError

SPLITS = ("train", "valid", "test")
STREAMS = ("visual", "acoustic")

HALF = "holds half of a surrogate pair, which is no character"

Annotation = np.ndarray | float | str  # values per word or frame (n,), or one per utterance


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
        The frames of the face; ``n_visual`` may be zero.
    acoustic : (n_acoustic, d_acoustic) float32
        The frames of the voice; ``n_acoustic`` may be zero.
    label : float or None
        The sentiment intensity; ``None`` if it is unknown.
    video : str
        The recording (or the speaker) that the utterance was cut from. Splits must not share one.
    annotations : mapping of str to (n,) array, float or str
        What came with the file beyond that, by name: ``pos_ids`` and ``polarity_ids`` (n_words,),
        ``visual_codes`` (n,), and for simulated data the truth: ``visual_states``, ``delivery``.

    Raises
    ------
    CENetError
        If the id or a word is empty or not a string, a stream is not a matrix of numbers, or the
        label is not a finite number.

    Examples
    --------
    >>> Utterance("v1[0]", ["great", "film"], np.ones((4, 35)), np.ones((6, 74)), 2.4)
    Utterance('v1[0]', 'great film', visual (4, 35), acoustic (6, 74), label +2.40)
    """

    id: str
    words: tuple[str, ...]
    visual: np.ndarray
    acoustic: np.ndarray
    label: float | None = None
    video: str = ""
    annotations: Mapping[str, Annotation] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise CENetError(f"an utterance's id must be a non-empty text, not {self.id!r}")
        if not is_proper(self.id):
            raise CENetError(f"{self.id!r}: the id {HALF}; rename the segment")
        set_ = object.__setattr__  # the usual way past frozen=True, in __post_init__ only
        set_(self, "words", _as_words(self.words, self.id))
        for stream in STREAMS:
            set_(self, stream, _as_frames(getattr(self, stream), self.id, stream))
        if self.label is not None:
            set_(self, "label", _as_label(self.label, self.id))

    @property
    def text(self) -> str:
        """The words joined by spaces."""
        return " ".join(self.words)

    def frames(self, stream: str) -> np.ndarray:
        """Return the frames (n, d) of ``"visual"`` or ``"acoustic"``.

        Raises
        ------
        CENetError
            If there is no such stream.
        """
        if stream not in STREAMS:
            raise CENetError(f"there is no stream {stream!r}; streams are {', '.join(STREAMS)}")
        return self.visual if stream == "visual" else self.acoustic

    def with_frames(
        self, *, visual: np.ndarray | None = None, acoustic: np.ndarray | None = None
    ) -> "Utterance":
        """Return the same utterance with other frames in one or both of its streams.

        Examples
        --------
        >>> great = Utterance("v1[0]", ["great"], np.ones((4, 2)), np.ones((6, 3)))
        >>> great.with_frames(visual=great.visual[:0])
        Utterance('v1[0]', 'great', visual (0, 2), acoustic (6, 3), no label)
        """
        return replace(
            self,
            visual=self.visual if visual is None else visual,
            acoustic=self.acoustic if acoustic is None else acoustic,
        )

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 48 else self.text[:47] + "…"
        label = "no label" if self.label is None else f"label {self.label:+.2f}"
        return (
            f"Utterance({self.id!r}, {text!r}, visual {self.visual.shape}, "
            f"acoustic {self.acoustic.shape}, {label})"
        )


def checked_range(label_range: object, where: str) -> tuple[float, float]:
    """Return the lowest and the highest label as numbers.

    Parameters
    ----------
    label_range : (float, float)
    where : str
        The beginning of an error message.

    Raises
    ------
    CENetError
        If they are not two finite numbers, the lower one first.

    Examples
    --------
    >>> checked_range([-3, 3], "tiny")
    (-3.0, 3.0)
    >>> checked_range((-3, float("inf")), "tiny")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: tiny: the label range is (-3, inf); give the lowest and the \
highest label, two finite numbers
    """
    low = high = float("nan")
    if not isinstance(label_range, (str, bytes)):  # whose digits would do
        with suppress(TypeError, ValueError, OverflowError):
            low, high = map(float, label_range)  # type: ignore[call-overload]  # its failure tells
    if not (low < high and isfinite(high - low)):
        raise CENetError(
            f"{where}: the label range is {str(label_range)[:60]}; give the lowest and the highest "
            "label, two finite numbers"
        )
    return low, high


def is_proper(text: str) -> bool:
    """Tell whether a text can be written to a file and read by a tokenizer.

    Half of a surrogate pair can not: it is what a program leaves that cuts a text in the middle of
    an emoji.

    Examples
    --------
    >>> is_proper("😀"), is_proper("\\ud83d")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_words(words: Sequence[str], id: str) -> tuple[str, ...]:
    if isinstance(words, str):
        raise CENetError(f"{id}: words must be a list of words, not one text; split it")
    if not len(words):
        raise CENetError(f"{id}: has no words; drop the segment or transcribe it")
    for position, word in enumerate(words):
        if not isinstance(word, str) or not word.strip():
            raise CENetError(
                f"{id}: word {position} is {word!r}; every word must be a non-blank text"
            )
        if not is_proper(word):
            raise CENetError(f"{id}: word {position}, {word!r}, {HALF}; transcribe it anew")
    return tuple(words)


def _as_frames(frames: object, id: str, stream: str) -> np.ndarray:
    """Return ``frames`` as an (n, d) float32 matrix without a copy where it is one already."""
    if isinstance(frames, np.ndarray) and frames.dtype == np.float32 and frames.ndim == 2:
        return frames
    try:
        with np.errstate(over="ignore"):  # beyond float32 means infinite, which is counted later
            matrix = np.asarray(frames).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise CENetError(
            f"{id}: {stream} frames are not numbers; expected a matrix (frames, features)"
        ) from error
    if matrix.ndim != 2:
        raise CENetError(
            f"{id}: {stream} has shape {matrix.shape}; expected a matrix (frames, features)"
        )
    return matrix


def _as_label(label: object, id: str) -> float:
    try:
        number = float(label)  # type: ignore[arg-type]  # whatever it is, float() says
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number):
        raise CENetError(f"{id}: the label is {label!r}; give a finite number, or None")
    return number
