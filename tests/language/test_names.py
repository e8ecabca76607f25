"""Weights under other names than the model's: found, or refused, but never left random."""

import json

import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    RobertaConfig,
    RobertaModel,
)

from cenet_lib.__main__ import main
from cenet_lib.errors import CENetError
from cenet_lib.language.backbone import load_backbone
from cenet_lib.model import CENet

SIZES = {
    "vocab_size": 19,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}


def bert(**settings):
    torch.manual_seed(0)
    return BertModel(BertConfig(**SIZES | settings))


def write(folder, config, weights, name="pytorch_model.bin"):
    """Write a folder as people have it: a configuration, and weights under some names."""
    folder.mkdir(exist_ok=True)
    config = config if isinstance(config, dict) else config.to_dict()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    if name.endswith(".safetensors"):
        save_file({n: w.contiguous().clone() for n, w in weights.items()}, folder / name)
    else:
        torch.save(weights, folder / name)
    return folder


def assert_same(folder, expected):
    """Compare every weight of the loaded model with the one that was saved."""
    loaded = load_backbone(folder).state_dict()
    for name, weight in expected.state_dict().items():
        if not name.startswith("pooler."):
            assert torch.equal(loaded[name], weight), name


@pytest.mark.parametrize(
    "prefix",
    [
        *("", "module.", "bert.", "model.", "backbone.", "encoder.", "transformer."),
        *("module.bert.", "model.bert.", "module.module.", "_orig_mod.", "0.auto_model."),
        *("state.model.text_model.model.", "bertmodel."),
    ],
)
@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_what_stands_in_front_is_taken_off(prefix, name, tmp_path):
    model = bert()
    weights = {prefix + n: w for n, w in model.state_dict().items()}
    assert_same(write(tmp_path / "b", model.config, weights, name), model)
    built = CENet.from_backbone(tmp_path / "b", n_visual_codes=2, n_acoustic_codes=2)
    words = built.get_input_embeddings().weight
    assert torch.equal(words, model.get_input_embeddings().weight)


def test_the_path_of_the_configuration_stands_for_the_folder(tmp_path):
    model = bert()
    write(tmp_path / "b", model.config, model.state_dict())
    assert_same(tmp_path / "b" / "config.json", model)


@pytest.mark.parametrize(
    "model",
    [
        RobertaModel(RobertaConfig(**SIZES)),
        ElectraModel(ElectraConfig(**SIZES, embedding_size=8)),
        DistilBertModel(
            DistilBertConfig(vocab_size=19, dim=16, n_layers=2, n_heads=2, hidden_dim=32)
        ),
    ],
    ids=["roberta", "electra", "distilbert"],
)
def test_other_encoders_have_their_own_prefix(model, tmp_path):
    prefix = model.base_model_prefix
    weights = {f"module.{prefix}.{n}": w for n, w in model.state_dict().items()}
    assert_same(write(tmp_path / "b", model.config, weights), model)


@pytest.mark.parametrize("wrapper", ["", "module.", "model."])
def test_heads_and_buffers_are_not_needed(wrapper, tmp_path):
    torch.manual_seed(0)
    whole = BertForMaskedLM(BertConfig(**SIZES))
    weights = {f"{wrapper}{n}": w for n, w in whole.state_dict().items()}
    weights[f"{wrapper}bert.embeddings.position_ids"] = torch.arange(64)[None]
    weights[f"{wrapper}bert.embeddings.token_type_ids"] = torch.zeros(1, 64, dtype=torch.long)
    weights[f"{wrapper}bert.pooler.dense.weight"] = torch.zeros(16, 16)
    weights[f"{wrapper}cls.seq_relationship.bias"] = torch.zeros(2)
    weights[f"{wrapper}classifier.weight"] = torch.zeros(1, 16)
    assert_same(write(tmp_path / "b", whole.config, weights), whole.bert)


def test_layer_norms_of_old(tmp_path):
    model = bert()
    old = {
        n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        : w
        for n, w in model.state_dict().items()
    }  # fmt: skip
    for weight in (w for n, w in old.items() if n.endswith((".gamma", ".beta"))):
        weight.normal_()
    assert_same(
        write(tmp_path / "b", model.config, {f"bert.{n}": w for n, w in old.items()}), model
    )


@pytest.mark.parametrize("container", ["state_dict", "model_state_dict", "model"])
def test_a_checkpoint_of_training(container, tmp_path):
    model = bert()
    weights = {f"module.bert.{n}": w for n, w in model.state_dict().items()}
    content = {"epoch": 3, container: weights, "optimizer": {"state": {}, "lr": 1e-3}}
    assert_same(write(tmp_path / "b", model.config, content), model)


