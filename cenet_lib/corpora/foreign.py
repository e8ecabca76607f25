"""Files of other projects that look like a corpus and cannot be one, and what to take instead.

CENet reads words, frames of face and voice, and intensities of sentiment from -3 to 3. A file
without one of these is refused by `refuse`, which knows the usual ones by what is in them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import CENetError
from .values import EMOTIONS, SPLIT_NAMES, text_keys

_MMSA = "MMSA's `unaligned_50.pkl` of MOSI or MOSEI"


class Foreign(NamedTuple):
    """A form of file that cannot be read.

    Attributes
    ----------
    name : str
        Whose it is.
    holds : str
        What it looks like.
    lacks : str
        Why it cannot be read.
    instead : str
        What to take.
    matches : function
        Whether some data, as a pickle held them, are of this form.

    Examples
    --------
    >>> HKT.matches({"train": [((["so"], 1, 2, 3), ([], 1, 2, 3), 17, 1)]})
    True
    """

    name: str
    holds: str
    lacks: str
    instead: str
    matches: Callable[[Any], bool]


def refuse(data: object, path: Path) -> None:
    """Raise an error if data are of a form that cannot be read.

    Raises
    ------
    CENetError
        With the reason, and the file to take instead.

    Examples
    --------
    >>> refuse({"folds": 3}, Path("mosi.pkl"))
    >>> refuse({"train": {"text": np.zeros((2, 5, 300)), "labels": [1, 2]}}, Path("mosi_data.pkl"))
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: mosi_data.pkl: is a file of MulT or MultiBench, and has word \
vectors (GloVe) instead of words; take MMSA's `unaligned_50.pkl` of MOSI or MOSEI, see \
data/README.md
    """
    for form in FOREIGN:
        if form.matches(data):
            raise CENetError(
                f"{path}: is a file of {form.name}, and {form.lacks}; take {form.instead}, see "
                "data/README.md"
            )


def _vector_splits(data: object) -> Iterator[dict[Any, Any]]:
    """Yield the splits that have vectors in place of words."""
    for split in text_keys(data).values() if isinstance(data, dict) else ():
        columns = text_keys(split) if isinstance(split, dict) else {}
        if "text" in columns and "labels" in columns and "raw_text" not in columns:
            yield columns


def _labels(data: object) -> np.ndarray:
    """Return the labels of all splits with vectors, (n, …); none if they are not numbers."""
    try:
        found = [np.asarray(columns["labels"], float) for columns in _vector_splits(data)]
        return np.concatenate(found) if found else np.zeros(0)
    except (TypeError, ValueError):
        return np.zeros(0)


def _is_vectors(data: object) -> bool:
    return any(True for _ in _vector_splits(data))


def _is_emotions(data: object) -> bool:
    labels = _labels(data)
    return labels.ndim > 1 and labels[:1].size not in (0, 1, 1 + len(EMOTIONS))


def _is_yes_or_no(data: object) -> bool:
    labels = _labels(data)
    return labels.size > 1 and not set(np.unique(labels[:1000]).tolist()) - {-1.0, 0.0, 1.0}


def _first_segment(data: object) -> object:
    lists = [part for part in data.values() if isinstance(part, list) and part]  # type: ignore[attr-defined]
    return lists[0][0] if lists else None


def _is_hkt(data: object) -> bool:
    segment = _first_segment(data) if isinstance(data, dict) else None
    return (
        isinstance(segment, (tuple, list))
        and len(segment) == 4
        and all(isinstance(part, (tuple, list)) and len(part) == 4 for part in segment[:2])
    )


def _is_ur_funny(data: object) -> bool:
    """Tell whether it is a dict by id of punchlines and contexts, or the ids of the splits."""
    if not isinstance(data, dict) or not data:
        return False
    first = next(iter(data.values()))
    if isinstance(first, dict):
        return any(str(key).startswith("punchline") for key in text_keys(first))
    lists = [part for part in data.values() if isinstance(part, list) and part]
    are_ids = len(lists) == len(data) and all(isinstance(part[0], int) for part in lists)
    return are_ids and set(text_keys(data)) <= set(SPLIT_NAMES)


def _is_bc_lstm(data: object) -> bool:
    if isinstance(data, dict):
        return {"text_train", "audio_train", "video_train"} <= set(text_keys(data))
    is_array = isinstance(data, (tuple, list)) and len(data) == 7
    return is_array and isinstance(data[0], np.ndarray) and data[0].ndim == 3  # type: ignore[index]


def _is_conversations(data: object) -> bool:
    """Tell whether it is eight or more parts, of which the first six are dicts by recording."""
    is_tuple = isinstance(data, (tuple, list)) and 8 <= len(data) <= 12
    return is_tuple and all(isinstance(part, dict) for part in data[:6])  # type: ignore[index]


_VECTORS = "`{train, valid, test}` → `{vision, audio, text, labels, id}`"
HKT = Foreign(
    "HKT (UR-FUNNY, MUStARD)",
    "`{train, dev, test}` → list of `((words, visual, acoustic, hcf), context, id, label)`",
    "says of a punchline whether it is humour or sarcasm, not how positive it is",
    f"a corpus of sentiment, such as {_MMSA}",
    _is_hkt,
)
FOREIGN = (
    HKT,
    Foreign(
        "UR-FUNNY",
        "`{id}` → `{punchline_…, context_…}`, one file per kind of feature",
        "has indices of word vectors instead of words, and humour instead of sentiment",
        f"a corpus of sentiment, such as {_MMSA}",
        _is_ur_funny,
    ),
    Foreign(
        "MulT's IEMOCAP",
        f"{_VECTORS}, several labels each",
        "has word vectors (GloVe) instead of words, and emotions instead of sentiment",
        f"a corpus of sentiment, such as {_MMSA}",
        _is_emotions,
    ),
    Foreign(
        "MultiBench (humour, sarcasm)",
        f"{_VECTORS}, labels yes or no",
        "has word vectors (GloVe) instead of words, and humour or sarcasm instead of sentiment",
        f"a corpus of sentiment, such as {_MMSA}",
        _is_yes_or_no,
    ),
    Foreign(
        "MulT or MultiBench",
        f"{_VECTORS}: `mosi_data*.pkl`, `mosei_senti_data*.pkl`, `mosi_raw.pkl`, `mosei_raw.pkl`",
        "has word vectors (GloVe) instead of words",
        _MMSA,
        _is_vectors,
    ),
    Foreign(
        "bc-LSTM",
        "`(train_data, train_label, test_data, test_label, …)`, one file per stream; or "
        "`{text_train, audio_train, …}`",
        "has one vector per utterance instead of words and frames",
        _MMSA,
        _is_bc_lstm,
    ),
    Foreign(
        "bc-LSTM's conversations (IEMOCAP, MELD)",
        "`(videoIDs, videoSpeakers, videoLabels, videoText, …)`",
        "has one vector per utterance instead of frames, and emotions instead of sentiment",
        f"a corpus of sentiment, such as {_MMSA}",
        _is_conversations,
    ),
)
