"""What to know about a corpus before using it: its card, and what is wrong with it.

This stands at the end of the room's flow: a file has become a `Corpus`, and here it is looked at
before anything is fitted on it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..utterance import SPLITS, STREAMS, Utterance
from .loading import load_corpus

_BAR = 40  # characters


def describe(corpus: Corpus) -> str:
    """Return the card of a corpus: sizes, lengths, labels, clean-ups, leaks and origin.

    Every frame is read once for it.

    Examples
    --------
    >>> one = Utterance("v1[0]", ["so", "good"], np.ones((4, 35)), np.ones((6, 74)), 1.8, "v1")
    >>> print(describe(Corpus("tiny", [one])))  # doctest: +ELLIPSIS
    tiny
    <BLANKLINE>
    split  segments  videos  words per segment  labelled  minutes
    train  1         1       2 (2 to 2)         1         unknown
    valid  0         0       none               0         unknown
    test   0         0       none               0         unknown
    ...
    """
    lines = [corpus.name, "", *_sizes(corpus), "", *_frames(corpus), "", *_histogram(corpus)]
    leaks = _leaks(corpus)
    if leaks:
        lines += ["", *(f"WARNING: {leak}" for leak in leaks)]
    if corpus.provenance:
        lines += ["", "Origin", *_nested(corpus.provenance, "  ")]
    return "\n".join(lines)


def problems(source: Corpus | str | Path) -> list[str]:
    """Return what is wrong with a corpus, or with the file or folder that should be one.

    Parameters
    ----------
    source : Corpus, or what `load_corpus` takes

    Returns
    -------
    list of str
        One sentence per problem. If it is empty, the corpus can be trained on: it opens, no split
        is empty, no recording is in two splits, and every segment has a label, frames, and finite
        values among them.

    Examples
    --------
    >>> problems("no/such/file")  # doctest: +ELLIPSIS
    ["no/such/file: there is no such file or folder; use 'demo', or see ..."]
    >>> one = Utterance("v1[0]", ["so", "good"], np.ones((4, 35)), np.ones((6, 74)))
    >>> problems(Corpus("tiny", test=[one]))[-1]
    "tiny: test: 1 segment without a label, such as 'v1[0]'"
    """
    if isinstance(source, Corpus):
        corpus = source
    else:
        try:
            corpus = load_corpus(source)
        except CENetError as error:
            return [str(error)]
    found = [f"the {split} split is empty" for split in SPLITS if not len(corpus.splits[split])]
    found += _leaks(corpus)
    wrong: dict[tuple[str, str], list[str]] = {}
    for split, utterance in corpus.items():
        for fault in _faults(utterance):
            wrong.setdefault((split, fault), []).append(utterance.id)
    for (split, fault), ids in wrong.items():
        count = "1 segment" if len(ids) == 1 else f"{len(ids)} segments"
        found.append(f"{split}: {count} without {fault}, such as {ids[0]!r}")
    return [f"{corpus.name}: {problem}" for problem in found]


def _faults(utterance: Utterance) -> list[str]:
    """Return what an utterance lacks."""
    faults = [] if utterance.label is not None else ["a label"]
    if not any(len(utterance.frames(stream)) for stream in STREAMS):
        faults.append("any frames")
    for stream in STREAMS:
        frames = utterance.frames(stream)
        if len(frames) and not np.isfinite(frames).any():
            faults.append(f"any finite {stream} value")
    return faults


def _sizes(corpus: Corpus) -> list[str]:
    rows = [("split", "segments", "videos", "words per segment", "labelled", "minutes")]
    for split in SPLITS:
        utterances = corpus.splits[split]
        words = [len(u.words) for u in utterances]
        seconds = [
            float(u.annotations["end_seconds"]) - float(u.annotations["start_seconds"])
            for u in utterances
            if "end_seconds" in u.annotations
        ]
        rows.append(
            (
                split,
                str(len(utterances)),
                str(len({u.video for u in utterances if u.video})),
                _spread(words),
                str(sum(u.label is not None for u in utterances)),
                f"{sum(seconds) / 60:.1f}" if seconds else "unknown",
            )
        )
    return _table(rows)


def _frames(corpus: Corpus) -> list[str]:
    head = "stream, features, frames, frames per segment, segments without, padding removed"
    rows = [(*head.split(", "), "not finite")]
    for stream in STREAMS:
        lengths, not_finite = [], 0
        for utterance in corpus:
            frames = utterance.frames(stream)
            lengths.append(len(frames))
            not_finite += int(frames.size - np.isfinite(frames).sum())
        kept, width = sum(lengths), corpus.width(stream)
        removed = corpus.provenance.get("padding_removed", {}).get(stream)
        rows.append(
            (
                stream,
                str(width),
                str(kept),
                _spread(lengths),
                str(lengths.count(0)),
                "unknown" if removed is None else _share(removed, removed + kept),
                f"{not_finite} ({_share(not_finite, kept * width)})",
            )
        )
    return _table(rows)


def _histogram(corpus: Corpus) -> list[str]:
    """Return one line per class of Acc-7 where labels lie in [-3, 3], else per seventh of them."""
    low, high = corpus.label_range
    labels = np.array([u.label for u in corpus if u.label is not None])
    if not len(labels):
        return ["labels: none"]
    if (low, high) == (-3, 3):
        names = [f"{value:+d}" for value in range(-3, 4)]
        counts = [int((np.round(labels) == value).sum()) for value in range(-3, 4)]
    else:
        found, edges = np.histogram(labels, bins=7, range=(low, high))
        names = [f"{a:+.2f} to {b:+.2f}" for a, b in pairwise(edges)]
        counts = found.tolist()
    bars = ["#" * round(_BAR * count / max(counts)) for count in counts]
    return [
        f"labels from {low:g} to {high:g}: mean {labels.mean():+.3f}, "
        f"standard deviation {labels.std():.3f}",
        *_table([(f"  {n}", f"{c:6d}", bar) for n, c, bar in zip(names, counts, bars)]),
    ]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows with their columns one below the other."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]


def _leaks(corpus: Corpus) -> list[str]:
    """Tell which recordings are in more than one split."""
    splits: dict[str, set[str]] = {}
    for split, utterance in corpus.items():
        if utterance.video:
            splits.setdefault(utterance.video, set()).add(split)
    pairs = Counter(tuple(s for s in SPLITS if s in found) for found in splits.values())
    return [
        f"{count} recording{'s are' if count > 1 else ' is'} in {' and '.join(pair)}, such as "
        f"{min(video for video, found in splits.items() if set(pair) == found)!r}: "
        "a model can know people of the test from its training"
        for pair, count in pairs.items()
        if len(pair) > 1
    ]


def _nested(values: Mapping[str, object], indent: str) -> list[str]:
    """Return a line per value, further in for each mapping that it stands in."""
    lines = []
    for name, value in values.items():
        label = str(name).replace("_", " ")
        if isinstance(value, dict):
            lines += [f"{indent}{label}", *_nested(value, indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{label}: {', '.join(map(str, value))}")
        else:
            lines.append(f"{indent}{label}: {value}")
    return lines


def _spread(lengths: list[int]) -> str:
    """Return the median, the least and the greatest."""
    if not lengths:
        return "none"
    return f"{np.median(lengths):.0f} ({min(lengths)} to {max(lengths)})"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0 %"
