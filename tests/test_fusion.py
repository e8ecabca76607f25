"""Each way of fusion learns a signal planted where it must look, and nothing else sees it."""

import inspect

import numpy as np
import pytest
import torch
from processes import command
from small import make_corpus
from transformers import BertConfig

import cenet_lib.fusion as fusion_module
from cenet_lib.enhancement import Enhancement
from cenet_lib.errors import CENetError
from cenet_lib.fusion import FrameBatch, MultimodalGate, fusion_class, register_fusion
from cenet_lib.model import CENet, CENetConfig
from cenet_lib.processor import CENetProcessor, load_tokenizer
from cenet_lib.settings import FUSION_NAMES, TrainingSettings
from cenet_lib.utterance import Utterance

D, N_VISUAL, N_ACOUSTIC, K = 16, 6, 5, 4
EVERY = [name for name in FUSION_NAMES if name != "none"]
WITH_FRAMES = [name for name in EVERY if fusion_class(name).reads != "counts"]
BACKBONE = BertConfig(
    vocab_size=20,
    hidden_size=D,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=30,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)


def build(fusion, seed=0, **settings):
    torch.manual_seed(seed)
    sizes = {"n_visual_codes": K, "n_acoustic_codes": K}
    sizes |= {"n_visual_features": N_VISUAL, "n_acoustic_features": N_ACOUSTIC}
    config = CENetConfig(backbone=BACKBONE, fusion=fusion, head_dropout=0.0, **sizes | settings)
    return CENet(config).eval()


def planted(n, fusion, seed=0):
    """Utterances of 5 words whose label is told half by a word, half by the face's first channel.

    The code of a frame is the sign of that channel. For ``mag`` there is one frame per token.
    """
    rng = np.random.default_rng(seed)
    n_frames = 7 if fusion == "mag" else 12
    word, mood = rng.choice([-1, 1], n), rng.choice([-1, 1], n)
    ids = np.full((n, 7), 2)
    ids[:, 1:-1] = rng.integers(6, 20, (n, 5))
    ids[:, 3] = np.where(word > 0, 4, 5)
    visual = rng.normal(size=(n, n_frames, N_VISUAL))
    visual[..., 0] = 0.5 * visual[..., 0] + mood[:, None]
    codes = (visual[..., 0] > 0).astype(int)
    counts = np.stack([(codes == code).sum(1) for code in range(K + 1)], axis=1)
    batch = {
        "input_ids": torch.tensor(ids),
        "labels": torch.tensor(word + mood).float(),
    }
    acoustic = rng.normal(size=(n, n_frames, N_ACOUSTIC))
    if fusion in WITH_FRAMES:
        frames = {"visual": visual, "acoustic": acoustic}
        return batch | {k: torch.tensor(v).float() for k, v in frames.items()}
    if fusion == "none":
        return batch
    return batch | {"visual_counts": torch.tensor(counts), "acoustic_counts": torch.ones(n, K + 1)}


