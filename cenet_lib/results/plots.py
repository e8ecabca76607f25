"""Static figures: one function each, tidy data in, the Axes out.

seaborn draws, in one theme. Colours are Okabe and Ito's, which colour-blind readers can tell apart;
lines also differ in dash and markers in shape, so that the figures survive a black-and-white
printer. Each function draws into the Axes given, or into a new one; the theme holds while it draws,
and matplotlib's settings are afterwards what they were before. To draw everything of a notebook in
the same theme, call `set_theme` once.

The tables come from a run's folder (`cenet_lib.runs`) and from the other modules of this room.
A table without rows, or without a column that a figure needs, is refused with a `CENetError`.
Examples write ``pd`` for pandas.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy import stats

from ..errors import CENetError
from .bootstrap import mean_interval

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#595959"
_THEME = {
    **sns.axes_style("ticks"),
    **sns.plotting_context("paper"),
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9"]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure on all machines
    "legend.frameon": False,
    "patch.force_edgecolor": False,
}
_DOTS: dict[str, Any] = {
    "linestyle": "none",
    "err_kws": {"linewidth": 2},
}  # means that no line connects
_BELOW = [(0.0, -0.5), (0.0, -1.0)]  # a mark that stands under its place, not on the mean
# What a metric's axis says, with its unit.
_LABELS = {
    "mae": "mean absolute error (intensity)",
    "mae_mmsa": "mean absolute error, clipped to ±1 (intensity)",
    "mse": "mean squared error (intensity²)",
    "corr": "Pearson correlation",
    "corr_mmsa": "Pearson correlation, clipped to ±1",
    "loss": "mean squared error (intensity²)",
    "acc2_has0": "Acc-2, zeros count as positive (%)",
    "acc2_non0": "Acc-2, without zeros (%)",
    "acc2": "Acc-2 (%)",
    "acc3": "Acc-3 (%)",
    "acc7": "Acc-7 (%)",
    "acc5": "Acc-5 (%)",
}


@contextmanager
def theme() -> Iterator[None]:
    """Give the course's looks to all that is drawn in a block, or in a function as its decorator.

    Axes take most of their looks when they are made, so make them inside.

    Examples
    --------
    >>> with theme():
    ...     ax = plt.figure().subplots()
    >>> ax.spines["top"].get_visible()
    False
    """
    with mpl.rc_context(_THEME):
        yield


def set_theme() -> None:
    """Give the course's looks to every figure from now on, as `seaborn.set_theme` does.

    Examples
    --------
    >>> with mpl.rc_context():  # only so that the example leaves nothing behind
    ...     set_theme()
    ...     mpl.rcParams["legend.frameon"]
    False
    """
    mpl.rcParams.update(_THEME)


def seed_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of a few seeds' results, by Student's t.

    For seaborn's ``errorbar``.

    Parameters
    ----------
    values : (n,)
        One result per seed, n ≥ 2.

    Examples
    --------
    >>> low, high = seed_interval([0.70, 0.72, 0.74])
    >>> round(low, 2), round(high, 2)
    (0.67, 0.77)
    """
    mean = np.mean(values)
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return float(mean - half), float(mean + half)


@theme()
def learning_curves(history: pd.DataFrame, ax: Axes | None = None, metric: str = "mae") -> Axes:
    """Plot a metric over epochs on train and valid, and mark the chosen epoch.

    Parameters
    ----------
    history : DataFrame
        ``epoch``, ``train_<metric>``, ``valid_<metric>`` and ``chosen`` (bool). With a ``seed``
        column, the mean over seeds, and a band from the lowest to the highest.

    Examples
    --------
    >>> mae = {"train_mae": [1.0, 0.8], "valid_mae": [1.1, 0.9]}
    >>> history = pd.DataFrame({"epoch": [1, 2], **mae, "chosen": [False, True]})
    >>> learning_curves(history).get_ylabel()
    'mean absolute error (intensity)'
    """
    columns = {"valid": f"valid_{metric}", "train": f"train_{metric}"}
    history = _checked(history, ["epoch", *columns.values(), "chosen"], "learning_curves")
    history = history.assign(**{name: _scale(metric) * history[name] for name in columns.values()})
    ax = _draw_epochs(history, columns, ax or _new_axes(), (BLUE, GREY))
    chosen = history[history["chosen"].astype(bool)]
    ring: dict[str, Any] = {"markersize": 12, "fillstyle": "none", "markeredgewidth": 1.5}
    where = chosen["epoch"], chosen[columns["valid"]]
    ax.plot(*where, "o", label="chosen on valid", color=ORANGE, **ring)
    ax.set_ylabel(_LABELS.get(metric, metric))
    ax.legend()
    return ax


