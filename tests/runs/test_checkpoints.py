"""Checkpoints: what is kept, what counts as whole, and when patience is over."""

import pytest
import torch
from accelerate import Accelerator

from cenet_lib import CENetError
from cenet_lib.runs.checkpoints import (
    TrainingState,
    load_checkpoint,
    newest_whole_checkpoint,
    save_checkpoint,
)


@pytest.mark.parametrize(
    ("errors", "over"),
    [([], False), ([1.0], False), ([1.0, 1.1], False), ([1.0, 1.1, 1.0], True), ([3, 2, 1], False)],
)
def test_patience_counts_epochs_since_the_best(errors, over):
    history = [{"valid_mae": error} for error in errors]
    state = TrainingState(steps_per_epoch=3, epoch=len(errors), history=history)
    assert state.is_out_of_patience(2) == over
    assert not state.is_out_of_patience(None)


@pytest.fixture
def accelerator():
    """One that has a model and an optimizer to save."""
    accelerator = Accelerator(cpu=True)
    model = torch.nn.Linear(3, 1)
    accelerator.prepare(model, torch.optim.AdamW(model.parameters()))
    return accelerator


def state_after(step: int, errors=(), steps_per_epoch: int = 4) -> TrainingState:
    history = [{"valid_mae": error} for error in errors]
    return TrainingState(steps_per_epoch, epoch=len(errors), step=step, history=history)


def kept(folder) -> set[str]:
    return {path.name for path in (folder / "checkpoints").iterdir()}


def test_the_newest_and_the_best_are_kept(accelerator, tmp_path):
    for step, errors, expected in (
        (2, (), {2}),
        (4, (1.0,), {2, 4}),
        (6, (1.0,), {4, 6}),
        (8, (1.0, 1.1), {4, 8}),  # the first epoch is still the best
        (12, (1.0, 1.1, 0.9), {8, 12}),
        (16, (1.0, 1.1, 0.9, 0.95), {12, 16}),
    ):
        save_checkpoint(tmp_path, accelerator, state_after(step, errors))
        assert kept(tmp_path) == {f"checkpoint-{number}" for number in expected}


def test_what_was_saved_comes_back(accelerator, tmp_path):
    state = state_after(6, (1.0,))
    state.history[0]["valid_corr"] = float("nan")  # JSON has no word for it
    state.seen = [([1.0, -2.0], [0.5, -0.25])]
    save_checkpoint(tmp_path, accelerator, state_after(4, (1.0,)))  # the best so far
    (model,) = accelerator._models
    weight = model.weight.detach().clone()
    save_checkpoint(tmp_path, accelerator, state)
    numbers = torch.rand(3)
    with torch.no_grad():
        model.weight.zero_()
    found = load_checkpoint(newest_whole_checkpoint(tmp_path), accelerator)
    assert torch.equal(model.weight, weight)
    assert torch.equal(torch.rand(3), numbers)  # the generator too
    assert (found.epoch, found.step, found.step_in_epoch) == (1, 6, 2)
    assert found.history[0]["valid_corr"] != found.history[0]["valid_corr"]
    assert [[list(column) for column in part] for part in found.seen] == [
        [[1.0, -2.0], [0.5, -0.25]]
    ]


def test_a_checkpoint_whose_best_is_damaged_does_not_count(accelerator, tmp_path, capsys):
    """The run would end with the weights of the best epoch, which are no longer there."""
    save_checkpoint(tmp_path, accelerator, state_after(4, (1.0,)))
    save_checkpoint(tmp_path, accelerator, state_after(8, (1.0, 1.1)))
    assert newest_whole_checkpoint(tmp_path).name == "checkpoint-8"
    weights = tmp_path / "checkpoints" / "checkpoint-4" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert newest_whole_checkpoint(tmp_path) is None
    said = capsys.readouterr().out
    assert "checkpoint-8 needs checkpoint-4, which is damaged (model.safetensors has" in said
    assert kept(tmp_path) == set()


def test_without_its_seal_a_checkpoint_does_not_count(accelerator, tmp_path, capsys):
    save_checkpoint(tmp_path, accelerator, state_after(2))
    save_checkpoint(tmp_path, accelerator, state_after(3))
    (tmp_path / "checkpoints" / "checkpoint-3" / "manifest.json").unlink()
    assert newest_whole_checkpoint(tmp_path).name == "checkpoint-2"
    assert "checkpoint-3 was not saved to its end" in capsys.readouterr().out


def test_a_disk_that_refuses_leaves_the_last_checkpoint(accelerator, tmp_path, monkeypatch):
    save_checkpoint(tmp_path, accelerator, state_after(2))

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cenet_lib.runs.checkpoints.seal", refuse)
    with pytest.raises(CENetError, match=r"No space left on device\); make room on the disk"):
        save_checkpoint(tmp_path, accelerator, state_after(3))
    assert kept(tmp_path) == {"checkpoint-2"}
