"""Vocabularies for streams without words: k-means turns frames into codes.

Text enters a language model as indices into a vocabulary. CENet treats face and voice the same way
(paper, "feature transformation"): k-means over the frames of the train split finds k typical
frames, the *codes*; a frame's code is the nearest one. A stream of n frames of d real numbers
becomes n integers in 0 ... k-1, and id k stands for padding.

Two things must not slip in: padding (frames that never happened) and other splits (frames that the
model must not have seen). So the vocabulary is fitted on the train split's real frames only.
"""

import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from .errors import CENetError
from .files import atomic_file
from .utterance import STREAMS, Utterance

FORMAT = "cenet-vocabulary"
FARTHEST = 1e6  # standard deviations; beyond, float32 cannot tell distances apart

# Two threads add up in the order in which they finish, so the last digits would differ from run to
# run; and the products here are so small that threads mostly wait, above all on a busy computer.
_one_thread = threadpool_limits.wrap(limits=1)


class FrameSequences(Iterable):
    """The frames of one stream, utterance by utterance, as often as one likes.

    A stored corpus reads them from disk each time, so memory stays bounded.

    >>> vocabulary.fit(FrameSequences(corpus.train, "acoustic"))  # doctest: +SKIP
    """

    def __init__(self, utterances: Sequence[Utterance], stream: str):
        if stream not in STREAMS:
            raise CENetError(f"there is no stream {stream!r}; streams are {', '.join(STREAMS)}")
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

    Fitting reads the frames twice: once for the statistics and a random sample, on which ordinary
    k-means finds where to start; and once for mini-batch k-means, in which each code becomes the
    running mean of all frames that chose it. Batches have a fixed size whatever pieces the frames
    come in. So the memory is bounded, and the result depends only on the frames, their order and
    the seed.

    scikit-learn's `MiniBatchKMeans` is not used for the second: it moves codes that a hundred times
    fewer frames chose than the most popular one to random frames, over and over. In files sorted by
    video, that throws good codes away.

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
        sample_size: int = 10_000,
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

    @_one_thread
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
            If there are fewer distinct frames than codes, widths differ, or a parameter is wrong.
        """
        self._check_parameters()
        frames = _pieces(frames)
        if iter(frames) is frames:
            raise CENetError("fit reads the frames more than once; give a list, not a generator")
        self._start(frames, progress)
        for batch in tqdm(
            _batches(frames, self.batch_size),
            desc=f"k-means, k = {self.n_codes}",
            total=-(-self.n_frames_ // self.batch_size),
            disable=not progress,
        ):
            self._refine(batch)
        return self

    @_one_thread
    def partial_fit(self, frames, y=None) -> "FeatureVocabulary":
        """Learn from one chunk (n, d) of a stream that is read only once.

        The first chunk sets the statistics and the starting codes, so it should be a fair sample;
        the later ones move the codes only.

        Raises
        ------
        CENetError
            If the first chunk has fewer distinct frames than codes, a later one another width, or
            the vocabulary was read from a file.
        """
        frames = _as_matrix(frames)
        if not hasattr(self, "codes_"):
            self._check_parameters()
            self._start([frames])
        elif not hasattr(self, "_weights"):
            raise CENetError("a vocabulary read from a file is finished; fit a new one instead")
        else:
            self._check_width(frames)
            self.n_frames_ += len(frames)
            self.n_nonfinite_ += int(np.count_nonzero(~np.isfinite(frames)))
        for batch in _batches([frames], self.batch_size):
            self._refine(batch)
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
        frames = _as_matrix(frames)
        self._check_width(frames)
        return _standardize(frames, self.mean_, self.scale_)

    def profile(self) -> np.ndarray:
        """Return the code book (n_codes, d) in the features' own units."""
        self._check_fitted()
        return self.codes_ * self.scale_ + self.mean_

    @_one_thread
    def inertia(self, frames) -> float:
        """Return the mean squared distance of a frame to its code, in standardised units.

        Parameters
        ----------
        frames : (n, d) array or iterable of such
        """
        total, n = 0.0, 0
        for batch in _batches(_pieces(frames), self.batch_size):
            z = self.standardize(batch)
            total += float(((z - self.codes_[self._nearest(z)]) ** 2).sum(dtype=np.float64))
            n += len(z)
        return total / n if n else float("nan")

    def save(self, stem: str | Path) -> None:
        """Write ``<stem>.json`` (settings) and ``<stem>.npz`` (arrays)."""
        self._check_fitted()
        stem = Path(stem)
        settings = {
            "format": FORMAT,
            "parameters": {n: None if v is None else int(v) for n, v in self.get_params().items()},
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
            if settings["format"] != FORMAT:
                raise ValueError(f"its format is {settings['format']!r}")
            vocabulary = cls(**settings["parameters"])
            vocabulary._check_parameters()
            with np.load(stem.with_name(stem.name + ".npz"), allow_pickle=False) as arrays:
                mean, scale, codes = (arrays[name] for name in ("mean", "scale", "codes"))
            if not (mean.shape == scale.shape == codes.shape[1:] and mean.ndim == 1):
                raise ValueError("its arrays do not fit together")
            if len(codes) != vocabulary.n_codes:
                raise ValueError(f"it has {len(codes)} codes instead of {vocabulary.n_codes}")
            for name, array in (("mean", mean), ("scale", scale), ("codes", codes)):
                if array.dtype != np.float32 or not np.isfinite(array).all():
                    raise ValueError(f"{name} is not finite float32")
            vocabulary.n_frames_ = int(settings["n_frames"])
            vocabulary.n_nonfinite_ = int(settings["n_nonfinite"])
        except FileNotFoundError as error:
            raise CENetError(f"{error.filename}: is missing; train the run anew") from None
        except Exception as error:  # zip, JSON, key and type errors all mean the same here
            raise CENetError(
                f"{stem}: is not a saved vocabulary ({error}); train the run anew"
            ) from error
        vocabulary.mean_, vocabulary.scale_, vocabulary.codes_ = mean, scale, codes
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

    def _check_parameters(self) -> None:
        for name in ("n_codes", "n_init", "sample_size", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise CENetError(f"{name} must be a whole number of at least 1, not {value!r}")
        if self.sample_size < self.n_codes:
            raise CENetError(f"a sample of {self.sample_size} cannot make {self.n_codes} codes")
        seed = self.random_state
        if seed is not None and not (isinstance(seed, (int, np.integer)) and 0 <= seed < 2**32):
            raise CENetError(f"random_state must be a whole number in [0, 2³²), not {seed!r}")

    def _start(self, frames: Iterable[np.ndarray], progress: bool = False) -> None:
        """Set the statistics, and the codes to k-means of a sample, in one pass."""
        statistics = _Statistics()
        drawn = _Sample(self.sample_size, np.random.default_rng(self.random_state))
        for batch in tqdm(
            _batches(frames, self.batch_size), desc="statistics", disable=not progress
        ):
            statistics.add(batch)
            drawn.add(batch)
        if statistics.n_frames == 0:
            raise CENetError("there is not a single frame to fit a vocabulary on")
        mean, scale = statistics.mean_and_scale()
        sample = _standardize(drawn.frames(), mean, scale)
        distinct = _count_distinct(sample, self.n_codes)
        if distinct < self.n_codes:
            among = "" if len(sample) == statistics.n_frames else f" (in a sample of {len(sample)})"
            raise CENetError(
                f"{distinct} distinct frames{among} cannot make {self.n_codes} codes; "
                f"choose n_codes ≤ {distinct}, or give more data"
            )
        kmeans = KMeans(self.n_codes, n_init=self.n_init, random_state=self.random_state)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # see `_refine`
            kmeans.fit(sample)
        self.mean_, self.scale_ = mean, scale
        self.n_frames_, self.n_nonfinite_ = statistics.n_frames, statistics.n_nonfinite
        self.codes_ = kmeans.cluster_centers_.astype(np.float32)
        # The sample counts as seen, so that one odd batch cannot carry a code away.
        self._weights = np.bincount(kmeans.labels_, minlength=self.n_codes)

    def _refine(self, frames: np.ndarray) -> None:
        """Move each code towards the mean of the frames (n, d) that choose it."""
        z = _standardize(frames, self.mean_, self.scale_)
        for code in np.flatnonzero(self._weights == 0):
            # No frame ever chose it: start it again where the other codes fit worst.
            distance = ((z - self.codes_[self._nearest(z)]) ** 2).sum(1)  # (n,)
            self.codes_[code] = z[distance.argmax()]
        codes = self._nearest(z)  # (n,)
        chosen = np.bincount(codes, minlength=self.n_codes)[:, None]  # (k, 1)
        choice = np.zeros((len(z), self.n_codes), dtype=np.float32)
        choice[np.arange(len(z)), codes] = 1  # (n, k), one-hot
        self._weights = self._weights + chosen[:, 0]
        step = (choice.T @ z - chosen * self.codes_) / np.maximum(self._weights, 1)[:, None]
        self.codes_ = (self.codes_ + step).astype(np.float32)  # (k, d)


class _Statistics:
    """Mean and standard deviation of each channel, and what was missing, batch by batch.

    Batches are merged by the update of Chan, Golub and LeVeque, which stays exact where the
    textbook's mean of squares minus squared mean cancels.
    """

    def __init__(self):
        self.n_frames = self.n_nonfinite = 0
        self._n, self._mean, self._m2 = 0, 0.0, 0.0  # per channel, of finite values

    def add(self, batch: np.ndarray) -> None:
        """Take in a batch (n, d) of frames."""
        x = batch.astype(np.float64)
        here, finite = len(x), True
        with np.errstate(invalid="ignore"):  # ∞ - ∞
            total = x.sum(0)  # (d,)
        if not np.isfinite(total).all():
            finite = np.isfinite(x)
            here = finite.sum(0)  # (d,)
            self.n_nonfinite += int(finite.size - here.sum())
            total = x.sum(0, where=finite)
        mean = total / np.maximum(here, 1)
        x -= mean
        m2 = np.square(x, out=x).sum(0, where=finite)
        both = np.maximum(self._n + here, 1)
        delta = mean - self._mean
        self._mean = self._mean + delta * here / both
        self._m2 = self._m2 + m2 + delta**2 * self._n * here / both
        self._n = self._n + here
        self.n_frames += len(x)

    def mean_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation (d,) as float32; 1 where a channel is constant."""
        scale = np.sqrt(self._m2 / np.maximum(self._n, 1)).astype(np.float32)
        scale[scale == 0] = 1  # a constant channel says nothing; dividing by 1 keeps it at 0
        return self._mean.astype(np.float32), scale


class _Sample:
    """A uniform sample, without replacement, of frames that come in batches.

    Each frame draws a random key, and those with the smallest keys stay. So one pass is enough, and
    the number of frames need not be known before.
    """

    def __init__(self, size: int, rng: np.random.Generator):
        self._size, self._rng = size, rng
        self._limit = 1.0
        self._keys: list[np.ndarray] = []
        self._frames: list[np.ndarray] = []

    def add(self, batch: np.ndarray) -> None:
        """Take in a batch (n, d) of frames."""
        keys = self._rng.random(len(batch))
        stay = keys < self._limit
        self._keys.append(keys[stay])
        self._frames.append(batch[stay])
        if sum(map(len, self._keys)) >= 2 * self._size:
            self._thin()

    def frames(self) -> np.ndarray:
        """Return the sample (size, d), or all frames if there are fewer, in their order."""
        self._thin()
        return self._frames[0]

    def _thin(self) -> None:
        keys, frames = np.concatenate(self._keys), np.concatenate(self._frames)
        if len(keys) > self._size:
            stay = np.sort(np.argpartition(keys, self._size)[: self._size])
            keys, frames = keys[stay], frames[stay]
            self._limit = keys.max()
        self._keys, self._frames = [keys], [frames]


def _standardize(frames: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        z = frames - mean
        z /= scale
    # NaN compares as False, so one look at the ends finds everything odd
    if not (z.min(initial=0) >= -FARTHEST and z.max(initial=0) <= FARTHEST):
        # ±∞ is a broken measurement (the logarithm of nothing), not a large one
        z = np.where(np.isfinite(frames), np.clip(z, -FARTHEST, FARTHEST), np.float32(0))
    return z


def _count_distinct(frames: np.ndarray, enough: int) -> int:
    """Return the number of distinct frames, or of as many of the first as are ``enough``."""
    few = len(np.unique(frames[: 20 * enough], axis=0))
    return few if few >= enough else len(np.unique(frames, axis=0))


def _pieces(frames) -> Iterable[np.ndarray]:
    return [frames] if hasattr(frames, "__array__") else frames


def _as_matrix(frames) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):  # beyond float32 means infinite, which is counted
            frames = np.asarray(frames, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise CENetError("frames are not numbers; expected a matrix (frames, features)") from error
    if frames.ndim != 2:
        raise CENetError(f"frames have shape {frames.shape}; expected a matrix (frames, features)")
    return frames


def _batches(sequences: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Regroup pieces of any length into batches of exactly ``size`` frames (the last: fewer)."""
    waiting, n, width = [], 0, None
    for piece in sequences:
        piece = _as_matrix(piece)
        if len(piece) == 0:
            continue
        width = width or piece.shape[1]
        if piece.shape[1] != width or width == 0:
            raise CENetError(
                f"frames have {piece.shape[1]} columns where {width} were expected; "
                "use one feature set"
            )
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
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


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


@_one_thread
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
    frames = _pieces(frames)
    table = []
    for k in sizes:
        vocabulary = FeatureVocabulary(k, random_state=random_state).fit(frames)
        drawn = _Sample(sample, np.random.default_rng(random_state))
        used, inertia = np.zeros(k, dtype=np.int64), 0.0
        for batch in _batches(frames, vocabulary.batch_size):
            drawn.add(batch)
            z = vocabulary.standardize(batch)
            codes = vocabulary._nearest(z)
            used += np.bincount(codes, minlength=k)
            inertia += float(((z - vocabulary.codes_[codes]) ** 2).sum(dtype=np.float64))
        z = vocabulary.standardize(drawn.frames())
        codes = vocabulary._nearest(z)
        distinct = len(np.unique(codes))
        table.append(
            {
                "k": k,
                "inertia": inertia / vocabulary.n_frames_,
                "silhouette": silhouette_score(z, codes) if 1 < distinct < len(z) else np.nan,
                "entropy": usage_entropy(used),
            }
        )
    return pd.DataFrame(table)
