"""What the attention inspector shows, computed: from a model and an utterance to plain records.

Conventions:

- Attention is over *codes*, (n_words + 1, k+1) per stream: a row per word, the mean over its word
  pieces, and a last row for the first token, which is the one that the head reads. The last column
  is padding, which only models with ``mask_padding=False`` attend to.
- Words that the model does not read have NaN: those that the processor cut off (``max_length``),
  and those of which the tokenizer makes nothing, such as a space without width.
- A stream is taken away by removing its frames; codes likewise, see `cenet_lib.inspector.effects`.

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
from ..prediction import Output, finite, outputs
from ..processor import CENetProcessor
from ..results.codes import NearestFrames
from ..utterance import STREAMS, Utterance
from ..vocabulary import FeatureVocabulary
from .channels import about_channels
from .effects import Code, Takeaway, headline
from .first_order import first_order
from .gates import raw_gates, word_gates
from .layers import first_tokens, moved_by_layer
from .pictures import Activations, captions, telling_channels
from .rows import over_codes, over_words
from .shapley import Blend, Shares, shares

NEAREST = 5  # training utterances shown for a code
_MOST_PROFILED = 2000  # training utterances looked through for profiles
_EVALUATIONS = 96  # sets of codes that are tried to share out an utterance's effect
_CONTROLS = 8  # other utterances whose streams are put under an utterance's words


class Reading(NamedTuple):
    """What a model made of one utterance.

    Attributes
    ----------
    prediction : float
    visual, acoustic : (n_words + 1, k+1) float32 or None
        Attention over codes; ``None`` from a model that does not attend.
    frames : dict of str to (n_words + 1, n) float32, or None
        Per stream, from a model that attends to each frame by itself; frames of the same code need
        not get the same.

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
    frames: Mapping[str, np.ndarray] | None = None


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

    @property
    def facts(self) -> dict[str, Any]:
        """Its name, and what its fusion says of itself; ``reads`` is ``None`` for words only.

        With the attention ``scale``, and the ``layer`` before which the streams come in.
        """
        fusion = self.model.fusion
        said = {fact: getattr(fusion, fact, None) for fact in ("reads", "stands", "attends_over")}
        layer = self.model.config.injection_layer if said["stands"] == "before layer" else None
        return {"name": self.name, **said, "scale": self.scale, "layer": layer}

    @property
    def scale(self) -> float | None:
        """The factor with which it attends; ``None`` if it does not."""
        if self.attention_scale is not None:
            return float(self.attention_scale)
        own = getattr(self.model.fusion, "scale", None)
        attends = self.model.attends_over is not None
        return float(own) if attends and isinstance(own, int | float) else None

    def read(self, utterances: Sequence[Utterance], batch_size: int = 32) -> list[Reading]:
        """Run the model on utterances and return a `Reading` of each, in their order."""
        encoded = list(self.processor.encoded(self.processor.ahead(utterances)))
        found = self.outputs(encoded, batch_size=batch_size, attention=True)
        readings = []
        for output, features, utterance in zip(found, encoded, utterances, strict=True):
            by_stream = [
                None
                if attention is None
                else self.over_words_and_codes(
                    attention.numpy(), np.asarray(features["word_index"]), utterance, stream
                )
                for stream, attention in zip(STREAMS, output[1:], strict=True)
            ]
            frames = self._over_words_and_frames(output, features, utterance)
            face, voice = by_stream
            readings.append(Reading(finite(output, utterance), face, voice, frames))
        return readings

    def predict(self, encoded: Sequence[Mapping[str, Any]], utterance: Utterance) -> np.ndarray:
        """Predict (n,) from what the model may read of an utterance, such as fewer frames."""
        return np.array([finite(output, utterance) for output in self.outputs(encoded)])

    def outputs(self, encoded: Sequence[Mapping[str, Any]], **options: Any) -> list[Output]:
        """Run the model on what it may read, see `cenet_lib.prediction.outputs`."""
        with scaled(self.model, self.attention_scale):
            return list(outputs(self.model, self.processor, encoded, **options))

    def over_words_and_codes(
        self, tokens: np.ndarray, index: np.ndarray, utterance: Utterance, stream: str
    ) -> np.ndarray:
        """Average attention (T, k+1) or (T, N) over the pieces of each word: (n_words + 1, k+1)."""
        if self.model.attends_over == "frames":  # (T, N)
            codes = self.processor.codes(utterance, stream)
            tokens = over_codes(tokens, codes, self.processor.n_codes(stream))
        return over_words(tokens, index, len(utterance.words))

    def _over_words_and_frames(
        self, output: Output, features: Mapping[str, Any], utterance: Utterance
    ) -> dict[str, np.ndarray] | None:
        """Average attention over frames (T, N) over the pieces of each word: (n_words + 1, n)."""
        if self.model.attends_over != "frames":
            return None
        index, n_words = np.asarray(features["word_index"]), len(utterance.words)
        return {
            stream: over_words(
                tokens.numpy()[:, : int(features[f"{stream}_counts"][:-1].sum())], index, n_words
            )
            for stream, tokens in zip(STREAMS, output[1:], strict=True)
            if tokens is not None
        }


