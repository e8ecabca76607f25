"""Batches of sentences of similar length, the same on one process or many.

`cenet_lib.runs.preparation` makes them for the train split; `cenet_lib.training.train_epoch` goes
through the parts of a process.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import CENetError


class Part(NamedTuple):
    """What one process works through at a time: a batch, or its share of one.

    Attributes
    ----------
    rows : list of int
        Positions of its utterances in the train split.
    weight : float
        What its mean loss counts in the batch's: 1 if all parts are of the same size.

    Examples
    --------
    >>> Part(rows=[3, 1], weight=1.0).rows
    [3, 1]
    """

    rows: list[int]
    weight: float


class LengthGroupedBatches:
    """Batches of sentences of similar length, split over processes and into parts.

    All processes draw the same batches from the seed and the epoch, and each takes its share, so
    the steps do not depend on how many there are. Padding is what makes a random batch slow: of 64
    sentences one is nearly always long.

    Parameters
    ----------
    lengths : sequence of int
        The number of tokens of each utterance.
    batch_size : int
        How many utterances make an optimizer step, over all processes.
    group : bool
        Whether to sort by length within windows of 50 batches; otherwise batches are random.
    drop_last : bool
        Whether to leave out the rest that does not fill a batch. Otherwise all batches are nearly
        equal in size, so that no step hears one lonely utterance.
    seed : int
        Where the random numbers start.
    rank, world : int
        The number of this process, from 0, and how many there are.
    accumulate : int
        How many parts each process makes of its share, one after the other, to save memory.

    Raises
    ------
    CENetError
        If a batch is smaller than the number of its parts.

    Examples
    --------
    >>> batches = LengthGroupedBatches([5, 9, 5, 9, 6, 8], batch_size=2)
    >>> [sorted(part.rows) for part in batches.parts(epoch=0)]
    [[0, 2], [4, 5], [1, 3]]
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        *,
        group: bool = True,
        drop_last: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        accumulate: int = 1,
    ):
        self.lengths = np.asarray(lengths)
        self.group, self.seed = group, seed
        self.rank, self.world, self.accumulate = rank, world, accumulate
        n = len(self.lengths)
        self.batch_size = min(batch_size, n)
        self.n_batches = n // self.batch_size if drop_last else math.ceil(n / self.batch_size)
        self.n_used = self.n_batches * self.batch_size if drop_last else n
        if self.n_used // self.n_batches < world * accumulate:
            raise CENetError(
                f"batches of {self.n_used // self.n_batches} utterances cannot be split over "
                f"{world} processes × {accumulate} parts; raise batch_size"
            )

    def __len__(self) -> int:
        return self.n_batches

    def batches(self, epoch: int = 0) -> list[np.ndarray]:
        """Return the batches of an epoch, counted from 0, before they are split over processes."""
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.lengths))[: self.n_used]
        if self.group:
            window = 50 * self.batch_size
            for start in range(0, len(order), window):
                piece = order[start : start + window]
                by_length = np.argsort(self.lengths[piece], kind="stable")
                order[start : start + window] = piece[by_length]
        batches = np.array_split(order, self.n_batches)
        return [batches[i] for i in rng.permutation(len(batches))]

    def parts(self, epoch: int = 0, skip: int = 0) -> Iterator[Part]:
        """Yield what this process works through in an epoch, but for the first ``skip`` batches."""
        n_parts = self.world * self.accumulate
        for batch in self.batches(epoch)[skip:]:
            for rows in np.array_split(batch, n_parts)[self.rank :: self.world]:
                yield Part(rows.tolist(), len(rows) * n_parts / len(batch))
