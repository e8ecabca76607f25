"""Runs that are damaged, forged or moved, and disks that refuse: one clear line, never a guess."""

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from small import make_corpus

from cenet_lib import CENetError, Corpus, Run, TrainingSettings, resume, train, training
from cenet_lib.__main__ import main
from cenet_lib.files import read_json, write_json
from cenet_lib.model import CENet
from cenet_lib.runs import manifest
from cenet_lib.runs.checkpoints import seal
from cenet_lib.runs.folder import files_of
from cenet_lib.runs.manifest import write_manifest


def failed_in_one_line(arguments, capsys) -> str | None:
    """Run a command; return its error, which must be one line, or None if it succeeded."""
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    error = capsys.readouterr().err.rpartition("\r")[2]  # behind the bars of a slow machine
    if status == 0:
        return None
    assert status == 2, error
    assert error.startswith("error: "), error
    assert error.count("\n") == 1, error
    return error


# what can happen to the files of a run


def delete(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(content)


def zeros(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1000:] = bytes(len(content[-1000:]))
    path.write_bytes(content)


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)


def a_list(path: Path) -> None:
    path.write_text("[1, 2, 3]")


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


ANYTHING = (delete, empty, cut, flip, garbage, a_list, deep, a_folder)
if os.name != "nt":
    ANYTHING += (a_pipe,)
FILES = (
    *("config.json", "metrics.json", "history.csv", "predictions.csv", "manifest.json"),
    *("model/config.json", "model/model.safetensors", "model/tokenizer.json"),
    *("model/tokenizer_config.json", "model/cenet_processor.json"),
    *("model/visual_vocabulary.json", "model/visual_vocabulary.npz"),
)


@pytest.fixture
def copied(small_run, tmp_path) -> Path:
    return Path(shutil.copytree(small_run.folder, tmp_path / "run"))


@pytest.fixture
def commands(small_run, tmp_path) -> list[list[str]]:
    """What one does with a run that is called ``run``."""
    run, corpus = str(tmp_path / "run"), str(small_run.folder.parent / "corpus")
    return [
        ["evaluate", "--run", run],
        ["evaluate", "--run", run, "--corpus", corpus],
        ["predict", "--run", run, "--corpus", corpus, "--out", str(tmp_path / "new.csv")],
        ["inspect", run, "--utterances", "1", "--out", str(tmp_path / "page.html")],
    ]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [*ANYTHING, zeros], ids=lambda function: function.__name__)
def test_a_damaged_run_is_never_used(name, damage, copied, commands, tmp_path, capsys):
    before = {path.name for path in tmp_path.iterdir()}
    damage(copied / name)
    for command in commands:
        error = failed_in_one_line(command, capsys)
        assert error is not None, command
        assert str(copied) in error
        assert "is damaged" in error or "is not a finished run" in error or "manifest" in error
    assert {path.name for path in tmp_path.iterdir()} == before  # no table, no page, no rest
    assert failed_in_one_line(["train", "--resume", copied], capsys) or name == "metrics.json"


def flip_exponent(path: Path) -> None:
    """Make one weight 2⁶⁴ times as large: a file that opens, and other predictions."""
    weights = load_file(path)
    weights["head.output.weight"].view(-1).view(torch.int32)[0] ^= 1 << 29
    save_file(weights, path, metadata={"format": "pt"})


def test_what_nothing_reads_may_lie_beside_a_model(small_run, tmp_path):
    """A model hub puts a README.md there, and Windows its Thumbs.db."""
    run = shutil.copytree(small_run.folder, tmp_path / "run")
    for name in ("README.md", "Thumbs.db", "desktop.ini", "map.png"):
        (run / "model" / name).write_bytes(b"not ours")
    assert Run(run).predictions.equals(small_run.predictions)
    assert Run(run).model.device.type == "cpu"


