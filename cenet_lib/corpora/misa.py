"""The pickles that come with MISA (declare-lab/MISA): one list per split.

Each segment is ``((word_ids, visual, acoustic, words), label, "video[k]")``, with a row of frames
for each word (FACET 47 or 35 wide, COVAREP 74) and the label as a (1, 1) array. The word ids belong
to MISA's own vocabulary and are left out.

The three files of a folder are its splits. One file alone is distributed by video: never by
segment, or the model would meet the people of the test split while it trains.

This reader stands between the files and the `Collector`.
"""

from pathlib import Path

from ..corpus import Corpus
from ..errors import CENetError
from ..utterance import SPLITS
from .reading import Collector
from .segments import add_word_aligned, is_segment, segments_in
from .unpickle import load_plain
from .values import SPLIT_NAMES

FORM = "MISA pickle"
LABEL_RANGE = (-3.0, 3.0)
PARTS = ("word_ids", "visual", "acoustic", "words")


def matches(data: object) -> bool:
    """Tell whether ``data`` is what a MISA pickle holds.

    >>> matches([(([7], [[0.5]], [[0.1, 0.2]], ["so"]), [[1.8]], "v1[0]")])
    True
    """
    return isinstance(data, list) and bool(data) and is_segment(data[0], PARTS)


def read(data: object, collector: Collector) -> Corpus:
    """Return the corpus of one file, split by video.

    Parameters
    ----------
    data : list
        What the pickle holds.
    collector : Collector

    Raises
    ------
    CENetError
        If a segment is not as described above.

    Examples
    --------
    >>> import tempfile
    >>> data = [(([7], [[0.5]], [[0.1, 0.2]], ["so"]), [[1.8]], f"v{i}[0]") for i in range(10)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dev.pkl")
    ...     path.touch()  # the corpus notes the file's name and SHA-256
    ...     read(data, Collector(path, FORM, LABEL_RANGE))
    Corpus('dev': train 6, valid 2, test 2; features: visual 1, acoustic 2)
    """
    _read_split(data, "", collector)
    return collector.corpus([collector.path])


def read_folder(files: dict[str, Path], collector: Collector) -> Corpus:
    """Return the corpus of one file per split.

    Parameters
    ----------
    files : dict of str to Path
        The pickle of each split, as `split_files` gives it.
    collector : Collector

    Raises
    ------
    CENetError
        If one of them is not in this format, or anything in it is wrong.

    Examples
    --------
    >>> import pickle, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = [Path(folder, f"{split}.pkl") for split in ("train", "dev", "test")]
    ...     for file in files:
    ...         segment = ([7], [[0.5]], [[0.1, 0.2]], ["so"]), [[1.8]], f"{file.stem}[0]"
    ...         _ = file.write_bytes(pickle.dumps([segment]))
    ...     read_folder(split_files(files), Collector(Path(folder), FORM, LABEL_RANGE)).valid[0]
    Utterance('dev[0]', 'so', visual (1, 1), acoustic (1, 2), label +1.80)
    """
    for split, file in files.items():
        collector.file = file
        data = load_plain(file)
        if not matches(data):
            raise CENetError(
                f"{file}: is not a list of MISA segments, as its neighbours' names suggest; "
                "give the path of the one file that you want"
            )
        _read_split(data, split, collector)
    return collector.corpus(list(files.values()), split_by="one file each")


def _read_split(data: object, split: str, collector: Collector) -> None:
    for where, segment in segments_in(data, split, collector, PARTS):
        (_, visual, acoustic, words), label, id = segment
        add_word_aligned(collector, split, where, words, visual, acoustic, label, id)


def split_files(files: list[Path]) -> dict[str, Path] | None:
    """Return the files of train, valid and test by their names, or None if they are not those.

    >>> split_files([Path("test.pkl"), Path("dev.pkl"), Path("train.pkl")])["valid"].name
    'dev.pkl'
    >>> split_files([Path("mosi.pkl"), Path("mosei.pkl")])
    """
    named = {SPLIT_NAMES.get(file.stem.lower(), ""): file for file in files}
    if len(files) != 3 or set(named) != set(SPLITS):
        return None
    return {split: named[split] for split in SPLITS}
