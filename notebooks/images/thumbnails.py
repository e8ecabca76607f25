"""Cut the README's small pictures from the stored notebooks.

python notebooks/images/thumbnails.py

Each is a figure of a solved notebook, found by the beginning of its alternative text.
"""

import base64
import io
import re
from pathlib import Path

import nbformat
from PIL import Image

HERE = Path(__file__).resolve().parent
SIZE = (260, 130)
CHOSEN = {
    "01_dataset": "Face states of three utterances",
    "02_kmeans_vocabularies": "Four scatter plots",
    "03_ce_attention": "Attention over 30 frames",
    "04_language_model": "Six bar charts",
    "05_training": "Left: MAE on train",
    "06_results_and_attention": "Predictions for three sentences rise",
    "07_beyond_the_paper": "Left: MAE over the noise level",
    "08_your_own_video": "The laughing face with its mesh",
}


def figure(stem: str, alt: str) -> Image.Image:
    """Return a notebook's figure whose alternative text begins with ``alt``."""
    path = HERE.parent / "solutions" / f"{stem}.ipynb"
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if data.get("text/plain", "").startswith(alt):
                [png] = re.findall('src="data:image/png;base64,(.+?)"', data["text/html"])
                return Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    raise SystemExit(f"{path}: no figure begins with {alt!r}")


def main() -> None:
    """Write a picture per notebook, all of one size."""
    for stem, alt in CHOSEN.items():
        small = figure(stem, alt)
        small.thumbnail(SIZE, Image.Resampling.LANCZOS)
        page = Image.new("RGB", SIZE, "white")
        page.paste(small, ((SIZE[0] - small.width) // 2, (SIZE[1] - small.height) // 2))
        page.quantize(64).save(HERE / f"thumbnail_{stem[:2]}.png", optimize=True)


if __name__ == "__main__":
    main()
