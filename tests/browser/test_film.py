"""The inspector with film: film, words, strips and maps in step, on a page and in JupyterLab."""

import re

import numpy as np
import pytest
from filmed import SECONDS, filmed, make_film, safaris_film
from test_notebook import Notebook, write_notebook
from test_page import CONTRASTS, pixels

from cenet_lib import AttentionInspector, Corpus, Run

OPEN = """import sys
sys.path.append({tests!r})
from filmed import filmed
from cenet_lib import AttentionInspector, Corpus
corpus = Corpus.load("corpus")
one = filmed(corpus.test[0])
inspector = AttentionInspector.from_run("ce", corpus, [one], films="film.webm")
inspector"""


@pytest.fixture(scope="module")
def film():
    pytest.importorskip("av")
    return make_film()


@pytest.fixture(scope="module")
def corpus(workplace):
    return Corpus.load(workplace / "corpus")


@pytest.fixture(scope="module")
def pages(workplace, corpus, tmp_path_factory):
    """Return a page with the mesh alone, or with a film."""
    folder = tmp_path_factory.mktemp("pages")
    utterances = [filmed(corpus.test[0]), filmed(corpus.test[3]), corpus.test[4]]

    def page(film=None):
        path = folder / ("film.html" if film else "mesh.html")
        if not path.exists():
            films = film and {utterances[0].id: film}
            run = Run(workplace / "ce")
            inspector = AttentionInspector.from_run(run, corpus, utterances, films=films)
            inspector.utterance = utterances[0].id
            inspector.to_html(path, film=film is not None)
        return path.as_uri()

    return page


@pytest.fixture
def opened(pages, watched):
    def open_page(film=None, **settings):
        watch = watched(**settings)
        watch.page.goto(pages(film))
        watch.page.locator("section[aria-label=Film]").wait_for()
        return watch

    return open_page


def frames(page):
    """Return at which frame of face and voice the page stands."""
    strips = page.locator("canvas.strip").all()
    return [int(strip.get_attribute("aria-valuenow")) for strip in strips]


def seconds(page):
    return float(page.locator("input[type=range]").input_value())


def expected_frames(corpus, moment):
    one = corpus.test[0]
    return [
        int(moment * len(one.frames(stream)) / SECONDS + 1e-6) for stream in ("visual", "acoustic")
    ]


def test_playing_moves_everything_in_step(opened, corpus):
    watch = opened()
    page = watch.page
    before = [pixels(page, "canvas.mesh"), *(pixels(page, "canvas.strip", i) for i in (0, 1))]
    heads = [pixels(page, "canvas.head", i) for i in (0, 1)]
    page.locator("section[aria-label=Film] button").first.click()
    page.wait_for_function(
        "s => +s.value > 0.7", arg=page.locator("input[type=range]").element_handle()
    )
    page.locator("section[aria-label=Film] button").first.click()
    stopped = seconds(page)
    assert frames(page) == pytest.approx(expected_frames(corpus, stopped), abs=1)
    after = [pixels(page, "canvas.mesh"), *(pixels(page, "canvas.strip", i) for i in (0, 1))]
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert any(pixels(page, "canvas.head", i) != heads[i] for i in (0, 1))  # where the code is
    tinted = page.locator(".sentence button").evaluate_all(
        "words => words.filter((word) => word.style.background).length"
    )
    assert tinted > 0
    page.wait_for_timeout(250)
    assert seconds(page) == stopped
    assert "Only the mesh is here" in page.locator("section[aria-label=Film]").inner_text()
    assert watch.errors == []
    assert watch.requests == [page.url]


def test_it_stops_at_the_end_and_begins_anew(opened, corpus):
    page = opened().page
    slider = page.locator("input[type=range]")
    slider.focus()
    page.keyboard.press("End")
    assert seconds(page) == SECONDS
    assert frames(page) == [len(corpus.test[0].visual) - 1, len(corpus.test[0].acoustic) - 1]
    play = page.locator("section[aria-label=Film] button").first
    play.click()
    assert play.inner_text() == "❚❚ pause"
    page.wait_for_function("s => +s.value > 0.1 && +s.value < 2", arg=slider.element_handle())


