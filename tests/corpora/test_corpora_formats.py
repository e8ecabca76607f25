"""Every format that the readers know, from the same data set, gives the same corpus."""

import csv
import pickle
import re
from collections import OrderedDict, defaultdict
from pathlib import Path

import corpus_files as files
import h5py
import numpy as np
import pytest

from cenet_lib.corpora import csd, load_corpus, spool
from cenet_lib.corpora.folds import FOLDS, read_folds, split_by_video
from cenet_lib.corpora.forms import table
from cenet_lib.corpora.values import words_of
from cenet_lib.corpus import Corpus
from cenet_lib.errors import CENetError
from cenet_lib.utterance import SPLITS, Utterance


def expected(id_form: str = "{video}[{number}]") -> Corpus:
    splits = {split: [] for split in SPLITS}
    for s in files.segments():
        id = id_form.format(video=s.video, number=s.number)
        splits[s.split].append(Utterance(id, s.words, s.visual, s.acoustic, s.label, s.video))
    return Corpus("expected", **splits)


MMSA_ID = "{video}$_${number}"


def pickled(data, protocol=4):
    return lambda folder: files.write_pickle(folder / "data.pkl", data(), protocol)


def misa_folder(names=("train", "dev", "test")):
    def write(folder):
        path = folder / "misa"
        path.mkdir()
        for name, split in zip(names, SPLITS):
            files.write_pickle(path / f"{name}.pkl", files.misa(split))
        (path / "embedding_and_mapping.pt").write_bytes(
            b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02"  # how an old PyTorch file begins
        )
        (path / "README.md").write_text("what a user noted")
        return path

    return write


def csd_folder(aligned):
    def write(folder):
        path = folder / "mosi"
        files.write_csd(path, aligned)
        return path

    return write


def alone_in_a_folder(data):
    def write(folder):
        path = folder / "somewhere"
        path.mkdir()
        files.write_pickle(path / "any.name", data())
        (path / "notes.txt").write_text("(not a pickle).")
        return path

    return write


def python2_file(protocol):
    def write(folder):
        path = folder / "data.pkl"
        path.write_bytes(files.python2(files.mag(), protocol))
        return path

    return write


def one_file_per_split(form, names=("train", "valid", "test"), inside=False, write=None):
    """``inside``: whether each file is a dict that names its split."""

    def write_folder(folder):
        path = folder / "parts"
        path.mkdir()
        for name, split in zip(names, SPLITS):
            data = {split: form(split)} if inside else form(split)
            (write or files.write_pickle)(path / f"{name}.pkl", data)
        return path

    return write_folder


def beside_sequences(folder):
    """MISA's own folder: what it downloaded, and what it made of that."""
    path = folder / "mosi"
    files.write_csd(path)
    for name, split in zip(("train", "dev", "test"), SPLITS):
        files.write_pickle(path / f"{name}.pkl", files.misa(split))
    return path


def torch_saved(data, new=True, name="data.pt"):
    import torch

    def write(folder):
        path = folder / name
        torch.save(data(), path, _use_new_zipfile_serialization=new)
        return path

    return write


def torch_save(path, data):
    import torch

    torch.save(data, path)


def ordered(data):
    """The same dicts as those that scripts gather in."""
    found = OrderedDict()
    for split, segments in data.items():
        found[split] = segments
    return defaultdict(list, found)


def called(data, *names):
    """The same splits by other names."""
    return dict(zip(names, data.values(), strict=True))


def in_tuples(data):
    """The same segments in tuples, with ids that stand alone in lists and arrays."""
    return {
        name: tuple((parts, label, [np.array(id)]) for parts, label, id in segments)
        for name, segments in data.items()
    }


def turned_round(folder):
    """Sequences whose rows do not stand in the order of time."""
    path = folder / "mosi"
    files.write_csd(path)
    for number in range(3):
        with h5py.File(path / f"sequence_{number}.csd", "r+") as file:
            for entry in file[next(iter(file))]["data"].values():
                for name in ("features", "intervals"):
                    rows = entry[name][()]
                    del entry[name]
                    entry[name] = rows[::-1]
    return path


