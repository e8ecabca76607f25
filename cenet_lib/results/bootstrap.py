"""How sure is a number? Intervals by resampling the utterances (Efron 1979).

The test split is one draw of utterances; another draw would give another number. The bootstrap
draws utterances from the split with replacement, many times, and looks at how the number moves. It
does not see what another *seed* would change: for that, train several.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..metrics import evaluate_predictions


def interval(
    labels: np.ndarray,
    predictions: np.ndarray,
    label_range: tuple[float, float] = (-3.0, 3.0),
    *,
    n: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return a percentile interval for each metric.

    Parameters
    ----------
    labels, predictions : (N,)
    n : int
        Resamples.
    level : float
        Share of the resamples inside.

    Returns
    -------
    dict of str to (low, high)
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(n):
        rows = rng.integers(0, len(labels), len(labels))
        metrics = evaluate_predictions(labels[rows], predictions[rows], label_range)
        for name, value in metrics.items():
            drawn.setdefault(name, []).append(value)
    return {name: _percentiles(values, level) for name, values in drawn.items()}


def mean_interval(values: np.ndarray, n: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean of some values, (N,)."""
    values = np.asarray(values)
    rows = np.random.default_rng(seed).integers(0, len(values), (n, len(values)))
    return _percentiles(values[rows].mean(1), 0.95)


def paired_difference(
    labels: np.ndarray,
    predictions: np.ndarray,
    baseline: np.ndarray,
    *,
    n: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float, float]]:
    """Return how much better or worse predictions are than a baseline's, on the same utterances.

    Both sides are scored on the same resamples, so what makes an utterance hard for both cancels.

    Parameters
    ----------
    labels : (N,)
    predictions, baseline : (S, N)
        One row per seed; metrics are averaged over seeds.

    Returns
    -------
    dict of str to (difference, low, high)
        For ``mae``, ``corr`` and ``acc2_non0``; the difference is predictions minus baseline.
    """
    labels = np.asarray(labels, dtype=np.float64)
    sides = [np.atleast_2d(np.asarray(side, dtype=np.float64)) for side in (predictions, baseline)]
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in PAIRED}
    for _ in range(n):
        rows = rng.integers(0, len(labels), len(labels))
        for name, metric in PAIRED.items():
            values = [metric(labels[rows], side[:, rows]).mean() for side in sides]
            drawn[name].append(values[0] - values[1])
    result = {}
    for name, metric in PAIRED.items():
        whole = [metric(labels, side).mean() for side in sides]
        result[name] = (float(whole[0] - whole[1]), *_percentiles(drawn[name], level))
    return result


def _percentiles(values: Sequence[float], level: float) -> tuple[float, float]:
    values = np.asarray(values)
    values = values[np.isfinite(values)]  # a resample may have no non-zero label
    if len(values) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _mae(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    return np.abs(y_hat - y).mean(-1)


def _corr(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    y, y_hat = y - y.mean(), y_hat - y_hat.mean(-1, keepdims=True)
    norm = np.linalg.norm(y) * np.linalg.norm(y_hat, axis=-1)
    return np.divide(y_hat @ y, norm, out=np.full(norm.shape, np.nan), where=norm > 0)


def _acc2_non0(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    some = y != 0
    if not some.any():
        return np.full(len(y_hat), np.nan)
    return ((y_hat > 0) == (y > 0))[:, some].mean(-1)


# Metrics of (N,) labels and (S, N) predictions, one value per seed.
PAIRED: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mae": _mae,
    "corr": _corr,
    "acc2_non0": _acc2_non0,
}
