"""Comparing ways to train: a grid of runs, and one tidy table with its spread.

Every run is kept under a name made of everything that decides it, so that a comparison that was
stopped goes on, and one that grows only trains what is new. A run that fails is a row that says so.
Selection is on valid only. What selection on test, as in the published code, would have reported is
shown beside it, because the difference is a lesson.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..corpus import Corpus
from ..errors import CENetError, Interrupted
from ..files import atomic_file, write_csv
from ..fusion import fusion_class
from ..runs.folder import Run, is_finished
from ..settings import TrainingSettings
from ..training import resume, train
from .bootstrap import paired_difference
from .plots import metric_by_variant, theme

# What makes a difference to a fusion only, to every one or to those whose class names it.
_OF_EVERY_FUSION = ("streams", "lr_fusion")
_OF_SOME_FUSION = ("injection_layer", "attention_scale", "mask_padding", "pad_frames_to")
_OF_SOME_FUSION += ("n_visual_codes", "n_acoustic_codes")
_OF_VOCABULARIES = ("n_visual_codes", "n_acoustic_codes")  # together: "k"
# What cannot change the result of any run.
_OF_MACHINE = ("device", "save_every", "wandb")
METRICS = ("mae", "corr", "acc2_has0", "acc2_non0", "f1_non0", "acc5", "acc7")


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    runs : DataFrame
        A row per run: the settings that vary, ``seed``, ``status`` (``done`` or ``failed``),
        ``error``, metrics as ``valid_…`` and ``test_…``, and ``test_chosen_on_test_…``.
    summary : DataFrame
        A row per configuration: ``n`` seeds, ``…_mean`` and ``…_std`` of each metric on test,
        ``optimism_mae`` (how much lower the MAE would seem if the epoch were chosen on test), and
        the difference to words only with its interval: ``…_gain``, ``…_gain_low``, ``…_gain_high``.
    varying : list of str
        The settings that vary, without the seed.
    """

    runs: pd.DataFrame
    summary: pd.DataFrame
    varying: list[str]


def configurations(
    axes: Mapping[str, Sequence], base: Mapping | None = None
) -> list[TrainingSettings]:
    """Return every combination of the axes' values, without those that come to the same.

    Parameters
    ----------
    axes : mapping of setting to values
        ``"k"`` stands for the sizes of both vocabularies.
    base : mapping, optional
        Settings that all share.

    >>> axes = {"fusion": ["none", "ce"], "attention_scale": [1.0, 8.0]}
    >>> [(s.fusion, s.attention_scale) for s in configurations(axes)]
    [('none', 8.0), ('ce', 1.0), ('ce', 8.0)]
    """
    found: dict[TrainingSettings, None] = {}
    for values in product(*axes.values()):
        chosen = {**(base or {}), **dict(zip(axes, values, strict=True))}
        if "k" in chosen:
            chosen |= dict.fromkeys(_OF_VOCABULARIES, chosen.pop("k"))
        settings = TrainingSettings(**{**chosen, "watch_test": True})
        found[_without_idle_settings(settings)] = None
    return list(found)


def _without_idle_settings(settings: TrainingSettings) -> TrainingSettings:
    """Set back what makes no difference to the fusion, so that equal runs are equal settings."""
    fusion = fusion_class(settings.fusion)
    heard = () if fusion is None else (*_OF_EVERY_FUSION, *fusion.settings)
    idle = {*_OF_EVERY_FUSION, *_OF_SOME_FUSION} - set(heard)
    default = TrainingSettings()
    return replace(settings, **{name: getattr(default, name) for name in idle})


def compare(
    corpus: Corpus,
    folder: str | Path,
    axes: Mapping[str, Sequence],
    base: Mapping | None = None,
    *,
    source: str | None = None,
    report=print,
) -> Comparison:
    """Train every combination of the axes' values, or take what is there; write and return tables.

    Parameters
    ----------
    corpus : Corpus
        With a test split that has labels.
    folder : str or Path
        Gets ``runs.csv``, ``summary.csv``, ``comparison.png`` and a folder per run.
    axes : mapping of setting to values
        Include ``seed`` for a spread, and the fusion ``"none"`` for the difference to words only.
    base : mapping, optional
        Settings that all share.
    source : str, optional
        What `load_corpus` took.
    report : callable
        Told how it goes.

    Raises
    ------
    CENetError
        If the corpus has no test split, or a combination is no valid setting.
    """
    corpus.split("test")
    folder = Path(folder)
    grid = configurations(axes, base)
    fingerprint = corpus.fingerprint()
    varying = [name for name in axes if name != "seed"]
    rows, runs = [], []
    for number, settings in enumerate(grid, start=1):
        target = run_folder(folder / "runs", settings, fingerprint, varying)
        row = {**{name: _value(settings, name) for name in varying}, "seed": settings.seed}
        report(f"\n{number}/{len(grid)} {target.name}")
        try:
            if is_finished(target):
                run = Run(target)
            elif (target / "config.json").is_file():
                run = resume(target, corpus)
            else:
                run = train(corpus, target, settings, source=source)
        except Interrupted:
            raise
        except (CENetError, RuntimeError) as error:
            report(f"failed: {error}")
            rows.append({**row, "status": "failed", "error": str(error)})
            continue
        runs.append((row, run))
        rows.append({**row, "status": "done", "error": "", **_results(run)})
    table = pd.DataFrame(rows)
    summary = summary_table(runs, varying)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "runs.csv", table)
    write_csv(folder / "summary.csv", summary)
    if len(summary):
        with atomic_file(folder / "comparison.png") as temporary:
            draw(table, varying).savefig(temporary, format="png", dpi=150)
    return Comparison(table, summary, varying)


