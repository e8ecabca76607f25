"""Whatever is wrong with a file, the user gets one error that helps, and no half-written output."""

import os
import pickle
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import corpus_files as files
import h5py
import numpy as np
import pytest

from cenet_lib.corpora import load_corpus, spool
from cenet_lib.corpora.card import problems
from cenet_lib.errors import CENetError


def change(data, edit, protocol=4):
    """A pickle of one of the formats, edited."""

    def write(folder):
        built = data()
        result = edit(built)
        return files.write_pickle(
            folder / "data.pkl", built if result is None else result, protocol
        )

    return write


def raw(content: bytes, name="data.pkl"):
    def write(folder):
        path = folder / name
        path.write_bytes(content)
        return path

    return write


def change_csd(edit):
    """A folder of sequences, edited."""

    def write(folder):
        path = folder / "mosi"
        files.write_csd(path)
        edit(path)
        return path

    return write


def change_store(edit):
    def write(folder):
        load_corpus(files.write_pickle(folder / "data.pkl", files.mag())).save(folder / "store")
        (folder / "data.pkl").unlink()
        edit(folder / "store")
        return folder / "store"

    return write


def folder_of(**contents):
    def write(folder):
        path = folder / "given"
        path.mkdir()
        for name, content in contents.items():
            name = name.replace("_dot_", ".")
            (path / name).write_bytes(
                content if isinstance(content, bytes) else pickle.dumps(content)
            )
        return path

    return write


def first(data, place, value, split="train"):
    """Replace words 0, visual 1, acoustic 2 … of the first segment; or its label or id."""
    features, label, id = data[split][0]
    if place in ("label", "id"):
        label, id = (value, id) if place == "label" else (label, value)
    else:
        features = (*features[:place], value, *features[place + 1 :])
    data[split][0] = (features, label, id)


def column(name, value, split="test", at=None):
    def edit(data):
        if at is None:
            data[split][name] = value
        else:
            if isinstance(data[split][name], np.ndarray):
                data[split][name] = data[split][name].tolist()
            data[split][name][at] = value

    return edit


class Call:
    def __init__(self, function, *arguments):
        self.parts = (function, arguments)

    def __reduce__(self):
        return self.parts


def cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def hostile_in_text(data):
    data["train"][0][0][0][1] = Call(os.system, "true")


def edit_sequence(number, edit):
    def write(path):
        with h5py.File(path / f"sequence_{number}.csd", "r+") as file:
            edit(file, next(iter(file)))

    return write


def replace(file, name, value):
    del file[name]
    file[name] = value


def rewrite(name, edit):
    def write(folder):
        path = folder / name
        path.write_bytes(edit(path.read_bytes()))

    return write


MAG = pickle.dumps(files.mag())
ID = "aaaaaaaaaaa[0]"
README = "data/README.md"
MEND = "correct it or remove the segment"
AGAIN = "download or copy it again"
NUMBERS = np.zeros((2, 3))

