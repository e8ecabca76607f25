"""Ways to bring face and voice into a language model, under one switch, for an honest comparison.

`cenet_lib.model` builds one of them into its language model, and `cenet_lib.processor` makes what
it reads.

================= ======================================== ============ ======== ============
name              what it does                             stands       reads    attends over
================= ======================================== ============ ======== ============
``none``          nothing: words only
``ce``            attention over k-means codes (CENet)     before layer counts   codes
``ce-continuous`` the same over the frames themselves      before layer frames   frames
``mag``           a gated shift by the frames of each word before layer aligned
``late``          a shift by the average frame             at the head  frames
================= ======================================== ============ ======== ============

Everything else (language model, head, training) stays the same. Each is a module that takes text
states (B, T, d) and what it reads of the two other streams, and returns an `Enhancement`. Its class
says of itself all that the rest of the package needs to know:

``reads``
    ``"counts"``: how often each code occurs, (B, k+1); ``"frames"``: a `FrameBatch` of as many
    frames as there are, (B, N, d_m); ``"aligned"``: a `FrameBatch` of one frame per token,
    (B, T, d_m). Frames come standardised (`FeatureVocabulary.standardize`).
``stands``
    ``"before layer"``: it gets the states that enter layer ``injection_layer``; ``"at the head"``:
    it gets the first token's last state, (B, 1, d).
``attends_over``
    What its attention is over, ``"codes"`` or ``"frames"``; ``None`` if it does not attend.
``settings``
    The fields of `TrainingSettings` that make a difference to it beyond those that all share.
``from_config(config)``
    Builds it from a `CENetConfig`.

A class of one's own joins with `register_fusion`, from a notebook too; nothing else has to change.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from .enhancement import CodeAttention, CrossModalEnhancement, Enhancement, FusionConfig
from .errors import CENetError
from .settings import FUSION_NAMES

READS = ("counts", "frames", "aligned")
STANDS = ("before layer", "at the head")
ATTENDS_OVER = ("codes", "frames", None)


class Fusion(Protocol):
    """A way of fusion: a ``torch.nn.Module`` with what the top of this module names.

    Examples
    --------
    >>> fusion: type[Fusion] = LateFusion
    >>> fusion.reads, fusion.stands
    ('frames', 'at the head')
    """

    reads: ClassVar[str]
    stands: ClassVar[str]
    attends_over: ClassVar[str | None]
    settings: ClassVar[tuple[str, ...]]

    @classmethod
    def from_config(cls, config: FusionConfig) -> "Fusion":
        """Build the module that a `CENetConfig` describes."""

    def __call__(self, text: Tensor, visual: Any, acoustic: Any, /) -> Enhancement:
        """Enhance text states (B, T, d) by what the fusion reads of the two streams."""

    def modules(self) -> Iterator[nn.Module]:
        """Yield the fusion itself and all its parts, as every ``torch.nn.Module`` does."""


_FUSIONS: dict[str, type[Fusion] | None] = {"none": None}
C = TypeVar("C", bound=type[Fusion])


def register_fusion(name: str, fusion: C) -> C:
    """Make a way of fusion known under a name: to settings, recipes and the command line.

    Parameters
    ----------
    name : str
        A name that is not taken yet; a class may be registered anew under its own, as happens when
        a notebook's cell runs twice.
    fusion : class
        A subclass of ``torch.nn.Module`` with what the top of this module names.

    Returns
    -------
    class
        The class itself.

    Raises
    ------
    CENetError
        If the name is taken by another class, or the class lacks something.

    Examples
    --------
    >>> class Mean(nn.Module):
    ...     reads, stands, attends_over, settings = "frames", "at the head", None, ()
    ...     def __init__(self, d, n_visual):
    ...         super().__init__()
    ...         self.shift = nn.Linear(n_visual, d)
    ...     @classmethod
    ...     def from_config(cls, config):
    ...         return cls(config.backbone.hidden_size, config.n_visual_features)
    ...     def forward(self, text, visual, acoustic):
    ...         return Enhancement(text + self.shift(visual.values.mean(1))[:, None, :])
    >>> _ = register_fusion("mean-face", Mean)
    >>> from cenet_lib import TrainingSettings
    >>> TrainingSettings(fusion="mean-face").fusion
    'mean-face'
    """
    known = _FUSIONS.get(name)
    if name in _FUSIONS and getattr(known, "__qualname__", None) != fusion.__qualname__:
        raise CENetError(f"there is a fusion {name!r} already; register yours under another name")
    allowed = {"reads": READS, "stands": STANDS, "attends_over": ATTENDS_OVER}
    for attribute, values in allowed.items():
        if getattr(fusion, attribute, "missing") not in values:
            choices = ", ".join(repr(value) for value in values)
            raise CENetError(
                f"{fusion.__name__}.{attribute} is {getattr(fusion, attribute, 'missing')!r}; "
                f"a fusion says one of {choices}"
            )
    for attribute in ("settings", "from_config", "forward"):
        if not hasattr(fusion, attribute):
            raise CENetError(f"{fusion.__name__} has no {attribute}; see cenet_lib.fusion")
    _FUSIONS[name] = fusion
    if name not in FUSION_NAMES:
        FUSION_NAMES.append(name)
    return fusion


def fusion_class(name: str) -> type[Fusion] | None:
    """Return the class that was registered under a name; ``None`` for words only.

    Raises
    ------
    CENetError
        If no class was registered under this name.

    Examples
    --------
    >>> fusion_class("ce").__name__, fusion_class("none")
    ('CrossModalEnhancement', None)
    """
    if name not in _FUSIONS:
        raise CENetError(
            f"there is no fusion {name!r}; choose one of {', '.join(_FUSIONS)}, or import the "
            "module that registers your own"
        )
    return _FUSIONS[name]


def build_fusion(config: FusionConfig) -> Fusion | None:
    """Build the fusion that a `CENetConfig` asks for; ``None`` for words only.

    Raises
    ------
    CENetError
        If there is no such fusion, or it reads frames and their widths are not given.

    Examples
    --------
    >>> from transformers import BertConfig
    >>> from cenet_lib import CENetConfig
    >>> widths = {"n_visual_features": 6, "n_acoustic_features": 5}
    >>> config = CENetConfig(backbone=BertConfig(hidden_size=12), fusion="late", **widths)
    >>> build_fusion(config).visual
    Linear(in_features=6, out_features=12, bias=True)
    """
    fusion = fusion_class(config.fusion)
    if fusion is None:
        return None
    _, n_visual, n_acoustic = _widths(config)
    if fusion.reads != "counts" and min(n_visual, n_acoustic) < 1:
        raise CENetError(
            f"fusion {config.fusion!r} reads frames; give their widths, n_visual_features and "
            f"n_acoustic_features (now {n_visual} and {n_acoustic})"
        )
    return fusion.from_config(config)


def _widths(config: FusionConfig) -> tuple[int, int, int]:
    """Return the widths d, d_v and d_a of text states and of the frames of face and voice."""
    return config.backbone.hidden_size, config.n_visual_features, config.n_acoustic_features


class FrameBatch(NamedTuple):
    """One stream of a batch, as a fusion that reads frames gets it.

    Attributes
    ----------
    values : (B, N, d_m)
        Standardised features, 0 where there is padding.
    mask : (B, N) bool
        True where there is a frame.

    Examples
    --------
    >>> face = FrameBatch(torch.zeros(2, 7, 6), torch.ones(2, 7, dtype=torch.bool))
    >>> face.values.shape  # two utterances, seven frames, six features
    torch.Size([2, 7, 6])
    """

    values: Tensor
    mask: Tensor


class ContinuousEnhancement(nn.Module):
    """CE without the vocabularies: attention over the frames, each seen through a small network.

    The formulas of `CrossModalEnhancement` with E_m = W_2 relu(W_1 f) in place of the embedding of
    the frame's code. Its cost grows with the number of frames; what codes give up (how a frame
    differs from its code) and what they gain shows in the comparison.

    Parameters
    ----------
    d : int
        Width of the text states.
    n_visual, n_acoustic : int
        Features of a frame, d_v and d_a.
    scale : float
        The factor s on the scores.

    Source: the CENET model of the benchmark MMSA (thuiar/MMSA), which leaves k-means out. There
    padding is attended to; here it is not.

    Examples
    --------
    >>> fusion = ContinuousEnhancement(d=8, n_visual=6, n_acoustic=5)
    >>> face = FrameBatch(torch.zeros(1, 4, 6), torch.tensor([[True, True, False, False]]))
    >>> voice = FrameBatch(torch.zeros(1, 2, 5), torch.tensor([[True, True]]))
    >>> fusion(torch.zeros(1, 3, 8), face, voice).visual_attention[0, 0].tolist()
    [0.5, 0.5, 0.0, 0.0]
    """

    reads: ClassVar[str] = "frames"
    stands: ClassVar[str] = "before layer"
    attends_over: ClassVar[str | None] = "frames"
    settings: ClassVar[tuple[str, ...]] = ("injection_layer", "attention_scale", "pad_frames_to")

    def __init__(self, d: int, n_visual: int, n_acoustic: int, scale: float = 8.0):
        super().__init__()

        def network(n_features: int) -> nn.Module:
            return nn.Sequential(nn.Linear(n_features, d), nn.ReLU(), nn.Linear(d, d))

        self.visual = CodeAttention(d, network(n_visual))
        self.acoustic = CodeAttention(d, network(n_acoustic))
        self.output = nn.Linear(2 * d, d)  # W, b
        self.scale = scale

    @classmethod
    def from_config(cls, config: FusionConfig) -> "ContinuousEnhancement":
        """Build the module that a `CENetConfig` describes."""
        return cls(*_widths(config), config.attention_scale)

    def forward(self, text: Tensor, visual: FrameBatch, acoustic: FrameBatch) -> Enhancement:
        """Enhance text states (B, T, d); attention is over frames, (B, T, N)."""
        H_v, A_v = self.visual(text, visual.values, self.scale, visual.mask)  # (B, T, d), (B, T, N)
        H_a, A_a = self.acoustic(text, acoustic.values, self.scale, acoustic.mask)  # likewise
        shift = self.output(torch.cat([H_v, H_a], dim=-1))  # (B, T, d)
        return Enhancement(text + shift, A_v, A_a)


class MultimodalGate(nn.Module):
    """MAG, the multimodal adaptation gate: a word is shifted by the face and voice *during* it.

    For the state z of a word and the features v, a of the same word::

        g_v = relu(W_gv [v ; z] + b_gv)             g_a likewise
        h   = g_v ∘ (W_v v + b_v) + g_a ∘ (W_a a + b_a)
        α   = min(β ‖z‖ / ‖h‖, 1)
        output: dropout(LayerNorm(z + α h))

    It needs one frame per token: the processor averages the frames of each word (or of the word's
    share of the utterance, where words have no times), repeats them over its pieces, and gives
    special tokens zeros, as the published code does.

    Parameters
    ----------
    d : int
        Width of the text states.
    n_visual, n_acoustic : int
        Features of a frame, d_v and d_a.
    beta : float
        The largest share β of a word's length that the shift may have.
    dropout : float
        The share of the output that is left out in training.

    Source: Rahman et al. 2020, "Integrating Multimodal Information in Large Pretrained
    Transformers" (ACL), section 4; β and dropout as in its published code.

    Examples
    --------
    >>> fusion = MultimodalGate(d=8, n_visual=6, n_acoustic=5)
    >>> real = torch.ones(1, 3, dtype=torch.bool)
    >>> face, voice = (FrameBatch(torch.zeros(1, 3, width), real) for width in (6, 5))
    >>> fusion(torch.zeros(1, 3, 8), face, voice).states.shape
    torch.Size([1, 3, 8])
    """

    reads: ClassVar[str] = "aligned"
    stands: ClassVar[str] = "before layer"
    attends_over: ClassVar[str | None] = None
    settings: ClassVar[tuple[str, ...]] = ("injection_layer", "pad_frames_to")

    def __init__(
        self, d: int, n_visual: int, n_acoustic: int, beta: float = 1.0, dropout: float = 0.5
    ):
        super().__init__()
        self.visual_gate = nn.Linear(n_visual + d, d)  # W_gv, b_gv
        self.acoustic_gate = nn.Linear(n_acoustic + d, d)  # W_ga, b_ga
        self.visual = nn.Linear(n_visual, d)  # W_v, b_v
        self.acoustic = nn.Linear(n_acoustic, d)  # W_a, b_a
        self.norm = nn.LayerNorm(d)
        self.dropout = nn.Dropout(dropout)
        self.beta = beta

    @classmethod
    def from_config(cls, config: FusionConfig) -> "MultimodalGate":
        """Build the module that a `CENetConfig` describes."""
        return cls(*_widths(config))

    def forward(self, text: Tensor, visual: FrameBatch, acoustic: FrameBatch) -> Enhancement:
        """Enhance text states (B, T, d) by frames (B, T, d_m), one per token."""
        v, a = visual.values, acoustic.values  # (B, T, d_v), (B, T, d_a)
        if not text.shape[1] == v.shape[1] == a.shape[1]:
            raise CENetError(
                f"mag needs one frame per token: {text.shape[1]} tokens, {v.shape[1]} visual and "
                f"{a.shape[1]} acoustic frames; build the processor with reads='aligned'"
            )
        g_v = self.visual_gate(torch.cat([v, text], dim=-1)).relu()  # (B, T, d)
        g_a = self.acoustic_gate(torch.cat([a, text], dim=-1)).relu()  # (B, T, d)
        h = g_v * self.visual(v) + g_a * self.acoustic(a)  # (B, T, d)
        z_norm, h_norm = (x.norm(dim=-1, keepdim=True) for x in (text, h))  # (B, T, 1) each
        alpha = (self.beta * (z_norm / h_norm.clamp(min=1e-6))).clamp(max=1)  # (B, T, 1)
        return Enhancement(self.dropout(self.norm(text + alpha * h)))  # (B, T, d)


class LateFusion(nn.Module):
    """Average each stream over time, and add what a layer makes of it to what the head reads.

    ``output: x + W [relu(W_v v̄ + b_v) ; relu(W_a ā + b_a)] + b`` for the first token's last state x
    and the average frames v̄, ā. The streams meet at the very end; no word sees a frame.

    Parameters
    ----------
    d : int
        Width of the text states.
    n_visual, n_acoustic : int
        Features of a frame, d_v and d_a.

    Source: the late-fusion network LF-DNN of the benchmark MMSA, after Cambria et al. 2017,
    "Benchmarking Multimodal Sentiment Analysis", with the language model as its text part.

    Examples
    --------
    >>> fusion = LateFusion(d=8, n_visual=6, n_acoustic=5)
    >>> real = torch.ones(1, 4, dtype=torch.bool)
    >>> face, voice = (FrameBatch(torch.zeros(1, 4, width), real) for width in (6, 5))
    >>> fusion(torch.zeros(1, 1, 8), face, voice).states.shape
    torch.Size([1, 1, 8])
    """

    reads: ClassVar[str] = "frames"
    stands: ClassVar[str] = "at the head"
    attends_over: ClassVar[str | None] = None
    settings: ClassVar[tuple[str, ...]] = ("pad_frames_to",)

    def __init__(self, d: int, n_visual: int, n_acoustic: int):
        super().__init__()
        self.visual = nn.Linear(n_visual, d)  # W_v, b_v
        self.acoustic = nn.Linear(n_acoustic, d)  # W_a, b_a
        self.output = nn.Linear(2 * d, d)  # W, b

    @classmethod
    def from_config(cls, config: FusionConfig) -> "LateFusion":
        """Build the module that a `CENetConfig` describes."""
        return cls(*_widths(config))

    def forward(self, text: Tensor, visual: FrameBatch, acoustic: FrameBatch) -> Enhancement:
        """Enhance states (B, T, d): in a `CENet` the last ones, of the first token."""
        v = self.visual(self._mean(visual)).relu()  # (B, d)
        a = self.acoustic(self._mean(acoustic)).relu()  # (B, d)
        shift = self.output(torch.cat([v, a], dim=-1))[:, None, :]  # (B, 1, d)
        return Enhancement(text + shift)

    @staticmethod
    def _mean(frames: FrameBatch) -> Tensor:
        """Return the average of the real frames, (B, d_m); zeros where there are none."""
        n = frames.mask.sum(1, keepdim=True).clamp(min=1)  # (B, 1)
        return (frames.values * frames.mask[..., None]).sum(1) / n  # (B, d_m)


register_fusion("ce", CrossModalEnhancement)
register_fusion("ce-continuous", ContinuousEnhancement)
register_fusion("late", LateFusion)
register_fusion("mag", MultimodalGate)
