"""Logging to Weights & Biases, which never asks, blocks or fails a run.

`cenet_lib.training` tells a `WandbTracker` about each epoch, and `cenet_lib.runs.outcome` about the
end, if the setting ``wandb`` is not ``"off"``.
"""

import math
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import first_line
from ..terminal import warn

PROJECT = "cenet"


class WandbTracker:
    """It logs each epoch, and at the end the predictions and the figures.

    Whatever goes wrong in W&B is a warning, told once; then the run goes on without it. Metrics
    that are not defined are left out.

    Parameters
    ----------
    folder : Path
        Folder of the run; W&B's own files go below it.
    config : dict
        What ``config.json`` holds.
    mode : str
        ``"online"`` or ``"offline"``. Without a login, online becomes offline, with a word on how
        to upload later.

    Examples
    --------
    >>> tracker = WandbTracker(Path("runs/mine"), {"seed": 0}, "offline")
    >>> tracker.log({"epoch": 1, "train_mae": 0.9}, step=40)
    >>> tracker.finish(pd.DataFrame({"prediction": [0.5]}), {"test": {"mae": 0.7}}, figures=[])
    W&B: upload with: wandb sync ...
    """

    def __init__(self, folder: Path, config: dict[str, Any], mode: str):
        self.mode = mode
        self.run: Any = None
        try:
            import wandb  # heavy: it takes a second, and most runs do not log

            self._wandb = wandb
            self._begin(folder, config)
        except Exception as error:  # of the network, of the login, of W&B's own process
            self._give_up(error)

    def _begin(self, folder: Path, config: dict[str, Any]) -> None:
        """Begin a W&B run, or go on with that of a training that was stopped."""
        id_file = folder / ".wandb_id"
        if not id_file.is_file():  # else training goes on, and so does its W&B run
            id_file.write_text(uuid.uuid4().hex[:8], encoding="ascii")
        if self.mode == "online" and not self._wandb.login(prompt=False):
            print("W&B: no login found, so logging offline; later: wandb login")
            self.mode = "offline"
        options: dict[str, Any] = {
            "project": PROJECT,
            "name": folder.name,
            "id": id_file.read_text(encoding="ascii").strip(),
            "config": config,
            "dir": str(folder),
            "settings": self._wandb.Settings(silent=True, init_timeout=30),
            "mode": self.mode,
            "resume": "allow" if self.mode == "online" else None,
        }
        try:
            self.run = self._wandb.init(**options)
        except Exception as error:
            if self.mode == "offline":
                raise
            print(f"W&B: {error}; logging offline")
            self.mode = "offline"
            self.run = self._wandb.init(**{**options, "mode": self.mode, "resume": None})

    def _give_up(self, error: Exception) -> None:
        """Say once what went wrong, and log no more."""
        warn(f"W&B failed ({first_line(error)}); the run goes on without it")
        run, self.run = self.run, None
        if run is not None:
            with suppress(Exception):
                run.finish(exit_code=1)

    def log(self, row: Mapping[str, float], step: int) -> None:
        """Log what was measured after an epoch, grouped into train, valid, test and lr.

        Parameters
        ----------
        row : mapping of str to float
            The history's row of the epoch.
        step : int
            How many optimizer steps were taken so far.
        """
        if self.run is None:
            return
        named = {"epoch": row["epoch"]}
        for name, value in row.items():
            group, _, rest = name.partition("_")
            if rest and not math.isnan(value):
                named[f"{group}/{rest}"] = value
        try:
            self.run.log(named, step=step)
        except Exception as error:
            self._give_up(error)

    def finish(
        self, predictions: pd.DataFrame, metrics: Mapping[str, Any], figures: Sequence[Path]
    ) -> None:
        """Log the results and close the W&B run.

        Parameters
        ----------
        predictions : DataFrame
            What ``predictions.csv`` holds.
        metrics : mapping
            What ``metrics.json`` holds.
        figures : sequence of Path
            The PNG files to show.
        """
        if self.run is None:
            return
        try:
            directory = self._close(predictions, metrics, figures)
        except Exception as error:
            self._give_up(error)
            return
        if self.mode == "offline":
            print(f"W&B: upload with: wandb sync {directory}")

    def _close(
        self, predictions: pd.DataFrame, metrics: Mapping[str, Any], figures: Sequence[Path]
    ) -> Path:
        """Log the results, close the W&B run, and return where its files lie."""
        self.run.log({"predictions": self._wandb.Table(dataframe=predictions)})
        self.run.log({figure.stem: self._wandb.Image(str(figure)) for figure in figures})
        for split, values in metrics.items():
            if isinstance(values, Mapping):
                known = {f"{split}/{n}": v for n, v in values.items() if not math.isnan(v)}
                self.run.summary.update(known)
        directory = Path(self.run.dir).parent
        self.run.finish()
        return directory
