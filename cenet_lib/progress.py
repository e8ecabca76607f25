"""Long work shows itself: bars where somebody watches, sober lines in a log file."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm.auto import tqdm

T = TypeVar("T")


def somebody_watches() -> bool:
    """Tell whether a terminal or a notebook shows the output, rather than a file keeping it."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def bar(items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """Wrap an iterable in a progress bar that goes away when it is done."""
    return tqdm(items, desc=description, total=total, leave=False, disable=not somebody_watches())


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep its remarks, and its bars for loading and saving weights, off the screen."""
    from transformers.utils import logging

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
