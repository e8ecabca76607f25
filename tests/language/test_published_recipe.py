"""The recipe of the published run as a whole, against a plain loop that shares nothing with it.

The loop works on a state dict by the published names, with attention over positions, the update
rule, the schedule and the clipping written out. It takes from the package only which utterances
share a batch, and what the tokenizer and the vocabularies make of them.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_sentilare import LAYERS, D, write_sentilare

from cenet_lib import CENetError, TrainingSettings, load_recipe
from cenet_lib.published import to_published
from cenet_lib.results.experiments import configurations
from cenet_lib.runs.checkpoints import TrainingState
from cenet_lib.runs.preparation import prepare
from cenet_lib.training import train_epoch

HEADS = 2
K = {"visual": 4, "acoustic": 3}
NO_GRADIENT = {"word": 0, "pos_tag": 4, "senti": 2, "polarity": 5}
EPOCHS, BATCH = 10, 10  # 48 utterances: 4 full batches an epoch, 8 utterances left out


@pytest.fixture
def corpus(small_corpus):
    """The small corpus with the ids that the published file brings."""
    rng = np.random.default_rng(0)

    def annotated(u):
        n = len(u.words)
        ids = {"pos_ids": rng.integers(0, 5, n), "polarity_ids": rng.integers(0, 3, n)}
        return replace(u, annotations=ids)

    return small_corpus.with_splits(
        *([annotated(u) for u in utterances] for utterances in small_corpus.splits.values())
    )


@pytest.fixture
def backbone(tmp_path):
    folder = write_sentilare(tmp_path / "sentilare")
    path = folder / "config.json"
    still = '"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, '
    path.write_text(path.read_text().replace("{", "{" + still, 1))
    return folder


def prepared(corpus, backbone, **changes):
    """Make the recipe ready: smaller, without dropout, for a checkpoint with 40 positions."""
    recipe = load_recipe("mosi-published")
    smaller = {"epochs": EPOCHS, "batch_size": BATCH, "head_dropout": 0.0, "device": "cpu"}
    smaller["max_length"] = 30
    codes = {f"n_{stream}_codes": k for stream, k in K.items()}
    given = {**recipe, **smaller, **codes, "backbone": str(backbone), **changes}
    training = prepare(corpus, TrainingSettings(**given))
    training.plain_model.double()
    return training


def trained(training) -> dict[str, torch.Tensor]:
    state = TrainingState(steps_per_epoch=len(training.batches))
    for _ in range(training.settings.epochs):
        train_epoch(training, state)
        state.finish_epoch({"epoch": state.epoch + 1, "valid_mae": 1.0})
    assert state.step == training.settings.epochs * len(training.batches)
    return {name: w.detach().clone() for name, w in to_published(training.plain_model).items()}


# the plain loop


def rows_of(w, name, ids, fixed=None):
    rows = w[name][ids]
    return rows if fixed is None else torch.where((ids == fixed)[..., None], rows.detach(), rows)


def linear(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(w, name, x):
    centred = x - x.mean(-1, keepdim=True)
    spread = (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return centred / spread * w[f"{name}.weight"] + w[f"{name}.bias"]


def enhanced(w, text, codes):
    mixed, ce = [], "roberta.encoder.CE"
    for part, stream in (("hv", "visual"), ("ha", "acoustic")):
        frames = rows_of(w, f"{ce}.{stream}_embedding.weight", codes[stream], K[stream])
        q, k, v = (linear(w, f"{ce}.{part}.W{n}", text if n == "q" else frames) for n in "qkv")
        mixed.append((8 * q @ k.transpose(1, 2)).softmax(-1) @ v)  # padding is not masked
    return text + linear(w, f"{ce}.cat_connect", torch.cat(mixed, -1))


def attended(w, name, x, mask):
    q, k, v = (
        linear(w, f"{name}.attention.self.{n}", x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
        for n in ("query", "key", "value")
    )
    scores = q @ k.transpose(-1, -2) / math.sqrt(D // HEADS) - 1e9 * (1 - mask[:, None, None])
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    return linear(w, f"{name}.attention.output.dense", mixed)


def predicted(w, ids, mask, pos, polarity, codes):
    e = "roberta.embeddings"
    places = torch.arange(2, ids.shape[1] + 2).expand_as(ids)
    kinds = {"word": ids, "pos_tag": pos, "senti": polarity, "polarity": torch.full_like(ids, 5)}
    kinds |= {"position": places, "token_type": torch.zeros_like(ids)}
    x = norm(
        w,
        f"{e}.LayerNorm",
        sum(
            rows_of(w, f"{e}.{kind}_embeddings.weight", found, NO_GRADIENT.get(kind))
            for kind, found in kinds.items()
        ),
    )
    for i in range(LAYERS):
        x = enhanced(w, x, codes) if i == 1 else x
        name = f"roberta.encoder.layer.{i}"
        x = norm(w, f"{name}.attention.output.LayerNorm", x + attended(w, name, x, mask))
        inner = linear(w, f"{name}.intermediate.dense", x)
        inner = 0.5 * inner * (1 + torch.erf(inner / math.sqrt(2)))
        x = norm(w, f"{name}.output.LayerNorm", x + linear(w, f"{name}.output.dense", inner))
    return linear(w, "classifier.out_proj", torch.tanh(linear(w, "classifier.dense", x[:, 0])))


def batch_of(features):
    """Pad text with 0, as the published code does, and streams to 50 frames."""
    n = max(len(f["input_ids"]) for f in features)

    def padded(name, filler):
        return torch.tensor([[*f[name], *[filler] * (n - len(f[name]))] for f in features])

    mask = torch.tensor([[j < len(f["input_ids"]) for j in range(n)] for f in features]).double()
    codes = {
        stream: torch.tensor(
            np.array([np.repeat(np.arange(K[stream] + 1), f[f"{stream}_counts"]) for f in features])
        )
        for stream in K
    }
    assert all(ids.shape[1] == 50 for ids in codes.values())
    return padded("input_ids", 0), mask, padded("pos_ids", 4), padded("polarity_ids", 2), codes


def in_a_plain_loop(start, encoded, batches, *, accumulate=1) -> dict[str, torch.Tensor]:
    """Train as pytorch-transformers did: AdamW with ε before the correction, one rate for all."""
    w = {name: value.clone().requires_grad_() for name, value in start.items()}
    used = [name for name in w if "pooler" not in name]
    first, second = ({name: torch.zeros_like(w[name]) for name in used} for _ in range(2))
    for step, rows in enumerate(batches):
        total = {name: torch.zeros_like(w[name]) for name in used}
        for part in np.array_split(rows, accumulate):
            features = [encoded[row] for row in part]
            labels = torch.tensor([f["labels"] for f in features], dtype=torch.float32).double()
            loss = (predicted(w, *batch_of(features))[:, 0] - labels).square().mean() / accumulate
            found = torch.autograd.grad(loss, [w[n] for n in used], materialize_grads=True)
            total = {name: total[name] + g for name, g in zip(used, found, strict=True)}
            length = math.sqrt(sum(g.square().sum().item() for g in total.values()))
            total = {name: g * min(1.0, 2 / (length + 1e-6)) for name, g in total.items()}
        rise = 0.4 * len(batches)
        share = step / rise if step < rise else (len(batches) - step) / (len(batches) - rise)
        size = 6e-5 * share * math.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        for name, g in total.items():
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.999 * second[name] + 0.001 * g.square()
            with torch.no_grad():
                w[name] -= size * first[name] / (second[name].sqrt() + 1e-8)
    return {name: value.detach() for name, value in w.items()}


def apart(ours, theirs, start) -> float:
    """Return how far two ends lie apart, as a share of the way from the start."""
    away = sum((ours[n] - theirs[n]).square().sum() for n in start)
    way = sum((theirs[n] - start[n]).square().sum() for n in start)
    return float((away / way).sqrt())


def both_ends(corpus, backbone, accumulate=1, **changes):
    training = prepared(corpus, backbone, accumulate=accumulate, **changes)
    model = training.plain_model
    start = {name: w.detach().clone() for name, w in to_published(model).items()}
    batches = [rows for epoch in range(EPOCHS) for rows in training.batches.batches(epoch)]
    assert len(batches) == 40
    assert all(len(rows) == BATCH for rows in batches)
    encoded = training.encoded["train"]
    return trained(training), in_a_plain_loop(start, encoded, batches, accumulate=accumulate), start


# what is held


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_recipe_takes_the_published_runs_forty_steps(corpus, backbone, accumulate):
    ours, theirs, start = both_ends(corpus, backbone, accumulate)
    assert apart(ours, theirs, start) < 1e-6
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, atol=1e-9, rtol=0, msg=name)
    word = "roberta.embeddings.word_embeddings.weight"
    assert torch.equal(ours[word][0], start[word][0])  # <s> never moves


def test_another_optimizer_goes_another_way(corpus, backbone):
    ours, theirs, start = both_ends(corpus, backbone, optimizer="adamw")
    assert apart(ours, theirs, start) > 0.01


def test_the_published_optimizer_has_one_learning_rate():
    recipe = load_recipe("mosi-published")
    assert recipe["optimizer"] == "published"
    with pytest.raises(CENetError, match=r"lr_backbone, lr_fusion and lr_head are 2e-05, 6e-05"):
        TrainingSettings(**{**recipe, "lr_backbone": 2e-5})
    with pytest.raises(CENetError, match="which fp16 cannot do"):
        TrainingSettings(**{**recipe, "precision": "fp16", "accumulate": 2})
    assert TrainingSettings(**{**recipe, "precision": "fp16"}).optimizer == "published"
    # a comparison does not undo it where the fusion has nothing to learn
    found = configurations({"fusion": ["none", "ce"], "attention_scale": [1.0, 8.0]}, recipe)
    assert [(s.fusion, s.lr_fusion) for s in found] == [("none", 6e-5), ("ce", 6e-5), ("ce", 6e-5)]


def test_learning_rates_are_told_by_part(corpus, backbone):
    training = prepared(corpus, backbone)
    for _ in range(16):  # 40 % of 40 steps
        training.optimizer.step()
        training.scheduler.step()
    top = pytest.approx(6e-5)
    assert training.learning_rates() == {"lr_backbone": top, "lr_fusion": top, "lr_head": top}


def test_frozen_layers_and_words_only_have_groups_of_what_moves(corpus, backbone):
    training = prepared(corpus, backbone, fusion="none", freeze_layers=1)
    groups = {g["name"]: g["params"] for g in training.optimizer.param_groups}
    assert set(groups) == {"backbone", "no decay"}
    listed = {id(p) for params in groups.values() for p in params}
    moving = {id(p) for p in training.plain_model.parameters() if p.requires_grad}
    assert listed == moving
