"""A vocabulary over two million frames, against scikit-learn's k-means on all of them.

    python tests/benchmarks/bench_vocabulary.py [frames] [threads]

Two sources of frames with 74 channels: *clusters*, 1,000 overlapping Gaussian clusters of unequal
size around centres that vary in ten directions, in runs of eight frames, with an offset per video
and a unit of its own per channel, as measurements have; and *voices*, the demo corpus's, simulated
with as many seeds as it takes. k = 16; three seeds each.

`KMeans(16, n_init=1)` gets the frames standardised, in memory and with all threads;
`FeatureVocabulary` gets the raw frames and one thread, which is what it always takes. Its fit is
timed before and after and the slower one counts, since a shared machine may change its mind in
between. Inertia is in both cases that of all frames, in standardised units.

At last the *clusters* are fitted from a stored corpus, in a process of its own. Its peaks are of
what Python and NumPy asked for (tracemalloc) while it was opened and fitted, and of memory that was
resident and private, which leaves out the pages of mapped files (Linux only).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from cenet_lib import Corpus, FeatureVocabulary, FrameSequences, Utterance
from cenet_lib.corpora import demo

K, CHANNELS, SEEDS, PIECE = 16, 74, 3, 500


def clusters(n: int) -> np.ndarray:
    """Return frames (n, CHANNELS), made a video of 1,000 frames at a time."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((10, CHANNELS)) / np.sqrt(10)
    centres = (2 * rng.standard_normal((1000, 10)) @ directions).astype(np.float32)
    shares = rng.dirichlet(np.ones(1000))
    unit = np.exp(rng.normal(0, 2, CHANNELS)).astype(np.float32)
    frames = np.empty((n, CHANNELS), np.float32)
    for first in range(0, n, 1000):
        size = min(1000, n - first)
        run = np.repeat(rng.choice(1000, -(-size // 8), p=shares), 8)[:size]
        noise = rng.standard_normal((size, CHANNELS), dtype=np.float32)
        video = 0.5 * rng.standard_normal(CHANNELS, dtype=np.float32)
        frames[first : first + size] = unit * (centres[run] + noise + video)
    return frames


def voices(n: int) -> np.ndarray:
    """Return frames (n, CHANNELS) of the demo corpus's voices."""
    sentences = demo.rated_sentences()
    frames, first, seed = np.empty((n, CHANNELS), np.float32), 0, 0
    while first < n:
        for utterance in demo.simulate(sentences, seed):
            piece = utterance.acoustic[: n - first]
            frames[first : first + len(piece)] = piece
            first += len(piece)
        seed += 1
    return frames


def timed(estimator, frames: np.ndarray) -> float:
    start = time.perf_counter()
    estimator.fit(frames)
    return time.perf_counter() - start


def compare(name: str, frames: np.ndarray, threads: int) -> None:
    """Print a row per seed."""
    FeatureVocabulary(K).fit(frames[:50_000])  # so that nothing is done for the first time
    for seed in range(SEEDS):
        vocabulary = FeatureVocabulary(K, random_state=seed)
        kmeans = KMeans(K, n_init=1, random_state=seed)
        before = timed(vocabulary, frames)
        z = vocabulary.standardize(frames)
        with threadpool_limits(threads):
            theirs = timed(kmeans, z)
        del z
        after = timed(vocabulary, frames)
        inertia, reference = vocabulary.inertia(frames), kmeans.inertia_ / len(frames)
        cells = [
            *(name, str(seed), f"{theirs:.1f}", str(kmeans.n_iter_)),
            *(f"{before:.2f}, {after:.2f}", f"{theirs / max(before, after):.0f}"),
            *(f"{reference:.3f}", f"{inertia:.3f}", f"{100 * (inertia / reference - 1):+.2f} %"),
        ]
        print("|", " | ".join(cells), "|", flush=True)


def store(frames: np.ndarray, folder: Path) -> None:
    """Keep the frames as a corpus of utterances of PIECE frames."""
    face = np.zeros((0, 1), np.float32)
    Corpus(
        "clusters",
        train=[
            Utterance(f"{first}", ("word",), face, frames[first : first + PIECE])
            for first in range(0, len(frames), PIECE)
        ],
    ).save(folder)


def private_megabytes() -> float:
    """Return the resident memory that is not a mapped file's; NaN where there is no /proc."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(row.split()[1]) / 1024 for row in file if row.startswith("RssAnon"))
    except OSError:
        return float("nan")


class Watched(FrameSequences):
    """Frames that note how much memory is in use whenever some are asked for."""

    most = 0.0

    def __iter__(self):
        for number, piece in enumerate(super().__iter__()):
            if number % 20 == 0:
                self.most = max(self.most, private_megabytes())
            yield piece


def fit_stored(folder: str) -> None:
    """Fit from the store; print seconds and megabytes as JSON."""
    before = private_megabytes()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        frames = Watched(Corpus.load(folder).train, "acoustic")
        FeatureVocabulary(K).fit(frames)
        seconds.append(time.perf_counter() - start)
    private = frames.most - before
    tracemalloc.start()
    FeatureVocabulary(K).fit(FrameSequences(Corpus.load(folder).train, "acoustic"))
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    print(json.dumps({"seconds": seconds, "private": private, "peak": peak}))


def main(n: int, threads: int) -> None:
    from bench_step import machine

    print(
        f"{machine()}; {n:,} frames of {CHANNELS} channels, k = {K}; KMeans on {threads} threads\n"
    )
    print("| frames | seed | KMeans, s | rounds | ours, s | ratio |", end="")
    print(" inertia, KMeans | ours | difference |")
    print("|---|---|---|---|---|---|---|---|---|")
    compare("voices", voices(n), threads)
    frames = clusters(n)
    compare("clusters", frames, threads)
    with tempfile.TemporaryDirectory(prefix="cenet-") as folder:
        store(frames, Path(folder) / "store")
        megabytes = frames.nbytes / 1e6
        del frames
        done = subprocess.run(
            [sys.executable, __file__, "--stored", os.path.join(folder, "store")],
            capture_output=True,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout)
    times = ", ".join(f"{s:.2f}" for s in found["seconds"])
    print(f"\nfrom a stored corpus of {megabytes:.0f} MB, opening included: {times} s;", end=" ")
    print(f"peak {found['peak']:.0f} MB allocated, {found['private']:.0f} MB more private memory")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stored"]:
        fit_stored(sys.argv[2])
    else:
        main(*(int(float(a)) for a in sys.argv[1:]), *(2_000_000, 2)[len(sys.argv) - 1 :])
