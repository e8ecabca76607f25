"""The voice: pitch against a known one, any rate, any number of channels, no edges of pieces."""

import sys
import types

import numpy as np
import pandas as pd
import pytest

from cenet_lib import CENetError
from cenet_lib.video import voice
from cenet_lib.video.voice import (
    RATE,
    VOICE_CHANNELS,
    VoiceMeter,
    voice_channels,
    voice_features,
)

librosa = pytest.importorskip("librosa")
F0, VOICING, ENERGY = (VOICE_CHANNELS.index(name) for name in ("F0", "voicing", "energy"))


def pitch_at(times):
    """A melody between 106 and 212 Hz."""
    return 150 * 2 ** (0.5 * np.sin(np.pi * np.asarray(times)))


def sung(rate: int, seconds: float = 3.0) -> np.ndarray:
    """A voice with three formants and that melody, and a hiss from 1.2 to 1.6 s."""
    times = np.arange(round(rate * seconds)) / rate
    rng = np.random.default_rng(0)
    f0 = pitch_at(times)
    phase = 2 * np.pi * np.cumsum(f0) / rate
    sound = 0.001 * rng.standard_normal(len(times))
    for k in range(1, 30):
        formants = ((600, 150, 1.0), (1200, 200, 0.5), (2500, 300, 0.25))
        gain = 0.05 / k + sum(g * np.exp(-(((k * f0 - c) / w) ** 2)) for c, w, g in formants)
        sound += np.where(k * f0 < min(3900, 0.45 * rate), 0.2 * gain, 0) * np.sin(k * phase)
    hiss = (times >= 1.2) & (times < 1.6)
    sound[hiss] = 0.02 * rng.standard_normal(hiss.sum())
    return sound.astype(np.float32)


def off_by(found) -> np.ndarray:
    """How far the pitch of the voiced frames is from the true one, in cents."""
    voiced = found.frames[:, VOICING] > 0
    return 1200 * np.log2(found.frames[voiced, F0] / pitch_at(found.times[voiced]))


@pytest.mark.slow
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
def test_pitch_is_the_true_one_at_any_rate(rate):
    found = voice_features(sung(rate), rate)
    assert found.channels == VOICE_CHANNELS == voice_channels()
    assert found.frames.shape == (301, 37)
    assert found.frames.dtype == np.float32
    np.testing.assert_allclose(found.times, np.arange(301) / 100)
    cents = np.abs(off_by(found))
    assert np.median(cents) < 5
    assert np.percentile(cents, 95) < 15
    away = (found.times < 1.1) | (found.times > 1.7)
    assert found.frames[away, VOICING].mean() > 0.97
    assert found.frames[125:155, VOICING].mean() < 0.05


def test_frames_without_a_pitch_have_none_and_the_vocabulary_leaves_them_out():
    from cenet_lib import FeatureVocabulary

    frames = voice_features(sung(RATE), RATE).frames
    assert np.array_equal(np.isnan(frames[:, F0]), frames[:, VOICING] == 0)
    assert np.isfinite(np.delete(frames, F0, axis=1)).all()
    vocabulary = FeatureVocabulary(4).fit(frames)
    voiced = frames[frames[:, VOICING] > 0, F0]
    assert vocabulary.mean_[F0] == pytest.approx(voiced.mean(), rel=1e-4)
    assert vocabulary.scale_[F0] == pytest.approx(voiced.std(), rel=1e-3)


def test_pitch_is_pyins_as_its_documentation_calls_it():
    """With the parameters of the example in `librosa.pyin`, which is about a trumpet."""
    seconds = np.arange(22_050 * 2) / 22_050
    note = sum(np.sin(2 * np.pi * 220 * k * seconds) / k for k in range(1, 9)) / 4
    low, high = librosa.note_to_hz("C2"), librosa.note_to_hz("C7")
    pitch, voiced, _ = librosa.pyin(note, sr=22_050, fmin=low, fmax=high)
    found = voice_features(note, 22_050)
    ours = found.frames[10:-10, F0]
    assert np.abs(1200 * np.log2(ours / np.median(pitch[voiced]))).max() <= 10  # a bin of pYIN


def test_channels_are_those_of_librosa():
    sound = sung(RATE)
    found = dict(zip(VOICE_CHANNELS, voice_features(sound, RATE).frames.T, strict=True))
    how = {"sr": RATE, "n_fft": 512, "hop_length": 160, "pad_mode": "constant"}
    mfcc = librosa.feature.mfcc(y=sound, n_mfcc=25, n_mels=40, **how)
    contrast = librosa.feature.spectral_contrast(y=sound, n_bands=5, **how)
    rms = librosa.feature.rms(y=sound, frame_length=512, hop_length=160)[0]
    np.testing.assert_allclose([found[f"MFCC_{i}"] for i in range(25)], mfcc, atol=1e-2)
    np.testing.assert_allclose([found[f"contrast_{i}"] for i in range(6)], contrast, atol=1e-2)
    np.testing.assert_allclose(found["energy"], 20 * np.log10(rms), atol=1e-3)
    for name, function in (
        ("centroid", librosa.feature.spectral_centroid),
        ("rolloff", librosa.feature.spectral_rolloff),
        ("flatness", librosa.feature.spectral_flatness),
    ):
        options = {key: value for key, value in how.items() if (key, name) != ("sr", "flatness")}
        np.testing.assert_allclose(found[name], function(y=sound, **options)[0], rtol=1e-3)


