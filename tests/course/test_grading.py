"""An instructor's way: hand an assignment out, collect the answers, let nbgrader grade them."""

import csv
import importlib.util
import os
import re
import sys
import textwrap
from pathlib import Path
from subprocess import CompletedProcess

import nbformat
import processes
import pytest
from building import NOTEBOOKS, build

if importlib.util.find_spec("nbgrader") is None:
    pytest.skip("nbgrader is not installed", allow_module_level=True)

ASSIGNMENT = "01_dataset"
DUE = "2026-01-15"
POINTS = {  # of each exercise in that notebook
    "padding_share": 1,
    "masked_mean": 2,
    "align_to_words": 2,
    "constant_baseline": 1,
    "split_by_speaker": 3,
}


@pytest.fixture
def course(tmp_path):
    """Return a course folder that build.py laid out, with an exchange of its own."""
    folder = tmp_path / "course"
    assert build.main([ASSIGNMENT, "--nbgrader", str(folder)]) == 0
    assert os.name == "nt" or (folder / "grading.key").stat().st_mode & 0o077 == 0
    with (folder / "nbgrader_config.py").open("a") as file:
        file.write(f"c.Exchange.root = {str(folder.parent / 'exchange')!r}\n")
    return folder


@pytest.fixture
def mend(capsys):
    """Have build.py mend what students handed in; return the lines that it prints."""

    def run(course: Path, status: int = 0) -> list[str]:
        assert build.main(["--mend-submissions", str(course)]) == status
        return capsys.readouterr().out.splitlines()

    return run