CASES = {
    # name: (how to write it, what the error must say)
    # hostile pickles
    "os.system": (raw(b"cos\nsystem\n(S'true'\ntR."), ["os.system", "save it anew"]),
    "eval": (raw(pickle.dumps(Call(eval, "1"))), ["builtins.eval", "save it anew"]),
    "eval by its old name": (raw(pickle.dumps(Call(eval, "1"), 0)), ["__builtin__.eval"]),
    "a call among the words": (change(files.mag, hostile_in_text), ["system", "save it anew"]),
    "a call in a call": (
        raw(pickle.dumps(Call(set, [Call(getattr, "", "join")]))),
        ["builtins.getattr", "save it anew"],
    ),
    "a class of torch": (
        raw(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R."),
        ["torch._utils._rebuild_tensor_v2", "save it anew"],
    ),
    "a table of pandas": (
        raw(b"\x80\x04\x8c\x11pandas.core.frame\x8c\tDataFrame\x93)\x81."),
        ["pandas.core.frame.DataFrame", "save it anew"],
    ),
    "an oversized declared array": (
        raw(
            pickle.dumps(np.zeros(3, np.float32), 2).replace(b"K\x03\x85", b"J\xff\xff\xff\x7f\x85")
        ),
        ["(2147483647,)", "3 elements", AGAIN],
    ),
    "bytes of a size": (raw(b"c__builtin__\nbytes\n(I99999999999\ntR."), ["bytes(int)"]),
    # damaged and foreign files
    "an empty file": (raw(b""), ["is empty", AGAIN]),
    "a truncated pickle": (raw(cut(MAG, 0.7)), ["truncated", AGAIN]),
    "a pickle without its last byte": (raw(MAG[:-1]), ["truncated", AGAIN]),
    "a bit flipped in an instruction": (raw(MAG[:12] + b"\xff" + MAG[13:]), [AGAIN]),
    "a text": (raw(b"id,words,label\n1,good,3\n"), ["not a pickle", AGAIN]),
    "a web page": (raw(b"\n<!DOCTYPE html><html>"), ["web page", "download it in a browser"]),
    "a zip archive": (raw(b"PK\x03\x04" + bytes(40)), ["zip archive", "unpack it"]),
    "a gzip archive": (raw(b"\x1f\x8b\x08" + bytes(40)), ["gzip archive", "unpack it"]),
    "a pointer of Git LFS": (
        raw(b"version https://git-lfs.github.com/spec/v1\n"),
        ["git lfs pull"],
    ),
    "one sequence alone": (
        lambda folder: (files.write_csd(folder / "m"), folder / "m" / "sequence_0.csd")[1],
        ["sequence_0.csd", "give the folder"],
    ),
    "nothing there": (lambda folder: folder / "absent.pkl", ["absent.pkl", "no such file"]),
    # foreign structures
    "a number": (raw(pickle.dumps(7)), ["no reader knows: 7", README]),
    "an empty list": (raw(pickle.dumps([])), ["a list of 0", README]),
    "other keys": (raw(pickle.dumps({"x": 1, "y": 2})), ["keys x, y", README]),
    "no test split": (
        change(files.mag, lambda d: d.pop("test") and None),
        ["no test split", "expected the keys", "'dev'"],
    ),
    "two names for one split": (
        change(files.mag, lambda d: d.update(valid=d["dev"])),
        ["two valid splits", "remove one"],
    ),
    "a split that is no list": (
        change(files.cenet, lambda d: d.update(test={"a": 1})),
        ["test split is not a list", README],
    ),
    "segments of two kinds": (
        change(files.mag, lambda d: d["test"].append(((1, 2), 0.5, "x[0]"))),
        ["test segment number 3", "((words, visual, acoustic), label, id)", "remove it"],
    ),
    "a segment that is a text": (
        change(lambda: files.misa("train"), lambda d: d.append("x[0]")),
        ["segment number 5", "((word_ids, visual, acoustic, words), label, id)", "remove it"],
    ),
    "all splits empty": (
        change(files.mag, lambda d: {k: [] for k in d}),
        ["the keys train, dev, test", README],
    ),
    "no segment with words": (
        change(files.mag, lambda d: {k: [(([], NUMBERS, NUMBERS), 1.0, k)] for k in d}),
        ["no segment with words", "3 were left out"],
    ),
    # words
    "words None": (
        change(files.mag, lambda d: first(d, 0, None)),
        [f"train segment {ID}", "None", MEND],
    ),
    "a word None": (
        change(files.mag, lambda d: first(d, 0, ["a", None, "b"])),
        [f"train segment {ID}", "word 1 is None", "non-blank", MEND],
    ),
    "a word blank": (
        change(files.cenet, lambda d: first(d, 0, ["a", "\t", "b"])),
        [f"train segment {ID}", r"word 1 is '\t'", "non-blank", MEND],
    ),
    "a word of empty bytes": (
        change(files.mag, lambda d: first(d, 0, [b"a", b""])),
        [f"train segment {ID}", "word 1 is b''", "non-blank", MEND],
    ),
    "a word a number": (
        change(lambda: files.misa("train"), lambda d: first({"train": d}, 3, ["a", 7])),
        [f"segment {ID}", "word 1 is 7", "non-blank", MEND],
    ),
    "words a matrix": (
        change(files.mag, lambda d: first(d, 0, NUMBERS)),
        [f"train segment {ID}", "shape (2, 3)", "list of texts", MEND],
    ),
    "a text a number": (
        change(files.mmsa, column("raw_text", 5, at=1)),
        ["test segment ddddddddddd$_$1", "words are 5", "list of texts", MEND],
    ),
    # ids
    "an id None": (
        change(files.mag, lambda d: first(d, "id", None)),
        ["train segment number 0", "id is None", "video[3]"],
    ),
    "an id blank": (
        change(files.mmsa, column("id", "", at=0)),
        ["test segment number 0", "id is ''", "video[3]"],
    ),
    "an id twice in a split": (
        change(files.mag, lambda d: d["train"].append(d["train"][0])),
        [f"train segment {ID}", "occurs twice", "rename or drop"],
    ),
    "an id in two splits": (
        change(files.cenet, lambda d: d["test"].append(d["train"][0])),
        [f"test segment {ID}", "occurs twice (also in train)", "rename or drop"],
    ),
    # labels
    "a label a text": (
        change(files.mag, lambda d: first(d, "label", "2.4")),
        [f"train segment {ID}", "the label is '2.4'", "one finite number", MEND],
    ),
    "a label NaN": (
        change(files.mag, lambda d: first(d, "label", np.array([[np.nan]]))),
        [f"train segment {ID}", "the label is nan", "one finite number", MEND],
    ),
    "a label infinite": (
        change(files.mmsa, column("regression_labels", float("inf"), at=0)),
        ["test segment ddddddddddd$_$0", "the label is inf", "one finite number", MEND],
    ),
    "a label None": (
        change(files.cenet, lambda d: first(d, "label", None)),
        [f"train segment {ID}", "the label is None", "one finite number", MEND],
    ),
    "a label a list": (
        change(files.mag, lambda d: first(d, "label", [1.0, 2.0])),
        [f"train segment {ID}", "the label is a list of 2", "one finite number", MEND],
    ),
    "a label true": (
        change(files.mag, lambda d: first(d, "label", True)),
        [f"train segment {ID}", "the label is True", "one finite number", MEND],
    ),
    "labels in a matrix": (
        change(files.mmsa, column("regression_labels", np.zeros((3, 2)))),
        ["test segment ddddddddddd$_$0", "shape (2,)", "one finite number", MEND],
    ),
    "a label too large": (
        change(files.mag, lambda d: first(d, "label", 4.0)),
        [f"train segment {ID}", "outside [-3, 3]", "rescale"],
    ),
    "a label of one modality a text": (
        change(files.mmsa, column("regression_labels_T", ["0", "0", "0"])),
        ["test segment ddddddddddd$_$0", "regression_labels_T is '0'", "one finite number", MEND],
    ),
    # frames
    "frames None": (
        change(files.mag, lambda d: first(d, 1, None)),
        [f"train segment {ID}", "visual is None", "(frames, features)", MEND],
    ),
    "frames of text": (
        change(files.mag, lambda d: first(d, 2, np.array([["a", "b"]]))),
        [f"train segment {ID}", "acoustic frame 0", "row of numbers", MEND],
    ),
    "frames in one dimension": (
        change(files.mag, lambda d: first(d, 1, np.zeros(5))),
        [f"train segment {ID}", "visual has the shape (5,)", "(frames, features)", MEND],
    ),
    "frames in three dimensions": (
        change(files.cenet, lambda d: first(d, 2, np.zeros((2, 3, 4)))),
        [f"train segment {ID}", "acoustic has the shape (2, 3, 4)", "(frames, features)", MEND],
    ),
    "frames of complex numbers": (
        change(files.mag, lambda d: first(d, 1, [[1j, 2j]])),
        ["builtins.complex", "save it anew"],
    ),
    "an object array with a text": (
        change(files.mag, lambda d: first(d, 1, np.array([[1.0, "x"]], dtype=object))),
        [f"train segment {ID}", "visual frame 0", "not a number", MEND],
    ),
    "an object array of unequal rows": (
        change(files.mag, lambda d: first(d, 1, [[1.0, 2.0], [3.0]])),
        [f"train segment {ID}", "visual frame 1 has 1 values where 2", MEND],
    ),
    "frames that hold lists without end": (
        change(files.mag, lambda d: first(d, 1, (lambda ring: ring.append(ring) or ring)([]))),
        [f"train segment {ID}", "visual frame 0", "not a number", MEND],
    ),
    "another width": (
        change(files.mag, lambda d: first(d, 1, np.ones((2, 7)), split="dev")),
        ["valid segment ccccccccccc[0]", "visual has 7 columns where 5", "same features"],
    ),
    "a stream of one number per segment": (
        change(files.mmsa, column("audio", np.zeros((3, 4)))),
        ["test segment ddddddddddd$_$0", "acoustic has the shape (4,)", "(frames, features)", MEND],
    ),
    # MMSA's columns
    "no vision": (
        change(files.mmsa, lambda d: d["test"].pop("vision").shape and None),
        ["test split", "no 'vision'", README],
    ),
    "no audio in one split": (
        change(files.mmsa, lambda d: d["test"].pop("audio").shape and None),
        ["test split", "no 'audio'", README],
    ),
    "a split that is no dict": (
        change(files.mmsa, lambda d: d.update(valid=[1])),
        ["valid split", "not a dict of columns", "make it again"],
    ),
    "columns of unequal length": (
        change(files.mmsa, lambda d: d["valid"]["raw_text"].pop() and None),
        ["valid split", "raw_text 1, vision 2", "one entry per segment"],
    ),
    "lengths of unequal length": (
        change(lambda: files.mmsa(list), column("audio_lengths", [1])),
        ["test split", "audio_lengths 1", "one entry per segment"],
    ),
    "a column that is a number": (
        change(files.mmsa, column("id", 3)),
        ["test split", "'id' is 3", "list or an array", "make it again"],
    ),
    "a length beyond the array": (
        change(lambda: files.mmsa(list), column("vision_lengths", 600, at=2)),
        [
            "test segment e_eeeeee_12$_$0",
            "visual is said to have 600 frames, but has 12",
            "damaged",
        ],
    ),
    "a negative length": (
        change(lambda: files.mmsa(list), column("audio_lengths", -1, at=0)),
        ["test segment ddddddddddd$_$0", "audio_lengths is -1", "whole number", MEND],
    ),
    "a length of half a frame": (
        change(lambda: files.mmsa(list), column("audio_lengths", 2.5, at=0)),
        ["test segment ddddddddddd$_$0", "audio_lengths is 2.5", "whole number", MEND],
    ),
    "a length a text": (
        change(lambda: files.mmsa(list), column("audio_lengths", "5", at=0)),
        ["test segment ddddddddddd$_$0", "audio_lengths is '5'", "finite number", MEND],
    ),
    # CENet's ids
    "a code too high": (
        change(files.cenet, lambda d: first(d, 5, [17] * 12)),
        [f"train segment {ID}", "visual_ids holds 17", "from 0 to 16", MEND],
    ),
    "a code and a half": (
        change(files.cenet, lambda d: first(d, 6, [1.5] * 12)),
        [f"train segment {ID}", "acoustic_ids holds 1.5", "whole number", MEND],
    ),
    "a part of speech NaN": (
        change(files.cenet, lambda d: first(d, 3, [float("nan")])),
        [f"train segment {ID}", "pos_ids", "from 0 to 4", MEND],
    ),
    "polarities for fewer words": (
        change(files.cenet, lambda d: first(d, 4, [1])),
        [f"train segment {ID}", "1 senti_ids for", "one for each"],
    ),
    "codes None": (
        change(files.cenet, lambda d: first(d, 5, None)),
        [f"train segment {ID}", "visual_ids is None", "a list", MEND],
    ),
    # folders
    "an empty folder": (folder_of(), ["no data file", README]),
    "a folder of notes": (folder_of(notes=b"hello"), ["no data file", README]),
    "two candidates": (
        folder_of(aligned_50_dot_pkl=files.mmsa(), unaligned_50_dot_pkl=files.mmsa(list)),
        ["aligned_50.pkl or unaligned_50.pkl", "path of one"],
    ),
    "a pickle and a sequence": (
        folder_of(a_dot_pkl=files.mag(), b_dot_csd=b"\x89HDF\r\n\x1a\n"),
        ["a.pkl or b.csd", "path of one"],
    ),
    "three names, one of another kind": (
        folder_of(
            train_dot_pkl=files.misa("train"),
            dev_dot_pkl=files.mag(),
            test_dot_pkl=files.misa("test"),
        ),
        ["dev.pkl", "not a list of MISA segments", "the one file"],
    ),
    "a word None in the second of three": (
        folder_of(
            train_dot_pkl=files.misa("train"),
            dev_dot_pkl=[((None, NUMBERS, NUMBERS, [None]), 1.0, "v[0]")],
            test_dot_pkl=files.misa("test"),
        ),
        ["dev.pkl", "valid segment v[0]", "word 0 is None", "non-blank", MEND],
    ),
    # sequences
    "a sequence without its group": (
        change_csd(edit_sequence(1, lambda file, root: file.move(f"{root}/data", f"{root}/dat"))),
        ["sequence_1.csd", "without the group", README],
    ),
    "a sequence without entries": (
        change_csd(edit_sequence(1, lambda file, root: replace(file, f"{root}/data", [1.0]))),
        ["sequence_1.csd", "without the group", README],
    ),
    "an entry without intervals": (
        change_csd(
            edit_sequence(
                2, lambda file, root: file.__delitem__(f"{root}/data/ccccccccccc/intervals")
            )
        ),
        ["sequence_2.csd", "entry ccccccccccc", "'intervals'", "download it again"],
    ),
    "more features than intervals": (
        change_csd(
            edit_sequence(
                1,
                lambda file, root: replace(
                    file, f"{root}/data/aaaaaaaaaaa/features", np.zeros((99, 5))
                ),
            )
        ),
        ["sequence_1.csd", "entry aaaaaaaaaaa", "(99, 5)", "download it again"],
    ),
    "a label without a time": (
        change_csd(
            edit_sequence(
                3,
                lambda file, root: replace(
                    file, f"{root}/data/ddddddddddd/intervals", np.full((2, 2), np.nan)
                ),
            )
        ),
        ["sequence_3.csd", "entry ddddddddddd", "finite time", "download it again"],
    ),
    "a label NaN in a sequence": (
        change_csd(
            edit_sequence(
                3,
                lambda file, root: replace(
                    file, f"{root}/data/ddddddddddd/features", np.full((2, 1), np.nan)
                ),
            )
        ),
        ["sequence_3.csd", "test segment ddddddddddd[0]", "nan", "finite number", MEND],
    ),
    "a word blank in a sequence": (
        change_csd(
            edit_sequence(
                0,
                lambda file, root: file[f"{root}/data/aaaaaaaaaaa/features"].__setitem__(1, b""),
            )
        ),
        ["sequence_0.csd", "train segment aaaaaaaaaaa[0]", "word 0 is b''", "non-blank", MEND],
    ),
    "features that are not in the file": (
        change_csd(
            edit_sequence(
                1,
                lambda file, root: (
                    file.__delitem__(f"{root}/data/aaaaaaaaaaa/features"),
                    file.create_dataset(
                        f"{root}/data/aaaaaaaaaaa/features", (10**9, 100), "f4", chunks=(10, 100)
                    ),
                ),
            )
        ),
        ["sequence_1.csd", "entry aaaaaaaaaaa", "not in the file", "download it again"],
    ),
    "no sequence of the voice": (
        change_csd(lambda path: (path / "sequence_2.csd").unlink()),
        ["mosi", "no sequence of acoustic", "into one folder"],
    ),
    "two sequences of the face": (
        change_csd(
            lambda path: (path / "other.csd").write_bytes((path / "sequence_1.csd").read_bytes())
        ),
        ["other.csd and sequence_1.csd", "visual", "leave one"],
    ),
    "a truncated sequence": (
        change_csd(rewrite("sequence_2.csd", lambda content: cut(content, 0.5))),
        ["sequence_2.csd", "truncated", AGAIN],
    ),
    "folds of other videos": (
        change_csd(rewrite("folds.csv", lambda _: b"video,split\nx,train\n")),
        ["folds.csv", "'aaaaaaaaaaa'", "correct or remove"],
    ),
    "folds without columns": (
        change_csd(rewrite("folds.csv", lambda _: b"name,fold\naaaaaaaaaaa,train\n")),
        ["folds.csv", "line 2", "columns video and split"],
    ),
    "folds with another word": (
        change_csd(rewrite("folds.csv", lambda _: b"video,split\naaaaaaaaaaa,training\n")),
        ["folds.csv", "line 2", "train, valid or test"],
    ),
    "folds with a video twice": (
        change_csd(rewrite("folds.csv", lambda c: c + b"aaaaaaaaaaa,test\n")),
        ["folds.csv", "aaaaaaaaaaa is in two splits", "remove one"],
    ),
    # stores
    "a store without frames": (
        change_store(lambda path: (path / "visual.npy").unlink()),
        ["visual.npy", "is missing", "convert the corpus anew"],
    ),
    "a store with truncated frames": (
        change_store(rewrite("visual.npy", lambda c: c[:-4])),
        ["visual.npy", "bytes instead of", "convert the corpus anew"],
    ),
    "a store with frames of another kind": (
        change_store(lambda path: np.save(path / "visual.npy", np.zeros((99, 5)))),
        ["visual.npy", "not float32", "convert the corpus anew"],
    ),
    "a store with pickled frames": (
        change_store(lambda path: np.save(path / "visual.npy", np.array([{}, 1], object))),
        ["visual.npy", "damaged", "convert the corpus anew"],
    ),
    "a store with a row too many": (
        change_store(rewrite("segments.csv", lambda c: c + c.splitlines()[-1] + b"\n")),
        ["segments.csv", "e_eeeeee_12[0]", "occurs twice", "convert the corpus anew"],
    ),
    "a store with a row too few": (
        change_store(rewrite("segments.csv", lambda c: b"\n".join(c.splitlines()[:-1]) + b"\n")),
        ["segments.csv", "promises", "convert the corpus anew"],
    ),
    "a store with other words": (
        change_store(rewrite("segments.csv", lambda c: c.replace(b'[""', b'[5, ""', 1))),
        ["segments.csv", ID, "words", "convert the corpus anew"],
    ),
    "a store of the future": (
        change_store(rewrite("corpus.json", lambda c: c.replace(b'"version": 1', b'"version": 2'))),
        ["corpus.json", "version 2", "convert the corpus anew"],
    ),
    "a store without a header's part": (
        change_store(rewrite("corpus.json", lambda c: c.replace(b'"scalars"', b'"scalar"'))),
        ["corpus.json", "damaged", "convert the corpus anew"],
    ),
    "a store that points elsewhere": (
        change_store(rewrite("corpus.json", lambda c: c.replace(b'"visual",', b'"../visual",'))),
        ["corpus.json", "damaged", "convert the corpus anew"],
    ),
}


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", CASES)
def test_one_error_that_helps(source, tmp_path, name):
    write, said = CASES[name]
    path = write(source)
    before = sorted(source.rglob("*"))
    with pytest.raises(CENetError) as caught:
        load_corpus(path).save(tmp_path / "out")
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 600
    for part in said:
        assert part in message
    assert sorted(tmp_path.iterdir()) == [source]
    assert sorted(source.rglob("*")) == before
    assert problems(path) == [message]


def test_there_are_enough_cases():
    assert len(CASES) >= 60


# The cases that depend on the system rather than on the file.


@contextmanager
def without_permissions():
    """Run a block as nobody, if we are root: root may read everything."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such permissions")
@pytest.mark.parametrize("what", ["file", "folder", "file in a folder", "table of a store"])
def test_no_read_permission(what):
    with tempfile.TemporaryDirectory() as folder:  # that of pytest is closed to others already
        folder = Path(folder)
        folder.chmod(0o755)
        file = files.write_pickle(folder / "data.pkl", files.mag())
        load_corpus(file).save(folder / "store")
        path, closed = {
            "file": (file, file),
            "folder": (folder / "store", folder / "store"),
            "file in a folder": (folder, file),
            "table of a store": (folder / "store", folder / "store" / "segments.csv"),
        }[what]
        closed.chmod(0o000)
        with without_permissions(), pytest.raises(CENetError) as caught:
            load_corpus(path)
        closed.chmod(0o700)
    assert closed.name in str(caught.value)
    assert "Permission denied" in str(caught.value)


@contextmanager
def full_disk(limit: int):
    """Let no file grow beyond ``limit`` bytes."""
    import resource  # not on Windows

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
@pytest.mark.parametrize("limit", [0, 100, 600, 1000])
def test_a_full_disk_leaves_nothing(source, tmp_path, limit):
    corpus = load_corpus(files.write_pickle(source / "data.pkl", files.mag()))
    with full_disk(limit), pytest.raises(CENetError) as caught:
        corpus.save(tmp_path / "out")
    assert "out: could not be written" in str(caught.value)
    assert sorted(tmp_path.iterdir()) == [source]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_full_disk_for_temporary_files(source, monkeypatch):
    monkeypatch.setattr(spool, "_IN_MEMORY", 300)
    path = files.write_pickle(source / "data.pkl", files.mag())
    with full_disk(100), pytest.raises(CENetError) as caught:
        load_corpus(path)
    assert "data.pkl" in str(caught.value)
    assert "TMPDIR" in str(caught.value)


def test_a_destination_that_exists(source, tmp_path):
    corpus = load_corpus(files.write_pickle(source / "data.pkl", files.mag()))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    with pytest.raises(CENetError, match="exists already"):
        corpus.save(tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "precious"


def test_a_label_range_for_what_has_its_own(source):
    load_corpus(files.write_pickle(source / "data.pkl", files.mag())).save(source / "store")
    with pytest.raises(CENetError, match="leave out label_range"):
        load_corpus(source / "store", label_range=(0, 1))
    with pytest.raises(CENetError, match="leave out label_range"):
        load_corpus("demo", label_range=(0, 1))


# Random damage: an answer or a CENetError, never anything else.


@pytest.mark.parametrize("name", ["cenet", "mag", "mmsa", "misa"])
def test_flipped_bits_in_a_pickle(source, name):
    data = {"cenet": files.cenet, "mag": files.mag, "mmsa": lambda: files.mmsa(list)}
    content = pickle.dumps(data.get(name, lambda: files.misa("train"))())
    generator = np.random.default_rng(1)
    failed = 0
    for position in generator.integers(0, len(content), 250):
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(generator.integers(8))
        (source / "data.pkl").write_bytes(flipped)
        try:
            load_corpus(source / "data.pkl")
        except CENetError as error:
            failed += "data.pkl" in str(error)
    assert failed


@pytest.mark.parametrize("file", ["corpus.json", "segments.csv", "visual.npy"])
def test_flipped_bits_in_a_store(source, file):
    load_corpus(files.write_pickle(source / "data.pkl", files.cenet())).save(source / "store")
    path = source / "store" / file
    content = path.read_bytes()
    generator = np.random.default_rng(2)
    failed = 0
    for position in generator.integers(0, min(len(content), 2000), 250):
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(flipped)
        try:
            list(load_corpus(source / "store"))
        except CENetError as error:
            failed += "store" in str(error)
    assert failed


def test_flipped_bits_in_a_sequence(source):
    files.write_csd(source / "mosi")
    path = source / "mosi" / "sequence_2.csd"
    content = path.read_bytes()
    generator = np.random.default_rng(3)
    failed = 0
    for position in generator.integers(0, len(content), 150):
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(flipped)
        try:
            load_corpus(source / "mosi")
        except CENetError as error:
            failed += "mosi" in str(error)
    assert failed
