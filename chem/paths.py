"""The k lowest paths from one species to another over the steps of a network.

Barriers of different steps do not add, so a path is judged by its energy profile from the species where it starts. With
s the energy before a step of height h, both above the start, and m the lowest energy up to there:

    minimax   the highest s + h: the highest transition state above the start
    span      the highest s + h - m: the energetic span of the path (Kozuch and Shaik, 10.1021/ar1000956)
    rate      the lowest L (kT / h) V^(n - 1) c^(n - 1) exp(-(s + h - m) / kT): the slowest effective rate

A label of a partial path holds its cost so far and its energy (above m for span and rate). Both only ever rise with
those of the path that it continues, so a label that k others beat in both, and in the number of steps, is in none of
the k lowest paths, up to paths that would meet themselves. Steps of a species are looked at one by one, the lowest
first. In a large network a guide (`chem.path_guide`) says below which height all paths cost the same, and labels there
are followed in the order of the steps they still have to go.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from chem.errors import ConfigurationError
from chem.flux import rate_constant
from chem.kinetics import BOLTZMANN_EV_PER_K
from chem.path_guide import PathGuide
from chem.step_index import StepIndex
from chem.units import KCAL_MOL_PER_EV

SAME_KCAL_MOL = 1e-9
LONGEST = 50  # steps of a path, and more only where a guide says that the lowest one has more
BEYOND_FEWEST = 10  # steps by which a path may then be longer than the shortest of the lowest ones
GUIDED_FROM = 20_000  # directions of steps; a smaller network is looked through faster than a guide is made


class PathCost(StrEnum):
    """What a path is judged by."""

    MINIMAX = "minimax"
    SPAN = "span"
    RATE = "rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One step of a path; energies above its start.

    Attributes:
        direction: Of the index: even in the direction in which the step is stored, odd in the other.
        before_kcal_mol: Energy before the step.
        saddle_kcal_mol: Energy of its transition state.
        after_kcal_mol: Energy after the step.
    """

    direction: int
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
        species: Numbers of those that it leads through, start and goal included.
        steps: One fewer than species.
        cost: kcal/mol for minimax and span, s^-1 for rate.
    """

    species: tuple[int, ...]
    steps: tuple[PathStep, ...]
    cost: float

    @property
    def highest_kcal_mol(self) -> float:
        """Its highest transition state above the start."""
        return max(step.saddle_kcal_mol for step in self.steps)


def lowest_paths(
    index: StepIndex,
    start: int,
    goal: int,
    *,
    k: int = 1,
    at_hand: Collection[int] = (),
    cost: PathCost = PathCost.MINIMAX,
    temperature_k: float = 500.0,
    guide: PathGuide | None = None,
) -> list[NetworkPath]:
    """The k lowest paths, the lowest first; of equal cost the one with fewer steps.

    No species is led through twice, and no path has more than 50 steps, but in large networks where the lowest path has
    more. A step may take, besides the species that the path has come to, the start, what is
    at hand, and what an earlier step of the path made.

    Args:
        index: The network.
        start: Number of the species that the path begins with.
        goal: Number of the species that it leads to.
        k: How many.
        at_hand: Numbers of the co-reactants that are there.
        cost: What counts.
        temperature_k: Temperature of `rate`; everything at 1 mol/L.
        guide: Of the same network and what is at hand; None makes one where the network is large.

    Returns:
        Fewer where there are fewer.

    Raises:
        ConfigurationError: Start and goal are one, or a number is out of range.
    """
    if start == goal:
        raise ConfigurationError("a path leads from one species to another, not from one to itself")
    if k < 1 or not temperature_k > 0:
        raise ConfigurationError(f"k and the temperature must be positive, got {k} and {temperature_k}")
    there = frozenset({start, *at_hand})
    if guide is None and 2 * index.n_steps > GUIDED_FROM:
        guide = PathGuide(index, frozenset(at_hand))
    hint = None if guide is None or cost is PathCost.RATE else guide.hint(start, goal)
    return _Search(index, k, there, cost, temperature_k).run(start, goal, hint)


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
    def __init__(self, index: StepIndex, k: int, at_hand: frozenset[int], cost: PathCost, temperature_k: float) -> None:
        self._index, self._k, self._at_hand = index, k, at_hand
        self._cost, self._temperature_k = cost, temperature_k
        self._relative = cost is not PathCost.MINIMAX
        self._sorted: dict[int, tuple[list[int], list[float]]] = {}
        self._kept: dict[int, list[tuple[float, int]]] = {}
        self._order = count()
        self._waiting: list[tuple[float, int, int, _Label, int]] = []
        self._floor = -math.inf  # no path costs less
        self._steps_left: dict[int, int] = {}
        self._longest = LONGEST
        self._furthest = 0  # of what a guide does not know the distance of

    def run(self, start: int, goal: int, hint: tuple[float, dict[int, int]] | None) -> list[NetworkPath]:
        if hint is not None:
            self._floor, self._steps_left = hint
            self._furthest = self._steps_left[start]
            self._longest = max(LONGEST, self._furthest + BEYOND_FEWEST)
        self._expand(_Label(start, -math.inf, 0.0), goal)
        found: list[NetworkPath] = []
        steps: set[tuple[int, ...]] = set()
        while self._waiting and len(found) < self._k:
            _, _, _, label, place = heapq.heappop(self._waiting)
            if place >= 0:
                self._take(label, place, goal)
                self._wait_for_way(label, place + 1)
            elif label.species != goal:
                if label.length < self._longest and self._is_worth_keeping(label):
                    self._expand(label, goal)
            elif (taken := tuple(each.way for each in _chain(label))) not in steps:
                steps.add(taken)  # the same steps may lead through one product of a step or another
                found.append(self._path(label))
        return found

    def _expand(self, label: _Label, goal: int) -> None:
        """Take all ways from a label that cost no more than every path does; the lowest of the others waits."""
        _, heights = self._ways_of(label.species)
        place = 0
        while place < len(heights) and max(label.cost, label.energy + heights[place]) <= self._floor:
            self._take(label, place, goal)
            place += 1
        self._wait_for_way(label, place)

    def _take(self, label: _Label, place: int, goal: int) -> None:
        """Go on over one way, if it can be gone: to the goal where that is made, else to each product."""
        ways, heights = self._ways_of(label.species)
        way, height = ways[place], heights[place]
        index = self._index
        others = set(index.side(way)) - {label.species} - self._at_hand
        if others and not others <= self._made(label):
            return
        energy = label.energy + self._change(way)
        if self._relative:
            energy = max(energy, 0.0)
        cost = max(label.cost, label.energy + height)
        made = index.side(way ^ 1)
        led_through = {each.species for each in _chain(label)}
        for product in (goal,) if goal in made else dict.fromkeys(made):
            if product not in led_through:
                after = _Label(product, cost, energy, label, way, label.length + 1)
                steps_left = self._steps_left.get(product, self._furthest)
                key = (max(cost, self._floor), after.length + steps_left, next(self._order))
                heapq.heappush(self._waiting, (*key, after, -1))

    def _wait_for_way(self, label: _Label, place: int) -> None:
        """Have a label wait for its way of a place, under the cost that taking it has."""
        _, heights = self._ways_of(label.species)
        if place < len(heights):
            cost = max(label.cost, label.energy + heights[place])
            heapq.heappush(self._waiting, (cost, label.length + 1, next(self._order), label, place))

    def _ways_of(self, species: int) -> tuple[list[int], list[float]]:
        """Directions that take a species, with what they count, the lowest first."""
        if species not in self._sorted:
            counted = sorted((self._counted(way), way) for way in self._index.taking(species))
            self._sorted[species] = [way for _, way in counted], [height for height, _ in counted]
        return self._sorted[species]

    def _counted(self, way: int) -> float:
        """Height of a direction; for rates raised as one molecule would have to climb more to be as slow as several."""
        height = self._index.heights_kcal_mol[way]
        molecules = len(self._index.side(way))
        if self._cost is not PathCost.RATE or molecules == 1:
            return height
        slower = rate_constant(0.0, molecules, self._temperature_k) / rate_constant(0.0, 1, self._temperature_k)
        return height - BOLTZMANN_EV_PER_K * self._temperature_k * KCAL_MOL_PER_EV * math.log(slower)

    def _change(self, way: int) -> float:
        """How much higher the products of a direction lie than what it takes."""
        return self._index.heights_kcal_mol[way] - self._index.heights_kcal_mol[way ^ 1]

    def _is_worth_keeping(self, label: _Label) -> bool:
        """Whether fewer than k labels of its species beat it; those kept so far cost no more."""
        kept = self._kept.setdefault(label.species, [])
        better = sum(energy <= label.energy + SAME_KCAL_MOL and length <= label.length for energy, length in kept)
        if better >= self._k:
            return False
        kept.append((label.energy, label.length))
        return True

    def _made(self, label: _Label) -> set[int]:
        """Everything that the steps of a partial path make."""
        return {product for each in _chain(label) if each.way >= 0 for product in self._index.side(each.way ^ 1)}

    def _path(self, label: _Label) -> NetworkPath:
        chain = _chain(label)[::-1]
        energy, steps = 0.0, []
        for each in chain[1:]:
            after = energy + self._change(each.way)
            steps.append(
                PathStep(
                    direction=each.way,
                    before_kcal_mol=energy,
                    saddle_kcal_mol=energy + self._index.heights_kcal_mol[each.way],
                    after_kcal_mol=after,
                )
            )
            energy = after
        cost = label.cost if self._cost is not PathCost.RATE else rate_constant(label.cost, 1, self._temperature_k)
        return NetworkPath(species=tuple(each.species for each in chain), steps=tuple(steps), cost=cost)


def _chain(label: _Label) -> list[_Label]:
    """A label and those that it continues, the last first."""
    chain: list[_Label] = []
    current: _Label | None = label
    while current is not None:
        chain.append(current)
        current = current.parent
    return chain
