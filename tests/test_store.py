"""The form on disk: what goes in comes out, whatever it is."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cenet_lib.corpora.card import problems
from cenet_lib.corpus import Corpus
from cenet_lib.errors import CENetError
from cenet_lib.files import sha256
from cenet_lib.store import changed_files, is_store
from cenet_lib.utterance import SPLITS, Utterance

VISUAL, ACOUSTIC = 3, 2

any_text = st.text(st.characters(exclude_categories=()))  # surrogates and control characters too
proper_text = st.text(st.characters(exclude_categories=["Cs"]))
words = st.lists(proper_text.filter(str.strip), min_size=1, max_size=5)


def frames(width):
    shape = st.integers(0, 4).map(lambda n: (n, width))
    floats = st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=True)
    return npst.arrays(np.float32, shape, elements=floats)


ids = st.integers(-(2**62), 2**62)
annotations = st.fixed_dictionaries(
    {},
    optional={
        "pos_ids": st.lists(ids, max_size=4).map(lambda v: np.array(v, np.int64)),
        "flags": st.lists(st.booleans(), max_size=4).map(lambda v: np.array(v, bool)),
        "delivery": st.floats(),
        "speaker": any_text,
    },
)
utterances = st.builds(
    dict,
    id=proper_text.filter(bool),
    words=words,
    visual=frames(VISUAL),
    acoustic=frames(ACOUSTIC),
    label=st.one_of(st.none(), st.floats(-3, 3)),
    video=any_text,
    annotations=annotations,
)
corpora = st.builds(
    dict,
    utterances=st.lists(
        st.tuples(st.sampled_from(SPLITS), utterances), max_size=6, unique_by=lambda p: p[1]["id"]
    ),
    name=any_text,
    visual_names=st.one_of(st.none(), st.lists(any_text, min_size=VISUAL, max_size=VISUAL)),
    provenance=st.dictionaries(any_text, st.one_of(st.integers(), any_text), max_size=3),
)


def corpus_of(parts: dict) -> Corpus:
    parts = dict(parts)
    splits = {split: [] for split in SPLITS}
    for split, utterance in parts.pop("utterances"):
        splits[split].append(Utterance(**utterance))
    return Corpus(**splits, **parts)


def same_bits(a, b) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(corpora)
def test_round_trip(parts):
    corpus = corpus_of(parts)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        corpus.save(Path(folder) / "store")
        assert is_store(Path(folder) / "store")
        stored = Corpus.load(Path(folder) / "store")
        assert stored.fingerprint() == corpus.fingerprint()
        assert stored.name == corpus.name
        assert stored.feature_names == corpus.feature_names
        assert stored.provenance == corpus.provenance
        assert len(stored) == len(corpus)
        for (split, found), (wanted_split, wanted) in zip(stored.items(), corpus.items()):
            assert split == wanted_split
            assert (found.id, found.words, found.video) == (wanted.id, wanted.words, wanted.video)
            assert repr(found.label) == repr(wanted.label)
            assert same_bits(found.visual, wanted.visual)
            assert same_bits(found.acoustic, wanted.acoustic)
            assert set(found.annotations) == set(wanted.annotations)
            for name, value in wanted.annotations.items():
                if isinstance(value, np.ndarray):
                    assert same_bits(found.annotations[name], value)
                else:
                    assert repr(found.annotations[name]) == repr(value)


def small(**changes) -> Corpus:
    def utterance(i):
        return Utterance(
            f"v{i // 2}[{i}]",
            ["good", "film"],
            np.full((i, 3), i, np.float32),
            np.full((2 * i, 2), i, np.float32),
            i / 4,
            video=f"v{i // 2}",
            annotations={"pos_ids": np.arange(2), "delivery": 0.5 * i} if i % 2 else {},
        )

    given = {
        "train": [utterance(i) for i in range(6)],
        "valid": [utterance(7)],
        "test": [utterance(9)],
    }
    return Corpus("small", **given | changes)


@pytest.fixture
def folder(tmp_path):
    small().save(tmp_path / "store")
    return tmp_path / "store"


def test_the_same_corpus_makes_the_same_files(folder, tmp_path):
    small().save(tmp_path / "again")
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_other_tools_can_read_it(folder):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(folder / "segments.csv")
    visual = np.load(folder / "visual.npy", allow_pickle=False)
    assert visual.shape == (sum(range(6)) + 7 + 9, 3)
    row = table[table.id == "v1[3]"].iloc[0]
    assert json.loads(row.words) == ["good", "film"]
    start = row.visual_start
    assert (visual[start : start + row.visual_length] == 3).all()
    assert row.visual_length == 3


def test_a_stored_corpus_is_mapped_and_read_only(folder):
    stored = Corpus.load(folder)
    frames = stored.train[5].visual
    base = frames
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0] = 1


def test_slices_and_frames_of_a_split(folder):
    train = Corpus.load(folder).train
    assert [u.id for u in train[1:4]] == ["v0[1]", "v1[2]", "v1[3]"]
    assert train[-1].id == "v2[5]"
    assert [len(rows) for rows in train.frames("acoustic")] == [0, 2, 4, 6, 8, 10]
    assert [(o.id, o.label, o.widths) for o in train[5:].outlines()] == [
        ("v2[5]", 1.25, {"visual": 3, "acoustic": 2})
    ]
    with pytest.raises(IndexError):
        train[6]


def test_annotations_that_only_some_have(folder):
    train = Corpus.load(folder).train
    assert dict(train[0].annotations) == {}
    assert train[1].annotations["pos_ids"].tolist() == [0, 1]
    assert train[1].annotations["delivery"] == 0.5


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"../escape": np.arange(2)}, "letters, digits and underscores"),
        ({"a b": 1.0}, "letters, digits and underscores"),
        ({"words": 1.0}, "'words' is taken"),
        ({"visual_start": 1.0}, "'visual_start' is taken"),
        ({"visual": np.arange(2)}, "'visual' is taken"),
        ({"acoustic": 1.0}, "'acoustic' is taken"),
        ({"table": np.zeros((2, 2))}, "one-dimensional"),
        ({"texts": np.array(["a"])}, "one-dimensional"),
        ({"things": [1, 2]}, "is list"),
        ({"delivery": "a text"}, "is a text here and a number elsewhere"),
    ],
)
def test_annotations_that_cannot_be_stored(tmp_path, annotations, said):
    odd = Utterance("odd", ["a"], np.ones((1, 3)), np.ones((1, 2)), 0.0, annotations=annotations)
    with pytest.raises(CENetError) as caught:
        small(test=[odd]).save(tmp_path / "odd")
    assert "small" in str(caught.value)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_new_store_is_not_written_over_an_old_one(folder):
    with pytest.raises(CENetError, match="exists already"):
        small().save(folder)
    assert Corpus.load(folder).fingerprint() == small().fingerprint()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CENetError, match="could not be written"):
        small().save(tmp_path / "file" / "store")


def test_a_crash_leaves_nothing(tmp_path):
    class Breaks(list):
        def __iter__(self):
            self.rounds = getattr(self, "rounds", 0) + 1
            yield self[0]
            if self.rounds > 2:  # checked, surveyed, and now while it is written
                raise KeyboardInterrupt

    corpus = small(train=Breaks(small().train))
    with pytest.raises(KeyboardInterrupt):
        corpus.save(tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def shift(content: bytes) -> bytes:
    middle = len(content) - 40
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("name", ["visual.npy", "acoustic.npy", "pos_ids.npy", "segments.csv"])
def test_a_flipped_bit_is_found_by_validation(folder, name):
    assert changed_files(folder) == []
    path = folder / name
    content = path.read_bytes()
    flipped = content.replace(b",1.25,", b",1.75,") if name == "segments.csv" else shift(content)
    assert flipped != content
    path.write_bytes(flipped)
    Corpus.load(folder)  # which reads no frames
    said = f"{path}: has changed since it was written; convert the corpus anew"
    assert changed_files(folder) == [said]
    assert said in problems(folder)


def test_the_hashes_are_those_of_the_files(folder):
    header = json.loads((folder / "corpus.json").read_text())
    files = {path.name for path in folder.iterdir()} - {"corpus.json"}
    assert header["sha256"] == {name: sha256(folder / name) for name in files}


def test_a_store_of_an_older_version_has_no_hashes(folder):
    header = json.loads((folder / "corpus.json").read_text())
    del header["sha256"]
    (folder / "corpus.json").write_text(json.dumps(header))
    assert changed_files(folder) == []


@pytest.mark.parametrize(
    ("hashes", "said"),
    [
        ([1], "hashes are damaged"),
        ("x", "hashes are damaged"),
        ({"a": 1}, "visual.npy: has changed"),
    ],
)
def test_damaged_hashes(folder, hashes, said):
    header = json.loads((folder / "corpus.json").read_text())
    (folder / "corpus.json").write_text(json.dumps({**header, "sha256": hashes}))
    assert said in " ".join(problems(folder))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["visual.npy", "segments.csv"])
def test_a_pipe_in_place_of_a_file_is_refused(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(CENetError, match=f"{name}: is no regular file; convert the corpus anew"):
        Corpus.load(folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"v2[5]", b"v2\xed\xa0\xbd[5]", "its id holds half of a surrogate pair"),
        (b'""film""', b'""\\ud83d""', "a word of it holds half of a surrogate pair"),
    ],
)
def test_half_a_character_is_found_when_a_store_is_opened(folder, old, new, said):
    """And not after the last epoch, when the predictions are to be written."""
    table = (folder / "segments.csv").read_bytes()
    assert old in table
    (folder / "segments.csv").write_bytes(table.replace(old, new))
    with pytest.raises(CENetError, match=said):
        Corpus.load(folder)
