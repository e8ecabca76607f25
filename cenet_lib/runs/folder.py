"""A run on disk: what is in its folder, and who may write to it.

config.json        settings, corpus and its fingerprint, versions
model/             model and processor, as `CENet.from_pretrained` reads them
history.csv        one row per epoch
predictions.csv    every utterance: id, split, words, label, prediction
learning_curves.png, predictions.png
manifest.json      the hash of each file that is read again, see `cenet_lib.runs.manifest`
metrics.json       of the chosen checkpoint, on valid and test; written last
checkpoints/       while it trains

`cenet_lib.training` makes the folder and locks it, `cenet_lib.runs.outcome` writes most of it, and
whoever looks at a finished run opens it with `Run`.
"""

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from filelock import FileLock, Timeout

from ..corpora import SIMULATIONS, load_corpus
from ..corpus import Corpus
from ..errors import CENetError, first_line
from ..files import read_csv, read_json
from ..progress import quiet_transformers
from ..terminal import as_argument
from ..utterance import SPLITS
from .manifest import MANIFEST, fault

if TYPE_CHECKING:  # heavy: whoever looks at tables only need not wait for them
    import pandas as pd

    from ..model import CENet
    from ..processor import CENetProcessor

# Of the folder's layout. The first had no number and no manifest.
VERSION = 2
_MEND = "copy it anew from where it was whole, or train the run anew"
# Endings of files beside a model that nothing reads: a hub's README.md, Windows' Thumbs.db.
_NEVER_READ = {".md", ".ini", ".db", ".png", ".jpg", ".svg", ".html", ".log"}
_TABLES = ("config.json", "metrics.json", "history.csv", "predictions.csv")


@dataclass(frozen=True)
class Run:
    """A finished run, opened from its folder. Model and processor load when first used.

    Every file is compared with its hash once, when the run is opened.

    Parameters
    ----------
    folder : str or Path
        The folder that `train` wrote.

    Raises
    ------
    CENetError
        If the folder holds no finished run, or a file of it is missing, was changed, or belongs to
        another run.

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
            _check_files(self.folder)
            return
        if (self.folder / "config.json").is_file():
            mend = f"go on with: python -m cenet_lib train --resume {as_argument(self.folder)}"
        else:
            mend = f"train one with: python -m cenet_lib train --out {as_argument(self.folder)}"
        raise CENetError(f"{self.folder}: is not a finished run (metrics.json is missing); {mend}")

    @cached_property
    def config(self) -> dict[str, Any]:
        """Settings, corpus and versions."""
        return read_config(self.folder, _MEND)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Metrics by split, as saved at the end of training; ``None`` is "not defined"."""
        path = self.folder / "metrics.json"
        metrics = read_json(path, _MEND)
        for name in ("best_epoch", *SPLITS):
            known, kind = metrics.get(name, {}), int if name == "best_epoch" else dict
            if not isinstance(known, kind):
                raise CENetError(f"{path}: is damaged ({name} is no {kind.__name__}); {_MEND}")
        return metrics

    @cached_property
    def history(self) -> "pd.DataFrame":
        """One row per epoch; NaN is "not defined".

        The columns of train tell what the model said to each batch while it learned: before that
        batch's step, and with dropout.
        """
        path = self.folder / "history.csv"
        return _checked(path, read_csv(path), numbers=["epoch"])

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """Every utterance of the corpus with its label and prediction."""
        path = self.folder / "predictions.csv"
        texts = ["id", "split", "words"]
        table = read_csv(path, dtype=dict.fromkeys(texts, str))
        _checked(path, table, texts, numbers=["label", "prediction"])
        wrong = ~np.isfinite(table["prediction"])
        if wrong.any():
            first = table[wrong].iloc[0]
            raise CENetError(
                f"{path}: segment {first['id']}: its prediction is {first['prediction']}, which is "
                f"no finite number; {_MEND}"
            )
        return table

    @cached_property
    def processor(self) -> "CENetProcessor":
        """The processor that the model was trained with."""
        from ..processor import CENetProcessor  # heavy: torch and transformers

        with _one_error(self.folder / "model"):
            return CENetProcessor.from_pretrained(self.folder / "model")

    @cached_property
    def model(self) -> "CENet":
        """The chosen checkpoint, in evaluation mode."""
        from ..model import CENet  # heavy: torch and transformers

        where = self.folder / "model"
        with _one_error(where), quiet_transformers():
            return CENet.from_pretrained(where, local_files_only=True).eval()

    def corpus(self) -> Corpus:
        """Open the corpus that the run was trained on, see `corpus_of`."""
        return corpus_of(self.folder, self.config)


def _check_files(folder: Path) -> None:
    """Raise a `CENetError` if a finished run is not as it was left."""
    if not (folder / MANIFEST).exists():
        if read_config(folder, _MEND).get("version", 1) > 1:
            raise CENetError(f"{folder}: is damaged ({MANIFEST} is missing); {_MEND}")
        return  # an older version of the package wrote none
    there = files_of(folder)
    wrong = fault(folder, there)
    if wrong is None:
        strange = {
            name
            for name in there - set(read_json(folder / MANIFEST, _MEND))
            if Path(name).suffix.lower() not in _NEVER_READ
        }
        if strange:
            wrong = f"{min(strange)} does not belong to it"
    if wrong is not None:
        raise CENetError(f"{folder}: is damaged ({wrong}); {_MEND}")


