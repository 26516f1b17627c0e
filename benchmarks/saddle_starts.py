"""How often, and at what cost, Sella finds the right saddle from a generated, a classical and the true structure.

The right saddle is the one reached from the published transition state, within 0.5 kcal/mol. All starts run at one
level with the same checks; a search is one start and nothing else. With `--ends published` the published ends are
relaxed at the level first; with `--ends prepared` Cairn makes its own ends from the mapped SMILES, as a campaign does:
other conformers, and where SMILES name no hand either hand, so deviations are lenient ones there.

Data: Spiekermann, Pattanaik, Green, Sci. Data 9, 417 (2022), as one npz with the arrays rxn, offset, numbers, reactant,
ts, product, smiles and split; what `cairn export training` writes; the `joined.npz` of a run of `cairn learn`; or, with
`--large`, twenty reactions of molecules with 24 to 50 atoms, from their SMILES.

    OMP_NUM_THREADS=1 python benchmarks/saddle_starts.py --data rdb7.npz --split test -n 60 --workers 2
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import settings_of
from chem.endpoints import prepare_end_points
from chem.errors import CalculationError
from chem.generator import EndPoints
from chem.guess import ClassicalGenerator, changing_bonds
from chem.identity import make_reaction, mapping_form
from chem.levels import resolve_level
from chem.outcomes import Outcome
from chem.perception import perceive_graph
from chem.polish import polish
from chem.potential import GradientCounter
from chem.ranking import auroc, calibration_error
from chem.reaction_direction import reaction_direction
from chem.relax import relax
from chem.saddle import find_saddle
from chem.search import SearchSettings, search_transition_state
from chem.smiles import parse_smiles
from chem.ts_errors import lenient_rmsd, relabellings, strict_rmsd
from chem.types import Geometry, TSCandidate
from chem.units import kcal_mol
from models.candidate_refiner import CandidateRefiner
from models.evaluation.confidence_summary import RIGHT_BELOW_ANGSTROM
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig
from tasks.workers import WorkerLimits, WorkerPool

SAME_SADDLE_KCAL_MOL = 0.5
SADDLE_CALLS = 300
WALKED = "recommended, walked by the force field"
WAYS = ("true", "recommended", "recommended, polished", WALKED, "classical")


def load(path: Path, split: str, number: int, seed: int) -> list[dict[str, Any]]:
    """Reactions drawn with a seed, as published."""
    with np.load(path) as data:
        names = ("offset", "numbers", "reactant", "ts", "product", "split", "smiles")
        arrays = {name: data[name] for name in names}
        arrays["rxn"] = data["rxn"] if "rxn" in data else np.arange(len(arrays["split"]))  # an export has no numbers
    rows = np.flatnonzero(arrays["split"] == split)
    chosen = np.random.default_rng(seed).choice(rows, size=min(number, rows.size), replace=False)
    reactions = []
    for row in chosen:
        atoms = slice(arrays["offset"][row], arrays["offset"][row + 1])
        sides = {
            side: Geometry(numbers=arrays["numbers"][atoms], positions=arrays[side][atoms])
            for side in ("reactant", "ts", "product")
        }
        reactions.append({"rxn": arrays["rxn"][row].item(), "smiles": str(arrays["smiles"][row]), **sides})
    return reactions


def ends_of(reaction: dict[str, Any], level_name: str, source: str) -> dict[str, Any]:
    """End points of one reaction, or why there are none."""
    level = resolve_level(level_name)
    if source == "prepared":
        before, after = (parse_smiles(side) for side in reaction["smiles"].split(">>"))
        numbered = make_reaction(before, after)
        made = prepare_end_points(numbered, level)
        if made.failure is not None:
            return {**reaction, "skipped": f"ends: {made.failure.kind}"}
        if "ts" in reaction:  # the preparation numbers the atoms anew
            order = np.empty(reaction["ts"].n_atoms, dtype=np.int64)
            order[list(mapping_form(numbered.reactant_graph, numbered.product_graph).order)] = mapping_form(
                before, after
            ).order
            reaction = {**reaction, "ts": reaction["ts"].permuted(order)}
        return {**reaction, "ends": made.end_points[0]}
    try:
        sides = [relax(reaction[side], level, GradientCounter(budget=1000)) for side in ("reactant", "product")]
    except CalculationError as error:
        return {**reaction, "skipped": f"ends: {error.kind}"}
    for side, relaxed in zip(("reactant", "product"), sides, strict=True):
        if perceive_graph(reaction[side]).bonds != perceive_graph(relaxed.geometry).bonds:
            return {**reaction, "skipped": "ends: collapsed"}
    ends = EndPoints(reactant=sides[0].geometry, product=sides[1].geometry)
    if not any(changing_bonds(ends)):
        return {**reaction, "skipped": "ends: no bond changes"}
    return {**reaction, "ends": ends}


def deviation(start: Geometry, true: Geometry, ends: EndPoints, source: str) -> float:
    """From the published transition state, Angstrom; lenient and capped where SMILES left hands and hydrogens open."""
    if source == "published":
        return strict_rmsd(start.positions, true.positions)
    return lenient_rmsd(start.positions, true.positions, relabellings(ends))


def from_start(start: Geometry, ends: EndPoints, level_name: str, polish_calls: int) -> dict[str, Any]:
    """One search from one start."""
    level, counter = resolve_level(level_name), GradientCounter(budget=SADDLE_CALLS)
    try:
        if polish_calls:
            start = polish(start, ends, level, counter, polish_calls).geometry
        saddle = find_saddle(start, level, counter, direction=reaction_direction(start.positions, ends))
    except CalculationError as error:
        return {"converged": False, "failure": error.kind, "saddle_calls": counter.calls, "intended": False}
    settings = SearchSettings(use_neb=False, polish_steps=0)
    result = search_transition_state(ends, [TSCandidate(geometry=saddle.geometry, generator="saddle")], level, settings)
    return {
        "converged": True,
        "energy_ev": saddle.energy_ev,
        "saddle_calls": counter.calls,
        "intended": result.outcome is Outcome.INTENDED,
    }


def run_one(work: dict[str, Any], level_name: str, polish_calls: int) -> dict[str, Any]:
    """All starts of one reaction."""
    row = {key: work[key] for key in ("rxn", "confidence", "rmsd_angstrom", "walked_rmsd_angstrom") if key in work}
    row["n_atoms"] = work["ends"].reactant.n_atoms
    for way, start in work["starts"].items():
        calls = polish_calls if way.endswith("polished") else 0
        row[way] = from_start(start, work["ends"], level_name, calls)
    return row


def prepare(
    reactions: Sequence[dict[str, Any]], arguments: argparse.Namespace, pool: WorkerPool
) -> list[dict[str, Any]]:
    """Ends and starts of every reaction."""
    job = partial(ends_of, level_name=arguments.level, source=arguments.ends)
    made = [finished.value for finished in pool.run(job, iter(reactions)) if finished.fault is None]
    generator = DiffusionGenerator(
        checkpoint=arguments.checkpoint,
        confidence=arguments.confidence,
        sampling=SamplingConfig(n_samples=arguments.samples),
        scored=not arguments.unscored,
    )
    able = [work for work in made if "skipped" not in work]
    candidates = generator.generate([work["ends"] for work in able])
    firsts = [guessed[0] for guessed in candidates]
    walked = []
    if WALKED in arguments.starts:
        walked = CandidateRefiner().look(firsts, [work["ends"] for work in able], arguments.walk)
    for place, (work, best) in enumerate(zip(able, firsts, strict=True)):
        work["starts"] = {"recommended": best.geometry, "recommended, polished": best.geometry}
        if walked and (opinion := walked[place]) is not None:
            work["starts"][WALKED] = opinion.geometry
        classical = ClassicalGenerator(1).generate([work["ends"]])[0][0]
        work["starts"]["classical"] = classical.geometry
        if "ts" in work:
            work["starts"]["true"] = work["ts"]
            work["rmsd_angstrom"] = deviation(best.geometry, work["ts"], work["ends"], arguments.ends)
            if WALKED in work["starts"]:
                moved = work["starts"][WALKED]
                work["walked_rmsd_angstrom"] = deviation(moved, work["ts"], work["ends"], arguments.ends)
        work["starts"] = {way: work["starts"][way] for way in arguments.starts if way in work["starts"]}
        work["confidence"] = best.confidence
    return made


def same_saddle(row: dict[str, Any], way: str) -> bool | None:
    """Whether a start reached the saddle that lies at the true one; None where that is not known."""
    if not row.get("true", {}).get("converged"):
        return None
    if not row[way]["converged"]:
        return False
    return abs(kcal_mol(row[way]["energy_ev"] - row["true"]["energy_ev"])) < SAME_SADDLE_KCAL_MOL


def table(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Shares and calls of every start."""
    result = {}
    for way in WAYS:
        own = [row for row in rows if way in row]
        if not own:
            continue
        same = [value for row in own if (value := same_saddle(row, way)) is not None]
        calls = [row[way]["saddle_calls"] for row in own]
        result[way] = {
            "n": len(own),
            "converged": float(np.mean([row[way]["converged"] for row in own])),
            "same_saddle": float(np.mean(same)) if same else float("nan"),
            "n_same": len(same),
            "intended": float(np.mean([row[way]["intended"] for row in own])),
            "calls_median": float(np.median(calls)),
            "calls_mean": float(np.mean(calls)),
        }
    return result


