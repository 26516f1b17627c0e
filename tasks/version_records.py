"""Versions as they go on record, and their files under the names of their hashes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from db.model_versions import GENERATOR, ModelVersion
from db.tables import ModelVersionStatus
from models.weights_file import hash_of
from tasks.learned_weights import CONFIDENCE
from tasks.learning_work import BARRIER_HEAD, LearningWork


def version_records(
    work: LearningWork, hashes: Mapping[str, str], status: ModelVersionStatus, figures: Mapping[str, Any]
) -> list[ModelVersion]:
    """The new generator and what belongs to it.

    Args:
        work: The run.
        hashes: SHA-256 of the weights that there are, by names such as `generator_sha256`.
        status: What becomes of them; `retired` also of those that are to be put in use.
        figures: On held-out reactions.
    """
    data = (work.run.stage("data") or {})["data_hashes"]
    kept = status is ModelVersionStatus.RETIRED
    parents = {
        GENERATOR: work.parent.generator.sha256,
        CONFIDENCE: work.parent.confidence.sha256,
        BARRIER_HEAD: hashes.get("barrier_head_parent_sha256"),
    }
    return [
        ModelVersion(
            name=name,
            checkpoint_hash=sha256,
            file=str(place_of(work.models, sha256) if kept else work.weights(name)),
            status=status,
            parent_hash=parent,
            generator_hash=None if name == GENERATOR else hashes["generator_sha256"],
            data_hashes=data,
            metrics=figures,
        )
        for name, parent in parents.items()
        if (sha256 := hashes.get(f"{name}_sha256"))
    ]


def where_learning_began(work: LearningWork, figures: Mapping[str, Any]) -> list[ModelVersion]:
    """The shipped weights that the first version began with, copied, so that there is a way back."""
    own = {name: value for name, value in figures.items() if "_before_" in name or name.endswith("_before")}
    found = []
    for name, file in ((GENERATOR, work.parent.generator), (CONFIDENCE, work.parent.confidence)):
        keep(file.path, work.models)
        found.append(
            ModelVersion(
                name=name,
                checkpoint_hash=file.sha256,
                file=str(place_of(work.models, file.sha256)),
                status=ModelVersionStatus.RETIRED,
                generator_hash=None if name == GENERATOR else work.parent.generator.sha256,
                data_hashes={},
                metrics={"run": "shipped", "level": work.level.key, **own},
            )
        )
    return found


def keep(file: Path, models: Path) -> None:
    """Copy a file to the name of its hash."""
    target = place_of(models, hash_of(file))
    if not target.exists():
        fresh = target.with_name(f"{target.name}.new")
        shutil.copyfile(file, fresh)
        fresh.replace(target)


def place_of(models: Path, sha256: str) -> Path:
    """Where a file with this hash is kept."""
    return models / f"{sha256}.safetensors"
