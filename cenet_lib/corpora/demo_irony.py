"""A second simulated world: the sentences, faces and voices of `demo`, meant in another way.

In `demo` the label is a sum of two parts: what the words say and how they are said. Whoever knows
both needs not know which word met which gesture. Here one must know. Of a sentence's words, those
that praise and those that criticise each listen for something else in the delivery:

1. Praise with a **smirk** is mockery: it counts the other way round.
2. Criticism with a **smile**, or in a **warm** voice, is meant kindly: it is taken back.
3. Everything else means what the words say. A smirk leaves criticism alone, and a smile praise.

In numbers: ``r`` is the rating of the sentence, as in `demo`; ``p`` and ``c`` are its praise and
its criticism, half the sums of what its words are worth in VADER's lexicon; a gesture that fills a
tenth of the frames counts in full, a shorter one in proportion::

    y = clip(r - 2 p · smirk + c · max(smile, warm), -3, 3)

**What is simulated.** This rule, beside all that is simulated in `demo`. It is no claim about how
people speak. A word is praise because the lexicon says so; "not good" praises too.

**How it was chosen.** By the labels alone, before any model was trained on it, and so that the
question matters which word met which gesture. The rules that were compared let a smirk, a flat
voice, or either turn praise, and a smile, a warm voice, or either soften criticism: nine of them.
For each it was computed how much of the label's variance a linear model explains that knows the
true gestures, and the true rating, praise and criticism. By five-fold cross-validation on train,
for the chosen one: .57 from the words, .80 from a sum of a part for the words and one for the
delivery, .84 with products of the sentence's rating and the gestures, .96 with products of praise
and of criticism with the gestures. So .12 needs to know which kind of word met which gesture. All
nine come to .12 or .13, so this hardly tells them apart; the chosen one cuts off the fewest labels
at -3 and 3, and lets both streams matter. (The choice itself was made with these shares on test,
.12 to .14, where the chosen one was among the three highest. No model had been trained, but the
labels of test had been looked at.) Whether a model that asks is better at it was not looked at.

In the flow of this room it stands behind `demo`, whose corpus it labels anew.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..corpus import Corpus
from ..utterance import SPLITS, Utterance
from .demo import FACE_STATES, VOICE_STATES, State, load_demo
from .sentences import word_values

FULL_SHARE = 0.1  # of the frames; a gesture that fills it counts in full
RULE = "clip(r - 2 p · smirk + c · max(smile, warm), -3, 3)"


def load_demo_irony(seed: int = 0) -> Corpus:
    """Return the corpus of `load_demo`, labelled by another rule.

    Parameters
    ----------
    seed : int
        As `load_demo` takes it: the same seed gives the same sentences, faces and voices there.

    Returns
    -------
    Corpus
        Beside the annotations of `load_demo`, utterances have ``praise`` and ``criticism`` (p and c
        of the rule), ``smirk`` and ``kindness`` (how strongly praise is turned around, and
        criticism taken back, each in [0, 1]).

    Raises
    ------
    CENetError
        As `load_demo` does.

    Examples
    --------
    >>> RULE  # r: rating of the sentence; p, c: its praise and its criticism
    'clip(r - 2 p · smirk + c · max(smile, warm), -3, 3)'
    >>> corpus = load_demo_irony()  # doctest: +SKIP
    >>> parts = [corpus.train[8].annotations[name] for name in ("rating", "praise", "smirk")]
    ... # doctest: +SKIP
    >>> parts, corpus.train[8].label  # -1.375 - 2 · 1.35 is beyond -3  # doctest: +SKIP
    ([-1.375, 1.35, 1.0], -3.0)
    """
    return relabel(load_demo(seed), word_values())


def relabel(demo: Corpus, values: Mapping[str, float]) -> Corpus:
    """Label a corpus of `demo` by the rule of this module.

    Parameters
    ----------
    demo : Corpus
        As `load_demo` returns it.
    values : mapping of word to float
        What words are worth, in [-4, 4]; see `word_values`.

    Examples
    --------
    >>> from .demo import simulate
    >>> corpus = relabel(simulate([(("what", "a", "film"), 2.0)] * 2199), {"film": 1.0})
    >>> corpus.name, corpus.train[0].annotations["praise"]
    ('demo-irony', 0.5)
    """
    train, valid, test = ([_meant(u, values) for u in demo.splits[split]] for split in SPLITS)
    return Corpus(
        "demo-irony",
        *(train, valid, test),
        visual_names=demo.feature_names["visual"],
        acoustic_names=demo.feature_names["acoustic"],
        provenance={**demo.provenance, "label": f"simulated: {RULE}"},
    )


def _meant(utterance: Utterance, values: Mapping[str, float]) -> Utterance:
    """Return the utterance with the label that the rule gives it, and what it is made of."""
    worth = np.array([values.get(word.lower(), 0.0) for word in utterance.words])  # (n_words,)
    praise, criticism = worth.clip(min=0).sum() / 2, (-worth).clip(min=0).sum() / 2
    smirk = _strength(utterance, "visual", FACE_STATES, "smirk")
    smile = _strength(utterance, "visual", FACE_STATES, "smile", "broad smile")
    kindness = max(smile, _strength(utterance, "acoustic", VOICE_STATES, "warm"))
    rating = float(utterance.annotations["rating"])
    parts = {"praise": praise, "criticism": criticism, "smirk": smirk, "kindness": kindness}
    return replace(
        utterance,
        label=round(float(np.clip(rating - 2 * praise * smirk + criticism * kindness, -3, 3)), 4),
        annotations={
            **utterance.annotations,
            **{name: round(float(part), 4) for name, part in parts.items()},
        },
    )


def _strength(utterance: Utterance, stream: str, states: tuple[State, ...], *names: str) -> float:
    """Return how strongly an utterance shows any of the named states, in [0, 1]."""
    wanted = [number for number, state in enumerate(states) if state.name in names]
    share = float(np.isin(utterance.annotations[f"{stream}_states"], wanted).mean())
    return min(1.0, share / FULL_SHARE)
