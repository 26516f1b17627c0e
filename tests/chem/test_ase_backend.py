"""Calculators that speak ASE as levels of theory."""

from __future__ import annotations

import pytest
from ase.build import molecule

from chem.errors import CalculationError, ConfigurationError
from chem.levels import LevelEntry, resolve_level
from chem.potential import GradientCounter, attach
from chem.types import Geometry


def water(**electrons):
    atoms = molecule("H2O")
    return Geometry(numbers=atoms.numbers, positions=atoms.positions, **electrons)


def level_of(calculator, method="own", **arguments):
    return resolve_level("own", entries={"own": LevelEntry(method=method, calculator=calculator, arguments=arguments)})


def test_one_entry_makes_a_calculator_a_level():
    level = level_of("ase.calculators.emt:EMT", method="EMT")
    counter = GradientCounter()
    atoms = attach(water(), level, counter)
    assert atoms.get_forces().shape == (3, 3)
    assert counter.calls == 1
    assert level.key.startswith("EMT/")


def test_its_arguments_are_part_of_the_identity():
    keys = {level_of("ase.calculators.emt:EMT", asap_cutoff=value).key for value in (True, False)}
    assert len(keys) == 2


def test_the_same_method_through_ase_gives_the_same_energy():
    pytest.importorskip("tblite")
    own = attach(water(), resolve_level("gfn2", "tblite"), GradientCounter()).get_potential_energy()
    through_ase = level_of("tblite.ase:TBLite", method="GFN2-xTB", verbosity=0, accuracy=0.1)
    assert attach(water(), through_ase, GradientCounter()).get_potential_energy() == pytest.approx(own, abs=1e-4)


def test_a_charged_molecule_needs_a_calculator_that_takes_charges():
    with pytest.raises(ConfigurationError, match="takes no charge"):
        attach(water(charge=1, multiplicity=2), level_of("ase.calculators.emt:EMT"), GradientCounter())


def test_what_a_calculator_cannot_do_is_a_failure_of_the_calculation():
    helium = Geometry(numbers=[2, 2], positions=[[0, 0, 0], [0, 0, 3]])
    atoms = attach(helium, level_of("ase.calculators.emt:EMT"), GradientCounter())
    with pytest.raises(CalculationError, match="EMT failed"):
        atoms.get_forces()


def test_a_class_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match="there is no ase"):
        attach(water(), level_of("ase.calculators.emt:NoSuch"), GradientCounter())


def test_the_shipped_force_field_is_a_level_by_its_weights():
    level = resolve_level("potential")
    counter = GradientCounter()
    atoms = attach(water(), level, counter)
    near = atoms.get_potential_energy()
    atoms.positions[1] += 0.3 * (atoms.positions[1] - atoms.positions[0])
    assert atoms.get_potential_energy() > near + 0.1  # a stretched bond costs energy
    assert counter.calls == 2
    other = level_of("models.potential_calculator:make_calculator", method="potential", sha256="0123456789ab")
    with pytest.raises(ConfigurationError, match="0123456789ab"):
        attach(water(), other, GradientCounter())
