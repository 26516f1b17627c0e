"""What is plainly broken in a guess."""

from __future__ import annotations

import numpy as np
import pytest

from chem.distance_windows import windows_of
from chem.embedding import embed
from chem.errors import GeometryError
from chem.generator import EndPoints
from chem.guess import guess_positions
from chem.hard_checks import clashing_pairs, handedness, hard_checks
from chem.perception import perceive_graph
from chem.smiles import parse_smiles
from chem.types import Geometry

# formaldehyde -> hydroxycarbene (trans): C-H 0-2 breaks, O-H 1-2 forms, C-O 0-1 and C-H 0-3 are kept
NUMBERS = [6, 8, 1, 1]
FORMALDEHYDE = Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.2], [0.94, 0.05, -0.59], [-0.94, 0.05, -0.59]])
CARBENE = Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.31], [0.93, -0.05, 1.6], [-1.08, 0.05, -0.24]])
ENDS = EndPoints(reactant=FORMALDEHYDE, product=CARBENE)
GUESS = FORMALDEHYDE.with_positions(guess_positions(ENDS))

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)


def moved(geometry, atom, position):
    positions = np.array(geometry.positions)
    positions[atom] = position
    return geometry.with_positions(positions)


def embedded(smiles):
    graph = parse_smiles(smiles)
    geometry = Geometry(numbers=np.array(graph.numbers), positions=embed(windows_of(graph), seed=1))
    assert perceive_graph(geometry).bonds == graph.bonds
    return geometry


def halogen_methane(numbers):
    lengths = {1: 1.09, 9: 1.37, 17: 1.77, 35: 1.94}
    positions = TETRAHEDRON * np.array([lengths[number] for number in numbers])[:, None]
    return Geometry(numbers=[6, *numbers], positions=np.vstack([np.zeros(3), positions]))


def resting(geometry):
    return EndPoints(reactant=geometry, product=geometry)


def with_two_exchanged(geometry, first, second):
    order = list(range(geometry.n_atoms))
    order[first], order[second] = second, first
    return geometry.with_positions(geometry.positions[order])


def test_a_sensible_guess_and_both_ends_have_no_faults():
    for geometry in (GUESS, FORMALDEHYDE, CARBENE):
        assert hard_checks(geometry, ENDS) == ()


def test_faults_do_not_depend_on_direction_or_frame():
    broken = moved(GUESS, 3, [-2.2, 0.0, -0.9])
    backward = EndPoints(reactant=CARBENE, product=FORMALDEHYDE)
    turned = broken.with_positions(broken.positions[:, [1, 2, 0]] + np.array([1.0, -2.0, 0.5]))
    assert hard_checks(broken, ENDS)
    assert hard_checks(broken, backward) == hard_checks(broken, ENDS)
    assert hard_checks(turned, ENDS) == hard_checks(broken, ENDS)


def test_atoms_that_never_bond_clash_when_closer_than_a_bond():
    towards = GUESS.positions[3] + np.array([0.0, 0.0, 0.4])
    (fault,) = hard_checks(moved(moved(GUESS, 2, towards), 3, GUESS.positions[3]), ENDS)
    assert "H2-H3 clash" in fault
    assert "0.40 Angstrom" in fault


def test_a_bond_may_shrink_to_four_fifths_of_its_shorter_end_length():
    axis = np.array([0.0, 0.0, 1.0])
    carbon = GUESS.positions[0]
    assert not clashing_pairs(moved(GUESS, 1, carbon + axis * 0.97), ENDS)
    (clash,) = clashing_pairs(moved(GUESS, 1, carbon + axis * 0.95), ENDS)
    assert clash.pair == (0, 1)
    assert clash.limit_angstrom == pytest.approx(0.8 * 1.2)


def test_a_stretched_bond_is_a_fault_only_where_both_ends_have_it():
    outward = GUESS.positions[3] - GUESS.positions[0]
    far = GUESS.positions[0] + outward / np.linalg.norm(outward) * 1.9
    (fault,) = hard_checks(moved(GUESS, 3, far), ENDS)
    assert "C0-H3, which both ends have, is broken: 1.90" in fault
    outward = GUESS.positions[2] - 0.5 * (GUESS.positions[0] + GUESS.positions[1])
    assert hard_checks(moved(GUESS, 2, GUESS.positions[2] + 0.6 * outward / np.linalg.norm(outward)), ENDS) == ()


def test_an_atom_far_from_all_others_has_flown_off():
    (fault,) = hard_checks(moved(GUESS, 2, [6.0, 0.0, 0.0]), ENDS)
    assert fault.startswith("atom H2 has flown off")


def test_a_lone_atom_cannot_fly_off():
    helium = Geometry(numbers=[2], positions=[[0, 0, 0]])
    assert hard_checks(helium, resting(helium)) == ()


def test_the_mirror_image_of_a_stereocentre_is_inverted():
    chiral = halogen_methane([1, 9, 17, 35])
    (fault,) = hard_checks(chiral.with_positions(-chiral.positions), resting(chiral))
    assert "stereocentre C0 between H1, F2, Cl3, Br4 is inverted" in fault
    assert hard_checks(chiral, resting(chiral)) == ()


def test_the_mirror_image_of_a_centre_with_two_like_neighbours_is_another_numbering():
    achiral = halogen_methane([1, 1, 9, 17])
    assert hard_checks(achiral.with_positions(-achiral.positions), resting(achiral)) == ()


def test_constitution_far_from_the_centre_makes_a_stereocentre():
    butanol, pentanol = embedded("CCC(O)C"), embedded("CCC(O)CC")
    for geometry, inverted in ((butanol, True), (pentanol, False)):
        faults = hard_checks(geometry.with_positions(-geometry.positions), resting(geometry))
        assert any("stereocentre C2" in fault for fault in faults) is inverted


def test_a_centre_one_of_whose_bonds_changes_may_turn_inside_out():
    chiral = halogen_methane([1, 9, 17, 35])
    leaving = moved(chiral, 1, 4.0 * chiral.positions[1])
    assert hard_checks(chiral.with_positions(-chiral.positions), EndPoints(reactant=chiral, product=leaving)) == ()


def test_exchanging_two_neighbours_turns_the_handedness_round():
    chiral = halogen_methane([1, 9, 17, 35])
    exchanged = with_two_exchanged(chiral, 1, 2)
    around = (1, 2, 3, 4)
    assert abs(handedness(chiral.positions, 0, around)) == pytest.approx(1.0)
    assert handedness(exchanged.positions, 0, around) == pytest.approx(-handedness(chiral.positions, 0, around))


def test_another_molecule_is_refused():
    with pytest.raises(GeometryError, match="same atoms"):
        hard_checks(halogen_methane([1, 9, 17, 35]), ENDS)
