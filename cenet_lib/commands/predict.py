"""``predict``: predict new utterances with a saved run."""

import csv
import math
import sys
from argparse import Namespace
from collections.abc import Iterable
from itertools import chain, islice
from typing import TextIO

from ..corpus import Corpus
from ..errors import CENetError
from ..files import atomic_file, refuse_existing
from ..progress import somebody_watches
from ..runs.folder import Run
from ..terminal import as_cell, as_it_is, warn
from .opening import open_corpus


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
    corpus = open_corpus(options.corpus, options) if options.video is None else _film(run, options)
    from ..prediction import predict_stream  # heavy: torch and transformers

    rows = predict_stream(run.model, run.processor, corpus)
    if options.html is not None:
        _write_page(run, corpus, options)
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


def _film(run: Run, options: Namespace) -> Corpus:
    """Look at a film; return a corpus of this one utterance."""
    if options.text is None and not options.transcribe:
        raise CENetError(
            f"{options.video}: the words that are said are missing; give them with --text, or let "
            "Whisper (English) write them down with --transcribe"
        )
    from ..video.collection import one_clip, remarks  # heavy: only films need it

    corpus = one_clip(
        options.video,
        options.text,
        start=options.start,
        end=options.end,
        voice=options.voice,
        check=run.processor.check_channels,
        shown=somebody_watches(),
    )
    if told := remarks(corpus.test[0]):
        warn(f"{options.video}: {told}")
    return corpus


def _write_page(run: Run, corpus: Corpus, options: Namespace) -> None:
    """Write what each word of a film takes from face and voice, and say where."""
    from ..inspector.widget import film_page  # heavy: torch and anywidget

    film_page(corpus.test[0], run, options.html, options.video if options.with_film else None)
    print(f"page written to {options.html}", file=sys.stderr)  # the table is on standard output


def _write(rows: Iterable[tuple[str, str, float, float]], file: TextIO, raw: bool) -> None:
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
