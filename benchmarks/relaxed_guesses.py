"""Guessed end points relaxed before GFN2-xTB: what each way saves, and what it breaks.

    OMP_NUM_THREADS=1 python -m benchmarks.relaxed_guesses -n 200 --method mmff94 --method morered-jt=FILE

The ends of enumerated reactions are guessed once; each way relaxes the same guesses, and end points are then prepared
from them. The gradient calls are those of the preparation, to which the guesses add the same for every way.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from rdkit import RDLogger

from benchmarks.endpoints import MOLECULES
from chem.endpoints import prepare_end_points
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.generator import EndPoints
from chem.half_way import EndPointSettings, guess_ends
from chem.levels import resolve_level
from chem.perception import perceive_graph
from chem.smiles import parse_smiles
from chem.types import Reaction
from tasks.model_settings import RelaxationSettings
from tasks.relaxed_guesses import relaxed_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One reaction prepared from guesses that were relaxed one way."""

    method: str
    reaction: str
    n_pairs: int
    failure: str
    sides_with_their_bonds: float
    gradient_calls: int
    seconds: float
    relaxing_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smiles", nargs="*", default=MOLECULES)
    parser.add_argument("-n", type=int, default=200, help="reactions at most")
    parser.add_argument("--method", action="append", default=[], metavar="METHOD[=FILE]", help="besides none")
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    ways = [RelaxationSettings()]
    for word in arguments.method:
        method, _, file = word.partition("=")
        ways.append(RelaxationSettings(method=method, checkpoint=Path(file) if file else None))
    level, settings = resolve_level("gfn2"), EndPointSettings()
    enumerated = (
        reaction
        for smiles in arguments.smiles
        for reaction in enumerate_reactions(parse_smiles(smiles), EnumerationRules())
    )
    guessed = [(reaction, guess_ends(reaction, level, settings)) for reaction in islice(enumerated, arguments.n)]
    every = [row for way in ways for row in prepared([(reaction, list(each.pairs)) for reaction, each in guessed], way)]
    calls = np.mean([each.gradient_calls for _, each in guessed])
    print(f"{len(guessed)} reactions, {sum(len(each.pairs) for _, each in guessed)} guesses, {calls:.0f} calls each\n")
    print("| way | with end points | pairs mean | sides with their bonds | calls | median | s | s of the way |")
    print("|---|---|---|---|---|---|---|---|")
    for way in ways:
        rows = [row for row in every if row.method == way.method]
        print(
            f"| {way.method} | {sum(row.n_pairs > 0 for row in rows)} | {np.mean([row.n_pairs for row in rows]):.2f}"
            f" | {np.mean([row.sides_with_their_bonds for row in rows]):.2f}"
            f" | {np.mean([row.gradient_calls for row in rows]):.0f}"
            f" | {np.median([row.gradient_calls for row in rows]):.0f}"
            f" | {np.mean([row.seconds for row in rows]):.2f} | {np.mean([row.relaxing_seconds for row in rows]):.2f} |"
        )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in every], indent=1) + "\n")


def prepared(guessed: list[tuple[Reaction, list[EndPoints]]], way: RelaxationSettings) -> list[Row]:
    """End points of all reactions from their guesses, relaxed one way as one batch."""
    began = time.perf_counter()
    flat = [(reaction, pair) for reaction, pairs in guessed for pair in pairs]
    if way.method != "none":
        moved = iter(relaxed_pairs(flat, way))
        guessed = [(reaction, [next(moved).ends for _ in pairs]) for reaction, pairs in guessed]
    relaxing = (time.perf_counter() - began) / len(guessed)
    level, settings = resolve_level("gfn2"), EndPointSettings()
    rows = []
    for reaction, pairs in guessed:
        began = time.perf_counter()
        made = prepare_end_points(reaction, level, settings, guesses=pairs)
        sides = (".".join(species.smiles for species in side) for side in (reaction.reactants, reaction.products))
        rows.append(
            Row(
                method=way.method,
                reaction=">>".join(sides),
                n_pairs=len(made.pairs),
                failure="" if made.failure is None else made.failure.kind,
                sides_with_their_bonds=share_with_bonds(reaction, pairs),
                gradient_calls=made.gradient_calls,
                seconds=time.perf_counter() - began,
                relaxing_seconds=relaxing,
            )
        )
    return rows


def share_with_bonds(reaction: Reaction, pairs: list[EndPoints]) -> float:
    """Share of the sides of guesses in which distances show the bonds of the reaction; 0 without guesses."""
    kept = [
        perceive_graph(side).bonds == graph.bonds
        for pair in pairs
        for side, graph in ((pair.reactant, reaction.reactant_graph), (pair.product, reaction.product_graph))
    ]
    return float(np.mean(kept)) if kept else 0.0


if __name__ == "__main__":
    main()
