"""What questions cost in networks of 1e4, 1e5 and 1e6 reactions.

    python -m benchmarks.questions --reactions 10000 100000 --folder runs/questions
    python -m benchmarks.questions --reactions 1000000 --species 100000 --database sqlite postgresql

Without a number of species the synthetic network is a ring of species, each step believed as an estimate. Reactions of
a species are found through indexes. What is reached asks for the whole network first, which is read in bulk; walking it
takes as long as what is reached, so once around the ring and up to a low pass are told apart. With a number of species,
reactions join two of them at random; five pairs of species are asked for, and plain networkx is asked the same of the
same network, answers compared.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.isomers import asked_of_networkx, draw_isomers, timed
from benchmarks.network_questions import gib
from benchmarks.postgresql import Server
from benchmarks.synthetic import fill, joined_at_random
from chem.path_guide import PathGuide
from chem.step_index import easiest_arrivals, ways
from db.engine import open_database, reading
from db.known_network import known_network
from db.known_paths import known_paths
from db.neighbours import neighbours
from db.reachable import network_bottlenecks, reached_species
from db.species_names import named_species

PAIRS = 5
POSTGRESQL = "-c shared_buffers=1GB -c max_wal_size=8GB"


def measured(kind: str, n_reactions: int, folder: Path) -> dict[str, Any]:
    """Seconds of each question in one network; the database is removed afterwards."""
    file = folder / f"questions-{n_reactions}.db"
    with ExitStack() as stack:
        url = f"sqlite:///{file}" if kind == "sqlite" else stack.enter_context(Server(POSTGRESQL)).url
        engine = open_database(url)
        stack.callback(engine.dispose)
        fill(engine, n_reactions)
        seconds: dict[str, float] = {}
        began = time.perf_counter()

        def lap(name: str) -> None:
            nonlocal began
            seconds[name] = time.perf_counter() - began
            began = time.perf_counter()

        with reading(engine) as session:
            began = time.perf_counter()
            (species,) = named_species(session, [f"sp-{n_reactions // 2:020d}"])
            lap("find a species")
            assert len(neighbours(session, species)) == 2
            lap("neighbours")
            network = known_network(session)
            lap("read the whole network")
            (number,) = network.numbers([species.id])
            arrivals = easiest_arrivals(network.index, [number])
            assert len(arrivals) == n_reactions
            ways(network.index, arrivals, network.marks)
            lap("walk the whole network")
            reached_species(session, network, [species], limit=100)
            lap("reachable, 100 told")
            network_bottlenecks(session, network, [species], most=1)
            lap("bottlenecks")
    for old in folder.glob(f"{file.name}*"):
        old.unlink()
    return {"database": kind, "n_reactions": n_reactions, "seconds": seconds}


def asked(kind: str, n_reactions: int, n_species: int, height_kcal_mol: float, folder: Path) -> dict[str, Any]:
    """Seconds of the questions in a network that joins species at random; the database is removed afterwards."""
    isomers = draw_isomers(n_species, n_reactions)
    file = folder / f"asked-{n_reactions}.db"
    record: dict[str, Any] = {"database": kind, "n_species": n_species, "n_reactions": n_reactions}
    with ExitStack() as stack:
        url = f"sqlite:///{file}" if kind == "sqlite" else stack.enter_context(Server(POSTGRESQL)).url
        engine = open_database(url)
        stack.callback(engine.dispose)
        _, record["fill_s"] = timed(lambda: fill(engine, n_reactions, joined_at_random(isomers)))
        before = gib()
        with reading(engine) as session:
            network, record["read_s"] = timed(lambda: known_network(session))
            guide, record["guide_s"] = timed(lambda: PathGuide(network.index))
            timed(lambda: guide.hint(0, 1))  # its spanning tree
            timed(lambda: easiest_arrivals(network.index, [0], max_height_kcal_mol=-1.0))  # compiled, or read from disk
            record["memory_gib"] = gib() - before
            answers = []
            ends = np.random.default_rng(1).integers(0, n_species, (PAIRS, 2)).tolist()
            for pair in ends:
                start, goal = named_species(session, [f"sp-{each:020d}" for each in pair])
                near, seconds = timed(lambda start=start: neighbours(session, start))
                record.setdefault("neighbours_s", []).append(seconds)
                paths, seconds = timed(
                    lambda start=start, goal=goal: known_paths(session, network, start, goal, k=5, guide=guide)
                )
                record.setdefault("paths_s", []).append(seconds)
                (number,) = network.numbers([start.id])
                reached, seconds = timed(
                    lambda number=number: easiest_arrivals(network.index, [number], max_height_kcal_mol=height_kcal_mol)
                )
                record.setdefault("reachable_s", []).append(seconds)
                members = {int(network.species_ids[each]) - 1 for each in reached}
                answers.append((len(near), paths[0].highest_kcal_mol, members))
    for old in folder.glob(f"{file.name}*"):
        old.unlink()
    others, networkx_seconds = asked_of_networkx(isomers, ends, height_kcal_mol)
    agree = sum(
        abs(top - highest) < 1e-6 and component == members and len(near) <= n_near
        for (n_near, highest, members), (top, component, near) in zip(answers, others, strict=True)
    )
    reachable = [len(members) for *_, members in answers]
    return {**record, **networkx_seconds, "reachable": reachable, "agree": f"{agree} of {PAIRS}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), nargs="+", default=["sqlite"])
    parser.add_argument("--reactions", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--species", type=int, help="join so many species at random, in place of a ring")
    parser.add_argument("--height", type=float, default=25.0, help="kcal/mol above the start, of what is reached")
    parser.add_argument("--folder", type=Path, default=Path("runs/questions"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for kind in arguments.database:
        for n_reactions in arguments.reactions:
            folder = arguments.folder.resolve()
            if arguments.species is None:
                record = measured(kind, n_reactions, folder)
            else:
                record = asked(kind, n_reactions, arguments.species, arguments.height, folder)
            print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
