"""The package as a whole: quick to import, public names that exist, data flowing one way."""

import ast
import fnmatch
import os
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import cenet_lib

PACKAGE = Path(cenet_lib.__file__).parent
HEAVY = (
    *("torch", "transformers", "accelerate", "sklearn", "scipy", "numpy", "pandas", "h5py"),
    *("nltk", "textblob", "vaderSentiment", "matplotlib", "seaborn", "wandb", "ipywidgets"),
    *("anywidget", "tqdm"),
)


def heavy_after(code: str, tmp_path: Path) -> set[str]:
    """Run Python code in a new process; return which heavy modules it has imported."""
    tail = f"\nimport sys\nprint('HEAVY', *(m for m in {HEAVY} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


# imports


def test_importing_the_package_imports_nothing_heavy(tmp_path):
    assert heavy_after("import cenet_lib; dir(cenet_lib)", tmp_path) == set()


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("from cenet_lib import CENetError, Utterance, Corpus", {"numpy"}),
        ("from cenet_lib import load_corpus; load_corpus('store')", {"numpy"}),
        ("from cenet_lib import TrainingSettings, load_recipe; load_recipe('mosi')", set()),
        (
            "from cenet_lib.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass",
            set(),
        ),
        (
            "from cenet_lib.__main__ import main\ntry: main(['train', '--help'])\n"
            "except SystemExit: pass",
            set(),
        ),
        (
            "from cenet_lib import FeatureVocabulary, evaluate_predictions",
            {"numpy", "scipy", "sklearn", "pandas", "tqdm"},
        ),
    ],
)
def test_what_is_light_stays_light(code, allowed, small_corpus, tmp_path):
    small_corpus.save(tmp_path / "store")
    assert heavy_after(code, tmp_path) <= allowed


# public names


@pytest.mark.parametrize("name", cenet_lib.__all__)
def test_public_names_come_from_their_home(name):
    value = getattr(cenet_lib, name)
    home = import_module(f"cenet_lib.{cenet_lib._HOMES[name]}")
    assert value is getattr(home, name)
    assert value.__module__ == home.__name__  # where it is written, not a way station
    assert value.__doc__


def test_names_are_listed_and_others_refused():
    assert set(cenet_lib.__all__) <= set(dir(cenet_lib))
    assert len(set(cenet_lib.__all__)) == len(cenet_lib.__all__)
    with pytest.raises(AttributeError, match="'cenet_lib' has no attribute 'Utterence'"):
        cenet_lib.Utterence  # noqa: B018
    assert not hasattr(cenet_lib, "__path_to_nowhere__")


def test_everything_can_be_imported_at_once():
    names = {}
    exec("from cenet_lib import *", names)
    assert set(cenet_lib.__all__) <= set(names)


# what is installed

PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))


def test_one_version():
    assert cenet_lib.__version__ == PROJECT["project"]["version"]


def test_every_file_is_installed():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["cenet_lib"]
    for path in PACKAGE.rglob("*"):
        name = path.relative_to(PACKAGE).as_posix()
        if "__pycache__" in name or path.is_dir():
            continue
        if path.suffix == ".py":
            assert (path.parent / "__init__.py").is_file(), f"{path.parent} is not a package"
        else:
            assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), name


# layers

# Data flows down this list and never back up. Modules that are not named here (helpers of one of
# these) count with whoever imports them.
SPINE = (
    *("errors", "files", "utterance", "corpora", "vocabulary", "linguistics", "processor"),
    *("enhancement", "model", "metrics", "plots", "settings", "trainer", "training"),
    *("experiments", "inspector", "exercises", "__main__"),
)
# `Corpus.save` and `Corpus.load` look for the store when they are called, so that a student
# need not know where it lives.
CALLED_BACK = {("utterance", "corpora")}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports() -> dict[str, tuple[set[str], set[str]]]:
    """For each module, those of the package that it imports at its top, and inside functions."""
    paths = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    result = {}
    for name, path in paths.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top, inside = set(), set()
        here = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found = [
                    a.name.removeprefix("cenet_lib.") for a in node.names if "cenet_lib" in a.name
                ]
            elif isinstance(node, ast.ImportFrom) and node.level:
                base = [p for p in here[: len(here) - node.level + 1] if p]
                base += node.module.split(".") if node.module else []
                whole = [".".join([*base, alias.name]) for alias in node.names]
                found = [w if w in paths else ".".join(base) for w in whole]
                # names that the package itself hands on, see cenet_lib/__init__.py
                found = [
                    cenet_lib._HOMES.get(alias.name, "") if f == "" else f
                    for f, alias in zip(found, node.names, strict=True)
                ]
            else:
                continue
            (top if node in tree.body else inside).update(f for f in found if f != name)
        result[name] = (top - {""}, inside - {""})
    return result


def reached(name: str) -> set[str]:
    """Modules that importing ``name`` imports, directly or not."""
    seen, waiting = set(), [name]
    while waiting:
        for other in imports()[waiting.pop()][0] - seen:
            seen.add(other)
            waiting.append(other)
    return seen


def rank(name: str) -> int | None:
    first = name.split(".")[0]
    return SPINE.index(first) if first in SPINE else None


def test_the_spine_is_all_there():
    packages = {name.split(".")[0] for name in imports()}
    assert set(SPINE) <= packages
    # and the reading of imports works at all
    assert {"vocabulary", "linguistics", "utterance"} <= imports()["processor"][0]
    assert "corpora.store" in imports()["utterance"][1]
    assert {"errors", "files", "utterance"} <= reached("model") | reached("processor")


@pytest.mark.parametrize("name", [m for m in imports() if rank(m) is not None])
def test_no_module_imports_one_below_it(name):
    for other in reached(name):
        assert rank(other) is None or rank(other) <= rank(name), f"{name} imports {other}"
    for other in imports()[name][1]:
        if (name.split(".")[0], other.split(".")[0]) not in CALLED_BACK:
            assert rank(other) is None or rank(other) <= rank(name), f"{name} imports {other}"


@pytest.mark.parametrize("name", list(imports()))
def test_no_circles(name):
    assert name not in reached(name)


def test_readers_know_nothing_of_models():
    for name in imports():
        if name.split(".")[0] == "corpora":
            outside = {o.split(".")[0] for o in reached(name)} - {"corpora"}
            assert outside <= {"errors", "files", "utterance", "progress"}, name
