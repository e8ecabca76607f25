"""The Hugging Face Trainer, taught CENet's batches, learning rates and honesty.

What is added to the Trainer: batches of sentences of similar length that are the same on one device
or many; a learning rate per part of the model; metrics on train as it goes; checkpoints that are
known to be whole; and a stop, with the reason, where the loss is no number.
"""

import math
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate.utils import gather_object, reduce
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler
from tqdm.auto import tqdm
from transformers import Trainer, TrainerCallback, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from .errors import CENetError
from .metrics import TITLES, evaluate_predictions
from .model import CENet
from .processor import CENetProcessor
from .progress import clock, somebody_watches
from .runs import seal, unseal
from .settings import TrainingSettings
from .utterance import STREAMS


class LengthGroupedBatches(Sampler):
    """Batches for one of several processes, of sentences of similar length.

    All processes draw the same batches from the seed and the epoch, and each takes its part, so the
    steps do not depend on how many there are. Padding is what makes a random batch slow: of 64
    sentences one is nearly always long.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each utterance.
    batch_size : int
        Utterances per optimizer step, over all processes.
    group : bool
        Sort by length within windows of 50 batches; otherwise batches are random.
    drop_last : bool
        Leave out the rest that does not fill a batch. Otherwise all batches are nearly equal in
        size, so that no step hears one lonely utterance.
    seed : int
    rank, world, accumulate : int
        Of this process; number of processes; parts that each process makes of its share.

    Raises
    ------
    CENetError
        If a batch is smaller than the number of parts.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        *,
        group: bool = True,
        drop_last: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        accumulate: int = 1,
    ):
        self.lengths = np.asarray(lengths)
        self.group, self.seed = group, seed
        self.rank, self.world, self.accumulate = rank, world, accumulate
        self.epoch = 0
        n = len(self.lengths)
        self.batch_size = min(batch_size, n)
        self.n_batches = n // self.batch_size if drop_last else math.ceil(n / self.batch_size)
        self.n_used = self.n_batches * self.batch_size if drop_last else n
        if self.n_used // self.n_batches < world * accumulate:
            raise CENetError(
                f"batches of {self.n_used // self.n_batches} utterances cannot be split over "
                f"{world} processes × {accumulate} parts; raise batch_size"
            )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n_batches * self.accumulate

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches():
            parts = np.array_split(batch, self.world * self.accumulate)
            for part in parts[self.rank :: self.world]:
                yield part.tolist()

    def batches(self) -> list[np.ndarray]:
        """Return the epoch's batches, before they are split over processes."""
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(len(self.lengths))[: self.n_used]
        if self.group:
            window = 50 * self.batch_size
            for start in range(0, len(order), window):
                piece = order[start : start + window]
                by_length = np.argsort(self.lengths[piece], kind="stable")
                order[start : start + window] = piece[by_length]
        batches = np.array_split(order, self.n_batches)
        return [batches[i] for i in rng.permutation(len(batches))]


class _Epochs(DataLoader):
    """A DataLoader that tells its batch sampler which epoch it is."""

    def set_epoch(self, epoch: int) -> None:
        self.batch_sampler.set_epoch(epoch)


def training_arguments(folder: Path, settings: TrainingSettings) -> TrainingArguments:
    """Translate our settings into the Trainer's."""
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=settings.epochs,
        per_device_eval_batch_size=2 * settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.lr_backbone,
        warmup_steps=settings.warmup,
        lr_scheduler_type="linear",
        max_grad_norm=settings.max_grad_norm,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="mae",
        greater_is_better=False,
        seed=settings.seed,
        use_cpu=settings.device == "cpu",
        bf16=settings.precision == "bf16",
        fp16=settings.precision == "fp16",
        activation_checkpointing=settings.gradient_checkpointing,
        torch_compile=settings.compile,
        report_to="none",  # see tracking.py
        remove_unused_columns=False,
        logging_nan_inf_filter=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=False,
        disable_tqdm=True,  # see Progress
    )


