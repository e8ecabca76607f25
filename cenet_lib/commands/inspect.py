"""``inspect``: write a page that shows what each word takes from face and voice."""

from argparse import Namespace
from collections.abc import Sequence

from ..errors import CENetError
from ..files import refuse_existing
from ..progress import somebody_watches
from ..runs.folder import Run
from ..utterance import Utterance
from .opening import open_corpus

_MANY = 200  # utterances
_PER_SECOND = 8  # on two cores, with MiniLM


def _time(utterances: Sequence[Utterance]) -> str:
    """Say about how long it takes to look at utterances."""
    minutes = 1 + len(utterances) // (60 * _PER_SECOND)
    return f"about {minutes} minute{'s' if minutes > 1 else ''}"


def run(options: Namespace) -> None:
    """Open the inspector on a run and export its page.

    Examples
    --------
    >>> from pathlib import Path
    >>> chosen = {"out": Path("attention.html"), "utterances": 3, "films": None}
    >>> run(Namespace(runs=[Path("runs/mine")], corpus="data/mine", compare=None, **chosen))
    written to attention.html; open it in a browser
    """
    refuse_existing(options.out)
    runs = [Run(folder) for folder in options.runs]
    other = None if options.compare is None else Run(options.compare)
    if other is not None and len(runs) > 1:
        raise CENetError("--compare puts one run beside another; leave it out to compare several")
    corpus = None if options.corpus is None else open_corpus(options.corpus, options)
    from ..inspector.widget import AttentionInspector, split_to_show  # heavy: torch, transformers

    corpus = runs[0].corpus() if corpus is None else corpus
    films, utterances = options.films, split_to_show(corpus)
    settings = {"films": films, "utterances": utterances, "progress": somebody_watches()}
    if len(utterances) > _MANY:
        print(f"looks at {len(utterances)} utterances; with MiniLM, that takes {_time(utterances)}")
    if len(runs) > 1:
        inspector = AttentionInspector.from_runs(runs, corpus, **settings)
    else:
        inspector = AttentionInspector.from_run(runs[0], corpus, compare=other, **settings)
    inspector.to_html(options.out, options.utterances, film=films is not None)
    print(f"written to {options.out}; open it in a browser")
