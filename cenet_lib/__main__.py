"""The command line: python -m cenet_lib {check,data,train,compare,evaluate,predict,inspect}.

It reads the options and hands them to the module in ``commands`` that is called as the command. An
option of ``train`` and ``compare`` is made from each setting.
"""

import argparse
import errno
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from .errors import CENetError, Interrupted
from .settings import TrainingSettings, setting_kinds
from .startup import spare_searches
from .terminal import one_line, printable_output

EXAMPLES = """examples:
  python -m cenet_lib check                            is everything installed?
  python -m cenet_lib train                            CENet on the demo corpus, about 2 minutes
  python -m cenet_lib train --fusion none --seed 0 1 2 words only, three seeds, mean and spread
  python -m cenet_lib train --corpus data/mosi         the same on your copy of MOSI
  python -m cenet_lib compare --fusion none ce --seed 0 1 2 --out runs/fusions
  python -m cenet_lib evaluate --run runs/demo-ce      every metric, on the test split
  python -m cenet_lib predict --run runs/demo-ce --corpus data/new --out new.csv
  python -m cenet_lib inspect runs/demo-ce --out a.html  look into the attention with the mouse
  python -m cenet_lib data from-videos films data/mine   a corpus of films of your own
"""
CORPUS = "'demo', 'demo-irony', a file or a folder"


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
    try:
        options = _parser().parse_args(arguments)
        if os.environ.get("RANK", "0") != "0":  # of several processes, one speaks
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, for the rest of the process
        with printable_output():
            _import_plugins(getattr(options, "plugin", None) or ())
            command = import_module(f".commands.{options.command}", "cenet_lib")
            status = command.run(options) or 0
            sys.stdout.flush()  # here, where a full disk can be told
            return status
    except Interrupted as stop:
        print(one_line(str(stop)), file=sys.stderr)
        return 130
    except CENetError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output, say `head`, has seen enough
        _drop_output()
        return 0
    except OSError as error:  # of files it is told as a `CENetError`; what is left is the output
        if error.errno != errno.ENOSPC:
            raise
        _drop_output()
        print("error: the disk that the output goes to is full; make room on it", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _drop_output() -> None:
    """Let what still waits to be printed go nowhere, so that it is not tried again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong as everything else here does: in one line."""

    def error(self, message: str) -> NoReturn:
        raise CENetError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
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


def _lesson(lesson: argparse.ArgumentParser) -> None:
    actions = lesson.add_subparsers(required=True, dest="action", metavar="action")
    start = actions.add_parser("start", help="copy the notebooks into a folder of your own")
    start.add_argument("folder", type=_some_path, help="a new folder, to work in")


def _data(data: argparse.ArgumentParser) -> None:
    actions = data.add_subparsers(required=True, dest="action", metavar="action")
    info = actions.add_parser("info", help="print what is in a corpus")
    info.add_argument("path", type=_some_text, nargs="?", default="demo", help=CORPUS)
    _add_reading(info)
    convert = actions.add_parser("convert", help="write the safe, memory-mapped form")
    convert.add_argument("source", type=_some_text, help=CORPUS)
    convert.add_argument("destination", type=_some_path, help="a new folder")
    _add_reading(convert)
    convert.add_argument(
        "--linguistic",
        choices=("offline", "sentiwordnet", "stanford"),
        help="also look up part-of-speech and polarity ids, and keep them with the words; ids that "
        "came with the corpus give way",
    )
    convert.add_argument(
        "--stanford-folder", type=Path, help="where the Stanford tagger lies (CENET_STANFORD)"
    )
    codes = actions.add_parser(
        "codes", help="fit vocabularies on a collection in many stores, and count its codes"
    )
    codes.add_argument(
        "shards", type=_some_text, nargs="+", help="folders of stored corpora, or patterns"
    )
    codes.add_argument("destination", type=_some_path, help="a folder for vocabularies and counts")
    codes.add_argument(
        "--k", type=_at_least_one, default=16, metavar="INT", help="size of both vocabularies (16)"
    )
    _add_jobs(codes)
    merge = actions.add_parser("merge", help="write one corpus of several with the same channels")
    merge.add_argument("corpora", type=_some_text, nargs="+", help=CORPUS)
    merge.add_argument("destination", type=_some_path, help="a new folder")
    _add_reading(merge)
    _from_videos(actions.add_parser("from-videos", help="make a corpus of films of your own"))
    validate = actions.add_parser("validate", help="list what is wrong; exit 1 if anything is")
    validate.add_argument("path", type=_some_text, help="a file or a folder")
    _add_label_range(validate)
    _add_video_from(validate)


def _from_videos(films: argparse.ArgumentParser) -> None:
    films.add_argument(
        "folder",
        type=_some_path,
        help="films, and clips.csv with the columns file,text,label,speaker; or a text beside each",
    )
    films.add_argument("destination", type=_some_path, help="a new folder")
    _add_listening(films)
    films.add_argument(
        "--seed", type=int, default=0, metavar="INT", help="of the splits, if none are given (0)"
    )
    _add_label_range(films)
    _add_jobs(films)


def _train(train: argparse.ArgumentParser) -> None:
    train.add_argument(
        "--corpus", type=_some_text, help=f"{CORPUS} (demo); with --resume, where it is now"
    )
    _add_reading(train)
    # Not "--run": torchrun would take it for a short form of its own options.
    train.add_argument("--out", type=_some_path, help="run folder to write (runs/CORPUS-FUSION)")
    train.add_argument("--recipe", help="settings by name: demo, mosi, mosei, …; or a YAML file")
    train.add_argument("--resume", type=_some_path, metavar="RUN", help="go on with a stopped run")
    _add_settings(train)
    _add_plugin(train)


def _compare(compare: argparse.ArgumentParser) -> None:
    compare.add_argument("--corpus", type=_some_text, default="demo", help=CORPUS)
    _add_reading(compare)
    compare.add_argument("--out", type=_some_path, required=True, help="folder of the comparison")
    compare.add_argument("--recipe", help="settings that all share, by name or YAML file")
    compare.add_argument(
        "--k",
        type=int,
        nargs="+",
        action="extend",
        default=argparse.SUPPRESS,
        metavar="INT",
        help="size of both vocabularies",
    )
    _add_jobs(compare)
    compare.add_argument(
        "--threads",
        type=_at_least_one,
        metavar="INT",
        help="threads of each run (an equal part of the cores); tables are the same to the bit, "
        "whatever the number of jobs, if this is the same",
    )
    _add_settings(compare, several=tuple(setting.name for setting in fields(TrainingSettings)))
    _add_plugin(compare)


def _evaluate(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("--run", type=_some_path, required=True, help="a run folder")
    evaluate.add_argument(
        "--corpus", type=_some_text, help="another corpus than the run's own predictions"
    )
    _add_reading(evaluate)
    evaluate.add_argument("--split", default="test", choices=("train", "valid", "test"))
    _add_plugin(evaluate)


def _predict(predict: argparse.ArgumentParser) -> None:
    predict.add_argument("--run", type=_some_path, required=True, help="a run folder")
    what = predict.add_mutually_exclusive_group(required=True)
    what.add_argument("--corpus", type=_some_text, help=CORPUS)
    what.add_argument("--video", type=_some_path, metavar="FILM", help="a film of one's own")
    _add_film(predict)
    _add_reading(predict)
    predict.add_argument("--out", type=_some_path, help="a new CSV file; default: print")
    predict.add_argument(
        "--raw",
        action="store_true",
        help="ids and words as they are; by default a spreadsheet takes none for a formula",
    )
    _add_plugin(predict)


def _add_film(parser: argparse.ArgumentParser) -> None:
    """Add what belongs to ``--video``."""
    parser.add_argument("--text", help="what is said in the film")
    for name, what in ("start", "begins"), ("end", "ends"):
        told = f"where the part that is meant {what}: seconds, or 1:05"
        parser.add_argument(f"--{name}", type=_some_text, metavar="TIME", help=told)
    parser.add_argument(
        "--html",
        type=_some_path,
        metavar="PAGE",
        help="a new HTML file: what each word takes from face and voice, in step with the film",
    )
    parser.add_argument(
        "--with-film",
        action="store_true",
        help="put the film in that page, with the picture of the person; without, a face is a mesh",
    )
    _add_listening(parser)


def _add_listening(parser: argparse.ArgumentParser) -> None:
    """Add how the sound of a film becomes words and frames."""
    parser.add_argument(
        "--transcribe",
        action="store_true",
        help="let Whisper (English) write down what is said where no text is given",
    )
    parser.add_argument(
        "--voice",
        choices=("librosa", "opensmile"),
        default="librosa",
        help="what describes the voice (librosa); the licence of opensmile allows research and "
        "teaching only",
    )


def _inspect(inspect: argparse.ArgumentParser) -> None:
    inspect.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        type=_some_path,
        help="a run folder; of two, the difference of their maps; of more, mean and spread",
    )
    inspect.add_argument("--out", type=_some_path, required=True, help="a new HTML file")
    inspect.add_argument("--corpus", type=_some_text, help="another corpus than the run's own")
    _add_reading(inspect)
    inspect.add_argument(
        "--utterances",
        type=_at_least_one,
        metavar="INT",
        help="how many to put in with their maps, those that are moved most (all of the split)",
    )
    inspect.add_argument(
        "--films",
        type=_some_path,
        metavar="FOLDER",
        help="put films in, with the pictures of the people; without, a face is a mesh alone",
    )
    inspect.add_argument(
        "--compare",
        metavar="RUN2",
        type=_some_path,
        help="a second run beside the first, whatever it is",
    )
    _add_plugin(inspect)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """Add how a corpus is to be read."""
    _add_label_range(parser)
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out segments that do not fit, and list them, instead of an error",
    )
    _add_video_from(parser)


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        type=_at_least_one,
        default=1,
        metavar="INT",
        help="how many processes work at a time; they share the cores (1)",
    )
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="let the workers of this Dask scheduler do the work"
    )


