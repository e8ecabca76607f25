"""Checks for notebook 03: attention, masks, counts, folding, gradients."""

from math import exp, inf, log

import numpy as np

from .framework import Wrong, exercise, expect, parts


@exercise("attention_by_hand")
def _attention_by_hand(answer, rng):
    weights = np.exp([0, 0, 0, 0, 2 * log(2), 0])
    unscaled = np.exp([0, 0, 0, 0, log(2), 0])
    expect(
        answer(),
        weights / weights.sum(),
        {
            "You left out the scale: the score of the smile is 2 · ln 2.": unscaled
            / unscaled.sum(),
            "You took the scores for the attention. The softmax comes after: e to the power of "
            "each, divided by the sum.": [0, 0, 0, 0, 2 * log(2), 0],
            "You divided the scores by their sum. Take e to the power of each first; e⁰ is 1, "
            "not 0.": [0, 0, 0, 0, 1, 0],
            "You forgot to divide by the sum of all six.": weights,
            "With s = 2 the power is e^(2 ln 2) = 4, not 2² · 2 or e⁴; see the hint.": (
                np.array([1, 1, 1, 1, exp(4), 1]) / (5 + exp(4))
            ),
            "You multiplied the attention by 2 after the softmax; scale the scores before it.": (
                2 * unscaled / unscaled.sum()
            ),
        },
        what="The attention",
        rtol=0.02,  # on paper, two digits will do
        tell=False,
    )
    return "The scale made the smile four times as heavy as the others, not twice."


def _attention_solved(q, k, v, scale):
    scores = scale * q @ k.T  # (T, N)
    return scores.softmax(-1) @ v


def _attention_cases(rng):
    ln2 = log(2)
    yield _tensor([[1.0]]), _tensor([[2.0]]), _tensor([[3.0]]), 1.0
    yield _tensor([[ln2]]), _tensor([[0.0], [1.0]]), _tensor([[3.0], [9.0]]), 1.0
    yield _tensor([[ln2]]), _tensor([[0.0], [1.0]]), _tensor([[3.0], [9.0]]), 2.0
    yield _tensor([[0.0], [ln2]]), _tensor([[0.0], [1.0]]), _tensor([[3.0], [9.0]]), 1.0
    for T, N, d in ((1, 2, 2), (2, 3, 2), (3, 4, 2)):
        q, k, v = (_tensor(np.round(rng.normal(0, 1, (n, d)), 1)) for n in (T, N, N))
        yield q, k, v, 2.0


@exercise("attention", solve=_attention_solved, cases=_attention_cases)
def _attention(answer, rng):
    q, k, v = (_tensor(rng.normal(0, 1, shape)) for shape in ((4, 3), (5, 3), (5, 3)))
    scores = (q @ k.T).numpy()
    V = v.numpy()
    scale = 3.0
    weights = _softmax(scale * scores)
    expect(
        answer(q, k, v, scale),
        weights @ V,
        {
            "The softmax goes over the words (dim 0). Each WORD's weights must sum to 1: use "
            "dim=-1.": _softmax(scale * scores, 0) @ V,
            "You left out the scale.": _softmax(scores) @ V,
            "You divided by √d, as Transformers do. CE does not; it multiplies with `scale`.": (
                _softmax(scale * scores / 3**0.5) @ V
            ),
            "You scale by 1/√d instead of `scale`.": _softmax(scores / 3**0.5) @ V,
            "You divide by the scale; multiply with it.": _softmax(scores / scale) @ V,
            "Keys and values are swapped: q meets k, and v is mixed.": (
                _softmax(scale * (q @ v.T).numpy()) @ k.numpy()
            ),
            "You scale after the softmax. Scale the scores, before it.": (
                scale * _softmax(scores) @ V
            ),
            "Those are the weights; multiply them with v.": weights,
            "You mix the keys; mix the values v.": weights @ k.numpy(),
            "You left out the softmax.": scale * scores @ V,
        },
        what="The result",
    )
    return (
        "PyTorch's softmax takes the row's largest score off first, which changes nothing but "
        "keeps e to the power of 100 from overflowing."
    )


