"""Firefox as Debian packages it, driven by WebDriver BiDi: Playwright wants its own."""

import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import websocket


class Firefox:
    """One tab, to open pages in and ask them."""

    def __init__(self, port: int):
        self._socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}/session", timeout=60, suppress_origin=True
        )
        self._number = 0
        self._call("session.new", capabilities={})
        contexts = self._call("browsingContext.getTree")["contexts"]
        self._tab = contexts[0]["context"]

    def _call(self, method: str, **params):
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, url: str, width: int, height: int = 900) -> None:
        size = {"width": width, "height": height}
        self._call("browsingContext.setViewport", context=self._tab, viewport=size)
        self._call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def ask(self, expression: str):
        """Return the value of an expression, as JSON knows it."""
        answer = self._call(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._tab},
            awaitPromise=True,
        )
        return json.loads(answer["result"]["value"])


def firefox_program() -> str | None:
    return shutil.which("firefox-esr") or shutil.which("firefox")


@contextmanager
def start_firefox(profile: Path):
    """Run Firefox without a window, with a profile of its own."""
    command = [firefox_program(), "--headless", "--no-remote", "--profile", str(profile)]
    program = subprocess.Popen(
        [*command, "--remote-debugging-port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Firefox(_port_of(profile, program))
    finally:
        program.terminate()
        program.wait(30)


def _port_of(profile: Path, program: subprocess.Popen) -> int:
    """Wait until Firefox has written down where it listens."""
    told = profile / "WebDriverBiDiServer.json"
    for _ in range(480):
        if told.exists() and told.stat().st_size:
            return json.loads(told.read_text())["ws_port"]
        if program.poll() is not None:
            break
        time.sleep(0.25)
    raise RuntimeError("Firefox did not start")
