"""How fast the inspector answers, measured in the browser.

    python tests/benchmarks/bench_inspector.py [RUN]

Prints, as the median and the slowest of several tries:

1. On an exported page, for 50 words × 1,000 frames and × 5,000 (random attention): from a click
   on a word or a code to the next picture on the screen, by codes and by frames, and zooming; and
   from frame to frame with the pointer and a key.
2. On an exported page of 2,199 utterances of 20 words (random attention): its size; from opening
   it to the view of all utterances; from a click on a filter, on a code and on a dot's utterance.
3. In JupyterLab with a run of the demo corpus (default: runs/demo-ce): from a click on another
   utterance to its maps on the screen, the model included, and to a first answer of its effects.
"""
# ruff: noqa: E402, the folders of the tests must be on the path first

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
for folder in (ROOT, ROOT / "tests", ROOT / "tests" / "browser"):
    sys.path.insert(0, str(folder))

import nbformat
import numpy as np
from browsing import FLAGS, chromium, start_jupyter
from playwright.sync_api import sync_playwright

from cenet_lib.inspector.fitting import make_fit
from cenet_lib.inspector.page import page_html
from cenet_lib.inspector.records import pack

WORDS, CODES = 50, 16
UTTERANCES = 2199
FRAMES = (1000, 5000)

# From just before an event to the end of the frame that shows its effect.
CLICK = """async (element) => {
  const next = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  await next();
  const start = performance.now();
  element.dispatchEvent(new MouseEvent("click", { bubbles: true, composed: true }));
  const handled = performance.now() - start;
  await next();
  return [handled, performance.now() - start];
}"""


# The pointer goes along frames, or a key does, a step per frame of the screen.
ALONG = """async (canvas, key) => {
  const next = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const { left, top, width } = canvas.getBoundingClientRect();
  const times = [];
  await next();
  for (let i = 0; i < 60; i++) {
    const at = { clientX: left + (width * i) / 60, clientY: top + 10 };
    const start = performance.now();
    canvas.dispatchEvent(
      key
        ? new KeyboardEvent("keydown", { key, bubbles: true, composed: true })
        : new PointerEvent("pointermove", { ...at, bubbles: true, composed: true }),
    );
    await next();
    times.push(performance.now() - start);
  }
  return times;
}"""


def large_page(n_frames: int) -> str:
    """An exported page with one utterance of 50 words and some thousand frames per stream."""
    return page_html(json.loads(json.dumps(large_data(n_frames))))


