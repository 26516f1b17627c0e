"""A large network of isomers drawn at random, and what plain networkx says of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Isomers:
    """Species of one formula, and steps between two of them.

    Attributes:
        energies_kcal_mol: Of the species, shape (n_species,).
        pairs: Reactant and product of each step, shape (n_steps, 2).
        saddles_kcal_mol: Energies of the transition states, above both ends, shape (n_steps,).
    """

    energies_kcal_mol: np.ndarray
    pairs: np.ndarray
    saddles_kcal_mol: np.ndarray

    @property
    def heights_kcal_mol(self) -> np.ndarray:
        """Barriers of both directions, shape (n_steps, 2)."""
        heights: np.ndarray = self.saddles_kcal_mol[:, None] - self.energies_kcal_mol[self.pairs]
        return heights


def draw_isomers(n_species: int, n_steps: int, seed: int = 0) -> Isomers:
    """Pairs at random, with energies at random and transition states above both ends."""
    rng = np.random.default_rng(seed)
    energies = rng.normal(0.0, 20.0, n_species)
    first = rng.integers(0, n_species, n_steps)
    pairs = np.stack([first, (first + rng.integers(1, n_species, n_steps)) % n_species], axis=1)
    saddles = energies[pairs].max(axis=1) + rng.exponential(35.0, n_steps)
    return Isomers(energies_kcal_mol=energies, pairs=pairs, saddles_kcal_mol=saddles)


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """What a call gives, and its seconds."""
    began = time.perf_counter()
    found = act()
    return found, time.perf_counter() - began


def asked_of_networkx(
    network: Isomers, ends: list[list[int]], height_kcal_mol: float
) -> tuple[list[tuple[float, set[int], set[int]]], dict[str, Any]]:
    """The lowest pass between pairs, what lies below a height, and neighbours.

    A path over a minimum spanning tree, whose edges carry the energy of the transition state, never climbs needlessly.

    Returns:
        For each pair the height of its pass, the species below the height and the neighbours of its first species; and
        the seconds of it all.
    """
    energies, saddles = network.energies_kcal_mol, network.saddles_kcal_mol

    def as_graph() -> nx.Graph:
        graph = nx.Graph()
        graph.add_nodes_from(range(len(energies)))
        order = np.argsort(-saddles)  # of several edges between two species the last, the lowest, stays
        graph.add_weighted_edges_from(
            (i, j, top) for (i, j), top in zip(network.pairs[order].tolist(), saddles[order].tolist(), strict=True)
        )
        return graph

    graph, loading = timed(as_graph)
    tree, spanning = timed(lambda: nx.minimum_spanning_tree(graph))
    seconds: dict[str, Any] = {"networkx_loading_s": loading, "networkx_spanning_tree_s": spanning}
    answers = []
    for start, goal in ends:
        limit = energies[start] + height_kcal_mol

        def below(start: int = start, limit: float = limit) -> set[int]:
            kept = nx.subgraph_view(graph, filter_edge=lambda i, j: graph.edges[i, j]["weight"] <= limit)
            return set(nx.node_connected_component(kept, start))

        way, path_s = timed(lambda start=start, goal=goal: nx.shortest_path(tree, start, goal))
        component, reachable_s = timed(below)
        near, neighbours_s = timed(lambda start=start: set(graph[start]))
        for name, value in (("path", path_s), ("reachable", reachable_s), ("neighbours", neighbours_s)):
            seconds.setdefault(f"networkx_{name}_s", []).append(value)
        top = max(tree.edges[edge]["weight"] for edge in pairwise(way)) - energies[start]
        answers.append((float(top), component, near))
    return answers, seconds
