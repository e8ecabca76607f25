"""Word ids: both sources, the paper's formula, the cache of gloss vectors, whole corpora."""

import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cenet_lib.corpus import Corpus
from cenet_lib.errors import CENetError
from cenet_lib.language.annotators import (
    POLARITY_NEGATIVE,
    POLARITY_NEUTRAL,
    POLARITY_POSITIVE,
    POS_ADJECTIVE,
    POS_ADVERB,
    POS_NOUN,
    POS_OTHER,
    POS_VERB,
    SENTENCE_POLARITY_UNKNOWN,
    OfflineAnnotator,
    SentiWordNetAnnotator,
    annotate_corpus,
    as_written,
    get_annotator,
    own_word_ids,
    pos_id,
)
from cenet_lib.utterance import Utterance

OFFLINE = OfflineAnnotator()


def utterance(id, words, **annotations):
    rng = np.random.default_rng(len(words))
    return Utterance(
        id,
        words,
        visual=rng.normal(size=(4, 3)).astype(np.float32),
        acoustic=rng.normal(size=(2, 5)).astype(np.float32),
        label=0.5,
        annotations=annotations,
    )


# --- what both sources share ---------------------------------------------------------------------


def test_ids_are_sentilares():
    assert (POS_VERB, POS_ADJECTIVE, POS_ADVERB, POS_NOUN, POS_OTHER) == (0, 1, 2, 3, 4)
    assert (POLARITY_NEGATIVE, POLARITY_POSITIVE, POLARITY_NEUTRAL) == (0, 1, 2)
    assert SENTENCE_POLARITY_UNKNOWN == 5


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("VB VBD VBG VBN VBP VBZ", 0),
        ("JJ JJR JJS", 1),
        ("RB RBR RBS", 2),
        ("NN NNS NNP NNPS", 3),
        ("MD RP WRB DT IN PRP CD UH . POS", 4),
    ],
)
def test_penn_tags(tags, expected):
    assert {pos_id(tag) for tag in tags.split()} == {expected}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["It", "was", "GREAT", "."], ["It", "was", "GREAT", "."]),
        (["IT", "WAS", "GREAT", "."], ["it", "was", "great", "."]),
        (["i", "said", "im", "glad"], ["I", "said", "im", "glad"]),
        (["I", "KNOW", "I", "DON’T"], ["I", "know", "I", "don't"]),
        (["great,", "“fine”", "(sic)", "uh--", "..."], ["great", "fine", "sic", "uh--", "..."]),
        (["n't", "'s", "well-made", "$5"], ["n't", "'s", "well-made", "$5"]),
    ],
)
def test_words_as_taggers_know_them(words, expected):
    assert as_written(words) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a whole text", "not one text"),
        (["good", " "], "word 1 is ' '"),
        ([None], "word 0 is None"),
        ([b"good"], "word 0 is b'good'"),
    ],
)
def test_no_words(words, message):
    with pytest.raises(CENetError, match=message):
        OFFLINE.annotate(words)


def test_an_annotator_comes_back_by_its_name():
    for name in ("offline", "sentiwordnet", "stanford", "file"):
        assert get_annotator(name).name == name
    with pytest.raises(CENetError, match=r"'vader'.*'offline' or 'sentiwordnet'"):
        get_annotator("vader")


def test_making_an_annotator_loads_nothing():
    program = (
        "import sys; from cenet_lib.language.annotators import get_annotator; "
        "get_annotator('offline'); get_annotator('sentiwordnet'); "
        "print([m for m in ('nltk', 'textblob', 'torch', 'vaderSentiment') if m in sys.modules])"
    )
    folder = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True)
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()


# --- offline -------------------------------------------------------------------------------------


def test_offline_by_hand():
    words = ["The", "movie", "was", "really", "terrible", ",", "but", "I", "loved", "it", "!"]
    ids = OFFLINE.annotate(words)
    assert ids.pos_ids.tolist() == [4, 3, 0, 2, 1, 4, 4, 4, 0, 4, 4]
    assert ids.polarity_ids.tolist() == [2, 2, 2, 2, 0, 2, 2, 2, 1, 2, 2]
    assert ids.pos_ids.dtype == ids.polarity_ids.dtype == np.int64


@pytest.mark.parametrize("variant", ["THIS MOVIE IS GREAT", "this movie is great,"])
def test_offline_reads_other_spellings(variant):
    usual = OFFLINE.annotate(["This", "movie", "is", "great"])
    for ids, expected in zip(OFFLINE.annotate(variant.split()), usual, strict=True):
        np.testing.assert_array_equal(ids, expected)


