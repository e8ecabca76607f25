"""Which recording a segment was cut from: read out of the ids, so that no leak stays hidden."""

import pickle

import corpus_files as files
import numpy as np
import pytest

from cenet_lib import Run
from cenet_lib.__main__ import main
from cenet_lib.corpora import load_corpus
from cenet_lib.corpora.card import describe, problems, recordings_in
from cenet_lib.corpora.recordings import UNKNOWN, recordings_of
from cenet_lib.corpus import Corpus
from cenet_lib.errors import CENetError
from cenet_lib.utterance import Utterance

# As YouTube makes them, with every sign in an awkward place.
VIDEOS = ["03bSnISJMiM", "_dI--eQ6qVU", "I5y0__X72p0", "abc_-def-_3", "Af8D0E4ZXaw", "abcdefghi-_"]

FORMS = {  # what an id looks like, with a clip's number k, and seconds s to e: the rule to be found
    "{v}[{k}]": "video[clip]",
    "{v}[{s}-{e}]": "video[clip]",
    "{v}$_${k}": "video$_$clip",
    "{v}$_$intro": "video$_$clip",
    "{v}({k})": "video(clip)",
    "{v} ({k})": "video(clip)",
    "{v}{{{k}}}": "video{clip}",
    "{v}<{k}>": "video<clip>",
    "{v}_{k}": "video_clip",
    "{v}_{k:04d}": "video_clip",
    "{v}_{k}.mp4": "video_clip",
    "{v}_{s}": "video_clip",
    "{v}_clip{k}": "video_clip",
    "{v}_clip_{k}": "video_clip",
    "{v}_F{k:03d}": "video_clip",
    "{v}-{k}": "video-clip",
    "{v}-seg{k}": "video-clip",
    "{v}/{k}": "video/clip",
    "{v}/{k:05d}.wav": "video/clip",
    "{v}\\{k}": "video\\clip",
    "{v}.{k}": "video.clip",
    "{v}__{k}": "video__clip",
    "{v}--{k}": "video--clip",
    "{v}:{k}": "video:clip",
    "{v}#{k}": "video#clip",
    "{v}|{k}": "video|clip",
    "{v} {k}": "video clip",
    "{v}→{k}": "video→clip",
    "{v}_{s}_{e}": "video_start_end",
    "{v}_{a}_{b}": "video_start_end",
    "{v}-{s}-{e}": "video_start_end",
    "{v}_{s}-{e}": "video_start_end",
    "{v}_00:00:{a:02d}_00:00:{b:02d}": "video_start_end",
    "{v}_{a},5_{b},25": "video_start_end",
    "{v}[{k}][0]": "video[clip]",
    "{v}({a},{b})": "video(clip)",
    "{v}_{k}.mp4.npy": "video_clip",
    "b'{v}[{k}]'": "video[clip]",
    '"{v}_{k}"': "video_clip",
    "{k}_{v}": "clip_video",
    "{k}-{v}": "clip_video",
    "{v}{k}": "video and clip without a separator",
}


def ids_of(form: str, videos=VIDEOS, n: int = 5) -> list[str]:
    """Return n ids of each video."""
    times = [(k, 3.517 * k, 3.517 * k + 2.1) for k in range(n)]
    return [
        form.format(v=v, k=k, s=f"{s:.3f}", e=f"{e:.3f}", a=4 * k, b=4 * k + 3)
        for v in videos
        for k, s, e in times
    ]


@pytest.mark.parametrize("form", FORMS)
def test_ids_tell_their_recordings(form):
    found = recordings_of(ids_of(form))
    assert found.names == [v for v in VIDEOS for _ in range(5)]
    assert found.rule == FORMS[form]


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["video_0001$_$0014"], ["video_0001"]),
        (["f9O3YtZ2VfI_12"], ["f9O3YtZ2VfI"]),
        (["video_0001_0002", "video_0001_0003"], ["video_0001"] * 2),  # numbers, no times
        (["video_0002_0001", "video_0001_0002"], ["video_0002", "video_0001"]),
        (["dia0_utt1", "dia0_utt2", "dia1_utt0"], ["dia0", "dia0", "dia1"]),
        (["v1s1", "v1s2", "v2s1"], ["v1", "v1", "v2"]),
        (["100_1", "100_2", "101_1"], ["100", "100", "101"]),
        (["train/v1/1", "test/v1/2", "dev/v2/1"], ["v1", "v1", "v2"]),
        (["train_v1_1", "test_v1_2"], ["v1", "v1"]),
        (["v1-1", "v1-2", "v1-3"], ["v1"] * 3),
        (["a_1.5_2.5", "a_3_4.25", "b_0_1.5", "b_2.0_7"], ["a", "a", "b", "b"]),
        (["v[1]", "v_2", "w[1]", "w_2"], ["v", "v", "w", "w"]),  # two files put together
    ],
)
def test_ids_that_need_a_closer_look(ids, names):
    assert recordings_of(ids).names == names