@contextmanager
def scaled(model: CENet, scale: float | None) -> Iterator[None]:
    """Give a model another attention scale, and its own back; ``None`` is its own.

    Examples
    --------
    >>> from cenet_lib import Run
    >>> model = Run("runs/mine").model
    >>> with scaled(model, 2.0):
    ...     inside = model.fusion.scale
    >>> inside, model.fusion.scale
    (2.0, 8.0)
    """
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
        ``no_acoustic``, ``none``), ``layers`` (3, n_places): how far the streams move the first
        token, see `.layers`, or null without a fusion; ``unread`` (the places of words not read)
        and per stream ``codes`` (n,), ``attention`` (n_words + 1, k+1) or null, ``by_frame``
        (n_words + 1, n) where a model attends to each frame by itself, else null, ``shift``
        (n_words + 1,) where there is a fusion that does not attend, else null, see `word_shifts`,
        ``gate`` (2, n_words + 1) where it has gates, else null, see `.gates.word_gates`,
        ``padding`` (padding frames attended to) and ``looks`` (n, m): activations in percent, for
        the pictures.

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
        model = subject.model
        with _listening(model) as calls, first_tokens(model) as states, raw_gates(model) as gates:
            readings = dict(zip(variants, subject.read(list(variants.values())), strict=True))
        index = np.asarray(subject.processor(utterance)["word_index"])
        shifts = {}
        if calls and subject.model.attends_over is None:
            shifts = word_shifts(calls[0], index, len(utterance.words))
        streams = {}
        by_frame = readings["all"].frames
        for stream in STREAMS:
            codes = subject.processor.codes(utterance, stream)
            attention = getattr(readings["all"], stream)
            streams[stream] = {
                "codes": pack(codes, "u1" if codes.max(initial=0) < 256 else "u2"),
                "attention": None if attention is None else pack(attention, dtype),
                "by_frame": None if by_frame is None else pack(by_frame[stream], dtype),
                "shift": pack(shifts[stream], dtype) if shifts else None,
                "gate": pack(word_gates(gates[stream][0], index, len(utterance.words)), dtype)
                if stream in gates
                else None,
                "padding": int(subject.processor.counts(utterance, stream)[-1]),
                "looks": _looks(subject.processor, utterance, corpus, stream, len(codes)),
            }
        moved = moved_by_layer(states) if calls else None
        described.append(
            {
                "predictions": {name: reading.prediction for name, reading in readings.items()},
                "layers": None if moved is None else pack(moved, dtype),
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


@contextmanager
def _listening(model: CENet) -> Iterator[list[np.ndarray]]:
    """Collect the states (B, T, d) that the fusion gives back; none without a fusion."""
    heard: list[np.ndarray] = []
    fusion: Any = model.fusion  # every fusion is a module, though its protocol does not say so
    if fusion is None:
        yield heard
        return
    hook = fusion.register_forward_hook(
        lambda _, __, output: heard.append(output.states.float().cpu().numpy())
    )
    try:
        yield heard
    finally:
        hook.remove()


def word_shifts(states: np.ndarray, word_index: np.ndarray, n_words: int) -> dict[str, np.ndarray]:
    """Return how far face and voice shift each word where they come in.

    Parameters
    ----------
    states : (4, T, d) or (4, 1, d)
        What a fusion made of the text: with both streams, without the face, without the voice, and
        without both. Of one that stands at the head it is the first token alone.
    word_index : (T,)
        The word of each token, -1 for special tokens.
    n_words : int

    Returns
    -------
    dict of str to (n_words + 1,) float32
        Per stream the length of its shift, as a share of the length of the state without both: a
        row per word, the mean over its pieces, and a last one for the first token. The shift is the
        mean of what the stream adds with and without the other one. NaN where no word is shifted.

    Examples
    --------
    >>> states = np.array([[[3.0, 4.0]], [[3.0, 0.0]], [[3.0, 4.0]], [[3.0, 0.0]]])  # the face: 4
    >>> shifts = word_shifts(states, np.array([-1]), 0)
    >>> shifts["visual"].round(2).tolist(), shifts["acoustic"].tolist()
    ([1.3300000429153442], [0.0])
    """
    both, no_face, no_voice, neither = states
    moved = {
        "visual": (both - no_face + no_voice - neither) / 2,  # (T, d)
        "acoustic": (both - no_voice + no_face - neither) / 2,
    }
    length = np.maximum(np.linalg.norm(neither, axis=-1), 1e-12)  # (T,)
    shifts = {}
    for stream, shift in moved.items():
        share = np.linalg.norm(shift, axis=-1) / length  # (T,)
        rows = np.full(n_words + 1, np.nan, np.float32)
        for word in np.unique(word_index[word_index >= 0]) if len(share) > 1 else ():
            rows[word] = share[: len(word_index)][word_index == word].mean()
        rows[-1] = share[0]
        shifts[stream] = rows
    return shifts


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
    evaluations: int = _EVALUATIONS,
) -> dict:
    """Return what each code of an utterance does to the prediction, and how attention finds cues.

    It takes many runs of the model, so it comes after the record.

    Parameters
    ----------
    others : sequence of Utterance
        Some of these, up to eight, lend their streams for the control.
    evaluations : int
        About how many sets of codes are tried, see `cenet_lib.inspector.shapley.shares`: with more,
        the effects are closer to exact.

    Returns
    -------
    dict
        ``id`` and ``subjects``, each with what `code_effects` returns of it, and per stream
        ``cues``: null, or ``mass``, ``share``, and the same under the streams of others:
        ``control_mass``, ``control_share``.

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
        entry = code_effects(subject, utterance, corpus, evaluations)
        swapped = [replace(other, id=utterance.id, words=utterance.words) for other in others]
        whole, *readings = subject.read([utterance, *swapped])
        controls = list(zip(swapped, readings, strict=True))
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


def code_effects(
    subject: Subject,
    utterance: Utterance,
    corpus: Corpus,
    evaluations: int = _EVALUATIONS,
    reached: np.ndarray | None = None,
) -> dict:
    """Return what each code of an utterance does to the prediction, see `.effects`.

    Parameters
    ----------
    reached : (2ⁿ,), optional
        The prediction from each set of the codes, if it is known; then nothing is sampled.

    Returns
    -------
    dict
        Per stream ``effects`` (the Shapley value of each code that occurs), ``left_out`` (the
        prediction minus that without this code alone) and ``cues`` (null); ``moved``, the sum of
        all effects, which is what face and voice move; ``error``, the standard error of an effect,
        0 if they are exact; ``players``, the codes; ``subsets``, the prediction from each set of
        them (2ⁿ,), as in `cenet_lib.inspector.shapley.subsets`, or null, and then ``estimate``: the
        ``weights`` and ``gains`` of a simple picture of the model (see `.first_order`), and the
        ``rest`` (n,) of each code's effect that the picture misses; ``without``: predictions
        without all codes that are ``raising`` and ``lowering`` it, and without ``positive`` and
        ``negative`` cues where they are known; and ``headline``: null, or the ``code`` to name and
        the one ``against`` it.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subject = Subject("mine", run.model, run.processor)
    >>> found = code_effects(subject, corpus.test[0], corpus)
    >>> effects = [e for stream in STREAMS for e in found[stream]["effects"].values()]
    >>> bool(np.isclose(sum(effects), found["moved"], atol=1e-5))
    True
    """
    taken = Takeaway(subject.processor, utterance)
    players = taken.players if subject.model.fusion is not None else []
    most = evaluations if reached is None else len(reached)

    def game(sets: np.ndarray) -> np.ndarray:
        if reached is not None:
            return reached
        if not players:  # words only
            return subject.predict([taken.features] * len(sets), utterance)
        return subject.predict(taken.of_sets(sets), utterance)

    rough = None
    if players:
        with scaled(subject.model, subject.attention_scale):
            rough = first_order(subject.model, taken)
    found = shares(game, len(players), most, rough)
    effects = dict(zip(players, found.values.tolist(), strict=True))
    without = _without_groups(subject, taken, corpus, effects) if players else {}
    return effects_entry(players, found, rough, without)


def effects_entry(
    players: Sequence[Code],
    found: Shares,
    rough: Blend | None,
    without: Mapping[str, float] | None = None,
) -> dict:
    """Return what `code_effects` does, from the shares of an utterance's codes.

    Parameters
    ----------
    players : sequence of (str, int)
        The codes that occur.
    found : Shares
        Without ``alone`` (0,), nothing is told of codes that are left out.
    rough : Blend or None
        The simple picture of the model.
    without : mapping, optional
        The predictions without groups of codes.

    Examples
    --------
    >>> found = Shares(np.array([0.5, -0.1]), np.zeros(0), 0.0, None)
    >>> entry = effects_entry([("visual", 3), ("acoustic", 1)], found, None)
    >>> entry["visual"]["effects"], entry["visual"]["left_out"], entry["headline"]["code"]
    ({'3': 0.5}, {}, ('visual', 3))
    """
    effects = dict(zip(players, found.values.tolist(), strict=True))
    alone = dict(zip(players, found.alone.tolist()))  # of all, or of none
    entry: dict = {
        stream: {
            "effects": {str(code): effects[s, code] for s, code in players if s == stream},
            "left_out": {str(code): value for (s, code), value in alone.items() if s == stream},
            "cues": None,
        }
        for stream in STREAMS
    }
    told = headline(effects, found.error)
    subsets = found.subsets if players else None
    estimate = None
    if rough is not None and subsets is None:
        estimate = {
            "weights": pack(rough.weights, "f4"),
            "gains": pack(found.trust * rough.gains, "f4"),
            "rest": pack(found.values - found.trust * rough.shares(), "f4"),
        }
    return {
        **entry,
        "moved": sum(effects.values()),
        "error": found.error,
        "players": [list(player) for player in players],
        "subsets": None if subsets is None else pack(subsets, "f4"),
        "estimate": estimate,
        "without": dict(without or {}),
        "headline": None if told is None else told._asdict(),
    }


def _without_groups(
    subject: Subject, taken: Takeaway, corpus: Corpus, effects: Mapping[tuple[str, int], float]
) -> dict[str, float]:
    """Return the predictions without groups of codes, and without planted cues of one sign."""
    groups = {
        "raising": taken.without(code for code, effect in effects.items() if effect > 0),
        "lowering": taken.without(code for code, effect in effects.items() if effect < 0),
    }
    marks = {stream: cue_marks(taken.utterance, corpus, stream) for stream in STREAMS}
    for name, sign in (("positive", 1), ("negative", -1)):
        kept = {
            stream: np.ones(len(codes), bool)
            if (cues := marks[stream]) is None
            else cues[: len(codes)] != sign
            for stream, codes in taken.codes.items()
        }
        if not all(keep.all() for keep in kept.values()):
            groups[name] = taken.keeping(kept)
    found = subject.predict(list(groups.values()), taken.utterance)
    return dict(zip(groups, found.tolist(), strict=True))


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
        raise CENetError(
            f"{corpus.name}: does not say which frames are cues; only 'demo' and 'demo-irony' do"
        )
    return pd.DataFrame(rows, columns=["id", "stream", "streams", "mass", "share"])


def describe_vocabulary(
    processor: CENetProcessor, corpus: Corpus, stream: str, progress: bool = False
) -> dict | None:
    """Return what is known about each code of a stream, from the train split.

    Returns
    -------
    dict or None
        ``k``, channel ``names``, ``kinds`` (name and words of each kind of channel that is known)
        and ``kind_of`` (the place among these of each channel, -1 if it is not known), packed ``z``
        (k, d), ``mean`` and ``scale`` (d,) of the code book,
        ``art`` (names of what can be drawn), ``activation`` (k, m) in percent, ``bars`` (columns
        of the channels that set codes apart), ``looked_at`` and ``train_size`` (utterances),
        ``order`` (codes from those of negative to those of positive segments), and ``codes``, a
        list with, for each, ``caption``, ``frames``, ``negative`` and ``positive`` (share of the
        frames of segments with such a label), ``lean`` in [-1, 1] (their balance), ``nearest`` (id,
        text, label, frame), and for simulated data ``state`` and ``purity``. ``None`` without a
        vocabulary.

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
    said = captions(vocabulary.codes_, names, activations, stream)
    share = used.by_sign / np.maximum(used.by_sign.sum(1, keepdims=True), 1)  # (2, k)
    codes = []
    for code in range(k):
        negative, positive = (float(value) for value in share[:, code])
        entry = {
            "caption": said[code],
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
    about = about_channels(names, stream)
    kinds = list(dict.fromkeys(kind for kind in about if kind is not None))
    return {
        "k": k,
        "names": list(names),
        "kinds": [list(kind) for kind in kinds],
        "kind_of": [-1 if kind is None else kinds.index(kind) for kind in about],
        "z": pack(vocabulary.codes_, "f2"),
        "mean": pack(vocabulary.mean_, "f4"),
        "scale": pack(vocabulary.scale_, "f4"),
        "art": list(activations.columns),
        "activation": pack(np.round(100 * drawn), "i1"),
        "bars": telling_channels(vocabulary.codes_, activations),
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
