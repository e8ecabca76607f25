"""In how many bits a run computes: what the device can do, and what ``precision: auto`` takes.

A number in bf16 has the range of one in fp32 and a third of its digits. Where the hardware
multiplies such numbers by itself, training takes less time; where it does not, it takes more. So
``auto`` asks what the hardware is said to have, and then tries. What it was settled as is what the
run keeps: a run that goes on, and every run of a comparison, computes as the first one did.
`cenet_lib.runs.preparation` asks here before it makes anything.
"""

import time
from collections import Counter
from dataclasses import replace
from statistics import median

import accelerate
import torch
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from ..errors import CENetError
from ..language.place import backbone_folder
from ..language.weights import weight_shapes
from ..settings import TrainingSettings

_CPU_HAS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # the last two are ARM's names
_WORTH = 0.9  # of the time in fp32, at most; for less, its digits are not given away
_PIECES = 20  # of a text that is neither long nor short
_WIDEST, _MOST_TOKENS = 4096, 4096  # of the trial, which should end in a second


def settle_precision(settings: TrainingSettings) -> TrainingSettings:
    """Return settings that say how to compute: ``auto`` becomes ``bf16`` or ``fp32``.

    It becomes bf16 where the CPU or the NVIDIA GPU has it in hardware and a trial of one second
    shows that it is faster. Several processes take what the first one finds.

    Parameters
    ----------
    settings : TrainingSettings
        If their precision is not ``auto``, they are returned as they are.

    Raises
    ------
    CENetError
        If the language model cannot be found or read.

    Examples
    --------
    >>> settings = settle_precision(TrainingSettings("models/mine", precision="auto"))
    >>> settings.precision in ("bf16", "fp32")
    True
    >>> settle_precision(TrainingSettings(precision="fp32")).precision
    'fp32'
    """
    if settings.precision != "auto":
        return settings
    AcceleratorState._reset_state(reset_partial_state=True)  # of a run before, in this process
    processes = accelerate.PartialState(cpu=settings.device == "cpu")
    device, found = processes.device, "fp32"
    width = _width(settings.backbone)  # where it fails, it fails on all processes
    tokens = settings.batch_size // settings.accumulate * _PIECES
    if processes.is_main_process and has_bf16(device):
        found = "bf16" if bf16_takes(device, width, tokens) <= _WORTH else "fp32"
    (found,) = broadcast_object_list([found])
    return replace(settings, precision=found)


def has_bf16(device: torch.device) -> bool:
    """Tell whether the hardware multiplies numbers in bf16, as far as it says so.

    Of Apple's GPUs nothing is known here, and older versions of PyTorch do not say it of a CPU.

    Examples
    --------
    >>> has_bf16(torch.device("mps"))
    False
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in _CPU_HAS)


def bf16_takes(device: torch.device, width: int, tokens: int, seconds: float = 1.0) -> float:
    """Return the time of a trial in bf16 as a share of its time in fp32.

    What is tried is where a language model spends most of its time: the pair of matrix products in
    a layer behind its attention, forward and backward, with what lies between them.

    Parameters
    ----------
    device : torch.device
        Where to compute.
    width : int
        The width of the language model's states.
    tokens : int
        How many tokens a batch has.
    seconds : float
        How long to go on; three times each at least.

    Examples
    --------
    >>> bf16_takes(torch.device("cpu"), width=8, tokens=16, seconds=0.0) > 0
    True
    """
    width, tokens = min(width, _WIDEST), min(tokens, _MOST_TOKENS)
    with torch.random.fork_rng(devices=[]):  # no draw of the run's is taken away
        layer = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.LayerNorm(width)
        ).to(device)
        states = torch.randn(tokens, width).to(device)  # (tokens, d)
    took: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    until = time.perf_counter() + seconds
    while len(took[torch.bfloat16]) < 4 or time.perf_counter() < until:
        for dtype, times in took.items():  # in turns, so that a busy machine slows both
            times.append(_time(layer, states, dtype))
    of_full, of_half = (median(times[1:]) for times in took.values())  # the first warms up
    return of_half / of_full


def _time(layer: nn.Module, states: Tensor, dtype: torch.dtype) -> float:
    """Return the seconds of one pass forward and backward."""
    began = time.perf_counter()
    with torch.autocast(states.device.type, dtype, enabled=dtype != torch.float32):
        out = layer(states)  # (tokens, d)
    out.float().mean().backward()
    if states.device.type == "cuda":
        torch.cuda.synchronize(states.device)
    return time.perf_counter() - began


def _width(backbone: str) -> int:
    """Return the width of a language model's states: what most of its matrices take in."""
    matrices = [w.shape for w in weight_shapes(backbone_folder(backbone)).values() if w.ndim == 2]
    widths = Counter(shape[-1] for shape in matrices).most_common(1)
    return max(1, widths[0][0]) if widths else 1


def check_precision(settings: TrainingSettings) -> None:
    """Raise a `CENetError` if the device cannot compute with the precision asked for.

    Examples
    --------
    >>> check_precision(TrainingSettings(device="cpu", precision="fp16"))
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: precision fp16 is not possible on this device (cpu); choose bf16 \
or fp32, or a computer with a GPU
    """
    device = "cpu"
    if settings.device != "cpu":
        device = accelerate.PartialState().device.type
    name, mend = settings.precision, "choose fp32"
    if name == "fp16" and device != "cuda":
        possible = device == "mps"
        mend = "choose bf16 or fp32, or a computer with a GPU"
    elif name == "bf16" and device == "cuda":
        possible = torch.cuda.is_bf16_supported(including_emulation=False)
        mend = "choose fp16 or fp32"
    else:
        possible = True
    if not possible:
        raise CENetError(f"precision {name} is not possible on this device ({device}); {mend}")
