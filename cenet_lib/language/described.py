"""A language model's config.json, written by a stranger: what of it is believed, and what is not.

A configuration can do more than describe a model. It can name code to download and run, a kernel
for the attention, a file elsewhere on the disk; and it can ask for a million layers. Here it is
reduced to what describes an encoder, and compared with the weights beside it before anything is
built.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from ..errors import CENetError, first_line

# What names code, files and machinery, or heads that an encoder has not got.
_IGNORED = {
    *("auto_map", "custom_pipelines", "trust_remote_code", "transformers_weights", "name_or_path"),
    *("attn_implementation", "experts_implementation", "use_kernels", "kernel_config"),
    *("fusion_config", "distributed_config", "quantization_config", "compression_config"),
    *("num_labels", "id2label", "label2id", "problem_type", "finetuning_task"),
    *("output_attentions", "output_hidden_states", "return_dict", "torchscript", "use_cache"),
    *("dtype", "torch_dtype", "gradient_checkpointing", "base_model_tp_plan", "base_model_pp_plan"),
    *("base_model_fsdp_plan", "tie_last_hidden_states", "per_layer_config", "transformers_version"),
    *("task_specific_params", "tokenizer_object", "tokenizer_type", "gguf_file", "chat_template"),
}
_COUNTS = re.compile(r"layer|block|expert|group|stage|codebook|hash")  # how often a module is built
_MANY = 100  # of them, built in a moment; then the weights' names tell more
_LARGE = 10_000_000  # more than any size of an encoder


def harmless(described: Any) -> Any:
    """Return a configuration without what could do more than describe; so at every depth.

    Examples
    --------
    >>> harmless({"hidden_size": 8, "auto_map": {"AutoModel": "evil.py"}, "_attn": "a/kernel"})
    {'hidden_size': 8}
    """
    if isinstance(described, Mapping):
        return {
            key: harmless(value)
            for key, value in described.items()
            if key not in _IGNORED and not str(key).startswith("_")
        }
    return [harmless(item) for item in described] if isinstance(described, list) else described


def check_sizes(where: object, described: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Raise a `CENetError` if a configuration asks for much more than the weights hold.

    Parameters
    ----------
    where : object
        The file, which begins the message.
    described : mapping
        The configuration; nested ones are looked at as well.
    weights : mapping of str to Tensor
        The weights beside it; their values are not looked at.

    Examples
    --------
    >>> check_sizes("config.json", {"num_hidden_layers": 10**6}, {"a": torch.zeros(2)})
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: config.json: num_hidden_layers is 1000000, but there are 1 \
weights beside it; take configuration and weights of the same language model
    """
    mend = "take configuration and weights of the same language model"
    for key, value in described.items():
        if isinstance(value, Mapping):
            check_sizes(where, value, weights)
        if isinstance(value, bool) or not isinstance(value, int):
            continue
        most = max(len(weights), _MANY)
        if _COUNTS.search(key) and "size" not in key and value > most:
            raise CENetError(
                f"{where}: {key} is {_brief(value)}, but there are {len(weights)} weights beside "
                f"it; {mend}"
            )
        if value > _LARGE and "theta" not in key:
            raise CENetError(f"{where}: {key} is {_brief(value)}, which is too much; {mend}")


def _brief(value: int) -> str:
    """Return a number as one reads it: JSON allows any number of digits."""
    return str(value) if value < 10**12 else "more than 10¹²"


def encoder_config(
    where: object, described: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> PreTrainedConfig:
    """Make the configuration of an encoder from what config.json says, after a look at the weights.

    Raises
    ------
    CENetError
        If it is of no kind that is known, does not fit the weights, or cannot be understood.

    Examples
    --------
    >>> encoder_config("config.json", {"model_type": "bert", "hidden_size": 8}, {}).hidden_size
    8
    """
    described = {key: harmless(value) for key, value in harmless(described).items()}
    kind = described.pop("model_type", None) or _kind_of(described, weights)
    if kind is None:
        raise CENetError(
            f'{where}: names no model_type; add one, such as "model_type": "bert" or "roberta"'
        )
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING or kind == "cenet":
        known = "a whole CENet, not a language model" if kind == "cenet" else "none that is known"
        raise CENetError(
            f"{where}: model_type {str(kind)[:60]!r} is {known}; choose an encoder, such as BERT"
        )
    check_sizes(where, described, weights)
    kept = CONFIG_MAPPING[kind]  # a name of one of its methods would replace it
    described = {k: v for k, v in described.items() if not callable(getattr(kept, k, None))}
    try:
        return AutoConfig.for_model(kind, **described)
    except Exception as error:  # whatever a configuration makes of a stranger's values
        raise CENetError(
            f"{where}: cannot be understood ({_reason(error)}); copy it anew"
        ) from error


def _reason(error: Exception) -> str:
    """Return what an exception says on one line, with what a validation adds in further lines."""
    return " ".join(str(error).split())[:200] or first_line(error)


def _kind_of(described: Mapping[str, Any], weights: Mapping[str, Tensor]) -> str | None:
    """Infer the kind of an encoder from before configurations named it."""
    classes = described.get("architectures")
    names = " ".join(map(str, classes)) if isinstance(classes, list) else ""
    for kind in ("distilbert", "roberta", "electra", "mpnet", "bert"):
        if re.search(rf"(^| )({kind})", names, re.IGNORECASE):
            return kind
    for kind in ("distilbert", "roberta", "electra", "mpnet", "bert"):
        if any(re.search(rf"(^|\.){kind}\.", name) for name in weights):
            return kind
    if any("transformer.layer.0.attention.q_lin." in name for name in weights):
        return "distilbert"
    if not any("encoder.layer.0.attention.self.query." in name for name in weights):
        return None
    types = [w for name, w in weights.items() if name.endswith("token_type_embeddings.weight")]
    # Of the two that are built of the same parts, RoBERTa knows no second sentence.
    return "roberta" if types and types[0].shape[:1] == (1,) else "bert"


def skeleton(where: object, config: PreTrainedConfig) -> PreTrainedModel:
    """Build an encoder without weights: names and shapes only, in no time and no memory.

    Raises
    ------
    CENetError
        If the configuration makes no encoder.

    Examples
    --------
    >>> from transformers import BertConfig
    >>> skeleton("config.json", BertConfig()).get_input_embeddings().weight.device.type
    'meta'
    """
    try:
        with torch.device("meta"):
            return AutoModel.from_config(config, trust_remote_code=False)
    except Exception as error:  # whatever a model makes of a stranger's values
        raise CENetError(
            f"{where}: no language model can be built from it ({_reason(error)}); copy it anew"
        ) from error
