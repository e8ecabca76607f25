"""Comparisons by several processes, and over machines: the same tables, and nothing is lost."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import processes
import pytest

from cenet_lib.results.experiments import Workforce, compare
from cenet_lib.runs.folder import is_finished

AXES = {"fusion": ["none", "ce"], "seed": [0, 1]}
DEADLY = """
import os, signal
from cenet_lib import register_fusion
from cenet_lib.fusion import LateFusion

class Deadly(LateFusion):
    @classmethod
    def from_config(cls, config):
        os.kill(os.getpid(), signal.SIGKILL)

register_fusion("deadly", Deadly)
"""

HELD = """
import time
from pathlib import Path
from cenet_lib import register_fusion
from cenet_lib.fusion import LateFusion

class Held(LateFusion):
    batches = 0

    def forward(self, *args, **kwargs):
        self.batches += 1
        while self.batches > 12 and Path("hold").exists():  # one epoch is over
            time.sleep(0.05)
        return super().forward(*args, **kwargs)

register_fusion("held", Held)
"""


@pytest.fixture(autouse=True)
def forked_workers():
    """Spare each worker the seconds that its imports take."""
    with processes.workers_forked():
        yield


@pytest.fixture(scope="module")
def base(small_backbone) -> dict:
    return {
        **{"backbone": str(small_backbone), "n_visual_codes": 4, "n_acoustic_codes": 3},
        **{"epochs": 2, "batch_size": 8, "lr_fusion": 2e-2, "lr_head": 2e-2, "device": "cpu"},
    }


def tables(folder, *, without=("seconds",)):
    """Return both tables as they were written, without what time alone decides."""
    runs = pd.read_csv(folder / "runs.csv", dtype=str).drop(columns=list(without))
    return runs, pd.read_csv(folder / "summary.csv", dtype=str)


@pytest.fixture(scope="module")
def one_after_the_other(small_corpus, base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    workforce = Workforce(threads=1)
    compare(small_corpus, folder, AXES, base, report=lambda _: None, workforce=workforce)
    return tables(folder)


def assert_equal(found, expected):
    for table, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(table, other)


@pytest.mark.slow
def test_jobs_give_the_same_tables_to_the_bit(small_corpus, base, tmp_path, one_after_the_other):
    said = []
    workforce = Workforce(n_jobs=3, threads=1)
    compare(small_corpus, tmp_path, AXES, base, report=said.append, workforce=workforce)
    assert_equal(tables(tmp_path), one_after_the_other)
    assert [line.split()[0] for line in said] == [f"{n}/4" for n in range(1, 5)]


@pytest.mark.slow
def test_dasks_workers_give_the_same_tables_to_the_bit(
    small_corpus, base, tmp_path, one_after_the_other
):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        workforce = Workforce(dask=cluster.scheduler_address, threads=1)
        one_seed = AXES | {"seed": [1]}
        compare(small_corpus, tmp_path, one_seed, base, report=lambda _: None, workforce=workforce)
    expected = one_after_the_other[0].query("seed == '1'").reset_index(drop=True)
    pd.testing.assert_frame_equal(tables(tmp_path)[0], expected)


def command(small_corpus, base, tmp_path, *more):
    small_corpus.save(tmp_path / "corpus")
    options = [x for name, value in base.items() for x in (f"--{name.replace('_', '-')}", value)]
    return [
        *("compare", "--corpus", "corpus", "--out", "out"),
        *("--jobs", "2", *map(str, options), *more),
    ]


@pytest.mark.slow
def test_a_run_whose_process_dies_is_a_failed_run(small_corpus, base, tmp_path):
    (tmp_path / "deadly.py").write_text(DEADLY)
    ask = command(small_corpus, base, tmp_path, "--plugin", "deadly", "--fusion", "deadly", "none")
    done = processes.command(*ask, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    runs, _ = tables(tmp_path / "out", without=())
    assert runs["status"].tolist() == ["failed", "done"]
    assert runs["error"][0].startswith("its process died")


@pytest.mark.slow
def test_ctrl_c_leaves_finished_runs_and_the_rest_is_trained_later(small_corpus, base, tmp_path):
    (tmp_path / "held.py").write_text(HELD)
    (tmp_path / "hold").touch()
    ask = command(small_corpus, base, tmp_path, "--plugin", "held", "--fusion", "none", "held")
    process = subprocess.Popen(
        [sys.executable, "-m", "cenet_lib", *ask],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    runs = tmp_path / "out" / "runs"
    begun = "*/checkpoints/checkpoint-*/manifest.json"  # the other is in its second epoch
    while not (any(map(is_finished, runs.glob("*"))) and list(runs.glob(begun))):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all processes
    process.communicate(timeout=60)
    assert process.returncode == 130
    [finished] = [folder for folder in runs.glob("*") if is_finished(folder)]
    before = (finished / "manifest.json").stat().st_ino  # a new file would have a new number
    (tmp_path / "hold").unlink()
    ask[ask.index("--jobs") + 1] = "1"
    done = processes.command(*ask, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path / "out", without=())[0]["status"].tolist() == ["done"] * 2
    assert len(list(runs.glob("*"))) == 2
    assert (finished / "manifest.json").stat().st_ino == before
