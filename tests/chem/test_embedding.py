import numpy as np
import pytest

from chem.distance_windows import windows_between, windows_of
from chem.embedding import embed, fit, seed_from, strain
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.perception import perceive_graph
from chem.smiles import parse_smiles
from chem.types import Geometry

SPECIES = ["CCO", "[C-]#[O+]", "[H][H]", "[CH2]", "C[NH3+]", "[CH2]C=C", "C1CC1", "OC1CCOO1", "C=C.O=COO"]


@pytest.mark.parametrize("smiles", SPECIES)
def test_an_embedded_species_has_the_bonds_of_its_graph(smiles):
    graph = parse_smiles(smiles)
    positions = embed(windows_of(graph), seed=7)
    geometry = Geometry(
        numbers=np.array(graph.numbers), positions=positions, charge=graph.charge, multiplicity=graph.multiplicity
    )
    assert perceive_graph(geometry).bonds == graph.bonds


def test_one_seed_gives_one_structure_and_another_seed_another():
    windows = windows_of(parse_smiles("CCCO"))
    assert (embed(windows, 3) == embed(windows, 3)).all()
    assert not np.allclose(embed(windows, 3), embed(windows, 4))


def test_a_fit_never_adds_strain():
    windows = windows_of(parse_smiles("CCO"))
    start = np.random.default_rng(0).normal(size=(9, 3))
    assert strain(fit(start, windows), windows) < strain(start, windows)


def test_a_structure_that_fits_has_no_strain():
    windows = windows_of(parse_smiles("CCO"))
    assert strain(embed(windows, 1), windows) < 1e-3


def test_structures_half_way_exist_for_every_reaction_of_an_aldehyde():
    for reaction in enumerate_reactions(parse_smiles("CC=O"), EnumerationRules()):
        windows = windows_between(reaction.reactant_graph, reaction.product_graph)
        assert min(strain(embed(windows, seed), windows) for seed in range(10)) < 0.5


def test_a_seed_depends_on_every_part():
    assert seed_from(0, "a", 1) == seed_from(0, "a", 1)
    assert len({seed_from(0, "a", 1), seed_from(1, "a", 1), seed_from(0, "b", 1), seed_from(0, "a", 2)}) == 4
