"""Draw the diagrams of the course as SVG: python notebooks/images/draw.py

The colours follow the reader's light or dark setting. Each diagram brings its own background, so
that it can also be read where the page does not follow.
"""

import re
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
STYLE = """
  text { font: 15px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1a1a1a; }
  .small { font-size: 13px; fill: #555; }
  .page { fill: #fff; }
  .box { stroke: #444; stroke-width: 1.3; }
  .plain { fill: #f3f3f3; } .words { fill: #d6e8f7; } .face { fill: #fbe0d0; }
  .voice { fill: #d3efe4; } .fused { fill: #f3dfec; }
  .line { stroke: #444; stroke-width: 1.5; fill: none; } .tip { fill: #444; }
  @media (prefers-color-scheme: dark) {
    text { fill: #eee; } .small { fill: #bbb; } .page { fill: #1b1b1d; }
    .box, .line { stroke: #ccc; } .tip { fill: #ccc; }
    .plain { fill: #2f2f33; } .words { fill: #12405f; } .face { fill: #6a3112; }
    .voice { fill: #0c4f3a; } .fused { fill: #5a2c4c; }
  }
"""


class Drawing:
    """Boxes, arrows and labels on a page of ``width`` × ``height``."""

    def __init__(self, width: int, height: int, title: str):
        self.width, self.height, self.title = width, height, title
        self.parts: list[str] = []

    def box(self, x: int, y: int, w: int, h: int, label: str, kind: str = "plain") -> None:
        """Draw a box with a label; lines after the first are smaller."""
        self.parts.append(
            f'<rect class="box {kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="7"/>'
        )
        lines = label.split("\n")
        top = y + h / 2 - 9 * (len(lines) - 1)
        for i, line in enumerate(lines):
            self.text(x + w / 2, top + 18 * i, line, small=i > 0)

    def text(self, x: float, y: float, label: str, *, small: bool = False) -> None:
        """Write a label, centred on (x, y)."""
        style = ' class="small"' if small else ""
        # N_v: the v as a subscript; dy holds for what follows too, hence the empty way back
        marked = re.sub(
            r"_(\w)",
            r'<tspan dy="4" font-size="11">\1</tspan><tspan dy="-4">&#8203;</tspan>',
            label,
        )
        self.parts.append(
            f'<text{style} x="{x:g}" y="{y + 5:g}" text-anchor="middle">{marked}</text>'
        )

    def arrow(self, *points: tuple[float, float]) -> None:
        """Draw a line through points, with a tip at the last."""
        path = " L ".join(f"{x:g} {y:g}" for x, y in points)
        self.parts.append(f'<path class="line" d="M {path}" marker-end="url(#tip)"/>')

    def circle(self, x: float, y: float, label: str) -> None:
        """Draw an operation, such as +."""
        self.parts.append(f'<circle class="box plain" cx="{x:g}" cy="{y:g}" r="14"/>')
        self.text(x, y, label)

    def save(self, name: str) -> None:
        """Write ``<name>.svg`` beside this script."""
        body = "\n".join(self.parts)
        (HERE / f"{name}.svg").write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img">\n'
            f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n"
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            'markerHeight="7" orient="auto-start-reverse">'
            '<path class="tip" d="M 0 0 L 10 5 L 0 10 z"/></marker></defs>\n'
            f'<rect class="page" width="{self.width}" height="{self.height}" rx="10"/>\n'
            f"{body}\n</svg>\n",
            encoding="utf-8",
        )


def data_flow() -> None:
    """From an utterance to an intensity."""
    d = Drawing(880, 270, "Data flow from an utterance to an intensity")
    rows = (("words", 20), ("face", 105), ("voice", 190))
    made = {
        "words": "word pieces\nids (T)",
        "face": "codes\nids (N_v)",
        "voice": "codes\nids (N_a)",
    }
    given = {
        "words": "words",
        "face": "face\n(N_v, 35) numbers",
        "voice": "voice\n(N_a, 74) numbers",
    }
    how = {"words": "tokenizer", "face": "k-means", "voice": "k-means"}
    for kind, y in rows:
        d.box(20, y, 150, 60, given[kind], kind)
        d.arrow((170, y + 30), (280, y + 30))
        d.text(224, y + 16, how[kind], small=True)
        d.box(280, y, 120, 60, made[kind], kind)
    for kind, y in rows[1:]:
        d.arrow((400, y + 30), (470, y + 30))
        d.text(434, y + 16, "count", small=True)
        d.box(470, y, 120, 60, "counts\n(k + 1)", kind)
        d.arrow((590, y + 30), (640, y + 30))
    d.arrow((400, 50), (640, 50))
    d.box(640, 20, 120, 230, "CENet\nlanguage model\nwith CE", "fused")
    d.arrow((760, 135), (792, 135))
    d.text(828, 126, "intensity")
    d.text(828, 146, "−3 … +3", small=True)
    d.save("data_flow")


