"""Changes of the bond-electron matrix obey the valence rules."""

from __future__ import annotations

import pytest

from chem.bond_changes import CHARGE_SEPARATED_GROUPS, ValenceRules, changed_connectivities, shortage
from chem.lewis import lewis_structure
from chem.smiles import parse_smiles

ALL_GROUPS = tuple(CHARGE_SEPARATED_GROUPS)


def changes(smiles, n_break=2, n_form=2, *, carbenes=False, zwitterions=False, groups=ALL_GROUPS):
    graph = parse_smiles(smiles)
    rules = ValenceRules(carbenes=carbenes, zwitterions=zwitterions, groups=groups)
    return graph, set(changed_connectivities(graph, lewis_structure(graph), n_break, n_form, rules))


@pytest.mark.parametrize(
    ("number", "valence", "missing"),
    [
        (6, 4, 0),
        (6, 3, 1),
        (6, 2, 2),
        (8, 3, -1),
        (7, 4, -1),
        (16, 3, 1),
        (16, 6, 0),
        (16, 7, -1),
        (15, 4, 1),
        (1, 0, 1),
    ],
)
def test_shortage_counts_bonds_to_the_next_neutral_valence(number, valence, missing):
    assert shortage(number, valence) == missing


def test_hydrogen_molecule_has_nothing_to_do():
    graph, found = changes("[H][H]")
    assert found <= {graph.bonds}


def test_two_hydrogen_molecules_exchange_atoms_in_two_ways():
    graph, found = changes("[H][H].[H][H]")
    assert found - {graph.bonds} == {frozenset({(0, 2), (1, 3)}), frozenset({(0, 3), (1, 2)})}


def test_one_bond_alone_cannot_move_between_closed_shells():
    for smiles in ("C", "CC", "C=C", "CO"):
        graph, found = changes(smiles, 1, 1)
        assert found <= {graph.bonds}


def test_a_carbene_needs_one_bond_less():
    methylene_and_hydrogen = frozenset({(0, 3), (0, 4), (1, 2)})
    assert methylene_and_hydrogen in changes("C", 2, 1, carbenes=True)[1]
    assert methylene_and_hydrogen not in changes("C", 2, 2)[1]


@pytest.mark.parametrize(
    ("smiles", "group", "bonds_of_product"),
    [("C#N", "isocyanide", frozenset({(0, 1), (1, 2)})), ("C=O", "carbon_monoxide", frozenset({(0, 1), (2, 3)}))],
)
def test_a_group_of_separated_charges_appears_only_where_it_is_allowed(smiles, group, bonds_of_product):
    _, with_group = changes(smiles, groups=(group,))
    _, without = changes(smiles, groups=())
    assert bonds_of_product in with_group
    assert bonds_of_product not in without


def test_wider_rules_only_add():
    for smiles in ("CC=O", "CCO", "C#N"):
        _, narrow = changes(smiles)
        for wider in ({"carbenes": True}, {"zwitterions": True}):
            _, wide = changes(smiles, **wider)
            assert narrow <= wide
