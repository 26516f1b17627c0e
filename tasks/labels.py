"""Structures with energies and forces to train a force field on: around reactants, products, transition states, paths.

A force field that is to judge guesses must have seen bad ones, so most structures are displaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.units import kcal, mol
from numpy.typing import NDArray

from chem.alignment import align
from chem.errors import CairnError, CalculationError
from chem.identity import split_species
from chem.perception import perceive_graph
from chem.potential import GradientCounter, attach
from chem.types import Geometry, LevelOfTheory
from models.reaction_batch import ReactionArrays
from models.reaction_data import ReactionData
from models.structure_batch import StructureArrays
from models.structure_data import write_structures
from tasks.kept_rows import Row, computed_rows
from tasks.minima import split_of
from tasks.workers import WorkerLimits

LARGEST_DISPLACEMENT_ANGSTROM = 0.2  # standard deviation; each structure has its own, evenly from zero
LARGEST_FORCE_EV_PER_ANGSTROM = 50.0  # structures beyond are no use to anyone
DECIMALS = 5  # of positions in Angstrom and forces in eV/Angstrom
HIGHEST_EV = 500.0 * kcal / mol  # above the reactant, likewise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelJob:
    """Energies and forces of some structures of one reaction.

    Attributes:
        identifier: Hash of the structures.
        split: Of the reaction.
        geometries: The structures, the reactant first.
        level: Level of theory.
    """

    identifier: str
    split: str
    geometries: tuple[Geometry, ...]
    level: LevelOfTheory


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCounts:
    """What became of the structures.

    Attributes:
        reactions: Reactions they are from; the others have no split, see `splits_of`.
        failed: Structures without energy, or beyond all use.
        kept: Structures written, by split.
    """

    reactions: int
    failed: int
    kept: dict[str, int]


def make_labels(
    data: ReactionData,
    level: LevelOfTheory,
    path: Path,
    limits: WorkerLimits,
    *,
    structures_each: int = 8,
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> LabelCounts:
    """Compute energies and forces of structures around reactions and pack them.

    Results are kept beside the file as they come, so a run that was stopped goes on.

    Args:
        data: Reactions with transition states.
        level: Level of theory.
        path: File to write, see `models.structure_data`.
        limits: Worker processes.
        structures_each: Structures of each reaction besides the reactant.
        limit: Only so many reactions, drawn at random; None for all.
        seed: Of the draw and the displacements.
        progress: Told how many of how many reactions are done.
    """
    order = np.random.default_rng(seed).permutation(len(data))[:limit]
    jobs = list(_jobs(data, order.tolist(), level, structures_each, seed))
    rows = computed_rows(path, level.key, labelled, jobs, limits, progress)
    structures, splits = [], []
    failed = 0
    for job, row in zip(jobs, rows, strict=True):
        found = row.get("structures", [])
        failed += len(job.geometries) - len(found)
        for one in found:
            structures.append(
                StructureArrays(
                    numbers=job.geometries[0].numbers,
                    positions=np.array(one["positions"]),
                    energy_ev=one["energy_ev"],
                    forces_ev_per_angstrom=np.array(one["forces_ev_per_angstrom"]),
                )
            )
            splits.append(job.split)
    write_structures(path, structures, splits, level.key)
    return LabelCounts(
        reactions=len(jobs),
        failed=failed,
        kept={name: splits.count(name) for name in ("train", "val", "test")},
    )


def labelled(job: LabelJob) -> Row:
    """Energies and forces of the structures of a reaction that have any worth learning."""
    counter = GradientCounter()
    found: list[Row] = []
    lowest: float | None = None
    for geometry in job.geometries:
        try:
            atoms = attach(geometry, job.level, counter)
            energy, forces = float(atoms.get_potential_energy()), np.asarray(atoms.get_forces())
        except CalculationError:
            continue
        lowest = energy if lowest is None else lowest
        if energy - lowest > HIGHEST_EV or np.abs(forces).max() > LARGEST_FORCE_EV_PER_ANGSTROM:
            continue
        found.append(
            {
                "positions": geometry.positions.tolist(),
                "energy_ev": energy,
                "forces_ev_per_angstrom": forces.round(DECIMALS).tolist(),
            }
        )
    return {"structures": found, "gradient_calls": counter.calls}


def _jobs(
    data: ReactionData, places: list[int], level: LevelOfTheory, structures_each: int, seed: int
) -> Iterator[LabelJob]:
    species = {place: found for place in places if (found := _species(data.reactions[place])) is not None}
    splits = splits_of(list(species.values()))
    for (place, _), split in zip(species.items(), splits, strict=True):
        reaction = data.reactions[place]
        if split is None or reaction.ts is None:
            continue
        reactant, product = reaction.ends
        geometry = Geometry(numbers=reaction.numbers, positions=reactant)
        rng = np.random.default_rng([seed, place])
        positions = [reactant, *around(reactant, reaction.ts, product, structures_each, rng)]
        geometries = tuple(geometry.with_positions(each.round(DECIMALS)) for each in positions)
        content = b"".join(each.positions.tobytes() for each in geometries) + geometry.numbers.tobytes()
        yield LabelJob(
            identifier=hashlib.sha256(content).hexdigest()[:16], split=split, geometries=geometries, level=level
        )


def _species(reaction: ReactionArrays) -> tuple[frozenset[str], frozenset[str]] | None:
    """Keys of the species on both sides, without handedness; None where a side is no molecule, or no closed shell."""
    sides = []
    for positions in reaction.ends:
        try:
            graph = perceive_graph(Geometry(numbers=reaction.numbers, positions=positions))
            sides.append(frozenset(one.key for one in split_species(graph.without_stereo())))
        except CairnError:
            return None
    return sides[0], sides[1]


def splits_of(species: Sequence[tuple[frozenset[str], frozenset[str]]]) -> list[str | None]:
    """Splits of reactions, such that no species of a held-out reaction occurs in training.

    A reaction is held out where a species of its reactant is. The others are for training, but for those in which
    a species occurs that is held out, or that a held-out reaction has too: they are in no split.

    Args:
        species: Of both sides of each reaction.
    """
    splits: list[str | None] = []
    forbidden: set[str] = set()
    for reactants, products in species:
        held_out = sorted({split_of(key) for key in reactants} - {"train"})
        splits.append(held_out[0] if held_out else "train")
        if held_out:
            forbidden |= reactants | products
    for place, (reactants, products) in enumerate(species):
        every = reactants | products
        if splits[place] == "train" and (every & forbidden or any(split_of(key) != "train" for key in every)):
            splits[place] = None
    return splits


def around(
    reactant: NDArray[np.float64],
    ts: NDArray[np.float64],
    product: NDArray[np.float64],
    n: int,
    rng: np.random.Generator,
) -> list[NDArray[np.float64]]:
    """Structures of a reaction, all displaced: half around its three stationary points, half around the path between.

    Args:
        reactant: Shape (n_atoms, 3), Angstrom.
        ts: Same shape, same order.
        product: Likewise.
        n: How many.
        rng: Source of randomness.
    """
    points = [reactant, ts, product]
    onto_ts = [align(reactant, ts), ts, align(product, ts)]
    found, first = [], rng.integers(3)
    for number in range(n):
        if number % 2:
            side = onto_ts[0] if rng.random() < 0.5 else onto_ts[2]
            point = ts + rng.random() * (side - ts)
        else:
            point = points[(first + number // 2) % 3]
        width = LARGEST_DISPLACEMENT_ANGSTROM * rng.random()
        found.append(point + width * rng.standard_normal(point.shape))
    return found
