"""What is explored next."""

from __future__ import annotations

import pytest

from chem.errors import ConfigurationError
from chem.growth import GrowthSettings, Strategy, is_small_enough, likeness_to, nearest, worth_expanding
from chem.identity import split_species
from chem.smiles import parse_smiles
from tests.chem.steps import step


def species(smiles):
    (only,) = split_species(parse_smiles(smiles))
    return only


STEPS = (
    step("ab", "A", "B", 28.0, 50.0),
    step("ac", "A", "C", 45.0, 50.0),
    step("bd", "B", "D", 38.0, 60.0),
    step("de", "D", "E", 90.0, 20.0),
)


def test_breadth_takes_everything_that_is_reached():
    assert worth_expanding(["A"], STEPS, GrowthSettings()) == set("ABCDE")


def test_the_barrier_limits_single_steps_and_the_pass_the_whole_way():
    assert worth_expanding(["A"], STEPS, GrowthSettings(), max_barrier_kcal_mol=40.0) == set("ABD")
    assert worth_expanding(["A"], STEPS, GrowthSettings(max_pass_kcal_mol=30.0)) == set("ABD")
    assert worth_expanding(["A"], STEPS, GrowthSettings(max_pass_kcal_mol=46.0)) == set("ABCDE")


def test_kinetics_takes_what_the_seeds_turn_into_within_the_time():
    cold = GrowthSettings(strategy=Strategy.KINETIC, temperature_k=400.0)
    hot = GrowthSettings(strategy=Strategy.KINETIC, temperature_k=800.0)
    assert worth_expanding(["A"], STEPS, cold) == set("AB")
    assert worth_expanding(["A"], STEPS, hot) == set("ABD")


def test_a_share_of_nearly_nothing_lets_slow_ways_in():
    patient = GrowthSettings(strategy=Strategy.KINETIC, smallest_share=1e-9)
    assert "C" in worth_expanding(["A"], STEPS, patient)


def test_a_seed_is_always_worth_expanding():
    assert worth_expanding(["A"], [], GrowthSettings(strategy=Strategy.KINETIC)) == {"A"}


def test_the_goal_comes_first_and_what_resembles_it_next():
    known = [species(each) for each in ("C=O", "OC1CCOO1", "C=CC=O", "OCCC=O", "CCO")]
    ordered = nearest(known, "C=CC=O", most=3)
    assert ordered[0].smiles == "C=CC=O"
    assert "CCO" not in {each.smiles for each in ordered}
    assert likeness_to("C=CC=O", ["C=CC=O"]) == {"C=CC=O": 1.0}


def test_hydrogen_does_not_count_as_a_heavy_atom():
    assert is_small_enough(species("CCO"), GrowthSettings(maximum_heavy_atoms=3))
    assert not is_small_enough(species("CCO"), GrowthSettings(maximum_heavy_atoms=2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategy": Strategy.GOAL}, "needs a target"),
        ({"target": "C=O"}, "needs a target"),
        ({"smallest_share": 0.0}, "smallest_share"),
        ({"time_s": -1.0}, "time_s must be positive"),
        ({"maximum_heavy_atoms": 0}, "maximum_heavy_atoms must be positive"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises(ConfigurationError, match=message):
        GrowthSettings(**wrong)
