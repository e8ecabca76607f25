"""The embedded default corpus: real rated sentences, spoken by simulated people.

**What is real.** The words: sentences of film reviews, each with the mean of about 20 human ratings
in [-4, 4]; see `sentences`.

**What is simulated.** The delivery: how a sentence is said, with which face and which voice. With
the rating scaled to ``r = 0.75 rating``, in [-3, 3], a delivery ``d = 0.4 r + noise`` agrees with
the words only in part, and the label is what a listener would take from both::

    y = clip(0.7 r + 0.6 d, -3, 3)

So "great", said with a frown, can mean the opposite. Face and voice are runs of *states*, such as a
smile or a sigh, which last 3 to 9 frames. Two runs in five are cues whose sign follows ``d``; the
others say nothing. A frame is the state's prototype (halfway from the last one at the start of a
run), plus the speaker's own offset, plus noise. `best_reading` says how well all that can be read.

**What it is for.** It trains in minutes and may be given to anyone; and the true states and
deliveries are known, so a lesson can measure what real data never shows. It is no evidence about
how people really speak: that takes MOSI or MOSEI, see ``data/README.md``.

In the flow of this room it stands where a reader and its `Collector` stand: it makes the `Corpus`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..corpus import Corpus
from ..utterance import Utterance
from .sentences import PACKAGE, RatedSentence, rated_sentences

SPLIT_SIZES = {"train": 1284, "valid": 229, "test": 686}  # as in CMU-MOSI
SPLIT_SPEAKERS = {"train": 52, "valid": 10, "test": 31}  # MOSI's numbers of videos
CUE_SHARE = 0.4
CUE_SLOPE = 1.5  # a cue is positive with the probability 1 / (1 + exp(-CUE_SLOPE d))
AGREEMENT, SPREAD = 0.4, 1.4  # of a delivery: its share of the rating, its deviation
DWELL = (3, 9)  # frames, both ends included
LENGTHS = (20, 200)  # frames, both ends included

AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 23, 24, 25, 26, 28, 43)
EMOTIONS = (
    *("anger", "contempt", "disgust", "joy", "fear"),
    *("baseline", "sadness", "surprise", "confusion", "frustration"),
)
FACE_CHANNELS = (
    *EMOTIONS,
    *(f"AU{number}" for number in AUS),
    *("has_glasses", "is_male", "pitch", "yaw", "roll"),
)  # 35, named as FACET's
GLOTTAL = ("NAQ", "QOQ", "H1H2", "PSP", "MDQ", "peakSlope", "Rd", "Rd_conf", "creak")
VOICE_CHANNELS = (
    *("F0", "VUV", *GLOTTAL),
    *(f"MCEP_{i}" for i in range(25)),
    *(f"HMPDM_{i}" for i in range(25)),
    *(f"HMPDD_{i}" for i in range(13)),
)  # 74, named as COVAREP's


@dataclass(frozen=True)
class State:
    """Something a face or a voice does for a moment.

    Attributes
    ----------
    name : str
    valence : int
        +1 or -1 for a cue to a positive or negative delivery, 0 for a state that says nothing.
    weight : float
        How often it is drawn among the states of its valence.
    prototype : dict of str to float
        How far channels lie from their resting values, where they do. Action units and emotions
        are evidence (0 at rest), head angles are degrees, F0 is in Hz, the rest as COVAREP gives
        it.

    Examples
    --------
    >>> wink = State("wink", 1, 1.0, {"AU43": 1.5, "AU12": 0.8})
    >>> set(wink.prototype) <= set(FACE_CHANNELS)
    True
    """

    name: str
    valence: int
    weight: float
    prototype: dict[str, float]


FACE_STATES = (
    State("neutral", 0, 4.0, {"baseline": 1.5}),
    State("talking", 0, 4.0, {"AU25": 2.2, "AU26": 1.8}),
    State("blink", 0, 1.5, {"AU43": 3.0, "AU7": 1.0}),
    State("look aside", 0, 1.5, {"yaw": 22.0, "roll": 6.0}),
    State("nod", 0, 1.0, {"pitch": 18.0}),
    State("smile", 1, 2.0, {"AU6": 1.6, "AU12": 2.4, "joy": 2.0}),
    State("broad smile", 1, 1.5, {"AU6": 2.4, "AU12": 3.2, "AU25": 2.4, "joy": 3.2}),
    State("brow raise", 1, 1.5, {"AU1": 2.2, "AU2": 2.4, "AU5": 1.2, "surprise": 2.0}),
    State("frown", -1, 2.0, {"AU4": 2.4, "AU15": 1.8, "AU17": 1.4, "sadness": 1.4, "anger": 1.2}),
    State("disgust", -1, 1.0, {"AU9": 2.4, "AU10": 2.2, "disgust": 2.6}),
    State("smirk", -1, 1.5, {"AU14": 2.6, "AU12": 0.8, "contempt": 2.6}),
    State("lip press", -1, 1.0, {"AU24": 2.6, "AU23": 1.6, "frustration": 1.8}),
)
VOICE_STATES = (
    State("neutral", 0, 4.0, {}),
    State("pause", 0, 2.5, {"F0": -140.0, "VUV": -0.9, "MCEP_0": -3.0, "Rd_conf": -0.6}),
    State("creaky", 0, 1.5, {"creak": 0.9, "F0": -60.0, "HMPDD_0": 2.0, "HMPDD_1": 2.0}),
    State("murmur", 0, 1.5, {"MCEP_2": -2.5, "HMPDM_3": 2.5, "HMPDM_4": 2.5, "HMPDM_5": 2.0}),
    State("bright", 1, 2.0, {"F0": 80.0, "MCEP_0": 2.0, "MCEP_1": -2.5, "peakSlope": 0.25}),
    State("warm", 1, 1.5, {"H1H2": 7.0, "NAQ": 0.12, "MCEP_3": 2.5, "MCEP_4": 2.0}),
    State("emphatic", 1, 1.5, {"F0": 50.0, "MCEP_0": 3.0, "MDQ": 0.12, "HMPDM_0": 2.5}),
    State("flat", -1, 2.0, {"F0": -25.0, "MCEP_5": -2.5, "MCEP_6": -2.5, "HMPDM_8": -2.5}),
    State("tense", -1, 1.5, {"NAQ": -0.1, "QOQ": -0.35, "H1H2": -6.0, "PSP": 0.35, "Rd": -0.9}),
    State("sigh", -1, 1.5, {"Rd": 1.2, "VUV": -0.5, "MCEP_8": 2.5, "HMPDD_3": 2.0, "HMPDD_4": 2.0}),
)
# Resting value and size of the noise per channel, where they are not 0 and the default.
_RESTING = {
    **{"F0": 160.0, "VUV": 0.95, "NAQ": 0.13, "QOQ": 0.5, "H1H2": 3.0, "PSP": 0.4},
    **{"MDQ": 0.11, "peakSlope": -0.4, "Rd": 1.3, "Rd_conf": 0.7, "creak": 0.05},
}
_FACE_NOISE = {"pitch": 4.0, "yaw": 4.0, "roll": 3.0}
_VOICE_NOISE = {
    **{"F0": 14.0, "VUV": 0.1, "NAQ": 0.02, "QOQ": 0.07, "H1H2": 1.2, "PSP": 0.07, "MDQ": 0.015},
    **{"peakSlope": 0.04, "Rd": 0.2, "Rd_conf": 0.1, "creak": 0.1},
}


def load_demo(seed: int = 0) -> Corpus:
    """Return the demo corpus: 2,199 utterances of 93 invented speakers.

    Splits have MOSI's sizes (1284/229/686), and each speaker stays in one split. The same seed
    gives the same corpus, byte for byte. On first use the sentences are fetched by ``pip`` (2.4 MB)
    and kept in the cache; afterwards no network is needed.

    Parameters
    ----------
    seed : int

    Returns
    -------
    Corpus
        Utterances have the annotations ``visual_states`` and ``acoustic_states`` (index into
        `FACE_STATES` and `VOICE_STATES` per frame), ``rating`` (of the words, scaled to [-3, 3])
        and ``delivery`` (how they are said, about [-4, 4]).

    Raises
    ------
    CENetError
        If the sentences are neither in the cache nor to be had from the package index.

    Examples
    --------
    >>> utterance = load_demo().train[0]  # doctest: +SKIP
    >>> utterance.label, utterance.annotations["visual_states"][:4]  # doctest: +SKIP
    (-0.3755, array([3, 3, 3, 3], dtype=int8))
    >>> FACE_STATES[3].name  # what such an index stands for
    'look aside'
    """
    return simulate(rated_sentences(), seed)


def simulate(sentences: Sequence[RatedSentence], seed: int = 0) -> Corpus:
    """Give each of 2,199 sentences a speaker, a delivery, a face, a voice and a label.

    Parameters
    ----------
    sentences : sequence of (words, rating)
        At least 2,199; ratings in [-4, 4].
    seed : int

    Examples
    --------
    >>> simulate([(("what", "a", "film"), 2.0)] * 2199)
    Corpus('demo': train 1284, valid 229, test 686; features: visual 35, acoustic 74)
    """
    total = sum(SPLIT_SIZES.values())
    # Independent random streams: a change to one part leaves the others as they were.
    choice, delivery, face, voice = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)
    )
    chosen = [sentences[i] for i in choice.permutation(len(sentences))[:total]]
    rating = 0.75 * np.array([rating for _, rating in chosen])  # (total,)
    speakers = np.concatenate(_speakers(choice))  # (total,)

    noise = np.sqrt(1 - AGREEMENT**2) * SPREAD * delivery.standard_normal(total)
    d = AGREEMENT * rating + noise  # (total,)
    label = _label(rating, d)
    n_words = np.array([len(words) for words, _ in chosen])
    visual, visual_states = _perform(FACE_STATES, FACE_CHANNELS, d, n_words, speakers, face)
    acoustic, acoustic_states = _perform(VOICE_STATES, VOICE_CHANNELS, d, n_words, speakers, voice)

    takes: Counter[int] = Counter()
    utterances = []
    for i, (words, _) in enumerate(chosen):
        speaker = int(speakers[i]) + 1
        takes[speaker] += 1
        utterances.append(
            Utterance(
                id=f"speaker{speaker:02d}_{takes[speaker]:02d}",
                words=words,
                visual=visual[i],
                acoustic=acoustic[i],
                label=round(float(label[i]), 4),
                video=f"speaker{speaker:02d}",
                annotations={
                    "visual_states": visual_states[i],
                    "acoustic_states": acoustic_states[i],
                    "rating": round(float(rating[i]), 4),
                    "delivery": round(float(d[i]), 4),
                },
            )
        )
    return _corpus(utterances, seed)


def _label(rating: np.ndarray | float, d: np.ndarray) -> np.ndarray:
    """Return what a listener takes from words and delivery."""
    return np.clip(0.7 * rating + 0.6 * d, -3, 3)


def best_reading(utterance: Utterance) -> float:
    """Return the best that anybody can say of a label who is not told the delivery.

    Even a reader who knows the rating of the words, sees the state of every frame and knows how the
    corpus was made must guess ``d``: the sign of a cue only tends to be that of the delivery. The
    best guess by absolute error is the median of the labels that are still possible, weighted by
    how likely they are (Bayes' rule). So the mean of its errors is the least that a model of face,
    voice and words can reach: 0.26 on the test split, where a model of words alone can reach 0.63.
    (Two runs of one state in a row look like one, and count as one here.)

    Parameters
    ----------
    utterance : Utterance
        Of `load_demo`, with its annotations.

    Examples
    --------
    >>> corpus = simulate([(("what", "a", "film"), 2.0)] * 2199)
    >>> errors = [abs(best_reading(u) - u.label) for u in corpus.test]
    >>> f"{np.mean(errors):.2f}"
    '0.43'
    """
    d = np.linspace(-7, 7, 1401)  # the deliveries that are looked at
    rating = float(utterance.annotations["rating"])
    # What the words say of d, and then what each cue adds, as logarithms of probabilities.
    log_p = -((d - AGREEMENT * rating) ** 2) / (2 * SPREAD**2 * (1 - AGREEMENT**2))
    for stream, states in (("visual", FACE_STATES), ("acoustic", VOICE_STATES)):
        of_frames = np.asarray(utterance.annotations[f"{stream}_states"])  # (n,)
        runs = of_frames[np.flatnonzero(np.diff(of_frames, prepend=-1))]
        valence = np.array([states[state].valence for state in runs])
        for sign in (-1, 1):
            log_p -= (valence == sign).sum() * np.log1p(np.exp(-sign * CUE_SLOPE * d))
    up_to = np.cumsum(np.exp(log_p - log_p.max()))
    return float(_label(rating, d)[np.searchsorted(up_to, up_to[-1] / 2)])


def _corpus(utterances: list[Utterance], seed: int) -> Corpus:
    """Return the corpus of the utterances, which come split by split."""
    borders = np.cumsum([0, *SPLIT_SIZES.values()])
    return Corpus(
        "demo",
        *(utterances[start:stop] for start, stop in pairwise(borders)),
        visual_names=FACE_CHANNELS,
        acoustic_names=VOICE_CHANNELS,
        provenance={
            "text": "real: film-review sentences with human ratings, "
            f"from {PACKAGE.requirement} (MIT)",
            "delivery": "simulated: face, voice, speakers and their share in the label",
            "seed": seed,
            "visual_states": [state.name for state in FACE_STATES],
            "acoustic_states": [state.name for state in VOICE_STATES],
            "visual_cues": [state.valence for state in FACE_STATES],
            "acoustic_cues": [state.valence for state in VOICE_STATES],
        },
    )


def _speakers(rng: np.random.Generator) -> list[np.ndarray]:
    """Return the speaker of each utterance, split by split; each speaks at least five times."""
    first, result = 0, []
    for split, size in SPLIT_SIZES.items():
        count = SPLIT_SPEAKERS[split]
        extra = rng.multinomial(size - 5 * count, rng.dirichlet(np.full(count, 4.0)))
        result.append(np.repeat(np.arange(first, first + count), extra + 5))
        first += count
    return result


def _perform(
    states: tuple[State, ...],
    channels: tuple[str, ...],
    d: np.ndarray,
    n_words: np.ndarray,
    speakers: np.ndarray,
    rng: np.random.Generator,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Act out every delivery in one stream.

    Parameters
    ----------
    states, channels
        Of the stream.
    d, n_words, speakers : (total,) array
        The delivery, the number of words and the speaker of each utterance.
    rng : Generator

    Returns
    -------
    frames : list of (n, len(channels)) float32
    states : list of (n,) int8
    """
    sequences = _draw_states(states, d, n_words, rng)
    lengths = np.array([len(sequence) for sequence in sequences])
    every_state = np.concatenate(sequences)  # (n_frames,), of all utterances

    noise = _FACE_NOISE if channels is FACE_CHANNELS else _VOICE_NOISE
    scale = np.array([noise.get(channel, 0.5) for channel in channels])  # (len(channels),)
    rest = np.array([_RESTING.get(channel, 0.0) for channel in channels])
    prototypes = np.stack(
        [rest + [state.prototype.get(channel, 0.0) for channel in channels] for state in states]
    )  # (len(states), len(channels))
    frames = prototypes[every_state]  # (n_frames, len(channels))
    # Faces and voices glide: the first frame of a run lies halfway from the state before it.
    glides = np.flatnonzero(np.diff(every_state, prepend=every_state[0]))
    glides = np.setdiff1d(glides, np.cumsum(lengths))  # not from one utterance to the next
    frames[glides] = (prototypes[every_state[glides - 1]] + frames[glides]) / 2
    offset = 0.35 * scale * rng.standard_normal((speakers.max() + 1, len(channels)))
    if channels is FACE_CHANNELS:  # glasses and gender stay with the person
        traits = [channels.index("has_glasses"), channels.index("is_male")]
        offset[:, traits] = rng.choice([-0.8, 0.8], size=(len(offset), 2))
    frames += offset[np.repeat(speakers, lengths)]
    frames += scale * rng.standard_normal(frames.shape)
    # Three decimals, as feature files have them; this also hides the last bits of exp and log,
    # which differ between processors, so that the corpus is the same everywhere.
    frames = np.round(frames, 3).astype(np.float32)
    return np.split(frames, np.cumsum(lengths)[:-1]), sequences


def _draw_states(
    states: tuple[State, ...], d: np.ndarray, n_words: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return the states (n,) int8 of each utterance: runs of 3 to 9 frames, some of them cues."""
    by_valence = {
        v: np.array([i for i, s in enumerate(states) if s.valence == v]) for v in (-1, 0, 1)
    }
    weights = {v: np.array([states[i].weight for i in by_valence[v]]) for v in by_valence}
    weights = {v: w / w.sum() for v, w in weights.items()}
    # A longer sentence takes longer to say, at a pace of its own.
    pace = rng.uniform(2.5, 5.5, len(d))  # frames per word
    lengths = np.clip(np.round(n_words * pace), *LENGTHS).astype(int)
    positive = 1 / (1 + np.exp(-CUE_SLOPE * d))  # the share of positive cues

    sequences = []
    for length, p in zip(lengths, positive, strict=True):
        n_runs = length // DWELL[0] + 1  # enough even if every run is as short as can be
        dwell = rng.integers(DWELL[0], DWELL[1] + 1, n_runs)
        cue = rng.random(n_runs) < CUE_SHARE
        valence = np.where(cue, np.where(rng.random(n_runs) < p, 1, -1), 0)
        run = np.empty(n_runs, dtype=np.int8)
        for v in (-1, 0, 1):
            here = valence == v
            run[here] = rng.choice(by_valence[v], size=int(here.sum()), p=weights[v])
        sequences.append(np.repeat(run, dwell)[:length])
    return sequences
