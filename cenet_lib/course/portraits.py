"""An utterance to watch: its face and its voice at a moment, drawn from its frames.

A lesson that wants to show what a smile is, before it says what a frame is, draws one. The curves
are those of the inspector's codes; here each frame is drawn as it is, with nothing learned.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..corpus import Corpus
from ..inspector.pictures import Activations, caption, draw_code, drawable
from ..utterance import STREAMS, Utterance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENOUGH = 300  # utterances, to know how far a channel goes
_SPREADS = 3.0  # standard deviations from rest: as strong as a picture can show
_SMALL, _LARGE = 56.0, 110.0  # points from side to side: lines become as thick as they should
_WINDOW = 3  # frames: one by itself flickers with the noise of its measurement


class Portraits:
    """Draws utterances of a corpus.

    Only channels whose names say what can be drawn of them are drawn: action units or blendshapes,
    the turn of the head, pitch and loudness. A channel at its median is at rest. Three of its
    standard deviations away is as strong as a picture can show.

    Parameters
    ----------
    corpus : Corpus
        Its train split tells where rest is, and how far a channel goes.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> corpus = load_corpus("demo")  # doctest: +SKIP
    >>> Portraits(corpus).at(corpus.test[0], 0.5)  # doctest: +SKIP
    <Figure size 380x200 with 2 Axes>
    """

    def __init__(self, corpus: Corpus):
        self._activations = {stream: _activations(corpus, stream) for stream in STREAMS}

    def at(self, utterance: Utterance, moment: float) -> "Figure":
        """Draw face and voice side by side at a moment, from 0 (begin) to 1 (end)."""
        import matplotlib.pyplot as plt  # heavy

        figure, axes = plt.subplots(1, 2, figsize=(3.8, 2.0), layout="constrained")
        for ax, stream, name in zip(axes, STREAMS, ("face", "voice"), strict=True):
            self._draw(ax, utterance, stream, moment, _LARGE)
            ax.set_title(name)
        return figure

    def over_time(self, utterance: Utterance, n: int) -> "Figure":
        """Draw faces in a row, and voices below, at ``n`` moments from begin to end."""
        import matplotlib.pyplot as plt  # heavy

        figure, rows = plt.subplots(2, n, figsize=(0.95 * n, 2.1), layout="constrained")
        for stream, axes in zip(STREAMS, rows, strict=True):
            for ax, moment in zip(axes, np.linspace(0, 1, n), strict=True):
                self._draw(ax, utterance, stream, moment, _SMALL)
        for ax, moment in zip(rows[0], np.linspace(0, 1, n), strict=True):
            ax.set_title(f"{moment:.0%}".replace("%", " %"), fontsize=9)
        return figure

    def words(self, utterance: Utterance, moment: float) -> str:
        """Say what face and voice do at a moment, for those who cannot see it."""
        face, voice = (
            caption(strengths, {}, stream) if any(strengths.values()) else "at rest"
            for stream in STREAMS
            for strengths in [self._strengths(utterance, stream, moment)]
        )
        return f"face: {face}; voice: {voice}"

    def _draw(
        self, ax: "Axes", utterance: Utterance, stream: str, moment: float, points: float
    ) -> None:
        strengths = self._strengths(utterance, stream, moment)
        draw_code(ax, strengths, np.zeros(0), stream, 0, 0, points, "black", "white")
        edge = 0.6 * points
        ax.set(xlim=(-edge, edge), ylim=(edge, -edge), aspect="equal")
        ax.axis("off")

    def _strengths(self, utterance: Utterance, stream: str, moment: float) -> dict[str, float]:
        """Return how strongly the frames around a moment do each thing that can be drawn."""
        frames = utterance.frames(stream)  # (n, d)
        if not len(frames):
            return {}
        middle = min(int(moment * len(frames)), len(frames) - 1)
        near = frames[max(0, middle - _WINDOW // 2) : middle + _WINDOW // 2 + 1]
        activations = self._activations[stream]
        strengths = activations(near.mean(axis=0, keepdims=True))[0]
        return dict(zip(activations.columns, strengths.tolist(), strict=True))


def _activations(corpus: Corpus, stream: str) -> Activations:
    columns = drawable(corpus.feature_names[stream], stream)
    frames = np.concatenate([u.frames(stream) for u in corpus.train[:_ENOUGH]])
    drawn = frames[:, list(columns.values())]
    return Activations(columns, np.median(drawn, axis=0), _SPREADS * np.maximum(drawn.std(0), 1e-6))
