"""Segments that do not fit are skipped on request: left out, counted and listed."""

import corpus_files as files
import h5py
import numpy as np
import pytest

from cenet_lib.corpora import load_corpus, spool
from cenet_lib.corpora.card import describe, skipped
from cenet_lib.errors import CENetError

ID = "aaaaaaaaaaa[0]"


def triple(place, value):
    def edit(data):
        parts, label, id = data["train"][0]
        if place == "label":
            label = value
        elif place == "id":
            id = value
        else:
            parts = (*parts[:place], value, *parts[place + 1 :])
        data["train"][0] = (parts, label, id)

    return edit


BAD = {
    # name: (edit, what is listed)
    "a label that is infinite": (triple("label", float("inf")), f"segment {ID}: the label is inf"),
    "a label out of range": (triple("label", 4.0), f"segment {ID}: the label 4 is outside [-3, 3]"),
    "a label that is a text": (triple("label", "good"), f"segment {ID}: the label is 'good'"),
    "a word that is none": (triple(0, ["so", None]), f"segment {ID}: word 1 is None"),
    "no id": (triple("id", None), "train segment number 0: its id is None"),
    "an id twice": (triple("id", "aaaaaaaaaaa[1]"), "segment aaaaaaaaaaa[1]: the id occurs twice"),
    "no face": (triple(1, None), f"segment {ID}: visual is None"),
    "a wider face": (triple(1, np.ones((3, 7))), f"segment {ID}: visual has 7 columns where 5"),
    "a narrower voice": (
        triple(2, np.ones((3, 2))),
        f"segment {ID}: acoustic has 2 columns where 4",
    ),
    "no segment": (lambda data: data["train"].append(7), "train segment number 5: is not"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_segment(tmp_path, name):
    edit, listed = BAD[name]
    data = files.mag()
    edit(data)
    path = files.write_pickle(tmp_path / "mag.pkl", data)
    with pytest.raises(CENetError):
        load_corpus(path)
    corpus = load_corpus(path, skip_bad=True)
    told = corpus.provenance["segments_skipped"]
    assert told["number"] == 1
    assert listed in told["what did not fit"][0]
    assert listed in skipped(corpus)[1]
    assert listed in describe(corpus)
    # the other segments, and what is counted, are as if the bad one had never been there
    del data["train"][{"an id twice": 1, "no segment": -1}.get(name, 0)]
    good = load_corpus(files.write_pickle(tmp_path / "good.pkl", data))
    assert corpus.fingerprint() == good.fingerprint()
    assert [len(s) for s in corpus.splits.values()] == [len(s) for s in good.splits.values()]
    assert corpus.provenance["non_finite_values"] == good.provenance["non_finite_values"]
    assert skipped(good) == []


def test_what_fits_is_read_as_without_it(tmp_path):
    for number, data in enumerate((files.mag(), files.cenet(), files.mmsa(list), files.mmsa())):
        path = files.write_pickle(tmp_path / f"{number}.pkl", data)
        corpus = load_corpus(path, skip_bad=True)
        assert corpus.fingerprint() == load_corpus(path).fingerprint()
        assert "segments_skipped" not in corpus.provenance


def test_every_format_skips(tmp_path):
    cenet = files.cenet()
    triple(5, [17] * 12)(cenet)
    mmsa = files.mmsa(list)
    mmsa["train"]["vision_lengths"][0] = -1
    misa = tmp_path / "misa"
    misa.mkdir()
    for name, split in (("train", "train"), ("dev", "valid"), ("test", "test")):
        segments = files.misa(split)
        if split == "train":
            segments[0] = (segments[0][0], "bad", segments[0][2])
        files.write_pickle(misa / f"{name}.pkl", segments)
    files.write_csd(tmp_path / "mosi")
    with h5py.File(tmp_path / "mosi" / "sequence_3.csd", "r+") as file:
        file["Opinion Segment Labels/data/aaaaaaaaaaa/features"][0] = np.inf
    paths = [
        files.write_pickle(tmp_path / "cenet.pkl", cenet),
        files.write_pickle(tmp_path / "mmsa.pkl", mmsa),
        misa,
        tmp_path / "mosi",
    ]
    for path in paths:
        corpus = load_corpus(path, skip_bad=True)
        assert len(corpus) == len(files.segments()) - 1, path
        [line] = corpus.provenance["segments_skipped"]["what did not fit"]
        assert "train segment aaaaaaaaaaa" in line


def test_the_usual_width_counts_and_not_the_first(tmp_path):
    data = files.mag()
    for split, number in (("train", 0), ("train", 1)):
        (words, _, acoustic), label, id = data[split][number]
        data[split][number] = ((words, np.ones((len(words), 9)), acoustic), label, id)
    corpus = load_corpus(files.write_pickle(tmp_path / "mag.pkl", data), skip_bad=True)
    assert corpus.width("visual") == files.VISUAL
    assert len(corpus) == len(files.segments()) - 2
    wanted = {s.id: s for s in files.segments()}
    for utterance in corpus:
        np.testing.assert_array_equal(utterance.visual, wanted[utterance.id].visual)
        np.testing.assert_array_equal(utterance.acoustic, wanted[utterance.id].acoustic)


def test_a_file_of_bad_segments_only_is_an_error(tmp_path):
    data = {
        name: [(parts, "bad", id) for parts, _, id in segments]
        for name, segments in files.mag().items()
    }
    path = files.write_pickle(tmp_path / "mag.pkl", data)
    with pytest.raises(CENetError) as caught:
        load_corpus(path, skip_bad=True)
    message = str(caught.value)
    count = len(files.segments())
    assert f"mag.pkl: none of its segments fits, {count} were skipped, the first with" in message
    assert f"train segment {ID}: the label is 'bad'" in message


def test_many_are_counted_and_the_first_are_listed(tmp_path):
    segment = files.mag()["train"][0]
    bad = [(segment[0], "bad", f"v{i}") for i in range(1200)]
    data = {**files.mag(), "test": bad}
    corpus = load_corpus(files.write_pickle(tmp_path / "mag.pkl", data), skip_bad=True)
    told = corpus.provenance["segments_skipped"]
    assert told["number"] == 1200
    assert len(told["what did not fit"]) == 1001
    assert told["what did not fit"][-1] == "and 200 more"
    lines = skipped(corpus)
    assert lines[0] == "mag: 1200 segments do not fit and are skipped:"
    assert lines[-1] == "  and 1190 more; data info lists them"
    assert len(lines) == 12


def test_a_full_disk_is_no_fault_of_the_segments(tmp_path, monkeypatch):
    def full(self):
        raise spool.NoRoom("no room")

    monkeypatch.setattr(spool, "_IN_MEMORY", 0)
    monkeypatch.setattr(spool.Spool, "_write", full)
    with pytest.raises(CENetError, match="no room"):
        load_corpus(files.write_pickle(tmp_path / "mag.pkl", files.mag()), skip_bad=True)


def test_it_is_kept_in_a_store(tmp_path):
    data = files.mag()
    triple("label", 9.0)(data)
    corpus = load_corpus(files.write_pickle(tmp_path / "mag.pkl", data), skip_bad=True)
    corpus.save(tmp_path / "store")
    stored = load_corpus(tmp_path / "store", skip_bad=True)
    assert stored.provenance == corpus.provenance
    assert skipped(stored) == skipped(corpus)
