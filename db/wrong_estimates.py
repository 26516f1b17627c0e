"""Believed estimates that the audit found wrong: where the generator has most to learn."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.audit import AuditOutcome
from chem.units import kcal_mol
from db.campaign_tables import AuditRow
from db.campaigns import campaign_id
from db.tables import ReactionRow


def wrong_estimates(session: Session, *, above_kcal_mol: float, campaign: str | None = None) -> frozenset[str]:
    """Keys of the reactions whose audit ended otherwise than the estimate that was believed.

    Those are audits that found another reaction's saddle point or none, and those that found a barrier farther away
    than a bound.

    Args:
        session: Open session.
        above_kcal_mol: The bound on the absolute error of the forward barrier, kcal/mol.
        campaign: Only audits of this campaign.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    statement = (
        select(ReactionRow.key, AuditRow.outcome, AuditRow.estimated_forward_ev, AuditRow.verified_forward_ev)
        .join(ReactionRow, ReactionRow.id == AuditRow.reaction_id)
        .where(AuditRow.outcome.is_not(None))
    )
    if campaign is not None:
        statement = statement.where(AuditRow.campaign_id == campaign_id(session, campaign))
    found = set()
    for key, outcome, estimated, verified in session.execute(statement):
        missed = outcome != AuditOutcome.VERIFIED.value
        known = estimated is not None and verified is not None
        if missed or (known and abs(kcal_mol(estimated - verified)) > above_kcal_mol):
            found.add(key)
    return frozenset(found)
