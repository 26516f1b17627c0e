"""Which steps a network hangs on: without them species are not reached, or over higher passes only.

A step is taken away and the ways that went over it are sought anew, so nothing is estimated. That is done for the steps
that most ways go over, until no other step can come before those that were found, or the work gets too much.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chem.step_index import SEED, Arrival, StepIndex, Way, arrivals_without

RAISED_KCAL_MOL = 0.1  # what rises less counts as reached as before
MOST_WAYS = 2_000_000  # that are sought anew: some ten seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottlenecks:
    """Those of a network.

    Attributes:
        found: The worst first.
        n_tried: How many steps were taken away to find them.
        is_complete: Whether no other step can come before them; else those were tried that most ways go over.
    """

    found: tuple[Bottleneck, ...]
    n_tried: int
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck:
    """What a network loses with a step.

    Attributes:
        direction: The direction in which ways go over the step, as in `StepIndex`.
        over: How many species' easiest ways go over it.
        highest_of: How many of them are highest there.
        cut_off: Species that are not reached without it, in the order of their passes.
        raised: Species whose lowest pass rises without it by more than 0.1 kcal/mol, in the same order.
        largest_rise_kcal_mol: The largest of those rises; 0 where there is none.
        mean_rise_kcal_mol: Their mean; 0 where there is none.
    """

    direction: int
    over: int
    highest_of: int
    cut_off: tuple[int, ...]
    raised: tuple[int, ...]
    largest_rise_kcal_mol: float
    mean_rise_kcal_mol: float

    @property
    def n_lost(self) -> int:
        """Species that are reached with difficulty or not at all without the step."""
        return len(self.cut_off) + len(self.raised)


def bottlenecks(
    index: StepIndex,
    arrivals: Mapping[int, Arrival],
    ways: Mapping[int, Way],
    *,
    most: int,
    max_height_kcal_mol: float = math.inf,
) -> Bottlenecks:
    """The steps whose removal cuts off or raises the most species.

    Of equal ones those come first that cut off more, then those that raise a species by more.

    Args:
        index: The network.
        arrivals: Easiest ways from the seeds, up to `max_height_kcal_mol`.
        ways: What lies on them.
        most: How many steps at most.
        max_height_kcal_mol: What is reached higher than this without the step counts as cut off.
    """
    made: dict[int, list[int]] = defaultdict(list)  # by step, the species whose easiest way ends with it
    children: dict[int, list[int]] = defaultdict(list)
    for species, arrival in arrivals.items():
        if arrival.direction != SEED:
            made[arrival.direction >> 1].append(species)
            for each in set(index.side(arrival.direction)):
                children[each].append(species)
    highest_of = Counter(way.highest_step for way in ways.values())
    place = {species: number for number, species in enumerate(arrivals)}
    bounds = [(-bound, step) for step, bound in _bounds(arrivals, made, children).items()]
    heapq.heapify(bounds)
    found: list[Bottleneck] = []
    left = dict(arrivals)
    tried = sought = 0
    while bounds and sought < MOST_WAYS:
        bound, step = heapq.heappop(bounds)
        if len(found) == most and found[-1].n_lost > -bound:
            bounds.clear()
            break
        over = sorted(_over(made[step], children), key=place.__getitem__)
        tried, sought = tried + 1, sought + len(over)
        without = arrivals_without(index, left, step, over, max_height_kcal_mol=max_height_kcal_mol)
        one = _bottleneck(arrivals, without, step, over, highest_of[step])
        if one.n_lost:
            insort(found, one, key=_order)
            del found[most:]
    return Bottlenecks(found=tuple(found), n_tried=tried, is_complete=not bounds)


def _bounds(
    arrivals: Mapping[int, Arrival], made: Mapping[int, Sequence[int]], children: Mapping[int, Sequence[int]]
) -> dict[int, int]:
    """At least the number of species whose easiest way goes over each step; exact where no two ways of one join."""
    behind: dict[int, int] = {}
    for species in reversed(list(arrivals)):  # what comes behind a species stands behind it
        behind[species] = min(1 + sum(behind[each] for each in children.get(species, ())), len(arrivals))
    return {step: min(sum(behind[each] for each in species), len(arrivals)) for step, species in made.items()}


def _over(made: Sequence[int], children: Mapping[int, Sequence[int]]) -> set[int]:
    """Species whose easiest way goes over a step."""
    over = set(made)
    waiting = list(over)
    while waiting:
        for species in children.get(waiting.pop(), ()):
            if species not in over:
                over.add(species)
                waiting.append(species)
    return over


def _bottleneck(
    arrivals: Mapping[int, Arrival], without: Mapping[int, Arrival], step: int, over: Sequence[int], highest_of: int
) -> Bottleneck:
    rises = {
        species: without[species].height_kcal_mol - arrivals[species].height_kcal_mol
        for species in over
        if species in without
    }
    raised = {species: rise for species, rise in rises.items() if rise > RAISED_KCAL_MOL}
    return Bottleneck(
        direction=next(arrivals[each].direction for each in over if arrivals[each].direction >> 1 == step),
        over=len(over),
        highest_of=highest_of,
        cut_off=tuple(species for species in over if species not in without),
        raised=tuple(raised),
        largest_rise_kcal_mol=max(raised.values(), default=0.0),
        mean_rise_kcal_mol=sum(raised.values()) / len(raised) if raised else 0.0,
    )


def _order(found: Bottleneck) -> tuple[int, int, float, int]:
    return -found.n_lost, -len(found.cut_off), -found.largest_rise_kcal_mol, found.direction
