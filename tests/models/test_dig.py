"""Conformers as a distribution: symmetry, flows there and back, guidance, and the great circle between latents."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from chem.errors import ConfigurationError
from models.checkpoints import read_checkpoint
from models.diffusion.guidance import guided
from models.diffusion.noise import centered_noise, given_noise, noise_source
from models.diffusion.processes import VariancePreserving, spread
from models.diffusion.samplers import follow_flow, prior_state
from models.diffusion.schedules import polynomial_schedule
from models.dig import Dig, DigConfig, loss
from models.dig_sampling import (
    DigSampling,
    draw_structures,
    great_circle,
    interpolate,
    log_density,
    noise_predictor_of,
)
from models.dig_training import main
from models.structure_batch import StructureArrays, collate_structures
from models.structure_data import write_structures
from models.training_moment import Moment


@pytest.fixture
def structures(reactions):
    """Vinyl alcohol, formaldehyde and a chiral amine."""
    return [StructureArrays(numbers=each.numbers, positions=each.ends[0]) for each in reactions.values()]


@pytest.fixture
def batch(structures):
    return collate_structures(structures, torch.float64)


@pytest.fixture
def model(tiny_config):
    torch.manual_seed(0)
    made = Dig(DigConfig(backbone=tiny_config.backbone, precision=1e-2)).double().eval()
    return made.requires_grad_(requires_grad=False)


def rotation():
    found = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    return found * torch.linalg.det(found)


def test_structures_turn_with_the_noise_that_they_are_drawn_from(model, batch):
    generator = torch.Generator().manual_seed(0)
    noise = centered_noise(batch.mask, generator, dtype=torch.float64)
    config, turn = DigSampling(n_steps=4), rotation()
    here = draw_structures(model, batch, config, noise=given_noise([noise]))
    there = draw_structures(model, batch, config, noise=given_noise([noise @ turn]))
    assert torch.allclose(here @ turn, there, atol=1e-6)
    assert float(here.sum(1).abs().max()) < 1e-9


@pytest.mark.parametrize("sampler", ["flow", "ancestral"])
def test_the_same_seed_draws_the_same_structures(model, batch, sampler):
    first, again, other = (
        draw_structures(model, batch, DigSampling(n_steps=4, sampler=sampler, seed=seed)) for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert float(first[~batch.mask].abs().max()) == 0.0


def test_bonds_decide_what_is_drawn(model, batch):
    blind = replace(batch, bonded=torch.zeros_like(batch.bonded))
    config = DigSampling(n_steps=3)
    assert not torch.allclose(draw_structures(model, batch, config), draw_structures(model, blind, config))


def test_densities_do_not_depend_on_the_frame(model, batch):
    one = batch.select([1])
    exact = log_density(model, one, n_steps=2, n_probes=None)
    moved = replace(one, positions=one.positions @ rotation())
    assert torch.allclose(exact, log_density(model, moved, n_steps=2, n_probes=None), atol=1e-6)
    assert torch.isfinite(log_density(model, batch, n_steps=2, n_probes=1)).all()


def test_the_density_of_a_gaussian_in_angstrom_is_that_of_a_gaussian(batch, tiny_config):
    """A network that knows that coordinates are spread by 0.6 Angstrom around nothing."""

    class Exact(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.config = DigConfig(backbone=tiny_config.backbone, precision=1e-3, scale_angstrom=2.0)

        def forward(self, some, values, time):
            alpha, sigma = self.config.process.coefficients(time, values)
            width = 0.6 / self.config.scale_angstrom
            return sigma * values / (alpha.square() * width**2 + sigma.square()) * some.mask.unsqueeze(-1)

    some = replace(
        batch, positions=0.6 * centered_noise(batch.mask, torch.Generator().manual_seed(0), dtype=torch.float64)
    )
    dimension = 3.0 * (some.mask.sum(-1) - 1)
    exact = -0.5 * some.positions.square().sum((-1, -2)) / 0.36 - dimension * math.log(0.6 * math.sqrt(2 * math.pi))
    assert torch.allclose(log_density(Exact(), some, n_steps=60, n_probes=None), exact, atol=0.2)


def test_what_is_drawn_has_no_noise_left(batch, tiny_config):
    """A network that knows the one structure that there is."""

    class Exact(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.config = DigConfig(backbone=tiny_config.backbone)

        def forward(self, some, values, time):
            alpha, sigma = self.config.process.coefficients(time, values)
            return (values - alpha * some.positions / self.config.scale_angstrom) / sigma

    drawn = draw_structures(Exact(), batch, DigSampling(n_steps=30))
    assert float((drawn - batch.positions).abs().max()) < 1e-3
    images = interpolate(Exact(), batch, batch, 1, n_steps=30)
    assert float((images - batch.positions).abs().max()) < 1e-3


def test_a_path_ends_in_the_bonds_of_either_side(model, batch):
    """Close to an end the flow is almost that of its own bonds, there and back: the path comes close to it."""
    turned = batch.positions.flip(1) * batch.mask.unsqueeze(-1)
    turned = turned - turned.sum(1, keepdim=True) / batch.mask.sum(-1)[:, None, None] * batch.mask.unsqueeze(-1)
    other = replace(batch, positions=turned, bonded=torch.zeros_like(batch.bonded))
    some, end = batch.select([0]), other.select([0])
    images = interpolate(model, some, end, 199, n_steps=5)
    steps = (images[1:] - images[:-1]).abs().amax((1, 2, 3))
    gap = max(float((images[0] - some.positions).abs().max()), float((images[-1] - end.positions).abs().max()))
    assert gap < 2.0 * float(steps.max())
    back = interpolate(model, end, some, 199, n_steps=5)
    assert torch.allclose(back.flip(0), images, atol=1e-6)


def test_the_great_circle_keeps_lengths_and_meets_its_ends():
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(5, 4, 3, dtype=torch.float64, generator=generator) for _ in range(2))
    assert torch.allclose(great_circle(first, second, 0.0), first)
    assert torch.allclose(great_circle(first, second, 1.0), second)
    middle = great_circle(first, second, 0.5).flatten(1).norm(dim=-1)
    ends = first.flatten(1).norm(dim=-1) + second.flatten(1).norm(dim=-1)
    assert torch.allclose(middle, ends / 2)
    opposite = great_circle(first, -first, 0.3)
    assert torch.isfinite(opposite).all()
    assert torch.isfinite(great_circle(torch.zeros_like(first), second, 0.5)).all()
    assert float((0.5 * (first + second)).flatten(1).norm(dim=-1).mean()) < 0.85 * float(middle.mean())


def test_guidance_moves_samples_as_bayes_says_and_further_the_stronger_it_is():
    """Data are standard Gaussian, and so is every marginal; the property is a Gaussian about 2 of width 1."""
    process = VariancePreserving(schedule=polynomial_schedule(1000, precision=1e-4), centered=False)
    mask = torch.ones(4000, 1)

    def predict(values, times):
        return spread(process.schedule.sigma(times), values) * values

    def slope(values, times):
        alpha, sigma = process.coefficients(times, values)
        return alpha * (2.0 - alpha * values) / (1.0 + sigma.square())  # of x_0 given x_t: alpha x_t, sigma^2 wide

    means = []
    for strength in (0.0, 0.5, 1.0):
        noise = noise_source(mask, torch.Generator().manual_seed(0), centered=False, dtype=torch.float64)
        state = prior_state(process, mask, noise)
        lean = guided(process, predict, slope, strength)
        means.append(float(follow_flow(process, lean, state, process.schedule.descending_times(200)).mean()))
    assert means[0] == pytest.approx(0.0, abs=0.03)
    assert means[0] < means[1] < means[2]
    assert means[2] == pytest.approx(1.0, abs=0.05)


def test_the_loss_reaches_every_weight_that_is_read(model, batch):
    model.train().requires_grad_()
    moment = Moment(noise=torch.Generator().manual_seed(0), common=torch.Generator().manual_seed(1))
    total, parts = loss(model, batch, moment)
    total.backward()
    assert set(parts) == {"noise"}
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigurationError, match="'euler' is unknown; give flow or ancestral"):
        DigSampling(sampler="euler")
    with pytest.raises(ConfigurationError, match="scale_angstrom is 0; give more than 0"):
        DigConfig(scale_angstrom=0)


def test_the_predictor_of_the_samplers_is_the_network(model, batch):
    times = torch.tensor([100, 500, 900])
    found = noise_predictor_of(model, batch)(batch.positions, times)
    assert torch.allclose(found, model(batch, batch.positions, times.double() / 1000))


def test_a_training_keeps_its_best_weights(tmp_path, structures):
    write_structures(tmp_path / "minima.npz", structures, ["train", "train", "val"], "gfn2")
    config = tmp_path / "small.yaml"
    config.write_text(
        "model: {backbone: {irreps: 8x0e+4x0o+4x1o+4x1e, edge_channels: 8, direction_channels: 4, product_channels: 4,"
        " n_blocks: 1, n_radial: 8}}\n"
        "training: {steps: 4, batch_size: 2, validate_every: 2, checkpoint_every: 2}\n"
    )
    rows = []
    words = ["--data", str(tmp_path / "minima.npz"), "--config", str(config), "--out", str(tmp_path / "run")]
    main([*words, "--device", "cpu"], rows.append)
    assert [row["step"] for row in rows] == [2, 4]
    stored = read_checkpoint(tmp_path / "run" / "weights.safetensors", "dig")
    stored.load_into(Dig(stored.configuration(DigConfig)))
