"""The self-checks: right answers pass in any form, wrong ones get the right hint.

The answers are in ``answers/``, a module per notebook; `mutants` makes more wrong ones of the
notebooks' solutions.
"""

import importlib
import itertools
from pathlib import Path

import jupytext
import numpy as np
import pytest
import torch
from building import NOTEBOOKS
from mutants import Endless, mutants

from cenet_lib.course import exercises
from cenet_lib.course.exercises import check, framework, grade
from cenet_lib.course.exercises.framework import NotTried, Wrong, expect, parts, run, said

MODULES = [
    importlib.import_module(f"answers.{path.stem}")
    for path in sorted((Path(__file__).parent / "answers").glob("n*.py"))
]
RIGHT = {name: answers for module in MODULES for name, answers in module.RIGHT.items()}
WRONG = {name: answers for module in MODULES for name, answers in module.WRONG.items()}
EQUIVALENT = {name: lines for module in MODULES for name, lines in module.EQUIVALENT.items()}
SOLUTIONS = {
    cell.metadata["exercise"]: cell.source
    for path in sorted((NOTEBOOKS / "source").glob("*.py"))
    for cell in jupytext.read(path).cells
    if "exercise" in cell.metadata
}


def numbered(table):
    return [
        pytest.param(name, answer, id=f"{name}-{i}")
        for name, answers in table.items()
        for i, answer in enumerate(answers)
    ]


def test_every_exercise_has_answers_to_try():
    assert sorted(RIGHT) == sorted(WRONG) == exercises.names()
    assert all(len(answers) >= 4 for answers in RIGHT.values())
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
def test_no_two_hints_stand_for_one_number(name, monkeypatch):
    """What typical mistakes give differs from what is right, and from each other, somewhere."""
    seen = {}  # two of "right" and hints: whether they agree, wherever both are compared
    right = framework.expect

    def watch(got, want, mistakes=None, **options):
        bounds = {key: options[key] for key in ("rtol", "atol") if key in options}
        for one, other in itertools.combinations({"right": want, **(mistakes or {})}.items(), 2):
            same = framework.alike(np.asarray(one[1]), np.asarray(other[1]), **bounds)
            seen.setdefault((one[0], other[0]), []).append(same)
        return right(got, want, mistakes, **options)

    [module] = [module.__name__.rpartition(".")[2] for module in MODULES if name in module.RIGHT]
    monkeypatch.setattr(f"{exercises.__name__}.{module}.expect", watch)
    run(name, RIGHT[name][0], seed=0)  # that of check, which prints hints
    assert not [two for two, same in seen.items() if all(same)]


@pytest.mark.parametrize("name", exercises.names())
def test_mutants_of_the_solution_are_refused(name):
    """Small changes of a right answer make wrong ones, but for those that are listed as right."""
    found = [*mutants(SOLUTIONS[name]), *LETTERS.get(name, [])]
    passed = {what for what, answer in found if passes(name, answer)}
    assert passed == set(EQUIVALENT.get(name, {}))
    assert len(found) - len(passed) >= 12


LETTERS = {  # a solution that is a word has nothing to change but its letters
    "may_be_claimed": [
        ("".join(letters), lambda letters=letters: "".join(letters))
        for n in range(1, 6)
        for letters in itertools.combinations("ABCDE", n)
        if letters != ("B", "D")
    ]
}


def passes(name, answer):
    try:
        run(name, answer, seed=0)
    except (Wrong, NotTried, Endless):
        return False
    return True


def test_a_mutant_that_would_run_for_ever_is_stopped():
    source = "def f(x):\n    while x > 0:\n        x = x - 1\n    return x"
    answers = dict(mutants(source))
    with pytest.raises(Endless):
        answers["x = x + 1"](3)
    assert answers["while x >= 0:"](3) == -1


@pytest.mark.parametrize("name", exercises.names())
def test_the_course_has_a_right_answer_itself(name):
    grade(name, compiled(SOLUTIONS[name]))
    solve = framework.find(name).solve
    if solve is not None:
        grade(name, solve)


