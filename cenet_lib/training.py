"""Training, resuming and prediction.

The rules of honest numbers are built in: the checkpoint is chosen on the validation split, and the
test split is looked at once, at the end, with that checkpoint.
"""

import math
import os
import platform
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import TrainerState

from .errors import CENetError, Interrupted
from .files import atomic_file, refuse_existing
from .fusion import FRAMES
from .language.annotators import annotate_corpus, get_annotator
from .metrics import evaluate_predictions, format_metrics
from .model import CENet, encoder_layers
from .processor import CENetProcessor
from .progress import bar, quiet_transformers, somebody_watches
from .runs.folder import (
    Run,
    is_finished,
    locked,
    newest_whole_checkpoint,
    read_json,
    write_csv,
    write_json,
)
from .runs.stopping import Patience, SaveOnSignal
from .settings import TrainingSettings
from .trainer import CENetTrainer, training_arguments
from .utterance import SPLITS, STREAMS, Corpus, Utterance


def train(
    corpus: Corpus,
    folder: str | Path,
    settings: TrainingSettings | None = None,
    *,
    source: str | None = None,
) -> Run:
    """Train a model on a corpus and write a run folder.

    Parameters
    ----------
    corpus : Corpus
        With non-empty train and valid splits. Utterances without a label are left out of training.
    folder : str or Path
        Of the run; must not exist.
    settings : TrainingSettings, optional
    source : str, optional
        What `load_corpus` took, for `resume` to find the corpus again.

    Returns
    -------
    Run

    Raises
    ------
    CENetError
        If the folder exists or the corpus cannot be trained on, before anything is written; if the
        loss is no number; if the disk is full.
    Interrupted
        After Ctrl-C, when everything is saved.
    """
    folder = Path(folder).resolve()
    refuse_existing(folder)
    settings = settings or TrainingSettings()
    return _train(corpus, folder, settings, source or corpus.name, resuming=False)


def resume(folder: str | Path, corpus: Corpus | None = None) -> Run:
    """Go on with a run that was stopped or killed; it ends as if that had not happened.

    Parameters
    ----------
    folder : str or Path
        Of the run.
    corpus : Corpus, optional
        The same as before; by default loaded from where it came from.

    Raises
    ------
    CENetError
        If there is no such run, it is finished, another process is training it, or the corpus is no
        longer the same.
    """
    folder = Path(folder).resolve()
    if is_finished(folder):
        raise CENetError(f"{folder}: is finished; there is nothing to resume")
    if not (folder / "config.json").is_file():
        raise CENetError(f"{folder}: holds no run (config.json is missing); begin one with train")
    config = read_json(folder / "config.json")
    if corpus is None:
        from .corpora import load_corpus

        corpus = load_corpus(config["corpus"]["source"])
    before, now = config["corpus"]["fingerprint"], corpus.fingerprint()
    if before != now:
        raise CENetError(
            f"{folder}: the corpus has changed since this run began (fingerprint {before[:16]}… "
            f"then, {now[:16]}… now); put the old one back, or begin a new run"
        )
    settings = TrainingSettings(**config["settings"])
    return _train(corpus, folder, settings, config["corpus"]["source"], resuming=True)


def _train(
    corpus: Corpus, folder: Path, settings: TrainingSettings, source: str, resuming: bool
) -> Run:
    began = time.monotonic()
    arguments = training_arguments(folder, settings)
    arguments.device  # noqa: B018, asking for it joins the other processes, if there are any
    processes = PartialState()
    seen = select_streams(corpus, settings)
    if settings.linguistic is not None:  # all at once: a sentence encoder likes batches
        annotator = get_annotator(settings.linguistic)
        seen = annotate_corpus(seen, annotator, progress=somebody_watches())
    needed = ("train", "valid", "test") if settings.watch_test else ("train", "valid")
    labelled = {split: _labelled(seen, split) for split in needed}
    with quiet_transformers():
        processor, model = build(seen, settings)
    data = {
        split: [{**processor(u), "id": u.id} for u in bar(utterances, f"encode {split}")]
        for split, utterances in labelled.items()
    }
    trainer = CENetTrainer(model, processor, data, arguments, settings, corpus.label_range)

    if processes.is_main_process:
        _make_folder(folder)
    processes.wait_for_everyone()
    with locked(folder) if processes.is_main_process else nullcontext():
        try:
            if processes.is_main_process and not (folder / "config.json").is_file():
                write_json(folder / "config.json", _describe(corpus, settings, source))
            checkpoint = None
            if resuming:  # one process looks, for looking means to hash every file
                found = newest_whole_checkpoint(folder) if processes.is_main_process else None
                (checkpoint,) = broadcast_object_list([found])
            tracker = _tracker(folder, settings)
            if tracker is not None:
                trainer.add_callback(tracker)
            # Some libraries draw from the global generators when they are imported or set up.
            transformers.set_seed(settings.seed)
            with quiet_transformers():
                _fit(trainer, settings, checkpoint, folder)
            if processes.is_main_process:
                seconds = time.monotonic() - began
                _finish(trainer, processor, seen, folder, seconds, tracker)
        except BaseException:
            worthless = not resuming and not any(folder.glob("checkpoints/checkpoint-*"))
            if worthless and processes.is_main_process:
                shutil.rmtree(folder, ignore_errors=True)
            raise
    processes.wait_for_everyone()
    return Run(folder)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CENetError(f"{folder}: could not be created: {error.strerror}") from error


