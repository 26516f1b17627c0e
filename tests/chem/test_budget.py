"""What a campaign may spend."""

from __future__ import annotations

import pytest

from chem.budget import Budget, Spending
from chem.errors import ConfigurationError


def test_without_limits_nothing_is_ever_exhausted():
    assert Budget().exhausted_by(Spending(gradient_calls=10**9, cpu_hours=1e6, gpu_hours=1e6)) is None


@pytest.mark.parametrize("name", ["gradient_calls", "cpu_hours", "gpu_hours"])
def test_a_limit_that_is_reached_is_named_with_what_was_spent(name):
    budget = Budget(**{name: 100})
    assert budget.exhausted_by(Spending(**{name: 99})) is None
    told = budget.exhausted_by(Spending(**{name: 100}))
    assert told is not None
    assert name.replace("_", " ") in told


@pytest.mark.parametrize("name", ["gradient_calls", "cpu_hours", "gpu_hours", "reactions"])
def test_a_budget_of_nothing_is_refused(name):
    with pytest.raises(ConfigurationError, match=name):
        Budget(**{name: 0})
