"""Corpora from files: one reader per format, the embedded demo, and our own safe store."""

from pathlib import Path

from ..errors import CENetError
from ..utterance import Corpus


def load_corpus(name_or_path: str | Path = "demo") -> Corpus:
    """Open a corpus, whatever its format.

    Parameters
    ----------
    name_or_path : str or Path
        ``"demo"``, or the path of a file or folder in any of the formats of ``data/README.md``.

    Returns
    -------
    Corpus

    Raises
    ------
    CENetError
        If nothing is there, or no reader knows what is there.
    """
    from . import demo, misa, store

    if name_or_path == "demo":
        return demo.load_demo()
    path = Path(name_or_path)
    if not path.exists():
        raise CENetError(
            f"{path}: there is no such file or folder; use 'demo', or see data/README.md for where "
            "to put MOSI and MOSEI"
        )
    if store.is_store(path):
        return store.open_corpus(path)
    return misa.read_misa(path)
