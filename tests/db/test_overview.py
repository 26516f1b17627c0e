"""Where a campaign stands and how two differ."""

from __future__ import annotations

import pytest

from chem.budget import Budget
from db.campaigns import add_campaign, add_reaction_members, add_species_members, mark_expanded
from db.closing import finish
from db.engine import open_database, reading, writing
from db.lifecycle import specify
from db.overview import differing_reactions, differing_settings, frontier, paces
from db.results import record_search
from db.store import add_reactions
from db.tables import CalculationKind
from db.work import claim, enqueue


@pytest.fixture
def two(engine, network):
    """Two campaigns of one database, the second without the exchange reaction and one round deeper."""
    with writing(engine) as session:
        add_reactions(session, network.reactions, {})
        for name, depth, members in (("first", 1, network.reactions), ("second", 2, network.reactions[:3])):
            add_campaign(session, name=name, settings={"level": "GFN2-xTB"}, seed=0, rules_hash="")
            specify(session, name, {"depth": depth, "triage": {"share": 0.1 * depth}}, Budget(), version="0.1.0")
            add_reaction_members(session, name, [each.key for each in members], round_number=1)
        add_species_members(session, "first", [network.formaldehyde.key], round_number=0)
        add_species_members(session, "first", [network.hydrogen.key, network.carbon_monoxide.key], round_number=1)
        mark_expanded(session, "first", [network.formaldehyde.key], rules_hash="")


def test_the_frontier_is_what_was_reached_and_not_expanded(engine, network, two):
    with reading(engine) as session:
        assert set(frontier(session, "first")) == {(network.hydrogen.smiles, 1), (network.carbon_monoxide.smiles, 1)}
        assert len(frontier(session, "first", most=1)) == 1
        assert frontier(session, "second") == []


def test_pace_tells_what_is_open_and_when_it_will_be_done(engine, two):
    with writing(engine) as session:
        enqueue(
            session, kind=CalculationKind.SEARCH, reaction_keys=["shift", "decay", "dissociation"], level_key="GFN2-xTB"
        )
    with reading(engine) as session:
        (before,) = paces(session, "first")
    assert (before.kind, before.open, before.per_minute, before.left_s) == ("search", 3, 0.0, None)
    (claimed,) = claim(engine, kind=CalculationKind.SEARCH, worker="one", limit=1, lease_seconds=60)
    with writing(engine) as session:
        finish(session, claimed, outcome="intended", gradient_calls=1, seconds=1.0)
    with reading(engine) as session:
        (after,) = paces(session, "first")
    assert after.open == 2
    assert after.per_minute > 0.1
    assert after.left_s == pytest.approx(60.0 * 2 / after.per_minute)


def test_a_campaign_does_not_differ_from_itself(engine, two):
    with reading(engine) as session:
        assert differing_settings((session, "first"), (session, "first")) == []
        assert differing_reactions((session, "first"), (session, "first")) == []


def test_settings_and_reactions_that_differ_are_listed(engine, two):
    with reading(engine) as session:
        pair = (session, "first"), (session, "second")
        settings, (reaction,) = differing_settings(*pair), differing_reactions(*pair)
    assert [(each.setting, each.first, each.second) for each in settings] == [
        ("depth", 1, 2),
        ("triage.share", 0.1, 0.2),
    ]
    assert (reaction.key, reaction.what, reaction.second) == ("exchange", ("missing",), None)


def test_barriers_verdicts_and_outcomes_of_two_databases_are_compared(engine, network, two, search, tmp_path):
    claimed = search("shift")
    with writing(engine) as session:
        record_search(session, claimed, network.search_result(), found={1: network.decay})
    other = open_database(tmp_path / "other.db")
    try:
        with writing(other) as session:
            add_reactions(session, network.reactions, {})
            add_campaign(session, name="first", settings={"level": "GFN2-xTB"}, seed=0, rules_hash="")
            add_reaction_members(session, "first", [each.key for each in network.reactions], round_number=1)
        with reading(engine) as here, reading(other) as there:
            found = {each.key: each for each in differing_reactions((here, "first"), (there, "first"))}
    finally:
        other.dispose()
    assert found["shift"].what == ("outcome", "verdict", "barrier")
    assert found["shift"].first.outcome == "intended"
    assert found["shift"].second.barrier_forward_kcal_mol is None
