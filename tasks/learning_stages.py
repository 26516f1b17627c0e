"""The stages of a run of the learning loop; each leaves its result in the folder of the run."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from chem.errors import ConfigurationError
from chem.holdout import VAL, ReactionIdentity
from chem.promotion import PairedDifference, Promotion, decide, paired_difference
from db.engine import reading, writing
from db.model_versions import GENERATOR, activate, record_versions
from db.tables import ModelVersionStatus
from db.training_set import export_training_set
from db.wrong_estimates import wrong_estimates
from models import generator_training
from models.checkpoints import save_weights
from models.confidence import KIND as SCORER
from models.confidence import load_scorer
from models.confidence_training import preferred, recalibrated
from models.generator import DiffusionGenerator
from models.generator_sampling import device_of
from models.learning_data import (
    BASE,
    BASE_TEST,
    CAMPAIGN,
    DrawingWeights,
    identities_of,
    read_identities,
    write_learning_data,
)
from models.reaction_data import ReactionData, read_npz
from models.weights_file import hash_of
from tasks.candidate_errors import candidate_errors
from tasks.learned_barrier_head import calibrate_head
from tasks.learned_weights import CONFIDENCE
from tasks.learning_work import JOINED_FILE, KINDS_OF_WEIGHTS, LearningWork
from tasks.version_evaluation import by_reaction, evaluate_version, kept_draws, sampling_of, summary
from tasks.version_records import keep, version_records, where_learning_began

CAMPAIGN_FILE = "campaign.npz"
SEED = 0  # of which base reactions calibrate and test


def gather(work: LearningWork) -> dict[str, Any]:
    """Export what was verified and join it to the base data; returns what there is of each."""
    folder, settings = work.run.folder, work.settings
    with reading(work.engine) as session:
        export_training_set(session, folder / CAMPAIGN_FILE, level_key=work.level.key, campaign=settings.campaign)
        wrong = wrong_estimates(
            session, above_kcal_mol=settings.drawing.wrong_above_kcal_mol, campaign=settings.campaign
        )
    counts = write_learning_data(
        folder / JOINED_FILE,
        (read_npz(folder / CAMPAIGN_FILE), read_identities(folder / CAMPAIGN_FILE)),
        (work.base, _base_identities(work)),
        weights=DrawingWeights(campaign=settings.drawing.campaign, wrong_estimate=settings.drawing.wrong_estimate),
        wrong_estimates=wrong,
        elements=work.parent.generator.config["backbone"]["elements"],
    )
    joined = work.joined
    return {
        "counts": counts,
        "held_out_reactions": len({joined.identities[place] for place in joined.places("test", CAMPAIGN)}),
        "data_hashes": {
            "joined": hash_of(folder / JOINED_FILE),
            "campaign": hash_of(folder / CAMPAIGN_FILE),
            "base": work.base_digest,
        },
    }


def train_on(work: LearningWork) -> dict[str, Any] | None:
    """Go on training the generator from the weights in use; None where the time is over before it ends."""
    folder, training = work.weights(GENERATOR).parent, work.settings.training
    left = work.deadline - time.monotonic()
    if left <= 0:
        return None
    plain = {name: value for name, value in asdict(training).items() if name != "validate_on"}
    content = {**work.parent.generator.config, "training": plain, "sampling_steps": work.settings.sampling.steps}
    config = work.run.folder / "generator.yaml"
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    arguments = ["--data", str(work.run.folder / JOINED_FILE), "--config", str(config), "--out", str(folder)]
    arguments += ["--start-from", str(work.parent.generator.path), "--resume"]
    arguments += [
        "--device",
        str(device_of(work.settings.sampling.device)),
        "--processes",
        str(work.settings.processes),
    ]
    arguments += ["--validate-on", str(training.validate_on)]
    arguments += ["--max-seconds", str(left)] if math.isfinite(left) else []
    generator_training.main(
        arguments, lambda row: work.progress("training the generator", int(row["step"]), training.steps)
    )
    curve = folder / "curve.csv"
    if not curve.exists() or _last_step(curve) < training.steps:
        return None
    if not work.weights(GENERATOR).exists():
        raise ConfigurationError(
            f"the training in {folder} gave no numbers; remove {work.run.folder} and learn with a smaller learning_rate"
        )
    return {"generator_sha256": hash_of(work.weights(GENERATOR))}


def calibrate(work: LearningWork) -> dict[str, Any]:
    """Calibrate the confidence for the new generator, and put both on record as candidates.

    The parent's trunk, head and regression stay: the trunk must not have seen what it judges. Chance, errors, the
    preference and the calibration set of triage are made anew, on held-out reactions of both kinds.
    """
    parent, settings, joined = work.parent, work.settings, work.joined
    generator = DiffusionGenerator(
        checkpoint=work.weights(GENERATOR),
        sampling=sampling_of(settings),
        device=str(device_of(settings.sampling.device)),
        scored=False,
    )
    scorer = load_scorer(parent.confidence.path, generator_sha256=parent.generator.sha256)
    places = joined.places(VAL, CAMPAIGN) + _some(joined.places(VAL, BASE), settings.calibrate_on)
    folder = work.weights(CONFIDENCE).parent
    folder.mkdir(exist_ok=True)
    drawn = kept_draws(folder / "calibration.npz", generator, scorer, joined, places, work.progress)
    measured = candidate_errors(
        folder / "calibration_errors.npz",
        joined.data,
        drawn,
        preferred(scorer, drawn).tolist(),
        work.level,
        settings.polish_gradient_calls,
        settings.workers,
        lambda done, total: work.progress("measuring barriers to calibrate on", done, total),
    )
    scorer = recalibrated(scorer, drawn, measured)
    card = {
        **parent.confidence.card,
        "generator_sha256": generator.checkpoint.sha256,
        "recalibrated_from_sha256": parent.confidence.sha256,
        "calibrated_on": f"val of {work.run.name}",
        "n_val": len(places),
        "level": work.level.key,
        "polish_gradient_calls": settings.polish_gradient_calls,
        "preference_for_deterministic": float(scorer.preference),
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
    }
    sha256 = save_weights(work.weights(CONFIDENCE), scorer, SCORER, scorer.config, card)
    hashes = {"generator_sha256": generator.checkpoint.sha256, "confidence_sha256": sha256}
    with writing(work.engine) as session:
        record_versions(session, version_records(work, hashes, ModelVersionStatus.CANDIDATE, {}))
    return hashes


def evaluate(work: LearningWork) -> dict[str, Any]:
    """Hold both versions against the same held-out reactions, and decide."""
    settings, joined = work.settings, work.joined
    places = joined.places("test", CAMPAIGN) + _some(joined.places(BASE_TEST, BASE), settings.test_on)
    versions = {
        "before": (work.parent.generator.path, work.parent.confidence.path),
        "after": (work.weights(GENERATOR), work.weights(CONFIDENCE)),
    }
    figures: dict[str, Any] = {}
    deviations: dict[tuple[str, str], NDArray[np.float64]] = {}
    for when, weights in versions.items():
        file = work.run.folder / f"{when}.json"
        found = evaluate_version(file, weights, joined, places, work.level, settings, work.progress)
        for origin in (CAMPAIGN, BASE):
            figures |= summary(found, origin, when)
            deviations[origin, when] = by_reaction(found, origin)
    rule = settings.promotion
    campaign, base = (
        paired_difference(deviations[origin, "before"], deviations[origin, "after"], rule)
        for origin in (CAMPAIGN, BASE)
    )
    made = decide(campaign, base, rule)
    return {"promoted": made.promoted, "reasons": list(made.reasons), "figures": {**figures, **_intervals(made)}}


def settle(work: LearningWork) -> dict[str, Any]:
    """Put the new version in use where it is better; its figures are stored either way."""
    judged = work.run.stage("evaluation") or {}
    hashes = {**(work.run.stage("confidence") or {}), **(work.run.stage("barrier_head") or {})}
    figures = {
        "run": work.run.name,
        "level": work.level.key,
        "n_transition_states": work.run.facts()["n_transition_states"],
        "statistic": work.settings.promotion.statistic,
        **judged["figures"],
        "reasons": judged["reasons"],
        "counts": (work.run.stage("data") or {})["counts"],
    }
    status = ModelVersionStatus.RETIRED if judged["promoted"] else ModelVersionStatus.REFUSED
    if judged["promoted"]:
        for name in KINDS_OF_WEIGHTS:
            if hashes.get(f"{name}_sha256"):
                keep(work.weights(name), work.models)
    versions = version_records(work, hashes, status, figures)
    if judged["promoted"] and not work.parent.learned:
        versions += where_learning_began(work, judged["figures"])
    with writing(work.engine) as session:
        record_versions(session, versions)
        if judged["promoted"]:
            activate(session, {hashes[each] for name in KINDS_OF_WEIGHTS if (each := f"{name}_sha256") in hashes})
    return {"status": "promoted" if judged["promoted"] else "refused", **hashes}


STAGES: Mapping[str, Callable[[LearningWork], dict[str, Any] | None]] = {
    "data": gather,
    "generator": train_on,
    "confidence": calibrate,
    "barrier_head": calibrate_head,
    "evaluation": evaluate,
    "decision": settle,
}


def digest_of(data: ReactionData) -> str:
    """Hash of reactions, whatever file they came from."""
    digest = hashlib.sha256()
    for reaction, split in zip(data.reactions, data.splits, strict=True):
        for array in (reaction.numbers, reaction.ends, np.asarray(reaction.ts)):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(str(split).encode())
    return digest.hexdigest()


def _base_identities(work: LearningWork) -> list[ReactionIdentity | None]:
    """Identities of the base data, kept for the next run."""
    path = work.models / f"identities-{work.base_digest[:16]}.npz"
    if path.exists():
        with np.load(path) as kept:
            keys, sides = kept["identity"].tolist(), kept["sides"].tolist()
        return [
            ReactionIdentity(key=key, sides=(before, after)) if key else None
            for key, (before, after) in zip(keys, sides, strict=True)
        ]
    found = identities_of(
        work.base, lambda done: work.progress("telling the reactions of the base data", done, len(work.base))
    )
    fresh = path.with_name(f"{path.stem}.new.npz")
    np.savez_compressed(
        fresh,
        identity=np.array(["" if one is None else one.key for one in found]),
        sides=np.array([("", "") if one is None else one.sides for one in found]),
    )
    fresh.replace(path)
    return found


def _intervals(made: Promotion) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for origin, one in ((CAMPAIGN, made.campaign), (BASE, made.base)):
        found |= _interval(origin, one)
    return found


def _interval(origin: str, one: PairedDifference) -> dict[str, Any]:
    return {
        f"{origin}_reactions": one.n,
        f"{origin}_rmsd_difference_angstrom": round(one.difference, 5),
        f"{origin}_rmsd_difference_low_angstrom": round(one.low, 5),
        f"{origin}_rmsd_difference_high_angstrom": round(one.high, 5),
    }


def _some(places: list[int], limit: int) -> list[int]:
    """At most so many of the places, drawn at random."""
    if len(places) <= limit:
        return places
    return sorted(np.random.default_rng(SEED).choice(places, limit, replace=False).tolist())


def _last_step(curve: Path) -> int:
    with curve.open(newline="", encoding="utf-8") as file:
        steps = [int(float(row["step"])) for row in csv.DictReader(file) if row.get("step")]
    return max(steps, default=0)
