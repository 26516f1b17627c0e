"""Prefect task of the learning loop."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.learning import LearningOutcome, learn
from tasks.learning_settings import load_learn_settings


@task(name="learn", tags=["gpu"], cache_policy=NO_CACHE)
def learn_from_database(config: Path, database: str) -> LearningOutcome:
    """One run of the learning loop; without base data it is skipped, for a schedule has nobody to ask.

    Args:
        config: YAML file of the settings.
        database: URL of the database.
    """
    settings = load_learn_settings(config)
    if settings.base is None:
        return LearningOutcome(status="skipped", reasons=(f"`base` of {config} names no reactions to learn beside",))
    return learn(settings, database)
