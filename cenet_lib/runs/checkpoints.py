"""Checkpoints: all that it takes to go on with a training that was stopped, bit for bit.

A checkpoint is a folder ``checkpoints/checkpoint-STEP`` of the run. It holds what accelerate saves
(weights, the optimizer's state, the schedule, random generators of each process), our own
``training.json`` (`TrainingState`), and last ``manifest.json`` with the hash of every other file.
Without its manifest a checkpoint does not count, so one that was being written when the power went
is passed over, and so is one that was damaged later. One that is whole but was not made by this run
is an error: a manifest tells that nothing changed, not who wrote it.

`cenet_lib.training` saves one after each epoch, or more often, and begins with the newest one when
it resumes.
"""

import math
import pickle
import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import gather_object
from accelerate.utils import load as load_tensors
from safetensors import SafetensorError

from ..errors import CENetError, first_line
from ..files import read_json, sha256, write_json
from ..terminal import as_argument
from .manifest import MANIFEST, fault, write_manifest

_STATE = "training.json"
_CONFIG = "config.json"
_MEND = "begin a new run"
_NAME = re.compile(r"checkpoint-[0-9]{1,18}")


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
    with _one_error(folder, checkpoint):
        if accelerator.is_main_process:
            shutil.rmtree(checkpoint, ignore_errors=True)  # from a process that was killed here
        accelerator.wait_for_everyone()
        accelerator.save_state(str(checkpoint))
        seen = gather_object(state.seen)
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            known = {**asdict(state), "seen": seen, "config": _hash_of_config(folder)}
            write_json(checkpoint / _STATE, known)
            seal(checkpoint)
            _prune(folder, state)


