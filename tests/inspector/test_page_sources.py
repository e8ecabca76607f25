"""The page's sources: modules that a linter and a type checker accept, and their one text."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cenet_lib.inspector import page

SOURCES = Path(page.__file__).parent
TOOLS = Path(__file__).parent / "page"
IMPORTS = re.compile(r'^import .*?from "\./(\w+)\.js";$', re.MULTILINE | re.DOTALL)
DECLARED = re.compile(
    r"^(?:export )?(?:async )?(?:const|let|class|function\*?) (?:\[([^\]]+)\]|(\w+))", re.MULTILINE
)


def source(name: str) -> str:
    return (SOURCES / f"{name}.js").read_text(encoding="utf-8")


def run_tool(name: str, *arguments: str) -> None:
    """Run a tool that ``npm ci`` installs beside its settings; its complaints are the failure."""
    if shutil.which("node") is None:
        pytest.skip("there is no Node.js on this machine")
    tool = TOOLS / "node_modules" / ".bin" / name
    if not tool.exists():
        pytest.skip(f"{name} is not installed; run 'npm ci' in tests/inspector/page")
    done = subprocess.run([tool, *arguments], cwd=TOOLS, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_accepts_the_page():
    files = sorted(str(file) for kind in ("js", "css") for file in SOURCES.glob(f"*.{kind}"))
    run_tool("biome", "check", "--error-on-warnings", *files)


def test_the_types_of_the_page_fit():
    run_tool("tsc", "--project", "tsconfig.json")


def test_every_module_is_joined_below_those_that_it_imports():
    assert {*page.MODULES, *page.RECORDER} == {file.stem for file in SOURCES.glob("*.js")}
    for modules in (page.MODULES, page.RECORDER):
        for position, name in enumerate(modules):
            assert set(IMPORTS.findall(source(name))) <= set(modules[:position]), name


@pytest.mark.parametrize("modules", [page.MODULES, page.RECORDER], ids=["inspector", "recorder"])
def test_modules_may_be_joined_because_no_name_is_taken_twice(modules):
    owners = {}
    for name in modules:
        for several, one in DECLARED.findall(source(name)):
            for declared in re.findall(r"\w+", several or one):
                assert owners.setdefault(declared, name) == name, declared
    assert len(owners) > 3 * len(modules)  # the search finds them


def test_one_text_exports_the_widget_and_imports_nothing():
    text = page.page_module()
    for joined in (text, page.page_module(page.RECORDER)):
        lines = re.findall(r"^(?:import|export)\b.*$", joined, re.MULTILINE)
        assert lines == ["export default { render };"]
    assert "function mount(" in text
    style = re.search(r'^const STYLE = (".*");$', text, re.MULTILINE)
    assert json.loads(style[1]) == (SOURCES / "page.css").read_text(encoding="utf-8")


def test_nothing_can_be_read_as_markup():
    text = page.page_module() + page.page_module(page.RECORDER)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|</script", text)


def test_an_exported_page_allows_itself_no_requests():
    data = {"corpus": {"name": "a </script> @MODULE@ & \u2028"}}
    html = page.page_html(data)
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]+)"', html)[1].split("; ")
    assert policy[0] == "default-src 'none'"
    assert not any("http" in rule or "*" in rule for rule in policy)
    written = re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1]
    assert json.loads(written) == data
    assert html.count("export default { render };") == 1


def test_the_tools_are_locked_without_an_address():
    lock = json.loads((TOOLS / "package-lock.json").read_text(encoding="utf-8"))
    assert all("resolved" not in package for package in lock["packages"].values())
    wanted = json.loads((TOOLS / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    locked = {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted}
    assert locked == wanted
