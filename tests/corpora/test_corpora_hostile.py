"""A stranger's file reaches nothing outside itself, and nothing is waited for or filled up."""

import os
import shutil
from collections import namedtuple

import corpus_files as files
import h5py
import numpy as np
import processes
import pytest
from small import make_backbone

from cenet_lib import Corpus, Utterance, load_corpus
from cenet_lib.__main__ import main
from cenet_lib.corpora import spool
from cenet_lib.corpora.hdf5 import values_of
from cenet_lib.errors import CENetError
from cenet_lib.files import read_json, refuse_special
from cenet_lib.language.annotators import annotate_corpus, get_annotator
from cenet_lib.processor import CENetProcessor

# What is no file.

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")


def pipe_in(folder, name):
    os.mkfifo(folder / name)
    return folder / name


@pytest.mark.slow
@needs_pipes
@pytest.mark.parametrize("name", ["data.pkl", "data.csd", "data.pt", "corpus.json"])
def test_a_pipe_as_a_corpus_is_refused_at_once(tmp_path, name):
    """In a process of its own: if it were opened, it would wait for ever."""
    pipe = pipe_in(tmp_path, name)
    done = processes.command("data", "info", str(pipe))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert f"{pipe}: is no regular file" in line


@needs_pipes
@pytest.mark.parametrize("name", ["visual.npy", "segments.csv"])
def test_a_pipe_as_a_part_of_a_store(tmp_path, name):
    load_corpus(files.write_pickle(tmp_path / "data.pkl", files.mag())).save(tmp_path / "store")
    (tmp_path / "store" / name).unlink()
    pipe_in(tmp_path / "store", name)
    with pytest.raises(CENetError, match=f"{name}: is no regular file"):
        load_corpus(tmp_path / "store")


@needs_pipes
def test_pipes_in_a_folder(tmp_path):
    """Those that are no data are passed over; the table of folds is asked for, so it is refused."""
    files.write_csd(tmp_path / "mosi")
    pipe_in(tmp_path / "mosi", "more.pkl")
    assert len(load_corpus(tmp_path / "mosi")) == len(files.segments())
    (tmp_path / "mosi" / "folds.csv").unlink()
    pipe_in(tmp_path / "mosi", "folds.csv")
    with pytest.raises(CENetError, match=r"folds\.csv: is no regular file"):
        load_corpus(tmp_path / "mosi")


@needs_pipes
def test_a_pipe_as_the_arrays_of_a_vocabulary(tmp_path, small_corpus, small_backbone):
    processor = CENetProcessor.fit(small_corpus, small_backbone, n_visual_codes=2)
    processor.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "visual_vocabulary.npz").unlink()
    pipe_in(tmp_path / "saved", "visual_vocabulary.npz")
    with pytest.raises(CENetError, match="is no regular file"):
        CENetProcessor.from_pretrained(tmp_path / "saved")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="Windows has no such devices")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused(device):
    with pytest.raises(CENetError, match=f"{device}: is no regular file"):
        load_corpus(device)
    with pytest.raises(CENetError, match=f"{device}: is no regular file"):
        read_json(device, "make it anew")
    with pytest.raises(CENetError, match=f"{device}: is no regular file"):
        refuse_special(device)


# Sequences.


def test_links_within_a_sequence_are_followed(tmp_path):
    files.write_csd(tmp_path / "mosi")
    wanted = load_corpus(tmp_path / "mosi").fingerprint()
    with h5py.File(tmp_path / "mosi" / "sequence_1.csd", "r+") as file:
        file.move("FACET 4.2/data/aaaaaaaaaaa", "FACET 4.2/kept")
        file["FACET 4.2/data/aaaaaaaaaaa"] = h5py.SoftLink("/FACET 4.2/./kept")
        file["FACET 4.2/metadata/again"] = h5py.SoftLink("../nowhere")  # nobody asks for it
    assert load_corpus(tmp_path / "mosi").fingerprint() == wanted


def test_words_of_any_length_are_read(tmp_path):
    files.write_csd(tmp_path / "mosi")
    wanted = load_corpus(tmp_path / "mosi").fingerprint()
    with h5py.File(tmp_path / "mosi" / "sequence_0.csd", "r+") as file:
        for entry in file["words/data"].values():
            words = [[word.decode()] for [word] in entry["features"][()]]
            del entry["features"]
            entry.create_dataset("features", data=words, dtype=h5py.string_dtype())
    assert load_corpus(tmp_path / "mosi").fingerprint() == wanted


