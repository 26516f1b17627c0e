"""Which reactions were proposed, and for which species that is still to be done."""

from __future__ import annotations

from sqlalchemy import func, select

from db.campaign_tables import Origin, ReactionMembershipRow
from db.campaigns import add_campaign, add_reaction_members, add_species_members, campaign_id, mark_expanded
from db.engine import reading, writing
from db.proposals import mark_proposed, species_to_propose_for
from db.species_minima import enqueue_minima
from db.store import add_reactions, add_species
from db.tables import CalculationKind
from db.work import claim, open_calculations


def by_origin(session):
    """How many reactions the campaign has of each origin."""
    origin = ReactionMembershipRow.origin
    found = session.execute(select(origin, func.count()).group_by(origin)).tuples()
    return {Origin(name): count for name, count in found}


def campaign_of(session, network, name, *, expanded):
    add_species(session, [network.formaldehyde, network.hydroxymethylene, network.hydrogen])
    add_campaign(session, name=name, settings={}, seed=0, rules_hash="b2f2")
    members = [network.formaldehyde.key, network.hydroxymethylene.key]
    add_species_members(session, name, members, round_number=0)
    mark_expanded(session, name, expanded, rules_hash="b2f2")
    return members


def waiting(engine, name, proposal_hash):
    with reading(engine) as session:
        return [each.key for each in species_to_propose_for(session, name, proposal_hash=proposal_hash)]


def test_expanded_species_wait_until_reactions_of_them_were_proposed_in_this_way(engine, network):
    with writing(engine) as session:
        campaign_of(session, network, "one", expanded=[network.formaldehyde.key])
        campaign_of(session, network, "other", expanded=[network.formaldehyde.key])
    key = network.formaldehyde.key
    assert waiting(engine, "one", "first") == [key]
    with writing(engine) as session:
        mark_proposed(session, "one", [key], proposal_hash="first")
        mark_proposed(session, "one", [], proposal_hash="first")
    assert waiting(engine, "one", "first") == []
    assert waiting(engine, "one", "second") == [key]
    assert waiting(engine, "other", "first") == [key]


def test_the_first_origin_of_a_reaction_counts(engine, network):
    with writing(engine) as session:
        campaign_of(session, network, "one", expanded=[])
        keys = sorted(add_reactions(session, network.reactions))
        add_reaction_members(session, "one", keys[:1], round_number=1)
        assert add_reaction_members(session, "one", keys, round_number=2, origin=Origin.PROPOSED) == len(keys) - 1
    with reading(engine) as session:
        assert by_origin(session) == {Origin.ENUMERATED: 1, Origin.PROPOSED: len(keys) - 1}


def test_the_minima_of_the_species_of_a_campaign_are_its_work_and_it_pays(engine, network):
    settings = {"n_embeddings": 5, "seed": 1}
    with writing(engine) as session:
        members = campaign_of(session, network, "one", expanded=[])
        campaign_of(session, network, "other", expanded=[])
        enqueue_minima(session, [*members, network.hydrogen.key], level_key="GFN2-xTB", settings=settings)

    def still_open(campaign):
        with reading(engine) as session:
            return open_calculations(
                session, kind=CalculationKind.MINIMUM, campaign=campaign, level_key="GFN2-xTB", settings=settings
            )

    assert (still_open("one"), still_open(None)) == (2, 3)
    claims = claim(
        engine, kind=CalculationKind.MINIMUM, worker="w", limit=9, lease_seconds=60, campaign="one", settings=settings
    )
    assert sorted(each.subject_key for each in claims) == sorted(members)
    with reading(engine) as session:
        assert {each.payer for each in claims} == {campaign_id(session, "one")}
