"""Samplers, with the best prediction for Gaussian data in place of a network."""

from __future__ import annotations

import math

import pytest
import torch

from chem.errors import ConfigurationError
from models.diffusion.noise import centered_noise, given_noise
from models.diffusion.processes import StraightPath, VariancePreserving
from models.diffusion.samplers import (
    NoisedState,
    ancestral_step,
    flow_step,
    follow_flow,
    implicit_step,
    prior_state,
    sample_ancestral,
    sample_implicit,
    straight_path_step,
    straight_path_steps,
)
from models.diffusion.schedules import cosine_schedule, polynomial_schedule, sigmoid_schedule

MASK = torch.tensor([[1.0, 1, 1, 1, 0], [1, 1, 1, 0, 0]])
POLYNOMIAL = VariancePreserving(schedule=polynomial_schedule(100))
COSINE = VariancePreserving(schedule=cosine_schedule(100))
ROTATION = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]


def noise(seed, mask=MASK):
    return centered_noise(mask, torch.Generator().manual_seed(seed), dtype=torch.float64)


def toy_network(values, time):
    """Equivariant under rotations and not under translations; fills the padding with rubbish."""
    scale = time.double().reshape(-1, *(1,) * (values.ndim - 1)) / 100
    squares = values.square().sum(-1, keepdim=True)
    return (0.5 + 0.5 * scale) * values / (1 + 0.1 * squares + 0.1 * squares.sum(-2, keepdim=True)) + (values == 0)


def equivariant_network(values, time):
    return toy_network(values, time) - (values == 0).double()


SAMPLERS = {
    "ancestral": sample_ancestral,
    "implicit": lambda process, network, state, times, source: sample_implicit(
        process, network, state, times, source, eta=0.5
    ),
    "flow": lambda process, network, state, times, source: follow_flow(process, network, state, times),
}
every_sampler = pytest.mark.parametrize("sample", SAMPLERS.values(), ids=SAMPLERS)


@pytest.mark.parametrize("variance", ["lower", "upper"])
@pytest.mark.parametrize("schedule", [cosine_schedule(150), polynomial_schedule(150)], ids=["cosine", "polynomial"])
def test_ancestral_sampling_returns_the_distribution_of_the_data(
    data, generator, assert_same_distribution, variance, schedule
):
    process = VariancePreserving(schedule=schedule, centered=data.centered)
    source = process.noise(data.mask(), generator, dtype=torch.float64)
    state, times = prior_state(process, data.mask(), source), schedule.descending_times(150)
    samples = sample_ancestral(process, data.noise_predictor(process), state, times, source, variance=variance)
    assert_same_distribution(samples, data, bias=0.05)


@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_implicit_sampling_returns_the_distribution_of_the_data(data, generator, assert_same_distribution, eta):
    process = VariancePreserving(schedule=cosine_schedule(1000), centered=data.centered)
    source = process.noise(data.mask(), generator, dtype=torch.float64)
    state, times = prior_state(process, data.mask(), source), process.schedule.descending_times(100)
    samples = sample_implicit(process, data.noise_predictor(process), state, times, source, eta=eta)
    assert_same_distribution(samples, data, bias=0.03)


@pytest.mark.parametrize(("solver", "n_intervals", "bias"), [("euler", 150, 0.05), ("heun", 50, 0.01)])
def test_the_probability_flow_returns_the_distribution_of_the_data(
    data, generator, assert_same_distribution, solver, n_intervals, bias
):
    process = VariancePreserving(schedule=cosine_schedule(1000), centered=data.centered)
    source = process.noise(data.mask(), generator, dtype=torch.float64)
    state, times = prior_state(process, data.mask(), source), process.schedule.descending_times(n_intervals)
    samples = follow_flow(process, data.noise_predictor(process), state, times, solver=solver)
    assert_same_distribution(samples, data, bias=bias)


