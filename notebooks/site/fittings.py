"""What the reading site has beyond its theme: MathJax from the disk, words that explain themselves.

Sphinx loads this as an extension.
"""

import html
import re
from importlib.metadata import files
from pathlib import Path

from docutils import nodes
from editions import words
from sphinx.application import Sphinx

from cenet_lib.files import read_json
from cenet_lib.inspector.page import page_html

GLOSSARY = "notebooks/GLOSSARY"
MEND = "build the notebook again"
TERM = re.compile(r'<a class="reference internal" href="([^"]*GLOSSARY\.html)?#([\w-]+)">')

EMPTY_HEADER = re.compile(r"<th(?: class=\"[^\"]*\")?>(?:<p></p>)?</th>")
WORTH = re.compile(r" · [★☆]{3} · \d+ minutes? · \d+ points?")  # of an exercise


def copy_mathjax(app: Sphinx) -> None:
    """Take MathJax from a package, so that no page asks a server for it."""
    if app.builder.format != "html":
        return
    [source] = [f for f in files("sphinx-mathjax-offline") or [] if f.name == "tex-svg.js"]
    target = Path(app.outdir) / "_static" / "tex-svg.js"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_binary())


def write_live_pages(app: Sphinx) -> None:
    """Make the pages of inspectors from their data, with the code of the page as it is now."""
    if app.builder.name != "html":
        return
    folder = Path(app.outdir) / "_static"
    for data in sorted((Path(app.confdir) / "live").glob("*.json")):
        (folder / f"{data.stem}.html").write_text(
            page_html(read_json(data, MEND)), encoding="utf-8"
        )


def explain_terms(
    app: Sphinx, pagename: str, template: str, context: dict, doctree: object
) -> None:
    """Give each link into the glossary the meaning of its word, which site.js shows."""
    if "body" not in context or GLOSSARY not in app.env.all_docs:
        return
    meanings = _meanings(app)

    def with_meaning(link: re.Match) -> str:
        page, term = link.groups()
        inside = pagename == GLOSSARY
        if term not in meanings or (not page and not inside):
            return link[0]
        return f'{link[0][:-1]} data-meaning="{html.escape(meanings[term])}">'

    context["body"] = TERM.sub(with_meaning, context["body"])


def _meanings(app: Sphinx) -> dict[str, str]:
    """Return the first paragraph of each entry of the glossary by its anchor."""
    if not hasattr(app, "cenet_meanings"):
        found = {}
        for section in app.env.get_doctree(GLOSSARY).findall(nodes.section):
            paragraph = next(section.findall(nodes.paragraph), None)
            if paragraph is not None:
                text = re.sub(r" See notebook \d\.$", "", paragraph.astext())
                found |= {name: text for name in (section.get("slug"), *section["ids"]) if name}
        app.cenet_meanings = found
    return app.cenet_meanings


def end_exercises(app: Sphinx, doctree: nodes.document) -> None:
    """Let an exercise end with its check and its solution: the story goes on outside of it."""
    for section in list(doctree.findall(nodes.section)):
        end = _end_of_exercise(section)
        if end is not None:
            rest = section.children[end:]
            del section.children[end:]
            section.parent.insert(section.parent.index(section) + 1, rest)


def _end_of_exercise(section: nodes.section) -> int | None:
    """Return which of its parts is the first outside of it; None for other sections."""
    starts = [part.astext().lstrip() for part in section.children]
    ends = [i for i, text in enumerate(starts) if text.startswith('check("')]
    if not ends:
        return None
    end = ends[-1] + 1
    if starts[end : end + 1] and starts[end].startswith('<details class="solution">'):
        return 1 + starts.index("</details>", end)
    return end


def mend_markup(app: Sphinx, pagename: str, template: str, context: dict, tree: object) -> None:
    """Shorten the names of exercises beside a page; mend what a screen reader stumbles over."""
    for part, pattern, instead in (
        ("toc", WORTH, ""),
        ("body", EMPTY_HEADER, "<td></td>"),
        ("furo_navigation_tree", re.compile('role="heading"'), 'role="heading" aria-level="2"'),
    ):
        if part in context:
            context[part] = pattern.sub(instead, context[part])


def skip_foreign(
    app: Sphinx, what: str, name: str, member: object, skip: bool, options: object
) -> bool | None:
    """Leave out what a class has from a library, such as scikit-learn's requests for metadata."""
    module = getattr(member, "__module__", None) or "cenet_lib"
    return True if not module.startswith(("cenet_lib", "builtins")) else None


def label_pages(app: Sphinx, fault: Exception | None) -> None:
    """Name the drawers of each page, and translate the labels of the theme."""
    if app.builder.name != "html" or fault:
        return
    folder = Path(app.config.locale_dirs[0]) / app.config.language / "LC_MESSAGES"
    known = words.read(folder / f"{words.NAME_OF_LABELS}.po")
    for path in Path(app.outdir).rglob("*.html"):
        if "_static" not in path.parts:
            page = words.relabel(path.read_text(encoding="utf-8"), known)
            path.write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect each to its moment."""
    app.connect("builder-inited", copy_mathjax)
    app.connect("builder-inited", write_live_pages)
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("doctree-read", end_exercises)
    app.connect("html-page-context", explain_terms)
    app.connect("build-finished", label_pages)
    app.connect("html-page-context", mend_markup, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": False}
