"""Figures: what they draw is what the table says, and a printer without colours keeps it apart."""

import io

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cenet_lib import CENetError
from cenet_lib.results import plots
from cenet_lib.results.bootstrap import mean_interval


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
    """The lines by what the legend calls them; seaborn draws its own first, in the same order."""
    drawn = [line for line in ax.lines if len(line.get_xdata())]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    return dict(zip(names, drawn, strict=True))


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
        (pytest.approx(1.0), pytest.approx(1.2)),
        (pytest.approx(1 / 3), pytest.approx(1.2)),
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
    (points,) = ax.collections
    assert (points.get_offsets() == predictions[["label", "prediction"]].to_numpy()).all()
    agree = (np.sign(predictions["label"]) == np.sign(predictions["prediction"])).to_numpy()
    shapes = np.array([len(path.vertices) for path in points.get_paths()])
    colors = [tuple(color) for color in points.get_facecolors()]
    for looks in (shapes.tolist(), colors):
        same = {look for look, yes in zip(looks, agree, strict=True) if yes}
        other = {look for look, yes in zip(looks, agree, strict=True) if not yes}
        assert (len(same), len(other)) == (1, 1)
        assert same != other
    assert ax.get_xlim() == ax.get_ylim()
    assert ax.get_aspect() == 1
    above, beside = ax.child_axes
    assert sum(bar.get_height() for bar in above.patches) == 200
    assert sum(bar.get_width() for bar in beside.patches) == 200
    bare = Figure().subplots()
    assert plots.predicted_against_true(predictions, bare, marginals=False).child_axes == []


def test_confusion_counts_shares_of_each_true_class(ax):
    table = pd.DataFrame({"label": [-3, -3, 0, 2, np.nan], "prediction": [-3.4, 1, 0.2, 2.4, 1]})
    plots.confusion_by_class(table, ax)
    shown = ax.collections[0].get_array()
    assert shown[0].tolist() == [50, 0, 0, 0, 50, 0, 0]
    assert (shown[3, 3], shown[5, 5]) == (100, 100)
    assert shown.mask[1].all()  # nobody is of this class
    assert [text.get_text() for text in ax.texts[:7]] == ["50", "0", "0", "0", "50", "0", "0"]
    assert ax.get_yticklabels()[0].get_text() == "−3 (2)"
    three = plots.confusion_by_class(table, Figure().subplots(), bound=None)
    shown = three.collections[0].get_array()
    assert shown.tolist() == [[50, 0, 50], [0, 0, 100], [0, 0, 100]]


def test_error_by_length_has_an_interval_around_each_mean(ax, predictions):
    plots.error_by_length(predictions, ax, groups=4)
    means, *intervals, whole = ax.lines
    assert len(intervals) == 4
    for mean, interval in zip(means.get_ydata(), intervals, strict=True):
        low, high = interval.get_ydata()
        assert low < mean < high
    error = (predictions["prediction"] - predictions["label"]).abs()
    length = predictions["words"].str.split().str.len()
    spans = [t.get_text().split("\n")[0].split("–") for t in ax.get_xticklabels()]
    groups = [error[length.between(int(low), int(high))] for low, high in spans]
    assert [group.mean() for group in groups] == pytest.approx(means.get_ydata())
    assert tuple(intervals[0].get_ydata()) == pytest.approx(mean_interval(groups[0]))
    assert whole.get_ydata()[0] == pytest.approx(error.mean())
    counts = [int(t.get_text().split("\n")[1].strip("()")) for t in ax.get_xticklabels()]
    assert counts == [len(group) for group in groups]
    assert sum(counts) == 200


def test_variants_show_the_mean_its_interval_and_every_seed(ax):
    runs = pd.DataFrame(
        {
            "fusion": ["none", "none", "none", "ce", "ce", "mag"],
            "test_acc2_non0": [0.70, 0.72, 0.74, 0.80, np.nan, np.nan],
        }
    )
    plots.metric_by_variant(runs, ax, metric="test_acc2_non0")
    means, none, ce, _ = ax.lines
    assert means.get_xdata() == pytest.approx([72, 80, np.nan], nan_ok=True)
    assert none.get_xdata() == pytest.approx(
        [72 - 4.303 * 2 / 3**0.5, 72 + 4.303 * 2 / 3**0.5], 1e-4
    )
    assert np.isnan(ce.get_xdata()).all()  # one seed: no interval
    seeds = [dots.get_offsets() for dots in ax.collections]
    assert seeds[0].tolist() == [pytest.approx([value, 0]) for value in (70, 72, 74)]
    assert seeds[1].tolist() == [pytest.approx([80, 1])]  # the failed run is left out
    assert len(seeds) == 2
    assert [t.get_text() for t in ax.get_yticklabels()] == ["none", "ce", "mag"]
    assert ax.yaxis_inverted()  # the first variant on top
    assert "on test" in ax.get_xlabel()


