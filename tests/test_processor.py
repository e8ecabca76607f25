"""CENetProcessor: what the model reads of an utterance, and nothing lost on the way to disk."""

import json

import numpy as np
import processes
import pytest
import torch
from small import WORDS, make_corpus
from tokenizers import ByteLevelBPETokenizer
from transformers import RobertaTokenizerFast

from cenet_lib import (
    CENetError,
    CENetProcessor,
    Corpus,
    FeatureVocabulary,
    FrameSequences,
    Utterance,
)
from cenet_lib.language.annotators import POLARITY_NEUTRAL, POS_OTHER
from cenet_lib.processor import load_tokenizer

# ids in small.make_backbone's vocabulary
PAD, UNK, CLS, SEP = 0, 1, 2, 3
FIRST_WORD, PLURAL = 5, 5 + len(WORDS) + 1


@pytest.fixture(scope="module")
def tokenizer(small_backbone):
    return load_tokenizer(small_backbone)


@pytest.fixture(scope="module")
def vocabularies(small_corpus):
    return [
        FeatureVocabulary(k).fit(FrameSequences(small_corpus.train, stream))
        for stream, k in (("visual", 4), ("acoustic", 3))
    ]


@pytest.fixture(scope="module")
def processor(tokenizer, vocabularies):
    return CENetProcessor(tokenizer, *vocabularies)


@pytest.fixture(scope="module")
def roberta(tmp_path_factory):
    """A byte-level BPE with RoBERTa's special tokens, learnt on a few sentences."""
    folder = tmp_path_factory.mktemp("roberta")
    bpe = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe.train_from_iterator([" ".join(WORDS)] * 50, vocab_size=300, special_tokens=special)
    bpe.save_model(str(folder))
    RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(
        folder
    )
    (folder / "config.json").write_text('{"model_type": "roberta"}', encoding="utf-8")
    return folder


def say(*words, visual=None, acoustic=None, **more):
    none = {"visual": np.zeros((0, 6)), "acoustic": np.zeros((0, 5))}
    return Utterance(
        "clip_1",
        words,
        none["visual"] if visual is None else visual,
        none["acoustic"] if acoustic is None else acoustic,
        **more,
    )


def ids(*words):
    return [FIRST_WORD + WORDS.index(word) for word in words]


# one utterance


def test_one_utterance(processor, vocabularies, small_corpus):
    utterance = small_corpus.valid[3]
    encoded = processor(utterance)
    assert list(encoded) == [
        "input_ids",
        "word_index",
        "visual_counts",
        "acoustic_counts",
        "labels",
    ]
    assert encoded["input_ids"].tolist() == [CLS, *ids(*utterance.words), SEP]
    assert encoded["word_index"].tolist() == [-1, *range(len(utterance.words)), -1]
    assert encoded["labels"] == utterance.label
    for stream, vocabulary in zip(("visual", "acoustic"), vocabularies, strict=True):
        frames = utterance.frames(stream)
        assert np.array_equal(encoded[f"{stream}_counts"], vocabulary.count(frames))
        assert np.array_equal(processor.codes(utterance, stream), vocabulary.predict(frames))
        assert processor.n_codes(stream) == vocabulary.n_codes
        assert processor.n_features(stream) == frames.shape[1]


@pytest.mark.parametrize("reads", ["counts", "frames", "aligned"])
@pytest.mark.parametrize("annotator", [None, "offline"])
def test_many_at_once_are_as_one_by_one(tokenizer, vocabularies, small_corpus, reads, annotator):
    many = CENetProcessor(tokenizer, *vocabularies, reads=reads, annotator=annotator)
    some = small_corpus.train[:5]
    odd = [say("good"), say("\u200b"), say("films", "dull", visual=some[0].visual, label=1.0)]
    utterances = [*odd, *some] * 10  # more than are taken at a time
    found = many.encoded(iter(utterances))
    for features, utterance in zip(found, utterances, strict=True):
        alone = many(utterance)
        assert list(features) == list(alone)
        for name, value in alone.items():
            assert np.array_equal(features[name], value), name
    assert list(many.encoded([])) == []


def test_pieces_know_their_word(processor):
    encoded = processor(say("films", "good", "zzz", "a"))
    assert encoded["input_ids"].tolist() == [
        CLS,
        *ids("film"),
        PLURAL,
        *ids("good"),
        UNK,
        *ids("a"),
        SEP,
    ]
    assert encoded["word_index"].tolist() == [-1, 0, 0, 1, 2, 3, -1]
    assert "labels" not in encoded


