"""The reading site: notebooks with their outputs, the pages beside them, and the package.

Sphinx reads a folder that mirrors this project, so that every link between pages holds as it is.
What a page of the site cannot do is exchanged there: an inspector that needs a kernel becomes one
that needs none, and a solution folds under its check.
"""

import io
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NamedTuple

import nbformat

import cenet_lib
from cenet_lib.course.handout import NOT_FOR_STUDENTS, without_dead_links

from . import elsewhere, words

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent
ROOT = NOTEBOOKS.parent
SITE = NOTEBOOKS / "site"
LOCALE = SITE / "locale"
DEST = ROOT / "build" / "site"
PROJECT = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "data/README.md")
ANCHOR = re.compile(r'^<a id="[\w-]+"></a>\n\n', re.M)  # JupyterLab needs it, a site has its own
MARKS = re.compile(r"^ *### (?:BEGIN|END) SOLUTION\n", re.M)


class Live(NamedTuple):
    """A page of an inspector: how many utterances it has, and what it is called."""

    utterances: int
    title: str


LIVE = {  # whose data are in site/live; their pages stand where a notebook has its inspector
    "06_results_and_attention": Live(6, "The attention inspector on sentences with the word great"),
    "08_your_own_video": Live(1, "The inspector on a filmed sentence, with the mesh of the face"),
}
ROOMS = {
    "corpora": "Corpora: a reader per file format",
    "language": "Language: encoders, weights, dictionaries",
    "video": "Video: a film becomes an utterance",
    "runs": "Runs: what a run leaves",
    "results": "Results: intervals, comparisons, figures",
    "inspector": "Inspector: what each word takes",
    "course": "Course: what the notebooks stand on",
}
Solved = Mapping[str, nbformat.NotebookNode]  # notebooks with solutions, by their stem


class SiteError(Exception):
    """The site could not be made as it should be; the message says why."""


def build(dest: Path, solved: Solved, language: str = "en") -> None:
    """Make the site in a folder.

    Parameters
    ----------
    dest : Path
        A folder that does not exist, is empty, or holds a site that was made before.
    solved : mapping of str to notebook
        The notebooks to take, by the stem of their file, with their solutions.
    language : str
        A language whose catalogues are in ``site/locale``; what is not translated stays English.

    Raises
    ------
    SiteError
        If the folder holds something else, or Sphinx complains of anything, such as a link that
        leads nowhere.
    """
    _refuse_foreign(dest)
    if language != "en" and not (LOCALE / language).is_dir():
        there = ", ".join(sorted(path.name for path in LOCALE.iterdir()))
        raise SiteError(f"{LOCALE}: has no folder {language!r}; there is {there}")
    with tempfile.TemporaryDirectory(prefix="cenet-site-") as folder:
        pages = Path(folder) / "pages"
        stage(pages, solved, language)
        run_sphinx(pages, dest, Path(folder) / "read", "html", language=language)
    (dest / ".nojekyll").touch()  # GitHub's pages would leave out folders that begin with _
    print(f"{dest / 'index.html'}: open it, or serve the folder as it is")


def extract(dest: Path, solved: Solved, language: str = "en") -> list[str]:
    """Write a catalogue of each page's sentences, for translators: gettext's ``.pot`` files.

    In a language, also what is translated so far, as ``.po`` files to go on with.

    Returns
    -------
    list of str
        The translations that are out of date: page, and beginning of the sentence that is gone.
    """
    with tempfile.TemporaryDirectory(prefix="cenet-site-") as folder:
        stage(Path(folder) / "pages", solved)
        run_sphinx(Path(folder) / "pages", dest, Path(folder) / "read", "gettext")
    for stem, notebook in solved.items():
        stored = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
        found = words.messages(adapt(stored, notebook, stem))
        words.add(dest / "notebooks" / f"{stem}.pot", found)
    words.add(dest / f"{words.NAME_OF_LABELS}.pot", words.LABELS)
    print(f"{dest}: {len(list(dest.rglob('*.pot')))} catalogues")
    return [] if language == "en" else _merge(dest, language)


