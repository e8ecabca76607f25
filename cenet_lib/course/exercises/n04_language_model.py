"""Checks for notebook 04: ids for pieces, polarity from senses, injection, counting parameters."""

import numpy as np

from .framework import Wrong, exercise, expect


@exercise("ids_of_pieces")
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


@exercise("word_polarity")
def _word_polarity(answer, rng):
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
        raise Wrong(f"For cosines {cosines} and ranks {ranks} it says {got:g}: {hint}.")


def _cases_of_polarity(rng):
    """Return cosines, ranks, positive and negative scores, and what a wrong id means.

    Each case has one answer, and tells one way to go wrong from the right one.
    """
    a_little = float(rng.uniform(0.5, 0.55))  # not always the same numbers
    return [
        ([0.0, 1.0], [1, 2], [0.25, 0], [0, 0.75], "the example on paper is negative"),
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
            "cosines count: the sense that resembles the sentence weighs more",
        ),
        (
            [1.0, -1.0],
            [1, 4],
            [0.2, 0],
            [0, 0.6],
            "the weights are a softmax: e to the power of a_j. With a_j itself as the weight, a "
            "sense with a cosine of −1 would count for nothing",
        ),
        ([0.5, -0.2], [1, 2], [0, 0], [0, 0], "a score of exactly 0 gives the id 2"),
    ]


def _is_swapped(answer) -> bool:
    """Tell whether one sense, good or bad beyond doubt, gets the opposite id."""
    one, zero = np.ones(1), np.zeros(1)
    return float(answer(one, one, one, zero)) == 0 and float(answer(one, one, zero, one)) == 1


@exercise("inject")
def _inject(answer, rng):
    shifts = rng.normal(0, 1, 4)

    def layer(number):
        return lambda x: 2 * x + shifts[number]

    def enhance(x):
        return x * x + 1

    layers = [layer(number) for number in range(4)]
    x = rng.normal(0, 1, (3, 2))
    for i in (1, 0, 3):
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


@exercise("count_parameters")
def _count_parameters(answer, rng):
    n_words, n_positions, n_layers = (int(n) for n in rng.integers((50, 10, 2), (90, 30, 6)))
    d, f = int(rng.integers(4, 9)), int(rng.integers(10, 20))
    embeddings = (n_words + n_positions + 1) * d + 2 * d
    layer = 4 * (d * d + d) + 2 * d * f + f + d + 4 * d
    total = embeddings + n_layers * layer
    forgotten = {
        "the biases of the four attention maps": n_layers * 4 * d,
        "the biases of the feed-forward network": n_layers * (f + d),
        "the layer norms in the layers, two of them": n_layers * 4 * d,
        "half of the layer norms: each has a scale AND a shift, and there are two": n_layers
        * 2
        * d,
        "the layer norm after the embeddings": 2 * d,
        "the row for the token type": d,
        "the positions": n_positions * d,
        "the way back of the feed-forward network, f to d": n_layers * d * f,
        "the output map of the attention: there are four maps, not three": n_layers * (d * d + d),
        "all biases and layer norms": n_layers * (9 * d + f) + 2 * d,
    }
    if n_layers * 4 * d == n_layers * (f + d):  # then a hint could name the wrong one
        del forgotten["the biases of the feed-forward network"]
    mistakes = {f"You forgot {what}.": total - size for what, size in forgotten.items()}
    mistakes |= {
        "That is the embeddings and ONE layer.": embeddings + layer,
        "Those are the layers alone; the embeddings are missing.": n_layers * layer,
    }
    expect(answer(n_words, n_positions, n_layers, d, f), total, mistakes, rtol=0, atol=0.5)
    base = answer(50_265, 514, 12, 768, 3072)
    return f"RoBERTa-base has {float(base):,.0f}, two thirds of them in its layers."
