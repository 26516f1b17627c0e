"""Saddle points from a guess, with their order proved."""

from __future__ import annotations

import numpy as np
import pytest

from chem.errors import ConfigurationError
from chem.levels import resolve_level
from chem.outcomes import Stage
from chem.refine import RefineSettings, refine
from chem.types import Geometry
from chem.units import EV_PER_HARTREE

HF = resolve_level("hf/3-21g")
GFN2 = resolve_level("gfn2")
HCN = Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.14838], [1.58536, 0, 1.14838]])
STRAIGHT_WATER = Geometry(numbers=[8, 1, 1], positions=[[0, 0, 0], [0, 0, 0.95], [0, 0, -0.95]])


@pytest.mark.parametrize("kind", ["level", "cheap", "none"])
def test_hydrogen_cyanide_isomerises_over_the_published_saddle_point(kind):
    found = refine(HCN, HF, RefineSettings(starting_hessian=kind))
    assert found.failure is None
    # Baker and Chan (1996), HF/3-21G, case 1
    assert found.saddle.energy_ev / EV_PER_HARTREE == pytest.approx(-92.24604, abs=1e-5)
    assert (found.vibrations.frequencies_cm1 < 0).sum() == 1
    assert found.hessian_calls == (2 if kind == "level" else 1)
    assert (found.cheap_gradient_calls > 0) == (kind == "cheap")


def test_a_level_without_analytic_hessians_is_served_by_its_gradients():
    found = refine(HCN, GFN2)
    assert found.failure is None
    assert found.hessian_calls == 0
    assert found.gradient_calls > 2 * 6 * 3


def test_a_starting_hessian_saves_gradients_of_the_level():
    calls = [refine(HCN, HF, RefineSettings(starting_hessian=kind)).gradient_calls for kind in ("level", "none")]
    assert calls[0] < calls[1]


def test_a_stationary_point_of_another_order_is_no_saddle_point():
    found = refine(STRAIGHT_WATER, HF)  # straight water bends in two ways at once, and both lead to the minimum
    assert found.failure is not None
    assert (found.failure.stage, found.failure.kind) == (Stage.FREQUENCIES, "wrong_saddle_order")


def test_a_spent_budget_is_a_failure_with_what_it_spent():
    found = refine(HCN, HF, RefineSettings(budget_gradient_calls=3))
    assert (found.failure.stage, found.failure.kind) == (Stage.SADDLE, "budget")
    assert found.gradient_calls == 3
    assert found.saddle is None


def test_the_same_guess_gives_the_same_saddle_point():
    first, second = (refine(HCN, HF).saddle.geometry.positions for _ in range(2))
    np.testing.assert_allclose(first, second, atol=1e-8)


def test_limits_out_of_range_are_refused():
    with pytest.raises(ConfigurationError, match="budget_gradient_calls must be positive"):
        RefineSettings(budget_gradient_calls=0)
    with pytest.raises(ConfigurationError, match="imaginary_threshold_cm1"):
        RefineSettings(imaginary_threshold_cm1=-1)
