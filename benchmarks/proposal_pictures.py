"""Pictures of reactions that were proposed, verified, and lie outside enumeration: both sides and the transition state.

Reads what `benchmarks.proposals --verify` wrote, and draws those proved reactions of joint diffusion that two bonds
broken and two formed do not reach, lowest barrier first. Dashed lines join the atoms whose bond changes.

    python -m benchmarks.proposal_pictures --rows runs/proposals.jsonl --output proposals.png
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Draw

from benchmarks.rows import read_rows
from chem.graph import MolecularGraph
from chem.identity import make_reaction
from chem.smiles import parse_smiles
from chem.types import Reaction, Species

DRAWN_RADIUS = 0.45  # of an atom in the picture, in covalent radii
PIXELS = (520, 320)  # of one side


def chosen(rows: list[dict[str, Any]], number: int) -> list[tuple[dict[str, Any], Reaction]]:
    """Proved reactions outside the enumeration, lowest barrier first, one of each reactant."""
    outside = [row for row in rows if row["source"] == "diffusion" and row["passed"] and not row["in_b2f2"]]
    first: dict[str, tuple[dict[str, Any], Reaction]] = {}
    for row in sorted(outside, key=lambda row: row["barrier_kcal_mol"]):
        before, after = map(parse_smiles, row["smiles"].split(">>"))
        reaction = make_reaction(before, after)
        first.setdefault(smiles_of(reaction.reactants), (row, reaction))
    return list(first.values())[:number]


def smiles_of(side: Iterable[Species]) -> str:
    """SMILES of the molecules of one side."""
    return ".".join(species.smiles for species in side)


def draw_side(axes: Axes, smiles: str) -> None:
    """Molecules of one side as structural formulae."""
    axes.imshow(np.asarray(Draw.MolToImage(Chem.MolFromSmiles(smiles), size=PIXELS)))
    axes.set_title(smiles, fontsize=9)
    axes.axis("off")


def draw_state(axes: Axes, atoms: Atoms, before: MolecularGraph, after: MolecularGraph) -> None:
    """A transition state seen along its shortest principal axis."""
    flat = seen_flat(atoms.positions)
    for pair in before.bonds | after.bonds:
        changes = pair not in before.bonds or pair not in after.bonds
        style: dict[str, Any] = {"color": "#c2410c", "linestyle": "--"} if changes else {"color": "#555555"}
        axes.plot(*flat[list(pair), :2].T, linewidth=2.0, zorder=1, **style)
    for place in np.argsort(flat[:, 2]):
        number = atoms.numbers[place]
        axes.add_patch(
            Circle(
                flat[place, :2],
                DRAWN_RADIUS * covalent_radii[number],
                facecolor=jmol_colors[number],
                edgecolor="#333333",
                zorder=2 + flat[place, 2],
            )
        )
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.axis("off")


def seen_flat(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates along the principal axes, the longest first, shape (n_atoms, 3), Angstrom."""
    centred = positions - positions.mean(axis=0)
    axes: NDArray[np.float64] = np.linalg.svd(centred, full_matrices=False)[2]
    return centred @ axes.T


def draw(found: list[tuple[dict[str, Any], Reaction]], output: Path) -> None:
    """One line for each reaction: reactant, transition state, product."""
    figure = Figure(figsize=(10, 2.5 * len(found)), layout="tight")
    grid = figure.subplots(len(found), 3, squeeze=False)
    for line, (row, reaction) in zip(grid, found, strict=True):
        draw_side(line[0], smiles_of(reaction.reactants))
        draw_state(
            line[1],
            Atoms(numbers=row["numbers"], positions=row["ts_angstrom"]),
            reaction.reactant_graph,
            reaction.product_graph,
        )
        line[1].set_title(f"{row['barrier_kcal_mol']:.1f} kcal/mol, GFN2-xTB, passed", fontsize=9)
        draw_side(line[2], smiles_of(reaction.products))
    figure.savefig(output, dpi=110)


def main() -> None:
    """Draw and say what was drawn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=Path, nargs="+", required=True, help="files that `benchmarks.proposals --verify` wrote"
    )
    parser.add_argument("-n", type=int, default=5, help="reactions drawn")
    parser.add_argument("--output", type=Path, default=Path("runs/proposals.png"))
    arguments = parser.parse_args()
    found = chosen([row for path in arguments.rows for row in read_rows(path)], arguments.n)
    if not found:
        parser.error(f"{', '.join(map(str, arguments.rows))}: no proved reaction outside the enumeration")
    draw(found, arguments.output)
    for row, _ in found:
        print(f"{row['barrier_kcal_mol']:6.1f} kcal/mol  {row['smiles']}")


if __name__ == "__main__":
    main()
