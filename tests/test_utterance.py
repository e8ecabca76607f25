"""Utterances check what they are made of."""

import numpy as np
import pytest

from cenet_lib.errors import CENetError
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
        ({"words": ["good", "\ud83d"]}, r"word 1, '\\ud83d', holds half of a surrogate pair"),
        ({"words": ["\udc00film"]}, "word 0, .* holds half of a surrogate pair"),
        ({"id": "v\ud83d[0]"}, r"'v\\ud83d\[0\]': the id holds half of a surrogate pair"),
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
    assert make().frames("acoustic").shape == (4, 2)
    with pytest.raises(CENetError, match="no stream 'text'"):
        make().frames("text")
