"""Python's side of the recorder: pieces, clips, limits; the page itself: `tests/browser`."""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filmed import make_film

from cenet_lib import CENetError, Recorder
from cenet_lib.inspector.recorder import Clip
from cenet_lib.video.media import Film

END = {"kind": "end", "take": "a", "mime": "video/webm;codecs=vp8,opus", "seconds": 0.75}


@pytest.fixture
def heard(monkeypatch):
    """What Python tells the page."""
    told = []
    monkeypatch.setattr(Recorder, "send", lambda self, content, buffers=None: told.append(content))
    return told


def say(recorder, message, *buffers):
    recorder._handle_custom_msg(message, list(map(memoryview, buffers)))


def send(recorder, pieces, take="a"):
    say(recorder, {"kind": "start", "take": take})
    for place, piece in pieces.items():
        say(recorder, {"kind": "piece", "take": take, "n": place}, piece)


def record(recorder, pieces, take="a"):
    send(recorder, pieces, take)
    size = sum(map(len, pieces.values()))
    say(recorder, {**END, "take": take, "pieces": len(pieces), "bytes": size})


def test_pieces_are_put_in_their_order(heard):
    recorder = Recorder()
    states = []
    recorder.observe(lambda change: states.append(change["new"]), "state")
    record(recorder, {1: b"-one-", 0: b"zero", 2: b"two"})
    assert recorder.clip.data == b"zero-one-two"
    assert (recorder.clip.seconds, recorder.clip.mime) == (0.75, "video/webm")
    assert states == ["recording", "ready"]
    assert heard[-1]["kind"] == "whole"


def test_it_ends_only_when_every_piece_is_there(heard):
    recorder = Recorder()
    send(recorder, {0: b"zero", 3: b"three"})
    end = {**END, "pieces": 4, "bytes": 15}
    say(recorder, end)
    assert heard[-1] == {"kind": "again", "take": "a", "pieces": [1, 2]}
    with pytest.raises(CENetError, match="has not ended"):
        recorder.clip  # noqa: B018
    say(recorder, {"kind": "piece", "take": "a", "n": 2}, b"two")
    say(recorder, {"kind": "piece", "take": "a", "n": 1}, b"one")
    say(recorder, {"kind": "piece", "take": "a", "n": 1}, b"one, once more")
    say(recorder, end)
    assert recorder.clip.data == b"zeroonetwothree"


def test_what_never_arrives_is_counted(heard):
    recorder = Recorder()
    send(recorder, {0: b"zero", 3: b"three"})
    for _ in range(4):
        say(recorder, {**END, "pieces": 4, "bytes": 15})
    assert [message["kind"] for message in heard] == ["again"] * 3 + ["refused"]
    assert recorder.state == "failed"
    with pytest.raises(CENetError, match=r"2 of 4 pieces .* never arrived \(1, 2\); record again"):
        recorder.clip  # noqa: B018


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ({"pieces": 0, "bytes": 0}, "the browser recorded nothing"),
        ({"pieces": 1, "bytes": 5}, "4 of 5 bytes"),
    ],
)
def test_a_recording_that_is_not_whole_is_refused(end, message, heard):
    recorder = Recorder()
    send(recorder, {0: b"zero"} if end["pieces"] else {})
    say(recorder, {**END, **end})
    with pytest.raises(CENetError, match=message):
        recorder.clip  # noqa: B018


def test_only_the_last_recording_is_heard(heard):
    recorder = Recorder()
    record(recorder, {0: b"old"}, take="old")
    send(recorder, {0: b"new"}, take="new")
    with pytest.raises(CENetError, match="has not ended"):
        recorder.clip  # noqa: B018  # the old one must not pass for the new one
    say(recorder, {"kind": "piece", "take": "old", "n": 1}, b"late")
    say(recorder, {**END, "take": "old", "pieces": 2, "bytes": 7})
    say(recorder, {**END, "take": "new", "pieces": 1, "bytes": 3})
    assert recorder.clip.data == b"new"


def test_what_went_wrong_in_the_page_is_said_here(heard):
    recorder = Recorder()
    say(recorder, {"kind": "trouble", "why": "Camera or microphone was refused."})
    with pytest.raises(CENetError, match="was refused"):
        recorder.clip  # noqa: B018
    record(recorder, {0: b"film"})
    assert recorder.clip.data == b"film"


