"""Rate constants by transition-state theory, equilibrium constants, tunnelling, fits over temperature.

Free energies come from `chem.thermochemistry`, on both sides in one standard state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import units
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad

from chem.errors import InputError
from chem.heights import thermochemistry_of_path, zero_point_heights
from chem.outcomes import Status, TransitionState
from chem.thermochemistry import REFERENCE_TEMPERATURE_K, STANDARD_STATES, StandardState, Thermochemistry
from chem.units import KCAL_MOL_PER_EV

BOLTZMANN_EV_PER_K = float(units.kB)
PLANCK_EV_S = float(units._hplanck / units._e)
CM3_PER_M3 = 1e6
LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateConstant:
    """A rate constant at one temperature.

    Attributes:
        value: In s^-1 for one reactant, cm^3 mol^-1 s^-1 for two, and so on.
        unit: That unit.
        temperature_k: Temperature.
        tunnelling: Factor that it contains.
        factor: Multiplicative error: the rate lies between value / factor and value * factor; None without an error of
            the barrier.
    """

    value: float
    unit: str
    temperature_k: float
    tunnelling: float
    factor: float | None = None


def eyring(
    reactants: Sequence[Thermochemistry],
    saddle: Thermochemistry,
    *,
    degeneracy: float = 1.0,
    tunnelling: float = 1.0,
    barrier_error_ev: float | None = None,
) -> RateConstant:
    """Rate constant of a reaction with equivalent paths (Eyring, 10.1063/1.1749604).

    k = kappa L (kT / h) (kT / p)^(n - 1) exp(-dG / kT), dG without rotational symmetry numbers, since the number L of
    equivalent paths says the same once more (10.1007/s00214-007-0328-0).

    Args:
        reactants: The n reactants, apart, in the temperature and standard state of the saddle point.
        saddle: The saddle point.
        degeneracy: Equivalent paths L, `Reaction.degeneracy`.
        tunnelling: kappa.
        barrier_error_ev: Absolute error of the barrier, for the error of the rate.

    Raises:
        InputError: Temperatures or standard states differ, or there is no reactant.
    """
    temperature, state = _common([*reactants, saddle])
    if not reactants:
        raise InputError("a rate needs at least one reactant")
    thermal = BOLTZMANN_EV_PER_K * temperature
    height = saddle.gibbs_energy_without_symmetry_ev - sum(
        reactant.gibbs_energy_without_symmetry_ev for reactant in reactants
    )
    # Volume of one mole of the standard state, cm^3: turns pressures into concentrations.
    molar_volume = units._Nav * units._k * temperature / state.pressure_at(temperature) * CM3_PER_M3
    order = len(reactants)
    logarithm = np.log(tunnelling * degeneracy * thermal / PLANCK_EV_S * molar_volume ** (order - 1)) - height / thermal
    return RateConstant(
        value=float(np.exp(min(logarithm, LARGEST_EXPONENT))),
        unit="s^-1" if order == 1 else f"cm^{3 * (order - 1)} mol^-{order - 1} s^-1",
        temperature_k=temperature,
        tunnelling=tunnelling,
        factor=None if barrier_error_ev is None else error_factor(barrier_error_ev, temperature),
    )


def path_rate(
    state: TransitionState, temperature_k: float, *, degeneracy: float = 1.0, barrier_error_ev: float | None = None
) -> RateConstant | None:
    """Rate constant from the reactant end of a proved path over its saddle point, with Eckart tunnelling.

    Args:
        state: With the frequencies of all three points. Several molecules of one end are one complex here.
        temperature_k: Temperature.
        degeneracy: Equivalent paths, `Reaction.degeneracy`.
        barrier_error_ev: Absolute error of the barrier, for the error of the rate.

    Returns:
        None where a check of the transition state did not pass, or the frequencies of a point are not known: such a
        barrier is no ground for a rate.
    """
    points = thermochemistry_of_path(state, temperature_k, STANDARD_STATES["1 atm"])
    zero_point = zero_point_heights(state)
    if state.verdict.status is not Status.PASSED or points is None or zero_point is None:
        return None
    saddle, reactant, _ = points
    imaginary = state.imaginary_frequencies_cm1[0]
    tunnelling = eckart(zero_point.forward_ev, zero_point.reverse_ev, imaginary, temperature_k)
    return eyring([reactant], saddle, degeneracy=degeneracy, tunnelling=tunnelling, barrier_error_ev=barrier_error_ev)


def error_factor(barrier_error_ev: float, temperature_k: float) -> float:
    """Factor by which a rate is uncertain when its barrier is: exp(|dE| / kT)."""
    return float(np.exp(min(abs(barrier_error_ev) / (BOLTZMANN_EV_PER_K * temperature_k), LARGEST_EXPONENT)))


def equilibrium_constant(reactants: Sequence[Thermochemistry], products: Sequence[Thermochemistry]) -> float:
    """K = exp(-dG / kT), unitless, activities relative to the standard state; symmetry numbers included.

    Raises:
        InputError: Temperatures or standard states differ.
    """
    temperature, _ = _common([*reactants, *products])
    change = sum(each.gibbs_energy_ev for each in products) - sum(each.gibbs_energy_ev for each in reactants)
    return float(np.exp(np.clip(-change / (BOLTZMANN_EV_PER_K * temperature), -LARGEST_EXPONENT, LARGEST_EXPONENT)))


def wigner(imaginary_frequency_cm1: float, temperature_k: float) -> float:
    """Wigner's tunnelling factor 1 + (h nu / kT)^2 / 24 (10.1515/zpch-1932-1920)."""
    ratio = abs(imaginary_frequency_cm1) * float(units.invcm) / (BOLTZMANN_EV_PER_K * temperature_k)
    return 1.0 + ratio**2 / 24.0


