"""The examples in the package's docstrings: every public name has one, and all of them run.

They run where a student's would: in a folder with a corpus, a language model and a finished run,
called ``data/mine``, ``models/mine`` and ``runs/mine``.
"""

import doctest
import inspect
import shutil
import tomllib
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import cenet_lib
from cenet_lib import fusion, progress, settings

PACKAGE = Path(cenet_lib.__file__).parent
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
FLAGS = PROJECT["tool"]["pytest"]["ini_options"]["doctest_optionflags"]
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
]


class Finder(doctest.DocTestFinder):
    """Finds examples under decorators too, which the standard library takes for strangers."""

    def _from_module(self, module, object):
        return super()._from_module(module, inspect.unwrap(object))


@pytest.fixture(scope="module")
def own(small_corpus, small_backbone, small_run, tmp_path_factory) -> Path:
    """A folder with what the examples call ``…/mine``."""
    folder = tmp_path_factory.mktemp("own")
    small_corpus.save(folder / "data" / "mine")
    shutil.copytree(small_backbone, folder / "models" / "mine")
    shutil.copytree(small_run.folder, folder / "runs" / "mine")
    return folder


@pytest.fixture
def here(own, monkeypatch):
    monkeypatch.chdir(own)
    # Nobody watches, whatever other tests imported; and what an example registers is forgotten.
    monkeypatch.setattr(progress, "somebody_watches", lambda: False)
    monkeypatch.setattr(fusion, "_FUSIONS", dict(fusion._FUSIONS))
    names = list(settings.FUSION_NAMES)
    yield own
    settings.FUSION_NAMES[:] = names
    plt.close("all")


def examples(name: str) -> list[doctest.DocTest]:
    module = import_module(name)
    return [test for test in Finder().find(module, name) if test.examples]


def run(tests: list[doctest.DocTest]) -> str:
    """Run examples; return what is wrong with them."""
    flags = sum(doctest.OPTIONFLAGS_BY_NAME[flag] for flag in FLAGS)
    runner, report = doctest.DocTestRunner(verbose=False, optionflags=flags), []
    for test in tests:
        runner.run(test, out=report.append)
    return "".join(report)


SLOW = {"cenet_lib.video.voice"}  # librosa compiles itself when it is first used


@pytest.mark.parametrize(
    "name", [pytest.param(m, marks=[pytest.mark.slow] * (m in SLOW)) for m in MODULES]
)
def test_examples_run(name, here):
    assert run(examples(name)) == ""


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_an_example(name):
    module = import_module(name)
    public = {
        f"{name}.{key}"
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or inspect.isroutine(value))
        and getattr(value, "__module__", None) == name
    }
    with_example = {
        ".".join(test.name.split(".")[: name.count(".") + 2])
        for test in examples(name)
        if not all(doctest.SKIP in example.options for example in test.examples)
    }
    assert public <= with_example, f"no example: {', '.join(sorted(public - with_example))}"


def test_a_wrong_example_is_found():
    """The test of the tests: they would notice."""
    module = import_module("cenet_lib.results.plots")
    found = {test.name for test in examples(module.__name__)}
    assert "cenet_lib.results.plots.theme" in found
    assert "cenet_lib.results.plots.code_usage" in found  # under a decorator
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert "Expected:\n    3\nGot:\n    2\n" in run([wrong])
