"""What a large network tells of a path beforehand: a height that no path stays below, and steps still to go.

Where energies of species belong together, as they do where heights come from one level, the highest transition state of
the lowest path is that of the way over a minimum spanning tree of the network, its edges weighed by the energies of the
transition states. The tree and the distances are SciPy's. A guide only says in which order to look: where energies do
not quite belong together, or a step needs what an earlier one made, paths are still judged by their own profile.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from chem.step_index import StepIndex

UNREACHED = -9999  # as SciPy marks what has no predecessor
MARGIN_KCAL_MOL = 1e-6

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class PathGuide:
    """The network as one graph of species, for one set of co-reactants; made once, asked for many pairs.

    Args:
        index: The network.
        at_hand: Numbers of the co-reactants that are there.
    """

    def __init__(self, index: StepIndex, at_hand: frozenset[int] = frozenset()) -> None:
        self._n = len(index.arrays.taker_starts) - 1
        tails, heads, ways = _arcs(index, at_hand)
        heights = index.arrays.heights_kcal_mol
        self._energies = _energies(self._n, tails, heads, heights[ways] - heights[ways ^ 1], heights[ways])
        self._tails, self._heads = tails, heads
        self._saddles = self._energies[tails] + heights[ways]
        self._trees: dict[int, tuple[IntArray, FloatArray]] = {}

    def hint(self, start: int, goal: int) -> tuple[float, dict[int, int]] | None:
        """The height of the lowest path above its start, and the number of steps from species to the goal below it.

        Returns:
            None where the graph has no path. Species that are not in the second lie further away than the start.
        """
        before, above = self._tree_from(start)
        if before[goal] == UNREACHED:
            return None
        top, species = -np.inf, goal
        while species != start:
            top = max(top, float(above[species]))
            species = int(before[species])
        open_ = self._saddles <= top + MARGIN_KCAL_MOL
        backwards = _graph(self._n, self._heads[open_], self._tails[open_], np.ones(int(open_.sum())))
        order, previous = breadth_first_order(backwards, goal, directed=True)
        steps = {goal: 0}
        for each in order[1:].tolist():
            steps[each] = steps[int(previous[each])] + 1
            if each == start:
                break
        else:
            return None  # the tree goes over a step in a direction in which a partner is missing
        return top - float(self._energies[start]) + MARGIN_KCAL_MOL, steps

    def _tree_from(self, start: int) -> tuple[IntArray, FloatArray]:
        """Of every species the one before it on the tree from a start, and the transition state between the two."""
        if start not in self._trees:
            tree = self._tree
            order, before = breadth_first_order(tree, start, directed=False)
            above = np.full(self._n, -np.inf)
            both = tree + tree.T
            reached = order[1:]
            if len(reached):  # of nothing SciPy gives no dense array
                above[reached] = np.asarray(both[reached, before[reached]]).reshape(-1) + self._lowest
            self._trees = {start: (before, above)}
        return self._trees[start]

    @property
    def _lowest(self) -> float:
        """Below every transition state, so that no weight is zero, which would be no edge."""
        return float(self._saddles.min()) - 1.0 if len(self._saddles) else 0.0

    @property
    def _tree(self) -> csr_array:
        if not hasattr(self, "_spanning"):
            low, high = np.minimum(self._tails, self._heads), np.maximum(self._tails, self._heads)
            self._spanning = csr_array(minimum_spanning_tree(_graph(self._n, low, high, self._saddles - self._lowest)))
        return self._spanning


def _arcs(index: StepIndex, at_hand: frozenset[int]) -> tuple[IntArray, IntArray, IntArray]:
    """Tails, heads and directions of the graph: from the one species that is not at hand to each product."""
    starts, species = index.arrays.side_starts, index.arrays.side_species
    lengths = np.diff(starts)
    if not len(species):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    there = np.isin(species, np.array(sorted(at_hand), dtype=np.int64))
    huge = np.iinfo(np.int64).max
    lowest = np.minimum.reduceat(np.where(there, huge, species), starts[:-1])
    highest = np.maximum.reduceat(np.where(there, -1, species), starts[:-1])
    first = species[starts[:-1]]
    tail = np.where(highest < 0, first, lowest)  # of what is at hand wholly, one stands for all
    usable = np.flatnonzero((highest < 0) | (lowest == highest))
    other = usable ^ 1
    count = lengths[other]
    ways = np.repeat(usable, count)
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    heads = species[np.repeat(starts[other], count) + within]
    tails = tail[ways]
    real = heads != tails
    return tails[real], heads[real], ways[real]


def _energies(n: int, tails: IntArray, heads: IntArray, changes: FloatArray, heights: FloatArray) -> FloatArray:
    """Energies of the species, each set of connected ones from a zero of its own, over the lowest steps first."""
    order = np.argsort(heights, kind="stable")
    graph = _graph(n, tails[order], heads[order], np.arange(1.0, len(order) + 1.0))
    energies, known = np.zeros(n), np.zeros(n, dtype=bool)
    change = changes[order]
    for root in range(n):
        if known[root]:
            continue
        known[root] = True
        if graph.indptr[root] == graph.indptr[root + 1]:
            continue
        reached, before = breadth_first_order(graph, root, directed=True)
        fresh = [each for each in reached[1:].tolist() if not known[each]]
        if not fresh:
            continue
        arcs = np.asarray(graph[before[fresh], fresh]).reshape(-1).astype(np.int64) - 1
        for each, arc in zip(fresh, arcs.tolist(), strict=True):
            energies[each] = energies[before[each]] + change[arc]
        known[fresh] = True
    return energies


def _graph(n: int, tails: IntArray, heads: IntArray, values: FloatArray) -> csr_array:
    """A graph with the lowest value of each pair."""
    order = np.lexsort((values, heads, tails))
    tail, head, value = tails[order], heads[order], values[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    starts = np.concatenate([[0], np.cumsum(np.bincount(tail[first], minlength=n))])
    return csr_array((value[first], head[first], starts), shape=(n, n))
