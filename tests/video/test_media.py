"""Films as a player shows them: times, sizes, sound, parts; and what is no film says so."""

import io
import shutil
import struct
import sys

import av
import numpy as np
import pytest
from films import COLOURS, make_film, quarters, tone

from cenet_lib import CENetError
from cenet_lib.video import media
from cenet_lib.video.media import Film
from cenet_lib.video.playable import with_duration
from cenet_lib.video.sound import Track

UNEVEN = [0.0, 0.04, 0.1, 0.13, 0.5, 0.52, 0.9, 1.2, 1.6]


def grey(times):
    """Pictures, each a little brighter than the one before."""
    return [np.full((48, 64, 3), 20 + 10 * i, np.uint8) for i in range(len(times))]


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """A film with uneven pictures, and a tone that begins late."""
    path = tmp_path_factory.mktemp("films") / "uneven.mkv"
    return make_film(path, grey(UNEVEN), UNEVEN, tone(1.4), sound_start=0.25)


def times_of(film):
    return [picture.time for picture in film.pictures()]


# times


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("mkv", {}),
        ("avi", {}),
        ("mov", {}),
        ("mp4", {"sound_codec": "aac"}),
        ("webm", {"codec": "libvpx", "sound_codec": "libopus", "rate": 48_000}),
    ],
)
def test_each_picture_has_its_own_time(form, options, tmp_path):
    sound = tone(1.7, options.get("rate", 16_000))
    film = Film(make_film(tmp_path / f"f.{form}", grey(UNEVEN), UNEVEN, sound, **options))
    pictures = list(film.pictures())
    assert [picture.time for picture in pictures] == pytest.approx(UNEVEN, abs=0.001)
    brightness = [picture.rgb.mean() for picture in pictures]
    assert brightness == pytest.approx([20 + 10 * i for i in range(len(UNEVEN))], abs=4)
    heard = film.sound()
    assert (heard.start, heard.end) == pytest.approx((0, 1.7), abs=0.03)  # AAC adds to the end
    film.require_whole()
    assert film.n_damaged == 0


def onset(sound):
    """The time at which a sound becomes loud."""
    return sound.start + np.argmax(np.abs(sound.samples) > 0.1) / sound.rate


def test_sound_that_begins_late(uneven):
    sound = Film(uneven).sound()
    assert sound.start == pytest.approx(0.25, abs=0.001)
    assert onset(sound) == pytest.approx(0.25, abs=0.002)
    assert sound.end == pytest.approx(1.65, abs=0.002)


def test_a_gap_in_the_sound_is_silence(tmp_path):
    pieces = [(0.0, tone(0.5)), (0.9, tone(0.5))]
    sound = Film(make_film(tmp_path / "f.mkv", grey(UNEVEN), UNEVEN, pieces)).sound()
    loud = np.abs(sound.samples) > 0.01
    assert sound.end == pytest.approx(1.4, abs=0.002)
    assert not loud[round(0.51 * sound.rate) : round(0.89 * sound.rate)].any()
    assert loud[round(0.4 * sound.rate) : round(0.5 * sound.rate)].mean() > 0.9
    assert loud[round(0.91 * sound.rate) : round(1.4 * sound.rate)].mean() > 0.9


def pieces(times):
    """A sound in pieces of 20 ms that begin at some times, laid behind each other."""
    heard: list[np.ndarray] = []
    track, samples = Track(8_000, "f.mp4", heard.append), tone(0.02 * len(times), 8_000, 250)
    for i, time in enumerate(times):
        piece = av.AudioFrame.from_ndarray(samples[None, 160 * i : 160 * (i + 1)], "fltp", "mono")
        piece.sample_rate = 8_000
        track.add(time, piece)
    track.finish()
    return samples, np.concatenate(heard)


def test_the_unrest_of_a_browsers_times_does_not_tear_the_sound():
    times = np.arange(50) * 0.02
    unrest = np.random.default_rng(0).uniform(-0.008, 0.015, 50)
    sent, heard = pieces(np.maximum(times + unrest, times[0]))
    assert len(heard) - len(sent) in range(-64, 121)  # where it begins is up to the first
    np.testing.assert_allclose(heard[-len(sent) :], sent, atol=1e-6)


@pytest.mark.parametrize("pace", [0.99, 1.01])
def test_a_clock_that_runs_away_is_followed(pace):
    times = np.arange(500) * 0.02 * pace
    _, heard = pieces(times)
    assert len(heard) / 8_000 == pytest.approx(10 * pace, abs=0.02)


