"""The pickle that comes with MAG-BERT (WasifurRahman/BERT_multimodal_transformer).

A dict of ``train``, ``dev`` and ``test``, each a list of ``((words, visual, acoustic), label, id)``
with a row of frames for each word (MOSI 47 and 74 wide, MOSEI 35 and 74), the label as a (1, 1)
array and the id as text or bytes.

This reader stands between the file and the `Collector`; it is the shortest of them, and an example
for others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..corpus import Corpus
from .reading import Collector
from .segments import add_each, add_word_aligned, holds_segments

FORM = "MAG pickle"
LABEL_RANGE = (-3.0, 3.0)
HOLDS = "`{train, dev, test}` → list of `((words, visual, acoustic), label, id)`"
PARTS = ("words", "visual", "acoustic")


def matches(data: object) -> bool:
    """Tell whether ``data`` is what a MAG pickle holds.

    >>> matches({"train": [((["so"], [[0.5]], [[0.1, 0.2]]), [[1.8]], "v1[0]")]})
    True
    """
    return holds_segments(data, PARTS)


def read(data: Mapping[Any, object], collector: Collector) -> Corpus:
    """Return the corpus of a MAG pickle.

    Parameters
    ----------
    data : dict
        What the pickle holds.
    collector : Collector

    Raises
    ------
    CENetError
        If a split is missing, or a segment is not as described above.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> segment = (["so", "good"], [[0.5], [0.4]], [[0.1, 0.2], [0.3, 0.4]]), [[1.8]], "v1[0]"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mosi.pkl")
    ...     path.touch()  # the corpus notes the file's name and SHA-256
    ...     collector = Collector(path, FORM, LABEL_RANGE)
    ...     read({"train": [segment], "dev": [], "test": []}, collector).train[0]
    Utterance('v1[0]', 'so good', visual (2, 1), acoustic (2, 2), label +1.80)
    """
    return add_each(data, collector, PARTS, _add)


def _add(
    collector: Collector, split: str, where: str, parts: Sequence[object], label: object, id: object
) -> None:
    """Hand over a segment."""
    words, visual, acoustic = parts
    add_word_aligned(collector, split, where, words, visual, acoustic, label, id)
