"""What the tests of the inspector share: a trained run called ``ce``, its corpus, all fusions."""

from pathlib import Path

import pytest
from inspected import make_inspected_run, random_subject
from small import make_backbone
from torch import nn

from cenet_lib import Corpus
from cenet_lib import fusion as registry
from cenet_lib.enhancement import Enhancement
from cenet_lib.fusion import register_fusion
from cenet_lib.settings import FUSION_NAMES


@pytest.fixture(scope="module")  # a test may add runs of its own
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inspected")
    make_inspected_run(folder)
    return folder


@pytest.fixture(scope="module")
def corpus(folder) -> Corpus:
    return Corpus.load(folder / "corpus")


class Bright(nn.Module):
    """A way of fusion from elsewhere: the average voice is added to each word."""

    reads, stands, attends_over, settings = "frames", "before layer", None, ()

    def __init__(self, d, n_acoustic):
        super().__init__()
        self.shift = nn.Linear(n_acoustic, d)

    @classmethod
    def from_config(cls, config):
        return cls(config.backbone.hidden_size, config.n_acoustic_features)

    def forward(self, text, visual, acoustic):
        n = acoustic.mask.sum(1, keepdim=True).clamp(min=1)
        return Enhancement(text + self.shift(acoustic.values.sum(1) / n)[:, None, :])


@pytest.fixture(scope="module")
def subjects(corpus, tmp_path_factory):
    """A subject of each way of fusion, one of them registered from outside, with random weights."""
    known, names = dict(registry._FUSIONS), list(FUSION_NAMES)
    backbone = str(make_backbone(tmp_path_factory.mktemp("effects") / "backbone"))
    register_fusion("bright", Bright)
    found = {}
    try:
        for name in FUSION_NAMES:
            found[name] = random_subject(name, corpus, backbone)
        yield found
    finally:
        registry._FUSIONS.clear()
        registry._FUSIONS.update(known)
        FUSION_NAMES[:] = names
