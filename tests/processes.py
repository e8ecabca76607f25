"""Real processes that begin with everything imported, so that a test waits for its own work only.

One server per test process imports PyTorch and the package once; each process is forked from it.
It has a number and signals of its own, and can be killed. What a program does before it has
imported anything is tested by a new Python instead.
"""

import multiprocessing
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from figures import spared

CONTEXT = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
CONTEXT.set_forkserver_preload(
    [
        *("cenet_lib.__main__", "cenet_lib.training", "cenet_lib.corpora", "small"),
        *("cenet_lib.commands.train", "cenet_lib.commands.predict", "cenet_lib.commands.compare"),
        *("cenet_lib.inspector.widget", "cenet_lib.results.plots", "ipykernel.kernelapp"),
        "nbgrader.apps.nbgraderapp",
    ]
)

_connect = socket.socket.connect
_REACHED = ("_forkserver_address", "_forkserver_authkey")


def start(function, *args, log: str | Path = os.devnull):
    """Run a function in a new process that prints into a file; its runs draw no figures."""
    called = (_without_figures, function, *args)
    process = CONTEXT.Process(target=_printing, args=(log, log, _server(), *called))
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


def program(
    module: str,
    *arguments: str,
    env: Mapping[str, str],
    cwd: str | Path = ".",
    timeout: float = 120,
) -> CompletedProcess:
    """Run ``python -m module``, without a network, in ``cwd``; its kernels are forked too."""
    return _run(_program, (module, dict(env), *arguments), cwd, None, timeout)


@contextmanager
def workers_forked() -> Iterator[None]:
    """Fork the workers of joblib and of Dask's LocalCluster too; OMP_NUM_THREADS is not set."""
    if sys.platform == "win32":
        yield
        return
    from joblib.externals.loky.backend import context

    first = f"import processes\nprocesses.begin_as_dasks_worker({_server()})"
    with ExitStack() as settings:
        settings.enter_context(patch.object(context, "_DEFAULT_START_METHOD", "forkserver"))
        with suppress(ImportError):
            import distributed  # noqa: F401, before: it adds its own settings when it is imported
            from dask import config

            own = {"multiprocessing-method": "forkserver", "preload": [first]}
            own = {f"distributed.worker.{name}": value for name, value in own.items()}
            settings.enter_context(config.set(own))
        yield


def begin_as_dasks_worker(server: dict) -> None:
    """Fork what this worker starts: a process for each thing."""
    from joblib.externals.loky.backend import context

    _join(server)
    context.set_start_method("forkserver", force=True)


def _server() -> dict:
    """Start the server, if it does not run yet; return where it can be reached."""
    if sys.platform == "win32":
        return {}
    from multiprocessing.forkserver import _forkserver

    _forkserver.ensure_running()
    return {name: value for name, value in vars(_forkserver).items() if name in _REACHED}


def _join(server: dict) -> None:
    """Let processes that this one starts be forked from the server that forked this one."""
    from multiprocessing.forkserver import _forkserver

    vars(_forkserver).update(server, ensure_running=lambda: None)


class Kernel:
    """A notebook's kernel, with what `jupyter_client` asks of a process that it started.

    Runs that are trained in it draw no figures.
    """

    def __init__(self, command: list[str], env: Mapping[str, str], cwd: str | None = None, **_):
        place = cwd or os.getcwd()
        self._process = CONTEXT.Process(target=_kernel, args=(command[3:], place, dict(env)))
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


def fork_kernels() -> None:
    """Fork the kernels that `jupyter_client` starts in this process."""
    from jupyter_client.provisioning import local_provisioner

    if sys.platform != "win32":
        _server()
        local_provisioner.launch_kernel = Kernel


def _kernel(arguments, cwd, environment) -> None:
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.chdir(cwd)
    _set_environment(environment)
    sys.path.insert(0, "")
    _hide_bars()
    _without_figures(launch_new_instance, arguments)


def _end_with_parent() -> None:
    """End when the process that started this one has been killed, and cannot say so any more."""
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGKILL)


def _hide_bars() -> None:
    """Show no bars: tqdm reads TQDM_DISABLE when it is imported, and that was before."""
    from tqdm.auto import tqdm

    begin = tqdm.__init__
    tqdm.__init__ = lambda self, *given, **named: begin(self, *given, **{**named, "disable": True})


def _run(function, arguments, cwd, stdout, timeout) -> CompletedProcess:
    with tempfile.TemporaryDirectory() as folder:
        out, error = stdout or Path(folder, "out"), Path(folder, "error")
        process = CONTEXT.Process(
            target=_printing, args=(out, error, _server(), _elsewhere, function, arguments, cwd)
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


def _printing(out: str | Path, error: str | Path, server: dict, function, *args) -> None:
    """Send what a function prints into files, also what its libraries and children print."""
    if server:
        _join(server)
    os.fsync = lambda handle: None  # as in the process of the tests, see conftest.py
    for number, path in ((1, out), (2, error)):
        with open(path, "a") as file:
            os.dup2(file.fileno(), number)
    function(*args)


def _without_figures(function, *args) -> None:
    from cenet_lib.runs import outcome

    outcome._draw = spared
    function(*args)


def _elsewhere(function, arguments, cwd) -> None:
    """Call a function as a new Python would, in a folder of its own; without a network."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a fork server ignores it
    os.chdir(cwd)
    sys.path.insert(0, os.getcwd())
    socket.socket.connect = _refuse  # type: ignore[method-assign]
    with workers_forked():
        function(*arguments)


def _refuse(self, address) -> None:
    if self.family == getattr(socket, "AF_UNIX", None):
        return _connect(self, address)  # a process of this machine
    raise AssertionError(f"the network was asked for {address}")


def _command(*arguments: str) -> None:
    from cenet_lib.__main__ import main

    sys.argv = ["cenet_lib", *arguments]
    sys.exit(main())


def _program(module: str, environment: dict[str, str], *arguments: str) -> None:
    _set_environment(environment)
    fork_kernels()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _set_environment(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _python(code: str, *arguments: str) -> None:
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})
