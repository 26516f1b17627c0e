"""Which species of a campaign wait for proposals of further reactions."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from chem.types import Species
from db.campaign_tables import SpeciesMembershipRow
from db.campaigns import campaign_id
from db.convert import to_species
from db.statements import batches
from db.tables import SpeciesRow


def species_to_propose_for(session: Session, campaign: str, *, proposal_hash: str) -> list[Species]:
    """Expanded members of a campaign of which this way of proposing drew nothing yet, in the order of expansion.

    Args:
        session: Open session.
        campaign: Its name.
        proposal_hash: Identity of the way.
    """
    statement = (
        select(SpeciesRow)
        .join(SpeciesMembershipRow, SpeciesMembershipRow.species_id == SpeciesRow.id)
        .where(
            SpeciesMembershipRow.campaign_id == campaign_id(session, campaign),
            SpeciesMembershipRow.expanded_at.is_not(None),
            or_(SpeciesMembershipRow.proposed_hash.is_(None), SpeciesMembershipRow.proposed_hash != proposal_hash),
        )
        .order_by(SpeciesMembershipRow.round, SpeciesRow.key)
    )
    return [to_species(row) for row in session.scalars(statement)]


def mark_proposed(session: Session, campaign: str, species_keys: Iterable[str], *, proposal_hash: str) -> None:
    """Note that reactions of these members were proposed, in the transaction that stores them."""
    number = campaign_id(session, campaign)
    for batch in batches(sorted(species_keys)):
        members = select(SpeciesRow.id).where(SpeciesRow.key.in_(batch))
        session.execute(
            update(SpeciesMembershipRow)
            .where(SpeciesMembershipRow.campaign_id == number, SpeciesMembershipRow.species_id.in_(members))
            .values(proposed_hash=proposal_hash)
            .execution_options(synchronize_session=False)
        )
