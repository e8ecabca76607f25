"""Comparing ways to train: a grid of runs, and one tidy table with its spread.

Every run is kept under a name made of everything that decides it, so that a comparison that was
stopped goes on, and one that grows only trains what is new. A run that fails is a row that says so.
`cenet_lib.training` trains, `cenet_lib.results.bootstrap` says how sure a difference is, and
`cenet_lib.results.plots` draws.

Selection is on valid only. What selection on test, as in the published code, would have reported is
shown beside it, because the difference is a lesson.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from ..corpus import Corpus
from ..errors import CENetError
from ..files import atomic_file, write_csv
from ..fusion import fusion_class, register_fusion
from ..jobs import Outcome, run_each
from ..metrics import TITLES
from ..runs.folder import Run, is_finished, read_config
from ..runs.precision import settle_precision
from ..settings import TrainingSettings, checked_settings
from ..training import resume, train
from .bootstrap import paired_difference
from .plots import metric_by_variant, theme

# What makes a difference to a fusion only, to every one or to those whose class names it.
_OF_EVERY_FUSION = ("streams", "lr_fusion")
_OF_VOCABULARIES = ("n_visual_codes", "n_acoustic_codes")  # together: "k"
_OF_SOME_FUSION = (
    *("injection_layer", "attention_scale", "mask_padding", "pad_frames_to"),
    *_OF_VOCABULARIES,
)
# What cannot change the result of any run.
_OF_MACHINE = ("device", "save_every", "wandb", "stanford_folder")
# What a summary shows, of the metrics that belong to the labels.
_SHOWN = {
    **{"mae": "MAE", "corr": "Corr", "mae_mmsa": "MAE (MMSA)", "corr_mmsa": "Corr (MMSA)"},
    **{"acc2_has0": "Acc-2 has0", "acc2_non0": "Acc-2 non0", "acc2": "Acc-2"},
}


@dataclass(frozen=True)
class Workforce:
    """Who trains the runs of a comparison.

    Attributes
    ----------
    n_jobs : int
        How many runs are trained at a time, each in a process of its own; several GPUs are dealt
        out to them.
    dask : str or None
        The address of a Dask scheduler whose workers train instead.
    threads : int or None
        How many threads each run computes with; by default its equal part of the cores. Sums of
        floating-point numbers depend on it in their last digits, so comparisons are the same to the
        bit, whoever trains, if this number is the same.

    Examples
    --------
    >>> Workforce(n_jobs=4).is_this_process
    False
    """

    n_jobs: int = 1
    dask: str | None = None
    threads: int | None = None

    @property
    def is_this_process(self) -> bool:
        """Whether all is trained here, one run after the other."""
        return self.n_jobs == 1 and self.dask is None


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

    Examples
    --------
    >>> runs = pd.DataFrame({"fusion": ["ce"], "seed": [0], "status": ["done"]})
    >>> Comparison(runs, summary=pd.DataFrame(), varying=["fusion"]).runs["status"].tolist()
    ['done']
    """

    runs: pd.DataFrame
    summary: pd.DataFrame
    varying: list[str]


