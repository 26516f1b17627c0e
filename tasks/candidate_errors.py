"""Errors of the barriers that polished candidates give, kept as they come, so that a run that was stopped goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.generator import EndPoints
from chem.types import Geometry, LevelOfTheory
from chem.walk_features import NAMES, walk_features
from models.confidence_training import DrawnSamples, MeasuredBarriers
from models.evaluation.barrier_energies import TRUE, BarrierJob, barrier_energies
from models.reaction_data import ReactionData
from tasks.kept_rows import Row, computed_rows
from tasks.workers import WorkerLimits

OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CandidateErrorJob:
    """The polish of one candidate and of the true transition state.

    Attributes:
        identifier: Hash of everything that decides the result.
        job: What is to be computed.
    """

    identifier: str
    job: BarrierJob


def candidate_error(job: CandidateErrorJob) -> Row:
    """Absolute error of the barrier after the polish, kcal/mol, and what tells of the polish; None where it failed."""
    found = barrier_energies(job.job)
    error = found.error_kcal_mol(OWN, polished=True)
    state = found.energies[OWN].polished
    features = None if state is None else walk_features(state)
    return {
        "error_kcal_mol": float(error) if np.isfinite(error) else None,
        "features": None if features is None else features.tolist(),
    }


def candidate_errors(
    path: Path,
    data: ReactionData,
    drawn: DrawnSamples,
    which: Sequence[int],
    level: LevelOfTheory,
    polish_gradient_calls: int,
    limits: WorkerLimits,
    progress: Callable[[int, int], None],
) -> MeasuredBarriers:
    """Polish one sample of each drawn reaction and its true transition state.

    Args:
        path: Rows are kept beside it.
        data: Reactions with known transition states.
        drawn: Samples of some of them.
        which: Sample of each drawn reaction.
        level: Level of theory.
        polish_gradient_calls: Most gradient calls of each polish.
        limits: Worker processes.
        progress: Told how many of how many are done.
    """
    jobs = list(_jobs(data, drawn, which, level, polish_gradient_calls))
    rows = computed_rows(path, level.key, candidate_error, jobs, limits, progress)
    errors = np.full(len(rows), np.inf)
    features = np.full((len(rows), len(NAMES)), np.nan)
    for place, row in enumerate(rows):
        if row.get("error_kcal_mol") is not None:
            errors[place] = row["error_kcal_mol"]
        if row.get("features") is not None:
            features[place] = row["features"]
    return MeasuredBarriers(rows=np.arange(len(rows)), errors_kcal_mol=errors, features=features)


def ends_of(data: ReactionData, place: int) -> EndPoints:
    """Both ends of a reaction of a file, which holds neutral molecules in their lowest multiplicity."""
    reaction = data.reactions[place]
    lowest = 1 + int(reaction.numbers.sum()) % 2
    reactant, product = (
        Geometry(numbers=reaction.numbers, positions=side, multiplicity=lowest) for side in reaction.ends
    )
    return EndPoints(reactant=reactant, product=product)


def _jobs(
    data: ReactionData, drawn: DrawnSamples, which: Sequence[int], level: LevelOfTheory, polish_gradient_calls: int
) -> Iterator[CandidateErrorJob]:
    for row, sample in enumerate(which):
        place = int(drawn.index[row])
        ends = ends_of(data, place)
        own: NDArray[np.float64] = drawn.positions[row, sample, : ends.reactant.n_atoms].double().numpy()
        true = np.asarray(data.reactions[place].ts, dtype=np.float64)
        digest = hashlib.sha256(repr((polish_gradient_calls, NAMES)).encode())
        for positions in (ends.reactant.numbers, ends.reactant.positions, ends.product.positions, true, own):
            digest.update(np.ascontiguousarray(positions).tobytes())
        yield CandidateErrorJob(
            identifier=digest.hexdigest(),
            job=BarrierJob(
                place=row,
                ends=ends,
                geometries={TRUE: ends.reactant.with_positions(true), OWN: ends.reactant.with_positions(own)},
                level=level,
                polish_gradient_calls=polish_gradient_calls,
            ),
        )
