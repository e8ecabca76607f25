"""What the notebooks share: fast mode, figures with alternative texts, runs and comparisons."""

import base64
import dataclasses
import html
import io
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

from cenet_lib import CENetError, Run, TrainingSettings
from cenet_lib.course import lesson
from cenet_lib.course.lesson import FAST_SIZES, fast, recorded, shorten, show, trained


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.fixture
def settings(small_backbone, tmp_path, monkeypatch):
    """Return settings of a quick training, and keep runs in an empty cache."""
    monkeypatch.setenv("CENET_CACHE", str(tmp_path))
    return TrainingSettings(
        backbone=str(small_backbone), n_visual_codes=4, n_acoustic_codes=3, epochs=1, device="cpu"
    )


@pytest.mark.parametrize("of", ["figure", "axes"])
def test_show_displays_a_picture_with_its_text_and_closes_it(shell, of):
    figure, axes = plt.subplots()
    with capture_output() as captured:
        show(figure if of == "figure" else axes, 'Of "x" < y')
    [output] = captured.outputs
    assert output.data["text/plain"] == 'Of "x" < y'
    alt, width, png = re.fullmatch(
        r'<img alt="(.+?)" width="(\d+)" src="data:image/png;base64,(.+)">',
        output.data["text/html"],
    ).groups()
    assert html.unescape(alt) == 'Of "x" < y'
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    assert picture.width // 2 == int(width)  # sharp on the screens of today
    assert picture.mode == "P"
    assert not plt.fignum_exists(figure.number)


def test_fast_mode_is_off_unless_asked_for(monkeypatch, small_corpus):
    for value in (None, "0", ""):
        if value is None:
            monkeypatch.delenv("CENET_FAST", raising=False)
        else:
            monkeypatch.setenv("CENET_FAST", value)
        assert fast("full", "small") == "full"
        assert shorten(small_corpus) is small_corpus


def test_fast_mode_takes_less_data(monkeypatch):
    from small import make_corpus

    corpus = make_corpus(sizes=(200, 50, 30))
    monkeypatch.setenv("CENET_FAST", "1")
    assert fast("full", "small") == "small"
    short = shorten(corpus)
    for split, size in FAST_SIZES.items():
        assert list(short.split(split)) == list(corpus.split(split))[:size]
    assert short.label_range == corpus.label_range
    assert short.feature_names == corpus.feature_names


def test_a_model_is_trained_once(small_corpus, settings, tmp_path):
    run = trained(small_corpus, settings)
    assert run.folder.is_relative_to(tmp_path)
    metrics = (run.folder / "metrics.json").stat().st_mtime_ns
    again = trained(small_corpus, settings)
    assert again.folder == run.folder
    assert (again.folder / "metrics.json").stat().st_mtime_ns == metrics
    other = trained(small_corpus, dataclasses.replace(settings, seed=1))
    assert other.folder != run.folder


def test_a_run_that_cannot_be_opened_is_trained_anew(small_corpus, settings):
    run = trained(small_corpus, settings)
    saved = run.folder / "model" / "cenet_processor.json"
    content = saved.read_text(encoding="utf-8")
    saved.write_text(content.replace('"reads"', '"frames"'), encoding="utf-8")  # its older name
    with pytest.raises(CENetError, match="train the run anew"):
        Run(run.folder).processor  # noqa: B018
    again = trained(small_corpus, settings)
    assert saved.read_text(encoding="utf-8") == content
    pd.testing.assert_frame_equal(again.predictions, run.predictions)


def test_a_stopped_lesson_goes_on(small_corpus, settings):
    run = trained(small_corpus, settings)
    before = run.predictions
    (run.folder / "metrics.json").unlink()  # as if it had been stopped before the end
    pd.testing.assert_frame_equal(trained(small_corpus, settings).predictions, before)


def test_recorded_comparisons(tmp_path, monkeypatch):
    monkeypatch.setattr(lesson, "RESULTS", tmp_path)
    with pytest.raises(CENetError, match="recorded are: none"):
        recorded("fusions")
    table = pd.DataFrame({"fusion": ["none", "ce"], "test_mae": [0.5, None]})
    table.to_csv(tmp_path / "fusions.csv", index=False)
    found = recorded("fusions")
    assert list(found["fusion"]) == ["none", "ce"]  # "none" is a way of fusion, not a gap
    assert found["test_mae"].isna().tolist() == [False, True]
    with pytest.raises(CENetError, match="recorded are: fusions"):
        recorded("fusion")