def test_the_flow_of_a_long_sigmoid_schedule_carries_data_to_noise_and_back(data, generator):
    schedule = sigmoid_schedule(500, smallest_beta=1e-7, largest_beta=2e-2)
    process = VariancePreserving(schedule=schedule, centered=data.centered)
    predict, mask = data.noise_predictor(process), data.mask()
    clean = data.draw(len(mask), generator)
    times = schedule.descending_times(50)[:-1].flip(0)  # from 10 on: at 0 there is no noise to predict
    begin = NoisedState(values=clean, mask=mask, time=torch.full((len(mask),), int(times[0])))
    encoded = follow_flow(process, predict, begin, times)
    alpha, sigma = float(schedule.alpha(times[-1])), float(schedule.sigma(times[-1]))
    wanted = alpha**2 * data.covariance.trace() + sigma**2 * int(process.dimension(mask)[0])
    assert float(torch.cov(data.flat(encoded).T).trace()) == pytest.approx(float(wanted), rel=0.05)
    end = NoisedState(values=encoded, mask=mask, time=torch.full((len(mask),), int(times[-1])))
    assert (follow_flow(process, predict, end, times.flip(0)) - clean).abs().max() < 0.01


def test_heun_follows_the_flow_with_an_error_of_second_order(data, generator):
    process = VariancePreserving(schedule=cosine_schedule(800), centered=data.centered)
    clean = data.draw(50, generator)
    mask, predict = data.mask(50), data.noise_predictor(process)

    def encoded(n_intervals, solver):
        times = torch.arange(0, 401, 400 // n_intervals)
        begin = NoisedState(values=clean, mask=mask, time=torch.zeros(50, dtype=torch.long))
        return follow_flow(process, predict, begin, times, solver=solver)

    exact = encoded(400, "heun")
    for solver, order in (("euler", 1), ("heun", 2)):
        coarse, fine = ((encoded(n, solver) - exact).abs().max() for n in (25, 50))
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.4)


@pytest.mark.parametrize("earlier", [0, 1, 60, 90])
def test_the_ancestral_mean_is_that_of_the_gaussian_posterior(earlier):
    time, earlier = torch.tensor([90, 90]), torch.tensor([earlier, earlier])
    clean, eps = noise(0), noise(1)
    state = NoisedState(values=POLYNOMIAL.noised(clean, eps, time), mask=MASK, time=time)
    moved = ancestral_step(POLYNOMIAL, state, eps, earlier, torch.zeros_like(eps))
    bar, bar_earlier = (float(POLYNOMIAL.schedule.alpha_bar[t[0]]) for t in (time, earlier))
    step = bar / bar_earlier  # equation 7 of Ho et al.
    of_clean = math.sqrt(bar_earlier) * (1 - step) / (1 - bar)
    of_noised = math.sqrt(step) * (1 - bar_earlier) / (1 - bar)
    assert torch.allclose(moved.values, of_clean * clean + of_noised * state.values)
    assert torch.equal(moved.time, earlier)


@pytest.mark.parametrize("variance", ["lower", "upper"])
def test_only_the_step_to_time_zero_adds_no_noise(variance):
    state = NoisedState(values=noise(0), mask=MASK, time=torch.tensor([50, 50]))
    earlier = torch.tensor([0, 10])
    one, other = (
        ancestral_step(POLYNOMIAL, state, noise(1), earlier, noise(seed), variance=variance).values for seed in (2, 3)
    )
    assert torch.equal(one[0], other[0])
    assert not torch.allclose(one[1], other[1], atol=0.01)


def test_an_implicit_step_with_the_true_noise_stays_on_the_line_of_its_pair():
    clean, eps, time, earlier = noise(0), noise(1), torch.tensor([100, 40]), torch.tensor([30, 0])
    state = NoisedState(values=COSINE.noised(clean, eps, time), mask=MASK, time=time)
    moved = implicit_step(COSINE, state, eps, earlier, None)
    assert torch.allclose(moved.values, COSINE.noised(clean, eps, earlier), atol=1e-6)


def test_the_implicit_step_with_eta_1_is_the_ancestral_step_of_lower_variance():
    time, earlier = torch.tensor([100, 40]), torch.tensor([30, 39])
    state = NoisedState(values=noise(0), mask=MASK, time=time)
    one = ancestral_step(POLYNOMIAL, state, noise(1), earlier, noise(2), variance="lower")
    other = implicit_step(POLYNOMIAL, state, noise(1), earlier, noise(2), eta=1.0)
    assert torch.allclose(one.values, other.values)


