"""How well scores rank reactions."""

from __future__ import annotations

import numpy as np
import pytest

from chem.errors import InputError
from chem.ranking import auroc, calibration_error, capped_errors, captured_share, rank_correlation, triage_curve

RNG = np.random.default_rng(0)
ERRORS = RNG.gamma(0.5, 6.0, 50)
SHARES = np.linspace(0.0, 1.0, 21)


def test_auroc_is_the_probability_that_a_positive_scores_above_a_negative():
    scores = RNG.integers(0, 8, 60).astype(float)
    positive = RNG.random(60) < 0.4
    pairs = [
        1.0 if right > wrong else 0.5 if right == wrong else 0.0
        for right in scores[positive]
        for wrong in scores[~positive]
    ]
    assert auroc(scores, positive) == pytest.approx(np.mean(pairs))


def test_auroc_is_one_half_for_equal_scores_and_undefined_for_one_class():
    assert auroc(np.ones(4), [True, False, True, False]) == 0.5
    assert auroc([1.0, 2.0], [True, True]) is None


def test_turning_the_scores_round_turns_auroc_and_correlation_round():
    scores, positive = RNG.normal(size=30), RNG.random(30) < 0.5
    assert auroc(-scores, positive) == pytest.approx(1.0 - auroc(scores, positive))
    assert rank_correlation(-scores, ERRORS[:30]) == pytest.approx(-rank_correlation(scores, ERRORS[:30]))


def test_rank_correlation_is_one_for_any_increasing_relation_and_undefined_for_a_constant():
    assert rank_correlation(np.exp(ERRORS), ERRORS) == pytest.approx(1.0)
    assert rank_correlation(np.ones(5), ERRORS[:5]) is None


def test_drawing_outcomes_with_the_stated_probability_leaves_little_calibration_error():
    confidences = RNG.random(20000)
    assert calibration_error(confidences, RNG.random(20000) < confidences) < 0.015


def test_overconfidence_is_the_calibration_error():
    confidences = np.linspace(0.5, 1.0, 1000)
    right = np.arange(1000) % 2 == 0
    assert calibration_error(confidences, right) == pytest.approx(0.25, abs=0.01)


def test_calibration_error_does_not_depend_on_the_order_of_equal_confidences():
    confidences = np.full(20, 0.5)
    right = np.arange(20) < 10
    assert calibration_error(confidences, right) == pytest.approx(0.0)
    assert calibration_error(confidences, right[::-1]) == pytest.approx(0.0)


def test_the_oracle_sends_the_largest_errors_first():
    curve = triage_curve(RNG.normal(size=50), ERRORS, [0.14])
    assert curve.oracle_kcal_mol[0] == pytest.approx(np.sort(ERRORS)[:43].sum() / 50)


def test_no_score_is_better_than_the_oracle_or_worse_than_its_reverse():
    curve = triage_curve(RNG.normal(size=50), ERRORS, SHARES)
    worst = triage_curve(-ERRORS, ERRORS, SHARES).scored_kcal_mol
    assert (curve.oracle_kcal_mol <= curve.scored_kcal_mol + 1e-12).all()
    assert (curve.scored_kcal_mol <= worst + 1e-12).all()


def test_curves_start_at_the_mean_error_and_end_at_zero():
    curve = triage_curve(RNG.normal(size=50), ERRORS, [0.0, 1.0])
    for line in (curve.scored_kcal_mol, curve.random_kcal_mol, curve.oracle_kcal_mol):
        assert line == pytest.approx([ERRORS.mean(), 0.0], abs=1e-12)


def test_scores_that_are_all_equal_are_random_triage():
    curve = triage_curve(np.ones(50), ERRORS, SHARES)
    assert curve.scored_kcal_mol == pytest.approx(curve.random_kcal_mol)
    assert captured_share(np.ones(50), ERRORS) == pytest.approx(0.0, abs=1e-12)


def test_random_triage_is_what_drawn_scores_give_on_average():
    drawn = [triage_curve(RNG.random(50), ERRORS, [0.3]).scored_kcal_mol[0] for _ in range(2000)]
    random = triage_curve(ERRORS, ERRORS, [0.3]).random_kcal_mol[0]
    assert np.mean(drawn) == pytest.approx(random, abs=4 * np.std(drawn) / np.sqrt(2000))


def test_the_captured_share_is_one_for_the_errors_themselves_and_negative_for_their_reverse():
    assert captured_share(ERRORS, ERRORS) == pytest.approx(1.0)
    assert captured_share(-ERRORS, ERRORS) < 0.0
    assert captured_share(ERRORS, np.ones(50)) is None


def test_failures_count_as_the_cap_and_are_counted():
    errors, failed = capped_errors([-3.0, np.nan, 70.0, np.inf])
    assert errors.tolist() == [3.0, 50.0, 50.0, 50.0]
    assert failed == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: triage_curve([1.0], [np.nan], [0.1]), "errors_kcal_mol hold a value that is not finite"),
        (lambda: triage_curve([1.0], [-1.0], [0.1]), "absolute errors"),
        (lambda: triage_curve([1.0], [1.0], [14.0]), "shares"),
        (lambda: auroc([1.0], [True, False]), "one length"),
        (lambda: calibration_error([1.5], [True]), "confidences"),
        (lambda: calibration_error([0.5], [True], n_bins=0), "n_bins"),
    ],
)
def test_input_that_would_give_a_meaningless_number_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
