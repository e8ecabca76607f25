"""Films for a browser: as they are, a part copied, or encoded anew; always at the right time."""

import io
import struct

import av
import numpy as np
import pytest
from filmed import safaris_film
from films import make_film, quarters, tone

from cenet_lib import CENetError
from cenet_lib.inspector.recorder import Clip
from cenet_lib.video.media import Film
from cenet_lib.video.playable import Playable, playable, with_duration

START, END = 30.35, 32.35
RATE = 10
IN_MP4 = {"codec": "libx264", "sound_codec": "aac"}
IN_WEBM = {"codec": "libvpx", "sound_codec": "libopus"}
IN_MPG = {"codec": "mpeg1video", "sound_codec": "mp2", "pictures_per_second": 25}


def tells_the_time(seconds, rate=RATE, slope=3):
    """Pictures that are brighter the later they are, and a beep at each whole second."""
    times = (np.arange(round(seconds * rate)) / rate).tolist()
    pictures = [np.full((48, 64, 3), 20 + slope * time, np.uint8) for time in times]
    beep = np.r_[tone(0.1, 48_000, 600), np.zeros(43_200, np.float32)]
    return pictures, times, np.tile(beep, round(seconds))


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    """Return a film of a minute in a form."""
    folder = tmp_path_factory.mktemp("films")

    def make(name, **options):
        path = folder / name
        if not path.exists():
            pictures, times, sound = tells_the_time(60, options.get("pictures_per_second", RATE))
            make_film(path, pictures, times, sound, rate=48_000, **options)
        return path

    return make


def first_beep(film: Playable) -> float:
    """The time of the first beep that begins in a film, in that of the one that was measured."""
    sound = Film(film.content).sound()
    loud = np.abs(sound.samples) > 0.1
    quiet_before = np.convolve(loud, np.ones(800), "full")[: len(loud)] - loud == 0
    return film.offset + sound.start + np.flatnonzero(loud & quiet_before)[0] / sound.rate


@pytest.mark.parametrize(
    ("name", "options"), [("f.mp4", IN_MP4), ("f.webm", IN_WEBM), ("f.mov", IN_MP4)]
)
def test_a_part_of_a_minute_is_copied_from_the_key_picture_before(name, options, minute):
    path = minute(name, **options)
    film = playable(path, START, END)
    assert len(film.content) < path.stat().st_size / 10
    assert film.kind == ("video/webm" if name == "f.webm" else "video/mp4")
    assert START - 0.5 <= film.offset <= START  # of five pictures, one is a key picture
    again = {round(p.time + film.offset, 2): p.rgb for p in Film(film.content).pictures()}
    expected = {round(p.time, 2): p.rgb for p in Film(path, START, END).pictures()}
    assert again.keys() >= expected.keys()
    assert max(again) < END + 0.5  # pictures are stored in another order than they are shown
    for time, rgb in expected.items():
        np.testing.assert_array_equal(again[time], rgb)
    assert first_beep(film) == pytest.approx(31.0, abs=0.01)
    assert Film(film.content).duration == pytest.approx(END - film.offset, abs=0.3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("f.mpg", IN_MPG),
        ("f.avi", {}),
        ("f.mkv", IN_MP4),  # whose pictures do not say in which order they are stored
        ("h.mp4", {"codec": "libx265", "sound_codec": "aac"}),
        ("a.mp4", {"codec": "libx264", "sound_codec": "ac3"}),
    ],
)
@pytest.mark.parametrize("part", [(None, None), (5.35, 7.35)])
def test_what_browsers_do_not_play_is_encoded_anew(name, options, part, tmp_path):
    pictures, times, sound = tells_the_time(8, options.get("pictures_per_second", RATE), 25)
    make_film(tmp_path / name, pictures, times, sound, rate=48_000, **options)
    film = playable(tmp_path / name, *part)
    start, end = part[0] or 0.0, part[1] or 8.0
    assert (film.kind, film.offset) == ("video/webm", start)
    with Film(film.content).opened() as container:
        assert container.streams.video[0].codec_context.name == "vp8"
        assert container.streams.audio[0].codec_context.name == "opus"
    shown = list(Film(film.content).pictures())
    assert shown[0].time == 0
    assert shown[-1].time + start == pytest.approx(end, abs=0.2)
    brightness = {round(p.time, 2): p.rgb.mean() for p in Film(tmp_path / name).pictures()}
    for picture in shown[1:]:
        expected = brightness[round(picture.time + start, 2)]
        assert picture.rgb.mean() == pytest.approx(expected, abs=5)  # two pictures
    assert first_beep(film) == pytest.approx(np.ceil(start), abs=0.01)


