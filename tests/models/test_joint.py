"""Joint diffusion of the three objects of a reaction: what may change the answer, and what must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from chem.errors import ConfigurationError, InputError
from models.checkpoints import read_checkpoint
from models.diffusion.noise import centered_noise, given_noise
from models.joint import (
    PRODUCT,
    REACTANT,
    TS,
    Joint,
    JointConfig,
    ObjectBatch,
    drawn_times,
    loss,
    noise_error,
    noised_objects,
    objects_of,
    swapped_where,
)
from models.joint_sampling import JointSampling, draw_reactions, noise_of_seeds
from models.joint_training import main
from models.training_moment import Moment

SAME = 1e-6
CASES = {"reactant": (0.0, 0.4, 0.7), "ends": (0.0, 0.5, 0.0), "nothing": (0.2, 0.6, 0.9)}


@pytest.fixture
def model(tiny_config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Joint(JointConfig(backbone=tiny_config.backbone, precision=1e-2)).double().eval()
    made.head.out.scale.data.fill_(0.5)
    return made.requires_grad_(requires_grad=False)


@pytest.fixture
def batch(reactions, batch_of):
    return batch_of(list(reactions.values()))


def noised(model, batch, case):
    clean = objects_of(batch, model.config.scale_angstrom)
    noise = centered_noise(
        batch.mask.unsqueeze(1).expand(-1, 3, -1), torch.Generator().manual_seed(1), dtype=torch.float64
    )
    time = torch.tensor(CASES[case], dtype=torch.float64).expand(len(batch), 3)
    return noised_objects(model.config, batch, clean, noise, time)


def rotations(seed=0):
    generator = np.random.default_rng(seed)
    turns = []
    for _ in range(3):
        q, _ = np.linalg.qr(generator.normal(size=(3, 3)))
        turns.append(torch.from_numpy(q * np.sign(np.linalg.det(q))))
    return torch.stack(turns)


def moment(seed=0):
    return Moment(noise=torch.Generator().manual_seed(seed), common=torch.Generator().manual_seed(seed + 1))


@pytest.mark.parametrize("case", CASES)
def test_each_object_turns_for_itself(model, batch, case):
    objects, turns = noised(model, batch, case), rotations()
    expected = model(objects)
    assert float(expected.abs().max()) > 0.01
    turned = model(replace(objects, values=objects.values @ turns))
    assert torch.allclose(turned, expected @ turns, atol=SAME)


@pytest.mark.parametrize("case", ["reactant", "ends"])
def test_known_ends_may_lie_anywhere_each_fragment_for_itself(model, reactions, batch_of, scattered, case):
    here = batch_of(list(reactions.values()))
    there = batch_of([scattered(each) for each in reactions.values()])
    first, second = noised(model, here, case), noised(model, there, case)
    known = first.time == 0
    moved = replace(second, values=torch.where(known[..., None, None], second.values, first.values))
    shifted = moved.values + known[..., None, None] * 3.0 * here.mask[:, None, :, None]
    assert torch.allclose(model(replace(moved, values=shifted)), model(first), atol=SAME)


@pytest.mark.parametrize("case", CASES)
def test_another_order_of_the_atoms_in_all_three_gives_the_noise_in_that_order(model, reactions, batch_of, case):
    reaction = reactions["elimination"]
    order = torch.randperm(len(reaction.numbers), generator=torch.Generator().manual_seed(2))
    objects = noised(model, batch_of([reaction]), case)
    permuted = ObjectBatch(
        numbers=objects.numbers[:, order],
        mask=objects.mask[:, order],
        values=objects.values[:, :, order],
        time=objects.time,
        bonded=objects.bonded[:, :, order][..., order],
        together=objects.together[:, :, order][..., order],
    )
    assert torch.allclose(model(permuted), model(objects)[:, :, order], atol=SAME)


def test_the_reverse_of_a_reaction_gets_the_same_noise_in_reverse(model, batch):
    objects = noised(model, batch, "nothing")
    back = replace(
        objects,
        values=objects.values.flip(1),
        time=objects.time.flip(1),
        bonded=objects.bonded.flip(1),
        together=objects.together.flip(1),
    )
    assert torch.allclose(model(back), model(objects).flip(1), atol=SAME)


@pytest.mark.parametrize("case", CASES)
def test_what_is_known_gets_no_noise_whatever_lies_on_the_others(model, batch, case):
    objects = noised(model, batch, case)
    known = objects.time == 0
    assert torch.equal(objects.values[known], objects_of(batch, model.config.scale_angstrom)[known])
    assert float(model(objects)[known].abs().max() if known.any() else 0.0) == 0.0
    assert float(model(objects)[~known].abs().max()) > 0.01


def test_bonds_are_told_of_known_ends_alone(model, batch):
    other = torch.zeros_like(batch.bonded)
    for case, place, changes in (
        ("reactant", REACTANT, True),
        ("reactant", PRODUCT, False),
        ("ends", PRODUCT, True),
        ("nothing", REACTANT, False),
    ):
        objects = noised(model, batch, case)
        bonded = objects.bonded.clone()
        bonded[:, place // 2] = other[:, place // 2]
        same = torch.allclose(model(replace(objects, bonded=bonded)), model(objects), atol=1e-12)
        assert same != changes, (case, place)


def test_objects_read_each_other_and_their_noise_levels(model, batch):
    objects = noised(model, batch, "reactant")
    found = model(objects)
    values = objects.values.clone()
    values[:, REACTANT] *= 1.1
    assert not torch.allclose(model(replace(objects, values=values)), found)
    time = objects.time.clone()
    time[:, PRODUCT] = 0.8
    assert not torch.allclose(model(replace(objects, time=time))[:, TS], found[:, TS])


def test_padding_stays_empty_and_every_object_centred(model, batch):
    found = model(noised(model, batch, "nothing"))
    padding = ~batch.mask.unsqueeze(1).expand(-1, 3, -1)
    assert float(found[padding].abs().max()) == 0.0
    assert float(found.sum(2).abs().max()) < 1e-9


def test_the_loss_reaches_every_weight_and_counts_noised_objects_alone(model, batch):
    model.train().requires_grad_()
    total, parts = loss(model, batch, moment())
    total.backward()
    assert set(parts) == {"noise"}
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []
    objects = noised(model, batch, "reactant")
    noise = torch.zeros_like(objects.values)
    noise[:, REACTANT] = 7.0
    assert torch.allclose(noise_error(torch.zeros_like(noise), noise, objects), torch.zeros(3, dtype=torch.float64))


def test_training_draws_what_is_known_as_configured(tiny_config):
    config = JointConfig(backbone=tiny_config.backbone)
    seen = {}
    for seed in range(400):
        time = drawn_times(config, 5, moment(seed))
        pattern = tuple((time == 0).all(0).tolist())
        assert bool(((time > 0) == (~torch.tensor(pattern))).all())
        free = time[:, ~torch.tensor(pattern)]
        seen.setdefault(pattern, []).append(bool((free == free[:, :1]).all()))
    shares = {pattern: len(each) / 400 for pattern, each in seen.items()}
    assert shares[(True, False, False)] == pytest.approx(0.7, abs=0.07)
    assert shares[(True, False, True)] == pytest.approx(0.15, abs=0.06)
    assert shares[(False, False, False)] == pytest.approx(0.15, abs=0.06)
    assert np.mean(seen[(True, False, False)]) == pytest.approx(0.7, abs=0.1)


def test_swapping_ends_reads_a_reaction_backwards(batch):
    swapped = swapped_where(batch, torch.tensor([True, False, True]))
    assert torch.equal(swapped.ends[0], batch.ends[0].flip(0))
    assert torch.equal(swapped.bonded[1], batch.bonded[1])
    assert torch.equal(swapped.together[2], batch.together[2].flip(0))


class Exact(torch.nn.Module):
    """A network that knows the one reaction that there is."""

    def __init__(self, config, clean):
        super().__init__()
        self.config, self.clean = config, clean

    def forward(self, objects):
        alpha, sigma = self.config.process.coefficients(objects.time, objects.values)
        noised = (objects.time > 0)[..., None, None]
        return torch.where(noised, (objects.values - alpha * self.clean) / sigma, 0.0)


@pytest.mark.parametrize("sampler", ["ancestral", "flow"])
@pytest.mark.parametrize("known", [{REACTANT}, {REACTANT, PRODUCT}, set()])
def test_what_is_drawn_is_what_the_network_knows_and_what_is_known_stays(batch, tiny_config, sampler, known):
    config = JointConfig(backbone=tiny_config.backbone)
    true = objects_of(batch, config.scale_angstrom)
    hidden = replace(
        batch,
        ts=torch.zeros_like(batch.ts),
        ends=torch.stack([batch.ends[:, side] * float(side * 2 in known) for side in (0, 1)], dim=1),
    )
    mask = batch.mask.unsqueeze(1).expand(-1, 3 - len(known), -1)
    noise = noise_of_seeds(mask, [1, 2, 3], torch.float64)
    drawn = draw_reactions(Exact(config, true), hidden, known, JointSampling(n_steps=20, sampler=sampler), noise)
    assert float((drawn - true * config.scale_angstrom).abs().max()) < 2e-3
    for place in known:
        assert torch.allclose(drawn[:, place], batch.ends[:, place // 2], atol=1e-12)


def test_samples_turn_with_the_noise_that_they_are_drawn_from(model, batch):
    turns = rotations(3)[1:]
    mask = batch.mask.unsqueeze(1).expand(-1, 2, -1)
    source = noise_of_seeds(mask, [1, 2, 3], torch.float64)
    noise = [source() for _ in range(4)]
    config = JointSampling(n_steps=4)
    here = draw_reactions(model, batch, {REACTANT}, config, given_noise(noise))
    there = draw_reactions(model, batch, {REACTANT}, config, given_noise([each @ turns for each in noise]))
    assert torch.allclose(here[:, 1:] @ turns, there[:, 1:], atol=1e-5)


def test_a_sample_depends_on_its_seed_and_not_on_what_is_drawn_beside_it(model, reactions, batch_of):
    reaction, large = reactions["tautomerisation"], reactions["elimination"]

    def drawn(several, seeds):
        batch = batch_of(several)
        mask = batch.mask.unsqueeze(1).expand(-1, 2, -1)
        noise = noise_of_seeds(mask, seeds, torch.float64)
        return draw_reactions(model, batch, {REACTANT}, JointSampling(n_steps=3), noise)

    alone, beside = drawn([reaction], [5]), drawn([large, reaction, reaction], [4, 5, 6])
    assert torch.allclose(alone[0], beside[1, :, : alone.shape[2]], atol=1e-8)
    assert not torch.allclose(beside[1], beside[2])


def test_wrong_settings_are_refused(tiny_config, model, batch):
    with pytest.raises(ConfigurationError, match="'heun' is unknown; give flow or ancestral"):
        JointSampling(sampler="heun")
    with pytest.raises(ConfigurationError, match="n_steps is 1; give 2 or more"):
        JointSampling(n_steps=1)
    with pytest.raises(ConfigurationError, match="more than 1 together"):
        JointConfig(reactant_known_share=0.9, ends_known_share=0.2)
    with pytest.raises(ConfigurationError, match="n_roles of the backbone is 1"):
        JointConfig(backbone=replace(tiny_config.backbone, n_roles=1))
    with pytest.raises(ConfigurationError, match="nothing is left to draw"):
        draw_reactions(model, batch, {0, 1, 2}, JointSampling(), given_noise([]))


def packed(path, reactions, splits):
    sizes = [len(each.numbers) for each in reactions]
    np.savez(
        path,
        offset=np.cumsum([0, *sizes]),
        numbers=np.concatenate([each.numbers for each in reactions]),
        reactant=np.concatenate([each.ends[0] for each in reactions]),
        product=np.concatenate([each.ends[1] for each in reactions]),
        ts=np.concatenate([each.ts for each in reactions]),
        split=np.array(splits),
    )


@pytest.fixture
def words(tmp_path, reactions):
    packed(tmp_path / "reactions.npz", list(reactions.values()), ["train", "train", "val"])
    config = tmp_path / "small.yaml"
    config.write_text(
        "model: {backbone: {irreps: 8x0e+4x0o+4x1o+4x1e, edge_channels: 8, direction_channels: 4, product_channels: 4,"
        " n_blocks: 1, n_radial: 8}}\n"
        "training: {steps: 4, batch_size: 2, validate_every: 2, checkpoint_every: 2}\n"
    )
    return ["--data", str(tmp_path / "reactions.npz"), "--config", str(config), "--device", "cpu"]


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(tmp_path, words):
    rows = []
    main([*words, "--out", str(tmp_path / "whole")], rows.append)
    assert [row["step"] for row in rows] == [2, 4]
    assert {"val_noise_error", "val_noise_error_at_0.5"} <= set(rows[0])
    main([*words, "--out", str(tmp_path / "parts"), "--max-seconds", "0"])
    main([*words, "--out", str(tmp_path / "parts"), "--resume"], rows.append)
    whole, parts = (read_checkpoint(tmp_path / name / "weights.safetensors", "joint") for name in ("whole", "parts"))
    made = Joint(whole.configuration(JointConfig))
    whole.load_into(made)
    assert all(torch.equal(whole.weights[name], parts.weights[name]) for name in whole.weights)
    assert "cairn train joint" in whole.card["command"]


def test_a_training_refuses_elements_that_its_network_is_not_to_know(tmp_path, words, reactions):
    strange = replace(reactions["dissociation"], numbers=np.array([6, 16, 1, 1]))
    packed(tmp_path / "reactions.npz", [strange, *reactions.values()], ["train", "val", "val", "val"])
    with pytest.raises(InputError, match="atomic numbers 16"):
        main([*words, "--out", str(tmp_path / "run")])


def test_a_reaction_alone_is_what_it_is_in_a_batch(model, reactions, batch_of):
    alone = noised(model, batch_of([reactions["elimination"]]), "nothing")
    together = noised(model, batch_of([reactions["elimination"], reactions["dissociation"]]), "nothing")
    values = together.values.clone()
    values[:1] = alone.values
    assert torch.allclose(model(replace(together, values=values))[:1], model(alone), atol=SAME)
