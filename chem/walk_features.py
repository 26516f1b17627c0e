"""What a polish tells of the barrier that it left: numbers from which the error of that barrier is expected."""

from __future__ import annotations

import numpy as np

from chem.generator import EndPoints
from chem.guess import changing_bonds
from chem.outcomes import TransitionState
from chem.reaction_direction import FloatArray
from chem.units import kcal_mol

NAMES = (
    "log_largest_force",
    "energy_change",
    "lowest_curvature",
    "mode_overlap",
    "moved",
    "core_moved",
    "gradient_calls",
    "lower_barrier",
    "higher_barrier",
    "shortest_stretch",
    "longest_stretch",
    "mean_stretch",
    "n_changing_bonds",
    "n_atoms",
)
ENERGY_SCALE_KCAL_MOL = 5.0


def walk_features(polished: TransitionState) -> FloatArray | None:
    """Features of a polished candidate, the same for both directions of the reaction.

    Energies enter as asinh(E / 5 kcal/mol), which is linear for small and logarithmic for large ones; distances of
    changing bonds as multiples of their length in the end where they are bonds.

    Args:
        polished: With its walk, both ends and their energies.

    Returns:
        Shape (len(NAMES),); None where there was no polish, or an end or its energy is missing.
    """
    walk, barrier, first, second = polished.walk, polished.barrier, polished.reactant_end, polished.product_end
    if walk is None or barrier is None or first is None or second is None:
        return None
    ends = EndPoints(reactant=first, product=second)
    broken, formed = changing_bonds(ends)
    positions = polished.geometry.positions
    stretches = [
        float(np.linalg.norm(positions[i] - positions[j]) / np.linalg.norm(end.positions[i] - end.positions[j]))
        for end, pairs in ((ends.reactant, broken), (ends.product, formed))
        for i, j in pairs
    ]
    n_changing = len(stretches)
    stretches = stretches or [1.0]
    heights = sorted(kcal_mol(height) for height in (barrier.forward_ev, barrier.reverse_ev))
    return np.array(
        [
            np.log10(max(walk.largest_force_ev_per_angstrom, 1e-4)),
            _squeezed(kcal_mol(walk.energy_change_ev)),
            np.arcsinh(walk.lowest_curvature),
            walk.mode_overlap,
            walk.moved_angstrom,
            walk.core_moved_angstrom,
            float(walk.gradient_calls),
            _squeezed(heights[0]),
            _squeezed(heights[1]),
            min(stretches),
            max(stretches),
            float(np.mean(stretches)),
            float(n_changing),
            np.log(polished.geometry.n_atoms),
        ]
    )


def _squeezed(energy_kcal_mol: float) -> float:
    return float(np.arcsinh(energy_kcal_mol / ENERGY_SCALE_KCAL_MOL))
