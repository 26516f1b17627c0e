"""The lowest paths between two species of a stored network, with what is known of each step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chem.errors import DatabaseError, InputError
from chem.outcomes import Status
from chem.path_guide import PathGuide
from chem.paths import NetworkPath, PathCost, PathStep, lowest_paths
from db.known_network import USABLE, KnownNetwork
from db.shown import ShownReaction, shown_reactions
from db.species_names import NamedSpecies
from db.statements import select_in
from db.tables import BarrierRow, LevelRow, SpeciesRow

WORST_FIRST = tuple(reversed(USABLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPathStep:
    """A step of a path with its reaction; energies in kcal/mol above the start of the path.

    Attributes:
        reaction: As it is stored.
        is_forward: Whether the path goes in that direction.
        step: Its energies.
    """

    reaction: ShownReaction
    is_forward: bool
    step: PathStep

    @property
    def reactants(self) -> tuple[str, ...]:
        """SMILES of what the step takes."""
        return self.reaction.reactants if self.is_forward else self.reaction.products

    @property
    def products(self) -> tuple[str, ...]:
        """SMILES of what the step gives."""
        return self.reaction.products if self.is_forward else self.reaction.reactants


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPath:
    """A path with what is known of it.

    Attributes:
        cost: kcal/mol for minimax and span, s^-1 for rate.
        highest_kcal_mol: Its highest transition state above the start.
        verdict: The worst of its steps.
        species: SMILES of the species that it leads through.
        steps: One fewer.
    """

    cost: float
    highest_kcal_mol: float
    verdict: Status
    species: tuple[str, ...]
    steps: tuple[KnownPathStep, ...]


def widest_level(session: Session) -> str:
    """Key of the level of theory with the most usable barriers: the one at which a network was explored.

    Raises:
        DatabaseError: No barrier is known.
    """
    usable = BarrierRow.verdict.in_([status.value for status in USABLE])
    counted = (
        select(LevelRow.key)
        .join(BarrierRow, BarrierRow.level_id == LevelRow.id)
        .where(usable)
        .group_by(LevelRow.key)
        .order_by(func.count().desc(), LevelRow.key)
        .limit(1)
    )
    key = session.scalar(counted)
    if key is None:
        raise DatabaseError("no barrier is known in this database; explore a network first")
    return key


def known_paths(
    session: Session,
    network: KnownNetwork,
    start: NamedSpecies,
    goal: NamedSpecies,
    *,
    k: int = 5,
    at_hand: Sequence[NamedSpecies] = (),
    cost: PathCost = PathCost.MINIMAX,
    temperature_k: float = 500.0,
    level_key: str | None = None,
    guide: PathGuide | None = None,
) -> list[KnownPath]:
    """The k lowest paths, the lowest first.

    Args:
        session: To read with.
        network: From `db.known_network.known_network`, of one level of theory.
        start: Where a path begins.
        goal: Where it leads.
        k: How many.
        at_hand: Co-reactants that are there.
        cost: What counts (`chem.paths`).
        temperature_k: Temperature of rates.
        level_key: Level of theory of the network.
        guide: Of this network and these co-reactants; None makes one, which takes seconds for a million reactions.

    Raises:
        InputError: A species takes part in no step with a known barrier.
        ConfigurationError: Start and goal are one, or a number is out of range.
    """
    first, last = (_number(network, each) for each in (start, goal))
    hands = network.numbers([each.id for each in at_hand])  # what no step takes is of no use
    found = lowest_paths(
        network.index, first, last, k=k, at_hand=hands, cost=cost, temperature_k=temperature_k, guide=guide
    )
    return _described(session, network, found, level_key)


def _number(network: KnownNetwork, species: NamedSpecies) -> int:
    numbers = network.numbers([species.id])
    if not numbers:
        raise InputError(
            f"{species.smiles} takes part in no reaction with a known barrier here; `cairn query neighbours"
            f" '{species.smiles}'` lists its reactions"
        )
    return numbers[0]


def _described(
    session: Session, network: KnownNetwork, paths: Collection[NetworkPath], level_key: str | None
) -> list[KnownPath]:
    """Paths with the names of their species and the records of their reactions, in two statements."""
    step_ids = {int(network.reaction_ids[step.direction >> 1]) for path in paths for step in path.steps}
    shown = shown_reactions(session, step_ids, level_key=level_key)
    ids = {each: int(network.species_ids[each]) for path in paths for each in path.species}
    labelled = select(SpeciesRow.id, SpeciesRow.smiles)
    labels = dict(select_in(session, labelled, SpeciesRow.id, set(ids.values())))
    described = []
    for path in paths:
        steps = tuple(
            KnownPathStep(
                reaction=shown[int(network.reaction_ids[step.direction >> 1])],
                is_forward=step.direction % 2 == 0,
                step=step,
            )
            for step in path.steps
        )
        verdicts = {each.reaction.verdict for each in steps}
        described.append(
            KnownPath(
                cost=path.cost,
                highest_kcal_mol=path.highest_kcal_mol,
                verdict=next(each for each in WORST_FIRST if each in verdicts),
                species=tuple(labels[ids[each]] for each in path.species),
                steps=steps,
            )
        )
    return described
