"""What a run leaves when it is finished: model, history, predictions, figures, metrics.

`cenet_lib.training` calls `describe_run` at the beginning and `write_outcome` at the end of a run;
`cenet_lib.runs.folder.Run` opens what they wrote.
"""

import hashlib
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
import transformers
from matplotlib.figure import Figure
from safetensors import SafetensorError

from ..corpus import Corpus
from ..errors import CENetError
from ..files import atomic_file, atomic_folder, json_bytes, write_csv, write_json
from ..metrics import TITLES
from ..model import CENet
from ..prediction import evaluate, predict
from ..processor import CENetProcessor
from ..progress import quiet_transformers
from ..results import plots
from ..settings import TrainingSettings
from ..terminal import as_argument
from ..utterance import SPLITS, STREAMS
from .checkpoints import TrainingState
from .folder import VERSION, files_of, remember_source
from .manifest import write_manifest

if TYPE_CHECKING:
    from .tracking import WandbTracker


def describe_run(
    corpus: Corpus, settings: TrainingSettings, source: str | None, folder: Path
) -> dict[str, Any]:
    """Return what ``config.json`` holds: settings, corpus and versions.

    Parameters
    ----------
    corpus : Corpus
        The corpus as it was loaded.
    settings : TrainingSettings
        What decides the run.
    source : str or None
        What `load_corpus` took, if it was asked.
    folder : Path
        Folder of the run.

    Examples
    --------
    >>> described = describe_run(Corpus("tiny"), TrainingSettings(), None, Path("runs/new"))
    >>> described["settings"]["fusion"], described["corpus"]["source"]
    ('ce', 'tiny')
    """
    known: dict[str, Any] = {"source": corpus.name}
    if source is not None:
        known = {**remember_source(source, folder)}
    if "segments_skipped" in corpus.provenance:  # so that they are skipped again
        known = {**known, "segments_skipped": corpus.provenance["segments_skipped"]["number"]}
    if "video_from" in corpus.provenance:  # it may decide the splits
        known = {**known, "video_from": corpus.provenance["video_from"]}
    return {
        "version": VERSION,
        "settings": asdict(settings),
        "corpus": {
            "name": corpus.name,
            **known,
            "fingerprint": corpus.fingerprint(),
            "sizes": {split: len(corpus.splits[split]) for split in SPLITS},
            "label_range": corpus.label_range,
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }


def write_outcome(
    folder: Path,
    model: CENet,
    processor: CENetProcessor,
    corpus: Corpus,
    state: TrainingState,
    seconds: float,
    tracker: "WandbTracker | None" = None,
    known: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write the results of the chosen weights; look at the test split for the first time.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    model : CENet
        The model, with the weights of the chosen epoch.
    processor : CENetProcessor
        The processor that it was trained with.
    corpus : Corpus
        The corpus as the model saw it in training.
    state : TrainingState
        Where training stands: at its end.
    seconds : float
        How long the training took.
    tracker : WandbTracker, optional
        What is told about the results as well.
    known : mapping of id to features, optional
        What the processor made of utterances for training.

    Raises
    ------
    CENetError
        If the model predicts something that is no number, or the disk refuses. Then the run is not
        finished, and can go on from its last checkpoint.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> before = Run("runs/mine")
    >>> row = {"epoch": 1, "train_mae": 1.1, "valid_mae": 1.2}
    >>> state = TrainingState(steps_per_epoch=4, epoch=1, step=4, history=[row])
    >>> folder = Path("runs/copy")
    >>> folder.mkdir()
    >>> corpus = load_corpus("data/mine")
    >>> write_outcome(folder, before.model, before.processor, corpus, state, seconds=9.5)
    >>> Run(folder).metrics["seconds"]
    9.5
    """
    columns = ["id", "split", "words", "label", "prediction"]
    tables = [
        predict(model, processor, utterances, known=known, progress=split).assign(split=split)
        for split, utterances in corpus.splits.items()
        if len(utterances)
    ]
    predictions = pd.concat(tables, ignore_index=True)[columns]
    history = history_table(state)
    metrics = {
        **evaluate(predictions, corpus.label_range),
        "best_epoch": state.best_epoch(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(seconds, 1),
    }
    with _one_error(folder):
        _save_model(folder / "model", model, processor)
        write_csv(folder / "history.csv", history)
        write_csv(folder / "predictions.csv", predictions)
        figures = _draw(history, predictions, folder)
        if tracker is not None:
            tracker.finish(predictions, metrics, figures)
        _finish(folder, metrics)


@contextmanager
def _one_error(folder: Path) -> Iterator[None]:
    """Say in one way what writers say in many."""
    try:
        yield
    except (OSError, SafetensorError, CENetError) as error:
        raise CENetError(
            f"{folder}: the results could not be saved ({error}); make room on the disk, then go "
            f"on with: python -m cenet_lib train --resume {as_argument(folder)}"
        ) from error


def _save_model(folder: Path, model: CENet, processor: CENetProcessor) -> None:
    """Write model and processor, in place of what a run that was killed here may have left."""
    shutil.rmtree(folder, ignore_errors=True)
    with atomic_folder(folder) as temporary, quiet_transformers():
        model.save_pretrained(temporary)
        processor.save_pretrained(temporary)


def _finish(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write the metrics last, because they make the run count as finished."""
    known = {"metrics.json": hashlib.sha256(json_bytes(metrics)).hexdigest()}
    write_manifest(folder, files_of(folder) - set(known), known)
    write_json(folder / "metrics.json", metrics)


def history_table(state: TrainingState) -> pd.DataFrame:
    """Return one row per epoch: metrics by split, entropy of attention, learning rates, chosen.

    Examples
    --------
    >>> rows = [{"epoch": 1, "valid_mae": 1.2}, {"epoch": 2, "valid_mae": 0.9}]
    >>> table = history_table(TrainingState(steps_per_epoch=4, epoch=2, history=rows))
    >>> table["chosen"].tolist()
    [False, True]
    """
    table = pd.DataFrame(state.history)
    metrics = ["mse", *TITLES, *(f"{stream}_entropy" for stream in STREAMS)]
    columns = ["epoch", *(f"{split}_{m}" for split in SPLITS for m in metrics)]
    columns += [f"lr_{part}" for part in ("backbone", "fusion", "head")]
    table = table[[column for column in columns if column in table]]
    return table.assign(chosen=table["epoch"] == state.best_epoch())


def _draw(history: pd.DataFrame, predictions: pd.DataFrame, folder: Path) -> Sequence[Path]:
    """Draw the figures of a run, on test if it has labels; return where they were written."""
    known = predictions.dropna(subset=["label"])
    test = known[known["split"] == "test"]
    shown = test if len(test) else known[known["split"] == "valid"]
    written = []
    for name, draw, table, size in (
        ("learning_curves", plots.learning_curves, history, (5.5, 3.6)),
        ("predictions", plots.predicted_against_true, shown, (4.8, 4.8)),
    ):
        with plots.theme():
            figure = Figure(figsize=size, layout="constrained")
            draw(table, ax=figure.subplots())
        written.append(folder / f"{name}.png")
        with atomic_file(written[-1]) as temporary:
            figure.savefig(temporary, format="png", dpi=150)
    return written
