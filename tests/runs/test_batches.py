"""Batches: every utterance once, of similar length, the same on one process or many."""

import numpy as np
import pytest

from cenet_lib import CENetError
from cenet_lib.runs.batches import LengthGroupedBatches


def lengths(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(3, 50, n)


def rows(batches: LengthGroupedBatches, epoch: int = 0) -> list[list[int]]:
    return [part.rows for part in batches.parts(epoch)]


@pytest.mark.parametrize("n", [32, 33, 47, 64, 1284])
@pytest.mark.parametrize("group", [True, False])
def test_every_utterance_comes_once_an_epoch(n, group):
    batches = rows(LengthGroupedBatches(lengths(n), 16, group=group))
    assert sorted(i for batch in batches for i in batch) == list(range(n))
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= 16
    assert max(sizes) - min(sizes) <= 1


def test_drop_last_leaves_out_what_fills_no_batch():
    drawn = LengthGroupedBatches(lengths(47), 16, drop_last=True)
    batches = rows(drawn)
    assert [len(batch) for batch in batches] == [16, 16]
    left_out = set(range(47)) - {i for batch in batches for i in batch}
    assert left_out != set(range(47)) - {i for batch in rows(drawn, epoch=1) for i in batch}


def test_epochs_differ_and_the_same_epoch_does_not():
    drawn = LengthGroupedBatches(lengths(64), 8, seed=1)
    first = rows(drawn)
    assert rows(drawn, epoch=1) != first
    assert rows(drawn) == first


def test_grouping_saves_padding():
    n = lengths(1284)

    def padding(group):
        batches = rows(LengthGroupedBatches(n, 32, group=group))
        return sum(n[batch].max() * len(batch) - n[batch].sum() for batch in batches)

    assert padding(True) < 0.1 * padding(False)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_processes_share_the_batches_of_one(world, accumulate):
    n = lengths(100)
    alone = LengthGroupedBatches(n, 12).batches()
    parts = [
        rows(LengthGroupedBatches(n, 12, rank=rank, world=world, accumulate=accumulate))
        for rank in range(world)
    ]
    assert len({len(p) for p in parts}) == 1  # the same number of steps for each
    for step, batch in enumerate(alone):
        begin, end = step * accumulate, (step + 1) * accumulate
        together = [i for p in parts for piece in p[begin:end] for i in piece]
        assert sorted(together) == sorted(batch)
        assert all(piece for p in parts for piece in p[begin:end])


@pytest.mark.parametrize(("world", "accumulate"), [(1, 1), (2, 2), (3, 1)])
def test_weighted_parts_add_up_to_the_mean_of_the_batch(world, accumulate):
    losses = np.random.default_rng(0).random(101)
    drawn = [
        LengthGroupedBatches(lengths(101), 13, rank=rank, world=world, accumulate=accumulate)
        for rank in range(world)
    ]
    parts = [list(batches.parts(epoch=2)) for batches in drawn]
    for step, batch in enumerate(drawn[0].batches(epoch=2)):
        mine = [p for of in parts for p in of[step * accumulate : (step + 1) * accumulate]]
        mean = np.mean([losses[part.rows].mean() * part.weight for part in mine])
        assert mean == pytest.approx(losses[batch].mean())


def test_an_epoch_goes_on_where_it_was_left():
    drawn = LengthGroupedBatches(lengths(64), 8, accumulate=2)
    assert list(drawn.parts(epoch=3, skip=5)) == list(drawn.parts(epoch=3))[10:]


def test_batches_too_small_to_split_are_refused():
    with pytest.raises(CENetError, match="cannot be split over 4 processes × 2 parts; raise batch"):
        LengthGroupedBatches(lengths(20), 6, world=4, accumulate=2)
