"""The published CENet, exactly: its checkpoints, and the optimizer of its run.

The authors' code (Say2L/CENet) names its weights

    roberta.…                                              the language model, as in SentiLARE
    roberta.encoder.CE.{visual,acoustic}_embedding.weight  code embeddings
    roberta.encoder.CE.{hv,ha}.{Wq,Wk,Wv}.…                query, key, value; visual and acoustic
    roberta.encoder.CE.cat_connect.…                       W, b
    classifier.{dense,out_proj}.…                          the head

and differs from this package's defaults in what `CENetConfig.published` sets: padding codes are
attended to like any other, so their number matters; and embedding rows that are named padding get
no gradient, among them some that are not padding at all (``<s>``, neutral and other words).

Text is padded with id 0 there. It makes no difference: the attention mask hides padding, and
positions run 2 … L+1 whatever the padding, because the linguistic embeddings enter through
``inputs_embeds``.

`cenet_lib.model.CENet.from_published` opens such a checkpoint by way of `read_published`. The
published run can be repeated with the recipe ``mosi-published``, whose setting
``optimizer="published"`` makes training take `published_optimizer`.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel

from .errors import CENetError
from .language.described import check_sizes, harmless
from .language.sentilare import NOT_NEEDED, RENAMED, in_own_terms, roberta_config
from .language.weights import (
    check_values,
    config_file,
    read_config,
    read_weights,
    rename,
    renamed,
    weight_shapes,
)

_CE = "roberta.encoder.CE."
STATE_DICT = "the state dict"  # what error messages call weights that come without a file
RULES = {
    f"{_CE}visual_embedding.": "fusion.visual.embedding.",
    f"{_CE}acoustic_embedding.": "fusion.acoustic.embedding.",
    f"{_CE}hv.Wq.": "fusion.visual.query.",
    f"{_CE}hv.Wk.": "fusion.visual.key.",
    f"{_CE}hv.Wv.": "fusion.visual.value.",
    f"{_CE}ha.Wq.": "fusion.acoustic.query.",
    f"{_CE}ha.Wk.": "fusion.acoustic.key.",
    f"{_CE}ha.Wv.": "fusion.acoustic.value.",
    f"{_CE}cat_connect.": "fusion.output.",
    "classifier.dense.": "head.dense.",
    "classifier.out_proj.": "head.output.",
    **RENAMED,
}

MAX_GRAD_NORM = 2.0  # the rest of the published run on MOSI is the recipe ``mosi-published``


def read_published(
    source: str | Path | Mapping[str, Tensor], config: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a checkpoint of the published code, for `cenet_lib.CENet.from_published`.

    Parameters
    ----------
    source : folder or mapping of str to Tensor
        A folder with config.json and pytorch_model.bin (or model.safetensors), or a state dict.
    config : mapping, optional
        What it was built from, in the terms of the published RobertaConfig; by default the folder's
        config.json.

    Returns
    -------
    options : dict
        What a `CENetConfig` takes: ``backbone``, ``head_dropout``, ``n_visual_codes``,
        ``n_acoustic_codes``.
    weights : dict of str to Tensor
        The weights by the names of a `CENet`. The unused pooler and heads of pre-training are left
        out, and so are a wrapper's name in front and buffers such as ``position_ids``.

    Raises
    ------
    CENetError
        If a file is missing, damaged or wants to run code; if config and weights contradict each
        other; or if it is no CENet.

    Examples
    --------
    >>> read_published({"roberta.embeddings.word_embeddings.weight": torch.zeros(5, 8)})
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: the state dict: has no \
roberta.encoder.CE.visual_embedding.weight, so it is not a published CENet; \
open a language model, such as SentiLARE, with CENet.from_backbone
    """
    if isinstance(source, Mapping):
        where, found, config = STATE_DICT, source, config or {}
    else:
        where, found = str(source), weight_shapes(source)
        if config is None:
            config = harmless(read_config(source))
            check_sizes(config_file(source), config, found)
    shapes = in_own_terms(found)
    options: dict[str, Any] = {}
    for stream in ("visual", "acoustic"):
        name = f"{_CE}{stream}_embedding.weight"
        if name not in shapes:
            raise CENetError(
                f"{where}: has no {name}, so it is not a published CENet; "
                "open a language model, such as SentiLARE, with CENet.from_backbone"
            )
        options[f"n_{stream}_codes"] = len(shapes[name]) - 1
    backbone = roberta_config(config, shapes, where)
    options |= {"backbone": backbone, "head_dropout": backbone.hidden_dropout_prob}
    found = source if isinstance(source, Mapping) else read_weights(source)
    weights = renamed(in_own_terms(found), RULES, NOT_NEEDED)
    check_values(where, weights)
    return options, weights


