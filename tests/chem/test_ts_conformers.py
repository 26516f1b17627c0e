"""Conformers of a transition state: spectators turn, the reacting atoms stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from chem.alignment import rmsd
from chem.graph import MolecularGraph
from chem.levels import resolve_level
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.smiles import parse_smiles
from chem.ts_conformers import conformer_guesses, rotatable_bonds, turned_structures
from chem.types import Geometry

GFN2 = resolve_level("gfn2")


@pytest.fixture(scope="module")
def peroxide():
    """3-Hydroperoxypropanal, stretched out, and its graph with one O-H bond moved to the carbonyl oxygen."""
    from ase.optimize import BFGS
    from rdkit import Chem
    from rdkit.Chem import AllChem

    from chem.potential import attach

    molecule = Chem.AddHs(Chem.MolFromSmiles("O=CCCOO"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    geometry = Geometry(numbers=numbers, positions=molecule.GetConformer().GetPositions())
    atoms = attach(geometry, GFN2, GradientCounter())
    BFGS(atoms, logfile=None).run(fmax=0.1, steps=100)
    return geometry.with_positions(atoms.positions)


def test_bonds_inside_the_reacting_ring_do_not_turn(peroxide):
    before = perceive_graph(peroxide)
    oxygen, carbon = 0, 1
    hydrogen = next(atom for atom in before.neighbors[5] if peroxide.numbers[atom] == 1)
    after = MolecularGraph(numbers=before.numbers, bonds=(before.bonds - {(5, hydrogen)}) | {(oxygen, hydrogen)})
    assert rotatable_bonds(before, after) == []  # the transfer closes a ring through every heavy atom
    formyl = next(atom for atom in before.neighbors[carbon] if peroxide.numbers[atom] == 1)
    loss = MolecularGraph(numbers=before.numbers, bonds=before.bonds - {(carbon, formyl)})
    assert rotatable_bonds(before, loss) == [(1, 2), (2, 3), (3, 4), (4, 5)]


def test_turning_leaves_every_bond_length_and_the_reacting_atoms_alone(peroxide):
    before = perceive_graph(peroxide)
    formyl = next(atom for atom in before.neighbors[1] if peroxide.numbers[atom] == 1)
    after = MolecularGraph(numbers=before.numbers, bonds=before.bonds - {(1, formyl)})
    structures = turned_structures(peroxide, before, after)
    assert len(structures) > 10
    for positions in structures:
        for i, j in before.bonds:
            moved, was = (np.linalg.norm(each[i] - each[j]) for each in (positions, peroxide.positions))
            assert moved == pytest.approx(was, abs=1e-9)
        assert rmsd(positions, peroxide.positions) > 0.1


def test_the_lowest_turned_structures_come_first(peroxide):
    before = perceive_graph(peroxide)
    formyl = next(atom for atom in before.neighbors[1] if peroxide.numbers[atom] == 1)
    after = MolecularGraph(numbers=before.numbers, bonds=before.bonds - {(1, formyl)})
    from chem.potential import single_point

    counter = GradientCounter()
    guesses = conformer_guesses(peroxide, before, after, GFN2, counter, 3)
    energies = [single_point(guess, GFN2, GradientCounter()) for guess in guesses]
    assert len(guesses) == 3
    assert energies == sorted(energies)
    assert counter.calls == len(turned_structures(peroxide, before, after))


def test_methyl_groups_and_rings_have_nothing_to_turn():
    ring = parse_smiles("C1CC1")
    assert rotatable_bonds(ring, ring) == []
    for smiles in ("C", "CC", "CC#N"):
        graph = parse_smiles(smiles)
        assert rotatable_bonds(graph, graph) == []
    assert len(rotatable_bonds(parse_smiles("CCO"), parse_smiles("CCO"))) == 1
