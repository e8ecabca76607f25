"""Several corpora become one, if they are of one kind."""

from dataclasses import replace

import numpy as np
import pytest
from small import make_corpus

from cenet_lib import CENetError, Corpus, load_corpus
from cenet_lib.__main__ import main
from cenet_lib.corpora.merging import merge


def renamed(corpus: Corpus, prefix: str, **changed) -> Corpus:
    """The same utterances under other ids, of other people."""
    splits = {
        split: [replace(u, id=prefix + u.id, video=prefix + u.video) for u in utterances]
        for split, utterances in corpus.splits.items()
    }
    kept = {
        "visual_names": corpus.feature_names["visual"],
        "acoustic_names": corpus.feature_names["acoustic"],
        "label_range": corpus.label_range,
    }
    return Corpus(prefix, **splits, **(kept | changed))


@pytest.fixture
def group(tmp_path):
    """The folders of two groups, made with the same extractor."""
    small = make_corpus(sizes=(6, 3, 3))
    folders = []
    for name in ("one", "two"):
        corpus = renamed(small, name, provenance={"extractor": {"version": 1}, "format": "films"})
        corpus.save(tmp_path / name)
        folders.append(str(tmp_path / name))
    return folders


def test_the_command_writes_one_corpus_of_both(group, tmp_path, capsys):
    assert main(["data", "merge", *group, str(tmp_path / "class")]) == 0
    assert "class: Corpus('class': train 12, valid 6, test 6" in capsys.readouterr().out
    merged, parts = load_corpus(tmp_path / "class"), [load_corpus(folder) for folder in group]
    for split in ("train", "valid", "test"):
        expected = [u for part in parts for u in part.splits[split]]
        assert [u.id for u in merged.splits[split]] == [u.id for u in expected]
        for ours, theirs in zip(merged.splits[split], expected, strict=True):
            assert np.array_equal(ours.visual, theirs.visual)
            assert (ours.words, ours.label, ours.video) == (
                theirs.words,
                theirs.label,
                theirs.video,
            )
    assert merged.feature_names == parts[0].feature_names
    assert merged.provenance["extractor"] == {"version": 1}
    assert [part["name"] for part in merged.provenance["merged"]] == ["one", "two"]
    assert main(["data", "merge", *group, str(tmp_path / "class")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_three_and_slices_and_places(group):
    parts = [load_corpus(folder) for folder in group]
    merged = merge("all", [*parts, renamed(parts[0], "three")])
    assert len(merged.train) == 18
    assert merged.train[-1].id == merged.train[17].id == merged.train[16:][1].id
    assert [u.id for u in merged.train[5:7]] == [merged.train[5].id, merged.train[6].id]
    with pytest.raises(IndexError):
        merged.train[18]


def test_a_person_in_two_splits_is_told(group, tmp_path, capsys):
    one = load_corpus(group[0])
    other = renamed(one, "x").with_splits(
        [replace(u, id="x" + u.id) for u in one.test], one.valid[:0], one.test[:0]
    )
    other.save(tmp_path / "other")
    assert main(["data", "merge", group[0], str(tmp_path / "other"), str(tmp_path / "c")]) == 0
    assert "a model can know people of the test from its training" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c, "has a segment onetest"),
        (
            lambda c: renamed(c, "x", visual_names=["A", *c.feature_names["visual"][1:]]),
            "x: has the visual channel 'A' where one has 'AU1'",
        ),
        (
            lambda c: renamed(c.select_channels(acoustic=["F0", "VUV"]), "x"),
            "x: has 2 acoustic channels, and one has 5",
        ),
        (lambda c: renamed(c, "x", label_range=(-4, 4)), "labels from -4 to 4, and one from -3"),
    ],
)
def test_what_does_not_fit_is_one_error(group, tmp_path, capsys, change, message):
    change(load_corpus(group[0])).save(tmp_path / "other")
    assert main(["data", "merge", group[0], str(tmp_path / "other"), str(tmp_path / "c")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "c").exists()


def test_one_alone_is_refused(group):
    with pytest.raises(CENetError, match="takes two corpora or more"):
        merge("one", [load_corpus(group[0])])


def test_without_names_the_number_of_channels_counts():
    small = make_corpus(sizes=(3, 0, 0))
    bare = renamed(small, "x", visual_names=None, acoustic_names=None)
    assert merge("both", [bare, small]).feature_names == small.feature_names
