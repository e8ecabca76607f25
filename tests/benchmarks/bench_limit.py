"""How near the training step and prediction come to what the machine's matrix products allow.

    python tests/benchmarks/bench_limit.py [rounds] [threads] [--profile]

A step is mostly matrix products. So its limit is the time that these products take by themselves,
each at the best rate that the machine reaches for its very shape, data in the processor's caches
and nothing in between. The share of the limit is that time over the time that the step takes; what
is missing are the optimizer, embeddings, norms, activations, padding masks and Python.

Two sizes are measured: MiniLM's (6 layers of 384) with the settings of `demo`, and RoBERTa-base's
(12 layers of 768, random weights) with batches of 64. Both read sentences of `demo`. The step is
`cenet_lib.training.train_epoch` as it stands; prediction is `cenet_lib.prediction.outputs`. Beside
the share by the clock stands that of processor time, which depends less on what else the machine
does.

PyTorch's own counter says how many floating-point operations there are, and the products that this
script records must add up to the same number. While they are recorded, self-attention is written
out as products; in the measured step it is PyTorch's own function, which computes the same.

With ``--profile``, the operators that take the most time in a step follow.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from bench_step import machine, roberta
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from transformers import RobertaModel

from cenet_lib import TrainingSettings, load_corpus
from cenet_lib.prediction import outputs
from cenet_lib.processor import load_tokenizer
from cenet_lib.runs.checkpoints import TrainingState
from cenet_lib.runs.preparation import Training, prepare
from cenet_lib.training import train_epoch

PRODUCTS = {"mm": (0, 1), "addmm": (1, 2), "bmm": (0, 1), "baddbmm": (1, 2)}
SIZES = {"MiniLM": (256, 32), "RoBERTa-base": (128, 64)}  # utterances, batch size
BEST_OF = 5


class Products(TorchDispatchMode):
    """Count matrix products by shapes, strides and precision."""

    def __init__(self):
        super().__init__()
        self.found: Counter = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name not in PRODUCTS:  # in inference, a layer is one operator that is made of others
            with self:
                parts = function.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        else:
            left, right = (args[i] for i in PRODUCTS[name])
            key = tuple((tuple(x.shape), x.stride(), x.dtype) for x in (left, right))
            self.found[key] += 1
        return function(*args, **(kwargs or {}))

    def flops(self) -> int:
        """Return 2 m k n, summed over all products."""
        return sum(
            2 * int(np.prod(left)) * right[-1] * n
            for ((left, *_), (right, *_)), n in self.found.items()
        )

    def seconds(self) -> np.ndarray:
        """Return the time of all products, each at its best of several tries; as `_best`."""
        return sum((n * _best(*key) for key, n in self.found.items()), np.zeros(2))


def _best(*factors: tuple) -> np.ndarray:
    """Return the shortest time of one product, in seconds by the clock and of the processors."""
    left, right = (
        torch.randn(1 + sum((n - 1) * s for n, s in zip(shape, stride)))
        .to(dtype)
        .as_strided(shape, stride)
        for shape, stride, dtype in factors
    )
    tries = []
    for _ in range(BEST_OF):
        began = _now()
        torch.matmul(left, right)
        tries.append(_now() - began)
    return np.min(tries, axis=0)


def _now() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


def make(size: str, precision: str, folder: Path) -> Training:
    """Make a training ready, of a model of the given size."""
    n, batch_size = SIZES[size]
    whole = load_corpus("demo")
    corpus = whole.with_splits(whole.train[:n], whole.valid, [])
    backbone = "minilm"
    if size == "RoBERTa-base":
        backbone = str(folder / "roberta")
        if not Path(backbone).exists():
            torch.manual_seed(0)
            tokenizer = load_tokenizer("minilm")
            config = roberta(tiny=False, pad_token_id=tokenizer.pad_token_id)
            RobertaModel(config, add_pooling_layer=False).save_pretrained(backbone)
            tokenizer.save_pretrained(backbone)
    settings = TrainingSettings(backbone, batch_size=batch_size, device="cpu", precision=precision)
    return prepare(corpus, settings)


def step(training: Training) -> None:
    """Train over all batches once."""
    train_epoch(training, TrainingState(steps_per_epoch=len(training.batches)))


def predict(training: Training) -> None:
    """Predict valid, in the precision of the run."""
    with training.accelerator.autocast():
        for _ in outputs(training.plain_model, training.processor, training.encoded["valid"]):
            pass


@contextmanager
def written_out(training: Training) -> Iterator[None]:
    """Compute self-attention as products that can be seen, and change no weights."""
    model = training.plain_model
    model.set_attn_implementation("eager")
    with patch.object(training.optimizer, "step"), patch.object(training.scheduler, "step"):
        yield
    model.set_attn_implementation("sdpa")


def measure(training: Training, do: Callable, rounds: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return seconds of each round, of the products in each round, and their operations.

    Seconds are of the clock and of the processors: (rounds, 2).
    """
    products = Products()
    with written_out(training), FlopCounterMode(display=False) as counter, products:
        do(training)
    counted, own = counter.get_total_flops(), products.flops()
    if abs(counted - own) > 0.01 * counted:
        raise SystemExit(f"the products make {own:.3e} operations, PyTorch counts {counted:.3e}")
    do(training)  # warm up
    took, limit = [], []
    for _ in range(rounds):
        began = _now()
        do(training)
        took.append(_now() - began)
        limit.append(products.seconds())
    return np.array(took), np.array(limit), counted


def _spread(shares: np.ndarray) -> str:
    return f"{np.median(shares):.2f} ({shares.min():.2f} to {shares.max():.2f})"


def main(rounds: int = 3, threads: int = 2, *, profiled: bool = False) -> None:
    torch.set_num_threads(threads)
    print(f"{machine()}; {threads} threads; medians of {rounds} rounds (lowest to highest)\n")
    heads = "samples/s", "GFLOP/s", "limit, GFLOP/s", "share reached", "share of CPU time"
    print("| size | what | precision |", " | ".join(heads), "|\n|---|---|---" + "|---" * 5 + "|")
    with tempfile.TemporaryDirectory() as folder:
        for size, (n, _) in SIZES.items():
            for precision in ("fp32", "bf16"):
                training = make(size, precision, Path(folder))
                for what, do in (("step", step), ("predict", predict)):
                    samples = n if what == "step" else len(training.encoded["valid"])
                    took, limit, flops = measure(training, do, rounds)
                    clock, of_limit = np.median(took[:, 0]), np.median(limit[:, 0])
                    print(
                        f"| {size} | {what} | {precision} | {samples / clock:.1f} "
                        f"| {flops / clock / 1e9:.0f} | {flops / of_limit / 1e9:.0f} "
                        f"| {_spread(limit[:, 0] / took[:, 0])} "
                        f"| {_spread(limit[:, 1] / took[:, 1])} |",
                        flush=True,
                    )
                if profiled:
                    with profile(activities=[ProfilerActivity.CPU]) as found:
                        step(training)
                    table = found.key_averages().table(sort_by="self_cpu_time_total", row_limit=15)
                    print(table, file=sys.stderr)


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    main(*numbers, profiled="--profile" in sys.argv)
