"""Training end to end: the run folder, what was learnt, what is refused."""

import inspect
import json
import traceback
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from small import make_backbone, make_corpus

from cenet_lib import (
    CENetError,
    CENetProcessor,
    Corpus,
    Run,
    TrainingSettings,
    predict,
    train,
)
from cenet_lib.__main__ import main
from cenet_lib.commands.train import _spread
from cenet_lib.prediction import evaluate


@pytest.fixture
def quick(small_backbone) -> dict:
    """Settings for one epoch on the small corpus."""
    return {
        "backbone": str(small_backbone),
        "n_visual_codes": 4,
        "n_acoustic_codes": 3,
        "epochs": 1,
        "batch_size": 16,
        "device": "cpu",
    }


def test_run_folder_holds_what_it_promises(small_run, small_corpus):
    names = {path.name for path in small_run.folder.iterdir()}
    assert names == {
        *("config.json", "model", "history.csv", "metrics.json", "predictions.csv"),
        *("manifest.json", "learning_curves.png", "predictions.png"),
    }
    assert small_run.config["corpus"]["fingerprint"] == small_corpus.fingerprint()
    assert small_run.config["settings"]["epochs"] == 16
    assert list(small_run.history["epoch"]) == list(range(1, 17))
    for name in ("learning_curves.png", "predictions.png"):
        assert (small_run.folder / name).read_bytes().startswith(b"\x89PNG")


def test_predictions_are_complete_in_order_and_belong_to_the_metrics(small_run, small_corpus):
    table = small_run.predictions
    assert list(table["id"]) == [utterance.id for utterance in small_corpus]
    assert list(table["split"].unique()) == ["train", "valid", "test"]
    assert list(table["words"]) == [utterance.text for utterance in small_corpus]
    np.testing.assert_allclose(table["label"], [u.label for u in small_corpus])
    again = evaluate(table, (-3, 3))
    for split in ("valid", "test"):
        for name, value in again[split].items():
            assert small_run.metrics[split][name] == pytest.approx(value)


def test_each_utterance_is_encoded_once(quick, small_corpus, tmp_path, monkeypatch):
    made, encode = [], CENetProcessor._encode

    def counted(processor, utterances):
        made.extend(utterance.id for utterance in utterances)
        return encode(processor, utterances)

    monkeypatch.setattr(CENetProcessor, "_encode", counted)
    train(small_corpus, tmp_path / "run", TrainingSettings(**quick))
    assert sorted(made) == sorted(utterance.id for utterance in small_corpus)


def test_chosen_epoch_is_the_best_on_valid_and_its_weights_are_saved(small_run, small_corpus):
    history = small_run.history
    best = history.loc[history["valid_mae"].idxmin()]
    assert small_run.metrics["best_epoch"] == best["epoch"]
    assert history.loc[history["chosen"], "epoch"].tolist() == [best["epoch"]]
    assert small_run.metrics["valid"]["mae"] == pytest.approx(best["valid_mae"], abs=1e-4)
    table = predict(small_run.model, small_run.processor, small_corpus.test)
    saved = small_run.predictions.query("split == 'test'")["prediction"]
    np.testing.assert_allclose(table["prediction"], saved, atol=2e-6)


@pytest.mark.slow
def test_streams_help_and_shuffled_streams_do_not(small_run, tmp_path):
    corpus = make_corpus(sizes=(192, 48, 96))  # of fewer, chance decides
    common = {**small_run.config["settings"], "lr_backbone": 3e-4, "epochs": 12}
    mae = {}
    for name, changed in (
        ("ce", {}),
        ("shuffled", {"streams": "shuffled"}),
        ("none", {"fusion": "none"}),
    ):
        run = train(corpus, tmp_path / name, TrainingSettings(**{**common, **changed}))
        mae[name] = run.metrics["test"]["mae"]
    assert mae["ce"] < 0.8 * min(mae["shuffled"], mae["none"])


