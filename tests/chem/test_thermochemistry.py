"""Thermochemistry of ideal gases against tables and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from ase import units
from ase.build import molecule

from chem.errors import InputError
from chem.thermochemistry import STANDARD_STATES, thermochemistry
from chem.types import Geometry

KCAL_PER_EV = units.mol / units.kcal


def gas(name, frequencies, temperature_k=298.15, *, multiplicity=1, **options):
    atoms = molecule(name)
    geometry = Geometry(numbers=atoms.numbers, positions=atoms.positions, multiplicity=multiplicity)
    given = {"symmetry_number": 1, "standard_state": STANDARD_STATES["1 bar"]} | options
    return thermochemistry(geometry, 0.0, frequencies, temperature_k, **given)


def cal_per_mol_k(entropy_ev_per_k):
    return entropy_ev_per_k * KCAL_PER_EV * 1000


@pytest.mark.parametrize(
    ("name", "frequencies", "symmetry", "entropy"),
    [
        # Standard entropies at 298.15 K and 1 bar, cal/(mol K), NIST-JANAF (10.18434/T42S31); observed fundamentals
        ("H2O", [1594.7, 3657.1, 3755.9], 2, 45.13),
        ("CO2", [667.4, 667.4, 1333.0, 2349.1], 2, 51.10),
        ("CH4", [1306, 1306, 1306, 1534, 1534, 2917, 3019, 3019, 3019], 12, 44.53),
    ],
)
def test_entropies_are_those_of_the_tables(name, frequencies, symmetry, entropy):
    found = gas(name, frequencies, symmetry_number=symmetry)
    assert cal_per_mol_k(found.entropy_ev_per_k) == pytest.approx(entropy, abs=0.15)


def test_an_atom_has_translation_and_spin_alone():
    hydrogen = gas("H", [], multiplicity=2)
    assert cal_per_mol_k(hydrogen.entropy_ev_per_k) == pytest.approx(27.42, abs=0.02)  # NIST-JANAF
    assert hydrogen.zero_point_energy_ev == 0.0
    assert hydrogen.enthalpy_ev == pytest.approx(2.5 * units.kB * 298.15, rel=1e-6)


def test_the_zero_point_energy_is_half_the_sum_of_the_frequencies():
    found = gas("H2O", [1594.7, 3657.1, 3755.9])
    assert found.zero_point_energy_ev == pytest.approx(0.5 * 9007.7 * units.invcm)


def test_a_soft_mode_is_worth_a_rotor_and_not_an_oscillator_without_bound():
    def entropy(soft, cutoff):
        return gas("H2O2", [soft, 900, 1300, 1400, 3600, 3600], cutoff_cm1=cutoff).entropy_ev_per_k

    harmonic = entropy(1.0, 0.0) - entropy(10.0, 0.0)
    quasi = entropy(1.0, 100.0) - entropy(10.0, 100.0)
    assert harmonic == pytest.approx(units.kB * np.log(10.0), rel=1e-3)
    assert quasi < 0.6 * harmonic
    assert entropy(2000.0, 100.0) == pytest.approx(entropy(2000.0, 0.0), abs=1e-6)


def test_the_reaction_mode_of_a_saddle_point_does_not_count():
    minimum = gas("H2O", [1500, 3600, 3700])
    saddle = gas("H2O", [-1500, 3600, 3700], is_saddle=True)
    assert saddle.zero_point_energy_ev == pytest.approx(minimum.zero_point_energy_ev - 750 * units.invcm)


def test_noise_in_a_soft_mode_is_kept_and_told():
    assert gas("H2O", [-12.0, 3600, 3700]).soft_modes_cm1 == (-12.0,)


@pytest.mark.parametrize(("frequencies", "is_saddle"), [([-500, 3600, 3700], False), ([500, 3600, 3700], True)])
def test_a_structure_of_another_order_is_refused(frequencies, is_saddle):
    with pytest.raises(InputError, match="imaginary modes"):
        gas("H2O", frequencies, is_saddle=is_saddle)


def test_wrong_temperatures_and_symmetry_numbers_are_refused():
    with pytest.raises(InputError, match="temperature must be positive"):
        gas("H2O", [1500, 3600, 3700], temperature_k=0.0)
    with pytest.raises(InputError, match="symmetry number"):
        gas("H2O", [1500, 3600, 3700], symmetry_number=0)


def test_standard_states_differ_by_the_work_of_compression():
    states = {name: gas("H2O", [1500, 3600, 3700], standard_state=STANDARD_STATES[name]) for name in STANDARD_STATES}
    difference = states["1 M"].gibbs_energy_ev - states["1 atm"].gibbs_energy_ev
    assert difference * KCAL_PER_EV == pytest.approx(1.894, abs=0.002)  # RT ln(24.47) at 298.15 K
    assert states["1 M"].enthalpy_ev == states["1 atm"].enthalpy_ev


def test_symmetry_lowers_the_entropy_by_its_logarithm():
    one, twelve = (gas("CH4", [1500] * 9, symmetry_number=number) for number in (1, 12))
    assert one.entropy_ev_per_k - twelve.entropy_ev_per_k == pytest.approx(units.kB * np.log(12))
    assert one.gibbs_energy_without_symmetry_ev == pytest.approx(twelve.gibbs_energy_without_symmetry_ev)