PLAIN_ID = "{video}[{number}]"
FORMATS = {
    "CENet": (pickled(files.cenet), "CENet pickle", "{video}[{number}]"),
    "MAG": (pickled(files.mag), "MAG pickle", "{video}[{number}]"),
    "MAG, alone in a folder": (alone_in_a_folder(files.mag), "MAG pickle", "{video}[{number}]"),
    "MAG, format version 0": (pickled(files.mag, 0), "MAG pickle", "{video}[{number}]"),
    "MAG, format version 5": (pickled(files.mag, 5), "MAG pickle", "{video}[{number}]"),
    "MAG, Python 2": (python2_file(2), "MAG pickle", "{video}[{number}]"),
    "MAG, Python 2, version 0": (python2_file(0), "MAG pickle", "{video}[{number}]"),
    "MISA": (misa_folder(), "MISA pickle", "{video}[{number}]"),
    "MISA, valid": (misa_folder(("train", "valid", "test")), "MISA pickle", "{video}[{number}]"),
    "MMSA, aligned": (pickled(files.mmsa), "MMSA pickle", MMSA_ID),
    "MMSA, lists": (pickled(lambda: files.mmsa(list)), "MMSA pickle", MMSA_ID),
    "MMSA, arrays": (pickled(lambda: files.mmsa(np.array)), "MMSA pickle", MMSA_ID),
    "MMSA, padded in front": (pickled(lambda: files.mmsa(list, True)), "MMSA pickle", MMSA_ID),
    "CENet, flat": (pickled(lambda: files.flat(files.cenet())), "CENet pickle", PLAIN_ID),
    "CENet, batches of one": (
        pickled(lambda: files.batched(files.cenet())),
        "CENet pickle",
        PLAIN_ID,
    ),
    "MAG, flat": (pickled(lambda: files.flat(files.mag())), "MAG pickle", PLAIN_ID),
    "MAG, batches of one": (pickled(lambda: files.batched(files.mag())), "MAG pickle", PLAIN_ID),
    "MAG, a dict that was gathered": (
        pickled(lambda: ordered(files.mag())),
        "MAG pickle",
        PLAIN_ID,
    ),
    "MAG, one file per split": (
        one_file_per_split(lambda split: files.mag()["dev" if split == "valid" else split]),
        "MAG pickle",
        PLAIN_ID,
    ),
    "MISA, one dict": (pickled(lambda: files.in_one_dict(files.misa)), "MISA pickle", PLAIN_ID),
    "MISA, flat": (
        pickled(lambda: files.flat(files.in_one_dict(files.misa))),
        "MISA pickle",
        PLAIN_ID,
    ),
    "MISA, beside sequences": (beside_sequences, "MISA pickle", PLAIN_ID),
    "MISA, longer names": (
        one_file_per_split(files.misa, ("mosi_train", "mosi_dev", "mosi_test")),
        "MISA pickle",
        PLAIN_ID,
    ),
    "MMIM": (
        one_file_per_split(files.mmim, ("train", "dev", "test")),
        "MMIM pickle",
        "{video}_{number}",
    ),
    "MMIM, one dict": (
        pickled(lambda: files.in_one_dict(files.mmim)),
        "MMIM pickle",
        "{video}_{number}",
    ),
    "MMSA, one file per split": (
        one_file_per_split(lambda split: files.mmsa(list)[split]),
        "MMSA pickle",
        MMSA_ID,
    ),
    "MMSA, one dictionary per split": (
        one_file_per_split(lambda split: files.mmsa(list)[split], inside=True),
        "MMSA pickle",
        MMSA_ID,
    ),
    "torch.save": (
        torch_saved(lambda: files.as_tensors(files.mmsa(np.array))),
        "MMSA pickle",
        MMSA_ID,
    ),
    "torch.save, old": (
        torch_saved(lambda: files.as_tensors(files.mmsa(np.array)), new=False),
        "MMSA pickle",
        MMSA_ID,
    ),
    "torch.save of arrays": (torch_saved(files.mag), "MAG pickle", PLAIN_ID),
    "torch.save, one file per split": (
        one_file_per_split(lambda split: files.as_tensors(files.misa(split)), write=torch_save),
        "MISA pickle",
        PLAIN_ID,
    ),
    "tensors in a pickle": (
        pickled(lambda: files.as_tensors(files.mmsa(np.array))),
        "MMSA pickle",
        MMSA_ID,
    ),
    "tensors in a pickle, flat": (
        pickled(lambda: files.as_tensors(files.flat(files.mag()))),
        "MAG pickle",
        PLAIN_ID,
    ),
    "MAG, other names of splits": (
        pickled(lambda: called(files.mag(), "TRAIN", "Validation", b"Test")),
        "MAG pickle",
        PLAIN_ID,
    ),
    "MAG, in tuples": (pickled(lambda: in_tuples(files.mag())), "MAG pickle", PLAIN_ID),
    "MISA, validation": (
        misa_folder(("Train", "validation", "TEST")),
        "MISA pickle",
        PLAIN_ID,
    ),
    "MultimodalSDK, not in the order of time": (turned_round, csd.FORM, PLAIN_ID),
    "MultimodalSDK": (csd_folder(False), csd.FORM, "{video}[{number}]"),
    "MultimodalSDK, aligned": (csd_folder(True), csd.FORM, "{video}[{number}]"),
}


