"""One network explored with each of the further models on and off, side by side.

    OMP_NUM_THREADS=1 python -m benchmarks.switches O=CCCOO --verify all --folder runs/switches

Each way explores into a database of its own, by the same command; printed are reactions, how many were verified,
gradient calls by stage, and wall time. A way that has its result in the folder is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WAYS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "guesses by MMFF94": {"relaxation": {"method": "mmff94"}},
    "guesses by MoreRed": {"relaxation": {"method": "morered-jt"}},
    "candidates walked by the force field": {"refinement": {"method": "potential"}},
    "candidates doubted by the force field": {
        "refinement": {"method": "potential", "steps": 0, "starts": 0, "largest_force_ev_per_angstrom": 4.0}
    },
    "band by the force field": {"search": {"neb_level": "potential"}},
    "ends doubted by DiG": {"outliers": {"least_log_likelihood": 0.55}},
}


def explored(way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The JSON of one exploration with its wall time."""
    name = way.replace(" ", "_")
    kept = arguments.folder / f"{name}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    settings = {**WAYS[way], "seeds": [arguments.seed], "verify": arguments.verify}
    file = arguments.folder / f"{name}.yaml"
    file.write_text(json.dumps(settings))  # JSON is YAML
    database = f"sqlite:///{(arguments.folder / f'{name}.db').resolve()}"
    command = [sys.executable, "-m", "cli.main", "explore", "--config", str(file), "--db", database, "--json"]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    record: dict[str, Any] = json.loads(done.stdout)
    record["wall_seconds"] = time.perf_counter() - began
    kept.write_text(json.dumps(record))
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", nargs="?", default="O=CCCOO", help="SMILES")
    parser.add_argument("--verify", default="all", choices=["all", "triage"])
    parser.add_argument("--way", action="append", choices=list(WAYS), help="only these; may be given more than once")
    parser.add_argument("--folder", type=Path, default=Path("runs/switches"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    print("| way | reactions | by state | gradient calls | by stage | wall time, s |")
    print("|---|---|---|---|---|---|")
    for way in arguments.way or WAYS:
        record = explored(way, arguments)
        states = ", ".join(f"{name} {count}" for name, count in record["reactions_by_state"].items() if count)
        stages = ", ".join(f"{name} {calls}" for name, calls in record["gradient_calls_by_stage"].items())
        print(
            f"| {way} | {record['n_reactions']} | {states} | {record['gradient_calls']} | {stages}"
            f" | {record['wall_seconds']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
