"""The polish of a candidate, and the estimate of its barrier."""

from __future__ import annotations

import numpy as np
import pytest

from chem.alignment import rmsd
from chem.errors import CalculationError, ConfigurationError
from chem.estimate import estimate_transition_state
from chem.generator import EndPoints
from chem.guess import ClassicalGenerator
from chem.levels import resolve_level
from chem.outcomes import Status
from chem.polish import polish
from chem.potential import GradientCounter, attach
from chem.relax import relax
from chem.saddle import find_saddle
from chem.types import Geometry

LEVEL = resolve_level("gfn2")
NUMBERS = np.array([6, 7, 1])


def energy(geometry):
    return attach(geometry, LEVEL, GradientCounter()).get_potential_energy()


@pytest.fixture(scope="module")
def ends():
    """Hydrogen cyanide and isocyanide, relaxed."""
    reactant, product = (
        relax(Geometry(numbers=NUMBERS, positions=positions), LEVEL, GradientCounter()).geometry
        for positions in (
            [[0, 0, 0], [0, 0, 1.15], [0.05, 0, -1.07]],
            [[0, 0, 0], [0, 0, 1.17], [0.05, 0, 2.17]],
        )
    )
    return EndPoints(reactant=reactant, product=product)


@pytest.fixture(scope="module")
def guess(ends):
    """A classical guess whose spectator bond is stretched."""
    plain = ClassicalGenerator(n_candidates=1).generate([ends])[0][0].geometry
    positions = plain.positions.copy()
    positions[1] += 0.15 * (positions[1] - positions[0]) / np.linalg.norm(positions[1] - positions[0])
    return plain.with_positions(positions)


def test_the_polish_takes_most_of_the_strain_out_and_goes_to_the_saddle_and_not_into_a_minimum(guess, ends):
    found = polish(guess, ends, LEVEL, GradientCounter())
    polished, saddle = found.geometry, find_saddle(guess, LEVEL, GradientCounter())
    assert found.energy_ev == pytest.approx(energy(polished), abs=1e-6)
    assert abs(energy(polished) - saddle.energy_ev) < 0.1 * abs(energy(guess) - saddle.energy_ev)
    assert energy(polished) > max(energy(ends.reactant), energy(ends.product)) + 0.5


def test_how_the_polish_went_is_told(guess, ends):
    found = polish(guess, ends, LEVEL, GradientCounter())
    walk = found.walk
    assert walk.energy_change_ev == pytest.approx(found.energy_ev - energy(guess), abs=1e-6)
    assert walk.energy_change_ev < -0.05
    assert walk.largest_force_ev_per_angstrom < 0.2
    assert walk.lowest_curvature < 0
    assert 0.5 < walk.mode_overlap <= 1.0 + 1e-9
    assert walk.moved_angstrom == pytest.approx(rmsd(found.geometry.positions, guess.positions))


@pytest.mark.parametrize("most", [0, 1, 5])
def test_the_polish_spends_no_more_gradient_calls_than_it_may(guess, ends, most):
    counter = GradientCounter()
    polished = polish(guess, ends, LEVEL, counter, max_calls=most)
    assert counter.calls == max(1, most)  # of what is not polished the energy alone
    assert (polished.walk is None) == (most == 0)


def test_a_polish_that_ends_between_two_steps_gives_the_last_whole_step(guess, ends):
    """One call is the start's gradient; the next look for the lowest mode at displaced atoms."""
    polished = polish(guess, ends, LEVEL, GradientCounter(), max_calls=2)
    np.testing.assert_allclose(polished.geometry.positions, guess.positions, atol=1e-12)


def test_a_polish_of_negative_length_is_bad_input(guess, ends):
    with pytest.raises(ConfigurationError, match="-1"):
        polish(guess, ends, LEVEL, GradientCounter(), max_calls=-1)


def test_the_budget_of_the_whole_calculation_ends_a_polish_with_an_error(guess, ends):
    with pytest.raises(CalculationError) as caught:
        polish(guess, ends, LEVEL, GradientCounter(budget=3))
    assert caught.value.kind == "budget"


def test_an_estimate_is_the_energy_of_the_polished_candidate_above_both_ends_and_nothing_more(guess, ends):
    counter = GradientCounter()
    state = estimate_transition_state(guess, ends, LEVEL, counter)
    assert state.verdict.status is Status.ESTIMATED
    assert state.barrier.forward_ev == pytest.approx(energy(state.geometry) - energy(ends.reactant), abs=1e-5)
    assert state.barrier.reverse_ev == pytest.approx(energy(state.geometry) - energy(ends.product), abs=1e-5)
    assert counter.calls <= 15 + 2
    assert state.walk is not None


def test_a_candidate_whose_atom_has_flown_off_gives_no_estimate(guess, ends):
    positions = guess.positions.copy()
    positions[2] += [3.0, 0.0, 0.0]  # at 4 its field converges on some processors only
    with pytest.raises(CalculationError, match="cannot be believed") as caught:
        estimate_transition_state(
            guess.with_positions(positions), ends, LEVEL, GradientCounter(), polish_gradient_calls=0
        )
    assert caught.value.kind == "broken"


def test_a_candidate_below_an_end_gives_no_estimate(ends):
    """Isocyanide lies far above cyanide: relaxed cyanide as a candidate is below it."""
    with pytest.raises(CalculationError, match="below an end") as caught:
        estimate_transition_state(ends.reactant, ends, LEVEL, GradientCounter(), polish_gradient_calls=0)
    assert caught.value.kind == "below_end"
