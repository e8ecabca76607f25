"""Values as they lie in data files, whoever wrote them, to values as we want them.

A reader passes what it finds through these functions before it hands a segment to the `Collector`.
Each function takes the value and ``where``, the beginning of an error message that names the place,
and returns the value as we want it or raises a `CENetError`. None looks deeper than it must: what
comes from a stranger's file may contain itself, or a million copies of something.
"""

import itertools
import re
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from ..errors import CENetError
from ..utterance import SPLITS

SPLIT_NAMES = {"train": "train", "dev": "valid", "valid": "valid", "val": "valid", "test": "test"}
# The scripts that are written without spaces: kana, and CJK ideographs with their extensions.
_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MEND = "correct it or remove the segment"


def id_of(value: object, where: str) -> str:
    """Return a segment's id as text.

    Raises
    ------
    CENetError
        If it is no text or an empty one.

    Examples
    --------
    >>> id_of(b"v1[0]", "mosi.pkl: train segment number 0")
    'v1[0]'
    """
    text = _text_of(value)
    if not text:
        raise CENetError(
            f"{where}: its id is {brief(value)}; every segment needs a text such as 'video[3]'"
        )
    return text


def video_of(id: str) -> str:
    """Return the recording that ``video[3]``, ``video$_$3`` or ``video_3`` was cut from.

    >>> video_of("03bSnISJMiM[11]"), video_of("video_0001$_$0014")
    ('03bSnISJMiM', 'video_0001')
    """
    for pattern in (r"(.+)\[[^\[\]]*\]", r"(.+)\$_\$.*", r"(.+)_\d+"):
        found = re.fullmatch(pattern, id, re.DOTALL)
        if found:
            return found[1]
    return id


def words_of(value: object, where: str) -> list[str]:
    """Return the words of a list of words, or of a text.

    A text is cut at its spaces. One without spaces that is written in Chinese characters has one
    word per character, and one per run of other letters or digits.

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
    text = _text_of(value)
    if text is not None:
        words = text.split()
        if len(words) == 1 and re.search(f"[{_CJK}]", text):
            return re.findall(rf"[{_CJK}]|[^\W{_CJK}]+|[^\w\s]", words[0])
        return words
    if isinstance(value, np.ndarray) and value.ndim <= 1:
        value = value.tolist()
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
    given = value
    for _ in range(4):  # (1, 1) arrays, and lists in lists, are common
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        elif isinstance(value, (list, tuple)) and len(value) == 1:
            value = value[0]
    if not _is_number(value) or not isfinite(value):
        raise CENetError(f"{where}: {name} is {brief(given)} instead of one finite number; {_MEND}")
    return float(value)


def matrix_of(value: object, where: str, stream: str) -> np.ndarray:
    """Return frames as a matrix (n, d) of numbers; no rows at all may have any form.

    Parameters
    ----------
    value : (n, d) array, or list of n arrays or lists of d numbers
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

    >>> text_keys({b"train": [], "test": [], 3: []})
    {'train': [], 'test': [], 3: []}
    """
    return {_text_of(key) or key: value for key, value in data.items()}


def splits_of(data: Mapping[Any, object], path: Path) -> dict[str, object]:
    """Return what a dict holds for train, valid and test, whatever it calls them.

    Parameters
    ----------
    data : dict
        With texts as keys.
    path : Path
        The file, for the error message.

    Raises
    ------
    CENetError
        If one is missing, or two keys mean the same.

    Examples
    --------
    >>> splits_of({"test": 3, "dev": 2, "train": 1}, Path("mosi.pkl"))
    {'train': 1, 'valid': 2, 'test': 3}
    """
    found: dict[str, object] = {}
    for key, value in data.items():
        split = SPLIT_NAMES.get(key)
        if split in found:
            raise CENetError(f"{path}: has two {split} splits; remove one")
        if split is not None:
            found[split] = value
    missing = [split for split in SPLITS if split not in found]
    if missing:
        keys = ", ".join(repr(key) for key in itertools.islice(data, 6))
        raise CENetError(
            f"{path}: has no {missing[0]} split; expected the keys train, valid (or dev) and test, "
            f"found {keys[:200]}"
        )
    return {split: found[split] for split in SPLITS}


def _text_of(value: object) -> str | None:
    """Return a text or bytes as text, and None for anything else."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bytes):
        try:
            return str(value, "utf-8")
        except UnicodeDecodeError:
            return str(value, "latin-1")
    return str(value) if isinstance(value, str) else None


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
