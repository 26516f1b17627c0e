"""The k lowest paths from one species to another over the steps of a network.

Barriers of different steps do not add, so a path is judged by its energy profile from the species where it starts. With
s the energy before a step of height h, both above the start, and m the lowest energy up to there:

    minimax   the highest s + h: the highest transition state above the start
    span      the highest s + h - m: the energetic span of the path (Kozuch and Shaik, 10.1021/ar1000956)
    rate      the lowest L (kT / h) V^(n - 1) c^(n - 1) exp(-(s + h - m) / kT): the slowest effective rate

A label of a partial path holds its cost so far and its energy (above m for span and rate). Both only ever rise with
those of the path that it continues, so a label that k others beat in both, and in the number of steps, is in none of
the k lowest paths, up to paths that would meet themselves. Steps of a species are looked at one by one, the lowest
first, which leaves most of a large network untouched.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

import numpy as np
from numpy.typing import NDArray

from chem.errors import ConfigurationError
from chem.flux import rate_constant
from chem.kinetics import BOLTZMANN_EV_PER_K
from chem.network import Step
from chem.units import KCAL_MOL_PER_EV

SAME_KCAL_MOL = 1e-9
LONGEST = 50  # steps of a path

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class PathCost(StrEnum):
    """What a path is judged by."""

    MINIMAX = "minimax"
    SPAN = "span"
    RATE = "rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One step of a path.

    Attributes:
        key: Of the reaction.
        is_forward: Whether it is walked in the direction in which it is stored.
        reactants: Species that it takes, in the direction of the path.
        products: Species that it gives.
        before_kcal_mol: Energy before the step above the start of the path.
        saddle_kcal_mol: Energy of its transition state above the start.
        after_kcal_mol: Energy after the step above the start.
    """

    key: str
    is_forward: bool
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    before_kcal_mol: float
    saddle_kcal_mol: float
    after_kcal_mol: float

    @property
    def barrier_kcal_mol(self) -> float:
        """Height in the direction of the path."""
        return self.saddle_kcal_mol - self.before_kcal_mol


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPath:
    """A path from one species to another.

    Attributes:
        species: Those that it leads through, start and goal included.
        steps: One fewer than species.
        cost: kcal/mol for minimax and span, s^-1 for rate.
    """

    species: tuple[str, ...]
    steps: tuple[PathStep, ...]
    cost: float

    @property
    def highest_kcal_mol(self) -> float:
        """Its highest transition state above the start."""
        return max(step.saddle_kcal_mol for step in self.steps)


