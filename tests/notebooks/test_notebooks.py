"""The notebooks: they run, they are what their sources say, and they keep the course's rules."""

import dis
import os
import re
from pathlib import Path
from statistics import median
from types import CodeType

import jupytext
import nbformat
import processes
import pytest
from building import NOTEBOOKS, build
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.provisioning import local_provisioner

from cenet_lib.course import exercises
from cenet_lib.course.quiz import as_shown, questions

ROOT = Path(__file__).resolve().parents[2]
STUDENT = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
SOLVED = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
SOURCES = sorted((NOTEBOOKS / "source").glob("*.py"))
PAGES = sorted(NOTEBOOKS.glob("*.md"))

each_stored = pytest.mark.parametrize(
    "path", [*STUDENT, *SOLVED], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)

# Runs as the last cell of a notebook: moves every control of every `interactive`.
DRIVE = """
import sys

import ipywidgets
from ipywidgets.widgets import widget

_failures, _moved, _drawn = [], [], []


def _note(*arguments, **options):
    _failures.append(repr(sys.exc_info()[1]))


get_ipython().showtraceback = _note  # where `interactive` sends what its function raises
for _panel in list(widget._instances.values()):
    if not isinstance(_panel, ipywidgets.interactive):
        continue
    _drawn.append(_panel.result is not None)
    for _control in _panel.kwargs_widgets:
        if hasattr(_control, "options"):
            _values = [value for _, value in _control._options_full][:6]
        elif hasattr(_control, "base"):  # a slider over exponents
            _values = [_control.base**_control.min, _control.base**_control.max]
        elif hasattr(_control, "min"):
            _values = [_control.min, (_control.min + _control.max) / 2, _control.max]
            _values = [type(_control.value)(value) for value in _values]
        elif isinstance(_control.value, bool):
            _values = [True, False]
        elif isinstance(_control.value, str):
            _values = ["", " ", "!", "A 😀 film.", "word " * 200, "x" * 5000, "Not bad."]
        else:
            _failures.append(f"do not know how to move {type(_control).__name__}")
            continue
        _results = []
        for _control.value in _values:
            _results.append(repr(_panel.result))
        _moved.append(len(set(_results)) > 1)
del get_ipython().showtraceback
assert not _failures, _failures
assert all(_drawn), "an interactive function must return what it shows"
assert all(_moved), "a control changes nothing"
print("controls:", len(_moved))
"""


# Both versions of a notebook run in one kernel, the student's first. These cells take seconds and
# use no answer, so they run once: the solved version is given what they gave. Named by how they
# begin. What later cells change in place is not given anew, but for lists and dictionaries.
ONCE = {
    "02_kmeans_vocabularies": (
        "from cenet_lib.results.codes import compare_sizes",
        "counts = (5, 10, 20, 40, 80)\nhonest =",
    ),
    "04_language_model": (
        "plain = states_after_layers(0,",
        "rows = []\nfor n in (0, 1, 3, 6):",
        "torch.manual_seed(0)\nshort = CENet.from_backbone",
    ),
    "05_training": (
        "(*full, said_full), (*half, said_half) =",
        "room = tempfile.TemporaryDirectory(",
        "with redirect_stdout(io.StringIO()):\n    resumed =",
        "with redirect_stdout(io.StringIO()):\n    offline =",
    ),
    "06_results_and_attention": (
        "rows = []\nfor u in corpus.test[",
        "shares = (0.05,",
        "fairer = {",
    ),
    "07_beyond_the_paper": (
        "blind = [accuracy(",
        "seeds = range(3)\nasking =",
        "layered = [two_words(",
        "irony = shorten(",
        "missing = {",
        "rows = []\nfor level in levels:",
    ),
    "08_your_own_video": (
        "landmarker = FaceLandmarker()\nman =",
        "with redirect_stdout(io.StringIO()):  # how far it is",
        'options = {"streams": "visual",',
        'demo = load_corpus("demo")\nnames =',
    ),
}

KEEP = """
_kept = {{name: globals()[name] for name in {names}}}
_kept = {{n: v.copy() if isinstance(v, (list, dict)) else v for n, v in _kept.items()}}
get_ipython().kept = [*getattr(get_ipython(), "kept", []), _kept]
"""
GIVE = "globals().update(get_ipython().kept.pop(0))"

# Runs between both versions.
TURN = """
import matplotlib.pyplot
from ipywidgets import Widget

Widget.close_all()
matplotlib.pyplot.close("all")
get_ipython().reset(new_session=False)
get_ipython().run_line_magic("cd", "-q solutions")
"""


