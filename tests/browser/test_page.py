"""The exported page, alone in the browser: the same inspector without kernel and network."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cenet_lib import AttentionInspector, TrainingSettings
from cenet_lib.inspector.face import FACE, face_curves
from cenet_lib.inspector.figure import in_words, signed
from cenet_lib.inspector.page import page_module
from cenet_lib.inspector.pictures import bar_heights, layout, wave
from cenet_lib.inspector.records import unpack
from cenet_lib.inspector.shapley import Blend
from cenet_lib.runs.preparation import build
from cenet_lib.utterance import STREAMS

# Three digits are shown of what a page keeps in float16: 0.1495 may become 0.150.
THREE_DIGITS = 5e-3 + 5e-4

NAMES = ("face", "voice")


@pytest.fixture(scope="module")
def exported(inspector, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    inspector.to_html(path)
    return path


@pytest.fixture
def opened(exported, watched):
    def open_page(**settings):
        watch = watched(**settings)
        watch.page.goto(exported.as_uri())
        watch.page.locator(".sentence button").first.wait_for()
        return watch

    return open_page


def choose(page, words):
    page.locator("input[type=search]").fill(words)
    page.locator("[role=option]").first.click()


def pixels(page, selector, place=0):
    """Return a canvas's content, to tell whether it changed."""
    return page.locator(selector).nth(place).evaluate("canvas => canvas.toDataURL()")


def test_a_person_finds_the_code_that_lowers_great(opened, inspector):
    watch = opened()
    page = watch.page
    choose(page, "great film onerror")
    words = page.locator(".sentence button").all_inner_texts()
    assert words[3] == "great"
    assert words[6:] == [
        '<img src=x onerror="window.hacked=1">',
        "</script><script>window.hacked=2</script>",
    ]
    assert page.evaluate("window.hacked") is None

    # the sentence about what face and voice move leads to the profile of the code that it names
    inspector.utterance = "speaker63_01"
    entry = inspector._effects["subjects"][0]
    predictions = inspector._record["subjects"][0]["predictions"]
    stream, code = entry["headline"]["code"]
    assert page.locator(".finding p").first.inner_text() == sentence_of(inspector)
    assert f"together {signed(entry['moved'])}" in page.locator(".finding .note").inner_text()
    sums = {name: sum(entry[s]["effects"].values()) for s, name in zip(STREAMS, NAMES, strict=True)}
    most = max(sums, key=lambda name: abs(sums[name]))  # the stream that moves it
    assert f"the {most}: {signed(sums[most])}" in page.locator(".finding p").nth(1).inner_text()
    page.locator(".finding button").first.click()
    title = f"{'Face' if stream == 'visual' else 'Voice'} code {code}"
    assert page.locator(".profile h3").inner_text() == title
    profile = page.locator(".profile").inner_text()
    assert f"is {signed(entry[stream]['effects'][str(code)])}, of" in profile
    without = predictions["all"] - entry[stream]["left_out"][str(code)]
    assert f"Left out alone, the prediction is {signed(without)}" in profile
    assert page.locator("ul.near li").count() == 5

    # a word: its row in both maps, its frames on the strips, its numbers in the notes
    maps = [pixels(page, "canvas.map", i) for i in (0, 1)]
    strips = [pixels(page, "canvas.strip", i) for i in (0, 1)]
    page.locator(".sentence button", has_text="great").click()
    assert [pixels(page, "canvas.map", i) != maps[i] for i in (0, 1)] == [True, True]
    assert [pixels(page, "canvas.strip", i) != strips[i] for i in (0, 1)] == [True, True]
    for note in page.locator(".band .note").all()[:2]:
        plain = "Attention is what the module mixed in, not a reason. “great”: entropy "
        assert note.inner_text().startswith(plain)
    page.keyboard.press("Escape")
    assert page.locator(".sentence button[aria-pressed=true]").count() == 0
    assert watch.errors == []
    assert watch.requests == [page.url.split("#")[0]]  # the file itself, nothing else


