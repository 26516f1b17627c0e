"""Minima to learn from: the molecules of known reactions, relaxed at one level of theory.

What is learned and what it is held against must come from one level: at another one the minimum lies elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chem.errors import CairnError, CalculationError
from chem.identity import species_of
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.relax import relax
from chem.types import Geometry, LevelOfTheory
from models.reaction_data import ReactionData
from models.structure_batch import StructureArrays
from models.structure_data import write_structures
from tasks.kept_rows import Row, computed_rows
from tasks.workers import WorkerLimits

FMAX_EV_PER_ANGSTROM = 0.02
BUDGET_GRADIENT_CALLS = 500
SAME_ENERGY_EV = 1e-4  # minima of one connectivity this close are one minimum, or its mirror image
HELD_OUT_PERCENT = {"test": 5, "val": 5}  # of the species
CHANGED = "another_molecule"
START_DECIMALS = 3  # of positions in Angstrom: starts that agree so far are one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MinimumJob:
    """Relax one molecule."""

    identifier: str
    start: Geometry
    level: LevelOfTheory


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimaCounts:
    """What became of the molecules.

    Attributes:
        starts: Different molecules in the file.
        failed: Those that did not relax.
        changed: Those that relaxed to another molecule.
        repeated: Minima that were there already.
        kept: Minima written, by split.
        gradient_calls: Spent on all.
    """

    starts: int
    failed: int
    changed: int
    repeated: int
    kept: dict[str, int]
    gradient_calls: int


def make_minima(
    data: ReactionData,
    level: LevelOfTheory,
    path: Path,
    limits: WorkerLimits,
    *,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> MinimaCounts:
    """Relax the single molecules on either side of reactions and pack the minima.

    Results are kept beside the file as they come, so a run that was stopped goes on.

    Args:
        data: Reactions.
        level: Level of theory.
        path: File to write, see `models.structure_data`.
        limits: Worker processes.
        limit: Only so many molecules, drawn by their identifiers; None for all.
        progress: Told how many of how many are done.
    """
    starts = sorted(_starts(data).items())[:limit]
    jobs = [MinimumJob(identifier=name, start=start, level=level) for name, start in starts]
    return _pack(computed_rows(path, level.key, minimum, jobs, limits, progress), level, path)


def minimum(job: MinimumJob) -> Row:
    """Relax a molecule; the row says what it ended in."""
    counter = GradientCounter(budget=BUDGET_GRADIENT_CALLS)
    row: Row = {"failure": ""}
    graph = perceive_graph(job.start)
    try:
        species = species_of(graph.without_stereo())
        ended = relax(job.start, job.level, counter, fmax_ev_per_angstrom=FMAX_EV_PER_ANGSTROM)
    except CalculationError as error:
        return {**row, "failure": error.kind, "gradient_calls": counter.calls}
    row["gradient_calls"] = counter.calls
    if not ended.converged:
        return {**row, "failure": "not_converged"}
    if perceive_graph(ended.geometry).bonds != graph.bonds:
        return {**row, "failure": CHANGED}
    return {
        **row,
        "species": species.key,
        "energy_ev": ended.energy_ev,
        "numbers": ended.geometry.numbers.tolist(),
        "positions": ended.geometry.positions.round(6).tolist(),
    }


def split_of(species_key: str) -> str:
    """Split of a species, from its key alone: all its conformers, and its stereoisomers, are in one."""
    place = int(hashlib.sha256(species_key.encode()).hexdigest(), 16) % 100
    for name, percent in HELD_OUT_PERCENT.items():
        if place < percent:
            return name
        place -= percent
    return "train"


def _starts(data: ReactionData) -> dict[str, Geometry]:
    """The single molecules on either side of all reactions, each once, by a hash of their atoms."""
    found: dict[str, Geometry] = {}
    for reaction in data.reactions:
        for positions in reaction.ends:
            rounded = np.round(positions, START_DECIMALS) + 0.0
            name = hashlib.sha256(np.asarray(reaction.numbers).tobytes() + rounded.tobytes()).hexdigest()[:16]
            if name in found:
                continue
            try:
                geometry = Geometry(numbers=reaction.numbers, positions=positions)
            except CairnError:
                continue  # unpaired electrons, or no structure at all
            if len(perceive_graph(geometry).fragments) == 1:
                found[name] = geometry
    return found


def _pack(rows: list[Row], level: LevelOfTheory, path: Path) -> MinimaCounts:
    energies: dict[str, list[float]] = {}
    kept: list[Row] = []
    repeated = 0
    for row in rows:
        if row["failure"]:
            continue
        known = energies.setdefault(row["species"], [])
        if any(abs(row["energy_ev"] - other) < SAME_ENERGY_EV for other in known):
            repeated += 1
            continue
        known.append(row["energy_ev"])
        kept.append(row)
    splits = [split_of(row["species"]) for row in kept]
    structures = [
        StructureArrays(numbers=np.array(row["numbers"]), positions=np.array(row["positions"])) for row in kept
    ]
    write_structures(path, structures, splits, level.key)
    changed = sum(row["failure"] == CHANGED for row in rows)
    return MinimaCounts(
        starts=len(rows),
        failed=sum(bool(row["failure"]) for row in rows) - changed,
        changed=changed,
        repeated=repeated,
        kept={name: splits.count(name) for name in ("train", "val", "test")},
        gradient_calls=sum(row["gradient_calls"] for row in rows),
    )
