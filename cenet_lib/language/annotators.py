"""What a dictionary knows about words: their part of speech and whether they are good or bad.

SentiLARE, the language model of the paper, reads three ids beside each word: its part of speech,
its own polarity and that of the sentence. This module gives the first two for a list of words.

There are two sources behind one interface:

- ``"offline"`` needs no download: the tagger of the *pattern* library (in textblob) and the VADER
  lexicon (Hutto & Gilbert 2014, ICWSM).
- ``"sentiwordnet"`` is the paper's (Ke et al. 2020, SentiLARE, EMNLP): NLTK's averaged perceptron
  tags the words, SentiWordNet 3.0 knows for each *sense* of a word how good or bad it is, and the
  senses whose dictionary definitions (*glosses*) resemble the sentence count for more.

Both are for English. Both keep the list of words as it is: n words in, n ids out. Neither knows
negation: in "not good", "good" is positive. Undoing that is the language model's task.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from ..errors import CENetError
from ..files import atomic_file, cache_folder, sha256
from ..progress import quiet_transformers
from ..utterance import Corpus, Utterance

POS_VERB, POS_ADJECTIVE, POS_ADVERB, POS_NOUN, POS_OTHER = range(5)
POLARITY_NEGATIVE, POLARITY_POSITIVE, POLARITY_NEUTRAL = range(3)  # neutral or unknown
SENTENCE_POLARITY_UNKNOWN = 5  # 0 to 4 are one to five stars

_ADVERBS = ("RB", "RBR", "RBS")
_POS_OF_PREFIX = {"VB": POS_VERB, "JJ": POS_ADJECTIVE, "NN": POS_NOUN}
_WORDNET_POS = {POS_VERB: "v", POS_ADJECTIVE: "a", POS_ADVERB: "r", POS_NOUN: "n"}
_NLTK_FILES = {
    "sentiwordnet": "corpora/sentiwordnet/SentiWordNet_3.0.0.txt",
    "wordnet": "corpora/wordnet/index.noun",
    "averaged_perceptron_tagger_eng": (
        "taggers/averaged_perceptron_tagger_eng/averaged_perceptron_tagger_eng.weights.json"
    ),
}

Encoder = Callable[[Sequence[str]], np.ndarray]


class WordIds(NamedTuple):
    """Ids of the words of one utterance.

    Attributes
    ----------
    pos_ids : (n_words,) int64
        Verb 0, adjective 1, adverb 2, noun 3, other 4.
    polarity_ids : (n_words,) int64
        Negative 0, positive 1, neutral or unknown 2.
    """

    pos_ids: np.ndarray
    polarity_ids: np.ndarray


class Annotator(ABC):
    """A source of word ids. Cheap to make: what it needs is loaded on first use.

    Attributes
    ----------
    name : str
        `get_annotator` makes the same annotator from it again.
    """

    name: str

    def annotate(self, words: Sequence[str]) -> WordIds:
        """Return the ids of each of the words of one utterance.

        Raises
        ------
        CENetError
            If ``words`` is one text, or holds something that is not a word.
        """
        return self.annotate_batch([words])[0]

    @abstractmethod
    def annotate_batch(self, sentences: Sequence[Sequence[str]]) -> list[WordIds]:
        """Return the ids of the words of many utterances; quicker than one by one."""


def get_annotator(name: str) -> Annotator:
    """Return the annotator called ``"offline"`` or ``"sentiwordnet"``.

    Raises
    ------
    CENetError
        If there is no such annotator.
    """
    for kind in (OfflineAnnotator, SentiWordNetAnnotator):
        if kind.name == name:
            return kind()
    raise CENetError(f"there is no annotator {name!r}; choose 'offline' or 'sentiwordnet'")


def pos_id(tag: str) -> int:
    """Return the part-of-speech id of a Penn Treebank tag.

    >>> [pos_id(tag) for tag in ("VBZ", "JJR", "RB", "NNS", "WRB", "DT")]
    [0, 1, 2, 3, 4, 4]
    """
    if tag in _ADVERBS:
        return POS_ADVERB
    return _POS_OF_PREFIX.get(tag[:2], POS_OTHER)


def polarity_id(score: float) -> int:
    """Return the polarity id of a score: its sign, without a threshold."""
    if score == 0:
        return POLARITY_NEUTRAL
    return POLARITY_POSITIVE if score > 0 else POLARITY_NEGATIVE


def as_written(words: Sequence[str]) -> list[str]:
    """Return the words as taggers and lexicons know them, one for one.

    Transcripts are written in many ways: all in capitals, all in small letters, with punctuation
    on the words. Taggers learnt from newspapers; to them, "GREAT" is a name and "i" is a noun.

    >>> as_written(["I", "LOVED", "IT!"])
    ['I', 'loved', 'it']

    Raises
    ------
    CENetError
        If ``words`` is one text, or holds something that is not a word.
    """
    if isinstance(words, str):
        raise CENetError("words must be a list of words, not one text; split it")
    for position, word in enumerate(words):
        if not isinstance(word, str) or not word.strip():
            raise CENetError(f"word {position} is {word!r}; every word must be a non-blank text")
    capitals = " ".join(words).isupper()
    result = []
    for word in words:
        plain = (word.lower() if capitals else word).replace("’", "'")
        plain = plain.strip(' \t\n.,;:!?…"“”()[]—–') or plain  # "..." stays what it is
        result.append("I" if plain == "i" else plain)
    return result


class OfflineAnnotator(Annotator):
    """Pattern's tagger and the VADER lexicon: both come with Python packages.

    A word's polarity is the sign of its valence in the lexicon, whatever its part of speech.
    """

    name = "offline"

    @cached_property
    def _valence(self) -> Mapping[str, float]:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer().lexicon

    def annotate_batch(self, sentences: Sequence[Sequence[str]]) -> list[WordIds]:
        """Return the ids of the words of many utterances."""
        # The parser takes a list of words; textblob's own functions would split the text anew.
        from textblob.en import parser

        results = []
        for words in sentences:
            plain = as_written(words)
            tags = [tag for _, tag in parser.find_tags(plain)]
            results.append(_word_ids(map(pos_id, tags), map(self._polarity, plain)))
        return results

    def _polarity(self, word: str) -> int:
        if word.isdigit():  # the lexicon is of chat language, where "143" means "I love you"
            return POLARITY_NEUTRAL
        return polarity_id(self._valence.get(word.lower(), 0.0))


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
    """

    synset: int
    rank: int
    balance: float
    gloss: str