def sentence_of(inspector):
    books = inspector._corpus["vocabularies"][0]
    captions = {s: [code["caption"] for code in books[s]["codes"]] for s in STREAMS}
    predictions = inspector._record["subjects"][0]["predictions"]
    return in_words(inspector._effects["subjects"][0], predictions, captions)


def test_codes_are_taken_away_and_put_back(opened, inspector):
    page = opened().page
    choose(page, "great film onerror")
    inspector.utterance = "speaker63_01"
    entry = inspector._effects["subjects"][0]
    told = page.locator(".taken p")
    page.locator("[data-act=raising]").click()
    assert f": {signed(entry['without']['raising'])} instead of" in told.inner_text()
    assert "estimate" not in told.inner_text()
    assert page.locator("[data-act=raising]").get_attribute("aria-pressed") == "true"
    page.locator("[data-act=positive]").click()
    assert f"positive cues: {signed(entry['without']['positive'])} instead" in told.inner_text()
    page.locator("[data-act=back]").click()
    assert told.inner_text() == ""

    # two codes, which nobody computed: an estimate
    gone = [player for player in entry["players"] if player[0] == "visual"][:2]
    for stream, code in gone:
        page.locator(f".codes [data-stream={stream}][data-code='{code}']").click()
        page.locator("[data-act=chosen]").click()
    weights, gains, rest = (unpack(packed) for packed in entry["estimate"].values())
    kept = np.array([player not in gone for player in entry["players"]])
    teams = np.array([STREAMS.index(stream) for stream, _ in entry["players"]])
    value = Blend(weights, gains, teams)(kept[None])[0] + rest @ kept
    value += inspector._record["subjects"][0]["predictions"]["none"]
    assert f": {signed(value)} instead of" in told.inner_text()
    assert "an estimate" in told.inner_text()


@pytest.mark.parametrize("fusion", ["none", "late", "mag"])
def test_models_that_do_not_attend_have_a_page(fusion, inspector, workplace, tmp_path, watched):
    settings = TrainingSettings(backbone=str(workplace / "backbone"), fusion=fusion)
    processor, model = build(inspector.corpus, settings)
    utterances = list(inspector.corpus.test[:2])
    other = AttentionInspector(model.eval(), processor, inspector.corpus, utterances)
    other.to_html(tmp_path / "page.html")
    watch = watched()
    page = watch.page
    page.goto((tmp_path / "page.html").as_uri())
    page.locator(".sentence button").first.wait_for()
    maps, codes = (page.locator(f"section[aria-label='{s}']") for s in ("Attention maps", "Codes"))
    assert [maps.is_visible(), codes.is_visible()] == [fusion != "none"] * 2
    assert page.locator(".legend").is_visible() is False
    assert page.locator("canvas.map").count() == 0
    heads = page.locator("canvas.head")
    assert [head.is_visible() for head in heads.all()] == [fusion != "none"] * heads.count()
    assert page.locator(".shifts").count() == (2 if fusion == "mag" else 0)
    for row in page.locator(".shifts > div").all():  # a line of text each, and none on the next
        heights = row.evaluate("e => [e.lastChild.offsetHeight, e.offsetHeight]")
        assert heights[0] <= heights[1]
    columns = page.locator(".columns button").all_inner_texts()
    assert [name.split()[0] for name in columns][3:] == ([] if fusion == "none" else ["moved"])
    about = page.locator(".whatif summary").inner_text()
    assert about.endswith("change a word" if fusion == "none" else "or a stretch of time")
    assert page.locator(".tabs").is_visible() == (fusion != "none")
    assert ("shifts what the head reads by" in page.locator(".root").inner_text()) == (
        fusion == "late"
    )
    if fusion != "none":  # there is no attention to be shown of all utterances either
        page.get_by_role("tab", name="all 2 utterances").click()
        page.locator(".wordtable .note", has_text="mean effect of a code").wait_for()
        assert page.locator(".wordtable .switch").is_hidden()
    assert watch.errors == []


