"""Utterances to watch: faces and voices at a moment, drawn from frames alone."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cenet_lib import Corpus, Utterance
from cenet_lib.course.portraits import Portraits

NAMES = {"visual_names": ("AU12", "AU4", "yaw"), "acoustic_names": ("F0", "MCEP_0")}


def utterance(name, visual, acoustic):
    return Utterance(
        id=name,
        words=("good",),
        visual=np.asarray(visual, np.float32),
        acoustic=np.asarray(acoustic, np.float32),
        label=0.0,
        video=name,
    )


@pytest.fixture
def corpus():
    """Forty frames at rest, and ten with the corners of the mouth up, brows down, a high voice."""
    rest, smile, frown = [0.0, 0, 0], [3.0, 0, 0], [0.0, 3, 0]
    calm, high = [160.0, 0], [300.0, 0]
    still = utterance("still", [rest] * 40, [calm] * 40)
    moved = utterance("moved", [smile] * 5 + [frown] * 5, [calm] * 2 + [high] * 2)
    return Corpus("two", [still, moved], [], [], **NAMES)


def test_what_is_seen_is_said(corpus):
    portraits = Portraits(corpus)
    still, moved = corpus.train
    assert portraits.words(still, 0.5) == "face: at rest; voice: at rest"
    assert portraits.words(moved, 0) == "face: lip corners up; voice: at rest"
    assert portraits.words(moved, 1) == "face: brows lowered; voice: high pitch"


def test_each_stream_keeps_its_own_time(corpus):
    """Ten frames of the face and four of the voice take equally long."""
    portraits = Portraits(corpus)
    assert portraits.words(corpus.train[1], 0.9) == portraits.words(corpus.train[1], 1)


def test_pictures_change_with_the_moment(corpus):
    portraits = Portraits(corpus)
    pictures = []
    for moment in (0, 1):
        figure = portraits.at(corpus.train[1], moment)
        assert [ax.get_title() for ax in figure.axes] == ["face", "voice"]
        figure.canvas.draw()
        pictures.append(np.asarray(figure.canvas.buffer_rgba()).copy())
        plt.close(figure)
    assert (pictures[0] != pictures[1]).any()


def test_a_row_of_moments(corpus):
    figure = Portraits(corpus).over_time(corpus.train[1], 3)
    assert [ax.get_title() for ax in figure.axes] == ["0 %", "50 %", "100 %", "", "", ""]
    plt.close(figure)


@pytest.mark.parametrize("frames", [0, 1])
def test_short_streams_can_be_drawn(corpus, frames):
    one = utterance("short", np.zeros((frames, 3)), np.full((frames, 2), [160.0, 0]))
    portraits = Portraits(corpus)
    assert portraits.words(one, 1) == "face: at rest; voice: at rest"
    plt.close(portraits.over_time(one, 2))


def test_channels_without_names_draw_nothing(corpus):
    nameless = Corpus("two", corpus.train, [], [])
    portraits = Portraits(nameless)
    assert portraits.words(corpus.train[1], 0) == "face: at rest; voice: at rest"
    plt.close(portraits.at(corpus.train[1], 0))
