"""Files that are either whole or absent, and how JSON and CSV are read and written.

Everything that the package writes goes to a temporary name beside its destination and is renamed
when it is complete and on the disk, so that a crash, a full disk, a power cut or Ctrl-C leaves
nothing half-written. Only a process that is killed leaves its temporary files, which
`remove_leftovers` knows by their names.
"""

import csv
import hashlib
import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CENetError
from .terminal import as_cell, from_cell

if TYPE_CHECKING:
    import pandas as pd

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp", re.DOTALL)  # the names of `_name_beside`


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path; rename it to ``path`` when the block succeeds.

    An existing file is replaced in one step. If the block fails, the temporary file is removed and
    the old file stays. The parent folder must exist.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    CENetError
        If the disk refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_file(f"{folder}/note.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     Path(folder, "note.txt").read_text()
    'whole'
    """
    path = Path(path)
    temporary = _name_beside(path)
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        _sync_entries(path.parent)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder; rename it to ``path`` when the block succeeds.

    If the block fails, the temporary folder is removed with all that is in it. Parent folders are
    made.

    Parameters
    ----------
    path : str or Path
        The folder to make; it must not exist yet, or be empty.

    Raises
    ------
    CENetError
        If ``path`` exists already (checked before and after), or the disk refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     with atomic_folder(f"{parent}/run") as temporary:
    ...         (temporary / "log.txt").touch()
    ...     [path.name for path in Path(parent, "run").iterdir()]
    ['log.txt']
    """
    path = Path(path)
    refuse_existing(path)
    temporary = _name_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        refuse_existing(path)
        if path.is_dir():
            path.rmdir()  # it is empty; Windows renames onto nothing that exists
        sync(temporary)
        os.rename(temporary, path)
        _sync_entries(path.parent)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync(path: str | Path) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk itself.

    Until then a power cut can take what was written, or leave its name without its content.

    Raises
    ------
    OSError
        If the disk refuses: some notice only now that they are full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "note.txt").write_text("here to stay")
    ...     sync(folder)
    """
    path = Path(path)
    if path.is_dir():
        for inside in path.iterdir():
            sync(inside)
        _sync_entries(path)
        return
    # Windows writes out only what is open for writing.
    _fsync(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)


def _sync_entries(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, on systems that can be asked for it."""
    with suppress(OSError):  # Windows opens no folder, and some network disks know no such wait
        _fsync(folder, os.O_RDONLY)


def _fsync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(folder: str | Path) -> None:
    """Remove the temporary files and folders that a killed process left in a folder.

    Call it only where no other process can be writing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, ".metrics.json.0a1b2c3d.tmp").touch()
    ...     Path(folder, "notes.tmp").touch()
    ...     remove_leftovers(folder)
    ...     [path.name for path in Path(folder).iterdir()]
    ['notes.tmp']
    """
    for path in list(Path(folder).iterdir()):
        if not _TEMPORARY.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def refuse_existing(path: str | Path) -> None:
    """Refuse to write where something is already, or where nothing can be written.

    Raises
    ------
    CENetError
        If ``path`` exists and is anything but an empty folder, or the folder in which it would be
        made is read-only.

    Examples
    --------
    >>> refuse_existing("no/such/folder")
    """
    path = Path(path)
    try:
        empty = path.is_dir() and not any(path.iterdir())
        if path.exists() and not empty:
            raise CENetError(f"{path}: exists already; choose another name or remove it first")
        place = _nearest_existing(path)
    except OSError as error:
        raise _refused(path, error) from error
    if place.is_dir() and not os.access(place, os.W_OK):
        raise CENetError(
            f"{path}: {place} cannot be written to; choose a folder that you may write to"
        )


def refuse_full(path: str | Path, n_bytes: int) -> None:
    """Refuse to begin writing what the disk has no room for.

    Parameters
    ----------
    path : str or Path
        What is to be written.
    n_bytes : int
        How much that will be.

    Raises
    ------
    CENetError
        If less than that is free.

    Examples
    --------
    >>> refuse_full("no/such/folder", 1_000)
    """
    place = _nearest_existing(path)
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        raise _refused(Path(path), error) from error
    if n_bytes > free:
        raise CENetError(
            f"{path}: could not be written: it takes {n_bytes / 1e6:,.0f} MB and {place} has "
            f"{free / 1e6:,.0f} MB left; make room there, or choose a folder on a larger disk"
        )


