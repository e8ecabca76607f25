"""The files that ``torch.save`` writes, and tensors in a plain pickle: where storages are kept.

Such a file is a pickle, for the same restricted machine as all others (see `unpickle`), and beside
it the storages of its tensors, which the pickle only names. There are three forms:

- since PyTorch 1.6 a zip archive, with ``data.pkl`` and one part per storage;
- before, five pickles in a row (a mark, a version, the system, the data, the names of the
  storages), and then the storages;
- a tensor in a plain ``pickle.dump``: an old file, as bytes, for each storage.

PyTorch's own ``torch.load(weights_only=True)`` would read the first two, but not the third, which
MMSA-FET writes, nor NumPy arrays beside the tensors; and its errors name what a program should
allow, which is no help to whoever has the file.
"""

import struct
import zipfile
from pathlib import Path
from typing import Any

from .instructions import run
from .machine import Machine, Truncated
from .plain_objects import Refused, not_plain
from .tensors import Kind, Storage, width_of

ZIP = b"PK\x03\x04"
OLD = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # after the version byte: a number, pickled
_OLD_MARK = 0x1950A86A20F9469CFC6C
_DATA = "data.pkl"
_LOCAL = struct.Struct("<4s22xHH")  # what a zip archive writes before each part
_COUNT = struct.Struct("<q")
_STORED, _ENCRYPTED = 0, 1


def is_torch_file(path: Path, start: bytes) -> bool:
    """Tell whether ``torch.save`` wrote a file, by its first bytes and the names of its parts.

    >>> is_torch_file(Path("mosi.pkl"), b"\\x80\\x04]q")
    False
    """
    if not start.startswith(ZIP):
        return start[2:].startswith(OLD)
    try:
        with zipfile.ZipFile(path) as archive:
            return any(Path(name).name == _DATA for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def machine_for(path: Path, data: Any) -> Machine:
    """Return a machine that stands at the program of a file.

    Parameters
    ----------
    path : Path
    data : mmap
        The content of the file.

    Raises
    ------
    Refused
        If it is a zip archive that ``torch.save`` did not write.

    Examples
    --------
    >>> machine_for(Path("mosi.pkl"), b"I7\\n.").position
    0
    """
    machine = _machine_for_zip(path, data) if data[:4] == ZIP else Machine(data)
    machine.stored_inside = _stored_inside
    return machine


def load(machine: Machine) -> object:
    """Return what a file holds, of whichever form it is.

    >>> load(Machine(b"I7\\n."))
    7
    """
    if bytes(machine.data[2:15]) != OLD + b".":
        return run(machine)
    return _load_old(machine)


# the present form


def _machine_for_zip(path: Path, data: Any) -> Machine:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = {part.filename: part for part in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Refused(
            f"is a zip archive that cannot be opened ({error}); download or copy it again"
        ) from None
    names = [name for name in parts if name == _DATA or name.endswith("/" + _DATA)]
    if len(names) != 1:
        arrays = parts and all(name.endswith(".npy") for name in parts)
        raise Refused(
            "is a file of single NumPy arrays (.npz); give the whole data set"
            if arrays
            else "is a zip archive, and no file of torch.save; unpack it and give the file inside"
        )
    folder, view = names[0].removesuffix(_DATA), memoryview(data)
    _require_little_endian(parts, folder, view)
    machine = Machine(_part(view, parts[names[0]]))

    def kept_elsewhere(place: object) -> Storage:
        kind, key, _ = _placed(place)
        if f"{folder}data/{key}" not in parts:
            raise Refused(f"lacks the storage {key[:40]!r}; it is damaged, download it again")
        return Storage(kind, _part(view, parts[f"{folder}data/{key}"]))

    machine.kept_elsewhere = kept_elsewhere
    return machine


def _part(view: memoryview, part: zipfile.ZipInfo) -> memoryview:
    """Return the bytes of a part of a zip archive, mapped, not read."""
    if part.compress_type != _STORED or part.flag_bits & _ENCRYPTED:
        raise Refused("is a compressed PyTorch file; unpack it and save it anew with torch.save")
    head = view[part.header_offset :][: _LOCAL.size]
    if len(head) < _LOCAL.size or head[:4] != ZIP:
        raise Truncated
    _, name, extra = _LOCAL.unpack(head)
    start = part.header_offset + _LOCAL.size + name + extra
    if start + part.file_size > len(view):
        raise Truncated
    return view[start : start + part.file_size]


def _require_little_endian(
    parts: dict[str, zipfile.ZipInfo], folder: str, view: memoryview
) -> None:
    order = parts.get(f"{folder}byteorder")
    if order is not None and bytes(_part(view, order)) != b"little":
        raise Refused("has its bytes in another order than this computer; save it anew on one")


def _placed(place: object) -> tuple[str, str, int]:
    """Return kind, key and count of a storage from what a pickle says of it."""
    match place:
        case ("storage" | b"storage", Kind() as kind, str() | bytes() as key, _, int(count), *view):
            if view not in ([], [None]):
                raise Refused("holds parts of shared storages; save it anew with torch.save")
            return kind.kind, key if isinstance(key, str) else str(key, "latin-1"), count
    raise not_plain("an object kept elsewhere")


# the old form


def _load_old(machine: Machine) -> object:
    """Read the data twice: what storages there are, and again with what is in them."""
    _begin_old(machine)
    start = machine.position
    found: dict[str, Storage] = {}

    def kept_elsewhere(place: object) -> Storage:
        kind, key, _ = _placed(place)
        return found.setdefault(key, Storage(kind))

    machine.kept_elsewhere = kept_elsewhere
    _next(machine)
    _read_storages(machine, found)
    machine.position = start
    return _next(machine)


def _stored_inside(data: object) -> Storage:
    """Return the storage that an old file, given as bytes, holds alone."""
    if not isinstance(data, (bytes, memoryview)):
        raise not_plain("torch.storage._load_from_bytes")
    machine = Machine(data)  # which cannot look inside once more
    _begin_old(machine)
    machine.kept_elsewhere = lambda place: (_placed(place), Storage(_placed(place)[0]))
    match _next(machine):
        case ((_, str(key), _), Storage() as storage):
            found = {key: storage}
            _read_storages(machine, found)
            return found[key]
    raise not_plain("torch.storage._load_from_bytes")


def _begin_old(machine: Machine) -> None:
    """Read the three pickles before the data."""
    mark, _version, system = (_next(machine) for _ in range(3))
    if mark != _OLD_MARK:
        raise not_plain("torch.storage._load_from_bytes")
    if isinstance(system, dict) and not system.get("little_endian", True):
        raise Refused("has its bytes in another order than this computer; save it anew on one")


def _read_storages(machine: Machine, found: dict[str, Storage]) -> None:
    """Put the numbers of each storage into ``found``."""
    keys = _next(machine)
    if not isinstance(keys, list) or set(keys) != set(found):
        raise Refused("does not name its storages; it is damaged, download or copy it again")
    for key in keys:
        kind = found[key].kind
        count = machine.read_number(_COUNT)
        found[key] = Storage(kind, machine.read_bytes(count * width_of(kind)))


def _next(machine: Machine) -> object:
    """Run the program that begins where the machine stands."""
    machine.begin()
    return run(machine)
