"""Four processes write to one database for a minute: transactions a second, errors, lost rows.

    python -m benchmarks.writers --database sqlite postgresql --writers 4 --seconds 60

Each writer repeats three transactions: store a new reaction and queue its preparation, claim a preparation, whoever
queued it, and record its result. Exit status 0 only if no transaction failed, every reaction that was committed is
there, and every calculation that a writer saw recorded is done once, by that writer.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.postgresql import Server
from benchmarks.synthetic import PREPARED, geometry_of, pattern, prepared_with, reaction_of
from chem.generator import EndPoints
from chem.identity import mapped_smiles
from chem.levels import resolve_level
from db.engine import open_database, reading, writing
from db.results import record_preparation
from db.store import add_reactions
from db.tables import CalculationKind, CalculationRow, ReactionRow
from db.work import claim, enqueue

LEASE_S = 600.0
KEYS_OF_EACH = 10**9
FAULTS = ("errors", "lost_reactions", "recorded_twice", "lost_or_changed_results")


def write(work: tuple[str, int, float]) -> dict[str, Any]:
    """What one writer did: its name, keys stored, calculations recorded, transactions, errors."""
    url, number, seconds = work
    level, model = resolve_level("gfn2"), pattern()
    label, engine, name = mapped_smiles(model), open_database(url), f"writer-{number}"
    stored: list[str] = []
    recorded: list[int] = []
    errors: list[str] = []
    transactions, cycle, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        cycle += 1
        reaction = reaction_of(model, number * KEYS_OF_EACH + cycle)
        try:
            with writing(engine) as session:
                add_reactions(session, [reaction], {reaction.key: label})
                enqueue(
                    session,
                    kind=CalculationKind.PREPARE,
                    reaction_keys=[reaction.key],
                    level_key=level.key,
                    settings=PREPARED,
                )
            stored.append(reaction.key)
            claims = claim(engine, kind=CalculationKind.PREPARE, worker=name, limit=1, lease_seconds=LEASE_S)
            for claimed in claims:
                ends = geometry_of(model, float(claimed.id))
                pair = EndPoints(reactant=ends, product=ends, reaction_key=claimed.subject_key)
                with writing(engine) as session:
                    record_preparation(session, claimed, prepared_with(pair))
                recorded.append(claimed.id)
            transactions += 2 + len(claims)
        except SQLAlchemyError as error:
            errors.append(str(error))
    engine.dispose()
    return {"name": name, "stored": stored, "recorded": recorded, "transactions": transactions, "errors": errors}


def measured(url: str, n_writers: int, seconds: float) -> dict[str, Any]:
    """All writers at once, and what the database holds afterwards."""
    engine = open_database(url)
    with multiprocessing.get_context("spawn").Pool(n_writers) as pool:
        done = pool.map(write, [(url, number, seconds) for number in range(n_writers)], chunksize=1)
    with reading(engine) as session:
        keys = set(session.scalars(select(ReactionRow.key)))
        columns = CalculationRow.id, CalculationRow.finished_by
        finished = dict(session.execute(select(*columns).where(CalculationRow.state == "done")).tuples().all())
    engine.dispose()
    recorded = {number: each["name"] for each in done for number in each["recorded"]}
    committed = [key for each in done for key in each["stored"]]
    return {
        "database": url.partition(":")[0],
        "writers": n_writers,
        "seconds": seconds,
        "transactions_per_second": sum(each["transactions"] for each in done) / seconds,
        "reactions": len(committed),
        "errors": [error for each in done for error in each["errors"]],
        "lost_reactions": len(set(committed) - keys),
        "recorded_twice": sum(len(each["recorded"]) for each in done) - len(recorded),
        "lost_or_changed_results": sum(finished.get(number) != name for number, name in recorded.items()),
    }


def main() -> None:
    """Each database in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    wrong = False
    for kind in arguments.database:
        with ExitStack() as stack:
            if kind == "sqlite":
                url = f"sqlite:///{Path(stack.enter_context(tempfile.TemporaryDirectory())) / 'writers.db'}"
            else:
                url = stack.enter_context(Server()).url
            record = measured(url, arguments.writers, arguments.seconds)
        print(json.dumps(record), flush=True)
        wrong |= bool(
            record["errors"]
            or record["lost_reactions"]
            or record["recorded_twice"]
            or record["lost_or_changed_results"]
        )
    sys.exit(wrong)


if __name__ == "__main__":
    main()
