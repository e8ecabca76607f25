"""What the notebooks' prose says in numbers is what their cells show.

Each decimal number, percentage and number from 20 on in a Markdown cell must stand in an output or
in the code of the same notebook, rounded as the prose rounds it. What comes from elsewhere, or is
computed on paper, is named in `ELSEWHERE` with its reason. Numbers in words ("three of four")
escape this test; those who read the notebooks must look at them.
"""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# Not claims: headings, the facts at the head of a notebook, code, links, sources, exercises' names.
_NO_CLAIM = re.compile(
    r"^#+ [^\n]*$|^ {4}[^\n]*$|`[^`]*`|\[[^\]]*\d{4}\w?\)?\]\([^)]*\)|\]\([^)]*\)|<!--.*?-->"
    r"|exercises? \d\.\d|\*\*(Time|Downloads|You need|Exercises)\*\*.*?(?=\n\n|\Z)",
    re.M | re.S,
)
_NUMBER = re.compile(r"(?<![\w.,/#^{])[-+−]?\d+(?:(?:,|\{,\})\d{3})*(?:\.\d+)?(?: ?%)?(?![\w/])")
_ANY = re.compile(r"[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")


def value(text: str) -> float:
    """Return the number that a text such as −1,234.5 % writes, its per cent sign aside."""
    return float(re.sub(r"[,{}% ]", "", text).replace("−", "-"))


def claims(markdown: str) -> list[tuple[str, str]]:
    """Return the numbers of a cell that must be shown somewhere, with what stands around each."""
    text = _NO_CLAIM.sub(" ", markdown)
    found = []
    for match in _NUMBER.finditer(text):
        said = match.group()
        if "." in said or "%" in said or abs(value(said)) >= 20:
            around = text[max(0, match.start() - 50) : match.end() + 30]
            found.append((said, " ".join(around.split())))
    return found


def shown(notebook: nbformat.NotebookNode) -> list[float]:
    """Return every number in the code and in the outputs of a notebook."""
    texts = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            texts.append(cell.source)
            for output in cell.outputs:
                data = output.get("data", {})
                texts += [output.get("text", ""), data.get("text/plain", "")]
                texts.append(re.sub("<[^>]*>", " ", data.get("text/html", "")))
    return [abs(value(number)) for text in texts for number in _ANY.findall(text)]


def is_shown(said: str, numbers: list[float]) -> bool:
    """Tell whether one of the numbers rounds to what was said; per cent may be shown as a share."""
    decimals = len(said.rstrip("% ").partition(".")[2])
    wanted = [(abs(value(said)), decimals)]
    if "%" in said:
        wanted.append((abs(value(said)) / 100, decimals + 2))
    return any(
        abs(number - x) <= 0.5 * 10**-digits + 1e-9 for number in numbers for x, digits in wanted
    )


@pytest.mark.parametrize(
    ("said", "numbers", "expected"),
    [
        ("0.69", [0.6896], True),
        ("0.69", [0.6961], False),
        ("−0.28", [0.2796], True),
        ("93 %", [0.933], True),
        ("93 %", [93.0], True),
        ("93 %", [0.92], False),
        ("1,284", [1284.0], True),
        ("40", [41.0], False),
    ],
)
def test_a_number_is_shown_if_something_rounds_to_it(said, numbers, expected):
    assert is_shown(said, numbers) is expected


def test_claims_of_a_cell():
    cell = (
        "## 3 · Heading 99\n\nMAE is 0.69, or 12 % less ([Efron 1979](R.md#e), `x = 45`).\n\n"
        "Of 686 three are wrong.\n\n**Time** 45 minutes."
    )
    assert [said for said, _ in claims(cell)] == ["0.69", "12 %", "686"]


ON_PAPER = "computed on paper"
SIZES = "a size of demo, which notebook 1 shows"
ELSEWHERE = {  # by notebook: what is said and not shown there, and why it may be
    "01": {
        **dict.fromkeys(("0.25", "1.33"), ON_PAPER),
    },
    "02": {"2143": "an example of an entry's number"},
    "03": {
        "0.02": "the standard deviation that the package's weights begin with",
        **dict.fromkeys(("9.261", "6.859", "12.01", "12.61"), ON_PAPER),
    },
    "04": {
        **dict.fromkeys(("0.125", "0.375", "591{,}360"), ON_PAPER),
        **dict.fromkeys(("30,522", "50,265", "514", "768", "3072"), "the shape of a known model"),
    },
    "05": {
        **dict.fromkeys(("1,284", "41"), SIZES),
        **dict.fromkeys(("55", "99"), ON_PAPER),
        **dict.fromkeys(("24", "1.2345", "1.234375", "1.0078125"), "how bf16 is defined"),
        **dict.fromkeys(("5890", "6758"), "issue 2 and README of the published code"),
    },
    "06": {"3.8": "an example of a prediction"},
    "07": {"−1.3": "an example of a prediction"},
    "08": {
        "146": "how many landmarks MediaPipe's net reads",
        "0.24": "the source that the sentence names",
        "400": ON_PAPER,
    },
}


@pytest.mark.parametrize(
    "path", sorted((NOTEBOOKS / "solutions").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_numbers_in_prose_are_shown_by_a_cell(path):
    notebook = nbformat.read(path, as_version=4)
    numbers, known = shown(notebook), ELSEWHERE[path.stem[:2]]
    said = [
        claim
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for claim in claims(cell.source)
    ]
    lost = [f"{x}: …{around}…" for x, around in said if x not in known and not is_shown(x, numbers)]
    assert lost == []
    idle = set(known) - {x for x, _ in said if not is_shown(x, numbers)}
    assert idle == set(), "these exceptions are not needed any more"


def begun_by_chance(text: str) -> list[str]:
    """Return the lines within a paragraph that Markdown may take for an item of a list."""
    item = re.compile(r"\d+[.)] ")
    found, before = [], ""
    for line in text.splitlines():
        within = before.strip() and not item.match(before) and not before.startswith(" ")
        if item.match(line) and within:
            found.append(line)
        before = line
    return found


def test_a_list_that_begins_by_chance_is_found():
    assert begun_by_chance("Between 0 and\n1. Somebody\n\n1. one\n2. two\n  more\n3. three") == [
        "1. Somebody"
    ]


@pytest.mark.parametrize(
    "path", sorted((NOTEBOOKS / "solutions").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_no_line_begins_a_list_by_chance(path):
    cells = nbformat.read(path, as_version=4).cells
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    assert [line for text in texts for line in begun_by_chance(text)] == []
