"""What the bookkeeping of one round costs in networks of 1e4, 1e5 and 1e6 reactions.

    python -m benchmarks.scale --database sqlite --reactions 10000 100000 1000000 --folder runs/scale

One campaign owns the whole synthetic network: two species a reaction, each reaction prepared, estimated and believed. A
round then selects its frontier, deduplicates and stores candidate reactions of which half are known, queues, claims and
records preparations, records decisions, and selects what is to be estimated next. Each figure is the median of several
rounds on the same network. Reading the whole network as a graph, for what to expand next, is timed apart: it grows with
the campaign by its nature.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from benchmarks.postgresql import Server
from benchmarks.synthetic import (
    CAMPAIGN,
    ESTIMATED,
    PREPARED,
    RULES,
    fill,
    geometry_of,
    pattern,
    prepared_with,
    reaction_of,
    species_of,
)
from chem.generator import EndPoints
from chem.growth import GrowthSettings, worth_expanding
from chem.identity import mapped_smiles
from chem.levels import resolve_level
from chem.outcomes import Action, Decision
from db.campaigns import (
    add_reaction_members,
    add_species_members,
    load_decisions,
    mark_expanded,
    record_decisions,
    undecided_reactions,
    unexpanded_species,
)
from db.engine import open_database, reading, writing
from db.results import record_preparation
from db.steps import known_steps
from db.store import add_reactions
from db.tables import CalculationKind
from db.work import claim, enqueue, open_calculations

LEASE_S = 600.0
POSTGRESQL = "-c shared_buffers=1GB -c max_wal_size=8GB"  # its defaults are for a machine of 128 MB


class Clock:
    """Seconds of each step of a round."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Close a step."""
        now = time.perf_counter()
        self.seconds[name] = now - self.last
        self.last = now


def one_round(engine: Engine, n_reactions: int, number: int, n_candidates: int, n_recorded: int) -> dict[str, float]:
    """Seconds of each step of round `number`, which adds half of the candidates to the network."""
    level, model, rng = resolve_level("gfn2"), pattern(), random.Random(number)
    half = n_candidates // 2
    first_new = n_reactions + (number - 2) * half
    known = [reaction_of(model, each) for each in rng.sample(range(n_reactions), n_candidates - half)]
    found = {each.key: each for each in [*known, *(reaction_of(model, first_new + each) for each in range(half))]}
    label = mapped_smiles(model)
    frontier = [species_of(model.products[0], each).key for each in rng.sample(range(n_reactions), 100)]
    with writing(engine) as session:  # what the round before left to expand
        mark_expanded(session, CAMPAIGN, frontier, rules_hash="older")
    clock = Clock()
    with reading(engine) as session:
        unexpanded = unexpanded_species(session, CAMPAIGN, rules_hash=RULES, before_round=number)
    clock.lap("select frontier")
    with writing(engine) as session:
        add_reactions(session, found.values(), dict.fromkeys(found, label))
        add_reaction_members(session, CAMPAIGN, found, round_number=number)
        enqueue(
            session,
            kind=CalculationKind.PREPARE,
            reaction_keys=sorted(found),
            level_key=level.key,
            settings=PREPARED,
        )
        mark_expanded(session, CAMPAIGN, [each.key for each in unexpanded], rules_hash=RULES)
    clock.lap(f"deduplicate and store {n_candidates:,} candidates")
    given = {"kind": CalculationKind.PREPARE, "campaign": CAMPAIGN, "level_key": level.key, "settings": PREPARED}
    ends = geometry_of(model, float(number))
    for _ in range(n_recorded):
        (claimed,) = claim(engine, worker="one", limit=1, lease_seconds=LEASE_S, **given)
        with writing(engine) as session:
            pair = EndPoints(reactant=ends, product=ends, reaction_key=claimed.subject_key)
            record_preparation(session, claimed, prepared_with(pair))
    clock.lap(f"claim and record {n_recorded} preparations, one by one")
    with reading(engine) as session:
        open_calculations(session, **given)
    clock.lap("count what is open")
    with reading(engine) as session:
        undecided = undecided_reactions(session, CAMPAIGN)
    clock.lap("select what is undecided")
    with writing(engine) as session:
        look = {key: Decision(action=Action.POLISH, reasons=(), score_kcal_mol=None) for key in undecided}
        record_decisions(session, CAMPAIGN, look, round_number=number)
    clock.lap(f"record {len(look):,} decisions")
    with reading(engine) as session:
        waiting = load_decisions(session, CAMPAIGN, actions={Action.POLISH})
    clock.lap("select what is to be settled")
    with writing(engine) as session:
        settled = {key: replace(each, action=Action.ACCEPT) for key, each in waiting.items()}
        record_decisions(session, CAMPAIGN, settled, round_number=number)
        reached = sorted({each.key for key in look for each in found[key].products})
        add_species_members(session, CAMPAIGN, reached, round_number=number)
    clock.lap("record settled decisions and species")
    with writing(engine) as session:  # not part of a round: later rounds are to find the same queue
        session.execute(text("UPDATE calculation SET state = 'done' WHERE state = 'pending'"))
        mark_expanded(
            session, CAMPAIGN, sorted({each.key for key in look for each in found[key].products}), rules_hash=RULES
        )
    return clock.seconds


