"""What can be said about Windows without one: names of files, encodings, modules, links."""

import ast
import subprocess
from pathlib import Path

import pytest

from cenet_lib.language import tokenizer

ROOT = Path(__file__).parents[1]
OURS = [
    *(ROOT / "cenet_lib").rglob("*.py"),
    *(ROOT / "notebooks").rglob("*.py"),
]
NOT_ON_WINDOWS = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "termios", "tty"}
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123")}


def tracked() -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("this is no checkout of git")
    return done.stdout.split("\0")[:-1]


def test_names_of_files_are_good_on_every_disk():
    names = tracked()
    assert len(names) > 100
    assert [name for name in names if set(name) & set('<>:"\\|?*')] == []
    parts = {part for name in names for part in Path(name).parts}
    assert [part for part in parts if part != part.rstrip(". ")] == []
    assert [part for part in parts if part.partition(".")[0].lower() in RESERVED] == []
    assert len({name.lower() for name in names}) == len(names)
    assert max(map(len, names)) < 120  # a path has 260 characters, and folders stand before it


def test_lines_end_alike_in_every_checkout():
    rules = (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
    assert "* text=auto eol=lf" in rules  # bash reads no other, and hashes are of bytes


def test_text_has_its_encoding_and_modules_are_there():
    """Windows takes the encoding of the country if none is given."""
    found = []
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if imported(node) & NOT_ON_WINDOWS or (
                isinstance(node, ast.Call)
                and needs_encoding(node)
                and not any(keyword.arg == "encoding" for keyword in node.keywords)
            ):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(OURS) > 100
    assert found == []


def imported(node: ast.AST) -> set[str]:
    """Return the packages that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {(node.module or "").partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()


def needs_encoding(call: ast.Call) -> bool:
    """Tell whether a call opens a text file."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) < 2
    if name != "open" or (isinstance(call.func, ast.Attribute) and call.args[1:]):
        return False
    modes = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return bool(modes) and modes[-1] in {"r", "w", "a", "x", "rt", "wt"}


def test_without_the_right_to_link_files_are_copied(tmp_path, monkeypatch):
    def refuse(self, target, target_is_directory=False):
        raise OSError(1314, "A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    (tmp_path / "vocab.txt").write_text("[PAD]", encoding="utf-8")
    tokenizer._link(tmp_path / "vocab.txt", tmp_path / "copy.txt")
    assert (tmp_path / "copy.txt").read_text(encoding="utf-8") == "[PAD]"
    assert not (tmp_path / "copy.txt").is_symlink()
