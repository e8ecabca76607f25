"""A look at a whole split: what codes and words do over many utterances.

Conventions:

- Effects are those of the simple picture of a model (`.first_order`), which costs a few runs of it
  and not a hundred. They are made to add up to what face and voice move in each utterance. How far
  they are from sampled ones is measured on some utterances, and stated.
- The columns of tables are codes, those of the face, then those of the voice. NaN stands where a
  code does not occur.
- Words are compared in lower case, without the punctuation around them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..corpus import Corpus
from ..errors import CENetError
from ..results.bootstrap import mean_interval
from ..utterance import STREAMS, Utterance
from .effects import Code, Takeaway
from .first_order import first_orders
from .records import Subject, cue_marks, effects_entry, pack, scaled
from .shapley import Blend, Shares, shares

_TOGETHER = 16  # utterances in one pass
_CHECKED = 4  # utterances whose effects are sampled too
_SAMPLES = 300  # sets of codes of each of these
_MOST_WORDS = 1000  # on a page


class Surveyed(NamedTuple):
    """What a model made of one utterance.

    Attributes
    ----------
    effects : dict of (str, int) to float
        The effect of each code that occurs; they add up to ``prediction - words_alone``.
    prediction, words_alone : float
    attention : dict of str to (n_words + 1, k+1), or None
        As in `cenet_lib.inspector.records.Reading`.
    read : (n_words,) bool
        Whether the model read any piece of the word; of long utterances it does not read the end.
    blend : Blend or None
        The simple picture of the model.

    Examples
    --------
    >>> unseen = {"visual": None, "acoustic": None}
    >>> Surveyed({("visual", 0): 0.5}, 1.5, 1.0, unseen, read=np.array([True])).prediction
    1.5
    """

    effects: dict[Code, float]
    prediction: float
    words_alone: float
    attention: dict[str, np.ndarray | None]
    read: np.ndarray
    blend: Blend | None = None

    def entry(self, error: float) -> dict:
        """Return what `cenet_lib.inspector.records.code_effects` does, as far as it is known.

        Nothing is told of codes that are left out, or of groups.
        """
        players, values = list(self.effects), np.array(list(self.effects.values()))
        found = Shares(values, np.zeros(0), error, None, trust=1.0)
        return {**effects_entry(players, found, self.blend), "quick": True}


def survey_some(subject: Subject, utterances: Sequence[Utterance]) -> list[Surveyed]:
    """Look at some utterances in one pass, which are best of similar length.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> (found,) = survey_some(Subject("mine", run.model, run.processor), corpus.test[:1])
    >>> moved = found.prediction - found.words_alone
    >>> bool(np.isclose(sum(found.effects.values()), moved))
    True
    """
    some = [Takeaway(subject.processor, utterance) for utterance in utterances]
    found = []
    with scaled(subject.model, subject.attention_scale):
        sketches = first_orders(subject.model, some)
    for taken, sketch in zip(some, sketches, strict=True):
        moved = sketch.prediction - sketch.words_alone
        word_index = np.asarray(taken.features["word_index"])  # (T,)
        values = adding_up(sketch.blend.shares(), moved)
        attention = {
            stream: None
            if rows is None
            else subject.over_words_and_codes(rows, word_index, taken.utterance, stream)
            for stream, rows in zip(STREAMS, sketch.attention, strict=True)
        }
        effects = dict(zip(taken.players, values.tolist(), strict=True))
        read = np.isin(np.arange(len(taken.utterance.words)), word_index)
        told = (effects, sketch.prediction, sketch.words_alone, attention, read, sketch.blend)
        found.append(Surveyed(*told))
    return found


def code_effects_of(entry: Mapping) -> dict[Code, float]:
    """Return the effects by code of what `cenet_lib.inspector.records.code_effects` returned.

    Examples
    --------
    >>> code_effects_of({"visual": {"effects": {"3": 0.5}}, "acoustic": {"effects": {}}})
    {('visual', 3): 0.5}
    """
    return {
        (stream, int(code)): effect
        for stream in STREAMS
        for code, effect in entry[stream]["effects"].items()
    }


def adding_up(values: np.ndarray, total: float) -> np.ndarray:
    """Return values that add up to a total: the large ones are changed most.

    Examples
    --------
    >>> adding_up(np.array([3.0, -1.0]), 4.0).tolist()
    [4.5, -0.5]
    """
    size = np.abs(values)
    if not size.any():
        return values + total / max(len(values), 1)
    return values + (total - values.sum()) * size / size.sum()


@dataclass(frozen=True)
class Survey:
    """What a model made of all utterances of a split.

    Attributes
    ----------
    utterances : sequence of Utterance
    surveyed : list of Surveyed
        One per utterance.
    sizes : dict of str to int
        The codes k of each stream.
    error : float
        How far an effect is from a sampled one: the root of the mean square over the codes of a few
        utterances.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> survey = Survey.of(Subject("mine", run.model, run.processor), corpus.test)
    >>> survey.effects.shape  # four codes of the face, three of the voice
    (16, 7)
    >>> survey.codes.columns.tolist()
    ['stream', 'code', 'utterances', 'effect', 'low', 'high', 'raises']
    """

    utterances: Sequence[Utterance]
    surveyed: list[Surveyed]
    sizes: dict[str, int]
    error: float

    @classmethod
    def of(
        cls,
        subject: Subject,
        utterances: Sequence[Utterance],
        tell: Callable[[int], object] = lambda done: None,
    ) -> "Survey":
        """Look at all utterances; ``tell`` hears how many are done.

        Raises
        ------
        CENetError
            If the model reads words only.
        """
        if subject.model.fusion is None:
            raise CENetError(
                f"{subject.name}: reads words only, so no code has an effect; look into a model "
                "that reads face and voice"
            )
        order = np.argsort([len(utterance.words) for utterance in utterances], kind="stable")
        found: dict[int, Surveyed] = {}
        for start in range(0, len(order), _TOGETHER):
            rows = [int(row) for row in order[start : start + _TOGETHER]]
            some = survey_some(subject, [utterances[row] for row in rows])
            found.update(zip(rows, some, strict=True))
            tell(len(found))
        surveyed = [found[row] for row in range(len(utterances))]
        sizes = {stream: subject.processor.n_codes(stream) for stream in STREAMS}
        return cls(utterances, surveyed, sizes, _error(subject, utterances, surveyed))

    @property
    def columns(self) -> list[Code]:
        """The codes, in the order of the columns."""
        return [(stream, code) for stream in STREAMS for code in range(self.sizes[stream])]

    @cached_property
    def effects(self) -> np.ndarray:
        """The effect of each code in each utterance (N, K)."""
        place = {code: i for i, code in enumerate(self.columns)}
        table = np.full((len(self.surveyed), len(place)), np.nan)
        for row, surveyed in zip(table, self.surveyed, strict=True):
            for code, effect in surveyed.effects.items():
                row[place[code]] = effect
        return table

    @cached_property
    def codes(self) -> pd.DataFrame:
        """What each code does: its mean ``effect`` over the ``utterances`` in which it occurs.

        ``low`` and ``high`` are the ends of a 95 % interval (bootstrap over these utterances), and
        ``raises`` is the share of them in which it raises the prediction.
        """
        rows = []
        for (stream, code), column in zip(self.columns, self.effects.T, strict=True):
            there = column[~np.isnan(column)]
            mean, low, high, raises = (np.nan,) * 4
            if len(there):
                mean, raises = float(there.mean()), float((there > 0).mean())
                low, high = mean_interval(there)
            rows.append((stream, code, len(there), mean, low, high, raises))
        names = ["stream", "code", "utterances", "effect", "low", "high", "raises"]
        return pd.DataFrame(rows, columns=names)

    def of_utterance(self, id: str) -> Surveyed:
        """Return what the model made of one utterance."""
        return self.surveyed[self._places[id]]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {utterance.id: i for i, utterance in enumerate(self.utterances)}

    def replaced(self, effects: Mapping[str, Mapping[Code, float]]) -> "Survey":
        """Return a survey with other effects of some utterances, by their id."""
        surveyed = [
            one._replace(effects=dict(effects[utterance.id])) if utterance.id in effects else one
            for utterance, one in zip(self.utterances, self.surveyed, strict=True)
        ]
        return replace(self, surveyed=surveyed)

    @cached_property
    def words(self) -> "WordTable":
        """What each word takes from each code, and what codes do where it is said."""
        return WordTable.of(self)


@dataclass(frozen=True)
class WordTable:
    """Words × codes, over all utterances of a split.

    Attributes
    ----------
    words : list of str
        In lower case, the most frequent first.
    said, utterances : (V,) int
        How often each is said (and read by the model), and in how many utterances.
    attention : (V, K)
        The mean attention of the word to the code, over each time that it is said; 0 where the code
        does not occur, and NaN from a model without attention.
    together : (V, K) int
        In how many utterances the word is said and the code occurs.
    effect : (V, K)
        The code's mean effect in these; NaN if there are none.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> table = Survey.of(Subject("mine", run.model, run.processor), corpus.test).words
    >>> table.attention.shape == (len(table.words), 7)
    True
    """

    words: list[str]
    said: np.ndarray
    utterances: np.ndarray
    attention: np.ndarray
    together: np.ndarray
    effect: np.ndarray

    @classmethod
    def of(cls, survey: Survey) -> "WordTable":
        """Go through a survey."""
        sums: dict[str, _Sums] = {}
        n_codes = len(survey.columns)
        for utterance, surveyed, effects in zip(
            survey.utterances, survey.surveyed, survey.effects, strict=True
        ):
            rows = _attention_rows(surveyed, survey.sizes, len(utterance.words))
            there: set[str] = set()
            for place, word in enumerate(utterance.words):
                name = plain_word(word)
                if not name or not surveyed.read[place]:
                    continue
                own = sums.setdefault(name, _Sums.empty(n_codes))
                own.said += 1
                own.attention += rows[place]
                there.add(name)
            for name in there:
                sums[name].utterances += 1
                sums[name].together += ~np.isnan(effects)
                sums[name].effect += np.nan_to_num(effects)
        names = sorted(sums, key=lambda name: (-sums[name].said, name))
        found = [sums[name] for name in names]
        said = np.array([own.said for own in found], dtype=int)
        together = np.array([own.together for own in found]).reshape(-1, n_codes)
        attention = np.array([own.attention for own in found]).reshape(-1, n_codes)
        if all(rows is None for one in survey.surveyed for rows in one.attention.values()):
            attention[:] = np.nan
        effect = np.array([own.effect for own in found]).reshape(-1, n_codes)
        return cls(
            names,
            said,
            np.array([own.utterances for own in found], dtype=int),
            attention / np.maximum(said, 1)[:, None],
            together,
            np.where(together > 0, effect / np.maximum(together, 1), np.nan),
        )


@dataclass
class _Sums:
    """What is added up for a word."""

    said: int
    utterances: int
    attention: np.ndarray
    together: np.ndarray
    effect: np.ndarray

    @classmethod
    def empty(cls, n_codes: int) -> "_Sums":
        return cls(0, 0, np.zeros(n_codes), np.zeros(n_codes, int), np.zeros(n_codes))


def _attention_rows(surveyed: Surveyed, sizes: dict[str, int], n_words: int) -> np.ndarray:
    """Return the attention of words to codes, (n_words, K); zeros from a model without any."""
    parts = [
        np.zeros((n_words, sizes[stream])) if rows is None else rows[:-1, :-1]
        for stream, rows in ((stream, surveyed.attention[stream]) for stream in STREAMS)
    ]
    return np.concatenate(parts, axis=1)


def plain_word(word: str) -> str:
    """Return a word in lower case, without the punctuation around it.

    Examples
    --------
    >>> plain_word("Don't"), plain_word('"Great!"'), plain_word("...")
    ("don't", 'great', '')
    """
    inner = [i for i, character in enumerate(word) if character.isalnum()]
    return word[inner[0] : inner[-1] + 1].lower() if inner else ""


def _error(subject: Subject, utterances: Sequence[Utterance], surveyed: list[Surveyed]) -> float:
    """Return how far effects are from sampled ones, on a few utterances."""
    rows = np.unique(
        np.linspace(0, len(utterances) - 1, min(_CHECKED, len(utterances))).astype(int)
    )
    squares = [
        square
        for row in rows
        for square in _squares(subject, utterances[int(row)], surveyed[int(row)].effects)
    ]
    return float(np.sqrt(np.mean(squares))) if squares else 0.0


def _squares(subject: Subject, utterance: Utterance, effects: dict[Code, float]) -> Iterator[float]:
    """Yield the square of each effect's distance from what sampling finds."""
    taken = Takeaway(subject.processor, utterance)

    def game(sets: np.ndarray) -> np.ndarray:
        return subject.predict(taken.of_sets(sets), utterance)

    if effects:
        sampled = shares(game, len(effects), _SAMPLES).values
        yield from (sampled - np.array(list(effects.values()))) ** 2


