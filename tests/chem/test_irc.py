"""Intrinsic reaction coordinate."""

from __future__ import annotations

import numpy as np
import pytest

from chem.frequencies import finite_difference_hessian, vibrations
from chem.irc import bofill_update, follow_irc, quadratic_descent
from chem.levels import resolve_level
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.saddle import find_saddle
from chem.types import Geometry

LEVEL = resolve_level("gfn2")


def test_steepest_descent_on_a_quadratic_surface_follows_the_exact_line():
    gradient, curvatures = np.array([1.0, -0.5]), np.array([4.0, 1.0])
    moved = quadratic_descent(gradient, curvatures, 0.2)
    assert np.linalg.norm(moved) == pytest.approx(0.2, abs=1e-4)
    # Along dx/dt = -(g + H x) the remaining gradients obey g_k(t) = g_k exp(-h_k t): one t serves both components.
    times = -np.log((gradient + curvatures * moved) / gradient) / curvatures
    assert times[0] == pytest.approx(times[1], rel=1e-6)


def test_a_step_longer_than_the_way_down_ends_in_the_minimum():
    gradient, curvatures = np.array([1.0, -0.5]), np.array([4.0, 1.0])
    assert quadratic_descent(gradient, curvatures, 10.0) == pytest.approx(-gradient / curvatures)


def test_an_updated_hessian_reproduces_the_change_of_the_gradient():
    rng = np.random.default_rng(1)
    exact = rng.normal(size=(4, 4))
    exact += exact.T
    step = rng.normal(size=4)
    updated = bofill_update(np.eye(4), step, exact @ step)
    assert updated @ step == pytest.approx(exact @ step)
    assert np.allclose(updated, updated.T)


def test_the_path_of_hcn_leads_down_to_hcn_and_hnc():
    saddle = find_saddle(
        Geometry(numbers=[1, 6, 7], positions=[[1.1, 0, 0.5], [0, 0, 0], [0, 0, 1.18]]), LEVEL, GradientCounter()
    )
    hessian = finite_difference_hessian(saddle.geometry, LEVEL, GradientCounter())
    mode = vibrations(saddle.geometry, hessian).modes[0]
    counter = GradientCounter()
    branches = follow_irc(saddle.geometry, saddle.energy_ev, hessian, mode, LEVEL, counter)
    assert {perceive_graph(branch.end.geometry).bonds for branch in branches} == {
        frozenset({(0, 1), (1, 2)}),
        frozenset({(0, 2), (1, 2)}),
    }
    for branch in branches:
        assert branch.end.converged
        assert (np.diff(branch.energies_ev) < 1e-4).all()  # eV: the floor is flat to the accuracy of xTB
    assert counter.calls < 150
