"""The slides of the lectures: they need no network, and nothing hangs over their edges."""

import pytest
from building import build

pytest.importorskip("nbconvert")
slides = build.slides


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    assert build.main(["--slides", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("number", [1, 2])
def test_a_lecture_opens_from_the_disk_and_fits(number, folder, watched):
    watch = watched(viewport={"width": 1280, "height": 760})
    page = watch.page
    page.goto((folder / f"lecture-{number}.html").as_uri())
    page.locator(".reveal.ready").wait_for()
    sections = list(slides.LECTURES.values())[number - 1]
    assert page.evaluate("Reveal.getTotalSlides()") > 1.5 * len(sections)
    page.wait_for_function("document.querySelector('mjx-container svg') !== null")
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    shown = "Reveal.getSlides().map((slide) => { slide.style.display = 'block'; return"
    assert max(page.evaluate(f"{shown} slide.scrollHeight; }})")) <= 720
    assert max(page.evaluate(f"{shown} slide.scrollWidth; }})")) <= 1200
    assert page.evaluate("[...document.images].filter((image) => !image.alt).length") == 0
    assert page.evaluate("[...document.images].filter((image) => !image.naturalWidth).length") == 0
    assert watch.left_the_machine() == []
    assert watch.errors == []


def test_no_answer_is_on_a_slide():
    for sections in slides.LECTURES.values():
        for chapter, heading in sections:
            cells = slides.section(chapter, heading)
            assert not any("### Exercise" in cell.source for cell in cells)
            assert not any("nbgrader" in cell.metadata for cell in cells)


def test_a_section_that_was_renamed_stops_the_build():
    with pytest.raises(slides.SlidesError, match="has no section 'Gone'"):
        slides.section(1, "Gone")


def test_what_a_colon_announces_stands_on_the_same_slide():
    announced = "In one line:\n\n" + "$$a$$" + "\n\n" + "word " * 90
    first, rest = slides._first_words("word " * 80 + "\n\n" + announced)
    assert first.split() == ["word"] * 80
    assert slides._first_words(announced)[0] == "In one line:\n\n$$a$$"
    assert rest.startswith("In one line")


def test_pictures_and_tables_say_where_they_belong(folder):
    page = (folder / "lecture-2.html").read_text(encoding="utf-8")
    shown = page.count('<figure class="shown">')
    assert shown > 10
    assert page.count('<p class="section">') == shown
    assert "<figcaption>Left</figcaption>" not in page
