"""Checkpoints: all that it takes to go on with a training that was stopped, bit for bit.

A checkpoint is a folder ``checkpoints/checkpoint-STEP`` of the run. It holds what accelerate saves
(weights, the optimizer's state, the schedule, random generators of each process), our own
``training.json`` (`TrainingState`), and last ``manifest.json`` with the hash of every other file.
Without its manifest a checkpoint does not count, so one that was being written when the power went
is passed over, and so is one that was damaged later.

`cenet_lib.training` saves one after each epoch, or more often, and begins with the newest one when
it resumes.
"""

import math
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import gather_object
from safetensors import SafetensorError

from ..errors import CENetError
from ..files import read_json, sha256, write_json

_MANIFEST = "manifest.json"
_STATE = "training.json"
_MEND = "begin a new run"


@dataclass
class TrainingState:
    """Where a training stands.

    Attributes
    ----------
    steps_per_epoch : int
        How many optimizer steps make an epoch.
    epoch : int
        How many epochs are finished, evaluated and in the history.
    step : int
        How many optimizer steps were taken, over all epochs.
    history : list of dict
        What was measured after each finished epoch.
    seen : list of (labels, predictions)
        What the model said in training to the batches of the epoch under way, on this process.

    Examples
    --------
    >>> state = TrainingState(steps_per_epoch=4, step=9)
    >>> for mae in (1.2, 0.9):
    ...     state.finish_epoch({"valid_mae": mae})
    >>> state.best_epoch(), state.step_in_epoch
    (2, 1)
    """

    steps_per_epoch: int
    epoch: int = 0
    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    seen: list[tuple[list[float], list[float]]] = field(default_factory=list)

    @property
    def step_in_epoch(self) -> int:
        """How many steps were taken in the epoch under way."""
        return self.step - self.epoch * self.steps_per_epoch

    def finish_epoch(self, row: dict[str, float]) -> None:
        """Note what was measured after the epoch under way; the next one begins."""
        self.epoch += 1
        self.history.append(row)
        self.seen = []

    def best_epoch(self) -> int:
        """Return the epoch, from 1, with the smallest MAE on valid."""
        return 1 + int(np.argmin([row["valid_mae"] for row in self.history]))

    def is_out_of_patience(self, patience: int | None) -> bool:
        """Tell whether the last so many epochs were no better on valid than one before them."""
        if patience is None or not self.history:
            return False
        return self.epoch - self.best_epoch() >= patience


def checkpoint_of(folder: Path, step: int) -> Path:
    """Return where the checkpoint after so many steps lies in a run's folder, or would lie.

    Examples
    --------
    >>> checkpoint_of(Path("runs/mine"), 40).as_posix()
    'runs/mine/checkpoints/checkpoint-40'
    """
    return folder / "checkpoints" / f"checkpoint-{step}"


def share_plain_weights(accelerator: Accelerator) -> None:
    """Let checkpoints name the weights as the plain model does, without wrappers' prefixes.

    So a run can be resumed on another number of processes.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> accelerator = Accelerator(cpu=True)
    >>> share_plain_weights(accelerator)
    >>> _ = accelerator.prepare(torch.nn.Linear(2, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = accelerator.save_state(folder)
    ...     (Path(folder) / "model.safetensors").is_file()
    True
    """

    def save(models: list[Any], weights: list[Any], folder: str) -> None:
        weights[:] = [accelerator.get_state_dict(_plain(accelerator, model)) for model in models]

    def load(models: list[Any], folder: str) -> None:
        models[:] = [_plain(accelerator, model) for model in models]

    accelerator.register_save_state_pre_hook(save)
    accelerator.register_load_state_pre_hook(load)


def _plain(accelerator: Accelerator, model: Any) -> Any:
    return accelerator.unwrap_model(model, keep_torch_compile=False)


