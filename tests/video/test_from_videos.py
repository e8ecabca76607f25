"""Films to a corpus: whoever does the work, after a stop, and with clips that are not well."""

import base64
import json
import os
import re
import shutil
import signal
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from processes import start

from cenet_lib import CENetError, Corpus, Run, Utterance, load_corpus
from cenet_lib.__main__ import main
from cenet_lib.commands import data as command
from cenet_lib.video import collection
from cenet_lib.video.clips import read_clips
from cenet_lib.video.collection import collect, one_clip, remarks
from cenet_lib.video.media import Film

pytest.importorskip("librosa")
pytest.importorskip("av")
pytest.importorskip("ai_edge_litert")
WIDTHS = {"visual": 54, "acoustic": 37}


def stand_in(path, words, label=None, *, start=None, end=None, id=None, video=None, voice, **_):
    """Random frames that depend on the film and the part of it; it notes that it was called."""
    with open(f"{path}.log", "a") as log:
        log.write("looked\n")
    content = Path(path).read_bytes()
    if content == b"dark":
        raise CENetError(f"{path}: no face in 41 of 75 frames; come closer or add light")
    if content == b"stop":
        raise KeyboardInterrupt
    if content == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    if content == b"wait":
        Path(f"{path}.pid").write_text(str(os.getpid()))
        time.sleep(600)
    rng = np.random.default_rng([*content, int(10 * (start or 0))])
    frames = {s: rng.normal(size=(9, d)).astype(np.float32) for s, d in WIDTHS.items()}
    frames["acoustic"][3, 0] = np.nan
    told = {
        "visual_times": np.arange(9) / 25,
        "landmarks": rng.integers(0, 99, 9 * 4).astype(np.int16),
        "pictures": 10.0,
        "pictures_without_face": 1.0,
        "film": str(path),
    }
    return Utterance(id or "u", words, **frames, label=label, video=video, annotations=told)


def looks(folder) -> dict[str, int]:
    return {p.name[:-4]: len(p.read_text().split()) for p in sorted(folder.glob("*.log"))}


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    rows = ["file,text,label,speaker,start,end"]
    for n in range(5):
        (folder / f"f{n}.mp4").write_bytes(f"film {n}".encode())
        rows.append(f"f{n}.mp4,So good {n}!,{n / 2},s{n},,")
    rows[-1] = "f4.mp4,one,1,s4,0,1"
    rows.append("f4.mp4,two,-1,s4,1,2")
    (folder / "clips.csv").write_text("\n".join(rows))
    return folder


def gather(films, destination, **options):
    return collect(read_clips(films), destination, extract=stand_in, **options)


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_corpus_of_films(films, tmp_path):
    made = gather(films, tmp_path / "mine")
    assert made.failed == 0
    corpus = Corpus.load(tmp_path / "mine")
    assert corpus.name == "mine"
    assert {len(utterances) for utterances in corpus.splits.values()} == {1, 4}
    assert corpus.feature_names["visual"][:2] == ("browDownLeft", "browDownRight")
    assert corpus.feature_names["acoustic"][:2] == ("F0", "voicing")
    by_id = {utterance.id: utterance for utterance in corpus}
    assert sorted(by_id) == ["f0", "f1", "f2", "f3", "f4[0-1]", "f4[1-2]"]
    one = by_id["f2"]
    expected = stand_in(films / "f2.mp4", one.words, voice="librosa")
    assert one.words == ("So", "good", "2", "!")
    assert (one.label, one.video) == (1.0, "s2")
    assert np.array_equal(one.visual, expected.visual)
    assert np.array_equal(one.acoustic, expected.acoustic, equal_nan=True)
    assert np.array_equal(one.annotations["landmarks"], expected.annotations["landmarks"])
    assert one.annotations["film"] == str(films / "f2.mp4")
    assert corpus.provenance["extractor"]["voice"]["library"].startswith("librosa ")
    assert corpus.provenance["splits"] == made.splits
    assert str(tmp_path) not in json.dumps(corpus.provenance)
    assert [str(report) for report in made.reports][:1] == ["f0: ok; no face in 1 of 10 frames"]
    assert not (tmp_path / "mine.partial").exists()


@pytest.mark.slow
def test_the_corpus_is_the_same_whoever_works(films, tmp_path):
    distributed = pytest.importorskip("distributed")
    (films / "clips.csv").write_text("file,text\nf0.mp4,one\nf1.mp4,two\nf2.mp4,three\n")
    gather(films, tmp_path / "a" / "mine")
    gather(films, tmp_path / "b" / "mine", n_jobs=2)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        gather(films, tmp_path / "c" / "mine", dask=cluster.scheduler_address)
    expected = contents(tmp_path / "a" / "mine")
    assert contents(tmp_path / "b" / "mine") == expected
    assert contents(tmp_path / "c" / "mine") == expected


