"""Classical guesses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from chem.errors import ConfigurationError
from chem.generator import EndPoints
from chem.guess import (
    RECIPES,
    ClassicalGenerator,
    changing_bonds,
    guess_positions,
    idpp_path,
    pair_distances,
    wanted_distances,
)
from chem.types import Geometry

NUMBERS = [6, 8, 1, 1]  # formaldehyde -> hydroxycarbene (trans)
FORMALDEHYDE = Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.2], [0.94, 0.05, -0.59], [-0.94, 0.05, -0.59]])
CARBENE = Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.31], [0.93, -0.05, 1.6], [-1.08, 0.05, -0.24]])
ENDS = EndPoints(reactant=FORMALDEHYDE, product=CARBENE)
HCN = Geometry(numbers=[1, 6, 7], positions=[[0, 0, -1.07], [0, 0, 0], [0, 0, 1.16]])
HNC = Geometry(numbers=[1, 6, 7], positions=[[0, 0, 2.17], [0, 0, 0], [0, 0, 1.17]])


def rotated(geometry, vector):
    return geometry.with_positions(
        Rotation.from_rotvec(vector).apply(np.array(geometry.positions)) + np.array([1, -2, 0.5])
    )


def test_changing_bonds_are_found_in_both_directions():
    assert changing_bonds(ENDS) == (((0, 2),), ((1, 2),))


def test_changing_bonds_are_asked_for_at_1_33_of_their_bonded_length():
    wanted = wanted_distances(ENDS, RECIPES[0])
    before, after = pair_distances(FORMALDEHYDE.positions), pair_distances(CARBENE.positions)
    assert wanted[1] == pytest.approx(1.33 * before[1])  # pair (0, 2) breaks
    assert wanted[3] == pytest.approx(1.33 * after[3])  # pair (1, 2) forms
    assert wanted[0] == pytest.approx(0.5 * (before[0] + after[0]))


def test_the_fitted_guess_has_its_changing_bonds_near_1_33():
    got = pair_distances(guess_positions(ENDS))
    wanted = wanted_distances(ENDS, RECIPES[0])
    assert got[[1, 3]] == pytest.approx(wanted[[1, 3]], rel=0.1)


def test_the_guess_turns_with_the_molecules():
    turned = EndPoints(reactant=rotated(FORMALDEHYDE, [0.4, 1.0, -2.0]), product=rotated(CARBENE, [-1.0, 0.2, 0.7]))
    assert pair_distances(guess_positions(turned)) == pytest.approx(pair_distances(guess_positions(ENDS)), abs=1e-3)


def test_swapping_the_ends_gives_the_same_distances():
    swapped = EndPoints(reactant=CARBENE, product=FORMALDEHYDE)
    assert pair_distances(guess_positions(swapped)) == pytest.approx(pair_distances(guess_positions(ENDS)), abs=1e-3)


def test_linear_ends_give_a_bent_guess():
    positions = guess_positions(EndPoints(reactant=HCN, product=HNC))
    assert np.linalg.svd(positions - positions.mean(axis=0))[1][1] > 0.3


def test_candidates_differ_carry_their_origin_and_repeat():
    ends = EndPoints(reactant=FORMALDEHYDE, product=CARBENE, reaction_key="r")
    first, second = (ClassicalGenerator(len(RECIPES)).generate([ends])[0] for _ in range(2))
    assert [candidate.seed for candidate in first] == list(range(len(RECIPES)))
    assert {(candidate.generator, candidate.reaction_key) for candidate in first} == {("classical", "r")}
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.geometry.positions, other.geometry.positions)
    assert not np.allclose(first[0].geometry.positions, first[1].geometry.positions, atol=1e-3)


def test_more_candidates_than_recipes_are_refused():
    with pytest.raises(ConfigurationError, match="n_candidates"):
        ClassicalGenerator(len(RECIPES) + 1)


def test_the_idpp_path_runs_from_one_end_to_the_other():
    path = idpp_path(ENDS, 5)
    breaking = [pair_distances(image)[1] for image in path]
    assert len(path) == 5
    assert breaking == sorted(breaking)
