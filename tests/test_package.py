"""The package as a whole: quick to import, public names that exist, data flowing one way."""

import ast
import fnmatch
import gc
import os
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import cenet_lib
from cenet_lib.errors import CENetError

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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        (
            "from cenet_lib import CENetError, Utterance, Corpus, load_corpus\n"
            "load_corpus('store')",
            {"numpy"},
        ),
        (
            "from cenet_lib import TrainingSettings, load_recipe; load_recipe('mosi')\n"
            "from cenet_lib.__main__ import main\n"
            "for words in (['--help'], ['train', '--help']):\n"
            "    try: main(words)\n"
            "    except SystemExit: pass",
            set(),
        ),
        (
            "from cenet_lib.__main__ import main\n"
            "main(['train', '--backbone', 'no/such/folder'])\n"
            "main(['data', 'info', 'store'])\n"
            "main(['predict', '--run', 'a', '--corpus', 'b'])",
            {"numpy", "tqdm"},
        ),
        (
            "from cenet_lib import FeatureVocabulary, evaluate_predictions",
            {"numpy", "scipy", "sklearn", "pandas", "tqdm"},
        ),
        ("from cenet_lib import train", {*HEAVY} - {"wandb"}),
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


def test_garbage_is_searched_for_again_after_an_import(monkeypatch):
    monkeypatch.delitem(vars(cenet_lib), "CENetError", raising=False)
    assert cenet_lib.CENetError is CENetError
    assert gc.isenabled()
    monkeypatch.setitem(cenet_lib._HOMES, "Nothing", "no_such_module")
    with pytest.raises(ModuleNotFoundError):
        cenet_lib.Nothing  # noqa: B018
    assert gc.isenabled()


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

# No module imports one that stands further down, wherever in its code; modules of one line may
# import each other, but not in a circle. Data flows the same way: a reader makes a corpus, which
# makes vocabularies, and so on down to the course.
LAYERS = (
    ("errors", "terminal", "startup"),
    ("files", "fetching", "progress", "jobs"),
    ("utterance",),
    ("store",),
    ("corpus",),
    ("corpora",),
    ("video",),
    ("frames",),
    ("vocabulary",),
    ("shards",),
    ("settings",),
    ("enhancement",),
    ("fusion",),
    ("language",),
    ("processor", "published"),
    ("model",),
    ("metrics",),
    ("prediction",),
    ("results.bootstrap", "results.plots", "results.codes"),
    ("runs",),
    ("training",),
    ("results.experiments",),
    ("inspector",),
    ("course",),
    ("commands",),
    ("__main__",),
)
# Imported inside functions because they are heavy or optional; the line says which.
LATE = (
    *("torch", "transformers", "accelerate", "pandas", "matplotlib", "IPython", "packaging"),
    *("nltk", "textblob", "vaderSentiment", "wandb", "h5py", "distributed", "huggingface_hub"),
    "sklearn",
    *("av", "ai_edge_litert", "librosa", "opensmile"),
    *("PIL", "cloudpickle"),
)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def resolved(node: ast.AST, module: str) -> list[str]:
    """Return the modules that an import statement names: ours without ``cenet_lib.``."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    here = module.split(".") if MODULES[module].name == "__init__.py" else module.split(".")[:-1]
    base = [part for part in here[: len(here) - node.level + 1] if part] if node.level else []
    base += node.module.split(".") if node.module else []
    whole = [".".join([*base, alias.name]) for alias in node.names]
    found = [name if name in MODULES else ".".join(base) for name in whole]
    # names that the package itself hands on, see cenet_lib/__init__.py
    return [
        cenet_lib._HOMES.get(alias.name, "") if name == "" else name
        for name, alias in zip(found, node.names, strict=True)
    ]


@cache
def statements(module: str) -> list[tuple[ast.AST, bool]]:
    """Return each import statement of a module, and whether it stands inside a function."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    return [
        (node, id(node) in inside)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]


@cache
def imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports, at its top or inside functions."""
    found = {name for node, _ in statements(module) for name in resolved(node, module)}
    return {name for name in found if name in MODULES and name not in ("", module)}


def layer(module: str) -> int | None:
    for place, names in enumerate(LAYERS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return place
    return None


def test_every_module_has_a_layer_and_every_layer_a_module():
    without = [name for name in MODULES if layer(name) is None]
    assert set(without) <= {"", "results"}  # which import nothing of ours
    assert not any(imports(name) for name in without)
    found = {layer(name) for name in MODULES} - {None}
    assert found == set(range(len(LAYERS)))


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name) is not None])
def test_no_module_imports_one_further_down(module):
    for other in imports(module):
        if layer(other) is not None:
            assert layer(other) <= layer(module), f"{module} imports {other}"


@pytest.mark.parametrize("module", list(MODULES))
def test_no_circles(module):
    seen, waiting = set(), [module]
    while waiting:
        for other in imports(waiting.pop()) - seen:
            seen.add(other)
            waiting.append(other)
    assert module not in seen


def test_the_reading_of_imports_works():
    assert {"language.place", "corpus", "utterance", "vocabulary"} <= imports("processor")
    assert {"store", "utterance"} <= imports("corpus")
    assert "runs.tracking" in imports("training")  # inside a function


@pytest.mark.parametrize("module", list(MODULES))
def test_imports_inside_functions_are_of_heavy_or_optional_things_and_say_so(module):
    lines = MODULES[module].read_text(encoding="utf-8").splitlines()
    for node, inside in statements(module):
        if not inside:
            continue
        where = f"{MODULES[module].name}:{node.lineno}"
        around = " ".join(lines[node.lineno - 2 : node.end_lineno])
        assert "#" in around, f"{where}: the line does not say why it stands inside a function"
        for name in resolved(node, module):
            heavy = name.split(".")[0] in LATE
            ours = name in MODULES and heavy_below(name)
            assert heavy or ours, f"{where}: {name} can be imported at the top"


def heavy_below(module: str) -> set[str]:
    """Return the heavy packages that importing a module imports, directly or not."""
    found, seen, waiting = set(), set(), [module]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for node, inside in statements(name):
            if not inside:
                found |= {other.split(".")[0] for other in resolved(node, name)} & set(HEAVY)
        waiting += imports(name) - seen
    return found


def test_readers_know_nothing_of_models():
    for module in MODULES:
        if module.split(".")[0] == "corpora":
            outside = {other.split(".")[0] for other in imports(module)} - {"corpora"}
            allowed = {"errors", "files", "fetching", "utterance", "store", "corpus", "progress"}
            assert outside <= allowed, module


def test_the_reading_order_names_the_root():
    """The package's own text names every module in the hall and every room."""
    hall = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    for name in hall | rooms:
        assert f"``{name}``" in cenet_lib.__doc__, name
