"""A whole training step, from the published way to ours, one change after the other.

    python tests/benchmarks/bench_step.py [rounds] [threads] [--device cuda] [--tiny]

RoBERTa-base's shape with random weights and SentiLARE's embeddings, batch 64, 500 frames per
stream, texts of MOSI-like length: 17 pieces on average, at most 50. The published way pads every
text to 50, attends over positions and takes AdamW's plain steps. All ways compute the same
predictions, dropout aside, which is on; the script checks it before it measures.

With batches of similar length, some are cheap and some are not. So an epoch of 1284 utterances is
made, as MOSI's, and five of its batches, spread over all lengths, stand for it. The ways take turns
batch by batch in one process, so that a busy machine slows all; medians over the rounds are summed
over the five. Beside the ratio of times by the clock stands that of processor time, which depends
less on what else the machine does. The peak of memory is that of a process of its own, after two
steps of the longest batch; on a GPU, of what PyTorch took there.

``--device`` says where to compute; it is the CPU by default. ``--tiny`` tries the script out in
seconds, with two layers of 64 and batches of 8; its figures mean nothing.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import RobertaConfig

from cenet_lib.language.backbone import after_attention, encoder_layers, keep_first_token
from cenet_lib.model import CENet, CENetConfig

B, N, K, LONGEST, WORDS = 64, 500, 16, 50, 50_265
BATCHES = 5  # that stand for an epoch
TINY = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


@dataclass(frozen=True)
class Way:
    """How a step is done."""

    name: str
    positions: bool = False  # CE over positions, not over codes
    padding: str = "grouped"  # or "longest" of a random batch, or "fixed"
    attention: str = "sdpa"
    fused: bool = True
    first_token_only: bool = True


PUBLISHED = {"padding": "fixed", "attention": "eager", "fused": False, "first_token_only": False}
WAYS = (
    Way("published", positions=True, **PUBLISHED),
    Way("CE over codes", **PUBLISHED),
    Way("padded to the batch's longest", **PUBLISHED | {"padding": "longest"}),
    Way("batches of similar length", **PUBLISHED | {"padding": "grouped"}),
    Way("SDPA, fused AdamW", first_token_only=False),
    Way("last layer for the first token only"),
)


class OverPositions(nn.Module):
    """CE as published: it takes the codes themselves, which are handed over beside the model."""

    reads, stands, attends_over = "counts", "before layer", "frames"

    def __init__(self, ce: nn.Module):
        super().__init__()
        self.ce = ce
        self.codes: tuple[Tensor, Tensor] | None = None

    def forward(self, text: Tensor, visual_counts: Tensor, acoustic_counts: Tensor):
        return self.ce.over_positions(text, *self.codes)


def command_line(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that the measurements of a step share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", type=torch.device, help="cpu, cuda, ...")
    parser.add_argument("--tiny", action="store_true", help="try the script out; no true figures")
    return parser


def roberta(tiny: bool, **options) -> RobertaConfig:
    """Return the shape of RoBERTa-base, or a tiny one."""
    shape = {**TINY, "intermediate_size": 256} if tiny else {}
    return RobertaConfig(
        **{"vocab_size": WORDS, "max_position_embeddings": 514, "type_vocab_size": 1},
        **{**shape, **options},
    )


def wait(device: torch.device) -> None:
    """Wait for what a GPU still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def machine(device: torch.device | None = None) -> str:
    """Say what computes."""
    if device is not None and device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {machine()}"
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, PyTorch {torch.__version__}"


def epoch() -> dict[str, Tensor]:
    """1284 utterances, padded to 50 with id 0 as published."""
    rng = np.random.default_rng(0)
    lengths = np.clip(np.round(rng.gamma(2.4, 5.85, 1284) + 3), 4, LONGEST).astype(int)
    mask = np.arange(LONGEST) < lengths[:, None]
    size = mask.shape
    data = {
        "input_ids": np.where(mask, rng.integers(3, WORDS, size), 0),
        "attention_mask": mask.astype(int),
        "pos_ids": np.where(mask, rng.integers(0, 5, size), 4),
        "polarity_ids": np.where(mask, rng.integers(0, 3, size), 2),
        "labels": rng.uniform(-3, 3, 1284).astype(np.float32),
        "visual_codes": rng.integers(0, K + 1, (1284, N)),
        "acoustic_codes": rng.integers(0, K + 1, (1284, N)),
    }
    return {name: torch.as_tensor(value) for name, value in data.items()}


