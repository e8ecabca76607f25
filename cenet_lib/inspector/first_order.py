"""A simple picture of how codes move a prediction: the model, straightened out above the fusion.

Where the two streams come in, each token's state is shifted. To first order, a shift moves the
prediction by its product with a gradient; we take the mean of the gradients with and without the
streams. And where words attend, a stream's shift is the average of what its codes would do alone,
weighted with the attention. Both together make a game that costs next to nothing
(`cenet_lib.inspector.shapley.Blend`). It is close enough to the model that few runs of the model
tell what it misses, and to estimate where there is no model to run.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..enhancement import Enhancement
from ..fusion import FrameBatch
from ..model import CENet
from ..utterance import STREAMS
from .effects import Takeaway
from .shapley import Blend


class Sketch(NamedTuple):
    """What `first_orders` finds of an utterance.

    Attributes
    ----------
    blend : Blend
        The simple picture of the model, whose players are the utterance's codes. Its weights are
        (T, n): each token's attention to each code; or the code's share of the frames, if the
        fusion does not attend. T is 1 if the fusion stands at the head.
    prediction, words_alone : float
        With all frames, and without any.
    attention : tuple of two (T, k+1) or (T, N) float64, or None
        What each token attended to in face and voice.

    Examples
    --------
    >>> Sketch(Blend(np.ones((1, 1)), np.ones((1, 1)), np.zeros(1, int)), 1.0, 0.0, (None, None))[1]
    1.0
    """

    blend: Blend
    prediction: float
    words_alone: float
    attention: tuple[np.ndarray | None, ...]


def first_order(model: CENet, taken: Takeaway) -> Blend:
    """Return the simple picture of a model with a fusion, see `Sketch`.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> taken = Takeaway(run.processor, corpus.test[0])
    >>> blend = first_order(run.model, taken)
    >>> blend.gains.shape[1] == len(taken.players)
    True
    """
    return first_orders(model, [taken])[0].blend


def first_orders(model: CENet, some: Sequence[Takeaway]) -> list[Sketch]:
    """Draw the simple pictures of utterances in one pass, which are best of similar length.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> sketches = first_orders(run.model, [Takeaway(run.processor, u) for u in corpus.test[:2]])
    >>> [len(sketch.blend.teams) > 0 for sketch in sketches]
    [True, True]
    """
    processor = some[0].processor
    ends = [taken.without(gone) for taken in some for gone in ([], taken.players)]
    batch = processor.inputs(ends, model.device)
    text, attention, gradient, logits = _straightened(model, batch)
    found, row = [], 0
    shifts = _shifts_alone(model, some, text)
    for i, taken in enumerate(some):
        n = len(taken.players)
        length = min(len(ends[2 * i]["input_ids"]), text.shape[1])  # T
        own = tuple(None if rows is None else rows[2 * i][:length] for rows in attention)
        gains = torch.einsum("td,ntd->tn", gradient[i, :length], shifts[row : row + n, :length])
        row += n
        weights = [_weight(taken, player, own, model.attends_over) for player in taken.players]
        blend = Blend(
            np.broadcast_to(np.stack(weights, axis=1), gains.shape) if n else np.ones((length, 0)),
            gains.double().cpu().numpy(),
            np.array([STREAMS.index(stream) for stream, _ in taken.players], dtype=int),
        )
        prediction, words_alone = logits[2 * i : 2 * i + 2].tolist()
        found.append(Sketch(blend, prediction, words_alone, own))
    return found


def _shifts_alone(model: CENet, some: Sequence[Takeaway], text: Tensor) -> Tensor:
    """Return how each code by itself shifts the tokens of its utterance, (all players, T, d).

    ``text`` (2B, T, d) is what enters the fusion.
    """
    alone: list[dict[str, Any]] = []
    rows: list[int] = []
    with_one: list[int] = []
    with_none: list[int] = []
    for i, taken in enumerate(some):
        players, start = taken.players, len(alone)
        alone += [taken.without(p for p in players if p != one) for one in players]
        alone.append(taken.without(players))
        rows += [2 * i] * (len(players) + 1)
        with_one += range(start, start + len(players))
        with_none += [start + len(players)] * len(players)
    fusion: Any = model.fusion  # every fusion is a module, though its protocol does not say so
    with torch.inference_mode():
        batch = some[0].processor.inputs(alone, model.device)
        states = fusion(text[rows], *_streams(model, batch)).states
        shifts: Tensor = states[with_one] - states[with_none]
        return shifts


def _straightened(
    model: CENet, batch: dict[str, Tensor]
) -> tuple[Tensor, tuple[np.ndarray | None, ...], Tensor, Tensor]:
    """Return what enters the fusion (2B, T, d), its attention, a gradient (B, T, d), and logits.

    Rows come in pairs, with all frames and without any; the gradient is the mean over a pair.
    """
    heard: list[tuple[Tensor, Enhancement]] = []

    def listen(_: Any, inputs: tuple[Any, ...], output: Enhancement) -> Enhancement:
        leaf = output.states.detach().requires_grad_()
        heard.append((inputs[0].detach(), output._replace(states=leaf)))
        return heard[0][1]

    fusion: Any = model.fusion  # as above
    hook = fusion.register_forward_hook(listen)
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            logits = model(**batch, output_attentions=True).logits  # (2B,)
            [(text, output)] = heard
            (gradient,) = torch.autograd.grad(logits.sum(), output.states)  # (2B, T, d)
    finally:
        hook.remove()
        model.train(was_training)
    attention = tuple(
        None if rows is None else rows.detach().double().cpu().numpy() for rows in output[1:]
    )
    pairs = gradient.reshape(-1, 2, *gradient.shape[1:])  # (B, 2, T, d)
    return text, attention, pairs.mean(1), logits.detach().double().cpu()


def _weight(
    taken: Takeaway,
    player: tuple[str, int],
    attention: Sequence[np.ndarray | None],
    over: str | None,
) -> np.ndarray:
    """Return how much each token (T,) attends to a code; its share of the frames if none does."""
    stream, code = player
    codes = taken.codes[stream]
    attended = attention[STREAMS.index(stream)]
    if attended is None:
        return np.array([np.mean(codes == code)])
    if over == "codes":
        return attended[:, code]
    return attended[:, : len(codes)][:, codes == code].sum(1)


def _streams(model: CENet, batch: dict[str, Tensor]) -> list[Any]:
    """Return what the fusion reads of the two streams of a batch."""
    if model.fusion is not None and model.fusion.reads == "counts":
        return [batch[f"{stream}_counts"] for stream in STREAMS]
    dtype = model.head.dense.weight.dtype
    return [FrameBatch(batch[s].to(dtype), batch[f"{s}_mask"]) for s in STREAMS]
