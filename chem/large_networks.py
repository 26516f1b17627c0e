"""The walk of `chem.step_index` compiled, for networks of hundreds of thousands of steps.

Step for step what `easiest_arrivals` does in Python, with the same ties, by Numba (10.1145/2833157.2833162). Compiled
once for a machine and kept on disk.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from chem.step_index import IndexArrays

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def settle_compiled(
    index: IndexArrays, seeds: IntArray, max_height_kcal_mol: float
) -> tuple[IntArray, FloatArray, FloatArray, IntArray]:
    """The species that are reached, in the order of their heights.

    Args:
        index: The network.
        seeds: Species at hand, each once.
        max_height_kcal_mol: Height above the seeds that no way may cross.

    Returns:
        Species; heights and levels of their arrivals, kcal/mol; the directions that make them, -1 for seeds. All of
        shape (n_reached,).
    """
    order, height, level, direction = _settle(*index, seeds, max_height_kcal_mol)
    return order, height[order], level[order], direction[order]


@njit(cache=True)
def _settle(
    heights: Any, starts: Any, sides: Any, taker_starts: Any, takers: Any, seeds: Any, highest: float
) -> tuple[Any, Any, Any, Any]:
    n_species = len(taker_starts) - 1
    settled = np.zeros(n_species, dtype=np.bool_)
    height, level = np.zeros(n_species), np.zeros(n_species)
    direction = np.full(n_species, -1, dtype=np.int64)
    order = np.empty(n_species, dtype=np.int64)
    n_settled = 0
    best = np.full(n_species, np.inf)  # of what waits for a species
    waiting = [(0.0, 0.0, seed, np.int64(-1)) for seed in seeds]
    heapq.heapify(waiting)
    while len(waiting) > 0:
        own_height, own_level, species, made_by = heapq.heappop(waiting)
        if settled[species]:
            continue
        settled[species] = True
        height[species], level[species], direction[species] = own_height, own_level, made_by
        order[n_settled] = species
        n_settled += 1
        for place in range(taker_starts[species], taker_starts[species + 1]):
            way = takers[place]
            start = over = -np.inf
            possible = True
            for taken in sides[starts[way] : starts[way + 1]]:
                if not settled[taken]:
                    possible = False
                    break
                start, over = max(start, level[taken]), max(over, height[taken])
            if not possible:
                continue
            top = start + heights[way]
            over = max(over, top)
            if over > highest:
                continue
            other = way ^ 1
            behind = top - heights[other]
            for product in sides[starts[other] : starts[other + 1]]:
                if not settled[product] and over <= best[product]:
                    best[product] = over
                    heapq.heappush(waiting, (over, behind, product, way))
    return order[:n_settled], height, level, direction
