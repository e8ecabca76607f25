"""FeatureVocabulary against numpy, brute force and scikit-learn's own k-means."""

import json
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_info, threadpool_limits

from cenet_lib import CENetError, Corpus, FeatureVocabulary, FrameSequences
from cenet_lib.frames import Sample, batches

F32_MAX = np.finfo(np.float32).max


def blobs(n=3000, d=5, m=6, seed=0, apart=8.0, shares=None):
    """Return frames (n, d) of m well-separated clusters, and the cluster (n,) of each."""
    rng = np.random.default_rng(seed)
    centres = apart * rng.permutation(np.eye(max(m, d))[:m, :d] + np.arange(m)[:, None])
    cluster = rng.choice(m, n, p=shares)
    frames = centres[cluster] + rng.standard_normal((n, d))
    return frames.astype(np.float32), cluster


def cut(frames, size):
    return [frames[i : i + size] for i in range(0, len(frames), size)]


def same(a, b):
    return (
        np.array_equal(a.codes_, b.codes_)
        and np.array_equal(a.mean_, b.mean_)
        and np.array_equal(a.scale_, b.scale_)
        and (a.n_frames_, a.n_nonfinite_) == (b.n_frames_, b.n_nonfinite_)
    )


# scikit-learn's conventions


def test_parameters_are_scikit_learns():
    vocabulary = FeatureVocabulary(5, batch_size=100).set_params(random_state=3)
    assert vocabulary.get_params() == {
        "n_codes": 5,
        "n_init": 3,
        "sample_size": 10_000,
        "batch_size": 100,
        "random_state": 3,
    }
    vocabulary.fit(blobs()[0])
    copy = clone(vocabulary)
    assert copy.get_params() == vocabulary.get_params()
    assert not hasattr(copy, "codes_")
    assert same(copy.fit(blobs()[0]), vocabulary)


@pytest.mark.parametrize(
    "use",
    [
        lambda v: v.transform(np.zeros((1, 2))),
        lambda v: v.predict(np.zeros((1, 2))),
        lambda v: v.count(np.zeros((1, 2))),
        lambda v: v.standardize(np.zeros((1, 2))),
        lambda v: v.inertia(np.zeros((1, 2))),
        lambda v: v.profile(),
        lambda v: v.save("nowhere"),
        check_is_fitted,
    ],
)
def test_unfitted_says_so(use):
    with pytest.raises(NotFittedError):
        use(FeatureVocabulary())


@pytest.mark.parametrize("size", [1, 1000, 3000])
def test_fit_predict_and_fit_transform_take_what_fit_takes(size):
    frames, _ = blobs()
    vocabulary = FeatureVocabulary(6, batch_size=700)
    given = frames if size == 3000 else [np.zeros((0, 5), np.float32), *cut(frames, size)]
    codes = vocabulary.fit_predict(given)
    assert codes.dtype == np.int64
    assert np.array_equal(codes, vocabulary.predict(frames))
    distance = FeatureVocabulary(6, batch_size=700).fit_transform(given)
    assert np.array_equal(distance, vocabulary.transform(frames))
    check_is_fitted(vocabulary)
    assert vocabulary.padding_code == 6


def test_width_is_known_once_fitted(saved):
    assert not hasattr(FeatureVocabulary(), "n_features_in_")
    folder, vocabulary = saved
    assert vocabulary.n_features_in_ == 5
    assert FeatureVocabulary.load(folder / "face.v1").n_features_in_ == 5
    assert vocabulary.fit(blobs(d=3)[0]).n_features_in_ == 3


A_LIST = "a list holds the frames of utterances, so that a list of lists is no matrix"
WORDING = "refused with our own error, which names the mend"
EXCEPTIONS = {
    "check_transformer_data_not_an_array": A_LIST,
    "check_clustering": f"{A_LIST}; and labels_ of all frames would not be bounded in memory",
    "check_dtype_object": "what is no number is a CENetError, not a TypeError",
    "check_n_features_in_after_fitting": WORDING,
    "check_estimators_empty_data_messages": WORDING,
}


