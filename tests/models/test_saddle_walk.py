"""Walks to saddle points, on surfaces whose saddle points are known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.frames import centered
from models.potential import EnergyAndForces
from models.saddle_walk import hessians, internal_projector, walk_to_saddles
from models.structure_batch import StructureArrays, collate_structures


class Springs(nn.Module):
    """A chain whose first distance has two minima, at 1 and 2 Angstrom, and whose others are stiff springs."""

    def forward(self, batch, positions):
        with torch.enable_grad():
            at = positions.detach().requires_grad_()
            bonds = (at[:, 1:] - at[:, :-1]).norm(dim=-1)
            there = batch.mask[:, 1:]
            energy = 20.0 * ((bonds[:, 0] - 1.0) * (bonds[:, 0] - 2.0)).square()
            energy = energy + (15.0 * (bonds[:, 1:] - 1.1).square() * there[:, 1:]).sum(-1)
            (gradient,) = torch.autograd.grad(energy.sum(), at)
        return EnergyAndForces(energies_ev=energy.detach(), forces_ev_per_angstrom=-gradient * batch.mask.unsqueeze(-1))


@pytest.fixture
def chains():
    """A chain of two atoms whose distance is off the saddle, and a bent one of three."""
    pair = StructureArrays(numbers=[1, 1], positions=[[0.0, 0.0, 0.0], [1.35, 0.3, 0.1]])
    three = StructureArrays(numbers=[1, 6, 1], positions=[[0.0, 0.0, 0.0], [1.6, 0.1, 0.0], [2.1, 1.0, 0.2]])
    return collate_structures([pair, three], torch.float64)


def test_it_comes_to_rest_on_top_of_the_pass(chains):
    walk = walk_to_saddles(Springs(), chains, torch.zeros_like(chains.positions), max_steps=40)
    reached = (walk.positions[:, 1] - walk.positions[:, 0]).norm(dim=-1)
    assert walk.converged.all()
    assert torch.allclose(reached, torch.full_like(reached, 1.5), atol=2e-3)
    assert torch.allclose(walk.energies_ev, torch.full_like(walk.energies_ev, 20.0 * 0.25**2), atol=1e-3)
    assert walk.last_negative_modes.tolist() == [1, 1]
    assert (walk.first_force_ev_per_angstrom > 0.5).all()


def test_where_it_is_told_the_way_up_it_leaves_a_minimum(chains):
    at = chains.positions.clone()
    at[1, 1] = at[1, 0] + torch.tensor([1.05, 0.0, 0.0], dtype=at.dtype)
    at[1, 2] = at[1, 1] + torch.tensor([0.0, 1.1, 0.0], dtype=at.dtype)
    started = collate_structures([StructureArrays(numbers=[1, 6, 1], positions=at[1].numpy())], torch.float64)
    direction = torch.zeros(1, 3, 3, dtype=torch.float64)
    direction[0, 0, 0], direction[0, 1, 0] = -1.0, 1.0
    walk = walk_to_saddles(Springs(), started, direction, max_steps=60)
    assert walk.first_negative_modes.tolist() == [0]
    assert walk.converged.all()
    assert walk.last_negative_modes.tolist() == [1]
    assert abs(float((walk.positions[0, 1] - walk.positions[0, 0]).norm()) - 1.5) < 2e-3


def test_the_hessian_is_that_of_the_surface(chains):
    model = Springs()
    found = hessians(model, chains)
    step, place = 1e-4, 4  # y of the second atom
    moved = []
    for sign in (1.0, -1.0):
        at = chains.positions.clone().flatten(1)
        at[:, place] += sign * step
        moved.append(model(chains, at.view_as(chains.positions)).forces_ev_per_angstrom.flatten(1))
    assert torch.allclose(found[:, place], (moved[1] - moved[0]) / (2 * step), atol=1e-2)
    assert torch.allclose(found, found.transpose(1, 2))
    assert not found[0, 6:].any()  # padding


def test_rigid_motions_are_projected_out_of_linear_molecules_too(chains):
    projector = internal_projector(chains.positions, chains.mask)
    assert torch.allclose(projector @ projector, projector, atol=1e-10)
    ranks = torch.linalg.matrix_rank(projector, atol=1e-6)
    assert ranks.tolist() == [1, 3]  # 3 N - 5 and 3 N - 6
    turned = torch.linalg.cross(torch.tensor([0.2, 0.4, 0.9], dtype=torch.float64).expand(2, 3, 3), chains.positions)
    turned = centered(turned, chains.mask).flatten(1)
    assert torch.allclose(
        (projector @ turned.unsqueeze(-1)).abs().amax(), torch.zeros((), dtype=torch.float64), atol=1e-10
    )


def test_what_shares_a_batch_changes_nothing(chains):
    together = walk_to_saddles(Springs(), chains, torch.zeros_like(chains.positions), max_steps=15)
    alone = walk_to_saddles(Springs(), chains.select([0]), torch.zeros_like(chains.positions[:1, :2]), max_steps=15)
    assert torch.allclose(together.positions[0, :2], alone.positions[0], atol=1e-8)