@contextmanager
def _one_error(folder: Path, checkpoint: Path) -> Iterator[None]:
    """Say in one way what writers say in many; leave nothing that is half-written."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError, CENetError) as error:
        shutil.rmtree(checkpoint, ignore_errors=True)
        if _checkpoints(folder):
            mend = f"go on with: python -m cenet_lib train --resume {as_argument(folder)}"
        else:
            mend = "train again: nothing was saved yet"
        raise CENetError(
            f"{checkpoint}: could not be saved ({error}); make room on the disk, then {mend}"
        ) from error


def load_checkpoint(checkpoint: Path, accelerator: Accelerator) -> TrainingState:
    """Put everything back as `save_checkpoint` found it, on all processes together.

    Raises
    ------
    CENetError
        If it is not a checkpoint of this training: ``config.json`` has changed since, the model is
        another, or its files hold anything but weights and numbers.

    Examples
    --------
    >>> import tempfile
    >>> accelerator = Accelerator(cpu=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(Path(folder), accelerator, TrainingState(steps_per_epoch=4, step=3))
    ...     load_checkpoint(checkpoint_of(Path(folder), 3), accelerator).step
    3
    """
    load_weights(checkpoint, accelerator)
    state = _read_state(checkpoint)
    if not accelerator.is_main_process:
        state.seen = []  # the main process has that of all
    return state


def load_weights(checkpoint: Path, accelerator: Accelerator) -> None:
    """Put back weights, optimizer, schedule and random numbers, but not where training stands.

    Raises
    ------
    CENetError
        As `load_checkpoint` does.

    Examples
    --------
    >>> import tempfile
    >>> accelerator = Accelerator(cpu=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(Path(folder), accelerator, TrainingState(steps_per_epoch=4, step=3))
    ...     load_weights(checkpoint_of(Path(folder), 3), accelerator)
    """
    numbers = checkpoint / f"random_states_{accelerator.process_index}.pkl"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what is odd about a file is told below
            if numbers.is_file():  # else it had fewer processes; accelerate forgives any fault
                load_tensors(numbers)["torch_manual_seed"]
            accelerator.load_state(str(checkpoint))
    except Exception as error:  # weights, pickles and tensors of a stranger can fail in any way
        reason = first_line(error)[:200]
        if isinstance(error, pickle.UnpicklingError):  # torch's words advise to trust the file
            reason = "a file of it holds more than weights, or is damaged; it was not opened"
        raise CENetError(
            f"{checkpoint}: is no checkpoint of this run ({reason}); "
            "remove it to go on from the one before, or begin a new run"
        ) from error


def _read_state(checkpoint: Path) -> TrainingState:
    """Return where training stood; raise a `CENetError` if that is no state of this run."""
    path = checkpoint / _STATE
    content = read_json(path, _MEND)
    config = content.pop("config", None)
    if config is not None and config != _hash_of_config(checkpoint.parents[1]):
        raise CENetError(
            f"{checkpoint.parents[1] / _CONFIG}: has changed since {checkpoint.name} was saved; "
            f"put the old one back, or {_MEND}"
        )
    try:
        # JSON has no word for NaN, which a correlation may be.
        content["history"] = [
            {name: math.nan if value is None else value for name, value in row.items()}
            for row in content["history"]
        ]
        state = TrainingState(**content)
        _check_state(state, _step(checkpoint))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CENetError(f"{path}: is damaged ({error}); {_MEND}") from error
    return state


def _check_state(state: TrainingState, step: int) -> None:
    """Raise a `ValueError` or `TypeError` if the numbers contradict each other."""
    if state.step != step or not 0 <= state.step_in_epoch <= state.steps_per_epoch:
        raise ValueError(f"step {state.step} in epoch {state.epoch + 1}")
    if len(state.history) != state.epoch:
        raise ValueError(f"{len(state.history)} rows for {state.epoch} epochs")
    if state.history and not all(math.isfinite(row["valid_mae"]) for row in state.history):
        raise ValueError("an epoch without its valid MAE")
    for labels, predictions in state.seen:
        if len(labels) != len(predictions) or not np.isfinite([*labels, *predictions]).all():
            raise ValueError("labels and predictions that do not fit together")


def _hash_of_config(folder: Path) -> str | None:
    path = folder / _CONFIG
    return sha256(path) if path.is_file() else None


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
    write_manifest(checkpoint, _files(checkpoint))


def _files(checkpoint: Path) -> set[str]:
    return {path.name for path in checkpoint.iterdir() if path.is_file()} - {MANIFEST}


def newest_whole_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint from which a run can go on; remove those that are damaged.

    It is whole itself, and so is the best one so far, whose weights the run may end with. Each one
    that is passed over is printed, with the reason.

    Returns
    -------
    Path or None
        The checkpoint; ``None`` if training has to begin anew.

    Raises
    ------
    CENetError
        If a whole one was not made by this run.

    Examples
    --------
    >>> newest_whole_checkpoint(Path("runs/mine")) is None  # a finished run keeps none
    True
    """
    for checkpoint in sorted(_checkpoints(folder), key=_step, reverse=True):
        wrong = _wrong_with(checkpoint)
        if wrong is None:
            best = _best(folder, _read_state(checkpoint))
            if best is None or best == checkpoint or (wrong := _wrong_with(best)) is None:
                return checkpoint
            wrong = f"needs {best.name}, which {wrong}"
        print(f"{checkpoint.name} {wrong}; going back to the one before")
        shutil.rmtree(checkpoint)
    return None


def has_checkpoint(folder: Path) -> bool:
    """Tell whether a run has saved anything from which it may go on.

    Examples
    --------
    >>> has_checkpoint(Path("runs/mine"))  # a finished run keeps none
    False
    """
    return bool(_checkpoints(folder))


def _checkpoints(folder: Path) -> list[Path]:
    """Return the folders that are called as checkpoints are; others, and links, are not ours."""
    found = (folder / "checkpoints").glob("checkpoint-*")
    return [p for p in found if _NAME.fullmatch(p.name) and p.is_dir() and not p.is_symlink()]


def _best(folder: Path, state: TrainingState) -> Path | None:
    if not state.history:
        return None
    return checkpoint_of(folder, state.best_epoch() * state.steps_per_epoch)


def _prune(folder: Path, state: TrainingState) -> None:
    newest = checkpoint_of(folder, state.step)
    others = [p for p in _checkpoints(folder) if p != newest]
    best = _best(folder, state)
    kept = best if best in others else max(others, key=_step, default=None)
    for checkpoint in others:
        if checkpoint != kept:
            shutil.rmtree(checkpoint, ignore_errors=True)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])


def _wrong_with(checkpoint: Path) -> str | None:
    if not (checkpoint / MANIFEST).is_file():
        return "was not saved to its end"
    found = fault(checkpoint, _files(checkpoint))
    return None if found is None else f"is damaged ({found})"
