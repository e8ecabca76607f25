"""What a student wrote is used: `mine`, across notebooks too, and the record of what is right."""

import json
import types

import numpy as np
import pytest
import torch
from building import NOTEBOOKS, build

from cenet_lib.course import record
from cenet_lib.course.exercises import check, mine, names, progress
from cenet_lib.course.exercises.framework import find, numbers
from cenet_lib.course.record import RECORD, recall


def manhattan(frames, codes):
    return np.abs(frames[:, None] - codes).sum(-1).argmin(1)


def nearest_as_list(frames, codes):
    return [int(((f - codes) ** 2).sum(-1).argmin()) for f in frames]


FRAMES, CODES = np.array([[0.0, 0.0], [3.0, 3.1]]), np.array([[0.0, 5.0], [3.0, 3.0]])


@pytest.fixture
def in_notebook(monkeypatch, tmp_path):
    """Work in an empty folder, in what passes for a notebook's kernel."""
    shell = types.SimpleNamespace(kernel=object())
    fake = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(record.sys.modules, "IPython", fake)
    monkeypatch.delenv("CENET_PROGRESS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_function_that_passes_is_used_in_the_form_of_the_courses(capsys):
    nearest = mine("nearest_code", nearest_as_list)
    found = nearest(FRAMES, CODES)
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [1, 1]
    assert found.dtype == np.int64
    assert capsys.readouterr().out == "nearest_code: yours\n"


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (manhattan, "as yours is not right yet"),
        (0.5, "as yours is not right yet"),
        (lambda frames, codes: ..., "until you write yours"),
        (..., "until you write yours"),
    ],
)
def test_else_the_courses_is_used(function, why, capsys):
    assert mine("nearest_code", function)(FRAMES, CODES).tolist() == [1, 1]
    assert capsys.readouterr().out == f"nearest_code: the course's, {why}\n"


def test_a_function_may_change_its_arguments(capsys):
    def in_place(frames, assigned, codes):
        for j in np.unique(assigned):
            codes[j] = frames[assigned == j].mean(0)
        return codes

    before = CODES.copy()
    moved = mine("move_codes", in_place)(FRAMES, np.array([1, 1]), CODES)
    assert moved[1].tolist() == [1.5, 1.55]
    assert (before == CODES).all()


def test_a_function_that_cannot_be_used_here_gives_way(capsys):
    scores = torch.zeros(1, 2, requires_grad=True)

    def in_numpy(scores, counts):
        weights = np.exp(scores.detach().numpy()) * counts.numpy()
        return weights / weights.sum(-1, keepdims=True)

    for trial in (
        lambda f: f(scores, torch.tensor([1, 1])).requires_grad,
        lambda f: f(scores, "no counts"),
    ):
        used = mine("count_softmax", in_numpy, trial=trial)
        assert used(scores, torch.tensor([1, 3])).requires_grad
        assert "yours is right but cannot be used here" in capsys.readouterr().out
    assert mine("count_softmax", in_numpy)(scores, torch.tensor([1, 3])).tolist() == [[0.25, 0.75]]


def test_tensors_stay_tensors_where_the_check_gave_arrays():
    layers = [lambda x: 2 * x, lambda x: x + 1]
    x = torch.ones(2, requires_grad=True)
    found = mine("inject", find("inject").solve)(layers, lambda x: x * x, 1, x)
    assert found.tolist() == [5.0, 5.0]
    assert found.requires_grad


def test_every_function_that_notebooks_use_can_be_given():
    used = {
        name
        for path in (NOTEBOOKS / "source").glob("*.py")
        for name in names()
        if f'mine("{name}"' in path.read_text(encoding="utf-8")
    }
    assert len(used) >= 25
    assert [name for name in used if find(name).solve is None] == []
    with pytest.raises(KeyError, match="asks for an answer"):
        mine("attention_by_hand", lambda: [1] * 6)
    with pytest.raises(KeyError, match="no exercise"):
        mine("kmeans", manhattan)


def write_notebook(folder, name, source):
    cell = {"cell_type": "code", "source": source, "metadata": {"nbgrader": {"grade_id": name}}}
    content = {"cells": [{"cell_type": "markdown", "source": "x"}, cell], "nbformat": 4}
    path = folder / f"{int(numbers()[name][0]):02d}_any.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


