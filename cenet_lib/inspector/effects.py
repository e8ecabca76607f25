"""What each code of an utterance does to a prediction.

Conventions:

- A code is *taken away* by taking its frames away, as if nobody had recorded them: its count is 0,
  and attention goes to the codes that remain. Where the processor pads up to a number of frames,
  padding stands in their place; where a fusion reads one frame per word, a word has the average of
  the frames that it keeps, and zeros if it keeps none. A stream of which all codes are taken away
  is a stream without frames, and without both streams the model has words alone.
- A code's *effect* is its Shapley value (`cenet_lib.inspector.shapley`): the effects of all codes
  of both streams add up to what face and voice move, the prediction minus that of words alone.
- *Left out* is what happens if this code alone is taken away: the prediction minus that without it.
  Others may take over what it said, so these do not add up.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..processor import CENetProcessor, per_word
from ..utterance import STREAMS, Utterance

Code = tuple[str, int]  # a stream, and the number of one of its codes
LEAST_TOLD = 0.01  # effects below are not worth a word


class Takeaway:
    """An utterance from which frames can be taken away.

    Parameters
    ----------
    processor : CENetProcessor
    utterance : Utterance

    Attributes
    ----------
    players : list of (str, int)
        The codes that occur, of the face, then of the voice.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> taken = Takeaway(run.processor, corpus.test[0])
    >>> [first, *others] = taken.players
    >>> stream, code = first
    >>> features = taken.without([first])
    >>> int(features[f"{stream}_counts"][code])
    0
    """

    def __init__(self, processor: CENetProcessor, utterance: Utterance):
        self.processor = processor
        self.utterance = utterance
        self.codes = {stream: processor.codes(utterance, stream) for stream in STREAMS}
        self.players: list[Code] = [
            (stream, int(code)) for stream in STREAMS for code in np.unique(self.codes[stream])
        ]

    @cached_property
    def features(self) -> dict[str, Any]:
        """What the model reads of the whole utterance."""
        return self.processor(self.utterance)

    @cached_property
    def _frames(self) -> dict[str, np.ndarray]:
        """The standardised frames (n, d_m) of each stream."""
        return {s: self.processor.standardized(self.utterance, s) for s in STREAMS}

    def without(self, codes: Iterable[Code]) -> dict[str, Any]:
        """Return what the model reads if some codes are taken away; those that do not occur too."""
        gone: dict[str, list[int]] = {stream: [] for stream in STREAMS}
        for stream, code in codes:
            gone[stream].append(code)
        return self.keeping({s: ~np.isin(self.codes[s], gone[s]) for s in STREAMS})

    def of_sets(self, sets: np.ndarray) -> list[dict[str, Any]]:
        """Return what the model reads of sets of the players (m, n), True where one is there."""
        return [
            self.without(p for p, there in zip(self.players, row, strict=True) if not there)
            for row in sets
        ]

    def keeping(self, kept: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return what the model reads of some frames, which are True in (n,) of each stream."""
        features = dict(self.features)
        for stream in STREAMS:
            keep = kept[stream]
            name = f"{stream}_counts"
            counts = np.bincount(self.codes[stream][keep], minlength=len(features[name]))
            if self.processor.pad_frames_to is not None:
                counts[-1] = self.processor.pad_frames_to - keep.sum()
            features[name] = counts
            if stream in features:
                features[stream] = self._frames_kept(stream, keep)
        return features

    def _frames_kept(self, stream: str, keep: np.ndarray) -> np.ndarray:
        """Return the frames that are left, or the average of those that each token has left."""
        frames = self._frames[stream]
        if self.processor.reads != "aligned":
            return frames[keep]
        n_words = len(self.utterance.words)
        share = per_word(keep[:, None].astype(np.float32), n_words)  # (n_words + 1, 1)
        left = per_word(frames * keep[:, None], n_words) / np.where(share > 0, share, 1)
        return left[self.features["word_index"]]  # (T, d_m)


class Headline(NamedTuple):
    """What is worth saying about the effects of an utterance's codes.

    Attributes
    ----------
    code : (str, int)
        The one with the largest effect in the direction in which face and voice move; with the
        largest of all, if together they move nothing.
    against : (str, int) or None
        The one with the largest effect in the other direction, if that is even larger, or if
        together they move nothing.

    Examples
    --------
    >>> headline({("visual", 0): 0.31, ("visual", 3): -0.3}).against is None
    True
    """

    code: Code
    against: Code | None


def headline(effects: Mapping[Code, float], error: float = 0.0) -> Headline | None:
    """Return which codes to name; ``None`` if no effect is worth a word or above twice its error.

    Examples
    --------
    >>> headline({("visual", 0): 0.5, ("visual", 3): -0.7, ("acoustic", 1): 0.4})
    Headline(code=('visual', 0), against=('visual', 3))
    >>> headline({("visual", 0): 0.001}) is None
    True
    """
    moved, least = sum(effects.values()), max(LEAST_TOLD, 2 * error)
    if max(map(abs, effects.values()), default=0.0) < least:
        return None
    code, other = min(effects, key=effects.__getitem__), max(effects, key=effects.__getitem__)
    balanced = abs(moved) < LEAST_TOLD
    if abs(effects[other]) > abs(effects[code]) if balanced else moved > 0:
        code, other = other, code
    pulls = effects[other] * effects[code] < 0 and abs(effects[other]) >= least
    stronger = balanced or abs(effects[other]) > abs(effects[code])
    return Headline(code, other if pulls and stronger else None)
