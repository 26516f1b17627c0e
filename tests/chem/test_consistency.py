"""Around a ring of steps the energies add up to nothing."""

from __future__ import annotations

import pytest

from chem.consistency import consistent
from chem.flux import Conditions, simulate
from tests.chem.steps import step


def ring(last):
    """Three steps around A, B and C, the last one with a height above A that leaves a mismatch."""
    return [step("ab", "A", "B", 20.0, 21.0), step("bc", "B", "C", 20.0, 22.0), step("ca", "C", "A", 23.0, last)]


def around(steps):
    return sum(each.barrier_forward_kcal_mol - each.barrier_reverse_kcal_mol for each in steps)


def test_consistent_steps_stay_as_they_are():
    steps = ring(20.0)
    assert around(steps) == 0.0
    for before, after in zip(steps, consistent(steps), strict=True):
        assert after.barrier_forward_kcal_mol == pytest.approx(before.barrier_forward_kcal_mol, abs=1e-6)


def test_a_ring_that_does_not_add_up_is_closed():
    steps = ring(14.0)
    assert around(steps) == pytest.approx(6.0)
    assert around(consistent(steps)) == pytest.approx(0.0, abs=1e-6)


def test_each_step_keeps_the_mean_of_its_heights():
    for before, after in zip(ring(14.0), consistent(ring(14.0)), strict=True):
        kept = after.barrier_forward_kcal_mol + after.barrier_reverse_kcal_mol
        assert kept == pytest.approx(before.barrier_forward_kcal_mol + before.barrier_reverse_kcal_mol)


def test_one_wrong_step_among_many_takes_the_mismatch_upon_itself():
    many = [*ring(20.0), step("ab again", "A", "B", 30.0, 31.0), step("ab wrong", "A", "B", 30.0, 70.0)]
    moved = {
        before.key: abs(after.barrier_forward_kcal_mol - before.barrier_forward_kcal_mol)
        for before, after in zip(many, consistent(many), strict=True)
    }
    assert moved["ab wrong"] == pytest.approx(19.5, abs=0.1)
    assert max(distance for key, distance in moved.items() if key != "ab wrong") < 0.1


def test_nothing_runs_in_circles():
    flux = simulate(["A"], ring(14.0), Conditions(temperature_k=1000.0))
    assert max(flux.shares.values()) < 1.5
    assert all(abs(each.net) < 1.5 for each in flux.steps.values())


def test_two_molecules_on_a_side_count_twice():
    steps = [step("aab", "AA", "B", 30.0, 10.0), step("ac", "A", "C", 20.0, 15.0), step("bcc", "B", "CC", 40.0, 50.0)]
    fixed = {each.key: each for each in consistent(steps)}
    energy = {key: each.barrier_forward_kcal_mol - each.barrier_reverse_kcal_mol for key, each in fixed.items()}
    assert energy["aab"] + energy["bcc"] - 2.0 * energy["ac"] == pytest.approx(0.0, abs=1e-6)


def test_no_steps_are_consistent():
    assert consistent([]) == []
