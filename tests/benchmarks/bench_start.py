"""How long commands and imports take to begin, and what they wait for.

    python tests/benchmarks/bench_start.py [rounds] [--notebooks] [--why COMMAND]

A tiny run of ten utterances is trained first, on the packaged language model and with one epoch.
Then each command is a Python process of its own, from start to end, as a user has it; seconds by
the clock and of the processors, medians of the rounds with the fastest and the slowest. A first
round warms the disk's cache and is left out. With ``--notebooks`` the imports of each notebook's
first code cell are measured too. ``--why "data info"`` runs one command under ``-X importtime`` and
prints the packages that it waits for, with the seconds of each by itself.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "check": "check",
    "data info": "data info ten",
    "predict": "predict --run run --corpus ten",
    "inspect": "inspect run --corpus ten --out NEW.html",
    "evaluate": "evaluate --run run --split train",
    "wrong backbone": "train --backbone nobody/none --out NEW",
    "wrong recipe": "train --recipe nothing",
}
STATEMENTS = (
    "pass",
    "import cenet_lib",
    "from cenet_lib import load_corpus",
    "from cenet_lib import FeatureVocabulary",
    "from cenet_lib import CENet",
    "from cenet_lib import train",
    "import torch",  # what cannot be less
    "from transformers import BertModel",
)


def prepare(folder: Path) -> None:
    """Write a corpus of ten utterances per split, and train a run on it."""
    from cenet_lib import TrainingSettings, load_corpus, train

    demo = load_corpus("demo")
    ten = demo.with_splits(*(list(demo.splits[split][:10]) for split in demo.splits))
    ten.save(folder / "ten")
    settings = TrainingSettings(epochs=1, batch_size=5, n_visual_codes=4, n_acoustic_codes=4)
    train(load_corpus(folder / "ten"), folder / "run", settings, source=str(folder / "ten"))


def run(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Run Python in a process of its own; return its seconds by the clock and of processors."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for old in folder.glob("NEW*"):
        old.unlink()
    began, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, stdout=-3, stderr=-3)
    after = os.times()
    used = after.children_user + after.children_system
    return time.perf_counter() - began, used - before.children_user - before.children_system


def first_cell(notebook: Path) -> str:
    """Return the imports of a notebook's first code cell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code"))
    return "\n".join(re.findall(r"^(?:from|import) [^(\n]+(?:\([^)]*\))?", code, re.M))


def why(command: str, folder: Path) -> None:
    """Print the packages that a command imports, with the milliseconds of each by itself."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cenet_lib", *command.split()],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    alone: Counter[str] = Counter()
    for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)", done.stderr):
        alone[name] += int(own)
    print(f"\nimports of `{command}`, ms: {sum(alone.values()) / 1e3:,.0f} in all")
    for name, microseconds in alone.most_common(12):
        print(f"{microseconds / 1e3:8.0f}  {name}")


def table(title: str, runs: dict[str, list[str]], rounds: int, folder: Path) -> None:
    """Take what is compared in turns, and print a table."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, arguments in runs.items():
            times[name].append(run(arguments, folder))
    print(f"\n| {title} | s | of CPU |\n|---|---|---|")
    for name, measured in times.items():
        clock, used = zip(*measured[1:], strict=True)
        spread = f"{statistics.median(clock):.2f} ({min(clock):.2f} to {max(clock):.2f})"
        print(f"| `{name}` | {spread} | {statistics.median(used):.2f} |", flush=True)


def main(rounds: int, notebooks: bool, command: str | None) -> None:
    from bench_step import machine

    print(f"{machine()}; median of {rounds} processes (fastest to slowest)")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder)
        if command is not None:
            why(COMMANDS.get(command, command), folder)
            return
        commands = {n: ["-m", "cenet_lib", *c.split()] for n, c in COMMANDS.items()}
        table("command", commands, rounds, folder)
        table("python -c", {s: ["-c", s] for s in STATEMENTS}, rounds, folder)
        if notebooks:
            cells = {p.name: p for p in sorted(ROOT.glob("notebooks/0*.ipynb"))}
            imports = {name: ["-c", first_cell(path)] for name, path in cells.items()}
            table("first cell's imports", imports, rounds, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How long commands take to begin.")
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--notebooks", action="store_true", help="their first cells as well")
    parser.add_argument("--why", metavar="COMMAND", help="print what one command imports")
    given = parser.parse_args()
    main(given.rounds, given.notebooks, given.why)