@theme()
def predicted_against_true(
    predictions: pd.DataFrame, ax: Axes | None = None, marginals: bool = True
) -> Axes:
    """Scatter predicted over true intensities, with the diagonal and both distributions.

    Parameters
    ----------
    predictions : DataFrame
        ``label`` and ``prediction``.
    marginals : bool
        Draw the distributions of both along the upper and the right edge.

    Examples
    --------
    >>> table = pd.DataFrame({"label": [-2.0, 0.5, 3.0], "prediction": [-1.0, -0.2, 2.5]})
    >>> ax = predicted_against_true(table)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['same sign', 'other sign']
    """
    known = _known(predictions, ["label", "prediction"], "predicted_against_true")
    ax = ax or _new_axes()
    agree = np.sign(known["label"]) == np.sign(known["prediction"])
    signs = ["same sign", "other sign"]
    known = known.assign(sign=np.where(agree, *signs))
    by_sign = {"hue": "sign", "hue_order": signs, "style": "sign", "style_order": signs}
    looks = {"palette": [BLUE, ORANGE], "markers": ["o", "X"], "s": 20, "alpha": 0.6}
    sns.scatterplot(known, x="label", y="prediction", **by_sign, **looks, ax=ax)
    ax.axline((0, 0), slope=1, color=GREY, linewidth=1, zorder=0)
    ax.axhline(0, color=GREY, linewidth=0.5, zorder=0)
    ax.axvline(0, color=GREY, linewidth=0.5, zorder=0)
    both = known[["label", "prediction"]].to_numpy()  # (N, 2)
    ends = both.min() - 0.2, both.max() + 0.2  # of both axes: a square, with the diagonal in it
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    ax.set(xlabel="true intensity", ylabel="predicted intensity")
    ax.legend(loc="upper left", handletextpad=0)
    if marginals:
        above = ax.inset_axes((0, 1.02, 1, 0.14), sharex=ax)
        beside = ax.inset_axes((1.02, 0, 0.14, 1), sharey=ax)
        style = {"bins": 24, "color": GREY, "linewidth": 0.5}
        sns.histplot(known, x="label", ax=above, **style)
        sns.histplot(known, y="prediction", ax=beside, **style)
        for margin in (above, beside):
            margin.axis("off")
    return ax


