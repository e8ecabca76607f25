"""The same work on many things: order, errors and deaths, on any number of processes."""

import os
import signal
import time
from functools import partial

import pytest

from cenet_lib.errors import CENetError, Interrupted
from cenet_lib.jobs import run_each


def tenth(n):
    return n / 10


def picky(n):
    if n == 2:
        raise CENetError("2 is not to my taste")
    return n * n


def mortal(doomed, n):
    if n in doomed:
        os.kill(os.getpid(), signal.SIGKILL)
    return n + 1


def threads(_):
    return os.environ.get("OMP_NUM_THREADS")


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_results_come_in_order(n_jobs):
    outcomes = list(run_each(tenth, range(9), n_jobs=n_jobs))
    assert [o.thing for o in outcomes] == list(range(9))
    assert [o.result for o in outcomes] == [n / 10 for n in range(9)]
    assert not any(o.error for o in outcomes)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_belongs_to_its_thing(n_jobs):
    outcomes = list(run_each(picky, [1, 2, 3], n_jobs=n_jobs))
    assert [o.result for o in outcomes] == [1, None, 9]
    assert [o.error for o in outcomes] == ["", "2 is not to my taste", ""]


@pytest.mark.slow
@pytest.mark.parametrize("doomed", [{0}, {4}, {1, 2, 3}, set(range(5))])
def test_a_death_belongs_to_its_thing(doomed):
    outcomes = list(run_each(partial(mortal, doomed), range(5), n_jobs=2))
    assert [o.result for o in outcomes] == [None if n in doomed else n + 1 for n in range(5)]
    assert [o.error.startswith("its process died") for o in outcomes] == [
        n in doomed for n in range(5)
    ]


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert {o.result for o in run_each(threads, range(4), n_jobs=4)} == {"2"}


def own_gpu(_):
    time.sleep(0.2)  # so that no process does the work of two
    return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


@pytest.mark.slow
def test_each_process_takes_a_gpu_of_its_own():
    outcomes = run_each(own_gpu, range(6), n_jobs=3, gpus=["0", "1", "7"])
    taken = {o.result for o in outcomes}
    assert len(taken) == len({process for process, _ in taken}) == len({gpu for _, gpu in taken})
    assert {gpu for _, gpu in taken} <= {"0", "1", "7"}


def stopped(n):
    raise Interrupted("stopped; everything is saved")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_stop_stops_all(n_jobs):
    with pytest.raises(Interrupted, match="everything is saved"):
        list(run_each(stopped, range(3), n_jobs=n_jobs))


def test_less_than_one_job_is_refused():
    with pytest.raises(CENetError, match="number of jobs is 0; it must be at least 1"):
        list(run_each(tenth, [1], n_jobs=0))


@pytest.mark.slow
def test_no_scheduler_is_one_error(monkeypatch):
    distributed = pytest.importorskip("distributed")
    client = partial(distributed.Client, timeout=0.5)  # instead of ten seconds
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: client(address))
    with pytest.raises(CENetError, match="no Dask scheduler answers"):
        list(run_each(tenth, [1], dask="tcp://127.0.0.1:1"))


@pytest.mark.slow
def test_dasks_workers_give_the_same_and_may_die():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        outcomes = list(run_each(picky, range(8), dask=cluster.scheduler_address))
        deaths = list(run_each(partial(mortal, {1}), range(4), dask=cluster.scheduler_address))
    assert outcomes == list(run_each(picky, range(8)))
    assert [o.result for o in deaths] == [1, None, 3, 4]
    assert deaths[1].error.startswith("its process died")
