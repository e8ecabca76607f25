"""SentiLARE: a RoBERTa that was pre-trained with what dictionaries know about words.

Beside word and position, each token's input embedding sums three more: the word's part of speech,
the word's polarity, and the polarity of the sentence. The checkpoint is a folder with config.json,
pytorch_model.bin (or model.safetensors), vocab.json and merges.txt, in the naming of
pytorch-transformers 1.x::

    roberta.embeddings.{word,position,token_type}_embeddings.weight
    roberta.embeddings.{pos_tag,senti,polarity}_embeddings.weight     5, 3 and 6 rows
    roberta.encoder.layer.N.…
    roberta.pooler.…                        not needed: the head reads the first token itself
    lm_head.…, senti_head.…, pos_head.…, pola_head.…      of pre-training, not needed

Saved again by later programs it may have a wrapper's name in front (``module.``, ``model.``), or
none at all, and buffers such as ``position_ids`` among the weights: `in_own_terms` sees to both.

`cenet_lib.model.CENet.from_backbone` opens such a folder as any other language model, and
`cenet_lib.processor` takes its tokenizer.

Source: Ke et al. 2020, "SentiLARE: Sentiment-Aware Language Representation Learning with Linguistic
Knowledge" (EMNLP), section 3; thu-coai/SentiLARE.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn
from transformers import (
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    RobertaTokenizerFast,
)

from ..errors import CENetError, first_line
from .annotators import POLARITY_NEUTRAL, POS_OTHER, SENTENCE_POLARITY_UNKNOWN
from .described import check_sizes, harmless
from .names import BUFFERS
from .tokenizer import only_files
from .weights import (
    check_names,
    check_values,
    config_file,
    folder_of,
    read_config,
    read_weights,
    renamed,
    weight_names,
    weight_shapes,
)

# From the checkpoint's names to those of a `CENet`, first match first.
RENAMED = {
    "roberta.embeddings.pos_tag_embeddings.": "linguistic.pos.",
    "roberta.embeddings.senti_embeddings.": "linguistic.polarity.",
    "roberta.embeddings.polarity_embeddings.": "linguistic.sentence_polarity.",
    "roberta.": "backbone.",
}
_LAYER = re.compile(r"^roberta\.encoder\.layer\.(\d+)\.")
NOT_NEEDED = ("roberta.pooler.", "lm_head.", "senti_head.", "pos_head.", "pola_head.")


class LinguisticEmbeddings(nn.Module):
    """SentiLARE's knowledge about words: part of speech, polarity, and the sentence's polarity.

    New rows start at zero, so that switching them on changes nothing before training.

    Parameters
    ----------
    width : int
        Width of the language model's word embeddings.
    frozen_padding : bool
        Whether to give the rows that serve as padding no gradient, as the published code does:
        "other" word, neutral word, unknown sentence.

    Source: Ke et al. 2020, section 3.

    Examples
    --------
    >>> embeddings = LinguisticEmbeddings(width=8)
    >>> ids = torch.tensor([[1, 3]])  # an adjective and a noun
    >>> embeddings(ids, torch.tensor([[1, 2]]), None, like=ids).shape
    torch.Size([1, 2, 8])
    """

    def __init__(self, width: int, frozen_padding: bool = False):
        super().__init__()

        def embedding(n_ids: int, padding: int) -> nn.Embedding:
            return nn.Embedding(n_ids, width, padding_idx=padding if frozen_padding else None)

        self.pos = embedding(5, POS_OTHER)  # verb, adjective, adverb, noun, other
        self.polarity = embedding(3, POLARITY_NEUTRAL)  # negative, positive, neutral
        self.sentence_polarity = embedding(6, SENTENCE_POLARITY_UNKNOWN)  # 1 to 5 stars, unknown
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Set every row to zero."""
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        pos_ids: Tensor | None,
        polarity_ids: Tensor | None,
        sentence_polarity_ids: Tensor | None,
        like: Tensor,
    ) -> Tensor:
        """Return the sum of the three embeddings, (B, T, width).

        Parameters
        ----------
        pos_ids, polarity_ids : (B, T) int
            The ids of each token's word, see `cenet_lib.language.annotators`.
        sentence_polarity_ids : (B, T) int or None
            How many stars the sentence has, from 0 for one; by default 5, "unknown".
        like : (B, T) int
            What the ids that are left out are shaped as.

        Raises
        ------
        CENetError
            If the ids of the words are left out.
        """
        if pos_ids is None or polarity_ids is None:
            raise CENetError(
                "this model was built with linguistic=True: give pos_ids and polarity_ids, as a "
                "processor with an annotator does"
            )
        if sentence_polarity_ids is None:
            sentence_polarity_ids = torch.full_like(like, SENTENCE_POLARITY_UNKNOWN)
        known: Tensor = (
            self.pos(pos_ids)
            + self.polarity(polarity_ids)
            + self.sentence_polarity(sentence_polarity_ids)
        )  # (B, T, width)
        return known


