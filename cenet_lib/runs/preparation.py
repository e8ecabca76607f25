"""From a corpus and settings to all that stands ready before the first step of training.

The streams that the model may see are chosen, utterances are encoded, the model is built, and the
optimizer gets a learning rate per part: `prepare` does it in this order, and `cenet_lib.training`
goes on from there. Each step is a function of its own below it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import accelerate
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration, TorchDynamoPlugin
from torch.optim.lr_scheduler import LRScheduler
from transformers import get_linear_schedule_with_warmup

from ..corpora.card import unlabelled
from ..corpus import Corpus
from ..errors import CENetError
from ..fusion import fusion_class
from ..language.annotators import annotate_corpus, get_annotator
from ..language.backbone import encoder_layers, longest_text, padding_in_positions
from ..language.place import backbone_folder
from ..model import CENet
from ..processor import NOTHING, CENetProcessor
from ..progress import bar, quiet_transformers
from ..published import published_optimizer
from ..settings import TrainingSettings, given_settings
from ..utterance import SPLITS, STREAMS, Utterance
from .batches import LengthGroupedBatches
from .checkpoints import share_plain_weights
from .precision import check_precision, settle_precision


@dataclass(frozen=True)
class Training:
    """All that the loop works with.

    Attributes
    ----------
    settings : TrainingSettings
        What decides the run; a precision that was left open is settled.
    corpus : Corpus
        The corpus as the model may see it: with the chosen streams, and annotated if asked for.
    processor : CENetProcessor
        It was fitted on the train split.
    encoded : dict of str to list
        What the processor makes of the labelled utterances of ``train``, ``valid`` and, if it is
        watched, ``test``; valid and test sorted by length.
    accelerator : Accelerator
        It knows the device, the precision and the other processes.
    model : Module
        The model as the accelerator wraps it, to be trained.
    plain_model : CENet
        The same model without wrappers, to be evaluated and saved.
    optimizer : Optimizer
        AdamW, with a group of parameters per part, see `make_optimizer`.
    scheduler : LRScheduler
        It moves the learning rates after each step.
    batches : LengthGroupedBatches
        Which utterances of the train split share a step.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> settings = TrainingSettings("models/mine", n_visual_codes=3, n_acoustic_codes=3)
    >>> training = prepare(load_corpus("data/mine"), settings)
    >>> training.learning_rates()  # before the first step, which begins the rise from 0
    {'lr_backbone': 0.0, 'lr_fusion': 0.0, 'lr_head': 0.0}
    """

    settings: TrainingSettings
    corpus: Corpus
    processor: CENetProcessor
    encoded: dict[str, list[dict[str, Any]]]
    accelerator: Accelerator
    model: torch.nn.Module
    plain_model: CENet
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler
    batches: LengthGroupedBatches

    def learning_rates(self) -> dict[str, float]:
        """Return the present learning rate of each part of the model, as ``lr_<part>``."""
        groups = self.optimizer.param_groups
        if self.settings.optimizer == "published":  # its groups are other parts, with one rate
            return dict.fromkeys(("lr_backbone", "lr_fusion", "lr_head"), float(groups[0]["lr"]))
        return {f"lr_{group['name'].split('/')[0]}": float(group["lr"]) for group in groups}


def prepare(corpus: Corpus, settings: TrainingSettings, *, progress: bool = False) -> Training:
    """Make everything ready for training; nothing is written.

    Parameters
    ----------
    corpus : Corpus
        A corpus whose train and valid splits are not empty.
    settings : TrainingSettings
        What decides the run.
    progress : bool
        Whether to show bars where it takes long.

    Raises
    ------
    CENetError
        If the corpus cannot be trained on, the settings do not fit it or the language model, or the
        device cannot compute with the precision asked for.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> settings = TrainingSettings("models/mine", n_visual_codes=3, n_acoustic_codes=3)
    >>> training = prepare(load_corpus("data/mine"), settings)
    >>> list(training.encoded), training.plain_model.config.n_visual_codes
    (['train', 'valid'], 3)
    """
    settings = given_settings(settings)
    needed = ("train", "valid", "test") if settings.watch_test else ("train", "valid")
    _check_labels(corpus, needed)
    backbone_folder(settings.backbone)  # before what takes long
    settings = settle_precision(settings)
    accelerator = make_accelerator(settings)
    seen = select_streams(corpus, settings)
    if settings.linguistic is not None:  # all at once: a sentence encoder likes batches
        annotator = get_annotator(settings.linguistic, settings.stanford_folder)
        seen = annotate_corpus(seen, annotator, progress=progress)
    labelled = {split: [u for u in seen.splits[split] if u.label is not None] for split in needed}
    with quiet_transformers():
        processor, model = build(seen, settings)
    encoded = {
        split: encode(processor, utterances, split, progress)
        for split, utterances in labelled.items()
    }
    _check_fit(settings.backbone, processor, model, encoded)
    for split in needed[1:]:
        encoded[split].sort(key=lambda features: len(features["input_ids"]))
    lengths = [len(features["input_ids"]) for features in encoded["train"]]
    batches = make_batches(lengths, settings, accelerator)
    if settings.gradient_checkpointing:
        model.activation_checkpointing_enable()
    optimizer, scheduler = make_optimizer(model, settings, settings.epochs * len(batches))
    wrapped, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler)
    return Training(
        settings,
        seen,
        processor,
        encoded,
        accelerator,
        wrapped,
        model,
        optimizer,
        scheduler,
        batches,
    )


def encode(
    processor: CENetProcessor, utterances: Sequence[Utterance], split: str, progress: bool = False
) -> list[dict[str, Any]]:
    """Return what a processor makes of the utterances of a split, each with its ``id``.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> train = load_corpus("data/mine").train
    >>> encode(Run("runs/mine").processor, train, "train")[0]["id"] == train[0].id
    True
    """
    total = len(utterances)
    features = bar(processor.encoded(utterances), f"encode {split}", progress, total=total)
    return [{**f, "id": u.id} for f, u in zip(features, utterances, strict=True)]


def make_accelerator(settings: TrainingSettings) -> Accelerator:
    """Find the device and join the other processes, if there are any.

    Raises
    ------
    CENetError
        If the device cannot compute with the precision asked for.

    Examples
    --------
    >>> make_accelerator(TrainingSettings(device="cpu")).device
    device(type='cpu')
    """
    AcceleratorState._reset_state(reset_partial_state=True)  # of a run before, in this process
    check_precision(settings)
    compiled = TorchDynamoPlugin(backend="inductor") if settings.compile else None
    accelerator = Accelerator(
        cpu=settings.device == "cpu",
        mixed_precision="no" if settings.precision == "fp32" else settings.precision,
        gradient_accumulation_steps=settings.accumulate,
        # `batch_size` counts over all processes, so the schedule moves once per step
        dataloader_config=DataLoaderConfiguration(split_batches=True),
        dynamo_plugin=compiled,
    )
    share_plain_weights(accelerator)
    return accelerator


def build(corpus: Corpus, settings: TrainingSettings) -> tuple[CENetProcessor, CENet]:
    """Fit the processor on the train split and put an untrained model on the backbone.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> settings = TrainingSettings("models/mine", n_visual_codes=3, n_acoustic_codes=3)
    >>> processor, model = build(load_corpus("data/mine"), settings)
    >>> processor.n_codes("visual"), model.config.fusion
    (3, 'ce')
    """
    fusion = fusion_class(settings.fusion)
    processor = CENetProcessor.fit(
        corpus,
        settings.backbone,
        n_visual_codes=settings.n_visual_codes,
        n_acoustic_codes=settings.n_acoustic_codes,
        seed=settings.seed,
        annotator=settings.linguistic,
        max_length=settings.max_length,
        pad_frames_to=settings.pad_frames_to,
        reads=NOTHING if fusion is None else fusion.reads,
    )
    # The model does not depend on what came before it, and is the same on all processes.
    accelerate.utils.set_seed(settings.seed)
    model = CENet.from_backbone(
        settings.backbone,
        fusion=settings.fusion,
        injection_layer=settings.injection_layer,
        attention_scale=settings.attention_scale,
        mask_padding=settings.mask_padding,
        n_visual_codes=processor.n_codes("visual"),
        n_acoustic_codes=processor.n_codes("acoustic"),
        n_visual_features=processor.n_features("visual"),
        n_acoustic_features=processor.n_features("acoustic"),
        frozen_padding_rows=settings.frozen_padding_rows,
        linguistic=settings.linguistic is not None,
        head_dropout=settings.head_dropout,
    )
    freeze(model, settings.freeze_layers)
    return processor, model


def _check_fit(
    backbone: str,
    processor: CENetProcessor,
    model: CENet,
    encoded: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Refuse a tokenizer of another language model, and texts too long for it.

    The default length gives way to a language model with fewer positions, unless a text needs them.
    """
    rows = len(model.get_input_embeddings().weight)  # type: ignore[arg-type]
    highest = max(processor.tokenizer.get_vocab().values())
    if highest >= rows:
        raise CENetError(
            f"{backbone}: its tokenizer has pieces up to "
            f"number {highest}, the language model knows {rows}; take both from the same place"
        )
    padding, pad = padding_in_positions(model.backbone), processor.tokenizer.pad_token_id
    if padding not in (None, pad):
        raise CENetError(
            f"{backbone}: its tokenizer pads with number {pad}, but to the language model number "
            f"{padding} is padding; take tokenizer, configuration and weights from the same place"
        )
    most, asked = longest_text(model.backbone), processor.max_length
    longest = max(len(f["input_ids"]) for features in encoded.values() for f in features)
    if most is None or asked <= most:
        return
    if longest > most or asked != TrainingSettings().max_length:
        raise CENetError(
            f"{backbone}: max_length is {asked}, but the language model has positions for {most} "
            f"word pieces; give --max-length {most}"
        )
    processor.max_length = most  # of what is predicted later


