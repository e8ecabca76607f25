"""The CE module, folded over codes against the textbook form over positions.

    python tests/benchmarks/bench_enhancement.py [rounds] [threads]

Forward and backward at B = 64, T = 50, d = 768, k = 16, for several numbers of frames N per stream.
Both forms take turns in one process, so that a busy machine slows both; medians are printed, with
the fastest and slowest round, and beside the ratio of times by the clock that of processor time.
Counting the codes is the processor's work and not timed: it happens
once per utterance, not once per step. The last column is how far the two outputs are apart.
"""

import sys
import time

import numpy as np
import torch
from bench_step import machine

from cenet_lib.enhancement import CrossModalEnhancement

B, T, D, K = 64, 50, 768, 16
FRAMES = (50, 375, 500, 2000)


def main(rounds: int, threads: int) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    ce = CrossModalEnhancement(D, K, K, mask_padding=False)
    text = torch.randn(B, T, D, requires_grad=True)
    codes = {n: [torch.randint(K + 1, (B, n)) for _ in range(2)] for n in FRAMES}
    counts = {
        n: [torch.stack([row.bincount(minlength=K + 1) for row in stream]) for stream in both]
        for n, both in codes.items()
    }

    def seconds(form, streams) -> np.ndarray:
        ce.zero_grad()
        text.grad = None
        start = np.array([time.perf_counter(), time.process_time()])
        form(text, *streams).states.sum().backward()
        return np.array([time.perf_counter(), time.process_time()]) - start

    forms = {"folded": (ce, counts), "positions": (ce.over_positions, codes)}
    times: dict = {(form, n): [] for form in forms for n in FRAMES}
    for _ in range(rounds + 1):
        for n in FRAMES:
            for name, (form, streams) in forms.items():
                # the quick one three times, as it is soon over
                turns = [seconds(form, streams[n]) for _ in range(3 if name == "folded" else 1)]
                times[name, n].append(np.median(turns, axis=0))

    print(f"{machine()}; {threads} threads; median of {rounds} rounds (fastest to slowest)\n")
    print("| N | folded, ms | over positions, ms | ratio | of CPU time | difference |")
    print("|---|---|---|---|---|---|")
    middle = {key: np.median(rows[1:], axis=0) for key, rows in times.items()}
    for n in FRAMES:
        cells = [str(n)]
        for form in forms:
            clock = [1000 * row[0] for row in times[form, n][1:]]
            cells.append(f"{1000 * middle[form, n][0]:.1f} ({min(clock):.1f} to {max(clock):.1f})")
        with torch.no_grad():
            far = ce(text, *counts[n]).states - ce.over_positions(text, *codes[n]).states
        cells += [f"{r:.0f}" for r in middle["positions", n] / middle["folded", n]]
        print("|", " | ".join([*cells, f"{far.abs().max():.0e}"]), "|")
    clock, processor = middle["folded", 2000] / middle["folded", 50]
    print(f"\nfolded, N = 2000 against N = 50: {clock:.2f}, of CPU time {processor:.2f}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]), *(5, 2)[len(sys.argv) - 1 :])
