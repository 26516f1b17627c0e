"""Reactions of a species in the direction away from it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event, text

from chem.barrierless import BarrierlessStep
from chem.branching import branching
from chem.endpoints import PreparedReaction
from chem.outcomes import Status
from chem.units import kcal_mol
from db.campaigns import add_campaign, add_reaction_members
from db.engine import reading, writing
from db.neighbours import leaving_steps, neighbours
from db.queries import reactions
from db.results import Estimate, add_estimates, record_preparation, record_search
from db.species_names import named_species
from db.store import add_reactions
from db.tables import CalculationKind
from db.work import claim, enqueue


def away(engine, smiles, **conditions):
    with reading(engine) as session:
        return neighbours(session, *named_species(session, [smiles]), **conditions)


@pytest.fixture
def found(engine, network, search):
    """The shift proved, the decay found on the way, a campaign of the decay alone."""
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "first", ["decay"], round_number=0)


def test_a_reaction_is_written_away_from_the_species_whichever_way_it_is_stored(engine, network, found):
    (forward,) = [each for each in away(engine, "C=O") if each.key == "shift"]
    (reverse,) = [each for each in away(engine, "[CH]O") if each.key == "shift"]
    assert (forward.reactants, forward.products, forward.is_forward) == (("C=O",), ("[CH]O",), True)
    assert (reverse.reactants, reverse.products, reverse.is_forward) == (("[CH]O",), ("C=O",), False)
    assert forward.barrier_forward_kcal_mol == pytest.approx(kcal_mol(2.0))
    assert reverse.barrier_forward_kcal_mol == pytest.approx(kcal_mol(1.0))
    assert reverse.barrier_reverse_kcal_mol == forward.barrier_forward_kcal_mol


def test_neighbours_say_what_reactions_say(engine, found):
    with reading(engine) as session:
        known = {each.key: each for each in reactions(session)}
    for each in away(engine, "C=O"):
        record = known[each.key]
        assert (each.verdict, each.level, each.outcome) == (record.verdict, record.level, record.outcome)
        assert each.error_bar_95_kcal_mol == record.error_bar_95_kcal_mol
        assert each.barrier_forward_kcal_mol == record.barrier_forward_kcal_mol


def test_the_lowest_barrier_comes_first_and_those_unknown_last(engine, found):
    assert [each.key for each in away(engine, "[CH]O")] == ["shift", "decay"]
    assert [each.key for each in away(engine, "[C-]#[O+]")] == ["decay", "dissociation"]
    assert away(engine, "[C-]#[O+]")[-1].barrier_forward_kcal_mol is None


def test_partners_are_what_stands_beside_the_species(engine, found):
    first, *_ = away(engine, "[C-]#[O+]")
    assert (first.partners, first.partner_keys) == (("[H][H]",), ("species [H][H]",))
    exchanges = [each for each in away(engine, "[H][H]") if each.key == "exchange"]
    assert [(each.partners, each.n_taken, each.is_forward) for each in exchanges] == [
        (("[H][H]",), 2, True),
        (("[H][H]",), 2, False),
    ]


def test_campaign_and_level_leave_out_the_rest(engine, found):
    assert [each.key for each in away(engine, "[CH]O", campaign="first")] == ["decay"]
    assert all(each.verdict is None for each in away(engine, "[CH]O", level_key="another"))


def test_a_step_without_a_barrier_names_the_side_that_falls_together_as_it_is_written(engine, network, gfn2):
    with writing(engine) as session:
        add_reactions(session, [network.decay])
        enqueue(session, kind=CalculationKind.PREPARE, reaction_keys=["decay"], level_key=gfn2.key)
    (one,) = claim(engine, kind=CalculationKind.PREPARE, worker="one", limit=1, lease_seconds=60)
    step = BarrierlessStep(apart_side="product", height_ev=2.0)
    prepared = PreparedReaction(
        reaction_key="decay", level=gfn2, pairs=(), gradient_calls=9, seconds=0.1, barrierless=step
    )
    with writing(engine) as session:
        record_preparation(session, one, prepared)
    (forward,), (reverse, *_) = away(engine, "[CH]O"), away(engine, "[H][H]")
    assert (forward.outcome, forward.barrierless_side) == ("barrierless", "product")
    assert reverse.barrierless_side == "reactant"
    assert forward.dissociation_kcal_mol == reverse.dissociation_kcal_mol == pytest.approx(kcal_mol(2.0))


def test_rates_go_by_barriers_that_failed_no_check(engine, network, found):
    with reading(engine) as session:
        steps = leaving_steps(session, neighbours(session, *named_species(session, ["[CH]O"])))
    assert {each.key for each in steps} == {"shift", "decay"}
    with writing(engine) as session:
        session.execute(text("UPDATE transition_state SET verdict = 'failed'"))
    with reading(engine) as session:
        assert leaving_steps(session, neighbours(session, *named_species(session, ["[CH]O"]))) == []


def test_equivalent_paths_are_those_of_the_direction(engine, network, found):
    """Either hydrogen of formaldehyde may move to oxygen; only one way leads back."""
    degeneracy = {}
    for smiles in ("C=O", "[CH]O"):
        with reading(engine) as session:
            steps = leaving_steps(session, neighbours(session, *named_species(session, [smiles])))
        degeneracy[smiles] = {each.key: each.degeneracy for each in steps}["shift"]
    assert degeneracy == {"C=O": 2, "[CH]O": 1}


def test_frequencies_of_a_reversed_step_are_turned_with_it(engine, network, found):
    state = network.transition_state()
    modes = (800.0, 1200.0, 1500.0, 1800.0, 2900.0, 3000.0), (900.0, 1100.0, 1300.0, 1500.0, 2800.0, 3500.0)
    proved = replace(state, reactant_end_frequencies_cm1=modes[0], product_end_frequencies_cm1=modes[1])
    with writing(engine) as session:
        estimate = replace(proved, energy_ev=-10.8)
        add_estimates(session, [Estimate(reaction_key="decay", transition_state=estimate)])
    for smiles, first in (("[CH]O", modes[0]), ("[H][H]", modes[1])):
        with reading(engine) as session:
            steps = leaving_steps(session, neighbours(session, *named_species(session, [smiles])))
        (decay,) = [each for each in steps if each.key == "decay"]
        assert decay.transition_state.reactant_end_frequencies_cm1 == first


def test_many_reactions_take_as_many_statements_as_one(engine, network):
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def count():
        statements.clear()
        with reading(engine) as session:
            (named,) = named_species(session, ["C=O"])
            branching(leaving_steps(session, neighbours(session, named)), 500.0)
        return len(statements)

    with writing(engine) as session:
        add_reactions(session, [network.shift])
        add_estimates(session, [Estimate(reaction_key="shift", transition_state=network.transition_state())])
    few = count()
    many = [replace(network.shift, key=f"shift {number}") for number in range(100)]
    with writing(engine) as session:
        add_reactions(session, many)
        state = network.transition_state(status=Status.PASSED)
        add_estimates(session, [Estimate(reaction_key=one.key, transition_state=state) for one in many])
    assert count() == few
