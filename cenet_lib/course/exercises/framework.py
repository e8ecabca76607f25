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
"""

import copy
import dis
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np

# Takes the answer and random numbers; returns a remark on a right answer, raises `Wrong` otherwise.
Check = Callable[[Any, np.random.Generator], str | None]
_CHECKS: dict[str, Check] = {}


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


def exercise(name: str) -> Callable[[Check], Check]:
    """Register a function ``(answer, rng)`` as the check of the exercise ``name``.

    Raises
    ------
    ValueError
        If there is a check of that name already.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(_CHECKS):  # forgets the check afterwards
    ...     @exercise("double")
    ...     def double(answer, rng):
    ...         expect(answer(3), 6, {"That is the square.": 9})
    >>> double(lambda number: number**2, np.random.default_rng(0))
    Traceback (most recent call last):
        ...
    cenet_lib.course.exercises.framework.Wrong: That is the square.
    """

    def register(function: Check) -> Check:
        if name in _CHECKS:
            raise ValueError(f"there are two checks for the exercise {name!r}")
        _CHECKS[name] = function
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
    return sorted(_CHECKS)


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
    """
    try:
        remark = _run(name, answer, seed=0)
    except NotTried:
        print(f"○ {name}: not tried yet")
    except Wrong as hint:
        print(f"✗ {name}: {hint}")
    else:
        print(f"✓ {name}: right." + (f" {remark}" if remark else ""))


def grade(name: str, answer: object) -> None:
    """Check an answer on other numbers than `check` did, and raise if it is not right.

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
        _run(name, answer, seed=1)
    except NotTried:
        raise Wrong(f"{name}: not tried") from None


def _run(name: str, answer: object, seed: int) -> str | None:
    """Return the check's remark on a right answer; raise `Wrong` or `NotTried` otherwise."""
    _load()
    if name not in _CHECKS:
        raise KeyError(f"there is no exercise {name!r}; there are {', '.join(sorted(_CHECKS))}")
    if answer is ... or answer is None or (callable(answer) and _is_empty(answer)):
        raise NotTried
    if callable(answer):
        answer = _Guarded(answer)
    return _CHECKS[name](answer, np.random.default_rng(seed))


def _load() -> None:
    """Import the modules with the checks; each registers its own."""
    package = import_module(__package__)
    for module in iter_modules(package.__path__):
        import_module(f"{__package__}.{module.name}")


def _is_empty(function: Callable) -> bool:
    """Tell whether a function's body is no more than a docstring and ``...``."""
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
            result = self.function(*copy.deepcopy(arguments))
        except NotImplementedError:
            raise NotTried from None
        except Exception as error:
            places = traceback.extract_tb(error.__traceback__)[1:]
            line = f" in the line `{places[0].line}`" if places and places[0].line else ""
            raise Wrong(f"It stops with {type(error).__name__}: {error}{line}.") from error
        if result is ... or result is NotImplemented:
            raise NotTried
        if result is None:
            raise Wrong("It returns None. Is a `return` missing?")
        return result


def expect(
    got: object,
    want: object,
    mistakes: Mapping[str, object] | None = None,
    *,
    what: str = "The result",
    rtol: float = 1e-4,
    atol: float = 1e-6,
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

    def agrees(other: object) -> bool:
        other = np.asarray(other)
        return found.shape == other.shape and np.allclose(found, other, rtol, atol, equal_nan=True)

    if agrees(wanted):
        return
    for hint, value in (mistakes or {}).items():
        if agrees(value):
            raise Wrong(hint)
    if found.shape != wanted.shape:
        raise Wrong(f"{what} has shape {found.shape}; expected {wanted.shape}.")
    bad = ~np.isclose(found, wanted, rtol, atol, equal_nan=True)
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
        if hasattr(item, "detach"):  # a torch tensor, without importing torch
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
