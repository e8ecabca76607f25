"""Answers to the exercises of notebook 03: right ones in several forms, and typical wrong ones."""

from math import exp, log

import numpy as np
import torch

INFINITY = float("inf")


def attention_loop(q, k, v, scale):
    result = []
    for query in q:
        weights = [exp(scale * float(query @ key)) for key in k]
        total = sum(weights)
        result.append(sum(w / total * value for w, value in zip(weights, v)))
    return torch.stack(result)


def attention_numpy(q, k, v, scale):
    weights = np.exp(scale * q.numpy() @ k.numpy().T)
    return weights / weights.sum(1, keepdims=True) @ v.numpy()


def masked_loop(scores, visible):
    result = torch.zeros_like(scores)
    for row, out in zip(scores, result):
        total = sum(exp(s) for s, seen in zip(row, visible) if seen)
        for i, seen in enumerate(visible):
            if seen:
                out[i] = exp(row[i]) / total
    return result


def gradient_floats(f, x, eps):
    slopes = []
    for i in range(x.numel()):
        up, down = x.clone(), x.clone()
        up.view(-1)[i] += eps
        down.view(-1)[i] -= eps
        slopes.append((float(f(up)) - float(f(down))) / (2 * eps))
    return torch.tensor(slopes, dtype=x.dtype).reshape(x.shape)


def masked_product(scores, visible):
    weights = scores.exp() * visible
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)


def masked_large_negative(scores, visible):
    return scores.masked_fill(~visible, -1e9).softmax(-1)


def count_repeat(scores, counts):
    columns = torch.repeat_interleave(torch.arange(len(counts)), counts)
    weights = scores[:, columns].softmax(-1)
    return torch.stack([weights[:, columns == j].sum(-1) for j in range(len(counts))], dim=1)


def fold_loop(E, Wq, bq, Wk, bk, scale):
    keys = [Wk @ e + bk for e in E]
    key = torch.stack([scale * Wq.T @ k for k in keys])
    return key, [float(scale * bq @ k) for k in keys]


def fold_numpy(E, Wq, bq, Wk, bk, scale):
    E, Wq, bq, Wk, bk = (t.numpy() for t in (E, Wq, bq, Wk, bk))
    K = E @ Wk.T + bk
    return scale * np.einsum("ki,ij->kj", K, Wq), scale * K @ bq


def gradient_in_place(f, x, eps):
    gradient = []
    moved = x.clone()
    flat = moved.view(-1)
    for i in range(len(flat)):
        flat[i] += eps
        up = f(moved)
        flat[i] -= 2 * eps
        down = f(moved)
        flat[i] += eps
        gradient.append(float(up - down) / (2 * eps))
    return np.reshape(gradient, x.shape)


def gradient_autograd(f, x, eps):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x), x)[0]


def gradient_one_sided(f, x, eps):
    basis = torch.eye(x.numel(), dtype=x.dtype).view(-1, *x.shape)
    return torch.stack([(f(x + eps * e) - f(x)) / eps for e in basis]).view(x.shape)


def gradient_half(f, x, eps):
    return 2 * gradient_in_place(f, x, eps)


def gradient_at_once(f, x, eps):
    return torch.full_like(x, float(f(x + eps) - f(x - eps)) / (2 * eps))


def attention_einsum(q, k, v, scale):
    weights = torch.einsum("td,nd->tn", q, k).mul(scale).exp()
    return torch.einsum("tn,nd->td", weights / weights.sum(1, keepdim=True), v)


def masked_numpy(scores, visible):
    weights = np.where(visible, np.exp(scores.numpy()), 0)
    total = weights.sum(1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


def masked_columns(scores, visible):
    result = torch.zeros_like(scores)
    result[:, visible] = scores[:, visible].softmax(-1)
    return result


def count_loop(scores, counts):
    result = []
    for row in scores.tolist():
        weights = [n * exp(s) for s, n in zip(row, counts.tolist())]
        result.append([w / sum(weights) for w in weights])
    return result


def fold_einsum(E, Wq, bq, Wk, bk, scale):
    K = torch.nn.functional.linear(E, Wk, bk)
    return (scale * torch.einsum("kj,ji->ki", K, Wq), scale * torch.einsum("kj,j->k", K, bq))


def fold_by_scores(E, Wq, bq, Wk, bk, scale):
    """Ask what the scores of 0 and of each unit vector are."""
    d = len(bq)
    x = torch.cat([torch.zeros(1, d), torch.eye(d)]).to(E)
    scores = scale * (x @ Wq.T + bq) @ (E @ Wk.T + bk).T  # (d + 1, k)
    return (scores[1:] - scores[0]).T, scores[0]


def gradient_numpy(f, x, eps):
    result = np.zeros(x.shape)
    for place in np.ndindex(*x.shape):
        up, down = x.clone(), x.clone()
        up[place] += eps
        down[place] -= eps
        result[place] = (f(up) - f(down)) / (2 * eps)
    return result


def gradient_basis(f, x, eps):
    basis = torch.eye(x.numel(), dtype=x.dtype).view(-1, *x.shape)
    return torch.stack([(f(x + eps * e) - f(x - eps * e)) / (2 * eps) for e in basis]).view_as(x)


def gradient_both_sides(f, x, eps):
    value, result = f(x), []
    for e in torch.eye(x.numel(), dtype=x.dtype).view(-1, *x.shape):
        up, down = (f(x + eps * e) - value) / eps, (value - f(x - eps * e)) / eps
        result.append(float(up + down) / 2)
    return torch.tensor(result).view(x.shape)


def gradient_never_put_back(f, x, eps):
    moved, gradient = x.clone(), torch.zeros_like(x)
    for i in range(x.numel()):
        here = moved.view(-1)[i].item()
        moved.view(-1)[i] = here + eps
        up = f(moved)
        moved.view(-1)[i] = here - eps
        gradient.view(-1)[i] = (up - f(moved)) / (2 * eps)
    return gradient


# Mutants of the solution that are right as well: the lines that differ, and the reason.
EQUIVALENT = {
    "attention": {"return scores.softmax(1) @ v": "of two axes the last is number 1"},
    "masked_softmax": {
        "return torch.nan_to_num(hidden.softmax(1))": "of two axes the last is number 1"
    },
    "count_softmax": {
        "return (scores + counts.log()).softmax(1)": "of two axes the last is number 1"
    },
}

RIGHT = {
    "attention_by_hand": [
        lambda: [1 / 9, 1 / 9, 1 / 9, 1 / 9, 4 / 9, 1 / 9],
        lambda: (0.111, 0.111, 0.111, 0.111, 0.444, 0.111),
        lambda: torch.tensor([0.0, 0, 0, 0, 2 * log(2), 0]).softmax(0),
        lambda: np.array([1, 1, 1, 1, 4, 1]) / 9,
    ],
    "attention": [
        attention_loop,
        attention_numpy,
        lambda q, k, v, s: torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=s),
        attention_einsum,
    ],
    "masked_softmax": [masked_loop, masked_product, masked_numpy, masked_columns],
    "count_softmax": [
        count_repeat,
        lambda s, n: s.exp() * n / (s.exp() * n).sum(-1, keepdim=True),
        lambda s, n: (s + n.log()).softmax(-1),
        count_loop,
    ],
    "fold_keys": [fold_loop, fold_numpy, fold_einsum, fold_by_scores],
    "numerical_gradient": [
        gradient_in_place,
        gradient_numpy,
        gradient_basis,
        gradient_both_sides,
        gradient_floats,
    ],
}

