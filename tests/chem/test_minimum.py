"""Minima from guesses."""

from __future__ import annotations

import pytest

from chem.errors import BudgetExhaustedError
from chem.levels import resolve_level
from chem.minimum import find_minimum
from chem.potential import GradientCounter
from chem.types import Geometry

GFN2 = resolve_level("gfn2")
FLAT_AMMONIA = Geometry(
    numbers=[7, 1, 1, 1], positions=[[0, 0, 0], [1.0, 0, 0], [-0.5, 0.8660254, 0], [-0.5, -0.8660254, 0]]
)


def test_flat_ammonia_is_left_for_the_pyramid():
    found = find_minimum(FLAT_AMMONIA, GFN2, GradientCounter())
    assert (found.vibrations.frequencies_cm1 > 0).all()
    assert abs(found.geometry.positions[:, 2]).max() > 0.1


def test_an_atom_is_a_minimum():
    found = find_minimum(Geometry(numbers=[2], positions=[[0, 0, 0]]), GFN2, GradientCounter())
    assert found.vibrations.frequencies_cm1.size == 0


def test_a_budget_holds_for_everything():
    with pytest.raises(BudgetExhaustedError):
        find_minimum(FLAT_AMMONIA, GFN2, GradientCounter(budget=2))
