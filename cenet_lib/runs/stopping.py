"""Stopping on request: Ctrl-C and a friendly kill end a training between two steps.

`cenet_lib.training` runs its loop in the block of a `StopSignals` and asks it after each step.
"""

import signal
import threading
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator


class StopSignals:
    """It listens for SIGINT (Ctrl-C) and SIGTERM while its block runs.

    The signal only raises a flag, so the step under way is finished and saved; a second signal ends
    the process at once. Only a main thread can listen.

    Attributes
    ----------
    requested : bool
        Whether a signal has come.

    Examples
    --------
    >>> import os
    >>> with StopSignals() as stop:
    ...     os.kill(os.getpid(), signal.SIGTERM)
    ...     stop.requested
    True
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}  # what was to happen on each signal

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def agreed(self, accelerator: Accelerator) -> bool:
        """Tell whether any process was asked to stop: all must stop at the same step."""
        if accelerator.num_processes == 1:
            return self.requested
        flag = torch.tensor(float(self.requested), device=accelerator.device)
        return bool(accelerator.reduce(flag, "sum").item())
