"""A folder of films by one job and by two; and the voice alone, its time and its memory.

    python tests/benchmarks/bench_videos_jobs.py [films] [rounds]

The films are copies of the supplied one (`cenet_lib.video.films`), each of other content to the
byte, so that none is taken for another. Processes are started anew in each round, as a user's
command starts them. The voice is measured on a melody of known pitch, of one minute and of ten.
"""

import os
import resource
import statistics
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from cenet_lib.video.clips import read_clips
from cenet_lib.video.collection import collect
from cenet_lib.video.films import example_film
from cenet_lib.video.voice import RATE, voice_features

os.environ.setdefault("OMP_NUM_THREADS", "1")


def write_films(folder: Path, n: int) -> None:
    """Copy the film n times; what follows its end no player reads."""
    content = example_film("smile").read_bytes()
    for number in range(n):
        free = number.to_bytes(8, "big")  # a box that says of itself that it is nothing
        (folder / f"f{number}.mp4").write_bytes(content + b"\0\0\0\x10free" + free)
        (folder / f"f{number}.txt").write_text("How nice!", encoding="utf-8")


def seconds_of(films: Path, n_jobs: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        made = collect(read_clips(films), Path(folder, "mine"), n_jobs=n_jobs)
        assert made.failed == 0, made.reports
        return time.perf_counter() - start


def timed(films: Path, n_jobs: int) -> float:
    """Measure in a process of its own, which has loaded nothing yet."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_one, (films, n_jobs))


def _one(films: Path, n_jobs: int) -> float:
    import multiprocessing

    multiprocessing.current_process()._config["daemon"] = False  # it starts processes itself
    return seconds_of(films, n_jobs)


def melody(seconds: int) -> np.ndarray:
    times = np.arange(seconds * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(150 * 2 ** (0.5 * np.sin(np.pi * times))) / RATE
    return sum(np.sin(k * phase) / k for k in range(1, 6)).astype(np.float32) / 3


def voice_alone(seconds: int) -> tuple[float, float]:
    """Return the CPU seconds per second of sound, and the peak of memory in MB beyond the sound."""
    voice_features(melody(2), RATE)  # what is compiled at the first call
    sound = melody(seconds)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    voice_features(sound, RATE)
    spent = time.process_time() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return spent / seconds, (after - before) / 1024


def main(n: int, rounds: int) -> None:
    for seconds in (60, 600):
        with get_context("spawn").Pool(1) as pool:
            cost, memory = pool.apply(voice_alone, (seconds,))
        print(f"voice, {seconds} s: {cost:.3f} CPU s per second, {memory:.0f} MB more at the peak")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        write_films(Path(folder), n)
        for _ in range(rounds):
            one, two = (timed(Path(folder), n_jobs) for n_jobs in (1, 2))
            ratios.append(one / two)
            print(f"{n} films: 1 job {one:.1f} s, 2 jobs {two:.1f} s, {ratios[-1]:.2f} times")
    print(f"median of {rounds} rounds: {statistics.median(ratios):.2f} times")


if __name__ == "__main__":
    main(*(int(a) for a in (*sys.argv[1:], *("12", "3")[len(sys.argv) - 1 :])))
