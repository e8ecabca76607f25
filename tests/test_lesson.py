"""What the notebooks share: fast mode, and figures with alternative texts."""

import matplotlib.pyplot as plt
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from cenet_lib.lesson import FAST_SIZES, fast, shorten, show


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("of", ["figure", "axes"])
def test_show_displays_a_picture_with_its_text_and_closes_it(shell, of):
    figure, axes = plt.subplots()
    with capture_output() as captured:
        show(figure if of == "figure" else axes, "An empty frame")
    [output] = captured.outputs
    assert output.data["image/png"].startswith("iVBORw0KGgo")  # a PNG in base64
    assert output.data["text/plain"] == "An empty frame"
    assert output.metadata == {"image/png": {"alt": "An empty frame"}}
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
