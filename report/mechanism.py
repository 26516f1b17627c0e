"""The mechanism of a stored network: its proved reactions at one level, with the minima of their species."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from chem.mechanism import Mechanism, ProvedReaction, build_mechanism
from chem.outcomes import Status
from chem.types import Species
from db.load import load_reactions
from db.queries import ReactionFilter, reactions
from db.species_minima import failed_minima, species_minima
from db.transition_states import transition_states_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProvedNetwork:
    """What a mechanism is made from.

    Attributes:
        level_key: Level of theory of everything.
        reactions: With transition states that passed every check.
        species: All that take part, by key.
    """

    level_key: str
    reactions: tuple[ProvedReaction, ...]
    species: dict[str, Species]


def proved_network(session: Session, *, level_key: str, campaign: str | None = None) -> ProvedNetwork:
    """The reactions whose transition states passed every check at a level.

    Args:
        session: To read with.
        level_key: That level.
        campaign: Only those that it reached; None for all.

    Raises:
        ConfigurationError: There is no such campaign.
    """
    filters = ReactionFilter(campaign=campaign, level_key=level_key, verdicts=frozenset({Status.PASSED}))
    known = {each.key: each for each in reactions(session, filters=filters)}
    stored = load_reactions(session, known)
    states = transition_states_of(session, known, level_key=level_key)
    proved = tuple(
        ProvedReaction(
            key=key,
            reactants=tuple(each.key for each in stored[key].reactants),
            products=tuple(each.key for each in stored[key].products),
            degeneracy=stored[key].degeneracy,
            geometry=states[key].geometry,
            energy_ev=states[key].energy_ev,
            frequencies_cm1=states[key].frequencies_cm1,
            verdict=states[key].verdict.status,
            error_bar_95_kcal_mol=known[key].error_bar_95_kcal_mol,
        )
        for key in sorted(known)
    )
    species = {each.key: each for one in stored.values() for each in (*one.reactants, *one.products)}
    return ProvedNetwork(level_key=level_key, reactions=proved, species=species)


def network_mechanism(session: Session, network: ProvedNetwork) -> Mechanism:
    """The mechanism of a network, whose minima are in the database.

    Raises:
        InputError: No reaction has a rate; the message says why.
    """
    minima = species_minima(session, network.species, level_key=network.level_key)
    return build_mechanism(network.level_key, network.species, minima, network.reactions)


def species_without_minimum(session: Session, network: ProvedNetwork) -> frozenset[str]:
    """Keys of the species whose minimum nobody looked for yet."""
    known = species_minima(session, network.species, level_key=network.level_key)
    failed = failed_minima(session, network.species, level_key=network.level_key)
    return frozenset(network.species) - known.keys() - failed.keys()
