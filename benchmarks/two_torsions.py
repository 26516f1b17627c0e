"""The distribution of two torsions of a molecule from GFN2-xTB energies, from few samples, and from both, as DiG does.

    OMP_NUM_THREADS=1 python -m benchmarks.two_torsions --samples 50 --seeds 3

The molecule is n-pentane, its plane that of the torsions about its two inner carbon-carbon bonds, counted from
anti. At every point of a grid of 18 by 18 all else is relaxed at GFN2-xTB (symmetry leaves a fourth of them; they are
kept in a file); the energies between are those of the Fourier series through the points. Boltzmann's probability of
these energies at 298.15 K, on a fine grid, is the reference: torsional space without the vibrations of the rest. The
square is cut where the chain is eclipsed (syn), behind which a wall rises; how much of the distribution lies near it
is told. The ways of learning, the network and the divergences are those of `benchmarks.double_well`.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from ase.constraints import FixInternals
from ase.optimize import BFGS
from ase.units import kB
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.planar_density import PlanarTarget, compared, print_medians
from chem.conformers import embedded_guesses
from chem.graph import MolecularGraph
from chem.levels import resolve_level
from chem.potential import GradientCounter, attach
from chem.smiles import parse_smiles
from chem.types import Geometry

SMILES, TORSIONS = "CCCCC", ((0, 1, 2, 3), (1, 2, 3, 4))
SCAN = Path(__file__).parent / "results" / "pentane_torsions.json"
N_POINTS = 18
FMAX_EV_PER_ANGSTROM = 0.03
TEMPERATURE_K = 298.15
RADIANS = 1.5  # one unit of the plane: about the standard deviation of a torsion
WALL_PER_KT = 100.0  # curvature behind the cut, per square unit
GFN2 = resolve_level("gfn2")


@dataclass(frozen=True, kw_only=True, eq=False)
class FourierSurface:
    """Periodic energies of two angles.

    Attributes:
        energies_ev: At angles -pi + 2 pi k / n from anti, shape (n, n), above the lowest.
        temperature_k: K.
    """

    energies_ev: NDArray[np.float64]
    temperature_k: float

    @cached_property
    def coefficients(self) -> Tensor:
        """Of the series through the points, shape (2 h + 1, 2 h + 1), h = n / 2, in units of kT."""
        n = len(self.energies_ev)
        found = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(self.energies_ev))) / n**2
        whole = np.pad(found, ((0, 1), (0, 1)))  # the highest wave, -n / 2, stands for +n / 2 as well: half each
        whole[-1], whole[0] = 0.5 * whole[0], 0.5 * whole[0]
        whole[:, -1], whole[:, 0] = 0.5 * whole[:, 0], 0.5 * whole[:, 0]
        return torch.from_numpy(whole / (kB * self.temperature_k))

    def __call__(self, points: Tensor) -> Tensor:
        """E / kT with the wall, shape (n, 2) in units of `RADIANS` to (n,)."""
        angles = points * RADIANS
        half = (len(self.coefficients) - 1) // 2
        phases = angles.unsqueeze(-1) * torch.arange(-half, half + 1).to(angles)
        waves = torch.complex(phases.cos(), phases.sin())
        inside = torch.einsum("nj,jk,nk->n", waves[:, 0], self.coefficients.to(waves), waves[:, 1]).real
        beyond = (angles.abs() - math.pi).clamp_min(0.0) / RADIANS
        return inside + 0.5 * WALL_PER_KT * beyond.square().sum(-1)


def scanned(path: Path) -> NDArray[np.float64]:
    """Relaxed energies on the grid above the lowest, eV, shape (N_POINTS, N_POINTS); from the file where it is."""
    if path.exists():
        return np.array(json.loads(path.read_text())["energies_ev"])
    graph = parse_smiles(SMILES)
    (positions,), _ = embedded_guesses(graph, 1, 0)
    start = Geometry(numbers=np.array(graph.numbers), positions=positions)
    counter, energies = GradientCounter(), np.full((N_POINTS, N_POINTS), np.nan)
    for i in range(N_POINTS):
        for j in range(N_POINTS):
            # Exchange of the torsions, and the mirror image, leave the energy as it is.
            images = ((i, j), (j, i), (-i % N_POINTS, -j % N_POINTS), (-j % N_POINTS, -i % N_POINTS))
            if np.isnan(energies[i, j]):
                energy = relaxed_energy_ev(graph, start, (360.0 * i / N_POINTS, 360.0 * j / N_POINTS), counter)
                for image in images:
                    energies[image] = energy
    energies -= energies.min()
    record = {
        "smiles": SMILES,
        "torsions": TORSIONS,
        "level": GFN2.key,
        "first_angle_degrees": 0,
        "gradient_calls": counter.calls,
        "energies_ev": np.round(energies, 5).tolist(),
    }
    path.write_text(json.dumps(record) + "\n")
    return energies


def relaxed_energy_ev(
    graph: MolecularGraph, start: Geometry, torsions_degrees: tuple[float, float], counter: GradientCounter
) -> float:
    """Energy with both torsions held (0 is syn) and all else relaxed, eV."""
    atoms = attach(start, GFN2, counter)
    for torsion, degrees in zip(TORSIONS, torsions_degrees, strict=True):
        atoms.set_dihedral(*torsion, degrees, indices=_beyond(graph, torsion[1], torsion[2]))
    held = [[degrees, list(torsion)] for torsion, degrees in zip(TORSIONS, torsions_degrees, strict=True)]
    atoms.set_constraint(FixInternals(dihedrals_deg=held, epsilon=1e-5))
    BFGS(atoms, logfile=None, maxstep=0.1).run(fmax=FMAX_EV_PER_ANGSTROM, steps=200)
    return float(atoms.get_potential_energy())


def _beyond(graph: MolecularGraph, near: int, far: int) -> list[int]:
    """Atoms on the far side of a bond."""
    found, stack = {near, far}, [far]
    while stack:
        for neighbor in graph.neighbors[stack.pop()]:
            if neighbor not in found:
                found.add(neighbor)
                stack.append(neighbor)
    return sorted(found - {near})


def main() -> None:
    """All ways, several seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=50, help="exact samples to learn from")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--test", type=int, default=300, help="exact samples to measure on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--temperature", type=float, default=TEMPERATURE_K, help="K")
    parser.add_argument("--scan", type=Path, default=SCAN, help="file that keeps the energies")
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    # The plane counts from anti: its first angle, -180 degrees, is syn, which is the first of the scan.
    surface = FourierSurface(energies_ev=scanned(arguments.scan), temperature_k=arguments.temperature)
    target = PlanarTarget(energy=surface, half_width=math.pi / RADIANS, reach=1.2)
    shares = target.bin_shares
    rim = float(shares.sum() - shares[1:-1, 1:-1].sum())
    print(f"{rim:.1e} of the distribution lies within {180 / len(shares) * 2:.0f} degrees of the cut")
    rows = compared(
        target,
        n_samples=arguments.samples,
        n_test=arguments.test,
        seeds=arguments.seeds,
        steps=arguments.steps,
        n_waves=3,
    )
    print_medians(rows)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