def _masked_softmax_solved(scores, visible):
    hidden = scores.masked_fill(~visible, -inf)  # (T, N)
    return hidden.softmax(-1).nan_to_num()


def _masked_softmax_cases(rng):
    for scores, visible in (
        ([0.0], [True]),
        ([0.0], [False]),
        ([3.0, 3.0], [True, True]),
        ([0.0, 1.0], [True, False]),
        ([0.0, log(2)], [True, True]),
        ([0.0, 0.0, 0.0], [True, True, False]),
        ([5.0, 0.0, -1.0], [False, True, True]),
    ):
        yield _tensor([scores]), _tensor(visible)
    for T, N in ((2, 2), (2, 3), (3, 4)):
        scores = np.round(rng.normal(0, 2, (T, N)), 1)
        yield _tensor(scores), _tensor(np.arange(N) != rng.integers(N))
    yield _tensor([[1.0, 2.0], [3.0, 5.0]]), _tensor([False, False])


@exercise("masked_softmax", solve=_masked_softmax_solved, cases=_masked_softmax_cases)
def _masked_softmax(answer, rng):
    scores = rng.normal(0, 1, (3, 5))
    visible = np.array([True, True, False, True, False])
    hidden = np.where(visible, scores, -inf)
    want = _softmax(hidden)
    full = _softmax(scores)
    expect(
        answer(_tensor(scores), _tensor(visible)),
        want,
        {
            "You set hidden SCORES to 0. But e⁰ = 1, so they still get attention; set them to "
            "−∞.": _softmax(scores * visible),
            "You set hidden weights to 0 after the softmax, so the rows no longer sum to 1. Mask "
            "the scores, before the softmax.": full * visible,
            "The mask is upside down: True means that the frame is there.": (
                _softmax(np.where(visible, -inf, scores))
            ),
            "You ignore the mask.": full,
            "The hidden columns are missing; keep them, with 0.": _softmax(scores[:, visible]),
            "The softmax goes over the words. The weights of each WORD must sum to 1.": (
                _softmax(scores.T).T * visible
            ),
        },
        what="The attention",
    )
    nothing = np.zeros(5, dtype=bool)
    expect(
        answer(_tensor(scores), _tensor(nothing)),
        np.zeros((3, 5)),
        {
            "If nothing is visible, all scores are −∞ and 0/0 gives NaN. Return zeros then.": (
                np.full((3, 5), np.nan)
            ),
            "If nothing is visible, the rows are uniform: with a very negative number in place "
            "of −∞, all are alike again. Return zeros then.": np.full((3, 5), 0.2),
            "If nothing is visible, hidden frames get attention: a very negative number was "
            "added to all scores alike. Return zeros then.": full,
        },
        what="The attention where nothing is visible",
    )


def _count_softmax_solved(scores, counts):
    return (scores + counts.log()).softmax(-1)


def _count_softmax_cases(rng):
    for scores, counts in (
        ([0.0], [1]),
        ([7.0], [3]),
        ([0.0, 0.0], [1, 1]),
        ([0.0, 0.0], [1, 3]),
        ([0.0, log(2)], [1, 1]),
        ([0.0, log(2)], [3, 1]),
        ([0.0, 0.0], [0, 2]),
        ([9.0, 0.0, -1.0], [0, 2, 1]),
    ):
        yield _tensor([scores]), _tensor(counts)
    for T, k in ((2, 2), (2, 3), (3, 4)):
        scores, counts = np.round(rng.normal(0, 1, (T, k)), 1), rng.integers(0, 4, k)
        counts[rng.integers(k)] = 2
        yield _tensor(scores), _tensor(counts)


