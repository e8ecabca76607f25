"""Rows that come one after another, in an array that lies at one place from the beginning.

A buffer that grows is moved again and again, and what it leaves behind is seldom given back: while
a film of ten minutes was looked at, such holes took as much memory as the landmarks themselves.
Here room for all rows is reserved at once. The system gives memory only for what was written, so
room that is never used costs nothing.

`cenet_lib.video.extract` keeps landmarks so, and `cenet_lib.video.voice` its frames.
"""

import math

import numpy as np


class Rows:
    """Rows of one shape and type.

    Parameters
    ----------
    shape : tuple of int
        Of one row.
    dtype : type
    expected : float
        How many there will be. If there are more, they are moved, once for each doubling.

    Examples
    --------
    >>> rows = Rows((2,), np.float32, expected=3)
    >>> rows.add(np.ones((2, 2)))
    >>> rows.add(np.zeros((2, 2)))
    >>> rows.array.tolist()
    [[1.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    """

    def __init__(self, shape: tuple[int, ...], dtype: type[np.generic], expected: float = 0.0):
        self._room = np.empty((max(1, math.ceil(expected)), *shape), dtype)
        self._n = 0

    def add(self, rows: np.ndarray) -> None:
        """Keep some more: ``(n, *shape)``."""
        n = self._n + len(rows)
        if n > len(self._room):
            room = np.empty((max(n, 2 * len(self._room)), *self._room.shape[1:]), self._room.dtype)
            room[: self._n] = self.array
            self._room = room
        self._room[self._n : n] = rows
        self._n = n

    @property
    def array(self) -> np.ndarray:
        """All rows so far, without a copy: ``(n, *shape)``."""
        return self._room[: self._n]
