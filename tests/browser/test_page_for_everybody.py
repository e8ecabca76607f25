"""The exported page for all who read it: on narrow screens, on paper, by ear."""

import csv
import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from axe import load_axe, skip_without_axe, violations
from firefox import firefox_program, start_firefox

from cenet_lib import AttentionInspector
from cenet_lib.inspector.page import page_module
from cenet_lib.inspector.records import unpack

INSIDE = "document.querySelector('#inspector div').shadowRoot"
ARABIC = ("هذا", "فيلم", "رائع", "جدا", "\u200b")  # its last word is not read


@pytest.fixture(scope="module")
def exported(inspector, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    inspector.to_html(path, 4)
    return path


@pytest.fixture(scope="module")
def arabic(inspector, tmp_path_factory):
    subject, one = inspector.subjects[0], inspector.corpus.test[2]
    path = tmp_path_factory.mktemp("arabic") / "page.html"
    told = replace(one, words=ARABIC)
    AttentionInspector(subject.model, subject.processor, inspector.corpus, [told]).to_html(path)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(scheme, opened, arabic):
    skip_without_axe()
    page = opened(color_scheme=scheme).page
    load_axe(page)
    states = {
        "at first": lambda: None,
        "word and code": lambda: page.locator("canvas.map").first.click(position={"x": 8, "y": 8}),
        "channels": lambda: page.locator(".profile summary").click(),
        "frames": lambda: page.locator("[data-view=frames]").click(),
        "tables": lambda: page.get_by_text("as tables").click(),
        "tour": lambda: page.get_by_text("Take the tour").click(),
        "narrow": lambda: page.set_viewport_size({"width": 390, "height": 800}),
        "nothing found": lambda: page.locator("input[type=search]").fill("nobody said this"),
    }
    found = {}
    for state, reach in states.items():
        reach()
        found[state] = violations(page)
    page.goto(arabic.as_uri())
    load_axe(page)
    found["words that are not read"] = violations(page)
    assert {state: some for state, some in found.items() if some} == {}


def test_heading_and_tour_lead_through_the_page(opened):
    page = opened().page
    assert page.locator("h1").inner_text() == "ce"
    assert page.title() == "ce: attention inspector"
    assert page.locator(".heading p b").all_inner_texts() == ["word", "code", "cell"]
    page.get_by_text("Take the tour").click()
    sections = []
    for step in range(1, 5):
        assert page.locator(".tour p").inner_text().startswith(f"{step} of 4: ")
        sections.append(page.locator(".toured").get_attribute("aria-label"))
        page.keyboard.press("Enter")  # the next step has the focus
    assert len(set(sections)) == 4
    assert page.locator(".tour").count() == 0
    page.get_by_text("Take the tour").click()
    page.get_by_text("skip the tour").click()
    assert page.locator(".tour").count() == 0
    page.get_by_text("Take the tour").click()
    page.keyboard.press("Escape")
    assert page.locator(".tour").count() == 0


def test_a_word_under_the_pointer_shows_its_row_and_a_row_its_word(opened):
    page = opened().page
    page.locator(".sentence button").nth(2).hover()
    marks = page.locator(".hovered").all()
    row = page.locator(".words > div").nth(2).bounding_box()
    assert [mark.bounding_box()["y"] for mark in marks] == pytest.approx([row["y"]] * 2, abs=1)
    page.locator("canvas.map").first.hover(position={"x": 8, "y": 2 + 1.5 * row["height"]})
    assert (
        page.locator(".sentence .near").inner_text()
        == page.locator(".sentence button").nth(1).inner_text()
    )
    assert page.locator(".tip canvas").is_visible()  # the code of the cell
    page.mouse.move(0, 0)
    assert page.locator(".hovered:visible").count() == 0


def test_the_address_holds_what_is_chosen(opened, inspector, exported, tmp_path):
    other = inspector._most_moved(4)[1]
    watch = opened(f"#utterance={other}&word=1&code=voice-2&view=frames")
    page = watch.page
    pressed = page.locator(".sentence button[aria-pressed=true]")
    assert pressed.inner_text() == page.locator(".sentence button").nth(1).inner_text()
    assert page.locator(".profile h3").inner_text() == "Voice code 2"
    assert page.locator("[data-view=frames]").get_attribute("aria-pressed") == "true"
    assert page.locator("[role=option][aria-selected=true]").get_attribute("data-id") == other
    page.locator(".sentence button").first.click()
    page.locator("[data-view=codes]").click()
    page.wait_for_url(f"**#utterance={other}&word=0&code=voice-2")
    page.evaluate(f"location.hash = '#utterance={other}&code=face-3'")
    page.locator(".profile h3", has_text="Face code 3").wait_for()
    assert pressed.count() == 0
    for nonsense in ("#utterance=nobody", f"#utterance={other}&word=99&code=face-99", "#%E0%A4%A"):
        page.goto("about:blank")
        page.goto(exported.as_uri() + nonsense)
        page.locator(".sentence button").first.wait_for()
        assert page.locator("[aria-pressed=true]").count() == 2  # a column of the list, a view
    outer = tmp_path / "outer.html"
    outer.write_text(f'<iframe src="{exported.as_uri()}" width="1200" height="900"></iframe>')
    page.goto(outer.as_uri())
    page.frame_locator("iframe").locator(".sentence button").first.click()
    assert page.url == outer.as_uri()
    assert watch.errors == []


def test_pictures_and_numbers_are_saved_from_the_page(opened, inspector):
    watch = opened()
    page = watch.page

    def saved(kind):
        with page.expect_download() as download:
            page.get_by_label(f"save as {kind}").click()
        assert download.value.suggested_filename == f"{inspector.utterance}.{kind.lower()}"
        return Path(download.value.path()).read_bytes()

    page.locator(".sentence button").first.click()
    words = inspector._record["words"]
    png = saved("PNG")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(png[16:20]) == 1800
    drawn = ElementTree.fromstring(saved("SVG"))
    said = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {*words, "words alone", "Face", "Voice"} <= {*said, *" ".join(said).split()}
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}path"))) > 100  # the codes' pictures
    rows = list(csv.DictReader(io.StringIO(saved("CSV").decode("utf-8-sig"), newline="")))
    attention = unpack(inspector._record["subjects"][0]["acoustic"]["attention"])
    effects = inspector._effects["subjects"][0]
    for row in rows:
        stream = {"face": "visual", "voice": "acoustic"}[row["stream"]]
        for column, told in (("effect", "effects"), ("left_out", "left_out")):
            expected = effects[stream][told].get(row["code"])
            found = float(row[column]) if row[column] else None
            assert found == (expected if expected is None else pytest.approx(expected, abs=2e-5))
        if row["stream"] == "voice" and row["code"] != "padding":
            place = int(row["position"])
            assert row["word"] == [*words, inspector._corpus["first_token"]][place]
            assert float(row["attention"]) == pytest.approx(
                attention[place, int(row["code"])], rel=2e-3, abs=1e-6
            )
    page.locator("[data-view=frames]").click()
    assert b"<image" in saved("SVG")
    assert watch.errors == []
    assert watch.left_the_machine() == []


