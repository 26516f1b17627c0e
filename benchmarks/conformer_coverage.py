"""How much of a molecule's conformers few guesses reach: DiG beside ETKDG, against an exhaustive search.

    OMP_NUM_THREADS=1 python -m benchmarks.conformer_coverage --dig runs/dig/weights.safetensors -n 20

The reference of a molecule is what very many embeddings relax to at GFN2-xTB (kept in a file), and what any of the ways
finds beside and its vibrations prove a minimum, up to 6 kcal/mol above the lowest. As in `cairn conformers`, minima
whose energies agree within 1 meV count as one, so that mirror images and exchanged like atoms do. A guess covers a
conformer that it is within 0.5 Angstrom of (all atoms but hydrogen, like ones exchanged and mirrored), and
finds it if it relaxes to it.
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
from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.levels import resolve_level
from chem.minimum import find_minimum
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.smiles import parse_smiles
from chem.types import Geometry
from chem.units import KCAL_MOL_PER_EV

MOLECULES = ("NCCCCO", "O=CCCOO", "NCCOCC", "COCCOCC", "CCCCCCC")
REFERENCE = Path(__file__).parent / "results" / "conformer_references.json"
EMBEDDINGS = 160
WINDOW_KCAL_MOL = 6.0
NEAR_ANGSTROM = 0.5
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
    missed_by_the_search: int
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


def within_window(every: Minima) -> Minima:
    """Those that are not too high, each energy once, the lowest first."""
    kept: list[int] = []
    for place in np.argsort(every.energies_ev, kind="stable").tolist():
        height = KCAL_MOL_PER_EV * (every.energies_ev[place] - every.energies_ev.min())
        apart = [abs(every.energies_ev[place] - every.energies_ev[other]) > SAME_ENERGY_EV for other in kept]
        if height < WINDOW_KCAL_MOL and all(apart):
            kept.append(place)
    return Minima(energies_ev=every.energies_ev[kept], positions=every.positions[kept])


def joined(one: Minima, other: Minima) -> Minima:
    """Both, the first where they agree."""
    return within_window(
        Minima(
            energies_ev=np.concatenate([one.energies_ev, other.energies_ev]),
            positions=np.concatenate([one.positions, other.positions]),
        )
    )


def proved(graph: MolecularGraph, found: Minima, known: Minima) -> Minima:
    """Those of the found within the window that are not known, if their vibrations prove them minima."""
    kept = []
    height = KCAL_MOL_PER_EV * (found.energies_ev - known.energies_ev[0])
    for place in np.flatnonzero((height < WINDOW_KCAL_MOL) & ~_meets(found, known)).tolist():
        start = Geometry(numbers=np.array(graph.numbers), positions=found.positions[place])
        try:
            minimum = find_minimum(start, GFN2, GradientCounter())
        except CalculationError:
            continue
        if abs(minimum.energy_ev - found.energies_ev[place]) < SAME_ENERGY_EV:
            kept.append(place)
    return Minima(energies_ev=found.energies_ev[kept], positions=found.positions[kept])


def searched(smiles: str, path: Path, embeddings: int) -> Minima:
    """What the exhaustive search finds, from the file where it is kept."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if kept.get(smiles, {}).get("embeddings") != embeddings:
        graph = parse_smiles(smiles)
        found, calls = relaxed_minima(graph, embedded_guesses(graph, embeddings, 1)[0], "etkdg")
        near = within_window(found)
        kept[smiles] = {
            "embeddings": embeddings,
            "gradient_calls": calls,
            "level": GFN2.key,
            "energies_ev": np.round(near.energies_ev, 6).tolist(),
            "positions_angstrom": np.round(near.positions, 3).tolist(),
        }
        path.write_text(json.dumps(kept) + "\n")
    own = kept[smiles]
    return Minima(energies_ev=np.array(own["energies_ev"]), positions=np.array(own["positions_angstrom"]))


def measured(smiles: str, guesses: dict[str, Sequence[FloatArray]], search: Minima) -> list[Row]:
    """Every way on one molecule."""
    graph = parse_smiles(smiles)
    heavy, numbers, known = HeavyAtoms(graph), np.array(graph.numbers), search
    relaxed = {method: relaxed_minima(graph, own, method) for method, own in guesses.items()}
    for minima, _ in relaxed.values():
        known = joined(known, proved(graph, minima, known))
    weights = boltzmann_weights(known.energies_ev.tolist(), TEMPERATURE_K)
    rows = []
    for method, (minima, calls) in relaxed.items():
        own = guesses[method]
        nearest = np.array([min(heavy.deviation_angstrom(guess, each) for guess in own) for each in known.positions])
        right = [perceive_graph(Geometry(numbers=numbers, positions=each)).bonds == graph.bonds for each in own]
        found = _meets(known, minima)
        missed = found & ~_meets(known, search)
        heights = KCAL_MOL_PER_EV * (minima.energies_ev - known.energies_ev[0])
        rows.append(
            Row(
                smiles=smiles,
                method=method,
                reference_conformers=len(nearest),
                guesses=len(own),
                right_bonds_share=float(np.mean(right)),
                covered_share=float((nearest < NEAR_ANGSTROM).mean()),
                nearest_mean_angstrom=float(nearest.mean()),
                found_share=float(found.mean()),
                found_population_share=float(weights[found].sum()),
                lowest_above_kcal_mol=float(heights.min()) if len(heights) else None,
                missed_by_the_search=int(missed.sum()),
                gradient_calls=calls,
            )
        )
    return rows


def _meets(known: Minima, found: Minima) -> NDArray[np.bool_]:
    """Which of the known are among the found, shape (n_known,)."""
    apart = np.abs(known.energies_ev[:, None] - found.energies_ev[None])
    meets: NDArray[np.bool_] = (apart < SAME_ENERGY_EV).any(axis=1)
    return meets


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
        search, graph = searched(smiles, arguments.reference, arguments.embeddings), parse_smiles(smiles)
        rows += measured(smiles, {method: way(graph) for method, way in ways.items()}, search)
        print(f"{smiles} done", flush=True)
    print(
        "\n| molecule | conformers | way | right bonds | covered | nearest, A | found | of the population"
        " | lowest above, kcal/mol | missed by the search | gradients |\n|---|---|---|---|---|---|---|---|---|---|---|"
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
        f" | {np.mean([row.missed_by_the_search for row in rows]):g}"
        f" | {np.mean([row.gradient_calls for row in rows]):.0f} |"
    )


if __name__ == "__main__":
    main()
