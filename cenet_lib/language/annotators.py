"""What a dictionary knows about words: their part of speech and whether they are good or bad.

SentiLARE, the language model of the paper, reads three ids beside each word: its part of speech,
its own polarity and that of the sentence. This module gives the first two for a list of words.

`cenet_lib.processor` asks for them when a model is to read them, `annotate_corpus` for a whole
corpus at once. There are four sources behind one interface:

- ``"offline"`` needs no download: the tagger of the *pattern* library (in textblob) and the VADER
  lexicon (Hutto & Gilbert 2014, ICWSM).
- ``"sentiwordnet"`` is the paper's (Ke et al. 2020, SentiLARE, EMNLP): NLTK's averaged perceptron
  tags the words, SentiWordNet 3.0 knows for each *sense* of a word how good or bad it is, and the
  senses whose dictionary definitions (*glosses*) resemble the sentence count for more; see
  `cenet_lib.language.sentiwordnet`.
- ``"stanford"`` takes the parts of speech from the Stanford log-linear tagger, as the paper names
  it, and polarity from SentiWordNet; see `cenet_lib.language.stanford`.
- ``"file"`` looks nothing up: the corpus brings its ids, as the published CENet's files do.

All but the last are for English. All keep the list of words as it is: n words in, n ids out. None
knows negation: in "not good", "good" is positive. Undoing that is the language model's task.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from ..corpora.words import is_chinese
from ..corpus import Corpus
from ..errors import CENetError
from ..progress import somebody_watches
from ..utterance import Utterance
from .sentiwordnet import (
    Encoder,
    GlossVectors,
    NLTKTools,
    Sense,
    SentenceEncoder,
    gloss_weights,
    load_nltk_tools,
    unit,
)
from .stanford import StanfordTagger

POS_VERB, POS_ADJECTIVE, POS_ADVERB, POS_NOUN, POS_OTHER = range(5)
POLARITY_NEGATIVE, POLARITY_POSITIVE, POLARITY_NEUTRAL = range(3)  # neutral or unknown
SENTENCE_POLARITY_UNKNOWN = 5  # 0 to 4 are one to five stars

_ADVERBS = ("RB", "RBR", "RBS")
_POS_OF_PREFIX = {"VB": POS_VERB, "JJ": POS_ADJECTIVE, "NN": POS_NOUN}
_WORDNET_POS = {POS_VERB: "v", POS_ADJECTIVE: "a", POS_ADVERB: "r", POS_NOUN: "n"}


class WordIds(NamedTuple):
    """Ids of the words of one utterance.

    Attributes
    ----------
    pos_ids : (n_words,) int64
        Verb 0, adjective 1, adverb 2, noun 3, other 4.
    polarity_ids : (n_words,) int64
        Negative 0, positive 1, neutral or unknown 2.

    Examples
    --------
    >>> WordIds(pos_ids=np.array([1, 3]), polarity_ids=np.array([1, 2])).pos_ids.tolist()
    [1, 3]
    """

    pos_ids: np.ndarray
    polarity_ids: np.ndarray


class Annotator(ABC):
    """What makes word ids. It is cheap to build: what it needs is loaded on first use.

    Attributes
    ----------
    name : str
        `get_annotator` makes the same annotator from it again.
    likes_all_at_once : bool
        Whether a call takes so long to begin that all utterances should be in one.

    Examples
    --------
    >>> class EverythingIsANoun(Annotator):
    ...     name = "nouns"
    ...     def annotate_batch(self, sentences):
    ...         return [WordIds(np.full(len(s), 3), np.full(len(s), 2)) for s in sentences]
    >>> EverythingIsANoun().annotate(["great", "film"]).pos_ids.tolist()
    [3, 3]
    """

    name: str
    likes_all_at_once = False

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


def get_annotator(name: str, stanford_folder: str | Path | None = None) -> Annotator:
    """Return the annotator called ``"offline"``, ``"sentiwordnet"``, ``"stanford"`` or ``"file"``.

    Parameters
    ----------
    name : str
        What it is called.
    stanford_folder : str or Path, optional
        Where the Stanford tagger lies; by default where ``CENET_STANFORD`` says.

    Raises
    ------
    CENetError
        If there is no such annotator.

    Examples
    --------
    >>> ids = get_annotator("offline").annotate(["a", "really", "good", "film"])
    >>> ids.pos_ids.tolist(), ids.polarity_ids.tolist()
    ([4, 2, 1, 3], [2, 2, 1, 2])
    """
    if name == StanfordAnnotator.name:
        return StanfordAnnotator(stanford_folder)
    for kind in (OfflineAnnotator, SentiWordNetAnnotator, FileIds):
        if kind.name == name:
            return kind()
    raise CENetError(
        f"there is no annotator {name!r}; choose 'offline' or 'sentiwordnet', 'stanford' if its "
        "tagger is here, or 'file' for the corpus's own ids"
    )


def pos_id(tag: str) -> int:
    """Return the part-of-speech id of a Penn Treebank tag.

    Examples
    --------
    >>> [pos_id(tag) for tag in ("VBZ", "JJR", "RB", "NNS", "WRB", "DT")]
    [0, 1, 2, 3, 4, 4]
    """
    if tag in _ADVERBS:
        return POS_ADVERB
    return _POS_OF_PREFIX.get(tag[:2], POS_OTHER)


def polarity_id(score: float) -> int:
    """Return the polarity id of a score: its sign, without a threshold.

    Examples
    --------
    >>> [polarity_id(score) for score in (-0.1, 0.1, 0)]
    [0, 1, 2]
    """
    if score == 0:
        return POLARITY_NEUTRAL
    return POLARITY_POSITIVE if score > 0 else POLARITY_NEGATIVE


def as_written(words: Sequence[str]) -> list[str]:
    """Return the words as taggers and lexicons know them, one for one.

    Transcripts are written in many ways: all in capitals, all in small letters, with punctuation
    on the words. Taggers learnt from newspapers; to them, "GREAT" is a name and "i" is a noun.

    Raises
    ------
    CENetError
        If ``words`` is one text, or holds something that is not a word.

    Examples
    --------
    >>> as_written(["I", "LOVED", "IT!"])
    ['I', 'loved', 'it']
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

    Examples
    --------
    >>> ids = OfflineAnnotator().annotate(["an", "awful", "film"])
    >>> ids.pos_ids.tolist(), ids.polarity_ids.tolist()
    ([4, 1, 3], [2, 0, 2])
    """

    name = "offline"

    @cached_property
    def _valence(self) -> Mapping[str, float]:
        # heavy, and needed by this annotator only
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer().lexicon

    def annotate_batch(self, sentences: Sequence[Sequence[str]]) -> list[WordIds]:
        """Return the ids of the words of many utterances."""
        # Heavy, and needed here only. The parser takes a list of words; textblob's own functions
        # would split the text anew.
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


class SentiWordNetAnnotator(Annotator):
    """NLTK's tagger and SentiWordNet, senses weighted by their gloss: the paper's dictionary.

    A word's score is ``s = sum_j w_j (P_j - N_j)`` over the senses j of its lemma with its part of
    speech, with the weights of `gloss_weights`; its polarity is the sign of s. Words that are
    neither verb, adjective, adverb nor noun are neutral.

    Weights are positive, so they can change the sign only if the word has good senses *and* bad
    ones. Sentences and glosses are embedded only then; gloss vectors are kept in the cache.

    Parameters
    ----------
    encoder : Encoder, optional
        What embeds sentences and glosses; by default a `SentenceEncoder`.

    Raises
    ------
    CENetError
        On first use, if NLTK's data are not there.

    Examples
    --------
    >>> annotator = SentiWordNetAnnotator()
    >>> annotator.senses("the", POS_OTHER)  # no verb, adjective, adverb or noun
    []
    """

    name = "sentiwordnet"

    def __init__(self, encoder: Encoder | None = None):
        self.encoder = SentenceEncoder() if encoder is None else encoder

    @cached_property
    def _tools(self) -> NLTKTools:
        return load_nltk_tools()

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the Penn Treebank tag of each word of many sentences."""
        return [[tag for _, tag in self._tools.tag(list(words))] for words in sentences]

    @cached_property
    def _glosses(self) -> GlossVectors:
        return GlossVectors(self.encoder, self._tools.digest)

    def senses(self, word: str, pos_id: int) -> list[Sense]:
        """Return what a word can mean as this part of speech, most frequent first; may be none."""
        pos = _WORDNET_POS.get(pos_id)
        if pos is None:
            return []
        return self._tools.senses.get((self._tools.lemmatize(word.lower(), pos), pos), [])

    def annotate_batch(self, sentences: Sequence[Sequence[str]]) -> list[WordIds]:
        """Return the ids of the words of many utterances."""
        results, contested = [], []
        written = [as_written(words) for words in sentences]
        for index, (plain, tags) in enumerate(zip(written, self.tag(written), strict=True)):
            pos_ids = list(map(pos_id, tags))
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
            vectors = unit(self.encoder([" ".join(sentences[index]) for index in indices]))
            sentence_vectors = dict(zip(indices, vectors, strict=True))
            for index, position, senses in contested:
                similar = np.stack([glosses[sense.synset] for sense in senses])  # (n_senses, d)
                weights = gloss_weights(
                    similar @ sentence_vectors[index], [sense.rank for sense in senses]
                )
                score = weights @ np.array([sense.balance for sense in senses])  # ()
                results[index].polarity_ids[position] = polarity_id(float(score))
        return results


