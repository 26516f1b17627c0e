"""Networks as numbers: both directions of every step, found by what they consume, for walks over millions of steps."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

COMPILED_FROM = 50_000  # steps from which a compiled walk is worth its start
SEED = -1  # in place of a direction: the species is at hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How a walk came to a species.

    Attributes:
        height_kcal_mol: Highest transition state on the way, above the seeds.
        level_kcal_mol: Energy of the state in which the species appears, above the seeds.
        direction: Direction that makes it; `SEED` for a seed.
    """

    height_kcal_mol: float
    level_kcal_mol: float
    direction: int


class IndexArrays(NamedTuple):
    """The steps of a network as arrays.

    Attributes:
        heights_kcal_mol: Height that each direction climbs, shape (2 n_steps,).
        side_starts: Where in `side_species` the molecules begin that each direction takes, shape (2 n_steps + 1,).
        side_species: Their species; one that takes part twice stands twice.
        taker_starts: Where in `takers` the directions begin that take each species, shape (n_species + 1,).
        takers: Those directions, each once.
    """

    heights_kcal_mol: NDArray[np.float64]
    side_starts: NDArray[np.int64]
    side_species: NDArray[np.int64]
    taker_starts: NDArray[np.int64]
    takers: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class StepIndex:
    """The steps of a network; species and steps are numbered from 0.

    Direction 2 i goes along step i from its reactants, 2 i + 1 from its products. What a direction makes is what the
    other direction of its step (`direction ^ 1`) takes. Walks in Python read lists, which are faster one by one.

    Attributes:
        arrays: The steps.
    """

    arrays: IndexArrays

    @cached_property
    def heights_kcal_mol(self) -> list[float]:
        """Height that each direction climbs."""
        heights: list[float] = self.arrays.heights_kcal_mol.tolist()
        return heights

    @cached_property
    def side_starts(self) -> list[int]:
        """As of the arrays, like the next three."""
        return _listed(self.arrays.side_starts)

    @cached_property
    def side_species(self) -> list[int]:
        """Likewise."""
        return _listed(self.arrays.side_species)

    @cached_property
    def taker_starts(self) -> list[int]:
        """Likewise."""
        return _listed(self.arrays.taker_starts)

    @cached_property
    def takers(self) -> list[int]:
        """Likewise."""
        return _listed(self.arrays.takers)

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return len(self.arrays.heights_kcal_mol) // 2

    def side(self, direction: int) -> list[int]:
        """Species that a direction takes."""
        return self.side_species[self.side_starts[direction] : self.side_starts[direction + 1]]

    def taking(self, species: int) -> list[int]:
        """Directions that take a species."""
        return self.takers[self.taker_starts[species] : self.taker_starts[species + 1]]


def index_steps(
    n_species: int, heights_kcal_mol: ArrayLike, side_lengths: ArrayLike, side_species: ArrayLike
) -> StepIndex:
    """Index steps by what they consume.

    Args:
        n_species: Number of species.
        heights_kcal_mol: Above the reactants and above the products, shape (n_steps, 2).
        side_lengths: Number of molecules of the two sides, shape (n_steps, 2).
        side_species: Numbers of the species of all sides, one side after the other, shape (sum of side_lengths,).
    """
    heights = np.asarray(heights_kcal_mol, dtype=np.float64).reshape(-1)
    lengths = np.asarray(side_lengths, dtype=np.int64).reshape(-1)
    taken = np.asarray(side_species, dtype=np.int64).reshape(-1)
    directions = np.repeat(np.arange(len(lengths)), lengths)
    pairs = np.unique(taken * max(len(lengths), 1) + directions)
    consumers, takers = np.divmod(pairs, max(len(lengths), 1))
    arrays = IndexArrays(
        heights_kcal_mol=heights,
        side_starts=_starts(lengths),
        side_species=taken,
        taker_starts=_starts(np.bincount(consumers, minlength=n_species)),
        takers=takers,
    )
    return StepIndex(arrays=arrays)


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _listed(values: NDArray[np.int64]) -> list[int]:
    listed: list[int] = values.tolist()
    return listed


def easiest_arrivals(
    index: StepIndex, seeds: Iterable[int], *, max_height_kcal_mol: float = math.inf
) -> dict[int, Arrival]:
    """For each species that is reached, the way whose highest transition state is lowest (a minimax path).

    Energies add up along a way: what was formed on the side stays there. A step of several reactants starts from the
    one that was hardest to reach.

    Args:
        index: The network.
        seeds: Species at hand, at zero energy.
        max_height_kcal_mol: Height above the seeds that no way may cross.

    Returns:
        By species, in the order of their heights: whatever a way needs stands before what it makes.
    """
    first = sorted(set(seeds))
    if index.n_steps >= COMPILED_FROM:
        return _compiled_arrivals(index, first, max_height_kcal_mol)
    waiting = [(0.0, 0.0, species, SEED) for species in first]
    settled: dict[int, Arrival] = {}
    _settle(index, waiting, settled, max_height_kcal_mol, without=None)
    return settled


