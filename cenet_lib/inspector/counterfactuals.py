"""What a model makes of an utterance that nobody said: counterfactuals.

Conventions:

- *Words* are replaced where they stand: what is written in a word's place may become other pieces,
  and they are still that word. A word that is left out is not read, and the others keep their rows
  and their share of the time. Parts of speech and polarities are looked up anew.
- Frames of one *code* become frames of another. A fusion that reads counts counts them as the
  other; one that reads frames gets the other's average frame, its centre, in the place of each.
- A *gap* is a stretch of frames that is taken away as if nobody had recorded it, see `.effects`.
- The attention *scale* is the factor on the scores of a fusion that attends.

All of them refer to the utterance as it was recorded, so their order makes no difference. No model
was trained on such utterances: this is what the model does with them, not what a person would feel.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..language.annotators import POLARITY_NEUTRAL, POS_OTHER, FileIds
from ..prediction import finite
from ..processor import CENetProcessor
from ..utterance import STREAMS, Utterance, is_proper
from .effects import Code, Takeaway
from .records import Reading, Subject, cue_marks
from .rows import over_codes, over_words

_LONGEST = 200  # characters in the place of a word
_SIGNS = {"positive": 1, "negative": -1}


@dataclass(frozen=True)
class Changes:
    """What is changed in an utterance before a model reads it.

    Attributes
    ----------
    words : mapping of int to str or None
        By place, what stands there instead; ``None`` leaves the word out.
    codes : mapping of (str, int) to int
        By stream and number, the code that its frames become.
    gaps : iterable of (str, int, int)
        Stream, first frame, and the frame after the last one: these are taken away.
    scale : float or None
        The attention scale, 0 or more.
    without : iterable of (str, int)
        Codes of which the frames are taken away.
    cues : str or None
        ``"positive"`` or ``"negative"``: the frames of such planted cues are taken away, too.

    Examples
    --------
    >>> Changes(words={2: "awful"}, codes={("visual", 3): 7}).scale is None
    True
    """

    words: Mapping[int, str | None] = field(default_factory=dict)
    codes: Mapping[Code, int] = field(default_factory=dict)
    gaps: Iterable[tuple[str, int, int]] = ()
    scale: float | None = None
    without: Iterable[Code] = ()
    cues: str | None = None

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> "Changes":
        """Read what the page sends: JSON has no keys but texts, so its mappings are lists.

        Raises
        ------
        CENetError
            If it is something else.

        Examples
        --------
        >>> Changes.from_message({"words": [[2, "awful"]], "codes": [["visual", 3, 7]]}).codes
        {('visual', 3): 7}
        """
        try:
            return cls(
                dict(message.get("words", ())),
                {(stream, code): to for stream, code, to in message.get("codes", ())},
                [(stream, first, end) for stream, first, end in message.get("gaps", ())],
                message.get("scale"),
                [(stream, code) for stream, code in message.get("without", ())],
                message.get("cues"),
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise CENetError(f"these are no changes of an utterance ({error})") from error


class Altered(Takeaway):
    """An utterance with other words, and with other codes in the place of some.

    Parameters
    ----------
    processor : CENetProcessor
    utterance : Utterance
    words : mapping of int to str or None
    codes : mapping of (str, int) to int

    Attributes
    ----------
    recorded : mapping of str to (n,) int
        The codes as they were.
    codes : mapping of str to (n,) int
        The codes as they are now.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> altered = Altered(run.processor, corpus.test[0], {}, {("visual", 0): 1})
    >>> int(altered.features["visual_counts"][0]), 0 in altered.codes["visual"]
    (0, False)
    """

    def __init__(
        self,
        processor: CENetProcessor,
        utterance: Utterance,
        words: Mapping[int, str | None],
        codes: Mapping[Code, int],
    ):
        super().__init__(processor, utterance)
        self.recorded = self.codes
        self.words = words
        self.became = codes
        self.codes = {stream: own.copy() for stream, own in self.recorded.items()}
        for (stream, code), to in codes.items():
            self.codes[stream][self.recorded[stream] == code] = to

    @cached_property
    def features(self) -> dict[str, Any]:
        """What the model reads of the altered utterance, all of its frames included."""
        self.features = self._text  # which `keeping` adds the streams to
        return self.keeping(self.all_frames)

    @property
    def all_frames(self) -> dict[str, np.ndarray]:
        """True for each frame (n,) of either stream."""
        return {stream: np.ones(len(own), bool) for stream, own in self.codes.items()}

    @cached_property
    def _text(self) -> dict[str, Any]:
        """What the processor makes of the words; each keeps its place in the utterance."""
        kept = [i for i in range(len(self.utterance.words)) if self.words.get(i, "") is not None]
        bare = {s: self.utterance.frames(s)[:0] for s in STREAMS}
        said = replace(
            self.utterance,
            words=tuple(self.words.get(i) or self.utterance.words[i] for i in kept),
            annotations=self._known(kept),
        )
        features = self.processor(said.with_frames(**bare))
        index = features["word_index"]  # (T,)
        places = np.append(np.array(kept, dtype=int), -1)  # -1, a special token, stays what it is
        return {**features, "word_index": places[index]}

    def _known(self, kept: Sequence[int]) -> dict[str, Any]:
        """Return the ids that came in a file; of a word that did not, nothing is known."""
        if self.processor.annotator_name != FileIds.name:
            return {}  # so they are looked up
        ids = {}
        for name, nothing in (("pos_ids", POS_OTHER), ("polarity_ids", POLARITY_NEUTRAL)):
            if name in self.utterance.annotations:
                came = np.asarray(self.utterance.annotations[name])  # (n_words,)
                ids[name] = np.array([nothing if i in self.words else came[i] for i in kept])
        return ids

    @cached_property
    def _frames(self) -> dict[str, np.ndarray]:
        """The standardised frames (n, d_m), those of replaced codes at the others' centres."""
        frames = {s: self.processor.standardized(self.utterance, s) for s in STREAMS}
        for (stream, code), to in self.became.items():
            vocabulary = self.processor.vocabularies[stream]
            if vocabulary is not None:
                frames[stream] = frames[stream].copy()
                frames[stream][self.recorded[stream] == code] = vocabulary.codes_[to]
        return frames


