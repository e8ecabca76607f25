"""What the page shows of a film, and what it does not; the page itself: `tests/browser`."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from filmed import SECONDS, filmed, make_film, make_landmarks

from cenet_lib import AttentionInspector, CENetError, Corpus, Run, Utterance
from cenet_lib.__main__ import main
from cenet_lib.inspector import film as film_module
from cenet_lib.inspector import matching
from cenet_lib.inspector.face import FACE, SHAPES, face_curves
from cenet_lib.inspector.film import describe_film
from cenet_lib.inspector.matching import match_films, read_film
from cenet_lib.inspector.pictures import Activations, caption, drawable
from cenet_lib.inspector.recorder import Clip
from cenet_lib.inspector.records import unpack
from cenet_lib.inspector.widget import film_page
from cenet_lib.vocabulary import FeatureVocabulary

pytestmark = pytest.mark.slow  # a film is looked at first

WEBM = b"\x1aE\xdf\xa3 as if a film"  # by its first bytes


@pytest.fixture(autouse=True)
def no_decoder(monkeypatch):
    """A page is made from what was stored; only whoever measures films has the library."""
    monkeypatch.setattr(matching, "find_spec", lambda name: None)


@pytest.fixture(scope="module")
def one(corpus):
    return filmed(corpus.test[0], film="elsewhere/smile.webm")


@pytest.fixture
def inspect(folder, corpus, one):
    run = Run(folder / "ce")

    def inspect(films=None, utterances=None) -> AttentionInspector:
        return AttentionInspector.from_run(run, corpus, utterances or [one], films=films)

    return inspect


def data_of(path):
    page = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])


# the record


def test_the_record_says_when_frames_are_and_how_the_face_moves(one, corpus):
    record = describe_film(one, corpus)
    json.dumps(record, allow_nan=False)
    assert (record["start"], record["end"], record["size"]) == (0.0, SECONDS, [160.0, 120.0])
    for stream in ("visual", "acoustic"):
        times = unpack(record["times"][stream])
        assert times == pytest.approx(one.annotations[f"{stream}_times"], abs=1e-6)
    mesh = record["mesh"]
    left, top, right, bottom = mesh["box"]
    points = unpack(mesh["points"]) / 65535
    x, y = left + points[..., 0] * (right - left), top + points[..., 1] * (bottom - top)
    chin = mesh["lines"][0].index(max(mesh["lines"][0]))  # any point of the oval will do
    expected = make_landmarks(len(one.visual))[:, film_module._LINES[0][chin]]
    assert x[:, mesh["lines"][0][chin]] == pytest.approx(expected[:, 0], abs=1e-4)
    assert y[:, mesh["lines"][0][chin]] == pytest.approx(expected[:, 1], abs=1e-4)
    assert max(map(max, mesh["lines"])) == points.shape[1] - 1
    assert points.shape[1] < 160  # of 478: what is not drawn is not stored


def test_loudness_comes_from_decibels_and_no_pitch_is_zero():
    names = ("F0", "voicing", "energy")
    voice = [[120, 1, -20], [np.nan, 0, -80], [240, 1, -26], [np.nan, 0, np.nan]]
    times = {"visual_times": np.zeros(1), "acoustic_times": np.arange(4) / 100}
    utterance = Utterance("u", ["so"], np.ones((1, 2)), np.array(voice), annotations=times)
    record = describe_film(utterance, Corpus("mine", acoustic_names=names))["voice"]
    assert unpack(record["pitch"]).tolist() == [120, 0, 240, 0]
    assert unpack(record["level"]).tolist() == [255, 0, 128, 0]


@pytest.mark.parametrize(
    "times",
    [
        {},
        {"visual_times": np.arange(2.0)},
        {"visual_times": np.arange(5.0), "acoustic_times": np.arange(3.0)},
        {"visual_times": np.arange(2.0)[::-1], "acoustic_times": np.arange(3.0)},
        {"visual_times": np.array([0, np.nan]), "acoustic_times": np.arange(3.0)},
        {"visual_times": "at dawn", "acoustic_times": 3.0},
    ],
)
def test_without_proper_times_there_is_no_film(times):
    utterance = Utterance("u", ["so"], np.ones((2, 2)), np.ones((3, 2)), annotations=times)
    assert describe_film(utterance, Corpus("mine")) is None
    with pytest.raises(CENetError, match="the frames of u have no times"):
        match_films({"u": "smile.webm"}, {"u": utterance})


def test_a_film_without_a_face_or_a_voice_is_no_error():
    times = {"visual_times": np.zeros(0), "acoustic_times": np.zeros(0)}
    nobody = {**times, "landmarks": np.zeros(0, np.int16)}
    utterance = Utterance("u", ["so"], np.ones((0, 2)), np.ones((0, 3)), annotations=nobody)
    names = ("F0", "voicing", "energy")
    record = describe_film(utterance, Corpus("mine", acoustic_names=names))
    assert (record["mesh"], record["voice"], record["end"]) == (None, None, 0.0)


# which film, and whether a browser plays it


def test_one_film_needs_one_utterance_and_a_folder_is_searched_by_name(one, corpus, tmp_path):
    two = {one.id: one, "other": filmed(corpus.test[1])}
    clip = Clip(WEBM, "video/webm", 3.0)
    assert match_films(clip, {one.id: one}) == {one.id: clip}
    with pytest.raises(CENetError, match="the recording: is one film for 2 utterances"):
        match_films(WEBM, two)
    with pytest.raises(CENetError, match="there is no utterance 'nobody'"):
        match_films({"nobody": WEBM}, two)
    with pytest.raises(CENetError, match="holds no film of these utterances"):
        match_films(tmp_path, two)
    (tmp_path / "smile.webm").write_bytes(WEBM)
    assert match_films(tmp_path, two) == {one.id: tmp_path / "smile.webm"}
    for measured in ("../../etc/passwd", "/etc/passwd", "../smile.webm/..", ""):
        outside = {"u": filmed(corpus.test[1], film=measured)}
        with pytest.raises(CENetError, match="holds no film"):
            match_films(tmp_path, outside)  # a corpus does not say where to look


def test_films_of_one_name_are_told_apart_by_their_folders(corpus, tmp_path):
    for name in ("ann", "ben"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.webm").write_bytes(WEBM)
    ann, ben = (filmed(corpus.test[0], film=f"C:\\films\\{n}\\1.webm") for n in ("ann", "ben"))
    found = match_films(tmp_path, {"a": ann, "b": ben})
    assert found == {"a": tmp_path / "ann" / "1.webm", "b": tmp_path / "ben" / "1.webm"}
    with pytest.raises(CENetError, match=r"may be C:.films.ann.1\.webm or C:.films.ben.1\.webm"):
        match_films(tmp_path / "ann", {"a": ann, "b": ben})


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (WEBM, "video/webm"),
        (b"\0\0\0 ftypisom", "video/mp4"),
        (b"OggS", "video/ogg"),
    ],
)
def test_a_film_is_what_its_first_bytes_say(content, kind, tmp_path):
    (tmp_path / "film.txt").write_bytes(content)
    for film in (content, bytearray(content), tmp_path / "film.txt", str(tmp_path / "film.txt")):
        assert read_film(film) == (content, kind, 0.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"bad\.webm: browsers play webm, mp4 and ogg"),
        (b"RIFF    AVI ", r'pip install "cenet-lib\[video\]" to convert it'),
        (WEBM + bytes(3_000_000), r"has 3\.0 MB, and the page has room for 2\.0 MB"),
        (None, "there is no such file"),
    ],
)
def test_a_film_that_no_page_can_show_is_refused(content, message, tmp_path):
    if content is not None:
        (tmp_path / "bad.webm").write_bytes(content)
    with pytest.raises(CENetError, match=message):
        read_film(tmp_path / "bad.webm", room=2_000_000)


def test_a_browsers_recording_gets_its_duration(monkeypatch):
    media = pytest.importorskip("cenet_lib.video.media")
    pytest.importorskip("av")
    monkeypatch.undo()  # the library is here
    whole = make_film(1.0)
    duration = b"\x44\x89\x88"  # the name of this element in a webm, and its length
    assert duration in whole
    unknown = whole.replace(duration, b"\xec\x40\x08")  # that is: nothing of note
    content, kind, _ = read_film(unknown)
    assert media.Film(unknown).duration is None
    assert media.Film(content).duration == pytest.approx(1.0, abs=0.1)
    assert kind == "video/webm"
    assert read_film(whole).content == whole


# pages


def test_a_page_holds_the_mesh_and_no_picture_by_default(inspect, one, tmp_path):
    inspect({one.id: WEBM}).to_html(tmp_path / "page.html")
    data = data_of(tmp_path / "page.html")
    assert data["films"] == {}
    record = data["records"][one.id]["film"]
    assert record["has_pictures"] is False
    assert record["mesh"] is not None
    assert base64.b64encode(WEBM).decode() not in (tmp_path / "page.html").read_text()


def test_a_page_holds_the_film_if_asked(inspect, one, tmp_path):
    inspect(WEBM).to_html(tmp_path / "page.html", film=True)
    data = data_of(tmp_path / "page.html")
    film = data["films"][one.id]
    assert (base64.b64decode(film["data"]), film["mime"]) == (WEBM, "video/webm")
    assert data["records"][one.id]["film"]["has_pictures"] is True


def test_a_film_that_is_too_large_leaves_no_page(inspect, corpus, one, tmp_path, monkeypatch):
    two = [one, replace(filmed(corpus.test[1]), id="other")]
    both = inspect({one.id: WEBM, "other": WEBM + WEBM}, two)
    monkeypatch.setattr("cenet_lib.inspector.widget.LARGEST_FILM", 2 * len(WEBM))
    with pytest.raises(CENetError, match="has room for"):  # for one of them
        both.to_html(tmp_path / "page.html", film=True)
    with pytest.raises(CENetError, match="there are no films to put in"):
        inspect().to_html(tmp_path / "page.html", film=True)
    assert list(tmp_path.iterdir()) == []


def test_the_notebooks_page_gets_the_film_by_messages_only(inspect, one, monkeypatch):
    monkeypatch.setattr("cenet_lib.inspector.widget._PIECE", 10)
    inspector, told = inspect(WEBM), []
    monkeypatch.setattr(
        inspector, "send", lambda content, buffers=None: told.append((content, buffers))
    )
    inspector._handle_custom_msg({"kind": "film", "id": one.id}, [])
    inspector._handle_custom_msg({"kind": "film", "id": "nobody"}, [])
    assert [message["n"] for message, _ in told] == list(range(told[0][0]["of"]))
    assert b"".join(buffers[0] for _, buffers in told) == WEBM
    assert "as if a film" not in json.dumps(inspector.get_state(), default=str)
    assert inspector._record["film"]["has_pictures"] is True


def test_a_forgotten_clip_is_said_to_the_page(inspect, one, monkeypatch):
    clip, told = Clip(WEBM, "video/webm", 1.0), []
    inspector = inspect(clip)
    monkeypatch.setattr(inspector, "send", lambda content, buffers=None: told.append(content))
    clip.forget()
    inspector._handle_custom_msg({"kind": "film", "id": one.id}, [])
    assert told[0]["kind"] == "no film"
    assert "was forgotten" in told[0]["say"]


def test_the_film_page_of_one_utterance(folder, one, corpus, tmp_path, monkeypatch):
    film_page(one, folder / "ce", tmp_path / "page.html", WEBM)
    data = data_of(tmp_path / "page.html")
    assert list(data["records"]) == list(data["films"]) == [one.id]
    with pytest.raises(CENetError, match="exists already"):
        film_page(one, folder / "ce", tmp_path / "page.html")

    def gone(run):
        raise CENetError("the corpus is elsewhere")

    monkeypatch.setattr(Run, "corpus", gone)
    film_page(one, Run(folder / "ce"), tmp_path / "alone.html")
    book = data_of(tmp_path / "alone.html")["corpus"]["vocabularies"][0]["visual"]
    assert tuple(book["names"]) == corpus.feature_names["visual"]


def test_the_command_puts_films_in_if_asked(folder, corpus, one, tmp_path, capsys):
    names = {f"{stream}_names": corpus.feature_names[stream] for stream in ("visual", "acoustic")}
    Corpus("measured", test=[one, filmed(corpus.test[1])], **names).save(tmp_path / "measured")
    (tmp_path / "films").mkdir()
    command = ["inspect", str(folder / "ce"), "--corpus", str(tmp_path / "measured")]
    films = ["--films", str(tmp_path / "films")]
    assert main([*command, *films, "--out", str(tmp_path / "none.html")]) == 2
    assert "holds no film of these utterances" in capsys.readouterr().err
    (tmp_path / "films" / "smile.webm").write_bytes(WEBM)
    assert main([*command, *films, "--out", str(tmp_path / "page.html")]) == 0
    assert list(data_of(tmp_path / "page.html")["films"]) == [one.id]
    assert main([*command, "--out", str(tmp_path / "mesh.html")]) == 0
    assert data_of(tmp_path / "mesh.html")["films"] == {}
    assert not (tmp_path / "none.html").exists()


# faces from blendshapes


def corners(**activation):
    mouth = next(points for part, points, _ in face_curves(activation) if part["kind"] == "mouth")
    return mouth[0], mouth[4]  # on the left of the picture, which is the person's right; and right


def test_blendshapes_move_one_side_of_the_face():
    (left, right), (left_rest, right_rest) = corners(mouthSmileLeft=1.0), corners()
    assert right[1] < right_rest[1] - 0.1  # up, for y grows downwards
    assert left.tolist() == left_rest.tolist()
    both, unit = corners(mouthSmileLeft=1.0, mouthSmileRight=1.0), corners(AU12=1.0)
    assert np.allclose(both, unit)


def test_every_blendshape_but_the_neutral_one_is_drawn_and_said():
    face = pytest.importorskip("cenet_lib.video.face")
    names = face.VISUAL_CHANNELS
    found = drawable(names, "visual")
    assert list(found) == list(names)  # the angles of the head, too
    moved = {name for part in FACE for kind in ("moves", "gaze") for name in part.get(kind, {})}
    assert set(SHAPES) == moved & set(SHAPES)
    assert all(caption({name: 1.0}, {}, "visual") for name in found)


@pytest.mark.parametrize(
    "name", ["mouthSmileLeft", "MouthSmileLeft", "mouth_smile_left", "mouthSmile_L"]
)
def test_blendshapes_are_matched_whatever_the_spelling(name):
    assert drawable(["other", name], "visual") == {"mouthSmileLeft": 1}


@pytest.mark.parametrize(
    ("activation", "said"),
    [
        ({"mouthSmileLeft": 0.9, "mouthSmileRight": 0.8}, "mouth corners up"),
        ({"mouthSmileLeft": 0.9, "mouthSmileRight": 0.2}, "mouth corners up (left)"),
        ({"jawOpen": 0.5, "eyeBlinkLeft": 1.0, "eyeBlinkRight": 0.4}, "eyes closed, jaw open"),
        ({"mouthLeft": 1.0, "yaw": -0.6}, "mouth to the left, head turned"),
    ],
)
def test_blendshapes_in_words(activation, said):
    assert caption(activation, {}, "visual") == said


def test_channels_that_hardly_move_make_no_grimace():
    rng = np.random.default_rng(0)
    frames = np.stack([rng.choice([0.0, 0.0004], 400), rng.choice([0.0, 0.6], 400)], axis=1)
    vocabulary = FeatureVocabulary(4).fit(frames.astype(np.float32))
    activations = Activations.of(vocabulary, ["noseSneerLeft", "jawOpen"], "visual")
    drawn = activations(vocabulary.codes_)
    assert drawn[:, 0].max() == 0
    assert drawn[:, 1].max() > 0.6


def test_a_head_that_leans_to_the_left_of_the_picture_is_drawn_so():
    frames = np.array([[roll, 0.5] for roll in (-20, 0, 0, 20)] * 5, np.float32)
    vocabulary = FeatureVocabulary(3).fit(frames)
    activations = Activations.of(vocabulary, ["roll", "jawOpen"], "visual")
    lean = activations(vocabulary.standardize(np.array([[20, 0.5]], np.float32)))[0, 0]

    def brow(roll):
        curves = face_curves({"roll": roll})
        return next(points for part, points, _ in curves if part["kind"] == "brow")

    assert brow(lean)[:, 0].mean() < brow(0.0)[:, 0].mean()
