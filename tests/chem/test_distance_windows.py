import numpy as np
import pytest

from chem.distance_windows import contact_distances, path_lengths, third_side, windows_between, windows_of
from chem.smiles import parse_smiles

SPECIES = [
    "C",
    "[H][H]",
    "[C-]#[O+]",
    "N#N",
    "[CH2]",
    "[CH3]",
    "[NH4+]",
    "[OH-]",
    "C1CC1",
    "c1ccccc1",
    "CS(C)=O",
    "B",
    "[He]",
]


@pytest.mark.parametrize("smiles", SPECIES)
def test_every_species_has_windows_that_are_symmetric_and_not_empty(smiles):
    windows = windows_of(parse_smiles(smiles))
    assert (windows.lower == windows.lower.T).all()
    assert (windows.upper == windows.upper.T).all()
    assert (windows.lower <= windows.upper).all()


def test_a_triple_bond_is_shorter_than_a_double_than_a_single_one():
    uppers = [windows_of(parse_smiles(smiles)).upper[0, 1] for smiles in ("C#C", "C=C", "CC")]
    assert uppers == sorted(uppers)
    assert uppers[0] < uppers[1] < uppers[2]


def test_the_neighbours_of_a_sp_carbon_lie_in_line():
    windows = windows_of(parse_smiles("O=C=O"))
    assert windows.upper[0, 2] == pytest.approx(windows.upper[0, 1] + windows.upper[1, 2], abs=0.03)


def test_cis_and_trans_neighbours_of_a_specified_double_bond_do_not_overlap():
    cis, trans = (windows_of(parse_smiles(smiles)) for smiles in ("F/C=C\\F", "F/C=C/F"))
    assert cis.upper[0, 3] < trans.lower[0, 3]


def test_changing_bonds_are_stretched_half_way_and_kept_bonds_are_not():
    reactant, product = parse_smiles("[C:1](=[N:2][H:3])[H:4]"), parse_smiles("[C:1]#[N:2].[H:3][H:4]")
    half = windows_between(reactant, product)
    bonded = windows_of(reactant)
    assert half.lower[1, 2] == pytest.approx(1.2 * bonded.upper[1, 2], rel=0.02)  # N-H breaks
    assert half.lower[0, 1] < bonded.upper[0, 1]
    assert half.upper[0, 1] < 1.1 * bonded.upper[0, 1]  # C-N is kept


def test_molecules_that_react_stay_in_contact_and_do_not_overlap():
    graph = parse_smiles("C=C.O")
    windows = windows_of(graph, near=((0, 2),))
    assert windows.lower[0, 2] > 2.0
    assert windows.upper[0, 2] < 1.2 * contact_distances(graph)[0, 2]


def test_molecules_that_do_not_react_are_still_held_within_reach():
    windows = windows_of(parse_smiles("C.O"))
    assert np.isfinite(windows.upper[0, 1])


def test_paths_count_bonds_and_stop_at_the_molecule():
    paths = path_lengths(parse_smiles("CC.O"))
    assert paths[0, 1] == 1
    assert paths[0, 2] == paths.shape[0]


def test_the_third_side_of_a_right_angle_is_that_of_pythagoras():
    assert third_side(3.0, 4.0, 90.0) == pytest.approx(5.0)
