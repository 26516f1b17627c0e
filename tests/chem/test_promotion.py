"""Promotion: only a difference beyond doubt on the campaign, and hardly any loss on the base data."""

from __future__ import annotations

import numpy as np
import pytest

from chem.errors import ConfigurationError, InputError
from chem.promotion import PairedDifference, PromotionRule, decide, paired_difference

RULE = PromotionRule(n_resamples=999)


def difference(low, high):
    return PairedDifference(n=50, difference=(low + high) / 2, low=low, high=high)


def test_the_interval_of_a_shift_holds_the_shift_and_is_the_same_every_time():
    generator = np.random.default_rng(0)
    before = generator.uniform(0.1, 0.5, 200)
    after = before - 0.05 + 0.02 * generator.normal(size=200)
    found = paired_difference(before, after, RULE)
    assert found.low < -0.05 < found.high < 0.0
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.02 / np.sqrt(200), rel=0.2)
    assert paired_difference(before, after, RULE) == found
    assert paired_difference(before, before, RULE) == PairedDifference(n=200, difference=0.0, low=0.0, high=0.0)


def test_one_reaction_that_became_much_worse_moves_the_mean_and_not_the_median():
    before = np.full(20, 0.2)
    after = np.append(np.full(19, 0.1), 9.0)
    assert paired_difference(before, after, RULE).difference > 0
    assert paired_difference(before, after, PromotionRule(statistic="median", n_resamples=999)).high < 0


@pytest.mark.parametrize(
    ("campaign", "base", "promoted"),
    [
        (difference(-0.1, -0.01), difference(-0.01, 0.01), True),
        (difference(-0.1, 0.0), difference(-0.01, 0.01), False),  # it may be chance
        (difference(-0.1, -0.01), difference(0.0, 0.03), False),  # what was known is forgotten
        (difference(0.01, 0.1), difference(-0.1, -0.01), False),
    ],
)
def test_a_candidate_is_promoted_only_if_better_here_and_no_worse_there(campaign, base, promoted):
    made = decide(campaign, base, RULE)
    assert made.promoted is promoted
    assert "50 held-out reactions of the campaign" in made.reasons[0]
    assert "Å" in made.reasons[1]


def test_a_rule_or_values_that_make_no_sense_are_refused():
    with pytest.raises(ConfigurationError, match="mode"):
        PromotionRule(statistic="mode")
    with pytest.raises(InputError, match="3 values"):
        paired_difference([0.1, 0.2], [0.1, 0.2], RULE)
    with pytest.raises(InputError, match="finite"):
        paired_difference([0.1, 0.2, np.nan], [0.1, 0.2, 0.3], RULE)
