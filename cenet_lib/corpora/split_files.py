"""Data sets that come as one file per split, such as ``train.pkl``, ``dev.pkl`` and ``test.pkl``.

Together they are what one file with a dict of splits would hold, and so they are put together and
given to the reader of that. `loading` asks here first when a folder holds several pickles.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import CENetError
from ..utterance import SPLITS
from .unpickle import load_plain
from .values import SPLIT_NAMES, text_keys


def by_split(files: Sequence[Path]) -> dict[str, Path]:
    """Return the files of train, valid and test by their names; none if they are not those.

    >>> by_split([Path("test.pkl"), Path("dev.pkl"), Path("train.pkl")])["valid"].name
    'dev.pkl'
    >>> by_split([Path("mosi_test.pkl"), Path("mosi_val.pkl"), Path("mosi_train.pkl")])["test"].name
    'mosi_test.pkl'
    >>> by_split([Path("mosi.pkl"), Path("mosei.pkl")])
    {}

    Raises
    ------
    CENetError
        If there are those of two splits and nothing else.
    """
    named: dict[str, Path] = {}
    others = set()
    for file in files:
        parts = re.split(r"[^a-z0-9]+", file.stem.lower())
        splits = [part for part in parts if part in SPLIT_NAMES]
        if len(splits) == 1:
            named[SPLIT_NAMES[splits[0]]] = file
            others.add(tuple(part for part in parts if part not in SPLIT_NAMES))
    if not len(files) == len(named) > 1 or len(others) != 1:
        return {}
    for split in SPLITS:
        if split not in named:
            raise CENetError(
                f"{files[0].parent}: has no file of the {split} split beside "
                f"{' and '.join(file.name for file in files)}; put it there, or give the path of "
                "the one file that you want"
            )
    return {split: named[split] for split in SPLITS}


def load_splits(
    files: dict[str, Path], form_of: Callable[[object], str | None]
) -> dict[str, object]:
    """Return what one file with all splits would hold.

    Parameters
    ----------
    files : dict of str to Path
        As `by_split` gives them.
    form_of : function
        The name of the format that knows a dict of splits, or None.

    Raises
    ------
    CENetError
        If one of them does not hold the same format as the others.

    Examples
    --------
    >>> import pickle, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = {split: Path(folder, f"{split}.pkl") for split in SPLITS}
    ...     for split, file in files.items():
    ...         _ = file.write_bytes(pickle.dumps([split]))
    ...     load_splits(files, lambda data: "lists")
    {'train': ['train'], 'valid': ['valid'], 'test': ['test']}
    """
    data = {split: _own_part(load_plain(file), split) for split, file in files.items()}
    forms = {split: form_of({split: part}) for split, part in data.items() if part}
    known = [split for split, form in forms.items() if form]
    for split, form in forms.items():
        if known and form != forms[known[0]]:
            raise CENetError(
                f"{files[split]}: is not a split of a {forms[known[0]]}, as "
                f"{files[known[0]].name} beside it is; give the path of the one file that you want"
            )
    return data


def _own_part(data: Any, split: str) -> object:
    """Return what a dict holds for its one split, or data as they are."""
    if isinstance(data, dict) and len(data) == 1:
        [(key, part)] = text_keys(data).items()
        if SPLIT_NAMES.get(key) == split:
            return part
    return data