def ce_module() -> None:
    """The cross-modal enhancement module."""
    d = Drawing(920, 400, "The CE module: words ask, face and voice answer")
    d.box(30, 165, 120, 60, "text states X\n(T, d)", "words")
    for kind, y, m in (("face", 30, "v"), ("voice", 280, "a")):
        middle = y + 45
        d.box(30, y + 10, 120, 70, f"codes c_{m}\n(N_{m})", kind)
        d.arrow((150, middle), (185, middle))
        d.box(185, y + 10, 140, 70, f"embedding E_{m}\n(N_{m}, d)", kind)
        d.arrow((325, middle), (380, y + 18))
        d.arrow((325, middle), (380, y + 72))
        d.box(380, y, 60, 36, f"K_{m}", kind)
        d.box(380, y + 54, 60, 36, f"V_{m}", kind)
        d.arrow((440, y + 18), (480, y + 18), (480, middle - 8), (505, middle - 8))
        d.arrow((440, y + 72), (480, y + 72), (480, middle + 8), (505, middle + 8))
        d.box(505, y + 5, 160, 80, f"H_{m} = A_{m} V_{m}\nA_{m} = softmax(8 Q K_{m}ᵀ)", "fused")
    d.arrow((150, 195), (380, 195))
    d.box(380, 177, 60, 36, "Q", "words")
    d.arrow((440, 195), (585, 195), (585, 117))
    d.arrow((585, 195), (585, 283))
    d.arrow((665, 75), (740, 75), (740, 150))
    d.arrow((665, 325), (740, 325), (740, 240))
    d.box(670, 150, 140, 90, "W [H_v ; H_a] + b\nshift", "fused")
    d.arrow((810, 195), (846, 195))
    d.circle(860, 195, "+")
    d.arrow((90, 225), (90, 258), (860, 258), (860, 210))
    d.arrow((860, 181), (860, 60))
    d.text(860, 46, "new states")
    d.save("ce_module")


def architecture() -> None:
    """CE inside the language model."""
    d = Drawing(880, 260, "CENet: a language model with CE before layer 1")
    d.box(20, 150, 90, 60, "words", "words")
    d.arrow((110, 180), (140, 180))
    d.box(140, 150, 110, 60, "embeddings\n(T, d)", "words")
    d.arrow((250, 180), (275, 180))
    d.box(275, 150, 75, 60, "layer 0", "words")
    d.arrow((350, 180), (386, 180))
    d.circle(400, 180, "+")
    d.arrow((414, 180), (445, 180))
    d.box(445, 150, 75, 60, "layer 1", "words")
    d.text(540, 180, "…")
    d.box(560, 150, 95, 60, "last layer", "words")
    d.arrow((655, 180), (685, 180))
    d.box(685, 150, 105, 60, "head\nfirst token", "plain")
    d.arrow((790, 180), (825, 180))
    d.text(846, 180, "ŷ")
    d.box(20, 20, 90, 40, "face", "face")
    d.box(20, 75, 90, 40, "voice", "voice")
    d.arrow((110, 40), (140, 40))
    d.arrow((110, 95), (140, 95))
    d.box(140, 20, 110, 40, "code counts", "face")
    d.box(140, 75, 110, 40, "code counts", "voice")
    d.arrow((250, 40), (340, 40))
    d.arrow((250, 95), (340, 95))
    d.box(340, 20, 120, 95, "CE\nkeys and values\nfrom codes", "fused")
    d.arrow((368, 180), (368, 115))
    d.arrow((400, 115), (400, 166))
    d.text(428, 136, "shift", small=True)
    d.text(338, 136, "queries", small=True)
    d.text(400, 232, "injection layer i = 1", small=True)
    d.save("architecture")


if __name__ == "__main__":
    for draw in (data_flow, ce_module, architecture):
        draw()
