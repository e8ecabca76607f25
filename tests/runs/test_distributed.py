"""Training on two processes, started as users start them."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import processes
import pytest
from small import make_backbone

from cenet_lib import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="gloo and signals as on Unix"),
]

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
TORCHRUN += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def options(small_corpus, tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("distributed")
    small_corpus.save(folder / "corpus")
    backbone = make_backbone(folder / "backbone", dropout=0.0)
    # 48 utterances in batches of 14: four of 12, so that each process gets 6
    return [
        *("train", "--corpus", str(folder / "corpus"), "--backbone", str(backbone)),
        *("--n-visual-codes", "4", "--n-acoustic-codes", "3", "--epochs", "2"),
        *("--batch-size", "14", "--head-dropout", "0", "--lr-backbone", "1e-3"),
        *("--device", "cpu"),
    ]


@pytest.fixture(scope="module")
def alone(options, tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("alone") / "run"
    done = processes.command(*options, "--out", str(out))
    assert done.returncode == 0, done.stderr
    return Run(out)


def launch(launcher, options, out, code="-m cenet_lib", timeout=180):
    command = [*launcher, *code.split(), *options, "--out", str(out)]
    done = subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_two_processes_train_as_one(launcher, options, alone, small_corpus, tmp_path):
    if launcher == "torchrun":
        command = TORCHRUN
    else:
        command = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--cpu"]
        command += ["--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"]
        command += ["--dynamo_backend", "no", "--main_process_port", "0"]
    # accelerate takes a module with a flag of its own before it
    code = "-m cenet_lib" if launcher == "torchrun" else "--module cenet_lib"
    printed = launch(command, options, tmp_path / "run", code)
    run = Run(tmp_path / "run")
    for name in ("train_mse", "valid_mse"):
        np.testing.assert_allclose(run.history[name], alone.history[name], atol=1e-4)
    assert list(run.predictions["id"]) == [u.id for u in small_corpus]
    np.testing.assert_allclose(
        run.predictions["prediction"], alone.predictions["prediction"], atol=1e-4
    )
    assert {p.name for p in run.folder.iterdir()} == {p.name for p in alone.folder.iterdir()}
    assert printed.count("chosen on valid") == 1


def test_worker_that_dies_ends_the_other(options, tmp_path):
    script = tmp_path / "dying.py"
    script.write_text(
        "import os, signal, sys\n"
        "from accelerate import Accelerator\n"
        "from cenet_lib.__main__ import main\n"
        "backward, calls = Accelerator.backward, []\n"
        "def dying(self, *args, **kwargs):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 3 and os.environ['RANK'] == '1':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return backward(self, *args, **kwargs)\n"
        "Accelerator.backward = dying\n"
        "sys.exit(main())\n"
    )
    began = time.monotonic()
    done = subprocess.run(
        [*TORCHRUN, str(script), *options, "--out", str(tmp_path / "run")],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "SIGKILL" in done.stderr or "Signal 9" in done.stderr
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert time.monotonic() - began < 120


def test_files_are_plain_and_complete(alone):
    assert json.loads((alone.folder / "metrics.json").read_text())["test"]["mae"] > 0
    assert pd.read_csv(alone.folder / "predictions.csv").notna().all(axis=None)
