"""Links that open a chapter on a computer of somebody else: Binder, and Google Colab.

One file, ``site/elsewhere.toml``, switches them on. Binder makes a computer of ``.binder``, with
this folder on it. Colab opens a single notebook from a branch of the project, so its chapters begin
with a cell that fetches the rest; ``build.py --colab`` writes them.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import nbformat

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent
SETTINGS = NOTEBOOKS / "site" / "elsewhere.toml"
README = NOTEBOOKS.parent / "README.md"
BRANCH_OF_COLAB = "colab"
PLACE = re.compile(r"(<!-- open elsewhere: build.py --links -->\n).*?(<!-- end -->)", re.S)
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)")
NOTE = """\
**In Colab.** The next cell fetches the course and installs it, which takes some minutes. What you
write is lost when the session ends, unless you save a copy (*File*, *Save a copy in Drive*); the
list of exercises that you solved is lost with it. Nobody who wrote this course has tried the camera
of chapter 8 here; its supplied films do not need it."""
INSTALL = """\
!git clone --quiet --depth 1 --branch {branch} https://github.com/{repository} cenet
%cd cenet/notebooks
%pip install --quiet --editable "..[video]"
import sys

from google.colab import output

sys.path.insert(0, "..")  # what was installed after Python began
output.enable_custom_widget_manager()  # the inspector is a widget of this course's own"""


class ElsewhereError(Exception):
    """The settings cannot be followed; the message says why."""


class Elsewhere(NamedTuple):
    """Where the project lies on GitHub, and who may open it from there."""

    repository: str
    branch: str
    binder: bool
    colab: bool


def settings() -> Elsewhere:
    """Read the settings.

    Raises
    ------
    ElsewhereError
        If a setting is unknown or missing, or something is switched on and has no address.
    """
    found = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    if set(found) != set(Elsewhere._fields):
        wrong = ", ".join(sorted(set(found) ^ set(Elsewhere._fields)))
        raise ElsewhereError(f"{SETTINGS.name}: unknown or missing: {wrong}")
    where = Elsewhere(**found)
    is_on = where.binder or where.colab
    if is_on and not re.fullmatch(r"[\w.-]+/[\w.-]+", where.repository):
        raise ElsewhereError(
            f'{SETTINGS.name}: repository is {where.repository!r}; give it as "owner/name"'
        )
    return where


def links(stem: str) -> list[str]:
    """Return a link per place where a chapter can be opened, in Markdown; none by default."""
    where = settings()
    found = []
    if where.binder:
        path = f"{where.repository}/{where.branch}?urlpath=lab/tree/notebooks/{stem}.ipynb"
        found.append(f"[Open in Binder](https://mybinder.org/v2/gh/{path})")
    if where.colab:
        found.append(f"[Open in Colab]({_in_colab(where, stem)})")
    return found


def _in_colab(where: Elsewhere, stem: str) -> str:
    path = f"{where.repository}/blob/{BRANCH_OF_COLAB}/{stem}.ipynb"
    return f"https://colab.research.google.com/github/{path}"


def put_under_title(notebook: nbformat.NotebookNode, stem: str) -> None:
    """Write the links under the title of a chapter."""
    shown = " · ".join(links(stem))
    if shown:
        title, _, rest = notebook.cells[0].source.partition("\n")
        notebook.cells[0].source = f"{title}\n\n{shown}\n{rest}"


def write_into_readme(stems: list[str]) -> bool:
    """Write the links of all chapters below the README's table; tell whether that changed it."""
    before = README.read_text(encoding="utf-8")
    rows = [f"{int(stem[:2])}: {', '.join(found)}" for stem in stems if (found := links(stem))]
    block = f"Without installing anything: {'; '.join(rows)}.\n" if rows else ""
    after = PLACE.sub(lambda place: f"{place[1]}{block}{place[2]}", before)
    README.write_text(after, encoding="utf-8", newline="\n")
    return after != before


def write_colab(folder: Path, stored: Mapping[str, nbformat.NotebookNode]) -> list[str]:
    """Write the chapters for Colab into a folder; none if Colab is off."""
    where = settings()
    if not where.colab:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    for stem, notebook in stored.items():
        text = nbformat.writes(for_colab(notebook, where))
        (folder / f"{stem}.ipynb").write_text(text + "\n", encoding="utf-8", newline="\n")
    return list(stored)


def for_colab(notebook: nbformat.NotebookNode, where: Elsewhere) -> nbformat.NotebookNode:
    """Return a copy that fetches the course first, and whose links lead to the project."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda link: _absolute(link, where), cell.source)
    install = INSTALL.format(branch=where.branch, repository=where.repository)
    copy.cells[1:1] = [
        nbformat.v4.new_markdown_cell(NOTE, id="in-colab"),
        nbformat.v4.new_code_cell(install, id="in-colab-install"),
    ]
    return copy


def _absolute(link: re.Match[str], where: Elsewhere) -> str:
    """Return a link that was relative to a notebook: to a chapter in Colab, else to GitHub."""
    picture, words, target = link.groups()
    if re.fullmatch(r"\d\d_\w+\.ipynb", target):
        return f"[{words}]({_in_colab(where, target.removesuffix('.ipynb'))})"
    kind = "raw" if picture else "blob"
    address = f"https://github.com/{where.repository}/{kind}/{where.branch}/notebooks/{target}"
    return f"{picture}[{words}]({address})"
