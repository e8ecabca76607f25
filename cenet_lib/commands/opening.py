"""How commands open the corpus that an option names, and what they say about it.

The options ``--label-range``, ``--skip-bad`` and ``--video-from`` belong to it;
`cenet_lib.__main__` adds them to whatever takes a corpus.
"""

import sys
from argparse import Namespace

from ..corpora import load_corpus
from ..corpora.card import skipped
from ..corpus import Corpus
from ..terminal import one_line


def open_corpus(path: str, options: Namespace) -> Corpus:
    """Open a corpus as the options say; tell on the error stream which segments were skipped.

    Examples
    --------
    >>> open_corpus("data/mine", Namespace(label_range=[-3, 3], skip_bad=True)).label_range
    (-3.0, 3.0)
    """
    asked = getattr(options, "label_range", None)
    corpus = load_corpus(
        path,
        None if asked is None else (asked[0], asked[1]),
        skip_bad=getattr(options, "skip_bad", False),
        video_from=getattr(options, "video_from", None),
    )
    for line in skipped(corpus):
        print(one_line(line), file=sys.stderr)
    return corpus