def _merge(dest: Path, language: str) -> list[str]:
    """Write a language's catalogues beside the fresh ones; say how far it has come."""
    outdated, n_messages, n_done = [], 0, 0
    for template in sorted(dest.rglob("*.pot")):
        name = template.relative_to(dest).with_suffix(".po")
        total, done, gone = words.merge(template, catalogue(language, name), dest / name)
        n_messages, n_done = n_messages + total, n_done + done
        outdated += [f"{name.as_posix()}: is no more in the course: {text[:70]!r}" for text in gone]
    print(f"{language}: {n_done:,} of {n_messages:,} sentences are translated", *outdated, sep="\n")
    return outdated


def catalogue(language: str, name: str | Path) -> Path:
    """Return where the translations of a page are kept."""
    return LOCALE / language / "LC_MESSAGES" / name


def _refuse_foreign(dest: Path) -> None:
    if dest.is_file() or (dest.is_dir() and any(dest.iterdir()) and not _is_site(dest)):
        raise SiteError(f"{dest}: holds something else than a site; give a new or an empty folder")


def _is_site(folder: Path) -> bool:
    return (folder / ".buildinfo").is_file() and (folder / "searchindex.js").is_file()


def run_sphinx(pages: Path, dest: Path, read: Path, form: str, **settings: Any) -> None:
    """Let Sphinx make a form of staged pages, with settings beside those of ``site/conf.py``.

    Raises
    ------
    SiteError
        If Sphinx complains of anything.
    """
    from sphinx.application import Sphinx  # heavy, and only for the site
    from sphinx.util.docutils import docutils_namespace, patch_docutils  # the same

    complaints = io.StringIO()
    shutil.copytree(LOCALE, pages.parent / "locale")  # Sphinx writes beside them
    with patch_docutils(str(SITE)), docutils_namespace(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what libraries say about each other
        app = Sphinx(
            srcdir=pages,
            confdir=SITE,
            outdir=dest,
            doctreedir=read,
            buildername=form,
            confoverrides={"locale_dirs": [str(pages.parent / "locale")], **settings},
            status=None,
            warning=complaints,
        )
        app.build(force_all=True)
    found = re.sub(r"\x1b\[[\d;]*m", "", complaints.getvalue()).replace(str(pages), "").strip()
    if found:
        raise SiteError(f"the site has faults:\n{found}")


def stage(folder: Path, solved: Solved, language: str = "en") -> None:
    """Write the folder that Sphinx reads; with a part of the notebooks, without the reference."""
    shown = {}
    for stem, notebook in solved.items():
        stored = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
        shown[folder / "notebooks" / f"{stem}.ipynb"] = adapt(stored, notebook, stem)
        write(folder / "notebooks" / f"{stem}.ipynb", "")  # so that links to it hold
    for part in ("images", "class_corpus"):
        shutil.copytree(NOTEBOOKS / part, folder / "notebooks" / part)
    for path in (*NOTEBOOKS.glob("*.md"), *(ROOT / name for name in PROJECT)):
        if path.name not in NOT_FOR_STUDENTS:
            text = path.read_text(encoding="utf-8")
            write(folder / path.relative_to(ROOT), ANCHOR.sub("", text))
    front = _front(list(solved))
    if len(solved) == len(list((NOTEBOOKS / "source").glob("*.py"))):
        _write_reference(folder / "reference")
    else:
        front = front.replace("reference/index\n", "")
    write(folder / "index.md", front)
    for page in folder.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        page.write_text(without_dead_links(text, page.parent), encoding="utf-8")
    for path, notebook in shown.items():
        elsewhere.put_under_title(notebook, path.stem)
        known = words.read(catalogue(language, f"notebooks/{path.stem}.po"))
        words.translate(notebook, known)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = without_dead_links(cell.source, path.parent)
        write(path, nbformat.writes(notebook))


def write(path: Path, text: str) -> None:
    """Write a page, and the folder for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


# notebooks


def data_file(stem: str) -> Path:
    """Return where the data of a notebook's live page are kept; the page is made with the site."""
    return SITE / "live" / f"{stem[:2]}.json"


def adapt(
    stored: nbformat.NotebookNode, solved: nbformat.NotebookNode, stem: str
) -> nbformat.NotebookNode:
    """Return a student's notebook as the site shows it, with a fold under each check."""
    notebook = nbformat.from_dict(stored)
    answers = {_name(cell): cell.source for cell in solved.cells if _name(cell)}
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code":
            _show_live(cell, stem)
            name = _name(cell).removesuffix("_check")
            if name != _name(cell) and name in answers:
                cells.append(nbformat.v4.new_markdown_cell(_fold(answers[name])))
    notebook.cells = cells
    return notebook


def _name(cell: nbformat.NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _show_live(cell: nbformat.NotebookNode, stem: str) -> None:
    """Put a page that needs no kernel where a notebook's inspector was."""
    for output in cell.outputs:
        if "cenet-stand-in" in output.get("data", {}).get("text/html", ""):
            page, title = f"../_static/{stem[:2]}.html", LIVE[stem].title
            output.data["text/html"] = (
                f'<iframe class="live" src="{page}" title="{title}" loading="lazy"></iframe>'
                f'<p class="live"><a href="{page}">Open it in a page of its own</a></p>'
            )


def _fold(solution: str) -> str:
    """Return a solution under a line that unfolds."""
    return (
        '<details class="solution"><summary>A solution</summary>\n\n'
        f"```python\n{without_marks(solution)}\n```\n\n</details>"
    )


def without_marks(solution: str) -> str:
    """Return the code of a solution as a reader sees it."""
    return MARKS.sub("", solution + "\n").strip("\n")


# pages


def _front(stems: list[str]) -> str:
    """Return the first page: what stands in ``site/index.md``, with a card per notebook."""
    text = (SITE / "index.md").read_text(encoding="utf-8")
    chapters = "\n".join(f"notebooks/{stem}" for stem in stems)
    return text.replace("@CARDS@", "\n".join(_cards(stems))).replace("@CHAPTERS@", chapters)


def _cards(stems: list[str]) -> Iterator[str]:
    """Yield what the README's table says of each notebook."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (!\[.+?\)) \| (\[.+?\]\((\S+)\)) \| (.+?) \| (\d+) \|$", readme, re.M)
    for picture, link, target, can, minutes in rows:
        if Path(target).stem in stems:
            yield f":::{{container}} card\n{picture}\n\n{link}\n\n{can}\n\n{minutes} minutes\n:::"


def _write_reference(folder: Path) -> None:
    """Write a page per module of the hall, in the order in which to read them, and one per room."""
    package = Path(cenet_lib.__path__[0])
    order = re.findall(r"``(\w+)\.py``", cenet_lib.__doc__ or "")
    present = {module.name for module in iter_modules([str(package)]) if not module.ispkg}
    hall = [name for name in order if name in present]
    for name in hall:
        write(folder / f"{name}.rst", _page(name, [f"cenet_lib.{name}"]))
    for room, title in ROOMS.items():
        modules = [m.name for m in iter_modules([str(package / room)]) if not m.ispkg]
        write(folder / f"{room}.rst", _page(title, [f"cenet_lib.{room}.{m}" for m in modules]))
    listed = "\n".join(hall), "\n".join(ROOMS)
    text = (SITE / "reference.md").read_text(encoding="utf-8")
    write(folder / "index.md", text.replace("@HALL@", listed[0]).replace("@ROOMS@", listed[1]))


def _page(title: str, modules: list[str]) -> str:
    """Return a page about one module, or about several under a heading each."""
    parts = [f"{title}\n{'=' * len(title)}\n"]
    for module in modules:
        name = module.rpartition(".")[2]
        if len(modules) > 1:
            parts.append(f"{name}\n{'-' * len(name)}\n")
        parts.append(f".. automodule:: {module}\n")
    return "\n".join(parts)
