"""Grading by two processes: the student's computes, the instructor's compares.

A check that runs beside a student's code can be talked out of its verdict by one line of that code.
So the cases are drawn here, from a seed that the student does not have. The student's process gets
arguments and gives results, as data; whether they are right is decided where no line of the student
runs. `Remote` is the student's function, seen from here; ``nbgrader_config.py`` of a course folder
calls `grade_remotely` after each check that nbgrader has run.
"""

import base64
import re
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..corpora.unpickle import load_plain
from ..errors import CENetError
from .exercises import grade
from .exercises.framework import NotTried, Wrong

# Runs Python code in the student's process; returns the text of its variable ``cenet_reply``.
Ask = Callable[[str], str]

CHECK = re.compile(r"^check\(\"(\w+)\", (.+)\)$", re.M)
ROUNDS = 3  # of cases, each drawn from a seed of its own

# What runs in the student's process, for each call anew. It may be tampered with: it gives data.
_CALL = '''
import base64 as _b64, pickle as _pickle


def _cenet_plain(value):
    """Turn a result into data: a tensor into its numbers, what is counted out into a list."""
    if hasattr(value, "detach"):
        return {"cenet tensor": value.detach().cpu().numpy()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_cenet_plain, value)) if type(value) in (list, tuple) else (
            tuple(map(_cenet_plain, value)))
    if isinstance(value, dict):
        return {key: _cenet_plain(item) for key, item in value.items()}
    if hasattr(value, "__next__"):
        return [_cenet_plain(item) for item in value]
    if hasattr(value, "to_numpy"):
        return value.to_numpy()
    return value


def _cenet_call(function, packed):
    try:
        if function is ... or function is None:
            return "nothing", "", ""
        if not callable(function):
            return "value", type(function).__name__, ""
        from cenet_lib.course.exercises.framework import is_untouched

        if is_untouched(function):
            return "nothing", "", ""
        if packed is None:
            return "function", "", ""
        result = function(*_pickle.loads(_b64.b64decode(packed)))
        if result is ... or result is NotImplemented:
            return "nothing", "", ""
        return "result", _cenet_plain(result), ""
    except NotImplementedError:
        return "nothing", "", ""
    except BaseException as error:
        return "error", type(error).__name__, str(error)[:300]


try:
    cenet_reply = _b64.b64encode(_pickle.dumps(_cenet_call(@FUNCTION@, @ARGUMENTS@))).decode()
except BaseException as error:
    cenet_reply = _b64.b64encode(
        _pickle.dumps(("error", type(error).__name__, str(error)[:300]))).decode()
'''


class Remote:
    """A function that lives in the student's process; a call sends data there and gets data back.

    Parameters
    ----------
    expression : str
        How the student's process names the function.
    ask : function
        Runs code there.

    Examples
    --------
    >>> def ask(code):  # a student's process, for the example
    ...     names = {"double": lambda number: 2 * number}
    ...     exec(code, names)
    ...     return names["cenet_reply"]
    >>> Remote("double", ask)(21)
    42
    """

    def __init__(self, expression: str, ask: Ask):
        self.expression, self._ask = expression, ask

    def kind(self) -> str:
        """Return ``"function"``, ``"value"``, ``"nothing"`` or ``"error"``."""
        return str(self._send("None")[0])

    def __call__(self, *arguments: Any) -> Any:
        """Return what the function gives, or raise as a check expects."""
        import cloudpickle  # only for grading; it sends functions too, such as a check makes

        packed = base64.b64encode(cloudpickle.dumps(arguments)).decode("ascii")
        kind, what, message = self._send(repr(packed))
        if kind == "result":
            return _revived(what)
        if kind == "nothing":
            raise NotTried
        raise Wrong(f"It stops with {what}: {message}." if message else f"It gives a {what}.")

    def _send(self, packed: str) -> tuple[Any, Any, Any]:
        code = _CALL.replace("@FUNCTION@", self.expression).replace("@ARGUMENTS@", packed)
        reply = self._ask(code)
        try:
            with tempfile.TemporaryDirectory(prefix="cenet-grading-") as folder:
                path = Path(folder) / "reply.pkl"
                path.write_bytes(base64.b64decode(reply))
                kind, what, message = _copied(load_plain(path))
        except (CENetError, ValueError, TypeError) as error:
            raise Wrong(f"What it returns is no plain data: {error}") from None
        return kind, what, message


def _copied(value: Any) -> Any:
    """Return data whose arrays are no views of a file any more."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return value.copy() if value.shape else value
    if isinstance(value, list | tuple):
        return type(value)(map(_copied, value))
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value


def _revived(value: Any) -> Any:
    """Turn what stands for a tensor into one."""
    if isinstance(value, dict) and list(value) == ["cenet tensor"]:
        import torch  # heavy

        return torch.as_tensor(value["cenet tensor"])
    if isinstance(value, list | tuple):
        return type(value)(map(_revived, value))
    if isinstance(value, dict):
        return {key: _revived(item) for key, item in value.items()}
    return value


def grade_remotely(source: str, ask: Ask, key: str) -> str:
    """Grade what a check cell checks, on cases of the instructor's own.

    Parameters
    ----------
    source : str
        The check cell, ``check("name", answer)``, as it was handed out.
    ask : function
        Runs code in the student's process.
    key : str
        A secret of the course; the cases follow from it and from the exercise.

    Returns
    -------
    str
        What is wrong with the answer; empty if it is right.

    Raises
    ------
    CENetError
        If the cell calls no check.

    Examples
    --------
    >>> def ask(code):
    ...     names = {"share": lambda lengths: lengths.mean() / lengths.max()}
    ...     exec(code, names)
    ...     return names["cenet_reply"]
    >>> grade_remotely('check("padding_share", share)', ask, "secret").splitlines()[0]
    'That is the share of REAL frames; the share of padding is the rest.'
    """
    found = CHECK.search(source)
    if found is None:
        raise CENetError(f"{source.splitlines()[:1]}: calls no check; take the course's own cell")
    name, expression = found.groups()
    remote = Remote(expression, ask)
    try:
        if remote.kind() == "nothing":
            return "not tried"
        for number in range(ROUNDS):
            grade(name, remote, seed=_seed(key, name, number))
    except Wrong as wrong:
        return str(wrong)
    return ""


def _seed(key: str, name: str, number: int) -> int:
    """Return a seed that nobody guesses who has not the key."""
    return int.from_bytes(sha256(f"{key}/{name}/{number}".encode()).digest()[:8], "big")
