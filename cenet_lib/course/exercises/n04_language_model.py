"""Checks for notebook 04: ids for pieces, polarity from senses, injection, counting parameters."""

from contextlib import suppress

import numpy as np

from .framework import Wrong, exercise, expect


def _ids_of_pieces_solved(word_ids, word_index, filler):
    return [filler if word < 0 else word_ids[word] for word in word_index]


def _ids_of_pieces_cases(rng):
    yield [3], [0], 4
    yield [3], [-1], 4
    yield [3], [-1, 0, -1], 4
    yield [3, 0], [1, 0], 4
    yield [3, 0], [-1, 0, 0, 1, -1], 4
    for n in (2, 3, 4):
        inside = np.repeat(np.arange(n), rng.integers(1, 3, n)).tolist()
        yield rng.integers(0, 5, n).tolist(), [-1, *inside, -1], 7


@exercise("ids_of_pieces", solve=_ids_of_pieces_solved, cases=_ids_of_pieces_cases)
def _ids_of_pieces(answer, rng):
    pieces = rng.integers(1, 4, 5)  # of each word
    word_ids = rng.permutation(5)
    inside = np.repeat(np.arange(5), pieces)
    word_index = np.concatenate([[-1], inside, [-1]])
    filler = 7
    last_word = word_ids[word_index]  # what index -1 picks
    expect(
        answer(word_ids.tolist(), word_index.tolist(), filler),
        np.append(word_ids, filler)[word_index],
        {
            "Special tokens get the id of the last word: that is what index -1 picks in Python. "
            "Give them the filler.": last_word,
            "The special tokens are missing: one id per PIECE, with the filler for −1.": word_ids[
                inside
            ],
            "That is one id per word. Repeat it over the word's pieces.": word_ids,
            "The first word gets the filler. Its number is 0; only −1 means that there is none.": (
                np.where(word_index > 0, last_word, filler)
            ),
            "Special tokens get 4. Give them `filler`, whatever it is.": np.where(
                word_index < 0, 4, last_word
            ),
            "Those are the numbers of the words; look their ids up in `word_ids`.": np.where(
                word_index < 0, filler, word_index
            ),
            "Only the first piece of a word gets its id. The others belong to it too.": np.where(
                np.diff(word_index, prepend=-1) != 0, last_word, filler
            )
            * (word_index >= 0)
            + filler * (word_index < 0),
        },
        what="The list of ids",
    )


def _word_polarity_solved(cosines, ranks, positive, negative):
    weights = np.exp((cosines + 1) / (2 * ranks))  # (n_senses,)
    score = np.sum(weights * (positive - negative))
    return 2 if score == 0 else int(score > 0)


def _word_polarity_cases(rng):
    for senses in (
        ([1.0], [1], [0.5], [0.0]),
        ([1.0], [1], [0.0], [0.5]),
        ([1.0], [1], [0.5], [0.5]),
        ([-1.0], [1], [0.25], [0.0]),
        ([0.0, 1.0], [1, 2], [0.25, 0.0], [0.0, 0.75]),
        ([0.5, -0.2], [1, 2], [0.0, 0.0], [0.0, 0.0]),
    ):
        yield tuple(np.array(part, dtype=float) for part in senses)
    # Two senses that pull against each other: the second is a little, or much, too weak or strong
    # to balance the first, so the weights must be right to two digits.
    for off in (0.97, 1.03, 0.8, 1.25, 0.6, 1.7) * 8:
        cosines, ranks = np.round(rng.uniform(-1, 1, 2), 1), rng.integers(1, 6, 2).astype(float)
        weights = np.exp((cosines + 1) / (2 * ranks))
        negative = 0.4 * weights[0] / weights[1] * off
        scale = 1 / max(1.0, negative)
        yield cosines, ranks, scale * np.array([0.4, 0]), scale * np.array([0, negative])


@exercise("word_polarity", solve=_word_polarity_solved, cases=_word_polarity_cases)
def _word_polarity(answer, rng):
    _weighed_in_another_way(answer, rng)
    for cosines, ranks, positive, negative, hint in _cases_of_polarity(rng):
        senses = [np.array(v, dtype=float) for v in (cosines, ranks, positive, negative)]
        balance = senses[2] - senses[3]
        weights = np.exp((senses[0] + 1) / (2 * senses[1]))
        score = float(weights @ balance)
        want = 2 if score == 0 else int(score > 0)
        got = answer(*senses)
        if np.size(got) != 1:
            raise Wrong("Return one id for the word: sum over its senses first.")
        got = float(np.asarray(got).reshape(()))
        if got == want:
            continue
        total = weights / weights.sum() @ balance
        if want != 2 and (np.isclose(got, total) or np.isclose(got, score)):
            raise Wrong("That is the score; return the id that its sign stands for.")
        if want != 2 and got == np.sign(score):
            raise Wrong("That is the sign. The ids are 0 negative, 1 positive, 2 neutral.")
        if want != 2 and got == 1 - want and _is_swapped(answer):
            raise Wrong("Positive and negative are swapped: 0 is negative, 1 is positive.")
        raise Wrong(f"For cosines {cosines} and ranks {ranks} it says {got:g}: {hint}")


