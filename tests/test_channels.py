"""Channels of other names than a run was trained on are refused, wherever a corpus meets it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cenet_lib import (
    AttentionInspector,
    CENetError,
    CENetProcessor,
    Corpus,
    FeatureVocabulary,
    Run,
    TrainingSettings,
    predict,
    train,
)
from cenet_lib.__main__ import main
from cenet_lib.prediction import predict_stream
from cenet_lib.shards import code_shards, find_shards, fit_vocabularies
from cenet_lib.utterance import STREAMS

FRAMES = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


def with_names(corpus: Corpus, visual) -> Corpus:
    return Corpus(
        "other",
        **corpus.splits,
        visual_names=visual,
        acoustic_names=corpus.feature_names["acoustic"],
    )


@pytest.fixture
def other(small_corpus) -> Corpus:
    """The same numbers under the names of another extractor."""
    return with_names(small_corpus, [f"{name}_r" for name in small_corpus.feature_names["visual"]])


def test_a_vocabulary_keeps_the_names(tmp_path):
    vocabulary = FeatureVocabulary(2).fit(FRAMES, channels=["a", "b", "c"])
    vocabulary.save(tmp_path / "v")
    again = FeatureVocabulary.load(tmp_path / "v")
    assert again.channels_ == vocabulary.channels_ == ("a", "b", "c")
    again.check_channels(["a", "b", "c"], "here")
    again.check_channels(None, "here")
    for names, told in (
        (["a", "x", "c"], "channel 1 is 'x' instead of 'b'"),
        (["b", "a", "c"], "channel 0 is 'b' instead of 'a', in another order"),
        (["a", "b"], "2 channels instead of 3"),
    ):
        with pytest.raises(CENetError, match=rf"here: its channels are not .*{told}"):
            again.check_channels(names, "here")
    assert FeatureVocabulary(2).fit(FRAMES).channels_ is None
    with pytest.raises(CENetError, match="2 names cannot be those of 3 channels"):
        FeatureVocabulary(2).fit(FRAMES, channels=["a", "b"])


def test_parts_with_other_names_are_refused():
    vocabulary = FeatureVocabulary(2).partial_fit(FRAMES, channels=["a", "b", "c"])
    before = vocabulary.codes_.copy()
    vocabulary.partial_fit(FRAMES)
    with pytest.raises(CENetError, match="this part: its channels are not those"):
        vocabulary.partial_fit(FRAMES + 9, channels=["a", "b", "x"])
    assert np.allclose(vocabulary.codes_, before, atol=1)


@pytest.mark.parametrize(
    ("names", "message"),
    [(["a", "b"], "names 2 channels and has 3"), ("abc", "are no texts"), ([1, 2, 3], "no texts")],
)
def test_damaged_names_are_found_and_older_files_have_none(names, message, tmp_path):
    FeatureVocabulary(2).fit(FRAMES, channels=["a", "b", "c"]).save(tmp_path / "v")
    saved = json.loads((tmp_path / "v.json").read_text())
    (tmp_path / "v.json").write_text(json.dumps(saved | {"channels": names}))
    with pytest.raises(CENetError, match=message):
        FeatureVocabulary.load(tmp_path / "v")
    del saved["channels"]
    (tmp_path / "v.json").write_text(json.dumps(saved))
    assert FeatureVocabulary.load(tmp_path / "v").channels_ is None


def test_a_run_refuses_other_names_everywhere(small_run, small_corpus, other, tmp_path, capsys):
    told = "other: visual stream: its channels are not those that the vocabulary was fitted on"
    for stream in STREAMS:
        vocabulary = small_run.processor.vocabularies[stream]
        assert vocabulary.channels_ == small_corpus.feature_names[stream]
    with pytest.raises(CENetError, match=told):
        next(predict_stream(small_run.model, small_run.processor, other))
    with pytest.raises(CENetError, match=told):
        AttentionInspector(small_run.model, small_run.processor, other)
    other.save(tmp_path / "other")
    run, corpus = str(small_run.folder), ["--corpus", str(tmp_path / "other")]
    for arguments in (
        ["predict", "--run", run, *corpus, "--out", str(tmp_path / "x.csv")],
        ["evaluate", "--run", run, *corpus],
        ["inspect", run, *corpus, "--out", str(tmp_path / "x.html")],
    ):
        assert main(arguments) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert told in line
        assert "channel 0 is 'AU1_r' instead of 'AU1'" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


def test_words_only_predicts_on_any_channels(small_corpus, small_backbone, tmp_path):
    settings = {"backbone": str(small_backbone), "epochs": 1, "device": "cpu", "fusion": "none"}
    codes = {"n_visual_codes": 4, "n_acoustic_codes": 3}
    run = train(small_corpus, tmp_path / "run", TrainingSettings(**settings, **codes))
    film = replace(small_corpus.test[0], visual=FRAMES, acoustic=FRAMES[:0])
    other = Corpus("film", test=[film], visual_names=["jawOpen", "pitch", "roll"])
    again = Run(run.folder)
    table = predict(again.model, again.processor, other)
    expected = run.predictions.query(f"id == '{film.id}'")["prediction"]
    np.testing.assert_allclose(table["prediction"], expected, atol=1e-6)


def test_where_one_side_has_no_names_nothing_is_refused(small_run, small_corpus, small_backbone):
    bare = with_names(small_corpus, None)
    assert len(list(predict_stream(small_run.model, small_run.processor, bare))) == 80
    sizes = {"n_visual_codes": 3, "n_acoustic_codes": 3}
    CENetProcessor.fit(bare, small_backbone, **sizes).check_channels(small_corpus)


def test_a_shard_with_other_names_is_not_coded(small_corpus, other, tmp_path):
    small_corpus.save(tmp_path / "first")
    other.save(tmp_path / "other")
    vocabularies = fit_vocabularies(find_shards(tmp_path / "first"), n_codes=3)
    assert vocabularies["visual"].channels_ == small_corpus.feature_names["visual"]
    [fine] = code_shards(find_shards(tmp_path / "first"), vocabularies, tmp_path / "codes")
    [wrong] = code_shards(find_shards(tmp_path / "other"), vocabularies, tmp_path / "codes")
    assert fine.error == ""
    assert "other: visual stream: its channels are not those" in wrong.error
