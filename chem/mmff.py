"""Relaxation by the force field MMFF94 (10.1186/s13321-014-0037-3), through RDKit."""

from __future__ import annotations

import numpy as np
from rdkit import rdBase
from rdkit.Chem import rdForceFieldHelpers
from rdkit.Chem.rdchem import Conformer
from rdkit.Geometry import Point3D

from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.smiles import to_rdkit
from chem.types import Geometry

MAX_STEPS = 2000


def relax_mmff94(guess: Geometry, graph: MolecularGraph) -> tuple[Geometry, bool]:
    """Relax a guess with the bonds of a graph, which the force field never changes.

    Args:
        guess: Where to start.
        graph: Its bonds, in its atom order.

    Returns:
        The last structure, and whether it converged.

    Raises:
        CalculationError: MMFF94 has no parameters for the molecule.
    """
    molecule = to_rdkit(graph)
    molecule.RemoveAllConformers()
    conformer = Conformer(guess.n_atoms)
    for place, (x, y, z) in enumerate(guess.positions.tolist()):
        conformer.SetAtomPosition(place, Point3D(x, y, z))
    molecule.AddConformer(conformer, assignId=True)
    with rdBase.BlockLogs():
        try:
            known = rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule)
        except (RuntimeError, ValueError):  # RDKit's ways to say that it cannot make sense of the bonds
            known = False
        if not known:
            raise CalculationError("no_parameters", "MMFF94 has no parameters for this molecule; relax with gfn2")
        left = rdForceFieldHelpers.MMFFOptimizeMolecule(molecule, maxIters=MAX_STEPS, ignoreInterfragInteractions=False)
    positions = np.array(molecule.GetConformer().GetPositions())
    return guess.with_positions(positions), left == 0
