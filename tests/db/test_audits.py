"""What follows a decision: estimates, searches and audits, in both kinds of database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from chem.audit import AuditOutcome
from chem.outcomes import Action, Decision, Failure, Outcome, Stage, Status, Verdict, Walk
from db.audits import (
    Audit,
    FinishedBarrier,
    add_audits,
    finish_audit,
    finished_estimates,
    finished_searches,
    load_audits,
    record_expected_errors,
)
from db.campaign_tables import AuditRow
from db.campaigns import add_campaign, load_decisions, record_decisions
from db.engine import reading, writing
from db.queries import ReactionFilter, reactions
from db.results import record_estimate, record_search
from db.store import add_reactions
from db.tables import CalculationKind
from db.transition_states import transition_states, transition_states_found_by
from db.work import claim, enqueue

SETTINGS = {"candidates": 3}
WALK = Walk(
    gradient_calls=15,
    energy_change_ev=-0.25,
    largest_force_ev_per_angstrom=0.03,
    lowest_curvature=-4.5,
    mode_overlap=0.8,
    moved_angstrom=0.12,
    core_moved_angstrom=0.05,
)


@pytest.fixture
def started(engine, network, gfn2):
    """Function that queues and claims a calculation for the shift, in a campaign named first."""
    with writing(engine) as session:
        add_reactions(session, network.reactions)
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")

    def start(kind):
        with writing(engine) as session:
            enqueue(session, kind=kind, reaction_keys=["shift"], level_key=gfn2.key, settings=SETTINGS)
        (one,) = claim(engine, kind=kind, worker="one", limit=1, lease_seconds=60.0)
        return one

    return start


def estimated(network, gfn2):
    return replace(network.transition_state(seed=40, energy_ev=-9.5), verdict=Verdict(), level=gfn2, walk=WALK)


def test_an_audit_keeps_what_was_trusted_beside_what_was_verified(engine, started):
    audit = Audit(reaction_key="shift", confidence=0.9, estimated_forward_ev=1.5)
    with writing(engine) as session:
        assert add_audits(session, "first", [audit], rounds={"shift": 1}) == 1
        assert add_audits(session, "first", [audit], rounds={"shift": 1}) == 0
    with reading(engine) as session:
        assert load_audits(session, "first") == {"shift": audit}
        assert audit.error_kcal_mol is None
    with writing(engine) as session:
        finish_audit(session, "first", "shift", outcome=AuditOutcome.VERIFIED, verified_forward_ev=1.25)
    with reading(engine) as session:
        row = session.scalars(select(AuditRow)).one()
        assert (row.round, row.verified_at.utcoffset().total_seconds()) == (1, 0)
        finished = load_audits(session, "first")["shift"]
    assert finished == replace(audit, outcome=AuditOutcome.VERIFIED, verified_forward_ev=1.25)
    assert finished.error_kcal_mol == pytest.approx(0.25 * 23.0605, abs=1e-3)


def test_an_audit_without_a_verified_saddle_has_no_barrier_and_a_verified_one_has(engine, started):
    with writing(engine) as session:
        add_audits(session, "first", [Audit(reaction_key="shift", estimated_forward_ev=1.5)], rounds={"shift": 1})
        with pytest.raises(ValueError, match="wrong_saddle with the barrier"):
            finish_audit(session, "first", "shift", outcome=AuditOutcome.WRONG_SADDLE, verified_forward_ev=1.0)
        with pytest.raises(ValueError, match="verified with the barrier None"):
            finish_audit(session, "first", "shift", outcome=AuditOutcome.VERIFIED)
        with pytest.raises(ValueError, match="call add_audits first"):
            finish_audit(session, "first", "decay", outcome=AuditOutcome.NOT_VERIFIED)
        finish_audit(session, "first", "shift", outcome=AuditOutcome.WRONG_SADDLE)
    with reading(engine) as session:
        assert load_audits(session, "first")["shift"].outcome is AuditOutcome.WRONG_SADDLE
        assert load_audits(session, "first")["shift"].error_kcal_mol is None


def test_the_score_of_a_decision_comes_back_to_the_last_bit(engine, started):
    decision = Decision(action=Action.ACCEPT, reasons=("below",), score_kcal_mol=0.1 + 0.2)
    with writing(engine) as session:
        record_decisions(session, "first", {"shift": decision}, round_number=1)
    with reading(engine) as session:
        assert load_decisions(session, "first") == {"shift": decision}


def test_an_estimate_is_known_by_its_calculation_and_is_no_find_of_a_search(engine, network, gfn2, started):
    one = started(CalculationKind.ESTIMATE)
    with writing(engine) as session:
        record_estimate(session, one, estimated(network, gfn2), level=gfn2, gradient_calls=18, seconds=0.1)
    with reading(engine) as session:
        found = finished_estimates(session, ["shift", "decay"], gfn2.key, SETTINGS)
        assert finished_estimates(session, ["shift"], gfn2.key, {"candidates": 4}) == {}
        assert transition_states_found_by(session, "shift") == []
        (record,) = reactions(session, filters=ReactionFilter(reaction_keys=frozenset({"shift"})))
        (state,) = transition_states(session, [found["shift"].transition_state_id])
    assert found["shift"].outcome == "estimated"
    assert found["shift"].forward_ev == pytest.approx(2.5)
    assert record.barrier_error_kcal_mol is None
    assert state.transition_state.walk == WALK
    with writing(engine) as session:
        record_expected_errors(session, {found["shift"].transition_state_id: 3.0})
    with reading(engine) as session:
        (record,) = reactions(session, filters=ReactionFilter(reaction_keys=frozenset({"shift"})))
    assert record.barrier_error_kcal_mol == pytest.approx(3.0)


def test_a_failed_estimate_says_why(engine, gfn2, started):
    failure = Failure(stage=Stage.GENERATE, kind="scf", message="no convergence")
    one = started(CalculationKind.ESTIMATE)
    with writing(engine) as session:
        record_estimate(session, one, failure, level=gfn2, gradient_calls=1, seconds=0.1)
    with reading(engine) as session:
        assert finished_estimates(session, ["shift"], gfn2.key, SETTINGS) == {
            "shift": FinishedBarrier(outcome="failed", failure=failure)
        }


def test_a_verified_barrier_counts_before_an_estimate_even_a_lower_one(engine, network, gfn2, started):
    one = started(CalculationKind.ESTIMATE)
    low = replace(estimated(network, gfn2), energy_ev=-11.9)
    with writing(engine) as session:
        record_estimate(session, one, low, level=gfn2, gradient_calls=18, seconds=0.1)
    two = started(CalculationKind.SEARCH)
    with writing(engine) as session:
        record_search(session, two, network.search_result())
    with reading(engine) as session:
        (record,) = reactions(session, filters=ReactionFilter(reaction_keys=frozenset({"shift"})))
        search = finished_searches(session, ["shift"], gfn2.key, SETTINGS)["shift"]
    assert (record.verdict, record.outcome) == (Status.PASSED, "intended")
    assert record.barrier_forward_kcal_mol == pytest.approx(2.0 * 23.0605, abs=1e-3)
    assert search == FinishedBarrier(outcome="intended", forward_ev=pytest.approx(2.0))


@pytest.mark.parametrize("status", [Status.FAILED, Status.COULD_NOT_CHECK])
def test_a_barrier_that_did_not_pass_every_check_verifies_nothing(engine, network, gfn2, started, status):
    one = started(CalculationKind.SEARCH)
    result = network.search_result()
    attempts = [
        replace(attempt, transition_state=network.transition_state(seed=20, status=status))
        if attempt.outcome is Outcome.INTENDED
        else attempt
        for attempt in result.attempts
    ]
    with writing(engine) as session:
        record_search(session, one, replace(result, attempts=tuple(attempts)))
    with reading(engine) as session:
        (search,) = finished_searches(session, ["shift"], gfn2.key, SETTINGS).values()
    assert (search.outcome, search.forward_ev) == ("intended", None)