def size_bytes(engine: Engine, file: Path | None) -> int:
    """What the database takes on disk."""
    if file is not None:
        return sum(each.stat().st_size for each in file.parent.glob(f"{file.name}*"))
    with reading(engine) as session:
        return int(session.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def filled(url: str, n_reactions: int) -> None:
    """In a process of its own."""
    engine = open_database(url)
    fill(engine, n_reactions)
    engine.dispose()


def measured(
    kind: str, n_reactions: int, folder: Path, rounds: int, n_candidates: int, n_recorded: int
) -> dict[str, Any]:
    """All figures of one network; the database is removed afterwards."""
    file = folder / f"scale-{n_reactions}.db" if kind == "sqlite" else None
    with ExitStack() as stack:
        if file is not None:
            for old in folder.glob(f"{file.name}*"):
                old.unlink()
            url = f"sqlite:///{file}"
        else:
            url = stack.enter_context(Server(POSTGRESQL)).url
        began = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(1) as filler:  # whose memory is not that of a round
            filler.apply(filled, (url, n_reactions))
        engine = open_database(url)
        stack.callback(engine.dispose)
        filling = time.perf_counter() - began
        disk = size_bytes(engine, file)
        before = peak_mib()
        laps = [one_round(engine, n_reactions, 2 + each, n_candidates, n_recorded) for each in range(rounds)]
        memory = peak_mib() - before
        began = time.perf_counter()
        with reading(engine) as session:
            steps = known_steps(
                session, CAMPAIGN, level_key=resolve_level("gfn2").key, estimate_settings=ESTIMATED, up_to_round=99
            )
        read = time.perf_counter() - began
        reached = worth_expanding([steps[0].reactants[0]], steps, GrowthSettings())
        graph = time.perf_counter() - began
        assert len(reached) >= n_reactions  # the synthetic network is a chain
        median = {name: statistics.median(each[name] for each in laps) for name in laps[0]}
    if file is not None:
        for old in folder.glob(f"{file.name}*"):
            old.unlink()
    return {
        "database": kind,
        "n_reactions": n_reactions,
        "filled_s": filling,
        "disk_bytes_per_reaction": disk / n_reactions,
        "round_s": sum(median.values()),
        "steps_s": median,
        "memory_of_a_round_mib": memory,
        "graph_read_s": read,
        "graph_read_and_walked_s": graph,
        "peak_memory_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Largest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(records: list[dict[str, Any]]) -> Iterator[str]:
    """Markdown, a row a step."""
    yield "| | " + " | ".join(f"{each['database']}, {each['n_reactions']:,}" for each in records) + " |"
    yield "|---" * (len(records) + 1) + "|"
    for name in records[0]["steps_s"]:
        yield f"| {name}, s | " + " | ".join(f"{each['steps_s'].get(name, 0):.3f}" for each in records) + " |"
    for name, label, scale in (
        ("round_s", "**a round, s**", 1),
        ("memory_of_a_round_mib", "memory of a round, MiB", 1),
        ("graph_read_and_walked_s", "read and walk the whole network, s", 1),
        ("peak_memory_mib", "peak memory with that, MiB", 1),
        ("disk_bytes_per_reaction", "on disk, kB a reaction", 1e-3),
    ):
        yield f"| {label} | " + " | ".join(f"{each[name] * scale:.3g}" for each in records) + " |"


def main() -> None:
    """Each network in a process of its own, so that memory is its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--reactions", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--recorded", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path("runs/scale"))
    parser.add_argument("--output", type=Path, help="JSON lines")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    own = ("--rounds", str(arguments.rounds), "--candidates", str(arguments.candidates))
    own = (*own, "--recorded", str(arguments.recorded), "--folder", str(arguments.folder))
    if len(arguments.database) == len(arguments.reactions) == 1:
        record = measured(
            arguments.database[0],
            arguments.reactions[0],
            arguments.folder.resolve(),
            arguments.rounds,
            arguments.candidates,
            arguments.recorded,
        )
        print(json.dumps(record))
        return
    records = []
    for kind in arguments.database:
        for n in arguments.reactions:
            command = [sys.executable, "-m", "benchmarks.scale", "--database", kind, "--reactions", str(n), *own]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            records.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{kind}, {n:,} reactions: {records[-1]['round_s']:.2f} s a round", flush=True)
            if arguments.output is not None:
                with arguments.output.open("a") as file:
                    file.write(json.dumps(records[-1]) + "\n")
    print("\n".join(table(records)))


if __name__ == "__main__":
    main()
