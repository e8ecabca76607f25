"""Frames are told from the padding around them, whatever wrote the file."""

import corpus_files as files
import numpy as np
import pytest

from cenet_lib.corpora import load_corpus
from cenet_lib.corpora.card import describe
from cenet_lib.corpora.padding import Edges, Layout, frames_within, layout_of
from cenet_lib.corpora.reading import Collector, PaddedFrames
from cenet_lib.errors import CENetError
from cenet_lib.utterance import SPLITS, STREAMS

ROWS = 12
COLUMNS = {"visual": "vision", "acoustic": "audio"}
# Words per segment. Of valid, the only segment is longer than the rows.
WORDS = {"train": (3, 5, 14, 4, 7, 2, 6), "valid": (13,), "test": (4, 11, 5)}


def frames(n: int, width: int, seed: int) -> np.ndarray:
    """Frames without a zero row at either end, and with one in the middle where there is room."""
    made = np.random.default_rng(seed).normal(size=(n, width))
    if n > 2:
        made[n // 2] = 0
    return made


def tokens(made: np.ndarray) -> np.ndarray:
    """Zero rows for [CLS] and [SEP] around the frames."""
    nothing = np.zeros((1, made.shape[1]))
    return np.concatenate([nothing, made, nothing])


def padded(rows: np.ndarray, front: bool) -> np.ndarray:
    rows = rows[:ROWS]
    padding = np.zeros((ROWS - len(rows), rows.shape[1]))
    return np.concatenate([padding, rows] if front else [rows, padding])


# How each stream is written: with rows for [CLS] and [SEP], and with its padding in front.
WRITERS = {
    "padding behind": {"visual": (False, False), "acoustic": (False, False)},
    "padding in front": {"visual": (False, True), "acoustic": (False, True)},
    "CLS, SEP, padding behind": {"visual": (True, False), "acoustic": (True, False)},
    "padding in front, CLS, SEP": {"visual": (True, True), "acoustic": (True, True)},
    "CLS and SEP in one stream": {"visual": (True, False), "acoustic": (False, False)},
    "padding on two sides": {"visual": (True, False), "acoustic": (False, True)},
}


def written(writer: str) -> tuple[dict, dict]:
    """A file, and by id and stream the frames that are in it."""
    data, wanted, number = {}, {}, 0
    for split, lengths in WORDS.items():
        columns = {name: [] for name in ("id", "raw_text", "vision", "audio")}
        for n in lengths:
            id = f"video{number}$_$0"
            columns["id"].append(id)
            columns["raw_text"].append(" ".join(["word"] * n))
            for width, stream in ((3, "visual"), (4, "acoustic")):
                with_tokens, front = WRITERS[writer][stream]
                made = frames(n, width, number)
                rows = tokens(made) if with_tokens else made
                columns[COLUMNS[stream]].append(padded(rows, front))
                # [CLS] takes a row from a segment that is cut
                wanted[id, stream] = made[: ROWS - 1] if with_tokens else made[:ROWS]
            number += 1
        columns |= {name: np.array(columns[name]) for name in ("vision", "audio")}
        data[split] = {**columns, "regression_labels": [0.5] * len(lengths)}
    return data, wanted


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("form", [np.array, list, lambda column: [r.tolist() for r in column]])
def test_frames_are_what_was_put_in(tmp_path, writer, form):
    data, wanted = written(writer)
    for columns in data.values():
        for name in ("vision", "audio"):
            columns[name] = form(columns[name])
    data["config"] = {"audio": {}, "video": {}, "align": {}}
    corpus = load_corpus(files.write_pickle(tmp_path / "feature.pkl", data))
    for utterance in corpus:
        for stream in STREAMS:
            np.testing.assert_array_equal(
                utterance.frames(stream), np.float32(wanted[utterance.id, stream])
            )
    rows = ROWS * len(corpus)
    assert corpus.provenance["padding_removed"] == {
        stream: rows - sum(len(u.frames(stream)) for u in corpus) for stream in STREAMS
    }
    in_front = corpus.provenance.get("padding_removed_in_front", {"visual": 0, "acoustic": 0})
    for stream, (with_tokens, front) in WRITERS[writer].items():
        if with_tokens and not front:
            assert in_front[stream] == len(corpus)
        assert (in_front[stream] > 0) == (with_tokens or front)
    card = describe(corpus)
    assert f"padding removed in front\n    visual: {in_front['visual']}" in card or not any(
        in_front.values()
    )


def test_zero_frames_at_the_edges_are_kept_where_the_others_tell(tmp_path):
    """A face that is lost at the first word: beside [CLS], and in a file without."""
    for writer, first in (("CLS, SEP, padding behind", 1), ("padding behind", 0)):
        data, wanted = written(writer)
        data["train"]["vision"][0, first] = 0
        wanted["video0$_$0", "visual"][0] = 0
        corpus = load_corpus(files.write_pickle(tmp_path / f"{first}.pkl", data))
        found = corpus.train[0].visual
        np.testing.assert_array_equal(found, np.float32(wanted["video0$_$0", "visual"]))
        assert not found[0].any()
    data, wanted = written("padding in front")
    data["train"]["vision"][0, -1] = 0
    corpus = load_corpus(files.write_pickle(tmp_path / "front.pkl", data))
    assert corpus.train[0].visual.shape == wanted["video0$_$0", "visual"].shape


@pytest.mark.parametrize("writer", WRITERS)
def test_a_stream_that_is_wholly_zero_has_no_frames(tmp_path, writer):
    data, _ = written(writer)
    data["train"]["vision"][0] = 0
    data["valid"]["audio"][:] = 0
    corpus = load_corpus(files.write_pickle(tmp_path / "feature.pkl", data))
    assert corpus.train[0].visual.shape == (0, 3)
    assert corpus.valid[0].acoustic.shape == (0, 4)
    assert len(corpus.train[1].visual) == 5


def test_a_file_that_is_all_cut_loses_its_cls():
    """Nothing ends in a zero row; every segment begins with one."""
    assert layout_of([Edges(1, 0, 9, 20)] * 5).front == 1


def test_nearly_all_cut():
    cut, short = Edges(1, 0, 9, 20), Edges(1, 5, 9, 3)
    assert layout_of([*[cut] * 9, short]) == Layout(front=1, end=None)
    full, short = Edges(0, 0, 9, 20), Edges(5, 0, 9, 3)
    assert layout_of([*[full] * 9, short]).front is None
    assert frames_within(np.arange(9) >= 5, layout_of([*[full] * 9, short])) == (5, 9)


def test_rows_that_belong_to_words_are_frames():
    """Every first word is without a voice, in a file with a row for each word."""
    assert layout_of([Edges(1, 5, 9, 4), Edges(1, 2, 9, 7)]) == Layout(front=0, end=None)


@pytest.mark.parametrize("spare", [(0, 0), (1, 1), (0, 3), (2, 0)])
def test_rows_beyond_the_words_of_a_word_aligned_segment(tmp_path, spare):
    data = files.mag()
    (words, visual, acoustic), label, id = data["train"][0]
    around = np.pad(visual, (spare, (0, 0)))
    data["train"][0] = ((words, around, acoustic), label, id)
    found = load_corpus(files.write_pickle(tmp_path / "mag.pkl", data)).train[0]
    np.testing.assert_array_equal(found.visual, visual)
    assert not found.acoustic[0].any()  # a zero frame, and as many rows as words


# Lengths that were counted before the streams were cut.


def cut_file() -> dict:
    data, _ = written("padding behind")
    for split, columns in data.items():
        for name in ("vision_lengths", "audio_lengths"):
            columns[name] = [10 * n if n > ROWS else n for n in WORDS[split]]
    return data


@pytest.mark.parametrize("lengths", [list, np.array])
def test_lengths_from_before_the_cut_are_clipped_and_counted(tmp_path, lengths):
    data = cut_file()
    for columns in data.values():
        columns["vision_lengths"] = lengths(columns["vision_lengths"])
    corpus = load_corpus(files.write_pickle(tmp_path / "features.pkl", data))
    for split in SPLITS:
        found = [len(u.visual) for u in corpus.splits[split]]
        assert found == [min(n, ROWS) for n in WORDS[split]]
    assert corpus.provenance["lengths_beyond_rows"] == {"visual": 2, "acoustic": 2}
    whole = cut_file()
    for columns in whole.values():
        for name in ("vision_lengths", "audio_lengths"):
            columns[name] = [min(n, ROWS) for n in columns[name]]
    same = load_corpus(files.write_pickle(tmp_path / "clipped.pkl", whole))
    assert same.fingerprint() == corpus.fingerprint()
    assert "lengths_beyond_rows" not in same.provenance


def test_a_stream_that_was_cut_may_end_in_zero_frames_or_be_without_any(tmp_path):
    data = cut_file()
    data["train"]["vision"][2, -3:] = 0  # a face that was lost, in one of two cut segments
    data["valid"]["audio"][0] = 0
    corpus = load_corpus(files.write_pickle(tmp_path / "features.pkl", data))
    assert len(corpus.train[2].visual) == ROWS - 3
    assert len(corpus.valid[0].acoustic) == 0


def test_lengths_of_other_rows_are_refused(tmp_path):
    """Most streams that would have been cut are padded."""
    data = cut_file()
    data["train"]["vision_lengths"] = [40] * len(WORDS["train"])
    with pytest.raises(
        CENetError, match=r"video0\$_\$0: visual is said to have 40 frames, but has 12"
    ):
        load_corpus(files.write_pickle(tmp_path / "features.pkl", data))


def test_a_negative_length_is_refused(tmp_path):
    (tmp_path / "mine.pkl").touch()
    collector = Collector(tmp_path / "mine.pkl", "mine", (-3, 3))
    rows = PaddedFrames(np.ones((3, 2)), length=-1)
    with pytest.raises(CENetError, match="train segment v: visual is said to have -1 frames"):
        collector.add("train", "v", ["so"], rows, rows, 1.0)


@pytest.mark.parametrize("with_tokens", [True, False])
@pytest.mark.parametrize(("n", "lost"), [(8, 0.4), (60, 0.6), (200, 0.6)])
def test_cls_is_told_from_lost_faces_however_many_are_lost(tmp_path, n, lost, with_tokens):
    """[CLS] and [SEP] around frames of which most are zero; without them, the same frames."""
    rng, wanted, made = np.random.default_rng(0), {}, []
    for number, length in enumerate(rng.integers(2, 10, n)):
        rows = frames(int(length), 3, number) * (rng.random((length, 1)) >= lost)
        made.append(rows)
        seen = np.flatnonzero(rows.any(axis=1))
        # zero rows at the end are as [SEP] and padding are
        wanted[f"v{number}$_$0"] = rows[: seen[-1] + 1 if len(seen) else 0]
    columns = {
        "id": list(wanted),
        "raw_text": [" ".join(["word"] * len(rows)) for rows in made],
        "vision": np.stack([padded(tokens(r) if with_tokens else r, front=False) for r in made]),
        "audio": np.ones((n, 2, 4)),
        "regression_labels": [0.5] * n,
    }
    corpus = load_corpus(files.write_pickle(tmp_path / "feature.pkl", {"test": columns}))
    for utterance in corpus:
        np.testing.assert_array_equal(utterance.visual, np.float32(wanted[utterance.id]))


def test_no_padding_stays_where_both_ends_typically_have_one_zero_row():
    segments = [Edges(1, 1, 9, 4), Edges(1, 1, 9, 4), Edges(1, 5, 9, 1)]
    assert layout_of(segments) == Layout(front=1, end=None)
    turned = [s._replace(front=s.end, end=s.front) for s in segments]
    assert layout_of(turned) == Layout(front=None, end=None)