def names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell reads of those before it, and those that it sets."""
    code = compile(TransformerManager().transform_cell(source), "cell", "exec")
    read, found = set(), set()
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME":
            found.add(step.argval)
        elif step.opname == "LOAD_NAME" and step.argval not in found:
            read.add(step.argval)
        elif step.opname == "DELETE_NAME":  # as an error's, behind its `except`
            found.discard(step.argval)
    return read | (inner_names(code) - found), found


def inner_names(code: CodeType) -> set[str]:
    """Return the names from outside that the functions and classes in it read."""
    read = set()
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            steps = dis.get_instructions(inner)
            read |= {step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
            read |= inner_names(inner)
    return read


def both_versions(stem: str) -> tuple[list, list]:
    """Return the cells of the student's version and those of the solved one."""
    first, second = [], []
    answers: set[str] = set()  # the names whose values an answer may change
    student, solved = build.versions(NOTEBOOKS / "source" / f"{stem}.py").values()
    for untried, cell in zip(student.cells, solved.cells, strict=True):
        cell.id += "-solved"  # all stand in one notebook
        first.append(untried)
        second.append(cell)
        if cell.cell_type != "code":
            continue
        read, found = names(cell.source)
        answered = cell.source != untried.source or bool(read & answers)
        if cell.source.startswith(ONCE.get(stem, ())):
            assert not answered, f"{stem}: uses an answer, so it must run twice: {cell.source}"
            first.append(nbformat.v4.new_code_cell(KEEP.format(names=sorted(found))))
            second[-1] = nbformat.v4.new_code_cell(GIVE)
        elif answered:
            answers |= found
    return first, second


@pytest.mark.slow
@each_source
def test_both_versions_run_from_top_to_bottom_and_their_controls_can_be_moved(path, monkeypatch):
    """One test and one kernel for both: most of the solved version is as the student's."""
    if os.name != "nt":
        monkeypatch.setattr(local_provisioner, "launch_kernel", processes.Kernel)
    student, solved = both_versions(path.stem)
    code = nbformat.v4.new_code_cell
    notebook = nbformat.v4.new_notebook(
        cells=[*student, code(DRIVE), code(TURN), *solved, code(DRIVE)]
    )
    build.execute(notebook, NOTEBOOKS, fast=True)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert_clean(notebook)
    for cells, mark, verdict in (
        (notebook.cells[: len(student) + 1], "○", "not tried yet"),
        (notebook.cells[len(student) + 2 :], "✓", "right"),
    ):
        said = text_of(nbformat.v4.new_notebook(cells=cells))
        names = exercises_of(path.stem)
        assert [name for name in names if f"{mark} {name}: {verdict}" not in said] == []
        [moved] = re.findall(r"controls: (\d+)", said)
        assert int(moved) >= sum(cell.source.count("widgets.interactive(") for cell in student)


@pytest.mark.parametrize("stem", ONCE)
def test_cells_that_run_once_are_there_and_use_no_answer(stem):
    student, solved = both_versions(stem)
    found = [begin for cell in student for begin in ONCE[stem] if cell.source.startswith(begin)]
    assert sorted(found) == sorted(ONCE[stem])
    assert sum(cell.source == GIVE for cell in solved) == len(ONCE[stem])


def test_all_notebooks_are_there():
    assert [p.stem for p in STUDENT] == [p.stem for p in SOLVED] == [p.stem for p in SOURCES]


def test_nothing_has_drifted(capsys):
    assert build.main(["--check"]) == 0, capsys.readouterr().out


