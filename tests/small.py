"""A corpus and a language model so small that training takes a second."""

from pathlib import Path

import numpy as np

from cenet_lib import Corpus, Utterance

WORDS = ("a", "film", "that", "is", "good", "bad", "and", "very", "not", "dull", "great", "poor")
FACE = np.eye(4, 6, dtype=np.float32) * 4  # four expressions of six channels
VOICE = np.eye(3, 5, dtype=np.float32) * 4


def make_corpus(name: str = "small", sizes=(48, 16, 16), seed: int = 0) -> Corpus:
    """Utterances whose label depends on a word and on a face; three of a video."""
    rng = np.random.default_rng(seed)
    splits, number = {}, 0
    for split, size in zip(("train", "valid", "test"), sizes, strict=True):
        utterances = []
        for _ in range(size):
            words = tuple(rng.choice(WORDS, rng.integers(2, 14)))
            expression = rng.integers(0, 4)
            label = float(np.clip(("good" in words) - ("bad" in words) + expression - 1.5, -3, 3))
            face = FACE[np.where(rng.random(rng.integers(4, 20)) < 0.6, expression, 0)]
            voice = VOICE[rng.integers(0, 3, rng.integers(4, 20))]
            utterances.append(
                Utterance(
                    id=f"{split}{number // 3}[{number % 3}]",
                    words=words,
                    visual=face + 0.3 * rng.standard_normal(face.shape).astype(np.float32),
                    acoustic=voice + 0.3 * rng.standard_normal(voice.shape).astype(np.float32),
                    label=label,
                    video=f"{split}{number // 3}",
                )
            )
            number += 1
        splits[split] = utterances
    return Corpus(
        name,
        **splits,
        visual_names=[f"AU{i}" for i in (1, 4, 6, 12, 25, 43)],
        acoustic_names=["F0", "VUV", "creak", "MCEP_0", "MCEP_1"],
    )


def make_backbone(folder: Path, dropout: float = 0.1, layers: int = 2) -> Path:
    """Write a BERT of two layers and 16 dimensions, with random weights and a tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, ".", "##s"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    BertModel(config).save_pretrained(folder)
    return folder
