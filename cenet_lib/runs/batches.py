"""Batches of sentences of similar length, the same on one process or many."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import DataLoader, Sampler

from ..errors import CENetError


class LengthGroupedBatches(Sampler):
    """Batches for one of several processes, of sentences of similar length.

    All processes draw the same batches from the seed and the epoch, and each takes its part, so the
    steps do not depend on how many there are. Padding is what makes a random batch slow: of 64
    sentences one is nearly always long.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each utterance.
    batch_size : int
        Utterances per optimizer step, over all processes.
    group : bool
        Sort by length within windows of 50 batches; otherwise batches are random.
    drop_last : bool
        Leave out the rest that does not fill a batch. Otherwise all batches are nearly equal in
        size, so that no step hears one lonely utterance.
    seed : int
    rank, world, accumulate : int
        Of this process; number of processes; parts that each process makes of its share.

    Raises
    ------
    CENetError
        If a batch is smaller than the number of parts.
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
        self.epoch = 0
        n = len(self.lengths)
        self.batch_size = min(batch_size, n)
        self.n_batches = n // self.batch_size if drop_last else math.ceil(n / self.batch_size)
        self.n_used = self.n_batches * self.batch_size if drop_last else n
        if self.n_used // self.n_batches < world * accumulate:
            raise CENetError(
                f"batches of {self.n_used // self.n_batches} utterances cannot be split over "
                f"{world} processes × {accumulate} parts; raise batch_size"
            )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n_batches * self.accumulate

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches():
            parts = np.array_split(batch, self.world * self.accumulate)
            for part in parts[self.rank :: self.world]:
                yield part.tolist()

    def batches(self) -> list[np.ndarray]:
        """Return the epoch's batches, before they are split over processes."""
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(len(self.lengths))[: self.n_used]
        if self.group:
            window = 50 * self.batch_size
            for start in range(0, len(order), window):
                piece = order[start : start + window]
                by_length = np.argsort(self.lengths[piece], kind="stable")
                order[start : start + window] = piece[by_length]
        batches = np.array_split(order, self.n_batches)
        return [batches[i] for i in rng.permutation(len(batches))]


class EpochLoader(DataLoader):
    """A DataLoader that tells its batch sampler which epoch it is."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.batch_sampler.set_epoch(epoch)
