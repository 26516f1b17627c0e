"""Storing what searches found, and reading it back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chem.endpoints import PreparedPair, PreparedReaction
from chem.generator import EndPoints
from chem.outcomes import CheckName, Failure, Outcome, SearchResult, Stage, Status, Verdict
from chem.units import KCAL_MOL_PER_EV
from db.convert import runs_backwards
from db.engine import reading, writing
from db.load import load_end_points
from db.queries import ReactionFilter, reactions
from db.results import Estimate, add_estimates, record_estimate, record_preparation, record_search
from db.species_queries import species
from db.store import add_reactions
from db.tables import CalculationKind
from db.totals import failures
from db.transition_states import transition_state_of, transition_states_found_by
from db.work import LeaseLostError, release


def by_key(session, **conditions):
    return {record.key: record for record in reactions(session, filters=ReactionFilter(**conditions))}


def test_a_search_is_stored_once_with_every_attempt(engine, network, search, count_rows):
    one = search()
    with writing(engine) as session:
        assert record_search(session, one, network.search_result(), found={1: network.decay})
    once = count_rows(engine)
    with writing(engine) as session:
        assert not record_search(session, one, network.search_result(), found={1: network.decay})
    assert count_rows(engine) == once
    assert (once["attempt"], once["transition_state"], once["barrier"], once["transition_state_check"]) == (4, 3, 2, 3)


def test_nothing_of_a_refused_result_is_stored(engine, network, search, count_rows):
    one = search()
    release(engine, worker="one")
    before = count_rows(engine)
    with pytest.raises(LeaseLostError), writing(engine) as session:
        record_search(session, one, network.search_result(), found={1: network.decay})
    assert count_rows(engine) == before


def test_an_intended_transition_state_makes_the_barrier_of_its_reaction(engine, network, search, gfn2):
    with writing(engine) as session:
        record_search(session, search(), network.search_result())
    with reading(engine) as session:
        record = by_key(session)["shift"]
        state = transition_state_of(session, "shift")
    assert record.barrier_forward_kcal_mol == pytest.approx(2.0 * KCAL_MOL_PER_EV)
    assert record.barrier_reverse_kcal_mol == pytest.approx(1.0 * KCAL_MOL_PER_EV)
    assert (record.outcome, record.verdict, record.level) == ("intended", Status.PASSED, gfn2.key)
    assert record.checks == {CheckName.IRC_ENDS_MATCH: Status.PASSED}
    assert (record.reactants, record.products, record.mapped_smiles) == (("C=O",), ("[CH]O",), "mapped")
    assert (record.gradient_calls, record.seconds, record.failure) == (80, 4.0, None)
    assert (state.reaction_key, state.searched_reaction_key, state.start) == ("shift", "shift", "neb")


def test_a_transition_state_comes_back_whole(engine, network, search):
    with writing(engine) as session:
        record_search(session, search(), network.search_result())
    with reading(engine) as session:
        stored = transition_state_of(session, "shift").transition_state
        assert transition_state_of(session, "decay") is None
    given = network.transition_state(seed=20)
    for name in ("geometry", "reactant_end", "product_end"):
        assert getattr(stored, name).positions.tobytes() == getattr(given, name).positions.tobytes()
    for name in ("energy_ev", "level", "verdict", "frequencies_cm1", "reactant_end_energy_ev", "product_end_energy_ev"):
        assert getattr(stored, name) == getattr(given, name)


def test_an_unintended_transition_state_is_filed_where_it_belongs(engine, network, search):
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})
    with reading(engine) as session:
        record = by_key(session)["decay"]
        state = transition_state_of(session, "decay")
        found = transition_states_found_by(session, "shift")
    assert record.outcome == "unintended"
    assert record.barrier_forward_kcal_mol == pytest.approx(1.5 * KCAL_MOL_PER_EV)
    assert record.gradient_calls == 0
    assert (state.reaction_key, state.searched_reaction_key, state.outcome) == ("decay", "shift", Outcome.UNINTENDED)
    assert [one.reaction_key for one in found] == ["decay", "shift", None]  # in the order of the attempts


def test_a_barrier_found_against_the_stored_direction_is_turned_round(engine, network, search, backwards):
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: backwards(network.decay)})
    with reading(engine) as session:
        record = by_key(session)["decay"]
        state = transition_state_of(session, "decay").transition_state
    assert record.reactants == ("[CH]O",)
    assert record.barrier_forward_kcal_mol == pytest.approx(3.0 * KCAL_MOL_PER_EV)
    assert record.barrier_reverse_kcal_mol == pytest.approx(1.5 * KCAL_MOL_PER_EV)
    assert (state.reactant_end_energy_ev, state.product_end_energy_ev) == (-13.0, -11.5)
    given = network.transition_state(seed=10)
    assert state.reactant_end.positions.tobytes() == given.product_end.positions.tobytes()


def test_direction_is_told_by_species_then_by_their_mirror_images_then_by_graphs(network, backwards):
    for reaction in network.reactions:
        assert not runs_backwards(reaction, reaction)
        assert runs_backwards(backwards(reaction), reaction)
    mirrored = replace(network.formaldehyde, key="mirror image")
    assert runs_backwards(backwards(replace(network.shift, reactants=(mirrored,))), network.shift)
    assert not runs_backwards(replace(network.shift, reactants=(mirrored,)), network.shift)
    other_order = replace(
        network.exchange,
        reactant_graph=network.exchange.reactant_graph.permuted((0, 3, 1, 2)),
        product_graph=network.exchange.product_graph.permuted((0, 3, 1, 2)),
    )
    assert not runs_backwards(other_order, network.exchange)


def test_a_reaction_unheard_of_before_is_stored_with_the_transition_state(engine, network, search, count_rows):
    one = search()
    other = replace(network.decay, key="new to everyone")
    before = count_rows(engine)["reaction"]
    with writing(engine) as session:
        record_search(session, one, network.search_result(), found={1: other}, mapped_smiles={other.key: "a>>b"})
    assert count_rows(engine)["reaction"] == before + 1
    with reading(engine) as session:
        assert by_key(session)["new to everyone"].mapped_smiles == "a>>b"


def test_a_search_that_failed_says_why(engine, network, search, gfn2):
    result = network.search_result()
    with writing(engine) as session:
        record_search(session, search(), SearchResult(level=gfn2, attempts=(result.attempts[0],)))
    with reading(engine) as session:
        record = by_key(session)["shift"]
        (group,) = failures(session)
    expected = Failure(stage=Stage.SADDLE, kind="scf", message="scf at classical:0")
    assert (record.outcome, record.failure, record.verdict) == ("failed", expected, None)
    assert record.barrier_forward_kcal_mol is None
    assert (group.example, group.reaction_key, group.count, group.gradient_calls) == (expected, "shift", 1, 10)


def test_an_estimate_has_a_barrier_and_the_verdict_estimated(engine, network, gfn2):
    with writing(engine) as session:
        add_reactions(session, [network.shift])
        estimate = Estimate(reaction_key="shift", transition_state=network.transition_state(status=None), error_ev=0.1)
        add_estimates(session, [estimate])
        add_estimates(session, [replace(estimate, error_ev=0.2)])
    with reading(engine) as session:
        (record,) = reactions(session)
    assert (record.verdict, record.outcome, record.checks) == (Status.ESTIMATED, None, {})
    assert record.barrier_error_kcal_mol == pytest.approx(0.2 * KCAL_MOL_PER_EV)


def test_a_better_verdict_counts_before_a_lower_barrier_and_the_lowest_among_equals(engine, network):
    states = [
        network.transition_state(seed=0, energy_ev=-11.9, status=Status.FAILED),
        network.transition_state(seed=1, energy_ev=-11.5, status=None),
        network.transition_state(seed=2, energy_ev=-11.0, status=Status.COULD_NOT_CHECK),
        network.transition_state(seed=3, energy_ev=-10.0, status=Status.PASSED),
        network.transition_state(seed=4, energy_ev=-10.5, status=Status.PASSED),
        network.transition_state(seed=5, energy_ev=-20.0, status=Status.PASSED, ends_ev=None),
    ]
    shown = []
    with writing(engine) as session:
        add_reactions(session, [network.shift])
    for state in states:
        with writing(engine) as session:
            add_estimates(session, [Estimate(reaction_key="shift", transition_state=state)])
        with reading(engine) as session:
            (record,) = reactions(session)
            shown.append((record.verdict, round(record.barrier_forward_kcal_mol / KCAL_MOL_PER_EV, 6)))
    assert shown == [
        (Status.FAILED, 0.1),
        (Status.ESTIMATED, 0.5),
        (Status.COULD_NOT_CHECK, 1.0),
        (Status.PASSED, 2.0),
        (Status.PASSED, 1.5),
        (Status.PASSED, 1.5),
    ]


def test_barriers_of_two_levels_of_theory_are_not_compared(engine, network, gfn2, dft):
    with writing(engine) as session:
        add_reactions(session, [network.shift])
        for level, energy_ev in ((gfn2, -11.0), (dft, -10.0)):
            state = network.transition_state(energy_ev=energy_ev, level=level)
            add_estimates(session, [Estimate(reaction_key="shift", transition_state=state)])
    with reading(engine) as session:
        assert by_key(session)["shift"].level == dft.key
        for level, barrier_ev in ((gfn2, 1.0), (dft, 2.0)):
            record = by_key(session, level_key=level.key)["shift"]
            assert record.level == level.key
            assert record.barrier_forward_kcal_mol == pytest.approx(barrier_ev * KCAL_MOL_PER_EV)
            state = transition_state_of(session, "shift", level_key=level.key)
            assert state.transition_state.level == level
        assert by_key(session, level_key="nothing")["shift"].verdict is None


def preparation(level, *ends, failure=None):
    pairs = tuple(
        PreparedPair(
            ends=each, reactant_energy_ev=-12.5, product_energy_ev=-12.0, motion_angstrom=1.0, guess_energy_ev=-9.0
        )
        for each in ends
    )
    return PreparedReaction(
        reaction_key="shift", level=level, pairs=pairs, gradient_calls=9, seconds=1.0, failure=failure
    )


def test_an_estimate_is_stored_without_a_verdict_of_its_own(engine, network, search, gfn2):
    state = replace(network.search_result().attempts[2].transition_state, verdict=Verdict(), level=gfn2)
    one = search(kind=CalculationKind.ESTIMATE)
    with writing(engine) as session:
        assert record_estimate(session, one, state, level=gfn2, gradient_calls=3, seconds=0.1)
    with reading(engine) as session:
        record = by_key(session)["shift"]
    assert (record.verdict, record.outcome, record.gradient_calls) == (Status.ESTIMATED, "estimated", 3)


def test_the_state_of_a_reaction_follows_its_calculations(engine, network, search, gfn2):
    def outcome():
        with reading(engine) as session:
            return by_key(session)["shift"].outcome

    with writing(engine) as session:
        add_reactions(session, network.reactions)
    assert outcome() is None
    prepared = search(kind=CalculationKind.PREPARE)
    assert outcome() == "pending"
    ends = EndPoints(reactant=network.geometry(1), product=network.geometry(2), reaction_key="shift")
    second = EndPoints(reactant=network.geometry(3), product=network.geometry(2), reaction_key="shift")
    with writing(engine) as session:
        record_preparation(session, prepared, preparation(gfn2, ends, second))
    assert outcome() == "pending"
    one = search()
    assert outcome() == "pending"
    with writing(engine) as session:
        record_search(session, one, network.search_result())
    assert outcome() == "intended"
    with reading(engine) as session:
        stored = load_end_points(session, ["shift", "decay"], gfn2.key, prepared.settings)
        assert load_end_points(session, ["shift"], gfn2.key, {"other": 1}) == {}
        assert {one.smiles: one.energy_ev for one in species(session)}["C=O"] == -12.5
    assert list(stored) == ["shift"]
    assert [pair.reactant.positions.tobytes() for pair in stored["shift"]] == [
        pair.reactant.positions.tobytes() for pair in (ends, second)
    ]


def test_a_failed_preparation_is_a_failed_reaction(engine, search, gfn2):
    failure = Failure(stage=Stage.PREPARE, kind="collapsed", message="the product became C=O")
    one = search(kind=CalculationKind.PREPARE)
    with writing(engine) as session:
        assert record_preparation(session, one, preparation(gfn2, failure=failure))
    with writing(engine) as session:
        assert not record_preparation(session, one, preparation(gfn2, failure=failure))
    with reading(engine) as session:
        record = by_key(session)["shift"]
    assert (record.outcome, record.failure, record.gradient_calls) == ("failed", failure, 9)


def test_an_energy_that_is_not_a_number_is_refused(engine, network):
    with writing(engine) as session:
        add_reactions(session, [network.shift])
    state = network.transition_state(energy_ev=float("nan"))
    with pytest.raises(ValueError, match="has the energy nan eV"), writing(engine) as session:
        add_estimates(session, [Estimate(reaction_key="shift", transition_state=state)])