def test_a_kill_at_the_very_end_leaves_nothing_behind_resume(small_run, tmp_path, capsys):
    run = shutil.copytree(small_run.folder, tmp_path / "run")
    (run / "checkpoints" / "checkpoint-4").mkdir(parents=True)
    (run / "checkpoints" / "checkpoint-4" / "model.safetensors").write_bytes(b"large")
    (run / ".metrics.json.0a1b2c3d.tmp").touch()
    assert "is finished" in failed_in_one_line(["train", "--resume", run], capsys)
    assert not (run / "checkpoints").exists()
    assert not (run / ".metrics.json.0a1b2c3d.tmp").exists()
    assert Run(run).metrics == small_run.metrics


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("model/model.safetensors", flip_exponent, "model/model.safetensors has changed"),
        ("model/tokenizer.json", delete, "model/tokenizer.json is missing"),
        ("model/added_tokens.json", a_list, "model/added_tokens.json does not belong to it"),
        ("manifest.json", delete, "manifest.json is missing"),
    ],
)
def test_what_has_changed_is_named(name, damage, said, copied):
    damage(copied / name)
    with pytest.raises(CENetError) as caught:
        Run(copied)
    assert f"{copied}: is damaged ({said}); copy it anew" in str(caught.value)


def test_predictions_of_another_run_are_recognised(copied, small_corpus, small_backbone, tmp_path):
    options = {"n_visual_codes": 4, "n_acoustic_codes": 3, "epochs": 1, "device": "cpu"}
    settings = TrainingSettings(backbone=str(small_backbone), fusion="none", **options)
    other = train(small_corpus, tmp_path / "other", settings)
    shutil.copy(other.folder / "predictions.csv", copied / "predictions.csv")
    with pytest.raises(CENetError, match=r"is damaged \(predictions.csv has changed\)"):
        Run(copied)


def test_what_systems_and_users_leave_beside_a_run_is_no_damage(copied, small_run):
    (copied / "notes.txt").write_text("the good one")
    (copied / "model" / ".DS_Store").write_text("?")
    (copied / "learning_curves.png").unlink()
    assert Run(copied).metrics == small_run.metrics


def test_a_run_is_hashed_once(copied, monkeypatch):
    hashed = []
    whole = manifest.sha256
    monkeypatch.setattr(manifest, "sha256", lambda path: hashed.append(path) or whole(path))
    run = Run(copied)
    assert (run.model, run.processor, run.predictions) is not None
    assert sorted(hashed) == sorted(copied / name for name in files_of(copied))


def test_a_run_of_an_older_version_has_no_hashes_and_opens(copied, small_run):
    config = read_json(copied / "config.json", "")
    del config["version"]
    write_json(copied / "config.json", config)
    (copied / "manifest.json").unlink()
    assert Run(copied).metrics == small_run.metrics


# a stranger can write a manifest that fits, so each file is also read with care


def changed(**values):
    """Return what sets values in a JSON file; ``None`` takes them out."""

    def change(path: Path) -> None:
        content = read_json(path, "")
        for name, value in values.items():
            *outer, last = name.split("__")
            inner = content
            for key in outer:
                inner = inner[key]
            inner[last] = value
            if value is None:
                del inner[last]
        path.write_text(json.dumps(content))

    change.__name__ = " ".join(f"{name}={str(value)[:12]}" for name, value in values.items())
    return change


def of_table(name: str, value: object):
    def change(path: Path) -> None:
        table = pd.read_csv(path)
        table[name] = value
        table.to_csv(path, index=False)

    change.__name__ = f"{name}={value}"
    return change


def without(column: str):
    def change(path: Path) -> None:
        pd.read_csv(path).drop(columns=column).to_csv(path, index=False)

    change.__name__ = f"without {column}"
    return change


def not_a_number(path: Path) -> None:
    weights = load_file(path)
    weights["head.output.bias"][:] = torch.nan
    save_file(weights, path, metadata={"format": "pt"})


