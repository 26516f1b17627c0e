"""The network's features: how they turn, what they depend on, and that they tell hands apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from e3nn import o3

from models.backbone import Backbone, BackboneConfig, Others
from models.displacement_head import DisplacementHead
from models.reactdiff import others_of
from models.reaction_batch import perceive_bonds


@pytest.fixture
def batch(reactions, batch_of):
    """The two larger reactions, padded."""
    return batch_of([reactions["tautomerisation"], reactions["elimination"]])


@pytest.fixture
def level(batch):
    """A noise level for each reaction."""
    return torch.tensor([0.3, 0.8], dtype=torch.float64)


def features(tiny, batch, level, positions=None, others=None):
    positions = batch.start if positions is None else positions
    others = others_of(batch) if others is None else others
    return tiny.backbone(batch.numbers, batch.mask, positions, level, others)


def three_objects(batch, seed=0):
    """Reactant, product and a third object of another role, each at its own level."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(batch.start.shape, generator=generator, dtype=torch.float64) * batch.mask.unsqueeze(-1)
    third = (batch.start + 0.2 * noise).unsqueeze(1)
    whole = (batch.mask.unsqueeze(-1) & batch.mask.unsqueeze(-2)).unsqueeze(1)
    return Others(
        positions=torch.cat([batch.ends, third], dim=1),
        bonded=torch.cat([batch.bonded, perceive_bonds(batch.numbers, batch.mask, third)], dim=1),
        together=torch.cat([batch.together, whole], dim=1),
        level=torch.tensor([[0.1, 0.5, 0.9], [0.2, 0.6, 0.0]], dtype=torch.float64),
        role=torch.tensor([0, 0, 1]),
    )


def taken(others, order):
    """The same objects in another order."""
    return Others(
        positions=others.positions[:, order],
        bonded=others.bonded[:, order],
        together=others.together[:, order],
        level=others.level[:, order],
        role=others.role[order],
    )


@pytest.mark.parametrize("inverted", [False, True])
def test_features_turn_and_reflect_as_their_irreps_say(tiny, batch, level, proper_rotation, inverted):
    turn = -proper_rotation if inverted else proper_rotation
    irreps = o3.Irreps(tiny.config.backbone.irreps)
    # In e3nn's convention vectors are columns; ours are rows, so the matrix is the transpose.
    expected = features(tiny, batch, level).nodes @ irreps.D_from_matrix(turn.T.float()).double().T
    others = replace(others_of(batch), positions=batch.ends @ turn)
    found = features(tiny, batch, level, batch.start @ turn, others).nodes
    assert torch.allclose(found, expected, atol=1e-4)
    assert float((found - features(tiny, batch, level).nodes).abs().max()) > 0.05


def test_displacements_turn_with_the_moving_object_whatever_the_others_do(
    tiny, batch, level, proper_rotation, reactions, batch_of, scattered
):
    elsewhere = batch_of([scattered(reactions["tautomerisation"]), scattered(reactions["elimination"], 1)])
    expected = tiny.head(features(tiny, batch, level)) @ proper_rotation
    found = tiny.head(features(tiny, batch, level, batch.start @ proper_rotation, others_of(elsewhere)))
    assert torch.allclose(found, expected, atol=1e-8)


def test_pseudoscalars_have_opposite_signs_in_mirror_images_and_are_there(tiny, batch, level):
    parts = o3.Irreps(tiny.config.backbone.irreps).slices()
    pseudoscalars = parts[[str(each.ir) for each in o3.Irreps(tiny.config.backbone.irreps)].index("0o")]
    mirror = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    others = replace(others_of(batch), positions=batch.ends * mirror)
    here = features(tiny, batch, level).nodes[..., pseudoscalars]
    there = features(tiny, batch, level, batch.start * mirror, others).nodes[..., pseudoscalars]
    assert torch.allclose(here, -there, atol=1e-10)
    assert float(here.abs().max()) > 1e-4


def test_objects_of_one_role_may_come_in_any_order_each_with_its_level(tiny, batch, level):
    others = three_objects(batch)
    expected = tiny.head(features(tiny, batch, level, others=others))
    found = tiny.head(features(tiny, batch, level, others=taken(others, [2, 1, 0])))
    assert torch.allclose(found, expected, atol=1e-12)


def test_the_level_of_each_object_and_of_the_moving_one_matters(tiny, batch, level):
    others = three_objects(batch)
    expected = tiny.head(features(tiny, batch, level, others=others))
    for place in range(3):
        changed = others.level.clone()
        changed[:, place] += 0.3
        found = tiny.head(features(tiny, batch, level, others=replace(others, level=changed)))
        assert float((found - expected).abs().max()) > 1e-5
    exchanged = replace(others, level=others.level[:, [1, 0, 2]])
    assert float((tiny.head(features(tiny, batch, level, others=exchanged)) - expected).abs().max()) > 1e-5
    assert float((tiny.head(features(tiny, batch, level + 0.1, others=others)) - expected).abs().max()) > 1e-5


def test_the_role_of_an_object_matters(tiny, batch, level):
    others = three_objects(batch)
    expected = tiny.head(features(tiny, batch, level, others=others))
    found = tiny.head(features(tiny, batch, level, others=replace(others, role=torch.tensor([0, 0, 0]))))
    assert float((found - expected).abs().max()) > 1e-5


def test_what_is_not_in_one_fragment_of_an_object_is_not_read_from_its_geometry(tiny, batch, level):
    alone = torch.eye(batch.numbers.shape[1], dtype=torch.bool) & batch.mask.unsqueeze(-1)
    others = replace(others_of(batch), together=alone.unsqueeze(1).expand(-1, 2, -1, -1))
    expected = tiny.head(features(tiny, batch, level, others=others))
    shuffled = replace(others, positions=others.positions + 5.0 * torch.randn(others.positions.shape).double())
    assert torch.allclose(tiny.head(features(tiny, batch, level, others=shuffled)), expected, atol=1e-10)


def test_padding_has_no_features_and_no_displacement(tiny, batch, level):
    read = features(tiny, batch, level)
    empty = ~batch.mask
    assert bool(empty.any())
    assert float(read.nodes[empty].abs().max()) == 0.0
    assert float(tiny.head(read)[empty].abs().max()) == 0.0


def test_displacements_stay_finite_where_atoms_meet(tiny, batch, level):
    positions = batch.start.clone()
    positions[:, 1] = positions[:, 0]
    positions.requires_grad_()
    moved = tiny.head(features(tiny, batch, level, positions))
    (gradient,) = torch.autograd.grad(moved.square().sum(), positions)
    assert bool(torch.isfinite(moved).all())
    assert bool(torch.isfinite(gradient).all())


def test_higher_harmonics_turn_as_well(batch, level, proper_rotation):
    config = BackboneConfig(
        irreps="8x0e+2x0o+4x1o+2x1e+2x2e",
        edge_channels=8,
        direction_channels=4,
        product_channels=2,
        n_blocks=2,
        n_radial=8,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone, head = Backbone(config).double().eval(), DisplacementHead(config).double().eval()
    backbone.requires_grad_(requires_grad=False)
    head.requires_grad_(requires_grad=False)
    others = others_of(batch)

    def displaced(positions):
        return head(backbone(batch.numbers, batch.mask, positions, level, others))

    found = displaced(batch.start @ proper_rotation)
    assert torch.allclose(found, displaced(batch.start) @ proper_rotation, atol=1e-8)
    assert float(found.abs().max()) > 1e-3
