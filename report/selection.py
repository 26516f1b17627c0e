"""Which reactions of a network are drawn first: those over the lowest passes from the seeds.

A page cannot show thousands of reactions at once, and nobody could read them. They are ranked by the height of their
transition state above the seeds, co-products included, along the easiest way there; then come those that no way from
the seeds leads to, by their barriers, and last those without a barrier.
"""

from __future__ import annotations

from chem.network import lowest_passes
from report.content import ReactionEntry, ReportContent
from report.paths import steps_of, usable

SIZES = (8, 16, 30, 60, 120, 240)  # reactions of a drawing; all of them where that is not more than the last


def ranked(content: ReportContent) -> tuple[tuple[ReactionEntry, ...], int]:
    """All reactions, what matters most first, and how many of them have a known height above the seeds.

    Without seeds, or where they reach nothing, barriers alone decide.
    """
    heights = heights_above_seeds(content)

    def order(reaction: ReactionEntry) -> tuple[int, float, int, str]:
        barrier = reaction.barrier_forward_kcal_mol
        if reaction.key in heights:
            return 0, *heights[reaction.key], reaction.key
        return (2, 0.0, 0, reaction.key) if barrier is None else (1, barrier, 0, reaction.key)

    return tuple(sorted(content.reactions, key=order)), len(heights)


def heights_above_seeds(content: ReportContent) -> dict[str, tuple[float, int]]:
    """Height of the transition state of each reaction above the seeds, kcal/mol, by key; only where it is reached.

    Beside it stands how many species are reached before it: of two reactions over one pass, that tells which is first.
    """
    steps = steps_of(usable(content.reactions))
    passes = lowest_passes(content.seeds, steps)  # in the order in which species are reached
    place = {key: number for number, key in enumerate(passes)}
    heights: dict[str, tuple[float, int]] = {}
    for step in steps:
        over = [
            (
                max(
                    max(passes[key].level_kcal_mol for key in before) + barrier,
                    *(passes[key].height_kcal_mol for key in before),
                ),
                max(place[key] for key in before),
            )
            for before, _, barrier, _ in step.directions
            if before and all(key in passes for key in before)
        ]
        if over:
            heights[step.key] = min(over)
    return heights


def drawing_sizes(n_reactions: int) -> tuple[int, ...]:
    """How many reactions the drawings of a network of a size show, the smallest first."""
    smaller = [size for size in SIZES if size < n_reactions]
    return (*smaller, n_reactions) if n_reactions <= SIZES[-1] else tuple(smaller)
