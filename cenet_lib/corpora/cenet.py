"""The pickle that comes with the published CENet code (Say2L/CENet).

A dict of ``train``, ``dev`` and ``test``, each a list of ``((words, visual, acoustic, pos_ids,
senti_ids, visual_ids, acoustic_ids), label, id)``, or of tuples of these nine. The last two parts
are the codes of the frames (0 to 15, and 16 for padding), made with a k-means that was never
published; they and the part of speech and polarity of each word become annotations. The code count
says how many frames are real.

This reader stands between the file and the `Collector`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from .reading import Collector, PaddedFrames
from .segments import add_each, holds_segments
from .values import id_of, ids_of, label_of, without_batch, words_of

FORM = "CENet pickle"
LABEL_RANGE = (-3.0, 3.0)
PARTS = ("words", "visual", "acoustic", "pos_ids", "senti_ids", "visual_ids", "acoustic_ids")
HOLDS = (
    "`{train, dev, test}` → list of `((words, visual, acoustic, pos_ids, senti_ids, visual_ids, "
    "acoustic_ids), label, id)`, or the same nine flat"
)
PADDING_CODE = 16
HIGHEST_POS, HIGHEST_POLARITY = 4, 2


def matches(data: object) -> bool:
    """Tell whether ``data`` is what a CENet pickle holds.

    >>> matches({"train": [((["so"], [[0.5]], [[0.1]], [2], [1], [7], [3]), 1.8, "v1[0]")]})
    True
    """
    return holds_segments(data, PARTS)


def read(data: Mapping[Any, object], collector: Collector) -> Corpus:
    """Return the corpus of a CENet pickle.

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
    >>> codes, frames = [7, 9, 16], [[0.5], [0.4], [0.0]]
    >>> segment = (["so"], frames, frames, [2], [1], codes, codes), 1.8, "v1[0]"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mosi.pkl")
    ...     path.touch()  # the corpus notes the file's name and SHA-256
    ...     collector = Collector(path, FORM, LABEL_RANGE)
    ...     utterance = read({"train": [segment], "dev": [], "test": []}, collector).train[0]
    >>> utterance
    Utterance('v1[0]', 'so', visual (2, 1), acoustic (2, 1), label +1.80)
    >>> utterance.annotations["visual_codes"].tolist()
    [7, 9]
    """
    return add_each(data, collector, PARTS, _add)


def _add(
    collector: Collector, split: str, where: str, parts: Sequence[object], label: object, id: object
) -> None:
    """Hand over a segment."""
    given, visual, acoustic, pos, polarity, visual_codes, acoustic_codes = parts
    text = id_of(id, where)
    where = collector.where(split, text)
    words = words_of(given, where)
    face, face_codes = _coded(visual, visual_codes, where, "visual_ids")
    voice, voice_codes = _coded(acoustic, acoustic_codes, where, "acoustic_ids")
    number, emotions = label_of(label, where)
    collector.add(
        split,
        text,
        words,
        visual=face,
        acoustic=voice,
        label=number,
        annotations={
            **emotions,
            "pos_ids": _per_word(pos, where, "pos_ids", HIGHEST_POS, words),
            "polarity_ids": _per_word(polarity, where, "senti_ids", HIGHEST_POLARITY, words),
            "visual_codes": face_codes,
            "acoustic_codes": voice_codes,
        },
    )


def _per_word(value: object, where: str, name: str, highest: int, words: list[str]) -> np.ndarray:
    """Return the ids of words (n_words,) int64."""
    ids = ids_of(value, where, name, highest)
    if len(ids) != len(words):
        raise CENetError(
            f"{where}: has {len(ids)} {name} for {len(words)} words; there must be one for each"
        )
    return ids


def _coded(rows: object, value: object, where: str, name: str) -> tuple[PaddedFrames, np.ndarray]:
    """Return frames with their length as the codes tell it, and the codes (n,) without padding."""
    codes, rows = ids_of(value, where, name, PADDING_CODE), without_batch(rows)
    real = codes[codes != PADDING_CODE]
    # One code per row, or the codes were padded apart and do not tell the length.
    one_each = isinstance(rows, (np.ndarray, list)) and len(rows) == len(codes)
    return PaddedFrames(rows, length=len(real) if one_each else None), real
