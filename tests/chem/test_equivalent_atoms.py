import itertools

import numpy as np
import pytest

from chem.alignment import rmsd
from chem.distance_windows import windows_of
from chem.embedding import embed
from chem.equivalent_atoms import group_elements, least_motion, mapping_generators
from chem.smiles import parse_smiles
from chem.stereo import perceive_stereo
from chem.types import Geometry

ETHANAL = parse_smiles("CC=O")  # C C O, then three hydrogens of the methyl group, then one of the aldehyde


def positions_of(graph):
    return embed(windows_of(graph), seed=1)


def handedness(graph, positions):
    geometry = Geometry(numbers=np.array(graph.numbers), positions=positions)
    return perceive_stereo(graph, geometry).tetrahedral


def test_a_turn_and_an_exchange_generate_all_orders_of_three_atoms_the_shortest_products_first():
    turn, exchange = (1, 2, 0), (1, 0, 2)
    elements = group_elements([turn, exchange], 3, at_most=10)
    assert elements[:3] == [(0, 1, 2), turn, exchange]
    assert sorted(elements) == list(itertools.permutations(range(3)))
    assert group_elements([turn, exchange], 3, at_most=4) == elements[:4]
    assert group_elements([], 3, at_most=10) == [(0, 1, 2)]


def test_the_hydrogens_of_a_spectator_methyl_group_may_be_exchanged_and_no_others():
    moved = {atom for each in mapping_generators(ETHANAL, ETHANAL) for atom, image in enumerate(each) if atom != image}
    assert moved == {3, 4, 5}


def test_a_hydrogen_that_reacts_is_no_longer_equivalent():
    reactant = parse_smiles("[C:1]([C:2](=[O:3])[H:7])([H:4])([H:5])[H:6]")
    product = parse_smiles("[C:1](=[C:2]([O:3][H:4])[H:7])([H:5])[H:6]")
    moved = {atom for each in mapping_generators(reactant, product) for atom, image in enumerate(each) if atom != image}
    assert moved == {4, 5}


def test_a_methyl_group_whose_labels_were_rotated_is_labelled_back():
    target = positions_of(ETHANAL)
    rotated = target[[0, 1, 2, 4, 5, 3, 6]]
    back = least_motion(rotated, target, mapping_generators(ETHANAL, ETHANAL), lambda _: True)
    assert rmsd(rotated, target) > 0.3
    assert rmsd(back, target) == pytest.approx(0.0, abs=1e-6)


def test_an_exchange_that_would_invert_a_centre_is_not_made():
    target = positions_of(ETHANAL)
    swapped = target[[0, 1, 2, 4, 3, 5, 6]]
    wanted = handedness(ETHANAL, swapped)
    result = least_motion(
        swapped, target, mapping_generators(ETHANAL, ETHANAL), lambda trial: handedness(ETHANAL, trial) == wanted
    )
    assert handedness(ETHANAL, result) == wanted
    assert rmsd(result, target) > 0.01


def test_a_molecule_without_equivalent_atoms_is_left_as_it_is():
    graph = parse_smiles("[H]OF")
    positions = positions_of(graph)
    assert least_motion(positions, positions[::-1], mapping_generators(graph, graph), lambda _: True) is positions


def test_a_group_too_large_to_list_is_searched_in_rounds():
    graph = parse_smiles("CC(C)(C)C")  # 24 * 6^4 permutations
    target = positions_of(graph)
    generators = mapping_generators(graph, graph)
    shuffled = target
    for generator in generators:
        shuffled = shuffled[list(generator)]
    result = least_motion(shuffled, target, generators, lambda _: True)
    assert rmsd(result, target) < 0.5 * rmsd(shuffled, target)
