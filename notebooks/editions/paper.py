"""The whole course on paper: one PDF with contents, page numbers and links that lead to pages.

Sphinx puts all chapters into one page, and Chromium prints it. It prints twice: where each heading
came to stand is only known after the first time, and then written into the contents.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat

from cenet_lib import __version__
from cenet_lib.course.handout import without_dead_links
from cenet_lib.files import atomic_file

from . import site
from .site import NOTEBOOKS, SITE, SiteError, Solved

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BACK = ("GLOSSARY", "NOTATION", "REFERENCES")  # behind the chapters
STAND_IN = re.compile(r'url\("(data:image/png;base64,[^"]+)"\)')
EXERCISE = re.compile(r"^### (Exercise \d\.\d · [^·\n]+?) ·", re.M)


class Printed(NamedTuple):
    """What came out: how many sheets, and on which one each place of the text begins."""

    n_pages: int
    places: dict[str, int]


def build(dest: Path, solved: Solved) -> None:
    """Print the course into a file.

    Parameters
    ----------
    dest : Path
        The PDF to write.
    solved : mapping of str to notebook
        The notebooks to take, by the stem of their file, with their solutions.

    Raises
    ------
    SiteError
        If Sphinx complains of anything, or there is no Chromium.
    """
    with tempfile.TemporaryDirectory(prefix="cenet-paper-") as name:
        folder = Path(name)
        stage(folder / "pages", solved)
        site.run_sphinx(
            *(folder / part for part in ("pages", "page", "read")),
            "singlehtml",
            html_theme="basic",
            html_theme_options={},
            html_css_files=["paper.css"],
            html_js_files=["paper.js"],
            pygments_style="a11y-high-contrast-light",
        )
        dest.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(dest) as temporary:
            printed = _print(folder / "page" / "index.html", temporary)
    print(f"{dest}: {printed.n_pages} pages")


def stage(folder: Path, solved: Solved) -> None:
    """Write the folder that Sphinx reads: chapters, solutions, glossary, notation, references."""
    shutil.copytree(NOTEBOOKS / "images", folder / "notebooks" / "images")
    for name in BACK:
        text = (NOTEBOOKS / f"{name}.md").read_text(encoding="utf-8")
        site.write(folder / "notebooks" / f"{name}.md", site.ANCHOR.sub("", text))
    for stem in solved:
        site.write(folder / "notebooks" / f"{stem}.ipynb", "")  # so that links to it hold
    for stem in solved:
        stored = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
        path = folder / "notebooks" / f"{stem}.ipynb"
        for cell in stored.cells:
            _put_on_paper(cell, path.parent)
        site.write(path, nbformat.writes(stored))
    site.write(folder / "notebooks" / "solutions.md", "\n\n".join(_solutions(solved)))
    for page in folder.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        page.write_text(without_dead_links(text, page.parent), encoding="utf-8")
    site.write(folder / "index.md", _front(list(solved)))


def _front(stems: list[str]) -> str:
    """Return the first pages: the title, and where the contents will stand."""
    pages = [f"notebooks/{name}" for name in (*stems, "solutions", *BACK)]
    text = (SITE / "paper.md").read_text(encoding="utf-8")
    return text.replace("@CHAPTERS@", "\n".join(pages)).replace("@VERSION@", __version__)


def _put_on_paper(cell: nbformat.NotebookNode, here: Path) -> None:
    """Take away links out of the book, and show a picture that only a browser would show."""
    if cell.cell_type == "markdown":
        cell.source = without_dead_links(cell.source, here)
    for output in cell.get("outputs", []):
        page = output.get("data", {}).get("text/html", "")
        picture = STAND_IN.search(page)
        if picture and "cenet-stand-in" in page:
            [label] = re.findall(r'aria-label="([^"]*)"', page)
            output.data["text/html"] = f'<img alt="{label}" src="{picture[1]}">'


def _solutions(solved: Solved) -> Iterator[str]:
    """Yield the answers of all exercises, which stand at the end, as in other books."""
    yield "# Solutions"
    for stem, notebook in solved.items():
        yield f"## Chapter {int(stem[:2])}"
        title = ""
        for cell in notebook.cells:
            found = EXERCISE.search(cell.source) if cell.cell_type == "markdown" else None
            title = found[1] if found else title
            if "### BEGIN SOLUTION" in cell.source:
                yield f"### {title}\n\n```python\n{site.without_marks(cell.source)}\n```"


def _print(page: Path, dest: Path) -> Printed:
    """Print a page of HTML; the second time with the numbers that the first time gave."""
    from playwright.sync_api import Error, sync_playwright  # heavy, and only for paper

    with sync_playwright() as playwright:
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        try:
            browser = playwright.chromium.launch(executable_path=program)
        except Error as error:
            first = str(error).splitlines()[0]
            raise SiteError(f"no Chromium to print with ({first}); install chromium") from None
        opened = browser.new_page()
        opened.goto(page.as_uri())
        opened.evaluate("globalThis.MathJax?.startup.promise")
        opened.evaluate("layOut()")
        for _ in range(2):
            opened.pdf(
                path=dest,
                prefer_css_page_size=True,
                print_background=True,
                outline=True,
                tagged=True,
            )
            printed = read(dest)
            opened.evaluate("writeNumbers", printed.places)
        browser.close()
    return printed


def read(path: Path) -> Printed:
    """Say where a PDF has the places to which its links lead."""
    from pypdf import PdfReader  # only for paper

    reader = PdfReader(path)
    numbers = {
        name.removeprefix("/"): 1 + (reader.get_destination_page_number(place) or 0)
        for name, place in reader.named_destinations.items()
    }
    return Printed(len(reader.pages), numbers)
