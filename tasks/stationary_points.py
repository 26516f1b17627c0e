"""Stationary points at a cheap level of reactions with reference barriers, and error bars calibrated on them.

A campaign stores ends that its own level relaxed and saddle points that it found; a barrier head learned from ends and
transition states as the data have them. What the difference does to its errors is measured here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chem.errors import CairnError, CalculationError, InputError
from chem.generator import EndPoints
from chem.guess import changing_bonds
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.reaction_direction import reaction_direction
from chem.relax import relax
from chem.saddle import find_saddle
from chem.ts_errors import strict_rmsd
from chem.types import Geometry, LevelOfTheory
from models.barrier import KIND, targets_kcal_mol
from models.barrier_data import TRUE, LabelledCandidate, LabelledReaction, collate_candidates
from models.barrier_estimates import BarrierHead
from models.barrier_training import corrections_of
from models.checkpoints import save_weights
from models.reaction_data import ReactionData
from tasks.kept_rows import Row, computed_rows
from tasks.workers import WorkerLimits

FAR_ANGSTROM = 0.5  # strict RMSD beyond which a saddle point is another than the published one
END_CALLS, SADDLE_CALLS = 1000, 500  # gradient calls at most
FEWEST = 38  # half of them set the shift, and of 19 a bar can be shown to cover 95 %

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StationaryJob:
    """A published reaction that is to be relaxed.

    Attributes:
        identifier: Hash of the geometries.
        place: Of the reaction in the data.
        ends: Reactant and product.
        ts: Published transition state.
        level: Level of theory.
    """

    identifier: str
    place: int
    ends: EndPoints
    ts: Geometry
    level: LevelOfTheory


@dataclass(frozen=True, slots=True, kw_only=True)
class StationaryPoints:
    """What became of the reactions of a split.

    Attributes:
        reactions: Those with stationary points, ends and saddle point at the level.
        left_out: Why others have none, and how many of each.
    """

    reactions: tuple[LabelledReaction, ...]
    left_out: dict[str, int]


def stationary_points(
    data: ReactionData,
    level: LevelOfTheory,
    path: Path,
    limits: WorkerLimits,
    *,
    split: str,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = lambda _done, _total: None,
) -> StationaryPoints:
    """Relax the ends of reactions and search their saddle points from the published ones; a stopped run goes on.

    Args:
        data: Reactions with transition states and barriers.
        level: Level of theory.
        path: Rows are kept beside this file.
        limits: Worker processes.
        split: Of the data.
        limit: At most so many reactions, drawn at random.
        seed: Of the draw.
        progress: Told how many of how many are done.

    Raises:
        InputError: The data have no barriers.
    """
    if data.barriers_kcal_mol is None:
        raise InputError("the reactions have no barriers to compare with; give a .npz file with the array dE0_kcal")
    jobs = [job for place in _drawn(data, split, limit, seed) if (job := _job(data, place, level)) is not None]
    rows = computed_rows(path, level.key, relaxed_reaction, jobs, limits, progress)
    reactions, left_out = [], dict[str, int]()
    for job, row in zip(jobs, rows, strict=True):
        if "energies_ev" not in row:
            reason = str(row.get("failure", "unknown"))
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        before, after, top = row["energies_ev"]
        positions = [np.array(each, dtype=np.float64) for each in row["positions"]]
        reactions.append(
            LabelledReaction(
                identifier=str(data.identifiers[job.place]),
                split=split,
                numbers=job.ts.numbers,
                ends=np.stack(positions[:2]),
                reference_kcal_mol=float(data.barriers_kcal_mol[job.place]),
                ends_ev=(before, after),
                candidates=(LabelledCandidate(kind=TRUE, positions=positions[2], energy_ev=top),),
            )
        )
    return StationaryPoints(reactions=tuple(reactions), left_out=left_out)


def relaxed_reaction(job: StationaryJob) -> Row:
    """Positions and energies of reactant, product and saddle point, or why there are none."""
    counter = GradientCounter(budget=END_CALLS)
    try:
        sides = [relax(each, job.level, counter) for each in (job.ends.reactant, job.ends.product)]
        for side, relaxed in zip((job.ends.reactant, job.ends.product), sides, strict=True):
            if perceive_graph(side).bonds != perceive_graph(relaxed.geometry).bonds:
                return {"failure": "an end changes its bonds", "gradient_calls": counter.calls}
        ends = EndPoints(reactant=sides[0].geometry, product=sides[1].geometry)
        if not any(changing_bonds(ends)):
            return {"failure": "no bond changes", "gradient_calls": counter.calls}
        counter = GradientCounter(budget=SADDLE_CALLS)
        direction = reaction_direction(job.ts.positions, ends)
        saddle = find_saddle(job.ts, job.level, counter, direction=direction)
    except CalculationError as error:
        return {"failure": error.kind, "gradient_calls": counter.calls}
    if strict_rmsd(saddle.geometry.positions, job.ts.positions) > FAR_ANGSTROM:
        return {"failure": "the saddle point is another", "gradient_calls": counter.calls}
    geometries = (*(each.geometry for each in sides), saddle.geometry)
    return {
        "positions": [each.positions.round(6).tolist() for each in geometries],
        "energies_ev": [*(each.energy_ev for each in sides), saddle.energy_ev],
        "gradient_calls": counter.calls,
    }


def errors_of(head: BarrierHead, points: StationaryPoints) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the head lacks of the reference at stationary points, and the widths that it expects, kcal/mol, each (n,).

    Args:
        head: Its shift is not applied.
        points: At its level.
    """
    batch = collate_candidates([(each, each.candidates[0]) for each in points.reactions]).to(head.device)
    found = corrections_of(head.network, batch, sides=(0,))
    errors = targets_kcal_mol(batch) - found.kcal_mol[:, 0]
    return errors.cpu().double().numpy(), found.width_kcal_mol[:, 0].cpu().double().numpy()