@exercise("count_softmax", solve=_count_softmax_solved, cases=_count_softmax_cases)
def _count_softmax(answer, rng):
    scores = rng.normal(0, 1, (3, 4))
    counts = np.array([2, 1, 7, 3])
    weights = counts * np.exp(scores)
    expect(
        answer(_tensor(scores), _tensor(counts)),
        weights / weights.sum(-1, keepdims=True),
        {
            "You ignore the counts.": _softmax(scores),
            "You multiply the SCORES with the counts. Multiply e to the power of the score, or "
            "add ln n to the score.": _softmax(scores * counts),
            "You add the count itself; add its logarithm.": _softmax(scores + counts),
            "You add ln(n + 1); add ln n. A count of 1 changes nothing.": (
                _softmax(scores + np.log1p(counts))
            ),
            "You multiply with the counts after the softmax; now the rows do not sum to 1.": (
                counts * _softmax(scores)
            ),
            "You use log2 or log10; the softmax is made of e, so take the natural logarithm.": (
                _softmax(scores + np.log2(counts))
            ),
        },
        what="The attention",
    )
    _code_that_does_not_occur(answer, scores)
    return "However long the stream, k columns are enough."


def _code_that_does_not_occur(answer, scores):
    counts = np.array([2, 0, 7, 3])
    weights = counts * np.exp(scores)
    want = weights / weights.sum(-1, keepdims=True)
    clamped = np.maximum(counts, 1) * np.exp(scores)
    expect(
        answer(_tensor(scores), _tensor(counts)),
        want,
        {
            "A code that does not occur still gets attention: with ln 1 = 0 in place of ln 0 it "
            "counts once. Mask it.": clamped / clamped.sum(-1, keepdims=True),
            "A count of 0 makes NaN. ln 0 is −∞; what do you multiply it with?": (
                np.full((3, 4), np.nan)
            ),
        },
        what="The attention with a code that does not occur",
    )


def _fold_keys_solved(E, Wq, bq, Wk, bk, scale):
    K = scale * (E @ Wk.T + bk)  # (k, d)
    return K @ Wq, K @ bq


def _fold_keys_cases(rng):
    for E, Wq, bq, Wk, bk, scale in (
        (1, 1, 0, 1, 0, 1),
        (2, 3, 0, 1, 0, 1),
        (2, 3, 0, 5, 1, 1),
        (2, 3, 7, 5, 1, 1),
        (2, 3, 7, 5, 1, 2),
    ):
        maps = (_tensor([[float(w)]]) for w in (E, Wq, Wk))
        biases = (_tensor([float(b)]) for b in (bq, bk))
        E1, Wq1, Wk1, bq1, bk1 = *maps, *biases
        yield E1, Wq1, bq1, Wk1, bk1, float(scale)
    for k, d in ((1, 2), (2, 2), (3, 2)):
        E, Wq, Wk = (_tensor(np.round(rng.normal(0, 1, (n, d)), 1)) for n in (k, d, d))
        bq, bk = (_tensor(np.round(rng.normal(0, 1, d), 1)) for _ in range(2))
        yield E, Wq, bq, Wk, bk, 2.0


@exercise("fold_keys", solve=_fold_keys_solved, cases=_fold_keys_cases)
def _fold_keys(answer, rng):
    d, k, scale = 4, 3, 8.0
    E, Wq, Wk = (rng.normal(0, 0.5, shape) for shape in ((k, d), (d, d), (d, d)))
    bq, bk, x = (rng.normal(0, 0.5, d) for _ in range(3))
    result = answer(*map(_tensor, (E, Wq, bq, Wk, bk)), scale)
    key, bias = parts(result, 2, "Return two tensors: key (k, d) and bias (k,).")
    K = E @ Wk.T + bk
    expect(
        key,
        scale * K @ Wq,
        {
            "The scale is missing.": K @ Wq,
            "The scale is in the key twice.": scale**2 * K @ Wq,
            "Wq is the wrong way round: q · k = x · (Wqᵀ k), as rows K @ Wq.": scale * K @ Wq.T,
            "bk is missing in the keys.": scale * E @ Wk.T @ Wq,
            "Wk is the wrong way round: of rows, a linear map is E @ Wk.T + bk.": (
                scale * (E @ Wk + bk) @ Wq
            ),
            "Those are the keys themselves; fold Wq into them.": scale * K,
        },
        what="The key",
    )
    expect(
        bias,
        scale * K @ bq,
        {
            "The scale is missing in the bias.": K @ bq,
            "The scale is in the bias twice.": scale**2 * K @ bq,
            "The bias is 0, so bq has no effect. q has the part bq, and bq · k_j differs from "
            "code to code.": np.zeros(k),
            "bk is missing in the bias.": scale * E @ Wk.T @ bq,
            "You multiply bq with the folded key, which already holds Wq. Multiply it with the "
            "keys K.": scale * K @ Wq @ bq,
        },
        what="The bias",
    )
    scores = scale * K @ (Wq @ x + bq)
    expect(np.asarray(key) @ x + np.asarray(bias), scores, what="key @ x + bias")
    return "One thin product per word is left."


