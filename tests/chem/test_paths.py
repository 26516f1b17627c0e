"""Paths between species: judged by their profile from the start, found in the order of what they cost."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chem.errors import ConfigurationError
from chem.flux import rate_constant
from chem.network import Step, indexed, lowest_passes
from chem.paths import PathCost, lowest_paths


def step(key, before, after, forward, reverse):
    return Step(
        key=key,
        reactants=tuple(before.split("+")),
        products=tuple(after.split("+")),
        barrier_forward_kcal_mol=forward,
        barrier_reverse_kcal_mol=reverse,
    )


# A falls 20 to B over 30, B rises to C over 35 from its well; the detour over D has its saddle at 25 above A.
TWO_WAYS = [
    step("a-b", "A", "B", 30.0, 50.0),
    step("b-c", "B", "C", 35.0, 10.0),
    step("a-d", "A", "D", 20.0, 5.0),
    step("d-c", "D", "C", 18.0, 28.0),
]


def found(steps, start, goal, *, at_hand=(), **given):
    """Paths with the names of their species, and (key, forward) of their steps."""
    known, names, index = indexed(steps, (start, goal))
    hands = [names.index(each) for each in at_hand]
    paths = lowest_paths(index, names.index(start), names.index(goal), at_hand=hands, **given)
    return [Named(path, known, names) for path in paths]


class Named:
    """A path in words."""

    def __init__(self, path, known, names):
        self.cost, self.highest_kcal_mol, self.steps = path.cost, path.highest_kcal_mol, path.steps
        self.species = tuple(names[each] for each in path.species)
        self.keys = [known[each.direction // 2].key for each in path.steps]
        self.is_forward = [each.direction % 2 == 0 for each in path.steps]


def test_the_highest_transition_state_is_measured_from_the_start_not_from_the_well_before_it():
    first, second = found(TWO_WAYS, "A", "C", k=2)
    assert first.keys == ["a-b", "b-c"]
    assert first.cost == pytest.approx(30.0)
    assert [each.saddle_kcal_mol for each in first.steps] == pytest.approx([30.0, 15.0])
    assert second.keys == ["a-d", "d-c"]
    assert second.cost == pytest.approx(33.0)
    assert second.steps[1].before_kcal_mol == pytest.approx(15.0)


def test_the_span_counts_from_the_lowest_point_before_a_transition_state():
    first, second = found(TWO_WAYS, "A", "C", k=2, cost=PathCost.SPAN)
    assert first.keys == ["a-d", "d-c"]
    assert (first.cost, second.cost) == pytest.approx((33.0, 35.0))


def test_the_slowest_rate_is_that_of_the_span():
    (path, _) = found(TWO_WAYS, "A", "C", k=2, cost=PathCost.RATE, temperature_k=500.0)
    assert path.cost == pytest.approx(rate_constant(33.0, 1, 500.0))


def test_a_step_of_two_molecules_is_slower_by_the_share_of_its_partner_within_reach():
    steps = [step("ab", "A+B", "C", 10.0, 30.0)]
    (path,) = found(steps, "A", "C", at_hand=["B"], cost=PathCost.RATE, temperature_k=400.0)
    assert path.cost == pytest.approx(rate_constant(10.0, 2, 400.0))


def test_steps_are_walked_in_reverse_too():
    (path,) = found(TWO_WAYS, "C", "A", k=1)
    assert (path.keys, path.is_forward) == (["b-c", "a-b"], [False, False])
    assert path.cost == pytest.approx(25.0)


def test_a_co_reactant_must_be_there():
    steps = [step("add", "A+W", "B", 10.0, 20.0)]
    assert found(steps, "A", "B") == []
    (path,) = found(steps, "A", "B", at_hand=["W"])
    assert path.cost == pytest.approx(10.0)


def test_what_a_step_makes_on_the_side_may_react_later():
    steps = [step("split", "A", "B+W", 20.0, 10.0), step("add", "B+W", "C", 15.0, 40.0)]
    (path,) = found(steps, "A", "C")
    assert path.species in {("A", "B", "C"), ("A", "W", "C")}
    assert path.cost == pytest.approx(25.0)


def test_two_reactions_between_the_same_species_are_two_paths():
    steps = [step("low", "A", "B", 10.0, 12.0), step("high", "A", "B", 15.0, 17.0)]
    assert [path.keys[0] for path in found(steps, "A", "B", k=5)] == ["low", "high"]


def test_a_path_ends_where_the_goal_is_made():
    steps = [step("split", "A", "B+G", 20.0, 10.0), step("more", "B", "G", 5.0, 5.0)]
    assert [path.keys for path in found(steps, "A", "G", k=5)] == [["split"]]


def test_a_species_without_steps_is_not_reached():
    assert found(TWO_WAYS, "A", "Z") == []


def test_no_path_leads_through_a_species_twice():
    for path in found(TWO_WAYS, "A", "C", k=10):
        assert len(set(path.species)) == len(path.species)
    assert len(found(TWO_WAYS, "A", "C", k=10)) == 2


def test_of_equal_cost_the_shorter_path_comes_first():
    steps = [
        step("a-b", "A", "B", 20.0, 20.0),
        step("b-c", "B", "C", 5.0, 5.0),
        step("a-c", "A", "C", 20.0, 20.0),
    ]
    assert [len(path.steps) for path in found(steps, "A", "C", k=2)] == [1, 2]


@pytest.mark.parametrize(
    ("start", "goal", "k", "message"),
    [("A", "A", 1, "to itself"), ("A", "B", 0, "must be positive")],
)
def test_what_makes_no_sense_is_refused(start, goal, k, message):
    with pytest.raises(ConfigurationError, match=message):
        found(TWO_WAYS, start, goal, k=k)


@st.composite
def networks(draw):
    """A network of six species whose heights belong to energies of species and transition states."""
    energies = draw(st.lists(st.integers(-20, 20), min_size=6, max_size=6))
    pairs = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=12))
    steps = []
    for number, (i, j) in enumerate(pairs):
        if i != j:
            saddle = max(energies[i], energies[j]) + draw(st.integers(1, 40))
            steps.append(step(str(number), f"S{i}", f"S{j}", saddle - energies[i], saddle - energies[j]))
    return [*steps, step("last", "S0", "S5", 200.0 - energies[0], 200.0 - energies[5])]


def every_cost(steps, cost):
    """Costs of all paths from S0 to S5 that meet no species twice, by looking at each."""
    ways = [(each.key, *way) for each in steps for way in each.directions]
    costs = []
    for length in range(5):
        for between in permutations([f"S{n}" for n in range(1, 5)], length):
            chain = ("S0", *between, "S5")
            partial = [(0.0, 0.0, -np.inf)]
            for before, after in pairwise(chain):
                partial = [
                    (energy + height - back, min(lowest, energy + height - back), max(worst, energy + height - base))
                    for energy, lowest, worst in partial
                    for _, reactants, products, height, back in ways
                    if (reactants, products) == ((before,), (after,))
                    for base in [0.0 if cost is PathCost.MINIMAX else lowest]
                ]
            costs += [worst for _, _, worst in partial]
    return sorted(costs)


@settings(max_examples=60, deadline=None)
@given(networks(), st.sampled_from([PathCost.MINIMAX, PathCost.SPAN]))
def test_the_paths_found_are_the_lowest_of_all(steps, cost):
    costs = [path.cost for path in found(steps, "S0", "S5", k=4, cost=cost)]
    assert costs == pytest.approx(every_cost(steps, cost)[:4])


@settings(max_examples=30, deadline=None)
@given(networks())
def test_the_lowest_path_is_the_lowest_pass(steps):
    (path,) = found(steps, "S0", "S5")
    assert path.highest_kcal_mol == pytest.approx(lowest_passes(["S0"], steps)["S5"].height_kcal_mol)