def test_a_model_in_several_files(tmp_path):
    model = bert()
    model.save_pretrained(tmp_path / "b", max_shard_size=4_000)
    assert len(list((tmp_path / "b").glob("*.safetensors"))) > 2
    assert_same(tmp_path / "b", model)


def test_half_precision_is_read_in_full(tmp_path):
    model = bert().half()
    loaded = load_backbone(write(tmp_path / "b", model.config, model.state_dict()))
    name = "encoder.layer.1.output.dense.weight"
    assert loaded.state_dict()[name].dtype == torch.float32
    assert torch.equal(loaded.state_dict()[name], model.state_dict()[name].float())


# --- what does not fit ---------------------------------------------------------------------------


def without(weights, part):
    return {n: w for n, w in weights.items() if part not in n}


def sizes_of_roberta(folder):
    """BERT's weights, and a RoBERTa's usual sizes."""
    config = RobertaConfig(**SIZES | {"max_position_embeddings": 66}, type_vocab_size=1)
    return write(folder, config, bert().state_dict())


MISFITS = {
    "a missing layer": (
        lambda f: write(f, BertConfig(**SIZES), without(bert().state_dict(), "layer.1.")),
        r"missing: encoder\.layer\.1\.attention.*encoder\.layer\.1\.output",
    ),
    "a missing layer under a prefix": (
        lambda f: write(
            f,
            BertConfig(**SIZES),
            {f"module.{n}": w for n, w in without(bert().state_dict(), "layer.0.").items()},
        ),
        r"missing: module\.encoder\.layer\.0\.attention",
    ),
    "a layer too many": (
        lambda f: write(f, BertConfig(**SIZES), bert(num_hidden_layers=3).state_dict()),
        r"not expected: encoder\.layer\.2\.attention",
    ),
    "one bias is missing": (
        lambda f: write(
            f, BertConfig(**SIZES), without(bert().state_dict(), "layer.1.output.dense.bias")
        ),
        r"missing: encoder\.layer\.1\.output\.dense\.bias$",
    ),
    "a weight that nobody knows": (
        lambda f: write(
            f,
            BertConfig(**SIZES),
            {f"bert.{n}": w for n, w in bert().state_dict().items()} | {"a.b": torch.zeros(1)},
        ),
        r"not expected: a\.b$",
    ),
    "twice, with and without prefix": (
        lambda f: write(
            f,
            BertConfig(**SIZES),
            {f"bert.{n}": w for n, w in bert().state_dict().items()}
            | {"embeddings.LayerNorm.bias": torch.zeros(16)},
        ),
        r"not expected: embeddings\.LayerNorm\.bias$",
    ),
    "BERT called bert under a RoBERTa config": (
        lambda f: write(
            f, RobertaConfig(**SIZES), {f"bert.{n}": w for n, w in bert().state_dict().items()}
        ),
        r"are called bert\.…, but config.json says model_type roberta",
    ),
    "BERT under a RoBERTa config": (
        sizes_of_roberta,
        r"position_embeddings.weight has shape \(64, 16\), not \(66, 16\)",
    ),
    "RoBERTa under a BERT config": (
        lambda f: write(
            f,
            BertConfig(**SIZES),
            {f"module.roberta.{n}": w for n, w in bert().state_dict().items()},
        ),
        r"are called module\.roberta\.…, but config.json says model_type bert",
    ),
    "another vocabulary": (
        lambda f: write(f, BertConfig(**SIZES), bert(vocab_size=23).state_dict()),
        r"word_embeddings.weight has shape \(23, 16\), not \(19, 16\)",
    ),
    "another model altogether": (
        lambda f: write(f, BertConfig(**SIZES), {"conv.weight": torch.zeros(3, 3)}),
        r"missing: embeddings\.LayerNorm\.bias, .*; not expected: conv\.weight",
    ),
    "no weights": (lambda f: write(f, BertConfig(**SIZES), {}), "holds no weights"),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_what_does_not_fit_is_refused(kind, tmp_path):
    make, message = MISFITS[kind]
    with pytest.raises(CENetError, match=message) as caught:
        load_backbone(make(tmp_path / "b"))
    assert str(caught.value).startswith(str(tmp_path / "b"))
    assert "\n" not in str(caught.value)


def test_a_command_says_so_in_one_line(small_backbone, small_corpus, tmp_path, capsys):
    small_corpus.save(tmp_path / "corpus")
    weights = load_backbone(small_backbone).state_dict()
    folder = tmp_path / "b"
    write(folder, json.loads((small_backbone / "config.json").read_text()), {})
    (folder / "vocab.txt").write_text((small_backbone / "vocab.txt").read_text())
    torch.save(without(weights, "layer.1."), folder / "pytorch_model.bin")
    options = ["--corpus", str(tmp_path / "corpus"), "--backbone", str(folder)]
    options += ["--n-visual-codes", "3", "--n-acoustic-codes", "3", "--out", str(tmp_path / "run")]
    assert main(["train", *options]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "missing: encoder.layer.1." in told[0]
    assert not (tmp_path / "run").exists()


# --- folders of old ------------------------------------------------------------------------------

OLD = {  # as pytorch-pretrained-bert wrote it
    **SIZES,
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "type_vocab_size": 2,
}
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *("a", "film", "that", "is", "good", "bad", "and"),
]


def write_old(folder, prefix="bert.", config_name="config.json", words=(*WORDS, "##s", "x")):
    model = bert()
    old = {
        prefix + n.replace("LayerNorm.weight", "LayerNorm.gamma"): w
        for n, w in model.state_dict().items()
    }
    write(folder, OLD, old)
    (folder / "config.json").rename(folder / config_name)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    return model


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["bert.", "", "module."])
@pytest.mark.parametrize("config_name", ["config.json", "bert_config.json"])
@pytest.mark.parametrize("by_file", [False, True])
def test_a_folder_of_old(prefix, config_name, by_file, tmp_path, small_corpus, capsys):
    model = write_old(tmp_path / "bert_en", prefix, config_name)
    place = tmp_path / "bert_en" / "pytorch_model.bin" if by_file else tmp_path / "bert_en"
    assert_same(place, model)
    small_corpus.save(tmp_path / "corpus")
    options = ["--corpus", str(tmp_path / "corpus"), "--backbone", str(place), "--epochs", "1"]
    options += ["--n-visual-codes", "3", "--n-acoustic-codes", "3", "--out", str(tmp_path / "run")]
    assert main(["train", *options, "--lr-backbone", "0", "--device", "cpu"]) == 0
    saved = CENet.from_pretrained(tmp_path / "run" / "model").backbone.state_dict()
    name = "encoder.layer.1.output.LayerNorm.weight"
    assert torch.equal(saved[name], model.state_dict()[name])


