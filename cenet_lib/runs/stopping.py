"""What happens between the steps of training: progress, saving on request, patience."""

import signal
import threading
import time

import numpy as np
import torch
from accelerate.utils import reduce
from tqdm.auto import tqdm
from transformers import TrainerCallback, TrainerState

from ..progress import clock, somebody_watches


class Progress(TrainerCallback):
    """A bar where somebody watches, else a line now and then; and a line per epoch."""

    def __init__(self, every: float = 30.0):
        self.every = every  # seconds between lines
        self._train: dict[str, float] = {}

    def on_train_begin(self, args, state, control, **kwargs):
        """Start the clock."""
        self._first = state.global_step
        self._began = self._last = time.monotonic()
        self._bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc="train",
            unit="step",
            disable=not (state.is_world_process_zero and somebody_watches()),
            leave=False,
        )

    def on_step_end(self, args, state, control, **kwargs):
        """Move on."""
        self._bar.update(1)
        now = time.monotonic()
        if somebody_watches() or not state.is_world_process_zero:
            return
        if now - self._last >= self.every:
            self._last = now
            gone = now - self._began
            left = gone / (state.global_step - self._first) * (state.max_steps - state.global_step)
            print(
                f"step {state.global_step}/{state.max_steps}, {clock(gone)} gone, "
                f"about {clock(left)} left",
                flush=True,
            )

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Say how the epoch went, once it was evaluated."""
        if not state.is_world_process_zero or not logs:
            return
        if "train_mae" in logs:
            self._train = dict(logs)
        elif "eval_mae" in logs and self._train:
            tqdm.write(
                f"epoch {round(logs['epoch'])}/{round(args.num_train_epochs)}   "
                f"train: MSE {self._train['train_mse']:.3f}, MAE {self._train['train_mae']:.3f}   "
                f"valid: MSE {logs['eval_mse']:.3f}, MAE {logs['eval_mae']:.3f}, "
                f"Corr {logs['eval_corr']:.3f}"
            )

    def on_train_end(self, args, state, control, **kwargs):
        """Clear the bar away."""
        self._bar.close()


class SaveOnSignal(TrainerCallback):
    """Saves and stops on Ctrl-C or a friendly kill; saves every so many steps if asked to.

    The signal only raises a flag; the step that runs is finished first. A second one ends at once.
    """

    def __init__(self, every: int | None = None):
        self.every = every
        self.stopped = False
        self._before: dict[int, object] = {}

    def on_train_begin(self, args, state, control, **kwargs):
        """Listen. Only a main thread can."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._remember)

    def _remember(self, number, frame) -> None:
        self.stopped = True
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def on_step_end(self, args, state, control, **kwargs):
        """Stop if the flag is up, on any process: all must stop at the same step."""
        if args.world_size > 1:
            flag = torch.tensor(float(self.stopped), device=args.device)
            self.stopped = bool(reduce(flag, "sum").item())
        if self.stopped:
            control.should_training_stop = True
        due = self.every is not None and state.global_step % self.every == 0
        # After its last step an epoch is evaluated, and saved then.
        if (self.stopped or due) and not self._ends_epoch(state):
            control.should_save = True

    def on_epoch_end(self, args, state, control, **kwargs):
        """Do not evaluate an epoch that was broken off."""
        if self.stopped and not self._ends_epoch(state):
            control.should_log = control.should_evaluate = control.should_save = False

    @staticmethod
    def _ends_epoch(state: TrainerState) -> bool:
        return state.global_step % (state.max_steps // state.num_train_epochs) == 0

    def on_train_end(self, args, state, control, **kwargs):
        """Listen no more."""
        self._restore()


class Patience(TrainerCallback):
    """Stops when valid MAE has not improved for some epochs.

    It reads the history, which a checkpoint keeps, so that a resumed run stops where it would have.
    """

    def __init__(self, epochs: int):
        self.epochs = epochs

    def on_evaluate(self, args, state, control, **kwargs):
        """Stop if patience has run out."""
        if self.is_over(state):
            control.should_training_stop = True

    def is_over(self, state: TrainerState) -> bool:
        """Tell whether the last so many epochs were no better than one before them."""
        errors = [entry["eval_mae"] for entry in state.log_history if "eval_mae" in entry]
        return len(errors) - 1 - int(np.argmin(errors)) >= self.epochs if errors else False