@pytest.mark.parametrize(
    "ids",
    [
        VIDEOS,  # whole videos, of which two end like clips
        [f"segment_{k}" for k in range(9)],
        [f"segment{k:06d}" for k in range(50)],
        [f"sample-{k}" for k in range(9)],
        [f"u{k}" for k in range(9)],
        [str(k) for k in range(9)],
        [f"{k:012d}" for k in range(30)],
        [f"train_{k}" for k in range(5)] + [f"test_{k}" for k in range(5)],
        [f"my-data-{k}" for k in range(300)],  # no recording is so long
        ["a b c", "d"],
        ["_" * 5000, "1_" * 5000, "[" * 5000],
        [],
    ],
)
def test_ids_that_name_no_recording(ids):
    found = recordings_of(ids)
    assert found.names == ids
    assert found.rule == ""


def test_a_few_strange_ids_do_not_hide_the_rule():
    ids = [*ids_of("{v}-{k}"), "strange", "ab-_3x"]
    found = recordings_of(ids)
    assert found.names[:-2] == [v for v in VIDEOS for _ in range(5)]
    assert found.rule == "video-clip (30), none (2)"
    mixed = recordings_of([*ids_of("{v}[{k}]"), *ids_of("{v}_{k}", n=3)])
    assert mixed.rule == "video[clip] (30), video_clip (18)"
    assert set(mixed.names) == set(VIDEOS)


# a rule of one's own


def test_a_regular_expression_goes_before_the_rules():
    ids = ["s03.mia.1", "s03.tom.2", "s04.mia.1"]
    assert recordings_of(ids, r"\.(\w+)\.").names == ["mia", "tom", "mia"]
    assert recordings_of(ids, r"^[^.]+").names == ["s03", "s03", "s04"]
    assert recordings_of(ids, r"^[^.]+").rule == "found by ^[^.]+"


@pytest.mark.parametrize(
    ("video_from", "message"),
    [
        ("(", r"video_from '\(' is no regular expression \(missing \)"),
        ("x", "mine: segment s03.1: video_from 'x' finds no recording in its id"),
        ("(x)?s", "mine: segment s03.1: video_from .* finds no recording"),
        ("", "finds no recording"),
    ],
)
def test_a_regular_expression_that_does_not_fit(video_from, message):
    with pytest.raises(CENetError, match=message):
        recordings_of(["s03.1", "s04.2"], video_from, "mine")


# corpora


def mag_file(folder, ids_by_split: dict[str, list[str]]):
    """Write a MAG pickle whose segments have these ids."""
    frames = np.ones((2, 3), np.float32)
    data = {
        split: [((["so", "good"], frames, frames), 1.0, id) for id in ids]
        for split, ids in ids_by_split.items()
    }
    return files.write_pickle(folder / "mine.pkl", data)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "{v}$_$intro"])
def test_a_video_in_all_splits_is_found_whatever_the_ids_look_like(form, tmp_path, capsys):
    ids = ids_of(form, [*VIDEOS[:4], "everywhere_"[:11]], n=4)
    home = {0: "train", 1: "train", 2: "dev", 3: "test"}
    by_split = {"train": [], "dev": [], "test": []}
    for place, id in enumerate(ids):
        number, clip = divmod(place, 4)
        by_split[home.get(number) or home[clip]].append(id)
    path = mag_file(tmp_path, by_split)
    [leak] = problems(path)
    assert "1 recording is in train and valid and test, such as 'everywhere_'" in leak
    assert main(["data", "validate", str(path)]) == 1
    assert main(["data", "info", str(path)]) == 0
    printed = capsys.readouterr().out
    assert f"recordings: as the ids tell: {FORMS[form]}\n" in printed
    assert "WARNING: 1 recording" in printed


def test_the_same_ids_without_the_leak_are_fine(tmp_path):
    by_split = {"train": ["a-1", "a-2"], "dev": ["b-1"], "test": ["c-1", "c-2"]}
    path = mag_file(tmp_path, by_split)
    assert problems(path) == []
    corpus = load_corpus(path)
    assert [u.video for u in corpus] == ["a", "a", "b", "c", "c"]


def test_unknown_recordings_are_said_and_can_be_told(tmp_path, capsys):
    by_split = {"train": ["xa1x", "xa2x"], "dev": ["xb1x"], "test": ["xa3x"]}
    path = mag_file(tmp_path, by_split)
    assert f"recordings: {UNKNOWN}" in describe(load_corpus(path))
    assert problems(path) == []
    rule = ["--video-from", "x(.)"]
    assert main(["data", "validate", str(path), *rule]) == 1
    assert "1 recording is in train and test, such as 'a'" in capsys.readouterr().out
    assert main(["data", "info", str(path), *rule]) == 0
    assert "recordings: as the ids tell: found by x(.)" in capsys.readouterr().out
    assert main(["data", "convert", str(path), str(tmp_path / "store"), *rule]) == 0
    stored = load_corpus(tmp_path / "store")
    assert [u.video for u in stored] == ["a", "a", "b", "a"]
    assert "1 recording is in train and test" in problems(tmp_path / "store")[0]
    # a store may be read by another rule too
    again = load_corpus(tmp_path / "store", video_from=r"\d")
    assert [u.video for u in again] == ["1", "2", "1", "3"]
    assert again.fingerprint() == stored.fingerprint()


