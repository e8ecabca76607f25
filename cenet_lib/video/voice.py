"""From a sound to frames of the voice: pitch, loudness and timbre, a hundred times a second.

Conventions:

- A sound is taken to one channel (the mean of all) and 16,000 samples a second, whatever it was,
  so that its numbers do not depend on the recorder. What a lower rate has cut off stays lost.
- Frame i is centred at i × 10 ms, counted from the first sample. Pitch is looked for in 64 ms
  around it, because a low voice needs that much for two periods; everything else in 32 ms.
- ``F0`` is in Hz. Where a frame is not voiced it has none: it is NaN, which means "could not be
  measured" everywhere in this package, and ``voicing`` is 0. A zero would be a number like others
  to k-means: it would lie far below every pitch, so that the spread of the channel would be that
  between voice and pause, which ``voicing`` tells already, and high and low pitch would fall
  together. As NaN, it counts neither for the mean nor for the spread, and lies at the mean.
- ``energy`` is the root mean square in dB below full scale, -100 at least; ``MFCC_0`` to
  ``MFCC_24`` are mel-frequency cepstral coefficients; ``centroid`` and ``rolloff`` are in Hz,
  ``flatness`` in [0, 1]; ``contrast_0`` to ``contrast_5`` are in dB, from low bands to high.

Pitch is found by pYIN (Mauch & Dixon 2014, "pYIN: A fundamental frequency estimator using
probabilistic threshold distributions", ICASSP), which librosa has, as it has nearly all of the
rest. A sound is described in pieces that overlap, while it arrives, so the memory that this needs
beside the frames does not grow with it.

`cenet_lib.video.extract` puts these frames beside those of the face.
"""

from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from ..errors import CENetError, first_line
from .libraries import missing_library

RATE = 16_000  # samples per second of the sound that is measured
HOP = 160  # samples from frame to frame: 10 ms
VOICE_CHANNELS = (
    *("F0", "voicing", "energy"),
    *(f"MFCC_{i}" for i in range(25)),
    *("centroid", "rolloff", "flatness"),
    *(f"contrast_{i}" for i in range(6)),
)
VOICES = ("librosa", "opensmile")
OPENSMILE_LICENCE = (
    "its licence (audEERING's own) allows research and teaching, and no commercial use"
)

_LOWEST, _HIGHEST = 8_000, 96_000  # samples per second that a sound may have
_LONG = 1024  # samples in which a pitch is looked for
_PITCH: dict[str, Any] = {"fmin": 60.0, "fmax": 600.0, "frame_length": _LONG, "hop_length": HOP}
_WINDOW = 512  # samples of everything else
_MEL_BANDS = 40
_BANDS = 200.0 * 2.0 ** np.arange(6)  # Hz, where the upper bands of contrast begin or end
_LEAST = 1e-10  # of power: -100 dB
_PIECE, _OVERLAP = 2_000, 100  # frames; twenty seconds, and a second of it on either side
_BLOCK = 10 * RATE  # samples that are handed on at a time
_SILENT = -60.0  # dB; rooms are louder, and a muted microphone is quieter
_FULL = 0.995  # of full scale; recorders that clip do not always reach it


class Voice(NamedTuple):
    """The frames of a voice, and what is to be known about the sound.

    Attributes
    ----------
    frames : (n, d) float32
        F0 is NaN where a frame is not voiced.
    times : (n,) float64
        The middle of each frame in seconds, from the first sample.
    channels : tuple of str, length d
    notes : dict of str to float
        ``seconds``; ``rate``, as the sound came; ``clipped``, the share of samples at full scale;
        ``silent``, the share of the time below -60 dB; ``voiced``, the share of frames with a
        pitch; ``peak``, the largest sample. A sound without a frame is silent.

    Examples
    --------
    >>> empty = voice_features(np.zeros(0), 16_000)
    >>> empty.frames.shape, empty.notes["silent"]
    ((0, 37), 1.0)
    """

    frames: np.ndarray
    times: np.ndarray
    channels: tuple[str, ...]
    notes: dict[str, float]