def test_drift_is_found(tmp_path, monkeypatch):
    source = tmp_path / "source" / SOURCES[0].name
    source.parent.mkdir()
    text = SOURCES[0].read_text(encoding="utf-8")
    source.write_text(text, encoding="utf-8")
    monkeypatch.setattr(build, "HERE", tmp_path)
    monkeypatch.setattr(build, "SOLUTIONS", tmp_path / "solutions")
    for path, notebook in build.versions(source).items():
        path.parent.mkdir(exist_ok=True)
        executed = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for count, cell in enumerate(executed, start=1):
            cell.execution_count = count
            if 'quiz("01")' in cell.source:
                shown = as_shown(questions("01"))
                cell.outputs = [nbformat.v4.new_output("display_data", data=shown)]
        nbformat.write(notebook, path)
    assert build.drift(source) == []
    source.write_text(text.replace("# # 1 ·", "# # 1 · Changed:", 1), encoding="utf-8")
    assert [line.split(": ")[1] for line in build.drift(source)] == [
        "cell 0 is not as in its source"
    ] * 2
    source.write_text(text, encoding="utf-8")
    student = nbformat.read(tmp_path / STUDENT[0].name, as_version=4)
    student.cells[-2].execution_count = None
    [display] = [output for cell in student.cells for output in cell.get("outputs", [])]
    display.data["text/html"] = display.data["text/html"].replace("<b>", "<b>another ", 1)
    nbformat.write(student, tmp_path / STUDENT[0].name)
    (tmp_path / "solutions" / STUDENT[0].name).unlink()
    assert build.drift(source) == [
        f"{STUDENT[0].name}: was not executed from top to bottom",
        f"{STUDENT[0].name}: does not show the questions of quiz/{STUDENT[0].stem}.toml",
        f"solutions/{STUDENT[0].name}: is missing",
    ]


