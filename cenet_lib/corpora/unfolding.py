"""How much a file unpacks to, and how much it may.

Pickles can say "the same again": an array that a thousand segments share is in the file once. What
is read from it is not shared any more, so a file of one megabyte could fill a disk, by mistake or
by intent. An HDF5 file can do the same by compression. So what comes out of a file is measured
before it is copied anywhere, and may be at most `most_unpacked`.
"""

from collections.abc import Iterable

import numpy as np

from .plain_objects import Refused

TIMES = 32  # real files come to less than ten times their size
FREE = 1 << 26  # bytes that harm nobody
_REFERENCE = 8  # bytes, of an item in a list
_ENOUGH = 1 << 62  # sizes beyond it need not be told apart


def most_unpacked(n_bytes: int) -> int:
    """Return how many bytes may come out of files of so many bytes.

    >>> most_unpacked(1_000_000)
    99108864
    """
    return FREE + TIMES * n_bytes


def require_unfolded(data: object, n_bytes: int) -> None:
    """Refuse data that would take much more room than the file it came from.

    Parameters
    ----------
    data : object
        What a pickle held.
    n_bytes : int
        The size of its file.

    Raises
    ------
    Refused
        If it does.

    Examples
    --------
    >>> row = np.zeros(100_000)
    >>> require_unfolded([row] * 1_000, n_bytes=800_100)
    Traceback (most recent call last):
        ...
    cenet_lib.corpora.plain_objects.Refused: unpacks to 800 MB from a file of 0.8 MB, ...
    """
    size = unfolded_size(data)
    if size > most_unpacked(n_bytes):
        raise Refused(
            f"unpacks to {in_megabytes(size)} from a file of {in_megabytes(n_bytes)}, because "
            f"parts of it are used again and again; {TIMES} times its size and "
            f"{in_megabytes(FREE)} more are allowed: save the parts of each segment on their own"
        )


def in_megabytes(n_bytes: int) -> str:
    """Return a number of bytes for people.

    >>> in_megabytes(12_345), in_megabytes(1_234_567), in_megabytes(345_600_000)
    ('12 kB', '1.2 MB', '346 MB')
    """
    megabytes = n_bytes / 1e6
    if megabytes < 0.1:
        return f"{n_bytes / 1e3:.0f} kB"
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:,.0f} MB"


def unfolded_size(data: object) -> int:
    """Return the bytes of data in memory if whatever is used twice were there twice.

    It takes time for each object once, however often it is used. What contains itself counts once.

    >>> word = "film"
    >>> unfolded_size([word, word]), unfolded_size(np.zeros(3))
    (24, 24)
    """
    known: dict[int, int] = {}
    todo: list[tuple[object, bool]] = [(data, False)]
    while todo:
        value, parts_are_known = todo.pop()
        if parts_are_known:
            sizes = (_REFERENCE + _size(part, known) for part in _parts(value))
            known[id(value)] = min(sum(sizes), _ENOUGH)
        elif _has_parts(value) and id(value) not in known:
            known[id(value)] = 0
            todo.append((value, True))
            todo.extend((part, False) for part in _parts(value) if _has_parts(part))
    return _size(data, known)


def _has_parts(value: object) -> bool:
    return isinstance(value, (list, tuple, dict, set, frozenset)) or (
        isinstance(value, np.ndarray) and value.dtype == object
    )


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (part for item in value.items() for part in item)
    return value.flat if isinstance(value, np.ndarray) else value  # type: ignore[return-value]


def _size(value: object, known: dict[int, int]) -> int:
    if isinstance(value, (str, bytes, memoryview)):
        return len(value)
    if _has_parts(value):
        return known.get(id(value), 0)
    return value.nbytes if isinstance(value, np.ndarray) else 0