def learn(fusion, steps=120):
    """Train on 256 utterances, return the mean squared error on 256 others."""
    model = build(fusion).train()
    data, held_out = planted(256, fusion), planted(256, fusion, seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        model(**data).loss.backward()
        optimizer.step()
    with torch.no_grad():
        return model.eval()(**held_out).loss.item()


@pytest.mark.slow
@pytest.mark.parametrize("fusion", EVERY)
def test_each_learns_the_planted_signal(fusion):
    """The label's variance is 2; words alone can explain half of it."""
    assert learn(fusion) < 0.3


def test_words_alone_cannot():
    assert 0.8 < learn("none") < 1.3


def frames(seed=0, batch=3, n=9):
    torch.manual_seed(seed)
    mask = torch.arange(n) < torch.tensor([n, n - 4, n - 7])[:, None]
    values = {
        "visual": torch.randn(batch, n, N_VISUAL),
        "acoustic": torch.randn(batch, n, N_ACOUSTIC),
    }
    result = {k: v * mask[..., None] for k, v in values.items()}
    return result | {"visual_mask": mask, "acoustic_mask": mask}


def texts():
    mask = torch.arange(9) < torch.tensor([9, 5, 2])[:, None]
    torch.manual_seed(1)
    return {
        "input_ids": torch.randint(6, 20, (3, 9)).masked_fill(~mask, 0),
        "attention_mask": mask.long(),
    }


def loud(fusion, **settings):
    model = build(fusion, **settings)
    with torch.no_grad():
        for parameter in [*model.fusion.parameters(), *model.head.parameters()]:
            if parameter.ndim > 1:
                parameter.normal_(0, 0.3)
    return model


@pytest.mark.parametrize("fusion", WITH_FRAMES)
def test_a_batch_equals_single_utterances(fusion):
    model, inputs = loud(fusion), texts() | frames()
    together = model(**inputs).logits
    for row, n in enumerate((9, 5, 2)):
        alone = {k: v[row : row + 1, :n] for k, v in inputs.items()}
        torch.testing.assert_close(model(**alone).logits, together[row : row + 1])
    other = inputs | {"visual": inputs["visual"] + inputs["visual_mask"][..., None]}
    assert not torch.allclose(model(**other).logits, together, atol=1e-3)


@pytest.mark.parametrize("fusion", ["ce-continuous", "late"])
def test_what_padding_holds_does_not_matter(fusion):
    model, inputs = loud(fusion), texts() | frames()
    noisy = inputs | {
        k: torch.where(inputs[f"{k}_mask"][..., None], inputs[k], 100.0)
        for k in ("visual", "acoustic")
    }
    torch.testing.assert_close(model(**noisy).logits, model(**inputs).logits)


@pytest.mark.parametrize("fusion", WITH_FRAMES)
def test_no_frames_at_all(fusion):
    model = loud(fusion)
    left_out = model(**texts()).logits
    assert torch.isfinite(left_out).all()
    nothing = {k: torch.zeros_like(v) for k, v in frames().items()}
    torch.testing.assert_close(model(**texts(), **nothing).logits, left_out)
    if fusion != "mag":
        empty = {"visual": torch.zeros(3, 0, N_VISUAL), "acoustic": torch.zeros(3, 0, N_ACOUSTIC)}
        torch.testing.assert_close(model(**texts(), **empty).logits, left_out)


def test_attention_of_continuous_ce():
    inputs = texts() | frames(n=11)
    output = loud("ce-continuous")(**inputs, output_attentions=True)
    assert output.visual_attention.shape == (3, 9, 11)
    torch.testing.assert_close(output.visual_attention.sum(-1), torch.ones(3, 9))
    hidden = ~inputs["visual_mask"][:, None, :].expand(3, 9, 11)
    assert (output.visual_attention[hidden] == 0).all()


@pytest.mark.parametrize("fusion", ["late", "mag"])
def test_no_attention_where_there_is_none(fusion):
    output = loud(fusion)(**texts(), **frames(), output_attentions=True)
    assert output.visual_attention is output.acoustic_attention is None


def test_continuous_ce_is_ce_where_frames_are_codes():
    """With one-hot frames and no hidden layer in between, the two are the same formula."""
    model, codes = loud("ce"), torch.randint(K, (3, 9))
    twin = build("ce-continuous", n_visual_features=K, n_acoustic_features=K)
    twin.backbone.load_state_dict(model.backbone.state_dict())
    twin.head.load_state_dict(model.head.state_dict())
    twin.fusion.output.load_state_dict(model.fusion.output.state_dict())
    for stream in ("visual", "acoustic"):
        ours, theirs = getattr(model.fusion, stream), getattr(twin.fusion, stream)
        for part in ("query", "key", "value"):
            getattr(theirs, part).load_state_dict(getattr(ours, part).state_dict())
        first, _, second = theirs.embedding
        with torch.no_grad():
            for parameter in theirs.embedding.parameters():
                parameter.zero_()
            first.weight[:K] = torch.eye(K)
            second.weight[:, :K] = ours.embedding.weight[:K].T
    one_hot = torch.nn.functional.one_hot(codes, K).float()
    counts = torch.nn.functional.one_hot(codes, K + 1).sum(1)
    expected = model(**texts(), visual_counts=counts, acoustic_counts=counts).logits
    torch.testing.assert_close(twin(**texts(), visual=one_hot, acoustic=one_hot).logits, expected)


def test_mag_is_its_formula():
    torch.manual_seed(0)
    gate = MultimodalGate(D, N_VISUAL, N_ACOUSTIC, beta=0.5).eval()
    text, inputs = torch.randn(3, 9, D), frames()
    got = gate(
        text,
        FrameBatch(inputs["visual"], inputs["visual_mask"]),
        FrameBatch(inputs["acoustic"], inputs["acoustic_mask"]),
    ).states
    small, large = 0, 0
    for b in range(3):
        for t in range(9):
            z, h = text[b, t], 0
            for stream in ("visual", "acoustic"):
                f = inputs[stream][b, t]
                g = torch.relu(getattr(gate, f"{stream}_gate")(torch.cat([f, z])))
                h = h + g * getattr(gate, stream)(f)
            alpha = min(0.5 * (z.norm() / h.norm()).item(), 1.0)
            small, large = small + (alpha < 1), large + (alpha == 1)
            torch.testing.assert_close(got[b, t], torch.layer_norm(z + alpha * h, (D,)))
    assert small
    assert large


def test_mag_wants_a_frame_per_token():
    with pytest.raises(CENetError, match="one frame per token: 9 tokens, 4 visual"):
        build("mag")(**texts(), visual=torch.zeros(3, 4, N_VISUAL))


def test_late_fusion_is_its_formula_and_comes_last():
    model, inputs = loud("late"), texts() | frames()
    assert model.fusion.stands == "at the head"
    first = build("none")
    first.load_state_dict(
        {n: w for n, w in model.state_dict().items() if not n.startswith("fusion.")}
    )
    state = first.backbone(**texts()).last_hidden_state[:, 0]
    parts = []
    for stream in ("visual", "acoustic"):
        mean = torch.stack([inputs[stream][b, :n].mean(0) for b, n in enumerate((9, 5, 2))])
        parts.append(torch.relu(getattr(model.fusion, stream)(mean)))
    expected = model.head(state + model.fusion.output(torch.cat(parts, dim=1)))
    torch.testing.assert_close(model(**inputs).logits, expected)


@pytest.mark.parametrize("fusion", WITH_FRAMES)
def test_frames_of_another_width_are_refused(fusion):
    with pytest.raises(CENetError, match="visual has 3 columns, the model was built for 6"):
        build(fusion)(**texts(), visual=torch.zeros(3, 9, 3))
    with pytest.raises(CENetError, match="give their widths, n_visual_features"):
        build(fusion, n_visual_features=0)


@pytest.mark.parametrize("fusion", EVERY)
def test_saved_and_loaded(fusion, tmp_path):
    model = loud(fusion)
    model.save_pretrained(tmp_path)
    inputs = texts() | (frames() if fusion in WITH_FRAMES else {})
    assert torch.equal(CENet.from_pretrained(tmp_path)(**inputs).logits, model(**inputs).logits)


@pytest.mark.slow
@pytest.mark.parametrize("fusion", EVERY)
def test_compiled_whole(fusion):
    model = loud(fusion)
    inputs = texts() | (frames() if fusion in WITH_FRAMES else {})
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(**inputs).logits, model(**inputs).logits)