class StanfordAnnotator(SentiWordNetAnnotator):
    """The Stanford log-linear tagger, which the paper names, and SentiWordNet.

    Parameters
    ----------
    folder : str or Path, optional
        Where the tagger's jar and model lie, see `cenet_lib.language.stanford`.
    encoder : Encoder, optional
        What embeds sentences and glosses.

    Raises
    ------
    CENetError
        On first use, if Java, the tagger or NLTK's data are not there.

    Examples
    --------
    >>> StanfordAnnotator("no/such/folder").annotate(["a", "good", "film"])
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/folder: is no folder; ...
    """

    name = "stanford"
    likes_all_at_once = True  # each call starts Java and reads the model

    def __init__(self, folder: str | Path | None = None, encoder: Encoder | None = None):
        super().__init__(encoder)
        self._tagger = StanfordTagger(folder)

    @cached_property
    def _tools(self) -> NLTKTools:
        return load_nltk_tools(tagger=False)

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the Penn Treebank tag of each word of many sentences, by one Java process."""
        return self._tagger.tag(sentences)


class FileIds(Annotator):
    """No dictionary: each utterance brings its ids, or is refused.

    Examples
    --------
    >>> FileIds().annotate(["good", "film"])
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: 'good film' comes without part-of-speech and polarity ids; choose \
a dictionary with --linguistic: offline, sentiwordnet or stanford
    """

    name = "file"

    def annotate_batch(self, sentences: Sequence[Sequence[str]]) -> list[WordIds]:
        """Refuse words that came without ids."""
        for words in sentences:
            raise CENetError(
                f"{' '.join(words)[:60]!r} comes without part-of-speech and polarity ids; choose a "
                "dictionary with --linguistic: offline, sentiwordnet or stanford"
            )
        return []


def with_word_ids(utterances: Iterable[Utterance], annotator: Annotator) -> list[Utterance]:
    """Return utterances with the ids that an annotator gives them, all made in one go.

    Ids of another make are replaced; those that this annotator made before are kept, and
    ``"file"`` keeps all. The annotation ``word_ids_by`` says who made them.

    Raises
    ------
    CENetError
        If ids that came with an utterance do not fit it, or ``"file"`` finds none.

    Examples
    --------
    >>> frames = np.zeros((1, 1))
    >>> great = Utterance("u", ["great", "film"], frames, frames)
    >>> with_word_ids([great], OfflineAnnotator())[0].annotations["word_ids_by"]
    'offline'
    """
    done = list(utterances)
    bare = [i for i, utterance in enumerate(done) if ids_by(utterance, annotator) is None]
    if bare and annotator.name == FileIds.name:
        try:
            annotator.annotate(done[bare[0]].words)
        except CENetError as error:
            raise CENetError(f"{done[bare[0]].id}: {error}") from None
    found = annotator.annotate_batch([done[i].words for i in bare])
    for i, ids in zip(bare, found, strict=True):
        annotations = {**done[i].annotations, **ids._asdict(), "word_ids_by": annotator.name}
        done[i] = replace(done[i], annotations=annotations)
    return done


def ids_by(utterance: Utterance, annotator: Annotator) -> WordIds | None:
    """Return the ids that an annotator made for an utterance before, or ``None``.

    Examples
    --------
    >>> frames, ids = np.zeros((1, 1)), {"pos_ids": [1, 3], "polarity_ids": [1, 2]}
    >>> great = Utterance("u", ["great", "film"], frames, frames, annotations=ids)
    >>> ids_by(great, OfflineAnnotator()), ids_by(great, FileIds()).pos_ids.tolist()
    (None, [1, 3])
    """
    ids = own_word_ids(utterance)
    maker = utterance.annotations.get("word_ids_by")
    return ids if annotator.name in (FileIds.name, maker) else None


def own_word_ids(utterance: Utterance) -> WordIds | None:
    """Return the ids that came with an utterance, or ``None`` if it has not got both.

    Raises
    ------
    CENetError
        If there is not one id of either kind for each word, or an id is out of range.

    Examples
    --------
    >>> frames, ids = np.zeros((1, 1)), {"pos_ids": [1, 3], "polarity_ids": [1, 2]}
    >>> own_word_ids(Utterance("u", ["great", "film"], frames, frames, annotations=ids)).pos_ids
    array([1, 3])
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

    `Corpus.save` then keeps them, so that they are made once: those that the annotator made before
    stay. Ids of another make, such as a file's own, are replaced; the annotator ``"file"`` keeps
    them. Frames are shared with the given corpus, not copied.

    Parameters
    ----------
    corpus : Corpus
        The corpus, which stays as it is.
    annotator : Annotator
        What makes the ids.
    batch_size : int
        How many utterances are given to the annotator at a time.
    progress : bool
        Whether to show a progress bar.

    Examples
    --------
    >>> frames = np.zeros((1, 1))
    >>> corpus = Corpus("tiny", train=[Utterance("u", ["great", "film"], frames, frames)])
    >>> annotate_corpus(corpus, OfflineAnnotator()).train[0].annotations["pos_ids"]
    array([1, 3])
    """
    whole = list(corpus)
    size = max(1, len(whole)) if annotator.likes_all_at_once else batch_size
    bare = [utterance for utterance in whole if ids_by(utterance, annotator) is None]
    _refuse_chinese(corpus.name, bare, annotator)
    done: list[Utterance] = []
    shown = progress and somebody_watches()  # a log file keeps no bars
    with tqdm(total=len(whole), desc="word ids", disable=not shown) as bar:
        for start in range(0, len(whole), size):
            done += with_word_ids(whole[start : start + size], annotator)
            bar.update(len(done) - bar.n)
    left = iter(done)
    splits = {name: list(islice(left, len(part))) for name, part in corpus.splits.items()}
    told = {"word_ids": f"{annotator.name}, {len(bare)} of {len(whole)} utterances"}
    return corpus.with_splits(**splits, provenance=told if bare else None)


def _refuse_chinese(corpus: str, bare: Sequence[Utterance], annotator: Annotator) -> None:
    """Refuse to make ids for Chinese words from dictionaries of English."""
    chinese = [utterance for utterance in bare if is_chinese(utterance.words)]
    if len(chinese) * 2 > len(bare) and annotator.name != "file":
        raise CENetError(
            f"{corpus}: segment {chinese[0].id} is in Chinese characters, and {annotator.name} "
            "knows English words only; leave the linguistic source out, or bring ids per word in "
            "the file"
        )


def _word_ids(pos_ids: Iterable[int], polarity_ids: Iterable[int]) -> WordIds:
    return WordIds(
        np.array(list(pos_ids), dtype=np.int64), np.array(list(polarity_ids), dtype=np.int64)
    )
