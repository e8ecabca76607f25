"""Weights that come from elsewhere: reading, renaming and checking them.

Checkpoints of the published codes are pickles (``pytorch_model.bin``), and a pickle may run any
program when it is opened. So they are read as weights only, which refuses everything but tensors.
`cenet_lib.language.backbone`, `cenet_lib.language.sentilare` and `cenet_lib.published` read and
rename their checkpoints here.
"""

import math
import os
import pickle
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ..errors import CENetError, first_line
from ..files import read_json

_FILES = ("model.safetensors", "pytorch_model.bin")
_OLD_CONFIG = "bert_config.json"  # what config.json was called at first
# The one entry of a training checkpoint that holds the model.
_CONTAINERS = ("state_dict", "model_state_dict", "model")
_OTHER_PROGRAMS = {
    "tf_model.h5": "TensorFlow",
    "*.ckpt.index": "TensorFlow",
    "*.ckpt": "TensorFlow or Lightning",
    "flax_model.msgpack": "Flax",
    "*.gguf": "llama.cpp",
    "*.onnx": "ONNX",
}
_POINTER = b"version https://git-lfs"
_LISTED = 40  # names in an error message


def folder_of(place: str | Path) -> Path:
    """Return the folder of a model that is given by its folder or by its file of weights.

    Examples
    --------
    >>> folder_of("models/mine/model.safetensors").name
    'mine'
    """
    place = Path(place)
    return place.parent if place.is_file() else place


def weights_file(place: str | Path) -> Path | None:
    """Return the one file of weights in a folder, or ``None``; a file stands for itself.

    Of a model in several files, it is the index that lists them.

    Examples
    --------
    >>> weights_file("models/mine").name
    'model.safetensors'
    """
    place = Path(place)
    if place.name in ("config.json", _OLD_CONFIG):  # somebody named the other file of the two
        place = place.parent
    if place.is_file():
        return place
    for name in (*_FILES, *(f"{name}.index.json" for name in _FILES)):
        if (path := place / name).is_file():
            return path
    return None


def read_weights(place: str | Path) -> dict[str, Tensor]:
    """Read all weights of a folder or a file.

    Raises
    ------
    CENetError
        If there is no such file, it is damaged, or it holds anything but tensors.

    Examples
    --------
    >>> read_weights("models/mine")["embeddings.word_embeddings.weight"].ndim
    2
    """
    weights: dict[str, Tensor] = {}
    for path in _parts(place):
        weights |= _read(path)
    return weights


def weight_shapes(place: str | Path) -> dict[str, Tensor]:
    """Return all weights of a folder or a file without their values: tensors on the meta device.

    As little of the file is read as its format allows.

    Raises
    ------
    CENetError
        As `read_weights`, or if this computer has not the memory for them.

    Examples
    --------
    >>> weight_shapes("models/mine")["embeddings.LayerNorm.bias"].shape
    torch.Size([16])
    """
    shapes: dict[str, Tensor] = {}
    for path in _parts(place):
        shapes |= _shapes(path)
    needed = 4 * sum(weight.numel() for weight in shapes.values())
    if needed > _memory():
        raise CENetError(
            f"{place}: its weights take {needed / 2**30:.0f} GiB, this computer has "
            f"{_memory() / 2**30:.0f} GiB; choose a smaller language model"
        )
    return shapes


def weight_names(place: str | Path) -> Collection[str]:
    """Return the names of all weights in a folder; none if it has no such file.

    Examples
    --------
    >>> "embeddings.word_embeddings.weight" in weight_names("models/mine")
    True
    """
    return () if weights_file(place) is None else weight_shapes(place).keys()


def read_config(place: str | Path) -> dict[str, Any]:
    """Read config.json of a folder, or bert_config.json, as it was called at first.

    Raises
    ------
    CENetError
        If it is missing or damaged.

    Examples
    --------
    >>> read_config("models/mine")["model_type"]
    'bert'
    """
    return read_json(config_file(place), "copy it from the checkpoint's folder")


def config_file(place: str | Path) -> Path:
    """Return the path of a model's configuration.

    Examples
    --------
    >>> config_file("models/mine").name
    'config.json'
    """
    folder = folder_of(place)
    old = not (folder / "config.json").exists() and (folder / _OLD_CONFIG).is_file()
    return folder / (_OLD_CONFIG if old else "config.json")


def _parts(place: str | Path) -> list[Path]:
    """Return the files that hold a model's weights: one, or those that its index lists."""
    path = weights_file(place)
    if path is None:
        folder = folder_of(place)
        others = [kind for name, kind in _OTHER_PROGRAMS.items() if any(folder.glob(name))]
        mend = "copy the weights there"
        if others:
            mend = f"its weights are {others[0]}'s, take the same model for PyTorch"
        raise CENetError(
            f"{place}: no language model could be loaded (it holds neither "
            f"{' nor '.join(reversed(_FILES))}); {mend}"
        )
    if not path.name.endswith(".index.json"):
        _refuse_pointer(path)
        return [path]
    mend = "copy it from the checkpoint's folder"
    index = read_json(path, mend).get("weight_map")
    if not isinstance(index, dict) or not all(isinstance(name, str) for name in index.values()):
        raise CENetError(f"{path}: is damaged (it has no weight_map from names to files); {mend}")
    files = sorted(set(index.values()))
    for name in files:
        if Path(name).name != name or "\\" in name:
            raise CENetError(f"{path}: lists {name!r}, which is not in its own folder; {mend}")
        if not (path.parent / name).is_file():
            raise CENetError(f"{path.parent / name}: is missing; {mend}")
        _refuse_pointer(path.parent / name)
    return [path.parent / name for name in files]


