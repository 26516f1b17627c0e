"""Which calculations have ended and wait for what comes after them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from chem.outcomes import Outcome
from db.campaigns import campaign_id
from db.convert import settings_hash
from db.tables import CalculationKind, CalculationRow, CalculationState
from db.work import is_member


def ended_without_sequel(
    session: Session,
    *,
    kind: CalculationKind,
    settings: Mapping[str, Any],
    sequels: Mapping[CalculationKind, Mapping[str, Any]],
    campaign: str,
    level_key: str,
) -> dict[str, str]:
    """Calculations of a campaign that ended and that no other one follows yet.

    Args:
        session: To read with.
        kind: What they did.
        settings: Those they were queued with.
        sequels: Settings of the calculations that may follow, by what they do.
        campaign: Name.
        level_key: Level of theory of all.

    Returns:
        Outcomes by reaction key; `failed` where infrastructure ended one.
    """
    ended = (CalculationState.DONE.value, CalculationState.FAILED.value)
    statement = select(CalculationRow.subject_key, CalculationRow.outcome).where(
        CalculationRow.kind == kind.value,
        CalculationRow.level_key == level_key,
        CalculationRow.settings_hash == settings_hash(settings),
        CalculationRow.state.in_(ended),
        is_member(campaign_id(session, campaign), kind),
    )
    for sequel, values in sequels.items():
        other = aliased(CalculationRow)
        follows = select(other.id).where(
            other.kind == sequel.value,
            other.subject_key == CalculationRow.subject_key,
            other.level_key == level_key,
            other.settings_hash == settings_hash(values),
        )
        statement = statement.where(~follows.exists())
    return {key: outcome or Outcome.FAILED.value for key, outcome in session.execute(statement)}
