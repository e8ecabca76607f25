"""Frames one after another: in memory, or in a temporary file once they are many.

A `Collector` puts the frames of each segment here and takes them all out at the end, when it makes
the corpus. So a padded pickle of 10 GB can be read on a laptop.
"""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import CENetError

_IN_MEMORY = 1 << 28  # bytes of frames; beyond, they go to a temporary file


class NoRoom(CENetError):
    """There is no room for temporary files, which is no fault of a segment.

    >>> issubclass(NoRoom, CENetError)
    True
    """


class Spool:
    """The frames of one stream of a data set.

    Parameters
    ----------
    path : Path
        The file or folder that is read, for the error messages.
    stream : str
        ``"visual"`` or ``"acoustic"``, likewise.

    Examples
    --------
    >>> spool = Spool(Path("mosi.pkl"), "visual")
    >>> spool.append(np.ones((2, 3), np.float32), "v1[0]")
    slice(0, 2, None)
    >>> spool.append(np.zeros((1, 3), np.float32), "v1[1]")
    slice(2, 3, None)
    >>> spool.array().shape
    (3, 3)
    """

    def __init__(self, path: Path, stream: str):
        self._path = path
        self._stream = stream
        self._pieces: list[np.ndarray] = []
        self._held = 0  # bytes in the pieces
        self._n_frames = 0
        self._width: int | None = None
        self._file: IO[bytes] | None = None

    def append(self, frames: np.ndarray, where: str) -> slice:
        """Take the frames of a segment and tell where they will lie.

        Parameters
        ----------
        frames : (n, d) float32
            In C order; without any rows they may have any width.
        where : str
            The beginning of an error message about the segment.

        Returns
        -------
        slice
            The rows of `array` that these frames will be.

        Raises
        ------
        CENetError
            If they are not as wide as those before.
        NoRoom
            If the temporary file does not fit on its disk.
        """
        if len(frames):
            if self._width is None:
                self._width = frames.shape[1]
            if frames.shape[1] != self._width:
                raise CENetError(
                    f"{where}: {self._stream} has {frames.shape[1]} columns where {self._width} "
                    "were expected; every segment needs the same features"
                )
            self._pieces.append(frames)
            self._held += frames.nbytes
            if self._held > _IN_MEMORY:
                self._write()
        self._n_frames += len(frames)
        return slice(self._n_frames - len(frames), self._n_frames)

    def _write(self) -> IO[bytes]:
        try:
            if shutil.disk_usage(tempfile.gettempdir()).free < self._held:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="cenet-")  # noqa: SIM115, lives on mapped
            for frames in self._pieces:
                self._file.write(frames.data)
            self._file.flush()
        except OSError as error:
            raise NoRoom(
                f"{self._path}: its frames do not fit in the folder for temporary files "
                f"{tempfile.gettempdir()} ({error.strerror or error}); make room there, or set "
                "TMPDIR to a folder on a larger disk"
            ) from error
        self._pieces, self._held = [], 0
        return self._file

    def array(self) -> np.ndarray:
        """Return all frames (n, d) float32, mapped if they are in a file."""
        width = self._width or 0
        if self._file is None:
            return np.concatenate([np.zeros((0, width), np.float32), *self._pieces])
        file = self._write()
        return np.asarray(np.memmap(file, np.float32, mode="r", shape=(self._n_frames, width)))