def test_one_long_text_that_is_there_a_thousand_times(tmp_path):
    """Texts of any length are kept apart, and the values say where: here, all in one place."""
    path = tmp_path / "words.csd"
    with h5py.File(path, "w") as file:
        texts = file.create_dataset("x", (1000,), h5py.string_dtype())
        texts[0] = "x" * 1_000_000
        file.flush()
        place = texts.id.get_offset()
    content = bytearray(path.read_bytes())
    content[place : place + 16_000] = content[place : place + 16] * 1000
    path.write_bytes(content)
    with h5py.File(path) as file:
        assert file["x"][999] == b"x" * 1_000_000
        with pytest.raises(CENetError, match=r"here: promises .* from a file of 1\.0 MB"):
            values_of(file["x"], "here")


def test_nothing_of_another_file_is_in_the_error(tmp_path, capsys):
    files.write_csd(tmp_path / "mosi")
    secret = tmp_path / "secret.txt"
    secret.write_text("a password " * 40)
    with h5py.File(tmp_path / "mosi" / "sequence_0.csd", "r+") as file:
        entry = file["words/data/aaaaaaaaaaa"]
        n = len(entry["features"])
        del entry["features"]
        entry.create_dataset("features", (n, 1), "S11", external=[(str(secret), 0, 440)])
    source, out = str(tmp_path / "mosi"), tmp_path / "out"
    assert main(["data", "convert", source, str(out)]) == 2
    error = capsys.readouterr().err
    assert "password" not in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


# Room on the disk.

Usage = namedtuple("Usage", "total used free")


def test_a_corpus_is_not_begun_where_it_has_no_room(tmp_path, monkeypatch):
    corpus = load_corpus(files.write_pickle(tmp_path / "data.pkl", files.mag()))
    needed = sum(u.frames(s).nbytes for u in corpus for s in ("visual", "acoustic"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9**9, 9**9, needed - 1))
    with pytest.raises(CENetError, match="out: could not be written: it takes 0 MB") as caught:
        corpus.save(tmp_path / "new" / "out")
    assert "on a larger disk" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.pkl"]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9**9, 9**9, needed))
    corpus.save(tmp_path / "new" / "out")


def test_frames_are_not_begun_where_they_have_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "_IN_MEMORY", 300)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9**9, 9**9, 100))
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **_: pytest.fail("it was begun"))
    path = files.write_pickle(tmp_path / "data.pkl", files.mag())
    with pytest.raises(CENetError, match=r"data\.pkl: its frames do not fit .* TMPDIR"):
        load_corpus(path)


# Words that a model or a dictionary does not know.


def chinese() -> Corpus:
    rows = np.arange(8.0).reshape(4, 2)
    words = ("我", "不", "喜", "欢", "iPhone")
    return Corpus("sims", train=[Utterance("v[0]", words, rows, rows, 1.0, "v")])


def test_english_dictionaries_are_refused_for_chinese():
    with pytest.raises(CENetError, match=r"sims: segment v\[0\] is in Chinese .* English words"):
        annotate_corpus(chinese(), get_annotator("offline"))


def test_a_language_model_of_another_language_is_told(small_backbone, small_corpus, capsys):
    CENetProcessor.fit(small_corpus, small_backbone, n_visual_codes=2, n_acoustic_codes=2)
    assert capsys.readouterr().err == ""
    CENetProcessor.fit(chinese(), small_backbone, n_visual_codes=2, n_acoustic_codes=2)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {small_backbone} does not know 100% of the words of sims")


def test_a_tokenizer_of_chinese_reads_the_characters(tmp_path, capsys):
    """Each character is a word with a piece of its own, in order."""
    from transformers import BertTokenizerFast

    folder = make_backbone(tmp_path / "bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"我不喜欢", "iphone"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    processor = CENetProcessor.fit(chinese(), folder, n_visual_codes=2, n_acoustic_codes=2)
    assert "warning" not in capsys.readouterr().err
    encoded = processor(chinese().train[0])
    assert encoded["input_ids"].tolist() == [2, 5, 6, 7, 8, 9, 3]
    assert encoded["word_index"].tolist() == [-1, 0, 1, 2, 3, 4, -1]