def test_words_that_leave_no_piece_are_passed_over(processor):
    encoded = processor(say("good", "\u200b", "film"))  # a zero-width space
    assert encoded["input_ids"].tolist() == [CLS, *ids("good", "film"), SEP]
    assert encoded["word_index"].tolist() == [-1, 0, 2, -1]


@pytest.mark.parametrize("most", [3, 4, 6, 7, 50])
def test_long_texts_are_cut(tokenizer, vocabularies, most):
    words = ("good", "films", "that", "is", "dull")  # six pieces
    encoded = CENetProcessor(tokenizer, *vocabularies, max_length=most)(say(*words))
    whole = [CLS, *ids("good", "film"), PLURAL, *ids("that", "is", "dull")]
    expected = whole[: most - 1]
    assert encoded["input_ids"].tolist() == [*expected, SEP]
    assert encoded["word_index"].tolist() == [*[-1, 0, 1, 1, 2, 3, 4][: len(expected)], -1]


@pytest.mark.parametrize("most", [0, 1, 2])
def test_a_length_without_room_for_a_word_is_refused(tokenizer, most):
    with pytest.raises(CENetError, match=f"max_length {most} leaves no room for words beside 2 sp"):
        CENetProcessor(tokenizer, None, None, max_length=most)


# streams


def test_other_widths_name_segment_and_mend(processor):
    odd = say("good", acoustic=np.zeros((7, 74)))
    message = "clip_1: acoustic has 74 columns, the vocabulary was fitted on 5; extract the same"
    for use in (
        processor,
        lambda u: processor.codes(u, "acoustic"),
        lambda u: processor.batch([u]),
    ):
        with pytest.raises(CENetError, match=message):
            use(odd)


def test_streams_without_frames(processor, small_corpus):
    speaking = small_corpus.valid[0]
    silent = processor(say("good", acoustic=speaking.acoustic))
    assert silent["visual_counts"].tolist() == [0] * 5
    assert silent["acoustic_counts"].sum() == len(speaking.acoustic)
    both = processor(say("good"))
    assert both["visual_counts"].tolist() == [0] * 5
    assert both["acoustic_counts"].tolist() == [0] * 4
    # no frames have no width, so any will do
    assert processor(say("good", visual=np.zeros((0, 99))))["visual_counts"].sum() == 0


def test_streams_without_vocabulary(tokenizer, vocabularies, small_corpus):
    blind = CENetProcessor(tokenizer, None, vocabularies[1], reads="frames")
    utterance = small_corpus.valid[0]
    encoded = blind(utterance)
    assert blind.n_codes("visual") == 1
    assert encoded["visual_counts"].tolist() == [0, 0]
    assert encoded["visual"].shape == (0, 1)
    assert blind.codes(utterance, "visual").tolist() == []
    assert encoded["acoustic_counts"].sum() == len(utterance.acoustic)


def test_missing_values_do_not_stop_a_prediction(processor, vocabularies, small_corpus):
    frames = small_corpus.valid[0].visual.copy()
    frames[0, 0], frames[1, 1] = np.nan, -np.inf
    counts = processor(say("good", visual=frames))["visual_counts"]
    frames[0, 0], frames[1, 1] = vocabularies[0].mean_[:2]
    assert np.array_equal(counts, vocabularies[0].count(frames))


@pytest.mark.parametrize("n", [0, 3, 10, 17])
def test_padding_is_counted_and_long_streams_are_cut(tokenizer, vocabularies, n):
    processor = CENetProcessor(tokenizer, *vocabularies, pad_frames_to=10, reads="frames")
    frames = np.random.default_rng(n).standard_normal((n, 6)).astype(np.float32)
    encoded = processor(say("good", visual=frames))
    counts = encoded["visual_counts"]
    assert counts.sum() == 10
    assert counts[-1] == max(0, 10 - n)
    assert np.array_equal(counts[:-1], vocabularies[0].count(frames[:10])[:-1])
    assert np.array_equal(encoded["visual"], vocabularies[0].standardize(frames[:10]))
    assert encoded["acoustic_counts"].tolist() == [0, 0, 0, 10]


def test_frames_as_they_are_and_one_per_token(tokenizer, vocabularies):
    frames = np.arange(24, dtype=np.float32).reshape(4, 6)  # four frames for two words
    utterance = say("films", "good", visual=frames)
    z = vocabularies[0].standardize(frames)
    raw = CENetProcessor(tokenizer, *vocabularies, reads="frames")(utterance)
    assert np.array_equal(raw["visual"], z)
    assert raw["acoustic"].shape == (0, 5)
    aligned = CENetProcessor(tokenizer, *vocabularies, reads="aligned")(utterance)
    nothing, first, second = np.zeros(6), z[:2].mean(0), z[2:].mean(0)
    expected = [nothing, first, first, second, nothing]  # [CLS] film ##s good [SEP]
    np.testing.assert_allclose(aligned["visual"], expected, rtol=1e-6)
    assert (aligned["acoustic"] == np.zeros((5, 5))).all()
    with pytest.raises(CENetError, match="reads is 'all'; choose"):
        CENetProcessor(tokenizer, *vocabularies, reads="all")


