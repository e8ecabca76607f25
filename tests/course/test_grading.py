"""An instructor's way: hand an assignment out, collect the answers, let nbgrader grade them."""

import csv
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

if importlib.util.find_spec("nbgrader") is None:
    pytest.skip("nbgrader is not installed", allow_module_level=True)

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ASSIGNMENT = "01_dataset"
POINTS = {  # of each exercise in that notebook
    "padding_share": 1,
    "masked_mean": 2,
    "align_to_words": 2,
    "constant_baseline": 1,
    "split_by_speaker": 3,
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a course folder that build.py laid out, with an exchange of its own."""
    folder = tmp_path_factory.mktemp("grading") / "course"
    command = [sys.executable, str(NOTEBOOKS / "build.py"), ASSIGNMENT, "--course", str(folder)]
    subprocess.run(command, check=True)
    with (folder / "nbgrader_config.py").open("a") as file:
        file.write(f"c.Exchange.root = {str(folder.parent / 'exchange')!r}\n")
    return folder


def nbgrader(folder: Path, *arguments: str) -> None:
    """Run one of nbgrader's commands with the course's settings in ``folder``."""
    config = folder / "nbgrader_config.py"
    if not config.exists():
        shutil.copy(folder.parent / "course" / "nbgrader_config.py", config)
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
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


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
def test_hand_out_collect_and_grade(course):
    nbgrader(course, "generate_assignment", ASSIGNMENT)
    released = nbformat.read(course / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4)
    student = nbformat.read(NOTEBOOKS / f"{ASSIGNMENT}.ipynb", as_version=4)
    assert [c.source for c in released.cells] == [c.source for c in student.cells]
    assert (course / "release" / ASSIGNMENT / "images" / "data_flow.svg").is_file()

    # Ada gets hers through the exchange: two right answers, a wrong one, two not tried.
    nbgrader(course, "release_assignment", ASSIGNMENT)
    desk = course.parent / "desk"
    desk.mkdir()
    nbgrader(desk, "fetch_assignment", ASSIGNMENT)
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
    [collected] = (course / "submitted").iterdir()
    collected.rename(course / "submitted" / "ada")

    # Bob mails the notebook of the project itself, untouched; Cleo sends all solutions, and has
    # tried to make the locked test cells easier.
    for name, notebook in (("bob", student), ("cleo", _all_solved_with_forged_tests())):
        folder = course / "submitted" / name / ASSIGNMENT
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{ASSIGNMENT}.ipynb")

    nbgrader(course, "autograde", ASSIGNMENT)
    nbgrader(course, "export")
    with (course / "grades.csv").open() as file:
        scores = {row["student_id"]: float(row["raw_score"]) for row in csv.DictReader(file)}
    everything = sum(POINTS.values())
    assert scores == {
        "ada": POINTS["padding_share"] + POINTS["constant_baseline"],
        "bob": 0,
        "cleo": everything - POINTS["split_by_speaker"],
    }


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
