"""The stack machine that a pickle is a program for: what its instructions work on.

`unpickle` runs the program, and `instructions` says what each instruction does to the machine.
"""

import struct
from collections.abc import Callable
from typing import Any, TypeVar

from .plain_objects import not_plain

_T = TypeVar("_T")


class Truncated(Exception):
    """The file ends in the middle of an instruction.

    Examples
    --------
    >>> Machine(b"8 bytes.").read_bytes(9)
    Traceback (most recent call last):
        ...
    cenet_lib.corpora.machine.Truncated
    """


class Machine:
    """A stack, a memo, and a place in the file.

    A *mark* on the stack says where the items of a list, tuple or dict begin: the stack before it
    is put aside in ``below``. The *memo* keeps objects that are used again.

    Parameters
    ----------
    data : bytes, mmap or memoryview
        The pickle.

    Attributes
    ----------
    data : memoryview
        As given.
    position : int
        The byte that is read next.
    stack, below, memo
        As above.
    kept_elsewhere, stored_inside : functions
        Where the numbers of a PyTorch tensor are, by what the pickle says of them or by the bytes
        that hold them; see `torch_files`, which alone has an answer. A pickle of plain data never
        asks.

    Examples
    --------
    >>> machine = Machine(b"12\\nrest.")
    >>> machine.push(int(machine.read_line()))
    >>> machine.pop(), bytes(machine.read_bytes(4))
    (12, b'rest')
    """

    def __init__(self, data: Any):
        self.data = memoryview(data)
        self.position = 0
        self.kept_elsewhere: Callable[[object], object] = _kept_elsewhere
        self.stored_inside: Callable[[object], object] = _kept_elsewhere
        self.begin()

    def begin(self) -> None:
        """Forget everything but the place in the file, where another program may begin."""
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, object] = {}

    def read_number(self, form: struct.Struct) -> Any:
        """Read a number of fixed size."""
        return form.unpack(self.read_bytes(form.size))[0]

    def read_bytes(self, length: int) -> memoryview:
        """Read so many bytes."""
        end = self.position + length
        if not self.position <= end <= len(self.data):
            raise Truncated
        run = self.data[self.position : end]
        self.position = end
        return run

    def read_line(self) -> bytes:
        """Read up to the end of the line."""
        size = 64  # most lines are a number
        while True:
            line, newline, _ = bytes(self.data[self.position :][:size]).partition(b"\n")
            if newline:
                self.position += len(line) + 1
                return line
            if len(line) < size:
                raise Truncated
            size *= 16

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the last value from the stack."""
        return self.stack.pop()

    def push_mark(self) -> None:
        """Put the stack aside; what is pushed now are the items of something."""
        self.below.append(self.stack)
        self.stack = []

    def pop_items(self) -> list[Any]:
        """Take all that was pushed since the last mark, and the mark."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def top(self, kind: type[_T]) -> _T:
        """Return the value on top of the stack, which must be a ``kind``."""
        value = self.stack[-1]
        if type(value) is not kind:
            raise ValueError(f"a {type(value).__name__} where a {kind.__name__} is needed")
        return value


def _kept_elsewhere(_: object) -> object:
    raise not_plain("an object kept elsewhere")
