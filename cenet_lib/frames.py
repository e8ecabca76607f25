"""Frames on their way into a vocabulary: taken from a corpus, checked, sampled, standardised.

A frame is a row of d features. Frames come as a matrix (n, d), or in pieces (n_i, d) of any length,
one per utterance, which need not fit into memory together: `FrameSequences` hands them over so.
`cenet_lib.vocabulary` regroups them into batches and learns from them. NaN and infinite values
stand for what could not be measured.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .errors import CENetError
from .store import StoredUtterances
from .utterance import STREAMS, Utterance

FARTHEST = 1e6  # standard deviations; beyond, float32 cannot tell distances apart

Frames = ArrayLike | Iterable[ArrayLike]  # (n, d), or pieces (n_i, d)


class FrameSequences(Iterable[np.ndarray]):
    """The frames of one stream, utterance by utterance, as often as one likes.

    From a stored corpus they are read from disk each time, so memory stays bounded.

    Parameters
    ----------
    utterances : sequence of Utterance
        The utterances, for example a split of a corpus.
    stream : str
        ``"visual"`` or ``"acoustic"``.

    Raises
    ------
    CENetError
        If there is no such stream.

    Examples
    --------
    >>> utterance = Utterance("u", ("fine",), visual=np.zeros((3, 2)), acoustic=np.zeros((5, 1)))
    >>> [frames.shape for frames in FrameSequences([utterance, utterance], "visual")]
    [(3, 2), (3, 2)]
    """

    def __init__(self, utterances: Sequence[Utterance], stream: str):
        if stream not in STREAMS:
            raise CENetError(f"there is no stream {stream!r}; streams are {', '.join(STREAMS)}")
        self.utterances = utterances
        self.stream = stream

    def __iter__(self) -> Iterator[np.ndarray]:
        if isinstance(self.utterances, StoredUtterances):  # which need not be made for it
            return self.utterances.frames(self.stream)
        return (utterance.frames(self.stream) for utterance in self.utterances)

    def __len__(self) -> int:
        return len(self.utterances)


def as_matrix(frames: ArrayLike) -> np.ndarray:
    """Return frames as a matrix (n, d) of float32; numbers that are too large become infinite.

    Raises
    ------
    CENetError
        If they are not numbers in a matrix.

    Examples
    --------
    >>> as_matrix([[1, 2], [3, 1e39]])
    array([[ 1.,  2.],
           [ 3., inf]], dtype=float32)
    """
    if isinstance(frames, np.ndarray) and frames.dtype == np.float32:
        matrix = frames
    else:
        try:
            with np.errstate(over="ignore"):
                matrix = check_array(
                    frames,
                    dtype=np.float32,
                    ensure_all_finite=False,
                    ensure_2d=False,
                    allow_nd=True,
                    ensure_min_samples=0,
                    ensure_min_features=0,
                )
        except (TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise CENetError(
                f"frames are not numbers ({reason}); expected a matrix (frames, features)"
            ) from error
    if matrix.ndim != 2:
        raise CENetError(
            f"frames have shape {matrix.shape}; expected a matrix (frames, features). "
            "Reshape your data, a single frame with `frames.reshape(1, -1)`"
        )
    return matrix


def batches(frames: Frames, size: int) -> Iterator[np.ndarray]:
    """Regroup frames into batches (size, d) of float32; only the last one may be shorter.

    Parameters
    ----------
    frames : (n, d) array, or an iterable of (n_i, d) arrays
        All frames, or one piece after another; pieces without a frame are passed over.
    size : int
        The number of frames in a batch.

    Raises
    ------
    CENetError
        If a piece is no matrix, or the pieces differ in width.

    Examples
    --------
    >>> [len(batch) for batch in batches([np.zeros((3, 2)), np.zeros((4, 2))], size=5)]
    [5, 2]
    """
    waiting: list[np.ndarray] = []
    n, width = 0, 0
    is_matrix = hasattr(frames, "shape") or hasattr(frames, "__array__")
    pieces: Any = [frames] if is_matrix else frames
    for piece in map(as_matrix, pieces):
        if len(piece) == 0:
            continue
        width = width or piece.shape[1]
        if piece.shape[1] != width or width == 0:
            raise CENetError(
                f"frames have {piece.shape[1]} columns where {width or 'at least 1'} were "
                "expected; use one feature set"
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


class Sample:
    """A uniform sample, without replacement, of frames that come in batches.

    Each frame draws a random key, and those with the smallest keys stay. So one pass is enough, and
    the number of frames need not be known before.

    Parameters
    ----------
    size : int
        The number of frames to draw.
    seed : int
        Where the random keys start.

    Examples
    --------
    >>> sample = Sample(size=10, seed=0)
    >>> for batch in batches(np.zeros((1000, 2)), size=100):
    ...     sample.add(batch)
    >>> sample.frames().shape
    (10, 2)
    """

    def __init__(self, size: int, seed: int):
        self._size, self._rng = size, np.random.default_rng(seed)
        self._limit = 1.0
        self._keys: list[np.ndarray] = []
        self._frames: list[np.ndarray] = []

    def add(self, batch: np.ndarray) -> None:
        """Take in a batch (n, d) of frames."""
        keys = self._rng.random(len(batch))  # (n,)
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
        """Keep only the frames with the smallest keys."""
        keys, frames = np.concatenate(self._keys), np.concatenate(self._frames)
        if len(keys) > self._size:
            stay = np.sort(np.argpartition(keys, self._size)[: self._size])
            keys, frames = keys[stay], frames[stay]
            self._limit = keys.max()
        self._keys, self._frames = [keys], [frames]


class Statistics:
    """Mean and standard deviation of each channel, and what was missing, batch by batch.

    `StandardScaler` adds them up, exactly even where the mean is much larger than the spread. It
    forgets a channel for good, though, when one whole batch lacks it, as after a video without a
    face; here such a channel keeps what it had.

    Attributes
    ----------
    n_frames : int
        The number of frames so far.
    n_nonfinite : int
        The number of values among them that were NaN or infinite.

    Examples
    --------
    >>> statistics = Statistics()
    >>> statistics.add(np.array([[1, np.nan], [3, np.nan]], dtype=np.float32))
    >>> statistics.add(np.array([[2, 5]], dtype=np.float32))
    >>> mean, scale = statistics.mean_and_scale()
    >>> mean.tolist(), statistics.n_nonfinite
    ([2.0, 5.0], 2)
    """

    def __init__(self) -> None:
        self.n_frames = self.n_nonfinite = 0
        from sklearn.preprocessing import StandardScaler  # heavy, and only needed to fit

        self._scaler = StandardScaler()

    def add(self, batch: np.ndarray) -> None:
        """Take in a batch (n, d) of frames."""
        finite = np.isfinite(batch)  # (n, d)
        self.n_frames += len(batch)
        self.n_nonfinite += int(np.count_nonzero(~finite))
        before = {"mean_": 0.0, "var_": 0.0, "scale_": 1.0} | vars(self._scaler)
        with np.errstate(divide="ignore", invalid="ignore"):  # where a channel is missing
            self._scaler.partial_fit(np.where(finite, batch, np.float32(np.nan)))
        for name in ("mean_", "var_", "scale_"):
            now = getattr(self._scaler, name)  # (d,)
            setattr(self._scaler, name, np.where(np.isnan(now), before[name], now))

    def mean_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation (d,) as float32; 1 where a channel is constant."""
        scale = self._scaler.scale_.astype(np.float32)
        scale[scale == 0] = 1  # smaller than float32 can say
        return self._scaler.mean_.astype(np.float32), scale


