"""Molecular graphs from SMILES and back, through RDKit.

RDKit reads and writes; identity does not depend on it (`chem.identity`).
"""

from __future__ import annotations

from functools import lru_cache

from rdkit import Chem, rdBase

from chem.errors import CalculationError, ElementError, SmilesError
from chem.graph import MolecularGraph
from chem.lewis import LewisStructure, lewis_structure
from chem.stereo import chiral_sign, set_stereo

_BOND_TYPES = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}


def parse_smiles(smiles: str, multiplicity: int | None = None) -> MolecularGraph:
    """Read a molecule or several (dot-separated) with explicit hydrogens.

    Atoms come in the order of the string, or of the atom-map numbers where every atom, hydrogens included, has one.

    Args:
        smiles: The string; blanks around it are ignored.
        multiplicity: Spin multiplicity; by default the lowest that the number of electrons allows: 1 or 2.

    Raises:
        SmilesError: The string does not parse, is empty, or has isotopes, partial or repeated map numbers, or
            valences that no Lewis structure has.
        ElementError: It holds a query or dummy atom.
        ElectronCountError: The electrons cannot have this multiplicity.
    """
    molecule = _read(smiles)
    if any(atom.GetAtomicNum() == 0 for atom in molecule.GetAtoms()):
        raise ElementError(f"SMILES {smiles!r} holds a dummy or query atom; name a real element")
    if any(atom.GetIsotope() for atom in molecule.GetAtoms()):
        raise SmilesError(f"SMILES {smiles!r} names an isotope; species are of natural abundance, so leave it out")
    maps: list[int] = [atom.GetAtomMapNum() for atom in molecule.GetAtoms()]
    order = list(range(len(maps)))
    if any(maps):
        if not all(maps) or len(set(maps)) != len(maps):
            raise SmilesError(
                f"SMILES {smiles!r} maps only some atoms, or one number twice;"
                " number every atom, hydrogens included, or none"
            )
        order.sort(key=lambda atom: maps[atom])
    charge = sum(atom.GetFormalCharge() for atom in molecule.GetAtoms())
    numbers = tuple(int(atom.GetAtomicNum()) for atom in molecule.GetAtoms())
    lowest = 1 + (sum(numbers) - charge) % 2
    graph = MolecularGraph(
        numbers=numbers,
        bonds=frozenset(
            (min(a, b), max(a, b))
            for a, b in ((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds())
        ),
        charge=charge,
        multiplicity=multiplicity if multiplicity is not None else lowest,
        tetrahedral=frozenset(_tetrahedral(molecule)),
        double_bonds=frozenset(_double_bonds(molecule)),
    )
    try:
        lewis_structure(graph)
    except CalculationError as error:
        raise SmilesError(f"SMILES {smiles!r} cannot be drawn with electron pairs: {error}; correct it") from error
    return graph.permuted(tuple(order)) if any(maps) else graph


def _read(smiles: str) -> Chem.Mol:
    if not isinstance(smiles, str):
        raise SmilesError(f"a SMILES must be a string such as O=CCCOO, got {smiles!r} ({type(smiles).__name__})")
    if len(smiles.split()) > 1:
        raise SmilesError(f"SMILES {smiles!r} holds blanks; give one SMILES without a name, molecules joined by dots")
    if ">" in smiles:
        raise SmilesError(f"SMILES {smiles!r} is a reaction; give one side of it")
    parameters = Chem.SmilesParserParams()
    parameters.removeHs = False  # type: ignore[assignment]  # RDKit's stubs take the property for its class
    with rdBase.BlockLogs():
        try:
            molecule = Chem.MolFromSmiles(smiles.strip(), parameters)
        except (ValueError, RuntimeError) as error:
            raise SmilesError(f"SMILES {smiles!r} does not parse: {error}") from error
    if molecule is None:
        raise SmilesError(f"SMILES {smiles!r} does not parse: {_reason(smiles)}; correct it")
    if molecule.GetNumAtoms() == 0:
        raise SmilesError("the SMILES is empty; give a molecule such as O=CCCOO")
    return Chem.AddHs(molecule)


def is_readable(smiles: str) -> bool:
    """Whether RDKit reads a SMILES; some molecules have labels whose valences it does not know."""
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles) is not None