def calibrate_stationary(head: BarrierHead, points: StationaryPoints, output: Path, data_name: str) -> dict[str, Any]:
    """Weights whose error bars of stationary points are measured.

    Args:
        head: Weights to begin with; nothing else of them changes.
        points: Of reactions that it was not trained on.
        output: File to write.
        data_name: Name of the data, for the card.

    Returns:
        What was found: `n`, `shift_kcal_mol`, `half_width_mean_kcal_mol`, `sha256`.

    Raises:
        InputError: There are too few to show that a bar covers 95 %.
    """
    import torch  # noqa: PLC0415

    n = len(points.reactions)
    if n < FEWEST:
        raise InputError(f"{n} reactions have stationary points, {FEWEST} are needed; raise the limit")
    errors, widths = (torch.from_numpy(each) for each in errors_of(head, points))
    network = head.network
    network.calibrate_stationary(errors, widths)
    factor = float(network.stationary_factor)
    card = {
        **head.checkpoint.card,
        "stationary_calibrated_on": f"{n} saddle points of {points.reactions[0].split} of {data_name}",
        "stationary_calibrated_from_sha256": head.checkpoint.sha256,
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
    }
    sha256 = save_weights(output, network, KIND, network.config, card)
    return {
        "n": n,
        "shift_kcal_mol": round(float(network.stationary_shift_kcal_mol), 4),
        "half_width_mean_kcal_mol": round(factor * float(widths.mean()), 4),
        "sha256": sha256,
    }


def _drawn(data: ReactionData, split: str, limit: int | None, seed: int) -> list[int]:
    own = [place for place in np.flatnonzero(data.splits == split).tolist() if data.reactions[place].ts is not None]
    if not own:
        raise InputError(f"the data have no reactions with transition states of the split {split}")
    return sorted(np.random.default_rng(seed).permutation(own)[:limit].tolist())


def _job(data: ReactionData, place: int, level: LevelOfTheory) -> StationaryJob | None:
    reaction = data.reactions[place]
    assert reaction.ts is not None
    try:
        sides = [Geometry(numbers=reaction.numbers, positions=np.asarray(end)) for end in reaction.ends]
        ts = sides[0].with_positions(np.asarray(reaction.ts))
    except CairnError:
        return None  # unpaired electrons
    parts = (reaction.numbers, *(each.positions for each in (*sides, ts)))
    name = hashlib.sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in parts)).hexdigest()[:16]
    ends = EndPoints(reactant=sides[0], product=sides[1])
    return StationaryJob(identifier=name, place=place, ends=ends, ts=ts, level=level)
