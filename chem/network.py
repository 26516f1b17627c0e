"""Which species a network reaches from its seeds, step by step, and over which passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chem.step_index import SEED, StepIndex, easiest_arrivals, index_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One known reaction as the network sees it.

    Attributes:
        key: Key of the reaction.
        reactants: Species keys; a species that takes part twice stands twice.
        products: The same of the other side.
        barrier_forward_kcal_mol: Height above the reactants.
        barrier_reverse_kcal_mol: Height above the products.
        error_bar_95_kcal_mol: Half-width of the error bar of both heights; None where none is known.
    """

    key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float
    error_bar_95_kcal_mol: float | None = None

    @property
    def directions(self) -> tuple[tuple[tuple[str, ...], tuple[str, ...], float, float], ...]:
        """Both ways to go: from, to, the height that way and the height back, kcal/mol."""
        forward, reverse = self.barrier_forward_kcal_mol, self.barrier_reverse_kcal_mol
        return (self.reactants, self.products, forward, reverse), (self.products, self.reactants, reverse, forward)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """The easiest known way to a species.

    Attributes:
        level_kcal_mol: Energy of the state in which the species appears, above the seeds, its co-products included.
        height_kcal_mol: Highest transition state on the way, above the seeds.
        step_key: Last step of the way; empty for a seed.
    """

    level_kcal_mol: float
    height_kcal_mol: float
    step_key: str = ""


def reachable_species(
    seeds: Iterable[str], steps: Iterable[Step], max_barrier_kcal_mol: float | None = None
) -> frozenset[str]:
    """Species that the seeds turn into by steps, forward or reverse, none of them above a barrier.

    Args:
        seeds: Keys of the species at hand.
        steps: Known reactions.
        max_barrier_kcal_mol: Highest single barrier that is crossed; None for any.
    """
    ways = [
        (before, after)
        for step in steps
        for before, after, height, _ in step.directions
        if max_barrier_kcal_mol is None or height <= max_barrier_kcal_mol
    ]
    consumers: dict[str, list[int]] = {}
    missing = [len(set(before)) for before, _ in ways]
    for number, (before, _) in enumerate(ways):
        for species in set(before):
            consumers.setdefault(species, []).append(number)
    reached = set(seeds)
    waiting = list(reached)
    while waiting:
        for number in consumers.get(waiting.pop(), ()):
            missing[number] -= 1
            if missing[number] == 0:
                new = set(ways[number][1]) - reached
                reached |= new
                waiting.extend(new)
    return frozenset(reached)


def indexed(steps: Iterable[Step], further: Iterable[str] = ()) -> tuple[list[Step], list[str], StepIndex]:
    """Steps by number, for walks over them.

    Args:
        steps: Known reactions.
        further: Keys of species that count although no step has them.

    Returns:
        Steps in the order of their keys, keys of the species in theirs, and the index of both.
    """
    known = sorted(steps, key=lambda step: step.key)
    names = sorted(set(further).union(*(step.reactants + step.products for step in known)))
    number = {name: place for place, name in enumerate(names)}
    sides = [side for step in known for side in (step.reactants, step.products)]
    index = index_steps(
        len(names),
        [(step.barrier_forward_kcal_mol, step.barrier_reverse_kcal_mol) for step in known],
        [len(side) for side in sides],
        [number[name] for side in sides for name in side],
    )
    return known, names, index


def lowest_passes(seeds: Iterable[str], steps: Iterable[Step]) -> dict[str, Pass]:
    """For each species that is reached, the way whose highest transition state is lowest (a minimax path).

    Energies add up along a way: what was formed on the side stays there. A step of several reactants starts from the
    one that was hardest to reach.

    Args:
        seeds: Keys of the species at hand, at zero energy.
        steps: Known reactions.
    """
    at_hand = set(seeds)
    known, names, index = indexed(steps, at_hand)
    number = {name: place for place, name in enumerate(names)}
    return {
        names[species]: Pass(
            level_kcal_mol=arrival.level_kcal_mol,
            height_kcal_mol=arrival.height_kcal_mol,
            step_key="" if arrival.direction == SEED else known[arrival.direction >> 1].key,
        )
        for species, arrival in easiest_arrivals(index, [number[name] for name in at_hand]).items()
    }


def way_to(species: str, passes: dict[str, Pass], steps: Iterable[Step]) -> tuple[str, ...]:
    """Keys of the steps of the easiest way to a species, the first one first; empty for a seed.

    Raises:
        KeyError: The species is not reached.
    """
    by_key = {step.key: step for step in steps}
    return tuple(dict.fromkeys(_way_to(species, passes, by_key)))


def _way_to(species: str, passes: dict[str, Pass], by_key: dict[str, Step]) -> Iterator[str]:
    key = passes[species].step_key
    if not key:
        return
    step = by_key[key]
    before = step.reactants if species in step.products else step.products
    for each in before:
        yield from _way_to(each, passes, by_key)
    yield key
