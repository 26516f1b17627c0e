"""Worker processes: a lost job costs one job, a large worker retires, nothing outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tasks.scratch import remove_abandoned
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


def program_limits(_):
    from pyscf import gto, lib

    return lib.num_threads(), gto.Mole().max_memory, lib.param.TMPDIR


def burn(seconds):
    begun = time.process_time()
    while time.process_time() < begun + seconds:
        pass


def hold(mebibytes):
    held = bytearray(b"x") * (mebibytes * 2**20)
    return len(held)


def leave_behind(kill):
    with tempfile.NamedTemporaryFile(delete=False) as left:
        left.write(b"integrals")
    if kill:
        os.kill(os.getpid(), signal.SIGKILL)
    return left.name


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


def break_pipe(pool):
    """As a worker that dies while it holds the lock of the pipe: the pool's own threads end."""
    pool._pool._pool_manager.worker_manager.pool_channel.reader.close()


def test_a_pool_that_breaks_is_replaced_and_loses_no_job():
    with WorkerPool(WorkerLimits(n_workers=2)) as pool:

        def numbers():
            yield from range(3)
            break_pipe(pool)
            yield from range(3, 6)

        assert sorted(each.value for each in pool.run(square, numbers())) == [0, 1, 4, 9, 16, 25]
        assert [each.value for each in pool.run(square, [7])] == [49]


def test_a_pool_that_broke_between_two_batches_is_replaced():
    with WorkerPool(WorkerLimits(n_workers=1)) as pool:
        assert [each.value for each in pool.run(square, [2])] == [4]
        break_pipe(pool)
        assert [each.value for each in pool.run(square, [3])] == [9]


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


def test_a_job_may_use_the_threads_and_the_memory_that_are_set(tmp_path, monkeypatch):
    monkeypatch.setenv("PYSCF_TMPDIR", str(tmp_path))
    with WorkerPool(WorkerLimits(n_workers=1, threads_per_worker=2, job_memory_gib=1.5)) as pool:
        (done,) = pool.run(program_limits, [0])
    threads, memory_mb, folder = done.value
    assert threads == 2
    assert memory_mb * 1e6 == pytest.approx(1.5 * 2**30, rel=1e-3)
    assert Path(folder).parent == tmp_path


def test_workers_share_the_cores_out_among_them(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    assert WorkerLimits().processes == 16
    assert WorkerLimits(threads_per_worker=5).processes == 3
    assert WorkerLimits(threads_per_worker=32).processes == 1
    assert WorkerLimits(n_workers=4, threads_per_worker=8).processes == 4


@pytest.mark.parametrize("limit", ["threads_per_worker", "job_memory_gib"])
def test_a_job_must_be_allowed_something(limit):
    with pytest.raises(ValueError, match=f"{limit} must be positive, got 0"):
        WorkerLimits(**{limit: 0})


def test_cpu_time_and_peak_memory_are_those_of_the_job_alone():
    with WorkerPool(WorkerLimits(n_workers=1)) as pool:
        (large,) = pool.run(hold, [400])
        (busy,) = pool.run(burn, [0.5])
        (idle,) = pool.run(time.sleep, [0.5])
    assert large.peak_memory_gib > 0.4
    assert busy.peak_memory_gib < 0.3
    assert busy.cpu_seconds == pytest.approx(0.5, abs=0.2)
    assert idle.cpu_seconds < 0.2


def test_what_a_lost_job_cost_is_not_known(pool):
    (done,) = pool.run(raise_error, [1])
    assert (done.cpu_seconds, done.peak_memory_gib) == (None, None)


@pytest.mark.parametrize("kill", [False, True], ids=["closed", "killed in mid-job"])
@pytest.mark.parametrize("variable", ["PYSCF_TMPDIR", "TMPDIR"])
def test_what_a_worker_leaves_behind_is_removed(tmp_path, monkeypatch, variable, kill):
    monkeypatch.delenv("PYSCF_TMPDIR", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with WorkerPool(WorkerLimits(n_workers=1)) as pool:
        (done,) = pool.run(leave_behind, [kill])
        assert (done.fault is not None) is kill
        if kill:
            assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        else:
            assert tmp_path in Path(done.value).parents
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_behind_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setenv("PYSCF_TMPDIR", str(tmp_path))
    worker = subprocess.Popen(
        [sys.executable, "-c", "from tasks.scratch import open_scratch as o; print(o(), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    left = Path(worker.stdout.readline().strip())
    (left / "integrals.h5").write_bytes(b"integrals")
    foreign = tmp_path / "cairn-scratch-of-somebody"
    foreign.mkdir()
    assert remove_abandoned() == 0
    worker.kill()
    worker.communicate()
    assert remove_abandoned() == 1
    assert list(tmp_path.iterdir()) == [foreign]


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
