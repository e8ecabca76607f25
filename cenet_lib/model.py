"""CENet: a pre-trained language model that also listens and looks.

The model is any encoder that `transformers.AutoModel` loads (the *backbone*), a fusion module in
front of its layer i (the *injection layer*), and a head that reads the first token (paper, fig. 2):

    words ──► embeddings ──► layer 0 ── + ──► layer 1 ──► … ──► layer L-1 ──► first token ──► ŷ
                                        │
           face and voice codes ──► CE ─┘            (injection_layer = 1, as in the paper)

`CENet.forward` is the whole story, and `CENet._encode` says where the fusion comes in. The other
ways of fusion (`cenet_lib.fusion`) stand in CE's place or, ``late``, right before the head.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.configuration_utils import SubConfigSpec
from transformers.utils import ModelOutput

from .errors import CENetError
from .fusion import FrameBatch, build_fusion
from .language.backbone import keep_first_token, load_backbone, resolve_backbone
from .language.probe import probe
from .language.sentilare import LinguisticEmbeddings, is_sentilare, load_sentilare
from .language.weights import check_names
from .published import RULES, STATE_DICT, read_published


class CENetConfig(PreTrainedConfig):
    """The settings of a `CENet`; the defaults are the paper's, with padding masked.

    Attributes
    ----------
    backbone : PreTrainedConfig
        Of the language model.
    fusion : str
        ``"ce"``, ``"none"`` for words only, or another that `cenet_lib.fusion` knows.
    injection_layer : int
        i: CE stands before this layer of the backbone, counted from 0.
    attention_scale : float
        s, which multiplies the scores in CE.
    mask_padding : bool
        Hide padding codes from CE. The published code does not.
    n_visual_codes, n_acoustic_codes : int
        Sizes k of the vocabularies.
    n_visual_features, n_acoustic_features : int
        Columns of a frame, for a fusion that reads frames.
    linguistic : bool
        Add SentiLARE's part-of-speech, word-polarity and sentence-polarity embeddings.
    head_dropout : float
    frozen_padding_rows : bool
        Give no gradient to the embedding rows that the published code declares to be padding: code
        k, but also ``<s>`` (word 0), "other" words, neutral words, unknown sentence polarity.
    first_token_only : bool
        Compute the last layer for the first token only, which is all that the head reads: the same
        predictions for less work, where the layers are built like BERT's. The backbone called by
        itself then gives this one state.
    """

    model_type = "cenet"
    sub_configs_defaults = {"backbone": SubConfigSpec(config_class=AutoConfig, model_type="bert")}  # noqa: RUF012

    backbone: PreTrainedConfig | dict | None = None
    fusion: str = "ce"
    injection_layer: int = 1
    attention_scale: float = 8.0
    mask_padding: bool = True
    n_visual_codes: int = 16
    n_acoustic_codes: int = 16
    n_visual_features: int = 0
    n_acoustic_features: int = 0
    linguistic: bool = False
    head_dropout: float = 0.1
    frozen_padding_rows: bool = False
    first_token_only: bool = True
    initializer_range: float = 0.02

    @classmethod
    def published(cls, **settings) -> "CENetConfig":
        """Return the published code's settings, see `cenet_lib.published`.

        CE attends to padding, rows named padding are never trained, SentiLARE's embeddings are on;
        the last layer's states are there for all tokens, to be compared.
        """
        published = {
            "mask_padding": False,
            "frozen_padding_rows": True,
            "linguistic": True,
            "first_token_only": False,
        }
        return cls(**{**published, **settings})


@dataclass
class CENetOutput(ModelOutput):
    """What a `CENet` gives back.

    Attributes
    ----------
    loss : () or None
        Mean squared error, if labels were given.
    logits : (B,)
        Predicted intensity.
    visual_attention, acoustic_attention : (B, T, k+1) or None
        Attention of each token over codes, with ``output_attentions=True``; over frames, (B, T, N),
        from ``ce-continuous``; none from a fusion that does not attend.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    visual_attention: Tensor | None = None
    acoustic_attention: Tensor | None = None


