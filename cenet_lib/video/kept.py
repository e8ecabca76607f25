"""What was made of each clip, kept in a file of its own until a corpus is made of all.

A file is called by a key that stands for the film's content, the part of it and the extractor, so a
clip is looked at once. Words, labels and speakers are those of the table, whenever that was read.
"""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..errors import CENetError
from ..files import atomic_file, read_json, write_json
from ..utterance import STREAMS, Annotation, Utterance
from .clip import Clip
from .extract import words_of_text

Extract = Callable[..., Utterance]
_TOLD = "annotation."


def keep_clip(folder: Path, extract: Extract, voice: str, thing: tuple[Clip, str]) -> None:
    """Look at one clip, unless it was looked at before, and keep what came of it.

    Parameters
    ----------
    folder : Path
    extract : callable
        What makes an utterance of a clip, as `cenet_lib.video.extract.utterance_from_video`.
    voice : str
    thing : (Clip, str)
        A clip, and the key under which it is kept.

    Examples
    --------
    >>> import tempfile
    >>> def stand_in(path, words, label, **options):
    ...     return Utterance(options["id"], words, np.ones((3, 54)), np.ones((9, 37)), label)
    >>> glad = Clip("glad", "glad.mp4", Path("glad.mp4"), "How nice!", label=2.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep_clip(Path(folder), stand_in, "librosa", (glad, "a1b2"))
    ...     KeptClips(Path(folder), [(glad, "a1b2")])[0].words
    ('How', 'nice', '!')
    """
    clip, key = thing
    if not clip.text and not (folder / f"{key}.json").is_file():
        from .transcription import transcribe_film  # heavy: torch and transformers

        text = transcribe_film(clip.path, clip.start, clip.end)
        write_json(folder / f"{key}.json", {"text": text})
    if (folder / f"{key}.npz").is_file():
        return
    words = words_of_text(text_of(clip, folder, key))
    utterance = extract(
        clip.path,
        words,
        clip.label,
        start=clip.start,
        end=clip.end,
        id=clip.id,
        video=clip.recording,
        voice=voice,
    )
    arrays: dict[str, Any] = {stream: utterance.frames(stream) for stream in STREAMS}
    told: dict[str, Any] = {
        _TOLD + name: np.asarray(v) for name, v in utterance.annotations.items()
    }
    with atomic_file(folder / f"{key}.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays, **told)


def text_of(clip: Clip, folder: Path, key: str) -> str:
    """Return what is said in a clip: as its table has it, or as it was written down.

    Examples
    --------
    >>> text_of(Clip("glad", "glad.mp4", Path("glad.mp4"), "How nice!"), Path("mine.partial"), "")
    'How nice!'
    """
    if clip.text:
        return clip.text
    return str(read_json(folder / f"{key}.json", "run the command again")["text"])


class KeptClips(Sequence[Utterance]):
    """The utterances of clips that are done, each read when it is asked for.

    Parameters
    ----------
    folder : Path
    rows : sequence of (Clip, str)
        Clips with the keys under which they are kept.

    Examples
    --------
    >>> len(KeptClips(Path("mine.partial"), []))
    0
    """

    def __init__(self, folder: Path, rows: Sequence[tuple[Clip, str]]):
        self._folder, self._rows = folder, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Utterance: ...

    @overload
    def __getitem__(self, index: slice) -> "KeptClips": ...

    def __getitem__(self, index: int | slice) -> "Utterance | KeptClips":
        if isinstance(index, slice):
            return KeptClips(self._folder, self._rows[index])
        clip, key = self._rows[index]
        utterance = read_kept(self._folder / f"{key}.npz", clip.id)
        annotations = {**utterance.annotations, **clip.annotations}
        if "film" in annotations:
            annotations["film"] = str(clip.path.absolute())  # which may have moved since
        return replace(
            utterance,
            words=words_of_text(text_of(clip, self._folder, key)),
            label=clip.label,
            video=clip.recording,
            annotations=annotations,
        )


def read_kept(path: Path, id: str) -> Utterance:
    """Return what was kept of a clip, with a word in the place of its own.

    Raises
    ------
    CENetError
        If the file is damaged.

    Examples
    --------
    >>> read_kept(Path("a1b2.npz"), "glad")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: a1b2.npz: is damaged ([Errno 2] No such file or directory: \
'a1b2.npz'); remove it and run again
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            streams = {stream: arrays[stream] for stream in STREAMS}
            told = {n.removeprefix(_TOLD): arrays[n] for n in arrays.files if n.startswith(_TOLD)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CENetError(f"{path}: is damaged ({error}); remove it and run again") from None
    annotations: dict[str, Annotation] = {
        name: value if value.ndim else value.item() for name, value in told.items()
    }
    return Utterance(id, ("?",), **streams, annotations=annotations)
