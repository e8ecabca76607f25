"""The same work on many things, over the cores of this machine or over others.

joblib hands the things out: to processes of this machine, or with the address of a Dask scheduler
to its workers. What every user of it needs is here: results come in the order of the things
whatever the number of jobs, an error belongs to the thing it happened on, and so does the death of
a process, as when memory runs out. `cenet_lib.shards` counts codes so, and
`cenet_lib.results.experiments` trains so.
"""

import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import psutil
from filelock import FileLock, Timeout
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from .errors import CENetError, Interrupted

T = TypeVar("T")
R = TypeVar("R")

_DIED = "its process died; the system stops what needs more memory than there is"
_TAKEN: list[FileLock] = []  # the lock on the GPU that this process has taken
_WATCHES: list[threading.Thread] = []  # of this process, over the one that gave it work


class Outcome(NamedTuple, Generic[T, R]):
    """What came of one thing: a result, or why there is none.

    Attributes
    ----------
    thing
        What was worked on.
    result
        What the function returned; ``None`` if it failed.
    error : str
        One line; empty if it did not fail.

    Examples
    --------
    >>> Outcome(thing=3, result=9).error
    ''
    """

    thing: T
    result: R | None
    error: str = ""


def run_each(
    function: Callable[[T], R],
    things: Sequence[T],
    *,
    n_jobs: int = 1,
    dask: str | None = None,
    gpus: Sequence[str] = (),
) -> Iterator[Outcome[T, R]]:
    """Call a function on each thing, and yield the outcomes in the order of the things.

    Parameters
    ----------
    function : callable
        It is sent to other processes, so what it needs must be sent too or be importable there. An
        error that it raises becomes the outcome of its thing; the others go on.
    things : sequence
        What to call it on, one at a time.
    n_jobs : int
        How many processes work at a time. They share the cores: each gets an equal part as threads.
        With one, all happens in this process.
    dask : str, optional
        The address of a Dask scheduler, such as ``"tcp://host:8786"``. Its workers do the work, as
        many things at a time as they have threads, and ``n_jobs`` does not matter. They need this
        package and, under the same path, every file that the function reads or writes.
    gpus : sequence of str
        The GPUs of this machine, by the names that CUDA gives them. Each of several processes takes
        one for itself while there are any.

    Raises
    ------
    CENetError
        If ``n_jobs`` is less than 1, or Dask is not installed or does not answer.
    Interrupted
        If the work was asked to stop; so that what is not yet begun is left.

    Examples
    --------
    >>> for outcome in run_each(lambda n: 12 // n, [3, 0, 4]):
    ...     print(outcome.result, outcome.error)
    4
    None ZeroDivisionError: integer division or modulo by zero
    3
    """
    if n_jobs < 1:
        raise CENetError(f"the number of jobs is {n_jobs}; it must be at least 1")
    if dask is not None:
        one = partial(_alone, partial(_outcome, function))
        with _dask(dask):
            yield from Parallel(n_jobs=-1, return_as="generator")(map(delayed(one), things))
    elif n_jobs == 1:
        yield from (_outcome(function, thing) for thing in things)
    else:
        with tempfile.TemporaryDirectory() as locks:
            one = partial(_as_its_worker, os.getpid(), partial(_on_own_gpu, function, gpus, locks))
            yield from _over_processes(one, things, n_jobs)


def _outcome(function: Callable[[T], R], thing: T) -> Outcome[T, R]:
    try:
        return Outcome(thing, function(thing))
    except Interrupted:
        raise
    except CENetError as error:
        return Outcome(thing, None, str(error))
    except Exception as error:  # one thing's trouble is not the others'
        return Outcome(thing, None, f"{type(error).__name__}: {error}")


def _as_its_worker(parent: int, one: Callable[[T], Outcome[T, R]], thing: T) -> Outcome[T, R]:
    """Work on a thing for as long as the process lives that handed it out.

    Where that is killed, joblib's workers would finish what they have, begin what is waiting, and
    stay for five minutes more.
    """
    if not _WATCHES:
        _WATCHES.append(threading.Thread(target=_end_with, args=(parent,), daemon=True))
        _WATCHES[0].start()
    return one(thing)


def _end_with(parent: int) -> None:
    """End this process when that one has ended, whoever started this one for it."""
    with suppress(psutil.NoSuchProcess):
        giver = psutil.Process(parent)
        while giver.is_running() and giver.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1.0)
    os._exit(1)


def _on_own_gpu(
    function: Callable[[T], R], gpus: Sequence[str], locks: str, thing: T
) -> Outcome[T, R]:
    """Take a GPU that no other process has, for as long as this process lives."""
    for gpu in gpus if not _TAKEN else ():
        lock = FileLock(Path(locks) / gpu)
        with suppress(Timeout):
            lock.acquire(timeout=0)
            _TAKEN.append(lock)
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
            break
    return _outcome(function, thing)


def _over_processes(
    one: Callable[[T], Outcome[T, R]], things: Sequence[T], n_jobs: int
) -> Iterator[Outcome[T, R]]:
    """Yield the outcomes of things that processes of this machine work on."""
    threads = max(1, (os.cpu_count() or 1) // n_jobs)
    done = 0
    while done < len(things):
        try:
            with parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=threads):
                for outcome in Parallel(return_as="generator")(map(delayed(one), things[done:])):
                    done += 1
                    yield outcome
        except TerminatedWorkerError:
            # It takes all down that were at work, and does not say whose process died. So these
            # have another try, each alone; who dies again is the one.
            for thing in things[done : done + n_jobs]:
                done += 1
                yield _alone(one, thing)


def _alone(one: Callable[[T], Outcome[T, R]], thing: T) -> Outcome[T, R]:
    """Work on a thing in a process of its own, which may die.

    A worker of Dask needs it too: it works in threads, and random numbers belong to a process.
    """
    # Dask marks its workers as processes that may have no children, lest these be left behind; but
    # loky's end by themselves when their parent does, if not at once.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    with ProcessPoolExecutor(max_workers=1) as executor:
        try:
            outcome: Outcome[T, R] = executor.submit(one, thing).result()
        except TerminatedWorkerError:
            return Outcome(thing, None, _DIED)
        return outcome


@contextmanager
def _dask(address: str) -> Iterator[None]:
    """Let joblib work through the scheduler at an address."""
    try:
        from distributed import Client  # optional
    except ImportError:
        raise CENetError("Dask is not installed; pip install dask distributed") from None
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise CENetError(
            f"{address}: no Dask scheduler answers ({error}); start one with `dask scheduler`, and "
            "a `dask worker ADDRESS` on each machine"
        ) from None
    with client, parallel_config("dask", client=client):
        yield
