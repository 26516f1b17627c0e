"""Superposition of batches, against the plain numpy superposition of single structures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chem import alignment
from models.frames import aligned, aligned_by_fragment, best_rotation, centered, rmsd

DOUBLE = torch.float64


def random(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def test_superposition_agrees_with_that_of_single_structures():
    mobile, target = random(20, 6, 3), random(20, 6, 3, seed=1)
    mask = torch.ones(20, 6, dtype=DOUBLE)
    moved, deviations = aligned(mobile, target, mask), rmsd(mobile, target, mask)
    for row in range(20):
        assert np.allclose(moved[row], alignment.align(mobile[row].numpy(), target[row].numpy()), atol=1e-5)
        expected = alignment.rmsd(mobile[row].numpy(), target[row].numpy())
        assert float(deviations[row]) == pytest.approx(expected, abs=1e-8)


def test_padding_changes_nothing_and_stays_at_the_origin():
    mobile, target = random(3, 7, 3), random(3, 7, 3, seed=1)
    mask = torch.ones(3, 7, dtype=DOUBLE)
    mask[:, 4:] = 0.0
    whole, short = aligned(mobile, target, mask), aligned(mobile[:, :4], target[:, :4], mask[:, :4])
    assert torch.allclose(whole[:, :4], short, atol=1e-12)
    assert float(whole[:, 4:].abs().max()) == 0.0
    assert torch.allclose(rmsd(mobile, target, mask), rmsd(mobile[:, :4], target[:, :4], mask[:, :4]), atol=1e-12)
    assert float(centered(mobile, mask)[:, :4].mean(1).abs().max()) < 1e-12


def test_a_mirror_image_is_never_superposed_by_a_reflection():
    target = random(50, 5, 3)
    mobile = target * torch.tensor([-1.0, 1.0, 1.0], dtype=DOUBLE)
    rotation = best_rotation(mobile.transpose(-1, -2) @ target)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(50, dtype=DOUBLE), atol=1e-9)
    assert float(rmsd(mobile, target, torch.ones(50, 5)).min()) > 0.05


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_half_turn_is_undone(axis):
    target = random(1, 6, 3)
    turn = -torch.ones(3, dtype=DOUBLE)
    turn[axis] = 1.0
    assert float(rmsd(target * turn, target, torch.ones(1, 6))) < 1e-8


@pytest.mark.parametrize("flat", [1, 2])
def test_lines_and_planes_are_superposed_exactly(flat, proper_rotation):
    target = random(4, 5, 3)
    target[..., 3 - flat :] = 0.0
    mobile = target @ proper_rotation + 3.0
    assert float(rmsd(mobile, target, torch.ones(4, 5)).max()) < 1e-7


def test_a_single_atom_is_moved_onto_its_place():
    mobile, target = random(2, 1, 3), random(2, 1, 3, seed=1)
    assert torch.allclose(aligned(mobile, target, torch.ones(2, 1)), target)


def test_every_fragment_is_superposed_for_itself():
    fragments = [[0, 2, 3, 5], [1, 4, 6]]
    together = torch.zeros(1, 8, 8)  # the last atom is padding
    for atoms in fragments:
        for atom in atoms:
            together[0, atom, atoms] = 1.0
    mobile, target = random(1, 8, 3), random(1, 8, 3, seed=1)
    moved = aligned_by_fragment(mobile, target, together)
    for atoms in fragments:
        expected = alignment.align(mobile[0, atoms].numpy(), target[0, atoms].numpy())
        assert np.allclose(moved[0, atoms], expected, atol=1e-5)
    assert float(moved[0, 7].abs().max()) == 0.0


def test_fragments_of_the_target_s_own_shape_land_on_it_wherever_they_were(proper_rotation):
    target = random(1, 6, 3)
    mobile = target.clone()
    mobile[0, :2] = mobile[0, :2] @ proper_rotation + 9.0
    mobile[0, 2:] = mobile[0, 2:] @ proper_rotation.T - 4.0
    together = torch.zeros(1, 6, 6)
    together[0, :2, :2] = 1.0
    together[0, 2:, 2:] = 1.0
    assert torch.allclose(aligned_by_fragment(mobile, target, together), target, atol=1e-7)
