"""The pre-trained language model under a `CENet`: where it comes from, and where its layers are.

Any encoder of Transformer layers serves, as long as each layer has weights of its own and the first
token may look at all others: BERT and its relatives, not ALBERT (one layer, run many times) and not
GPT (whose first token sees only itself). The names of an encoder's parts say where its layers
should be; whether they work as a `CENet` needs them, `cenet_lib.language.probe` finds out.
`cenet_lib.model` and `cenet_lib.runs.preparation` ask here for an encoder and its parts.
"""

from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from torch import Tensor, nn
from transformers import PreTrainedModel

from ..errors import CENetError, first_line
from ..progress import quiet_transformers
from .described import encoder_config, skeleton
from .names import fit_names
from .packaged import packaged_minilm
from .tokenizer import FILES as TOKENIZER_FILES
from .weights import check_values, config_file, read_config, read_weights, weight_shapes

# On the hub; the first that is there is taken.
_WEIGHTS = (
    ("model.safetensors",),
    ("model.safetensors.index.json", "model-*.safetensors"),
    ("pytorch_model.bin",),
    ("pytorch_model.bin.index.json", "pytorch_model-*.bin"),
)
_POSITIONS = ("position_embeddings", "embed_positions")  # what tables of positions are called
_ONLY = "give 'minilm', a folder with config.json and weights, or a name on the model hub"


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


def backbone_folder(backbone: str | Path, wanted: str = "language model") -> Path:
    """Return where a language model lies on this disk: its folder, or its file of weights.

    A name on the model hub is downloaded, or taken from what was downloaded before.

    Parameters
    ----------
    backbone : str or Path
        What `load_backbone` takes.
    wanted : str
        What the error message calls that which could not be loaded.

    Raises
    ------
    CENetError
        If there is nothing by that name.

    Examples
    --------
    >>> backbone_folder("minilm").is_dir()
    True
    """
    name = resolve_backbone(backbone)
    try:
        place = Path(name).expanduser()
        if place.is_dir() or place.is_file():
            return place
        files = None if place.exists() else _hub_files(name)
        weights = next((names for names in _WEIGHTS if names[0] in (files or ())), ())
        with quiet_transformers():
            return Path(
                snapshot_download(
                    name,
                    allow_patterns=["config.json", *TOKENIZER_FILES, *weights],
                    local_files_only=files is None,
                )
            )
    except Exception as error:  # no such name, no connection, or nothing that could be a name
        reason = "there is no such folder, and the model hub does not answer"
        if isinstance(error, HfHubHTTPError):
            reason = first_line(error)
        raise CENetError(f"{backbone}: no {wanted} could be loaded ({reason}); {_ONLY}") from error


def hub_answers(name: str, timeout: float = 1.5) -> bool:
    """Ask the model hub once whether it can be reached; never for a folder.

    Transformers itself asks for each file six times and waits 23 seconds in between. If the hub
    does not answer, what was downloaded before is taken, at once.

    Parameters
    ----------
    name : str
        A folder, or a name on the hub.
    timeout : float
        How many seconds to wait for an answer.

    Examples
    --------
    >>> hub_answers("models/mine")  # a folder
    False
    """
    return not Path(name).exists() and _hub_files(name, timeout) is not None


def _hub_files(name: str, timeout: float = 1.5) -> list[str] | None:
    """Return the names of a model's files on the hub; ``None`` if nobody answers in time."""
    answer: list[list[str]] = []

    def ask() -> None:
        with suppress(Exception):  # no connection, offline mode, or nothing that could be a name
            try:
                found = HfApi().model_info(name, timeout=timeout).siblings or []
                answer.append([file.rfilename for file in found])
            except HfHubHTTPError:  # there is no such model, or not for everybody
                answer.append([])

    asking = Thread(target=ask, daemon=True)  # a search for the hub's address knows no timeout
    asking.start()
    asking.join(timeout)
    return answer[0] if answer else None


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
        for name, module in backbone.named_modules()
        if isinstance(module, nn.Embedding) and name.split(".")[-1] in _POSITIONS
    ]
    return min(tables, default=None)


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
