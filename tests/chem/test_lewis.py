"""Lewis structures follow from connectivity, charge and multiplicity alone."""

from __future__ import annotations

import random

import pytest

from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.lewis import charge_and_multiplicity_of_fragments, double_in_every_form, lewis_structure, resonance_structures
from chem.smiles import parse_smiles


def heavy(smiles, multiplicity=None):
    """Sorted orders of the bonds between heavy atoms, charges and unpaired electrons of the heavy atoms."""
    graph = parse_smiles(smiles, multiplicity)
    lewis = lewis_structure(graph)
    atoms = [atom for atom, number in enumerate(graph.numbers) if number > 1]
    assert not any(lewis.charges[atom] or lewis.unpaired[atom] for atom in set(range(graph.n_atoms)) - set(atoms))
    return (
        sorted(order for (i, j), order in lewis.orders if i in atoms and j in atoms),
        sorted(lewis.charges[atom] for atom in atoms),
        sum(lewis.unpaired[atom] for atom in atoms),
    )


@pytest.mark.parametrize(
    ("smiles", "multiplicity", "orders", "charges", "unpaired"),
    [
        ("O=CCCOO", None, [1, 1, 1, 1, 2], [0] * 6, 0),
        ("CNC=O", None, [1, 1, 2], [0] * 4, 0),
        ("C[NH+]=C[O-]", None, [1, 1, 2], [0] * 4, 0),
        ("c1ccccc1", None, [1, 1, 1, 2, 2, 2], [0] * 6, 0),
        ("C1=CC=CC#C1", None, [1, 1, 1, 2, 2, 3], [0] * 6, 0),
        ("[C-]#[O+]", None, [3], [-1, 1], 0),
        ("C[N+]#[C-]", None, [1, 3], [-1, 0, 1], 0),
        ("C=[N+]=[N-]", None, [2, 2], [-1, 0, 1], 0),
        ("CN=[N+]=[N-]", None, [1, 1, 3], [-1, 0, 0, 1], 0),
        ("N#[N+][O-]", None, [1, 3], [-1, 0, 1], 0),
        ("[O-][O+]=O", None, [1, 2], [-1, 0, 1], 0),
        ("C=[N+](C)[O-]", None, [1, 1, 2], [-1, 0, 0, 1], 0),
        ("C[N+](=O)[O-]", None, [1, 1, 2], [-1, 0, 0, 1], 0),
        ("CS(=O)(=O)C", None, [1, 1, 2, 2], [0] * 5, 0),
        ("CS(C)=O", None, [1, 1, 2], [0] * 4, 0),
        ("OP(=O)(O)O", None, [1, 1, 1, 2], [0] * 5, 0),
        ("COP(=O)([O-])OC", None, [1, 1, 1, 1, 1, 2], [-1, 0, 0, 0, 0, 0, 0], 0),
        ("F[P-](F)(F)(F)(F)F", None, [1] * 6, [-1, 0, 0, 0, 0, 0, 0], 0),
        ("CC(=O)[O-]", None, [1, 1, 2], [-1, 0, 0, 0], 0),
        ("CC#[O+]", None, [1, 3], [0, 0, 1], 0),
        ("[CH2]", 1, [], [0], 0),
        ("[CH2]", 3, [], [0], 2),
        ("[N]=O", None, [2], [0, 0], 1),
        ("[O-][N+]=O", None, [1, 2], [0, 0, 0], 1),
        ("O=O", 1, [2], [0, 0], 0),
        ("O=O", 3, [1], [0, 0], 2),
        ("C=C", 3, [1], [0, 0], 2),
        ("[Na+]", None, [], [1], 0),
        ("[Na+].[Cl-]", None, [], [-1, 1], 0),
        ("[NH3+]CC(=O)[O-]", None, [1, 1, 1, 2], [-1, 0, 0, 0, 1], 0),
    ],
)
def test_textbook_structures(smiles, multiplicity, orders, charges, unpaired):
    assert heavy(smiles, multiplicity) == (orders, charges, unpaired)


@pytest.mark.parametrize(
    "smiles", ["CC(=O)[O-]", "C=C[CH2]", "c1ccncc1", "C[N+](=O)[O-]", "CO.[C-]#[O+]", "[CH3].[OH]"]
)
def test_a_structure_moves_with_its_atoms(smiles):
    graph = parse_smiles(smiles)
    totals = set()
    for seed in range(10):
        order = list(range(graph.n_atoms))
        random.Random(seed).shuffle(order)
        lewis = lewis_structure(graph.permuted(tuple(order)))
        place = [order.index(atom) for atom in range(graph.n_atoms)]
        kinds = sorted((graph.numbers[a], lewis.charges[place[a]], lewis.unpaired[place[a]]) for a in range(len(place)))
        totals.add((tuple(kinds), tuple(sorted(order for _, order in lewis.orders))))
    assert len(totals) == 1


def test_five_bonds_to_carbon_have_no_structure():
    graph = MolecularGraph(numbers=(6, *[1] * 5), bonds=frozenset((0, k) for k in range(1, 6)), charge=-1)
    with pytest.raises(CalculationError, match="no Lewis structure") as caught:
        lewis_structure(graph)
    assert caught.value.kind == "lewis"


@pytest.mark.parametrize(
    ("smiles", "forms"),
    [("c1ccccc1", 2), ("C=C[CH2]", 2), ("CC(=O)[O-]", 2), ("C[N+](=O)[O-]", 2), ("CN=[N+]=[N-]", 2), ("O=CCCOO", 1),
     ("C=CC=C[CH2]", 3), ("c1ccc2ccccc2c1", 3)],
)  # fmt: skip
def test_resonance_forms_are_counted(smiles, forms):
    assert len(resonance_structures(parse_smiles(smiles))) == forms


def test_only_a_localised_double_bond_holds_its_geometry():
    butene, allyl, nitro = parse_smiles("CC=CC"), parse_smiles("CC=C[CH2]"), parse_smiles("CC=C[N+](=O)[O-]")
    assert double_in_every_form(butene, (1, 2))
    assert not double_in_every_form(allyl, (1, 2))
    assert double_in_every_form(nitro, (1, 2))


@pytest.mark.parametrize(
    ("smiles", "multiplicity", "states"),
    [
        ("C.O", 1, [(0, 1), (0, 1)]),
        ("[CH3].[OH]", 1, [(0, 2), (0, 2)]),
        ("[CH3].[OH]", 3, [(0, 2), (0, 2)]),
        ("[NH4+].[Cl-]", 1, [(1, 1), (-1, 1)]),
        ("O.[Na+]", 1, [(0, 1), (1, 1)]),
        ("[CH2]C[CH2].O", 1, [(0, 1), (0, 1)]),  # a singlet diradical stays a singlet beside a spectator
        ("[CH2]C[CH2].O", 3, [(0, 3), (0, 1)]),
        ("O=O.[CH3]", 4, [(0, 3), (0, 2)]),
        ("[C-]#[O+].C.[CH3]", 2, [(0, 1), (0, 1), (0, 2)]),
    ],
)
def test_charge_and_spin_are_shared_between_molecules(smiles, multiplicity, states):
    assert list(charge_and_multiplicity_of_fragments(parse_smiles(smiles, multiplicity))) == states