def save_checkpoint(folder: Path, accelerator: Accelerator, state: TrainingState) -> None:
    """Save where training stands, on all processes together, and drop what is no longer needed.

    The newest checkpoint and the best one are kept; as long as they are the same, the one before.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    accelerator : Accelerator
        It holds the model, the optimizer and the schedule.
    state : TrainingState
        Where training stands.

    Raises
    ------
    CENetError
        If the disk refuses; then nothing half-written is left, and the last checkpoint stays.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     state = TrainingState(steps_per_epoch=4, step=3)
    ...     save_checkpoint(Path(folder), Accelerator(cpu=True), state)
    ...     newest_whole_checkpoint(Path(folder)).name
    'checkpoint-3'
    """
    checkpoint = checkpoint_of(folder, state.step)
    try:
        if accelerator.is_main_process:
            shutil.rmtree(checkpoint, ignore_errors=True)  # from a process that was killed here
        accelerator.wait_for_everyone()
        accelerator.save_state(str(checkpoint))
        seen = gather_object(state.seen)
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            write_json(checkpoint / _STATE, {**asdict(state), "seen": seen})
            seal(checkpoint)
            _prune(folder, state)
    except (OSError, RuntimeError, SafetensorError, CENetError) as error:
        shutil.rmtree(checkpoint, ignore_errors=True)
        raise CENetError(
            f"{checkpoint}: could not be saved ({error}); make room on the disk, then go on "
            f"with: python -m cenet_lib train --resume {folder}"
        ) from error


def load_checkpoint(checkpoint: Path, accelerator: Accelerator) -> TrainingState:
    """Put everything back as `save_checkpoint` found it, on all processes together.

    Examples
    --------
    >>> import tempfile
    >>> accelerator = Accelerator(cpu=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(Path(folder), accelerator, TrainingState(steps_per_epoch=4, step=3))
    ...     load_checkpoint(checkpoint_of(Path(folder), 3), accelerator).step
    3
    """
    accelerator.load_state(str(checkpoint))
    state = _read_state(checkpoint)
    if not accelerator.is_main_process:
        state.seen = []  # the main process has that of all
    return state


def _read_state(checkpoint: Path) -> TrainingState:
    state = TrainingState(**read_json(checkpoint / _STATE, _MEND))
    # JSON has no word for NaN, which a correlation may be.
    state.history = [
        {name: math.nan if value is None else value for name, value in row.items()}
        for row in state.history
    ]
    return state


def seal(checkpoint: Path) -> None:
    """Mark a checkpoint as whole: write down the hash of each of its files, as its last file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     seal(Path(folder))
    ...     [path.name for path in Path(folder).iterdir()]
    ['manifest.json']
    """
    hashes = {p.name: sha256(p) for p in sorted(checkpoint.iterdir()) if p.name != _MANIFEST}
    write_json(checkpoint / _MANIFEST, hashes)


def newest_whole_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint from which a run can go on; remove those that are damaged.

    It is whole itself, and so is the best one so far, whose weights the run may end with. Each one
    that is passed over is printed, with the reason.

    Returns
    -------
    Path or None
        The checkpoint; ``None`` if training has to begin anew.

    Examples
    --------
    >>> newest_whole_checkpoint(Path("runs/mine")) is None  # a finished run keeps none
    True
    """
    found = (folder / "checkpoints").glob("checkpoint-*")
    for checkpoint in sorted(found, key=_step, reverse=True):
        fault = _fault(checkpoint)
        if fault is None:
            best = _best(folder, _read_state(checkpoint))
            if best is None or best == checkpoint or (fault := _fault(best)) is None:
                return checkpoint
            fault = f"needs {best.name}, which {fault}"
        print(f"{checkpoint.name} {fault}; going back to the one before")
        shutil.rmtree(checkpoint)
    return None


def _best(folder: Path, state: TrainingState) -> Path | None:
    if not state.history:
        return None
    return checkpoint_of(folder, state.best_epoch() * state.steps_per_epoch)


def _prune(folder: Path, state: TrainingState) -> None:
    newest = checkpoint_of(folder, state.step)
    others = [p for p in newest.parent.glob("checkpoint-*") if p != newest]
    best = _best(folder, state)
    kept = best if best in others else max(others, key=_step, default=None)
    for checkpoint in others:
        if checkpoint != kept:
            shutil.rmtree(checkpoint, ignore_errors=True)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])


def _fault(checkpoint: Path) -> str | None:
    if not (checkpoint / _MANIFEST).is_file():
        return "was not saved to its end"
    try:
        for name, expected in read_json(checkpoint / _MANIFEST, _MEND).items():
            if sha256(checkpoint / name) != expected:
                return f"is damaged ({name} has changed)"
    except (OSError, CENetError) as error:
        return f"is damaged ({error})"
    return None
