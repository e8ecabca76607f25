"""The one error type for problems that the user can mend."""


class CENetError(ValueError):
    """A problem with the user's input; the message names the place and the mend.

    The command line prints it as one line without a traceback. Faults of the program itself are
    left as the exceptions that they are.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> load_corpus("data/absent")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: data/absent: there is no such file or folder; use 'demo', or see \
data/README.md for where to put MOSI and MOSEI
    """


class Interrupted(CENetError):
    """Work was stopped on request and saved; the message says how to go on.

    Examples
    --------
    >>> try:
    ...     raise Interrupted("stopped at step 40 of 240; everything is saved")
    ... except CENetError as error:
    ...     print(error)
    stopped at step 40 of 240; everything is saved
    """


def first_line(error: BaseException) -> str:
    """Return what an exception says, on one line, or its name if it says nothing.

    Examples
    --------
    >>> first_line(ValueError("no such thing\\nand more")), first_line(EOFError())
    ('no such thing', 'EOFError')
    """
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
