"""``predict``: predict new utterances with a saved run."""

import csv
import math
import sys
from argparse import Namespace
from collections.abc import Iterable
from typing import TextIO

from ..corpora import load_corpus
from ..files import atomic_file, refuse_existing
from ..prediction import predict_stream
from ..runs.folder import Run


def run(options: Namespace) -> None:
    """Write a table, row by row, so that memory stays bounded; or print it.

    Examples
    --------
    >>> from pathlib import Path
    >>> run(Namespace(run=Path("runs/mine"), corpus="data/mine", out=Path("new.csv")))
    written to new.csv
    """
    if options.out is not None:
        refuse_existing(options.out)
    run = Run(options.run)
    rows = predict_stream(run.model, run.processor, load_corpus(options.corpus))
    if options.out is None:
        _write(rows, sys.stdout)
        return
    with atomic_file(options.out) as temporary, open(temporary, "w", encoding="utf-8") as file:
        _write(rows, file)
    print(f"written to {options.out}")


def _write(rows: Iterable[tuple[str, str, float, float]], file: TextIO) -> None:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["id", "words", "label", "prediction"])
    for id, words, label, prediction in rows:
        table.writerow([id, words, "" if math.isnan(label) else label, f"{prediction:.6f}"])
