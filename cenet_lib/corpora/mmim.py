"""The pickles of MMIM (declare-lab/Multimodal-Infomax) and its kin: one list per split.

They are MISA's form with two lengths behind: ``((word_ids, visual, acoustic, words, n_visual,
n_acoustic), label, "video_clip")``. Words and frames are not aligned; the lengths say how many rows
of each stream are frames. The word ids are left out; mostly they are empty.

This reader stands between the files and the `Collector`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..corpus import Corpus
from .reading import Collector, PaddedFrames
from .segments import add_each, holds_segments
from .values import id_of, label_of, n_frames_of, words_of

FORM = "MMIM pickle"
LABEL_RANGE = (-3.0, 3.0)
HOLDS = (
    "list of `((word_ids, visual, acoustic, words, n_visual, n_acoustic), label, id)`, one file "
    "per split"
)
PARTS = ("word_ids", "visual", "acoustic", "words", "n_visual", "n_acoustic")


def matches(data: object) -> bool:
    """Tell whether ``data`` is what an MMIM pickle, or one per split, holds.

    >>> matches([(([], [[0.5]], [[0.1, 0.2]], ["so"], 1, 1), [[1.8]], "v1_0")])
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
    >>> segment = ([], [[0.5], [0.0]], [[0.1], [0.2]], ["so"], 1, 2), [[1.8]], "v1_0"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "train.pkl")
    ...     path.touch()  # the corpus notes the file's name and SHA-256
    ...     read([segment], Collector(path, FORM, LABEL_RANGE)).train[0]
    Utterance('v1_0', 'so', visual (1, 1), acoustic (2, 1), label +1.80)
    """
    return add_each(data, collector, PARTS, _add)


def _add(
    collector: Collector, split: str, where: str, parts: Sequence[object], label: object, id: object
) -> None:
    """Hand over a segment."""
    _, visual, acoustic, words, n_visual, n_acoustic = parts
    text = id_of(id, where)
    where = collector.where(split, text)
    number, emotions = label_of(label, where)
    collector.add(
        split,
        text,
        words_of(words, where),
        visual=PaddedFrames(visual, n_frames_of(n_visual, where, "n_visual")),
        acoustic=PaddedFrames(acoustic, n_frames_of(n_acoustic, where, "n_acoustic")),
        label=number,
        annotations=emotions,
    )
