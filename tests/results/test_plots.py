"""Figures: what they draw is what the table says, and a printer without colours keeps it apart."""

import io

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cenet_lib import CENetError
from cenet_lib.results import plots


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


@pytest.fixture
def history():
    rows = []
    for seed, shift in ((0, 0.0), (1, 0.2)):
        for epoch in (1, 2, 3):
            rows.append(
                {
                    "seed": seed,
                    "epoch": epoch,
                    "train_mae": 1 / epoch + shift,
                    "valid_mae": 1.0 + shift,
                    "train_acc7": 0.4,
                    "valid_acc7": 0.3,
                    "valid_visual_entropy": 3 - epoch / 2 + shift,
                    "valid_acoustic_entropy": 2.0,
                    "chosen": epoch == 2,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    label = rng.uniform(-3, 3, 200)
    words = [" ".join(["word"] * n) for n in rng.integers(3, 40, 200)]
    prediction = label + 0.5 * rng.standard_normal(200)
    return pd.DataFrame({"words": words, "label": label, "prediction": prediction})


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def tell_apart(lines):
    """The ways in which lines differ without colour."""
    return {(line.get_linestyle(), line.get_marker()) for line in lines}


def test_learning_curves_show_the_mean_and_the_spread_over_seeds(ax, history):
    assert plots.learning_curves(history, ax) is ax
    curves = lines(ax)
    assert curves["train"].get_ydata() == pytest.approx([1.1, 0.6, 1 / 3 + 0.1])
    assert curves["chosen on valid"].get_xdata().tolist() == [2, 2]
    bands = [band.get_paths()[0].vertices[:, 1] for band in ax.collections]
    assert [(b.min(), b.max()) for b in bands] == [
        (pytest.approx(1 / 3), pytest.approx(1.2)),
        (pytest.approx(1.0), pytest.approx(1.2)),
    ]
    assert len(tell_apart([curves["train"], curves["valid"]])) == 2
    assert "intensity" in ax.get_ylabel()


def test_learning_curves_of_one_run_have_no_band_and_shares_are_percent(ax, history):
    one = history[history["seed"] == 0].drop(columns="seed")
    before = one.copy()
    plots.learning_curves(one, ax, "acc7")
    assert len(ax.collections) == 0
    assert lines(ax)["valid"].get_ydata() == pytest.approx([30, 30, 30])
    assert "%" in ax.get_ylabel()
    pd.testing.assert_frame_equal(one, before)  # the caller's table stays as it is


def test_predicted_against_true_tells_signs_apart_by_marker_and_has_marginals(ax, predictions):
    plots.predicted_against_true(predictions, ax)
    same, other = ax.collections[:2]
    agree = (np.sign(predictions["label"]) == np.sign(predictions["prediction"])).sum()
    assert (len(same.get_offsets()), len(other.get_offsets())) == (agree, 200 - agree)
    assert len(same.get_paths()[0].vertices) != len(other.get_paths()[0].vertices)
    above, beside = ax.child_axes
    assert sum(bar.get_height() for bar in above.patches) == 200
    assert sum(bar.get_width() for bar in beside.patches) <= 200
    bare = Figure().subplots()
    assert plots.predicted_against_true(predictions, bare, marginals=False).child_axes == []


def test_confusion_counts_shares_of_each_true_class(ax):
    table = pd.DataFrame({"label": [-3, -3, 0, 2, np.nan], "prediction": [-3.4, 1, 0.2, 2.4, 1]})
    plots.confusion_by_class(table, ax)
    shown = ax.images[0].get_array()
    assert shown[0].tolist() == [50, 0, 0, 0, 50, 0, 0]
    assert (shown[3, 3], shown[5, 5], shown[1].sum()) == (100, 100, 0)
    assert ax.get_yticklabels()[0].get_text() == "−3  (n = 2)"
    three = plots.confusion_by_class(table, Figure().subplots(), bound=None)
    assert three.images[0].get_array().tolist() == [[50, 0, 50], [0, 0, 100], [0, 0, 100]]


def test_error_by_length_has_an_interval_around_each_mean(ax, predictions):
    plots.error_by_length(predictions, ax, groups=4)
    drawn = ax.lines[:-1]
    assert len(drawn) == 8
    for interval, mean in zip(drawn[::2], drawn[1::2], strict=True):
        low, high = interval.get_ydata()
        assert low < mean.get_ydata()[0] < high
    counts = [int(t.get_text().split("n = ")[1]) for t in ax.get_xticklabels()]
    assert sum(counts) == 200


def test_variants_show_the_mean_its_interval_and_every_seed(ax):
    runs = pd.DataFrame(
        {
            "fusion": ["none", "none", "none", "ce", "ce"],
            "test_acc2_non0": [0.70, 0.72, 0.74, 0.80, np.nan],
        }
    )
    plots.metric_by_variant(runs, ax, metric="test_acc2_non0")
    seeds, interval, mean, seeds_ce, mean_ce = ax.lines
    assert mean.get_xdata() == pytest.approx([72])
    assert interval.get_xdata() == pytest.approx([72 - 4.30 * 2 / 3**0.5, 72 + 4.30 * 2 / 3**0.5])
    assert seeds.get_xdata() == pytest.approx([70, 72, 74])
    assert len(seeds_ce.get_xdata()) == 1  # the failed run is left out
    assert mean_ce.get_xdata() == pytest.approx([80])  # one seed: no interval
    assert "on test" in ax.get_xlabel()


def test_code_usage_is_sorted_and_compared_with_even_use(ax):
    plots.code_usage(pd.DataFrame({"code": [0, 1, 2], "share": [0.2, 0.5, 0.3]}), ax)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([50, 30, 20])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "0"]
    assert ax.lines[0].get_ydata()[0] == pytest.approx(100 / 3)


def test_code_profiles_show_the_channels_that_differ_and_their_signs(ax):
    profile = np.zeros((3, 5))
    profile[0, 1], profile[1, 3] = 2.5, -2.0
    plots.code_profiles(profile, ["a", "b", "c", "d", "e"], ax, channels=2)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["b", "d"]
    assert [t.get_text() for t in ax.texts] == ["+", "−"]
    low, high = ax.images[0].get_clim()
    assert (low, high) == (-2.5, 2.5)


def test_k_selection_puts_three_criteria_on_one_scale(ax):
    table = pd.DataFrame(
        {"k": [8, 2], "inertia": [5, 10], "silhouette": [0.3, 0.2], "entropy": [1.5, 1.0]}
    )
    plots.k_selection(table, ax)
    inertia, silhouette, entropy = ax.lines
    assert inertia.get_ydata() == pytest.approx([1, 0.5])
    assert silhouette.get_ydata() == pytest.approx([0.2, 0.3])
    assert entropy.get_ydata() == pytest.approx([1, 0.5])
    assert len(tell_apart(ax.lines)) == 3


def test_word_polarity_averages_and_hatches_the_negative(ax):
    table = pd.DataFrame({"word": ["bad", "good", "bad", "$5"], "polarity": [-2, 3, -1, 0.5]})
    plots.word_polarity(table, ax)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([-1.5, 0.5, 3])
    assert [bool(bar.get_hatch()) for bar in ax.patches] == [True, False, False]
    ax.figure.savefig(io.BytesIO(), format="png")  # a dollar sign is no formula


def test_attention_entropy_over_training(ax, history):
    plots.attention_entropy(history, ax, n_codes=16)
    curves = lines(ax)
    assert curves["face"].get_ydata() == pytest.approx([2.6, 2.1, 1.6])
    assert curves["all 16 codes alike"].get_ydata()[0] == 4
    assert len(tell_apart([curves["face"], curves["voice"]])) == 2
    assert "bits" in ax.get_ylabel()


def test_every_figure_makes_its_own_axes_and_says_what_a_table_lacks(predictions):
    import matplotlib.pyplot as plt

    ax = plots.confusion_by_class(predictions)
    plt.close(ax.figure)
    with pytest.raises(CENetError, match="error_by_length: the table lacks words; it has label"):
        plots.error_by_length(predictions.drop(columns="words"))
    with pytest.raises(CENetError, match="no rows"):
        plots.code_usage(pd.DataFrame({"code": [], "share": []}))
