"""Utterances as if measured in a film, and films to go with them."""

import io
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

SECONDS = 3.0
N_LANDMARKS, UNIT = 478, 2.0**-14


def make_landmarks(n: int, seed: int = 0) -> np.ndarray:
    """A face of points that wanders from left to right, (n, 478, 3) in shares of the picture."""
    rng = np.random.default_rng(seed)
    face = rng.uniform(0.3, 0.6, (N_LANDMARKS, 3))
    return face + np.linspace(0, 0.1, n)[:, None, None] * [1, 0, 0]


def filmed(utterance, seconds: float = SECONDS, film: str | None = None, start: float = 0.0):
    """The same utterance with the annotations that `cenet_lib.video` gives."""
    n_visual, n_acoustic = len(utterance.visual), len(utterance.acoustic)
    points = np.rint(make_landmarks(n_visual) / UNIT).astype(np.int16)
    times = {
        "visual_times": start + np.arange(n_visual) * (seconds / n_visual),
        "acoustic_times": start + np.arange(n_acoustic) * (seconds / n_acoustic),
        "landmarks": points.ravel(),
        **{"picture_width": 160.0, "picture_height": 120.0},
        **{"start_seconds": start, "end_seconds": start + seconds},
        **({} if film is None else {"film": film}),
    }
    return replace(utterance, annotations={**utterance.annotations, **times})


def make_film(
    seconds: float = SECONDS,
    times: Sequence[float] | None = None,
    sound: np.ndarray | None = None,
    form: str = "webm",
    codecs: tuple[str, str] = ("libvpx", "libopus"),
    **options: str,
) -> bytes:
    """A bar that moves from left to right in so many seconds, with a tone or another sound.

    A picture stands at each of the times, by default twenty in a second.
    """
    import av  # optional

    file = io.BytesIO()
    with av.open(file, "w", format=form, options=options) as container:
        pictures = container.add_stream(codecs[0], 30)
        pictures.width, pictures.height, pictures.pix_fmt = 160, 120, "yuv420p"
        pictures.options = {"deadline": "realtime", "cpu-used": "8"} if form == "webm" else {}
        pictures.codec_context.thread_count = 1  # threads wait for each other on a busy machine
        pictures.codec_context.max_b_frames = 0  # as a browser records
        pictures.codec_context.gop_size = 20
        base = Fraction(1, 30 if form == "mpeg" else 1000)
        pictures.codec_context.time_base = base
        voice = container.add_stream(codecs[1], 48_000, layout="mono")
        packets = []
        for time in np.arange(0, seconds, 0.05) if times is None else times:
            picture = np.full((120, 160, 3), 60, np.uint8)
            picture[:, int(140 * time / seconds) :][:, :20] = 220
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = round(time / base), base
            packets += pictures.encode(frame)
        if sound is None:
            sound = 0.2 * np.sin(2 * np.pi * 220 * np.arange(round(48_000 * seconds)) / 48_000)
        for start in range(0, len(sound), 960):
            piece = sound[None, start : start + 960].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(piece, "flt", "mono")
            frame.sample_rate, frame.pts = 48_000, start
            packets += voice.encode(frame)
        packets += [*pictures.encode(None), *voice.encode(None)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return file.getvalue()


def safaris_film(seconds: float = SECONDS) -> bytes:
    """A recording as Safari makes it: H.264 and AAC in fragments of an mp4, and uneven pictures."""
    times, steps = [0.0], (0.05, 0.033, 0.067, 0.033)
    while times[-1] + 0.1 < seconds:
        times.append(times[-1] + steps[len(times) % 4])
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    options["avoid_negative_ts"] = (
        "disabled"  # what the encoder of the sound needs moves no picture
    )
    return make_film(seconds, times, form="mp4", codecs=("libx264", "aac"), **options)
