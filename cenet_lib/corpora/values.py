"""Values as they lie in data files, whoever wrote them, to values as we want them.

A reader passes what it finds through these functions before it hands a segment to the `Collector`.
Each function takes the value and ``where``, the beginning of an error message that names the place,
and returns the value as we want it or raises a `CENetError`. None looks deeper than it must: what
comes from a stranger's file may contain itself, or a million copies of something.
"""

import itertools
from collections.abc import Iterable, Mapping
from math import isfinite, isnan
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from ..errors import CENetError
from ..utterance import SPLITS, Annotation
from .words import cut

SPLIT_NAMES = {
    **{"train": "train", "test": "test"},
    **dict.fromkeys(("dev", "valid", "val", "validation"), "valid"),
}
# In the order of CMU-MultimodalSDK's "All Labels" of CMU-MOSEI, behind the sentiment.
EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")
_MEND = "correct it or remove the segment"


def id_of(value: object, where: str) -> str:
    """Return a segment's id as text, also out of the array or list that holds it alone.

    Raises
    ------
    CENetError
        If it is no text or an empty one.

    Examples
    --------
    >>> id_of(b"v1[0]", "mosi.pkl: train segment number 0")
    'v1[0]'
    """
    text = _text_of(_alone(value))
    if not text:
        raise CENetError(
            f"{where}: its id is {brief(value)}; every segment needs a text such as 'video[3]'"
        )
    return text


def words_of(value: object, where: str) -> list[str]:
    """Return the words of a list of words, or of a text.

    A text, also alone in a list, is cut at its spaces, and Chinese characters are a word each; see
    `words`. A list of words is kept as it is.

    Raises
    ------
    CENetError
        If it is neither, or a word is not a text or blank.

    Examples
    --------
    >>> words_of("so  good", "v1[0]"), words_of([b"so", "good"], "v1[0]")
    (['so', 'good'], ['so', 'good'])
    >>> words_of("不错OK", "v1[0]")
    ['不', '错', 'OK']
    """
    if isinstance(value, np.ndarray) and value.ndim <= 1:
        value = value.tolist()
    text = _text_of(value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value)
    if text is not None and (text.strip() or not isinstance(value, (list, tuple))):
        return cut(text)
    if not isinstance(value, (list, tuple)):
        raise CENetError(
            f"{where}: its words are {brief(value)} instead of a text or a list of texts; {_MEND}"
        )
    words = []
    for position, given in enumerate(value):
        word = _text_of(given)
        if word is None or not word.strip():
            raise CENetError(
                f"{where}: word {position} is {brief(given)} instead of a non-blank text; {_MEND}"
            )
        words.append(word)
    return words


def number_of(value: object, where: str, name: str = "the label") -> float:
    """Return a number as such, or out of the array or list that holds it alone.

    Raises
    ------
    CENetError
        If it is anything else, or not finite.

    Examples
    --------
    >>> number_of([[1.8]], "v1[0]"), number_of(np.float32(-0.5), "v1[0]")
    (1.8, -0.5)
    """
    given, value = value, _alone(value)
    if not _is_number(value) or not isfinite(value):
        raise CENetError(f"{where}: {name} is {brief(given)} instead of one finite number; {_MEND}")
    return float(value)


def label_of(
    value: object, where: str, name: str = "the label"
) -> tuple[float | None, dict[str, Annotation]]:
    """Return a label, and the emotions that stand behind it in CMU-MOSEI.

    No label is None, NaN, a blank text or nothing at all, also alone in arrays and lists. Seven
    numbers are those of the CMU-MultimodalSDK: the sentiment and how strong six emotions are.

    Returns
    -------
    label : float or None
        None if there is none.
    emotions : dict of str to float
        By the names in `EMOTIONS`; without those that are missing.

    Raises
    ------
    CENetError
        If it is anything else, or a number is infinite, or an emotion is not in [0, 3].

    Examples
    --------
    >>> label_of([[1.8]], "v1[0]"), label_of(np.array([[np.nan]]), "v1[0]")
    ((1.8, {}), (None, {}))
    >>> label_of(np.array([[1.0, 0.5, 0, 0, 0, 0, 2]]), "v1[0]")[1]["fear"]
    2.0
    """
    alone = _alone(value)
    items = _seven(alone)
    if items is None:
        return (None if _is_missing(alone) else number_of(value, where, name)), {}
    emotions: dict[str, Annotation] = {}
    for emotion, item in zip(EMOTIONS, items[1:], strict=True):
        if not _is_missing(_alone(item)):
            strength = number_of(item, where, f"the emotion {emotion!r}")
            if not 0 <= strength <= 3:
                raise CENetError(
                    f"{where}: the emotion {emotion!r} is {strength:g} instead of a number from 0 "
                    "to 3; seven labels are read as CMU-MOSEI's, sentiment and six emotions"
                )
            emotions[emotion] = strength
    sentiment = None if _is_missing(_alone(items[0])) else number_of(items[0], where, name)
    return sentiment, emotions


