"""What questions cost in networks of 1e4, 1e5 and 1e6 reactions.

    python -m benchmarks.questions --reactions 10000 100000 --folder runs/questions

The synthetic network is a ring of species, each step believed as an estimate. Reactions of a species are found through
indexes. What is reached asks for the whole network first, which is read in bulk; walking it takes as long as what is
reached, so once around the ring and up to a low pass are told apart.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.postgresql import Server
from benchmarks.synthetic import fill
from chem.step_index import easiest_arrivals, ways
from db.engine import open_database, reading
from db.known_network import known_network
from db.neighbours import neighbours
from db.reachable import network_bottlenecks, reached_species
from db.species_names import named_species

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), nargs="+", default=["sqlite"])
    parser.add_argument("--reactions", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, default=Path("runs/questions"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for kind in arguments.database:
        for n_reactions in arguments.reactions:
            print(json.dumps(measured(kind, n_reactions, arguments.folder.resolve())), flush=True)


if __name__ == "__main__":
    main()
