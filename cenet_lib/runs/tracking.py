"""Logging to Weights & Biases, which never asks, blocks or fails a run.

`cenet_lib.training` tells a `WandbTracker` about each epoch, and `cenet_lib.runs.outcome` about the
end, if the setting ``wandb`` is not ``"off"``.
"""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import wandb

PROJECT = "cenet"


class WandbTracker:
    """It logs each epoch, and at the end the predictions and the figures.

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
        id_file = folder / ".wandb_id"
        if not id_file.is_file():  # else training goes on, and so does its W&B run
            id_file.write_text(uuid.uuid4().hex[:8])
        if self.mode == "online" and not wandb.login(prompt=False):
            print("W&B: no login found, so logging offline; later: wandb login")
            self.mode = "offline"
        options: dict[str, Any] = {
            "project": PROJECT,
            "name": folder.name,
            "id": id_file.read_text().strip(),
            "config": config,
            "dir": str(folder),
            "settings": wandb.Settings(silent=True, init_timeout=30),
            "mode": self.mode,
            "resume": "allow" if self.mode == "online" else None,
        }
        try:
            self.run = wandb.init(**options)
        except (wandb.errors.Error, OSError) as error:
            print(f"W&B: {error}; logging offline")
            self.mode = "offline"
            self.run = wandb.init(**{**options, "mode": self.mode, "resume": None})

    def log(self, row: Mapping[str, float], step: int) -> None:
        """Log what was measured after an epoch, grouped into train, valid, test and lr.

        Parameters
        ----------
        row : mapping of str to float
            The history's row of the epoch.
        step : int
            How many optimizer steps were taken so far.
        """
        named = {"epoch": row["epoch"]}
        for name, value in row.items():
            group, _, rest = name.partition("_")
            if rest:
                named[f"{group}/{rest}"] = value
        self.run.log(named, step=step)

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
        self.run.log({"predictions": wandb.Table(dataframe=predictions)})
        self.run.log({figure.stem: wandb.Image(str(figure)) for figure in figures})
        for split, values in metrics.items():
            if isinstance(values, Mapping):
                self.run.summary.update({f"{split}/{name}": v for name, v in values.items()})
        directory = Path(self.run.dir).parent
        self.run.finish()
        if self.mode == "offline":
            print(f"W&B: upload with: wandb sync {directory}")