class PathIndex:
    """The steps of a network, laid out for looking for paths; made once, asked often.

    Args:
        steps: Known reactions; each is walked both ways.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = list(steps)
        names = sorted({each for step in self.steps for each in (*step.reactants, *step.products)})
        self.number = {name: place for place, name in enumerate(names)}
        self.names = names
        heights = np.array([(step.barrier_forward_kcal_mol, step.barrier_reverse_kcal_mol) for step in self.steps])
        self._heights: FloatArray = heights.reshape(-1)  # of way 2 i forward, of way 2 i + 1 in reverse
        self._molecules: IntArray = np.array(
            [len(side) for step in self.steps for side in (step.reactants, step.products)], dtype=np.int64
        )
        entries = [
            (self.number[species], way)
            for place, step in enumerate(self.steps)
            for way, side in ((2 * place, step.reactants), (2 * place + 1, step.products))
            for species in set(side)
        ]
        species, ways = np.array(entries, dtype=np.int64).reshape(-1, 2).T
        order = np.argsort(species, kind="stable")
        self._ways: IntArray = ways[order]
        self._first: IntArray = np.searchsorted(species[order], np.arange(len(names) + 1))

    def sides(self, way: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Reactants and products of a way."""
        step = self.steps[way // 2]
        return (step.products, step.reactants) if way % 2 else (step.reactants, step.products)

    def lowest_paths(
        self,
        start: str,
        goal: str,
        *,
        k: int = 1,
        at_hand: Collection[str] = (),
        cost: PathCost = PathCost.MINIMAX,
        temperature_k: float = 500.0,
    ) -> list[NetworkPath]:
        """The k lowest paths, the lowest first; of equal cost the one with fewer steps.

        No species is led through twice. A step may take, besides the species that the path has come to, the start, what
        is at hand, and what an earlier step of the path made.

        Args:
            start: Species that the path begins with.
            goal: Species that it leads to.
            k: How many.
            at_hand: Co-reactants that are there.
            cost: What counts.
            temperature_k: Temperature of `rate`; everything at 1 mol/L.

        Returns:
            Fewer where there are fewer.

        Raises:
            ConfigurationError: A species takes part in no step, start and goal are one, or a number is out of range.
        """
        for name in (start, goal):
            if name not in self.number:
                raise ConfigurationError(f"species {name} takes part in no step with a known barrier")
        if start == goal:
            raise ConfigurationError(f"a path leads from one species to another, not from {start} to itself")
        if k < 1 or not temperature_k > 0:
            raise ConfigurationError(f"k and the temperature must be positive, got {k} and {temperature_k}")
        search = _Search(self, k, frozenset({start, *at_hand}), cost, temperature_k)
        return search.run(start, goal)

    def sorted_ways(self, species: int, raised: FloatArray | None) -> tuple[list[int], list[float]]:
        """Ways that take a species with their heights, the lowest first.

        Args:
            species: Number of it.
            raised: What is added to the height by the number of molecules that a way takes.
        """
        ways = self._ways[self._first[species] : self._first[species + 1]]
        heights = self._heights[ways]
        if raised is not None:
            heights = heights + raised[self._molecules[ways]]
        order = np.argsort(heights, kind="stable")
        return ways[order].tolist(), heights[order].tolist()

    def height(self, way: int) -> float:
        """Of the transition state of a way above what it takes, kcal/mol."""
        return float(self._heights[way])

    def change(self, way: int) -> float:
        """How much higher the products of a way lie than its reactants, kcal/mol."""
        return float(self._heights[way] - self._heights[way ^ 1])

    @property
    def most_molecules(self) -> int:
        """The largest number of molecules on a side."""
        return int(self._molecules.max(initial=1))


@dataclass(slots=True)
class _Label:
    """A partial path.

    Attributes:
        species: Number of the species that it has come to.
        cost: So far.
        energy: Above the start for minimax, above the lowest energy so far for the others.
        parent: Label that it continues.
        way: By which.
        length: Steps.
    """

    species: int
    cost: float
    energy: float
    parent: _Label | None = None
    way: int = -1
    length: int = 0


class _Search:
    def __init__(self, index: PathIndex, k: int, at_hand: frozenset[str], cost: PathCost, temperature_k: float) -> None:
        self._index, self._k, self._at_hand = index, k, at_hand
        self._relative = cost is not PathCost.MINIMAX
        self._thermal = BOLTZMANN_EV_PER_K * temperature_k * KCAL_MOL_PER_EV
        self._cost, self._temperature_k = cost, temperature_k
        self._raised: FloatArray | None = None
        if cost is PathCost.RATE:  # so many kcal/mol higher counts a way that is slower for its number of molecules
            rates = [rate_constant(0.0, n, temperature_k) for n in range(1, index.most_molecules + 1)]
            self._raised = -self._thermal * np.log(np.array([rates[0], *rates]) / rates[0])
        self._sorted: dict[int, tuple[list[int], list[float]]] = {}
        self._kept: dict[int, list[tuple[float, int]]] = {}
        self._order = count()
        self._waiting: list[tuple[float, int, int, _Label, int]] = []

    def run(self, start: str, goal: str) -> list[NetworkPath]:
        index = self._index
        target = index.number[goal]
        self._push(_Label(index.number[start], -np.inf, 0.0), 0)
        found: list[NetworkPath] = []
        while self._waiting and len(found) < self._k:
            _, _, _, label, place = heapq.heappop(self._waiting)
            self._push(label, place + 1)
            ways, heights = self._ways_of(label.species)
            way, height = ways[place], heights[place]
            reactants, products = index.sides(way)
            led_through = self._led_through(label)
            others = set(reactants) - {index.names[label.species]} - self._at_hand
            if others and not others <= self._made(label):
                continue
            energy = label.energy + index.change(way)
            if self._relative:
                energy = max(energy, 0.0)
            cost = max(label.cost, label.energy + height)
            for product in set(products):
                species = index.number[product]
                if species in led_through:
                    continue
                after = _Label(species, cost, energy, label, way, label.length + 1)
                if species == target:
                    found.append(self._path(after))
                    if len(found) == self._k:
                        break
                elif after.length < LONGEST and self._is_worth_keeping(after):
                    self._push(after, 0)
        return found

    def _push(self, label: _Label, place: int) -> None:
        """Have a label wait for its way of a place, under the cost that taking it has."""
        _, heights = self._ways_of(label.species)
        if place < len(heights):
            cost = max(label.cost, label.energy + heights[place])
            heapq.heappush(self._waiting, (cost, label.length + 1, next(self._order), label, place))

    def _ways_of(self, species: int) -> tuple[list[int], list[float]]:
        if species not in self._sorted:
            self._sorted[species] = self._index.sorted_ways(species, self._raised)
        return self._sorted[species]

    def _is_worth_keeping(self, label: _Label) -> bool:
        """Whether fewer than k labels of its species beat it; those kept so far cost no more."""
        kept = self._kept.setdefault(label.species, [])
        better = sum(energy <= label.energy + SAME_KCAL_MOL and length <= label.length for energy, length in kept)
        if better >= self._k:
            return False
        kept.append((label.energy, label.length))
        return True

    def _led_through(self, label: _Label) -> set[int]:
        return {each.species for each in _chain(label)}

    def _made(self, label: _Label) -> set[str]:
        """Everything that the steps of a partial path make."""
        return {product for each in _chain(label) if each.way >= 0 for product in self._index.sides(each.way)[1]}

    def _path(self, label: _Label) -> NetworkPath:
        chain = _chain(label)[::-1]
        energy, steps = 0.0, []
        for each in chain[1:]:
            reactants, products = self._index.sides(each.way)
            height, after = self._index.height(each.way), energy + self._index.change(each.way)
            steps.append(
                PathStep(
                    key=self._index.steps[each.way // 2].key,
                    is_forward=each.way % 2 == 0,
                    reactants=reactants,
                    products=products,
                    before_kcal_mol=energy,
                    saddle_kcal_mol=energy + height,
                    after_kcal_mol=after,
                )
            )
            energy = after
        cost = label.cost
        if self._cost is PathCost.RATE:
            cost = rate_constant(cost, 1, self._temperature_k)
        return NetworkPath(
            species=tuple(self._index.names[each.species] for each in chain), steps=tuple(steps), cost=cost
        )


def _chain(label: _Label) -> list[_Label]:
    """A label and those that it continues, the last first."""
    chain: list[_Label] = []
    current: _Label | None = label
    while current is not None:
        chain.append(current)
        current = current.parent
    return chain