def assert_equal(found: Corpus, wanted: Corpus, words=True) -> None:
    for split in SPLITS:
        assert [u.id for u in found.splits[split]] == [u.id for u in wanted.splits[split]]
        for a, b in zip(found.splits[split], wanted.splits[split]):
            assert (a.words, a.label, a.video) == (b.words, b.label, b.video)
            for stream in ("visual", "acoustic"):
                assert np.array_equal(a.frames(stream), b.frames(stream)), (a.id, stream)
                assert a.frames(stream).dtype == np.float32
                assert a.frames(stream).flags.aligned


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_corpus(tmp_path, name):
    write, form, id_form = FORMATS[name]
    path = write(tmp_path)
    corpus = load_corpus(path)
    assert_equal(corpus, expected(id_form))
    assert corpus.provenance["format"] == form
    assert corpus.name == path.stem or path.is_dir()
    assert all(re.fullmatch("[0-9a-f]{64}", h) for h in corpus.provenance["sha256"].values())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_converts_and_reads_back(tmp_path, name):
    write, _, _ = FORMATS[name]
    corpus = load_corpus(write(tmp_path))
    corpus.save(tmp_path / "store")
    stored = load_corpus(tmp_path / "store")
    assert stored.fingerprint() == corpus.fingerprint()
    assert stored.provenance == corpus.provenance
    first, again = corpus.train[0], stored.train[0]
    assert set(first.annotations) == set(again.annotations)
    for key, value in first.annotations.items():
        assert np.array_equal(value, again.annotations[key])


def test_the_table_of_formats_names_each_of_them():
    readme = Path(__file__).parents[2] / "data" / "README.md"
    table = readme.read_text(encoding="utf-8").split("## Formats")[1].split("## Data sets")[0]
    for _, form, _ in FORMATS.values():
        assert f"| {form.removesuffix(' sequences')}" in table


# What was removed, kept and counted.


def test_padding_is_counted_and_zero_frames_inside_stay(tmp_path):
    lengths = [len(s.words) for s in files.segments()]
    for name, data, rows in (
        ("aligned", files.mmsa(), (files.PADDED, files.PADDED_AUDIO)),
        ("unaligned", files.mmsa(list), (files.PADDED, files.PADDED_AUDIO)),
        ("cenet", files.cenet(), (files.CODES, files.CODES)),
        ("mag", files.mag(), (0, 0)),
    ):
        corpus = load_corpus(files.write_pickle(tmp_path / f"{name}.pkl", data))
        assert corpus.provenance["padding_removed"] == {
            stream: sum(max(n - length, 0) for length in lengths)
            for stream, n in zip(("visual", "acoustic"), rows)
        }
        assert all(not u.visual[1].any() and u.visual[2].any() for u in corpus)


def test_trailing_zero_frames_that_belong_to_words_stay(tmp_path):
    data = files.mag()
    (words, visual, acoustic), label, id = data["train"][0]
    visual = visual.copy()
    visual[-2:] = 0.0
    data["train"][0] = ((words, visual, files.padded(acoustic, 30)), label, id)
    corpus = load_corpus(files.write_pickle(tmp_path / "mag.pkl", data))
    assert corpus.train[0].visual.shape[0] == len(words)
    assert corpus.train[0].acoustic.shape[0] == len(words)
    assert corpus.provenance["padding_removed"] == {
        "visual": 0,
        "acoustic": 30 - len(words),
    }


