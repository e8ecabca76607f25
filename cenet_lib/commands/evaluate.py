"""``evaluate``: print every metric of a run, with intervals."""

import math
from argparse import Namespace

from ..corpora.card import unlabelled
from ..corpus import Corpus
from ..errors import CENetError
from ..metrics import TITLES
from ..prediction import evaluate, predict
from ..results.bootstrap import interval
from ..runs.folder import Run
from ..terminal import warn
from .opening import open_corpus


def run(options: Namespace) -> None:
    """Take the run's own predictions, or predict another corpus.

    Examples
    --------
    >>> from pathlib import Path
    >>> run(Namespace(run=Path("runs/mine"), corpus=None, split="test"))
    test, ... utterances, with 95 % intervals over utterances
      MAE ...
    """
    run = Run(options.run)
    if options.corpus is None:
        table = run.predictions[run.predictions["split"] == options.split]
        label_range = run.config["corpus"]["label_range"]
    else:
        corpus = open_corpus(options.corpus, options)
        label_range = corpus.label_range
        _warn_of_other_range(run, corpus)
        utterances = corpus.split(options.split)
        if all(outline.label is None for outline in corpus.outlines(options.split)):
            raise CENetError(
                f"{corpus.name}: the {options.split} split has no labels to compare with "
                f"({unlabelled(corpus)}); to predict new segments, use predict"
            )
        table = predict(run.model, run.processor, utterances, progress=options.split)
        table = table.assign(split=options.split)
    metrics = evaluate(table, label_range).get(options.split)
    if metrics is None:
        raise CENetError(
            f"{run.folder}: there are no labelled utterances in the {options.split} split of its "
            "predictions; choose another split, or give a corpus with labels"
        )
    known = table.dropna(subset=["label"])
    intervals = interval(known["label"], known["prediction"], label_range)
    more = len(table) - len(known)
    without = f" ({more} more without a label)" if more else ""
    print(f"{options.split}, {len(known)} utterances{without}, with 95 % intervals over utterances")
    for name, title in TITLES.items():
        if name in metrics:
            low, high = intervals[name]
            told = f"{metrics[name]:.3f}   [{low:.3f}, {high:.3f}]"
            print(f"  {title:<13} {'not defined' if math.isnan(metrics[name]) else told}")


def _warn_of_other_range(run: Run, corpus: Corpus) -> None:
    """Say that a model predicts on another scale than a corpus has, if it does."""
    learned = tuple(run.config["corpus"]["label_range"])
    if learned == corpus.label_range:
        return
    (low, high), (least, most) = learned, corpus.label_range
    warn(
        f"{run.folder}: learned labels from {low:g} to {high:g}, and {corpus.name} has "
        f"labels from {least:g} to {most:g}; of the metrics, only Corr does not depend on the scale"
    )
