"""Worker subprocesses for quantum chemistry: so many threads each, recycled, killed one by one when they hang or crash.

Nothing heavy is imported here: this module is the first that a fresh worker loads, and it settles threads and matrix
kernels before any numerical library starts.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import psutil
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from tasks.metering import Metered, metered
from tasks.processor import choose_kernels
from tasks.scratch import open_scratch, remove_abandoned

Job = TypeVar("Job")
Value = TypeVar("Value")

_LOOK_S = 5.0  # how often a pool is asked whether it still works; one that broke may leave its jobs without an answer
_MOST_POOLS = 5
_SHORT_S = 5.0  # CPU time of a job that is short beside what handing out the next one takes, 0.1 s
_RETIRED = 79  # exit code of a worker that found itself too large before it began a job
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_SCRATCH_VARIABLES = ("PYSCF_TMPDIR", "TMPDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """What a job may use, and when a worker is replaced or killed.

    Attributes:
        n_workers: Worker processes; 0 for as many as the cores allow.
        cores: Cores to share out among them; 0 for all of this machine.
        threads_per_worker: Threads of each, which is the cores that one job may use.
        job_memory_gib: Memory that one job may use, GiB: the program is told, and a job that needs more is refused.
        jobs_per_worker: Jobs after which a worker is replaced.
        memory_gib: Resident memory above which a worker is replaced before its next job, GiB.
        job_timeout_s: Wall time after which a job counts as hung and is killed with its worker, s.
    """

    n_workers: int = 0
    cores: int = 0
    threads_per_worker: int = 1
    job_memory_gib: float = 4.0
    jobs_per_worker: int = 500
    memory_gib: float = 3.0
    job_timeout_s: float = 1800.0

    def __post_init__(self) -> None:
        """Numbers are in range."""
        for name in ("n_workers", "cores"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 (as the machine allows) or more, got {getattr(self, name)}")
        for name in ("threads_per_worker", "job_memory_gib", "jobs_per_worker", "memory_gib", "job_timeout_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    @property
    def processes(self) -> int:
        """Number of worker processes on this machine."""
        return self.n_workers or max(1, self.all_cores // self.threads_per_worker)

    @property
    def all_cores(self) -> int:
        """Cores that may be used."""
        return self.cores or os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Generic[Job, Value]):
    """What became of one job: its value, or the infrastructure fault that ended it.

    Attributes:
        job: The job.
        value: What its function returned; None after a fault.
        fault: What ended it instead.
        cpu_seconds: CPU time it took, s; None where not measured, as after a fault.
        peak_memory_gib: Largest resident memory of its worker during it, GiB; None likewise.
    """

    job: Job
    value: Value | None
    fault: str | None
    cpu_seconds: float | None = None
    peak_memory_gib: float | None = None


class JobError(Exception):
    """A job raised in its worker; the message names what."""


class WorkerPool:
    """A pool of worker subprocesses that outlives batches; a context manager."""

    def __init__(self, limits: WorkerLimits) -> None:
        self.limits = limits
        remove_abandoned()
        self._pool = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the workers, whatever they are doing."""
        self._pool.stop()
        self._pool.join()
        remove_abandoned()

    def run(self, function: Callable[[Job], Value], jobs: Iterable[Job]) -> Iterator[Finished[Job, Value]]:
        """Run a module-level function over jobs and yield each as it ends, in the order of ending.

        Jobs are drawn from the iterable only as workers come free, so that a generator can claim work as it goes; while
        jobs are short, one more for each worker, which would else wait for the next longer than it takes.
        A crash, a hang, a lost worker or an exception costs the one job and is reported as its `fault`. A worker killed
        while it held the lock of the pool's pipe takes the pool with it: then another pool runs the same jobs.

        Raises:
            RuntimeError: One pool after another broke.
        """
        source = iter(jobs)
        running: dict[ProcessFuture, Job] = {}
        exhausted, broken, ahead = False, 0, 0
        while True:
            while not exhausted and len(running) < self.limits.processes + ahead:
                try:
                    job = next(source)
                except StopIteration:
                    exhausted = True
                    break
                running[self._schedule(function, job)] = job
            if not running:
                return
            done, _ = wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            if not self._pool.active:
                for future in [each for each in done if each.exception() is None]:
                    yield _finished(running.pop(future), future)
                broken += 1
                if broken > _MOST_POOLS:
                    raise RuntimeError(f"{broken} pools of worker processes broke one after another; see the log above")
                self._replace()
                running = {self._schedule(function, job): job for job in running.values()}
                continue
            for future in done:
                job = running.pop(future)
                error = future.exception()
                if isinstance(error, ProcessExpired) and error.exitcode == _RETIRED:
                    running[self._schedule(function, job)] = job
                    continue
                if error is not None:
                    remove_abandoned()
                    yield Finished(job=job, value=None, fault=_fault(error, self.limits.job_timeout_s))
                    continue
                broken = 0
                finished: Finished[Job, Value] = _finished(job, future)
                ahead = self.limits.processes if (finished.cpu_seconds or 0.0) < _SHORT_S else 0
                yield finished

    def _open(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self.limits.processes,
            max_tasks=self.limits.jobs_per_worker,
            initializer=_initialize,
            initargs=(os.getpid(), self.limits),
            context=multiprocessing.get_context("spawn"),
        )

    def _replace(self) -> None:
        """Another pool in place of one that broke."""
        self._pool.stop()
        self._pool.join()
        remove_abandoned()
        self._pool = self._open()

    def _schedule(self, function: Callable[[Job], Value], job: Job) -> ProcessFuture:
        arguments = (function, job, self.limits.memory_gib)
        try:
            return self._pool.schedule(_run, args=arguments, timeout=self.limits.job_timeout_s)
        except RuntimeError:  # it broke: `run` will see that and give its jobs to another
            return ProcessFuture()