def test_a_click_on_a_frame_or_a_code_seeks_and_hovering_only_shows(opened, corpus):
    page = opened().page
    n = len(corpus.test[0].visual)
    strip = page.locator("canvas.strip").first
    box = strip.bounding_box()
    mesh = pixels(page, "canvas.mesh")
    strip.hover(position={"x": box["width"] * 0.8, "y": 10})
    hovered = int(strip.get_attribute("aria-valuenow"))
    assert hovered == int(0.8 * n)
    assert pixels(page, "canvas.mesh") != mesh  # that frame's mesh
    page.locator("input[type=search]").hover()
    assert pixels(page, "canvas.mesh") == mesh  # and back
    assert seconds(page) == 0

    strip.click(position={"x": box["width"] * 0.5, "y": 10})
    page.locator("input[type=search]").hover()
    assert frames(page) == pytest.approx(expected_frames(corpus, seconds(page)), abs=1)
    assert int(strip.get_attribute("aria-valuenow")) == int(0.5 * n)
    code = re.search(r"code (\d+)", strip.get_attribute("aria-valuetext"))[1]
    assert page.locator(".profile h3").inner_text() == f"Face code {code}"

    here = seconds(page)
    other = page.locator(
        f".codes button[data-stream=visual]:not(.absent):not([data-code='{code}'])"
    )
    wanted = other.first.get_attribute("data-code")
    other.first.click()
    assert f"code {wanted}," in strip.get_attribute("aria-valuetext")
    assert seconds(page) != here
    assert seconds(page) == pytest.approx(
        SECONDS / n * int(strip.get_attribute("aria-valuenow")), abs=0.02
    )


def test_it_is_steered_by_keyboard_and_read_aloud(opened):
    page = opened().page
    slider = page.locator("input[type=range]")
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    assert seconds(page) == pytest.approx(0.3)
    told = slider.get_attribute("aria-valuetext")
    assert told.startswith("0.30 seconds; Face: frame ")
    assert "Voice: frame " in told
    strip = page.locator("canvas.strip").nth(1)
    strip.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert frames(page)[1] == 1
    page.keyboard.press(" ")
    pause = page.get_by_text("❚❚ pause")
    assert pause.count() == 3  # of the film, of the face, of the voice
    page.keyboard.press(" ")
    assert pause.count() == 0
    assert strip.get_attribute("aria-valuetext").count(" s") >= 1  # the film's seconds


def test_the_voice_has_a_lane_with_loudness_and_pitch(opened, corpus):
    page = opened().page
    voice, face = (page.locator("canvas.strip").nth(i).bounding_box()["height"] for i in (1, 0))
    assert voice > face + 30
    assert re.search(r"pitch \d+–\d+ Hz", page.locator(".band").first.inner_text())


def test_an_utterance_without_a_film_is_as_it_was(opened, corpus):
    page = opened().page
    page.locator("input[type=search]").fill(" ".join(corpus.test[4].words))
    page.locator("[role=option]").first.click()
    page.locator("section[aria-label=Film]").wait_for(state="hidden")
    strip = page.locator("canvas.strip").first
    strip.hover(position={"x": 100, "y": 10})
    assert int(strip.get_attribute("aria-valuenow")) > 0
    page.locator("input[type=search]").fill(" ".join(corpus.test[3].words))
    page.locator("[role=option]").first.click()
    page.locator("section[aria-label=Film]").wait_for()
    assert seconds(page) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_and_fits_a_narrow_page(scheme, opened):
    page = opened(color_scheme=scheme, viewport={"width": 420, "height": 800}).page
    weak = [entry for entry in page.evaluate(CONTRASTS) if entry[0] < 4.5]
    assert weak == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


# with the film itself


def wait_for_film(page):
    page.locator("[data-mode=both][aria-pressed=true]").wait_for()
    return page.locator("section[aria-label=Film] video")


def test_the_film_plays_under_the_mesh_or_alone(opened, film, corpus):
    watch = opened(film)
    page = watch.page
    video = wait_for_film(page)
    assert video.evaluate("v => [v.videoWidth, v.videoHeight]") == [160, 120]
    stage = page.locator(".film").bounding_box()
    assert stage["width"] / stage["height"] == pytest.approx(4 / 3, abs=0.02)
    page.locator("section[aria-label=Film] button").first.click()
    page.wait_for_function("v => v.currentTime > 0.6", arg=video.element_handle())
    page.locator("section[aria-label=Film] button").first.click()
    assert video.evaluate("v => v.paused")
    assert seconds(page) == pytest.approx(video.evaluate("v => v.currentTime"), abs=0.1)
    assert frames(page) == pytest.approx(expected_frames(corpus, seconds(page)), abs=1)

    # a click goes there; the pointer looks there and comes back
    strip = page.locator("canvas.strip").first
    width = strip.bounding_box()["width"]
    strip.click(position={"x": width * 0.5, "y": 10})
    there = video.evaluate("v => v.currentTime")
    assert there == pytest.approx(SECONDS / 2, abs=0.1)
    strip.hover(position={"x": width * 0.9, "y": 10})
    assert video.evaluate("v => v.currentTime") == pytest.approx(0.9 * SECONDS, abs=0.1)
    page.locator("input[type=search]").hover()
    assert video.evaluate("v => v.currentTime") == there

    mesh = page.locator("canvas.mesh")
    page.locator("[data-mode=film]").click()
    assert (video.is_visible(), mesh.is_visible()) == (True, False)
    page.locator("[data-mode=mesh]").click()
    assert (video.is_visible(), mesh.is_visible()) == (False, True)
    page.locator("[data-mode=both]").click()
    assert (video.is_visible(), mesh.is_visible()) == (True, True)
    assert watch.errors == []
    assert watch.left_the_machine() == []


