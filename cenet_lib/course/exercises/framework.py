"""How an answer is checked: run it, compare it, name the likely mistake.

An exercise is a function ``(answer, rng)`` under a name::

    @exercise("padding_share")
    def _padding_share(answer, rng):
        lengths = rng.integers(20, 200, 8)
        share = 1 - lengths.sum() / (8 * lengths.max())
        expect(answer(lengths), share, {"That is the share of REAL frames. …": 1 - share})

It draws its own numbers from ``rng``, calls the student's function like any other, and raises
`Wrong` with a hint; `expect` does so for numbers and arrays, `parts` for a result of several parts.
It may return a remark that the student sees when the answer is right. The student may work in
NumPy, torch or plain Python, with loops or without: only the values count.

A hint must be guessed from what came; an example need not. So an exercise can bring two more
things: ``solve``, the course's own function, and ``cases``, which yields arguments, the smallest
first. Where the answer and ``solve`` differ, the first such case is shown: the arguments, what came
and what was expected. An answer is right if it passes the check AND agrees in all cases. Exercises
on paper have neither: there the expected value is what was asked for.
"""

import copy
import dis
import inspect
import io
import os
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np

from ..record import remember

# Takes the answer and random numbers; returns a remark on a right answer, raises `Wrong` otherwise.
Check = Callable[[Any, np.random.Generator], str | None]
# Takes random numbers; yields the arguments of one call after another, the smallest first.
Cases = Callable[[np.random.Generator], Iterable[tuple[Any, ...]]]
# Takes what came, what was expected and the arguments; raises `Wrong` unless they agree.
Agree = Callable[[Any, Any, tuple[Any, ...]], None]

_MOST_SHOWN = 24  # numbers of an array that are printed


@dataclass(frozen=True)
class _Exercise:
    """A check, and what it needs to show an example: see `exercise`."""

    check: Check
    notebook: int
    solve: Callable[..., Any] | None
    cases: Cases | None
    agree: Agree


_EXERCISES: dict[str, _Exercise] = {}


class Wrong(AssertionError):
    """The answer is wrong; the message is a hint for the student.

    Examples
    --------
    >>> expect([2, 1], [1, 1])
    Traceback (most recent call last):
        ...
    cenet_lib.course.exercises.framework.Wrong: The result differs in 1 of 2 places: ...
    """


class NotTried(Exception):
    """The exercise cell is as it was handed out.

    Examples
    --------
    >>> def padding_share(lengths):
    ...     ...
    >>> check("padding_share", padding_share)
    ○ padding_share: not tried yet
    """


def exercise(
    name: str,
    *,
    solve: Callable[..., Any] | None = None,
    cases: Cases | None = None,
    agree: Agree | None = None,
) -> Callable[[Check], Check]:
    """Register a function ``(answer, rng)`` as the check of the exercise ``name``.

    Parameters
    ----------
    name : str
    solve : function, optional
        The course's own answer. `mine` hands it out in place of one that is not right yet.
    cases : function, optional
        Takes random numbers and yields arguments, the smallest first. The answer must agree with
        ``solve`` in each.
    agree : function, optional
        Takes what came, what was expected and the arguments, and raises `Wrong` unless they agree;
        by default numbers are compared as `expect` does, of a tuple each part.

    Raises
    ------
    ValueError
        If there is a check of that name already.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(_EXERCISES):  # forgets the check afterwards
    ...     @exercise("double")
    ...     def double(answer, rng):
    ...         expect(answer(3), 6, {"That is the square.": 9})
    >>> double(lambda number: number**2, np.random.default_rng(0))
    Traceback (most recent call last):
        ...
    cenet_lib.course.exercises.framework.Wrong: That is the square.
    """

    def register(function: Check) -> Check:
        if name in _EXERCISES:
            raise ValueError(f"there are two checks for the exercise {name!r}")
        home = function.__module__.rpartition(".")[2]  # such as n03_attention
        notebook = int(home[1:3]) if home[1:3].isdigit() else 0
        _EXERCISES[name] = _Exercise(function, notebook, solve, cases, agree or _alike)
        return function

    return register


def names() -> list[str]:
    """Return the names of all exercises.

    Examples
    --------
    >>> "padding_share" in names()
    True
    """
    _load()
    return sorted(_EXERCISES)


