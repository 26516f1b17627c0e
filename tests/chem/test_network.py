"""Reaching species over known barriers."""

from __future__ import annotations

from chem.network import Step, reachable_species

STEPS = (
    Step(reactants=("A",), products=("B",), barrier_forward_kcal_mol=20.0, barrier_reverse_kcal_mol=30.0),
    Step(reactants=("C", "D"), products=("B",), barrier_forward_kcal_mol=5.0, barrier_reverse_kcal_mol=45.0),
    Step(reactants=("D", "E"), products=("F",), barrier_forward_kcal_mol=1.0, barrier_reverse_kcal_mol=1.0),
)


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
