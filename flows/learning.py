"""The learning loop on a schedule: a database teaches the generator whenever enough of it is new."""

from __future__ import annotations

import os
from pathlib import Path

from prefect import flow, get_run_logger

from chem.errors import ConfigurationError
from db.engine import without_password
from flows.backlog import cancel_overtaken_runs
from flows.campaigns import DATABASE_VARIABLE
from tasks.scheduled_learning import learn_from_database


@flow(name="learn", log_prints=False)
def learn(config: str = "configs/learn.yaml") -> dict[str, object]:
    """One run of the learning loop on the worker's database: begin one, go on with one, or say why not.

    Args:
        config: YAML file of the settings, as the worker sees it.

    Returns:
        What became of it, why, and the SHA-256 of the new generator, if there is one.
    """
    database = os.environ.get(DATABASE_VARIABLE)
    if database is None:
        raise ConfigurationError(f"set {DATABASE_VARIABLE} to the URL of the database where the workers run")
    outcome = learn_from_database(Path(config), without_password(database))
    get_run_logger().info("%s: %s", outcome.status, "; ".join(outcome.reasons))
    cancel_overtaken_runs()
    return {
        "status": outcome.status,
        "reasons": list(outcome.reasons),
        "generator_sha256": outcome.generator_sha256,
    }
