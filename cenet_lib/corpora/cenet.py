"""The pickle that comes with the published CENet code (Say2L/CENet).

A dict of ``train``, ``dev`` and ``test``, each a list of ``((words, visual, acoustic, pos_ids,
senti_ids, visual_ids, acoustic_ids), label, segment)``. The last two are the codes of the frames
(0 to 15, and 16 for padding), made with a k-means that was never published; they and the part of
speech and polarity of each word become annotations. The code count says how many frames are real.
"""

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from .mag import holds_segments, numbered
from .reading import Collector, Frames
from .values import id_of, ids_of, number_of, splits_of, text_keys, words_of

FORM = "CENet pickle"
LABEL_RANGE = (-3.0, 3.0)
PADDING_CODE = 16
HIGHEST_POS, HIGHEST_POLARITY = 4, 2


def matches(data: object) -> bool:
    """Tell whether ``data`` is what a CENet pickle holds."""
    return holds_segments(data, n_features=7)


def read(data: dict, collector: Collector) -> Corpus:
    """Return the corpus of a CENet pickle.

    Raises
    ------
    CENetError
        If a split is missing, or a segment is not as described above.
    """
    for split, segments in splits_of(text_keys(data), collector.path).items():
        for where, item in numbered(segments, split, collector, n_features=7):
            (
                (words, visual, acoustic, pos, polarity, visual_codes, acoustic_codes),
                label,
                segment,
            ) = item
            id = id_of(segment, where)
            where = collector.where(split, id)
            words = words_of(words, where)
            annotations = {
                "pos_ids": _per_word(pos, where, "pos_ids", HIGHEST_POS, words),
                "polarity_ids": _per_word(polarity, where, "senti_ids", HIGHEST_POLARITY, words),
            }
            frames = {}
            for stream, rows, codes in (
                ("visual", visual, visual_codes),
                ("acoustic", acoustic, acoustic_codes),
            ):
                codes = ids_of(codes, where, f"{stream}_ids", PADDING_CODE)
                real = codes[codes != PADDING_CODE]
                annotations[f"{stream}_codes"] = real
                # One code per row, or the codes were padded apart and do not tell the length.
                one_each = isinstance(rows, (np.ndarray, list)) and len(rows) == len(codes)
                frames[stream] = Frames(rows, length=len(real) if one_each else None)
            collector.add(
                split,
                id,
                words,
                **frames,
                label=number_of(label, where),
                annotations=annotations,
            )
    return collector.corpus([collector.path])


def _per_word(ids: object, where: str, name: str, highest: int, words: list[str]) -> np.ndarray:
    ids = ids_of(ids, where, name, highest)
    if len(ids) != len(words):
        raise CENetError(
            f"{where}: has {len(ids)} {name} for {len(words)} words; there must be one for each"
        )
    return ids