def test_offline_keeps_words_that_the_tagger_would_split():
    words = ["New York", "and/or", "it's", "a.b.c", "…", "Mr.", "😀", "line\nbreak", "&slash;"]
    assert len(OFFLINE.annotate(words).pos_ids) == len(words)
    assert len(OFFLINE.annotate([]).pos_ids) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1).filter(str.strip), max_size=12))
def test_offline_gives_one_id_per_word_whatever_the_words(words):
    ids = OFFLINE.annotate(words)
    assert ids.pos_ids.shape == ids.polarity_ids.shape == (len(words),)
    assert set(ids.pos_ids.tolist()) <= set(range(5))
    assert set(ids.polarity_ids.tolist()) <= set(range(3))


def test_offline_polarity_is_the_sign_in_vaders_file():
    import vaderSentiment

    path = Path(vaderSentiment.__file__).with_name("vader_lexicon.txt")
    table = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, valence = line.split("\t")[:2]
        if word.isalpha() and word == word.lower():
            table[word] = float(valence)
    words = [*sorted(table)[::50], "qwertz"]
    expected = [2 if w not in table else int(table[w] > 0) for w in words]
    assert {0, 1, 2} == set(expected)
    assert OFFLINE.annotate(words).polarity_ids.tolist() == expected


def test_a_number_is_not_chat_language():
    valence = OFFLINE._valence
    assert valence["143"] > 0
    assert OFFLINE.annotate(["143", "pages"]).polarity_ids.tolist() == [2, 2]


# --- SentiWordNet: a small dictionary in NLTK's layout ------------------------------------------

TABLE = """\
# POS\tID\tPosScore\tNegScore\tSynsetTerms\tGloss
a\t00000001\t0.75\t0\tgreat#1 grand#2\tvery good; "a great film"; "had a great time"
a\t00000002\t0\t0\tgreat#2\tlarge in size
a\t00000003\t0\t0.5\tterrible#1\tvery bad
n\t00000004\t0.25\t0\tfilm#1 movie#1\ta story on a screen; "a good movie"
n\t00000005\t0.125\t0.125\ttable#1\ta piece of furniture
v\t00000006\t0.5\t0\tsave#1\tto rescue "from danger"
v\t00000007\t0\t0.5\tsave#2\tto be a miser
a\t00000008\t0.5\t0\tmean#1\taverage or golden
a\t00000009\t0\t0.625\tmean#2\tunkind to others
v\t00000010\t0.25\t0.5\tmean#1\tto intend
r\t00000011\t0\t0.25\tbadly#1\tin a bad way
n\t00000012\t0.5\t0\tthe#1\ta word that is always tagged otherwise
a\t00000013\t0.25\t0.375\tbright#3\tclever and quick
a\t00000014\t0.5\t0\tbright#1\tfull of light
a\t00000015\t0\t0.75\tbright#2\ttoo loud in colour
a\t00000016\t0\t0\tgrand#1\tof the largest kind
\t\t\t\t#\t
"""
TAGS = {
    **dict.fromkeys(["great", "terrible", "grand", "mean", "Great", "bright"], "JJ"),
    **dict.fromkeys(["films", "movies", "tables", "mice"], "NNS"),
    **{"film": "NN", "saved": "VBD", "save": "VB", "means": "VBZ", "meant": "VBD"},
    **{"badly": "RB", "the": "DT", "The": "DT", "was": "VBD", "I": "PRP", ".": "."},
}
LEMMAS = {
    "noun": ["film", "movie", "table", "the", "mouse"],
    "verb": ["save", "mean"],
    "adj": ["great", "terrible", "grand", "mean", "bright"],
    "adv": ["badly"],
}
LETTERS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
IRREGULAR = {"noun": "mice mouse\n", "verb": "meant mean\n"}


