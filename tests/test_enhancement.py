import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cenet_lib.enhancement import CrossModalEnhancement, expand_attention

D, K_V, K_A = 10, 5, 3


def module(dtype=torch.float64, seed=0, size=0.4, **options):
    """A CE module with weights large enough that attention is far from flat."""
    torch.manual_seed(seed)
    ce = CrossModalEnhancement(D, K_V, K_A, **options)
    with torch.no_grad():
        for parameter in ce.parameters():
            parameter.normal_(0, size)
    return ce.to(dtype)


def inputs(seed=0, batch=3, n_text=6, n_visual=17, n_acoustic=9, dtype=torch.float64):
    torch.manual_seed(seed)
    text = torch.randn(batch, n_text, D, dtype=dtype)
    visual = torch.randint(K_V, (batch, n_visual))
    acoustic = torch.randint(K_A, (batch, n_acoustic))
    for row in range(batch):  # pad at the end, each row by more
        visual[row, n_visual - 2 * row :] = K_V
        acoustic[row, n_acoustic - row :] = K_A
    return text, visual, acoustic


def counts(codes, k):
    return torch.stack([torch.bincount(row, minlength=k + 1) for row in codes])


def per_code(attention, codes, k):
    """Attention over positions (B, T, N), summed by code: (B, T, k+1)."""
    index = codes[:, None, :].expand(attention.shape)
    return attention.new_zeros(*attention.shape[:2], k + 1).scatter_add(2, index, attention)


def both(ce, text, visual, acoustic):
    over_codes = ce(text, counts(visual, K_V), counts(acoustic, K_A))
    return over_codes, ce.over_positions(text, visual, acoustic)


@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)], ids=["fp64", "fp32"]
)
def test_folded_equals_textbook_with_gradients(mask_padding, dtype, tolerance):
    ce = module(dtype, mask_padding=mask_padding)
    text, visual, acoustic = inputs(dtype=dtype)
    weights = torch.randn(text.shape, dtype=dtype)
    results = []
    for enhanced in both(ce, text.requires_grad_(), visual, acoustic):
        ce.zero_grad()
        text.grad = None
        (enhanced.states * weights).sum().backward()
        grads = {n: p.grad.clone() for n, p in ce.named_parameters()} | {"text": text.grad.clone()}
        results.append((enhanced, grads))
    (folded, folded_grads), (textbook, textbook_grads) = results
    close = {"atol": tolerance, "rtol": tolerance}
    torch.testing.assert_close(folded.states, textbook.states, **close)
    v, a = textbook.visual_attention, textbook.acoustic_attention
    torch.testing.assert_close(folded.visual_attention, per_code(v, visual, K_V), **close)
    torch.testing.assert_close(folded.acoustic_attention, per_code(a, acoustic, K_A), **close)
    for name, gradient in textbook_grads.items():
        torch.testing.assert_close(folded_grads[name], gradient, **close, msg=name)
        if "key.bias" in name:  # a shift of all scores of a row changes nothing
            assert gradient.abs().max() < tolerance
        else:
            assert gradient.abs().max() > 100 * tolerance, name


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    batch=st.integers(1, 3),
    n_text=st.integers(1, 4),
    scale=st.sampled_from([0.05, 1.0, 8.0]),
    mask_padding=st.booleans(),
)
def test_folded_equals_textbook_for_any_codes(data, batch, n_text, scale, mask_padding):
    def codes(k):
        n = data.draw(st.integers(1, 30))
        ids = st.lists(st.integers(0, k), min_size=batch * n, max_size=batch * n)
        return torch.tensor(data.draw(ids)).reshape(batch, n)

    ce = module(scale=scale, mask_padding=mask_padding)
    folded, textbook = both(ce, torch.randn(batch, n_text, D).double(), codes(K_V), codes(K_A))
    torch.testing.assert_close(folded.states, textbook.states, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("mask_padding", [True, False])
@torch.no_grad()
def test_textbook_equals_the_formula(mask_padding):
    """Word by word, frame by frame."""
    ce = module(mask_padding=mask_padding)
    text, visual, acoustic = inputs()
    got = ce.over_positions(text, visual, acoustic)
    for b in range(len(text)):
        for t in range(text.shape[1]):
            mixed = []
            for stream, codes, k in ((ce.visual, visual, K_V), (ce.acoustic, acoustic, K_A)):
                q = stream.query.weight @ text[b, t] + stream.query.bias
                total, h = 0.0, torch.zeros(D, dtype=text.dtype)
                for c in codes[b].tolist():
                    if mask_padding and c == k:
                        continue
                    e = stream.embedding.weight[c]
                    weight = math.exp(8 * q @ (stream.key.weight @ e + stream.key.bias))
                    total += weight
                    h = h + weight * (stream.value.weight @ e + stream.value.bias)
                mixed.append(h / total)
            shift = ce.output.weight @ torch.cat(mixed) + ce.output.bias
            torch.testing.assert_close(got.states[b, t], text[b, t] + shift)


def test_attention_rows_sum_to_one_and_absent_codes_get_nothing():
    ce = module(torch.float32)
    text, visual, acoustic = inputs(dtype=torch.float32)
    visual[visual == 2] = 1
    enhanced = ce(text, counts(visual, K_V), counts(acoustic, K_A))
    for attention in enhanced[1:]:
        torch.testing.assert_close(attention.sum(-1), torch.ones(text.shape[:2]))
        assert (attention[..., -1] == 0).all()  # padding
    assert (enhanced.visual_attention[..., 2] == 0).all()
    assert (enhanced.visual_attention[..., 1] > 0).all()


def test_padding_changes_the_output_only_where_it_is_attended_to():
    text, visual, acoustic = inputs()
    padded = torch.cat([visual, torch.full((len(visual), 20), K_V)], dim=1)
    for mask_padding in (True, False):
        ce = module(mask_padding=mask_padding)
        for form in (0, 1):
            short, long = (both(ce, text, codes, acoustic)[form] for codes in (visual, padded))
            assert torch.allclose(short.states, long.states, atol=1e-12) == mask_padding


def test_a_stream_without_frames_adds_nothing():
    ce = module(torch.float64)
    text, visual, acoustic = inputs()
    no_visual = torch.full_like(visual, K_V)
    folded, textbook = both(ce, text, no_visual, acoustic)
    values = ce.acoustic.value(ce.acoustic.embedding.weight)  # (k+1, d)
    heard = folded.acoustic_attention @ values @ ce.output.weight[:, D:].T
    for enhanced in (folded, textbook):
        assert (enhanced.visual_attention == 0).all()
        torch.testing.assert_close(enhanced.states, text + heard + ce.output.bias)
    enhanced = ce(text, torch.zeros(3, K_V + 1), torch.zeros(3, K_A + 1))
    torch.testing.assert_close(enhanced.states, text + ce.output.bias)
    enhanced.states.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in ce.parameters())