# what dictionaries know


def test_word_ids_are_repeated_over_pieces(tokenizer):
    processor = CENetProcessor(tokenizer, None, None, annotator="offline")
    utterance = say("films", "good", "bad")
    pos, polarity = processor._annotator.annotate(utterance.words)
    encoded = processor(utterance)
    assert encoded["pos_ids"].tolist() == [POS_OTHER, pos[0], pos[0], *pos[1:], POS_OTHER]
    assert encoded["polarity_ids"].tolist() == [
        POLARITY_NEUTRAL,
        *(polarity[[0, 0, 1, 2]]),
        POLARITY_NEUTRAL,
    ]
    assert polarity.tolist() == [2, 1, 0]  # so "good" and "bad" are told apart here
    assert "pos_ids" not in CENetProcessor(tokenizer, None, None)(utterance)


@pytest.mark.parametrize(("annotator", "marked"), [("file", None), ("offline", "offline")])
def test_own_word_ids_are_taken_if_asked_for_or_made_by_the_same(tokenizer, annotator, marked):
    processor = CENetProcessor(tokenizer, None, None, annotator=annotator)
    own = {"pos_ids": np.array([0, 1, 2]), "polarity_ids": np.array([1, 0, 1], np.int8)}
    own |= {"word_ids_by": marked} if marked else {}
    encoded = processor(say("films", "good", "bad", annotations=own))
    assert encoded["pos_ids"].tolist() == [POS_OTHER, 0, 0, 1, 2, POS_OTHER]
    assert encoded["polarity_ids"].tolist() == [POLARITY_NEUTRAL, 1, 1, 0, 1, POLARITY_NEUTRAL]


@pytest.mark.parametrize("marked", [None, "sentiwordnet"])
def test_the_dictionary_that_was_asked_for_wins(tokenizer, marked):
    processor = CENetProcessor(tokenizer, None, None, annotator="offline")
    expected = processor(say("films", "good", "bad"))
    own = {"pos_ids": np.array([0, 1, 2]), "polarity_ids": np.array([1, 0, 1], np.int8)}
    own |= {"word_ids_by": marked} if marked else {}
    for annotations in (own, {"pos_ids": own["pos_ids"]}):
        encoded = processor(say("films", "good", "bad", annotations=annotations))
        for name in ("pos_ids", "polarity_ids"):
            assert np.array_equal(encoded[name], expected[name])
    assert expected["pos_ids"].tolist() == [POS_OTHER, 3, 3, 1, 1, POS_OTHER]


def test_ids_of_the_file_that_are_not_there(tokenizer):
    processor = CENetProcessor(tokenizer, None, None, annotator="file")
    with pytest.raises(CENetError, match="clip_1: 'good' comes without part-of-speech and polarit"):
        processor(say("good"))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("pos_ids", [0, 1], r"pos_ids has shape \(2,\) for 3 words; give one id per word"),
        ("polarity_ids", [0, 1, 2, 2], r"polarity_ids has shape \(4,\) for 3 words"),
        ("pos_ids", [0, 1, 5], "pos_ids must be integers from 0 to 4"),
        ("polarity_ids", [0, -1, 2], "polarity_ids must be integers from 0 to 2"),
    ],
)
def test_own_word_ids_that_do_not_fit_are_refused(tokenizer, name, values, message):
    processor = CENetProcessor(tokenizer, None, None, annotator="offline")
    own = {"pos_ids": np.array([0, 1, 2]), "polarity_ids": np.array([1, 0, 1])}
    with pytest.raises(CENetError, match=f"clip_1: {message}"):
        processor(say("a", "good", "film", annotations=own | {name: np.array(values)}))


def test_an_unknown_annotator_is_refused(tokenizer):
    with pytest.raises(CENetError, match="no annotator 'oracle'"):
        CENetProcessor(tokenizer, None, None, annotator="oracle")


# many


@pytest.fixture(scope="module")
def everything(tokenizer, vocabularies):
    return CENetProcessor(tokenizer, *vocabularies, annotator="offline", reads="frames")


