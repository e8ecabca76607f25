"""The pre-trained language model under a `CENet`: where it comes from, and where its layers are.

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
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from ..errors import CENetError
from .packaged import packaged_minilm


def load_backbone(backbone: str | Path) -> PreTrainedModel:
    """Load a pre-trained language model, in float32.

    Parameters
    ----------
    backbone : str or Path
        ``"minilm"`` (packaged, no download), a folder, or a model hub's name.

    Raises
    ------
    CENetError
        If there is no such language model.

    Examples
    --------
    >>> load_backbone("minilm").config.hidden_size
    384
    """
    backbone = resolve_backbone(backbone)
    try:
        return AutoModel.from_pretrained(
            backbone, dtype=torch.float32, local_files_only=not hub_answers(backbone)
        )
    except (OSError, ValueError) as error:
        raise CENetError(
            f"{backbone}: no language model could be loaded ({str(error).splitlines()[0]}); "
            "give 'minilm', a folder with config.json and weights, or a name on the model hub"
        ) from error


def resolve_backbone(backbone: str | Path) -> str:
    """Return the folder of the packaged model for ``"minilm"``, anything else as it is.

    Raises
    ------
    CENetError
        If the package is not installed.

    Examples
    --------
    >>> resolve_backbone("roberta-base")
    'roberta-base'
    """
    if backbone != "minilm":
        return str(backbone)
    return str(packaged_minilm())


def hub_answers(name: str, timeout: float = 5) -> bool:
    """Ask the model hub once whether it can be reached; never for a folder.

    Transformers itself asks for each file six times and waits 23 seconds in between. If the hub
    does not answer, ``local_files_only=True`` finds what was downloaded before, at once.

    Parameters
    ----------
    name : str
        A folder, or a name on the hub.
    timeout : float
        How many seconds to wait for a connection or an answer.

    Examples
    --------
    >>> hub_answers("models/mine")  # a folder
    False
    """
    if Path(name).is_dir():
        return False
    try:
        HfApi().model_info(name, timeout=timeout)
    except HfHubHTTPError:  # an answer: there is no such model, or not for everybody
        return True
    except Exception:  # no connection, offline mode, or nothing that could be a name
        return False
    return True


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
