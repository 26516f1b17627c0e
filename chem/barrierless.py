"""Association and dissociation without a barrier: an outcome of its own, with its energies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chem.graph import MolecularGraph
from chem.lewis import charge_and_multiplicity_of_fragments
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.relax import Relaxation, relax
from chem.types import Geometry, LevelOfTheory

SideName = Literal["reactant", "product"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierlessStep:
    """Molecules that fall into each other wherever they are let go.

    Attributes:
        apart_side: Side of the reaction on which the molecules are apart.
        height_ev: Electronic energy of the molecules apart, each relaxed alone, above what they become: the height of
            the dissociation, which has no transition state above its products either.
    """

    apart_side: SideName
    height_ev: float


def fell_together(apart: MolecularGraph, bound: MolecularGraph, result: Relaxation) -> bool:
    """Whether molecules relaxed to the other side of their reaction, atom by atom, which has fewer of them."""
    if len(apart.fragments) <= len(bound.fragments) or not result.converged:
        return False
    return perceive_graph(result.geometry).bonds == bound.bonds


def barrierless_step(
    apart: MolecularGraph,
    side: SideName,
    positions: NDArray[np.float64],
    bound_energy_ev: float,
    level: LevelOfTheory,
    counter: GradientCounter,
) -> BarrierlessStep:
    """The energy that molecules gain that fell into each other.

    Args:
        apart: Their graph.
        side: Side of the reaction.
        positions: A structure of them, shape (n_atoms, 3), Angstrom; each is relaxed alone from its part.
        bound_energy_ev: Electronic energy of what they became.
        level: Level of theory.
        counter: Counts every gradient.

    Raises:
        CalculationError: A molecule could not be relaxed.
    """
    total = 0.0
    states = charge_and_multiplicity_of_fragments(apart)
    for atoms, (charge, multiplicity) in zip(apart.fragments, states, strict=True):
        alone = Geometry(
            numbers=np.array([apart.numbers[atom] for atom in atoms]),
            positions=positions[list(atoms)],
            charge=charge,
            multiplicity=multiplicity,
        )
        total += relax(alone, level, counter).energy_ev
    return BarrierlessStep(apart_side=side, height_ev=total - bound_energy_ev)
