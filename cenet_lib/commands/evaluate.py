"""``evaluate``: print every metric of a run, with intervals."""

import math
from argparse import Namespace

from ..corpora.card import unlabelled
from ..corpora.folds import SHARES_TEXT
from ..corpus import Corpus
from ..errors import CENetError
from ..metrics import TITLES, evaluate_predictions
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
        _warn_of_made_splits(run, corpus, options.split)
        utterances = corpus.split(options.split)
        if all(outline.label is None for outline in corpus.outlines(options.split)):
            raise CENetError(
                f"{corpus.name}: the {options.split} split has no labels to compare with "
                f"({unlabelled(corpus)}); to predict new segments, use predict"
            )
        run.processor.check_channels(corpus)
        from ..prediction import predict  # heavy: torch and transformers

        table = predict(run.model, run.processor, utterances, progress=options.split)
    known = table.dropna(subset=["label"])
    if known.empty:
        raise CENetError(
            f"{run.folder}: there are no labelled utterances in the {options.split} split of its "
            "predictions; choose another split, or give a corpus with labels"
        )
    metrics = evaluate_predictions(known["label"], known["prediction"], label_range)
    intervals = interval(known["label"], known["prediction"], label_range)
    more = len(table) - len(known)
    without = f" ({more} more without a label)" if more else ""
    print(f"{options.split}, {len(known)} utterances{without}, with 95 % intervals over utterances")
    for name, title in TITLES.items():
        if name in metrics:
            low, high = intervals[name]
            told = f"{metrics[name]:.3f}   [{low:.3f}, {high:.3f}]"
            print(f"  {title:<13} {'not defined' if math.isnan(metrics[name]) else told}")


def _warn_of_made_splits(run: Run, corpus: Corpus, split: str) -> None:
    """Say that a file came without splits, so that only a share of it is looked at.

    Not of the corpus that the run was trained on, where these are the splits that it knows.
    """
    made, learned = str(corpus.provenance.get("split", "")), run.config["corpus"]["fingerprint"]
    if not made.endswith(SHARES_TEXT) or corpus.fingerprint() == learned:
        return
    warn(
        f"{corpus.name}: came without splits, which were made here ({made}); only the "
        f"{len(corpus.splits[split])} segments of {split} are evaluated, of {len(corpus)}; to have "
        "all, give a file that says that they are its test part: {'test': …}"
    )


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
