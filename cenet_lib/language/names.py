"""Which weight of a file is which of a model: prefixes, old names, and what is not needed.

A language model is saved under many names. A class that wraps it puts its own in front (``bert.``,
``module.``, ``model.text_model.``); LayerNorms had ``gamma`` and ``beta`` once; heads of
pre-training and buffers lie beside it. `fit_names` leads from a file's names to those of a model
and refuses what is left over, because a weight that finds no place stays random.

`cenet_lib.language.backbone` fits encoders with it. SentiLARE and the published CENet have names
of their own, see `cenet_lib.language.sentilare.in_own_terms`.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping

from torch import Tensor
from transformers import PreTrainedModel

from ..errors import CENetError
from .weights import check_names

# The first part of the names of what stands on an encoder: not needed under a CENet.
_HEADS = {
    *("pooler", "cls", "lm_head", "classifier", "pre_classifier", "qa_outputs", "score"),
    *("vocab_transform", "vocab_layer_norm", "vocab_projector", "discriminator_predictions"),
    *("generator_predictions", "generator_lm_head", "lm_predictions", "mask_predictions"),
    *("predictions", "seq_relationship", "sop_classifier", "head", "heads", "decoder"),
    *("entity_predictions", "classification_head", "senti_head", "pos_head", "pola_head"),
}
# Numbers that follow from the configuration; old versions saved them among the weights.
BUFFERS = {"position_ids", "token_type_ids", "inv_freq", "masked_bias"}
_OLD_NAMES = ((r"\.gamma$", ".weight"), (r"\.beta$", ".bias"))
# What a class calls the encoder that it wraps; two of these are not the same encoder.
_KINDS = {
    *("bert", "roberta", "distilbert", "electra", "deberta", "mpnet", "albert", "xlm"),
    *("mobilebert", "luke", "longformer", "megatron_bert", "rembert", "ernie", "nezha"),
}


def fit_names(where: object, found: Mapping[str, Tensor], model: PreTrainedModel) -> dict[str, str]:
    """Return the model's name of each weight of a file that the model needs.

    Parameters
    ----------
    where : object
        What error messages call the place that the weights came from.
    found : mapping of str to Tensor
        The weights by the file's names; their values are not looked at.
    model : PreTrainedModel
        The model that is to be filled; it may be on the meta device.

    Returns
    -------
    dict
        From the file's names to the model's; the pooler's are among them if all are there.

    Raises
    ------
    CENetError
        If a weight is missing, not expected or of another shape, or if the names are those of
        another kind of model.

    Examples
    --------
    >>> import torch
    >>> from transformers import BertConfig, BertModel
    >>> model = BertModel(BertConfig(vocab_size=9, hidden_size=12, num_hidden_layers=1))
    >>> found = {f"module.bert.{name}": w for name, w in model.state_dict().items()}
    >>> fit_names("here", found, model)["module.bert.embeddings.LayerNorm.bias"]
    'embeddings.LayerNorm.bias'
    """
    if not found:
        raise CENetError(f"{where}: holds no weights; copy it anew")
    whole = model.state_dict()
    wanted = {n: w for n, w in whole.items() if not n.startswith("pooler.")}
    prefix = prefix_of(found, wanted)
    _check_kind(where, prefix, model)
    needed = {name for name in found if not _is_not_needed(name, prefix, wanted)}
    inside = {
        n: _present_name(n.removeprefix(prefix), wanted) for n in needed if n.startswith(prefix)
    }
    twice = [name for name, n in Counter(inside.values()).items() if n > 1]
    if twice:
        both = " and ".join(sorted(n for n, ours in inside.items() if ours == twice[0]))
        raise CENetError(f"{where}: {both} are one weight of the model; leave out one of them")
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())  # saved once, under one name
    expected = {n: w.shape for n, w in wanted.items() if n not in tied or n in inside.values()}
    check_names(
        where,  # in the file's own terms
        {prefix + inside[n] if n in inside else n: found[n] for n in needed},
        {prefix + n: shape for n, shape in expected.items()},
        rules={},
    )
    pooler = {prefix + n: n for n in whole.keys() - wanted.keys()}  # of no use, but it may be there
    fits = all(n in found and found[n].shape == whole[ours].shape for n, ours in pooler.items())
    return inside | (pooler if fits else {})


def prefix_of(names: Collection[str], wanted: Collection[str]) -> str:
    """Return what stands in front of most of the wanted names in a file.

    Examples
    --------
    >>> prefix_of(["module.bert.a.weight", "module.bert.b.bias", "c"], {"a.weight", "b.bias"})
    'module.bert.'
    """
    counts: Counter[str] = Counter()
    for name in names:
        parts = name.split(".")
        for i in range(len(parts)):
            if _present_name(".".join(parts[i:]), wanted) in wanted:
                counts["".join(f"{part}." for part in parts[:i])] += 1
    return min(counts, key=lambda prefix: (-counts[prefix], len(prefix)), default="")


def _present_name(name: str, wanted: Collection[str]) -> str:
    """Return what a weight is called today."""
    for old, new in _OLD_NAMES:
        if name not in wanted and re.sub(old, new, name) in wanted:
            return re.sub(old, new, name)
    return name


def _is_not_needed(name: str, prefix: str, wanted: Collection[str]) -> bool:
    """Tell whether a weight is a head's or a buffer, and none of those that are wanted."""
    if name.startswith(prefix) and _present_name(name.removeprefix(prefix), wanted) in wanted:
        return False
    parts = name.removeprefix(prefix).split(".")
    if parts[-1] in BUFFERS:
        return True
    if not name.startswith(prefix):  # a head stands beside the encoder, in the same wrapper
        wrappers = prefix.split(".")
        while parts and wrappers and parts[0] == wrappers[0]:
            parts, wrappers = parts[1:], wrappers[1:]
    return bool(parts) and parts[0] in _HEADS


def _check_kind(where: object, prefix: str, model: PreTrainedModel) -> None:
    """Refuse a BERT's weights for a RoBERTa: the shapes may fit, the positions do not."""
    kind = model.config.model_type
    ours = {model.base_model_prefix, *re.split(r"[-_]", kind), kind.replace("-", "_")}
    others = [part for part in prefix.split(".") if part in _KINDS and part not in ours]
    if others:
        raise CENetError(
            f"{where}: its weights are called {prefix}…, but config.json says model_type {kind}; "
            "take configuration and weights of the same language model"
        )
