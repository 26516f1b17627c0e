"""The stereo layer: tetrahedral centres and double bonds, from SMILES and from 3D, and its canonical labels.

On a graph, a centre is (atom, sign): the sign of the triple product of the vectors to its three lowest-numbered
neighbours, in ascending order; a double bond is (i, j, sign): +1 when the lowest-numbered further neighbours of i and j
are on one side. What is not listed is unspecified. Axial chirality (allenes, atropisomers) and the geometry of longer
cumulenes are not distinguished.
"""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdCIPLabeler

from chem.graph import MolecularGraph, permutation_sign
from chem.lewis import double_in_every_form
from chem.types import Geometry, Pair

_TAGS = {Chem.ChiralType.CHI_TETRAHEDRAL_CCW: 1, Chem.ChiralType.CHI_TETRAHEDRAL_CW: -1}
_FLATNESS = 0.15  # triple product of unit vectors under which a centre counts as planar
_LINEARITY = 0.2  # distance from the axis of a bond, Angstrom, under which a neighbour lies on it


def chiral_sign(atom: Chem.Atom) -> int:
    """Handedness of an RDKit atom with explicit hydrogens: +1, -1, or 0 where unspecified.

    RDKit's tag refers to the order of the bonds: counter-clockwise means that, seen from the first neighbour, the
    others run counter-clockwise.
    """
    tag = _TAGS.get(atom.GetChiralTag(), 0)
    if not tag:
        return 0
    around = [bond.GetOtherAtomIdx(atom.GetIdx()) for bond in atom.GetBonds()]
    return tag * permutation_sign(around)


def set_stereo(molecule: Chem.RWMol, graph: MolecularGraph) -> None:
    """Put the graph's stereo layer on an RDKit molecule of the same atom order, drop what is no stereo element."""
    if not graph.tetrahedral and not graph.double_bonds:
        return
    for index, sign in graph.tetrahedral:
        atom = molecule.GetAtomWithIdx(index)
        around = [bond.GetOtherAtomIdx(index) for bond in atom.GetBonds()]
        counterclockwise = sign * permutation_sign(around) > 0
        atom.SetChiralTag(
            Chem.ChiralType.CHI_TETRAHEDRAL_CCW if counterclockwise else Chem.ChiralType.CHI_TETRAHEDRAL_CW
        )
    for i, j, sign in graph.double_bonds:
        bond = molecule.GetBondBetweenAtoms(i, j)
        first = [n for n in graph.neighbors[i] if n != j]
        second = [n for n in graph.neighbors[j] if n != i]
        if bond is None or bond.GetBondType() != Chem.BondType.DOUBLE or not first or not second:
            continue
        if any(_double_bonds_of(molecule.GetAtomWithIdx(atom)) > 1 for atom in (i, j)):  # cumulenes
            continue
        if not double_in_every_form(graph, (i, j)):
            continue
        begins_at_i = bond.GetBeginAtomIdx() == i
        bond.SetStereoAtoms(*((first[0], second[0]) if begins_at_i else (second[0], first[0])))
        bond.SetStereo(Chem.BondStereo.STEREOCIS if sign > 0 else Chem.BondStereo.STEREOTRANS)
    with rdBase.BlockLogs():
        Chem.FindPotentialStereo(molecule, cleanIt=True, flagPossible=False)


def _double_bonds_of(atom: Chem.Atom) -> int:
    return sum(bond.GetBondType() == Chem.BondType.DOUBLE for bond in atom.GetBonds())


def stereo_elements(molecule: Chem.Mol) -> tuple[set[int], set[Pair]]:
    """Centres and double bonds on which `set_stereo` left a mark.

    Not each of them has a CIP label: in trans-1,3,5-trimethylcyclohexane two centres depend on the third.
    """
    centres = {atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetChiralTag() in _TAGS}
    bonds = set()
    for bond in molecule.GetBonds():
        if bond.GetStereo() != Chem.BondStereo.STEREONONE:
            i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            bonds.add((min(i, j), max(i, j)))
    return centres, bonds


def stereo_labels(molecule: Chem.Mol) -> tuple[tuple[tuple[int, str], ...], tuple[tuple[int, int, str], ...]]:
    """CIP labels (R, S, r, s of atoms; E, Z of bonds) of an RDKit molecule; empty where nothing is specified."""
    rdCIPLabeler.AssignCIPLabels(molecule)
    atoms = tuple((atom.GetIdx(), atom.GetProp("_CIPCode")) for atom in molecule.GetAtoms() if atom.HasProp("_CIPCode"))
    bonds = tuple(
        (min(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()), max(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()), label)
        for bond in molecule.GetBonds()
        if bond.HasProp("_CIPCode") and (label := bond.GetProp("_CIPCode"))
    )
    return atoms, bonds


def perceive_stereo(graph: MolecularGraph, geometry: Geometry) -> MolecularGraph:
    """The graph with the handedness of every centre and double bond read off the geometry.

    Centres that are no stereo elements are listed too; `chem.identity` ignores them.
    """
    positions = geometry.positions
    tetrahedral = []
    for atom, around in enumerate(graph.neighbors):
        if len(around) != 4 and not (len(around) == 3 and graph.numbers[atom] in (15, 16, 33, 34)):
            continue
        vectors = positions[list(around[:3])] - positions[atom]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        volume = float(np.dot(vectors[0], np.cross(vectors[1], vectors[2])))
        if abs(volume) > _FLATNESS:
            tetrahedral.append((atom, 1 if volume > 0 else -1))
    double_bonds = []
    for i, j in sorted(graph.bonds):
        first = [n for n in graph.neighbors[i] if n != j]
        second = [n for n in graph.neighbors[j] if n != i]
        if not 1 <= len(first) <= 2 or not 1 <= len(second) <= 2:
            continue
        axis = positions[j] - positions[i]
        left = positions[first[0]] - positions[i]
        right = positions[second[0]] - positions[j]
        left = left - axis * np.dot(left, axis) / np.dot(axis, axis)
        right = right - axis * np.dot(right, axis) / np.dot(axis, axis)
        if min(np.linalg.norm(left), np.linalg.norm(right)) < _LINEARITY:
            continue
        cosine = float(np.dot(left, right) / (np.linalg.norm(left) * np.linalg.norm(right)))
        if abs(cosine) > 0.5:
            double_bonds.append((i, j, 1 if cosine > 0 else -1))
    return graph.with_stereo(frozenset(tetrahedral), frozenset(double_bonds))