class CENetTrainer(Trainer):
    """Trains a `CENet` on encoded utterances.

    Parameters
    ----------
    model : CENet
    processor : CENetProcessor
    data : dict
        ``train`` and ``valid``: lists of what the processor makes of utterances.
    arguments : TrainingArguments
        From `training_arguments`.
    settings : TrainingSettings
    label_range : (float, float)
    """

    def __init__(
        self,
        model: CENet,
        processor: CENetProcessor,
        data: dict[str, list[dict]],
        arguments: TrainingArguments,
        settings: TrainingSettings,
        label_range: tuple[float, float] = (-3.0, 3.0),
    ):
        self.settings = settings
        self.label_range = label_range
        self.collate = processor.collate
        self._seen: list[tuple[list[float], list[float]]] = []
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=data["train"],
            eval_dataset=sorted(data["valid"], key=lambda f: len(f["input_ids"])),
            data_collator=_collate_with_ids(processor),
            compute_loss_func=_mean_squared_error,
            compute_metrics=self._metrics,
        )
        for callback in (ProgressCallback, PrinterCallback):
            self.remove_callback(callback)
        self.add_callback(Progress())
        self.add_callback(SaveOnSignal(settings.save_every))
        if settings.patience is not None:
            self.add_callback(Patience(settings.patience))

    def get_train_dataloader(self) -> DataLoader:
        """Return this process's batches."""
        sampler = LengthGroupedBatches(
            [len(features["input_ids"]) for features in self.train_dataset],
            self.settings.batch_size,
            group=self.settings.group_by_length,
            drop_last=self.settings.drop_last,
            seed=self.settings.seed,
            rank=self.args.process_index,
            world=self.args.world_size,
            accumulate=self.settings.accumulate,
        )
        return _Epochs(
            self.train_dataset,
            batch_sampler=sampler,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Give backbone, fusion and head their own learning rates; spare biases and norms decay."""
        if self.optimizer is None:
            groups = parameter_groups(model or self.model, self.settings)
            self.optimizer = torch.optim.AdamW(groups, eps=self.settings.adam_epsilon, fused=True)
        return self.optimizer

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Keep what the model said in training; stop where the loss is no number."""
        ids, labels = inputs.pop("ids"), inputs["labels"]
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training:
            if not torch.isfinite(loss):
                self._explain_no_number(loss, ids)
            self._seen.append((labels.tolist(), outputs.logits.detach().float().tolist()))
        return (loss, outputs) if return_outputs else loss

    def _explain_no_number(self, loss: Tensor, ids: list[str]) -> None:
        rates = ", ".join(f"{name} {rate:g}" for name, rate in self._rates().items())
        raise CENetError(
            f"the loss became {loss.item()} at step {self.state.global_step + 1} "
            f"(epoch {math.floor(self.state.epoch or 0) + 1}), on utterances {', '.join(ids)}; "
            f"likely causes: a learning rate that is too high ({rates}), an attention scale that "
            f"is too large ({self.settings.attention_scale:g}), or half precision "
            f"({self.settings.precision})"
        )

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the metrics on train and the learning rates to an epoch's log."""
        if "loss" in logs:
            seen = gather_object(self._seen)
            self._seen = []
            labels, predictions = ([x for part in column for x in part] for column in zip(*seen))
            logs |= {f"train_{n}": v for n, v in self._score(labels, predictions).items()}
            logs |= self._rates()
        super().log(logs, start_time)

    def _rates(self) -> dict[str, float]:
        return {f"lr_{g['name'].split('/')[0]}": g["lr"] for g in self.optimizer.param_groups}

    def _score(self, labels, predictions) -> dict[str, float]:
        mse = float(np.square(np.asarray(labels) - np.asarray(predictions)).mean())
        return {"mse": mse, **evaluate_predictions(labels, predictions, self.label_range)}

    def _metrics(self, evaluation) -> dict[str, float]:
        """Return the metrics on valid, and how CE's attention spreads."""
        predictions = evaluation.predictions
        if not np.isfinite(predictions).all():
            raise CENetError("the model predicts NaN on the valid split; lower the learning rates")
        return {**self._score(evaluation.label_ids, predictions), **self._attention()}

    def _attention(self, most: int = 256) -> dict[str, float]:
        """Return the mean entropy of attention, in bits, and the mean share of each code."""
        step = max(1, len(self.eval_dataset) // most)
        features = self.eval_dataset[::step]
        return attention_summary(self.model, self.collate, features)

    def _save_checkpoint(self, model, trial) -> None:
        """Save, then seal: without its seal a checkpoint does not count."""
        name = f"checkpoint-{self.state.global_step}"
        checkpoint = Path(self.args.output_dir) / name
        try:
            unseal(checkpoint)
            super()._save_checkpoint(model, trial)
            if self._seen:  # in the middle of an epoch
                torch.save(self._seen, checkpoint / self._seen_file())
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                seal(checkpoint)
        except (OSError, RuntimeError, SafetensorError, CENetError) as error:
            shutil.rmtree(checkpoint, ignore_errors=True)
            raise CENetError(
                f"{checkpoint}: could not be saved ({error}); make room on the disk, then go on "
                f"with: python -m cenet_lib train --resume {checkpoint.parents[1]}"
            ) from error

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        seen = Path(checkpoint) / self._seen_file()
        self._seen = torch.load(seen, weights_only=True) if seen.is_file() else []
        self.find_best()

    def find_best(self) -> None:
        """Look for the best checkpoint by its step: the run may have been moved since."""
        if self.state.best_global_step:
            best = Path(self.args.output_dir) / f"checkpoint-{self.state.best_global_step}"
            self.state.best_model_checkpoint = str(best) if best.is_dir() else None

    def _seen_file(self) -> str:
        return f"seen_{self.args.process_index}.pt"

    def history(self) -> pd.DataFrame:
        """Return one row per epoch: metrics on train and valid, attention, learning rates."""
        rows: dict[int, dict] = {}
        for entry in self.state.log_history:
            row = rows.setdefault(round(entry["epoch"]), {"epoch": round(entry["epoch"])})
            for name, value in entry.items():
                if name.startswith("lr_") or (name.startswith("train_") and "loss" in entry):
                    row[name] = value
                elif name.startswith("eval_"):
                    row[name.replace("eval_", "valid_", 1)] = value
        table = pd.DataFrame([row for row in rows.values() if "valid_mae" in row])
        # In this order whatever the order of the log, which a checkpoint does not keep.
        metrics = ["mse", *TITLES, *(f"{stream}_entropy" for stream in STREAMS)]
        columns = ["epoch", *(f"{split}_{m}" for split in ("train", "valid") for m in metrics)]
        columns += [f"lr_{part}" for part in ("backbone", "fusion", "head")]
        table = table[[column for column in columns if column in table]]
        return table.assign(chosen=table["epoch"] == self.best_epoch())

    def best_epoch(self) -> int:
        """Return the epoch, from 1, with the smallest MAE on valid."""
        scored = [entry for entry in self.state.log_history if "eval_mae" in entry]
        return round(min(scored, key=lambda entry: entry["eval_mae"])["epoch"])


def _mean_squared_error(outputs, labels: Tensor, num_items_in_batch=None) -> Tensor:
    """Divide by the utterances of the whole step, so that parts of unequal size weigh right."""
    loss = nn.functional.mse_loss(outputs.logits.float(), labels.view(-1), reduction="sum")
    return loss / (len(labels) if num_items_in_batch is None else num_items_in_batch)


def _collate_with_ids(processor: CENetProcessor):
    def collate(features):
        return {**processor.collate(features), "ids": [f["id"] for f in features]}

    return collate


@torch.no_grad()
def attention_summary(model: CENet, collate, features: Sequence[dict]) -> dict[str, float]:
    """Describe what CE attends to, averaged over the tokens of some encoded utterances.

    Returns
    -------
    dict
        For each stream: ``<stream>_entropy`` in bits (0: one code; log2 k: all alike) and
        ``<stream>_share_<code>``. Empty if the model has no attention.
    """
    was_training = model.training
    model.eval()
    totals: dict[str, list] = {stream: [] for stream in STREAMS}
    for start in range(0, len(features), 64):
        batch = collate(features[start : start + 64])
        batch.pop("labels", None)
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        output = model(**batch, output_attentions=True)
        real = batch["attention_mask"].bool()  # (B, T)
        for stream in STREAMS:
            attention = output.get(f"{stream}_attention")  # (B, T, k+1)
            if attention is not None:
                attention = attention[real].float()  # (tokens, k+1)
                totals[stream].append(attention[attention.sum(-1) > 0])
    model.train(was_training)
    summary = {}
    for stream, parts in totals.items():
        if parts and sum(map(len, parts)):
            attention = torch.cat(parts)
            entropy = torch.special.entr(attention).sum(-1).mean() / math.log(2)
            summary[f"{stream}_entropy"] = entropy.item()
            for code, share in enumerate(attention.mean(0).tolist()):
                summary[f"{stream}_share_{code}"] = share
    return summary


def parameter_groups(model: CENet, settings: TrainingSettings) -> list[dict]:
    """Return AdamW's parameter groups: a learning rate per part, decay on matrices only."""
    rates = {
        "backbone": settings.lr_backbone,
        "fusion": settings.lr_fusion,
        "head": settings.lr_head,
    }
    groups: dict[str, dict] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        part = name.split(".")[0]
        part = part if part in rates else "backbone"  # linguistic embeddings belong to it
        decays = parameter.ndim > 1
        key = f"{part}/{'decay' if decays else 'no decay'}"
        group = groups.setdefault(
            key,
            {
                "name": key,
                "params": [],
                "lr": rates[part],
                "weight_decay": settings.weight_decay if decays else 0.0,
            },
        )
        group["params"].append(parameter)
    return list(groups.values())


class Progress(TrainerCallback):
    """A bar where somebody watches, else a line now and then; and a line per epoch."""

    def __init__(self, every: float = 30.0):
        self.every = every  # seconds between lines
        self._train: dict[str, float] = {}

    def on_train_begin(self, args, state, control, **kwargs):
        """Start the clock."""
        self._first = state.global_step
        self._began = self._last = time.monotonic()
        self._bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc="train",
            unit="step",
            disable=not (state.is_world_process_zero and somebody_watches()),
            leave=False,
        )

    def on_step_end(self, args, state, control, **kwargs):
        """Move on."""
        self._bar.update(1)
        now = time.monotonic()
        if not self._bar.disable or not state.is_world_process_zero:
            return
        if now - self._last >= self.every:
            self._last = now
            gone = now - self._began
            left = gone / (state.global_step - self._first) * (state.max_steps - state.global_step)
            print(
                f"step {state.global_step}/{state.max_steps}, {clock(gone)} gone, "
                f"about {clock(left)} left",
                flush=True,
            )

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Say how the epoch went, once it was evaluated."""
        if not state.is_world_process_zero or not logs:
            return
        if "train_mae" in logs:
            self._train = dict(logs)
        elif "eval_mae" in logs and self._train:
            tqdm.write(
                f"epoch {round(logs['epoch'])}/{round(args.num_train_epochs)}   "
                f"train: MSE {self._train['train_mse']:.3f}, MAE {self._train['train_mae']:.3f}   "
                f"valid: MSE {logs['eval_mse']:.3f}, MAE {logs['eval_mae']:.3f}, "
                f"Corr {logs['eval_corr']:.3f}"
            )

    def on_train_end(self, args, state, control, **kwargs):
        """Clear the bar away."""
        self._bar.close()


class SaveOnSignal(TrainerCallback):
    """Saves and stops on Ctrl-C or a friendly kill; saves every so many steps if asked to.

    The signal only raises a flag; the step that runs is finished first. A second one ends at once.
    """

    def __init__(self, every: int | None = None):
        self.every = every
        self.stopped = False
        self._before: dict[int, object] = {}

    def on_train_begin(self, args, state, control, **kwargs):
        """Listen. Only a main thread can."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._remember)

    def _remember(self, number, frame) -> None:
        self.stopped = True
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def on_step_end(self, args, state, control, **kwargs):
        """Stop if the flag is up, on any process: all must stop at the same step."""
        if args.world_size > 1:
            flag = torch.tensor(float(self.stopped), device=args.device)
            self.stopped = bool(reduce(flag, "sum").item())
        if self.stopped:
            control.should_training_stop = True
        due = self.every is not None and state.global_step % self.every == 0
        # After its last step an epoch is evaluated, and saved then.
        if (self.stopped or due) and not self._ends_epoch(state):
            control.should_save = True

    def on_epoch_end(self, args, state, control, **kwargs):
        """Do not evaluate an epoch that was broken off."""
        if self.stopped and not self._ends_epoch(state):
            control.should_log = control.should_evaluate = control.should_save = False

    @staticmethod
    def _ends_epoch(state: TrainerState) -> bool:
        return state.global_step % (state.max_steps // state.num_train_epochs) == 0

    def on_train_end(self, args, state, control, **kwargs):
        """Listen no more."""
        self._restore()


class Patience(TrainerCallback):
    """Stops when valid MAE has not improved for some epochs.

    It reads the history, which a checkpoint keeps, so that a resumed run stops where it would have.
    """

    def __init__(self, epochs: int):
        self.epochs = epochs

    def on_evaluate(self, args, state, control, **kwargs):
        """Stop if patience has run out."""
        if self.is_over(state):
            control.should_training_stop = True

    def is_over(self, state: TrainerState) -> bool:
        """Tell whether the last so many epochs were no better than one before them."""
        errors = [entry["eval_mae"] for entry in state.log_history if "eval_mae" in entry]
        return len(errors) - 1 - int(np.argmin(errors)) >= self.epochs if errors else False
