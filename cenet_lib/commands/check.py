"""``check``: say whether this computer is ready."""

from argparse import Namespace

from ..course.environment import check_environment


def run(options: Namespace) -> int:
    """Print a line per requirement; return 1 if anything is to mend.

    Examples
    --------
    >>> status = run(Namespace())
    [OK]   Python 3...
    """
    failed = 0
    for finding in check_environment():
        print(finding, flush=True)
        failed += finding.ok is False
    print("ready" if not failed else f"{failed} to mend")
    return 1 if failed else 0
