"""In how many bits a run computes: what a device can do, and what `auto` becomes and stays.

Nothing is timed here: the trial's result is given.
"""

import json

import pandas as pd
import pytest
import torch

from cenet_lib import CENetError, TrainingSettings, resume, train
from cenet_lib.__main__ import main
from cenet_lib.results.experiments import compare
from cenet_lib.runs import precision
from cenet_lib.runs.precision import bf16_takes, check_precision, has_bf16, settle_precision
from cenet_lib.training import train_epoch


@pytest.fixture
def quick(small_backbone) -> dict:
    """Settings for one epoch on the small corpus."""
    return {
        **{"backbone": str(small_backbone), "n_visual_codes": 4, "n_acoustic_codes": 3},
        **{"epochs": 1, "batch_size": 16, "device": "cpu", "precision": "auto"},
    }


@pytest.fixture
def trials(monkeypatch) -> list:
    """What the next trials find, first to last; bf16 is there. What they tried is put behind."""
    found: list = []

    def trial(device, width, tokens):
        found.append((device.type, width, tokens))
        return found.pop(0)

    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    monkeypatch.setattr(precision, "bf16_takes", trial)
    return found


def precision_of(folder) -> str:
    return json.loads((folder / "config.json").read_text())["settings"]["precision"]


# what a device can do


@pytest.mark.parametrize(
    ("kind", "has_bf16", "precision", "said"),
    [
        ("cuda", True, "bf16", None),
        ("cuda", True, "fp16", None),
        (
            "cuda",
            False,
            "bf16",
            r"bf16 is not possible on this device \(cuda\); choose fp16 or fp32",
        ),
        ("mps", False, "fp16", None),
        ("cpu", False, "bf16", None),
        ("cpu", False, "fp32", None),
    ],
)
def test_precision_by_device(monkeypatch, kind, has_bf16, precision, said):
    state = type("State", (), {"device": torch.device(kind)})
    monkeypatch.setattr("accelerate.PartialState", state)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: has_bf16)
    settings = TrainingSettings(precision=precision)
    if said is None:
        check_precision(settings)
        return
    with pytest.raises(CENetError, match=said):
        check_precision(settings)


@pytest.mark.parametrize(
    ("kind", "capabilities", "there"),
    [
        ("cpu", {"avx512_bf16": True, "amx_bf16": False}, True),
        ("cpu", {"amx_bf16": True}, True),
        ("cpu", {"architecture": "aarch64", "bf16": True}, True),
        ("cpu", {"avx2": True, "avx512_bf16": False}, False),
        ("cuda", {"avx512_bf16": True}, False),
        ("mps", {"bf16": True}, False),
    ],
)
def test_hardware_that_says_it_has_bf16(monkeypatch, kind, capabilities, there):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: False)
    assert has_bf16(torch.device(kind)) == there


def test_an_older_torch_does_not_say_it(monkeypatch):
    monkeypatch.delattr("torch.cpu.get_capabilities", raising=False)
    assert not has_bf16(torch.device("cpu"))


# what `auto` becomes


@pytest.mark.parametrize(
    ("takes", "expected"), [(0.5, "bf16"), (0.95, "fp32"), (1.0, "fp32"), (3.0, "fp32")]
)
def test_auto_is_bf16_only_where_it_is_clearly_faster(takes, expected, quick, trials):
    trials.append(takes)
    settings = TrainingSettings(**quick, accumulate=2)
    assert settle_precision(settings) == TrainingSettings(
        **{**quick, "precision": expected}, accumulate=2
    )
    assert trials == [("cpu", 16, 8 * 20)]  # with the language model's width, on a part of a batch


def test_without_the_hardware_nothing_is_tried(quick, trials, monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda device: False)
    trials.append(0.1)
    assert settle_precision(TrainingSettings(**quick)).precision == "fp32"
    assert trials == [0.1]


@pytest.mark.parametrize("said", ["fp32", "bf16", "fp16"])
def test_what_was_asked_for_is_not_tried(said, quick, trials):
    settings = TrainingSettings(**{**quick, "precision": said})
    assert settle_precision(settings) is settings