def to_published(model: PreTrainedModel) -> dict[str, Tensor]:
    """Return the weights by the published code's names: `read_published` backwards.

    The published code also wants weights for a pooler that it computes and never uses; they are
    zeros.

    Raises
    ------
    CENetError
        If the model has not the published shape: RoBERTa, ``fusion="ce"``, ``linguistic=True``.

    Examples
    --------
    >>> from transformers import RobertaConfig
    >>> from cenet_lib import CENet, CENetConfig
    >>> backbone = RobertaConfig(vocab_size=100, hidden_size=12, num_hidden_layers=2)
    >>> weights = to_published(CENet(CENetConfig.published(backbone=backbone)))
    >>> weights["classifier.out_proj.weight"].shape
    torch.Size([1, 12])
    >>> CENet.from_published(weights).config.n_visual_codes
    16
    """
    config = model.config
    if (config.backbone.model_type, config.fusion, config.linguistic) != ("roberta", "ce", True):
        raise CENetError(
            f"the published code has no such model ({config.backbone.model_type}, fusion "
            f"{config.fusion!r}, linguistic={config.linguistic}); it needs roberta, 'ce' and True"
        )
    back = {new: old for old, new in RULES.items()}
    weights = {rename(name, back): w.detach() for name, w in model.state_dict().items()}
    d = config.backbone.hidden_size
    weights["roberta.pooler.dense.weight"] = torch.zeros(d, d)
    weights["roberta.pooler.dense.bias"] = torch.zeros(d)
    return weights


def published_optimizer(
    model: nn.Module,
    n_steps: int,
    *,
    lr: float = 6e-5,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    warmup: float = 0.4,
) -> tuple["PublishedAdamW", LambdaLR]:
    """Return the optimizer and the schedule of the published run.

    Three groups with one learning rate: language model and head, CE, and what is spared from weight
    decay (biases and LayerNorm weights outside CE). The rate rises from 0 over the first ``warmup``
    of the steps and falls to 0 over the rest, so the first step moves nothing. Before each step,
    clip the norm of all gradients to ``MAX_GRAD_NORM``.

    Parameters
    ----------
    model : CENet
        The model whose weights are to be trained.
    n_steps : int
        The steps of the whole run: epochs × full batches.
    lr : float
        The learning rate at its highest.
    eps : float
        AdamW's ε.
    weight_decay : float
        AdamW's weight decay, of the weights that are not spared.
    warmup : float
        The share of the steps in which the learning rate rises.

    Returns
    -------
    optimizer, scheduler
        They are to be stepped in this order, after each batch.

    Examples
    --------
    >>> optimizer, scheduler = published_optimizer(nn.Linear(2, 1), n_steps=10)
    >>> scheduler.get_last_lr()[0]  # the first step moves nothing
    0.0
    """
    spared = ("bias", "LayerNorm.weight")
    parts: dict[str, list[nn.Parameter]] = {"backbone": [], "fusion": [], "no decay": []}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:  # a frozen layer is in no group
            continue
        if name.startswith("fusion."):
            parts["fusion"].append(parameter)
        elif any(word in name for word in spared):
            parts["no decay"].append(parameter)
        else:
            parts["backbone"].append(parameter)
    groups = [
        {"name": part, "params": parameters, "weight_decay": weight_decay * (part != "no decay")}
        for part, parameters in parts.items()
        if parameters
    ]
    optimizer = PublishedAdamW(groups, lr=lr, eps=eps, fused=True)
    rise = warmup * n_steps

    def rate(step: int) -> float:
        if step < rise:
            return step / max(1.0, rise)
        return max(0.0, (n_steps - step) / max(1.0, n_steps - rise))

    return optimizer, LambdaLR(optimizer, rate)


class PublishedAdamW(torch.optim.AdamW):
    """AdamW as in pytorch-transformers 1.x, which adds ε before the bias correction.

    There a step is ``lr · √(1-β₂ᵗ)/(1-β₁ᵗ) · m / (√v + ε)``, in PyTorch
    ``lr / (1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε)``: the same with ε / √(1-β₂ᵗ), thirty times ε at first.
    It shows where gradients are as small as ε.

    Examples
    --------
    >>> weight = nn.Parameter(torch.zeros(1))
    >>> weight.grad = torch.tensor([1e-8])  # as small as ε
    >>> PublishedAdamW([weight], lr=1.0, eps=1e-8).step()
    >>> round(weight.item(), 4)  # half a step with torch.optim.AdamW
    -0.0307
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step; a closure, which evaluates the model anew, returns the loss."""
        plain = [group["eps"] for group in self.param_groups]
        for group in self.param_groups:
            states = (self.state.get(parameter) for parameter in group["params"])
            done = next((state["step"] for state in states if state), 0)
            group["eps"] /= math.sqrt(1 - group["betas"][1] ** (int(done) + 1))
        try:
            return super().step(closure)
        finally:
            for group, eps in zip(self.param_groups, plain, strict=True):
                group["eps"] = eps
