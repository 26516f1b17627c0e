"""How often, and at what cost, the transition-state search finds the intended reaction.

Three ways over the same reactions of RDB7, at the same level and with the same checks:

- `cairn`: classical guesses, raw and polished, then a nudged elastic band if they fail: the whole search.
- `neb + sella`: climbing-image band, then Sella: the customary way.
- `true ts`: Sella from the published transition state: the ceiling that no guess can beat.

The ends are relaxed at the level first, outside the counts; reactions whose ends change their bonds by that are left
out and counted. Data: Spiekermann, Pattanaik, Green, Sci. Data 9, 417 (2022), as one npz with the arrays rxn, offset,
numbers, reactant, ts, product and split.

    OMP_NUM_THREADS=1 python benchmarks/ts_search.py --data rdb7.npz -n 60 --workers 2 --json ts_search.json
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import settings_of
from chem.errors import CalculationError
from chem.generator import EndPoints
from chem.guess import ClassicalGenerator
from chem.levels import resolve_level
from chem.outcomes import SearchResult
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.relax import relax
from chem.search import SearchSettings, search_transition_state
from chem.types import Geometry, TSCandidate
from chem.units import kcal_mol

SAME_SADDLE_KCAL_MOL = 0.5
WAYS = ("cairn", "neb + sella", "true ts")


def load(path: Path, split: str, number: int, seed: int) -> list[tuple[int, Geometry, Geometry, Geometry]]:
    """Reactions drawn with a seed: id, reactant, transition state, product."""
    with np.load(path) as data:
        arrays = {name: data[name] for name in ("rxn", "offset", "numbers", "reactant", "ts", "product", "split")}
    rows = np.flatnonzero(arrays["split"] == split)
    if not rows.size:
        known = ", ".join(sorted(set(arrays["split"].tolist())))
        raise SystemExit(f"no split {split!r} in {path}; it has {known}")
    chosen = np.random.default_rng(seed).choice(rows, size=min(number, rows.size), replace=False)
    reactions = []
    for row in chosen:
        atoms = slice(arrays["offset"][row], arrays["offset"][row + 1])
        reactant, ts, product = (
            Geometry(numbers=arrays["numbers"][atoms], positions=arrays[side][atoms])
            for side in ("reactant", "ts", "product")
        )
        reactions.append((int(arrays["rxn"][row]), reactant, ts, product))
    return reactions


def summary(result: SearchResult, seconds: float, cpu_seconds: float) -> dict[str, Any]:
    energies = [
        attempt.transition_state.energy_ev for attempt in result.attempts if attempt.transition_state is not None
    ]
    best = result.best
    return {
        "outcome": str(result.outcome),
        "start": best.start,
        "failure": None if best.failure is None else f"{best.failure.stage}/{best.failure.kind}",
        "gradient_calls": result.gradient_calls,
        "attempts": len(result.attempts),
        "energies_ev": energies,
        "first_energy_ev": None
        if result.attempts[0].transition_state is None
        else result.attempts[0].transition_state.energy_ev,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }


def run_one(reaction: tuple[int, Geometry, Geometry, Geometry], level_name: str, candidates: int) -> dict[str, Any]:
    """All three ways for one reaction."""
    number, reactant, ts, product = reaction
    level = resolve_level(level_name)
    row: dict[str, Any] = {"rxn": number, "n_atoms": reactant.n_atoms}
    try:
        relaxed = [relax(geometry, level, GradientCounter(budget=1000)) for geometry in (reactant, product)]
    except CalculationError as error:
        return row | {"skipped": f"ends: {error.kind}"}
    for before, after in zip((reactant, product), relaxed, strict=True):
        if perceive_graph(before).bonds != perceive_graph(after.geometry).bonds:
            return row | {"skipped": "ends: collapsed"}
    ends = EndPoints(reactant=relaxed[0].geometry, product=relaxed[1].geometry)
    if perceive_graph(ends.reactant).bonds == perceive_graph(ends.product).bonds:
        return row | {"skipped": "ends: no bond changes"}
    guesses = ClassicalGenerator(candidates).generate([ends])[0]
    ways: dict[str, tuple[list[TSCandidate], bool]] = {
        "cairn": (guesses, True),
        "neb + sella": ([], True),
        "true ts": ([TSCandidate(geometry=ts, generator="true")], False),
    }
    usual = SearchSettings().polish_steps
    for way, (starts, use_neb) in ways.items():
        polish = usual if way == "cairn" else 0
        began, cpu = time.perf_counter(), time.process_time()
        result = search_transition_state(ends, starts, level, SearchSettings(use_neb=use_neb, polish_steps=polish))
        row[way] = summary(result, time.perf_counter() - began, time.process_time() - cpu)
    return row


def same_saddle(row: dict[str, Any], way: str) -> bool | None:
    """Whether any attempt of a way reached the saddle that lies at the true one; None where that is not known."""
    reference = row["true ts"]["first_energy_ev"]
    if reference is None:
        return None
    return any(abs(kcal_mol(energy - reference)) < SAME_SADDLE_KCAL_MOL for energy in row[way]["energies_ev"])


def table(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    done = [row for row in rows if "skipped" not in row]
    result: dict[str, dict[str, float]] = {}
    for way in WAYS:
        calls = np.array([row[way]["gradient_calls"] for row in done])
        same = [value for row in done if (value := same_saddle(row, way)) is not None]
        outcomes = [row[way]["outcome"] for row in done]
        result[way] = {
            **{name: outcomes.count(name) / len(done) for name in ("intended", "unintended", "failed")},
            "calls_median": float(np.median(calls)),
            "calls_mean": float(calls.mean()),
            "same_saddle": float(np.mean(same)) if same else float("nan"),
            "wall_seconds_mean": float(np.mean([row[way]["seconds"] for row in done])),
            "cpu_seconds_mean": float(np.mean([row[way]["cpu_seconds"] for row in done])),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="rdb7.npz")
    parser.add_argument("--split", default="test")
    parser.add_argument("-n", type=int, default=60, help="reactions drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--level", default="gfn2")
    parser.add_argument("--candidates", type=int, default=3, help="classical guesses of each reaction")
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    reactions = load(arguments.data, arguments.split, arguments.n, arguments.seed)
    work = partial(run_one, level_name=arguments.level, candidates=arguments.candidates)
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(work, reaction) for reaction in reactions]):
            row = future.result()
            rows.append(row)
            told = row.get("skipped") or ", ".join(
                f"{way}: {row[way]['outcome']} {row[way]['gradient_calls']}" for way in WAYS
            )
            print(f"{len(rows):4d}/{len(reactions)} rxn {row['rxn']:6d} {row['n_atoms']:3d} atoms  {told}", flush=True)
    rows.sort(key=lambda row: row["rxn"])
    skipped = [row for row in rows if "skipped" in row]
    print(f"\n{len(rows) - len(skipped)} reactions, {len(skipped)} left out, seed {arguments.seed}, {arguments.level}")
    if len(skipped) == len(rows):
        raise SystemExit("nothing was left to compare")
    results = table(rows)
    print("| way | intended | unintended | failed | calls median | mean | same saddle | wall s | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for way, value in results.items():
        print(
            f"| {way} | {value['intended']:.2f} | {value['unintended']:.2f} | {value['failed']:.2f}"
            f" | {value['calls_median']:.0f} | {value['calls_mean']:.0f} | {value['same_saddle']:.2f}"
            f" | {value['wall_seconds_mean']:.1f} | {value['cpu_seconds_mean']:.1f} |"
        )
    if arguments.json is not None:
        arguments.json.write_text(
            json.dumps({"settings": settings_of(arguments), "table": results, "rows": rows}, indent=1)
        )


if __name__ == "__main__":
    main()
