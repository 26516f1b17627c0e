"""What is reached from species over known barriers, and what that hangs on; answers for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.barrier_errors import error_bar_kcal_mol
from chem.bottlenecks import Bottlenecks, bottlenecks
from chem.outcomes import Status
from chem.step_index import SEED, Arrival, Way, easiest_arrivals, ways
from db.convert import SIDE_SEPARATOR
from db.known_network import KnownNetwork
from db.species_names import NamedSpecies
from db.statements import select_in
from db.tables import ReactionRow, SpeciesRow

EXAMPLES = 10  # species that a bottleneck names


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachedSpecies:
    """A species with the easiest known way to it.

    Attributes:
        key: Identity.
        smiles: Label.
        formula: Molecular formula.
        pass_height_kcal_mol: Highest transition state of the way, above the species at hand.
        error_bar_95_kcal_mol: Half-width of the 95 % error bar of the barrier of the step that is highest; None where
            nothing was measured.
        energy_above_start_kcal_mol: Of the state in which it appears, its co-products included.
        depth: Number of steps one after the other.
        starts: SMILES of the species at hand that the way begins with.
        highest_step_key: Key of the reaction whose transition state is the highest of the way.
        last_step_key: Key of the reaction that makes it.
        last_step_reactants: SMILES of what it takes.
        last_step_products: SMILES of what it gives.
        verdict: The worst of all transition states on the way.
        levels: Keys of the levels of theory of all of them.
    """

    key: str
    smiles: str
    formula: str
    pass_height_kcal_mol: float
    error_bar_95_kcal_mol: float | None
    energy_above_start_kcal_mol: float
    depth: int
    starts: tuple[str, ...]
    highest_step_key: str
    last_step_key: str
    last_step_reactants: tuple[str, ...]
    last_step_products: tuple[str, ...]
    verdict: Status
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkBottleneck:
    """A step that species hang on.

    Attributes:
        key: Key of the reaction.
        reactants: SMILES, in the direction in which ways go over it.
        products: The same of the other side.
        barrier_forward_kcal_mol: In that direction.
        barrier_reverse_kcal_mol: In the other one.
        error_bar_95_kcal_mol: Half-width of the 95 % error bar of both; None where nothing was measured.
        verdict: Of its transition state.
        level: Key of its level of theory.
        n_over: Species whose easiest way goes over it.
        n_highest: Those of them whose way is highest there.
        n_cut_off: Species that are not reached without it.
        n_raised: Species whose lowest pass rises without it, by more than 0.1 kcal/mol.
        largest_rise_kcal_mol: The largest of those rises; 0 where there is none.
        mean_rise_kcal_mol: Their mean; 0 where there is none.
        examples: SMILES of some that are cut off, or else raised, those of the lowest passes first.
    """

    key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float
    error_bar_95_kcal_mol: float | None
    verdict: Status
    level: str
    n_over: int
    n_highest: int
    n_cut_off: int
    n_raised: int
    largest_rise_kcal_mol: float
    mean_rise_kcal_mol: float
    examples: tuple[str, ...]


def reached_species(
    session: Session,
    network: KnownNetwork,
    starts: Sequence[NamedSpecies],
    *,
    with_species: Sequence[NamedSpecies] = (),
    max_height_kcal_mol: float | None = None,
    limit: int | None = None,
) -> list[ReachedSpecies]:
    """Species that are reached from some others, the lowest pass first.

    Args:
        session: To read names with.
        network: The steps.
        starts: Species at hand.
        with_species: Co-reactants that are there as well; what their easiest way makes of them alone is left out.
        max_height_kcal_mol: Highest transition state of a way, above the species at hand; None for any.
        limit: At most so many.
    """
    arrivals, found = _walked(network, [*starts, *with_species], max_height_kcal_mol)
    own = set(network.numbers(each.id for each in starts))
    wanted = [
        species for species, arrival in arrivals.items() if arrival.direction != SEED and found[species].seeds & own
    ][:limit]
    named = _names(session, network, {*wanted, *(seed for each in wanted for seed in found[each].seeds)})
    steps = {step for each in wanted for step in (arrivals[each].direction >> 1, _highest(found[each]))}
    named_steps = _steps(session, network, steps)
    result = []
    for species in wanted:
        arrival, way, name = arrivals[species], found[species], named[species]
        last, highest = named_steps[arrival.direction >> 1], named_steps[_highest(way)]
        backwards = bool(arrival.direction & 1)
        result.append(
            ReachedSpecies(
                key=name.key,
                smiles=name.smiles,
                formula=name.formula,
                pass_height_kcal_mol=arrival.height_kcal_mol,
                error_bar_95_kcal_mol=highest.error_bar_95_kcal_mol,
                energy_above_start_kcal_mol=arrival.level_kcal_mol,
                depth=way.depth,
                starts=tuple(sorted(named[seed].smiles for seed in way.seeds)),
                highest_step_key=highest.key,
                last_step_key=last.key,
                last_step_reactants=last.products if backwards else last.reactants,
                last_step_products=last.reactants if backwards else last.products,
                verdict=network.verdict_of(way.marks),
                levels=network.levels_of(way.marks),
            )
        )
    return result


def network_bottlenecks(
    session: Session,
    network: KnownNetwork,
    starts: Sequence[NamedSpecies],
    *,
    most: int,
    max_height_kcal_mol: float | None = None,
) -> tuple[list[NetworkBottleneck], Bottlenecks]:
    """The steps that most of what is reached hangs on, the worst first; with how they were looked for.

    Args:
        session: To read names with.
        network: The steps.
        starts: Species at hand.
        most: How many at most.
        max_height_kcal_mol: Highest transition state of a way; what is reached higher counts as not reached.
    """
    arrivals, found = _walked(network, starts, max_height_kcal_mol)
    highest = math.inf if max_height_kcal_mol is None else max_height_kcal_mol
    necks = bottlenecks(network.index, arrivals, found, most=most, max_height_kcal_mol=highest)
    examples = [(each.cut_off or each.raised)[:EXAMPLES] for each in necks.found]
    named = _names(session, network, {species for group in examples for species in group})
    named_steps = _steps(session, network, {each.direction >> 1 for each in necks.found})
    result = []
    for neck, group in zip(necks.found, examples, strict=True):
        step, backwards = named_steps[neck.direction >> 1], bool(neck.direction & 1)
        heights, marks = network.index.heights_kcal_mol, network.marks[neck.direction >> 1]
        result.append(
            NetworkBottleneck(
                key=step.key,
                reactants=step.products if backwards else step.reactants,
                products=step.reactants if backwards else step.products,
                barrier_forward_kcal_mol=heights[neck.direction],
                barrier_reverse_kcal_mol=heights[neck.direction ^ 1],
                error_bar_95_kcal_mol=step.error_bar_95_kcal_mol,
                verdict=network.verdict_of(marks),
                level=network.levels_of(marks)[0],
                n_over=neck.over,
                n_highest=neck.highest_of,
                n_cut_off=len(neck.cut_off),
                n_raised=len(neck.raised),
                largest_rise_kcal_mol=neck.largest_rise_kcal_mol,
                mean_rise_kcal_mol=neck.mean_rise_kcal_mol,
                examples=tuple(named[species].smiles for species in group),
            )
        )
    return result, necks


def _walked(
    network: KnownNetwork, at_hand: Iterable[NamedSpecies], max_height_kcal_mol: float | None
) -> tuple[dict[int, Arrival], dict[int, Way]]:
    seeds = network.numbers(each.id for each in at_hand)
    highest = math.inf if max_height_kcal_mol is None else max_height_kcal_mol
    arrivals = easiest_arrivals(network.index, seeds, max_height_kcal_mol=highest)
    return arrivals, ways(network.index, arrivals, network.marks)


def _highest(way: Way) -> int:
    assert way.highest_step is not None
    return way.highest_step


@dataclass(frozen=True, slots=True, kw_only=True)
class _Name:
    key: str
    smiles: str
    formula: str


def _names(session: Session, network: KnownNetwork, species: Iterable[int]) -> Mapping[int, _Name]:
    """Names of species by number."""
    number = {int(network.species_ids[each]): each for each in species}
    statement = select(SpeciesRow.id, SpeciesRow.key, SpeciesRow.smiles, SpeciesRow.formula)
    return {
        number[row_id]: _Name(key=key, smiles=smiles, formula=formula)
        for row_id, key, smiles, formula in select_in(session, statement, SpeciesRow.id, number)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    error_bar_95_kcal_mol: float | None


def _steps(session: Session, network: KnownNetwork, steps: Iterable[int]) -> Mapping[int, _Step]:
    """Names and error bars of steps by number, in the stored direction."""
    number = {int(network.reaction_ids[each]): each for each in steps}
    statement = select(ReactionRow.id, ReactionRow.key, ReactionRow.reactant_smiles, ReactionRow.product_smiles)
    found = {}
    for row_id, key, before, after in select_in(session, statement, ReactionRow.id, number):
        step, reactants = number[row_id], tuple(before.split(SIDE_SEPARATOR))
        marks, error = network.marks[step], float(network.errors_kcal_mol[step])
        (level,) = network.levels_of(marks)
        found[step] = _Step(
            key=key,
            reactants=reactants,
            products=tuple(after.split(SIDE_SEPARATOR)),
            error_bar_95_kcal_mol=error_bar_kcal_mol(
                level, network.verdict_of(marks), reactants, None if math.isnan(error) else error
            ),
        )
    return found
