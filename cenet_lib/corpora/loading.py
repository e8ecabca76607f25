"""Opening a corpus, whatever its format: from a name or path to the reader that knows it.

This is where the flow *file -> reader -> Collector -> Corpus* begins. A format is recognised by
what is in the file, not by what the file is called: its first bytes tell a pickle from an HDF5 file
and from everything that people mistake for data; and of a pickle, each reader says whether it knows
what it holds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from ..corpus import Corpus
from ..errors import CENetError
from ..files import refuse_special
from ..store import is_store
from ..utterance import SPLITS, checked_range
from . import cenet, foreign, mag, misa, mmim, mmsa
from .demo import load_demo
from .demo_irony import load_demo_irony
from .reading import Collector
from .recordings import as_told, recordings_of
from .split_files import by_split, load_splits
from .torch_files import is_torch_file
from .unpickle import load_plain
from .values import brief


class Asked(NamedTuple):
    """How a corpus is to be read, as `load_corpus` was asked.

    Attributes
    ----------
    label_range : (float, float) or None
    skip_bad : bool
    video_from : str or None

    Examples
    --------
    >>> Asked(skip_bad=True).collector(Path("mosi.pkl"), "MAG pickle", (-3, 3)).skip_bad
    True
    """

    label_range: tuple[float, float] | None = None
    skip_bad: bool = False
    video_from: str | None = None

    def collector(self, path: Path, form: str, usual: tuple[float, float]) -> Collector:
        """Return what gathers the segments of a format whose labels have a usual range."""
        return Collector(
            path,
            form,
            self.label_range or usual,
            skip_bad=self.skip_bad,
            video_from=self.video_from,
        )


class Reader(Protocol):
    """What a module that reads a pickle has.

    Attributes
    ----------
    FORM : str
        The name of the format.
    LABEL_RANGE : (float, float)
        The lowest and the highest label of its data sets.
    HOLDS : str
        What the format looks like, for the table in the README.

    Examples
    --------
    >>> reader: Reader = mag
    >>> reader.FORM, reader.LABEL_RANGE, reader.matches("something else")
    ('MAG pickle', (-3.0, 3.0), False)
    """

    FORM: str
    LABEL_RANGE: tuple[float, float]
    HOLDS: str

    def matches(self, data: object) -> bool:
        """Tell whether ``data`` is what a pickle of this format holds."""

    def read(self, data: Any, collector: Collector) -> Corpus:
        """Hand each segment to the collector and return the corpus of them."""


PICKLE_READERS: tuple[Reader, ...] = (cenet, mag, misa, mmim, mmsa)

# Corpora that have a name instead of a file.
SIMULATIONS: Mapping[str, Callable[[], Corpus]] = MappingProxyType(
    {"demo": load_demo, "demo-irony": load_demo_irony}
)

# How files begin that people mistake for the data, and what to do about it.
_NOT_DATA = {
    b"\x1f\x8b": "a gzip archive; unpack it and give the file inside",
    b"7z\xbc\xaf": "a 7-zip archive; unpack it and give the file inside",
    b"Rar!": "a RAR archive; unpack it and give the file inside",
    b"BZh": "compressed by bzip2; unpack it and give the file inside",
    b"\xfd7zXZ": "compressed by xz; unpack it and give the file inside",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard; unpack it and give the file inside",
    **dict.fromkeys(
        (b"x\x01", b"x\x9c", b"x\xda"),
        "compressed by zlib, perhaps by joblib; save it anew with pickle.dump",
    ),
    b"<": "a web page, perhaps a file host's 'download anyway'; download it in a browser",
    b"version https://git-lfs": "a pointer of Git LFS; run 'git lfs pull' where it comes from",
    b"\x93NUMPY": "a single NumPy array; give the whole data set",
}

_HDF5 = b"\x89HDF\r\n\x1a\n"


def load_corpus(
    name_or_path: str | Path = "demo",
    label_range: tuple[float, float] | None = None,
    *,
    skip_bad: bool = False,
    video_from: str | None = None,
) -> Corpus:
    """Open a corpus, whatever its format.

    The format is recognised by what is in the file, not by what it is called.

    Parameters
    ----------
    name_or_path : str or Path
        ``"demo"``, ``"demo-irony"``, or the path of a file or folder in any of the formats of
        ``data/README.md``.
    label_range : (float, float), optional
        The lowest and highest label, for a data set of your own. If it is left out, it is that of
        the data set: -1 to 1 for CH-SIMS, -3 to 3 for the others.
    skip_bad : bool
        Whether to leave out segments that are not what they should be. They are listed in the
        provenance as ``segments_skipped``, each with what was wrong. Without it, the first is an
        error.
    video_from : str, optional
        A regular expression that finds the name of the recording in a segment's id; its first group
        if it has one. If it is left out, a rule is looked for that fits the ids of the data set;
        the provenance tells it as ``recordings``.

    Returns
    -------
    Corpus
        Its ``provenance`` tells the format, the files' SHA-256, and what was counted: padding
        removed, values that are not finite, segments left out. Segments without a label are there;
        training asks for labels, prediction does not.

    Raises
    ------
    CENetError
        If nothing is there, no reader knows what is there, or it is damaged; or if another label
        range is given for the demo or a stored corpus, which have their own.

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
    if label_range is not None:
        label_range = checked_range(label_range, str(name_or_path))
    asked = Asked(label_range, skip_bad, video_from)
    if isinstance(name_or_path, str) and name_or_path in SIMULATIONS:
        return _as_asked(SIMULATIONS[name_or_path](), name_or_path, asked)
    path = Path(name_or_path)
    if "\0" in str(path):
        raise CENetError(f"{str(path)!r}: is no path; take out the character \\0")
    try:
        path.stat()
        refuse_special(path)
        if is_store(path):
            return _as_asked(Corpus.load(path), path, asked)
        if path.is_dir():
            return _read_folder(path, asked)
        return _read_file(path, asked)
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


