"""Rows of a long computation, kept beside its file as they come, so that a run that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tasks.workers import WorkerLimits, WorkerPool

Row = dict[str, Any]


class Named(Protocol):
    """A job with a name of its own."""

    @property
    def identifier(self) -> str:
        """The name."""
        ...


Job = TypeVar("Job", bound=Named)


def rows_file(path: Path) -> Path:
    """Where the rows of a file are kept."""
    return path.with_suffix(".jsonl")


def kept_rows(path: Path, level_key: str) -> dict[str, Row]:
    """What earlier runs at a level left, by name, without faults of workers and lines that a kill cut short."""
    rows: dict[str, Row] = {}
    file = rows_file(path)
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if not isinstance(row, dict) or "id" not in row or row.get("level") != level_key:
            continue  # of another level, or of another program
        if not row.get("fault", False):
            rows[row["id"]] = row
    return rows


def computed_rows(
    path: Path,
    level_key: str,
    function: Callable[[Job], Row],
    jobs: Iterable[Job],
    limits: WorkerLimits,
    progress: Callable[[int, int], None],
) -> list[Row]:
    """A row for each job, computed where it is not kept already.

    Args:
        path: File that the rows are for; they are kept beside it.
        level_key: Level of theory; rows of another one are not taken.
        function: Of a module; gives a row without name and level. A fault of a worker becomes the row's `failure`,
            and is tried again by the next run.
        jobs: What to compute.
        limits: Worker processes.
        progress: Told how many of how many are done.

    Returns:
        In the order of the jobs.
    """
    every = list(jobs)
    rows = kept_rows(path, level_key)
    waiting = [job for job in every if job.identifier not in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    with WorkerPool(limits) as pool, rows_file(path).open("a", encoding="utf-8") as file:
        file.write("\n" * (file.tell() > 0))  # the last line may have been cut short
        for done, finished in enumerate(pool.run(function, waiting), start=len(every) - len(waiting) + 1):
            fault = {"failure": finished.fault, "fault": True, "gradient_calls": 0}
            found = fault if finished.value is None else finished.value
            row = {"id": finished.job.identifier, "level": level_key, **found}
            rows[row["id"]] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            progress(done, len(every))
    return [rows[job.identifier] for job in every]