def test_front_padding_without_lengths_is_recognised(tmp_path):
    corpus = load_corpus(files.write_pickle(tmp_path / "front.pkl", files.mmsa(front=True)))
    for utterance, wanted in zip(corpus, expected(MMSA_ID)):
        assert np.array_equal(utterance.visual, wanted.visual)
        # The first acoustic frame of the data is zero: from padding nothing tells it.
        assert np.array_equal(utterance.acoustic, wanted.acoustic[1:])


def test_frames_beyond_the_stated_length_are_cut_off_and_counted(tmp_path):
    """MMSA counted lengths up to the first zero frame, so real frames may follow."""
    data = files.mmsa(list)
    full = data["train"]["vision_lengths"][0]
    data["train"]["vision_lengths"][0] = 1
    corpus = load_corpus(files.write_pickle(tmp_path / "short.pkl", data))
    assert len(corpus.train[0].visual) == 1
    assert corpus.provenance["frames_beyond_stated_length"] == {
        "visual": full - 2,  # frame 1 is a zero frame
        "acoustic": 0,
    }


def test_values_that_are_not_finite_stay_and_are_counted(tmp_path):
    data = files.mmsa(list)
    data["valid"]["audio"][0, 0, :2] = -np.inf
    data["test"]["audio"] = data["test"]["audio"].astype(np.float64)
    data["test"]["audio"][0, 1, 1] = 1e300  # beyond float32
    data["test"]["vision"][0, 0, 0] = np.nan
    corpus = load_corpus(files.write_pickle(tmp_path / "inf.pkl", data))
    assert np.isneginf(corpus.valid[0].acoustic[0, :2]).all()
    assert np.isposinf(corpus.test[0].acoustic[1, 1])
    assert corpus.provenance["non_finite_values"] == {"visual": 1, "acoustic": 3}


def test_segments_without_text_are_left_out_and_counted(tmp_path):
    data = files.mmsa(list)
    data["train"]["raw_text"][1] = " \n"
    corpus = load_corpus(files.write_pickle(tmp_path / "empty.pkl", data))
    assert len(corpus.train) == len(files.of("train")) - 1
    assert corpus.provenance["segments_left_out"] == {"no words": 1}


def test_segments_without_frames_stay(tmp_path):
    data = files.mag()
    (words, _, acoustic), label, id = data["train"][0]
    data["train"][0] = ((words, [], acoustic), label, id)
    corpus = load_corpus(files.write_pickle(tmp_path / "blind.pkl", data))
    assert corpus.train[0].visual.shape == (0, files.VISUAL)


def test_annotations_of_a_cenet_file(tmp_path):
    corpus = load_corpus(files.write_pickle(tmp_path / "cenet.pkl", files.cenet()))
    for utterance, segment in zip(corpus, files.segments()):
        found = utterance.annotations
        assert found["pos_ids"].tolist() == segment.pos
        assert found["polarity_ids"].tolist() == segment.polarity
        assert found["visual_codes"].tolist() == segment.codes["visual"].tolist()
        assert found["acoustic_codes"].tolist() == segment.codes["acoustic"].tolist()


def test_sims_labels_and_words(tmp_path):
    data = files.mmsa(np.array)
    for split in data.values():
        count = len(split["id"])
        split["regression_labels"] = np.linspace(-1, 1, count)
        for kind in "TAV":
            split[f"regression_labels_{kind}"] = np.linspace(-0.4, 0.4, count)
        split["raw_text"] = ["我不喜欢iPhone 15吗？", *["我不喜欢iPhone15吗？"] * (count - 1)]
    path = files.write_pickle(tmp_path / "sims.pkl", data)
    corpus = load_corpus(path)
    assert corpus.label_range == (-1, 1)
    assert corpus.train[0].words == ("我", "不", "喜", "欢", "iPhone", "15", "吗", "？")
    assert corpus.provenance["notes"] == [
        "10 segments are in Chinese characters, each a word of its own, as the tokenizers of "
        "Chinese BERT cut them; a language model that knows no Chinese reads nothing in them"
    ]
    assert corpus.train[1].words == ("我", "不", "喜", "欢", "iPhone15", "吗", "？")
    assert corpus.train[0].annotations == {"label_T": -0.4, "label_A": -0.4, "label_V": -0.4}
    assert load_corpus(path, label_range=(-2, 2)).label_range == (-2, 2)
    data["test"]["regression_labels"][0] = 2.5
    with pytest.raises(CENetError, match=r"outside \[-1, 1\]"):
        load_corpus(files.write_pickle(path, data))


