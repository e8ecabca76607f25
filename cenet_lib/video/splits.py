"""Which split each clip belongs to, so that a person is in one of them only, where that can be.

`cenet_lib.video.collection` asks here when it knows which clips are well.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..corpora.folds import SHARES_TEXT, split_by_video
from ..errors import CENetError
from .clip import Clip


def with_splits(clips: Sequence[Clip], seed: int = 0) -> tuple[list[Clip], str]:
    """Give each clip a split, unless the table did, and tell how.

    Whole speakers go to a split, or if they are fewer than three, whole films; then splits share
    people, and it says so. With fewer than three films, clips are dealt out.

    Parameters
    ----------
    clips : sequence of Clip
    seed : int
        What decides between equals.

    Examples
    --------
    >>> from pathlib import Path
    >>> clips = [Clip(n, n, Path(n), speaker=n[0]) for n in ("a1", "a2", "a3", "b1", "c1")]
    >>> dealt, told = with_splits(clips)
    >>> sorted({(clip.speaker, clip.split) for clip in dealt})
    [('a', 'train'), ('b', 'test'), ('c', 'valid')]
    >>> told
    'by speaker, 60 / 20 / 20 %, seed 0: no speaker is in two splits'
    """
    if seed < 0:
        raise CENetError(f"the seed is {seed}; it must be 0 or more")
    if any(clip.split for clip in clips):
        return list(clips), "as the table says"
    films, speakers = [clip.file for clip in clips], [clip.recording for clip in clips]
    what, units = "speaker" if all(clip.speaker for clip in clips) else "film", speakers
    if len(set(units)) < 3:
        what, units = ("film", films) if len(set(films)) > 2 else ("clip", [c.id for c in clips])
    dealt = _dealt(units, seed)
    done = [clip._replace(split=dealt[unit]) for clip, unit in zip(clips, units, strict=True)]
    return done, f"by {what}, {SHARES_TEXT}, seed {seed}: {_shared(done)}"


def _shared(clips: Sequence[Clip]) -> str:
    """Say whether a person is in two splits."""
    speakers = len({clip.speaker for clip in clips if clip.speaker})
    unknown = sum(not clip.speaker for clip in clips)
    if len({(clip.recording, clip.split) for clip in clips}) > len({c.recording for c in clips}):
        return (
            f"with {speakers or 'no known'} speaker{'s' * (speakers != 1)}, splits share people, "
            "so no metric says how well the model does on somebody new"
        )
    if unknown:
        return f"{unknown} of {len(clips)} clips name no speaker, so splits may share one"
    return "no speaker is in two splits"


def _dealt(units: Sequence[str], seed: int) -> dict[str, str]:
    """Return the split of each unit; the seed decides who of equal size comes first."""
    names = sorted(set(units))
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = Counter(units)
    ranked = {f"{rank:09d}": names[i] for rank, i in enumerate(order)}
    splits = split_by_video({rank: sizes[name] for rank, name in ranked.items()})
    return {ranked[rank]: split for rank, split in splits.items()}
