"""Segments without a label, and with seven of them, in every format."""

import corpus_files as files
import h5py
import numpy as np
import pytest

from cenet_lib.corpora import load_corpus
from cenet_lib.corpora.card import describe
from cenet_lib.corpora.values import EMOTIONS
from cenet_lib.errors import CENetError
from cenet_lib.utterance import SPLITS

NAN = float("nan")
SEVEN = [1.5, 0.0, 0.5, 1.0, 2.0, 3.0, 0.25]
STRENGTHS = dict(zip(EMOTIONS, SEVEN[1:], strict=True))


def triples(data):
    """Make a function that writes a format of triples, with another label in each segment."""

    def write(folder, label):
        built = data()
        for name, segments in built.items():
            built[name] = [(parts, label, id) for parts, _, id in segments]
        return files.write_pickle(folder / "data.pkl", built)

    return write


def write_misa(folder, label):
    path = folder / "misa"
    path.mkdir()
    for name, split in (("train", "train"), ("dev", "valid"), ("test", "test")):
        segments = [(parts, label, id) for parts, _, id in files.misa(split)]
        files.write_pickle(path / f"{name}.pkl", segments)
    return path


def write_mmsa(folder, label):
    data = files.mmsa(list)
    for columns in data.values():
        columns["regression_labels"] = [label] * len(columns["id"])
    return files.write_pickle(folder / "data.pkl", data)


def write_csd(folder, label):
    path = folder / "mosi"
    files.write_csd(path)
    with h5py.File(path / "sequence_3.csd", "r+") as file:
        data = file["Opinion Segment Labels/data"]
        for entry in data.values():
            rows = np.tile(
                np.atleast_1d(np.array(label, float)).reshape(1, -1), (len(entry["features"]), 1)
            )
            del entry["features"]
            entry["features"] = rows
    return path


WRITERS = {
    "CENet": triples(files.cenet),
    "MAG": triples(files.mag),
    "MISA": write_misa,
    "MMSA": write_mmsa,
}
NO_LABEL = {
    "None": None,
    "NaN": NAN,
    "NaN of NumPy": np.float32("nan"),
    "NaN in an array": np.array([[NAN]], np.float32),
    "NaN in a list": [NAN],
    "None in an array": np.array([None]),
    "None in an array without dimensions": np.array(None),
    "None in a list": [[None]],
    "an empty array": np.array([]),
    "an empty array of rows": np.zeros((1, 0)),
    "an empty list": [],
    "a blank text": " ",
    "seven times NaN": np.full((1, 7), NAN),
}


@pytest.mark.parametrize("form", NO_LABEL)
@pytest.mark.parametrize("writer", WRITERS)
def test_no_label(tmp_path, writer, form):
    corpus = load_corpus(WRITERS[writer](tmp_path, NO_LABEL[form]))
    assert len(corpus) == len(files.segments())
    assert all(utterance.label is None for utterance in corpus)
    assert not set(EMOTIONS) & set(corpus.train[0].annotations)
    corpus.save(tmp_path / "store")
    stored = load_corpus(tmp_path / "store")
    assert all(utterance.label is None for utterance in stored)
    assert stored.fingerprint() == corpus.fingerprint()


def test_no_label_in_sequences(tmp_path):
    corpus = load_corpus(write_csd(tmp_path, NAN))
    assert len(corpus) == len(files.segments())
    assert all(utterance.label is None for utterance in corpus)


def test_no_label_in_some_segments(tmp_path):
    data = files.mag()
    parts, _, id = data["dev"][0]
    data["dev"][0] = (parts, None, id)
    corpus = load_corpus(files.write_pickle(tmp_path / "mag.pkl", data))
    labels = {u.id: u.label for u in corpus}
    assert labels.pop(id.decode()) is None
    assert labels == {s.id: s.label for s in files.segments() if s.id != id.decode()}


@pytest.mark.parametrize("data", [files.mag, files.cenet])
def test_segments_that_are_pairs_have_no_label(tmp_path, data):
    built = {name: [(parts, id) for parts, _, id in s] for name, s in data().items()}
    corpus = load_corpus(files.write_pickle(tmp_path / "data.pkl", built))
    assert [u.id for u in corpus] == [s.id for s in files.segments()]
    assert all(utterance.label is None for utterance in corpus)


