"""The real words of the demo corpora: sentences of film reviews with human ratings, and a lexicon.

They were collected for VADER (Hutto & Gilbert 2014, "VADER: A Parsimonious Rule-based Model for
Sentiment Analysis of Social Media Text", ICWSM) and come inside the source package
``vaderSentiment==0.5`` (MIT licence), which ``pip`` fetches by name and hash into the cache on
first use. What `demo` makes of them begins with `rated_sentences`; what `demo_irony` knows about
single words, with `word_values`, VADER's lexicon in the same package.
"""

import io
import tarfile

from ..fetching import Package, read_member

PACKAGE = Package(
    "vaderSentiment==0.5",
    "vaderSentiment-0.5.zip",
    "5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a",
    "the sentences of the demo corpus",
)
_ARCHIVE = "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz"
_RATINGS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
_LEXICON = "vaderSentiment-0.5/vaderSentiment/vader_sentiment_lexicon.txt"

RatedSentence = tuple[tuple[str, ...], float]


def rated_sentences() -> list[RatedSentence]:
    """Return the words and ratings of the sentences, without duplicates.

    They are fetched on first use and found in the cache afterwards.

    Returns
    -------
    list of (words, rating)
        4 to 40 words each, punctuation marks among them; ratings are means of about 20 people's, in
        [-4, 4].

    Raises
    ------
    CENetError
        If they are neither in the cache nor to be had from the package index.

    Examples
    --------
    >>> PACKAGE.requirement  # what is fetched
    'vaderSentiment==0.5'
    >>> sentences = rated_sentences()  # doctest: +SKIP
    >>> len(sentences), min(sentences, key=lambda sentence: len(sentence[0]))  # doctest: +SKIP
    (10231, (('Tailored', 'to', 'entertain', '!'), 2.17647058824))
    """
    sentences: list[RatedSentence] = []
    seen: set[str] = set()
    for line in _rated_lines(read_member(PACKAGE, _ARCHIVE)):
        _, rating, text = line.split("\t")
        words = split_words(text)
        if 4 <= len(words) <= 40 and text not in seen:
            seen.add(text)
            sentences.append((words, float(rating)))
    return sentences


def word_values() -> dict[str, float]:
    """Return what words are worth, good or bad: VADER's lexicon.

    Returns
    -------
    dict of str to float
        About 7,500 words in small letters; values are means of ten people's ratings, in [-4, 4].

    Raises
    ------
    CENetError
        As `rated_sentences` does.

    Examples
    --------
    >>> PACKAGE.requirement  # where the lexicon lies
    'vaderSentiment==0.5'
    >>> word_values()["great"]  # doctest: +SKIP
    3.1
    """
    lexicon = read_member(PACKAGE, _LEXICON).decode("latin-1")
    rows = (line.split("\t") for line in lexicon.splitlines())
    return {row[0].lower(): float(row[1]) for row in rows if len(row) > 1}


def split_words(text: str) -> tuple[str, ...]:
    """Split a sentence at white space, and punctuation off the ends of words.

    Examples
    --------
    >>> split_words("Not bad, is it?")
    ('Not', 'bad', ',', 'is', 'it', '?')
    """
    words: list[str] = []
    for chunk in text.split():
        start, end = 0, len(chunk)
        while start < end and not chunk[start].isalnum():
            start += 1
        while end > start and not chunk[end - 1].isalnum():
            end -= 1
        words += [part for part in (chunk[:start], chunk[start:end], chunk[end:]) if part]
    return tuple(words)


def _rated_lines(archive: bytes) -> list[str]:
    """Read the lines ``id TAB rating TAB text`` out of the archive in the source package."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as inner:
        file = inner.extractfile(_RATINGS)
        raw = file.read()  # type: ignore[union-attr]  # its SHA-256 says that the file is in it
    lines = []
    for line in raw.splitlines():  # some are UTF-8, some Windows-1252
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            lines.append(line.decode("cp1252", errors="replace"))
    return lines
