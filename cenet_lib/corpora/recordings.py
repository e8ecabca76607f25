"""Which recording each segment was cut from, as the ids of a whole data set tell.

Splits must not share a recording, or a model knows the people of the test from its training. Most
files do not name recordings; the ids of their segments do, each data set's in its own way:
``video[3]``, ``video$_$3``, ``video_3``, ``video-3``, ``video_1.5_4.2`` and more. One id alone does
not tell, for a name of a video may end in ``-3`` itself. So a *rule* is looked for that fits the
ids of the whole data set.

The `Collector` asks here when all segments are there, and the card of a corpus tells which rule was
found. A user's own rule goes before it: a regular expression, ``--video-from`` on the command line.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..errors import CENetError

UNKNOWN = "unknown: the ids do not name them, --video-from REGEX can say how to read them"
GIVEN = "as the file names them"
_LONGEST = 200  # characters of an id that anything is read out of
_MANY = 100  # segments; so many of one single recording are a data set that is called so

_PART = "clip|segment|seg|utterance|utt|sentence|sent|part|shot|scene|chunk|turn"
_CLIP = rf"(?:(?:{_PART})[\W_]?|[^\W\d_])?\d+(?:\.\d+)?"  # 3, clip3, seg_12, F000, 12.5
_TIME = r"(\d+(?::\d+){0,2}(?:[.,]\d+)?)"  # 3, 3.5, 3,5, 0:01:03.5
_INSIDE = rf"(?:{_CLIP}|\d[\d\s.,:;–-]*)"  # brackets: a clip, or when it begins and ends
_MEDIA = r"\.(?:mp4|avi|mkv|mov|webm|flv|wav|mp3|m4a|flac|ogg|npy|npz|csv|json|txt|pt)"
_SPLIT = r"(?:train|dev|valid|val|test)[\W_]+"
# What stands before a number without being the name of a recording.
_NO_NAME = re.compile(
    rf"(?:{_PART}|sample|example|instance|item|row|line|text|data|entry|case|id|idx|index|no|nr|num|"
    r"number|video|train|dev|valid|val|test|mosi|mosei|ch-?sims|sims|meld|iemocap|[sunixt])?",
    re.IGNORECASE,
)
_PLAIN = {  # the rules that cannot be mistaken
    "video$_$clip": r"(.+)\$_\$.*",
    "video[clip]": r"(.+?)(?:\s*\[[^\[\]]*\])+",
    "video(clip)": rf"(.+?)(?:\s*\({_INSIDE}\))+",
    "video{clip}": rf"(.+?)(?:\s*\{{{_INSIDE}\}})+",
    "video<clip>": rf"(.+?)(?:\s*<{_INSIDE}>)+",
}


class Recordings(NamedTuple):
    """The recording of each id, and how it was found.

    Attributes
    ----------
    names : list of str
        In the order of the ids; an id that names no recording stands for itself.
    rule : str
        The rule in words, such as ``"video[clip]"``; empty if none fits.

    Examples
    --------
    >>> Recordings(["abc"], "video-clip").rule
    'video-clip'
    """

    names: list[str]
    rule: str


def as_told(rule: str) -> str:
    """Return what a corpus says of its recordings, for a rule that fits its ids, or for none.

    Examples
    --------
    >>> as_told("video[clip]")
    'as the ids tell: video[clip]'
    """
    return f"as the ids tell: {rule}" if rule else UNKNOWN


def recordings_of(
    ids: Sequence[str], video_from: str | None = None, where: str = "the ids"
) -> Recordings:
    """Return the recording that each segment of a data set was cut from.

    Parameters
    ----------
    ids : sequence of str
        The ids of the whole data set: a rule is taken if it fits at least half of them, and those
        that are left may follow another one.
    video_from : str, optional
        A rule of one's own: a regular expression that is searched for in each id. What it finds is
        the recording; or what its first group finds, if it has one.
    where : str
        The file or folder, for an error message.

    Raises
    ------
    CENetError
        If it is no regular expression, or finds nothing in one of the ids.

    Examples
    --------
    >>> recordings_of(["03bSnISJMiM-1", "03bSnISJMiM-2", "_dI--eQ6q-7-1"])
    Recordings(names=['03bSnISJMiM', '03bSnISJMiM', '_dI--eQ6q-7'], rule='video-clip')
    >>> recordings_of(["03bSnISJMiM", "_dI--eQ6q-7", "WKA5OygbEKI"]).rule
    ''
    >>> recordings_of(["s03.mia.1", "s03.tom.2"], video_from="^[^.]+").names
    ['s03', 's03']
    """
    if video_from is not None:
        return Recordings(_found_by(video_from, ids, where), f"found by {video_from}")
    names = {id: id for id in ids}
    left = {id: _cleaned(id) for id in ids if len(id) <= _LONGEST}
    rules: dict[str, int] = {}
    while left and (found := _best_rule(left)):
        rule, fitting = found
        if rules and len(fitting) == 1:
            break  # what is left follows no rule, and may end in a number by chance
        rules[rule] = len(fitting)
        names |= fitting
        left = {id: text for id, text in left.items() if id not in fitting}
    return Recordings([names[id] for id in ids], _in_words(rules, len(names)))


def _in_words(rules: dict[str, int], n: int) -> str:
    """Return the rules with the number of ids that each fits, unless one fits all n."""
    if sum(rules.values()) == n and len(rules) == 1:
        return next(iter(rules))
    told = [f"{rule} ({fitting})" for rule, fitting in rules.items()]
    if rules and sum(rules.values()) < n:
        told.append(f"none ({n - sum(rules.values())})")
    return ", ".join(told)


def _found_by(video_from: str, ids: Sequence[str], where: str) -> list[str]:
    try:
        pattern = re.compile(video_from)
    except (re.error, RecursionError, OverflowError) as error:
        raise CENetError(
            f"video_from {video_from!r} is no regular expression ({error}); correct it"
        ) from error
    names = []
    for id in ids:
        found = pattern.search(id)
        name = found[min(pattern.groups, 1)] if found else None
        if not name:
            raise CENetError(
                f"{where}: segment {id}: video_from {video_from!r} finds no recording in its id; "
                "give a regular expression that fits every id"
            )
        names.append(name)
    return names


def _cleaned(id: str) -> str:
    """Return an id without what says nothing about the recording: spaces, a file's endings, quotes.

    Quotes are left by scripts that made a text of bytes: ``str(b"v1[0]")`` is ``b'v1[0]'``.
    """
    quoted = re.fullmatch(r"b?(['\"])(.+)\1", id.strip(), re.DOTALL)
    plain = quoted[2].strip() if quoted else id.strip()
    return re.sub(rf"(?:{_MEDIA})+$", "", plain, flags=re.IGNORECASE)


def _best_rule(texts: dict[str, str]) -> tuple[str, dict[str, str]] | None:
    """Return the first rule that fits at least half of the ids, with the recordings that it finds.

    Rules that cannot be mistaken come first.
    """
    for rule, pattern in _PLAIN.items():
        fitting = _read(texts, pattern)
        if fitting and len(fitting) * 2 >= len(texts):
            return rule, _without_split(fitting)
    for rule, fitting in _readings(texts):
        if fitting and len(fitting) * 2 >= len(texts) and _are_recordings(fitting):
            return rule, _without_split(fitting)
    return None


def _readings(texts: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each rule that can be mistaken with what it reads out of the ids that it fits."""
    yield "video_start_end", _with_times(texts)
    yield from _with_separator(texts)
    yield "clip_video", _read(texts, rf"{_CLIP}[\W_](.+)")
    yield "video and clip without a separator", _without_separator(texts)


