"""axe-core, which finds what a reader with other senses would stumble over."""

from pathlib import Path

import pytest

AXE = Path(__file__).parents[1] / "inspector/page/node_modules/axe-core/axe.min.js"


def skip_without_axe():
    if not AXE.exists():
        pytest.skip("axe-core is not installed; run 'npm ci' in tests/inspector/page")


def load_axe(page):
    """Put axe-core into a page that has just been opened."""
    page.evaluate(AXE.read_text(encoding="utf-8"))


def violations(page):
    """Return what axe-core complains about."""
    run = "axe.run(document, { resultTypes: ['violations'] })"
    found = page.evaluate(f"async () => (await {run}).violations")
    return [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in found]
