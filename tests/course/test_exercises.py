"""The self-checks: right answers pass in any form, wrong ones get the right hint.

The answers are in ``answers/``, a module per notebook.
"""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from cenet_lib.course import exercises
from cenet_lib.course.exercises import check, framework, grade
from cenet_lib.course.exercises.framework import Wrong, expect, parts

MODULES = [
    importlib.import_module(f"answers.{path.stem}")
    for path in sorted((Path(__file__).parent / "answers").glob("n*.py"))
]
RIGHT = {name: answers for module in MODULES for name, answers in module.RIGHT.items()}
WRONG = {name: answers for module in MODULES for name, answers in module.WRONG.items()}


def numbered(table):
    return [
        pytest.param(name, answer, id=f"{name}-{i}")
        for name, answers in table.items()
        for i, answer in enumerate(answers)
    ]


def test_every_exercise_has_answers_to_try():
    assert sorted(RIGHT) == sorted(WRONG) == exercises.names()
    assert all(len(answers) >= 2 for answers in RIGHT.values())
    for name, answers in WRONG.items():
        assert len({hint for _, hint in answers}) >= 2, name


@pytest.mark.parametrize(("name", "answer"), numbered(RIGHT))
def test_right_answers_pass(name, answer, capsys):
    check(name, answer)
    assert capsys.readouterr().out.startswith(f"✓ {name}: right.")
    grade(name, answer)


@pytest.mark.parametrize(("name", "wrong"), numbered(WRONG))
def test_wrong_answers_get_the_hint(name, wrong, capsys):
    answer, hint = wrong
    check(name, answer)
    said = capsys.readouterr().out
    assert said.startswith(f"✗ {name}: ")
    assert hint in said
    with pytest.raises(AssertionError, match=r"\w"):
        grade(name, answer)


@pytest.mark.parametrize("name", exercises.names())
def test_untouched_exercises_say_so(name, capsys):
    def stub(*arguments):
        """What to do."""
        ...

    def unfinished(*arguments):
        raise NotImplementedError

    def placeholder(*arguments):
        return ...

    for untouched in (stub, lambda *arguments: None, ..., None):
        check(name, untouched)
        assert capsys.readouterr().out == f"○ {name}: not tried yet\n"
        with pytest.raises(AssertionError, match="not tried"):
            grade(name, untouched)
    if not callable(RIGHT[name][0]):
        return
    for untouched in (unfinished, placeholder):
        check(name, untouched)
        assert capsys.readouterr().out == f"○ {name}: not tried yet\n"


def test_a_forgotten_return_is_not_taken_for_untouched(capsys):
    def forgotten(lengths):
        1 - sum(lengths) / (len(lengths) * max(lengths))

    check("padding_share", forgotten)
    assert "Is a `return` missing?" in capsys.readouterr().out


def test_an_answer_that_raises_is_quoted(capsys):
    def broken(lengths):
        return lengths.no_such_thing

    check("padding_share", broken)
    said = capsys.readouterr().out
    assert "AttributeError" in said
    assert "`return lengths.no_such_thing`" in said


def test_an_answer_cannot_change_the_numbers(capsys):
    def destroys_its_input(lengths):
        share = 1 - lengths.sum() / (len(lengths) * lengths.max())
        lengths[:] = 0
        return share

    check("padding_share", destroys_its_input)
    assert capsys.readouterr().out.startswith("✓")


def test_grading_uses_other_numbers_than_the_check():
    asked = []

    def answer(lengths):
        asked.append(tuple(lengths))
        return 1 - lengths.sum() / (len(lengths) * lengths.max())

    check("padding_share", answer)
    grade("padding_share", answer)
    assert asked[0] != asked[2]


def test_an_unknown_name_lists_the_known():
    with pytest.raises(KeyError, match="padding_share"):
        check("no_such_exercise", 1)


def test_expect_accepts_any_wrapping():
    want = np.array([[1.0, 2.0]])
    for got in (want, [[1, 2]], torch.tensor([[1.0, 2.0]]), [torch.tensor([1.0, 2.0])]):
        expect(got, want)
    expect(torch.tensor([3.0]), 3)
    expect(torch.tensor([[1.0, 2.0]], requires_grad=True), want)


@pytest.mark.parametrize(
    ("got", "hint"),
    [
        ([1.0, 2.0, 3.0], "has shape (3,); expected (2,)"),
        ([1.0, np.nan], "contains NaN"),
        ([1.0, 5.0], "differs in 1 of 2 places: at 1 it is 5; expected 2"),
        ("text", "should be numbers"),
        ([2.0, 1.0], "swapped"),
    ],
)
def test_expect_says_what_differs(got, hint):
    with pytest.raises(Wrong) as error:
        expect(got, [1.0, 2.0], {"You swapped them.": [2.0, 1.0]})
    assert hint in str(error.value)


def test_parts_are_counted():
    assert parts([1, "b"], 2, "Return two.") == (1, "b")
    for single in (1.0, np.float64(1), torch.tensor(1.0), [1], (1, 2, 3)):
        with pytest.raises(Wrong, match=r"^Return two\.$"):
            parts(single, 2, "Return two.")


def test_two_checks_cannot_share_a_name():
    with pytest.raises(ValueError, match="padding_share"):
        framework.exercise("padding_share")(lambda answer, rng: None)