def _finished(job: Job, future: ProcessFuture) -> Finished[Job, Any]:
    value: Metered[Any] = future.result()
    return Finished(
        job=job,
        value=value.value,
        fault=None,
        cpu_seconds=value.cpu_seconds,
        peak_memory_gib=value.peak_memory_gib,
    )


def _fault(error: BaseException, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"killed after {timeout_s:.0f} s without an answer"
    if isinstance(error, ProcessExpired):
        return f"the worker died with exit code {error.exitcode}"
    return f"it raised {error if isinstance(error, JobError) else f'{type(error).__name__}: {error}'}"


def _initialize(parent: int, limits: WorkerLimits) -> None:
    """First act of a worker: threads, memory, scratch, no answer to Ctrl-C (the parent decides), no life after it."""
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(limits.threads_per_worker)))
    choose_kernels()
    os.environ["PYSCF_MAX_MEMORY"] = str(int(limits.job_memory_gib * 2**30 / 1e6))  # MB
    scratch = open_scratch()
    os.environ.update(dict.fromkeys(_SCRATCH_VARIABLES, str(scratch)))
    tempfile.tempdir = str(scratch)  # which Python may have settled before
    multiprocessing.util.Finalize(None, shutil.rmtree, args=(scratch, True), exitpriority=0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, args=(parent, scratch), daemon=True).start()


def _exit_with_parent(parent: int, scratch: Path) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


_jobs_begun = 0  # by this worker: a fresh one never retires, however small the limit


def _run(function: Callable[[Any], Any], job: Any, memory_gib: float) -> Metered[Any]:
    global _jobs_begun  # noqa: PLW0603
    if _jobs_begun and psutil.Process().memory_info().rss > memory_gib * 2**30:
        os._exit(_RETIRED)
    _jobs_begun += 1
    try:
        return metered(function, job)
    except Exception as error:  # one that cannot be pickled and made again would break the pool and every job in it
        raise JobError(f"{type(error).__name__}: {error}") from error
