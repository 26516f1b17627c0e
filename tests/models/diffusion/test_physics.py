"""The equation that the score of a diffusion process obeys, and Boltzmann's distribution at its end."""

from __future__ import annotations

import pytest
import torch

from models.diffusion.noise import rademacher_probes
from models.diffusion.physics import divergence, energy_mismatch, fokker_planck_residual
from models.diffusion.processes import VariancePreserving
from models.diffusion.schedules import cosine_schedule, polynomial_schedule

WIDTHS = torch.tensor([0.3, 1.0, 2.5], dtype=torch.float64)  # standard deviations of the data along x, y, z


@pytest.fixture(params=[cosine_schedule, polynomial_schedule])
def process(request):
    return VariancePreserving(schedule=request.param(1000), centered=False)


def points(n, seed=0):
    return torch.randn(n, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gaussian_score(process, widths=WIDTHS):
    """Exact score of data that are Gaussian: so are all marginals."""

    def score(values, time):
        alpha, sigma = process.coefficients(time, values)
        return -values / (alpha.square() * widths.square() + sigma.square())

    return score


def times(n, seed=1):
    return 0.1 + 0.7 * torch.rand(n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_exact_score_obeys_the_equation_and_another_one_does_not(process):
    values, mask, time = points(50), torch.ones(50, 1), times(50)
    exact = fokker_planck_residual(process, gaussian_score(process), values, mask, time, time_step=1e-4).detach()

    def frozen(x, _time):
        return -x / WIDTHS.square()

    wrong = fokker_planck_residual(process, frozen, values, mask, time).detach()
    assert float(exact.abs().max()) < 0.02 * float(wrong.abs().max())
    assert float(exact.abs().median()) < 1e-2
    assert float(wrong.abs().mean()) > 1.0


def test_a_mixture_of_gaussians_obeys_the_equation_too(process):
    """Not linear in the values, so that every term counts."""
    shift = torch.tensor([1.5, 0.0, 0.0], dtype=torch.float64)

    def score(values, time):
        alpha, sigma = process.coefficients(time, values)
        width = alpha.square() * 0.25 + sigma.square()
        left, right = (
            -(values - sign * alpha * shift).square().sum(-1, keepdim=True) / (2 * width) for sign in (-1, 1)
        )
        weight = torch.sigmoid(right - left)
        return (-(values + alpha * shift) * (1 - weight) - (values - alpha * shift) * weight) / width

    values, mask, time = points(40), torch.ones(40, 1), times(40)
    residual = fokker_planck_residual(process, score, values, mask, time, time_step=1e-4)
    without = fokker_planck_residual(process, lambda x, t: 1.1 * score(x, t), values, mask, time)
    assert float(residual.detach().abs().median()) < 0.05 * float(without.detach().abs().median())


def test_probes_estimate_the_divergence_and_units_give_it(process):
    values = points(1).expand(1, 1, 3).clone().requires_grad_()
    mask = torch.ones(1, 1)
    matrix = torch.tensor([[1.0, 2.0, 0.5], [0.3, -2.0, 1.0], [0.0, 0.7, 4.0]], dtype=torch.float64)
    field = values @ matrix
    assert float(divergence(process, field, values, mask).detach()) == pytest.approx(3.0)
    probes = rademacher_probes(4000, mask, torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(divergence(process, field, values, mask, probes).detach()) == pytest.approx(3.0, abs=0.2)


def test_a_centred_process_counts_the_directions_that_it_has():
    process = VariancePreserving(schedule=cosine_schedule(100), centered=True)
    values = torch.randn(1, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values = (values - values.mean(1, keepdim=True)).requires_grad_()
    assert float(divergence(process, values * 1.0, values, torch.ones(1, 4)).detach()) == pytest.approx(9.0)


def test_at_the_end_the_score_is_the_force_over_kt():
    process = VariancePreserving(schedule=cosine_schedule(1000), centered=False)
    values, mask = points(20), torch.ones(20, 1)
    force = -values / WIDTHS.square()
    assert float(energy_mismatch(process, gaussian_score(process), values, mask, force).abs().max()) < 1e-9
    assert float(energy_mismatch(process, gaussian_score(process), values, mask, 2 * force).abs().max()) > 1.0


def test_what_violates_the_equation_can_be_learned_away(process):
    width = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    values, mask, time = points(30), torch.ones(30, 1), times(30)

    def score(x, t):
        alpha, sigma = process.coefficients(t, x)
        return -x / (alpha.square() * WIDTHS.square() + width * sigma.square())

    residual = fokker_planck_residual(process, score, values, mask, time)
    (slope,) = torch.autograd.grad(residual.square().mean(), width)
    assert float(slope) > 0.0  # toward 1, which is right
