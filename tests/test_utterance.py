"""Utterances and corpora check what they are made of."""

import numpy as np
import pytest

from cenet_lib.errors import CENetError
from cenet_lib.corpus import Corpus
from cenet_lib.utterance import Utterance


def make(**changes) -> Utterance:
    given = {
        "id": "v[0]",
        "words": ["good", "film"],
        "visual": np.zeros((3, 5), np.float32),
        "acoustic": np.zeros((4, 2), np.float32),
        "label": 1.0,
    }
    return Utterance(**given | changes)


def test_frames_of_the_right_kind_are_not_copied():
    visual = np.zeros((3, 5), np.float32)
    assert make(visual=visual).visual is visual


def test_frames_become_float32():
    utterance = make(visual=[[1, 2], [3, 4]], acoustic=np.full((1, 2), 1e300))
    assert utterance.visual.dtype == np.float32
    assert utterance.visual.tolist() == [[1, 2], [3, 4]]
    assert np.isposinf(utterance.acoustic).all()


def test_words_and_label_are_normalised():
    utterance = make(label=np.float32(0.5))
    assert utterance.words == ("good", "film")
    assert utterance.text == "good film"
    assert type(utterance.label) is float
    assert make(label=None).label is None
    assert make(visual=np.zeros((0, 5))).visual.shape == (0, 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": ""}, "id must be a non-empty text"),
        ({"id": 3}, "id must be a non-empty text"),
        ({"words": "good film"}, "list of words"),
        ({"words": []}, "has no words"),
        ({"words": ["good", " "]}, "word 1 is ' '"),
        ({"words": ["good", None]}, "word 1 is None"),
        ({"words": [b"good"]}, "word 0 is b'good'"),
        ({"visual": np.zeros(5)}, r"visual has shape \(5,\)"),
        ({"acoustic": [["a"]]}, "acoustic frames are not numbers"),
        ({"acoustic": None}, "acoustic"),
        ({"label": "good"}, "the label is 'good'"),
        ({"label": float("nan")}, "the label is nan"),
        ({"label": float("inf")}, "the label is inf"),
        ({"label": [1.0, 2.0]}, "the label is"),
    ],
)
def test_what_an_utterance_refuses(change, said):
    with pytest.raises(CENetError, match=said) as caught:
        make(**change)
    assert "id" in change or "v[0]" in str(caught.value)


def test_frames_by_name():
    assert make().frames("visual").shape == (3, 5)
    with pytest.raises(CENetError, match="no stream 'text'"):
        make().frames("text")


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
    ]
    assert len({base, *changed}) == 1 + len(changed)
