"""How long does the README's first command take, and how much memory?

    python tests/benchmarks/bench_train.py [epochs]

Trains CENet on the demo corpus in a process of its own, as a user does.
"""

import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    epochs = sys.argv[1] if len(sys.argv) > 1 else "3"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "cenet_lib", "train", "--epochs", epochs]
        began = time.perf_counter()
        subprocess.run([*command, "--out", str(out)], check=True)
        seconds = time.perf_counter() - began
        metrics = json.loads((out / "metrics.json").read_text())
    print(f"\n{platform.platform()}, {platform.processor() or platform.machine()}")
    print("| epochs | seconds in all | peak memory, MB | test Corr |\n|---|---|---|---|")
    print(f"| {epochs} | {seconds:.0f} | {peak()} | {metrics['test']['corr']:.3f} |")


def peak() -> str:
    """Return the peak memory of the finished child process, where the system counts it."""
    try:
        import resource
    except ImportError:  # Windows
        return "not counted"
    kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return f"{kilobytes / (1e6 if sys.platform == 'darwin' else 1e3):,.0f}"


if __name__ == "__main__":
    main()
