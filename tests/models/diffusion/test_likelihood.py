"""Likelihood of Gaussian data, against its density in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from chem.errors import ConfigurationError
from models.diffusion.likelihood import log_likelihood
from models.diffusion.noise import rademacher_probes
from models.diffusion.processes import VariancePreserving
from models.diffusion.samplers import NoisedState
from models.diffusion.schedules import cosine_schedule, polynomial_schedule

N_STEPS = 200


def gaussian_log_density(data, values):
    """In the dimensions in which the covariance is not zero."""
    variances, directions = torch.linalg.eigh(data.covariance)
    present = variances > 1e-9
    along = (data.flat(values) - data.mean) @ directions[:, present]
    squares = (along.square() / variances[present]).sum(-1)
    return -0.5 * (squares + (2 * math.pi * variances[present]).log().sum())


def at(process, values, mask, time):
    return NoisedState(values=values, mask=mask, time=torch.full((len(mask),), time))


@pytest.mark.parametrize(
    ("schedule", "first"),
    [(polynomial_schedule(N_STEPS), 0), (cosine_schedule(N_STEPS), 1)],
    ids=["polynomial", "cosine"],
)
def test_the_likelihood_with_exact_divergence_is_the_gaussian_density(data, generator, schedule, first):
    process = VariancePreserving(schedule=schedule, centered=data.centered)
    values, mask = data.draw(20, generator), data.mask(20)
    times = torch.cat([torch.tensor([first]), torch.arange(2, N_STEPS + 1, 2)])
    got = log_likelihood(process, data.noise_predictor(process), at(process, values, mask, first), times)
    expected = gaussian_log_density(data, values)
    assert got.shape == (20,)
    assert torch.allclose(got, expected, rtol=0.02, atol=0.0)


def test_hutchinson_probes_estimate_the_exact_likelihood_without_bias(data, generator):
    process = VariancePreserving(schedule=polynomial_schedule(N_STEPS), centered=data.centered)
    values, mask = data.draw(1, generator).expand(400, -1, -1), data.mask(400)
    times, predict = torch.arange(0, N_STEPS + 1, 4), data.noise_predictor(process)
    exact = log_likelihood(process, predict, at(process, values[:1], mask[:1], 0), times)
    probes = rademacher_probes(1, mask, generator, dtype=torch.float64)  # one probe for each of 400 copies
    estimates = log_likelihood(process, predict, at(process, values, mask, 0), times, probes=probes)
    standard_error = float(estimates.std()) / 20
    assert standard_error > 0.01
    assert float(estimates.mean()) == pytest.approx(float(exact), abs=3 * standard_error)


def test_more_probes_are_the_mean_of_their_estimates(data, generator):
    process = VariancePreserving(schedule=polynomial_schedule(N_STEPS), centered=data.centered)
    state, times = at(process, data.draw(3, generator), data.mask(3), 0), torch.arange(0, N_STEPS + 1, 20)
    probes = rademacher_probes(2, data.mask(3), generator, dtype=torch.float64)
    predict = data.noise_predictor(process)
    each = [log_likelihood(process, predict, state, times, probes=probes[i : i + 1]) for i in range(2)]
    both = log_likelihood(process, predict, state, times, probes=probes)
    assert torch.allclose(both, (each[0] + each[1]) / 2)


def test_other_probes_at_every_time_err_less_than_the_same_ones(data, generator):
    process = VariancePreserving(schedule=polynomial_schedule(N_STEPS), centered=data.centered)
    values, mask = data.draw(1, generator).expand(200, -1, -1), data.mask(200)
    times, predict = torch.arange(0, N_STEPS + 1, 4), data.noise_predictor(process)
    state = at(process, values, mask, 0)
    exact = float(log_likelihood(process, predict, at(process, values[:1], mask[:1], 0), times))
    same = rademacher_probes(1, mask, generator, dtype=torch.float64)
    others = torch.stack([rademacher_probes(1, mask, generator, dtype=torch.float64) for _ in times])
    errors = [log_likelihood(process, predict, state, times, probes=probes) - exact for probes in (same, others)]
    assert float(errors[1].std()) < 0.5 * float(errors[0].std())
    assert float(errors[1].mean()) == pytest.approx(0.0, abs=3 * float(errors[1].std()) / math.sqrt(200))
    with pytest.raises(ConfigurationError, match="neither every time nor each of 51 times"):
        log_likelihood(process, predict, state, times, probes=others[:-1])


def test_objects_that_depend_on_each_other_have_one_joint_density(anisotropic_data, generator):
    data = anisotropic_data
    process = VariancePreserving(schedule=polynomial_schedule(N_STEPS), centered=False)
    values, mask, times = data.draw(5, generator), data.mask(5), torch.arange(0, N_STEPS + 1, 20)
    predict = data.noise_predictor(process)
    alone = log_likelihood(process, predict, at(process, values, mask, 0), times)
    objects = at(process, values.unsqueeze(2), mask.unsqueeze(2), 0)  # every atom an object of its own
    joint = log_likelihood(process, lambda x, time: predict(x.squeeze(2), time).unsqueeze(2), objects, times)
    assert torch.allclose(joint, alone)


def test_the_likelihood_needs_times_up_to_the_prior(data, generator):
    process = VariancePreserving(schedule=polynomial_schedule(N_STEPS), centered=data.centered)
    state, predict = at(process, data.draw(2, generator), data.mask(2), 0), data.noise_predictor(process)
    for times in (torch.tensor([0, 100]), torch.tensor([1, N_STEPS]), torch.tensor([N_STEPS, 0])):
        with pytest.raises(ConfigurationError, match=f"to {N_STEPS}, the end of the schedule"):
            log_likelihood(process, predict, state, times)
