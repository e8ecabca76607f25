"""Take the screenshot of a film's page: mesh, words, maps, strips and voice in step.

python notebooks/images/shoot_film.py RUN FILM TEXT [SECONDS]

RUN was trained on films (`data from-videos`), TEXT is what is said in FILM, and SECONDS is the
moment. Writes inspector_film.png beside itself. It shows the mesh alone, so no picture of a person.
The one in the README was measured on a clip of the GRID corpus (Cooke et al. 2006, CC BY 4.0), with
a run on four such clips.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from shoot_inspector import launch, open_page, shoot

from cenet_lib.__main__ import main as cenet


def main(run: str, film: str, text: str, moment: str = "1.5") -> None:
    """Predict on a film, and take the picture of its page at a moment."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        arguments = ["--run", run, "--video", film, "--text", text, "--html", str(path)]
        if cenet(["predict", *arguments]):
            sys.exit(1)
        browser = launch(playwright)
        page = open_page(browser, path, "light", "section[aria-label=Film]")
        page.locator("[data-view=frames]").click()
        page.locator("section[aria-label=Film] input[type=range]").fill(moment)
        page.wait_for_timeout(1000)  # until the mesh is drawn
        shoot(page, "Film", "Attention maps", "inspector_film.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
