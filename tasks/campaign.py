"""Prefect tasks of an exploration: each opens the database, calls pure functions, and writes what they return."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from chem.enumeration import enumerate_reactions
from chem.expansion import pair_reactions
from chem.growth import Strategy, is_small_enough, nearest, worth_expanding
from chem.identity import mapped_smiles
from chem.types import Reaction, Species
from db.campaign_tables import CampaignState
from db.campaigns import (
    add_reaction_members,
    add_species_members,
    adopt_found_reactions,
    campaign_species,
    has_round,
    mark_expanded,
    note_round_done,
    reaction_members,
    rounds_done,
    unexpanded_species,
)
from db.engine import open_database, reading, writing
from db.lifecycle import campaigns, reactions_left, why_halted
from db.requeue import requeue_failed
from db.store import add_reactions
from db.work import enqueue
from tasks.campaign_start import store_campaign
from tasks.log import event_log
from tasks.plan import (
    calculation_settings,
    first_kind,
    network_of,
    rules_hash,
    search_settings,
    seed_species,
    stored_settings,
)
from tasks.settings import ExploreSettings


@task(name="start campaign", cache_policy=NO_CACHE)
def start_campaign(settings: ExploreSettings) -> str:
    """Store the seeds and the campaign, or find the one that these settings stand for; returns its name."""
    engine = open_database(settings.database)
    try:
        with writing(engine) as session:
            requeue_failed(session)  # what infrastructure ended may go well this time
            return store_campaign(session, settings)
    finally:
        engine.dispose()


def active_campaigns(database: str) -> list[tuple[ExploreSettings, str]]:
    """Settings and names of the campaigns of a database that are worked on, the oldest first.

    Those from before specifications were stored are left out; `cairn explore` goes on with them.
    """
    engine = open_database(database)
    try:
        with reading(engine) as session:
            active = [each for each in campaigns(session, state=CampaignState.ACTIVE) if each.specification is not None]
            return [(stored_settings(session, each.name, database=database), each.name) for each in active]
    finally:
        engine.dispose()


def why_campaign_halted(database: str, campaign: str) -> str | None:
    """Why no further work of a campaign may begin, in words; None where it may."""
    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            return why_halted(session, campaign)
    finally:
        engine.dispose()


def open_rounds(settings: ExploreSettings, campaign: str) -> range:
    """Numbers of the rounds to go on with: those before are over, and what later ones find does not change them.

    The last one is always among them, since work may have been added to it.
    """
    engine = open_database(settings.database, create=False)
    try:
        with reading(engine) as session:
            return range(min(rounds_done(session, campaign) + 1, settings.depth), settings.depth + 1)
    finally:
        engine.dispose()


@task(name="enumerate", cache_policy=NO_CACHE)
def expand_frontier(settings: ExploreSettings, campaign: str, round_number: int) -> int:
    """Enumerate the reactions of every species not yet expanded, queue their preparation; returns how many are new."""
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            if settings.growth.strategy is Strategy.GOAL and has_round(session, campaign, round_number):
                return 0  # its few species were chosen when it began
            unexpanded = unexpanded_species(
                session, campaign, rules_hash=rules_hash(settings), before_round=round_number
            )
            seeds = seed_species(settings)
            frontier = _chosen(unexpanded, settings, only_ordinary=all(map(_is_ordinary, seeds)))
            known = campaign_species(session, campaign) if settings.maximum_pairs else []
            left = reactions_left(session, campaign)
            members = set() if left is None else set(reaction_members(session, campaign))
        frontier, found = _expanded(frontier, settings, members, left)
        if not frontier:
            return 0
        for reaction in pair_reactions(
            frontier,
            known,
            settings.enumeration,
            maximum_atoms=settings.maximum_pair_atoms,
            maximum_pairs=settings.maximum_pairs,
        ):
            found.setdefault(reaction.key, reaction)
        labels = {key: mapped_smiles(reaction) for key, reaction in found.items()}
        level = settings.theory
        with writing(engine) as session:
            add_reactions(session, found.values(), labels)
            new = add_reaction_members(session, campaign, found, round_number=round_number)
            first = first_kind(settings)
            enqueue(
                session,
                kind=first,
                reaction_keys=sorted(found),
                level_key=level.key,
                settings=calculation_settings(settings, first),
            )
            mark_expanded(session, campaign, [each.key for each in frontier], rules_hash=rules_hash(settings))
        event_log(settings.log).info(
            "species expanded", campaign=campaign, round=round_number, species=len(frontier), new_reactions=new
        )
        return new
    finally:
        engine.dispose()


def _chosen(unexpanded: list[Species], settings: ExploreSettings, *, only_ordinary: bool) -> list[Species]:
    """Which of the species that may be expanded are expanded in this round."""
    growth = settings.growth
    allowed = [
        each for each in unexpanded if is_small_enough(each, growth) and (_is_ordinary(each) or not only_ordinary)
    ]
    if growth.strategy is Strategy.GOAL and growth.target is not None:
        return nearest(allowed, growth.target, growth.most_species)
    return allowed


def _expanded(
    frontier: list[Species], settings: ExploreSettings, members: set[str], left: int | None
) -> tuple[list[Species], dict[str, Reaction]]:
    """Unimolecular reactions of the species of a frontier, by key, until no more new ones may be taken up.

    Returns:
        The species that were expanded, each wholly, and their reactions.
    """
    found: dict[str, Reaction] = {}
    for number, species in enumerate(frontier):
        if left is not None and len(found.keys() - members) >= left:
            return frontier[:number], found
        for reaction in enumerate_reactions(species.graph, settings.enumeration):
            found.setdefault(reaction.key, reaction)
    return frontier, found


def _is_ordinary(species: Species) -> bool:
    """Closed-shell and neutral: what is explored further, unless a seed is not."""
    return species.charge == 0 and species.multiplicity == 1


@task(name="reach", cache_policy=NO_CACHE)
def reach_species(settings: ExploreSettings, campaign: str, round_number: int) -> int:
    """Note the reactions that searches ended in and the species that known barriers reach; returns the new species."""
    engine = open_database(settings.database)
    try:
        with writing(engine) as session:
            adopt_found_reactions(session, campaign, search_settings(settings))
        with reading(engine) as session:
            steps = network_of(session, settings, campaign, round_number)
        seeds = [species.key for species in seed_species(settings)]
        reached = worth_expanding(seeds, steps, settings.growth, max_barrier_kcal_mol=settings.max_barrier_kcal_mol)
        with writing(engine) as session:
            new = add_species_members(session, campaign, sorted(reached), round_number=round_number)
            note_round_done(session, campaign, round_number)
        event_log(settings.log).info(
            "species reached", campaign=campaign, round=round_number, known_steps=len(steps), new_species=new
        )
        return new
    finally:
        engine.dispose()
