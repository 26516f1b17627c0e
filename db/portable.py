"""Identity of calculations and transition states that holds in every database, for what leaves one and enters another.

Row ids are numbers of one database, and so are the keys of transition states that name them. Outside, a calculation is
known by what it was asked and when it ended, a transition state by its calculation, the attempt and every bit of its
geometry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.convert import Values, settings_hash, sha256
from db.statements import select_in
from db.tables import AttemptRow, CalculationRow, CalculationState, GeometryRow, TransitionStateRow

ENDED_ELSEWHERE = "ended_elsewhere"  # setting of a calculation that came from another database: when it ended
KEY_BEGINNING = "ts-"  # of the key of a transition state outside the database that found it
DIGITS = 32  # of the digest that follows


@dataclass(frozen=True, slots=True)
class CalculationIdentity:
    """The natural key of a calculation as it stands in every database but its own."""

    kind: str
    subject_key: str
    level_key: str
    settings_hash: str


def portable_settings(settings: Mapping[str, Any], finished_at: datetime | None) -> Values:
    """Settings of a calculation for other databases.

    With the moment at which it ended among them it never stands for a calculation that a database queues itself, which
    another may be working on: only a part of what it found may have come along.
    """
    if ENDED_ELSEWHERE in settings:
        return dict(settings)
    return {**settings, ENDED_ELSEWHERE: "" if finished_at is None else finished_at.isoformat()}


def portable_identity(
    *, kind: str, subject_key: str, level_key: str, settings: Mapping[str, Any], finished_at: datetime | None
) -> CalculationIdentity:
    """Identity of a calculation, the same in its own database and in all others."""
    return CalculationIdentity(kind, subject_key, level_key, settings_hash(portable_settings(settings, finished_at)))


def calculation_ids(session: Session, reaction_ids: Iterable[int]) -> dict[CalculationIdentity, int]:
    """Row ids of the finished calculations for these reactions."""
    columns = (CalculationRow.kind, CalculationRow.subject_key, CalculationRow.level_key, CalculationRow.settings)
    statement = select(CalculationRow.id, *columns, CalculationRow.finished_at).where(
        CalculationRow.state == CalculationState.DONE.value
    )
    return {
        portable_identity(
            kind=row.kind,
            subject_key=row.subject_key,
            level_key=row.level_key,
            settings=row.settings,
            finished_at=row.finished_at,
        ): row.id
        for row in select_in(session, statement, CalculationRow.reaction_id, reaction_ids)
    }


def state_keys(session: Session, column: InstrumentedAttribute[Any], values: Iterable[int]) -> dict[int, str]:
    """Portable keys, by row id, of the transition states of which a column has one of the values."""
    state, calculation = TransitionStateRow, CalculationRow
    statement = (
        select(
            state.id,
            state.key,
            state.calculation_id,
            calculation.kind,
            calculation.subject_key,
            calculation.level_key,
            calculation.settings,
            calculation.finished_at,
            AttemptRow.position,
            GeometryRow.content_hash,
        )
        .join(GeometryRow, GeometryRow.id == state.geometry_id)
        .outerjoin(calculation, calculation.id == state.calculation_id)
        .outerjoin(AttemptRow, AttemptRow.transition_state_id == state.id)
    )
    return {row.id: _state_key(row) for row in select_in(session, statement, column, values)}


def _state_key(row: Any) -> str:
    """The key itself where it holds everywhere; else a digest of calculation, attempt and geometry."""
    key: str = row.key
    if row.calculation_id is None or key.startswith(KEY_BEGINNING):
        return key
    found_by = portable_identity(
        kind=row.kind,
        subject_key=row.subject_key,
        level_key=row.level_key,
        settings=row.settings,
        finished_at=row.finished_at,
    )
    identity = (found_by.kind, found_by.subject_key, found_by.level_key, found_by.settings_hash)
    return KEY_BEGINNING + sha256(*identity, row.position, row.content_hash)[:DIGITS]
