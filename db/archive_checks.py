"""Whether the rows of an archive may be believed: verdicts follow from checks, geometries are what their hashes say."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from chem.errors import InputError
from chem.outcomes import Status
from db.convert import geometry_hash, to_geometry
from db.statements import streamed
from db.tables import (
    BarrierRow,
    CalculationRow,
    CalculationState,
    GeometryRow,
    TransitionStateCheckRow,
    TransitionStateRow,
)


def contradictions(session: Session) -> Iterator[str]:
    """What in the database of an archive contradicts itself, in words; nothing where it is sound."""
    verdict = _verdict_of_checks()
    statement = (
        select(TransitionStateRow.key, TransitionStateRow.verdict, verdict)
        .outerjoin(TransitionStateCheckRow, TransitionStateCheckRow.transition_state_id == TransitionStateRow.id)
        .outerjoin(BarrierRow, BarrierRow.transition_state_id == TransitionStateRow.id)
        .group_by(TransitionStateRow.id, TransitionStateRow.key, TransitionStateRow.verdict, BarrierRow.verdict)
        .having((TransitionStateRow.verdict != verdict) | (func.coalesce(BarrierRow.verdict, verdict) != verdict))
    )
    for key, told, follows in session.execute(statement):
        yield f"transition state {key} is called {told} where its checks say {follows}"
    if count := session.scalars(select(func.count()).where(TransitionStateRow.reaction_id.is_(None))).one():
        yield f"{count} transition states belong to no reaction"
    done = CalculationRow.state == CalculationState.DONE.value
    if count := session.scalars(select(func.count()).select_from(CalculationRow).where(~done)).one():
        yield f"{count} calculations are not done"
    for rows in session.scalars(select(GeometryRow), execution_options=streamed()).partitions():
        for row in rows:
            if not _is_itself(row):
                yield f"geometry {row.content_hash} holds other atoms or positions than its name says"


def _verdict_of_checks() -> ColumnElement[str]:
    """The verdict as `chem.outcomes.Verdict` has it."""
    status = TransitionStateCheckRow.status
    failed, unclear = (
        func.sum(case((status == each.value, 1), else_=0)) for each in (Status.FAILED, Status.COULD_NOT_CHECK)
    )
    return case(
        (func.count(status) == 0, Status.ESTIMATED.value),
        (failed > 0, Status.FAILED.value),
        (unclear > 0, Status.COULD_NOT_CHECK.value),
        else_=Status.PASSED.value,
    )


def _is_itself(row: GeometryRow) -> bool:
    try:
        return geometry_hash(to_geometry(row)) == row.content_hash
    except (InputError, ValueError):
        return False