def test_a_file_by_another_name_is_the_one_that_is_read(tmp_path):
    other, model = bert(), bert()
    torch.nn.init.normal_(model.embeddings.word_embeddings.weight)
    write(tmp_path / "b", model.config, other.state_dict())
    torch.save(model.state_dict(), tmp_path / "b" / "mine.bin")
    assert_same(tmp_path / "b" / "mine.bin", model)


@pytest.mark.parametrize(
    ("words", "piece"),
    [((*WORDS, "Film", "GOOD"), "Film"), ((*WORDS, "x"), "film")],
)
def test_a_vocabulary_of_old_tells_whether_it_has_capitals(words, piece, tmp_path):
    from cenet_lib.processor import load_tokenizer

    write_old(tmp_path / "b", words=words)
    assert load_tokenizer(tmp_path / "b").tokenize("Film") == [piece]


def test_a_config_without_a_type_and_unknown_weights(tmp_path):
    write(tmp_path / "b", OLD, {"layers.0.w": torch.zeros(2)})
    with pytest.raises(
        CENetError, match=r'config.json: names no model_type; add one, such as "mod'
    ):
        load_backbone(tmp_path / "b")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["roberta.encoder.layer.0.a"], "roberta"),
        (["distilbert.transformer.layer.0.a"], "distilbert"),
        (["transformer.layer.0.attention.q_lin.weight"], "distilbert"),
        (["electra.encoder.layer.0.a"], "electra"),
        (["module.bert.encoder.layer.0.a"], "bert"),
        (["encoder.layer.0.attention.self.query.bias"], "bert"),
    ],
)
def test_the_kind_is_inferred_from_names(names, expected):
    from cenet_lib.language.described import encoder_config

    weights = {name: torch.zeros(1) for name in names}
    assert encoder_config("c", {"num_hidden_layers": 1}, weights).model_type == expected


def test_the_kind_is_inferred_from_classes_and_sentence_types():
    from cenet_lib.language.described import encoder_config

    layer = {"encoder.layer.0.attention.self.query.bias": torch.zeros(1)}
    types = {"embeddings.token_type_embeddings.weight": torch.zeros(1, 16)}
    assert encoder_config("c", {}, layer | types).model_type == "roberta"
    named = {"architectures": ["RobertaForMaskedLM"]}
    assert encoder_config("c", named, layer).model_type == "roberta"


@pytest.mark.parametrize(
    ("file", "kind"),
    [("tf_model.h5", "TensorFlow"), ("bert_model.ckpt.index", "TensorFlow"), ("m.gguf", "llama")],
)
def test_weights_of_another_program(file, kind, tmp_path):
    bert().config.save_pretrained(tmp_path)
    (tmp_path / file).write_bytes(b"weights")
    with pytest.raises(CENetError, match=f"{kind}.*take the same model for PyTorch"):
        load_backbone(tmp_path)
