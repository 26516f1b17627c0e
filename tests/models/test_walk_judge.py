"""Errors expected from how a polish went."""

from __future__ import annotations

import numpy as np
import pytest

from chem.generator import EndPoints
from chem.levels import resolve_level
from chem.outcomes import TransitionState, Verdict, Walk
from chem.types import Geometry
from chem.walk_features import NAMES, walk_features
from models.monotone import curve_at, monotone_curve
from models.walk_judge import WalkJudge

ENDS = EndPoints(
    reactant=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.15], [0, 0, -1.07]]),
    product=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.17], [0, 0, 2.17]]),
)
WALK = Walk(
    gradient_calls=15,
    energy_change_ev=-0.25,
    largest_force_ev_per_angstrom=0.01,
    lowest_curvature=-4.5,
    mode_overlap=0.8,
    moved_angstrom=0.12,
    core_moved_angstrom=0.05,
)


def polished(ends=ENDS, walk=WALK, energies=(-2.0, -1.5)):
    return TransitionState(
        geometry=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.19], [1.15, 0, 0.35]]),
        energy_ev=0.0,
        level=resolve_level("gfn2"),
        verdict=Verdict(),
        reactant_end=ends.reactant,
        product_end=ends.product,
        reactant_end_energy_ev=energies[0],
        product_end_energy_ev=energies[1],
        walk=walk,
    )


@pytest.fixture
def reactions():
    """Features of 400 walks and errors that grow with the force that is left and fall with the lower barrier."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, len(NAMES)))
    force, barrier = NAMES.index("log_largest_force"), NAMES.index("lower_barrier")
    errors = np.exp(features[:, force] - 0.5 * features[:, barrier] + 0.3 * rng.normal(size=400))
    return features, errors


def test_the_features_do_not_depend_on_the_direction_of_the_reaction():
    back = EndPoints(reactant=ENDS.product, product=ENDS.reactant)
    there = walk_features(polished())
    assert there.shape == (len(NAMES),)
    np.testing.assert_allclose(there, walk_features(polished(back, energies=(-1.5, -2.0))))


def test_features_are_what_their_names_say():
    named = dict(zip(NAMES, walk_features(polished()), strict=True))
    assert named["log_largest_force"] == pytest.approx(-2.0)
    assert named["lower_barrier"] == pytest.approx(np.arcsinh(1.5 * 23.0605 / 5), rel=1e-4)
    assert named["n_changing_bonds"] == 2
    assert named["longest_stretch"] == pytest.approx(np.hypot(1.15, 0.84) / 1.0, rel=1e-3)


def test_what_was_not_polished_has_no_features():
    assert walk_features(polished(walk=None)) is None
    assert walk_features(polished(energies=(None, -1.5))) is None


def test_the_judge_ranks_reactions_that_it_has_not_seen(reactions):
    features, errors = reactions
    judge = WalkJudge(n_calibration=100)
    judge.fit(features[:200], errors[:200])
    judge.calibrate(features[200:300], errors[200:300], 0)
    expected = np.array(judge.expected_errors_kcal_mol(list(features[300:])))
    assert np.corrcoef(expected.argsort().argsort(), errors[300:].argsort().argsort())[0, 1] > 0.8
    assert expected.mean() == pytest.approx(errors[300:].mean(), rel=0.35)


def test_failed_calculations_count_as_the_cap_and_failed_polishes_are_always_sent(reactions):
    features, errors = reactions
    errors[:5] = np.inf
    judge = WalkJudge(n_calibration=400)
    judge.fit(features, errors)
    judge.calibrate(features[:390], errors[:390], 10)
    calibration = judge.calibration
    assert np.isinf(calibration.expected_error_kcal_mol[-10:]).all()
    assert np.isfinite(calibration.expected_error_kcal_mol[:-10]).all()
    assert np.isinf(calibration.error_kcal_mol[:5]).all()


def test_nothing_is_expected_of_nothing():
    assert WalkJudge().expected_errors_kcal_mol([]) == []


def test_a_monotone_curve_rises_strictly_and_keeps_the_mean():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=500)
    values = np.exp(scores) + rng.exponential(size=500)
    knots, heights = monotone_curve(scores, values, 16)
    assert (np.diff(knots) > 0).all()
    assert (np.diff(heights) > 0).all()
    assert curve_at(scores, knots, heights).mean() == pytest.approx(values.mean(), rel=0.1)