def test_sound_that_leaps_is_refused():
    with pytest.raises(CENetError, match=r"f\.mp4: the times of its sound leap by 100 s at 0\.02"):
        pieces([0.0, 100.02])


def test_a_container_that_begins_later_or_earlier(tmp_path):
    for begin in (5.0, -0.4):
        times = [begin + t for t in UNEVEN]
        path, sound = tmp_path / f"{begin}.ts", tone(1.2)
        make_film(path, grey(UNEVEN), times, sound, sound_start=begin + 0.3, sound_codec="mp2")
        film = Film(path)
        assert times_of(film) == pytest.approx(UNEVEN, abs=0.001)
        assert onset(film.sound()) == pytest.approx(0.3, abs=0.005)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("mkv", {}),
        ("webm", {"codec": "libvpx", "sound_codec": "libopus", "rate": 48_000}),
        ("nut", {}),
        ("asf", {"codec": "wmv2"}),
        ("mov", {}),
    ],
)
def test_a_film_that_begins_ten_seconds_late_is_not_cut_off(form, options, tmp_path):
    times, sound = [10 + t for t in UNEVEN], tone(1.7, options.get("rate", 16_000))
    film = Film(
        make_film(tmp_path / f"f.{form}", grey(times), times, sound, sound_start=10.0, **options)
    )
    assert times_of(film) == pytest.approx(UNEVEN, abs=0.001)
    film.sound()
    film.require_whole()
    assert film.duration == pytest.approx(1.7, abs=0.1)
    with pytest.raises(CENetError, match=r"a part that reaches 8 s does not lie in this film"):
        Film(film.source, 5, 8)


def test_sound_before_zero_is_an_encoder_that_starts_up(tmp_path):
    path = make_film(tmp_path / "f.mkv", grey(UNEVEN), UNEVEN, tone(1.0), sound_start=-0.064)
    film = Film(path)
    assert times_of(film) == pytest.approx(UNEVEN, abs=0.001)
    sound = film.sound()
    assert sound.start == pytest.approx(0, abs=1e-4)
    assert sound.end == pytest.approx(0.936, abs=0.002)


def test_times_that_run_backwards(tmp_path, monkeypatch):
    film = Film(make_film(tmp_path / "f.mkv", grey(UNEVEN), UNEVEN))
    part = Film._part

    def swapped(self, kind):
        found = list(part(self, kind))
        yield from found[6:]
        yield from found[:6]

    monkeypatch.setattr(Film, "_part", swapped)
    with pytest.raises(CENetError, match=r"f\.mkv: its times run backwards, from 1\.60 s to 0\.00"):
        list(film.pictures())


# parts


@pytest.mark.parametrize(
    ("start", "end"), [(None, 0.5), (0.1, None), (0.5, 0.91), (0.41, 1.2), (0.0, 1.65)]
)
def test_a_part(uneven, start, end):
    film = Film(uneven, start, end)
    inside = [t for t in UNEVEN if (start or 0) <= t < (end or 9)]
    assert times_of(film) == pytest.approx(inside, abs=0.001)
    sound, whole = film.sound(), Film(uneven).sound()
    assert sound.start == pytest.approx(max(0.25, start or 0), abs=0.001)
    assert sound.end == pytest.approx(min(1.65, end or 9), abs=0.001)
    first = round((sound.start - whole.start) * whole.rate)
    same = whole.samples[first : first + len(sound.samples)]
    np.testing.assert_allclose(sound.samples, same, atol=1e-6)
    film.require_whole()


@pytest.mark.parametrize("form", ["mkv", "avi", "mpg"])
def test_a_part_far_inside_is_sought_and_the_same(form, tmp_path):
    times = np.arange(0, 12, 0.04).tolist()
    options = {"codec": "mpeg1video", "sound_codec": "mp2", "rate": 44_100} if form == "mpg" else {}
    options["pictures_per_second"] = 25
    pictures = [np.full((48, 64, 3), i % 200 + 20, np.uint8) for i in range(len(times))]
    sound = tone(12.0, options.get("rate", 16_000), pitch=97.3)
    path = make_film(tmp_path / f"f.{form}", pictures, times, sound, **options)
    whole = [p for p in Film(path).pictures() if 8.1 <= p.time < 9.5]
    part = list(Film(path, 8.1, 9.5).pictures())
    assert [p.time for p in part] == [p.time for p in whole]
    assert len(part) == 35
    for one, other in zip(part, whole):
        np.testing.assert_array_equal(one.rgb, other.rgb)
    sound, all_sound = Film(path, 8.1, 9.5).sound(), Film(path).sound()
    first = round((sound.start - all_sound.start) * sound.rate)
    same = all_sound.samples[first : first + len(sound.samples)]
    assert np.abs(sound.samples - same)[200:-200].max() < 0.02