def what_if(subject: Subject, utterance: Utterance, changes: Changes, corpus: Corpus) -> Reading:
    """Read an utterance with changes, as a model would.

    Raises
    ------
    CENetError
        If a word, code, frame or scale does not exist, the model has no place for a change, or no
        word would be left.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject = Subject("mine", run.model, run.processor)
    >>> (before,) = subject.read(corpus.test[:1])
    >>> after = what_if(subject, corpus.test[0], Changes(scale=0.0), corpus)
    >>> after.visual.shape == before.visual.shape
    True
    """
    check_changes(subject, utterance, changes)
    if changes.scale is not None:
        subject = replace(subject, attention_scale=float(changes.scale))
    altered = Altered(subject.processor, utterance, changes.words, changes.codes)
    (reading,) = read_altered(subject, [(altered, _kept(altered, changes, corpus))])
    return reading


def _kept(altered: Altered, changes: Changes, corpus: Corpus) -> dict[str, np.ndarray]:
    """Return which frames of each stream (n,) are not taken away."""
    kept = altered.all_frames
    for stream, first, end in changes.gaps:
        kept[stream][first:end] = False
    for stream, code in changes.without:
        kept[stream] &= altered.recorded[stream] != code
    for stream in STREAMS if changes.cues else ():
        marks = cue_marks(altered.utterance, corpus, stream)
        if marks is not None:
            kept[stream] &= marks[: len(kept[stream])] != _SIGNS[str(changes.cues)]
    return kept


