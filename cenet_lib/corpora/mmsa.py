"""The pickles of MMSA (thuiar/MMSA): CMU-MOSI, CMU-MOSEI and CH-SIMS, aligned or not.

A dict of ``train``, ``valid`` and ``test``, or of one of them alone, each a dict of equally long
columns; or the columns of one part without its name. They are ``raw_text``, ``vision`` and
``audio`` (segments, rows, features), ``id`` (``video$_$clip``) and
``regression_labels``; unaligned files have ``vision_lengths`` and ``audio_lengths`` too. ``text``
and ``text_bert`` hold what BERT made of the words, which is left out.

Most of such a file is padding. Where it has lengths, they are believed: note that MMSA counted them
up to the first frame whose values add up to zero, and gave an empty stream the length 1. What they
cut off is counted. Some count the frames before the stream was cut at the longest length; then all
rows are frames. Where it has none, `padding` tells frames from padding, by all segments of a stream
together (MMSA-FET can pad at either end, and aligned files have zero rows for [CLS] and [SEP]).

Without ``regression_labels`` the segments have no label. Labels with seven columns are those of
CMU-MOSEI, with the emotions as annotations.

CH-SIMS is known by its labels for one modality alone, ``regression_labels_T``, ``_A`` and ``_V``:
they become annotations, and labels lie in [-1, 1] instead of [-3, 3].

This reader stands between the file and the `Collector`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..utterance import Annotation
from .padding import Edges, Layout, edges_of, layout_of
from .reading import Collector, PaddedFrames
from .values import brief, id_of, label_of, matrix_of, n_frames_of, splits_of, text_keys, words_of

FORM = "MMSA pickle"
LABEL_RANGE = (-3.0, 3.0)
HOLDS = (
    "`{train, valid, test}` → `{raw_text, vision, audio, id, regression_labels, …}`; unaligned "
    "also `vision_lengths`, `audio_lengths`; CH-SIMS also `regression_labels_T`, `_A`, `_V`"
)
SIMS_LABEL_RANGE = (-1.0, 1.0)

_COLUMNS = ("raw_text", "vision", "audio", "id")
_LABELS = "regression_labels"
_SINGLE_LABELS = {
    "regression_labels_T": "label_T",
    "regression_labels_A": "label_A",
    "regression_labels_V": "label_V",
}
_STREAMS = ("vision", "audio")
_LENGTHS = ("vision_lengths", "audio_lengths")


def matches(data: object) -> bool:
    """Tell whether ``data`` is what an MMSA pickle holds.

    >>> matches({"train": {"raw_text": ["so good"], "vision": [[[0.5]]], "audio": [[[0.1]]]}})
    True
    """
    return _is_one_part(data) or _has_a_split_with(data, {"vision", "audio"})


def is_sims(data: object) -> bool:
    """Tell whether an MMSA pickle holds CH-SIMS, whose labels lie in [-1, 1].

    >>> is_sims({"train": {"regression_labels_T": [0.4]}})
    True
    """
    return _has_a_split_with({"": data} if _is_one_part(data) else data, set(_SINGLE_LABELS))


def _is_one_part(data: object) -> bool:
    """Tell whether ``data`` are the columns of one part of a data set, without a split's name."""
    return isinstance(data, dict) and set(_COLUMNS) <= set(text_keys(data))


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
    splits: dict[str, dict[str, Any]] = {}
    parts = {"": data} if _is_one_part(data) else splits_of(data, collector.path, collector.notes)
    for split, columns in parts.items():
        place = f"{collector.file_of(split)}: the {split} split".removesuffix(": the  split")
        if not isinstance(columns, dict):
            raise CENetError(
                f"{place} is not a dict of columns as another one is; download or make it again"
            )
        splits[split] = _with_labels(text_keys(columns), split, collector)
        _checked_length(splits[split], place)
    layouts = {name: _layout(splits.values(), name) for name in _STREAMS}
    for split, columns in splits.items():
        for number in range(len(columns["id"])):
            with collector.one_segment():
                _read_segment(columns, number, split, layouts, collector)
    return collector.corpus()


