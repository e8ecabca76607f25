"""A small run to look into: words that try to inject markup, faces and voices with planted cues."""

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from small import WORDS, make_backbone

from cenet_lib import Corpus, Run, TrainingSettings, train
from cenet_lib.corpora import demo
from cenet_lib.inspector.page import page_data
from cenet_lib.inspector.records import Subject
from cenet_lib.runs.folder import files_of
from cenet_lib.runs.manifest import write_manifest
from cenet_lib.runs.preparation import build

HOSTILE = ('<img src=x onerror="window.hacked=1">', "</script><script>window.hacked=2</script>")
IRONIC = ("that", "is", "a", "great", "film", ".")


def make_inspected_corpus(sizes=(40, 12, 12), seed: int = 0) -> Corpus:
    """The demo corpus's faces and voices under made-up words, a few dozen utterances."""
    rng = np.random.default_rng(seed)
    sentences = []
    for number in range(sum(demo.SPLIT_SIZES.values())):
        words = (*rng.choice(WORDS, rng.integers(3, 12)).tolist(), str(number))
        sentences.append((words, float(rng.uniform(-4, 4))))
    whole = demo.simulate(sentences, seed)
    splits = {}
    for split, size in zip(("train", "valid", "test"), sizes, strict=True):
        splits[split] = list(whole.splits[split][:size])
    test = splits["test"]
    test[0] = with_words(test[0], (*IRONIC, *HOSTILE))
    test[1] = with_words(test[1], IRONIC)
    names = {f"{stream}_names": whole.feature_names[stream] for stream in ("visual", "acoustic")}
    return Corpus("inspected", **splits, **names, provenance=whole.provenance)


def with_words(utterance, words: tuple[str, ...]):
    return replace(utterance, words=words)


def make_inspected_run(
    folder: Path, fusion: str = "ce", scale: float = 400.0, name: str | None = None, **other
) -> Run:
    """Train a tiny model for an epoch on the corpus, saved at ``folder/corpus``.

    Then stretch its head and what CE adds, as long training would: there is something to see.
    Further settings may be given by their names.
    """
    corpus = folder / "corpus"
    if not corpus.exists():
        make_inspected_corpus().save(corpus)
        make_backbone(folder / "backbone")
    settings = TrainingSettings(
        backbone=str(folder / "backbone"),
        fusion=fusion,
        attention_scale=scale,
        epochs=1,
        lr_backbone=1e-2,
        lr_fusion=2e-2,
        lr_head=1e-2,
        **{"n_visual_codes": 12, "n_acoustic_codes": 10, "device": "cpu", **other},
    )
    run = train(Corpus.load(corpus), folder / (name or fusion), settings, source=str(corpus))
    with torch.no_grad():
        run.model.head.output.weight.mul_(40)
        if run.model.fusion is not None:
            run.model.fusion.output.weight.mul_(50_000)
    run.model.save_pretrained(run.folder / "model")
    write_manifest(run.folder, files_of(run.folder))
    return run


def data_of(path: Path) -> dict:
    """Return what an exported page holds, unpacked if it is packed."""
    data = page_data(path.read_text(encoding="utf-8"))
    if "packed" not in data:
        return data
    first, rest = (
        gzip.decompress(base64.b64decode(data[part])).decode("ascii") for part in ("packed", "rest")
    )
    whole = {**json.loads(first), "films": data["films"]}
    for id, line in zip(whole.pop("others"), rest.split("\n"), strict=False):
        for part, one in zip(("records", "effects", "what_ifs"), json.loads(line), strict=True):
            if one is not None:
                whole[part][id] = one
    return whole


def random_subject(fusion: str, corpus: Corpus, backbone: str) -> Subject:
    """Return a model of a way of fusion, with random weights that make a difference."""
    settings = TrainingSettings(
        fusion=fusion, backbone=backbone, n_visual_codes=6, n_acoustic_codes=5
    )
    processor, model = build(corpus, settings)
    torch.manual_seed(0)
    with torch.no_grad():
        for module in (model.fusion, model.head):
            for parameter in [] if module is None else module.parameters():
                if parameter.ndim > 1:
                    parameter.normal_(0, 0.5)
    return Subject(fusion, model.eval(), processor)
