"""A transition state that is known at one level, proved at another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chem.errors import ConfigurationError
from chem.filing import in_order_of
from chem.generator import EndPoints
from chem.guess import ClassicalGenerator
from chem.heights import electronic_heights, gibbs_heights, zero_point_heights
from chem.identity import make_reaction
from chem.levels import resolve_level
from chem.outcomes import CheckName, Outcome, Status
from chem.perception import perceive_graph
from chem.potential import GradientCounter, attach
from chem.search import SearchSettings, search_transition_state
from chem.types import Geometry
from chem.verification import VerificationSettings, verify_transition_state, with_energies
from chem.verification_checks import check_one_level, check_reaction_energy, check_spin

GFN2 = resolve_level("gfn2")
HF = resolve_level("hf/3-21g")
HCN = Geometry(numbers=[1, 6, 7], positions=[[0, 0, -1.07], [0, 0, 0], [0, 0, 1.16]])
HNC = Geometry(numbers=[1, 6, 7], positions=[[0, 0, 2.17], [0, 0, 0], [0, 0, 1.17]])


@pytest.fixture(scope="module")
def known():
    ends = EndPoints(reactant=HCN, product=HNC)
    candidates = ClassicalGenerator(1).generate([ends])[0]
    return search_transition_state(ends, candidates, GFN2, SearchSettings()).best.transition_state


@pytest.fixture(scope="module")
def verified(known):
    return verify_transition_state(known, HF, VerificationSettings())


def test_a_saddle_point_of_tight_binding_leads_to_the_one_of_hartree_fock(verified):
    state = verified.best.transition_state
    assert verified.outcome is Outcome.INTENDED
    assert state.level == HF
    # Baker and Chan (1996), HF/3-21G, case 1
    assert state.energy_ev / 27.211386 == pytest.approx(-92.24604, abs=1e-5)
    assert {check.name for check in state.verdict.checks} == set(CheckName)
    assert all(check.status is Status.PASSED for check in state.verdict.checks)
    assert len(verified.attempts) == 1
    assert "GFN2-xTB Hessian" in verified.best.start


def test_zero_point_energy_lowers_the_barrier_of_a_hydrogen_shift(verified):
    state = verified.best.transition_state
    electronic, zero, gibbs = electronic_heights(state), zero_point_heights(state), gibbs_heights(state, 298.15)
    assert 0.1 < electronic.forward_ev - zero.forward_ev < 0.35  # the stretch that becomes the reaction coordinate
    assert zero.forward_ev - zero.reverse_ev == pytest.approx(zero.reaction_ev, abs=1e-6)
    assert gibbs.forward_ev == pytest.approx(zero.forward_ev, abs=0.1)


def test_free_energies_need_the_frequencies_of_both_ends(known):
    assert zero_point_heights(known) is None
    assert gibbs_heights(known, 298.15) is None


def test_the_budget_ends_a_verification_with_what_was_tried(known):
    result = verify_transition_state(known, HF, VerificationSettings(budget_gradient_calls=2))
    assert result.outcome is Outcome.FAILED
    assert result.best.failure.kind == "budget"
    assert result.gradient_calls <= 2


def test_a_transition_state_without_ends_cannot_be_verified(known):
    with pytest.raises(ConfigurationError, match="without both ends"):
        verify_transition_state(replace(known, product_end=None), HF, VerificationSettings())
    with pytest.raises(ConfigurationError, match="without both ends"):
        with_energies(replace(known, product_end=None), HF, GradientCounter())


def test_energies_of_another_level_keep_the_points_and_say_so(known):
    counter = GradientCounter()
    better = with_energies(known, HF, counter)
    assert counter.calls == 3
    assert better.level.key == "hf/3-21g/geometry=GFN2-xTB"
    np.testing.assert_array_equal(better.geometry.positions, known.geometry.positions)
    alone = attach(known.geometry, HF, GradientCounter()).get_potential_energy()
    assert better.energy_ev == pytest.approx(alone, abs=1e-6)
    assert better.verdict.status is Status.PASSED
    evidence = {check.name: check.evidence for check in better.verdict.checks}
    assert evidence[CheckName.IRC_ENDS_MATCH]["checked_at_level"] == "GFN2-xTB"
    assert "checked_at_level" not in evidence[CheckName.ENERGIES_ORDERED]


def test_energies_of_an_unchecked_transition_state_stay_an_estimate(known):
    unchecked = replace(known, verdict=replace(known.verdict, checks=()))
    assert with_energies(unchecked, HF, GradientCounter()).verdict.status is Status.ESTIMATED


def test_an_energy_of_another_state_is_noticed(known):
    assert check_one_level(known, GradientCounter()).status is Status.PASSED
    excited = replace(known, product_end_energy_ev=known.product_end_energy_ev + 0.5)
    check = check_one_level(excited, GradientCounter())
    assert check.status is Status.FAILED
    assert check.evidence["product_end_afresh_ev"] == pytest.approx(-0.5, abs=1e-3)


def test_a_barrier_that_does_not_fit_its_reaction_energy_is_noticed(known):
    assert check_reaction_energy(known).status is Status.PASSED
    wrong = replace(known.barrier, reverse_ev=known.barrier.reverse_ev + 2e-6)
    assert check_reaction_energy(known, wrong).status is Status.FAILED
    assert check_reaction_energy(replace(known, product_end_energy_ev=None)).status is Status.COULD_NOT_CHECK


def test_a_closed_shell_above_a_broken_symmetry_solution_fails_its_spin_check(known):
    # Half-broken hydrogen: restricted Hartree-Fock puts it far above the two atoms
    stretched = Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, 2.5]])
    (check,) = check_spin(replace(known, geometry=stretched, level=HF))
    assert check.status is Status.FAILED
    assert check.evidence["broken_symmetry_lowering_ev"] > 1.0
    assert check_spin(known) == ()  # tight binding has no wavefunction to look at


def test_a_broken_symmetry_solution_within_chemical_accuracy_is_told_and_passes(known):
    # Just behind the point where hydrogen's restricted and unrestricted solutions part
    parting = Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, 1.25]])
    (check,) = check_spin(replace(known, geometry=parting, level=HF))
    assert check.evidence["is_stable"] is False
    assert 0.001 < check.evidence["broken_symmetry_lowering_ev"] < 0.043
    assert check.status is Status.PASSED


def test_a_transition_state_found_for_another_reaction_takes_the_atom_order_of_its_own(known):
    graphs = [perceive_graph(end) for end in (known.reactant_end, known.product_end)]
    reaction = make_reaction(*graphs)
    shuffled = [1, 2, 0]
    other = replace(
        known,
        geometry=known.geometry.permuted(shuffled),
        reactant_end=known.reactant_end.permuted(shuffled),
        product_end=known.product_end.permuted(shuffled),
    )
    ordered = in_order_of(other, reaction)
    assert perceive_graph(ordered.reactant_end).bonds == reaction.reactant_graph.bonds
    assert perceive_graph(ordered.product_end).bonds == reaction.product_graph.bonds
    assert tuple(ordered.geometry.numbers) == reaction.reactant_graph.numbers


def test_limits_out_of_range_are_refused():
    with pytest.raises(ConfigurationError, match="saddle_gradient_calls must be positive"):
        VerificationSettings(saddle_gradient_calls=0)
    with pytest.raises(ConfigurationError, match="imaginary_threshold_cm1"):
        VerificationSettings(imaginary_threshold_cm1=-1.0)
