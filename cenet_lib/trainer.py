"""The Hugging Face Trainer, taught CENet's batches, learning rates and honesty.

What is added to the Trainer: batches of sentences of similar length that are the same on one device
or many; a learning rate per part of the model; metrics on train as it goes; checkpoints that are
known to be whole; and a stop, with the reason, where the loss is no number.
"""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate.utils import gather_object
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from .errors import CENetError
from .metrics import TITLES, evaluate_predictions
from .model import CENet
from .processor import CENetProcessor
from .runs.batches import EpochLoader, LengthGroupedBatches
from .runs.folder import seal, unseal
from .runs.stopping import Patience, Progress, SaveOnSignal
from .settings import TrainingSettings
from .utterance import SPLITS, STREAMS


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
        ``train`` and ``valid``: lists of what the processor makes of utterances. ``test``, if
        given, is watched: evaluated after each epoch, and nothing follows from it.
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
        self.processor = processor
        self.watched = data.get("test", [])
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
        return EpochLoader(
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
        scores = self._score(evaluation.label_ids, predictions)
        return {**scores, **self._attention(), **self._watch()}

    @torch.no_grad()
    def _watch(self) -> dict[str, float]:
        """Return the metrics on the watched test split, under names that no selection uses."""
        labels, predictions = [], []
        self.model.eval()
        for start in range(0, len(self.watched), 64):
            features = self.watched[start : start + 64]
            labels += [f["labels"] for f in features]
            batch = self.processor.inputs(features, self.model.device)
            predictions += self.model(**batch).logits.float().tolist()
        if not labels:
            return {}
        return {f"watched_{name}": v for name, v in self._score(labels, predictions).items()}

    def _attention(self, most: int = 256) -> dict[str, float]:
        """Return the mean entropy of attention, in bits, and the mean share of each code."""
        step = max(1, len(self.eval_dataset) // most)
        features = self.eval_dataset[::step]
        return attention_summary(self.model, self.processor, features)

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
                elif name.startswith("eval_watched_"):
                    row[name.replace("eval_watched_", "test_", 1)] = value
                elif name.startswith("eval_"):
                    row[name.replace("eval_", "valid_", 1)] = value
        table = pd.DataFrame([row for row in rows.values() if "valid_mae" in row])
        # In this order whatever the order of the log, which a checkpoint does not keep.
        metrics = ["mse", *TITLES, *(f"{stream}_entropy" for stream in STREAMS)]
        columns = ["epoch", *(f"{split}_{m}" for split in SPLITS for m in metrics)]
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
def attention_summary(
    model: CENet, processor: CENetProcessor, features: Sequence[dict]
) -> dict[str, float]:
    """Describe what CE attends to, averaged over the tokens of some encoded utterances.

    Returns
    -------
    dict
        For each stream ``<stream>_entropy`` in bits (0: one code; log2 k: all alike) and, where
        attention is over codes, ``<stream>_share_<code>``. Empty if the model does not attend.
    """
    was_training = model.training
    model.eval()
    entropies: dict[str, list[Tensor]] = {stream: [] for stream in STREAMS}
    over_codes: dict[str, list[Tensor]] = {stream: [] for stream in STREAMS}
    for start in range(0, len(features), 64):
        batch = processor.inputs(features[start : start + 64], model.device)
        output = model(**batch, output_attentions=True)
        if output.visual_attention is None:
            break  # nor will it for the rest
        real = batch["attention_mask"].bool()  # (B, T)
        for stream in STREAMS:
            attention = output[f"{stream}_attention"][real].float()  # (tokens, k+1) or (tokens, N)
            attention = attention[attention.sum(-1) > 0]
            entropies[stream].append(torch.special.entr(attention).sum(-1) / math.log(2))
            if model.config.fusion == "ce":  # over frames, each batch has a width of its own
                over_codes[stream].append(attention)
    model.train(was_training)
    summary = {}
    for stream in STREAMS:
        if sum(map(len, entropies[stream])):
            summary[f"{stream}_entropy"] = torch.cat(entropies[stream]).mean().item()
        if sum(map(len, over_codes[stream])):
            shares = torch.cat(over_codes[stream]).mean(0).tolist()
            summary |= {f"{stream}_share_{code}": share for code, share in enumerate(shares)}
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
