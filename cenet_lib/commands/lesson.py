"""``lesson``: give a student a copy of the notebooks to work in."""

from argparse import Namespace
from pathlib import Path

from ..course.handout import hand_out


def run(options: Namespace) -> None:
    """Copy the notebooks, and say how to open the first one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     run(Namespace(action="start", folder=Path(parent, "cenet")))
    8 notebooks are in .../cenet/notebooks; open the first one:
      jupyter lab .../cenet/notebooks/01_dataset.ipynb
    """
    names = hand_out(options.folder)
    place = options.folder / "notebooks"
    first = place / names[0]
    print(f"{len(names)} notebooks are in {place}; open the first one:")
    print(f"  jupyter lab {_quoted(first)}")


def _quoted(path: Path) -> str:
    """Return a path as every shell takes it, also cmd and PowerShell."""
    return f'"{path}"' if " " in str(path) else str(path)
