"""Reads pickles of plain data, and cannot do anything else.

Data sets are handed around as pickles, and a pickle is not a table but a program for a small stack
machine: "push a text, push a number, look a function up by name, call it". The standard loader runs
that program, whatever it calls. So a stranger's pickle can delete your files the moment you open
it.

This module is another machine for the same programs. It knows the instructions that build plain
data, and of the functions to call it knows a handful, all in `plain_objects`: those that rebuild
NumPy arrays, bytes and sets. There is no code here that could look up any other; a file that names
one is refused, and nothing of it has been run.

Every format version from 0 to 5 is read, Python 2's (its texts come back as bytes) and NumPy's old
module names included. What a file promises is believed only after a look at what it holds: an array
whose shape is larger than its data is refused before memory is asked for. Long runs of bytes are
not read but mapped, so a padded pickle of 10 GB can be opened on a laptop.

The instructions are documented in the standard library's ``pickletools``.
"""

import mmap
import struct
from pathlib import Path

from ..errors import CENetError
from .plain_objects import (
    GLOBALS,
    Global,
    Pending,
    Refused,
    build_array,
    checked_key,
    not_plain,
    set_of,
)

_MAPPED_FROM = 1 << 16  # bytes; shorter runs are copied, so that small files are let go of


def load_plain(path: str | Path) -> object:
    """Return the plain data in a pickle.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    object
        Built of None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset, and NumPy
        arrays and scalars of numbers, texts or such objects. Arrays are read-only. Large ones, and
        bytes of that length, are views of the file, perhaps not aligned in memory: copy what you
        keep.

    Raises
    ------
    CENetError
        If the file cannot be read, is not a pickle, is truncated or damaged, or holds or calls
        anything else.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise CENetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError:  # of mmap, for a file of no bytes
        raise CENetError(f"{path}: is empty; download or copy it again") from None
    machine = _Machine(data)
    try:
        return machine.run()
    except Refused as error:
        raise CENetError(f"{path}: {error}") from None
    except _Truncated:
        raise CENetError(
            f"{path}: is truncated: it ends after {len(data)} bytes, in the middle of its data; "
            "download or copy it again"
        ) from None
    except Exception as error:  # a damaged program can fail at any instruction, in any way
        reason = str(error).split("\n")[0][:120] or type(error).__name__
        raise CENetError(
            f"{path}: is not a pickle, or is damaged at byte {machine.position} ({reason}); "
            "download or copy it again"
        ) from error


class _Truncated(Exception):
    """The file ends in the middle of an instruction."""


class _Machine:
    """A stack, a memo, and a place in the file; the instructions below work on them.

    A *mark* on the stack says where the items of a list, tuple or dict begin: the stack before it
    is put aside in ``below``. The *memo* keeps objects that are used again.
    """

    def __init__(self, data: memoryview):
        self.data = data
        self.file = data.obj  # the map itself, which can search for a line's end
        self.position = 0
        self.stack: list = []
        self.below: list[list] = []
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        """Carry the instructions out, up to the one that ends the program."""
        data, table = self.data, _INSTRUCTIONS
        while True:
            if self.position >= len(data):
                raise _Truncated
            code = data[self.position]
            self.position += 1
            if code == _END:
                return self.pop()
            instruction = table.get(code)
            if instruction is None:
                raise ValueError(f"unknown instruction 0x{code:02x}")
            instruction(self)

    def number(self, form: struct.Struct):
        """Read a number of fixed size."""
        return form.unpack(self.bytes(form.size))[0]

    def bytes(self, length: int) -> memoryview:
        """Read so many bytes."""
        end = self.position + length
        if not self.position <= end <= len(self.data):
            raise _Truncated
        run = self.data[self.position : end]
        self.position = end
        return run

    def line(self) -> bytes:
        """Read up to the end of the line."""
        end = self.file.find(b"\n", self.position)
        if end < 0:
            raise _Truncated
        line = bytes(self.data[self.position : end])
        self.position = end + 1
        return line

    def push(self, value) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self):
        """Take the last value from the stack."""
        return self.stack.pop()

    def pop_items(self) -> list:
        """Take all that was pushed since the last mark."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def top(self, kind: type):
        """Return the value on top of the stack, which must be a ``kind``."""
        value = self.stack[-1]
        if type(value) is not kind:
            raise ValueError(f"a {type(value).__name__} where a {kind.__name__} is needed")
        return value


