"""Whether a film is the one that an utterance was measured in; with real films."""

import io
from dataclasses import replace

import numpy as np
import pytest
from filmed import filmed, make_film

from cenet_lib import CENetError, Corpus, Utterance
from cenet_lib.inspector.matching import film_of, match_films, read_film
from cenet_lib.inspector.recorder import Clip
from cenet_lib.video.media import Film

pytest.importorskip("av")
NAMES = ("F0", "energy")
SYLLABLES = ((0.2, 0.5), (0.6, 0.7), (1.1, 1.6), (1.9, 2.0), (2.3, 2.8))


def spoken(seconds=3.0, syllables=SYLLABLES):
    """A film with a tone that is loud from time to time."""
    times = np.arange(round(48_000 * seconds)) / 48_000
    loud = sum(((times >= a) & (times < b)) * 1.0 for a, b in syllables)
    return make_film(seconds, sound=(0.001 + loud) * 0.2 * np.sin(2 * np.pi * 220 * times))


@pytest.fixture(scope="module")
def film():
    return spoken()


@pytest.fixture(scope="module")
def one(film):
    """An utterance whose loudness was measured in that film."""
    sound = Film(film).sound()
    pieces = sound.samples[: len(sound.samples) // 160 * 160].reshape(-1, 160)
    level = 10 * np.log10(np.maximum((pieces**2).mean(1), 1e-10))
    voice = np.stack([np.full(len(level), np.nan), level], axis=1).astype(np.float32)
    times = {"acoustic_times": np.arange(len(level)) / 100 + 0.005, "pictures": 60.0}
    made = filmed(Utterance("u", ["so"], np.ones((60, 3)), voice))
    return replace(made, annotations=made.annotations | times)


@pytest.fixture(scope="module")
def corpus():
    return Corpus("mine", acoustic_names=NAMES)


def test_the_film_that_was_measured_is_taken(one, film, corpus, capsys):
    for same in (film, Clip(film, "video/webm", 3.0)):
        assert match_films(same, {"u": one}) == {"u": same}
        assert film_of(same, one, corpus) == (film, "video/webm", 0.0)
    assert capsys.readouterr().err == ""


def test_a_shorter_film_is_refused(one):
    with pytest.raises(
        CENetError, match=r"lasts 2\.\d+ s, and the frames of u reach [23]\.\d+ s; it"
    ):
        match_films(spoken(2.0), {"u": one})
    match_films(spoken(2.7), {"u": one})  # as a converter may round


def test_a_film_of_another_shape_is_refused(one, film):
    for width, height in ((120.0, 160.0), (213.0, 120.0)):
        other = replace(one, annotations=one.annotations | {"picture_width": width,
                                                            "picture_height": height})  # fmt: skip
        with pytest.raises(CENetError, match=r"are 160 × 120, and u was measured in \d+ × \d+; it"):
            match_films(film, {"u": other})
    larger = {"picture_width": 1280.0, "picture_height": 960.0}  # it was made small since
    match_films(film, {"u": replace(one, annotations=one.annotations | larger)})


def test_another_number_of_pictures_is_told(one, film, capsys):
    match_films(film, {"u": replace(one, annotations=one.annotations | {"pictures": 90.0})})
    assert "holds 60 pictures, and u was measured in 90; if it was not" in capsys.readouterr().err
    part = {"start_seconds": 1.0, "end_seconds": 2.0, "pictures": 20.0}
    match_films(film, {"u": replace(one, annotations=one.annotations | part)})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "syllables",
    [
        [(3 - b, 3 - a) for a, b in SYLLABLES],  # something else is said
        [(a - 0.2, b - 0.2) for a, b in SYLLABLES],  # it was cut at its beginning
    ],
)
def test_a_film_that_sounds_otherwise_is_refused(syllables, one, corpus):
    other = spoken(syllables=syllables)
    match_films(other, {"u": one})
    with pytest.raises(
        CENetError, match=r"the recording: is not loud and quiet where u is .*0\.\d"
    ):
        film_of(other, one, corpus)


def test_what_cannot_be_compared_is_no_fault(one, corpus):
    even = make_film(3.0)  # a tone from beginning to end
    assert film_of(even, one, corpus).content == even
    assert film_of(spoken(syllables=[(0, 3)]), one, Corpus("unnamed")).offset == 0
    linear = one.with_frames(acoustic=10 ** (one.acoustic / 20))
    assert film_of(spoken(syllables=[(1, 2)]), linear, corpus).offset == 0


def test_only_the_part_that_was_measured_goes_into_a_page(corpus):
    times = {"visual_times": np.arange(24, 26, 0.05), "acoustic_times": np.arange(24, 26, 0.01)}
    part = {**times, "start_seconds": 24.0, "end_seconds": 26.0}
    one = Utterance("u", ["so"], np.ones((40, 3)), np.ones((200, 2)), annotations=part)
    long = make_film(30.0)
    film = film_of(long, one, corpus)
    assert len(film.content) < len(long) / 3
    assert 19 <= film.offset <= 24
    assert Film(film.content).duration == pytest.approx(26 - film.offset, abs=0.2)


@pytest.mark.parametrize("wrong", [3, None, ["film.webm"], io.BytesIO(b"film")])
def test_what_is_no_film_at_all(wrong):
    with pytest.raises(CENetError, match="is no film; give a path, bytes or a recorder's clip"):
        read_film(wrong)