def test_a_batch_is_its_utterances_with_padding(everything, small_corpus):
    utterances = [*small_corpus.valid[:5], say("good", label=0.5)]
    batch = everything.batch(utterances)
    longest = max(len(u.words) for u in utterances) + 2
    fillers = {"input_ids": PAD, "pos_ids": POS_OTHER, "polarity_ids": POLARITY_NEUTRAL}
    assert set(batch) == {
        *fillers,
        "attention_mask",
        *("visual", "visual_mask", "visual_counts"),
        *("acoustic", "acoustic_mask", "acoustic_counts"),
        "labels",
    }
    for row, utterance in enumerate(utterances):
        alone = everything(utterance)
        n = len(alone["input_ids"])
        assert batch["attention_mask"][row].tolist() == [1] * n + [0] * (longest - n)
        for name, filler in fillers.items():
            assert batch[name].dtype == torch.int64
            assert batch[name][row].tolist() == [*alone[name], *[filler] * (longest - n)]
        for stream in ("visual", "acoustic"):
            assert batch[f"{stream}_counts"][row].tolist() == alone[f"{stream}_counts"].tolist()
            frames = utterance.frames(stream)
            assert batch[f"{stream}_mask"][row].sum() == len(frames)
            assert batch[f"{stream}_mask"][row][: len(frames)].all()
            assert np.array_equal(batch[stream][row][: len(frames)], alone[stream])
            assert (batch[stream][row][len(frames) :] == 0).all()
    assert batch["labels"].dtype == torch.float32
    assert batch["labels"].tolist() == pytest.approx([u.label for u in utterances])


def test_a_batch_of_one_is_not_padded(everything, small_corpus):
    utterance = small_corpus.test[0]
    batch, alone = everything.batch([utterance]), everything(utterance)
    assert batch["attention_mask"].all()
    for name in ("input_ids", "pos_ids", "polarity_ids", "visual_counts", "acoustic_counts"):
        assert batch[name].tolist() == [alone[name].tolist()]


def test_labels_only_if_all_have_one(processor):
    batch = processor.batch([say("good", label=1.0), say("bad")])
    assert "labels" not in batch
    assert processor.batch([say("good", label=1.0)] * 2)["labels"].tolist() == [1, 1]


# fitting


def test_only_the_train_split_is_learnt_from(small_corpus, small_backbone):
    settings = {"n_visual_codes": 4, "n_acoustic_codes": 3, "seed": 7}
    fitted = CENetProcessor.fit(small_corpus, small_backbone, max_length=20, **settings)
    assert fitted.max_length == 20
    strange = make_corpus(seed=99)
    others = Corpus("small", train=small_corpus.train, valid=strange.valid, test=strange.test[:3])
    again = CENetProcessor.fit(others, small_backbone, **settings)
    for stream, k in (("visual", 4), ("acoustic", 3)):
        own, same = fitted.vocabularies[stream], again.vocabularies[stream]
        expected = FeatureVocabulary(k, random_state=7).fit(
            FrameSequences(small_corpus.train, stream)
        )
        assert np.array_equal(own.codes_, expected.codes_)
        assert np.array_equal(own.codes_, same.codes_)
        assert own.n_frames_ == sum(len(u.frames(stream)) for u in small_corpus.train)


def test_a_corpus_without_faces_has_no_visual_vocabulary(small_corpus, small_backbone):
    audio = [say(*u.words, acoustic=u.acoustic) for u in small_corpus.train[:1]]
    fitted = CENetProcessor.fit(Corpus("radio", train=audio), small_backbone, n_acoustic_codes=2)
    assert fitted.vocabularies["visual"] is None
    assert fitted.vocabularies["acoustic"].n_codes == 2


def test_what_cannot_be_fitted_says_where(small_corpus, small_backbone):
    with pytest.raises(CENetError, match="train split is empty"):
        CENetProcessor.fit(Corpus("none", valid=small_corpus.valid), small_backbone)
    few = Corpus("few", train=[say("good", visual=np.eye(3, 6))])
    with pytest.raises(
        CENetError, match="few: train, visual stream: 3 distinct frames cannot make"
    ):
        CENetProcessor.fit(few, small_backbone)
    with pytest.raises(CENetError, match=r"nowhere.*no tokenizer could be loaded"):
        load_tokenizer("./nowhere")


# other tokenizers


