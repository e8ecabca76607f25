"""What a run leaves when it is finished: model, history, predictions, figures, metrics."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

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
from .tracking import WandbTracker


def describe_run(corpus: Corpus, settings: TrainingSettings, source: str) -> dict[str, Any]:
    """Return what ``config.json`` holds: settings, corpus and versions."""
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
    tracker: WandbTracker | None = None,
) -> None:
    """Write the results of the chosen weights; look at the test split for the first time.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    model : CENet
        With the weights of the chosen epoch.
    processor : CENetProcessor
    corpus : Corpus
        As the model saw it in training.
    state : TrainingState
    seconds : float
        How long the training took.
    tracker : WandbTracker, optional
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
    """Return one row per epoch: metrics by split, entropy of attention, learning rates, chosen."""
    table = pd.DataFrame(state.history)
    metrics = ["mse", *TITLES, *(f"{stream}_entropy" for stream in STREAMS)]
    columns = ["epoch", *(f"{split}_{m}" for split in SPLITS for m in metrics)]
    columns += [f"lr_{part}" for part in ("backbone", "fusion", "head")]
    table = table[[column for column in columns if column in table]]
    return table.assign(chosen=table["epoch"] == state.best_epoch())


def _draw(history: pd.DataFrame, predictions: pd.DataFrame, folder: Path) -> Sequence[Path]:
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