def fewer_weights(path: Path) -> None:
    weights = load_file(path)
    weights.pop("head.output.bias")
    save_file(weights, path, metadata={"format": "pt"})


def long_header(path: Path) -> None:
    path.write_bytes((2**62).to_bytes(8, "little") + path.read_bytes()[8:])


UNREADABLE = (empty, garbage, a_list, deep)
FORGED = [
    *(("config.json", damage) for damage in UNREADABLE),
    ("config.json", changed(corpus=[])),
    ("config.json", changed(corpus__label_range=None)),
    ("config.json", changed(corpus__label_range=["a", 3])),
    ("config.json", changed(corpus__source=7)),
    ("config.json", changed(corpus__fingerprint=None)),
    ("config.json", changed(version=99)),
    ("predictions.csv", empty),
    ("predictions.csv", garbage),
    ("predictions.csv", without("prediction")),
    ("predictions.csv", without("split")),
    ("predictions.csv", of_table("prediction", "much")),
    ("predictions.csv", of_table("prediction", np.nan)),
    ("predictions.csv", of_table("prediction", np.inf)),
    ("predictions.csv", of_table("label", "great")),
    *(("model/config.json", damage) for damage in UNREADABLE),
    ("model/config.json", changed(backbone=None)),
    ("model/config.json", changed(backbone=[1])),
    ("model/config.json", changed(backbone__hidden_size=17)),
    ("model/config.json", changed(backbone__hidden_size="16")),
    ("model/config.json", changed(backbone__num_hidden_layers=10**6)),
    ("model/config.json", changed(fusion="telepathy")),
    ("model/config.json", changed(injection_layer=9)),
    ("model/config.json", changed(n_visual_codes=5)),
    *(("model/model.safetensors", damage) for damage in (*UNREADABLE, cut, long_header)),
    ("model/model.safetensors", not_a_number),
    ("model/model.safetensors", fewer_weights),
    *(("model/tokenizer.json", damage) for damage in UNREADABLE),
    *(("model/tokenizer_config.json", damage) for damage in UNREADABLE),
    *(("model/cenet_processor.json", damage) for damage in UNREADABLE),
    ("model/cenet_processor.json", changed(vocabularies=5)),
    ("model/cenet_processor.json", changed(max_length="long")),
    ("model/cenet_processor.json", changed(max_length=-1)),
    ("model/cenet_processor.json", changed(reads="minds")),
    ("model/cenet_processor.json", changed(surprise=1)),
    ("model/cenet_processor.json", changed(annotator="mine")),
    *(("model/visual_vocabulary.json", damage) for damage in UNREADABLE),
    ("model/visual_vocabulary.json", changed(parameters__n_codes=5)),
    *(("model/visual_vocabulary.npz", damage) for damage in (empty, garbage, cut)),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage"), FORGED, ids=[f"{name} {damage.__name__}" for name, damage in FORGED]
)
def test_a_forged_run_is_one_clear_line(name, damage, copied, commands, capsys):
    damage(copied / name)
    write_manifest(copied, files_of(copied))
    errors = [failed_in_one_line(command, capsys) for command in commands]
    assert any(errors)
    assert all(error is None or str(copied) in error for error in errors), errors


@pytest.mark.parametrize("damage", [*UNREADABLE, changed(test=[1]), changed(best_epoch="last")])
def test_forged_metrics_are_one_clear_error(damage, copied):
    damage(copied / "metrics.json")
    write_manifest(copied, files_of(copied))
    with pytest.raises(CENetError, match=r"metrics\.json: is damaged"):
        Run(copied).metrics  # noqa: B018


# a training that was stopped


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stored") / "corpus"
    make_corpus(sizes=(24, 8, 8)).save(folder)
    return folder