def test_tips_tell_exact_values_by_code_and_by_frame(opened, inspector):
    from cenet_lib.inspector.records import unpack

    page = opened().page
    choose(page, "that is a great film onerror")
    inspector.utterance = "speaker63_01"
    attention = unpack(inspector._record["subjects"][0]["visual"]["attention"])
    codes = unpack(inspector._record["subjects"][0]["visual"]["codes"])
    book = inspector._corpus["vocabularies"][0]["visual"]
    column = next(code for code in book["order"] if code in codes)

    map_ = page.locator("canvas.map").first
    map_.hover(position={"x": 8, "y": 8})
    tip = page.locator(".tip").inner_text()
    assert f"“that” × face code {column}" in tip
    shown = float(tip.splitlines()[0].split(": ")[1])
    assert shown == pytest.approx(attention[0, column], rel=THREE_DIGITS)
    page.locator("[data-view=frames]").click()
    map_.hover(position={"x": 2, "y": 8})
    tip = page.locator(".tip").inner_text()
    share = attention[0, codes[0]] / (codes == codes[0]).sum()
    assert "“that” × frame 0" in tip
    shown = float(tip.splitlines()[0].split(": ")[1])
    assert shown == pytest.approx(share, rel=THREE_DIGITS)


def test_time_can_be_zoomed_and_panned_by_mouse_and_keys(opened):
    page = opened().page
    page.locator("[data-view=frames]").click()
    strip = page.locator("canvas.strip").first
    whole = pixels(page, "canvas.map")
    page.locator("button[title='zoom in']").first.click()
    closer = pixels(page, "canvas.map")
    assert closer != whole
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 10, steps=4)
    page.mouse.up()
    panned = pixels(page, "canvas.map")
    assert panned != closer
    assert page.locator(".profile h3").count() == 0  # a pan is no click
    strip.focus()
    page.keyboard.press("0")
    page.keyboard.press("Home")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    before = strip.get_attribute("aria-valuenow")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    assert strip.get_attribute("aria-valuenow") == before
    assert pixels(page, "canvas.map") != whole


def test_thousands_of_frames_are_drawn_on_a_page_that_stays_small(inspector, tmp_path, watched):
    subject, short = inspector.subjects[0], inspector.corpus.test[0]
    frames = {
        stream: np.resize(short.frames(stream), (5000, short.frames(stream).shape[1]))
        for stream in STREAMS
    }
    long = AttentionInspector(
        subject.model,
        subject.processor,
        inspector.corpus,
        [replace(short, **frames, annotations={})],  # no cues: their marks are for each frame
    )
    long.to_html(tmp_path / "long.html")
    page = watched().page
    page.goto((tmp_path / "long.html").as_uri())
    lane = page.locator("canvas.strip").first.evaluate(
        "c => [...c.getContext('2d').getImageData(1, 15, c.width - 2, 1).data]"
    )
    lane = np.array(lane).reshape(-1, 4)[:, :3]
    assert np.all(np.abs(lane - (216, 220, 227)) < 3, axis=1).mean() < 0.05  # lines between codes
    assert np.ptp(lane, axis=0).max() > 5  # and their colours, not one grey
    page.locator("[data-view=frames]").click()
    strip = page.locator("canvas.strip").first
    assert page.locator("canvas.map").first.evaluate("canvas => canvas.width") < 5000
    whole = pixels(page, "canvas.map")
    for _ in range(4):
        page.locator("button[title='zoom in']").first.click()
    start = pixels(page, "canvas.map")
    assert start != whole
    strip.focus()
    page.keyboard.press("End")
    assert int(strip.get_attribute("aria-valuenow")) >= 4999
    assert pixels(page, "canvas.map") != start