def voice_features(samples: np.ndarray, rate: int, voice: str = "librosa") -> Voice:
    """Describe a voice every 10 ms.

    Parameters
    ----------
    samples : (n,) or (n, channels) array
        The sound: floats with full scale at ±1, or whole numbers of their type's range.
    rate : int
        Samples per second, 8,000 to 96,000.
    voice : str
        ``"librosa"``: the channels `VOICE_CHANNELS`. ``"opensmile"``: the 25 low-level descriptors
        of eGeMAPS as that library gives them (0 where there is no pitch). It must be installed, and
        its licence allows research and teaching only.

    Raises
    ------
    CENetError
        If the sound is no such array, the rate is another, or a library is not installed.

    Examples
    --------
    >>> seconds = np.arange(16_000) / 16_000
    >>> buzz = sum(np.sin(2 * np.pi * 150 * k * seconds) / k for k in range(1, 9)) / 4
    >>> voice = voice_features(buzz, 16_000)
    >>> voice.frames.shape, voice.channels[:3]
    ((101, 37), ('F0', 'voicing', 'energy'))
    >>> round(float(np.nanmedian(voice.frames[:, 0])))  # Hz
    150
    """
    meter = VoiceMeter(voice)
    mono = _mono(samples)
    if isinstance(rate, bool) or not _LOWEST <= rate <= _HIGHEST:
        raise CENetError(
            f"the sound has {rate} samples per second; {_LOWEST:,} to {_HIGHEST:,} can be read, so "
            "convert it first"
        )
    sound = _at_our_rate(mono, rate)
    for first in range(0, len(sound), _BLOCK):
        meter.add(sound[first : first + _BLOCK])
    found = meter.finish()
    if rate == RATE:
        return found
    recorded = {"seconds": len(mono) / rate, "rate": float(rate)}
    recorded["clipped"] = _share(np.abs(mono) >= _FULL)
    recorded["peak"] = float(np.abs(mono).max(initial=0.0))
    return found._replace(notes=found.notes | recorded)


