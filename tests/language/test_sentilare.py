import json
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer

from cenet_lib.errors import CENetError
from cenet_lib.language.packaged import packaged_minilm
from cenet_lib.language.sentilare import is_sentilare, load_sentilare
from cenet_lib.model import CENet, CENetConfig
from cenet_lib.processor import CENetProcessor, load_tokenizer
from cenet_lib.utterance import Utterance

D, LAYERS, ROWS = 8, 2, 40
TABLES = {"pos_tag": "pos", "senti": "polarity", "polarity": "sentence_polarity"}

# Byte-level pieces: 'Ġ' is how they write a space.
LETTERS = "abcdefghijklmnopqrstuvwxyzĠ.!,'"
MERGES = ["Ġ g", "o o", "Ġg oo", "Ġgoo d", "Ġ n", "Ġn o", "Ġno t", "i s", "Ġ is", "Ġ ."]
SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}


def vocabulary():
    pieces = [*LETTERS, *(merge.replace(" ", "") for merge in MERGES), "<mask>"]
    return SPECIAL | {piece: i for i, piece in enumerate(pieces, start=len(SPECIAL))}


def weights(seed=0):
    draw = torch.Generator().manual_seed(seed)
    n_words = len(vocabulary())
    shapes = {
        f"roberta.embeddings.{name}_embeddings.weight": (n, D)
        for name, n in {
            "word": n_words,
            "position": ROWS,
            "token_type": 1,
            "pos_tag": 5,
            "senti": 3,
            "polarity": 6,
        }.items()
    }
    for name in ("weight", "bias"):
        shapes[f"roberta.embeddings.LayerNorm.{name}"] = (D,)
    for i in range(LAYERS):
        layer = f"roberta.encoder.layer.{i}"
        for name, (n_in, n_out) in {
            "attention.self.query": (D, D),
            "attention.self.key": (D, D),
            "attention.self.value": (D, D),
            "attention.output.dense": (D, D),
            "intermediate.dense": (D, 2 * D),
            "output.dense": (2 * D, D),
        }.items():
            shapes[f"{layer}.{name}.weight"], shapes[f"{layer}.{name}.bias"] = (
                (n_out, n_in),
                (n_out,),
            )
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{layer}.{name}.weight"] = shapes[f"{layer}.{name}.bias"] = (D,)
    for head in ("roberta.pooler.dense", "lm_head.dense", "senti_head.dense", "pos_head.dense"):
        shapes[f"{head}.weight"], shapes[f"{head}.bias"] = (D, D), (D,)
    shapes["lm_head.decoder.weight"], shapes["pola_head.bias"] = (n_words, D), (3,)
    return {name: torch.randn(shape, generator=draw) for name, shape in shapes.items()}


@pytest.fixture
def folder(tmp_path):
    return write_sentilare(tmp_path / "sentilare")


def write_sentilare(folder):
    """Write a checkpoint as SentiLARE's authors publish it: no model type in its config."""
    folder.mkdir()
    config = {"num_attention_heads": 2, "layer_norm_eps": 1e-5, "hidden_act": "gelu"}
    config |= {"hidden_size": D, "finetuning_task": None, "torchscript": False, "num_labels": 2}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "vocab.json").write_text(json.dumps(vocabulary()), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]), encoding="utf-8")
    torch.save(weights(), folder / "pytorch_model.bin")
    return folder


def pieces_of(word):
    """Byte-pair encoding of one word with a space in front, by the rules of the method."""
    parts = re.findall(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[^\sA-Za-z]+", f" {word}")
    result = []
    for part in parts:
        symbols = list(part.replace(" ", "Ġ"))
        for merge in MERGES:  # in order of rank; enough where no merge undoes a later one
            left, right = merge.split()
            i = 0
            while i < len(symbols) - 1:
                if symbols[i : i + 2] == [left, right]:
                    symbols[i : i + 2] = [left + right]
                i += 1
        result += symbols
    return result


def test_every_row_is_kept(folder):
    expected = weights()
    model = CENet.from_backbone(folder)
    assert model.config.linguistic
    assert model.config.backbone.layer_norm_eps == 1e-5
    for theirs, ours in TABLES.items():
        table = expected[f"roberta.embeddings.{theirs}_embeddings.weight"]
        assert torch.equal(getattr(model.linguistic, ours).weight, table)
    for name, weight in model.backbone.state_dict().items():
        assert torch.equal(weight, expected[f"roberta.{name}"]), name


@pytest.mark.parametrize("frozen", [False, True])
def test_every_row_survives_saving(folder, tmp_path, frozen):
    """Initialisation zeroes rows named padding; here they hold what was trained."""
    model = CENet.from_backbone(folder, frozen_padding_rows=frozen)
    model.save_pretrained(tmp_path / "saved")
    again = CENet.from_pretrained(tmp_path / "saved").state_dict()
    for name, weight in model.state_dict().items():
        assert torch.equal(again[name], weight), name
    assert model.linguistic.polarity.weight[2].abs().min() > 0


def test_embeddings_are_the_sum_then_the_norm(folder):
    w = weights()
    model = CENet.from_backbone(folder).eval()
    seen = []
    model.backbone.embeddings.register_forward_hook(lambda m, i, o: seen.append(o))
    ids = torch.tensor([[0, 9, 12, 2, 2, 1, 1]])
    pos, polarity = torch.tensor([[4, 1, 0, 4, 4, 4, 4]]), torch.tensor([[2, 1, 0, 2, 2, 2, 2]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 0, 0]])
    stars = torch.full_like(ids, 3)
    for sentence, given in ((5, None), (3, stars)):
        model(ids, mask, pos_ids=pos, polarity_ids=polarity, sentence_polarity_ids=given)
        total = sum(
            w[f"roberta.embeddings.{table}_embeddings.weight"][rows]
            for table, rows in {
                "word": ids,
                "position": torch.arange(2, 9)[None],  # over padding too
                "token_type": torch.zeros_like(ids),
                "pos_tag": pos,
                "senti": polarity,
                "polarity": torch.full_like(ids, sentence),
            }.items()
        )
        expected = torch.nn.functional.layer_norm(
            total,
            (D,),
            w["roberta.embeddings.LayerNorm.weight"],
            w["roberta.embeddings.LayerNorm.bias"],
            eps=1e-5,
        )
        torch.testing.assert_close(seen.pop(), expected)


