"""How sure is a number? Intervals by resampling the utterances (Efron 1979).

The test split is one draw of utterances; another draw would give another number. The bootstrap
draws utterances from the split with replacement, many times, and looks at how the number moves. It
does not see what another *seed* would change: for that, train several.

It resamples the functions of `cenet_lib.metrics`; `cenet_lib.results.experiments` and the command
``evaluate`` tell its intervals.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..metrics import Metric, metrics_of, validated

# The metrics whose difference to a baseline is told, of those that a range of labels has.
PAIRED = ("mae", "corr", "acc2_non0", "acc2")
# How many drawn predictions are in memory at a time: 0.5 MB, which a processor's cache holds too.
_CHUNK = 2**16


def interval(
    labels: ArrayLike,
    predictions: ArrayLike,
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
        True and predicted intensities.
    label_range : (float, float)
        Lowest and highest label, which choose the metrics, see `cenet_lib.metrics.metrics_of`.
    n : int
        Number of resamples.
    level : float
        Share of the resamples that lie inside the interval.
    seed : int
        Start of the random draws.

    Returns
    -------
    dict of str to (low, high)
        Both ends are NaN where the metric is defined on none of the resamples.

    Raises
    ------
    CENetError
        If there is nothing to compare, lengths differ, or a value is NaN or infinite.

    Examples
    --------
    >>> low, high = interval([-1.0, 0.5, 2.0, 1.5], [-0.5, 0.5, 1.0, 1.0])["mae"]
    >>> round(low, 3), round(high, 3)
    (0.125, 0.875)
    """
    y, y_hat = validated(labels, predictions)
    drawn = _resampled(metrics_of(label_range), y, [y_hat[None]], n, seed)
    return {name: _percentiles(values[0], level) for name, values in drawn.items()}


def mean_interval(
    values: np.ndarray, *, n: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Return a percentile interval of the mean of some values, (N,).

    Parameters
    ----------
    values : (N,)
        One value per utterance, for example its absolute error.
    n, level, seed
        They are what `interval` takes.

    Examples
    --------
    >>> mean_interval(np.array([2.0, 2.0, 2.0]))
    (2.0, 2.0)
    """
    values = np.asarray(values)
    means = [values[rows].mean(-1) for rows in _draws(len(values), n, seed)]
    return _percentiles(np.concatenate(means), level)


def paired_difference(
    labels: ArrayLike,
    predictions: np.ndarray,
    baseline: np.ndarray,
    label_range: tuple[float, float] = (-3.0, 3.0),
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
        True intensities.
    predictions, baseline : (S, N)
        One row per seed, or (N,) for one seed; metrics are averaged over seeds.
    label_range, n, level, seed
        They are what `interval` takes.

    Returns
    -------
    dict of str to (difference, low, high)
        The metrics are ``mae``, ``corr`` and ``acc2_non0``, or ``acc2`` for labels in [-1, 1]; the
        difference is predictions minus baseline.

    Raises
    ------
    CENetError
        If there is nothing to compare, lengths differ, or a value is NaN or infinite.

    Examples
    --------
    >>> y = np.array([-1.0, 0.5, 2.0, 1.5])
    >>> paired_difference(y, y + 0.25, y - 0.5)["mae"]  # every utterance is 0.25 better
    (-0.25, -0.25, -0.25)
    """
    sides = [
        np.stack([validated(labels, row)[1] for row in np.atleast_2d(side)])
        for side in (predictions, baseline)
    ]
    y, _ = validated(labels, sides[0][0])
    metrics = {name: m for name, m in metrics_of(label_range).items() if name in PAIRED}
    drawn = _resampled(metrics, y, sides, n, seed)
    result = {}
    for name, metric in metrics.items():
        ours, theirs = (metric(y, side).mean() for side in sides)
        result[name] = (float(ours - theirs), *_percentiles(np.subtract(*drawn[name]), level))
    return result


def _resampled(
    metrics: Mapping[str, Metric], y: np.ndarray, sides: Sequence[np.ndarray], n: int, seed: int
) -> dict[str, np.ndarray]:
    """Return each metric on n resamples, the same for all sides (S, N), averaged over seeds.

    Each value has shape (number of sides, n).
    """
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    for rows in _draws(len(y), n, seed, max(len(side) for side in sides)):
        # `take`, since the rows of side[:, rows] would lie scattered in memory.
        truth, guesses = y[rows], [side.take(rows, -1) for side in sides]  # (C, N), (S, C, N)
        for name, metric in metrics.items():
            drawn[name].append(np.stack([metric(truth, guess).mean(0) for guess in guesses]))
    return {name: np.concatenate(chunks, axis=-1) for name, chunks in drawn.items()}


def _draws(size: int, n: int, seed: int, n_seeds: int = 1) -> Iterator[np.ndarray]:
    """Yield n rows of indices in all, some at a time, (C, size): few enough for n_seeds to fit."""
    rng = np.random.default_rng(seed)
    chunk = max(1, _CHUNK // (size * n_seeds))
    for first in range(0, n, chunk):
        yield rng.integers(0, size, (min(chunk, n - first), size))


def _percentiles(values: np.ndarray, level: float) -> tuple[float, float]:
    values = values[np.isfinite(values)]  # a resample may have no non-zero label
    if len(values) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
