"""A simple picture of how codes move a prediction: the model, straightened out above the fusion.

Where the two streams come in, each token's state is shifted. To first order, a shift moves the
prediction by its product with a gradient; we take the mean of the gradients with and without the
streams. And where words attend, a stream's shift is the average of what its codes would do alone,
weighted with the attention. Both together make a game that costs next to nothing
(`cenet_lib.inspector.shapley.Blend`). It is close enough to the model that few runs of the model
tell what it misses, and to estimate where there is no model to run.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..enhancement import Enhancement
from ..fusion import FrameBatch
from ..model import CENet
from ..utterance import STREAMS
from .effects import Takeaway
from .shapley import Blend


def first_order(model: CENet, taken: Takeaway) -> Blend:
    """Return the simple picture of a model with a fusion, whose players are an utterance's codes.

    Its weights are (T, n): each token's attention to each code; or the code's share of the frames,
    if the fusion does not attend. T is 1 if the fusion stands at the head.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> taken = Takeaway(run.processor, corpus.test[0])
    >>> blend = first_order(run.model, taken)
    >>> blend.gains.shape[1] == len(taken.players)
    True
    """
    players = taken.players
    alone = [taken.without(p for p in players if p != one) for one in players]
    ends = [taken.without([]), taken.without(players)]
    text, whole, gradient = _straightened(model, _inputs(model, taken, ends))
    with torch.inference_mode():
        batch = _inputs(model, taken, [*alone, ends[1]])
        fusion: Any = model.fusion
        states = fusion(text.expand(len(alone) + 1, -1, -1), *_streams(model, batch)).states
        gains = torch.einsum("td,ntd->tn", gradient, states[:-1] - states[-1])  # (T, n)
    over = model.attends_over
    weights = np.stack([_weight(taken, player, whole, over) for player in players], axis=1)
    teams = np.array([STREAMS.index(stream) for stream, _ in players])
    return Blend(np.broadcast_to(weights, gains.shape), gains.double().cpu().numpy(), teams)


def _straightened(
    model: CENet, batch: dict[str, Tensor]
) -> tuple[Tensor, tuple[np.ndarray | None, ...], Tensor]:
    """Return what enters the fusion (1, T, d), the first row's attention, and a gradient (T, d).

    The gradient is the mean over the rows of the batch.
    """
    heard: list[tuple[Tensor, Enhancement]] = []

    def listen(_: Any, inputs: tuple[Any, ...], output: Enhancement) -> Enhancement:
        leaf = output.states.detach().requires_grad_()
        heard.append((inputs[0].detach(), output._replace(states=leaf)))
        return heard[0][1]

    fusion: Any = model.fusion  # every fusion is a module, though its protocol does not say so
    hook = fusion.register_forward_hook(listen)
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            logits = model(**batch, output_attentions=True).logits
            [(text, output)] = heard
            (gradient,) = torch.autograd.grad(logits.sum(), output.states)  # (2, T, d)
    finally:
        hook.remove()
        model.train(was_training)
    attention = tuple(
        None if rows is None else rows[0].detach().double().cpu().numpy() for rows in output[1:]
    )
    return text[:1], attention, gradient.mean(0)


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


def _inputs(model: CENet, taken: Takeaway, features: Sequence[Any]) -> dict[str, Tensor]:
    return taken.processor.inputs(features, model.device)


def _streams(model: CENet, batch: dict[str, Tensor]) -> list[Any]:
    """Return what the fusion reads of the two streams of a batch."""
    if model.fusion is not None and model.fusion.reads == "counts":
        return [batch[f"{stream}_counts"] for stream in STREAMS]
    dtype = model.head.dense.weight.dtype
    return [FrameBatch(batch[s].to(dtype), batch[f"{s}_mask"]) for s in STREAMS]
