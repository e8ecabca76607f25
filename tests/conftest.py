"""What the tests share."""

import os
import sys
from pathlib import Path

import pytest
from figures import spared

# Two test processes on two cores: more threads would only wait for each other. Set before torch
# and BLAS are imported, here and in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Each process that tests start would compile the package again: two seconds of the five.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# To wait for the disk changes no result. Tests of what is synced put their own in place.
os.fsync = lambda handle: None

# Under `pytest -n`: what one process takes whole, because its tests share what takes long to make.
# These come first, the longest at the head, so that at the end no process waits for another.
TOGETHER = (
    *("tests/notebooks/", "tests/browser/", "tests/course/test_grading", "tests/runs/test_dist"),
    *("tests/results/test_comparing", "tests/runs/test_resume", "tests/runs/test_damaged"),
)


def _place(nodeid: str) -> int:
    """Return the place of a test's group among those that begin first."""
    found = [i for i, start in enumerate(TOGETHER) if nodeid.startswith(start)]
    return found[0] if found else len(TOGETHER)


def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):  # one process of several
        items.sort(key=lambda item: _place(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deal out whole files, and some folders whole."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            place = _place(nodeid)
            return TOGETHER[place] if place < len(TOGETHER) else nodeid.split("::")[0]

    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.fixture(autouse=True)
def runs_without_figures(monkeypatch):
    """Spare the runs of tests the half second that their two figures take.

    The figures of `small_run` and of other runs that several tests share are drawn: these runs are
    made before this fixture is asked for.
    """
    outcome = sys.modules.get("cenet_lib.runs.outcome")
    if outcome is not None:
        monkeypatch.setattr(outcome, "_draw", spared)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data that lies beside the project, never in it."""
    folder = os.environ.get("CENET_TEST_DATA")
    if not folder:
        pytest.skip("CENET_TEST_DATA is not set: no folder of real data to test with")
    if not Path(folder).is_dir():
        pytest.skip(f"CENET_TEST_DATA names {folder}, which is no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def demo_corpus():
    """The embedded default; fetched on first use, see cenet_lib/corpora/demo.py."""
    from cenet_lib import load_corpus

    return load_corpus("demo")


@pytest.fixture(scope="session")
def small_corpus():
    """A corpus of 80 utterances with something to learn, see small.py."""
    from small import make_corpus

    return make_corpus()


@pytest.fixture(scope="session")
def small_backbone(tmp_path_factory) -> Path:
    """The folder of a language model of two layers with random weights."""
    from small import make_backbone

    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="session")
def small_run(small_corpus, small_backbone, tmp_path_factory):
    """A finished run on the small corpus, with a stored corpus beside it."""
    from cenet_lib import TrainingSettings, train

    folder = tmp_path_factory.mktemp("runs")
    small_corpus.save(folder / "corpus")
    settings = TrainingSettings(
        backbone=str(small_backbone),
        n_visual_codes=4,
        n_acoustic_codes=3,
        epochs=16,
        batch_size=8,
        lr_backbone=3e-3,
        lr_fusion=2e-2,
        lr_head=2e-2,
        device="cpu",
    )
    return train(small_corpus, folder / "run", settings, source=str(folder / "corpus"))
