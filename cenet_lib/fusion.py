"""Ways to bring face and voice into a language model, under one switch, for an honest comparison.

================  ================================================  =====================  =========
name              what it does                                      where                  reads
================  ================================================  =====================  =========
``none``          nothing: words only
``ce``            attention over k-means codes (CENet)              before layer i         counts
``ce-continuous`` the same attention over the frames themselves     before layer i         frames
``mag``           a gated shift by the frames of each word          before layer i         aligned
``late``          a shift by the average frame                      at the head            frames
================  ================================================  =====================  =========

Everything else (language model, head, training) stays the same. Each takes text states (B, T, d)
and what it reads of the two other streams, and returns an `Enhancement`. Frames come standardised
(`FeatureVocabulary.standardize`).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .enhancement import CodeAttention, CrossModalEnhancement, Enhancement
from .errors import CENetError


class Frames(NamedTuple):
    """One stream of a batch.

    Attributes
    ----------
    values : (B, N, d_m)
        Standardised features, 0 where there is padding.
    mask : (B, N) bool
        True where there is a frame.
    """

    values: Tensor
    mask: Tensor


class ContinuousEnhancement(nn.Module):
    """CE without the vocabularies: attention over the frames, each seen through a small network.

    The formulas of `CrossModalEnhancement` with E_m = W_2 relu(W_1 f) in place of the embedding of
    the frame's code. Its cost grows with the number of frames; what codes give up (how a frame
    differs from its code) and what they gain shows in the comparison.

    Source: the CENET model of the benchmark MMSA (thuiar/MMSA), which leaves k-means out. There
    padding is attended to; here it is not.
    """

    def __init__(self, d: int, n_visual: int, n_acoustic: int, scale: float = 8.0):
        super().__init__()

        def network(n_features: int) -> nn.Module:
            return nn.Sequential(nn.Linear(n_features, d), nn.ReLU(), nn.Linear(d, d))

        self.visual = CodeAttention(d, network(n_visual))
        self.acoustic = CodeAttention(d, network(n_acoustic))
        self.output = nn.Linear(2 * d, d)  # W, b
        self.scale = scale

    def forward(self, text: Tensor, visual: Frames, acoustic: Frames) -> Enhancement:
        """Enhance text states (B, T, d); attention is over frames, (B, T, N)."""
        H_v, A_v = self.visual(text, visual.values, self.scale, visual.mask)  # (B, T, d), (B, T, N)
        H_a, A_a = self.acoustic(text, acoustic.values, self.scale, acoustic.mask)
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

    Source: Rahman et al. 2020, "Integrating Multimodal Information in Large Pretrained
    Transformers" (ACL), section 4; β and dropout as in its published code.
    """

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

    def forward(self, text: Tensor, visual: Frames, acoustic: Frames) -> Enhancement:
        """Enhance text states (B, T, d) by frames (B, T, d_m), one per token."""
        v, a = visual.values, acoustic.values
        if not text.shape[1] == v.shape[1] == a.shape[1]:
            raise CENetError(
                f"mag needs one frame per token: {text.shape[1]} tokens, {v.shape[1]} visual and "
                f"{a.shape[1]} acoustic frames; build the processor with frames='aligned'"
            )
        g_v = self.visual_gate(torch.cat([v, text], dim=-1)).relu()  # (B, T, d)
        g_a = self.acoustic_gate(torch.cat([a, text], dim=-1)).relu()  # (B, T, d)
        h = g_v * self.visual(v) + g_a * self.acoustic(a)  # (B, T, d)
        ratio = text.norm(dim=-1, keepdim=True) / h.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        alpha = (self.beta * ratio).clamp(max=1)  # (B, T, 1)
        return Enhancement(self.dropout(self.norm(text + alpha * h)))


