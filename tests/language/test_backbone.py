"""The encoder under a CENet: where it is looked for, and which ones pass the trial."""

import copy
import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
import torch
from huggingface_hub import HfApi
from small import make_backbone
from torch import nn
from transformers import (
    AlbertConfig,
    AutoConfig,
    AutoModel,
    BertConfig,
    BertModel,
    GPT2Config,
    T5Config,
    T5GemmaConfig,
)
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions
from transformers.models.bert.modeling_bert import BertLayer

from cenet_lib.errors import CENetError
from cenet_lib.language import place
from cenet_lib.language.backbone import (
    after_attention,
    encoder_layers,
    keep_first_token,
    load_backbone,
)
from cenet_lib.language.packaged import packaged_minilm
from cenet_lib.language.place import check_backbone, resolve_backbone
from cenet_lib.language.probe import probe
from cenet_lib.model import CENet, CENetConfig

D, LAYERS, WORDS, K = 32, 3, 60, 4
SIZES = {
    "vocab_size": WORDS,
    "hidden_size": D,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}
XLM_SIZES = {"vocab_size": WORDS, "emb_dim": D, "n_layers": LAYERS, "n_heads": 4}
RELATIVE = {
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def config(kind, **settings):
    return AutoConfig.for_model(kind, **SIZES | settings)


def tiny(settings, seed=0):
    """An encoder with random weights."""
    torch.manual_seed(seed)
    return AutoModel.from_config(settings)


# --- which encoders pass -------------------------------------------------------------------------

# with a module that the last layer may be cut before
CUT = {
    "bert": config("bert"),
    "bert, one layer": config("bert", num_hidden_layers=1),
    "bert, two layers": config("bert", num_hidden_layers=2),
    "roberta": config("roberta"),
    "xlm-roberta": config("xlm-roberta"),
    "xlm-roberta-xl": config("xlm-roberta-xl"),
    "roberta-prelayernorm": config("roberta-prelayernorm"),
    "camembert": config("camembert"),
    "data2vec-text": config("data2vec-text"),
    "xmod": config("xmod", languages=["en_XX"], default_language="en_XX"),
    "distilbert": AutoConfig.for_model(
        "distilbert", vocab_size=WORDS, dim=D, n_layers=LAYERS, n_heads=4, hidden_dim=48
    ),
    "electra": config("electra", embedding_size=20),
    "deberta": config("deberta", **RELATIVE),
    "deberta-v2": config("deberta-v2", **RELATIVE),
    "deberta-v2, convolution": config("deberta-v2", **RELATIVE, conv_kernel_size=3),
    "mpnet": config("mpnet"),
    "ernie": config("ernie"),
    "megatron-bert": config("megatron-bert"),
    "mobilebert": config(
        "mobilebert", embedding_size=16, intra_bottleneck_size=16, true_hidden_size=16
    ),
    "big_bird": config("big_bird"),
    "roformer": config("roformer"),
    "rembert": config("rembert", input_embedding_size=16),
    "roc_bert": config(
        "roc_bert",
        **{f"{part}_vocab_size": 20 for part in ("pronunciation", "shape")},
        **{f"{part}_embed_dim": 8 for part in ("pronunciation", "shape")},
    ),
    "splinter": config("splinter"),
    "luke": config("luke", entity_vocab_size=10, entity_emb_size=8),
    "ibert": config("ibert"),
}
WHOLE = {
    "modernbert": config("modernbert", **SPECIAL, cls_token_id=1, sep_token_id=2),
    "nomic_bert": config("nomic_bert"),
    "eurobert": config("eurobert", **SPECIAL, num_key_value_heads=4),
    "gte": config("gte"),
    "jina_embeddings_v3": config("jina_embeddings_v3"),
}
ACCEPTED = CUT | WHOLE
IDS_ONLY = {"ibert"}  # its word embeddings come with a quantisation scale

REFUSED = {
    "albert": (config("albert", embedding_size=16), "runs the same layer many times"),
    "gpt2": (
        GPT2Config(vocab_size=WORDS, n_embd=D, n_layer=2, n_head=4),
        "reads from left to right",
    ),
    "t5": (T5Config(vocab_size=WORDS, d_model=D, num_layers=2, num_heads=4), "has a decoder"),
    "t5gemma": (
        T5GemmaConfig(
            encoder=SIZES | {"num_key_value_heads": 4, "head_dim": 8},
            decoder=SIZES | {"num_key_value_heads": 4, "head_dim": 8},
        ),
        "has a decoder",
    ),
    "xlnet": (
        AutoConfig.for_model(
            "xlnet", vocab_size=WORDS, d_model=D, n_layer=LAYERS, n_head=4, d_inner=48
        ),
        r"gives its layers \(5, 3, 32\) as first argument.*here \(3, 5, 32\)",
    ),
    "longformer": (
        config("longformer", attention_window=4),
        r"gives its layers \(3, 8, 32\) as first argument",
    ),
    "canine": (config("canine"), r"gives its layers \(3, 1, 32\) as first argument"),
    "squeezebert": (
        config("squeezebert", embedding_size=D),
        "does not call its layers once each",
    ),
    "funnel": (
        AutoConfig.for_model(
            "funnel",
            **{"vocab_size": WORDS, "d_model": D, "n_head": 4, "d_head": 8, "d_inner": 48},
            block_sizes=[1, 1, 1],
            block_repeats=[1, 1, 1],
            architectures=["FunnelModel"],
        ),
        "does not call its layers once each",
    ),
    "reformer": (
        config(
            "reformer",
            **{"axial_pos_embds": False, "attention_head_size": 8, "feed_forward_size": 48},
            **{"attn_layers": ["local"] * LAYERS, "local_attn_chunk_length": 4},
        ),
        "does not give its layers the states as first argument",
    ),
    "xlm": (
        AutoConfig.for_model("xlm", **XLM_SIZES),
        "leads words past the inputs of its layers",
    ),
    "flaubert": (
        AutoConfig.for_model("flaubert", **XLM_SIZES),
        "leads words past the inputs of its layers",
    ),
    "fnet": (config("fnet"), "hears padding"),
    "convbert": (config("convbert"), "hears padding"),
    "nystromformer": (config("nystromformer"), "hears padding"),
    "yoso": (config("yoso"), "hears padding"),
    "xlm, causal": (
        AutoConfig.for_model("xlm", **XLM_SIZES, causal=True),
        "does not let its first token, which CENet's head reads, hear the others",
    ),
    "bros": (config("bros"), r"cannot be run on words alone \(ValueError: .*bbox"),
    "perceiver": (
        AutoConfig.for_model("perceiver", num_latents=4, d_latents=D),
        "does not keep its layers in one list",
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name):
    backbone = tiny(ACCEPTED[name])
    parts = probe(backbone)
    assert parts.layers is encoder_layers(backbone)
    assert parts.takes_embeddings is (name not in IDS_ONLY)
    if name in CUT:
        assert parts.cut is after_attention(parts.layers[-1]) is not None
    else:
        assert parts.cut is None


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_face_changes_its_own_prediction_only(name):
    layers = ACCEPTED[name].num_hidden_layers
    settings = {"n_visual_codes": K, "n_acoustic_codes": K}
    torch.manual_seed(0)
    layer = min(1, layers - 1)
    backbone = copy.deepcopy(ACCEPTED[name])
    model = CENet(CENetConfig(backbone=backbone, injection_layer=layer, **settings)).eval()
    with torch.no_grad():
        for parameter in (*model.fusion.parameters(), *model.head.parameters()):
            parameter.normal_(0, 0.2)  # ten times the usual, so that a difference can be heard
    inputs = {
        "input_ids": torch.randint(5, WORDS, (4, 7)),
        "attention_mask": (torch.arange(7) < torch.tensor([7, 5, 7, 3])[:, None]).long(),
        "visual_counts": torch.randint(1, 9, (4, K + 1)),
        "acoustic_counts": torch.randint(1, 9, (4, K + 1)),
    }
    other_face = inputs["visual_counts"].clone()
    other_face[1] = torch.tensor([0, 0, 0, 20, 0])
    with torch.no_grad():
        before = model(**inputs).logits
        after = model(**inputs | {"visual_counts": other_face}).logits
    change = (after - before).abs()
    assert change[1] > 1e-4
    assert change[[0, 2, 3]].max() < 1e-6


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    settings, reason = REFUSED[name]
    kind = settings.model_type
    with pytest.raises(CENetError, match=rf"^{kind} .*{reason}.*, such as BERT$"):
        probe(tiny(settings))


# --- what each condition finds -------------------------------------------------------------------


class Wrong(BertModel):
    """A BERT whose last states go through one more function."""

    def forward(self, *args, **kwargs):
        output = super().forward(*args, **kwargs)
        output.last_hidden_state = self.spoil(output.last_hidden_state)  # (B, T, d)
        return output


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda states: states[..., :16], r"gives states of shape \(3, 5, 16\) instead of"),
        (lambda states: states[:, :1], r"gives states of shape \(3, 1, 32\)"),
        (lambda states: states / 0, "not finite"),
        (lambda states: states + states.mean(0), "utterances of a batch change one another"),
        (lambda states: states + states.mean(1, keepdim=True), "hears padding"),
        (lambda states: states.detach() * 0 + 1, "first token.* hear the others"),
    ],
)
def test_states_that_will_not_do(spoil, reason):
    encoder = Wrong(BertConfig(**SIZES))
    probe(BertModel(BertConfig(**SIZES)))  # nothing else is wrong with it
    encoder.spoil = spoil
    with pytest.raises(CENetError, match=reason):
        probe(encoder)