@pytest.mark.parametrize(
    ("mend", "complaint"),
    [
        (lambda text: text.replace("### BEGIN SOLUTION", ""), "marked solution"),
        (lambda text: text.replace('check="', 'check="other_', 1), "expected the check"),
        (lambda text: text.replace(" · 1 point\n", "\n", 1), "heading"),
    ],
)
def test_a_broken_exercise_stops_the_build(tmp_path, mend, complaint):
    source = tmp_path / SOURCES[0].name
    source.write_text(mend(SOURCES[0].read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(build.BuildError, match=complaint):
        build.read_source(source)


@each_source
def test_students_get_no_solution(path):
    solved = build.read_source(path)
    student = build.for_students(solved)
    assert "SOLUTION" in text_of_code(solved)
    assert not re.search("SOLUTION|HIDDEN|grade\\(", text_of_code(student))
    for cell in student.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            assert build.STUB in cell.source
    for notebook in (solved, student):
        nbformat.validate(notebook)


def test_every_exercise_is_in_one_notebook():
    found = [name for path in SOURCES for name in exercises_of(path.stem)]
    assert sorted(found) == exercises.names()


@each_source
def test_exercises_are_numbered_and_fit_the_time(path):
    text = path.read_text(encoding="utf-8")
    headings = build.HEADING.findall(text.replace("\n# ", "\n"))
    chapter = int(path.stem[:2])
    assert [number for number, *_ in headings] == [
        f"{chapter}.{i + 1}" for i in range(len(headings))
    ]
    assert len(headings) == len(exercises_of(path.stem))
    stated = int(re.search(r"\*\*Time\*\* (\d+) minutes", text)[1])
    assert sum(int(minutes) for _, _, minutes, _ in headings) < stated <= 60
    for _, stars, _, points in headings:
        assert int(points) == stars.count("★")


def test_instructors_page_counts_exercises_and_points():
    page = (NOTEBOOKS / "INSTRUCTORS.md").read_text(encoding="utf-8")
    stated = {
        stem: (int(n), int(points))
        for stem, n, points in re.findall(r"\((\w+)\.ipynb\) \|.*\| (\d+) \| (\d+) \|$", page, re.M)
    }
    counted = {}
    for path in SOURCES:
        text = path.read_text(encoding="utf-8").replace("\n# ", "\n")
        headings = build.HEADING.findall(text)
        counted[path.stem] = (len(headings), sum(int(points) for *_, points in headings))
    assert stated == counted


@each_stored
def test_first_and_last_cell(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == cells[-1].cell_type == "markdown"
    assert re.match(r"# \d · ", cells[0].source)
    for part in ("You will be able to", "You need", "Time", "Downloads"):
        assert f"**{part}**" in cells[0].source
    assert cells[-1].source.startswith("## What you did")
    for part in ("Exercises", "Next"):
        assert f"**{part}**" in cells[-1].source


@each_stored
def test_cells_are_short_and_the_prose_is_more(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code"]
    if path in STUDENT:  # a solution is longer than the dots in its place
        assert median(code) <= 5
    assert sum(lines <= 20 for lines in code) >= 0.9 * len(code)
    assert max(code) <= 40
    assert len(cells) - len(code) > len(code)


@each_stored
def test_stored_outputs(path):
    assert path.stat().st_size <= 1_000_000
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert_clean(notebook)
    pictures = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for tag in re.findall("<img[^>]*>", output.get("data", {}).get("text/html", "")):
                pictures += 1
                alt = re.search('alt="([^"]*)"', tag)
                assert alt, f"a figure without alternative text: {cell.source}"
                assert len(alt[1]) >= 20, f"a figure without alternative text: {cell.source}"
    assert pictures > 0


@each_source
def test_pictures_in_the_prose_have_alternative_texts(path):
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "markdown":
            for alt, _ in re.findall(r"!\[(.*?)\]\((.*?)\)", cell.source, re.S):
                assert len(alt) >= 20
            assert "<img" not in cell.source


@each_source
def test_each_control_panel_has_a_picture_behind_a_fold_beside_it(path):
    cells = jupytext.read(path).cells
    for i, cell in enumerate(cells):
        if "widgets.interactive(" in cell.source:
            nearby = [c.source for c in cells[i + 1 : i + 4] if c.cell_type == "code"]
            folded = [source for source in nearby if re.search(r"^ *show\(", source, re.M)]
            assert any("fold=" in source for source in folded), cell.source


@each_source
def test_each_slider_says_what_it_sets_and_in_which_unit(path):
    """`slider` wants a label; those of ipywidgets would show the name of a variable."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"widgets\.(?:Int|Float)Slider\(", text) == []
    for call in re.findall(r"(?<!def )\bslider\(([^)]*)\)", text):
        assert re.match(r'f?"[^"]*, [^"]+"|f?"[^"]* (?:of|in|taken|before)\b|label', call), call
    for call in re.findall(r"widgets\.(?:FloatLogSlider|Checkbox|Dropdown)\((.*)\)", text):
        assert "description=" in call, call


def _documents():
    for path in [*STUDENT, *SOLVED]:
        cells = nbformat.read(path, as_version=4).cells
        yield path, "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for path in PAGES:
        yield path, path.read_text(encoding="utf-8")


def test_links_resolve():
    broken = []
    for path, text in _documents():
        text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if link.startswith("https://"):
                continue
            target, _, anchor = link.partition("#")
            place = (path.parent / target).resolve() if target else path
            if not place.exists() or not place.is_relative_to(ROOT):
                broken.append(f"{path.name}: {link}")
            elif anchor and anchor not in anchors(place):
                broken.append(f"{path.name}: {link} (no such heading)")
    assert broken == []


def test_every_glossary_term_is_linked_from_somewhere():
    linked = {
        anchor for _, text in _documents() for anchor in re.findall(r"GLOSSARY\.md#([\w-]+)", text)
    }
    assert anchors(NOTEBOOKS / "GLOSSARY.md") - linked - {"glossary"} == set()


def test_jupyterlab_finds_every_term():
    """It looks for an anchor as a link names it; those of headings it writes with capitals."""
    page = (NOTEBOOKS / "GLOSSARY.md").read_text(encoding="utf-8")
    explicit = re.findall(r'^<a id="([\w-]+)"></a>\n\n## ', page, re.M)
    assert set(explicit) == anchors(NOTEBOOKS / "GLOSSARY.md") - {"glossary"}


def test_every_work_that_the_package_cites_is_among_the_references():
    cited = {
        f"{name} {year}"
        for path in (ROOT / "cenet_lib").rglob("*.py")
        for name, year in re.findall(
            r"\b([A-Z][a-z]+)(?:\s+et al\.|\s+(?:and|&)\s+[A-Z][a-z]+)?\s+\(?((?:19|20)\d\d)\b",
            path.read_text(encoding="utf-8"),
        )
    }
    references = (NOTEBOOKS / "REFERENCES.md").read_text(encoding="utf-8")
    assert {"Wang 2023", "Sculley 2010", "Hutto 2014"} <= cited
    assert cited - set(re.findall(r"^## (.+)$", references, re.M)) == set()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and Jupyter's readers make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def exercises_of(stem: str) -> list[str]:
    text = (NOTEBOOKS / "source" / f"{stem}.py").read_text(encoding="utf-8")
    return re.findall(r'^# %% exercise="(\w+)"', text, re.M)


def text_of_code(notebook) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def text_of(notebook) -> str:
    """Return all that a notebook's outputs say."""
    said = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            said.append(output.get("text", ""))
            said += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
    return "\n".join(said)


def assert_clean(notebook) -> None:
    """No errors, no warnings, no paths of one computer, nothing that differs from run to run."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
    said = text_of(notebook)
    for pattern in (
        r"[Ww]arning",
        r"(?<![\w.])/(?:home|root|tmp|usr|Users|opt|var|work)/",
        r" at 0x",
    ):
        assert not re.search(pattern, said), re.search(rf".*{pattern}.*", said)[0]
