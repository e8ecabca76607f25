"""Settings and recipes."""

import os
from dataclasses import fields

import pytest
import yaml

from cenet_lib import CENetError, TrainingSettings, load_recipe, train
from cenet_lib.settings import _AT_LEAST_ONE, RECIPES


@pytest.mark.parametrize("name", ["demo", "mosi", "mosei", "mosi-published"])
def test_packaged_recipes_are_valid(name):
    TrainingSettings(**load_recipe(name))


def test_there_are_no_other_recipes():
    assert {p.stem for p in RECIPES.iterdir()} == {"demo", "mosi", "mosei", "mosi-published"}


def test_recipes_for_real_data_leave_the_precision_open_but_for_the_published_run():
    expected = {"demo": "fp32", "mosi": "auto", "mosei": "auto", "mosi-published": "fp32"}
    assert {name: load_recipe(name)["precision"] for name in expected} == expected


def test_demo_recipe_is_the_default():
    assert TrainingSettings(**load_recipe("demo")) == TrainingSettings()


def test_published_recipe_has_the_published_settings():
    recipe = TrainingSettings(**load_recipe("mosi-published"))
    assert recipe.lr_backbone == recipe.lr_fusion == recipe.lr_head == 6e-5
    assert (recipe.epochs, recipe.batch_size, recipe.warmup, recipe.max_grad_norm) == (
        40,
        64,
        0.4,
        2,
    )
    assert (recipe.weight_decay, recipe.adam_epsilon, recipe.seed) == (0.0, 1e-8, 6758)
    assert (recipe.max_length, recipe.pad_frames_to) == (50, 50)
    assert recipe.drop_last
    assert not recipe.group_by_length
    assert not recipe.mask_padding


def test_every_setting_is_documented():
    for setting in fields(TrainingSettings):
        assert len(setting.metadata["help"]) > 10, setting.name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("lr_bakbone: 1.0", "there is no setting 'lr_bakbone'; did you mean 'lr_backbone'?"),
        ("zzz: 1", "there is no setting 'zzz'; settings are backbone"),
        ("- a\n- b", "must be a list of 'setting: value' lines"),
        ("epochs: 0", "epochs is 0; it must be at least 1"),
        ("epochs: many", "epochs is 'many'; it must be int"),
        ("epochs: 2.5", "epochs is 2.5; it must be int"),
        ("epochs: true", "epochs is True; it must be int"),
        ("lr_head: fast", "lr_head is 'fast'; it must be float"),
        ("lr_head: -1.0", "lr_head is -1.0; it must be 0 or more"),
        ("lr_head: .inf", "lr_head is inf; it must be 0 or more"),
        ("lr_head: .nan", "lr_head is nan; it must be 0 or more"),
        ("warmup: 1.5", "warmup is 1.5; it is a share of the steps"),
        ("head_dropout: 1", r"head_dropout is 1.0; it must be in \[0, 1\)"),
        ("device: tpu", "device is 'tpu'; choose one of auto, cpu"),
        ("linguistic: wordnet", "linguistic is 'wordnet'; choose one of offline, sentiwordnet"),
        ("batch_size: 2\naccumulate: 3", "a batch of 2 cannot be worked through in 3 parts"),
        ("epochs: [1", "cannot be read as YAML"),
        ("!!python/object/apply:os.system ['true']", "cannot be read as YAML"),
    ],
)
def test_bad_recipes_name_the_file_and_the_mend(tmp_path, content, message):
    path = tmp_path / "own.yaml"
    path.write_text(content)
    with pytest.raises(CENetError, match=message) as error:
        load_recipe(path)
    assert str(path) in str(error.value)


def test_missing_recipe_names_the_others():
    with pytest.raises(CENetError, match="no such recipe; choose demo, mosei, mosi, mosi-p"):
        load_recipe("mosy")


