"""Which barriers are worth verifying."""

from __future__ import annotations

import pytest

from chem.flux import Conditions
from chem.network import Step
from chem.priority import by_flux, by_pass


def step(key, before, after, forward, reverse, error=5.0):
    return Step(
        key=key,
        reactants=tuple(before),
        products=tuple(after),
        barrier_forward_kcal_mol=forward,
        barrier_reverse_kcal_mol=reverse,
        error_bar_95_kcal_mol=error,
    )


def test_a_competing_barrier_matters_and_a_hopeless_one_does_not():
    steps = [step("low", "A", "B", 30.0, 60.0), step("near", "A", "C", 33.0, 60.0), step("far", "A", "D", 70.0, 90.0)]
    scores = by_flux(["A"], steps, Conditions())
    assert list(scores)[-1] == "far"
    assert scores["near"] > 0.1
    assert scores["far"] < 1e-6


def test_an_equilibrium_that_stays_one_within_its_error_changes_nothing():
    steps = [step("fast", "A", "B", 8.0, 8.0), step("slow", "B", "C", 33.0, 60.0)]
    scores = by_flux(["A"], steps, Conditions())
    assert scores["fast"] == pytest.approx(0.0, abs=1e-9)
    assert scores["slow"] > 0.1


def test_a_certain_barrier_is_not_listed():
    steps = [step("known", "A", "B", 30.0, 60.0, error=None), step("guess", "A", "C", 32.0, 60.0)]
    assert set(by_flux(["A"], steps, Conditions())) == {"guess"}
    assert set(by_pass(["A"], steps)) == {"guess"}


def test_a_step_on_the_lowest_pass_may_move_it_by_its_error_bar():
    steps = [step("way", "A", "B", 30.0, 40.0, error=3.0), step("detour", "A", "B", 50.0, 60.0, error=3.0)]
    assert by_pass(["A"], steps) == {"way": 3.0, "detour": 0.0}


def test_a_step_that_could_undercut_the_lowest_pass_scores_what_it_could_undercut():
    steps = [step("way", "A", "B", 30.0, 40.0, error=1.0), step("rival", "A", "B", 32.0, 42.0, error=6.0)]
    assert by_pass(["A"], steps) == {"rival": 4.0, "way": 1.0}


def test_a_step_hidden_behind_a_higher_pass_changes_nothing():
    steps = [
        step("gate", "A", "B", 50.0, 60.0, error=None),
        step("behind", "B", "C", 10.0, 20.0, error=5.0),
        step("beside", "B", "C", 18.0, 28.0, error=5.0),
    ]
    assert by_pass(["A"], steps)["beside"] == 0.0
