"""The random sample of a campaign, and the calibration set it makes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chem.audit import ENOUGH_AUDITS, AuditedReaction, audit_calibration, is_drawn
from chem.triage import QuantileRule, RiskRule, threshold_from

KEYS = [f"reaction {number}" for number in range(4000)]


def audited(score, error):
    return AuditedReaction(score_kcal_mol=score, error_kcal_mol=error)


def test_the_sample_has_its_share_and_no_share_draws_nobody():
    assert np.mean([is_drawn(1, key, 0.05) for key in KEYS]) == pytest.approx(0.05, abs=0.01)
    assert not any(is_drawn(1, key, 0.0) for key in KEYS)
    assert all(is_drawn(1, key, 1.0) for key in KEYS)


def test_another_seed_draws_others_and_a_larger_share_only_more():
    first, second = ({key for key in KEYS if is_drawn(seed, key, 0.05)} for seed in (1, 2))
    assert len(first & second) < 0.2 * len(first)
    assert first < {key for key in KEYS if is_drawn(1, key, 0.1)}


def test_a_small_audit_does_not_replace_the_calibration():
    few = [audited(1.0, 0.5)] * (ENOUGH_AUDITS - 1) + [audited(9.0, None)] * 100
    assert audit_calibration(few, "c3") is None
    calibration = audit_calibration([*few, audited(1.0, 0.5)], "c3")
    assert calibration.source == "audit of campaign c3"
    assert len(calibration.error_kcal_mol) == ENOUGH_AUDITS + 100


def test_a_renewed_calibration_sends_the_same_share_and_not_a_share_of_what_was_believed():
    """Scores 1 to 100, of which the audit saw the believed 86: the worst 14 % are still those from 87 on."""
    sample = [audited(float(score), 0.0 if score < 87 else None) for score in range(1, 101)]
    threshold = threshold_from(audit_calibration(sample, "c3"), QuantileRule(share=0.14))
    assert threshold.below_kcal_mol == 87.0


def test_the_risk_rule_believes_nothing_on_the_strength_of_reactions_that_nobody_looked_at():
    sample = [audited(float(score), 0.0 if score < 51 else None) for score in range(1, 101)]
    rule = RiskRule(target_kcal_mol=0.39, cap_kcal_mol=20.0)
    assert threshold_from(audit_calibration(sample, "c3"), rule).below_kcal_mol == 51.0


def test_what_a_hard_check_sent_is_sent_at_any_threshold_and_costs_no_risk():
    sample = [audited(1.0, 0.0)] * 100 + [audited(None, None)] * 100
    threshold = threshold_from(audit_calibration(sample, "c3"), RiskRule())
    assert threshold.below_kcal_mol > 1.0
    assert threshold.share_sent == 0.5


def test_a_wrong_saddle_counts_as_the_cap():
    right = [audited(1.0, 0.0)] * 90
    wrong = [audited(1.0, math.inf)] * 10
    rule = RiskRule(target_kcal_mol=2.0, cap_kcal_mol=20.0)
    assert threshold_from(audit_calibration(right, "c3"), rule).below_kcal_mol > 1.0
    assert threshold_from(audit_calibration([*right, *wrong], "c3"), rule).below_kcal_mol <= 1.0