def test_numbers_may_be_written_as_people_write_them(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("lr_backbone: 6e-5\nattention_scale: 8\n")
    assert yaml.safe_load(path.read_text())["lr_backbone"] == "6e-5"  # YAML's own reading
    settings = TrainingSettings(**load_recipe(path))
    assert settings.lr_backbone == 6e-5
    assert settings.attention_scale == 8.0


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        *((f"wandb: {word}", {"wandb": "off"}) for word in ("off", "Off", "OFF", "no", "false")),
        ("wandb: 'off'", {"wandb": "off"}),
        ("wandb: offline", {"wandb": "offline"}),
        ("patience: off", {"patience": None}),
        ("linguistic: no", {"linguistic": None}),
        ("drop_last: off", {"drop_last": False}),
        ("fusion: none", {"fusion": "none"}),
        ("lr_head: 6e-5", {"lr_head": 6e-5}),
    ],
)
def test_words_that_yaml_takes_for_something_else_are_understood(content, expected, tmp_path):
    (tmp_path / "mine.yaml").write_text(content)
    recipe = load_recipe(tmp_path / "mine.yaml")
    assert recipe == expected
    TrainingSettings(**recipe)


BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        *((f"{n}: {10**23}", f"{n} is 1000.*; it must be at most 1000000") for n in _AT_LEAST_ONE),
        ("epochs: 1e23", "epochs is '1e23'; it must be int"),
        ("epochs: 1.0e+23", r"epochs is 1e\+23; it must be int"),
        ("epochs: 1000001", "epochs is 1000001; it must be at most 1000000"),
        (f"epochs: 0x{'f' * 5000}", "mine.yaml: "),
        (f"epochs: {'9' * 5000}", "cannot be read as YAML"),
        (f"seed: {2**32}", "seed is 4294967296; it must be at most 4294967295"),
        (f"lr_head: {'9' * 400}", "lr_head is inf; it must be 0 or more"),
        ("attention_scale: .nan", "attention_scale is nan; it must be a finite number"),
        ("attention_scale: -.inf", "attention_scale is -inf; it must be a finite number"),
        ("epochs: " + "[" * 100_000, "cannot be read as YAML"),
        (BOMB.replace("i: &i", "epochs: &i"), "there is no setting 'a'"),
        ("epochs: " + "x" * 10_000, r"epochs is 'x+\.\.\.x+'; it must be int"),
        ("wandb: on", "wandb is True; choose one of off, "),
        ("? [a, b]\n: 1", "cannot be read as YAML"),
        ("epochs: 1\nseed: 2\nepochs: 3", "'epochs' is given twice, remove one .*line 3"),
        ("seed: 010", "010 is no decimal number, write it plainly"),
        ("epochs: 1:30", "1:30 is no decimal number, write it plainly"),
        ("1: 2", "there is no setting 1"),
    ],
)
def test_recipes_at_the_edge(content, said, tmp_path):
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(CENetError, match=said) as caught:
        load_recipe(tmp_path / "mine.yaml")
    assert str(caught.value).startswith(str(tmp_path / "mine.yaml"))
    assert len(str(caught.value)) < 1000


def test_none_in_a_recipe_is_as_on_the_command_line(tmp_path):
    (tmp_path / "mine.yaml").write_text("patience: none\nlinguistic: None\nfusion: none\nseed: 0\n")
    settings = TrainingSettings(**load_recipe(tmp_path / "mine.yaml"))
    assert (settings.patience, settings.linguistic, settings.fusion) == (None, None, "none")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_recipe_that_would_never_end_is_refused(tmp_path):
    os.mkfifo(tmp_path / "mine.yaml")
    for path in (tmp_path / "mine.yaml", "/dev/zero", tmp_path):
        with pytest.raises(CENetError, match="is no file; give the YAML file itself"):
            load_recipe(path)


def test_a_seed_of_32_bits_is_good():
    assert TrainingSettings(seed=2**32 - 1).seed == 2**32 - 1


@pytest.mark.parametrize("settings", [{"epochs": 1}, {}, "demo", [("epochs", 1)], TrainingSettings])
def test_what_is_no_settings_is_one_error_before_anything_is_written(settings, tmp_path):
    with pytest.raises(CENetError, match=r"^settings: a \w+ is no TrainingSettings; "):
        train(None, tmp_path / "run", settings)
    assert not (tmp_path / "run").exists()