def numbers() -> dict[str, str]:
    """Return the number of each exercise, such as 2.1, in the order of the course.

    Examples
    --------
    >>> numbers()["padding_share"]
    '1.1'
    """
    _load()
    found: dict[int, list[str]] = {}
    for name, task in _EXERCISES.items():
        found.setdefault(task.notebook, []).append(name)
    return {
        name: f"{notebook}.{i}"
        for notebook in sorted(found)
        for i, name in enumerate(found[notebook], start=1)
    }


def check(name: str, answer: object) -> None:
    """Print whether an answer is right and, if not, what probably went wrong.

    Parameters
    ----------
    name : str
    answer : function or value
        Whatever the exercise asks for; ``...`` as long as it has not been tried.

    Raises
    ------
    KeyError
        If there is no exercise of that name.

    Examples
    --------
    >>> check("padding_share", ...)
    ○ padding_share: not tried yet
    >>> check("padding_share", lambda lengths: lengths.mean() / lengths.max())
    ✗ padding_share: That is the share of REAL frames; the share of padding is the rest.
      For lengths = [5] it gives 1; expected 0.
    """
    strict = os.environ.get("NBGRADER_VALIDATING") == "1"  # its Validate counts errors
    try:
        remark = run(name, answer, seed=0)
    except NotTried:
        if strict:
            raise Wrong(f"{name}: not tried yet") from None
        print(f"○ {name}: not tried yet")
    except Wrong as hint:
        remember(name, right=False)
        if strict:
            raise
        print(f"✗ {name}: {hint}")
    else:
        remember(name, right=True)
        print(f"✓ {name}: right." + (f" {remark}" if remark else ""))


def grade(name: str, answer: object, seed: int = 1) -> None:
    """Check an answer on other numbers than `check` did, and raise if it is not right.

    An instructor's seed is one that students do not know, see `cenet_lib.course.grading`.

    Raises
    ------
    AssertionError
        If the answer is wrong or was not tried.
    KeyError
        If there is no exercise of that name.

    Examples
    --------
    >>> grade("padding_share", lambda lengths: 1 - lengths.mean() / lengths.max())
    """
    try:
        run(name, answer, seed)
    except NotTried:
        raise Wrong(f"{name}: not tried") from None


def run(name: str, answer: object, seed: int) -> str | None:
    """Return the check's remark on a right answer.

    Raises
    ------
    Wrong, NotTried
        If the answer is not right.
    KeyError
        If there is no exercise of that name.

    Examples
    --------
    >>> run("padding_share", lambda lengths: 1 - lengths.mean() / lengths.max(), seed=0)
    'The longest utterance decides for all of them.'
    """
    task = find(name)
    if answer is ... or answer is None or (callable(answer) and is_untouched(answer)):
        raise NotTried
    if not callable(answer):
        raise Wrong(
            f"That is a value, {said(answer)}; the check calls your function itself, so give it "
            "without parentheses and arguments."
        )
    guarded = _Guarded(answer)
    try:
        remark = task.check(guarded, np.random.default_rng(seed))
    except Wrong as wrong:
        example = _smallest_failure(task, guarded, seed)
        raise Wrong(f"{wrong}\n  {example}" if example else str(wrong)) from None
    except NotTried:
        raise
    except Exception as error:  # a check takes much for granted of what a function returns
        example = _smallest_failure(task, guarded, seed)
        hint = f"What it returns is of no use here ({type(error).__name__}: {error})."
        raise Wrong(f"{hint}\n  {example}" if example else hint) from error
    if example := _smallest_failure(task, guarded, seed):
        raise Wrong(example)
    return remark


def find(name: str) -> _Exercise:
    """Return an exercise by its name.

    Raises
    ------
    KeyError
        If there is none of that name.

    Examples
    --------
    >>> find("padding_share").notebook
    1
    """
    _load()
    if name not in _EXERCISES:
        raise KeyError(f"there is no exercise {name!r}; there are {', '.join(sorted(_EXERCISES))}")
    return _EXERCISES[name]


