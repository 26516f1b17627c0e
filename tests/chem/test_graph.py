"""Molecular graphs: neighbours, fragments, and stereo marks under renumbering."""

from __future__ import annotations

import random

import pytest

from chem.errors import ElectronCountError, InputError
from chem.graph import MolecularGraph, permutation_sign, subgraph
from chem.smiles import parse_smiles


def test_neighbors_and_fragments_follow_from_the_bonds():
    graph = parse_smiles("C.O")
    assert graph.fragments == ((0, 2, 3, 4, 5), (1, 6, 7))
    assert graph.neighbors[1] == (6, 7)


@pytest.mark.parametrize("bond", [(1, 0), (0, 0), (0, 7), (-1, 0)])
def test_a_bond_is_an_ordered_pair_of_atoms(bond):
    with pytest.raises(InputError, match="bond"):
        MolecularGraph(numbers=(1, 1), bonds=frozenset({bond}))


def test_electrons_must_fit_the_multiplicity():
    with pytest.raises(ElectronCountError):
        MolecularGraph(numbers=(6, 1, 1, 1), bonds=frozenset({(0, 1), (0, 2), (0, 3)}))


@pytest.mark.parametrize("smiles", ["C[C@H](O)F", "C/C=C/F", "C/C=C(F)\\[C@](C)(O)Cl", "CC[S@](C)=O", "C/C=N/O"])
def test_renumbering_and_back_keeps_every_stereo_mark(smiles):
    graph = parse_smiles(smiles)
    rng = random.Random(0)
    for _ in range(50):
        order = list(range(graph.n_atoms))
        rng.shuffle(order)
        back = tuple(order.index(atom) for atom in range(graph.n_atoms))
        assert graph.permuted(tuple(order)).permuted(back) == graph


def test_renumbering_is_a_group_action():
    graph = parse_smiles("C[C@](O)(F)/C=C/Cl")
    rng = random.Random(1)
    for _ in range(50):
        first, second = ([*range(graph.n_atoms)] for _ in range(2))
        rng.shuffle(first)
        rng.shuffle(second)
        both = tuple(first[atom] for atom in second)
        assert graph.permuted(tuple(first)).permuted(tuple(second)) == graph.permuted(both)


def test_mirroring_turns_centres_and_leaves_double_bonds():
    graph = parse_smiles("C[C@H](O)/C=C/F")
    mirror = graph.mirrored()
    assert {(atom, -sign) for atom, sign in graph.tetrahedral} == mirror.tetrahedral
    assert graph.double_bonds == mirror.double_bonds
    assert mirror.mirrored() == graph


def test_a_subgraph_keeps_the_stereo_of_its_atoms():
    graph = parse_smiles("O.C[C@H](O)F")
    part = subgraph(graph, graph.fragments[1], 0, 1)
    assert part == parse_smiles("C[C@H](O)F")


def test_sign_of_a_permutation_counts_its_swaps():
    assert permutation_sign([0, 1, 2]) == 1
    assert permutation_sign([1, 0, 2]) == -1
    assert permutation_sign([1, 2, 0]) == 1
