"""Energies of ends and candidate transition states of reactions with reference barriers, to train a barrier head on.

A head that is to judge generated candidates must have seen such as are a little off, with their own energies. Those
that a generator makes of the reactions that it was trained on are too good; so for training the true transition states
are displaced: at random along a model's soft directions, since a generator keeps bond lengths and errs in conformers
and in the reacting distances. White noise as large would lie an order of magnitude too high in energy. For validation
and tests, which no generator has seen, candidates are generated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.alignment import align
from chem.errors import CairnError, CalculationError, InputError
from chem.model_hessian import DIAGONAL_EV_PER_ANGSTROM2, model_hessian
from chem.perception import perceive_graph
from chem.potential import GradientCounter, single_point
from chem.types import Geometry, LevelOfTheory
from models.barrier_data import (
    GENERATED,
    NOISED,
    TRUE,
    BarrierLabels,
    LabelledCandidate,
    LabelledReaction,
    write_barrier_labels,
)
from models.generator import DiffusionGenerator
from models.reaction_data import TRAIN, ReactionData
from tasks.kept_rows import Row, computed_rows, kept_rows, rows_file
from tasks.workers import WorkerLimits

LARGEST_NOISE_ANGSTROM = 0.15  # RMSD; each candidate has its own, evenly from zero
SOFTEST_EV_PER_ANGSTROM2 = 0.3  # of the directions of the noise
DECIMALS = 5  # of positions, Angstrom
DRAWN_AT_ONCE = 64  # reactions whose candidates are kept together

FloatArray = NDArray[np.float64]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarrierLabelJob:
    """Energies of the geometries of one reaction.

    Attributes:
        identifier: Hash of the geometries.
        place: Of the reaction in the data.
        geometries: Reactant, product, candidates.
        kinds: Of the candidates.
        level: Level of theory.
    """

    identifier: str
    place: int
    geometries: tuple[Geometry, ...]
    kinds: tuple[str, ...]
    level: LevelOfTheory


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierLabelCounts:
    """What became of the reactions.

    Attributes:
        reactions: Reactions written, by split.
        candidates: Candidates written, by kind.
        left_out: Reactions without energies of their ends, or with unpaired electrons.
        failed: Candidates without energy.
        energies: Energies computed, those of earlier runs included.
    """

    reactions: dict[str, int]
    candidates: dict[str, int]
    left_out: int
    failed: int
    energies: int


def make_barrier_labels(
    data: ReactionData,
    level: LevelOfTheory,
    path: Path,
    limits: WorkerLimits,
    *,
    reference: str,
    noised_each: int = 2,
    generator: DiffusionGenerator | None = None,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = lambda _what, _done, _total: None,
) -> BarrierLabelCounts:
    """Compute energies of ends and candidates and pack them beside the reference barriers.

    Energies and generated candidates are kept beside the file as they come, so a run that was stopped goes on.

    Args:
        data: Reactions with transition states and barriers.
        level: Level of theory of the energies.
        path: File to write, see `models.barrier_data`.
        limits: Worker processes.
        reference: What the barriers of the data are, in words.
        noised_each: Displaced candidates of each reaction of `train`.
        generator: Makes the candidates of the other splits, one each, the one that it ranks first; None for none.
        limit: At most so many reactions of each split, drawn at random; None for all.
        seed: Of the draw and the noise.
        progress: Told what is done, how many of how many.

    Raises:
        InputError: The data have no barriers.
    """
    if data.barriers_kcal_mol is None:
        raise InputError("the reactions have no barriers to learn; give a .npz file with the array dE0_kcal")
    places = _drawn(data, limit, seed)
    others = [place for place in places if data.splits[place] != TRAIN]
    generated = {} if generator is None else _generated(data, others, generator, path, progress)
    jobs = list(_jobs(data, places, generated, level, noised_each, seed))

    def counted(done: int, total: int) -> None:
        progress(f"reactions at {level.name}", done, total)

    rows = computed_rows(path, level.key, barrier_energies_ev, jobs, limits, counted)
    reactions, failed = [], 0
    for job, row in zip(jobs, rows, strict=True):
        energies = row.get("energies_ev") or [None] * len(job.geometries)
        before, after, *heights = energies
        if before is None or after is None:
            continue
        candidates = tuple(
            LabelledCandidate(kind=kind, positions=geometry.positions, energy_ev=energy)
            for kind, geometry, energy in zip(job.kinds, job.geometries[2:], heights, strict=True)
            if energy is not None
        )
        failed += len(job.kinds) - len(candidates)
        reactions.append(
            LabelledReaction(
                identifier=str(data.identifiers[job.place]),
                split=str(data.splits[job.place]),
                numbers=job.geometries[0].numbers,
                ends=np.stack([geometry.positions for geometry in job.geometries[:2]]),
                reference_kcal_mol=float(data.barriers_kcal_mol[job.place]),
                ends_ev=(before, after),
                candidates=candidates,
            )
        )
    labels = BarrierLabels(
        reactions=tuple(reactions),
        level=level.key,
        reference=reference,
        generator_sha256="" if generator is None else generator.checkpoint.sha256,
    )
    write_barrier_labels(path, labels)
    kinds = [one.kind for each in reactions for one in each.candidates]
    splits = [each.split for each in reactions]
    return BarrierLabelCounts(
        reactions={name: splits.count(name) for name in sorted(set(splits))},
        candidates={kind: kinds.count(kind) for kind in (TRUE, NOISED, GENERATED)},
        left_out=len(places) - len(reactions),
        failed=failed,
        energies=sum(row.get("gradient_calls", 0) for row in rows),
    )


def barrier_energies_ev(job: BarrierLabelJob) -> Row:
    """Energies of the geometries of a reaction, eV; None where a calculation failed."""
    counter = GradientCounter()
    energies: list[float | None] = []
    for geometry in job.geometries:
        try:
            energies.append(single_point(geometry, job.level, counter))
        except CalculationError:
            energies.append(None)
    return {"energies_ev": energies, "gradient_calls": counter.calls}


def displaced(
    ends: tuple[Geometry, Geometry], ts: FloatArray, rmsd_angstrom: float, rng: np.random.Generator
) -> FloatArray:
    """A transition state displaced at random, most where it is soft, without turning or moving it as a whole.

    Args:
        ends: Reactant and product; bonds of both are stiff.
        ts: Shape (n_atoms, 3), Angstrom.
        rmsd_angstrom: Root-mean-square displacement of its atoms.
        rng: Source of randomness.
    """
    graphs = [perceive_graph(end) for end in ends]
    kept = replace(graphs[0].without_stereo(), bonds=graphs[0].bonds & graphs[1].bonds)
    softened = (DIAGONAL_EV_PER_ANGSTROM2 - SOFTEST_EV_PER_ANGSTROM2) * np.eye(ts.size)
    stiffness, directions = np.linalg.eigh(model_hessian(kept, ts) - softened)
    noise = (directions @ (rng.standard_normal(ts.size) / np.sqrt(stiffness))).reshape(ts.shape)
    small = LARGEST_NOISE_ANGSTROM / np.sqrt((noise**2).sum(axis=1).mean()) * noise
    inside = align(ts + small, ts) - ts
    return np.asarray(ts + rmsd_angstrom / np.sqrt((inside**2).sum(axis=1).mean()) * inside)


def _drawn(data: ReactionData, limit: int | None, seed: int) -> list[int]:
    """Places of reactions with transition states, at most so many of each split."""
    chosen: list[int] = []
    for number, split in enumerate(sorted(set(data.splits.tolist()))):
        own = [place for place in np.flatnonzero(data.splits == split).tolist() if data.reactions[place].ts is not None]
        order = np.random.default_rng([seed, number]).permutation(len(own))[:limit]
        chosen += [own[place] for place in order.tolist()]
    return sorted(chosen)


def _jobs(
    data: ReactionData,
    places: Sequence[int],
    generated: dict[int, FloatArray],
    level: LevelOfTheory,
    noised_each: int,
    seed: int,
) -> Iterator[BarrierLabelJob]:
    for place in places:
        reaction = data.reactions[place]
        if reaction.ts is None:
            continue
        try:
            sides = [Geometry(numbers=reaction.numbers, positions=end.round(DECIMALS)) for end in reaction.ends]
        except CairnError:
            continue  # unpaired electrons
        candidates = [(TRUE, reaction.ts)]
        if data.splits[place] == TRAIN:
            rng = np.random.default_rng([seed, place])
            for _ in range(noised_each):
                moved = displaced((sides[0], sides[1]), reaction.ts, LARGEST_NOISE_ANGSTROM * rng.random(), rng)
                candidates.append((NOISED, moved))
        if place in generated:
            candidates.append((GENERATED, generated[place]))
        geometries = (*sides, *(sides[0].with_positions(each.round(DECIMALS)) for _, each in candidates))
        yield BarrierLabelJob(
            identifier=_hash_of(reaction.numbers, *(each.positions for each in geometries)),
            place=place,
            geometries=geometries,
            kinds=tuple(kind for kind, _ in candidates),
            level=level,
        )


def _generated(
    data: ReactionData, places: Sequence[int], generator: DiffusionGenerator, path: Path, progress: Progress
) -> dict[int, FloatArray]:
    """The candidate that ranks first of each reaction, Angstrom; kept beside the file in rows of their own."""
    readable = set(generator.model.config.backbone.elements)
    names = {
        place: _hash_of(data.reactions[place].numbers, data.reactions[place].ends)
        for place in places
        if set(data.reactions[place].numbers.tolist()) <= readable
    }
    beside = path.with_name(f"{path.stem}_generated.npz")
    origin = f"{generator.checkpoint.sha256}/{generator.sampling}"
    rows = kept_rows(beside, origin)
    waiting = [place for place, name in names.items() if name not in rows]
    beside.parent.mkdir(parents=True, exist_ok=True)
    with rows_file(beside).open("a", encoding="utf-8") as file:
        file.write("\n" * (file.tell() > 0))  # the last line may have been cut short
        for first in range(0, len(waiting), DRAWN_AT_ONCE):
            some = waiting[first : first + DRAWN_AT_ONCE]
            for numbers, drawn in generator.samples([data.reactions[place] for place in some]):
                scores = None if generator.scorer is None else generator.scorer.score(drawn.batch, drawn.positions)
                for row, number in enumerate(numbers):
                    place = some[number]
                    best = 0 if scores is None else scores.order(row)[0]
                    n_atoms = len(data.reactions[place].numbers)
                    positions = drawn.positions[row, best, :n_atoms].cpu().double().numpy().round(DECIMALS).tolist()
                    rows[names[place]] = {"id": names[place], "level": origin, "positions": positions}
                    file.write(json.dumps(rows[names[place]]) + "\n")
            file.flush()
            progress("candidates generated", len(names) - len(waiting) + first + len(some), len(names))
    return {place: np.array(rows[name]["positions"]) for place, name in names.items()}


def _hash_of(*arrays: NDArray[np.generic]) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in arrays)).hexdigest()[:16]
