"""Which settings the options of a command give: `cenet_lib.__main__` makes an option of each."""

from argparse import Namespace
from dataclasses import fields
from typing import Any

from ..errors import CENetError
from ..settings import TrainingSettings


def given_settings(options: Namespace) -> dict[str, Any]:
    """Return the settings that were given, by name: a list where an option takes several values.

    ``k`` is among them, which stands for the sizes of both vocabularies.

    Raises
    ------
    CENetError
        If a value is given twice, or ``k`` together with what it stands for.

    Examples
    --------
    >>> given_settings(Namespace(corpus="demo", seed=[0, 1], patience=None))
    {'seed': [0, 1], 'patience': None}
    >>> given_settings(Namespace(seed=[0, 0]))
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: --seed 0 is given twice; give each value once
    """
    names = {"k", *(setting.name for setting in fields(TrainingSettings))}
    given = {name: value for name, value in vars(options).items() if name in names}
    for name, values in given.items():
        for value in values if isinstance(values, list) else ():
            if values.count(value) > 1:
                raise CENetError(f"{_option(name)} {value} is given twice; give each value once")
    for name in ("n_visual_codes", "n_acoustic_codes"):
        if "k" in given and name in given:
            raise CENetError(f"--k stands for {_option(name)} too; give one of them")
    return given


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