@pytest.mark.slow
def test_a_process_that_dies_is_one_clip(films, tmp_path):
    (films / "f1.mp4").write_bytes(b"die")
    made = gather(films, tmp_path / "mine", n_jobs=2)
    assert [report.id for report in made.reports if not report.ok] == ["f1"]
    assert made.reports[1].told.startswith("its process died")
    shutil.rmtree(tmp_path / "mine")
    before = looks(films)
    (films / "f1.mp4").write_bytes(b"film 1")
    assert gather(films, tmp_path / "mine", n_jobs=2).failed == 0
    assert looks(films) == before | {"f1.mp4": before["f1.mp4"] + 1}
    gather(films, tmp_path / "at_once" / "mine")
    assert contents(tmp_path / "mine") == contents(tmp_path / "at_once" / "mine")


def from_videos(*arguments):
    """The command, with a stand-in for the nets."""
    command.collect = partial(collect, extract=stand_in)
    sys.exit(main(["data", "from-videos", *arguments]))


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_command_goes_on_where_it_was(jobs, films, tmp_path, monkeypatch):
    (films / "f3.mp4").write_bytes(b"wait")
    mine, kept = tmp_path / "mine", tmp_path / "mine.partial"
    done = 3 if jobs == "1" else 5  # the other process goes on to the last film
    process = start(from_videos, str(films), str(mine), "--jobs", jobs)
    until = time.monotonic() + 90
    waiting = films / "f3.mp4.pid"
    while len(list(kept.glob("*.npz"))) < done or not (waiting.exists() and waiting.read_text()):
        assert process.is_alive()
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    while Path(f"/proc/{waiting.read_text()}").exists():  # its worker ends with it
        assert time.monotonic() < until
        time.sleep(0.1)
    assert not mine.exists()
    before, written = looks(films), {path: path.stat().st_mtime_ns for path in kept.glob("*.npz")}
    assert len(written) == done

    (films / "f3.mp4").write_bytes(b"film 3")
    monkeypatch.setattr(command, "collect", partial(collect, extract=stand_in))
    look_again = collection.read_kept
    seen = {}
    monkeypatch.setattr(
        collection,
        "read_kept",
        lambda path, id: seen.setdefault(path, path.stat().st_mtime_ns) and look_again(path, id),
    )
    assert main(["data", "from-videos", str(films), str(mine), "--jobs", jobs]) == 0
    assert {path: seen[path] for path in written} == written
    expected = before | {"f3.mp4": 2}
    if jobs == "1":
        expected |= {"f4.mp4": 2}
    assert looks(films) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["films", "mine"]
    gather(films, tmp_path / "at_once" / "mine")
    assert contents(mine) == contents(tmp_path / "at_once" / "mine")