@pytest.fixture(scope="module")
def settings(small_backbone) -> TrainingSettings:
    sizes = {"n_visual_codes": 4, "n_acoustic_codes": 3, "epochs": 2, "batch_size": 8}
    return TrainingSettings(backbone=str(small_backbone), device="cpu", save_every=1, **sizes)


@pytest.fixture(scope="module")
def undisturbed(stored, settings, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    return train(Corpus.load(stored), folder, settings, source=str(stored))


@pytest.fixture(scope="module")
def stopped(stored, settings, tmp_path_factory) -> Path:
    """A run with the checkpoints of its third step, an epoch's end, and its fifth of six."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    calls = []
    whole = training.evaluate_epoch

    def evaluate_epoch(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "evaluate_epoch", evaluate_epoch)
        with pytest.raises(KeyboardInterrupt):
            train(Corpus.load(stored), folder, settings, source=str(stored))
    assert {p.name for p in (folder / "checkpoints").iterdir()} == {"checkpoint-3", "checkpoint-5"}
    return folder


@pytest.fixture
def interrupted(stopped, tmp_path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def newest(folder: Path) -> Path:
    return folder / "checkpoints" / "checkpoint-5"


def in_config(damage):
    def change(folder: Path) -> None:
        damage(folder / "config.json")

    change.__name__ = f"config {damage.__name__}"
    return change


def in_checkpoint(name: str, damage):
    """Return what changes a file of the newest checkpoint and lets its manifest fit again."""

    def change(folder: Path) -> None:
        damage(newest(folder) / name)
        seal(newest(folder))

    change.__name__ = f"{name} {damage.__name__}"
    return change


class Attack:
    """A pickle that makes a file ``attacked`` where the test runs."""

    def __reduce__(self):
        return open, ("attacked", "w")


def hostile(path: Path) -> None:
    path.write_bytes(pickle.dumps(Attack()))


def hostile_tensors(path: Path) -> None:
    torch.save({"state": Attack()}, path)


REFUSED = [
    *(in_config(damage) for damage in (empty, garbage, a_list, deep, a_folder, cut)),
    in_config(changed(settings=None)),
    in_config(changed(settings=["fusion"])),
    in_config(changed(settings__surprise=1)),
    in_config(changed(settings__epochs="many")),
    in_config(changed(settings__epochs=10**23)),
    in_config(changed(settings__fusion="telepathy")),
    in_config(changed(settings__seed=1)),  # another run's, or changed by hand
    in_config(changed(settings__epochs=3)),
    in_config(changed(corpus=None)),
    in_config(changed(corpus="demo")),
    in_config(changed(corpus__fingerprint=None)),
    in_config(changed(corpus__fingerprint=5)),
    in_config(changed(corpus__fingerprint="0" * 64)),
    in_config(changed(corpus__source=None)),
    in_config(changed(corpus__source=["a"])),
    in_config(changed(corpus__source="no\0where")),
    in_config(changed(corpus__source="x" * 5000)),
    in_config(changed(corpus__source="no/where", corpus__source_from_run="no/where")),
    in_config(changed(corpus__source="no/where", corpus__source_from_run=7)),
    in_config(changed(corpus__label_range=None)),
    in_config(changed(corpus__label_range=[3, -3])),
    in_config(changed(corpus__label_range=[-3, float("inf")])),
    in_config(changed(version=99)),
    in_config(changed(version="new")),
    *(in_checkpoint("training.json", damage) for damage in (empty, garbage, a_list, deep)),
    in_checkpoint("training.json", changed(step=4)),
    in_checkpoint("training.json", changed(step="5")),
    in_checkpoint("training.json", changed(steps_per_epoch=None)),
    in_checkpoint("training.json", changed(steps_per_epoch=5, epoch=0, history=[], seen=[])),
    in_checkpoint("training.json", changed(epoch=-1)),
    in_checkpoint("training.json", changed(history=[])),
    in_checkpoint("training.json", changed(history=[[1]])),
    in_checkpoint("training.json", changed(history=[{"epoch": 1}])),
    in_checkpoint("training.json", changed(history=[{"epoch": 1, "valid_mae": None}])),
    in_checkpoint("training.json", changed(seen=[[[1.0], []]])),
    in_checkpoint("training.json", changed(seen=[["a", "b"]])),
    in_checkpoint("training.json", changed(surprise=1)),
    *(
        in_checkpoint("model.safetensors", d)
        for d in (*UNREADABLE, cut, long_header, fewer_weights)
    ),
    *(in_checkpoint("optimizer.bin", d) for d in (*UNREADABLE, hostile, hostile_tensors, delete)),
    *(in_checkpoint("scheduler.bin", d) for d in (*UNREADABLE, hostile, hostile_tensors, delete)),
    *(in_checkpoint("random_states_0.pkl", d) for d in (*UNREADABLE, hostile, hostile_tensors)),
]


@pytest.mark.slow
@pytest.mark.filterwarnings("error::UserWarning")  # which would be a second line
@pytest.mark.parametrize("damage", REFUSED, ids=lambda function: function.__name__)
def test_a_resume_that_cannot_be_right_is_one_clear_line(
    damage, interrupted, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    damage(interrupted)
    before = sorted(path.relative_to(interrupted) for path in interrupted.rglob("*"))
    error = failed_in_one_line(["train", "--resume", interrupted], capsys)
    assert error is not None
    assert str(interrupted) in error
    assert not (tmp_path / "attacked").exists()
    assert "weights_only" not in error  # no advice to open it nevertheless
    assert sorted(path.relative_to(interrupted) for path in interrupted.rglob("*")) == before


def without_manifest(folder: Path) -> None:
    (newest(folder) / "manifest.json").unlink()


def manifest_that_reaches_outside(folder: Path) -> None:
    write_json(newest(folder) / "manifest.json", {"../../../secret": "0" * 64})


def manifest_of_a_pipe(folder: Path) -> None:
    os.mkfifo(newest(folder) / "pipe")
    write_json(newest(folder) / "manifest.json", {"pipe": "0" * 64})


def odd_names(folder: Path) -> None:
    for name in ("checkpoint-abc", "checkpoint-", "checkpoint--1", "checkpoint-5.old", "notes"):
        (folder / "checkpoints" / name).mkdir()
    (folder / "checkpoints" / "checkpoint-9").write_text("no folder")
    (folder / "checkpoints" / "checkpoint-8").symlink_to(folder)


def leftovers(folder: Path) -> None:
    """Leave what a process leaves that is ended while it writes."""
    (folder / ".metrics.json.0a1b2c3d.tmp").write_text("{")
    (folder / ".model.0123abcd.tmp").mkdir()
    (folder / ".model.0123abcd.tmp" / "config.json").write_text("{")


FORGIVEN = [
    *(without_manifest, leftovers),
    *(lambda folder, d=damage: d(newest(folder) / "manifest.json") for damage in ANYTHING),
    *(lambda folder, d=damage: d(newest(folder) / "optimizer.bin") for damage in ANYTHING),
]
if os.name != "nt":
    FORGIVEN += [manifest_that_reaches_outside, manifest_of_a_pipe, odd_names]


@pytest.mark.slow
@pytest.mark.parametrize("damage", FORGIVEN)
def test_a_resume_goes_on_from_what_is_whole(damage, interrupted, undisturbed, capsys):
    damage(interrupted)
    assert failed_in_one_line(["train", "--resume", interrupted], capsys) is None
    run = Run(interrupted)
    pd.testing.assert_frame_equal(run.predictions, undisturbed.predictions, check_exact=True)
    pd.testing.assert_frame_equal(run.history, undisturbed.history, check_exact=True)
    assert not list(run.folder.rglob("*.tmp"))


# a run and its corpus that were moved


def test_a_run_is_used_from_any_folder(stored, settings, tmp_path, monkeypatch, capsys):
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    shutil.copytree(stored, here / "data" / "mine")
    monkeypatch.chdir(here)
    options = ["--epochs", "1", "--n-visual-codes", "4", "--n-acoustic-codes", "3"]
    options += ["--backbone", settings.backbone, "--device", "cpu"]
    assert main(["train", "--corpus", "data/mine", "--out", "runs/mine", *options]) == 0
    assert Run("runs/mine").config["corpus"]["source"] == str(here / "data" / "mine")
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    inspect = ["inspect", here / "runs" / "mine", "--utterances", "1", "--out"]
    assert failed_in_one_line([*inspect, "one.html"], capsys) is None

    here.rename(tmp_path / "moved")
    inspect[1] = tmp_path / "moved" / "runs" / "mine"
    assert failed_in_one_line([*inspect, "two.html"], capsys) is None

    (tmp_path / "moved" / "data").rename(tmp_path / "data")
    error = failed_in_one_line([*inspect, "three.html"], capsys)
    assert "cannot be opened" in error
    assert "say where it is with --corpus" in error
    now = ["--corpus", tmp_path / "data" / "mine"]
    assert failed_in_one_line([*inspect, "three.html", *now], capsys) is None


def test_a_run_whose_corpus_was_moved_goes_on(
    interrupted, stored, undisturbed, tmp_path, monkeypatch, capsys
):
    changed(corpus__source="gone", corpus__source_from_run="gone")(interrupted / "config.json")
    for checkpoint in (interrupted / "checkpoints").iterdir():  # as if it had been so all along
        changed(config=None)(checkpoint / "training.json")
        seal(checkpoint)
    shutil.copytree(stored, tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert "say where it is" in failed_in_one_line(["train", "--resume", interrupted], capsys)
    now = ["train", "--resume", interrupted, "--corpus"]
    make_corpus(seed=1).save(tmp_path / "another")
    assert "the corpus has changed" in failed_in_one_line([*now, "another"], capsys)
    assert failed_in_one_line([*now, "mine"], capsys) is None
    assert Run(interrupted).predictions.equals(undisturbed.predictions)


# disks


def full(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_disk_that_is_full_at_once_leaves_nothing_and_does_not_advise_to_resume(
    stored, settings, tmp_path, monkeypatch
):
    monkeypatch.setattr("cenet_lib.runs.checkpoints.seal", full)
    with pytest.raises(CENetError, match="make room on the disk, then train again") as caught:
        train(Corpus.load(stored), tmp_path / "run", settings)
    assert "--resume" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def full_for_weights(*_, **__):
    raise SafetensorError("I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("error", [full, full_for_weights])
def test_a_disk_that_is_full_at_the_end_keeps_the_checkpoints(
    error, stored, settings, undisturbed, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(CENet, "save_pretrained", error)
        with pytest.raises(CENetError, match=r"results could not be saved .*No space") as caught:
            train(Corpus.load(stored), folder, settings)
    assert f"then go on with: python -m cenet_lib train --resume {folder}" in str(caught.value)
    assert {path.name for path in folder.iterdir()} == {"config.json", "checkpoints"}
    again = resume(folder, Corpus.load(stored))
    assert again.predictions.equals(undisturbed.predictions)


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_corpus_is_read(
    stored, settings, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    options = ["--corpus", "no/such/corpus", "--out", tmp_path / "runs" / "mine"]
    error = failed_in_one_line(["train", *options], capsys)
    assert f"{tmp_path} cannot be written to; choose a folder that you may write to" in error


def test_a_lock_that_cannot_be_made_is_one_clear_error(stored, settings, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", ".lock")

    monkeypatch.setattr("cenet_lib.runs.folder.FileLock.acquire", refuse)
    with pytest.raises(
        CENetError, match=r"cannot be written to .*Permission denied.*; choose a fol"
    ):
        train(Corpus.load(stored), tmp_path / "run", settings)