def run_folder(
    folder: Path, settings: TrainingSettings, fingerprint: str, varying: Sequence[str] = ()
) -> Path:
    """Return where a run of these settings lies among others, or would lie.

    The end of its name decides, so that two comparisons in one folder share runs, whatever varies.
    """
    name = run_name(settings, fingerprint, varying)
    known = sorted(folder.glob(f"*-{name.rpartition('-')[2]}"))
    return known[0] if known else folder / name


def run_name(settings: TrainingSettings, fingerprint: str, varying: Sequence[str] = ()) -> str:
    """Return a name that is readable at its front and unique by its end."""
    decides = {k: v for k, v in asdict(settings).items() if k not in _OF_MACHINE}
    content = json.dumps([decides, fingerprint], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:10]
    front = "-".join(str(_value(settings, name)) for name in varying)
    front = "".join(c if c.isalnum() or c in "-." else "_" for c in front)[:60]
    return f"{front}-seed{settings.seed}-{digest}".lstrip("-")


def _value(settings: TrainingSettings, name: str):
    return getattr(settings, _OF_VOCABULARIES[0] if name == "k" else name)


def _results(run: Run) -> dict[str, float]:
    row = {f"{split}_{m}": run.metrics[split][m] for split in ("valid", "test") for m in METRICS}
    if "test_mae" in run.history:
        best = run.history.loc[run.history["test_mae"].idxmin()]
        row |= {f"test_chosen_on_test_{m}": best[f"test_{m}"] for m in METRICS}
    seconds, epoch = run.metrics["seconds"], run.metrics["best_epoch"]
    return {**row, "best_epoch": epoch, "seconds": seconds}


def summary_table(runs: Sequence[tuple[dict, Run]], varying: Sequence[str]) -> pd.DataFrame:
    """Return mean and spread per configuration, and the difference to words only.

    Parameters
    ----------
    runs : sequence of (row, Run)
        The row holds the varying settings and the seed.
    varying : sequence of str
    """
    groups: dict[tuple, dict[int, Run]] = {}
    for row, run in runs:
        groups.setdefault(tuple(row[name] for name in varying), {})[row["seed"]] = run
    words_only = next((by_seed for by_seed in groups.values() if _is_words_only(by_seed)), None)
    table = []
    for values, by_seed in groups.items():
        entry = {**dict(zip(varying, values, strict=True)), "n": len(by_seed)}
        results = pd.DataFrame([_results(run) for run in by_seed.values()])
        for metric in METRICS:
            entry[f"{metric}_mean"] = results[f"test_{metric}"].mean()
            entry[f"{metric}_std"] = results[f"test_{metric}"].std(ddof=1)
        if "test_chosen_on_test_mae" in results:
            gain = results["test_mae"] - results["test_chosen_on_test_mae"]
            entry["optimism_mae"] = gain.mean()
        shared = [seed for seed in by_seed if words_only is not None and seed in words_only]
        if shared and by_seed is not words_only:
            labels, predictions = _test_predictions([by_seed[seed] for seed in shared])
            _, baseline = _test_predictions([words_only[seed] for seed in shared])
            for metric, (gain, low, high) in paired_difference(
                labels, predictions, baseline
            ).items():
                entry |= {f"{metric}_gain": gain}
                entry |= {f"{metric}_gain_low": low, f"{metric}_gain_high": high}
        table.append(entry)
    return pd.DataFrame(table)


def _is_words_only(by_seed: dict[int, Run]) -> bool:
    run = next(iter(by_seed.values()))
    return fusion_class(run.config["settings"]["fusion"]) is None


def _test_predictions(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (N,) and predictions (S, N) on test."""
    tables = [run.predictions.query("split == 'test'").dropna(subset=["label"]) for run in runs]
    return tables[0]["label"].to_numpy(), np.stack([t["prediction"].to_numpy() for t in tables])


def format_summary(comparison: Comparison) -> str:
    """Return the summary as a Markdown table, ready for a README."""
    summary, varying = comparison.summary, comparison.varying
    titles = {"mae": "MAE", "corr": "Corr", "acc2_has0": "Acc-2 has0", "acc2_non0": "Acc-2 non0"}
    header = [*varying, "seeds", *titles.values(), "MAE − words only [95 %]", "optimism in MAE"]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in summary.to_dict("records"):
        cells = [str(row[name]) for name in varying] + [str(row["n"])]
        for metric in titles:
            spread = f" ± {row[f'{metric}_std']:.3f}" if row["n"] > 1 else ""
            cells.append(f"{row[f'{metric}_mean']:.3f}{spread}")
        gain = row.get("mae_gain", np.nan)
        low, high = row.get("mae_gain_low"), row.get("mae_gain_high")
        cells.append("" if np.isnan(gain) else f"{gain:+.3f} [{low:+.3f}, {high:+.3f}]")
        cells.append(f"{row['optimism_mae']:.3f}" if "optimism_mae" in row else "")
        lines.append("| " + " | ".join(cells) + " |")
    failed = (comparison.runs["status"] == "failed").sum()
    return "\n".join(lines) + (f"\n\n{failed} runs failed, see runs.csv" if failed else "")


@theme()
def draw(runs: pd.DataFrame, varying: Sequence[str]) -> Figure:
    """Return a figure of MAE and Corr on test: each seed of each configuration, and their mean."""
    names = runs[list(varying)].astype(str).agg(", ".join, axis=1) if varying else "run"
    table = runs.assign(configuration=names)
    n = table["configuration"].nunique()
    figure = Figure(figsize=(8, 1.6 + 0.4 * n), layout="constrained")
    for ax, metric in zip(figure.subplots(1, 2, sharey=True), ("mae", "corr"), strict=True):
        metric_by_variant(table, ax=ax, by="configuration", metric=f"test_{metric}")
    figure.axes[1].set_ylabel("")
    return figure