def standardize(frames: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return frames (n, d) in standard deviations from the mean; 0 where they are missing.

    Parameters
    ----------
    frames : (n, d) float32
        Frames in the features' own units.
    mean, scale : (d,) float32
        What `Statistics.mean_and_scale` returns.

    Examples
    --------
    >>> frames = np.array([[7.0, np.nan]], dtype=np.float32)
    >>> standardize(frames, mean=np.float32([5, 5]), scale=np.float32([2, 2])).tolist()
    [[1.0, 0.0]]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        z: np.ndarray = frames - mean  # (n, d)
        z /= scale
    # NaN compares as False, so one look at the ends finds everything odd
    if not (z.min(initial=0) >= -FARTHEST and z.max(initial=0) <= FARTHEST):
        # ±∞ is a broken measurement (the logarithm of nothing), not a large one
        z = np.where(np.isfinite(frames), np.clip(z, -FARTHEST, FARTHEST), np.float32(0))
    return z


def count_distinct(frames: np.ndarray, enough: int) -> int:
    """Return the number of distinct frames, or of as many of the first as are ``enough``.

    Examples
    --------
    >>> count_distinct(np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0]]), enough=16)
    2
    """
    few = len(np.unique(frames[: 20 * enough], axis=0))
    return few if few >= enough else len(np.unique(frames, axis=0))
