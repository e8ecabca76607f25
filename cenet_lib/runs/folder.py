"""A run on disk: what is in its folder, and who may write to it.

config.json        settings, corpus and its fingerprint, versions
model/             model and processor, as `CENet.from_pretrained` reads them
history.csv        one row per epoch
metrics.json       of the chosen checkpoint, on valid and test; written last
predictions.csv    every utterance: id, split, words, label, prediction
learning_curves.png, predictions.png
checkpoints/       while it trains

`cenet_lib.training` makes the folder and locks it, `cenet_lib.runs.outcome` writes most of it, and
whoever looks at a finished run opens it with `Run`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from ..errors import CENetError
from ..files import read_csv, read_json
from ..model import CENet
from ..processor import CENetProcessor
from ..progress import quiet_transformers

_MEND = "train the run anew"


@dataclass(frozen=True)
class Run:
    """A finished run, opened from its folder. Model and processor load when first used.

    Parameters
    ----------
    folder : str or Path
        The folder that `train` wrote.

    Raises
    ------
    CENetError
        If the folder holds no finished run.

    Examples
    --------
    >>> run = Run("runs/mine")
    >>> sorted(run.metrics)
    ['best_epoch', 'parameters', 'seconds', 'test', 'train', 'valid']
    >>> run.predictions.columns.tolist()
    ['id', 'split', 'words', 'label', 'prediction']
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if is_finished(self.folder):
            return
        if (self.folder / "config.json").is_file():
            mend = f"go on with: python -m cenet_lib train --resume {self.folder}"
        else:
            mend = f"train one with: python -m cenet_lib train --out {self.folder}"
        raise CENetError(f"{self.folder}: is not a finished run (metrics.json is missing); {mend}")

    @cached_property
    def config(self) -> dict[str, Any]:
        """Settings, corpus and versions."""
        return read_json(self.folder / "config.json", _MEND)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Metrics by split, as saved at the end of training."""
        return read_json(self.folder / "metrics.json", _MEND)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch."""
        return read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Every utterance of the corpus with its label and prediction."""
        return read_csv(
            self.folder / "predictions.csv",
            dtype={"id": str, "split": str, "words": str},
        )

    @cached_property
    def processor(self) -> CENetProcessor:
        """The processor that the model was trained with."""
        return CENetProcessor.from_pretrained(self.folder / "model")

    @cached_property
    def model(self) -> CENet:
        """The chosen checkpoint, in evaluation mode."""
        with quiet_transformers():
            model = CENet.from_pretrained(self.folder / "model", local_files_only=True)
        return model.eval()


def is_finished(folder: Path) -> bool:
    """Tell whether a run wrote its last file.

    Examples
    --------
    >>> is_finished(Path("runs/mine")), is_finished(Path("runs/absent"))
    (True, False)
    """
    return (folder / "metrics.json").is_file()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder against a second process; a lock of a dead process does not count.

    Raises
    ------
    CENetError
        If another process holds it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder)):
    ...     print("no other process trains this run now")
    no other process trains this run now
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise CENetError(
            f"{folder}: another process is training this run; wait for it, or choose another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()
        (folder / ".lock").unlink(missing_ok=True)
