"""Noise schedules."""

from __future__ import annotations

import math

import pytest
import torch

from chem.errors import ConfigurationError
from models.diffusion.schedules import Schedule, cosine_schedule, polynomial_schedule, sigmoid_schedule

SCHEDULES = {
    "cosine": cosine_schedule(1000),
    "polynomial": polynomial_schedule(1000),
    "sigmoid": sigmoid_schedule(5000, smallest_beta=1e-7, largest_beta=2e-3),
}
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


def test_the_cosine_schedule_runs_from_all_signal_to_none():
    alpha_bar = SCHEDULES["cosine"].alpha_bar
    assert float(alpha_bar[0]) == 1.0
    assert 0.0 < float(alpha_bar[-1]) < 1e-8
    assert float(alpha_bar[500]) == pytest.approx(0.4938, abs=1e-4)  # cos^2(0.508 / 1.008 pi / 2) / cos^2(0.008 ...)
    assert float((1 - alpha_bar[1:] / alpha_bar[:-1]).max()) == pytest.approx(0.999)


def test_the_polynomial_schedule_leaves_its_precision_at_both_ends():
    alpha_bar = SCHEDULES["polynomial"].alpha_bar
    assert float(1 - alpha_bar[0]) == pytest.approx(1e-5, rel=1e-6)
    assert float(alpha_bar[-1]) == pytest.approx(1e-5, rel=1e-3)
    assert float(alpha_bar[500]) == pytest.approx(0.75**2, abs=2e-5)


def test_the_sigmoid_schedule_ends_where_its_rates_sum_to():
    alpha_bar = SCHEDULES["sigmoid"].alpha_bar
    assert float(alpha_bar[0]) == 1.0
    assert float(alpha_bar[-1]) == pytest.approx(math.exp(-5000 * 0.5 * (1e-7 + 2e-3)), rel=0.01)


def test_the_rate_of_the_sigmoid_schedule_grows_from_the_smallest_beta_to_the_largest():
    rate = SCHEDULES["sigmoid"].rate(torch.tensor([0.0, 0.5, 1.0])) / 5000
    logistic = 1 / (1 + math.exp(6))
    span = 2e-3 - 1e-7
    assert rate.tolist() == pytest.approx([1e-7 + span * logistic, 1e-3, 1e-7 + span * (1 - logistic)], rel=2e-3)


@every_schedule
def test_signal_and_noise_power_add_to_one_and_the_angle_turns_one_into_the_other(schedule):
    time = torch.linspace(0, 1, 7)
    alpha, sigma, angle = schedule.alpha(time), schedule.sigma(time), schedule.angle(time)
    assert alpha.dtype == torch.float64
    assert torch.allclose(alpha**2 + sigma**2, torch.ones(7, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(angle.cos(), alpha, atol=1e-12)
    assert (angle.diff() > 0).all()


@every_schedule
def test_a_fraction_and_the_integer_it_stands_for_give_the_same_level(schedule):
    time = torch.tensor([[0, 1], [schedule.n_steps // 2, schedule.n_steps]])
    fraction = time.double() / schedule.n_steps
    assert torch.allclose(schedule.alpha(time), schedule.alpha(fraction), rtol=1e-9)
    between = schedule.log_alpha_bar((time[1, :1] + 0.5) / schedule.n_steps)
    assert schedule.log_alpha_bar(time[1, :1] + 1) < between < schedule.log_alpha_bar(time[1, :1])


@every_schedule
def test_the_rate_integrates_to_the_logarithm_of_the_signal(schedule):
    steps = schedule.rate(torch.arange(schedule.n_steps)) / schedule.n_steps
    lost = schedule.log_alpha_bar(torch.tensor(0)) - schedule.log_alpha_bar(torch.tensor(schedule.n_steps))
    assert float(steps.sum()) == pytest.approx(float(lost))


def test_times_descend_evenly_from_the_last_to_zero():
    schedule = SCHEDULES["cosine"]
    assert schedule.descending_times(4).tolist() == [1000, 750, 500, 250, 0]
    assert (schedule.descending_times(1000).diff() == -1).all()
    with pytest.raises(ConfigurationError, match="1001"):
        schedule.descending_times(1001)


def test_times_outside_the_schedule_are_errors():
    for time in (torch.tensor(-1), torch.tensor(1001), torch.tensor(-0.1), torch.tensor(1.1)):
        with pytest.raises((RuntimeError, IndexError), match="out of bounds"):
            SCHEDULES["cosine"].alpha(time)


@pytest.mark.parametrize(
    "build",
    [
        lambda: cosine_schedule(0),
        lambda: cosine_schedule(10, offset=-0.1),
        lambda: polynomial_schedule(10, precision=0.6),
        lambda: polynomial_schedule(10, power=0.0),
        lambda: sigmoid_schedule(1, smallest_beta=1e-4, largest_beta=1e-2),
        lambda: sigmoid_schedule(10, smallest_beta=1e-2, largest_beta=1e-4),
        lambda: Schedule(alpha_bar=torch.tensor([1.0, 0.5])),
        lambda: Schedule(alpha_bar=torch.tensor([0.5, 1.0], dtype=torch.float64)),
    ],
)
def test_values_out_of_range_are_refused_with_a_remedy(build):
    with pytest.raises(ConfigurationError, match=r"give|build|take"):
        build()
