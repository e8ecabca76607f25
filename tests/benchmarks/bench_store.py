"""Time and memory of converting, opening and reading a corpus of CMU-MOSEI's size.

    python tests/benchmarks/bench_store.py [segments] [folder]

It makes a pickle as MMSA does (by default 23,000 segments, 8.6 GB, in the folder for temporary
files): 50 x 768 numbers of text, 500 x 74 of voice and 500 x 35 of face for each, of which on
average 38.8 and 42.6 rows are real, as in CMU-MOSI. Each measurement is a process of its own. Its
peak is the most memory that was resident at a time; "private" leaves out pages of mapped files,
which the system takes back when it needs room. Linux only, for it asks /proc.
"""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS, VISUAL, ACOUSTIC, TEXT = 500, 35, 74, (50, 768)
MEAN_ROWS = {"vision": 42.6, "audio": 38.8}
SHARES = {"train": 16326, "valid": 1871, "test": 4659}  # of CMU-MOSEI
REPEATS = 5


def make(path: Path, segments: int) -> None:
    """Write the pickle; untouched rows of the arrays cost no memory."""
    generator = np.random.default_rng(0)
    data, number = {}, 0
    for split, share in SHARES.items():
        n = round(segments * share / sum(SHARES.values()))
        columns = {
            "raw_text": ["what a lovely film but it was too slow"] * n,
            "text": np.zeros((n, *TEXT), np.float32),
            "vision": np.zeros((n, ROWS, VISUAL), np.float32),
            "audio": np.zeros((n, ROWS, ACOUSTIC), np.float32),
            "id": [f"{split}{(number + i) // 7:06d}$_${i}" for i in range(n)],
            "regression_labels": generator.uniform(-3, 3, n).astype(np.float32),
        }
        for name, mean in MEAN_ROWS.items():
            lengths = np.clip(generator.gamma(2.0, mean / 2.0, n), 1, ROWS).astype(int)
            columns[f"{name}_lengths"] = lengths.tolist()
            for rows, length in zip(columns[name], lengths):
                rows[:length] = generator.standard_normal((length, rows.shape[1]), np.float32)
        data[split] = columns
    with open(path, "wb") as file:
        pickle.dump(data, file, protocol=5)


def memory() -> dict[str, float]:
    """Return megabytes: resident now, private of that, and the peak."""
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return {
        name: int(lines[key].split()[0]) / 1024
        for name, key in (("resident", "VmRSS"), ("private", "RssAnon"), ("peak", "VmHWM"))
    }


def measure(task: str, source: Path, store: Path) -> dict[str, float]:
    """Run one task in this process."""
    from cenet_lib import Corpus
    from cenet_lib.corpora import load_corpus

    before = memory()
    start = time.perf_counter()
    if task == "convert":
        load_corpus(source).save(store)
    else:
        corpus = Corpus.load(store)
        if task == "iterate":
            total = 0.0
            for utterances in corpus.splits.values():
                for first in range(0, len(utterances), 64):
                    batch = utterances[first : first + 64]
                    total += sum(float(u.visual.sum() + u.acoustic.sum()) for u in batch)
    seconds = time.perf_counter() - start
    after = memory()
    return {"seconds": seconds, "more": after["resident"] - before["resident"], **after}


def in_a_process(task: str, source: Path, store: Path) -> dict[str, float]:
    """Run one task in a new process."""
    command = [sys.executable, __file__, "--task", task, str(source), str(store)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main(segments: int, folder: str | None) -> None:
    """Make the pickle and print what each task takes."""
    place = Path(tempfile.mkdtemp(prefix="cenet-bench-", dir=folder))
    try:
        source, store = place / "unaligned_50.pkl", place / "store"
        make(source, segments)
        size = source.stat().st_size / 2**20
        print(f"{segments} segments; the pickle has {size:,.0f} MB; {os.cpu_count()} cores")
        found = in_a_process("convert", source, store)
        print(
            f"convert: {found['seconds']:.0f} s, peak {found['peak']:,.0f} MB "
            f"(allowed: {size + 1024:,.0f}), private at the end {found['private']:,.0f} MB"
        )
        stored = sum(file.stat().st_size for file in store.iterdir()) / 2**20
        print(f"the store has {stored:,.0f} MB")
        for task, most in (("open", 1.0), ("iterate", None)):
            runs = [in_a_process(task, source, store) for _ in range(REPEATS)]
            seconds = [run["seconds"] for run in runs]
            print(
                f"{task}: {min(seconds):.2f} to {max(seconds):.2f} s"
                f"{f' (allowed: {most:g})' if most else ''} in {REPEATS} runs, "
                f"{max(run['more'] for run in runs):,.0f} MB more, "
                f"peak {max(run['peak'] for run in runs):,.0f} MB, "
                f"private {max(run['private'] for run in runs):,.0f} MB"
            )
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        print(json.dumps(measure(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))))
    else:
        arguments = [*sys.argv[1:], None, None]
        main(int(arguments[0] or 23_000), arguments[1])
