"""From an utterance to what the model reads, and from many to a batch.

A processor is fitted on a corpus before training, with the vocabularies of `cenet_lib.vocabulary`
and the tokenizer of the language model. It then stands in front of `cenet_lib.model` wherever
utterances are looked at, and is saved beside it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from .corpus import Corpus
from .errors import CENetError
from .files import read_json, write_json
from .frames import FrameSequences
from .fusion import READS
from .language.annotators import POLARITY_NEUTRAL, POS_OTHER, get_annotator, with_word_ids
from .language.place import backbone_folder
from .language.sentilare import is_sentilare, load_sentilare_tokenizer
from .language.tokenizer import read_tokenizer
from .terminal import warn
from .utterance import STREAMS, Utterance
from .vocabulary import FeatureVocabulary

NOTHING = "nothing"  # what a model without a fusion reads of the streams

_FILE = "cenet_processor.json"
_MEND = "train the run anew"
_SAMPLE = 200  # utterances that tell whether a tokenizer knows the language


class CENetProcessor:
    """Tokenizer, two vocabularies and, if asked for, a linguistic annotator.

    A saved processor holds everything that a prediction needs beside the model.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        The tokenizer of the language model, see `load_tokenizer`.
    visual_vocabulary, acoustic_vocabulary : FeatureVocabulary or None
        The fitted code books; ``None`` if a corpus has no such stream.
    annotator : str or None
        The name of the dictionary that knows parts of speech and polarity, see
        `cenet_lib.language.annotators.get_annotator`. Ids that came with an utterance are taken
        only if this dictionary made them, or if it is ``"file"``.
    max_length : int
        Most word pieces per utterance, special tokens included; 50 in the published code.
    pad_frames_to : int or None
        The number of frames up to which padding codes are counted and at which longer streams are
        cut: 50 in the published code. The model must attend to padding (``mask_padding=False``) for
        it to matter.
    reads : str
        What the fusion reads of the streams, see `cenet_lib.fusion`: ``"counts"`` of codes; beside
        them the standardised ``"frames"``, as many as there are; or ``"aligned"``, one per token.
        ``"nothing"``: words only, whatever the channels are.

    Raises
    ------
    CENetError
        If there is no such annotator or way to read, or ``max_length`` leaves no room for words.

    Examples
    --------
    >>> frames = np.array([[0.0], [0.1], [7.0], [7.1]])
    >>> great = Utterance("u", ["great", "film"], frames, frames, label=2.0)
    >>> processor = CENetProcessor.fit(
    ...     Corpus("tiny", train=[great]), "minilm", n_visual_codes=2, n_acoustic_codes=2
    ... )
    >>> encoded = processor(great)
    >>> encoded["word_index"].tolist(), encoded["visual_counts"].tolist()
    ([-1, 0, 1, -1], [2, 2, 0])
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        visual_vocabulary: FeatureVocabulary | None,
        acoustic_vocabulary: FeatureVocabulary | None,
        *,
        annotator: str | None = None,
        max_length: int = 50,
        pad_frames_to: int | None = None,
        reads: str = "counts",
    ):
        if reads not in (*READS, NOTHING):
            raise CENetError(f"reads is {reads!r}; choose one of {', '.join((*READS, NOTHING))}")
        special = tokenizer.num_special_tokens_to_add()
        if max_length <= special:
            raise CENetError(
                f"max_length {max_length} leaves no room for words beside {special} special tokens"
            )
        self.tokenizer = tokenizer
        self.vocabularies = {"visual": visual_vocabulary, "acoustic": acoustic_vocabulary}
        self.annotator_name = annotator
        self._annotator = get_annotator(annotator) if annotator else None
        self.max_length = max_length
        self.pad_frames_to = pad_frames_to
        self.reads = reads

    @classmethod
    def fit(
        cls,
        corpus: Corpus,
        backbone: str | Path = "minilm",
        *,
        n_visual_codes: int = 16,
        n_acoustic_codes: int = 16,
        seed: int = 0,
        progress: bool = False,
        **options: Any,
    ) -> "CENetProcessor":
        """Fit both vocabularies on the train split's real frames; load the backbone's tokenizer.

        Parameters
        ----------
        corpus : Corpus
            The corpus to train on.
        backbone : str or Path
            The language model: ``"minilm"``, a folder, or a model hub's name.
        n_visual_codes, n_acoustic_codes : int
            The sizes k of the vocabularies.
        seed : int
            The random state of k-means.
        progress : bool
            Whether to show a bar for each vocabulary.
        **options
            The keyword parameters of `CENetProcessor`.

        Raises
        ------
        CENetError
            If the train split is empty or has fewer distinct frames than codes.
        """
        train = corpus.split("train")
        tokenizer = load_tokenizer(backbone)  # first, for k-means takes its time
        _warn_of_unknown_words(corpus, tokenizer, backbone)
        vocabularies: list[FeatureVocabulary | None] = []
        for stream, n_codes in zip(STREAMS, (n_visual_codes, n_acoustic_codes), strict=True):
            frames = FrameSequences(train, stream)
            if not any(len(piece) for piece in frames):
                vocabularies.append(None)
                continue
            vocabulary = FeatureVocabulary(n_codes, random_state=seed)
            try:
                channels = corpus.feature_names[stream]
                vocabularies.append(vocabulary.fit(frames, channels=channels, progress=progress))
            except CENetError as error:
                raise CENetError(f"{corpus.name}: train, {stream} stream: {error}") from error
        return cls(tokenizer, *vocabularies, **options)

    def __call__(self, utterance: Utterance) -> dict[str, Any]:
        """Encode one utterance.

        Returns
        -------
        dict
            ``input_ids`` (T,); ``word_index`` (T,), the word of each token, -1 for special tokens;
            ``visual_counts``, ``acoustic_counts`` (k+1,); with an annotator ``pos_ids`` and
            ``polarity_ids`` (T,); if asked for, ``visual``, ``acoustic`` (N, d_m); and ``labels``,
            if the utterance has one.

        Raises
        ------
        CENetError
            If a stream's width is not the vocabulary's.
        """
        (features,) = self._encode([utterance])
        return features

    def encoded(
        self, utterances: Iterable[Utterance], at_once: int = 64
    ) -> Iterator[dict[str, Any]]:
        """Encode many utterances, in their order: the same as one by one, in less time.

        Of ``at_once`` utterances, the texts are cut into pieces in one call, and the codes of a
        stream are found in one. More at once gain nothing and take memory.
        """
        stream = iter(utterances)
        while some := list(islice(stream, at_once)):
            yield from self._encode(some)

    def _encode(self, utterances: Sequence[Utterance]) -> list[dict[str, Any]]:
        pieces = self.tokenizer(
            [list(utterance.words) for utterance in utterances],
            is_split_into_words=True,
            truncation=True,
            max_length=self.max_length,
        )
        codes = [self._codes_read(utterances, stream) for stream in STREAMS]
        if self._annotator is not None:
            utterances = with_word_ids(utterances, self._annotator)
        encoded = []
        for i, utterance in enumerate(utterances):
            word_index = np.array([-1 if w is None else w for w in pieces.word_ids(i)])  # (T,)
            features: dict[str, Any] = {
                "input_ids": np.array(pieces["input_ids"][i]),
                "word_index": word_index,
                **{f"{s}_counts": self._count(c[i], s) for s, c in zip(STREAMS, codes)},
                **self._known_of_words(utterance, word_index),
                **self._frames_read(utterance, word_index),
            }
            if utterance.label is not None:
                features["labels"] = utterance.label
            encoded.append(features)
        return encoded

    def _known_of_words(self, utterance: Utterance, word_index: np.ndarray) -> dict[str, Any]:
        """Return what the annotator knows of each token, if there is one."""
        if self._annotator is None:
            return {}
        known = utterance.annotations
        # A word's ids are repeated over its pieces; index -1 picks the filler for the rest.
        return {
            "pos_ids": np.append(known["pos_ids"], POS_OTHER)[word_index],
            "polarity_ids": np.append(known["polarity_ids"], POLARITY_NEUTRAL)[word_index],
        }

    def _frames_read(self, utterance: Utterance, word_index: np.ndarray) -> dict[str, Any]:
        """Return the frames of each stream as the fusion reads them, if it reads any."""
        found = {}
        for stream in STREAMS if self.reads in ("frames", "aligned") else ():
            frames = self.standardized(utterance, stream)  # (n, d_m)
            if self.reads == "aligned":
                frames = per_word(frames, len(utterance.words))[word_index]  # (T, d_m)
            found[stream] = frames
        return found

    def ahead(self, utterances: Iterable[Utterance]) -> Iterable[Utterance]:
        """Return utterances with their word ids, where the annotator likes all at once.

        Otherwise they are returned as they are: each gets its ids when it is encoded.
        """
        if self._annotator is None or not self._annotator.likes_all_at_once:
            return utterances
        return with_word_ids(utterances, self._annotator)

    def check_channels(self, corpus: Corpus) -> None:
        """Refuse a corpus whose channels have other names than those it was fitted on.

        A model that reads words only is asked to predict on any.

        Raises
        ------
        CENetError
            It names the stream and the first channel that differs.
        """
        for stream, vocabulary in self.vocabularies.items():
            if vocabulary is not None and self.reads != NOTHING:
                where = f"{corpus.name}: {stream} stream"
                vocabulary.check_channels(corpus.feature_names[stream], where)

    def codes(self, utterance: Utterance, stream: str) -> np.ndarray:
        """Return the code (n,) of each frame of a stream; empty without a vocabulary."""
        (codes,) = self._codes([utterance], stream)
        return codes

    def _codes_read(self, utterances: Sequence[Utterance], stream: str) -> list[np.ndarray]:
        """Return the codes (n,) for each utterance; none where the model reads words only."""
        if self.reads == NOTHING:
            return [np.zeros(0, dtype=np.int64) for _ in utterances]
        return self._codes(utterances, stream)

    def _codes(self, utterances: Sequence[Utterance], stream: str) -> list[np.ndarray]:
        """Return the codes (n,) of a stream for each utterance, found in one call."""
        vocabulary = self.vocabularies[stream]
        lengths = [0] * len(utterances)
        pieces = []
        for i, utterance in enumerate(utterances):
            if vocabulary is not None and len(utterance.frames(stream)):
                pieces.append(self._readable(utterance, stream, vocabulary))
                lengths[i] = len(pieces[-1])
        if vocabulary is None or not pieces:
            return [np.zeros(0, dtype=np.int64) for _ in utterances]
        frames = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return np.split(vocabulary.predict(frames), np.cumsum(lengths)[:-1])

    def standardized(self, utterance: Utterance, stream: str) -> np.ndarray:
        """Return the frames (n, d_m) of a stream in units of the train split."""
        vocabulary, frames = self.vocabularies[stream], utterance.frames(stream)
        if vocabulary is None or len(frames) == 0:
            return np.zeros((0, self.n_features(stream)), dtype=np.float32)
        return vocabulary.standardize(self._readable(utterance, stream, vocabulary))

    def _readable(
        self, utterance: Utterance, stream: str, vocabulary: FeatureVocabulary
    ) -> np.ndarray:
        """Return the frames (n, d_m) of a stream that the vocabulary is to read."""
        frames = utterance.frames(stream)
        if frames.shape[1] != vocabulary.n_features_in_:
            raise CENetError(
                f"{utterance.id}: {stream} has {frames.shape[1]} columns, the vocabulary was "
                f"fitted on {vocabulary.n_features_in_}; extract the same features, or train anew"
            )
        return frames[: self.pad_frames_to]

    def counts(self, utterance: Utterance, stream: str) -> np.ndarray:
        """Return how often each code of a stream occurs, (k+1,), padding last."""
        return self._count(self.codes(utterance, stream), stream)

    def _count(self, codes: np.ndarray, stream: str) -> np.ndarray:
        counts = np.bincount(codes, minlength=self.n_codes(stream) + 1)
        if self.pad_frames_to is not None:
            counts[-1] = self.pad_frames_to - len(codes)
        return counts

    def n_codes(self, stream: str) -> int:
        """Return the size k of a stream's vocabulary; 1 where there is none."""
        vocabulary = self.vocabularies[stream]
        return 1 if vocabulary is None else vocabulary.n_codes

    def n_features(self, stream: str) -> int:
        """Return the columns d_m of a stream's frames; 1 where there is no vocabulary."""
        vocabulary = self.vocabularies[stream]
        return 1 if vocabulary is None else vocabulary.n_features_in_

    def collate(self, features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Put encoded utterances into one batch, padded to its longest text.

        Returns
        -------
        dict of tensors
            ``input_ids``, ``attention_mask``; if present, ``pos_ids``, ``polarity_ids``: (B, T);
            ``visual_counts``, ``acoustic_counts``: (B, k+1); if present, ``visual``, ``acoustic``
            (B, N, d_m) with ``visual_mask``, ``acoustic_mask`` (B, N), N that of the longest
            stream; ``labels``: (B,), if all have one.
        """
        length = max(len(f["input_ids"]) for f in features)  # T
        fillers = {
            "input_ids": self.tokenizer.pad_token_id,
            "pos_ids": POS_OTHER,
            "polarity_ids": POLARITY_NEUTRAL,
        }
        batch = {}
        for name, filler in fillers.items():
            if name in features[0]:
                batch[name] = torch.full((len(features), length), filler)
                for row, f in zip(batch[name], features, strict=True):
                    row[: len(f[name])] = torch.as_tensor(f[name])
        batch["attention_mask"] = torch.zeros(len(features), length, dtype=torch.long)
        for row, f in zip(batch["attention_mask"], features, strict=True):
            row[: len(f["input_ids"])] = 1
        for stream in STREAMS:
            name = f"{stream}_counts"
            batch[name] = torch.as_tensor(np.stack([f[name] for f in features]))
            if stream in features[0]:
                pieces = [torch.as_tensor(f[stream]) for f in features]  # (n, d_m) each
                lengths = [len(piece) for piece in pieces]
                batch[stream] = torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True)
                places = torch.arange(max(lengths))  # (N,)
                batch[f"{stream}_mask"] = places < torch.tensor(lengths)[:, None]  # (B, N)
        if all("labels" in f for f in features):
            batch["labels"] = torch.tensor([f["labels"] for f in features], dtype=torch.float32)
        return batch

    def inputs(
        self, features: Sequence[Mapping[str, Any]], device: torch.device
    ) -> dict[str, Tensor]:
        """Collate encoded utterances without their labels, on a device: to predict on."""
        batch = self.collate(features)
        batch.pop("labels", None)
        return {name: tensor.to(device) for name, tensor in batch.items()}

    def batch(self, utterances: Sequence[Utterance]) -> dict[str, Tensor]:
        """Encode and collate utterances: what the model's ``forward`` takes."""
        return self.collate(list(self.encoded(utterances)))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write tokenizer, vocabularies and parameters into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(folder)
        for stream, vocabulary in self.vocabularies.items():
            if vocabulary is not None:
                vocabulary.save(folder / f"{stream}_vocabulary")
        parameters = {
            "vocabularies": [s for s, v in self.vocabularies.items() if v is not None],
            "annotator": self.annotator_name,
            "max_length": self.max_length,
            "pad_frames_to": self.pad_frames_to,
            "reads": self.reads,
        }
        write_json(folder / _FILE, parameters)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "CENetProcessor":
        """Read what `save_pretrained` wrote; needs no network.

        Raises
        ------
        CENetError
            If a file is missing or damaged.
        """
        folder = Path(folder)
        if not (folder / _FILE).exists():
            raise CENetError(f"{folder}: holds no processor ({_FILE} is missing)")
        parameters = read_json(folder / _FILE, _MEND)
        try:
            streams = tuple(parameters.pop("vocabularies"))
            _check_kinds(parameters)
        except (KeyError, TypeError) as error:
            raise CENetError(f"{folder / _FILE}: is damaged ({error}); {_MEND}") from error
        vocabularies = [
            FeatureVocabulary.load(folder / f"{stream}_vocabulary") if stream in streams else None
            for stream in STREAMS
        ]
        tokenizer = load_tokenizer(folder)
        try:
            return cls(tokenizer, *vocabularies, **parameters)
        except (TypeError, CENetError) as error:
            raise CENetError(f"{folder / _FILE}: is damaged ({error}); {_MEND}") from error


def _check_kinds(parameters: Mapping[str, Any]) -> None:
    """Raise a TypeError if a saved parameter is of another kind than those that are saved."""
    kinds = {"annotator": str, "max_length": int, "pad_frames_to": int, "reads": str}
    for name, value in parameters.items():
        wanted = kinds.get(name, object)
        if value is None and name in ("annotator", "pad_frames_to"):
            continue
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r:.60}")
        if isinstance(value, int) and not 0 < value < 10**6:
            raise TypeError(f"{name} is {value!r:.60}")


