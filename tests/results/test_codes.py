"""What codes mean and how many there should be, against plain loops and scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import silhouette_score

from cenet_lib import CENetError, FeatureVocabulary, FrameSequences, Utterance
from cenet_lib.results.codes import NearestFrames, compare_sizes, describe_codes, usage_entropy


def blobs(n: int, spread: float = 1.0) -> np.ndarray:
    """Return frames (n, 5) of six clusters."""
    frames, _ = make_blobs(n, 5, centers=6, cluster_std=spread, random_state=3)
    return frames.astype(np.float32)


# the nearest real frames


def test_nearest_frames_against_sorting_everything():
    vocabulary = FeatureVocabulary(6).fit(blobs(300))
    pieces = [blobs(300)[i : i + 20] for i in range(0, 300, 20)]
    nearest = NearestFrames(6, n=4)
    for position, frames in enumerate(pieces):
        nearest.add(position, vocabulary.transform(frames))
    for code in range(6):
        best = []  # distance, utterance, frame
        for position, frames in enumerate(pieces):
            distance, codes = vocabulary.transform(frames)[:, code], vocabulary.predict(frames)
            own = [(distance[i], position, i) for i in range(20) if codes[i] == code]
            best += [min(own)] if own else []
        assert len(best) > 4
        assert nearest.of(code) == [(position, i) for _, position, i in sorted(best)[:4]]


def test_nearest_frames_are_only_those_that_chose_the_code():
    nearest = NearestFrames(3, n=2)
    nearest.add(7, np.array([[0.5, 0.4, 9.0], [0.3, 0.2, 9.0]]))
    nearest.add(8, np.zeros((0, 3)))  # an utterance without frames
    nearest.add(9, np.array([[0.1, 0.6, 9.0]]))
    assert [nearest.of(code) for code in range(3)] == [[(9, 0)], [(7, 1)], []]


def test_of_frames_equally_near_the_first_stays():
    nearest = NearestFrames(1, n=2)
    for position in range(3):
        nearest.add(position, np.array([[2.0], [1.0], [1.0]]))
    assert nearest.of(0) == [(0, 1), (1, 1)]


# reports


def test_describe_codes_against_plain_loops():
    frames = blobs(240)
    utterances = [
        Utterance(f"u{i}", ("word",), frames[20 * i : 20 * i + 20], frames[:1]) for i in range(12)
    ]
    train, valid = utterances[:9], utterances[9:]
    vocabulary = FeatureVocabulary(7).fit(FrameSequences(train, "visual"))
    table, summary = describe_codes(vocabulary, train, valid, "visual")

    z = (frames - vocabulary.mean_) / vocabulary.scale_
    distance = ((z[:, None] - vocabulary.codes_) ** 2).sum(-1)  # (n, k)
    codes, own = distance.argmin(1), distance.min(1)
    for code, row in table.iterrows():
        here = np.flatnonzero(codes[:180] == code)
        best = here[own[here].argmin()]
        assert row["code"] == code
        assert row["frames"] == len(here)
        assert row["share"] == pytest.approx(len(here) / 180)
        assert (row["nearest_segment"], row["nearest_frame"]) == (f"u{best // 20}", best % 20)
    shares = np.bincount(codes[:180]) / 180
    assert summary == {
        "inertia_train": pytest.approx(own[:180].mean(), rel=1e-5),
        "inertia_valid": pytest.approx(own[180:].mean(), rel=1e-5),
        "entropy": pytest.approx(-sum(p * np.log2(p) for p in shares)),
        "entropy_max": pytest.approx(np.log2(7)),
        "nonfinite": 0,
    }


def test_describe_codes_without_frames():
    vocabulary = FeatureVocabulary(2).fit(np.array([[0.0], [1.0]]))
    silent = [Utterance("u", ("word",), np.zeros((0, 1)), np.zeros((0, 1)))]
    table, summary = describe_codes(vocabulary, silent, [], "visual")
    assert table["frames"].tolist() == [0, 0]
    assert table["nearest_segment"].tolist() == ["", ""]
    assert table["nearest_frame"].tolist() == [-1, -1]
    assert np.isnan([summary["inertia_train"], summary["inertia_valid"]]).all()
    assert summary["entropy"] == 0


@pytest.mark.parametrize(
    ("counts", "bits"),
    [([4, 4, 4, 4], 2), ([8, 0, 0], 0), ([1, 1, 2, 0], 1.5), ([0, 0], 0)],
)
def test_usage_entropy(counts, bits):
    entropy = usage_entropy(np.array(counts))
    assert entropy == pytest.approx(bits)
    assert not np.signbit(entropy)


@pytest.mark.parametrize("as_list", [True, False])
def test_compare_sizes_against_plain_recomputation(as_list):
    frames = blobs(600, spread=3)
    given = np.array_split(frames, 12) if as_list else frames
    table = compare_sizes(given, (2, 5, 6), random_state=4)
    assert table["k"].tolist() == [2, 5, 6]
    for row in table.itertuples():
        vocabulary = FeatureVocabulary(row.k, random_state=4).fit(frames)
        codes, z = vocabulary.predict(frames), vocabulary.standardize(frames)
        assert row.inertia == pytest.approx(vocabulary.inertia(frames))
        assert row.entropy == pytest.approx(usage_entropy(np.bincount(codes)))
        assert row.silhouette == pytest.approx(silhouette_score(z, codes), abs=1e-6)
    assert table["inertia"].is_monotonic_decreasing


def test_compare_sizes_takes_its_silhouette_from_a_sample():
    frames = blobs(3000)
    small, large = (compare_sizes(frames, (6,), sample=n)["silhouette"][0] for n in (100, 3000))
    assert small != large
    assert small == pytest.approx(large, abs=0.1)
    with pytest.raises(CENetError, match="not a single frame"):
        compare_sizes([], (2,))
    assert np.isnan(compare_sizes(frames, (1,))["silhouette"][0])
