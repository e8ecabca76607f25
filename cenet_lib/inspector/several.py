"""Several models beside each other: whether their maps can be compared, and how far they agree.

Conventions:

- A run fits vocabularies of its own, so code 3 of one run is not code 3 of another, unless the
  vocabularies are the same. What two runs share is the words and the *frames*. So the cells that
  are compared are word × frame, where a code's attention is spread over its frames
  (`cenet_lib.expand_attention`, which is exact for CE; ``ce-continuous`` attends to each frame by
  itself); and word × code if the vocabularies are the same.
- Two maps *agree* as far as their cells correlate (Pearson, over the rows of all words that are
  read and of the first token); of more than two, it is the mean over pairs. 1 is the same map up to
  its contrast, 0 is no relation. A map whose cells are all alike correlates with nothing: that is
  "not defined", NaN.
- Much of that may be the same for every word, such as a code that all words attend to. *By word* is
  the agreement of what is left if each column's mean over the rows is taken away: what sets one
  word apart from the others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from ..enhancement import expand_attention
from ..errors import CENetError
from ..processor import CENetProcessor
from ..runs.folder import Run
from ..utterance import STREAMS, Utterance
from .records import Reading, Subject

_LOW = 0.1  # of the utterances are below the agreement that is told as the low one
_FLAT = 1e-5  # maps that vary less, as a share of their size, are rounding
_MOST_NAMED = 4  # runs in a heading
_BESIDE = "--compare shows two runs beside each other, whatever they are"


def name_runs(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return a name for each run: that of its folder, and as much before it as sets them apart.

    Examples
    --------
    >>> from types import SimpleNamespace as Opened
    >>> name_runs([Opened(folder=Path("a/ce")), Opened(folder=Path("b/ce"))])
    ('a/ce', 'b/ce')
    """
    paths = [Path(run.folder).resolve().parts for run in runs]
    for length in range(1, max(map(len, paths)) + 1):
        names = tuple("/".join(parts[-length:]) for parts in paths)
        if len(set(names)) == len(names):
            break
    return names


def check_runs(runs: Sequence[Run]) -> None:
    """Refuse runs that cannot be compared, as far as their folders tell.

    Raises
    ------
    CENetError
        If there are fewer than two, one is named twice, or they learned from different data.

    Examples
    --------
    >>> check_runs([Run("runs/mine"), Run("runs/mine")])
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: runs/mine: is named twice; name each run once
    """
    if len(runs) < 2:
        raise CENetError("to compare maps takes two runs or more; name another run")
    seen: set[Path] = set()
    for run in runs:
        place = run.folder.resolve()
        if place in seen:
            raise CENetError(f"{run.folder}: is named twice; name each run once")
        seen.add(place)
    first = runs[0]
    for run in runs[1:]:
        if run.config["corpus"]["fingerprint"] != first.config["corpus"]["fingerprint"]:
            raise CENetError(
                f"{run.folder}: was trained on {_corpus_in_words(run)}, {first.folder} on "
                f"{_corpus_in_words(first)}: not the same utterances in the same splits; train "
                "them on one corpus to compare their maps"
            )


def _corpus_in_words(run: Run) -> str:
    corpus = run.config["corpus"]
    sizes = corpus.get("sizes")
    told = f" ({', '.join(f'{n} {split}' for split, n in sizes.items())})" if sizes else ""
    return f"{corpus.get('name', corpus['source'])}{told}"


def check_comparable(subjects: Sequence[Subject], utterances: Sequence[Utterance]) -> None:
    """Refuse models whose maps do not have the same cells.

    Raises
    ------
    CENetError
        If one has no map, reads another stream, more frames or other word pieces than the first.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> mine = Subject("mine", run.model, run.processor)
    >>> check_comparable([mine, Subject("flat", run.model, run.processor, 0.0)], corpus.test)
    """
    first = subjects[0]
    for subject in subjects:
        if subject.model.attends_over is None:
            fusion = subject.model.config.fusion
            raise CENetError(
                f"{subject.name}: its fusion {fusion!r} does not attend, so it has no map to "
                f"compare; {_BESIDE}"
            )
    for subject in subjects[1:]:
        _check_streams(first, subject)
        if subject.processor is not first.processor:
            _check_pieces(first, subject, utterances)