@pytest.mark.parametrize("rule", ["(", "y"])
def test_a_rule_that_does_not_fit_is_one_line_and_nothing_is_written(rule, tmp_path, capsys):
    path = mag_file(tmp_path, {"train": ["a1"], "dev": ["b1"], "test": ["c1"]})
    out = tmp_path / "store"
    assert main(["data", "convert", str(path), str(out), "--video-from", rule]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_file_without_splits_is_split_by_recordings(tmp_path):
    """One list of segments, as MISA's files are; ids without an obvious form, and a rule."""
    segment = files.misa("train")[0]
    data = [(segment[0], segment[1], f"x{v}{k}x") for v in "abcdef" for k in range(4)]
    path = files.write_pickle(tmp_path / "dev.pkl", data)
    assert load_corpus(path).provenance["split"].startswith("by segment, for the videos are unkn")
    corpus = load_corpus(path, video_from="x(.)")
    assert corpus.provenance["split"].startswith("by video")
    homes = {u.video: split for split, u in corpus.items()}
    assert all(homes[u.video] == split for split, u in corpus.items())
    assert corpus.provenance["video_from"] == "x(.)"


def test_one_recording_alone_is_split_by_segment_and_that_is_said(tmp_path):
    """By video, all would be in train, and nothing could be trained."""
    segment = files.misa("train")[0]
    data = [(segment[0], segment[1], f"film_{k}") for k in range(10)]
    corpus = load_corpus(files.write_pickle(tmp_path / "mine.pkl", data))
    assert {split: len(part) for split, part in corpus.splits.items()} == {
        "train": 6,
        "valid": 2,
        "test": 2,
    }
    assert corpus.provenance["split"].startswith("by segment, for all are of one video, 60")
    assert "1 recording is in train and valid and test, such as 'film'" in problems(corpus)[0]


def test_recordings_that_a_file_names_are_kept(tmp_path):
    files.write_csd(tmp_path / "mosi")
    corpus = load_corpus(tmp_path / "mosi")
    assert corpus.provenance["recordings"] == "as the file names them"
    assert {u.video for u in corpus} == {s.video for s in files.segments()}


def test_corpora_by_hand_and_of_older_versions():
    def one(id, video=""):
        return Utterance(id, ["so"], np.ones((1, 2)), np.ones((1, 2)), 1.0, video)

    # nobody said which recordings they are
    corpus = Corpus("mine", [one("a-1")], [one("b-1")], [one("a-2")])
    assert "1 recording is in train and test, such as 'a'" in problems(corpus)[0]
    # said by hand: ids do not count
    named = Corpus("mine", [one("a-1", "p")], [one("b-1", "q")], [one("a-2", "r")])
    assert problems(named) == []
    assert recordings_in(named).rule == "as the file names them"
    # stored when 'a_12' was thought to be a recording of 'a_12_15'
    old = Corpus(
        "mine",
        [one("a_12_15", "a_12"), one("c_1_15", "c_1")],
        [one("b_3_4", "b_3")],
        [one("a_17_19", "a_17")],
        provenance={"format": "MAG pickle"},
    )
    assert "1 recording is in train and test, such as 'a'" in problems(old)[0]


def test_a_run_remembers_the_rule(tmp_path, small_corpus, small_backbone):
    """The rule decides the splits of such a file, so a run that goes on needs it."""
    data = [
        (
            (
                list(range(len(u.words))),
                *(np.resize(f, (len(u.words), 5)) for f in (u.visual, u.acoustic)),
                u.words,
            ),
            [[u.label]],
            f"x{i % 8}{i // 8}x",
        )
        for i, u in enumerate(small_corpus)
    ]
    path = tmp_path / "all.pkl"
    path.write_bytes(pickle.dumps(data))
    small = ["--n-visual-codes", "2", "--n-acoustic-codes", "2", "--epochs", "1", "--device", "cpu"]
    out = tmp_path / "run"
    arguments = ["train", "--corpus", str(path), "--video-from", "x(.)", "--out", str(out)]
    assert main([*arguments, "--backbone", str(small_backbone), *small]) == 0
    run = Run(out)
    assert run.config["corpus"]["video_from"] == "x(.)"
    assert run.corpus().fingerprint() == run.config["corpus"]["fingerprint"]