def test_without_its_knowledge(folder):
    model = CENet.from_backbone(folder, linguistic=False).eval()
    assert model.linguistic is None
    ids = torch.tensor([[0, 9, 2, 2]])
    assert torch.isfinite(model(ids).logits).all()
    with pytest.raises(CENetError, match="give pos_ids and polarity_ids"):
        CENet.from_backbone(folder)(ids)


def test_missing_and_unexpected_are_all_named(folder):
    found = weights()
    del found["roberta.embeddings.senti_embeddings.weight"]
    found["roberta.adapter.weight"] = torch.zeros(1)
    torch.save(found, folder / "pytorch_model.bin")
    with pytest.raises(CENetError) as caught:
        load_sentilare(folder)
    assert "missing: roberta.embeddings.senti_embeddings.weight;" in str(caught.value)
    assert "not expected: roberta.adapter.weight" in str(caught.value)
    assert "head" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.module.", "a.text_model."])
@pytest.mark.parametrize("bare", [False, True])
def test_what_stands_in_front_and_buffers_are_taken_off(prefix, bare, folder):
    found = weights() | {
        "roberta.embeddings.position_ids": torch.arange(ROWS)[None],
        "roberta.embeddings.token_type_ids": torch.zeros(1, ROWS, dtype=torch.long),
    }
    if bare:  # the language model alone, as a class of its own saves it
        found = {n.removeprefix("roberta."): w for n, w in found.items() if n[:3] == "rob"}
    torch.save({prefix + n: w for n, w in found.items()}, folder / "pytorch_model.bin")
    assert is_sentilare(folder)
    loaded = load_sentilare(folder)[1]
    torch.save(weights(), folder / "pytorch_model.bin")
    expected = load_sentilare(folder)[1]
    assert loaded.keys() == expected.keys()
    for name, weight in expected.items():
        assert torch.equal(loaded[name], weight), name


def test_a_missing_layer_and_damaged_values_are_refused(folder):
    found = {n: w for n, w in weights().items() if "layer.0." not in n}
    torch.save({f"module.{n}": w for n, w in found.items()}, folder / "pytorch_model.bin")
    with pytest.raises(CENetError, match=r"sentilare: .*roberta\.encoder\.layer\.0\."):
        load_sentilare(folder)
    found = weights()
    found["roberta.embeddings.senti_embeddings.weight"][1, 2] = float("nan")
    torch.save(found, folder / "pytorch_model.bin")
    with pytest.raises(CENetError, match=r"no numbers in linguistic\.polarity\.weight"):
        CENet.from_backbone(folder)


@pytest.mark.parametrize(
    "values",
    [
        *({"num_attention_heads": "two"}, {"num_attention_heads": 0}, {"layer_norm_eps": "x"}),
        *({"num_hidden_layers": 10**6}, {"hidden_size": 10**9}, {"hidden_act": 3}),
        *({"num_attention_heads": 3}, {"hidden_dropout_prob": "much"}),
    ],
)
def test_a_config_that_does_not_fit_is_one_error(values, folder):
    described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(described | values), encoding="utf-8")
    with pytest.raises(CENetError) as caught:
        CENet.from_backbone(folder)
    assert "\n" not in str(caught.value)