def _tracker(folder: Path, settings: TrainingSettings):
    if settings.wandb == "off":
        return None
    from .runs.tracking import WandbTracker  # importing wandb takes a second

    return WandbTracker(folder, read_json(folder / "config.json"), settings.wandb)


def _fit(
    trainer: CENetTrainer, settings: TrainingSettings, checkpoint: Path | None, folder: Path
) -> None:
    """Train to the end, or from a checkpoint to the end, and take the chosen weights."""
    if checkpoint is not None and settings.patience is not None:
        state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        if Patience(settings.patience).is_over(state):
            trainer.state = state
            trainer.find_best()
            trainer._load_best_model()
            return
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    callbacks = trainer.callback_handler.callbacks
    stopped = any(isinstance(c, SaveOnSignal) and c.stopped for c in callbacks)
    if stopped and trainer.state.global_step < trainer.state.max_steps:
        raise Interrupted(
            f"stopped at step {trainer.state.global_step} of {trainer.state.max_steps}; everything "
            f"is saved. Go on with: python -m cenet_lib train --resume {os.path.relpath(folder)}"
        )


def _finish(
    trainer: CENetTrainer,
    processor: CENetProcessor,
    corpus: Corpus,
    folder: Path,
    seconds: float,
    tracker,
) -> None:
    """Write the results of the chosen checkpoint; look at the test split for the first time."""
    with quiet_transformers():
        trainer.model.save_pretrained(folder / "model")
        processor.save_pretrained(folder / "model")
    history = trainer.history()
    write_csv(history, folder / "history.csv")
    predictions = pd.concat(
        [
            predict(trainer.model, processor, utterances, progress=split).assign(split=split)
            for split, utterances in corpus.splits.items()
            if len(utterances)
        ],
        ignore_index=True,
    )[["id", "split", "words", "label", "prediction"]]
    write_csv(predictions, folder / "predictions.csv")
    figures = _draw(history, predictions, folder)
    metrics = {
        **score(predictions, corpus.label_range),
        "best_epoch": trainer.best_epoch(),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "seconds": round(seconds, 1),
    }
    if tracker is not None:
        tracker.finish(predictions, metrics, figures)
    # Last, because it is what makes the run count as finished.
    write_json(folder / "metrics.json", metrics)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def build(corpus: Corpus, settings: TrainingSettings) -> tuple[CENetProcessor, CENet]:
    """Fit the processor on the train split and put an untrained model on the backbone."""
    processor = CENetProcessor.fit(
        corpus,
        settings.backbone,
        n_visual_codes=settings.n_visual_codes,
        n_acoustic_codes=settings.n_acoustic_codes,
        seed=settings.seed,
        annotator=settings.linguistic,
        max_length=settings.max_length,
        pad_frames_to=settings.pad_frames_to,
        frames=FRAMES.get(settings.fusion),
    )
    transformers.set_seed(settings.seed)  # the model does not depend on what came before it
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


def freeze(model: CENet, n_layers: int) -> None:
    """Keep the backbone's embeddings and its lowest layers as they are; 0 freezes nothing.

    Raises
    ------
    CENetError
        If the backbone has fewer layers.
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

    ``"visual"`` and ``"acoustic"`` take the other stream's frames away. ``"shuffled"`` deals the
    frames to other utterances of the same split: what is then gained over words alone is no more
    than added parameters give.
    """
    if settings.streams == "both":
        return corpus
    rng = np.random.default_rng(settings.seed)
    splits = {}
    for split, utterances in corpus.splits.items():
        order = rng.permutation(len(utterances))
        changed = []
        for i, utterance in enumerate(utterances):
            if settings.streams == "shuffled":
                other = utterances[int(order[i])]
                frames = {stream: other.frames(stream) for stream in STREAMS}
            else:
                lost = next(s for s in STREAMS if s != settings.streams)
                frames = {lost: utterance.frames(lost)[:0]}
            changed.append(replace(utterance, **frames))
        splits[split] = changed
    return Corpus(
        corpus.name,
        **splits,
        visual_names=corpus.feature_names["visual"],
        acoustic_names=corpus.feature_names["acoustic"],
        label_range=corpus.label_range,
        provenance=corpus.provenance,
    )


