"""Scheduled runs whose time came while an earlier run of the same deployment was at work."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.runtime import deployment
from prefect.states import Cancelled

MOST_AT_ONCE = 200  # which is as many as the server gives in one answer


def cancel_overtaken_runs() -> int:
    """Cancel the late runs of the deployment of this run: what they were to do, this one has just done.

    Without this a run of hours leaves a queue of runs that find nothing to do, each a process of its own.

    Returns:
        How many; 0 outside of a deployment.
    """
    if deployment.id is None:
        return 0
    late = FlowRunFilter.model_validate(
        {"deployment_id": {"any_": [deployment.id]}, "state": {"name": {"any_": ["Late"]}}}
    )
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=late, limit=MOST_AT_ONCE)
        for run in runs:
            client.set_flow_run_state(run.id, Cancelled(message="overtaken: a run before it did its work"))
    return len(runs)
