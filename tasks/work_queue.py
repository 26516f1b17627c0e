"""A queue of calculations: what kind, where, for which campaign, at which level, with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chem.types import LevelOfTheory
from chem.verification import composite_level
from db.engine import database_file
from db.tables import CalculationKind
from tasks.plan import calculation_settings
from tasks.settings import ExploreSettings
from tasks.workers import WorkerLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkQueue:
    """The calculations of one kind that differ only in the reaction they are for.

    Attributes:
        database: Database URL.
        kind: What they do.
        level: Level of theory that they run at.
        settings: What else decides their results, as JSON values.
        campaign: Only reactions of this campaign; None for all that are queued.
        reaction_keys: Only these reactions; None for all.
        workers: Limits of the worker processes.
        log: File of events; None for none.
    """

    database: str
    kind: CalculationKind
    level: LevelOfTheory
    settings: Mapping[str, Any] = field(default_factory=dict)
    campaign: str | None = None
    reaction_keys: frozenset[str] | None = None
    workers: WorkerLimits = field(default_factory=WorkerLimits)
    log: Path | None = None

    @property
    def level_key(self) -> str:
        """Key of the level of what comes out: energies at points of another level are of a level of their own."""
        if self.kind is CalculationKind.ENERGY:
            return composite_level(self.level, self.settings["from_level"]).key
        return self.level.key

    @property
    def restart_folder(self) -> Path:
        """Where long searches keep their last geometry: beside an SQLite file, else under runs/."""
        file = database_file(self.database)
        return Path("runs/restart") if file is None else file.with_name(f"{file.name}.restart")


def exploration_queue(settings: ExploreSettings, campaign: str, kind: CalculationKind) -> WorkQueue:
    """The calculations of one kind that an exploration queues."""
    return WorkQueue(
        database=settings.database,
        kind=kind,
        level=settings.theory,
        settings=calculation_settings(settings, kind),
        campaign=campaign,
        workers=settings.workers,
        log=settings.log,
    )