def test_code_beside_the_tokenizer_is_ignored(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = load_tokenizer(folder).get_vocab()
    (folder / "evil.py").write_text("import os; os.mkdir('CODE_RAN')", encoding="utf-8")
    secret = tmp_path / "secret.json"
    secret.write_text('{"secret": 0}', encoding="utf-8")
    settings = {"auto_map": {"AutoTokenizer": ["evil.T", None]}, "vocab_file": str(secret)}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    assert load_tokenizer(folder).get_vocab() == expected
    assert not (tmp_path / "CODE_RAN").exists()


def test_the_path_of_the_weights_themselves(folder):
    file = folder / "pytorch_model.bin"
    model = CENet.from_backbone(file)
    assert torch.equal(
        model.linguistic.pos.weight, weights()["roberta.embeddings.pos_tag_embeddings.weight"]
    )
    assert load_tokenizer(file).get_vocab() == load_tokenizer(folder).get_vocab()


def test_a_whole_cenet_is_not_a_language_model(folder):
    torch.save(
        weights() | {"roberta.encoder.CE.hv.Wq.bias": torch.zeros(D)}, folder / "pytorch_model.bin"
    )
    with pytest.raises(CENetError, match=r"open it with CENet\.from_published"):
        CENet.from_backbone(folder)


def test_what_is_sentilare(folder, tmp_path):
    assert is_sentilare(folder)
    torch.save(weights(), folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert is_sentilare(folder)
    (folder / "pytorch_model.bin").unlink()
    assert not is_sentilare(folder)
    save_file(weights(), folder / "model.safetensors")
    assert is_sentilare(folder)
    assert not is_sentilare(packaged_minilm())
    assert not is_sentilare("some/name")
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(CENetError, match=r"model\.safetensors: is damaged"):
        is_sentilare(folder)


def test_layout_and_pieces(folder):
    processor = CENetProcessor(load_tokenizer(folder), None, None)
    words = ("good", "is", "not", "isn't", "so", ".", "good!")
    features = processor(Utterance("u", words, np.zeros((0, 1)), np.zeros((0, 1))))
    ids = vocabulary()
    pieces = [pieces_of(word) for word in words]
    assert pieces[0] == ["Ġgood"]  # the first word too has its space
    assert pieces[5] == ["Ġ."]
    flat = [piece for word in pieces for piece in word]
    expected = [ids[piece] for piece in ["<s>", *flat, "</s>", "</s>"]]
    assert features["input_ids"].tolist() == expected
    word_index = [-1, *(i for i, word in enumerate(pieces) for _ in word), -1, -1]
    assert features["word_index"].tolist() == word_index


def test_ids_of_special_tokens_and_padding(folder):
    processor = CENetProcessor(load_tokenizer(folder), None, None, annotator="file")
    none = np.zeros((0, 1))
    given = {"pos_ids": np.array([1, 0]), "polarity_ids": np.array([1, 0])}
    long = Utterance("a", ("good", "soo"), none, none, annotations=given)
    short = Utterance("b", ("good",), none, none, annotations={k: v[:1] for k, v in given.items()})
    batch = processor.batch([long, short])
    n = len(pieces_of("soo"))
    assert batch["pos_ids"].tolist() == [[4, 1, *[0] * n, 4, 4], [4, 1, 4, 4, *[4] * n]]
    assert batch["polarity_ids"].tolist() == [[2, 1, *[0] * n, 2, 2], [2, 1, 2, 2, *[2] * n]]
    assert batch["input_ids"][1].tolist()[-n:] == [1] * n
    assert torch.isfinite(
        CENet.from_backbone(folder, n_visual_codes=1, n_acoustic_codes=1)(**batch).logits
    ).all()


def test_long_texts_keep_both_ends(folder):
    processor = CENetProcessor(load_tokenizer(folder), None, None, max_length=6)
    none = np.zeros((0, 1))
    ids = processor(Utterance("a", ("good",) * 9, none, none))["input_ids"].tolist()
    assert ids == [0, *[vocabulary()["Ġgood"]] * 3, 2, 2]


def test_the_layout_survives_saving(folder, tmp_path):
    processor = CENetProcessor(load_tokenizer(folder), None, None, max_length=9)
    processor.save_pretrained(tmp_path / "saved")
    shutil.rmtree(folder)
    again = CENetProcessor.from_pretrained(tmp_path / "saved")
    none = np.zeros((0, 1))
    for words in (("good", "isn't", "."), ("is",) * 20):
        utterance = Utterance("a", words, none, none)
        assert again(utterance)["input_ids"].tolist() == processor(utterance)["input_ids"].tolist()
    assert again.tokenizer.pad_token_id == 1
    # as any other tool reads it
    plain = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert plain("good")["input_ids"][-2:] == [2, 2]


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt", "config.json"])
def test_a_file_is_missing(folder, name):
    (folder / name).unlink()
    with pytest.raises(CENetError, match=f"{name}: is missing"):
        load_tokenizer(folder) if name != "config.json" else CENet.from_backbone(folder)


def test_damaged_vocabulary(folder):
    (folder / "vocab.json").write_text("{", encoding="utf-8")
    with pytest.raises(CENetError, match="its vocabulary cannot be read"):
        load_tokenizer(folder)


def test_published_settings_on_sentilare(folder):
    """What the published code starts from: SentiLARE, and a random CE that attends to padding."""
    published = CENetConfig.published(backbone=load_sentilare(folder)[0])
    assert (published.mask_padding, published.frozen_padding_rows) == (False, True)
    model = CENet(published)
    assert model.fusion.visual.embedding.weight[-1].std() > 0.005
    assert model.linguistic.pos.padding_idx == 4
    assert model.get_input_embeddings().padding_idx == 0