def freeze(model: CENet, n_layers: int) -> None:
    """Keep the backbone's embeddings and its lowest layers as they are; 0 freezes nothing.

    Raises
    ------
    CENetError
        If the backbone has fewer layers.

    Examples
    --------
    >>> from transformers import BertConfig
    >>> from cenet_lib import CENetConfig
    >>> model = CENet(CENetConfig(backbone=BertConfig(hidden_size=12, num_hidden_layers=2)))
    >>> freeze(model, n_layers=1)
    >>> [layer.output.dense.weight.requires_grad for layer in encoder_layers(model.backbone)]
    [False, True]
    """
    if n_layers == 0:
        return
    layers = encoder_layers(model.backbone)
    if n_layers > len(layers):
        raise CENetError(f"freeze_layers is {n_layers}; the backbone has {len(layers)} layers")
    for part in (model.backbone.embeddings, *layers[:n_layers]):
        part.requires_grad_(False)


def select_streams(corpus: Corpus, settings: TrainingSettings) -> Corpus:
    """Return the corpus with the streams that a run may see.

    ``"visual"`` and ``"acoustic"`` take the other stream's frames away. ``"shuffled"`` gives each
    utterance both streams of one other utterance of the same split, and each pair of streams to
    one: what is then gained over words alone is no more than added parameters give.

    Raises
    ------
    CENetError
        If streams are to be shuffled in a split where that cannot be done: of one utterance, or
        where more than half of the utterances have the same frames.

    Examples
    --------
    >>> frames = np.ones((4, 2))
    >>> corpus = Corpus("tiny", train=[Utterance("u", ["fine"], visual=frames, acoustic=frames)])
    >>> select_streams(corpus, TrainingSettings(streams="visual")).train[0]
    Utterance('u', 'fine', visual (4, 2), acoustic (0, 2), no label)
    """
    if settings.streams == "both":
        return corpus
    rng = np.random.default_rng(settings.seed)
    train, valid, test = (
        _shuffled(corpus.splits[split], rng, f"{corpus.name}: {split}")
        if settings.streams == "shuffled"
        else _without_other(corpus.splits[split], settings.streams)
        for split in SPLITS
    )
    return corpus.with_splits(train, valid, test)


