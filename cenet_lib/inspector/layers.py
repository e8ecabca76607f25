"""Through the layers: how far face and voice move the first token's state, from layer to layer.

The head reads the first token alone. What a fusion mixes in before a layer has to get there through
all layers above, and each of them may carry it on, strengthen it or undo it. A size is measured
here, no direction: it does not tell whether a prediction rises or falls.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import nn

from ..language.backbone import encoder_layers
from ..model import CENet


@contextmanager
def first_tokens(model: CENet) -> Iterator[list[np.ndarray]]:
    """Collect the first token's states (B, d): as each layer gets them, then as the head does.

    Each call of the model adds as many as it has layers, and one.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> with first_tokens(run.model) as states:
    ...     _ = run.model(**run.processor.inputs([run.processor(corpus.test[0])], "cpu"))
    >>> len(states), states[0].shape == states[-1].shape
    (3, True)
    """
    heard: list[np.ndarray] = []

    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        states = inputs[0]  # (B, T, d), or (B, d) before the head
        first = states if module is model.head else states[:, 0]
        heard.append(first.detach().float().cpu().numpy())

    # Hooks run in the order in which they came: what the fusion adds before its layer is in.
    places = [*encoder_layers(model.backbone), model.head]
    hooks = [module.register_forward_pre_hook(note) for module in places]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def moved_by_layer(states: Sequence[np.ndarray]) -> np.ndarray:
    """Return how far the first token is moved by both streams, by the face, and by the voice.

    Parameters
    ----------
    states : sequence of (4, d)
        The first token's states at each place that `first_tokens` looks at: with both streams,
        without the face, without the voice, and without both.

    Returns
    -------
    (3, n_places) float32
        The length of the difference that a stream makes where the other is not there (or both make
        together), as a share of the length of the state without both.

    Examples
    --------
    >>> bare, face = np.array([3.0, 4.0]), np.array([0.0, 1.0])
    >>> at_a_layer = np.stack([bare + face, bare, bare + face, bare])  # the voice does nothing
    >>> [round(float(share), 2) for share in moved_by_layer([at_a_layer]).ravel()]
    [0.2, 0.2, 0.0]
    """
    both, voice, face, neither = np.stack(states, axis=1)  # (n_places, d) each
    length = np.maximum(np.linalg.norm(neither, axis=-1), 1e-12)  # (n_places,)
    moved = [np.linalg.norm(one - neither, axis=-1) / length for one in (both, face, voice)]
    return np.stack(moved).astype(np.float32)