def test_scale_sharpens():
    text, visual, acoustic = inputs()
    entropy = []
    for scale in (0.0, 1.0, 8.0):
        attention = module(scale=scale, size=0.2)(
            text, counts(visual, K_V), counts(acoustic, K_A)
        ).visual_attention
        entropy.append(torch.special.entr(attention).sum(-1).mean())
    assert entropy[0] > entropy[1] > entropy[2]
    # without any scale, attention is how often a code occurs
    share = counts(visual, K_V)[:, :-1] / (visual != K_V).sum(1, keepdim=True)
    flat = module(scale=0.0)(text, counts(visual, K_V), counts(acoustic, K_A)).visual_attention
    torch.testing.assert_close(flat[:, 0, :-1], share.double())


def test_it_begins_almost_silent():
    torch.manual_seed(0)
    ce = CrossModalEnhancement(64)
    for name, parameter in ce.named_parameters():
        if name.endswith("bias"):
            assert (parameter == 0).all(), name
        else:
            assert 0.018 < parameter.std() < 0.022, name
    text = torch.randn(2, 5, 64)
    frames = torch.randint(0, 30, (2, 17))
    shift = ce(text, frames, frames).states - text
    assert 0 < shift.norm() < 0.02 * text.norm()


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_padding_gets_no_gradient(frozen):
    ce = module(mask_padding=False, frozen_padding=frozen)
    text, visual, acoustic = inputs()
    for enhanced in both(ce, text, visual, acoustic):
        ce.zero_grad()
        enhanced.states.square().sum().backward()
        for stream in (ce.visual, ce.acoustic):
            gradient = stream.embedding.weight.grad
            assert (gradient[-1] == 0).all() == frozen
            assert (gradient[:-1] != 0).any(dim=1).all()


def test_low_precision():
    """Counts keep their weight in bfloat16, in which 500 and 501 are the same number."""
    ce = module(torch.float32, size=0.1)
    text, visual, acoustic = inputs(n_visual=900, dtype=torch.float32)
    arguments = (counts(visual, K_V), counts(acoustic, K_A))
    exact = ce(text, *arguments)
    with torch.autocast("cpu", torch.bfloat16):
        auto = ce(text, *arguments)
    whole = module(torch.float32, size=0.1).bfloat16()(text.bfloat16(), *arguments)
    assert whole.states.dtype == torch.bfloat16
    for low in (auto, whole):
        assert low.visual_attention.dtype == torch.float32
        assert (low.visual_attention - exact.visual_attention).abs().max() < 0.02
        assert (low.states.float() - exact.states).abs().max() < 0.05


def test_expand_attention():
    ce = module()
    text, visual, acoustic = inputs(batch=1)
    folded, textbook = both(ce, text, visual, acoustic)
    frames = expand_attention(visual[0], folded.visual_attention[0])
    torch.testing.assert_close(frames, textbook.visual_attention[0])
    torch.testing.assert_close(frames.sum(-1), torch.ones(text.shape[1], dtype=text.dtype))
