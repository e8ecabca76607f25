"""Segments as most of the pickles hold them: a triple ``(parts, label, id)``.

A segment without a label may be a pair ``(parts, id)``; and a *flat* one is a tuple of the parts,
the label and the id.

The files of CENet, MAG, MISA and MMIM share this shape and differ in the parts: all have ``words``,
``visual`` and ``acoustic`` among them, in an order of their own. A reader names its parts in order;
here are the ways to recognise such segments and to go over them, and what those readers have in
common that have a row of each stream for every word.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from .padding import Layout
from .reading import Collector, PaddedFrames
from .values import id_of, label_of, splits_of, words_of


def is_segment(item: object, parts: Sequence[str]) -> bool:
    """Tell whether ``item`` is ``(parts, label, id)`` with as many parts as are named, or a pair.

    >>> parts = ("words", "visual", "acoustic")
    >>> is_segment(((["so"], [[0.5]], [[0.1]]), 1.8, "v1[0]"), parts)
    True
    >>> is_segment((["so"], [[0.5]], [[0.1]], 1.8, "v1[0]"), parts)
    True
    """
    return _is_flat(item, parts) or (
        isinstance(item, (tuple, list))
        and (len(item) == 3 or (len(item) == 2 and isinstance(item[1], (str, bytes))))
        and isinstance(item[0], (tuple, list))
        and len(item[0]) == len(parts)
    )


def _is_flat(item: object, parts: Sequence[str]) -> bool:
    return (
        len(parts) > 1
        and isinstance(item, (tuple, list))
        and len(item) == len(parts) + 2
        and isinstance(item[-1], (str, bytes, np.str_, np.bytes_))
    )


def holds_segments(data: object, parts: Sequence[str]) -> bool:
    """Tell whether ``data`` is a list of segments that have these parts, or a dict of such lists.

    Only the first segment of the first list that is not empty is looked at.

    >>> holds_segments({"train": [], "dev": [((["so"],), 1.8, "v1[0]")]}, ("words",))
    True
    """
    if not isinstance(data, (dict, list, tuple)):
        return False
    values = data.values() if isinstance(data, dict) else [data]
    lists = [value for value in values if isinstance(value, (list, tuple)) and value]
    return bool(lists) and is_segment(lists[0][0], parts)


def segments_in(
    segments: object, split: str, collector: Collector, parts: Sequence[str]
) -> Iterator[tuple[str, Any]]:
    """Yield each segment of a list, with the beginning of its error message.

    Parameters
    ----------
    segments : object
        What the file holds for the split.
    split : str
        The split's name, or ``""`` if the file has none.
    collector : Collector
    parts : sequence of str

    Yields
    ------
    where : str
        The beginning of an error message about the segment, which names it by its number.
    segment : (parts, label, id)
        The label is None if it has none.

    Raises
    ------
    CENetError
        If it is no list, or a segment does not have these parts.

    Examples
    --------
    >>> from pathlib import Path
    >>> collector = Collector(Path("mosi.pkl"), "MAG pickle", (-3, 3))
    >>> list(segments_in([((["so"],), 1.8, "v1[0]")], "train", collector, ("words",)))
    [('mosi.pkl: train segment number 0', ((['so'],), 1.8, 'v1[0]'))]
    """
    if not isinstance(segments, (list, tuple)):
        raise CENetError(
            f"{collector.file_of(split)}: the {split} split is not a list of segments; see "
            "data/README.md for the formats"
        )
    for number, segment in enumerate(segments):
        where = collector.where(split, f"number {number}")
        if not is_segment(segment, parts):
            collector.refuse(
                f"{where}: is not (({', '.join(parts)}), label, id) as the others are; remove it"
            )
        elif _is_flat(segment, parts):
            yield where, (tuple(segment[:-2]), *segment[-2:])
        elif len(segment) == 2:
            yield where, (segment[0], None, segment[1])
        else:
            yield where, segment


def segments_of(
    data: list[Any] | Mapping[Any, object], collector: Collector, parts: Sequence[str]
) -> Iterator[tuple[str, str, Any]]:
    """Yield each segment of a dict of splits, with its split and the beginning of its message.

    Parameters
    ----------
    data : dict of lists of segments, or a list of them without splits
    collector : Collector
    parts : sequence of str

    Yields
    ------
    split : str
    where : str
    segment : (parts, label, id)

    Raises
    ------
    CENetError
        If a split is missing or no list, or a segment does not have these parts.

    Examples
    --------
    >>> from pathlib import Path
    >>> collector = Collector(Path("mosi.pkl"), "MAG pickle", (-3, 3))
    >>> data = {"train": [], "dev": [((["so"],), 1.8, "v1[0]")], "test": []}
    >>> list(segments_of(data, collector, ("words",)))
    [('valid', 'mosi.pkl: valid segment number 0', ((['so'],), 1.8, 'v1[0]'))]
    """
    splits: Mapping[str, object] = {"": data}
    if isinstance(data, Mapping):
        splits = splits_of(data, collector.path, collector.notes)
    for split, segments in splits.items():
        for where, segment in segments_in(segments, split, collector, parts):
            yield split, where, segment


def add_each(
    data: list[Any] | Mapping[Any, object],
    collector: Collector,
    parts: Sequence[str],
    add: Callable[..., None],
) -> Corpus:
    """Hand over each segment by the way of a reader, and return the corpus of them.

    Parameters
    ----------
    data : dict of lists of segments, or a list of them without splits
    collector : Collector
    parts : sequence of str
    add : callable
        It hands over one segment: ``add(collector, split, where, values, label, id)`` with the
        values of the parts. If a segment is bad, the collector refuses or skips it.

    Raises
    ------
    CENetError
        As `segments_of` and ``add`` do.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> def add(collector, split, where, parts, label, id):
    ...     add_word_aligned(collector, split, where, *parts, label, id)
    >>> data = {"test": [((["so"], [[0.5]], [[0.1]]), 1.8, "v1[0]")]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mosi.pkl")
    ...     path.touch()  # the corpus notes the file's name and SHA-256
    ...     collector = Collector(path, "MAG pickle", (-3, 3))
    ...     add_each(data, collector, ("words", "visual", "acoustic"), add)
    Corpus('mosi': train 0, valid 0, test 1; features: visual 1, acoustic 1)
    """
    for split, where, segment in segments_of(data, collector, parts):
        with collector.one_segment():
            add(collector, split, where, *segment)
    return collector.corpus()


def add_word_aligned(
    collector: Collector,
    split: str,
    where: str,
    words: object,
    visual: object,
    acoustic: object,
    label: object,
    id: object,
) -> None:
    """Hand over a segment that has a row of each stream per word, as MISA's and MAG's have.

    Parameters
    ----------
    collector : Collector
    split : str
    where : str
        The beginning of an error message about the segment's id.
    words, visual, acoustic, label, id : object
        What the file holds; it is checked here.

    Raises
    ------
    CENetError
        If one of the values is not what it should be.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mosi.pkl")
    ...     path.touch()  # the corpus notes the file's name and SHA-256
    ...     collector = Collector(path, "MAG pickle", (-3, 3))
    ...     frames = [[0.5], [0.0]]  # a row of zeros is no padding if a word belongs to it
    ...     add_word_aligned(
    ...         collector, "train", "number 0", b"so good", frames, frames, [[1.8]], b"v1[0]"
    ...     )
    ...     collector.corpus([path]).train[0]
    Utterance('v1[0]', 'so good', visual (2, 1), acoustic (2, 1), label +1.80)
    """
    text = id_of(id, where)
    where = collector.where(split, text)
    spoken = words_of(words, where)
    number, emotions = label_of(label, where)
    around = Layout(front=None)  # rows beyond the words, on whichever side they are zero
    collector.add(
        split,
        text,
        spoken,
        visual=PaddedFrames(visual, at_least=len(spoken), layout=around),
        acoustic=PaddedFrames(acoustic, at_least=len(spoken), layout=around),
        label=number,
        annotations=emotions,
    )
