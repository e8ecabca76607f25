"""What the tests share."""

import os
from pathlib import Path

import pytest

# Two test processes on two cores: more threads would only wait for each other. Set before torch
# and BLAS are imported, here and in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


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