def _reason(smiles: str) -> str:
    """What RDKit objects to in a SMILES that it refused."""
    with rdBase.BlockLogs():
        unchecked = Chem.MolFromSmiles(smiles.strip(), sanitize=False)
        if unchecked is None:
            return "its syntax is wrong (brackets, ring closures, elements)"
        problems = [problem.Message() for problem in Chem.DetectChemistryProblems(unchecked)]
    return "; ".join(problems) if problems else "its bonds or stereo marks contradict each other"


def _tetrahedral(molecule: Chem.Mol) -> list[tuple[int, int]]:
    result = []
    for atom in molecule.GetAtoms():
        sign = chiral_sign(atom)
        if sign:
            result.append((atom.GetIdx(), sign))
    return result


def _double_bonds(molecule: Chem.Mol) -> list[tuple[int, int, int]]:
    result = []
    cis_labels = {Chem.BondStereo.STEREOZ, Chem.BondStereo.STEREOCIS}
    trans_labels = {Chem.BondStereo.STEREOE, Chem.BondStereo.STEREOTRANS}
    for bond in molecule.GetBonds():
        stereo = bond.GetStereo()
        if stereo not in cis_labels | trans_labels:
            continue
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        first, second = bond.GetStereoAtoms()
        sign = 1 if stereo in cis_labels else -1
        if first != min(n.GetIdx() for n in molecule.GetAtomWithIdx(i).GetNeighbors() if n.GetIdx() != j):
            sign = -sign
        if second != min(n.GetIdx() for n in molecule.GetAtomWithIdx(j).GetNeighbors() if n.GetIdx() != i):
            sign = -sign
        result.append((min(i, j), max(i, j), sign))
    return result


def to_rdkit(graph: MolecularGraph, structure: LewisStructure | None = None, *, mapped: bool = False) -> Chem.Mol:
    """RDKit molecule with explicit hydrogens, in the atom order of the graph.

    Args:
        graph: The molecule or molecules.
        structure: Bond orders and charges; the best Lewis structure by default.
        mapped: Write the place of each atom, counted from 1, as its map number.
    """
    lewis = structure if structure is not None else lewis_structure(graph)
    molecule = Chem.RWMol()
    for index, number in enumerate(graph.numbers):
        atom = Chem.Atom(number)
        atom.SetNoImplicit(True)
        atom.SetFormalCharge(lewis.charges[index])
        atom.SetNumRadicalElectrons(lewis.unpaired[index] or _carbene_electrons(graph, lewis, index))
        if mapped:
            atom.SetAtomMapNum(index + 1)
        molecule.AddAtom(atom)
    for (i, j), order in lewis.orders:
        molecule.AddBond(i, j, _BOND_TYPES[order])
    with rdBase.BlockLogs():
        Chem.SanitizeMol(molecule, catchErrors=True)
    set_stereo(molecule, graph)
    return molecule.GetMol()


def _carbene_electrons(graph: MolecularGraph, lewis: LewisStructure, atom: int) -> int:
    """RDKit has no singlet carbene: it writes the two electrons of its lone pair as radical electrons."""
    if graph.numbers[atom] not in (6, 14) or lewis.charges[atom]:
        return 0
    valence = sum(order for pair, order in lewis.orders if atom in pair)
    return max(4 - valence, 0)


@lru_cache(maxsize=8192)
def write_smiles(graph: MolecularGraph) -> str:
    """Canonical SMILES with stereo labels, without explicit hydrogens or map numbers."""
    with rdBase.BlockLogs():
        molecule = Chem.RemoveHs(to_rdkit(graph), sanitize=False)
        Chem.SanitizeMol(molecule, catchErrors=True)
        if graph.tetrahedral or graph.double_bonds:
            # The writer forgets cis and trans bonds that were not perceived anew, and orders the marks of rings
            # canonically only in what it has read.
            Chem.AssignStereochemistry(molecule, cleanIt=False, force=True)
            molecule = Chem.MolFromSmiles(Chem.MolToSmiles(molecule)) or molecule
        return str(Chem.MolToSmiles(molecule))


def write_mapped_smiles(graph: MolecularGraph) -> str:
    """SMILES with explicit hydrogens, the map number being the place of the atom counted from 1."""
    molecule = to_rdkit(graph, mapped=True)
    Chem.AssignStereochemistry(molecule, cleanIt=False, force=True)
    for atom in molecule.GetAtoms():
        # With this property the writer may swap the marks of two ring atoms that only their map numbers tell apart.
        atom.ClearProp("_ringStereoAtoms")
    return str(Chem.MolToSmiles(molecule))
