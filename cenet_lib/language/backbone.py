"""The pre-trained language model under a `CENet`: how it is read, and where its layers are.

Any encoder of Transformer layers serves, as long as each layer has weights of its own and the first
token may look at all others: BERT and its relatives, not ALBERT (one layer, run many times) and not
GPT (whose first token sees only itself). The names of an encoder's parts say where its layers
should be; whether they work as a `CENet` needs them, `cenet_lib.language.probe` finds out.
`cenet_lib.model` and `cenet_lib.runs.preparation` ask here for an encoder and its parts.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ..errors import CENetError
from ..progress import quiet_transformers
from .described import encoder_config, skeleton
from .names import fit_names
from .place import backbone_folder
from .weights import check_values, config_file, read_config, read_weights, weight_shapes

_POSITIONS = ("position_embeddings", "embed_positions")  # what tables of positions are called


def load_backbone(backbone: str | Path) -> PreTrainedModel:
    """Load a pre-trained language model, in float32.

    Nothing in the folder is ever executed, and of its configuration only what describes an encoder
    is heeded. The weights' names and shapes are compared with it before anything is built.

    Parameters
    ----------
    backbone : str or Path
        ``"minilm"`` (packaged, no download), a folder, its file of weights, or a model hub's name.

    Raises
    ------
    CENetError
        If there is no such language model, a file is damaged or wants to run code, or a weight is
        missing, not expected, of another shape or no number.

    Examples
    --------
    >>> load_backbone("minilm").config.hidden_size
    384
    """
    place = backbone_folder(backbone)
    file = config_file(place)
    described, shapes = read_config(place), weight_shapes(place)
    config = encoder_config(file, described, shapes)
    empty = skeleton(file, config)
    names = fit_names(place, shapes, empty)
    found = read_weights(place)
    weights = {ours: found[name] for name, ours in names.items()}
    check_values(place, weights)
    with quiet_transformers():
        model: Any = type(empty).from_pretrained(
            None, config=config, state_dict=weights, dtype=torch.float32
        )
    if not any(name.startswith("pooler.") for name in weights) and hasattr(model, "pooler"):
        model.pooler = None  # rather than one of random weights
    loaded: PreTrainedModel = model
    return loaded


def encoder_layers(backbone: PreTrainedModel) -> nn.ModuleList:
    """Return the Transformer layers of an encoder, in order, as its names tell them.

    Raises
    ------
    CENetError
        If it is not an encoder, or does not have one module per layer.

    Examples
    --------
    >>> len(encoder_layers(load_backbone("minilm")))
    6
    """
    config = backbone.config
    if config.is_encoder_decoder:
        raise CENetError(f"{config.model_type} has a decoder; CENet needs an encoder, such as BERT")
    if any(getattr(module, "is_causal", False) for module in backbone.modules()):
        raise CENetError(
            f"{config.model_type} reads from left to right, so its first token, which CENet's head "
            "reads, sees nothing of the sentence; choose an encoder, such as BERT"
        )
    if hasattr(config, "num_hidden_groups"):
        raise CENetError(
            f"{config.model_type} runs the same layer many times, so 'before layer i' has no place "
            "there; choose a language model with layers of their own, such as BERT"
        )
    n_layers = getattr(config, "num_hidden_layers", 0)
    for module in backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers > 0:
            return module
    raise CENetError(
        f"{config.model_type} does not keep its layers in one list; choose another language model, "
        "such as BERT"
    )


def longest_text(backbone: PreTrainedModel) -> int | None:
    """Return how many tokens an encoder has positions for; ``None`` if it can do without.

    RoBERTa and its kin begin to count behind the padding token's number.

    Examples
    --------
    >>> longest_text(load_backbone("minilm"))
    512
    """
    tables = [
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for module in _position_tables(backbone)
    ]
    return min(tables, default=None)


def padding_in_positions(backbone: PreTrainedModel) -> int | None:
    """Return the number of the padding token for which an encoder counts no position, if any.

    RoBERTa and its kin do, so a tokenizer that pads with another number gives other predictions.

    Examples
    --------
    >>> padding_in_positions(load_backbone("minilm")) is None
    True
    """
    found = (module.padding_idx for module in _position_tables(backbone))
    return next((number for number in found if number is not None), None)


def _position_tables(backbone: PreTrainedModel) -> list[nn.Embedding]:
    return [
        module
        for name, module in backbone.named_modules()
        if isinstance(module, nn.Embedding) and name.split(".")[-1] in _POSITIONS
    ]


def after_attention(layer: nn.Module) -> nn.Module | None:
    """Return the module with which a layer's work on single tokens begins.

    In a Transformer layer, tokens meet in the attention only; what follows (residual sum, norm,
    feed-forward network) treats each by itself. ``None`` if the layer is not built like BERT's,
    DistilBERT's or MPNet's.

    Examples
    --------
    >>> layer = encoder_layers(load_backbone("minilm"))[-1]
    >>> after_attention(layer) is layer.attention.output
    True
    """
    for name in ("attention.output", "sa_layer_norm", "attention.LayerNorm"):
        with suppress(AttributeError):
            return layer.get_submodule(name)
    return None


def keep_first_token(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Cut all states (B, T, d) that enter ``module`` to those of the first token, (B, 1, d).

    A forward pre-hook for the module that `after_attention` finds.

    Examples
    --------
    >>> keep_first_token(nn.Identity(), (torch.zeros(3, 5, 8), None))[0].shape
    torch.Size([3, 1, 8])
    """
    return tuple(x[:, :1] if isinstance(x, Tensor) else x for x in inputs)
