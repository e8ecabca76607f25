"""Take the two screenshots of the AttentionInspector from a trained run of the demo corpus.

python notebooks/images/shoot_inspector.py [RUN]        (default: runs/demo-ce)

Writes inspector_codes.png and inspector_frames.png beside itself, and what the first one shows as
numbers, inspector_codes.json, of which the README's sentence beside it is made. It takes the
system's Chromium.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from cenet_lib import AttentionInspector, load_corpus
from cenet_lib.inspector.figure import in_words
from cenet_lib.utterance import STREAMS

HERE = Path(__file__).parent
SENTENCE = "speaker86_02"  # "… a great yarn", said with a frown
MARGIN = 18


def main(run: str) -> None:
    """Export a few sentences with "great", and take the two pictures of the page."""
    utterances = [u for u in load_corpus("demo").test if "great" in u.words]
    inspector = AttentionInspector.from_run(run, utterances=utterances)
    inspector.utterance = SENTENCE
    _write_numbers(inspector)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        inspector.to_html(path)
        browser = launch(playwright)

        page = open_page(browser, path, "light")
        page.locator(".finding button").first.click()
        page.locator(".sentence button", has_text="great").click()
        shoot(page, "Utterance and predictions", "Attention maps", "inspector_codes.png")

        page = open_page(browser, path, "dark")
        page.locator("[data-view=frames]").click()
        page.locator(".finding button").first.click()
        shoot(page, "Attention maps", "Codes", "inspector_frames.png")
        browser.close()


def _write_numbers(inspector: AttentionInspector) -> None:
    """Save what the picture shows, and the sentence that follows from it."""
    record, entry = inspector._record, inspector._effects["subjects"][0]
    predictions = record["subjects"][0]["predictions"]
    books = inspector._corpus["vocabularies"][0]
    captions = {stream: [code["caption"] for code in books[stream]["codes"]] for stream in STREAMS}
    streams = ("effects", "left_out")
    shown = {
        "id": record["id"],
        "words": record["words"],
        "predictions": predictions,
        **{name: entry[name] for name in ("moved", "error", "headline")},
        **{stream: {name: entry[stream][name] for name in streams} for stream in STREAMS},
        "captions": captions,
        "sentence": in_words(entry, predictions, captions),
    }
    text = json.dumps(shown, indent=1, ensure_ascii=False) + "\n"
    (HERE / "inspector_codes.json").write_text(text, encoding="utf-8")
    print(shown["sentence"])


def launch(playwright):
    """Start the system's Chromium, which asks nobody anything."""
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)


def open_page(browser, path: Path, scheme: str, until: str = ".finding button") -> Page:
    """Open a page, and wait for a part of it."""
    page = browser.new_page(viewport={"width": 1080, "height": 2200}, color_scheme=scheme)
    page.goto(path.as_uri())
    page.locator(until).first.wait_for()
    return page


def shoot(page: Page, first: str, last: str, name: str) -> None:
    """Save the page from one section to another."""
    page.mouse.move(0, 0)
    boxes = [page.locator(f"section[aria-label='{s}']").bounding_box() for s in (first, last)]
    top = boxes[0]["y"] - MARGIN
    page.screenshot(
        path=HERE / name,
        clip={
            "x": boxes[0]["x"] - MARGIN,
            "y": top,
            "width": boxes[0]["width"] + 2 * MARGIN,
            "height": boxes[1]["y"] + boxes[1]["height"] - top + 4,
        },
    )
    print(f"{name}: {(HERE / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "runs/demo-ce")