def _add_label_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--label-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="the lowest and highest label of your own data (-3 3; for CH-SIMS -1 1)",
    )


def _add_video_from(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--video-from",
        metavar="REGEX",
        help="what finds the recording in a segment's id, or its first group does, such as "
        "'^(.+)-part' (a rule that fits the ids)",
    )


def _add_plugin(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plugin",
        nargs="+",
        action="extend",
        metavar="MODULE",
        help="Python modules of your own to import first, such as one that registers a fusion",
    )


def _import_plugins(modules: Iterable[str]) -> None:
    for module in modules:
        if not all(part.isidentifier() for part in module.split(".")):
            raise CENetError(
                f"--plugin {module!r}: is no name of a module; give the name of a Python file in "
                "this folder, without its .py"
            )
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
    """Add an option per setting; some take several values.

    What is not given is not among the options, because ``None`` is a value that some settings have.
    """
    for setting in fields(TrainingSettings):
        kinds = [kind for kind in setting_kinds(setting.name) if kind is not type(None)]
        optional = len(kinds) < len(setting_kinds(setting.name))
        default = "none" if setting.default is None else setting.default
        help = f"{setting.metadata['help']} ({default})"
        options: dict[str, Any] = {"help": help.replace("%", "%%"), "default": argparse.SUPPRESS}
        if kinds == [bool]:
            options["action"] = argparse.BooleanOptionalAction
        else:
            kind = _or_none(kinds[0]) if optional else kinds[0]
            metavar = kinds[0].__name__.upper() + ("|none" if optional else "")
            options |= {"type": kind, "metavar": metavar}
        if setting.name in several and kinds != [bool]:
            options |= {"nargs": "+", "action": "extend"}
        choices = setting.metadata["choices"]
        if isinstance(choices, tuple):
            named = (*choices, "none") if optional else choices
            options |= {"choices": (*choices, None) if optional else choices}
            options |= {"metavar": f"{{{','.join(named)}}}"}
        elif choices:  # a list may grow: a plugin can register more
            options["help"] += f"; one of {', '.join(choices)}, or a plugin's"
        parser.add_argument(f"--{setting.name.replace('_', '-')}", **options)


def _or_none(kind: type) -> Callable[[str], Any]:
    """Return what reads a value that may be ``none``, as when a recipe's is to be taken back."""

    def read(text: str) -> Any:
        return None if text.lower() == "none" else kind(text)

    read.__name__ = kind.__name__  # argparse says it of a value that it refuses
    return read


def _some_text(text: str) -> str:
    """Return what was given, which a shell makes empty where a variable was never set."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; leave the option out, or give a name")
    return text


def _some_path(text: str) -> Path:
    return Path(_some_text(text))


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too few; it must be at least 1")
    return number


# By name: a summary, an example, and what adds the options.
COMMANDS: dict[str, tuple[str, str, Callable[[argparse.ArgumentParser], None]]] = {
    "check": ("say whether this computer is ready", "python -m cenet_lib check", _check),
    "lesson": (
        "copy the notebooks into a folder to work in",
        "python -m cenet_lib lesson start my-course",
        _lesson,
    ),
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
    spare_searches()
    # matplotlib writes a cache of fonts; where home cannot be written to, it complains at length
    if not os.access(Path.home(), os.W_OK):
        os.environ.setdefault("MPLCONFIGDIR", tempfile.mkdtemp(prefix="cenet-"))
    sys.exit(main())
