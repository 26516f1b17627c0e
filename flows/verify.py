"""Higher rungs of the ladder of levels: known transition states refined and proved, or given better energies."""

from __future__ import annotations

import time

from prefect import flow

from tasks.calculations import open_work
from tasks.campaign import why_campaign_halted
from tasks.ladder import queue_rung
from tasks.rungs import Rung
from tasks.runner import calculate
from tasks.work_queue import WorkQueue

WAIT_FOR_OTHERS_S = 2.0


@flow(name="verify", log_prints=False)
def verify(rung: Rung) -> int:
    """Climb one rung; returns how many reactions were newly queued."""
    return climb(rung)


def climb(rung: Rung) -> int:
    """Queue the reactions of a rung and work through them; returns how many are new."""
    new = queue_rung(rung)
    drain(rung.queue)
    return new


def work_through(queue: WorkQueue) -> int:
    """Work in batches until nothing of a queue can be claimed; returns how many calculations ended here."""
    ended = 0
    while batch := calculate(queue):
        ended += batch
    return ended


def drain(queue: WorkQueue) -> bool:
    """Work in batches until nothing of a queue is open, what others run included, or its campaign is halted.

    Returns:
        Whether the queue is empty.
    """
    while open_work(queue):
        if calculate(queue):
            continue
        if queue.campaign is not None and why_campaign_halted(queue.database, queue.campaign) is not None:
            return False
        time.sleep(WAIT_FOR_OTHERS_S)
    return True
