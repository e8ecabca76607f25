"""The command line, in real processes and in this one."""

import csv
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from test_sentilare import write_sentilare

from cenet_lib import Run, load_corpus
from cenet_lib.__main__ import main
from cenet_lib.utterance import STREAMS


def options(backbone) -> list[str]:
    return [
        *("--backbone", str(backbone), "--n-visual-codes", "4", "--n-acoustic-codes", "3"),
        *("--epochs", "1", "--batch-size", "16", "--device", "cpu"),
    ]


@pytest.mark.parametrize(
    "command", ["", "check", "data", "data info", "train", "compare", "evaluate", "predict"]
)
def test_help_shows_itself_without_loading_torch(command):
    code = (
        "import sys; from cenet_lib.__main__ import main\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("usage:")
    assert done.stdout.endswith("False\n")
    assert command in ("data", "data info") or "example" in done.stdout


def test_a_console_that_knows_few_letters_is_no_error(small_run, tmp_path):
    command = [
        "data",
        "convert",
        str(small_run.folder.parent / "corpus"),
        str(tmp_path / "to→there"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "cenet_lib", *command],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "to?there: Corpus(" in done.stdout


def test_train_evaluate_predict(small_run, small_backbone, tmp_path, capsys):
    corpus = str(small_run.folder.parent / "corpus")
    out = tmp_path / "run"
    assert main(["train", "--corpus", corpus, "--out", str(out), *options(small_backbone)]) == 0
    printed = capsys.readouterr().out
    assert "epoch 1/1   train: MSE" in printed
    assert "the first 10 of 16 predictions on test" in printed
    run = Run(out)
    assert run.config["corpus"]["source"] == corpus

    assert main(["evaluate", "--run", str(out)]) == 0
    printed = capsys.readouterr().out
    assert f"MAE           {run.metrics['test']['mae']:.3f}   [" in printed
    assert "Acc-2 (has0)" in printed
    assert "Acc-2 (non0)" in printed

    target = tmp_path / "new.csv"
    arguments = ["predict", "--run", str(out), "--corpus", corpus, "--out", str(target)]
    assert main(arguments) == 0
    with open(target, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == list(run.predictions["id"])
    written = [float(row["prediction"]) for row in rows]
    np.testing.assert_allclose(written, run.predictions["prediction"], atol=2e-6)
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err


def test_several_seeds_give_mean_and_spread(small_run, small_backbone, tmp_path, capsys):
    corpus = str(small_run.folder.parent / "corpus")
    arguments = ["train", "--corpus", corpus, "--out", str(tmp_path / "runs")]
    assert main([*arguments, *options(small_backbone), "--seed", "0", "1"]) == 0
    mae = [Run(tmp_path / "runs" / f"seed{s}").metrics["test"]["mae"] for s in (0, 1)]
    expected = f"MAE           {np.mean(mae):.3f} ± {np.std(mae, ddof=1):.3f}"
    assert expected in capsys.readouterr().out


def test_compare(small_run, small_backbone, tmp_path, capsys):
    corpus = str(small_run.folder.parent / "corpus")
    arguments = ["compare", "--corpus", corpus, "--out", str(tmp_path / "c"), "--fusion", "none"]
    assert main([*arguments, "ce", *options(small_backbone)]) == 0
    assert "| ce | 1 |" in capsys.readouterr().out
    assert (tmp_path / "c" / "summary.csv").is_file()


def test_published_recipe_runs_end_to_end(small_corpus, tmp_path):
    """On a file as the published code reads it and a checkpoint as SentiLARE's authors write it."""
    rng = np.random.default_rng(0)
    data = {"train": [], "dev": [], "test": []}
    for split, utterance in small_corpus.items():
        n = len(utterance.words)
        frames = [
            np.resize(utterance.frames(s), (n, utterance.frames(s).shape[1])) for s in STREAMS
        ]
        ids = [rng.integers(0, high, n).tolist() for high in (5, 3, 4, 3)]
        ids[2:] = [codes + [16] * (50 - n) for codes in ids[2:]]
        segment = ((list(utterance.words), *frames, *ids), utterance.label, utterance.id)
        data["dev" if split == "valid" else split].append(segment)
    (tmp_path / "mosi.pkl").write_bytes(pickle.dumps(data))
    backbone = write_sentilare(tmp_path / "sentilare")
    arguments = ["train", "--recipe", "mosi-published", "--corpus", str(tmp_path / "mosi.pkl")]
    arguments += ["--backbone", str(backbone), "--out", str(tmp_path / "run"), "--device", "cpu"]
    # smaller than MOSI: 48 utterances, two epochs, a checkpoint with 40 positions
    arguments += ["--epochs", "2", "--batch-size", "16", "--max-length", "30"]
    arguments += ["--n-visual-codes", "4", "--n-acoustic-codes", "3"]
    assert main(arguments) == 0
    run = Run(tmp_path / "run")
    assert run.config["settings"]["seed"] == 6758
    assert run.model.config.frozen_padding_rows
    features = run.processor(load_corpus(tmp_path / "mosi.pkl").train[0])
    assert features["visual_counts"].sum() == 50
    assert features["input_ids"][-2:].tolist() == [2, 2]  # SentiLARE ends with two </s>
    assert run.predictions["prediction"].notna().all()
    assert list(run.predictions["id"]) == [u.id for u in small_corpus]


def test_data_commands(small_run, tmp_path, capsys):
    corpus = str(small_run.folder.parent / "corpus")
    assert main(["data", "info", corpus]) == 0
    assert "small" in capsys.readouterr().out
    assert main(["data", "convert", corpus, str(tmp_path / "copy")]) == 0
    assert main(["data", "convert", corpus, str(tmp_path / "copy")]) == 2
    assert "exists already" in capsys.readouterr().err
    known = str(tmp_path / "known")
    assert main(["data", "convert", corpus, known, "--linguistic", "offline"]) == 0
    utterance = next(u for u in load_corpus(known) if "good" in u.words)
    good = utterance.words.index("good")
    assert utterance.annotations["pos_ids"][good] == 1  # an adjective
    assert utterance.annotations["polarity_ids"][good] == 1  # a positive one
    assert main(["data", "validate", str(tmp_path / "copy")]) == 0
    (tmp_path / "copy" / "visual.npy").unlink()
    assert main(["data", "validate", str(tmp_path / "copy")]) == 1
    assert "visual.npy" in capsys.readouterr().out


def test_errors_are_one_line_without_a_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "cenet_lib", "train", "--corpus", str(tmp_path / "nothing")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "there is no such file or folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--epochs", "0"], "epochs is 0; it must be at least 1"),
        (["train", "--recipe", "mosy"], "no such recipe"),
        (["train", "--resume", "x", "--epochs", "2"], "give no others"),
        (["train", "--resume", "no/run"], "holds no run"),
        (["evaluate", "--run", "no/run"], "is not a finished run"),
        (["predict", "--run", "no/run", "--corpus", "demo"], "is not a finished run"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_real_mosi_sample_trains_and_splits_by_video(test_data, small_backbone, tmp_path):
    path = str(test_data / "mosi_sample" / "dev.pkl")
    out = tmp_path / "run"
    assert main(["train", "--corpus", path, "--out", str(out), *options(small_backbone)]) == 0
    table = Run(out).predictions
    assert len(table) == 105
    videos = table.assign(video=table["id"].str.replace(r"\[\d+\]$", "", regex=True))
    assert (videos.groupby("video")["split"].nunique() == 1).all()
    assert table["prediction"].notna().all()
