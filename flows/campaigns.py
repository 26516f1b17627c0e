"""What the deployments run: each looks after the active campaigns of a database, or after one.

The database is named by the environment variable CAIRN_DATABASE of the worker, so that no credential is stored with a
run. Nothing is kept here: a run that dies is done again by the next one on the schedule.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.concurrency.sync import concurrency
from prefect.events import emit_event

from chem.errors import ConfigurationError
from db.engine import without_password
from db.tables import CalculationKind
from flows.backlog import cancel_overtaken_runs
from flows.verify import work_through
from tasks.artifacts import publish_audit, publish_progress, publish_report
from tasks.calculations import close_shared_pool, open_work
from tasks.campaign import active_campaigns, expand_frontier, open_rounds, reach_species, why_campaign_halted
from tasks.expected_barriers import expect_barriers_of_campaign
from tasks.ladder import queue_rung
from tasks.proposing import propose_reactions, queue_reactants
from tasks.relaxed_guesses import relax_guesses
from tasks.rungs import ladder_rungs
from tasks.settings import ExploreSettings
from tasks.triage import close_audits, generate_candidates, settle_estimates
from tasks.work_queue import exploration_queue

DATABASE_VARIABLE = "CAIRN_DATABASE"
GPU_LIMIT = "gpu"  # Prefect's global concurrency limit; where nobody made it, nothing is limited
GPU_PATIENCE_S = 600.0
GPU_LEASE_S = 60.0  # after which the slot of a killed run is free again
WORK_OPENED = "cairn.work-opened"  # events that start the other deployment at once (prefect.yaml), not on its schedule
WORK_DONE = "cairn.work-done"


@dataclass(frozen=True, slots=True)
class Advance:
    """One step of a campaign: what it was, in words, and whether it opened new work."""

    done: str
    opened: bool = False


@flow(name="expand", log_prints=False)
def expand(campaign: str | None = None) -> dict[str, str]:
    """Take each campaign as far as what is calculated allows: enumerate, generate, decide, or begin the next round.

    Args:
        campaign: Only this one; None for all active ones.

    Returns:
        What was done, by campaign.
    """
    done = {}
    for settings, name in _campaigns(campaign):
        step = advance(settings, name)
        done[name] = step.done
        get_run_logger().info("campaign %s: %s", name, step.done)
        publish_progress(settings.database, name)
        if step.opened:
            emit_event(WORK_OPENED, resource={"prefect.resource.id": "cairn.campaigns", "campaign": name})
    cancel_overtaken_runs()
    return done


def advance(settings: ExploreSettings, campaign: str) -> Advance:
    """One step of a campaign, quantum chemistry left to `verify`.

    Rounds are taken in order, and a stage of one is begun when the last is whole, so the network does not depend on
    when or where this runs.
    """
    for number in open_rounds(settings, campaign):
        if (halted := why_campaign_halted(settings.database, campaign)) is not None:
            return Advance(halted)
        new = expand_frontier(settings, campaign, number)
        if settings.propose.n and queue_reactants(settings, campaign):
            if waiting := _open(settings, campaign, CalculationKind.MINIMUM):
                return Advance(f"round {number}: {new} new reactions, {waiting} minima are open", opened=True)
            try:
                with _one_gpu_batch():
                    new += propose_reactions(settings, campaign, number)
            except TimeoutError:
                return Advance(f"round {number}: another run has the GPU")
        if waiting := _open(settings, campaign, CalculationKind.GUESS):
            return Advance(f"round {number}: {new} new reactions, {waiting} guesses are open", opened=new > 0)
        try:
            if settings.relaxation.method != "none":
                with _one_gpu_batch():
                    new += relax_guesses(settings, campaign)
            if waiting := _open(settings, campaign, CalculationKind.PREPARE):
                return Advance(f"round {number}: {new} new reactions, {waiting} preparations are open", opened=new > 0)
            with _one_gpu_batch():
                queued = generate_candidates(settings, campaign, number)
        except TimeoutError:
            return Advance(f"round {number}: another run has the GPU")
        if waiting := _open(settings, campaign, CalculationKind.ESTIMATE):
            return Advance(f"round {number}: {waiting} estimates are open", opened=queued > 0)
        queued += settle_estimates(settings, campaign, number)
        if waiting := _open(settings, campaign, CalculationKind.SEARCH):
            return Advance(f"round {number}: {waiting} searches are open", opened=queued > 0)
        close_audits(settings, campaign)
        expect_barriers_of_campaign(settings, campaign)
        reach_species(settings, campaign, number)
    return Advance("complete")


def _one_gpu_batch() -> AbstractContextManager[None]:
    """The right to the GPU; a killed run loses it after a minute."""
    return concurrency(GPU_LIMIT, timeout_seconds=GPU_PATIENCE_S, lease_duration=GPU_LEASE_S)


def _open(settings: ExploreSettings, campaign: str, kind: CalculationKind) -> int:
    return open_work(exploration_queue(settings, campaign, kind))


@flow(name="verify-campaigns", log_prints=False)
def verify(campaign: str | None = None) -> int:
    """Run the quantum chemistry that is open: end points, estimates, searches, then the ladder of levels.

    What other workers are running is left to them.

    Args:
        campaign: Only this one; None for all active ones.

    Returns:
        How many calculations ended here.
    """
    ended = 0
    for settings, name in _campaigns(campaign):
        before = ended
        for kind in (
            *((CalculationKind.MINIMUM,) if settings.propose.n else ()),
            CalculationKind.GUESS,
            CalculationKind.PREPARE,
            CalculationKind.ESTIMATE,
            CalculationKind.SEARCH,
        ):
            ended += work_through(exploration_queue(settings, name, kind))
        if ended > before:
            emit_event(WORK_DONE, resource={"prefect.resource.id": "cairn.campaigns", "campaign": name})
        for rung in ladder_rungs(settings, name):
            queue_rung(rung)
            ended += work_through(rung.queue)
        get_run_logger().info("campaign %s: %d calculations ended here", name, ended - before)
        publish_progress(settings.database, name)
    close_shared_pool()
    cancel_overtaken_runs()
    return ended


@flow(name="audit", log_prints=False)
def audit(campaign: str | None = None) -> int:
    """Hold believed estimates against the searches of them that are done, and publish what that says of triage.

    Args:
        campaign: Only this one; None for all active ones.

    Returns:
        How many audits ended.
    """
    ended = 0
    for settings, name in _campaigns(campaign):
        ended += close_audits(settings, name)
        publish_audit(settings.database, name)
    cancel_overtaken_runs()
    return ended


@flow(name="report", log_prints=False)
def report(campaign: str | None = None, folder: str = "runs/reports") -> list[str]:
    """Write the page of each campaign and publish a summary with the link to it.

    Args:
        campaign: Only this one; None for all active ones.
        folder: Where the pages go.

    Returns:
        Their paths.
    """
    paths = [str(publish_report(settings.database, name, Path(folder))) for settings, name in _campaigns(campaign)]
    cancel_overtaken_runs()
    return paths


def _campaigns(campaign: str | None) -> Iterator[tuple[ExploreSettings, str]]:
    """Settings and names of the campaigns to look after."""
    database = os.environ.get(DATABASE_VARIABLE)
    if database is None:
        raise ConfigurationError(f"set {DATABASE_VARIABLE} to the URL of the database where the workers run")
    for settings, name in active_campaigns(without_password(database)):
        if campaign in {None, name}:
            yield settings, name
