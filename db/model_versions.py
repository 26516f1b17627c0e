"""Weights on record: those that campaigns used, and the versions that the learning loop made, of which one is in use.

A version is a generator with the confidence that was calibrated for it; both are rows and change their status together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from chem.errors import ConfigurationError
from db.convert import plain_json
from db.statements import insert_new, upsert
from db.tables import ModelVersionRow, ModelVersionStatus

GENERATOR = "generator"
LEARNED_COLUMNS = ("name", "file", "parent_hash", "generator_hash", "data_hashes", "metrics", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """Weights that the learning loop made or began with.

    Attributes:
        name: `generator` or `confidence`.
        checkpoint_hash: SHA-256 of the file.
        file: Where it lies.
        status: Whether it is in use.
        parent_hash: SHA-256 of the weights from which training began; None for those that came from elsewhere.
        generator_hash: SHA-256 of the generator that a confidence belongs to; None for a generator.
        data_hashes: SHA-256 of the files that it was trained on, by what they are.
        metrics: Figures on held-out reactions, units in the names.
        created_at: When it entered the database; None before.
    """

    name: str
    checkpoint_hash: str
    file: str
    status: ModelVersionStatus
    parent_hash: str | None = None
    generator_hash: str | None = None
    data_hashes: Mapping[str, str]
    metrics: Mapping[str, Any]
    created_at: datetime | None = None


def note_used_weights(session: Session, cards: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
    """Store which weights a campaign used; what is known of them already stays.

    Args:
        session: In a write transaction.
        cards: Hash and card of the weights, by the name of the model system.
    """
    rows = [
        {"checkpoint_hash": checkpoint_hash, "name": name, "metrics": plain_json(card)}
        for name, (checkpoint_hash, card) in cards.items()
    ]
    insert_new(session, ModelVersionRow, rows, unique=["checkpoint_hash"])


def record_versions(session: Session, versions: Iterable[ModelVersion]) -> None:
    """Store versions, or what became of them.

    Args:
        session: In a write transaction.
        versions: None of them active; see `activate`.
    """
    rows = [
        {
            "checkpoint_hash": one.checkpoint_hash,
            "name": one.name,
            "file": one.file,
            "parent_hash": one.parent_hash,
            "generator_hash": one.generator_hash,
            "data_hashes": plain_json(one.data_hashes),
            "metrics": plain_json(one.metrics),
            "status": one.status.value,
        }
        for one in versions
    ]
    upsert(session, ModelVersionRow, rows, unique=["checkpoint_hash"], update=LEARNED_COLUMNS)


def model_versions(
    session: Session, *, name: str | None = None, status: ModelVersionStatus | None = None
) -> list[ModelVersion]:
    """Versions of the learning loop, the oldest first.

    Args:
        session: Open session.
        name: Only of this model system.
        status: Only of this status.
    """
    statement = select(ModelVersionRow).where(ModelVersionRow.status.is_not(None)).order_by(ModelVersionRow.id)
    if name is not None:
        statement = statement.where(ModelVersionRow.name == name)
    if status is not None:
        statement = statement.where(ModelVersionRow.status == status.value)
    return [_version(row) for row in session.scalars(statement)]


def activate(session: Session, hashes: Collection[str]) -> None:
    """Put the weights of one version in use, in place of what is.

    Args:
        session: In a write transaction.
        hashes: SHA-256 of its generator and of what belongs to that, all on record.
    """
    row = ModelVersionRow
    session.execute(
        update(row).where(row.status == ModelVersionStatus.ACTIVE.value).values(status=ModelVersionStatus.RETIRED.value)
    )
    session.execute(
        update(row)
        .where(row.status.is_not(None), row.checkpoint_hash.in_(sorted(hashes)))
        .values(status=ModelVersionStatus.ACTIVE.value)
    )


def parent_of_active(session: Session) -> tuple[ModelVersion, list[ModelVersion]]:
    """The generator in use, and the version that it took over from: its generator first.

    Raises:
        ConfigurationError: No version is in use, or it has no parent on record.
    """
    every = model_versions(session)
    active = next((one for one in every if one.name == GENERATOR and one.status is ModelVersionStatus.ACTIVE), None)
    if active is None:
        raise ConfigurationError("no learned version is in use, so there is nothing to roll back")
    parent = [
        one
        for one in every
        if one.status is ModelVersionStatus.RETIRED and active.parent_hash in (one.checkpoint_hash, one.generator_hash)
    ]
    if active.parent_hash is None or not parent:
        raise ConfigurationError(
            f"the version {active.checkpoint_hash[:12]} in use is where learning began; it has no parent to return to"
        )
    return active, sorted(parent, key=lambda one: one.name != GENERATOR)


def _version(row: ModelVersionRow) -> ModelVersion:
    return ModelVersion(
        name=row.name,
        checkpoint_hash=row.checkpoint_hash,
        file=row.file or "",
        status=ModelVersionStatus(str(row.status)),
        parent_hash=row.parent_hash,
        generator_hash=row.generator_hash,
        data_hashes=row.data_hashes or {},
        metrics=row.metrics,
        created_at=row.created_at,
    )
