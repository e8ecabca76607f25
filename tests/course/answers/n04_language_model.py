"""Answers to the exercises of notebook 04: right ones in several forms, and typical wrong ones."""

import functools
import math

import numpy as np
import torch


def ids_loop(word_ids, word_index, filler):
    result = []
    for word in word_index:
        if word == -1:
            result.append(filler)
        else:
            result.append(word_ids[word])
    return result


def polarity_softmax(cosines, ranks, positive, negative):
    weights = torch.softmax(torch.tensor((cosines + 1) / (2 * ranks)), 0).numpy()
    score = float(weights @ (positive - negative))
    return [0, 2, 1][int(np.sign(score)) + 1]


def polarity_loop(cosines, ranks, positive, negative):
    score = 0
    for c, r, p, n in zip(cosines, ranks, positive, negative):
        score += np.exp((c + 1) / (2 * r)) * (p - n)
    if score > 0:
        return 1
    return 0 if score < 0 else 2


def polarity_from(weigh, ids=(0, 2, 1)):
    """A polarity from other weights, or with other ids for negative, zero and positive."""

    def answer(cosines, ranks, positive, negative):
        score = weigh(cosines, ranks) @ (positive - negative)
        return ids[int(np.sign(score)) + 1]

    return answer


def right_weights(cosines, ranks):
    return np.exp((cosines + 1) / (2 * ranks))


def inject_slices(layers, enhance, i, x):
    for layer in layers[:i]:
        x = layer(x)
    x = enhance(x)
    for layer in layers[i:]:
        x = layer(x)
    return x


def inject_recursive(layers, enhance, i, x):
    if not layers:
        return x
    return inject_recursive(layers[1:], enhance, i - 1, layers[0](enhance(x) if i == 0 else x))


def inject_where(condition, after=False):
    def answer(layers, enhance, i, x):
        for number, layer in enumerate(layers):
            if condition(number, i) and not after:
                x = enhance(x)
            x = layer(x)
            if condition(number, i) and after:
                x = enhance(x)
        return x

    return answer


def inject_instead(layers, enhance, i, x):
    for number, layer in enumerate(layers):
        x = enhance(x) if number == i else layer(x)
    return x


def inject_and_stop(layers, enhance, i, x):
    for number, layer in enumerate(layers):
        if number == i:
            return layer(enhance(x))
        x = layer(x)


def count_shapes(n_words, n_positions, n_layers, d, f):
    shapes = [(n_words, d), (n_positions, d), (1, d), (d,), (d,)]
    for _ in range(n_layers):
        shapes += [(d, d), (d,)] * 4 + [(d, f), (f,), (f, d), (d,)] + [(d,)] * 4
    return sum(int(np.prod(shape)) for shape in shapes)


def count_formula(n_words, n_positions, n_layers, d, f):
    return (n_words + n_positions + 3) * d + n_layers * (4 * d * d + 2 * d * f + 9 * d + f)


def polarity_sign(cosines, ranks, positive, negative):
    senses = zip(cosines.tolist(), ranks.tolist(), positive.tolist(), negative.tolist())
    score = sum(math.exp((c + 1) / (2 * r)) * (p - n) for c, r, p, n in senses)
    return {-1: 0, 0: 2, 1: 1}[(score > 0) - (score < 0)]


def inject_enumerated_back(layers, enhance, i, x):
    steps = [*layers]
    steps.insert(i, enhance)
    for step in steps:
        x = step(x)
    return x


def inject_composed(layers, enhance, i, x):
    return functools.reduce(lambda x, step: step(x), [*layers[:i], enhance, *layers[i:]], x)


def count_torch(n_words, n_positions, n_layers, d, f):
    tables = sum(torch.empty(n, d, device="meta").numel() for n in (n_words, n_positions, 1))
    layer = [(d, d)] * 4 + [(d,)] * 4 + [(d, f), (f, d), (f,), (d,)] + [(d,)] * 4
    return torch.tensor(tables + 2 * d + n_layers * sum(map(math.prod, layer)))


def count_in_parts(n_words, n_positions, n_layers, d, f):
    attention = 4 * d * (d + 1)
    forward = f * (d + 1) + d * (f + 1)
    norm = 2 * d
    return d * (n_words + n_positions + 1) + norm + n_layers * (attention + forward + 2 * norm)


# Mutants of the solution that are right as well: the lines that differ, and the reason.
EQUIVALENT = {
    "word_polarity": {
        "score = np.mean(weights * (positive - negative))": "a mean has the same sign",
        "return 2 if score == 0 else score > 0": "True is 1 and False is 0",
        "return 2 if score == 0 else int(score >= 0)": "0 was returned before",
    },
}

