"""The gates of a gated fusion: how far each word lets face and voice in.

A gate is a row of d numbers, 0 or more, by which what a stream offers is multiplied, part by part
(`cenet_lib.fusion.MultimodalGate`): where it is 0, nothing of that part comes in. A gate says what
may pass, not how much there is; that is the shift (`cenet_lib.inspector.records.word_shifts`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..model import CENet
from ..utterance import STREAMS
from .rows import over_words


@contextmanager
def raw_gates(model: CENet) -> Iterator[dict[str, np.ndarray]]:
    """Collect each stream's gates (B, T, d) of the first call; none from a fusion without gates.

    Examples
    --------
    >>> from cenet_lib import Run
    >>> with raw_gates(Run("runs/mine").model) as gates:
    ...     gates  # CE has none
    {}
    """
    heard: dict[str, np.ndarray] = {}
    hooks = []
    for stream in STREAMS:
        gate = getattr(model.fusion, f"{stream}_gate", None)
        if not isinstance(gate, nn.Module):
            continue

        def note(_: nn.Module, inputs: Any, scores: Tensor, stream: str = stream) -> None:
            heard.setdefault(stream, scores.detach().relu().float().cpu().numpy())

        hooks.append(gate.register_forward_hook(note))
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def word_gates(gates: np.ndarray, word_index: np.ndarray, n_words: int) -> np.ndarray:
    """Return how wide each word's gate is, and the share of its parts that are open.

    Parameters
    ----------
    gates : (T, d)
        A row per token, 0 or more.
    word_index : (T,)
        The word of each token, -1 for special tokens.
    n_words : int

    Returns
    -------
    (2, n_words + 1) float32
        The mean over a gate's parts, and the share of those above 0; the mean over a word's pieces,
        and a last column for the first token. NaN for words that are not read.

    Examples
    --------
    >>> word_gates(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([-1, 0]), 1).tolist()
    [[0.5, 0.0], [0.5, 0.0]]
    """
    told = np.stack([gates.mean(1), (gates > 0).mean(1)], axis=1)  # (T, 2)
    return over_words(told[: len(word_index)], word_index, n_words).T
