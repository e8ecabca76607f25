"""A real browser, and the real JupyterLab, for the tests in this folder."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
import wave
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

import numpy as np
import pytest
from inspected import make_inspected_run

from cenet_lib import AttentionInspector, Corpus, Run

ROOT = Path(__file__).parents[2]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
# Jupyter's server, which forks its kernels: they need not import PyTorch, each for itself.
SERVER = """
import processes
from jupyterlab.labapp import main

processes.fork_kernels()
main()
"""
SETTINGS = {
    # no toast in the way, and no news from the network
    "@jupyterlab/apputils-extension/notification": (
        '{"fetchNews": "false", "checkForUpdates": false}'
    ),
}


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)  # each waits for a browser, and some for Jupyter


def chromium() -> str | None:
    """Find the system's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return found or ("/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None)


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


def write_camera(path, size=(160, 120), n_frames=30):
    """Write a second of film, raw: a bar that moves from left to right."""
    width, height = size
    grey = np.full((height // 2, width // 2), 128, np.uint8).tobytes()
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode())
        for i in range(n_frames):
            picture = np.full((height, width), 40, np.uint8)
            picture[:, i * width // n_frames :][:, :20] = 220
            file.write(b"FRAME\n" + picture.tobytes() + grey + grey)


def write_microphone(path, rate=48_000, pitch=220.0):
    """Write a second of a tone."""
    samples = 8000 * np.sin(2 * np.pi * pitch * np.arange(rate) / rate)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, rate, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())


LOOKS = {  # what an open page can be given anew
    "color_scheme": "light",
    "forced_colors": "none",
    "reduced_motion": "no-preference",
}
VIEWPORT = {"width": 1500, "height": 1000}


class Watched:
    """A page, with everything that went wrong on it and every request that it made."""

    def __init__(self, browser, **settings):
        self.context = browser.new_context(**{"viewport": VIEWPORT, **settings})
        self.context.set_default_timeout(60_000)  # a busy machine takes its time
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._heard)

    def _heard(self, message):
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def begin(self, viewport=VIEWPORT, **looks):
        """Begin as a new page with these settings would."""
        self.requests.clear()
        self.errors.clear()
        self.page.set_default_timeout(60_000)
        self.page.set_viewport_size(viewport)
        self.page.emulate_media(media="null", **{**LOOKS, **looks})

    def end(self) -> bool:
        """Forget what was done on the page; tell whether another test can have it."""
        if len(self.context.pages) != 1 or self.page.is_closed():
            return False
        from playwright.sync_api import Error  # may be missing, as above

        with suppress(Error):
            self.page.mouse.up()
            self.page.mouse.move(-10, -10)
            self.page.evaluate("try { localStorage.clear(); sessionStorage.clear() } catch {}")
            self.page.unroute_all()
            self.context.unroute_all()
            self.page.goto("about:blank")
            return True
        return False

    def left_the_machine(self) -> list[str]:
        """Return the requests to anything but this machine and the page itself."""
        here = ("127.0.0.1", "localhost")
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in ("file", "data", "blob")
            and urlsplit(url).hostname not in here
        ]


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


@contextmanager
def start_jupyter(folder: Path, private: Path):
    """Run a Jupyter server in a folder, with settings and data of its own; give its address."""
    for name, content in SETTINGS.items():
        file = private / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_DATA_DIR": str(private / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
        "IPYTHONDIR": str(private / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "OMP_NUM_THREADS": "1",
    }
    (private / "config").mkdir(parents=True)
    log = (private / "log").open("w")
    server = subprocess.Popen(
        [
            *(sys.executable, "-c", SERVER, "--no-browser", "--allow-root"),
            *(f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"),
            *("--IdentityProvider.token=", "--ServerApp.password="),
            *("--expose-app-in-browser", "--LabApp.news_url=", "--ServerApp.log_level=WARN"),
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ],
        env=environment,
        cwd=folder,
        stdout=log,
        stderr=log,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(480):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=1).close()
            break
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.25)
    else:
        server.terminate()
    if server.poll() is not None:
        raise RuntimeError("JupyterLab did not start:\n" + (private / "log").read_text()[-2000:])
    try:
        yield address
    finally:
        server.terminate()
        server.wait(30)
        log.close()
