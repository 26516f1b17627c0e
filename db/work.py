"""Hand out calculations under leases, so that each is stored exactly once whatever dies.

A worker claims, keeps its leases alive with `heartbeat`, and stores its result through `db.results`, which refuses it
when the lease was given to another meanwhile (`db.closing`). `claim`, `heartbeat` and `release` commit at once;
`enqueue` is part of the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, func, select, update
from sqlalchemy.orm import Session

from chem.errors import CairnError
from chem.outcomes import Failure, Outcome, Stage
from db.base import utc_now
from db.campaign_tables import ReactionMembershipRow, SpeciesMembershipRow
from db.campaigns import campaign_id
from db.convert import failure_values, plain_json, settings_hash
from db.engine import reading, writing
from db.lifecycle import why_halted
from db.portable import ENDED_ELSEWHERE
from db.statements import batches, insert_new, select_in
from db.store import stored_ids
from db.tables import AbandonedAttemptRow, CalculationKind, CalculationRow, CalculationState, SpeciesRow

MAX_ATTEMPTS = 3


class LeaseLostError(CairnError):
    """A result arrived from a worker whose lease had been given to another; the result is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedCalculation:
    """A calculation that a worker holds.

    Attributes:
        id: Row id.
        kind: What to do.
        subject_key: Key of the reaction to do it for.
        level_key: Level of theory to do it at.
        settings: Settings it was queued with.
        worker: Who holds it.
        attempt: Number of this lease, from 1.
        lease_expires_at: When others may take it, unless a heartbeat comes before.
        payer: Row id of the campaign that claimed it; None where none did.
    """

    id: int
    kind: CalculationKind
    subject_key: str
    level_key: str
    settings: Mapping[str, Any]
    worker: str
    attempt: int
    lease_expires_at: datetime
    payer: int | None = None


def enqueue(
    session: Session,
    *,
    kind: CalculationKind,
    reaction_keys: Iterable[str],
    level_key: str,
    settings: Mapping[str, Any] | None = None,
    max_attempts: int = MAX_ATTEMPTS,
) -> int:
    """Queue a calculation for each reaction; one that is there, in whatever state, stays as it is.

    Args:
        session: In a write transaction.
        kind: What to do.
        reaction_keys: Stored reactions.
        level_key: Level of theory to do it at.
        settings: What else decides the result, as JSON values.
        max_attempts: How many times infrastructure may end it before it counts as failed.

    Returns:
        How many were new.

    Raises:
        ValueError: A reaction is not stored.
    """
    given = plain_json(settings or {})
    rows = [
        {
            "kind": kind.value,
            "subject_key": key,
            "reaction_id": reaction_id,
            "level_key": level_key,
            "settings_hash": settings_hash(given),
            "settings": given,
            "state": CalculationState.PENDING.value,
            "max_attempts": max_attempts,
        }
        for key, reaction_id in stored_ids(session, reaction_keys).items()
    ]
    unique = ["kind", "subject_key", "level_key", "settings_hash"]
    return len(insert_new(session, CalculationRow, rows, unique=unique))


