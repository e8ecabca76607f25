"""The command line: python -m cenet_lib {check,data,train,compare,evaluate,predict,inspect}.

It reads the options and hands them to the module in ``commands`` that is called as the command. An
option of ``train`` and ``compare`` is made from each setting.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import CENetError, Interrupted
from .settings import TrainingSettings, setting_kinds

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
CORPUS = "'demo', a file or a folder"


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        What stands after ``python -m cenet_lib``; by default what this process was called with.

    Returns
    -------
    int
        The exit status: 0, 1 for a failed check, 2 for an error, 130 if it was stopped.

    Examples
    --------
    >>> main(["data", "validate", "data/mine"])
    nothing wrong
    0
    """
    for stream in (sys.stdout, sys.stderr):  # an old console knows no arrows; it shall get a "?"
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    if os.environ.get("RANK", "0") != "0":  # of several processes, one speaks
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, for the rest of the process
    try:
        _import_plugins(getattr(options, "plugin", None) or ())
        command = import_module(f".commands.{options.command}", "cenet_lib")
        return command.run(options) or 0
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
    for name, (summary, example, add_options) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(command=name)
        add_options(command)
    return parser


def _check(check: argparse.ArgumentParser) -> None:
    """Add no option: there is nothing to choose."""


def _data(data: argparse.ArgumentParser) -> None:
    actions = data.add_subparsers(required=True, dest="action", metavar="action")
    info = actions.add_parser("info", help="print what is in a corpus")
    info.add_argument("path", nargs="?", default="demo", help=CORPUS)
    convert = actions.add_parser("convert", help="write the safe, memory-mapped form")
    convert.add_argument("source", help=CORPUS)
    convert.add_argument("destination", type=Path, help="a new folder")
    convert.add_argument(
        "--linguistic",
        choices=("offline", "sentiwordnet"),
        help="also look up part-of-speech and polarity ids, and keep them with the words",
    )
    validate = actions.add_parser("validate", help="list what is wrong; exit 1 if anything is")
    validate.add_argument("path", help="a file or a folder")


def _train(train: argparse.ArgumentParser) -> None:
    train.add_argument("--corpus", default="demo", help=CORPUS)
    # Not "--run": torchrun would take it for a short form of its own options.
    train.add_argument("--out", type=Path, help="run folder to write (runs/CORPUS-FUSION)")
    train.add_argument("--recipe", help="settings by name: demo, mosi, mosei, …; or a YAML file")
    train.add_argument("--resume", type=Path, metavar="RUN", help="go on with a stopped run")
    _add_settings(train)
    _add_plugin(train)


def _compare(compare: argparse.ArgumentParser) -> None:
    compare.add_argument("--corpus", default="demo", help=CORPUS)
    compare.add_argument("--out", type=Path, required=True, help="folder of the comparison")
    compare.add_argument("--recipe", help="settings that all share, by name or YAML file")
    compare.add_argument(
        "--k", type=int, nargs="+", metavar="INT", help="size of both vocabularies"
    )
    _add_settings(compare, several=tuple(setting.name for setting in fields(TrainingSettings)))
    _add_plugin(compare)


def _evaluate(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("--run", type=Path, required=True, help="a run folder")
    evaluate.add_argument("--corpus", help="another corpus than the run's own predictions")
    evaluate.add_argument("--split", default="test", choices=("train", "valid", "test"))
    _add_plugin(evaluate)


def _predict(predict: argparse.ArgumentParser) -> None:
    predict.add_argument("--run", type=Path, required=True, help="a run folder")
    predict.add_argument("--corpus", required=True, help=CORPUS)
    predict.add_argument("--out", type=Path, help="a new CSV file; default: print")
    _add_plugin(predict)


def _inspect(inspect: argparse.ArgumentParser) -> None:
    inspect.add_argument("run", type=Path, help="a run folder")
    inspect.add_argument("--out", type=Path, required=True, help="a new HTML file")
    inspect.add_argument("--corpus", help="another corpus than the run's own")
    inspect.add_argument("--utterances", type=int, default=50, help="how many to put in (50)")
    inspect.add_argument("--compare", metavar="RUN2", type=Path, help="a second run, beside it")
    _add_plugin(inspect)


def _add_plugin(parser: argparse.ArgumentParser) -> None:
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
        options: dict[str, Any] = {"help": help.replace("%", "%%"), "default": None}
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


# By name: a summary, an example, and what adds the options.
COMMANDS: dict[str, tuple[str, str, Callable[[argparse.ArgumentParser], None]]] = {
    "check": ("say whether this computer is ready", "python -m cenet_lib check", _check),
    "data": ("look at a corpus, convert it, check it", "see the actions' help", _data),
    "train": ("train a model and write a run folder", "python -m cenet_lib train", _train),
    "compare": (
        "train every combination of some settings and compare them",
        "python -m cenet_lib compare --fusion none ce --seed 0 1 2 --out runs/fusions",
        _compare,
    ),
    "evaluate": ("print every metric of a run", "python -m cenet_lib evaluate --run R", _evaluate),
    "predict": (
        "predict new utterances with a saved run",
        "python -m cenet_lib predict --run runs/demo-ce --corpus demo --out predictions.csv",
        _predict,
    ),
    "inspect": (
        "write a page that shows what each word takes from face and voice",
        "python -m cenet_lib inspect runs/demo-ce --out attention.html",
        _inspect,
    ),
}


if __name__ == "__main__":
    # matplotlib writes a cache of fonts; where home cannot be written to, it complains at length
    if not os.access(Path.home(), os.W_OK):
        os.environ.setdefault("MPLCONFIGDIR", tempfile.mkdtemp(prefix="cenet-"))
    sys.exit(main())
