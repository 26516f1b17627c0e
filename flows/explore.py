"""The exploration of a reaction network, round by round."""

from __future__ import annotations

import time

from prefect import flow

from db.tables import CalculationKind
from flows.verify import WAIT_FOR_OTHERS_S, climb, drain
from tasks.calculations import open_work
from tasks.campaign import expand_frontier, open_rounds, reach_species, start_campaign, why_campaign_halted
from tasks.expected_barriers import expect_barriers_of_campaign
from tasks.learned_weights import with_learned_weights
from tasks.proposing import propose_reactions, queue_reactants
from tasks.relaxed_guesses import relax_guesses
from tasks.rungs import ladder_rungs
from tasks.runner import make_task_runner
from tasks.settings import ExploreSettings
from tasks.triage import close_audits, generate_candidates, settle_estimates
from tasks.work_queue import exploration_queue


@flow(name="explore", log_prints=False)
def explore(settings: ExploreSettings) -> str:
    """Grow the network of the seeds: enumerate, prepare end points, guess transition states, verify, reach on.

    Everything is in the database as soon as it is computed: a flow that is killed and started again goes on where it
    was. It ends early where the campaign is paused or stopped, or its budget is spent.

    Args:
        settings: What to explore and how.

    Returns:
        Name of the campaign.
    """
    settings = with_learned_weights(settings)
    campaign = start_campaign(settings)
    one_round = explore_round.with_options(task_runner=make_task_runner(settings))
    for round_number in open_rounds(settings, campaign):
        halted = why_campaign_halted(settings.database, campaign) is not None
        if halted or not one_round(settings, campaign, round_number):
            break
    return campaign


@flow(name="round", flow_run_name="round {round_number}", log_prints=False)
def explore_round(settings: ExploreSettings, campaign: str, round_number: int) -> bool:
    """One round: every species reached in an earlier round and not yet expanded, with all its reactions.

    Returns:
        Whether it was done to its end.
    """
    expand_frontier(settings, campaign, round_number)
    if settings.propose.n and not propose(settings, campaign, round_number):
        return False
    if not prepare_and_guess(settings, campaign, round_number):
        return False
    if not drain(exploration_queue(settings, campaign, CalculationKind.SEARCH)):
        return False
    close_audits(settings, campaign)
    expect_barriers_of_campaign(settings, campaign)
    reach_species(settings, campaign, round_number)
    for rung in ladder_rungs(settings, campaign):
        climb(rung)
    return True


def propose(settings: ExploreSettings, campaign: str, round_number: int) -> bool:
    """Reactions that a network draws of the expanded species, from the minimum of each.

    Returns:
        Whether it was done to its end.
    """
    if queue_reactants(settings, campaign) and not drain(
        exploration_queue(settings, campaign, CalculationKind.MINIMUM)
    ):
        return False
    propose_reactions(settings, campaign, round_number)
    return True


def prepare_and_guess(settings: ExploreSettings, campaign: str, round_number: int) -> bool:
    """End points, guesses, triage and estimates of the reactions of a round, up to the searches that triage asks for.

    Returns:
        Whether it was done to its end.
    """
    if settings.relaxation.method != "none" and not guess_and_relax(settings, campaign):
        return False
    if not drain(exploration_queue(settings, campaign, CalculationKind.PREPARE)):
        return False
    generate_candidates(settings, campaign, round_number)
    if not drain(exploration_queue(settings, campaign, CalculationKind.ESTIMATE)):
        return False
    settle_estimates(settings, campaign, round_number)
    return True


def guess_and_relax(settings: ExploreSettings, campaign: str) -> bool:
    """Guesses of the end points of a campaign's reactions, relaxed all at once before quantum chemistry sees them.

    Returns:
        Whether it was done to its end.
    """
    if not drain(exploration_queue(settings, campaign, CalculationKind.GUESS)):
        return False
    relax_guesses(settings, campaign)
    while open_work(exploration_queue(settings, campaign, CalculationKind.RELAX)):  # of others, or of a dead process
        if why_campaign_halted(settings.database, campaign) is not None:
            return False
        time.sleep(WAIT_FOR_OTHERS_S)
        relax_guesses(settings, campaign)
    return True
