"""The compiled walk beside the plain one, on networks with steps of several molecules and energies that clash."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chem import step_index
from chem.step_index import easiest_arrivals, index_steps


@st.composite
def networks(draw):
    n_species = draw(st.integers(2, 8))
    n_steps = draw(st.integers(1, 14))
    height = st.integers(0, 12).map(float)
    heights = draw(st.lists(st.tuples(height, height), min_size=n_steps, max_size=n_steps))
    side = st.lists(st.integers(0, n_species - 1), min_size=1, max_size=3)
    sides = [draw(side) for _ in range(2 * n_steps)]
    lengths = np.array([len(each) for each in sides]).reshape(-1, 2)
    taken = [number for each in sides for number in each]
    index = index_steps(n_species, heights, lengths, taken)
    seeds = draw(st.lists(st.integers(0, n_species - 1), min_size=1, max_size=3))
    return index, seeds, draw(st.sampled_from([3.0, 9.0, math.inf]))


@settings(max_examples=150, deadline=None)
@given(networks())
def test_the_compiled_walk_is_the_plain_one(network):
    index, seeds, highest = network
    plain = easiest_arrivals(index, seeds, max_height_kcal_mol=highest)
    before, step_index.COMPILED_FROM = step_index.COMPILED_FROM, 0
    try:
        compiled = easiest_arrivals(index, seeds, max_height_kcal_mol=highest)
    finally:
        step_index.COMPILED_FROM = before
    assert list(compiled.items()) == list(plain.items())
