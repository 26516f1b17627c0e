"""Harmonic frequencies."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import molecule

from chem.errors import CalculationError
from chem.frequencies import finite_difference_hessian, vibrations
from chem.levels import resolve_level
from chem.potential import GradientCounter
from chem.relax import relax
from chem.types import Geometry

LEVEL = resolve_level("gfn2")


def vibrations_of(name):
    atoms = molecule(name)
    start = Geometry(numbers=atoms.numbers, positions=atoms.positions)
    minimum = relax(start, LEVEL, GradientCounter(), fmax_ev_per_angstrom=0.001)
    counter = GradientCounter()
    result = vibrations(minimum.geometry, finite_difference_hessian(minimum.geometry, LEVEL, counter))
    assert counter.calls == 6 * start.n_atoms
    return result


def test_water_has_three_real_modes():
    found = vibrations_of("H2O")
    assert found.frequencies_cm1.shape == (3,)
    assert found.modes.shape == (3, 3, 3)
    assert 1300 < found.frequencies_cm1[0] < 1800
    assert (found.frequencies_cm1[1:] > 3300).all()
    assert (found.frequencies_cm1[1:] < 4100).all()


def test_linear_carbon_dioxide_has_four_modes_and_a_degenerate_bend():
    found = vibrations_of("CO2")
    assert found.frequencies_cm1.shape == (4,)
    assert found.frequencies_cm1[0] == pytest.approx(found.frequencies_cm1[1], abs=3.0)
    assert found.frequencies_cm1[0] > 400


def test_a_single_atom_has_none():
    atom = Geometry(numbers=[2], positions=[[0, 0, 0]])
    assert vibrations(atom, np.zeros((3, 3))).frequencies_cm1.size == 0


def test_a_known_force_constant_gives_the_textbook_frequency():
    constant = 30.0  # eV/Angstrom^2 between two hydrogen atoms
    hessian = np.zeros((6, 6))
    hessian[np.ix_([2, 5], [2, 5])] = constant * np.array([[1, -1], [-1, 1]])
    found = vibrations(Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, 0.74]]), hessian)
    reduced_kg = 1.00782503 / 2 * 1.66053907e-27
    expected = np.sqrt(constant * 16.0217663 / reduced_kg) / (2 * np.pi * 2.99792458e10)
    assert found.frequencies_cm1 == pytest.approx([expected], rel=1e-5)


def test_a_hessian_beyond_the_budget_is_not_begun():
    atoms = molecule("H2O")
    counter = GradientCounter(budget=10)
    with pytest.raises(CalculationError, match="18 gradient calls"):
        finite_difference_hessian(Geometry(numbers=atoms.numbers, positions=atoms.positions), LEVEL, counter)
    assert counter.calls == 0
