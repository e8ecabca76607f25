"""The command line, in real processes and in this one."""

import csv
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import processes
import pytest
from test_sentilare import write_sentilare

from cenet_lib import Corpus, Run, load_corpus
from cenet_lib.__main__ import main
from cenet_lib.utterance import STREAMS, Utterance


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


def test_a_prediction_that_fails_at_once_prints_no_table(small_run, tmp_path, capsys):
    one = Utterance("u", ["good"], np.ones((2, 9)), np.ones((2, 5)))
    Corpus("other", test=[one]).save(tmp_path / "other")
    options = ["--run", str(small_run.folder), "--corpus", str(tmp_path / "other")]
    assert main(["predict", *options]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "u: visual has 9 columns" in told.err


def test_evaluating_on_another_label_range_warns(small_run, small_corpus, tmp_path, capsys):
    thirds = {
        split: [replace(u, label=u.label / 3) for u in utterances]
        for split, utterances in small_corpus.splits.items()
    }
    Corpus("sims", **thirds, label_range=(-1, 1)).save(tmp_path / "sims")
    arguments = ["evaluate", "--run", str(small_run.folder), "--corpus"]
    assert main([*arguments, str(tmp_path / "sims")]) == 0
    printed = capsys.readouterr()
    assert "learned labels from -3 to 3, and sims has labels from -1 to 1" in printed.err
    assert printed.err.startswith("warning: ")
    assert printed.err.count("\n") == 1
    assert "  MAE (MMSA)    " in printed.out
    assert "  Corr (MMSA)   " in printed.out
    assert main([*arguments, str(small_run.folder.parent / "corpus")]) == 0
    assert capsys.readouterr().err == ""


def test_evaluating_a_share_of_a_file_warns(small_run, small_corpus, tmp_path, capsys):
    """MISA's test.pkl alone has no splits: a fifth of it would be taken for all of it."""
    segments = [
        (([], u.visual, u.acoustic, list(u.words)), u.label, u.id) for u in small_corpus.train
    ]
    for name, data in (("test", segments), ("whole", {"test": segments})):
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(data))
    evaluate = ["evaluate", "--run", str(small_run.folder), "--corpus"]
    assert main([*evaluate, str(tmp_path / "test.pkl")]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("warning: test: came without splits, which were made here (by video")
    assert "segments of test are evaluated, of 48;" in told.err
    assert main([*evaluate, str(tmp_path / "whole.pkl")]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith("test, 48 utterances")


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


def write_mine(path, label, splits=("train", "dev", "test")):
    """A pickle of 20 segments per split, with labels as given."""
    rng = np.random.default_rng(0)
    data = {}
    for split in splits:
        data[split] = []
        for number in range(20):
            frames = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
            parts = (["a", "good", "dull", "film"], *frames)
            data[split].append((parts, label(split, number), f"{split}{number}[0]"))
    path.write_bytes(pickle.dumps(data))
    return str(path)


def test_segments_without_a_label_are_predicted_and_do_not_train(
    small_run, small_backbone, tmp_path, capsys
):
    mine = write_mine(tmp_path / "mine.pkl", lambda split, number: number / 10 if number else None)
    out = str(tmp_path / "run")
    assert main(["train", "--corpus", mine, "--out", out, *options(small_backbone)]) == 0
    printed = capsys.readouterr().out
    assert "without a label: train 1 of 20, valid 1 of 20, test 1 of 20" in printed
    assert main(["evaluate", "--run", out]) == 0
    assert "test, 19 utterances (1 more without a label)" in capsys.readouterr().out

    new = write_mine(tmp_path / "new.pkl", lambda split, number: None, ["test"])
    target = tmp_path / "new.csv"
    assert main(["predict", "--run", out, "--corpus", new, "--out", str(target)]) == 0
    with open(target, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"test{number}[0]" for number in range(20)]
    assert {row["label"] for row in rows} == {""}
    assert all(np.isfinite(float(row["prediction"])) for row in rows)
    capsys.readouterr()

    assert main(["evaluate", "--run", out, "--corpus", new]) == 2
    assert "new: the test split has no labels to compare with" in capsys.readouterr().err
    page = tmp_path / "page.html"
    arguments = ["inspect", out, "--corpus", new, "--out", str(page), "--utterances", "3"]
    assert main(arguments) == 0
    assert '"label":null' in page.read_text(encoding="utf-8").replace(": null", ":null")
    assert main(["data", "info", new]) == 0
    assert "labels: none" in capsys.readouterr().out
    assert main(["data", "convert", new, str(tmp_path / "store")]) == 0
    assert [u.label for u in load_corpus(tmp_path / "store").test] == [None] * 20


def test_a_test_split_without_labels_is_predicted(small_backbone, tmp_path, capsys):
    mine = write_mine(
        tmp_path / "mine.pkl", lambda split, number: None if split == "test" else number / 10
    )
    out = str(tmp_path / "run")
    assert main(["train", "--corpus", mine, "--out", out, *options(small_backbone)]) == 0
    assert "without a label: test 20 of 20" in capsys.readouterr().out
    run = Run(out)
    assert "test" not in run.metrics
    assert "mae" in run.metrics["valid"]
    assert (run.predictions["split"] == "test").sum() == 20
    assert main(["evaluate", "--run", out]) == 2
    assert "no labelled utterances in the test split" in capsys.readouterr().err
    arguments = ["compare", "--corpus", mine, "--out", str(tmp_path / "c")]
    assert main([*arguments, *options(small_backbone)]) == 2
    assert "a comparison needs labels" in capsys.readouterr().err


@pytest.mark.parametrize("splits", [("train", "dev", "test"), ("test",)])
def test_training_asks_for_labels(splits, small_backbone, tmp_path, capsys):
    new = write_mine(tmp_path / "new.pkl", lambda split, number: None, splits)
    out = tmp_path / "run"
    assert main(["train", "--corpus", new, "--out", str(out), *options(small_backbone)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    counts = ", ".join(f"{split.replace('dev', 'valid')} 20 of 20" for split in splits)
    assert line == (
        f"error: new: no utterance has a label; training needs labels (without a label: {counts})"
    )
    assert not out.exists()


def test_bad_segments_and_other_labels_by_options(small_backbone, tmp_path, capsys):
    def label(split, number):
        return "bad" if (split, number) == ("train", 3) else 20.0 + number

    mine, out = write_mine(tmp_path / "mine.pkl", label), tmp_path / "run"
    listed = "train segment train3[0]: the label is 'bad'"
    chosen = ["--label-range", "0", "50", "--skip-bad"]
    for command in (["data", "info", mine], ["data", "convert", mine, str(tmp_path / "store")]):
        assert main(command) == 2
        assert "the label is 'bad'" in capsys.readouterr().err
        assert main([*command, *chosen[:3]]) == 2
        assert "the label is 'bad'" in capsys.readouterr().err
        assert main([*command, *chosen]) == 0
        told = capsys.readouterr()
        assert "mine: 1 segment does not fit and is skipped:" in told.err
        assert listed in told.err
        assert (listed in told.out) == ("info" in command)
        assert "labels from 0 to 50" in told.out or "train 19" in told.out
    assert load_corpus(tmp_path / "store").label_range == (0, 50)

    train = ["train", "--corpus", mine, "--out", str(out), *options(small_backbone)]
    assert main([*train, "--skip-bad"]) == 2  # all others are out of range
    assert "none of its segments fits, 60 were skipped" in capsys.readouterr().err
    assert main([*train, *chosen]) == 0
    assert listed in capsys.readouterr().err
    run = Run(out)
    assert run.config["corpus"]["label_range"] == [0, 50]
    # signs and classes of intensities mean nothing from 0 to 50
    assert set(run.metrics["test"]) == {"mae", "corr"}
    capsys.readouterr()
    assert main(["evaluate", "--run", str(out)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["MAE", "Corr"]
    assert run.config["corpus"]["segments_skipped"] == 1
    assert run.corpus().fingerprint() == run.config["corpus"]["fingerprint"]
    assert main(["train", "--resume", str(out), "--skip-bad"]) == 2
    assert "give no others" in capsys.readouterr().err
    for range_ in (["0", "inf"], ["nan", "3"], ["3", "-3"]):
        assert main(["data", "info", mine, "--label-range", *range_]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert "mine.pkl: the label range is" in line
        assert "two finite numbers" in line


@pytest.mark.slow
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
        (["train", "--seed", "0", "0"], "--seed 0 is given twice; give each value once"),
        (["train", "--seed", "0", "--seed", "1", "--seed", "0"], "--seed 0 is given twice"),
        (["train", "--seed", "-1"], "seed is -1; it must be 0 or more"),
        (["train", "--seed", "none"], "argument --seed: invalid int value: 'none'; see python -m"),
        (["train", "--epochs", "-1"], "epochs is -1; it must be at least 1"),
        (["train", "--epochs", str(10**23)], "it must be at most 1000000"),
        (["train", "--patience", "-1"], "patience is -1; it must be at least 1"),
        (["train", "--patience", "few"], "argument --patience: invalid int value: 'few'"),
        (["train", "--batch-size", "0"], "batch_size is 0; it must be at least 1"),
        (["train", "--n-visual-codes", "-3"], "n_visual_codes is -3; it must be at least 1"),
        (["train", "--freeze-layers", "-1"], "freeze_layers is -1; it must be 0 or more"),
        (["train", "--linguistic", "x"], "argument --linguistic: invalid choice"),
        (["train", "--corpus", ""], "argument --corpus: is empty"),
        (["train", "--out", ""], "argument --out: is empty"),
        (["train", "--bogus"], "unrecognized arguments: --bogus; see python -m cenet_lib --help"),
        (["train", "--plugin", ""], "--plugin '': is no name of a module"),
        (["train", "--plugin", "../mine"], "--plugin '../mine': is no name of a module"),
        (["compare", "--out", "x", "--k", "4", "4"], "--k 4 is given twice"),
        (["compare", "--out", "x", "--fusion", "ce", "ce"], "--fusion ce is given twice"),
        (["compare", "--out", "x", "--k", "-1"], "n_visual_codes is -1; it must be at least 1"),
        (["compare", "--out", "x", "--k", "4", "--n-visual-codes", "3"], "--k stands for --n-visu"),
        (["evaluate", "--run", ""], "argument --run: is empty"),
        (["inspect", "x", "--out", "y", "--utterances", "-1"], "--utterances: -1 is too few"),
        (["inspect", "x", "--out", "y", "--utterances", "0"], "--utterances: 0 is too few"),
        (["inspect", "x", "--out", "y", "--utterances", "x"], "--utterances: invalid"),
        (["data", "validate"], "the following arguments are required: path"),
        ([], "the following arguments are required: command"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_recipes_patience_can_be_taken_back(small_run, small_backbone, tmp_path):
    (tmp_path / "mine.yaml").write_text("patience: 3\nsave_every: 2\nlinguistic: offline\n")
    arguments = ["train", "--corpus", str(small_run.folder.parent / "corpus")]
    arguments += ["--recipe", str(tmp_path / "mine.yaml"), *options(small_backbone)]
    taken_back = ["--patience", "none", "--save-every", "None", "--linguistic", "none"]
    assert main([*arguments, *taken_back, "--out", str(tmp_path / "run")]) == 0
    chosen = Run(tmp_path / "run").config["settings"]
    assert [chosen[name] for name in ("patience", "save_every", "linguistic")] == [None] * 3
    assert main([*arguments, "--out", str(tmp_path / "other")]) == 0
    chosen = Run(tmp_path / "other").config["settings"]
    assert [chosen[name] for name in ("patience", "save_every", "linguistic")] == [3, 2, "offline"]


def test_a_comparison_takes_none_for_a_value(small_run, small_backbone, tmp_path, capsys):
    corpus = str(small_run.folder.parent / "corpus")
    arguments = ["compare", "--corpus", corpus, "--out", str(tmp_path / "c")]
    arguments += [*options(small_backbone), "--pad-frames-to", "none", "--pad-frames-to", "10"]
    assert main(arguments) == 0
    assert sorted(p.name.split("-seed")[0] for p in (tmp_path / "c" / "runs").iterdir()) == [
        *("10", "none"),
    ]
    table = pd.read_csv(tmp_path / "c" / "summary.csv", keep_default_na=False)
    assert table["pad_frames_to"].tolist() == ["none", "10"]


@pytest.mark.parametrize("source", [".", "./", "../mine", "./../mine/."])
def test_a_corpus_that_is_this_folder_gives_the_run_its_name(
    source, small_corpus, small_backbone, tmp_path, monkeypatch
):
    small_corpus.save(tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    assert main(["train", "--corpus", source, *options(small_backbone)]) == 0
    assert Run(tmp_path / "mine" / "runs" / "mine-ce").metrics


def test_real_mosi_sample_trains_and_splits_by_video(test_data, small_backbone, tmp_path):
    path = str(test_data / "mosi_sample" / "dev.pkl")
    out = tmp_path / "run"
    assert main(["train", "--corpus", path, "--out", str(out), *options(small_backbone)]) == 0
    table = Run(out).predictions
    assert len(table) == 105
    videos = table.assign(video=table["id"].str.replace(r"\[\d+\]$", "", regex=True))
    assert (videos.groupby("video")["split"].nunique() == 1).all()
    assert table["prediction"].notna().all()


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_full_disk_under_the_output_is_one_clear_error(command, small_run):
    arguments = [command, "--run", str(small_run.folder)]
    arguments += ["--corpus", str(small_run.folder.parent / "corpus")]
    done = processes.command(*arguments, stdout="/dev/full")
    assert done.returncode == 2
    assert done.stderr == "error: the disk that the output goes to is full; make room on it\n"
