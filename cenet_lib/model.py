"""CENet: a pre-trained language model that also listens and looks.

The model is any encoder that `transformers.AutoModel` loads (the *backbone*), a fusion module in
front of its layer i (the *injection layer*), and a head that reads the first token (paper,
fig. 2)::

    words ──► embeddings ──► layer 0 ── + ──► layer 1 ──► … ──► layer L-1 ──► first token ──► ŷ
                                        │
           face and voice codes ──► CE ─┘            (injection_layer = 1, as in the paper)

`CENet.forward` is the whole story, and `CENet._encode` says where the fusion comes in. The other
ways of fusion (`cenet_lib.fusion`) stand in CE's place or, ``late``, right before the head.

`cenet_lib.processor` makes what the model reads; `cenet_lib.training` trains it, and
`cenet_lib.prediction` asks it.
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

from .errors import CENetError, first_line
from .fusion import FrameBatch, Fusion, build_fusion
from .language.backbone import keep_first_token, load_backbone
from .language.described import check_sizes, harmless
from .language.place import backbone_folder
from .language.probe import probe
from .language.sentilare import LinguisticEmbeddings, is_sentilare, load_sentilare
from .language.weights import (
    check_names,
    check_values,
    config_file,
    read_config,
    read_weights,
    weight_shapes,
)
from .published import RULES, STATE_DICT, read_published


class CENetConfig(PreTrainedConfig):
    """What a `CENet` is built from; the defaults are the paper's, with padding masked.

    Attributes
    ----------
    backbone : PreTrainedConfig
        The configuration of the language model.
    fusion : str
        ``"ce"``, ``"none"`` for words only, or another that `cenet_lib.fusion` knows.
    injection_layer : int
        The layer i of the backbone, counted from 0, before which CE stands.
    attention_scale : float
        The factor s on the scores in CE.
    mask_padding : bool
        Whether to hide padding codes from CE. The published code does not.
    n_visual_codes, n_acoustic_codes : int
        The sizes k of the vocabularies.
    n_visual_features, n_acoustic_features : int
        How many features a frame has, for a fusion that reads frames.
    linguistic : bool
        Whether to add SentiLARE's part-of-speech, word-polarity and sentence-polarity embeddings.
    head_dropout : float
        The share of the head's inputs that is left out in training.
    frozen_padding_rows : bool
        Whether to give no gradient to the embedding rows that the published code declares to be
        padding: code k, but also ``<s>`` (word 0), "other" words, neutral words, unknown sentence
        polarity.
    first_token_only : bool
        Whether to compute the last layer for the first token only, which is all that the head
        reads: the same predictions for less work, where the layers are built like BERT's. The
        backbone called by itself then gives this one state.
    initializer_range : float
        The standard deviation of the weights of the head, which are drawn at random.

    Examples
    --------
    >>> from transformers import BertConfig
    >>> config = CENetConfig(backbone=BertConfig(hidden_size=12), injection_layer=2)
    >>> config.injection_layer, config.attention_scale
    (2, 8.0)
    >>> CENetConfig.published().mask_padding
    False
    """

    model_type = "cenet"
    sub_configs_defaults = {"backbone": SubConfigSpec(config_class=AutoConfig, model_type="bert")}  # noqa: RUF012

    backbone: PreTrainedConfig | dict[str, Any] | None = None
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
    def published(cls, **options: Any) -> "CENetConfig":
        """Return the configuration of the published code, see `cenet_lib.published`.

        CE attends to padding, rows named padding are never trained, SentiLARE's embeddings are on;
        the last layer's states are there for all tokens, to be compared. Options depart from it.
        """
        published: dict[str, Any] = {
            "mask_padding": False,
            "frozen_padding_rows": True,
            "linguistic": True,
            "first_token_only": False,
        }
        return cls(**{**published, **options})


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

    Examples
    --------
    >>> output = CENetOutput(logits=torch.zeros(3))
    >>> output.logits.shape, output.loss
    (torch.Size([3]), None)
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    visual_attention: Tensor | None = None
    acoustic_attention: Tensor | None = None


class CENet(PreTrainedModel):
    """A language model with cross-modal enhancement and a regression head.

    Parameters
    ----------
    config : CENetConfig
        All weights are drawn at random; `from_backbone` loads a pre-trained language model.

    Raises
    ------
    CENetError
        If there is no such fusion, the injection layer is outside the backbone, or the backbone is
        not an encoder with layers of their own (see `cenet_lib.language.backbone`).

    Source: Wang et al. 2023, figure 2.

    Examples
    --------
    >>> from transformers import BertConfig
    >>> backbone = BertConfig(vocab_size=100, hidden_size=12, num_hidden_layers=2)
    >>> model = CENet(CENetConfig(backbone=backbone, n_visual_codes=2, n_acoustic_codes=2))
    >>> words, counts = torch.tensor([[5, 6, 7]]), torch.tensor([[3, 1, 0]])
    >>> output = model(words, visual_counts=counts, acoustic_counts=counts, output_attentions=True)
    >>> output.logits.shape, output.visual_attention.shape
    (torch.Size([1]), torch.Size([1, 3, 3]))
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
        self.backbone = AutoModel.from_config(config.backbone, trust_remote_code=False)
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
            layer: Any = parts.layers[config.injection_layer]
            # By its name, because a replica of this model has layers of its own.
            self._injected = next(n for n, m in self.backbone.named_modules() if m is layer)
            layer.enhance = None  # `_encode` puts a `FusionCall` there
            layer.register_forward_pre_hook(_enhance_input)
        # Kept, because a saved model is loaded without a trial, see `probe`.
        config.first_token_only = config.first_token_only and parts.cut is not None
        if config.first_token_only and parts.cut is not None:
            parts.cut.register_forward_pre_hook(keep_first_token)

        self.linguistic: LinguisticEmbeddings | None = None
        if config.linguistic:
            if not parts.takes_embeddings:
                raise CENetError(
                    f"{self.backbone.config.model_type} does not take embeddings in place of "
                    "words, so what a dictionary knows cannot be added; choose linguistic=False, "
                    "or another language model, such as BERT"
                )
            self.linguistic = LinguisticEmbeddings(words.embedding_dim, config.frozen_padding_rows)
        if config.frozen_padding_rows:
            words.padding_idx = 0  # whatever the tokenizer pads with
        self.head = RegressionHead(self.backbone.config.hidden_size, config.head_dropout)
        self.post_init()

    @classmethod
    def from_backbone(cls, backbone: str | Path, **options: Any) -> "CENet":
        """Build a `CENet` on a pre-trained encoder; everything else is drawn at random.

        Parameters
        ----------
        backbone : str or Path
            ``"minilm"`` (packaged, no download), a folder, its file of weights, or a model hub's
            name. From a folder with SentiLARE, its linguistic embeddings come along, unless
            ``linguistic=False``.
        **options
            Attributes of `CENetConfig`.

        Examples
        --------
        >>> model = CENet.from_backbone("minilm", fusion="none")
        >>> model.config.backbone.num_hidden_layers
        6
        """
        backbone = backbone_folder(backbone)
        config: PreTrainedConfig
        if is_sentilare(backbone):
            config, weights = load_sentilare(backbone)
            options = {"linguistic": True, **options}
        else:
            pretrained = load_backbone(backbone)
            config = pretrained.config
            weights = {f"backbone.{name}": w for name, w in pretrained.state_dict().items()}
        config._name_or_path = ""  # a saved model need not tell where somebody's files lie
        model = cls(CENetConfig(backbone=config, **options))
        for part in ("backbone", "linguistic"):
            prefix = f"{part}."
            given = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
            if given and getattr(model, part) is not None:
                given = {n: w for n, w in given.items() if not n.startswith("pooler.")}
                getattr(model, part).load_state_dict(given)
        return model

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> "CENet":
        """Load a saved model, see `transformers.PreTrainedModel.from_pretrained`.

        Nothing in the folder is ever executed, of its configuration only what describes the model
        is heeded, and every weight must be there, fit and be a number.

        The weights move from the mapped file into memory of their own. There they are aligned as
        those of the model that was saved, so predictions are the same to the last bit; and the file
        can be replaced while the model lives, which Windows would refuse.

        Raises
        ------
        CENetError
            If a file is missing or damaged, or weights and configuration do not fit.
        """
        folder, *rest = args or (kwargs.pop("pretrained_model_name_or_path", None),)
        if folder is not None:
            place = backbone_folder(folder, "CENet")
            config = kwargs.pop("config", None) or _saved_config(place)
            weights = _saved_weights(place, config)
            kwargs |= {"config": config, "state_dict": weights, "trust_remote_code": False}
        loaded = super().from_pretrained(None, *rest, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded  # with output_loading_info=True
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()
        return loaded

    @classmethod
    def from_published(
        cls,
        source: str | Path | Mapping[str, Tensor],
        config: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> "CENet":
        """Open a checkpoint of the published code, see `cenet_lib.published`.

        Parameters
        ----------
        source : folder or mapping of str to Tensor
            A folder with config.json and pytorch_model.bin (or model.safetensors), or a state dict.
            A wrapper's name in front of all weights, such as ``module.``, is taken off.
        config : mapping, optional
            What it was built from, in the terms of the published RobertaConfig:
            ``num_attention_heads``, ``layer_norm_eps``, ``hidden_act``, dropouts, …. What the
            weights' shapes tell may be left out; what is left out beyond that takes RobertaConfig's
            defaults (12 heads). By default it is the folder's config.json.
        **options
            Attributes of `CENetConfig` that depart from the published ones.

        Returns
        -------
        CENet
            The model, in evaluation mode. Embeddings, CE output, predictions, loss and gradients
            are those of the published model to rounding.

        Raises
        ------
        CENetError
            If a file is missing, damaged or wants to run code; if config and weights contradict
            each other; or if any weight is missing, not expected or misshapen: the message lists
            them all. The unused pooler and heads of pre-training are left out on purpose.
        """
        described, weights = read_published(source, config)
        model = cls(CENetConfig.published(**{**described, **options}))
        expected = {name: weight.shape for name, weight in model.state_dict().items()}
        where = STATE_DICT if isinstance(source, Mapping) else source
        check_names(where, weights, expected, RULES)
        model.load_state_dict(weights)
        model.eval()
        return model

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
            True intensities. If they are given, the loss comes along.
        output_attentions : bool
            Whether to return what each token attended to in the fusion as well.

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
            read = partial(self._stream, self.fusion.reads == "counts", input_ids)
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
        reads_counts: bool,
        input_ids: Tensor,
        stream: str,
        counts: Tensor | None,
        frames: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor | FrameBatch:
        """Return what the fusion reads of one stream: counts or frames, none if left out."""
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
            mask = torch.ones(given.shape[:2], device=given.device)  # (B, N)
        return FrameBatch(given.to(dtype), mask.bool())

    def _encode(self, text: dict[str, Tensor], call: "FusionCall | None") -> Tensor:
        """Run the language model, and the fusion where it stands; return the last states."""
        states: Tensor
        if call is None:
            states = self.backbone(**text).last_hidden_state  # (B, T, d)
        elif call.fusion.stands == "at the head":
            states = call(self.backbone(**text).last_hidden_state[:, :1])  # (B, 1, d)
        else:
            layer = self.backbone.get_submodule(self._injected)
            layer.enhance = call  # `_enhance_input` runs it on the states that enter the layer
            try:
                states = self.backbone(**text).last_hidden_state  # (B, T, d)
            finally:
                layer.enhance = None  # nothing stays behind for the next call
        return states

    @property
    def attends_over(self) -> str | None:
        """What attention is over: ``"codes"`` or ``"frames"``; ``None`` if there is none."""
        return None if self.fusion is None else self.fusion.attends_over

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        # Transformers asks about leaves only, not about the modules that hold them.
        super()._init_weights(module)  # type: ignore[no-untyped-call]  # transformers' own
        if not isinstance(module, nn.Embedding):
            return
        if self.linguistic is not None and module in self.linguistic.children():
            nn.init.zeros_(module.weight)
        elif self._is_of_fusion(module):
            nn.init.normal_(module.weight, 0, 0.02)  # a row named padding is not zero

    def _is_of_fusion(self, module: nn.Module) -> bool:
        parts = () if self.fusion is None else self.fusion.modules()
        return any(module is part for part in parts)

    def get_input_embeddings(self) -> nn.Module:
        """Return the backbone's word embeddings."""
        words: nn.Module = self.backbone.get_input_embeddings()
        return words


class RegressionHead(nn.Module):
    """The head: first token → dropout → dense → tanh → dropout → linear(1).

    Parameters
    ----------
    d : int
        Width of the text states.
    dropout : float
        The share of its inputs that is left out in training.

    Examples
    --------
    >>> RegressionHead(d=8, dropout=0.1)(torch.zeros(3, 8)).shape
    torch.Size([3])
    """

    def __init__(self, d: int, dropout: float):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(d, d)
        self.output = nn.Linear(d, 1)

    def forward(self, first: Tensor) -> Tensor:
        """Map states (B, d) to intensities (B,)."""
        hidden = torch.tanh(self.dense(self.dropout(first)))  # (B, d)
        intensity: Tensor = self.output(self.dropout(hidden)).squeeze(-1)  # (B,)
        return intensity


class FusionCall:
    """One call of the fusion: its inputs on the way in, its attention on the way out.

    Parameters
    ----------
    fusion : Fusion
        What is called.
    visual, acoustic : Tensor or FrameBatch
        What it reads of the two streams: counts or frames.

    Attributes
    ----------
    attention : (visual, acoustic)
        What the fusion attended to; both ``None`` before the call, and if it does not attend.

    Examples
    --------
    >>> from cenet_lib import CrossModalEnhancement
    >>> counts = torch.tensor([[3, 1, 0]])
    >>> call = FusionCall(CrossModalEnhancement(8, 2, 2), counts, counts)
    >>> call(torch.zeros(1, 5, 8)).shape, call.attention[0].shape
    (torch.Size([1, 5, 8]), torch.Size([1, 5, 3]))
    """

    def __init__(self, fusion: Fusion, visual: Tensor | FrameBatch, acoustic: Tensor | FrameBatch):
        self.fusion = fusion
        self.visual = visual
        self.acoustic = acoustic
        self.attention: tuple[Tensor | None, Tensor | None] = (None, None)

    def __call__(self, text: Tensor) -> Tensor:
        """Enhance text states (B, T, d)."""
        states, visual, acoustic = self.fusion(text, self.visual, self.acoustic)
        self.attention = (visual, acoustic)
        return states  # (B, T, d)


def _enhance_input(layer: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Enhance the states that enter ``layer``.

    A hook, not a wrapper around the layer, so that the backbone's weights keep their names. It
    takes the call from the layer it runs on, so replicas of a model do not meet.
    """
    if layer.enhance is None:
        return None
    text, *rest = inputs
    return (layer.enhance(text), *rest)


def _saved_config(place: Path) -> CENetConfig:
    """Read what a saved model was built from, without trust in the file."""
    file = config_file(place)
    described = harmless(read_config(place))
    if described.pop("model_type", None) != "cenet" or "backbone" not in described:
        raise CENetError(f"{file}: describes no CENet; train the run anew")
    check_sizes(file, described, weight_shapes(place))
    try:
        return CENetConfig(**described)
    except Exception as error:  # whatever a configuration makes of damaged values
        reason = " ".join(str(error).split())
        raise CENetError(f"{file}: is damaged ({reason}); train the run anew") from error


def _saved_weights(place: Path, config: CENetConfig) -> dict[str, Tensor]:
    """Read the weights of a saved model, after a look at whether they fit."""
    try:
        with torch.device("meta"):  # shapes only
            expected = {name: w.shape for name, w in CENet(config).state_dict().items()}
    except Exception as error:  # whatever a model makes of damaged values
        raise CENetError(
            f"{config_file(place)}: no model can be built from it ({first_line(error)}); train the "
            "run anew"
        ) from error
    check_names(place, weight_shapes(place), expected, {})
    weights = read_weights(place)
    check_values(place, weights)
    return weights


AutoConfig.register("cenet", CENetConfig)
AutoModel.register(CENetConfig, CENet)
