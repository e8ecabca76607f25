"""The README: its example of a fusion trains, its commands and its links are good."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from cenet_lib import CENetError, Run, TrainingSettings, predict, train
from cenet_lib import fusion as registry
from cenet_lib.__main__ import _parser
from cenet_lib.files import read_json
from cenet_lib.inspector.effects import headline
from cenet_lib.inspector.figure import in_words
from cenet_lib.settings import FUSION_NAMES
from cenet_lib.utterance import STREAMS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BENCHMARKS = ROOT / "tests" / "benchmarks"
COMMANDS = [
    command.partition("  ")[0]  # what follows explains it
    for command in re.findall(r"^ {4,}.*-m cenet_lib (.+)$", README, re.M)
]


@pytest.fixture
def example(monkeypatch):
    """Run the README's Python, and forget what it registered; return its names."""
    monkeypatch.setattr(registry, "_FUSIONS", dict(registry._FUSIONS))
    known = list(FUSION_NAMES)
    [code] = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
    names = {"__name__": "readme"}
    exec(code, names)
    yield names
    FUSION_NAMES[:] = known


def test_the_example_of_a_fusion_trains(example, small_corpus, small_backbone, tmp_path):
    settings = TrainingSettings(
        fusion="lively", backbone=str(small_backbone), epochs=1, batch_size=8, device="cpu"
    )
    train(small_corpus, tmp_path / "run", settings)
    run = Run(tmp_path / "run")
    assert isinstance(run.model.fusion, example["Lively"])
    assert run.model.fusion.shift.weight.shape == (16, 5)  # the backbone's width, five channels
    assert np.isfinite(run.history["valid_mae"]).all()


def test_padding_changes_nothing_in_the_example(example, small_run, small_corpus, tmp_path):
    settings = TrainingSettings(**small_run.config["settings"] | {"fusion": "lively", "epochs": 1})
    run = train(small_corpus, tmp_path / "run", settings)
    alone, together = (
        predict(run.model, run.processor, small_corpus.test, batch_size=size) for size in (1, 16)
    )
    assert np.allclose(alone["prediction"], together["prediction"], atol=1e-5)
    assert alone["prediction"].std() > 0


def test_without_the_example_there_is_no_such_fusion():
    with pytest.raises(CENetError, match="lively"):
        TrainingSettings(fusion="lively")


def test_commands_are_found():
    assert {command.split()[0] for command in COMMANDS} == {
        *("check", "lesson", "data", "train", "compare", "evaluate", "predict", "inspect"),
    }
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_can_be_read(command):
    options = _parser().parse_args(shlex.split(command))
    assert options.command == command.split()[0]


def test_the_sentence_beside_the_inspectors_picture_is_true():
    """The numbers are written along with the picture, by notebooks/images/shoot_inspector.py."""
    shown = read_json(ROOT / "notebooks/images/inspector_codes.json", "shoot it anew")
    effects = {
        (stream, int(code)): effect
        for stream in STREAMS
        for code, effect in shown[stream]["effects"].items()
    }
    predictions = shown["predictions"]
    moved = predictions["all"] - predictions["none"]
    assert sum(effects.values()) == pytest.approx(moved, abs=1e-3)
    found = headline(effects, shown["error"])
    assert [list(found.code), found.against and list(found.against)] == [
        shown["headline"]["code"],
        shown["headline"]["against"],
    ]
    assert in_words(shown, predictions, shown["captions"]) == shown["sentence"]
    assert shown["sentence"] in " ".join(README.split())
    assert " ".join(shown["words"]).endswith("a great yarn .")


def test_links_and_pictures_exist():
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", README) if ":" not in link]
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_every_benchmark_is_in_the_table():
    page = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(bench_\w+\.py)` \| .+ \| `python tests/benchmarks/(\S+?)[` ]", page, re.M
    )
    assert all(script == named for script, named in rows)
    assert sorted(script for script, _ in rows) == sorted(p.name for p in BENCHMARKS.glob("b*.py"))


@pytest.mark.parametrize("script", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_imports_what_there_is(script):
    """A script that runs once a month must not be what tells us that a name has moved."""
    imports = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("cenet_lib")
        for alias in node.names
    ]
    missing = [name for name in imports if not hasattr(importlib.import_module(name[0]), name[1])]
    assert missing == []
