import numpy as np
import pytest

from chem.conformers import relaxed_conformers
from chem.levels import resolve_level
from chem.model_hessian import model_hessian
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.relax import relax
from chem.smiles import parse_smiles
from chem.stereo import perceive_stereo
from chem.types import Geometry

LEVEL = resolve_level("gfn2")


@pytest.mark.parametrize("smiles", ["CCO", "[C-]#[O+]", "[CH2]O", "[H][H]", "C[NH3+]", "O", "[He]"])
def test_a_relaxed_conformer_has_the_bonds_of_its_species(smiles):
    graph = parse_smiles(smiles)
    result = relaxed_conformers(graph, LEVEL, n_embeddings=2)
    assert result.failure is None
    assert all(perceive_graph(each.geometry).bonds == graph.bonds for each in result.relaxed)


def test_conformers_are_distinct_and_the_lowest_comes_first():
    energies = [each.energy_ev for each in relaxed_conformers(parse_smiles("CCCO"), LEVEL).relaxed]
    assert len(energies) > 1
    assert energies == sorted(energies)
    assert min(np.diff(energies)) > 1e-3


def test_a_specified_centre_keeps_its_handedness():
    graph = parse_smiles("F[C@H](Cl)CO")
    for each in relaxed_conformers(graph, LEVEL, n_embeddings=2).relaxed:
        assert graph.tetrahedral <= perceive_stereo(graph.without_stereo(), each.geometry).tetrahedral


def test_two_molecules_are_embedded_in_contact_by_distance_windows():
    result = relaxed_conformers(parse_smiles("O.O"), LEVEL, n_embeddings=1)
    assert result.embedding == "distance windows"
    positions = result.relaxed[0].geometry.positions
    assert np.linalg.norm(positions[0] - positions[1]) < 4.0


def test_a_species_that_does_not_exist_at_the_level_is_a_failure():
    result = relaxed_conformers(parse_smiles("[NH4+].[OH-]"), LEVEL, n_embeddings=1)
    assert result.relaxed == ()
    assert result.failure is not None
    assert result.failure.kind == "collapsed"


def test_a_model_hessian_is_positive_definite_and_saves_gradient_calls():
    graph = parse_smiles("CCO")
    start = relaxed_conformers(graph, LEVEL, n_embeddings=1).relaxed[0].geometry
    shaken = start.positions + np.random.default_rng(1).normal(scale=0.1, size=start.positions.shape)
    hessian = model_hessian(graph, shaken)
    assert np.linalg.eigvalsh(hessian).min() > 0
    plain, helped = GradientCounter(), GradientCounter()
    geometry = Geometry(numbers=start.numbers, positions=shaken)
    relax(geometry, LEVEL, plain)
    relax(geometry, LEVEL, helped, hessian=hessian)
    assert helped.calls < plain.calls
