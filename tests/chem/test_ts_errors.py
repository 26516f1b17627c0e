"""Errors of a generated transition state."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from chem.alignment import rmsd
from chem.distance_windows import windows_of
from chem.embedding import embed
from chem.endpoint_checks import holds_stereo
from chem.equivalent_atoms import mapping_generators
from chem.errors import GeometryError
from chem.generator import EndPoints
from chem.smiles import parse_smiles
from chem.ts_errors import (
    clashes,
    core_atoms,
    core_rmsd,
    distance_mae,
    is_chiral,
    is_wrong_hand,
    lenient_rmsd,
    relabellings,
    strict_rmsd,
)
from chem.types import Geometry

NUMBERS = [6, 8, 1, 1]  # formaldehyde -> hydroxycarbene (trans)
FORMALDEHYDE = Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.2], [0.94, 0.05, -0.59], [-0.94, 0.05, -0.59]])
CARBENE = Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.31], [0.93, -0.05, 1.6], [-1.08, 0.05, -0.24]])
ENDS = EndPoints(reactant=FORMALDEHYDE, product=CARBENE)
ETHANAL = parse_smiles("CC=O")  # C C O, then three hydrogens of the methyl group, then one of the aldehyde
TRUE = np.random.default_rng(5).normal(size=(7, 3))


def embedded(smiles):
    graph = parse_smiles(smiles)
    for seed in range(40):
        geometry = Geometry(numbers=np.array(graph.numbers), positions=embed(windows_of(graph), seed=seed))
        if holds_stereo(graph, geometry):
            return geometry
    raise AssertionError(smiles)


def turned(positions):
    return Rotation.from_rotvec([0.4, 1.0, -2.0]).apply(positions) + np.array([1.0, -2.0, 0.5])


def shaken(positions, scale, seed=0):
    return positions + np.random.default_rng(seed).normal(scale=scale, size=positions.shape)


BUTANOL = embedded("CC[C@H](O)C")
PENTANOL = embedded("CCC(O)CC")


def test_moving_the_whole_molecule_is_no_error():
    moved = turned(TRUE)
    assert strict_rmsd(moved, TRUE) == pytest.approx(0.0, abs=1e-9)
    assert lenient_rmsd(moved, TRUE, []) == pytest.approx(0.0, abs=1e-6)
    assert distance_mae(moved, TRUE) == pytest.approx(0.0, abs=1e-9)
    assert core_rmsd(moved, TRUE, (0, 2, 5)) == pytest.approx(0.0, abs=1e-9)


def test_the_mirror_image_is_an_error_to_the_strict_measure_alone():
    assert strict_rmsd(-TRUE, TRUE) > 0.3
    assert lenient_rmsd(-TRUE, TRUE, []) == pytest.approx(0.0, abs=1e-6)
    assert distance_mae(-TRUE, TRUE) == pytest.approx(0.0, abs=1e-9)


def test_exchanged_equivalent_atoms_are_an_error_to_the_strict_measure_alone():
    generators = mapping_generators(ETHANAL, ETHANAL)
    exchanged = turned(TRUE)[[0, 1, 2, 5, 3, 4, 6]]
    assert strict_rmsd(exchanged, TRUE) > 0.3
    assert lenient_rmsd(exchanged, TRUE, generators) == pytest.approx(0.0, abs=1e-6)
    assert (
        lenient_rmsd(turned(TRUE)[[0, 1, 2, 6, 4, 5, 3]], TRUE, generators) > 0.1
    )  # one of them is no methyl hydrogen


@pytest.mark.parametrize("seed", range(5))
def test_the_lenient_error_is_the_minimum_over_all_relabellings_and_mirror_images(seed):
    generated = shaken(TRUE, 0.4, seed)[[0, 1, 2, 4, 5, 3, 6]]
    tried = [
        rmsd(sign * generated[[0, 1, 2, *methyl, 6]], TRUE) for methyl in permutations((3, 4, 5)) for sign in (1, -1)
    ]
    assert lenient_rmsd(generated, TRUE, mapping_generators(ETHANAL, ETHANAL), 9.0) == pytest.approx(min(tried))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("seed", range(4))
def test_relabellings_too_many_to_list_are_found_by_assignment(seed, sign):
    graph = parse_smiles("CC(C)(C)OC(C)(C)C")  # 3 359 232 relabellings
    true = embed(windows_of(graph), seed=1)
    generators = mapping_generators(graph, graph)
    rng = np.random.default_rng(seed)
    order = np.arange(len(true))
    for place in rng.integers(len(generators), size=60):
        order = order[list(generators[place])]
    generated = shaken(true, 0.05, seed)
    lenient = lenient_rmsd(sign * turned(generated)[order], true, generators)
    assert strict_rmsd(sign * turned(generated)[order], true) > 0.3
    assert lenient == pytest.approx(strict_rmsd(generated, true), abs=1e-6)


def test_the_lenient_error_is_capped_and_the_strict_one_is_not():
    far = 5.0 * TRUE
    assert strict_rmsd(far, TRUE) > 2.0
    assert lenient_rmsd(far, TRUE, []) == 1.0


def test_only_atoms_alike_in_both_ends_may_be_exchanged():
    assert relabellings(EndPoints(reactant=FORMALDEHYDE, product=FORMALDEHYDE)) == [(0, 1, 3, 2)]
    assert relabellings(ENDS) == []


def test_the_core_is_the_atoms_of_the_changing_bonds():
    assert core_atoms(ENDS) == (0, 1, 2)


def test_a_turned_substituent_is_no_error_of_the_core():
    generated = TRUE.copy()
    generated[5:] += 1.0
    assert strict_rmsd(generated, TRUE) > 0.3
    assert core_rmsd(generated, TRUE, (0, 1, 2, 3)) == pytest.approx(0.0, abs=1e-9)


def test_the_distance_error_of_a_pair_is_its_stretch():
    assert distance_mae(np.array([[0.0, 0, 0], [0, 0, 1.3]]), np.array([[0.0, 0, 0], [1.0, 0, 0]])) == pytest.approx(
        0.3
    )


@pytest.mark.parametrize(
    ("smiles", "chiral"),
    [
        ("CC[C@H](O)C", True),
        ("CCC(O)CC", False),
        ("C[C@H](O)[C@H](O)C", False),  # meso
        ("C[C@H](O)[C@@H](O)C", True),
    ],
)
def test_a_molecule_is_chiral_when_it_differs_from_its_mirror_image(smiles, chiral):
    geometry = embedded(smiles)
    assert is_chiral(geometry) is chiral
    assert is_chiral(geometry.with_positions(-geometry.positions)) is chiral


def test_a_racemic_pair_is_achiral_and_a_pair_of_one_hand_is_not():
    apart = np.array([20.0, 0.0, 0.0])
    for sign, chiral in ((-1, False), (1, True)):
        pair = Geometry(
            numbers=np.tile(BUTANOL.numbers, 2),
            positions=np.vstack([BUTANOL.positions, sign * BUTANOL.positions + apart]),
        )
        assert is_chiral(pair) is chiral


def test_the_hand_is_wrong_when_the_mirror_image_is_nearer():
    true = BUTANOL.positions
    assert is_wrong_hand(turned(shaken(true, 0.05)), true, BUTANOL, BUTANOL) is False
    assert is_wrong_hand(turned(shaken(-true, 0.05)), true, BUTANOL, BUTANOL) is True


def test_a_planar_structure_is_nearer_to_neither_and_has_the_right_hand_to_none():
    true = BUTANOL.positions
    flat = true - np.outer(true @ [0.0, 0.0, 1.0], [0.0, 0.0, 1.0])
    assert strict_rmsd(flat, true) == pytest.approx(strict_rmsd(flat, -true))
    assert is_wrong_hand(flat, true, BUTANOL, BUTANOL) is False


def test_the_hand_does_not_count_between_achiral_ends_or_in_a_structure_without_one():
    assert is_wrong_hand(-PENTANOL.positions, PENTANOL.positions, PENTANOL, PENTANOL) is None
    planar = FORMALDEHYDE.positions
    assert is_wrong_hand(-planar, planar, FORMALDEHYDE, CARBENE) is None


def test_one_chiral_end_makes_the_hand_count():
    assert is_wrong_hand(-BUTANOL.positions, BUTANOL.positions, BUTANOL, PENTANOL) is True


def test_clashes_are_counted_by_pair():
    collapsed = FORMALDEHYDE.with_positions(0.3 * FORMALDEHYDE.positions)
    assert clashes(FORMALDEHYDE, ENDS) == 0
    assert clashes(collapsed, ENDS) == 5  # all but the hydrogens, which stay 0.56 Angstrom apart


def test_comparisons_that_mean_nothing_are_refused():
    with pytest.raises(GeometryError, match="shape"):
        lenient_rmsd(TRUE[:3], TRUE, [])
    with pytest.raises(GeometryError, match="two atoms"):
        distance_mae(TRUE[:1], TRUE[:1])
    with pytest.raises(GeometryError, match="leave this reaction out"):
        core_rmsd(TRUE, TRUE, ())
