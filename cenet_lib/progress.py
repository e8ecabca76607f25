"""Long work shows itself: bars where somebody watches, sober lines in a log file.

Plumbing for everything that takes long: fitting, training, prediction, and the command line.
"""

import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Self, TypeVar

from tqdm.auto import tqdm

T = TypeVar("T")


def somebody_watches() -> bool:
    """Tell whether a terminal or a notebook shows the output, rather than a file keeping it.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch("sys.stderr.isatty", return_value=True):
    ...     somebody_watches()
    True
    """
    ipython = sys.modules.get("IPython")  # whoever is in a notebook has imported it
    return sys.stderr.isatty() or hasattr(ipython and ipython.get_ipython(), "kernel")


def bar(
    items: Iterable[T], description: str, shown: bool = True, total: int | None = None
) -> Iterable[T]:
    """Wrap an iterable in a progress bar that goes away when it is done.

    A log file keeps no bars, so there is none unless somebody watches.

    Parameters
    ----------
    items : iterable
        What is gone through.
    description : str
        What stands in front of the bar.
    shown : bool
        Whether to show a bar at all.
    total : int, optional
        How many items there are; by default the length of the items, if they have one.

    Examples
    --------
    >>> sum(bar([1, 2, 3], "add"))
    6
    """
    hidden = not (shown and somebody_watches())
    return tqdm(items, desc=description, total=total, leave=False, disable=hidden)


class Progress:
    """The steps of some work: a bar where somebody watches, else a line now and then.

    Parameters
    ----------
    done, total : int
        The steps that were taken before, and those that will have been in the end.
    visible : bool
        Whether to show anything: of several processes, one speaks.
    every : float
        The seconds between two lines.
    name, unit : str
        What the work and a step of it are called.

    Examples
    --------
    >>> with Progress(done=0, total=2, every=0, name="films", unit="clip") as progress:
    ...     progress.step()
    clip 1/2, 0:00 gone, about 0:00 left
    """

    def __init__(
        self,
        done: int,
        total: int,
        visible: bool = True,
        every: float = 30.0,
        name: str = "",
        unit: str = "step",
    ):
        self._first, self._done, self._total = done, done, total
        self._visible, self._every, self._unit = visible, every, unit
        self._began = self._last = time.monotonic()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=name,
            unit=unit,
            disable=not (visible and somebody_watches()),
            leave=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def step(self) -> None:
        """Move on by one step."""
        self._done += 1
        self._bar.update(1)
        now = time.monotonic()
        if not self._visible or somebody_watches() or now - self._last < self._every:
            return
        self._last = now
        gone = now - self._began
        left = gone / (self._done - self._first) * (self._total - self._done)
        print(
            f"{self._unit} {self._done}/{self._total}, {clock(gone)} gone, "
            f"about {clock(left)} left",
            flush=True,
        )


class TrainingProgress(Progress):
    """The optimizer steps and the epochs of a training; it takes what `Progress` takes.

    Examples
    --------
    >>> with TrainingProgress(done=0, total=2, every=0) as progress:
    ...     progress.step()
    step 1/2, 0:00 gone, about 0:00 left
    """

    def __init__(self, done: int, total: int, visible: bool = True, every: float = 30.0):
        super().__init__(done, total, visible, every, name="train")

    def epoch(self, row: Mapping[str, float], epochs: int) -> None:
        """Say how an epoch went: ``row`` is the history's, ``epochs`` the number of all."""
        if self._visible:
            corr = row["valid_corr"]
            told = "not defined" if math.isnan(corr) else f"{corr:.3f}"
            tqdm.write(
                f"epoch {row['epoch']}/{epochs}   "
                f"train: MSE {row['train_mse']:.3f}, MAE {row['train_mae']:.3f}   "
                f"valid: MSE {row['valid_mse']:.3f}, MAE {row['valid_mae']:.3f}, Corr {told}"
            )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep the remarks of transformers, and its bars for loading weights, off the screen.

    Examples
    --------
    >>> from transformers.utils import logging
    >>> with quiet_transformers():
    ...     logging.is_progress_bar_enabled()
    False
    """
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

    Examples
    --------
    >>> clock(75), clock(3675)
    ('1:15', '1:01:15')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
