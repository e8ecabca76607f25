"""Real processes that begin with everything imported, so that a test waits for its own work only.

One server per test process imports PyTorch and the package once; each process is forked from it.
It has a number and signals of its own, and can be killed. What a program does before it has
imported anything is tested by a new Python instead.
"""

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

CONTEXT = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
CONTEXT.set_forkserver_preload(
    [
        *("cenet_lib.__main__", "cenet_lib.training", "cenet_lib.corpora", "small"),
        *("cenet_lib.commands.train", "cenet_lib.commands.predict", "cenet_lib.commands.compare"),
        *("cenet_lib.inspector.widget", "cenet_lib.results.plots", "ipykernel.kernelapp"),
    ]
)


def start(function, *args, log: str | Path = os.devnull):
    """Run a function in a new process that prints into a file."""
    process = CONTEXT.Process(target=_printing, args=(log, log, function, *args))
    process.start()
    return process


def in_process(function, *args, timeout: float = 120, log: str | Path = os.devnull) -> int:
    """Run a function in a new process to its end; return its exit code."""
    return _exit_code(start(function, *args, log=log), timeout)


def command(
    *arguments: str,
    cwd: str | Path = ".",
    stdout: str | Path | None = None,
    timeout: float = 120,
) -> CompletedProcess:
    """Run ``python -m cenet_lib`` with these arguments, without a network, in ``cwd``."""
    return _run(_command, arguments, cwd, stdout, timeout)


def python(
    code: str, *arguments: str, cwd: str | Path = ".", timeout: float = 120
) -> CompletedProcess:
    """Run ``python -c`` with this code, without a network, in ``cwd``."""
    return _run(_python, (code, *arguments), cwd, None, timeout)


class Kernel:
    """A notebook's kernel, with what `jupyter_client` asks of a process that it started."""

    def __init__(self, command: list[str], cwd: str, env: Mapping[str, str], **_):
        self._process = CONTEXT.Process(target=_kernel, args=(command[3:], cwd, dict(env)))
        self._process.start()
        self.pid = self._process.pid
        while self._process.is_alive() and os.getpgid(self.pid) != self.pid:
            time.sleep(0.01)  # its group is signalled in the end: not ours
        self.stdin = self.stdout = self.stderr = None

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _kernel(arguments, cwd, environment) -> None:
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, "")
    _hide_bars()
    launch_new_instance(arguments)


def _hide_bars() -> None:
    """Show no bars: tqdm reads TQDM_DISABLE when it is imported, and that was before."""
    from tqdm.auto import tqdm

    begin = tqdm.__init__
    tqdm.__init__ = lambda self, *given, **named: begin(self, *given, **{**named, "disable": True})


def _run(function, arguments, cwd, stdout, timeout) -> CompletedProcess:
    with tempfile.TemporaryDirectory() as folder:
        out, error = stdout or Path(folder, "out"), Path(folder, "error")
        process = CONTEXT.Process(
            target=_printing, args=(out, error, _elsewhere, function, arguments, cwd)
        )
        process.start()
        status = _exit_code(process, timeout)
        printed = "" if stdout else out.read_text(encoding="utf-8")
        return CompletedProcess(arguments, status, printed, error.read_text(encoding="utf-8"))


def _exit_code(process, timeout: float) -> int:
    process.join(timeout)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"still running after {timeout} s")
    return process.exitcode


def _printing(out: str | Path, error: str | Path, function, *args) -> None:
    """Send what a function prints into files, also what its libraries and children print."""
    for number, path in ((1, out), (2, error)):
        with open(path, "a") as file:
            os.dup2(file.fileno(), number)
    function(*args)


def _elsewhere(function, arguments, cwd) -> None:
    """Call a function as a new Python would, in a folder of its own; without a network."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a fork server ignores it
    os.chdir(cwd)
    sys.path.insert(0, os.getcwd())
    socket.socket.connect = _refuse  # type: ignore[method-assign]
    function(*arguments)


def _refuse(self, address) -> None:
    raise AssertionError(f"the network was asked for {address}")


def _command(*arguments: str) -> None:
    from cenet_lib.__main__ import main

    sys.argv = ["cenet_lib", *arguments]
    sys.exit(main())


def _python(code: str, *arguments: str) -> None:
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})