def eckart(forward_ev: float, reverse_ev: float, imaginary_frequency_cm1: float, temperature_k: float) -> float:
    """Tunnelling factor of an unsymmetrical Eckart barrier (Johnston and Heicklen, 10.1021/j100809a040).

    Args:
        forward_ev: Height with zero-point energies above the reactants.
        reverse_ev: The same above the products.
        imaginary_frequency_cm1: Of the saddle point; its sign does not matter.
        temperature_k: Temperature.

    Returns:
        Thermally averaged transmission over that of a classical barrier, at least 1 where both heights are positive; 1
        where one is not, since there is no barrier to tunnel through.
    """
    if min(forward_ev, reverse_ev) <= 0.0 or imaginary_frequency_cm1 == 0.0:
        return 1.0
    quantum = abs(imaginary_frequency_cm1) * float(units.invcm)
    thermal = BOLTZMANN_EV_PER_K * temperature_k
    first, second = 2.0 * np.pi * forward_ev / quantum, 2.0 * np.pi * reverse_ev / quantum
    width = 1.0 / (1.0 / np.sqrt(first) + 1.0 / np.sqrt(second))
    deep = 2.0 * np.sqrt(max(first * second - np.pi**2 / 4.0, 0.0))
    is_wide = first * second > np.pi**2 / 4.0

    def transmission(energy: float) -> float:
        """At an energy above the reactants, in units of the forward height."""
        left = 2.0 * width * np.sqrt(first * energy)
        right = 2.0 * width * np.sqrt(max((energy - 1.0) * first + second, 0.0))
        # Written with exponentials that cannot overflow.
        largest = max(left + right, deep)
        total = np.exp(left + right - largest) + np.exp(-left - right - largest)
        difference = np.exp(abs(left - right) - largest) + np.exp(-abs(left - right) - largest)
        if is_wide:
            well = np.exp(deep - largest) + np.exp(-deep - largest)
        else:
            well = 2.0 * np.cos(2.0 * np.sqrt(np.pi**2 / 4.0 - first * second)) * np.exp(-largest)
        return float((total - difference) / (total + well))

    scale = forward_ev / thermal
    lowest = max(0.0, 1.0 - reverse_ev / forward_ev)
    highest = 1.0 + 40.0 / scale + 4.0 * quantum / forward_ev
    integral = sum(
        quad(lambda energy: transmission(energy) * np.exp(-scale * (energy - 1.0)), start, end, limit=400)[0]
        for start, end in ((lowest, 1.0), (1.0, highest))
    )
    return max(1.0, float(scale * integral))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrhenius:
    """Modified Arrhenius parameters, k = A (T / 298.15 K)^n exp(-E / RT).

    Attributes:
        prefactor: A, in the unit of the rates.
        exponent: n, unitless.
        activation_energy_kcal_mol: E.
        largest_error: Largest factor by which the fit misses a rate.
        temperatures_k: Lowest and highest temperature of the fit.
    """

    prefactor: float
    exponent: float
    activation_energy_kcal_mol: float
    largest_error: float
    temperatures_k: tuple[float, float]

    def rate(self, temperature_k: ArrayLike) -> NDArray[np.float64]:
        """Rates at temperatures, in the unit of the prefactor."""
        temperature = np.asarray(temperature_k, dtype=np.float64)
        energy = self.activation_energy_kcal_mol / KCAL_MOL_PER_EV / BOLTZMANN_EV_PER_K
        rates: NDArray[np.float64] = (
            self.prefactor * (temperature / REFERENCE_TEMPERATURE_K) ** self.exponent * np.exp(-energy / temperature)
        )
        return rates


def fit_arrhenius(temperatures_k: ArrayLike, rates: ArrayLike) -> Arrhenius:
    """Least-squares fit of ln k, which is linear in ln A, n and E.

    Args:
        temperatures_k: At least three different ones, shape (n,).
        rates: Positive, shape (n,).

    Raises:
        InputError: There are too few temperatures, or a rate is not positive.
    """
    temperature = np.asarray(temperatures_k, dtype=np.float64)
    rate = np.asarray(rates, dtype=np.float64)
    if temperature.shape != rate.shape or len(np.unique(temperature)) < 3:
        raise InputError("a modified Arrhenius fit needs rates at three temperatures or more")
    if not ((rate > 0).all() and (temperature > 0).all()):
        raise InputError("rates and temperatures of an Arrhenius fit must be positive")
    columns = np.stack(
        [np.ones_like(temperature), np.log(temperature / REFERENCE_TEMPERATURE_K), -1.0 / temperature], 1
    )
    (log_prefactor, exponent, energy), *_ = np.linalg.lstsq(columns, np.log(rate), rcond=None)
    misses = np.abs(columns @ np.array([log_prefactor, exponent, energy]) - np.log(rate))
    return Arrhenius(
        prefactor=float(np.exp(log_prefactor)),
        exponent=float(exponent),
        activation_energy_kcal_mol=float(energy) * BOLTZMANN_EV_PER_K * KCAL_MOL_PER_EV,
        largest_error=float(np.exp(misses.max())),
        temperatures_k=(float(temperature.min()), float(temperature.max())),
    )


def _common(parts: Sequence[Thermochemistry]) -> tuple[float, StandardState]:
    """Temperature and standard state of all parts."""
    if len({(part.temperature_k, part.standard_state) for part in parts}) != 1:
        raise InputError("free energies at different temperatures or standard states cannot be combined")
    return parts[0].temperature_k, parts[0].standard_state
