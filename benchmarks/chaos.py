"""Kill what runs a campaign with SIGKILL at random moments, and compare its network with an undisturbed one.

    python -m benchmarks.chaos --database postgresql --kills 20 --folder runs/chaos

The undisturbed campaign is one `cairn explore`. The other runs under `cairn up`, with a server, a worker of the pool
gpu and two of the pool qc; workers, their runs, single calculations, Prefect's server and the database are killed in
turn, and started again as a process manager would: by `cairn up`. SQLite has no server; all processes die at once.

Exit status 0 only if: the same reactions, decisions, outcomes and verdicts, and barriers within 0.1 kcal/mol; the same
calculations, each finished, with one result; no result that was seen once changed or went; every attempt but the one
that gave the result recorded as abandoned.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from benchmarks.postgresql import Server
from benchmarks.same_network import differences
from cli.up import began_by, processes
from db.engine import _parse

SETTINGS = Path(__file__).with_suffix(".yaml")
CAMPAIGN = "chaos"
EVERY_S = 60.0  # what is ready begins by itself at once
DEPTH = 2  # as chaos.yaml says
POLL_S = 1.0
UP_TRIALS = 3
VICTIMS = ("gpu worker", "qc worker", "run", "calculation", "server", "database")


@dataclass(slots=True)
class Campaign:
    """The disturbed campaign and what was seen of it."""

    url: str
    home: Path
    port: int
    server: Server | None
    seen: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    def up(self) -> None:
        """Start whatever is missing."""
        words = ("--db", self.url, "--home", str(self.home), "--port", str(self.port), "--every", str(EVERY_S))
        for trial in reversed(range(UP_TRIALS)):
            try:
                cairn("up", *words, "--qc-workers", "2")
                break
            except RuntimeError as error:
                if not trial:
                    raise
                print(error, flush=True)

    def look(self) -> tuple[int, int]:
        """Finished and open calculations; notes what is finished, and what of it is not as it was."""
        rows = query(self.url, "SELECT id, state, attempt, finished_at, finished_by FROM calculation")
        if rows is None:  # the database is away
            return len(self.seen), 1
        finished = {row[0]: tuple(row) for row in rows if row[1] == "done"}
        for number, row in self.seen.items():
            if finished.get(number) != row:
                self.changed.append(f"calculation {number} was {row} and is {finished.get(number)}")
        self.seen = finished
        return len(finished), sum(row[1] in ("pending", "running") for row in rows)

    def rounds_done(self) -> int:
        """Rounds that are over; 0 where the database is away."""
        rows = query(self.url, "SELECT rounds_done FROM campaign")
        return rows[0][0] if rows else 0


def cairn(*words: str) -> None:
    """One command, to its end."""
    done = subprocess.run([sys.executable, "-m", "cli.main", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"cairn {' '.join(words)} failed: {done.stderr[-2000:]}")


def query(url: str, statement: str) -> list[Any] | None:
    """Rows; None where the database cannot be asked now."""
    engine: Engine = create_engine(_parse(url))
    try:
        with engine.connect() as connection:
            return list(connection.execute(text(statement)))
    except DBAPIError:
        return None
    finally:
        engine.dispose()


def asked(url: str, statement: str) -> list[Any]:
    """Rows of a database that is there."""
    rows = query(url, statement)
    if rows is None:
        raise RuntimeError(f"the database cannot be asked: {statement}")
    return rows


def kill(victim: str, campaign: Campaign, rng: random.Random) -> str | None:
    """SIGKILL one victim; returns what was killed, None where there is none of it now."""
    running = {each.name: psutil.Process(each.pid) for each in processes(campaign.home)}
    workers = [process for name, process in running.items() if name.startswith("qc")]
    runs = [child for worker in running.values() for child in worker.children() if worker != running.get("server")]
    with suppress(psutil.NoSuchProcess):
        match victim:
            case "database" if campaign.server is not None:
                campaign.server.kill()
                return "PostgreSQL"
            case "database":
                everything = [each for each in psutil.process_iter() if began_by(each, campaign.home)]
                return _killed(everything, "everything at once")
            case "server":
                return _killed([running["server"]], "Prefect's server")
            case "gpu worker":
                return _killed(_with_children(running["gpu"], rng), "worker of the pool gpu")
            case "qc worker":
                return _killed(_with_children(rng.choice(workers), rng), "worker of the pool qc")
            case "run" if runs:
                return _killed([rng.choice(runs)], "a run")
            case "calculation":
                inner = [each for run in runs for each in run.children(recursive=True) if _calculates(each)]
                return _killed([rng.choice(inner)], "a calculation") if inner else None
    return None


def _with_children(process: psutil.Process, rng: random.Random) -> list[psutil.Process]:
    """A worker alone, whose runs go on without it, or as when its machine goes."""
    return [process, *(process.children(recursive=True) if rng.random() < 0.5 else ())]


def _calculates(process: psutil.Process) -> bool:
    return "spawn_main" in " ".join(process.cmdline())


def _killed(victims: list[psutil.Process], what: str) -> str:
    for each in victims:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(victims, timeout=30)
    return f"{what}, {len(victims)} processes"


def undisturbed(folder: Path) -> str:
    """URL of the network that nothing disturbed; computed once for a folder."""
    file = folder / "calm.db"
    began = time.monotonic()
    cairn("explore", "--config", str(SETTINGS), "--db", f"sqlite:///{file}", "--json")
    print(f"undisturbed: {time.monotonic() - began:.0f} s", flush=True)
    return f"sqlite:///{file}"


@contextmanager
def disturbed(kind: str, folder: Path) -> Iterator[Campaign]:
    """A campaign under `cairn up`, on a database of a kind."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = folder / f"prefect-{kind}"
    shutil.rmtree(home, ignore_errors=True)
    server = Server().__enter__() if kind == "postgresql" else None
    file = folder / f"{kind}.db"
    for each in folder.glob(f"{kind}.db*"):
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    campaign = Campaign(server.url if server is not None else f"sqlite:///{file}", home, port, server)
    try:
        cairn("campaign", "create", "--config", str(SETTINGS), "--db", campaign.url)
        campaign.up()
        yield campaign
    finally:
        cairn("down", "--home", str(home))
        if server is not None:
            server.__exit__(None, None, None)


