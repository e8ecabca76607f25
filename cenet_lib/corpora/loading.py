"""Opening a corpus, whatever its format: from a name or path to the reader that knows it.

This is where the flow *file -> reader -> Collector -> Corpus* begins. A format is recognised by
what is in the file, not by what the file is called: its first bytes tell a pickle from an HDF5 file
and from everything that people mistake for data; and of a pickle, each reader says whether it knows
what it holds.
"""

import re
from pathlib import Path
from typing import Any, Protocol

from ..corpus import Corpus
from ..errors import CENetError
from ..store import is_store
from . import cenet, mag, misa, mmsa
from .demo import load_demo
from .reading import Collector
from .unpickle import load_plain
from .values import brief


class Reader(Protocol):
    """What a module that reads a pickle has.

    Attributes
    ----------
    FORM : str
        The name of the format.
    LABEL_RANGE : (float, float)
        The lowest and the highest label of its data sets.

    Examples
    --------
    >>> reader: Reader = mag
    >>> reader.FORM, reader.LABEL_RANGE, reader.matches("something else")
    ('MAG pickle', (-3.0, 3.0), False)
    """

    FORM: str
    LABEL_RANGE: tuple[float, float]

    def matches(self, data: object) -> bool:
        """Tell whether ``data`` is what a pickle of this format holds."""

    def read(self, data: Any, collector: Collector) -> Corpus:
        """Hand each segment to the collector and return the corpus of them."""


_PICKLE_READERS: tuple[Reader, ...] = (cenet, mag, mmsa, misa)

# How files begin that people mistake for the data, and what to do about it.
_NOT_DATA = {
    b"PK\x03\x04": "a zip archive or a PyTorch file; unpack it and give the file inside",
    b"\x1f\x8b": "a gzip archive; unpack it and give the file inside",
    b"7z\xbc\xaf": "a 7-zip archive; unpack it and give the file inside",
    b"Rar!": "a RAR archive; unpack it and give the file inside",
    b"<": "a web page, perhaps a file host's 'download anyway'; download it in a browser",
    b"version https://git-lfs": "a pointer of Git LFS; run 'git lfs pull' where it comes from",
    b"\x93NUMPY": "a single NumPy array; give the whole data set",
}

_HDF5 = b"\x89HDF\r\n\x1a\n"
_OLD_PYTORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # the number such files begin with, pickled


def load_corpus(
    name_or_path: str | Path = "demo", label_range: tuple[float, float] | None = None
) -> Corpus:
    """Open a corpus, whatever its format.

    The format is recognised by what is in the file, not by what it is called.

    Parameters
    ----------
    name_or_path : str or Path
        ``"demo"``, or the path of a file or folder in any of the formats of ``data/README.md``.
    label_range : (float, float), optional
        The lowest and highest label, for a data set of your own. If it is left out, it is that of
        the data set: -1 to 1 for CH-SIMS, -3 to 3 for the others.

    Returns
    -------
    Corpus
        Its ``provenance`` tells the format, the files' SHA-256, and what was counted: padding
        removed, values that are not finite, segments left out.

    Raises
    ------
    CENetError
        If nothing is there, no reader knows what is there, or it is damaged; or if a label range
        is given for the demo or a stored corpus, which have their own.

    Examples
    --------
    >>> import pickle, tempfile
    >>> import numpy as np
    >>> def segment(id):
    ...     return (["so", "good"], np.ones((2, 47)), np.ones((2, 74))), 1.8, id
    >>> data = {"train": [segment("v1[0]")], "dev": [segment("v2[0]")], "test": [segment("v3[0]")]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "tiny.pkl")
    ...     _ = path.write_bytes(pickle.dumps(data))
    ...     corpus = load_corpus(path)
    >>> corpus
    Corpus('tiny': train 1, valid 1, test 1; features: visual 47, acoustic 74)
    >>> corpus.provenance["format"]
    'MAG pickle'
    """
    if name_or_path == "demo":
        _refuse_range(name_or_path, label_range)
        return load_demo()
    path = Path(name_or_path)
    try:
        path.stat()
        if is_store(path):
            _refuse_range(path, label_range)
            return Corpus.load(path)
        if path.is_dir():
            return _read_folder(path, label_range)
        return _read_file(path, label_range)
    except FileNotFoundError:
        raise CENetError(
            f"{path}: there is no such file or folder; use 'demo', or see data/README.md for "
            "where to put MOSI and MOSEI"
        ) from None
    except OSError as error:
        raise CENetError(
            f"{error.filename or path}: cannot be read: {error.strerror or error}; check its "
            "permissions"
        ) from error


def _refuse_range(name: str | Path, label_range: object) -> None:
    if label_range is not None:
        raise CENetError(f"{name}: has a label range of its own; leave out label_range")


def _read_file(path: Path, label_range: tuple[float, float] | None) -> Corpus:
    """Read a file that should be a pickle."""
    start = _start(path)
    for beginning, what in _NOT_DATA.items():
        if start.lstrip().startswith(beginning):
            raise CENetError(f"{path}: is {what}")
    if _kind(path) == "hdf5":
        raise CENetError(
            f"{path}: is one sequence of the CMU-MultimodalSDK; give the folder that holds those "
            "of the words, the face, the voice and the labels"
        )
    data = load_plain(path)
    for reader in _PICKLE_READERS:
        if reader.matches(data):
            usual = reader.LABEL_RANGE
            if reader is mmsa and mmsa.is_sims(data):
                usual = mmsa.SIMS_LABEL_RANGE
            return reader.read(data, Collector(path, reader.FORM, label_range or usual))
    raise CENetError(
        f"{path}: is a pickle, but what it holds no reader knows: {_outline(data)}; see the "
        "formats in data/README.md"
    )


def _read_folder(folder: Path, label_range: tuple[float, float] | None) -> Corpus:
    """Read a folder that holds one pickle, one per split, or the sequences of one data set."""
    files: dict[str | None, list[Path]] = {"pickle": [], "hdf5": [], None: []}
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            files[_kind(file)].append(file)
    pickles, sequences = files["pickle"], files["hdf5"]
    if sequences and not pickles:
        from . import csd  # imports h5py, which is heavy and which no other format needs

        collector = Collector(folder, csd.FORM, label_range or csd.LABEL_RANGE)
        return csd.read_folder(sequences, collector)
    if not sequences and len(pickles) == 1:
        return _read_file(pickles[0], label_range)
    if not sequences and (splits := misa.split_files(pickles)):
        collector = Collector(folder, misa.FORM, label_range or misa.LABEL_RANGE)
        return misa.read_folder(splits, collector)
    found = [*pickles, *sequences]
    if found:
        names = " or ".join(file.name for file in found[:4])
        raise CENetError(f"{folder}: holds several data files; give the path of one: {names}")
    raise CENetError(
        f"{folder}: holds no data file that a reader knows; see data/README.md for what to put "
        "there"
    )


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(32)


def _kind(path: Path) -> str | None:
    """Tell a pickle and an HDF5 file from everything else by their first bytes."""
    start = _start(path)
    if start.startswith(_HDF5):
        return "hdf5"
    if start[2:].startswith(_OLD_PYTORCH):
        return None
    newer = start[:1] == b"\x80" and start[1:2] <= b"\x05"
    older = re.match(rb"\([dl]p\d+\n|[\]}]q", start)  # format versions 0 and 1 have no mark
    return "pickle" if newer or older else None


def _outline(data: object) -> str:
    if isinstance(data, dict) and data:
        return "a dict with the keys " + ", ".join(str(key)[:20] for key in list(data)[:6])
    return brief(data)