def test_a_part_does_not_read_what_lies_before(tmp_path, monkeypatch):
    times = np.arange(0, 20, 0.2).tolist()
    pictures = [np.full((48, 64, 3), i, np.uint8) for i in range(len(times))]
    film = Film(make_film(tmp_path / "f.mkv", pictures, times), 15, 16)
    seen = []
    decoded = Film._decoded

    def noted(self, *arguments):
        for found in decoded(self, *arguments):
            seen.append(found[0])
            yield found

    monkeypatch.setattr(Film, "_decoded", noted)
    assert times_of(film) == pytest.approx([15.0, 15.2, 15.4, 15.6, 15.8], abs=0.001)
    assert min(seen) > 10


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (1.0, 1.0, "is empty; its end must be later"),
        (1.0, 0.5, "from 1 s to 0.5 s is empty"),
        (-1, None, "its start is -1; give seconds"),
        (float("nan"), None, "its start is nan"),
        (None, float("inf"), "its end is inf"),
        ("soon", None, "its start is 'soon'"),
        (True, None, "its start is True"),
        (5, 6, "a part that reaches 6 s does not lie in this film, which lasts 1.65 s"),
        (0.91, 1.1, "holds no picture from 0.91 s to 1.1 s"),
        (0.91, 1.3, "holds one picture alone from 0.91 s to 1.3 s"),
    ],
)
def test_parts_that_are_none(uneven, start, end, message):
    with pytest.raises(CENetError, match=rf"^.*uneven\.mkv: .*{message}"):
        times_of(Film(uneven, start, end))


def test_a_part_without_sound(uneven):
    with pytest.raises(CENetError, match=r"its sound holds nothing from 0 s to 0\.2 s"):
        Film(uneven, 0, 0.2).sound()


# pictures


@pytest.mark.parametrize("form", ["mp4", "mov"])
@pytest.mark.parametrize(
    ("matrix", "top_left", "top_right"),
    [
        ((1, 0, 0, 1), 0, 1),
        ((0, 1, -1, 0), 2, 0),  # as a telephone that is held upright: a quarter clockwise
        ((-1, 0, 0, -1), 3, 2),
        ((0, -1, 1, 0), 1, 3),
    ],
)
def test_pictures_are_turned_as_the_container_says(form, matrix, top_left, top_right, tmp_path):
    path = make_film(tmp_path / f"f.{form}", [quarters()] * 3, [0, 0.1, 0.2])
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # QuickTime's matrix: x' = a x + c y, y' = b x + d y
    a, b, c, d = (value * 65536 for value in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    rgb = next(Film(bytes(content)).pictures()).rgb
    assert rgb.shape == ((64, 48, 3) if matrix[0] == 0 else (48, 64, 3))
    assert rgb.flags["C_CONTIGUOUS"]
    assert np.abs(rgb[6, 6].astype(int) - COLOURS[top_left]).max() < 12
    assert np.abs(rgb[6, -6].astype(int) - COLOURS[top_right]).max() < 12


@pytest.mark.parametrize(
    ("aspect", "shape"), [("2/1", (48, 128)), ("1/2", (96, 64)), ("16/15", (48, 68))]
)
def test_pixels_become_square(aspect, shape, tmp_path):
    path = make_film(tmp_path / "f.mkv", [quarters()] * 3, [0, 0.1, 0.2], aspect=aspect)
    rgb = next(Film(path).pictures()).rgb
    assert rgb.shape == (*shape, 3)
    assert np.abs(rgb[-6, -6].astype(int) - COLOURS[3]).max() < 12


def test_pictures_come_one_after_another(uneven, monkeypatch):
    pictures = Film(uneven).pictures()
    assert next(pictures).time == 0
    pictures.close()  # and whoever stops early leaves no file open


# sound


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2), ("5.1", 6)])
def test_channels_are_mixed_without_growing_louder(layout, channels, tmp_path):
    sound = np.tile(tone(1.0), (channels, 1))
    path = make_film(tmp_path / "f.mkv", grey(UNEVEN), UNEVEN, sound, layout=layout)
    assert np.abs(Film(path).sound().samples).max() == pytest.approx(0.5, abs=0.002)