def _warn_of_unknown_words(
    corpus: Corpus, tokenizer: PreTrainedTokenizerBase, backbone: str | Path
) -> None:
    """Say so if the language model knows few of the words, as one of another language does."""
    words = [word for utterance in corpus.train[:_SAMPLE] for word in utterance.words]
    ids = tokenizer(
        words,
        is_split_into_words=True,
        add_special_tokens=False,
        verbose=False,  # the words of many sentences are more than any model reads
    )["input_ids"]
    unknown = sum(id == tokenizer.unk_token_id for id in ids)
    if unknown * 2 > len(ids):
        warn(
            f"{backbone} does not know {unknown / len(ids):.0%} of the words of "
            f"{corpus.name}; choose a language model of its language"
        )


def load_tokenizer(backbone: str | Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a backbone, fit to take a list of words.

    Raises
    ------
    CENetError
        If there is no tokenizer, or it cannot tell which word a piece belongs to.

    Examples
    --------
    >>> tokenizer = load_tokenizer("minilm")
    >>> tokenizer(["unwatchable", "film"], is_split_into_words=True).word_ids()
    [None, 0, 0, 0, 1, None]
    """
    place = backbone_folder(backbone, "tokenizer")
    return load_sentilare_tokenizer(place) if is_sentilare(place) else read_tokenizer(place)


def per_word(frames: np.ndarray, n_words: int) -> np.ndarray:
    """Return the average frame of each word, and zeros at the end: (n_words + 1, d_m).

    Words have no times here, so each gets its share of the utterance, at least one frame. Where a
    file has one frame per word, that is exactly the word's own.

    Examples
    --------
    >>> per_word(np.array([[1.0], [3.0], [5.0], [5.0]]), 2).tolist()
    [[2.0], [5.0], [0.0]]
    """
    aligned = np.zeros((n_words + 1, frames.shape[1]), dtype=np.float32)
    n = len(frames)
    for word in range(n_words if n else 0):
        first = word * n // n_words
        aligned[word] = frames[first : max(first + 1, (word + 1) * n // n_words)].mean(0)  # (d_m,)
    return aligned
