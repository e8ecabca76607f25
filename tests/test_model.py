import copy
import threading

import processes
import pytest
import torch
from transformers import (
    AlbertConfig,
    AutoModel,
    BertConfig,
    BertModel,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    MPNetConfig,
    RobertaConfig,
    T5Config,
    XLMRobertaConfig,
)

from cenet_lib.errors import CENetError
from cenet_lib.language.backbone import encoder_layers, load_backbone
from cenet_lib.model import CENet, CENetConfig

D, LAYERS, WORDS, K_V, K_A = 32, 3, 60, 5, 4
SIZES = {"vocab_size": WORDS, "max_position_embeddings": 40, "initializer_range": 0.2}
BERT_LIKE = SIZES | {
    "hidden_size": D,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
RELATIVE = {
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}
BACKBONES = {
    "bert": BertConfig(**BERT_LIKE),
    "roberta": RobertaConfig(**BERT_LIKE),
    "distilbert": DistilBertConfig(**SIZES, dim=D, n_layers=LAYERS, n_heads=4, hidden_dim=48),
    "electra": ElectraConfig(**BERT_LIKE, embedding_size=20),
    "electra, same width": ElectraConfig(**BERT_LIKE, embedding_size=D),
    "deberta-v2": DebertaV2Config(**BERT_LIKE, **RELATIVE),
    "deberta-v2, convolution": DebertaV2Config(**BERT_LIKE, **RELATIVE, conv_kernel_size=3),
    "xlm-roberta": XLMRobertaConfig(**BERT_LIKE),
    "mpnet": MPNetConfig(**BERT_LIKE),
}
any_backbone = pytest.mark.parametrize("name", BACKBONES)


def build(name="bert", seed=0, still=False, **settings):
    """A tiny model whose weights are ten times the usual, so that differences can be heard."""
    torch.manual_seed(seed)
    backbone = copy.deepcopy(BACKBONES[name])
    if still:  # no dropout, so that training mode can be compared
        for setting in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            setattr(backbone, setting, 0.0)
        settings["head_dropout"] = 0.0
    sizes = {"n_visual_codes": K_V, "n_acoustic_codes": K_A, "initializer_range": 0.2}
    model = CENet(CENetConfig(backbone=backbone, **sizes | settings)).eval()
    if model.fusion is not None:
        with torch.no_grad():
            for parameter in model.fusion.parameters():
                parameter.normal_(0, 0.2)
    return model


def batch(lengths=(9, 4, 6), seed=0, pad=1):
    torch.manual_seed(seed)
    size = (len(lengths), max(lengths))
    mask = torch.arange(size[1]) < torch.tensor(lengths)[:, None]
    return {
        "input_ids": torch.randint(5, WORDS, size).masked_fill(~mask, pad),
        "attention_mask": mask.long(),
        "visual_counts": torch.randint(0, 9, (len(lengths), K_V + 1)),
        "acoustic_counts": torch.randint(0, 9, (len(lengths), K_A + 1)),
        "labels": torch.linspace(-3, 3, len(lengths)),
    }


def linguistic_ids(like):
    return {
        "pos_ids": torch.randint(5, like.shape),
        "polarity_ids": torch.randint(3, like.shape),
    }


def logits(model, **inputs):
    with torch.no_grad():
        return model(**inputs).logits


def gradients(model, **inputs):
    model.zero_grad()
    model(**inputs).loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


# Every encoder


@any_backbone
def test_every_valid_layer_is_heard(name):
    inputs = batch()
    silent = inputs | {"visual_counts": None, "acoustic_counts": None}
    results = []
    for layer in range(LAYERS):
        model = build(name, injection_layer=layer)
        assert not torch.allclose(logits(model, **inputs), logits(model, **silent), atol=1e-4)
        model.fusion.output.weight.data.zero_()
        words_only = build(name, fusion="none")
        words_only.load_state_dict(
            {n: w for n, w in model.state_dict().items() if not n.startswith("fusion.")}
        )
        model.fusion.output.bias.data.zero_()
        torch.testing.assert_close(logits(model, **inputs), logits(words_only, **inputs))
        results.append(logits(build(name, injection_layer=layer), **inputs))
    assert not torch.allclose(results[0], results[1], atol=1e-4)
    assert not torch.allclose(results[1], results[2], atol=1e-4)


@any_backbone
def test_enhanced_states_are_what_the_layer_gets(name):
    """The states after layer i-1 plus the shift are those that enter layer i, and no others."""
    model, seen = build(name, injection_layer=1), {}
    layers = encoder_layers(model.backbone)
    model.fusion.register_forward_hook(lambda m, i, o: seen.update(before=i[0], after=o.states))

    def entering(index, hidden):
        seen[index] = hidden

    # a hook on the attention sees what a layer really works on
    for index, layer in enumerate(layers):
        attention = layer.attention
        attention.register_forward_pre_hook(lambda m, i, index=index: entering(index, i[0]))
    logits(model, **batch())
    assert torch.equal(seen[1], seen["after"])
    assert not torch.equal(seen["before"], seen["after"])
    if name != "deberta-v2, convolution":  # which adds to the first layer's output
        plain = AutoModel.from_config(model.config.backbone).eval()
        plain.load_state_dict(model.backbone.state_dict(), strict=False)
        given = {k: v for k, v in batch().items() if k in ("input_ids", "attention_mask")}
        hidden = plain(**given, output_hidden_states=True).hidden_states
        torch.testing.assert_close(seen["before"], hidden[1])


@any_backbone
def test_layers_outside_are_refused(name):
    for layer in (-1, LAYERS):
        with pytest.raises(CENetError, match="has layers 0 to 2"):
            build(name, injection_layer=layer)


@any_backbone
def test_a_batch_equals_single_utterances(name):
    model, inputs = build(name), batch()
    together = model(**inputs, output_attentions=True)
    for row, n in enumerate(inputs["attention_mask"].sum(1).tolist()):
        alone = {k: v[row : row + 1] for k, v in inputs.items()}
        for key in ("input_ids", "attention_mask"):
            alone[key] = alone[key][:, :n]
        one = model(**alone, output_attentions=True)
        torch.testing.assert_close(one.logits, together.logits[row : row + 1], atol=1e-5, rtol=0)
        seen = together.visual_attention[row, :n]
        torch.testing.assert_close(one.visual_attention[0], seen, atol=1e-5, rtol=0)


@any_backbone
def test_sdpa_equals_eager(name):
    model, inputs = build(name), batch()
    if not model.backbone._supports_sdpa:
        assert model.backbone.config._attn_implementation == "eager"
        return
    results = {}
    for kind in ("sdpa", "eager"):
        model.set_attn_implementation(kind)
        assert model.backbone.config._attn_implementation == kind
        results[kind] = logits(model, **inputs)
    torch.testing.assert_close(results["sdpa"], results["eager"], atol=1e-5, rtol=0)


@any_backbone
def test_gradient_checkpointing_gives_the_same_gradients(name):
    model, inputs = build(name, still=True).train(), batch()
    if name == "distilbert":
        model.config.backbone.dropout = model.config.backbone.attention_dropout = 0.0
        model = CENet(model.config).train()
    expected = gradients(model, **inputs)
    if name == "mpnet":  # has none in Transformers, and says so
        with pytest.raises(ValueError, match="gradient checkpointing"):
            model.gradient_checkpointing_enable()
        return
    for reentrant in (False, True):
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        calls = []
        layer = encoder_layers(model.backbone)[1].attention
        hook = layer.register_forward_hook(lambda m, i, o, calls=calls: calls.append(1))
        got = gradients(model, **inputs)
        hook.remove()
        assert len(calls) == 2  # forward, and again in backward
        assert got.keys() == expected.keys()
        for key, gradient in expected.items():
            torch.testing.assert_close(got[key], gradient, atol=1e-6, rtol=1e-4, msg=key)


@any_backbone
def test_bfloat16_autocast(name):
    model, inputs = build(name), batch()
    exact = model(**inputs)
    with torch.autocast("cpu", torch.bfloat16):
        low = model(**inputs)
    low.loss.backward()
    assert low.logits.dtype == low.loss.dtype == torch.float32
    assert 0 < (low.logits - exact.logits).abs().max() < 0.05
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@any_backbone
def test_linguistic_embeddings_start_silent_and_learn(name):
    model = build(name, linguistic=True)
    for table in model.linguistic.parameters():
        assert (table == 0).all()
    plain = build(name)
    plain.load_state_dict(
        {n: w for n, w in model.state_dict().items() if not n.startswith("linguistic.")}
    )
    inputs = batch(pad=plain.config.backbone.pad_token_id)
    ids = linguistic_ids(inputs["input_ids"])
    torch.testing.assert_close(logits(model, **inputs, **ids), logits(plain, **inputs))
    model(**inputs, **ids).loss.backward()
    for table in (model.linguistic.pos, model.linguistic.polarity):
        assert (table.weight.grad != 0).any(dim=1).all()
    assert model.linguistic.sentence_polarity.weight.grad[5].abs().max() > 0
    with torch.no_grad():
        model.linguistic.pos.weight.normal_()
    assert not torch.allclose(logits(model, **inputs, **ids), logits(plain, **inputs), atol=1e-4)


@any_backbone
def test_first_token_only_changes_nothing_but_the_work(name):
    inputs, worked = batch(), []
    whole, first = (
        build(name, first_token_only=only, still=True).double() for only in (False, True)
    )
    for model in (whole, first):
        last = encoder_layers(model.backbone)[-1]
        inner = last.ffn if name == "distilbert" else last.intermediate
        inner.register_forward_hook(lambda m, i, o: worked.append(i[0].shape[1]))
    torch.testing.assert_close(logits(first, **inputs), logits(whole, **inputs), atol=1e-12, rtol=0)
    assert worked == [1, 9]
    expected, got = gradients(whole, **inputs), gradients(first, **inputs)
    assert got.keys() == expected.keys()
    for key, gradient in expected.items():
        torch.testing.assert_close(got[key], gradient, atol=1e-10, rtol=1e-10, msg=key)


def test_unknown_layers_are_computed_for_all_tokens(monkeypatch):
    monkeypatch.setattr("cenet_lib.language.probe.after_attention", lambda layer: None)
    model, inputs = build("bert", still=True), batch()
    states = model.backbone(inputs["input_ids"]).last_hidden_state
    assert states.shape[1] == inputs["input_ids"].shape[1]
    assert torch.isfinite(logits(model, **inputs)).all()


@any_backbone
def test_state_dict_through_torch_save(name, tmp_path):
    model, inputs = build(name), batch()
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    other = build(name, seed=1)
    assert not torch.equal(logits(other, **inputs), logits(model, **inputs))
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(logits(other, **inputs), logits(model, **inputs))


@pytest.mark.parametrize("name", ["bert", "roberta", "mpnet"])
def test_saved_and_loaded_to_the_last_bit(name, tmp_path):
    model, inputs = build(name), batch()
    model.save_pretrained(tmp_path)
    again, report = CENet.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert torch.equal(logits(again, **inputs), logits(model, **inputs))
    assert {p.data_ptr() % 64 for p in again.parameters()} == {0}
    (tmp_path / "model.safetensors").write_bytes(b"")  # the file is no longer in use
    assert torch.equal(logits(again, **inputs), logits(model, **inputs))


def test_backbone_names_stay_its_own():
    """So that weights of any checkpoint fit, and a trained backbone can be taken out."""
    model = build("bert")
    own = BertModel(BACKBONES["bert"], add_pooling_layer=False).state_dict().keys()
    assert model.backbone.state_dict().keys() == own


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (AlbertConfig(**BERT_LIKE, embedding_size=16), "runs the same layer many times"),
        (
            AlbertConfig(**BERT_LIKE | {"num_hidden_layers": 1}, embedding_size=16),
            "runs the same layer many times",
        ),
        (GPT2Config(vocab_size=WORDS, n_embd=D, n_layer=2, n_head=4), "reads from left to right"),
        (T5Config(vocab_size=WORDS, d_model=D, num_layers=2, num_heads=4), "has a decoder"),
    ],
    ids=["albert", "albert, one layer", "gpt2", "t5"],
)
def test_what_is_no_encoder_of_separate_layers_is_refused(config, message):
    with pytest.raises(CENetError, match=message):
        CENet(CENetConfig(backbone=config))