def compiled(source):
    names = {"np": np, "torch": torch}
    exec(source, names)
    return [value for value in names.values() if callable(value)][-1]


@pytest.mark.parametrize("name", exercises.names())
def test_a_value_in_place_of_a_function_is_told_kindly(name, capsys):
    for value in (0.25, [1, 2], np.zeros(3), torch.zeros(2), "BD", True):
        check(name, value)
        text = capsys.readouterr().out
        assert text.startswith(f"✗ {name}: That is a value, {said(value)};"), text
        with pytest.raises(Wrong, match="without parentheses"):
            grade(name, value)


@pytest.mark.parametrize("name", exercises.names())
@pytest.mark.parametrize(
    "rubbish",
    ["text", {}, object(), torch, np.array([None]), float("nan"), (), [[1], [2, 3]], 10**400],
    ids=lambda value: type(value).__name__,
)
def test_an_answer_that_makes_no_sense_is_wrong_and_no_error(name, rubbish, capsys):
    check(name, lambda *arguments: rubbish)
    assert capsys.readouterr().out.startswith(f"✗ {name}: ")


@pytest.mark.parametrize(
    ("name", "answer", "example"),
    [
        (
            "padding_share",
            lambda lengths: 0.0,
            "For lengths = [2, 4] it gives 0; expected 0.25.",
        ),
        (
            "nearest_code",
            lambda frames, codes: np.abs(frames[:, None] - codes).sum(-1).argmin(1),
            "For frames = [[0, 0]], codes = [[0, 5], [3, 3]] it gives [0]; expected [1].",
        ),
        (
            "early_stop",
            lambda errors, patience: (len(errors), int(np.argmin(errors)) + 1),
            "For errors = [0.5, 0.5, 0.5], patience = 1 it gives (3, 1); expected (2, 1).",
        ),
        (
            "acc7",
            lambda y, y_hat: np.mean([int(a + 0.5) == int(b + 0.5) for a, b in zip(y, y_hat)]),
            "it gives",
        ),
        (
            "inject",
            lambda layers, enhance, i, x: x,
            "For layers = [x → 2x], enhance = x → x² + 1, i = 0, x = [3] it gives [3]; "
            "expected [20].",
        ),
        (
            "worst_group",
            lambda errors, groups, at_least: groups[5],
            "For errors = [1], groups = ['anna'], at_least = 1: It stops with IndexError",
        ),
        (
            "fold_keys",
            lambda E, Wq, bq, Wk, bk, scale: (E, bq),
            "For E = [[2]], Wq = [[3]], bq = [0], Wk = [[1]], bk = [0], scale = 1 it gives "
            "([[2]], [0]); expected ([[6]], [0]).",
        ),
    ],
)
def test_a_failing_check_shows_the_smallest_input_that_fails(name, answer, example, capsys):
    check(name, answer)
    assert example in capsys.readouterr().out
    with pytest.raises(Wrong, match="For "):
        grade(name, answer)


def test_what_is_asked_for_on_paper_is_not_given_away(capsys):
    for name, answer in (
        ("attention_by_hand", [1 / 9, 2 / 9, 1 / 9, 1 / 9, 3 / 9, 1 / 9]),
        ("two_scales", [[-1, 1, -1, 1], [-1.5, -0.3, 0.3, 1.5]]),
    ):
        check(name, lambda answer=answer: answer)
        text = capsys.readouterr().out
        assert "differs in" in text
        assert "expected" not in text


def test_both_sides_of_a_small_difference_are_shown_to_its_digit():
    assert framework._told_apart(1 / 3, 1 / 3 + 1e-5) == ("0.333333", "0.333343")
    assert said(np.float64("nan")) == "nan"
    assert said([1234567.0, -0.0, 1e-9, 2]) == "[1.23e+06, -0, 1e-09, 2]"
    assert said(lambda: 1) == "a function"
    assert said({i: i for i in range(99)}) == "something of type dict"


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