@pytest.mark.parametrize(
    ("highest", "n", "said"), [(1.0, 40, True), (1.2, 40, False), (1.0, 9, False)]
)
def test_labels_that_all_lie_within_one_are_remarked(tmp_path, highest, n, said):
    """A file that does not say that it is CH-SIMS would be measured as MOSI is."""
    (parts, _, _), labels = files.mag()["train"][0], np.linspace(-1, highest, n)
    data = {"test": [(parts, label, f"v{i}") for i, label in enumerate(labels)]}
    path = files.write_pickle(tmp_path / "mag.pkl", data)
    notes = load_corpus(path).provenance.get("notes", [])
    assert [note.startswith("no label is beyond ±1") for note in notes] == [True] * said
    assert "notes" not in load_corpus(path, label_range=(-2, 2)).provenance


def test_words_of_a_text():
    assert words_of("GREAT", "here") == ["GREAT"]
    assert words_of("don't  stop\nnow!", "here") == ["don't", "stop", "now!"]
    assert words_of("不错,OK。", "here") == ["不", "错", ",", "OK", "。"]
    assert words_of("좋아요", "here") == ["좋아요"]  # Korean has spaces
    assert words_of("很 不错 ok 3.5分 don't", "here") == [
        "很",
        "不",
        "错",
        "ok",
        "3.5",
        "分",
        "don't",
    ]
    assert words_of(["我不喜欢"], "here") == ["我", "不", "喜", "欢"]  # a text in a list
    assert words_of(["so good"], "here") == ["so", "good"]
    assert words_of(["喜欢", "电影"], "here") == ["喜欢", "电影"]  # somebody has cut it
    assert words_of("[CLS]不错[SEP]", "here") == ["[CLS]", "不", "错", "[SEP]"]
    assert words_of([b"caf\xc3\xa9", b"caf\xe9"], "here") == ["café", "café"]


def test_what_is_no_part_of_a_text_is_left_out(tmp_path):
    """The mark of the byte order before the first text of a file; and a text of nothing."""
    data = files.mmsa(list)
    data["train"]["raw_text"][:2] = ["\ufeffso good", b"\xef\xbb\xbfso good"]
    data["train"]["id"][0] = "\ufeffv$_$0"
    data["train"]["raw_text"][2] = np.str_("")
    corpus = load_corpus(files.write_pickle(tmp_path / "mmsa.pkl", data))
    assert corpus.train[0].words == corpus.train[1].words == ("so", "good")
    assert corpus.train[0].id == "v$_$0"
    assert corpus.provenance["segments_left_out"] == {"no words": 1}


# Words that nobody said.


SIGNS = ["[CLS]", "sp", "NW", "{LG}", "sil", "<s>", "[PAD]", "<unk>", "[SEP]"]


def test_signs_of_aligners_and_tokenizers_are_no_words(tmp_path):
    """They go with the row and the ids that belong to them alone, and are counted."""
    data = files.cenet()
    (words, visual, acoustic, pos, polarity, *codes), label, id = data["train"][0]
    given = [*words[:1], *SIGNS, *words[1:]]
    pos_ids = [*pos[:1], *([4] * 9), *pos[1:]]
    senti_ids = [*polarity[:1], *([2] * 9), *polarity[1:]]
    data["train"][0] = ((given, visual, acoustic, pos_ids, senti_ids, *codes), label, id)
    corpus = load_corpus(files.write_pickle(tmp_path / "cenet.pkl", data))
    assert corpus.train[0].words == tuple(words)
    assert corpus.train[0].annotations["pos_ids"].tolist() == pos
    assert corpus.train[0].annotations["polarity_ids"].tolist() == polarity
    assert_equal(corpus, expected())
    assert corpus.provenance["special_tokens_left_out"] == dict.fromkeys(SIGNS, 1)


def test_the_row_of_a_sign_goes_with_it(tmp_path):
    data = files.mag()
    (words, visual, acoustic), label, id = data["train"][0]
    between = [np.insert(rows, 1, 9.0, axis=0) for rows in (visual, acoustic)]
    around = [np.pad(rows, ((1, 1), (0, 0))) for rows in between]
    data["train"][0] = (
        (["[CLS]", words[0], b"sp", *words[1:], "[SEP]"], *around),
        label,
        id,
    )
    corpus = load_corpus(files.write_pickle(tmp_path / "mag.pkl", data))
    assert_equal(corpus, expected())
    assert corpus.provenance["special_tokens_left_out"] == {"[CLS]": 1, "sp": 1, "[SEP]": 1}