def _refuse_pointer(path: Path) -> None:
    """Refuse the few lines that Git leaves of a large file unless it is asked for it."""
    with open(path, "rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise CENetError(
                f"{path}: is a pointer of Git LFS; run 'git lfs pull' where it comes from"
            )


def _read(path: Path) -> dict[str, Tensor]:
    with _one_error(path):
        if _is_safetensors(path):
            return load_file(path)
    return _read_pickle(path)


def _read_pickle(path: Path, mmap: bool = False) -> dict[str, Tensor]:
    """Read a file of torch.save as weights only, which runs nothing."""
    with _one_error(path):
        _refuse_bomb(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    for name in _CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(weight, Tensor) for name, weight in content.items()
    ):
        raise CENetError(
            f"{path}: is not a state dict; expected tensors by name, as in "
            "torch.save(model.state_dict(), FILE)"
        )
    size = path.stat().st_size
    unfolded = sum(weight.numel() * weight.element_size() for weight in content.values())
    if unfolded > 16 * size:  # tensors may share memory; these share too much of it
        raise CENetError(
            f"{path}: its {size:,} bytes unfold to {unfolded:,}; it was not opened, copy it anew"
        )
    return dict(content)


def _shapes(path: Path) -> dict[str, Tensor]:
    if not _is_safetensors(path):
        weights = _read_pickle(path, mmap=_is_zip(path))
        return {name: torch.empty_like(weight, device="meta") for name, weight in weights.items()}
    with _one_error(path), safe_open(path, "pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@contextmanager
def _one_error(path: Path) -> Iterator[None]:
    """Say in one way what readers say in many."""
    try:
        yield
    except CENetError:
        raise
    except pickle.UnpicklingError as error:
        # torch's own words advise to open it all the same
        raise CENetError(
            f"{path}: holds more than weights, or is damaged; it was not opened; copy it anew, or "
            "save it anew as torch.save(model.state_dict(), FILE)"
        ) from error
    except Exception as error:  # whatever a reader makes of a damaged file
        raise CENetError(f"{path}: is damaged ({first_line(error)}); copy it anew") from error


def _is_safetensors(path: Path) -> bool:
    return path.suffix == ".safetensors"


def _is_zip(path: Path) -> bool:
    """Tell the present format of torch.save, which can be mapped, from that before torch 1.6."""
    with open(path, "rb") as file:
        return file.read(2) == b"PK"


def _refuse_bomb(path: Path) -> None:
    """Refuse a zip that unpacks to more than it is: torch.save does not compress."""
    if not _is_zip(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > path.stat().st_size:
        raise CENetError(f"{path}: unpacks to {unpacked:,} bytes; it was not opened, copy it anew")


def _memory() -> float:
    """Return how many bytes of memory this computer has, where it can be asked."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return math.inf


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
    """Raise one `CENetError` that lists the weights that are missing, unexpected or misshapen.

    The message calls them as the checkpoint does, from whose names ``rules`` led to ours.

    Parameters
    ----------
    where : object
        What the message calls the place that the weights came from.
    weights : mapping of str to Tensor
        The weights by their new names; their values are not looked at.
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
        found = sorted(rename(name, back) for name in names)
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        return ", ".join(found[:_LISTED]) + more

    problems = []
    if missing := expected.keys() - weights.keys():
        problems.append(f"missing: {listed(missing)}")
    if unexpected := weights.keys() - expected.keys():
        problems.append(f"not expected: {listed(unexpected)}")
    wrong = [n for n in sorted(expected.keys() & weights.keys()) if weights[n].shape != expected[n]]
    for name in wrong[:_LISTED]:
        problems.append(
            f"{rename(name, back)} has shape {tuple(weights[name].shape)}, not "
            f"{tuple(expected[name])}"
        )
    if problems:
        raise CENetError(f"{where}: its weights do not fit: {'; '.join(problems)}")


def check_values(where: object, weights: Mapping[str, Tensor]) -> None:
    """Raise a `CENetError` if a weight holds anything but finite real numbers.

    Examples
    --------
    >>> check_values("here", {"head.bias": torch.tensor([float("nan")])})
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: here: holds values that are no numbers in head.bias; copy it anew
    """
    for name, weight in weights.items():
        if not weight.is_floating_point() or weight.element_size() < 2:
            raise CENetError(
                f"{where}: {name} is of kind {str(weight.dtype).removeprefix('torch.')}, so the "
                "model is quantised or damaged; take it in full precision"
            )
        if not weight.isfinite().all():
            raise CENetError(f"{where}: holds values that are no numbers in {name}; copy it anew")
