"""``predict``: predict new utterances with a saved run."""

import csv
import math
import sys
from argparse import Namespace
from collections.abc import Iterable
from typing import TextIO

from ..files import atomic_file, refuse_existing
from ..prediction import predict_stream
from ..runs.folder import Run
from ..terminal import as_cell, as_it_is
from .opening import open_corpus


def run(options: Namespace) -> None:
    """Write a table, row by row, so that memory stays bounded; or print it.

    Ids and words that a spreadsheet would take for formulas get an apostrophe in front, unless they
    are asked for as they are. A terminal gets no control characters in any case.

    Examples
    --------
    >>> from pathlib import Path
    >>> where = {"corpus": "data/mine", "out": Path("new.csv")}
    >>> run(Namespace(run=Path("runs/mine"), **where, raw=False))
    written to new.csv
    """
    if options.out is not None:
        refuse_existing(options.out)
    run = Run(options.run)
    rows = predict_stream(run.model, run.processor, open_corpus(options.corpus, options))
    if options.out is None:
        _write(rows, as_it_is(sys.stdout) if options.raw else sys.stdout, options.raw)
        return
    with (
        atomic_file(options.out) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        _write(rows, file, options.raw)
    print(f"written to {options.out}")


def _write(rows: Iterable[tuple[str, str, float, float]], file: TextIO, raw: bool) -> None:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["id", "words", "label", "prediction"])
    # By itself the writer puts quotes around \n, but not around \r, where readers cut a line too.
    quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for id, words, label, prediction in rows:
        cells = [id, words] if raw else [as_cell(id), as_cell(words)]
        known = "" if math.isnan(label) else label
        writer = quoting if "\r" in id + words else table
        writer.writerow([*cells, known, f"{prediction:.6f}"])