def test_words_that_look_like_signs_stay(tmp_path):
    data = files.mmsa(list)
    data["train"]["raw_text"][0] = "spa Sp nw [so] <3 {ok} cls silly"
    corpus = load_corpus(files.write_pickle(tmp_path / "mmsa.pkl", data))
    assert corpus.train[0].words == ("spa", "Sp", "nw", "[so]", "<3", "{ok}", "cls", "silly")
    assert "special_tokens_left_out" not in corpus.provenance


def test_pauses_of_sequences_are_counted(tmp_path):
    files.write_csd(tmp_path / "mosi")
    counted = load_corpus(tmp_path / "mosi").provenance["special_tokens_left_out"]
    assert counted == {"sp": len(files.segments())}


# Folders.


def test_a_folder_says_which_files_it_did_not_use(tmp_path):
    corpus = load_corpus(beside_sequences(tmp_path))
    assert list(corpus.provenance["sha256"]) == ["train.pkl", "dev.pkl", "test.pkl"]
    assert corpus.provenance["split"] == "one file each"
    assert corpus.provenance["notes"] == [
        f"sequence_{number}.csd is not used, the pickles beside it are" for number in range(4)
    ]


@pytest.mark.parametrize("data", [files.mag, files.mmsa])
def test_a_part_beside_the_three_is_named(tmp_path, data):
    built = data()
    names = {"vision": ["AU1", "AU2"], "audio": ["F0"]}
    more = {"test2": built["test"], "names": names, "sizes": [5, 4], "empty": [], "config": {}}
    corpus = load_corpus(files.write_pickle(tmp_path / "data.pkl", {**built, **more}))
    assert len(corpus) == len(files.segments())
    assert corpus.provenance["notes"] == [
        "'test2' is not used: it is none of train, valid and test"
    ]
    del more["test2"]
    alone = load_corpus(files.write_pickle(tmp_path / "new.pkl", {"test": built["test"], **more}))
    assert len(alone) == len(alone.test) == len(files.of("test"))


@pytest.mark.parametrize("labels", [True, False])
def test_the_columns_of_one_part_without_its_name(tmp_path, labels):
    """As in one of MMSA's files per split, alone."""
    columns = files.mmsa(list)["train"]
    if not labels:
        del columns["regression_labels"]
    corpus = load_corpus(files.write_pickle(tmp_path / "train.pkl", columns))
    wanted = {MMSA_ID.format(video=s.video, number=s.number): s for s in files.of("train")}
    assert {u.id for u in corpus} == set(wanted)
    for u in corpus:
        assert np.array_equal(u.visual, wanted[u.id].visual)
        assert u.label == (wanted[u.id].label if labels else None)
    if labels:
        assert corpus.provenance["split"].startswith("by video")
    else:
        assert len(corpus.test) == len(wanted)
        assert corpus.provenance["notes"] == ["the file has no regression_labels"]


def test_the_readmes_table_of_forms_is_the_readers():
    readme = Path(__file__).parents[2] / "README.md"
    assert table() in readme.read_text(encoding="utf-8")


# The splits.


def test_one_misa_file_is_split_by_video(tmp_path):
    everything = [item for split in SPLITS for item in files.misa(split)]
    path = files.write_pickle(tmp_path / "dev.pkl", everything)
    corpus = load_corpus(path)
    homes = {}
    for split, utterance in corpus.items():
        homes.setdefault(utterance.video, set()).add(split)
    assert all(len(splits) == 1 for splits in homes.values())
    assert set().union(*homes.values()) == set(SPLITS)
    assert "by video" in corpus.provenance["split"]
    shuffled = files.write_pickle(tmp_path / "other.pkl", everything[::-1])
    for split, utterance in load_corpus(shuffled).items():
        assert homes[utterance.video] == {split}


@pytest.mark.parametrize("sizes", [[10, 10, 10], [100, 1, 1], [1] * 40, [28, 25, 22, 21, 9]])
def test_split_by_video_leaves_none_empty_and_nears_its_shares(sizes):
    videos = {f"v{i}": size for i, size in enumerate(sizes)}
    found = split_by_video(videos)
    assert set(found) == set(videos)
    totals = {s: sum(videos[v] for v in found if found[v] == s) for s in SPLITS}
    assert all(totals.values())
    if len(sizes) > 3:
        assert 0.5 < totals["train"] / sum(sizes) < 0.7
        assert abs(totals["valid"] - totals["test"]) <= max(sizes)


