"""Whether guidance moves a property of drawn conformers, and how far with its strength.

    OMP_NUM_THREADS=1 python -m benchmarks.guided_property --dig runs/dig/weights.safetensors -n 40

Two properties, each raised by its own guide: the dipole moment, measured at GFN2-xTB, and the radius of gyration,
measured on the structure. What guides toward the dipole is not what measures it: it is that of fixed point charges
(those that GFN2-xTB gives the atoms in one embedded conformer) on the structure that the network expects at every step.
The guide asks for exp(strength property / width), widths of 3 Debye and 0.2 Angstrom. Structures with other bonds than
those asked for are told and left out of the means; with --relax the rest is relaxed at GFN2-xTB, and the dipoles of the
minima told.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rdkit import RDLogger
from torch import Tensor
from xtb.interface import Calculator, Param
from xtb.libxtb import VERBOSITY_MUTED

from chem.conformers import embedded_guesses
from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.levels import resolve_level
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.relax import relax
from chem.smiles import parse_smiles
from chem.types import Geometry
from chem.units import ANGSTROM_PER_BOHR
from models.dig import Dig
from models.dig_conformers import batch_of, load_dig
from models.dig_sampling import DigSampling, draw_structures, slope_of
from models.structure_batch import StructureBatch

STRENGTHS = (0.0, 0.5, 1.0, 2.0)
DEBYE_PER_ELEMENTARY_CHARGE_ANGSTROM = 4.803204
DEBYE_PER_ATOMIC_UNIT = DEBYE_PER_ELEMENTARY_CHARGE_ANGSTROM * ANGSTROM_PER_BOHR
WIDTHS = {"dipole": 3.0, "radius_of_gyration": 0.2}  # Debye and Angstrom: what counts as much more of it
GFN2 = resolve_level("gfn2")
FloatArray = NDArray[np.float64]
Property = Literal["dipole", "radius_of_gyration"]
GUIDES: tuple[Property, ...] = ("dipole", "radius_of_gyration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Samples of one guide and strength; means over those that have the bonds that were asked for."""

    smiles: str
    guide: Property
    strength: float
    samples: int
    right_bonds_share: float
    dipole_mean_debye: float
    dipole_standard_error_debye: float
    radius_of_gyration_mean_angstrom: float
    radius_of_gyration_standard_error_angstrom: float
    relaxed_dipole_mean_debye: float | None
    relaxed: int


def xtb_charges_and_dipole(numbers: NDArray[np.int64], positions: FloatArray) -> tuple[FloatArray, float]:
    """Charges of the atoms, elementary charges, and the length of the dipole moment, Debye, at GFN2-xTB."""
    calculator = Calculator(Param.GFN2xTB, numbers, positions / ANGSTROM_PER_BOHR)
    calculator.set_verbosity(VERBOSITY_MUTED)
    found = calculator.singlepoint()
    return found.get_charges(), float(np.linalg.norm(found.get_dipole())) * DEBYE_PER_ATOMIC_UNIT


def radius_of_gyration(positions: Tensor, mask: Tensor) -> Tensor:
    """Root of the mean square distance from the centre, all atoms alike: shape (B, N, 3), centred, to (B,)."""
    return (positions.square().sum((-1, -2)) / mask.sum(-1)).sqrt()


def preference(guide: Property, charges: FloatArray, batch: StructureBatch) -> Callable[[Tensor], Tensor]:
    """Logarithm of how much a structure is wanted, of positions (B, N, 3) in Angstrom, to (B,)."""
    told = torch.from_numpy(charges).to(batch.positions)

    def dipole(positions: Tensor) -> Tensor:
        moments = DEBYE_PER_ELEMENTARY_CHARGE_ANGSTROM * torch.einsum("a,bac->bc", told, positions)
        return moments.norm(dim=-1) / WIDTHS["dipole"]

    def size(positions: Tensor) -> Tensor:
        return radius_of_gyration(positions, batch.mask) / WIDTHS["radius_of_gyration"]

    return dipole if guide == "dipole" else size


def measured(
    model: Dig,
    graph: MolecularGraph,
    smiles: str,
    guide: Property,
    strength: float,
    n: int,
    seed: int,
    *,
    relaxing: bool,
) -> Row:
    """Draw with one guide, and measure both properties."""
    numbers = np.array(graph.numbers)
    (start,), _ = embedded_guesses(graph, 1, seed)
    charges, _ = xtb_charges_and_dipole(numbers, start)
    batch = batch_of([(graph, np.zeros((graph.n_atoms, 3)))] * n)
    slope = slope_of(model, batch, preference(guide, charges, batch))
    drawn = draw_structures(
        model, batch, DigSampling(seed=seed), slope=slope if strength > 0.0 else None, strength=strength
    )
    geometries = [Geometry(numbers=numbers, positions=each) for each in drawn.double().numpy()]
    right = [each for each in geometries if perceive_graph(each).bonds == graph.bonds]
    dipoles = np.array([xtb_charges_and_dipole(numbers, each.positions)[1] for each in right])
    radii = np.array([np.sqrt(((each.positions - each.positions.mean(0)) ** 2).sum(1).mean()) for each in right])
    after = []
    for each in right if relaxing else ():
        try:
            minimum = relax(each, GFN2, GradientCounter(), fmax_ev_per_angstrom=0.05).geometry
        except CalculationError:
            continue
        if perceive_graph(minimum).bonds == graph.bonds:
            after.append(xtb_charges_and_dipole(numbers, minimum.positions)[1])
    root = np.sqrt(max(len(right), 1))
    return Row(
        smiles=smiles,
        guide=guide,
        strength=strength,
        samples=n,
        right_bonds_share=len(right) / n,
        dipole_mean_debye=float(dipoles.mean()),
        dipole_standard_error_debye=float(dipoles.std() / root),
        radius_of_gyration_mean_angstrom=float(radii.mean()),
        radius_of_gyration_standard_error_angstrom=float(radii.std() / root),
        relaxed_dipole_mean_debye=float(np.mean(after)) if after else None,
        relaxed=len(after),
    )


def main() -> None:
    """Every guide at every strength."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smiles", nargs="?", default="NCCCCO")
    parser.add_argument("--dig", type=Path, required=True, help="weights of DiG")
    parser.add_argument("-n", type=int, default=40, help="samples at each strength, of the same noise")
    parser.add_argument("--strength", type=float, action="append", help="default 0, 0.5, 1 and 2")
    parser.add_argument("--relax", action="store_true", help="relax the samples at GFN2-xTB as well")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    model, graph = load_dig(arguments.dig, device="cpu"), parse_smiles(arguments.smiles)
    rows = []
    print("| guide | strength | right bonds | dipole, D | radius of gyration, A | dipole of the minima, D |")
    print("|---|---|---|---|---|---|")
    for guide in GUIDES:
        for strength in arguments.strength or STRENGTHS:
            row = measured(
                model, graph, arguments.smiles, guide, strength, arguments.n, arguments.seed, relaxing=arguments.relax
            )
            rows.append(row)
            relaxed = "-" if row.relaxed_dipole_mean_debye is None else f"{row.relaxed_dipole_mean_debye:.2f}"
            print(
                f"| {guide.replace('_', ' ')} | {strength:g} | {row.right_bonds_share:.2f}"
                f" | {row.dipole_mean_debye:.2f} ± {row.dipole_standard_error_debye:.2f}"
                f" | {row.radius_of_gyration_mean_angstrom:.3f}"
                f" ± {row.radius_of_gyration_standard_error_angstrom:.3f} | {relaxed} |",
                flush=True,
            )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
