"""Vocabularies for streams without words: k-means turns frames into codes.

Text enters a language model as indices into a vocabulary. CENet treats face and voice the same way
(paper, "feature transformation"): k-means over the frames of the train split finds k typical
frames, the *codes*; a frame's code is the nearest one. A stream of n frames of d real numbers
becomes n integers in 0 ... k-1, and id k stands for padding.

Two things must not slip in: padding (frames that never happened) and other splits (frames that the
model must not have seen). So the vocabulary is fitted on the train split's real frames only.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import NotFittedError
from sklearn.metrics import silhouette_score
from tqdm.auto import tqdm

from .errors import CENetError
from .files import atomic_file
from .utterance import Utterance


class FrameSequences(Iterable):
    """The frames of one stream, utterance by utterance, as often as one likes.

    A stored corpus reads them from disk each time, so memory stays bounded.

    >>> vocabulary.fit(FrameSequences(corpus.train, "acoustic"))  # doctest: +SKIP
    """

    def __init__(self, utterances: Sequence[Utterance], stream: str):
        self.utterances = utterances
        self.stream = stream

    def __iter__(self) -> Iterator[np.ndarray]:
        if hasattr(self.utterances, "frames"):  # a stored corpus has a short cut
            return self.utterances.frames(self.stream)
        return (utterance.frames(self.stream) for utterance in self.utterances)

    def __len__(self) -> int:
        return len(self.utterances)


class FeatureVocabulary(TransformerMixin, BaseEstimator):
    """A k-means code book for frames.

    Frames are standardised with the statistics of the frames that it is fitted on, so that a
    channel in Hertz does not outweigh a channel in units of evidence. NaN and infinite values count
    as missing: they are ignored in the statistics, replaced by the channel's mean, and counted.

    Fitting takes three passes, each in batches of fixed size whatever pieces the frames come in:
    statistics; k-means on a random sample, for the start; mini-batch k-means over everything. So
    the memory is bounded, and the result depends only on the frames, their order and the seed.

    Parameters
    ----------
    n_codes : int
        Size k of the vocabulary, 16 in the paper.
    n_init : int
        Restarts of k-means on the sample.
    sample_size : int
        Frames in that sample.
    batch_size : int
        Frames in a mini-batch.
    random_state : int

    Attributes
    ----------
    mean_, scale_ : (d,) float32
        Statistics of the fitted frames.
    codes_ : (n_codes, d) float32
        The code book, in standardised units.
    n_frames_ : int
        Frames fitted on.
    n_nonfinite_ : int
        Values among them that were NaN or infinite.

    Source: CENet, Wang et al. 2023, section "feature transformation"; Sculley 2010 for
    mini-batches.
    """

    def __init__(
        self,
        n_codes: int = 16,
        *,
        n_init: int = 3,
        sample_size: int = 20_000,
        batch_size: int = 8192,
        random_state: int = 0,
    ):
        self.n_codes = n_codes
        self.n_init = n_init
        self.sample_size = sample_size
        self.batch_size = batch_size
        self.random_state = random_state

    @property
    def padding_code(self) -> int:
        """The id that stands for "no frame here": one after the last code."""
        return self.n_codes

    def fit(self, frames, y=None, *, progress: bool = False) -> "FeatureVocabulary":
        """Find the codes.

        Parameters
        ----------
        frames : (n, d) array, or an iterable of (n_i, d) arrays that can be iterated repeatedly
        y : ignored
        progress : bool
            Show a progress bar.

        Raises
        ------
        CENetError
            If there are fewer distinct frames than codes, or widths differ.
        """
        frames = [frames] if isinstance(frames, np.ndarray) else frames
        if iter(frames) is frames:
            raise CENetError("fit reads the frames more than once; give a list, not a generator")
        mean, scale, n_frames, n_nonfinite = self._statistics(frames, progress)
        rng = np.random.default_rng(self.random_state)
        size = min(self.sample_size, n_frames)
        rows = np.sort(rng.choice(n_frames, size, replace=False))
        self._start(mean, scale, self._take(frames, rows, mean, scale))
        self.n_frames_, self.n_nonfinite_ = n_frames, n_nonfinite
        total = -(-n_frames // self.batch_size)
        for batch in tqdm(
            _batches(frames, self.batch_size),
            desc=f"k-means, k = {self.n_codes}",
            total=total,
            disable=not progress,
        ):
            self._refine(batch)
        return self

    def partial_fit(self, frames, y=None) -> "FeatureVocabulary":
        """Learn from one chunk (n, d) of a stream that is read only once.

        The first chunk sets the statistics and the starting codes, so it should be a fair sample;
        the later ones move the codes only.
        """
        frames = np.asarray(frames, dtype=np.float32)
        if hasattr(self, "codes_") and not hasattr(self, "_kmeans"):
            raise CENetError("a vocabulary read from a file is finished; fit a new one instead")
        if not hasattr(self, "codes_"):
            mean, scale, _, _ = self._statistics([frames], False)
            self._start(mean, scale, self._take([frames], slice(None), mean, scale))
            self.n_frames_ = self.n_nonfinite_ = 0
        self._check_width(frames)
        self.n_frames_ += len(frames)
        self.n_nonfinite_ += int(np.count_nonzero(~np.isfinite(frames)))
        if len(frames):
            self._refine(frames)
        return self

    def transform(self, frames) -> np.ndarray:
        """Return the code of each frame.

        Parameters
        ----------
        frames : (n, d) array

        Returns
        -------
        codes : (n,) int64, values 0 ... n_codes - 1
        """
        return self._nearest(self.standardize(frames))

    def count(self, frames) -> np.ndarray:
        """Return how often each code occurs, with a zero for padding at the end.

        Counts are all that the CE module needs to know of a stream.

        Parameters
        ----------
        frames : (n, d) array

        Returns
        -------
        counts : (n_codes + 1,) int64
        """
        return np.bincount(self.transform(frames), minlength=self.n_codes + 1)

    def standardize(self, frames) -> np.ndarray:
        """Return the frames (n, d) in units of the train split; missing values become 0."""
        self._check_fitted()
        frames = np.asarray(frames, dtype=np.float32)
        self._check_width(frames)
        return _standardize(frames, self.mean_, self.scale_)

    def profile(self) -> np.ndarray:
        """Return the code book (n_codes, d) in the features' own units."""
        self._check_fitted()
        return self.codes_ * self.scale_ + self.mean_

    def inertia(self, frames) -> float:
        """Return the mean squared distance of a frame to its code, in standardised units.

        Parameters
        ----------
        frames : (n, d) array or iterable of such
        """
        frames = [frames] if isinstance(frames, np.ndarray) else frames
        total, n = 0.0, 0
        for batch in _batches(frames, self.batch_size):
            z = self.standardize(batch)
            total += float(((z - self.codes_[self._nearest(z)]) ** 2).sum(dtype=np.float64))
            n += len(z)
        return total / n if n else float("nan")

    def save(self, stem: str | Path) -> None:
        """Write ``<stem>.json`` (settings) and ``<stem>.npz`` (arrays)."""
        self._check_fitted()
        stem = Path(stem)
        settings = {
            "format": "cenet-vocabulary",
            "parameters": self.get_params(),
            "n_frames": self.n_frames_,
            "n_nonfinite": self.n_nonfinite_,
        }
        with (
            atomic_file(stem.with_name(stem.name + ".npz")) as temporary,
            temporary.open("wb") as f,
        ):
            np.savez(f, mean=self.mean_, scale=self.scale_, codes=self.codes_)
        with atomic_file(stem.with_name(stem.name + ".json")) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, stem: str | Path) -> "FeatureVocabulary":
        """Read what `save` wrote.

        Raises
        ------
        CENetError
            If a file is missing or damaged.
        """
        stem = Path(stem)
        try:
            settings = json.loads(stem.with_name(stem.name + ".json").read_text(encoding="utf-8"))
            vocabulary = cls(**settings["parameters"])
            with np.load(stem.with_name(stem.name + ".npz"), allow_pickle=False) as arrays:
                vocabulary.mean_ = arrays["mean"]
                vocabulary.scale_ = arrays["scale"]
                vocabulary.codes_ = arrays["codes"]
            vocabulary.n_frames_ = settings["n_frames"]
            vocabulary.n_nonfinite_ = settings["n_nonfinite"]
        except FileNotFoundError as error:
            raise CENetError(f"{error.filename}: is missing; train the run anew") from None
        except Exception as error:  # zip, JSON, key and type errors all mean the same here
            raise CENetError(
                f"{stem}: is not a saved vocabulary ({error}); train the run anew"
            ) from error
        if vocabulary.codes_.shape != (vocabulary.n_codes, len(vocabulary.mean_)):
            raise CENetError(f"{stem}: its arrays do not fit together; train the run anew")
        return vocabulary

    @property
    def n_features_in_(self) -> int:
        """Number of feature columns that it was fitted on (scikit-learn's name for it)."""
        self._check_fitted()
        return len(self.mean_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "codes_")

    def _nearest(self, z: np.ndarray) -> np.ndarray:
        """Return the nearest code (n,) of standardised frames (n, d)."""
        # |z - c|² without |z|², which is the same for every code
        distance = (self.codes_**2).sum(1) - 2 * (z @ self.codes_.T)  # (n, k)
        return distance.argmin(1)

    def _check_fitted(self) -> None:
        if not hasattr(self, "codes_"):
            raise NotFittedError("this FeatureVocabulary has no codes yet; call fit first")

    def _check_width(self, frames: np.ndarray) -> None:
        if frames.ndim != 2 or frames.shape[1] != len(self.mean_):
            raise CENetError(
                f"frames of shape {frames.shape} do not fit: the vocabulary was fitted on "
                f"{len(self.mean_)} columns; give the same features, or fit a new vocabulary"
            )

    def _statistics(self, frames, progress: bool) -> tuple[np.ndarray, np.ndarray, int, int]:
        """Return mean, scale, number of frames and number of non-finite values, in one pass.

        Batches are merged by the update of Chan, Golub and LeVeque, which stays exact where the
        textbook's mean of squares minus squared mean cancels.
        """
        n, mean, m2, n_frames, n_nonfinite = 0.0, 0.0, 0.0, 0, 0
        for batch in tqdm(
            _batches(frames, self.batch_size), desc="statistics", disable=not progress
        ):
            x = batch.astype(np.float64)
            n_frames += len(x)
            finite = np.isfinite(x)
            here = finite.sum(0)  # (d,)
            if here.min(initial=len(x)) < len(x):
                n_nonfinite += int(finite.size - here.sum())
                x = np.where(finite, x, 0.0)
            else:
                finite = True
            mean_here = x.sum(0) / np.maximum(here, 1)
            x -= mean_here
            m2_here = np.square(x, out=x).sum(0, where=finite)
            both = np.maximum(n + here, 1)
            delta = mean_here - mean
            mean = mean + delta * here / both
            m2 = m2 + m2_here + delta**2 * n * here / both
            n = n + here
        if n_frames == 0:
            raise CENetError("there is not a single frame to fit a vocabulary on")
        scale = np.sqrt(m2 / np.maximum(n, 1))
        # A constant channel says nothing; dividing by 1 keeps it at 0.
        scale[(scale < 1e-9 * np.maximum(np.abs(mean), 1e-30)) | (scale == 0)] = 1.0
        return mean.astype(np.float32), scale.astype(np.float32), n_frames, n_nonfinite

    def _take(self, frames, rows, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return some rows of all frames, standardised."""
        if isinstance(rows, slice):
            return _standardize(np.concatenate(list(frames))[rows], mean, scale)
        taken, first = [], 0
        for batch in _batches(frames, self.batch_size):
            begin, end = np.searchsorted(rows, [first, first + len(batch)])
            taken.append(batch[rows[begin:end] - first])
            first += len(batch)
        return _standardize(np.concatenate(taken), mean, scale)

    def _start(self, mean: np.ndarray, scale: np.ndarray, sample: np.ndarray) -> None:
        """Set the statistics, and the codes to k-means of a standardised sample."""
        distinct = len(np.unique(sample, axis=0)) if len(sample) < 20 * self.n_codes else None
        if distinct is not None and distinct < self.n_codes:
            raise CENetError(
                f"{distinct} distinct frames cannot make {self.n_codes} codes; "
                f"choose n_codes ≤ {distinct}, or give more data"
            )
        self.mean_, self.scale_ = mean, scale
        kmeans = KMeans(self.n_codes, n_init=self.n_init, random_state=self.random_state)
        start = kmeans.fit(sample).cluster_centers_.astype(np.float32)
        self._kmeans = MiniBatchKMeans(
            self.n_codes, init=start, n_init=1, random_state=self.random_state
        )
        self.codes_ = start

    def _refine(self, frames: np.ndarray) -> None:
        self._kmeans.partial_fit(_standardize(frames, self.mean_, self.scale_))
        self.codes_ = self._kmeans.cluster_centers_.astype(np.float32)


def _standardize(frames: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        z = (frames - mean) / scale
    if not np.isfinite(z).all():
        # ±∞ is a broken measurement (the logarithm of nothing), not a large one
        z = np.where(np.isfinite(z), z, np.float32(0))
    return z


def _batches(sequences: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Regroup pieces of any length into batches of exactly ``size`` frames (the last: fewer)."""
    waiting, n = [], 0
    for piece in sequences:
        piece = np.asarray(piece, dtype=np.float32)
        while n + len(piece) >= size:
            waiting.append(piece[: size - n])
            yield _join(waiting)
            piece = piece[size - n :]
            waiting, n = [], 0
        if len(piece):
            waiting.append(piece)
            n += len(piece)
    if n:
        yield _join(waiting)


def _join(pieces: list[np.ndarray]) -> np.ndarray:
    widths = {piece.shape[1] if piece.ndim == 2 else piece.shape for piece in pieces}
    if len(widths) > 1:
        raise CENetError(
            f"frames differ in width ({sorted(map(str, widths))}); use one feature set"
        )
    return np.concatenate(pieces)


def describe_codes(
    vocabulary: FeatureVocabulary,
    train: Sequence[Utterance],
    valid: Sequence[Utterance],
    stream: str,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Report how a vocabulary is used and which real frames its codes stand for.

    Returns
    -------
    codes : DataFrame, one row per code
        ``frames`` and ``share`` in train, and the train frame nearest to the code as
        ``nearest_segment`` and ``nearest_frame`` (counted from 0).
    summary : dict
        ``inertia_train``, ``inertia_valid`` (per frame, standardised units), ``entropy`` of the
        usage in bits and its maximum ``entropy_max``, ``nonfinite`` values met in fitting.
    """
    k = vocabulary.n_codes
    used = np.zeros(k, dtype=np.int64)
    nearest = np.full(k, np.inf)
    where: list[tuple[str, int]] = [("", -1)] * k
    total, n = 0.0, 0
    for utterance in train:
        z = vocabulary.standardize(utterance.frames(stream))  # (n, d)
        codes = vocabulary._nearest(z)  # (n,)
        distance = ((z - vocabulary.codes_[codes]) ** 2).sum(1)  # (n,)
        used += np.bincount(codes, minlength=k)
        total, n = total + float(distance.sum(dtype=np.float64)), n + len(z)
        for code in np.unique(codes):
            here = np.flatnonzero(codes == code)
            best = here[distance[here].argmin()]
            if distance[best] < nearest[code]:
                nearest[code], where[code] = distance[best], (utterance.id, int(best))
    share = used / max(n, 1)
    table = pd.DataFrame(
        {
            "code": np.arange(k),
            "frames": used,
            "share": share,
            "nearest_segment": [segment for segment, _ in where],
            "nearest_frame": [frame for _, frame in where],
        }
    )
    summary = {
        "inertia_train": total / n if n else float("nan"),
        "inertia_valid": vocabulary.inertia(FrameSequences(valid, stream)),
        "entropy": usage_entropy(used),
        "entropy_max": float(np.log2(k)),
        "nonfinite": vocabulary.n_nonfinite_,
    }
    return table, summary


def usage_entropy(counts: np.ndarray) -> float:
    """Return the entropy, in bits, of how often each code is used: log2(k) if all are equal."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


def compare_sizes(
    frames: Iterable[np.ndarray],
    sizes: Iterable[int] = (2, 4, 8, 12, 16, 24, 32, 48),
    *,
    sample: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Fit one vocabulary per size k, to help to choose k.

    Parameters
    ----------
    frames : iterable of (n_i, d) arrays
        The train split's.
    sizes : ints
    sample : int
        Frames for the silhouette, whose cost grows with their square.

    Returns
    -------
    DataFrame with a row per k
        ``k``; ``inertia`` per frame; ``silhouette`` in [-1, 1] (Rousseeuw 1987), on the sample;
        ``entropy`` of the usage in bits.
    """
    rng = np.random.default_rng(random_state)
    n_frames = sum(len(piece) for piece in frames)
    rows = np.sort(rng.choice(n_frames, min(sample, n_frames), replace=False))
    table = []
    for k in sizes:
        vocabulary = FeatureVocabulary(k, random_state=random_state).fit(frames)
        z = vocabulary._take(frames, rows, vocabulary.mean_, vocabulary.scale_)
        codes = vocabulary._nearest(z)
        used = sum(
            np.bincount(vocabulary.transform(batch), minlength=k)
            for batch in _batches(frames, vocabulary.batch_size)
        )
        distinct = len(np.unique(codes))
        table.append(
            {
                "k": k,
                "inertia": vocabulary.inertia(frames),
                "silhouette": silhouette_score(z, codes) if 1 < distinct < len(z) else np.nan,
                "entropy": usage_entropy(used),
            }
        )
    return pd.DataFrame(table)
