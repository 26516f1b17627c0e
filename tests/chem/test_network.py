"""Reaching species over known barriers."""

from __future__ import annotations

import pytest

from chem.network import lowest_passes, reachable_species, way_to
from tests.chem.steps import step

STEPS = (step("ab", "A", "B", 20.0, 30.0), step("cdb", "CD", "B", 5.0, 45.0), step("def", "DE", "F", 1.0, 1.0))


def test_without_a_limit_everything_connected_is_reached_in_either_direction():
    assert reachable_species(["A"], STEPS) == {"A", "B", "C", "D"}


def test_a_barrier_above_the_limit_is_not_crossed():
    assert reachable_species(["A"], STEPS, 40.0) == {"A", "B"}
    assert reachable_species(["A"], STEPS, 10.0) == {"A"}


def test_the_direction_decides_which_height_counts():
    assert "A" in reachable_species(["B"], STEPS, 30.0)
    assert "A" not in reachable_species(["B"], STEPS, 25.0)


def test_a_bimolecular_step_needs_both_partners():
    assert "F" not in reachable_species(["A"], STEPS)
    assert "F" in reachable_species(["A", "E"], STEPS)


def test_a_step_of_a_species_with_itself_needs_it_once():
    assert "B" in reachable_species(["A"], [step("aab", "AA", "B", 5.0, 5.0)])


def test_the_lowest_pass_is_the_way_whose_highest_transition_state_is_lowest():
    steps = [step("ab", "A", "B", 40.0, 50.0), step("ac", "A", "C", 30.0, 20.0), step("cb", "C", "B", 25.0, 45.0)]
    passes = lowest_passes(["A"], steps)
    assert passes["C"].height_kcal_mol == 30.0
    assert passes["C"].level_kcal_mol == 10.0
    assert passes["B"].height_kcal_mol == 35.0
    assert passes["B"].level_kcal_mol == pytest.approx(-10.0)
    assert way_to("B", passes, steps) == ("ac", "cb")


def test_a_pass_is_never_lower_than_those_before_it():
    passes = lowest_passes(["A"], [step("ab", "A", "B", 40.0, 60.0), step("bc", "B", "C", 5.0, 9.0)])
    assert passes["C"].height_kcal_mol == 40.0
    assert passes["C"].level_kcal_mol == -24.0


def test_a_seed_is_its_own_way_and_what_is_not_reached_has_none():
    passes = lowest_passes(["A"], STEPS)
    assert way_to("A", passes, STEPS) == ()
    assert "F" not in passes
    with pytest.raises(KeyError):
        way_to("F", passes, STEPS)


def test_a_bimolecular_step_starts_from_the_partner_that_was_harder_to_reach():
    steps = [step("ab", "A", "B", 40.0, 20.0), step("abc", "AB", "C", 10.0, 30.0)]
    assert lowest_passes(["A"], steps)["C"].height_kcal_mol == 40.0
    assert lowest_passes(["A"], steps)["C"].level_kcal_mol == 0.0
