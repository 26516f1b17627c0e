"""Of scheduled runs that wait, one is enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from prefect.client.schemas.objects import FlowRun

from flows.backlog import _but_the_last, cancel_overtaken_runs

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def late(minutes, **parameters):
    moment = NOW + timedelta(minutes=minutes)
    return FlowRun(id=uuid4(), flow_id=uuid4(), expected_start_time=moment, parameters=parameters)


def test_the_last_of_the_runs_with_the_same_parameters_stays():
    runs = [late(2), late(1), late(3), late(1, campaign="one"), late(4, campaign="one")]
    assert _but_the_last(runs) == [runs[1], runs[3], runs[0]] or _but_the_last(runs) == [runs[3], runs[1], runs[0]]


def test_outside_of_a_deployment_nothing_is_cancelled():
    assert cancel_overtaken_runs() == 0
