"""The embedded corpus: the same everywhere, true to its own description, honest about its parts."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from cenet_lib import Corpus, load_corpus
from cenet_lib.corpora import demo, sentences

# Of seed 0. If it changes, every figure in the course changes with it.
FINGERPRINT = "649880b4f9911f505770f8ecbfccfbeb6eab48ae2f7cb656fd58e72c09303eb9"
STREAMS = {"visual": demo.FACE_STATES, "acoustic": demo.VOICE_STATES}


@pytest.fixture(scope="module")
def truth(demo_corpus):
    """Rating, delivery and label of every utterance, and its number of words and frames."""
    utterances = list(demo_corpus)
    return {
        "rating": np.array([u.annotations["rating"] for u in utterances]),
        "delivery": np.array([u.annotations["delivery"] for u in utterances]),
        "label": np.array([u.label for u in utterances]),
        "words": np.array([len(u.words) for u in utterances]),
        "visual": np.array([len(u.visual) for u in utterances]),
        "acoustic": np.array([len(u.acoustic) for u in utterances]),
    }


# deterministic


@pytest.mark.slow
def test_same_seed_same_bytes(demo_corpus):
    assert demo_corpus.fingerprint() == FINGERPRINT
    assert demo.load_demo().fingerprint() == FINGERPRINT


@pytest.mark.slow
def test_other_seed_other_corpus(demo_corpus):
    other = demo.load_demo(seed=1)
    assert other.fingerprint() != FINGERPRINT
    assert other.provenance["seed"] == 1
    assert other.train[0].words != demo_corpus.train[0].words
    assert {s: len(u) for s, u in other.splits.items()} == demo.SPLIT_SIZES


# sizes and speakers


def test_sizes_are_mosis(demo_corpus):
    assert {s: len(u) for s, u in demo_corpus.splits.items()} == {
        "train": 1284,
        "valid": 229,
        "test": 686,
    }
    assert (demo_corpus.width("visual"), demo_corpus.width("acoustic")) == (35, 74)
    assert len(set(demo.FACE_CHANNELS)) == 35
    assert len(set(demo.VOICE_CHANNELS)) == 74


def test_each_speaker_stays_in_one_split(demo_corpus):
    splits = defaultdict(set)
    utterances = defaultdict(int)
    for split, utterance in demo_corpus.items():
        splits[utterance.video].add(split)
        utterances[utterance.video] += 1
        assert utterance.id.startswith(f"{utterance.video}_")
    assert len(splits) == 93
    assert all(len(where) == 1 for where in splits.values())
    assert min(utterances.values()) >= 5
    counts = [next(iter(where)) for where in splits.values()]
    assert {s: counts.count(s) for s in demo.SPLIT_SPEAKERS} == demo.SPLIT_SPEAKERS


def test_streams_have_lengths_of_their_own(demo_corpus, truth):
    for stream, width in (("visual", 35), ("acoustic", 74)):
        assert truth[stream].min() >= 20
        assert truth[stream].max() <= 200
        assert np.corrcoef(truth[stream], truth["words"])[0, 1] > 0.7  # long sentences take long
        for utterance in demo_corpus:
            frames = utterance.frames(stream)
            assert frames.shape == (len(utterance.annotations[f"{stream}_states"]), width)
            assert frames.dtype == np.float32
            assert np.isfinite(frames).all()
    assert (truth["visual"] != truth["acoustic"]).mean() > 0.9


# what is said


def test_sentences_are_real_and_used_once(demo_corpus):
    ratings = dict(sentences.rated_sentences())
    assert len(sentences.rated_sentences()) > 10_000
    said = [u.words for u in demo_corpus]
    assert len(set(said)) > 0.99 * len(said)
    for utterance in demo_corpus:
        assert 4 <= len(utterance.words) <= 40
        assert all(word == word.strip() != "" for word in utterance.words)
        assert not any(char in utterance.text for char in "\t\n�")
        assert utterance.annotations["rating"] == pytest.approx(
            0.75 * ratings[utterance.words], abs=1e-4
        )
    assert "performances" in {word for words in said for word in words}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Not bad, is it?", ("Not", "bad", ",", "is", "it", "?")),
        ("it's over-long ...", ("it's", "over-long", "...")),
        ('"Great!"', ('"', "Great", '!"')),
        ("  ", ()),
        ("naïve café", ("naïve", "café")),
    ],
)
def test_split_words(text, words):
    assert sentences.split_words(text) == words


# what is meant


def test_label_is_made_of_rating_and_delivery(truth):
    made = np.clip(0.7 * truth["rating"] + 0.6 * truth["delivery"], -3, 3)
    np.testing.assert_allclose(truth["label"], made, atol=2e-4)  # all three are rounded
    assert np.abs(truth["rating"]).max() <= 3


def test_delivery_agrees_with_the_words_only_in_part(truth):
    # d = 0.4 r + √(1 - 0.4²) · 1.4 ε
    slope, start = np.polyfit(truth["rating"], truth["delivery"], 1)
    assert slope == pytest.approx(0.4, abs=0.1)
    assert start == pytest.approx(0, abs=0.15)
    rest = truth["delivery"] - 0.4 * truth["rating"]
    assert rest.std() == pytest.approx(np.sqrt(1 - 0.4**2) * 1.4, abs=0.08)
    opposed = np.sign(truth["delivery"]) != np.sign(truth["rating"])
    assert 0.2 < opposed.mean() < 0.5  # irony


# how it is said


def runs(states):
    """Return the states and lengths of runs; neighbours in the same state count as one."""
    borders = np.flatnonzero(np.diff(states)) + 1
    return states[np.r_[0, borders]], np.diff(np.r_[0, borders, len(states)])


@pytest.mark.parametrize("stream", STREAMS)
def test_cues_follow_the_delivery(demo_corpus, stream):
    valence = np.array([state.valence for state in STREAMS[stream]])
    shown, delivery, cue_frames, frames = [], [], 0, 0
    for utterance in demo_corpus:
        signs = valence[utterance.annotations[f"{stream}_states"]]
        cue_frames, frames = cue_frames + np.count_nonzero(signs), frames + len(signs)
        shown.append(signs)
        delivery += [utterance.annotations["delivery"]] * len(signs)
    assert cue_frames / frames == pytest.approx(0.4, abs=0.02)
    signs, delivery = np.concatenate(shown), np.array(delivery)
    for low, high in ((-9, -2), (-1, -0.5), (-0.1, 0.1), (0.5, 1), (2, 9)):
        here = (signs != 0) & (delivery > low) & (delivery < high)
        expected = (1 / (1 + np.exp(-1.5 * delivery[here]))).mean()
        assert (signs[here] > 0).mean() == pytest.approx(expected, abs=0.08)


def test_the_best_reading_is_as_good_as_nobody_can_beat(demo_corpus, truth):
    """No guess from the counts of cues, fitted on train, is better; with d known none would err."""
    errors = [abs(demo.best_reading(u) - u.label) for u in demo_corpus.test]
    assert np.mean(errors) == pytest.approx(0.2603, abs=5e-4)

    def counted(split):
        rows = []
        for u in split:
            row = [1.0, u.annotations["rating"]]
            for stream, states in (("visual", demo.FACE_STATES), ("acoustic", demo.VOICE_STATES)):
                valence = np.array([state.valence for state in states])
                cues = valence[u.annotations[f"{stream}_states"]]
                row += [cues.sum(), cues.mean(), (cues != 0).sum()]
            rows.append(row)
        return np.array(rows), np.array([u.label for u in split])

    x, y = counted(demo_corpus.train)
    weights, *_ = np.linalg.lstsq(x, y, rcond=None)
    x, y = counted(demo_corpus.test)
    assert 0.27 < np.abs(np.clip(x @ weights, -3, 3) - y).mean() < 0.5


def test_without_a_cue_the_best_reading_is_that_of_the_words(demo_corpus):
    [neutral_face, neutral_voice] = [
        next(i for i, state in enumerate(states) if state.valence == 0)
        for states in (demo.FACE_STATES, demo.VOICE_STATES)
    ]
    neutral = {
        "visual_states": np.full(9, neutral_face),
        "acoustic_states": np.full(9, neutral_voice),
    }
    utterance = replace(demo_corpus.test[0], annotations={**neutral, "rating": 1.0})
    assert demo.best_reading(utterance) == pytest.approx(0.7 + 0.6 * 0.4, abs=0.01)


@pytest.mark.parametrize("stream", STREAMS)
def test_states_last_three_to_nine_frames(demo_corpus, stream):
    lengths = [runs(u.annotations[f"{stream}_states"])[1] for u in demo_corpus]
    inner = np.concatenate([length[:-1] for length in lengths])  # the last one may be cut off
    assert inner.min() == 3
    assert 6 < inner.mean() < 8  # 6 per run, more where two of the same meet
    used = np.unique(np.concatenate([u.annotations[f"{stream}_states"] for u in demo_corpus]))
    assert used.tolist() == list(range(len(STREAMS[stream])))


@pytest.mark.parametrize("stream", STREAMS)
def test_frames_are_prototypes_with_noise(demo_corpus, stream):
    names = demo_corpus.feature_names[stream]
    frames = np.concatenate([u.frames(stream) for u in demo_corpus])
    states = np.concatenate([u.annotations[f"{stream}_states"] for u in demo_corpus])
    rest = frames[states == 0].mean(0) if stream == "acoustic" else np.zeros(len(names))
    for number, state in enumerate(STREAMS[stream]):
        mean = dict(zip(names, frames[states == number].mean(0) - rest, strict=True))
        for channel, value in state.prototype.items():
            # first frames of a run lie halfway from the last state, so a bit is missing
            assert 0.65 < mean[channel] / value < 1.1, (state.name, channel)


def test_speakers_look_different(demo_corpus):
    glasses = demo_corpus.feature_names["visual"].index("has_glasses")
    means = defaultdict(list)
    for utterance in demo_corpus:
        means[utterance.video].append(utterance.visual[:, glasses].mean())
    by_speaker = np.array([np.mean(values) for values in means.values()])
    assert np.abs(np.abs(by_speaker) - 0.8).max() < 0.2  # with or without, nothing between
    assert 0.25 < (by_speaker > 0).mean() < 0.75


# provenance


def test_provenance_says_what_is_simulated(demo_corpus):
    provenance = demo_corpus.provenance
    assert provenance["text"].startswith("real")
    assert provenance["delivery"].startswith("simulated")
    for stream, states in STREAMS.items():
        assert provenance[f"{stream}_states"] == [state.name for state in states]
        assert provenance[f"{stream}_cues"] == [state.valence for state in states]
        assert {"neutral"} < set(provenance[f"{stream}_states"])
        assert set(provenance[f"{stream}_cues"]) == {-1, 0, 1}


def test_save_and_load_keep_everything(demo_corpus, tmp_path):
    part = Corpus(
        "demo",
        train=demo_corpus.train[:20],
        valid=demo_corpus.valid[:5],
        test=demo_corpus.test[:5],
        visual_names=demo_corpus.feature_names["visual"],
        acoustic_names=demo_corpus.feature_names["acoustic"],
        provenance=demo_corpus.provenance,
    )
    part.save(tmp_path / "demo")
    again = load_corpus(tmp_path / "demo")
    assert again.fingerprint() == part.fingerprint()
    assert again.provenance == part.provenance
    for before, after in zip(part, again, strict=True):
        assert set(after.annotations) == set(before.annotations)
        assert after.video == before.video
        for name, value in before.annotations.items():
            assert np.array_equal(after.annotations[name], value), name
            assert np.asarray(after.annotations[name]).dtype == np.asarray(value).dtype