def _read(texts: dict[str, str], pattern: str) -> dict[str, str]:
    """Return what a pattern's one group finds in those that it fits as a whole."""
    compiled = re.compile(pattern, re.DOTALL | re.IGNORECASE)
    found = {id: compiled.fullmatch(text) for id, text in texts.items()}
    return {id: match[1] for id, match in found.items() if match}


def _with_times(texts: dict[str, str]) -> dict[str, str]:
    """Return the recordings of ids that end in two times, if those are times and no numbers.

    With few exceptions, segments end after they begin, and no two of a recording begin at the same
    time.
    """
    pattern = re.compile(rf"(.+?)[\W_]{_TIME}[\W_]+{_TIME}", re.DOTALL)
    found = {id: match for id, text in texts.items() if (match := pattern.fullmatch(text))}
    begins = {(match[1], _seconds(match[2])) for match in found.values()}
    backward = sum(_seconds(match[2]) >= _seconds(match[3]) for match in found.values())
    odd = backward + len(found) - len(begins)
    return {id: match[1] for id, match in found.items()} if odd * 20 <= len(found) else {}


def _seconds(time: str) -> float:
    """Return the seconds of a time such as ``3.5``, ``3,5`` or ``0:01:03.5``."""
    seconds = 0.0
    for part in time.replace(",", ".").split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _with_separator(texts: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rule of each separator between video and number, the one that fits most first.

    Of those that fit equally many, the one that makes fewer recordings comes first, and of those
    the longest: ``video_12.54`` holds a time, and of ``video__3`` no video is called ``video_``.
    """
    separators: Counter[str] = Counter()
    for text in texts.values():
        for found in re.finditer(rf"(?=([\W_]+){_CLIP}$)", text, re.IGNORECASE):
            separators.update(_tails(found[1]))
    read = {s: _read(texts, rf"(.+){re.escape(s)}{_CLIP}") for s in separators if s}
    order = sorted(read, key=lambda s: (-len(read[s]), len(set(read[s].values())), -len(s), s))
    for separator in order:
        names = {id: _without_part(name) for id, name in read[separator].items()}
        yield f"video{separator}clip", names


def _tails(text: str) -> set[str]:
    return {text[start:] for start in range(len(text))}


def _without_part(name: str) -> str:
    """Return ``video`` for the ``video_clip`` of ``video_clip_3``."""
    return re.sub(rf"(?<=.)[\W_](?:{_PART})$", "", name, flags=re.IGNORECASE)


def _without_separator(texts: dict[str, str]) -> dict[str, str]:
    """Return the recordings of ids such as ``v1s3`` and, of YouTube's 11 signs, ``03bSnISJMiM12``.

    A word with a running number, such as ``segment00012``, is none of them.
    """
    fitting = _read(texts, rf"(.*\d)(?:{_PART}|[^\W\d_])\d+") | _read(
        {id: text for id, text in texts.items() if not re.fullmatch(r"[^\W\d_]*\d+", text)},
        r"([\w-]{11})\d{1,4}",
    )
    return fitting if len(set(fitting.values())) < len(fitting) else {}


def _are_recordings(fitting: dict[str, str]) -> bool:
    """Tell names of recordings from words that stand before a running number."""
    names = {re.sub(rf"^{_SPLIT}", "", name, flags=re.IGNORECASE) for name in fitting.values()}
    if all(_NO_NAME.fullmatch(name.strip(" _-./")) for name in names):
        return False
    return len(names) > 1 or len(fitting) <= _MANY


def _without_split(fitting: dict[str, str]) -> dict[str, str]:
    """Return ``v1`` for ``train/v1`` and ``test/v1``, if all names begin so: they are the same."""
    if not all(re.match(_SPLIT, name, re.IGNORECASE) for name in fitting.values()):
        return fitting
    return {
        id: re.sub(rf"^{_SPLIT}", "", name, flags=re.IGNORECASE) for id, name in fitting.items()
    }