# How else one may weigh a sense of cosine c and rank r.
_OTHER_WEIGHTS = {
    "The 2 is missing: a is (cos + 1) / (2 r).": lambda c, r: np.exp((c + 1) / r),
    "The 1 is missing: a is (cos + 1) / (2 r).": lambda c, r: np.exp(c / (2 * r)),
    "The 1 and the 2 are missing: a is (cos + 1) / (2 r).": lambda c, r: np.exp(c / r),
    "Multiply 2 and r before you divide: (cos + 1) / (2 * r).": lambda c, r: np.exp(
        (c + 1) / 2 * r
    ),
    "ranks count: frequent senses weigh more. Do you divide by 2 · rank?": lambda c, r: np.exp(
        (c + 1) / 2
    ),
    "cosines count: the sense that resembles the sentence weighs more.": lambda c, r: np.exp(
        1 / (2 * r)
    ),
    "The rank belongs into the exponent: a is (cos + 1) / (2 r).": lambda c, r: (
        np.exp((c + 1) / 2) / r
    ),
    "the weights are a softmax: e to the power of a_j.": lambda c, r: (c + 1) / (2 * r),
    "You add up the senses without weights.": lambda c, r: np.ones_like(c),
}


def _weighed_in_another_way(answer, rng):
    """Name the weights with which an answer agrees in all cases, if they are not the right ones."""
    cases = list(_word_polarity_cases(rng))
    got = []
    for senses in cases:
        with suppress(Wrong, TypeError, ValueError):
            got.append(float(answer(*senses)))
    if got == [_word_polarity_solved(*senses) for senses in cases]:
        return
    for hint, weigh in _OTHER_WEIGHTS.items():
        signs = [np.sign(weigh(c, r) @ (p - n)) for c, r, p, n in cases]
        if got == [{0: 2}.get(int(sign), int(sign > 0)) for sign in signs]:
            raise Wrong(hint)


def _cases_of_polarity(rng):
    """Return cosines, ranks, positive and negative scores, and what a wrong id means.

    Each case has one answer, and tells one way to go wrong from the right one.
    """
    a_little = float(rng.uniform(0.5, 0.55))  # not always the same numbers
    return [
        ([0.0, 1.0], [1, 2], [0.25, 0], [0, 0.75], "the example on paper is negative."),
        (
            [0.0, 0.0, 0.0],
            [1, 2, 3],
            [0.5, 0, 0],
            [0, 0.3, 0.3],
            "ranks count: frequent senses weigh more. Do you divide by 2 · rank?",
        ),
        (
            [0.9, -0.9],
            [1, 1],
            [a_little, 0],
            [0, 0.9],
            "cosines count: the sense that resembles the sentence weighs more.",
        ),
        (
            [1.0, -1.0],
            [1, 4],
            [0.2, 0],
            [0, 0.6],
            "the weights are a softmax: e to the power of a_j. With a_j itself as the weight, a "
            "sense with a cosine of −1 would count for nothing.",
        ),
        ([0.5, -0.2], [1, 2], [0, 0], [0, 0], "a score of exactly 0 gives the id 2."),
    ]


def _is_swapped(answer) -> bool:
    """Tell whether one sense, good or bad beyond doubt, gets the opposite id."""
    one, zero = np.ones(1), np.zeros(1)
    return float(answer(one, one, one, zero)) == 0 and float(answer(one, one, zero, one)) == 1


class _Step:
    """A function from states to states that can say what it does."""

    def __init__(self, said, function):
        self.said = said
        self.function = function

    def __call__(self, x):
        return self.function(x)


_STEPS = (
    _Step("x → 2x", lambda x: 2 * x),
    _Step("x → x + 3", lambda x: x + 3),
    _Step("x → 1 − x", lambda x: 1 - x),
)
_ENHANCE = _Step("x → x² + 1", lambda x: x * x + 1)


def _inject_solved(layers, enhance, i, x):
    for number, layer in enumerate(layers):
        if number == i:
            x = enhance(x)
        x = layer(x)
    return x


def _inject_cases(rng):
    for n in (1, 2, 3):
        for i in range(n):
            yield list(_STEPS[:n]), _ENHANCE, i, np.array([3.0])
    yield list(_STEPS), _ENHANCE, 1, np.round(rng.normal(0, 1, (2, 2)), 1)


@exercise("inject", solve=_inject_solved, cases=_inject_cases)
def _inject(answer, rng):
    shifts = rng.normal(0, 1, 4)

    def layer(number):
        return lambda x: 2 * x + shifts[number]

    def enhance(x):
        return x * x + 1

    layers = [layer(number) for number in range(4)]
    x = rng.normal(0, 1, (3, 2))
    for i in (2, 1, 0, 3):
        want = _enhanced_before({i}, layers, enhance, x)
        mistakes = _wrong_injections(layers, enhance, i, x)
        expect(answer(layers, enhance, i, x), want, mistakes, what=f"With i = {i}, the result")
    return "This is what the hook in model.py does."


