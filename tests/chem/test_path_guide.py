"""What a large network tells of a path beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from chem.path_guide import PathGuide
from chem.paths import lowest_paths
from chem.step_index import easiest_arrivals, index_steps


def network(seed, n_species=60, n_steps=200):
    """Isomers whose heights belong to energies of species and transition states."""
    rng = np.random.default_rng(seed)
    energies = rng.normal(0.0, 20.0, n_species)
    pairs = rng.integers(0, n_species, (n_steps, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    saddles = energies[pairs].max(axis=1) + rng.exponential(30.0, len(pairs))
    return index_steps(n_species, saddles[:, None] - energies[pairs], np.ones_like(pairs), pairs.reshape(-1))


@pytest.mark.parametrize("seed", range(4))
def test_the_hint_is_the_height_of_the_lowest_pass(seed):
    index = network(seed)
    guide = PathGuide(index)
    for start, goal in ((0, 1), (2, 3), (7, 5)):
        height, steps = guide.hint(start, goal)
        assert height == pytest.approx(easiest_arrivals(index, [start])[goal].height_kcal_mol, abs=1e-5)
        assert steps[goal] == 0
        assert steps[start] >= 1


@pytest.mark.parametrize("seed", range(4))
def test_a_guided_search_finds_the_same_costs(seed):
    index = network(seed)
    guide = PathGuide(index)
    for start, goal in ((0, 1), (2, 3), (7, 5)):
        plain = [path.cost for path in lowest_paths(index, start, goal, k=4)]
        assert [path.cost for path in lowest_paths(index, start, goal, k=4, guide=guide)] == pytest.approx(plain)


@pytest.mark.parametrize("seed", range(3))
def test_a_guided_search_prefers_few_steps_where_all_cost_the_same(seed):
    index = network(seed)
    (path,) = lowest_paths(index, 0, 1, guide=PathGuide(index))
    height, _ = PathGuide(index).hint(0, 1)
    others = [each for each in lowest_paths(index, 0, 1, k=8) if each.cost <= height]
    assert len(path.steps) == min(len(each.steps) for each in others)


def test_a_species_that_nothing_leads_to_has_no_hint():
    index = index_steps(3, [(10.0, 12.0)], [(1, 1)], [0, 1])
    assert PathGuide(index).hint(0, 2) is None
    assert PathGuide(index).hint(2, 0) is None
    assert PathGuide(index).hint(0, 1) is not None


def test_a_step_of_two_molecules_counts_where_the_other_is_at_hand():
    index = index_steps(3, [(10.0, 12.0)], [(2, 1)], [0, 1, 2])
    assert PathGuide(index).hint(0, 2) is None
    assert PathGuide(index, frozenset({1})).hint(0, 2) is not None


def test_a_guide_finds_lowest_paths_of_more_steps_than_are_looked_at_otherwise():
    n = 70
    chain = [(number, number + 1) for number in range(n - 1)]
    index = index_steps(
        n, [(10.0, 10.0)] * len(chain), [(1, 1)] * len(chain), [each for pair in chain for each in pair]
    )
    assert lowest_paths(index, 0, n - 1) == []
    (path,) = lowest_paths(index, 0, n - 1, guide=PathGuide(index))
    assert len(path.steps) == n - 1
    assert path.cost == 10.0
