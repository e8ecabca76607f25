"""The recorder as a person uses it, before a camera that Chromium makes up."""

import io
import json

import pytest
from browsing import FLAGS, Watched, chromium
from test_notebook import Notebook, write_notebook
from test_page import CONTRASTS

from cenet_lib.inspector.page import RECORDER, page_module

SHOW = """from cenet_lib import Recorder
recorder = Recorder(limit={limit})
recorder"""
LOOK = """import io
try:
    clip = recorder.clip
    open("recorded.webm", "wb").write(clip.data)
    print([recorder.state, clip.seconds, len(clip.data), clip.mime])
except ValueError as error:
    print([recorder.state, str(error)])"""
FORGET = """path = recorder.clip.path
there = path.exists()
recorder.forget()
print([there, path.exists(), recorder.state])"""


@pytest.fixture
def before_camera(camera_browser):
    opened = []

    def open_page(**settings) -> Watched:
        opened.append(Watched(camera_browser, **settings))
        return opened[-1]

    yield open_page
    for one in opened:
        one.context.close()


def lasts(film: bytes) -> tuple[list[float], float]:
    """Return the times of a film's pictures and how long its sound lasts, both by decoding."""
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(film)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    with av.open(io.BytesIO(film)) as container:
        sound = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    return times, sound


@pytest.mark.parametrize("where", ["lab/tree", "notebooks"], ids=["JupyterLab", "Notebook 7"])
def test_a_person_records_plays_and_forgets(where, jupyter, before_camera, workplace):
    name = f"record_{where[:3]}.ipynb"
    limit = 8 if where == "lab/tree" else 2
    write_notebook(workplace / name, [SHOW.format(limit=limit), LOOK, FORGET])
    watch = before_camera()
    page = watch.page
    notebook = Notebook(page, f"{jupyter}/{where}/{name}")
    before = len(watch.errors)  # Notebook 7 complains to itself while it starts
    notebook.run(0)
    recorder = notebook.cell(0)
    first = recorder.locator("button.first")
    first.wait_for()
    assert notebook.printed(1)[0] == "empty"

    first.click()
    recorder.get_by_text("● record").wait_for()
    page.wait_for_function(
        "v => v.videoWidth > 0", arg=recorder.locator("video").first.element_handle()
    )
    meter = recorder.locator("[role=meter]").element_handle()
    page.wait_for_function("m => +m.getAttribute('aria-valuenow') > 30", arg=meter)
    first.click()
    recorder.get_by_text("s left").wait_for()
    recorder.get_by_text("Python has them").wait_for()  # the limit ended it
    state, seconds, size, mime = notebook.printed(1)
    assert (state, mime) == ("ready", "video/webm")
    assert limit <= seconds < limit + 2
    film = (workplace / "recorded.webm").read_bytes()
    times, sound = lasts(film)
    assert len(film) == size
    assert times == sorted(times)
    assert times[-1] == pytest.approx(seconds, abs=0.7)
    assert sound == pytest.approx(seconds, abs=0.7)
    video = recorder.locator("video").nth(1)
    page.wait_for_function("v => Math.abs(v.duration) < 100", arg=video.element_handle())
    assert not recorder.locator("video").first.is_visible()  # the camera is off

    page.keyboard.press("Control+s")
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    saved = (workplace / name).read_text(encoding="utf-8")
    assert len(saved) < 200_000
    assert not any(cell in saved for cell in ("GkXf", film[:40].hex()))  # base64 of a webm's start
    assert notebook.printed(2) == [True, False, "empty"]
    recorder.get_by_text("Forgotten").wait_for()
    assert not video.is_visible()
    assert watch.errors[before:] == []
    assert watch.left_the_machine() == []


# the page alone, with a stand-in for the notebook

HOST = "http://localhost:9/"  # nobody is asked; the test answers
PAGE = """<!doctype html><body style="margin:0"><div id="host"></div><script type="module">
%s
const acts = [];
window.sent = [];
window.limits = {limit: 1.2, limit_bytes: 1e8};
const model = {
  get: (name) => window.limits[name],
  send: (content, _, buffers) => window.sent.push([content, buffers?.[0].byteLength ?? 0]),
  on: (_, act) => acts.push(act), off: () => {},
};
window.hear = (message) => acts.forEach((act) => act(message));
window.stop = render({ model, el: document.getElementById("host") });
</script>"""


def show_alone(watch, address=HOST, before=""):
    """Show the recorder without a notebook, after running some JavaScript."""
    page = watch.page
    html = PAGE % page_module(RECORDER).replace("</", "<\\/")
    page.route(
        "**/*", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8")
    )
    page.add_init_script(before)
    page.goto(address)
    page.locator("button.first").wait_for()
    return page


def record_alone(page):
    page.locator("button.first").click()
    page.get_by_text("● record").click()
    page.get_by_text("record again").wait_for()
    return [message for message, _ in page.evaluate("window.sent")]