def _check_streams(first: Subject, subject: Subject) -> None:
    a, b = first.processor, subject.processor
    for stream in STREAMS:
        if (a.vocabularies[stream] is None) != (b.vocabularies[stream] is None):
            knows, lacks = (first, subject) if b.vocabularies[stream] is None else (subject, first)
            raise CENetError(
                f"{lacks.name}: knows no {stream} stream, {knows.name} does, so their maps "
                f"have other cells; {_BESIDE}"
            )
    if a.pad_frames_to != b.pad_frames_to:
        raise CENetError(
            f"{subject.name}: reads {_frames_in_words(b)}, {first.name} reads "
            f"{_frames_in_words(a)}, so their maps have other cells; {_BESIDE}"
        )


def _frames_in_words(processor: CENetProcessor) -> str:
    most = processor.pad_frames_to
    return "all frames" if most is None else f"{most} frames"


def _check_pieces(first: Subject, subject: Subject, utterances: Sequence[Utterance]) -> None:
    """Compare what two tokenizers make of each utterance."""
    pieces = [
        processor.tokenizer(
            [list(utterance.words) for utterance in utterances],
            is_split_into_words=True,
            truncation=True,
            max_length=processor.max_length,
        )
        for processor in (first.processor, subject.processor)
    ]
    for i, utterance in enumerate(utterances):
        ours, theirs = (one.tokens(i) for one in pieces)
        if ours != theirs or pieces[0].word_ids(i) != pieces[1].word_ids(i):
            raise CENetError(
                f"{subject.name}: reads {utterance.id} as {len(theirs)} word pieces, {first.name} "
                f"as {len(ours)}{_first_other(ours, theirs)}: another tokenizer or max_length, so "
                f"their maps have other rows; {_BESIDE}"
            )


def _first_other(ours: Sequence[str], theirs: Sequence[str]) -> str:
    for a, b in zip(ours, theirs, strict=False):
        if a != b:
            return f" ({b!r} instead of {a!r})"
    return ""


def same_vocabularies(a: CENetProcessor, b: CENetProcessor) -> bool:
    """Tell whether code c of one is code c of the other, for every code of both streams.

    Examples
    --------
    >>> run = Run("runs/mine")
    >>> same_vocabularies(run.processor, run.processor)
    True
    """
    if a is b:
        return True
    for stream in STREAMS:
        ours, theirs = a.vocabularies[stream], b.vocabularies[stream]
        if ours is None or theirs is None:
            if ours is not theirs:
                return False
            continue
        if ours.codes_.shape != theirs.codes_.shape:
            return False
        for name in ("codes_", "mean_", "scale_"):
            # the last digits may be those of another computer
            if not np.allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-5, atol=1e-6):
                return False
    return True


def vocabulary_places(processors: Sequence[CENetProcessor]) -> list[int]:
    """Return for each the place, among those that differ, of the vocabularies that it has.

    Examples
    --------
    >>> run = Run("runs/mine")
    >>> vocabulary_places([run.processor, run.processor])
    [0, 0]
    """
    distinct: list[CENetProcessor] = []
    places = []
    for processor in processors:
        found = [i for i, other in enumerate(distinct) if same_vocabularies(processor, other)]
        places.append(found[0] if found else len(distinct))
        if not found:
            distinct.append(processor)
    return places


class Agreement(NamedTuple):
    """How far the maps of one stream of one utterance agree; NaN is "not defined".

    Attributes
    ----------
    whole : float
        The mean correlation over pairs of maps.
    by_word : float
        The same of what sets one word apart from the others.
    each : (m,)
        Of each map the mean correlation with the others.

    Examples
    --------
    >>> twice = agreement([np.eye(2), 2 * np.eye(2)])
    >>> round(twice.whole, 6), round(twice.by_word, 6)
    (1.0, 1.0)
    """

    whole: float
    by_word: float
    each: np.ndarray


def agreement(maps: Sequence[np.ndarray]) -> Agreement:
    """Return how far maps (rows, cells) agree; rows that are NaN in any are left out.

    Examples
    --------
    >>> one = np.array([[0.7, 0.3], [0.6, 0.4]])  # both words attend to the first code
    >>> other = np.array([[0.7, 0.3], [0.8, 0.2]])  # in the other map too, but not as much
    >>> found = agreement([one, other])
    >>> round(found.whole, 2), round(found.by_word, 2)
    (0.87, -1.0)
    """
    stack = np.stack([np.asarray(one, dtype=np.float64) for one in maps])  # (m, rows, cells)
    stack = stack[:, ~np.isnan(stack).any(axis=(0, 2))]
    pairs = _correlations(stack.reshape(len(stack), -1))
    others = ~np.eye(len(stack), dtype=bool)
    residual = stack - stack.mean(axis=1, keepdims=True) if stack.shape[1] else stack
    by_word = _correlations(residual.reshape(len(stack), -1), np.abs(stack).max(initial=0.0))
    each = np.array([_mean(row[other]) for row, other in zip(pairs, others, strict=True)])
    upper = np.triu(others)
    return Agreement(_mean(pairs[upper]), _mean(by_word[upper]), each)


