"""What is verified."""

from __future__ import annotations

import numpy as np
import pytest

from chem.outcomes import Action
from chem.triage import decide
from chem.types import Geometry, TSCandidate

GUESS = Geometry(numbers=np.array([1, 1]), positions=np.array([[0.0, 0, 0], [0, 0, 1]]))


@pytest.mark.parametrize(
    ("policy", "confidence", "action"),
    [
        ("all", 0.99, Action.REFINE),
        ("none", None, Action.ACCEPT),
        ("triage", None, Action.REFINE),
        ("triage", 0.99, Action.REFINE),
    ],
)
def test_a_policy_decides_and_says_why(policy, confidence, action):
    decision = decide(policy, TSCandidate(geometry=GUESS, generator="classical", confidence=confidence))
    assert decision.action is action
    assert decision.reasons


def test_without_a_candidate_only_a_search_can_tell():
    assert decide("none", None).action is Action.REFINE