@pytest.mark.parametrize("process", [COSINE, POLYNOMIAL], ids=["cosine", "polynomial"])
@pytest.mark.parametrize("variance", ["lower", "upper"])
def test_systems_step_at_their_own_times_and_rest_where_time_stands_still(process, variance):
    both = NoisedState(values=noise(0), mask=MASK, time=torch.tensor([0, 80]))
    moved = ancestral_step(process, both, noise(1), torch.tensor([0, 79]), noise(2), variance=variance)
    assert torch.equal(moved.values[0], both.values[0])
    alone = NoisedState(values=noise(0)[1:], mask=MASK[1:], time=torch.tensor([80]))
    one = ancestral_step(process, alone, noise(1)[1:], torch.tensor([79]), noise(2)[1:], variance=variance)
    assert torch.allclose(moved.values[1], one.values[0])
    assert not torch.allclose(moved.values[1], both.values[1], atol=1e-3)


@every_sampler
def test_the_same_seed_gives_the_same_sample_and_another_seed_another(sample):
    def run(seed):
        source = POLYNOMIAL.noise(MASK, torch.Generator().manual_seed(seed))
        return sample(POLYNOMIAL, toy_network, prior_state(POLYNOMIAL, MASK, source), times, source)

    times = POLYNOMIAL.schedule.descending_times(10)
    assert torch.equal(run(4), run(4))
    assert not torch.allclose(run(4), run(5))


@every_sampler
def test_padding_and_centers_stay_at_zero_whatever_the_network_says(sample):
    source = POLYNOMIAL.noise(MASK, torch.Generator().manual_seed(0), dtype=torch.float64)
    times = POLYNOMIAL.schedule.descending_times(10)
    samples = sample(POLYNOMIAL, toy_network, prior_state(POLYNOMIAL, MASK, source), times, source)
    assert (samples[~MASK.bool()] == 0).all()
    assert samples.sum(1).abs().max() < 1e-9
    assert (samples[MASK.bool()] != 0).all()


@every_sampler
def test_samples_turn_with_the_noise(sample):
    times = POLYNOMIAL.schedule.descending_times(10)

    def run(rotation):
        source = given_noise([noise(seed) @ rotation for seed in range(11)])
        return sample(POLYNOMIAL, equivariant_network, prior_state(POLYNOMIAL, MASK, source), times, source)

    assert torch.allclose(run(ROTATION), run(torch.eye(3, dtype=torch.float64)) @ ROTATION, atol=1e-9)


@every_sampler
def test_objects_with_an_axis_of_their_own_are_sampled_as_if_alone(sample):
    mask = MASK.unsqueeze(1).repeat(1, 2, 1)
    times = POLYNOMIAL.schedule.descending_times(10)
    tensors = [noise(seed, mask) for seed in range(11)]

    def run(tensors, mask):
        source = given_noise(tensors)
        return sample(POLYNOMIAL, toy_network, prior_state(POLYNOMIAL, mask, source), times, source)

    together = run(tensors, mask)
    for index in range(2):
        assert torch.allclose(together[:, index], run([tensor[:, index] for tensor in tensors], MASK))


def test_a_walk_with_path_noise_returns_the_distribution_of_the_targets(data, generator, assert_same_distribution):
    path = StraightPath(path_noise=0.7, centered=data.centered)
    mask = data.mask()
    start = data.padded(torch.zeros_like(data.mean).expand(len(mask), -1))  # one start for all targets

    def predict(point, time):
        t = float(time[0])
        if t == 0.0:
            return data.padded(data.mean.expand(len(point), -1))
        return data.clean(t, path.path_noise * math.sqrt(t * (1 - t)))(point)

    source = path.noise(mask, generator, dtype=torch.float64)
    samples = straight_path_steps(path, predict, start, mask, 100, source)
    assert_same_distribution(samples, data, bias=0.06)


def test_a_walk_without_noise_carries_gaussian_starts_to_the_targets(data, generator, assert_same_distribution):
    path = StraightPath(centered=data.centered)
    start = path.noise(data.mask(), generator, dtype=torch.float64)()
    walked = straight_path_steps(
        path, lambda x, time: data.clean(float(time[0]), 1 - float(time[0]))(x), start, data.mask(), 100
    )
    assert_same_distribution(walked, data, bias=0.04)