@pytest.mark.parametrize("fusion", WITH_FRAMES)
def test_bfloat16(fusion):
    model, inputs = loud(fusion), texts() | frames()
    exact = model(**inputs).logits
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(model(**inputs).logits, exact, atol=0.05, rtol=0.05)
    whole = model.bfloat16()(**inputs).logits
    torch.testing.assert_close(whole, exact, atol=0.1, rtol=0.1)


# What the processor gives


@pytest.fixture(scope="module")
def corpus():
    return make_corpus()


def fit(corpus, **settings):
    processor = CENetProcessor.fit(corpus, "minilm", n_visual_codes=4, n_acoustic_codes=3)
    settings = {"annotator": None, "max_length": 50, **settings}
    return CENetProcessor(load_tokenizer("minilm"), *processor.vocabularies.values(), **settings)


def test_raw_frames(corpus):
    processor = fit(corpus, reads="frames")
    batch = processor.batch(corpus.train[:4])
    longest = max(len(u.visual) for u in corpus.train[:4])
    assert batch["visual"].shape == (4, longest, processor.n_features("visual"))
    for row, u in enumerate(corpus.train[:4]):
        n = len(u.visual)
        assert batch["visual_mask"][row].tolist() == [True] * n + [False] * (longest - n)
        expected = processor.vocabularies["visual"].standardize(u.visual)
        assert np.array_equal(batch["visual"][row, :n], expected)
        assert (batch["visual"][row, n:] == 0).all()
    plain = fit(corpus).batch(corpus.train[:4])
    assert plain.keys() == batch.keys() - {
        f"{s}{m}" for s in ("visual", "acoustic") for m in ("", "_mask")
    }
    assert torch.equal(plain["visual_counts"], batch["visual_counts"])


