"""The CE module, folded over codes against the textbook form over positions.

    python tests/benchmarks/bench_enhancement.py [rounds] [threads]

Forward and backward at B = 64, T = 50, d = 768, k = 16, for several numbers of frames N per stream.
Both forms take turns in one process, so that a busy machine slows both; medians are printed, with
the fastest and slowest round. The ratio of the fastest rounds stands beside that of the medians,
for on a busy machine waiting for each other costs two threads with little to do more than the work.
Counting the codes is the processor's work and not timed: it happens
once per utterance, not once per step. The last column is how far the two outputs are apart.
"""

import statistics
import sys
import time

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

    def seconds(form, streams) -> float:
        ce.zero_grad()
        text.grad = None
        start = time.perf_counter()
        form(text, *streams).states.sum().backward()
        return time.perf_counter() - start

    forms = {"folded": (ce, counts), "positions": (ce.over_positions, codes)}
    times: dict = {(form, n): [] for form in forms for n in FRAMES}
    for _ in range(rounds + 1):
        for n in FRAMES:
            for name, (form, streams) in forms.items():
                # the quick one several times, as it is soon over
                turns = [seconds(form, streams[n]) for _ in range(9 if name == "folded" else 1)]
                times[name, n].append(1000 * statistics.median(turns))

    print(f"{machine()}; {threads} threads; median of {rounds} rounds (fastest to slowest)\n")
    print("| N | folded, ms | over positions, ms | ratio | of the fastest | difference |")
    print("|---|---|---|---|---|---|")
    warm = {key: rows[1:] for key, rows in times.items()}
    middle = {key: statistics.median(rows) for key, rows in warm.items()}
    for n in FRAMES:
        cells = [str(n)]
        for form in forms:
            rows = warm[form, n]
            cells.append(f"{middle[form, n]:.1f} ({min(rows):.1f} to {max(rows):.1f})")
        cells.append(f"{middle['positions', n] / middle['folded', n]:.0f}")
        cells.append(f"{min(warm['positions', n]) / min(warm['folded', n]):.0f}")
        with torch.no_grad():
            far = ce(text, *counts[n]).states - ce.over_positions(text, *codes[n]).states
        cells.append(f"{far.abs().max():.0e}")
        print("|", " | ".join(cells), "|")
    print(f"\nfolded, N = 2000 against N = 50: {middle['folded', 2000] / middle['folded', 50]:.2f}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]), *(5, 2)[len(sys.argv) - 1 :])