def _smallest_failure(task: _Exercise, answer: "_Guarded", seed: int) -> str:
    """Describe the first case in which an answer differs from the course's; "" if none does."""
    if task.solve is None or task.cases is None:
        return ""
    for arguments in task.cases(np.random.default_rng(seed)):
        given, solve = copy.deepcopy(arguments), task.solve
        with redirect_stdout(io.StringIO()):  # what a student prints, once is enough
            want = solve(*copy.deepcopy(arguments))
            try:
                got = answer(*arguments)
            except Wrong as wrong:
                return f"For {_inputs(solve, given)}: {wrong} Expected {said(want)}."
            try:
                task.agree(got, want, given)
            except Exception:  # `Wrong`, or what comes of a value that is none
                came, expected = _told_apart(got, want)
                return f"For {_inputs(solve, given)} it gives {came}; expected {expected}."
    return ""


def _alike(got: object, want: object, arguments: tuple[Any, ...]) -> None:
    """Raise `Wrong` unless numbers or arrays agree, of a tuple each part."""
    if not isinstance(want, tuple):
        expect(got, want)
        return
    for one, other in zip(parts(got, len(want), "It has another number of parts."), want):
        expect(one, other)


def _inputs(function: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """Return arguments with their names, for example ``lengths = [2, 4], share = 0.5``."""
    names = list(inspect.signature(function).parameters)
    return ", ".join(f"{name} = {said(value)}" for name, value in zip(names, arguments))


def said(value: Any, digits: int = 3) -> str:
    """Return a value in few words, as a message for students shows it.

    Parameters
    ----------
    value : anything
        An object can say itself how it wants to be shown: by an attribute ``said``.
    digits : int
        How many decimals are shown at most.

    Examples
    --------
    >>> said(np.array([[1, 2.5], [0, 1 / 3]])), said((True, "anna", 2.0)), said(np.zeros((9, 9)))
    ('[[1, 2.5], [0, 0.333]]', "(True, 'anna', 2)", 'an array of shape (9, 9)')
    """
    if hasattr(value, "said"):
        return str(value.said)
    if hasattr(type(value), "detach"):  # a torch tensor, without importing torch
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        shape = f"an array of shape {value.shape}"
        return shape if value.size > _MOST_SHOWN else said(value.tolist(), digits)
    if isinstance(value, list | tuple):
        shown = [said(part, digits) for part in value[:_MOST_SHOWN]]
        shown += ["…"] if len(value) > _MOST_SHOWN else []
        return f"({', '.join(shown)})" if isinstance(value, tuple) else f"[{', '.join(shown)}]"
    if isinstance(value, float | np.floating):
        return _decimal(float(value), digits)
    if callable(value):
        return "a function"
    text = str(value) if isinstance(value, np.generic) else repr(value)
    return text if len(text) <= 60 else f"something of type {type(value).__name__}"


def _decimal(value: float, digits: int) -> str:
    if value != 0 and not 10**-digits <= abs(value) < 1e6:  # NaN and infinite ones too
        return f"{value:.{digits}g}"
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def _told_apart(got: object, want: object) -> tuple[str, str]:
    """Return both in few words, with as many decimals as it takes to see that they differ."""
    for digits in (3, 6, 9):
        shown = said(got, digits), said(want, digits)
        if shown[0] != shown[1]:
            break
    return shown


def _load() -> None:
    """Import the modules with the checks; each registers its own."""
    package = import_module(__package__)
    for module in iter_modules(package.__path__):
        import_module(f"{__package__}.{module.name}")


def is_untouched(function: Callable) -> bool:
    """Tell whether a function's body is no more than a docstring and ``...``.

    Examples
    --------
    >>> def padding_share(lengths):
    ...     ...
    >>> is_untouched(padding_share)
    True
    """
    try:
        steps = list(dis.get_instructions(function))
    except TypeError:  # not written in Python
        return False
    nothing = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    constants = [s.argval for s in steps if s.opname.endswith("_CONST")]
    return {s.opname for s in steps} <= nothing and constants[-1:] == [None]


class _Guarded:
    """The student's function: gets copies, so that it cannot change our numbers, and may fail."""

    def __init__(self, function: Callable):
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a verdict follows, and says more
                result = self.function(*copy.deepcopy(arguments))
        except NotImplementedError:
            raise NotTried from None
        except (Wrong, NotTried):  # of a function that the check handed over
            raise
        except (Exception, SystemExit) as error:
            places = traceback.extract_tb(error.__traceback__)[1:]
            line = f" in the line `{places[0].line}`" if places and places[0].line else ""
            raise Wrong(f"It stops with {type(error).__name__}: {error}{line}.") from error
        if result is ... or result is NotImplemented:
            raise NotTried
        if result is None:
            raise Wrong("It returns None. Is a `return` missing?")
        return result


def alike(one: np.ndarray, other: np.ndarray, rtol: float = 1e-4, atol: float = 1e-6) -> bool:
    """Return whether two arrays have one shape and, as far as `expect` looks, one content.

    Examples
    --------
    >>> alike(np.array([1.0]), np.array([1.00001])), alike(np.array([1.0]), np.array(1.0))
    (True, False)
    """
    return one.shape == other.shape and np.allclose(one, other, rtol, atol, equal_nan=True)


def expect(
    got: object,
    want: object,
    mistakes: Mapping[str, object] | None = None,
    *,
    what: str = "The result",
    rtol: float = 1e-4,
    atol: float = 1e-6,
    tell: bool = True,
) -> None:
    """Raise `Wrong` unless two numbers or arrays agree.

    Parameters
    ----------
    got, want : numbers, sequences, arrays or tensors
    mistakes : mapping of str to array, optional
        What typical wrong answers give, under the hint to print if ``got`` is that.
    what : str
        What is compared, for the hints.
    rtol, atol : float
        As in `numpy.isclose`; wide enough for an answer in float32.
    tell : bool
        Whether a hint may say what was expected; on paper, that is what was asked for.

    Raises
    ------
    Wrong
        With the hint of the mistake that was made, or else with where the two differ.

    Examples
    --------
    >>> expect([1, 2], np.array([1.0, 2.0]))
    >>> try:
    ...     expect([2, 1], [1, 2], {"They are swapped.": [2, 1]})
    ... except Wrong as hint:
    ...     print(hint)
    They are swapped.
    """
    found, wanted = _as_array(got, what), np.asarray(want)
    if wanted.ndim == 0 and found.size == 1:
        found = found.reshape(())
    if alike(found, wanted, rtol, atol):
        return
    for hint, value in (mistakes or {}).items():
        if alike(found, np.asarray(value), rtol, atol):
            raise Wrong(hint)
    if found.shape != wanted.shape:
        raise Wrong(f"{what} has shape {found.shape}; expected {wanted.shape}.")
    bad = ~np.isclose(found, wanted, rtol, atol, equal_nan=True)
    if not tell:
        raise Wrong(f"{what} differs in {bad.sum()} of {bad.size} places. Go through them again.")
    raise Wrong(f"{what} {_first_difference(found, wanted, bad)}")


def _first_difference(got: np.ndarray, want: np.ndarray, bad: np.ndarray) -> str:
    """Say in what two arrays of one shape differ; ``bad`` marks the places."""
    if np.isnan(got[bad]).any():
        return "contains NaN. Where may 0/0, ∞ − ∞ or log 0 come from?"
    if want.ndim == 0:
        return f"is {got:.6g}; expected {want:.6g}."
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    place = first[0] if len(first) == 1 else first
    return (
        f"differs in {bad.sum()} of {bad.size} places: at {place} it is "
        f"{got[first]:.6g}; expected {want[first]:.6g}."
    )


def parts(result: object, number: int, hint: str) -> tuple[Any, ...]:
    """Return the parts of a result that should have several; raise `Wrong` with a hint otherwise.

    Examples
    --------
    >>> mean, deviation = parts([1.5, 0.5], 2, "Return two numbers.")
    """
    found: tuple[Any, ...] = ()
    with suppress(TypeError):  # a single number, for example
        found = tuple(result)  # type: ignore[arg-type]  # whatever a student returns
    if len(found) != number:
        raise Wrong(hint)
    return found


def _as_array(value: object, what: str) -> np.ndarray:
    """Return numbers in any wrapping as a NumPy array."""

    def plain(item: Any) -> Any:
        if hasattr(type(item), "detach"):  # a torch tensor, without importing torch
            return item.detach().cpu().numpy()
        if isinstance(item, list | tuple):
            return [plain(part) for part in item]
        return item

    try:
        array = np.asarray(plain(value))
        return array.astype(float) if array.dtype != bool else array.astype(int)
    except (TypeError, ValueError):
        raise Wrong(
            f"{what} should be numbers, but it is of type {type(value).__name__}."
        ) from None