@theme()
def confusion_by_class(
    predictions: pd.DataFrame, ax: Axes | None = None, bound: int | None = 3
) -> Axes:
    """Show which classes of sentiment are taken for which: shares of each true class.

    Parameters
    ----------
    predictions : DataFrame
        ``label`` and ``prediction``.
    bound : int or None
        Classes are the rounded intensities from -bound to bound, as in Acc-7 (3) and Acc-5 (2);
        ``None``: negative, neutral (exactly 0 after rounding to one decimal) and positive.

    Examples
    --------
    >>> table = pd.DataFrame({"label": [-2.0, -2.0, 1.0], "prediction": [-1.0, 0.4, 0.9]})
    >>> ax = confusion_by_class(table, bound=None)
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['negative (2)', 'neutral (0)', 'positive (1)']
    >>> [text.get_text() for text in ax.texts]  # row by row; without a true neutral, no shares
    ['50', '0', '50', '0', '0', '100']
    """
    known = _known(predictions, ["label", "prediction"], "confusion_by_class")
    intensities = known[["label", "prediction"]]
    if bound is None:
        names = {-1: "negative", 0: "neutral", 1: "positive"}
        classes = intensities.round(1).apply(np.sign).astype(int)
    else:
        names = {c: f"{c:+d}".replace("-", "−") if c else "0" for c in range(-bound, bound + 1)}
        classes = intensities.clip(-bound, bound).round().astype(int)
    counts = pd.crosstab(classes["label"], classes["prediction"])
    counts = counts.reindex(index=list(names), columns=list(names), fill_value=0)
    n = counts.sum(axis=1)
    percent = 100 * counts.div(n, axis=0)
    rows = [f"{name} ({n[c]})" for c, name in names.items()]
    ticks = {"xticklabels": list(names.values()), "yticklabels": rows}
    looks = {"cmap": "Greys", "cbar": False, "linewidths": 0.5, "linecolor": "lightgrey"}
    ax = ax or _new_axes()
    sns.heatmap(percent, vmin=0, vmax=100, annot=True, fmt=".0f", **ticks, **looks, ax=ax)
    ax.tick_params(axis="y", rotation=0)
    ax.tick_params(length=0)
    ax.set(xlabel="predicted class (% of row)", ylabel="true class (utterances)")
    return ax


@theme()
def error_by_length(predictions: pd.DataFrame, ax: Axes | None = None, groups: int = 6) -> Axes:
    """Plot the mean absolute error over the number of words, with bootstrap 95 % intervals.

    Parameters
    ----------
    predictions : DataFrame
        ``words`` (text), ``label`` and ``prediction``.
    groups : int
        Number of groups of utterances, of about equal size.

    Examples
    --------
    >>> words = ["so bad", "a bad film", "it is a good film", "it is not a very good film"]
    >>> values = {"label": [-2.0, -1.0, 2.0, 0.0], "prediction": [-1.0, -1.0, 1.0, 1.0]}
    >>> table = pd.DataFrame({"words": words, **values})
    >>> ax = error_by_length(table, groups=2)
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['2–3\\n(2)', '5–7\\n(2)']
    """
    known = _known(predictions, ["words", "label", "prediction"], "error_by_length")
    length = known["words"].map(lambda text: len(text.split()))
    error = (known["prediction"] - known["label"]).abs()
    group = pd.qcut(length, groups, duplicates="drop")
    spans = length.groupby(group, observed=True).agg(["min", "max", "size"])
    ax = ax or _new_axes()
    sns.pointplot(x=group.cat.codes, y=error, errorbar=mean_interval, **_DOTS, ax=ax)
    ax.axhline(error.mean(), color=GREY, linestyle="--", linewidth=1, label="all utterances")
    ax.set_xticks(range(len(spans)), [f"{s.min}–{s.max}\n({s.size})" for s in spans.itertuples()])
    ax.set(xlabel="length in words (utterances)", ylabel=_LABELS["mae"])
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax


@theme()
def metric_by_variant(
    runs: pd.DataFrame, ax: Axes | None = None, *, by: str = "fusion", metric: str = "test_mae"
) -> Axes:
    """Compare variants: every seed, the mean, and its 95 % interval by Student's t.

    Parameters
    ----------
    runs : DataFrame
        A row per run: ``by`` and ``metric``, as in ``runs.csv`` of a comparison. Rows without the
        metric (failed runs) do not count; a variant that has only such rows keeps an empty line.
    by : str
        The column that tells variants apart.
    metric : str
        The column that is drawn, for example ``test_mae`` or ``test_acc2_non0``.

    Examples
    --------
    >>> runs = pd.DataFrame({"fusion": ["none", "none", "ce"], "test_mae": [0.98, 1.01, 0.69]})
    >>> ax = metric_by_variant(runs)
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['none', 'ce']
    """
    runs = _checked(runs, [by, metric], "metric_by_variant")
    split, _, name = metric.partition("_")
    where = {"x": _scale(name) * runs[metric], "y": runs[by].astype(str), "orient": "h"}
    ax = ax or _new_axes()
    sns.pointplot(**where, errorbar=seed_interval, **_DOTS, ax=ax)
    sns.stripplot(**where, jitter=False, marker=_BELOW, size=24, linewidth=1, color=GREY, ax=ax)
    ax.grid(axis="x", alpha=0.3)
    key = "● mean, 95 % interval   | seeds"
    ax.set_xlabel(f"{_LABELS.get(name, name)} on {split}\n{key}", wrap=True)
    ax.set_ylabel(by.replace("_", " "))
    return ax