def test_on_paper_maps_are_one_under_the_other_and_white(opened):
    page = opened(color_scheme="dark").page
    maps = page.locator("canvas.map")

    def places():
        return [(box["x"], box["y"]) for box in (one.bounding_box() for one in maps.all())]

    (left, top), (right, beside) = places()
    assert (left < right, top) == (True, pytest.approx(beside, abs=1))
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_timeout(100)
    (left, top), (right, below) = places()
    assert left == pytest.approx(right, abs=1)
    assert below > top + 50
    style = page.locator(".root").evaluate("e => [getComputedStyle(e).color, e.clientWidth]")
    assert style[0] == "rgb(26, 30, 38)"
    # no pixel of a map is dark paper: the least attention is white
    corner = maps.first.evaluate("c => [...c.getContext('2d').getImageData(2, 2, 1, 1).data]")
    assert min(corner) > 120
    assert page.locator("input[type=search]").is_hidden()
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_timeout(100)
    back = page.locator(".root").evaluate("e => getComputedStyle(e).color")
    assert back == "rgb(233, 235, 240)"


@pytest.mark.parametrize("width", [390, 320])  # 320: 1280 pixels at 400 %
def test_narrow_pages_do_not_overflow_and_pictures_stay_large_enough(width, opened):
    page = opened(viewport={"width": width, "height": 800}).page
    page.locator(".codes button").nth(2).click()
    page.locator(".sentence button").nth(1).click()
    for view in ("codes", "frames"):
        page.locator(f"[data-view={view}]").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        inside = page.locator(".root").evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert inside[0] <= inside[1], view
    page.get_by_text("as tables").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pictures_of_codes_have_room_and_are_found_where_they_stand(watched):
    module = page_module() + "export { Plot, signed, plain, counted };"
    heads, found, numbers = watched().page.evaluate(
        """async (module) => {
          const url = "data:text/javascript," + encodeURIComponent(module);
          const { Plot, signed, plain, counted } = await import(url);
          const plot = (width, n) => new Plot({ data: { columns: [...Array(n).keys()], rows: 3 },
            width, rowHeight: 20, frames: false });
          const heads = [[156, 16], [226, 16], [430, 64], [430, 10], [226, 64]].map(
            ([width, n]) => plot(width, n).head);
          const narrow = plot(226, 16);
          const found = narrow.data.columns.map((i) => narrow.codeInHead(
            (i + 0.5) * narrow.columnWidth, (i % narrow.head.levels + 0.5) * narrow.head.step));
          const numbers = [signed(-0.001), signed(0), signed(-0.5), plain(-0.004), plain(2),
            counted(1, "frame"), counted(1200, "frame")];
          return [heads, found, numbers] }""",
        module,
    )
    assert all(head["size"] >= 16 for head in heads[:4])
    assert [head["levels"] for head in heads[3:]] == [1, 6]
    assert found == list(range(16))
    assert numbers == ["0.00", "0.00", "−0.50", "0.00", "2.00", "1 frame", "1,200 frames"]