@pytest.mark.parametrize(
    ("n", "t"), [(2, 12.706), (3, 4.303), (5, 2.776), (10, 2.262), (30, 2.045)]
)
def test_the_interval_over_seeds_is_students(n, t):
    """The factors are those of a printed table of t, 95 %, two-sided."""
    values = np.random.default_rng(n).normal(0.7, 0.02, n)
    low, high = plots.seed_interval(values)
    half = t * values.std(ddof=1) / n**0.5
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), rel=1e-4)


def test_code_usage_is_sorted_and_compared_with_even_use(ax):
    plots.code_usage(pd.DataFrame({"code": [0, 1, 2], "share": [0.2, 0.5, 0.3]}), ax)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([50, 30, 20])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "0"]
    assert ax.lines[0].get_ydata()[0] == pytest.approx(100 / 3)
    many = pd.DataFrame({"code": range(64), "share": 1 / 64})
    assert plots.code_usage(many, Figure().subplots()).get_xticklabels() == []  # no room for 64


def test_k_selection_puts_three_criteria_on_one_scale(ax):
    table = pd.DataFrame(
        {"k": [8, 2], "inertia": [5, 10], "silhouette": [0.3, 0.2], "entropy": [1.5, 1.0]}
    )
    plots.k_selection(table, ax)
    inertia, silhouette, entropy = lines(ax).values()
    assert inertia.get_xdata().tolist() == [2, 8]
    assert inertia.get_ydata() == pytest.approx([1, 0.5])
    assert silhouette.get_ydata() == pytest.approx([0.2, 0.3])
    assert entropy.get_ydata() == pytest.approx([1, 0.5])
    assert len(tell_apart([inertia, silhouette, entropy])) == 3


def test_word_polarity_averages_and_hatches_the_negative(ax):
    table = pd.DataFrame({"word": ["bad", "good", "bad", "$5"], "polarity": [-2, 3, -1, 0.5]})
    plots.word_polarity(table, ax)
    bars = sorted(ax.patches, key=lambda bar: bar.get_y())
    assert [bar.get_width() for bar in bars] == pytest.approx([3, 0.5, -1.5])
    assert [bool(bar.get_hatch()) for bar in bars] == [False, False, True]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["good", r"\$5", "bad"]
    ax.figure.savefig(io.BytesIO(), format="png")  # a dollar sign is no formula


def test_attention_entropy_over_training(ax, history):
    plots.attention_entropy(history, ax, n_codes=16)
    curves = lines(ax)
    assert curves["face"].get_ydata() == pytest.approx([2.6, 2.1, 1.6])
    assert curves["all 16 codes alike"].get_ydata()[0] == 4
    assert len(tell_apart([curves["face"], curves["voice"]])) == 2
    assert "bits" in ax.get_ylabel()


def test_every_figure_makes_its_own_axes_and_says_what_a_table_lacks(predictions):
    ax = plots.confusion_by_class(predictions)
    plt.close(ax.figure)
    with pytest.raises(CENetError, match="error_by_length: the table lacks words; it has label"):
        plots.error_by_length(predictions.drop(columns="words"))
    with pytest.raises(CENetError, match="no rows"):
        plots.code_usage(pd.DataFrame({"code": [], "share": []}))
    with pytest.raises(CENetError, match="confusion_by_class: no utterance has a label"):
        plots.confusion_by_class(predictions.assign(label=np.nan))


def test_a_figure_has_the_theme_and_leaves_matplotlib_as_it_was(predictions):
    before = dict(mpl.rcParams)
    assert before["axes.spines.top"]
    ax = plots.predicted_against_true(predictions)
    assert not ax.spines["top"].get_visible()
    assert dict(mpl.rcParams) == before
    with plots.theme():
        inside = plt.figure().subplots()
    assert not inside.spines["top"].get_visible()
    assert dict(mpl.rcParams) == before
    plt.close("all")


def test_the_theme_can_be_set_for_good():
    with mpl.rc_context():
        plots.set_theme()
        ax = plt.figure().subplots()
        (line,) = ax.plot([0, 1])
        assert (line.get_color(), ax.spines["top"].get_visible()) == (plots.BLUE, False)
        plt.close(ax.figure)


def test_a_metric_that_was_never_defined_leaves_its_curve_out():
    missing = {"train_corr": [0.1, 0.2], "valid_corr": [np.nan, np.nan]}
    history = pd.DataFrame({"epoch": [1, 2], **missing, "chosen": [True, False]})
    ax = plots.learning_curves(history, metric="corr")
    drawn = [np.asarray(line.get_ydata(), float) for line in ax.lines]
    assert any(np.array_equal(y, [0.1, 0.2]) for y in drawn)
    ax.figure.canvas.draw()


@pytest.mark.parametrize("n", [1, 5])
def test_constant_labels_and_predictions_can_be_drawn(n):
    table = pd.DataFrame({"label": [1.0] * n, "prediction": [0.5] * n})
    ax = plots.predicted_against_true(table)
    assert ax.collections[0].get_offsets().tolist() == [[1.0, 0.5]] * n
    ax.figure.canvas.draw()
