"""``compare``: train every combination of some settings and compare them."""

from argparse import Namespace
from dataclasses import fields

from ..corpora import load_corpus
from ..results.experiments import compare, format_summary
from ..settings import TrainingSettings, load_recipe


def run(options: Namespace) -> None:
    """Take the settings with several values for axes; train, and print the summary.

    Examples
    --------
    >>> from cenet_lib.__main__ import main
    >>> options = ["--corpus", "data/mine", "--backbone", "models/mine", "--k", "3"]
    >>> main(["compare", *options, "--epochs", "1", "--seed", "0", "1", "--out", "runs/seeds"])
    Corpus(...)
    ...
    written to runs/seeds
    0
    """
    names = [setting.name for setting in fields(TrainingSettings)] + ["k"]
    given = {name: getattr(options, name) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    axes = {name: value for name, value in given.items() if isinstance(value, list)}
    single = {name: value for name, value in given.items() if name not in axes}
    single |= {name: value[0] for name, value in axes.items() if len(value) == 1}
    axes = {name: value for name, value in axes.items() if len(value) > 1}
    recipe = load_recipe(options.recipe) if options.recipe else {}
    corpus = load_corpus(options.corpus)
    print(corpus)
    shared = {**recipe, **single}
    comparison = compare(corpus, options.out, axes, shared, source=str(options.corpus))
    print(f"\n{format_summary(comparison)}")
    print(f"\nwritten to {options.out}")
