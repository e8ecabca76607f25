"""The command line: python -m cenet_lib {check,data,train,compare,evaluate,predict,inspect}."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from .errors import CENetError, Interrupted
from .settings import TrainingSettings, load_recipe, setting_kinds

EXAMPLES = """examples:
  python -m cenet_lib check                            is everything installed?
  python -m cenet_lib train                            CENet on the demo corpus, about 2 minutes
  python -m cenet_lib train --fusion none --seed 0 1 2 words only, three seeds, mean and spread
  python -m cenet_lib train --corpus data/mosi         the same on your copy of MOSI
  python -m cenet_lib compare --fusion none ce --seed 0 1 2 --out runs/fusions
  python -m cenet_lib evaluate --run runs/demo-ce      every metric, on the test split
  python -m cenet_lib predict --run runs/demo-ce --corpus data/new --out new.csv
  python -m cenet_lib inspect runs/demo-ce --out a.html  look into the attention with the mouse
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status: 0, 1 for a failed check, 2 for an error."""
    for stream in (sys.stdout, sys.stderr):  # an old console knows no arrows; it shall get a "?"
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    if os.environ.get("RANK", "0") != "0":  # of several processes, one speaks
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, for the rest of the process
    try:
        _import_plugins(getattr(options, "plugin", None) or ())
        return options.command(options) or 0
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return 130
    except CENetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output, say `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cenet_lib",
        description="Multimodal sentiment analysis with CENet: words, voice and face.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name, run, summary, example):
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=run)
        return sub

    command("check", _check, "say whether this computer is ready", "python -m cenet_lib check")

    data = command("data", None, "look at a corpus, convert it, check it", "see the actions' help")
    actions = data.add_subparsers(required=True, metavar="action")
    info = actions.add_parser("info", help="print what is in a corpus")
    info.add_argument("path", nargs="?", default="demo", help="'demo', a file or a folder")
    info.set_defaults(command=_data_info)
    convert = actions.add_parser("convert", help="write the safe, memory-mapped form")
    convert.add_argument("source", help="'demo', a file or a folder")
    convert.add_argument("destination", type=Path, help="a new folder")
    convert.add_argument(
        "--linguistic",
        choices=("offline", "sentiwordnet"),
        help="also look up part-of-speech and polarity ids, and keep them with the words",
    )
    convert.set_defaults(command=_data_convert)
    validate = actions.add_parser("validate", help="list what is wrong; exit 1 if anything is")
    validate.add_argument("path", help="a file or a folder")
    validate.set_defaults(command=_data_validate)

    train = command(
        "train", _train, "train a model and write a run folder", "python -m cenet_lib train"
    )
    train.add_argument("--corpus", default="demo", help="'demo', a file or a folder")
    # Not "--run": torchrun would take it for a short form of its own options.
    train.add_argument("--out", type=Path, help="run folder to write (runs/CORPUS-FUSION)")
    train.add_argument("--recipe", help="settings by name: demo, mosi, mosei, …; or a YAML file")
    train.add_argument("--resume", type=Path, metavar="RUN", help="go on with a stopped run")
    _add_settings(train)

    compare = command(
        "compare",
        _compare,
        "train every combination of some settings and compare them",
        "python -m cenet_lib compare --fusion none ce --seed 0 1 2 --out runs/fusions",
    )
    compare.add_argument("--corpus", default="demo", help="'demo', a file or a folder")
    compare.add_argument("--out", type=Path, required=True, help="folder of the comparison")
    compare.add_argument("--recipe", help="settings that all share, by name or YAML file")
    compare.add_argument(
        "--k", type=int, nargs="+", metavar="INT", help="size of both vocabularies"
    )
    _add_settings(compare, several=tuple(setting.name for setting in fields(TrainingSettings)))

    evaluate = command(
        "evaluate", _evaluate, "print every metric of a run", "python -m cenet_lib evaluate --run R"
    )
    evaluate.add_argument("--run", type=Path, required=True, help="a run folder")
    evaluate.add_argument("--corpus", help="another corpus than the run's own predictions")
    evaluate.add_argument("--split", default="test", choices=("train", "valid", "test"))

    predict = command(
        "predict",
        _predict,
        "predict new utterances with a saved run",
        "python -m cenet_lib predict --run runs/demo-ce --corpus demo --out predictions.csv",
    )
    predict.add_argument("--run", type=Path, required=True, help="a run folder")
    predict.add_argument("--corpus", required=True, help="'demo', a file or a folder")
    predict.add_argument("--out", type=Path, help="a new CSV file; default: print")

    inspect = command(
        "inspect",
        _inspect,
        "write a page that shows what each word takes from face and voice",
        "python -m cenet_lib inspect runs/demo-ce --out attention.html",
    )
    inspect.add_argument("run", type=Path, help="a run folder")
    inspect.add_argument("--out", type=Path, required=True, help="a new HTML file")
    inspect.add_argument("--corpus", help="another corpus than the run's own")
    inspect.add_argument("--utterances", type=int, default=50, help="how many to put in (50)")
    inspect.add_argument("--compare", metavar="RUN2", type=Path, help="a second run, beside it")
    _add_plugin(train, compare, evaluate, predict, inspect)
    return parser


def _add_plugin(*parsers: argparse.ArgumentParser) -> None:
    for parser in parsers:
        parser.add_argument(
            "--plugin",
            nargs="+",
            metavar="MODULE",
            help="Python modules of your own to import first, such as one that registers a fusion",
        )


def _import_plugins(modules: Iterable[str]) -> None:
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise  # of something that the plugin wants to import
            raise CENetError(
                f"--plugin {module}: there is no such module; give the name of a Python file in "
                "this folder, without its .py"
            ) from None


def _add_settings(parser: argparse.ArgumentParser, several: tuple[str, ...] = ("seed",)) -> None:
    """Add an option per setting; some take several values."""
    for setting in fields(TrainingSettings):
        kinds = [kind for kind in setting_kinds(setting.name) if kind is not type(None)]
        help = f"{setting.metadata['help']} ({setting.default})"
        options = {"help": help.replace("%", "%%"), "default": None}
        if kinds == [bool]:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options |= {"type": kinds[0], "metavar": kinds[0].__name__.upper()}
        if setting.name in several and kinds != [bool]:
            options |= {"nargs": "+"}
        choices = setting.metadata["choices"]
        if isinstance(choices, tuple):
            options |= {"choices": choices, "metavar": None}
        elif choices:  # a list may grow: a plugin can register more
            options["help"] += f"; one of {', '.join(choices)}, or a plugin's"
        parser.add_argument(f"--{setting.name.replace('_', '-')}", **options)


def _check(options) -> int:
    from .course.environment import check_environment

    failed = 0
    for finding in check_environment():
        print(finding, flush=True)
        failed += finding.ok is False
    print("ready" if not failed else f"{failed} to mend")
    return 1 if failed else 0


def _data_info(options) -> None:
    from .corpora import load_corpus
    from .corpora.card import describe

    print(describe(load_corpus(options.path)))


def _data_convert(options) -> None:
    from .corpora import load_corpus
    from .files import refuse_existing

    refuse_existing(options.destination)  # before a long read
    corpus = load_corpus(options.source)
    if options.linguistic is not None:
        from .language.annotators import annotate_corpus, get_annotator
        from .progress import somebody_watches

        annotator = get_annotator(options.linguistic)
        corpus = annotate_corpus(corpus, annotator, progress=somebody_watches())
    corpus.save(options.destination)
    print(f"{options.destination}: {corpus}")


def _data_validate(options) -> int:
    from .corpora.card import problems

    found = problems(options.path)
    for problem in found:
        print(problem)
    print("nothing wrong" if not found else f"{len(found)} to mend")
    return 1 if found else 0


def _train(options) -> None:
    from .files import refuse_existing

    given = {setting.name: getattr(options, setting.name) for setting in fields(TrainingSettings)}
    given = {name: value for name, value in given.items() if value is not None}
    if options.resume is not None:
        if given or options.recipe or options.out:
            raise CENetError("--resume goes on with the run's own settings; give no others")
        from .training import resume

        _report(resume(options.resume))
        return

    recipe = load_recipe(options.recipe) if options.recipe else {}
    seeds = given.pop("seed", [recipe.get("seed", 0)])
    settings = [TrainingSettings(**{**recipe, **given, "seed": seed}) for seed in seeds]
    name = f"{Path(options.corpus).stem}-{settings[0].fusion}"
    folder = options.out or Path("runs") / name
    refuse_existing(folder)

    from .corpora import load_corpus
    from .training import train

    corpus = load_corpus(options.corpus)
    print(corpus)
    runs = []
    for one in settings:
        target = folder if len(settings) == 1 else folder / f"seed{one.seed}"
        print(f"\n{target}: fusion {one.fusion}, seed {one.seed}")
        runs.append(train(corpus, target, one, source=str(options.corpus)))
        _report(runs[-1])
    if len(runs) > 1:
        print(f"\n{_spread(runs)}")


def _compare(options) -> None:
    names = [setting.name for setting in fields(TrainingSettings)] + ["k"]
    given = {name: getattr(options, name) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    axes = {name: value for name, value in given.items() if isinstance(value, list)}
    single = {name: value for name, value in given.items() if name not in axes}
    single |= {name: value[0] for name, value in axes.items() if len(value) == 1}
    axes = {name: value for name, value in axes.items() if len(value) > 1}
    recipe = load_recipe(options.recipe) if options.recipe else {}

    from .corpora import load_corpus
    from .results.experiments import compare, format_summary

    corpus = load_corpus(options.corpus)
    print(corpus)
    comparison = compare(
        corpus, options.out, axes, {**recipe, **single}, source=str(options.corpus)
    )
    print(f"\n{format_summary(comparison)}")
    print(f"\nwritten to {options.out}")


def _report(run) -> None:
    """Print the end of a run: predictions, metrics, where it lies."""
    from .metrics import format_metrics

    _print_predictions(run)
    print(f"\nchosen on valid: epoch {run.metrics['best_epoch']}")
    for split in ("valid", "test"):
        if split in run.metrics:
            print(f"{split:<6} {format_metrics(run.metrics[split])}")
    print(f"written to {os.path.relpath(run.folder)}")


def _print_predictions(run, n: int = 10) -> None:
    """Print the first predictions on test (or valid), as a table."""
    table = run.predictions
    split = "test" if (table["split"] == "test").any() else "valid"
    rows = table[table["split"] == split].head(n).drop(columns="split")
    rows["words"] = [text if len(text) <= 50 else text[:49] + "…" for text in rows["words"]]
    print(f"\nthe first {len(rows)} of {(table['split'] == split).sum()} predictions on {split}:")
    print(rows.to_string(index=False, float_format=lambda x: f"{x:+.2f}", justify="left"))


def _spread(runs) -> str:
    """Return mean ± standard deviation over seeds, per metric, on test (or valid)."""
    import numpy as np

    from .metrics import TITLES

    split = "test" if "test" in runs[0].metrics else "valid"
    lines = [f"{split}, mean ± standard deviation over {len(runs)} seeds:"]
    for name, title in TITLES.items():
        values = [run.metrics[split].get(name) for run in runs]
        if None not in values:
            lines.append(f"  {title:<13} {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}")
    return "\n".join(lines)


def _evaluate(options) -> None:
    from .metrics import TITLES
    from .prediction import evaluate, predict
    from .results.bootstrap import interval
    from .runs.folder import Run

    run = Run(options.run)
    if options.corpus is None:
        table = run.predictions[run.predictions["split"] == options.split]
        label_range = run.config["corpus"]["label_range"]
    else:
        from .corpora import load_corpus

        corpus = load_corpus(options.corpus)
        label_range = corpus.label_range
        table = predict(
            run.model, run.processor, corpus.split(options.split), progress=options.split
        ).assign(split=options.split)
    metrics = evaluate(table, label_range).get(options.split)
    if metrics is None:
        raise CENetError(f"there are no labelled utterances in the {options.split} split")
    known = table.dropna(subset=["label"])
    intervals = interval(known["label"], known["prediction"], label_range)
    print(f"{options.split}, {len(known)} utterances, with 95 % intervals over utterances")
    for name, title in TITLES.items():
        if name in metrics:
            low, high = intervals[name]
            print(f"  {title:<13} {metrics[name]:.3f}   [{low:.3f}, {high:.3f}]")


def _predict(options) -> None:
    import csv

    from .corpora import load_corpus
    from .files import atomic_file, refuse_existing
    from .prediction import predict_stream
    from .runs.folder import Run

    if options.out is not None:
        refuse_existing(options.out)
    run = Run(options.run)
    rows = predict_stream(run.model, run.processor, load_corpus(options.corpus))

    def write(file) -> None:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["id", "words", "label", "prediction"])
        for id, words, label, prediction in rows:
            table.writerow([id, words, "" if label != label else label, f"{prediction:.6f}"])

    if options.out is None:
        write(sys.stdout)
        return
    with atomic_file(options.out) as temporary, open(temporary, "w", encoding="utf-8") as file:
        write(file)
    print(f"written to {options.out}")


def _inspect(options) -> None:
    from .corpora import load_corpus
    from .files import refuse_existing
    from .inspector.widget import AttentionInspector
    from .progress import somebody_watches

    refuse_existing(options.out)
    corpus = None if options.corpus is None else load_corpus(options.corpus)
    inspector = AttentionInspector.from_run(
        options.run, corpus, compare=options.compare, progress=somebody_watches()
    )
    inspector.to_html(options.out, options.utterances)
    print(f"written to {options.out}; open it in a browser")


if __name__ == "__main__":
    # matplotlib writes a cache of fonts; where home cannot be written to, it complains at length
    if not os.access(Path.home(), os.W_OK):
        os.environ.setdefault("MPLCONFIGDIR", tempfile.mkdtemp(prefix="cenet-"))
    sys.exit(main())
