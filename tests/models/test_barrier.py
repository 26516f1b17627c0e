"""Corrections of barriers as physics asks for them: symmetry, direction, Hess's law; and what their bars cover."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from chem.errors import ConfigurationError
from models.backbone import BackboneConfig
from models.barrier import BarrierConfig, BarrierNetwork, loss, pulled_apart
from models.barrier_data import BarrierBatch
from models.reaction_batch import ReactionArrays
from models.training_moment import Moment

NAMES = ["tautomerisation", "dissociation", "elimination"]
SAME_KCAL_MOL = 1e-6
MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture
def network(tiny_config):
    """A small head with random weights, in double precision."""
    torch.manual_seed(0)
    config = BarrierConfig(backbone=replace(tiny_config.backbone, cutoff_angstrom=6.0), hidden=8)
    model = BarrierNetwork(config).double().requires_grad_(requires_grad=False)
    model.scale_kcal_mol.fill_(10.0)
    return model


@pytest.fixture
def candidates(batch_of):
    """Function that makes a batch of true transition states with heights of their own."""

    def made(several, heights=((40.0, 55.0), (30.0, 25.0), (60.0, 70.0)), n_atoms=0):
        return BarrierBatch(
            reactions=batch_of(several, n_atoms),
            heights_kcal_mol=torch.tensor(heights[: len(several)], dtype=torch.float64),
            reference_kcal_mol=torch.tensor([50.0, 20.0, 65.0][: len(several)], dtype=torch.float64),
        )

    return made


def same(first, second, tolerance=SAME_KCAL_MOL):
    return torch.allclose(first.kcal_mol, second.kcal_mol, atol=tolerance) and torch.allclose(
        first.width_kcal_mol, second.width_kcal_mol, atol=tolerance
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_network_corrects_something(network, reactions, candidates, name):
    found = network(candidates([reactions[name]]))
    assert float(found.kcal_mol.abs().max()) > 0.01
    assert float(found.width_kcal_mol.min()) > 0.0


@pytest.mark.parametrize("name", NAMES)
def test_turning_and_moving_the_candidate_and_any_molecule_of_either_end_changes_nothing(
    network, reactions, candidates, scattered, proper_rotation, name
):
    expected = network(candidates([reactions[name]]))
    for seed in range(2):
        moved = scattered(reactions[name], seed)
        moved = replace(moved, ts=moved.ts @ proper_rotation.numpy() + [3.0, -1.0, 7.0])
        assert same(network(candidates([moved])), expected, 1e-4)


def test_a_reaction_and_its_mirror_image_have_one_correction(network, reactions, candidates):
    reaction = reactions["elimination"]
    mirrored = ReactionArrays(numbers=reaction.numbers, ends=reaction.ends * MIRROR, ts=reaction.ts * MIRROR)
    assert same(network(candidates([mirrored])), network(candidates([reaction])))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_atoms_changes_nothing(network, reactions, candidates, name):
    reaction = reactions[name]
    order = np.random.default_rng(1).permutation(len(reaction.numbers))
    other = ReactionArrays(numbers=reaction.numbers[order], ends=reaction.ends[:, order], ts=reaction.ts[order])
    assert same(network(candidates([other])), network(candidates([reaction])))


def test_padding_and_neighbours_in_the_batch_change_nothing(network, reactions, candidates):
    every = [reactions[name] for name in NAMES]
    batch = candidates(every, n_atoms=14)
    together = network(batch)
    for row in range(len(every)):
        alone = network(batch.select([row]))
        assert torch.allclose(alone.kcal_mol[0], together.kcal_mol[row], atol=SAME_KCAL_MOL)
        assert torch.allclose(alone.width_kcal_mol[0], together.width_kcal_mol[row], atol=SAME_KCAL_MOL)


@pytest.mark.parametrize("name", NAMES)
def test_the_reverse_reaction_has_both_corrections_exchanged(network, reactions, candidates, name):
    batch = candidates([reactions[name]])
    there, back = network(batch), network(batch.swapped())
    assert torch.allclose(there.kcal_mol, back.kcal_mol.flip(-1), atol=SAME_KCAL_MOL)
    assert torch.allclose(there.width_kcal_mol, back.width_kcal_mol.flip(-1), atol=SAME_KCAL_MOL)
    forward_alone = network(batch, sides=(0,))
    assert torch.allclose(forward_alone.kcal_mol[:, 0], there.kcal_mol[:, 0], atol=SAME_KCAL_MOL)


def test_the_reaction_energy_does_not_depend_on_the_transition_state_between(network, reactions, candidates):
    reaction = reactions["elimination"]
    moved = replace(reaction, ts=reaction.ts + 0.2 * np.random.default_rng(2).normal(size=reaction.ts.shape))
    here, there = network(candidates([reaction])).kcal_mol, network(candidates([moved])).kcal_mol
    assert float((here - there).abs().max()) > 0.01
    assert torch.allclose(here[:, 0] - here[:, 1], there[:, 0] - there[:, 1], atol=SAME_KCAL_MOL)


def test_reaction_energies_add_up_around_a_cycle(network, reactions, candidates):
    one = reactions["tautomerisation"]
    ends = (one.ends[0], one.ends[1], one.ts + 0.3 * np.random.default_rng(3).normal(size=one.ts.shape))
    around = 0.0
    for first, second in ((0, 1), (1, 2), (2, 0)):
        step = replace(one, ends=np.stack([ends[first], ends[second]]))
        forward, reverse = network(candidates([step])).kcal_mol[0]
        around += float(forward - reverse)
    assert around == pytest.approx(0.0, abs=SAME_KCAL_MOL)


def test_a_reaction_in_which_nothing_happens_is_not_corrected(network, reactions, candidates):
    one = reactions["tautomerisation"]
    still = replace(one, ends=np.stack([one.ends[0], one.ends[0]]), ts=one.ends[0])
    assert float(network(candidates([still])).kcal_mol.abs().max()) < SAME_KCAL_MOL


def test_molecules_of_an_end_are_pulled_beyond_the_cutoff_and_keep_their_shape(reactions, batch_of):
    batch = batch_of([reactions[name] for name in NAMES])
    for side in (0, 1):
        moved = pulled_apart(batch.ends[:, side], batch.together[:, side])
        before, after = torch.cdist(batch.ends[:, side], batch.ends[:, side]), torch.cdist(moved, moved)
        inside, both = batch.together[:, side], batch.mask.unsqueeze(1) & batch.mask.unsqueeze(2)
        assert torch.allclose(before[inside], after[inside], atol=1e-9)
        assert (after[both & ~inside] > 30.0).all()
        assert float(moved[~batch.mask].abs().max()) == 0.0


def test_a_height_above_one_side_tells_the_error_and_not_the_correction(network, reactions, candidates):
    batch = candidates([reactions["tautomerisation"]])
    other = replace(batch, heights_kcal_mol=batch.heights_kcal_mol + 100.0)
    here, there = network(batch), network(other)
    assert torch.allclose(here.kcal_mol, there.kcal_mol, atol=SAME_KCAL_MOL)
    assert float((here.width_kcal_mol - there.width_kcal_mol).abs().max()) > 1e-6


def test_the_error_is_learned_without_changing_what_the_network_sees(network, reactions, candidates):
    network.requires_grad_(requires_grad=True)
    batch = candidates([reactions[name] for name in NAMES])
    moment = Moment(noise=torch.Generator(), common=torch.Generator())
    total, _ = loss(network, batch, moment)
    total.backward()
    trunk = [weight.grad.clone() for weight in network.backbone.parameters() if weight.grad is not None]
    network.zero_grad()
    found = network(batch, sides=(0,))
    error = (batch.reference_kcal_mol - batch.heights_kcal_mol[:, 0] - found.kcal_mol[:, 0]).abs().mean()
    (error / network.scale_kcal_mol).backward()
    alone = [weight.grad for weight in network.backbone.parameters() if weight.grad is not None]
    assert len(trunk) == len(alone) > 0
    assert all(torch.allclose(first, second, atol=1e-9) for first, second in zip(trunk, alone, strict=True))


def test_calibrated_bars_cover_as_many_further_errors_as_they_say(network):
    generator = torch.Generator().manual_seed(4)
    widths = 1.0 + 9.0 * torch.rand(20_000, generator=generator, dtype=torch.float64)
    errors = 3.0 * widths * torch.randn(20_000, generator=generator, dtype=torch.float64)  # not what the network thinks
    network.calibrate(errors[:600], widths[:600])
    covered = (errors[600:].abs() <= network.bar_factor * widths[600:]).double().mean()
    assert float(covered) == pytest.approx(0.95, abs=0.02)
    assert int(network.n_calibration) == 600


def test_eighteen_reactions_are_too_few_for_a_bar_and_nineteen_are_not(network):
    network.calibrate(torch.ones(18), torch.ones(18))
    assert torch.isinf(network.bar_factor)
    network.calibrate(torch.linspace(0.1, 1.9, 19), torch.ones(19))
    assert float(network.bar_factor) == pytest.approx(1.9)


@pytest.mark.parametrize("cutoff", [0.0, 40.0])
def test_a_cutoff_that_lets_molecules_feel_each_other_is_refused(cutoff):
    with pytest.raises(ConfigurationError, match="cutoff_angstrom"):
        BarrierConfig(backbone=BackboneConfig(cutoff_angstrom=cutoff))
