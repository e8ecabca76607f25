"""How good are predicted intensities? The field's numbers, each with its convention in its name.

For labels in [-3, 3], on all N utterances unless said (as MMSA computes them):

``mae``             mean absolute error
``corr``            Pearson correlation
``acc7``            share with the same rounded intensity, clipped to [-3, 3] (7 classes)
``acc5``            the same, clipped to [-2, 2] (5 classes)
``acc2_has0``       share with the same sign, where zero counts as positive: ŷ ≥ 0 against y ≥ 0
``f1_has0``         F1 of the same two classes, weighted by their size
``acc2_non0``       share with the same sign among labels ≠ 0: ŷ > 0 against y > 0
``f1_non0``         F1 of the same

Papers mix the last four, so an "Acc-2" without its convention says little. (The published CENet
code calls ``acc2_has0`` "non0"; and MAG drops zeros before MAE and Corr too.) Rounding is NumPy's,
half to even.

For labels in [-1, 1] (CH-SIMS) the classes are cut at fixed points: ``acc2`` and ``f1`` at 0,
``acc3`` at ±0.1, ``acc5`` at ±0.1 and ±0.7.

What is not defined is NaN, never a guess: Corr when either side is constant or N = 1, the ``non0``
pair when every label is zero.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import f1_score

from .errors import CENetError

# What to show first, and how to call it.
TITLES = {
    "mae": "MAE",
    "corr": "Corr",
    "acc2_has0": "Acc-2 (has0)",
    "f1_has0": "F1 (has0)",
    "acc2_non0": "Acc-2 (non0)",
    "f1_non0": "F1 (non0)",
    "acc2": "Acc-2",
    "f1": "F1",
    "acc3": "Acc-3",
    "acc5": "Acc-5",
    "acc7": "Acc-7",
}


def evaluate_predictions(
    labels: Sequence[float],
    predictions: Sequence[float],
    label_range: tuple[float, float] = (-3.0, 3.0),
) -> dict[str, float]:
    """Return all metrics of one set of predictions.

    Parameters
    ----------
    labels, predictions : (N,)
        True and predicted intensities.
    label_range : (float, float)
        Up to ±1: the metrics of CH-SIMS; beyond: those of MOSI and MOSEI.

    Returns
    -------
    dict of str to float
        Accuracies and F1 in [0, 1].

    Raises
    ------
    CENetError
        If there is nothing to compare, lengths differ, or a value is NaN or infinite.
    """
    y, y_hat = _numbers("labels", labels), _numbers("predictions", predictions)
    if y.shape != y_hat.shape or y.ndim != 1:
        raise CENetError(
            f"labels have shape {y.shape}, predictions {y_hat.shape}; both must be (N,) and equal"
        )
    if len(y) == 0:
        raise CENetError("there are no predictions to evaluate")
    for name, values in (("label", y), ("prediction", y_hat)):
        if not np.isfinite(values).all():
            where = int(np.flatnonzero(~np.isfinite(values))[0])
            raise CENetError(
                f"{name} number {where} (from 0) is {values[where]}; metrics need finite numbers"
            )
    result = {"mae": float(np.abs(y_hat - y).mean()), "corr": _pearson(y, y_hat)}
    if max(abs(end) for end in label_range) <= 1:
        cuts = {"acc2": [0.0], "acc3": [-0.1, 0.1], "acc5": [-0.7, -0.1, 0.1, 0.7]}
        for name, edges in cuts.items():
            # CH-SIMS: class j holds values in (edge j-1, edge j]
            truth, guess = (np.digitize(np.clip(v, -1, 1), edges, right=True) for v in (y, y_hat))
            result[name] = float((truth == guess).mean())
        result["f1"] = _weighted_f1(y > 0, y_hat > 0)
        return result
    for classes, bound in ((7, 3), (5, 2)):
        truth, guess = (np.round(np.clip(v, -bound, bound)) for v in (y, y_hat))
        result[f"acc{classes}"] = float((truth == guess).mean())
    result["acc2_has0"] = float(((y >= 0) == (y_hat >= 0)).mean())
    result["f1_has0"] = _weighted_f1(y >= 0, y_hat >= 0)
    some = y != 0
    result["acc2_non0"] = float(((y > 0) == (y_hat > 0))[some].mean()) if some.any() else np.nan
    result["f1_non0"] = _weighted_f1(y[some] > 0, y_hat[some] > 0) if some.any() else np.nan
    return result


def _numbers(name: str, values: Sequence[float]) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CENetError(f"{name} are not numbers ({error})") from error


def _pearson(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Return the correlation; NaN where a side does not vary beyond rounding."""
    if any(np.ptp(v) <= 1e-12 * np.abs(v).max() for v in (y, y_hat)):
        return float("nan")
    y, y_hat = y - y.mean(), y_hat - y_hat.mean()
    y, y_hat = y / np.linalg.norm(y), y_hat / np.linalg.norm(y_hat)
    return float(np.clip(y @ y_hat, -1, 1))


def _weighted_f1(truth: np.ndarray, guess: np.ndarray) -> float:
    return float(f1_score(truth, guess, average="weighted", zero_division=0))


def format_metrics(metrics: dict[str, float]) -> str:
    """Return one line: ``MAE 0.713  Corr 0.798  Acc-2 (has0) 84.0 % …``."""
    parts = []
    for name, title in TITLES.items():
        if name in metrics:
            value = metrics[name]
            is_share = name.startswith(("acc", "f1"))
            parts.append(f"{title} {100 * value:.1f} %" if is_share else f"{title} {value:.3f}")
    return "  ".join(parts)
