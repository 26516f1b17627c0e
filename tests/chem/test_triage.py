"""What is verified."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chem.errors import ConfigurationError, InputError
from chem.outcomes import Action, Decision
from chem.triage import (
    Calibration,
    QuantileRule,
    RiskRule,
    first_look,
    quantile_threshold,
    risk_threshold,
    settled,
    threshold_from,
    threshold_within,
)
from chem.types import Geometry, TSCandidate

GUESS = Geometry(numbers=np.array([1, 1]), positions=np.array([[0.0, 0, 0], [0, 0, 1]]))
LOOK = Decision(action=Action.POLISH, reasons=("the generator gives it a chance of 0.90",))
SCORES = np.arange(1.0, 101.0)
CALIBRATION = Calibration(expected_error_kcal_mol=SCORES, error_kcal_mol=SCORES / 5, source="val")


def candidate(confidence=0.9, reasons=()):
    return TSCandidate(geometry=GUESS, generator="learned", confidence=confidence, unscored_reasons=reasons)


def look(policy, best, faults=(), *, calibrated=True):
    (decision,) = first_look(policy, [best], [faults], calibrated=calibrated)
    return decision


def drawn(rng, n):
    """Scores that say something about heavy-tailed errors, some of them failures."""
    scores = rng.gamma(1.0, 4.0, n)
    errors = np.abs(scores * rng.standard_cauchy(n))
    errors[rng.random(n) < 0.02] = np.inf
    return scores, errors


@pytest.mark.parametrize(
    ("policy", "confidence", "action"),
    [
        ("all", 0.99, Action.REFINE),
        ("none", None, Action.POLISH),
        ("triage", None, Action.REFINE),
        ("triage", 0.99, Action.POLISH),
    ],
)
def test_a_policy_looks_at_a_candidate_and_says_why(policy, confidence, action):
    decision = look(policy, candidate(confidence))
    assert decision.action is action
    assert decision.reasons


def test_without_a_candidate_only_a_search_can_tell():
    assert look("none", None).action is Action.REFINE


def test_where_nothing_was_calibrated_triage_verifies():
    assert look("triage", candidate(), calibrated=False).action is Action.REFINE
    assert settled("triage", None, LOOK, 0.0).action is Action.REFINE


def test_a_failed_hard_check_is_not_worth_a_polish():
    decision = look("triage", candidate(), ("atoms C0-H1 clash",))
    assert decision.action is Action.REFINE
    assert decision.reasons == ("atoms C0-H1 clash",)
    assert decision.score_kcal_mol is None


@pytest.mark.parametrize("confidence", [None, 0.0])
def test_a_candidate_without_confidence_is_verified_for_the_reason_it_carries(confidence):
    decision = look("triage", candidate(confidence, ("element S is unknown",)))
    assert decision.action is Action.REFINE
    assert "element S is unknown" in decision.reasons


def test_a_campaign_that_verifies_nothing_still_names_what_is_broken():
    decision = look("none", candidate(), ("atom H3 has flown off",))
    assert decision.action is Action.POLISH
    assert "atom H3 has flown off" in decision.reasons
    end = settled("none", None, decision, None, failure="the SCF did not converge")
    assert end.action is Action.ACCEPT
    assert "atom H3 has flown off" in end.reasons


def test_a_score_below_the_threshold_is_believed_and_one_on_it_is_not():
    threshold = threshold_from(CALIBRATION, QuantileRule(share=0.14))
    assert threshold.below_kcal_mol == 87.0
    below, on = settled("triage", threshold, LOOK, 86.9), settled("triage", threshold, LOOK, 87.0)
    assert (below.action, on.action) == (Action.ACCEPT, Action.REFINE)
    assert (below.score_kcal_mol, on.score_kcal_mol) == (86.9, 87.0)


def test_the_record_names_score_threshold_rule_and_calibration_set():
    threshold = threshold_from(CALIBRATION, RiskRule())
    for score in (1.25, 99.5):
        _, reason = settled("triage", threshold, LOOK, score).reasons
        for words in (
            f"{score:.2f}",
            f"{threshold.below_kcal_mol:.2f} kcal/mol",
            "risk rule",
            "2.6",
            "20 kcal/mol",
            "100",
            "of val",
        ):
            assert words in reason


def test_a_polish_that_failed_sends_the_reaction_and_leaves_no_score():
    threshold = threshold_from(CALIBRATION, QuantileRule(share=0.0))
    decision = settled("triage", threshold, LOOK, 0.0, failure="the SCF did not converge")
    assert decision.action is Action.REFINE
    assert decision.score_kcal_mol is None
    assert "the SCF did not converge" in decision.reasons[-1]


@pytest.mark.parametrize("score", [None, math.nan, math.inf])
def test_a_candidate_whose_error_nobody_can_expect_is_verified(score):
    threshold = threshold_from(CALIBRATION, QuantileRule(share=0.0))
    assert settled("triage", threshold, LOOK, score).action is Action.REFINE


@pytest.mark.parametrize("share", [0.0, 0.07, 0.14, 0.5, 1.0])
def test_the_quantile_sends_exactly_its_share_of_distinct_scores(share):
    scores = np.random.default_rng(0).permutation(np.arange(50.0))
    assert np.mean(~(scores < quantile_threshold(scores, share))) == pytest.approx(math.ceil(50 * share - 1e-9) / 50)


def test_equal_scores_meet_with_one_decision_and_never_fewer_than_the_share_are_sent():
    scores = np.array([1.0, 2, 2, 2, 3])
    assert quantile_threshold(scores, 0.4) == 2.0
    assert np.mean(scores >= 2.0) == 0.8


def test_a_frontier_ranked_within_itself_meets_the_share_where_the_calibration_set_does_not():
    frontier = SCORES + 50.0
    fixed = threshold_from(CALIBRATION, QuantileRule()).below_kcal_mol
    own = threshold_within(frontier, QuantileRule(), "round 1 itself")
    assert np.mean(frontier >= fixed) == 0.64
    assert own.share_sent == 0.14


def test_the_risk_threshold_is_the_highest_that_the_bound_allows():
    rule = RiskRule(target_kcal_mol=2.6, cap_kcal_mol=20.0)
    threshold = risk_threshold(CALIBRATION, rule)

    def bound(below):
        return (np.minimum(SCORES / 5, 20.0)[below > SCORES].sum() + 20.0) / 101

    assert bound(threshold.below_kcal_mol) <= 2.6 < bound(threshold.below_kcal_mol + 1e-9)
    assert threshold.share_sent == np.mean(threshold.below_kcal_mol <= SCORES)


def test_the_mean_capped_error_left_by_the_risk_rule_is_within_its_target_on_average():
    rng = np.random.default_rng(3)
    rule = RiskRule(target_kcal_mol=2.6, cap_kcal_mol=20.0)
    left, shares = [], []
    for _ in range(800):
        scores, errors = drawn(rng, 60)
        threshold = risk_threshold(Calibration(expected_error_kcal_mol=scores, error_kcal_mol=errors, source="a"), rule)
        fresh, true = drawn(rng, 200)
        left.append(np.mean(np.minimum(true, 20.0) * (fresh < threshold.below_kcal_mol)))
        shares.append(threshold.share_sent)
    assert np.mean(left) <= 2.6 + 2 * np.std(left) / np.sqrt(len(left))
    assert np.mean(left) > 2.6 - 2 * 20.0 / 61  # and no tighter than the theorem says
    assert 0.05 < np.mean(shares) < 0.95


def test_equal_scores_are_believed_or_sent_together_by_the_risk_rule():
    errors = np.array([0.0] * 50 + [20.0] * 50)
    calibration = Calibration(expected_error_kcal_mol=np.ones(100), error_kcal_mol=errors, source="val")
    threshold = risk_threshold(calibration, RiskRule())
    assert threshold.below_kcal_mol == 1.0
    assert threshold.share_sent == 1.0


def test_a_lower_target_never_sends_fewer():
    shares = [risk_threshold(CALIBRATION, RiskRule(target_kcal_mol=t)).share_sent for t in (1.0, 2.0, 4.0, 8.0, 15.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1] == 0.0


def test_with_too_few_reactions_no_threshold_is_shown_to_hold_and_everything_is_sent():
    few, enough = (
        Calibration(expected_error_kcal_mol=np.ones(n), error_kcal_mol=np.zeros(n), source="val") for n in (6, 7)
    )
    threshold = risk_threshold(few, RiskRule())  # 20 / 2.6 - 1 is 6.7
    assert not threshold.fulfilled
    decision = settled("triage", threshold, LOOK, -1e9)
    assert decision.action is Action.REFINE
    assert "too few reactions" in decision.reasons[-1]
    assert risk_threshold(enough, RiskRule()).below_kcal_mol == math.inf


def test_a_failed_calculation_counts_as_the_cap():
    errors = np.array([np.inf] + [0.0] * 99)
    failed = Calibration(expected_error_kcal_mol=SCORES, error_kcal_mol=errors, source="val")
    assert risk_threshold(failed, RiskRule(target_kcal_mol=0.39)).below_kcal_mol == 1.0  # 20 + 20 > 0.39 * 101
    assert risk_threshold(failed, RiskRule(target_kcal_mol=0.40)).below_kcal_mol == math.inf


@pytest.mark.parametrize(
    ("scores", "errors", "message"),
    [
        ([1.0], [1.0, 2.0], "one length"),
        ([], [], "not empty"),
        ([math.nan], [1.0], "not a number"),
        ([1.0], [-1.0], "absolute errors"),
    ],
)
def test_a_calibration_that_cannot_be_used_is_refused(scores, errors, message):
    with pytest.raises(InputError, match=message):
        Calibration(expected_error_kcal_mol=np.array(scores), error_kcal_mol=np.array(errors), source="val")


def test_rules_out_of_range_are_refused():
    with pytest.raises(ConfigurationError, match="share"):
        QuantileRule(share=14.0)
    with pytest.raises(ConfigurationError, match="cap_kcal_mol"):
        RiskRule(target_kcal_mol=30.0)
