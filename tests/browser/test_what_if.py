"""What if: counterfactuals with a model to ask and without one, and the way through the layers."""

import json
import re

import pytest
from axe import load_axe, skip_without_axe, violations
from firefox import firefox_program, start_firefox
from test_page_for_everybody import INSIDE

from cenet_lib import AttentionInspector, TrainingSettings
from cenet_lib.inspector.figure import signed
from cenet_lib.inspector.page import page_module
from cenet_lib.inspector.records import unpack
from cenet_lib.runs.preparation import build

LIVE = """
const state = await window.state();
const acts = {};
const tell = (event, ...heard) => { for (const act of acts[event] ?? []) act(...heard) };
render({ el: document.querySelector("main"), model: {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; tell(`change:${name}`) },
  save_changes: () => {},
  on: (event, act) => { acts[event] = [...(acts[event] ?? []), act] },
  off: () => {},
  send: async (message) => {
    for (const answer of await window.ask(message)) tell("msg:custom", answer, []);
  },
} });
"""


@pytest.fixture(scope="module")
def exported(inspector, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    inspector.to_html(path, 3)
    return path


@pytest.fixture
def live(watched):
    """A widget whose kernel is this process: what the page sends, `_hear` answers."""

    def open_page(inspector, **settings):
        watch = watched(its_own=True, **settings)
        page = watch.page

        def ask(message):
            sent = []
            inspector.send = lambda content, buffers=None: sent.append(content)
            try:
                inspector._hear(None, message, [])
            finally:
                del inspector.send
            return sent

        page.expose_function("ask", ask)
        state = {n: v for n, v in inspector.get_state().items() if n not in ("_esm", "layout")}
        page.expose_function("state", lambda: json.loads(json.dumps(state, default=str)))
        page.set_content(
            "<!doctype html><html lang=en><title>live</title><main id=inspector></main></html>"
        )
        page.add_script_tag(content=page_module() + LIVE, type="module")
        page.locator(".sentence button").first.wait_for()
        return watch

    return open_page


def told(page):
    """Return the sentence that says what the model predicts then, once it is about now."""
    page.locator(".outcome:not(.waiting) p b").first.wait_for()
    return page.locator(".outcome p", has=page.locator("b")).first.inner_text()


def predicted(before, after):
    return f"{signed(after)} instead of {signed(before)}"


def test_words_codes_stretches_and_the_scale_are_changed_and_put_back(inspector, live):
    watch = live(inspector)
    page, id = watch.page, inspector.utterance
    before = inspector._record["subjects"][0]["predictions"]["all"]
    page.locator(".whatif summary").click()
    assert (
        "what the model does, not what a person would feel" in page.locator(".whatif").inner_text()
    )

    page.locator(".sentence button").nth(1).click()
    assert page.get_by_label("word", exact=True).input_value() == "1"  # the chosen one
    page.get_by_label("what stands there instead").fill("good film")
    page.keyboard.press("Enter")
    words = {1: "good film"}
    after = inspector.what_if(id, words=words).prediction
    assert predicted(before, after) in told(page)
    assert page.locator(".changed canvas").count() == 4  # of face and voice, their heads and maps

    codes = unpack(inspector._record["subjects"][0]["visual"]["codes"])
    code, to = int(codes[0]), (int(codes[0]) + 1) % 12
    page.get_by_label("code", exact=True).select_option(f"visual {code}")
    page.get_by_label("what its frames become").select_option(str(to))
    page.locator("[data-act=swap]").click()
    page.locator(".chip").nth(1).wait_for()
    after = inspector.what_if(id, words=words, codes={("visual", code): to}).prediction
    page.get_by_text(predicted(before, after)).wait_for()

    page.get_by_label("first frame").fill("2")
    page.get_by_label("last frame").fill("4")
    page.locator("[data-act=take]").click()
    gap = {"gaps": [("visual", 2, 5)]}
    after = inspector.what_if(id, words=words, codes={("visual", code): to}, **gap).prediction
    page.get_by_text(predicted(before, after)).wait_for()
    chips = [f"“{inspector._record['words'][1]}” → “good film”", f"face code {code} → {to}"]
    chips.append("without frames 2 to 4 of the face")
    assert [chip.split(" ×")[0] for chip in page.locator(".chip").all_inner_texts()] == chips

    # what is taken away above is away here, too
    player = tuple(inspector._effects["subjects"][0]["players"][-1])
    page.locator(f".codes [data-stream={player[0]}][data-code='{player[1]}']").click()
    page.locator("[data-act=chosen]").click()
    some = {"words": words, "codes": {("visual", code): to}, "without": [player], **gap}
    page.get_by_text(predicted(before, inspector.what_if(id, **some).prediction)).wait_for()
    page.locator("[data-act=back]").click()

    # the scale: one step to undo, however far it was moved
    slider = page.get_by_label("attention scale")
    assert "as trained" in page.locator(".asking output").inner_text()
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    scale = float(slider.input_value())
    assert scale == pytest.approx(4 * 400 / 80)
    del some["without"]
    page.get_by_text(
        predicted(before, inspector.what_if(id, scale=scale, **some).prediction)
    ).wait_for()
    page.locator("[data-act=undo]").click()
    assert page.locator(".chip").count() == 3
    page.locator(".chip").nth(0).click()  # take back a single one
    after = inspector.what_if(id, codes={("visual", code): to}, **gap).prediction
    page.get_by_text(predicted(before, after)).wait_for()
    page.locator("[data-act=all]").click()
    assert page.locator(".outcome").inner_text() == ""
    page.locator("[data-act=undo]").click()
    assert page.locator(".chip").count() == 2
    assert watch.errors == []


def test_a_stretch_is_marked_by_dragging_and_by_keys(inspector, live):
    page = live(inspector).page
    strip = page.locator("canvas.strip").first
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    n = len(unpack(inspector._record["subjects"][0]["visual"]["codes"]))

    def frame(place):
        return box["x"] + (place + 0.5) * box["width"] / n

    page.mouse.move(frame(1), box["y"] + 10)
    page.mouse.down()
    page.mouse.move(frame(4), box["y"] + 10, steps=4)
    page.mouse.up()
    fields = [page.get_by_label(name) for name in ("first frame", "last frame")]
    assert [field.input_value() for field in fields] == ["1", "4"]
    assert page.locator(".profile h3").count() == 0  # it was no click
    page.locator("[data-act=take]").click()
    assert page.locator(".chip").inner_text().startswith("without frames 1 to 4 of the face")
    voice = page.locator("canvas.strip").nth(1)
    voice.focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    assert [field.input_value() for field in fields] == ["0", "2"]
    assert page.locator(".sr[role=status]").inner_text() == "frames 0 to 2 are marked"
    assert page.get_by_label("stream", exact=True).input_value() == "acoustic"
    for _ in range(2):  # where time is zoomed, dragging pans, and with Shift marks
        page.locator("button[title='zoom in']").first.click()
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 10, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert page.get_by_label("stream", exact=True).input_value() == "visual"


def test_what_is_wrong_is_said_and_nothing_breaks(inspector, live):
    watch = live(inspector)
    page = watch.page
    page.locator(".whatif summary").click()
    page.get_by_label("what stands there instead").fill("x" * 300)
    page.keyboard.press("Enter")
    page.get_by_text("a word has 300 characters; 200 are the most").wait_for()
    page.locator("[data-act=undo]").click()
    page.get_by_label("what stands there instead").fill("<img src=x onerror='hacked=1'>")
    page.keyboard.press("Enter")
    told(page)
    assert page.evaluate("window.hacked") is None
    assert watch.errors == []


def test_without_a_kernel_a_choice_was_computed_beforehand_and_the_page_says_so(opened, inspector):
    watch = opened()
    page = watch.page
    before = inspector._record["subjects"][0]["predictions"]["all"]
    page.locator(".whatif summary").click()
    assert "This page has no model to ask." in page.locator(".asking").inner_text()
    page.locator("[data-act='word 3']").click()
    after = inspector.what_if(words={3: None}).prediction
    assert predicted(before, after) in told(page)
    codes = page.locator(".asking button", has_text=" code ")
    assert codes.count() == 3
    title = codes.first.inner_text().split()  # Face code 3 as 7 −0.12
    stream = {"Face": "visual", "Voice": "acoustic"}[title[0]]
    codes.first.click()
    found = inspector.what_if(codes={(stream, int(title[2])): int(title[4])})
    assert predicted(before, found.prediction) in told(page)
    assert "Of attention, most changes in “" in page.locator(".outcome").inner_text()
    assert page.locator(".asking [aria-pressed=true]").count() == 1
    page.locator("[data-act='scale 0']").press("Enter")
    assert predicted(before, inspector.what_if(scale=0.0).prediction) in told(page)
    page.keyboard.press("Enter")  # it kept the focus; once more puts it back
    assert page.locator(".outcome").inner_text() == ""
    assert watch.errors == []
    assert watch.requests == [page.url.split("#")[0]]


@pytest.mark.parametrize(
    ("fusion", "says"),
    [
        ("none", "reads words only: whatever happens to face and voice"),
        ("late", "has no scale to turn"),
        ("mag", "has no scale to turn"),
        ("ce-continuous", "each becomes the average frame of the other code"),
    ],
)
def test_each_fusion_says_what_can_be_changed(
    fusion, says, inspector, workplace, tmp_path, live, opened
):
    settings = TrainingSettings(backbone=str(workplace / "backbone"), fusion=fusion)
    processor, model = build(inspector.corpus, settings)
    utterances = list(inspector.corpus.test[:1])
    other = AttentionInspector(model.eval(), processor, inspector.corpus, utterances)
    page = live(other).page
    page.locator(".whatif summary").click()
    assert says in page.locator(".whatif").inner_text()
    labels = {"none": 1, "late": 3, "mag": 3, "ce-continuous": 4}[fusion]
    assert page.locator(".asking > .muted").count() == labels
    assert page.locator(".layers svg").count() == (0 if fusion == "none" else 1)
    if fusion == "mag":
        assert ", gate 0." in page.locator(".shifts").first.inner_text()
        assert "Its gate multiplies what comes in" in page.locator(".band").first.inner_text()
    other.to_html(tmp_path / "page.html")
    watch = opened(path=tmp_path / "page.html")
    watch.page.locator(".whatif summary").click()
    watch.page.locator("[data-act='word 0']").click()
    value = other.what_if(words={0: None}).prediction
    assert signed(value) in told(watch.page)
    assert watch.errors == []


def test_what_is_taken_away_is_in_the_address(opened, inspector):
    players = inspector._effects["subjects"][0]["players"]
    names = [f"{'face' if s == 'visual' else 'voice'}-{c}" for s, c in players[:2]]
    start = f"#utterance={inspector.utterance}"
    page = opened(f"{start}&taken={'+'.join(names)}").page
    gone = [tuple(player) for player in players[:2]]
    assert f"Without {names[0].replace('-', ' code ')}" in page.locator(".taken p").inner_text()
    first = page.url
    page.locator("[data-act=lowering]").click()
    page.wait_for_url(lambda url: url != first)
    _, _, taken = page.url.partition("&taken=")
    entry = inspector._effects["subjects"][0]
    lowering = sum(entry[s]["effects"][str(c)] < 0 for s, c in players)
    assert len(taken.split("+")) == lowering
    page.locator("[data-act=back]").click()
    page.wait_for_url(f"**{start}")
    page.locator("[data-act=negative]").click()
    page.wait_for_url("**&taken=negative-cues")
    page.evaluate(f"location.hash = '{start}&taken={names[0]}'")
    page.locator(".taken p", has_text=names[0].replace("-", " code ")).wait_for()
    for nonsense in ("face-99", "taste-1", "many-cues", "%E0%A4%A"):
        page.evaluate(f"location.hash = '{start}&taken={nonsense}'")
        page.wait_for_function(
            "() => document.querySelector('#inspector div').shadowRoot"
            ".querySelector('.taken p').textContent === ''"
        )
    assert gone  # they occur


def test_a_what_if_is_in_the_address_and_a_link_brings_it_back(opened, inspector):
    start = f"#utterance={inspector.utterance}"
    page = opened().page
    page.locator(".whatif summary").click()
    for act in ("word 2", "scale 0"):
        page.locator(f"[data-act='{act}']").click()
        page.wait_for_url(f"**{start}&if={act.replace(' ', '-')}")
    code = page.locator(".asking button", has_text=" code ").first
    stream, number = code.get_attribute("data-act").split()
    code.click()
    name = f"{'face' if stream == 'visual' else 'voice'}-{number}"
    page.wait_for_url(f"**{start}&if={name}")
    said = told(page)
    other = opened(f"{start}&if={name}").page  # the link, followed by somebody else
    assert told(other) == said
    assert other.locator(".whatif").evaluate("e => e.open")
    other.locator(".option").nth(1).click()  # what is asked of one is not asked of another
    other.wait_for_url(lambda url: "if=" not in url and inspector.utterance not in url)
    for nonsense in ("face-99", "word-many", "taste-1", "scale-"):
        page.evaluate(f"location.hash = '{start}&if={nonsense}'")
        page.wait_for_function(
            "() => document.querySelector('#inspector div').shadowRoot"
            ".querySelector('.outcome').textContent === ''"
        )


def test_the_plot_says_how_far_the_first_token_is_moved(opened, inspector):
    page = opened().page
    moved = unpack(inspector._record["subjects"][0]["layers"]).reshape(3, -1)
    label = page.locator(".layers svg").get_attribute("aria-label")
    assert re.findall(r"(both|face alone|voice alone): 0 0", label) == [
        "both",
        "face alone",
        "voice alone",
    ]
    assert re.findall(r" (head|\d) \d+\u00a0%", label) == ["0", "1", "head"] * 3
    text = page.locator(".layers").inner_text()
    assert "come in before layer 1" in text
    assert "a size, not a direction" in text
    page.get_by_text("as tables").click()
    for i, row in enumerate(page.locator(".layers tbody tr").all()):
        shares = [
            int(cell.split("\u00a0")[0]) / 100 for cell in row.locator("td").all_inner_texts()
        ]
        assert shares == pytest.approx(moved[i].tolist(), rel=2e-3, abs=6e-3)


def test_firefox_shows_changes_and_layers(exported, inspector, tmp_path):
    if firefox_program() is None:
        pytest.skip("there is no Firefox on this machine; install the package 'firefox-esr'")
    before = inspector._record["subjects"][0]["predictions"]["all"]
    after = inspector.what_if(scale=0.0).prediction
    with start_firefox(tmp_path) as firefox:
        firefox.open(f"{exported.as_uri()}#utterance={inspector.utterance}&if=scale-0", 700)
        outcome = f"{INSIDE}?.querySelector('.outcome')?.textContent"
        firefox.ask(
            "new Promise(done => { const look = () => "
            f"{outcome} ? done(1) : setTimeout(look, 20); look() }})"
        )
        assert predicted(before, after) in firefox.ask(outcome)
        press = "?.querySelector('.asking [data-act=\"word 0\"]').click()"
        firefox.ask(f"({INSIDE}{press}, 1)")
        assert predicted(before, inspector.what_if(words={0: None}).prediction) in firefox.ask(
            outcome
        )
        assert firefox.ask(f"{INSIDE}.querySelectorAll('.layers svg polyline').length") == 3
        assert firefox.ask("document.documentElement.scrollWidth") <= 700


# for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_overflows(scheme, inspector, live, opened):
    skip_without_axe()
    found = {}
    for name, page in (
        ("live", live(inspector, color_scheme=scheme).page),
        ("exported", opened(color_scheme=scheme).page),
    ):
        load_axe(page)
        page.locator(".whatif summary").click()
        found[name, "open"] = violations(page)
        if name == "live":
            page.locator("[data-act=out]").click()
            page.locator("[data-act=swap]").click()
        else:
            page.locator(".asking button", has_text=" code ").first.click()
        told(page)
        found[name, "changed"] = violations(page)
        page.get_by_text("as tables").click()
        found[name, "tables"] = violations(page)
        page.set_viewport_size({"width": 390, "height": 800})
        page.wait_for_timeout(100)
        found[name, "narrow"] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_text("as tables").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert {state: some for state, some in found.items() if some} == {}


def test_changes_are_printed_and_seen_in_forced_colours(inspector, live, opened):
    page = live(inspector).page
    page.locator(".whatif summary").click()
    page.locator("[data-act=out]").click()
    told(page)
    page.emulate_media(media="print")
    page.wait_for_timeout(100)
    assert page.locator(".outcome").is_visible()
    assert not page.locator(".asking").is_visible()
    page = opened(forced_colors="active").page
    page.locator(".whatif summary").click()
    page.locator("[data-act='word 0']").click()
    look = "e => getComputedStyle(e).backgroundColor"
    on, off = (page.locator(f"[data-act='word {i}']").evaluate(look) for i in (0, 1))
    assert on != off
