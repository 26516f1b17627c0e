"""Paths between reactant and product before any relaxation, and what a band costs that begins with them.

    OMP_NUM_THREADS=1 python -m benchmarks.initial_paths --data rdb7.npz -n 30 --dig runs/dig/weights.safetensors

Ends are those of RDB7, relaxed at GFN2-xTB; reactions whose ends change their bonds by that are left out and counted.
Each way makes seven images; a climbing-image band is relaxed from them to 0.5 eV/Angstrom, in 100 iterations at most.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ts_search import load
from chem.alignment import align
from chem.clashes import closest_ratio
from chem.errors import CalculationError
from chem.generator import EndPoints
from chem.guess import idpp_path, linear_path
from chem.levels import resolve_level
from chem.neb import FMAX_EV_PER_ANGSTROM, N_IMAGES, highest_image
from chem.perception import perceive_graph
from chem.potential import GradientCounter, single_point
from chem.relax import relax
from chem.types import Geometry
from chem.units import kcal_mol

ITERATIONS = 100
CLASH = 0.6  # of the sum of the covalent radii
GFN2 = resolve_level("gfn2")
Way = Callable[[EndPoints, int], Sequence[NDArray[np.float64]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One path of one reaction; energies above the reactant."""

    rxn: int
    method: str
    shortest_distance_ratio: float
    highest_kcal_mol: float | None
    gradient_calls: int
    converged: bool
    highest_of_band_kcal_mol: float | None


def relaxed_ends(reactant: Geometry, product: Geometry) -> EndPoints | None:
    """Both sides at GFN2, superposed; None where that changes what they are."""
    try:
        sides = [relax(each, GFN2, GradientCounter(budget=1000)).geometry for each in (reactant, product)]
    except CalculationError:
        return None
    if any(
        perceive_graph(one).bonds != perceive_graph(other).bonds
        for one, other in zip(sides, (reactant, product), strict=True)
    ):
        return None
    first, last = sides
    return EndPoints(reactant=first, product=last.with_positions(align(last.positions, first.positions)))


def measured(rxn: int, ends: EndPoints, method: str, way: Way) -> Row:
    """A path, and the band that begins with it."""
    images = way(ends, N_IMAGES)
    structures = [ends.reactant.with_positions(each) for each in images]
    base = single_point(ends.reactant, GFN2, GradientCounter())
    energies = []
    for each in structures:
        try:
            energies.append(kcal_mol(single_point(each, GFN2, GradientCounter()) - base))
        except CalculationError:  # atoms on top of each other
            energies.append(float("inf"))
    counter = GradientCounter()
    most = 2 + N_IMAGES * (ITERATIONS + 1)
    top: float | None = None
    try:
        highest = highest_image(ends, GFN2, counter, path=images, max_iterations=ITERATIONS)
        top = kcal_mol(single_point(highest, GFN2, GradientCounter()) - base)
    except CalculationError:
        pass
    return Row(
        rxn=rxn,
        method=method,
        shortest_distance_ratio=float(min(closest_ratio(each) for each in structures)),
        highest_kcal_mol=max(energies) if np.isfinite(max(energies)) else None,
        gradient_calls=counter.calls,
        converged=top is not None and counter.calls < most - N_IMAGES,
        highest_of_band_kcal_mol=top,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="RDB7 as .npz")
    parser.add_argument("--split", default="test")
    parser.add_argument("-n", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dig", type=Path, help="weights of DiG")
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    ways: dict[str, Way] = {"linear": linear_path, "idpp": idpp_path}
    if arguments.dig is not None:
        from models.dig_conformers import latent_path, load_dig

        model = load_dig(arguments.dig, device="cpu")
        ways["dig"] = lambda ends, n: latent_path(model, ends, n)
    rows: list[Row] = []
    left_out = 0
    for rxn, reactant, _, product in load(arguments.data, arguments.split, arguments.n, arguments.seed):
        ends = relaxed_ends(reactant, product)
        if ends is None:
            left_out += 1
            continue
        rows += [measured(rxn, ends, method, way) for method, way in ways.items()]
    done = len(rows) // len(ways)
    print(f"{done} reactions of {arguments.split}, {left_out} left out; bands to {FMAX_EV_PER_ANGSTROM} eV/Angstrom\n")
    print("| path | with clashes | highest, kcal/mol, median | without energy | band calls, median | mean | done |")
    print("|---|---|---|---|---|---|---|")
    for method in ways:
        print(line(method, [row for row in rows if row.method == method]))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def line(method: str, rows: Sequence[Row]) -> str:
    """A row of the table."""
    highest: list[Any] = [np.inf if row.highest_kcal_mol is None else row.highest_kcal_mol for row in rows]
    calls = [row.gradient_calls for row in rows]
    return (
        f"| {method} | {np.mean([row.shortest_distance_ratio < CLASH for row in rows]):.2f} | {np.median(highest):.0f}"
        f" | {sum(row.highest_kcal_mol is None for row in rows)} | {np.median(calls):.0f} | {np.mean(calls):.0f}"
        f" | {np.mean([row.converged for row in rows]):.2f} |"
    )


if __name__ == "__main__":
    main()
