"""Levels, counting and the xTB adapters."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import molecule

from chem import xtb_backends
from chem.errors import BudgetExhaustedError, CalculationError, ElementError
from chem.levels import resolve_level
from chem.potential import GradientCounter, attach
from chem.types import Geometry


def geometry_of(name, **electrons):
    atoms = molecule(name)
    return Geometry(numbers=atoms.numbers, positions=atoms.positions, **electrons)


@pytest.mark.parametrize("name", ["gfn1", "gfn2"])
@pytest.mark.parametrize(
    ("formula", "electrons"), [("CH3CH2OH", {}), ("CH3", {"multiplicity": 2}), ("NH2", {"charge": -1})]
)
def test_xtb_python_and_tblite_agree(name, formula, electrons):
    pytest.importorskip("xtb")
    pytest.importorskip("tblite")
    geometry = geometry_of(formula, **electrons)
    energies, forces = [], []
    for program in ("xtb-python", "tblite"):
        atoms = attach(geometry, resolve_level(name, program), GradientCounter())
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
    assert energies[0] == pytest.approx(energies[1], abs=1e-5)
    assert np.allclose(*forces, atol=1e-4)


@pytest.mark.parametrize("program", ["xtb-python", "tblite"])
@pytest.mark.parametrize("name", ["H2CO", "C2H4", "CH3OH"])
def test_forces_are_right_where_atoms_lie_along_the_axes(program, name):
    pytest.importorskip("xtb" if program == "xtb-python" else program)
    geometry, level = geometry_of(name), resolve_level("gfn2", program)
    hessian = np.zeros((3 * geometry.n_atoms, 3 * geometry.n_atoms))
    atoms = attach(geometry, level, GradientCounter())
    for index in range(len(hessian)):
        for sign in (1, -1):
            displaced = geometry.positions.ravel().copy()
            displaced[index] += sign * 0.005
            atoms.positions = displaced.reshape(-1, 3)
            hessian[index] -= sign * atoms.get_forces().ravel() / 0.01
    assert np.abs(hessian - hessian.T).max() < 0.05


def test_forces_are_the_negative_slope_of_the_energy():
    atoms = attach(geometry_of("H2O"), resolve_level("gfn2"), GradientCounter())
    atoms.positions[1] += (0.05, 0.0, 0.02)
    forces, step = atoms.get_forces(), 1e-3
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.calc = atoms.calc
        moved.positions[1, 2] += sign * step
        energies.append(moved.get_potential_energy())
    assert forces[1, 2] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-3)


def test_energy_and_forces_of_one_geometry_count_once():
    counter = GradientCounter()
    atoms = attach(geometry_of("H2O"), resolve_level("gfn2"), counter)
    atoms.get_potential_energy()
    atoms.get_forces()
    assert counter.calls == 1


def test_budget_stops_before_the_call_that_would_exceed_it():
    whole = GradientCounter(budget=2)
    part = whole.child(budget=5)
    atoms = attach(geometry_of("H2O"), resolve_level("gfn2"), part)
    for shift in (0.0, 0.01):
        atoms.positions[0, 2] += shift
        atoms.get_forces()
    atoms.positions[0, 2] += 0.01
    with pytest.raises(BudgetExhaustedError):
        atoms.get_forces()
    assert (whole.calls, part.calls) == (2, 2)
    assert part.remaining == 0


def test_an_element_without_parameters_is_named():
    with pytest.raises(ElementError, match="Fr"):
        attach(Geometry(numbers=[87, 1], positions=[[0, 0, 0], [0, 0, 2.0]]), resolve_level("gfn2"), GradientCounter())


def test_coinciding_atoms_are_a_failure_before_the_program_runs():
    counter = GradientCounter()
    atoms = attach(Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, 0.1]]), resolve_level("gfn2"), counter)
    with pytest.raises(CalculationError, match="closer") as caught:
        atoms.get_forces()
    assert (caught.value.kind, counter.calls) == ("clash", 0)


def test_a_result_that_is_not_finite_is_an_scf_failure(monkeypatch):
    monkeypatch.setattr(xtb_backends.XtbBackend, "evaluate", lambda self, x: (float("nan"), np.zeros_like(x)))
    atoms = attach(geometry_of("H2O"), resolve_level("gfn2", "xtb-python"), GradientCounter())
    with pytest.raises(CalculationError) as caught:
        atoms.get_forces()
    assert caught.value.kind == "scf"


@pytest.mark.parametrize("program", ["xtb-python", "tblite"])
def test_the_programs_print_nothing(program, capfd):
    pytest.importorskip("xtb" if program == "xtb-python" else program)
    atoms = attach(geometry_of("C2H4"), resolve_level("gfn2", program), GradientCounter())
    atoms.get_forces()
    atoms.positions[0, 0] += 0.1
    atoms.get_forces()
    assert capfd.readouterr().out == ""
