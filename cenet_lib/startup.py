"""Few searches for garbage in the processes of the command line and of a lesson.

Importing torch and transformers makes a million objects that stay. Python looks through them again
and again while they come, and once more when the process ends, though the system takes all memory
back then: of the time that a short command takes, this was a third. Plumbing for
`cenet_lib.__main__` and `cenet_lib.course.lesson`; who imports the package into a process of his
own is not meddled with.
"""

import atexit
import gc

_OBJECTS = 50_000  # that are made before Python looks for garbage among them; by default 700


def spare_searches() -> None:
    """Let this process look for garbage less often, and not at its end.

    Only objects that refer to each other in a circle are found by that search; all others go when
    the last reference goes, as before.

    Examples
    --------
    >>> spare_searches()
    >>> gc.get_threshold()[0]
    50000
    """
    gc.set_threshold(_OBJECTS, 20, 20)
    atexit.register(gc.freeze)
