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
from pathlib import Path

import numpy as np

from benchmarks.isomers import Isomers, asked_of_networkx, draw_isomers, timed
from chem.path_guide import PathGuide
from chem.paths import lowest_paths
from chem.step_index import StepIndex, easiest_arrivals, index_steps

REPEATS = 5


def indexed(network: Isomers) -> StepIndex:
    """Its steps, each of one molecule on both sides."""
    pairs = network.pairs
    return index_steps(len(network.energies_kcal_mol), network.heights_kcal_mol, np.ones_like(pairs), pairs.reshape(-1))


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
    network = draw_isomers(arguments.species, arguments.reactions, arguments.seed)
    index, loading = timed(lambda: indexed(network))
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

    others, networkx_seconds = asked_of_networkx(network, ends, arguments.height)
    agree = sum(
        abs(paths[0].cost - top) < 1e-6 and component == reached and neighbours == near
        for (paths, reached, near), (top, component, neighbours) in zip(answers, others, strict=True)
    )
    record = {
        "species": arguments.species,
        "reactions": len(network.pairs),
        "loading_s": loading,
        "guide_s": guiding,
        "memory_gib": own_gib,
        "paths_s": own["paths"],
        "path_costs_kcal_mol": [[path.cost for path in paths] for paths, _, _ in answers],
        "reachable": [len(reached) for _, reached, _ in answers],
        "reachable_s": own["reachable"],
        "neighbours_s": own["neighbours"],
        **networkx_seconds,
        "networkx_memory_gib": gib(),
        "agree": f"{agree} of {REPEATS}",
    }
    print(json.dumps(record, indent=1))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