def test_pieces_that_python_misses_are_sent_again(before_camera):
    page = show_alone(before_camera())
    sent = record_alone(page)
    take = sent[0]["take"]
    places = [message["n"] for message in sent if message["kind"] == "piece"]
    assert [sent[0]["kind"], sent[-1]["kind"]] == ["start", "end"]
    assert places == list(range(sent[-1]["pieces"]))
    assert len(places) >= 4  # of a quarter of a second each
    assert sum(size for _, size in page.evaluate("window.sent")) == sent[-1]["bytes"]
    page.evaluate(
        "message => window.hear(message)", {"kind": "again", "take": take, "pieces": [2, 0]}
    )
    page.wait_for_function("n => window.sent.length === n", arg=len(sent) + 3)
    again = page.evaluate("window.sent")[len(sent) :]
    assert [(m["kind"], m.get("n")) for m, _ in again] == [
        ("piece", 2),
        ("piece", 0),
        ("end", None),
    ]


def test_too_many_bytes_end_a_recording(before_camera):
    page = show_alone(before_camera())
    page.evaluate("window.limits = {limit: 60, limit_bytes: 20_000}")
    assert record_alone(page)[-1]["bytes"] < 500_000


def test_the_camera_is_off_when_the_cell_is_cleared(before_camera):
    page = show_alone(before_camera())
    page.locator("button.first").click()
    page.get_by_text("● record").wait_for()
    live = page.locator("video").first.element_handle()
    track = live.evaluate_handle("video => video.srcObject.getVideoTracks()[0]")
    page.evaluate("window.stop()")
    assert track.evaluate("track => track.readyState") == "ended"


def test_a_refused_camera_says_so(browser):
    refusing = browser.browser_type.launch(
        executable_path=chromium(),
        args=[*FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny"],
    )
    watch = Watched(refusing)
    page = show_alone(watch)
    page.locator("button.first").click()
    page.get_by_text("Camera or microphone was refused.").wait_for()
    assert page.locator("button.first").is_enabled()  # to try again
    (message, _) = page.evaluate("window.sent")[0]
    assert (message["kind"], "was refused" in message["why"]) == ("trouble", True)
    refusing.close()


REFUSE = """navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("so", %s); };
navigator.mediaDevices.enumerateDevices = async () => %s;"""


@pytest.mark.parametrize(
    ("name", "devices", "told"),
    [
        ("NotAllowedError", [], "was refused. Allow both"),
        ("NotReadableError", [], "in use by another program"),
        ("NotFoundError", [], "No camera and no microphone was found"),
        ("NotFoundError", ["audioinput"], "No camera was found"),
        ("NotFoundError", ["videoinput"], "No microphone was found"),
        ("SecurityError", [], "settings forbid it"),
        ("OverconstrainedError", [], "no picture that can be used"),
        ("AbortError", [], "could not be started"),
        ("TypeError", [], "could not be opened (TypeError: so)"),
    ],
)
def test_what_goes_wrong_is_said_in_plain_words(name, devices, told, watched):
    listed = json.dumps([{"kind": kind} for kind in devices])
    page = show_alone(watched(its_own=True), before=REFUSE % (json.dumps(name), listed))
    page.locator("button.first").click()
    page.get_by_text(told).wait_for()


def test_a_page_that_comes_neither_over_https_nor_from_here_says_so(watched):
    page = show_alone(watched(its_own=True), "http://192.168.0.7/")
    assert "https or from localhost" in page.locator("[role=status]").inner_text()
    assert "http://192.168.0.7" in page.locator("[role=status]").inner_text()
    assert page.locator("button.first").is_disabled()


def test_a_browser_that_cannot_record_says_so(watched):
    page = show_alone(watched(its_own=True), before="delete window.MediaRecorder")
    assert "cannot record" in page.locator("[role=status]").inner_text()


def test_a_silent_microphone_is_told(before_camera):
    quiet = "AnalyserNode.prototype.getFloatTimeDomainData = (samples) => samples.fill(0);"
    page = show_alone(before_camera(), before=quiet)
    take = record_alone(page)[0]["take"]
    page.evaluate("m => window.hear(m)", {"kind": "whole", "take": take, "say": "All there."})
    assert page.locator("[role=status]").inner_text() == (
        "All there. The microphone heard nothing; is it muted?"
    )


def test_everything_is_done_by_keyboard(before_camera):
    page = show_alone(before_camera())
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # turn on the camera
    page.get_by_text("● record").wait_for()
    page.keyboard.press("Enter")  # record; the focus stayed
    page.get_by_text("■ stop").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("record again").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Forgotten").wait_for()
    assert page.evaluate("window.sent.at(-1)[0].kind") == "forget"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_recorder_can_be_read_and_fits_a_narrow_page(scheme, before_camera):
    page = show_alone(before_camera(color_scheme=scheme, viewport={"width": 340, "height": 700}))
    page.locator("button.first").click()
    page.get_by_text("● record").click()
    page.get_by_text("s left").wait_for()
    found = page.evaluate(CONTRASTS.replace("#inspector", "#host"))
    assert [entry for entry in found if entry[0] < 4.5] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 340
