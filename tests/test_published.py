"""The published model: an oracle written from its description, loops and all, against ours.

Nothing of the oracle is shared with the package: it works on a state dict by the published names,
with attention over positions, one pair of vectors at a time.
"""

import json
import math
import pickle

import pytest
import torch
from safetensors.torch import save_file

from cenet_lib.errors import CENetError
from cenet_lib.model import CENet
from cenet_lib.published import MAX_GRAD_NORM, published_optimizer, to_published

D, HEADS, LAYERS, WORDS, K_V, K_A = 12, 3, 3, 30, 5, 4
CONFIG = {"num_attention_heads": HEADS, "layer_norm_eps": 1e-5, "hidden_act": "gelu"}
STILL = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
PADDING = {  # rows that the published code gives no gradient
    "roberta.embeddings.word_embeddings.weight": 0,
    "roberta.embeddings.pos_tag_embeddings.weight": 4,
    "roberta.embeddings.senti_embeddings.weight": 2,
    "roberta.embeddings.polarity_embeddings.weight": 5,
    "roberta.encoder.CE.visual_embedding.weight": K_V,
    "roberta.encoder.CE.acoustic_embedding.weight": K_A,
}


def random_state(dtype=torch.float64, seed=0):
    """A state dict as the published code saves it, with every value random (and a float32)."""
    shapes = {}

    def linear(name, n_in, n_out):
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (n_out, n_in), (n_out,)

    def norm(name):
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (D,)

    rows = {"word": WORDS, "position": 20, "token_type": 1, "senti": 3, "pos_tag": 5, "polarity": 6}
    for name, n in rows.items():
        shapes[f"roberta.embeddings.{name}_embeddings.weight"] = (n, D)
    norm("roberta.embeddings.LayerNorm")
    for i in range(LAYERS):
        layer = f"roberta.encoder.layer.{i}"
        for name in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{name}", D, D)
        linear(f"{layer}.attention.output.dense", D, D)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", D, 2 * D)
        linear(f"{layer}.output.dense", 2 * D, D)
        norm(f"{layer}.output.LayerNorm")
    ce = "roberta.encoder.CE"
    shapes[f"{ce}.visual_embedding.weight"] = (K_V + 1, D)
    shapes[f"{ce}.acoustic_embedding.weight"] = (K_A + 1, D)
    for stream in ("hv", "ha"):
        for name in ("Wq", "Wk", "Wv"):
            linear(f"{ce}.{stream}.{name}", D, D)
    linear(f"{ce}.cat_connect", 2 * D, D)
    linear("roberta.pooler.dense", D, D)
    linear("classifier.dense", D, D)
    linear("classifier.out_proj", D, 1)
    draw = torch.Generator().manual_seed(seed)
    state = {name: 0.3 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}
    for name in state:
        if name.endswith("LayerNorm.weight"):
            state[name] += 1
    return {name: value.to(dtype) for name, value in state.items()}


def random_batch(seed=0, lengths=(9, 4, 6), n_frames=(7, 8)):
    """Texts padded with 0, as the published code pads; codes padded with k."""
    draw = torch.Generator().manual_seed(seed)

    def integers(high, size):
        return torch.randint(high, size, generator=draw)

    size = (len(lengths), max(lengths))
    batch = {
        "input_ids": 3 + integers(WORDS - 3, size),
        "attention_mask": torch.ones(size, dtype=torch.long),
        "pos_ids": integers(5, size),
        "polarity_ids": integers(3, size),
    }
    batch["input_ids"][:, 0] = 0  # <s>
    for row, n in enumerate(lengths):
        batch["input_ids"][row, n:] = 0
        batch["attention_mask"][row, n:] = 0
        batch["pos_ids"][row, n:] = 4
        batch["polarity_ids"][row, n:] = 2
    codes = {}
    for stream, k, n in (("visual", K_V, n_frames[0]), ("acoustic", K_A, n_frames[1])):
        codes[stream] = integers(k, (len(lengths), n))
        codes[stream][1, 3:] = k  # padding, attended to like any other
        codes[stream][2, 1:] = k
    labels = torch.tensor([2.5, -3.0, 0.25])
    return batch, codes, labels


def counts_of(codes):
    return {
        f"{stream}_counts": torch.stack(
            [torch.bincount(row, minlength=k + 1) for row in codes[stream]]
        )
        for stream, k in (("visual", K_V), ("acoustic", K_A))
    }