def test_what_is_done_is_not_done_again(films, tmp_path):
    (films / "f2.mp4").write_bytes(b"stop")
    with pytest.raises(KeyboardInterrupt):
        gather(films, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    assert looks(films) == {"f0.mp4": 1, "f1.mp4": 1, "f2.mp4": 1}
    kept = tmp_path / "mine.partial"
    (kept / ".half.npz.0a1b2c3d.tmp").write_bytes(b"half")  # as a kill leaves it
    (films / "f2.mp4").write_bytes(b"film 2")
    table = films / "clips.csv"
    table.write_text(table.read_text().replace("So good 0!,0.0", "Not so good,-2"))
    gather(films, tmp_path / "mine")
    expected = {"f0.mp4": 1, "f1.mp4": 1, "f2.mp4": 2, "f3.mp4": 1, "f4.mp4": 2}
    assert looks(films) == expected
    [first] = [u for u in Corpus.load(tmp_path / "mine") if u.id == "f0"]
    assert (first.words, first.label) == (("Not", "so", "good"), -2)
    assert not kept.exists()


def test_another_film_or_another_extractor_is_looked_at_again(films, tmp_path, monkeypatch):
    (films / "f3.mp4").write_bytes(b"dark")  # so that what is done is kept
    gather(films, tmp_path / "mine")
    shutil.rmtree(tmp_path / "mine")
    (films / "f0.mp4").write_bytes(b"another film")
    gather(films, tmp_path / "mine")
    assert looks(films)["f0.mp4"] == 2
    assert looks(films)["f1.mp4"] == 1
    shutil.rmtree(tmp_path / "mine")
    newer = {**collection.extractor(), "version": 99}
    monkeypatch.setattr(collection, "extractor", lambda voice: newer)
    gather(films, tmp_path / "mine")
    assert looks(films)["f1.mp4"] == 2


def test_what_was_kept_and_is_damaged_is_said(films, tmp_path):
    (films / "f3.mp4").write_bytes(b"dark")
    gather(films, tmp_path / "mine")
    shutil.rmtree(tmp_path / "mine")
    for path in (tmp_path / "mine.partial").glob("*.npz"):
        path.write_bytes(b"no archive")
    with pytest.raises(CENetError, match=r"\.npz: is damaged .*remove it and run again"):
        gather(films, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_the_command_ends_with_a_line_per_clip(films, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "collect", partial(collect, extract=stand_in))
    (films / "f1.mp4").write_bytes(b"dark")
    with open(films / "clips.csv", "a") as file:
        file.write("\nf9.mp4,so,1,s9,,\n../f9.mp4,so,1,s9,,\n")
    arguments = ["data", "from-videos", str(films), str(tmp_path / "mine")]
    assert main(arguments) == 1
    printed = capsys.readouterr().out.splitlines()
    lines = [line for line in printed if not line.startswith("clip ")]
    assert lines[0] == "f0: ok; no face in 1 of 10 frames"
    assert lines[1] == "f1: no face in 41 of 75 frames; come closer or add light"
    assert lines[6].startswith("f9.mp4 (line 8): is missing")
    assert lines[7].startswith("../f9.mp4 (line 9): leads out of the folder")
    assert lines[8] == "splits: by speaker, 60 / 20 / 20 %, seed 0: no speaker is in two splits"
    assert lines[-1].startswith("3 of 8 clips to mend; then remove ")
    corpus = load_corpus(tmp_path / "mine")
    assert len(corpus) == 5
    assert corpus.provenance["clips_left_out"] == [lines[1], lines[6], lines[7]]
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["data", "validate", str(tmp_path / "mine")]) == 0
    assert main(["data", "info", str(tmp_path / "mine")]) == 0
    assert "library: librosa" in capsys.readouterr().out


def test_nothing_is_written_if_no_clip_is_well(films, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "collect", partial(collect, extract=stand_in))
    for film in films.glob("*.mp4"):
        film.write_bytes(b"dark")
    before = sorted(tmp_path.iterdir())
    assert main(["data", "from-videos", str(films), str(tmp_path / "mine")]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("6 of 6 clips to mend; then run")
    assert sorted(tmp_path.iterdir()) == before


def test_a_film_under_two_names_and_one_that_cannot_be_read(films, tmp_path, monkeypatch):
    (films / "f1.mp4").write_bytes((films / "f0.mp4").read_bytes())
    real = collection.sha256

    def denied(path):
        if path.name == "f2.mp4":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(collection, "sha256", denied)
    made = gather(films, tmp_path / "mine")
    assert [str(report) for report in made.reports if not report.ok] == [
        "f1: is the same film as f0 under another name; remove one",
        "f2: cannot be read: Permission denied",
    ]


def test_two_at_once_are_refused(films, tmp_path):
    with (
        collection._partial(tmp_path / "mine"),
        pytest.raises(CENetError, match="another process is making this corpus"),
    ):
        gather(films, tmp_path / "mine")
    assert not (tmp_path / "mine.partial").exists()


def test_words_that_whisper_writes_down(films, tmp_path, monkeypatch):
    from cenet_lib.video import transcription

    heard = []
    monkeypatch.setattr(
        transcription, "transcribe_film", lambda *a: heard.append(a) or "Heard, not typed."
    )
    monkeypatch.setattr(transcription, "fetch_whisper", lambda: heard.clear())
    (films / "clips.csv").write_text("file,text\nf0.mp4,typed\nf1.mp4,\n")
    made = collect(read_clips(films, transcribe=True), tmp_path / "mine", extract=stand_in)
    assert made.corpus is not None
    words = {u.id: u.text for u in made.corpus}
    assert words == {"f0": "typed", "f1": "Heard , not typed ."}
    assert heard == [(films / "f1.mp4", None, None)]
    assert made.corpus.provenance["words_by_whisper"] == ["f1"]
    assert str(made.reports[0]) == "f0: ok; no face in 1 of 10 frames"
    assert str(made.reports[1]).startswith('f1: ok; Whisper heard "Heard, not typed."; no face')


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        ({}, ""),
        ({"voice_silent": 0.6}, "silent for 60% of the time"),
        ({"voice_silent": 1.0}, "silent for 100% of the time; is the microphone on?"),
        ({"damaged_packets": 1.0}, "damaged in 1 place; play it to the end: is all of it there?"),
        ({"damaged_packets": 3.0}, "damaged in 3 places; play it to the end: is all of it there?"),
        ({"voice_clipped": 0.05}, "5.0% of the sound is clipped; move the microphone away"),
        ({"pictures_with_other_faces": 4}, "another face in 4 of 9 frames; the larger one counts"),
    ],
)
def test_what_is_to_be_known_of_a_clip_that_is_well(notes, told):
    one = Utterance("u", ["so"], np.ones((9, 54)), np.ones((9, 37)))
    assert remarks(replace(one, annotations={"pictures": 9.0, **notes})) == told


