"""Reads pickles of plain data, and cannot do anything else.

Data sets are handed around as pickles, and a pickle is not a table but a program for a small stack
machine: "push a text, push a number, look a function up by name, call it". The standard loader runs
that program, whatever it calls. So a stranger's pickle can delete your files the moment you open
it.

Here is another machine for the same programs. It knows the instructions that build plain data (they
are in `instructions`, and what they work on in `machine`), and of the functions to call it knows a
handful: those that rebuild NumPy arrays, bytes, sets and dicts (`plain_objects`) and PyTorch's
tensors (`tensors`, as NumPy arrays; `torch_files` finds their numbers in the files that
``torch.save`` writes). There is no code here that could look up any other; a file that names one is
refused, and nothing of it has been run.

Every format version from 0 to 5 is read, Python 2's (its texts come back as bytes) and NumPy's old
module names included. What a file promises is believed only after a look at what it holds: an array
whose shape is larger than its data is refused before memory is asked for. What a file unpacks to is
measured too (`unfolding`), and what it uses again counts each time: a megabyte that says "the same
array" a thousand times would fill the disk. Long runs of bytes are not read but mapped, so a padded
pickle of 10 GB can be opened on a laptop.

The readers of pickles begin with what `load_plain` returns.
"""

import mmap
from pathlib import Path

from ..errors import CENetError
from ..files import refuse_special
from .machine import Truncated
from .plain_objects import Refused
from .torch_files import load, machine_for
from .unfolding import require_unfolded


def load_plain(path: str | Path) -> object:
    """Return the plain data in a pickle or in a file of ``torch.save``.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    object
        Built of None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset, and NumPy
        arrays and scalars of numbers, texts or such objects; tensors have become arrays. Arrays are
        read-only. Large ones, and bytes of that length, are views of the file, perhaps not aligned
        in memory: copy what you keep.

    Raises
    ------
    CENetError
        If the file cannot be read, is not a pickle, is truncated or damaged, holds or calls
        anything else, or unpacks to much more than its size.

    Examples
    --------
    >>> import pickle, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "data.pkl")
    ...     _ = path.write_bytes(pickle.dumps({"words": ["so", "good"], "label": 1.8}))
    ...     load_plain(path)
    {'words': ['so', 'good'], 'label': 1.8}
    """
    path = Path(path)
    refuse_special(path)
    try:
        with open(path, "rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise CENetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError:  # of mmap, for a file of no bytes
        raise CENetError(f"{path}: is empty; download or copy it again") from None
    machine = None
    try:
        machine = machine_for(path, content)
        data = load(machine)
        require_unfolded(data, len(content))
        return data
    except Refused as error:
        raise CENetError(f"{path}: {error}") from None
    except Truncated:
        raise CENetError(
            f"{path}: is truncated: it ends after {len(content)} bytes, in the middle of its data; "
            "download or copy it again"
        ) from None
    except Exception as error:  # a damaged program can fail at any instruction, in any way
        reason = str(error).split("\n")[0][:120] or type(error).__name__
        place = f" at byte {machine.position}" if machine else ""
        raise CENetError(
            f"{path}: is not a pickle, or is damaged{place} ({reason}); download or copy it again"
        ) from error
