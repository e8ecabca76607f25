"""SentiWordNet: how good or bad each sense of a word is, and which sense a sentence means.

The dictionary of the paper's language model. SentiWordNet 3.0 (Baccianella et al. 2010, LREC) gives
each *sense* of a word a positive and a negative score; each sense has a definition, its *gloss*.
Senses whose gloss resembles the sentence count for more (`gloss_weights`). That takes three tools:
NLTK's tagger and lemmatiser with the table itself (`load_nltk_tools`), an encoder that turns texts
into vectors (`SentenceEncoder`), and the glosses' vectors, kept on disk (`GlossVectors`).
`cenet_lib.language.annotators.SentiWordNetAnnotator` puts them together.

Source: Ke et al. 2020, "SentiLARE: Sentiment-Aware Language Representation Learning with Linguistic
Knowledge" (EMNLP), section 3.1.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CENetError
from ..files import atomic_file, cache_folder, sha256
from .packaged import packaged_minilm

_TAGGER = "averaged_perceptron_tagger_eng"
_NLTK_FILES = {
    "sentiwordnet": "corpora/sentiwordnet/SentiWordNet_3.0.0.txt",
    "wordnet": "corpora/wordnet/index.noun",
    _TAGGER: ("taggers/averaged_perceptron_tagger_eng/averaged_perceptron_tagger_eng.weights.json"),
}


class Sense(NamedTuple):
    """One meaning of a word in SentiWordNet.

    Attributes
    ----------
    synset : int
        Line of SentiWordNet's file that it stands in.
    rank : int
        1 for the word's most frequent meaning, and up.
    balance : float
        Positive minus negative score, in [-1, 1].
    gloss : str
        Its definition, without examples.

    Examples
    --------
    >>> Sense(synset=1, rank=1, balance=0.75, gloss="very good").balance
    0.75
    """

    synset: int
    rank: int
    balance: float
    gloss: str


def gloss_weights(cosines: ArrayLike, ranks: ArrayLike) -> np.ndarray:
    """Return how much each sense of a word counts in a sentence; the weights sum to 1.

    ``softmax_j((cos_j + 1) / (2 rank_j))``: similar to the sentence, and frequent (SentiLARE, 3.1).

    Parameters
    ----------
    cosines : (n_senses,) float
        The cosines between the vectors of the sentence and of each gloss.
    ranks : (n_senses,) int
        1 for the most frequent sense.

    Returns
    -------
    (n_senses,) float
        The weights.

    Examples
    --------
    >>> gloss_weights(cosines=[0, 1], ranks=[1, 2]).tolist()  # rarer, but more like the sentence
    [0.5, 0.5]
    """
    exponentials: np.ndarray = np.exp((np.asarray(cosines) + 1) / (2 * np.asarray(ranks)))
    return exponentials / exponentials.sum()  # (n_senses,)


def read_sentiwordnet(data: bytes) -> dict[tuple[str, str], list[Sense]]:
    """Read SentiWordNet 3.0's table: the senses of each (term, ``"v"``, ``"a"``, ``"r"``, ``"n"``).

    A line holds part of speech, synset, positive and negative score, terms as ``great#1``, where
    the number is the rank of this meaning among the term's, and the gloss with its examples.

    Raises
    ------
    CENetError
        If a line is damaged.

    Examples
    --------
    >>> line = b'a\\t1\\t0.75\\t0\\tgreat#1\\tvery good; "a great film"'
    >>> read_sentiwordnet(line)["great", "a"]
    [Sense(synset=1, rank=1, balance=0.75, gloss='very good;')]
    """
    senses: dict[tuple[str, str], list[Sense]] = {}
    for number, line in enumerate(data.decode("utf-8", errors="replace").split("\n"), start=1):
        if line.startswith("#") or not line.split("\t")[0]:  # the last line is empty but for tabs
            continue
        try:
            pos, _, positive, negative, terms, gloss = line.split("\t")
            balance = float(positive) - float(negative)
            definition = gloss.split('"')[0].strip()
            for term in terms.split():
                word, rank = term.rsplit("#", 1)
                sense = Sense(number, int(rank), balance, definition)
                senses.setdefault((word, pos), []).append(sense)
        except ValueError:
            raise CENetError(
                f"SentiWordNet: line {number} is damaged: {line[:60]!r}; download it again: "
                "python -m nltk.downloader --force sentiwordnet"
            ) from None
    for meanings in senses.values():
        meanings.sort(key=lambda sense: sense.rank)
    return senses


class Encoder(Protocol):
    """Whatever turns texts into vectors.

    Examples
    --------
    >>> class Lengths:
    ...     identity = "lengths"
    ...     def __call__(self, texts):
    ...         return np.array([[float(len(text))] for text in texts])
    >>> encoder: Encoder = Lengths()
    >>> encoder(["good", "a film"]).tolist()
    [[4.0], [6.0]]
    """

    @property
    def identity(self) -> str:
        """What tells one encoder from another: vectors are kept on disk under it."""

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors (n, d) float of n texts."""


