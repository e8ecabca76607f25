"""The pickle that comes with MAG-BERT (WasifurRahman/BERT_multimodal_transformer).

A dict of ``train``, ``dev`` and ``test``, each a list of ``((words, visual, acoustic), label,
segment)`` with a row of frames for each word (MOSI 47 and 74 wide, MOSEI 35 and 74), the label as a
(1, 1) array and the segment as text or bytes.
"""

from ..corpus import Corpus
from ..errors import CENetError
from .misa import add_word_aligned, is_segment
from .reading import Collector
from .values import splits_of, text_keys

FORM = "MAG pickle"
LABEL_RANGE = (-3.0, 3.0)


def matches(data: object) -> bool:
    """Tell whether ``data`` is what a MAG pickle holds."""
    return holds_segments(data, n_features=3)


def holds_segments(data: object, n_features: int) -> bool:
    """Tell whether ``data`` is a dict of lists of segments with so many features."""
    if not isinstance(data, dict):
        return False
    lists = [value for value in data.values() if isinstance(value, list) and value]
    return bool(lists) and is_segment(lists[0][0], n_features)


def read(data: dict, collector: Collector) -> Corpus:
    """Return the corpus of a MAG pickle.

    Raises
    ------
    CENetError
        If a split is missing, or a segment is not as described above.
    """
    for split, segments in splits_of(text_keys(data), collector.path).items():
        for where, item in numbered(segments, split, collector, n_features=3):
            (words, visual, acoustic), label, segment = item
            add_word_aligned(collector, split, where, words, visual, acoustic, label, segment)
    return collector.corpus([collector.path])


def numbered(segments: object, split: str, collector: Collector, n_features: int):
    """Yield each segment of a split with the beginning of its error message.

    Raises
    ------
    CENetError
        If the split is not a list, or a segment does not have so many features.
    """
    if not isinstance(segments, list):
        raise CENetError(
            f"{collector.path}: the {split} split is not a list of segments; see data/README.md "
            "for the formats"
        )
    for number, item in enumerate(segments):
        where = collector.where(split, f"number {number}")
        if not is_segment(item, n_features):
            raise CENetError(
                f"{where}: is not (({n_features} things), label, segment) as the others are; "
                "remove it"
            )
        yield where, item
