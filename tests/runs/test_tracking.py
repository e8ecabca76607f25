"""Weights & Biases: what an offline run wrote, read back from its file."""

import json
import os
import struct
import subprocess
import sys

import pytest

from cenet_lib import TrainingSettings, train
from cenet_lib.runs.tracking import WandbTracker

pytestmark = pytest.mark.slow  # a run is trained first

BLOCK = 32 * 1024
FULL, LAST = 1, 4  # of the pieces: first and middle ones are 2 and 3


def records(folder):
    """Yield the records of the only offline run below a folder.

    The file is a log as LevelDB writes it: blocks of 32 KiB, in them pieces of records with a head
    of seven bytes (checksum, length, which piece); a head of W&B's own comes first.
    """
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    content = path.read_bytes()
    assert content[:4] == b":W&B"
    position, data = 7, b""
    while position + 7 <= len(content):
        if BLOCK - position % BLOCK < 7:  # too little is left of the block for a head
            position += BLOCK - position % BLOCK
            continue
        _, length, piece = struct.unpack("<IHB", content[position : position + 7])
        data += content[position + 7 : position + 7 + length]
        position += 7 + length
        if piece in (FULL, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            yield record
            data = b""


@pytest.fixture(scope="module")
def offline(small_corpus, small_backbone, tmp_path_factory):
    settings = TrainingSettings(
        backbone=str(small_backbone),
        n_visual_codes=4,
        n_acoustic_codes=3,
        epochs=2,
        device="cpu",
        wandb="offline",
    )
    run = train(small_corpus, tmp_path_factory.mktemp("tracked") / "run", settings)
    return run, list(records(run.folder))


def test_each_epoch_is_logged_with_everything(offline):
    run, found = offline
    rows = []
    for record in found:
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items})
    merged = {}
    for row in rows:
        if "epoch" in row:
            merged.setdefault(row["epoch"], {}).update(row)
    assert sorted(merged) == [1, 2]
    for epoch, row in merged.items():
        saved = run.history.set_index("epoch").loc[epoch]
        assert row["train/mse"] == pytest.approx(saved["train_mse"])
        assert row["valid/mae"] == pytest.approx(saved["valid_mae"])
        assert row["lr/fusion"] == pytest.approx(saved["lr_fusion"])
        for stream, k in (("visual", 4), ("acoustic", 3)):
            assert row[f"valid/{stream}_entropy"] == pytest.approx(saved[f"valid_{stream}_entropy"])
            shares = [row[f"valid/{stream}_share_{code}"] for code in range(k + 1)]
            assert sum(shares) == pytest.approx(1, abs=1e-3)
    names = {name for row in rows for name in row}
    assert {"predictions", "learning_curves"} <= {name.split("/")[0] for name in names}


def test_config_and_project(offline):
    run, found = offline
    (head,) = (r.run for r in found if r.WhichOneof("record_type") == "run")
    assert head.project == "cenet"
    config = {u.key: json.loads(u.value_json) for u in head.config.update}
    assert config["settings"]["epochs"] == 2
    assert config["corpus"]["fingerprint"] == run.config["corpus"]["fingerprint"]


class Broken:
    """A W&B whose parts fail; what is not set works and remembers its calls."""

    Settings = Table = Image = staticmethod(lambda *_, **__: None)

    def __init__(self, where: str):
        self.where, self.dir, self.calls = where, "wandb/run/files", []
        self.summary = type("Summary", (), {"update": lambda _, values: self.call("update")})()

    def call(self, name: str, *_, **__):
        self.calls.append(name)
        if name == self.where:
            raise RuntimeError(f"{name} broke\nin many lines")
        return self

    def __getattr__(self, name):
        return lambda *_, **__: self.call(name)


@pytest.mark.parametrize("mode", ["offline", "online"])
@pytest.mark.parametrize("where", ["login", "init", "log", "update", "finish"])
def test_whatever_fails_in_wandb_is_told_once_and_the_run_goes_on(
    where, mode, small_corpus, small_backbone, tmp_path, monkeypatch, capsys
):
    broken = Broken(where)
    monkeypatch.setitem(sys.modules, "wandb", broken)
    sizes = {"n_visual_codes": 4, "n_acoustic_codes": 3, "epochs": 2, "device": "cpu"}
    settings = TrainingSettings(backbone=str(small_backbone), wandb=mode, **sizes)
    run = train(small_corpus, tmp_path / "run", settings)
    assert len(run.history) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if "W&B" in line]
    silent = mode == "offline" and where == "login"  # it is not asked for one
    reason = f"warning: W&B failed ({where} broke); the run goes on without it"
    assert told == ([] if silent else [reason])
    assert broken.calls.count("log") == {"login": 0, "init": 0, "log": 1}.get(where, 4) + 4 * silent


def test_a_wandb_that_cannot_be_imported_is_a_warning(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    tracker = WandbTracker(tmp_path, {}, "offline")
    tracker.log({"epoch": 1, "valid_mae": 1.0}, step=4)
    tracker.finish(None, {}, [])
    assert capsys.readouterr().err.count("warning: W&B failed (") == 1


def test_what_is_not_defined_is_left_out(tmp_path, monkeypatch):
    logged = []
    fake = Broken("")
    fake.log = lambda values, **_: logged.append(values)
    fake.summary.__class__.update = lambda _, values: logged.append(values)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    tracker = WandbTracker(tmp_path, {}, "offline")
    tracker.log({"epoch": 1, "valid_mae": 1.0, "valid_corr": float("nan")}, step=4)
    assert logged == [{"epoch": 1, "valid/mae": 1.0}]
    tracker.finish(None, {"test": {"mae": 0.5, "corr": float("nan")}, "best_epoch": 1}, [])
    assert {"test/mae": 0.5} in logged


@pytest.mark.slow
def test_online_without_a_login_goes_on_offline(small_corpus, small_backbone, tmp_path):
    code = (
        "import sys; from cenet_lib import *\n"
        "settings = TrainingSettings(backbone=sys.argv[1], n_visual_codes=4, n_acoustic_codes=3,"
        " epochs=1, device='cpu', wandb='online')\n"
        "train(load_corpus(sys.argv[2]), sys.argv[3], settings)"
    )
    small_corpus.save(tmp_path / "corpus")
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    arguments = [str(small_backbone), str(tmp_path / "corpus"), str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**kept, "HOME": str(home), "USERPROFILE": str(home), "NETRC": str(home / "netrc")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "no login found, so logging offline" in done.stdout
    assert list((tmp_path / "run").glob("wandb/offline-run-*"))
