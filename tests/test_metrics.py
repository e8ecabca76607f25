"""The field's numbers against plain loops that know nothing of NumPy or of scikit-learn."""

import math
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from cenet_lib import CENetError, evaluate_predictions, metrics
from cenet_lib.metrics import MOSI_METRICS, SIMS_METRICS, TITLES, format_metrics

MOSI = {"mae", "corr", "acc7", "acc5", "acc2_has0", "f1_has0", "acc2_non0", "f1_non0"}
SIMS = {"mae", "corr", "mae_mmsa", "corr_mmsa", "acc2", "f1", "acc3", "acc5"}


@pytest.fixture(autouse=True)
def _no_warning_in_passing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# plain formulas


def share(pairs):
    pairs = list(pairs)
    return sum(a == b for a, b in pairs) / len(pairs)


def half_to_even(x, bound):
    x = Fraction(max(-bound, min(bound, x)))
    below = math.floor(x)
    if x - below == Fraction(1, 2):
        return below if below % 2 == 0 else below + 1
    return below if x - below < Fraction(1, 2) else below + 1


def weighted_f1(truth, guess):
    total = 0.0
    for one in (True, False):
        hits = sum(t == one and g == one for t, g in zip(truth, guess, strict=True))
        claimed, real = guess.count(one), truth.count(one)
        f1 = 2 * hits / (claimed + real) if claimed + real else 0.0
        total += real / len(truth) * f1
    return total


def pearson(x, y):
    mx, my = sum(x) / len(x), sum(y) / len(y)
    cov = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return cov / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def plain_mosi(y, p):
    some = [(a, b) for a, b in zip(y, p, strict=True) if a != 0]
    result = {
        "mae": sum(abs(a - b) for a, b in zip(y, p, strict=True)) / len(y),
        "corr": pearson(y, p) if len(set(y)) > 1 and len(set(p)) > 1 else math.nan,
        "acc2_has0": share((a >= 0, b >= 0) for a, b in zip(y, p, strict=True)),
        "f1_has0": weighted_f1([a >= 0 for a in y], [b >= 0 for b in p]),
        "acc2_non0": share((a > 0, b > 0) for a, b in some) if some else math.nan,
        "f1_non0": weighted_f1([a > 0 for a, _ in some], [b > 0 for _, b in some])
        if some
        else math.nan,
    }
    for name, bound in (("acc7", 3), ("acc5", 2)):
        result[name] = share(
            (half_to_even(a, bound), half_to_even(b, bound)) for a, b in zip(y, p, strict=True)
        )
    return result


def plain_sims(y, p):
    def bins(edges):
        def place(x):  # (edge j-1, edge j], as MMSA writes them
            return sum(max(-1, min(1, x)) > edge for edge in edges)

        return share((place(a), place(b)) for a, b in zip(y, p, strict=True))

    def both(p):
        mae = sum(abs(a - b) for a, b in zip(y, p, strict=True)) / len(y)
        return mae, pearson(y, p) if len(set(y)) > 1 and len(set(p)) > 1 else math.nan

    mae, corr = both(p)
    mae_mmsa, corr_mmsa = both([max(-1, min(1, x)) for x in p])
    return {
        "mae": mae,
        "corr": corr,
        "mae_mmsa": mae_mmsa,
        "corr_mmsa": corr_mmsa,
        "acc2": bins([0]),
        "f1": weighted_f1([a > 0 for a in y], [b > 0 for b in p]),
        "acc3": bins([-0.1, 0.1]),
        "acc5": bins([-0.7, -0.1, 0.1, 0.7]),
    }


