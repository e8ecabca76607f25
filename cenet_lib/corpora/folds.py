"""Which split each video belongs to: by published folds, a user's own table, or fixed shares.

Splits go by video, never by segment, or a model would meet the people of the test split while it
trains. ``folds.csv`` beside this file holds the folds that the CMU-MultimodalSDK publishes for
CMU-MOSI (52, 10 and 31 videos) and CMU-MOSEI (2250, 300 and 678), from its modules
``cmu_mosi_std_folds.py`` and ``cmu_mosei_std_folds.py``. A file ``folds.csv`` in the folder of the
data goes before it; it has the columns ``video`` and ``split``.

The reader `csd` asks here for the folds, and the `Collector` for the split of what came without.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from ..errors import CENetError
from ..files import refuse_special
from ..utterance import SPLITS
from .values import SPLIT_NAMES

FOLDS = Path(__file__).with_name("folds.csv")
SPLIT_SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}  # of a file that comes without splits
SHARES_TEXT = " / ".join(f"{100 * share:.0f}" for share in SPLIT_SHARES.values()) + " %"


def split_by_video(sizes: Mapping[str, int]) -> dict[str, str]:
    """Return a split for each video, so that no video is in two of them.

    The largest videos come first; each goes where most segments are missing to 60, 20 and 20 %.
    With three videos or more, no split stays empty. The same videos always fall the same way.

    Parameters
    ----------
    sizes : mapping of str to int
        The number of segments of each video.

    Examples
    --------
    >>> split_by_video({"a": 6, "b": 2, "c": 2})
    {'a': 'train', 'b': 'valid', 'c': 'test'}
    """
    missing = {split: share * sum(sizes.values()) for split, share in SPLIT_SHARES.items()}
    empty = dict.fromkeys(SPLITS)
    found = {}
    order = sorted(sizes, key=lambda video: (-sizes[video], video))
    for place, video in enumerate(order):
        choice = empty if len(order) - place <= len(empty) else missing
        split = max(choice, key=missing.__getitem__)
        found[video] = split
        missing[split] -= sizes[video]
        empty.pop(split, None)
    return found


def folds_of(videos: set[str], folder: Path) -> tuple[dict[str, str], str]:
    """Return the folds that a data set comes with, and what to call them.

    Parameters
    ----------
    videos : set of str
        The videos of the data set.
    folder : Path
        Where a table of the user's own may lie.

    Returns
    -------
    folds : dict of str to str
        The split of each video; empty for a data set that is not known.
    name : str

    Raises
    ------
    CENetError
        If the user's table is damaged or names none of the videos.

    Examples
    --------
    >>> folds, name = folds_of({"03bSnISJMiM", "WKA5OygbEKI"}, Path("no/such/folder"))
    >>> name, folds["03bSnISJMiM"], folds["WKA5OygbEKI"]
    ('the standard folds of CMU-MOSI and CMU-MOSEI', 'train', 'valid')
    >>> folds_of({"my video"}, Path("no/such/folder"))
    ({}, '')
    """
    own = folder / "folds.csv"
    refuse_special(own)
    if own.is_file():
        folds = read_folds(own)
        if not videos & set(folds):
            raise CENetError(
                f"{own}: names none of the {len(videos)} videos, such as {min(videos)!r}; "
                "correct or remove it"
            )
        return folds, "folds.csv in the folder"
    folds = read_folds(FOLDS)
    if len(videos & set(folds)) * 2 > len(videos):
        return folds, "the standard folds of CMU-MOSI and CMU-MOSEI"
    return {}, ""


def read_folds(path: Path) -> dict[str, str]:
    """Return the split of each video in a table with the columns ``video`` and ``split``.

    Parameters
    ----------
    path : Path

    Raises
    ------
    CENetError
        If it is not such a table, or a video is in two splits.

    Examples
    --------
    >>> len(read_folds(FOLDS))
    3321
    """
    mend = "it needs the columns video and split, with train, valid or test in each row"
    folds: dict[str, str] = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            table.fieldnames = [name.strip().lower() for name in table.fieldnames or ()]
            for line, row in enumerate(table, start=2):
                video = (row.get("video") or "").strip()
                split = SPLIT_NAMES.get((row.get("split") or "").strip().lower())
                if not video or split is None:
                    raise CENetError(f"{path}: line {line} has no video or split; {mend}")
                if folds.setdefault(video, split) != split:
                    raise CENetError(f"{path}: line {line}: {video} is in two splits; remove one")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CENetError(f"{path}: cannot be read ({error}); {mend}") from error
    return folds