def disturb(campaign: Campaign, moments: list[int], rng: random.Random, limit_s: float) -> list[str]:
    """Kill at the moments, each a number of finished calculations, until all is complete; returns the kills."""
    victims = [VICTIMS[number % len(VICTIMS)] for number in range(len(moments))]
    rng.shuffle(victims)
    kills: list[str] = []
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        time.sleep(POLL_S)
        finished, left = campaign.look()
        if moments and finished >= moments[0]:
            what = kill(victims[len(kills)], campaign, rng)
            if what is None:
                continue
            moments = moments[1:]
            kills.append(what)
            print(f"{time.monotonic() - began:6.0f} s, {finished:5} finished: killed {what}", flush=True)
            time.sleep(rng.uniform(0, 10))
            if campaign.server is not None and what == "PostgreSQL":
                campaign.server.start()
            campaign.up()
        if not moments and not left and campaign.rounds_done() == DEPTH:
            print(f"complete after {time.monotonic() - began:.0f} s", flush=True)
            return kills
    raise TimeoutError(f"not complete after {limit_s:.0f} s: {finished} finished, {left} open")


def network(url: str) -> dict[str, tuple[Any, ...]]:
    """Decision, outcome, verdict and barrier of every reaction of the campaign."""
    statement = (
        "SELECT s.reaction_key, m.round, m.action, s.outcome, s.verdict, s.barrier_forward_kcal_mol"
        " FROM reaction_summary s JOIN reaction r ON r.key = s.reaction_key"
        " LEFT JOIN reaction_membership m ON m.reaction_id = r.id"
    )
    return {row[0]: tuple(row[1:]) for row in asked(url, statement)}


def bookkeeping(calm: str, campaign: Campaign) -> list[str]:
    """What is wrong with the calculations and their results, in words."""
    work = "SELECT kind, subject_key, level_key, settings_hash, state, outcome FROM calculation"
    first, second = ({tuple(row) for row in asked(url, work)} for url in (calm, campaign.url))
    found = [f"calculations differ: {each}" for each in sorted(first ^ second, key=str)]
    found += [f"not finished: {tuple(each)}" for each in second if each[4] != "done"]
    attempts = (
        "SELECT c.id, c.attempt, COUNT(a.id) FROM calculation c"
        " LEFT JOIN abandoned_attempt a ON a.calculation_id = c.id"
        " GROUP BY c.id, c.attempt HAVING c.attempt <> COUNT(a.id) + 1"
    )
    for number, attempt, abandoned in asked(campaign.url, attempts):
        found.append(f"calculation {number} ended in attempt {attempt} with {abandoned} abandoned")
    return found + campaign.changed


def gone_another_way(calm: str, disturbed_url: str) -> list[str]:
    """Calculations with another number of stored results: last digits decide where a search without a saddle ends."""
    counted = (
        "SELECT c.kind, c.subject_key, (SELECT COUNT(*) FROM transition_state t WHERE t.calculation_id = c.id),"
        " (SELECT COUNT(*) FROM attempt a WHERE a.calculation_id = c.id),"
        " (SELECT COUNT(*) FROM end_points e WHERE e.calculation_id = c.id) FROM calculation c"
    )
    first, second = ({tuple(row[:2]): tuple(row[2:]) for row in asked(url, counted)} for url in (calm, disturbed_url))
    return [
        f"{key[0]} of {key[1]}: {first[key]} and {second[key]} transition states, attempts, end points"
        for key in sorted(set(first) & set(second))
        if first[key] != second[key]
    ]


def main() -> None:
    """Both campaigns, and what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of moments and victims")
    parser.add_argument("--limit-s", type=float, default=7200.0, help="of the disturbed campaign")
    parser.add_argument("--folder", type=Path, default=Path("runs/chaos"), help="databases and logs; calm.db is kept")
    parser.add_argument("--output", type=Path, help="JSON with what was found")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    calm = undisturbed(folder)
    n_calculations = asked(calm, "SELECT COUNT(*) FROM calculation")[0][0]
    rng = random.Random(arguments.seed)
    moments = sorted(rng.sample(range(2, int(0.97 * n_calculations)), arguments.kills))
    with disturbed(arguments.database, folder) as campaign:
        began = time.monotonic()
        kills = disturb(campaign, moments, rng, arguments.limit_s)
        seconds = time.monotonic() - began
        first, second = network(calm), network(campaign.url)
        found = differences(first, second) + bookkeeping(calm, campaign)
        other_ways = gone_another_way(calm, campaign.url)
        reasons = asked(campaign.url, "SELECT reason, COUNT(*) FROM abandoned_attempt GROUP BY reason ORDER BY 2 DESC")
    record = {
        "database": arguments.database,
        "n_reactions": len(first),
        "n_calculations": n_calculations,
        "seconds": seconds,
        "kills": dict(Counter(each.partition(",")[0] for each in kills)),
        "abandoned_attempts": {row[0]: row[1] for row in reasons},
        "differences": found,
        "gone_another_way": other_ways,
    }
    print(json.dumps(record, indent=2))
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(record, indent=2) + "\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
