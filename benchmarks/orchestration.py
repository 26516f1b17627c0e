"""What a round costs besides chemistry: share of the wall time, milliseconds a reaction, and what two workers gain.

    OMP_NUM_THREADS=1 python -m benchmarks.orchestration --reactions 1000 --speed-up-reactions 250

A round of the flow `explore` at GFN2-xTB with two workers. Chemistry is what the calculations took in their workers,
enumeration, and guessing; the rest is orchestration: queue, database, processes, Prefect, ends of stages where a worker
has nothing left to do. The start of Prefect's server is timed apart. Then a smaller round with one worker and with two,
and the same jobs, one after the other and in two bare processes, without queue, database and Prefect.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from cli.flow_run import get_ready

if multiprocessing.parent_process() is None:
    get_ready()  # before Prefect is imported

import tasks.triage
from benchmarks.scale import Clock
from chem.enumeration import enumerate_reactions
from chem.identity import mapped_smiles
from db.engine import open_database, reading
from db.tables import CalculationKind, CalculationRow
from db.work import ClaimedCalculation
from flows.explore import explore
from tasks.calculations import _FUNCTIONS, close_shared_pool
from tasks.job_making import Job, make_jobs
from tasks.plan import seed_species
from tasks.settings import ExploreSettings, load_settings
from tasks.workers import WorkerLimits

SETTINGS = Path(__file__).with_suffix(".yaml")
KINDS = (CalculationKind.PREPARE, CalculationKind.ESTIMATE)


class TimedGenerator:
    """Adds up what guessing takes inside a round."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.make = tasks.triage.make_generator
        tasks.triage.make_generator = self._made  # type: ignore[assignment]

    def _made(self, settings: ExploreSettings) -> Any:
        generator = self.make(settings)
        generate = generator.generate

        def timed(ends: Any) -> Any:
            began = time.perf_counter()
            guesses = generate(ends)
            self.seconds += time.perf_counter() - began
            return guesses

        object.__setattr__(generator, "generate", timed)
        return generator


def enumeration_seconds(settings: ExploreSettings) -> float:
    """What enumerating the seeds takes."""
    began = time.perf_counter()
    found = {
        each.key: each
        for one in seed_species(settings)
        for each in enumerate_reactions(one.graph, settings.enumeration)
    }
    for reaction in found.values():
        mapped_smiles(reaction)
    return time.perf_counter() - began


def one_round(settings: ExploreSettings, guessing: TimedGenerator) -> dict[str, float]:
    """Wall time of a round and its parts, s."""
    guessing.seconds = 0.0
    close_shared_pool()
    began = time.perf_counter()
    explore(settings)
    wall = time.perf_counter() - began
    close_shared_pool()
    engine = open_database(settings.database)
    with reading(engine) as session:
        seconds, n = session.execute(select(func.sum(CalculationRow.seconds), func.count())).one()
        reactions = session.scalars(select(func.count(CalculationRow.subject_key.distinct()))).one()
    engine.dispose()
    workers = settings.workers.processes
    chemistry = seconds / workers + enumeration_seconds(settings) + guessing.seconds
    return {
        "workers": workers,
        "n_reactions": reactions,
        "n_calculations": n,
        "wall_s": wall,
        "calculations_s": seconds / workers,
        "guessing_s": guessing.seconds,
        "orchestration_s": wall - chemistry,
        "orchestration_share": (wall - chemistry) / wall,
        "orchestration_ms_per_reaction": 1e3 * (wall - chemistry) / reactions,
    }


def jobs_of(settings: ExploreSettings) -> list[tuple[CalculationKind, Job]]:
    """The jobs of a round that is done, as its workers had them."""
    engine = open_database(settings.database)
    made: list[tuple[CalculationKind, Job]] = []
    with reading(engine) as session:
        for kind in KINDS:
            rows = session.scalars(select(CalculationRow).where(CalculationRow.kind == kind.value)).all()
            claims = [
                ClaimedCalculation(
                    id=row.id,
                    kind=kind,
                    subject_key=row.subject_key,
                    level_key=row.level_key,
                    settings=row.settings,
                    worker="bare",
                    attempt=1,
                    lease_expires_at=row.enqueued_at,
                )
                for row in rows
            ]
            made += [(kind, job) for job in make_jobs(session, claims, settings.theory)]
    engine.dispose()
    return made


def run_bare(work: tuple[CalculationKind, Job]) -> None:
    """One job and nothing else."""
    kind, job = work
    function: Callable[[Any], Any] = _FUNCTIONS[kind]
    function(job)


def bare_seconds(work: list[tuple[CalculationKind, Job]], processes: int) -> float:
    """Wall time of all jobs, stage after stage, in processes that are up."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(run_bare, work[:processes], chunksize=1)  # imports
        began = time.perf_counter()
        for kind in KINDS:
            for _ in pool.imap_unordered(run_bare, [each for each in work if each[0] is kind]):
                pass
        return time.perf_counter() - began


def settings_for(folder: Path, name: str, seeds: tuple[str, ...], workers: int) -> ExploreSettings:
    """A database of its own."""
    settings = load_settings(SETTINGS, seeds=seeds, database=f"sqlite:///{folder / name}.db")
    return settings.model_copy(update={"workers": replace(WorkerLimits(), n_workers=workers)})


def seeds_for(n_reactions: int) -> tuple[str, ...]:
    """The first seeds with at least so many reactions."""
    settings = load_settings(SETTINGS)
    keys: set[str] = set()
    for number, species in enumerate(seed_species(settings), start=1):
        keys |= {each.key for each in enumerate_reactions(species.graph, settings.enumeration)}
        if len(keys) >= n_reactions:
            return settings.seeds[:number]
    raise ValueError(f"the seeds of {SETTINGS.name} have {len(keys)} reactions")


def main() -> None:
    """Both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reactions", type=int, default=1000)
    parser.add_argument("--speed-up-reactions", type=int, default=250)
    parser.add_argument("--output", type=Path, help="JSON")
    arguments = parser.parse_args()
    folder, guessing, clock = Path(tempfile.mkdtemp(prefix="cairn-orchestration-")), TimedGenerator(), Clock()
    explore(settings_for(folder, "start", ("C#N",), 2))
    clock.lap("start_s")
    record: dict[str, Any] = {**clock.seconds}
    if arguments.reactions:
        record["round"] = one_round(settings_for(folder, "round", seeds_for(arguments.reactions), 2), guessing)
        print(json.dumps(record, indent=2), flush=True)
    if arguments.speed_up_reactions:
        seeds = seeds_for(arguments.speed_up_reactions)
        one, two = (one_round(settings_for(folder, f"workers-{n}", seeds, n), guessing) for n in (1, 2))
        work = jobs_of(settings_for(folder, "workers-2", seeds, 2))
        bare = {n: bare_seconds(work, n) for n in (1, 2)}
        speed_up = one["wall_s"] / two["wall_s"]
        record["speed_up"] = {
            "one": one,
            "two": two,
            "bare_s": bare,
            "speed_up": speed_up,
            "bare_speed_up": bare[1] / bare[2],
            "ratio": speed_up / (bare[1] / bare[2]),
        }
    print(json.dumps(record, indent=2))
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
