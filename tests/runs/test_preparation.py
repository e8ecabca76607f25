"""What stands ready before the first step: streams, parameter groups, precision; and refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import make_corpus
from transformers import AutoModel

from cenet_lib import CENetError, Corpus, TrainingSettings, predict, train
from cenet_lib.runs.preparation import check_precision, parameter_groups, select_streams


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


def test_parameter_groups_hold_each_parameter_once_with_its_rate(small_run):
    settings = TrainingSettings(lr_backbone=1.0, lr_fusion=2.0, lr_head=3.0, weight_decay=0.5)
    groups = {group["name"]: group for group in parameter_groups(small_run.model, settings)}
    assert {name: group["lr"] for name, group in groups.items()} == {
        **{"backbone/decay": 1.0, "backbone/no decay": 1.0, "fusion/decay": 2.0},
        **{"fusion/no decay": 2.0, "head/decay": 3.0, "head/no decay": 3.0},
    }
    for name, group in groups.items():
        decays = name.endswith("/decay")
        assert group["weight_decay"] == (0.5 if decays else 0.0)
        assert all((p.ndim > 1) == decays for p in group["params"])
    listed = [id(p) for group in groups.values() for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in small_run.model.parameters())


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
    run = train(small_corpus, tmp_path / "run", TrainingSettings(**quick, freeze_layers=1))
    before = AutoModel.from_pretrained(small_backbone).state_dict()
    moved = {
        name
        for name, weight in run.model.backbone.state_dict().items()
        if not np.array_equal(weight, before[name])
    }
    assert moved
    assert all(name.startswith("encoder.layer.1.") for name in moved)


def test_nothing_is_written_when_the_corpus_cannot_be_trained_on(small_corpus, quick, tmp_path):
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


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_precision_that_a_cpu_cannot_do_is_refused(device, small_corpus, quick, tmp_path):
    settings = TrainingSettings(**{**quick, "device": device, "precision": "fp16"})
    with pytest.raises(CENetError, match=r"precision fp16 is not possible on this device \(cpu\)"):
        train(small_corpus, tmp_path / "run", settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("kind", "has_bf16", "precision", "said"),
    [
        ("cuda", True, "bf16", None),
        ("cuda", True, "fp16", None),
        (
            "cuda",
            False,
            "bf16",
            r"bf16 is not possible on this device \(cuda\); choose fp16 or fp32",
        ),
        ("mps", False, "fp16", None),
        ("cpu", False, "bf16", None),
        ("cpu", False, "fp32", None),
    ],
)
def test_precision_by_device(monkeypatch, kind, has_bf16, precision, said):
    state = type("State", (), {"device": torch.device(kind)})
    monkeypatch.setattr("accelerate.PartialState", state)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: has_bf16)
    settings = TrainingSettings(precision=precision)
    if said is None:
        check_precision(settings)
        return
    with pytest.raises(CENetError, match=said):
        check_precision(settings)


def test_half_precision_on_a_cpu_learns_as_much(small_corpus, quick, tmp_path):
    still = {"head_dropout": 0.0, "epochs": 4, "lr_backbone": 3e-3, "lr_fusion": 2e-2}
    runs = {
        precision: train(
            small_corpus,
            tmp_path / precision,
            TrainingSettings(**{**quick, **still, "precision": precision}),
        )
        for precision in ("fp32", "bf16")
    }
    low, full = (runs[precision].history["train_mse"] for precision in ("bf16", "fp32"))
    assert not low.equals(full)  # it really computed in other numbers
    np.testing.assert_allclose(low, full, rtol=0.1)
    # whoever opens the run predicts what the run says
    again = predict(runs["bf16"].model, runs["bf16"].processor, small_corpus.test)
    saved = runs["bf16"].predictions.query("split == 'test'")["prediction"]
    np.testing.assert_allclose(again["prediction"], saved, atol=2e-6)