WRONG = {
    "attention_by_hand": [
        (lambda: [1 / 7, 1 / 7, 1 / 7, 1 / 7, 2 / 7, 1 / 7], "left out the scale"),
        (lambda: [0, 0, 0, 0, 1, 0], "e⁰ is 1"),
        (lambda: [1, 1, 1, 1, 4, 1], "divide by the sum"),
        (lambda: [1 / 9, 4 / 9], "expected (6,)"),
    ],
    "attention": [
        (lambda q, k, v, s: (s * q @ k.T).softmax(0) @ v, "dim 0"),
        (lambda q, k, v, s: (q @ k.T).softmax(-1) @ v, "left out the scale"),
        (lambda q, k, v, s: (s * q @ k.T / 3**0.5).softmax(-1) @ v, "as Transformers do"),
        (lambda q, k, v, s: (q @ k.T / s).softmax(-1) @ v, "divide by the scale"),
        (lambda q, k, v, s: (s * q @ v.T).softmax(-1) @ k, "are swapped"),
        (lambda q, k, v, s: (s * q @ k.T).softmax(-1), "Those are the weights"),
        (lambda q, k, v, s: (s * q @ k).softmax(-1) @ v, "RuntimeError"),
    ],
    "masked_softmax": [
        (lambda s, seen: (s * seen).softmax(-1), "hidden SCORES to 0"),
        (lambda s, seen: s.softmax(-1) * seen, "no longer sum to 1"),
        (lambda s, seen: s.masked_fill(seen, -INFINITY).softmax(-1), "upside down"),
        (lambda s, seen: s.masked_fill(~seen, -INFINITY).softmax(-1), "0/0"),
        (masked_large_negative, "uniform"),
        (lambda s, seen: s.softmax(0) * seen, "of each WORD"),
    ],
    "count_softmax": [
        (lambda s, n: (s * n).softmax(-1), "multiply the SCORES"),
        (lambda s, n: (s + n).softmax(-1), "add its logarithm"),
        (lambda s, n: (s + (n + 1).log()).softmax(-1), "ln(n + 1)"),
        (lambda s, n: (s + n.clamp(min=1).log()).softmax(-1), "does not occur still"),
        (lambda s, n: s.softmax(-1), "ignore the counts"),
    ],
    "fold_keys": [
        (lambda E, Wq, bq, Wk, bk, s: (s * (E @ Wk.T + bk) @ Wq.T, bk), "wrong way round"),
        (lambda E, Wq, bq, Wk, bk, s: (s * (E @ Wk.T + bk) @ Wq, torch.zeros(3)), "no effect"),
        (lambda E, Wq, bq, Wk, bk, s: ((E @ Wk.T + bk) @ Wq, bk), "scale is missing"),
        (lambda E, Wq, bq, Wk, bk, s: (s * s * (E @ Wk.T + bk) @ Wq, bk), "in the key twice"),
        (lambda E, Wq, bq, Wk, bk, s: (s * (E @ Wk.T) @ Wq, bk), "bk is missing"),
        (lambda E, Wq, bq, Wk, bk, s: s * (E @ Wk.T + bk) @ Wq, "two tensors"),
    ],
    "numerical_gradient": [
        (gradient_one_sided, "one side only"),
        (gradient_never_put_back, "Put it back"),
        (gradient_autograd, "VALUES of f only"),
        (gradient_half, "you divide by eps"),
        (gradient_at_once, "all entries"),
        (lambda f, x, eps: 2 * eps * gradient_in_place(f, x, eps), "forgot to divide"),
    ],
}