class VoiceMeter:
    """Describes a voice while its sound arrives, as `voice_features` does.

    Parameters
    ----------
    voice : str
        ``"librosa"``, which holds the last twenty seconds; or ``"opensmile"``, which holds all.

    Raises
    ------
    CENetError
        If there is no such voice, or its library is not installed.

    Examples
    --------
    >>> meter = VoiceMeter()
    >>> for _ in range(4):
    ...     meter.add(np.zeros(4_000, np.float32))
    >>> meter.finish().frames.shape
    (101, 37)
    """

    def __init__(self, voice: str = "librosa"):
        check_voice(voice)
        self._in_pieces = voice == "librosa"
        self._frames = bytearray()  # which grows without a second copy
        self._held = bytearray()  # samples
        self._gone = self._length = 0  # samples: no longer held, and all
        self._first = 0  # the first frame that is not described yet
        self._n_full = self._n_silent = 0
        self._peak = 0.0

    def add(self, samples: np.ndarray) -> None:
        """Take the next samples: (n,) float32, 16,000 per second."""
        loudness = np.abs(samples)
        self._n_full += int(np.count_nonzero(loudness >= _FULL))
        self._peak = max(self._peak, float(loudness.max(initial=0.0)))
        self._held += np.asarray(samples, np.float32).tobytes()
        self._length += len(samples)
        while self._in_pieces and self._length >= self._needed():
            last = self._first + _PIECE
            self._describe(last, last + _OVERLAP)

    def finish(self) -> Voice:
        """Return the frames of all that was added; nothing can be added then."""
        if not self._in_pieces:
            sound = self._cut(0, self._length)
            self._count_silence(0, self._length // HOP)
            return self._voice(*_by_opensmile(sound))
        n = 1 + self._length // HOP if self._length else 0
        while self._first < n:
            last = min(self._first + _PIECE, n)
            self._describe(last, min(last + _OVERLAP, n))
        frames = np.frombuffer(self._frames, np.float32).reshape(n, len(VOICE_CHANNELS))
        return self._voice(frames, np.arange(n) * (HOP / RATE), VOICE_CHANNELS)

    def _needed(self) -> int:
        """Return how long the sound must be for the next piece to be described."""
        return (self._first + _PIECE + _OVERLAP) * HOP + _LONG // 2

    def _describe(self, last: int, end: int) -> None:
        """Describe the frames up to ``last``, with the sound up to frame ``end`` for the pitch."""
        first, half = self._first, _LONG // 2
        begin = max(first - _OVERLAP, 0)
        piece = self._cut(begin * HOP - half, (end - 1) * HOP + half)
        before = first - begin
        frames = np.empty((last - first, len(VOICE_CHANNELS)), np.float32)
        frames[:, :2] = _pitch(piece)[before : before + last - first]
        inner = piece[(_LONG - _WINDOW) // 2 :]
        frames[:, 2:] = _timbre(inner[before * HOP :][: (last - first - 1) * HOP + _WINDOW])
        self._frames += frames.tobytes()
        self._count_silence(first, min(last, self._length // HOP))
        self._first = last
        self._let_go((last - _OVERLAP) * HOP - half)

    def _cut(self, low: int, high: int) -> np.ndarray:
        """Return samples, and silence beyond the ends of the sound."""
        held = np.frombuffer(self._held, np.float32)
        inside = held[max(low, 0) - self._gone : max(high - self._gone, 0)]
        return np.pad(inside, (max(-low, 0), max(high - self._length, 0)))

    def _let_go(self, low: int) -> None:
        """Forget the samples before one."""
        more = max(0, low - self._gone)
        del self._held[: more * np.float32().itemsize]
        self._gone += more

    def _count_silence(self, first: int, last: int) -> None:
        """Count the pieces of 10 ms in which nothing sounds; a constant is no sound."""
        whole = self._cut(first * HOP, last * HOP).reshape(-1, HOP)
        self._n_silent += int(np.count_nonzero(whole.std(1) < 10 ** (_SILENT / 20)))

    def _voice(self, frames: np.ndarray, times: np.ndarray, channels: tuple[str, ...]) -> Voice:
        n, whole = self._length, self._length // HOP
        pitch = next(column for column, name in enumerate(channels) if name.startswith("F0"))
        notes = {
            "seconds": n / RATE,
            "rate": float(RATE),
            "clipped": self._n_full / n if n else 0.0,
            "peak": self._peak,
            "silent": self._n_silent / whole if whole else 1.0,
            "voiced": _share(frames[:, pitch] > 0),  # which NaN is not
        }
        return Voice(frames, times, channels, notes)


def check_voice(voice: str) -> None:
    """Refuse a way to describe a voice that there is not, or whose library is not installed.

    Raises
    ------
    CENetError
        It says what to install.

    Examples
    --------
    >>> check_voice("praat")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: there is no voice 'praat'; choose one of librosa, opensmile
    """
    if voice not in VOICES:
        raise CENetError(f"there is no voice {voice!r}; choose one of {', '.join(VOICES)}")
    try:
        if voice == "librosa":
            import librosa  # noqa: F401, heavy and optional
        else:
            import opensmile  # noqa: F401, heavy and optional
    except (ImportError, OSError) as error:  # OSError: a library of the system is missing
        if voice == "librosa":
            raise missing_library(error) from None
        raise CENetError(
            f"the voice {voice!r} cannot be measured ({first_line(error)}); pip install opensmile "
            f"({OPENSMILE_LICENCE}), or take the voice 'librosa'"
        ) from None


def voice_channels(voice: str = "librosa") -> tuple[str, ...]:
    """Return the names of the channels that `voice_features` measures.

    Examples
    --------
    >>> voice_channels()[-1]
    'contrast_5'
    """
    check_voice(voice)
    return VOICE_CHANNELS if voice == "librosa" else tuple(_smile().feature_names)


def voice_extractor(voice: str = "librosa") -> dict[str, Any]:
    """Return which library measures a voice, in which version, and how, for a corpus's provenance.

    Examples
    --------
    >>> voice_extractor()["pitch"]["method"]
    'pYIN'
    """
    check_voice(voice)
    if voice == "opensmile":
        return {"library": f"opensmile {version('opensmile')}", "set": "eGeMAPSv02, low level"}
    return {
        "library": f"librosa {version('librosa')}",
        "rate": RATE,
        "hop": HOP,
        "window": _WINDOW,
        "mel_bands": _MEL_BANDS,
        "pitch": {"method": "pYIN", "unvoiced": "NaN", **_PITCH},
    }


def _mono(samples: np.ndarray) -> np.ndarray:
    """Return a sound as one channel (n,) of float32 with full scale at ±1."""
    sound = np.asarray(samples)
    if sound.dtype.kind not in "iuf" or sound.ndim not in (1, 2):
        raise CENetError(
            f"the sound is an array of the shape {sound.shape} and the type {sound.dtype}; "
            "expected numbers (samples,) or (samples, channels)"
        )
    if sound.ndim == 2 and not 1 <= sound.shape[1] <= 32:
        raise CENetError(
            f"the sound has the shape {sound.shape}, which would be {sound.shape[1]} channels; "
            "expected (samples, channels), so transpose it"
        )
    if sound.dtype.kind == "f":
        mono = sound.astype(np.float32) if sound.ndim == 1 else sound.mean(1, dtype=np.float32)
        return np.nan_to_num(mono, nan=0.0, posinf=1.0, neginf=-1.0)
    info = np.iinfo(sound.dtype)
    middle = 0 if info.min < 0 else (info.max + 1) // 2  # unsigned samples rest at half way
    whole = sound.astype(np.float32) if sound.ndim == 1 else sound.mean(1, dtype=np.float64)
    return ((whole - middle) / (info.max - middle)).astype(np.float32)


def _share(those: np.ndarray) -> float:
    return float(those.mean()) if len(those) else 0.0


def _at_our_rate(mono: np.ndarray, rate: int) -> np.ndarray:
    if rate == RATE or len(mono) == 0:
        return mono
    import librosa  # heavy and optional

    return librosa.resample(mono, orig_sr=rate, target_sr=RATE, scale=False)


def _pitch(piece: np.ndarray) -> np.ndarray:
    """Return F0 in Hz, NaN where there is none, and voicing: (n, 2)."""
    import librosa  # heavy and optional

    pitch, voiced, _ = librosa.pyin(piece, sr=RATE, center=False, fill_na=np.nan, **_PITCH)
    return np.stack([pitch, voiced.astype(np.float64)], axis=1)


def _timbre(piece: np.ndarray) -> np.ndarray:
    """Return energy, MFCC, centroid, rolloff, flatness and contrast of each frame: (n, 35).

    Nothing is measured against the loudest frame, as librosa does by default, for then a frame
    would depend on its neighbours.
    """
    import librosa  # heavy and optional

    magnitude = np.abs(librosa.stft(piece, n_fft=_WINDOW, hop_length=HOP, center=False))
    mel = librosa.feature.melspectrogram(S=magnitude**2, sr=RATE, n_mels=_MEL_BANDS)
    decibels = librosa.power_to_db(mel, amin=_LEAST, top_db=None)
    shape = librosa.feature
    power = shape.rms(y=piece, frame_length=_WINDOW, hop_length=HOP, center=False) ** 2
    rows = [
        librosa.power_to_db(power, amin=_LEAST, top_db=None),
        shape.mfcc(S=decibels, n_mfcc=25),
        shape.spectral_centroid(S=magnitude, sr=RATE),
        shape.spectral_rolloff(S=magnitude, sr=RATE),
        shape.spectral_flatness(S=magnitude),
        _contrast(magnitude),
    ]
    return np.concatenate(rows).T


def _contrast(magnitude: np.ndarray) -> np.ndarray:
    """Return how far the peaks of each octave stand above its valleys, in dB: (6, n).

    Source: Jiang et al. 2002, "Music type classification by spectral contrast feature", ICME; bands
    and their edges are those of `librosa.feature.spectral_contrast`, which measures against the
    loudest frame.
    """
    bins = np.arange(len(magnitude)) * RATE / _WINDOW  # Hz
    rows = []
    for band, (low, high) in enumerate(zip([0.0, *_BANDS[:-1]], _BANDS)):
        inside = np.flatnonzero((bins >= low) & (bins <= high))
        if band:
            inside = np.append(inside[0] - 1, inside)
        if band == len(_BANDS) - 1:
            inside = np.arange(inside[0], len(bins))
        few = max(1, round(0.02 * len(inside)))
        ordered = np.sort(magnitude[inside if band == len(_BANDS) - 1 else inside[:-1]], axis=0)
        peak, valley = ordered[-few:].mean(0), ordered[:few].mean(0)
        rows.append(10 * np.log10(np.maximum(peak, _LEAST) / np.maximum(valley, _LEAST)))
    return np.stack(rows)


def _by_opensmile(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    smile = _smile()
    channels = tuple(smile.feature_names)
    if len(sound) < RATE // 10:  # it needs more than one of its longest windows
        return np.zeros((0, len(channels)), np.float32), np.zeros(0), channels
    table = smile.process_signal(sound, RATE)
    start = table.index.get_level_values("start").total_seconds().to_numpy()
    end = table.index.get_level_values("end").total_seconds().to_numpy()
    return table.to_numpy(np.float32), (start + end) / 2, channels


def _smile() -> Any:
    import opensmile  # heavy and optional

    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.LowLevelDescriptors,
    )
