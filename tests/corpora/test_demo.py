"""The embedded corpus: the same everywhere, true to its own description, honest about its parts."""

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cenet_lib import CENetError, Corpus, load_corpus
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


def test_same_seed_same_bytes(demo_corpus):
    assert demo_corpus.fingerprint() == FINGERPRINT
    assert demo.load_demo().fingerprint() == FINGERPRINT


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


# the download


@pytest.fixture
def package(demo_corpus):  # which fetched it
    return sentences.cache_folder() / "vaderSentiment-0.5.zip"


@pytest.fixture
def cache(package, tmp_path, monkeypatch):
    """An empty cache, and an empty place for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(sentences.tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("CENET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pip(monkeypatch):
    """Stand in for pip: note the command, do what the test wants."""

    class Pip:
        returncode, stdout, stderr = 0, "", ""

        def __init__(self):
            self.calls = []

        def deliver(self, folder):
            pass

        def run(self, command, **options):
            self.calls.append((command, options))
            requirement = command[command.index("--requirement") + 1]
            with open(requirement, encoding="utf-8") as file:
                self.requirement = file.read()
            self.deliver(command[command.index("--dest") + 1])
            return subprocess.CompletedProcess(command, self.returncode, self.stdout, self.stderr)

    stand_in = Pip()
    monkeypatch.setattr(sentences.subprocess, "run", stand_in.run)
    return stand_in


def left(cache):
    files = (p for p in (*cache.rglob("*"), *(cache.parent / "temporary").rglob("*")))
    return sorted(p.name for p in files)


def test_fetched_once_by_name_and_hash(cache, package, pip):
    pip.deliver = lambda folder: shutil.copy(package, folder)
    rated = sentences.rated_sentences()
    assert len(rated) > 10_000
    assert left(cache) == ["vaderSentiment-0.5.zip"]
    (command, _), *more = pip.calls
    assert not more
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--require-hashes", "--no-deps"} <= set(command)
    assert pip.requirement.split() == [
        "vaderSentiment==0.5",
        "--hash=sha256:5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a",
    ]

    assert sentences.rated_sentences() == rated
    assert len(pip.calls) == 1  # from the cache


def test_offline_from_the_cache(cache, package, monkeypatch):
    cache.mkdir()
    shutil.copy(package, cache)

    def refuse(*_, **__):
        pytest.fail("the network must not be asked")

    monkeypatch.setattr(sentences.subprocess, "run", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    assert demo.load_demo().fingerprint() == FINGERPRINT


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("WARNING: Retrying\nERROR: No matching distribution found\n", "No matching distribution"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES\n        Got  abc\n", r"\(Got  abc\)"),
        ("/usr/bin/python3: No module named pip", "No module named pip"),
        ("", "pip gave no reason"),
    ],
)
def test_without_cache_and_network_the_error_says_what_to_run(cache, pip, stderr, reason):
    pip.returncode, pip.stderr = 1, stderr
    pip.deliver = lambda folder: Path(folder, "half.zip").write_bytes(b"half")
    with pytest.raises(CENetError, match=reason) as caught:
        load_corpus("demo")
    message = str(caught.value)
    assert (
        f'pip download --no-deps --no-binary :all: vaderSentiment==0.5 --dest "{cache}"' in message
    )
    assert "\n" not in message
    assert left(cache) == []


def test_pip_that_claims_success_but_brings_nothing(cache, pip):
    with pytest.raises(CENetError, match="could not be fetched"):
        load_corpus("demo")
    assert left(cache) == []


def test_an_interrupted_download_leaves_nothing(cache, package, pip):
    def interrupt(folder):
        shutil.copy(package, folder)
        raise KeyboardInterrupt

    pip.deliver = interrupt
    with pytest.raises(KeyboardInterrupt):
        load_corpus("demo")
    assert left(cache) == []
    pip.deliver = lambda folder: shutil.copy(package, folder)
    assert len(sentences.rated_sentences()) > 10_000  # the next try works


def test_a_disk_that_fills_up_while_it_is_kept(cache, package, pip, monkeypatch):
    def fill_up(source, destination):
        with open(destination, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    pip.deliver = lambda folder: shutil.copy(package, folder)
    monkeypatch.setattr(sentences, "shutil", SimpleNamespace(copyfile=fill_up))
    with pytest.raises(CENetError, match=r"0\.5\.zip: could not be written: No space left"):
        load_corpus("demo")
    assert left(cache) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "other"])
def test_a_cached_file_of_another_hash_is_refused(cache, package, pip, damage):
    content = bytearray(package.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        content = b"<html>please log in</html>"
    cache.mkdir()
    (cache / package.name).write_bytes(content)
    with pytest.raises(CENetError, match=r"not the expected file \(sha256 .*delete it"):
        load_corpus("demo")
    assert pip.calls == []
    assert left(cache) == [package.name]  # the user's to delete


def test_a_real_pip_without_an_index_gives_one_clear_error(cache, monkeypatch):
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": str(cache),
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CENetError, match=r"could not be fetched \(ERROR: No matching distribution"):
        load_corpus("demo")
    assert left(cache) == []
