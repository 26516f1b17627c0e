import numpy as np

from chem.distance_windows import windows_of
from chem.embedding import embed
from chem.endpoint_checks import check_relaxed, holds_stereo, same_handedness, species_found
from chem.relax import Relaxation
from chem.smiles import parse_smiles
from chem.types import Geometry


def build(smiles, seed=1):
    graph = parse_smiles(smiles)
    return graph, Geometry(numbers=np.array(graph.numbers), positions=embed(windows_of(graph), seed))


def test_a_structure_and_its_mirror_image_have_opposite_handedness():
    graph, geometry = build("F[C@H](Cl)Br")
    mirrored = geometry.with_positions(geometry.positions * np.array([1.0, 1.0, -1.0]))
    assert holds_stereo(graph, geometry) is not holds_stereo(graph, mirrored)
    assert not same_handedness(graph, graph, geometry, mirrored)
    assert same_handedness(graph, graph, geometry, geometry)


def test_exchanging_two_hydrogens_of_a_spectator_methylene_inverts_it():
    graph, geometry = build("FCO")
    hydrogens = [n for n in graph.neighbors[1] if graph.numbers[n] == 1]
    order = np.arange(graph.n_atoms)
    order[hydrogens] = hydrogens[::-1]
    exchanged = geometry.with_positions(geometry.positions[order])
    assert not same_handedness(graph, graph, geometry, exchanged)


def test_a_double_bond_twisted_by_half_a_turn_is_noticed():
    graph = parse_smiles("FC=CF")
    cis, trans = (build(smiles)[1] for smiles in ("F/C=C\\F", "F/C=C/F"))
    assert not same_handedness(graph, graph, cis, trans)
    assert same_handedness(graph, graph, cis, cis)


def test_a_collapse_names_what_the_species_became():
    wanted = parse_smiles("C=CO")
    _, geometry = build("CC=O")
    failure = check_relaxed(wanted, Relaxation(geometry=geometry, energy_ev=0.0, converged=True), "product")
    assert failure is not None
    assert failure.kind == "collapsed"
    assert failure.message == "the product C=CO relaxed to CC=O"


def test_a_relaxation_that_ran_out_of_steps_is_not_a_species():
    graph, geometry = build("CC=O")
    failure = check_relaxed(graph, Relaxation(geometry=geometry, energy_ev=0.0, converged=False), "product")
    assert failure is not None
    assert failure.kind == "not_converged"


def test_the_species_of_a_geometry_are_its_molecules():
    assert sorted(species.smiles for species in species_found(build("CO.O")[1])) == ["CO", "O"]
