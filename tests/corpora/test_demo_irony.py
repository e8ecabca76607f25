"""The second simulated world: the first one's sentences, faces and voices, and its own rule."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cenet_lib import CENetError, load_corpus
from cenet_lib.corpora import SIMULATIONS, demo, demo_irony
from cenet_lib.corpora.sentences import word_values
from cenet_lib.course.lesson import recorded
from cenet_lib.results.plots import seed_interval
from cenet_lib.runs.folder import remember_source

# Of seed 0. If it changes, the recorded table of both worlds no longer belongs to it.
FINGERPRINT = "3635a28028c8213bbd2a89194818ef25c511dd836e05ca08c6d1a0f6d7d26c0f"

SHOWN = ("none", "late", "ce", "mute")  # in the README; the last is CE with the scale 0


@pytest.fixture(scope="module")
def irony(demo_corpus):
    return demo_irony.relabel(demo_corpus, word_values())


@pytest.fixture(scope="module")
def parts(irony):
    """What labels are made of, by name, (2199,) each."""
    names = ("rating", "praise", "criticism", "smirk", "kindness")
    found = {name: np.array([u.annotations[name] for u in irony]) for name in names}
    return {**found, "label": np.array([u.label for u in irony])}


@pytest.mark.slow
def test_the_name_opens_it():
    corpus = load_corpus("demo-irony")
    assert (corpus.name, corpus.fingerprint()) == ("demo-irony", FINGERPRINT)
    assert corpus.label_range == (-3, 3)
    assert corpus.provenance["label"] == f"simulated: {demo_irony.RULE}"
    with pytest.raises(CENetError, match="demo-irony: has a label range of its own, -3 to 3"):
        load_corpus("demo-irony", (0, 1))
    with pytest.raises(CENetError, match="there is no such file"):
        load_corpus(Path("demo-irony"))  # a path is a path


def test_another_seed_is_that_of_demo(demo_corpus, monkeypatch):
    asked = []
    monkeypatch.setattr(demo_irony, "load_demo", lambda seed: asked.append(seed) or demo_corpus)
    assert demo_irony.load_demo_irony(seed=7).fingerprint() == FINGERPRINT
    assert asked == [7]


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_run_remembers_its_name_beside_a_folder_of_that_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    assert remember_source(name, Path("runs/new")) == {"source": name}


def test_sentences_streams_and_splits_are_those_of_demo(irony, demo_corpus):
    assert [(s, u.id, u.words, u.video) for s, u in irony.items()] == [
        (s, u.id, u.words, u.video) for s, u in demo_corpus.items()
    ]
    assert irony.feature_names == demo_corpus.feature_names
    for one, other in zip(irony, demo_corpus, strict=True):
        assert one.visual is other.visual
        assert one.acoustic is other.acoustic
        assert other.annotations.items() <= one.annotations.items()
    assert "praise" not in demo_corpus.train[0].annotations  # demo itself is left alone


# the rule


@pytest.mark.parametrize(
    ("praise", "criticism", "smirk", "kindness", "label"),
    [
        (1.0, 0.5, 0.0, 0.0, 0.6),  # nothing shown: what the words say
        (1.0, 0.0, 1.0, 0.0, -1.4),  # praise with a smirk turns
        (0.0, 0.5, 1.0, 0.0, 0.6),  # criticism with a smirk does not
        (0.0, 0.5, 0.0, 1.0, 1.1),  # kindness takes criticism back
        (1.0, 0.0, 0.0, 1.0, 0.6),  # and leaves praise alone
        (1.0, 0.5, 1.0, 1.0, -0.9),  # both, each with its own
        (1.0, 0.5, 0.5, 0.0, -0.4),  # half a smirk, half as much
        (4.0, 0.0, 1.0, 0.0, -3.0),  # no further than the range
    ],
)
def test_which_word_meets_which_gesture(praise, criticism, smirk, kindness, label, demo_corpus):
    face = np.zeros(100, dtype=np.int8)
    face[: round(10 * smirk)] = 10  # a tenth of the frames is a full smirk
    voice = np.zeros(50, dtype=np.int8)
    voice[: round(5 * kindness)] = 5
    assert (demo.FACE_STATES[10].name, demo.VOICE_STATES[5].name) == ("smirk", "warm")
    shown = {"visual_states": face, "acoustic_states": voice, "rating": 0.6}
    said = replace(demo_corpus.train[0], words=("good", "bad"), annotations=shown)
    values = {"good": 2 * praise, "bad": -2 * criticism}
    assert demo_irony._meant(said, values).label == pytest.approx(label)


def test_labels_follow_the_rule(irony, parts):
    p, c, r = parts["praise"], parts["criticism"], parts["rating"]
    made = np.clip(r - 2 * p * parts["smirk"] + c * parts["kindness"], -3, 3)
    np.testing.assert_allclose(parts["label"], made, atol=4e-4)  # all are rounded
    values = word_values()
    assert values["great"] == 3.1
    for utterance in irony.test[:200]:
        worth = [values.get(word.lower(), 0) for word in utterance.words]
        praise = sum(v for v in worth if v > 0) / 2
        assert utterance.annotations["praise"] == pytest.approx(praise, abs=1e-4)


@pytest.mark.parametrize("name", ["smirk", "smile", "broad smile", "warm"])
def test_a_tenth_of_the_frames_counts_in_full(irony, name):
    stream, states = ("visual", demo.FACE_STATES)
    if name == "warm":
        stream, states = ("acoustic", demo.VOICE_STATES)
    number = [state.name for state in states].index(name)
    part = "smirk" if name == "smirk" else "kindness"
    for utterance in irony:
        share = (utterance.annotations[f"{stream}_states"] == number).mean()
        least = min(1, 10 * share)
        assert utterance.annotations[part] >= least - 1e-4
        if name == "smirk":
            assert utterance.annotations[part] == pytest.approx(least, abs=1e-4)


def explained(parts, *features):
    """Return which share of the labels' variance on test a linear model of these explains."""
    X = np.column_stack([np.ones_like(parts["label"]), *features])
    train, test = slice(0, 1284), slice(1513, None)
    weights = np.linalg.lstsq(X[train], parts["label"][train], rcond=None)[0]
    error = parts["label"][test] - np.clip(X[test] @ weights, -3, 3)
    return 1 - error.var() / parts["label"][test].var()


