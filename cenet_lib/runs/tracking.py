"""Logging to Weights & Biases, which never asks, blocks or fails a run."""

import uuid
from pathlib import Path

import pandas as pd
import wandb
from transformers import TrainerCallback

PROJECT = "cenet"


class WandbTracker(TrainerCallback):
    """Logs each epoch, and at the end the predictions and the figures.

    Parameters
    ----------
    folder : Path
        Of the run; W&B's own files go below it.
    config : dict
        What ``config.json`` holds.
    mode : str
        ``"online"`` or ``"offline"``. Without a login, online becomes offline, with a word on how
        to upload later.
    """

    def __init__(self, folder: Path, config: dict, mode: str):
        self.folder = folder
        self.config = config
        self.mode = mode
        self.run = None

    def on_train_begin(self, args, state, control, **kwargs):
        """Open the W&B run, or the one of before if training goes on."""
        if not state.is_world_process_zero:
            return
        id_file = self.folder / ".wandb_id"
        if not id_file.is_file():
            id_file.write_text(uuid.uuid4().hex[:8])
        if self.mode == "online" and not wandb.login(prompt=False):
            print("W&B: no login found, so logging offline; later: wandb login")
            self.mode = "offline"
        options = {
            "project": PROJECT,
            "name": self.folder.name,
            "id": id_file.read_text().strip(),
            "resume": "allow" if self.mode == "online" else None,
            "config": self.config,
            "dir": str(self.folder),
        }
        settings = {"silent": True, "init_timeout": 30}
        try:
            self.run = wandb.init(**options, mode=self.mode, settings=wandb.Settings(**settings))
        except (wandb.errors.Error, OSError) as error:
            print(f"W&B: {error}; logging offline")
            self.mode = "offline"
            options["resume"] = None
            self.run = wandb.init(**options, mode="offline", settings=wandb.Settings(**settings))

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Log train metrics, valid metrics, learning rates and attention, by epoch."""
        if self.run is None or not logs:
            return
        row = {"epoch": round(logs["epoch"])} if "epoch" in logs else {}
        for name, value in logs.items():
            for prefix, group in (("train_", "train"), ("eval_", "valid"), ("lr_", "lr")):
                if name.startswith(prefix) and not name.endswith(("_runtime", "_per_second")):
                    row[f"{group}/{name.removeprefix(prefix)}"] = value
        if len(row) > 1:
            self.run.log(row, step=state.global_step)

    def finish(self, predictions: pd.DataFrame, metrics: dict, figures: list[Path]) -> None:
        """Log the results and close the W&B run."""
        if self.run is None:
            return
        self.run.log({"predictions": wandb.Table(dataframe=predictions)})
        self.run.log({figure.stem: wandb.Image(str(figure)) for figure in figures})
        for split, values in metrics.items():
            if isinstance(values, dict):
                self.run.summary.update({f"{split}/{name}": v for name, v in values.items()})
        directory = Path(self.run.dir).parent
        self.run.finish()
        if self.mode == "offline":
            print(f"W&B: upload with: wandb sync {directory}")