def test_bytes_are_limited(heard):
    recorder = Recorder(limit_bytes=2_000_000)
    send(recorder, {0: bytes(1_500_000), 1: bytes(1_500_000)})
    assert heard[-1]["kind"] == "refused"
    with pytest.raises(CENetError, match="larger than 2 MB"):
        recorder.clip  # noqa: B018


@pytest.mark.parametrize("limit", [0, -1, 601, float("nan"), float("inf"), "30", None, True])
def test_the_limit_is_a_number_of_seconds(limit):
    with pytest.raises(CENetError, match=r"limit is .* above 0, at most 600"):
        Recorder(limit=limit)
    if isinstance(limit, int | float):
        recorder = Recorder()
        with pytest.raises(CENetError, match="limit is"):
            recorder.limit = float(limit) if limit is not True else -3.0
        assert recorder.limit == 30


@pytest.mark.parametrize("size", [0, -5, "many", None])
def test_the_limit_of_bytes_is_a_number(size):
    with pytest.raises(CENetError, match="limit_bytes is"):
        Recorder(limit_bytes=size)


def test_nothing_is_written_until_asked_and_nothing_stays(heard, tmp_path):
    recorder = Recorder()
    record(recorder, {0: b"film"})
    clip = recorder.clip
    assert not clip.has_file
    path = clip.path
    assert (path.suffix, path.read_bytes()) == (".webm", b"film")
    assert clip.path == path
    if os.name != "nt":
        assert path.parent.stat().st_mode & 0o077 == 0  # nobody else may look into it
    kept = clip.save(tmp_path / "glad")
    record(recorder, {0: b"another"}, take="b")
    assert path.exists()
    recorder.forget()
    assert not path.parent.exists()
    assert kept.read_bytes() == b"film"  # was asked for
    assert (recorder.state, heard[-1]) == ("empty", {"kind": "forget"})
    with pytest.raises(CENetError, match="was forgotten"):
        clip.data  # noqa: B018
    with pytest.raises(CENetError, match="nothing is recorded yet"):
        recorder.clip  # noqa: B018


def test_the_film_is_not_in_the_state_that_a_notebook_saves(heard):
    recorder = Recorder()
    before = json.dumps(recorder.get_state(), default=str)
    record(recorder, {0: b"a film of somebody"})
    after = recorder.get_state()
    assert json.dumps(after, default=str) == before
    assert not {"state", "clip", "_clip", "_pieces"} & set(after)


def test_files_of_a_clip_are_new_and_called_by_their_format(heard, tmp_path):
    recorder = Recorder()
    record(recorder, {0: b"film"})
    (tmp_path / "taken.webm").write_bytes(b"mine")
    with pytest.raises(CENetError, match="exists already"):
        recorder.clip.save(tmp_path / "taken")
    assert (tmp_path / "taken.webm").read_bytes() == b"mine"
    with pytest.raises(CENetError, match=r"the film is video/webm; call it glad\.webm"):
        recorder.clip.save(tmp_path / "glad.avi")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["taken.webm"]


def test_a_saved_film_says_how_long_it_is(tmp_path):
    pytest.importorskip("av")
    duration = b"\x44\x89\x88"  # the name of this element in a webm, and its length
    unknown = make_film(1.0).replace(duration, b"\xec\x40\x08")  # that is: nothing of note
    assert Film(unknown).duration is None
    saved = Clip(unknown, "video/webm", 1.0).save(tmp_path / "glad")
    assert Film(saved).duration == pytest.approx(1.0, abs=0.1)


def test_a_clips_file_is_gone_when_python_ends():
    code = (
        "from cenet_lib.inspector.recorder import Clip\n"
        "clip = Clip(b'film', 'video/webm', 1.0)\n"
        "print(clip.path)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not Path(done.stdout.strip()).parent.exists()


def test_a_path_lasts_as_long_as_the_recorder(heard):
    recorder = Recorder()
    record(recorder, {0: b"film"})
    path = recorder.clip.path  # nobody holds the clip
    record(recorder, {0: b"another"}, take="b")
    gc.collect()
    assert path.read_bytes() == b"film"
    recorder.forget()
    assert not path.exists()


def test_the_page_can_forget(heard):
    recorder = Recorder()
    record(recorder, {0: b"film"})
    clip = recorder.clip
    say(recorder, {"kind": "forget"})
    assert repr(clip) == "Clip(forgotten)"
    assert recorder.state == "empty"