def test_some_of_the_meaning_needs_to_know_which_word_met_which_gesture(parts):
    p, c, r = parts["praise"], parts["criticism"], parts["rating"]
    words = [r, r.clip(0), p, c]
    shown = [parts["smirk"], parts["kindness"]]
    of_sentence = [a * b for a in words[:2] for b in shown]
    of_words = [a * b for a in (p, c) for b in shown]
    shares = [
        explained(parts, *words),
        explained(parts, *words, *shown),
        explained(parts, *words, *shown, *of_sentence),
        explained(parts, *words, *shown, *of_sentence, *of_words),
    ]
    np.testing.assert_allclose(shares, [0.55, 0.79, 0.82, 0.96], atol=0.006)
    assert ((p > 0) & (c > 0)).mean() == pytest.approx(0.34, abs=0.01)
    assert (np.abs(parts["label"]) == 3).mean() < 0.15


# the recorded comparison of both worlds


@pytest.mark.parametrize(
    ("world", "late", "asking"),
    [
        ("demo", "+0.030 [+0.018, +0.043]", "+0.014 [−0.012, +0.039]"),
        ("demo-irony", "−0.130 [−0.141, −0.120]", "−0.042 [−0.055, −0.029]"),
    ],
)
def test_the_readme_says_what_was_recorded(world, late, asking):
    runs = recorded("worlds").query("corpus == @world and status == 'done'")
    way = runs["fusion"].where(runs["attention_scale"] != 0, "mute")
    by_seed = runs.assign(way=way).pivot(index="seed", columns="way", values="test_mae")
    assert by_seed.shape == (10, 6)
    cells = [f"`{world}`", *(f"{by_seed[name].mean():.3f}" for name in SHOWN)]
    for other, expected in (("late", late), ("mute", asking)):
        difference = by_seed["ce"] - by_seed[other]
        low, high = seed_interval(difference)
        told = f"{difference.mean():+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−")
        assert told == expected
        cells.append(told)
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"| {' | '.join(cells)} |" in readme
