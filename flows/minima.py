"""Minima of species, proved by their vibrations, for the kinetics of a network."""

from __future__ import annotations

from prefect import flow

from flows.verify import drain
from tasks.species_minima import queue_minima
from tasks.work_queue import WorkQueue


@flow(name="minima", log_prints=False)
def minima(queue: WorkQueue) -> bool:
    """Find the minimum of every species of a queue that has none; returns whether all ended."""
    return drain(queue_minima(queue))
