"""The pickles that come with MISA (declare-lab/MISA): one list per split.

Each segment is ``((word_ids, visual, acoustic, words), label, "video[k]")``, with a row of frames
for each word (FACET 47 or 35 wide, COVAREP 74) and the label as a (1, 1) array. The word ids belong
to MISA's own vocabulary and are left out.

The three files of a folder are its splits. One file alone is distributed by video: never by
segment, or the model would meet the people of the test split while it trains.
"""

from pathlib import Path

from ..corpus import Corpus
from ..errors import CENetError
from .reading import Collector, Frames
from .unpickle import load_plain
from .values import SPLIT_NAMES, id_of, number_of, words_of

FORM = "MISA pickle"
LABEL_RANGE = (-3.0, 3.0)


def matches(data: object) -> bool:
    """Tell whether ``data`` is what a MISA pickle holds."""
    return isinstance(data, list) and bool(data) and is_segment(data[0], n_features=4)


def is_segment(item: object, n_features: int) -> bool:
    """Tell whether ``item`` is ``(features, label, segment)`` with so many features."""
    return (
        isinstance(item, (tuple, list))
        and len(item) == 3
        and isinstance(item[0], (tuple, list))
        and len(item[0]) == n_features
    )


def read(data: list, collector: Collector) -> Corpus:
    """Return the corpus of one file, split by video."""
    read_split(data, "", collector)
    return collector.corpus([collector.path])


def read_folder(files: dict[str, Path], collector: Collector) -> Corpus:
    """Return the corpus of one file per split.

    Raises
    ------
    CENetError
        If one of them is not in this format, or anything in it is wrong.
    """
    for split, file in files.items():
        collector.file = file
        data = load_plain(file)
        if not matches(data):
            raise CENetError(
                f"{file}: is not a list of MISA segments, as its neighbours' names suggest; "
                "give the path of the one file that you want"
            )
        read_split(data, split, collector)
    return collector.corpus(list(files.values()), split_by="one file each")


def read_split(data: list, split: str, collector: Collector) -> None:
    """Hand the segments of one split to the collector."""
    for number, item in enumerate(data):
        where = collector.where(split, f"number {number}")
        if not is_segment(item, n_features=4):
            raise CENetError(
                f"{where}: is not ((word_ids, visual, acoustic, words), label, segment) as the "
                "first one is; remove it"
            )
        (_, visual, acoustic, words), label, segment = item
        add_word_aligned(collector, split, where, words, visual, acoustic, label, segment)


def add_word_aligned(
    collector: Collector, split: str, where: str, words, visual, acoustic, label, segment
) -> None:
    """Hand over a segment with a row of each stream per word, as MISA's and MAG's have.

    ``where`` begins the message of an error in the segment's name.
    """
    id = id_of(segment, where)
    where = collector.where(split, id)
    words = words_of(words, where)
    collector.add(
        split,
        id,
        words,
        visual=Frames(visual, at_least=len(words)),
        acoustic=Frames(acoustic, at_least=len(words)),
        label=number_of(label, where),
    )


def split_files(files: list[Path]) -> dict[str, Path] | None:
    """Return train, valid and test among three files by their names; None if they are not that."""
    named = {SPLIT_NAMES.get(file.stem.lower(), ""): file for file in files}
    if len(files) != 3 or set(named) != set(SPLIT_NAMES.values()):
        return None
    return {split: named[split] for split in ("train", "valid", "test")}
