"""Noise."""

from __future__ import annotations

import pytest
import torch

from chem.errors import ConfigurationError
from models.diffusion.noise import (
    centered_noise,
    degrees_of_freedom,
    given_noise,
    masked_noise,
    noise_source,
    projected,
    rademacher_probes,
)

MASK = torch.tensor([[1.0, 1, 1, 1, 0], [1, 1, 0, 0, 0]])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_centered_noise_has_zero_masked_mean_and_unit_variance_in_its_subspace():
    mask = MASK.repeat(20_000, 1)
    noise = centered_noise(mask, generator(), dtype=torch.float64)
    assert noise.sum(1).abs().max() < 1e-12
    squares = noise.square().sum((1, 2)).unflatten(0, (-1, 2)).mean(0)  # chi-squared: its mean is the dimension
    assert squares.tolist() == pytest.approx([9.0, 3.0], rel=0.02)
    covariance = torch.cov(noise[::2, :4, 0].T)
    assert (covariance - (torch.eye(4) - 0.25)).abs().max() < 0.03


def test_padding_holds_no_noise():
    mask = MASK.bool()
    for noise in (masked_noise(mask, generator()), centered_noise(mask, generator())):
        assert (noise[~mask] == 0).all()
        assert (noise[mask] != 0).all()


def test_projection_forgets_what_stands_in_the_padding():
    values = torch.randn(2, 5, 3, generator=generator())
    spoilt = torch.where(MASK.bool()[..., None], values, torch.nan)
    assert torch.equal(projected(spoilt, MASK, centered=True), projected(values, MASK, centered=True))


def test_each_object_of_a_system_is_centered_for_itself():
    noise = centered_noise(torch.stack([MASK, MASK.flip(0)], dim=1), generator(), dtype=torch.float64)
    assert noise.shape == (2, 2, 5, 3)
    assert noise.sum(-2).abs().max() < 1e-12


def test_centering_takes_three_degrees_of_freedom():
    assert degrees_of_freedom(MASK, centered=False).tolist() == [12, 6]
    assert degrees_of_freedom(MASK, centered=True).tolist() == [9, 3]


def test_one_seed_gives_one_noise_and_a_source_goes_on():
    first, second = (noise_source(MASK, generator(5), centered=True) for _ in range(2))
    drawn = first()
    assert torch.equal(drawn, second())
    assert not torch.equal(drawn, first())


def test_probes_are_signs_with_unit_covariance():
    probes = rademacher_probes(20_000, MASK, generator())
    assert set(probes.unique().tolist()) == {-1.0, 0.0, 1.0}
    atoms = probes[:, 1, :2].flatten(1)
    assert (atoms.T @ atoms / len(atoms) - torch.eye(6)).abs().max() < 0.04
    with pytest.raises(ConfigurationError, match="n_probes is 0"):
        rademacher_probes(0, MASK, generator())


def test_given_noise_comes_in_order_and_ends_with_an_error():
    tensors = [torch.zeros(1, 2, 3), torch.ones(1, 2, 3)]
    source = given_noise(tensors)
    assert [source(), source()] == tensors
    with pytest.raises(ConfigurationError, match="used up"):
        source()
