"""What is new since a moment, where levels disagree, what was spent and what failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from chem.outcomes import Check, CheckName, Failure, Stage, Status, Verdict
from chem.units import kcal_mol
from chem.verdict_rules import BROKEN_SYMMETRY_EV
from db.campaign_tables import CampaignRow
from db.campaigns import add_campaign, add_reaction_members, add_species_members
from db.changes import changes, level_differences
from db.closing import Spent, finish
from db.engine import reading, writing
from db.judging import judge_again
from db.ledger import ledger
from db.results import Estimate, add_estimates, record_search
from db.store import add_reactions, add_species
from db.tables import CalculationKind
from db.totals import failures
from db.work import claim, enqueue, release

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def new(engine, since, **conditions):
    with reading(engine) as session:
        return changes(session, since, **conditions)


def make_old(engine):
    """As if everything in the database were of long ago."""
    columns = {
        "species": "created_at",
        "reaction": "created_at",
        "transition_state": "created_at",
        "calculation": "finished_at",
    }
    with writing(engine) as session:
        for table, column in columns.items():
            session.execute(
                text(f"UPDATE {table} SET {column} = '2001-01-01 00:00:00.000000' WHERE {column} IS NOT NULL")
            )


@pytest.fixture
def found(engine, network, search):
    """The shift proved, the decay found on the way."""
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})


def test_all_that_entered_is_new_and_the_oldest_comes_first(engine, network, found):
    everything = new(engine, LONG_AGO)
    counts = {what: sum(each.what == what for each in everything) for what in {each.what for each in everything}}
    assert counts == {"species": 4, "reaction": 4, "transition_state": 3, "verdict": 1}
    assert [each.happened_at for each in everything] == sorted(each.happened_at for each in everything)
    assert new(engine, datetime.now(UTC) + timedelta(days=1)) == []
    assert len(new(engine, LONG_AGO, limit=2)) == 2


def test_only_what_came_since_is_told(engine, network, found):
    make_old(engine)
    with writing(engine) as session:
        add_species(session, [replace(network.hydrogen, key="another")])
    (one,) = new(engine, datetime.now(UTC) - timedelta(hours=1))
    assert (one.what, one.species_key, one.label, one.verdict) == ("species", "another", "[H][H]", None)
    assert len(new(engine, datetime(2001, 1, 1, tzinfo=UTC))) == 13  # what happened at the moment counts


def test_a_transition_state_has_barrier_verdict_and_level(engine, found):
    states = new(engine, LONG_AGO, what=["transition_state"])
    (shift,) = [each for each in states if each.reaction_key == "shift"]
    assert shift.label == "C=O -> [CH]O"
    assert shift.barrier_forward_kcal_mol == pytest.approx(kcal_mol(2.0))
    assert (shift.verdict, shift.level) == (Status.PASSED, "GFN2-xTB")
    assert [each.reaction_key for each in states if each.verdict is Status.FAILED] == [None]


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [("unintended", Status.FAILED), ("failed", Status.COULD_NOT_CHECK), ("barrierless", Status.ESTIMATED)],
)
def test_a_search_without_a_transition_state_has_the_verdict_that_reactions_show(engine, search, outcome, verdict):
    with writing(engine) as session:
        failure = Failure(stage=Stage.SADDLE, kind="scf", message="") if outcome == "failed" else None
        finish(session, search(), outcome=outcome, gradient_calls=1, seconds=1.0, failure=failure)
    (one,) = new(engine, LONG_AGO, what=["verdict"])
    assert (one.outcome, one.verdict, one.reaction_key) == (outcome, verdict, "shift")


def test_an_intended_search_has_the_verdict_of_what_it_found(engine, found):
    (one,) = new(engine, LONG_AGO, what=["verdict"])
    assert (one.outcome, one.verdict, one.level) == ("intended", Status.PASSED, "GFN2-xTB")


def test_a_preparation_that_went_well_is_no_verdict(engine, search):
    with writing(engine) as session:
        finish(session, search(kind=CalculationKind.PREPARE), outcome="prepared", gradient_calls=1, seconds=1.0)
    assert new(engine, LONG_AGO, what=["verdict"]) == []


def test_a_verdict_that_was_judged_again_is_new(engine, network, gfn2):
    evidence = {
        "spin_square": 0.0,
        "spin_square_of_pure_state": 0.0,
        "is_stable": False,
        "broken_symmetry_lowering_ev": BROKEN_SYMMETRY_EV / 3,
        "broken_symmetry_spin_square": 0.2,
    }
    spin = Check(name=CheckName.NO_SPIN_CONTAMINATION, status=Status.FAILED, evidence=evidence)
    state = replace(network.transition_state(), verdict=Verdict(checks=(spin,)))
    with writing(engine) as session:
        add_reactions(session, [network.shift])
        add_estimates(session, [Estimate(reaction_key="shift", transition_state=state)])
    make_old(engine)
    since = datetime.now(UTC) - timedelta(hours=1)
    assert new(engine, since) == []
    with writing(engine) as session:
        judge_again(session)
    (one,) = new(engine, since)
    assert (one.what, one.outcome, one.verdict) == ("verdict", "judged", Status.PASSED)


def test_a_campaign_has_its_own_news(engine, network, found):
    with writing(engine) as session:
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "first", ["decay"], round_number=0)
        add_species_members(session, "first", [network.hydrogen.key], round_number=0)
    assert {(each.what, each.species_key or each.reaction_key) for each in new(engine, LONG_AGO, campaign="first")} == {
        ("species", "species [H][H]"),
        ("reaction", "decay"),
        ("transition_state", "decay"),
    }


def test_levels_that_disagree_are_told_with_both_verdicts_the_worst_first(engine, network, found, dft):
    with writing(engine) as session:
        shifted = network.transition_state(energy_ev=-9.0, level=dft, status=Status.COULD_NOT_CHECK)
        decayed = network.transition_state(energy_ev=-9.9, ends_ev=(-11.5, -13.0), level=dft)
        add_estimates(
            session,
            [
                Estimate(reaction_key="shift", transition_state=shifted),
                Estimate(reaction_key="decay", transition_state=decayed),
            ],
        )
    with reading(engine) as session:
        shift, decay = level_differences(session)
    assert (shift.key, decay.key) == ("shift", "decay")
    assert (shift.from_level, shift.level) == ("GFN2-xTB", dft.key)
    assert (shift.from_verdict, shift.verdict) == (Status.PASSED, Status.COULD_NOT_CHECK)
    assert shift.from_barrier_forward_kcal_mol == pytest.approx(kcal_mol(2.0))
    assert shift.difference_forward_kcal_mol == pytest.approx(kcal_mol(1.0))
    assert shift.difference_reverse_kcal_mol == pytest.approx(kcal_mol(1.0))
    assert decay.difference_forward_kcal_mol == pytest.approx(kcal_mol(0.1))
    assert shift.from_error_bar_95_kcal_mol > 0.0  # GFN2-xTB was measured, the other was not
    assert shift.error_bar_95_kcal_mol is None


def test_a_reaction_at_three_levels_has_three_differences(engine, network, found, dft):
    third = replace(dft, options=())
    with writing(engine) as session:
        for level in (dft, third):
            state = network.transition_state(level=level, energy_ev=-9.5)
            add_estimates(session, [Estimate(reaction_key="shift", transition_state=state)])
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "first", ["decay"], round_number=0)
    with reading(engine) as session:
        assert {(each.from_level, each.level) for each in level_differences(session)} == {
            ("GFN2-xTB", dft.key),
            ("GFN2-xTB", third.key),
            (dft.key, third.key),
        }
        assert level_differences(session, campaign="first") == []


def test_the_ledger_adds_up_and_tells_what_a_verified_reaction_cost(engine, network, search, gfn2):
    search()
    release(engine, worker="one")
    (one,) = claim(engine, kind=CalculationKind.SEARCH, worker="two", limit=1, lease_seconds=60)
    with writing(engine) as session:
        spent = Spent(hessian_calls=2, cpu_seconds=3.0)
        record_search(session, one, network.search_result(), found={1: network.decay}, spent=spent)
        enqueue(session, kind=CalculationKind.PREPARE, reaction_keys=["decay"], level_key=gfn2.key)
    (one,) = claim(engine, kind=CalculationKind.PREPARE, worker="two", limit=1, lease_seconds=60)
    with writing(engine) as session:
        finish(session, one, outcome="prepared", gradient_calls=20, seconds=2.0, spent=Spent(cpu_seconds=1.0))
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "first", ["shift"], round_number=0)
        session.execute(update(CampaignRow).values(spent_gpu_seconds=7.0))
    with reading(engine) as session:
        prepare, searched, total = ledger(session)
        *_, of_campaign = ledger(session, campaign="first")
        view = session.execute(text("SELECT * FROM cost_summary ORDER BY kind")).mappings().all()
    assert (prepare.kind, prepare.level, prepare.verified_reactions) == ("prepare", gfn2.key, 0)
    assert (prepare.gradient_calls_per_verified, prepare.hessian_calls) == (None, None)
    assert (searched.kind, searched.verified_reactions, searched.abandoned_attempts) == ("search", 2, 1)
    assert (searched.gradient_calls_per_verified, searched.cpu_seconds_per_verified) == (40.0, 1.5)
    assert searched.wall_seconds_per_verified == pytest.approx(2.0)
    assert (total.kind, total.gradient_calls, total.cpu_seconds, total.gpu_seconds) == ("total", 100, 4.0, 7.0)
    assert (total.calculations, total.wall_seconds, total.hessian_calls) == (2, 6.0, 2)
    assert total.verified_reactions == 2
    assert total.gradient_calls_per_verified == 50.0
    assert (of_campaign.calculations, of_campaign.gradient_calls) == (1, 80)
    for row, tier in zip(view, (prepare, searched), strict=True):
        assert row["level_key"] == tier.level
        for name in ("calculations", "gradient_calls", "hessian_calls", "cpu_seconds", "wall_seconds"):
            assert row[name] == getattr(tier, name)
        for name in ("scf_cycles", "peak_memory_gib", "abandoned_attempts", "verified_reactions"):
            assert row[name] == getattr(tier, name)


def test_an_empty_database_cost_nothing(engine):
    with reading(engine) as session:
        (total,) = ledger(session)
    assert (total.kind, total.gradient_calls, total.cpu_seconds, total.gpu_seconds) == ("total", 0, None, 0.0)


def test_failures_are_told_by_level_and_kind_with_the_reaction_of_an_example(engine, search, gfn2):
    for key, level, kind in (("shift", gfn2.key, "scf"), ("decay", gfn2.key, "scf"), ("shift", "high", "budget")):
        claimed = search(key, level=replace(gfn2, method=level))
        failure = Failure(stage=Stage.SADDLE, kind=kind, message=f"{kind} of {key}")
        with writing(engine) as session:
            finish(session, claimed, outcome="failed", gradient_calls=5, seconds=1.0, failure=failure)
    with reading(engine) as session:
        first, second = failures(session)
        view = session.execute(text("SELECT * FROM failure_summary ORDER BY calculations DESC")).mappings().all()
    assert (first.calculation_kind, first.level, first.example.kind, first.count) == ("search", gfn2.key, "scf", 2)
    assert (first.reaction_key, first.reactants, first.products) == ("shift", ("C=O",), ("[CH]O",))
    assert first.example.message == "scf of shift"
    assert (second.level, second.example.kind, second.gradient_calls) == ("high", "budget", 5)
    for row, group in zip(view, (first, second), strict=True):
        assert (row["kind"], row["level_key"], row["failure_kind"]) == (
            group.calculation_kind,
            group.level,
            group.example.kind,
        )
        assert (row["calculations"], row["gradient_calls"]) == (group.count, group.gradient_calls)
