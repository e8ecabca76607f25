"""What the attention inspector shows, computed: from a model and an utterance to plain records.

Conventions:

- Attention is over *codes*, (n_words + 1, k+1) per stream: a row per word, the mean over its word
  pieces, and a last row for the first token, which is the one that the head reads. The last column
  is padding, which only models with ``mask_padding=False`` attend to.
- Words that the model does not read have NaN: those that the processor cut off (``max_length``),
  and those of which the tokenizer makes nothing, such as a space without width.
- A stream is taken away by removing its frames, a code by removing the frames of that code.

Records are dictionaries of JSON values; arrays in them are packed by `pack`.
"""

import base64
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ..corpus import Corpus
from ..errors import CENetError
from ..model import CENet
from ..prediction import finite, outputs
from ..processor import CENetProcessor
from ..results.codes import NearestFrames
from ..utterance import STREAMS, Utterance
from ..vocabulary import FeatureVocabulary
from .pictures import Activations, caption

NEAREST = 5  # training utterances shown for a code
_MOST_PROFILED = 2000  # training utterances looked through for profiles
_CONTROLS = 8  # other utterances whose streams are put under an utterance's words


class Reading(NamedTuple):
    """What a model made of one utterance.

    Attributes
    ----------
    prediction : float
    visual, acoustic : (n_words + 1, k+1) float32 or None
        Attention over codes; ``None`` from a model that does not attend.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject = Subject("mine", run.model, run.processor)
    >>> reading = subject.read(corpus.test[:1])[0]
    >>> reading.visual.shape == (len(corpus.test[0].words) + 1, 4 + 1)
    True
    """

    prediction: float
    visual: np.ndarray | None
    acoustic: np.ndarray | None


@dataclass(frozen=True)
class Subject:
    """A model to look into, under a name.

    Attributes
    ----------
    name : str
    model : CENet
    processor : CENetProcessor
    attention_scale : float or None
        Read the model with this scale instead of its own.

    Raises
    ------
    CENetError
        If a scale is given for a model that has none.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, utterances = Run("runs/mine"), load_corpus("data/mine").test
    >>> flat = Subject("flat", run.model, run.processor, attention_scale=0.0)
    >>> attention = flat.read(utterances)[0].visual  # the same for every word
    >>> bool(np.allclose(attention, attention[0], atol=1e-6))
    True
    """

    name: str
    model: CENet
    processor: CENetProcessor
    attention_scale: float | None = None

    def __post_init__(self):
        if self.attention_scale is not None and not hasattr(self.model.fusion, "scale"):
            raise CENetError(f"{self.name}: this model does not attend, so it has no scale to set")

    def read(self, utterances: Sequence[Utterance], batch_size: int = 32) -> list[Reading]:
        """Run the model on utterances and return a `Reading` of each, in their order."""
        encoded = list(self.processor.encoded(self.processor.ahead(utterances)))
        with _scaled(self.model, self.attention_scale):
            found = list(
                outputs(self.model, self.processor, encoded, batch_size=batch_size, attention=True)
            )
        readings = []
        for output, features, utterance in zip(found, encoded, utterances, strict=True):
            by_stream = [
                None
                if attention is None
                else self._over_words_and_codes(
                    attention.numpy(), np.asarray(features["word_index"]), utterance, stream
                )
                for stream, attention in zip(STREAMS, output[1:], strict=True)
            ]
            readings.append(Reading(finite(output, utterance), *by_stream))
        return readings

    def _over_words_and_codes(
        self, tokens: np.ndarray, index: np.ndarray, utterance: Utterance, stream: str
    ) -> np.ndarray:
        """Average token attention (T, k+1) over the pieces of each word: (n_words + 1, k+1)."""
        if self.model.attends_over == "frames":  # (T, N)
            codes = self.processor.codes(utterance, stream)
            by_code = np.zeros((len(tokens), self.processor.n_codes(stream) + 1), np.float32)
            for code in np.unique(codes):
                by_code[:, code] = tokens[:, : len(codes)][:, codes == code].sum(1)
            tokens = by_code
        rows = np.full((len(utterance.words) + 1, tokens.shape[1]), np.nan, np.float32)
        for word in np.unique(index[index >= 0]):
            rows[word] = tokens[index == word].mean(0)
        rows[-1] = tokens[0]
        return rows


@contextmanager
def _scaled(model: CENet, scale: float | None) -> Iterator[None]:
    """Give a model another attention scale, and its own back."""
    if scale is None:
        yield
        return
    fusion: Any = model.fusion  # one that has a scale, see `Subject`
    own_scale, fusion.scale = fusion.scale, scale
    try:
        yield
    finally:
        fusion.scale = own_scale


