"""How good are predicted intensities? The field's numbers, each with its convention in its name.

They stand at the end of the flow: `cenet_lib.prediction` and `cenet_lib.training` measure with
them, and `cenet_lib.results` puts intervals around them.

Every metric is one small function of labels and predictions, both (..., N): it compares along the
last axis and returns (...). Leading axes (seeds, resamples) follow NumPy's broadcasting, so that
labels (N,) go with predictions (S, N). `evaluate_predictions` calls them on one set of predictions,
and `cenet_lib.results.bootstrap` calls the same functions on many resamples at once.

For labels in [-3, 3], on all N utterances unless said:

``mae``             mean absolute error
``corr``            Pearson correlation
``acc2_has0``       share with the same sign, where zero counts as positive: ŷ ≥ 0 against y ≥ 0
``f1_has0``         F1 of the same two classes, weighted by their size
``acc2_non0``       share with the same sign among labels ≠ 0: ŷ > 0 against y > 0
``f1_non0``         F1 of the same
``acc5``            share with the same rounded intensity, clipped to [-2, 2] (5 classes)
``acc7``            the same, clipped to [-3, 3] (7 classes)

Papers mix the four about signs, so an "Acc-2" without its convention says little. (The published
CENet code calls ``acc2_has0`` "non0"; and MAG drops zeros before MAE and Corr too.)

For labels in [-1, 1] (CH-SIMS) the classes are cut at fixed points, and each holds its upper edge:
``acc2`` and ``f1`` at 0, ``acc3`` at ±0.1, ``acc5`` at ±0.1 and ±0.7. There are two conventions for
the rest: ``mae`` and ``corr`` see every prediction as it is; ``mae_mmsa`` and ``corr_mmsa`` clip
it to [-1, 1] first, as the benchmark MMSA does, and so compare with its tables.

For other labels, only what means something there is computed, see `metrics_of`.

What is not defined is NaN, never a guess: Corr when either side is constant or N = 1, the ``non0``
pair when every label is zero.

The classes are those of MMSA (thuiar/MMSA, ``utils/metricsTop.py``; Mao et al. 2022), which
computes one set of predictions at a time.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .errors import CENetError

# Of labels and predictions (..., N); returns (...).
Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]


def mae(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return the mean absolute error, ``Σ |ŷ - y| / N``, in units of intensity.

    >>> mae(np.array([-1.0, 0.0, 2.0]), np.array([[-1.0, 0.0, 2.0], [-1.5, 0.5, 3.0]]))
    array([0.        , 0.66666667])
    """
    error: np.ndarray = np.abs(y_hat - y).mean(-1)
    return error


