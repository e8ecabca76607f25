"""Static figures: one function each, tidy data in, the Axes out.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; lines also differ in dash
and markers in shape, so that the figures survive a black-and-white printer. Each function draws
into the Axes given, or into a new one.
"""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..errors import CENetError
from .bootstrap import mean_interval

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#595959"
# What a metric's axis says, with its unit.
_LABELS = {
    "mae": "mean absolute error (intensity)",
    "mse": "mean squared error (intensity²)",
    "corr": "Pearson correlation",
    "loss": "mean squared error (intensity²)",
    "acc2_has0": "Acc-2, zeros count as positive (%)",
    "acc2_non0": "Acc-2, without zeros (%)",
    "acc7": "Acc-7 (%)",
    "acc5": "Acc-5 (%)",
}
# Two-sided 95 % points of Student's t for 1, 2, … degrees of freedom; seeds are few.
_T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


def learning_curves(history: pd.DataFrame, ax: Axes | None = None, metric: str = "mae") -> Axes:
    """Plot a metric over epochs on train and valid, and mark the chosen epoch.

    Parameters
    ----------
    history : DataFrame
        ``epoch``, ``train_<metric>``, ``valid_<metric>`` and ``chosen`` (bool). With a ``seed``
        column, the mean over seeds, and a band from the lowest to the highest.
    """
    columns = ["epoch", f"train_{metric}", f"valid_{metric}", "chosen"]
    history = _checked(history, columns, "learning_curves").copy()
    ax = ax or _new_axes()
    percent = _in_percent(metric)
    styles = {"train": (GREY, "--", "o"), "valid": (BLUE, "-", "s")}
    for split, (color, dash, marker) in styles.items():
        history[f"{split}_{metric}"] *= 100 if percent else 1
        by_epoch = history.groupby("epoch")[f"{split}_{metric}"]
        mean = by_epoch.mean()
        ax.plot(mean.index, mean, color=color, linestyle=dash, marker=marker, label=split)
        if "seed" in history and history["seed"].nunique() > 1:
            ax.fill_between(
                mean.index, by_epoch.min(), by_epoch.max(), color=color, alpha=0.18, lw=0
            )
    chosen = history[history["chosen"].astype(bool)]
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
    ax.set_ylabel(_LABELS.get(metric, metric))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    return ax


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
    """
    predictions = _checked(predictions, ["label", "prediction"], "predicted_against_true")
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
    if marginals:
        bins = np.linspace(*ends, 25)
        style = {"bins": bins, "color": GREY, "alpha": 0.6}
        above = ax.inset_axes((0, 1.02, 1, 0.14), sharex=ax)
        beside = ax.inset_axes((1.02, 0, 0.14, 1), sharey=ax)
        above.hist(y, **style)
        beside.hist(y_hat, orientation="horizontal", **style)
        for margin in (above, beside):
            margin.axis("off")
    return ax


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
    """
    predictions = _checked(predictions, ["label", "prediction"], "confusion_by_class")
    ax = ax or _new_axes()
    known = predictions.dropna(subset=["label"])
    if bound is None:
        names = ["negative", "neutral", "positive"]
        truth, guess = (
            np.sign(np.round(known[column], 1)).astype(int) + 1
            for column in ("label", "prediction")
        )
    else:
        names = [f"{c:+d}".replace("-", "−") if c else "0" for c in range(-bound, bound + 1)]
        truth, guess = (
            np.round(known[column].clip(-bound, bound)).astype(int) + bound
            for column in ("label", "prediction")
        )
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (truth, guess), 1)
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    image = ax.imshow(share, cmap="Greys", vmin=0, vmax=100)
    for i, j in np.ndindex(share.shape):
        if counts[i].sum():
            color = "white" if share[i, j] > 55 else "black"
            ax.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", color=color, size=9)
    rows = [f"{name}  (n = {n})" for name, n in zip(names, counts.sum(1), strict=True)]
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), rows)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.figure.colorbar(image, ax=ax, label="share of the true class (%)", shrink=0.8)
    return ax


