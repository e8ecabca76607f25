"""Comparisons: the grid, the cache, the failures, the table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cenet_lib import CENetError, Corpus, Run, TrainingSettings
from cenet_lib.results.bootstrap import interval, paired_difference
from cenet_lib.results.experiments import compare, configurations, format_summary, run_name

pytestmark = pytest.mark.slow  # runs are trained first


def test_configurations_that_come_to_the_same_are_one():
    axes = {"fusion": ["none", "ce"], "streams": ["both", "shuffled"], "seed": [0, 1]}
    found = [(s.fusion, s.streams, s.seed) for s in configurations(axes)]
    assert found == [
        *(("none", "both", 0), ("none", "both", 1), ("ce", "both", 0), ("ce", "both", 1)),
        *(("ce", "shuffled", 0), ("ce", "shuffled", 1)),
    ]


def test_settings_of_ce_alone_make_no_second_run_of_others():
    """Settings that CE alone listens to leave one run of each way that does not."""
    axes = {
        "fusion": ["late", "mag", "none", "ce"],
        "attention_scale": [1.0, 8.0],
        "mask_padding": [True, False],
    }
    found = [s.fusion for s in configurations(axes, {"injection_layer": 1})]
    assert {name: found.count(name) for name in found} == {"late": 1, "mag": 1, "none": 1, "ce": 4}


def test_run_names_tell_everything_that_decides_apart():
    base = TrainingSettings()
    names = {
        run_name(settings, fingerprint, ["fusion"])
        for settings in (base, TrainingSettings(seed=1), TrainingSettings(warmup=0.2))
        for fingerprint in ("a", "b")
    }
    assert len(names) == 6
    assert run_name(TrainingSettings(wandb="offline"), "a", []) == run_name(base, "a", [])


@pytest.fixture(scope="module")
def base(small_backbone) -> dict:
    return {
        **{"backbone": str(small_backbone), "n_visual_codes": 4, "n_acoustic_codes": 3},
        **{"epochs": 12, "batch_size": 8, "lr_fusion": 2e-2, "lr_head": 2e-2, "lr_backbone": 3e-3},
        **{"device": "cpu"},
    }


@pytest.fixture(scope="module")
def comparison(small_corpus, base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    axes = {"fusion": ["none", "ce"], "seed": [0, 1]}
    return folder, compare(small_corpus, folder, axes, base, report=lambda _: None)


def test_summary_is_what_the_runs_say(comparison):
    folder, found = comparison
    assert list(found.runs["status"]) == ["done"] * 4
    for row in found.summary.to_dict("records"):
        runs = found.runs[found.runs["fusion"] == row["fusion"]]
        assert row["n"] == 2
        assert row["mae_mean"] == pytest.approx(runs["test_mae"].mean())
        assert row["mae_std"] == pytest.approx(runs["test_mae"].std())
    for row in found.runs.to_dict("records"):
        run = next(
            Run(p)
            for p in (folder / "runs").iterdir()
            if p.name.startswith(f"{row['fusion']}-seed{row['seed']}-")
        )
        test = run.predictions.query("split == 'test'")
        mae = (test["label"] - test["prediction"]).abs().mean()
        assert row["test_mae"] == pytest.approx(mae)
        # what choosing on test would have reported, from the watched epochs
        assert row["test_chosen_on_test_mae"] == pytest.approx(run.history["test_mae"].min())
        assert row["test_chosen_on_test_mae"] <= row["test_mae"] + 1e-5


def test_gain_over_words_only_is_paired_and_found(comparison):
    _, found = comparison
    none, ce = (found.summary.set_index("fusion").loc[name] for name in ("none", "ce"))
    assert np.isnan(none["mae_gain"])
    assert ce["mae_gain"] == pytest.approx(ce["mae_mean"] - none["mae_mean"])
    assert ce["mae_gain_low"] <= ce["mae_gain"] <= ce["mae_gain_high"]


def test_files_and_table(comparison):
    folder, found = comparison
    names = {p.name for p in folder.iterdir()}
    assert names == {"runs", "runs.csv", "summary.csv", "comparison.png"}
    pd.testing.assert_frame_equal(pd.read_csv(folder / "summary.csv"), found.summary)
    table = format_summary(found)
    assert table.count("\n") == 3
    assert f"{found.summary['mae_mean'][1]:.3f} ± " in table


def test_second_time_nothing_is_trained_and_more_seeds_train_only_themselves(
    comparison, small_corpus, base, monkeypatch
):
    folder, first = comparison
    import cenet_lib.results.experiments as experiments

    trained = []
    real = experiments.train
    monkeypatch.setattr(
        experiments, "train", lambda c, f, s, **k: trained.append(s.seed) or real(c, f, s, **k)
    )
    axes = {"fusion": ["none", "ce"], "seed": [0, 1]}
    again = compare(small_corpus, folder, axes, base, report=lambda _: None)
    assert trained == []
    pd.testing.assert_frame_equal(again.runs, first.runs)
    more = {"fusion": ["none"], "seed": [0, 1, 2]}
    compare(small_corpus, folder, more, base, report=lambda _: None)
    assert trained == [2]


def test_comparisons_in_one_folder_share_their_runs(comparison, small_corpus, base, monkeypatch):
    folder, first = comparison
    import cenet_lib.results.experiments as experiments

    monkeypatch.setattr(experiments, "train", lambda *_, **__: pytest.fail("trained again"))
    axes = {"attention_scale": [8.0], "streams": ["both"], "seed": [1]}
    other = compare(small_corpus, folder, axes, base, report=lambda _: None)
    [row] = other.runs.to_dict("records")
    same = first.runs.query("fusion == 'ce' and seed == 1")
    assert row["test_mae"] == same["test_mae"].item()


def test_k_is_the_size_of_both_vocabularies():
    found = configurations({"fusion": ["none", "ce"], "k": [4, 32]}, {"injection_layer": 2})
    assert [(s.fusion, s.n_visual_codes, s.n_acoustic_codes) for s in found] == [
        ("none", 16, 16),
        ("ce", 4, 4),
        ("ce", 32, 32),
    ]
    assert run_name(found[2], "a", ["fusion", "k"]).startswith("ce-32-seed0-")


def test_failures_are_rows(small_corpus, base, tmp_path):
    axes = {"injection_layer": [0, 9]}
    quick = {**base, "epochs": 1}
    found = compare(small_corpus, tmp_path, axes, quick, report=lambda _: None)
    assert list(found.runs["status"]) == ["done", "failed"]
    assert "layers 0 to 1" in found.runs["error"][1]
    assert len(found.summary) == 1
    assert "1 runs failed" in format_summary(found)


@pytest.fixture(scope="module")
def sims(small_corpus) -> Corpus:
    """The small corpus with labels as CH-SIMS has them."""
    return Corpus(
        "sims",
        *(
            [replace(u, label=u.label / 3) for u in small_corpus.splits[split]]
            for split in ("train", "valid", "test")
        ),
        label_range=(-1, 1),
    )


def test_ch_sims_is_compared_by_its_own_metrics(sims, base, tmp_path):
    axes = {"fusion": ["none", "ce"], "seed": [0, 1]}
    found = compare(sims, tmp_path, axes, {**base, "epochs": 2}, report=lambda _: None)
    assert list(found.runs["status"]) == ["done"] * 4
    assert found.summary["n"].tolist() == [2, 2]
    runs = {
        (r.config["settings"]["fusion"], r.config["settings"]["seed"]): r for r in opened(tmp_path)
    }
    for row in found.runs.to_dict("records"):
        test = runs[row["fusion"], row["seed"]].predictions.query("split == 'test'")
        clipped = (test["label"] - test["prediction"].clip(-1, 1)).abs().mean()
        assert row["test_mae_mmsa"] == pytest.approx(clipped)
        assert row["test_acc3"] == runs[row["fusion"], row["seed"]].metrics["test"]["acc3"]
    assert np.isfinite(found.summary["acc2_gain"][1])
    assert "acc2_has0_mean" not in found.summary
    head = format_summary(found).splitlines()[0]
    assert "| MAE | Corr | MAE (MMSA) | Corr (MMSA) | Acc-2 |" in head


def opened(folder) -> list[Run]:
    return [Run(path) for path in (folder / "runs").iterdir()]


def test_what_is_not_defined_is_said(small_corpus, base, tmp_path):
    """A test split of one segment has no correlation."""
    corpus = small_corpus.with_splits(small_corpus.train, small_corpus.valid, small_corpus.test[:1])
    axes = {"fusion": ["none", "ce"]}
    found = compare(corpus, tmp_path, axes, {**base, "epochs": 1}, report=lambda _: None)
    assert list(found.runs["status"]) == ["done"] * 2
    assert found.runs["test_corr"].isna().all()
    assert "not defined" in format_summary(found)
    assert (tmp_path / "comparison.png").is_file()


def test_other_word_ids_are_another_run(small_corpus, base, tmp_path):
    def brings(pos: int) -> Corpus:
        splits = {
            split: [
                replace(
                    u,
                    annotations={
                        "pos_ids": np.full(len(u.words), pos),
                        "polarity_ids": np.full(len(u.words), 2),
                    },
                )
                for u in utterances
            ]
            for split, utterances in small_corpus.splits.items()
        }
        return small_corpus.with_splits(**splits)

    def trained(corpus: Corpus, linguistic: str) -> Run:
        settings = {**base, "linguistic": linguistic, "epochs": 1}
        compare(corpus, tmp_path / "c", {"fusion": ["none"]}, settings, report=lambda line: None)
        return max(opened(tmp_path / "c"), key=lambda run: run.folder.stat().st_mtime_ns)

    one, other = trained(brings(1), "file"), trained(brings(3), "file")
    assert one.folder != other.folder
    assert one.config["settings"]["linguistic"] == "file"
    pos = one.processor(brings(1).train[0])["pos_ids"]
    assert set(pos.tolist()) == {1, 4}
    # what was asked for by name is what was used, whatever the file brings
    named = trained(brings(1), "offline")
    assert named.config["settings"]["linguistic"] == "offline"
    plain = small_corpus.train[0]
    assert np.array_equal(
        named.processor(brings(1).train[0])["pos_ids"], named.processor(plain)["pos_ids"]
    )


def test_a_comparison_needs_labels_of_test(small_corpus, base, tmp_path):
    unlabelled = [replace(u, label=None) for u in small_corpus.test]
    corpus = small_corpus.with_splits(small_corpus.train, small_corpus.valid, unlabelled)
    with pytest.raises(CENetError, match="small: no utterance of the test split has a label"):
        compare(corpus, tmp_path / "c", {"seed": [0]}, base)
    assert not (tmp_path / "c").exists()


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


def test_paired_difference_of_constant_predictions_has_no_correlation():
    y = np.linspace(-1, 1, 50)
    result = paired_difference(y, np.zeros((1, 50)), y[None])
    assert np.isnan(result["corr"][0])
    assert result["mae"][0] > 0
