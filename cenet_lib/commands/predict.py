"""``predict``: predict new utterances with a saved run."""

import csv
import math
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..corpus import Corpus
from ..errors import CENetError
from ..files import atomic_file, refuse_existing
from ..progress import somebody_watches
from ..runs.folder import Run
from ..terminal import as_cell, as_it_is, warn
from ..utterance import Utterance
from .opening import open_corpus

if TYPE_CHECKING:
    from ..video.playable import Playable

Row = tuple[str, str, float, float]  # id, words, label, prediction


def run(options: Namespace) -> None:
    """Write a table, row by row, so that memory stays bounded; or print it. Write a film's page.

    Ids and words that a spreadsheet would take for formulas get an apostrophe in front, unless they
    are asked for as they are. A terminal gets no control characters in any case.

    Examples
    --------
    >>> from pathlib import Path
    >>> where = {"corpus": "data/mine", "video": None, "html": None, "out": Path("new.csv")}
    >>> run(Namespace(run=Path("runs/mine"), **where, raw=False))
    written to new.csv
    """
    for new in filter(None, (options.out, options.html)):
        refuse_existing(new)
    _refuse_unread(options)
    run = Run(options.run)
    if options.video is None:
        rows: Iterable[Row] = _predicted(run, open_corpus(options.corpus, options))
    else:
        rows = _of_film(run, options)
    if options.out is None:
        _write(rows, as_it_is(sys.stdout) if options.raw else sys.stdout, options.raw)
        return
    with (
        atomic_file(options.out) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        _write(rows, file, options.raw)
    print(f"written to {options.out}")


def _refuse_unread(options: Namespace) -> None:
    """Refuse an option that belongs to the other of ``--corpus`` and ``--video``."""
    of_films = ("text", "start", "end", "html", "with_film", "transcribe")
    of_corpora = ("label_range", "skip_bad")
    here, there = ("--corpus", "--video") if options.video is None else ("--video", "--corpus")
    for name in of_films if options.video is None else (*of_corpora, "video_from"):
        if getattr(options, name, None) not in (None, False):
            option = f"--{name.replace('_', '-')}"
            raise CENetError(f"{option} belongs to {there}, and says nothing of {here}; leave it")
    if getattr(options, "with_film", False) and options.html is None:
        raise CENetError("--with-film puts the film in a page; say with --html where to write it")


def _predicted(run: Run, corpus: Corpus) -> Iterator[Row]:
    from ..prediction import predict_stream  # heavy: torch and transformers

    return predict_stream(run.model, run.processor, corpus)


def _of_film(run: Run, options: Namespace) -> Iterable[Row]:
    """Look at a film; predict, and write the page if one is asked for."""
    from ..inspector.matching import read_film  # heavy: only films need it
    from ..video.collection import one_clip, remarks  # heavy: only films need it

    if options.text is None and not options.transcribe:
        raise CENetError(
            f"{options.video}: the words that are said are missing; give them with --text, or let "
            "Whisper (English) write them down with --transcribe"
        )
    film, part, shown = None, _part(options), somebody_watches()

    def check(corpus: Corpus) -> None:
        """Refuse what will not do, and make the film for the page, before the long work."""
        nonlocal film
        run.processor.check_channels(corpus)
        if options.with_film:
            film = read_film(options.video, **part, shown=shown)

    corpus = one_clip(
        options.video, options.text, voice=options.voice, check=check, shown=shown, **part
    )
    if told := remarks(corpus.test[0]):
        warn(f"{options.video}: {told}")
    if options.html is None:
        return _predicted(run, corpus)
    return [_on_page(run, corpus.test[0], options.html, film)]


def _part(options: Namespace) -> dict[str, Any]:
    """Return where the part of the film that is meant begins and ends, in seconds."""
    from ..video.tables import seconds_from  # heavy: only films need it

    try:
        return {name: seconds_from(getattr(options, name) or "", name) for name in ("start", "end")}
    except CENetError as error:
        raise CENetError(f"{options.video}: {error}") from None


def _on_page(run: Run, utterance: Utterance, page: Path, film: "Playable | None") -> Row:
    """Write what each word of a film takes from face and voice; return what is predicted."""
    from ..inspector.widget import film_page  # heavy: torch and anywidget

    prediction = film_page(utterance, run, page, film)
    print(f"page written to {page}", file=sys.stderr)  # the table is on standard output
    return utterance.id, utterance.text, math.nan, round(prediction, 6)


def _write(rows: Iterable[Row], file: TextIO, raw: bool) -> None:
    rows = iter(rows)
    first = list(islice(rows, 1))  # before anything is printed, for it tells what does not fit
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["id", "words", "label", "prediction"])
    # By itself the writer puts quotes around \n, but not around \r, where readers cut a line too.
    quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for id, words, label, prediction in chain(first, rows):
        cells = [id, words] if raw else [as_cell(id), as_cell(words)]
        known = "" if math.isnan(label) else label
        writer = quoting if "\r" in id + words else table
        writer.writerow([*cells, known, f"{prediction:.6f}"])
