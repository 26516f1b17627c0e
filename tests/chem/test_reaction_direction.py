"""Which way atoms move in a reaction: told from its ends, and where it matters, from its saddle point."""

from __future__ import annotations

import numpy as np
import pytest

from chem.generator import EndPoints
from chem.levels import resolve_level
from chem.potential import GradientCounter
from chem.reaction_direction import reaction_direction
from chem.saddle import find_saddle
from chem.types import Geometry

LEVEL = resolve_level("gfn2")
CYANIDE, ISOCYANIDE = [[0, 0, 0], [0, 0, 1.15], [0.05, 0, -1.07]], [[0, 0, 0], [0, 0, 1.17], [0.05, 0, 2.17]]
BETWEEN = np.array([[0, 0, 0], [0, 0, 1.19], [1.15, 0, 0.35]])
ENDS = EndPoints(
    reactant=Geometry(numbers=[6, 7, 1], positions=CYANIDE), product=Geometry(numbers=[6, 7, 1], positions=ISOCYANIDE)
)


def test_the_breaking_bond_grows_and_the_forming_one_shrinks():
    moved = reaction_direction(BETWEEN, ENDS)
    assert np.linalg.norm(moved) == pytest.approx(1.0)
    before, after = BETWEEN - 0.05 * moved, BETWEEN + 0.05 * moved

    def length(positions, i, j):
        return np.linalg.norm(positions[i] - positions[j])

    assert length(after, 0, 2) > length(before, 0, 2) + 0.02
    assert length(after, 1, 2) < length(before, 1, 2) - 0.02


def test_the_reverse_reaction_goes_the_other_way():
    back = EndPoints(reactant=ENDS.product, product=ENDS.reactant)
    np.testing.assert_allclose(reaction_direction(BETWEEN, back), -reaction_direction(BETWEEN, ENDS), atol=1e-9)


def test_the_direction_turns_with_the_molecule_and_follows_the_order_of_the_atoms():
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    plain = reaction_direction(BETWEEN, ENDS)
    np.testing.assert_allclose(reaction_direction(BETWEEN @ rotation + 3.0, ENDS), plain @ rotation, atol=1e-9)
    order = [2, 0, 1]
    sides = [
        Geometry(numbers=end.numbers[order], positions=end.positions[order]) for end in (ENDS.reactant, ENDS.product)
    ]
    permuted = reaction_direction(BETWEEN[order], EndPoints(reactant=sides[0], product=sides[1]))
    np.testing.assert_allclose(permuted, plain[order], atol=1e-9)


def test_a_reaction_without_changing_bonds_has_no_direction():
    assert reaction_direction(BETWEEN, EndPoints(reactant=ENDS.reactant, product=ENDS.reactant)) is None


def test_a_search_along_the_direction_ends_in_the_same_saddle_for_fewer_gradients():
    guess = ENDS.reactant.with_positions(BETWEEN)
    counters = [GradientCounter(), GradientCounter()]
    plain = find_saddle(guess, LEVEL, counters[0])
    along = find_saddle(guess, LEVEL, counters[1], direction=reaction_direction(BETWEEN, ENDS))
    assert along.energy_ev == pytest.approx(plain.energy_ev, abs=1e-3)
    assert counters[1].calls < counters[0].calls
