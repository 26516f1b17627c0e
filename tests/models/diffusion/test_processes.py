"""Processes, parametrisations and errors per system."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from chem.errors import ConfigurationError
from models.diffusion.losses import mean_squared_error, root_mean_square
from models.diffusion.noise import centered_noise
from models.diffusion.parametrisations import converted, noise_predictor, target_from_velocity, velocity_from_target
from models.diffusion.processes import StraightPath, VariancePreserving
from models.diffusion.schedules import cosine_schedule, polynomial_schedule

MASK = torch.tensor([[1.0, 1, 1, 1, 0], [1, 1, 1, 0, 0]])
PROCESS = VariancePreserving(schedule=polynomial_schedule(1000))
PREDICTIONS = ("noise", "score", "clean", "velocity")


def noise(seed, mask=MASK):
    return centered_noise(mask, torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_marginal_has_the_mean_and_spread_of_its_level():
    mask = torch.ones(20_000, 3)
    clean, time = noise(0, mask[:1]).expand(20_000, 3, 3), torch.full((20_000,), 400)
    noised = PROCESS.noised(clean, noise(1, mask), time)
    alpha, sigma = float(PROCESS.schedule.alpha(time[0])), float(PROCESS.schedule.sigma(time[0]))
    assert (noised.mean(0) - alpha * clean[0]).abs().max() < 0.02
    assert float((noised - alpha * clean).square().sum((1, 2)).mean()) == pytest.approx(6 * sigma**2, rel=0.02)


def test_two_forward_steps_add_up_to_the_marginal_power():
    time, later = torch.tensor([100, 300]), torch.tensor([700, 300])
    nothing, clean, first, second = torch.zeros(2, 5, 3, dtype=torch.float64), noise(0), noise(1), noise(2)
    signal = PROCESS.forward_step(PROCESS.noised(clean, nothing, time), nothing, time, later)
    assert torch.allclose(signal, PROCESS.noised(clean, nothing, later))
    passed_on = PROCESS.forward_step(PROCESS.noised(nothing, first, time), nothing, time, later)
    added = PROCESS.forward_step(nothing, second, time, later)
    power = (passed_on / first).square().nanmean((1, 2)) + (added / second).square().nanmean((1, 2))
    assert torch.allclose(power, PROCESS.schedule.sigma(later) ** 2)
    assert (added[1] == 0).all()  # 300 to 300: nothing happens


def test_one_time_of_a_system_serves_all_its_objects():
    mask = MASK.unsqueeze(1).repeat(1, 3, 1)
    time = torch.tensor([10, 900])
    clean, eps = noise(0, mask), noise(1, mask)
    together = PROCESS.noised(clean, eps, time)
    for index in range(3):
        assert torch.equal(together[:, index], PROCESS.noised(clean[:, index], eps[:, index], time))
    each = PROCESS.noised(clean, eps, time.unsqueeze(1).repeat(1, 3))
    assert torch.equal(together, each)


def test_the_prior_density_counts_only_the_dimensions_of_the_subspace():
    density = PROCESS.prior_log_density(torch.zeros(2, 5, 3), MASK)
    assert density.tolist() == pytest.approx([-4.5 * math.log(2 * math.pi), -3.0 * math.log(2 * math.pi)])


@pytest.mark.parametrize(("source", "target"), itertools.permutations(PREDICTIONS, 2))
def test_a_prediction_converted_to_another_and_back_is_itself(source, target):
    time, noised, value = torch.tensor([1, 950]), noise(0), noise(1)
    there = converted(value, noised, time, PROCESS, source=source, target=target)
    assert torch.allclose(converted(there, noised, time, PROCESS, source=target, target=source), value, atol=1e-9)


@pytest.mark.parametrize("source", PREDICTIONS)
def test_every_prediction_of_a_known_pair_gives_its_noise(source):
    time, clean, eps = torch.tensor([30, 800]), noise(0), noise(1)
    alpha, sigma = PROCESS.coefficients(time, clean)
    value = {"noise": eps, "score": -eps / sigma, "clean": clean, "velocity": alpha * eps - sigma * clean}[source]
    predict = noise_predictor(lambda values, times: value, PROCESS, source=source)
    assert torch.allclose(predict(PROCESS.noised(clean, eps, time), time), eps, atol=1e-9)


def test_a_velocity_prediction_is_finite_at_both_ends_of_the_cosine_schedule():
    process = VariancePreserving(schedule=cosine_schedule(100))
    time = torch.tensor([0, 100])
    for target in ("clean", "noise"):
        assert converted(noise(0), noise(1), time, process, source="velocity", target=target).isfinite().all()


def test_an_unknown_prediction_is_refused():
    with pytest.raises(ConfigurationError, match="'epsilon' is unknown"):
        converted(noise(0), noise(1), torch.tensor([1, 2]), PROCESS, source="noise", target="epsilon")


def test_a_path_begins_at_its_start_and_ends_at_its_target():
    path = StraightPath(path_noise=0.3)
    start, target = noise(0), noise(1)
    assert torch.equal(path.point(start, target, noise(2), torch.tensor([0.0, 0.0])), start)
    assert torch.equal(path.point(start, target, noise(2), torch.tensor([1.0, 1.0])), target)


def test_path_noise_spreads_like_a_brownian_bridge():
    mask = torch.ones(20_000, 3)
    path, zero = StraightPath(path_noise=0.3), torch.zeros(20_000, 3, 3, dtype=torch.float64)
    points = path.point(zero, zero, noise(0, mask), torch.full((20_000,), 0.2))
    assert float(points.square().sum((1, 2)).mean()) == pytest.approx(6 * 0.3**2 * 0.2 * 0.8, rel=0.02)


def test_the_velocity_is_the_slope_of_the_path():
    path, start, target, eps = StraightPath(path_noise=0.3), noise(0), noise(1), noise(2)
    time = torch.tensor([0.2, 0.7], dtype=torch.float64)
    before, after = (path.point(start, target, eps, time + step) for step in (-1e-5, 1e-5))
    assert torch.allclose((after - before) / 2e-5, path.velocity(start, target, eps, time), atol=1e-6)
    assert torch.equal(StraightPath().velocity(start, target, eps, time), target - start)


def test_target_and_velocity_of_a_straight_path_belong_together():
    start, target, time = noise(0), noise(1), torch.tensor([0.2, 0.7], dtype=torch.float64)
    point = StraightPath().point(start, target, noise(2), time)
    assert torch.allclose(target_from_velocity(target - start, point, time), target)
    assert torch.allclose(velocity_from_target(target, point, time), target - start)


def test_a_negative_path_noise_is_refused():
    with pytest.raises(ConfigurationError, match=r"path_noise is -0\.1"):
        StraightPath(path_noise=-0.1)


def test_errors_are_averaged_over_the_atoms_that_are_there():
    predicted, target = torch.full((2, 5, 3), 7.0), torch.full((2, 5, 3), 7.0)
    predicted[0, 0] = torch.tensor([7.0, 10.0, 11.0])  # a distance of 5
    predicted[:, 4] = torch.nan
    assert mean_squared_error(predicted, target, MASK).tolist() == pytest.approx([25 / 12, 0.0])
    assert root_mean_square(predicted, target, MASK).tolist() == pytest.approx([2.5, 1e-6])


def test_the_root_mean_square_has_a_finite_gradient_where_both_agree():
    predicted = torch.zeros(2, 5, 3, requires_grad=True)
    root_mean_square(predicted, torch.zeros(2, 5, 3), MASK).sum().backward()
    assert (predicted.grad == 0).all()