def _correlations(cells: np.ndarray, size: float | None = None) -> np.ndarray:
    """Return the correlations (m, m) of rows (m, n); NaN for rows that do not vary."""
    m = len(cells)
    if cells.shape[1] < 2:
        return np.full((m, m), np.nan)
    centred = cells - cells.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1)
    size = np.abs(cells).max() if size is None else size
    flat = length <= _FLAT * size * np.sqrt(cells.shape[1])
    unit = centred / np.where(flat, np.nan, length)[:, None]
    return unit @ unit.T


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def frame_map(
    subject: Subject, reading: Reading, utterance: Utterance, stream: str
) -> np.ndarray | None:
    """Return attention over frames (n_words + 1, n), without padding; ``None`` if there is none.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject, one = Subject("mine", run.model, run.processor), corpus.test[0]
    >>> found = frame_map(subject, subject.read([one])[0], one, "visual")
    >>> found.shape == (len(one.words) + 1, len(one.visual))
    True
    """
    attention = getattr(reading, stream)
    codes = subject.processor.codes(utterance, stream)
    if attention is None or not len(codes):
        return None
    if reading.frames is not None:
        return reading.frames[stream]
    return expand_attention(torch.as_tensor(codes), torch.as_tensor(attention)).numpy()


def measure_agreement(
    subjects: Sequence[Subject], utterances: Sequence[Utterance], progress: bool = False
) -> pd.DataFrame:
    """Return how far the maps of several models agree on each utterance.

    Returns
    -------
    DataFrame
        A row per utterance and stream that has frames: ``id``, ``stream``, ``agreement`` and
        ``by_word`` as in `agreement`, and ``each``, an array (m,) of each model's agreement with
        the others.

    Raises
    ------
    CENetError
        If the maps cannot be compared, see `check_comparable`.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> own = Subject("own", run.model, run.processor)
    >>> half = Subject("half", run.model, run.processor, run.model.fusion.scale / 2)
    >>> table = measure_agreement([own, half], corpus.test)
    >>> len(table) == 2 * len(corpus.test), bool(table["agreement"].mean() > 0.5)
    (True, True)
    """
    check_comparable(subjects, utterances)
    by_code = set(vocabulary_places([subject.processor for subject in subjects])) == {0}
    rows = []
    bar = tqdm(total=len(utterances), desc="compare", leave=False, disable=not progress)
    for start in range(0, len(utterances), 256):
        some = utterances[start : start + 256]
        readings = zip(*(subject.read(some) for subject in subjects), strict=True)
        for utterance, of_each in zip(some, readings, strict=True):
            for stream in STREAMS:
                maps = _maps(subjects, of_each, utterance, stream, by_code)
                if maps:
                    rows.append((utterance.id, stream, *agreement(maps)))
        bar.update(len(some))
    bar.close()
    return pd.DataFrame(rows, columns=["id", "stream", "agreement", "by_word", "each"])


def _maps(
    subjects: Sequence[Subject],
    readings: Sequence[Reading],
    utterance: Utterance,
    stream: str,
    by_code: bool,
) -> list[np.ndarray]:
    """Return the maps of one stream, whose cells are the same; none if there is no frame."""
    if by_code:
        occurs = subjects[0].processor.counts(utterance, stream) > 0  # (k+1,)
        found = [getattr(reading, stream) for reading in readings]
        return [m[:, occurs] for m in found if m is not None] if occurs.any() else []
    maps = [
        frame_map(subject, reading, utterance, stream)
        for subject, reading in zip(subjects, readings, strict=True)
    ]
    return [m for m in maps if m is not None]