@parametrize_with_checks(
    [FeatureVocabulary(2)], expected_failed_checks=lambda _: EXCEPTIONS, xfail_strict=True
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_random_states_are_scikit_learns():
    frames = np.random.default_rng(0).standard_normal((2000, 4))
    first, again, other = (
        FeatureVocabulary(8, random_state=np.random.RandomState(s)).fit(frames) for s in (1, 1, 2)
    )
    assert same(first, again)
    assert not np.array_equal(first.codes_, other.codes_)
    # one state, used twice, goes on; and None takes numpy's global one
    state = np.random.RandomState(1)
    first, second = (FeatureVocabulary(8, random_state=state).fit(frames) for _ in range(2))
    assert same(first, again)
    assert not np.array_equal(first.codes_, second.codes_)
    assert FeatureVocabulary(8, random_state=None).fit(frames).codes_.shape == (8, 4)


# determinism


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces_do_not_matter(size):
    frames, _ = blobs(2100)
    whole = FeatureVocabulary(8, batch_size=256, sample_size=500).fit(frames)
    pieces = cut(frames, size)
    pieces.insert(1, np.zeros((0, 5), np.float32))  # an utterance without frames
    again = FeatureVocabulary(8, batch_size=256, sample_size=500).fit(pieces)
    assert same(whole, again)


def test_seed_decides():
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((2000, 4))
    first, again, other = (FeatureVocabulary(8, random_state=s).fit(frames) for s in (1, 1, 2))
    assert same(first, again)
    assert not np.array_equal(first.codes_, other.codes_)


def test_refitting_forgets():
    frames, _ = blobs()
    vocabulary = FeatureVocabulary(4).fit(100 + 5 * frames[:500])
    assert same(vocabulary.fit(frames), FeatureVocabulary(4).fit(frames))


def test_fit_uses_one_thread_and_gives_the_others_back():
    seen = []

    class Frames:
        def __iter__(self):
            seen.extend(library["num_threads"] for library in threadpool_info())
            return iter([blobs()[0]])

    with threadpool_limits(2):
        FeatureVocabulary(4).fit(Frames())
        assert set(seen) == {1}
        assert {library["num_threads"] for library in threadpool_info()} == {2}


def test_same_from_a_stored_corpus(small_corpus, tmp_path):
    small_corpus.save(tmp_path / "stored")
    stored = Corpus.load(tmp_path / "stored")
    for stream in ("visual", "acoustic"):
        a, b = (
            FeatureVocabulary(4).fit(FrameSequences(c.train, stream))
            for c in (small_corpus, stored)
        )
        assert same(a, b)
        assert a.n_frames_ == sum(len(u.frames(stream)) for u in small_corpus.train)


def test_frame_sequences_can_be_read_again(small_corpus):
    frames = FrameSequences(small_corpus.train, "visual")
    assert len(frames) == len(small_corpus.train)
    first, second = (np.concatenate(list(frames)) for _ in range(2))
    assert np.array_equal(first, second)
    with pytest.raises(CENetError, match="no stream 'smell'; streams are visual, acoustic"):
        FrameSequences(small_corpus.train, "smell")


# statistics


def test_statistics_are_numpys():
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((5000, 4)) * [1, 1e-3, 50, 2] + [0, 5, 1e5, -3]
    frames = frames.astype(np.float32)
    vocabulary = FeatureVocabulary(3, batch_size=64).fit(cut(frames, 37))
    exact = frames.astype(np.float64)
    np.testing.assert_allclose(vocabulary.mean_, exact.mean(0), rtol=1e-6)
    np.testing.assert_allclose(vocabulary.scale_, exact.std(0), rtol=1e-6)
    z = vocabulary.standardize(frames)
    np.testing.assert_allclose(z.std(0), 1, rtol=1e-4)
    np.testing.assert_allclose(vocabulary.profile()[:, 2], 1e5, rtol=1e-2)  # in its own units


def test_missing_values_are_counted_left_out_and_replaced_by_the_mean():
    frames, _ = blobs(2000)
    rng = np.random.default_rng(1)
    for value in (np.nan, np.inf, -np.inf):
        frames[rng.integers(0, 2000, 50), rng.integers(0, 5, 50)] = value
    broken = ~np.isfinite(frames)
    known = np.where(broken, np.nan, frames.astype(np.float64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vocabulary = FeatureVocabulary(6, batch_size=100).fit(cut(frames, 13))
        codes = vocabulary.predict(frames)
    assert vocabulary.n_nonfinite_ == broken.sum() > 100
    np.testing.assert_allclose(vocabulary.mean_, np.nanmean(known, 0), rtol=1e-6)
    np.testing.assert_allclose(vocabulary.scale_, np.nanstd(known, 0), rtol=1e-6)
    filled = np.where(broken, vocabulary.mean_, frames)
    assert np.array_equal(codes, vocabulary.predict(filled))
    assert (vocabulary.standardize(frames)[broken] == 0).all()


def test_constant_and_missing_channels_say_nothing():
    frames, _ = blobs(1000)
    constant = np.full((1000, 1), 0.1, np.float32)
    missing = np.full((1000, 1), np.nan, np.float32)
    plain = FeatureVocabulary(6, batch_size=333).fit(frames)
    more = FeatureVocabulary(6, batch_size=333).fit(np.hstack([frames, constant, missing]))
    np.testing.assert_array_equal(more.scale_[5:], 1)
    np.testing.assert_allclose(more.mean_[5:], [0.1, 0])
    np.testing.assert_allclose(more.codes_[:, :5], plain.codes_, atol=1e-5)
    np.testing.assert_allclose(more.codes_[:, 5:], 0, atol=1e-6)


@pytest.mark.parametrize("gap", [slice(0, 200), slice(400, 600), slice(800, 1000)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_channel_may_be_missing_for_whole_batches(gap, value):
    frames, _ = blobs(1000)
    frames[gap, 2] = value  # no face for a while: first, in between, or last
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vocabulary = FeatureVocabulary(6, batch_size=100).fit(frames)
    known = np.where(np.isfinite(frames), frames.astype(np.float64), np.nan)
    np.testing.assert_allclose(vocabulary.mean_, np.nanmean(known, 0), rtol=1e-6)
    np.testing.assert_allclose(vocabulary.scale_, np.nanstd(known, 0), rtol=1e-6)


@pytest.mark.parametrize("kind", ["ends", "one outlier", "tiny", "tiny and rare"])
def test_extreme_values_neither_warn_nor_break(kind):
    rng = np.random.default_rng(0)
    if kind == "ends":
        frames = rng.choice([-F32_MAX, 0, F32_MAX], (200, 3)).astype(np.float32)
    elif kind == "one outlier":
        frames = rng.standard_normal((200, 3)).astype(np.float32)
        frames[17, 1] = F32_MAX
    elif kind == "tiny":  # below the smallest normal number
        frames = (1e-44 * rng.integers(0, 9, (200, 3))).astype(np.float32)
    else:  # so that float32 has no number for the standard deviation
        frames = np.zeros((200, 3), np.float32)
        frames[:3] = 1e-45 * np.eye(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vocabulary = FeatureVocabulary(4, batch_size=50).fit(frames)
        used = vocabulary.count(frames)
        # what was never seen in fitting, as far from it as can be
        far = vocabulary.standardize(np.array([[F32_MAX, -F32_MAX, 0]], np.float32))
    assert vocabulary.n_nonfinite_ == 0
    assert np.isfinite(vocabulary.codes_).all()
    assert used.sum() == 200
    assert far[0, 0] > 0 > far[0, 1]


def test_numbers_beyond_float32_are_missing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vocabulary = FeatureVocabulary(2).fit([[[0.0], [1.0]], [[1e300], [2.0]]])
    assert vocabulary.n_nonfinite_ == 1
    np.testing.assert_allclose(vocabulary.mean_, [1])


# clustering


def test_transform_finds_the_nearest_code():
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((500, 7)) * 3 + 100
    vocabulary = FeatureVocabulary(9).fit(frames)
    z = vocabulary.standardize(frames).astype(np.float64)
    distance = ((z[:, None] - vocabulary.codes_[None].astype(np.float64)) ** 2).sum(-1)
    np.testing.assert_allclose(vocabulary.transform(frames) ** 2, distance, rtol=1e-6)
    chosen = vocabulary.predict(frames)
    assert chosen.dtype == np.int64
    np.testing.assert_allclose(distance[np.arange(500), chosen], distance.min(1), atol=1e-4)
    np.testing.assert_allclose(vocabulary.inertia(frames), distance.min(1).mean(), rtol=1e-5)
    np.testing.assert_allclose(
        vocabulary.inertia(cut(frames, 3)), distance.min(1).mean(), rtol=1e-5
    )


def test_a_code_does_not_depend_on_the_frames_beside():
    """Between two codes, the last digits of a product decide, which depend on how many rows."""
    rng = np.random.default_rng(0)
    vocabulary = FeatureVocabulary(16).fit(rng.standard_normal((2000, 74)))
    pairs = rng.integers(0, 16, (600, 2))
    between = vocabulary.codes_[pairs].mean(1) * vocabulary.scale_ + vocabulary.mean_  # (600, 74)
    together = vocabulary.predict(between)
    assert together.tolist() == [int(vocabulary.predict(frame[None])[0]) for frame in between]


def test_count_has_a_place_for_padding():
    frames, _ = blobs(200)
    vocabulary = FeatureVocabulary(6).fit(frames)
    counts = vocabulary.count(frames)
    codes = vocabulary.predict(frames)
    assert counts.tolist() == [int((codes == c).sum()) for c in range(6)] + [0]
    nothing = vocabulary.count(np.zeros((0, 5)))
    assert nothing.tolist() == [0] * 7
    assert nothing.dtype == np.int64


def test_a_code_is_the_mean_of_the_sample_and_of_all_frames():
    rng = np.random.default_rng(0)
    frames = rng.normal((0, 1000, 0), 1, (100_000, 3)).astype(np.float32)
    sample = Sample(1000, seed=0)
    for batch in batches(frames, 8192):
        sample.add(batch)
    vocabulary = FeatureVocabulary(1, sample_size=1000).fit(frames)
    z = vocabulary.standardize(np.concatenate([sample.frames(), frames])).astype(np.float64)
    np.testing.assert_allclose(vocabulary.codes_[0], z.mean(0), atol=1e-7)


def test_as_good_as_kmeans_on_everything():
    rng = np.random.default_rng(0)
    frames = (
        rng.standard_normal((40_000, 8))
        + 2 * rng.standard_normal((30, 8))[rng.integers(0, 30, 40_000)]
    )
    vocabulary = FeatureVocabulary(8).fit(frames)
    z = vocabulary.standardize(frames)
    reference = KMeans(8, n_init=1, random_state=0).fit(z)
    assert vocabulary.inertia(frames) < 1.01 * reference.inertia_ / len(z)


@pytest.mark.parametrize("order", ["mixed", "sorted", "reversed"])
def test_rare_clusters_keep_their_code_in_any_order(order):
    # files come sorted by video, so a cluster may be absent from most batches
    shares = np.array([0.33, 0.33, 0.33, 0.005, 0.005])
    frames, cluster = blobs(20_000, m=5, shares=shares, apart=20)
    if order != "mixed":
        rows = np.argsort(cluster if order == "sorted" else -cluster, kind="stable")
        frames, cluster = frames[rows], cluster[rows]
    vocabulary = FeatureVocabulary(5, batch_size=1000, sample_size=4000).fit(frames)
    codes = vocabulary.predict(frames)
    assert all(len(np.unique(codes[cluster == c])) == 1 for c in range(5))
    assert len(np.unique(codes)) == 5
    centres = np.stack([frames[cluster == c].mean(0) for c in range(5)])
    found = vocabulary.profile()[[codes[cluster == c][0] for c in range(5)]]
    np.testing.assert_allclose(found, centres, atol=0.2)


def test_an_empty_code_starts_again_where_the_others_fit_worst():
    # k-means cannot tell 1 from the next float32, so one of three codes stays empty at first
    next_to_one = np.nextafter(np.float32(1), np.float32(2))
    first = np.array([0] * 10 + [1] * 10 + [next_to_one], np.float32)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vocabulary = FeatureVocabulary(3).partial_fit(first)
    assert np.unique(vocabulary.profile().round(5)).tolist() == [0, 1]
    vocabulary.partial_fit(np.full((5, 1), -3, np.float32))  # nearer to the code at 0
    np.testing.assert_allclose(np.sort(vocabulary.profile().ravel()), [-3, 0, 1], atol=1e-5)


def test_codes_find_the_planted_states(demo_corpus):
    for stream in ("visual", "acoustic"):
        vocabulary = FeatureVocabulary(16).fit(FrameSequences(demo_corpus.train, stream))
        table = np.zeros((16, 16))
        for utterance in demo_corpus.valid:
            states = utterance.annotations[f"{stream}_states"]
            np.add.at(table, (vocabulary.predict(utterance.frames(stream)), states), 1)
        assert table.max(1).sum() / table.sum() > 0.85  # purity; .91 and .92 were seen
        assert (table.sum(1) > 0).all()


@settings(max_examples=40, deadline=None)
@given(
    frames=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 30), st.integers(1, 3)),
        elements=st.floats(width=32),  # NaN, ±∞ and subnormal numbers too
    ),
    k=st.integers(1, 6),
    size=st.integers(1, 9),
)
def test_any_frames_give_a_vocabulary_or_one_clear_error(frames, k, size):
    vocabulary = FeatureVocabulary(k, batch_size=4, n_init=1)
    refused = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            vocabulary.fit(cut(frames, size))
            counts = vocabulary.count(frames)
        except CENetError as error:
            refused = str(error)
    if refused:
        distinct, text = refused.split(" ", 1)
        assert int(distinct) < k
        assert text.startswith("distinct frames cannot make")
        return
    assert np.isfinite(vocabulary.codes_).all()
    assert counts.sum() == len(frames)
    assert counts[-1] == 0
    assert vocabulary.n_nonfinite_ == (~np.isfinite(frames)).sum()


@settings(max_examples=40, deadline=None)
@given(
    frames=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.integers(1, 3)),
        elements=st.integers(-2, 2).map(float),
    ),
    k=st.integers(1, 8),
)
def test_as_many_distinct_frames_as_codes_are_enough(frames, k):
    vocabulary = FeatureVocabulary(k, n_init=1)
    if len(np.unique(frames, axis=0)) < k:
        with pytest.raises(CENetError, match="distinct frames cannot make"):
            vocabulary.fit(frames)
    else:
        assert (vocabulary.fit(frames).count(frames)[:-1] > 0).all()  # none stays empty


# streams


def test_partial_fit_learns_from_a_stream():
    frames, cluster = blobs(6000)
    frames[[10, 5000], 0] = np.nan
    vocabulary = FeatureVocabulary(6, batch_size=500)
    for chunk in cut(frames, 900):
        assert vocabulary.partial_fit(chunk) is vocabulary
    vocabulary.partial_fit(np.zeros((0, 5)))
    assert (vocabulary.n_frames_, vocabulary.n_nonfinite_) == (6000, 2)
    codes = vocabulary.predict(frames)
    assert len({(a, b) for a, b in zip(codes, cluster, strict=True)}) == 6  # one code per cluster
    centres = np.stack([np.nanmean(frames[codes == c], 0) for c in range(6)])
    np.testing.assert_allclose(vocabulary.profile(), centres, atol=0.1)


def test_partial_fit_moves_the_codes_of_fit_on():
    frames, _ = blobs(3000)
    vocabulary = FeatureVocabulary(6).fit(frames)
    before = vocabulary.codes_.copy()
    vocabulary.partial_fit(frames[:300] + 1)
    assert vocabulary.n_frames_ == 3300
    moved = np.linalg.norm(vocabulary.codes_ - before, axis=1)
    assert 0 < moved.max() < 0.2  # 300 frames weigh little against 3,000


@pytest.mark.slow
def test_memory_is_bounded():
    class Stream:  # 600,000 frames of 16, 38 MB, which exist a piece at a time
        def __iter__(self):
            rng = np.random.default_rng(0)
            for _ in range(600):
                yield rng.standard_normal((1000, 16), dtype=np.float32)

    tracemalloc.start()
    try:
        FeatureVocabulary(4, n_init=1, batch_size=2048, sample_size=2000).fit(Stream())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6e6


def test_progress_shows_and_changes_nothing(capsys):
    frames, _ = blobs()
    vocabulary = FeatureVocabulary(6).fit(frames, progress=True)
    shown = capsys.readouterr().err
    assert "statistics" in shown
    assert "k-means, k = 6: 100%" in shown
    assert same(vocabulary, FeatureVocabulary(6).fit(frames))
    assert capsys.readouterr().err == ""


# bad input

NONE_OF_TEN = np.arange(10.0)[:, None]


@pytest.mark.parametrize(
    ("parameters", "frames", "message"),
    [
        ({}, np.zeros((100, 3)), "1 distinct frames cannot make 16 codes; choose n_codes ≤ 1"),
        ({"n_codes": 11}, NONE_OF_TEN.repeat(100, 0), "10 distinct frames cannot make 11 codes"),
        ({"n_codes": 3, "sample_size": 3}, np.zeros((50, 1)), r"in a sample of 3\) cannot make"),
        ({}, np.zeros((0, 3)), "not a single frame"),
        ({}, [], "not a single frame"),
        ({}, [np.zeros((0, 3)), np.zeros((0, 0))], "not a single frame"),
        ({}, [np.zeros((4, 3)), np.zeros((4, 2))], "2 columns where 3 were expected; use one"),
        ({"batch_size": 4}, [np.zeros((4, 3)), np.zeros((4, 2))], "2 columns where 3 were exp"),
        ({}, np.zeros((4, 0)), "0 columns where at least 1 were expected"),
        ({}, np.zeros(4), r"shape \(4,\); expected a matrix"),
        ({}, np.zeros((4, 3, 2)), r"shape \(4, 3, 2\); expected a matrix"),
        ({}, [[1.0, 2.0], [3.0, 4.0]], r"shape \(2,\); expected a matrix"),
        ({}, [np.array([["a", "b"]])], "not numbers"),
        ({}, (frames for frames in [np.zeros((4, 3))]), "give a list, not a generator"),
        ({"n_codes": 0}, NONE_OF_TEN, "n_codes must be a whole number of at least 1, not 0"),
        ({"n_codes": 2.0}, NONE_OF_TEN, "n_codes must be a whole number"),
        ({"n_init": "3"}, NONE_OF_TEN, "n_init must be a whole number"),
        ({"batch_size": -5}, NONE_OF_TEN, "batch_size must be a whole number"),
        ({"sample_size": 4}, NONE_OF_TEN, "a sample of 4 cannot make 16 codes"),
        ({"random_state": -1}, NONE_OF_TEN, "random_state must be"),
        ({"random_state": 2**32}, NONE_OF_TEN, "random_state must be"),
    ],
)
def test_fit_refuses(parameters, frames, message):
    vocabulary = FeatureVocabulary(**parameters)
    with pytest.raises(CENetError, match=message):
        vocabulary.fit(frames)
    assert not hasattr(vocabulary, "codes_")


def test_other_frames_are_refused():
    vocabulary = FeatureVocabulary(6).fit(blobs()[0])
    reading = (vocabulary.transform, vocabulary.predict, vocabulary.count, vocabulary.inertia)
    for use in (*reading, vocabulary.partial_fit):
        with pytest.raises(CENetError, match=r"\(4, 3\) do not fit: the vocabulary was .* 5 col"):
            use(np.zeros((4, 3)))
        with pytest.raises(CENetError, match=r"expected a matrix.*Reshape your data"):
            use(np.zeros(5))
    assert vocabulary.n_frames_ == 3000


# files


@pytest.fixture
def saved(tmp_path):
    vocabulary = FeatureVocabulary(np.int64(6), random_state=5).fit(blobs()[0])
    vocabulary.save(tmp_path / "face.v1")
    return tmp_path, vocabulary


def test_save_and_load_are_exact(saved):
    folder, vocabulary = saved
    assert sorted(p.name for p in folder.iterdir()) == ["face.v1.json", "face.v1.npz"]
    again = FeatureVocabulary.load(folder / "face.v1")
    assert same(again, vocabulary)
    assert again.get_params() == vocabulary.get_params()
    frames, _ = blobs(seed=9)
    assert np.array_equal(again.predict(frames), vocabulary.predict(frames))
    with pytest.raises(CENetError, match="read from a file is finished; fit a new one"):
        again.partial_fit(frames)
    assert same(again.fit(blobs()[0]), vocabulary)  # but fit starts anew


def test_files_hold_no_pickle(saved):
    folder, _ = saved
    with np.load(folder / "face.v1.npz", allow_pickle=False) as arrays:
        assert {n: arrays[n].dtype.str for n in arrays.files} == dict.fromkeys(
            ("mean", "scale", "codes"), "<f4"
        )
        assert arrays["codes"].shape == (6, 5)
    settings = json.loads((folder / "face.v1.json").read_text(encoding="utf-8"))
    assert settings["parameters"]["n_codes"] == 6
    assert settings["n_frames"] == 3000


def change_settings(**changes):
    def change(folder):
        path = folder / "face.v1.json"
        settings = json.loads(path.read_text(encoding="utf-8")) | changes
        path.write_text(json.dumps(settings), encoding="utf-8")

    return change


def change_arrays(**changes):
    def change(folder):
        path = folder / "face.v1.npz"
        with np.load(path) as arrays:
            content = dict(arrays) | changes
        np.savez(path, **{name: array for name, array in content.items() if array is not None})

    return change


def truncate(name, share):
    def change(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "face.v1.json").unlink(), r"face\.v1\.json: is missing"),
        (lambda f: (f / "face.v1.npz").unlink(), r"face\.v1\.npz: is missing"),
        (truncate("face.v1.json", 0.5), r"face\.v1\.json: is damaged"),
        (truncate("face.v1.npz", 0.5), "not a saved vocabulary"),
        (truncate("face.v1.npz", 0), "not a saved vocabulary"),
        (lambda f: (f / "face.v1.json").write_text("[]"), "it holds no JSON object"),
        (lambda f: (f / "face.v1.json").write_bytes(b"\xff"), r"face\.v1\.json: is damaged"),
        (change_settings(format="other"), "its format is 'other'"),
        (change_settings(parameters={"n_codes": 7}), "6 codes instead of 7"),
        (change_settings(parameters={"n_codes": "6"}), "n_codes must be a whole number"),
        (change_settings(parameters={"k": 6}), "unexpected keyword"),
        (change_settings(n_frames="many"), "not a saved vocabulary"),
        (change_arrays(codes=None), "not a saved vocabulary"),
        (change_arrays(mean=np.zeros(4, np.float32)), "do not fit together"),
        (change_arrays(scale=np.float32(1)), "do not fit together"),
        (change_arrays(codes=np.zeros((6, 5))), "codes is not finite float32"),
        (change_arrays(codes=np.full((6, 5), np.nan, np.float32)), "codes is not finite"),
        (change_arrays(codes=np.array([[print] * 5] * 6)), "pickle"),
    ],
)
def test_damaged_files_are_refused(saved, damage, message):
    folder, _ = saved
    damage(folder)
    with pytest.raises(CENetError, match=message) as caught:
        FeatureVocabulary.load(folder / "face.v1")
    assert str(folder / "face.v1") in str(caught.value)
    assert "train the run anew" in str(caught.value)
