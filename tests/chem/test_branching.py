"""How a species divides among its steps."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from chem.branching import Leaving, RateSource, branching
from chem.flux import CONTACT_VOLUME_L_PER_MOL, rate_constant
from chem.heights import gibbs_heights
from chem.kinetics import BOLTZMANN_EV_PER_K, path_rate
from chem.outcomes import Check, CheckName, Status, TransitionState, Verdict
from chem.types import Geometry, LevelOfTheory
from chem.units import KCAL_MOL_PER_EV

T = 500.0
KT_KCAL_MOL = BOLTZMANN_EV_PER_K * T * KCAL_MOL_PER_EV
CHECKS = tuple(
    Check(name=name, status=Status.PASSED) for name in (CheckName.ONE_IMAGINARY_MODE, CheckName.ENDS_ARE_MINIMA)
)
# hydrogen cyanide, the saddle point and the isocyanide, with frequencies near those of the literature
SHIFT = TransitionState(
    geometry=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.18], [1.15, 0, 0.35]]),
    energy_ev=0.0,
    level=LevelOfTheory(name="made up", method="none"),
    verdict=Verdict(checks=CHECKS),
    frequencies_cm1=(-1200.0, 2000.0, 2600.0),
    reactant_end=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.15], [0, 0, -1.07]]),
    product_end=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.17], [0, 0, 2.17]]),
    reactant_end_energy_ev=-2.0,
    product_end_energy_ev=-1.4,
    reactant_end_frequencies_cm1=(712.0, 712.0, 2097.0, 3312.0),
    product_end_frequencies_cm1=(460.0, 460.0, 2030.0, 3650.0),
)


def leaving(key, products, height, **changed):
    given = {
        "reactants": ("A",),
        "n_taken": 1,
        "barrier_reverse_kcal_mol": 40.0,
        "error_bar_95_kcal_mol": None,
        "verdict": Status.PASSED,
        "level": "GFN2-xTB",
        "degeneracy": 1,
        **changed,
    }
    return Leaving(key=key, products=tuple(products), barrier_forward_kcal_mol=height, **given)


def test_equivalent_paths_take_their_share():
    one, three = sorted(
        branching([leaving("a", "B", 20.0), leaving("b", "C", 20.0, degeneracy=3)], T), key=lambda b: b.ratio
    )
    assert (one.step.key, three.step.key) == ("a", "b")
    assert (one.ratio, three.ratio) == (pytest.approx(0.25), pytest.approx(0.75))


def test_a_barrier_higher_by_kt_ln_ten_carries_a_tenth():
    low, high = branching([leaving("a", "B", 20.0), leaving("b", "C", 20.0 + KT_KCAL_MOL * math.log(10.0))], T)
    assert low.ratio / high.ratio == pytest.approx(10.0)
    assert low.rate_per_s == pytest.approx(rate_constant(20.0, 1, T))
    assert low.rate_from is RateSource.BARRIER


def test_two_transition_states_to_the_same_products_count_together():
    found = branching([leaving("a", "BC", 20.0), leaving("b", "D", 19.9), leaving("c", "BC", 20.0)], T)
    assert [each.step.key for each in found] == ["a", "c", "b"]  # together they make more than D
    assert found[0].products_ratio == pytest.approx(found[0].ratio + found[1].ratio)
    assert sum(each.ratio for each in found) == pytest.approx(1.0)


def test_a_step_that_gives_the_reactants_back_counts_for_nothing():
    found = branching([leaving("a", "B", 20.0), leaving("same", "A", 1.0)], T)
    assert [(each.step.key, each.ratio) for each in found] == [("a", 1.0)]


def test_a_step_with_a_partner_goes_with_its_concentration():
    alone, pair = leaving("a", "B", 20.0), leaving("b", "C", 20.0, reactants=("A", "X"))
    by_key = {each.step.key: each.rate_per_s for each in branching([alone, pair], T, concentration_mol_per_l=0.01)}
    assert by_key["b"] / by_key["a"] == pytest.approx(0.01 * CONTACT_VOLUME_L_PER_MOL)
    twin = leaving("c", "D", 20.0, reactants=("A", "A"), n_taken=2)
    (own,) = branching([twin], T, concentration_mol_per_l=0.01)
    assert own.rate_per_s == pytest.approx(2 * by_key["b"])  # each turn takes two


def test_frequencies_give_the_rate_of_transition_state_theory():
    known = leaving("a", "B", 46.1, transition_state=SHIFT, degeneracy=2)
    (found,) = branching([known], T)
    assert found.rate_from is RateSource.FREQUENCIES
    assert found.rate_per_s == path_rate(SHIFT, T, degeneracy=2).value


@pytest.mark.parametrize(
    "changed",
    [{"verdict": Verdict()}, {"product_end_frequencies_cm1": ()}],
)
def test_what_is_not_proved_or_lacks_frequencies_goes_by_its_barrier(changed):
    (found,) = branching([leaving("a", "B", 46.1, transition_state=replace(SHIFT, **changed))], T)
    assert found.rate_from is RateSource.BARRIER


def test_both_directions_of_a_step_keep_its_equilibrium():
    """Detailed balance: the rates differ by the Boltzmann factor of the free energy of reaction."""
    forward = branching([leaving("a", "B", 46.1, transition_state=SHIFT)], T)[0].rate_per_s
    reverse = branching([leaving("a", "B", 32.3, transition_state=SHIFT.turned())], T)[0].rate_per_s
    reaction = gibbs_heights(SHIFT, T).reaction_ev
    assert forward / reverse == pytest.approx(math.exp(-reaction / (BOLTZMANN_EV_PER_K * T)), rel=1e-6)


def test_a_transition_state_turned_twice_is_the_same():
    assert SHIFT.turned().turned().reactant_end_frequencies_cm1 == SHIFT.reactant_end_frequencies_cm1
    assert SHIFT.turned().reactant_end_energy_ev == SHIFT.product_end_energy_ev


def test_the_error_bar_makes_a_rate_uncertain_by_its_boltzmann_factor():
    certain, doubtful = branching([leaving("a", "B", 20.0), leaving("b", "C", 21.0, error_bar_95_kcal_mol=2.0)], T)
    assert certain.rate_factor_95 is None
    assert doubtful.rate_factor_95 == pytest.approx(math.exp(2.0 / KT_KCAL_MOL))


def test_without_a_barrier_nothing_is_faster_than_the_thermal_frequency():
    (found,) = branching([leaving("a", "B", -3.0, barrier_reverse_kcal_mol=5.0)], T)
    assert found.rate_per_s == pytest.approx(rate_constant(0.0, 1, T))


def test_where_all_rates_vanish_there_are_no_shares():
    (found,) = branching([leaving("a", "B", 90.0)], 1.0)
    assert (found.rate_per_s, found.ratio, found.products_ratio) == (0.0, None, None)
