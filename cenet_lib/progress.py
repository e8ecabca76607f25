"""Long work shows itself: bars where somebody watches, sober lines in a log file."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from tqdm.auto import tqdm

T = TypeVar("T")


def somebody_watches() -> bool:
    """Tell whether a terminal or a notebook shows the output, rather than a file keeping it."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def bar(
    items: Iterable[T], description: str, shown: bool = True, total: int | None = None
) -> Iterable[T]:
    """Wrap an iterable in a progress bar that goes away when it is done.

    A log file keeps no bars, so there is none unless somebody watches.

    >>> sum(bar([1, 2, 3], "add"))
    6
    """
    hidden = not (shown and somebody_watches())
    return tqdm(items, desc=description, total=total, leave=False, disable=hidden)


class TrainingProgress:
    """The steps of a training: a bar where somebody watches, else a line now and then.

    Parameters
    ----------
    done, total : int
        Optimizer steps taken before, and in all.
    visible : bool
        Of several processes, one speaks.
    every : float
        Seconds between lines.
    """

    def __init__(self, done: int, total: int, visible: bool = True, every: float = 30.0):
        self._first, self._done, self._total = done, done, total
        self._visible, self._every = visible, every
        self._began = self._last = time.monotonic()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc="train",
            unit="step",
            disable=not (visible and somebody_watches()),
            leave=False,
        )

    def __enter__(self) -> "TrainingProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def step(self) -> None:
        """Move on by a step."""
        self._done += 1
        self._bar.update(1)
        now = time.monotonic()
        if not self._visible or somebody_watches() or now - self._last < self._every:
            return
        self._last = now
        gone = now - self._began
        left = gone / (self._done - self._first) * (self._total - self._done)
        print(
            f"step {self._done}/{self._total}, {clock(gone)} gone, about {clock(left)} left",
            flush=True,
        )

    def epoch(self, row: Mapping[str, float], epochs: int) -> None:
        """Say how an epoch went."""
        if self._visible:
            tqdm.write(
                f"epoch {row['epoch']}/{epochs}   "
                f"train: MSE {row['train_mse']:.3f}, MAE {row['train_mae']:.3f}   "
                f"valid: MSE {row['valid_mse']:.3f}, MAE {row['valid_mae']:.3f}, "
                f"Corr {row['valid_corr']:.3f}"
            )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep its remarks, and its bars for loading and saving weights, off the screen."""
    from transformers.utils import logging  # heavy, and most who show a bar load no model

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def clock(seconds: float) -> str:
    """Write a duration as ``m:ss`` or ``h:mm:ss``.

    >>> clock(75)
    '1:15'
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
