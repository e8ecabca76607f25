"""The one error type for problems that the user can mend."""


class CENetError(ValueError):
    """A problem with the user's input; the message names the place and the mend.

    The command line prints it as one line without a traceback. Faults of the program itself are
    left as the exceptions that they are.
    """


class Interrupted(CENetError):
    """Work was stopped on request and saved; the message says how to go on."""
