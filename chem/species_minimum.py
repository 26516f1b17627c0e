"""The lowest minimum of a species that a few embeddings lead to, proved by its vibrations, for its free energies."""

from __future__ import annotations

from dataclasses import dataclass

from chem.conformers import relaxed_conformers
from chem.endpoint_checks import check_relaxed
from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.minimum import find_minimum
from chem.potential import GradientCounter
from chem.relax import Relaxation
from chem.symmetry import symmetry_number
from chem.thermochemistry import STANDARD_STATES, StandardState, Thermochemistry, thermochemistry
from chem.types import Geometry, LevelOfTheory


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeciesMinimum:
    """A proved minimum of one species.

    Attributes:
        geometry: Its structure.
        energy_ev: Its electronic energy, eV.
        frequencies_cm1: Of its vibrations, ascending; soft imaginary ones negative.
        symmetry_number: Of its rotation.
        n_conformers: Distinct relaxed conformers that it is the lowest of.
    """

    geometry: Geometry
    energy_ev: float
    frequencies_cm1: tuple[float, ...]
    symmetry_number: int
    n_conformers: int

    def thermochemistry(
        self, temperature_k: float, standard_state: StandardState = STANDARD_STATES["1 bar"]
    ) -> Thermochemistry:
        """Its energies at a temperature (`chem.thermochemistry`)."""
        return thermochemistry(
            self.geometry,
            self.energy_ev,
            self.frequencies_cm1,
            temperature_k,
            symmetry_number=self.symmetry_number,
            standard_state=standard_state,
            order_is_proved=True,
        )


def find_species_minimum(
    graph: MolecularGraph, level: LevelOfTheory, counter: GradientCounter, *, n_embeddings: int = 5, seed: int = 0
) -> SpeciesMinimum:
    """Embed a species, relax, and prove the lowest conformer that holds its bonds and handedness.

    Args:
        graph: One molecule.
        level: Level of theory.
        counter: Counts gradients and Hessians.
        n_embeddings: Structures relaxed.
        seed: Seed of the embedding.

    Raises:
        CalculationError: No conformer is left, or none is a minimum.
        ElementError: The level has no parameters for an element.
    """
    found = relaxed_conformers(graph, level, n_embeddings=n_embeddings, seed=seed)
    for _ in range(found.gradient_calls):
        counter.count()
    if found.failure is not None:
        raise CalculationError(found.failure.kind, found.failure.message)
    reasons: list[str] = []
    for each in found.relaxed:
        try:
            minimum = find_minimum(each.geometry, level, counter)
        except CalculationError as error:
            reasons.append(str(error))
            continue
        relaxed = Relaxation(geometry=minimum.geometry, energy_ev=minimum.energy_ev, converged=True)
        problem = check_relaxed(graph, relaxed, "species")
        if problem is not None:
            reasons.append(problem.message)
            continue
        return SpeciesMinimum(
            geometry=minimum.geometry,
            energy_ev=minimum.energy_ev,
            frequencies_cm1=tuple(float(each) for each in minimum.vibrations.frequencies_cm1),
            symmetry_number=symmetry_number(minimum.geometry),
            n_conformers=len(found.relaxed),
        )
    raise CalculationError("wrong_order", f"none of {len(reasons)} relaxed conformers is a minimum: {reasons[0]}")
