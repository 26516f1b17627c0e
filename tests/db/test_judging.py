"""Stored checks judged again by the thresholds of today."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chem.outcomes import Attempt, Check, CheckName, Outcome, SearchResult, Status, Verdict
from chem.verdict_rules import BROKEN_SYMMETRY_EV, judged, judged_again
from db.engine import reading, writing
from db.judging import judge_again
from db.queries import reactions
from db.results import record_search
from db.transition_states import transition_states_of

ENDS = Check(name=CheckName.IRC_ENDS_MATCH, status=Status.PASSED, evidence={"found_key": "shift"})


def spin(lowering_ev, status):
    """A check of the spin state as an earlier version stored it."""
    evidence = {
        "spin_square": 0.0,
        "spin_square_of_pure_state": 0.0,
        "is_stable": False,
        "broken_symmetry_lowering_ev": lowering_ev,
        "broken_symmetry_spin_square": 0.2,
    }
    return Check(name=CheckName.NO_SPIN_CONTAMINATION, status=status, evidence=evidence)


@pytest.fixture
def stored(engine, network, search, gfn2):
    """Function that stores one transition state with these checks and tells its stored verdict afterwards."""

    def store(*checks):
        state = replace(network.transition_state(), verdict=Verdict(checks=checks))
        attempt = Attempt(start="neb", gradient_calls=1, seconds=1.0, outcome=Outcome.INTENDED, transition_state=state)
        claimed = search("shift")
        with writing(engine) as session:
            record_search(session, claimed, SearchResult(level=gfn2, attempts=(attempt,)), found={})

    return store


def state_of(engine, gfn2):
    """The stored state and the verdict that a query of reactions shows."""
    with reading(engine) as session:
        (reaction,) = (each for each in reactions(session) if each.key == "shift")
        state = transition_states_of(session, ["shift"], level_key=gfn2.key)["shift"]
    return state, reaction.verdict


def test_a_check_that_todays_threshold_passes_changes_the_verdict_of_state_and_barrier(engine, gfn2, stored):
    stored(ENDS, spin(BROKEN_SYMMETRY_EV / 3, Status.FAILED))
    with writing(engine) as session:
        (change,) = judge_again(session)
    assert (change.reaction_key, change.level_key) == ("shift", gfn2.key)
    assert (change.check.name, change.check.status) == (CheckName.NO_SPIN_CONTAMINATION, Status.PASSED)
    assert change.verdict is Status.PASSED
    state, shown = state_of(engine, gfn2)
    assert shown is Status.PASSED
    assert state.verdict.status is Status.PASSED
    (check,) = (each for each in state.verdict.checks if each.name is CheckName.NO_SPIN_CONTAMINATION)
    assert check.evidence["earlier_status"] == "failed"
    assert check.evidence["broken_symmetry_lowering_ev"] == pytest.approx(BROKEN_SYMMETRY_EV / 3)


def test_a_check_that_todays_threshold_fails_takes_the_verdict_with_it(engine, gfn2, stored):
    stored(ENDS, spin(BROKEN_SYMMETRY_EV * 3, Status.PASSED))
    with writing(engine) as session:
        (change,) = judge_again(session)
    assert change.verdict is Status.FAILED
    assert state_of(engine, gfn2)[1] is Status.FAILED


def test_a_second_judgement_changes_nothing(engine, stored):
    stored(ENDS, spin(BROKEN_SYMMETRY_EV / 3, Status.FAILED))
    with writing(engine) as session:
        judge_again(session)
    with writing(engine) as session:
        assert judge_again(session) == []


def test_what_would_change_is_told_without_changing_it(engine, gfn2, stored):
    stored(ENDS, spin(BROKEN_SYMMETRY_EV / 3, Status.FAILED))
    with reading(engine) as session:
        assert len(judge_again(session, store=False)) == 1
    assert state_of(engine, gfn2)[1] is Status.FAILED


def test_another_failed_check_keeps_the_verdict_failed(engine, gfn2, stored):
    ends = replace(ENDS, status=Status.FAILED)
    stored(ends, spin(BROKEN_SYMMETRY_EV / 3, Status.FAILED))
    with writing(engine) as session:
        (change,) = judge_again(session)
    assert change.verdict is Status.FAILED
    assert state_of(engine, gfn2)[1] is Status.FAILED


def test_what_could_not_be_checked_is_not_judged():
    check = spin(None, Status.COULD_NOT_CHECK)
    assert judged_again(check) is check


@pytest.mark.parametrize(
    ("name", "passing", "failing"),
    [
        (CheckName.ONE_IMAGINARY_MODE, {"n_imaginary": 1}, {"n_imaginary": 2}),
        (
            CheckName.MODE_MOVES_CHANGING_BONDS,
            {"share_of_changing_bonds": 0.9},
            {"share_of_changing_bonds": 0.1},
        ),
        (
            CheckName.ENERGIES_ORDERED,
            {"height_above_reactant_end_ev": 1.0, "height_above_product_end_ev": 0.5},
            {"height_above_reactant_end_ev": 1.0, "height_above_product_end_ev": -0.5},
        ),
        (CheckName.REACTION_ENERGY_CONSISTENT, {"largest_mismatch_ev": 1e-9}, {"largest_mismatch_ev": 1e-3}),
        (
            CheckName.ONE_LEVEL,
            {"transition_state_afresh_ev": 0.0, "reactant_end_afresh_ev": 0.0, "product_end_afresh_ev": 1e-7},
            {"transition_state_afresh_ev": 0.0, "reactant_end_afresh_ev": -1.0, "product_end_afresh_ev": 0.0},
        ),
    ],
)
def test_each_rule_tells_a_sound_state_from_an_unsound_one(name, passing, failing):
    assert judged(name, passing).status is Status.PASSED
    assert judged(name, failing).status is Status.FAILED
