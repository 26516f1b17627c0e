"""One calculation in a process of its own, as the commands on single structures run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

from chem.errors import InputError
from tasks.workers import WorkerLimits, WorkerPool

Job = TypeVar("Job")
Value = TypeVar("Value")


def run_alone(function: Callable[[Job], Value], job: Job, limits: WorkerLimits) -> Value:
    """Run a job in a worker process: a program can end the process it runs in, and must not end this one.

    Args:
        function: Module-level function of one job.
        job: What it gets.
        limits: Threads, memory, and the wall time after which the worker is killed.

    Raises:
        InputError: The job cannot use what it was given.
        typer.Exit: The worker was lost, raised, or ran out of time; the reason is told.
    """
    with WorkerPool(limits) as pool:
        (finished,) = pool.run(_tried, [(function, job)])
    if finished.value is None:
        remedy = "run it again, at a cheaper level or with a longer --time-limit where that ended it"
        typer.echo(f"error: the calculation was lost: {finished.fault}; {remedy}", err=True)
        raise typer.Exit(1)
    if isinstance(finished.value, InputError):
        raise finished.value
    return finished.value


def _tried(work: tuple[Callable[[Job], Value], Job]) -> Value | InputError:
    """The value of a job; bad input comes back as a value too, for a fault of the pool tells no one what to correct."""
    function, job = work
    try:
        return function(job)
    except InputError as error:
        return error