@theme()
def code_usage(codes: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Show how often each code of a vocabulary is used, the most used first.

    Parameters
    ----------
    codes : DataFrame
        ``code`` and ``share`` of the frames in [0, 1], as from `codes.describe_codes`.

    Examples
    --------
    >>> ax = code_usage(pd.DataFrame({"code": [0, 1, 2], "share": [0.2, 0.5, 0.3]}))
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['1', '2', '0']
    """
    codes = _checked(codes, ["code", "share"], "code_usage")
    codes = codes.sort_values("share", ascending=False, kind="stable")
    names, percent = codes["code"].astype(str), 100 * codes["share"]
    ax = sns.barplot(x=names, y=percent, errorbar=None, saturation=1, ax=ax or _new_axes())
    if len(codes) > 24:  # their names would run into each other
        ax.set_xticks([])
    even = 100 / len(codes)
    ax.axhline(even, color=ORANGE, linestyle="--", label=f"if all were used alike: {even:.1f} %")
    ax.set(xlabel="code, the most used first", ylabel="share of the frames (%)")
    ax.legend()
    return ax


@theme()
def k_selection(sizes: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot what speaks for a size k of a vocabulary, all on one scale from 0 to 1.

    Parameters
    ----------
    sizes : DataFrame
        ``k``, ``inertia``, ``silhouette`` and ``entropy`` (bits), from `codes.compare_sizes`.

    Examples
    --------
    >>> criteria = {"inertia": [9.0, 4.0], "silhouette": [0.2, 0.3], "entropy": [0.9, 1.8]}
    >>> ax = k_selection(pd.DataFrame({"k": [2, 4], **criteria}))
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['2', '4']
    """
    sizes = _checked(sizes, ["k", "inertia", "silhouette", "entropy"], "k_selection")
    sizes = sizes.set_index("k").sort_index()
    k = sizes.index
    criteria = pd.DataFrame(
        {
            f"inertia / that of k = {k[0]}": sizes["inertia"] / sizes["inertia"].iloc[0],
            "silhouette": sizes["silhouette"],
            "entropy / log₂ k": sizes["entropy"] / np.log2(np.maximum(k, 2)),
        }
    )
    ax = sns.lineplot(criteria, markers=["o", "s", "^"], ax=ax or _new_axes())
    ax.set_xscale("log", base=2)
    ax.set_xticks(k, k.astype(str))
    ax.minorticks_off()
    ax.set(xlabel="number of codes k", ylabel="share or score (no unit)")
    ax.set_ylim(min(0, float(sizes["silhouette"].min())) - 0.02, 1.05)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1))  # inside, three curves leave no room
    return ax


