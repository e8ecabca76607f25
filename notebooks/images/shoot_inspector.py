"""Take the two screenshots of the AttentionInspector from a trained run of the demo corpus.

python notebooks/images/shoot_inspector.py [RUN]        (default: runs/demo-ce)

Writes inspector_codes.png and inspector_frames.png beside itself. It takes the system's Chromium.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from cenet_lib import AttentionInspector, load_corpus

HERE = Path(__file__).parent
SENTENCE = "speaker86_02"  # "… a great yarn", said with a frown
MARGIN = 18


def main(run: str) -> None:
    """Export a few sentences with "great", and take the two pictures of the page."""
    utterances = [u for u in load_corpus("demo").test if "great" in u.words]
    inspector = AttentionInspector.from_run(run, utterances=utterances)
    inspector.utterance = SENTENCE
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        inspector.to_html(path)
        flags = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
        flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)

        page = _open(browser, path, "light")
        page.locator(".finding button").click()
        page.locator(".sentence button", has_text="great").click()
        _shoot(page, "Utterance and predictions", "Attention maps", "inspector_codes.png")

        page = _open(browser, path, "dark")
        page.locator("[data-view=frames]").click()
        page.locator(".finding button").click()
        _shoot(page, "Attention maps", "Codes", "inspector_frames.png")
        browser.close()


def _open(browser, path: Path, scheme: str) -> Page:
    page = browser.new_page(viewport={"width": 1080, "height": 2200}, color_scheme=scheme)
    page.goto(path.as_uri())
    page.locator(".finding button").wait_for()
    return page


def _shoot(page: Page, first: str, last: str, name: str) -> None:
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