class _Mixed:
    """A number of a tensor: Σ w x³ + (Σ x)², whose entries do not go their own ways."""

    def __init__(self, shape):
        self.weights = np.arange(1, 1 + int(np.prod(shape))).reshape(shape)
        self.said = f"Σ w·x³ + (Σ x)² with w = {self.weights.tolist()}"

    def __call__(self, x):
        if getattr(x, "requires_grad", False):
            raise Wrong(
                "You let PyTorch find the gradient. This is the test of gradients: it may use "
                "the VALUES of f only."
            )
        x = np.asarray(x)
        return _tensor((self.weights * x**3).sum() + x.sum() ** 2)


def _numerical_gradient_solved(f, x, eps):
    import torch  # heavy: the checks of other notebooks need not wait for it

    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        step = torch.zeros_like(x)
        step.view(-1)[i] = eps
        gradient.view(-1)[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return gradient


def _numerical_gradient_cases(rng):
    for x, eps in (([0.0], 1.0), ([2.0], 0.1), ([2.0], 0.5), ([1.0, 2.0], 0.5)):
        yield _Mixed(np.shape(x)), _tensor(x), eps
    for shape in ((2, 1), (3,), (2, 3)):
        yield _Mixed(shape), _tensor(np.round(rng.normal(1, 1, shape), 1)), 0.3


@exercise("numerical_gradient", solve=_numerical_gradient_solved, cases=_numerical_gradient_cases)
def _numerical_gradient(answer, rng):
    x, eps = rng.normal(1, 0.3, (2, 3)), 0.25  # so large that one side differs from two
    f = _Mixed((2, 3))
    value = f(x).item()

    def moved(steps):
        """Return f where each entry alone has moved."""
        found = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            there = x.copy()
            there[place] += steps
            found[place] = f(there).item()
        return found

    up, down = moved(eps), moved(-eps)
    two_sided = (up - down) / (2 * eps)
    together = np.full(x.shape, (f(x + eps) - f(x - eps)).item() / (2 * eps))
    expect(
        answer(f, _tensor(x), eps),
        two_sided,
        {
            "You step to one side only. Step up and down, and divide by 2 eps; that is far more "
            "exact.": (up - value) / eps,
            "You step to one side only, down. Step up and down, and divide by 2 eps.": (
                (value - down) / eps
            ),
            "You step up and down, so the distance is 2 eps; you divide by eps.": 2 * two_sided,
            "You move all entries of x at once. Move one at a time.": together,
            "An entry that was moved stays moved while the next ones are. Put it back.": (
                _never_put_back(f, x, eps)
            ),
            "You forgot to divide by 2 eps.": 2 * eps * two_sided,
            "The sign is the wrong way round: up minus down.": -two_sided,
        },
        what="The gradient",
    )
    return "The error shrinks with the square of eps."


def _never_put_back(f, x, eps):
    """Return the differences if each entry, once moved, stays where the last step took it."""
    found, now = np.zeros(x.shape), x.copy()
    for place in np.ndindex(x.shape):
        here = now[place]
        now[place] = here + eps
        up = f(now).item()
        now[place] = here - eps
        found[place] = (up - f(now).item()) / (2 * eps)
    return found


def _softmax(scores, axis=-1):
    weights = np.exp(scores - scores.max(axis, keepdims=True))
    return weights / weights.sum(axis, keepdims=True)


def _tensor(array):
    import torch  # heavy: the checks of other notebooks need not wait for it

    return torch.tensor(array)
