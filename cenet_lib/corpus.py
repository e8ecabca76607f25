"""A corpus: utterances in three splits, and what is known about all of them.

It comes from a reader (`cenet_lib.corpora.load_corpus`) or is put together by hand, and everything
that is fitted, trained or measured later begins with it. `Corpus.save` keeps it in the form of
`cenet_lib.store`, and `Corpus.load` opens that form at once, whatever its size.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import CENetError
from .store import read_store, write_store
from .utterance import SPLITS, STREAMS, Utterance


class Corpus:
    """Utterances in three splits, with the names of their channels and where they come from.

    Parameters
    ----------
    name : str
    train, valid, test : sequences of Utterance
        The utterances to fit on, to choose on, and to look at once at the end. Each may be empty
        here; whoever needs a split asks for it with `split`.
    visual_names, acoustic_names : sequences of str, optional
        One name per channel (feature column).
    label_range : (float, float)
        The lowest and the highest label. Labels outside are an error.
    provenance : mapping, optional
        Where the data come from and what was done to them, as plain JSON values.

    Raises
    ------
    CENetError
        If an id occurs twice, feature widths differ, or a label is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> great = Utterance("v1[0]", ["great"], np.ones((4, 2)), np.ones((6, 3)), 2.4)
    >>> Corpus("tiny", train=[great], visual_names=["smile", "frown"])
    Corpus('tiny': train 1, valid 0, test 0; features: visual 2, acoustic 3)
    """

    def __init__(
        self,
        name: str,
        train: Sequence[Utterance] = (),
        valid: Sequence[Utterance] = (),
        test: Sequence[Utterance] = (),
        *,
        visual_names: Sequence[str] | None = None,
        acoustic_names: Sequence[str] | None = None,
        label_range: tuple[float, float] = (-3.0, 3.0),
        provenance: Mapping[str, Any] | None = None,
    ):
        self.name = name
        self.splits: dict[str, Sequence[Utterance]] = {"train": train, "valid": valid, "test": test}
        self.label_range = (float(label_range[0]), float(label_range[1]))
        self.provenance = dict(provenance or {})
        names = {"visual": visual_names, "acoustic": acoustic_names}
        self.feature_names = {
            stream: None if given is None else tuple(given) for stream, given in names.items()
        }
        self._check()

    def _check(self) -> None:
        """Look at every utterance once, except those from a store, which were looked at there."""
        seen: dict[str, str] = {}
        widths = {s: len(n) for s, n in self.feature_names.items() if n is not None}
        low, high = self.label_range
        unchecked = (
            (split, utterance)
            for split, utterances in self.splits.items()
            if not getattr(utterances, "is_checked", False)
            for utterance in utterances
        )
        for split, utterance in unchecked:
            where = f"{self.name}: {split} segment {utterance.id}"
            if utterance.id in seen:
                raise CENetError(
                    f"{where}: the id occurs twice (also in {seen[utterance.id]}); ids must be "
                    "unique, rename or drop one"
                )
            seen[utterance.id] = split
            for stream in STREAMS:
                width = utterance.frames(stream).shape[1]
                if widths.setdefault(stream, width) != width:
                    raise CENetError(
                        f"{where}: {stream} has {width} columns where {widths[stream]} were "
                        "expected; every segment needs the same features"
                    )
            if utterance.label is not None and not low <= utterance.label <= high:
                raise CENetError(
                    f"{where}: the label {utterance.label:g} is outside [{low:g}, {high:g}]; "
                    "rescale the labels or give the right label_range"
                )

    def with_splits(
        self,
        train: Sequence[Utterance],
        valid: Sequence[Utterance],
        test: Sequence[Utterance],
        provenance: Mapping[str, Any] | None = None,
    ) -> "Corpus":
        """Return a corpus of other utterances that is the same in everything else.

        Parameters
        ----------
        train, valid, test : sequences of Utterance
        provenance : mapping, optional
            What was done to the utterances; it is added to the provenance of this corpus.

        Raises
        ------
        CENetError
            As in the constructor.

        Examples
        --------
        >>> import numpy as np
        >>> words = [Utterance(str(i), ["so"], np.ones((1, 2)), np.ones((1, 3))) for i in range(9)]
        >>> Corpus("nine", words).with_splits(words[:6], words[6:8], words[8:])
        Corpus('nine': train 6, valid 2, test 1; features: visual 2, acoustic 3)
        """
        return Corpus(
            self.name,
            train,
            valid,
            test,
            visual_names=self.feature_names["visual"],
            acoustic_names=self.feature_names["acoustic"],
            label_range=self.label_range,
            provenance={**self.provenance, **(provenance or {})},
        )

    def select_channels(
        self, visual: Sequence[str] | None = None, acoustic: Sequence[str] | None = None
    ) -> "Corpus":
        """Return a corpus whose streams have only some of their channels, in the order given.

        Parameters
        ----------
        visual, acoustic : sequences of str, optional
            Names of the channels to keep; left out, a stream keeps all.

        Raises
        ------
        CENetError
            If the channels have no names, or there is none of that name.

        Examples
        --------
        >>> import numpy as np
        >>> one = Utterance("v1[0]", ["so"], np.ones((4, 2)), np.ones((6, 3)))
        >>> tiny = Corpus("tiny", [one], visual_names=["smile", "frown"])
        >>> tiny.select_channels(visual=["frown"])
        Corpus('tiny': train 1, valid 0, test 0; features: visual 1, acoustic 3)
        """
        names, columns = dict(self.feature_names), {}
        for stream, wanted in (("visual", visual), ("acoustic", acoustic)):
            if wanted is None:
                continue
            known = names[stream] or ()
            missing = [name for name in wanted if name not in known]
            if missing:
                raise CENetError(
                    f"{self.name}: has no {stream} channel {missing[0]!r}; "
                    f"it has {', '.join(known) or 'no names for its channels'}"
                )
            names[stream] = tuple(wanted)
            columns[stream] = [known.index(name) for name in wanted]

        def cut(utterance: Utterance) -> Utterance:
            frames = {stream: utterance.frames(stream)[:, c] for stream, c in columns.items()}
            return replace(utterance, **frames)  # type: ignore[arg-type]

        return Corpus(
            self.name,
            *([cut(utterance) for utterance in self.splits[split]] for split in SPLITS),
            visual_names=names["visual"],
            acoustic_names=names["acoustic"],
            label_range=self.label_range,
            provenance=self.provenance,
        )

    @property
    def train(self) -> Sequence[Utterance]:
        """The utterances to fit on."""
        return self.splits["train"]

    @property
    def valid(self) -> Sequence[Utterance]:
        """The utterances to choose on."""
        return self.splits["valid"]

    @property
    def test(self) -> Sequence[Utterance]:
        """The utterances to look at once, at the end."""
        return self.splits["test"]

    def split(self, name: str) -> Sequence[Utterance]:
        """Return a split that must not be empty.

        Raises
        ------
        CENetError
            If there is no such split or it has no utterances.
        """
        if name not in self.splits:
            raise CENetError(f"there is no split {name!r}; splits are {', '.join(SPLITS)}")
        if len(self.splits[name]) == 0:
            raise CENetError(
                f"{self.name}: the {name} split is empty ({self._sizes()}); it is needed here"
            )
        return self.splits[name]

    def items(self) -> Iterator[tuple[str, Utterance]]:
        """Yield every utterance with the name of its split."""
        for split, utterances in self.splits.items():
            for utterance in utterances:
                yield split, utterance

    def __iter__(self) -> Iterator[Utterance]:
        return (utterance for _, utterance in self.items())

    def __len__(self) -> int:
        return sum(len(utterances) for utterances in self.splits.values())

    def width(self, stream: str) -> int:
        """Return the number of channels of ``"visual"`` or ``"acoustic"``."""
        names = self.feature_names[stream]
        if names is not None:
            return len(names)
        return next((u.frames(stream).shape[1] for u in self), 0)

    def fingerprint(self) -> str:
        """Return the SHA-256 over all ids, words, labels and frames: the same data, the same text.

        It does not depend on the form the corpus is kept in.
        """
        digest = hashlib.sha256()
        for split, utterance in self.items():
            head = (split, utterance.id, utterance.words, utterance.label)
            digest.update(repr(head).encode("utf-8", "surrogatepass"))
            for stream in STREAMS:
                frames = np.ascontiguousarray(utterance.frames(stream))
                digest.update(repr(frames.shape).encode())
                digest.update(frames.data)
        return digest.hexdigest()

    def save(self, folder: str | Path) -> None:
        """Write the corpus to a new folder, in the form of `cenet_lib.store`.

        Raises
        ------
        CENetError
            If the folder exists, the disk refuses, or two utterances disagree on an annotation's
            kind.
        """
        header = {
            "name": self.name,
            "label_range": self.label_range,
            "feature_names": self.feature_names,
            "provenance": self.provenance,
        }
        write_store(folder, self.splits, {s: self.width(s) for s in STREAMS}, header)

    @classmethod
    def load(cls, folder: str | Path) -> "Corpus":
        """Open a folder that `save` wrote; frames stay on disk until they are read.

        Raises
        ------
        CENetError
            If a file is missing or was damaged.
        """
        splits, header = read_store(folder)
        names = header["feature_names"]
        return cls(
            header["name"],
            **splits,
            visual_names=names["visual"],
            acoustic_names=names["acoustic"],
            label_range=header["label_range"],
            provenance=header["provenance"],
        )

    def _sizes(self) -> str:
        return ", ".join(f"{split} {len(self.splits[split])}" for split in SPLITS)

    def __repr__(self) -> str:
        widths = ", ".join(f"{stream} {self.width(stream)}" for stream in STREAMS)
        return f"Corpus({self.name!r}: {self._sizes()}; features: {widths})"