def test_same_seed_same_run_and_another_seed_another(small_corpus, quick, tmp_path):
    runs = [
        train(small_corpus, tmp_path / str(i), TrainingSettings(**quick, seed=seed))
        for i, seed in enumerate((3, 3, 4))
    ]
    first, second, third = (run.predictions["prediction"] for run in runs)
    assert first.equals(second)
    assert not first.equals(third)
    history = [run.history.drop(columns="chosen") for run in runs]
    pd.testing.assert_frame_equal(history[0], history[1])


def test_utterances_without_label_get_predictions_but_do_not_train(quick, tmp_path):
    corpus = make_corpus()
    hidden = [replace(u, label=None) for u in corpus.train[:6]] + list(corpus.train[6:])
    corpus = Corpus("some", hidden, corpus.valid, corpus.test)
    run = train(corpus, tmp_path / "run", TrainingSettings(**quick))
    assert run.predictions["label"].isna().sum() == 6
    assert run.predictions["prediction"].notna().all()


def test_patience_stops_early(small_corpus, quick, tmp_path):
    # With a learning rate of zero nothing ever improves after the first epoch.
    still = {"lr_backbone": 0.0, "lr_fusion": 0.0, "lr_head": 0.0}
    settings = TrainingSettings(**{**quick, "epochs": 9}, **still, patience=2)
    run = train(small_corpus, tmp_path / "run", settings)
    assert len(run.history) == 3
    assert run.metrics["best_epoch"] == 1


@pytest.mark.parametrize("settings", [{"precision": "bf16"}, {"gradient_checkpointing": True}])
def test_savings_of_memory_train(small_corpus, quick, tmp_path, settings):
    run = train(small_corpus, tmp_path / "run", TrainingSettings(**quick, **settings))
    assert np.isfinite(run.predictions["prediction"]).all()


def test_accumulation_takes_the_same_steps(small_corpus, quick, tmp_path):
    backbone = make_backbone(tmp_path / "still", dropout=0.0)
    still = {"backbone": str(backbone), "head_dropout": 0.0, "epochs": 2, "batch_size": 13}
    whole, parts = (
        train(
            small_corpus,
            tmp_path / str(accumulate),
            TrainingSettings(**{**quick, **still}, lr_backbone=1e-3, accumulate=accumulate),
        )
        for accumulate in (1, 3)
    )
    np.testing.assert_allclose(whole.history["train_mse"], parts.history["train_mse"], rtol=1e-5)
    np.testing.assert_allclose(
        whole.predictions["prediction"], parts.predictions["prediction"], atol=1e-5
    )


def test_loss_that_is_no_number_stops_with_step_ids_and_causes(small_corpus, quick, tmp_path):
    settings = TrainingSettings(**{**quick, "epochs": 30}, max_grad_norm=0.0).__dict__
    settings = TrainingSettings(**{**settings, "lr_backbone": 1e38, "warmup": 0.0})
    with pytest.raises(CENetError) as error:
        train(small_corpus, tmp_path / "run", settings)
    text = str(error.value)
    assert "the loss became" in text
    assert "step " in text
    assert "train" in text  # ids of the small corpus begin so
    assert "learning rate that is too high (lr_backbone" in text
    assert not (tmp_path / "run").exists()


def test_existing_folder_is_refused_and_left_alone(small_run, small_corpus, quick, tmp_path):
    with pytest.raises(CENetError, match="exists already"):
        train(small_corpus, small_run.folder, TrainingSettings(**quick))
    assert small_run.metrics == json.loads((small_run.folder / "metrics.json").read_text())


def test_a_folder_that_is_no_run_says_so(tmp_path):
    with pytest.raises(CENetError, match=r"is not a finished run .* train one with"):
        Run(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CENetError, match="go on with: python -m cenet_lib train --resume"):
        Run(tmp_path)


