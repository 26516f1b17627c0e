"""Enumeration of elementary reactions beside YARP: counts, and CPU seconds on one core.

Run `python benchmarks/enumeration.py` for tables, with `--json` for the numbers alone.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass

from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.identity import species_of
from chem.smiles import parse_smiles
from chem.types import Reaction

CARBON_MONOXIDE = "[C-]#[O+]"
HYDROPEROXIDE = "O=CCCOO"  # 3-hydroperoxypropanal, KHP


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one molecule gives: product sets, reaction keys, atom maps, CPU time."""

    products: int
    keys: int
    maps: int
    cpu_seconds: float


# YARP 3.0.1, break two form two, concerted, its default filters; measured by us in November 2026 on one core of a
# shared machine. `keys` are its atom maps modulo the symmetry of the reactant.
YARP = {
    HYDROPEROXIDE: Counts(products=37, keys=42, maps=61, cpu_seconds=0.10),
    "O=CCO": Counts(products=11, keys=13, maps=17, cpu_seconds=0.02),
    "C=CC": Counts(products=5, keys=5, maps=16, cpu_seconds=0.03),
    "CC=O": Counts(products=3, keys=3, maps=9, cpu_seconds=0.01),
    "CCOC=O": Counts(products=19, keys=21, maps=43, cpu_seconds=0.08),
}
YARP_DEPTH_TWO = {"directed_reactions": 1144, "species": 264, "cpu_seconds": 5.2}


def count(reactions: list[Reaction], cpu_seconds: float) -> Counts:
    return Counts(
        products=len({each.products for each in reactions}),
        keys=len(reactions),
        maps=sum(each.degeneracy for each in reactions),
        cpu_seconds=round(cpu_seconds, 3),
    )


def measure(smiles: str) -> tuple[Counts, Counts]:
    """Counts of all reactions, and of those without carbon monoxide, which YARP cannot make."""
    graph = parse_smiles(smiles)
    start = time.process_time()
    reactions = enumerate_reactions(graph, EnumerationRules())
    seconds = time.process_time() - start
    without = [each for each in reactions if CARBON_MONOXIDE not in [species.smiles for species in each.products]]
    return count(reactions, seconds), count(without, seconds)


def depth_two() -> dict[str, float]:
    """KHP and each of its product species expanded once, one molecule at a time."""
    start = time.process_time()
    rules = EnumerationRules()
    root = species_of(parse_smiles(HYDROPEROXIDE))
    first = enumerate_reactions(root.graph, rules)
    frontier = {species.key: species for each in first for species in each.products if species != root}
    reactions = {each.key: each for each in first}
    directed = len(first)
    for _, species in sorted(frontier.items()):
        found = enumerate_reactions(species.graph, rules)
        directed += len(found)
        reactions.update((each.key, each) for each in found)
    seconds = time.process_time() - start
    reached = {species.key for each in reactions.values() for species in (*each.reactants, *each.products)}
    return {
        "directed_reactions": directed,
        "reactions": len(reactions),
        "species": len(reached),
        "cpu_seconds": round(seconds, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    as_json = parser.parse_args().json
    measure("CCO")  # libraries loaded before the clock runs
    deep = depth_two()
    rows = {smiles: (*measure(smiles), peer) for smiles, peer in YARP.items()}
    if as_json:
        table = {
            smiles: {"cairn": asdict(ours), "cairn_without_carbon_monoxide": asdict(same), "yarp": asdict(peer)}
            for smiles, (ours, same, peer) in rows.items()
        }
        depth = {"cairn": deep, "yarp": YARP_DEPTH_TWO}
        print(json.dumps({"break_2_form_2": table, "khp_depth_2": depth}, indent=2))
        return
    print("| molecule | distinct products | keys | atom maps | CPU s | without CO | YARP 3.0.1 | YARP CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for smiles, (ours, same, peer) in rows.items():
        print(
            f"| {smiles} | {ours.products} | {ours.keys} | {ours.maps} | {ours.cpu_seconds:.3f}"
            f" | {same.products} / {same.keys} / {same.maps} | {peer.products} / {peer.keys} / {peer.maps}"
            f" | {peer.cpu_seconds:.2f} |"
        )
    print(
        f"\nKHP to depth 2: {deep['directed_reactions']} directed reactions ({deep['reactions']} keys),"
        f" {deep['species']} species, {deep['cpu_seconds']:.2f} CPU s; YARP: {YARP_DEPTH_TWO['directed_reactions']},"
        f" {YARP_DEPTH_TWO['species']}, {YARP_DEPTH_TWO['cpu_seconds']:.1f}"
    )


if __name__ == "__main__":
    main()
