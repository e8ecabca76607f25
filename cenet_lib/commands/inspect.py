"""``inspect``: write a page that shows what each word takes from face and voice."""

from argparse import Namespace

from ..files import refuse_existing
from ..progress import somebody_watches
from ..runs.folder import Run
from .opening import open_corpus


def run(options: Namespace) -> None:
    """Open the inspector on a run and export its page.

    Examples
    --------
    >>> from pathlib import Path
    >>> chosen = {"out": Path("attention.html"), "utterances": 3, "films": None}
    >>> run(Namespace(run=Path("runs/mine"), corpus="data/mine", compare=None, **chosen))
    written to attention.html; open it in a browser
    """
    refuse_existing(options.out)
    run = Run(options.run)
    other = None if options.compare is None else Run(options.compare)
    corpus = None if options.corpus is None else open_corpus(options.corpus, options)
    from ..inspector.widget import AttentionInspector  # heavy: torch and transformers

    films = options.films
    inspector = AttentionInspector.from_run(
        run, corpus, compare=other, films=films, progress=somebody_watches()
    )
    inspector.to_html(options.out, options.utterances, film=films is not None)
    print(f"written to {options.out}; open it in a browser")
