"""A run on disk: what is in its folder, who may write to it, which checkpoints are whole.

config.json        settings, corpus and its fingerprint, versions
model/             model and processor, as `CENet.from_pretrained` reads them
history.csv        one row per epoch
metrics.json       of the chosen checkpoint, on valid and test; written last
predictions.csv    every utterance: id, split, words, label, prediction
learning_curves.png, predictions.png
checkpoints/       while it trains
"""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..errors import CENetError
from ..files import atomic_file, sha256
from ..progress import quiet_transformers

if TYPE_CHECKING:
    from ..model import CENet
    from ..processor import CENetProcessor

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Run:
    """A finished run, opened from its folder. Model and processor load when first used.

    Raises
    ------
    CENetError
        If the folder holds no finished run.
    """

    folder: Path

    def __post_init__(self):
        object.__setattr__(self, "folder", Path(self.folder))
        if is_finished(self.folder):
            return
        if (self.folder / "config.json").is_file():
            mend = f"go on with: python -m cenet_lib train --resume {self.folder}"
        else:
            mend = f"train one with: python -m cenet_lib train --out {self.folder}"
        raise CENetError(f"{self.folder}: is not a finished run (metrics.json is missing); {mend}")

    @cached_property
    def config(self) -> dict:
        """Settings, corpus and versions."""
        return read_json(self.folder / "config.json")

    @cached_property
    def metrics(self) -> dict:
        """Metrics by split, as saved at the end of training."""
        return read_json(self.folder / "metrics.json")

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch."""
        return pd.read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Every utterance of the corpus with its label and prediction."""
        return pd.read_csv(
            self.folder / "predictions.csv",
            dtype={"id": str, "split": str, "words": str},
            keep_default_na=False,  # "NA" and "null" are words
            na_values={"label": [""]},
        )

    @cached_property
    def processor(self) -> "CENetProcessor":
        """The processor that the model was trained with."""
        from ..processor import CENetProcessor

        return CENetProcessor.from_pretrained(self.folder / "model")

    @cached_property
    def model(self) -> "CENet":
        """The chosen checkpoint, in evaluation mode."""
        from ..model import CENet

        with quiet_transformers():
            model = CENet.from_pretrained(self.folder / "model", local_files_only=True)
        return model.eval()


def is_finished(folder: Path) -> bool:
    """Tell whether a run wrote its last file."""
    return (folder / "metrics.json").is_file()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder against a second process; a lock of a dead process does not count.

    Raises
    ------
    CENetError
        If another process holds it.
    """
    from filelock import FileLock, Timeout

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


def seal(checkpoint: Path) -> None:
    """Mark a checkpoint as whole: write down the hash of each of its files, as its last file."""
    hashes = {p.name: sha256(p) for p in sorted(checkpoint.iterdir()) if p.name != _MANIFEST}
    write_json(checkpoint / _MANIFEST, hashes)


def unseal(checkpoint: Path) -> None:
    """Take the mark away, before the files change."""
    (checkpoint / _MANIFEST).unlink(missing_ok=True)


def newest_whole_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint whose files are as `seal` saw them; remove newer ones.

    Each one that is passed over is printed, with the reason.

    Returns
    -------
    Path or None
        ``None`` if training has to begin anew.
    """
    found = (folder / "checkpoints").glob("checkpoint-*")
    for checkpoint in sorted(found, key=lambda p: int(p.name.split("-")[1]), reverse=True):
        fault = _fault(checkpoint)
        if fault is None:
            return checkpoint
        print(f"{checkpoint.name} {fault}; going back to the one before")
        shutil.rmtree(checkpoint)
    return None


def _fault(checkpoint: Path) -> str | None:
    if not (checkpoint / _MANIFEST).is_file():
        return "was not saved to its end"
    try:
        hashes = read_json(checkpoint / _MANIFEST)
        for name, expected in hashes.items():
            if sha256(checkpoint / name) != expected:
                return f"is damaged ({name} has changed)"
    except (OSError, CENetError) as error:
        return f"is damaged ({error})"
    return None


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table, whole or not at all."""
    with atomic_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_json(path: Path, content: dict) -> None:
    """Write plain values, whole or not at all; NaN becomes null, the only word JSON has for it."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(_plain(content), indent=2) + "\n", encoding="utf-8")


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_json(path: Path) -> dict:
    """Read what `write_json` wrote.

    Raises
    ------
    CENetError
        If the file is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CENetError(f"{path}: cannot be read ({error}); train the run anew") from error
