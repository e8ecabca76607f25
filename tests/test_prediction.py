"""The one inference loop: in order, in bounded memory, whatever the company; and attention."""

from dataclasses import replace

import numpy as np
import processes
import pytest
import torch
from small import make_corpus

from cenet_lib import (
    CENet,
    CENetConfig,
    CENetProcessor,
    Corpus,
    TrainingSettings,
    predict,
    train,
)
from cenet_lib.prediction import attention_summary, outputs, predict_stream


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


def test_utterances_without_frames_still_get_predictions(small_run):
    utterance = make_corpus(seed=7).test[0]
    bare = replace(utterance, visual=utterance.visual[:0], acoustic=utterance.acoustic[:0])
    table = predict(small_run.model, small_run.processor, [utterance, bare])
    assert np.isfinite(table["prediction"]).all()
    assert table["prediction"][0] != table["prediction"][1]


@pytest.mark.slow
def test_saved_run_predicts_offline_in_a_new_process(small_run):
    code = (
        "import sys; from cenet_lib import Run, load_corpus, predict\n"
        "run = Run(sys.argv[1])\n"
        "corpus = load_corpus(sys.argv[2])\n"
        "table = predict(run.model, run.processor, corpus.test)\n"
        "print(*table['prediction'])"
    )
    corpus = small_run.folder.parent / "corpus"
    done = processes.python(code, str(small_run.folder), str(corpus))
    assert done.returncode == 0, done.stderr
    here = small_run.predictions.query("split == 'test'")["prediction"]
    np.testing.assert_allclose([float(x) for x in done.stdout.split()], here, atol=2e-6)


def test_what_is_encoded_already_is_not_encoded_again(small_run, small_corpus, monkeypatch):
    whole = predict(small_run.model, small_run.processor, small_corpus.test)
    ids = [utterance.id for utterance in small_corpus.test]
    known = dict(zip(ids[::2], map(small_run.processor, small_corpus.test[::2]), strict=True))
    made, encode = [], CENetProcessor._encode

    def counted(processor, utterances):
        made.extend(utterance.id for utterance in utterances)
        return encode(processor, utterances)

    monkeypatch.setattr(CENetProcessor, "_encode", counted)
    again = predict(small_run.model, small_run.processor, small_corpus.test, known=known)
    assert again.equals(whole)
    assert made == ids[1::2]


def test_outputs_come_in_the_order_of_the_utterances(small_run, small_corpus):
    encoded = [small_run.processor(utterance) for utterance in small_corpus.test]
    found = list(outputs(small_run.model, small_run.processor, encoded, batch_size=3))
    for features, output in zip(encoded, found, strict=True):
        batch = small_run.processor.inputs([features], small_run.model.device)
        with torch.no_grad():
            alone = small_run.model(**batch).logits.item()
        assert output.prediction == pytest.approx(alone, abs=1e-5)
        assert output.visual_attention is None


def test_attention_is_cut_to_the_tokens_of_each_utterance(small_run, small_corpus):
    encoded = [small_run.processor(utterance) for utterance in small_corpus.test]
    found = outputs(small_run.model, small_run.processor, encoded, attention=True)
    for features, output in zip(encoded, found, strict=True):
        assert output.visual_attention.shape == (len(features["input_ids"]), 5)
        assert output.acoustic_attention.shape == (len(features["input_ids"]), 4)
        torch.testing.assert_close(
            output.visual_attention.sum(-1), torch.ones(len(features["input_ids"]))
        )


def test_attention_summary_agrees_with_a_plain_computation(small_run, small_corpus):
    processor, model = small_run.processor, small_run.model
    features = [processor(utterance) for utterance in small_corpus.valid]
    summary = attention_summary(model, processor, features)
    rows = []
    with torch.no_grad():
        for feature in features:
            batch = processor.collate([feature])
            batch.pop("labels")
            rows.append(model(**batch, output_attentions=True).visual_attention[0])
    attention = torch.cat(rows).double()  # (tokens, k+1)
    entropy = -(attention * attention.clamp(min=1e-30).log2()).sum(-1).mean().item()
    assert summary["visual_entropy"] == pytest.approx(entropy, abs=1e-4)
    shares = [summary[f"visual_share_{code}"] for code in range(5)]
    np.testing.assert_allclose(shares, attention.mean(0), atol=1e-5)
    assert not model.training


def test_attention_over_frames_is_summarised_whatever_the_width_of_a_batch(
    small_backbone, tmp_path
):
    corpus = make_corpus(sizes=(16, 90, 4))  # more valid utterances than fit in one batch,
    longest = replace(corpus.valid[0], visual=np.repeat(corpus.valid[0].visual, 9, axis=0))
    corpus = Corpus("two widths", corpus.train, [longest, *corpus.valid[1:]], corpus.test)
    settings = TrainingSettings(
        backbone=str(small_backbone),
        fusion="ce-continuous",
        n_visual_codes=4,
        n_acoustic_codes=3,
        epochs=1,
        device="cpu",
    )
    run = train(corpus, tmp_path / "run", settings)
    entropies = []
    with torch.no_grad():
        for utterance in corpus.valid:
            batch = run.processor.batch([utterance])
            attention = run.model(**batch, output_attentions=True).visual_attention[0].double()
            entropies += (-(attention * attention.clamp(min=1e-30).log2()).sum(-1)).tolist()
    saved = run.history["valid_visual_entropy"][0]
    assert saved == pytest.approx(np.mean(entropies), abs=1e-3)


def test_models_that_do_not_attend_are_not_run_for_a_summary(small_run, small_corpus):
    config = CENetConfig(backbone=small_run.model.config.backbone, fusion="none")
    model = CENet(config)
    calls = []
    model.register_forward_pre_hook(lambda *_: calls.append(1))
    features = [small_run.processor(utterance) for utterance in small_corpus.train]
    assert attention_summary(model, small_run.processor, features * 3) == {}
    assert len(calls) <= 1
