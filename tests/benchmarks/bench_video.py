"""Looking at films: speed of each stage, memory on a long film, and how equal the numbers are.

    python tests/benchmarks/bench_video.py [seconds] [rounds]

The film for speed is the example "smile", made 1280 x 720 at 30 pictures a second (H.264), with a
synthetic voice. One core does everything; each stage is measured by itself, in seconds of that
core's time per second of film, the best of the rounds. Real time is 1.

The films for memory last one minute and ten (640 x 360, 10 pictures a second). They are made of the
same packets again and again, and each is looked at in a process of its own. What an utterance holds
grows with its length, so its size is told beside the peak. Linux only, for it asks /proc.

Pitch is beside the one that the synthetic voice was made with. Equality is with what Google's own
runtime gives, where CENET_TEST_DATA names the reference.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from cenet_lib.video.extract import utterance_from_video
from cenet_lib.video.face import FaceLandmarker
from cenet_lib.video.films import example_film
from cenet_lib.video.head_pose import euler_angles
from cenet_lib.video.media import Film
from cenet_lib.video.voice import voice_features

RATE = 48_000


def voice(seconds: float) -> np.ndarray:
    """A buzz whose pitch moves between 100 and 160 Hz: (n,) int16."""
    phase = np.cumsum(130 + 30 * np.sin(np.arange(round(seconds * RATE)) / RATE * 3)) / RATE
    buzz = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 12))
    return (8_000 * buzz).astype(np.int16)


def make(path: Path, seconds: float, size: tuple[int, int], rate: int, repeats: int = 1) -> None:
    """Write the example "smile" with a voice, the same packets several times in a row."""
    pictures = [picture.rgb for picture in Film(example_film("smile"), 0, 20).pictures()]
    packets = []
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=rate, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        sound = film.add_stream("aac", rate=RATE, layout="mono")
        for i in range(round(seconds * rate)):
            there = pictures[min(len(pictures) - 1, i * 24 // rate % len(pictures))]
            frame = av.VideoFrame.from_ndarray(there, "rgb24").reformat(*size, "yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, rate)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        samples = voice(seconds)
        for first in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, first : first + 1024], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
            packets += sound.encode(frame)
        packets += sound.encode(None)
        packets = [packet for packet in packets if 0 <= packet.pts * packet.time_base < seconds]
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        kept = [(p.stream, bytes(p), p.pts, p.dts, p.time_base, p.is_keyframe) for p in packets]
        for repeat in range(repeats):
            for owner, content, pts, dts, base, key in kept:
                packet, shift = av.Packet(content), round(repeat * seconds / base)
                packet.pts, packet.dts, packet.time_base = pts + shift, dts + shift, base
                packet.is_keyframe, packet.stream = key, owner
                film.mux(packet)


def best(work: Callable[[], object], rounds: int) -> float:
    """Return the seconds of this core that some work takes, at best."""
    taken = []
    for _ in range(rounds):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    return min(taken)


def speed(seconds: float, rounds: int, folder: Path) -> None:
    """Print what each stage takes."""
    path = folder / "speed.mp4"
    make(path, seconds, (1280, 720), 30)
    landmarker, film = FaceLandmarker(), Film(path)
    some = [picture.rgb for picture in Film(path, 0, min(2.0, seconds)).pictures()]
    per_second = 30 / len(some)
    seen = np.stack([sighting.landmarks for sighting in landmarker.follow(some)])
    boxes = [landmarker._detect(picture) for picture in some]
    sound = film.sound()
    utterance_from_video(path, ["warm"], landmarker=landmarker)  # numba compiles

    def decoded() -> None:
        for _ in film._part("video"):
            pass

    def shown() -> None:
        for _ in film.pictures():
            pass

    def detected() -> None:
        for picture in some:
            landmarker._detect(picture)

    def placed() -> None:
        for picture, faces in zip(some, boxes):
            landmarker._see(picture, faces, None)

    decoding, showing = best(decoded, rounds) / seconds, best(shown, rounds) / seconds
    rows = {
        "decode the pictures": decoding,
        "turn them into RGB": showing - decoding,
        "find faces": best(detected, rounds) * per_second,
        "landmarks of one face": best(placed, rounds) * per_second,
        "blendshapes and the turn of the head": best(
            lambda: landmarker.describe(seen, 1280, 720), rounds
        )
        * per_second,
        "decode the sound": best(film.sound, rounds) / seconds,
        "describe the voice": best(lambda: voice_features(sound.samples, sound.rate), rounds)
        / seconds,
        "the whole chain": best(
            lambda: utterance_from_video(path, ["so"], landmarker=landmarker), rounds
        )
        / seconds,
    }
    print(f"\n{seconds:g} s of 1280 x 720 at 30 a second, one core, best of {rounds}:")
    for what, share in rows.items():
        print(f"  {what:38} {share:5.3f} s per second of film")


def memory(minutes: int, folder: Path) -> dict[str, float]:
    """Look at a film of some minutes in a process of its own; return megabytes and seconds."""
    path = folder / f"{minutes}.mp4"
    make(path, 15.0, (640, 360), 10, repeats=4 * minutes)
    command = [sys.executable, __file__, "--look", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def look(path: Path) -> dict[str, float]:
    """Look at a film in this process."""
    utterance_from_video(path, ["warm"], end=2.0)
    start = time.perf_counter()
    utterance = utterance_from_video(path, ["so"])
    arrays = [utterance.visual, utterance.acoustic, *utterance.annotations.values()]
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    return {
        "seconds": time.perf_counter() - start,
        "film": utterance.annotations["end_seconds"],
        "holds": sum(a.nbytes for a in arrays if isinstance(a, np.ndarray)) / 2**20,
        "peak": peak / 1024,
    }


def equality(data: Path) -> None:
    """Print how far the numbers are from those of Google's own runtime, in image mode."""
    landmarker = FaceLandmarker()
    for file in sorted((data / "grid_reference").glob("*.npz")):
        reference = np.load(file)
        film = Film(data / "grid_clips" / f"{file.stem}.mpg")
        seen = np.stack([landmarker.look(picture.rgb).landmarks for picture in film.pictures()])
        off = ((seen[::5] - reference["landmarks_every_5th"]) * (360, 288, 0))[..., :2]
        pixels = np.hypot(off[..., 0], off[..., 1])
        shapes = np.abs(landmarker.blendshapes(seen, 360, 288) - reference["blendshapes"])
        matrices = reference["matrices"][:, :3, :3]
        turns = euler_angles(matrices / np.linalg.norm(matrices, axis=1, keepdims=True))
        degrees = np.abs(landmarker.describe(seen, 360, 288)[:, 51:] - turns)
        print(
            f"  {file.stem}: landmarks {pixels.mean():.4f} px (at most {pixels.max():.2f}), "
            f"blendshapes {shapes.mean():.5f} (at most {shapes.max():.3f}), "
            f"angles {degrees.mean():.3f}° (at most {degrees.max():.2f})"
        )


