"""``train``: train a model and write a run folder; with several seeds, one run each."""

import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..corpora.card import unlabelled
from ..errors import CENetError
from ..files import refuse_existing
from ..language.place import check_backbone
from ..metrics import TITLES, format_metrics
from ..runs.folder import Run
from ..settings import TrainingSettings, load_recipe
from .choices import given_settings
from .opening import open_corpus


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
    given = given_settings(options)
    if options.resume is not None:
        read_otherwise = options.label_range is not None or options.skip_bad or options.video_from
        if given or options.recipe or options.out or read_otherwise:
            raise CENetError("--resume goes on with the run's own settings; give no others")
        from ..training import resume  # heavy: torch and transformers

        _report(resume(options.resume, options.corpus))
        return
    recipe = load_recipe(options.recipe) if options.recipe else {}
    seeds = given.pop("seed", [recipe.get("seed", 0)])
    settings = [TrainingSettings(**{**recipe, **given, "seed": seed}) for seed in seeds]
    source = "demo" if options.corpus is None else options.corpus
    folder = options.out or Path("runs") / f"{_name_of(source)}-{settings[0].fusion}"
    refuse_existing(folder)
    check_backbone(settings[0].backbone)
    corpus = open_corpus(source, options)
    print(corpus)
    if without := unlabelled(corpus):
        print(f"{without}; training leaves them out")
    from ..runs.precision import settle_precision  # heavy: torch; wrong names are told before
    from ..training import train  # heavy: transformers too

    if settings[0].precision == "auto":  # once, so that all seeds compute alike
        precision = settle_precision(settings[0]).precision
        settings = [replace(one, precision=precision) for one in settings]
        print(f"precision: {precision}, as a trial on this computer decided")
    runs = []
    for one in settings:
        target = folder if len(settings) == 1 else folder / f"seed{one.seed}"
        print(f"\n{target}: fusion {one.fusion}, seed {one.seed}")
        runs.append(train(corpus, target, one, source=source))
        _report(runs[-1])
    if len(runs) > 1:
        print(f"\n{_spread(runs)}")


def _name_of(source: str) -> str:
    """Return what to call runs on a corpus: the name of its file or folder, even of ``.``."""
    return Path(source).stem or Path(source).resolve().stem or "corpus"


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
        values = [run.metrics[split].get(name) for run in runs if name in run.metrics[split]]
        known = [value for value in values if value is not None]
        if values:
            lines.append(f"  {title:<13} {_mean(known)}")
            if 0 < len(known) < len(values):
                lines[-1] += f"   (of {len(known)} of them; else not defined)"
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "not defined"
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"
