"""The pickles that come with MISA (declare-lab/MISA): one list per split.

Each segment is ``((word_ids, visual, acoustic, words), label, "video[k]")``, with a row of frames
for each word (FACET 47 or 35 wide, COVAREP 74) and the label as a (1, 1) array. The word ids belong
to MISA's own vocabulary and are left out.

The three files of a folder are its splits, see `loading`. One file alone is distributed by video:
never by segment, or the model would meet the people of the test split while it trains.

This reader stands between the files and the `Collector`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..corpus import Corpus
from .reading import Collector
from .segments import add_each, add_word_aligned, holds_segments

FORM = "MISA pickle"
LABEL_RANGE = (-3.0, 3.0)
HOLDS = "list of `((word_ids, visual, acoustic, words), label, id)`, one file per split"
PARTS = ("word_ids", "visual", "acoustic", "words")


def matches(data: object) -> bool:
    """Tell whether ``data`` is what a MISA pickle, or one per split, holds.

    >>> matches([(([7], [[0.5]], [[0.1, 0.2]], ["so"]), [[1.8]], "v1[0]")])
    True
    """
    return holds_segments(data, PARTS)


def read(data: list[Any] | Mapping[Any, object], collector: Collector) -> Corpus:
    """Return the corpus of one file, split by video, or of a dict of splits.

    Parameters
    ----------
    data : list or dict of lists
        What the pickles hold.
    collector : Collector

    Raises
    ------
    CENetError
        If a segment is not as described above.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> data = [(([7], [[0.5]], [[0.1, 0.2]], ["so"]), [[1.8]], f"v{i}[0]") for i in range(10)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dev.pkl")
    ...     path.touch()  # the corpus notes the file's name and SHA-256
    ...     read(data, Collector(path, FORM, LABEL_RANGE))
    Corpus('dev': train 6, valid 2, test 2; features: visual 1, acoustic 2)
    """
    return add_each(data, collector, PARTS, _add)


def _add(
    collector: Collector, split: str, where: str, parts: Sequence[object], label: object, id: object
) -> None:
    """Hand over a segment."""
    _, visual, acoustic, words = parts
    add_word_aligned(collector, split, where, words, visual, acoustic, label, id)