def configurations(
    axes: Mapping[str, Sequence[Any]], base: Mapping[str, Any] | None = None
) -> list[TrainingSettings]:
    """Return every combination of the axes' values, without those that come to the same.

    Parameters
    ----------
    axes : mapping of setting to values
        ``"k"`` stands for the sizes of both vocabularies.
    base : mapping, optional
        Settings that all share.

    Examples
    --------
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
    if settings.optimizer == "published":
        idle.discard("lr_fusion")  # it is that of the other parts, and must stay so
    default = TrainingSettings()
    return replace(settings, **{name: getattr(default, name) for name in idle})


def compare(
    corpus: Corpus,
    folder: str | Path,
    axes: Mapping[str, Sequence[Any]],
    base: Mapping[str, Any] | None = None,
    *,
    source: str | None = None,
    report: Callable[[str], object] = print,
    workforce: Workforce | None = None,
) -> Comparison:
    """Train every combination of the axes' values, or take what is there; write and return tables.

    Parameters
    ----------
    corpus : Corpus
        A corpus whose test split has labels.
    folder : str or Path
        The folder that gets ``runs.csv``, ``summary.csv``, ``comparison.png`` and a folder per run.
    axes : mapping of setting to values
        Include ``seed`` for a spread, and the fusion ``"none"`` for the difference to words only.
    base : mapping, optional
        Settings that all share.
    source : str, optional
        What `load_corpus` took.
    report : callable
        What is told how it goes, a line at a time.
    workforce : Workforce, optional
        Who trains; by default this process, one run after the other.

    Raises
    ------
    CENetError
        If the test split is empty or without labels, or a combination is no valid setting.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> base = {"backbone": "models/mine", "n_visual_codes": 3, "n_acoustic_codes": 3, "epochs": 1}
    >>> compare(
    ...     load_corpus("data/mine"), "runs/fusions", {"fusion": ["none", "ce"]}, base
    ... ).summary["fusion"].tolist()
    1/2 none-seed0-...
    epoch 1/1 ...
    2/2 ce-seed0-...
    epoch 1/1 ...
    ['none', 'ce']
    """
    if all(utterance.label is None for utterance in corpus.split("test")):
        raise CENetError(
            f"{corpus.name}: no utterance of the test split has a label; a comparison needs labels"
        )
    folder = Path(folder)
    grid = configurations(axes, base)
    fingerprint = corpus.fingerprint()
    varying = [name for name in axes if name != "seed"]
    targets = [run_folder(folder / "runs", settings, fingerprint, varying) for settings in grid]
    work = list(zip(grid, [target.resolve() for target in targets], strict=True))
    outcomes = _train_all(corpus, source, _all_alike(work), workforce or Workforce(), report)
    rows, runs = [], []
    for settings, outcome in zip(grid, outcomes, strict=True):
        row = {**{name: _value(settings, name) for name in varying}, "seed": settings.seed}
        if outcome.result is None:
            report(f"failed: {outcome.error}")
            rows.append({**row, "status": "failed", "error": outcome.error})
            continue
        runs.append((row, outcome.result))
        rows.append({**row, "status": "done", "error": "", **_results(outcome.result)})
    table = pd.DataFrame(rows)
    summary = summary_table(runs, varying)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "runs.csv", table)
    write_csv(folder / "summary.csv", summary)
    if len(summary):
        with atomic_file(folder / "comparison.png") as temporary:
            draw(table, varying).savefig(temporary, format="png", dpi=150)
    return Comparison(table, summary, varying)


def _all_alike(
    work: Sequence[tuple[TrainingSettings, Path]],
) -> list[tuple[TrainingSettings, Path]]:
    """Settle the precision once for all runs that leave it open: as the first that has begun."""
    left_open = [(settings, folder) for settings, folder in work if settings.precision == "auto"]
    if not left_open:
        return list(work)
    begun = [precision for _, folder in left_open if (precision := _precision_of(folder))]
    precision = begun[0] if begun else settle_precision(left_open[0][0]).precision
    return [
        (replace(settings, precision=precision) if settings.precision == "auto" else settings, at)
        for settings, at in work
    ]


def _precision_of(folder: Path) -> str | None:
    """Return the precision of a run that has begun; whoever opens a damaged one says what it is."""
    with suppress(CENetError):
        settings = checked_settings(read_config(folder, "train it anew")["settings"], folder)
        return None if settings.precision == "auto" else settings.precision
    return None


def _train_all(
    corpus: Corpus,
    source: str | None,
    work: Sequence[tuple[TrainingSettings, Path]],
    workforce: Workforce,
    report: Callable[[str], object],
) -> Iterator[Outcome[tuple[TrainingSettings, Path], Run]]:
    """Train each run, in this process or by others, and yield what came of it, in order."""
    names = {target: f"{n}/{len(work)} {target.name}" for n, (_, target) in enumerate(work, 1)}
    if workforce.is_this_process:

        def announced(one: tuple[TrainingSettings, Path]) -> Run:
            report(f"\n{names[one[1]]}")
            return _train_one(corpus, source, workforce.threads, one)

        yield from run_each(announced, work)
        return
    own = {name: fusion_class(name) for name in {settings.fusion for settings, _ in work}}
    train_there = partial(_train_elsewhere, own, corpus, source, workforce.threads)
    gpus = [str(i) for i in range(torch.cuda.device_count())]
    for outcome in run_each(
        train_there,
        work,
        n_jobs=workforce.n_jobs,
        dask=workforce.dask,
        gpus=gpus if len(gpus) > 1 else (),
    ):
        report(names[outcome.thing[1]])
        yield outcome


def _train_elsewhere(
    fusions: Mapping[str, Any],
    corpus: Corpus,
    source: str | None,
    threads: int | None,
    one: tuple[TrainingSettings, Path],
) -> Run:
    """Train in a process that knows only the package's own fusions, and say nothing."""
    for name, fusion in fusions.items():
        if fusion is not None:
            register_fusion(name, fusion)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return _train_one(corpus, source, threads, one)


