"""A corpus: utterances in three splits, and what is known about all of them.

It comes from a reader (`cenet_lib.corpora.load_corpus`) or is put together by hand, and everything
that is fitted, trained or measured later begins with it. `Corpus.save` keeps it in the form of
`cenet_lib.store`, and `Corpus.load` opens that form at once, whatever its size.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import CENetError
from .store import Outline, StoredUtterances, read_store, write_store
from .utterance import SPLITS, STREAMS, Utterance, checked_range


class Corpus:
    """Utterances in three splits, with the names of their channels and where they come from.

    Parameters
    ----------
    name : str
    train, valid, test : sequences of Utterance
        The utterances to fit on, to choose on, and to look at once at the end. Each may be empty
        here; whoever needs a split asks for it with `split`. They are kept as they are given, so
        the splits of a stored corpus stay on disk.
    visual_names, acoustic_names : sequences of str, optional
        One name per channel (column of the frames).
    label_range : (float, float)
        The lowest and the highest label. Labels outside are an error.
    provenance : mapping, optional
        Where the data come from and what was done to them, as plain JSON values.

    Attributes
    ----------
    splits : dict of str to sequence of Utterance
        The splits by name, ``train``, ``valid`` and ``test``.
    feature_names : dict of str to tuple of str or None
        The names of the channels of ``visual`` and ``acoustic``; None if they have none.

    Raises
    ------
    CENetError
        If an id occurs twice, utterances differ in their number of channels, a label is out of
        range, or the range is not two finite numbers.

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
        self.label_range = checked_range(label_range, name)
        self.provenance = dict(provenance or {})
        names = {"visual": visual_names, "acoustic": acoustic_names}
        self.feature_names = {
            stream: None if given is None else tuple(given) for stream, given in names.items()
        }
        self._check()

    def _check(self) -> None:
        """Look at every utterance once."""
        seen: dict[str, str] = {}
        widths = {s: len(n) for s, n in self.feature_names.items() if n is not None}
        low, high = self.label_range
        outlines = ((split, one) for split in SPLITS for one in _outlines(self.splits[split]))
        for split, (id, label, found) in outlines:
            where = f"{self.name}: {split} segment {id}"
            if id in seen:
                raise CENetError(
                    f"{where}: the id occurs twice (also in {seen[id]}); ids must be unique, "
                    "rename or drop one"
                )
            seen[id] = split
            for stream, width in found.items():
                if widths.setdefault(stream, width) != width:
                    raise CENetError(
                        f"{where}: {stream} has {width} columns where {widths[stream]} were "
                        "expected; every segment needs the same features"
                    )
            if label is not None and not low <= label <= high:
                raise CENetError(
                    f"{where}: the label {label:.12g} is outside [{low:g}, {high:g}]; rescale "
                    "the labels or give the right label_range"
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
            Parts of this corpus or changed utterances of it; a slice of a stored split stays on
            disk.
        provenance : mapping, optional
            What was done to the utterances; it is added to the provenance of this corpus.

        Raises
        ------
        CENetError
            As in the constructor.

        Examples
        --------
        >>> import numpy as np
        >>> nine = [Utterance(str(i), ["so"], np.ones((1, 2)), np.ones((1, 3))) for i in range(9)]
        >>> Corpus("nine", nine).with_splits(nine[:6], nine[6:8], nine[8:])
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

        The frames of a stream that is cut are copied into memory.

        Parameters
        ----------
        visual, acoustic : sequences of str, optional
            Names of the channels to keep; a stream that is left out keeps all of its channels.

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
        names = dict(self.feature_names)
        columns: dict[str, list[int] | slice] = dict.fromkeys(STREAMS, slice(None))
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
            return utterance.with_frames(
                visual=utterance.visual[:, columns["visual"]],
                acoustic=utterance.acoustic[:, columns["acoustic"]],
            )

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

        Examples
        --------
        >>> Corpus("empty").split("test")
        Traceback (most recent call last):
        cenet_lib.errors.CENetError: empty: the test split is empty (train 0, valid 0, test 0); \
it is needed here
        """
        if name not in self.splits:
            raise CENetError(f"there is no split {name!r}; splits are {', '.join(SPLITS)}")
        if len(self.splits[name]) == 0:
            raise CENetError(
                f"{self.name}: the {name} split is empty ({self._sizes()}); it is needed here"
            )
        return self.splits[name]

    def outlines(self, split: str) -> Iterator[Outline]:
        """Yield what is known of the utterances of a split without reading their frames.

        Examples
        --------
        >>> import numpy as np
        >>> one = Utterance("v1[0]", ["so"], np.ones((4, 2)), np.ones((6, 3)))
        >>> [outline.label for outline in Corpus("tiny", [one]).outlines("train")]
        [None]
        """
        return _outlines(self.splits[split])

    def items(self) -> Iterator[tuple[str, Utterance]]:
        """Yield the name of the split and the utterance, for all utterances split by split."""
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
        """Return the SHA-256 over all ids, words, labels, frames and word ids, in hexadecimal.

        The same data have the same fingerprint, in whatever form the corpus is kept.
        """
        digest = hashlib.sha256()
        for split, utterance in self.items():
            head = (split, utterance.id, utterance.words, utterance.label)
            digest.update(repr(head).encode("utf-8", "surrogatepass"))
            for stream in STREAMS:
                frames = np.ascontiguousarray(utterance.frames(stream))
                digest.update(repr(frames.shape).encode())
                digest.update(frames.data)
            # What a model reads beside them. Other annotations decide nothing.
            for name in sorted({"pos_ids", "polarity_ids"} & utterance.annotations.keys()):
                ids = np.asarray(utterance.annotations[name])
                digest.update(
                    repr((name, ids.shape, ids.tolist())).encode("utf-8", "surrogatepass")
                )
        return digest.hexdigest()

    def save(self, folder: str | Path) -> None:
        """Write the corpus to a new folder, in the form of `cenet_lib.store`.

        Parameters
        ----------
        folder : str or Path
            The folder to make; it must not exist yet.

        Raises
        ------
        CENetError
            If the folder exists, the disk refuses, or two utterances disagree on an annotation's
            kind.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Corpus("empty").save(f"{folder}/empty")
        ...     Corpus.load(f"{folder}/empty")
        Corpus('empty': train 0, valid 0, test 0; features: visual 0, acoustic 0)
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

        Parameters
        ----------
        folder : str or Path

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


def _outlines(utterances: Sequence[Utterance]) -> Iterator[Outline]:
    """Yield what is checked of each utterance; those of a store need not be made for it."""
    if isinstance(utterances, StoredUtterances):
        yield from utterances.outlines()
    else:
        for utterance in utterances:
            widths = {stream: utterance.frames(stream).shape[1] for stream in STREAMS}
            yield Outline(utterance.id, utterance.label, widths)
