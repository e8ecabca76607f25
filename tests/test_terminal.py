"""What strangers' words and ids may do on a screen or in a spreadsheet: nothing; and nothing is
lost."""

import csv
import io
import sys
from dataclasses import replace

import pandas as pd
import pytest

from cenet_lib import Run, TrainingSettings, load_corpus, train
from cenet_lib.__main__ import main
from cenet_lib.files import read_csv, write_csv
from cenet_lib.terminal import as_cell, as_it_is, from_cell, one_line, printable, printable_output

ESC = "\x1b]0;owned\x07\x1b[2J"
CONTROL = ["\x1b", "\x07", "\x08", "\r", "\x00", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066"]
FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =x", "'=x", "''-", "＝x", "-", "="]
FORMULAS += ["\u200b=1", "\ufeff\x00@x"]
TEXTS = ["good", "'tis", "'", "''", "a=b", "NA", "null", " lead", "a,b", 'q"x', "a\nb", "a\rb", "é"]


# the screen


@pytest.mark.parametrize("character", CONTROL)
def test_control_characters_become_visible(character):
    shown = printable(f"so {character}good")
    assert character not in shown
    assert shown.startswith("so \\")
    assert shown.endswith("good")
    assert printable(shown) == shown


def test_letters_of_any_script_tabs_and_lines_stay():
    text = "naïve\t不错\n좋아요 עברית 👩\u200d🚀 ½ − →"
    assert printable(text) == text
    assert printable("half \ud83d") == "half \\ud83d"
    assert one_line("a \n  b\nc\x1b") == "a b c\\x1b"


def test_whatever_is_printed_is_printable_and_the_stream_comes_back(capsys):
    before = sys.stdout
    with printable_output():
        print("a", ESC, end="")
        sys.stdout.writelines(["\x1b", "\n"])
        print(sys.stdout.isatty(), as_it_is(sys.stdout) is before)
    assert sys.stdout is before
    assert capsys.readouterr().out == "a \\x1b]0;owned\\x07\\x1b[2J\\x1b\nFalse True\n"


def test_a_terminal_stays_printable(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    with printable_output():
        assert as_it_is(sys.stdout) is sys.stdout


# the spreadsheet


@pytest.mark.parametrize("text", [*FORMULAS, *TEXTS])
def test_cells_come_back_and_formulas_are_none(text):
    cell = as_cell(text)
    assert from_cell(cell) == text
    assert (cell != text) == (text in FORMULAS)
    assert cell == text or cell == f"'{text}"
    assert from_cell(as_cell(cell)) == cell


def test_a_table_comes_back_as_it_was(tmp_path):
    texts = [*FORMULAS, *TEXTS, "\x1b[2J", "\x00", "\x85x", "\u2028"]
    table = pd.DataFrame({"id": texts, "n": range(len(texts)), "gain": [-1.5] * len(texts)})
    table["gain"] = table["gain"].where(table["n"] % 2 == 0)
    write_csv(tmp_path / "table.csv", table)
    pd.testing.assert_frame_equal(
        read_csv(tmp_path / "table.csv", dtype={"id": str}), table, check_dtype=False
    )
    with open(tmp_path / "table.csv", newline="", encoding="utf-8") as file:
        cells = [row["id"] for row in csv.DictReader(file)]
    assert not any(cell.startswith(tuple("=+-@\t\r\n")) for cell in cells)
    for text in texts:  # alone, for one text may change how others are quoted
        write_csv(tmp_path / "table.csv", pd.DataFrame({"id": [text, "k"]}))
        assert read_csv(tmp_path / "table.csv", dtype=str)["id"].tolist() == [text, "k"]


# the commands


@pytest.fixture(scope="module")
def hostile(small_corpus, small_backbone, tmp_path_factory):
    """A folder with a stored corpus whose ids and words want to do harm, and a run on it."""
    folder = tmp_path_factory.mktemp("hostile")
    words = [f"=cmd|{ESC}", "good", "a\rb"]

    def changed(utterances):
        first, second, *rest = utterances
        first = replace(first, id=f"=HYPERLINK(1)-{ESC}", words=words)
        return [first, replace(second, words=("+1", "film")), *rest]

    corpus = small_corpus.with_splits(
        small_corpus.train, small_corpus.valid, changed(small_corpus.test), {"note": ESC}
    )
    corpus.name = f"small {ESC}"
    corpus.save(folder / "corpus")
    settings = {"n_visual_codes": 2, "n_acoustic_codes": 2, "epochs": 1, "device": "cpu"}
    settings = TrainingSettings(str(small_backbone), **settings)
    train(corpus, folder / "run", settings, source=str(folder / "corpus"))
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ["data", "info", "{corpus}"],
        ["data", "validate", "{corpus}"],
        ["data", "convert", "{corpus}", "{new}"],
        ["predict", "--run", "{run}", "--corpus", "{corpus}"],
        ["predict", "--run", "{run}", "--corpus", f"absent {ESC}"],
        ["data", "info", f"absent {ESC}\n"],
    ],
)
def test_no_command_prints_a_control_character(command, hostile, tmp_path, capsys):
    places = {"corpus": hostile / "corpus", "run": hostile / "run", "new": tmp_path / "new"}
    main([part.format(**{k: str(v) for k, v in places.items()}) for part in command])
    printed = capsys.readouterr()
    for stream in printed:
        assert not any(character in stream for character in CONTROL)
    assert printed.err.count("\n") <= 1
    assert "\\x1b" in printed.out + printed.err or "validate" in command


def test_train_prints_its_predictions_printable(hostile, small_backbone, tmp_path, capsys):
    corpus = ["--corpus", str(hostile / "corpus"), "--backbone", str(small_backbone)]
    small = ["--n-visual-codes", "2", "--n-acoustic-codes", "2", "--epochs", "1", "--device", "cpu"]
    assert main(["train", *corpus, *small, "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert "=HYPERLINK(1)-\\x1b]0;owned" in printed
    assert not any(character in printed for character in CONTROL)


def test_predictions_are_no_formulas_and_read_back_exactly(hostile, tmp_path):
    utterances = list(load_corpus(hostile / "corpus"))
    read = Run(hostile / "run").predictions
    assert read["id"].tolist() == [u.id for u in utterances]
    assert read["words"].tolist() == [u.text for u in utterances]

    new = {raw: tmp_path / f"{raw}.csv" for raw in (False, True)}
    for raw, path in new.items():
        arguments = ["--run", str(hostile / "run"), "--corpus", str(hostile / "corpus")]
        assert main(["predict", *arguments, "--out", str(path), *["--raw"] * raw]) == 0
    for path in (hostile / "run" / "predictions.csv", new[False]):
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(utterances)
        assert not any(row[c][:1] in "=+-@\t\r\n" for row in rows for c in ("id", "words"))
    with open(new[True], newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["words"]) for row in rows] == [(u.id, u.text) for u in utterances]


def test_a_store_keeps_what_it_was_given(hostile):
    stored = load_corpus(hostile / "corpus").test[0]
    assert stored.id == f"=HYPERLINK(1)-{ESC}"
    assert stored.words == (f"=cmd|{ESC}", "good", "a\rb")
