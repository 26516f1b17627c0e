"""Drain a queue of calculations: claim, run in worker processes, store each result as it ends."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any
from uuid import uuid4

import psutil
from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from chem.endpoints import EndPointSettings, PreparedReaction
from chem.generator import EndPoints
from chem.identity import mapped_smiles
from chem.search import SearchSettings
from chem.types import LevelOfTheory, TSCandidate
from chem.verification import VerificationSettings
from db.engine import open_database, reading, writing
from db.load import load_candidates, load_end_points, load_reactions
from db.queries import transition_states_of
from db.results import COMPUTED, ESTIMATED, record_estimate, record_preparation, record_search
from db.tables import CalculationKind
from db.work import (
    ClaimedCalculation,
    LeaseLostError,
    claim,
    heartbeat,
    open_calculations,
    release,
    running_workers,
)
from tasks import jobs
from tasks.work_queue import WorkQueue
from tasks.workers import Finished, WorkerLimits, WorkerPool

logger = logging.getLogger(__name__)

LEASE_SECONDS = 120.0
HEARTBEAT_SECONDS = 30.0
BATCH = 200  # calculations of one task: the end of a batch idles all workers but one, so batches are not small

Job = jobs.PrepareJob | jobs.EstimateJob | jobs.SearchJob | jobs.VerifyJob | jobs.EnergyJob
_FUNCTIONS: Mapping[CalculationKind, Any] = {
    CalculationKind.PREPARE: jobs.prepare,
    CalculationKind.SEARCH: jobs.search,
    CalculationKind.ESTIMATE: jobs.estimate,
    CalculationKind.VERIFY: jobs.verify,
    CalculationKind.ENERGY: jobs.energies,
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
        if host != socket.gethostname():
            continue
        try:
            alive = abs(psutil.Process(int(pid)).create_time() - float(started)) < 1.0
        except psutil.NoSuchProcess:
            alive = False
        if not alive:
            count += release(engine, worker=worker, reason="its process was killed", fault=False)
    return count


@contextmanager
def _beating(engine: Engine, worker: str) -> Iterator[None]:
    """Keep the leases of a worker alive from a thread of its own."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                heartbeat(engine, worker=worker, lease_seconds=LEASE_SECONDS)
            except SQLAlchemyError as error:  # the next beat comes well before the lease ends
                logger.warning("a heartbeat failed: %s", error)

    thread = threading.Thread(target=beat, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def open_work(queue: WorkQueue) -> int:
    """Calculations of a queue that are pending or running, whoever runs them."""
    engine = open_database(queue.database)
    try:
        with reading(engine) as session:
            return open_calculations(
                session,
                kind=queue.kind,
                campaign=queue.campaign,
                level_key=queue.level.key,
                settings=queue.settings,
            )
    finally:
        engine.dispose()


@task(name="calculate", tags=["qc"], cache_policy=NO_CACHE)
def run_calculations(queue: WorkQueue) -> int:
    """Work through a batch of the pending calculations of a queue; returns how many ended here."""
    engine = open_database(queue.database)
    worker = worker_name()
    pool = shared_pool(queue.workers)
    try:
        release_dead_workers(engine)
        with _beating(engine, worker):
            source = islice(_claimed_jobs(engine, queue, worker), BATCH)
            count = 0
            for finished in pool.run(_FUNCTIONS[queue.kind], source):
                _store(engine, finished)
                count += 1
            return count
    finally:
        release(engine, worker=worker, reason="the task ended early", fault=False)
        engine.dispose()


def _claimed_jobs(engine: Engine, queue: WorkQueue, worker: str) -> Iterator[Job]:
    """Claim as workers come free, so that nothing waits under a lease while another process idles."""
    while True:
        claims = claim(
            engine,
            kind=queue.kind,
            worker=worker,
            limit=1,
            lease_seconds=LEASE_SECONDS,
            campaign=queue.campaign,
            level_key=queue.level.key,
            settings=queue.settings,
        )
        if not claims:
            return
        with reading(engine) as session:
            made = _MAKERS[queue.kind](session, claims, queue.level)
        yield from made


def _prepare_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    reactions = load_reactions(session, _keys(claims))
    return [
        jobs.PrepareJob(
            claimed=claimed,
            reaction=reactions[claimed.subject_key],
            level=level,
            settings=EndPointSettings(**claimed.settings["end_points"]),
        )
        for claimed in claims
    ]


def _estimate_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    reactions = load_reactions(session, _keys(claims))
    candidates, prepared = _starts(session, claims, level)
    return [
        jobs.EstimateJob(
            claimed=claimed,
            reaction=reactions[claimed.subject_key],
            ends=prepared[claimed.subject_key][0],
            candidate=candidates[claimed.subject_key][0],
            level=level,
            polish_gradient_calls=claimed.settings["polish_gradient_calls"],
        )
        for claimed in claims
    ]


def _search_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    reactions = load_reactions(session, _keys(claims))
    candidates, prepared = _starts(session, claims, level)
    return [
        jobs.SearchJob(
            claimed=claimed,
            reaction=reactions[claimed.subject_key],
            ends=tuple(prepared[claimed.subject_key]),
            candidates=tuple(candidates.get(claimed.subject_key, [])),
            level=level,
            settings=SearchSettings(**claimed.settings["search"]),
        )
        for claimed in claims
    ]


def _ladder_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    """Verifications and single points: from the transition state that is known at another level."""
    reactions = load_reactions(session, _keys(claims))
    known = transition_states_of(session, _keys(claims), level_key=claims[0].settings["from_level"])
    made: list[Job] = []
    for claimed in claims:
        reaction, record = reactions[claimed.subject_key], known[claimed.subject_key]
        if claimed.kind is CalculationKind.VERIFY:
            settings = VerificationSettings(**claimed.settings["verification"])
            made.append(
                jobs.VerifyJob(claimed=claimed, reaction=reaction, known=record, level=level, settings=settings)
            )
        else:
            made.append(jobs.EnergyJob(claimed=claimed, reaction=reaction, known=record, level=level))
    return made


def _keys(claims: Sequence[ClaimedCalculation]) -> list[str]:
    return [claimed.subject_key for claimed in claims]


def _starts(
    session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory
) -> tuple[dict[str, list[TSCandidate]], dict[str, list[EndPoints]]]:
    """Candidates and end points by reaction key, as the settings of the claims say they were made."""
    values = claims[0].settings
    made_with = {key: value for key, value in values.items() if key not in {"search", "polish_gradient_calls"}}
    candidates = load_candidates(session, _keys(claims), made_with)
    prepared = load_end_points(session, _keys(claims), level.key, {"end_points": values["end_points"]})
    return candidates, prepared


_MAKERS: Mapping[CalculationKind, Callable[[Session, Sequence[ClaimedCalculation], LevelOfTheory], list[Job]]] = {
    CalculationKind.PREPARE: _prepare_jobs,
    CalculationKind.ESTIMATE: _estimate_jobs,
    CalculationKind.SEARCH: _search_jobs,
    CalculationKind.VERIFY: _ladder_jobs,
    CalculationKind.ENERGY: _ladder_jobs,
}


def _store(engine: Engine, finished: Finished[Job, Any]) -> None:
    claimed, level, value = finished.job.claimed, finished.job.level, finished.value
    if finished.fault is not None:
        release(engine, worker=claimed.worker, reason=finished.fault, fault=True, calculation_ids=[claimed.id])
        return
    try:
        with writing(engine) as session:
            if isinstance(value, PreparedReaction):
                record_preparation(session, claimed, value)
            elif isinstance(value, jobs.EstimateReport):
                record_estimate(
                    session,
                    claimed,
                    value.result,
                    level=level,
                    gradient_calls=value.gradient_calls,
                    seconds=value.seconds,
                    outcome=COMPUTED if claimed.kind is CalculationKind.ENERGY else ESTIMATED,
                )
            elif isinstance(value, jobs.SearchReport):
                labels = {reaction.key: mapped_smiles(reaction) for reaction in value.found.values()}
                record_search(session, claimed, value.result, found=value.found, mapped_smiles=labels)
            else:
                raise TypeError(
                    f"a worker returned {type(value).__name__} for a {claimed.kind} of {claimed.subject_key}"
                )
    except LeaseLostError as error:  # another worker has taken over and will store its own result
        logger.warning("%s", error)
