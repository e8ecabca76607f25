"""The card of a corpus, and the list of what is wrong with it."""

import numpy as np

from cenet_lib.corpora.card import describe, problems
from cenet_lib.corpus import Corpus
from cenet_lib.utterance import Utterance


def utterance(id, label=0.0, frames=3, video=None, words=2, **changes) -> Utterance:
    given = {
        "id": id,
        "words": ["word"] * words,
        "visual": np.ones((frames, 2), np.float32),
        "acoustic": np.ones((2 * frames, 4), np.float32),
        "label": label,
        "video": video or id,
    }
    return Utterance(**given | changes)


def line_of(card: str, beginning: str) -> list[str]:
    """Return the words of the one line before the origin that begins so."""
    table = card.split("\nOrigin")[0]
    (line,) = [line for line in table.splitlines() if line.strip().startswith(beginning)]
    return line.split()


def test_the_card_counts():
    labels = [-3, -2.5, -1.4, 0.5, 0.51, 1.5, 2.6]
    broken = np.ones((1, 2), np.float32)
    broken[0, 1] = np.inf
    corpus = Corpus(
        "mine",
        [utterance(f"t{i}", label, words=i + 1) for i, label in enumerate(labels)],
        [utterance("v", visual=broken, annotations={"start_seconds": 10.0, "end_seconds": 100.0})],
        [utterance("x", frames=0)],
        provenance={
            "padding_removed": {"visual": 22, "acoustic": 0},
            "sha256": {"mine.pkl": "abc"},
            "notes": ["one", "two"],
        },
    )
    card = describe(corpus)
    assert line_of(card, "train") == ["train", "7", "7", "4", "(1", "to", "7)", "7", "unknown"]
    assert line_of(card, "valid")[-1] == "1.5"
    visual = line_of(card, "visual")
    assert visual[:3] == ["visual", "2", "22"]  # features, frames
    assert "50.0%" in visual  # padding removed
    assert visual[-2:] == ["1", "(2.3%)"]  # not finite
    assert line_of(card, "-3")[1] == "1"  # -2.5 rounds to even, as Acc-7 does
    assert line_of(card, "-2")[1] == "1"
    assert line_of(card, "+0")[1] == "3"
    assert line_of(card, "+1")[1] == "1"
    assert line_of(card, "+2")[1] == "1"
    assert "mine.pkl: abc" in card
    assert "one, two" in card
    assert "WARNING" not in card


def test_the_card_of_another_label_range():
    corpus = Corpus("sims", [utterance("a", -1), utterance("b", 1)], label_range=(-1, 1))
    card = describe(corpus)
    assert "labels from -1 to 1" in card
    assert "-1.00 to -0.71" in card


def test_the_card_of_almost_nothing():
    card = describe(Corpus("empty", test=[utterance("a", None)]))
    assert "labels: none" in card
    assert "none" in line_of(card, "train")


def test_a_recording_in_two_splits_is_a_leak():
    corpus = Corpus(
        "leaky",
        [utterance("a[0]", video="a"), utterance("b[0]", video="b"), utterance("c", video="")],
        [utterance("v", video="")],
        [utterance("a[1]", video="a"), utterance("b[1]", video="b")],
    )
    (leak,) = problems(corpus)
    assert "2 recordings are in train and test, such as 'a'" in leak
    assert f"WARNING: {leak.removeprefix('leaky: ')}" in describe(corpus)


def test_what_is_wrong():
    nan = np.full((2, 2), np.nan, np.float32)
    corpus = Corpus(
        "mine",
        [utterance("a", None), utterance("b", None), utterance("c", frames=0)],
        [utterance("d", visual=nan)],
    )
    assert problems(corpus) == [
        "mine: the test split is empty",
        "mine: train: 2 segments without a label, such as 'a'",
        "mine: train: 1 segment without any frames, such as 'c'",
        "mine: valid: 1 segment without any finite visual value, such as 'd'",
    ]


def test_nothing_is_wrong(tmp_path):
    corpus = Corpus("good", [utterance("a")], [utterance("b")], [utterance("c")])
    corpus.save(tmp_path / "good")
    assert problems(tmp_path / "good") == []
    assert problems(str(tmp_path / "good")) == []


def test_a_path_that_is_no_corpus(tmp_path):
    (problem,) = problems(tmp_path / "absent")
    assert "absent: there is no such file" in problem


def test_the_card_of_the_real_sample(test_data):
    from cenet_lib.corpora import load_corpus

    corpus = load_corpus(test_data / "mosi_sample")
    card = describe(corpus)
    assert line_of(card, "visual")[1] == "47"
    assert line_of(card, "acoustic")[1] == "74"
    assert problems(corpus) == []
