"""What the student wrote is used: `mine` gives a function back, `progress` says how far one is.

A notebook takes a function like this, and computes with it from there on::

    nearest = mine("nearest_code", nearest_code)

If the function passes its check, it is the student's; if not, it is the course's own, so that the
notebook runs on. A later notebook asks for a function of an earlier one by its name alone; then it
is looked up in the student's own notebook, which lies in the same folder.
"""

import ast
import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CENetError
from ...files import read_json
from ..record import recall
from .framework import NotTried, Wrong, _as_array, find, numbers, run


def mine(
    name: str,
    function: Callable[..., Any] | None = None,
    *,
    trial: Callable[[Callable[..., Any]], object] | None = None,
) -> Callable[..., Any]:
    """Return the student's function if it passes its check, else the course's; say which.

    What the student's function returns is brought to the course's form (an array, a tensor, a
    number), since an answer may as well be a list; and it gets copies of arrays, which it may
    change.

    Parameters
    ----------
    name : str
        The exercise.
    function : function, optional
        The student's; by default the one in the notebook of this exercise, if that lies in the
        present folder. Of the exercise's cell in it, only imports and functions are run.
    trial : function, optional
        Tries the student's function where it is to be used; if it raises, or returns False, the
        course's function is used. So an answer that is right, but slow or without gradients, does
        not stop a notebook.

    Raises
    ------
    KeyError
        If there is no exercise of that name.

    Examples
    --------
    >>> import numpy as np
    >>> def share(lengths):
    ...     return [1 - sum(lengths) / (len(lengths) * max(lengths))]
    >>> float(mine("padding_share", share)(np.array([2, 4])))
    padding_share: yours
    0.25
    >>> float(mine("padding_share", lambda lengths: 0.5)(np.array([2, 4])))
    padding_share: the course's, as yours is not right yet
    0.25
    """
    task = find(name)
    if task.solve is None or task.cases is None:
        raise KeyError(f"the exercise {name!r} asks for an answer, not for a function to be used")
    given = function if function is not None else _from_notebook(name)
    answer, why = _tried(name, given, trial)
    print(f"{name}: {why}")
    return task.solve if answer is None else answer


def _tried(
    name: str, function: object, trial: Callable[[Callable[..., Any]], object] | None
) -> tuple[Callable[..., Any] | None, str]:
    """Return the student's function ready for use, or None, and what to say about it."""
    try:
        run(name, function, seed=0)
    except NotTried:
        return None, "the course's, until you write yours"
    except Wrong:
        return None, "the course's, as yours is not right yet"
    assert callable(function)
    answer = _in_form(name, function)
    try:
        if trial is not None and trial(answer) is False:
            return None, "the course's, as yours is right but cannot be used here"
    except Exception:  # whatever a student's function raises where it was not checked
        return None, "the course's, as yours is right but cannot be used here"
    return answer, "yours"


def _in_form(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gets copies of arrays and gives what the course's function gives."""
    task = find(name)
    assert task.solve is not None
    assert task.cases is not None
    form = task.solve(*next(iter(task.cases(np.random.default_rng(0)))))

    @functools.wraps(function)
    def answer(*arguments: Any, **options: Any) -> Any:
        copies = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
        result = function(*copies, **options)
        if any(map(_is_tensor, arguments)) and not _is_tensor(form):
            return result  # the check gave arrays, and here are tensors: whoever calls it knows
        return _like(result, form)

    return answer


def _like(found: Any, form: Any) -> Any:
    """Bring what a function returned to the form of what the course's returned."""
    if isinstance(form, tuple):
        return tuple(_like(part, other) for part, other in zip(found, form, strict=True))
    if isinstance(form, np.ndarray):
        return _as_array(found, "The result").astype(form.dtype)
    if _is_tensor(form):  # a torch tensor
        import torch  # heavy: most exercises need it not

        if isinstance(found, list | tuple) and len(found) and _is_tensor(found[0]):
            return torch.stack(list(found))
        return found if _is_tensor(found) else torch.as_tensor(np.asarray(found))
    if isinstance(form, bool | int | float | np.generic):
        return type(form)(_as_array(found, "The result").reshape(()).item())
    return found


def _is_tensor(value: object) -> bool:
    """Tell whether a value is a torch tensor, without importing torch."""
    return hasattr(type(value), "detach")


def _from_notebook(name: str) -> Callable[..., Any] | None:
    """Return the function that the student wrote in the notebook of an exercise, if there is one.

    Of its cell, imports and functions are run, and nothing else.
    """
    chapter = numbers()[name].partition(".")[0]
    for path in sorted(Path.cwd().glob(f"{int(chapter):02d}_*.ipynb")):
        with suppress(CENetError):
            for cell in read_json(path, "save the notebook again").get("cells", []):
                if _grade_id(cell) == name:
                    return _defined(cell.get("source", ""))
    return None


def _grade_id(cell: Any) -> object:
    """Return the name of the exercise that a cell of a notebook answers, if it does."""
    with suppress(AttributeError, KeyError, TypeError):
        return cell["metadata"].get("nbgrader", {}).get("grade_id")
    return None


def _defined(source: str | list[str]) -> Callable[..., Any] | None:
    """Run the imports and functions of a cell; return its last function."""
    names: dict[str, Any] = {"np": np}
    try:
        text = source if isinstance(source, str) else "".join(source)
        kept: list[ast.stmt] = [
            node
            for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)
        ]
        import torch  # heavy: most exercises need it not

        names["torch"] = torch
        exec(compile(ast.Module(kept, []), "<your notebook>", "exec"), names)
        last = [node.name for node in kept if isinstance(node, ast.FunctionDef)][-1]
    except Exception:  # a cell that is half written
        return None
    found: Callable[..., Any] = names[last]
    return found


def progress(notebook: int | None = None, record: Mapping[str, bool] | None = None) -> None:
    """Print which exercises are right: ✓, not right yet: ✗, or not tried: ○.

    Parameters
    ----------
    notebook : int, optional
        The notebook, which gets a line of its own; by default all of them.
    record : mapping, optional
        What the checks said; by default what was noted in the present folder.

    Examples
    --------
    >>> progress(1, {"padding_share": True, "masked_mean": False})
    notebook 1   ✓ 1.1  ✗ 1.2  ○ 1.3  ○ 1.4  ○ 1.5
    1 of 5 here, 1 of 37 in the whole course
    """
    verdicts = recall() if record is None else record
    all_numbers = numbers()
    chapters = sorted({int(number.partition(".")[0]) for number in all_numbers.values()})
    for chapter in chapters if notebook is None else [notebook]:
        names = [n for n, number in all_numbers.items() if number.startswith(f"{chapter}.")]
        marks = [f"{_MARKS[verdicts.get(name)]} {all_numbers[name]}" for name in names]
        print(f"notebook {chapter}   " + "  ".join(marks))
    right = [name for name in all_numbers if verdicts.get(name)]
    here = [n for n in right if all_numbers[n].startswith(f"{notebook}.")]
    of = sum(number.startswith(f"{notebook}.") for number in all_numbers.values())
    whole = f"{len(right)} of {len(all_numbers)} in the whole course"
    print(whole if notebook is None else f"{len(here)} of {of} here, {whole}")


_MARKS = {True: "✓", False: "✗", None: "○"}
