"""Kill an exploration with SIGKILL at random moments, resume it, and compare its network with an undisturbed one.

Run `python -m benchmarks.kill_and_resume --smiles O=CCO --kills 3`. Same network means: the same reaction keys,
outcomes and verdicts, and barriers within 0.1 kcal/mol. A finished calculation must keep its row as it was.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.same_network import differences


def query(database: Path, statement: str) -> list[tuple]:
    if not database.exists():
        return []
    connection = sqlite3.connect(database, timeout=30)
    try:
        return connection.execute(statement).fetchall()
    except sqlite3.OperationalError:  # not made yet
        return []
    finally:
        connection.close()


def command(smiles: str, database: Path) -> list[str]:
    given = ["--db", f"sqlite:///{database}", "--json", "--generator", "classical", "--verify", "all"]
    return [sys.executable, "-m", "cli.main", "explore", smiles, *given]


def finished(database: Path) -> dict[int, tuple]:
    rows = query(database, "SELECT id, attempt, finished_at, gradient_calls FROM calculation WHERE state = 'done'")
    return {row[0]: row for row in rows}


def network(database: Path) -> dict[str, tuple]:
    rows = query(database, "SELECT reaction_key, outcome, verdict, barrier_forward_kcal_mol FROM reaction_summary")
    return {row[0]: row[1:] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smiles", default="O=CCO")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--folder", type=Path, help="where the databases go; default: a temporary folder")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="cairn-kill-"))
    folder.mkdir(parents=True, exist_ok=True)
    calm, killed = folder / "undisturbed.db", folder / "killed.db"
    began = time.monotonic()
    subprocess.run(command(arguments.smiles, calm), check=True, stdout=subprocess.DEVNULL)
    spent, done = time.monotonic() - began, len(finished(calm))
    print(f"undisturbed: {spent:.0f} s, {done} calculations, {len(network(calm))} reactions", flush=True)
    moments = sorted(random.Random(arguments.seed).sample(range(1, done), arguments.kills))
    repeated, known = 0, {}
    for moment in moments:
        process = subprocess.Popen(command(arguments.smiles, killed), stdout=subprocess.DEVNULL)
        while process.poll() is None and len(finished(killed)) < moment:
            time.sleep(0.05)
        process.kill()
        process.wait()
        now = finished(killed)
        repeated += sum(now[number] != row for number, row in known.items())
        known = now
        print(f"killed with {len(known)} calculations finished")
    subprocess.run(command(arguments.smiles, killed), check=True, stdout=subprocess.DEVNULL)
    after = finished(killed)
    repeated += sum(after[number] != row for number, row in known.items())
    abandoned = query(killed, "SELECT COUNT(*) FROM abandoned_attempt")[0][0]
    found = differences(network(calm), network(killed))
    print(f"resumed: {len(after)} calculations, {abandoned} abandoned attempts recorded")
    print(f"finished calculations that ran again: {repeated}")
    print("same network" if not found else "\n".join(["networks differ:", *found]))
    sys.exit(bool(found or repeated))


if __name__ == "__main__":
    main()