def _seven(value: object) -> list[Any] | None:
    """Return the seven numbers of an array or a list that has so many, else None."""
    if isinstance(value, np.ndarray):
        return value.reshape(-1).tolist() if value.size == len(EMOTIONS) + 1 else None
    if isinstance(value, (list, tuple)) and len(value) == len(EMOTIONS) + 1:
        return list(value)
    return None


def _alone(value: Any) -> Any:
    """Return what an array or a list holds alone, or the value as it is."""
    for _ in range(4):  # (1, 1) arrays, and lists in lists, are common
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        elif isinstance(value, (list, tuple)) and len(value) == 1:
            value = value[0]
    return value


def _is_missing(value: object) -> bool:
    if value is None or (isinstance(value, (float, np.floating)) and isnan(value)):
        return True
    if isinstance(value, np.ndarray):
        return not value.size
    if isinstance(value, (list, tuple)):
        return not value
    text = _text_of(value)
    return text is not None and not text.strip()


def n_frames_of(value: object, where: str, name: str) -> int:
    """Return a number of frames.

    Raises
    ------
    CENetError
        If it is not a whole number, or negative.

    Examples
    --------
    >>> n_frames_of(np.int64(39), "v1[0]", "vision_lengths")
    39
    """
    number = number_of(value, where, name)
    if number != int(number) or number < 0:
        raise CENetError(
            f"{where}: {name} is {number:g} instead of a whole number of frames; {_MEND}"
        )
    return int(number)


def without_batch(value: Any) -> Any:
    """Return frames (1, n, d), which a script prepared as a batch of one, as (n, d).

    >>> without_batch(np.zeros((1, 5, 3))).shape, without_batch(np.zeros((5, 3))).shape
    ((5, 3), (5, 3))
    """
    if isinstance(value, np.ndarray) and value.ndim == 3 and len(value) == 1:
        return value[0]
    if isinstance(value, (list, tuple)) and len(value) == 1:
        alone = value[0]
        is_matrix = isinstance(alone, np.ndarray) and alone.ndim == 2
        return alone if is_matrix or _is_list_of_rows(alone) else value
    return value


def _is_list_of_rows(value: object) -> bool:
    is_list = isinstance(value, (list, tuple)) and bool(value)
    return is_list and isinstance(value[0], (list, tuple, np.ndarray))  # type: ignore[index]


def matrix_of(value: object, where: str, stream: str) -> np.ndarray:
    """Return frames as a matrix (n, d) of numbers; no rows at all may have any form.

    Parameters
    ----------
    value : (n, d) or (1, n, d) array, or list of n arrays or lists of d numbers
    where : str
    stream : str
        What the error message calls it.

    Raises
    ------
    CENetError
        If it is anything else.

    Examples
    --------
    >>> matrix_of([[0.5, 0.1], np.array([0.4, 0.2])], "v1[0]", "visual").shape
    (2, 2)
    >>> matrix_of([], "v1[0]", "visual").shape
    (0, 0)
    """
    value = without_batch(value)
    if not (isinstance(value, np.ndarray) and value.dtype.kind in "biuf"):
        if not (isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim)):
            raise CENetError(
                f"{where}: {stream} is {brief(value)} instead of a matrix (frames, features); "
                f"{_MEND}"
            )
        value = _stack(value, where, stream)
    if value.ndim != 2 and value.size:
        raise CENetError(
            f"{where}: {stream} has the shape {value.shape} instead of (frames, features); {_MEND}"
        )
    return value if value.ndim == 2 else np.zeros((0, 0), np.float32)


def _stack(rows: Iterable[Any], where: str, stream: str) -> np.ndarray:
    """Return a matrix (n, d) of rows that are arrays or lists of numbers of one length."""
    stacked: list[np.ndarray] = []
    for position, row in enumerate(rows):
        if (isinstance(row, np.ndarray) and row.dtype == object) or isinstance(row, (list, tuple)):
            if not all(map(_is_number, row)):
                raise CENetError(
                    f"{where}: {stream} frame {position} holds something that is not a number; "
                    f"{_MEND}"
                )
            row = np.array([float(number) for number in row])
        if not (isinstance(row, np.ndarray) and row.dtype.kind in "biuf" and row.ndim == 1):
            raise CENetError(
                f"{where}: {stream} frame {position} is {brief(row)} instead of a row of numbers; "
                f"{_MEND}"
            )
        if len(row) != len(stacked[0] if stacked else row):
            raise CENetError(
                f"{where}: {stream} frame {position} has {len(row)} values where "
                f"{len(stacked[0])} were expected; {_MEND}"
            )
        stacked.append(row)
    return np.stack(stacked) if stacked else np.zeros((0, 0), np.float32)