def trust(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """What the confidence in the recommended starts says, and what they are: near the published structure, intended."""
    scored = [row for row in rows if row.get("confidence") is not None and "recommended" in row]
    if not scored:
        return {}
    confidences = [row["confidence"] for row in scored]
    intended = [row["recommended"]["intended"] for row in scored]
    told: dict[str, float | None] = {
        "n": len(scored),
        "confidence": float(np.mean(confidences)),
        "intended": float(np.mean(intended)),
        "auroc_of_intended": auroc(confidences, intended),
    }
    if all("rmsd_angstrom" in row for row in scored):
        deviations = np.array([row["rmsd_angstrom"] for row in scored])
        right = deviations < RIGHT_BELOW_ANGSTROM
        told |= {
            "rmsd_median_angstrom": float(np.median(deviations)),
            "right": float(right.mean()),
            "auroc_of_right": auroc(confidences, right),
            "calibration_error": calibration_error(confidences, right),
        }
    return told


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="rdb7.npz")
    parser.add_argument("--large", type=Path, help="mapped reaction SMILES, one a line, instead of --data")
    parser.add_argument("--split", default="test")
    parser.add_argument("-n", type=int, default=60, help="reactions drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ends", choices=("published", "prepared"), default="published")
    parser.add_argument("--level", default="gfn2")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--polish", type=int, default=15, help="gradient calls of the polish")
    parser.add_argument("--walk", type=int, default=5, help="steps of the walk on the shipped force field")
    parser.add_argument("--starts", nargs="+", choices=WAYS, default=WAYS, help="default: all of them")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--confidence", type=Path)
    parser.add_argument("--unscored", action="store_true", help="take the deterministic sample; needs no confidence")
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    if arguments.large is not None:
        arguments.ends = "prepared"
        lines = [line.split()[0] for line in arguments.large.read_text().splitlines() if line.strip()]
        reactions = [{"rxn": number, "smiles": line} for number, line in enumerate(lines)]
    else:
        reactions = load(arguments.data, arguments.split, arguments.n, arguments.seed)
    pool = WorkerPool(WorkerLimits(n_workers=arguments.workers))
    rows = []
    try:
        made = prepare(reactions, arguments, pool)
        able = [work for work in made if "skipped" not in work]
        job = partial(run_one, level_name=arguments.level, polish_calls=arguments.polish)
        for finished in pool.run(job, iter(able)):
            if finished.fault is not None:
                print(f"a worker failed: {finished.fault}")
                continue
            rows.append(finished.value)
            told = ", ".join(
                f"{way}: {'' if finished.value[way]['converged'] else 'not converged '}"
                f"{finished.value[way]['saddle_calls']}"
                for way in WAYS
                if way in finished.value
            )
            if arguments.json is not None:  # after each, so that an interrupted run leaves what it has
                arguments.json.write_text(json.dumps({"rows": rows}, indent=1))
            print(f"{len(rows):4d}/{len(able)} rxn {finished.value['rxn']!s:>6}  {told}", flush=True)
    finally:
        pool.close()
    results = table(rows)
    print(
        f"\n{len(rows)} reactions, {len(reactions) - len(rows)} left out, seed {arguments.seed}, {arguments.ends} ends"
    )
    print("| start | n | converged | same saddle (n) | intended | calls to the saddle, median | mean |")
    print("|---|---|---|---|---|---|---|")
    for way, value in results.items():
        print(
            f"| {way} | {value['n']} | {value['converged']:.2f} | {value['same_saddle']:.2f} ({value['n_same']})"
            f" | {value['intended']:.2f} | {value['calls_median']:.0f} | {value['calls_mean']:.0f} |"
        )
    about = trust(rows)
    told = (f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in about.items())
    print("recommended:", ", ".join(told))
    if arguments.json is not None:
        arguments.json.write_text(
            json.dumps(
                {"settings": settings_of(arguments), "table": results, "recommended": about, "rows": rows}, indent=1
            )
        )


if __name__ == "__main__":
    main()