def files_of(folder: Path) -> set[str]:
    """Return the files of a finished run that are read again, as seen from its folder.

    What is hidden is not ours: systems leave such files everywhere.

    Examples
    --------
    >>> names = files_of(Path("runs/mine"))
    >>> "predictions.csv" in names, "model/model.safetensors" in names, "predictions.png" in names
    (True, True, False)
    """
    paths = [folder / name for name in _TABLES] + list((folder / "model").rglob("*"))
    names = [path.relative_to(folder) for path in paths if path.is_file()]
    return {n.as_posix() for n in names if not any(part.startswith(".") for part in n.parts)}


def read_config(folder: Path, mend: str) -> dict[str, Any]:
    """Return what a run's ``config.json`` holds, checked.

    Parameters
    ----------
    folder : Path
        Folder of a run, finished or not.
    mend : str
        What the user can do; it ends the error message.

    Raises
    ------
    CENetError
        If it is missing, damaged, of a later version, or describes no run.

    Examples
    --------
    >>> read_config(Path("runs/mine"), "train anew")["settings"]["fusion"]
    'ce'
    >>> read_config(Path("models/mine"), "train anew")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: models/mine/config.json: describes no run (settings is missing \
or damaged); train anew
    """
    path = folder / "config.json"
    config = read_json(path, mend)
    corpus = config.get("corpus")
    known = corpus if isinstance(corpus, dict) else {}
    wrong = [] if isinstance(config.get("settings"), dict) else ["settings"]
    wrong += [f"corpus.{n}" for n in ("source", "fingerprint") if not _is_text(known.get(n))]
    wrong += [] if _is_range(known.get("label_range")) else ["corpus.label_range"]
    if wrong:
        raise CENetError(f"{path}: describes no run ({wrong[0]} is missing or damaged); {mend}")
    version = config.get("version", 1)
    if not isinstance(version, int) or version > VERSION:
        raise CENetError(f"{path}: has version {version}, this package reads {VERSION}; {mend}")
    return config


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and "\0" not in value


def _is_range(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return all(isinstance(x, int | float) and math.isfinite(x) for x in value) and (
        value[0] <= value[1]
    )


def remember_source(source: str, folder: Path) -> dict[str, str]:
    """Return how ``config.json`` keeps where the corpus lies: by itself, and seen from the run.

    Parameters
    ----------
    source : str
        What `load_corpus` took.
    folder : Path
        Folder of the run.

    Examples
    --------
    >>> kept = remember_source("data/mine", Path("runs/new"))
    >>> Path(kept["source"]).is_absolute(), kept["source_from_run"]
    (True, '../../data/mine')
    >>> remember_source("demo", Path("runs/new"))  # no file
    {'source': 'demo'}
    """
    if source in SIMULATIONS or not os.path.exists(source):
        return {"source": source}
    kept = {"source": os.path.abspath(source)}
    with suppress(ValueError):  # on another drive of Windows
        kept["source_from_run"] = Path(os.path.relpath(source, folder)).as_posix()
    return kept


def corpus_of(folder: Path, config: dict[str, Any], now: str | Path | None = None) -> Corpus:
    """Open the corpus that a run was trained on: where it was, or where it lies beside the run.

    So a run can be used from any folder, and after both were moved together.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    config : dict
        What `read_config` gave.
    now : str or Path, optional
        Where it is, if it is elsewhere.

    Raises
    ------
    CENetError
        If it is at neither place, or cannot be opened.

    Examples
    --------
    >>> run = Run("runs/mine")
    >>> corpus_of(run.folder, run.config).name
    'small'
    """
    source = _source(folder, config["corpus"]) if now is None else str(now)
    label_range = config["corpus"]["label_range"]
    skip_bad = bool(config["corpus"].get("segments_skipped"))
    video_from = config["corpus"].get("video_from")
    video_from = None if video_from is None else str(video_from)
    try:
        return load_corpus(source, label_range, skip_bad=skip_bad, video_from=video_from)
    except CENetError as error:
        raise CENetError(
            f"{folder}: the corpus it was trained on, {source!r}, cannot be opened ({error}); "
            "say where it is with --corpus"
        ) from error


def _source(folder: Path, corpus: Mapping[str, Any]) -> str:
    """Return where the corpus is that ``config.json`` describes so."""
    source, seen_from = corpus["source"], corpus.get("source_from_run")
    if _is_text(seen_from) and source not in SIMULATIONS and not os.path.exists(source):
        beside = os.path.join(folder, seen_from)
        return beside if os.path.exists(beside) else str(source)
    return str(source)


def _checked(
    path: Path, table: "pd.DataFrame", texts: list[str] | None = None, *, numbers: list[str]
) -> "pd.DataFrame":
    """Return a table that has these columns, or say what it lacks."""
    missing = [name for name in [*(texts or []), *numbers] if name not in table]
    if missing:
        raise CENetError(f"{path}: is damaged (it has no column {missing[0]}); {_MEND}")
    for name in numbers:
        if table[name].dtype.kind not in "iuf":
            raise CENetError(f"{path}: is damaged ({name} holds more than numbers); {_MEND}")
    return table


@contextmanager
def _one_error(where: Path) -> Iterator[None]:
    """Say in one way what can be wrong with a model or processor in many."""
    try:
        yield
    except CENetError:
        raise
    except Exception as error:  # damaged configurations, tokenizers and weights fail in any way
        reason = first_line(error)[:200]
        raise CENetError(f"{where}: cannot be opened ({reason}); {_MEND}") from error


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
        If another process holds it, or nothing can be written there.

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
    except (OSError, NotImplementedError) as error:  # the latter from disks without locks
        raise CENetError(
            f"{folder}: cannot be written to ({error}); choose a folder that you may write to"
        ) from error
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):
            (folder / ".lock").unlink(missing_ok=True)
