"""Questions to a large network beside plain networkx, in one run, with the answers compared.

    python -m benchmarks.network_questions --species 100000 --reactions 1000000

A network of isomers with energies at random and transition states above both ends: five lowest paths between two
species, the species that lie below a height, and the neighbours of a species. networkx has the same network as a graph
whose edges carry the energy of the transition state, above which a path over a spanning tree never climbs needlessly.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from chem.path_guide import PathGuide
from chem.paths import lowest_paths
from chem.step_index import StepIndex, easiest_arrivals, index_steps

REPEATS = 5


def made_up(
    n_species: int, n_reactions: int, seed: int
) -> tuple[StepIndex, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """An index, and energies of species, pairs of species, and energies of the transition states, kcal/mol."""
    rng = np.random.default_rng(seed)
    energies = rng.normal(0.0, 20.0, n_species)
    pairs = rng.integers(0, n_species, (n_reactions, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    saddles = energies[pairs].max(axis=1) + rng.exponential(35.0, len(pairs))
    heights = saddles[:, None] - energies[pairs]
    index = index_steps(n_species, heights, np.ones_like(pairs), pairs.reshape(-1))
    return index, energies, pairs, saddles, heights


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = act()
    return found, time.perf_counter() - began


def gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--species", type=int, default=100_000)
    parser.add_argument("--reactions", type=int, default=1_000_000)
    parser.add_argument("--height", type=float, default=25.0, help="kcal/mol above the start, of the reachable set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    (index, energies, pairs, saddles, _), loading = timed(
        lambda: made_up(arguments.species, arguments.reactions, arguments.seed)
    )
    guide, guiding = timed(lambda: PathGuide(index))
    timed(lambda: guide.hint(0, 1))  # the spanning tree
    own_gib = gib()
    ends = np.random.default_rng(arguments.seed + 1).integers(0, arguments.species, (REPEATS, 2)).tolist()
    own: dict[str, list[float]] = {"paths": [], "reachable": [], "neighbours": []}
    answers = []
    for start, goal in ends:
        paths, seconds = timed(lambda start=start, goal=goal: lowest_paths(index, start, goal, k=5, guide=guide))
        own["paths"].append(seconds)
        reached, seconds = timed(
            lambda start=start: easiest_arrivals(index, [start], max_height_kcal_mol=arguments.height)
        )
        own["reachable"].append(seconds)
        near, seconds = timed(lambda start=start: {index.side(way ^ 1)[0] for way in index.taking(start)})
        own["neighbours"].append(seconds)
        answers.append((paths, set(reached), near))

    def as_graph() -> nx.Graph:
        graph = nx.Graph()
        graph.add_nodes_from(range(arguments.species))
        order = np.argsort(-saddles)  # of several edges between two species the last, the lowest, stays
        graph.add_weighted_edges_from(
            (i, j, top) for (i, j), top in zip(pairs[order].tolist(), saddles[order].tolist(), strict=True)
        )
        return graph

    graph, graph_loading = timed(as_graph)
    tree, tree_seconds = timed(lambda: nx.minimum_spanning_tree(graph))
    other: dict[str, list[float]] = {"path": [], "reachable": [], "neighbours": []}
    agree = 0
    for (start, goal), (paths, reached, near) in zip(ends, answers, strict=True):
        way, seconds = timed(lambda start=start, goal=goal: nx.shortest_path(tree, start, goal))
        other["path"].append(seconds)
        highest = max(tree.edges[edge]["weight"] for edge in pairwise(way)) - energies[start]

        def below(start: int = start) -> set[int]:
            limit = energies[start] + arguments.height
            kept = nx.subgraph_view(graph, filter_edge=lambda i, j: graph.edges[i, j]["weight"] <= limit)
            return set(nx.node_connected_component(kept, start))

        component, seconds = timed(below)
        other["reachable"].append(seconds)
        neighbours, seconds = timed(lambda start=start: set(graph[start]))
        other["neighbours"].append(seconds)
        agree += abs(paths[0].cost - highest) < 1e-6 and component == reached and neighbours == near
    record = {
        "species": arguments.species,
        "reactions": len(pairs),
        "loading_s": loading,
        "guide_s": guiding,
        "memory_gib": own_gib,
        "paths_s": own["paths"],
        "path_costs_kcal_mol": [[path.cost for path in paths] for paths, _, _ in answers],
        "reachable": [len(reached) for _, reached, _ in answers],
        "reachable_s": own["reachable"],
        "neighbours_s": own["neighbours"],
        "networkx_loading_s": graph_loading,
        "networkx_spanning_tree_s": tree_seconds,
        "networkx_memory_gib": gib(),
        "networkx_path_s": other["path"],
        "networkx_reachable_s": other["reachable"],
        "networkx_neighbours_s": other["neighbours"],
        "agree": f"{agree} of {REPEATS}",
    }
    print(json.dumps(record, indent=1))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
