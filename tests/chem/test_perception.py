"""A relaxed geometry has the graph and the stereo layer of the SMILES that it was built from."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from chem.identity import split_species
from chem.perception import perceive_graph
from chem.smiles import parse_smiles
from chem.stereo import perceive_stereo
from chem.types import Geometry


def embedded(smiles, seed):
    """Geometry of each molecule of a SMILES, UFF-relaxed and set 20 Angstrom apart."""
    numbers, positions = [], []
    for place, part in enumerate(smiles.split(".")):
        molecule = Chem.AddHs(Chem.MolFromSmiles(part))
        assert AllChem.EmbedMolecule(molecule, randomSeed=seed) == 0
        if AllChem.UFFHasAllMoleculeParams(molecule):
            AllChem.UFFOptimizeMolecule(molecule, maxIters=2000)
        numbers.extend(atom.GetAtomicNum() for atom in molecule.GetAtoms())
        positions.append(molecule.GetConformer().GetPositions() + [20.0 * place, 0.0, 0.0])
    graph = parse_smiles(smiles)
    return Geometry(
        numbers=np.array(numbers),
        positions=np.concatenate(positions),
        charge=graph.charge,
        multiplicity=graph.multiplicity,
    )


@pytest.mark.parametrize(
    "smiles",
    [
        "O=CCCOO", "CC(=O)[O-]", "C[NH3+]", "[CH3]", "C[CH]O", "C[N+](=O)[O-]", "CNC=O", "[C-]#[O+]", "c1ccncc1",
        "C/C=C/C", "C/C=C\\C", "C/C=N/O", "C/C=N\\O", "C[C@H](O)F", "C[C@@H](O)F", "C[C@H](O)[C@@H](C)F",
        "C[C@H](O)[C@@H](C)O", "C[C@H](O)[C@H](C)O", "CC[S@](C)=O", "CC[S@@](C)=O", "C[P@](F)Cl", "C[N@+](F)(Cl)CC",
        "C[C@H]1C[C@@H](C)C1", "C[C@H]1C[C@H](C)C1", "C[C@H]1C[C@@H](C)C[C@@H](C)C1", "C[C@H]1C[C@H](C)C[C@@H](C)C1",
        "C[C@@H](F)[C@H](O)[C@H](C)F", "C[C@@H](F)[C@@H](O)[C@H](C)F", "F/C=C/[C@H](Cl)/C=C\\F", "CC=C=CC", "CC#CC",
        "O=CO.CCO", "C[C@H](O)F.C/C=C/F", "[NH3+]CC(=O)[O-]", "COP(=O)([O-])OCC", "C1CC[C@H]2CCCC[C@@H]2C1",
        "CC=C[CH]C", "C=CC=C", "C1CO1", "ClC(Cl)Br", "[H][H]",
    ],
)  # fmt: skip
def test_perceived_molecules_are_the_ones_embedded(smiles):
    for seed in (7, 8):
        geometry = embedded(smiles, seed)
        graph = perceive_stereo(perceive_graph(geometry), geometry)
        assert [each.key for each in split_species(graph)] == [each.key for each in split_species(parse_smiles(smiles))]


def test_stereo_turns_over_in_the_mirror():
    geometry = embedded("C[C@H](O)/C=C/F", 3)
    mirror = geometry.with_positions(geometry.positions * [1.0, 1.0, -1.0])
    graph, image = (perceive_stereo(perceive_graph(each), each) for each in (geometry, mirror))
    assert image == graph.mirrored()


def test_atom_order_and_motion_of_the_whole_do_not_matter():
    geometry = embedded("C[C@H](O)/C=C/F", 5)
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    order = rng.permutation(geometry.n_atoms)
    moved = geometry.with_positions(geometry.positions @ rotation.T + 3.0).permuted(order)
    graph = perceive_stereo(perceive_graph(geometry), geometry)
    assert perceive_stereo(perceive_graph(moved), moved) == graph.permuted(tuple(int(atom) for atom in order))


def test_atoms_bond_below_the_stated_multiple_of_their_radii():
    radius_sum = 0.62  # Angstrom, twice the covalent radius of hydrogen
    for factor, bonded in ((1.29, True), (1.31, False)):
        geometry = Geometry(numbers=np.array([1, 1]), positions=np.array([[0, 0, 0], [0, 0, radius_sum * factor]]))
        assert bool(perceive_graph(geometry).bonds) is bonded