def error_by_length(predictions: pd.DataFrame, ax: Axes | None = None, groups: int = 6) -> Axes:
    """Plot the mean absolute error over the number of words, with 95 % intervals.

    Parameters
    ----------
    predictions : DataFrame
        ``words`` (text), ``label`` and ``prediction``.
    groups : int
        Of about equal size.
    """
    predictions = _checked(predictions, ["words", "label", "prediction"], "error_by_length")
    ax = ax or _new_axes()
    known = predictions.dropna(subset=["label"])
    length = known["words"].str.split().str.len()
    error = (known["prediction"] - known["label"]).abs()
    group = pd.qcut(length, groups, duplicates="drop")
    names = []
    for place, (_, rows) in enumerate(error.groupby(group, observed=True)):
        low, high = mean_interval(rows.to_numpy())
        ax.plot([place, place], [low, high], color=BLUE, lw=2)
        ax.plot(place, rows.mean(), "o", color=BLUE, ms=7)
        here = length[rows.index]
        names.append(f"{here.min()}–{here.max()}\nn = {len(rows)}")
    ax.axhline(error.mean(), color=GREY, linestyle="--", lw=1, label="all utterances")
    ax.set_xticks(range(len(names)), names)
    ax.set_xlabel("length (words), number of utterances")
    ax.set_ylabel(_LABELS["mae"])
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax


def metric_by_variant(
    runs: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str = "fusion",
    metric: str = "test_mae",
) -> Axes:
    """Compare variants: every seed, the mean, and its 95 % interval.

    Parameters
    ----------
    runs : DataFrame
        A row per run: ``by`` and ``metric``, as in ``runs.csv`` of a comparison. Rows without the
        metric (failed runs) are left out.
    by : str
        The column that tells variants apart.
    metric : str
        For example ``test_mae`` or ``test_acc2_non0``.
    """
    runs = _checked(runs, [by, metric], "metric_by_variant").dropna(subset=[metric])
    ax = ax or _new_axes()
    split, _, name = metric.partition("_")
    factor = 100 if _in_percent(name) else 1
    variants = list(dict.fromkeys(runs[by]))
    for place, variant in enumerate(variants):
        values = factor * runs.loc[runs[by] == variant, metric].to_numpy(float)
        ax.plot(values, np.full(len(values), place + 0.18), "|", color=GREY, ms=9)
        mean = values.mean()
        if len(values) > 1:
            t = _T95[min(len(values) - 2, len(_T95) - 1)]
            half = t * values.std(ddof=1) / np.sqrt(len(values))
            ax.plot([mean - half, mean + half], [place, place], color=BLUE, lw=2)
        ax.plot(mean, place, "o", color=BLUE, ms=7)
    ax.set_yticks(range(len(variants)), [str(variant) for variant in variants])
    ax.set_ylim(len(variants) - 0.5, -0.5)
    ax.set_ylabel(by.replace("_", " "))
    ax.set_xlabel(f"{_LABELS.get(name, name)} on {split}\n● mean and 95 % interval, | single seeds")
    ax.grid(axis="x", alpha=0.3)
    return ax