# The oracle.


def lookup(w, name, ids):
    """Rows of a table; the padding row takes no gradient."""
    table, padding = w[name], PADDING.get(name)
    rows = [table[i].detach() if i == padding else table[i] for i in ids.flatten().tolist()]
    return torch.stack(rows).reshape(*ids.shape, -1)


def linear(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(w, name, x):
    centred = x - x.mean(-1, keepdim=True)
    spread = (centred**2).mean(-1, keepdim=True) + CONFIG["layer_norm_eps"]
    return centred / spread.sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def embed(w, batch):
    where = "roberta.embeddings"
    b, t = batch["input_ids"].shape
    total = (
        lookup(w, f"{where}.word_embeddings.weight", batch["input_ids"])
        + lookup(w, f"{where}.position_embeddings.weight", torch.arange(2, t + 2).expand(b, t))
        + lookup(w, f"{where}.token_type_embeddings.weight", torch.zeros(b, t, dtype=torch.long))
        + lookup(w, f"{where}.senti_embeddings.weight", batch["polarity_ids"])
        + lookup(w, f"{where}.pos_tag_embeddings.weight", batch["pos_ids"])
        + lookup(w, f"{where}.polarity_embeddings.weight", torch.full((b, t), 5))
    )
    return norm(w, f"{where}.LayerNorm", total)


def enhance(w, text, codes):
    ce = "roberta.encoder.CE"
    mixed = []
    for part, stream in (("hv", "visual"), ("ha", "acoustic")):
        frames = lookup(w, f"{ce}.{stream}_embedding.weight", codes[stream])
        keys, values = linear(w, f"{ce}.{part}.Wk", frames), linear(w, f"{ce}.{part}.Wv", frames)
        queries = linear(w, f"{ce}.{part}.Wq", text)
        rows = []
        for b in range(len(text)):
            for t in range(text.shape[1]):
                scores = torch.stack([8 * (queries[b, t] * key).sum() for key in keys[b]])
                weights = (scores - scores.max().detach()).exp()
                weights = weights / weights.sum()
                rows.append(sum(a * v for a, v in zip(weights, values[b], strict=True)))
        mixed.append(torch.stack(rows).reshape(text.shape))
    return text + linear(w, f"{ce}.cat_connect", torch.cat(mixed, dim=-1))


def layer(w, i, x, mask):
    name = f"roberta.encoder.layer.{i}"
    heads, width = [], D // HEADS
    q, k, v = (linear(w, f"{name}.attention.self.{n}", x) for n in ("query", "key", "value"))
    for h in range(HEADS):
        part = slice(h * width, (h + 1) * width)
        scores = q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(width)
        scores = scores - 10000.0 * (1 - mask[:, None, :])
        heads.append(scores.softmax(-1) @ v[..., part])
    attended = linear(w, f"{name}.attention.output.dense", torch.cat(heads, dim=-1))
    x = norm(w, f"{name}.attention.output.LayerNorm", attended + x)
    inner = gelu(linear(w, f"{name}.intermediate.dense", x))
    return norm(w, f"{name}.output.LayerNorm", linear(w, f"{name}.output.dense", inner) + x)


def oracle(w, batch, codes, labels, injection_layer=1):
    seen = {"embeddings": embed(w, batch)}
    x = seen["embeddings"]
    for i in range(LAYERS):
        if i == injection_layer:
            x = seen["enhanced"] = enhance(w, x, codes)
        x = layer(w, i, x, batch["attention_mask"].to(x.dtype))
    hidden = torch.tanh(linear(w, "classifier.dense", x[:, 0]))
    seen["logits"] = linear(w, "classifier.out_proj", hidden)[:, 0]
    seen["loss"] = ((seen["logits"] - labels.to(x.dtype)) ** 2).mean()
    return seen


def run(model, batch, codes, labels):
    """Our model's embeddings, CE output, logits and loss."""
    seen = {}
    hooks = [
        model.backbone.embeddings.register_forward_hook(lambda m, i, o: seen.update(embeddings=o)),
        model.fusion.register_forward_hook(lambda m, i, o: seen.update(enhanced=o.states)),
    ]
    output = model(**batch, **counts_of(codes), labels=labels)
    for hook in hooks:
        hook.remove()
    return {**seen, "logits": output.logits, "loss": output.loss}


def gradients(model):
    """Our model's gradients by the published names."""
    for parameter in model.parameters():
        gradient = parameter.grad
        parameter.data = torch.zeros_like(parameter) if gradient is None else gradient.clone()
    return to_published(model)


def leaves(state):
    return {name: value.clone().requires_grad_() for name, value in state.items()}


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=["fp64", "fp32"]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_everything_equals_the_published_model(dtype, tolerance, seed):
    state = random_state(dtype, seed)
    batch, codes, labels = random_batch(seed)
    model = CENet.from_published(state, CONFIG | STILL).to(dtype)
    w = leaves(state)
    expected, got = oracle(w, batch, codes, labels), run(model, batch, codes, labels)
    for name in ("embeddings", "enhanced", "logits", "loss"):
        torch.testing.assert_close(got[name], expected[name], atol=tolerance, rtol=tolerance)

    expected["loss"].backward()
    got["loss"].backward()
    ours = gradients(model)
    for name, value in w.items():
        if "pooler" in name:
            assert value.grad is None  # computed and never used
            continue
        gradient = torch.zeros_like(value) if value.grad is None else value.grad
        torch.testing.assert_close(ours[name], gradient, atol=tolerance, rtol=tolerance, msg=name)
    for name, row in PADDING.items():
        assert ours[name][row].abs().max() == 0, name
    assert ours["roberta.embeddings.pos_tag_embeddings.weight"][0].abs().max() > 0


def test_the_number_of_padding_codes_matters_there_and_not_by_default():
    state = random_state()
    batch, codes, labels = random_batch()
    longer = {
        stream: torch.cat([ids, torch.full((len(ids), 30), k)], dim=1)
        for (stream, ids), k in zip(codes.items(), (K_V, K_A), strict=True)
    }
    for mask_padding in (False, True):
        model = CENet.from_published(state, CONFIG, mask_padding=mask_padding).double()
        short, long = (run(model, batch, c, labels)["logits"] for c in (codes, longer))
        assert torch.equal(short, long) == mask_padding
    unmasked = CENet.from_published(state, CONFIG).double()
    expected = oracle(state, batch, longer, labels)["logits"]
    torch.testing.assert_close(run(unmasked, batch, longer, labels)["logits"], expected)


@pytest.mark.parametrize("injection_layer", [0, 2])
def test_other_injection_layers(injection_layer):
    state = random_state()
    batch, codes, labels = random_batch()
    model = CENet.from_published(state, CONFIG, injection_layer=injection_layer).double()
    expected = oracle(state, batch, codes, labels, injection_layer)
    torch.testing.assert_close(run(model, batch, codes, labels)["logits"], expected["logits"])


def test_text_padding_makes_no_difference():
    """Neither its id (0 there, RoBERTa's 1 elsewhere) nor its length, for positions go on."""
    batch, codes, labels = random_batch()
    model = CENet.from_published(random_state(), CONFIG).double()
    expected = run(model, batch, codes, labels)["logits"]
    padding = batch["attention_mask"] == 0
    other = batch | {"input_ids": batch["input_ids"].masked_fill(padding, 1)}
    assert torch.equal(run(model, other, codes, labels)["logits"], expected)
    for row, n in enumerate((9, 4, 6)):
        one = {name: ids[row : row + 1, :n] for name, ids in batch.items()}
        alone = {stream: ids[row : row + 1] for stream, ids in codes.items()}
        got = run(model, one, alone, labels[row : row + 1])["logits"]
        torch.testing.assert_close(got, expected[row : row + 1])


def test_same_steps_as_the_published_optimizer():
    """Six steps of a run of ten, against the update rule written out."""
    n_steps, steps, lr, eps = 10, 6, 6e-5, 1e-8
    state = random_state()
    model = CENet.from_published(state, CONFIG | STILL).double().train()
    optimizer, scheduler = published_optimizer(model, n_steps)
    w = leaves(state)
    m, v = ({name: torch.zeros_like(value) for name, value in w.items()} for _ in range(2))
    clipped = 0
    for t in range(steps):
        batch, codes, labels = random_batch(seed=t)
        if t % 2:  # almost right, so that there is nothing to clip
            labels = oracle(w, batch, codes, labels)["logits"].detach() + 0.02

        model(**batch, **counts_of(codes), labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()

        loss = oracle(w, batch, codes, labels)["loss"]
        used = {name: value for name, value in w.items() if "pooler" not in name}
        found = torch.autograd.grad(loss, list(used.values()), materialize_grads=True)
        found = dict(zip(used, found, strict=True))
        total = math.sqrt(sum((g**2).sum().item() for g in found.values()))
        shrink = min(1.0, 2 / (total + 1e-6))
        clipped += shrink < 1
        rate = lr * (t / 4 if t < 4 else (n_steps - t) / (n_steps - 4))
        for name, g in found.items():
            g = g * shrink
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.999 * v[name] + 0.001 * g * g
            size = rate * math.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
            with torch.no_grad():
                w[name] -= size * m[name] / (v[name].sqrt() + eps)
        if t == 0:
            assert all(torch.equal(x, state[n]) for n, x in w.items())  # the first rate is 0
    assert 0 < clipped < steps
    ours = to_published(model)
    for name, value in w.items():
        if "pooler" not in name:
            torch.testing.assert_close(ours[name], value.detach(), atol=1e-10, rtol=0, msg=name)
    word = "roberta.embeddings.word_embeddings.weight"
    assert torch.equal(ours[word][0], state[word][0])  # <s> never moves
    assert (ours[word] - state[word]).abs().max() > lr


def test_optimizer_groups_and_weight_decay():
    model = CENet.from_published(random_state(), CONFIG)
    optimizer, _ = published_optimizer(model, 100, weight_decay=0.1)
    names = {id(p): n for n, p in model.named_parameters()}
    groups = {g["name"]: {names[id(p)] for p in g["params"]} for g in optimizer.param_groups}
    assert {g["name"]: g["weight_decay"] for g in optimizer.param_groups} == {
        "backbone": 0.1,
        "fusion": 0.1,
        "no decay": 0.0,
    }
    assert groups["fusion"] == {n for n in names.values() if n.startswith("fusion.")}
    assert "head.dense.weight" in groups["backbone"]
    assert {"head.dense.bias", "backbone.embeddings.LayerNorm.weight"} <= groups["no decay"]
    assert sum(map(len, groups.values())) == len(names)


def test_back_to_published():
    state = random_state(torch.float32)
    back = to_published(CENet.from_published(state, CONFIG))
    assert back.keys() == state.keys()
    for name, value in state.items():
        assert torch.equal(back[name], torch.zeros_like(value) if "pooler" in name else value), name


def test_back_to_published_only_from_its_shape():
    model = CENet.from_published(random_state(), CONFIG)
    model.config.fusion = "mag"
    with pytest.raises(CENetError, match="the published code has no such model"):
        to_published(model)


def write_folder(folder, state, config=CONFIG, **options):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.save(state, folder / "pytorch_model.bin", **options)
    return folder


@pytest.mark.parametrize("form", ["bin", "old bin", "safetensors"])
def test_from_a_folder(tmp_path, form):
    state = random_state(torch.float32)
    folder = write_folder(tmp_path, state, _use_new_zipfile_serialization=form == "bin")
    if form == "safetensors":
        (folder / "pytorch_model.bin").unlink()
        save_file(state, folder / "model.safetensors")
    model = CENet.from_published(folder)
    assert not model.training
    batch, codes, labels = random_batch()
    expected = run(CENet.from_published(state, CONFIG), batch, codes, labels)["logits"]
    assert torch.equal(run(model, batch, codes, labels)["logits"], expected)


def test_config_from_shapes():
    config = CENet.from_published(random_state(), {"num_attention_heads": HEADS}).config
    backbone = config.backbone
    assert (backbone.vocab_size, backbone.hidden_size, backbone.num_hidden_layers) == (WORDS, D, 3)
    assert (backbone.intermediate_size, backbone.max_position_embeddings) == (2 * D, 20)
    assert (config.n_visual_codes, config.n_acoustic_codes) == (K_V, K_A)
    assert (config.attention_scale, config.injection_layer, config.mask_padding) == (8.0, 1, False)
    sizes = {"vocab_size": WORDS, "hidden_size": D, "num_hidden_layers": LAYERS, "num_labels": 1}
    dropouts = {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.2}
    config = CENet.from_published(random_state(), CONFIG | sizes | dropouts).config
    assert (config.head_dropout, config.backbone.attention_probs_dropout_prob) == (0.3, 0.2)
    assert config.backbone.layer_norm_eps == 1e-5


def test_config_against_shapes():
    with pytest.raises(CENetError, match="hidden_size = 13, the weights' shapes say 12"):
        CENet.from_published(random_state(), CONFIG | {"hidden_size": 13})
    with pytest.raises(CENetError, match="5 attention heads cannot share 12"):
        CENet.from_published(random_state(), {"num_attention_heads": 5})


def test_every_problem_with_the_weights_in_one_error():
    state = random_state()
    del state["classifier.dense.bias"], state["roberta.encoder.CE.hv.Wk.weight"]
    state["roberta.encoder.CE.gate.weight"] = torch.zeros(1)
    state["roberta.encoder.layer.1.output.dense.bias"] = torch.zeros(D + 1)
    with pytest.raises(CENetError) as caught:
        CENet.from_published(state, CONFIG)
    message = str(caught.value)
    assert "missing: classifier.dense.bias, roberta.encoder.CE.hv.Wk.weight;" in message
    assert "not expected: roberta.encoder.CE.gate.weight;" in message
    assert "roberta.encoder.layer.1.output.dense.bias has shape (13,), not (12,)" in message


def test_heads_of_pre_training_are_left_out():
    state = random_state()
    for head in ("lm_head.bias", "senti_head.dense.weight", "pos_head.bias", "pola_head.bias"):
        state[head] = torch.zeros(2)
    CENet.from_published(state, CONFIG)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
def test_what_stands_in_front_and_buffers_are_taken_off(prefix, tmp_path):
    state = random_state(torch.float32)
    more = {"roberta.embeddings.position_ids": torch.arange(20)[None]}
    named = {prefix + name: weight for name, weight in (state | more).items()}
    expected = CENet.from_published(state, CONFIG).state_dict()
    folder = write_folder(tmp_path / "model", {"state_dict": named, "epoch": 3})
    for model in (CENet.from_published(named, CONFIG), CENet.from_published(folder)):
        for name, weight in model.state_dict().items():
            assert torch.equal(weight, expected[name]), name


@pytest.mark.parametrize(
    "config",
    [
        *({"num_hidden_layers": 10**6}, {"num_attention_heads": "two"}, {"hidden_act": [1]}),
        *({"vocab_size": 10**12}, {"layer_norm_eps": "small"}),
    ],
)
def test_a_hostile_config_is_one_error(config, tmp_path):
    folder = write_folder(tmp_path / "model", random_state(torch.float32), CONFIG | config)
    with pytest.raises(CENetError) as caught:
        CENet.from_published(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers(tmp_path):
    state = random_state(torch.float32)
    state["roberta.encoder.CE.hv.Wq.bias"][0] = float("inf")
    with pytest.raises(CENetError, match=r"no numbers in fusion\.visual\.query\.bias"):
        CENet.from_published(write_folder(tmp_path / "model", state))


def test_a_language_model_is_not_a_published_cenet():
    state = {n: w for n, w in random_state().items() if ".CE." not in n}
    with pytest.raises(CENetError, match=r"CENet\.from_backbone"):
        CENet.from_published(state, CONFIG)


class Hostile:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_bad_files(tmp_path, capsys):
    folder = write_folder(tmp_path / "model", random_state(torch.float32))
    weights, config = folder / "pytorch_model.bin", folder / "config.json"

    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CENetError, match=r"pytorch_model\.bin"):
        CENet.from_published(folder)
    torch.save({"evil": Hostile()}, weights)
    with pytest.raises(CENetError, match="holds more than weights"):
        CENet.from_published(folder)
    weights.write_bytes(pickle.dumps(Hostile(), protocol=2))
    with pytest.raises(CENetError, match=r"pytorch_model\.bin"):
        CENet.from_published(folder)
    assert "this must not run" not in capsys.readouterr().out
    torch.save([torch.zeros(2)], weights)
    with pytest.raises(CENetError, match="is not a state dict"):
        CENet.from_published(folder)
    weights.unlink()
    with pytest.raises(CENetError, match=r"neither pytorch_model\.bin nor"):
        CENet.from_published(folder)
    weights.write_bytes(whole)
    config.write_text("{", encoding="utf-8")
    with pytest.raises(CENetError, match=r"config\.json: is damaged"):
        CENet.from_published(folder)
    config.unlink()
    with pytest.raises(CENetError, match=r"config\.json: is missing"):
        CENet.from_published(folder)
