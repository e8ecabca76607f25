"""The objects that a pickle of plain data may make by a call: NumPy arrays, bytes, sets, dicts.

A pickle names functions and calls them; `GLOBALS` holds all that ours knows, see `unpickle`. They
stand in for NumPy's own, which believe what they are told: these look at the data first.
"""

import math
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

import numpy as np

_T = TypeVar("_T")

_EMPTY_ROWS = 1_000_000  # rows an array may have that holds no data at all
_SCALAR = (str, bytes, int, float, bool, type(None))  # what may be a key of a dict or set


class Refused(Exception):
    """The file holds something that is not plain data; the message says what.

    Examples
    --------
    >>> GLOBALS["builtins.bytes"].call(10**12)  # would be a terabyte of zeros
    Traceback (most recent call last):
        ...
    cenet_lib.corpora.plain_objects.Refused: asks for 'bytes(int)', which is not plain data; ...
    """


class Pending:
    """An array or data type that has been announced, and becomes ``value`` when it is built.

    Examples
    --------
    >>> announced = Pending(np.dtype("u1"))
    >>> announced.dtype, announced.value
    (dtype('uint8'), None)
    """

    def __init__(self, dtype: np.dtype | None = None):
        self.dtype = dtype  # of a data type, all but its byte order; of an array, nothing yet
        self.value: np.dtype | np.ndarray | None = None


class Global:
    """What a name that a pickle may use stands for; ``call`` is None if it cannot be called.

    Examples
    --------
    >>> GLOBALS["numpy.dtype"].call("u1").dtype
    dtype('uint8')
    >>> GLOBALS["numpy.ndarray"].call is None
    True
    """

    def __init__(self, call: Callable[..., object] | None):
        self.call = call


def not_plain(name: str) -> Refused:
    """Return the error for something that is not plain data, by its name in the pickle.

    Examples
    --------
    >>> print(not_plain("os.system"))
    asks for 'os.system', which is not plain data; nothing of the file was run. ...
    """
    return Refused(
        f"asks for {name[:80]!r}, which is not plain data; nothing of the file was run. If you "
        "trust where it comes from, save it anew as lists, texts, numbers and NumPy arrays"
    )


# The functions that a pickle of plain data calls.


def _reconstruct(kind: object, shape: object, _code: object) -> Pending:
    """``numpy…multiarray._reconstruct``: announce an array."""
    if kind is not _NDARRAY:
        raise Refused("holds a NumPy array of an unknown kind; save it anew as plain arrays")
    return Pending()


def _dtype(name: object, _align: object = False, _copy: object = False) -> Pending:
    """``numpy.dtype``: announce a data type."""
    name = str(name, "ascii") if isinstance(name, bytes) else name
    if not isinstance(name, str) or not re.fullmatch(r"[biufSUO]\d{1,8}", name):
        described = repr(name[:40]) if isinstance(name, str) else f"a {type(name).__name__}"
        raise Refused(
            f"holds a NumPy array of the type {described}, which is neither numbers nor texts; "
            "save it anew as plain arrays"
        )
    return Pending(np.dtype("O" if name[0] == "O" else name))


def _scalar(dtype: object, data: Any = None) -> object:
    """``numpy…multiarray.scalar``: one number or text."""
    if not isinstance(dtype, np.dtype) or dtype.kind == "O":
        raise Refused("holds a NumPy scalar that is neither a number nor a text; save it anew")
    if not dtype.itemsize and not len(data):  # an empty text
        return dtype.type()
    return build_array((1,), dtype, False, data)[0]


def _frombuffer(data: Any, dtype: object, shape: object, order: object) -> np.ndarray:
    """``numpy…numeric._frombuffer``: an array of format version 5."""
    return build_array(shape, dtype, order in ("F", b"F"), data)


def _encode(text: str, encoding: object) -> bytes:
    """``_codecs.encode``: how old format versions write bytes, as text in Latin-1."""
    if encoding not in ("latin1", "latin-1", b"latin1", b"latin-1"):
        raise not_plain("_codecs.encode")
    return text.encode("latin-1")


def _bytes_of(value: object = b"", encoding: object = None) -> bytes:
    """``bytes`` and ``bytearray``, of texts and bytes alone."""
    if isinstance(value, str):
        return _encode(value, encoding)
    if not isinstance(value, (bytes, memoryview)):  # bytes(9**9) would ask for 9**9 bytes
        raise not_plain(f"bytes({type(value).__name__})")
    return bytes(value)


def set_of(kind: Callable[[Iterable[object]], object]) -> Callable[..., object]:
    """Return a function that makes a ``set`` or ``frozenset``; items must be texts or numbers.

    >>> set_of(frozenset)(["so", "good", "so"]) == frozenset({"so", "good"})
    True
    """

    def make(values: Iterable[object] = ()) -> object:
        return kind(checked_key(value) for value in values)

    return make


def _ordered_dict(items: object = ()) -> dict[Any, Any]:
    """``collections.OrderedDict``, as a dict, which keeps its order too."""
    if not isinstance(items, list):
        items = []
    return {checked_key(key): value for key, value in items}