def code_usage(codes: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Show how often each code of a vocabulary is used, the most used first.

    Parameters
    ----------
    codes : DataFrame
        ``code`` and ``share`` of the frames in [0, 1], as from `vocabulary.describe_codes`.
    """
    codes = _checked(codes, ["code", "share"], "code_usage")
    ax = ax or _new_axes()
    codes = codes.sort_values("share", ascending=False, kind="stable")
    ax.bar(range(len(codes)), 100 * codes["share"], color=BLUE, edgecolor="white")
    even = 100 / len(codes)
    ax.axhline(even, color=ORANGE, linestyle="--", label=f"if all were alike: {even:.1f} %")
    ax.set_xticks(range(len(codes)), codes["code"].astype(str))
    ax.set_xlabel("code")
    ax.set_ylabel("share of the frames (%)")
    ax.legend(frameon=False)
    return ax


def code_profiles(
    profile: np.ndarray | pd.DataFrame,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    channels: int = 24,
) -> Axes:
    """Show what each code stands for: its mean on the channels that tell codes apart best.

    Parameters
    ----------
    profile : (k, d) array or DataFrame
        Standardised means, such as ``vocabulary.codes_``.
    names : sequence of str, length d
        Of the channels; a DataFrame brings them as its columns.
    channels : int
        How many to show, those with the greatest spread over codes, in their own order.
    """
    table = pd.DataFrame(profile) if names is None else pd.DataFrame(profile, columns=list(names))
    ax = ax or _new_axes()
    widest = np.sort(np.argsort(-table.to_numpy().std(0), kind="stable")[:channels])
    shown = table.iloc[:, widest]
    most = max(1.0, float(np.abs(shown.to_numpy()).max()))
    image = ax.imshow(shown, cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto")
    for i, j in np.ndindex(shown.shape):  # the sign survives a black-and-white printer
        value = shown.iat[i, j]
        if abs(value) >= 1:
            color = "white" if abs(value) > 0.6 * most else "black"
            sign = "+" if value > 0 else "−"
            ax.text(j, i, sign, ha="center", va="center", color=color, size=8)
    ax.set_xticks(range(shown.shape[1]), shown.columns.astype(str), rotation=90)
    ax.set_yticks(range(len(shown)), [str(code) for code in shown.index])
    ax.set_ylabel("code")
    ax.figure.colorbar(image, ax=ax, label="mean (standard deviations of the frames)")
    return ax


def k_selection(sizes: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot what speaks for a size k of a vocabulary, all on one scale from 0 to 1.

    Parameters
    ----------
    sizes : DataFrame
        ``k``, ``inertia``, ``silhouette`` and ``entropy`` (bits), from `vocabulary.compare_sizes`.
    """
    sizes = _checked(sizes, ["k", "inertia", "silhouette", "entropy"], "k_selection")
    ax = ax or _new_axes()
    sizes = sizes.sort_values("k")
    k = sizes["k"]
    curves = (
        ("inertia, relative to the smallest k", sizes["inertia"] / sizes["inertia"].iloc[0]),
        ("silhouette", sizes["silhouette"]),
        ("entropy of usage / log₂ k", sizes["entropy"] / np.log2(k.clip(lower=2))),
    )
    styles = zip((BLUE, ORANGE, GREEN), ("-", "--", ":"), ("o", "s", "^"), strict=True)
    for (name, values), (color, dash, marker) in zip(curves, styles, strict=True):
        ax.plot(k, values, color=color, linestyle=dash, marker=marker, label=name)
    ax.set_xscale("log", base=2)
    ax.set_xticks(k, k.astype(str))
    ax.minorticks_off()
    ax.set_xlabel("number of codes k")
    ax.set_ylabel("share or score (no unit)")
    ax.set_ylim(min(0, float(sizes["silhouette"].min())) - 0.02, 1.05)
    ax.legend(frameon=False)
    return ax


def word_polarity(words: pd.DataFrame, ax: Axes | None = None, most: int = 12) -> Axes:
    """Show the most negative and the most positive words.

    Parameters
    ----------
    words : DataFrame
        ``word`` and ``polarity`` (a number, 0 neutral); more than one row of a word is averaged.
    most : int
        Words per side.
    """
    words = _checked(words, ["word", "polarity"], "word_polarity")
    ax = ax or _new_axes()
    mean = words.groupby("word")["polarity"].mean().sort_values(kind="stable")
    shown = pd.concat([mean[mean < 0].head(most), mean[mean > 0].tail(most)])
    colors = [ORANGE if value < 0 else BLUE for value in shown]
    ax.barh(range(len(shown)), shown, color=colors, edgecolor="white")
    for bar, value in zip(ax.patches, shown, strict=True):
        bar.set_hatch("///" if value < 0 else None)
    ax.axvline(0, color=GREY, lw=0.8)
    # Two dollar signs in a list of words are no formula.
    ax.set_yticks(range(len(shown)), [word.replace("$", r"\$") for word in shown.index])
    ax.set_xlabel("polarity (negative ← 0 → positive)")
    return ax


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
        Also mark log₂ of it: the entropy of attention that does not choose.
    """
    columns = {"face": f"{split}_visual_entropy", "voice": f"{split}_acoustic_entropy"}
    history = _checked(history, ["epoch", *columns.values()], "attention_entropy")
    ax = ax or _new_axes()
    styles = cycle(((BLUE, "-", "o"), (ORANGE, "--", "s")))
    for (name, column), (color, dash, marker) in zip(columns.items(), styles, strict=False):
        by_epoch = history.groupby("epoch")[column]
        mean = by_epoch.mean()
        ax.plot(mean.index, mean, color=color, linestyle=dash, marker=marker, label=name)
        if "seed" in history and history["seed"].nunique() > 1:
            ax.fill_between(
                mean.index, by_epoch.min(), by_epoch.max(), color=color, alpha=0.18, lw=0
            )
    if n_codes is not None:
        ax.axhline(np.log2(n_codes), color=GREY, linestyle=":", label=f"all {n_codes} codes alike")
    ax.set_xlabel("epoch")
    ax.set_ylabel("entropy of the attention (bits)")
    ax.set_ylim(bottom=0)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    return ax


def _checked(table: pd.DataFrame, columns: Sequence[str], where: str) -> pd.DataFrame:
    missing = [column for column in columns if column not in table]
    if missing:
        raise CENetError(
            f"{where}: the table lacks {', '.join(missing)}; it has {', '.join(map(str, table))}"
        )
    if len(table) == 0:
        raise CENetError(f"{where}: the table has no rows; there is nothing to draw")
    return table


def _in_percent(metric: str) -> bool:
    return metric.startswith(("acc", "f1"))


def _new_axes() -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]
