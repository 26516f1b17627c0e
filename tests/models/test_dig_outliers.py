"""How likely structures are given their bonds, in one number that needs no flow."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from chem.perception import perceive_graph
from chem.types import Geometry
from models.diffusion.noise import centered_noise
from models.dig import Dig, DigConfig
from models.dig_outliers import likelihood_per_degree_of_freedom, log_likelihood_bound
from models.dig_sampling import slope_of
from models.structure_batch import StructureArrays, collate_structures

WIDTH = 0.6  # Angstrom


@pytest.fixture
def structures(reactions):
    """Vinyl alcohol, formaldehyde and a chiral amine."""
    return [StructureArrays(numbers=each.numbers, positions=each.ends[0]) for each in reactions.values()]


@pytest.fixture
def graphs(structures):
    return [perceive_graph(Geometry(numbers=each.numbers, positions=each.positions)) for each in structures]


@pytest.fixture
def model(tiny_config):
    torch.manual_seed(0)
    return Dig(DigConfig(backbone=tiny_config.backbone)).eval().requires_grad_(requires_grad=False)


@pytest.fixture
def gaussian(tiny_config):
    """The exact network of atoms that are Gaussian about one point."""

    class Exact(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.config = DigConfig(backbone=tiny_config.backbone)
            self.nothing = torch.nn.Parameter(torch.zeros(1))

        def forward(self, some, values, time):
            alpha, sigma = self.config.process.coefficients(time, values)
            width = WIDTH / self.config.scale_angstrom
            return sigma * values / (alpha.square() * width**2 + sigma.square()) * some.mask.unsqueeze(-1)

    return Exact()


def test_the_bound_of_a_network_that_knows_all_is_the_density(gaussian, structures):
    batch = collate_structures(structures, torch.float64)
    some = replace(
        batch, positions=WIDTH * centered_noise(batch.mask, torch.Generator().manual_seed(0), dtype=torch.float64)
    )
    dimension = 3.0 * (some.mask.sum(-1) - 1)
    exact = -0.5 * some.positions.square().sum((-1, -2)) / WIDTH**2 - dimension * math.log(WIDTH * (2 * math.pi) ** 0.5)
    draws = torch.stack([log_likelihood_bound(gaussian, some, n_times=100, seed=seed) for seed in range(20)])
    assert torch.allclose(draws.mean(0) / dimension, exact / dimension, atol=0.03)


def test_the_bound_of_a_network_that_knows_less_is_lower(gaussian, structures):
    batch = collate_structures(structures, torch.float64)
    best = log_likelihood_bound(gaussian, batch, n_times=50)
    known = gaussian.forward
    gaussian.forward = lambda some, values, time: 0.7 * known(some, values, time)
    assert bool((log_likelihood_bound(gaussian, batch, n_times=50) < best).all())


def test_what_lies_beside_a_structure_does_not_change_how_likely_it_is(model, graphs, structures):
    pairs = [(graph, each.positions) for graph, each in zip(graphs, structures, strict=True)]
    together = likelihood_per_degree_of_freedom(model, pairs)
    alone = [likelihood_per_degree_of_freedom(model, [pair])[0] for pair in pairs]
    assert together == pytest.approx(alone, abs=1e-4)
    assert likelihood_per_degree_of_freedom(model, pairs) == together


def test_bonds_matter_and_strangers_have_no_likelihood(model, graphs, structures):
    graph, positions = graphs[0], structures[0].positions
    told = replace(graph.without_stereo(), bonds=frozenset(sorted(graph.bonds)[1:]))
    charged = replace(graph.without_stereo(), charge=2)
    strange = replace(graph.without_stereo(), numbers=(16, *graph.numbers[1:]), multiplicity=1)
    found = likelihood_per_degree_of_freedom(
        model, [(graph, positions), (told, positions), (charged, positions), (strange, positions)]
    )
    assert found[0] != pytest.approx(found[1], abs=1e-6)
    assert found[2:] == [None, None]
    atom = replace(graph.without_stereo(), numbers=(2,), bonds=frozenset())
    assert likelihood_per_degree_of_freedom(model, [(atom, np.zeros((1, 3)))]) == [None]


def test_the_slope_of_a_preference_is_that_of_the_expected_structure(gaussian, structures):
    """For Gaussian data the expected structure is a multiple of the noised one, and so is the slope of its square."""
    batch = collate_structures(structures, torch.float64)
    times = torch.full((len(batch),), 500)
    slope = slope_of(gaussian, batch, lambda positions: 0.5 * positions.square().sum((-1, -2)))
    config = gaussian.config
    alpha, sigma = config.process.coefficients(times, batch.positions)
    width = WIDTH / config.scale_angstrom
    expected = alpha * width**2 / (alpha.square() * width**2 + sigma.square()) * batch.positions
    assert torch.allclose(slope(batch.positions, times), alpha * config.scale_angstrom**2 * expected)