def _without_other(utterances: Sequence[Utterance], stream: str) -> list[Utterance]:
    """Return utterances without the frames of the other stream."""
    lost = next(other for other in STREAMS if other != stream)
    return [u.with_frames(**{lost: u.frames(lost)[:0]}) for u in utterances]


def _shuffled(
    utterances: Sequence[Utterance], rng: np.random.Generator, where: str
) -> list[Utterance]:
    """Return utterances with the streams of others, of which none has the same frames."""
    contents = [_content(utterance) for utterance in utterances]
    together: dict[bytes, list[int]] = {}
    for i in rng.permutation(len(utterances)):
        together.setdefault(contents[i], []).append(int(i))
    most = max(map(len, together.values()), default=0)
    if 2 * most > len(utterances):
        alike = f"{most} of {len(utterances)} utterances have the same frames"
        raise CENetError(
            f"{where}: {alike if most > 1 else 'there is only one utterance'}, so streams cannot "
            "be shuffled; take other streams, or more utterances"
        )
    # Equals stand side by side, so whoever stands as far behind as there are equals is another.
    row = [i for equals in together.values() for i in equals]
    lenders = dict(zip(row, np.roll(row, most), strict=True))
    return [
        u.with_frames(**{s: utterances[lenders[i]].frames(s) for s in STREAMS})
        for i, u in enumerate(utterances)
    ]


