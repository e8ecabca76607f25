"""Which rows of a stream are frames, and which are the padding around them.

A file that keeps all segments at one length fills them up with rows of zeros: behind the frames, or
before them. Files that were aligned to the tokens of a language model have one more zero row at
each end, where [CLS] and [SEP] stand, which nobody sees or hears; a segment that was cut at the
longest length has lost the second of them. Zero rows among the frames are frames: a face was lost
there, or a voice was silent.

One segment alone does not tell a zero frame at its edge from padding. So all segments of a stream
are looked at together, over all splits: `layout_of` finds what stands around their frames, and
`frames_within` applies it to each.
"""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """How many of the zero rows at either end of a segment are padding.

    Attributes
    ----------
    front, end : int or None
        At most so many; None means all of them.

    Examples
    --------
    >>> Layout()  # padding stands behind the frames only
    Layout(front=0, end=None)
    """

    front: int | None = 0
    end: int | None = None


class Edges(NamedTuple):
    """What tells how a segment was padded: its zero rows at either end, all its rows, its words.

    Examples
    --------
    >>> Edges(front=1, end=3, rows=9, words=5).has_a_row_per_word()
    False
    """

    front: int
    end: int
    rows: int
    words: int

    def has_a_row_per_word(self) -> bool:
        """Tell whether the rows before the padding are not more than the words.

        >>> Edges(front=1, end=4, rows=9, words=5).has_a_row_per_word()
        True
        """
        return self.end > 0 and self.has_no_row_beyond_words()

    def has_no_row_beyond_words(self) -> bool:
        """Tell whether the rows up to the last one that is not zero are not more than the words.

        >>> Edges(front=1, end=0, rows=9, words=5).has_no_row_beyond_words()
        False
        """
        return self.rows - self.end <= self.words


def edges_of(nonzero: np.ndarray, words: int) -> Edges | None:
    """Return the edges of a segment, or None if all its rows are zero.

    Parameters
    ----------
    nonzero : (n,) bool
        Which rows are not all zero.
    words : int
        The number of words of the segment.

    Examples
    --------
    >>> edges_of(np.array([False, True, False, True, False, False]), words=3)
    Edges(front=1, end=2, rows=6, words=3)
    """
    found = np.flatnonzero(nonzero)
    if not len(found):
        return None
    return Edges(int(found[0]), len(nonzero) - 1 - int(found[-1]), len(nonzero), words)


def layout_of(segments: Sequence[Edges]) -> Layout:
    """Return what stands around the frames of a stream, from all its segments.

    Zero rows at the front are padding if more segments begin with them than show that their first
    row is a frame: because they are padded behind, or because they have no more rows than words.
    Zero rows at the end are padding unless segments that are padded in front mostly end in a frame.
    Where both ends are padded, the end that typically has one zero row has [CLS] or [SEP] there,
    and only that row is taken: a zero row next to it is a frame.

    If every segment begins with a zero row, and words alone do not explain it, those rows are no
    frames, however many frames are zero: of faces that are lost half of the time, some are there at
    the beginning. Then it is [CLS] that stands in front, if most of the zero rows are behind.

    Examples
    --------
    >>> layout_of([Edges(1, 4, 9, 4), Edges(1, 0, 9, 12)])  # [CLS], words, [SEP], padding; one cut
    Layout(front=1, end=None)
    >>> layout_of([Edges(5, 0, 9, 4), Edges(3, 0, 9, 6)])  # padding before the frames
    Layout(front=None, end=0)
    >>> layout_of([Edges(0, 5, 9, 4), Edges(1, 3, 9, 6)])  # the second begins with a zero frame
    Layout(front=0, end=None)
    >>> layout_of([Edges(1, 5, 9, 4), Edges(3, 3, 9, 5)])  # [CLS], and two zero frames behind one
    Layout(front=1, end=None)
    """
    fronts = [s.front for s in segments if s.front and not s.has_a_row_per_word()]
    ends = [s.end for s in segments if s.end]
    begin_with_a_frame = sum(s.has_a_row_per_word() if s.front else s.end > 1 for s in segments)
    end_with_a_frame = sum(s.end == 0 and s.front > 1 for s in segments)
    all_begin_with_zero = all(s.front for s in segments) and not all(
        s.has_no_row_beyond_words() for s in segments
    )
    if all_begin_with_zero and sum(s.front for s in segments) < sum(ends):
        return Layout(front=1)
    if len(fronts) <= begin_with_a_frame and not all_begin_with_zero:
        return Layout()
    if len(ends) < end_with_a_frame:
        return Layout(front=None, end=0)
    one_in_front = _typically_one(fronts)
    one_behind = _typically_one(ends) and sum(ends) <= sum(fronts)
    if one_in_front and one_behind:  # in doubt, no padding shall stay
        one_in_front, one_behind = sum(fronts) <= sum(ends), False
    return Layout(1 if one_in_front else None, 1 if one_behind else None)


def _typically_one(counts: Sequence[int]) -> bool:
    return bool(counts) and median(counts) == 1


def frames_within(nonzero: np.ndarray, layout: Layout, at_least: int = 0) -> tuple[int, int]:
    """Return where the frames of a segment start and stop.

    Parameters
    ----------
    nonzero : (n,) bool
        Which rows are not all zero.
    layout : Layout
    at_least : int
        How many rows are frames for certain, where so many are there.

    Examples
    --------
    >>> rows = np.array([False, True, False, True, False, False])
    >>> frames_within(rows, Layout(front=1)), frames_within(rows, Layout(), at_least=5)
    ((1, 4), (0, 5))
    """
    n, edges = len(nonzero), edges_of(nonzero, at_least)
    if edges is None:  # nothing tells one row from another
        return 0, min(at_least, n)
    spare = max(n - at_least, 0)
    end = min(edges.end, spare, n if layout.end is None else layout.end)
    front = min(edges.front, spare - end, n if layout.front is None else layout.front)
    return front, n - end


def stated_frames(nonzero: np.ndarray, length: int) -> tuple[int, int, int]:
    """Return where the frames start and stop if there are ``length``, and how many are cut off.

    Frames stand at the front, unless that would cut some off and only zeros stand before the last
    ``length`` rows.

    Parameters
    ----------
    nonzero : (n,) bool
        Which rows are not all zero.
    length : int
        From 0 to n.

    Examples
    --------
    >>> stated_frames(np.array([False, False, True, True]), length=2)
    (2, 4, 0)
    >>> stated_frames(np.array([True, False, True, True]), length=2)
    (0, 2, 2)
    """
    n = len(nonzero)
    if nonzero[length:].any() and not nonzero[: n - length].any():
        return n - length, n, 0
    return 0, length, int(nonzero[length:].sum())
