"""How much of a molecule's conformers few guesses reach: DiG beside ETKDG, against an exhaustive search.

    OMP_NUM_THREADS=1 python -m benchmarks.conformer_coverage --dig runs/dig/weights.safetensors -n 20

The reference of a molecule is what very many embeddings relax to at GFN2-xTB, up to 6 kcal/mol above the lowest; it is
kept in a file. Conformers that are mirror images of each other, or differ by the exchange of like atoms, count as one.
Deviations are those of all atoms but hydrogen. A guess covers a conformer that it is within 0.5 Angstrom of, and finds
it where it relaxes to it: to its energy within 1 meV and to its structure.
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
from rdkit import RDLogger

from chem.alignment import rmsd
from chem.conformers import SAME_ENERGY_EV, embedded_guesses, relax_guesses
from chem.ensemble import boltzmann_weights
from chem.equivalent_atoms import least_motion, mapping_generators
from chem.graph import MolecularGraph
from chem.levels import resolve_level
from chem.perception import perceive_graph
from chem.smiles import parse_smiles
from chem.types import Geometry
from chem.units import KCAL_MOL_PER_EV

MOLECULES = ("NCCCCO", "O=CCCOO", "NCCOCC", "COCCOCC", "CCCCCCC")
REFERENCE = Path(__file__).parent / "results" / "conformer_references.json"
EMBEDDINGS = 160
WINDOW_KCAL_MOL = 6.0
NEAR_ANGSTROM = 0.5
SAME_ANGSTROM = 0.2  # two relaxations that ended in one minimum
FMAX_EV_PER_ANGSTROM = 0.01
TEMPERATURE_K = 298.15
GFN2 = resolve_level("gfn2")
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minima:
    """Distinct conformers of one molecule, the lowest first."""

    energies_ev: FloatArray  # (n,)
    positions: FloatArray  # (n, n_atoms, 3) Angstrom


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way of guessing on one molecule; shares are those of the reference, of its count or its population."""

    smiles: str
    method: str
    reference_conformers: int
    guesses: int
    right_bonds_share: float
    covered_share: float
    nearest_mean_angstrom: float
    found_share: float
    found_population_share: float
    lowest_above_kcal_mol: float | None
    relaxed_outside_reference: int
    gradient_calls: int


class HeavyAtoms:
    """Compares structures of one molecule by all atoms but hydrogen."""

    def __init__(self, graph: MolecularGraph) -> None:
        heavy = [place for place, number in enumerate(graph.numbers) if number != 1]
        place = {atom: row for row, atom in enumerate(heavy)}
        known = graph.without_stereo()
        orders = {tuple(place[order[atom]] for atom in heavy) for order in mapping_generators(known, known)}
        self.rows = heavy
        self._generators = sorted(orders - {tuple(range(len(heavy)))})

    def deviation_angstrom(self, one: FloatArray, other: FloatArray) -> float:
        """Least RMSD over exchanges of like atoms and the mirror image."""
        target = other[self.rows]
        images = (one[self.rows], one[self.rows] * np.array([1.0, 1.0, -1.0]))
        return min(rmsd(least_motion(image, target, self._generators, lambda _: True), target) for image in images)


def relaxed_minima(graph: MolecularGraph, guesses: Sequence[FloatArray], name: str) -> tuple[Minima, int]:
    """What guesses relax to, and the gradients that it cost."""
    found = relax_guesses(graph, guesses, GFN2, embedding=name, fmax_ev_per_angstrom=FMAX_EV_PER_ANGSTROM)
    energies = np.array([each.energy_ev for each in found.relaxed])
    positions = np.array([each.geometry.positions for each in found.relaxed]).reshape(len(energies), graph.n_atoms, 3)
    return Minima(energies_ev=energies, positions=positions), found.gradient_calls


