"""What the notebooks share and a student need not read: figures, fast mode, runs, results.

With the environment variable ``CENET_FAST=1`` the notebooks take the same steps on less data, so
that the whole course can be tested in minutes.
"""

import base64
import html
import io
import os
import shutil
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar, cast

from ..corpus import Corpus
from ..errors import CENetError
from ..files import cache_folder, read_csv
from ..startup import spare_searches

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..runs.folder import Run
    from ..settings import TrainingSettings

RESULTS = Path(__file__).resolve().parents[2] / "notebooks" / "results"

FAST_SIZES: Mapping[str, int] = MappingProxyType({"train": 64, "valid": 16, "test": 32})
_T = TypeVar("_T")

spare_searches()  # a notebook's kernel is a process of the lesson's own


def fast_mode() -> bool:
    """Tell whether ``CENET_FAST=1`` is set.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, CENET_FAST="1"):
    ...     fast_mode()
    True
    """
    return os.environ.get("CENET_FAST", "") == "1"


def fast(full: _T, small: _T) -> _T:
    """Return ``full``, or ``small`` in fast mode.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, CENET_FAST="0"):
    ...     fast(1000, 50)
    1000
    """
    return small if fast_mode() else full


def shorten(corpus: Corpus) -> Corpus:
    """Return the corpus itself, or in fast mode the first utterances of each split.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, CENET_FAST="0"):
    ...     shorten(Corpus("empty"))
    Corpus('empty': train 0, valid 0, test 0; features: visual 0, acoustic 0)
    """
    if not fast_mode():
        return corpus
    train, valid, test = (corpus.splits[split][:size] for split, size in FAST_SIZES.items())
    return corpus.with_splits(train, valid, test)


def has_truth(corpus: Corpus, *names: str) -> bool:
    """Tell whether a corpus holds what only a simulation knows; say so where it does not.

    Parameters
    ----------
    corpus : Corpus
    *names : str
        Annotations that every utterance must have, such as ``rating`` or ``visual_states``.

    Examples
    --------
    >>> has_truth(Corpus("empty"), "rating")
    'empty' has no rating: only a simulation such as demo knows it. Cells about it do nothing.
    False
    """
    every = [utterance for split in corpus.splits.values() for utterance in split]
    missing = [name for name in names if not all(name in u.annotations for u in every)]
    if every and not missing:
        return True
    print(
        f"{corpus.name!r} has no {' and no '.join(missing or names)}: only a simulation such as "
        "demo knows it. Cells about it do nothing."
    )
    return False


def show(figure: "Figure | Axes", alt: str, *, fold: str = "") -> None:
    """Display a matplotlib figure with a text for those who cannot see it, and close it.

    The text is the picture's alternative text, and what a reader without pictures shows instead.
    It reaches the page in HTML only: for other pictures, JupyterLab and nbconvert drop it. The
    picture has two pixels for each of the page's, in few enough colours that it stays small.

    Parameters
    ----------
    figure : Figure or Axes
        The figure, or one of its axes.
    alt : str
        What the figure shows, in a sentence or two.
    fold : str
        If given, the figure lies behind a fold of this title: it is for readers without a kernel,
        who cannot move the controls above it.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> figure, ax = plt.subplots()
    >>> show(figure, "An empty pair of axes")  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt  # heavy
    from IPython.core.pylabtools import print_figure  # only in a notebook
    from IPython.display import display  # only in a notebook

    whole = cast("Figure", figure.figure)  # of a figure, itself
    # In fast mode nobody looks at it: fewer pixels, and margins that are not measured, are enough.
    dpi, margins = fast(2, 0.5) * whole.dpi, fast("tight", None)
    sharp = print_figure(whole, "png", bbox_inches=margins, dpi=dpi)
    page = _as_html(io.BytesIO(sharp), alt)
    if fold:
        page = f"<details><summary>{html.escape(fold)}</summary>{page}</details>"
    display({"text/html": page, "text/plain": alt}, raw=True)
    plt.close(whole)


def _as_html(sharp: io.BytesIO, alt: str) -> str:
    """Return a PNG of two pixels for each of the page's as a tag of HTML, in 192 colours."""
    from PIL import Image  # comes with matplotlib, and is only needed for figures

    few_colours = Image.open(sharp).convert("RGB").quantize(192, dither=Image.Dither.NONE)
    png = io.BytesIO()
    few_colours.save(png, "png", optimize=True)
    source = f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode('ascii')}"
    width = few_colours.width // 2
    return f'<img alt="{html.escape(alt)}" width="{width}" src="{source}">'


def trained(corpus: Corpus, settings: "TrainingSettings") -> "Run":
    """Train a model, or open it if a notebook already trained one in the same way.

    The run lies in the cache, under a name made of all settings and of the corpus. One that cannot
    be opened, such as one that an older version of the package wrote, is trained anew. A bar shows
    how it goes; what each epoch gave is in the run's history.

    Parameters
    ----------
    corpus : Corpus
        The corpus to train on, as it is or in the short form of `shorten`.
    settings : TrainingSettings

    Raises
    ------
    CENetError
        As `cenet_lib.train` and `cenet_lib.resume` do.

    Examples
    --------
    >>> from cenet_lib import TrainingSettings, load_corpus
    >>> run = trained(load_corpus("demo"), TrainingSettings(fusion="none"))  # doctest: +SKIP
    """
    from ..results.experiments import run_folder  # heavy: torch, which lesson 1 needs not
    from ..runs.folder import Run, is_finished  # heavy: torch
    from ..training import resume, train  # heavy: torch

    settings = replace(settings, epochs=fast(settings.epochs, min(settings.epochs, 2)))
    folder = run_folder(cache_folder() / "runs", settings, corpus.fingerprint(), ["fusion"])
    if is_finished(folder):
        with suppress(CENetError):
            run = Run(folder)
            run.processor, run.model  # noqa: B018, both are read from the disk here
            return run
        shutil.rmtree(folder)
    with redirect_stdout(io.StringIO()):  # a cell shows the same, whether it trains or opens
        if (folder / "config.json").is_file():  # somebody stopped the cell
            return resume(folder, corpus)
        return train(corpus, folder, settings)


def recorded(name: str) -> "pd.DataFrame":
    """Open a comparison that takes too long for a lesson and was made beforehand.

    Parameters
    ----------
    name : str
        Name of a file in ``notebooks/results``, without its ending. The README beside them says how
        each was made.

    Returns
    -------
    DataFrame
        One row per run: the settings that vary, the seed, metrics as ``valid_…`` and ``test_…``. Of
        a summary, one row per configuration.

    Raises
    ------
    CENetError
        If there is no such file.

    Examples
    --------
    >>> sorted(recorded("fusions")["fusion"].unique())
    ['ce', 'ce-continuous', 'late', 'mag', 'none']
    """
    path = RESULTS / f"{name}.csv"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RESULTS.glob("*.csv"))) or "none"
        raise CENetError(f"{path}: there is no such comparison; recorded are: {known}")
    return read_csv(path)
