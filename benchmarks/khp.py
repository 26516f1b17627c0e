"""Every enumerated reaction of 3-hydroperoxypropanal (KHP): end points, classical guesses, saddle search, verdict.

Run `OMP_NUM_THREADS=1 python benchmarks/khp.py --channels khp_channels.csv`. The channels are a table with the columns
`product_smiles` and `dE0_kcal_mol` (lines that start with # are skipped). A channel counts as found when any verified
transition state connects KHP with its products, whichever search found it.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rdkit import RDLogger

from chem.endpoint_checks import species_found
from chem.endpoints import EndPointSettings, prepare_end_points
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.guess import ClassicalGenerator
from chem.identity import split_species
from chem.potential import resolve_level
from chem.search import SearchSettings, search_transition_state
from chem.smiles import parse_smiles
from chem.types import Attempt, Geometry, Outcome, Reaction
from chem.units import kcal_mol

HYDROPEROXIDE = "O=CCCOO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one reaction."""

    key: str
    products: str
    outcome: str
    stage: str = ""
    kind: str = ""
    barrier_kcal_mol: float | None = None
    n_pairs: int = 0
    prepare_calls: int = 0
    prepare_cpu_seconds: float = 0.0
    search_calls: int = 0
    search_cpu_seconds: float = 0.0
    attempts: int = 0
    # (species keys of one end, of the other, barrier from the first end) of each transition state that leads somewhere
    links: tuple[tuple[str, str, float], ...] = field(default=())


def ends_key(geometry: Geometry) -> str:
    """Species of a geometry without their stereo layer, as one string; empty without a Lewis structure."""
    return ".".join(sorted(species.key for species in species_found(geometry)))


def links_of(attempt: Attempt) -> list[tuple[str, str, float]]:
    """The transition state of an attempt read in both directions; nothing where it failed a check."""
    state = attempt.transition_state
    if attempt.outcome is Outcome.FAILED or state is None or state.reactant_end is None or state.product_end is None:
        return []
    first, last = ends_key(state.reactant_end), ends_key(state.product_end)
    barrier = state.barrier
    if barrier is None or not first or not last:
        return []
    return [(first, last, kcal_mol(barrier.forward_ev)), (last, first, kcal_mol(barrier.reverse_ev))]


def run_one(
    reaction: Reaction, ends: EndPointSettings, search: SearchSettings, candidates: int, level_name: str
) -> Row:
    RDLogger.DisableLog("rdApp.*")
    level = resolve_level(level_name)
    products = ".".join(species.smiles for species in reaction.products)
    began = time.process_time()
    prepared = prepare_end_points(reaction, level, ends)
    spent = time.process_time() - began
    if prepared.failure is not None:
        return Row(
            key=reaction.key,
            products=products,
            outcome=Outcome.FAILED,
            stage=prepared.failure.stage,
            kind=prepared.failure.kind,
            prepare_calls=prepared.gradient_calls,
            prepare_cpu_seconds=spent,
        )
    lists = ClassicalGenerator(candidates).generate(prepared.end_points)
    # The first guess of every pair before the second of any.
    starts = [each for each in chain.from_iterable(zip_longest(*lists)) if each is not None]
    began = time.process_time()
    result = search_transition_state(prepared.end_points[0], starts, level, search)
    best = result.best
    barrier = best.transition_state.barrier if best.transition_state is not None else None
    return Row(
        key=reaction.key,
        products=products,
        outcome=result.outcome,
        stage=best.failure.stage if best.failure is not None else "",
        kind=best.failure.kind if best.failure is not None else "",
        barrier_kcal_mol=kcal_mol(barrier.forward_ev)
        if barrier is not None and result.outcome is Outcome.INTENDED
        else None,
        n_pairs=len(prepared.pairs),
        prepare_calls=prepared.gradient_calls,
        prepare_cpu_seconds=spent,
        search_calls=result.gradient_calls,
        search_cpu_seconds=time.process_time() - began,
        attempts=len(result.attempts),
        links=tuple(link for attempt in result.attempts for link in links_of(attempt)),
    )


