"""Drain a queue of calculations: claim, run in worker processes, store each result as it ends."""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np
import psutil
from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from structlog.typing import FilteringBoundLogger

from chem.errors import ElementError, ResourceError
from chem.identity import mapped_smiles
from chem.outcomes import Failure, Stage
from chem.resources import check_memory
from chem.restart import Restart
from chem.types import Geometry
from db.closing import Spent, refuse
from db.engine import open_database, reading, writing
from db.results import COMPUTED, ESTIMATED, record_estimate, record_guesses, record_preparation, record_search
from db.species_minima import record_minimum
from db.tables import CalculationKind
from db.work import (
    LeaseLostError,
    claim,
    heartbeat,
    open_calculations,
    release,
    running_workers,
)
from tasks import jobs
from tasks.job_making import Job, make_jobs
from tasks.log import event_log
from tasks.periodic import every
from tasks.scratch import process_lives
from tasks.work_queue import WorkQueue
from tasks.workers import Finished, WorkerLimits, WorkerPool

logger = logging.getLogger(__name__)

LEASE_SECONDS = 120.0
HEARTBEAT_SECONDS = 30.0
BATCH = 200  # calculations of one task at least: the end of a batch idles all workers but one
BATCH_SECONDS = 300.0  # and as long as this it goes on, so that of short calculations it takes more
CLAIM_SECONDS = 2.0  # of work are claimed at once, where calculations are shorter: a claim costs some milliseconds
CLAIMS_EACH = 4  # at most, for each process: what is claimed waits for a dead worker's lease to end
RECENT = 8  # calculations by which the next claim goes
SHORT_KINDS = frozenset(
    {CalculationKind.GUESS, CalculationKind.PREPARE, CalculationKind.ESTIMATE, CalculationKind.ENERGY}
)

_FUNCTIONS: Mapping[CalculationKind, Any] = {
    CalculationKind.GUESS: jobs.guess,
    CalculationKind.PREPARE: jobs.prepare,
    CalculationKind.SEARCH: jobs.search,
    CalculationKind.ESTIMATE: jobs.estimate,
    CalculationKind.VERIFY: jobs.verify,
    CalculationKind.ENERGY: jobs.energies,
    CalculationKind.MINIMUM: jobs.minimum,
}


_pool: WorkerPool | None = None


def shared_pool(limits: WorkerLimits) -> WorkerPool:
    """The worker processes of this process; they outlive tasks, since starting one costs seconds."""
    global _pool  # noqa: PLW0603
    if _pool is not None and _pool.limits != limits:
        close_shared_pool()
    if _pool is None:
        _pool = WorkerPool(limits)
    return _pool


def close_shared_pool() -> None:
    """Kill the worker processes, if there are any."""
    global _pool  # noqa: PLW0603
    if _pool is not None:
        _pool.close()
        _pool = None


def worker_name() -> str:
    """Unique name of a claimant on this machine: host, process, start of the process, and a random part."""
    process = psutil.Process()
    return f"{socket.gethostname()}:{process.pid}:{process.create_time():.2f}:{uuid4().hex[:8]}"


def release_dead_workers(engine: Engine) -> int:
    """Return the claims of processes of this machine that live no more; returns how many claims."""
    count = 0
    for worker in running_workers(engine):
        host, pid, started, _ = worker.split(":")
        if host == socket.gethostname() and not process_lives(int(pid), float(started)):
            count += release(engine, worker=worker, reason="its process was killed", fault=False)
    return count


def beating(engine: Engine, worker: str) -> AbstractContextManager[None]:
    """Keep the leases of a worker alive from a thread of its own."""

    def beat() -> None:
        try:
            heartbeat(engine, worker=worker, lease_seconds=LEASE_SECONDS)
        except SQLAlchemyError as error:  # the next beat comes well before the lease ends
            logger.warning("a heartbeat failed: %s", error)

    return every(HEARTBEAT_SECONDS, beat, name="heartbeat")


def open_work(queue: WorkQueue) -> int:
    """Calculations of a queue that are pending or running, whoever runs them."""
    engine = open_database(queue.database)
    try:
        with reading(engine) as session:
            return open_calculations(
                session,
                kind=queue.kind,
                campaign=queue.campaign,
                level_key=queue.level_key,
                settings=queue.settings,
                reaction_keys=queue.reaction_keys,
            )
    finally:
        engine.dispose()


@task(name="calculate", tags=["qc"], cache_policy=NO_CACHE)
def run_calculations(queue: WorkQueue) -> int:
    """Work through a batch of the pending calculations of a queue; returns how many ended here."""
    engine = open_database(queue.database)
    worker = worker_name()
    pool = shared_pool(queue.workers)
    log = event_log(queue.log).bind(campaign=queue.campaign, level=queue.level.name, worker=worker)
    try:
        if returned := release_dead_workers(engine):
            log.warning("attempts of dead processes returned", count=returned)
        with beating(engine, worker):
            count = 0
            recent: deque[float | None] = deque(maxlen=RECENT)
            source = _claimed_jobs(engine, queue, worker, lambda: _to_claim(queue, recent))
            for finished in pool.run(_FUNCTIONS[queue.kind], source):
                recent.append(finished.cpu_seconds)
                _store(engine, finished)
                _log_end(log, finished)
                count += 1
            return count
    finally:
        release(engine, worker=worker, reason="the task ended early", fault=False)
        engine.dispose()


def _to_claim(queue: WorkQueue, recent: Collection[float | None]) -> int:
    """How many calculations to claim at once, after the last ones took so long, s: the longest of them counts."""
    known = [seconds for seconds in recent if seconds is not None]
    if queue.kind not in SHORT_KINDS or not known or len(known) < len(recent):
        return 1
    processes = queue.workers.processes
    return max(1, min(CLAIMS_EACH * processes, int(CLAIM_SECONDS * processes / max(*known, 1e-3))))


