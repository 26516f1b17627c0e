"""The life of a campaign: paused work is not handed out, spending is counted once, specifications survive."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from chem.budget import Budget
from chem.errors import ConfigurationError
from chem.outcomes import Failure, Stage
from db.campaign_tables import CampaignRow, CampaignState
from db.campaigns import add_campaign, add_reaction_members
from db.closing import Spent, finish, refuse
from db.engine import reading, writing
from db.lifecycle import campaigns, reactions_left, set_state, specification, specify, why_halted
from db.store import add_reactions
from db.tables import CalculationKind
from db.work import claim, enqueue

KIND = CalculationKind.SEARCH


@pytest.fixture
def campaign(engine, network):
    """A campaign with four queued searches; returns a function that gives it a budget."""

    def limited(**budget):
        with writing(engine) as session:
            specify(session, "first", {"depth": 2}, Budget(**budget), version="0.1.0")

    with writing(engine) as session:
        add_reactions(session, network.reactions, {})
        for name in ("first", "second"):
            add_campaign(session, name=name, settings={}, seed=0, rules_hash="")
            add_reaction_members(session, name, [each.key for each in network.reactions], round_number=1)
        enqueue(session, kind=KIND, reaction_keys=[each.key for each in network.reactions], level_key="GFN2-xTB")
    limited()
    return limited


def take(engine, campaign="first", limit=1, worker="one"):
    return claim(engine, kind=KIND, worker=worker, limit=limit, lease_seconds=60, campaign=campaign)


def end(engine, claimed, **cost):
    with writing(engine) as session:
        return finish(session, claimed, outcome="intended", seconds=1.0, **cost)


def one(engine, name="first"):
    with reading(engine) as session:
        (found,) = campaigns(session, name=name)
    return found


def move(engine, state, name="first"):
    with writing(engine) as session:
        return set_state(session, name, state)


def test_a_paused_campaign_hands_out_nothing_until_it_is_resumed(engine, campaign):
    assert move(engine, CampaignState.PAUSED) is CampaignState.ACTIVE
    assert take(engine) == []
    with reading(engine) as session:
        assert why_halted(session, "first") == "the campaign is paused"
    assert move(engine, CampaignState.ACTIVE) is CampaignState.PAUSED
    assert len(take(engine)) == 1


def test_what_runs_when_a_campaign_is_paused_is_stored_all_the_same(engine, campaign):
    (claimed,) = take(engine)
    move(engine, CampaignState.PAUSED)
    assert end(engine, claimed, gradient_calls=5)
    assert one(engine).spent.gradient_calls == 5


def test_another_campaign_goes_on_with_the_work_of_a_paused_one_and_pays(engine, campaign):
    move(engine, CampaignState.PAUSED)
    (claimed,) = take(engine, "second")
    end(engine, claimed, gradient_calls=7, spent=Spent(cpu_seconds=3600.0))
    assert one(engine, "first").spent.gradient_calls == 0
    assert (one(engine, "second").spent.gradient_calls, one(engine, "second").spent.cpu_hours) == (7, 1.0)


def test_a_stopped_campaign_stays_stopped(engine, campaign):
    move(engine, CampaignState.STOPPED)
    assert take(engine) == []
    with pytest.raises(ConfigurationError, match="stopped for good"):
        move(engine, CampaignState.ACTIVE)


def test_work_ends_when_the_budget_is_spent_and_goes_on_with_a_larger_one(engine, campaign):
    campaign(gradient_calls=10)
    (first,) = take(engine)
    (second,) = take(engine)
    end(engine, first, gradient_calls=9)
    assert len(take(engine)) == 1
    end(engine, second, gradient_calls=9)
    assert take(engine) == []
    with reading(engine) as session:
        assert why_halted(session, "first") == "18 of 10 gradient calls are spent"
    campaign(gradient_calls=100)
    assert len(take(engine)) == 1


def test_a_result_that_is_stored_twice_is_paid_once(engine, campaign):
    (claimed,) = take(engine)
    assert end(engine, claimed, gradient_calls=5)
    assert not end(engine, claimed, gradient_calls=5)
    assert one(engine).spent.gradient_calls == 5


def test_a_refused_calculation_costs_nothing(engine, campaign):
    (claimed,) = take(engine)
    with writing(engine) as session:
        refuse(session, claimed, Failure(stage=Stage.INFRASTRUCTURE, kind="memory", message="too large"))
    assert one(engine).spent.gradient_calls == 0


def test_work_that_no_campaign_asked_for_is_paid_by_none(engine, campaign):
    (claimed,) = take(engine, campaign=None)
    assert claimed.payer is None
    end(engine, claimed, gradient_calls=5)
    assert one(engine).spent.gradient_calls == one(engine, "second").spent.gradient_calls == 0


def test_a_budget_of_reactions_tells_how_many_are_left(engine, campaign):
    with reading(engine) as session:
        assert reactions_left(session, "first") is None
    campaign(reactions=5)
    with reading(engine) as session:
        assert reactions_left(session, "first") == 1
        assert why_halted(session, "first") is None
    campaign(reactions=3)
    with reading(engine) as session:
        assert reactions_left(session, "first") == 0


def test_a_specification_comes_back_as_it_was_given(engine, campaign):
    with reading(engine) as session:
        assert specification(session, "first") == {"depth": 2}
    assert one(engine).budget == Budget()
    campaign(cpu_hours=1.5)
    assert one(engine).budget == Budget(cpu_hours=1.5)


def test_a_campaign_of_an_older_program_has_no_specification_and_says_what_to_do(engine, campaign):
    with reading(engine) as session, pytest.raises(ConfigurationError, match="cairn campaign create --name second"):
        specification(session, "second")


def test_a_specification_of_a_newer_program_is_refused(engine, campaign):
    newer = {"format": 99, "version": "7.0", "settings": {}}
    with writing(engine) as session:
        session.execute(update(CampaignRow).where(CampaignRow.name == "first").values(specification=newer))
    with reading(engine) as session, pytest.raises(ConfigurationError, match="Cairn 7"):
        specification(session, "first")


def test_campaigns_are_listed_with_their_sizes(engine, campaign):
    move(engine, CampaignState.PAUSED, "second")
    with reading(engine) as session:
        found = campaigns(session)
        assert [(each.name, each.state.value, each.n_reactions) for each in found] == [
            ("first", "active", 4),
            ("second", "paused", 4),
        ]
        assert [each.name for each in campaigns(session, state=CampaignState.ACTIVE)] == ["first"]


def test_an_unknown_campaign_is_named_with_those_that_there_are(engine, campaign):
    with writing(engine) as session, pytest.raises(ConfigurationError, match="it holds: first, second"):
        set_state(session, "third", CampaignState.PAUSED)
