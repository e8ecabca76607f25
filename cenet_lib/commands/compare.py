"""``compare``: train every combination of some settings and compare them."""

from argparse import Namespace

from ..language.place import check_backbone
from ..settings import TrainingSettings, load_recipe
from .choices import given_settings
from .opening import open_corpus


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
    given = given_settings(options)
    axes = {name: value for name, value in given.items() if isinstance(value, list)}
    single = {name: value for name, value in given.items() if name not in axes}
    single |= {name: value[0] for name, value in axes.items() if len(value) == 1}
    axes = {name: value for name, value in axes.items() if len(value) > 1}
    recipe = load_recipe(options.recipe) if options.recipe else {}
    shared = {**recipe, **single}
    if "backbone" not in axes:  # of several, a wrong one is a run that fails
        check_backbone(shared.get("backbone", TrainingSettings.backbone))
    corpus = open_corpus(options.corpus, options)
    print(corpus)
    # heavy: torch and transformers, which nobody waits for who gave a wrong name
    from ..results.experiments import Workforce, compare, format_summary

    comparison = compare(
        corpus,
        options.out,
        axes,
        shared,
        source=str(options.corpus),
        workforce=Workforce(options.jobs, options.dask, options.threads),
    )
    print(f"\n{format_summary(comparison)}")
    print(f"\nwritten to {options.out}")