def _compiled_arrivals(index: StepIndex, seeds: list[int], highest: float) -> dict[int, Arrival]:
    from chem.large_networks import settle_compiled  # noqa: PLC0415 - Numba takes its time

    species, *columns = settle_compiled(index.arrays, np.array(seeds, dtype=np.int64), highest)
    rows = zip(species.tolist(), *(column.tolist() for column in columns), strict=True)
    return {
        number: Arrival(height_kcal_mol=height, level_kcal_mol=level, direction=direction)
        for number, height, level, direction in rows
    }


def arrivals_without(
    index: StepIndex,
    arrivals: dict[int, Arrival],
    step: int,
    over: Collection[int],
    *,
    max_height_kcal_mol: float = math.inf,
) -> dict[int, Arrival]:
    """How species are reached when a step is taken away; the ways to all others stay as they are.

    Args:
        index: The network.
        arrivals: With the step; afterwards as before but for their order, so that a small change costs little.
        step: Which one.
        over: The species whose easiest way goes over it.
        max_height_kcal_mol: As for `arrivals`.

    Returns:
        By species, only of those in `over` that are still reached.
    """
    with_it = {species: arrivals.pop(species) for species in over}
    waiting = []
    for species in with_it:
        for other in index.taking(species):
            direction = other ^ 1
            if direction >> 1 != step and (entry := _over(index, direction, arrivals, max_height_kcal_mol)):
                waiting.append((*entry, species, direction))
    heapq.heapify(waiting)
    _settle(index, waiting, arrivals, max_height_kcal_mol, without=step)
    left = {species: arrivals[species] for species in with_it if species in arrivals}
    arrivals.update(with_it)
    return left


def _settle(
    index: StepIndex,
    waiting: list[tuple[float, float, int, int]],
    settled: dict[int, Arrival],
    highest: float,
    *,
    without: int | None,
) -> None:
    """Settle what waits in the order of its height, and all that follows from it."""
    while waiting:
        height, level, species, direction = heapq.heappop(waiting)
        if species in settled:
            continue
        settled[species] = Arrival(height_kcal_mol=height, level_kcal_mol=level, direction=direction)
        for way in index.taking(species):
            if way >> 1 == without:
                continue
            entry = _over(index, way, settled, highest)
            if entry is None:
                continue
            for product in index.side(way ^ 1):
                if product not in settled:
                    heapq.heappush(waiting, (*entry, product, way))


def _over(index: StepIndex, direction: int, settled: dict[int, Arrival], highest: float) -> tuple[float, float] | None:
    """Height of the way over a direction, and the energy behind it; None where that cannot be gone."""
    start = over = -math.inf
    for species in index.side(direction):
        if species not in settled:
            return None
        arrival = settled[species]
        start = max(start, arrival.level_kcal_mol)
        over = max(over, arrival.height_kcal_mol)
    top = start + index.heights_kcal_mol[direction]
    over = max(over, top)
    return None if over > highest else (over, top - index.heights_kcal_mol[direction ^ 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What lies on the easiest way to a species.

    Attributes:
        highest_step: The step whose transition state is the highest of the way; None for a seed.
        depth: Number of steps one after the other; 0 for a seed.
        seeds: Those that the way begins with.
        marks: Marks of all its steps, joined bit by bit.
    """

    highest_step: int | None
    depth: int
    seeds: frozenset[int]
    marks: int


def ways(index: StepIndex, arrivals: dict[int, Arrival], marks: Sequence[int]) -> dict[int, Way]:
    """What lies on the easiest ways, by species in the order of `arrivals`.

    Args:
        index: The network.
        arrivals: Of `easiest_arrivals`.
        marks: For each step a number whose bits say what it is, such as its verdict.
    """
    found: dict[int, Way] = {}
    for species, arrival in arrivals.items():
        if arrival.direction == SEED:
            found[species] = Way(highest_step=None, depth=0, seeds=frozenset((species,)), marks=0)
            continue
        step = arrival.direction >> 1
        before = index.side(arrival.direction)
        hardest = max(before, key=lambda each: arrivals[each].height_kcal_mol)
        earlier = found[hardest].highest_step
        goes_higher = arrival.height_kcal_mol > arrivals[hardest].height_kcal_mol
        behind = [found[each] for each in before]
        joined = marks[step]
        for way in behind:
            joined |= way.marks
        first, *rest = behind
        found[species] = Way(
            highest_step=step if goes_higher or earlier is None else earlier,
            depth=1 + max(way.depth for way in behind),
            seeds=first.seeds.union(*(way.seeds for way in rest)) if rest else first.seeds,
            marks=joined,
        )
    return found
