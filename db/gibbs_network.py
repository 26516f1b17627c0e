"""A stored network with free energies for heights: of transition states above species that are apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.errors import InputError
from chem.outcomes import Status, TransitionState
from chem.step_index import index_steps
from chem.thermochemistry import STANDARD_STATES, thermochemistry
from chem.units import kcal_mol
from db.known_network import KnownNetwork
from db.species_minima import species_minima
from db.statements import select_in
from db.tables import ReactionRow, SpeciesRow
from db.transition_states import transition_states_of

STANDARD_STATE = STANDARD_STATES["1 bar"]


def with_gibbs_heights(
    session: Session, network: KnownNetwork, *, level_key: str, temperature_k: float
) -> tuple[KnownNetwork, int]:
    """The steps whose transition state has its vibrations and whose species all have proved minima at the level.

    Rotational symmetry numbers are left out: equivalent paths say the same once more.

    Args:
        session: To read with.
        network: Of one level of theory.
        level_key: That level.
        temperature_k: Temperature; at 1 bar.

    Returns:
        The network of those steps, its species numbered as before, and how many steps are left out.

    Raises:
        InputError: None is left, or the temperature is out of range.
    """
    reactions = dict(
        select_in(session, select(ReactionRow.id, ReactionRow.key), ReactionRow.id, network.reaction_ids.tolist())
    )
    species = dict(
        select_in(session, select(SpeciesRow.id, SpeciesRow.key), SpeciesRow.id, network.species_ids.tolist())
    )
    states = transition_states_of(session, reactions.values(), level_key=level_key)
    minima = species_minima(session, species.values(), level_key=level_key)
    gibbs = {
        place: minima[species[number]].thermochemistry(temperature_k, STANDARD_STATE).gibbs_energy_without_symmetry_ev
        for place, number in enumerate(network.species_ids.tolist())
        if species[number] in minima
    }
    kept, heights, sides = [], [], []
    for step, number in enumerate(network.reaction_ids.tolist()):
        both = [network.index.side(2 * step), network.index.side(2 * step + 1)]
        top = _gibbs_ev(states.get(reactions[number]), temperature_k)
        if top is None or any(each not in gibbs for side in both for each in side):
            continue
        kept.append(step)
        heights.append([kcal_mol(top - sum(gibbs[each] for each in side)) for side in both])
        sides += both
    if not kept:
        raise InputError(
            f"no reaction at {level_key} has free energies of its transition state and all its species;"
            " `cairn kinetics` finds the minima of the species"
        )
    index = index_steps(
        len(network.species_ids), heights, [len(side) for side in sides], [each for side in sides for each in side]
    )
    there = replace(
        network,
        index=index,
        reaction_ids=network.reaction_ids[np.array(kept)],
        marks=[network.marks[step] for step in kept],
        errors_kcal_mol=network.errors_kcal_mol[np.array(kept)],
    )
    return there, len(network.reaction_ids) - len(kept)


def _gibbs_ev(state: TransitionState | None, temperature_k: float) -> float | None:
    if state is None or not state.frequencies_cm1:
        return None
    try:
        return thermochemistry(
            state.geometry,
            state.energy_ev,
            state.frequencies_cm1,
            temperature_k,
            symmetry_number=1,
            standard_state=STANDARD_STATE,
            is_saddle=True,
            order_is_proved=state.verdict.status is Status.PASSED,
        ).gibbs_energy_ev
    except InputError:  # its modes are not those of a saddle point
        return None
