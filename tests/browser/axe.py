"""axe-core, which finds what a reader with other senses would stumble over."""

from pathlib import Path

import pytest

AXE = Path(__file__).parents[1] / "inspector/page/node_modules/axe-core/axe.min.js"

# A look is what decides the contrast: of the text its colour, size, weight and shadow, whether it
# can be used, and every ground down to the first that hides what is behind it. Where that may be
# another one than in the tree, because something is placed freely or is a picture, no look is the
# same as another.
LOOK = """async () => {
  const OFF = ":disabled, [aria-disabled=true]"; // needs no contrast
  const looks = new Map(), seen = (window.seenByAxe ??= new Map()), fresh = [];
  const above = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host;
  const lookOf = (node) => {
    if (!node) return "";
    if (!looks.has(node)) {
      const style = getComputedStyle(node), ground = style.backgroundColor;
      const free = !["static", "relative"].includes(style.position) || style.transform !== "none";
      const veiled = style.opacity !== "1" || style.filter !== "none";
      const opaque = !/^rgba|transparent|\\//.test(ground);
      const behind = opaque && !veiled ? "" : lookOf(above(node));
      const unsure = style.backgroundImage !== "none" || (free && !opaque) || behind === null;
      looks.set(node, unsure ? null : `${ground} ${style.opacity} ${style.filter} ${behind}`);
    }
    return looks.get(node);
  };
  const visit = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) visit(node.shadowRoot);
      if (!["INPUT", "TEXTAREA", "SELECT"].includes(node.tagName) &&
        ![...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim())) continue;
      if (!node.checkVisibility()) continue;
      const { color, fontSize, fontWeight, textShadow } = getComputedStyle(node);
      const off = node.closest("label")?.control?.disabled || node.closest(OFF) !== null;
      const own = `${color} ${fontSize} ${fontWeight} ${textShadow} ${off}`;
      const ground = lookOf(node);
      const look = ground === null ? null : `${own} ${ground}`;
      const times = look === null ? 0 : (seen.get(look) ?? 0);
      if (times < 3) fresh.push(node);
      seen.set(look, times + 1);
    }
  };
  visit(document);
  const [resultTypes, contrast] = [["violations"], "color-contrast"];
  const rules = { [contrast]: { enabled: false } };
  const texts = { resultTypes, runOnly: [contrast] }; // first, while they are there: pages redraw
  const found = fresh.length ? (await axe.run({ include: fresh }, texts)).violations : [];
  return [...(await axe.run(document, { resultTypes, rules })).violations, ...found];
}"""


def skip_without_axe():
    if not AXE.exists():
        pytest.skip("axe-core is not installed; run 'npm ci' in tests/inspector/page")


def load_axe(page):
    """Put axe-core into a page that has just been opened."""
    page.evaluate(AXE.read_text(encoding="utf-8"))


def violations(page):
    """Return what axe-core complains about.

    Nine tenths of its time are contrasts of texts. Of texts that look alike three are looked at,
    once for as long as the page is open.
    """
    found = page.evaluate(LOOK)
    return [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in found]