@theme()
def word_polarity(words: pd.DataFrame, ax: Axes | None = None, most: int = 12) -> Axes:
    """Show the most negative and the most positive words.

    Parameters
    ----------
    words : DataFrame
        ``word`` and ``polarity`` (a number, 0 neutral); more than one row of a word is averaged.
    most : int
        Number of words on each side.

    Examples
    --------
    >>> words = pd.DataFrame({"word": ["bad", "good", "the"], "polarity": [-2.0, 3.0, 0.0]})
    >>> ax = word_polarity(words)
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['good', 'bad']
    """
    words = _checked(words, ["word", "polarity"], "word_polarity")
    mean = words.groupby("word")["polarity"].mean().sort_values(ascending=False, kind="stable")
    shown = pd.concat([mean[mean > 0].head(most), mean[mean < 0].tail(most)])
    # Two dollar signs in a list of words are no formula.
    names = shown.index.str.replace("$", r"\$", regex=False)
    ax = ax or _new_axes()
    side = {"hue": shown.to_numpy() < 0, "palette": {False: BLUE, True: ORANGE}, "legend": False}
    looks = {"errorbar": None, "saturation": 1, "edgecolor": "white"}
    sns.barplot(x=shown.to_numpy(), y=names, **side, **looks, ax=ax)
    for bar in ax.patches:
        if isinstance(bar, Rectangle) and bar.get_width() < 0:
            bar.set_hatch("///")
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set(xlabel="polarity (negative ← 0 → positive)", ylabel="")
    return ax


@theme()
def attention_entropy(
    history: pd.DataFrame,
    ax: Axes | None = None,
    split: str = "valid",
    n_codes: int | None = None,
) -> Axes:
    """Plot how spread out the attention over codes is, over training.

    Parameters
    ----------
    history : DataFrame
        ``epoch``, ``<split>_visual_entropy`` and ``<split>_acoustic_entropy`` in bits. With a
        ``seed`` column, the mean, and a band from the lowest to the highest.
    n_codes : int, optional
        If given, log₂ of it is marked as well: the most that attention over so many codes can have.

    Examples
    --------
    >>> entropy = {"valid_visual_entropy": [3.1, 2.4], "valid_acoustic_entropy": [3.0, 2.8]}
    >>> ax = attention_entropy(pd.DataFrame({"epoch": [1, 2], **entropy}), n_codes=16)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['face', 'voice', 'all 16 codes alike']
    """
    columns = {"face": f"{split}_visual_entropy", "voice": f"{split}_acoustic_entropy"}
    history = _checked(history, ["epoch", *columns.values()], "attention_entropy")
    ax = _draw_epochs(history, columns, ax or _new_axes(), (BLUE, ORANGE))
    if n_codes is not None:
        ax.axhline(np.log2(n_codes), color=GREY, linestyle=":", label=f"all {n_codes} codes alike")
    ax.set_ylabel("entropy of the attention (bits)")
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax


def _draw_epochs(
    history: pd.DataFrame, columns: Mapping[str, str], ax: Axes, colors: Sequence[str]
) -> Axes:
    """Draw named columns over epochs; more than one seed: their mean, and a band around all."""
    curves = history.rename(columns={column: name for name, column in columns.items()})
    curves = curves.melt("epoch", list(columns), var_name="curve")
    several = history["epoch"].duplicated().any()
    looks = {"style": "curve", "markers": ["o", "s"], "palette": list(colors)}
    band = ("pi", 100) if several else None
    sns.lineplot(curves, x="epoch", y="value", hue="curve", errorbar=band, **looks, ax=ax)
    ax.locator_params(axis="x", integer=True)
    return ax


def _known(predictions: pd.DataFrame, columns: Sequence[str], where: str) -> pd.DataFrame:
    known = _checked(predictions, columns, where).dropna(subset=["label"])
    if known.empty:
        raise CENetError(f"{where}: no utterance has a label; there is nothing to compare with")
    return known


def _checked(table: pd.DataFrame, columns: Sequence[str], where: str) -> pd.DataFrame:
    missing = [column for column in columns if column not in table]
    if missing:
        raise CENetError(
            f"{where}: the table lacks {', '.join(missing)}; it has {', '.join(map(str, table))}"
        )
    if len(table) == 0:
        raise CENetError(f"{where}: the table has no rows; there is nothing to draw")
    return table


def _scale(metric: str) -> int:
    """Return the factor that brings a metric into the unit of its axis."""
    return 100 if metric.startswith(("acc", "f1")) else 1


def _new_axes() -> Axes:
    return plt.subplots(layout="constrained")[1]
