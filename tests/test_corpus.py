"""Corpora check what they are made of, and are changed without losing what is known of them."""

import numpy as np
import pytest

from cenet_lib.corpus import Corpus
from cenet_lib.errors import CENetError
from cenet_lib.store import StoredUtterances
from cenet_lib.utterance import SPLITS, STREAMS, Utterance

NAMES = {"visual": ("smile", "frown", "nod"), "acoustic": ("pitch", "loudness")}


def make(id: str = "v[0]", **changes) -> Utterance:
    given = {
        "id": id,
        "words": ["good", "film"],
        "visual": np.zeros((3, 5), np.float32),
        "acoustic": np.zeros((4, 2), np.float32),
        "label": 1.0,
    }
    return Utterance(**given | changes)


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({"train": [make()], "test": [make()]}, r"test segment v\[0\]: the id occurs twice"),
        (
            {"train": [make(), make(id="w", visual=np.zeros((1, 6)))]},
            "train segment w: visual has 6 columns where 5",
        ),
        ({"valid": [make(label=3.5)]}, r"valid segment v\[0\]: the label 3.5 is outside \[-3, 3\]"),
        ({"test": [make()], "visual_names": ["a"]}, "visual has 5 columns where 1"),
    ],
)
def test_what_a_corpus_refuses(splits, said):
    with pytest.raises(CENetError, match=said):
        Corpus("mine", **splits)


def test_a_corpus():
    corpus = Corpus("mine", [make(), make(id="w", label=-1)], test=[make(id="x", label=None)])
    assert [split for split, _ in corpus.items()] == ["train", "train", "test"]
    assert [u.id for u in corpus] == ["v[0]", "w", "x"]
    assert len(corpus) == 3
    assert (corpus.width("visual"), corpus.width("acoustic")) == (5, 2)
    assert corpus.split("train")[1].id == "w"
    with pytest.raises(CENetError, match="the valid split is empty"):
        corpus.split("valid")
    with pytest.raises(CENetError, match="'dev'"):
        corpus.split("dev")
    assert "train 2, valid 0, test 1" in repr(corpus)


def test_a_fingerprint_tells_every_change():
    def fingerprint(**changes):
        return Corpus("mine", [make(**changes)]).fingerprint()

    base = fingerprint()
    assert base == fingerprint()
    frame = np.zeros((3, 5), np.float32)
    frame[2, 4] = 1e-40
    changed = [
        fingerprint(id="w"),
        fingerprint(words=["good", "films"]),
        fingerprint(words=["good film"]),
        fingerprint(label=None),
        fingerprint(label=1.0000001),
        fingerprint(visual=frame),
        fingerprint(visual=frame[:2], acoustic=np.zeros((5, 2), np.float32)),
        Corpus("mine", valid=[make()]).fingerprint(),
        fingerprint(annotations={"pos_ids": np.array([1, 3])}),
        fingerprint(annotations={"pos_ids": np.array([1, 2])}),
        fingerprint(annotations={"polarity_ids": np.array([1, 2])}),
    ]
    assert len({base, *changed}) == 1 + len(changed)
    # whatever their kind; and what no model reads changes nothing
    small = fingerprint(annotations={"pos_ids": np.array([1, 3], np.int8)})
    assert small == fingerprint(annotations={"pos_ids": np.array([1, 3])})
    assert base == fingerprint(annotations={"happy": 2.0, "word_ids_by": "offline"})


def numbered(n: int) -> Utterance:
    """Utterance number n; channel c of its frame i is 100 n + 10 i + c."""
    frames = {
        stream: (100 * n + 10 * np.arange(n + 1)[:, None] + np.arange(len(NAMES[stream])))
        for stream in STREAMS
    }
    return make(f"v{n}[0]", **frames, label=n / 4, video=f"v{n}", annotations={"number": float(n)})


@pytest.fixture
def whole() -> Corpus:
    return Corpus(
        "whole",
        [numbered(n) for n in range(6)],
        [numbered(6), numbered(7)],
        [numbered(8)],
        visual_names=NAMES["visual"],
        acoustic_names=NAMES["acoustic"],
        label_range=(-2, 2),
        provenance={"text": "real", "seed": 3},
    )


@pytest.fixture(params=["in memory", "stored"])
def corpus(request, whole, tmp_path) -> Corpus:
    if request.param == "in memory":
        return whole
    whole.save(tmp_path / "store")
    return Corpus.load(tmp_path / "store")


def ids(corpus: Corpus) -> dict[str, list[str]]:
    return {split: [u.id for u in corpus.splits[split]] for split in SPLITS}


# with_splits


