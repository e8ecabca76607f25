"""What is measured in each frame of a voice, by librosa: pitch, loudness and timbre.

Conventions:

- A sound has one channel and 16,000 samples a second. Frame i is centred at i × 10 ms, counted from
  the first sample. Pitch is looked for in 64 ms around it, because a low voice needs that much for
  two periods; everything else in 32 ms.
- ``F0`` is in Hz. Where a frame is not voiced it has none: it is NaN, which means "could not be
  measured" everywhere in this package, and ``voicing`` is 0. A zero would be a number like others
  to k-means: it would lie far below every pitch, so that the spread of the channel would be that
  between voice and pause, which ``voicing`` tells already, and high and low pitch would fall
  together. As NaN, it counts neither for the mean nor for the spread, and lies at the mean.
- ``energy`` is the root mean square in dB below full scale, -100 at least; ``MFCC_0`` to
  ``MFCC_24`` are mel-frequency cepstral coefficients; ``centroid`` and ``rolloff`` are in Hz,
  ``flatness`` in [0, 1]; ``contrast_0`` to ``contrast_5`` are in dB, from low bands to high.
- Nothing is measured against the loudest frame, as librosa does by default, for then a frame would
  depend on its neighbours.

Pitch is found by pYIN (Mauch & Dixon 2014, "pYIN: A fundamental frequency estimator using
probabilistic threshold distributions", ICASSP), which librosa has, as it has nearly all of the
rest. `cenet_lib.video.voice` hands out the pieces of a sound.
"""

from typing import Any

import numpy as np

RATE = 16_000  # samples per second of the sound that is measured
HOP = 160  # samples from frame to frame: 10 ms
VOICE_CHANNELS = (
    *("F0", "voicing", "energy"),
    *(f"MFCC_{i}" for i in range(25)),
    *("centroid", "rolloff", "flatness"),
    *(f"contrast_{i}" for i in range(6)),
)
PITCH_WINDOW = 1024  # samples in which a pitch is looked for
WINDOW = 512  # samples of everything else
PITCH: dict[str, Any] = {
    "fmin": 60.0,
    "fmax": 600.0,
    "frame_length": PITCH_WINDOW,
    "hop_length": HOP,
}
MEL_BANDS = 40

_BANDS = 200.0 * 2.0 ** np.arange(6)  # Hz, where the upper bands of contrast begin or end
_LEAST = 1e-10  # of power: -100 dB


def pitch_of(piece: np.ndarray) -> np.ndarray:
    """Return F0 in Hz, NaN where there is none, and voicing: (n, 2).

    Parameters
    ----------
    piece : (1024 + 160 (n - 1),) float32
        The first frame is centred in the first 64 ms.

    Examples
    --------
    >>> pitch_of(np.zeros(PITCH_WINDOW + HOP, np.float32)).tolist()
    [[nan, 0.0], [nan, 0.0]]
    """
    import librosa  # heavy and optional

    pitch, voiced, _ = librosa.pyin(piece, sr=RATE, center=False, fill_na=np.nan, **PITCH)
    return np.stack([pitch, voiced.astype(np.float64)], axis=1)


def timbre_of(piece: np.ndarray) -> np.ndarray:
    """Return energy, MFCC, centroid, rolloff, flatness and contrast of each frame: (n, 35).

    Parameters
    ----------
    piece : (512 + 160 (n - 1),) float32
        The first frame is centred in the first 32 ms.

    Examples
    --------
    >>> silence = timbre_of(np.zeros(WINDOW, np.float32))
    >>> silence.shape, round(float(silence[0, 0]))
    ((1, 35), -100)
    """
    import librosa  # heavy and optional

    magnitude = np.abs(librosa.stft(piece, n_fft=WINDOW, hop_length=HOP, center=False))
    mel = librosa.feature.melspectrogram(S=magnitude**2, sr=RATE, n_mels=MEL_BANDS)
    decibels = librosa.power_to_db(mel, amin=_LEAST, top_db=None)
    shape = librosa.feature
    power = shape.rms(y=piece, frame_length=WINDOW, hop_length=HOP, center=False) ** 2
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
    bins = np.arange(len(magnitude)) * RATE / WINDOW  # Hz
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
