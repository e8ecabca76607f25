"""``inspect``: write a page that shows what each word takes from face and voice."""

from argparse import Namespace

from ..files import refuse_existing
from ..inspector.widget import AttentionInspector
from ..progress import somebody_watches
from .opening import open_corpus


def run(options: Namespace) -> None:
    """Open the inspector on a run and export its page.

    Examples
    --------
    >>> from pathlib import Path
    >>> chosen = {"out": Path("attention.html"), "utterances": 3}
    >>> run(Namespace(run=Path("runs/mine"), corpus="data/mine", compare=None, **chosen))
    written to attention.html; open it in a browser
    """
    refuse_existing(options.out)
    corpus = None if options.corpus is None else open_corpus(options.corpus, options)
    inspector = AttentionInspector.from_run(
        options.run, corpus, compare=options.compare, progress=somebody_watches()
    )
    inspector.to_html(options.out, options.utterances)
    print(f"written to {options.out}; open it in a browser")