def without(utterance: Utterance, *streams: str) -> Utterance:
    """Return the utterance with no frames in some streams.

    Examples
    --------
    >>> great = Utterance("v1[0]", ["great"], np.ones((4, 2)), np.ones((6, 3)))
    >>> without(great, "acoustic")
    Utterance('v1[0]', 'great', visual (4, 2), acoustic (0, 3), no label)
    """
    return utterance.with_frames(**{s: utterance.frames(s)[:0] for s in streams})


def list_utterances(
    subject: Subject, utterances: Sequence[Utterance], progress: bool = False
) -> pd.DataFrame:
    """Tell what a model makes of each utterance, to choose one by.

    Returns
    -------
    DataFrame
        ``id``, ``text``, ``label`` (NaN if unknown), ``prediction``, ``words_alone`` (the
        prediction without voice and face), ``entropy`` of the attention in bits (mean over words
        and streams; NaN if there is none).

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject = Subject("mine", run.model, run.processor)
    >>> list_utterances(subject, corpus.test).columns.tolist()
    ['id', 'text', 'label', 'prediction', 'words_alone', 'entropy']
    """
    rows = []
    bar = tqdm(total=len(utterances), desc="read", leave=False, disable=not progress)
    for start in range(0, len(utterances), 256):
        some = utterances[start : start + 256]
        bare = [without(utterance, *STREAMS) for utterance in some]
        for utterance, full, alone in zip(
            some, subject.read(some), subject.read(bare), strict=True
        ):
            attended = [a for a in (full.visual, full.acoustic) if a is not None and a[-1].any()]
            entropy = np.mean([np.nanmean(entropies(a)) for a in attended]) if attended else np.nan
            rows.append(
                {
                    "id": utterance.id,
                    "text": utterance.text,
                    "label": np.nan if utterance.label is None else utterance.label,
                    "prediction": full.prediction,
                    "words_alone": alone.prediction,
                    "entropy": float(entropy),
                }
            )
        bar.update(len(some))
    bar.close()
    return pd.DataFrame(rows)


