"""Settings of the learning loop: typed, from a YAML file, unknown keys refused; configs/learn.yaml explains each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chem.errors import ConfigurationError
from chem.polish import GRADIENT_CALLS
from chem.promotion import PromotionRule
from tasks.settings import SamplingSettings, problems_of, read_settings
from tasks.workers import WorkerLimits

EXAMPLE = "configs/learn.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingSettings:
    """How often training draws a verified reaction of the database beside one of the base data.

    Attributes:
        campaign: Each that was verified.
        wrong_estimate: Each whose believed estimate an audit found wrong.
        wrong_above_kcal_mol: Error of a forward barrier above which an estimate was wrong, kcal/mol.
    """

    campaign: float = 16.0
    wrong_estimate: float = 48.0
    wrong_above_kcal_mol: float = 5.0

    def __post_init__(self) -> None:
        """All are positive."""
        for name in self.__slots__:
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ConfigurationError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuningSettings:
    """How the generator goes on learning; network and path are those of the weights in use.

    Attributes:
        steps: Optimiser steps in all; the learning rate falls to zero over them.
        batch_size: Reactions in a step.
        learning_rate: Peak of the learning rate.
        warmup_steps: Steps over which it rises.
        average_decay: Decay of the moving average of the weights.
        validate_every: Steps between validations.
        validate_on: Held-out reactions in a validation, the database's own first.
        checkpoint_every: Steps between checkpoints.
        seed: Seed of order and noise.
    """

    steps: int = 4000
    batch_size: int = 16
    learning_rate: float = 5e-4
    warmup_steps: int = 200
    average_decay: float = 0.995
    validate_every: int = 500
    validate_on: int = 300
    checkpoint_every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        """Counts are at least one, and the rate is positive."""
        for name in ("steps", "batch_size", "validate_every", "validate_on", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.learning_rate > 0.0:
            raise ConfigurationError(f"learning_rate must be positive, got {self.learning_rate}")


class LearnSettings(BaseModel):
    """Everything that decides what is learned from a database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: Path | None = None
    folder: Path | None = None
    campaign: str | None = None
    level: str = "gfn2"
    minimum_new: int = Field(default=200, ge=1)
    fewest_held_out: int = Field(default=30, ge=3)
    drawing: DrawingSettings = DrawingSettings()
    training: FineTuningSettings = FineTuningSettings()
    candidates: int = Field(default=8, ge=1)
    sampling: SamplingSettings = SamplingSettings()
    barrier_head: Path | None = None
    polish_gradient_calls: int = Field(default=GRADIENT_CALLS, ge=1)
    calibrate_on: int = Field(default=300, ge=3)
    test_on: int = Field(default=300, ge=3)
    promotion: PromotionRule = PromotionRule()
    max_hours: float | None = Field(default=None, gt=0)
    processes: int = Field(default=1, ge=1)
    workers: WorkerLimits = WorkerLimits()

    def deciding(self) -> dict[str, Any]:
        """Those that decide what a version becomes, as JSON values; not where, how fast and how often it is made."""
        left_out = {"base", "folder", "barrier_head", "minimum_new", "max_hours", "processes", "workers"}
        values = self.model_dump(mode="json", exclude=left_out)
        del values["sampling"]["device"]
        return values


def load_learn_settings(path: Path | None = None, **given: Any) -> LearnSettings:
    """Settings from a file, and given values over them.

    Args:
        path: YAML file; None for the defaults.
        given: Values of top-level keys that win over the file.

    Raises:
        ConfigurationError: The file is missing or no mapping, a key is unknown, or a value is out of range.
    """
    content = {} if path is None else read_settings(path, EXAMPLE)
    try:
        return LearnSettings(**{**content, **given})
    except ValidationError as error:
        where = "the settings" if path is None else str(path)
        raise ConfigurationError(f"in {where}: {problems_of(error, EXAMPLE)}") from None
