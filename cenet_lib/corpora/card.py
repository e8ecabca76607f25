"""What to know about a corpus before using it: its card, and what is wrong with it.

This stands at the end of the room's flow: a file has become a `Corpus`, and here it is looked at
before anything is fitted on it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from ..corpus import Corpus
from ..errors import CENetError
from ..store import changed_files, is_store
from ..utterance import SPLITS, STREAMS, Utterance
from .loading import load_corpus
from .recordings import GIVEN, Recordings, as_told, recordings_of

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
    videos, told = recordings_in(corpus)
    lines = [corpus.name, "", *_sizes(corpus, videos), f"recordings: {told}", ""]
    lines += [*_frames(corpus), "", *_histogram(corpus)]
    annotations = sorted({name for utterance in corpus for name in utterance.annotations})
    if annotations:
        lines.append(f"annotations: {', '.join(annotations)}")
    leaks = _leaks(corpus, videos)
    if leaks:
        lines += ["", *(f"WARNING: {leak}" for leak in leaks)]
    if corpus.provenance:
        origin = {name: value for name, value in corpus.provenance.items() if name != "recordings"}
        lines += ["", "Origin", *_nested(origin, "  ")]
    return "\n".join(lines)


def skipped(corpus: Corpus, most: int = 10) -> list[str]:
    """Return lines about the segments that were skipped because they did not fit, if there are any.

    Parameters
    ----------
    corpus : Corpus
    most : int
        How many of them are listed; the provenance has all.

    Examples
    --------
    >>> told = {"number": 1, "what did not fit": ["train segment v1[0]: has no face"]}
    >>> skipped(Corpus("tiny", provenance={"segments_skipped": told}))
    ['tiny: 1 segment does not fit and is skipped:', '  train segment v1[0]: has no face']
    """
    told = corpus.provenance.get("segments_skipped")
    if not isinstance(told, dict):
        return []
    number, listed = told.get("number", 0), list(told.get("what did not fit", []))[:most]
    fit = "segment does not fit and is" if number == 1 else "segments do not fit and are"
    more = [f"  and {number - most} more; data info lists them"] if number > most else []
    return [f"{corpus.name}: {number} {fit} skipped:", *(f"  {line}" for line in listed), *more]


def unlabelled(corpus: Corpus) -> str:
    """Tell how many utterances of each split have no label; ``""`` if all have one.

    Examples
    --------
    >>> one = Utterance("v1[0]", ["so"], np.ones((4, 2)), np.ones((6, 3)))
    >>> unlabelled(Corpus("tiny", test=[one]))
    'without a label: test 1 of 1'
    """
    counts = {
        split: sum(outline.label is None for outline in corpus.outlines(split)) for split in SPLITS
    }
    told = [f"{split} {n} of {len(corpus.splits[split])}" for split, n in counts.items() if n]
    return f"without a label: {', '.join(told)}" if told else ""


def problems(
    source: Corpus | str | Path,
    label_range: tuple[float, float] | None = None,
    *,
    video_from: str | None = None,
) -> list[str]:
    """Return what is wrong with a corpus, or with the file or folder that should be one.

    Parameters
    ----------
    source : Corpus, or what `load_corpus` takes
    label_range, video_from : optional
        As `load_corpus` takes them.

    Returns
    -------
    list of str
        One sentence per problem. If it is empty, the corpus can be trained on: it opens, a stored
        one is as it was written, no split is empty, no recording is in two splits, and every
        segment has a label, frames, and finite values among them.

    Examples
    --------
    >>> problems("no/such/file")  # doctest: +ELLIPSIS
    ["no/such/file: there is no such file or folder; use 'demo', or see ..."]
    >>> one = Utterance("v1[0]", ["so", "good"], np.ones((4, 35)), np.ones((6, 74)))
    >>> problems(Corpus("tiny", test=[one]))[-1]
    "tiny: test: 1 segment without a label, such as 'v1[0]'"
    """
    changed: list[str] = []
    if isinstance(source, Corpus):
        corpus = source
    else:
        try:
            corpus = load_corpus(source, label_range, video_from=video_from)
            changed = changed_files(source) if is_store(source) else []
        except CENetError as error:
            return [str(error)]
    found = [f"the {split} split is empty" for split in SPLITS if not len(corpus.splits[split])]
    found += _leaks(corpus, recordings_in(corpus).names)
    wrong: dict[tuple[str, str], list[str]] = {}
    for split, utterance in corpus.items():
        for fault in _faults(utterance):
            wrong.setdefault((split, fault), []).append(utterance.id)
    for (split, fault), ids in wrong.items():
        count = "1 segment" if len(ids) == 1 else f"{len(ids)} segments"
        found.append(f"{split}: {count} without {fault}, such as {ids[0]!r}")
    return [*changed, *(f"{corpus.name}: {problem}" for problem in found)]


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


def recordings_in(corpus: Corpus) -> Recordings:
    """Return the recording of each utterance, ``""`` if it is unknown, and how it is known.

    A corpus that does not tell how it knows them was put together by hand or stored by an older
    version of this package, which knew two forms of ids only; then the ids are read anew.

    Examples
    --------
    >>> frames = np.ones((1, 1))
    >>> recordings_in(Corpus("tiny", [Utterance("v1-0", ["so"], frames, frames)]))
    Recordings(names=['v1'], rule='as the ids tell: video-clip')
    """
    given = [(utterance.id, utterance.video) for utterance in corpus]
    told = corpus.provenance.get("recordings")
    if isinstance(told, str):
        return Recordings([video for _, video in given], told)
    stored = "format" in corpus.provenance
    doubtful = [id for id, video in given if stored or video in ("", id)]
    names, rule = recordings_of(doubtful)
    read = dict(zip(doubtful, names)) if rule else {}
    told = as_told(rule) if rule or len(doubtful) == len(given) else GIVEN
    return Recordings([read.get(id, video) for id, video in given], told)


def _sizes(corpus: Corpus, videos: Sequence[str]) -> list[str]:
    rows = [("split", "segments", "videos", "words per segment", "labelled", "minutes")]
    remaining = iter(videos)
    for split in SPLITS:
        utterances = corpus.splits[split]
        names = set(islice(remaining, len(utterances))) - {""}
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
                str(len(names)),
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


def _leaks(corpus: Corpus, videos: Sequence[str]) -> list[str]:
    """Tell which recordings are in more than one split."""
    splits: dict[str, set[str]] = {}
    homes = (split for split, utterances in corpus.splits.items() for _ in range(len(utterances)))
    for split, video in zip(homes, videos):
        if video:
            splits.setdefault(video, set()).add(split)
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
            texts = [str(item) for item in value]
            apart = any(len(text) > _BAR for text in texts)  # sentences get a line each
            lines.append(f"{indent}{label}: {'' if apart else ', '.join(texts)}".rstrip())
            lines += [f"{indent}  {text}" for text in texts if apart]
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
