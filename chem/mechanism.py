"""A mechanism for chemical kinetics: free energies of species as polynomials, rate constants as fitted expressions.

Species are counted apart, each in its lowest known minimum, so forward and reverse rates of every reaction meet at
the equilibrium of its species, around every ring of the network. Rates are those of transition-state theory in the
limit of high pressure, with Eckart's tunnelling (`chem.kinetics`); where two molecules would react faster than they
meet, they go over into the rate of collisions. The reverse ones follow from equilibrium. Ions that would part in a
gas are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import units
from ase.data import chemical_symbols
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray

from chem.errors import InputError
from chem.frequencies import masses_amu
from chem.kinetics import (
    BOLTZMANN_EV_PER_K,
    CM3_PER_M3,
    RateConstant,
    eckart,
    equilibrium_constant,
    eyring,
)
from chem.outcomes import Status
from chem.species_minimum import SpeciesMinimum
from chem.thermochemistry import STANDARD_STATES, thermochemistry
from chem.types import Geometry, Species
from chem.units import KCAL_MOL_PER_EV

TEMPERATURES_K = (300.0, 1500.0)
POLYNOMIAL_TEMPERATURES_K = (280.0, 1600.0)  # wider, so that nothing is asked of an edge
N_TEMPERATURES = 25
CHEBYSHEV_TERMS = 10
STANDARD_STATE = STANDARD_STATES["1 bar"]
ATMOSPHERE = STANDARD_STATES["1 atm"]  # of polynomials, as files for CHEMKIN have them
BAR_PA = 1e5
MOST_MOLECULES = 3
COLLISION_DIAMETER_ANGSTROM = 5.0  # within which two molecules have met

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NasaPolynomial:
    """G / RT = a1 (1 - ln T) - a2 T / 2 - a3 T^2 / 6 - a4 T^3 / 12 - a5 T^4 / 20 + a6 / T - a7, at 1 atm.

    Attributes:
        coefficients: a1 to a7.
        temperatures_k: Range of the fit.
        largest_error_kcal_mol: By which it misses a free energy.
    """

    coefficients: tuple[float, ...]
    temperatures_k: tuple[float, float]
    largest_error_kcal_mol: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChebyshevSeries:
    """log10 k as a Chebyshev series in (2 / T - 1 / T1 - 1 / T2) / (1 / T2 - 1 / T1).

    Attributes:
        coefficients: The constant first.
        temperatures_k: T1 and T2, its range.
        largest_error: Largest factor by which it misses a rate.
    """

    coefficients: tuple[float, ...]
    temperatures_k: tuple[float, float]
    largest_error: float

    def rate(self, temperature_k: ArrayLike) -> FloatArray:
        """Rates at temperatures, in the unit of the fit."""
        logarithms = chebyshev.chebval(_reduced(temperature_k, self.temperatures_k), self.coefficients)
        rates: FloatArray = np.exp(np.log(10.0) * logarithms)
        return rates


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProvedReaction:
    """A reaction with the transition state that its rate is from.

    Attributes:
        key: Identity.
        reactants: Keys of the species, as often as they occur.
        products: Likewise.
        degeneracy: Equivalent paths from the reactants.
        geometry: Transition state.
        energy_ev: Its electronic energy.
        frequencies_cm1: Its modes, the imaginary one first.
        verdict: Of the transition state.
        error_bar_95_kcal_mol: Half-width of the error bar of its height; None where none is known.
    """

    key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    degeneracy: int
    geometry: Geometry
    energy_ev: float
    frequencies_cm1: tuple[float, ...]
    verdict: Status
    error_bar_95_kcal_mol: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MechanismSpecies:
    """A species of a mechanism.

    Attributes:
        name: Unique and plain: the formula and a number among its isomers.
        species: Itself.
        composition: Number of atoms by element.
        minimum: What its free energies are from.
        polynomial: Free energies from a zero that depends on the composition alone.
    """

    name: str
    species: Species
    composition: Mapping[str, int]
    minimum: SpeciesMinimum
    polynomial: NasaPolynomial


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MechanismReaction:
    """A reaction of a mechanism, in the direction in which it is stored; it is reversible.

    Attributes:
        proved: Itself.
        rate: Its expression, in s^-1 or cm^3 mol^-1 s^-1 and so on.
    """

    proved: ProvedReaction
    rate: ChebyshevSeries


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mechanism:
    """Species and reactions at one level of theory.

    Attributes:
        level_key: That level.
        species: By key.
        reactions: By key.
        left_out: Reactions that are not among them, by key, each with why.
    """

    level_key: str
    species: Mapping[str, MechanismSpecies]
    reactions: Mapping[str, MechanismReaction]
    left_out: Mapping[str, str]

    def rate_constant(self, reaction_key: str, temperature_k: float) -> RateConstant:
        """The forward rate constant itself, which the expression was fitted to."""
        minima = {key: each.minimum for key, each in self.species.items()}
        return rate_constant(self.reactions[reaction_key].proved, minima, temperature_k)


def build_mechanism(
    level_key: str,
    species: Mapping[str, Species],
    minima: Mapping[str, SpeciesMinimum],
    reactions: Sequence[ProvedReaction],
) -> Mechanism:
    """Fit the free energies of all species that take part, and the rate constant of every reaction.

    Args:
        level_key: Level of theory of everything.
        species: By key.
        minima: By key of the species, of those that are known.
        reactions: Each with its transition state at the level.

    Raises:
        InputError: No reaction is left.
    """
    left_out: dict[str, str] = {}
    kept: dict[str, MechanismReaction] = {}
    for each in reactions:
        missing = sorted({key for key in (*each.reactants, *each.products) if key not in minima})
        if missing:
            left_out[each.key] = f"no proved minimum of {', '.join(species[key].smiles for key in missing)}"
        elif any(species[key].charge for key in (*each.reactants, *each.products)):
            left_out[each.key] = "ions do not part in a gas"
        elif not each.frequencies_cm1:
            left_out[each.key] = "no vibrations of its transition state"
        elif set(each.reactants) & set(each.products):
            left_out[each.key] = "a molecule stands by, or reacts to itself"
        elif max(len(each.reactants), len(each.products)) > MOST_MOLECULES:
            left_out[each.key] = f"more than {MOST_MOLECULES} molecules would have to meet"
        else:
            try:
                kept[each.key] = MechanismReaction(proved=each, rate=_fitted_rate(each, minima))
            except InputError as error:
                left_out[each.key] = str(error)
    if not kept:
        reasons = "; ".join(f"{key}: {reason}" for key, reason in list(left_out.items())[:3])
        raise InputError(f"no reaction at {level_key} has a rate: {reasons or 'there is none'}")
    taking_part = sorted({key for each in kept.values() for key in (*each.proved.reactants, *each.proved.products)})
    compositions = {key: _composition(species[key]) for key in taking_part}
    zero = _zeros({key: minima[key] for key in taking_part}, compositions)
    names = _names([species[key] for key in taking_part])
    return Mechanism(
        level_key=level_key,
        species={
            key: MechanismSpecies(
                name=names[key],
                species=species[key],
                composition=compositions[key],
                minimum=minima[key],
                polynomial=fit_polynomial(minima[key], zero[key]),
            )
            for key in taking_part
        },
        reactions=kept,
        left_out=left_out,
    )


def rate_constant(reaction: ProvedReaction, minima: Mapping[str, SpeciesMinimum], temperature_k: float) -> RateConstant:
    """Forward rate constant of a reaction of species that are apart: 1 / k = 1 / k_TST + 1 / k_collision.

    Where the products are two molecules, it is their collisions, by detailed balance, that bound the rate.

    Raises:
        InputError: The modes are not those of a saddle point and of minima.
    """
    saddle = thermochemistry(
        reaction.geometry,
        reaction.energy_ev,
        reaction.frequencies_cm1,
        temperature_k,
        symmetry_number=1,
        standard_state=STANDARD_STATE,
        is_saddle=True,
        order_is_proved=reaction.verdict is Status.PASSED,
    )
    before, after = (
        [minima[key].thermochemistry(temperature_k) for key in side] for side in (reaction.reactants, reaction.products)
    )
    top = saddle.electronic_energy_ev + saddle.zero_point_energy_ev
    heights = [
        top - sum(each.electronic_energy_ev + each.zero_point_energy_ev for each in side) for side in (before, after)
    ]
    bar = reaction.error_bar_95_kcal_mol
    rate = eyring(
        before,
        saddle,
        degeneracy=reaction.degeneracy or 1,
        tunnelling=eckart(heights[0], heights[1], min(reaction.frequencies_cm1), temperature_k),
        barrier_error_ev=None if bar is None else bar / KCAL_MOL_PER_EV,
    )
    bounds = [collision_rate([minima[key] for key in reaction.reactants], temperature_k)]
    backward = collision_rate([minima[key] for key in reaction.products], temperature_k)
    if backward is not None:
        molar_volume = units._Nav * units._k * temperature_k / BAR_PA * CM3_PER_M3
        bounds.append(backward * equilibrium_constant(before, after) * molar_volume ** (len(before) - len(after)))
    inverse = 1.0 / rate.value + sum(1.0 / each for each in bounds if each is not None)
    return replace(rate, value=1.0 / inverse)


def collision_rate(minima: Sequence[SpeciesMinimum], temperature_k: float) -> float | None:
    """How often two molecules meet, cm^3 mol^-1 s^-1: pi d^2 sqrt(8 kT / pi m) with their reduced mass m.

    Returns:
        None for one molecule, which meets nothing, and for three, which hardly ever do.
    """
    if len(minima) != 2:
        return None
    first, second = (float(masses_amu(each.geometry.numbers).sum()) * units._amu for each in minima)
    speed = np.sqrt(8.0 * units._k * temperature_k * (first + second) / (np.pi * first * second))
    area = np.pi * (COLLISION_DIAMETER_ANGSTROM * 1e-10) ** 2
    return float(area * speed * units._Nav * CM3_PER_M3)


def fit_polynomial(minimum: SpeciesMinimum, zero_ev: float) -> NasaPolynomial:
    """Fit the free energies of a minimum, from which the rest of a polynomial follows.

    Entropies of soft modes are damped (`chem.thermochemistry`), and then no heat capacity belongs to them exactly; so
    free energies are fitted, which equilibria need, and enthalpies come out near theirs.

    Args:
        minimum: Of the species.
        zero_ev: Energy that counts as zero.
    """
    low, high = POLYNOMIAL_TEMPERATURES_K
    temperatures = 1.0 / np.linspace(1.0 / high, 1.0 / low, N_TEMPERATURES)
    gibbs = np.array([minimum.thermochemistry(each, ATMOSPHERE).gibbs_energy_ev for each in temperatures]) - zero_ev
    t = temperatures
    columns = np.stack([1.0 - np.log(t), -t / 2, -(t**2) / 6, -(t**3) / 12, -(t**4) / 20, 1 / t, -np.ones_like(t)], 1)
    scale = np.abs(columns).max(axis=0)
    wanted = gibbs / (BOLTZMANN_EV_PER_K * t)
    coefficients = np.linalg.lstsq(columns / scale, wanted, rcond=None)[0] / scale
    misses = np.abs(columns @ coefficients - wanted) * BOLTZMANN_EV_PER_K * t * KCAL_MOL_PER_EV
    return NasaPolynomial(
        coefficients=tuple(map(float, coefficients)),
        temperatures_k=POLYNOMIAL_TEMPERATURES_K,
        largest_error_kcal_mol=float(misses.max()),
    )


def fit_series(temperatures_k: ArrayLike, rates: ArrayLike) -> ChebyshevSeries:
    """Fit rates over a range in which modified Arrhenius expressions miss them by a factor of 1.03 to 1.8.

    Args:
        temperatures_k: Shape (n,), more than there are terms.
        rates: Positive, shape (n,).
    """
    temperature, rate = np.asarray(temperatures_k, dtype=np.float64), np.asarray(rates, dtype=np.float64)
    span = float(temperature.min()), float(temperature.max())
    coefficients = chebyshev.chebfit(_reduced(temperature, span), np.log10(rate), CHEBYSHEV_TERMS - 1)
    misses = np.abs(chebyshev.chebval(_reduced(temperature, span), coefficients) - np.log10(rate))
    return ChebyshevSeries(
        coefficients=tuple(map(float, coefficients)), temperatures_k=span, largest_error=float(10 ** misses.max())
    )


def _reduced(temperature_k: ArrayLike, span: tuple[float, float]) -> FloatArray:
    low, high = 1.0 / span[0], 1.0 / span[1]
    reduced: FloatArray = (2.0 / np.asarray(temperature_k, dtype=np.float64) - low - high) / (high - low)
    return reduced


def _fitted_rate(reaction: ProvedReaction, minima: Mapping[str, SpeciesMinimum]) -> ChebyshevSeries:
    temperatures = 1.0 / np.linspace(1.0 / TEMPERATURES_K[1], 1.0 / TEMPERATURES_K[0], N_TEMPERATURES)
    rates = [rate_constant(reaction, minima, float(each)).value for each in temperatures]
    return fit_series(temperatures, rates)


def _composition(species: Species) -> dict[str, int]:
    """Atoms by element."""
    return dict(sorted(Counter(chemical_symbols[number] for number in species.graph.numbers).items()))


def _zeros(minima: Mapping[str, SpeciesMinimum], compositions: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    """Energies that count as zero, eV: sums over atoms, so that they cancel in every reaction.

    Energies of hundreds of hartree would drown those of reactions in the digits of a file.
    """
    elements = sorted({element for each in compositions.values() for element in each})
    counts = np.array([[compositions[key].get(element, 0) for element in elements] for key in minima], dtype=np.float64)
    energies = np.array([minimum.energy_ev for minimum in minima.values()])
    of_atoms = np.linalg.lstsq(counts, energies, rcond=None)[0]
    return dict(zip(minima, (counts @ of_atoms).tolist(), strict=True))


def _names(species: Sequence[Species]) -> dict[str, str]:
    """Plain names by key: formula and a number, by SMILES, so that they do not depend on the order of storing."""
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for each in sorted(species, key=lambda one: (one.formula, one.smiles, one.key)):
        counts[each.formula] += 1
        names[each.key] = f"{each.formula}_{counts[each.formula]}"
    return names
