"""Weights that a database has in use: what `checkpoint: learned` means, and the way back to the version before.

A campaign looks them up once, when it begins; it then holds the files, so a later version changes no campaign.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from chem.errors import ConfigurationError
from db.engine import database_file, open_database, reading, shown_url, writing
from db.model_versions import GENERATOR, ModelVersion, activate, model_versions, parent_of_active
from db.tables import ModelVersionStatus
from models.weights_file import WeightsFile, find_weights
from tasks.settings import LEARNED, ExploreSettings

CONFIDENCE = "confidence"
KINDS = {GENERATOR: "reactdiff", CONFIDENCE: CONFIDENCE}  # of the files, by the names of the versions


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsPair:
    """A generator with the confidence that belongs to it.

    Attributes:
        generator: Weights of the generator.
        confidence: Weights of its confidence.
        learned: Whether a database taught them; else they are as shipped.
    """

    generator: WeightsFile
    confidence: WeightsFile
    learned: bool


def with_learned_weights(settings: ExploreSettings) -> ExploreSettings:
    """The settings with the files of the version in use where they ask for learned weights; else as they are.

    Raises:
        ConfigurationError: No version is in use, a file is missing or another one, or a confidence is named besides.
    """
    if settings.checkpoint != LEARNED:
        return settings
    if settings.confidence is not None:
        raise ConfigurationError(
            f"checkpoint: learned brings its own confidence; leave out confidence: {settings.confidence}"
        )
    file = database_file(settings.database)
    pair = None
    if file is None or file.is_file():
        engine = open_database(settings.database, create=False)
        try:
            with reading(engine) as session:
                pair = learned_weights(session)
        finally:
            engine.dispose()
    if pair is None:
        raise ConfigurationError(
            f"checkpoint: learned, but {shown_url(settings.database)} has no learned version in use; let `cairn learn`"
            " make one from verified transition states, or take the weights that are shipped with checkpoint: null"
        )
    return settings.model_copy(update={"checkpoint": pair.generator.path, "confidence": pair.confidence.path})


def weights_in_use(session: Session) -> WeightsPair:
    """The version in use, or what is shipped where there is none.

    Raises:
        ConfigurationError: A file is missing or another one.
    """
    learned = learned_weights(session)
    if learned is not None:
        return learned
    generator, confidence = (find_weights(kind) for kind in KINDS.values())
    return WeightsPair(generator=generator, confidence=confidence, learned=False)


def learned_weights(session: Session) -> WeightsPair | None:
    """The version in use; None where there is none.

    Raises:
        ConfigurationError: A file is missing or another one.
    """
    active = model_versions(session, status=ModelVersionStatus.ACTIVE)
    return pair_of(active) if active else None


def pair_of(versions: Iterable[ModelVersion]) -> WeightsPair:
    """The files of a generator and its confidence, looked at.

    Raises:
        ConfigurationError: One is not on record, its file is missing, or it is another one.
    """
    by_name = {one.name: one for one in versions}
    found = {}
    for name, kind in KINDS.items():
        one = by_name.get(name)
        if one is None:
            raise ConfigurationError(f"the database has no {name} beside the version in use; run `cairn learn` again")
        found[name] = find_weights(kind, Path(one.file))
        if found[name].sha256 != one.checkpoint_hash:
            raise ConfigurationError(
                f"{one.file} has SHA-256 {found[name].sha256}, not {one.checkpoint_hash} as the database says; restore"
                " it from a copy of the folder of models"
            )
    return WeightsPair(generator=found[GENERATOR], confidence=found[CONFIDENCE], learned=True)


def roll_back(database: str) -> tuple[str, str]:
    """Put the version before in use again.

    Returns:
        Hashes of the generators that was and that is in use.

    Raises:
        ConfigurationError: There is none, or its files are missing.
    """
    engine = open_database(database, create=False)
    try:
        with writing(engine) as session:
            active, parent = parent_of_active(session)
            pair_of(parent)
            activate(session, {one.checkpoint_hash for one in parent})
    finally:
        engine.dispose()
    return active.checkpoint_hash, parent[0].checkpoint_hash


def models_folder(database: str, given: Path | None = None) -> Path:
    """Where versions are kept: as given, else beside the file of the database, else `runs/models`."""
    if given is not None:
        return given.resolve()
    file = database_file(database)
    return Path("runs/models").resolve() if file is None else file.resolve().with_suffix(".models")
