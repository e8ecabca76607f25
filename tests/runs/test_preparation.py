"""What stands ready before the first step: streams, parameter groups, precision; and refusals."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from small import make_backbone, make_corpus
from transformers import AutoModel

from cenet_lib import CENetError, Corpus, TrainingSettings, Utterance, predict, train
from cenet_lib.runs.preparation import make_optimizer, parameter_groups, select_streams


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
        assert all(d != u.visual.tobytes() for d, u in zip(dealt, utterances, strict=True))
        # both streams come from one other utterance
        pairs = {(u.visual.tobytes(), u.acoustic.tobytes()) for u in utterances}
        assert {(u.visual.tobytes(), u.acoustic.tobytes()) for u in mixed.splits[split]} == pairs
        assert [(u.id, u.words, u.label) for u in mixed.splits[split]] == [
            (u.id, u.words, u.label) for u in utterances
        ]


@pytest.mark.parametrize("contents", ["ab", "abc", "aabb", "aaabbc", "abcdefg", "ab  ", "a   "])
def test_nobody_keeps_their_own_streams(contents):
    """Equal letters are equal frames under different ids; a blank is an utterance without any."""
    for seed in range(20):
        settings = TrainingSettings(streams="shuffled", seed=seed)
        shuffled = select_streams(in_letters(contents), settings)
        dealt = "".join(letter(u) for u in shuffled.train)
        assert sorted(dealt) == sorted(contents)
        assert all(new != own for new, own in zip(dealt, contents, strict=True) if own != " ")
        assert [u.id for u in shuffled.train] == [str(i) for i in range(len(contents))]


def test_shuffling_differs_by_seed_and_is_the_same_by_seed(small_corpus):
    def dealt(seed):
        mixed = select_streams(small_corpus, TrainingSettings(streams="shuffled", seed=seed))
        return [u.visual.tobytes() for u in mixed]

    assert dealt(0) == dealt(0) != dealt(1)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("a", "tiny: train: there is only one utterance, so streams cannot be shuffled"),
        ("aab", "tiny: train: 2 of 3 utterances have the same frames"),
        ("aaaa", "tiny: train: 4 of 4 utterances have the same frames"),
    ],
)
def test_streams_that_cannot_be_shuffled_are_refused(contents, message):
    with pytest.raises(CENetError, match=message):
        select_streams(in_letters(contents), TrainingSettings(streams="shuffled"))


def in_letters(contents: str) -> Corpus:
    """Return a corpus whose frames are letters, the voice's as many as the face's."""
    frames = [np.full((int(c != " "), 1), ord(c)) for c in contents]
    return Corpus("tiny", [Utterance(str(i), ["so"], f, 2 * f) for i, f in enumerate(frames)])


def letter(utterance: Utterance) -> str:
    face, voice = utterance.visual, utterance.acoustic
    assert (voice == 2 * face).all()
    return chr(int(face[0, 0])) if len(face) else " "


@pytest.mark.parametrize(("share", "rising"), [(1.0, 5), (0.5, 3), (0.0, 0)])
def test_warmup_is_a_share_of_all_steps(small_run, share, rising):
    model = copy.deepcopy(small_run.model)
    optimizer, scheduler = make_optimizer(model, TrainingSettings(warmup=share), n_steps=5)
    rates = []
    for _ in range(5):
        rates.append(scheduler.get_last_lr()[0] / 1e-4)
        optimizer.step()
        scheduler.step()
    ends = [i / rising for i in range(rising)]
    assert rates == pytest.approx(ends + [(5 - i) / (5 - rising) for i in range(rising, 5)])


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
        (
            r"no utterance of the valid split has a label; training needs labels "
            r"\(without a label: valid 16 of 16\)"
        ): Corpus("x", small_corpus.train, unlabelled),
        (
            r"no utterance has a label; training needs labels "
            r"\(without a label: valid 16 of 16\)"
        ): Corpus("x", [], unlabelled),
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


# the language model and its tokenizer


def positions(folder, n, kind="bert", **changes):
    """Write an encoder with n rows of positions, and its tokenizer."""
    from transformers import AutoConfig

    make_backbone(folder)
    config = AutoConfig.from_pretrained(folder)
    sizes = {
        name: getattr(config, name)
        for name in ("vocab_size", "hidden_size", "num_attention_heads", "intermediate_size")
    } | {"pad_token_id": 0}
    sizes |= {"num_hidden_layers": 2, "max_position_embeddings": n, **changes}
    config = AutoConfig.for_model(kind, **sizes)
    AutoModel.from_config(config).save_pretrained(folder)
    return {"backbone": str(folder)}


@pytest.mark.parametrize(("kind", "rows", "most"), [("bert", 30, 30), ("roberta", 30, 29)])
def test_more_pieces_than_positions_are_refused(kind, rows, most, small_corpus, quick, tmp_path):
    settings = quick | positions(tmp_path / "b", rows, kind)
    with pytest.raises(
        CENetError, match=f"max_length is 51, but .* positions for {most} word.*--max-length {most}"
    ):
        train(small_corpus, tmp_path / "run", TrainingSettings(**settings, max_length=51))
    assert not (tmp_path / "run").exists()
    run = train(small_corpus, tmp_path / "run", TrainingSettings(**settings, max_length=most))
    long = replace(small_corpus.train[0], words=("good",) * 99)
    assert np.isfinite(predict(run.model, run.processor, [long])["prediction"]).all()


def test_the_default_length_gives_way_to_few_positions(small_corpus, quick, tmp_path):
    settings = TrainingSettings(**quick | positions(tmp_path / "b", 30))
    run = train(small_corpus, tmp_path / "run", settings)
    assert run.processor.max_length == 30
    long = replace(small_corpus.train[0], id="long", words=("good",) * 40)
    assert np.isfinite(predict(run.model, run.processor, [long])["prediction"]).all()
    longer = small_corpus.with_splits(**small_corpus.splits | {"valid": [long]})
    with pytest.raises(CENetError, match=r"max_length is 50, but .* positions for 30 word"):
        train(longer, tmp_path / "other", settings)


def test_a_tokenizer_that_pads_otherwise_is_refused(small_corpus, quick, tmp_path):
    """BERT's weights and words under a RoBERTa's config.json: the shapes fit, no position does."""
    settings = quick | positions(tmp_path / "b", 60, "roberta", pad_token_id=1)
    with pytest.raises(CENetError, match=r"b: its tokenizer pads with number 0, .* 1 is padding"):
        train(small_corpus, tmp_path / "run", TrainingSettings(**settings))
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_of_another_model_is_refused(small_corpus, quick, tmp_path):
    settings = quick | positions(tmp_path / "b", 512)
    (tmp_path / "b" / "tokenizer.json").unlink()
    with open(tmp_path / "b" / "vocab.txt", "a", encoding="utf-8") as file:
        file.write("\nanother\nword")
    with pytest.raises(
        CENetError, match=r"b: its tokenizer has pieces up to number 20, .* knows 19"
    ):
        train(small_corpus, tmp_path / "run", TrainingSettings(**settings))
    assert not (tmp_path / "run").exists()


def test_a_wrong_language_model_is_told_before_anything_long(small_corpus, quick, tmp_path):
    settings = TrainingSettings(**quick | {"backbone": "./nowhere", "linguistic": "stanford"})
    with pytest.raises(CENetError, match="nowhere: no language model could be loaded"):
        train(small_corpus, tmp_path / "run", settings)
