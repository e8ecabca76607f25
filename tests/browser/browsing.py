"""A real browser, a page in it that is watched, and the real JupyterLab."""

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


def chromium() -> str | None:
    """Find the system's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return found or ("/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None)


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