def test_the_step_is_four_calls_from_the_command_line(
    small_run, small_backbone, tmp_path, monkeypatch
):
    """The loop is in plain sight: command, train, train_epoch, and there is the step."""
    calls = []

    def step(optimizer, *args, **kwargs):
        stack = [frame.filename for frame in traceback.extract_stack()]
        ours = [name for name in stack if "cenet_lib" in name and "test" not in name]
        calls.append([name.rpartition("cenet_lib")[2] for name in ours])
        return original(optimizer, *args, **kwargs)

    original = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    options = ["--backbone", str(small_backbone), "--epochs", "1", "--device", "cpu"]
    options += ["--corpus", str(small_run.folder.parent / "corpus"), "--n-visual-codes", "4"]
    options += ["--n-acoustic-codes", "3", "--out", str(tmp_path / "run")]
    assert main(["train", *options]) == 0
    assert calls[0] == ["/__main__.py", "/commands/train.py", "/training.py", "/training.py"]
    assert "optimizer.step()" in inspect.getsource(
        __import__("cenet_lib.training").training.train_epoch
    )


# metrics that are not defined

NOT_DEFINED = {
    "one segment": {"sizes": (24, 8, 1)},
    "constant labels": {"test": {"label": 0.0}},
    "constant labels on valid": {"valid": {"label": 1.0}},
    "one label on test": {"test": {"label": None}, "first": {"label": 1.0}},
}


def undefined_corpus(sizes=(24, 8, 8), first=None, **changes) -> Corpus:
    corpus = make_corpus(sizes=sizes)
    splits = {
        split: [replace(u, **changes.get(split, {})) for u in utterances]
        for split, utterances in corpus.splits.items()
    }
    if first is not None:
        splits["test"][0] = replace(splits["test"][0], **first)
    return Corpus("odd", **splits)


@pytest.mark.parametrize("changes", NOT_DEFINED.values(), ids=NOT_DEFINED)
def test_a_metric_that_is_not_defined_is_said_and_kept_and_the_next_seed_is_trained(
    changes, quick, tmp_path, capsys
):
    undefined_corpus(**changes).save(tmp_path / "corpus")
    out = tmp_path / "runs"
    options = [f"--{name.replace('_', '-')}={value}" for name, value in quick.items()]
    options += ["--corpus", str(tmp_path / "corpus"), "--out", str(out), "--seed", "0", "1"]
    assert main(["train", *options]) == 0
    printed = capsys.readouterr().out
    split = "valid" if "valid" in changes else "test"
    assert f"\n{split:<6} MAE " in printed
    assert "Corr not defined" in printed
    assert ("  Corr          not defined\n" in printed) == (split == "test")
    for seed in (0, 1):
        run = Run(out / f"seed{seed}")
        assert run.metrics[split]["corr"] is None
        assert np.isfinite(run.metrics[split]["mae"])
        assert '"corr": null' in (run.folder / "metrics.json").read_text()
        assert run.history["valid_corr"].isna().all() == (split == "valid")
    assert main(["evaluate", "--run", str(out / "seed0"), "--split", split]) == 0
    printed = capsys.readouterr().out
    assert "  Corr          not defined\n" in printed
    known = f"  MAE           {Run(out / 'seed0').metrics[split]['mae']:.3f}   ["
    assert known in printed


def test_what_is_not_defined_for_some_seeds_only_is_said():
    values = ((0.6, 0.5), (0.8, None))
    runs = [type("R", (), {"metrics": {"test": {"mae": m, "corr": c}}}) for m, c in values]
    lines = _spread(runs).splitlines()
    assert lines[1] == "  MAE           0.700 ± 0.141"
    assert lines[2] == "  Corr          0.500   (of 1 of them; else not defined)"


def test_a_test_split_without_labels_does_not_end_the_training(quick, tmp_path):
    corpus = undefined_corpus(test={"label": None})
    run = train(corpus, tmp_path / "run", TrainingSettings(**quick))
    assert "test" not in run.metrics
    assert run.predictions.query("split == 'test'")["prediction"].notna().all()


def test_a_model_that_predicts_no_number_is_refused(small_run, small_corpus):
    model = Run(small_run.folder).model
    with torch.no_grad():
        model.head.output.bias.fill_(torch.nan)
    with pytest.raises(CENetError, match=r"segment test\S+: the model predicts nan"):
        predict(model, small_run.processor, small_corpus.test)