def test_a_byte_level_tokenizer(roberta, vocabularies):
    tokenizer = load_tokenizer(roberta)
    processor = CENetProcessor(tokenizer, *vocabularies, annotator="offline", max_length=12)
    utterance = say("good", "films", "Ünwörd", "bad")
    encoded = processor(utterance)
    pieces = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    assert pieces[0] == "<s>"
    assert pieces[-1] == "</s>"
    assert len(pieces) == 12  # cut
    first = {}
    for piece, word in zip(pieces, encoded["word_index"], strict=True):
        first.setdefault(int(word), piece)
    assert all(first[word].startswith("Ġ") for word in first if word >= 0)  # the first one too
    assert first[0] == "Ġgood"
    batch = processor.batch([utterance, say("good")])
    assert batch["input_ids"][1].tolist()[3:] == [tokenizer.pad_token_id] * 9
    assert tokenizer.pad_token_id == 1
    assert batch["pos_ids"][1].tolist()[3:] == [POS_OTHER] * 9


# files


@pytest.mark.slow
def test_the_same_in_a_new_process_without_a_network(
    tokenizer, vocabularies, roberta, small_corpus, tmp_path
):
    tokenizers = {
        "bert": tokenizer,
        "roberta": load_tokenizer(roberta),
        "minilm": load_tokenizer("minilm"),
    }
    settings = {"annotator": "offline", "max_length": 9, "pad_frames_to": 12, "reads": "aligned"}
    processors = {
        kind: CENetProcessor(loaded, *vocabularies, **settings)
        for kind, loaded in tokenizers.items()
    }
    for kind, processor in processors.items():
        processor.save_pretrained(tmp_path / kind)
    small_corpus.save(tmp_path / "corpus")
    code = """
import torch
from cenet_lib import CENetProcessor, load_corpus

utterances = load_corpus("corpus").valid
kinds = ("bert", "roberta", "minilm")
torch.save({k: CENetProcessor.from_pretrained(k).batch(utterances) for k in kinds}, "batches.pt")
"""
    done = processes.python(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    batches = torch.load(tmp_path / "batches.pt", weights_only=True)
    for kind, processor in processors.items():
        expected = processor.batch(small_corpus.valid)
        assert set(batches[kind]) == set(expected)
        for name, values in expected.items():
            assert batches[kind][name].dtype == values.dtype
            assert torch.equal(batches[kind][name], values), (kind, name)


def test_settings_and_vocabularies_come_back(tokenizer, vocabularies, tmp_path):
    saved = CENetProcessor(tokenizer, None, vocabularies[1], max_length=9, pad_frames_to=12)
    saved.save_pretrained(tmp_path / "run")
    again = CENetProcessor.from_pretrained(tmp_path / "run")
    for name in ("annotator_name", "max_length", "pad_frames_to", "reads"):
        assert getattr(again, name) == getattr(saved, name)
    assert again.vocabularies["visual"] is None
    assert np.array_equal(again.vocabularies["acoustic"].codes_, vocabularies[1].codes_)
    saved.save_pretrained(tmp_path / "run")  # once more, over it
    assert not [p for p in (tmp_path / "run").iterdir() if p.suffix == ".tmp"]


FILE = "cenet_processor.json"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / FILE).unlink(), f"holds no processor .{FILE} is missing"),
        (lambda f: (f / FILE).write_text("{"), f"{FILE}: is damaged"),
        (lambda f: (f / FILE).write_bytes(b"\xff\xfe"), f"{FILE}: is damaged"),
        (lambda f: (f / FILE).write_text("[]"), f"{FILE}: is damaged"),
        (lambda f: (f / FILE).write_text("{}"), f"{FILE}: is damaged"),
        (lambda f: (f / FILE).write_text('{"vocabularies": null}'), f"{FILE}: is damaged"),
        (lambda f: (f / FILE).write_text('{"vocabularies": [], "more": 1}'), f"{FILE}: is damaged"),
        (
            lambda f: (f / FILE).write_text('{"vocabularies": [], "max_length": "9"}'),
            f"{FILE}: is damaged",
        ),
        (lambda f: (f / "visual_vocabulary.npz").unlink(), "visual_vocabulary.npz: is missing"),
        (lambda f: (f / "visual_vocabulary.json").write_text(""), "vocabulary.json: is damaged"),
        (
            lambda f: [p.unlink() for p in f.glob("tokenizer*")],
            "no tokenizer could be loaded",
        ),
    ],
)
def test_damaged_files_are_refused(processor, tmp_path, damage, message):
    processor.save_pretrained(tmp_path / "run")
    assert json.loads((tmp_path / "run" / FILE).read_text(encoding="utf-8"))["max_length"] == 50
    damage(tmp_path / "run")
    with pytest.raises(CENetError, match=message):
        CENetProcessor.from_pretrained(tmp_path / "run")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CENetError, match="holds no processor"):
        CENetProcessor.from_pretrained(tmp_path / "nowhere")
