"""Writes and reads of what belongs to a campaign: members, rounds, expansions, triage decisions.

Every write is idempotent and runs in the caller's transaction; a campaign is named by its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from chem.errors import ConfigurationError
from chem.outcomes import Action, Decision
from chem.types import Species
from db.base import utc_now
from db.campaign_tables import CampaignRow, Origin, ReactionMembershipRow, SpeciesMembershipRow
from db.convert import plain_json, settings_hash, to_species
from db.statements import batches, ids_by, insert_new, select_in, upsert
from db.store import stored_ids
from db.tables import CalculationRow, ReactionRow, SpeciesRow, TransitionStateRow


def add_campaign(session: Session, *, name: str, settings: Mapping[str, Any], seed: int, rules_hash: str) -> int:
    """Start a campaign, or go on with the one of this name.

    Args:
        session: In a write transaction.
        name: Name for people, unique in the database.
        settings: Everything that decides what the campaign does, as JSON values.
        seed: Seed of all its random numbers.
        rules_hash: Identity of its enumeration rules.

    Returns:
        Row id.

    Raises:
        ConfigurationError: A campaign of this name has other settings.
    """
    row = {"name": name, "settings": plain_json(settings), "seed": seed, "rules_hash": rules_hash}
    insert_new(session, CampaignRow, [row], unique=["name"])
    stored = session.scalars(select(CampaignRow).where(CampaignRow.name == name)).one()
    before = {**stored.settings, "seed": stored.seed, "rules_hash": stored.rules_hash}
    after = {**row["settings"], "seed": seed, "rules_hash": rules_hash}
    changed = sorted(key for key in before | after if before.get(key) != after.get(key))
    if changed:
        described = "; ".join(f"{key} was {before.get(key)!r} and is {after.get(key)!r}" for key in changed)
        raise ConfigurationError(
            f"campaign {name!r} was started with other settings: {described};"
            " restore them to go on, or give the campaign another name"
        )
    return stored.id


def campaign_id(session: Session, name: str) -> int:
    """Row id of a campaign.

    Raises:
        ConfigurationError: There is none of this name.
    """
    number = session.scalar(select(CampaignRow.id).where(CampaignRow.name == name))
    if number is None:
        known = ", ".join(session.scalars(select(CampaignRow.name).order_by(CampaignRow.name))) or "none"
        raise ConfigurationError(f"no campaign {name!r} in this database; it holds: {known}")
    return number


def add_species_members(session: Session, campaign: str, species_keys: Iterable[str], *, round_number: int) -> int:
    """Note which stored species a campaign reached; the first round counts.

    Returns:
        How many were new to the campaign.

    Raises:
        ValueError: A species is not stored.
    """
    number, ids = campaign_id(session, campaign), _species_ids(session, species_keys)
    rows = [{"campaign_id": number, "species_id": species_id, "round": round_number} for species_id in ids.values()]
    return len(insert_new(session, SpeciesMembershipRow, rows, unique=["campaign_id", "species_id"]))


def add_reaction_members(
    session: Session,
    campaign: str,
    reaction_keys: Iterable[str],
    *,
    round_number: int,
    origin: Origin = Origin.ENUMERATED,
) -> int:
    """Note which stored reactions a campaign reached; the first round and the first origin count.

    Returns:
        How many were new to the campaign.

    Raises:
        ValueError: A reaction is not stored.
    """
    number, ids = campaign_id(session, campaign), stored_ids(session, reaction_keys)
    rows = [
        {"campaign_id": number, "reaction_id": reaction_id, "round": round_number, "origin": origin.value}
        for reaction_id in ids.values()
    ]
    return len(insert_new(session, ReactionMembershipRow, rows, unique=["campaign_id", "reaction_id"]))


def adopt_found_reactions(session: Session, campaign: str, settings: Mapping[str, Any]) -> int:
    """Note the reactions that searches for the campaign's reactions ended in, whichever campaign ran the searches.

    Each counts as reached in the round of the reaction that was searched for.

    Args:
        session: In a write transaction.
        campaign: Its name.
        settings: Settings of its searches.

    Returns:
        How many were new to the campaign.
    """
    number = campaign_id(session, campaign)
    statement = (
        select(TransitionStateRow.reaction_id, func.min(ReactionMembershipRow.round))
        .join(CalculationRow, CalculationRow.id == TransitionStateRow.calculation_id)
        .join(ReactionMembershipRow, ReactionMembershipRow.reaction_id == CalculationRow.reaction_id)
        .where(
            ReactionMembershipRow.campaign_id == number,
            CalculationRow.settings_hash == settings_hash(settings),
            TransitionStateRow.reaction_id.is_not(None),
        )
        .group_by(TransitionStateRow.reaction_id)
    )
    rows = [
        {"campaign_id": number, "reaction_id": reaction_id, "round": first, "origin": Origin.FOUND.value}
        for reaction_id, first in session.execute(statement)
    ]
    return len(insert_new(session, ReactionMembershipRow, rows, unique=["campaign_id", "reaction_id"]))


def mark_expanded(session: Session, campaign: str, species_keys: Iterable[str], *, rules_hash: str) -> None:
    """Note that all reactions of these members were enumerated with these rules.

    Raises:
        ValueError: A species is not stored.
    """
    number, now = campaign_id(session, campaign), utc_now()
    changed = update(SpeciesMembershipRow).where(SpeciesMembershipRow.campaign_id == number)
    for batch in batches(sorted(_species_ids(session, species_keys).values())):
        session.execute(
            changed.where(SpeciesMembershipRow.species_id.in_(batch))
            .values(expanded_rules_hash=rules_hash, expanded_at=now)
            .execution_options(synchronize_session=False)
        )


def rounds_done(session: Session, campaign: str) -> int:
    """How many rounds of a campaign are over: what is found later does not change the species that they reach."""
    done: int = session.scalars(select(CampaignRow.rounds_done).where(CampaignRow.name == campaign)).one()
    return done


def note_round_done(session: Session, campaign: str, round_number: int) -> None:
    """Note that a round is over; in the transaction that stores the species that it reached."""
    session.execute(
        update(CampaignRow)
        .where(CampaignRow.name == campaign, CampaignRow.rounds_done < round_number)
        .values(rounds_done=round_number)
        .execution_options(synchronize_session=False)
    )


def has_round(session: Session, campaign: str, round_number: int) -> bool:
    """Whether a campaign reached a reaction in a round."""
    member = select(ReactionMembershipRow.id).where(
        ReactionMembershipRow.campaign_id == campaign_id(session, campaign),
        ReactionMembershipRow.round == round_number,
    )
    return session.scalars(member.limit(1)).first() is not None


def unexpanded_species(session: Session, campaign: str, *, rules_hash: str, before_round: int) -> list[Species]:
    """Members of a campaign that were not expanded with these rules, in the order in which they were reached.

    Args:
        session: Open session.
        campaign: Its name.
        rules_hash: Identity of the rules.
        before_round: Only members reached in an earlier round than this.
    """
    statement = (
        select(SpeciesRow)
        .join(SpeciesMembershipRow, SpeciesMembershipRow.species_id == SpeciesRow.id)
        .where(
            SpeciesMembershipRow.campaign_id == campaign_id(session, campaign),
            SpeciesMembershipRow.round < before_round,
            or_(
                SpeciesMembershipRow.expanded_rules_hash.is_(None),
                SpeciesMembershipRow.expanded_rules_hash != rules_hash,
            ),
        )
        .order_by(SpeciesMembershipRow.round, SpeciesRow.key)
    )
    return [to_species(row) for row in session.scalars(statement)]


def campaign_species(session: Session, campaign: str) -> list[Species]:
    """All members of a campaign, in the order in which they were reached."""
    statement = (
        select(SpeciesRow)
        .join(SpeciesMembershipRow, SpeciesMembershipRow.species_id == SpeciesRow.id)
        .where(SpeciesMembershipRow.campaign_id == campaign_id(session, campaign))
        .order_by(SpeciesMembershipRow.round, SpeciesRow.key)
    )
    return [to_species(row) for row in session.scalars(statement)]


def reaction_members(session: Session, campaign: str, *, reaction_keys: Iterable[str] | None = None) -> dict[str, int]:
    """Round in which a campaign first reached each of its reactions, by reaction key.

    Args:
        session: Open session.
        campaign: Its name.
        reaction_keys: Only these of its reactions; None for all.
    """
    statement = (
        select(ReactionRow.key, ReactionMembershipRow.round)
        .join(ReactionMembershipRow, ReactionMembershipRow.reaction_id == ReactionRow.id)
        .where(ReactionMembershipRow.campaign_id == campaign_id(session, campaign))
        .order_by(ReactionMembershipRow.round, ReactionRow.key)
    )
    if reaction_keys is None:
        return dict(session.execute(statement).tuples().all())
    return dict(tuple(row) for row in select_in(session, statement, ReactionRow.key, reaction_keys))


def undecided_reactions(session: Session, campaign: str) -> list[str]:
    """Keys of the reactions of a campaign that triage did not see yet, sorted."""
    statement = (
        select(ReactionRow.key)
        .join(ReactionMembershipRow, ReactionMembershipRow.reaction_id == ReactionRow.id)
        .where(
            ReactionMembershipRow.campaign_id == campaign_id(session, campaign),
            ReactionMembershipRow.action.is_(None),
        )
        .order_by(ReactionRow.key)
    )
    return list(session.scalars(statement))


def record_decisions(session: Session, campaign: str, decisions: Mapping[str, Decision], *, round_number: int) -> None:
    """Store what triage decided for reactions; a later decision replaces an earlier one.

    Args:
        session: In a write transaction.
        campaign: Whose triage.
        decisions: By reaction key.
        round_number: Round of the reactions that are not members yet.

    Raises:
        ValueError: A reaction is not stored.
    """
    number, ids = campaign_id(session, campaign), stored_ids(session, decisions)
    rows = [
        {
            "campaign_id": number,
            "reaction_id": ids[key],
            "round": round_number,
            "action": decision.action.value,
            "reasons": list(decision.reasons),
            "score_kcal_mol": decision.score_kcal_mol,
        }
        for key, decision in decisions.items()
    ]
    changed = ["action", "reasons", "score_kcal_mol"]
    upsert(session, ReactionMembershipRow, rows, unique=["campaign_id", "reaction_id"], update=changed)


def load_decisions(
    session: Session, campaign: str, *, actions: Collection[Action] | None = None
) -> dict[str, Decision]:
    """What triage decided, by reaction key; reactions that it did not see yet are left out.

    Args:
        session: Open session.
        campaign: Its name.
        actions: Only these decisions; None for all.
    """
    statement = (
        select(
            ReactionRow.key,
            ReactionMembershipRow.action,
            ReactionMembershipRow.reasons,
            ReactionMembershipRow.score_kcal_mol,
        )
        .join(ReactionMembershipRow, ReactionMembershipRow.reaction_id == ReactionRow.id)
        .where(
            ReactionMembershipRow.campaign_id == campaign_id(session, campaign),
            ReactionMembershipRow.action.in_([each.value for each in (Action if actions is None else actions)]),
        )
        .order_by(ReactionRow.key)
    )
    return {
        key: Decision(action=Action(action), reasons=tuple(reasons or ()), score_kcal_mol=score)
        for key, action, reasons, score in session.execute(statement)
    }


def _species_ids(session: Session, keys: Iterable[str]) -> dict[str, int]:
    distinct = set(keys)
    ids = ids_by(session, SpeciesRow.key, distinct)
    if missing := sorted(distinct - set(ids)):
        raise ValueError(f"{len(missing)} species are not stored, such as {missing[0]}; call add_species first")
    return ids
