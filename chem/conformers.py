"""Relaxed conformers of one species."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from rdkit import rdBase
from rdkit.Chem import rdDistGeom

from chem.distance_windows import FloatArray, windows_of
from chem.embedding import embed, seed_from
from chem.endpoint_checks import check_relaxed
from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.model_hessian import model_hessian
from chem.outcomes import Failure, Stage
from chem.potential import GradientCounter
from chem.relax import Relaxation, relax
from chem.smiles import to_rdkit
from chem.types import Geometry, LevelOfTheory

SAME_ENERGY_EV = 1e-3  # relaxed conformers nearer in energy count as one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conformers:
    """What the search for conformers brought.

    Attributes:
        relaxed: Distinct relaxed conformers with the bonds and handedness of the graph, lowest energy first.
        embedding: `etkdg`, `distance windows` where RDKit could not embed the species, or `dig`.
        gradient_calls: Energy-and-gradient evaluations spent.
        failure: Why there is no conformer.
    """

    relaxed: tuple[Relaxation, ...]
    embedding: str
    gradient_calls: int
    failure: Failure | None = None


@lru_cache(maxsize=4096)
def relaxed_conformers(
    graph: MolecularGraph,
    level: LevelOfTheory,
    *,
    n_embeddings: int = 6,
    seed: int = 0,
    fmax_ev_per_angstrom: float = 0.05,
) -> Conformers:
    """Embed a species by ETKDG (10.1021/acs.jcim.5b00654) and relax what comes out.

    Kept within the process: the second call for one species costs nothing, though its result names the calls spent.

    Args:
        graph: One or several molecules.
        level: Level of theory.
        n_embeddings: Structures relaxed.
        seed: Seed of the embedding.
        fmax_ev_per_angstrom: Largest force on an atom of a relaxed conformer, eV/Angstrom.

    Raises:
        ElementError: The level has no parameters for an element.
    """
    starts, embedding = embedded_guesses(graph, n_embeddings, seed)
    return relax_guesses(graph, starts, level, embedding=embedding, fmax_ev_per_angstrom=fmax_ev_per_angstrom)


def relax_guesses(
    graph: MolecularGraph,
    starts: Sequence[FloatArray],
    level: LevelOfTheory,
    *,
    embedding: str,
    fmax_ev_per_angstrom: float = 0.05,
) -> Conformers:
    """Relax guessed structures and keep the distinct ones that have the bonds and handedness of the graph.

    Args:
        graph: One or several molecules.
        starts: At least one guess, each of shape (n_atoms, 3), Angstrom.
        level: Level of theory.
        embedding: Name of what made them.
        fmax_ev_per_angstrom: As in `relaxed_conformers`.

    Raises:
        ElementError: The level has no parameters for an element.
    """
    counter = GradientCounter()
    kept: list[Relaxation] = []
    failures: list[Failure] = []
    for positions in starts:
        start = Geometry(
            numbers=np.array(graph.numbers), positions=positions, charge=graph.charge, multiplicity=graph.multiplicity
        )
        hessian = model_hessian(graph, positions)
        try:
            result = relax(start, level, counter, fmax_ev_per_angstrom=fmax_ev_per_angstrom, hessian=hessian)
        except CalculationError as error:
            failures.append(Failure(stage=Stage.PREPARE, kind=error.kind, message=str(error)))
            continue
        problem = check_relaxed(graph, result, "species")
        if problem is not None:
            failures.append(problem)
        elif all(abs(result.energy_ev - other.energy_ev) > SAME_ENERGY_EV for other in kept):
            kept.append(result)
    return Conformers(
        relaxed=tuple(sorted(kept, key=lambda each: each.energy_ev)),
        embedding=embedding,
        gradient_calls=counter.calls,
        failure=None if kept else failures[0],
    )


def embedded_guesses(graph: MolecularGraph, number: int, seed: int) -> tuple[list[FloatArray], str]:
    """Unrelaxed structures and the name of the method that made them.

    Args:
        graph: One or several molecules.
        number: How many.
        seed: Of the embedding.

    Returns:
        Each of shape (n_atoms, 3), Angstrom, in the atom order of the graph.
    """
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed_from(seed)
    if len(graph.fragments) == 1:
        with rdBase.BlockLogs():
            molecule = to_rdkit(graph)
            try:
                places = list(rdDistGeom.EmbedMultipleConfs(molecule, number, parameters))
            except (RuntimeError, ValueError):  # no parameters for an atom type, or a valence that RDKit refuses
                places = []
        if places:
            return [np.array(molecule.GetConformer(place).GetPositions()) for place in places], "etkdg"
    windows = windows_of(graph)
    return [embed(windows, seed_from(seed, place)) for place in range(number)], "distance windows"
