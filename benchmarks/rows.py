"""Rows of a benchmark, one JSON object a line: written as each is done, so that a run that was stopped goes on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tasks.workers import WorkerPool


def settings_of(arguments: argparse.Namespace) -> dict[str, str]:
    """What a run was made with, as text; of files the name alone, as folders differ from machine to machine."""
    return {key: value.name if isinstance(value, Path) else str(value) for key, value in vars(arguments).items()}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The last row of each reaction; none where there is no file."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return list({row["rxn"]: row for row in rows}.values())


def written(
    pool: WorkerPool, job: Callable[[dict[str, Any]], dict[str, Any]], work: Sequence[dict[str, Any]], path: Path
) -> Iterator[dict[str, Any]]:
    """Run a job over work and yield each row once it stands in the file; a worker that failed is told and left out."""
    with path.open("a", encoding="utf-8") as file:
        for number, finished in enumerate(pool.run(job, iter(work)), 1):
            if finished.value is None:
                print(f"a worker failed: {finished.fault}")
                continue
            file.write(json.dumps(finished.value) + "\n")
            file.flush()
            print(f"{number} of {len(work)}, rxn {finished.value['rxn']}", end=" ", flush=True)
            yield finished.value
