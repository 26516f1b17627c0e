"""Which species a network reaches, step by step, from its seeds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One known reaction as the network sees it: species keys of both sides, heights in kcal/mol."""

    reactants: tuple[str, ...]
    products: tuple[str, ...]
    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float


def reachable_species(
    seeds: Iterable[str], steps: Iterable[Step], max_barrier_kcal_mol: float | None = None
) -> frozenset[str]:
    """Species that the seeds turn into by steps, forward or reverse, none of them above a barrier.

    Args:
        seeds: Keys of the species at hand.
        steps: Known reactions.
        max_barrier_kcal_mol: Highest single barrier that is crossed; None for any.
    """
    known = list(steps)
    reached = set(seeds)
    grown = True
    while grown:
        grown = False
        for step in known:
            for before, after, height in (
                (step.reactants, step.products, step.barrier_forward_kcal_mol),
                (step.products, step.reactants, step.barrier_reverse_kcal_mol),
            ):
                if max_barrier_kcal_mol is not None and height > max_barrier_kcal_mol:
                    continue
                if reached.issuperset(before) and not reached.issuperset(after):
                    reached.update(after)
                    grown = True
    return frozenset(reached)
