"""``data``: look at a corpus, convert it, check it; make one of films; merge; code many parts."""

from argparse import Namespace

from ..corpora.card import describe, problems
from ..corpora.merging import merge
from ..files import refuse_existing
from ..language.annotators import annotate_corpus, get_annotator
from ..progress import somebody_watches
from ..utterance import STREAMS
from ..video.clips import read_clips
from ..video.collection import collect
from .opening import open_corpus


def run(options: Namespace) -> int:
    """Do what the action says; return the exit status.

    Examples
    --------
    >>> run(Namespace(action="validate", path="data/mine", label_range=None, video_from=None))
    nothing wrong
    0
    """
    actions = {
        "info": _info,
        "convert": _convert,
        "validate": _validate,
        "codes": _codes,
        "merge": _merge,
        "from-videos": _from_videos,
    }
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
    from ..shards import code_shards, find_shards, fit_vocabularies  # heavy: scikit-learn
    from ..vocabulary import FeatureVocabulary  # heavy: scikit-learn

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


def _merge(options: Namespace) -> int:
    """Write one corpus of several."""
    refuse_existing(options.destination)
    corpora = [open_corpus(path, options) for path in options.corpora]
    merged = merge(options.destination.name, corpora)
    merged.save(options.destination)
    for warning in problems(merged):
        print(f"to mend: {warning}")
    print(f"{options.destination}: {merged}")
    return 0


def _from_videos(options: Namespace) -> int:
    """Make a corpus of the films of a folder; end with a line per clip."""
    refuse_existing(options.destination)
    low, high = options.label_range or (-3.0, 3.0)
    found = read_clips(options.folder, (low, high), transcribe=options.transcribe)
    for note in found.notes:
        print(f"{found.source}: {note}")
    made = collect(
        found,
        options.destination,
        label_range=(low, high),
        voice=options.voice,
        seed=options.seed,
        n_jobs=options.jobs,
        dask=options.dask,
    )
    for report in made.reports:
        print(report)
    if made.corpus is not None:
        print(f"splits: {made.splits}")
        for problem in problems(made.corpus):
            print(f"note: {problem}")
        print(f"written to {options.destination}: {made.corpus}")
    if made.failed:
        again = f"remove {options.destination} and " if made.corpus is not None else ""
        print(
            f"{made.failed} of {len(made.reports)} clips to mend; then {again}run this again: what "
            "is well is not looked at twice"
        )
    return 1 if made.failed else 0
