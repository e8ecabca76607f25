"""Model folders of strangers, damaged and hostile: one clear line each, and nothing runs."""

import json
import os
import pty
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small import make_backbone

from cenet_lib import CENetProcessor
from cenet_lib.__main__ import main
from cenet_lib.errors import CENetError
from cenet_lib.language.backbone import load_backbone
from cenet_lib.language.probe import probe
from cenet_lib.model import CENet
from cenet_lib.processor import load_tokenizer

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"


def change(name, **values):
    """Return what changes keys of a JSON file; a value of None takes the key away."""

    def damage(folder):
        content = json.loads((folder / name).read_text(encoding="utf-8")) | values
        content = {key: value for key, value in content.items() if value is not None}
        (folder / name).write_text(json.dumps(content), encoding="utf-8")

    return damage


def put(name, content):
    """Return what writes a file anew."""

    def damage(folder):
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)

    return damage


def weigh(work):
    """Return what changes the weights."""

    def damage(folder):
        weights = load_file(folder / WEIGHTS)
        save_file(work(weights) or weights, folder / WEIGHTS)

    return damage


def pickled(make, **options):
    """Return what puts a pickle in place of the weights."""

    def damage(folder):
        weights = load_file(folder / WEIGHTS)
        (folder / WEIGHTS).unlink()
        torch.save(make(weights), folder / "pytorch_model.bin", **options)

    return damage


def index(weight_map):
    """Return what puts an index in place of the weights."""

    def damage(folder):
        (folder / WEIGHTS).rename(folder / "part.safetensors")
        put(f"{WEIGHTS}.index.json", json.dumps({"weight_map": weight_map}))(folder)

    return damage


def cut(name, keep):
    return lambda folder: os.truncate(folder / name, keep)


def header(change_header):
    """Return what writes another header into the weights."""

    def damage(folder):
        data = (folder / WEIGHTS).read_bytes()
        (size,) = struct.unpack("<Q", data[:8])
        new = change_header(json.loads(data[8 : 8 + size]))
        new = new if isinstance(new, bytes) else json.dumps(new).encode()
        (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(new)) + new + data[8 + size :])

    return damage


class Hostile:
    """Opened by a careless reader, it leaves a file."""

    def __reduce__(self):
        return (os.mkdir, ("CODE_RAN",))


def expand(weights):
    """Weights of a few numbers that say they are a billion."""
    return {**weights, "pooler.dense.weight": torch.zeros(1).expand(10**5, 10**4)}


def compress(folder):
    """Write a pickle whose zip unpacks to a thousand times its size."""
    pickled(lambda weights: {**weights, "x": torch.zeros(10**7)})(folder)
    file = folder / "pytorch_model.bin"
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def fifo(name):
    def damage(folder):
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return damage


def with_nan(weights):
    weights["encoder.layer.1.output.dense.bias"][3] = float("nan")


def with_infinity(weights):
    weights["embeddings.LayerNorm.bias"][3] = float("inf")


def quantised(weights):
    name = "encoder.layer.0.output.dense.weight"
    weights[name] = weights[name].to(torch.int8)