def reference(smiles: str, path: Path, embeddings: int) -> Minima:
    """The exhaustive search, or what a file keeps of it."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if kept.get(smiles, {}).get("embeddings") != embeddings:
        graph = parse_smiles(smiles)
        found, calls = relaxed_minima(graph, embedded_guesses(graph, embeddings, 1)[0], "etkdg")
        near = KCAL_MOL_PER_EV * (found.energies_ev - found.energies_ev[0]) < WINDOW_KCAL_MOL
        kept[smiles] = {
            "embeddings": embeddings,
            "gradient_calls": calls,
            "level": GFN2.key,
            "energies_ev": np.round(found.energies_ev[near], 6).tolist(),
            "positions_angstrom": np.round(found.positions[near], 3).tolist(),
        }
        path.write_text(json.dumps(kept) + "\n")
    own = kept[smiles]
    return Minima(energies_ev=np.array(own["energies_ev"]), positions=np.array(own["positions_angstrom"]))


def measured(smiles: str, method: str, guesses: Sequence[FloatArray], known: Minima) -> Row:
    """One way on one molecule."""
    graph = parse_smiles(smiles)
    heavy, numbers = HeavyAtoms(graph), np.array(graph.numbers)
    nearest = np.array([min(heavy.deviation_angstrom(guess, each) for guess in guesses) for each in known.positions])
    right = [perceive_graph(Geometry(numbers=numbers, positions=each)).bonds == graph.bonds for each in guesses]
    relaxed, calls = relaxed_minima(graph, guesses, method)
    pairs = [
        (row, column)
        for row, energy in enumerate(known.energies_ev)
        for column, own in enumerate(relaxed.energies_ev)
        if abs(energy - own) < SAME_ENERGY_EV
        and heavy.deviation_angstrom(relaxed.positions[column], known.positions[row]) < SAME_ANGSTROM
    ]
    found = sorted({row for row, _ in pairs})
    above = KCAL_MOL_PER_EV * (relaxed.energies_ev - known.energies_ev[0])
    strange = [column for column, height in enumerate(above) if height < WINDOW_KCAL_MOL]
    weights = boltzmann_weights(known.energies_ev.tolist(), TEMPERATURE_K)
    return Row(
        smiles=smiles,
        method=method,
        reference_conformers=len(nearest),
        guesses=len(guesses),
        right_bonds_share=float(np.mean(right)),
        covered_share=float((nearest < NEAR_ANGSTROM).mean()),
        nearest_mean_angstrom=float(nearest.mean()),
        found_share=len(found) / len(nearest),
        found_population_share=float(weights[found].sum()),
        lowest_above_kcal_mol=float(above.min()) if len(above) else None,
        relaxed_outside_reference=len(set(strange) - {column for _, column in pairs}),
        gradient_calls=calls,
    )


def main() -> None:
    """Every molecule, both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smiles", nargs="*", default=list(MOLECULES))
    parser.add_argument("-n", type=int, default=20, help="guesses of each molecule")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dig", type=Path, help="weights of DiG")
    parser.add_argument("--embeddings", type=int, default=EMBEDDINGS, help="of the exhaustive search")
    parser.add_argument("--reference", type=Path, default=REFERENCE, help="file that keeps the exhaustive search")
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    ways: dict[str, Callable[[MolecularGraph], Sequence[FloatArray]]] = {
        "etkdg": lambda graph: embedded_guesses(graph, arguments.n, arguments.seed)[0]
    }
    if arguments.dig is not None:
        from models.dig_conformers import guessed_conformers, load_dig

        model = load_dig(arguments.dig, device="cpu")
        ways["dig"] = lambda graph: guessed_conformers(model, graph, arguments.n, arguments.seed)
    rows: list[Row] = []
    for smiles in arguments.smiles:
        known, graph = reference(smiles, arguments.reference, arguments.embeddings), parse_smiles(smiles)
        for method, way in ways.items():
            rows.append(measured(smiles, method, way(graph), known))
            print(json.dumps(asdict(rows[-1])), flush=True)
    print(
        "\n| molecule | conformers | way | right bonds | covered | nearest, A | found | of the population"
        " | lowest above, kcal/mol | gradients |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for row in rows:
        print(line(row.smiles, row.reference_conformers, [row]))
    for method in ways:
        print(line("mean", "", [row for row in rows if row.method == method]))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def line(name: str, conformers: int | str, rows: Sequence[Row]) -> str:
    """A row of the table: means over molecules."""
    heights = [row.lowest_above_kcal_mol for row in rows if row.lowest_above_kcal_mol is not None]
    shown = f"{np.mean(heights):.2f}" if heights else "-"
    return (
        f"| {name} | {conformers} | {rows[0].method} | {np.mean([row.right_bonds_share for row in rows]):.2f}"
        f" | {np.mean([row.covered_share for row in rows]):.2f}"
        f" | {np.mean([row.nearest_mean_angstrom for row in rows]):.2f}"
        f" | {np.mean([row.found_share for row in rows]):.2f}"
        f" | {np.mean([row.found_population_share for row in rows]):.2f} | {shown}"
        f" | {np.mean([row.gradient_calls for row in rows]):.0f} |"
    )


if __name__ == "__main__":
    main()
