"""Worker processes: a lost job costs one job, a large worker retires, nothing outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tasks.workers import WorkerLimits, WorkerPool

HOARD: list[bytearray] = []


def square(number):
    return number * number


def die_on_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def hang_on_one(number):
    if number == 1:
        time.sleep(60)
    return number


def raise_error(number):
    raise KeyError(number)


class HardToMakeError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def raise_what_cannot_be_made_again(number):
    if number == 1:
        raise HardToMakeError("this", "that")
    return number


def process_id(_):
    return os.getpid()


def grow(_):
    HOARD.append(bytearray(300 * 2**20))
    return os.getpid()


def threads(_):
    return os.environ["OMP_NUM_THREADS"]


@pytest.fixture
def pool():
    with WorkerPool(WorkerLimits(n_workers=2, job_timeout_s=10.0)) as pool:
        yield pool


def test_every_job_comes_back_once(pool):
    done = list(pool.run(square, range(20)))
    assert sorted(each.job for each in done) == list(range(20))
    assert all(each.value == each.job**2 and each.fault is None for each in done)


def test_a_killed_worker_costs_only_its_job(pool):
    done = {each.job: each for each in pool.run(die_on_three, range(8))}
    assert len(done) == 8
    assert done[3].fault is not None
    assert "died" in done[3].fault
    assert all(done[job].value == job for job in range(8) if job != 3)


def test_a_hung_job_is_killed_and_the_rest_go_on(pool):
    done = {each.job: each for each in pool.run(hang_on_one, range(4))}
    assert "killed after 10 s" in done[1].fault
    assert [done[job].value for job in (0, 2, 3)] == [0, 2, 3]


def test_an_exception_costs_only_its_job(pool):
    (done,) = pool.run(raise_error, [1])
    assert done.value is None
    assert "KeyError" in done.fault
    assert [each.value for each in pool.run(square, [3])] == [9]


def test_an_exception_that_cannot_be_pickled_costs_only_its_job(pool):
    done = {each.job: each for each in pool.run(raise_what_cannot_be_made_again, range(4))}
    assert "HardToMakeError: this and that" in done[1].fault
    assert [done[job].value for job in (0, 2, 3)] == [0, 2, 3]


def test_workers_have_one_thread(pool):
    assert [each.value for each in pool.run(threads, [0])] == ["1"]


def test_a_worker_is_replaced_after_its_number_of_jobs():
    with WorkerPool(WorkerLimits(n_workers=1, jobs_per_worker=2)) as pool:
        seen = [each.value for each in pool.run(process_id, range(4))]
    assert len(set(seen)) == 2


def test_a_worker_that_grew_too_large_is_replaced_before_its_next_job():
    with WorkerPool(WorkerLimits(n_workers=1, memory_gib=0.2)) as pool:
        done = list(pool.run(grow, range(3)))
    assert sorted(each.job for each in done) == [0, 1, 2]
    assert all(each.fault is None for each in done)
    assert len({each.value for each in done}) == 3


def test_workers_end_when_their_parent_is_killed():
    script = (
        "from tasks.workers import WorkerLimits, WorkerPool\n"
        "import time\n"
        "if __name__ == '__main__':\n"
        "    pool = WorkerPool(WorkerLimits(n_workers=2))\n"
        "    print('ready', flush=True)\n"
        "    list(pool.run(time.sleep, [60, 60]))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline().strip() == "ready"
    deadline = time.monotonic() + 30
    children: list[psutil.Process] = []
    while len(children) < 2 and time.monotonic() < deadline:
        children = psutil.Process(parent.pid).children(recursive=True)
        time.sleep(0.2)
    time.sleep(2)
    children = psutil.Process(parent.pid).children(recursive=True)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive
