"""Training, evaluation and prediction, on the Hugging Face Trainer.

The rules of honest numbers are built in: the checkpoint is chosen on the validation split, and the
test split is looked at once, at the end, with that checkpoint.

A run is a folder:

    config.json        settings, corpus and its fingerprint, versions
    model/             model and processor, as `CENet.from_pretrained` reads them
    history.csv        one row per epoch
    metrics.json       of the chosen checkpoint, on valid and test
    predictions.csv    every utterance: id, split, words, label, prediction
    learning_curves.png, predictions.png
"""

import json
import math
import os
import platform
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import pandas as pd
import torch
import transformers
from tqdm.auto import tqdm
from transformers import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from .errors import CENetError
from .files import atomic_file, refuse_existing
from .metrics import evaluate_predictions, format_metrics
from .model import CENet
from .processor import CENetProcessor
from .utterance import SPLITS, Corpus, Utterance


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides a run, beside the corpus. The defaults suit `demo` on a laptop."""

    # model
    backbone: str = "minilm"  # packaged, or a folder, or a model hub's name
    fusion: str = "ce"  # "none" for words only
    injection_layer: int = 1  # CE stands before this layer
    attention_scale: float = 8.0  # s
    mask_padding: bool = True  # the published code: False
    n_visual_codes: int = 16  # k of the face
    n_acoustic_codes: int = 16  # k of the voice
    linguistic: str | None = None  # source of part-of-speech and polarity ids, if they are used
    max_length: int = 50  # word pieces
    # optimisation
    epochs: int = 3
    batch_size: int = 32
    lr_backbone: float = 1e-4  # the pre-trained part moves slowly,
    lr_fusion: float = 1e-3  # what starts at random moves fast
    lr_head: float = 1e-3
    warmup: float = 0.1  # share of the steps in which the learning rates rise from 0
    weight_decay: float = 0.01  # not on biases and norms
    max_grad_norm: float = 1.0
    seed: int = 0
    # surroundings
    device: str = "auto"  # or "cpu"
    wandb: str = "off"  # or "online", "offline"

    def __post_init__(self):
        positive = ("epochs", "batch_size", "max_length", "n_visual_codes", "n_acoustic_codes")
        for name in positive:
            if getattr(self, name) < 1:
                raise CENetError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("lr_backbone", "lr_fusion", "lr_head", "weight_decay", "max_grad_norm"):
            if not 0 <= getattr(self, name) < math.inf:
                raise CENetError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        if not 0 <= self.warmup <= 1:
            raise CENetError(f"warmup is {self.warmup}; it is a share of the steps, 0 to 1")
        choices = {"device": ("auto", "cpu"), "wandb": ("off", "online", "offline")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise CENetError(
                    f"{name} is {getattr(self, name)!r}; choose one of {', '.join(allowed)}"
                )


@dataclass(frozen=True)
class Run:
    """A finished run, opened from its folder. Model and processor load when first used."""

    folder: Path

    def __post_init__(self):
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / "metrics.json").is_file():
            raise CENetError(
                f"{self.folder}: is not a finished run (metrics.json is missing); "
                "train one with: python -m cenet_lib train --run NAME"
            )

    @cached_property
    def config(self) -> dict:
        """Settings, corpus and versions."""
        return _read_json(self.folder / "config.json")

    @cached_property
    def metrics(self) -> dict:
        """Metrics by split, as saved at the end of training."""
        return _read_json(self.folder / "metrics.json")

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch."""
        return pd.read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Every utterance of the corpus with its label and prediction."""
        return _read_predictions(self.folder / "predictions.csv")

    @cached_property
    def processor(self) -> CENetProcessor:
        """The processor that the model was trained with."""
        return CENetProcessor.from_pretrained(self.folder / "model")

    @cached_property
    def model(self) -> CENet:
        """The chosen checkpoint, in evaluation mode."""
        return CENet.from_pretrained(self.folder / "model", local_files_only=True).eval()


def train(corpus: Corpus, folder: str | Path, settings: TrainingSettings | None = None) -> Run:
    """Train a model on a corpus and write a run folder.

    Parameters
    ----------
    corpus : Corpus
        With non-empty train and valid splits. Utterances without a label are left out.
    folder : str or Path
        Of the run; must not exist.
    settings : TrainingSettings, optional

    Returns
    -------
    Run

    Raises
    ------
    CENetError
        If the folder exists or the corpus cannot be trained on, before anything is written.
    """
    settings = settings or TrainingSettings()
    folder = Path(folder)
    refuse_existing(folder)
    began = time.monotonic()
    transformers.set_seed(settings.seed)
    labelled = {split: _labelled(corpus, split) for split in ("train", "valid")}
    processor, model = build(corpus, settings)
    data = {
        split: [processor(u) for u in tqdm(utterances, desc=f"encode {split}", leave=False)]
        for split, utterances in labelled.items()
    }

    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "config.json", _describe(corpus, settings))
        trainer = CENetTrainer.on(model, processor, data, folder, settings, corpus.label_range)
        trainer.train()
    except BaseException:
        if not any(folder.glob("checkpoints/checkpoint-*")):
            shutil.rmtree(folder, ignore_errors=True)  # nothing in it is worth keeping
        raise

    best_epoch = trainer.best_epoch()
    trainer.model.save_pretrained(folder / "model")
    processor.save_pretrained(folder / "model")
    history = trainer.history()
    _write_csv(history, folder / "history.csv")
    predictions = pd.concat(
        [
            predict(trainer.model, processor, corpus.splits[split], progress=split).assign(
                split=split
            )
            for split in SPLITS
            if len(corpus.splits[split])
        ],
        ignore_index=True,
    )[["id", "split", "words", "label", "prediction"]]
    _write_csv(predictions, folder / "predictions.csv")
    _draw(history, predictions, folder)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    # Last, because it is what makes the run count as finished.
    metrics = {
        **score(predictions, corpus.label_range),
        "best_epoch": best_epoch,
        "seconds": round(time.monotonic() - began, 1),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    _write_json(folder / "metrics.json", metrics)
    return Run(folder)


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
        linguistic=settings.linguistic is not None,
    )
    return processor, model


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
        rows = tqdm(rows, desc=f"predict {progress}", total=total, leave=False)
    return pd.DataFrame(rows, columns=["id", "words", "label", "prediction"])


@torch.inference_mode()
def predict_stream(
    model: CENet,
    processor: CENetProcessor,
    utterances: Iterable[Utterance],
    *,
    batch_size: int = 64,
) -> Iterator[tuple[str, str, float, float]]:
    """Yield ``(id, words, label, prediction)`` per utterance, in order, in bounded memory."""
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
                batch = processor.collate([features[i] for i in rows])
                batch.pop("labels", None)
                batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
                for i, value in zip(rows, model(**batch).logits.tolist(), strict=True):
                    predictions[i] = value
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


class CENetTrainer(Trainer):
    """The Hugging Face Trainer with three learning rates and metrics on train as it goes."""

    def __init__(self, *args, settings: TrainingSettings, label_range, **kwargs):
        self.settings = settings
        self._seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._label_range = label_range
        super().__init__(*args, compute_metrics=self._metrics, **kwargs)

    @classmethod
    def on(
        cls,
        model: CENet,
        processor: CENetProcessor,
        data: dict[str, list[dict]],
        folder: Path,
        settings: TrainingSettings,
        label_range: tuple[float, float] = (-3.0, 3.0),
    ) -> "CENetTrainer":
        """Set up a Trainer for encoded ``train`` and ``valid`` data."""
        if settings.wandb != "off":
            os.environ["WANDB_MODE"] = settings.wandb
            os.environ.setdefault("WANDB_PROJECT", "cenet")
            os.environ.setdefault("WANDB_DIR", str(folder))
        arguments = TrainingArguments(
            output_dir=str(folder / "checkpoints"),
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=settings.batch_size,
            per_device_eval_batch_size=2 * settings.batch_size,
            train_sampling_strategy="group_by_length",
            learning_rate=settings.lr_backbone,
            warmup_steps=settings.warmup,
            lr_scheduler_type="linear",
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            eval_strategy="epoch",
            save_strategy="epoch",
            logging_strategy="epoch",
            save_total_limit=2,
            load_best_model_at_end=True,
            metric_for_best_model="mae",
            greater_is_better=False,
            seed=settings.seed,
            data_seed=settings.seed,
            use_cpu=settings.device == "cpu",
            report_to="none" if settings.wandb == "off" else "wandb",
            run_name=folder.name,
            remove_unused_columns=False,
            logging_nan_inf_filter=False,
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        trainer = cls(
            model=model,
            args=arguments,
            train_dataset=data["train"],
            eval_dataset=data["valid"],
            data_collator=processor.collate,
            settings=settings,
            label_range=label_range,
        )
        trainer.remove_callback(ProgressCallback)
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(EpochLines)
        return trainer

    def create_optimizer(self, model=None) -> torch.optim.Optimizer:
        """Give backbone, fusion and head their own learning rates; spare biases and norms decay."""
        if self.optimizer is None:
            groups = parameter_groups(model or self.model, self.settings)
            self.optimizer = torch.optim.AdamW(groups, fused=True)
        return self.optimizer

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Keep what the model said in training, for the metrics on train."""
        labels = inputs["labels"]
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training:
            self._seen.append((labels.detach(), outputs.logits.detach().float()))
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the metrics on train and the three learning rates to each epoch's log."""
        if "loss" in logs and self._seen:
            labels, predictions = (torch.cat(column).cpu() for column in zip(*self._seen))
            self._seen.clear()
            if torch.isfinite(predictions).all():
                metrics = evaluate_predictions(labels, predictions, self._label_range)
                logs |= {f"train_{name}": value for name, value in metrics.items()}
            for group in self.optimizer.param_groups:
                logs[f"lr_{group['name'].split('/')[0]}"] = group["lr"]
        super().log(logs, start_time)

    def _metrics(self, evaluation) -> dict[str, float]:
        return evaluate_predictions(evaluation.label_ids, evaluation.predictions, self._label_range)

    def history(self) -> pd.DataFrame:
        """Return one row per epoch: losses (MSE), metrics and learning rates."""
        rows: dict[float, dict] = {}
        for entry in self.state.log_history:
            epoch = rows.setdefault(round(entry["epoch"]), {"epoch": round(entry["epoch"])})
            for name, value in entry.items():
                if name == "loss":
                    epoch["train_loss"] = value
                elif name.startswith("eval_"):
                    epoch[name.replace("eval_", "valid_", 1)] = value
                elif name.startswith(("train_", "lr_")):
                    epoch.setdefault(name, value)
        table = pd.DataFrame([row for row in rows.values() if "valid_mae" in row])
        speed = [c for c in table.columns if c.endswith(("_runtime", "_per_second", "_flos"))]
        return table.drop(columns=speed).assign(chosen=table["epoch"] == self.best_epoch())

    def best_epoch(self) -> int:
        """Return the epoch, from 1, with the smallest MAE on valid."""
        scored = [entry for entry in self.state.log_history if "eval_mae" in entry]
        return round(min(scored, key=lambda entry: entry["eval_mae"])["epoch"])