# The instructions: functions of the machine. Those with an argument are made by a function of it.


def _push(value):
    return lambda machine: machine.push(value)


def _push_new(kind):
    return lambda machine: machine.push(kind())


def _push_number(form: struct.Struct):
    return lambda machine: machine.push(machine.number(form))


def _push_bytes(length: struct.Struct, make):
    return lambda machine: machine.push(make(machine.bytes(machine.number(length))))


def _push_line(make):
    return lambda machine: machine.push(make(machine.line()))


def _text(run: memoryview) -> str:
    return str(run, "utf-8", "surrogatepass")


def _bytes(run: memoryview) -> bytes | memoryview:
    return bytes(run) if len(run) < _MAPPED_FROM else run


def _integer(run: memoryview) -> int:
    return int.from_bytes(run, "little", signed=True)


def _typed_integer(line: bytes) -> int | bool:
    special = {b"00": False, b"01": True}  # how format version 0 writes them
    return special[line] if line in special else int(line.rstrip(b"L"))


def _typed_text(line: bytes) -> str:
    return str(line, "raw-unicode-escape")


def _typed_bytes(line: bytes) -> bytes:
    """Read Python 2's text as one would type it: in quotes, with escapes."""
    line = line.strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a text without quotes")
    return line[1:-1].decode("unicode-escape").encode("latin-1")


def _skip(length: struct.Struct):
    def skip(machine):
        machine.number(length)

    return skip