def test_split_by_video_of_fewer_than_three():
    assert split_by_video({"a": 3}) == {"a": "train"}
    assert set(split_by_video({"a": 3, "b": 2}).values()) == {"train", "valid"}


def test_standard_folds():
    folds = read_folds(FOLDS)
    with open(FOLDS, encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    mosi = [(v, s) for v, s in rows[:93]]
    counts = {split: sum(s == split for _, s in mosi) for split in SPLITS}
    assert counts == {"train": 52, "valid": 10, "test": 31}
    assert len(folds) == 93 + 3228
    assert folds["03bSnISJMiM"] == "train"
    assert folds["WKA5OygbEKI"] == "valid"
    assert folds["tmZoasNr4rU"] == "test"


def test_csd_uses_the_standard_folds_where_they_fit(tmp_path):
    path = tmp_path / "mosi"
    files.write_csd(path)
    (path / "folds.csv").unlink()
    names = dict(
        zip(
            ["aaaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc", "ddddddddddd", "e_eeeeee_12"],
            ["03bSnISJMiM", "0h-zjBukYpk", "WKA5OygbEKI", "tmZoasNr4rU", "not in there"],
        )
    )
    for file in path.glob("*.csd"):
        with h5py.File(file, "r+") as sequence:
            data = sequence[next(iter(sequence))]["data"]
            for old, new in names.items():
                data.move(old, new)
    corpus = load_corpus(path)
    assert {u.video for u in corpus.train} == {"03bSnISJMiM", "0h-zjBukYpk"}
    assert {u.video for u in corpus.valid} == {"WKA5OygbEKI"}
    assert {u.video for u in corpus.test} == {"tmZoasNr4rU"}
    assert corpus.provenance["segments_left_out"] == {"video in no fold": 1}
    assert "standard folds" in corpus.provenance["split"]


def test_csd_of_an_unknown_data_set_is_split_by_video(tmp_path):
    path = tmp_path / "mine"
    files.write_csd(path)
    (path / "folds.csv").unlink()
    corpus = load_corpus(path)
    assert corpus.provenance["split"].startswith("by video")
    assert all(len(corpus.splits[split]) for split in SPLITS)


def test_csd_keeps_times_and_notes_what_it_does_not_use(tmp_path):
    path = tmp_path / "mosi"
    files.write_csd(path)
    for name, features in (
        ("glove_vectors", np.ones((2, 300))),
        ("Emotion Labels", np.ones((2, 6))),
    ):
        with h5py.File(path / f"{name}.csd", "w") as file:
            file[f"{name}/data/aaaaaaaaaaa/features"] = features
            file[f"{name}/data/aaaaaaaaaaa/intervals"] = np.zeros((2, 2))
    with h5py.File(path / "phones.csd", "w") as file:
        file["phoneme/data/aaaaaaaaaaa/features"] = np.array([["HH"]], "S4")
        file["phoneme/data/aaaaaaaaaaa/intervals"] = np.zeros((1, 2))
    corpus = load_corpus(path)
    assert_equal(corpus, expected())
    assert corpus.train[1].annotations["start_seconds"] == 21.5
    assert len(corpus.provenance["notes"]) == 3
    assert all("is not used" in note for note in corpus.provenance["notes"])


def test_csd_cuts_at_the_middle_of_words_and_frames(tmp_path):
    """Segments from 0 to 2 and 2 to 4 seconds; what lies across their border goes by its middle."""
    spans = np.array([[0.0, 1.0], [1.0, 2.6], [1.5, 2.5], [2.0, 3.0], [3.0, 5.0], [3.5, 6.0]])
    numbers = np.arange(6.0)[:, None]
    tables = {
        "words": (
            np.array([["zero"], ["one"], ["two"], ["three"], ["four"], ["five"]], "S32"),
            spans,
        ),
        "FACET 4.2": (numbers, spans),
        "COVAREP": (numbers, spans),
        "All Labels": (np.array([[1.0, 0.3], [-2.0, 0.4]]), np.array([[0.0, 2.0], [2.0, 4.0]])),
    }
    for root, (features, intervals) in tables.items():
        with h5py.File(tmp_path / f"{root}.csd", "w") as file:
            file[f"{root}/data/v/features"] = features
            file[f"{root}/data/v/intervals"] = intervals
    first, second = load_corpus(tmp_path)
    assert (first.id, second.id) == ("v[0]", "v[1]")
    assert (first.label, second.label) == (1.0, -2.0)
    assert first.words == ("zero", "one")  # the middle of "two" is the border: it begins the next
    assert second.words == ("two", "three")  # that of "four" is the end
    assert first.visual.ravel().tolist() == first.acoustic.ravel().tolist() == [0, 1]
    assert second.visual.ravel().tolist() == [2, 3]


def test_csd_without_a_recording_in_one_stream(tmp_path):
    path = tmp_path / "mosi"
    files.write_csd(path)
    with h5py.File(path / "sequence_1.csd", "r+") as file:
        del file["FACET 4.2/data/ccccccccccc"]
    with h5py.File(path / "sequence_0.csd", "r+") as file:
        del file["words/data/e_eeeeee_12"]
    corpus = load_corpus(path)
    assert all(u.visual.shape == (0, files.VISUAL) for u in corpus.valid)
    assert all(len(u.acoustic) for u in corpus.valid)
    assert corpus.provenance["segments_left_out"] == {"no words": 1}


# Frames beyond what fits in memory.


def test_many_frames_go_through_a_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "_IN_MEMORY", 300)
    corpus = load_corpus(files.write_pickle(tmp_path / "mag.pkl", files.mag()))
    assert_equal(corpus, expected())
    base = corpus.train[0].visual
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)


