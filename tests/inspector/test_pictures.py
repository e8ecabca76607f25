"""Pictures of codes: where codes differ, what is drawn of them and said about them differs."""

from itertools import combinations

import numpy as np
import pytest
from inspected import make_inspected_corpus

from cenet_lib.inspector.face import face_curves
from cenet_lib.inspector.pictures import (
    Activations,
    bar_heights,
    captions,
    layout,
    telling_channels,
)
from cenet_lib.utterance import STREAMS
from cenet_lib.vocabulary import FeatureVocabulary

CLOSE = 1.0  # standard deviations in the channel in which two centroids differ most
SEEN = 0.3  # of what a face, a wave or a bar can show


@pytest.fixture(scope="module")
def books():
    """The code books of the demo's faces and voices, with 16 codes each as in the demo run."""
    corpus = make_inspected_corpus((400, 2, 2))
    books = {}
    for stream in STREAMS:
        frames = np.concatenate([utterance.frames(stream) for utterance in corpus.train])
        books[stream] = FeatureVocabulary(16).fit(frames), corpus.feature_names[stream]
    return books


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("stream", STREAMS)
def test_no_two_codes_are_drawn_alike_or_called_the_same(stream, named, books):
    vocabulary, names = books[stream]
    names = names if named else [f"{stream} {j}" for j in range(len(names))]
    codes = vocabulary.codes_
    activations = Activations.of(vocabulary, names, stream)
    bars = telling_channels(codes, activations)
    drawn = np.hstack([activations(codes), bar_heights(codes[:, bars])])
    assert len(bars) <= 12
    assert not set(bars) & set(activations.columns.values())
    told = captions(codes, names, activations, stream)
    apart = 0
    for a, b in combinations(range(16), 2):
        if np.abs(codes[a] - codes[b]).max() < CLOSE:
            continue
        apart += 1
        assert np.abs(drawn[a] - drawn[b]).max() >= SEEN, (a, b)
        assert told[a] != told[b], told[a]
    assert apart > 80
    assert not any("nothing stands out" in text for text in told)


def test_a_caption_names_the_channel_that_stands_out_beside_what_is_drawn():
    voice = Activations({"pitch": 0}, rest=np.zeros(1), reach=np.full(1, 2.0))
    codes = np.array([[2.0, 0.0, -2.5], [0.0, 0.4, 0.0], [0.0, 0.0, 0.0]])
    assert captions(codes, ["F0", "MCEP_1", "MCEP_2"], voice, "acoustic") == [
        "high pitch, MCEP_2 low",
        "close to the mean, MCEP_1 a little high",
        "close to the mean in all channels",
    ]


def test_one_code_alone_has_a_picture_and_the_largest_books_are_looked_through():
    unnamed = Activations({}, rest=np.zeros(0), reach=np.zeros(0))
    assert telling_channels(np.array([[0.1, -0.5]]), unnamed) == [0, 1]
    many = np.random.default_rng(0).normal(size=(1000, 40))
    assert 1 <= len(telling_channels(many, unnamed)) <= 12


@pytest.mark.parametrize(
    "activation",
    [{"AU26": 1.0, "AU27": 1.0}, {"jawOpen": 1.0, "jawLeft": 1.0}, {"AU27": 1.0, "roll": 1.0}],
)
@pytest.mark.parametrize("n_bars", [0, 4])
def test_the_chin_of_a_dropped_jaw_stays_in_the_picture(activation, n_bars):
    place, (middle, longest) = layout("visual", True, n_bars)
    for _, points, _ in face_curves(activation):
        shown = points * place.scale + (0, place.shift)
        assert np.abs(shown).max() <= 1
        if n_bars:
            assert shown[:, 1].max() <= middle  # at most over the upper half of the bars
    assert middle + longest <= 1