# One encoder stands for all


@pytest.mark.slow
def test_compiled_whole():
    model, inputs = build("bert", still=True), batch()
    expected = gradients(model, **inputs)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    got = gradients(compiled, **inputs)
    for key, gradient in expected.items():
        found = got[f"_orig_mod.{key}"]
        torch.testing.assert_close(found, gradient, atol=1e-6, rtol=1e-4, msg=key)
    other = batch(lengths=(5, 5, 2), seed=3)
    torch.testing.assert_close(logits(compiled, **other), logits(model, **other))


def replica_of(model):
    """What torch.nn.parallel.replicate makes for one device; itself it wants GPUs."""
    modules = list(model.modules())
    copies = {module: module._replicate_for_data_parallel() for module in modules}
    for module, replica in copies.items():
        for key, child in module._modules.items():
            replica._modules[key] = None if child is None else copies[child]
            setattr(replica, key, replica._modules[key])
        for key, parameter in module._parameters.items():
            if parameter is not None:
                setattr(replica, key, parameter.detach().clone())
    return copies[model]


def test_replicas_in_threads_do_not_meet():
    model = build("roberta")
    replicas = [replica_of(model) for _ in range(2)]
    batches = [batch(seed=seed) for seed in range(2)]
    expected = [logits(model, **inputs) for inputs in batches]
    barrier, wrong = threading.Barrier(2), []

    def meet(module, inputs, output):
        barrier.wait(timeout=30)  # both are now between the start of a call and its injection

    hook = model.backbone.embeddings.register_forward_hook(meet)  # replicas share their hooks

    def work(which):
        for _ in range(5):
            got = logits(replicas[which], **batches[which])
            if not torch.allclose(got, expected[which], atol=1e-6):
                wrong.append(which)

    threads = [threading.Thread(target=work, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hook.remove()
    assert not wrong
    assert torch.equal(logits(model, **batches[0]), expected[0])


def test_deepcopy_is_independent():
    model, inputs = build("bert"), batch()
    twin = copy.deepcopy(model)
    expected = logits(model, **inputs)
    assert torch.equal(logits(twin, **inputs), expected)
    for parameter in twin.fusion.parameters():
        parameter.data.zero_()
    assert not torch.equal(logits(twin, **inputs), expected)
    assert torch.equal(logits(model, **inputs), expected)


def test_two_models_interleaved():
    """A second model runs in the middle of the first one's call."""
    outer, inner, inputs = build("bert", seed=0), build("bert", seed=1), batch()
    expected = logits(outer, **inputs), logits(inner, **inputs)
    seen = []
    hook = outer.backbone.embeddings.register_forward_hook(
        lambda m, i, o: seen.append(logits(inner, **inputs)) and None
    )
    assert torch.equal(logits(outer, **inputs), expected[0])
    hook.remove()
    assert torch.equal(seen[0], expected[1])


def snapshot(model):
    return {
        name: {k: v for k, v in module.__dict__.items() if not k.startswith("_")}
        for name, module in model.named_modules()
    }


def test_nothing_is_left_on_the_module():
    model, inputs = build("bert", first_token_only=False), batch()
    before = snapshot(model)
    model(**inputs, output_attentions=True).loss.backward()
    assert snapshot(model) == before

    def explode(module, args):
        raise RuntimeError("in the middle")

    hook = encoder_layers(model.backbone)[2].register_forward_pre_hook(explode)
    with pytest.raises(RuntimeError, match="in the middle"):
        model(**inputs)
    hook.remove()
    assert snapshot(model) == before
    # so the backbone by itself is the plain one again
    given = {k: inputs[k] for k in ("input_ids", "attention_mask")}
    plain = BertModel(model.config.backbone, add_pooling_layer=False).eval()
    plain.load_state_dict(model.backbone.state_dict())
    expected = plain(**given).last_hidden_state
    assert torch.equal(model.backbone(**given).last_hidden_state, expected)


def test_attention_out():
    model, inputs = build("roberta"), batch()
    inputs["visual_counts"][:, 3] = 0
    output = model(**inputs, output_attentions=True)
    assert output.visual_attention.shape == (3, 9, K_V + 1)
    assert output.acoustic_attention.shape == (3, 9, K_A + 1)
    for attention in (output.visual_attention, output.acoustic_attention):
        torch.testing.assert_close(attention.sum(-1), torch.ones(3, 9))
        assert (attention[..., -1] == 0).all()
    assert (output.visual_attention[..., 3] == 0).all()
    quiet = model(**inputs)
    assert quiet.visual_attention is quiet.acoustic_attention is None
    assert torch.equal(quiet.logits, output.logits)
    assert (
        build("roberta", fusion="none")(**inputs, output_attentions=True).visual_attention is None
    )


def test_loss_is_the_mean_squared_error():
    model, inputs = build(), batch()
    output = model(**inputs)
    torch.testing.assert_close(output.loss, ((output.logits - inputs["labels"]) ** 2).mean())
    assert model(**{k: v for k, v in inputs.items() if k != "labels"}).loss is None


def test_streams_left_out_are_no_frames():
    model, inputs = build(), batch()
    none = {k: torch.zeros_like(v) for k, v in inputs.items() if k.endswith("_counts")}
    expected = logits(model, **inputs | none)
    left_out = {k: v for k, v in inputs.items() if not k.endswith("_counts")}
    assert torch.equal(logits(model, **left_out), expected)


def test_counts_of_another_vocabulary_are_refused():
    with pytest.raises(CENetError, match="visual_counts has 17 columns, the model was built for 6"):
        build()(**batch() | {"visual_counts": torch.ones(3, 17)})


def test_unknown_fusion():
    with pytest.raises(CENetError, match="there is no fusion 'loud'; choose one of none, ce"):
        build(fusion="loud")


def test_head_reads_the_first_token():
    model, inputs = build(fusion="none"), batch()
    given = {k: inputs[k] for k in ("input_ids", "attention_mask")}
    first = model.backbone(**given).last_hidden_state[:, 0]
    head = model.head
    expected = torch.tanh(first @ head.dense.weight.T + head.dense.bias) @ head.output.weight[0]
    torch.testing.assert_close(model(**inputs).logits, expected + head.output.bias)


def test_from_backbone_keeps_the_weights(tmp_path):
    torch.manual_seed(5)
    pretrained = BertModel(BACKBONES["bert"])  # with its pooler
    pretrained.save_pretrained(tmp_path / "bert")
    model = CENet.from_backbone(tmp_path / "bert", n_visual_codes=7)
    for name, weight in model.backbone.state_dict().items():
        assert torch.equal(weight, pretrained.state_dict()[name]), name
    assert model.fusion.visual.embedding.num_embeddings == 8
    model.save_pretrained(tmp_path / "cenet")
    assert str(tmp_path) not in (tmp_path / "cenet" / "config.json").read_text(encoding="utf-8")


def test_from_half_precision_backbone(tmp_path):
    BertModel(BACKBONES["bert"]).to(torch.bfloat16).save_pretrained(tmp_path)
    model = CENet.from_backbone(tmp_path)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    inputs = batch() | {"visual_counts": None, "acoustic_counts": None}
    assert torch.isfinite(model(**inputs).loss)


def test_no_language_model_there(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CENetError, match="no language model could be loaded"):
            load_backbone(place)


@pytest.mark.slow
def test_a_saved_model_predicts_offline_in_a_new_process(tmp_path):
    model, inputs = CENet.from_backbone("minilm").eval(), batch()
    inputs = {k: v for k, v in inputs.items() if k in ("input_ids", "attention_mask")}
    inputs["visual_counts"] = inputs["acoustic_counts"] = torch.arange(17).expand(3, 17)
    torch.save(inputs | {"logits": logits(model, **inputs)}, tmp_path / "batch.pt")
    model.save_pretrained(tmp_path / "model")
    program = (
        "import sys, torch; from cenet_lib.model import CENet; torch.set_num_threads(1)\n"
        "batch = torch.load(sys.argv[1] + '/batch.pt'); expected = batch.pop('logits')\n"
        "model = CENet.from_pretrained(sys.argv[1] + '/model').eval()\n"
        "with torch.no_grad(): assert torch.equal(model(**batch).logits, expected)"
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    expected = logits(model, **inputs)
    torch.set_num_threads(threads)
    torch.save(inputs | {"logits": expected}, tmp_path / "batch.pt")
    done = processes.python(program, str(tmp_path))
    assert done.returncode == 0, done.stderr
