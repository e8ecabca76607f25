"""Intervals: against plain loops over the same draws, in little memory, and for what they say."""

import tracemalloc
from functools import partial

import numpy as np
import pytest

from cenet_lib import CENetError, evaluate_predictions
from cenet_lib.results.bootstrap import interval, mean_interval, paired_difference


def sentiment(size: int, n_seeds: int, bound: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (N,), a third of them zero, and predictions (S, N)."""
    rng = np.random.default_rng(size)
    y = np.round(rng.normal(size=size).clip(-3, 3)) / 3 * bound
    return y, y + rng.normal(size=(n_seeds, size)) / 3 * bound


def in_a_loop(y, sides, label_range, n, seed):
    """Score one resample of one prediction at a time; yield the metrics, a list per side."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        rows = rng.integers(0, len(y), len(y))
        yield [
            [evaluate_predictions(y[rows], p[rows], label_range) for p in side] for side in sides
        ]


# As many utterances and resamples as take several chunks.
@pytest.mark.parametrize("label_range", [(-3.0, 3.0), (-1.0, 1.0)])
def test_interval_is_that_of_a_loop_over_the_same_draws(label_range):
    y, y_hat = sentiment(700, 1, label_range[1])
    found = interval(y, y_hat[0], label_range, n=150, level=0.9, seed=3)
    drawn = [side[0] for [side] in in_a_loop(y, [y_hat], label_range, 150, 3)]
    assert set(found) == set(drawn[0])
    for name, ends in found.items():
        expected = np.quantile([metrics[name] for metrics in drawn], [0.05, 0.95])
        assert ends == pytest.approx(tuple(expected), abs=1e-12), name
        assert ends[0] < ends[1], name


def test_paired_difference_is_that_of_a_loop_over_the_same_draws():
    y, predictions = sentiment(400, 3)
    baseline = predictions[:2] + np.random.default_rng(0).normal(size=(2, 400))
    found = paired_difference(y, predictions, baseline, n=150, level=0.9, seed=3)
    drawn = list(in_a_loop(y, [predictions, baseline], (-3, 3), 150, 3))
    assert set(found) == {"mae", "corr", "acc2_non0"}
    for name, (difference, *ends) in found.items():
        mean = [[np.mean([seed[name] for seed in side]) for side in sides] for sides in drawn]
        expected = np.quantile(-np.diff(mean), [0.05, 0.95])
        assert ends == pytest.approx(list(expected), abs=1e-12), name
        assert ends[0] < difference < ends[1], name


def test_paired_difference_on_ch_sims_has_its_metrics():
    y, predictions = sentiment(60, 2, bound=1.0)
    found = paired_difference(y, predictions, predictions[::-1] + 0.1, (-1, 1), n=50)
    assert set(found) == {"mae", "corr", "acc2"}
    ours, theirs = (
        np.mean([evaluate_predictions(y, p, (-1, 1))["acc2"] for p in side])
        for side in (predictions, predictions + 0.1)
    )
    assert found["acc2"][0] == pytest.approx(ours - theirs)


def test_mean_interval_is_that_of_a_loop_over_the_same_draws():
    values = np.random.default_rng(1).normal(size=900)
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, 900, 900)].mean() for _ in range(200)]
    expected = tuple(np.quantile(means, [0.025, 0.975]))
    assert mean_interval(values, n=200) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "bootstrap",
    [
        lambda y, p: interval(y, p[0], n=1000),
        lambda y, p: paired_difference(y, p, p[::-1], n=200),
        lambda y, p: mean_interval(y, n=1000),
    ],
)
def test_memory_does_not_grow_with_the_resamples(bootstrap):
    y, predictions = sentiment(4659, 5)  # as many as CMU-MOSEI's test split
    bootstrap(y[:10], predictions[:, :10])  # so that nothing is imported meanwhile
    tracemalloc.start()
    bootstrap(y, predictions)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # all at once, one array of draws alone would take 37 MB


# what intervals say


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(60):
        errors = rng.normal(size=80)
        low, high = interval(np.zeros(80) + 0.5, 0.5 + errors, n=200, seed=trial)["mae"]
        hits += low <= np.sqrt(2 / np.pi) <= high  # E|N(0, 1)|
    assert 50 <= hits <= 60


def test_paired_difference_is_narrower_than_unpaired_and_zero_for_the_same():
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    hard = rng.normal(size=300)  # what both get wrong alike
    a, b = y + hard + 0.05 * rng.normal(size=(2, 300)), y + hard + 0.05 * rng.normal(size=(2, 300))
    difference, low, high = paired_difference(y, a, b)["mae"]
    alone = interval(y, a[0])["mae"]
    assert low <= difference <= high
    assert high - low < 0.3 * (alone[1] - alone[0])
    same = paired_difference(y, a, a)
    assert all(values == (0.0, 0.0, 0.0) for values in same.values())


# what is not defined


def test_paired_difference_of_constant_predictions_has_no_correlation():
    y = np.linspace(-1, 1, 50)
    result = paired_difference(y, np.zeros((1, 50)), y[None])
    assert np.isnan(result["corr"][0])
    assert result["mae"][0] > 0


def test_resamples_without_a_non_zero_label_are_left_out():
    found = interval([0.0, 0.0, 0.0, 1.0], [0.5, -0.5, 0.1, 2.0], n=50)
    assert found["acc2_non0"] == found["f1_non0"] == (1.0, 1.0)
    found = interval([0.0, 0.0], [0.5, -0.5], n=50)
    assert np.isnan(found["acc2_non0"]).all()
    assert np.isfinite(found["acc2_has0"]).all()


@pytest.mark.parametrize("bootstrap", [interval, partial(paired_difference, baseline=[0.0, 1.0])])
@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([1.0], r"labels have shape \(2,\), predictions \(1,\)"),
        ([1.0, np.nan], r"prediction number 1 \(from 0\) is nan"),
    ],
)
def test_refuses_what_cannot_be_compared(bootstrap, predictions, message):
    with pytest.raises(CENetError, match=message):
        bootstrap([0.0, 1.0], predictions)


def test_one_utterance_has_intervals_only_of_what_is_defined():
    found = interval([1.0], [0.5])
    assert found["mae"] == (0.5, 0.5)
    assert np.isnan(found["corr"]).all()
    assert np.isnan(interval([0.0, 0.0], [0.5, -0.5])["acc2_non0"]).all()
    difference = paired_difference([1.0, 1.0], np.array([0.5, 0.5]), np.array([0.0, 0.0]))
    assert difference["mae"] == (-0.5, -0.5, -0.5)
    assert np.isnan(difference["corr"]).all()
