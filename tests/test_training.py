"""Training end to end: the run folder, what was learnt, what is refused."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from small import make_backbone, make_corpus

from cenet_lib import CENetError, Corpus, Run, TrainingSettings, predict, train
from cenet_lib.prediction import evaluate, predict_stream
from cenet_lib.runs.preparation import select_streams


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
        *("learning_curves.png", "predictions.png"),
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


def test_chosen_epoch_is_the_best_on_valid_and_its_weights_are_saved(small_run, small_corpus):
    history = small_run.history
    best = history.loc[history["valid_mae"].idxmin()]
    assert small_run.metrics["best_epoch"] == best["epoch"]
    assert history.loc[history["chosen"], "epoch"].tolist() == [best["epoch"]]
    assert small_run.metrics["valid"]["mae"] == pytest.approx(best["valid_mae"], abs=1e-4)
    table = predict(small_run.model, small_run.processor, small_corpus.test)
    saved = small_run.predictions.query("split == 'test'")["prediction"]
    np.testing.assert_allclose(table["prediction"], saved, atol=2e-6)


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


def test_saved_run_predicts_offline_in_a_new_process(small_run):
    code = (
        "import sys; from cenet_lib import Run, load_corpus, predict\n"
        "run = Run(sys.argv[1])\n"
        "corpus = load_corpus(sys.argv[2])\n"
        "table = predict(run.model, run.processor, corpus.test)\n"
        "print(*table['prediction'])"
    )
    corpus = small_run.folder.parent / "corpus"
    done = subprocess.run(
        [sys.executable, "-c", code, str(small_run.folder), str(corpus)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = small_run.predictions.query("split == 'test'")["prediction"]
    np.testing.assert_allclose([float(x) for x in done.stdout.split()], here, atol=2e-6)


def test_predict_stream_reads_no_further_than_a_window(small_run):
    corpus = make_corpus(sizes=(64, 16, 16), seed=5)
    taken = 0

    def endless():
        nonlocal taken
        while True:
            for utterance in corpus:
                taken += 1
                yield utterance

    rows = predict_stream(small_run.model, small_run.processor, endless(), batch_size=2)
    first = [next(rows) for _ in range(5)]
    assert taken == 32  # sixteen batches of two
    assert [row[0] for row in first] == [u.id for u in list(corpus)[:5]]


def test_predictions_do_not_depend_on_company(small_run, small_corpus):
    together = predict(small_run.model, small_run.processor, small_corpus.test, batch_size=16)
    alone = predict(small_run.model, small_run.processor, small_corpus.test, batch_size=1)
    np.testing.assert_allclose(together["prediction"], alone["prediction"], atol=1e-5)


def test_predict_leaves_the_model_as_it_was(small_run, small_corpus):
    small_run.model.train()
    predict(small_run.model, small_run.processor, small_corpus.test[:2])
    assert small_run.model.training
    small_run.model.eval()


def test_utterances_without_label_get_predictions_but_do_not_train(quick, tmp_path):
    from dataclasses import replace

    corpus = make_corpus()
    hidden = [replace(u, label=None) for u in corpus.train[:6]] + list(corpus.train[6:])
    corpus = Corpus("some", hidden, corpus.valid, corpus.test)
    run = train(corpus, tmp_path / "run", TrainingSettings(**quick))
    assert run.predictions["label"].isna().sum() == 6
    assert run.predictions["prediction"].notna().all()


def test_utterances_without_frames_still_get_predictions(small_run):
    from dataclasses import replace

    utterance = make_corpus(seed=7).test[0]
    bare = replace(utterance, visual=utterance.visual[:0], acoustic=utterance.acoustic[:0])
    table = predict(small_run.model, small_run.processor, [utterance, bare])
    assert np.isfinite(table["prediction"]).all()
    assert table["prediction"][0] != table["prediction"][1]


@pytest.mark.parametrize("stream", ["visual", "acoustic"])
def test_a_corpus_without_one_stream_trains(quick, tmp_path, stream):
    settings = TrainingSettings(**quick, streams=stream)
    corpus = select_streams(make_corpus(), settings)
    lost = "acoustic" if stream == "visual" else "visual"
    assert all(len(u.frames(lost)) == 0 and len(u.frames(stream)) for u in corpus)
    run = train(make_corpus(), tmp_path / "run", settings)
    assert run.processor.vocabularies[lost] is None
    assert run.processor.vocabularies[stream] is not None


def test_shuffled_streams_keep_words_and_labels_and_stay_in_their_split(small_corpus):
    mixed = select_streams(small_corpus, TrainingSettings(streams="shuffled"))
    for split, utterances in small_corpus.splits.items():
        own = {u.visual.tobytes() for u in utterances}
        dealt = [u.visual.tobytes() for u in mixed.splits[split]]
        assert set(dealt) == own
        moved = [d != u.visual.tobytes() for d, u in zip(dealt, utterances, strict=True)]
        assert np.mean(moved) > 0.7
        assert [(u.id, u.words, u.label) for u in mixed.splits[split]] == [
            (u.id, u.words, u.label) for u in utterances
        ]


def test_settings_reach_the_model(small_corpus, quick, tmp_path):
    settings = TrainingSettings(
        **{**quick, "batch_size": 48},
        injection_layer=0,
        attention_scale=2.0,
        mask_padding=False,
        pad_frames_to=10,
        linguistic="offline",
        max_length=8,
        freeze_layers=1,
    )
    run = train(small_corpus, tmp_path / "run", settings)
    config = run.model.config
    assert (config.injection_layer, config.attention_scale) == (0, 2.0)
    assert not config.mask_padding
    assert config.linguistic
    assert run.processor.max_length == 8
    features = run.processor(small_corpus.train[0])
    assert features["visual_counts"].sum() == 10
    assert len(features["pos_ids"]) == len(features["input_ids"]) <= 8


def test_frozen_layers_stay_and_others_move(small_corpus, small_backbone, quick, tmp_path):
    from transformers import AutoModel

    run = train(small_corpus, tmp_path / "run", TrainingSettings(**quick, freeze_layers=1))
    before = AutoModel.from_pretrained(small_backbone).state_dict()
    moved = {
        name
        for name, weight in run.model.backbone.state_dict().items()
        if not np.array_equal(weight, before[name])
    }
    assert moved
    assert all(name.startswith("encoder.layer.1.") for name in moved)


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


def test_nothing_is_written_when_the_corpus_cannot_be_trained_on(small_corpus, quick, tmp_path):
    from dataclasses import replace

    unlabelled = [replace(u, label=None) for u in small_corpus.valid]
    cases = {
        "the valid split is empty": Corpus("x", small_corpus.train),
        "the train split is empty": Corpus("x", [], small_corpus.valid),
        "no utterance of the valid split has a label": Corpus("x", small_corpus.train, unlabelled),
    }
    for message, corpus in cases.items():
        with pytest.raises(CENetError, match=message):
            train(corpus, tmp_path / "run", TrainingSettings(**quick))
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "no/such-model"}, "no (language model|tokenizer) could be loaded"),
        ({"injection_layer": 7}, "injection_layer is 7, but the language model has layers 0 to 1"),
        ({"n_visual_codes": 10_000}, "visual stream: .* distinct frames cannot make 10000 codes"),
        ({"freeze_layers": 3}, "freeze_layers is 3; the backbone has 2 layers"),
    ],
)
def test_settings_that_do_not_fit_are_refused(small_corpus, quick, tmp_path, settings, message):
    with pytest.raises(CENetError, match=message):
        train(small_corpus, tmp_path / "run", TrainingSettings(**{**quick, **settings}))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_says_so(tmp_path):
    with pytest.raises(CENetError, match=r"is not a finished run .* train one with"):
        Run(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CENetError, match="go on with: python -m cenet_lib train --resume"):
        Run(tmp_path)
