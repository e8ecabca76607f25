"""Every format that opens is trained on by the command line, from the file to the predictions."""

import pytest
from test_corpora_formats import FORMATS

from cenet_lib import Run, load_corpus
from cenet_lib.__main__ import main

pytestmark = pytest.mark.slow  # two seconds for each of them


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_trains(tmp_path, small_backbone, name, capsys):
    write, _, _ = FORMATS[name]
    path, out = write(tmp_path), tmp_path / "run"
    arguments = ["train", "--corpus", str(path), "--out", str(out)]
    arguments += ["--backbone", str(small_backbone), "--epochs", "1", "--batch-size", "4"]
    arguments += ["--n-visual-codes", "3", "--n-acoustic-codes", "2", "--device", "cpu"]
    assert main(arguments) == 0, capsys.readouterr().err
    run, corpus = Run(out), load_corpus(path)
    assert run.config["corpus"]["fingerprint"] == corpus.fingerprint()
    test = run.predictions[run.predictions["split"] == "test"]
    assert test["id"].tolist() == [utterance.id for utterance in corpus.test]
    assert test["words"].tolist() == [utterance.text for utterance in corpus.test]
    assert test["label"].tolist() == pytest.approx([utterance.label for utterance in corpus.test])
    assert test["prediction"].notna().all()