def _content(utterance: Utterance) -> bytes:
    """Return the same bytes for two utterances only if they have the same frames."""
    if not any(len(utterance.frames(stream)) for stream in STREAMS):
        return utterance.id.encode("utf-8", "surrogatepass")  # it has none to keep
    digest = hashlib.sha256()
    for stream in STREAMS:
        frames = np.ascontiguousarray(utterance.frames(stream))
        digest.update(repr(frames.shape).encode())
        digest.update(frames.data)
    return digest.digest()


def make_batches(
    lengths: Sequence[int], settings: TrainingSettings, accelerator: Accelerator
) -> LengthGroupedBatches:
    """Deal utterances, by their lengths in tokens, out to the steps, the parts and the processes.

    Examples
    --------
    >>> settings = TrainingSettings(device="cpu", batch_size=2)
    >>> len(make_batches([5, 9, 5, 9, 6], settings, make_accelerator(settings)))
    3
    """
    return LengthGroupedBatches(
        lengths,
        settings.batch_size,
        group=settings.group_by_length,
        drop_last=settings.drop_last,
        seed=settings.seed,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
        accumulate=settings.accumulate,
    )


def make_optimizer(
    model: CENet, settings: TrainingSettings, n_steps: int
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """Return AdamW, and a schedule in which learning rates rise from 0 and fall to 0 again.

    With the setting ``optimizer="published"`` both are those of the published code.

    Parameters
    ----------
    model : CENet
        The model whose weights are to be trained.
    settings : TrainingSettings
        What decides the run: ``warmup`` is the share of the steps in which the rates rise.
    n_steps : int
        The optimizer steps of the whole run.

    Examples
    --------
    >>> from transformers import BertConfig
    >>> from cenet_lib import CENetConfig
    >>> model = CENet(CENetConfig(backbone=BertConfig(hidden_size=12, num_hidden_layers=2)))
    >>> optimizer, scheduler = make_optimizer(model, TrainingSettings(warmup=0.5), n_steps=4)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.0, 5e-05, 0.0001, 5e-05]
    """
    if settings.optimizer == "published":
        return published_optimizer(
            model,
            n_steps,
            lr=settings.lr_backbone,
            eps=settings.adam_epsilon,
            weight_decay=settings.weight_decay,
            warmup=settings.warmup,
        )
    optimizer = torch.optim.AdamW(
        parameter_groups(model, settings), eps=settings.adam_epsilon, fused=True
    )
    n_warmup = int(np.ceil(settings.warmup * n_steps))
    return optimizer, get_linear_schedule_with_warmup(optimizer, n_warmup, n_steps)


def parameter_groups(model: CENet, settings: TrainingSettings) -> list[dict[str, Any]]:
    """Return AdamW's parameter groups: a learning rate per part, decay on matrices only.

    The parts are ``backbone`` (with the linguistic embeddings), ``fusion`` and ``head``; frozen
    parameters are in none.

    Examples
    --------
    >>> from transformers import BertConfig
    >>> from cenet_lib import CENetConfig
    >>> model = CENet(CENetConfig(backbone=BertConfig(hidden_size=12, num_hidden_layers=2)))
    >>> [group["name"] for group in parameter_groups(model, TrainingSettings())][:2]
    ['backbone/decay', 'backbone/no decay']
    """
    rates = {
        "backbone": settings.lr_backbone,
        "fusion": settings.lr_fusion,
        "head": settings.lr_head,
    }
    groups: dict[str, dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        part = name.split(".")[0]
        part = part if part in rates else "backbone"  # linguistic embeddings belong to it
        decays = parameter.ndim > 1
        key = f"{part}/{'decay' if decays else 'no decay'}"
        decay = settings.weight_decay if decays else 0.0
        new = {"name": key, "params": [], "lr": rates[part], "weight_decay": decay}
        groups.setdefault(key, new)["params"].append(parameter)
    return list(groups.values())


def _check_labels(corpus: Corpus, needed: Sequence[str]) -> None:
    """Raise an error unless each split that is needed has an utterance with a label."""
    known = {split: any(o.label is not None for o in corpus.outlines(split)) for split in SPLITS}
    if len(corpus) and not any(known.values()):
        raise CENetError(
            f"{corpus.name}: no utterance has a label; training needs labels ({unlabelled(corpus)})"
        )
    for split in needed:
        corpus.split(split)  # which must not be empty
        if not known[split]:
            raise CENetError(
                f"{corpus.name}: no utterance of the {split} split has a label; training needs "
                f"labels ({unlabelled(corpus)})"
            )