def gloss_weights(cosines: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Return how much each sense of a word counts in a sentence; the weights sum to 1.

    ``softmax_j((cos_j + 1) / (2 rank_j))``: similar to the sentence, and frequent (SentiLARE, 3.1).

    Parameters
    ----------
    cosines : (n_senses,) float
        Between the vectors of the sentence and of each gloss.
    ranks : (n_senses,) int
        1 for the most frequent sense.

    Returns
    -------
    (n_senses,) float
    """
    exponentials = np.exp((np.asarray(cosines) + 1) / (2 * np.asarray(ranks)))
    return exponentials / exponentials.sum()


class SentiWordNetAnnotator(Annotator):
    """NLTK's tagger and SentiWordNet, senses weighted by their gloss: the paper's source.

    A word's score is ``s = sum_j w_j (P_j - N_j)`` over the senses j of its lemma with its part of
    speech, with the weights of `gloss_weights`; its polarity is the sign of s. Words that are
    neither verb, adjective, adverb nor noun are neutral.

    Weights are positive, so they can change the sign only if the word has good senses *and* bad
    ones. Sentences and glosses are embedded only then; gloss vectors are kept in the cache.

    Parameters
    ----------
    encoder : callable, optional
        Texts -> (n, d) vectors, with an attribute ``identity``, a text that tells encoders apart.
        By default a `SentenceEncoder`.

    Raises
    ------
    CENetError
        On first use, if NLTK's data are not there.
    """

    name = "sentiwordnet"

    def __init__(self, encoder: Encoder | None = None):
        self.encoder = SentenceEncoder() if encoder is None else encoder

    @cached_property
    def _tools(self) -> "_Tools":
        return _load_tools()

    @cached_property
    def _glosses(self) -> "_GlossVectors":
        key = hashlib.sha256(f"{self.encoder.identity} {self._tools.digest}".encode()).hexdigest()
        return _GlossVectors(cache_folder() / f"glosses-{key[:16]}.npz", self.encoder)

    def senses(self, word: str, pos_id: int) -> list[Sense]:
        """Return what a word can mean as this part of speech, most frequent first; may be none."""
        pos = _WORDNET_POS.get(pos_id)
        if pos is None:
            return []
        return self._tools.senses.get((self._tools.lemmatize(word.lower(), pos), pos), [])

    def annotate_batch(self, sentences: Sequence[Sequence[str]]) -> list[WordIds]:
        """Return the ids of the words of many utterances."""
        results, contested = [], []
        for index, words in enumerate(sentences):
            plain = as_written(words)
            pos_ids = [pos_id(tag) for _, tag in self._tools.tag(plain)]
            polarity_ids = []
            for position, (word, pos) in enumerate(zip(plain, pos_ids, strict=True)):
                senses = self.senses(word, pos)
                balances = [sense.balance for sense in senses]
                if balances and min(balances) < 0 < max(balances):
                    contested.append((index, position, senses))
                polarity_ids.append(polarity_id(sum(balances)))
            results.append(_word_ids(pos_ids, polarity_ids))
        if contested:
            glosses = self._glosses(sense for *_, senses in contested for sense in senses)
            indices = sorted({index for index, *_ in contested})
            vectors = _unit(self.encoder([" ".join(sentences[index]) for index in indices]))
            sentence_vectors = dict(zip(indices, vectors, strict=True))
            for index, position, senses in contested:
                similar = np.stack([glosses[sense.synset] for sense in senses])  # (n_senses, d)
                weights = gloss_weights(
                    similar @ sentence_vectors[index], [sense.rank for sense in senses]
                )
                score = weights @ [sense.balance for sense in senses]
                results[index].polarity_ids[position] = polarity_id(score)
        return results


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
    """

    batch_size = 64
    max_length = 256  # word pieces

    def __init__(self, folder: str | Path | None = None):
        self._given = folder

    @cached_property
    def _folder(self) -> Path:
        if self._given is not None:
            return Path(self._given)
        from .backbone import packaged_minilm

        return packaged_minilm()

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
    def _parts(self) -> tuple:
        from transformers import AutoModel, AutoTokenizer

        try:
            with quiet_transformers():
                tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
                model = AutoModel.from_pretrained(self._folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise CENetError(
                f"{self._folder}: holds no sentence encoder ({str(error).splitlines()[0]})"
            ) from error
        return tokenizer, model.eval()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors (n, d) float32 of n texts."""
        import torch

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


class _GlossVectors:
    """The vectors of those glosses that were ever needed, on disk from one run to the next."""

    def __init__(self, path: Path, encoder: Encoder):
        self._path = path
        self._encoder = encoder
        try:
            with np.load(path, allow_pickle=False) as stored:
                self._known = dict(zip(stored["synsets"].tolist(), stored["vectors"], strict=True))
        except Exception:  # absent or damaged in whatever way: the vectors can be made again
            self._known = {}

    def __call__(self, senses) -> Mapping[int, np.ndarray]:
        """Return the unit vectors (d,) of at least these senses' glosses, by synset."""
        new = {sense.synset: sense.gloss for sense in senses if sense.synset not in self._known}
        if new:
            vectors = _unit(self._encoder(list(new.values())))
            self._known.update(zip(new, vectors, strict=True))
            with atomic_file(self._path) as temporary, open(temporary, "wb") as file:
                np.savez(
                    file,
                    synsets=np.array(list(self._known)),
                    vectors=np.stack(list(self._known.values())),
                )
        return self._known


def read_sentiwordnet(data: bytes) -> dict[tuple[str, str], list[Sense]]:
    """Read SentiWordNet 3.0's table: the senses of each (term, ``"v"``, ``"a"``, ``"r"``, ``"n"``).

    A line holds part of speech, synset, positive and negative score, terms as ``great#1``, where
    the number is the rank of this meaning among the term's, and the gloss with its examples.

    Raises
    ------
    CENetError
        If a line is damaged.
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


def own_word_ids(utterance: Utterance) -> WordIds | None:
    """Return the ids that came with an utterance, or ``None`` if it has not got both.

    Raises
    ------
    CENetError
        If there is not one id of either kind for each word, or an id is out of range.
    """
    arrays = []
    for name, n_ids in (("pos_ids", POS_OTHER + 1), ("polarity_ids", POLARITY_NEUTRAL + 1)):
        if name not in utterance.annotations:
            return None
        ids = np.asarray(utterance.annotations[name])
        if ids.shape != (len(utterance.words),):
            raise CENetError(
                f"{utterance.id}: {name} has shape {ids.shape} for {len(utterance.words)} words; "
                "give one id per word, or leave both kinds out"
            )
        if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= n_ids:
            raise CENetError(f"{utterance.id}: {name} must be integers from 0 to {n_ids - 1}")
        arrays.append(ids.astype(np.int64, copy=False))
    return WordIds(*arrays)


def annotate_corpus(
    corpus: Corpus, annotator: Annotator, *, batch_size: int = 256, progress: bool = False
) -> Corpus:
    """Return the corpus with ``pos_ids`` and ``polarity_ids`` among each utterance's annotations.

    `Corpus.save` then keeps them, so that they are made once. An utterance that has both keeps its
    own. Frames are shared with the given corpus, not copied.

    Parameters
    ----------
    corpus : Corpus
    annotator : Annotator
    batch_size : int
        Utterances given to the annotator at a time.
    progress : bool
        Show a progress bar.
    """
    splits = {}
    made = 0
    with tqdm(total=len(corpus), desc="word ids", disable=not progress) as bar:
        for split, utterances in corpus.splits.items():
            splits[split] = []
            for start in range(0, len(utterances), batch_size):
                batch = list(utterances[start : start + batch_size])
                bare = [i for i, utterance in enumerate(batch) if own_word_ids(utterance) is None]
                ids = annotator.annotate_batch([batch[i].words for i in bare])
                for i, word_ids in zip(bare, ids, strict=True):
                    annotations = {**batch[i].annotations, **word_ids._asdict()}
                    batch[i] = replace(batch[i], annotations=annotations)
                splits[split] += batch
                made += len(bare)
                bar.update(len(batch))
    source = {"word_ids": f"{annotator.name}, {made} of {len(corpus)} utterances"}
    return Corpus(
        corpus.name,
        **splits,
        visual_names=corpus.feature_names["visual"],
        acoustic_names=corpus.feature_names["acoustic"],
        label_range=corpus.label_range,
        provenance={**corpus.provenance, **(source if made else {})},
    )


def _word_ids(pos_ids, polarity_ids) -> WordIds:
    return WordIds(
        np.array(list(pos_ids), dtype=np.int64), np.array(list(polarity_ids), dtype=np.int64)
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors (n, d) scaled to length 1, so that a dot product is a cosine."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class _Tools(NamedTuple):
    """What `SentiWordNetAnnotator` takes from NLTK."""

    tag: Callable[[list[str]], list[tuple[str, str]]]
    lemmatize: Callable[[str, str], str]
    senses: dict[tuple[str, str], list[Sense]]
    digest: str  # SHA-256 of SentiWordNet's file


def _load_tools() -> _Tools:
    """Read SentiWordNet, after a look that everything is there."""
    from nltk import data, pos_tag
    from nltk.stem import WordNetLemmatizer

    found, refused = {}, []
    for package, path in _NLTK_FILES.items():
        try:
            found[package] = data.find(path)
        except LookupError as error:
            refused += re.findall(r"chmod go-w '(.+)'", str(error))
    if refused:
        raise CENetError(
            f"NLTK does not read {refused[0]}, because other users may write there; run:\n"
            f'  chmod -R go-w "{refused[0]}"'
        )
    missing = [package for package in _NLTK_FILES if package not in found]
    if missing:
        raise CENetError(
            f"the annotator 'sentiwordnet' needs NLTK data: {', '.join(missing)}. Download once:\n"
            f"  python -m nltk.downloader {' '.join(missing)}\n"
            "or set NLTK_DATA to the folder that has them; 'offline' needs no download"
        )
    with found["sentiwordnet"].open() as file:
        table = file.read()
    return _Tools(
        tag=pos_tag,
        lemmatize=WordNetLemmatizer().lemmatize,
        senses=read_sentiwordnet(table),
        digest=hashlib.sha256(table).hexdigest(),
    )
