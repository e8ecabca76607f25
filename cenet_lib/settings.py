"""Everything that decides a run, beside the corpus: settings, and recipes that fill them.

`TrainingSettings` checks what was asked for before anything is read or built; training, and the
rooms ``runs`` and ``results``, go by it. Each of its fields is a *setting*. They are documented
here and nowhere else; the command line's options and the recipes' keys are made from them.
"""

import difflib
import math
import re
import reprlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

import yaml

from .errors import CENetError

RECIPES = Path(__file__).parent / "recipes"
# Names only, so that settings and recipes can be read without importing torch. The classes are in
# `cenet_lib.fusion`, whose `register_fusion` adds the names of others.
FUSION_NAMES = ["none", "ce", "ce-continuous", "late", "mag"]

_AT_LEAST_ONE = (
    *("epochs", "batch_size", "accumulate", "max_length", "n_visual_codes", "n_acoustic_codes"),
    *("pad_frames_to", "patience", "save_every"),
)
# More than anybody needs, and less than what overflows somewhere.
_AT_MOST = {**dict.fromkeys(_AT_LEAST_ONE, 1_000_000), "seed": 2**32 - 1}
_AT_LEAST_ZERO = (
    *("lr_backbone", "lr_fusion", "lr_head", "weight_decay", "max_grad_norm", "adam_epsilon"),
    *("injection_layer", "freeze_layers", "seed"),
)