def describe_survey(survey: Survey, corpus: Corpus) -> dict:
    """Return the record of a survey, for the page.

    Returns
    -------
    dict
        ``id``, ``speaker`` and ``cues`` (whether the utterance has planted ones; null if nobody
        knows) of each utterance; ``sizes`` and ``error``; ``effects``, packed (N, K); ``codes``:
        ``utterances``, ``effect``, ``low``, ``high`` and ``raises`` by column, null where a code
        never occurs; and ``words``, at most the thousand that are said most: ``word``, ``said``,
        ``utterances`` and, packed (V, K), ``attention``, ``together`` and ``effect``, with
        ``left_out``, how many words there are beyond.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> survey = Survey.of(Subject("mine", run.model, run.processor), corpus.test)
    >>> described = describe_survey(survey, corpus)
    >>> described["sizes"], described["effects"]["shape"]
    ({'visual': 4, 'acoustic': 3}, [16, 7])
    """
    columns = survey.codes.drop(columns=["stream", "code"])
    table = survey.words
    most = slice(_MOST_WORDS)
    return {
        "id": [utterance.id for utterance in survey.utterances],
        "speaker": [utterance.video for utterance in survey.utterances],
        "cues": [_has_cues(utterance, corpus) for utterance in survey.utterances],
        "sizes": survey.sizes,
        "error": survey.error,
        "effects": pack(survey.effects, "f2"),
        "codes": {
            str(name): [None if np.isnan(v) else round(float(v), 4) for v in column]
            for name, column in columns.items()
        },
        "words": {
            "word": table.words[most],
            "said": table.said[most].tolist(),
            "utterances": table.utterances[most].tolist(),
            "attention": pack(table.attention[most], "f2"),
            "together": pack(table.together[most], "u2"),
            "effect": pack(table.effect[most], "f2"),
            "left_out": max(len(table.words) - _MOST_WORDS, 0),
        },
    }


def _has_cues(utterance: Utterance, corpus: Corpus) -> bool | None:
    """Tell whether an utterance has planted cues; ``None`` if its corpus does not know."""
    marks = [cue_marks(utterance, corpus, stream) for stream in STREAMS]
    known = [stream for stream in marks if stream is not None]
    return any(bool(stream.any()) for stream in known) if known else None