def pitch(seconds: float) -> None:
    """Print how far the pitch of the synthetic voice is from the one that it was made with."""
    found = voice_features(voice(seconds), RATE)
    true = 130 + 30 * np.sin(3 * found.times)
    cents = np.abs(1200 * np.log2(found.frames[:, 0] / true))  # NaN where none was found
    print(
        f"\npitch of the synthetic voice: {np.nanmedian(cents):.1f} cents off in the median, "
        f"{np.nanpercentile(cents, 95):.1f} in 95 of 100 frames; found in "
        f"{np.isfinite(cents).mean():.1%} of them"
    )


def main(seconds: float, rounds: int) -> None:
    """Print everything."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"{platform.processor() or platform.machine()}, av {av.__version__}, one core")
    with tempfile.TemporaryDirectory(prefix="cenet-bench-") as place:
        folder = Path(place)
        speed(seconds, rounds, folder)
        print("\nmemory, whole chain, 640 x 360 at 10 a second:")
        for minutes in (1, 10):
            found = memory(minutes, folder)
            print(
                f"  {found['film']:.0f} s: peak {found['peak']:.0f} MB, of which the utterance "
                f"holds {found['holds']:.0f} MB; {found['seconds']:.0f} s"
            )
    pitch(seconds)
    if os.environ.get("CENET_TEST_DATA"):
        print("\nbeside Google's own runtime, mean of all pictures:")
        equality(Path(os.environ["CENET_TEST_DATA"]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--look"]:
        print(json.dumps(look(Path(sys.argv[2]))))
    else:
        arguments = [*sys.argv[1:], None, None]
        main(float(arguments[0] or 10), int(arguments[1] or 3))
