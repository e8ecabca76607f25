"""Intervals by resampling: seconds and memory, beside those of another checkout.

    python tests/benchmarks/bench_bootstrap.py [rounds] [checkout]

Labels in fifths from -3 to 3, and predictions of three seeds with normal errors, for as many
utterances as the test splits of CMU-MOSI (686) and CMU-MOSEI (4659) have. `interval` takes its 1000
resamples of one seed, `paired_difference` its 2000 of three seeds against three others.

With the folder of another checkout of this project, say of an earlier state, its `bootstrap` module
is measured too, the two in turns, and the largest difference between their results is shown. Each
measurement is a process of its own, which has imported everything and resampled a few utterances
before the clock starts. Times are medians over the rounds. The peak is of what NumPy and Python
asked for (tracemalloc), in a call of its own, since watching takes time.
"""

import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[2]
CASES = [(name, n) for n in (686, 4659) for name in ("interval", "paired_difference")]


def task(bootstrap, name: str, n: int) -> Callable[[], dict]:
    """Return a call without arguments that makes the intervals of n utterances."""
    rng = np.random.default_rng(0)
    y = np.round(5 * rng.normal(0, 1.5, n).clip(-3, 3)) / 5
    ours, theirs = y + rng.normal(0, 0.8, (3, n)), y + rng.normal(0, 0.9, (3, n))
    if name == "interval":
        return lambda: bootstrap.interval(y, ours[0])
    return lambda: bootstrap.paired_difference(y, ours, theirs)


def measure(checkout: Path, name: str, n: int) -> dict:
    """Return seconds, megabytes and the result, in this process."""
    path = next((checkout / "cenet_lib").rglob("bootstrap.py")).relative_to(checkout)
    bootstrap = import_module(".".join(path.with_suffix("").parts))
    task(bootstrap, name, 20)()
    run = task(bootstrap, name, n)
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    tracemalloc.start()
    run()
    return {"seconds": seconds, "MB": tracemalloc.get_traced_memory()[1] / 1e6, "result": result}


def in_a_process(checkout: Path, name: str, n: int) -> dict:
    """Measure in a new process, with the package of a checkout."""
    done = subprocess.run(
        [sys.executable, __file__, "--task", str(checkout), name, str(n)],
        env=os.environ | {"PYTHONPATH": str(checkout)},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def difference(one: dict, other: dict) -> float:
    """Return the largest difference between two results with the same metrics."""
    assert set(one) == set(other)
    return max(np.abs(np.subtract(one[name], other[name])).max() for name in one)


def main(rounds: int, other: str | None) -> None:
    """Print a row per case and checkout."""
    from bench_step import machine

    checkouts = [Path(other).resolve(), HERE] if other else [HERE]
    print(f"{machine()}; medians of {rounds} rounds\n")
    print("| what | utterances | checkout | s | ratio | peak, MB | largest difference |")
    print("|---|---|---|---|---|---|---|")
    for name, n in CASES:
        found = [[in_a_process(c, name, n) for c in checkouts] for _ in range(rounds)]
        seconds = [np.median([run["seconds"] for run in runs]) for runs in zip(*found)]
        for place, checkout in enumerate(checkouts):
            last = found[-1][place]
            cells = [
                *(name, str(n), "this" if checkout == HERE else "the other"),
                *(f"{seconds[place]:.3f}", f"{seconds[0] / seconds[place]:.1f}"),
                *(f"{last['MB']:.1f}", f"{difference(found[-1][0]['result'], last['result']):.0e}"),
            ]
            print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        print(json.dumps(measure(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, (*sys.argv[2:], None)[0])
