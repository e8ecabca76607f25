"""Weights that come from elsewhere: reading, renaming and checking them.

Checkpoints of the published codes are pickles (``pytorch_model.bin``), and a pickle may run any
program when it is opened. So they are read as weights only, which refuses everything but tensors.
`cenet_lib.language.sentilare` and `cenet_lib.published` read and rename their checkpoints here.
"""

import pickle
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from ..errors import CENetError
from ..files import read_json


def weights_file(folder: str | Path) -> Path | None:
    """Return the one file of weights in a folder, or ``None``.

    Examples
    --------
    >>> weights_file("models/mine").name
    'model.safetensors'
    """
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

    Examples
    --------
    >>> read_weights("models/mine")["embeddings.word_embeddings.weight"].ndim
    2
    """
    path = weights_file(folder)
    if path is None:
        raise CENetError(f"{folder}: holds neither pytorch_model.bin nor model.safetensors")
    return _read(path)


def read_config(folder: str | Path) -> dict[str, Any]:
    """Read config.json of a folder.

    Raises
    ------
    CENetError
        If it is missing or damaged.

    Examples
    --------
    >>> read_config("models/mine")["model_type"]
    'bert'
    """
    return read_json(Path(folder) / "config.json", "copy it from the checkpoint's folder")


def _read(path: Path, **options: Any) -> dict[str, Tensor]:
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

    As little of the file is read as its format allows.

    Examples
    --------
    >>> "embeddings.word_embeddings.weight" in weight_names("models/mine")
    True
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
        The weights by their old names.
    rules : mapping of str to str
        What the beginning of an old name becomes in the new one; the first rule that fits holds.
    not_needed : tuple of str
        The beginnings of the names to leave out.

    Examples
    --------
    >>> weights = {"roberta.pooler.bias": torch.zeros(2), "roberta.norm.bias": torch.zeros(2)}
    >>> list(renamed(weights, {"roberta.": "backbone."}, not_needed=("roberta.pooler.",)))
    ['backbone.norm.bias']
    """
    return {
        rename(name, rules): weight
        for name, weight in weights.items()
        if not name.startswith(not_needed)
    }


def rename(name: str, rules: Mapping[str, str]) -> str:
    """Replace the beginning of a name by the first rule that fits, if any.

    Examples
    --------
    >>> rename("roberta.norm.bias", {"bert.": "", "roberta.": "backbone."})
    'backbone.norm.bias'
    """
    rule = next((old for old in rules if name.startswith(old)), "")
    return rules.get(rule, "") + name.removeprefix(rule)


def check_names(
    where: object,
    weights: Mapping[str, Tensor],
    expected: Mapping[str, torch.Size],
    rules: Mapping[str, str],
) -> None:
    """Raise one `CENetError` that lists all weights that are missing, unexpected or misshapen.

    The message calls them as the checkpoint does, from whose names ``rules`` led to ours.

    Parameters
    ----------
    where : object
        What the message calls the place that the weights came from.
    weights : mapping of str to Tensor
        The weights by their new names.
    expected : mapping of str to Size
        Their shapes, as they should be.
    rules : mapping of str to str
        The rules that `renamed` went by.

    Examples
    --------
    >>> check_names("here", {}, {"head.bias": torch.Size([1])}, {"classifier.": "head."})
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: here: its weights do not fit: missing: classifier.bias
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
        raise CENetError(f"{where}: its weights do not fit: {'; '.join(problems)}")
