"""Half precision and torch.compile: samples per second, and the loss beside that of fp32.

    python tests/benchmarks/bench_precision.py [steps] [layers] [device]

RoBERTa-base's shape with random weights (12 layers; 2 at least, for a trial), SentiLARE's
embeddings, batches of 64 utterances of MOSI-like length with 500 frames per stream, as in
`bench_step.py`. All ways start from the same weights and take the same batches; dropout is off, so
that their losses can be compared step by step. The device is a GPU where there is one. Every batch
is padded to 50 pieces, so that `torch.compile` meets one shape; the first steps, in which it
compiles, are not timed.
"""

import copy
import sys
import time

import torch
from bench_step import WORDS, B, batches, epoch, machine
from transformers import RobertaConfig

from cenet_lib.model import CENet, CENetConfig

WARM = 3  # steps that are not timed
WAYS = {
    "fp32": (torch.float32, False),
    "fp32, compiled": (torch.float32, True),
    "bf16": (torch.bfloat16, False),
    "bf16, compiled": (torch.bfloat16, True),
}


def run(model: CENet, data: list[dict], dtype: torch.dtype, compiled: bool, device: torch.device):
    """Train a copy of the model; return the seconds per step and the loss of each step."""
    model = copy.deepcopy(model).to(device).train()
    call = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-5, weight_decay=0.0, fused=True)
    losses, began = [], 0.0
    for step, batch in enumerate(data):
        if step == WARM:
            _wait(device)
            began = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss = call(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    _wait(device)
    seconds = (time.perf_counter() - began) / (len(data) - WARM)
    return seconds, [loss.item() for loss in losses]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main(steps: int = 30, layers: int = 12, name: str = "") -> None:
    """Measure all ways on the same batches, and print two tables."""
    device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    gpu = f"{torch.cuda.get_device_name()}, " if device.type == "cuda" else ""
    print(f"{gpu}{machine()}; {steps} steps of {B}; {layers} layers\n")
    torch.manual_seed(0)
    backbone = RobertaConfig(
        vocab_size=WORDS,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_hidden_layers=layers,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = CENet(CENetConfig.published(backbone=backbone, head_dropout=0.0))
    fixed = [
        {n: x.to(device) for n, x in batch.items() if not n.endswith("_codes")}
        for batch in batches(epoch(), "fixed")
    ]
    data = [fixed[step % len(fixed)] for step in range(steps + WARM)]
    found = {way: run(model, data, *how, device) for way, how in WAYS.items()}
    plain = found["fp32"][0]
    print("| way | samples/s | ratio |\n|---|---|---|")
    for way, (seconds, _) in found.items():
        print(f"| {way} | {B / seconds:.1f} | {plain / seconds:.2f} |")
    print("\n| step |", " | ".join(f"loss, {way}" for way in found), "|")
    print("|---" * (len(found) + 1) + "|")
    for step in range(0, len(data), max(1, len(data) // 8)):
        print(f"| {step} |", " | ".join(f"{losses[step]:.4f}" for _, losses in found.values()), "|")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]), *sys.argv[3:4])