def nbgrader(folder: Path, *arguments: str) -> None:
    """Run one of nbgrader's commands with the course's settings in ``folder``."""
    done = try_nbgrader(folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def try_nbgrader(folder: Path, *arguments: str) -> CompletedProcess:
    private = folder.parent / "private"
    environment = {
        **os.environ,
        "CENET_FAST": "1",
        # nbgrader calls alembic, which lies beside this Python
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(private),  # no settings, and no exchange cache, of whoever runs the tests
        "CENET_CACHE": os.environ.get("CENET_CACHE", str(NOTEBOOKS.parent / "data" / "cache")),
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_DATA_DIR": str(private / "data"),
    }
    return processes.program("nbgrader", *arguments, cwd=folder, env=environment, timeout=300)


def answer(path: Path, **answers: str) -> None:
    """Write a student's answers into the exercise cells of a notebook."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in answers:
            assert "# your code here" in cell.source
            cell.source = answers[name]
    nbformat.write(notebook, path)


@pytest.mark.slow
def test_hand_out_collect_and_grade(course, mend):
    nbgrader(course, "generate_assignment", ASSIGNMENT)
    released = nbformat.read(course / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4)
    student = nbformat.read(NOTEBOOKS / f"{ASSIGNMENT}.ipynb", as_version=4)
    assert [c.source for c in released.cells] == [c.source for c in student.cells]
    assert (course / "release" / ASSIGNMENT / "images" / "data_flow.svg").is_file()

    # Ada gets hers through the exchange, late: two right answers, a wrong one, two not tried.
    nbgrader(course, "db", "assignment", "add", ASSIGNMENT, f"--duedate={DUE} 12:00 UTC")
    nbgrader(course, "release_assignment", ASSIGNMENT)
    desk = course.parent / "desk"
    desk.mkdir()
    settings = settings_for_students().replace("/srv/exchange", f"{course.parent}/exchange")
    (desk / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    nbgrader(desk, "fetch_assignment", ASSIGNMENT)
    # Validate, the button in JupyterLab, finds what was not done.
    untouched = try_nbgrader(desk, "validate", f"{ASSIGNMENT}/{ASSIGNMENT}.ipynb")
    assert "VALIDATION FAILED ON 5 CELL(S)" in untouched.stdout + untouched.stderr
    assert "not tried yet" in untouched.stdout + untouched.stderr
    answer(
        desk / ASSIGNMENT / f"{ASSIGNMENT}.ipynb",
        padding_share="def padding_share(lengths):\n"
        "    return 1 - sum(lengths) / (len(lengths) * max(lengths))\n",
        constant_baseline="def constant_baseline(train_labels, test_labels):\n"
        "    return abs(test_labels - np.median(train_labels)).mean()\n",
        masked_mean="def masked_mean(frames, lengths):\n    return frames.mean(1)\n",
    )
    nbgrader(desk, "submit", ASSIGNMENT)
    nbgrader(course, "collect", ASSIGNMENT)
    ada = next((course / "submitted").iterdir()).name  # whoever runs the tests
    # She hands in once more; what was collected is only replaced if the instructor says so.
    (desk / ASSIGNMENT / "note.txt").write_text("the second time")
    nbgrader(desk, "submit", ASSIGNMENT)
    nbgrader(course, "collect", ASSIGNMENT)
    note = course / "submitted" / ada / ASSIGNMENT / "note.txt"
    assert not note.exists()
    nbgrader(course, "collect", ASSIGNMENT, "--update")
    assert note.exists()

    # Bob mails the notebook of the project itself, untouched; Cleo sends all solutions, and has
    # tried to make the locked test cells easier.
    # Mallory has answered nothing, and has told the checks to be content.
    for name, notebook in (
        ("bob", student),
        ("cleo", _all_solved_with_forged_tests()),
        ("mallory", _with_a_cell(student, CHEAT)),
    ):
        submit(course, name, notebook)

    # Abe has copied two cells. At his notebook nbgrader stops for everybody, until it is mended.
    solved = nbformat.read(NOTEBOOKS / "solutions" / f"{ASSIGNMENT}.ipynb", as_version=4)
    twice = copied(solved, "padding_share", "masked_mean_check")
    path = submit(course, "abe", twice)
    done = try_nbgrader(course, "autograde", ASSIGNMENT)
    assert done.returncode != 0  # the fault of nbgrader that this is about
    assert not (course / "autograded" / "bob").exists()
    where = path.relative_to(course)
    assert mend(course) == [
        f"{where}: padding_share stood there 2 times",
        f"{where}: masked_mean_check stood there 2 times",
    ]
    mended = nbformat.read(path, as_version=4)
    assert [cell.source for cell in mended.cells] == [cell.source for cell in twice.cells]
    [kept] = [cell for cell in mended.cells if grade_id(cell) == "padding_share"]
    assert "your code here" not in kept.source
    assert mend(course) == ["nothing to mend"]

    nbgrader(course, "autograde", ASSIGNMENT)
    everything = sum(POINTS.values())
    assert exported(course) == {
        "abe": everything,
        ada: POINTS["padding_share"] + POINTS["constant_baseline"],
        "bob": 0,
        "cleo": everything - POINTS["split_by_speaker"],
        "mallory": 0,
    }
    with (course / "grades.csv").open() as file:  # late work can be told by its dates
        late = {row["student_id"] for row in csv.DictReader(file) if row["timestamp"] > DUE}
    assert late == {ada}
    nbgrader(course, "generate_feedback", ASSIGNMENT)
    # The others did not come through the exchange, and nbgrader would stop at the first of them.
    nbgrader(course, "release_feedback", ASSIGNMENT, "--student", ada)
    nbgrader(desk, "fetch_feedback", ASSIGNMENT)
    [feedback] = (desk / ASSIGNMENT / "feedback").rglob("*.html")
    text = feedback.read_text(encoding="utf-8")
    assert text.count("✓ right") == 2  # her points
    assert text.count("✗ not tried") == 2


def settings_for_students() -> str:
    """Return the file that the page for instructors tells students to write."""
    page = (NOTEBOOKS / "INSTRUCTORS.md").read_text(encoding="utf-8")
    [settings] = re.findall(r"^   ```python\n(.+?)^   ```$", page, re.M | re.S)
    return textwrap.dedent(settings)


CHEAT = """
import unittest.mock
import cenet_lib.course.exercises as exercises
import cenet_lib.course.grading as grading
from cenet_lib.course.exercises import framework

nothing = lambda *arguments, **options: None
exercises.grade = exercises.check = framework.grade = framework.check = nothing
framework.run = framework.expect = framework._alike = framework._smallest_failure = nothing
grading.grade_remotely = grading.grade = nothing
padding_share = unittest.mock.MagicMock()
"""


def _with_a_cell(notebook: nbformat.NotebookNode, code: str) -> nbformat.NotebookNode:
    changed = nbformat.from_dict(notebook)
    changed.cells.insert(0, nbformat.v4.new_code_cell(code))
    return changed


def _all_solved_with_forged_tests() -> nbformat.NotebookNode:
    """Return the solved notebook with one wrong answer and its test cell made to pass."""
    notebook = nbformat.read(NOTEBOOKS / "solutions" / f"{ASSIGNMENT}.ipynb", as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name == "split_by_speaker":
            cell.source = "def split_by_speaker(speakers, share):\n    return [], []\n"
        if name == "split_by_speaker_check":
            cell.source = "print('right')"
    return notebook


def submit(course: Path, student: str, notebook: nbformat.NotebookNode) -> Path:
    folder = course / "submitted" / student / ASSIGNMENT
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{ASSIGNMENT}.ipynb")
    return folder / f"{ASSIGNMENT}.ipynb"


def exported(course: Path) -> dict[str, float]:
    """Return the points of each student."""
    nbgrader(course, "export")
    with (course / "grades.csv").open() as file:
        return {row["student_id"]: float(row["raw_score"]) for row in csv.DictReader(file)}


def copied(notebook: nbformat.NotebookNode, *names: str) -> nbformat.NotebookNode:
    """Return a notebook in which each of these cells stands twice, the first as it was handed out.

    JupyterLab copies a cell with its marks, and gives it an id of its own.
    """
    twice = nbformat.from_dict(notebook)
    handed_out = nbformat.read(NOTEBOOKS / f"{ASSIGNMENT}.ipynb", as_version=4)
    for name in names:
        [place] = [i for i, cell in enumerate(twice.cells) if grade_id(cell) == name]
        [stub] = [cell for cell in handed_out.cells if grade_id(cell) == name]
        copy = nbformat.from_dict(stub)
        copy.id = f"copy-of-{name}".replace("_", "-")
        twice.cells.insert(place, copy)
    return twice


def grade_id(cell: nbformat.NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def test_marks_stay_on_the_last_copy_that_was_written_into(tmp_path, mend):
    solved = nbformat.read(NOTEBOOKS / "solutions" / f"{ASSIGNMENT}.ipynb", as_version=4)
    twice = copied(solved, "padding_share")
    first, second = (cell for cell in twice.cells if grade_id(cell) == "padding_share")
    first.source, second.source = second.source, first.source  # the answer stands above the stub
    third = nbformat.from_dict(first)
    third.metadata, third.id = {"nbgrader": {}}, "third"  # as nbgrader leaves a copy
    twice.cells.append(third)
    path = submit(tmp_path, "ada", twice)
    mend(tmp_path)
    marks = {cell.id: cell.metadata for cell in nbformat.read(path, as_version=4).cells}
    assert marks[first.id]["nbgrader"]["grade_id"] == "padding_share"
    assert "nbgrader" not in marks[second.id]
    assert "nbgrader" not in marks["third"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"cells": 3}', "\ud83d"])
def test_what_is_no_notebook_is_said_and_left(content, tmp_path, mend):
    solved = nbformat.read(NOTEBOOKS / "solutions" / f"{ASSIGNMENT}.ipynb", as_version=4)
    path = submit(tmp_path, "zoe", copied(solved, "padding_share"))
    broken = submit(tmp_path, "ada", solved)
    broken.write_bytes(content.encode("utf-8", "surrogatepass"))
    printed = mend(tmp_path, status=1)
    assert printed[0] == f"{path.relative_to(tmp_path)}: padding_share stood there 2 times"
    assert printed[1].startswith(f"{broken.relative_to(tmp_path)}: is no notebook (")
    assert len(printed) == 2
    assert broken.read_bytes() == content.encode("utf-8", "surrogatepass")


def test_a_folder_without_submissions(tmp_path):
    with pytest.raises(build.BuildError, match="has no folder 'submitted'"):
        build.main(["--mend-submissions", str(tmp_path)])
