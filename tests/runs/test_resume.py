"""Runs that are killed, stopped, damaged or started twice, in real processes."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from processes import in_process, start

from cenet_lib import CENetError, Run, TrainingSettings, resume, train

pytestmark = [
    pytest.mark.slow,  # together: each trains in processes of its own
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and a fork server"),
]

# Twelve steps: two epochs of six; saved after each epoch and after every fourth step. Accelerate
# saves the weights, the optimizer and the schedule by three calls of `save`.
SPOTS = {
    "in the first step": ("backward", 1),
    "in the middle of an epoch": ("backward", 6),
    "in evaluation": ("evaluate_epoch", 1),
    "before the weights are saved": ("save_state", 2),
    "before the optimizer is saved": ("save", 5),
    "before the checkpoint is sealed": ("seal", 3),
    "while the seal is written": ("os.replace", 4),
    "in the second epoch": ("backward", 8),
    "in the last step": ("backward", 12),
    "before the model is written": ("save_pretrained", 1),
    "in the predictions": ("predict", 2),
    "before the metrics are written": ("write_metrics", 1),
}


def settings(backbone, **more) -> TrainingSettings:
    return TrainingSettings(
        **{
            **{"backbone": str(backbone), "n_visual_codes": 4, "n_acoustic_codes": 3, "epochs": 2},
            **{"batch_size": 8, "lr_backbone": 1e-3, "device": "cpu", "save_every": 4},
            **more,
        }
    )


def killed_at(spot: str, corpus: str, folder: Path, options: TrainingSettings) -> None:
    """Train, and die without warning when a function is called for the n-th time."""
    from accelerate import Accelerator, checkpointing

    from cenet_lib import CENetProcessor, load_corpus, training
    from cenet_lib.files import write_json
    from cenet_lib.runs import checkpoints, outcome

    name, call = SPOTS[spot]
    calls = 0

    def dying(function, counts=lambda *args: True):
        def wrapped(*args, **kwargs):
            nonlocal calls
            calls += counts(*args)
            if calls == call and counts(*args):
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return wrapped

    if name == "write_metrics":
        outcome.write_json = dying(write_json, lambda path, _: path.name == "metrics.json")
    elif name == "os.replace":
        os.replace = dying(os.replace, lambda old, new: Path(new).name == "manifest.json")
    else:
        home = {
            **{"backward": Accelerator, "save_state": Accelerator, "save": checkpointing},
            **{"seal": checkpoints, "evaluate_epoch": training, "predict": outcome},
            "save_pretrained": CENetProcessor,
        }[name]
        setattr(home, name, dying(getattr(home, name)))
    train(load_corpus(corpus), folder, options, source=corpus)


def resume_in_process(folder: Path) -> None:
    resume(folder)


@pytest.fixture(scope="module")
def stored(small_corpus, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("stored") / "corpus"
    small_corpus.save(folder)
    return str(folder)


def train_in_process(corpus: str, folder: Path, options: TrainingSettings) -> None:
    from cenet_lib import load_corpus

    train(load_corpus(corpus), folder, options, source=corpus)


@pytest.fixture(scope="module")
def undisturbed(stored, small_backbone, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert in_process(train_in_process, stored, folder, settings(small_backbone)) == 0
    return Run(folder)


def assert_same(run: Run, other: Run) -> None:
    for name in ("history.csv", "predictions.csv"):
        assert (run.folder / name).read_bytes() == (other.folder / name).read_bytes(), name
    assert {**run.metrics, "seconds": 0} == {**other.metrics, "seconds": 0}
    assert {p.name for p in run.folder.iterdir()} == {p.name for p in other.folder.iterdir()}


@pytest.mark.parametrize("spot", SPOTS)
def test_killed_run_ends_as_if_it_had_not_been(spot, stored, small_backbone, undisturbed, tmp_path):
    folder = tmp_path / "run"
    options = settings(small_backbone)
    assert in_process(killed_at, spot, stored, folder, options) == -signal.SIGKILL
    assert not (folder / "metrics.json").exists()
    assert in_process(resume_in_process, folder) == 0
    assert_same(Run(folder), undisturbed)


def test_run_killed_after_patience_ran_out_does_not_go_on(stored, small_backbone, tmp_path):
    still = {"lr_backbone": 0.0, "lr_fusion": 0.0, "lr_head": 0.0}
    options = settings(small_backbone, epochs=5, patience=1, save_every=None, **still)
    assert in_process(train_in_process, stored, tmp_path / "whole", options) == 0
    spot = "in the predictions"
    assert in_process(killed_at, spot, stored, tmp_path / "run", options) == -signal.SIGKILL
    assert in_process(resume_in_process, tmp_path / "run") == 0
    assert_same(Run(tmp_path / "run"), Run(tmp_path / "whole"))
    assert len(Run(tmp_path / "run").history) == 2


def slowly(corpus: str, folder: Path, options: TrainingSettings) -> None:
    """Train with a pause in each step, so that one can interfere."""
    from accelerate import Accelerator

    backward = Accelerator.backward

    def slow(*args, **kwargs):
        time.sleep(0.2)
        return backward(*args, **kwargs)

    Accelerator.backward = slow
    train_in_process(corpus, folder, options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(number, stored, small_backbone, undisturbed, tmp_path):
    folder, log = tmp_path / "run", tmp_path / "log"
    process = start(slowly, stored, folder, settings(small_backbone), log=str(log))
    wait_for(folder / "checkpoints")
    time.sleep(0.5)
    os.kill(process.pid, number)
    process.join(60)
    assert process.exitcode == 1
    error = log.read_text()
    assert "Interrupted: stopped at step" in error
    assert "Go on with: python -m cenet_lib train --resume" in error
    saved = list((folder / "checkpoints").glob("checkpoint-*/manifest.json"))
    assert saved
    assert in_process(resume_in_process, folder) == 0
    assert_same(Run(folder), undisturbed)


def wait_for(path: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def test_second_process_on_a_run_is_refused(stored, small_backbone, tmp_path):
    folder = tmp_path / "run"
    process = start(slowly, stored, folder, settings(small_backbone))
    try:
        wait_for(folder / "config.json")
        with pytest.raises(CENetError, match="another process is training this run"):
            resume(folder)
        with pytest.raises(CENetError, match="exists already"):
            train_in_process(stored, folder, settings(small_backbone))
        assert process.is_alive()
    finally:
        process.join(120)
    assert process.exitcode == 0
    assert Run(folder).metrics


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damaged_checkpoint_falls_back_to_the_one_before(
    damage, stored, small_backbone, undisturbed, tmp_path
):
    folder, log = tmp_path / "run", tmp_path / "log"
    options = settings(small_backbone)
    spot = "in the last step"
    assert in_process(killed_at, spot, stored, folder, options) == -signal.SIGKILL
    newest = folder / "checkpoints" / "checkpoint-8"
    weights = newest / "model.safetensors"
    content = bytearray(weights.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
        weights.write_bytes(content)
    elif damage == "truncate":
        weights.write_bytes(content[:-10])
    else:
        (newest / "optimizer.bin").unlink()
    assert in_process(resume_in_process, folder, log=str(log)) == 0
    out = log.read_text()
    assert "checkpoint-8 is damaged" in out
    assert "going back to the one before" in out
    assert_same(Run(folder), undisturbed)


def test_moved_run_goes_on(stored, small_backbone, undisturbed, tmp_path):
    folder = tmp_path / "run"
    options = settings(small_backbone)
    spot = "in the last step"
    assert in_process(killed_at, spot, stored, folder, options) == -signal.SIGKILL
    shutil.move(folder, tmp_path / "elsewhere")
    assert in_process(resume_in_process, tmp_path / "elsewhere") == 0
    assert_same(Run(tmp_path / "elsewhere"), undisturbed)


def test_changed_corpus_is_refused_with_both_fingerprints(stored, small_backbone, tmp_path):
    from small import make_corpus

    folder = tmp_path / "run"
    options = settings(small_backbone)
    spot = "in the second epoch"
    assert in_process(killed_at, spot, stored, folder, options) == -signal.SIGKILL
    before = json.loads((folder / "config.json").read_text())["corpus"]["fingerprint"]
    other = make_corpus(seed=1)
    with pytest.raises(CENetError, match="the corpus has changed since this run began") as error:
        resume(folder, other)
    assert before[:16] in str(error.value)
    assert other.fingerprint()[:16] in str(error.value)


def test_finished_and_foreign_folders_are_refused(undisturbed, tmp_path):
    with pytest.raises(CENetError, match="is finished; there is nothing to resume"):
        resume(undisturbed.folder)
    with pytest.raises(CENetError, match="holds no run"):
        resume(tmp_path)


def with_little_disk(corpus: str, folder: Path, options: TrainingSettings) -> None:
    """Train where no file may grow beyond 60 kB from the second save on."""
    import resource

    from cenet_lib import training

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    save = training.save_checkpoint
    saves = 0

    def limited(*args):
        nonlocal saves
        saves += 1
        if saves == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        save(*args)

    training.save_checkpoint = limited
    train_in_process(corpus, folder, options)


def test_full_disk_is_one_error_and_the_last_checkpoint_stays(
    stored, small_backbone, undisturbed, tmp_path
):
    folder, log = tmp_path / "run", tmp_path / "log"
    options = settings(small_backbone)
    assert in_process(with_little_disk, stored, folder, options, log=str(log)) == 1
    error = log.read_text()
    assert "could not be saved" in error
    assert "make room on the disk, then go on with: python -m cenet_lib train --resume" in error
    assert [p.name for p in (folder / "checkpoints").iterdir()] == ["checkpoint-4"]
    assert in_process(resume_in_process, folder) == 0
    assert_same(Run(folder), undisturbed)
