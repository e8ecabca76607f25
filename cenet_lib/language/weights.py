"""Weights that come from elsewhere: reading, renaming and checking them.

Checkpoints of the published codes are pickles (``pytorch_model.bin``), and a pickle may run any
program when it is opened. So they are read as weights only, which refuses everything but tensors.
"""

import pickle
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from ..errors import CENetError
from ..files import read_json


def weights_file(folder: str | Path) -> Path | None:
    """Return the one file of weights in a folder, or ``None``."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (path := Path(folder) / name).is_file():
            return path
    return None


def read_weights(folder: str | Path) -> dict[str, Tensor]:
    """Read all weights in a folder.

    Raises
    ------
    CENetError
        If there is no such file, it is damaged, or it holds anything but tensors.
    """
    path = weights_file(folder)
    if path is None:
        raise CENetError(f"{folder}: holds neither pytorch_model.bin nor model.safetensors")
    return _read(path)


def read_config(folder: str | Path) -> dict:
    """Read config.json of a folder.

    Raises
    ------
    CENetError
        If it is missing or damaged.
    """
    return read_json(Path(folder) / "config.json", "copy it from the checkpoint's folder")


def _read(path: Path, **options) -> dict[str, Tensor]:
    with _one_error(path):
        if path.suffix == ".safetensors":
            return load_file(path)
        weights = torch.load(path, map_location="cpu", weights_only=True, **options)
    if not isinstance(weights, Mapping) or not all(
        isinstance(name, str) and isinstance(weight, Tensor) for name, weight in weights.items()
    ):
        raise CENetError(f"{path}: is not a state dict; expected tensors by name")
    return dict(weights)


def weight_names(folder: str | Path) -> Collection[str]:
    """Return the names of all weights in a folder; none if it has no such file.

    Reads as little of the file as its format allows.
    """
    path = weights_file(folder)
    if path is None:
        return ()
    if path.suffix == ".safetensors":
        with _one_error(path), safe_open(path, "pt") as file:
            return file.keys()
    return _read(path, mmap=_is_zip(path)).keys()


@contextmanager
def _one_error(path: Path) -> Iterator[None]:
    """Say in one way what readers say in many."""
    try:
        yield
    except pickle.UnpicklingError as error:
        raise CENetError(
            f"{path}: holds more than weights, or is damaged; it was not opened "
            f"({str(error).splitlines()[0]})"
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, SafetensorError) as error:
        raise CENetError(f"{path}: is damaged ({error}); copy it anew") from error


def _is_zip(path: Path) -> bool:
    """Tell the present format of torch.save, which can be mapped, from that before torch 1.6."""
    with open(path, "rb") as file:
        return file.read(2) == b"PK"


def renamed(
    weights: Mapping[str, Tensor], rules: Mapping[str, str], not_needed: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Return the weights by new names.

    Parameters
    ----------
    weights : mapping of str to Tensor
    rules : mapping of str to str
        From the beginning of an old name to that of the new one; the first that fits holds.
    not_needed : tuple of str
        Beginnings of the names to leave out.
    """
    return {
        rename(name, rules): weight
        for name, weight in weights.items()
        if not name.startswith(not_needed)
    }


def rename(name: str, rules: Mapping[str, str]) -> str:
    """Replace the beginning of a name by the first rule that fits, if any."""
    rule = next((old for old in rules if name.startswith(old)), "")
    return rules.get(rule, "") + name.removeprefix(rule)


def check_names(
    source: object,
    weights: Mapping[str, Tensor],
    expected: Mapping[str, torch.Size],
    rules: Mapping[str, str],
) -> None:
    """Raise one `CENetError` that lists all weights that are missing, unexpected or misshapen.

    The message calls them as the checkpoint does, from whose names ``rules`` led to ours.
    """
    back = {new: old for old, new in rules.items()}

    def listed(names: Collection[str]) -> str:
        return ", ".join(sorted(rename(name, back) for name in names))

    problems = []
    if missing := expected.keys() - weights.keys():
        problems.append(f"missing: {listed(missing)}")
    if unexpected := weights.keys() - expected.keys():
        problems.append(f"not expected: {listed(unexpected)}")
    for name in sorted(expected.keys() & weights.keys()):
        if weights[name].shape != expected[name]:
            problems.append(
                f"{rename(name, back)} has shape {tuple(weights[name].shape)}, not "
                f"{tuple(expected[name])}"
            )
    if problems:
        raise CENetError(f"{source}: its weights do not fit: {'; '.join(problems)}")
