"""The course on paper: read as a PDF, with contents that tell the truth and links that lead."""

import re

import processes
import pytest
from building import NOTEBOOKS

pytest.importorskip("sphinx")
pypdf = pytest.importorskip("pypdf")

CHAPTERS = ("01", "06")  # two of the eight: the second has an inspector


PRINT = "import sys; from building import build; sys.exit(build.main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def book(browser, tmp_path_factory):
    """Print in a process of its own: in this one, Playwright already drives the other browser."""
    path = tmp_path_factory.mktemp("paper") / "course.pdf"
    done = processes.python(PRINT, *CHAPTERS, "--pdf", str(path), cwd=path.parent, timeout=300)
    assert done.returncode == 0, done.stderr
    return pypdf.PdfReader(path)


@pytest.fixture(scope="module")
def sheets(book):
    """Return the text of each page, in one line."""
    return [" ".join(page.extract_text().split()) for page in book.pages]


def test_it_begins_with_a_title_and_contents_that_tell_where_headings_are(book, sheets):
    assert sheets[0].startswith("CENet, explained and running")
    contents = re.findall(r"^(.+) (\d+)$", book.pages[1].extract_text(), re.M)
    titles = [title for title, _ in contents]
    for wanted in ("Why three streams?", "Solutions", "Glossary", "Notation", "References"):
        assert titles.count(wanted) == 1
    assert titles.count("What you did") == len(CHAPTERS)
    for title, number in contents:
        assert title in sheets[int(number) - 1], title
    numbers = [int(number) for _, number in contents]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 10


def test_no_sheet_is_empty_and_each_has_its_number_and_its_chapter(book, sheets):
    assert min(map(len, sheets)) > 100
    names = {"1", "6", "Solutions", "Glossary", "Notation", "References"}
    for number, page in enumerate(book.pages[2:], start=3):
        name, shown = page.extract_text().splitlines()[:2]
        assert name.partition(" ·")[0] in names
        assert shown == str(number)


def test_links_inside_lead_to_places(book, sheets):
    notes = [[n.get_object() for n in page.get("/Annots") or []] for page in book.pages]
    wanted = [[note["/Dest"] for note in found if "/Dest" in note] for found in notes]
    everywhere = [place for found in wanted for place in found]
    assert len(everywhere) > 40
    assert set(everywhere) <= set(book.named_destinations)
    word = next(found[0] for found in wanted[2:] if found)  # behind the contents: of the glossary
    place = book.get_destination_page_number(book.named_destinations[word])
    assert sheets[place].startswith("Glossary")


def test_chapters_have_all_pictures_and_solutions_stand_at_the_end(book, sheets):
    for chapter in CHAPTERS:
        [stored] = NOTEBOOKS.glob(f"{chapter}_*.ipynb")
        source = stored.read_text(encoding="utf-8")
        shown = source.count("data:image/png")
        own = [i for i, text in enumerate(sheets) if text.startswith(f"{int(chapter)} ·")]
        assert sum(len(book.pages[i].images) for i in own) >= shown
    answers = " ".join(text for text in sheets if text.startswith("Solutions"))
    assert "Exercise 1.1 · What padding costs" in answers
    assert "return 1 - lengths.sum()" in answers
    assert "".join(sheets).count("return 1 - lengths.sum()") == 1
    assert "SOLUTION" not in answers
