"""Films for the tests, made on the spot."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

COLOURS = ((200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40))  # of the four quarters


def quarters(width: int = 64, height: int = 48) -> np.ndarray:
    """A picture (height, width, 3) with a colour in each quarter: top left, top right, bottom …"""
    picture = np.empty((height, width, 3), np.uint8)
    for i, colour in enumerate(COLOURS):
        rows = slice(0, height // 2) if i < 2 else slice(height // 2, None)
        columns = slice(0, width // 2) if i % 2 == 0 else slice(width // 2, None)
        picture[rows, columns] = colour
    return picture


def tone(seconds: float, rate: int = 16_000, pitch: float = 200.0) -> np.ndarray:
    """A tone (n,) float32."""
    phase = 2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate
    return 0.5 * np.sin(phase, dtype=np.float32)


def make_film(
    path: str | Path | io.BytesIO,
    pictures=None,
    times=None,
    sound=None,
    *,
    rate=16_000,
    layout="mono",
    sound_start=0.0,
    aspect=None,
    codec="mpeg4",
    sound_codec="pcm_s16le",
    form=None,
    pictures_per_second=1000,
    live=False,
):
    """Write a film: pictures (h, w, 3) at times in seconds, sound (channels, n) or (n,) float32.

    A gap in the sound is made of pieces: a list of (time, samples).
    """
    options = {"avoid_negative_ts": "disabled"}
    if live:  # as a browser writes, who does not know the end
        options["live"] = "1"
    with av.open(path, "w", format=form, container_options=options) as film:
        packets = []
        if pictures is not None:
            packets += _pictures(film, pictures, times, codec, pictures_per_second, aspect)
        if sound is not None:
            pieces = sound if isinstance(sound, list) else [(sound_start, sound)]
            packets += _sound(film, pieces, rate, layout, sound_codec)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            film.mux(packet)
    return path


def _pictures(film, pictures, times, codec, rate, aspect):
    stream = film.add_stream(codec, rate=rate)
    stream.height, stream.width = pictures[0].shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.bit_rate = 2_000_000
    stream.codec_context.time_base = Fraction(1, rate)
    stream.codec_context.gop_size = 5
    stream.codec_context.thread_count = 1  # threads wait for each other on a busy machine
    if aspect:
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
    for picture, time in zip(pictures, times, strict=True):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = round(time * rate), Fraction(1, rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _sound(film, pieces, rate, layout, codec):
    stream = film.add_stream(codec, rate=rate, layout=layout)
    for start, samples in pieces:
        samples = np.atleast_2d(samples)  # (channels, n)
        for first in range(0, samples.shape[1], 1024):
            part = np.clip(samples[:, first : first + 1024] * 32767, -32768, 32767)
            packed = np.ascontiguousarray(part.astype(np.int16).T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = round(start * rate) + first
            yield from stream.encode(frame)
    yield from stream.encode(None)
