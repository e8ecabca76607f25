"""How long `import cenet_lib` takes, and what a student imports next.

    python tests/benchmarks/bench_import.py [rounds]

Each measurement is a Python process of its own, from start to end; the time of one that imports
nothing is printed too, for it is part of the others. The first round warms the disk's cache and is
left out.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

STATEMENTS = (
    "pass",
    "import cenet_lib",
    "from cenet_lib import load_corpus",
    "from cenet_lib import FeatureVocabulary",
    "from cenet_lib import CENet",
)
ROOT = Path(__file__).resolve().parents[2]


def seconds(statement: str) -> float:
    """Run a statement in a new process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], env=environment, check=True)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    from bench_step import machine

    times = {statement: [] for statement in STATEMENTS}
    for _ in range(rounds + 1):
        for statement in STATEMENTS:
            times[statement].append(seconds(statement))
    print(f"{machine()}; median of {rounds} processes (fastest to slowest)\n")
    print("| python -c | s |")
    print("|---|---|")
    for statement, row in times.items():
        row = row[1:]
        print(
            f"| `{statement}` | {statistics.median(row):.3f} ({min(row):.3f} to {max(row):.3f}) |"
        )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]), *(11,)[len(sys.argv) - 1 :])
