"""The loop, to be read: `train` goes over epochs, `train_epoch` over batches::

    for each epoch
        for each batch                                              train_epoch
            predict, loss, gradient, clip, step, learning rate
        metrics on train and valid, a checkpoint, a line            evaluate_epoch
    take the epoch that is best on valid; look at test once

What stands ready before the first step is made by `cenet_lib.runs.preparation`, and what is left
after the last is written by `cenet_lib.runs.outcome`. Devices, precision, accumulation and other
processes are accelerate's. A training that is stopped or killed goes on from its last checkpoint
(`cenet_lib.runs.checkpoints`) and ends as if nothing had happened: `resume`.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object, set_seed

from .corpus import Corpus
from .errors import CENetError, Interrupted
from .files import refuse_existing, remove_leftovers, write_json
from .metrics import evaluate_predictions
from .prediction import attention_summary, outputs
from .progress import TrainingProgress
from .runs.checkpoints import (
    TrainingState,
    checkpoint_of,
    has_checkpoint,
    load_checkpoint,
    load_weights,
    newest_whole_checkpoint,
    save_checkpoint,
)
from .runs.folder import Run, corpus_of, is_finished, locked, read_config
from .runs.outcome import describe_run, write_outcome
from .runs.preparation import Training, prepare
from .runs.stopping import StopSignals
from .runs.tracking import WandbTracker
from .settings import TrainingSettings, checked_settings, given_settings
from .terminal import as_argument

_MOST_SUMMARISED = 256  # valid utterances whose attention is looked at after each epoch


def train(
    corpus: Corpus,
    folder: str | Path,
    settings: TrainingSettings | None = None,
    *,
    source: str | None = None,
    resuming: bool = False,
) -> Run:
    """Train a model on a corpus and write a run folder.

    Parameters
    ----------
    corpus : Corpus
        A corpus whose train and valid splits are not empty. Utterances without a label are left out
        of training.
    folder : str or Path
        Folder of the run; it must not exist yet.
    settings : TrainingSettings, optional
        How to train; by default, as suits the demo corpus.
    source : str, optional
        What `load_corpus` took, for `resume` to find the corpus again.
    resuming : bool
        Whether to go on with the run in the folder. `resume` says so, after it has seen to it that
        corpus and settings are those of before.

    Returns
    -------
    Run
        The finished run, opened from its folder.

    Raises
    ------
    CENetError
        If the folder exists or the corpus cannot be trained on, before anything is written; if the
        loss is no number; if the disk is full.
    Interrupted
        After Ctrl-C, when everything is saved.

    Examples
    --------
    >>> from cenet_lib import TrainingSettings, load_corpus, train
    >>> settings = TrainingSettings("models/mine", n_visual_codes=3, n_acoustic_codes=3, epochs=1)
    >>> run = train(load_corpus("data/mine"), "runs/another", settings)
    epoch 1/1   train: MSE ...
    >>> run.metrics["best_epoch"]
    1
    """
    began = time.monotonic()
    folder, settings = Path(folder).resolve(), given_settings(settings)
    if not resuming:
        refuse_existing(folder)
    training = prepare(corpus, settings, progress=True)
    accelerator = training.accelerator
    with _claimed(folder, accelerator, keep=resuming):
        _describe(folder, accelerator, corpus, training.settings, source)
        state = _begin(training, folder, resuming)
        tracker = _tracker(folder, training)
        total = settings.epochs * state.steps_per_epoch
        with (
            StopSignals() as stop,
            TrainingProgress(state.step, total, accelerator.is_main_process) as progress,
        ):

            def between_steps() -> None:
                progress.step()
                _save_if_due(folder, training, state, stop)

            while state.epoch < settings.epochs and not state.is_out_of_patience(settings.patience):
                train_epoch(training, state, between_steps)
                row = _measure(training, state)
                state.finish_epoch(row)
                progress.epoch(row, settings.epochs)
                if tracker is not None:
                    tracker.log(row, state.step)
                save_checkpoint(folder, accelerator, state)
                if stop.agreed(accelerator) and state.epoch < settings.epochs:
                    raise _interrupted(folder, training, state)
        _finish(folder, training, state, began, tracker)
    accelerator.wait_for_everyone()
    return Run(folder)


def train_epoch(
    training: Training, state: TrainingState, between_steps: Callable[[], None] = lambda: None
) -> None:
    """Go once over the batches of an epoch, or over those that are left of it.

    Parameters
    ----------
    training : Training
        What `cenet_lib.runs.preparation.prepare` has made ready.
    state : TrainingState
        Where training stands; its ``step`` and ``seen`` move on.
    between_steps : callable
        What is called after each optimizer step.

    Raises
    ------
    CENetError
        If the loss is no number; the message names the step, the utterances and likely causes.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> settings = TrainingSettings("models/mine", n_visual_codes=3, n_acoustic_codes=3)
    >>> training = prepare(load_corpus("data/mine"), settings)
    >>> state = TrainingState(steps_per_epoch=len(training.batches))
    >>> train_epoch(training, state)
    >>> state.step == len(training.batches)
    True
    """
    accelerator, model, optimizer = training.accelerator, training.model, training.optimizer
    model.train()
    if state.step_in_epoch == 0:
        _draw_as_before()
    for part in training.batches.parts(state.epoch, skip=state.step_in_epoch):
        features = [training.encoded["train"][row] for row in part.rows]
        batch = training.processor.collate(features)
        batch = {name: tensor.to(accelerator.device) for name, tensor in batch.items()}  # (B, …)
        with accelerator.accumulate(model):  # steps count only after the last part of a batch
            output = model(**batch)
            if not torch.isfinite(output.loss):
                raise _no_number(training, state, output.loss.item(), [f["id"] for f in features])
            accelerator.backward(output.loss * part.weight)
            if _clips_now(training):
                accelerator.clip_grad_norm_(model.parameters(), training.settings.max_grad_norm)
            optimizer.step()
            training.scheduler.step()
            optimizer.zero_grad()
        predictions = output.logits.detach().float().tolist()
        state.seen.append(([f["labels"] for f in features], predictions))
        if accelerator.sync_gradients:
            state.step += 1
            between_steps()


def _clips_now(training: Training) -> bool:
    """Tell whether the gradient is due to be clipped: of a batch, as published of each part."""
    settings = training.settings
    due = training.accelerator.sync_gradients or settings.optimizer == "published"
    return due and settings.max_grad_norm > 0


def evaluate_epoch(training: Training, split: str) -> dict[str, float]:
    """Return the metrics of the model, as it stands, on a split.

    Each process takes its share of the utterances, and all get the same numbers.

    Parameters
    ----------
    training : Training
        What `cenet_lib.runs.preparation.prepare` has made ready.
    split : str
        ``"valid"``; or ``"train"``, or ``"test"`` if it is watched.

    Returns
    -------
    dict of str to float
        ``mse`` and the metrics of `cenet_lib.metrics`.

    Raises
    ------
    CENetError
        If the model predicts something that is no number.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> settings = TrainingSettings("models/mine", n_visual_codes=3, n_acoustic_codes=3)
    >>> training = prepare(load_corpus("data/mine"), settings)
    >>> list(evaluate_epoch(training, "valid"))[:3]
    ['mse', 'mae', 'corr']
    """
    accelerator = training.accelerator
    mine = training.encoded[split][accelerator.process_index :: accelerator.num_processes]
    size = 2 * training.settings.batch_size  # without gradients there is room for twice as many
    found = outputs(training.plain_model, training.processor, mine, batch_size=size)
    pairs = gather_object([(o.prediction, f["labels"]) for o, f in zip(found, mine)])
    predictions, labels = zip(*pairs)
    if not np.isfinite(predictions).all():
        raise CENetError(
            f"the model predicts NaN on the {split} split; lower the learning rates "
            f"({_rates(training)})"
        )
    return _score(labels, predictions, training.corpus.label_range)


def resume(folder: str | Path, corpus: Corpus | str | Path | None = None) -> Run:
    """Go on with a run that was stopped or killed; it ends as if that had not happened.

    Parameters
    ----------
    folder : str or Path
        Folder of the run.
    corpus : Corpus, str or Path, optional
        The same corpus as before, or where it is now; by default it is loaded from where it was, or
        from where it lies beside the run, see `cenet_lib.runs.folder.corpus_of`.

    Returns
    -------
    Run
        The finished run, opened from its folder.

    Raises
    ------
    CENetError
        If there is no such run, it is finished, another process is training it, the corpus is no
        longer the same, or ``config.json`` or the checkpoint are damaged or another run's.

    Examples
    --------
    >>> resume("runs/mine")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: ...runs/mine: is finished; there is nothing to resume
    """
    folder = Path(folder).resolve()
    if is_finished(folder):
        _tidy(folder)
        raise CENetError(f"{folder}: is finished; there is nothing to resume")
    if not (folder / "config.json").is_file():
        raise CENetError(f"{folder}: holds no run (config.json is missing); begin one with train")
    config = read_config(folder, "put the right one back, or begin a new run")
    settings = checked_settings(config["settings"], folder / "config.json")
    if settings.precision == "auto":  # a run keeps what it was settled as
        raise CENetError(
            f"{folder / 'config.json'}: precision is auto, which does not say how the run "
            "computed; put the right file back, or begin a new run"
        )
    if not isinstance(corpus, Corpus):
        corpus = corpus_of(folder, config, corpus)
    before, now = config["corpus"]["fingerprint"], corpus.fingerprint()
    if before != now:
        raise CENetError(
            f"{folder}: the corpus has changed since this run began (fingerprint {before[:16]}… "
            f"then, {now[:16]}… now); put the old one back, or begin a new run"
        )
    return train(corpus, folder, settings, resuming=True)


def _tidy(folder: Path) -> None:
    """Remove the checkpoints of a finished run whose process was killed before it did so."""
    if (folder / "checkpoints").is_dir():
        with suppress(CENetError), locked(folder):
            remove_leftovers(folder)
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)


@contextmanager
def _claimed(folder: Path, accelerator: Accelerator, keep: bool) -> Iterator[None]:
    """Make a run's folder and hold it against other trainings; unless kept, remove it if it fails.

    Once there is a checkpoint, the folder stays: training can go on from there. Temporary files
    that a killed process left are removed, now that no other process can be writing.
    """
    if not accelerator.is_main_process:
        accelerator.wait_for_everyone()
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CENetError(
            f"{folder}: could not be created: {error.strerror}; "
            "choose a folder that you may write to"
        ) from error
    accelerator.wait_for_everyone()
    with locked(folder):
        remove_leftovers(folder)
        try:
            yield
        except BaseException:
            if not keep and not has_checkpoint(folder):
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _describe(
    folder: Path,
    accelerator: Accelerator,
    corpus: Corpus,
    settings: TrainingSettings,
    source: str | None,
) -> None:
    """Write config.json, unless the run has one from before it was stopped."""
    path = folder / "config.json"
    if accelerator.is_main_process and not path.is_file():
        write_json(path, describe_run(corpus, settings, source, folder))


def _begin(training: Training, folder: Path, resuming: bool) -> TrainingState:
    """Return where training begins, with everything as it was there."""
    accelerator = training.accelerator
    checkpoint = None
    if resuming:  # one process looks, for looking means to hash every file
        found = newest_whole_checkpoint(folder) if accelerator.is_main_process else None
        (checkpoint,) = broadcast_object_list([found])
    # Other random numbers on each process, and none of those that were drawn to get ready.
    set_seed(training.settings.seed, device_specific=True)
    if checkpoint is None:
        return TrainingState(steps_per_epoch=len(training.batches))
    state = load_checkpoint(checkpoint, accelerator)
    if state.steps_per_epoch != len(training.batches):
        raise CENetError(
            f"{checkpoint}: has {state.steps_per_epoch} steps per epoch where this run has "
            f"{len(training.batches)}; it belongs to another run: begin a new one"
        )
    return state


def _tracker(folder: Path, training: Training) -> WandbTracker | None:
    """Return what logs to Weights & Biases, on one process and if that was asked for."""
    if training.settings.wandb == "off" or not training.accelerator.is_main_process:
        return None
    config = read_config(folder, "begin a new run")
    return WandbTracker(folder, config, training.settings.wandb)


def _save_if_due(folder: Path, training: Training, state: TrainingState, stop: StopSignals) -> None:
    """Save between two steps of an epoch, every so many steps, or because somebody asks to stop."""
    every = training.settings.save_every
    stopping = stop.agreed(training.accelerator)
    due = every is not None and state.step % every == 0
    if (stopping or due) and state.step_in_epoch < state.steps_per_epoch:
        save_checkpoint(folder, training.accelerator, state)
        if stopping:
            raise _interrupted(folder, training, state)


def _measure(training: Training, state: TrainingState) -> dict[str, float]:
    """Return the history's row of the epoch that was just trained."""
    seen = gather_object(state.seen)
    labels, predictions = ([x for part in column for x in part] for column in zip(*seen))
    row: dict[str, float] = {"epoch": state.epoch + 1}
    _draw_as_before()
    scores = {"train": _score(labels, predictions, training.corpus.label_range)}
    scores |= {
        split: evaluate_epoch(training, split) for split in training.encoded if split != "train"
    }
    for split, values in scores.items():
        row |= {f"{split}_{name}": value for name, value in values.items()}
    valid = training.encoded["valid"]
    some = valid[:: max(1, len(valid) // _MOST_SUMMARISED)]
    attention = attention_summary(training.plain_model, training.processor, some)
    row |= {f"valid_{name}": value for name, value in attention.items()}
    return row | training.learning_rates()


def _finish(
    folder: Path,
    training: Training,
    state: TrainingState,
    began: float,
    tracker: WandbTracker | None,
) -> None:
    """Take the weights of the best epoch, write what the run leaves, and drop the checkpoints."""
    accelerator = training.accelerator
    best = checkpoint_of(folder, state.best_epoch() * state.steps_per_epoch)
    load_weights(best, accelerator)
    if accelerator.is_main_process:
        # without the wrapper that lowers the precision: as whoever opens the run will predict
        model = accelerator.unwrap_model(training.plain_model, keep_fp32_wrapper=False)
        seconds, seen = time.monotonic() - began, training.corpus
        known = {f["id"]: f for features in training.encoded.values() for f in features}
        write_outcome(folder, model, training.processor, seen, state, seconds, tracker, known)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def _draw_as_before() -> None:
    """Draw a number, as data loaders did before each epoch and each evaluation in version 0.1.

    So a seed still gives the numbers that were recorded then.
    """
    torch.empty((), dtype=torch.int64).random_()


def _score(
    labels: Sequence[float], predictions: Sequence[float], label_range: tuple[float, float]
) -> dict[str, float]:
    """Return the mean squared error, which is the loss, and the metrics."""
    mse = float(np.square(np.asarray(labels) - np.asarray(predictions)).mean())
    return {"mse": mse, **evaluate_predictions(labels, predictions, label_range)}


def _interrupted(folder: Path, training: Training, state: TrainingState) -> Interrupted:
    total = training.settings.epochs * state.steps_per_epoch
    return Interrupted(
        f"stopped at step {state.step} of {total}; everything is saved. "
        f"Go on with: python -m cenet_lib train --resume {as_argument(os.path.relpath(folder))}"
    )


def _no_number(
    training: Training, state: TrainingState, loss: float, ids: Sequence[str]
) -> CENetError:
    settings = training.settings
    return CENetError(
        f"the loss became {loss} at step {state.step + 1} (epoch {state.epoch + 1}), on "
        f"utterances {', '.join(ids)}; likely causes: a learning rate that is too high "
        f"({_rates(training)}), an attention scale that is too large "
        f"({settings.attention_scale:g}), or half precision ({settings.precision})"
    )


def _rates(training: Training) -> str:
    return ", ".join(f"{name} {rate:g}" for name, rate in training.learning_rates().items())