DEEP = "[" * 100_000 + "]" * 100_000
MODEL = {  # what is wrong with the model itself
    "config is a list": (put(CONFIG, "[]"), "config.json: is damaged"),
    "config is a number": (put(CONFIG, "3"), "config.json: is damaged"),
    "config is cut": (cut(CONFIG, 40), "config.json: is damaged"),
    "config is empty": (put(CONFIG, ""), "config.json: is damaged"),
    "config is binary": (put(CONFIG, b"\xff\xfe\x00"), "config.json: is damaged"),
    "config is deep": (put(CONFIG, DEEP), "config.json: is damaged"),
    "config is missing": (lambda f: (f / CONFIG).unlink(), "config.json: is missing"),
    "type is unknown": (change(CONFIG, model_type="oracle"), "'oracle' is none that is known"),
    "type is a list": (change(CONFIG, model_type=["bert"]), "config.json: model_type"),
    "type is a CENet": (change(CONFIG, model_type="cenet"), "is a whole CENet"),
    "a million layers": (change(CONFIG, num_hidden_layers=10**6), "num_hidden_layers is 1000000"),
    "digits without end": (
        change(CONFIG, num_hidden_layers=10**3000),
        "num_hidden_layers is more than 10",
    ),
    "no layers": (change(CONFIG, num_hidden_layers=0), "not expected: encoder.layer.0"),
    "layers below zero": (change(CONFIG, num_hidden_layers=-1), "config.json|not expected"),
    "hidden size too large": (change(CONFIG, hidden_size=4096), r"has shape \(\d+, 16\), not"),
    "hidden size far too large": (change(CONFIG, hidden_size=10**9), "hidden_size is 1000000000"),
    "hidden size is a word": (change(CONFIG, hidden_size="wide"), "config.json: "),
    "hidden size is null": (change(CONFIG, hidden_size=[1]), "config.json: "),
    "heads do not divide": (change(CONFIG, num_attention_heads=3), "config.json: "),
    "no heads": (change(CONFIG, num_attention_heads=0), "config.json: "),
    "vocabulary too large": (change(CONFIG, vocab_size=10**12), "vocab_size is more than"),
    "vocabulary of another": (change(CONFIG, vocab_size=100), r"word_embeddings.weight has shape"),
    "positions without end": (
        change(CONFIG, max_position_embeddings=10**11),
        "max_position_embeddings is 100000000000",
    ),
    "activation unknown": (change(CONFIG, hidden_act="magic"), "config.json: "),
    "activation a list": (change(CONFIG, hidden_act=[1]), "config.json: "),
    "dropout a word": (change(CONFIG, hidden_dropout_prob="much"), "config.json: "),
    "dropout 7": (change(CONFIG, hidden_dropout_prob=7.0), "config.json: "),
    "weights are cut": (cut(WEIGHTS, 3000), f"{WEIGHTS}: is damaged"),
    "weights' header is cut": (cut(WEIGHTS, 20), f"{WEIGHTS}: is damaged"),
    "weights are empty": (cut(WEIGHTS, 0), f"{WEIGHTS}: is damaged"),
    "weights are text": (put(WEIGHTS, "weights"), f"{WEIGHTS}: is damaged"),
    "header is no JSON": (header(lambda h: b"{"), f"{WEIGHTS}: is damaged"),
    "header is a list": (header(lambda h: []), f"{WEIGHTS}: is damaged"),
    "header beyond the file": (
        put(WEIGHTS, struct.pack("<Q", 2**60) + b"{}"),
        f"{WEIGHTS}: is damaged",
    ),
    "header promises more": (
        header(lambda h: {**h, "x": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4]}}),
        f"{WEIGHTS}: is damaged",
    ),
    "weights are NaN": (weigh(with_nan), "no numbers in encoder.layer.1.output.dense.bias"),
    "weights are infinite": (weigh(with_infinity), "no numbers in embeddings.LayerNorm.bias"),
    "weights are quantised": (weigh(quantised), "is of kind int8"),
    "weights are missing": (lambda f: (f / WEIGHTS).unlink(), "holds neither"),
    "weights are a FIFO": (fifo(WEIGHTS), "holds neither"),
    "index leads outside": (
        index({"a": "../../../etc/passwd"}),
        r"lists '../../../etc/passwd', which is not in its own folder",
    ),
    "index leads to an absolute path": (index({"a": "/etc/passwd"}), "not in its own folder"),
    "index lists what is not there": (index({"a": "gone.safetensors"}), "gone.*: is missing"),
    "index lists numbers": (index({"a": 3}), "has no weight_map"),
    "index is no map": (index([1]), "has no weight_map"),
    "index lists a folder": (index({"a": "."}), "not in its own folder|is missing"),
    "a pickle that runs": (pickled(lambda w: Hostile()), "holds more than weights"),
    "a pickle that runs, of old": (
        pickled(lambda w: Hostile(), _use_new_zipfile_serialization=False),
        "holds more than weights",
    ),
    "a pointer of Git LFS": (
        put(WEIGHTS, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        f"{WEIGHTS}: is a pointer of Git LFS; run 'git lfs pull'",
    ),
    "a weight twice": (
        pickled(lambda w: {**w, "embeddings.LayerNorm.gamma": w["embeddings.LayerNorm.weight"]}),
        "embeddings.LayerNorm.gamma and embeddings.LayerNorm.weight are one weight",
    ),
    "a pickle of words": (pickled(lambda w: {"a": "b"}), "not a state dict"),
    "a pickle of a list": (pickled(lambda w: [1, 2]), "not a state dict"),
    "a pickle that unfolds": (pickled(expand), "unfold to"),
    "a zip that unpacks": (compress, "unpacks to"),
    "a pickle that is cut": (
        lambda f: (pickled(lambda w: w)(f), os.truncate(f / "pytorch_model.bin", 3000)),
        "pytorch_model.bin: is damaged",
    ),
}
WORDS = {  # what is wrong with the tokenizer
    "tokenizer is cut": (cut(TOKENIZER, 300), "no tokenizer could be loaded"),
    "tokenizer is a list": (put(TOKENIZER, "[]"), "no tokenizer could be loaded"),
    "tokenizer is empty": (put(TOKENIZER, ""), "no tokenizer could be loaded"),
    "tokenizer is binary": (put(TOKENIZER, b"\x00\xff\xfe"), "no tokenizer could be loaded"),
    "tokenizer has no model": (put(TOKENIZER, '{"model": null}'), "no tokenizer could be loaded"),
    "settings are a list": (put("tokenizer_config.json", "[]"), "tokenizer_config.json: is dam"),
    "settings are cut": (cut("tokenizer_config.json", 9), "tokenizer_config.json: is damaged"),
    "settings are deep": (put("tokenizer_config.json", DEEP), "tokenizer_config.json: is damaged"),
    "no vocabulary": (
        lambda f: [(f / name).unlink() for name in (TOKENIZER, "vocab.txt")],
        "neither tokenizer.json nor vocab.txt",
    ),
    "an empty vocabulary": (
        lambda f: [(f / TOKENIZER).unlink(), put("vocab.txt", "")(f)],
        "no tokenizer could be loaded|knows no word",
    ),
    "a vocabulary of special tokens": (
        lambda f: [
            (f / TOKENIZER).unlink(),
            put("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]")(f),
        ],
        "knows no word",
    ),
    "a binary vocabulary": (
        lambda f: [(f / TOKENIZER).unlink(), put("vocab.txt", b"\xff\xfe\x00")(f)],
        "no tokenizer could be loaded|knows no word",
    ),
    "tokenizer is a FIFO": (
        lambda f: [fifo(TOKENIZER)(f), (f / "vocab.txt").unlink()],
        "neither tokenizer.json nor vocab.txt",
    ),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A language model of two layers, in a folder where hostile code would be seen."""
    monkeypatch.chdir(tmp_path)
    return make_backbone(tmp_path / "b")


@pytest.mark.parametrize("kind", MODEL)
def test_a_damaged_model_is_one_error(kind, folder):
    damage, message = MODEL[kind]
    damage(folder)
    with pytest.raises(CENetError, match=message) as caught:
        probe(load_backbone(folder))
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # torch advises to open it all the same
    assert str(folder) in str(caught.value)
    assert not Path("CODE_RAN").exists()


@pytest.mark.parametrize("kind", WORDS)
def test_a_damaged_tokenizer_is_one_error(kind, folder):
    damage, message = WORDS[kind]
    damage(folder)
    with pytest.raises(CENetError, match=message) as caught:
        load_tokenizer(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*MODEL, *WORDS])
def test_a_command_ends_in_one_line(kind, folder, small_corpus, tmp_path, capsys):
    ({**MODEL, **WORDS})[kind][0](folder)
    small_corpus.save(tmp_path / "corpus")
    options = ["--corpus", "corpus", "--backbone", "b", "--out", "run", "--epochs", "1"]
    status = main(["train", *options, "--n-visual-codes", "3", "--n-acoustic-codes", "3"])
    told = capsys.readouterr().err.splitlines()
    assert status == 2
    assert len(told) == 1
    assert told[0].startswith("error: ")
    assert not Path("run").exists()
    assert not Path("CODE_RAN").exists()


# --- what is ignored ----------------------------------------------------------------------------

CODE = """
import os
os.mkdir("CODE_RAN")
from transformers import BertTokenizerFast as Words, BertModel as Model, BertConfig as Config
"""
IGNORED = {
    "code for the model": {"auto_map": {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}},
    "code elsewhere": {"auto_map": {"AutoModel": "somebody/else--evil.Model"}},
    "code, oddly": {"auto_map": [1, 2]},
    "a kernel for the attention": {"attn_implementation": "somebody/kernel"},
    "the same, hidden": {"_attn_implementation": "somebody/kernel"},
    "the same, inside": {"_attn_implementation_internal": "flash_attention_2"},
    "kernels": {"use_kernels": True, "kernel_config": {"RMSNorm": "somebody/kernel:Norm"}},
    "a quantiser": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
    "labels without end": {"num_labels": 10**9},
    "weights elsewhere": {"transformers_weights": "../../elsewhere.safetensors"},
    "tuples": {"return_dict": False, "output_hidden_states": True, "torchscript": True},
    "half precision": {"dtype": "float16", "torch_dtype": "bfloat16"},
    "a method's name": {"to_json_string": 1, "to_dict": "x", "save_pretrained": None},
    "a path": {"_name_or_path": "/etc", "name_or_path": "/etc"},
}


@pytest.mark.parametrize("kind", IGNORED)
def test_what_does_not_describe_a_model_is_ignored(kind, folder, tmp_path):
    expected = load_backbone(folder).state_dict()
    (folder / "evil.py").write_text(CODE, encoding="utf-8")
    content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    (folder / CONFIG).write_text(json.dumps(content | IGNORED[kind]), encoding="utf-8")
    model = load_backbone(folder)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, expected[name])
    assert model.dtype == torch.float32
    assert model.config._attn_implementation in ("sdpa", "eager")
    built = CENet.from_backbone(folder, n_visual_codes=2, n_acoustic_codes=2)
    built.save_pretrained(tmp_path / "saved")
    CENet.from_pretrained(tmp_path / "saved")
    assert not Path("CODE_RAN").exists()


@pytest.mark.parametrize(
    "auto_map",
    [
        {"AutoTokenizer": ["evil.Words", "evil.Words"]},
        {"AutoTokenizer": [None, "evil.Words"]},
        {"AutoTokenizer": "evil.Words"},
        ["evil.Words", "evil.Words"],
        {"AutoTokenizer": ["somebody/else--evil.Words", None]},
    ],
)
def test_code_of_a_tokenizer_is_ignored(auto_map, folder):
    expected = load_tokenizer(folder).get_vocab()
    (folder / "evil.py").write_text(CODE, encoding="utf-8")
    for settings in ({"auto_map": auto_map}, {"auto_map": auto_map, "tokenizer_class": "Words"}):
        change("tokenizer_config.json", **settings)(folder)
        assert load_tokenizer(folder).get_vocab() == expected
    change(CONFIG, auto_map=auto_map, model_type="oracle")(folder)
    assert load_tokenizer(folder).get_vocab() == expected
    assert not Path("CODE_RAN").exists()


@pytest.mark.parametrize("key", ["vocab_file", "tokenizer_file", "merges_file", "spm_file"])
def test_a_vocabulary_elsewhere_is_not_read(key, folder, tmp_path):
    (tmp_path / "secret.txt").write_text("[UNK]\nsecret\n", encoding="utf-8")
    expected = load_tokenizer(folder).get_vocab()
    change("tokenizer_config.json", **{key: str(tmp_path / "secret.txt")})(folder)
    assert load_tokenizer(folder).get_vocab() == expected
    (folder / TOKENIZER).unlink()
    assert "secret" not in load_tokenizer(folder).get_vocab()


def answer_yes(arguments, cwd, seconds=120):
    """Run Python on a terminal where somebody answers yes to whatever is asked; return its output.

    Standard input, output and error are the terminal, so a program that would ask a person asks.
    """
    ours, theirs = pty.openpty()
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, b"y\ny\ny\n")
    said = b""
    try:
        while data := os.read(ours, 4096):
            said += data
    except OSError:  # the other end was closed
        pass
    status = process.wait(timeout=seconds)
    os.close(ours)
    return status, said.decode("utf-8", "replace")


@pytest.mark.slow
def test_nothing_runs_even_if_somebody_says_yes(folder, small_corpus, small_run, tmp_path):
    (folder / "evil.py").write_text(CODE, encoding="utf-8")
    change(CONFIG, auto_map={"AutoModel": "evil.Model", "AutoConfig": "evil.Config"})(folder)
    change(
        "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["evil.Words", "evil.Words"]},
        tokenizer_class="Words",
    )(folder)
    small_corpus.save(tmp_path / "corpus")
    sizes = ["--n-visual-codes", "3", "--n-acoustic-codes", "3", "--epochs", "1"]
    options = ["--corpus", "corpus", "--backbone", "b", "--out", "run", "--device", "cpu", *sizes]
    status, said = answer_yes(["-m", "cenet_lib", "train", *options], tmp_path)
    assert status == 0, said
    assert "custom code" not in said
    assert "trust_remote_code" not in said
    assert not (tmp_path / "CODE_RAN").exists()


# --- saved models -------------------------------------------------------------------------------


@pytest.fixture
def saved(small_run, tmp_path, monkeypatch):
    """The model of a run, with its processor."""
    monkeypatch.chdir(tmp_path)
    small_run.model.save_pretrained(tmp_path / "saved")
    small_run.processor.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def nested(**values):
    def damage(folder):
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        content["backbone"] |= values
        (folder / CONFIG).write_text(json.dumps(content), encoding="utf-8")

    return damage


def head_of_nan(weights):
    weights["head.dense.bias"][0] = float("nan")


SAVED = {
    "config is a list": (put(CONFIG, "[]"), "config.json: is damaged"),
    "config is empty": (put(CONFIG, "{}"), "describes no CENet"),
    "of another kind": (change(CONFIG, model_type="bert"), "describes no CENet"),
    "no backbone": (change(CONFIG, backbone=None), "describes no CENet"),
    "backbone is a number": (change(CONFIG, backbone=3), "config.json: "),
    "backbone is a list": (change(CONFIG, backbone=[]), "config.json: "),
    "backbone unknown": (nested(model_type="oracle"), "config.json: "),
    "a million layers": (nested(num_hidden_layers=10**6), "num_hidden_layers is 1000000"),
    "two layers more": (nested(num_hidden_layers=4), "missing: backbone.encoder.layer.2"),
    "another width": (nested(hidden_size=32), "has shape"),
    "a million codes": (change(CONFIG, n_visual_codes=10**6), "has shape"),
    "codes without end": (change(CONFIG, n_visual_codes=10**10), "n_visual_codes is 10000000000"),
    "codes are words": (change(CONFIG, n_visual_codes="many"), "config.json: "),
    "fusion unknown": (change(CONFIG, fusion="magic"), "config.json: "),
    "injection outside": (change(CONFIG, injection_layer=7), "config.json: "),
    "weights are cut": (cut(WEIGHTS, 3000), f"{WEIGHTS}: is damaged"),
    "header is cut": (cut(WEIGHTS, 20), f"{WEIGHTS}: is damaged"),
    "weights are missing": (lambda f: (f / WEIGHTS).unlink(), "holds neither"),
    "a weight is missing": (
        weigh(lambda w: {n: v for n, v in w.items() if n != "head.output.bias"}),
        "missing: head.output.bias",
    ),
    "a weight is NaN": (weigh(head_of_nan), "no numbers in head.dense.bias"),
}


@pytest.mark.parametrize("kind", SAVED)
def test_a_damaged_run_model_is_one_error(kind, saved):
    damage, message = SAVED[kind]
    damage(saved)
    with pytest.raises(CENetError, match=message) as caught:
        CENet.from_pretrained(saved)
    assert "\n" not in str(caught.value)
    assert str(saved) in str(caught.value)


@pytest.mark.parametrize("kind", WORDS)
def test_a_damaged_run_tokenizer_is_one_error(kind, saved):
    (saved / "vocab.txt").touch()
    WORDS[kind][0](saved)
    with pytest.raises(CENetError) as caught:
        CENetProcessor.from_pretrained(saved)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        *({"max_length": "50"}, {"max_length": -3}, {"max_length": 10**30}, {"max_length": 2.5}),
        *({"annotator": "oracle"}, {"annotator": 3}, {"reads": "all"}, {"reads": 3}),
        *({"pad_frames_to": "many"}, {"pad_frames_to": -1}, {"max_length": True}, {"more": 1}),
    ],
)
def test_damaged_parameters_of_a_processor(values, saved):
    change("cenet_processor.json", **values)(saved)
    with pytest.raises(CENetError, match=r"cenet_processor\.json: is damaged") as caught:
        CENetProcessor.from_pretrained(saved)
    assert "\n" not in str(caught.value)


def test_a_run_model_is_harmless(saved, small_run):
    (saved / "evil.py").write_text(CODE, encoding="utf-8")
    nested(**IGNORED["code for the model"], attn_implementation="somebody/kernel")(saved)
    change(CONFIG, auto_map={"AutoModel": "evil.Model"}, attn_implementation="a/b")(saved)
    change("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Words", None]})(saved)
    put("adapter_config.json", '{"base_model_name_or_path": "/etc"}')(saved)
    model, processor = CENet.from_pretrained(saved), CENetProcessor.from_pretrained(saved)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, small_run.model.state_dict()[name])
    assert processor.tokenizer.get_vocab() == small_run.processor.tokenizer.get_vocab()
    assert not Path("CODE_RAN").exists()
