"""Stopping on request: Ctrl-C and a friendly kill end a training between two steps."""

import signal
import threading
from types import FrameType

import torch
from accelerate import Accelerator


class StopSignals:
    """Listens for SIGINT (Ctrl-C) and SIGTERM while its block runs.

    The signal only raises a flag, so the step under way is finished and saved; a second signal ends
    the process at once. Only a main thread can listen.

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
        self._before: dict[int, object] = {}

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
            signal.signal(*self._before.popitem())  # type: ignore[arg-type]  # as it was given

    def agreed(self, accelerator: Accelerator) -> bool:
        """Tell whether any process was asked to stop: all must stop at the same step."""
        if accelerator.num_processes == 1:
            return self.requested
        flag = torch.tensor(float(self.requested), device=accelerator.device)
        return bool(accelerator.reduce(flag, "sum").item())