def predict(
    model: CENet,
    processor: CENetProcessor,
    utterances: Iterable[Utterance],
    *,
    batch_size: int = 64,
    progress: str | None = None,
) -> pd.DataFrame:
    """Predict the intensity of each utterance, in their order.

    Returns
    -------
    DataFrame
        ``id``, ``words`` (joined by spaces), ``label`` (NaN if unknown), ``prediction``.
    """
    rows = predict_stream(model, processor, utterances, batch_size=batch_size)
    if progress is not None:
        total = len(utterances) if isinstance(utterances, Sequence) else None
        rows = bar(rows, f"predict {progress}", total)
    return pd.DataFrame(rows, columns=["id", "words", "label", "prediction"])


@torch.inference_mode()
def predict_stream(
    model: CENet,
    processor: CENetProcessor,
    utterances: Iterable[Utterance],
    *,
    batch_size: int = 64,
) -> Iterator[tuple[str, str, float, float]]:
    """Yield ``(id, words, label, prediction)`` per utterance, in order, in bounded memory.

    Predictions are rounded to six decimals, below which the order of additions shows.
    """
    was_training = model.training
    model.eval()
    stream = iter(utterances)
    try:
        while window := list(islice(stream, 16 * batch_size)):
            features = [processor(u) for u in window]
            # Within a window, batches of similar length waste little on padding.
            order = sorted(range(len(window)), key=lambda i: len(features[i]["input_ids"]))
            predictions = [math.nan] * len(window)
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                batch = processor.inputs([features[i] for i in rows], model.device)
                for i, value in zip(rows, model(**batch).logits.tolist(), strict=True):
                    predictions[i] = round(value, 6)
            for utterance, prediction in zip(window, predictions, strict=True):
                label = math.nan if utterance.label is None else utterance.label
                yield utterance.id, utterance.text, label, prediction
    finally:
        model.train(was_training)


def score(predictions: pd.DataFrame, label_range: tuple[float, float]) -> dict[str, dict]:
    """Return the metrics of each split of a predictions table that has labels."""
    known = predictions.dropna(subset=["label"])
    return {
        split: evaluate_predictions(rows["label"], rows["prediction"], label_range)
        for split, rows in known.groupby("split", sort=False)
    }


def summarise(metrics: dict) -> str:
    """Return the metrics of valid and test, one line each."""
    return "\n".join(
        f"{split:<6} {format_metrics(metrics[split])}"
        for split in ("valid", "test")
        if split in metrics
    )


def _labelled(corpus: Corpus, split: str) -> Sequence[Utterance]:
    utterances = [u for u in corpus.split(split) if u.label is not None]
    if not utterances:
        raise CENetError(
            f"{corpus.name}: no utterance of the {split} split has a label; training needs labels"
        )
    return utterances


def _describe(corpus: Corpus, settings: TrainingSettings, source: str) -> dict:
    return {
        "settings": asdict(settings),
        "corpus": {
            "name": corpus.name,
            "source": source,
            "fingerprint": corpus.fingerprint(),
            "sizes": {split: len(corpus.splits[split]) for split in SPLITS},
            "label_range": corpus.label_range,
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }


def _draw(history: pd.DataFrame, predictions: pd.DataFrame, folder: Path) -> list[Path]:
    from matplotlib.figure import Figure

    from .results import plots

    test = predictions[predictions["split"] == "test"]
    shown = test if len(test) else predictions[predictions["split"] == "valid"]
    written = []
    for name, draw, table, size in (
        ("learning_curves", plots.learning_curves, history, (5.5, 3.6)),
        ("predictions", plots.predicted_against_true, shown, (4.8, 4.8)),
    ):
        figure = Figure(figsize=size, layout="constrained")
        draw(table, ax=figure.subplots())
        written.append(folder / f"{name}.png")
        with atomic_file(written[-1]) as temporary:
            figure.savefig(temporary, format="png", dpi=150)
    return written
