"""Saddle search."""

from __future__ import annotations

import pytest

from chem.errors import BudgetExhaustedError, CalculationError, ElementError
from chem.levels import resolve_level
from chem.potential import GradientCounter
from chem.saddle import find_saddle
from chem.types import Geometry

LEVEL = resolve_level("gfn2")
BENT = Geometry(numbers=[1, 6, 7], positions=[[1.1, 0, 0.5], [0, 0, 0], [0, 0, 1.18]])


def test_the_hydrogen_of_hcn_is_caught_between_carbon_and_nitrogen():
    counter = GradientCounter()
    found = find_saddle(BENT, LEVEL, counter)
    assert found.coordinates == "internal"
    again = find_saddle(found.geometry, LEVEL, GradientCounter())
    assert again.energy_ev == pytest.approx(found.energy_ev, abs=1e-3)
    assert counter.calls < 100


def test_broken_internal_coordinates_fall_back_to_cartesian_ones_and_say_so(monkeypatch):
    import sella

    original = sella.Sella

    def broken(atoms, *, internal, **options):
        if internal:
            raise RuntimeError("coordinates broke down")
        return original(atoms, internal=False, **{k: v for k, v in options.items() if k != "allow_fragments"})

    monkeypatch.setattr(sella, "Sella", broken)
    found = find_saddle(BENT, LEVEL, GradientCounter())
    assert (found.coordinates, found.note) == ("cartesian", "RuntimeError: coordinates broke down")


def test_a_search_out_of_steps_is_a_calculation_error():
    with pytest.raises(CalculationError, match="largest force") as caught:
        find_saddle(BENT, LEVEL, GradientCounter(), max_steps=1)
    assert caught.value.kind == "not_converged"


def test_the_budget_is_never_exceeded():
    counter = GradientCounter(budget=6)
    with pytest.raises(BudgetExhaustedError):
        find_saddle(BENT, LEVEL, counter)
    assert counter.calls == 6


def test_an_unsupported_element_is_bad_input_not_a_failed_search():
    heavy = Geometry(numbers=[1, 88, 1], positions=[[0, 0, 0], [0, 0, 2.5], [0, 0, 5.0]])
    with pytest.raises(ElementError):
        find_saddle(heavy, LEVEL, GradientCounter())
