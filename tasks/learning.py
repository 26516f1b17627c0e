"""The learning loop: verified transition states of a database make a version of the generator, which must prove better.

It trains on from the weights in use, calibrates their confidence anew, and holds both versions against the same
held-out reactions. What is skipped says why; what is refused keeps its figures. No Prefect here.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from chem.errors import ConfigurationError
from chem.levels import resolve_level
from chem.types import LevelOfTheory
from db.engine import open_database, reading
from db.model_versions import GENERATOR, model_versions
from db.tables import ModelVersionStatus
from db.training_set import count_verified
from models.reaction_data import read_reactions
from models.weights_file import hash_of
from tasks.learned_barrier_head import check_head
from tasks.learned_weights import WeightsPair, models_folder, weights_in_use
from tasks.learning_run import DECISION, LearningRun, begin_run, check_goes_on, only_one, unfinished_run
from tasks.learning_settings import LearnSettings
from tasks.learning_stages import STAGES, digest_of
from tasks.learning_work import LearningWork
from tasks.version_evaluation import Progress

Status = Literal["promoted", "refused", "skipped", "unfinished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningOutcome:
    """What became of a run.

    Attributes:
        status: `promoted`, `refused`, `skipped` where there is too little to learn from or to judge by, `unfinished`
            where the time was over.
        reasons: Why, a sentence each.
        run: Folder of the run; None where none was begun.
        generator_sha256: Of the new generator; None where there is none.
        confidence_sha256: Of its confidence; None likewise.
        barrier_head_sha256: Of the barrier head that was calibrated for it; None where none was named.
        figures: On held-out reactions before and after, units in the names; empty before there are any.
    """

    status: Status
    reasons: tuple[str, ...]
    run: Path | None = None
    generator_sha256: str | None = None
    confidence_sha256: str | None = None
    barrier_head_sha256: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


def learn(
    settings: LearnSettings, database: str, progress: Progress = lambda _what, _done, _total: None
) -> LearningOutcome:
    """Make and judge a version from what a database holds; a run that was stopped goes on.

    Args:
        settings: What to learn from and how.
        database: URL of the database.
        progress: Told what is done, how many of how many.

    Raises:
        ConfigurationError: The settings name no base data or other ones than before, another process is learning
            there, or weights are missing or of another level.
        InputError: The base data cannot be read, or something is tested that is trained on.
        DatabaseError: There is no such database.
    """
    base = settings.base
    if base is None:
        raise ConfigurationError(
            "`base` names no reactions that the generator must not forget; give the file that its weights were trained"
            " on with --base or in the configuration"
        )
    deadline = time.monotonic() + (math.inf if settings.max_hours is None else 3600.0 * settings.max_hours)
    level, models = resolve_level(settings.level), models_folder(database, settings.folder)
    engine = open_database(database, create=False)
    try:
        with only_one(models):
            run, n_verified, parent = unfinished_run(models), *_known(engine, settings, level)
            if run is None and n_verified.new < settings.minimum_new:
                return LearningOutcome(status="skipped", reasons=(n_verified.too_few(settings),))
            data = read_reactions(base)
            check_head(settings, level, data)
            digest = digest_of(data)
            _check_lineage(engine, digest)
            facts = _facts(settings, level, parent, digest, n_verified.total)
            if run is None:
                run = begin_run(models, facts)
            else:
                check_goes_on(run, facts)
            work = LearningWork(
                run=run,
                models=models,
                engine=engine,
                settings=settings,
                level=level,
                parent=parent,
                base=data,
                base_digest=digest,
                deadline=deadline,
                progress=progress,
            )
            return _through(work, _known_to(parent, base))
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    """Verified transition states at the level: all, and those that are new since the last version."""

    total: int
    new: int

    def too_few(self, settings: LearnSettings) -> str:
        return (
            f"{self.new} verified transition states are new at {settings.level} since the last version, of"
            f" {self.total}; minimum_new asks for {settings.minimum_new}"
        )


def _known(engine: Engine, settings: LearnSettings, level: LevelOfTheory) -> tuple[_Verified, WeightsPair]:
    """How much there is to learn from, and what learning begins with."""
    with reading(engine) as session:
        _, total = count_verified(session, level_key=level.key, campaign=settings.campaign)
        parent = weights_in_use(session)
        decided = [
            one.metrics["n_transition_states"]
            for one in model_versions(session, name=GENERATOR)
            if one.status is not ModelVersionStatus.CANDIDATE
            and one.metrics.get("level") == level.key
            and "n_transition_states" in one.metrics
        ]
    return _Verified(total=total, new=total - (decided[-1] if decided else 0)), parent


def _check_lineage(engine: Engine, base_digest: str) -> None:
    """What earlier versions were trained on must not be tested now: the base data of one lineage are the same."""
    with reading(engine) as session:
        active = model_versions(session, name=GENERATOR, status=ModelVersionStatus.ACTIVE)
    known = active[0].data_hashes.get("base") if active else None
    if known is not None and known != base_digest:
        raise ConfigurationError(
            f"the version {active[0].checkpoint_hash[:12]} in use learned beside other base data, something of which"
            " these may test; give the same file as before"
        )


def _known_to(parent: WeightsPair, base: Path) -> str:
    """A warning where the shipped weights may know what the base data hold out; empty otherwise."""
    if parent.learned or not base.is_file():
        return ""
    if str(parent.generator.card.get("data_sha256", "")) in {"", hash_of(base)}:
        return ""
    return (
        f"the weights that are shipped were trained on another file than {base.name}: what that holds out they may have"
        " seen, which makes the figures before look better than they are"
    )


def _facts(
    settings: LearnSettings, level: LevelOfTheory, parent: WeightsPair, base_digest: str, n_verified: int
) -> dict[str, Any]:
    return {
        "parent_generator_sha256": parent.generator.sha256,
        "parent_confidence_sha256": parent.confidence.sha256,
        "base_digest": base_digest,
        "level_key": level.key,
        "settings": settings.deciding(),
        "n_transition_states": n_verified,
    }


def _through(work: LearningWork, warning: str) -> LearningOutcome:
    """The stages that are left, in order."""
    run = work.run
    for name, stage in STAGES.items():
        found = run.stage(name)
        if found is None:
            found = stage(work)
            if found is None:
                return LearningOutcome(
                    status="unfinished",
                    reasons=(f"the time was over in the stage {name!r}; learn again to go on",),
                    run=run.folder,
                )
            if name == "data" and (lacking := _lacking(found, work.settings)):
                shutil.rmtree(run.folder)
                return LearningOutcome(status="skipped", reasons=(lacking,))
            run.finish(name, found)
    return _outcome(run, warning)


def _lacking(data: Mapping[str, Any], settings: LearnSettings) -> str:
    """Why the data do not suffice; empty where they do."""
    counts, held_out = data["counts"], data["held_out_reactions"]
    if held_out < settings.fewest_held_out:
        return (
            f"{held_out} held-out reactions of the database could be tested on, fewest_held_out asks for"
            f" {settings.fewest_held_out}: explore further, or from other species, whose reactions are held out"
        )
    if not counts.get("campaign_train"):
        return "every verified reaction is held out or known to the base data: there is nothing new to train on"
    return ""


def _outcome(run: LearningRun, warning: str) -> LearningOutcome:
    decision, judged = run.stage(DECISION) or {}, run.stage("evaluation") or {}
    return LearningOutcome(
        status=decision["status"],
        reasons=(*judged["reasons"], *([warning] if warning else [])),
        run=run.folder,
        generator_sha256=decision["generator_sha256"],
        confidence_sha256=decision["confidence_sha256"],
        barrier_head_sha256=decision.get("barrier_head_sha256"),
        figures=judged["figures"],
    )