def test_words_that_run_right_to_left_do_so(opened, arabic):
    page = opened(path=arabic).page
    boxes = [button.bounding_box() for button in page.locator(".sentence button").all()]
    assert [box["x"] for box in boxes] == sorted((box["x"] for box in boxes), reverse=True)
    page.locator(".sentence button").first.focus()
    page.keyboard.press("ArrowLeft")
    focused = f"[...{INSIDE}.querySelectorAll('.sentence button')].indexOf({INSIDE}.activeElement)"
    assert page.evaluate(focused) == 1
    note = page.locator(".unread-note")
    assert note.inner_text() == "The model reads the first 4 words."
    spacing, unread = page.evaluate(
        f"""[getComputedStyle({INSIDE}.querySelector('.unread-note')).wordSpacing,
        getComputedStyle({INSIDE}.querySelector('.sentence .unread')).textDecorationLine]"""
    )
    assert (spacing, unread) == ("0px", "none")


def test_what_channels_are_is_said_beside_their_names(opened):
    page = opened("#code=voice-2").page  # a code alone, as one would write an address by hand
    assert page.locator(".profile h3").inner_text() == "Voice code 2"
    names = page.locator(".channels > span:first-child, .channels > span:nth-child(3n + 1)")
    about = {name.inner_text(): name.get_attribute("title") for name in names.all()}
    said = dict(line.split(": ", 1) for line in page.locator(".kinds li").all_inner_texts())
    for name, words in about.items():
        assert said[name.rsplit("_", 1)[0] if name[-1].isdigit() and "_" in name else name] == words
    page.get_by_text("all 74 channels").click()
    rows = page.locator(".profile tbody tr")
    rows.nth(73).wait_for()  # they are made when the fold opens
    assert rows.count() == 74
    told = dict(
        rows.evaluate_all(
            "all => all.map(e => [e.children[0], e.children[3]].map(c => c.innerText))"
        )
    )
    assert told["MCEP_5"].startswith("timbre")
    assert "" not in told.values()


def test_codes_look_different_and_skin_is_no_sign(opened, inspector):
    page = opened().page
    pictures = page.locator(".codes canvas").evaluate_all(
        "all => all.map(c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data])"
    )
    side = int(np.sqrt(len(pictures[0]) / 4))
    pictures = np.array(pictures).reshape(len(pictures), side, side, 4)
    n_faces = inspector._corpus["vocabularies"][0]["visual"]["k"]
    for some in (pictures[:n_faces], pictures[n_faces:]):
        for i, one in enumerate(some):
            for other in some[:i]:
                assert np.abs(one.astype(int) - other).mean() > 2
    page.locator(".codes").nth(1).locator("button").first.click()
    book = inspector._corpus["vocabularies"][0]["acoustic"]
    bars = ", ".join(book["names"][j] for j in book["bars"])
    assert f"The bars are {bars}, which set codes apart." in page.locator(".profile").inner_text()
    # the cheeks of every face are white, whatever its valence
    cheeks = pictures[:n_faces, side // 2, side // 2 - 2 : side // 2 + 2, :3]
    assert cheeks.min() > 240 or np.ptp(cheeks.astype(int), axis=-1).max() < 12


def test_forced_colours_show_what_is_pressed(opened):
    page = opened(forced_colors="active").page
    page.locator(".sentence button").first.click()
    for selector in (".sentence button", ".switch button", ".columns button"):
        on = page.locator(f"{selector}[aria-pressed=true]").first
        off = page.locator(f"{selector}[aria-pressed=false]").first
        look = "e => getComputedStyle(e).backgroundColor"
        assert on.evaluate(look) != off.evaluate(look), selector


def test_in_firefox_columns_stand_above_their_numbers(exported, tmp_path):
    if firefox_program() is None:
        pytest.skip("there is no Firefox on this machine; install the package 'firefox-esr'")
    with start_firefox(tmp_path) as firefox:
        firefox.open(exported.as_uri(), 1400)
        firefox.ask("new Promise(done => setTimeout(() => done(1), 500))")
        rights = firefox.ask(
            f"""['.columns button', '[role=option] > :not(:first-child)'].map(s =>
            [...{INSIDE}.querySelectorAll(s)].slice(0, 5).map(
              e => e.getBoundingClientRect().right))"""
        )
        assert rights[0] == pytest.approx(rights[1], abs=1)
        assert len(rights[0]) == 5
        firefox.open(exported.as_uri() + "#narrow", 390)
        assert firefox.ask("document.documentElement.scrollWidth") <= 390
