"""A manifest: the hash of each file of a folder, by which a damaged or a swapped one is known.

Checkpoints carry one (`cenet_lib.runs.checkpoints`), and so does a finished run
(`cenet_lib.runs.folder`). It is written when everything else is on the disk, so it also tells that
the folder is whole.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from ..errors import CENetError
from ..files import read_json, sha256, sync, write_json

MANIFEST = "manifest.json"


def write_manifest(
    folder: Path, names: Iterable[str], known: Mapping[str, str] | None = None
) -> None:
    """Write down the hash of each of these files, when they are on the disk.

    Parameters
    ----------
    folder : Path
        The folder to describe.
    names : iterable of str
        The files, as seen from the folder.
    known : mapping of str to str, optional
        The hashes of files that are still to come.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "note.txt").write_text("as it was")
    ...     write_manifest(Path(folder), ["note.txt"])
    ...     before = fault(Path(folder), {"note.txt"})
    ...     _ = Path(folder, "note.txt").write_text("as it is")
    ...     before, fault(Path(folder), {"note.txt"})
    (None, 'note.txt has changed')
    """
    hashes = dict(known or {})
    for name in sorted(names):
        sync(folder / name)
        hashes[name] = sha256(folder / name)
    write_json(folder / MANIFEST, hashes)


def fault(folder: Path, names: Collection[str]) -> str | None:
    """Return what is wrong with the files that a folder's manifest lists, or ``None``.

    Nothing is opened but the files that are there: a manifest of a stranger may name any.

    Parameters
    ----------
    folder : Path
        A folder with a manifest.
    names : collection of str
        The regular files that are there, as seen from the folder.

    Examples
    --------
    >>> fault(Path("runs/mine"), {"config.json"})
    'history.csv is missing'
    """
    try:
        for name, expected in sorted(read_json(folder / MANIFEST, "make it anew").items()):
            if name not in names:
                return f"{name} is missing"
            if sha256(folder / name) != expected:
                return f"{name} has changed"
    except CENetError:
        return f"{MANIFEST} cannot be read"
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"
    return None
