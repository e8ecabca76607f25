"""PyTorch tensors in a pickle, as NumPy arrays; PyTorch itself is not asked.

A pickled tensor is a *storage*, which is a run of numbers, and how to look at it: where the tensor
begins in it, its size, and the stride from one number to the next along each dimension. Where
storages are kept is told in `torch_files`; here is what becomes of them.

What a file says of sizes and strides is believed only after a look at the storage. A tensor that
shows the same number in several places (``tensor.expand``) is refused: a file of a few bytes could
claim a terabyte that way.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .plain_objects import Global, Refused, is_length, require_room_for_empty

_BFLOAT16 = "bfloat16"  # NumPy has none: it is the upper half of a float32


class Storage(NamedTuple):
    """A run of numbers.

    Attributes
    ----------
    kind : str
        The type of the numbers, as NumPy names it, or ``"bfloat16"``.
    data : memoryview or bytes or None
        The numbers; None if they are not known yet, as in the first reading of an old file.

    Examples
    --------
    >>> Storage("u1", b"12").kind
    'u1'
    """

    kind: str
    data: Any = None


class Kind(Global):
    """The name of a type of numbers; it cannot be called.

    >>> TENSOR_GLOBALS["torch.FloatStorage"].kind
    'f4'
    """

    def __init__(self, kind: str):
        super().__init__(None)
        self.kind = kind


def width_of(kind: str) -> int:
    """Return the bytes of one number.

    >>> width_of("f8"), width_of("bfloat16")
    (8, 2)
    """
    return np.dtype("u2" if kind == _BFLOAT16 else kind).itemsize


def rebuild(
    storage: object, offset: object, size: object, stride: object, *_: object
) -> np.ndarray | None:
    """Return a tensor as an array; None if its storage is not known yet.

    It stands in for ``torch._utils._rebuild_tensor`` and ``_rebuild_tensor_v2``.

    Parameters
    ----------
    storage : Storage
    offset : int
        The number of the storage that the tensor begins with.
    size, stride : tuple of int
        Its shape, and how many numbers lie between neighbours along each dimension.

    Raises
    ------
    Refused
        If one of them is something else, or they do not fit each other.

    Examples
    --------
    >>> rebuild(Storage("u1", bytes(range(6))), 1, (2, 2), (3, 1)).tolist()
    [[1, 2], [4, 5]]
    """
    if not isinstance(storage, Storage):
        raise Refused("holds a tensor without a storage; it is damaged, download it again")
    return None if storage.data is None else _view(storage, offset, size, stride)


def _rebuild_of_kind(
    storage: object,
    offset: object,
    size: object,
    stride: object,
    _requires_grad: object,
    _hooks: object,
    kind: object,
    *_: object,
) -> np.ndarray | None:
    """``torch._utils._rebuild_tensor_v3``: the storage is one of bytes."""
    if not isinstance(storage, Storage) or not isinstance(kind, Kind):
        raise Refused("holds a tensor without a data type; it is damaged, download it again")
    return rebuild(Storage(kind.kind, storage.data), offset, size, stride)


def _view(storage: Storage, offset: Any, size: Any, stride: Any) -> np.ndarray:
    width = width_of(storage.kind)
    if len(storage.data) % width:
        raise Refused("holds a tensor with half a number; it is damaged, download it again")
    numbers = np.frombuffer(storage.data, "u2" if storage.kind == _BFLOAT16 else storage.kind)
    _check(numbers, offset, size, stride)
    if math.prod(size) == 0:
        return np.empty(size, np.float32 if storage.kind == _BFLOAT16 else numbers.dtype)
    steps = [step * width for step in stride]
    seen = np.lib.stride_tricks.as_strided(numbers[offset:], size, steps, writeable=False)
    if storage.kind == _BFLOAT16:
        return (seen.astype(np.uint32) << 16).view(np.float32)
    return seen != 0 if seen.dtype.kind == "b" else seen


def _check(numbers: np.ndarray, offset: Any, size: Any, stride: Any) -> None:
    """Refuse a tensor that reaches beyond its storage, or repeats what is in it."""
    lengths = [offset, *size, *stride]
    if not (len(size) == len(stride) <= 32 and all(map(is_length, lengths))):
        raise Refused("holds a tensor without a size; it is damaged, download it again")
    count = math.prod(size)
    require_room_for_empty(count, size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count and last >= len(numbers):
        raise Refused(
            f"holds a tensor of the size {tuple(size)} in a storage of {len(numbers)} numbers; it "
            "is damaged, download or copy it again"
        )
    if count > len(numbers):
        raise Refused(
            f"holds a tensor of the size {tuple(size)} that shows the same numbers again and "
            "again; save it anew after tensor.contiguous()"
        )


def _size(values: object = ()) -> tuple[Any, ...]:
    """``torch.Size``"""
    return tuple(values) if isinstance(values, (list, tuple)) else ()


def _parameter(tensor: object, *_: object) -> object:
    """``torch._utils._rebuild_parameter``: a tensor, and how it was trained."""
    return tensor


STORED_INSIDE = Global(None)  # torch.storage._load_from_bytes: a file within the file
TENSOR_GLOBALS: dict[str, Global] = {
    "torch._utils._rebuild_tensor": Global(rebuild),
    "torch._utils._rebuild_tensor_v2": Global(rebuild),
    "torch._utils._rebuild_tensor_v3": Global(_rebuild_of_kind),
    "torch._utils._rebuild_parameter": Global(_parameter),
    "torch.Size": Global(_size),
    "torch.storage._load_from_bytes": STORED_INSIDE,
    "torch.storage.UntypedStorage": Kind("u1"),
    "torch.UntypedStorage": Kind("u1"),
}
for _name, _kind in {
    **{"Float": "f4", "Double": "f8", "Half": "f2", "BFloat16": _BFLOAT16},
    **{"Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "b1"},
}.items():
    for _place in ("torch", "torch.cuda"):
        TENSOR_GLOBALS[f"{_place}.{_name}Storage"] = Kind(_kind)
for _name, _kind in {
    **{"float32": "f4", "float64": "f8", "float16": "f2", _BFLOAT16: _BFLOAT16, "bool": "b1"},
    **{f"{sign}int{8 * n}": f"{sign or 'i'}{n}" for n in (1, 2, 4, 8) for sign in ("", "u")},
}.items():
    TENSOR_GLOBALS[f"torch.{_name}"] = Kind(_kind)