# a film to predict on


def test_a_film_is_predicted_on(small_run, tmp_path, capsys, monkeypatch):
    film = tmp_path / "glad.mp4"
    film.write_bytes(b"a film")
    monkeypatch.setattr(collection, "one_clip", partial(one_clip, extract=stand_in))
    arguments = ["predict", "--run", str(small_run.folder), "--video", str(film)]
    assert main(arguments) == 2
    assert "give them with --text" in capsys.readouterr().err
    assert main([*arguments, "--text", " "]) == 2
    assert "the text holds no words" in capsys.readouterr().err
    assert main([*arguments, "--text", "good film"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "glad: visual stream: its channels are not those that the vocabulary" in line
    assert "'browDownLeft' instead of 'AU1'" in line
    assert looks(tmp_path) == {}  # it was said before the work
    assert main([*arguments, "--text", "so", "--corpus", "demo"]) == 2
    assert "not allowed with" in capsys.readouterr().err
    for wrong, told in (
        ([*arguments, "--text", "so", "--skip-bad"], "--skip-bad belongs to --corpus"),
        ([*arguments[:3], "--corpus", "demo", "--text", "so"], "--text belongs to --video"),
        ([*arguments[:3], "--corpus", "demo", "--html", "p"], "--html belongs to --video"),
        ([*arguments, "--text", "so", "--with-film"], "say with --html where to write it"),
        ([*arguments, "--text", ""], "the text holds no words; give what is said"),
        ([*arguments, "--text", "so", "--start", "soon"], "its start is 'soon'; write seconds"),
        ([*arguments, "--text", "so", "--start", "-1"], "its start is -1, before the film begins"),
    ):
        assert main(wrong) == 2
        assert told in capsys.readouterr().err


@pytest.mark.slow
def test_three_films_make_a_corpus_that_trains_and_predicts(
    test_data, small_backbone, tmp_path, capsys, monkeypatch
):
    (tmp_path / "films").mkdir()
    rows = []
    for name, text in (("bbaf2n", "bin blue"), ("lbbc2a", "lay blue"), ("lwbsza", "lay white")):
        shutil.copy(test_data / "grid_clips" / f"{name}.mpg", tmp_path / "films")
        rows.append(f"{text},{name}.mpg,{len(rows)},{name}")
    table = "\n".join(["text,file,label,speaker", *rows])
    (tmp_path / "films" / "clips.csv").write_text(table)
    mine, run = str(tmp_path / "mine"), str(tmp_path / "run")
    assert main(["data", "from-videos", str(tmp_path / "films"), mine, "--jobs", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    lines = [line for line in printed if not line.startswith("clip ")]
    assert lines[:3] == ["bbaf2n: ok", "lbbc2a: ok", "lwbsza: ok"]
    small = ["--n-visual-codes", "4", "--n-acoustic-codes", "4", "--epochs", "1"]
    arguments = ["--backbone", str(small_backbone), *small, "--device", "cpu"]
    assert main(["train", "--corpus", mine, "--out", run, *arguments]) == 0
    capsys.readouterr()
    film = str(tmp_path / "films" / "lwbsza.mpg")
    page = tmp_path / "page.html"
    predicting = ["predict", "--run", run, "--video", film, "--text", "lay white"]
    with monkeypatch.context() as patch:  # the page knows the prediction
        patch.setattr("cenet_lib.prediction.predict_stream", lambda *_: pytest.fail("twice"))
        assert main([*predicting, "--html", str(page)]) == 0
    data = data_of(page)
    assert data["films"] == {}  # nobody is seen unless asked for
    assert data["records"]["lwbsza"]["film"]["has_pictures"] is False
    [head, row] = capsys.readouterr().out.splitlines()
    assert head == "id,words,label,prediction"
    assert row.startswith("lwbsza,lay white,,")
    own = Run(run).predictions.set_index("id")["prediction"]
    assert float(row.rpartition(",")[2]) == pytest.approx(own["lwbsza"], abs=1e-5)
    assert main([*predicting, "--html", str(page)]) == 2
    assert "page.html" in capsys.readouterr().err
    part = ["--start", "0.5", "--end", "0:02.5", "--html", str(tmp_path / "part.html")]
    assert main([*predicting, *part, "--with-film"]) == 0  # of an mpg, which no browser plays
    [shown] = data_of(tmp_path / "part.html")["films"].values()
    assert (shown["mime"], shown["offset"]) == ("video/webm", 0.5)
    assert Film(base64.b64decode(shown["data"])).duration == pytest.approx(2.0, abs=0.1)


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)[1])
