import json
from datetime import UTC, datetime

import pytest

from chem.outcomes import Status
from report.content import ReactionEntry, ReportContent, SpeciesEntry, State
from report.paths import easiest_path, passes_from, path_to, usable
from report.records import path_record
from report.selection import drawing_sizes, heights_above_seeds, ranked


def step(key, reactants, products, forward, reverse, verdict=Status.PASSED, level="GFN2-xTB"):
    return ReactionEntry(
        key=key,
        reactants=tuple(reactants.split()),
        products=tuple(products.split()),
        barrier_forward_kcal_mol=forward,
        barrier_reverse_kcal_mol=reverse,
        verdict=verdict,
        level=level,
    )


NETWORK = (
    step("direct", "a", "d", 60.0, 50.0),
    step("one", "a", "b", 20.0, 10.0),
    step("two", "b", "c e", 25.0, 15.0, Status.ESTIMATED),
    step("three", "d", "c", 10.0, 40.0, level="b3lyp/def2-svp"),  # taken backwards
    step("joint", "c e", "f", 1.0, 30.0),
    step("wrong", "a", "c", 1.0, 1.0, Status.FAILED),
    step("alone", "x", "y", 1.0, 1.0),
)


def network(seeds=("a",), reactions=NETWORK):
    keys = dict.fromkeys(key for each in reactions for key in (*each.reactants, *each.products))
    species = tuple(SpeciesEntry(key=key, smiles=key.upper(), formula="C") for key in keys)
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return ReportContent(title="", created=created, level="", seeds=seeds, species=species, reactions=reactions)


def test_the_path_with_the_lowest_highest_transition_state_is_found_and_adds_up():
    path = easiest_path(["a"], "c", usable(NETWORK))
    assert [each.reaction.key for each in path.steps] == ["one", "two"]
    assert [each.start_kcal_mol for each in path.steps] == [0.0, 10.0]
    assert path.height_kcal_mol == 35.0


def test_a_path_goes_against_a_reaction_with_its_barriers_the_other_way_round():
    path = easiest_path(["a"], "d", [each for each in usable(NETWORK) if each.key != "direct"])
    last = path.steps[-1]
    assert (last.reaction.key, last.is_reverse) == ("three", True)
    assert (last.barrier_kcal_mol, last.barrier_back_kcal_mol) == (40.0, 10.0)
    assert path.height_kcal_mol == 60.0


def test_what_a_step_takes_is_made_before_it_and_no_step_is_taken_twice():
    path = easiest_path(["a"], "f", usable(NETWORK))
    assert [each.reaction.key for each in path.steps] == ["one", "two", "joint"]


SIDE = (
    step("1 splits", "a", "b c", 40.0, 10.0),  # 30 above a, with c on the side
    step("2 away", "a", "d", 20.0, 30.0),
    step("3 c once more", "d", "c e", 25.0, 30.0),  # c by itself is reached lower this way
)


def test_what_a_step_makes_on_the_side_is_not_made_once_more():
    joint = step("4 joint", "b c", "f", 5.0, 20.0)
    path = easiest_path(["a"], "f", usable((*SIDE, joint)))
    assert [each.reaction.key for each in path.steps] == ["1 splits", "4 joint"]
    assert path.height_kcal_mol == 40.0
    assert easiest_path(["a"], "c", usable((*SIDE, joint))).height_kcal_mol == 20.0


def test_a_partner_that_lies_too_high_on_the_side_comes_by_its_own_way():
    early = step("0 early", "a", "b", 10.0, 5.0)  # b is reached at 5, but c on the side only at 30
    joint = step("4 joint", "b c", "f", 5.0, 20.0)
    path = easiest_path(["a"], "f", usable((early, *SIDE, joint)))
    assert [each.reaction.key for each in path.steps] == ["0 early", "2 away", "3 c once more", "4 joint"]
    assert path.height_kcal_mol == 20.0


def test_no_path_takes_a_barrier_whose_check_failed_or_leads_where_nothing_leads():
    assert all(each.key != "wrong" for each in usable(NETWORK))
    assert easiest_path(["a"], "y", usable(NETWORK)) is None
    assert easiest_path(["c"], "f", usable(NETWORK)) is not None
    assert (
        easiest_path(["d"], "f", [each for each in NETWORK if each.key in ("three", "joint")]) is None
    )  # e is missing


def test_a_path_is_as_sure_as_its_weakest_step_and_names_its_levels():
    path = easiest_path(["a"], "c", usable(NETWORK))
    assert path.verdict is Status.ESTIMATED
    only = usable(NETWORK, states={State.PASSED})
    assert easiest_path(["a"], "c", only).verdict is Status.PASSED
    assert easiest_path(["a"], "c", only).level == "GFN2-xTB, b3lyp/def2-svp"
    record = path_record(path, {"a": "A"})
    assert record["verdict"] == "estimated"
    assert all(each["verdict"] and each["level"] for each in record["steps"])
    json.dumps(record)


def test_a_chain_of_thousands_of_steps_is_followed():
    chain = [step(f"{i:05d}", f"s{i}", f"s{i + 1}", 10.0, 10.0) for i in range(3_000)]
    passes = passes_from(["s0"], chain)
    assert len(path_to("s3000", passes, chain).steps) == 3_000


def test_reactions_low_above_the_seeds_are_drawn_first_whatever_their_own_barrier():
    order, reached = ranked(network())
    assert [each.key for each in order] == ["one", "two", "joint", "direct", "three", "alone", "wrong"]
    assert reached == 5
    assert heights_above_seeds(network())["three"][0] == pytest.approx(60.0)


def test_without_seeds_the_lowest_barriers_are_drawn_first():
    order, reached = ranked(network(seeds=()))
    assert reached == 0
    barriers = [each.barrier_forward_kcal_mol for each in order]
    assert barriers == sorted(barriers)


def test_small_networks_are_drawn_whole():
    assert drawing_sizes(5) == (5,)
    assert drawing_sizes(87) == (8, 16, 30, 60, 87)
    assert drawing_sizes(10_000) == (8, 16, 30, 60, 120, 240)
