"""Mass-action kinetics of a network."""

from __future__ import annotations

import numpy as np
import pytest

from chem.errors import ConfigurationError
from chem.flux import CONTACT_VOLUME_L_PER_MOL, Conditions, rate_constant, simulate
from tests.chem.steps import step

HOUR_AT_500_K = Conditions()
RT_KCAL_MOL = 0.0019872043 * 500.0


def test_a_first_order_reaction_leaves_what_the_exponential_law_says():
    height = 32.0
    rate = rate_constant(height, 1, 500.0)
    flux = simulate(["A"], [step("ab", "A", "B", height, 90.0)], Conditions(time_s=1.0 / rate))
    assert flux.final_shares["A"] == pytest.approx(np.exp(-1.0), rel=1e-4)
    assert flux.steps["ab"].net == pytest.approx(1.0 - np.exp(-1.0), rel=1e-4)


def test_a_rate_constant_is_eyrings_and_falls_tenfold_for_each_rt_ln_10_of_height():
    assert rate_constant(0.0, 1, 500.0) == pytest.approx(1.0418e13, rel=1e-3)
    assert rate_constant(20.0, 1, 500.0) / rate_constant(20.0 + RT_KCAL_MOL * np.log(10.0), 1, 500.0) == pytest.approx(
        10.0, rel=1e-4
    )
    assert rate_constant(20.0, 2, 500.0) == pytest.approx(CONTACT_VOLUME_L_PER_MOL * rate_constant(20.0, 1, 500.0))


def test_a_fast_equilibrium_ends_at_its_constant_and_keeps_its_net_turns():
    flux = simulate(["A"], [step("ab", "A", "B", 3.0, 5.0)], HOUR_AT_500_K)
    constant = np.exp(2.0 / RT_KCAL_MOL)
    share = constant / (1.0 + constant)
    assert flux.final_shares["B"] == pytest.approx(share, rel=1e-4)
    assert flux.steps["ab"].net == pytest.approx(share, rel=1e-4)
    assert flux.steps["ab"].forward > 1e10  # of which the net turns are one part in as many


def test_two_parallel_fast_steps_make_a_species_once():
    parallel = [step("low", "A", "B", 3.0, 3.0), step("high", "A", "B", 5.0, 5.0)]
    flux = simulate(["A"], parallel, HOUR_AT_500_K)
    assert flux.shares["B"] == pytest.approx(0.5, rel=1e-3)
    assert flux.steps["low"].net + flux.steps["high"].net == pytest.approx(0.5, rel=1e-6)


def test_an_intermediate_counts_with_what_passed_through_it_not_with_what_stays():
    flux = simulate(["A"], [step("ab", "A", "B", 30.0, 40.0), step("bc", "B", "C", 5.0, 60.0)], HOUR_AT_500_K)
    assert flux.final_shares["B"] < 1e-8
    assert flux.shares["B"] == pytest.approx(1.0, rel=1e-3)


def test_branching_between_two_ways_follows_the_difference_of_their_heights():
    flux = simulate(["A"], [step("ab", "A", "B", 20.0, 60.0), step("ac", "A", "C", 23.0, 60.0)], HOUR_AT_500_K)
    assert flux.final_shares["B"] / flux.final_shares["C"] == pytest.approx(np.exp(3.0 / RT_KCAL_MOL), rel=1e-3)


def test_detailed_balance_holds_around_a_ring_of_steps():
    ring = [step("ab", "A", "B", 10.0, 11.0), step("bc", "B", "C", 8.0, 10.0), step("ca", "C", "A", 13.0, 10.0)]
    flux = simulate(["A"], ring, HOUR_AT_500_K)
    assert flux.final_shares["B"] / flux.final_shares["A"] == pytest.approx(np.exp(1.0 / RT_KCAL_MOL), rel=1e-4)
    assert flux.final_shares["C"] / flux.final_shares["A"] == pytest.approx(np.exp(3.0 / RT_KCAL_MOL), rel=1e-4)


def test_two_molecules_react_by_the_second_order_law_and_matter_is_kept():
    rate = rate_constant(30.0, 2, 500.0)
    flux = simulate(["A"], [step("aab", "AA", "B", 30.0, 200.0)], Conditions(time_s=1.0 / rate))
    assert flux.final_shares["A"] == pytest.approx(1.0 / 3.0, rel=1e-4)  # 1 / (1 + 2 k t)
    assert flux.final_shares["A"] + 2.0 * flux.final_shares["B"] == pytest.approx(1.0, rel=1e-6)


def test_a_barrier_below_zero_is_none_and_keeps_the_equilibrium():
    below = simulate(["A"], [step("ab", "A", "B", -3.0, 1.0)], HOUR_AT_500_K)
    shifted = simulate(["A"], [step("ab", "A", "B", 0.0, 4.0)], HOUR_AT_500_K)
    assert below.final_shares["B"] == pytest.approx(shifted.final_shares["B"])


def test_without_reactions_the_seeds_stay():
    flux = simulate(["A", "B"], [], HOUR_AT_500_K)
    assert flux.shares == {"A": 0.5, "B": 0.5}


def test_conditions_must_be_positive():
    with pytest.raises(ConfigurationError, match="temperature_k must be positive"):
        Conditions(temperature_k=0.0)