def _nearest_existing(path: str | Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    place = Path(path).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def write_json(path: str | Path, content: Any) -> None:
    """Write plain values, whole or not at all.

    Parameters
    ----------
    path : str or Path
    content : dict, list, tuple, str, number, bool or None, nested as deep as you like
        NaN and infinite numbers become null, the only word that JSON has for them.

    Raises
    ------
    CENetError
        If the disk refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(f"{folder}/metrics.json", {"mae": 0.7, "corr": float("nan")})
    ...     read_json(f"{folder}/metrics.json", "evaluate again")
    {'mae': 0.7, 'corr': None}
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(json_bytes(content))


def json_bytes(content: Any) -> bytes:
    """Return what `write_json` writes.

    Examples
    --------
    >>> json_bytes({"corr": float("nan")})
    b'{\\n  "corr": null\\n}\\n'
    """
    text = json.dumps(_without_nan(content), indent=2, allow_nan=False)
    return f"{text}\n".encode()


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_json(path: str | Path, mend: str) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Parameters
    ----------
    path : str or Path
    mend : str
        What the user can do if the file is missing or damaged; it ends the error message.

    Raises
    ------
    CENetError
        If the file is missing, damaged, or holds anything but an object.

    Examples
    --------
    >>> read_json("no/such/file.json", mend="make it anew")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/file.json: is missing; make it anew
    """
    if _is_special(path):
        raise CENetError(f"{path}: is no regular file; {mend}")
    try:
        # some editors put a mark of the byte order in front
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise CENetError(f"{path}: is missing; {mend}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CENetError(f"{path}: is damaged ({error}); {mend}") from error
    if not isinstance(content, dict):
        raise CENetError(f"{path}: is damaged (it holds no JSON object); {mend}")
    return content


def write_csv(path: str | Path, table: "pd.DataFrame") -> None:
    """Write a table without its index, whole or not at all.

    People open tables in spreadsheets, so a text that one would take for a formula gets an
    apostrophe in front, see `cenet_lib.terminal.as_cell`; `read_csv` takes it away again.

    Parameters
    ----------
    path : str or Path
    table : DataFrame

    Raises
    ------
    CENetError
        If the disk refuses.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_csv(f"{folder}/a.csv", pd.DataFrame({"word": ["NA", None], "n": [1, 2]}))
    ...     read_csv(f"{folder}/a.csv")["word"].isna().tolist()
    [False, True]
    """
    cells = _each_text(table, as_cell)
    # By itself the writer puts quotes around \n, but not around \r, where readers cut a line too.
    cut = any("\r" in cell for name in cells for cell in cells[name] if isinstance(cell, str))
    how: dict[str, Any] = {"quoting": csv.QUOTE_NONNUMERIC} if cut else {}
    with atomic_file(path) as temporary:
        cells.to_csv(temporary, index=False, lineterminator="\n", **how)


def read_csv(path: str | Path, **options: Any) -> "pd.DataFrame":
    """Read a table that `write_csv` wrote, with its texts as they were.

    Parameters
    ----------
    path : str or Path
    **options
        Further arguments of `pandas.read_csv`, such as ``dtype``.

    Returns
    -------
    DataFrame
        A value is missing where there is nothing between two commas; "NA" and "null" are words.

    Raises
    ------
    CENetError
        If the file is missing or is no table.

    Examples
    --------
    >>> table = read_csv("runs/mine/predictions.csv", dtype={"id": str})
    >>> table.columns.tolist()
    ['id', 'split', 'words', 'label', 'prediction']
    """
    import pandas as pd  # heavy: half a second that those who only read JSON need not wait

    if _is_special(path):
        raise CENetError(f"{path}: is no regular file; make it anew")
    try:
        table: pd.DataFrame = pd.read_csv(path, keep_default_na=False, na_values=[""], **options)
    except (OSError, ValueError) as error:
        reason = str(error).strip()  # pandas ends some with a new line
        raise CENetError(f"{path}: cannot be read as a table ({reason}); make it anew") from error
    return _each_text(table, from_cell)


def _each_text(table: "pd.DataFrame", change: Callable[[str], str]) -> "pd.DataFrame":
    """Return a table with its texts changed; numbers and what is missing stay."""

    def changed(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    copy = table.copy()
    for name in table:
        if table[name].dtype.kind not in "biufcmM":
            copy[name] = table[name].map(changed)
    return copy


def refuse_special(path: str | Path) -> None:
    """Refuse to open a pipe, a device or a socket, which might never end.

    Raises
    ------
    CENetError
        If ``path`` exists and is anything but a file or a folder.

    Examples
    --------
    >>> refuse_special(os.devnull)
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: /dev/null: is no regular file, but a pipe, a device or a socket; \
give the path of a file
    """
    if _is_special(path) and not os.path.isdir(path):
        raise CENetError(
            f"{path}: is no regular file, but a pipe, a device or a socket; give the path of a file"
        )


def _is_special(path: str | Path) -> bool:
    """Tell a folder, a pipe or a device, which might never end, from a file or nothing at all."""
    return os.path.exists(path) and not os.path.isfile(path)


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "empty").touch()
    ...     sha256(f"{folder}/empty")[:8]
    'e3b0c442'
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Return the folder for downloaded and derived files; it is made if it does not exist.

    It is ``$CENET_CACHE`` if that is set; else ``data/cache`` of the checkout that this package
    runs from; else, for an installed package, ``~/.cache/cenet``.

    Raises
    ------
    CENetError
        If the folder cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> from unittest.mock import patch
    >>> with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, CENET_CACHE=folder):
    ...     cache_folder() == Path(folder)
    True
    """
    checkout = Path(__file__).resolve().parents[1]
    if os.environ.get("CENET_CACHE"):
        folder = Path(os.environ["CENET_CACHE"]).expanduser()
    elif (checkout / "data" / "README.md").is_file():
        folder = checkout / "data" / "cache"
    else:
        folder = Path.home() / ".cache" / "cenet"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CENetError(
            f"{folder}: cannot be created ({error.strerror}); "
            "set CENET_CACHE to a folder that you may write to"
        ) from error
    return folder


def _name_beside(path: Path) -> Path:
    # not by `tempfile`, whose files and folders are hidden from everyone but their owner
    return path.absolute().with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _refused(path: Path, error: OSError) -> CENetError:
    reason = error.strerror or error
    return CENetError(
        f"{path}: could not be written: {reason}; "
        "choose a folder that exists, that you may write to, and that has room"
    )
