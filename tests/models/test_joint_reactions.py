"""Proposals from trained weights: what each draw depends on, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chem.allowed_changes import has_allowed_electrons
from chem.conformers import embedded_guesses
from chem.errors import ConfigurationError, ElementError, InputError
from chem.proposals import PLAUSIBLE, sieve
from chem.smiles import parse_smiles
from chem.types import Geometry
from models.checkpoints import save_weights
from models.joint import Joint, JointConfig
from models.joint_reactions import Proposer
from models.joint_sampling import JointSampling


@pytest.fixture(scope="module")
def weights(tmp_path_factory, tiny_config):
    """Weights of a small random network."""
    path = tmp_path_factory.mktemp("weights") / "joint.safetensors"
    config = JointConfig(backbone=tiny_config.backbone)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_weights(path, Joint(config), "joint", config, {})
    return path


@pytest.fixture(scope="module")
def proposer(weights):
    return Proposer(weights, sampling=JointSampling(n_steps=3), device="cpu")


@pytest.fixture
def reactants(reactions):
    return [Geometry(numbers=each.numbers, positions=each.ends[0]) for each in reactions.values()]


def test_a_draw_depends_on_its_seed_its_number_and_its_reactant_alone(proposer, reactants):
    told = []
    all_drawn = proposer.draw(reactants, 3, 5, lambda done, total: told.append((done, total)))
    alone = proposer.draw(reactants[:1], 1, 5)
    other = proposer.draw(reactants[:1], 1, 6)
    assert [[each.sample for each in drawn] for drawn in all_drawn] == [[0, 1, 2]] * 3
    assert {each.seed for drawn in all_drawn for each in drawn} == {5}
    assert told[-1] == (9, 9)
    assert np.allclose(all_drawn[0][0].product.positions, alone[0][0].product.positions, atol=1e-3)
    assert np.allclose(all_drawn[0][0].ts.positions, alone[0][0].ts.positions, atol=1e-3)
    assert not np.allclose(alone[0][0].product.positions, other[0][0].product.positions, atol=1e-2)
    assert not np.allclose(all_drawn[0][0].product.positions, all_drawn[0][1].product.positions, atol=1e-2)


def test_a_given_reactant_is_kept_as_it_is_and_its_atoms_in_their_order(proposer, reactants):
    for reactant, drawn in zip(reactants, proposer.draw(reactants, 2, 0), strict=True):
        for each in drawn:
            assert each.reactant is reactant
            assert each.product.numbers.tolist() == each.ts.numbers.tolist() == reactant.numbers.tolist()


def test_of_a_composition_the_reactant_is_drawn_as_well(proposer):
    first, second = proposer.draw_from_composition(np.array([6, 8, 1, 1]), 2, 0)
    assert not np.allclose(first.reactant.positions, second.reactant.positions, atol=1e-2)
    assert not np.allclose(first.reactant.positions, first.product.positions, atol=1e-2)


def test_what_the_network_does_not_know_is_refused(proposer, weights, tmp_path):
    with pytest.raises(ElementError, match="atomic numbers 16"):
        proposer.check(np.array([6, 16]))
    with pytest.raises(InputError, match="charge -1"):
        proposer.check(np.array([6, 8]), charge=-1)
    with pytest.raises(InputError, match="multiplicity 3"):
        proposer.check(np.array([8, 8]), multiplicity=3)
    with pytest.raises(InputError, match="one atom"):
        proposer.check(np.array([8]))
    with pytest.raises(ConfigurationError, match="cannot read the weights"):
        Proposer(tmp_path / "none.safetensors")
    assert Proposer(weights, device="cpu").checkpoint.kind == "joint"


def test_the_shipped_weights_draw_reactions_that_keep_the_valence_rules():
    graph = parse_smiles("CC=O")
    (guess,), _ = embedded_guesses(graph, 1, 0)
    reactant = Geometry(numbers=np.array(graph.numbers), positions=guess)
    proposer = Proposer(sampling=JointSampling(n_steps=20), device="cpu")
    (drawn,) = proposer.draw([reactant], 12, 0)
    found = sieve(drawn, reactant=graph)
    assert found.n_sound > 0
    assert found.n_sound + len(found.thrown_away) == 12
    assert all(has_allowed_electrons(each.reaction.product_graph, PLAUSIBLE.valence_rules) for each in found.reactions)