def large_data(n_frames: int, n_words: int = WORDS, seed: int = 0) -> dict:
    """What the page of one utterance holds."""
    rng = np.random.default_rng(seed)
    from cenet_lib.inspector.face import FACE
    from cenet_lib.inspector.pictures import VOICE

    def stream(art):
        return {
            "codes": pack(np.repeat(rng.integers(0, CODES, n_frames // 4), 4), "u1"),
            "attention": pack(rng.dirichlet(np.ones(CODES + 1) / 4, n_words + 1), "f2"),
            **{"by_frame": None, "shift": None, "gate": None, "padding": 0},
            "looks": pack(rng.integers(0, 60, (n_frames, len(art))), "i1"),
        }

    def book(art):
        codes = [
            {
                **{"caption": "a code", "frames": 1, "negative": 0.1, "positive": 0.1},
                **{"lean": code / 20 - 0.4, "nearest": []},
            }
            for code in range(CODES)
        ]
        return {
            **{"k": CODES, "names": list(art), "art": list(art), "codes": codes},
            **{"bars": [], "looked_at": 1, "train_size": 1, "order": list(range(CODES))},
            "z": pack(rng.standard_normal((CODES, len(art))), "f2"),
            "mean": pack(np.zeros(len(art)), "f4"),
            "scale": pack(np.ones(len(art)), "f4"),
            "activation": pack(rng.integers(0, 100, (CODES, len(art))), "i1"),
        }

    face = ["AU1", "AU2", "AU4", "AU6", "AU9", "AU12", "AU15", "AU25", "AU26", "yaw"]
    words = [f"word{i}" for i in rng.integers(0, 3000, n_words)]
    record = {
        **{"id": "u", "words": words, "label": 1.0, "video": "", "cues": {}, "film": None},
        "subjects": [
            {
                "predictions": {"all": 1.0, "no_visual": 0.5, "no_acoustic": 0.2, "none": 0.0},
                **{"unread": [], "layers": None},
                "visual": stream(face),
                "acoustic": stream(VOICE),
            }
        ],
    }
    streams = ("visual", "acoustic")
    effects = {str(code): 0.1 for code in range(CODES)}
    one = {"effects": effects, "left_out": effects, "cues": None}
    effects = {
        **dict.fromkeys(streams, one),
        **{"moved": 0.2 * CODES, "error": 0.0, "subsets": None, "estimate": None, "without": {}},
        "players": [[stream, code] for stream in streams for code in range(CODES)],
        "headline": {"code": ["visual", 0], "against": None},
    }
    columns = ("label", "prediction", "words_alone", "entropy")
    listing = {"id": ["u"], "text": [" ".join(words)], **{name: [0.0] for name in columns}}
    corpus = {
        **{
            "title": "benchmark",
            "name": "benchmark",
            "label_range": [-3, 3],
            "first_token": "[CLS]",
        },
        **{"frame_rate": {}, "face": FACE, "several": None},
        "subjects": [
            {
                **{"name": "model", "vocabulary": 0, "reads": "counts"},
                **{"stands": "before layer", "attends_over": "codes", "scale": 8.0, "layer": 1},
            }
        ],
        "vocabularies": [{"visual": book(face), "acoustic": book(VOICE)}],
        "list": listing,
    }
    state = {"utterance": "u", "word": None, "code": None, "view": "codes"}
    state |= {"maps": "each", "pair": [0, 1]}
    data = {"corpus": corpus, "records": {"u": record}, "state": state, "what_ifs": {}}
    data["effects"] = {"u": {"id": "u", "subjects": [effects]}}
    return data


def corpus_data(n: int) -> dict:
    """What a page of n utterances holds, as `AttentionInspector.to_html` makes it."""
    rng = np.random.default_rng(0)
    data = large_data(100, 20)
    for part in ("records", "effects"):
        data[part] = {}
    columns: dict[str, list] = {name: [] for name in data["corpus"]["list"]}
    for i in range(n):
        id, own = f"speaker{i // 30}_{i}", large_data(100, 20, seed=i)
        record, effects = own["records"]["u"], own["effects"]["u"]
        data["records"][id] = {**record, "id": id}
        data["effects"][id] = {**effects, "id": id}
        values = [id, " ".join(record["words"]), *rng.normal(0, 1, 4).tolist()]
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    data["corpus"]["list"] = columns
    data["state"]["utterance"] = columns["id"][0]
    effects = np.where(rng.random((n, 2 * CODES)) < 0.6, rng.normal(0, 0.2, (n, 2 * CODES)), np.nan)
    data["survey"] = survey_data(columns["id"], effects)
    return data


def survey_data(ids: list[str], effects: np.ndarray) -> dict:
    """What `describe_survey` makes of random effects (N, K), and of a thousand words."""
    rng = np.random.default_rng(1)
    mean, n = np.nanmean(effects, axis=0), (~np.isnan(effects)).sum(0)
    shape = (1000, effects.shape[1])
    codes = {"utterances": n, "effect": mean, "low": mean - 0.01, "high": mean + 0.01}
    return {
        **{"id": ids, "speaker": [id.split("_")[0] for id in ids], "cues": [None] * len(ids)},
        **{"sizes": {"visual": CODES, "acoustic": CODES}, "error": 0.05},
        "effects": pack(effects, "f2"),
        "codes": {
            name: values.tolist() for name, values in {**codes, "raises": mean * 0 + 0.5}.items()
        },
        "words": {
            **{"word": [f"word{i}" for i in range(1000)], "left_out": 2000},
            **{"said": [20] * 1000, "utterances": [19] * 1000},
            "attention": pack(rng.random(shape) / 20, "f2"),
            "together": pack(rng.integers(0, 19, shape), "u2"),
            "effect": pack(rng.normal(0, 0.2, shape), "f2"),
        },
    }


def report(what: str, times: list[float]) -> None:
    print(f"{what:<58} median {statistics.median(times):6.1f} ms   slowest {max(times):6.1f} ms")


def measure_page(browser, folder: Path, n_frames: int) -> None:
    """Print the times of clicks on a large page."""
    path = folder / "large.html"
    path.write_text(large_page(n_frames), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(path.as_uri())
    page.locator(".sentence button").first.wait_for()
    print(f"exported page, {WORDS} words × {n_frames:,} frames, to the next frame on the screen:")
    for view in ("codes", "frames"):
        page.locator(f"[data-view={view}]").click()
        for name, selector in (
            ("word", ".sentence button"),
            ("code", ".codes button"),
            ("zoom in or out", ".title button"),
        ):
            elements = page.locator(selector)
            count = elements.count()
            times = []
            for i in range(21):
                handle = elements.nth((7 * i) % count).element_handle()
                times.append(handle.evaluate(CLICK))
            report(f"  by {view}: click on a {name}, handler alone", [t[0] for t in times[1:]])
            report(f"  by {view}: click on a {name}, until it is shown", [t[1] for t in times[1:]])
    strip = page.locator("canvas.strip").first.element_handle()
    for what, key in (("pointer", ""), ("arrow key", "ArrowRight")):
        report(f"  by frames: a step of the {what}", strip.evaluate(ALONG, key)[1:])
    page.close()


OPENED = """() => new Promise((done) => {
  const look = () => {
    const root = document.querySelector("#inspector div")?.shadowRoot;
    const there = root?.querySelector(".wordtable tbody tr, .codetables tbody tr");
    if (!there) return setTimeout(look, 2);
    requestAnimationFrame(() => setTimeout(() => done(performance.now())));
  };
  look();
})"""


def measure_corpus(browser, folder: Path, rounds: int = 10) -> None:
    """Print the times of the view of all utterances."""
    data = corpus_data(UTTERANCES)
    make_fit(data, set(), dict.fromkeys(data["records"], 0.5))
    path = folder / "corpus.html"
    path.write_text(page_html({**data, "films": {}}), encoding="utf-8")
    size = path.stat().st_size / 1e6
    maps = len(data["records"])
    print(f"exported page, {UTTERANCES:,} utterances, {size:.2f} MB, {maps:,} with maps:")
    times = []
    for _ in range(rounds):
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(path.as_uri() + "#show=corpus", wait_until="commit")
        times.append(page.evaluate(OPENED))
        if len(times) < rounds:
            page.close()
    report("  from opening it to all utterances", times[1:])
    for what, selector in (
        ("filter", "[data-filter=conflict]"),
        ("code", "button[data-column='3']"),
        ("kind of cell", "[data-table]:not([aria-pressed=true])"),
        ("code above the words", ".wordtable thead button >> nth=5"),
    ):
        page.locator(selector).first.scroll_into_view_if_needed()
        page.wait_for_timeout(200)  # until the page knows what is in sight
        clicks = [page.locator(selector).element_handle().evaluate(CLICK) for _ in range(11)]
        report(f"  click on a {what}, until it is shown", [click[1] for click in clicks[1:]])
    page.locator("[role=tab]").first.click()
    clicks = []
    for i in range(11):
        option = page.locator(".option").nth(i % 2 + 1).element_handle()
        clicks.append(option.evaluate(CLICK))
    report("  click on another utterance, until it is shown", [click[1] for click in clicks[1:]])
    page.close()


SWITCH = """async (id) => {
  const host = [...document.querySelectorAll(".jp-CodeCell div")].find((e) => e.shadowRoot);
  const root = host.shadowRoot;
  const sentence = root.querySelector(".sentence");
  const option = root.querySelector(`[data-id="${id}"]`);
  const next = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const before = sentence.textContent;
  const start = performance.now();
  option.click();
  while (sentence.textContent === before) await next();
  const shown = performance.now() - start;
  while (!root.querySelector(".side").textContent.includes("adds to prediction")) await next();
  return [shown, performance.now() - start];
}"""


def measure_lab(browser, run: Path, folder: Path) -> None:
    """Print the time to another utterance in JupyterLab."""
    cell = (
        "from cenet_lib import AttentionInspector, load_corpus\n"
        'utterances = load_corpus("demo").test[:60]\n'
        f"AttentionInspector.from_run({str(run)!r}, utterances=utterances)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "bench.ipynb")
    with start_jupyter(folder, folder / "private") as address:
        from test_notebook import Notebook

        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(180_000)
        lab = Notebook(page, f"{address}/lab/tree/bench.ipynb")
        lab.run(0)
        lab.cell(0).locator(".sentence button").first.wait_for()
        times = []
        for _ in range(15):
            lab.cell(0).locator("[role=listbox]").press("ArrowDown")
            id = lab.cell(0).locator(".option.active").get_attribute("data-id")
            times.append(page.evaluate(SWITCH, id))
        print("JupyterLab, demo corpus, click on another utterance, the model included:")
        report("  maps, predictions and codes are shown", [t[0] for t in times[1:]])
        report("  a first answer of what each code adds, too", [t[1] for t in times[1:]])
        page.close()


@contextmanager
def opened_browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


if __name__ == "__main__":
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo-ce").resolve()
    print(f"{os.cpu_count()} CPU cores; load {os.getloadavg()[0]:.1f}")
    version = subprocess.run([chromium(), "--version"], capture_output=True, text=True, check=True)
    print(version.stdout.strip())
    with tempfile.TemporaryDirectory() as temporary, opened_browser() as browser:
        for n_frames in FRAMES:
            measure_page(browser, Path(temporary), n_frames)
        measure_corpus(browser, Path(temporary))
        if run.is_dir():
            measure_lab(browser, run, Path(temporary))
        else:
            print(f"{run} is not there; train it for the second part")
