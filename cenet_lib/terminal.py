"""What a stranger's text may do on a screen or in a spreadsheet: nothing.

Words, ids and names come from files that somebody else made. On a terminal, a control character in
them could move the cursor, hide a line or answer for the user; in a spreadsheet, a cell that begins
with ``=`` is a formula. Whatever a command prints passes through `printable`, and every table that
is meant for people through `as_cell`, which `from_cell` takes back exactly.

`cenet_lib.files` writes tables with it, and the command line prints.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

# Control characters but for tab and new line; line breaks of Unicode; the marks that turn text
# around (it then reads otherwise than it is); halves of surrogate pairs.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# Cells that a spreadsheet takes for more than text, whether or not they are quoted already.
# What they do not show (controls, spaces without width) may stand before it.
_UNSEEN = r"[\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]*"
_FORMULA = re.compile(rf"'*(?:[\t\r\n]|{_UNSEEN}[=+\-@\uff1d\uff0b\uff0d\uff20])")


def printable(text: str) -> str:
    r"""Return a text with each control character as an escape that can be seen.

    Examples
    --------
    >>> print(printable("so \x1b[2Jgood"))
    so \x1b[2Jgood
    """
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def one_line(text: str) -> str:
    """Return a printable text with its lines one behind the other, for messages that are one line.

    Examples
    --------
    >>> print(one_line("it is missing; run:\\n  pip install it"))
    it is missing; run: pip install it
    """
    return re.sub(r"\s*\n\s*", " ", printable(text).strip())


def warn(message: str) -> None:
    """Say on the error stream, in one line, what need not stop anything.

    Examples
    --------
    >>> import contextlib, sys
    >>> with contextlib.redirect_stderr(sys.stdout):
    ...     warn("few words are known")
    warning: few words are known
    """
    print(f"warning: {one_line(message)}", file=sys.stderr)


class _PrintableStream:
    """A stream that makes printable what is written to it; else it is the stream given."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def printable_output() -> Iterator[None]:
    r"""Make printable whatever is printed in a block.

    Examples
    --------
    >>> with printable_output():
    ...     print("so \x1b[2Jgood")
    so \x1b[2Jgood
    """
    with redirect_stdout(_PrintableStream(sys.stdout)):
        yield


def as_it_is(stream: TextIO) -> TextIO:
    """Return a stream that was made printable as it was before, unless it is a terminal.

    Examples
    --------
    >>> with printable_output():
    ...     as_it_is(sys.stdout) is sys.stdout
    False
    """
    below = stream.__dict__.get("_stream") if isinstance(stream, _PrintableStream) else None
    return stream if below is None or below.isatty() else below


def as_argument(path: str | Path) -> str:
    """Return a path as it is given to a command, with quotes if it needs them.

    Examples
    --------
    >>> as_argument("runs/mine"), as_argument("my runs"), as_argument("-run")
    ('runs/mine', "'my runs'", './-run')
    """
    text = str(path)
    text = f"./{text}" if text.startswith("-") else text
    return subprocess.list2cmdline([text]) if os.name == "nt" else shlex.quote(text)


def as_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, by an apostrophe in front if need be.

    Examples
    --------
    >>> as_cell("=1+1"), as_cell("good")
    ("'=1+1", 'good')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """Return the text that `as_cell` made a cell of.

    Examples
    --------
    >>> from_cell("'=1+1"), from_cell("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell[1:]) else cell
