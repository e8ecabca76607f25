"""Corpora from files: one reader per format, the embedded demo, and our own safe store."""

import re
from pathlib import Path

from ..corpus import Corpus
from ..errors import CENetError

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
        The lowest and highest label, for a data set of your own. Left out, it is that of the data
        set: -1 to 1 for CH-SIMS, -3 to 3 for the others.

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
    """
    from .. import store

    if name_or_path == "demo":
        _refuse_range(name_or_path, label_range)
        from .demo import load_demo

        return load_demo()
    path = Path(name_or_path)
    try:
        path.stat()
        if store.is_store(path):
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
    from . import cenet, mag, misa, mmsa
    from .reading import Collector
    from .unpickle import load_plain

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
    for reader in (cenet, mag, mmsa, misa):
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
    from . import csd, misa
    from .reading import Collector

    files: dict[str | None, list[Path]] = {"pickle": [], "hdf5": [], None: []}
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            files[_kind(file)].append(file)
    pickles, sequences = files["pickle"], files["hdf5"]
    if sequences and not pickles:
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
    from .values import brief

    if isinstance(data, dict) and data:
        return "a dict with the keys " + ", ".join(str(key)[:20] for key in list(data)[:6])
    return brief(data)
