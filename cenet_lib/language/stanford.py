"""The Stanford log-linear part-of-speech tagger, which the paper names, by way of NLTK.

It is a Java program that its authors give to everybody (GPL) and that no Python package brings. One
puts it in a folder: the jar ``stanford-postagger.jar`` and a model, such as
``models/english-bidirectional-distsim.tagger``. The folder is an option, or the environment
variable ``CENET_STANFORD`` names it. NLTK's wrapper writes the words to a file, starts ``java``
once and reads the tags.

What was tested is the talk between wrapper and ``java``, with a stand-in for the command; the jar
itself was never tried here.

Source: Toutanova et al. 2003, "Feature-Rich Part-of-Speech Tagging with a Cyclic Dependency
Network" (NAACL).
"""

import os
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import CENetError

_JAR = "stanford-postagger.jar"
# The most exact first.
_MODELS = ("english-bidirectional-distsim.tagger", "english-left3words-distsim.tagger")
_DOWNLOAD = "download it from https://nlp.stanford.edu/software/tagger.html"


class StanfordTagger:
    """The tagger in a folder; Java starts when `tag` is called, once for all new sentences.

    Parameters
    ----------
    folder : str or Path, optional
        The folder with jar and model; by default the one that ``CENET_STANFORD`` names.

    Examples
    --------
    >>> StanfordTagger("no/such/folder").tag([["a", "good", "film"]])
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/folder: is no folder; download it from ...
    """

    def __init__(self, folder: str | Path | None = None):
        self._folder = folder
        self._known: dict[tuple[str, ...], list[str]] = {(): []}  # what was tagged before

    @property
    def folder(self) -> Path:
        """The tagger's folder.

        Raises
        ------
        CENetError
            If none is named, or there is none.
        """
        named = self._folder or os.environ.get("CENET_STANFORD")
        if not named:
            raise CENetError(
                f"where is the Stanford tagger? {_DOWNLOAD}, and name its folder with "
                "--stanford-folder or in CENET_STANFORD"
            )
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise CENetError(
                f"{folder}: is no folder; {_DOWNLOAD}, and name its folder with --stanford-folder "
                "or in CENET_STANFORD"
            )
        return folder.resolve()

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the Penn Treebank tag of each word of many sentences.

        Raises
        ------
        CENetError
            If Java, jar or model are missing, or the tagger fails or gives another number of tags.
        """
        new = [key for key in dict.fromkeys(map(tuple, sentences)) if key not in self._known]
        if new:
            self._known |= dict(zip(new, self._tag_new(new), strict=True))
        return [list(self._known[tuple(words)]) for words in sentences]

    def _tag_new(self, sentences: list[tuple[str, ...]]) -> list[list[str]]:
        """Return the tags of sentences that are not empty, as many as there are words."""
        found = self._run([[_one_token(word) for word in words] for words in sentences])
        mend = "take its version 4.2 and an English model"
        if len(found) != len(sentences):
            raise CENetError(
                f"{self.folder}: the Stanford tagger gave {len(found)} sentences for "
                f"{len(sentences)}; {mend}"
            )
        for words, pairs in zip(sentences, found, strict=True):
            if len(pairs) != len(words):
                raise CENetError(
                    f"{self.folder}: the Stanford tagger gave {len(pairs)} tags for the "
                    f"{len(words)} words of {' '.join(words)[:60]!r}; {mend}"
                )
        return [[tag for _, tag in pairs] for pairs in found]

    def _run(self, lines: list[list[str]]) -> list[list[tuple[str, str]]]:
        """Let NLTK start Java once and return a (word, tag) for each token."""
        folder = self.folder
        jar, model = _find_jar(folder), _find_model(folder)
        from nltk import data, internals  # heavy, and not needed by every user
        from nltk.tag.stanford import StanfordPOSTagger  # heavy, and not needed by every user

        try:
            internals.config_java()
        except LookupError as error:
            raise CENetError(
                "the Stanford tagger needs Java, and there is no java command; install Java 8 or "
                "newer, or let JAVA_HOME name its folder"
            ) from error
        try:
            with _trusted(folder, data.path), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of the wrapper as a whole
                return StanfordPOSTagger(str(model), str(jar)).tag_sents(lines)
        except Exception as error:  # of Java, of the tagger, of NLTK's look at whom it may trust
            raise CENetError(
                f"{folder}: the Stanford tagger failed ({_reason(error)}); see that Java runs and "
                "that nobody else may write to the folder"
            ) from error


def _find_jar(folder: Path) -> Path:
    """Return the tagger's jar; releases have a number in its name."""
    jars = [path for path in sorted(folder.glob("stanford-postagger*.jar")) if path.is_file()]
    jars = [path for path in jars if not re.search(r"-(sources|javadoc)\.jar$", path.name)]
    if not jars:
        raise CENetError(f"{folder / _JAR}: is missing; {_DOWNLOAD}")
    return next((path for path in jars if path.name == _JAR), jars[0])


def _find_model(folder: Path) -> Path:
    """Return an English model: the most exact there is, or the only one."""
    models = [path for path in sorted(folder.rglob("*.tagger")) if path.is_file()]
    for name in _MODELS:
        for path in models:
            if path.name == name:
                return path
    if len(models) != 1:
        listed = ", ".join(path.name for path in models[:5]) or "no .tagger file"
        raise CENetError(
            f"{folder / 'models' / _MODELS[0]}: is missing (there is {listed}); {_DOWNLOAD}"
        )
    return models[0]


def _one_token(word: str) -> str:
    """Return a word as the tagger reads it as one: without spaces, breaks and control characters.

    Only its tag is taken, so the word itself may change.
    """
    return "".join(
        "-" if c.isspace() or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c
        for c in word
    )


@contextmanager
def _trusted(folder: Path, places: list[str]) -> Iterator[None]:
    """Let NLTK run what lies in a folder that the user named."""
    places.append(str(folder))
    try:
        yield
    finally:
        places.remove(str(folder))


def _reason(error: Exception) -> str:
    """Return the telling line of what Java or NLTK says at length."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"\w(Exception|Error)\b", line)]
    return (told or lines or [type(error).__name__])[0][:300]