@pytest.mark.slow
def test_the_edges_of_pieces_do_not_show(monkeypatch):
    sound = sung(RATE)
    whole = voice_features(sound, RATE).frames
    monkeypatch.setattr(voice, "_PIECE", 110)
    monkeypatch.setattr(voice, "_OVERLAP", 60)
    assert np.array_equal(voice_features(sound, RATE).frames, whole, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("step", [777, 5_000, 100_000])
def test_a_sound_that_arrives_in_pieces_is_the_same_and_is_not_held(step, monkeypatch):
    monkeypatch.setattr(voice, "_PIECE", 60)
    monkeypatch.setattr(voice, "_OVERLAP", 30)
    sound = sung(RATE)
    whole, meter, held = voice_features(sound, RATE), VoiceMeter(), 0
    for first in range(0, len(sound), step):
        meter.add(sound[first : first + step])
        held = max(held, len(meter._held) // 4)
    found = meter.finish()
    assert found.frames.tobytes() == whole.frames.tobytes()
    assert found.notes == whole.notes
    np.testing.assert_array_equal(found.times, whole.times)
    if step < 10_000:
        assert held <= (60 + 2 * 30) * 160 + 1024 + step


def test_any_number_of_channels_and_any_type_is_the_same_voice():
    sound = sung(RATE, seconds=1.0)
    expected = voice_features(sound, RATE).frames
    stereo = np.stack([sound, sound], axis=1)
    surround = np.tile(sound[:, None], 6)
    for same in (stereo, surround, sound.astype(np.float64)):
        np.testing.assert_allclose(voice_features(same, RATE).frames, expected, atol=1e-2)
    found = voice_features(np.round(sound * 32767).astype(np.int16), RATE)
    np.testing.assert_allclose(found.frames[:, ENERGY], expected[:, ENERGY], atol=0.1)
    found = voice_features(np.round(sound * 127 + 128).astype(np.uint8), RATE)
    np.testing.assert_allclose(found.frames[:50, ENERGY], expected[:50, ENERGY], atol=1)


def test_what_is_odd_about_a_sound_is_noted():
    sound = sung(44_100, seconds=1.0)
    notes = voice_features(sound, 44_100).notes
    assert notes["seconds"] == 1.0
    assert notes["rate"] == 44_100
    assert notes["clipped"] == notes["silent"] == 0
    assert notes["voiced"] > 0.9
    loud = voice_features(np.clip(sound * 20, -1, 1), 44_100).notes
    assert 0.05 < loud["clipped"] < 1
    assert loud["peak"] == 1
    half = voice_features(np.r_[sound, np.zeros(44_100, np.float32)], 44_100).notes
    assert half["silent"] == pytest.approx(0.5, abs=0.02)
    muted = voice_features(np.full(RATE, 0.1), RATE)  # a constant is no sound
    assert muted.notes["silent"] == 1
    assert muted.notes["voiced"] == 0
    holes = voice_features(np.where(np.arange(RATE) % 50 == 0, np.nan, 0.1), RATE)
    assert np.isfinite(np.delete(holes.frames, F0, axis=1)).all()


@pytest.mark.parametrize("n", [0, 1, 100, 1000])
def test_a_sound_of_next_to_nothing_has_few_frames(n):
    found = voice_features(np.full(n, 0.01, np.float32), RATE)
    assert len(found.frames) == len(found.times) == (1 + n // 160 if n else 0)
    assert found.notes["silent"] == 1


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros(100), 4_000, "has 4000 samples per second; 8,000 to 96,000 can be read"),
        (np.zeros(100), 192_000, "192000 samples per second"),
        (np.zeros((2, 16_000)), RATE, "16000 channels; expected .samples, channels., so transpose"),
        (np.zeros((2, 2, 2)), RATE, "expected numbers"),
        (np.array(["so"]), RATE, "expected numbers"),
        (np.zeros(100, complex), RATE, "expected numbers"),
    ],
)
def test_what_is_no_sound_is_one_error(samples, rate, message):
    with pytest.raises(CENetError, match=message):
        voice_features(samples, rate)


def test_opensmile_says_its_licence_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    for call in (
        lambda: voice_features(np.zeros(100), RATE, voice="opensmile"),
        lambda: voice_channels("opensmile"),
        lambda: voice.voice_extractor("opensmile"),
    ):
        with pytest.raises(CENetError, match=r"pip install opensmile .*research and teaching"):
            call()
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(CENetError, match=r"pip install \"cenet-lib\[video\]\""):
        voice_features(np.zeros(100), RATE)


def test_opensmile_gives_its_own_channels(monkeypatch):
    """With a stand-in that answers as the library does."""

    class Smile:
        feature_names = ("Loudness_sma3", "F0semitoneFrom27.5Hz_sma3nz")

        def __init__(self, feature_set, feature_level):
            assert (feature_set, feature_level) == ("eGeMAPSv02", "lld")

        def process_signal(self, signal, rate):
            start = pd.to_timedelta(np.arange(3) * 0.01, unit="s")
            index = pd.MultiIndex.from_arrays(
                [start, start + pd.to_timedelta(0.02, unit="s")], names=["start", "end"]
            )
            return pd.DataFrame([[0.1, 0.0], [0.2, 30.0], [0.3, 31.0]], index=index)

    stand_in = types.SimpleNamespace(
        Smile=Smile,
        FeatureSet=types.SimpleNamespace(eGeMAPSv02="eGeMAPSv02"),
        FeatureLevel=types.SimpleNamespace(LowLevelDescriptors="lld"),
    )
    monkeypatch.setitem(sys.modules, "opensmile", stand_in)
    found = voice_features(sung(RATE, 1.0), RATE, voice="opensmile")
    assert found.channels == Smile.feature_names
    np.testing.assert_allclose(found.times, [0.01, 0.02, 0.03])
    np.testing.assert_allclose(found.frames[:, 1], [0, 30, 31])
    assert found.notes["voiced"] == pytest.approx(2 / 3)
    short = voice_features(np.zeros(10), RATE, voice="opensmile")
    assert short.frames.shape == (0, 2)