def _wrong_injections(layers, enhance, i, x):
    """Return what typical mistakes give, under the hint to print."""

    def before(where):
        return _enhanced_before(where, layers, enhance, x)

    mistakes = {
        "You never call enhance.": before(set()),
        "It comes after layer i; it should come before.": before({i + 1}),
        "It is called before every layer. Only before layer i.": before(set(range(4))),
        "It is called before layer i and all after it. Only once.": before(set(range(i, 4))),
        "Layer i itself is left out: first enhance, then the layer.": _without_layer(
            layers, enhance, i, x
        ),
        "You stop at layer i. The layers after it must run too.": _up_to(layers, enhance, i, x),
    }
    if i:
        if i > 1:
            mistakes["It comes before layer 0, whatever i is."] = before({0})
        mistakes |= {
            "It comes one layer too early: layers are counted from 0.": before({i - 1}),
            "enhance gets the input of layer 0, not what enters layer i.": _of_the_input(
                layers, enhance, i, x
            ),
        }
    return mistakes


def _enhanced_before(where, layers, enhance, x):
    """Return the states after all layers, enhanced before those in ``where``; 4 is the end."""
    for number, step in enumerate(layers):
        if number in where:
            x = enhance(x)
        x = step(x)
    return enhance(x) if len(layers) in where else x


def _without_layer(layers, enhance, i, x):
    for number, step in enumerate(layers):
        x = enhance(x) if number == i else step(x)
    return x


def _up_to(layers, enhance, i, x):
    for step in layers[:i]:
        x = step(x)
    return layers[i](enhance(x))


def _of_the_input(layers, enhance, i, x):
    states = x
    for number, step in enumerate(layers):
        states = step(enhance(x) if number == i else states)
    return states


def _count_parameters_solved(n_words, n_positions, n_layers, d, f):
    embeddings = (n_words + n_positions + 1) * d + 2 * d
    layer = 4 * (d * d + d) + (d * f + f) + (f * d + d) + 2 * (2 * d)
    return embeddings + n_layers * layer


def _count_parameters_cases(rng):
    yield from ((1, 1, 0, 1, 1), (1, 1, 1, 1, 1), (5, 1, 1, 1, 1), (5, 3, 2, 1, 1), (5, 3, 2, 4, 8))
    for _ in range(3):
        yield tuple(int(n) for n in rng.integers((50, 10, 2, 3, 10), (90, 30, 6, 9, 20)))


@exercise("count_parameters", solve=_count_parameters_solved, cases=_count_parameters_cases)
def _count_parameters(answer, rng):
    n_words, n_positions, n_layers = (int(n) for n in rng.integers((50, 10, 2), (90, 30, 6)))
    d, f = int(rng.integers(4, 9)), int(rng.integers(10, 20))
    embeddings = (n_words + n_positions + 1) * d + 2 * d
    layer = 4 * (d * d + d) + 2 * d * f + f + d + 4 * d
    total = embeddings + n_layers * layer
    forgotten = {
        "4 · d in each layer: the biases of the four attention maps, or both layer norms": n_layers
        * 4
        * d,
        "the biases of the feed-forward network": n_layers * (f + d),
        "half of the layer norms: each has a scale AND a shift, and there are two": n_layers
        * 2
        * d,
        "the layer norm after the embeddings": 2 * d,
        "the row for the token type": d,
        "the positions": n_positions * d,
        "the way back of the feed-forward network, f to d": n_layers * d * f,
        "the output map of the attention: there are four maps, not three": n_layers * (d * d + d),
        "all biases and layer norms": n_layers * (9 * d + f) + 2 * d,
        "all biases": n_layers * (5 * d + f),
        "all layer norms": n_layers * 4 * d + 2 * d,
        "the biases and the layer norms of the layers": n_layers * (9 * d + f),
        "the shift of every layer norm: each has a scale AND a shift of d": n_layers * 2 * d + d,
    }
    if n_layers * 4 * d == n_layers * (f + d):  # then a hint could name the wrong one
        del forgotten["the biases of the feed-forward network"]
    mistakes = {f"You forgot {what}.": total - size for what, size in forgotten.items()}
    mistakes |= {
        "That is the embeddings and ONE layer.": embeddings + layer,
        "Those are the layers alone; the embeddings are missing.": n_layers * layer,
        "You counted a pooler; there is none here.": total + d * d + d,
    }
    expect(answer(n_words, n_positions, n_layers, d, f), total, mistakes, rtol=0, atol=0.5)
    base = int(np.asarray(answer(50_265, 514, 12, 768, 3072)).item())
    return f"RoBERTa-base has {base:,}, two thirds of them in its layers."
