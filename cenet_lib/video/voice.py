"""From a sound to frames of the voice: pitch, loudness and timbre, a hundred times a second.

A sound is taken to one channel (the mean of all) and 16,000 samples a second, whatever it was, so
that its numbers do not depend on the recorder. What a lower rate has cut off stays lost. It is
described in pieces that overlap, while it arrives, so the memory that this needs beside the frames
does not grow with it.

What is measured in a frame, and how, says `cenet_lib.video.voice_frames`; for researchers,
openSMILE can measure instead.

`cenet_lib.video.extract` puts these frames beside those of the face.
"""

from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from ..errors import CENetError, first_line
from .libraries import missing_library
from .voice_frames import (
    HOP,
    MEL_BANDS,
    PITCH,
    PITCH_WINDOW,
    RATE,
    VOICE_CHANNELS,
    WINDOW,
    pitch_of,
    timbre_of,
)

VOICES = ("librosa", "opensmile")
OPENSMILE_LICENCE = (
    "its licence (audEERING's own) allows research and teaching, and no commercial use"
)

_LOWEST, _HIGHEST = 8_000, 96_000  # samples per second that a sound may have
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
        return (self._first + _PIECE + _OVERLAP) * HOP + PITCH_WINDOW // 2

    def _describe(self, last: int, end: int) -> None:
        """Describe the frames up to ``last``, with the sound up to frame ``end`` for the pitch."""
        first, half = self._first, PITCH_WINDOW // 2
        begin = max(first - _OVERLAP, 0)
        piece = self._cut(begin * HOP - half, (end - 1) * HOP + half)
        before = first - begin
        frames = np.empty((last - first, len(VOICE_CHANNELS)), np.float32)
        frames[:, :2] = pitch_of(piece)[before : before + last - first]
        inner = piece[(PITCH_WINDOW - WINDOW) // 2 :]
        frames[:, 2:] = timbre_of(inner[before * HOP :][: (last - first - 1) * HOP + WINDOW])
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
        "window": WINDOW,
        "mel_bands": MEL_BANDS,
        "pitch": {"method": "pYIN", "unvoiced": "NaN", **PITCH},
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
