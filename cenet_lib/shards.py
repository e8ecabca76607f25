"""A collection in many stores: one vocabulary for all of it, and the codes of each store.

A thousand hours of film make more frames than one disk likes to hold. CE, however, reads no frames:
it reads how often each code occurs in an utterance, which is a few dozen whole numbers. So a large
collection is cut into *shards*, each a stored corpus in a folder of its own. A vocabulary learns
from one shard after another (`fit_vocabularies`), and then each shard is coded by itself, in any
order, on any number of cores or machines (`code_shards`). No more than one shard per process is
open at a time, and of that only the piece that is being read is in memory.
"""

import glob
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from .corpus import Corpus
from .errors import CENetError
from .files import atomic_file
from .frames import FrameSequences
from .jobs import Outcome, run_each
from .store import is_store
from .utterance import SPLITS, STREAMS
from .vocabulary import FeatureVocabulary

_MEND = "remove it, and code this shard anew"


class Codes(NamedTuple):
    """How often each code occurs in each of the n utterances of a shard.

    Attributes
    ----------
    ids : (n,) array of str
    splits : (n,) array of str
        The split of each utterance.
    labels : (n,) float32
        NaN where there is none.
    visual, acoustic : (n, k+1) int32
        Counts; the last place, of padding, is 0. A stream that no shard has is of width 0.
    made_of : str
        A hash of the ids and the vocabularies.

    Examples
    --------
    >>> none = np.zeros((0, 3), np.int32)
    >>> len(Codes(np.array([]), np.array([]), np.array([]), none, none, "").ids)
    0
    """

    ids: np.ndarray
    splits: np.ndarray
    labels: np.ndarray
    visual: np.ndarray
    acoustic: np.ndarray
    made_of: str