def _default_dict(_factory: object = None) -> dict[Any, Any]:
    """``collections.defaultdict``, as a dict; what it would make of a new key is left out."""
    return {}


_NDARRAY = Global(None)
GLOBALS = {
    "numpy.ndarray": _NDARRAY,
    "numpy.dtype": Global(_dtype),
    "_codecs.encode": Global(_encode),
    "collections.OrderedDict": Global(_ordered_dict),
    "collections.defaultdict": Global(_default_dict),
}
for _core in ("numpy.core", "numpy._core"):  # the name before and since NumPy 2
    GLOBALS |= {
        f"{_core}.multiarray._reconstruct": Global(_reconstruct),
        f"{_core}.multiarray.scalar": Global(_scalar),
        f"{_core}.numeric._frombuffer": Global(_frombuffer),
    }
for _module in ("builtins", "__builtin__"):  # the name since Python 3 and before
    GLOBALS |= {
        f"{_module}.set": Global(set_of(set)),
        f"{_module}.frozenset": Global(set_of(frozenset)),
        f"{_module}.bytes": Global(_bytes_of),
        f"{_module}.bytearray": Global(_bytes_of),
        f"{_module}.list": Global(None),  # what a defaultdict makes of a new key, only named here
        f"{_module}.dict": Global(None),
    }


def build_array(shape: object, dtype: object, fortran: object, data: Any) -> np.ndarray:
    """Return an array, after making sure that there is exactly as much data as it needs.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    fortran : bool
        Whether the data come column by column.
    data : bytes, or a list for an array of objects

    Raises
    ------
    Refused
        If one of them is something else, or they do not fit each other.

    Examples
    --------
    >>> build_array((2, 2), np.dtype("u1"), False, b"\x01\x02\x03\x04").tolist()
    [[1, 2], [3, 4]]
    """
    if not isinstance(dtype, np.dtype):
        raise Refused("holds a NumPy array without a data type; it is damaged, download it again")
    if not (isinstance(shape, tuple) and len(shape) <= 32 and all(map(is_length, shape))):
        raise Refused("holds a NumPy array without a shape; it is damaged, download it again")
    count = math.prod(shape)  # Python's integers do not overflow
    held = len(data) // dtype.itemsize if dtype.itemsize and dtype.kind != "O" else len(data)
    exact = dtype.kind == "O" or held * dtype.itemsize == len(data)
    if count != held or not exact:
        raise Refused(
            f"holds a NumPy array of the shape {shape} with data for {held} elements; it is "
            "damaged, download or copy it again"
        )
    require_room_for_empty(count, shape)
    order: Literal["F", "C"] = "F" if fortran else "C"
    if count == 0:
        return np.empty(shape, dtype)
    if dtype.kind != "O":
        return _sound(np.frombuffer(data, dtype)).reshape(shape, order=order)
    if not isinstance(data, list):
        raise Refused("holds a NumPy array of objects without them; it is damaged")
    array = np.empty(count, dtype=object)
    for index, item in enumerate(data):  # one by one: a slice would merge equal-length items
        array[index] = item
    return array.reshape(shape, order=order)


def _sound(array: np.ndarray) -> np.ndarray:
    """Return an array (n,) whose bytes are what its type says: characters, or true and false."""
    if array.dtype.kind == "b":
        return array.view(np.uint8) != 0
    if array.dtype.kind == "U":
        characters = array.view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
        if characters.max(initial=0) > sys.maxunicode:
            raise Refused(
                f"holds a NumPy array of texts with the character {characters.max():#x}, which "
                "Unicode does not have; it is damaged, download or copy it again"
            )
    return array


def require_room_for_empty(count: int, shape: tuple[int, ...]) -> None:
    """Refuse an array of no data at all that claims to have very many rows.

    Raises
    ------
    Refused
        If ``count``, the number of values in an array of that shape, is none, and rows are many.

    Examples
    --------
    >>> require_room_for_empty(0, (2, 0))
    """
    if count == 0 and max(shape) > _EMPTY_ROWS:
        raise Refused(
            f"holds an array of the shape {shape} without data; it is damaged, download or copy it "
            "again"
        )


def is_length(value: object) -> bool:
    """Tell whether a value is a whole number that may be the length of something.

    >>> is_length(7), is_length(-1), is_length(True)
    (True, False, False)
    """
    return type(value) is int and 0 <= value < 1 << 62


def checked_key(value: _T) -> _T:
    """Return a key of a dict or set as it is, if it is a text or number.

    Anything else is refused: hashing nested tuples, for one, can exhaust the C stack.

    Raises
    ------
    Refused
        If it is neither.

    Examples
    --------
    >>> checked_key("so")
    'so'
    >>> checked_key(("so", "good"))
    Traceback (most recent call last):
        ...
    cenet_lib.corpora.plain_objects.Refused: has a tuple as a key, where plain data has texts ...
    """
    if not isinstance(value, _SCALAR):
        raise Refused(
            f"has a {type(value).__name__} as a key, where plain data has texts or numbers; "
            "save it anew"
        )
    return value
