"""Hartree-Fock and density functionals through PySCF."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import molecule

from chem.errors import CalculationError, ConfigurationError, ElementError
from chem.frequencies import finite_difference_hessian, vibrations
from chem.levels import LevelEntry, resolve_level
from chem.potential import GradientCounter, analytic_hessian, attach
from chem.pyscf_backend import PyscfBackend
from chem.types import Geometry
from chem.units import EV_PER_HARTREE

HF = resolve_level("hf/3-21g")


def geometry_of(name, **electrons):
    atoms = molecule(name)
    return Geometry(numbers=atoms.numbers, positions=atoms.positions, **electrons)


def level_of(**entry):
    return resolve_level("own", entries={"own": LevelEntry(**entry)})


def energy_of(geometry, level):
    return attach(geometry, level, GradientCounter()).get_potential_energy()


def test_the_energy_of_the_hydrogen_atom_is_that_of_its_basis():
    atom = Geometry(numbers=[1], positions=[[0, 0, 0]], multiplicity=2)
    assert energy_of(atom, HF) / EV_PER_HARTREE == pytest.approx(
        -0.496199, abs=1e-6
    )  # 3-21G, J. Am. Chem. Soc. 102, 939


@pytest.mark.parametrize(
    ("name", "electrons", "entry"),
    [
        ("H2O", {}, {"method": "hf", "basis": "3-21g"}),
        ("CH3", {"multiplicity": 2}, {"method": "b3lyp-d3bj", "basis": "sto-3g", "grid": 4}),
        ("OH", {"charge": -1}, {"method": "hf", "basis": "3-21g", "solvent": "water"}),
    ],
)
def test_forces_are_the_negative_slope_of_the_energy(name, electrons, entry):
    atoms = attach(geometry_of(name, **electrons), level_of(**entry), GradientCounter())
    atoms.positions[1] += (0.03, 0.05, -0.04)
    force, step = atoms.get_forces()[1, 2], 2e-3
    energies = []
    for sign in (1, -1):
        atoms.positions[1, 2] += sign * step
        energies.append(atoms.get_potential_energy())
        atoms.positions[1, 2] -= sign * step
    assert force == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=2e-3)


@pytest.mark.parametrize(
    "entry", [{"method": "hf", "basis": "3-21g"}, {"method": "pbe0", "basis": "sto-3g", "grid": 4}]
)
def test_the_analytic_hessian_is_the_slope_of_the_gradient(entry):
    geometry, level, counter = geometry_of("H2O"), level_of(**entry), GradientCounter()
    analytic = analytic_hessian(geometry, level, counter)
    assert (counter.calls, counter.hessians) == (0, 1)
    numerical = finite_difference_hessian(geometry, level, GradientCounter())
    assert np.abs(analytic - numerical).max() < 0.03
    frequencies = [vibrations(geometry, hessian).frequencies_cm1 for hessian in (analytic, numerical)]
    assert frequencies[0] == pytest.approx(frequencies[1], abs=3)


def test_a_hessian_that_pyscf_has_no_room_for_says_so():
    backend = PyscfBackend(geometry_of("H2O"), level_of(method="hf", basis="3-21g", density_fitting=True))
    backend._field.mol.max_memory = backend._field.max_memory = 1e-3  # MB
    with pytest.raises(CalculationError, match="too little memory") as caught:
        backend.hessian(geometry_of("H2O").positions)
    assert caught.value.kind == "memory"


def test_tight_binding_has_no_analytic_hessian_and_counts_none():
    counter = GradientCounter()
    assert analytic_hessian(geometry_of("H2O"), resolve_level("gfn2"), counter) is None
    assert counter.hessians == 0


def test_the_density_of_a_point_starts_the_next():
    backend, geometry = PyscfBackend(geometry_of("H2O"), HF), geometry_of("H2O")
    backend.evaluate(geometry.positions)
    fresh = backend.attempts
    backend.evaluate(geometry.positions + 1e-3 * np.arange(9).reshape(3, 3))
    assert [attempt.way for attempt in (*fresh, *backend.attempts)] == ["fresh guess", "previous density"]
    assert backend.attempts[0].cycles < fresh[0].cycles


def test_iterations_are_counted_of_gradients_and_hessians_of_failed_ways_too(monkeypatch):
    counter, search = GradientCounter(), GradientCounter()
    part = search.child()
    atoms = attach(geometry_of("H2O"), HF, part)
    atoms.get_forces()
    first = part.scf_cycles
    assert 5 < first < 20
    analytic_hessian(geometry_of("H2O"), HF, part)
    assert first < part.scf_cycles <= 2 * first + 1
    assert search.scf_cycles == part.scf_cycles
    monkeypatch.setattr("chem.pyscf_backend.MAX_CYCLES", 1)
    with pytest.raises(CalculationError):
        attach(geometry_of("H2O"), HF, counter).get_forces()
    assert counter.scf_cycles >= 3  # one of each way


def test_iterations_of_tight_binding_are_not_known():
    counter = GradientCounter()
    attach(geometry_of("H2O"), resolve_level("gfn2"), counter).get_forces()
    assert counter.scf_cycles is None


def test_a_field_that_does_not_converge_is_tried_in_harder_ways_and_then_a_failure(monkeypatch):
    monkeypatch.setattr("chem.pyscf_backend.MAX_CYCLES", 1)
    backend = PyscfBackend(geometry_of("H2O"), HF)
    with pytest.raises(CalculationError, match="no self-consistent field at hf/3-21g") as caught:
        backend.evaluate(geometry_of("H2O").positions)
    assert caught.value.kind == "scf"
    assert [attempt.way for attempt in backend.attempts] == ["fresh guess", "level shift and damping", "second order"]
    assert not any(attempt.converged for attempt in backend.attempts)


def test_a_field_that_only_a_harder_way_finds_is_the_same_field(monkeypatch):
    geometry = geometry_of("H2O")
    easy, _ = PyscfBackend(geometry, HF).evaluate(geometry.positions)
    backend = PyscfBackend(geometry, HF)
    monkeypatch.setattr(backend, "_ways", lambda ways=backend._ways: ways()[1:])
    hard, _ = backend.evaluate(geometry.positions)
    assert backend.attempts[0].way == "level shift and damping"
    assert hard == pytest.approx(easy, abs=1e-6)


def test_spin_contamination_is_known():
    radical = geometry_of("CH3", multiplicity=2)
    backend = PyscfBackend(radical, HF)
    backend.evaluate(radical.positions)
    found, wanted = backend.spin_square()
    assert wanted == 0.75
    assert 0.75 < found < 0.80


def test_density_fitting_changes_the_energy_little():
    water = geometry_of("H2O")
    plain, fitted = (level_of(method="pbe0", basis="def2-svp", density_fitting=fit) for fit in (False, True))
    assert 0 < abs(energy_of(water, plain) - energy_of(water, fitted)) < 0.02


def test_a_solvent_stabilises_an_ion():
    ion = geometry_of("OH", charge=-1)
    assert energy_of(ion, level_of(method="hf", basis="3-21g", solvent="water")) < energy_of(ion, HF) - 2.0


def test_an_element_that_the_basis_lacks_is_named():
    xenon = Geometry(numbers=[54], positions=[[0, 0, 0]])
    with pytest.raises(ElementError, match=r"6-31g\* has no Xe"):
        attach(xenon, resolve_level("hf/6-31g*"), GradientCounter())


def test_a_heavy_element_takes_the_core_potential_of_its_basis():
    iodine = Geometry(numbers=[1, 53], positions=[[0, 0, 0], [0, 0, 1.61]])
    energy = energy_of(iodine, resolve_level("hf/def2-svp")) / EV_PER_HARTREE
    assert -300 < energy < -290  # 25 valence and semi-core electrons of 53; with all of them it is below -6900


def test_an_unknown_solvent_is_named():
    with pytest.raises(ConfigurationError, match="no solvent 'treacle'"):
        attach(geometry_of("H2O"), level_of(method="hf", basis="3-21g", solvent="treacle"), GradientCounter())


def test_pyscf_prints_nothing(capfd):
    energy_of(geometry_of("C2H4"), HF)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_hessian_of_another_electronic_state_is_refused():
    geometry = geometry_of("H2O")
    energy = energy_of(geometry, HF)
    assert analytic_hessian(geometry, HF, GradientCounter(), energy) is not None
    with pytest.raises(CalculationError, match=r"state -1\.000 eV from the one") as caught:
        analytic_hessian(geometry, HF, GradientCounter(), energy + 1.0)
    assert caught.value.kind == "electronic_state"


def test_a_radical_takes_the_lower_of_its_fields():
    """The ring opening of cyclopropyl half-way: the first field of HF/3-21G is 1.8 eV above the lowest."""
    positions = [
        [-0.013, -0.150, 0.008],
        [-0.014, -0.287, 1.438],
        [1.434, 0.028, 1.348],
        [0.389, -0.939, -0.596],
        [-0.512, 0.656, -0.499],
        [1.764, 1.036, 1.496],
        [2.160, -0.750, 1.226],
        [-0.700, 0.214, 2.090],
    ]
    radical = Geometry(numbers=[6, 6, 6, 1, 1, 1, 1, 1], positions=positions, multiplicity=2)
    assert energy_of(radical, HF) < -3148.0
