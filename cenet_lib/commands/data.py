"""``data``: look at a corpus, convert it, check it; code a collection in many parts."""

from argparse import Namespace

from ..corpora.card import describe, problems
from ..files import refuse_existing
from ..language.annotators import annotate_corpus, get_annotator
from ..progress import somebody_watches
from ..shards import code_shards, find_shards, fit_vocabularies
from ..utterance import STREAMS
from ..vocabulary import FeatureVocabulary
from .opening import open_corpus


def run(options: Namespace) -> int:
    """Do what the action says; return the exit status.

    Examples
    --------
    >>> run(Namespace(action="validate", path="data/mine", label_range=None, video_from=None))
    nothing wrong
    0
    """
    actions = {"info": _info, "convert": _convert, "validate": _validate, "codes": _codes}
    return actions[options.action](options)


def _info(options: Namespace) -> int:
    print(describe(open_corpus(options.path, options)))
    return 0


def _convert(options: Namespace) -> int:
    refuse_existing(options.destination)  # before a long read
    corpus = open_corpus(options.source, options)
    if options.linguistic is not None:
        annotator = get_annotator(options.linguistic, options.stanford_folder)
        corpus = annotate_corpus(corpus, annotator, progress=somebody_watches())
    corpus.save(options.destination)
    print(f"{options.destination}: {corpus}")
    return 0


def _validate(options: Namespace) -> int:
    found = problems(options.path, options.label_range, video_from=options.video_from)
    for problem in found:
        print(problem)
    print("nothing wrong" if not found else f"{len(found)} to mend")
    return 1 if found else 0


def _codes(options: Namespace) -> int:
    """Fit vocabularies on a collection unless that was done before, and code each shard."""
    shards = find_shards(options.shards)
    saved = [stream for stream in STREAMS if (options.destination / f"{stream}.json").is_file()]
    vocabularies = {s: FeatureVocabulary.load(options.destination / s) for s in saved}
    if saved:
        print(f"{options.destination}: goes on with the vocabularies that are there")
    else:
        vocabularies = fit_vocabularies(shards, options.k, progress=somebody_watches())
        options.destination.mkdir(parents=True, exist_ok=True)
        for stream, vocabulary in vocabularies.items():
            vocabulary.save(options.destination / stream)
    failed = 0
    outcomes = code_shards(
        shards, vocabularies, options.destination, n_jobs=options.jobs, dask=options.dask
    )
    for shard, n_utterances, error in outcomes:
        print(f"{shard.name}: {error or f'{n_utterances:,} utterances'}", flush=True)
        failed += bool(error)
    print(f"written to {options.destination}" if not failed else f"{failed} to mend")
    return 1 if failed else 0
