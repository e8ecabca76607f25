"""What the notebooks share and a student need not read: figures with alternative text, fast mode.

With the environment variable ``CENET_FAST=1`` the notebooks take the same steps on less data, so
that the whole course can be tested in minutes.
"""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from .utterance import Corpus

FAST_SIZES: Mapping[str, int] = MappingProxyType({"train": 160, "valid": 40, "test": 80})
_T = TypeVar("_T")


def fast_mode() -> bool:
    """Tell whether ``CENET_FAST=1`` is set."""
    return os.environ.get("CENET_FAST", "") == "1"


def fast(full: _T, small: _T) -> _T:
    """Return ``full``, or ``small`` in fast mode."""
    return small if fast_mode() else full


def shorten(corpus: Corpus) -> Corpus:
    """Return the corpus itself, or in fast mode the first utterances of each split."""
    if not fast_mode():
        return corpus
    names = corpus.feature_names
    return Corpus(
        corpus.name,
        **{split: corpus.splits[split][:size] for split, size in FAST_SIZES.items()},
        visual_names=names["visual"],
        acoustic_names=names["acoustic"],
        label_range=corpus.label_range,
        provenance=corpus.provenance,
    )


def show(figure, alt: str) -> None:
    """Display a matplotlib figure with a text for those who cannot see it, and close it.

    The text is the picture's alternative text, and what a reader without pictures shows instead.

    Parameters
    ----------
    figure : Figure, or Axes of one
    alt : str
        What the figure shows, in a sentence or two.
    """
    import matplotlib.pyplot as plt
    from IPython.core.pylabtools import print_figure
    from IPython.display import display

    figure = getattr(figure, "figure", None) or figure
    picture = print_figure(figure, "png", base64=True)
    display(
        {"image/png": picture, "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}}
    )
    plt.close(figure)
