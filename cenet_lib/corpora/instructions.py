"""The instructions of a pickle: what each byte of the program does to the `Machine`.

`INSTRUCTIONS` near the end is the table that `run` looks bytes up in. An instruction is a
function of the machine; those that differ only in a detail (the size of a number, the kind of a
container) are made by a function of that detail. Their names and meanings are documented in the
standard library's ``pickletools``.
"""

import struct
from collections.abc import Callable
from typing import Any

from .machine import Machine, Truncated
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
from .tensors import STORED_INSIDE, TENSOR_GLOBALS

Instruction = Callable[[Machine], None]

_MAPPED_FROM = 1 << 16  # bytes; shorter runs are copied, so that small files are let go of
_KNOWN = GLOBALS | TENSOR_GLOBALS


def _push(value: object) -> Instruction:
    return lambda machine: machine.push(value)


def _push_new(kind: type) -> Instruction:
    return lambda machine: machine.push(kind())


def _push_number(form: struct.Struct) -> Instruction:
    return lambda machine: machine.push(machine.read_number(form))


def _push_bytes(length: struct.Struct, make: Callable[[memoryview], object]) -> Instruction:
    return lambda machine: machine.push(make(machine.read_bytes(machine.read_number(length))))


def _push_line(make: Callable[[bytes], object]) -> Instruction:
    return lambda machine: machine.push(make(machine.read_line()))


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


def _skip(length: struct.Struct) -> Instruction:
    def skip(machine: Machine) -> None:
        machine.read_number(length)

    return skip


def _drop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:  # what is dropped is the mark itself
        machine.pop_items()


def _drop_items(machine: Machine) -> None:
    machine.pop_items()


def _duplicate(machine: Machine) -> None:
    machine.push(machine.stack[-1])


def _tuple(length: int) -> Instruction:
    def push_tuple(machine: Machine) -> None:
        items = [machine.pop() for _ in range(length)]
        machine.push(tuple(reversed(items)))

    return push_tuple


def _collect(make: Callable[[list[Any]], object]) -> Instruction:
    def push_collected(machine: Machine) -> None:
        items = machine.pop_items()
        machine.push(make(items))

    return push_collected


def _dict(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise ValueError("a key without a value")
    return {checked_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _append(machine: Machine) -> None:
    value = machine.pop()
    machine.top(list).append(value)


def _extend(machine: Machine) -> None:
    items = machine.pop_items()
    machine.top(list).extend(items)


def _set_item(machine: Machine) -> None:
    value, key = machine.pop(), machine.pop()
    machine.top(dict)[checked_key(key)] = value


def _set_items(machine: Machine) -> None:
    items = machine.pop_items()
    machine.top(dict).update(_dict(items))


def _add_items(machine: Machine) -> None:
    items = machine.pop_items()
    machine.top(set).update(checked_key(item) for item in items)


def _remember(read: Callable[[Machine], int]) -> Instruction:
    def remember(machine: Machine) -> None:
        machine.memo[read(machine)] = machine.stack[-1]

    return remember


def _recall(read: Callable[[Machine], int]) -> Instruction:
    def recall(machine: Machine) -> None:
        value = machine.memo[read(machine)]
        if type(value) is Pending:
            if value.value is None:
                raise ValueError("an array that contains itself")
            value = value.value
        machine.push(value)

    return recall


def _line_number(machine: Machine) -> int:
    return int(machine.read_line())


def _next_number(machine: Machine) -> int:
    return len(machine.memo)


def _fixed_number(form: struct.Struct) -> Callable[[Machine], int]:
    return lambda machine: machine.read_number(form)


def _named(machine: Machine, module: object, name: object) -> None:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("a name that is not a text")
    known = _KNOWN.get(f"{module}.{name}")
    if known is None:
        raise not_plain(f"{module}.{name}")
    machine.push(known)


def _name_by_lines(machine: Machine) -> None:
    module, name = str(machine.read_line(), "utf-8"), str(machine.read_line(), "utf-8")
    _named(machine, module, name)


def _name_by_stack(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    _named(machine, module, name)


def _call(machine: Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    if function is STORED_INSIDE:
        machine.push(machine.stored_inside(*arguments))
        return
    if type(function) is not Global or function.call is None:
        raise ValueError("a call of something that is no function")
    machine.push(function.call(*arguments))


def _build(machine: Machine) -> None:
    """Complete an announced array or data type; the notes at a dict are dropped."""
    state, pending = machine.pop(), machine.pop()
    if type(pending) is dict and type(state) is dict:  # PyTorch notes something at its dicts
        machine.push(pending)
        return
    if type(pending) is not Pending or not isinstance(state, tuple):
        raise not_plain("an object with a state of its own")
    if pending.dtype is not None:
        order: Any = str(state[1], "ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise Refused("holds a NumPy array of records; save it anew as plain arrays")
        pending.value = pending.dtype.newbyteorder(order)
    else:
        pending.value = build_array(*state[-4:])  # a version number may come first
    machine.push(pending.value)


def _named_instance(machine: Machine) -> None:
    module, name = str(machine.read_line(), "latin-1"), str(machine.read_line(), "latin-1")
    machine.pop_items()  # its arguments; without any, it is a text file that begins with an "i"
    raise not_plain(f"{module}.{name}")


def _fetch(machine: Machine) -> None:
    machine.push(machine.kept_elsewhere(machine.pop()))


def _refuse(what: str) -> Instruction:
    def refuse(machine: Machine) -> None:
        raise not_plain(what)

    return refuse


_U1, _U2, _U4, _U8 = (struct.Struct(form) for form in ("<B", "<H", "<I", "<Q"))
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")
END = ord(".")
INSTRUCTIONS: dict[int, Instruction] = {
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
    ord("("): Machine.push_mark,
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
    # what a PyTorch file keeps outside of the pickle; any other has nothing there
    ord("Q"): _fetch,
    # what plain data never needs
    ord("i"): _named_instance,
    ord("o"): _refuse("an instance of a class"),
    0x81: _refuse("an instance of a class"),
    0x92: _refuse("an instance of a class"),
    ord("P"): _refuse("an object kept elsewhere"),
    0x82: _refuse("an object of the extension registry"),
    0x83: _refuse("an object of the extension registry"),
    0x84: _refuse("an object of the extension registry"),
    0x97: _refuse("a buffer kept elsewhere"),
    0x98: _refuse("a buffer kept elsewhere"),
}


def run(machine: Machine) -> object:
    """Carry the instructions out, up to the one that ends the program; return what is left.

    >>> run(Machine(b"(I7\\nI9\\nl."))  # a mark, two numbers, a list of what came since
    [7, 9]
    """
    data = machine.data
    while True:  # a condition here would keep Python 3.11 from optimising the loop
        if machine.position >= len(data):
            raise Truncated
        code = data[machine.position]
        machine.position += 1
        if code == END:
            return machine.pop()
        instruction = INSTRUCTIONS.get(code)
        if instruction is None:
            raise ValueError(f"unknown instruction 0x{code:02x}")
        instruction(machine)
