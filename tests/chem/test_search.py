"""The whole search for one transition state."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chem import potential
from chem.alignment import rmsd
from chem.endpoints import prepare_end_points
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.errors import CalculationError, ConfigurationError
from chem.generator import EndPoints
from chem.guess import ClassicalGenerator
from chem.half_way import EndPointSettings
from chem.levels import resolve_level
from chem.outcomes import SEARCH_CHECKS, CheckName, Outcome, Stage, Status
from chem.perception import perceive_graph
from chem.potential import GradientCounter, attach
from chem.search import SearchSettings, Start, _guess, search_transition_state, starts
from chem.search_polish import relax_around
from chem.smiles import parse_smiles
from chem.types import Geometry, TSCandidate
from chem.xtb_backends import XtbBackend

LEVEL = resolve_level("gfn2")
HCN = Geometry(numbers=[1, 6, 7], positions=[[0, 0, -1.07], [0, 0, 0], [0, 0, 1.16]])
HNC = Geometry(numbers=[1, 6, 7], positions=[[0, 0, 2.17], [0, 0, 0], [0, 0, 1.17]])
ENDS = EndPoints(reactant=HCN, product=HNC)


def search(ends=ENDS, candidates=None, level=LEVEL, **settings):
    if candidates is None:
        candidates = ClassicalGenerator(1).generate([ends])[0]
    return search_transition_state(ends, candidates, level, SearchSettings(**settings))


@pytest.fixture(scope="module")
def found():
    return search()


def test_hcn_becomes_hnc_over_a_proved_transition_state(found):
    state = found.best.transition_state
    assert found.outcome is Outcome.INTENDED
    assert state.verdict.status is Status.PASSED
    assert {check.name for check in state.verdict.checks} == set(SEARCH_CHECKS)
    assert len(state.frequencies_cm1) == 3
    assert len(state.imaginary_frequencies_cm1) == 1
    assert perceive_graph(state.reactant_end).bonds == perceive_graph(HCN).bonds
    assert perceive_graph(state.product_end).bonds == perceive_graph(HNC).bonds
    assert 1.0 < state.barrier.reverse_ev < state.barrier.forward_ev < 4.0


def test_the_evidence_is_plain_json(found):
    for check in found.best.transition_state.verdict.checks:
        assert json.loads(json.dumps(dict(check.evidence))) == dict(check.evidence)


def test_the_same_search_gives_the_same_numbers(found):
    again = search()
    assert again.gradient_calls == found.gradient_calls
    assert again.best.transition_state.energy_ev == found.best.transition_state.energy_ev
    assert np.array_equal(
        again.best.transition_state.geometry.positions, found.best.transition_state.geometry.positions
    )


def test_swapping_the_ends_swaps_the_ends_of_the_path(found):
    swapped = search(EndPoints(reactant=HNC, product=HCN))
    assert swapped.outcome is Outcome.INTENDED
    assert perceive_graph(swapped.best.transition_state.reactant_end).bonds == perceive_graph(HNC).bonds
    assert swapped.best.transition_state.barrier.forward_ev == pytest.approx(
        found.best.transition_state.barrier.reverse_ev, abs=1e-3
    )


@pytest.mark.parametrize("budget", [5, 25, 45])
def test_the_budget_is_never_exceeded_and_its_end_is_recorded(budget):
    result = search(budget_gradient_calls=budget, use_neb=False, polish_steps=0)
    assert result.gradient_calls <= budget
    assert result.outcome is Outcome.FAILED
    assert result.best.failure.kind == "budget"


def test_a_path_that_fails_is_never_passed(monkeypatch):
    def fail(*_):
        raise CalculationError("scf", "the path broke")

    monkeypatch.setattr("chem.judgement.follow_irc", fail)
    result = search(use_neb=False, polish_steps=0)
    state = result.best.transition_state
    assert (result.best.failure.stage, result.best.failure.kind) == (Stage.IRC, "scf")
    states = {check.name: check.status for check in state.verdict.checks}
    assert states[CheckName.IRC_ENDS_MATCH] is Status.COULD_NOT_CHECK
    assert states[CheckName.ONE_IMAGINARY_MODE] is Status.PASSED
    assert state.verdict.status is Status.COULD_NOT_CHECK


def test_an_scf_failure_is_stored_not_a_crash(monkeypatch):
    def fail(self, positions):
        raise CalculationError("scf", "did not converge")

    failing = type("Failing", (XtbBackend,), {"evaluate": fail})
    monkeypatch.setattr(potential, "open_backend", failing)
    result = search()
    assert [attempt.start for attempt in result.attempts] == ["classical:0", "classical:0:polished", "neb"]
    assert {(attempt.outcome, attempt.failure.kind) for attempt in result.attempts} == {(Outcome.FAILED, "scf")}


def test_a_bug_is_not_taken_for_chemistry(monkeypatch):
    def bug(*_):
        raise TypeError("a bug")

    monkeypatch.setattr("chem.judgement.follow_irc", bug)
    with pytest.raises(TypeError, match="a bug"):
        search()


def test_a_real_transition_state_of_another_reaction_is_kept_as_unintended():
    numbers = [1, 6, 7, 2]  # wanted: helium binds; found: the hydrogen moves while helium looks on
    near = [[0, 0, -1.07], [0, 0, 0], [0, 0, 1.16], [9.0, 0, 0]]
    bound = [[0, 0, -1.07], [0, 0, 0], [0, 0, 1.16], [0, 0, -1.4]]
    ends = EndPoints(
        reactant=Geometry(numbers=numbers, positions=near), product=Geometry(numbers=numbers, positions=bound)
    )
    guess = Geometry(numbers=numbers, positions=[[1.1, 0, 0.5], [0, 0, 0], [0, 0, 1.18], [6.0, 0, 0]])
    result = search(ends, [TSCandidate(geometry=guess, generator="hand")], use_neb=False, imaginary_threshold_cm1=60.0)
    assert result.outcome is Outcome.UNINTENDED
    assert result.best.transition_state.verdict.status is Status.FAILED


def test_starts_run_from_the_best_raw_guess_over_polished_ones_to_the_band():
    guesses = ClassicalGenerator(2).generate([ENDS])[0]
    names = [start.name for start in starts(guesses, SearchSettings())]
    assert names == ["classical:0", "classical:0:polished", "classical:1:polished", "classical:1", "neb"]
    assert [start.name for start in starts(guesses[:1], SearchSettings(polish_steps=0, use_neb=False))] == names[:1]


def test_polishing_holds_the_reacting_distances_and_lowers_the_energy():
    guess = ClassicalGenerator(1).generate([ENDS])[0][0].geometry
    held = ((0, 1), (0, 2))
    polished = relax_around(guess, held, LEVEL, GradientCounter(), max_steps=40)
    for i, j in held:
        before, after = (np.linalg.norm(g.positions[i] - g.positions[j]) for g in (guess, polished))
        assert after == pytest.approx(before, abs=1e-3)
    energies = [attach(g, LEVEL, GradientCounter()).get_potential_energy() for g in (polished, guess)]
    assert energies[0] < energies[1]


def test_ends_with_the_same_bonds_are_no_reaction():
    result = search(EndPoints(reactant=HCN, product=HCN), candidates=[], use_neb=True)
    assert (result.outcome, result.best.failure.kind) == (Outcome.FAILED, "same_bonds")
    assert result.gradient_calls == 0


def test_nothing_to_try_is_bad_input():
    with pytest.raises(ConfigurationError, match="nothing to try"):
        search(candidates=[], use_neb=False)


def test_a_budget_of_nothing_is_bad_input():
    with pytest.raises(ConfigurationError, match="budget_gradient_calls"):
        SearchSettings(budget_gradient_calls=0)


def test_further_conformers_are_searched_when_asked_for_and_the_lowest_counts():
    glycolaldehyde = parse_smiles("OCC=O")
    loss = next(
        reaction
        for reaction in enumerate_reactions(glycolaldehyde, EnumerationRules())
        if sorted(each.smiles for each in reaction.products) == ["O=CC=O", "[H][H]"]
    )
    ends = prepare_end_points(loss, LEVEL, EndPointSettings(n_conformers=1)).pairs[0].ends
    result = search(ends, conformers=2, use_neb=False)
    intended = [attempt for attempt in result.attempts if attempt.outcome is Outcome.INTENDED]
    assert [attempt.start.split(":")[0] for attempt in intended] == ["classical", "conformer", "conformer"]
    energies = [attempt.transition_state.energy_ev for attempt in intended]
    assert max(energies) - min(energies) > 0.01
    assert result.best.transition_state.energy_ev == min(energies)
    assert not any(attempt.start.startswith("conformer") for attempt in search(ends, use_neb=False).attempts)


def test_guesses_of_an_expensive_level_are_polished_with_tight_binding_at_no_cost():
    [candidate] = ClassicalGenerator(1).generate([ENDS])[0]
    start = Start(name="classical:0:polished", guess=candidate.geometry, polished=True)
    polished = []
    for level in (LEVEL, resolve_level("hf/sto-3g")):
        counter = GradientCounter()
        polished.append(_guess(start, ENDS, level, SearchSettings(), counter).positions)
        assert bool(counter.calls) == (level == LEVEL)
    assert polished[0] == pytest.approx(polished[1], abs=1e-6)


def test_a_band_at_a_level_of_its_own_costs_no_gradients_of_the_search():
    counter = GradientCounter()
    settings = SearchSettings(neb_level="gfn1", neb_gradient_calls=70)
    guess = _guess(Start(name="neb", guess=None), ENDS, LEVEL, settings, counter)
    assert counter.calls == 0
    assert rmsd(guess.positions, HCN.positions) > 0.3
