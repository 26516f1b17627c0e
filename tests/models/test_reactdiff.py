"""The generator as a map from reactions to transition states: what may change the answer, and what must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.diffusion.noise import centered_noise, given_noise
from models.frames import centered, rmsd
from models.generator_sampling import SamplingConfig, draw
from models.reactdiff import PathConfig, ReactDiff, deviation_and_distances, loss, sample
from models.reaction_batch import ReactionArrays
from models.training_moment import Moment

STEPS = 3
MIRROR = np.array([-1.0, 1.0, 1.0])
SAME = 1e-5  # Angstrom; placing a linear fragment settles ties by a millionth of its length
NAMES = ["tautomerisation", "dissociation", "elimination"]


def answer(model, batch, noise=None):
    return sample(model, batch, n_steps=STEPS, noise=noise, start_noise=0.2 if noise else 0.0)


def noise_for(batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [centered_noise(batch.mask, generator, dtype=torch.float64) for _ in range(STEPS)]


def apart(first, second, batch):
    return float(rmsd(first, second, batch.mask.to(first)).max())


def mirrored(reaction):
    return ReactionArrays(numbers=reaction.numbers, ends=reaction.ends * MIRROR, ts=reaction.ts * MIRROR)


@pytest.mark.parametrize("name", NAMES)
def test_the_network_moves_the_atoms(tiny, reactions, batch_of, name):
    batch = batch_of([reactions[name]])
    assert 0.02 < apart(answer(tiny, batch), batch.start, batch) < 2.0


@pytest.mark.parametrize("name", NAMES)
def test_turning_and_moving_any_fragment_of_either_end_changes_only_the_frame(
    tiny, reactions, batch_of, scattered, name
):
    batch = batch_of([reactions[name]])
    expected = answer(tiny, batch)
    for seed in range(3):
        assert apart(answer(tiny, batch_of([scattered(reactions[name], seed)])), expected, batch) < SAME


@pytest.mark.parametrize("name", NAMES)
def test_reactant_and_product_swapped_give_the_same_transition_state(tiny, reactions, batch_of, name):
    reaction = reactions[name]
    swapped = replace(reaction, ends=reaction.ends[::-1].copy())
    batch = batch_of([reaction])
    assert apart(answer(tiny, batch_of([swapped])), answer(tiny, batch), batch) < SAME


def test_swapped_ends_give_the_same_stochastic_sample_from_one_start_and_noise(tiny, reactions, batch_of):
    batch = batch_of(list(reactions.values()))
    swapped = replace(batch, ends=batch.ends.flip(1), bonded=batch.bonded.flip(1), together=batch.together.flip(1))
    first, second = (answer(tiny, each, given_noise(noise_for(batch))) for each in (batch, swapped))
    assert torch.allclose(first, second, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_another_order_of_the_atoms_gives_the_answer_in_that_order(tiny, reactions, batch_of, name):
    reaction = reactions[name]
    order = np.random.default_rng(0).permutation(len(reaction.numbers))
    batch = batch_of([reaction])
    permuted = batch_of(
        [ReactionArrays(numbers=reaction.numbers[order], ends=reaction.ends[:, order], ts=reaction.ts[order])]
    )
    assert apart(answer(tiny, permuted), answer(tiny, batch)[:, order], batch) < SAME


def test_noise_that_moves_with_the_atoms_gives_the_sample_in_the_moved_frame(
    tiny, reactions, batch_of, scattered, proper_rotation
):
    batch = batch_of(list(reactions.values()))
    elsewhere = batch_of([scattered(each) for each in reactions.values()])
    noise = noise_for(batch)
    turned = replace(elsewhere, start=batch.start @ proper_rotation)
    expected = answer(tiny, batch, given_noise(noise)) @ proper_rotation
    found = answer(tiny, turned, given_noise([each @ proper_rotation for each in noise]))
    assert torch.allclose(found, expected, atol=1e-7)


def test_noise_permuted_with_the_atoms_gives_the_permuted_sample(tiny, reactions, batch_of):
    batch = batch_of([reactions["elimination"]])
    order = torch.randperm(11, generator=torch.Generator().manual_seed(1))
    noise = noise_for(batch)
    permuted = replace(
        batch,
        numbers=batch.numbers[:, order],
        ends=batch.ends[:, :, order],
        bonded=batch.bonded[:, :, order][..., order],
        together=batch.together[:, :, order][..., order],
        start=batch.start[:, order],
    )
    found = answer(tiny, permuted, given_noise([each[:, order] for each in noise]))
    assert torch.allclose(found, answer(tiny, batch, given_noise(noise))[:, order], atol=1e-9)


def test_the_mirrored_reaction_gives_the_mirrored_transition_state_and_never_the_same_hand(tiny, reactions, batch_of):
    chiral = reactions["elimination"]
    batch, reflected = batch_of([chiral]), batch_of([mirrored(chiral)])
    found, other = answer(tiny, batch), answer(tiny, reflected)
    mirror = torch.from_numpy(MIRROR)
    assert apart(other, found * mirror, batch) < SAME
    assert apart(other, found, batch) > 0.1

    noise = noise_for(batch)
    reflected = replace(reflected, start=batch.start * mirror)
    expected = answer(tiny, batch, given_noise(noise)) * mirror
    assert torch.allclose(answer(tiny, reflected, given_noise([each * mirror for each in noise])), expected, atol=1e-7)


def test_the_hand_of_a_centre_that_keeps_its_bonds_is_that_of_the_reactant(tiny, reactions, batch_of):
    def hand(positions):
        centre, around = positions[1], positions[[0, 2, 3, 8]]
        return float(np.sign(np.linalg.det((around - centre)[:3] - (around - centre)[3])))

    chiral = reactions["elimination"]
    for each in (chiral, mirrored(chiral)):
        batch = batch_of([each])
        for seed in range(5):
            found = answer(tiny, batch, given_noise([0.2 * noise for noise in noise_for(batch, seed)]))
            assert hand(found[0].numpy()) == hand(each.ends[0])


def test_flat_ends_give_either_hand_equally_often(tiny, reactions, batch_of):
    batch = batch_of([reactions["dissociation"]])
    start = batch.start[0]
    normal = torch.linalg.svd(start)[2][2]
    assert float((start @ normal).abs().max()) < 1e-9  # so the start is its own mirror image in its plane
    mirror = torch.eye(3, dtype=torch.float64) - 2.0 * torch.outer(normal, normal)
    hands = []
    for seed in range(10):
        noise = noise_for(batch, seed)
        found = answer(tiny, batch, given_noise(noise))
        reflected = answer(tiny, batch, given_noise([each @ mirror for each in noise]))  # as likely as the first
        assert torch.allclose(reflected, found @ mirror, atol=1e-9)
        assert apart(reflected, found, batch) > 1e-3
        hands.append(float(torch.det(found[0, 1:] - found[0, 0]).sign()))
    assert set(hands) == {-1.0, 1.0}


def test_flat_ends_and_no_noise_give_a_flat_answer(tiny, reactions, batch_of):
    found = answer(tiny, batch_of([reactions["dissociation"]]))[0]
    assert float(torch.linalg.svdvals(found)[2]) < 1e-9


def test_a_reaction_gives_the_same_alone_and_in_a_batch_with_any_padding(tiny, reactions, batch_of):
    several = list(reactions.values())
    together = answer(tiny, batch_of(several, n_atoms=14))
    for row, reaction in enumerate(several):
        n = len(reaction.numbers)
        assert torch.allclose(answer(tiny, batch_of([reaction])), together[row : row + 1, :n], atol=1e-8)
        assert float(together[row, n:].abs().max()) == 0.0


def test_samples_of_a_reaction_do_not_depend_on_what_shares_its_batch(tiny, reactions, batch_of):
    config = SamplingConfig(n_samples=3, n_steps=STEPS, seed=4)
    several = list(reactions.values())
    together = draw(tiny, batch_of(several), config)
    for row, reaction in enumerate(several):
        alone = draw(tiny, batch_of([reaction]), config)
        assert torch.allclose(alone, together[row : row + 1, :, : len(reaction.numbers)], atol=1e-8)


def test_the_first_sample_is_the_deterministic_one_and_the_others_differ(tiny, reactions, batch_of):
    batch = batch_of([reactions["elimination"]])
    drawn = draw(tiny, batch, SamplingConfig(n_samples=3, n_steps=STEPS))
    assert torch.allclose(drawn[:, 0], answer(tiny, batch), atol=1e-12)
    assert apart(drawn[:, 1], drawn[:, 2], batch) > 0.01
    again = draw(tiny, batch, SamplingConfig(n_samples=3, n_steps=STEPS))
    assert torch.equal(drawn, again)
    other = draw(tiny, batch, SamplingConfig(n_samples=3, n_steps=STEPS, seed=1))
    assert apart(other[:, 1], drawn[:, 1], batch) > 0.01


def test_the_loss_of_the_truth_is_nothing_and_does_not_depend_on_its_frame(reactions, batch_of, proper_rotation):
    batch = batch_of(list(reactions.values()))
    truth = centered(batch.ts @ proper_rotation, batch.mask)
    total, parts = deviation_and_distances(truth, batch, PathConfig())
    assert float(total) < 2e-3  # the root of the mean square is rounded off at 1e-6 square Angstrom
    assert float(parts["short_distances_angstrom"]) < 1e-8
    wrong_hand, _ = deviation_and_distances(truth * torch.from_numpy(MIRROR), batch, PathConfig())
    assert float(wrong_hand) > 0.1


def test_the_loss_reaches_every_weight(tiny_config, reactions, batch_of):
    model = ReactDiff(tiny_config).double()
    moment = Moment(noise=torch.Generator().manual_seed(0), common=torch.Generator().manual_seed(1))
    total, _ = loss(model, batch_of(list(reactions.values())), moment)
    total.backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert idle == []
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in model.parameters())
