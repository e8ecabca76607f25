"""CE, the cross-modal enhancement module: words ask, face and voice answer.

It stands between the codes of `cenet_lib.vocabulary` and the language model of `cenet_lib.model`,
whose text states pass through it. The paper's formulas (section "cross-modal enhancement"), for
text states X (B, T, d) and, for each modality m in {v, a}, a sequence of codes c (B, N) of which
the last, k, is padding::

    E_m   = Embedding_m(c)                      (B, N, d)
    Q     = W_q X + b_q                         (B, T, d)
    K, V  = W_k E_m + b_k,  W_v E_m + b_v       (B, N, d)
    A_m   = softmax(s · Q Kᵀ)                   (B, T, N)
    H_m   = A_m V                               (B, T, d)
    shift = W [H_v ; H_a] + b                   (B, T, d)
    output: X + shift

`CrossModalEnhancement.over_positions` is that, line by line. What runs is `forward`, which gives
the same from the codes' COUNTS, because keys and values depend on the code alone and never on its
position. If code j occurs n_j times, its n_j equal terms in the softmax add up to one::

    softmax over N positions of s·q·k_c(i)  =  softmax over k+1 codes of (s·q·k_j + log n_j)

So neither time nor memory grows with the number of frames N. Two more products fold:
q·k_j = x·(W_qᵀ k_j) + b_q·k_j, and W [H_v ; H_a] = A_v (V_v W_vᵀ) + A_a (V_a W_aᵀ), where W_v and
W_a are the halves of W. What is left to do per word is one thin product with 2(k+1) columns each
way.

The identity also states a limit: the module cannot see in which ORDER the frames came.
"""

from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn


class FusionConfig(Protocol):
    """What CE, or another fusion, is built from: the part of a `CENetConfig` that concerns it.

    Examples
    --------
    >>> from transformers import BertConfig
    >>> from cenet_lib import CENetConfig
    >>> config: FusionConfig = CENetConfig(backbone=BertConfig(hidden_size=12), n_visual_codes=4)
    >>> CrossModalEnhancement.from_config(config).visual.embedding
    Embedding(5, 12)
    """

    fusion: str
    attention_scale: float
    mask_padding: bool
    n_visual_codes: int
    n_acoustic_codes: int
    n_visual_features: int
    n_acoustic_features: int
    frozen_padding_rows: bool

    @property
    def backbone(self) -> Any:
        """The language model's `PreTrainedConfig`, whose ``hidden_size`` is d."""


class Enhancement(NamedTuple):
    """What the CE module, or another fusion, gives back.

    Attributes
    ----------
    states : (B, T, d)
        The text states plus the shift.
    visual_attention, acoustic_attention : (B, T, k+1) or None
        Attention of each token over the codes; from `CrossModalEnhancement.over_positions` over the
        positions, (B, T, N). ``None`` from a fusion that does not attend (`cenet_lib.fusion`).

    Examples
    --------
    >>> Enhancement(torch.zeros(1, 5, 8)).visual_attention is None
    True
    """

    states: Tensor
    visual_attention: Tensor | None = None
    acoustic_attention: Tensor | None = None