@pytest.mark.parametrize("view", ["codes", "frames"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("good", "\u200b", "film"), "The model reads 2 of the 3 words."),
        (("good", "film", "\u200b"), "The model reads the first 2 words."),
        (("\u200b",), "The model reads 0 of the 1 word."),
    ],
)
def test_words_that_the_tokenizer_drops_are_shown_as_not_read(
    view, words, told, inspector, tmp_path, watched
):
    subject = inspector.subjects[0]
    odd = replace(inspector.corpus.test[0], words=words)
    dropped = AttentionInspector(subject.model, subject.processor, inspector.corpus, [odd])
    dropped.view = view
    dropped.to_html(tmp_path / "dropped.html")
    watch = watched()
    page = watch.page
    page.goto((tmp_path / "dropped.html").as_uri())
    assert page.locator(".unread-note").inner_text() == told
    assert page.locator(".sentence button.unread").all_inner_texts() == ["▯"]
    place = words.index("\u200b")
    page.locator(".sentence button").nth(place).click()
    box = page.locator("canvas.map").first.bounding_box()
    row = page.locator(".words > div").nth(place).bounding_box()
    page.mouse.move(box["x"] + 8, row["y"] + 4)
    assert page.locator(".tip").inner_text() == "“▯”: not read by the model"
    assert "NaN" not in page.locator("body").inner_text()
    page.get_by_text("as tables").click()
    rows = page.locator("table[data-stream]").first.locator("tbody tr")
    assert set(rows.nth(place).locator("td").all_inner_texts()) == {"–"}
    assert watch.errors == []


@pytest.mark.parametrize("view", ["codes", "frames"])
def test_words_behind_the_cut_are_shown_as_not_read(view, inspector, tmp_path, watched):
    subject = inspector.subjects[0]
    long = replace(inspector.corpus.test[0], words=("good",) * 60)
    cut = AttentionInspector(subject.model, subject.processor, inspector.corpus, [long])
    cut.word, cut.view = 0, view
    cut.to_html(tmp_path / "cut.html")
    watch = watched()
    page = watch.page
    page.goto((tmp_path / "cut.html").as_uri())
    n_read = 60 - len(cut._record["subjects"][0]["unread"])
    assert 0 < n_read < 60
    assert page.locator(".unread-note").inner_text() == f"The model reads the first {n_read} words."
    assert page.locator(".sentence button.unread").count() == 60 - n_read
    page.locator(".words > div").nth(n_read).hover()
    box = page.locator("canvas.map").first.bounding_box()
    row = page.locator(".words > div").nth(n_read).bounding_box()
    page.mouse.move(box["x"] + 8, row["y"] + 4)
    assert page.locator(".tip").inner_text() == "“good”: not read by the model"
    page.get_by_text("as tables").click()
    rows = page.locator("table[data-stream]").first.locator("tbody tr")
    assert set(rows.nth(n_read).locator("td").all_inner_texts()) == {"–"}
    assert "–" not in rows.nth(n_read - 1).inner_text()
    assert watch.errors == []


def test_the_film_plays_and_stops(opened):
    page = opened().page
    strip = page.locator("canvas.strip").first
    face = pixels(page, ".player canvas")
    page.locator(".player button").first.click()
    page.wait_for_function("s => +s.getAttribute('aria-valuenow') >= 3", arg=strip.element_handle())
    page.locator(".player button").first.click()
    stopped = strip.get_attribute("aria-valuenow")
    assert pixels(page, ".player canvas") != face
    page.wait_for_timeout(250)
    assert strip.get_attribute("aria-valuenow") == stopped
    strip.hover(position={"x": 3, "y": 10})  # moving over the strip is the film, too
    assert strip.get_attribute("aria-valuenow") == "0"


