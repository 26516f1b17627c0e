"""Batches of reactions: what is perceived is what `chem` perceives, and padding is nothing."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from ase.data import covalent_radii

from chem.perception import BOND_FACTOR, perceive_graph
from chem.types import Geometry
from models import elements
from models.reaction_batch import ReactionArrays, ReactionBatch, collate


def graph_of(reaction, side):
    return perceive_graph(Geometry(numbers=reaction.numbers, positions=reaction.ends[side]))


def test_radii_and_bond_limits_are_those_of_the_perception_of_molecules():
    assert elements.BOND_FACTOR == BOND_FACTOR
    assert len(elements.COVALENT_RADII_ANGSTROM) == 55
    assert np.allclose(elements.COVALENT_RADII_ANGSTROM[1:], covalent_radii[1:55])
    limits = elements.bond_limits(torch.tensor([[1, 6, 54]]))
    radii = covalent_radii[[1, 6, 54]]
    assert np.allclose(limits[0], BOND_FACTOR * (radii[:, None] + radii[None, :]))


@pytest.mark.parametrize("name", ["tautomerisation", "dissociation", "elimination"])
def test_bonds_and_fragments_are_those_of_the_molecular_graph(reactions, name):
    reaction = reactions[name]
    batch = collate([reaction])
    for side in (0, 1):
        graph = graph_of(reaction, side)
        i, j = torch.where(batch.bonded[0, side].triu())
        assert set(zip(i.tolist(), j.tolist(), strict=True)) == set(graph.bonds)
        assert torch.equal(batch.bonded[0, side], batch.bonded[0, side].T)
        network = nx.Graph(list(graph.bonds))
        network.add_nodes_from(range(len(reaction.numbers)))
        for fragment in nx.connected_components(network):
            for atom in fragment:
                assert set(torch.where(batch.together[0, side, atom])[0].tolist()) == fragment


def test_a_long_chain_is_one_fragment():
    n = 33
    positions = np.stack([1.5 * np.arange(n), np.zeros(n), np.zeros(n)], axis=1)
    broken = positions + np.where(np.arange(n) >= 20, 5.0, 0.0)[:, None] * [1, 0, 0]
    batch = collate([ReactionArrays(numbers=np.full(n, 6), ends=np.stack([positions, broken]))])
    assert bool(batch.together[0, 0].all())
    assert batch.together[0, 1].sum(-1).tolist() == [20] * 20 + [13] * 13


def test_padding_is_zero_and_bonds_nothing(reactions):
    batch = collate(list(reactions.values()), n_atoms=13)
    empty = ~batch.mask
    assert batch.numbers.shape == (3, 13)
    assert empty.sum(-1).tolist() == [6, 9, 2]
    for row in range(3):
        assert float(batch.ends[row][:, empty[row]].abs().max()) == 0.0
        assert float(batch.ts[row][empty[row]].abs().max()) == 0.0
        assert not bool(batch.bonded[row][:, empty[row]].any())
        assert not bool(batch.together[row][:, empty[row]].any())


def test_ends_and_transition_states_are_centred_and_otherwise_as_given(reactions):
    reaction = reactions["elimination"]
    batch = collate([reaction])
    assert float(batch.ends[0].mean(1).abs().max()) < 1e-5
    assert float(batch.ts[0].mean(0).abs().max()) < 1e-5
    given = np.linalg.norm(reaction.ts[:, None] - reaction.ts[None], axis=-1)
    assert np.allclose(torch.cdist(batch.ts, batch.ts)[0], given, atol=1e-4)


def test_selected_reactions_are_trimmed_to_the_largest_of_them(reactions):
    several = list(reactions.values())
    batch = collate(several)
    some = batch.select([1, 0])
    assert some.numbers.shape == (2, 7)
    alone = collate([several[1], several[0]])
    for name in ("numbers", "mask", "ends", "bonded", "together", "ts"):
        assert torch.equal(getattr(some, name), getattr(alone, name))


def test_stacked_batches_are_one_batch_of_all(reactions):
    several = list(reactions.values())
    parts = [collate([each], n_atoms=11) for each in several]
    whole, stacked = collate(several), ReactionBatch.stack(parts)
    assert len(stacked) == 3
    for name in ("numbers", "mask", "ends", "bonded", "together", "ts", "start"):
        assert torch.equal(getattr(whole, name), getattr(stacked, name))


def test_another_precision_moves_positions_alone(reactions):
    moved = collate(list(reactions.values())).to("cpu", torch.float64)
    assert moved.ends.dtype == moved.ts.dtype == moved.start.dtype == torch.float64
    assert moved.numbers.dtype == torch.long
    assert moved.bonded.dtype == moved.mask.dtype == torch.bool


def test_arrays_that_may_not_be_written_are_read_without_a_warning(reactions):
    reaction = reactions["dissociation"]
    for array in (reaction.numbers, reaction.ends, reaction.ts):
        array.setflags(write=False)
    assert collate([reaction]).numbers.tolist() == [[6, 8, 1, 1]]
