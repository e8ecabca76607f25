"""The pickles of MMSA (thuiar/MMSA): CMU-MOSI, CMU-MOSEI and CH-SIMS, aligned or not.

A dict of ``train``, ``valid`` and ``test``, each a dict of equally long columns: ``raw_text``,
``vision`` and ``audio`` (segments, rows, features), ``id`` (``video$_$clip``) and
``regression_labels``; unaligned files have ``vision_lengths`` and ``audio_lengths`` too. ``text``
and ``text_bert`` hold what BERT made of the words, which is left out.

Most of such a file is padding. Where it has lengths, they are believed: note that MMSA counted them
up to the first frame whose values add up to zero, and gave an empty stream the length 1. What they
cut off is counted. Where it has none, zero frames are taken off the end, or off the front if more
segments begin with them than end with them (MMSA-FET can pad at either end).

CH-SIMS is known by its labels for one modality alone, ``regression_labels_T``, ``_A`` and ``_V``:
they become annotations, and labels lie in [-1, 1] instead of [-3, 3].

This reader stands between the file and the `Collector`.
"""

from collections.abc import Mapping
from math import isnan
from typing import Any

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from .reading import Collector, PaddedFrames
from .values import brief, id_of, number_of, splits_of, text_keys, words_of

FORM = "MMSA pickle"
LABEL_RANGE = (-3.0, 3.0)
SIMS_LABEL_RANGE = (-1.0, 1.0)

_COLUMNS = ("raw_text", "vision", "audio", "id", "regression_labels")
_SINGLE_LABELS = {
    "regression_labels_T": "label_T",
    "regression_labels_A": "label_A",
    "regression_labels_V": "label_V",
}
_LENGTHS = ("vision_lengths", "audio_lengths")


def matches(data: object) -> bool:
    """Tell whether ``data`` is what an MMSA pickle holds.

    >>> matches({"train": {"raw_text": ["so good"], "vision": [[[0.5]]], "audio": [[[0.1]]]}})
    True
    """
    return _has_a_split_with(data, {"vision", "audio"})


def is_sims(data: object) -> bool:
    """Tell whether an MMSA pickle holds CH-SIMS, whose labels lie in [-1, 1].

    >>> is_sims({"train": {"regression_labels_T": [0.4]}})
    True
    """
    return _has_a_split_with(data, set(_SINGLE_LABELS))


def _has_a_split_with(data: object, columns: set[str]) -> bool:
    """Tell whether ``data`` is a dict of dicts, of which one has at least one of these columns."""
    return isinstance(data, dict) and any(
        isinstance(value, dict) and columns & set(text_keys(value)) for value in data.values()
    )


def read(data: Mapping[Any, object], collector: Collector) -> Corpus:
    """Return the corpus of an MMSA pickle.

    Parameters
    ----------
    data : dict
        What the pickle holds.
    collector : Collector

    Raises
    ------
    CENetError
        If a split or a column is missing, columns differ in length, or a segment's values are not
        as described above.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> def columns(video):
    ...     frames = np.array([[[0.5, 0.1], [0.4, 0.2], [0.0, 0.0]]])  # (segments, rows, features)
    ...     return {"raw_text": ["so good"], "vision": frames, "audio": frames,
    ...             "id": [f"{video}$_$1"], "regression_labels": np.array([1.8])}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mosi.pkl")
    ...     path.touch()  # the corpus notes the file's name and SHA-256
    ...     data = {"train": columns("v1"), "valid": columns("v2"), "test": columns("v3")}
    ...     read(data, Collector(path, FORM, LABEL_RANGE)).train[0]
    Utterance('v1$_$1', 'so good', visual (2, 2), acoustic (2, 2), label +1.80)
    """
    for split, columns in splits_of(text_keys(data), collector.path).items():
        if not isinstance(columns, dict):
            raise CENetError(
                f"{collector.path}: the {split} split is not a dict of columns as another one is; "
                "download or make it again"
            )
        _read_split(text_keys(columns), split, collector)
    return collector.corpus([collector.path])


def _read_split(columns: dict[str, Any], split: str, collector: Collector) -> None:
    n_segments = _checked_length(columns, f"{collector.path}: {split} split")
    at_front = {name: _padded_at_front(columns[name]) for name in ("vision", "audio")}
    for number in range(n_segments):
        id = id_of(columns["id"][number], collector.where(split, f"number {number}"))
        where = collector.where(split, id)
        frames = {}
        for name in ("vision", "audio"):
            length, lengths = None, f"{name}_lengths"
            if lengths in columns:
                length = _whole(columns[lengths][number], where, lengths)
            frames[name] = PaddedFrames(columns[name][number], length, at_front=at_front[name])
        annotations = {}
        for name, annotation in _SINGLE_LABELS.items():
            if name in columns and not _is_nan(columns[name][number]):  # NaN: it was not rated
                annotations[annotation] = number_of(columns[name][number], where, name)
        collector.add(
            split,
            id,
            words_of(columns["raw_text"][number], where),
            visual=frames["vision"],
            acoustic=frames["audio"],
            label=number_of(columns["regression_labels"][number], where),
            annotations=annotations,
        )


def _checked_length(columns: dict[str, Any], where: str) -> int:
    """Return the length of the columns of a split, which must be all there and equally long."""
    for name in _COLUMNS:
        if name not in columns:
            raise CENetError(
                f"{where}: has no {name!r}; it needs {', '.join(_COLUMNS)} (see data/README.md)"
            )
    optional = [name for name in (*_LENGTHS, *_SINGLE_LABELS) if name in columns]
    sizes = {name: _length(columns[name], where, name) for name in (*_COLUMNS, *optional)}
    if len(set(sizes.values())) > 1:
        counted = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise CENetError(
            f"{where}: its columns differ in length ({counted}); "
            "each needs one entry per segment, download or make it again"
        )
    return sizes["id"]


def _length(column: object, where: str, name: str) -> int:
    if isinstance(column, (list, tuple)) or (isinstance(column, np.ndarray) and column.ndim):
        return len(column)
    raise CENetError(
        f"{where}: {name!r} is {brief(column)} instead of a list or an array; make it again"
    )


def _whole(value: object, where: str, name: str) -> int:
    """Return a number of frames."""
    number = number_of(value, where, name)
    if number != int(number) or number < 0:
        raise CENetError(
            f"{where}: {name} is {number:g} instead of a whole number of frames; correct it or "
            "remove the segment"
        )
    return int(number)


def _is_nan(value: object) -> bool:
    return isinstance(value, (float, np.floating)) and isnan(value)


def _padded_at_front(column: object) -> bool:
    """Tell whether most segments begin with a zero frame, and more begin than end with one."""
    if not (isinstance(column, np.ndarray) and column.ndim == 3 and column.dtype.kind in "biuf"):
        return False
    if not column.shape[1]:
        return False
    zero_first = int((~column[:, 0].any(axis=1)).sum())
    zero_last = int((~column[:, -1].any(axis=1)).sum())
    return zero_first > zero_last and zero_first * 2 > len(column)
