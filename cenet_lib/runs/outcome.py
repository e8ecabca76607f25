"""What a run leaves when it is finished: model, history, predictions, figures, metrics.

`cenet_lib.training` calls `describe_run` at the beginning and `write_outcome` at the end of a run;
`cenet_lib.runs.folder.Run` opens what they wrote.
"""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
import transformers
from matplotlib.figure import Figure

from ..corpus import Corpus
from ..files import atomic_file, write_csv, write_json
from ..metrics import TITLES
from ..model import CENet
from ..prediction import evaluate, predict
from ..processor import CENetProcessor
from ..progress import quiet_transformers
from ..results import plots
from ..settings import TrainingSettings
from ..utterance import SPLITS, STREAMS
from .checkpoints import TrainingState

if TYPE_CHECKING:
    from .tracking import WandbTracker


def describe_run(corpus: Corpus, settings: TrainingSettings, source: str) -> dict[str, Any]:
    """Return what ``config.json`` holds: settings, corpus and versions.

    Parameters
    ----------
    corpus : Corpus
        The corpus as it was loaded.
    settings : TrainingSettings
        What decides the run.
    source : str
        What `load_corpus` took.

    Examples
    --------
    >>> described = describe_run(Corpus("tiny"), TrainingSettings(), source="data/tiny")
    >>> described["settings"]["fusion"], described["corpus"]["source"]
    ('ce', 'data/tiny')
    """
    return {
        "settings": asdict(settings),
        "corpus": {
            "name": corpus.name,
            "source": source,
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
    with quiet_transformers():
        model.save_pretrained(folder / "model")
        processor.save_pretrained(folder / "model")
    history = history_table(state)
    write_csv(folder / "history.csv", history)
    tables = [
        predict(model, processor, utterances, progress=split).assign(split=split)
        for split, utterances in corpus.splits.items()
        if len(utterances)
    ]
    columns = ["id", "split", "words", "label", "prediction"]
    predictions = pd.concat(tables, ignore_index=True)[columns]
    write_csv(folder / "predictions.csv", predictions)
    figures = _draw(history, predictions, folder)
    metrics = {
        **evaluate(predictions, corpus.label_range),
        "best_epoch": state.best_epoch(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(seconds, 1),
    }
    if tracker is not None:
        tracker.finish(predictions, metrics, figures)
    # Last, because it is what makes the run count as finished.
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
    """Draw the figures of a run, on test if there is one; return where they were written."""
    test = predictions[predictions["split"] == "test"]
    shown = test if len(test) else predictions[predictions["split"] == "valid"]
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