def is_sentilare(folder: str | Path) -> bool:
    """Tell whether a folder holds a SentiLARE checkpoint, from the names of its weights.

    Examples
    --------
    >>> is_sentilare("models/mine")
    False
    """
    return any(".pos_tag_embeddings." in name for name in weight_names(folder))


def load_sentilare(folder: str | Path) -> tuple[RobertaConfig, dict[str, Tensor]]:
    """Read a SentiLARE checkpoint.

    Returns
    -------
    config : RobertaConfig
        What the language model is built from.
    weights : dict of str to Tensor
        The weights by the names of a `CENet` with a RoBERTa backbone and ``linguistic=True``:
        ``backbone.…`` and ``linguistic.…``. Every row is as it was trained, those that serve as
        padding too.

    Raises
    ------
    CENetError
        If a file is missing, damaged or wants to run code, or if any weight is missing, not
        expected, of another shape or no number; the message lists them.

    Examples
    --------
    >>> load_sentilare("models/mine")  # a plain BERT
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: models/mine: its weights do not fit: missing: \
roberta.embeddings.polarity_embeddings.weight, ...
    """
    shapes = in_own_terms(weight_shapes(folder))
    if any(name.startswith("roberta.encoder.CE.") for name in shapes):
        raise CENetError(f"{folder}: is a whole CENet; open it with CENet.from_published")
    config = roberta_config(_described(folder, shapes), shapes, folder)
    check_names(folder, renamed(shapes, RENAMED, NOT_NEEDED), _expected(config), RENAMED)
    weights = renamed(in_own_terms(read_weights(folder)), RENAMED, NOT_NEEDED)
    check_values(folder, weights)
    return config, weights


def _described(folder: str | Path, shapes: Mapping[str, Tensor]) -> dict[str, Any]:
    """Read config.json, after a look at the sizes that it asks for."""
    described: dict[str, Any] = harmless(read_config(folder))
    check_sizes(config_file(folder), described, shapes)
    return described