def _setting(default: Any, help: str, choices: Sequence[str] | None = None) -> Any:
    return field(default=default, metadata={"help": help, "choices": choices})


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of a run; the defaults suit the demo corpus on a laptop.

    Raises
    ------
    CENetError
        If a value is of another type, out of its range, or not one of the choices.

    Examples
    --------
    >>> settings = TrainingSettings(fusion="late", epochs=5)
    >>> settings.epochs, settings.batch_size
    (5, 32)
    >>> TrainingSettings(epochs=0)
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: epochs is 0; it must be at least 1
    """

    # the model
    backbone: str = _setting("minilm", "'minilm' (packaged), a folder, or a model hub's name")
    fusion: str = _setting(
        "ce",
        "how voice and face come in; 'none': words only",
        FUSION_NAMES,
    )
    injection_layer: int = _setting(1, "CE stands before this layer of the backbone, from 0")
    attention_scale: float = _setting(8.0, "s, the factor on the scores in CE")
    mask_padding: bool = _setting(True, "hide padding from CE; the published code does not")
    frozen_padding_rows: bool = _setting(
        False, "no gradient for embedding rows that the published code calls padding"
    )
    n_visual_codes: int = _setting(16, "size k of the face's vocabulary")
    n_acoustic_codes: int = _setting(16, "size k of the voice's vocabulary")
    streams: str = _setting(
        "both",
        "which streams the model gets; 'shuffled' gives each utterance another's, a control",
        ("both", "visual", "acoustic", "shuffled"),
    )
    head_dropout: float = _setting(0.1, "share of the head's inputs left out in training")
    linguistic: str | None = _setting(
        None,
        "dictionary for part-of-speech and word-polarity ids, none by default; 'file': the "
        "corpus's own",
        ("offline", "sentiwordnet", "stanford", "file"),
    )
    stanford_folder: str | None = _setting(
        None, "where the Stanford tagger lies, for 'stanford'; by default CENET_STANFORD says"
    )
    max_length: int = _setting(50, "most word pieces per utterance")
    pad_frames_to: int | None = _setting(
        None, "cut or pad streams to this many frames (published: 50); none by default"
    )

    # the optimisation
    epochs: int = _setting(3, "passes over the train split")
    batch_size: int = _setting(32, "utterances per step, over all devices")
    accumulate: int = _setting(1, "parts to work through a batch in, to save memory")
    group_by_length: bool = _setting(True, "put sentences of similar length into a batch")
    drop_last: bool = _setting(False, "leave out what does not fill a last batch")
    lr_backbone: float = _setting(1e-4, "learning rate of the language model")
    lr_fusion: float = _setting(1e-3, "learning rate of CE, which starts at random")
    lr_head: float = _setting(1e-3, "learning rate of the head, which starts at random")
    warmup: float = _setting(0.1, "share of the steps in which learning rates rise from 0")
    optimizer: str = _setting(
        "adamw",
        "AdamW, or 'published': the published code's, with one learning rate for all",
        ("adamw", "published"),
    )
    weight_decay: float = _setting(0.01, "on matrices, not on biases and norms")
    adam_epsilon: float = _setting(1e-8, "AdamW's epsilon")
    max_grad_norm: float = _setting(1.0, "clip the gradient to this norm; 0: do not")
    freeze_layers: int = _setting(0, "keep the embeddings and this many lowest layers as they are")
    patience: int | None = _setting(
        None, "stop after this many epochs without a better valid MAE; none: train them all"
    )
    seed: int = _setting(0, "of everything that is random")

    watch_test: bool = _setting(
        False, "also evaluate test after each epoch, to show what choosing on it would report"
    )

    # the machine
    device: str = _setting("auto", "where to compute; 'auto' takes a GPU", ("auto", "cpu"))
    precision: str = _setting(
        "fp32",
        "of the arithmetic; 'auto': bf16 if the hardware has it and a trial shows it faster",
        ("fp32", "bf16", "fp16", "auto"),
    )
    gradient_checkpointing: bool = _setting(False, "compute twice, keep less in memory")
    compile: bool = _setting(False, "torch.compile the model")
    save_every: int | None = _setting(
        None, "also save after every so many steps; none: after each epoch"
    )
    wandb: str = _setting("off", "log to Weights & Biases", ("off", "online", "offline"))

    def __post_init__(self) -> None:
        for setting in fields(self):
            self._check(setting)
        if not 0 <= self.head_dropout < 1:
            raise CENetError(f"head_dropout is {self.head_dropout}; it must be in [0, 1)")
        if not 0 <= self.warmup <= 1:
            raise CENetError(f"warmup is {self.warmup}; it is a share of the steps, 0 to 1")
        rates = {self.lr_backbone, self.lr_fusion, self.lr_head}
        if self.optimizer == "published" and len(rates) > 1:
            raise CENetError(
                f"lr_backbone, lr_fusion and lr_head are {self.lr_backbone:g}, {self.lr_fusion:g} "
                f"and {self.lr_head:g}; the published optimizer has one learning rate, give all "
                "three the same or take optimizer: adamw"
            )
        if self.optimizer == "published" and self.precision == "fp16" and self.accumulate > 1:
            raise CENetError(
                "the published optimizer clips the gradient of each part of a batch, which fp16 "
                "cannot do; give accumulate 1, or precision bf16 or fp32"
            )
        if self.batch_size < self.accumulate:
            raise CENetError(
                f"a batch of {self.batch_size} cannot be worked through in {self.accumulate} parts"
            )

    def _check(self, setting: Field[Any]) -> None:
        """Raise a `CENetError` if a value is not one that the setting may have."""
        name, value = setting.name, getattr(self, setting.name)
        kinds, choices = setting_kinds(name), setting.metadata["choices"]
        if float in kinds and isinstance(value, int) and not isinstance(value, bool):
            value = float(value) if abs(value) < 2**1000 else math.inf
            object.__setattr__(self, name, value)
        if type(value) not in kinds:
            wanted = " or ".join(k.__name__.replace("NoneType", "nothing") for k in kinds)
            mend = f"choose one of {', '.join(choices)}" if choices else f"it must be {wanted}"
            raise CENetError(f"{name} is {_brief(value)}; {mend}")
        if value is None:
            return
        if choices and value not in choices:
            raise CENetError(f"{name} is {_brief(value)}; choose one of {', '.join(choices)}")
        if isinstance(value, float) and not math.isfinite(value) and name not in _AT_LEAST_ZERO:
            raise CENetError(f"{name} is {value}; it must be a finite number")
        if name in _AT_LEAST_ONE and value < 1:
            raise CENetError(f"{name} is {_brief(value)}; it must be at least 1")
        if name in _AT_MOST and value > _AT_MOST[name]:
            raise CENetError(f"{name} is {_brief(value)}; it must be at most {_AT_MOST[name]}")
        if name in _AT_LEAST_ZERO and not 0 <= value < math.inf:
            raise CENetError(f"{name} is {value}; it must be 0 or more")


def setting_kinds(name: str) -> tuple[type, ...]:
    """Return the types that a setting may have.

    Examples
    --------
    >>> setting_kinds("patience")
    (<class 'int'>, <class 'NoneType'>)
    """
    kind: Any = TrainingSettings.__dataclass_fields__[name].type
    return get_args(kind) or (kind,)


def load_recipe(name_or_path: str | Path) -> dict[str, Any]:
    """Read a recipe: a YAML file of settings, one of the package's by name or one's own by path.

    Parameters
    ----------
    name_or_path : str or Path
        The name of one of the package's recipes, such as ``"mosi"``, or the path of a YAML file.

    Returns
    -------
    dict
        Settings by name, for ``TrainingSettings(**recipe)``.

    Raises
    ------
    CENetError
        If there is no such recipe, it is not a mapping, or a key is unknown or a value refused.

    Examples
    --------
    >>> recipe = load_recipe("mosi-published")
    >>> TrainingSettings(**recipe).seed
    6758
    """
    path = RECIPES / f"{name_or_path}.yaml"
    if not path.is_file():
        path = Path(name_or_path)
    if path.exists() and not path.is_file():
        raise CENetError(f"{path}: is no file; give the YAML file itself")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _RecipeLoader)  # a safe one
    except FileNotFoundError:
        names = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.yaml")))
        raise CENetError(
            f"{name_or_path}: there is no such recipe; choose {names}, or give a YAML file"
        ) from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise CENetError(f"{path}: cannot be read as YAML ({reason})") from error
    if not isinstance(content, dict):
        raise CENetError(f"{path}: must be a list of 'setting: value' lines")
    content = {key: _as_meant(key, value) for key, value in content.items()}
    checked_settings(content, path)
    return content


class _RecipeLoader(yaml.SafeLoader):
    """YAML as people read it: where it silently means something else, it is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a setting that is there twice, of which YAML takes the last."""
        known = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in known:
                raise _odd(key, f"{_brief(key.value)} is given twice, remove one")
            known.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return dict(super().construct_mapping(node, deep=deep))

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        """Refuse 010, which is 8 in YAML 1.1, and 1:30, which is 90."""
        if re.match(r"[-+]?0[0-7_]", node.value) or ":" in node.value:
            raise _odd(node, f"{node.value[:40]} is no decimal number, write it plainly")
        return int(self.construct_yaml_int(node))


_RecipeLoader.add_constructor("tag:yaml.org,2002:int", _RecipeLoader.construct_decimal)


def _odd(node: yaml.Node, what: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, node.start_mark)


def _as_meant(name: Any, value: Any) -> Any:
    """Return a value of a recipe as it was meant where YAML 1.1 takes it for something else."""
    setting = TrainingSettings.__dataclass_fields__.get(name)
    if setting is None:
        return value
    if isinstance(value, str) and float in setting_kinds(name):
        with suppress(ValueError):  # YAML takes 6e-5 for a text; it wants 6.0e-5
            return float(value)
    if value is False and "off" in (setting.metadata["choices"] or ()):
        return "off"  # YAML takes off and no for false
    is_none = value is False or (isinstance(value, str) and value.lower() == "none")
    if is_none and type(None) in setting_kinds(name):
        return None  # patience: off, and as on the command line
    return value


def given_settings(settings: object) -> TrainingSettings:
    """Return the settings that a caller gave; for ``None``, the default ones.

    Raises
    ------
    CENetError
        If it gave anything else.

    Examples
    --------
    >>> given_settings({"epochs": 5})
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: settings: a dict is no TrainingSettings; write \
TrainingSettings(**settings)
    >>> given_settings(None) == TrainingSettings()
    True
    """
    if settings is None:
        return TrainingSettings()
    if not isinstance(settings, TrainingSettings):
        mend = "write TrainingSettings(**settings)"
        if not isinstance(settings, Mapping):
            mend = "give it as TrainingSettings(backbone=..., epochs=...)"
        kind = type(settings).__name__
        raise CENetError(f"settings: a {kind} is no TrainingSettings; {mend}")
    return settings


def checked_settings(values: Mapping[Any, Any], where: str | Path) -> TrainingSettings:
    """Return the settings that a file gives by name, or say what is wrong with it.

    Parameters
    ----------
    values : mapping of name to value
        What the file holds.
    where : str or Path
        The file, which begins the error message.

    Raises
    ------
    CENetError
        If a name is unknown or a value refused.

    Examples
    --------
    >>> checked_settings({"epochs": 5}, "mine.yaml").epochs
    5
    >>> checked_settings({"epoch": 5}, "mine.yaml")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: mine.yaml: there is no setting 'epoch'; did you mean 'epochs'?
    """
    known = [setting.name for setting in fields(TrainingSettings)]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key)[:99], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"settings are {', '.join(known)}"
            raise CENetError(f"{where}: there is no setting {_brief(key)}; {hint}")
    try:
        return TrainingSettings(**values)
    except (ValueError, OverflowError) as error:
        raise CENetError(f"{where}: {error}") from error


def _brief(value: object) -> str:
    """Return a value as it would be written, cut short: a recipe may hold anything at any depth."""
    return reprlib.repr(value)
