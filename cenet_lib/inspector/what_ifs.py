"""A choice of counterfactuals, computed beforehand: for a page that has no model to ask.

Of all that `.counterfactuals` can do, these tell most: each word left out; each of the codes with
the largest effects as the code most unlike it; and other attention scales.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..utterance import STREAMS, Utterance
from .counterfactuals import Altered, read_altered
from .effects import Code
from .records import Reading, Subject, pack

_STRONGEST = 3  # codes that are replaced
_TIMES = (0.0, 0.5, 2.0, 4.0)  # the subject's own scale
_CELLS = 3  # of the maps, those that change most


def describe_what_if(reading: Reading) -> dict:
    """Return what the page shows of an utterance with changes.

    Returns
    -------
    dict
        ``prediction``, and per stream the packed attention (n_words + 1, k+1), or null.

    Examples
    --------
    >>> describe_what_if(Reading(0.5, None, None))
    {'prediction': 0.5, 'visual': None, 'acoustic': None}
    """
    attention = {s: getattr(reading, s) for s in STREAMS}
    packed = {s: None if found is None else pack(found, "f4") for s, found in attention.items()}
    return {"prediction": reading.prediction, **packed}


def measure_what_ifs(
    subjects: Sequence[Subject],
    utterance: Utterance,
    effects: Mapping[str, Any],
    vocabularies: Sequence[Mapping[str, Mapping | None]],
) -> dict:
    """Return a choice of counterfactuals, for a page that has no model to ask.

    Parameters
    ----------
    effects : mapping
        What `measure_effects` returned: the codes with the largest effects are replaced.
    vocabularies : sequence of mapping
        For each subject, what `describe_vocabulary` returned of each stream.

    Returns
    -------
    dict
        ``id`` and ``subjects``, each with ``words``, packed: the prediction (n_words,) without each
        word, NaN where none would be left; ``codes``: the three with the largest effects, each as
        the code that is most unlike it in where it occurs, as ``stream``, ``code``, ``to``,
        ``prediction`` and ``cells``, see `largest_changes`; and ``scales``, with ``scale``,
        ``prediction`` and ``cells``.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> from cenet_lib.inspector.records import describe_vocabulary, measure_effects
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subjects, one = [Subject("mine", run.model, run.processor)], corpus.test[0]
    >>> books = {stream: describe_vocabulary(run.processor, corpus, stream) for stream in STREAMS}
    >>> effects = measure_effects(subjects, one, corpus)
    >>> found = measure_what_ifs(subjects, one, effects, [books])["subjects"][0]
    >>> [entry["scale"] for entry in found["scales"]]
    [0.0, 4.0, 16.0, 32.0]
    """
    found = [
        _choice(subject, utterance, list(_opposites(subject, of, books)))
        for subject, of, books in zip(subjects, effects["subjects"], vocabularies, strict=True)
    ]
    return {"id": utterance.id, "subjects": found}


def _choice(
    subject: Subject, utterance: Utterance, opposites: Sequence[tuple[Code, int]]
) -> dict[str, Any]:
    """Return what `measure_what_ifs` does of one subject; what has one scale is one batch."""
    n = len(utterance.words)
    whole = Altered(subject.processor, utterance, {}, {})
    words = [Altered(subject.processor, utterance, {i: None}, {}) for i in range(n if n > 1 else 0)]
    codes = [Altered(subject.processor, utterance, {}, {code: to}) for code, to in opposites]
    everything = [whole, *codes, *words]
    before, *after = read_altered(subject, [(one, one.all_frames) for one in everything])
    left_out = [reading.prediction for reading in after[len(codes) :]] or [np.nan]
    scales = []
    for scale in _scales(subject):
        other = replace(subject, attention_scale=scale)
        (reading,) = read_altered(other, [(whole, whole.all_frames)])
        scales.append({"scale": scale, **_told(before, reading)})
    return {
        "words": pack(np.array(left_out), "f4"),
        "codes": [
            {"stream": stream, "code": code, "to": to, **_told(before, reading)}
            for ((stream, code), to), reading in zip(opposites, after, strict=False)
        ],
        "scales": scales,
    }


def _told(before: Reading, after: Reading) -> dict[str, Any]:
    return {"prediction": after.prediction, "cells": largest_changes(before, after)}


def _opposites(
    subject: Subject, effects: Mapping[str, Any], books: Mapping[str, Mapping | None]
) -> Iterator[tuple[Code, int]]:
    """Yield the codes with the largest effects, each with the one that is most unlike it."""
    players = [(str(stream), int(code)) for stream, code in effects["players"]]
    strength = {(s, c): abs(effects[s]["effects"][str(c)]) for s, c in players}
    for stream, code in sorted(players, key=lambda player: -strength[player])[:_STRONGEST]:
        vocabulary, book = subject.processor.vocabularies[stream], books[stream]
        if vocabulary is None or book is None or book["k"] < 2:
            continue
        lean = np.array([one["lean"] for one in book["codes"]])
        yield (stream, code), opposite_code(code, lean, vocabulary.codes_)


def opposite_code(code: int, lean: np.ndarray, centres: np.ndarray) -> int:
    """Return the code that is most unlike another in where it occurs.

    Parameters
    ----------
    code : int
    lean : (k,)
        Each code's balance of positive and negative training segments, see `describe_vocabulary`.
    centres : (k, d)
        Of those that lean alike, the one whose centre points most the other way is taken.

    Examples
    --------
    >>> opposite_code(0, np.array([-0.4, 0.3, 0.0]), np.eye(3))
    1
    >>> opposite_code(0, np.zeros(3), np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
    2
    """
    length = np.maximum(np.linalg.norm(centres, axis=1), 1e-12)
    likeness = centres @ centres[code] / (length * length[code])  # (k,)
    apart = np.abs(lean - lean[code])  # (k,)
    others = [other for other in range(len(lean)) if other != code]
    return max(others, key=lambda other: (apart[other], -likeness[other]))


def _scales(subject: Subject) -> list[float]:
    return [times * subject.scale for times in _TIMES] if subject.scale else []


def largest_changes(before: Reading, after: Reading, most: int = _CELLS) -> list[list]:
    """Return where attention changes most: ``[stream, row, code, attention afterwards]``.

    Examples
    --------
    >>> flat, sharp = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
    >>> largest_changes(Reading(0.0, flat, None), Reading(0.0, sharp, None), most=1)
    [['visual', 0, 0, 0.9]]
    """
    cells: list[tuple[float, list]] = []
    for stream in STREAMS:
        old, new = getattr(before, stream), getattr(after, stream)
        if old is None or new is None:
            continue
        change = np.nan_to_num(np.abs(new - old))
        for flat in np.argsort(-change, axis=None, kind="stable")[:most]:
            row, code = np.unravel_index(flat, change.shape)
            place = [stream, int(row), int(code), round(float(new[row, code]), 4)]
            cells.append((float(change[row, code]), place))
    cells.sort(key=lambda cell: -cell[0])
    return [place for change, place in cells[:most] if change >= 0.005]