class CodeAttention(nn.Module):
    """The parameters by which one modality answers: code embeddings and query, key, value maps.

    Parameters
    ----------
    d : int
        Width of the text states.
    embedding : nn.Module
        What makes vectors of width d: from codes an ``nn.Embedding`` of k+1 rows, the last one for
        padding; from frames a network (`cenet_lib.fusion.ContinuousEnhancement`).

    Examples
    --------
    >>> voice = CodeAttention(d=8, embedding=nn.Embedding(4, 8))  # three codes and padding
    >>> text, codes = torch.zeros(1, 5, 8), torch.tensor([[0, 1, 1, 2]])
    >>> mixed, attention = voice(text, codes, scale=8.0, visible=None)
    >>> mixed.shape, attention.shape
    (torch.Size([1, 5, 8]), torch.Size([1, 5, 4]))
    """

    def __init__(self, d: int, embedding: nn.Module):
        super().__init__()
        self.embedding = embedding
        self.query = nn.Linear(d, d)  # W_q, b_q
        self.key = nn.Linear(d, d)  # W_k, b_k
        self.value = nn.Linear(d, d)  # W_v, b_v

    def folded(self, scale: float, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fold the maps into one matrix per side.

        Parameters
        ----------
        scale : float
            The factor s on the scores.
        output : (d, d)
            This modality's half of W.

        Returns
        -------
        key, bias : (k+1, d) and (k+1,)
            The scores of a text state x are ``key @ x + bias``.
        value : (k+1, d)
            The shift is ``attention @ value``.
        """
        rows = _n_rows(self.embedding)  # k+1
        # Looked up, not taken from the weight itself, so that a frozen padding row stays frozen.
        codes = self.embedding(torch.arange(rows, device=output.device))  # (k+1, d)
        key = scale * self.key(codes)  # (k+1, d)
        return (
            key @ self.query.weight,  # (k+1, d): W_qᵀ k_j for each code
            key @ self.query.bias,  # (k+1,): b_q · k_j
            self.value(codes) @ output.T,  # (k+1, d)
        )

    def forward(
        self, text: Tensor, codes: Tensor, scale: float, visible: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Attend over positions, in the textbook form.

        Parameters
        ----------
        text : (B, T, d)
            The text states.
        codes : (B, N) int, or (B, N, d_m) float
            What the embedding takes: the code at each position, or the frame.
        scale : float
            The factor s on the scores.
        visible : (B, N) bool or None
            False where a position must not be attended to; ``None`` if all may be.

        Returns
        -------
        mixed : (B, T, d)
            The values, averaged by the attention: H of the paper.
        attention : (B, T, N)
            Attention of each token over the positions.
        """
        embedded = self.embedding(codes)  # (B, N, d)
        q = self.query(text)  # (B, T, d)
        k, v = self.key(embedded), self.value(embedded)  # (B, N, d) each
        scores = scale * q @ k.transpose(1, 2)  # (B, T, N)
        if visible is not None:
            scores = scores.masked_fill(~visible[:, None, :], torch.finfo(scores.dtype).min)
        attention = scores.softmax(-1)  # (B, T, N)
        if visible is not None:
            # with nothing to attend to, softmax would spread over what is hidden
            attention = attention * visible[:, None, :]
        return attention @ v, attention  # (B, T, d), (B, T, N)


class CrossModalEnhancement(nn.Module):
    """The CE module: adds to each text state what it takes from face and voice.

    Parameters
    ----------
    d : int
        Width of the text states.
    n_visual_codes, n_acoustic_codes : int
        Sizes of the vocabularies, without padding.
    scale : float
        The factor s on the scores, 8 in the paper: at the start scores are so small that without it
        the softmax is flat.
    mask_padding : bool
        Whether to hide padding from the attention. The published code does not (``False``): there,
        padding codes are keys like any other, so the output depends on how far a batch was padded.
    frozen_padding : bool
        Whether to give the embeddings of the padding codes no gradient, as the published code does.
        It matters only where padding is attended to.

    Source: Wang et al. 2023 (IEEE TMM 25), section "cross-modal enhancement".

    Examples
    --------
    >>> ce = CrossModalEnhancement(d=8, n_visual_codes=2, n_acoustic_codes=3)
    >>> text = torch.zeros(1, 5, 8)  # one utterance of five tokens
    >>> visual, acoustic = torch.tensor([[3, 1, 0]]), torch.tensor([[0, 4, 4, 0]])
    >>> states, visual_attention, acoustic_attention = ce(text, visual, acoustic)
    >>> visual_attention[0, 0]  # of the zero states: in proportion to the counts
    tensor([0.7500, 0.2500, 0.0000], grad_fn=<SelectBackward0>)
    """

    # What it says of itself as a way of fusion, see `cenet_lib.fusion`.
    reads: ClassVar[str] = "counts"
    stands: ClassVar[str] = "before layer"
    attends_over: ClassVar[str | None] = "codes"
    settings: ClassVar[tuple[str, ...]] = (
        *("injection_layer", "attention_scale", "mask_padding", "pad_frames_to"),
        *("n_visual_codes", "n_acoustic_codes"),
    )

    def __init__(
        self,
        d: int,
        n_visual_codes: int = 16,
        n_acoustic_codes: int = 16,
        scale: float = 8.0,
        mask_padding: bool = True,
        frozen_padding: bool = False,
    ):
        super().__init__()

        def embedding(n_codes: int) -> nn.Embedding:
            return nn.Embedding(n_codes + 1, d, padding_idx=n_codes if frozen_padding else None)

        self.visual = CodeAttention(d, embedding(n_visual_codes))
        self.acoustic = CodeAttention(d, embedding(n_acoustic_codes))
        self.output = nn.Linear(2 * d, d)  # W, b
        self.scale = scale
        self.mask_padding = mask_padding
        self.reset_parameters()

    @classmethod
    def from_config(cls, config: FusionConfig) -> "CrossModalEnhancement":
        """Build the module that a `CENetConfig` describes."""
        return cls(
            config.backbone.hidden_size,
            config.n_visual_codes,
            config.n_acoustic_codes,
            config.attention_scale,
            config.mask_padding,
            config.frozen_padding_rows,
        )

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw weights and code embeddings from N(0, .02); set biases to 0.

        So the shift begins at a few thousandths of the text state: the pre-trained model starts
        out almost undisturbed.
        """
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.normal_(parameter, 0, 0.02)

    def forward(self, text: Tensor, visual_counts: Tensor, acoustic_counts: Tensor) -> Enhancement:
        """Enhance text states, in the folded form.

        Parameters
        ----------
        text : (B, T, d)
            The text states.
        visual_counts, acoustic_counts : (B, k+1)
            How often each code occurs in the utterance; padding last.

        Returns
        -------
        Enhancement
            Attention rows sum to 1, and are exactly 0 where the count is 0. If a modality has no
            frames at all, its row is all 0 and it contributes nothing.
        """
        W_v, W_a = self.output.weight.chunk(2, dim=1)  # (d, d) each
        key_v, bias_v, value_v = self.visual.folded(self.scale, W_v)  # (k_v+1, d), (k_v+1,), …
        key_a, bias_a, value_a = self.acoustic.folded(self.scale, W_a)  # (k_a+1, d), (k_a+1,), …
        key = torch.cat([key_v, key_a])  # (K, d) with K = k_v+1 + k_a+1
        bias = torch.cat([bias_v, bias_a])  # (K,)
        value = torch.cat([value_v, value_a])  # (K, d)

        scores = nn.functional.linear(text, key, bias)  # (B, T, K)
        scores_v, scores_a = torch.split(scores, [len(key_v), len(key_a)], dim=-1)
        A_v = self._attention(scores_v, visual_counts)  # (B, T, k_v+1)
        A_a = self._attention(scores_a, acoustic_counts)  # (B, T, k_a+1)
        attention = torch.cat([A_v, A_a], dim=-1).to(value.dtype)  # (B, T, K)
        shift = nn.functional.linear(attention, value.T, self.output.bias)  # (B, T, d)
        return Enhancement(text + shift, A_v, A_a)

    def _attention(self, scores: Tensor, counts: Tensor) -> Tensor:
        """Return the softmax of scores (B, T, k+1) over codes, weighted with counts (B, k+1).

        It is taken in float32 at least, even under autocast: bfloat16 would round log n to two or
        three digits.
        """
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))  # (B, T, k+1)
        if self.mask_padding:
            counts = torch.cat(
                [counts[:, :-1], torch.zeros_like(counts[:, -1:])], dim=1
            )  # (B, k+1)
        present = (counts > 0)[:, None, :]  # (B, 1, k+1)
        log_n = counts.clamp(min=1).to(scores.dtype).log()[:, None, :]  # (B, 1, k+1)
        scores = (scores + log_n).masked_fill(~present, torch.finfo(scores.dtype).min)
        # times `present`, because a softmax over nothing would be uniform
        return scores.softmax(-1) * present  # (B, T, k+1)

    def over_positions(
        self, text: Tensor, visual_codes: Tensor, acoustic_codes: Tensor
    ) -> Enhancement:
        """Enhance text states as the paper writes it: attention over all N positions.

        Equal to `forward` on the codes' counts, with gradients, to rounding; it is here to be read
        and as the test's reference. Its cost grows with N · d².

        Parameters
        ----------
        text : (B, T, d)
            The text states.
        visual_codes, acoustic_codes : (B, N_v) and (B, N_a) int
            The code of each frame; k where there is padding.
        """
        seen_v: Tensor | None = None
        seen_a: Tensor | None = None
        if self.mask_padding:
            seen_v = visual_codes != _n_rows(self.visual.embedding) - 1  # (B, N_v)
            seen_a = acoustic_codes != _n_rows(self.acoustic.embedding) - 1  # (B, N_a)
        H_v, A_v = self.visual(text, visual_codes, self.scale, seen_v)  # (B, T, d), (B, T, N_v)
        H_a, A_a = self.acoustic(text, acoustic_codes, self.scale, seen_a)  # (B, T, d), (B, T, N_a)
        shift = self.output(torch.cat([H_v, H_a], dim=-1))  # (B, T, d)
        return Enhancement(text + shift, A_v, A_a)


def _n_rows(embedding: nn.Module) -> int:
    """Return the number of rows k+1 of an embedding of codes."""
    assert isinstance(embedding, nn.Embedding)  # CE itself makes no other
    return embedding.num_embeddings


def expand_attention(codes: Tensor, attention: Tensor) -> Tensor:
    """Spread attention over codes back over the frames, equally among those of the same code.

    Parameters
    ----------
    codes : (N,) int
        The code of each frame of one utterance.
    attention : (T, k+1)
        Attention of each word over the codes, of the same utterance.

    Returns
    -------
    (T, N)
        Attention of each word over the frames. Its rows sum to what the attended codes sum to.

    Examples
    --------
    >>> expand_attention(torch.tensor([0, 1, 1, 1]), torch.tensor([[0.25, 0.75, 0.0]]))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    counts = torch.bincount(codes, minlength=attention.shape[-1])  # (k+1,)
    return (attention / counts.clamp(min=1))[:, codes]  # (T, N)
