"""A student's own copy of the notebooks, which no update of the course ever touches.

It has what a student works with, and laid out as in the project, so that links hold: no sources, no
solutions, nothing that is for instructors.
"""

import re
import shutil
from pathlib import Path

from ..errors import CENetError
from ..files import atomic_folder

PROJECT = Path(__file__).resolve().parents[2]
NOT_FOR_STUDENTS = ("INSTRUCTORS.md",)
_PAGES = ("README.md", "CONTRIBUTING.md", "LICENSE", "NOTICE", "data/README.md")
_FOLDERS = ("images", "class_corpus", "results")
_KINDS = {".md", ".png", ".svg", ".csv"}  # of the files in those folders
_ONLY_HERE = re.compile("<!-- only in the project -->.*?<!-- end -->", re.S)
_YOURS = """\
## Your copy

This folder is yours: write into its notebooks. Begin, in the environment into which the course was
installed (`python -m cenet_lib check` says whether it is), with

    jupyter lab notebooks/01_dataset.ipynb

Each notebook ends with a list of the exercises that you have solved; it is kept beside the
notebooks, in `.cenet-progress.json`. Below, you read the page of the project. Its commands for
installing belong into the project's folder, not into this one.

"""
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


def hand_out(folder: str | Path) -> list[str]:
    """Copy the notebooks into a new folder, for a student to work in.

    Parameters
    ----------
    folder : str or Path
        A folder that does not exist yet, or is empty.

    Returns
    -------
    list of str
        The notebooks that are in it, in order.

    Raises
    ------
    CENetError
        If the folder holds anything, such as work that was begun; if the notebooks do not lie
        beside the package; or if the disk refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     hand_out(f"{parent}/cenet")[0]
    '01_dataset.ipynb'
    """
    source = PROJECT / "notebooks"
    notebooks = sorted(source.glob("[0-9][0-9]_*.ipynb"))
    if not notebooks:
        raise CENetError(
            f"{source}: there are no notebooks beside the package; take a checkout of the project, "
            "and install it from there with pip install -r requirements-student.txt"
        )
    _refuse_work(Path(folder))
    with atomic_folder(folder) as place:
        for path in [*notebooks, *source.glob("*.md"), *_small_files(source)]:
            if path.name not in NOT_FOR_STUDENTS:
                _copy(path, place)
        for name in _PAGES:
            _copy(PROJECT / name, place)
        for page in place.rglob("*.md"):
            text = page.read_text(encoding="utf-8")
            if page == place / "README.md":
                text = text.replace("\n## ", f"\n{_YOURS}## ", 1)
            page.write_text(without_dead_links(text, page.parent), encoding="utf-8", newline="\n")
    return [path.name for path in notebooks]


def _refuse_work(folder: Path) -> None:
    """Refuse a folder that was handed out before; what stands in it is somebody's work."""
    begun = sorted((folder / "notebooks").glob("*.ipynb"))
    if begun:
        raise CENetError(
            f"{folder}: holds {len(begun)} notebooks already, and what you wrote into them stays; "
            "give a new folder, and copy from the old one what you want to keep"
        )


def _small_files(source: Path) -> list[Path]:
    return [
        path
        for folder in _FOLDERS
        for path in sorted((source / folder).iterdir())
        if path.suffix in _KINDS
    ]


def _copy(path: Path, place: Path) -> None:
    target = place / path.relative_to(PROJECT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def without_dead_links(text: str, here: Path) -> str:
    """Leave the words of each link in a Markdown page whose target does not lie beside it.

    What stands between ``<!-- only in the project -->`` and ``<!-- end -->`` speaks of things that
    no copy has, and is left out.

    Parameters
    ----------
    text : str
        The page.
    here : Path
        The folder in which it stands.

    Examples
    --------
    >>> without_dead_links("See [the answers](answers.md) and [here](#below).", Path())
    'See the answers and [here](#below).'
    >>> without_dead_links("Try.<!-- only in the project --> Look.<!-- end -->", Path())
    'Try.'
    """

    def keep(link: re.Match[str]) -> str:
        words, target = link.groups()
        path = target.partition("#")[0]
        alive = not path or ":" in path or (here / path).exists()
        return link[0] if alive else words

    return _LINK.sub(keep, _ONLY_HERE.sub("", text))
