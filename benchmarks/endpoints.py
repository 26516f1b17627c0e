"""End points of enumerated reactions: how many keep their species, how far the ends lie apart, what they cost.

Run `OMP_NUM_THREADS=1 python benchmarks/endpoints.py` for all reactions of the molecules below, or name others.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rdkit import RDLogger

from chem.endpoints import prepare_end_points
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.half_way import EndPointSettings
from chem.levels import resolve_level
from chem.smiles import parse_smiles
from chem.types import LevelOfTheory, Reaction

MOLECULES = ("O=CCCOO", "O=CCO", "C=CC", "CC=O", "CCOC=O", "C=C.O")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What preparing one reaction brought."""

    reaction: str
    failure: str
    message: str
    n_pairs: int
    motion_angstrom: float | None
    gradient_calls: int
    cpu_seconds: float


def prepare(reaction: Reaction, level: LevelOfTheory, settings: EndPointSettings) -> Row:
    began = time.process_time()
    prepared = prepare_end_points(reaction, level, settings)
    sides = (".".join(species.smiles for species in side) for side in (reaction.reactants, reaction.products))
    return Row(
        reaction=">>".join(sides),
        failure="" if prepared.failure is None else prepared.failure.kind,
        message="" if prepared.failure is None else prepared.failure.message,
        n_pairs=len(prepared.pairs),
        motion_angstrom=prepared.pairs[0].motion_angstrom if prepared.pairs else None,
        gradient_calls=prepared.gradient_calls,
        cpu_seconds=time.process_time() - began,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smiles", nargs="*", default=MOLECULES)
    parser.add_argument("--level", default="gfn2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--zwitterions", action="store_true", help="enumerate products with separated charges too")
    parser.add_argument("--carbenes", action="store_true", help="enumerate carbenes too")
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    level, settings = resolve_level(arguments.level), EndPointSettings(seed=arguments.seed)
    rules = EnumerationRules(zwitterions=arguments.zwitterions, carbenes=arguments.carbenes)
    every: list[Row] = []
    print("| molecule | reactions | with end points | pairs mean | motion median Angstrom | calls mean | CPU s mean |")
    print("|---|---|---|---|---|---|---|")
    for smiles in arguments.smiles:
        rows = [prepare(each, level, settings) for each in enumerate_reactions(parse_smiles(smiles), rules)]
        every += rows
        motions = [row.motion_angstrom for row in rows if row.motion_angstrom is not None]
        print(
            f"| {smiles} | {len(rows)} | {len(motions)} | {np.mean([row.n_pairs for row in rows]):.1f}"
            f" | {np.median(motions) if motions else float('nan'):.2f}"
            f" | {np.mean([row.gradient_calls for row in rows]):.0f}"
            f" | {np.mean([row.cpu_seconds for row in rows]):.2f} |",
            flush=True,
        )
    for kind, number in Counter(row.failure for row in every if row.failure).items():
        print(f"\n{number} {kind}:")
        for row in every:
            if row.failure == kind:
                print(f"  {row.reaction}: {row.message}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in every], indent=1))


if __name__ == "__main__":
    main()