def show_reactions(rows: list[Row]) -> None:
    print("| products | reaction | outcome | lost at | barrier kcal/mol | attempts | gradient calls |")
    print("|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: (row.products, row.key)):
        barrier = "" if row.barrier_kcal_mol is None else f"{row.barrier_kcal_mol:.1f}"
        lost = f"{row.stage} ({row.kind})" if row.stage else ""
        print(
            f"| {row.products} | {row.key} | {row.outcome} | {lost} | {barrier} | {row.attempts}"
            f" | {row.prepare_calls + row.search_calls} |"
        )
    number = len(rows)
    for outcome in Outcome:
        print(f"{outcome}: {sum(row.outcome == outcome for row in rows)} of {number}")
    for name in ("prepare_calls", "prepare_cpu_seconds", "search_calls", "search_cpu_seconds"):
        values = [getattr(row, name) for row in rows]
        print(f"{name}: mean {sum(values) / number:.1f}, sum {sum(values):.0f}")


def show_channels(rows: list[Row], channels: Path) -> list[dict[str, Any]]:
    """Print and return the channels: lowest barrier found, by which searches, and what their own searches ended in."""
    start = ".".join(species.key for species in split_species(parse_smiles(HYDROPEROXIDE)))
    table: list[dict[str, Any]] = []
    print("\n| channel | reaction | outcome | lost at | barrier kcal/mol (reference) | gradient calls | found by |")
    print("|---|---|---|---|---|---|---|")
    with channels.open(encoding="utf-8") as lines:
        for line in csv.DictReader(each for each in lines if not each.startswith("#")):
            graph = parse_smiles(line["product_smiles"]).without_stereo()
            products = ".".join(sorted(species.key for species in split_species(graph)))
            own = [row for row in rows if row.products == ".".join(s.smiles for s in split_species(graph))]
            hits = [(link[2], row) for row in rows for link in row.links if link[:2] == (start, products)]
            barrier = min((height for height, _ in hits), default=None)
            by = sorted({"own search" if row in own else f"search for {row.products}" for _, row in hits})
            table.append({**line, "barrier_kcal_mol": barrier, "found": bool(hits), "by": by})
            height = "" if barrier is None else f"{barrier:.1f}"
            lost = "; ".join(f"{row.stage} ({row.kind})" for row in own if row.stage)
            print(
                f"| {line['product_smiles']} | {' '.join(row.key for row in own) or 'not enumerated'}"
                f" | {' '.join(row.outcome for row in own)} | {lost} | {height} ({line['dE0_kcal_mol']})"
                f" | {sum(row.prepare_calls + row.search_calls for row in own)} | {', '.join(by)} |"
            )
    print(f"channels found and verified: {sum(each['found'] for each in table)} of {len(table)}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=Path, help="table of known channels")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--level", default="gfn2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--conformers", type=int, default=3, help="pairs of end points of each reaction")
    parser.add_argument("--candidates", type=int, default=1, help="classical guesses from each pair")
    parser.add_argument("--no-band", action="store_true", help="leave out the nudged elastic band")
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    reactions = enumerate_reactions(parse_smiles(HYDROPEROXIDE), EnumerationRules())
    work = partial(
        run_one,
        ends=EndPointSettings(
            n_conformers=arguments.conformers, n_attempts=2 * arguments.conformers, seed=arguments.seed
        ),
        search=SearchSettings(use_neb=not arguments.no_band),
        candidates=arguments.candidates,
        level_name=arguments.level,
    )
    rows: list[Row] = []
    began = time.perf_counter()
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn"), max_tasks_per_child=12) as pool:
        for future in as_completed([pool.submit(work, reaction) for reaction in reactions]):
            rows.append(future.result())
            row = rows[-1]
            print(f"{len(rows):3d}/{len(reactions)} {row.products}: {row.outcome} {row.kind}", flush=True)
    print(f"\n{len(rows)} reactions, {arguments.level}, {time.perf_counter() - began:.0f} s wall\n")
    show_reactions(rows)
    table = show_channels(rows, arguments.channels) if arguments.channels is not None else []
    if arguments.json is not None:
        content = [{name: getattr(row, name) for name in Row.__slots__} for row in rows]
        settings = {key: str(value) for key, value in vars(arguments).items()}
        arguments.json.write_text(json.dumps({"settings": settings, "rows": content, "channels": table}, indent=1))


if __name__ == "__main__":
    main()