def claim(
    engine: Engine,
    *,
    kind: CalculationKind,
    worker: str,
    limit: int,
    lease_seconds: float,
    campaign: str | None = None,
    level_key: str | None = None,
    settings: Mapping[str, Any] | None = None,
    reaction_keys: Collection[str] | None = None,
) -> list[ClaimedCalculation]:
    """Take up to `limit` calculations, by their places, then the oldest first, those with an expired lease included.

    No two workers get the same one: SQLite takes its write lock first, PostgreSQL locks the rows and skips locked ones.

    Args:
        engine: The database.
        kind: What the worker can do.
        worker: Its unique name, such as host, process id and start time.
        limit: How many at most.
        lease_seconds: How long without a heartbeat until others may take them.
        campaign: Only for reactions (minima: species) of this campaign, which pays; none where it is halted
            (`db.lifecycle`).
        level_key: Only at this level of theory.
        settings: Only those queued with these settings.
        reaction_keys: Only for these reactions.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    with writing(engine) as session:
        now = database_now(session)
        running = select(CalculationRow).where(
            CalculationRow.kind == kind.value,
            CalculationRow.state == CalculationState.RUNNING.value,
            CalculationRow.lease_expires_at < now,
            CalculationRow.worker != worker,  # a worker that slept past its own lease still holds it until others come
        )
        _abandon(session, running, reason="lease expired", fault=True, now=now)
        waiting = select(CalculationRow.id).where(
            CalculationRow.kind == kind.value, CalculationRow.state == CalculationState.PENDING.value
        )
        if level_key is not None:
            waiting = waiting.where(CalculationRow.level_key == level_key)
        if settings is not None:
            waiting = waiting.where(CalculationRow.settings_hash == settings_hash(settings))
        if reaction_keys is not None:
            waiting = waiting.where(CalculationRow.subject_key.in_(sorted(reaction_keys)))
        payer: int | None = None
        if campaign is not None:
            if why_halted(session, campaign) is not None:
                return []
            payer = campaign_id(session, campaign)
            waiting = waiting.where(is_member(payer, kind))
        chosen = session.scalars(
            waiting.order_by(CalculationRow.place, CalculationRow.id).limit(limit).with_for_update(skip_locked=True)
        )
        taken = (
            update(CalculationRow)
            .where(CalculationRow.id.in_(chosen.all()))
            .values(
                state=CalculationState.RUNNING.value,
                worker=worker,
                attempt=CalculationRow.attempt + 1,
                started_at=now,
                lease_expires_at=now + timedelta(seconds=lease_seconds),
                campaign_id=payer,
            )
            .returning(CalculationRow)
            .execution_options(synchronize_session=False)
        )
        rows = sorted(session.scalars(taken), key=lambda row: (row.place, row.id))
        return [_claimed(row) for row in rows]


def heartbeat(engine: Engine, *, worker: str, lease_seconds: float) -> frozenset[int]:
    """Prolong all leases of a worker.

    Returns:
        Ids of the calculations that it still holds; it may stop work on any other.
    """
    with writing(engine) as session:
        prolonged = (
            update(CalculationRow)
            .where(CalculationRow.worker == worker, CalculationRow.state == CalculationState.RUNNING.value)
            .values(lease_expires_at=database_now(session) + timedelta(seconds=lease_seconds))
            .returning(CalculationRow.id)
            .execution_options(synchronize_session=False)
        )
        return frozenset(session.scalars(prolonged))


def release(
    engine: Engine,
    *,
    worker: str,
    reason: str = "worker died",
    fault: bool = True,
    calculation_ids: Collection[int] | None = None,
) -> int:
    """Return the claims of a worker at once; each is recorded as an abandoned attempt.

    Args:
        engine: The database.
        worker: Whose claims.
        reason: Why, for the record.
        fault: Whether it counts towards `max_attempts`; give False when a person stopped the worker.
        calculation_ids: Only these; None for all.

    Returns:
        How many were returned.
    """
    with writing(engine) as session:
        held = select(CalculationRow).where(
            CalculationRow.worker == worker, CalculationRow.state == CalculationState.RUNNING.value
        )
        if calculation_ids is not None:
            held = held.where(CalculationRow.id.in_(calculation_ids))
        return _abandon(session, held, reason=reason, fault=fault, now=database_now(session))


def open_calculations(
    session: Session,
    *,
    kind: CalculationKind,
    campaign: str | None,
    level_key: str,
    settings: Mapping[str, Any],
    reaction_keys: Collection[str] | None = None,
) -> int:
    """How many calculations are pending or running, whoever runs them; arguments as in `claim`."""
    statement = (
        select(func.count())
        .select_from(CalculationRow)
        .where(
            CalculationRow.kind == kind.value,
            CalculationRow.level_key == level_key,
            CalculationRow.settings_hash == settings_hash(settings),
            CalculationRow.state.in_([CalculationState.PENDING.value, CalculationState.RUNNING.value]),
        )
    )
    if campaign is not None:
        statement = statement.where(is_member(campaign_id(session, campaign), kind))
    if reaction_keys is not None:
        statement = statement.where(CalculationRow.subject_key.in_(sorted(reaction_keys)))
    return session.scalars(statement).one()


def is_member(campaign: int, kind: CalculationKind) -> ColumnElement[bool]:
    """Whether the reaction of a calculation, or the species of a minimum, belongs to the campaign of a row id."""
    if kind is CalculationKind.MINIMUM:
        species = (
            select(SpeciesMembershipRow.id)
            .join(SpeciesRow, SpeciesRow.id == SpeciesMembershipRow.species_id)
            .where(SpeciesMembershipRow.campaign_id == campaign, SpeciesRow.key == CalculationRow.subject_key)
        )
        return species.exists()
    member = select(ReactionMembershipRow.id).where(
        ReactionMembershipRow.campaign_id == campaign,
        ReactionMembershipRow.reaction_id == CalculationRow.reaction_id,
    )
    return member.exists()


def settings_of_finished(
    session: Session, *, kind: CalculationKind, level_key: str, reaction_keys: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Settings of the newest finished calculation of each reaction, by reaction key; those without one are left out.

    What came from another database is left out too: what it started from did not come along.

    Args:
        session: To read with.
        kind: Kind of calculation.
        level_key: Its level of theory.
        reaction_keys: Reactions to look for.
    """
    statement = (
        select(CalculationRow.subject_key, CalculationRow.settings)
        .where(
            CalculationRow.kind == kind.value,
            CalculationRow.level_key == level_key,
            CalculationRow.state == CalculationState.DONE.value,
        )
        .order_by(CalculationRow.id)
    )
    rows = select_in(session, statement, CalculationRow.subject_key, reaction_keys)
    return {row.subject_key: row.settings for row in rows if ENDED_ELSEWHERE not in row.settings}


