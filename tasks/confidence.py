"""Training of the confidence from end to end: draw, measure barrier errors with xTB, fit, calibrate, keep.

Every step writes what it made into the folder and is skipped when that is there, so a run that was killed goes on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chem.errors import InputError
from chem.generator import EndPoints
from chem.levels import resolve_level
from chem.types import Geometry
from chem.walk_features import NAMES, walk_features
from models import confidence as scorer_of
from models.checkpoints import Checkpoint, read_checkpoint, save_weights
from models.confidence import Scorer, ScorerConfig
from models.confidence_training import (
    ConfidenceTrainingConfig,
    DrawnSamples,
    MeasuredBarriers,
    calibrate_chance,
    calibrate_errors,
    draw_samples,
    fit,
    fit_judge,
    fit_preference,
    recommended,
)
from models.evaluation.barrier_energies import TRUE, BarrierJob, barrier_energies
from models.generator_training import fold_of
from models.reactdiff import ReactDiff, ReactDiffConfig
from models.reaction_data import ReactionData
from tasks.workers import WorkerLimits, WorkerPool

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
KIND_OF_GENERATOR = "reactdiff"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceInputs:
    """What a confidence is trained from.

    Attributes:
        data: Reactions with known transition states.
        data_name: Name of their file, for the card.
        generator: Weights of the generator that it is for.
        trunk: Weights of a generator trained without the left-out fold; its features are read.
        fold: `k/K`, the fold that the trunk was not trained on.
        folder: Where everything is kept.
        level: Level of theory of the barrier errors.
    """

    data: ReactionData
    data_name: str
    generator: Path
    trunk: Path
    fold: str
    folder: Path
    level: str = "gfn2"


def train_confidence(
    inputs: ConfidenceInputs, config: ConfidenceTrainingConfig, limits: WorkerLimits, progress: Progress
) -> Path:
    """Train and calibrate; returns the file of the weights.

    Args:
        inputs: Data and networks.
        config: How.
        limits: Worker processes for xTB.
        progress: Told what is done, how many of how many.

    Raises:
        InputError: A file does not fit, or the trunk was trained on the fold.
    """
    inputs.folder.mkdir(parents=True, exist_ok=True)
    generator, generator_file = _network(inputs.generator)
    trunk, trunk_file = _network(inputs.trunk)
    if trunk_file.card.get("fold_left_out", "") != inputs.fold:
        raise InputError(
            f"{inputs.trunk} was trained with fold {trunk_file.card.get('fold_left_out') or 'none'} left out, not with"
            f" {inputs.fold}; give the fold that it has not seen"
        )
    left_out, n_folds = (int(part) for part in inputs.fold.split("/"))
    data = inputs.data
    unseen = [
        place
        for place, split in enumerate(data.splits)
        if split == "train" and fold_of(data.identifiers[place], n_folds) == left_out
    ]
    order = np.random.default_rng(config.seed).permutation(len(unseen))[: config.n_reactions]
    unseen = [unseen[place] for place in sorted(order.tolist())]
    held_out = [place for place, split in enumerate(data.splits) if split == "val"]
    if not unseen or not held_out:
        raise InputError(
            f"{inputs.data_name} has {len(unseen)} unseen and {len(held_out)} val reactions; both are needed"
        )
    drawn = _drawn(inputs.folder / "unseen.npz", trunk, trunk, data, unseen, config, progress)
    chosen = np.random.default_rng(config.seed).permutation(len(unseen))[: config.n_errors]
    first = torch.zeros(len(unseen), dtype=torch.long)
    kept = inputs.folder / "unseen_barriers.npz"
    barriers = _barriers(inputs, config, drawn, first, chosen.tolist(), kept, limits, progress)

    scorer_config = ScorerConfig(
        trunk=trunk_file.configuration(ReactDiffConfig),
        hidden=config.hidden,
        dropout=config.dropout,
        n_calibration=len(held_out),
    )
    torch.manual_seed(config.seed)
    scorer = Scorer(scorer_config)
    scorer.trunk.load_state_dict(trunk.state_dict())
    rows = fit(scorer, drawn, config)
    on_val = _drawn(inputs.folder / "val.npz", generator, trunk, data, held_out, config, progress)
    fit_preference(scorer, on_val)
    best = recommended(scorer, on_val)
    kept = inputs.folder / "val_barriers.npz"
    val_barriers = _barriers(inputs, config, on_val, best, list(range(len(held_out))), kept, limits, progress)
    calibrate_chance(scorer, on_val)
    fit_judge(scorer, barriers)
    calibrate_errors(scorer, on_val, val_barriers)
    card = {
        "generator_sha256": generator_file.sha256,
        "trunk_sha256": trunk_file.sha256,
        "data": inputs.data_name,
        "fold_left_out_by_trunk": inputs.fold,
        "n_unseen": len(unseen),
        "n_unseen_errors": len(chosen),
        "n_val": len(held_out),
        "calibrated_on": f"val of {inputs.data_name}",
        "level": inputs.level,
        "polish_gradient_calls": config.polish_gradient_calls,
        "seed": config.seed,
        "last_loss": rows[-1]["loss"],
        "preference_for_deterministic": float(scorer.preference),
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "torch": torch.__version__,
    }
    path = inputs.folder / "weights.safetensors"
    save_weights(path, scorer, scorer_of.KIND, scorer_config, card)
    return path


def _network(path: Path) -> tuple[ReactDiff, Checkpoint]:
    checkpoint = read_checkpoint(path, KIND_OF_GENERATOR)
    model = ReactDiff(checkpoint.configuration(ReactDiffConfig))
    checkpoint.load_into(model)
    return model.eval(), checkpoint


def _drawn(
    path: Path,
    generator: ReactDiff,
    trunk: ReactDiff,
    data: ReactionData,
    index: list[int],
    config: ConfidenceTrainingConfig,
    progress: Progress,
) -> DrawnSamples:
    if path.exists():
        return DrawnSamples.load(path)

    def told(done: int) -> None:
        progress(f"drawing {path.stem}", done, len(index))

    drawn = draw_samples(generator, trunk, data, index, config.sampling, told)
    drawn.save(path)
    return drawn


def _barriers(
    inputs: ConfidenceInputs,
    config: ConfidenceTrainingConfig,
    drawn: DrawnSamples,
    which: torch.Tensor,
    rows: Sequence[int],
    path: Path,
    limits: WorkerLimits,
    progress: Progress,
) -> MeasuredBarriers:
    """Polish of one sample of some reactions, and of their true transition states."""
    fingerprint = hash_of_polishes(drawn, which, rows, inputs.level, config.polish_gradient_calls)
    if (stored := MeasuredBarriers.load(path, fingerprint)) is not None:
        return stored
    level = resolve_level(inputs.level)
    jobs = []
    for place, row in enumerate(rows):
        reaction = inputs.data.reactions[int(drawn.index[row])]
        ends = EndPoints(
            reactant=Geometry(numbers=reaction.numbers, positions=reaction.ends[0]),
            product=Geometry(numbers=reaction.numbers, positions=reaction.ends[1]),
        )
        positions = drawn.positions[row, which[row], : ends.reactant.n_atoms].double().numpy()
        true: Any = reaction.ts
        jobs.append(
            BarrierJob(
                place=place,
                ends=ends,
                geometries={TRUE: ends.reactant.with_positions(true), "own": ends.reactant.with_positions(positions)},
                level=level,
                polish_gradient_calls=config.polish_gradient_calls,
            )
        )
    errors = np.full(len(rows), np.inf)
    features = np.full((len(rows), len(NAMES)), np.nan)
    with WorkerPool(limits) as pool:
        for done, finished in enumerate(pool.run(barrier_energies, jobs), start=1):
            job, found = finished.job, finished.value
            if found is not None:
                error = found.error_kcal_mol("own", polished=True)
                errors[job.place] = error if np.isfinite(error) else np.inf
                polished = found.energies["own"].polished
                told = None if polished is None else walk_features(polished)
                if told is not None:
                    features[job.place] = told
            progress(f"measuring barriers of {path.stem.removesuffix('_barriers')}", done, len(jobs))
    measured = MeasuredBarriers(rows=np.array(rows), errors_kcal_mol=errors, features=features)
    measured.save(path, fingerprint)
    return measured


def hash_of_polishes(
    drawn: DrawnSamples, which: torch.Tensor, rows: Sequence[int], level: str, polish_gradient_calls: int
) -> str:
    """Identity of polishes: of which geometries, at what level, how long, and what is told of them."""
    digest = hashlib.sha256(drawn.positions.numpy().tobytes())
    for part in (which.tolist(), list(rows), level, polish_gradient_calls, NAMES):
        digest.update(repr(part).encode())
    return digest.hexdigest()