def summarise_agreement(table: pd.DataFrame) -> dict[str, dict[str, float | int | None]]:
    """Return per stream the mean agreement over utterances, and what one in ten stays below.

    Examples
    --------
    >>> columns = {"id": ["a", "b"], "stream": "visual", "agreement": [0.8, 0.6]}
    >>> summarise_agreement(pd.DataFrame({**columns, "by_word": [0.1, np.nan]}))["visual"]
    {'utterances': 2, 'agreement': 0.7, 'low': 0.62, 'by_word': 0.1}
    """
    summary = {}
    for stream in STREAMS:
        some = table[table["stream"] == stream]
        known = some["agreement"].dropna()
        if not len(known):
            continue
        summary[stream] = {
            "utterances": len(known),
            "agreement": round(float(known.mean()), 6),
            "low": round(float(known.quantile(_LOW)), 6),
            "by_word": or_none(float(some["by_word"].mean())),
        }
    return summary


def or_none(value: float) -> float | None:
    """Return a number for JSON, which has no NaN.

    Examples
    --------
    >>> or_none(float("nan")) is None, or_none(0.25)
    (True, 0.25)
    """
    return None if np.isnan(value) else round(value, 6)


def titled(names: Sequence[str]) -> str:
    """Return a heading for several runs.

    Examples
    --------
    >>> titled(["ce-0", "ce-1"]), titled(["ce-0", "ce-1", "ce-2"])
    ('ce-0 and ce-1', 'ce-0, ce-1 and ce-2')
    >>> titled([f"ce-{seed}" for seed in range(10)])
    'ce-0, ce-1 and 8 more runs'
    """
    if len(names) > _MOST_NAMED:
        return f"{names[0]}, {names[1]} and {len(names) - 2} more runs"
    return " and ".join([", ".join(names[:-1]), names[-1]])


class Comparison:
    """Several models on the listed utterances: how far their maps agree, or why they cannot.

    Parameters
    ----------
    table : DataFrame or None
        What `measure_agreement` returns.
    why_not : CENetError, optional
        Why there is no table.
    same_codes : bool
        Whether the models have the same vocabularies.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> own, flat = (Subject("", run.model, run.processor, scale) for scale in (8.0, 0.0))
    >>> found = Comparison.of([own, flat], corpus.test)
    >>> list(found.told_of(corpus.test[0].id)), found.facts["same_codes"]
    (['visual', 'acoustic'], True)
    """

    def __init__(
        self,
        table: pd.DataFrame | None,
        why_not: CENetError | None = None,
        same_codes: bool = False,
    ):
        self.table = table
        self.why_not = why_not
        self.same_codes = same_codes
        rows: list[dict] = [] if table is None else table.to_dict("records")
        self._rows = {(row["id"], row["stream"]): row for row in rows}

    @classmethod
    def of(
        cls,
        subjects: Sequence[Subject],
        utterances: Sequence[Utterance],
        *,
        strict: bool = True,
        progress: bool = False,
    ) -> "Comparison | None":
        """Compare models; ``None`` if there is only one.

        Raises
        ------
        CENetError
            If their maps do not have the same cells, and ``strict`` asks for that.
        """
        if len(subjects) < 2:
            return None
        try:
            table = measure_agreement(subjects, utterances, progress)
        except CENetError as error:
            if strict:
                raise
            return cls(None, error)
        places = vocabulary_places([subject.processor for subject in subjects])
        return cls(table, same_codes=set(places) == {0})

    @property
    def known(self) -> pd.DataFrame:
        """The table, or the error that says why there is none."""
        if self.table is None:
            raise self.why_not or CENetError("the maps were not compared")
        return self.table

    @property
    def facts(self) -> dict[str, Any] | None:
        """What the page says of all utterances; ``None`` if the maps cannot be compared."""
        if self.table is None:
            return None
        return {"same_codes": self.same_codes, "listed": summarise_agreement(self.table)}

    def told_of(self, id: str) -> dict[str, Any] | None:
        """Return per stream what the page says of one utterance."""
        if self.table is None:
            return None
        return {
            stream: {
                "agreement": or_none(row["agreement"]),
                "by_word": or_none(row["by_word"]),
                "each": [or_none(float(value)) for value in row["each"]],
            }
            for stream in STREAMS
            if (row := self._rows.get((id, stream))) is not None
        }

    def repeats(self, ids: Sequence[str]) -> list[float]:
        """Return one number for each utterance: the mean agreement of its streams, or NaN."""
        means = self.known.groupby("id")["agreement"].mean()
        return [float(means.get(id, np.nan)) for id in ids]