def test_other_splits_keep_everything_else(corpus):
    few = corpus.with_splits(corpus.train[1:3], corpus.valid[:1], corpus.test)
    assert ids(few) == {"train": ["v1[0]", "v2[0]"], "valid": ["v6[0]"], "test": ["v8[0]"]}
    assert few.name == "whole"
    assert few.feature_names == NAMES
    assert few.label_range == (-2, 2)
    assert few.provenance == {"text": "real", "seed": 3}
    assert few.train[1].visual.tolist() == numbered(2).visual.tolist()
    assert few.train[1].annotations == {"number": 2.0}
    assert ids(corpus)["valid"] == ["v6[0]", "v7[0]"]  # the corpus itself is as it was


def test_what_was_done_is_added_to_the_provenance(corpus):
    few = corpus.with_splits([], [], corpus.test, provenance={"seed": 4, "part": "test only"})
    assert few.provenance == {"text": "real", "seed": 4, "part": "test only"}
    assert corpus.provenance == {"text": "real", "seed": 3}


def test_stored_splits_stay_on_disk(whole, tmp_path):
    whole.save(tmp_path / "store")
    stored = Corpus.load(tmp_path / "store")
    few = stored.with_splits(stored.train[:4], stored.valid, [numbered(8)])
    assert isinstance(few.train, StoredUtterances)
    assert few.valid is stored.valid
    frames = few.train[3].visual
    while isinstance(frames, np.ndarray) and not isinstance(frames, np.memmap):
        frames = frames.base
    assert isinstance(frames, np.memmap)
    few.save(tmp_path / "few")
    assert Corpus.load(tmp_path / "few").fingerprint() == few.fingerprint()
    in_memory = whole.with_splits(whole.train[:4], whole.valid, [numbered(8)])
    assert few.fingerprint() == in_memory.fingerprint()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda c: c.with_splits(c.train, c.train[2:3], c.test),
            r"valid segment v2\[0\]: .* twice",
        ),
        (
            lambda c: c.with_splits([numbered(8)], c.valid, c.test),
            r"test segment v8\[0\]: .* twice",
        ),
        (lambda c: c.with_splits([make()], c.valid, c.test), "visual has 5 columns where 3"),
        (lambda c: c.with_splits(c.train, [numbered(10)], c.test), r"2.5 is outside \[-2, 2\]"),
        (lambda c: Corpus("x", c.train, label_range=(-1, 1)), r"1.25 is outside \[-1, 1\]"),
        (lambda c: Corpus("x", c.train, [make()]), "visual has 5 columns where 3"),
        (lambda c: Corpus("x", c.train, visual_names=["smile"]), "visual has 3 columns where 1"),
    ],
)
def test_other_splits_are_checked_wherever_they_lie(corpus, change, said):
    with pytest.raises(CENetError, match=said):
        change(corpus)


# select_channels


def test_channels_are_selected_in_the_order_given(corpus):
    part = corpus.select_channels(visual=["nod", "smile"])
    assert part.feature_names == {"visual": ("nod", "smile"), "acoustic": NAMES["acoustic"]}
    assert part.width("visual") == 2
    assert ids(part) == ids(corpus)
    assert part.name == "whole"
    assert part.label_range == (-2, 2)
    assert part.provenance == corpus.provenance
    assert part.train[2].visual.tolist() == [[202, 200], [212, 210], [222, 220]]
    for before, after in zip(corpus, part, strict=True):
        assert np.array_equal(after.acoustic, before.acoustic)
        assert (after.words, after.label, after.video) == (before.words, before.label, before.video)
        assert after.annotations == before.annotations
    assert corpus.width("visual") == 3


def test_channels_of_both_streams_and_of_none(corpus):
    part = corpus.select_channels(["frown"], ["loudness"])
    assert part.train[1].visual.tolist() == [[101], [111]]
    assert part.train[1].acoustic.tolist() == [[101], [111]]
    assert corpus.select_channels().fingerprint() == corpus.fingerprint()
    assert corpus.select_channels(NAMES["visual"]).fingerprint() == corpus.fingerprint()


def test_channels_that_are_not_there(corpus):
    with pytest.raises(CENetError, match=r"no visual channel 'wink'; it has smile, frown, nod"):
        corpus.select_channels(visual=["smile", "wink"])
    with pytest.raises(CENetError, match=r"no acoustic channel 'smile'; it has pitch, loudness"):
        corpus.select_channels(acoustic=["smile"])
    with pytest.raises(CENetError, match=r"mine: has no visual channel 'smile'; .* no names"):
        Corpus("mine", [make()]).select_channels(visual=["smile"])
