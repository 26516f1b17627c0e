"""Relaxation."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import molecule

from chem.errors import BudgetExhaustedError
from chem.levels import resolve_level
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.relax import relax
from chem.types import Geometry

LEVEL = resolve_level("gfn2")


def disturbed(name):
    atoms = molecule(name)
    noise = np.random.default_rng(0).normal(scale=0.08, size=atoms.positions.shape)
    return Geometry(numbers=atoms.numbers, positions=atoms.positions + noise)


def test_relaxing_lowers_the_energy_and_keeps_the_bonds():
    start = disturbed("CH3CH2OH")
    counter = GradientCounter()
    found = relax(start, LEVEL, counter)
    again = relax(found.geometry, LEVEL, GradientCounter())
    assert found.converged
    assert again.energy_ev == pytest.approx(found.energy_ev, abs=1e-3)
    assert perceive_graph(found.geometry).bonds == perceive_graph(start).bonds
    assert 0 < counter.calls < 100


def test_too_few_steps_are_said_not_hidden():
    assert relax(disturbed("CH3CH2OH"), LEVEL, GradientCounter(), max_steps=2).converged is False


def test_a_spent_budget_stops_the_relaxation():
    counter = GradientCounter(budget=3)
    with pytest.raises(BudgetExhaustedError):
        relax(disturbed("CH3CH2OH"), LEVEL, counter)
    assert counter.calls == 3


def test_a_hessian_with_negative_curvature_is_a_usable_start():
    start = disturbed("H2O")
    hessian = np.diag(np.linspace(-5.0, 40.0, 9))
    assert relax(start, LEVEL, GradientCounter(), hessian=hessian).converged
