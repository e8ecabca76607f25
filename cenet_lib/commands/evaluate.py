"""``evaluate``: print every metric of a run, with intervals."""

from argparse import Namespace

from ..corpora import load_corpus
from ..errors import CENetError
from ..metrics import TITLES
from ..prediction import evaluate, predict
from ..results.bootstrap import interval
from ..runs.folder import Run


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
        corpus = load_corpus(options.corpus)
        label_range = corpus.label_range
        utterances = corpus.split(options.split)
        table = predict(run.model, run.processor, utterances, progress=options.split)
        table = table.assign(split=options.split)
    metrics = evaluate(table, label_range).get(options.split)
    if metrics is None:
        raise CENetError(f"there are no labelled utterances in the {options.split} split")
    known = table.dropna(subset=["label"])
    intervals = interval(known["label"], known["prediction"], label_range)
    print(f"{options.split}, {len(known)} utterances, with 95 % intervals over utterances")
    for name, title in TITLES.items():
        if name in metrics:
            low, high = intervals[name]
            print(f"  {title:<13} {metrics[name]:.3f}   [{low:.3f}, {high:.3f}]")
