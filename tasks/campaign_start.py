"""Store a campaign, or find the one that settings stand for. No Prefect here."""

from __future__ import annotations

from importlib.metadata import version

from sqlalchemy.orm import Session

from db.campaigns import add_campaign, add_species_members
from db.lifecycle import specify
from db.store import add_levels, add_species
from tasks.plan import campaign_name, campaign_settings, rules_hash, seed_species, specified
from tasks.settings import ExploreSettings


def store_campaign(session: Session, settings: ExploreSettings) -> str:
    """Store the seeds, the campaign and everything that is asked for of it.

    Args:
        session: In a write transaction.
        settings: Of the campaign; they replace what was asked for before.

    Returns:
        Its name.

    Raises:
        ConfigurationError: A campaign of this name finds another network.
    """
    species, name = seed_species(settings), campaign_name(settings)
    add_species(session, species)
    add_levels(session, [settings.theory])
    add_campaign(
        session,
        name=name,
        settings=campaign_settings(settings),
        seed=settings.seed,
        rules_hash=rules_hash(settings),
    )
    specify(session, name, specified(settings), settings.budget, version=version("cairn"))
    add_species_members(session, name, [each.key for each in species], round_number=0)
    return name
