"""``data``: look at a corpus, convert it, check it."""

from argparse import Namespace

from ..corpora import load_corpus
from ..corpora.card import describe, problems
from ..files import refuse_existing
from ..language.annotators import annotate_corpus, get_annotator
from ..progress import somebody_watches


def run(options: Namespace) -> int:
    """Do what the action says; return the exit status.

    Examples
    --------
    >>> run(Namespace(action="validate", path="data/mine"))
    nothing wrong
    0
    """
    return {"info": _info, "convert": _convert, "validate": _validate}[options.action](options)


def _info(options: Namespace) -> int:
    print(describe(load_corpus(options.path)))
    return 0


def _convert(options: Namespace) -> int:
    refuse_existing(options.destination)  # before a long read
    corpus = load_corpus(options.source)
    if options.linguistic is not None:
        annotator = get_annotator(options.linguistic)
        corpus = annotate_corpus(corpus, annotator, progress=somebody_watches())
    corpus.save(options.destination)
    print(f"{options.destination}: {corpus}")
    return 0


def _validate(options: Namespace) -> int:
    found = problems(options.path)
    for problem in found:
        print(problem)
    print("nothing wrong" if not found else f"{len(found)} to mend")
    return 1 if found else 0