def _train_one(
    corpus: Corpus,
    source: str | None,
    threads: int | None,
    one: tuple[TrainingSettings, Path],
) -> Run:
    """Open a run, go on with it, or train it, whatever is left to do."""
    settings, folder = one
    if is_finished(folder):
        return Run(folder)
    if threads is not None:
        torch.set_num_threads(threads)
    if (folder / "config.json").is_file():
        return resume(folder, corpus)
    return train(corpus, folder, settings, source=source)


def run_folder(
    folder: Path, settings: TrainingSettings, fingerprint: str, varying: Sequence[str] = ()
) -> Path:
    """Return where a run of these settings lies among others, or would lie.

    The end of its name decides, so that two comparisons in one folder share runs, whatever varies.

    Parameters
    ----------
    folder : Path
        The folder of all runs.
    settings, fingerprint, varying
        They are what `run_name` takes.

    Examples
    --------
    >>> run_folder(Path("runs"), TrainingSettings(), fingerprint="5f0c").parent.name
    'runs'
    """
    name = run_name(settings, fingerprint, varying)
    known = sorted(folder.glob(f"*-{name.rpartition('-')[2]}"))
    return known[0] if known else folder / name


def run_name(settings: TrainingSettings, fingerprint: str, varying: Sequence[str] = ()) -> str:
    """Return a name that is readable at its front and unique by its end.

    Parameters
    ----------
    settings : TrainingSettings
        The settings of the run.
    fingerprint : str
        The corpus's, see `Corpus.fingerprint`.
    varying : sequence of str
        The settings whose values stand at the front.

    Examples
    --------
    >>> run_name(TrainingSettings(fusion="late", seed=3), "5f0c", ["fusion"])
    'late-seed3-...'
    """
    decides = {k: v for k, v in asdict(settings).items() if k not in _OF_MACHINE}
    content = json.dumps([decides, fingerprint], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:10]
    front = "-".join(str(_value(settings, name)) for name in varying)
    front = "".join(c if c.isalnum() or c in "-." else "_" for c in front)[:60]
    return f"{front}-seed{settings.seed}-{digest}".lstrip("-")


def _value(settings: TrainingSettings, name: str) -> Any:
    value = getattr(settings, _OF_VOCABULARIES[0] if name == "k" else name)
    return "none" if value is None else value  # as on the command line; a table takes None for NaN


def _results(run: Run) -> dict[str, float]:
    splits = ("valid", "test")
    row = {f"{s}_{name}": value for s in splits for name, value in _metrics(run, s).items()}
    if "test_mae" in run.history:
        best = run.history.iloc[run.history["test_mae"].argmin()]
        names = _metrics(run, "test")
        row |= {f"test_chosen_on_test_{name}": best[f"test_{name}"] for name in names}
    seconds, epoch = run.metrics["seconds"], run.metrics["best_epoch"]
    return {**row, "best_epoch": epoch, "seconds": seconds}


def _metrics(run: Run, split: str) -> dict[str, float]:
    """Return the metrics of a split; NaN, for which JSON has no word, where one is not defined."""
    found = run.metrics[split]
    return {m: np.nan if found[m] is None else found[m] for m in TITLES if m in found}


def summary_table(
    runs: Sequence[tuple[Mapping[str, Any], Run]], varying: Sequence[str]
) -> pd.DataFrame:
    """Return mean and spread per configuration, and the difference to words only.

    Parameters
    ----------
    runs : sequence of (row, Run)
        The finished runs; the row of each holds the varying settings and the seed.
    varying : sequence of str
        The settings that vary, without the seed.

    Examples
    --------
    >>> run = Run("runs/mine")
    >>> row = {"fusion": "ce", "seed": run.config["settings"]["seed"]}
    >>> summary_table([(row, run)], ["fusion"])["n"].tolist()  # one seed
    [1]
    """
    groups: dict[tuple[Any, ...], dict[int, Run]] = {}
    for row, run in runs:
        groups.setdefault(tuple(row[name] for name in varying), {})[row["seed"]] = run
    words_only = next((by_seed for by_seed in groups.values() if _is_words_only(by_seed)), None)
    table = []
    for values, by_seed in groups.items():
        entry = {**dict(zip(varying, values, strict=True)), "n": len(by_seed)}
        results = pd.DataFrame([_results(run) for run in by_seed.values()])
        for metric in _metrics(next(iter(by_seed.values())), "test"):
            entry[f"{metric}_mean"] = results[f"test_{metric}"].mean()
            entry[f"{metric}_std"] = results[f"test_{metric}"].std(ddof=1)
        if "test_chosen_on_test_mae" in results:
            optimism = results["test_mae"] - results["test_chosen_on_test_mae"]
            entry["optimism_mae"] = optimism.mean()
        if words_only is not None and by_seed is not words_only:
            entry |= _gains(by_seed, words_only)
        table.append(entry)
    return pd.DataFrame(table)