def test_everything_can_be_reached_by_keyboard(opened):
    page = opened().page
    names, seen = [], set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => { const e = document.querySelector('#inspector div').shadowRoot.activeElement;
            return e && (e.getAttribute('aria-label') || e.textContent || e.tagName) }"""
        )
        if name is None or name in seen:
            break
        names.append(name)
        seen.add(name)
    text = "\n".join(names)
    for wanted in (
        *("Search", "true", "moved", "Utterances", "codes", "as tables", "Face: ", "Voice: "),
        *("play", "Face code", "Voice code"),
    ):
        assert wanted in text, f"{wanted} is not in the Tab order:\n{text}"

    # the list: arrows and Enter
    page.locator("[role=listbox]").focus()
    first = page.locator(".sentence").inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".sentence").inner_text() != first
    # the map: arrows and Enter choose word and code; the live region says what is there
    page.locator("canvas.map").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert "× face code" in page.locator(".sr[role=status]").inner_text()
    page.keyboard.press("Enter")
    assert page.locator(".sentence button").nth(1).get_attribute("aria-pressed") == "true"
    assert page.locator(".profile h3").inner_text().startswith("Face code")
    # the gallery: one stop for Tab, arrows within
    page.locator(".codes").nth(1).locator("button[tabindex='0']").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.locator(".profile h3").inner_text().startswith("Voice code")


def test_screen_readers_get_tables(opened):
    page = opened().page
    page.get_by_text("as tables").click()
    tables = page.locator("table[data-stream]")
    assert tables.count() == 2
    rows = tables.first.locator("tbody tr")
    assert rows.count() == page.locator(".sentence button").count() + 1
    values = [float(v) for v in rows.first.locator("td").all_inner_texts()]
    assert sum(values) == pytest.approx(1, abs=5e-3)
    assert tables.first.locator("th[scope=col]").count() == len(values)


# The contrast of every piece of text with what is behind it (WCAG 2), from the real styles.
CONTRASTS = """() => {
  const root = document.querySelector('#inspector div').shadowRoot;
  const parse = (c) => {
    const m = c.match(/[\\d.]+/g).map(Number);
    return m[3] === 0 ? null : m.slice(0, 3) };
  const linear = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const lum = (c) => c.map(linear).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const back = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c) return c } };
  const found = [];
  for (const e of root.querySelectorAll('.root *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.tagName === 'STYLE' || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const ink = parse(e.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [a, b] = [lum(ink), lum(back(e))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), e.textContent.slice(0, 30), e.className.toString()]);
  }
  return found }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(scheme, opened):
    page = opened(color_scheme=scheme).page
    page.locator(".codes button").nth(2).click()
    page.locator(".sentence button").first.click()
    found = page.evaluate(CONTRASTS)
    assert len(found) > 60
    weak = [entry for entry in found if entry[0] < 4.5]
    assert weak == []
    background = page.locator(".root").evaluate("e => getComputedStyle(e).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 28)"}[scheme]


def test_a_narrow_page_does_not_overflow(opened):
    page = opened(viewport={"width": 420, "height": 800}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_browser_and_python_draw_the_same(watched):
    activation = {"AU12": 0.7, "AU4": 0.4, "AU26": 1.0, "yaw": -0.5, "pitch": 0.3, "roll": 0.8}
    voice = {"pitch": 0.6, "energy": -0.4, "voicing": -0.3, "creak": 0.5}
    module = page_module() + "export { faceCurves, heightOf, layoutOf, wave };"
    curves, line, heights, places = watched().page.evaluate(
        """async ([module, parts, activation, voice]) => {
          const url = "data:text/javascript," + encodeURIComponent(module);
          const { faceCurves, heightOf, layoutOf, wave } = await import(url);
          const curves = faceCurves(parts, activation);
          const places = ["visual", "acoustic"].flatMap((stream) => [0, 3].map((n) => {
            const { place, lane } = layoutOf(stream, true, n);
            return [place.scale, place.shift, lane?.middle ?? 0, lane?.longest ?? 0] }));
          const heights = [-4, -0.75, 0, 1.5].map(heightOf);
          return [curves.map((c) => [c.points, c.opacity]), wave(voice), heights, places] }""",
        [module, json.loads(json.dumps(FACE)), activation, voice],
    )
    for (points, opacity), (_, expected, shown) in zip(
        curves, face_curves(activation), strict=True
    ):
        assert points == [pytest.approx(point, abs=1e-9) for point in expected.tolist()]
        assert opacity == pytest.approx(shown)
    assert line == [pytest.approx(point, abs=1e-6) for point in wave(voice).tolist()]
    assert heights == pytest.approx(bar_heights(np.array([-4, -0.75, 0, 1.5])))
    expected = [layout(stream, True, n) for stream in STREAMS for n in (0, 3)]
    assert places == [[*picture, *lane] for picture, lane in expected]
