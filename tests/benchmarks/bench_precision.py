"""Half precision and torch.compile: samples per second, and the loss beside that of fp32.

    python tests/benchmarks/bench_precision.py [steps] [--device cpu] [--tiny]

RoBERTa-base's shape with random weights, SentiLARE's embeddings, batches of 64 utterances of
MOSI-like length with 500 frames per stream, as in `bench_step.py`. All ways start from the same
weights and take the same batches; dropout is off, so that their losses can be compared step by
step. The device is a GPU where there is one. Every batch is padded to 50 pieces, so that
`torch.compile` meets one shape; the first steps, in which it compiles, are not timed. With an
NVIDIA GPU, fp32 is measured without TF32 and with it. Each way is trained by itself, so on a busy
machine the ratios say less than the spread does.

``--tiny`` tries the script out, with two layers of 64 and batches of 8; its figures mean nothing.
"""

import copy
import time
from statistics import median

import torch
from bench_step import B, batches, command_line, epoch, machine, roberta, wait

from cenet_lib.model import CENet, CENetConfig

WARM = 3  # steps that are not timed
WAYS = {  # in which numbers; whether fp32 may be rounded to TF32; whether compiled
    "fp32": (torch.float32, False, False),
    "fp32, TF32": (torch.float32, True, False),
    "fp32, compiled": (torch.float32, False, True),
    "bf16": (torch.bfloat16, False, False),
    "bf16, compiled": (torch.bfloat16, False, True),
}


def run(model: CENet, data: list[dict], way: str) -> tuple[list[float], list[float]]:
    """Train a copy of the model; return the seconds of each step and the loss of each step."""
    dtype, rounded, compiled = WAYS[way]
    torch.backends.cuda.matmul.allow_tf32 = rounded
    device = model.device
    model = copy.deepcopy(model).train()
    call = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-5, weight_decay=0.0, fused=True)
    losses, times = [], []
    for batch in data:
        wait(device)
        began = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss = call(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        optimizer.zero_grad()
        wait(device)
        times.append(time.perf_counter() - began)
        losses.append(loss.item())
    return times[WARM:], losses


def main(steps: int, device: torch.device, tiny: bool) -> None:
    """Measure all ways on the same batches, and print two tables."""
    size = 8 if tiny else B
    print(f"{machine(device)}; {steps} steps of {size}\n")
    torch.manual_seed(0)
    backbone = roberta(tiny, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model = CENet(CENetConfig.published(backbone=backbone, head_dropout=0.0)).to(device)
    fixed = [
        {name: x for name, x in batch.items() if not name.endswith("_codes")}
        for batch in batches(epoch(), "fixed", size, device)
    ]
    data = [fixed[step % len(fixed)] for step in range(steps + WARM)]
    ways = [way for way in WAYS if device.type == "cuda" or "TF32" not in way]
    found = {way: run(model, data, way) for way in ways}
    plain = median(found["fp32"][0])
    print("| way | samples/s, median (slowest to fastest step) | ratio |\n|---|---|---|")
    for way, (times, _) in found.items():
        middle, fast, slow = median(times), min(times), max(times)
        speeds = f"{size / middle:.1f} ({size / slow:.1f} to {size / fast:.1f})"
        print(f"| {way} | {speeds} | {plain / middle:.2f} |")
    print("\n| step |", " | ".join(f"loss, {way}" for way in found), "|")
    print("|---" * (len(found) + 1) + "|")
    for step in range(0, len(data), max(1, len(data) // 8)):
        print(f"| {step} |", " | ".join(f"{losses[step]:.4f}" for _, losses in found.values()), "|")


if __name__ == "__main__":
    parser = command_line(__doc__.splitlines()[0])
    parser.add_argument("steps", type=int, nargs="?", default=30)
    options = parser.parse_args()
    best = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    main(options.steps, options.device or best, options.tiny)
