"""What is said where an optional library of this room is missing."""

from importlib.metadata import PackageNotFoundError, version

from ..errors import CENetError, first_line

INSTALL = 'pip install "cenet-lib[video]"'


def missing_library(error: ImportError | OSError) -> CENetError:
    """Return the error to raise for a library that is missing or does not fit this machine.

    Parameters
    ----------
    error : ImportError or OSError
        What the import raised; the latter if a library of the system is missing.

    Examples
    --------
    >>> print(missing_library(ModuleNotFoundError("No module named 'av'", name="av")))
    films need a library that is not here (No module named 'av'); pip install "cenet-lib[video]"
    """
    return CENetError(f"films need a library that is not here ({first_line(error)}); {INSTALL}")


def with_version(library: str) -> str:
    """Return the name of a library with its version, for a corpus's provenance.

    Raises
    ------
    CENetError
        If it is not installed.

    Examples
    --------
    >>> with_version("no-such-library")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: films need a library that is not here (No package metadata was \
found for no-such-library); pip install "cenet-lib[video]"
    """
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError as error:
        raise missing_library(error) from None
