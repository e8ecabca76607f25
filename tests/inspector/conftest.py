"""What the tests of the inspector share: a trained run called ``ce``, and its corpus."""

from pathlib import Path

import pytest
from inspected import make_inspected_run

from cenet_lib import Corpus


@pytest.fixture(scope="module")  # a test may add runs of its own
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inspected")
    make_inspected_run(folder)
    return folder


@pytest.fixture(scope="module")
def corpus(folder) -> Corpus:
    return Corpus.load(folder / "corpus")
