"""Steps that a network hangs on, against walks through the network without them."""

from __future__ import annotations

import random

import pytest

from chem.bottlenecks import RAISED_KCAL_MOL, bottlenecks
from chem.network import lowest_passes, way_to
from chem.step_index import easiest_arrivals, index_steps, ways
from tests.chem.steps import step


def found_in(seeds, steps, *, most=1000, highest=float("inf")):
    """Bottlenecks with names in place of numbers."""
    names = sorted({name for one in steps for name in one.reactants + one.products})
    number = {name: place for place, name in enumerate(names)}
    sides = [side for one in steps for side in (one.reactants, one.products)]
    index = index_steps(
        len(names),
        [(one.barrier_forward_kcal_mol, one.barrier_reverse_kcal_mol) for one in steps],
        [len(side) for side in sides],
        [number[name] for side in sides for name in side],
    )
    arrivals = easiest_arrivals(index, [number[seed] for seed in seeds], max_height_kcal_mol=highest)
    on_the_way = ways(index, arrivals, [1 << place for place in range(len(steps))])
    result = bottlenecks(index, arrivals, on_the_way, most=most, max_height_kcal_mol=highest).found
    cut = {
        steps[each.direction >> 1].key: (
            {names[one] for one in each.cut_off},
            {names[one] for one in each.raised},
            each,
        )
        for each in result
    }
    return cut, {names[species]: way for species, way in on_the_way.items()}


LADDER = (
    step("ab", "A", "B", 20.0, 10.0),
    step("bc", "B", "C", 15.0, 30.0),
    step("bd", "B", "D", 5.0, 5.0),
    step("ad", "A", "D", 40.0, 30.0),
)


def test_a_step_that_alone_leads_somewhere_cuts_off_what_lies_behind_it():
    found, _ = found_in("A", LADDER)
    assert found["bc"][:2] == ({"C"}, set())


def test_where_there_is_another_way_the_pass_rises_by_the_difference():
    found, _ = found_in("A", LADDER)
    cut_off, raised, bottleneck = found["ab"]
    assert cut_off == set()
    assert raised == {"B", "C", "D"}  # by A -> D and back to B
    assert bottleneck.largest_rise_kcal_mol == pytest.approx(20.0)  # 40 in place of 20 for B and D
    assert bottleneck.mean_rise_kcal_mol == pytest.approx((20.0 + 15.0 + 20.0) / 3)
    assert (bottleneck.over, bottleneck.highest_of) == (3, 2)  # C is behind the higher step from B


def test_what_is_reached_only_above_the_limit_counts_as_cut_off():
    found, _ = found_in("A", LADDER, highest=30.0)
    assert found["ab"][:2] == ({"B", "C", "D"}, set())


def test_a_step_that_nothing_needs_is_no_bottleneck():
    found, _ = found_in("A", LADDER)
    assert "ad" not in found


@pytest.mark.parametrize("seed", range(30))
def test_a_bottleneck_is_what_a_walk_without_the_step_says(seed):
    chance = random.Random(seed)
    names = "ABCDEFGHIJ"[: chance.randint(3, 10)]

    def side():
        return "".join(chance.choice(names) for _ in range(chance.choice((1, 1, 2))))

    steps = [
        step(f"k{place:02d}", side(), side(), chance.uniform(0, 40), chance.uniform(0, 40))
        for place in range(chance.randint(2, 18))
    ]
    seeds = [name for name in names[:2] if any(name in one.reactants + one.products for one in steps)]
    found, on_the_way = found_in(seeds, steps)
    whole = lowest_passes(seeds, steps)
    expected = {}
    for one in steps:
        without = lowest_passes(seeds, [other for other in steps if other is not one])
        cut_off = {name for name in whole if name not in without}
        rises = {name: without[name].height_kcal_mol - whole[name].height_kcal_mol for name in whole if name in without}
        raised = {name for name, rise in rises.items() if rise > RAISED_KCAL_MOL}
        if cut_off or raised:
            expected[one.key] = cut_off, raised
    assert {key: (cut_off, raised) for key, (cut_off, raised, _) in found.items()} == expected
    for name, way in on_the_way.items():
        taken = {place for place in range(len(steps)) if way.marks >> place & 1}
        assert taken == {[one.key for one in steps].index(key) for key in way_to(name, whole, steps)}


@pytest.mark.parametrize("most", [1, 2, 3])
def test_the_first_few_are_the_first_of_all(most):
    chance = random.Random(7)
    steps = [
        step(f"k{place:02d}", chance.choice("ABCDEFGH"), chance.choice("ABCDEFGH"), chance.uniform(0, 40), 20.0)
        for place in range(16)
    ]
    everything, _ = found_in("A", steps)
    few, _ = found_in("A", steps, most=most)
    assert list(few) == list(everything)[:most]


def test_where_the_work_is_cut_short_that_is_told(monkeypatch):
    numbers = index_steps(3, [(20.0, 10.0), (15.0, 30.0)], [1, 1, 1, 1], [0, 1, 1, 2])
    arrivals = easiest_arrivals(numbers, [0])
    assert bottlenecks(numbers, arrivals, ways(numbers, arrivals, [0, 0]), most=2).is_complete
    monkeypatch.setattr("chem.bottlenecks.MOST_WAYS", 1)
    short = bottlenecks(numbers, arrivals, ways(numbers, arrivals, [0, 0]), most=2)
    assert (short.n_tried, short.is_complete, len(short.found)) == (1, False, 1)
    assert short.found[0].over == 2  # the one that both ways go over


def test_the_highest_step_of_a_way_is_where_its_pass_lies():
    _, on_the_way = found_in("A", LADDER)
    assert (on_the_way["C"].highest_step, on_the_way["C"].depth) == (1, 2)
    assert (on_the_way["D"].highest_step, on_the_way["D"].depth) == (0, 2)
    assert (on_the_way["A"].highest_step, on_the_way["A"].depth) == (None, 0)


def test_a_way_of_two_partners_begins_with_both():
    steps = (step("abc", "AB", "C", 10.0, 5.0),)
    _, on_the_way = found_in("AB", steps)
    assert on_the_way["C"].seeds == {0, 1}
