"""What the tests of this folder share: browsers, pages in them, and a Jupyter server."""

from pathlib import Path

import pytest
from browsing import (
    FLAGS,
    LOOKS,
    Watched,
    chromium,
    start_jupyter,
    write_camera,
    write_microphone,
)
from inspected import make_inspected_run

from cenet_lib import AttentionInspector, Corpus, Run


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)  # each waits for a browser, and some for Jupyter


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    if chromium() is None:
        pytest.skip("there is no Chromium on this machine; install the package 'chromium'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def camera_browser(browser, tmp_path_factory):
    """A browser before whose camera a bar moves, and into whose microphone a tone is played."""
    folder = tmp_path_factory.mktemp("camera")
    write_camera(folder / "camera.y4m")
    write_microphone(folder / "microphone.wav")
    fake = [
        *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
        f"--use-file-for-fake-video-capture={folder / 'camera.y4m'}",
        f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}",
    ]
    other = browser.browser_type.launch(executable_path=chromium(), args=[*FLAGS, *fake])
    yield other
    other.close()


@pytest.fixture(scope="session")
def rested():
    """The pages that no test has at the moment: to open one takes a second of the processor."""
    return []


@pytest.fixture
def watched(browser, rested):
    """Open a page; if it is not to be its own, one on which nothing of the tests before is left.

    A page of its own can be given what cannot be taken away again: scripts, functions, unsaved
    changes.
    """
    shared, own = [], []

    def open_page(*, its_own=False, **settings) -> Watched:
        if its_own or not settings.keys() <= {*LOOKS, "viewport"}:
            own.append(Watched(browser, **settings))
            return own[-1]
        shared.append(rested.pop() if rested else Watched(browser))
        shared[-1].begin(**settings)
        return shared[-1]

    yield open_page
    for one in shared:
        (rested if one.end() else own).append(one)
    for one in own:
        one.context.close()


@pytest.fixture
def opened(exported, watched):
    """Open the page that a module calls ``exported``, or another one, at an utterance."""

    def open_page(hash="", path=exported, **settings):
        watch = watched(**settings)
        watch.page.goto(path.as_uri() + hash)
        watch.page.locator(".sentence button").first.wait_for()
        return watch

    return open_page


@pytest.fixture(scope="session")
def workplace(tmp_path_factory) -> Path:
    """A folder with a corpus, a trained run called ``ce``, and nothing else."""
    folder = tmp_path_factory.mktemp("inspected")
    make_inspected_run(folder)
    return folder


@pytest.fixture(scope="module")
def inspector(workplace):
    return AttentionInspector.from_run(Run(workplace / "ce"), Corpus.load(workplace / "corpus"))


@pytest.fixture(scope="session")
def jupyter(browser, workplace, tmp_path_factory):
    """The address of a Jupyter server in that folder, which serves Lab and Notebook 7."""
    with start_jupyter(workplace, tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.fixture
def serve():
    """Return what starts a server in another folder."""
    return start_jupyter