def _mark(machine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _drop(machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:  # what is dropped is the mark itself
        machine.pop_items()


def _drop_items(machine) -> None:
    machine.pop_items()


def _duplicate(machine) -> None:
    machine.push(machine.stack[-1])


def _tuple(length: int):
    def push_tuple(machine):
        items = [machine.pop() for _ in range(length)]
        machine.push(tuple(reversed(items)))

    return push_tuple


def _collect(make):
    def push_collected(machine):
        items = machine.pop_items()
        machine.push(make(items))

    return push_collected


def _dict(items: list) -> dict:
    if len(items) % 2:
        raise ValueError("a key without a value")
    return {checked_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _append(machine) -> None:
    value = machine.pop()
    machine.top(list).append(value)


def _extend(machine) -> None:
    items = machine.pop_items()
    machine.top(list).extend(items)


def _set_item(machine) -> None:
    value, key = machine.pop(), machine.pop()
    machine.top(dict)[checked_key(key)] = value


def _set_items(machine) -> None:
    items = machine.pop_items()
    machine.top(dict).update(_dict(items))


def _add_items(machine) -> None:
    items = machine.pop_items()
    machine.top(set).update(checked_key(item) for item in items)


def _remember(read):
    def remember(machine):
        machine.memo[read(machine)] = machine.stack[-1]

    return remember


def _recall(read):
    def recall(machine):
        value = machine.memo[read(machine)]
        if type(value) is Pending:
            if value.value is None:
                raise ValueError("an array that contains itself")
            value = value.value
        machine.push(value)

    return recall


def _line_number(machine) -> int:
    return int(machine.line())


def _next_number(machine) -> int:
    return len(machine.memo)


def _fixed_number(form: struct.Struct):
    return lambda machine: machine.number(form)


def _named(machine, module, name) -> None:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("a name that is not a text")
    known = GLOBALS.get(f"{module}.{name}")
    if known is None:
        raise not_plain(f"{module}.{name}")
    machine.push(known)


def _name_by_lines(machine) -> None:
    module, name = str(machine.line(), "utf-8"), str(machine.line(), "utf-8")
    _named(machine, module, name)


def _name_by_stack(machine) -> None:
    name, module = machine.pop(), machine.pop()
    _named(machine, module, name)


def _call(machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    if type(function) is not Global or function.call is None:
        raise ValueError("a call of something that is no function")
    machine.push(function.call(*arguments))


def _build(machine) -> None:
    """Complete an announced array or data type; nothing else can be built."""
    state, pending = machine.pop(), machine.pop()
    if type(pending) is not Pending or not isinstance(state, tuple):
        raise not_plain("an object with a state of its own")
    if pending.dtype is not None:
        order = str(state[1], "ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise Refused("holds a NumPy array of records; save it anew as plain arrays")
        pending.value = pending.dtype.newbyteorder(order)
    else:
        pending.value = build_array(*state[-4:])  # a version number may come first
    machine.push(pending.value)


def _named_instance(machine) -> None:
    module, name = str(machine.line(), "latin-1"), str(machine.line(), "latin-1")
    machine.pop_items()  # its arguments; without any, it is a text file that begins with an "i"
    raise not_plain(f"{module}.{name}")


def _refuse(what: str):
    def refuse(machine):
        raise not_plain(what)

    return refuse


_U1, _U2, _U4, _U8 = (struct.Struct(form) for form in ("<B", "<H", "<I", "<Q"))
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")
_END = ord(".")
_INSTRUCTIONS = {
    # format version, and the length of the part that follows: of no interest to a mapped file
    0x80: _skip(_U1),
    0x95: _skip(_U8),
    # constants and numbers
    ord("N"): _push(None),
    0x88: _push(True),
    0x89: _push(False),
    ord("I"): _push_line(_typed_integer),
    ord("L"): _push_line(_typed_integer),
    ord("F"): _push_line(float),
    ord("K"): _push_number(_U1),
    ord("M"): _push_number(_U2),
    ord("J"): _push_number(_I4),
    ord("G"): _push_number(_F8),
    0x8A: _push_bytes(_U1, _integer),
    0x8B: _push_bytes(_I4, _integer),
    # texts and bytes
    ord("V"): _push_line(_typed_text),
    0x8C: _push_bytes(_U1, _text),
    ord("X"): _push_bytes(_U4, _text),
    0x8D: _push_bytes(_U8, _text),
    ord("S"): _push_line(_typed_bytes),
    ord("U"): _push_bytes(_U1, _bytes),
    ord("T"): _push_bytes(_I4, _bytes),
    ord("C"): _push_bytes(_U1, _bytes),
    ord("B"): _push_bytes(_U4, _bytes),
    0x8E: _push_bytes(_U8, _bytes),
    0x96: _push_bytes(_U8, _bytes),
    # the stack
    ord("("): _mark,
    ord("0"): _drop,
    ord("1"): _drop_items,
    ord("2"): _duplicate,
    # tuples, lists, dicts, sets
    ord(")"): _push(()),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("t"): _collect(tuple),
    ord("]"): _push_new(list),
    ord("l"): _collect(list),
    ord("a"): _append,
    ord("e"): _extend,
    ord("}"): _push_new(dict),
    ord("d"): _collect(_dict),
    ord("s"): _set_item,
    ord("u"): _set_items,
    0x8F: _push_new(set),
    0x90: _add_items,
    0x91: _collect(set_of(frozenset)),
    # the memo
    0x94: _remember(_next_number),
    ord("p"): _remember(_line_number),
    ord("q"): _remember(_fixed_number(_U1)),
    ord("r"): _remember(_fixed_number(_U4)),
    ord("g"): _recall(_line_number),
    ord("h"): _recall(_fixed_number(_U1)),
    ord("j"): _recall(_fixed_number(_U4)),
    # names and calls
    ord("c"): _name_by_lines,
    0x93: _name_by_stack,
    ord("R"): _call,
    ord("b"): _build,
    # what plain data never needs
    ord("i"): _named_instance,
    ord("o"): _refuse("an instance of a class"),
    0x81: _refuse("an instance of a class"),
    0x92: _refuse("an instance of a class"),
    ord("P"): _refuse("an object kept elsewhere"),
    ord("Q"): _refuse("an object kept elsewhere"),
    0x82: _refuse("an object of the extension registry"),
    0x83: _refuse("an object of the extension registry"),
    0x84: _refuse("an object of the extension registry"),
    0x97: _refuse("a buffer kept elsewhere"),
    0x98: _refuse("a buffer kept elsewhere"),
}