class LateFusion(nn.Module):
    """Average each stream over time, and add what a layer makes of it to what the head reads.

    ``output: x + W [relu(W_v v̄ + b_v) ; relu(W_a ā + b_a)] + b`` for the first token's last state x
    and the average frames v̄, ā. The streams meet at the very end; no word sees a frame.

    Source: the late-fusion network LF-DNN of the benchmark MMSA, after Cambria et al. 2017,
    "Benchmarking Multimodal Sentiment Analysis", with the language model as its text part.
    """

    def __init__(self, d: int, n_visual: int, n_acoustic: int):
        super().__init__()
        self.visual = nn.Linear(n_visual, d)  # W_v, b_v
        self.acoustic = nn.Linear(n_acoustic, d)  # W_a, b_a
        self.output = nn.Linear(2 * d, d)  # W, b

    def forward(self, text: Tensor, visual: Frames, acoustic: Frames) -> Enhancement:
        """Enhance states (B, T, d): in a `CENet` the last ones, of the first token."""
        v = self.visual(self._mean(visual)).relu()  # (B, d)
        a = self.acoustic(self._mean(acoustic)).relu()  # (B, d)
        return Enhancement(text + self.output(torch.cat([v, a], dim=-1))[:, None, :])

    @staticmethod
    def _mean(frames: Frames) -> Tensor:
        """Return the average of the real frames, (B, d_m); zeros where there are none."""
        n = frames.mask.sum(1, keepdim=True).clamp(min=1)  # (B, 1)
        return (frames.values * frames.mask[..., None]).sum(1) / n


FUSIONS: dict[str, type[nn.Module] | None] = {
    "none": None,
    "ce": CrossModalEnhancement,
    "ce-continuous": ContinuousEnhancement,
    "late": LateFusion,
    "mag": MultimodalGate,
}

# What a fusion reads beside counts: the setting `frames` of the processor that feeds it.
FRAMES = {"ce-continuous": "raw", "late": "raw", "mag": "aligned"}


def build_fusion(config) -> nn.Module | None:
    """Build the fusion that a `CENetConfig` asks for; ``None`` for words only.

    Raises
    ------
    CENetError
        If there is no such fusion, or it reads frames and their widths are not given.
    """
    d = config.backbone.hidden_size
    if config.fusion not in FUSIONS:
        raise CENetError(
            f"there is no fusion {config.fusion!r}; choose one of {', '.join(FUSIONS)}"
        )
    if config.fusion == "none":
        return None
    if config.fusion == "ce":
        return CrossModalEnhancement(
            d,
            config.n_visual_codes,
            config.n_acoustic_codes,
            config.attention_scale,
            config.mask_padding,
            config.frozen_padding_rows,
        )
    widths = (config.n_visual_features, config.n_acoustic_features)
    if min(widths) < 1:
        raise CENetError(
            f"fusion {config.fusion!r} reads frames; give their widths, n_visual_features and "
            f"n_acoustic_features (now {widths[0]} and {widths[1]})"
        )
    if config.fusion == "ce-continuous":
        return ContinuousEnhancement(d, *widths, config.attention_scale)
    return FUSIONS[config.fusion](d, *widths)


def check_stream(
    config,
    stream: str,
    counts: Tensor | None,
    frames: Tensor | None,
    mask: Tensor | None,
    input_ids: Tensor,
    dtype: torch.dtype,
) -> Tensor | Frames:
    """Return what a fusion reads of one stream of a batch: counts or frames, none if left out.

    Parameters
    ----------
    config : CENetConfig
    stream : str
        ``"visual"`` or ``"acoustic"``.
    counts : (B, k+1), frames : (B, N, d_m), mask : (B, N), each or None
    input_ids : (B, T)
        Of the text beside it.
    dtype : torch.dtype
        Of the model's weights.

    Raises
    ------
    CENetError
        If counts or frames have another width than the config says.
    """
    if config.fusion not in FRAMES:
        name, given, columns = f"{stream}_counts", counts, getattr(config, f"n_{stream}_codes") + 1
    else:
        name, given, columns = stream, frames, getattr(config, f"n_{stream}_features")
    if given is not None and given.shape[-1] != columns:
        raise CENetError(
            f"{name} has {given.shape[-1]} columns, the model was built for {columns}; use the "
            "processor that the model was trained with"
        )
    if config.fusion not in FRAMES:
        return input_ids.new_zeros(len(input_ids), columns) if given is None else given
    if given is None:
        nothing = torch.zeros_like(input_ids, dtype=dtype)  # (B, T): a place per token, for mag
        return Frames(nothing[..., None].expand(-1, -1, columns), nothing.bool())
    if mask is None:
        mask = torch.ones(given.shape[:2], device=given.device)
    return Frames(given.to(dtype), mask.bool())
