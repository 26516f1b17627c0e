"""What is verified first is what would change the answer."""

from __future__ import annotations

from chem.growth import GrowthSettings, Strategy
from chem.network import Step
from tasks.stakes import Stakes


def step(key, after, barrier, error=None, before="seed"):
    return Step(
        key=key,
        reactants=(before,),
        products=(after,),
        barrier_forward_kcal_mol=barrier,
        barrier_reverse_kcal_mol=barrier,
        error_bar_95_kcal_mol=error,
    )


# Two ways to `a`, of which the second could be the lower one, and a way out of `b` that nobody reaches.
NETWORK = [
    step("certain", "a", 25.0),
    step("rival", "a", 28.0, 10.0),
    step("hopeless", "a", 80.0, 10.0),
    step("apart", "c", 20.0, 10.0, before="b"),
]


def first_to_last(growth, steps=NETWORK):
    places = Stakes(seeds=("seed",), growth=growth).places(steps)
    return sorted(places, key=lambda key: (places[key], key))


def test_a_rival_of_the_lowest_pass_comes_before_what_cannot_undercut_it():
    assert first_to_last(GrowthSettings()) == ["rival", "apart", "hopeless"]


def test_in_a_kinetic_campaign_the_step_that_may_carry_flux_comes_first():
    assert first_to_last(GrowthSettings(strategy=Strategy.KINETIC))[0] == "rival"


def test_certain_steps_have_no_place():
    assert "certain" not in first_to_last(GrowthSettings())
