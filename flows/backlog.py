"""Scheduled runs whose time came while an earlier run of the same deployment was at work."""

from __future__ import annotations

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectException
from prefect.runtime import deployment
from prefect.states import Cancelled

MOST_AT_ONCE = 200  # which is as many as the server gives in one answer


def cancel_overtaken_runs() -> int:
    """Cancel the late runs of the deployment of this run that a later one with the same parameters makes needless.

    Without this a run of hours leaves a queue of runs that find nothing to do, each a process of its own. The last of
    them stays: what came up while this run was at work is for that one.

    Returns:
        How many; 0 outside of a deployment, and where the server does not answer.
    """
    if deployment.id is None:
        return 0
    late = FlowRunFilter.model_validate(
        {"deployment_id": {"any_": [deployment.id]}, "state": {"name": {"any_": ["Late"]}}}
    )
    try:
        with get_client(sync_client=True) as client:
            overtaken = _but_the_last(client.read_flow_runs(flow_run_filter=late, limit=MOST_AT_ONCE))
            for run in overtaken:
                client.set_flow_run_state(run.id, Cancelled(message="overtaken: a run after it does its work"))
    except (httpx.HTTPError, PrefectException) as error:  # the work of this run is done all the same
        get_run_logger().warning("late runs were not cancelled: %s", error)
        return 0
    return len(overtaken)


def _but_the_last(runs: list[FlowRun]) -> list[FlowRun]:
    """All runs but the last of each set of parameters."""
    in_order = sorted(runs, key=lambda run: (run.expected_start_time is not None, run.expected_start_time, run.id))
    last = {repr(sorted(run.parameters.items())): run.id for run in in_order}
    return [run for run in in_order if last[repr(sorted(run.parameters.items()))] != run.id]
