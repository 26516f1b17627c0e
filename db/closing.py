"""End calculations that a worker holds: done with what they cost, or refused before they began."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from chem.barrierless import BarrierlessStep
from chem.outcomes import Failure, Outcome
from db.convert import failure_values
from db.lifecycle import charge
from db.tables import CalculationRow, CalculationState
from db.work import ClaimedCalculation, LeaseLostError, database_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a calculation cost besides gradients and wall time; None where it is not known.

    Attributes:
        hessian_calls: Analytic Hessians.
        scf_cycles: Iterations of self-consistent fields.
        cpu_seconds: CPU time of the worker process, user and system, all threads, s.
        peak_memory_gib: Largest resident memory of the worker process during it, GiB.
    """

    hessian_calls: int | None = None
    scf_cycles: int | None = None
    cpu_seconds: float | None = None
    peak_memory_gib: float | None = None


NOTHING_KNOWN = Spent()


def finish(
    session: Session,
    claimed: ClaimedCalculation,
    *,
    outcome: str,
    gradient_calls: int,
    seconds: float,
    spent: Spent = NOTHING_KNOWN,
    failure: Failure | None = None,
    barrierless: BarrierlessStep | None = None,
    program: str = "",
    version: str = "",
) -> bool:
    """Close a calculation as done, in the same transaction as its results.

    Args:
        session: In a write transaction.
        claimed: The lease under which it was computed.
        outcome: What it ended in.
        gradient_calls: Energy-and-gradient evaluations spent.
        seconds: Wall time spent.
        spent: What else it cost.
        failure: Why, where it failed chemically.
        barrierless: What a preparation without a barrier found.
        program: Program that ran.
        version: Its version.

    Returns:
        True; False where this very lease had stored its result already, so that there is nothing left to write.

    Raises:
        LeaseLostError: The lease was given to another, or is over.
    """
    closed = {
        "state": CalculationState.DONE.value,
        "outcome": outcome,
        "gradient_calls": gradient_calls,
        "seconds": seconds,
        "program": program,
        "version": version,
        "barrierless_side": None if barrierless is None else barrierless.apart_side,
        "barrierless_height_ev": None if barrierless is None else barrierless.height_ev,
        **asdict(spent),
        **failure_values(failure),
    }
    return _close(session, claimed, closed)


def refuse(session: Session, claimed: ClaimedCalculation, failure: Failure) -> bool:
    """Close a calculation that cannot be run here as failed; `db.requeue.requeue_failed` offers it again.

    Args:
        session: In a write transaction.
        claimed: The lease.
        failure: Why, with the remedy.

    Returns:
        As `finish`.

    Raises:
        LeaseLostError: The lease was given to another, or is over.
    """
    closed = {"state": CalculationState.FAILED.value, "outcome": Outcome.FAILED.value, **failure_values(failure)}
    return _close(session, claimed, closed)


def _close(session: Session, claimed: ClaimedCalculation, values: dict[str, Any]) -> bool:
    statement = (
        update(CalculationRow)
        .where(
            CalculationRow.id == claimed.id,
            CalculationRow.state == CalculationState.RUNNING.value,
            CalculationRow.worker == claimed.worker,
            CalculationRow.attempt == claimed.attempt,
        )
        .values(
            worker=None,
            lease_expires_at=None,
            finished_at=database_now(session),
            finished_by=claimed.worker,
            **values,
        )
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", session.execute(statement)).rowcount == 1:
        if claimed.payer is not None:
            calls, cpu_seconds = values.get("gradient_calls", 0), values.get("cpu_seconds") or 0.0
            charge(session, claimed.payer, gradient_calls=calls, cpu_seconds=cpu_seconds)
        return True
    columns = (CalculationRow.state, CalculationRow.attempt, CalculationRow.worker, CalculationRow.finished_by)
    row = session.execute(select(*columns).where(CalculationRow.id == claimed.id)).one()
    if row == (values["state"], claimed.attempt, None, claimed.worker):
        return False
    raise LeaseLostError(
        f"{claimed.kind.value} of {claimed.subject_key}: attempt {claimed.attempt} of worker {claimed.worker} lost its"
        f" lease; the calculation is {row.state} in attempt {row.attempt}"
        + (f" of worker {row.worker or row.finished_by}" if row.worker or row.finished_by else "")
    )
