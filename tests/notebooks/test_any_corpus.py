"""Notebooks that look at planted truth run without it, on a generated file of MOSI's form."""

import os

import numpy as np
import processes
import pytest
from building import NOTEBOOKS, build
from corpus_files import write_pickle
from jupyter_client.provisioning import local_provisioner

WORDS = ("this", "film", "is", "a", "very", "good", "bad", "dull", "great", "story", "and", "not")
VISUAL, ACOUSTIC = 20, 5  # channels, as in MMSA's unaligned file of MOSI
FRAMES = {"vision": (VISUAL, 60), "audio": (ACOUSTIC, 70)}


def split(size: int, first: int, generator: np.random.Generator) -> dict:
    """Return a split in MMSA's form: three utterances of a video, frames padded with zeros."""
    number = first + np.arange(size)
    columns = {
        "raw_text": [" ".join(generator.choice(WORDS, generator.integers(4, 16))) for _ in number],
        "id": [f"video{n // 3:05d}__$_${n % 3}" for n in number],
        "regression_labels": generator.uniform(-3, 3, size).astype(np.float32),
    }
    for stream, (channels, longest) in FRAMES.items():
        lengths = generator.integers(20, longest, size)
        frames = generator.normal(size=(size, longest, channels)).astype(np.float32)
        frames[np.arange(longest) >= lengths[:, None]] = 0.0
        columns |= {stream: frames, f"{stream}_lengths": lengths.tolist()}
    return columns


@pytest.fixture(scope="module")
def mosi(tmp_path_factory):
    generator = np.random.default_rng(0)
    sizes = {"train": (66, 0), "valid": (18, 300), "test": (36, 600)}
    data = {name: split(*size, generator) for name, size in sizes.items()}
    return write_pickle(tmp_path_factory.mktemp("mosi") / "unaligned_50.pkl", data)


@pytest.mark.slow
@pytest.mark.parametrize(
    "stem", ["01_dataset", "02_kmeans_vocabularies", "06_results_and_attention"]
)
def test_a_notebook_runs_on_mosi_s_form(stem, mosi, monkeypatch):
    if os.name != "nt":
        monkeypatch.setattr(local_provisioner, "launch_kernel", processes.Kernel)
    source = NOTEBOOKS / "source" / f"{stem}.py"
    notebook = build.versions(source)[NOTEBOOKS / f"{stem}.ipynb"]
    opened = 0
    for cell in notebook.cells:
        opened += cell.source.count('load_corpus("demo")') if cell.cell_type == "code" else 0
        cell.source = cell.source.replace('load_corpus("demo")', f"load_corpus({str(mosi)!r})")
    assert opened == 1
    build.execute(notebook, NOTEBOOKS, fast=True)
    said = [output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("only a simulation such as demo knows it" in text for text in said) == 1