# Where the bar of the film stands, in pixels of 160.
BAR = """video => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 120 });
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 160, 120);
  const row = context.getImageData(0, 60, 160, 1).data;
  const bright = [...Array(160).keys()].filter((x) => row[4 * x] > 140);
  return bright.length ? bright[0] : null;
}"""
MPG = {"form": "mpeg", "codecs": ("mpeg1video", "mp2")}


def mpg(seconds):
    return make_film(seconds, np.arange(0, seconds, 1 / 30), **MPG)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "length", "start"),
    [
        (make_film, 30.0, 24.0),  # a part is cut out
        (safaris_film, SECONDS, 0.0),
        (mpg, 30.0, 24.0),
    ],
)
def test_films_of_all_kinds_play_in_the_time_that_was_measured(
    make, length, start, watched, workplace, corpus, tmp_path
):
    pytest.importorskip("av")
    one, film = filmed(corpus.test[0], start=start), make(length)
    inspector = AttentionInspector.from_run(Run(workplace / "ce"), corpus, [one], films=film)
    inspector.to_html(tmp_path / "page.html", film=True)
    watch = watched()
    page = watch.page
    page.goto((tmp_path / "page.html").as_uri())
    video = wait_for_film(page)
    assert seconds(page) == start
    strip = page.locator("canvas.strip").first
    width = strip.bounding_box()["width"]
    for share in (0.5, 0.9):
        strip.click(position={"x": width * share, "y": 10})
        moment = start + share * SECONDS
        assert seconds(page) == pytest.approx(moment, abs=0.1)
        page.wait_for_function("v => !v.seeking", arg=video.element_handle())
        assert video.evaluate(BAR) == pytest.approx(140 * seconds(page) / length, abs=4)
    page.locator("input[type=range]").focus()
    page.keyboard.press("Home")
    page.locator("section[aria-label=Film] button").first.click()
    page.wait_for_function(
        f"s => +s.value > {start + 0.5}", arg=page.locator("input[type=range]").element_handle()
    )
    page.locator("section[aria-label=Film] button").first.click()
    assert video.evaluate(BAR) == pytest.approx(140 * seconds(page) / length, abs=8)
    assert watch.errors == []
    assert watch.left_the_machine() == []


def test_a_film_that_cannot_be_played_leaves_the_mesh(opened, pages, film, watched, tmp_path):
    pages(film)
    broken = tmp_path / "broken.html"
    page_path = pages(film).removeprefix("file://")
    with open(page_path, encoding="utf-8") as file:
        broken.write_text(re.sub(r'"data":"GkXf[^"]{2000}', '"data":"' + "A" * 2004, file.read()))
    watch = watched()
    watch.page.goto(broken.as_uri())
    watch.page.get_by_text("This browser cannot play the film").wait_for()
    assert watch.page.locator("canvas.mesh").is_visible()
    watch.page.locator("section[aria-label=Film] button").first.click()
    watch.page.wait_for_function(
        "s => +s.value > 0.2", arg=watch.page.locator("input[type=range]").element_handle()
    )


def test_in_a_notebook_the_film_comes_by_messages_and_is_not_saved(
    jupyter, watched, workplace, film
):
    from pathlib import Path

    (workplace / "film.webm").write_bytes(film)
    source = OPEN.format(tests=str(Path(__file__).parents[1]))
    write_notebook(workplace / "film.ipynb", [source, "print([inspector.code])"])
    watch = watched(its_own=True)
    notebook = Notebook(watch.page, f"{jupyter}/lab/tree/film.ipynb")
    notebook.run(0)
    cell = notebook.cell(0)
    cell.locator("[data-mode=both][aria-pressed=true]").wait_for()
    video = cell.locator("section[aria-label=Film] video")
    assert video.evaluate("v => v.duration") == pytest.approx(SECONDS, abs=0.2)
    cell.locator("canvas.strip").first.click(position={"x": 200, "y": 10})
    assert video.evaluate("v => v.currentTime") > 0.3
    assert notebook.printed(1)[0][0] == "visual"
    watch.page.keyboard.press("Control+s")
    watch.page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    saved = (workplace / "film.ipynb").read_text(encoding="utf-8")
    assert "GkXf" not in saved  # base64 of a webm's beginning
    assert watch.left_the_machine() == []
