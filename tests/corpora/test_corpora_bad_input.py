"""Whatever is wrong with a file, the user gets one error that helps, and no half-written output."""

import bz2
import lzma
import os
import pickle
import sys
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import corpus_files as files
import h5py
import numpy as np
import pytest

from cenet_lib.corpora import load_corpus, spool
from cenet_lib.corpora.card import problems
from cenet_lib.corpus import Corpus
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


def zipped(compression=zipfile.ZIP_STORED, **parts):
    def write(folder):
        path = folder / "data.pt"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in parts.items():
                archive.writestr(f"archive/{name.replace('_dot_', '.')}", content)
        return path

    return write


def torch_saved(make, new=True, edit=None):
    """A file of torch.save, of what ``make`` makes with torch; its bytes may be edited."""

    def write(folder):
        import torch

        path = folder / "data.pt"
        torch.save(make(torch), path, _use_new_zipfile_serialization=new)
        if edit:
            path.write_bytes(edit(path.read_bytes()))
        return path

    return write


def rezipped(edit):
    """A file of torch.save whose parts, by their names, are edited and packed anew."""

    def write(folder):
        path = torch_saved(lambda torch: {"train": [torch.zeros(3)]})(folder)
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        compression = edit(parts) or zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return path

    return write


def part(parts, end):
    return next(name for name in parts if name.endswith(end))


def elsewhere(folder, name="elsewhere.h5"):
    """A file beside the folder that holds what nobody should read."""
    with h5py.File(folder / name, "w") as file:
        file["features"] = np.ones((99, 5))
        file["intervals"] = np.ones((99, 2))
    return str(folder / name)


def features_of(number, entry, make):
    """Replace the features of an entry of a sequence by what ``make`` puts there."""

    def edit(path):
        with h5py.File(path / f"sequence_{number}.csd", "r+") as file:
            group = file[next(iter(file))][f"data/{entry}"]
            del group["features"]
            make(group, path)

    return change_csd(edit)


def link_of(number, entry, link):
    """Replace an entry of a sequence by a link."""

    def edit(path):
        with h5py.File(path / f"sequence_{number}.csd", "r+") as file:
            data = file[next(iter(file))]["data"]
            del data[entry]
            data[entry] = link(path)

    return change_csd(edit)


def external(place, shape=(9, 5), kind="f4"):
    return lambda group, path: group.create_dataset(
        "features", shape, kind, external=[(place, 0, h5py.h5f.UNLIMITED)]
    )


def virtual(group, path):
    layout = h5py.VirtualLayout((9, 5), "f4")
    layout[:] = h5py.VirtualSource(elsewhere(path, ".h5"), "features", (99, 5))[:9]
    group.create_virtual_dataset("features", layout)


def bomb(group, path):
    """Zeros, which compress a thousand times."""
    rows = group.create_dataset(
        "features", (300_000, 64), "f4", chunks=(100_000, 64), compression="gzip"
    )
    for start in range(0, 300_000, 100_000):
        rows[start : start + 100_000] = 0.0


def same_segments(path):
    """Labels that name the same time of the same recording again and again."""
    with h5py.File(path / "sequence_1.csd", "r+") as file:
        group = file["FACET 4.2/data/aaaaaaaaaaa"]
        replace(group, "features", np.ones((20_000, 5), np.float32))
        replace(group, "intervals", np.tile([1.0, 2.0], (20_000, 1)))
    with h5py.File(path / "sequence_3.csd", "r+") as file:
        group = file["Opinion Segment Labels/data/aaaaaaaaaaa"]
        replace(group, "features", np.ones((300, 1)))
        replace(group, "intervals", np.tile([0.0, 99.0], (300, 1)))


SHARED = np.ones((1000, 125), np.float32)  # half a megabyte, once


def shared(number, place, value):
    """So many segments that share one part."""

    def edit(data):
        (words, visual, acoustic), label, _ = data["train"][0]
        parts = [words, visual, acoustic]
        parts[place] = value
        data["train"] = [(tuple(parts), label, f"v[{i}]") for i in range(number)]

    return change(files.mag, edit)


