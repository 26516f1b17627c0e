"""What kind of electronic state an energy belongs to."""

from __future__ import annotations

import pytest
from ase.build import molecule

from chem.errors import CalculationError, ElementError
from chem.levels import LevelEntry, resolve_level
from chem.potential import GradientCounter, attach
from chem.types import Geometry
from chem.wavefunction import wavefunction_report

HF = resolve_level("hf/3-21g")


def hydrogen(distance_angstrom):
    return Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, distance_angstrom]])


def geometry_of(name, **electrons):
    atoms = molecule(name)
    return Geometry(numbers=atoms.numbers, positions=atoms.positions, **electrons)


def energy_of(geometry, level=HF):
    return attach(geometry, level, GradientCounter()).get_potential_energy()


def test_a_closed_shell_is_pure_and_stable():
    report = wavefunction_report(geometry_of("H2O"), HF)
    assert (report.spin_square, report.spin_square_of_pure_state) == (0.0, 0.0)
    assert report.is_stable is True
    assert (report.broken_symmetry_lowering_ev, report.broken_symmetry_spin_square) == (0.0, None)
    assert report.scf_ways == ("fresh guess",)


def test_hydrogen_at_its_bond_length_is_stable():
    report = wavefunction_report(hydrogen(0.74), HF)
    assert report.is_stable is True
    assert report.broken_symmetry_lowering_ev == 0.0


@pytest.mark.parametrize(
    "level",
    [
        HF,
        resolve_level(
            "own",
            entries={"own": LevelEntry(method="pbe0", basis="def2-svp", density_fitting=True, solvent="water", grid=2)},
        ),
    ],
    ids=["hartree-fock", "functional"],
)
def test_stretched_hydrogen_falls_to_two_atoms_when_the_spins_may_part(level):
    atom = energy_of(Geometry(numbers=[1], positions=[[0, 0, 0]], multiplicity=2), level)
    report = wavefunction_report(hydrogen(2.5), level)
    assert report.is_stable is False
    assert report.spin_square == 0.0
    assert report.broken_symmetry_lowering_ev > 0.5
    broken = energy_of(hydrogen(2.5), level) - report.broken_symmetry_lowering_ev
    assert broken == pytest.approx(2 * atom, abs=0.15)  # what is left of the bond, 0.1 eV
    assert report.broken_symmetry_spin_square == pytest.approx(1.0, abs=0.1)  # half singlet, half triplet


def test_the_lowering_grows_as_a_bond_breaks():
    lowerings = [
        wavefunction_report(hydrogen(distance), HF).broken_symmetry_lowering_ev for distance in (1.0, 1.6, 2.2)
    ]
    assert lowerings[0] == 0.0
    assert lowerings == sorted(lowerings)
    assert lowerings[1] > 0.01


def test_twisted_ethylene_is_a_diradical_and_planar_ethylene_is_not():
    planar = geometry_of("C2H4")
    positions = planar.positions.copy()
    half = planar.positions[:, 2] > 0.0
    positions[half, 0], positions[half, 1] = -planar.positions[half, 1], planar.positions[half, 0]
    flat, twisted = (wavefunction_report(each, HF) for each in (planar, planar.with_positions(positions)))
    assert flat.broken_symmetry_lowering_ev < 0.1
    assert twisted.is_stable is False
    assert twisted.broken_symmetry_lowering_ev > 1.0
    assert twisted.broken_symmetry_spin_square == pytest.approx(1.0, abs=0.2)


def test_a_triplet_is_two_and_a_little():
    report = wavefunction_report(geometry_of("O2", multiplicity=3), HF)
    assert report.spin_square_of_pure_state == 2.0
    assert 2.0 < report.spin_square < 2.1
    assert report.is_stable is True
    assert report.broken_symmetry_lowering_ev is None


def test_a_small_radical_is_hardly_contaminated():
    report = wavefunction_report(geometry_of("CH3", multiplicity=2), HF)
    assert report.spin_square_of_pure_state == 0.75
    assert 0.75 < report.spin_square < 0.78
    assert report.is_stable is True


def test_where_no_orbital_can_be_turned_the_field_is_stable():
    helium = Geometry(numbers=[2], positions=[[0, 0, 0]])
    report = wavefunction_report(helium, resolve_level("hf/sto-3g"))
    assert report.is_stable is True
    assert report.broken_symmetry_lowering_ev == 0.0


def test_tight_binding_has_no_wavefunction_to_look_at():
    assert wavefunction_report(hydrogen(0.74), resolve_level("gfn2")) is None


def test_a_broken_symmetry_that_does_not_converge_is_not_called_none(monkeypatch):
    monkeypatch.setattr("chem.pyscf_backend.broken_symmetry", lambda *_: None)
    report = wavefunction_report(hydrogen(2.5), HF)
    assert report.is_stable is False
    assert report.broken_symmetry_lowering_ev is None


def test_no_field_is_a_failure_and_no_report(monkeypatch):
    monkeypatch.setattr("chem.pyscf_backend.MAX_CYCLES", 1)
    with pytest.raises(CalculationError, match="no self-consistent field"):
        wavefunction_report(geometry_of("H2O"), HF)


def test_an_element_that_the_basis_lacks_is_named():
    with pytest.raises(ElementError, match="has no Xe"):
        wavefunction_report(Geometry(numbers=[54], positions=[[0, 0, 0]]), resolve_level("hf/6-31g*"))
