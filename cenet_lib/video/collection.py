"""Many films become a corpus: one clip after another or several at a time, and never one twice.

Each clip that is done is kept in the folder ``DEST.partial`` beside the corpus that is to be, under
a name that stands for the film's content, the part of it, the extractor, its version and settings.
So work that was stopped or killed goes on where it was, and a corrected label or word costs no
second look at the film. The folder goes when all clips are done.

`cenet_lib.video.clips` says which clips there are, `cenet_lib.video.extract` looks at one,
`cenet_lib.video.kept` keeps what came of it, and `cenet_lib.jobs` hands them out.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from ..corpus import Corpus
from ..errors import CENetError
from ..files import refuse_existing, remove_leftovers, sha256
from ..jobs import run_each
from ..progress import Progress, bar
from ..utterance import SPLITS, Utterance
from .clip import Clip, Clips
from .extract import extractor, utterance_from_video, words_of_text
from .face import VISUAL_CHANNELS, FaceLandmarker
from .kept import Extract, KeptClips, keep_clip, read_kept, text_of
from .splits import with_splits
from .voice import check_voice, voice_channels

_KEPT = 1  # version of the files of clips that are done
_CLIPPED, _SILENT = 0.001, 0.5  # shares of the sound from which on it is said


class Report(NamedTuple):
    """What became of a clip.

    Attributes
    ----------
    id : str
    ok : bool
    told : str
        What was wrong and what to do; or, of one that is well, what is to be known about it.

    Examples
    --------
    >>> print(Report("glad", True, ""))
    glad: ok
    """

    id: str
    ok: bool
    told: str

    def __str__(self) -> str:
        return f"{self.id}: " + (
            "; ".join(filter(None, ["ok", self.told])) if self.ok else self.told
        )


class Collection(NamedTuple):
    """What was made of films.

    Attributes
    ----------
    corpus : Corpus or None
        The utterances of all clips that are well; ``None`` if none is.
    reports : list of Report
        One per clip, in the order of the table.
    splits : str
        How the clips were dealt out.

    Examples
    --------
    >>> Collection(None, [Report("glad", False, "is missing")], "").failed
    1
    """

    corpus: Corpus | None
    reports: list[Report]
    splits: str

    @property
    def failed(self) -> int:
        """The number of clips of which nothing was made."""
        return sum(not report.ok for report in self.reports)


@cache
def _nets() -> FaceLandmarker:
    """Return what finds faces, once per process."""
    return FaceLandmarker()


def look_at(path: Path, words: Sequence[str], label: float | None, **options: Any) -> Utterance:
    """Return what `cenet_lib.video.extract.utterance_from_video` does, for many films in a row.

    Examples
    --------
    >>> look_at(Path("no/such/film.mp4"), ["How", "nice"], None)
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/film.mp4: there is no such file
    """
    return utterance_from_video(path, words, label, landmarker=_nets(), **options)


def one_clip(
    path: Path,
    text: str | None,
    *,
    start: float | None = None,
    end: float | None = None,
    voice: str = "librosa",
    check: Callable[[Corpus], None] = lambda corpus: None,
    shown: bool = False,
    extract: Extract = utterance_from_video,
) -> Corpus:
    """Return a corpus of one film, in its test split, to predict on or to look into.

    Parameters
    ----------
    path : Path
    text : str or None
        What is said; ``None`` lets Whisper write it down.
    start, end : float, optional
        The part of the film that is meant, in seconds.
    voice : str
        Who describes the voice, see `cenet_lib.video.voice.voice_features`.
    check : callable
        It is shown the corpus while it is still empty, and may refuse its channels before the work.
    shown : bool
        Whether to show a progress bar.
    extract : callable
        What makes an utterance of a clip.

    Raises
    ------
    CENetError
        If the text is empty, or the film cannot be used.

    Examples
    --------
    >>> one_clip(Path("no/such/film.mp4"), "How nice!")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/film.mp4: there is no such file
    """
    if text is not None and not words_of_text(text):
        raise CENetError(f"{path}: the text holds no words; give what is said")
    names: dict[str, Any] = {
        "visual_names": VISUAL_CHANNELS,
        "acoustic_names": voice_channels(voice),
        "provenance": {"format": "films", "extractor": extractor(voice)},
    }
    check(Corpus(path.stem, **names))
    if text is None:
        from .transcription import transcribe_film  # heavy: torch and transformers

        text = transcribe_film(path, start, end)
    words = words_of_text(text)
    one = extract(path, words, start=start, end=end, voice=voice, shown=shown)
    return Corpus(path.stem, test=[one], label_range=(-3.0, 3.0), **names)


def collect(
    found: Clips,
    destination: str | Path,
    *,
    label_range: tuple[float, float] = (-3.0, 3.0),
    voice: str = "librosa",
    seed: int = 0,
    n_jobs: int = 1,
    dask: str | None = None,
    extract: Extract = look_at,
) -> Collection:
    """Look at each clip, and write a corpus of those that are well.

    Parameters
    ----------
    found : Clips
        What `cenet_lib.video.clips.read_clips` found. Whisper writes down what is said in those
        that have no text and need not have any.
    destination : str or Path
        A new folder. Nothing is written there unless a clip is well.
    label_range : (float, float)
    voice : str
        Who describes the voice, see `cenet_lib.video.voice.voice_features`.
    seed : int
        Of the splits, if the table has none.
    n_jobs, dask
        Who does the work, as in `cenet_lib.jobs.run_each`. The corpus is the same whoever does.
    extract : callable
        What makes an utterance of a clip.

    Raises
    ------
    CENetError
        If the folder exists, or another process is making it, or a library is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> def stand_in(path, words, label, **options):
    ...     return Utterance(options["id"], words, np.ones((3, 54)), np.ones((9, 37)), label)
    >>> import tempfile
    >>> from cenet_lib.video.clips import read_clips
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "glad.mp4").write_bytes(b"a film")
    ...     _ = Path(folder, "glad.txt").write_text("How nice!")
    ...     made = collect(read_clips(folder), Path(folder, "mine"), extract=stand_in)
    ...     made.corpus.train[0].words, made.failed
    (('How', 'nice', '!'), 0)
    """
    destination = Path(destination).absolute()
    refuse_existing(destination)
    check_voice(voice)
    by_whom = extractor(voice)
    _fetch(found.clips, extract)
    with _partial(destination) as folder:
        clips, keys = _identified(found.clips, by_whom)
        work = partial(keep_clip, folder, extract, voice)
        errors = _errors(work, clips, keys, n_jobs, dask)
        reports = _reports(clips, folder, keys, errors)
        dealt, told = _dealt(clips, keys, errors, seed)
        corpus = Corpus(
            destination.name,
            **{split: KeptClips(folder, rows) for split, rows in dealt.items()},
            visual_names=VISUAL_CHANNELS,
            acoustic_names=voice_channels(voice),
            label_range=label_range,
            provenance=_provenance(found, reports, told, by_whom),
        )
        if len(corpus):
            corpus.save(destination)
        made = Collection(Corpus.load(destination) if len(corpus) else None, reports, told)
        for kept in [] if made.failed else list(folder.glob("*.*")):
            if not kept.name.startswith("."):  # as the lock does
                kept.unlink()
    return made


def _fetch(clips: Sequence[Clip], extract: Extract) -> None:
    """Fetch what the work needs, once, before several processes do."""
    if extract is look_at:
        _nets()
    if any(not clip.text and not clip.problem for clip in clips):
        from .transcription import fetch_whisper  # heavy: torch and transformers

        fetch_whisper()


@contextmanager
def _partial(destination: Path) -> Iterator[Path]:
    """Hold the folder of the clips that are done against a second process."""
    folder = destination.with_name(destination.name + ".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise CENetError(
            f"{destination}: another process is making this corpus; wait for it, or choose another "
            "folder"
        ) from None
    except (OSError, NotImplementedError) as error:  # the latter from disks without locks
        raise CENetError(
            f"{folder}: cannot be written to ({error}); choose a folder that you may write to"
        ) from error
    try:
        remove_leftovers(folder)
        yield folder
    finally:
        lock.release()
        (folder / ".lock").unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _identified(clips: Sequence[Clip], by_whom: Mapping[str, Any]) -> tuple[list[Clip], list[str]]:
    """Return the clips, and the name under which each is kept; empty for one with a problem.

    A film that is there under two names is found here, by its content.
    """
    contents: dict[Path, str] = {}
    seen: dict[str, str] = {}
    result, keys = [], []
    for clip in bar(clips, "read"):
        key = ""
        if not clip.problem:
            path = clip.path.resolve()
            try:
                contents[path] = contents.get(path) or sha256(path)
                what = [_KEPT, contents[path], clip.start, clip.end, by_whom]
                key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]
            except OSError as error:
                clip = clip._replace(problem=f"cannot be read: {error.strerror or error}")
        if key and seen.setdefault(key, clip.id) != clip.id:
            problem = f"is the same film as {seen[key]} under another name; remove one"
            clip, key = clip._replace(problem=problem), ""
        result.append(clip)
        keys.append(key)
    return result, keys


def _errors(
    work: Callable[[tuple[Clip, str]], None],
    clips: Sequence[Clip],
    keys: Sequence[str],
    n_jobs: int,
    dask: str | None,
) -> list[str]:
    """Look at each clip that has no problem; return what was wrong with each."""
    errors = [clip.problem for clip in clips]
    rows = [row for row, clip in enumerate(clips) if not clip.problem]
    things = [(clips[row]._replace(path=clips[row].path.absolute()), keys[row]) for row in rows]
    with Progress(0, len(things), every=10.0, name="films", unit="clip") as progress:
        for row, outcome in zip(rows, run_each(work, things, n_jobs=n_jobs, dask=dask)):
            errors[row] = outcome.error.removeprefix(f"{outcome.thing[0].path}: ")
            progress.step()
    return errors


def remarks(utterance: Utterance) -> str:
    """Say what is to be known about a clip that is well; ``""`` if there is nothing.

    Examples
    --------
    >>> import numpy as np
    >>> told = {"pictures": 75.0, "pictures_without_face": 8.0}
    >>> remarks(Utterance("glad", ["so"], np.ones((67, 54)), np.ones((300, 37)), annotations=told))
    'no face in 8 of 75 frames; come closer or add light'
    """
    told: dict[str, float] = defaultdict(float)
    told |= {n: v for n, v in utterance.annotations.items() if isinstance(v, float | int)}
    n, without, others = (
        int(told[f"pictures{what}"]) for what in ("", "_without_face", "_with_other_faces")
    )
    lines = []
    if without:
        mend = "; come closer or add light" if without * 10 > n else ""
        lines.append(f"no face in {without} of {n} frames{mend}")
    if others:
        lines.append(f"another face in {others} of {n} frames; the larger one counts")
    if told["voice_clipped"] > _CLIPPED:
        share = f"{told['voice_clipped']:.1%}"
        lines.append(f"{share} of the sound is clipped; move the microphone away")
    if told["voice_silent"] > _SILENT:
        mend = "; is the microphone on?" * (told["voice_silent"] == 1)
        lines.append(f"silent for {told['voice_silent']:.0%} of the time{mend}")
    if damaged := int(told["damaged_packets"]):
        places = "1 place" if damaged == 1 else f"{damaged} places"
        lines.append(f"damaged in {places}; play it to the end: is all of it there?")
    return "; ".join(lines)


def _reports(
    clips: Sequence[Clip], folder: Path, keys: Sequence[str], errors: Sequence[str]
) -> list[Report]:
    reports = []
    for clip, key, error in zip(clips, keys, errors, strict=True):
        told = [error]
        if not error:
            words = "" if clip.text else f'Whisper heard "{text_of(clip, folder, key)}"'
            told = [words, remarks(read_kept(folder / f"{key}.npz", clip.id))]
        reports.append(Report(clip.id, not error, "; ".join(filter(None, told))))
    return reports


def _dealt(
    clips: Sequence[Clip], keys: Sequence[str], errors: Sequence[str], seed: int
) -> tuple[dict[str, list[tuple[Clip, str]]], str]:
    """Return the clips that are well with their keys, by split, and how they were dealt out."""
    well = [row for row, error in enumerate(errors) if not error]
    done, told = with_splits([clips[row] for row in well], seed)
    dealt: dict[str, list[tuple[Clip, str]]] = {split: [] for split in SPLITS}
    for clip, row in zip(done, well, strict=True):
        dealt[clip.split].append((clip, keys[row]))
    return dealt, told


def _provenance(
    found: Clips, reports: Sequence[Report], told: str, by_whom: Mapping[str, Any]
) -> dict[str, Any]:
    """Return where a corpus of films comes from; no path of this machine is in it."""
    provenance: dict[str, Any] = {
        "format": "films",
        "clips": found.source,
        "splits": told,
        "recordings": "the speakers, or the films where no speaker is named",
        "extractor": dict(by_whom),
    }
    bad = [str(report) for report in reports if not report.ok]
    if bad:
        provenance["clips_left_out"] = bad
    written = [clip.id for clip in found.clips if not clip.text and not clip.problem]
    if written:
        provenance["words_by_whisper"] = written
    return provenance