def find_shards(where: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the folders of a collection, in the order of their names, 2 before 10.

    Parameters
    ----------
    where : str, Path, or iterable of them
        Folders of stored corpora, or patterns such as ``"collection/part*"``. What a pattern finds
        beside such folders is passed over.

    Raises
    ------
    CENetError
        If there is none, a folder holds no stored corpus, or two have the same name.

    Examples
    --------
    >>> [folder.name for folder in find_shards("data/m*ne")]
    ['mine']
    """
    shards: set[Path] = set()
    for one in [where] if isinstance(where, str | Path) else where:
        if Path(one).exists():
            if not is_store(one):
                raise CENetError(
                    f"{one}: is not a stored corpus; write one with "
                    "`python -m cenet_lib data convert`"
                )
            shards.add(Path(one))
            continue
        found = {Path(path) for path in glob.glob(str(one)) if is_store(path)}
        if not found:
            raise CENetError(f"{one}: there is no stored corpus of that name or pattern")
        shards |= found
    by_name: dict[str, Path] = {}
    for shard in sorted(shards, key=_in_natural_order):
        other = by_name.setdefault(shard.resolve().name, shard)
        if other is not shard:
            raise CENetError(f"{shard} and {other} have the same name; rename one")
    return list(by_name.values())


def _in_natural_order(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def fit_vocabularies(
    shards: Sequence[Path],
    n_codes: int = 16,
    *,
    split: str = "train",
    random_state: int = 0,
    progress: bool = False,
) -> dict[str, FeatureVocabulary]:
    """Fit a vocabulary for each stream on one shard after another.

    The first shard sets the statistics and the starting codes, so it should be a fair sample of the
    collection. It is read twice and the others once.

    Parameters
    ----------
    shards : sequence of Path
        What `find_shards` returns.
    n_codes : int
        The size k of both vocabularies.
    split : str
        The split whose frames count.
    random_state : int
        The seed of k-means.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    dict of str to FeatureVocabulary
        By stream. A stream without a frame in the first shard is left out.

    Raises
    ------
    CENetError
        If shards differ in their channels, or the first has too few frames.

    Examples
    --------
    >>> fit_vocabularies(find_shards("data/mine"), n_codes=3)["visual"].n_features_in_
    6
    """
    vocabularies: dict[str, FeatureVocabulary] = {}
    first: Corpus | None = None
    for shard in tqdm(shards, desc=f"k-means, k = {n_codes}", disable=not progress):
        corpus = Corpus.load(shard)
        _check_channels(shard, corpus, shards[0], first or corpus)
        for stream in STREAMS:
            frames = FrameSequences(corpus.split(split), stream)
            if first is None and any(len(piece) for piece in frames):
                vocabularies[stream] = FeatureVocabulary(n_codes, random_state=random_state)
            if stream in vocabularies:
                try:
                    channels = corpus.feature_names[stream]
                    vocabularies[stream].partial_fit(frames, channels=channels)
                except CENetError as error:
                    raise CENetError(f"{shard}: {split}, {stream} stream: {error}") from error
        first = first or corpus
    return vocabularies


def _check_channels(shard: Path, corpus: Corpus, other_shard: Path, other: Corpus) -> None:
    """Raise an error if two shards cannot share a vocabulary."""
    for stream in STREAMS:
        widths = [c.width(stream) for c in (corpus, other)]
        names = [c.feature_names[stream] for c in (corpus, other)]
        if widths[0] != widths[1] or names[0] != names[1]:
            raise CENetError(
                f"{shard}: its {stream} channels ({widths[0]}) are not those of {other_shard} "
                f"({widths[1]}); a collection needs the same channels in all shards"
            )


def code_shards(
    shards: Sequence[Path],
    vocabularies: Mapping[str, FeatureVocabulary],
    destination: str | Path,
    *,
    n_jobs: int = 1,
    dask: str | None = None,
) -> Iterator[Outcome[Path, int]]:
    """Write how often each code occurs, a file per shard; yield the number of utterances of each.

    A shard whose file is there already is not coded again, so a job that was stopped goes on. The
    outcome is an error if that file was made of other utterances or with other vocabularies.

    Parameters
    ----------
    shards : sequence of Path
        What `find_shards` returns.
    vocabularies : mapping of str to FeatureVocabulary
        What `fit_vocabularies` returns.
    destination : str or Path
        The folder for the files ``<name of the shard>.npz``; `read_codes` reads them.
    n_jobs, dask
        Who does the work, as in `cenet_lib.jobs.run_each`.

    Examples
    --------
    >>> shards = find_shards("data/mine")
    >>> vocabularies = fit_vocabularies(shards, n_codes=3)
    >>> [outcome] = code_shards(shards, vocabularies, "codes")
    >>> read_codes("codes/mine.npz").visual.shape == (outcome.result, 3 + 1)
    True
    """
    Path(destination).mkdir(parents=True, exist_ok=True)
    work = partial(_code_shard, dict(vocabularies), Path(destination).resolve())
    return run_each(work, [shard.resolve() for shard in shards], n_jobs=n_jobs, dask=dask)


def _code_shard(
    vocabularies: Mapping[str, FeatureVocabulary], destination: Path, shard: Path
) -> int:
    path = destination / f"{shard.name}.npz"
    corpus = Corpus.load(shard)
    for stream, vocabulary in vocabularies.items():
        vocabulary.check_channels(corpus.feature_names[stream], f"{shard}: {stream} stream")
    outlines = [(split, outline) for split in SPLITS for outline in corpus.outlines(split)]
    ids = np.array([outline.id for _, outline in outlines], dtype=np.str_)
    made_of = _digest(ids, vocabularies)
    if path.is_file():
        if read_codes(path).made_of != made_of:
            raise CENetError(
                f"{path}: was made of other utterances, or with other vocabularies; "
                "choose another folder"
            )
        return len(outlines)
    labels = [np.nan if outline.label is None else outline.label for _, outline in outlines]
    visual, acoustic = (_count(corpus, s, vocabularies.get(s), len(ids)) for s in STREAMS)
    codes = Codes(
        ids,
        np.array([split for split, _ in outlines], dtype=np.str_),
        np.array(labels, dtype=np.float32),
        visual,
        acoustic,
        made_of,
    )
    columns: dict[str, Any] = codes._asdict()
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **columns)
    return len(outlines)


def _count(corpus: Corpus, stream: str, vocabulary: FeatureVocabulary | None, n: int) -> np.ndarray:
    """Return how often each code of a stream occurs in each of n utterances: (n, k+1)."""
    if vocabulary is None:
        return np.zeros((n, 0), np.int32)
    counts = np.zeros((n, vocabulary.n_codes + 1), np.int32)
    pieces = (piece for s in SPLITS for piece in FrameSequences(corpus.split(s), stream))
    for row, piece in zip(counts, pieces, strict=True):
        row[:] = vocabulary.count(piece)
    return counts


def _digest(ids: np.ndarray, vocabularies: Mapping[str, FeatureVocabulary]) -> str:
    digest = hashlib.sha256("\n".join(ids).encode("utf-8", "surrogatepass"))
    for stream, vocabulary in sorted(vocabularies.items()):
        digest.update(stream.encode())
        for array in (vocabulary.mean_, vocabulary.scale_, vocabulary.codes_):
            digest.update(array.tobytes())
    return digest.hexdigest()


def read_codes(path: str | Path) -> Codes:
    """Read a file that `code_shards` wrote.

    Raises
    ------
    CENetError
        If it is missing or damaged.

    Examples
    --------
    >>> read_codes("codes/other.npz")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: codes/other.npz: is missing; code this shard first
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            codes = Codes(**{name: arrays[name] for name in Codes._fields})
        if len({len(column) for column in codes[:-1]}) != 1:
            raise ValueError("its arrays do not fit together")
    except FileNotFoundError:
        raise CENetError(f"{path}: is missing; code this shard first") from None
    except Exception as error:  # zip, key and value errors all mean the same here
        raise CENetError(f"{path}: is no table of codes ({error}); {_MEND}") from error
    return codes._replace(made_of=str(codes.made_of))