class CENet(PreTrainedModel):
    """A language model with cross-modal enhancement and a regression head.

    Raises
    ------
    CENetError
        If there is no such fusion, the injection layer is outside the backbone, or the backbone is
        not an encoder with layers of their own (see `cenet_lib.language.backbone`).

    Source: Wang et al. 2023, figure 2.
    """

    config_class = CENetConfig
    base_model_prefix = "cenet"
    main_input_name = "input_ids"
    accepts_loss_kwargs = False  # the loss is a mean over the batch, not over tokens
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: CENetConfig):
        super().__init__(config)
        self.backbone = AutoModel.from_config(config.backbone)
        if getattr(self.backbone, "pooler", None) is not None:
            self.backbone.pooler = None  # the head below reads the first token itself
        words = self.backbone.get_input_embeddings()

        parts = probe(self.backbone)
        if not 0 <= config.injection_layer < len(parts.layers):
            raise CENetError(
                f"injection_layer is {config.injection_layer}, but the language model has layers "
                f"0 to {len(parts.layers) - 1}"
            )
        self.fusion = build_fusion(config)
        if self.fusion is not None and self.fusion.stands == "before layer":
            layer = parts.layers[config.injection_layer]
            # By its name, because a replica of this model has layers of its own.
            self._injected = next(n for n, m in self.backbone.named_modules() if m is layer)
            layer.enhance = None
            layer.register_forward_pre_hook(_enhance_input)
        # Kept, because a saved model is loaded without a trial, see `probe`.
        config.first_token_only = config.first_token_only and parts.cut is not None
        if config.first_token_only:
            parts.cut.register_forward_pre_hook(keep_first_token)

        self.linguistic = None
        if config.linguistic:
            if not parts.takes_embeddings:
                raise CENetError(
                    f"{config.backbone.model_type} does not take embeddings in place of words, so "
                    "what a dictionary knows cannot be added; choose linguistic=False, or another "
                    "language model, such as BERT"
                )
            frozen = config.frozen_padding_rows
            self.linguistic = LinguisticEmbeddings(words.embedding_dim, frozen)
        if config.frozen_padding_rows:
            words.padding_idx = 0  # whatever the tokenizer pads with
        self.head = RegressionHead(config.backbone.hidden_size, config.head_dropout)
        self.post_init()

    @classmethod
    def from_backbone(cls, backbone: str | Path, **settings) -> "CENet":
        """Build a `CENet` on a pre-trained encoder; everything else is drawn at random.

        Parameters
        ----------
        backbone : str or Path
            ``"minilm"`` (packaged, no download), a folder, or a model hub's name. From a folder
            with SentiLARE, its linguistic embeddings come along, unless ``linguistic=False``.
        **settings
            Of `CENetConfig`.
        """
        backbone = resolve_backbone(backbone)
        if is_sentilare(backbone):
            config, weights = load_sentilare(backbone)
            settings = {"linguistic": True, **settings}
        else:
            pretrained = load_backbone(backbone)
            config = pretrained.config
            weights = {f"backbone.{name}": w for name, w in pretrained.state_dict().items()}
        config._name_or_path = ""  # a saved model need not tell where somebody's files lie
        model = cls(CENetConfig(backbone=config, **settings))
        for part in ("backbone", "linguistic"):
            prefix = f"{part}."
            given = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
            if given and getattr(model, part) is not None:
                given = {n: w for n, w in given.items() if not n.startswith("pooler.")}
                getattr(model, part).load_state_dict(given)
        return model

    @classmethod
    def from_pretrained(cls, *args, **kwargs):
        """Load a saved model, see `transformers.PreTrainedModel.from_pretrained`.

        The weights move from the mapped file into memory of their own. There they are aligned as
        those of the model that was saved, so predictions are the same to the last bit; and the file
        can be replaced while the model lives, which Windows would refuse.
        """
        loaded = super().from_pretrained(*args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded  # with output_loading_info=True
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()
        return loaded

    @classmethod
    def from_published(
        cls,
        source: str | Path | Mapping[str, Tensor],
        config: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> "CENet":
        """Open a checkpoint of the published code, see `cenet_lib.published`.

        Parameters
        ----------
        source : folder or mapping of str to Tensor
            A folder with config.json and pytorch_model.bin (or model.safetensors), or a state dict.
        config : mapping, optional
            In the terms of the published RobertaConfig: ``num_attention_heads``,
            ``layer_norm_eps``, ``hidden_act``, dropouts, …. What the weights' shapes tell may be
            left out; what is left out beyond that takes RobertaConfig's defaults (12 heads). By
            default the folder's config.json.
        **settings
            Of `CENetConfig`, to depart from the published ones.

        Returns
        -------
        CENet
            In evaluation mode. Embeddings, CE output, predictions, loss and gradients are those of
            the published model to rounding.

        Raises
        ------
        CENetError
            If a file is missing, damaged or wants to run code; if config and weights contradict
            each other; or if any weight is missing, not expected or misshapen: the message lists
            them all. The unused pooler and heads of pre-training are left out on purpose.
        """
        described, weights = read_published(source, config)
        model = cls(CENetConfig.published(**{**described, **settings}))
        expected = {name: weight.shape for name, weight in model.state_dict().items()}
        where = STATE_DICT if isinstance(source, Mapping) else source
        check_names(where, weights, expected, RULES)
        model.load_state_dict(weights)
        return model.eval()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        pos_ids: Tensor | None = None,
        polarity_ids: Tensor | None = None,
        sentence_polarity_ids: Tensor | None = None,
        visual_counts: Tensor | None = None,
        acoustic_counts: Tensor | None = None,
        visual: Tensor | None = None,
        acoustic: Tensor | None = None,
        visual_mask: Tensor | None = None,
        acoustic_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool = False,
    ) -> CENetOutput:
        """Predict intensities.

        Parameters
        ----------
        input_ids, attention_mask : (B, T) int
            The text.
        pos_ids, polarity_ids, sentence_polarity_ids : (B, T) int
            What a dictionary knows of it, only with ``linguistic=True``. Sentence polarity left out
            is 5, "unknown".
        visual_counts, acoustic_counts : (B, k+1)
            The streams, for a fusion that reads counts: how often each code occurs in the
            utterance, padding last. Left out: no frames.
        visual, acoustic : (B, N, d_m) float
            The streams, for a fusion that reads frames: standardised. Left out: no frames.
        visual_mask, acoustic_mask : (B, N) bool
            True where there is a frame. Left out: everywhere.
        labels : (B,) float
            Given, the loss comes along.
        output_attentions : bool
            Also return what each token attended to in the fusion.

        Raises
        ------
        CENetError
            If counts or frames have another width than the model was built for.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        text = self._text(input_ids, pos_ids, polarity_ids, sentence_polarity_ids)
        text["attention_mask"] = attention_mask
        call = None
        if self.fusion is not None:
            read = partial(self._stream, input_ids)
            face = read("visual", visual_counts, visual, visual_mask)  # counts or frames
            voice = read("acoustic", acoustic_counts, acoustic, acoustic_mask)
            call = FusionCall(self.fusion, face, voice)
        states = self._encode(text, call)  # (B, T, d), or (B, 1, d) with first_token_only
        logits = self.head(states[:, 0])  # (B,)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        loss = None
        if labels is not None:
            loss = nn.functional.mse_loss(logits, labels.view(-1).to(logits.dtype))
        attention = call.attention if call is not None and output_attentions else (None, None)
        return CENetOutput(loss, logits, *attention)

    def _text(
        self,
        input_ids: Tensor,
        pos_ids: Tensor | None,
        polarity_ids: Tensor | None,
        sentence_polarity_ids: Tensor | None,
    ) -> dict[str, Tensor]:
        """Return what the backbone gets: ids, or their embeddings with what is known added."""
        if self.linguistic is None:
            return {"input_ids": input_ids}
        words = self.backbone.get_input_embeddings()(input_ids)  # (B, T, width)
        # Encoders add positions and normalise after this sum, as SentiLARE does.
        known = self.linguistic(pos_ids, polarity_ids, sentence_polarity_ids, like=input_ids)
        return {"inputs_embeds": words + known}

    def _stream(
        self,
        input_ids: Tensor,
        stream: str,
        counts: Tensor | None,
        frames: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor | FrameBatch:
        """Return what the fusion reads of one stream: counts or frames, none if left out."""
        reads_counts = self.fusion.reads == "counts"
        if reads_counts:
            name, given, columns = "_counts", counts, getattr(self.config, f"n_{stream}_codes") + 1
        else:
            name, given, columns = "", frames, getattr(self.config, f"n_{stream}_features")
        if given is not None and given.shape[-1] != columns:
            raise CENetError(
                f"{stream}{name} has {given.shape[-1]} columns, the model was built for {columns}; "
                "use the processor that the model was trained with"
            )
        if reads_counts:
            return input_ids.new_zeros(len(input_ids), columns) if given is None else given
        dtype = self.head.dense.weight.dtype
        if given is None:  # a place per token, for a fusion that reads aligned frames
            nothing = torch.zeros_like(input_ids, dtype=dtype)  # (B, T)
            return FrameBatch(nothing[..., None].expand(-1, -1, columns), nothing.bool())
        if mask is None:
            mask = torch.ones(given.shape[:2], device=given.device)
        return FrameBatch(given.to(dtype), mask.bool())

    def _encode(self, text: dict[str, Tensor], call: "FusionCall | None") -> Tensor:
        """Run the language model, and the fusion where it stands; return the last states."""
        if call is None:
            return self.backbone(**text).last_hidden_state  # (B, T, d)
        if self.fusion.stands == "at the head":
            return call(self.backbone(**text).last_hidden_state[:, :1])  # (B, 1, d)
        layer = self.backbone.get_submodule(self._injected)
        layer.enhance = call  # `_enhance_input` runs it on the states that enter the layer
        try:
            return self.backbone(**text).last_hidden_state
        finally:
            layer.enhance = None  # nothing stays behind for the next call

    @property
    def attends_over(self) -> str | None:
        """What attention is over: ``"codes"`` or ``"frames"``; ``None`` if there is none."""
        return None if self.fusion is None else self.fusion.attends_over

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        # Transformers asks about leaves only, not about the modules that hold them.
        super()._init_weights(module)
        if self.linguistic is not None and module in self.linguistic.children():
            nn.init.zeros_(module.weight)
        elif isinstance(module, nn.Embedding) and self._is_of_fusion(module):
            nn.init.normal_(module.weight, 0, 0.02)  # a row named padding is not zero

    def _is_of_fusion(self, module: nn.Module) -> bool:
        parts = () if self.fusion is None else self.fusion.modules()
        return any(module is part for part in parts)

    def get_input_embeddings(self) -> nn.Module:
        """Return the backbone's word embeddings."""
        return self.backbone.get_input_embeddings()


class RegressionHead(nn.Module):
    """First token → dropout → dense → tanh → dropout → linear(1)."""

    def __init__(self, d: int, dropout: float):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(d, d)
        self.output = nn.Linear(d, 1)

    def forward(self, first: Tensor) -> Tensor:
        """Map states (B, d) to intensities (B,)."""
        hidden = torch.tanh(self.dense(self.dropout(first)))  # (B, d)
        return self.output(self.dropout(hidden)).squeeze(-1)


class FusionCall:
    """One call of the fusion: its inputs on the way in, its attention on the way out."""

    def __init__(
        self, fusion: nn.Module, visual: Tensor | FrameBatch, acoustic: Tensor | FrameBatch
    ):
        self.fusion = fusion
        self.visual = visual
        self.acoustic = acoustic
        self.attention: tuple[Tensor | None, Tensor | None] = (None, None)

    def __call__(self, text: Tensor) -> Tensor:
        """Enhance text states (B, T, d)."""
        states, *attention = self.fusion(text, self.visual, self.acoustic)
        self.attention = tuple(attention)
        return states


def _enhance_input(layer: nn.Module, inputs: tuple) -> tuple | None:
    """Enhance the states that enter ``layer``.

    A hook, not a wrapper around the layer, so that the backbone's weights keep their names. It
    takes the call from the layer it runs on, so replicas of a model do not meet.
    """
    if layer.enhance is None:
        return None
    text, *rest = inputs
    return (layer.enhance(text), *rest)


AutoConfig.register("cenet", CENetConfig)
AutoModel.register(CENetConfig, CENet)