class EpochLines(ProgressCallback):
    """A progress bar, and one readable line per epoch instead of raw dictionaries."""

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Print train and valid side by side once the epoch was evaluated."""
        if not state.is_world_process_zero or not logs:
            return
        if "train_mae" in logs:
            self._train = logs
        elif "eval_mae" in logs and self.training_bar is not None:
            train = getattr(self, "_train", {})
            self.training_bar.write(
                f"epoch {round(logs['epoch'])}/{round(args.num_train_epochs)}   "
                f"train: MSE {train.get('loss', math.nan):.3f}, "
                f"MAE {train.get('train_mae', math.nan):.3f}   "
                f"valid: MSE {logs['eval_loss']:.3f}, MAE {logs['eval_mae']:.3f}, "
                f"Corr {logs['eval_corr']:.3f}"
            )


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


def _labelled(corpus: Corpus, split: str) -> Sequence[Utterance]:
    utterances = [u for u in corpus.split(split) if u.label is not None]
    if not utterances:
        raise CENetError(
            f"{corpus.name}: no utterance of the {split} split has a label; training needs labels"
        )
    return utterances


def _describe(corpus: Corpus, settings: TrainingSettings) -> dict:
    return {
        "settings": asdict(settings),
        "corpus": {
            "name": corpus.name,
            "source": corpus.provenance.get("source", corpus.name),
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


def _draw(history: pd.DataFrame, predictions: pd.DataFrame, folder: Path) -> None:
    from matplotlib.figure import Figure

    from . import plots

    test = predictions[predictions["split"] == "test"]
    shown = test if len(test) else predictions[predictions["split"] == "valid"]
    for name, draw, table, size in (
        ("learning_curves", plots.learning_curves, history, (5.5, 3.6)),
        ("predictions", plots.predicted_against_true, shown, (4.8, 4.8)),
    ):
        figure = Figure(figsize=size, layout="constrained")
        draw(table, ax=figure.subplots())
        with atomic_file(folder / f"{name}.png") as temporary:
            figure.savefig(temporary, format="png", dpi=150)


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with atomic_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def _read_predictions(path: Path) -> pd.DataFrame:
    texts = {"id": str, "split": str, "words": str}
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={"label": [""]})


def _write_json(path: Path, content: dict) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(_plain(content), indent=2) + "\n", encoding="utf-8")


def _plain(value):
    """Replace NaN by null, for which alone JSON has a word."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CENetError(f"{path}: cannot be read ({error}); train the run anew") from error


def summarise(metrics: dict) -> str:
    """Return the metrics of valid and test, one line each."""
    return "\n".join(
        f"{split:<6} {format_metrics(metrics[split])}"
        for split in ("valid", "test")
        if split in metrics
    )