def test_aligned_frames(corpus):
    """One frame per word: its own; others: the share of the utterance; special tokens: zeros."""
    processor = fit(corpus, reads="aligned")
    vocabulary = processor.vocabularies["visual"]
    words = ("great", "unbelievability", "film")
    face = np.arange(3 * 6, dtype=np.float32).reshape(3, 6)
    z = vocabulary.standardize(face)
    one = processor(Utterance("u", words, face, np.zeros((0, 5))))
    index = one["word_index"]
    assert len(index) > 5  # several pieces
    for token, word in enumerate(index):
        expected = np.zeros(6) if word < 0 else z[word]
        assert np.array_equal(one["visual"][token], expected)
    assert one["acoustic"].shape == (len(index), 5)
    assert (one["acoustic"] == 0).all()

    seven = np.arange(7 * 6, dtype=np.float32).reshape(7, 6) ** 1.1
    z = vocabulary.standardize(seven)
    got = processor(Utterance("u", words, seven, np.zeros((0, 5))))["visual"]
    for word, share in enumerate((z[0:2], z[2:4], z[4:7])):
        np.testing.assert_allclose(got[index == word][0], share.mean(0), rtol=1e-6)
    two = vocabulary.standardize(seven[:2])
    got = processor(Utterance("u", words, seven[:2], np.zeros((0, 5))))["visual"]
    for word, frame in enumerate((0, 0, 1)):
        np.testing.assert_allclose(got[index == word][0], two[frame], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("fusion", EVERY)
def test_from_corpus_to_prediction(corpus, fusion, tmp_path):
    processor = fit(corpus, reads=fusion_class(fusion).reads)
    processor.save_pretrained(tmp_path)
    again = CENetProcessor.from_pretrained(tmp_path)
    batch, same = processor.batch(corpus.train[:5]), again.batch(corpus.train[:5])
    assert batch.keys() == same.keys()
    assert all(torch.equal(same[k], v) for k, v in batch.items())
    model = CENet.from_backbone(
        "minilm",
        fusion=fusion,
        n_visual_codes=processor.n_codes("visual"),
        n_acoustic_codes=processor.n_codes("acoustic"),
        n_visual_features=processor.n_features("visual"),
        n_acoustic_features=processor.n_features("acoustic"),
    )
    assert torch.isfinite(model(**batch).loss)


def test_unknown_frames(corpus):
    with pytest.raises(CENetError, match="reads is 'all'"):
        fit(corpus, reads="all")


# A way of one's own


class MeanFace(torch.nn.Module):
    """What a student might write in a notebook: the average frame of the face, at the head."""

    reads, stands, attends_over, settings = "frames", "at the head", None, ()

    def __init__(self, d, n_visual):
        super().__init__()
        self.shift = torch.nn.Linear(n_visual, d)

    @classmethod
    def from_config(cls, config):
        return cls(config.backbone.hidden_size, config.n_visual_features)

    def forward(self, text, visual, acoustic):
        return Enhancement(text + self.shift(visual.values.mean(1))[:, None, :])


@pytest.fixture
def mean_face(monkeypatch):
    """Register a class, and forget it again."""
    monkeypatch.setattr("cenet_lib.fusion._FUSIONS", dict(fusion_module._FUSIONS))
    known = list(FUSION_NAMES)
    yield register_fusion("mean-face", MeanFace)
    FUSION_NAMES[:] = known


def test_a_registered_class_trains_predicts_and_is_compared(mean_face, small_backbone, tmp_path):
    from cenet_lib import Run, predict, train
    from cenet_lib.results.experiments import configurations

    corpus = make_corpus()
    settings = TrainingSettings(
        backbone=str(small_backbone),
        fusion="mean-face",
        n_visual_codes=4,
        n_acoustic_codes=3,
        epochs=1,
        device="cpu",
    )
    run = train(corpus, tmp_path / "run", settings)
    assert isinstance(run.model.fusion, MeanFace)
    saved = Run(tmp_path / "run")
    table = predict(saved.model, saved.processor, corpus.test)
    expected = saved.predictions.query("split == 'test'")["prediction"]
    np.testing.assert_allclose(table["prediction"], expected, atol=2e-6)
    axes = {"fusion": ["mean-face"], "attention_scale": [1.0, 8.0]}
    assert len(configurations(axes)) == 1  # it has no scale


@pytest.mark.slow
def test_the_command_line_knows_it_by_a_module(small_corpus, small_backbone, tmp_path):
    source = inspect.getsource(MeanFace)
    (tmp_path / "my_fusion.py").write_text(
        "import torch\nfrom cenet_lib.enhancement import Enhancement\n"
        f"from cenet_lib.fusion import register_fusion\n\n{source}\n"
        "register_fusion('mean-face', MeanFace)\n"
    )
    small_corpus.save(tmp_path / "corpus")
    plugin = ("--plugin", "my_fusion")
    training = ["--fusion", "mean-face", "--backbone", str(small_backbone), "--device", "cpu"]
    training += ["--n-visual-codes", "4", "--n-acoustic-codes", "3", "--epochs", "1"]
    training += ["--corpus", "corpus", "--out", "run"]
    done = command("train", *plugin, *training, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    predict = ("predict", "--run", "run", "--corpus", "corpus")
    lost = command(*predict, cwd=tmp_path)
    assert lost.returncode == 2
    assert "there is no fusion 'mean-face'" in lost.stderr
    assert "import the module that registers your own" in lost.stderr
    found = command(*predict, *plugin, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert len(found.stdout.splitlines()) == 1 + len(small_corpus)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reads": "smiles"}, "Odd.reads is 'smiles'; a fusion says one of 'counts'"),
        ({"stands": "behind"}, "Odd.stands is 'behind'"),
        ({"attends_over": "words"}, "Odd.attends_over is 'words'"),
        ({"from_config": None}, "Odd has no from_config"),
        ({"settings": None}, "Odd has no settings"),
    ],
)
def test_a_class_that_lacks_something_is_refused(changes, message):
    parts = {**vars(MeanFace), **changes}
    parts = {name: value for name, value in parts.items() if value is not None or name in ALLOWED}
    with pytest.raises(CENetError, match=message):
        register_fusion("odd", type("Odd", (torch.nn.Module,), parts))
    assert "odd" not in FUSION_NAMES


ALLOWED = ("attends_over",)  # may be None


def test_a_name_is_not_taken_twice(mean_face):
    with pytest.raises(CENetError, match="there is a fusion 'ce' already"):
        register_fusion("ce", MeanFace)
    again = type("MeanFace", (MeanFace,), {})
    assert register_fusion("mean-face", again) is again  # as when a cell runs a second time
