"""Structures that are no minima, and how the likelihood is measured against them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chem.conformers import embedded_guesses
from chem.smiles import parse_smiles
from models.structure_batch import StructureArrays
from tasks.outlier_evaluation import STRETCH, evaluate_outliers, other_bonds, stretched_bond


@pytest.fixture
def ethanol():
    graph = parse_smiles("CCO")
    (positions,), _ = embedded_guesses(graph, 1, 7)
    return graph, positions


def test_a_stretched_bond_is_the_only_bond_that_changes(ethanol):
    graph, positions = ethanol
    _, moved = stretched_bond(graph, positions, np.random.default_rng(0))
    ratios = [np.linalg.norm(moved[i] - moved[j]) / np.linalg.norm(positions[i] - positions[j]) for i, j in graph.bonds]
    *kept, longer = sorted(ratios)
    assert longer == pytest.approx(STRETCH)
    assert kept == pytest.approx([1.0] * len(kept))


def test_a_bond_of_a_ring_is_not_stretched():
    ring = replace(parse_smiles("C1CC1"), bonds=frozenset({(0, 1), (1, 2), (0, 2)}), numbers=(8, 8, 8))
    assert stretched_bond(ring, np.eye(3), np.random.default_rng(0)) is None


def test_other_bonds_move_one_hydrogen(ethanol):
    graph, _ = ethanol
    other = other_bonds(graph, np.random.default_rng(0))
    (gone,), (new,) = graph.bonds - other.bonds, other.bonds - graph.bonds
    (hydrogen,) = set(gone) & set(new)
    assert graph.numbers[hydrogen] == 1
    assert other_bonds(parse_smiles("O"), np.random.default_rng(0)) is None


def test_a_network_whose_likelihood_is_the_distance_from_the_truth_tells_all_outliers(monkeypatch, ethanol):
    graph, positions = ethanol

    def scores(_model, structures, *, seed):
        assert seed == 3
        return [-float(np.abs(where - positions).max()) - len(own.bonds ^ graph.bonds) for own, where in structures]

    monkeypatch.setattr("tasks.outlier_evaluation.load_dig", lambda _path, *, device: device)
    monkeypatch.setattr("tasks.outlier_evaluation.likelihood_per_degree_of_freedom", scores)
    minimum = StructureArrays(numbers=np.array(graph.numbers), positions=positions)
    told = []
    found = evaluate_outliers([minimum] * 2, seed=3, progress=lambda *each: told.append(each))
    assert set(found.auroc) == {
        "noise_0.05_angstrom",
        "noise_0.1_angstrom",
        "noise_0.2_angstrom",
        "stretched_bond",
        "other_bonds",
    }
    assert set(found.auroc.values()) == {1.0}
    assert (found.n, found.median, told[-1]) == (2, 0.0, (6, 6))