def running_workers(engine: Engine) -> list[str]:
    """Names of all workers that hold a calculation, sorted."""
    with reading(engine) as session:
        statement = select(CalculationRow.worker).where(CalculationRow.state == CalculationState.RUNNING.value)
        return sorted({worker for worker in session.scalars(statement.distinct()) if worker is not None})


def database_now(session: Session) -> datetime:
    """One clock for all workers: the server's on PostgreSQL; the writers of an SQLite file share a machine's."""
    if session.get_bind().dialect.name != "postgresql":
        return utc_now()
    moment: datetime = session.scalars(select(func.clock_timestamp())).one()
    return moment


def _abandon(session: Session, held: Select[Any], *, reason: str, fault: bool, now: datetime) -> int:
    """Record the leases in `held` as abandoned and return their calculations to the queue, or end them as failed."""
    rows: Sequence[CalculationRow] = session.scalars(held.with_for_update(skip_locked=True)).all()
    for batch in batches(rows):
        records = [
            {
                "calculation_id": row.id,
                "attempt": row.attempt,
                "worker": row.worker,
                "started_at": row.started_at,
                "abandoned_at": now,
                "reason": reason,
            }
            for row in batch
        ]
        insert_new(session, AbandonedAttemptRow, records, unique=["calculation_id", "attempt"])
        session.execute(update(CalculationRow), [_returned(row, reason=reason, fault=fault, now=now) for row in batch])
    session.expire_all()
    return len(rows)


def _returned(row: CalculationRow, *, reason: str, fault: bool, now: datetime) -> dict[str, Any]:
    faults = row.faults + int(fault)
    exhausted = faults >= row.max_attempts
    failure = Failure(
        stage=Stage.INFRASTRUCTURE,
        kind="attempts_exhausted",
        message=f"{faults} attempts ended without a result, the last on worker {row.worker} ({reason});"
        " find the cause there, then queue it again",
    )
    return {
        "id": row.id,
        "state": (CalculationState.FAILED if exhausted else CalculationState.PENDING).value,
        "faults": faults,
        "worker": None,
        "lease_expires_at": None,
        "finished_at": now if exhausted else None,
        "outcome": Outcome.FAILED.value if exhausted else None,
        **failure_values(failure if exhausted else None),
    }


def _claimed(row: CalculationRow) -> ClaimedCalculation:
    if row.worker is None or row.lease_expires_at is None:
        raise ValueError(f"calculation {row.id} is not claimed")
    return ClaimedCalculation(
        id=row.id,
        kind=CalculationKind(row.kind),
        subject_key=row.subject_key,
        level_key=row.level_key,
        settings=row.settings,
        worker=row.worker,
        attempt=row.attempt,
        lease_expires_at=row.lease_expires_at,
        payer=row.campaign_id,
    )