def _gains(by_seed: Mapping[int, Run], words_only: Mapping[int, Run]) -> dict[str, float]:
    """Return how much better runs are than those on words only, over the seeds that both have."""
    shared = [seed for seed in by_seed if seed in words_only]
    if not shared:
        return {}
    labels, predictions = _test_predictions([by_seed[seed] for seed in shared])
    _, baseline = _test_predictions([words_only[seed] for seed in shared])
    label_range = tuple(words_only[shared[0]].config["corpus"]["label_range"])
    found = paired_difference(labels, predictions, baseline, label_range)
    gains: dict[str, float] = {}
    for metric, (gain, low, high) in found.items():
        gains |= {f"{metric}_gain": gain}
        gains |= {f"{metric}_gain_low": low, f"{metric}_gain_high": high}
    return gains


def _is_words_only(by_seed: Mapping[int, Run]) -> bool:
    run = next(iter(by_seed.values()))
    return fusion_class(run.config["settings"]["fusion"]) is None


def _test_predictions(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (N,) and predictions (S, N) on test."""
    tables = [run.predictions.query("split == 'test'").dropna(subset=["label"]) for run in runs]
    return tables[0]["label"].to_numpy(), np.stack([t["prediction"].to_numpy() for t in tables])


def format_summary(comparison: Comparison) -> str:
    """Return the summary as a Markdown table, ready for a README.

    Examples
    --------
    >>> scores = {"mae": 0.7, "corr": 0.8, "acc2_has0": 0.82, "acc2_non0": 0.84}
    >>> row = {"fusion": "ce", "n": 1, **{f"{name}_mean": x for name, x in scores.items()}}
    >>> runs = pd.DataFrame({"status": ["done"]})
    >>> print(format_summary(Comparison(runs, pd.DataFrame([row]), ["fusion"])).splitlines()[-1])
    | ce | 1 | 0.700 | 0.800 | 0.820 | 0.840 |  |  |
    """
    summary, varying = comparison.summary, comparison.varying
    titles = {name: title for name, title in _SHOWN.items() if f"{name}_mean" in summary}
    header = [*varying, "seeds", *titles.values(), "MAE − words only [95 %]", "optimism in MAE"]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in summary.to_dict("records"):
        cells = [str(row[name]) for name in varying] + [str(row["n"])]
        for metric in titles:
            mean, spread = row[f"{metric}_mean"], row.get(f"{metric}_std", np.nan)
            told = "not defined" if np.isnan(mean) else f"{mean:.3f}"
            cells.append(told if np.isnan(spread) else f"{told} ± {spread:.3f}")
        gain = row.get("mae_gain", np.nan)
        low, high = row.get("mae_gain_low"), row.get("mae_gain_high")
        cells.append("" if np.isnan(gain) else f"{gain:+.3f} [{low:+.3f}, {high:+.3f}]")
        cells.append(f"{row['optimism_mae']:.3f}" if "optimism_mae" in row else "")
        lines.append("| " + " | ".join(cells) + " |")
    failed = (comparison.runs["status"] == "failed").sum()
    return "\n".join(lines) + (f"\n\n{failed} runs failed, see runs.csv" if failed else "")


@theme()
def draw(runs: pd.DataFrame, varying: Sequence[str]) -> Figure:
    """Return a figure of MAE and Corr on test: each seed of each configuration, and their mean.

    Parameters
    ----------
    runs : DataFrame
        A row per run, as in `Comparison`.
    varying : sequence of str
        The settings that vary, without the seed.

    Examples
    --------
    >>> metrics = {"test_mae": [0.98, 0.69], "test_corr": [0.6, 0.8]}
    >>> figure = draw(pd.DataFrame({"fusion": ["none", "ce"], **metrics}), ["fusion"])
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['none', 'ce']
    """
    names = runs[list(varying)].astype(str).agg(", ".join, axis=1) if varying else "run"
    table = runs.assign(configuration=names)
    n = table["configuration"].nunique()
    figure = Figure(figsize=(8, 1.6 + 0.4 * n), layout="constrained")
    for ax, metric in zip(figure.subplots(1, 2, sharey=True), ("mae", "corr"), strict=True):
        metric_by_variant(table, ax=ax, by="configuration", metric=f"test_{metric}")
    figure.axes[1].set_ylabel("")
    return figure
