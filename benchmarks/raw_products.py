"""Raw embedded products of enumerated reactions relaxed every way, side by side.

    OMP_NUM_THREADS=1 python -m benchmarks.raw_products -n 200 --method morered-jt --method potential=FILE

The truth is the minimum that GFN2-xTB itself reaches from the guess, so that ratios favour it by construction; products
that it turns into something else have no truth and are counted apart. Networks and MMFF94 are told the bonds of the
product, as an enumeration knows them. Gradient calls are those that GFN2-xTB needs afterwards.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from rdkit import RDLogger

from benchmarks.endpoints import MOLECULES
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.errors import CalculationError
from chem.half_way import EndPointSettings, guess_ends
from chem.levels import resolve_level
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.relax import relax
from chem.smiles import parse_smiles
from chem.types import Reaction
from tasks.relax_evaluation import GuessedMinimum, compare_relaxations

GFN2 = resolve_level("gfn2")


def guessed_product(reaction: Reaction) -> GuessedMinimum | None:
    """The raw product and the minimum below it; None where there is no guess, or no minimum of the same bonds."""
    pairs = guess_ends(reaction, GFN2, EndPointSettings(n_conformers=1, n_attempts=1)).pairs
    if not pairs:
        return None
    guess = pairs[0].product
    try:
        minimum = relax(guess, GFN2, GradientCounter(budget=500), max_steps=500).geometry
    except CalculationError:
        return None
    if perceive_graph(minimum).bonds != reaction.product_graph.bonds:
        return None
    return GuessedMinimum(minimum=minimum, guess=guess, graph=reaction.product_graph)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smiles", nargs="*", default=MOLECULES)
    parser.add_argument("-n", type=int, default=200, help="reactions at most")
    parser.add_argument("--method", action="append", default=[], metavar="METHOD[=FILE]", help="besides the usual ones")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    enumerated = (
        reaction
        for smiles in arguments.smiles
        for reaction in enumerate_reactions(parse_smiles(smiles), EnumerationRules())
    )
    reactions = list(islice(enumerated, arguments.n))
    found = [guessed_product(reaction) for reaction in reactions]
    given = [each for each in found if each is not None]
    methods: dict[str, Path | None] = {"none": None, "mmff94": None, "gfn2": None}
    for word in arguments.method:
        method, _, file = word.partition("=")
        methods[method] = Path(file) if file else None
    result = compare_relaxations({None: given}, GFN2, methods, device=arguments.device)
    print(f"{len(reactions)} reactions, {len(given)} raw products with a minimum of their bonds at {result.level}\n")
    print("| way | ratio, median | failed | other bonds | above the minimum, kcal/mol | calls left | evaluations | s |")
    print("|---|---|---|---|---|---|---|---|")
    for each in result.summaries:
        height, calls = each.energy_above_minimum_median_kcal_mol, each.gradient_calls_after_median
        print(
            f"| {each.method} | {each.rmsd_ratio_median:.2f} | {each.failure_share:.2f} | {each.other_bonds_share:.2f}"
            f" | {'' if height is None else f'{height:.1f}'} | {'' if calls is None else f'{calls:.0f}'}"
            f" | {each.evaluations_mean:.1f} | {each.seconds_mean:.3f} |"
        )
    for method, value in result.noise_rank_correlation.items():
        print(f"\n{method}: rank correlation of the noise it sees and the RMSD {value:.2f}")
    if arguments.json is not None:
        record = {"reactions": len(reactions), "n": len(given), "level": result.level}
        rows = [asdict(each) for each in result.summaries]
        ranks = dict(result.noise_rank_correlation)
        arguments.json.write_text(json.dumps({**record, "summaries": rows, "noise_rank_correlation": ranks}, indent=1))


if __name__ == "__main__":
    main()
