"""Words of the site that Sphinx leaves out of its catalogues: of pictures, folds, quizzes, labels.

Sphinx reads prose. A picture's text stands in what a cell put out, and so do the questions of a
quiz; the title of a fold is HTML. They join the catalogue of their page here, and are exchanged in
the notebook before Sphinx sees it. Labels of the theme have a catalogue of their own.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import nbformat
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

NAME_OF_LABELS = "labels"
LABELS = (  # of the theme, where it has no translations itself, and two for those who hear the page
    *("All pages", "This page", "Back to top", "Contents", "Expand", "Home", "Menu", "Next"),
    *("On this page", "Previous", "Skip to content", "Dark mode", "Light mode", "Made with"),
    *("Auto light/dark, in dark mode", "Auto light/dark, in light mode"),
    *("Toggle Light / Dark / Auto color theme", "Toggle site navigation sidebar"),
    "Toggle table of contents sidebar",
)
IN_TAGS = re.compile(r'((?:<img alt|<iframe[^>]*? title|aria-label)=")([^"]+)(?=")')
BETWEEN = re.compile(r'(<summary>|<p>|<li>|<p class="live">)(.+?)(?=</(?:summary|p|li)>)', re.S)
FOLD = re.compile(r"(<summary>)([^<]+)(?=</summary>)")
Exchange = Callable[[re.Match[str]], str]


def messages(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the words of a notebook's outputs and folds, each once, in their order."""
    found: dict[str, None] = {}

    def note(words: re.Match[str]) -> str:
        found[html.unescape(words[2])] = None
        return words[0]

    _exchange(notebook, note)
    return list(found)


def translate(notebook: nbformat.NotebookNode, known: Mapping[str, str]) -> None:
    """Exchange the words that are known; others stay as they are."""
    if not known:
        return

    def exchange(words: re.Match[str]) -> str:
        found = known.get(html.unescape(words[2]))
        if found is None:
            return words[0]
        return words[1] + (html.escape(found) if words[1].endswith('"') else found)

    _exchange(notebook, exchange)


def _exchange(notebook: nbformat.NotebookNode, exchange: Exchange) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FOLD.sub(exchange, cell.source)
        for output in cell.get("outputs", []):
            page = output.get("data", {}).get("text/html", "")
            if page and "<table" not in page:
                output.data["text/html"] = BETWEEN.sub(exchange, IN_TAGS.sub(exchange, page))


def relabel(page: str, known: Mapping[str, str]) -> str:
    """Return a finished page whose labels are translated, and which names its two drawers."""
    for drawer, label in (("sidebar-drawer", "All pages"), ("toc-drawer", "This page")):
        page = page.replace(
            f'<aside class="{drawer}', f'<aside aria-label="{label}" class="{drawer}'
        )
    for label, words in known.items():
        shown = html.escape(words)
        page = page.replace(f'"{label}"', f'"{shown}"')
        page = re.sub(rf"(>\s*){re.escape(label)}(?=\s*<)", lambda at, to=shown: at[1] + to, page)
    return page


def read(path: Path) -> dict[str, str]:
    """Return the translations of a catalogue; none if there is no such file."""
    if not path.is_file():
        return {}
    return {str(m.id): str(m.string) for m in _read(path) if m.id and m.string and not m.fuzzy}


def add(path: Path, found: Iterable[str]) -> None:
    """Add messages to a catalogue without translations, or begin one."""
    catalogue = _read(path) if path.is_file() else Catalog()
    for message in found:
        catalogue.add(message)
    _write(path, catalogue)


def merge(template: Path, translated: Path, dest: Path) -> tuple[int, int, list[str]]:
    """Bring a translation up to date: sentences that are new get empty places.

    Where a sentence is only a little different, the old translation stands there, marked *fuzzy*
    until somebody has looked at it; until then it is not taken.

    Returns
    -------
    n_messages, n_translated : int
    gone : list of str
        What was translated and is no more in the course, or not in this form.
    """
    fresh = _read(template)
    old = _read(translated) if translated.is_file() else Catalog()
    known = {message.id for message in fresh}
    gone = [str(m.id) for m in old if m.id and m.string and m.id not in known]
    old.update(fresh)
    _write(dest, old)
    done = [m for m in old if m.id and m.string and not m.fuzzy]
    return len(fresh), len(done), gone


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def _write(path: Path, catalogue: Catalog) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=100, omit_header=False)