def ids_of(value: object, where: str, name: str, highest: int) -> np.ndarray:
    """Return ids (n,) int64 from 0 to ``highest``.

    Parameters
    ----------
    value : (n,) array, list or tuple of whole numbers
    where : str
    name : str
        What the error message calls them.
    highest : int

    Raises
    ------
    CENetError
        If they are anything else.

    Examples
    --------
    >>> ids_of([7, 9, 16], "v1[0]", "visual_ids", highest=16)
    array([ 7,  9, 16])
    """
    numbers = value.tolist() if isinstance(value, np.ndarray) and value.ndim == 1 else value
    if not isinstance(numbers, (list, tuple)):
        raise CENetError(f"{where}: {name} is {brief(value)} instead of a list; {_MEND}")
    for number in numbers:
        if not (_is_number(number) and number in range(highest + 1)):
            raise CENetError(
                f"{where}: {name} holds {brief(number)} instead of a whole number from 0 to "
                f"{highest}; {_MEND}"
            )
    return np.array(numbers, dtype=np.int64)


def text_keys(data: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a dict with its keys as texts, which Python 2 wrote as bytes.

    A key of bytes stays as it is if the same text is a key as well.

    >>> text_keys({b"train": [], "test": [], 3: []})
    {'train': [], 'test': [], 3: []}
    """
    texts = {key: _text_of(key) or key for key in data}
    return {key if key != t and t in data else t: data[key] for key, t in texts.items()}


def splits_of(
    data: Mapping[Any, object], path: Path, notes: list[str] | None = None
) -> dict[str, object]:
    """Return what a dict holds for train, valid and test, whatever it calls them.

    A dict may hold one part of a data set alone, such as new segments to predict on.

    Parameters
    ----------
    data : dict
    path : Path
        The file, for the error message.
    notes : list of str, optional
        Where to add what looks like a part beside the three and is not used.

    Raises
    ------
    CENetError
        If one of several is missing, a part goes by another name, or two keys mean the same.

    Examples
    --------
    >>> splits_of({"test": 3, "dev": 2, "train": 1}, Path("mosi.pkl"))
    {'train': 1, 'valid': 2, 'test': 3}
    >>> splits_of({"test": 3}, Path("new.pkl"))
    {'test': 3}
    """
    found: dict[str, object] = {}
    others: dict[object, object] = {}
    for key, value in data.items():
        split = SPLIT_NAMES.get((_text_of(key) or "").strip().lower())
        if split in found:
            raise CENetError(f"{path}: has two {split} splits; remove one")
        if split is None:
            others[key] = value
        else:
            found[split] = value
    missing = [split for split in SPLITS if split not in found]
    parts = [
        key for key, other in others.items() if any(_are_alike(other, p) for p in found.values())
    ]
    if not missing and notes is not None:
        notes += [f"{brief(key)} is not used: it is none of train, valid and test" for key in parts]
    if missing and (len(found) != 1 or parts):
        keys = ", ".join(repr(key) for key in itertools.islice(data, 6))
        raise CENetError(
            f"{path}: has no {missing[0]} split; expected the keys train, valid (or dev) and test, "
            f"found {keys[:200]}"
        )
    return {split: found[split] for split in SPLITS if split in found}


def _are_alike(other: object, part: object) -> bool:
    """Tell whether something looks like a part of the data: segments, or the same columns."""
    if isinstance(part, dict) and isinstance(other, dict):
        ours = text_keys(part)
        shared = {k: len(c) for k, c in text_keys(other).items() if k in ours and _has_items(c)}
        # a table of the channels' names has lists under the same keys, but not of one length
        return 2 * len(shared) >= len(other) and len(set(shared.values())) == 1
    return _has_items(part) and _has_items(other) and _has_items(other[0])  # type: ignore[index]


def _has_items(value: object) -> bool:
    """Tell whether a value is a list, a tuple or an array of something."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0 and value.size > 0
    return isinstance(value, (list, tuple)) and bool(value)


def _text_of(value: object) -> str | None:
    """Return a text or bytes as text, and None for anything else.

    A mark of the byte order that a file began with is no character of its first text.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bytes):
        value = _decoded(value)
    return str(value).removeprefix("\ufeff") if isinstance(value, str) else None


def _decoded(value: bytes) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return str(value, "latin-1")


def _is_number(value: object) -> TypeGuard[float]:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 1 << 63
    return isinstance(value, (float, np.integer, np.floating))


def brief(value: object) -> str:
    """Describe a value in an error message, without printing what may be gigabytes.

    >>> brief([1, 2, 3]), brief(np.zeros((500, 74))), brief("so good")
    ('a list of 3', 'an array of the shape (500, 74)', "'so good'")
    """
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype != object and value.size == 1:
        value = value.item()
    if isinstance(value, (str, bytes)):
        return repr(value[:40])
    if value is None or isinstance(value, (bool, float)) or _is_number(value):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"an array of the shape {value.shape}"
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"of the type {type(value).__name__}"