def read_altered(
    subject: Subject, some: Sequence[tuple[Altered, Mapping[str, np.ndarray]]]
) -> list[Reading]:
    """Read altered utterances, each with those frames (n,) of its streams that are kept.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject, one = Subject("mine", run.model, run.processor), corpus.test[0]
    >>> altered = Altered(run.processor, one, {}, {})
    >>> (reading,) = read_altered(subject, [(altered, altered.all_frames)])
    >>> bool(np.isclose(reading.prediction, subject.read([one])[0].prediction))
    True
    """
    features = [altered.keeping(kept) for altered, kept in some]
    readings = []
    for output, read, (altered, kept) in zip(
        subject.outputs(features, attention=True), features, some, strict=True
    ):
        prediction = finite(output, altered.utterance)
        index, n_words = np.asarray(read["word_index"]), len(altered.utterance.words)
        rows: list[np.ndarray | None] = []
        for stream, attention in zip(STREAMS, output[1:], strict=True):
            if attention is None:
                rows.append(None)
                continue
            tokens = attention.numpy()  # (T, k+1), or (T, N)
            if subject.model.attends_over == "frames":
                codes = altered.codes[stream][kept[stream]]
                tokens = over_codes(tokens, codes, subject.processor.n_codes(stream))
            rows.append(over_words(tokens, index, n_words))
        readings.append(Reading(prediction, visual=rows[0], acoustic=rows[1]))
    return readings


# what may be asked


def check_changes(subject: Subject, utterance: Utterance, changes: Changes) -> None:
    """Refuse changes of what there is not, see `what_if`.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, one = Run("runs/mine"), load_corpus("data/mine").test[0]
    >>> check_changes(Subject("mine", run.model, run.processor), one, Changes(scale=-1))
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: the attention scale is -1; give a number, 0 or more
    """
    _check_words(utterance, changes.words)
    streams = [stream for stream, *_ in (*changes.codes, *changes.gaps, *changes.without)]
    for stream in streams:
        if stream not in STREAMS:
            raise CENetError(f"there is no stream {stream!r}; streams are {', '.join(STREAMS)}")
    if streams and subject.model.fusion is None:
        raise CENetError(
            f"{subject.name} reads words only; what happens to frames makes no difference to it"
        )
    codes = [*changes.without, *changes.codes, *((c[0], to) for c, to in changes.codes.items())]
    for stream, code in codes:
        n_codes = subject.processor.n_codes(stream)
        if not (_is_whole(code) and 0 <= code < n_codes):
            raise CENetError(f"the {stream} codes are 0 to {n_codes - 1}; not {code!r}")
    for stream, first, end in changes.gaps:
        n = len(utterance.frames(stream))
        if not (_is_whole(first) and _is_whole(end) and 0 <= first < end <= n):
            raise CENetError(
                f"{utterance.id} has {n} {stream} frames; from {first!r} to {end!r} is no stretch "
                "of them"
            )
    _check_scale(subject, changes.scale)
    if changes.cues not in (None, *_SIGNS):
        raise CENetError(f"cues are positive or negative; not {changes.cues!r}")


def _check_words(utterance: Utterance, words: Mapping[int, str | None]) -> None:
    n = len(utterance.words)
    for place, word in words.items():
        if not (_is_whole(place) and 0 <= place < n):
            raise CENetError(f"{utterance.id} has words 0 to {n - 1}; there is no word {place!r}")
        if word is None:
            continue
        if not isinstance(word, str) or not word.strip() or not is_proper(word):
            raise CENetError(f"{word!r} is no word; write one, or None to leave it out")
        if len(word) > _LONGEST:
            raise CENetError(f"a word has {len(word)} characters; {_LONGEST} are the most")
    if sum(word is None for word in words.values()) == n:
        raise CENetError(f"{utterance.id}: no word would be left; leave one in")


def _check_scale(subject: Subject, scale: object) -> None:
    if scale is None:
        return
    if subject.scale is None:
        raise CENetError(f"{subject.name} does not attend, so it has no scale to set")
    number = isinstance(scale, int | float | np.number) and not isinstance(scale, bool)
    if not (number and isfinite(scale) and scale >= 0):  # type: ignore[arg-type,operator]  # see above
        raise CENetError(f"the attention scale is {scale!r}; give a number, 0 or more")


def _is_whole(number: object) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)
