"""The linter finds nothing; the page has its own in test_page_sources.py, mypy is in .ci/run."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_ruff(command):
    done = run("ruff", *command, ".")
    assert done.returncode == 0, done.stdout + done.stderr