def in_own_terms(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights by the names that the authors gave them, without buffers.

    Examples
    --------
    >>> rows = torch.zeros(5, 8)
    >>> found = {"module.roberta.embeddings.word_embeddings.weight": rows, "module.lm_head.bias": 0}
    >>> list(in_own_terms(found | {"module.roberta.embeddings.position_ids": rows[0]}))
    ['roberta.embeddings.word_embeddings.weight', 'lm_head.bias']
    """
    anchor = "embeddings.word_embeddings.weight"
    prefix = next((n.removesuffix(anchor) for n in found if n.endswith(f".{anchor}")), "")
    wrapper, whole = prefix.removesuffix("roberta."), prefix.endswith("roberta.")
    named: dict[str, Tensor] = {}
    for name, weight in found.items():
        if name.split(".")[-1] in BUFFERS:
            continue
        name = name.removeprefix(wrapper)
        bare = not whole and name.startswith(("embeddings.", "encoder.", "pooler."))
        named[f"roberta.{name}" if bare else name] = weight
    return named


def load_sentilare_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer: words one by one, each with a space in front; ``<s> pieces </s></s>``.

    RoBERTa's own layout has one ``</s>``.

    Raises
    ------
    CENetError
        If vocab.json or merges.txt is missing or damaged.

    Examples
    --------
    >>> load_sentilare_tokenizer("models/mine")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: models/mine/vocab.json: is missing; copy it from SentiLARE's folder
    """
    folder, files = folder_of(folder), ("vocab.json", "merges.txt")
    for name in files:
        if not (folder / name).is_file():
            raise CENetError(f"{folder / name}: is missing; copy it from SentiLARE's folder")
    try:
        with only_files(folder, files) as clean:
            roberta = RobertaTokenizerFast.from_pretrained(clean, add_prefix_space=True)
    except Exception as error:  # whatever a tokenizer makes of a damaged file
        raise CENetError(
            f"{folder}: its vocabulary cannot be read ({first_line(error)}); copy it anew"
        ) from error
    rules = roberta.backend_tokenizer
    bos, eos = roberta.bos_token, roberta.eos_token
    rules.post_processor = TemplateProcessing(
        single=f"{bos} $A {eos} {eos}",
        special_tokens=[(bos, roberta.bos_token_id), (eos, roberta.eos_token_id)],
    )
    # Of the general class, because RoBERTa's own sets its layout anew whenever it is loaded.
    return PreTrainedTokenizerFast(
        tokenizer_object=rules,
        model_max_length=roberta.model_max_length,
        add_prefix_space=True,
        **roberta.special_tokens_map,
    )


def roberta_config(
    described: Mapping[str, Any], weights: Mapping[str, Tensor], where: object = "the weights"
) -> RobertaConfig:
    """Make a RobertaConfig from one in pytorch-transformers' terms and the weights' shapes.

    What shapes tell may be left out of the description; the rest takes RobertaConfig's defaults.

    Parameters
    ----------
    described : mapping
        ``num_attention_heads``, ``layer_norm_eps``, ``hidden_act``, ``hidden_dropout_prob``,
        ``attention_probs_dropout_prob``, …; what does not concern RoBERTa's layers is ignored.
    weights : mapping of str to Tensor
        The weights by the checkpoint's names; their values are not looked at.
    where : object
        What error messages call the place that both come from.

    Raises
    ------
    CENetError
        If description and shapes contradict each other, or a weight that tells a size is missing.

    Examples
    --------
    >>> roberta_config({"num_attention_heads": 2}, weights={})
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: the weights: no matrix \
roberta.embeddings.word_embeddings.weight is there; this is not a RoBERTa checkpoint
    """
    told: dict[str, Any] = {}
    for name, (key, axis) in {
        "vocab_size": ("roberta.embeddings.word_embeddings.weight", 0),
        "hidden_size": ("roberta.embeddings.word_embeddings.weight", 1),
        "max_position_embeddings": ("roberta.embeddings.position_embeddings.weight", 0),
        "type_vocab_size": ("roberta.embeddings.token_type_embeddings.weight", 0),
        "intermediate_size": ("roberta.encoder.layer.0.intermediate.dense.weight", 0),
    }.items():
        if key not in weights or weights[key].ndim != 2:
            raise CENetError(f"{where}: no matrix {key} is there; this is not a RoBERTa checkpoint")
        told[name] = weights[key].shape[axis]
    layers = {part for name in weights for part in re.findall(_LAYER, name)}
    told["num_hidden_layers"] = len(layers)
    for name, size in told.items():
        if described.get(name, size) != size:
            raise CENetError(
                f"{where}: config says {name} = {described[name]}, the weights' shapes say {size}; "
                "config and weights are not of the same model"
            )
    kept = (
        "num_attention_heads",
        "layer_norm_eps",
        "hidden_act",
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "initializer_range",
    )
    told |= {name: described[name] for name in kept if name in described}
    try:
        config = RobertaConfig(**told)
    except Exception as error:  # whatever a configuration makes of a stranger's values
        reason = " ".join(str(error).split())
        raise CENetError(
            f"{where}: the config cannot be understood ({reason}); copy it anew"
        ) from error
    if config.num_attention_heads < 1 or config.hidden_size % config.num_attention_heads:
        raise CENetError(
            f"{where}: {config.num_attention_heads} attention heads cannot share "
            f"{config.hidden_size} features; give the right num_attention_heads in the config"
        )
    return config


def _expected(config: RobertaConfig) -> dict[str, torch.Size]:
    """Return the shapes of a SentiLARE language model's weights, by a `CENet`'s names."""
    with torch.device("meta"):  # shapes only
        parts = {
            "backbone": RobertaModel(config, add_pooling_layer=False),
            "linguistic": LinguisticEmbeddings(config.hidden_size),
        }
    return {
        f"{part}.{name}": weight.shape
        for part, module in parts.items()
        for name, weight in module.state_dict().items()
    }
