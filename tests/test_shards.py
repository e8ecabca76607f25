"""A collection in many stores: one vocabulary for all, the codes of each."""

import shutil

import numpy as np
import pytest
from small import make_corpus

from cenet_lib import CENetError, FeatureVocabulary
from cenet_lib.__main__ import main
from cenet_lib.corpus import Corpus
from cenet_lib.frames import FrameSequences
from cenet_lib.shards import code_shards, find_shards, fit_vocabularies, read_codes
from cenet_lib.utterance import SPLITS, STREAMS


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collection")
    for number in (1, 2, 10):
        make_corpus(f"part{number}", sizes=(9 * number, 3, 3), seed=number).save(
            folder / f"part{number}"
        )
    (folder / "notes.txt").write_text("no shard")
    return folder


def test_shards_are_found_in_natural_order(collection):
    names = ["part1", "part2", "part10"]
    assert [p.name for p in find_shards(collection / "*")] == names
    assert [p.name for p in find_shards([collection / "part10", collection / "part?"])] == names


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nothing*", "there is no stored corpus of that name or pattern"),
        ("notes.txt", "is not a stored corpus"),
        (".", "is not a stored corpus"),
    ],
)
def test_what_is_no_collection_is_refused(collection, where, message):
    with pytest.raises(CENetError, match=message):
        find_shards(collection / where)


def test_shards_of_the_same_name_are_refused(collection, tmp_path):
    shutil.copytree(collection / "part1", tmp_path / "part1")
    with pytest.raises(CENetError, match="have the same name"):
        find_shards([collection / "part1", tmp_path / "part1"])


def test_vocabularies_are_those_of_parts_learned_one_after_another(collection):
    found = fit_vocabularies(find_shards(collection / "*"), n_codes=4)
    for stream in STREAMS:
        expected = FeatureVocabulary(4)
        for number in (1, 2, 10):
            train = Corpus.load(collection / f"part{number}").train
            expected.partial_fit(np.concatenate(list(FrameSequences(train, stream))))
        assert np.array_equal(found[stream].codes_, expected.codes_)
        assert found[stream].n_frames_ == expected.n_frames_


def test_other_channels_are_refused(collection, tmp_path):
    corpus = Corpus.load(collection / "part1").select_channels(visual=["AU1", "AU4"])
    corpus.save(tmp_path / "other")
    with pytest.raises(CENetError, match=r"other: its visual channels \(2\) are not those of"):
        fit_vocabularies([*find_shards(collection / "part2"), tmp_path / "other"], n_codes=3)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_counts_are_those_of_each_utterance(collection, tmp_path, n_jobs):
    shards = find_shards(collection / "*")
    vocabularies = fit_vocabularies(shards, n_codes=4)
    outcomes = list(code_shards(shards, vocabularies, tmp_path / "codes", n_jobs=n_jobs))
    assert [o.result for o in outcomes] == [15, 24, 96]
    for shard in shards:
        corpus, codes = Corpus.load(shard), read_codes(tmp_path / "codes" / f"{shard.name}.npz")
        utterances = [(split, u) for split in SPLITS for u in corpus.split(split)]
        assert codes.ids.tolist() == [u.id for _, u in utterances]
        assert codes.splits.tolist() == [split for split, _ in utterances]
        assert np.array_equal(codes.labels, np.float32([u.label for _, u in utterances]))
        for stream in STREAMS:
            counts = [vocabularies[stream].count(u.frames(stream)) for _, u in utterances]
            assert np.array_equal(getattr(codes, stream), counts)


def test_what_is_coded_is_not_coded_again_and_not_with_another_vocabulary(collection, tmp_path):
    shards = find_shards(collection / "part1")
    first = fit_vocabularies(shards, n_codes=4)
    list(code_shards(shards, first, tmp_path))
    before = (tmp_path / "part1.npz").stat().st_mtime_ns
    [again] = code_shards(shards, first, tmp_path)
    assert (again.result, again.error) == (15, "")
    assert (tmp_path / "part1.npz").stat().st_mtime_ns == before
    [other] = code_shards(shards, fit_vocabularies(shards, n_codes=4, random_state=1), tmp_path)
    assert "with other vocabularies; choose another folder" in other.error


def test_a_damaged_shard_does_not_stop_the_others(collection, tmp_path, capsys):
    shutil.copytree(collection, tmp_path / "all")
    command = ["data", "codes", str(tmp_path / "all" / "*"), str(tmp_path / "c")]
    assert main([*command, "--k", "3"]) == 0
    (tmp_path / "c" / "part2.npz").unlink()
    (tmp_path / "c" / "part10.npz").unlink()
    (tmp_path / "all" / "part2" / "visual.npy").write_bytes(b"no array")
    capsys.readouterr()
    assert main(command) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("goes on with the vocabularies that are there")
    assert said[1] == "part1: 15 utterances"
    assert said[2].startswith("part2: ")
    assert "visual.npy" in said[2]
    assert said[3:] == ["part10: 96 utterances", "1 to mend"]
    assert not (tmp_path / "c" / "part2.npz").exists()


def test_a_damaged_table_is_one_error(tmp_path):
    (tmp_path / "part.npz").write_bytes(b"PK no zip")
    with pytest.raises(CENetError, match="is no table of codes"):
        read_codes(tmp_path / "part.npz")