def close(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert type(found[name]) is float, name
        assert found[name] == pytest.approx(value, abs=1e-9, nan_ok=True), name


FIFTHS = st.integers(-15, 15).map(lambda n: n / 5)  # MOSI's labels are means of five people's
HALVES = st.integers(-8, 8).map(lambda n: n / 2)  # where rounding has to choose
GUESSES = HALVES | st.floats(-5, 5).map(lambda x: round(x, 6))


def pairs_of(labels, guesses=GUESSES):
    return st.lists(st.tuples(labels, guesses), min_size=1, max_size=25)


@settings(max_examples=150, deadline=None)
@given(pairs_of(FIFTHS | HALVES.filter(lambda x: abs(x) <= 3)))
def test_against_plain_formulas(pairs):
    y, p = map(list, zip(*pairs, strict=True))
    close(evaluate_predictions(y, p), plain_mosi(y, p))


@settings(max_examples=100, deadline=None)
@given(pairs_of(st.integers(-10, 10).map(lambda n: n / 10), GUESSES.map(lambda x: x / 4)))
def test_against_plain_formulas_for_ch_sims(pairs):
    y, p = map(list, zip(*pairs, strict=True))
    close(evaluate_predictions(y, p, label_range=(-1, 1)), plain_sims(y, p))


def test_by_hand():
    y = [-2.0, -0.6, 0.0, 0.4, 1.5, 3.0]
    p = [-2.4, 0.2, -0.1, 0.6, 2.5, 9.0]
    found = evaluate_predictions(y, p)
    assert found["mae"] == pytest.approx((0.4 + 0.8 + 0.1 + 0.2 + 1.0 + 6.0) / 6)
    # rounded: -2 -1 0 0 2 3 against -2 0 0 1 2 3
    assert found["acc7"] == pytest.approx(4 / 6)
    # to ±2: -2 -1 0 0 2 2 against -2 0 0 1 2 2
    assert found["acc5"] == pytest.approx(4 / 6)
    # ≥ 0: - - + + + + against - + - + + +
    assert found["acc2_has0"] == pytest.approx(4 / 6)
    # positive: 3 of 4 claims right, 3 of 4 found; negative: 1 of 2, 1 of 2
    assert found["f1_has0"] == pytest.approx(4 / 6 * 3 / 4 + 2 / 6 * 1 / 2)
    # without the zero: - - + + + against - + + + +
    assert found["acc2_non0"] == pytest.approx(4 / 5)
    # positive: precision 3/4, recall 1, so 6/7; negative: precision 1, recall 1/2, so 2/3
    assert found["f1_non0"] == pytest.approx(3 / 5 * 6 / 7 + 2 / 5 * 2 / 3)


def test_the_two_conventions_differ_on_zeros():
    found = evaluate_predictions([0.0, 0.0, 1.0, -1.0], [-0.1, 0.0, 0.0, -1.0])
    assert found["acc2_has0"] == 0.75  # a label of 0 is positive, and so is a prediction of 0
    assert found["acc2_non0"] == 0.5  # 0 predicted for 1 is wrong here


@pytest.mark.parametrize(
    ("label", "prediction", "acc7", "acc5"),
    [
        (0.5, 0.0, 1, 1),  # half to even: 0.5 → 0,
        (1.5, 2.0, 1, 1),  # 1.5 → 2,
        (2.5, 2.0, 1, 1),  # 2.5 → 2,
        (-2.5, -3.0, 0, 1),  # -2.5 → -2; in five classes both are -2
        (-0.5, 0.4, 1, 1),
        (3.0, 7.0, 1, 1),  # clipped
        (3.0, 2.4, 0, 1),
        (-3.0, 3.0, 0, 0),
    ],
)
def test_rounding(label, prediction, acc7, acc5):
    found = evaluate_predictions([label], [prediction])
    assert (found["acc7"], found["acc5"]) == (acc7, acc5)


@pytest.mark.parametrize(
    ("label", "prediction", "same"),
    [
        (0.0, -0.05, (1, 1, 1)),  # 0 belongs to the lower half,
        (0.0, 0.05, (0, 1, 1)),
        (0.1, 0.05, (1, 1, 1)),  # as the upper edge of the neutral
        (0.1, 0.15, (1, 0, 0)),
        (-0.1, -0.15, (1, 1, 1)),
        (-0.1, -0.05, (1, 0, 0)),
        (0.7, 0.6, (1, 1, 1)),
        (0.7, 0.75, (1, 1, 0)),
        (-0.7, -0.75, (1, 1, 1)),
        (-0.7, -0.65, (1, 1, 0)),
        (-1.0, -4.0, (1, 1, 1)),
    ],
)
def test_ch_sims_classes_own_their_upper_edge(label, prediction, same):
    found = evaluate_predictions([label], [prediction], label_range=(-1, 1))
    assert (found["acc2"], found["acc3"], found["acc5"]) == same


def test_the_range_chooses_the_metrics():
    assert set(evaluate_predictions([0.5], [0.5])) == MOSI
    assert set(evaluate_predictions([0.5], [0.5], label_range=(-2, 1))) == MOSI
    assert set(evaluate_predictions([0.5], [0.5], label_range=(-1, 1))) == SIMS
    assert set(TITLES) == MOSI | SIMS


@pytest.mark.parametrize("label_range", [(0, 10), (1, 5), (0, 1), (0, 3), (-3, 0), (-5, -1)])
def test_signs_and_classes_mean_nothing_where_zero_is_not_inside(label_range):
    """Of labels from 0 to 10, all are "not negative", and all above 3 would be one class."""
    y, p = np.clip([4.0, 5.0, 5.0], *label_range), [-0.1, 7.0, 9.0]
    assert set(evaluate_predictions(y, p, label_range)) == {"mae", "corr"}


def test_labels_beyond_three_have_signs_and_no_classes():
    found = evaluate_predictions([4.0, -5.0, 0.0], [5.0, -3.0, 1.0], label_range=(-5, 5))
    assert set(found) == MOSI - {"acc5", "acc7"}
    assert (found["acc2_has0"], found["mae"]) == (1, 4 / 3)


def test_both_conventions_for_ch_sims_are_computed_and_named():
    """MMSA clips predictions to ±1 before MAE and Corr; we do both."""
    y, p = [-1.0, -0.4, 0.0, 0.6, 1.0], [-1.6, -0.3, 0.2, 1.4, 0.9]
    found = evaluate_predictions(y, p, label_range=(-1, 1))
    assert found["mae"] == pytest.approx((0.6 + 0.1 + 0.2 + 0.8 + 0.1) / 5)
    assert found["mae_mmsa"] == pytest.approx((0 + 0.1 + 0.2 + 0.4 + 0.1) / 5)
    assert found["corr"] == pytest.approx(np.corrcoef(y, p)[0, 1])
    assert found["corr_mmsa"] == pytest.approx(np.corrcoef(y, np.clip(p, -1, 1))[0, 1])
    assert "MAE 0.360  Corr" in format_metrics(found)
    assert "MAE (MMSA) 0.160  Corr (MMSA)" in format_metrics(found)
    beyond = evaluate_predictions(y, [1.5, 2, 3, 4, 5], label_range=(-1, 1))
    assert math.isnan(beyond["corr_mmsa"])
    assert beyond["corr"] > 0.9


def test_metrics_come_in_the_order_in_which_they_are_shown():
    for table in (MOSI_METRICS, SIMS_METRICS):
        assert list(table) == [name for name in TITLES if name in table]


# many sets at once


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_leading_axes_are_sets_of_their_own(data):
    n = data.draw(st.integers(1, 8))
    y = data.draw(arrays(np.float64, (3, n), elements=FIFTHS))  # three resamples
    y_hat = data.draw(arrays(np.float64, (2, 3, n), elements=GUESSES))  # of two seeds
    for bound, table in ((3, MOSI_METRICS), (1, SIMS_METRICS)):
        found = {name: metric(y / 3 * bound, y_hat / 3 * bound) for name, metric in table.items()}
        for name, values in found.items():
            assert values.shape == (2, 3), name
        for seed, resample in np.ndindex(2, 3):
            alone = evaluate_predictions(
                y[resample] / 3 * bound, y_hat[seed, resample] / 3 * bound, (-bound, bound)
            )
            close({name: float(values[seed, resample]) for name, values in found.items()}, alone)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_weighted_f1_is_scikit_learns(rows):
    truth, guess, counted = np.array(rows).T
    expected = f1_score(truth, guess, average="weighted", zero_division=0)
    assert metrics.weighted_f1(truth, guess) == pytest.approx(expected, abs=1e-12)
    found = metrics.weighted_f1(truth, guess, counted)
    if counted.any():
        expected = f1_score(truth[counted], guess[counted], average="weighted", zero_division=0)
        assert found == pytest.approx(expected, abs=1e-12)
    else:
        assert math.isnan(found)


# properties


@settings(max_examples=60, deadline=None)
@given(pairs_of(FIFTHS), st.randoms(use_true_random=False))
def test_order_does_not_matter(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    before, after = (evaluate_predictions(*zip(*p, strict=True)) for p in (pairs, shuffled))
    for name in MOSI:
        assert after[name] == pytest.approx(before[name], abs=1e-12, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(FIFTHS, min_size=1, max_size=25))
@example([0.0, 0.0])
@example([0.2])
def test_perfect_predictions(y):
    for name, value in evaluate_predictions(y, y).items():
        if name == "corr":
            assert value == pytest.approx(1) if len(set(y)) > 1 else math.isnan(value)
        elif name.endswith("non0") and not any(y):
            assert math.isnan(value)
        else:
            assert value == (0 if name == "mae" else 1), name


@settings(max_examples=60, deadline=None)
@given(pairs_of(FIFTHS, st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_any_finite_float32_gives_numbers_in_range(pairs):
    y, p = zip(*pairs, strict=True)
    found = evaluate_predictions(y, np.array(p, np.float32))
    assert found["mae"] >= 0
    for name in MOSI - {"mae", "corr"}:
        assert 0 <= found[name] <= 1 or (name.endswith("non0") and not any(y))
    assert math.isnan(found["corr"]) or -1 <= found["corr"] <= 1


@settings(max_examples=60, deadline=None)
@given(pairs_of(FIFTHS), st.sampled_from([1e-20, 1e-3, 7.0, 1e20]), st.booleans())
def test_correlation_ignores_scale(pairs, factor, flip):
    y, p = map(np.array, zip(*pairs, strict=True))
    before = evaluate_predictions(y, p)["corr"]
    after = evaluate_predictions(y, (-factor if flip else factor) * p)["corr"]
    assert after == pytest.approx(-before if flip else before, abs=1e-9, nan_ok=True)


# degenerate input


def test_one_sample():
    found = evaluate_predictions([1.0], [1.2])
    assert math.isnan(found.pop("corr"))
    assert found.pop("mae") == pytest.approx(0.2)
    assert set(found.values()) == {1.0}


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 + 0.1, -3.3e38, 1e-30])
@pytest.mark.parametrize("side", ["labels", "predictions"])
def test_a_constant_side_has_no_correlation(constant, side):
    varied, flat = [-1.0, 0.5, 2.0, -0.3, 1.0, 0.1, 0.2], [constant] * 7
    pair = (flat, varied) if side == "labels" else (varied, flat)
    found = evaluate_predictions(*pair)
    assert math.isnan(found["corr"])
    assert math.isfinite(found["mae"])


def test_small_variation_is_not_constant():
    y = [-1.0, 0.0, 1.0]
    assert evaluate_predictions(y, [1.0, 1.0 + 1e-9, 1.0 + 2e-9])["corr"] == pytest.approx(1)
    assert evaluate_predictions(y, [1e-20, 2e-20, 3e-20])["corr"] == pytest.approx(1)


def test_only_zero_labels():
    found = evaluate_predictions([0.0, -0.0], [0.3, -0.2])
    assert math.isnan(found["acc2_non0"])
    assert math.isnan(found["f1_non0"])
    assert found["acc2_has0"] == 0.5


def test_one_class_on_each_side():
    found = evaluate_predictions([1.0, 2.0], [-1.0, -2.0])
    assert found["f1_has0"] == found["f1_non0"] == found["acc2_has0"] == 0.0
    found = evaluate_predictions([-1.0, -2.0], [-1.0, -3.0])
    assert found["f1_has0"] == found["f1_non0"] == 1.0


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([], [], "no predictions to evaluate"),
        ([1.0], [1.0, 2.0], r"shape \(1,\), predictions \(2,\)"),
        ([[1.0]], [[1.0]], r"both must be \(N,\)"),
        (1.0, 1.0, r"both must be \(N,\)"),
        ([0.0, math.nan], [0.0, 0.0], r"label number 1 \(from 0\) is nan"),
        ([0.0, 1.0], [math.inf, 0.0], r"prediction number 0 \(from 0\) is inf"),
        ([None, 1.0], [0.0, 0.0], r"label number 0 \(from 0\) is nan"),
        (["good"], [0.0], "labels are not numbers"),
        ([1.0], [[1.0], [2.0, 3.0]], "predictions are not numbers"),
    ],
)
def test_refuses(labels, predictions, message):
    with pytest.raises(CENetError, match=message):
        evaluate_predictions(labels, predictions)


# text


def test_the_line_names_every_convention():
    line = format_metrics(evaluate_predictions([-1.0, 0.0, 2.0], [-0.5, 0.25, 1.5]))
    assert re.findall(r"[A-Z][\w-]* \(\w+\)|[A-Z][\w-]*", line) == [
        "MAE",
        "Corr",
        "Acc-2 (has0)",
        "F1 (has0)",
        "Acc-2 (non0)",
        "F1 (non0)",
        "Acc-5",
        "Acc-7",
    ]
    assert "MAE 0.417" in line
    assert "Acc-2 (has0) 100.0 %" in line
    assert "Corr not defined" in format_metrics(evaluate_predictions([1.0], [1.0]))


def test_the_documentation_names_every_metric():
    for name in MOSI | SIMS:
        assert f"``{name}``" in metrics.__doc__