RIGHT = {
    "ids_of_pieces": [
        ids_loop,
        lambda ids, index, filler: np.append(ids, filler)[index],
        lambda ids, index, filler: torch.tensor([*ids, filler])[torch.tensor(index)],
        lambda ids, index, filler: [{-1: filler, **dict(enumerate(ids))}[w] for w in index],
    ],
    "word_polarity": [
        polarity_softmax,
        polarity_loop,
        polarity_from(right_weights),
        polarity_sign,
    ],
    "inject": [
        inject_slices,
        inject_recursive,
        inject_where(lambda number, i: number == i),
        inject_enumerated_back,
        inject_composed,
    ],
    "count_parameters": [count_shapes, count_formula, count_torch, count_in_parts],
}

WRONG = {
    "ids_of_pieces": [
        (lambda ids, index, filler: np.array(ids)[index], "index -1 picks"),
        (
            lambda ids, index, filler: [ids[w] for w in index if w >= 0],
            "special tokens are missing",
        ),
        (lambda ids, index, filler: ids, "one id per word"),
        (
            lambda ids, index, filler: [ids[w] if w > 0 else filler for w in index],
            "Its number is 0",
        ),
        (lambda ids, index, filler: [4 if w < 0 else ids[w] for w in index], "get 4"),
        (
            lambda ids, index, filler: [filler if w < 0 else w for w in index],
            "numbers of the words",
        ),
        (
            lambda ids, index, filler: [
                ids[w] if w >= 0 and index[i - 1] != w else filler for i, w in enumerate(index)
            ],
            "Only the first piece",
        ),
    ],
    "word_polarity": [
        (polarity_from(lambda c, r: np.exp((c + 1) / 2)), "frequent senses weigh more"),
        (polarity_from(lambda c, r: np.exp(1 / (2 * r))), "resembles the sentence"),
        (polarity_from(lambda c, r: (c + 1) / (2 * r)), "softmax"),
        (polarity_from(lambda c, r: np.exp((c + 1) / r)), "The 2 is missing"),
        (polarity_from(lambda c, r: np.exp(c / (2 * r))), "The 1 is missing"),
        (polarity_from(lambda c, r: np.exp(c / r)), "The 1 and the 2 are missing"),
        (polarity_from(lambda c, r: np.exp((c + 1) / 2 * r)), "Multiply 2 and r"),
        (polarity_from(right_weights, ids=(-1, 2, 1)), "That is the sign"),
        (polarity_from(right_weights, ids=(1, 2, 0)), "swapped"),
        (polarity_from(right_weights, ids=(0, 0, 1)), "exactly 0 gives the id 2"),
        (lambda c, r, p, n: right_weights(c, r) @ (p - n), "That is the score"),
        (lambda c, r, p, n: (p > n).astype(int), "one id for the word"),
    ],
    "inject": [
        (lambda layers, enhance, i, x: inject_slices(layers, lambda y: y, i, x), "never call"),
        (inject_where(lambda number, i: number == i, after=True), "comes after"),
        (inject_where(lambda number, i: number == i - 1), "one layer too early"),
        (inject_where(lambda number, i: True), "before every layer"),
        (inject_where(lambda number, i: number == 0), "whatever i is"),
        (inject_where(lambda number, i: number >= i), "and all after it"),
        (inject_instead, "itself is left out"),
        (inject_and_stop, "You stop at layer i"),
    ],
    "count_parameters": [
        (lambda w, p, n, d, f: count_formula(w, p, n, d, f) - n * 4 * d, "You forgot"),
        (lambda w, p, n, d, f: count_formula(w, p, n, d, f) - 2 * d, "norm after the embeddings"),
        (lambda w, p, n, d, f: count_formula(w, 0, n, d, f), "the positions"),
        (lambda w, p, n, d, f: count_formula(w, p, 1, d, f), "ONE layer"),
        (lambda w, p, n, d, f: count_formula(w, p, n, d, f) - n * (5 * d + f), "all biases"),
        (lambda w, p, n, d, f: count_formula(w, p, n, d, f) - (4 * n + 2) * d, "all layer norms"),
        (
            lambda w, p, n, d, f: count_formula(w, p, n, d, f) - n * (9 * d + f),
            "norms of the layers",
        ),
        (lambda w, p, n, d, f: count_formula(w, p, n, d, f) + d * d + d, "a pooler"),
        (lambda w, p, n, d, f: count_formula(w, p, n, d, f) - n * d * f, "f to d"),
        (lambda w, p, n, d, f: n * count_formula(0, -3, 1, d, f), "embeddings are missing"),
    ],
}