def write_dictionary(folder, table=TABLE):
    """Write SentiWordNet, a WordNet for the lemmatiser and a tagger, all tiny."""
    files = {"corpora/sentiwordnet/SentiWordNet_3.0.0.txt": table}
    wordnet = "corpora/wordnet/"
    files |= {wordnet + name: "" for name in ("lexnames", "index.sense", "cntlist.rev")}
    for pos, lemmas in LEMMAS.items():
        lines = [f"{lemma} {LETTERS[pos]} 1 0 1 0 00000001" for lemma in lemmas]
        files[f"{wordnet}index.{pos}"] = "\n".join(lines)
        files[f"{wordnet}data.{pos}"] = ""
        files[f"{wordnet}{pos}.exc"] = IRREGULAR.get(pos, "")
    tagger = "taggers/averaged_perceptron_tagger_eng/averaged_perceptron_tagger_eng"
    files[f"{tagger}.tagdict.json"] = json.dumps(TAGS)
    files[f"{tagger}.classes.json"] = json.dumps(sorted({*TAGS.values(), "XX"}))
    files[f"{tagger}.weights.json"] = json.dumps({})
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return private(folder)


def private(folder):
    """Take the others' right to write from a folder: NLTK insists on it."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@contextmanager
def nltk_reads(folder, cache):
    """Let NLTK read from one folder only, and this package keep gloss vectors in another."""
    import nltk

    def forget():
        nltk.tag._get_tagger.cache_clear()
        nltk.corpus.wordnet._unload()

    forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "path", [str(folder)])
        patch.setenv("CENET_CACHE", str(cache))
        yield
    forget()


@pytest.fixture
def dictionary(tmp_path):
    folder = write_dictionary(tmp_path / "nltk")
    with nltk_reads(folder, tmp_path / "cache"):
        yield tmp_path


class FakeEncoder:
    """A vector of its own for every text, drawn from the text; remembers what it was asked."""

    def __init__(self, identity="fake"):
        self.identity = identity
        self.asked = []

    def __call__(self, texts):
        self.asked += texts
        return np.stack([self.vector(text) for text in texts])

    def vector(self, text):
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
        return np.random.default_rng(seed).normal(size=3)


def plain_polarity(words, encoder):
    """The formula as it stands in the paper, one word after another, without any short cut."""
    polarities = []
    lemma_of = {"films": "film", "movies": "movie", "tables": "table", "saved": "save"}
    lemma_of |= {"means": "mean", "meant": "mean"}
    letter = {"V": "v", "J": "a", "R": "r", "N": "n"}
    for word in words:
        pos = letter.get(TAGS.get(word, "XX")[0])
        lemma = lemma_of.get(word.lower(), word.lower())
        total, score = 0.0, 0.0
        for line in TABLE.splitlines():
            fields = line.split("\t")
            if fields[0] != pos:
                continue
            for term in fields[4].split(" "):
                if term.split("#")[0] == lemma:
                    gloss = encoder.vector(fields[5].partition('"')[0].strip())
                    sentence = encoder.vector(" ".join(words))
                    cosine = sentence @ gloss / math.sqrt(sentence @ sentence * (gloss @ gloss))
                    weight = math.exp((cosine + 1) / (2 * int(term.split("#")[1])))
                    total += weight
                    score += weight * (float(fields[2]) - float(fields[3]))
        score = score / total if total else 0.0
        polarities.append(1 if score > 0 else 0 if score < 0 else 2)
    return polarities


def test_sentiwordnet_is_the_formula(dictionary):
    rng = np.random.default_rng(5)
    vocabulary = [*TAGS, "films", "mean", "save", "bright", "unknown"]
    sentences = [rng.choice(vocabulary, size=rng.integers(1, 9)).tolist() for _ in range(150)]
    encoder = FakeEncoder()
    ids = SentiWordNetAnnotator(encoder).annotate_batch(sentences)
    seen = {}
    for words, (pos_ids, polarity_ids) in zip(sentences, ids, strict=True):
        assert polarity_ids.tolist() == plain_polarity(words, encoder)
        assert pos_ids.tolist() == [pos_id(TAGS.get(word, "XX")) for word in words]
        for word, polarity in zip(words, polarity_ids.tolist(), strict=True):
            seen.setdefault(word, set()).add(polarity)
    # The sentence decided about words with good and bad senses, and about no other word.
    assert {word for word, polarities in seen.items() if len(polarities) > 1} >= {"save", "mean"}
    assert seen["great"] == seen["grand"] == {1}
    assert seen["terrible"] == seen["badly"] == seen["means"] == {0}
    assert seen["tables"] == seen["the"] == seen["unknown"] == {2}
    assert seen["movies"] == {1}


def test_one_by_one_is_the_same_as_a_batch(dictionary):
    sentences = [["the", "mean", "film", "saved", "."], ["bright"], ["save", "the", "mice"]]
    batch = SentiWordNetAnnotator(FakeEncoder()).annotate_batch(sentences)
    single = SentiWordNetAnnotator(FakeEncoder())
    for words, expected in zip(sentences, batch, strict=True):
        for ids, same in zip(single.annotate(words), expected, strict=True):
            np.testing.assert_array_equal(ids, same)


def test_only_contested_words_are_embedded_and_examples_are_cut(dictionary):
    encoder = FakeEncoder()
    annotator = SentiWordNetAnnotator(encoder)
    annotator.annotate(["the", "great", "films", "was", "terrible"])
    assert encoder.asked == []
    annotator.annotate(["I", "saved", "Films"])
    assert sorted(encoder.asked) == ["I saved Films", "to be a miser", "to rescue"]


def test_senses_are_the_lemmas_by_rank(dictionary):
    annotator = SentiWordNetAnnotator(FakeEncoder())
    senses = annotator.senses("Bright", POS_ADJECTIVE)
    assert [(s.rank, s.balance) for s in senses] == [(1, 0.5), (2, -0.75), (3, -0.125)]
    assert [s.gloss for s in annotator.senses("meant", POS_VERB)] == ["to intend"]
    assert [s.gloss for s in annotator.senses("mean", POS_ADJECTIVE)][1] == "unkind to others"
    assert annotator.senses("mean", POS_NOUN) == annotator.senses("the", POS_OTHER) == []


def test_rank_and_gloss_each_decide(dictionary):
    class Fixed(FakeEncoder):
        nearest = ""

        def vector(self, text):
            return np.array([1.0, 0.0] if text in ("save", self.nearest) else [0.0, 1.0])

    def polarity(table, nearest, identity):
        write_dictionary(dictionary / "nltk", table)
        encoder = Fixed(identity)
        encoder.nearest = nearest
        return SentiWordNetAnnotator(encoder).annotate(["save"]).polarity_ids.tolist()

    swapped = TABLE.replace("save#1", "save#0").replace("save#2", "save#1")
    swapped = swapped.replace("save#0", "save#2")
    assert polarity(TABLE, "", "none") == [POLARITY_POSITIVE]  # all alike: the first rank
    assert polarity(swapped, "", "none") == [POLARITY_NEGATIVE]
    assert polarity(TABLE, "to be a miser", "miser") == [POLARITY_NEUTRAL]  # 1/2·1 = 1·1/2: a tie
    assert polarity(swapped, "to be a miser", "miser") == [POLARITY_NEGATIVE]


def test_gloss_vectors_are_kept(dictionary):
    cache = dictionary / "cache"
    words = ["saved", "mean"]
    first = FakeEncoder()
    expected = SentiWordNetAnnotator(first).annotate(words)
    assert len(first.asked) == 1 + 4
    (path,) = cache.iterdir()
    with np.load(path, allow_pickle=False) as stored:
        assert stored["vectors"].shape == (4, 3)
        np.testing.assert_allclose(np.linalg.norm(stored["vectors"], axis=1), 1)

    second = FakeEncoder()
    again = SentiWordNetAnnotator(second)
    np.testing.assert_array_equal(again.annotate(words).polarity_ids, expected.polarity_ids)
    assert second.asked == ["saved mean"]
    again.annotate(["bright"])  # the file grows
    assert len(second.asked) == 1 + 1 + 3
    with np.load(path, allow_pickle=False) as stored:
        assert len(stored["synsets"]) == len(stored["vectors"]) == 7

    # Another encoder or another dictionary has vectors of its own.
    SentiWordNetAnnotator(FakeEncoder("other")).annotate(words)
    write_dictionary(dictionary / "nltk", TABLE.replace("unkind", "nasty"))
    SentiWordNetAnnotator(FakeEncoder()).annotate(words)
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text"])
def test_a_damaged_cache_is_made_anew(dictionary, damage):
    expected = SentiWordNetAnnotator(FakeEncoder()).annotate(["saved", "mean"])
    (path,) = (dictionary / "cache").iterdir()
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0xFF
    path.write_bytes(
        {"empty": b"", "cut": good[:-90], "flipped": bytes(flipped), "text": b"hello"}[damage]
    )
    encoder = FakeEncoder()
    ids = SentiWordNetAnnotator(encoder).annotate(["saved", "mean"])
    np.testing.assert_array_equal(ids.polarity_ids, expected.polarity_ids)
    assert path.read_bytes() == good


def test_zipped_nltk_data_will_do(dictionary):
    words = ["the", "mice", "saved", "films"]
    expected = SentiWordNetAnnotator(FakeEncoder()).annotate(words)
    folder = shutil.copytree(dictionary / "nltk", dictionary / "zipped")
    for package in list((folder / "corpora").iterdir()):
        shutil.make_archive(package, "zip", package.parent, package.name)
        shutil.rmtree(package)
    with nltk_reads(private(folder), dictionary / "cache"):
        ids = SentiWordNetAnnotator(FakeEncoder()).annotate(words)
    np.testing.assert_array_equal(ids.pos_ids, expected.pos_ids)
    np.testing.assert_array_equal(ids.polarity_ids, expected.polarity_ids)


@pytest.mark.parametrize(
    ("removed", "named"),
    [
        ([], []),
        (["corpora/sentiwordnet"], ["sentiwordnet"]),
        (["corpora/wordnet", "taggers"], ["wordnet", "averaged_perceptron_tagger_eng"]),
    ],
)
def test_missing_nltk_data(dictionary, removed, named):
    for name in removed:
        shutil.rmtree(dictionary / "nltk" / name)
    annotator = SentiWordNetAnnotator(FakeEncoder())
    if not removed:
        annotator.annotate(["great"])
        return
    with pytest.raises(CENetError) as caught:
        annotator.annotate(["great"])
    command = f"python -m nltk.downloader {' '.join(named)}\n"
    assert command in str(caught.value)
    assert "NLTK_DATA" in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.filterwarnings("ignore:NLTK will not read:RuntimeWarning")
def test_nltk_data_that_others_may_write(dictionary):
    folder = dictionary / "nltk" / "corpora" / "wordnet"
    folder.chmod(0o777)
    with pytest.raises(CENetError, match=re.escape(f'chmod -R go-w "{folder}"')):
        SentiWordNetAnnotator(FakeEncoder()).annotate(["great"])


# --- whole corpora -------------------------------------------------------------------------------


def small_corpus():
    own = {"pos_ids": np.array([0, 1]), "polarity_ids": np.array([1, 0])}
    return Corpus(
        "small",
        train=[
            utterance("a", ["a", "good", "film"], rating=1.5),
            utterance("b", ["very", "bad"], **own),
            utterance("c", ["I", "hate", "it"], pos_ids=np.array([4, 4, 4])),
        ],
        test=[utterance("d", ["fine"])],
        visual_names=["x", "y", "z"],
        label_range=(-1, 1),
        provenance={"from": "a test"},
    )


@pytest.mark.parametrize("batch_size", [1, 2, 256])
def test_a_corpus_gets_its_ids_whatever_it_brings(batch_size):
    corpus = small_corpus()
    done = annotate_corpus(corpus, OFFLINE, batch_size=batch_size)
    assert done.fingerprint() != corpus.fingerprint()  # a model reads other things of it
    assert done.label_range == (-1, 1)
    assert done.feature_names == corpus.feature_names
    assert done.provenance == {"from": "a test", "word_ids": "offline, 4 of 4 utterances"}
    for before, after in zip(corpus, done, strict=True):
        assert after.visual is before.visual
        ids = own_word_ids(after)
        expected = OFFLINE.annotate(before.words)
        np.testing.assert_array_equal(ids.pos_ids, expected.pos_ids)
        np.testing.assert_array_equal(ids.polarity_ids, expected.polarity_ids)
    assert done.train[0].annotations["rating"] == 1.5
    assert done.train[1].annotations["pos_ids"].tolist() == [2, 1]  # not the [0, 1] it brought
    assert done.train[1].annotations["word_ids_by"] == "offline"
    assert "pos_ids" not in corpus.train[0].annotations


def test_the_ids_of_the_file_are_a_choice_of_their_own():
    whole = Corpus("whole", train=[small_corpus().train[1]])
    kept = annotate_corpus(whole, get_annotator("file"))
    assert own_word_ids(kept.train[0]).pos_ids.tolist() == [0, 1]
    assert kept.fingerprint() == whole.fingerprint()
    for part in (small_corpus(), Corpus("half", train=[small_corpus().train[2]])):
        with pytest.raises(CENetError, match=r"^[ac]: '.*' comes without part-of-speech") as caught:
            annotate_corpus(part, get_annotator("file"))
        assert "offline, sentiwordnet or stanford" in str(caught.value)


def test_a_log_file_keeps_no_bar(capsys):
    annotate_corpus(small_corpus(), OFFLINE, progress=True)
    assert capsys.readouterr().err == ""


def test_an_annotator_that_likes_all_at_once_is_called_once():
    class Slow(OfflineAnnotator):
        name, likes_all_at_once, calls = "slow", True, 0

        def annotate_batch(self, sentences):
            self.calls += 1
            return super().annotate_batch(sentences)

    slow = Slow()
    annotate_corpus(small_corpus(), slow, batch_size=1)
    assert slow.calls == 1


def test_ids_are_made_once_and_stored(tmp_path):
    annotate_corpus(small_corpus(), OFFLINE).save(tmp_path / "stored")
    stored = Corpus.load(tmp_path / "stored")

    class Never(OfflineAnnotator):
        def annotate_batch(self, sentences):
            assert not sentences
            return []

    again = annotate_corpus(stored, Never())
    for after, expected in zip(again, annotate_corpus(small_corpus(), OFFLINE), strict=True):
        for ids, same in zip(own_word_ids(after), own_word_ids(expected), strict=True):
            np.testing.assert_array_equal(ids, same)
    assert again.provenance == stored.provenance


@pytest.mark.parametrize(
    ("pos_ids", "message"),
    [
        (np.array([1]), r"bad_7: pos_ids has shape \(1,\) for 2 words"),
        (np.array([[1, 2]]), "shape"),
        (3.0, "shape"),
        (np.array([1, 5]), "from 0 to 4"),
        (np.array([-1, 2]), "from 0 to 4"),
        (np.array([1.0, 2.0]), "integers"),
    ],
)
def test_ids_of_a_file_are_checked(pos_ids, message):
    bad = utterance("bad_7", ["two", "words"], pos_ids=pos_ids, polarity_ids=np.array([2, 2]))
    with pytest.raises(CENetError, match=message):
        annotate_corpus(Corpus("bad", train=[bad]), OFFLINE)
    assert own_word_ids(utterance("fine", ["two", "words"])) is None


# --- real data -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    if "CENET_TEST_DATA" not in os.environ:
        pytest.skip("CENET_TEST_DATA is not set: no SentiWordNet here")
    data = Path(os.environ["CENET_TEST_DATA"])
    folder = tmp_path_factory.mktemp("real")
    nltk_data = private(shutil.copytree(data / "nltk_data", folder / "nltk"))
    with nltk_reads(nltk_data, folder / "cache"):
        yield data


@pytest.fixture(scope="module")
def paper(real):
    return SentiWordNetAnnotator()


@pytest.mark.slow
def test_real_words(paper):
    ids = paper.annotate(["The", "food", "was", "great", "but", "the", "film", "terrible"])
    assert ids.pos_ids.tolist() == [4, 3, 0, 1, 4, 4, 3, 1]
    assert ids.polarity_ids[[0, 3, 7]].tolist() == [2, 1, 0]
    assert paper.senses("movies", POS_NOUN) == paper.senses("movie", POS_NOUN) != []
    assert paper.senses("better", POS_ADJECTIVE) == paper.senses("good", POS_ADJECTIVE) != []


@pytest.mark.parametrize(
    ("word", "pos", "letter"),
    [("great", POS_ADJECTIVE, "a"), ("save", POS_VERB, "v"), ("well", POS_ADVERB, "r")],
)
def test_our_table_is_nltks(paper, word, pos, letter):
    from nltk.corpus import sentiwordnet

    theirs = list(sentiwordnet.senti_synsets(word, letter))
    ours = paper.senses(word, pos)
    assert [s.balance for s in ours] == [s.pos_score() - s.neg_score() for s in theirs]
    assert [s.rank for s in ours] == list(range(1, len(theirs) + 1))
    for sense, synset in zip(ours, theirs, strict=True):
        gloss = sense.gloss.strip("; ")  # NLTK leaves in what stands between two examples
        assert gloss
        assert synset.synset.definition().startswith(gloss)


@pytest.mark.slow
def test_polarities_follow_the_labels_of_real_speech(real, paper):
    from cenet_lib.corpora import load_corpus

    corpus = annotate_corpus(load_corpus(real / "mosi_sample" / "dev.pkl"), paper)
    ids = [own_word_ids(u).polarity_ids for u in corpus]
    assert len(ids) == 105
    means = [np.array([-1, 1, 0])[polarities].mean() for polarities in ids]
    correlation = np.corrcoef(means, [u.label for u in corpus])[0, 1]
    assert 0.25 < correlation < 0.45  # 0.33 when this was written
    share = np.mean(np.concatenate(ids) != POLARITY_NEUTRAL)
    assert 0.25 < share < 0.45  # 0.35
