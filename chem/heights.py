"""Heights of a transition state above both ends of its path: electronic, with zero-point energy, as free energies.

Several molecules of one end are one complex here; their heights apart are for `chem.kinetics`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chem.errors import InputError
from chem.outcomes import CheckName, Status, TransitionState
from chem.thermochemistry import (
    REFERENCE_TEMPERATURE_K,
    STANDARD_STATES,
    StandardState,
    Thermochemistry,
    thermochemistry,
)
from chem.types import Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Heights:
    """Energies of one kind between the three points of a path, eV.

    Attributes:
        forward_ev: Of the transition state above the reactant end.
        reverse_ev: Above the product end.
        reaction_ev: Of the product end above the reactant end.
    """

    forward_ev: float
    reverse_ev: float
    reaction_ev: float


def electronic_heights(state: TransitionState) -> Heights | None:
    """Electronic energies; None where an end is not known."""
    if state.reactant_end_energy_ev is None or state.product_end_energy_ev is None:
        return None
    return _heights(state.energy_ev, state.reactant_end_energy_ev, state.product_end_energy_ev)


def zero_point_heights(state: TransitionState) -> Heights | None:
    """With zero-point energies; None where the frequencies of a point are not known."""
    points = thermochemistry_of_path(state, REFERENCE_TEMPERATURE_K, STANDARD_STATES["1 atm"])
    if points is None:
        return None
    return _heights(*(point.electronic_energy_ev + point.zero_point_energy_ev for point in points))


def gibbs_heights(
    state: TransitionState, temperature_k: float, standard_state: StandardState = STANDARD_STATES["1 atm"]
) -> Heights | None:
    """Free energies of activation and reaction; None where the frequencies of a point are not known.

    Rotational symmetry numbers are left out: a rate counts equivalent paths by `Reaction.degeneracy`.
    """
    points = thermochemistry_of_path(state, temperature_k, standard_state)
    return None if points is None else _heights(*(point.gibbs_energy_without_symmetry_ev for point in points))


def _heights(saddle: float, reactant: float, product: float) -> Heights:
    return Heights(forward_ev=saddle - reactant, reverse_ev=saddle - product, reaction_ev=product - reactant)


def thermochemistry_of_path(
    state: TransitionState, temperature_k: float, standard_state: StandardState
) -> tuple[Thermochemistry, Thermochemistry, Thermochemistry] | None:
    """Thermochemistry of the saddle point, the reactant end and the product end, without rotational symmetry numbers.

    Returns:
        None where the frequencies or the energy of a point are not known, or are not those of a saddle and two minima.
    """
    passed = {check.name for check in state.verdict.checks if check.status is Status.PASSED}
    modes = (state.frequencies_cm1, state.reactant_end_frequencies_cm1, state.product_end_frequencies_cm1)
    if state.reactant_end is None or state.product_end is None or not all(modes):
        return None
    if state.reactant_end_energy_ev is None or state.product_end_energy_ev is None:
        return None

    def point(
        geometry: Geometry, energy_ev: float, frequencies_cm1: tuple[float, ...], *, is_saddle: bool = False
    ) -> Thermochemistry:
        return thermochemistry(
            geometry,
            energy_ev,
            np.array(frequencies_cm1),
            temperature_k,
            symmetry_number=1,
            standard_state=standard_state,
            is_saddle=is_saddle,
            order_is_proved=(CheckName.ONE_IMAGINARY_MODE if is_saddle else CheckName.ENDS_ARE_MINIMA) in passed,
        )

    try:
        return (
            point(state.geometry, state.energy_ev, state.frequencies_cm1, is_saddle=True),
            point(state.reactant_end, state.reactant_end_energy_ev, state.reactant_end_frequencies_cm1),
            point(state.product_end, state.product_end_energy_ev, state.product_end_frequencies_cm1),
        )
    except InputError:  # the modes are not those of a saddle point and two minima
        return None
