"""The barrier of a believed candidate: polished, its energy above both ends, no check of its saddle behind it."""

from __future__ import annotations

from chem.errors import CalculationError
from chem.generator import EndPoints
from chem.hard_checks import hard_checks
from chem.outcomes import TransitionState, Verdict
from chem.polish import GRADIENT_CALLS, Polished, polish
from chem.potential import GradientCounter, single_point
from chem.types import Geometry, LevelOfTheory
from chem.units import kcal_mol

BELOW_KCAL_MOL = 1.0  # a polished candidate this far below an end is no transition state of the reaction


def estimate_transition_state(
    candidate: Geometry,
    ends: EndPoints,
    level: LevelOfTheory,
    counter: GradientCounter,
    *,
    polish_gradient_calls: int = GRADIENT_CALLS,
) -> TransitionState:
    """Polish a candidate and take its energy above both ends.

    Args:
        candidate: A guessed transition state, atoms in the order of the ends.
        ends: Relaxed reactant and product.
        level: Level of theory of the polish and of all energies.
        counter: Counts every gradient.
        polish_gradient_calls: Most gradient calls of the polish; 0 leaves it out.

    Returns:
        The polished candidate with the verdict `estimated`.

    Raises:
        CalculationError: An energy or the polish failed; kind `broken` where the polished candidate fails a hard check,
            `below_end` where it lies over 1 kcal/mol below an end. Such a candidate says nothing of the barrier.
    """
    polished = polish(candidate, ends, level, counter, polish_gradient_calls)
    if faults := hard_checks(polished.geometry, ends):
        raise CalculationError("broken", f"the polished candidate cannot be believed: {'; '.join(faults)}")
    before, after = (single_point(each, level, counter) for each in (ends.reactant, ends.product))
    state = above_ends(polished, ends, level, before, after)
    lowest = kcal_mol(polished.energy_ev - max(before, after))
    if lowest < -BELOW_KCAL_MOL:
        raise CalculationError("below_end", f"the polished candidate lies {-lowest:.1f} kcal/mol below an end")
    return state


def above_ends(
    polished: Polished, ends: EndPoints, level: LevelOfTheory, reactant_energy_ev: float, product_energy_ev: float
) -> TransitionState:
    """A polished candidate above both ends, energies in eV at the level, verdict `estimated`."""
    return TransitionState(
        geometry=polished.geometry,
        energy_ev=polished.energy_ev,
        level=level,
        verdict=Verdict(),
        reactant_end=ends.reactant,
        product_end=ends.product,
        reactant_end_energy_ev=reactant_energy_ev,
        product_end_energy_ev=product_energy_ev,
        walk=polished.walk,
    )