def entropies(attention: np.ndarray) -> np.ndarray:
    """Return the entropy in bits of each row of attention (n, k); NaN where the row is NaN.

    Examples
    --------
    >>> entropies(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(attention > 0, attention * np.log2(attention), 0 * attention)
    return 0.0 - terms.sum(-1)


def describe_utterance(
    subjects: Sequence[Subject], utterance: Utterance, corpus: Corpus, dtype: str = "f4"
) -> dict:
    """Return the record of an utterance: words, predictions, and per stream codes and attention.

    Parameters
    ----------
    dtype : str
        Of the packed attention: ``"f4"``, or ``"f2"`` for small files.

    Returns
    -------
    dict
        ``id``, ``words``, ``label``, ``video``, ``cues`` (per stream: +1, -1 or 0 per frame, for a
        corpus that knows), and ``subjects``, each with ``predictions`` (``all``, ``no_visual``,
        ``no_acoustic``, ``none``), ``unread`` (the places of words that the model does not read)
        and per stream ``codes`` (n,), ``attention`` (n_words + 1, k+1) or null, ``padding``
        (padding frames attended to) and ``looks`` (n, m): activations in percent, for the pictures.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject = Subject("mine", run.model, run.processor)
    >>> record = describe_utterance([subject], corpus.test[0], corpus)
    >>> list(record["subjects"][0]["predictions"])
    ['all', 'no_visual', 'no_acoustic', 'none']
    """
    variants = {
        "all": utterance,
        "no_visual": without(utterance, "visual"),
        "no_acoustic": without(utterance, "acoustic"),
        "none": without(utterance, *STREAMS),
    }
    described = []
    for subject in subjects:
        readings = dict(zip(variants, subject.read(list(variants.values())), strict=True))
        index = np.asarray(subject.processor(utterance)["word_index"])
        streams = {}
        for stream in STREAMS:
            codes = subject.processor.codes(utterance, stream)
            attention = getattr(readings["all"], stream)
            streams[stream] = {
                "codes": pack(codes, "u1" if codes.max(initial=0) < 256 else "u2"),
                "attention": None if attention is None else pack(attention, dtype),
                "padding": int(subject.processor.counts(utterance, stream)[-1]),
                "looks": _looks(subject.processor, utterance, corpus, stream, len(codes)),
            }
        described.append(
            {
                "predictions": {name: reading.prediction for name, reading in readings.items()},
                "unread": sorted(set(range(len(utterance.words))) - set(index.tolist())),
                **streams,
            }
        )
    return {
        "id": utterance.id,
        "words": [_shown(word) for word in utterance.words],
        "label": utterance.label,
        "video": utterance.video,
        "cues": {
            stream: pack(marks, "i1")
            for stream in STREAMS
            if (marks := cue_marks(utterance, corpus, stream)) is not None
        },
        "subjects": described,
    }


def _shown(word: str) -> str:
    """Return a word, or a box in the place of one that nobody would see."""
    seen = any(unicodedata.category(character)[0] not in "CMZ" for character in word)
    return word if seen else "▯"


def _looks(
    processor: CENetProcessor, utterance: Utterance, corpus: Corpus, stream: str, n: int
) -> dict | None:
    """Return what can be drawn of each frame, in percent, packed."""
    vocabulary = processor.vocabularies[stream]
    if vocabulary is None or n == 0:
        return None
    activations = Activations.of(vocabulary, corpus.feature_names[stream], stream)
    if not activations.columns:
        return None
    z = vocabulary.standardize(utterance.frames(stream)[:n])
    return pack(np.round(100 * activations(z)), "i1")


def cue_marks(utterance: Utterance, corpus: Corpus, stream: str) -> np.ndarray | None:
    """Return which frames (n,) are planted cues: +1, -1, or 0; ``None`` if the corpus has none.

    Examples
    --------
    >>> told = Corpus("told", provenance={"visual_cues": [0, 1]})  # state 1 is a cue
    >>> one = Utterance("v1[0]", ["so"], np.ones((4, 2)), np.ones((6, 3)))
    >>> one = replace(one, annotations={"visual_states": np.array([0, 1, 1, 0])})
    >>> cue_marks(one, told, "visual").tolist()
    [0, 1, 1, 0]
    """
    valences = corpus.provenance.get(f"{stream}_cues")
    states = utterance.annotations.get(f"{stream}_states")
    if valences is None or states is None:
        return None
    return np.asarray(valences)[np.asarray(states)]


def measure_effects(
    subjects: Sequence[Subject],
    utterance: Utterance,
    corpus: Corpus,
    others: Sequence[Utterance] = (),
) -> dict:
    """Return what each code of an utterance does to the prediction, and how attention finds cues.

    It takes a run of the model per code, so it comes after the record.

    Parameters
    ----------
    others : sequence of Utterance
        Some of these, up to eight, lend their streams for the control.

    Returns
    -------
    dict
        ``id`` and ``subjects``, each with per stream ``effects``: for each code that occurs, the
        prediction minus the one without that code's frames; and ``cues``: null, or ``mass``,
        ``share``, and the same under the streams of others: ``control_mass``, ``control_share``.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject = Subject("mine", run.model, run.processor)
    >>> measured = measure_effects([subject], corpus.test[0], corpus)
    >>> occurring = np.unique(run.processor.codes(corpus.test[0], "visual"))
    >>> list(measured["subjects"][0]["visual"]["effects"]) == [str(code) for code in occurring]
    True
    """
    others = [other for other in others if other.id != utterance.id]
    others = others[:: max(1, len(others) // _CONTROLS)][:_CONTROLS]  # from all over the list
    result = []
    for subject in subjects:
        changed, of = [utterance], []
        codes = {stream: subject.processor.codes(utterance, stream) for stream in STREAMS}
        if subject.model.attends_over is not None:
            for stream in STREAMS:
                for code in np.unique(codes[stream]):
                    # codes are fewer than frames where the processor cuts long streams
                    kept = np.flatnonzero(codes[stream] != code)
                    frames = {stream: utterance.frames(stream)[kept]}
                    changed.append(utterance.with_frames(**frames))
                    of.append((stream, int(code)))
        swapped = [replace(other, id=utterance.id, words=utterance.words) for other in others]
        readings = list(subject.read([*changed, *swapped]))
        whole = readings[0]
        entry: dict = {stream: {"effects": {}, "cues": None} for stream in STREAMS}
        for (stream, code), reading in zip(of, readings[1:], strict=False):
            entry[stream]["effects"][str(code)] = whole.prediction - reading.prediction
        controls = list(zip(swapped, readings[len(changed) :], strict=True))
        for stream in STREAMS:
            own = cue_mass(subject, utterance, whole, corpus, stream)
            if own is None:
                continue
            found = [
                mass
                for u, reading in controls
                if (mass := cue_mass(subject, u, reading, corpus, stream)) is not None
            ]
            control = np.mean(found, axis=0).tolist() if found else [None, None]
            names = ("mass", "share", "control_mass", "control_share")
            entry[stream]["cues"] = dict(zip(names, (*own, *control), strict=True))
        result.append(entry)
    return {"id": utterance.id, "subjects": result}


def cue_mass(
    subject: Subject, utterance: Utterance, reading: Reading, corpus: Corpus, stream: str
) -> tuple[float, float] | None:
    """Return the attention mass on planted cue frames, and their share of the frames.

    The mass is the mean over words. Both are in [0, 1]; if attention did not care, they would be
    equal. ``None`` without cues, frames, attention or a word that the model reads.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject = Subject("mine", run.model, run.processor)
    >>> told = Corpus("told", provenance={"visual_cues": [0, 1]})  # state 1 is a cue
    >>> one = corpus.test[0]
    >>> one = replace(one, annotations={"visual_states": np.ones(len(one.visual), int)})
    >>> mass, share = cue_mass(subject, one, subject.read([one])[0], told, "visual")
    >>> round(mass, 3), share  # every frame is a cue
    (1.0, 1.0)
    """
    marks = cue_marks(utterance, corpus, stream)
    attention = getattr(reading, stream)
    codes = subject.processor.codes(utterance, stream)
    if marks is None or attention is None or len(codes) == 0:
        return None
    cue = marks[: len(codes)] != 0
    k = attention.shape[1]
    counts = np.bincount(codes, minlength=k)
    of_code = np.bincount(codes[cue], minlength=k) / np.maximum(counts, 1)  # (k+1,) cue share
    on_cues = attention[:-1] @ of_code  # (n_words,)
    read = on_cues[~np.isnan(on_cues)]
    return (float(read.mean()), float(cue.mean())) if len(read) else None


def attention_on_cues(
    subject: Subject, utterances: Sequence[Utterance], corpus: Corpus, seed: int = 0
) -> pd.DataFrame:
    """Measure whether attention finds the planted cues, with shuffled streams as the control.

    Returns
    -------
    DataFrame
        ``id``, ``stream``, ``streams`` (``"own"``, or ``"shuffled"``: those of another utterance),
        ``mass`` and ``share`` as in `cue_mass`.

    Raises
    ------
    CENetError
        If there are fewer than two utterances, or the corpus does not know its cues.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject = Subject("mine", run.model, run.processor)
    >>> told = Corpus("told", provenance={"visual_cues": [0, 1]})  # state 1 is a cue
    >>> utterances = [
    ...     replace(one, annotations={"visual_states": np.arange(len(one.visual)) % 2})
    ...     for one in corpus.test
    ... ]
    >>> table = attention_on_cues(subject, utterances, told)
    >>> table["streams"].value_counts().to_dict()
    {'own': 16, 'shuffled': 16}
    """
    if len(utterances) < 2:
        raise CENetError("to shuffle streams between utterances takes two utterances or more")
    order = np.random.default_rng(seed).permutation(len(utterances))
    lender = dict(zip(order, np.roll(order, 1), strict=True))  # nobody keeps their own
    rows = []
    for streams in ("own", "shuffled"):
        shown = list(utterances)
        if streams == "shuffled":
            shown = [
                replace(utterances[lender[i]], id=u.id, words=u.words)
                for i, u in enumerate(utterances)
            ]
        for utterance, reading in zip(shown, subject.read(shown), strict=True):
            for stream in STREAMS:
                found = cue_mass(subject, utterance, reading, corpus, stream)
                if found is not None:
                    rows.append((utterance.id, stream, streams, *found))
    if not rows:
        raise CENetError(f"{corpus.name}: does not say which frames are cues; only 'demo' does")
    return pd.DataFrame(rows, columns=["id", "stream", "streams", "mass", "share"])


def describe_vocabulary(
    processor: CENetProcessor, corpus: Corpus, stream: str, progress: bool = False
) -> dict | None:
    """Return what is known about each code of a stream, from the train split.

    Returns
    -------
    dict or None
        ``k``, channel ``names``, packed ``z`` (k, d), ``mean`` and ``scale`` (d,) of the code book,
        ``art`` (names of what can be drawn), ``activation`` (k, m) in percent, ``looked_at`` and
        ``train_size`` (utterances), ``order`` (codes from those of negative to those of positive
        segments), and ``codes``, a list with, for each, ``caption``, ``frames``,
        ``negative`` and ``positive`` (share of the frames of segments with such a label), ``lean``
        in [-1, 1] (their balance), ``nearest`` (id, text, label, frame), and for simulated data
        ``state`` and ``purity``. ``None`` without a vocabulary.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> described = describe_vocabulary(run.processor, corpus, "visual")
    >>> described["k"], described["art"]
    (4, ['AU1', 'AU4', 'AU6', 'AU12', 'AU25', 'AU43'])
    """
    vocabulary = processor.vocabularies[stream]
    if vocabulary is None:
        return None
    k, names = vocabulary.n_codes, vocabulary.channels_ or corpus.feature_names[stream]
    if names is None or len(names) != vocabulary.n_features_in_:
        names = tuple(f"{stream} {i}" for i in range(vocabulary.n_features_in_))
    train = corpus.splits["train"]
    rows = np.unique(np.linspace(0, len(train) - 1, min(len(train), _MOST_PROFILED)).astype(int))
    used = _usage(vocabulary, corpus, stream, rows, progress)
    activations = Activations.of(vocabulary, names, stream)
    drawn = activations(vocabulary.codes_)
    share = used.by_sign / np.maximum(used.by_sign.sum(1, keepdims=True), 1)  # (2, k)
    codes = []
    for code in range(k):
        negative, positive = (float(value) for value in share[:, code])
        by_channel = dict(zip(names, vocabulary.codes_[code].tolist(), strict=True))
        entry = {
            "caption": caption(
                dict(zip(activations.columns, drawn[code].tolist(), strict=True)),
                by_channel,
                stream,
            ),
            "frames": int(used.frames[code]),
            "negative": negative,
            "positive": positive,
            "lean": (positive - negative) / (positive + negative) if positive + negative else 0.0,
            "nearest": [
                {"id": u.id, "text": u.text, "label": u.label, "frame": frame}
                for u, frame in ((train[row], frame) for row, frame in used.nearest.of(code))
            ],
        }
        if used.states is not None and used.frames[code]:
            state = int(used.states[code].argmax())
            entry["state"] = corpus.provenance[f"{stream}_states"][state]
            entry["purity"] = float(used.states[code, state] / used.states[code].sum())
        codes.append(entry)
    return {
        "k": k,
        "names": list(names),
        "z": pack(vocabulary.codes_, "f2"),
        "mean": pack(vocabulary.mean_, "f4"),
        "scale": pack(vocabulary.scale_, "f4"),
        "art": list(activations.columns),
        "activation": pack(np.round(100 * drawn), "i1"),
        "looked_at": len(rows),
        "train_size": len(train),
        "order": sorted(range(k), key=lambda code: (codes[code]["lean"], code)),
        "codes": codes,
    }


@dataclass
class _Usage:
    """Where the codes of a stream occur in train."""

    frames: np.ndarray  # (k,)
    by_sign: np.ndarray  # (2, k): frames in segments with a negative, a positive label
    states: np.ndarray | None  # (k, n_states): frames of each planted state
    nearest: NearestFrames  # by position in train


def _usage(
    vocabulary: FeatureVocabulary, corpus: Corpus, stream: str, rows: np.ndarray, progress: bool
) -> _Usage:
    """Look through training utterances."""
    train = corpus.splits["train"]
    k = vocabulary.n_codes
    state_names = corpus.provenance.get(f"{stream}_states")
    used = _Usage(
        np.zeros(k, int),
        np.zeros((2, k), int),
        None if state_names is None else np.zeros((k, len(state_names)), int),
        NearestFrames(k, NEAREST),
    )
    for row in tqdm(rows, desc=f"{stream} codes", leave=False, disable=not progress):
        utterance = train[int(row)]
        frames = utterance.frames(stream)
        if len(frames) == 0:
            continue
        distance = vocabulary.transform(frames)  # (n, k)
        codes = distance.argmin(1)  # (n,)
        counts = np.bincount(codes, minlength=k)
        used.frames += counts
        if utterance.label:
            used.by_sign[int(utterance.label > 0)] += counts
        states = utterance.annotations.get(f"{stream}_states")
        if used.states is not None and states is not None:
            np.add.at(used.states, (codes, np.asarray(states)), 1)
        used.nearest.add(int(row), distance)
    return used


def pack(array: np.ndarray, dtype: str) -> dict:
    """Return an array as ``{"dtype", "shape", "data"}``, the data in base64, little-endian.

    Examples
    --------
    >>> pack(np.array([1, 2]), "u1")
    {'dtype': 'u1', 'shape': [2], 'data': 'AQI='}
    """
    array = np.ascontiguousarray(array, dtype="<" + dtype)
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"dtype": dtype, "shape": list(array.shape), "data": data}


def unpack(packed: Mapping) -> np.ndarray:
    """Return the array that `pack` packed.

    Examples
    --------
    >>> unpack(pack(np.eye(2), "f4")).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    raw = base64.b64decode(packed["data"])
    return np.frombuffer(raw, dtype="<" + packed["dtype"]).reshape(packed["shape"])