# Readers written independently, in a few lines each.


def independent(path) -> dict[str, tuple]:
    data = pickle.loads(path.read_bytes())
    found = {}
    for split in data.values():
        if isinstance(split, dict):
            for i, id in enumerate(split["id"]):
                n = int(split["vision_lengths"][i]), int(split["audio_lengths"][i])
                found[id] = (
                    split["raw_text"][i].split(),
                    split["vision"][i][: n[0]],
                    split["audio"][i][: n[1]],
                    float(split["regression_labels"][i]),
                )
        else:
            for (words, visual, acoustic, *_), label, id in split:
                id = id.decode() if isinstance(id, bytes) else id
                n = len(words)
                found[id] = (words, visual[:n], acoustic[:n], float(np.ravel(label)[0]))
    return found


@pytest.mark.parametrize("data", [files.mag, files.cenet, lambda: files.mmsa(np.array)])
def test_an_independent_reader_agrees(tmp_path, data):
    path = files.write_pickle(tmp_path / "data.pkl", data())
    wanted = independent(path)
    corpus = load_corpus(path)
    assert [u.id for u in corpus] == list(wanted)
    for u in corpus:
        words, visual, acoustic, label = wanted[u.id]
        assert list(u.words) == words
        assert np.array_equal(u.visual, np.float32(visual))
        assert np.array_equal(u.acoustic, np.float32(acoustic))
        assert u.label == label


class NumpyOnly(pickle.Unpickler):
    """The standard reader, for the real sample: trusted, but only this far."""

    def find_class(self, module, name):
        assert module.split(".")[0] == "numpy", f"{module}.{name}"
        return super().find_class(module, name)


def test_the_real_mosi_sample(test_data):
    path = test_data / "mosi_sample" / "dev.pkl"
    corpus = load_corpus(path)
    assert len(corpus) == 105
    assert corpus.width("visual") == 47
    assert corpus.width("acoustic") == 74
    assert len({u.video for u in corpus}) == 5
    assert all(len(corpus.splits[split]) > 10 for split in SPLITS)
    assert corpus.provenance["non_finite_values"] == {"visual": 0, "acoustic": 0}
    with open(path, "rb") as file:
        wanted = NumpyOnly(file).load()
    found = {u.id: u for u in corpus}
    assert len(wanted) == 105
    for (_, visual, acoustic, words), label, id in wanted:
        u = found[id]
        assert list(u.words) == words
        assert np.array_equal(u.visual, visual)
        assert np.array_equal(u.acoustic, acoustic)
        assert np.isfinite(u.visual).all()
        assert np.isfinite(u.acoustic).all()
        assert u.label == label.item()
    assert load_corpus(path.parent).fingerprint() == corpus.fingerprint()