def _claimed_jobs(engine: Engine, queue: WorkQueue, worker: str, at_once: Callable[[], int]) -> Iterator[Job]:
    """Claim as workers come free, so that nothing waits long under a lease while another process idles."""
    began, count = time.monotonic(), 0
    while count < BATCH or time.monotonic() - began < BATCH_SECONDS:
        claims = claim(
            engine,
            kind=queue.kind,
            worker=worker,
            limit=at_once(),
            lease_seconds=LEASE_SECONDS,
            campaign=queue.campaign,
            level_key=queue.level_key,
            settings=queue.settings,
            reaction_keys=queue.reaction_keys,
        )
        if not claims:
            return
        count += len(claims)
        with reading(engine) as session:
            made = make_jobs(session, claims, queue.level)
        for job in map(partial(_restartable, queue=queue), made):
            refusal = _refusal(job, queue.workers)
            if refusal is None:
                yield job
                continue
            with writing(engine) as session:
                refuse(session, job.claimed, refusal)


def _restartable(job: Job, queue: WorkQueue) -> Job:
    """A long job with the file that keeps its last geometry, so that the next attempt goes on from there."""
    if not isinstance(job, jobs.VerifyJob):
        return job
    return replace(job, restart=Restart(path=queue.restart_folder / f"{job.claimed.kind.value}-{job.claimed.id}.xyz"))


def _refusal(job: Job, limits: WorkerLimits) -> Failure | None:
    """Why a job cannot be run within the limits; None where it can. Positions play no part."""
    graph = job.species.graph if isinstance(job, jobs.MinimumJob) else job.reaction.reactant_graph
    geometry = Geometry(
        numbers=np.array(graph.numbers),
        positions=np.zeros((len(graph.numbers), 3)),
        charge=graph.charge,
        multiplicity=graph.multiplicity,
    )
    hessian = job.claimed.kind not in SHORT_KINDS
    try:
        check_memory(geometry, job.level, hessian=hessian, limit_gib=limits.job_memory_gib)
    except ResourceError as error:
        return Failure(stage=Stage.INFRASTRUCTURE, kind="memory", message=str(error))
    except ElementError as error:
        return Failure(stage=Stage.INFRASTRUCTURE, kind="element", message=str(error))
    return None


def _store(engine: Engine, finished: Finished[Job, Any]) -> None:
    claimed, level, value = finished.job.claimed, finished.job.level, finished.value
    if finished.fault is not None:
        release(engine, worker=claimed.worker, reason=finished.fault, fault=True, calculation_ids=[claimed.id])
        return
    try:
        with writing(engine) as session:
            if isinstance(value, jobs.GuessReport):
                guessed = value.guessed
                record_guesses(
                    session,
                    claimed,
                    guessed.pairs,
                    level=level,
                    gradient_calls=guessed.gradient_calls,
                    seconds=guessed.seconds,
                    failure=guessed.failure,
                    spent=_spent(value.spent, finished),
                )
            elif isinstance(value, jobs.MinimumReport):
                record_minimum(
                    session,
                    claimed,
                    value.result,
                    level=level,
                    gradient_calls=value.gradient_calls,
                    seconds=value.seconds,
                    spent=_spent(value.spent, finished),
                )
            elif isinstance(value, jobs.PrepareReport):
                record_preparation(session, claimed, value.prepared, spent=_spent(value.spent, finished))
            elif isinstance(value, jobs.EstimateReport):
                record_estimate(
                    session,
                    claimed,
                    value.result,
                    level=level,
                    gradient_calls=value.gradient_calls,
                    seconds=value.seconds,
                    outcome=COMPUTED if claimed.kind is CalculationKind.ENERGY else ESTIMATED,
                    spent=_spent(value.spent, finished),
                )
            elif isinstance(value, jobs.SearchReport):
                labels = {reaction.key: mapped_smiles(reaction) for reaction in value.found.values()}
                spent = _spent(value.spent, finished)
                record_search(session, claimed, value.result, found=value.found, mapped_smiles=labels, spent=spent)
            else:
                raise TypeError(
                    f"a worker returned {type(value).__name__} for a {claimed.kind} of {claimed.subject_key}"
                )
        if isinstance(finished.job, jobs.VerifyJob) and finished.job.restart is not None:
            finished.job.restart.forget()
    except LeaseLostError as error:  # another worker has taken over and will store its own result
        logger.warning("%s", error)


def _log_end(log: FilteringBoundLogger, finished: Finished[Job, Any]) -> None:
    claimed, value = finished.job.claimed, finished.value
    bound = log.bind(reaction=claimed.subject_key, kind=claimed.kind.value, attempt=claimed.attempt)
    if value is None:
        bound.warning("calculation ended by infrastructure", reason=finished.fault)
        return
    found: Any = getattr(
        value, {jobs.GuessReport: "guessed", jobs.PrepareReport: "prepared"}.get(type(value), "result")
    )
    failure = found if isinstance(found, Failure) else getattr(found, "failure", None)
    source = value if isinstance(value, jobs.EstimateReport | jobs.MinimumReport) else found
    bound.info(
        "calculation ended",
        failure=None if failure is None else failure.kind,
        gradient_calls=source.gradient_calls,
        seconds=round(source.seconds, 3),
        cpu_seconds=finished.cpu_seconds,
        peak_memory_gib=finished.peak_memory_gib,
    )


def _spent(counted: Spent, finished: Finished[Job, Any]) -> Spent:
    """What a job counted, and what the worker pool measured."""
    return replace(counted, cpu_seconds=finished.cpu_seconds, peak_memory_gib=finished.peak_memory_gib)