def test_a_voice_in_the_middle_of_five_channels_is_heard_and_the_bass_is_not(tmp_path):
    for channel, loudness in ((2, 0.29), (3, 0.0)):
        sound = np.zeros((6, 16_000), np.float32)
        sound[channel] = 2 * tone(1.0)
        options = {"layout": "5.1", "sound_codec": "flac"}  # plain samples lose their places
        path = make_film(tmp_path / "f.mkv", grey(UNEVEN), UNEVEN, sound, **options)
        assert np.abs(Film(path).sound().samples).max() == pytest.approx(loudness, abs=0.02)


@pytest.mark.parametrize("rate", [4_000, 8_000, 22_050, 44_100, 96_000, 192_000])
def test_rates_of_sound(rate, tmp_path):
    path = make_film(tmp_path / "f.mkv", grey(UNEVEN), UNEVEN, tone(1.0, rate), rate=rate)
    film = Film(path)
    assert film.sound_rate == rate
    for sound in (film.sound(), film.sound(44_100)):
        assert sound.end == pytest.approx(1.0, abs=0.005)
        spectrum = np.abs(np.fft.rfft(sound.samples))
        assert np.argmax(spectrum) * sound.rate / len(sound.samples) == pytest.approx(200, abs=2)
    assert (film.sound().rate, film.sound(44_100).rate) == (16_000, 44_100)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_u8", "pcm_s32le", "pcm_f32le", "flac"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_samples_at_full_scale_are_counted_in_the_part_alone(codec, rate, tmp_path):
    sound = np.tile(0.9 * tone(2.0, rate), (2, 1))
    sound[0, rate // 2 : rate] = 1.0  # in one of two channels, in a quarter of the time
    path = make_film(
        tmp_path / "f.mkv",
        grey(UNEVEN),
        UNEVEN,
        sound,
        rate=rate,
        layout="stereo",
        sound_codec=codec,
    )
    assert Film(path).sound().clipped == pytest.approx(1 / 8, abs=0.002)
    assert Film(path, 1.1).sound().clipped == 0
    assert Film(path, 0.5, 1.0).sound().clipped == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("part", [(None, None), (0.4, 1.2)])
def test_sound_is_handed_on_piece_by_piece(part, uneven):
    film, pieces = Film(uneven, *part), []
    heard, sound = film.listen(pieces.append), film.sound()
    np.testing.assert_array_equal(np.concatenate(pieces), sound.samples)
    assert max(map(len, pieces)) < 2_000
    assert (heard.start, heard.clipped) == (sound.start, sound.clipped)
    assert heard.end == pytest.approx(sound.end, abs=1e-9)


def test_a_film_without_sound(tmp_path):
    film = Film(make_film(tmp_path / "mute.mkv", grey(UNEVEN), UNEVEN))
    assert not film.has_sound
    assert times_of(film) == pytest.approx(UNEVEN, abs=0.001)
    with pytest.raises(CENetError, match=r"mute\.mkv: has no sound; record it with a microphone"):
        film.sound()


# what is no film


@pytest.fixture
def broken(tmp_path):
    """Write a film of two seconds, and return a function that writes it damaged."""

    def write(form, damage, **options):
        times = np.arange(0, 4, 0.04).tolist()
        noise = np.random.default_rng(0).integers(0, 255, (len(times), 48, 64, 3), dtype=np.uint8)
        path = make_film(tmp_path / f"f.{form}", list(noise), times, tone(4.0), **options)
        path.write_bytes(damage(path.read_bytes()))
        return path

    return write


def read_whole(film):
    times_of(film)
    film.sound()
    film.require_whole()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("mp4", "cannot be opened as a film .*cut off or damaged"),  # its table stands at the end
        ("mkv", r"ends at .* s, but promises 4\.03 s; it was cut off"),
        ("avi", "was cut off: it has .* of .* bytes; copy or record it again"),
    ],
)
def test_half_a_film(broken, form, message):
    path = broken(form, lambda content: content[: len(content) // 2], sound_codec="mp2")
    with pytest.raises(CENetError, match=rf"f\.{form}: .*{message}"):
        read_whole(Film(path))


def test_what_is_damaged_inside_is_counted(broken):
    def damage(content):
        third = len(content) // 3
        return content[:third] + bytes(20_000) + content[third + 20_000 :]

    film = Film(broken("mp4", damage, codec="libx264", sound_codec="aac"))
    times = times_of(film)
    assert 20 < len(times) < 100
    assert times[-1] > 3.5
    assert film.n_damaged > 0


def test_packets_before_a_part_are_no_damage(tmp_path):
    times = np.arange(0, 8, 0.04).tolist()
    options = {"codec": "mpeg1video", "sound_codec": "mp2", "rate": 44_100}
    pictures = [quarters()] * len(times)
    path = make_film(
        tmp_path / "f.mpg", pictures, times, tone(8.0, 44_100), pictures_per_second=25, **options
    )
    film = Film(path, 5.0, 7.0)
    read_whole(film)
    assert film.n_damaged == 0
    content = bytearray(path.read_bytes())
    middle = 3 * len(content) // 4
    content[middle : middle + 2_000] = b"?" * 2_000
    film = Film(bytes(content), 5.0, 7.0)
    read_whole(film)
    assert film.n_damaged > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"This is no film, but a text that somebody called one.\n" * 50, "cannot be opened"),
        (b"\x00" * 5000, "cannot be opened"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "cannot be opened"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "cannot be opened"),
        (b"v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", "cannot be opened"),
    ],
)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_files_that_are_no_films(content, message, as_bytes, tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(CENetError, match=message) as caught:
        Film(content if as_bytes else path)
    assert str(caught.value).startswith("the recording: " if as_bytes else f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_list_of_films_is_not_followed(uneven, tmp_path):
    shutil.copy(uneven, tmp_path / "inner.mkv")
    for name, text in (
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ninner.mkv\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile inner.mkv\n"),
        ("list.txt", "words that FFmpeg would draw\n" * 30),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(CENetError, match="cannot be opened as a film"):
            Film(tmp_path / name)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("absent.mp4", "there is no such file"),
        ("", "is a folder"),
        ("https://example.org/film.mp4", "there is no such file"),
        ("concat:a|b", "there is no such file"),
    ],
)
def test_paths_to_no_film(path, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CENetError, match=message):
        Film(path or tmp_path)


def test_sound_alone(tmp_path):
    with pytest.raises(CENetError, match="is no film: it holds sound and no moving pictures"):
        Film(make_film(tmp_path / "voice.wav", sound=tone(1.0)))


def test_one_picture_is_no_film(tmp_path):
    path = make_film(tmp_path / "still.mkv", [quarters()], [0.0], tone(1.0))
    with pytest.raises(CENetError, match=r"still\.mkv: holds one picture alone; a film has"):
        times_of(Film(path))


def test_without_the_library_the_error_names_the_mend(uneven, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(CENetError, match=r'pip install "cenet-lib\[video\]"'):
        Film(uneven)


@pytest.mark.parametrize("form", ["mp4", "webm", "mkv"])
def test_whatever_is_damaged_gives_pictures_or_one_error(form, tmp_path):
    options = {"codec": "libvpx", "sound_codec": "libopus"} if form == "webm" else {}
    sound = tone(1.0, 48_000)
    if form == "mp4":
        options = {"codec": "libx264", "sound_codec": "aac"}
    path = make_film(tmp_path / f"f.{form}", grey(UNEVEN), UNEVEN, sound, rate=48_000, **options)
    rng, content = np.random.default_rng(0), path.read_bytes()
    well, said = 0, []
    for number in range(40):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content) if number % 2 else 600, 6):
            damaged[place] = rng.integers(0, 256)
        try:
            read_whole(Film(bytes(damaged)))
            well += 1
        except CENetError as error:
            said.append(str(error))
    assert 0 < well < 40
    assert all(text.startswith("the recording: ") and "\n" not in text for text in said)


# recordings of a browser


@pytest.mark.slow
def test_a_recording_gets_its_duration():
    live = io.BytesIO()
    make_film(
        live, grey(UNEVEN), UNEVEN, tone(1.7, 48_000), rate=48_000, codec="libvpx",
        sound_codec="libopus", form="webm", live=True,
    )  # fmt: skip
    recorded = live.getvalue()
    assert Film(recorded).duration is None
    mended = with_duration(recorded)
    film = Film(mended)
    assert film.duration == pytest.approx(1.7, abs=0.02)
    before, after = list(Film(recorded).pictures()), list(film.pictures())
    assert [p.time for p in after] == pytest.approx(UNEVEN, abs=0.001)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
    np.testing.assert_array_equal(Film(recorded).sound().samples, film.sound().samples)
    assert media.Film(mended, 0.5, 1.0).start == 0.5
