"""Several corpora become one: those of the groups of a class, say, made with one extractor.

A corpus that is read from disk stays there: what is put together are the sequences of utterances.
"""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from ..corpus import Corpus
from ..errors import CENetError
from ..utterance import SPLITS, STREAMS, Utterance


def merge(name: str, corpora: Sequence[Corpus]) -> Corpus:
    """Return one corpus of the utterances of several, split by split.

    Parameters
    ----------
    name : str
        Of the new corpus.
    corpora : sequence of Corpus
        At least two.

    Raises
    ------
    CENetError
        If they are fewer, have other channels or another label range than the first, or an id
        occurs in two of them.

    Examples
    --------
    >>> import numpy as np
    >>> def corpus(id):
    ...     one = Utterance(id, ["so"], np.ones((4, 2)), np.ones((6, 3)))
    ...     return Corpus(id, [one], visual_names=["smile", "frown"])
    >>> merge("class", [corpus("anna"), corpus("ben")])
    Corpus('class': train 2, valid 0, test 0; features: visual 2, acoustic 3)
    """
    if len(corpora) < 2:
        raise CENetError("to merge takes two corpora or more; give their folders, then the new one")
    first = corpora[0]
    for other in corpora[1:]:
        _check_alike(first, other)
    _check_ids(corpora)
    return Corpus(
        name,
        **{split: _Joined([corpus.splits[split] for corpus in corpora]) for split in SPLITS},
        visual_names=_names(corpora, "visual"),
        acoustic_names=_names(corpora, "acoustic"),
        label_range=first.label_range,
        provenance=_provenance(corpora),
    )


def _check_alike(first: Corpus, other: Corpus) -> None:
    """Raise an error unless two corpora have the same channels and label range."""
    for stream in STREAMS:
        ours, theirs = (corpus.feature_names[stream] for corpus in (first, other))
        widths = first.width(stream), other.width(stream)
        if 0 not in widths and widths[0] != widths[1]:
            raise CENetError(
                f"{other.name}: has {widths[1]} {stream} channels, and {first.name} has "
                f"{widths[0]}; only corpora of the same channels can be merged"
            )
        if ours is not None and theirs is not None and ours != theirs:
            mine, its = next((a, b) for a, b in zip(ours, theirs) if a != b)
            raise CENetError(
                f"{other.name}: has the {stream} channel {its!r} where {first.name} has {mine!r}; "
                "only corpora of the same channels can be merged"
            )
    if first.label_range != other.label_range:
        low, high = other.label_range
        raise CENetError(
            f"{other.name}: has labels from {low:g} to {high:g}, and {first.name} from "
            f"{first.label_range[0]:g} to {first.label_range[1]:g}; make one anew with the "
            "--label-range of the other"
        )


def _check_ids(corpora: Sequence[Corpus]) -> None:
    seen: dict[str, str] = {}
    for corpus in corpora:
        here = {outline.id for split in SPLITS for outline in corpus.outlines(split)}
        for id in sorted(here & seen.keys()):
            raise CENetError(
                f"{corpus.name}: has a segment {id}, and so has {seen[id]}; rename one, or leave "
                "one corpus out if they hold the same"
            )
        seen |= dict.fromkeys(here, corpus.name)


def _names(corpora: Sequence[Corpus], stream: str) -> tuple[str, ...] | None:
    """Return the names of a stream's channels, which one corpus may know and another not."""
    known = (corpus.feature_names[stream] for corpus in corpora)
    return next((names for names in known if names is not None), None)


def _provenance(corpora: Sequence[Corpus]) -> dict[str, Any]:
    """Return where all come from; what they share stands alone as well."""
    kept: dict[str, Any] = {"format": "merged", "recordings": "as each of the corpora tells"}
    for name in ("extractor", "recordings"):
        values = [corpus.provenance.get(name) for corpus in corpora]
        if values[0] is not None and all(value == values[0] for value in values):
            kept[name] = values[0]
    kept["merged"] = [{"name": corpus.name, **corpus.provenance} for corpus in corpora]
    return kept


class _Joined(Sequence[Utterance]):
    """Sequences one behind the other."""

    def __init__(self, parts: Sequence[Sequence[Utterance]]):
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[Utterance]:
        return (utterance for part in self._parts for utterance in part)

    @overload
    def __getitem__(self, index: int) -> Utterance: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Utterance]: ...

    def __getitem__(self, index: int | slice) -> Utterance | Sequence[Utterance]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        for part in self._parts:
            if 0 <= place < len(part):
                return part[place]
            place -= len(part)
        raise IndexError(index)