def test_a_layer_in_the_middle_that_mixes_utterances():
    class Mixing(BertLayer):
        def forward(self, states, *args, **kwargs):
            return super().forward(states + states.mean(0), *args, **kwargs)

    encoder = tiny(config("bert"))
    encoder.encoder.layer[1] = Mixing(encoder.config, layer_idx=1)
    with pytest.raises(CENetError, match="utterances of a batch change one another"):
        probe(encoder)


@pytest.mark.parametrize("order", [[0, 1, 2, 2], [0, 2], [0, 2, 1]])
def test_layers_out_of_order(order):
    class Jumping(nn.Module):
        def forward(self, states, attention_mask, **kwargs):
            for index in order:
                states = self.layer[index](states, attention_mask)
            return BaseModelOutputWithPastAndCrossAttentions(states)

    encoder = tiny(config("bert"))
    layers, encoder.encoder = encoder.encoder.layer, Jumping()
    encoder.encoder.layer = layers
    with pytest.raises(CENetError, match="does not call its layers once each"):
        probe(encoder)


def test_no_cut_where_the_other_tokens_are_needed():
    class MeanOfTokens(nn.Module):
        def forward(self, states, residual):  # (B, T, d)
            return self.inner(states + states[:, :3].mean(1, keepdim=True), residual)

    class Refusing(nn.Module):
        def forward(self, states, residual):
            assert states.shape[1] > 1
            return self.inner(states, residual)

    for kind in (MeanOfTokens, Refusing):
        encoder = tiny(config("bert"))
        attention = encoder.encoder.layer[-1].attention
        attention.output, inner = kind(), attention.output
        attention.output.inner = inner
        parts = probe(encoder)
        assert parts.cut is None
        assert parts.takes_embeddings


