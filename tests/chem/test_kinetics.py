"""Rates, tunnelling, equilibrium."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import units
from scipy.integrate import quad

from chem.errors import InputError
from chem.generator import EndPoints
from chem.guess import ClassicalGenerator
from chem.heights import gibbs_heights
from chem.kinetics import eckart, equilibrium_constant, error_factor, eyring, fit_arrhenius, path_rate, wigner
from chem.levels import resolve_level
from chem.outcomes import Status, Verdict
from chem.search import SearchSettings, search_transition_state
from chem.thermochemistry import STANDARD_STATES, Thermochemistry
from chem.types import Geometry

KCAL = units.kcal / units.mol


def free(gibbs_ev, temperature=298.15, symmetry=1, state="1 atm"):
    return Thermochemistry(
        temperature_k=temperature,
        standard_state=STANDARD_STATES[state],
        electronic_energy_ev=0.0,
        zero_point_energy_ev=0.0,
        enthalpy_ev=gibbs_ev,
        entropy_ev_per_k=0.0,
        symmetry_number=symmetry,
        cutoff_cm1=100.0,
    )


def test_without_a_barrier_a_molecule_reacts_at_the_thermal_frequency():
    rate = eyring([free(0.0)], free(0.0))
    assert rate.value == pytest.approx(6.2124e12, rel=1e-3)  # kT / h at 298.15 K
    assert rate.unit == "s^-1"


def test_a_higher_barrier_costs_a_factor_of_ten_each_1_36_kcal_at_room_temperature():
    rates = [eyring([free(0.0)], free(height * KCAL)).value for height in (20.0, 21.364)]
    assert rates[0] / rates[1] == pytest.approx(10.0, rel=1e-3)


def test_equivalent_paths_multiply_the_rate_and_symmetry_numbers_do_not():
    plain = eyring([free(0.0)], free(0.5)).value
    assert eyring([free(0.0)], free(0.5), degeneracy=3).value == pytest.approx(3 * plain)
    thermal = units.kB * 298.15
    symmetric = free(thermal * np.log(12), symmetry=12)  # as its entropy has it
    assert eyring([symmetric], free(0.5)).value == pytest.approx(plain)


def test_a_bimolecular_rate_does_not_depend_on_the_standard_state():
    """G of an ideal gas rises by kT ln(p / p0), once for the saddle point and twice for two reactants."""
    rates = []
    for name, state in STANDARD_STATES.items():
        shift = units.kB * 298.15 * np.log(state.pressure_at(298.15) / 101325.0)
        sides = free(shift, state=name), free(0.1 + shift, state=name), free(0.9 + shift, state=name)
        rates.append(eyring(sides[:2], sides[2]))
    assert [rate.value for rate in rates] == pytest.approx([rates[0].value] * 3)
    assert rates[0].unit == "cm^3 mol^-1 s^-1"
    assert rates[0].value == pytest.approx(eyring([free(0.0)], free(0.8)).value * 24465.4, rel=1e-4)


def test_forward_and_reverse_rates_balance_at_equilibrium():
    left, right, top = free(0.0), free(-0.3), free(0.7)
    ratio = eyring([left], top).value / eyring([right], top).value
    assert ratio == pytest.approx(equilibrium_constant([left], [right]))


def test_different_conditions_cannot_be_combined():
    with pytest.raises(InputError, match="cannot be combined"):
        eyring([free(0.0, temperature=300.0)], free(0.5))
    with pytest.raises(InputError, match="cannot be combined"):
        equilibrium_constant([free(0.0)], [free(0.0, state="1 M")])
    with pytest.raises(InputError, match="at least one reactant"):
        eyring([], free(0.5))


def test_an_error_of_the_barrier_becomes_a_factor_of_the_rate():
    rate = eyring([free(0.0)], free(0.8), barrier_error_ev=1.364 * KCAL)
    assert rate.factor == pytest.approx(10.0, rel=1e-3)
    assert error_factor(0.0, 300.0) == 1.0


def test_tunnelling_vanishes_when_it_is_hot_or_the_barrier_is_flat():
    assert wigner(-1500.0, 298.15) == pytest.approx(1 + (1500 * 1.4387769 / 298.15) ** 2 / 24, rel=1e-5)
    assert wigner(-1500.0, 5000.0) < 1.01
    assert eckart(0.8, 0.6, -1500.0, 5000.0) == pytest.approx(1.0, abs=0.02)
    assert eckart(0.8, 0.6, -10.0, 300.0) == pytest.approx(1.0, abs=0.01)


def test_both_tunnelling_factors_agree_where_tunnelling_is_weak():
    assert eckart(1.0, 1.0, -300.0, 500.0) == pytest.approx(wigner(-300.0, 500.0), abs=0.01)


def test_tunnelling_is_the_same_in_both_directions():
    assert eckart(0.8, 0.5, -1400.0, 300.0) == pytest.approx(eckart(0.5, 0.8, -1400.0, 300.0), rel=1e-4)


def test_the_symmetric_eckart_barrier_has_its_textbook_transmission():
    """V0 / cosh^2(x / a): T(E) = sinh^2(pi k a) / (sinh^2(pi k a) + cosh^2(pi / 2 sqrt(8 m V0 a^2 / hbar^2 - 1)))."""
    height, frequency, temperature = 0.5, 1200.0, 400.0
    quantum, thermal = frequency * units.invcm, units.kB * temperature
    alpha = 2 * np.pi * height / quantum  # pi / 2 sqrt(8 m V0 a^2 / hbar^2) for this curvature

    def transmission(energy):
        ka = alpha * np.sqrt(energy / height)  # pi k a
        above = np.sinh(ka) ** 2
        return above / (above + np.cosh(np.sqrt(alpha**2 - np.pi**2 / 4)) ** 2)

    integral, _ = quad(
        lambda energy: transmission(energy) * np.exp(-(energy - height) / thermal) / thermal, 0, 3.0, limit=400
    )
    assert eckart(height, height, -frequency, temperature) == pytest.approx(integral, rel=1e-3)


def test_without_a_barrier_there_is_nothing_to_tunnel_through():
    assert eckart(-0.1, 0.5, -500.0, 300.0) == 1.0


def test_the_fit_over_temperature_returns_what_made_the_rates():
    temperatures = np.linspace(300, 1500, 20)
    rates = 1e11 * (temperatures / 298.15) ** 1.7 * np.exp(-20.0 * KCAL / units.kB / temperatures)
    fit = fit_arrhenius(temperatures, rates)
    assert (fit.exponent, fit.activation_energy_kcal_mol) == pytest.approx((1.7, 20.0), rel=1e-6)
    assert fit.prefactor == pytest.approx(1e11, rel=1e-6)
    assert fit.largest_error == pytest.approx(1.0, abs=1e-8)
    np.testing.assert_allclose(fit.rate(temperatures), rates, rtol=1e-8)


def test_a_fit_needs_three_temperatures_and_positive_rates():
    with pytest.raises(InputError, match="three temperatures"):
        fit_arrhenius([300, 400], [1, 2])
    with pytest.raises(InputError, match="must be positive"):
        fit_arrhenius([300, 400, 500], [1, 2, 0])


def test_a_rate_is_finite_however_deep_the_well():
    assert np.isfinite(eyring([free(50.0)], replace(free(0.0))).value)


@pytest.fixture(scope="module")
def proved():
    """HCN to HNC at GFN2-xTB, with the frequencies of both ends."""
    level = resolve_level("gfn2")
    ends = EndPoints(
        reactant=Geometry(numbers=[1, 6, 7], positions=[[0, 0, -1.07], [0, 0, 0], [0, 0, 1.16]]),
        product=Geometry(numbers=[1, 6, 7], positions=[[0, 0, 2.17], [0, 0, 0], [0, 0, 1.17]]),
    )
    settings = SearchSettings(further_checks=True)
    result = search_transition_state(ends, ClassicalGenerator(1).generate([ends])[0], level, settings)
    return result.best.transition_state


def test_the_rate_of_a_path_is_that_of_its_free_energies_and_tunnelling(proved):
    temperature = 573.0
    rate = path_rate(proved, temperature, degeneracy=2.0, barrier_error_ev=0.3)
    height = gibbs_heights(proved, temperature).forward_ev
    thermal = units.kB * temperature
    expected = 2.0 * rate.tunnelling * thermal / (units._hplanck / units._e) * np.exp(-height / thermal)
    assert rate.value == pytest.approx(expected, rel=1e-9)
    assert rate.unit == "s^-1"
    assert 1.0 < rate.tunnelling < 3.0
    assert rate.factor == pytest.approx(np.exp(0.3 / thermal))


def test_no_rate_comes_from_a_barrier_that_failed_a_check(proved):
    failed = replace(proved.verdict.checks[0], status=Status.FAILED)
    checks = (failed, *proved.verdict.checks[1:])
    assert path_rate(replace(proved, verdict=Verdict(checks=checks)), 573.0) is None
    assert path_rate(replace(proved, verdict=Verdict()), 573.0) is None
    assert path_rate(replace(proved, reactant_end_frequencies_cm1=()), 573.0) is None
    assert path_rate(proved, 573.0).factor is None


def test_a_soft_mode_that_the_checks_found_to_be_noise_does_not_take_the_rate(proved):
    """Two molecules in contact often have one, of the integration grid."""
    soft = replace(proved, product_end_frequencies_cm1=(-35.6, *proved.product_end_frequencies_cm1[1:]))
    assert path_rate(soft, 573.0).value == pytest.approx(path_rate(proved, 573.0).value, rel=0.2)
    unchecked = replace(soft, verdict=Verdict(checks=()))
    assert gibbs_heights(unchecked, 573.0) is None
    assert gibbs_heights(soft, 573.0) is not None
