"""How an answer is checked: run it, compare it, name the likely mistake.

An exercise is a function ``(answer, rng)`` under a name::

    @exercise("padding_share")
    def _padding_share(answer, rng):
        lengths = rng.integers(20, 200, 8)
        share = 1 - lengths.sum() / (8 * lengths.max())
        expect(answer(lengths), share, {"That is the share of REAL frames. …": 1 - share})

It draws its own numbers from ``rng``, calls the student's function like any other, and raises
`Wrong` with a hint; `expect` does so for numbers and arrays. It may return a remark that the
student sees when the answer is right. The student may work in NumPy, torch or plain Python, with
loops or without: only the values count.
"""

import copy
import dis
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules

import numpy as np

_CHECKS: dict[str, Callable] = {}


class Wrong(AssertionError):
    """The answer is wrong; the message is a hint for the student."""


class NotTried(Exception):
    """The exercise cell is as it was handed out."""


def exercise(name: str) -> Callable:
    """Register a function ``(answer, rng)`` as the check of the exercise ``name``."""

    def register(function: Callable) -> Callable:
        if name in _CHECKS:
            raise ValueError(f"there are two checks for the exercise {name!r}")
        _CHECKS[name] = function
        return function

    return register


def names() -> list[str]:
    """Return the names of all exercises."""
    _load()
    return sorted(_CHECKS)


def check(name: str, answer: object) -> None:
    """Print whether an answer is right and, if not, what probably went wrong.

    Parameters
    ----------
    name : str
    answer : function or value
        Whatever the exercise asks for; ``...`` as long as it has not been tried.
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
    """
    try:
        _run(name, answer, seed=1)
    except NotTried:
        raise Wrong(f"{name}: not tried") from None


def _run(name: str, answer: object, seed: int) -> str | None:
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

    def __call__(self, *arguments):
        try:
            result = self.function(*copy.deepcopy(arguments))
        except NotImplementedError:
            raise NotTried from None
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[1:] or [None]
            line = f" in the line `{place[0].line}`" if place[0] and place[0].line else ""
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
    """
    got, want = _as_array(got, what), np.asarray(want)
    if want.ndim == 0 and got.size == 1:
        got = got.reshape(())

    def agrees(other) -> bool:
        other = np.asarray(other)
        return got.shape == other.shape and np.allclose(got, other, rtol, atol, equal_nan=True)

    if agrees(want):
        return
    for hint, value in (mistakes or {}).items():
        if agrees(value):
            raise Wrong(hint)
    if got.shape != want.shape:
        raise Wrong(f"{what} has shape {got.shape}; expected {want.shape}.")
    bad = ~np.isclose(got, want, rtol, atol, equal_nan=True)
    if np.isnan(got[bad]).any():
        raise Wrong(f"{what} contains NaN. Where may 0/0, ∞ − ∞ or log 0 come from?")
    if want.ndim == 0:
        raise Wrong(f"{what} is {got:.6g}; expected {want:.6g}.")
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    place = first[0] if len(first) == 1 else first
    raise Wrong(
        f"{what} differs in {bad.sum()} of {bad.size} places: at {place} it is "
        f"{got[first]:.6g}; expected {want[first]:.6g}."
    )


def _as_array(value: object, what: str) -> np.ndarray:
    """Return numbers in any wrapping as a NumPy array."""

    def plain(item):
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