class SentenceEncoder:
    """A sentence as a vector: the mean of a BERT-like model's last states over its word pieces.

    Parameters
    ----------
    folder : str or Path, optional
        A model and tokenizer on disk, the weights as ``model.safetensors``. By default the
        packaged all-MiniLM-L6-v2; SentiLARE itself used ``bert-base-nli-mean-tokens``.

    Raises
    ------
    CENetError
        On first use, if the model is not there.

    Examples
    --------
    >>> SentenceEncoder()(["very good", "awful"]).shape
    (2, 384)
    """

    batch_size = 64
    max_length = 256  # word pieces

    def __init__(self, folder: str | Path | None = None):
        self._given = folder

    @cached_property
    def _folder(self) -> Path:
        return packaged_minilm() if self._given is None else Path(self._given)

    @cached_property
    def identity(self) -> str:
        """The SHA-256 of the weights."""
        try:
            return sha256(self._folder / "model.safetensors")
        except OSError as error:
            raise CENetError(
                f"{self._folder}: holds no sentence encoder ({error.strerror}: model.safetensors)"
            ) from error

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        from .backbone import load_backbone  # heavy: torch, and not needed by every user
        from .tokenizer import read_tokenizer  # heavy: transformers, and not needed by every user

        try:
            return read_tokenizer(self._folder), load_backbone(self._folder).eval()
        except CENetError as error:
            raise CENetError(f"{self._folder}: holds no sentence encoder ({error})") from error

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors (n, d) float32 of n texts."""
        import torch  # heavy, and not needed by every user

        tokenizer, model = self._parts
        vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little padding
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            batch = tokenizer(
                [texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=self.max_length,
                return_tensors="pt",
            )
            with torch.inference_mode():
                states = model(**batch).last_hidden_state  # (B, T, d)
            mask = batch["attention_mask"].unsqueeze(-1)  # (B, T, 1)
            vectors[rows] = ((states * mask).sum(1) / mask.sum(1)).numpy()
        return vectors


class GlossVectors:
    """The vectors of those glosses that were ever needed, in the cache from one run to the next.

    Parameters
    ----------
    encoder : Encoder
        What embeds the glosses.
    digest : str
        SHA-256 of the dictionary. Another encoder or dictionary has a file of its own.

    Examples
    --------
    >>> import os, tempfile
    >>> from unittest.mock import patch
    >>> great = Sense(synset=1, rank=1, balance=0.75, gloss="very good")
    >>> with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, CENET_CACHE=cache):
    ...     vectors = GlossVectors(SentenceEncoder(), digest="of the dictionary")
    ...     vectors([great])[1].shape
    (384,)
    """

    def __init__(self, encoder: Encoder, digest: str):
        key = hashlib.sha256(f"{encoder.identity} {digest}".encode()).hexdigest()
        self._path = cache_folder() / f"glosses-{key[:16]}.npz"
        self._encoder = encoder
        try:
            with np.load(self._path, allow_pickle=False) as stored:
                self._known = dict(zip(stored["synsets"].tolist(), stored["vectors"], strict=True))
        except Exception:  # absent or damaged in whatever way: the vectors can be made again
            self._known = {}

    def __call__(self, senses: Iterable[Sense]) -> Mapping[int, np.ndarray]:
        """Return the unit vectors (d,) of at least these senses' glosses, by synset."""
        new = {sense.synset: sense.gloss for sense in senses if sense.synset not in self._known}
        if new:
            vectors = unit(self._encoder(list(new.values())))
            self._known.update(zip(new, vectors, strict=True))
            with atomic_file(self._path) as temporary, open(temporary, "wb") as file:
                np.savez(
                    file,
                    synsets=np.array(list(self._known)),
                    vectors=np.stack(list(self._known.values())),
                )
        return self._known


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors (n, d) scaled to length 1, so that a dot product is a cosine.

    Examples
    --------
    >>> unit(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class NLTKTools(NamedTuple):
    """What NLTK gives: a tagger, a lemmatiser, and the dictionary.

    Attributes
    ----------
    tag : callable
        It takes words and returns (word, Penn Treebank tag) for each.
    lemmatize : callable
        It takes a word and a part of speech (``"v"``, ``"a"``, ``"r"``, ``"n"``), and returns the
        lemma.
    senses : dict
        What `read_sentiwordnet` returns.
    digest : str
        SHA-256 of SentiWordNet's file.

    Examples
    --------
    >>> tools = NLTKTools(tag=print, lemmatize=lambda word, pos: word, senses={}, digest="")
    >>> tools.lemmatize("films", "n")
    'films'
    """

    tag: Callable[[list[str]], list[tuple[str, str]]]
    lemmatize: Callable[[str, str], str]
    senses: dict[tuple[str, str], list[Sense]]
    digest: str


def load_nltk_tools(tagger: bool = True) -> NLTKTools:
    """Read SentiWordNet, after a look that everything is there.

    Parameters
    ----------
    tagger : bool
        Whether NLTK's own tagger is needed as well.

    Raises
    ------
    CENetError
        If NLTK's data are missing, damaged, or open to other users.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch("nltk.data.path", []):
    ...     load_nltk_tools()
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: the annotator 'sentiwordnet' needs NLTK data: sentiwordnet, \
wordnet, averaged_perceptron_tagger_eng. Download once:
    ...
    """
    from nltk import data, pos_tag  # heavy, and not needed by every user
    from nltk.stem import WordNetLemmatizer

    found, refused = {}, []
    needed = {name: path for name, path in _NLTK_FILES.items() if tagger or name != _TAGGER}
    for package, path in needed.items():
        try:
            found[package] = data.find(path)
        except LookupError as error:
            refused += re.findall(r"chmod go-w '(.+)'", str(error))
    if refused:
        raise CENetError(
            f"NLTK does not read {refused[0]}, because other users may write there; run:\n"
            f'  chmod -R go-w "{refused[0]}"'
        )
    missing = [package for package in needed if package not in found]
    if missing:
        raise CENetError(
            f"the annotator 'sentiwordnet' needs NLTK data: {', '.join(missing)}. Download once:\n"
            f"  python -m nltk.downloader {' '.join(missing)}\n"
            "or set NLTK_DATA to the folder that has them; 'offline' needs no download"
        )
    with found["sentiwordnet"].open() as file:
        table = file.read()
    return NLTKTools(
        tag=pos_tag,
        lemmatize=WordNetLemmatizer().lemmatize,
        senses=read_sentiwordnet(table),
        digest=hashlib.sha256(table).hexdigest(),
    )