@pytest.mark.parametrize(
    "column", ["none", None, [], np.array([]), np.zeros((0, 1)), np.array(None)]
)
def test_no_column_of_labels(tmp_path, column):
    data = files.mmsa()
    for columns in data.values():
        if isinstance(column, str):
            columns["sentiment_labels"] = columns.pop("regression_labels")
        else:
            columns["regression_labels"] = column
    corpus = load_corpus(files.write_pickle(tmp_path / "data.pkl", data))
    assert all(utterance.label is None for utterance in corpus)
    assert len(corpus.provenance["notes"]) == 3
    assert "train split has no regression_labels" in corpus.provenance["notes"][0]
    if isinstance(column, str):
        assert "sentiment_labels is not read instead" in corpus.provenance["notes"][0]


@pytest.mark.parametrize("data", [files.mag, files.cenet, files.mmsa, lambda: files.mmsa(list)])
@pytest.mark.parametrize("name", ["test", "train"])
def test_one_part_alone(tmp_path, data, name):
    part = {name: data()[name]}
    corpus = load_corpus(files.write_pickle(tmp_path / "new.pkl", part))
    sizes = {split: len(corpus.splits[split]) for split in SPLITS}
    assert sizes == {split: len(files.of(split)) if split == name else 0 for split in SPLITS}
    assert [u.label for u in corpus] == [s.label for s in files.of(name)]


@pytest.mark.parametrize("data", [files.mag, files.mmsa])
def test_a_part_by_another_name_is_not_lost(tmp_path, data):
    built = data()
    built = {"train": built["train"], "tset": built["test"]}
    with pytest.raises(CENetError, match=r"has no valid split; .* found 'train', 'tset'"):
        load_corpus(files.write_pickle(tmp_path / "data.pkl", built))


def test_a_list_without_labels_is_all_test_in_its_order(tmp_path):
    segments = [(parts, None, id) for split in SPLITS for parts, _, id in files.misa(split)]
    corpus = load_corpus(files.write_pickle(tmp_path / "new.pkl", segments))
    assert [u.id for u in corpus.test] == [id for *_, id in segments]
    assert corpus.provenance["split"] == "all in test: no segment has a label"


# Seven labels


SHAPES = {
    "(7,)": np.array(SEVEN, np.float32),
    "(1, 7)": np.array([SEVEN], np.float32),
    "(7, 1)": np.array(SEVEN)[:, None],
    "(1, 1, 7)": np.array([[SEVEN]]),
    "a list": SEVEN,
    "a list in a tuple": (SEVEN,),
    "a list of lists": [[value] for value in SEVEN],
    "objects": np.array(SEVEN, object),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("writer", WRITERS)
def test_seven_labels_are_the_sentiment_and_six_emotions(tmp_path, writer, shape):
    corpus = load_corpus(WRITERS[writer](tmp_path, SHAPES[shape]))
    corpus.save(tmp_path / "store")
    for utterance in [*corpus, *load_corpus(tmp_path / "store")]:
        assert utterance.label == 1.5
        assert {name: utterance.annotations[name] for name in EMOTIONS} == STRENGTHS


def test_the_order_of_the_emotions_is_that_of_the_sdk():
    assert EMOTIONS == ("happy", "sad", "anger", "surprise", "disgust", "fear")


@pytest.mark.parametrize("shape", [(-1, 7), (-1, 1, 7)])
def test_seven_columns_of_labels_in_mmsas_file(tmp_path, shape):
    data = files.mmsa()
    for columns in data.values():
        columns["regression_labels"] = np.tile(SEVEN, len(columns["id"])).reshape(shape)
    corpus = load_corpus(files.write_pickle(tmp_path / "mosei.pkl", data))
    assert {u.label for u in corpus} == {1.5}
    assert all(u.annotations == STRENGTHS for u in corpus)


def test_the_card_names_the_annotations(tmp_path):
    card = describe(load_corpus(WRITERS["MAG"](tmp_path, SEVEN)))
    assert "annotations: anger, disgust, fear, happy, sad, surprise" in card


def test_seven_labels_in_sequences(tmp_path):
    for utterance in load_corpus(write_csd(tmp_path, SEVEN)):
        assert utterance.label == 1.5
        assert STRENGTHS.items() <= utterance.annotations.items()


def test_emotions_without_a_sentiment_and_a_sentiment_without_some(tmp_path):
    corpus = load_corpus(WRITERS["MAG"](tmp_path, [NAN, *SEVEN[1:]]))
    assert corpus.train[0].label is None
    assert corpus.train[0].annotations["fear"] == 0.25
    corpus = load_corpus(WRITERS["MAG"](tmp_path, [*SEVEN[:3], None, *SEVEN[4:]]))
    assert corpus.train[0].label == 1.5
    assert set(EMOTIONS) - set(corpus.train[0].annotations) == {"anger"}
