"""Slides for the two lectures, cut from the notebooks' own cells.

A section of a notebook becomes a column of slides: its heading with the first words of its text,
then each of its figures and tables. The rest of the text stands in the speaker's notes (press S).
Nothing is fetched: reveal.js and MathJax are copied beside the slides.
"""

import html
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

import nbformat
from nbconvert.filters import markdown2html

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent
LECTURES = {  # as INSTRUCTORS.md plans them: sections by chapter and heading
    "Lecture 1: from a sentence to an answer": [
        (1, "Why three streams?"),
        (1, "Lengths and padding"),
        (1, "Alignment"),
        (1, "What is real here, and what is not"),
        (1, "Splits and leaks"),
        (2, "k-means in two dimensions"),
        (2, "How many codes?"),
        (3, "Attention on paper"),
        (3, "The CE module"),
        (3, "What the scale does"),
    ],
    "Lecture 2: from an answer to a claim": [
        (3, "CE cannot see the order"),
        (3, "The counting identity"),
        (4, "From words to pieces"),
        (4, "From ids to vectors"),
        (4, "Where CE goes in"),
        (5, "What is to be made small"),
        (5, "When to stop"),
        (5, "One number is no number"),
        (5, "What the published loop says, and what is so"),
        (6, "How sure is a number?"),
        (6, "Look into the attention"),
        (6, "Is attention faithful?"),
    ],
}
FIRST_WORDS = 70  # on a slide; a paragraph is never cut
IMAGE = re.compile(r'<img alt="([^"]*)"')
PARTS = ("dist/reveal.js", "dist/reveal.css", "dist/reset.css", "dist/theme/white.css")
NOTES = "plugin/notes/notes.js"


class SlidesError(Exception):
    """A section that a lecture wants is not in its notebook."""


def build(dest: Path) -> list[Path]:
    """Write a page per lecture, with all that it needs beside it; return the pages."""
    dest.mkdir(parents=True, exist_ok=True)
    _copy_libraries(dest)
    shutil.copytree(NOTEBOOKS / "images", dest / "images", dirs_exist_ok=True)
    pages = []
    template = (HERE / "slides.html").read_text(encoding="utf-8")
    for number, (title, sections) in enumerate(LECTURES.items(), start=1):
        columns = [_column(section(chapter, heading)) for chapter, heading in sections]
        page = dest / f"lecture-{number}.html"
        text = template.replace("@TITLE@", html.escape(title)).replace(
            "@SLIDES@", "\n".join(columns)
        )
        page.write_text(text, encoding="utf-8")
        pages.append(page)
        print(f"{page}: {text.count('<section class=')} slides")
    return pages


def section(chapter: int, heading: str) -> list[nbformat.NotebookNode]:
    """Return the cells of a section, without its exercises.

    Raises
    ------
    SlidesError
        If the chapter has no such section.
    """
    [path] = NOTEBOOKS.glob(f"{chapter:02}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    found: list[nbformat.NotebookNode] = []
    exercise = False  # whether a cell belongs to one, from its heading to its check
    for cell in cells:
        starts = cell.cell_type == "markdown" and cell.source.startswith("## ")
        if found and starts:
            break
        if found or (starts and cell.source.splitlines()[0] == f"## {heading}"):
            exercise = exercise or cell.source.startswith("### Exercise ")
            if not exercise:
                found.append(cell)
            exercise = exercise and not cell.metadata.get("nbgrader", {}).get("grade")
    if not found:
        raise SlidesError(f"{path.name}: has no section {heading!r}, which a lecture wants")
    return found


def _column(cells: list[nbformat.NotebookNode]) -> str:
    """Return a section's slides, one below the other."""
    heading, _, text = cells[0].source.partition("\n")
    first, rest = _first_words(text)
    notes = "\n\n".join([rest, *(c.source for c in cells[1:] if c.cell_type == "markdown")])
    slides = [_slide(markdown2html(f"{heading}\n\n{first}"), markdown2html(notes))]
    title = f'<p class="section">{html.escape(heading.lstrip("# "))}</p>'
    slides += [
        _slide(f'{title}<figure class="shown">{shown}</figure>')
        for cell in cells
        if cell.cell_type == "code"
        for shown in _shown(cell)
    ]
    return "<section>\n" + "\n".join(slides) + "\n</section>"


def _first_words(text: str) -> tuple[str, str]:
    """Split a text after the paragraphs that fit on a slide, and at least one of them.

    What a colon announces, such as a formula, comes with it.
    """
    paragraphs = [part for part in re.split(r"\n{2,}", text.strip()) if part]
    kept = paragraphs[:1]
    for paragraph in paragraphs[1:]:
        is_announced = kept[-1].endswith(":")
        if not is_announced and len(" ".join([*kept, paragraph]).split()) > FIRST_WORDS:
            break
        kept.append(paragraph)
    return "\n\n".join(kept), "\n\n".join(paragraphs[len(kept) :])


def _shown(cell: nbformat.NotebookNode) -> Iterator[str]:
    """Yield the figures and tables that a cell put out."""
    for output in cell.outputs:
        page = output.get("data", {}).get("text/html", "")
        picture = IMAGE.search(page)
        if picture:  # also one behind a fold: a slide shows it
            [tag] = re.findall("<img[^>]*>", page)
            yield f"{tag}<figcaption>{_caption(picture[1])}</figcaption>"
        elif "<table" in page:
            yield page


def _caption(alt: str) -> str:
    """Return what a picture shows; what is to be seen on it is left to the lecturer."""
    shows, _, _ = alt.partition(":")
    return shows if len(shows.split()) > 2 else alt  # not "Left"


def _slide(content: str, notes: str = "") -> str:
    aside = f'<aside class="notes">{notes}</aside>' if notes else ""
    return f'<section class="cut">{content}{aside}</section>'


def _copy_libraries(dest: Path) -> None:
    """Copy reveal.js and MathJax out of the packages that bring them."""
    reveal = {file.as_posix(): file for file in files("sphinx-revealjs") or []}
    for part in (*PARTS, NOTES):
        [name] = [name for name in reveal if name.endswith(f"_static/revealjs/{part}")]
        _copy(reveal[name], dest / "reveal" / part)
    [mathjax] = [f for f in files("sphinx-mathjax-offline") or [] if f.name == "tex-svg.js"]
    _copy(mathjax, dest / "tex-svg.js")
    theme = dest / "reveal" / "dist/theme/white.css"
    css = theme.read_text(encoding="utf-8")  # the page has the fonts of the computer
    theme.write_text(re.sub(r"@import ?(?:url\()?[^;]+;", "", css), encoding="utf-8")


def _copy(file, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.read_binary())