def test_a_part_far_from_a_key_picture_is_encoded_anew(minute, monkeypatch):
    monkeypatch.setattr("cenet_lib.video.playable._RUN_UP", 0.05)
    film = playable(minute("f.mp4", **IN_MP4), START, END)
    assert (film.kind, film.offset) == ("video/webm", START)
    assert first_beep(film) == pytest.approx(31.0, abs=0.01)


def test_what_browsers_play_stays_as_it_is(minute):
    path = minute("f.mp4", **IN_MP4)
    content = path.read_bytes()
    for film in (playable(path), playable(content), playable(path, 0.5, 59.5)):
        assert film == (content, "video/mp4", 0.0)
    assert playable(minute("f.mov", **IN_MP4)).content[4:12] == b"ftypisom"  # and not QuickTime's


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, -1)])
def test_a_part_of_a_film_that_is_turned_stays_turned(matrix, tmp_path):
    times = (np.arange(60) / 10).tolist()
    path = make_film(tmp_path / "f.mp4", [quarters()] * 60, times, tone(6, 48_000), rate=48_000,
                     **IN_MP4)  # fmt: skip
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value * 65536 for value in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    content = bytes(content)
    expected = next(Film(content, 3.0, 4.0).pictures()).rgb
    pictures = list(Film(playable(content, 3.0, 4.0).content).pictures())
    assert pictures[0].rgb.shape == expected.shape
    assert np.abs(pictures[0].rgb.astype(int) - expected).mean() < 3


def test_a_wide_film_is_made_small_and_keeps_its_shape(tmp_path):
    pictures = [quarters(1280, 720)] * 4
    path = make_film(tmp_path / "f.avi", pictures, [0, 0.1, 0.2, 0.3], tone(0.4))
    assert next(Film(playable(path).content).pictures()).rgb.shape == (360, 640, 3)


@pytest.mark.parametrize("part", [(None, None), (START, END)])
@pytest.mark.parametrize(("name", "options"), [("f.mp4", IN_MP4), ("f.mpg", IN_MPG)])
def test_without_room_it_is_refused(name, options, part, minute):
    with pytest.raises(CENetError, match=rf"{name}: has .* MB, and the page has room for 0.0 MB"):
        playable(minute(name, **options), *part, room=5_000)


@pytest.mark.slow
def test_a_long_film_is_encoded_into_the_room_that_there_is(minute):
    film = playable(minute("f.mpg", **IN_MPG), room=1_100_000)
    assert len(film.content) <= 1_100_000


def test_what_is_no_film_is_refused(tmp_path):
    (tmp_path / "f.mp4").write_text("This is no film.")
    with pytest.raises(CENetError, match=r"f\.mp4: cannot be opened as a film"):
        playable(tmp_path / "f.mp4")
    with pytest.raises(CENetError, match="does not lie in this film"):
        playable(with_duration(safaris_film()), 8.0, 9.0)


# recordings of Safari: H.264 and AAC in fragments, with uneven pictures and no duration


def test_safaris_recording_is_read_with_its_own_times():
    recorded = safaris_film()
    assert b"moof" in recorded
    film = Film(recorded)
    times = [picture.time for picture in film.pictures()]
    assert len({round(step, 3) for step in np.diff(times)}) > 2
    assert times[:4] == pytest.approx([0.0, 0.033, 0.1, 0.133], abs=0.001)
    assert film.sound().end == pytest.approx(3.0, abs=0.05)
    film.require_whole()


def test_safaris_recording_gets_its_duration_wherever_it_goes(tmp_path):
    recorded = safaris_film()
    saved = Clip(recorded, "video/mp4;codecs=avc1.42E01E,mp4a.40.2", 3.0).save(tmp_path / "me")
    assert saved.name == "me.mp4"
    for content in (saved.read_bytes(), playable(recorded).content):
        assert b"moof" not in content
        film = Film(content)
        assert film.duration == pytest.approx(3.0, abs=0.1)
        expected = list(Film(recorded).pictures())
        for one, other in zip(film.pictures(), expected, strict=True):
            assert one.time == pytest.approx(other.time, abs=0.001)
            np.testing.assert_array_equal(one.rgb, other.rgb)
        with av.open(io.BytesIO(content)) as container:
            assert {s.codec_context.name for s in container.streams} == {"h264", "aac"}
