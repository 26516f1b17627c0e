"""Another chance for calculations that infrastructure ended."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, and_, func, select, update
from sqlalchemy.orm import Session

from db.campaign_tables import CampaignRow, ReactionMembershipRow
from db.convert import failure_values
from db.tables import CalculationKind, CalculationRow, CalculationState


def requeue_failed(session: Session, *, kind: CalculationKind | None = None) -> int:
    """Give calculations that infrastructure ended a fresh set of attempts; results, chemical failures too, stay.

    The rounds of their reactions are not over any more: what they find may reach further species.

    Returns:
        How many.
    """
    kinds = [each.value for each in (CalculationKind if kind is None else [kind])]
    failed = and_(CalculationRow.kind.in_(kinds), CalculationRow.state == CalculationState.FAILED.value)
    earliest = (
        select(ReactionMembershipRow.campaign_id, func.min(ReactionMembershipRow.round))
        .join(CalculationRow, CalculationRow.reaction_id == ReactionMembershipRow.reaction_id)
        .where(failed)
        .group_by(ReactionMembershipRow.campaign_id)
    )
    for campaign, first in session.execute(earliest).all():
        reopened = update(CampaignRow).where(CampaignRow.id == campaign, CampaignRow.rounds_done >= first)
        session.execute(reopened.values(rounds_done=first - 1).execution_options(synchronize_session=False))
    statement = update(CalculationRow).where(failed)
    result = session.execute(
        statement.values(
            state=CalculationState.PENDING.value,
            faults=0,
            finished_at=None,
            outcome=None,
            **failure_values(None),
        ).execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", result).rowcount
