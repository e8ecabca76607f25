"""HDF5 files of strangers: only what is in the file itself, and only as much as can be in it.

An HDF5 file can say that its numbers are somewhere else: in another HDF5 file, or in any file at
all, which would then be read as numbers, a password file or a device among them. It can also
promise far more numbers than it has, or have them compressed a thousand times. The library follows
and believes all of it. The reader of ``.csd`` files, `csd`, therefore takes groups from `member`
and numbers from `values_of`.
"""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import CENetError
from .unfolding import in_megabytes, most_unpacked

_MOST_LINKS = 16  # that lead to each other
_ELSEWHERE = "nothing outside of the file is read; copy what it points to into the file"


def member(group: h5py.Group, name: str, where: str, links: int = 0) -> Any:
    """Return the group or dataset of a name, if it is in the file itself; None if there is none.

    Parameters
    ----------
    group : h5py.Group
    name : str
        One name, not a path.
    where : str
        The beginning of an error message.
    links : int
        How many links have led here.

    Raises
    ------
    CENetError
        If it is a link to another file, or one of many links that lead to each other.

    Examples
    --------
    >>> with h5py.File("mosi.csd", "w", driver="core", backing_store=False) as file:
    ...     file["other"] = h5py.ExternalLink("/etc/passwd", "/")
    ...     member(file, "other", "mosi.csd: entry v1")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: mosi.csd: entry v1: 'other' is a link out of the file or in a \
circle; nothing outside of the file is read; copy what it points to into the file
    """
    try:
        link = group.get(name, getlink=True)
    except TypeError:  # a kind of link that programs may add
        link = None
    else:
        if link is None:
            return None
    if isinstance(link, h5py.HardLink):
        return group[name]
    if not isinstance(link, h5py.SoftLink) or links >= _MOST_LINKS:
        raise CENetError(
            f"{where}: {name!r} is a link out of the file or in a circle; {_ELSEWHERE}"
        )
    found: Any = group.file if link.path.startswith("/") else group
    for part in filter(lambda part: part not in ("", "."), link.path.split("/")):
        found = member(found, part, where, links + 1) if isinstance(found, h5py.Group) else None
    return found


def values_of(dataset: h5py.Dataset, where: str) -> np.ndarray:
    """Return the values of a dataset, after a look at where they are and how many they can be.

    Parameters
    ----------
    dataset : h5py.Dataset
    where : str
        The beginning of an error message.

    Raises
    ------
    CENetError
        If they are kept in another file, are neither numbers nor texts, or are more than can come
        out of a file of that size, see `unfolding`.

    Examples
    --------
    >>> with h5py.File("mosi.csd", "w", driver="core", backing_store=False) as file:
    ...     file["words"] = [b"so", b"good"]
    ...     values_of(file["words"], "mosi.csd: entry v1").tolist()
    [b'so', b'good']
    """
    if dataset.external or dataset.is_virtual:
        raise CENetError(f"{where}: its values are kept in another file; {_ELSEWHERE}")
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    if dataset.dtype.kind not in "biufSU" and not is_text:
        raise CENetError(
            f"{where}: has values of the type {str(dataset.dtype)[:40]}, which are neither numbers "
            "nor texts; download it again"
        )
    size = Path(dataset.file.filename).stat().st_size if dataset.file.driver != "core" else 0
    most, chunk = most_unpacked(size), math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    _require_room(max(dataset.nbytes, chunk), most, size, where)
    if dataset.dtype.kind != "O":
        return np.asarray(dataset[()])
    return _texts_of(dataset, most, size, where)


def _texts_of(dataset: h5py.Dataset, most: int, size: int, where: str) -> np.ndarray:
    """Return texts of any length, a few at a time: a million may be one and the same, and long."""
    texts: list[bytes] = []
    taken, flat = 0, dataset.shape[0] if dataset.ndim else 0
    step = max(1, most // max(size, 1) // max(math.prod(dataset.shape[1:]), 1))
    for start in range(0, flat, step):
        read = dataset[start : start + step].flat
        piece = [text if isinstance(text, bytes) else b"" for text in read]
        taken += sum(map(len, piece))
        _require_room(taken, most, size, where)
        texts += piece
    return np.array(texts, dtype=object).reshape(dataset.shape)


def _require_room(n_bytes: int, most: int, size: int, where: str) -> None:
    if n_bytes > most:
        raise CENetError(
            f"{where}: promises {in_megabytes(n_bytes)} from a file of {in_megabytes(size)}, more "
            "than can be in it; it is damaged, or made to fill the memory; download it again"
        )
