"""What a collection of film costs, from a few hours to a million: seconds, bytes and machines.

    python tests/benchmarks/cost_model.py [--measure]

Nothing here is measured at such a size: each row multiplies constants, which were measured on small
pieces, by an amount of film. Each constant says which script measures it; ``--measure`` measures
anew those that no other script does.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

# Seconds of one processor core per second of film of 1280 x 720 at 30 pictures a second:
# bench_video.py.
FACE = 0.06 + 0.51  # decoding; finding the face, its landmarks and channels
VOICE = 0.14
# Measured by hand, about 4 s for a clip of 7 s; no script measures it. None where words are typed.
WORDS = 0.6  # Whisper tiny.en

# What extraction leaves of a second of film.
VISUAL_FRAMES, VISUAL_CHANNELS = 30, 54  # cenet_lib/video/face.py
ACOUSTIC_FRAMES, ACOUSTIC_CHANNELS = 100, 37  # cenet_lib/video/voice.py
FILM = 2_000_000 / 8  # bytes of the film itself: 720p at 2 Mbit/s

# Frames per second of one core, 74 channels: `--measure` below, both passes of the fit and codes.
FITTED, CODED = 450_000, 5_200_000
FITTED_AT_MOST = 100_000_000  # a vocabulary of 16 codes learns nothing from more: take a sample

# Utterances per second of two cores, RoBERTa-base, fp32, batch 64, texts of MOSI's length:
# bench_step.py, its last row. How much more a prediction gets done, bench_limit.py measures.
TRAINED = 21.4
PREDICTED = TRAINED * 34.2 / 8.7

CORES, DAYS = 16, 7  # of a machine, and the time that its work may take
BYTES_OF_COUNTS = 2 * 17 * 4  # per utterance, before compression


class Collection(NamedTuple):
    """An amount of film, cut into utterances."""

    name: str
    hours: float
    utterances: int


SECONDS = 7.3  # of an utterance, in MOSEI on average
COLLECTIONS = (
    Collection("MOSI", 2.6, 2_199),
    Collection("MOSEI", 48, 23_453),
    *(Collection(f"{h:,} h", h, round(h * 3600 / SECONDS)) for h in (1_000, 1_000_000)),
)


@dataclass(frozen=True)
class Cost:
    """What a collection costs: seconds of a core, bytes on disk."""

    extract: float
    words: float
    fit: float
    code: float
    epoch: float
    predict: float
    film: float
    frames: float
    counts: float


def cost(collection: Collection) -> Cost:
    """Multiply the constants by an amount of film."""
    seconds = collection.hours * 3600
    frames = seconds * (VISUAL_FRAMES + ACOUSTIC_FRAMES)
    numbers = VISUAL_FRAMES * VISUAL_CHANNELS + ACOUSTIC_FRAMES * ACOUSTIC_CHANNELS
    return Cost(
        extract=seconds * (FACE + VOICE),
        words=seconds * WORDS,
        fit=min(frames, FITTED_AT_MOST) / FITTED,
        code=frames / CODED,
        epoch=2 * collection.utterances / TRAINED,
        predict=2 * collection.utterances / PREDICTED,
        film=seconds * FILM,
        frames=seconds * numbers * 4,
        counts=collection.utterances * BYTES_OF_COUNTS,
    )


def machines(cost: Cost) -> int:
    """Return how many machines do all but training in the time given, cut into shards."""
    work = cost.extract + cost.words + cost.fit + cost.code + cost.predict
    return math.ceil(work / (CORES * DAYS * 86_400))


def told(core_seconds: float) -> str:
    """Return seconds of a core in the unit that one would say."""
    for unit, size in (("years", 365 * 86_400), ("days", 86_400), ("h", 3600), ("min", 60)):
        if core_seconds >= size:
            return f"{core_seconds / size:,.3g} {unit}"
    return f"{core_seconds:.1f} s"


def size(n_bytes: float) -> str:
    """Return bytes in the unit that one would say."""
    for unit, much in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= much:
            return f"{n_bytes / much:,.3g} {unit}"
    return f"{n_bytes / 1e3:,.3g} kB"


ROWS: dict[str, Callable[[Collection, Cost], str]] = {
    "utterances": lambda c, _: f"{c.utterances:,}",
    "bytes of film": lambda _, cost: size(cost.film),
    "bytes of frames, as stored": lambda _, cost: size(cost.frames),
    "bytes of code counts, which is all that CE reads": lambda _, cost: size(cost.counts),
    "extract face and voice": lambda _, cost: told(cost.extract),
    "write down the words by machine": lambda _, cost: told(cost.words),
    "fit both vocabularies": lambda _, cost: told(cost.fit),
    "find the codes of all frames": lambda _, cost: told(cost.code),
    "predict once": lambda _, cost: told(cost.predict),
    "train one epoch": lambda _, cost: told(cost.epoch),
    f"machines that do all but training in {DAYS} days": lambda _, cost: f"{machines(cost):,}",
}


def measure() -> None:
    """Print the constants that no other script measures."""
    import numpy as np

    from cenet_lib import FeatureVocabulary

    frames = np.random.default_rng(0).standard_normal((200_000, 74), dtype=np.float32)
    vocabulary = FeatureVocabulary(16).fit(frames)
    took = []
    for _ in range(5):
        began = time.process_time()
        for first in range(0, len(frames), 5_000):  # as the utterances of one call have
            vocabulary.predict(frames[first : first + 5_000])
        took.append(time.process_time() - began)
    print(f"CODED = {len(frames) / sorted(took)[2]:,.0f}")
    began = time.process_time()
    vocabulary.fit(frames)
    print(f"FITTED = {len(frames) / (time.process_time() - began):,.0f}, of few frames")


def main() -> None:
    print(f"| seconds of one core | {' | '.join(c.name for c in COLLECTIONS)} |")
    print("|---" * (len(COLLECTIONS) + 1) + "|")
    for title, cell in ROWS.items():
        cells = (cell(collection, cost(collection)) for collection in COLLECTIONS)
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    measure() if "--measure" in sys.argv[1:] else main()