def test_embeddings_that_are_not_heeded():
    class OwnWords(BertModel):
        def forward(self, input_ids=None, inputs_embeds=None, **kwargs):
            return super().forward(
                input_ids,
                inputs_embeds=None if inputs_embeds is None else 0 * inputs_embeds,
                **kwargs,
            )

    torch.manual_seed(0)
    parts = probe(OwnWords(BertConfig(**SIZES)))
    assert not parts.takes_embeddings
    assert parts.cut is not None


# --- a trial without a trace ---------------------------------------------------------------------


def snapshot(model):
    modules = list(model.modules())
    return {
        "modules": [id(module) for module in modules],
        "modes": [module.training for module in modules],
        "hooks": [len(m._forward_pre_hooks) + len(m._forward_hooks) for m in modules],
        "forward": ["forward" in vars(module) for module in modules],
        "attention": model.config._attn_implementation,
        "weights": [(id(w), w.dtype, w.requires_grad, w.grad) for w in model.parameters()],
    }


@pytest.mark.parametrize("name", ["bert", "big_bird", "modernbert", "deberta-v2", "xlnet"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_nothing_is_left_behind(name, dtype):
    encoder = tiny(ACCEPTED[name] if name in ACCEPTED else REFUSED[name][0]).to(dtype).train()
    next(encoder.parameters()).requires_grad_(False)
    encoder_layers(encoder)[0].eval()
    before, values = snapshot(encoder), copy.deepcopy(encoder.state_dict())
    random = torch.get_rng_state()
    if name in ACCEPTED:
        parts = probe(encoder)
        assert (parts.cut is not None) == (name in CUT)
    else:
        with pytest.raises(CENetError):
            probe(encoder)
    assert torch.equal(torch.get_rng_state(), random)
    assert snapshot(encoder) == before
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, values[key]), key


def test_on_the_meta_device_names_are_trusted():
    for name in ("bert", "modernbert"):
        with torch.device("meta"):
            encoder = AutoModel.from_config(ACCEPTED[name])
        parts = probe(encoder)
        assert parts.layers is encoder_layers(encoder)
        assert parts.cut is after_attention(parts.layers[-1])
        assert parts.takes_embeddings
    with torch.device("meta"), pytest.raises(CENetError, match="runs the same layer many times"):
        probe(AutoModel.from_config(AlbertConfig(**SIZES)))


@pytest.mark.parametrize("settings", [{"vocab_size": 3}, {"max_position_embeddings": 5}])
def test_the_smallest_encoders_pass(settings):
    probe(tiny(config("bert", **settings)))


def test_the_first_token_is_kept():
    states, bias = torch.randn(3, 5, 8), torch.randn(3, 2, 5, 5)
    kept = keep_first_token(nn.Identity(), (states, None, bias))
    assert torch.equal(kept[0], states[:, :1])
    assert kept[1] is None


# --- where an encoder is looked for --------------------------------------------------------------


def test_the_packaged_one():
    assert resolve_backbone("minilm") == str(packaged_minilm())
    assert resolve_backbone("roberta-base") == "roberta-base"
    assert load_backbone("minilm").dtype == torch.float32


@pytest.fixture
def hub(monkeypatch):
    """Count how often the model hub is asked; nobody is there."""
    asked = []

    def send(client, request, **options):
        asked.append(str(request.url))
        raise ConnectError("nobody is there", request=request)

    from huggingface_hub.utils._http import httpx2

    ConnectError = httpx2.ConnectError
    monkeypatch.setattr(httpx2.Client, "send", send)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waited for the hub"))
    return asked


def test_a_wrong_name_without_a_hub_is_told_at_once(hub):
    with pytest.raises(CENetError, match=r"nobody/none: no language model could be loaded"):
        load_backbone("nobody/none")
    assert len([url for url in hub if "nobody/none" in url]) == 1


def test_whether_there_is_one_is_known_without_loading_it(hub, tmp_path):
    check_backbone("minilm")
    (tmp_path / "encoder").mkdir()
    check_backbone(tmp_path / "encoder")  # what is in it, whoever reads it says
    assert not hub
    with pytest.raises(CENetError, match=r"nobody/none: no language model could be loaded"):
        check_backbone("nobody/none")
    assert len([url for url in hub if "nobody/none" in url]) == 1


def test_a_folder_asks_no_hub(hub, tmp_path):
    tiny(config("bert")).save_pretrained(tmp_path / "encoder")
    assert load_backbone(tmp_path / "encoder").config.hidden_size == D
    with pytest.raises(CENetError, match="no language model could be loaded"):
        load_backbone(tmp_path / "missing")
    assert not hub


def test_a_hub_that_never_answers_is_not_waited_for(monkeypatch, tmp_path):
    hung = Event()
    monkeypatch.setattr(HfApi, "model_info", lambda *args, **kwargs: hung.wait(60))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(place, "_PATIENCE", 0.05)
    with pytest.raises(CENetError, match="the model hub does not answer"):
        load_backbone("nobody/none")
    hung.set()


class Hub(BaseHTTPRequestHandler):
    """A model hub with one language model, as far as a download needs it."""

    folder, asked, commit = None, [], "0" * 40

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        self.asked.append(self.path)
        names = sorted(path.name for path in self.folder.iterdir())
        name = self.path.partition(f"/{self.commit}/")[2] or self.path.partition("/main/")[2]
        if self.path.startswith("/api/models/me/mine"):
            siblings = [{"rfilename": name} for name in names]
            info = {"id": "me/mine", "modelId": "me/mine", "sha": self.commit, "siblings": siblings}
            if "/tree/" in self.path:
                info = [
                    {
                        "type": "file",
                        "path": name,
                        "size": (self.folder / name).stat().st_size,
                        "oid": name,
                    }
                    for name in names
                ]
            data = json.dumps(info).encode()
        elif "me/mine/resolve" in self.path and name in names:
            data = (self.folder / name).read_bytes()
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", f'"{name or "info"}"')
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A hub on this machine with a language model, and code beside it."""
    Hub.folder, Hub.asked = make_backbone(tmp_path / "me"), []
    for name in ("evil.py", "pytorch_model.bin", "tf_model.h5"):
        (Hub.folder / name).write_text("not for us")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    program = (
        "import sys\nfrom cenet_lib.language.backbone import load_backbone\n"
        "from cenet_lib.processor import load_tokenizer\n"
        "for name in sys.argv[1:]:\n"
        "    model, words = load_backbone(name), load_tokenizer(name)\n"
        "    print(model.config.hidden_size, words.tokenize('good films'))"
    )

    def load(*names, **environment):
        """Load names in a process of its own, which reads its settings when it begins."""
        root = Path(__file__).resolve().parents[2]
        own = {"HF_HOME": str(tmp_path / "cache"), "HF_ENDPOINT": address, "PYTHONPATH": str(root)}
        return subprocess.run(
            [sys.executable, "-c", program, *names],
            env=os.environ | own | environment,
            capture_output=True,
            text=True,
        )

    yield load
    server.shutdown()


@pytest.mark.slow
def test_a_name_on_the_hub(stand_in, tmp_path):
    done = stand_in("me/mine", "me/other")
    assert done.stdout.strip() == "16 ['good', 'film', '##s']", done.stderr
    assert "CENetError: me/other: no language model could be loaded (" in done.stderr
    fetched = {path.name for path in (tmp_path / "cache").rglob("snapshots/*/*")}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= fetched
    assert not fetched & {"evil.py", "pytorch_model.bin", "tf_model.h5"}
    # and once more without a hub
    again = stand_in("me/mine", HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert again.stdout == done.stdout, again.stderr
