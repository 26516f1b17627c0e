"""The error bars of a barrier head, calibrated anew for the candidates of a new generator.

Its corrections stay: they are learned from true and displaced transition states, which no generator makes.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from chem.errors import ConfigurationError, InputError
from chem.holdout import VAL
from chem.types import LevelOfTheory
from db.engine import writing
from db.model_versions import GENERATOR, record_versions
from db.tables import ModelVersionStatus
from models.barrier import KIND, BarrierConfig, BarrierNetwork, targets_kcal_mol
from models.barrier_data import GENERATED, collate_candidates, read_barrier_labels
from models.barrier_training import check_elements, corrections_of
from models.checkpoints import read_checkpoint, save_weights
from models.generator import DiffusionGenerator
from models.generator_sampling import device_of
from models.reaction_data import ReactionData
from models.weights_file import find_weights
from tasks.barrier_labels import make_barrier_labels
from tasks.learned_weights import CONFIDENCE
from tasks.learning_settings import LearnSettings
from tasks.learning_work import BARRIER_HEAD, LearningWork
from tasks.version_evaluation import sampling_of
from tasks.version_records import version_records


def check_head(settings: LearnSettings, level: LevelOfTheory, base: ReactionData) -> None:
    """Meet what may be wrong with the barrier head that the settings name, before anything is trained.

    Raises:
        ConfigurationError: Its file is missing or of another model, or it corrects another level.
        InputError: The base data have no barriers to calibrate on.
    """
    if settings.barrier_head is None:
        return
    known = find_weights(KIND, settings.barrier_head).card.get("level")
    if known != level.key:
        raise ConfigurationError(
            f"the barrier head {settings.barrier_head} corrects {known}, the level that is learned is {level.key};"
            " leave `barrier_head` out, or train one on labels of that level"
        )
    if base.barriers_kcal_mol is None:
        raise InputError(
            f"{settings.base} has no barriers (dE0_kcal) to calibrate the barrier head on; leave `barrier_head` out"
        )


def calibrate_head(work: LearningWork) -> dict[str, Any]:
    """Calibrate the barrier head that the settings name; nothing where they name none.

    Raises:
        InputError: The base data have elements that it does not know.
    """
    given = work.settings.barrier_head
    if given is None:
        return {}
    checkpoint = read_checkpoint(given, KIND)
    model = BarrierNetwork(checkpoint.configuration(BarrierConfig))
    checkpoint.load_into(model)
    generator = DiffusionGenerator(
        checkpoint=work.weights(GENERATOR),
        confidence=work.weights(CONFIDENCE),
        sampling=sampling_of(work.settings),
        device=str(device_of(work.settings.sampling.device)),
    )
    target = work.weights(BARRIER_HEAD)
    labels_file = target.with_name("labels.npz")
    make_barrier_labels(
        _of_split(work.base, VAL),
        work.level,
        labels_file,
        work.settings.workers,
        reference=str(checkpoint.card.get("reference", "")),
        noised_each=0,
        generator=generator,
        limit=work.settings.calibrate_on,
        progress=work.progress,
    )
    labels = read_barrier_labels(labels_file)
    check_elements(labels, model.config.backbone.elements, labels_file)
    batch = collate_candidates(labels.entries(VAL, (GENERATED,)))
    found = corrections_of(model.eval(), batch, sides=(0,))
    model.calibrate(targets_kcal_mol(batch) - found.kcal_mol[:, 0], found.width_kcal_mol[:, 0])
    card = {
        **checkpoint.card,
        "generator_sha256": generator.checkpoint.sha256,
        "recalibrated_from_sha256": checkpoint.sha256,
        "calibrated_on": f"{len(batch)} {GENERATED} candidates of val of the base data of {work.run.name}",
        "calibrated_kind": GENERATED,
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
    }
    hashes = {
        "generator_sha256": generator.checkpoint.sha256,
        "barrier_head_sha256": save_weights(target, model, KIND, model.config, card),
        "barrier_head_parent_sha256": checkpoint.sha256,
    }
    candidates = version_records(work, hashes, ModelVersionStatus.CANDIDATE, {})
    with writing(work.engine) as session:
        record_versions(session, [one for one in candidates if one.name == BARRIER_HEAD])
    return hashes


def _of_split(data: ReactionData, split: str) -> ReactionData:
    places = np.flatnonzero(data.splits == split)
    barriers = data.barriers_kcal_mol
    return ReactionData(
        reactions=tuple(data.reactions[place] for place in places),
        splits=data.splits[places],
        identifiers=data.identifiers[places],
        smiles=tuple(data.smiles[place] for place in places),
        barriers_kcal_mol=None if barriers is None else barriers[places],
    )
