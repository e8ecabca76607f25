"""Utterances as if measured in a film, and films to go with them."""

import io
from dataclasses import replace

import numpy as np

SECONDS = 3.0
N_LANDMARKS, UNIT = 478, 2.0**-14


def make_landmarks(n: int, seed: int = 0) -> np.ndarray:
    """A face of points that wanders from left to right, (n, 478, 3) in shares of the picture."""
    rng = np.random.default_rng(seed)
    face = rng.uniform(0.3, 0.6, (N_LANDMARKS, 3))
    return face + np.linspace(0, 0.1, n)[:, None, None] * [1, 0, 0]


def filmed(utterance, seconds: float = SECONDS, film: str | None = None):
    """The same utterance with the annotations that `cenet_lib.video` gives."""
    n_visual, n_acoustic = len(utterance.visual), len(utterance.acoustic)
    points = np.rint(make_landmarks(n_visual) / UNIT).astype(np.int16)
    times = {
        "visual_times": np.arange(n_visual) * (seconds / n_visual),
        "acoustic_times": np.arange(n_acoustic) * (seconds / n_acoustic),
        "landmarks": points.ravel(),
        **{"picture_width": 160.0, "picture_height": 120.0},
        **{"start_seconds": 0.0, "end_seconds": seconds},
        **({} if film is None else {"film": film}),
    }
    return replace(utterance, annotations={**utterance.annotations, **times})


def make_film(seconds: float = SECONDS, rate: int = 20, form: str = "webm") -> bytes:
    """A bar that moves from left to right in so many seconds, with a tone."""
    import av  # optional

    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        pictures = container.add_stream("libvpx", rate)
        pictures.width, pictures.height, pictures.pix_fmt = 160, 120, "yuv420p"
        pictures.options = {"deadline": "realtime", "cpu-used": "8"}
        sound = container.add_stream("libopus", 48_000, layout="mono")
        n = round(seconds * rate)
        for i in range(n):
            picture = np.full((120, 160, 3), 60, np.uint8)
            picture[:, 140 * i // n :][:, :20] = 220
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = i
            container.mux(pictures.encode(frame))
        tone = 0.2 * np.sin(2 * np.pi * 220 * np.arange(round(48_000 * seconds)) / 48_000)
        for start in range(0, len(tone), 960):
            piece = tone[None, start : start + 960].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(piece, "flt", "mono")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(sound.encode(frame))
        container.mux(pictures.encode(None))
        container.mux(sound.encode(None))
    return file.getvalue()