def corr(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation, Σ (y - ȳ)(ŷ - mean ŷ) / (N · both standard deviations).

    It is NaN where a side does not vary by more than rounding, 10⁻¹² of its largest value.

    >>> corr(np.array([-1.0, 0.0, 2.0]), np.array([[-2.0, 0.0, 4.0], [1.0, 0.0, -2.0], [1, 1, 1]]))
    array([ 1., -1., nan])
    """
    y, y_hat = _unit(y), _unit(y_hat)
    correlation: np.ndarray = np.clip(np.einsum("...n,...n->...", y, y_hat), -1, 1)  # (...)
    return correlation


def acc2_has0(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return the share of utterances whose ŷ ≥ 0 exactly if y ≥ 0: negative or not.

    Source: Zadeh et al. 2017 (TFN).

    >>> acc2_has0(np.array([-1.0, 0.0, 2.0]), np.array([[-1.0, 0.0, 2.0], [-1.0, -0.1, 2.0]]))
    array([1.        , 0.66666667])
    """
    return _agreement(y >= 0, y_hat >= 0)


def f1_has0(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return the `weighted_f1` of the classes of `acc2_has0`.

    >>> f1_has0(np.array([-1.0, 0.0, 2.0]), np.array([[-1.0, 0.0, 2.0], [-1.0, -0.1, 2.0]]))
    array([1.        , 0.66666667])
    """
    return weighted_f1(y >= 0, y_hat >= 0)


def acc2_non0(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return the share whose ŷ > 0 exactly if y > 0, among the utterances with y ≠ 0.

    It is NaN where every label is zero. Source: Tsai et al. 2019 (MulT).

    >>> acc2_non0(np.array([-1.0, 0.0, 2.0]), np.array([[-1.0, 0.0, 2.0], [-1.0, -0.1, 0.0]]))
    array([1. , 0.5])
    """
    some = y != 0
    n = np.count_nonzero(some, -1)
    same = np.count_nonzero(((y > 0) == (y_hat > 0)) & some, -1)
    share: np.ndarray = same / np.where(n == 0, np.nan, n)
    return share


def f1_non0(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return the `weighted_f1` of the classes of `acc2_non0`, among the utterances with y ≠ 0.

    It is NaN where every label is zero.

    >>> f1_non0(np.array([-1.0, 0.0, 2.0]), np.array([[-1.0, 0.0, 2.0], [1.0, -0.1, 2.0]]))
    array([1.        , 0.33333333])
    """
    return weighted_f1(y > 0, y_hat > 0, y != 0)


def acc5(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return the share with the same intensity, clipped to [-2, 2] and rounded half to even.

    >>> acc5(np.array([-1.0, 0.5, 3.0]), np.array([[-1.4, 0.0, 1.6], [-1.6, 1.0, 1.4]]))
    array([1., 0.])
    """
    return _same_intensity(y, y_hat, 2)


def acc7(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return the share with the same intensity, clipped to [-3, 3] and rounded half to even.

    Source: Tsai et al. 2019 (MulT).

    >>> acc7(np.array([-1.0, 0.5, 3.0]), np.array([[-1.4, 0.0, 9.0], [-1.4, 0.0, 2.0]]))
    array([1.        , 0.66666667])
    """
    return _same_intensity(y, y_hat, 3)


def mae_mmsa(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return CH-SIMS's `mae` as MMSA computes it: of values that are clipped to [-1, 1].

    >>> mae_mmsa(np.array([-1.0, 0.0, 0.5]), np.array([[-1.0, 0.0, 0.5], [-3.0, 0.0, 2.0]]))
    array([0.        , 0.16666667])
    """
    return mae(*_clipped(y, y_hat))


def corr_mmsa(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return CH-SIMS's `corr` as MMSA computes it: of values that are clipped to [-1, 1].

    It is NaN where a side does not vary once it is clipped.

    >>> corr_mmsa(np.array([-1.0, 0.0, 1.0]), np.array([[-1.0, 0.0, 7.0], [2.0, 3.0, 4.0]]))
    array([ 1., nan])
    """
    return corr(*_clipped(y, y_hat))


def sims_acc2(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return CH-SIMS's share of the same class of two: up to 0, and above it.

    Source: Yu et al. 2020 (CH-SIMS), as all ``sims_`` metrics.

    >>> sims_acc2(np.array([-1.0, 0.0, 0.4]), np.array([[-0.2, 0.0, 0.1], [-0.2, 0.1, 0.1]]))
    array([1.        , 0.66666667])
    """
    return _agreement(y > 0, y_hat > 0)


def sims_f1(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return the `weighted_f1` of the classes of `sims_acc2`.

    >>> sims_f1(np.array([-1.0, 0.0, 0.4]), np.array([[-0.2, 0.0, 0.1], [-0.2, 0.1, 0.1]]))
    array([1.        , 0.66666667])
    """
    return weighted_f1(y > 0, y_hat > 0)


def sims_acc3(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return CH-SIMS's share of the same class of three, cut at ±0.1.

    >>> sims_acc3(np.array([-1.0, 0.0, 0.4]), np.array([[-0.2, 0.1, 0.2], [0.05, 0.1, 0.2]]))
    array([1.        , 0.66666667])
    """
    return _same_bin(y, y_hat, (-0.1, 0.1))


def sims_acc5(y: np.ndarray, y_hat: np.ndarray) -> np.ndarray:
    """Return CH-SIMS's share of the same class of five, cut at ±0.1 and ±0.7.

    >>> sims_acc5(np.array([-1.0, 0.0, 0.4]), np.array([[-0.7, 0.1, 0.2], [-0.6, 0.1, 0.8]]))
    array([1.        , 0.33333333])
    """
    return _same_bin(y, y_hat, (-0.7, -0.1, 0.1, 0.7))


def weighted_f1(
    truth: np.ndarray, guess: np.ndarray, counted: np.ndarray | None = None
) -> np.ndarray:
    """Return the F1 of two classes, each weighted by its share of the truth.

    F1 of a class is 2 · hits / (n true + n guessed). It equals scikit-learn's
    ``f1_score(truth, guess, average="weighted", zero_division=0)``.

    Parameters
    ----------
    truth, guess : (..., N) bool
        Membership of the first class; the second holds the others.
    counted : (..., N) bool, optional
        Utterances that take part; by default, all do.

    Returns
    -------
    (...)
        The F1, in [0, 1]; NaN where no utterance takes part.

    >>> weighted_f1(np.array([True, True, False]), np.array([[True, True, False], [False] * 3]))
    array([1.        , 0.16666667])
    """
    counted = np.ones(truth.shape, bool) if counted is None else counted
    n = np.count_nonzero(counted, -1)
    true, guessed = (np.count_nonzero(side & counted, -1) for side in (truth, guess))
    hits = np.count_nonzero(truth & guess & counted, -1)
    # An empty class has no hits either, so that its F1 and its weight are 0.
    first = 2 * hits / np.maximum(true + guessed, 1)
    second = 2 * (n - true - guessed + hits) / np.maximum(2 * n - true - guessed, 1)
    f1: np.ndarray = (true * first + (n - true) * second) / np.where(n == 0, np.nan, n)
    return f1


def _agreement(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    share: np.ndarray = (truth == guess).mean(-1)
    return share


def _same_intensity(y: np.ndarray, y_hat: np.ndarray, bound: int) -> np.ndarray:
    return _agreement(*(np.round(np.clip(v, -bound, bound)) for v in (y, y_hat)))


def _clipped(y: np.ndarray, y_hat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.clip(y, -1, 1), np.clip(y_hat, -1, 1)


def _same_bin(y: np.ndarray, y_hat: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Compare classes of which number j holds the values in (edge j-1, edge j]."""
    return _agreement(*(np.digitize(v, edges, right=True) for v in (y, y_hat)))


def _unit(v: np.ndarray) -> np.ndarray:
    """Return v (..., N), centred and of length 1; NaN where it does not vary."""
    spread = np.ptp(v, -1, keepdims=True)
    flat = spread <= 1e-12 * np.abs(v).max(-1, keepdims=True)
    # Divided by its spread first, so that no square over- or underflows.
    v = (v - v.mean(-1, keepdims=True)) / np.where(flat, np.nan, spread)
    unit: np.ndarray = v / np.linalg.norm(v, axis=-1, keepdims=True)
    return unit


# The metrics for labels in [-3, 3] and in [-1, 1], in the order in which they are shown.
MOSI_METRICS: Mapping[str, Metric] = {
    "mae": mae,
    "corr": corr,
    "acc2_has0": acc2_has0,
    "f1_has0": f1_has0,
    "acc2_non0": acc2_non0,
    "f1_non0": f1_non0,
    "acc5": acc5,
    "acc7": acc7,
}
SIMS_METRICS: Mapping[str, Metric] = {
    "mae": mae,
    "corr": corr,
    "mae_mmsa": mae_mmsa,
    "corr_mmsa": corr_mmsa,
    "acc2": sims_acc2,
    "f1": sims_f1,
    "acc3": sims_acc3,
    "acc5": sims_acc5,
}
# How to call them, in the same order.
TITLES = {
    "mae": "MAE",
    "corr": "Corr",
    "mae_mmsa": "MAE (MMSA)",
    "corr_mmsa": "Corr (MMSA)",
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


def metrics_of(label_range: tuple[float, float]) -> Mapping[str, Metric]:
    """Return the metrics that belong to a range of labels, by name.

    Parameters
    ----------
    label_range : (float, float)
        Lowest and highest label. Up to ±1: the metrics of CH-SIMS; up to ±3: those of MOSI and
        MOSEI; beyond: these without the classes, which end at ±3. Where zero is not between lowest
        and highest, as in 1 to 5 stars, signs and classes mean nothing: ``mae`` and ``corr``.

    >>> list(metrics_of((-1.0, 1.0)))
    ['mae', 'corr', 'mae_mmsa', 'corr_mmsa', 'acc2', 'f1', 'acc3', 'acc5']
    >>> list(metrics_of((1.0, 5.0)))
    ['mae', 'corr']
    """
    low, high = label_range
    if not low < 0 < high:
        return {name: MOSI_METRICS[name] for name in ("mae", "corr")}
    if max(-low, high) <= 1:
        return SIMS_METRICS
    beyond = ("acc5", "acc7") if max(-low, high) > 3 else ()
    return {name: metric for name, metric in MOSI_METRICS.items() if name not in beyond}


def evaluate_predictions(
    labels: ArrayLike,
    predictions: ArrayLike,
    label_range: tuple[float, float] = (-3.0, 3.0),
) -> dict[str, float]:
    """Return all metrics of one set of predictions.

    Parameters
    ----------
    labels, predictions : (N,)
        True and predicted intensities.
    label_range : (float, float)
        Lowest and highest label, which choose the metrics, see `metrics_of`.

    Returns
    -------
    dict of str to float
        Accuracies and F1 in [0, 1].

    Raises
    ------
    CENetError
        If there is nothing to compare, lengths differ, or a value is NaN or infinite.

    >>> evaluate_predictions([-1.0, 0.0, 2.0], [-0.5, 0.25, 1.75])["mae"]
    0.3333333333333333
    """
    y, y_hat = validated(labels, predictions)
    return {name: float(metric(y, y_hat)) for name, metric in metrics_of(label_range).items()}


def validated(labels: ArrayLike, predictions: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and predictions as (N,) float64, or say what is wrong with them.

    Raises
    ------
    CENetError
        If there is nothing to compare, lengths differ, or a value is NaN or infinite.

    >>> validated([1, 2], [0.5, float("nan")])
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: prediction number 1 (from 0) is nan; metrics need finite numbers
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
    return y, y_hat


def _numbers(name: str, values: ArrayLike) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CENetError(f"{name} are not numbers ({error})") from error


def format_metrics(metrics: Mapping[str, float | None]) -> str:
    """Return one line: ``MAE 0.713  Corr 0.798  Acc-2 (has0) 84.0 % …``.

    What is not defined is NaN, and ``None`` where it comes from a JSON file.

    >>> format_metrics({"mae": 0.713, "corr": None, "acc2_has0": 0.84})
    'MAE 0.713  Corr not defined  Acc-2 (has0) 84.0 %'
    """
    parts = []
    for name, title in TITLES.items():
        if name in metrics:
            value = metrics[name]
            if value is None or np.isnan(value):
                told = "not defined"
            else:
                told = f"{100 * value:.1f} %" if name.startswith(("acc", "f1")) else f"{value:.3f}"
            parts.append(f"{title} {told}")
    return "  ".join(parts)