def _with_labels(columns: dict[str, Any], split: str, collector: Collector) -> dict[str, Any]:
    """Return the columns of a split, without that of the labels if nothing is in it."""
    labels = columns.get(_LABELS)
    if not _is_empty(labels):
        return columns
    others = [name for name in columns if isinstance(name, str) and "label" in name]
    others = [name for name in others if name not in (_LABELS, "classification_labels")]
    beside = f"; {', '.join(others)} is not read instead" if others else ""
    place = f"the {split} split" if split else "the file"
    collector.notes.append(f"{place} has no {_LABELS}{beside}")
    return {name: column for name, column in columns.items() if name != _LABELS}


def _is_empty(column: object) -> bool:
    if isinstance(column, np.ndarray):
        return not column.size or (column.ndim == 0 and column.dtype == object and not column[()])
    return column is None or (isinstance(column, (list, tuple)) and not column)


def _read_segment(
    columns: Mapping[str, Any],
    number: int,
    split: str,
    layouts: Mapping[str, Layout],
    collector: Collector,
) -> None:
    id = id_of(columns["id"][number], collector.where(split, f"number {number}"))
    where = collector.where(split, id)
    frames = {}
    for name in _STREAMS:
        length, lengths = None, f"{name}_lengths"
        if lengths in columns:
            length = n_frames_of(columns[lengths][number], where, lengths)
        frames[name] = PaddedFrames(columns[name][number], length, layout=layouts[name])
    label: float | None = None
    annotations: dict[str, Annotation] = {}
    if _LABELS in columns:
        label, annotations = label_of(columns[_LABELS][number], where)
    for name, annotation in _SINGLE_LABELS.items():
        if name in columns:
            rated, _ = label_of(columns[name][number], where, name)
            if rated is not None:
                annotations[annotation] = rated
    collector.add(
        split,
        id,
        words_of(columns["raw_text"][number], where),
        visual=frames["vision"],
        acoustic=frames["audio"],
        label=label,
        annotations=annotations,
    )


def _checked_length(columns: dict[str, Any], where: str) -> None:
    """Raise an error unless the columns of a split are all there and equally long."""
    for name in _COLUMNS:
        if name not in columns:
            raise CENetError(
                f"{where}: has no {name!r}; it needs {', '.join(_COLUMNS)} (see data/README.md)"
            )
    optional = [name for name in (_LABELS, *_LENGTHS, *_SINGLE_LABELS) if name in columns]
    sizes = {name: _length(columns[name], where, name) for name in (*_COLUMNS, *optional)}
    if len(set(sizes.values())) > 1:
        counted = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise CENetError(
            f"{where}: its columns differ in length ({counted}); "
            "each needs one entry per segment, download or make it again"
        )


def _length(column: object, where: str, name: str) -> int:
    if isinstance(column, (list, tuple)) or (isinstance(column, np.ndarray) and column.ndim):
        return len(column)
    raise CENetError(
        f"{where}: {name!r} is {brief(column)} instead of a list or an array; make it again"
    )


def _layout(splits: Iterable[Mapping[str, Any]], name: str) -> Layout:
    """Return what stands around the frames of a stream, where the file does not state lengths."""
    found: list[Edges] = []
    for columns in splits:
        if f"{name}_lengths" not in columns:
            pairs = zip(columns[name], columns["raw_text"], strict=True)
            edges = (_edges(rows, text) for rows, text in pairs)
            found += [one for one in edges if one is not None]
    return layout_of(found)


def _edges(rows: object, text: object) -> Edges | None:
    """Return the edges of a segment, or None if it has no frames or cannot be read."""
    try:
        nonzero = np.asarray(matrix_of(rows, "", "").any(axis=1))
        return edges_of(nonzero, len(words_of(text, "")))
    except CENetError:  # it comes up again, with the segment's name, when that is read
        return None
