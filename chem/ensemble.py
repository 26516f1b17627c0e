"""The ensemble of conformers of a molecule: proved minima, their weights, and what many take off the free energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.units import kB
from numpy.typing import NDArray

from chem.alignment import rmsd
from chem.conformers import SAME_ENERGY_EV, Conformers
from chem.endpoint_checks import check_relaxed
from chem.equivalent_atoms import least_motion, mapping_generators
from chem.errors import CalculationError, InputError, SmilesError
from chem.graph import MolecularGraph
from chem.identity import species_of
from chem.minimum import Minimum, find_minimum
from chem.potential import GradientCounter
from chem.relax import Relaxation
from chem.stereo import perceive_stereo
from chem.types import Geometry, LevelOfTheory

SAME_STRUCTURE_ANGSTROM = 0.1  # deviation from its mirror image under which a conformer is its own


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """Distinct conformers.

    Attributes:
        minima: Proved by their vibrations, the lowest first.
        degeneracies: 2 for a conformer whose mirror image is another conformer of the same molecule, else 1.
        embedding: How they were guessed, as in `chem.conformers.Conformers`.
        not_proved: Distinct relaxed guesses that led to no minimum with the bonds and handedness of the molecule.
        gradient_calls: Gradients spent.
        hessian_calls: Analytic Hessians spent.
    """

    minima: tuple[Minimum, ...]
    degeneracies: tuple[int, ...]
    embedding: str
    not_proved: int
    gradient_calls: int
    hessian_calls: int


def prove_ensemble(graph: MolecularGraph, found: Conformers, level: LevelOfTheory) -> Ensemble:
    """Prove each relaxed conformer by its vibrations, and leave saddle points along their modes.

    Args:
        graph: One molecule.
        found: Relaxed guesses, from `chem.conformers`.
        level: Their level of theory.

    Raises:
        CalculationError: No conformer is left.
        SmilesError: The molecule leaves handedness open that its guesses do not share, so that they are several.
    """
    if found.failure is not None:
        raise CalculationError(found.failure.kind, f"no conformer is left: {found.failure.message}")
    _check_one_species(graph, [each.geometry for each in found.relaxed])
    counter = GradientCounter()
    minima: list[Minimum] = []
    not_proved = 0
    for each in found.relaxed:
        try:
            minimum = find_minimum(each.geometry, level, counter)
        except CalculationError:
            not_proved += 1
            continue
        relaxed = Relaxation(geometry=minimum.geometry, energy_ev=minimum.energy_ev, converged=True)
        if check_relaxed(graph, relaxed, "species") is not None:
            not_proved += 1
        elif all(abs(minimum.energy_ev - other.energy_ev) > SAME_ENERGY_EV for other in minima):
            minima.append(minimum)
    if not minima:
        raise CalculationError("wrong_order", f"none of {not_proved} relaxed conformers is a minimum; try more guesses")
    minima.sort(key=lambda each: each.energy_ev)
    return Ensemble(
        minima=tuple(minima),
        degeneracies=tuple(_degeneracy(graph, each.geometry) for each in minima),
        embedding=found.embedding,
        not_proved=not_proved,
        gradient_calls=found.gradient_calls + counter.calls,
        hessian_calls=counter.hessians,
    )


def _check_one_species(graph: MolecularGraph, geometries: Sequence[Geometry]) -> None:
    """See that structures are one species, mirror images of the whole not counted."""
    found = {one.energy_key: one.smiles for one in (species_of(perceive_stereo(graph, each)) for each in geometries)}
    if len(found) > 1:
        raise SmilesError(
            f"the SMILES leaves handedness open: its conformers are {', '.join(sorted(found.values()))};"
            " give one of them"
        )


def _degeneracy(graph: MolecularGraph, geometry: Geometry) -> int:
    """How many conformers of a molecule an energy stands for: with its mirror image, where that is another one."""
    if graph.tetrahedral and species_of(graph.mirrored()).key != species_of(graph).key:
        return 1  # the mirror image is another molecule
    mirrored = least_motion(-geometry.positions, geometry.positions, mapping_generators(graph, graph), lambda _: True)
    return 1 if rmsd(mirrored, geometry.positions) < SAME_STRUCTURE_ANGSTROM else 2


def boltzmann_weights(
    energies_ev: Sequence[float], temperature_k: float, degeneracies: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Shares of conformers at equilibrium, g exp(-E / kT) over the sum, vibrations taken as alike.

    Args:
        energies_ev: Electronic energies, eV; any zero.
        temperature_k: K.
        degeneracies: Conformers that each energy stands for; None for one each.

    Returns:
        Shape (n,), adding up to 1.

    Raises:
        InputError: There is no conformer, or the temperature is not positive.
    """
    factors = _factors(energies_ev, temperature_k, degeneracies)
    weights: NDArray[np.float64] = factors / factors.sum()
    return weights


def ensemble_correction_ev(
    energies_ev: Sequence[float], temperature_k: float, degeneracies: Sequence[int] | None = None
) -> float:
    """Free energy of the ensemble below that of its lowest conformer, -kT ln sum g exp(-(E - E_lowest) / kT), eV.

    Arguments and errors as in `boltzmann_weights`. Zero for one conformer, else negative.
    """
    return float(-kB * temperature_k * np.log(_factors(energies_ev, temperature_k, degeneracies).sum()))


def _factors(
    energies_ev: Sequence[float], temperature_k: float, degeneracies: Sequence[int] | None
) -> NDArray[np.float64]:
    if not len(energies_ev):
        raise InputError("an ensemble without conformers has no weights")
    if not temperature_k > 0.0:
        raise InputError(f"temperature must be above 0 K, got {temperature_k}")
    energies = np.asarray(energies_ev, dtype=np.float64)
    factors: NDArray[np.float64] = np.exp(-(energies - energies.min()) / (kB * temperature_k))
    return factors if degeneracies is None else factors * np.asarray(degeneracies, dtype=np.float64)
