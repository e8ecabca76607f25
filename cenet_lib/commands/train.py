"""``train``: train a model and write a run folder; with several seeds, one run each."""

import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..corpora import load_corpus
from ..errors import CENetError
from ..files import refuse_existing
from ..metrics import TITLES, format_metrics
from ..runs.folder import Run
from ..settings import TrainingSettings, load_recipe
from ..training import resume, train


def run(options: Namespace) -> None:
    """Train, or go on with a run that was stopped; print what came out.

    Examples
    --------
    >>> from cenet_lib.__main__ import main
    >>> options = ["--corpus", "data/mine", "--backbone", "models/mine", "--epochs", "1"]
    >>> sizes = ["--n-visual-codes", "3", "--n-acoustic-codes", "3"]
    >>> main(["train", *options, *sizes, "--out", "runs/new"])
    Corpus(...)
    ...
    written to runs/new
    0
    """
    given = {setting.name: getattr(options, setting.name) for setting in fields(TrainingSettings)}
    given = {name: value for name, value in given.items() if value is not None}
    if options.resume is not None:
        if given or options.recipe or options.out:
            raise CENetError("--resume goes on with the run's own settings; give no others")
        _report(resume(options.resume))
        return
    recipe = load_recipe(options.recipe) if options.recipe else {}
    seeds = given.pop("seed", [recipe.get("seed", 0)])
    settings = [TrainingSettings(**{**recipe, **given, "seed": seed}) for seed in seeds]
    folder = options.out or Path("runs") / f"{Path(options.corpus).stem}-{settings[0].fusion}"
    refuse_existing(folder)
    corpus = load_corpus(options.corpus)
    print(corpus)
    runs = []
    for one in settings:
        target = folder if len(settings) == 1 else folder / f"seed{one.seed}"
        print(f"\n{target}: fusion {one.fusion}, seed {one.seed}")
        runs.append(train(corpus, target, one, source=str(options.corpus)))
        _report(runs[-1])
    if len(runs) > 1:
        print(f"\n{_spread(runs)}")


def _report(run: Run) -> None:
    """Print the end of a run: predictions, metrics, where it lies."""
    _print_predictions(run)
    print(f"\nchosen on valid: epoch {run.metrics['best_epoch']}")
    for split in ("valid", "test"):
        if split in run.metrics:
            print(f"{split:<6} {format_metrics(run.metrics[split])}")
    print(f"written to {os.path.relpath(run.folder)}")


def _print_predictions(run: Run, n: int = 10) -> None:
    """Print the first predictions on test (or valid), as a table."""
    table = run.predictions
    split = "test" if (table["split"] == "test").any() else "valid"
    rows = table[table["split"] == split].head(n).drop(columns="split")
    rows["words"] = [text if len(text) <= 50 else text[:49] + "…" for text in rows["words"]]
    print(f"\nthe first {len(rows)} of {(table['split'] == split).sum()} predictions on {split}:")
    print(rows.to_string(index=False, float_format=lambda x: f"{x:+.2f}", justify="left"))


def _spread(runs: Sequence[Run]) -> str:
    """Return mean ± standard deviation over seeds, per metric, on test (or valid)."""
    split = "test" if "test" in runs[0].metrics else "valid"
    lines = [f"{split}, mean ± standard deviation over {len(runs)} seeds:"]
    for name, title in TITLES.items():
        values = [run.metrics[split].get(name) for run in runs]
        if None not in values:
            lines.append(f"  {title:<13} {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}")
    return "\n".join(lines)
