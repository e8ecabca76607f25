"""Vocabularies for streams without words: k-means turns frames into codes.

Text enters a language model as indices into a vocabulary. CENet treats face and voice the same way
(paper, "feature transformation"): k-means over the frames of the train split finds k typical
frames, the *codes*; a frame's code is the nearest one. A stream of n frames of d real numbers
becomes n integers in 0 ... k-1, and k stands for padding.

Two things must not slip in: padding (frames that never happened) and other splits (frames that the
model must not have seen). So the vocabulary is fitted on the train split's real frames only.

The frames come from a corpus by way of `cenet_lib.frames`; what is fitted here serves
`cenet_lib.processor`, which counts the codes of each utterance.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from .errors import CENetError
from .files import atomic_file, read_json, refuse_special, write_json
from .frames import Frames, Sample, Statistics, as_matrix, batches, count_distinct, standardize

_FORMAT = "cenet-vocabulary"
_MEND = "train the run anew"
_APART = 1e-3  # standard deviations; frames that are nearer count as the same

F = TypeVar("F", bound=Callable[..., Any])


def one_thread(function: F) -> F:
    """Make a function compute with one thread, as a decorator.

    Two threads add up in the order in which they finish, so the last digits would differ from run
    to run; and the products here are so small that threads mostly wait, above all on a busy
    computer.

    Examples
    --------
    >>> @one_thread
    ... def total(frames):
    ...     return float(frames.sum())
    >>> total(np.ones((3, 2)))
    6.0
    """
    limited: F = threadpool_limits.wrap(limits=1)(function)
    return limited


# scikit-learn's classes have no types, so a type checker takes them for anything at all.
class FeatureVocabulary(TransformerMixin, ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """A k-means code book for frames, as a scikit-learn estimator.

    Frames are standardised with the statistics of the frames that it is fitted on, so that a
    channel in Hertz does not outweigh a channel in units of evidence. NaN and infinite values count
    as missing: they are ignored in the statistics, replaced by the channel's mean, and counted.

    Fitting reads the frames twice: once for the statistics and a random sample, on which ordinary
    k-means finds where to start; and once for mini-batch k-means, in which each code becomes the
    running mean of all frames that chose it. Batches have a fixed size whatever pieces the frames
    come in. So the memory is bounded, and the result depends only on the frames, their order and
    the seed.

    Parameters
    ----------
    n_codes : int
        The size k of the vocabulary, 16 in the paper.
    n_init : int
        How often k-means starts anew on the sample; the best result counts.
    sample_size, batch_size : int
        The numbers of frames in that sample and in a mini-batch.
    random_state : int, RandomState or None
        The seed, as everywhere in scikit-learn.

    Attributes
    ----------
    mean_, scale_ : (d,) float32
        Statistics of the fitted frames.
    codes_ : (n_codes, d) float32
        The code book, in standardised units.
    n_features_in_, n_frames_ : int
        Channels d and number of the fitted frames.
    n_nonfinite_ : int
        Values among them that were NaN or infinite.
    channels_ : tuple of str or None
        The names of the channels, if `fit` was told.

    Source: CENet, Wang et al. 2023, section "feature transformation"; Sculley 2010 for
    mini-batches.

    Examples
    --------
    >>> frames = np.array([[0.1], [0.0], [7.0], [7.2], [0.1]])
    >>> vocabulary = FeatureVocabulary(n_codes=2).fit(frames)
    >>> vocabulary.predict(frames)
    array([1, 1, 0, 0, 1])
    >>> vocabulary.count(frames)  # the last place is for padding
    array([2, 3, 0])
    """

    def __init__(
        self,
        n_codes: int = 16,
        *,
        n_init: int = 3,
        sample_size: int = 10_000,
        batch_size: int = 8192,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.n_codes = n_codes
        self.n_init = n_init
        self.sample_size = sample_size
        self.batch_size = batch_size
        self.random_state = random_state

    @property
    def padding_code(self) -> int:
        """The code that stands for "no frame here": one after the last real one."""
        return self.n_codes

    @one_thread
    def fit(
        self,
        frames: Frames,
        y: object = None,
        *,
        channels: Sequence[str] | None = None,
        progress: bool = False,
    ) -> "FeatureVocabulary":
        """Find the codes.

        Parameters
        ----------
        frames : (n, d) array, or an iterable of (n_i, d) arrays that can be iterated repeatedly
            The frames of the train split.
        y : object
            Ignored; scikit-learn's pipelines hand it over.
        channels : sequence of str, optional
            The names of the d channels, which `check_channels` compares.
        progress : bool
            Whether to show a progress bar.

        Raises
        ------
        CENetError
            If there are fewer distinct frames than codes, widths differ, or a parameter is wrong.
        """
        self._check_parameters()
        if isinstance(frames, Iterator):
            raise CENetError("fit reads the frames more than once; give a list, not a generator")
        self._start(frames, channels, progress)
        for batch in tqdm(
            batches(frames, self.batch_size),
            desc=f"k-means, k = {self.n_codes}",
            total=-(-self.n_frames_ // self.batch_size),
            disable=not progress,
        ):
            self._refine(batch)
        return self

    @one_thread
    def partial_fit(
        self, frames: Frames, y: object = None, *, channels: Sequence[str] | None = None
    ) -> "FeatureVocabulary":
        """Learn from one part of a collection that is read part by part.

        The first part sets the statistics and the starting codes, so it should be a fair sample; it
        is read twice. The later ones are read once and move the codes only.

        Parameters
        ----------
        frames : (n, d) array, or an iterable of (n_i, d) arrays that can be iterated repeatedly
            The frames of this part.
        y : object
            Ignored, as by `fit`.
        channels : sequence of str, optional
            The names of the channels; if a later part has others, it is refused.

        Raises
        ------
        CENetError
            If the first part has fewer distinct frames than codes, a later one another width, or
            the vocabulary was read from a file.
        """
        first = not hasattr(self, "codes_")
        if first:
            self._check_parameters()
            if isinstance(frames, Iterator):
                raise CENetError("the first part is read twice; give a list, not a generator")
            self._start(frames, channels)
        elif not hasattr(self, "_kmeans"):
            raise CENetError("a vocabulary read from a file is finished; fit a new one instead")
        self.check_channels(channels, "this part")
        for batch in batches(frames, self.batch_size):
            if not first:
                self._check_width(batch)
                self.n_frames_ += len(batch)
                self.n_nonfinite_ += int(np.count_nonzero(~np.isfinite(batch)))
            self._refine(batch)
        return self

    def _start(
        self, frames: Frames, channels: Sequence[str] | None, progress: bool = False
    ) -> None:
        """Set the statistics and the first codes in one pass."""
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(2**31)
        statistics, drawn = Statistics(), Sample(self.sample_size, seed)
        for batch in tqdm(
            batches(frames, self.batch_size), desc="statistics", disable=not progress
        ):
            statistics.add(batch)
            drawn.add(batch)
        n = statistics.n_frames
        if n == 0:
            raise CENetError("there is not a single frame to fit a vocabulary on")
        mean, scale = statistics.mean_and_scale()  # (d,) each
        sample = standardize(drawn.frames(), mean, scale)  # (n_sample, d)
        distinct = count_distinct(sample, self.n_codes)
        if distinct < self.n_codes:
            among = "" if len(sample) == n else f" (in a sample of {len(sample)})"
            raise CENetError(
                f"{distinct} distinct frames{among} cannot make {self.n_codes} codes; "
                f"choose n_codes ≤ {distinct}, or give more data (n_samples={n})"
            )
        if channels is not None and len(channels) != len(mean):
            raise CENetError(
                f"{len(channels)} names cannot be those of {len(mean)} channels; give one for each"
            )
        self.channels_ = None if channels is None else tuple(channels)
        self.mean_, self.scale_, self.n_features_in_ = mean, scale, len(mean)
        self.n_frames_, self.n_nonfinite_ = n, statistics.n_nonfinite
        self._cluster(sample, seed)

    def _cluster(self, sample: np.ndarray, seed: int) -> None:
        """Find the first codes in a sample (n, d), and make ready to move them with all frames."""
        from sklearn.cluster import KMeans, MiniBatchKMeans  # heavy, and only needed to fit

        start = KMeans(self.n_codes, n_init=self.n_init, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of empty codes, see `_refine`
            start.fit(sample)
        self.codes_ = start.cluster_centers_.astype(np.float32)
        # In float64, because a float32 sum over ten million frames swallows the next ones.
        codes = start.cluster_centers_.astype(np.float64)  # (k, d)
        chosen = np.bincount(start.labels_, minlength=self.n_codes)  # (k,)
        self._unused = chosen == 0
        # By default, codes that a hundred times fewer frames chose than the most popular one move
        # to random frames, over and over; in files sorted by video, that throws good codes away.
        self._kmeans = MiniBatchKMeans(
            self.n_codes, init=codes, n_init=1, reassignment_ratio=0, compute_labels=False
        )
        # The sample counts as seen, so that one odd batch cannot carry a code away: each code
        # enters as a frame with the weight of all those that chose it.
        self._kmeans.partial_fit(codes, sample_weight=chosen)

    def _refine(self, frames: np.ndarray) -> None:
        """Move each code towards the mean of the frames (n, d) that choose it."""
        z = standardize(frames, self.mean_, self.scale_).astype(np.float64)  # (n, d)
        codes = self._kmeans.cluster_centers_  # (k, d)
        for code in np.flatnonzero(self._unused):
            # No frame ever chose it: start it again where the other codes fit worst.
            distance = cdist(z, codes).min(1)  # (n,)
            if distance.max() > _APART:
                codes[code] = z[distance.argmax()]
                self._unused[code] = False
        self.codes_ = self._kmeans.partial_fit(z).cluster_centers_.astype(np.float32)

    def transform(self, frames: ArrayLike) -> np.ndarray:
        """Return the distance of each frame (n, d) to each code: (n, n_codes), standardised units.

        Raises
        ------
        CENetError
            If the frames are not a matrix of as many columns as the fitted ones; so do `predict`,
            `count` and `standardize`.
        """
        distance: np.ndarray = cdist(self.standardize(frames), self.codes_)
        return distance

    def predict(self, frames: ArrayLike) -> np.ndarray:
        """Return the code (n,) of each frame (n, d), the nearest one: 0 ... n_codes - 1."""
        # In float64, so that a frame's code never depends on the frames beside it: how float32
        # products round depends on how many rows there are.
        z = self.standardize(frames).astype(np.float64)  # (n, d)
        codes_ = self.codes_.astype(np.float64)  # (k, d)
        # |z - c|² = |z|² - 2 (z·c - |c|²/2), where |z|² is the same for all codes. One product is
        # several times quicker than all distances; scikit-learn's own search for the nearest takes
        # more time to begin, per utterance, than this to end.
        nearness = z @ codes_.T - (codes_**2).sum(1) / 2  # (n, k)
        codes: np.ndarray = nearness.argmax(1)  # (n,)
        return codes

    def fit_transform(self, frames: Frames, y: object = None) -> np.ndarray:
        """Fit, and return the distances (n, n_codes) of all frames one after another."""
        self.fit(frames)
        return np.concatenate([self.transform(b) for b in batches(frames, self.batch_size)])

    def fit_predict(self, frames: Frames, y: object = None) -> np.ndarray:
        """Fit, and return the codes (n,) of all frames one after another."""
        self.fit(frames)
        return np.concatenate([self.predict(b) for b in batches(frames, self.batch_size)])

    def count(self, frames: ArrayLike) -> np.ndarray:
        """Return how often each code occurs in frames (n, d): (n_codes + 1,) integers.

        Counts are all that the CE module needs to know of a stream. The last one is zero: padding.
        """
        return np.bincount(self.predict(frames), minlength=self.n_codes + 1)

    def standardize(self, frames: ArrayLike) -> np.ndarray:
        """Return the frames (n, d) in units of the train split; missing values become 0."""
        check_is_fitted(self)
        matrix = as_matrix(frames)  # (n, d)
        self._check_width(matrix)
        return standardize(matrix, self.mean_, self.scale_)

    def check_channels(self, channels: Sequence[str] | None, where: str) -> None:
        """Refuse frames whose channels have other names than those that were fitted.

        Numbers of another extractor would get codes too, and mean nothing. Where one side has no
        names, nothing can be said, and only the number of channels counts.

        Parameters
        ----------
        channels : sequence of str or None
            Their names.
        where : str
            The beginning of the error message.

        Raises
        ------
        CENetError
            It says which name is the first to differ.
        """
        check_is_fitted(self)
        if channels is None or self.channels_ is None or tuple(channels) == self.channels_:
            return
        ours, theirs = self.channels_, tuple(channels)
        place = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), None)
        told = f"{len(theirs)} channels instead of {len(ours)}"
        if place is not None:
            told = f"channel {place} is {theirs[place]!r} instead of {ours[place]!r}"
        if sorted(ours) == sorted(theirs):
            told += ", in another order"
        raise CENetError(
            f"{where}: its channels are not those that the vocabulary was fitted on ({told}); "
            "extract the same features, or train anew on these"
        )

    def profile(self) -> np.ndarray:
        """Return the code book (n_codes, d) in the features' own units."""
        check_is_fitted(self)
        profile: np.ndarray = self.codes_ * self.scale_ + self.mean_
        return profile

    @one_thread
    def inertia(self, frames: Frames) -> float:
        """Return the mean squared distance of a frame to its code, in standardised units.

        It takes what `fit` takes, or a generator; the mean of no frames at all is NaN.
        """
        total, n = 0.0, 0
        for batch in batches(frames, self.batch_size):
            total += float((self.transform(batch).min(1) ** 2).sum())
            n += len(batch)
        return total / n if n else float("nan")

    def save(self, stem: str | Path) -> None:
        """Write ``<stem>.json`` (parameters) and ``<stem>.npz`` (arrays)."""
        check_is_fitted(self)
        with atomic_file(f"{stem}.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, mean=self.mean_, scale=self.scale_, codes=self.codes_)
        parameters = {  # a RandomState is no number that could be saved
            name: int(value) if isinstance(value, Integral) else None
            for name, value in self.get_params().items()
        }
        known = {
            "n_frames": self.n_frames_,
            "n_nonfinite": self.n_nonfinite_,
            "channels": self.channels_,
        }
        write_json(f"{stem}.json", {"format": _FORMAT, "parameters": parameters, **known})

    @classmethod
    def load(cls, stem: str | Path) -> "FeatureVocabulary":
        """Read what `save` wrote.

        Raises
        ------
        CENetError
            If a file is missing or damaged.
        """
        saved = read_json(f"{stem}.json", _MEND)
        try:
            if saved["format"] != _FORMAT:
                raise ValueError(f"its format is {saved['format']!r}")
            vocabulary = cls(**saved["parameters"])
            vocabulary._check_parameters()
            refuse_special(f"{stem}.npz")
            with np.load(f"{stem}.npz", allow_pickle=False) as arrays:
                mean, scale, codes = (arrays[name] for name in ("mean", "scale", "codes"))
            if not (mean.shape == scale.shape == codes.shape[1:] and mean.ndim == 1):
                raise ValueError("its arrays do not fit together")
            if len(codes) != vocabulary.n_codes:
                raise ValueError(f"it has {len(codes)} codes instead of {vocabulary.n_codes}")
            for name, array in (("mean", mean), ("scale", scale), ("codes", codes)):
                if array.dtype != np.float32 or not np.isfinite(array).all():
                    raise ValueError(f"{name} is not finite float32")
            vocabulary.n_frames_ = int(saved["n_frames"])
            vocabulary.n_nonfinite_ = int(saved["n_nonfinite"])
            vocabulary.channels_ = _saved_channels(saved, len(mean))
        except FileNotFoundError as error:
            raise CENetError(f"{error.filename}: is missing; {_MEND}") from None
        except Exception as error:  # zip, key and type errors all mean the same here
            raise CENetError(f"{stem}: is not a saved vocabulary ({error}); {_MEND}") from error
        vocabulary.mean_, vocabulary.scale_, vocabulary.codes_ = mean, scale, codes
        vocabulary.n_features_in_ = len(mean)
        return vocabulary

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _check_width(self, frames: np.ndarray) -> None:
        if frames.shape[1] != self.n_features_in_:
            raise CENetError(
                f"frames of shape {frames.shape} do not fit: the vocabulary was fitted on "
                f"{self.n_features_in_} columns; give the same features, or fit a new vocabulary"
            )

    def _check_parameters(self) -> None:
        for name in ("n_codes", "n_init", "sample_size", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise CENetError(f"{name} must be a whole number of at least 1, not {value!r}")
        if self.sample_size < self.n_codes:
            raise CENetError(f"a sample of {self.sample_size} cannot make {self.n_codes} codes")
        try:
            check_random_state(self.random_state)
        except ValueError:
            raise CENetError(
                "random_state must be a whole number in [0, 2³²), a RandomState or None, "
                f"not {self.random_state!r}"
            ) from None


def _saved_channels(saved: Mapping[str, Any], width: int) -> tuple[str, ...] | None:
    """Return the names in a saved vocabulary; older ones have none.

    A ValueError says that they are damaged.
    """
    names = saved.get("channels")
    if names is None:
        return None
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("the names of its channels are no texts")
    if len(names) != width:
        raise ValueError(f"it names {len(names)} channels and has {width}")
    return tuple(names)