def test_steps_to_a_known_target_have_the_marginal_of_the_path(generator):
    path, mask = StraightPath(path_noise=0.5), torch.ones(10_000, 3)
    start, target = noise(0, mask[:1]).expand(10_000, 3, 3), noise(1, mask[:1]).expand(10_000, 3, 3)
    source, point, time = path.noise(mask, generator, dtype=torch.float64), start, 0.0
    for later in (0.3, 0.45, 0.8):
        point, time = straight_path_step(path, point, target, time, later, source()), later
        expected = path.point(start, target, torch.zeros_like(start), torch.full((10_000,), later))
        assert (point.mean(0) - expected[0]).abs().max() < 0.01
        spread = float((point - expected).square().sum((1, 2)).mean())
        assert spread == pytest.approx(6 * 0.5**2 * later * (1 - later), rel=0.03)


@pytest.mark.parametrize("path_noise", [0.0, 0.2])
@pytest.mark.parametrize("n_steps", [1, 3, 7])
def test_a_walk_asks_once_a_step_and_ends_exactly_on_the_last_prediction(path_noise, n_steps, generator):
    path, asked = StraightPath(path_noise=path_noise), []

    def predict(point, time):
        asked.append((float(time[0]), centered_noise(MASK, generator)))
        return asked[-1][1]

    walked = straight_path_steps(path, predict, noise(0).float(), MASK, n_steps, path.noise(MASK, generator))
    assert [time for time, _ in asked] == pytest.approx([step / n_steps for step in range(n_steps)])
    assert torch.equal(walked, path.project(asked[-1][1], MASK))


def test_a_walk_turns_with_its_start_and_its_noise():
    path = StraightPath(path_noise=0.3)

    def run(rotation):
        source = given_noise([noise(seed) @ rotation for seed in range(1, 5)])
        return straight_path_steps(path, equivariant_network, noise(0) @ rotation, MASK, 5, source)

    assert torch.allclose(run(ROTATION), run(torch.eye(3, dtype=torch.float64)) @ ROTATION, atol=1e-9)


def test_a_walk_without_path_noise_takes_no_noise_and_repeats():
    first, second = (straight_path_steps(StraightPath(), toy_network, noise(0), MASK, 5) for _ in range(2))
    assert torch.equal(first, second)
    assert (first[~MASK.bool()] == 0).all()
    assert first.sum(1).abs().max() < 1e-9


def test_a_driver_records_no_gradients():
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    walked = straight_path_steps(StraightPath(), lambda x, _: weight * x, noise(0), MASK, 3)
    assert not walked.requires_grad


STATE = NoisedState(values=noise(0), mask=MASK, time=torch.tensor([100, 100]))
LATER = torch.tensor([50, 50])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ancestral_step(COSINE, STATE, noise(1), LATER, noise(2), variance="none"), "give lower or upper"),
        (lambda: implicit_step(COSINE, STATE, noise(1), LATER, noise(2), eta=1.5), "eta is 1.5"),
        (lambda: implicit_step(COSINE, STATE, noise(1), LATER, None, eta=0.5), "give a noise source"),
        (lambda: flow_step(COSINE, toy_network, STATE, LATER, solver="rk4"), "give euler or heun"),
        (lambda: follow_flow(COSINE, toy_network, STATE, torch.tensor([90, 0])), "begin the times"),
        (lambda: follow_flow(COSINE, toy_network, STATE, torch.tensor([100])), "descending_times"),
        (lambda: sample_implicit(COSINE, toy_network, STATE, torch.tensor([100, 50, 60])), "falling row"),
        (lambda: straight_path_step(StraightPath(), noise(0), noise(1), 0.5, 0.5, None), "time < later"),
        (lambda: straight_path_steps(StraightPath(), toy_network, noise(0), MASK, 0), "n_steps is 0"),
        (
            lambda: straight_path_steps(StraightPath(path_noise=0.1), toy_network, noise(0), MASK, 3),
            "path_noise is 0.1",
        ),
    ],
)
def test_impossible_requests_are_refused_with_a_remedy(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()
