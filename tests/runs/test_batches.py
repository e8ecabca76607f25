"""The parts of the trainer: batches, parameter groups, what attention is summarised to."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import make_corpus

from cenet_lib import CENetError, Corpus, TrainingSettings, train
from cenet_lib.prediction import attention_summary
from cenet_lib.runs.batches import LengthGroupedBatches
from cenet_lib.runs.checkpoints import TrainingState
from cenet_lib.runs.preparation import parameter_groups


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


def test_parameter_groups_hold_each_parameter_once_with_its_rate(small_run):
    settings = TrainingSettings(lr_backbone=1.0, lr_fusion=2.0, lr_head=3.0, weight_decay=0.5)
    groups = {group["name"]: group for group in parameter_groups(small_run.model, settings)}
    assert {name: group["lr"] for name, group in groups.items()} == {
        **{"backbone/decay": 1.0, "backbone/no decay": 1.0, "fusion/decay": 2.0},
        **{"fusion/no decay": 2.0, "head/decay": 3.0, "head/no decay": 3.0},
    }
    for name, group in groups.items():
        decays = name.endswith("/decay")
        assert group["weight_decay"] == (0.5 if decays else 0.0)
        assert all((p.ndim > 1) == decays for p in group["params"])
    listed = [id(p) for group in groups.values() for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in small_run.model.parameters())


def test_attention_summary_agrees_with_a_plain_computation(small_run, small_corpus):
    processor, model = small_run.processor, small_run.model
    features = [processor(utterance) for utterance in small_corpus.valid]
    summary = attention_summary(model, processor, features)
    rows = []
    with torch.no_grad():
        for feature in features:
            batch = processor.collate([feature])
            batch.pop("labels")
            rows.append(model(**batch, output_attentions=True).visual_attention[0])
    attention = torch.cat(rows).double()  # (tokens, k+1)
    entropy = -(attention * attention.clamp(min=1e-30).log2()).sum(-1).mean().item()
    assert summary["visual_entropy"] == pytest.approx(entropy, abs=1e-4)
    shares = [summary[f"visual_share_{code}"] for code in range(5)]
    np.testing.assert_allclose(shares, attention.mean(0), atol=1e-5)
    assert not model.training


@pytest.mark.parametrize(
    ("errors", "over"),
    [([], False), ([1.0], False), ([1.0, 1.1], False), ([1.0, 1.1, 1.0], True), ([3, 2, 1], False)],
)
def test_patience_counts_epochs_since_the_best(errors, over):
    history = [{"valid_mae": error} for error in errors]
    state = TrainingState(steps_per_epoch=3, epoch=len(errors), history=history)
    assert state.is_out_of_patience(2) == over
    assert not state.is_out_of_patience(None)


def test_attention_over_frames_is_summarised_whatever_the_width_of_a_batch(
    small_backbone, tmp_path
):
    corpus = make_corpus(sizes=(16, 90, 4))  # more valid utterances than fit in one batch,
    longest = replace(corpus.valid[0], visual=np.repeat(corpus.valid[0].visual, 9, axis=0))
    corpus = Corpus("two widths", corpus.train, [longest, *corpus.valid[1:]], corpus.test)
    settings = TrainingSettings(
        backbone=str(small_backbone),
        fusion="ce-continuous",
        n_visual_codes=4,
        n_acoustic_codes=3,
        epochs=1,
        device="cpu",
    )
    run = train(corpus, tmp_path / "run", settings)
    entropies = []
    with torch.no_grad():
        for utterance in corpus.valid:
            batch = run.processor.batch([utterance])
            attention = run.model(**batch, output_attentions=True).visual_attention[0].double()
            entropies += (-(attention * attention.clamp(min=1e-30).log2()).sum(-1)).tolist()
    saved = run.history["valid_visual_entropy"][0]
    assert saved == pytest.approx(np.mean(entropies), abs=1e-3)


def test_models_that_do_not_attend_are_not_run_for_a_summary(small_run, small_corpus):
    from cenet_lib import CENet, CENetConfig

    config = CENetConfig(backbone=small_run.model.config.backbone, fusion="none")
    model = CENet(config)
    calls = []
    model.register_forward_pre_hook(lambda *_: calls.append(1))
    features = [small_run.processor(utterance) for utterance in small_corpus.train]
    assert attention_summary(model, small_run.processor, features * 3) == {}
    assert len(calls) <= 1