def _as_asked(corpus: Corpus, name: str | Path, asked: Asked) -> Corpus:
    """Return a corpus that is known already, with other recordings if they are to be read anew."""
    if asked.label_range is not None and asked.label_range != corpus.label_range:
        low, high = corpus.label_range
        raise CENetError(
            f"{name}: has a label range of its own, {low:g} to {high:g}; leave out label_range"
        )
    if asked.video_from is None:
        return corpus
    names, rule = recordings_of([u.id for u in corpus], asked.video_from, str(name))
    videos = iter(names)
    train, valid, test = (
        [replace(u, video=next(videos)) for u in corpus.splits[split]] for split in SPLITS
    )
    told = {"recordings": as_told(rule), "video_from": asked.video_from}
    return corpus.with_splits(train, valid, test, told)


def _read_file(path: Path, asked: Asked) -> Corpus:
    """Read a file that should be a pickle or one of ``torch.save``."""
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
    collector = _collector_for(data, path, asked)
    return _read_data(data, collector)


def _collector_for(data: object, path: Path, asked: Asked) -> Collector:
    """Return a collector of the format that data are in, which must be one that can be read."""
    foreign.refuse(data, path)
    reader = _reader_of(data)
    if reader is None:
        raise CENetError(
            f"{path}: is a pickle, but what it holds no reader knows: {_outline(data)}; see the "
            "formats in data/README.md"
        )
    usual = mmsa.SIMS_LABEL_RANGE if mmsa.is_sims(data) else reader.LABEL_RANGE
    return asked.collector(path, reader.FORM, usual)


def _read_data(data: object, collector: Collector) -> Corpus:
    reader = _reader_of(data)
    assert reader is not None, "a collector is made for data that a reader knows"
    return reader.read(data, collector)


def _reader_of(data: object) -> Reader | None:
    return next((reader for reader in PICKLE_READERS if reader.matches(data)), None)


def _form_of(data: object) -> str | None:
    reader = _reader_of(data)
    return reader.FORM if reader else None


def _read_folder(folder: Path, asked: Asked) -> Corpus:
    """Read a folder that holds one pickle, one per split, or the sequences of one data set.

    Pickles go before sequences, from which they were made, and before files of PyTorch.
    """
    files: dict[str | None, list[Path]] = {"pickle": [], "hdf5": [], "pytorch": [], None: []}
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            files[_kind(file)].append(file)
    pickles, sequences = files["pickle"], files["hdf5"]
    beside = [*sequences, *files["pytorch"]] if pickles else []
    if not pickles and not sequences:
        pickles = files["pytorch"]
    if sequences and not pickles:
        from . import csd  # imports h5py, which is heavy and which no other format needs

        collector = asked.collector(folder, csd.FORM, csd.LABEL_RANGE)
        return csd.read_folder(sequences, collector)
    if len(pickles) == 1:
        return _noting(_read_file(pickles[0], asked), beside)
    if splits := by_split(pickles):
        data = load_splits(splits, _form_of)
        collector = _collector_for(data, folder, asked)
        collector.files = splits
        return _noting(_read_data(data, collector), beside)
    if pickles:
        _refuse_foreign(pickles)
        names = " or ".join(file.name for file in pickles[:4])
        raise CENetError(f"{folder}: holds several data files; give the path of one: {names}")
    raise CENetError(
        f"{folder}: holds no data file that a reader knows; see data/README.md for what to put "
        "there"
    )


def _refuse_foreign(files: list[Path]) -> None:
    """Say so if several files are a data set that cannot be read, with one file per stream."""
    smallest = min(files, key=lambda file: file.stat().st_size)
    try:
        data = load_plain(smallest)
    except CENetError:
        return
    foreign.refuse(data, smallest)


def _noting(corpus: Corpus, beside: list[Path]) -> Corpus:
    """Say in a corpus which files beside it were not read."""
    notes = [f"{file.name} is not used, the pickles beside it are" for file in beside]
    if notes:
        corpus.provenance["notes"] = [*corpus.provenance.get("notes", []), *notes]
    return corpus


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(32)


def _kind(path: Path) -> str | None:
    """Tell a pickle and an HDF5 file from everything else by their first bytes."""
    start = _start(path)
    if start.startswith(_HDF5):
        return "hdf5"
    if is_torch_file(path, start):
        return "pytorch"
    newer = start[:1] == b"\x80" and start[1:2] <= b"\x05"
    older = re.match(rb"\([dl]p\d+\n|[\]}]q", start)  # format versions 0 and 1 have no mark
    return "pickle" if newer or older else None


def _outline(data: object) -> str:
    if isinstance(data, dict) and data:
        return "a dict with the keys " + ", ".join(str(key)[:20] for key in list(data)[:6])
    return brief(data)
