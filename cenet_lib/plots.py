"""Static figures: one function each, tidy data in, the Axes out.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; lines also differ in dash
and markers in shape, so that the figures survive a black-and-white printer.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#595959"


def learning_curves(history: pd.DataFrame, ax: Axes | None = None, metric: str = "mae") -> Axes:
    """Plot a metric over epochs on train and valid, and mark the chosen epoch.

    Parameters
    ----------
    history : DataFrame
        ``epoch``, ``train_<metric>``, ``valid_<metric>`` and ``chosen`` (bool).
    """
    ax = ax or _new_axes()
    styles = {"train": (GREY, "--", "o"), "valid": (BLUE, "-", "s")}
    for split, (color, dash, marker) in styles.items():
        ax.plot(
            history["epoch"],
            history[f"{split}_{metric}"],
            color=color,
            linestyle=dash,
            marker=marker,
            label=split,
        )
    chosen = history[history["chosen"]]
    ax.plot(
        chosen["epoch"],
        chosen[f"valid_{metric}"],
        marker="o",
        markersize=14,
        fillstyle="none",
        color=ORANGE,
        linestyle="none",
        label="chosen on valid",
    )
    ax.set_xlabel("epoch")
    ax.set_ylabel("mean absolute error" if metric == "mae" else metric)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    return ax


def predicted_against_true(predictions: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Scatter predicted over true intensities, with the diagonal of perfect predictions.

    Parameters
    ----------
    predictions : DataFrame
        ``label`` and ``prediction``.
    """
    ax = ax or _new_axes()
    known = predictions.dropna(subset=["label"])
    y, y_hat = known["label"], known["prediction"]
    agree = np.sign(y) == np.sign(y_hat)
    for same, color, marker, label in (
        (True, BLUE, "o", "same sign"),
        (False, ORANGE, "x", "other sign"),
    ):
        here = agree == same
        ax.scatter(
            y[here], y_hat[here], s=16, alpha=0.55, color=color, marker=marker, label=label, lw=1
        )
    ends = [min(y.min(), y_hat.min()), max(y.max(), y_hat.max())]
    ax.plot(ends, ends, color=GREY, linewidth=1, zorder=0)
    ax.axhline(0, color=GREY, linewidth=0.5, zorder=0)
    ax.axvline(0, color=GREY, linewidth=0.5, zorder=0)
    ax.set_xlabel("true intensity")
    ax.set_ylabel("predicted intensity")
    ax.legend(frameon=False, loc="upper left")
    return ax


def _new_axes() -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots()[1]