def doubled(times):
    """A list of two lists that are one, and so on: 2 to the power of ``times`` in all."""
    value = ["so"]
    for _ in range(times):
        value = [value, value]
    return value


def characters(code, kind="<U2"):
    """A pickle whose array of texts holds a character that Unicode does not have."""
    order = "big" if kind[0] == ">" else "little"
    known, unknown = ord("d").to_bytes(4, order), code.to_bytes(4, order)
    return raw(pickle.dumps(np.array(["ab", "cd"], kind)).replace(known, unknown))


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


def in_milliseconds(number):
    def edit(file, root):
        for entry in file[f"{root}/data"].values():
            replace(entry, "intervals", entry["intervals"][()] * 1000)

    return edit_sequence(number, edit)


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
        raw(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81."),
        ["torch.nn.modules.linear.Linear", "save it anew"],
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
    "a zip archive": (zipped(data=b"what is inside"), ["zip archive", "unpack it"]),
    "a damaged zip archive": (raw(b"PK\x03\x04" + bytes(40)), ["cannot be opened", AGAIN]),
    "a file of single arrays": (
        lambda folder: (np.savez(folder / "mosi.npz", visual=NUMBERS), folder / "mosi.npz")[1],
        [".npz", "give the whole data set"],
    ),
    "a gzip archive": (raw(b"\x1f\x8b\x08" + bytes(40)), ["gzip archive", "unpack it"]),
    "compressed by bzip2": (raw(bz2.compress(MAG)), ["bzip2", "unpack it"]),
    "compressed by xz": (raw(lzma.compress(MAG)), ["xz", "unpack it"]),
    "compressed by joblib": (raw(zlib.compress(MAG)), ["zlib", "save it anew with pickle.dump"]),
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
    "one part, and one by another name": (
        change(files.mag, lambda d: {"train": d["train"], "tset": d["test"]}),
        ["no valid split", "expected the keys", "'tset'"],
    ),
    "one part, and one by another name in a tuple": (
        change(files.mag, lambda d: {"test": d["test"], "unseen": tuple(d["dev"])}),
        ["no train split", "expected the keys", "'unseen'"],
    ),
    "one part, and one by another name with fewer columns": (
        change(
            files.mmsa,
            lambda d: {
                "train": d["train"],
                "tst": {k: d["test"][k] for k in ("raw_text", "vision", "audio", "id")},
            },
        ),
        ["no valid split", "expected the keys", "'tst'"],
    ),
    "one split by a text and by bytes": (
        change(files.mag, lambda d: {b"train": d["train"], **d}),
        ["two train splits", "remove one"],
    ),
    "one split in capitals and in small letters": (
        change(files.mag, lambda d: {**d, "TRAIN": d["train"]}),
        ["two train splits", "remove one"],
    ),
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
    "a label infinite": (
        change(files.mmsa, column("regression_labels", float("inf"), at=0)),
        ["test segment ddddddddddd$_$0", "the label is inf", "one finite number", MEND],
    ),
    "a label infinite in an array": (
        change(files.cenet, lambda d: first(d, "label", np.array([[-np.inf]]))),
        [f"train segment {ID}", "the label is -inf", "one finite number", MEND],
    ),
    "seven labels, one of them infinite": (
        change(files.mag, lambda d: first(d, "label", [float("inf"), 0, 0, 0, 0, 0, 0])),
        [f"train segment {ID}", "the label is inf", "one finite number", MEND],
    ),
    "seven labels, one of them a text": (
        change(files.cenet, lambda d: first(d, "label", [[1.0, 0, 0, "much", 0, 0, 0]])),
        [f"train segment {ID}", "the emotion 'anger' is 'much'", "one finite number", MEND],
    ),
    "seven labels that are none of MOSEI's": (
        change(files.mag, lambda d: first(d, "label", np.array([1.0, 0, -2.0, 0, 0, 0, 0]))),
        [f"train segment {ID}", "the emotion 'sad' is -2", "from 0 to 3", "CMU-MOSEI"],
    ),
    "six labels": (
        change(files.mag, lambda d: first(d, "label", np.zeros((1, 6)))),
        [f"train segment {ID}", "shape (1, 6)", "one finite number", MEND],
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
    "a label a little too large": (
        change(files.mag, lambda d: first(d, "label", np.float32(3.0000002))),
        [f"train segment {ID}", "the label 3.00000023842 is outside [-3, 3]", "rescale"],
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
    "two candidates and a sequence": (
        folder_of(a_dot_pkl=files.mag(), b_dot_pkl=files.cenet(), c_dot_csd=b"\x89HDF\r\n\x1a\n"),
        ["a.pkl or b.pkl", "path of one"],
    ),
    "two splits of three": (
        folder_of(train_dot_pkl=files.misa("train"), test_dot_pkl=files.misa("test")),
        ["no file of the valid split beside test.pkl and train.pkl", "path of the one file"],
    ),
    "three splits of three data sets": (
        folder_of(
            mosi_train_dot_pkl=files.misa("train"),
            mosei_dev_dot_pkl=files.misa("valid"),
            mosi_test_dot_pkl=files.misa("test"),
        ),
        ["mosei_dev.pkl or mosi_test.pkl", "path of one"],
    ),
    "three names, all with all splits": (
        folder_of(train_dot_pkl=files.mag(), dev_dot_pkl=files.mag(), test_dot_pkl=files.mag()),
        ["no reader knows", "keys train, valid, test", README],
    ),
    "a split file without a column": (
        folder_of(
            train_dot_pkl=files.mmsa()["train"],
            valid_dot_pkl={k: v for k, v in files.mmsa()["valid"].items() if k != "raw_text"},
            test_dot_pkl=files.mmsa()["test"],
        ),
        ["valid.pkl: the valid split", "no 'raw_text'", README],
    ),
    "a split file with a word None": (
        folder_of(
            train_dot_pkl=files.mmsa()["train"],
            valid_dot_pkl=files.mmsa()["valid"],
            test_dot_pkl={"test": {**files.mmsa()["test"], "raw_text": ["a", None, "b"]}},
        ),
        ["test.pkl: test segment ddddddddddd$_$1", "words are None", MEND],
    ),
    "three names, one of another kind": (
        folder_of(
            train_dot_pkl=files.misa("train"),
            dev_dot_pkl=files.mag(),
            test_dot_pkl=files.misa("test"),
        ),
        ["dev.pkl", "not a split of a MISA pickle, as train.pkl", "the one file"],
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
    "a label infinite in a sequence": (
        change_csd(
            edit_sequence(
                3,
                lambda file, root: replace(
                    file, f"{root}/data/ddddddddddd/features", np.full((2, 1), np.inf)
                ),
            )
        ),
        ["sequence_3.csd", "test segment ddddddddddd[0]", "inf", "finite number", MEND],
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
        ["sequence_1.csd", "entry aaaaaaaaaaa", "promises 400,000 MB", "download it again"],
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
    "a sequence in milliseconds": (
        change_csd(in_milliseconds(1)),
        ["sequence_1.csd", "none of its rows", "sequence_3.csd", "times in seconds"],
    ),
    "a sequence of other recordings": (
        change_csd(
            edit_sequence(
                2,
                lambda file, root: [
                    file.move(f"{root}/data/{name}", f"{root}/data/x{name}")
                    for name in list(file[f"{root}/data"])
                ],
            )
        ),
        ["sequence_2.csd", "none of its rows", "the same names of recordings"],
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
    "a store with an infinite label range": (
        change_store(rewrite("corpus.json", lambda c: c.replace(b"-3.0", b"-Infinity", 1))),
        ["corpus.json", "convert the corpus anew"],
    ),
    "a store with a label range upside down": (
        change_store(rewrite("corpus.json", lambda c: c.replace(b"-3.0", b"5.0", 1))),
        ["corpus.json", "damaged", "convert the corpus anew"],
    ),
    # files of torch.save
    "a model of torch": (
        torch_saved(lambda torch: torch.nn.Linear(2, 3)),
        ["torch.nn.modules.linear.Linear", "save it anew"],
    ),
    "weights of torch": (
        torch_saved(lambda torch: torch.nn.Linear(2, 3).state_dict()),
        ["no reader knows", "keys weight, bias", README],
    ),
    "a call in a file of torch": (
        torch_saved(lambda torch: {"train": Call(os.system, "true")}),
        ["system", "save it anew"],
    ),
    "a call in an old file of torch": (
        torch_saved(lambda torch: {"train": Call(os.system, "true")}, new=False),
        ["system", "save it anew"],
    ),
    "a truncated file of torch": (
        torch_saved(lambda torch: [torch.ones(3000)], edit=lambda c: cut(c, 0.6)),
        ["data.pt", "cannot be opened", AGAIN],
    ),
    "a truncated old file of torch": (
        torch_saved(lambda torch: [torch.ones(3000)], new=False, edit=lambda c: cut(c, 0.6)),
        ["data.pt", "truncated", AGAIN],
    ),
    "an old file of torch without its numbers": (
        torch_saved(lambda torch: [torch.ones(3)], new=False, edit=lambda c: c[:-20]),
        ["data.pt", "truncated", AGAIN],
    ),
    "a tensor that repeats itself": (
        torch_saved(lambda torch: [torch.ones(1).expand(1000, 1000)]),
        ["(1000, 1000)", "again and again", "contiguous()"],
    ),
    "a tensor that repeats itself in an old file": (
        torch_saved(lambda torch: [torch.ones(1, 5).expand(1000, 5)], new=False),
        ["(1000, 5)", "again and again", "contiguous()"],
    ),
    "a sparse tensor": (
        torch_saved(lambda torch: [torch.eye(3).to_sparse()]),
        ["_rebuild_sparse_tensor", "save it anew"],
    ),
    "a tensor of complex numbers": (
        torch_saved(lambda torch: [torch.zeros(3, dtype=torch.complex64)]),
        ["ComplexFloatStorage", "save it anew"],
    ),
    "a compressed file of torch": (
        rezipped(lambda parts: zipfile.ZIP_DEFLATED),
        ["compressed", "save it anew with torch.save"],
    ),
    "a file of torch without a storage": (
        rezipped(lambda parts: parts.pop(part(parts, "/data/0")) and None),
        ["lacks the storage '0'", "download it again"],
    ),
    "a file of torch with a short storage": (
        rezipped(lambda parts: parts.update({part(parts, "/data/0"): bytes(8)})),
        ["size (3,)", "storage of 2 numbers", AGAIN],
    ),
    "a file of torch with half a number": (
        rezipped(lambda parts: parts.update({part(parts, "/data/0"): bytes(11)})),
        ["half a number", "download it again"],
    ),
    "a file of torch of another computer": (
        rezipped(lambda parts: parts.update({part(parts, "/byteorder"): b"big"})),
        ["bytes in another order", "save it anew"],
    ),
    "bytes that hold no storage": (
        raw(b"\x80\x02ctorch.storage\n_load_from_bytes\nU\x04I7\n.\x85R."),
        ["data.pkl", AGAIN],
    ),
    "bytes that hold a call": (
        raw(b"\x80\x02ctorch.storage\n_load_from_bytes\nU\x17cos\nsystem\n(S'true'\ntR.\x85R."),
        ["os.system", "save it anew"],
    ),
    # what is small in the file and large outside
    "one array in 900 segments": (
        shared(900, 1, SHARED),
        ["unpacks to 450 MB from a file of 0.5 MB", "32 times", "save the parts of each"],
    ),
    "one array in 20,000 segments": (
        shared(20_000, 2, SHARED),
        ["unpacks to 10,00", "32 times", "save the parts of each"],
    ),
    "one row in a million": (
        shared(3, 1, [np.ones(1000, np.float32)] * 100_000),
        ["unpacks to", "32 times", "save the parts of each"],
    ),
    "one list of words in many segments": (
        shared(5000, 0, [f"word{i}" for i in range(5000)]),
        ["unpacks to", "32 times", "save the parts of each"],
    ),
    "lists of lists of lists": (
        shared(3, 0, doubled(60)),
        ["unpacks to", "32 times", "save the parts of each"],
    ),
    "lists of lists without an end to their size": (
        raw(b"]" + b"2\x86" * 5000 + b"."),  # a pair of what is there, and so on
        ["unpacks to", "32 times", "save the parts of each"],
    ),
    "one array in a column": (
        change(files.mmsa, column("vision", [SHARED] * 900)),
        ["unpacks to", "32 times", "save the parts of each"],
    ),
    "one array in an array of objects": (
        raw(pickle.dumps(np.array([SHARED, *[None] * 899, SHARED] * 99, dtype=object))),
        ["unpacks to", "32 times", "save the parts of each"],
    ),
    "one tensor in 900 segments": (
        torch_saved(lambda torch: (lambda one: [one] * 900)(torch.ones(1000, 125))),
        ["unpacks to 450 MB", "32 times", "save the parts of each"],
    ),
    "many tensors of one storage": (
        torch_saved(lambda torch: (lambda one: [one[i:] for i in range(900)])(torch.ones(125_000))),
        ["unpacks to", "32 times", "save the parts of each"],
    ),
    "a character beyond Unicode": (characters(0x110000), ["character 0x110000", AGAIN]),
    "a character beyond Unicode, in bytes the other way": (
        characters(0xFFFFFFFF, ">U2"),
        ["character 0xffffffff", AGAIN],
    ),
    "a character beyond Unicode, alone": (
        raw(pickle.dumps(np.str_("xyd")).replace(b"d\0\0\0", b"d\0\0\x7f")),
        ["character 0x7f000064", AGAIN],
    ),
    # other people's data
    "vectors in place of words": (
        change(files.vectors, lambda d: None),
        ["MulT or MultiBench", "word vectors", "instead of words", "unaligned_50.pkl", README],
    ),
    "vectors in place of words, Python 2": (
        lambda folder: raw(files.python2(files.vectors(), 2))(folder),
        ["MulT or MultiBench", "word vectors", "unaligned_50.pkl", README],
    ),
    "vectors in place of words, as tensors": (
        torch_saved(lambda torch: files.as_tensors(files.vectors())),
        ["MulT or MultiBench", "word vectors", "unaligned_50.pkl", README],
    ),
    "vectors and seven labels": (
        change(lambda: files.vectors(np.full((2, 1, 7), 0.3)), lambda d: None),
        ["MulT or MultiBench", "word vectors", "unaligned_50.pkl", README],
    ),
    "vectors and emotions": (
        change(lambda: files.vectors(np.zeros((2, 4, 2))), lambda d: None),
        ["IEMOCAP", "word vectors", "emotions", "corpus of sentiment", README],
    ),
    "vectors and yes or no": (
        change(lambda: files.vectors(np.array([[0], [1]])), lambda d: None),
        ["MultiBench (humour, sarcasm)", "word vectors", "corpus of sentiment", README],
    ),
    "vectors, one file per split": (
        folder_of(
            train_dot_pkl=files.vectors()["train"],
            valid_dot_pkl=files.vectors()["valid"],
            test_dot_pkl=files.vectors()["test"],
        ),
        ["given: is a file of MulT or MultiBench", "word vectors", README],
    ),
    "punchlines": (
        change(files.hkt, lambda d: None),
        ["HKT", "humour or sarcasm, not how positive", "corpus of sentiment", README],
    ),
    "features of punchlines": (
        raw(pickle.dumps({7: {"punchline_features": [NUMBERS], "context_features": []}})),
        ["UR-FUNNY", "indices of word vectors", "corpus of sentiment", README],
    ),
    "the splits of punchlines": (
        raw(pickle.dumps({"train": [7, 8], "dev": [9], "test": [10]})),
        ["UR-FUNNY", "humour instead of sentiment", README],
    ),
    "a folder of punchlines": (
        folder_of(
            data_folds_dot_pkl={"train": [7], "dev": [9], "test": [10]},
            openface_features_sdk_dot_pkl={7: {"punchline_features": [NUMBERS] * 9}},
        ),
        ["data_folds.pkl", "UR-FUNNY", README],
    ),
    "a vector per utterance": (
        raw(pickle.dumps(files.bc_lstm())),
        ["bc-LSTM", "one vector per utterance", "unaligned_50.pkl", README],
    ),
    "a vector per utterance of each stream": (
        raw(pickle.dumps(dict.fromkeys(("text_train", "audio_train", "video_train"), NUMBERS))),
        ["bc-LSTM", "one vector per utterance", "unaligned_50.pkl", README],
    ),
    "a folder of vectors per utterance": (
        folder_of(
            text_dot_pickle=files.bc_lstm(),
            audio_dot_pickle=files.bc_lstm(),
            video_dot_pickle=files.bc_lstm(),
        ),
        ["audio.pickle", "bc-LSTM", "one vector per utterance", README],
    ),
    "conversations": (
        raw(pickle.dumps((*({"Ses01": [1]} for _ in range(7)), ["Ses01"], ["Ses02"]))),
        ["bc-LSTM's conversations", "emotions instead of sentiment", README],
    ),
    # MMIM's lengths, flat segments
    "a negative length of MMIM": (
        change(lambda: files.in_one_dict(files.mmim), lambda d: first(d, 4, -1)),
        ["train segment aaaaaaaaaaa_0", "n_visual is -1", "whole number", MEND],
    ),
    "a length of MMIM that is none": (
        change(lambda: files.in_one_dict(files.mmim), lambda d: first(d, 5, None)),
        ["train segment aaaaaaaaaaa_0", "n_acoustic is None", "finite number", MEND],
    ),
    "half a length of MMIM in a file of its own": (
        folder_of(
            train_dot_pkl=files.mmim("train"),
            dev_dot_pkl=[(([], NUMBERS, NUMBERS, ["so"], 1.5, 2), 1.0, "v_0")],
            test_dot_pkl=files.mmim("test"),
        ),
        ["dev.pkl: valid segment v_0", "n_visual is 1.5", "whole number", MEND],
    ),
    "a flat segment too short": (
        change(lambda: files.flat(files.mag()), lambda d: d["test"].append((1, 2, 3, "x"))),
        ["test segment number 3", "((words, visual, acoustic), label, id)", "remove it"],
    ),
    "a flat segment without an id": (
        change(
            lambda: files.flat(files.cenet()),
            lambda d: d["dev"].append((*d["dev"][0][:-1], None)),
        ),
        ["valid segment number 2", "label, id)", "remove it"],
    ),
    "two batches": (
        change(files.mag, lambda d: first(d, 1, np.zeros((2, 3, 5)))),
        [f"train segment {ID}", "visual has the shape (2, 3, 5)", MEND],
    ),
    # sequences that reach beyond themselves
    "words that are another file": (
        features_of(0, "aaaaaaaaaaa", external(__file__, (5, 1), "S32")),
        ["sequence_0.csd: entry aaaaaaaaaaa", "kept in another file", "copy what it points to"],
    ),
    "features that are another file": (
        features_of(1, "bbbbbbbbbbb", external(__file__)),
        ["sequence_1.csd: entry bbbbbbbbbbb", "kept in another file", "copy what it points to"],
    ),
    "features that are a device": (
        features_of(2, "ccccccccccc", external("/dev/zero", (10**9, 5))),
        ["sequence_2.csd: entry ccccccccccc", "kept in another file", "copy what it points to"],
    ),
    "labels that are another file": (
        features_of(3, "ddddddddddd", external(__file__, (2, 1))),
        ["sequence_3.csd: entry ddddddddddd", "kept in another file", "copy what it points to"],
    ),
    "features put together of another file": (
        features_of(1, "aaaaaaaaaaa", virtual),
        ["sequence_1.csd: entry aaaaaaaaaaa", "kept in another file", "copy what it points to"],
    ),
    "an entry of another file": (
        link_of(1, "aaaaaaaaaaa", lambda path: h5py.ExternalLink(elsewhere(path, ".h5"), "/")),
        ["sequence_1.csd: entry aaaaaaaaaaa", "link out of the file", "copy what it points to"],
    ),
    "features of another file": (
        features_of(
            2,
            "bbbbbbbbbbb",
            lambda group, path: group.__setitem__(
                "features", h5py.ExternalLink(elsewhere(path, ".h5"), "/features")
            ),
        ),
        ["sequence_2.csd: entry bbbbbbbbbbb", "'features' is a link", "copy what it points to"],
    ),
    "an entry by way of another file": (
        change_csd(
            edit_sequence(
                1,
                lambda file, root: (
                    file.__setitem__("way", h5py.ExternalLink("/etc/passwd", "/")),
                    replace(file, f"{root}/data/aaaaaaaaaaa", h5py.SoftLink("/way/x")),
                ),
            )
        ),
        ["sequence_1.csd: entry aaaaaaaaaaa", "'way' is a link", "copy what it points to"],
    ),
    "an entry that leads to itself": (
        link_of(1, "aaaaaaaaaaa", lambda path: h5py.SoftLink("aaaaaaaaaaa")),
        ["sequence_1.csd: entry aaaaaaaaaaa", "in a circle", "copy what it points to"],
    ),
    "an entry that leads nowhere": (
        link_of(2, "aaaaaaaaaaa", lambda path: h5py.SoftLink("/no/where")),
        ["sequence_2.csd: entry aaaaaaaaaaa", "lacks 'features'", "download it again"],
    ),
    "a root of another file": (
        change_csd(
            edit_sequence(
                2, lambda file, root: replace(file, root, h5py.ExternalLink("/dev/zero", "/"))
            )
        ),
        ["sequence_2.csd: 'COVAREP' is a link out of the file", "copy what it points to"],
    ),
    "data of another file": (
        change_csd(
            edit_sequence(
                2, lambda file, root: replace(file, f"{root}/data", h5py.ExternalLink("x", "/"))
            )
        ),
        ["sequence_2.csd: 'data' is a link out of the file", "copy what it points to"],
    ),
    "features compressed a thousand times": (
        features_of(1, "aaaaaaaaaaa", bomb),
        ["sequence_1.csd: entry aaaaaaaaaaa", "promises 77 MB", "download it again"],
    ),
    "features in pieces beyond memory": (
        features_of(
            1,
            "aaaaaaaaaaa",
            lambda group, path: group.create_dataset(
                "features", (2, 5), "f4", maxshape=(None, 5), chunks=(10**8, 5)
            ),
        ),
        ["sequence_1.csd: entry aaaaaaaaaaa", "promises 2,000 MB", "download it again"],
    ),
    "features of any length": (
        features_of(
            1,
            "aaaaaaaaaaa",
            lambda group, path: group.create_dataset("features", (2, 1), h5py.vlen_dtype("f4")),
        ),
        ["sequence_1.csd: entry aaaaaaaaaaa", "neither numbers nor texts", "download it again"],
    ),
    "features that are references": (
        features_of(
            2,
            "aaaaaaaaaaa",
            lambda group, path: group.create_dataset("features", (2, 1), h5py.ref_dtype),
        ),
        ["sequence_2.csd: entry aaaaaaaaaaa", "neither numbers nor texts", "download it again"],
    ),
    "features that are records": (
        features_of(
            2,
            "aaaaaaaaaaa",
            lambda group, path: group.create_dataset("features", (2,), [("a", "f4")]),
        ),
        ["sequence_2.csd: entry aaaaaaaaaaa", "neither numbers nor texts", "download it again"],
    ),
    "the same time in 300 segments": (
        change_csd(same_segments),
        ["train segment aaaaaaaaaaa[", "32 times the size", "again and again"],
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
    assert len(CASES) >= 160


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
    assert load_corpus(source / "store", label_range=(-3, 3)).label_range == (-3, 3)


@pytest.mark.parametrize(
    "label_range",
    [
        (float("-inf"), float("inf")),
        (-3, float("inf")),
        (float("nan"), 3),
        (3, -3),
        (0, 0),
        (-1.7e308, 1.7e308),
        (1,),
        (1, 2, 3),
        "13",
        3,
        None,
        ("a", "b"),
        ([1], [2]),
        (10**400, 1),
    ],
)
def test_a_label_range_that_is_none(source, label_range):
    path = files.write_pickle(source / "data.pkl", files.mag())
    with pytest.raises(CENetError, match="two finite numbers") as caught:
        Corpus("mine", label_range=label_range)
    assert len(str(caught.value)) < 300
    if label_range is not None:  # None is that of the data set
        with pytest.raises(CENetError, match=r"data\.pkl: the label range .* two finite numbers"):
            load_corpus(path, label_range=label_range)


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


@pytest.mark.slow
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