def test_other_processes_take_what_the_first_one_found(quick, trials, monkeypatch):
    other = type("State", (), {"device": torch.device("cpu"), "is_main_process": False})
    monkeypatch.setattr("accelerate.PartialState", lambda cpu: other)
    monkeypatch.setattr(precision, "broadcast_object_list", lambda objects: ["bf16"])
    assert settle_precision(TrainingSettings(**quick)).precision == "bf16"
    assert trials == []


@pytest.mark.slow
def test_the_trial_takes_no_random_numbers_away():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert bf16_takes(torch.device("cpu"), width=10**9, tokens=1, seconds=0.0) > 0  # cut to size
    assert torch.equal(torch.rand(3), expected)


# what it stays


def test_a_run_keeps_what_auto_became_when_it_goes_on(
    small_corpus, quick, trials, tmp_path, monkeypatch
):
    longer = {**quick, "epochs": 2}
    asked = TrainingSettings(**{**longer, "precision": "bf16"})
    expected = train(small_corpus, tmp_path / "asked", asked)
    trials.append(0.5)

    def killed_in_second(training, state, between_steps):
        if state.epoch == 1:
            raise KeyboardInterrupt
        train_epoch(training, state, between_steps)

    monkeypatch.setattr("cenet_lib.training.train_epoch", killed_in_second)
    with pytest.raises(KeyboardInterrupt):
        train(small_corpus, tmp_path / "run", TrainingSettings(**longer))
    monkeypatch.setattr("cenet_lib.training.train_epoch", train_epoch)
    assert precision_of(tmp_path / "run") == "bf16"
    trials[:] = [3.0]  # by now, bf16 would be slower
    run = resume(tmp_path / "run", small_corpus)
    assert trials == [3.0]
    assert run.config["settings"]["precision"] == "bf16"
    pd.testing.assert_frame_equal(run.history, expected.history)
    pd.testing.assert_frame_equal(run.predictions, expected.predictions)


def test_a_run_that_does_not_say_how_it_computed_does_not_go_on(small_run, quick, tmp_path):
    config = json.loads((small_run.folder / "config.json").read_text())
    config["settings"]["precision"] = "auto"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CENetError, match=r"config\.json: precision is auto, .*begin a new run"):
        resume(tmp_path)


def test_seeds_compute_alike(small_run, quick, trials, tmp_path, capsys):
    trials += [0.5, 3.0]
    pairs = [(f"--{name.replace('_', '-')}", str(value)) for name, value in quick.items()]
    corpus = small_run.folder.parent / "corpus"
    options = ["train", "--corpus", str(corpus), *(x for pair in pairs for x in pair)]
    assert main([*options, "--seed", "0", "1", "--out", str(tmp_path / "runs")]) == 0
    assert [precision_of(tmp_path / "runs" / f"seed{seed}") for seed in (0, 1)] == ["bf16"] * 2
    assert "precision: bf16" in capsys.readouterr().out


def test_runs_of_a_comparison_compute_alike(small_corpus, quick, trials, tmp_path):
    axes = {"precision": ["auto", "fp32"], "seed": [0]}
    trials.append(0.5)
    first = compare(small_corpus, tmp_path, axes, quick, report=lambda line: None)
    assert first.runs["precision"].tolist() == ["auto", "fp32"]  # as it was asked for
    found = {folder.name: precision_of(folder) for folder in (tmp_path / "runs").iterdir()}
    assert sorted(found.values()) == ["bf16", "fp32"]
    trials[:] = [3.0]
    axes["seed"] = [0, 1]  # the new run with auto computes as the one that is there
    compare(small_corpus, tmp_path, axes, quick, report=lambda line: None)
    assert trials == [3.0]
    found = {folder.name: precision_of(folder) for folder in (tmp_path / "runs").iterdir()}
    assert sorted(found.values()) == ["bf16", "bf16", "fp32", "fp32"]
