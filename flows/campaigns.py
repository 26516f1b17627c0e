"""What the deployments run: each looks after the active campaigns of a database, or after one.

The database is named by the environment variable CAIRN_DATABASE of the worker, so that no credential is stored with a
run. Nothing is kept here: a run that dies is done again by the next one on the schedule.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prefect import flow, get_run_logger

from chem.errors import ConfigurationError
from db.engine import without_password
from db.tables import CalculationKind
from flows.explore import prepare_and_guess
from flows.verify import climb, drain
from tasks.artifacts import publish_audit, publish_progress, publish_report
from tasks.calculations import close_shared_pool, open_work
from tasks.campaign import active_campaigns, expand_frontier, reach_species, why_campaign_halted
from tasks.rungs import ladder_rungs
from tasks.settings import ExploreSettings
from tasks.triage import close_audits
from tasks.work_queue import exploration_queue

DATABASE_VARIABLE = "CAIRN_DATABASE"


@flow(name="expand", log_prints=False)
def expand(campaign: str | None = None) -> dict[str, str]:
    """Take each campaign one step further: a round up to its searches, or, once those are done, the next round.

    Args:
        campaign: Only this one; None for all active ones.

    Returns:
        What was done, by campaign.
    """
    done = {}
    for settings, name in _campaigns(campaign):
        done[name] = advance(settings, name)
        get_run_logger().info("campaign %s: %s", name, done[name])
        publish_progress(settings.database, name)
    close_shared_pool()
    return done


def advance(settings: ExploreSettings, campaign: str) -> str:
    """One step of a campaign; returns what it was.

    Rounds are taken in order, so the network does not depend on when or where this runs.
    """
    for round_number in range(1, settings.depth + 1):
        if (halted := why_campaign_halted(settings.database, campaign)) is not None:
            return halted
        new = expand_frontier(settings, campaign, round_number)
        if not prepare_and_guess(settings, campaign, round_number):
            return f"round {round_number} was interrupted"
        waiting = open_work(exploration_queue(settings, campaign, CalculationKind.SEARCH))
        if waiting:
            return f"round {round_number}: {new} new reactions, {waiting} searches are open"
        close_audits(settings, campaign)
        reach_species(settings, campaign, round_number)
        if new:
            return f"round {round_number} is complete, {new} new reactions"
    return "complete"


@flow(name="verify-campaigns", log_prints=False)
def verify(campaign: str | None = None) -> int:
    """Work through the searches that triage asked for, then climb the ladder of levels.

    Args:
        campaign: Only this one; None for all active ones.

    Returns:
        How many queues were worked on to their end.
    """
    emptied = 0
    for settings, name in _campaigns(campaign):
        emptied += drain(exploration_queue(settings, name, CalculationKind.SEARCH))
        for rung in ladder_rungs(settings, name):
            climb(rung)
        publish_progress(settings.database, name)
    close_shared_pool()
    return emptied


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
    return [str(publish_report(settings.database, name, Path(folder))) for settings, name in _campaigns(campaign)]


def _campaigns(campaign: str | None) -> Iterator[tuple[ExploreSettings, str]]:
    """Settings and names of the campaigns to look after."""
    database = os.environ.get(DATABASE_VARIABLE)
    if database is None:
        raise ConfigurationError(f"set {DATABASE_VARIABLE} to the URL of the database where the workers run")
    for settings, name in active_campaigns(without_password(database)):
        if campaign in {None, name}:
            yield settings, name