def batches(
    data: dict[str, Tensor], padding: str, size: int = B, device: torch.device | None = None
) -> list[dict[str, Tensor]]:
    """Return the batches that stand for an epoch."""
    lengths = data["attention_mask"].sum(1)
    if padding == "grouped":
        order = lengths.argsort(stable=True)
    else:
        order = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(0))
    full = order[: len(order) // size * size].split(size)
    chosen = [full[round((i + 0.5) / BATCHES * len(full) - 0.5)] for i in range(BATCHES)]
    result = []
    for rows in chosen:
        batch = {name: values[rows] for name, values in data.items()}
        if padding != "fixed":
            n = int(batch["attention_mask"].sum(1).max())
            for name in ("input_ids", "attention_mask", "pos_ids", "polarity_ids"):
                batch[name] = batch[name][:, :n]
        for stream in ("visual", "acoustic"):
            counts = [codes.bincount(minlength=K + 1) for codes in batch[f"{stream}_codes"]]
            batch[f"{stream}_counts"] = torch.stack(counts)
        result.append({name: x.to(device) for name, x in batch.items()})
    return result


class Bench:
    """One model with its optimizers, which every way uses in turn."""

    def __init__(self, device: torch.device, tiny: bool):
        torch.manual_seed(0)
        self.device, self.size = device, 8 if tiny else B
        self.model = CENet(CENetConfig.published(backbone=roberta(tiny)))
        self.folded = self.model.fusion
        with torch.no_grad():  # loud enough for the check to hear it
            for parameter in self.folded.parameters():
                parameter.normal_(0, 0.05)
        self.model.to(device)
        self.over_positions = OverPositions(self.folded)
        self.optimizers = {}
        self.last = after_attention(encoder_layers(self.model.backbone)[-1])

    def batches(self, data: dict[str, Tensor], padding: str) -> list[dict[str, Tensor]]:
        """Return the batches that stand for an epoch, on the device."""
        return batches(data, padding, self.size, self.device)

    def call(self, way: Way, batch: dict[str, Tensor]):
        """Return the model's output on a batch, computed in a given way."""
        given = {name: x for name, x in batch.items() if not name.endswith("_codes")}
        self.model.set_attn_implementation(way.attention)
        self.model.fusion = self.over_positions if way.positions else self.folded
        self.over_positions.codes = (batch["visual_codes"], batch["acoustic_codes"])
        hooks = []
        if way.first_token_only:  # as the config's setting does
            hooks.append(self.last.register_forward_pre_hook(keep_first_token))
        try:
            return self.model(**given)
        finally:
            for hook in hooks:
                hook.remove()

    def step(self, way: Way, batch: dict[str, Tensor]) -> np.ndarray:
        """Take one step; return its seconds by the clock and of the processors."""
        parameters = [p for n, p in self.model.named_parameters() if "pooler" not in n]
        if way.fused not in self.optimizers:
            self.optimizers[way.fused] = torch.optim.AdamW(
                parameters, lr=6e-5, weight_decay=0.0, fused=way.fused, foreach=False
            )
        optimizer = self.optimizers[way.fused]
        self.model.train()
        start = np.array([time.perf_counter(), time.process_time()])
        self.call(way, batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 2.0)
        optimizer.step()
        optimizer.zero_grad()
        wait(self.device)
        return np.array([time.perf_counter(), time.process_time()]) - start

    @torch.no_grad()
    def check(self, data: dict[str, Tensor]) -> float:
        """Return how far the ways' predictions are apart on one batch, without dropout."""
        self.model.eval()
        fixed = self.batches(data, "fixed")[0]
        n = int(fixed["attention_mask"].sum(1).max())
        cut = {name: x[:, :n] if x.shape[1:] == (LONGEST,) else x for name, x in fixed.items()}
        said = torch.stack(
            [self.call(way, fixed if way.padding == "fixed" else cut).logits for way in WAYS]
        )
        return float((said - said[0]).abs().max())


def peak_of(number: int, device: torch.device, tiny: bool) -> float:
    """Return the peak of memory of two steps of the longest batch, in GB, in this process."""
    bench, way = Bench(device, tiny), WAYS[number]
    longest = max(
        bench.batches(epoch(), way.padding), key=lambda batch: batch["input_ids"].shape[1]
    )
    for _ in range(2):
        bench.step(way, longest)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    status = Path("/proc/self/status")  # what `resource` tells may be the parent's
    if not status.exists():
        return float("nan")
    [line] = [x for x in status.read_text().splitlines() if x.startswith("VmHWM")]
    return int(line.split()[1]) / 1e6


def main(rounds: int, threads: int, device: torch.device, tiny: bool) -> None:
    """Measure all ways in turns, and print a table."""
    data, bench = epoch(), Bench(device, tiny)
    lengths = data["attention_mask"].sum(1)
    print(f"{machine(device)}; {threads} threads; {rounds} rounds")
    print(f"texts: {lengths.float().mean():.1f} pieces on average, {lengths.max()} at most")
    print(f"predictions of all ways on one batch differ by {bench.check(data):.0e} at most\n")
    given = {way: bench.batches(data, way.padding) for way in WAYS}
    times = np.zeros((len(WAYS), rounds, BATCHES, 2))
    for way in WAYS:
        bench.step(way, given[way][0])  # warm up
    for r in range(rounds):
        for i in range(BATCHES):
            for w, way in enumerate(WAYS):
                times[w, r, i] = bench.step(way, given[way][i])
    peaks = []
    for number in range(len(WAYS)):
        command = [sys.executable, __file__, *sys.argv[1:], "--peak", str(number)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(float(done.stdout.split()[-1]))
    print(
        "| way, each with all changes above it | samples/s | ratio (rounds) | of CPU time | peak |"
    )
    print("|---|---|---|---|---|")
    typical = np.median(times, axis=1).sum(1)  # (ways, 2)
    by_round = times[..., 0].sum(2)  # (ways, rounds)
    for w, way in enumerate(WAYS):
        ratio, of_processor = typical[0] / typical[w]
        ratios = by_round[0] / by_round[w]
        print(
            f"| {way.name} | {bench.size * BATCHES / typical[w, 0]:.1f} | {ratio:.2f} "
            f"({ratios.min():.2f} to {ratios.max():.2f}) | {of_processor:.2f} | {peaks[w]:.1f} GB |"
        )


if __name__ == "__main__":
    parser = command_line(__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("threads", type=int, nargs="?", default=2)
    parser.add_argument("--peak", type=int, help="only measure the memory of one way, by number")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = options.device or torch.device("cpu")
    if options.peak is None:
        main(options.rounds, options.threads, device, options.tiny)
    else:
        print(peak_of(options.peak, device, options.tiny))
