"""The sound of a film, put together from the pieces that a decoder gives.

Each piece says when it begins. Pieces are laid behind each other as long as that fits; a gap is
filled with silence, and what is there already is not laid down twice. So sample i belongs to the
time start + i / rate, whatever was lost on the way. Nothing is held here: samples go on to whoever
hears them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import CENetError

_UNREST = 0.02  # seconds by which a browser's times may be off by themselves
_DRIFT = 0.01  # seconds by which a clock has run away, if it stays so for ten pieces
_LEAP = 60.0  # seconds of silence that nobody meant
_FULL_SCALE = 0.99  # what counts as such: in eight bits, the largest sample is 0.992


class Sound(NamedTuple):
    """The sound of a film, or of a part of it.

    Attributes
    ----------
    samples : (n,) float32
        The channels, mixed to one; 1 is full scale.
    rate : int
        Samples per second.
    start : float
        The time of the first sample, in seconds since the film's beginning.
    clipped : float
        The share of the samples, as they were recorded, that are at full scale.

    Examples
    --------
    >>> Sound(np.zeros(16_000, np.float32), rate=16_000, start=0.5, clipped=0.0).end
    1.5
    """

    samples: np.ndarray
    rate: int
    start: float
    clipped: float

    @property
    def end(self) -> float:
        """The time after the last sample."""
        return self.start + len(self.samples) / self.rate


class Heard(NamedTuple):
    """What is to be known of a sound whose samples went to somebody else.

    Attributes
    ----------
    start, end : float
        The times of the first sample and after the last one, in seconds since the film's beginning.
    clipped : float
        As of a `Sound`.

    Examples
    --------
    >>> Heard(start=0.5, end=1.5, clipped=0.0).end
    1.5
    """

    start: float
    end: float
    clipped: float


class Track:
    """Puts pieces of sound behind each other, where their times say.

    Parameters
    ----------
    rate : int
        Samples per second to resample to.
    name : str
        The film's, for an error message.
    hear : callable
        It is given the samples that are wanted, (n,) float32, in their order.
    start, end : float, optional
        The times between which the sound is wanted.

    Raises
    ------
    CENetError
        If a piece begins a minute after the one before has ended.

    Examples
    --------
    >>> import av
    >>> piece = av.AudioFrame.from_ndarray(np.ones((1, 800), np.float32), "fltp", "mono")
    >>> piece.sample_rate = 8_000
    >>> heard = []
    >>> track = Track(rate=8_000, name="f.mp4", hear=heard.append, end=0.55)
    >>> track.add(0.5, piece)
    >>> track.finish()
    Heard(start=0.5, end=0.55, clipped=1.0)
    >>> sum(map(len, heard))
    400
    """

    def __init__(
        self,
        rate: int,
        name: str,
        hear: Callable[[np.ndarray], None],
        start: float = 0.0,
        end: float | None = None,
    ):
        self._rate, self._name, self._start, self._end = rate, name, start, end
        self._hear = hear
        self._length = self._n_heard = 0  # in samples: laid down, and wanted of these
        self._n_recorded = self._n_clipped = 0
        self._begin: float | None = None  # the time of the first sample
        self._overlap = 0  # the samples to come that are there already
        self._kind: object = None
        self._resampler: Any = None
        self._expected, self._n_off = 0.0, 0

    def add(self, time: float, frame: Any) -> None:
        """Add a piece of sound that begins at a time."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind or self._is_off(time):
            self._flush()
            self._go_to(time)
            self._kind, self._resampler = kind, _resampler(self._rate)
            self._expected, self._n_off = time, 0
        self._expected += frame.samples / frame.sample_rate
        if time >= self._start:
            loudness = _loudness(frame.to_ndarray())
            self._n_recorded += loudness.size
            self._n_clipped += int(np.count_nonzero(loudness >= _FULL_SCALE))
        frame.pts = None
        for piece in self._resampler.resample(frame):
            self._append(piece)

    def _is_off(self, time: float) -> bool:
        """Tell a gap, or a clock that runs away, from the unrest of a browser's times."""
        off = abs(time - self._expected)
        self._n_off = self._n_off + 1 if off > _DRIFT else 0
        return off > _UNREST or self._n_off > 10

    def _go_to(self, time: float) -> None:
        if self._begin is None:
            self._begin = time
        missing = round((time - self._begin) * self._rate) - self._length
        if abs(missing) > _LEAP * self._rate:
            raise CENetError(
                f"{self._name}: the times of its sound leap by {missing / self._rate:.0f} s at "
                f"{self._expected:.2f} s; export it anew with a video editor"
            )
        self._overlap = max(0, -missing)
        if missing > 0:
            self._keep(np.zeros(missing, np.float32))

    def _append(self, piece: Any) -> None:
        mono = _weights(piece.layout) @ piece.to_ndarray()  # (n_channels,) @ (n_channels, n)
        self._keep(mono[self._overlap :])
        self._overlap = max(0, self._overlap - len(mono))

    def _keep(self, samples: np.ndarray) -> None:
        """Lay samples down, and hand on those that are wanted."""
        first, last = self._wanted()
        begin = max(0, first - self._length)
        wanted = samples[begin : None if last is None else max(begin, last - self._length)]
        self._length += len(samples)
        if len(wanted):
            self._n_heard += len(wanted)
            self._hear(wanted)

    def _wanted(self) -> tuple[int, int | None]:
        """Return the first sample that is wanted and the one after the last, or None."""
        begin, rate = self._begin or 0.0, self._rate
        last = None if self._end is None else round((self._end - begin) * rate)
        return max(0, round((self._start - begin) * rate)), last

    def _flush(self) -> None:
        """Get out what the resampler holds back; the next piece gets another one."""
        if self._resampler is not None:
            for piece in self._resampler.resample(None):
                self._append(piece)
        self._kind = self._resampler = None

    def finish(self) -> Heard:
        """Hand on what is left, and tell what was heard; nothing can be added then."""
        self._flush()
        start = (self._begin or 0.0) + self._wanted()[0] / self._rate
        clipped = self._n_clipped / max(1, self._n_recorded)
        return Heard(start, start + self._n_heard / self._rate, clipped)


def _loudness(samples: np.ndarray) -> np.ndarray:
    """Return the size of samples of any kind, as a share of full scale."""
    if samples.dtype.kind == "f":
        return np.abs(samples)
    half = 2.0 ** (8 * samples.dtype.itemsize - 1)
    middle = half if samples.dtype.kind == "u" else 0.0
    return np.abs(samples.astype(np.float32) - np.float32(middle)) / np.float32(half)


def _resampler(rate: int) -> Any:
    import av  # optional; `media.Film` has said so where it is missing

    return av.AudioResampler(format="fltp", rate=rate)


def _weights(layout: Any) -> np.ndarray:
    """Return the share of each channel in the mix: the middle counts most, the bass not at all.

    FFmpeg's own mix of floats makes two equal channels louder than one.
    """
    shares = {"FL": 0.707, "FR": 0.707, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0}
    weights = np.array([shares.get(channel.name, 0.5) for channel in layout.channels], np.float32)
    if not weights.any():
        weights += 1
    return np.asarray(weights / weights.sum(), np.float32)  # (n_channels,)