ANSWER = (
    "import numpy as np\nopen('harm', 'w').write('x')\n"
    "def nearest_code(frames, codes):\n"
    "    return ((frames[:, None] - codes) ** 2).sum(-1).argmin(1)\n"
)


def test_a_later_notebook_finds_what_an_earlier_one_holds(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path, "nearest_code", ANSWER)
    assert mine("nearest_code")(FRAMES, CODES).tolist() == [1, 1]
    write_notebook(tmp_path, "nearest_code", ANSWER.splitlines(keepends=True))
    mine("nearest_code")
    assert capsys.readouterr().out == "nearest_code: yours\n" * 2
    assert not (tmp_path / "harm").exists()  # functions and imports only


@pytest.mark.parametrize(
    "source",
    ["def nearest_code(frames, codes):\n    ...", "def nearest_code(frames", "x = 1", "", None],
)
def test_a_half_written_cell_is_no_answer(source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path, "nearest_code", source)
    assert mine("nearest_code")(FRAMES, CODES).tolist() == [1, 1]
    assert "the course's, until you write yours" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": [1, {"metadata": 3}]}', "\x00"])
def test_a_damaged_notebook_is_no_answer(content, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "02_any.ipynb").write_text(content, encoding="utf-8")
    mine("nearest_code")
    assert "until you write yours" in capsys.readouterr().out


def test_the_solved_notebooks_hold_what_the_last_ones_look_for(tmp_path, monkeypatch, capsys):
    import nbformat

    monkeypatch.chdir(tmp_path)
    for path in sorted((NOTEBOOKS / "source").glob("0[234]*.py")):
        solved = build.for_solutions_folder(build.read_source(path))
        nbformat.write(solved, tmp_path / f"{path.stem}.ipynb")
    wanted = ("standardize", "nearest_code", "move_codes", "inject", "fold_keys", "count_softmax")
    for name in wanted:
        mine(name)
    assert capsys.readouterr().out.splitlines() == [f"{name}: yours" for name in wanted]


# the record


def test_a_check_in_a_notebook_is_remembered_in_its_folder(in_notebook, capsys):
    check("nearest_code", manhattan)
    check("padding_share", lambda lengths: 1 - lengths.mean() / lengths.max())
    check("masked_mean", ...)
    assert recall() == {"nearest_code": False, "padding_share": True}
    check("nearest_code", nearest_as_list)
    assert recall()["nearest_code"] is True
    assert [path.name for path in in_notebook.iterdir()] == [RECORD]
    capsys.readouterr()
    progress(2)
    assert capsys.readouterr().out.splitlines() == [
        "notebook 2   ✓ 2.1  ○ 2.2  ○ 2.3  ○ 2.4  ○ 2.5",
        "1 of 5 here, 2 of 37 in the whole course",
    ]
    progress()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert lines[-1] == "2 of 37 in the whole course"


def test_elsewhere_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check("nearest_code", nearest_as_list)
    assert list(tmp_path.iterdir()) == []
    assert recall() == {}


def test_the_record_can_lie_elsewhere(in_notebook, monkeypatch, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    monkeypatch.setenv("CENET_PROGRESS", str(other))
    check("nearest_code", nearest_as_list)
    assert recall() == {"nearest_code": True}
    assert list(in_notebook.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", '{"nearest_code": "yes"}', "\xff\x00"])
def test_a_damaged_record_is_begun_anew(content, in_notebook):
    (in_notebook / RECORD).write_text(content, encoding="utf-8")
    assert recall() == {}
    check("nearest_code", nearest_as_list)
    assert recall() == {"nearest_code": True}


def test_a_folder_that_refuses_does_not_stop_a_check(in_notebook, monkeypatch, capsys):
    monkeypatch.setenv("CENET_PROGRESS", str(in_notebook / "missing" / "folder"))
    (in_notebook / "missing").write_text("a file")
    check("nearest_code", nearest_as_list)
    assert capsys.readouterr().out.startswith("✓")


def test_exercises_have_the_numbers_of_their_headings():
    for path in sorted((NOTEBOOKS / "source").glob("*.py")):
        text = path.read_text(encoding="utf-8").replace("\n# ", "\n")
        headed = [number for number, *_ in build.HEADING.findall(text)]
        import re

        named = re.findall(r'^%% exercise="(\w+)"', text, re.M)
        assert [numbers()[name] for name in named] == headed
